# Mistakes about runs that exist already, and about fusions.

loader "faq" "test" {
  path = "data"
}
encoder "subword" "student" {}
index "flat" "exact" {}
metric "ir" "quality" {}
task "t" {
  data            = loader.test
  query_language  = "cat"
  corpus_language = "eng"
}
run "bm25" { # want "Wrong labels" "the format and your name"
  path = "bm25.trec"
}
run "trek" "bm26" { # want "Unknown format" "Did you mean"
  path = "bm25.trec"
}
run "trec" "lexical" { # want "Missing required argument" "path"
  pramas = 0 # want "Unsupported argument" "Did you mean"
}
run "trec" "student" { # want "Name used twice" "records could not tell them apart"
  path = "student.trec"
}
run "trec" "good" {
  path = "good.trec"
}
retrieval "neither" { # want "Missing required arguments" "a ranking that exists already"
  task   = task.t
  metric = metric.quality
}
retrieval "half" { # want "Missing required argument" "index"
  task    = task.t
  encoder = encoder.student
  metric  = metric.quality
}
retrieval "other_half" { # want "Missing required argument" "encoder"
  task   = task.t
  index  = index.exact
  metric = metric.quality
}
retrieval "searched" {
  task   = task.t
  run    = run.good
  index  = index.exact # want "Unused argument" "nothing is searched"
  metric = metric.quality
}
retrieval "checked" {
  task    = task.t
  run     = run.good
  metric  = metric.quality
  leakage = "warn" # want "Unused argument" "leakage"
}
retrieval "wrong_kind" {
  task   = task.t
  run    = encoder.student # want "Wrong kind of reference" "a run"
  metric = metric.quality
}
retrieval "right" {
  task   = task.t
  run    = [run.good, run.god] # want "Unknown run" "Did you mean"
  metric = metric.quality
}
fuse "right" { # want "Name used twice" "retrieval.right"
  of     = [retrieval.checked, retrieval.right]
  metric = metric.quality
}
fuse "hybrid" {
  of     = [run.good, retrieval.checked] # want "Wrong kind of reference" "a retrieval"
  method = "rrf"
  metric = metric.quality
  deph   = 10 # want "Unsupported argument" "Did you mean"
}
analysis "a" {
  of       = metric.quality # want "Wrong kind of reference" "a retrieval or a fuse"
  measure  = "AP"
  baseline = retrieval.right # want "Wrong kind of reference" "an encoder or a run"
}
