axis "draw" {
  role   = "draw"
  values = range(1, 3)
}
locals {
  langs = ["deu", "fra", "deu"]
}
loader "faq" "test" {
  path = file("../names.hcl") # want "Invalid function argument" "leaves the workflow's directory"
}
encoder "subword" "e" {
  a = sample(local.langs, 2, axis.draw) # want "Invalid function argument" "twice"
  b = sample(["x"], 2, axis.draw) # want "Invalid function argument" "cannot draw 2 of 1"
  c = timestamp() # want "Call to unknown function"
  d = 1 + "a" # want "Invalid operand"
  e = sum([null]) # want "Invalid function argument" "null"
  f = indent(-1, "a") # want "Error in function call" "cannot take these values"
  g = sample(["x"], 1, {}) # want "Invalid function argument" "seed"
}
index "flat" "exact" {}
metric "ir" "q" {}
task "t" {
  data            = loader.test
  query_language  = "cat"
  corpus_language = "eng"
}
retrieval "r" {
  task    = task.t
  encoder = encoder.e
  index   = index.exact
  metric  = metric.q
}
