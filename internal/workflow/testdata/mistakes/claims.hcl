loader "faq" "test" { path = "x" }
encoder "subword" "e" {}
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
analysis "law" {
  of      = retrieval.r
  measure = "nDCG@10"
}
analysis "even" {
  of        = retrieval.r
  measure   = "nDCG@10"
  reference = ["eng", 3] # want "Wrong type" "code of a target language"
  worst     = 0.5 # want "Wrong number"
}
analysis "uneven" {
  of        = retrieval.r
  measure   = "nDCG@10"
  reference = "eng"
  worts     = 2 # want "Unsupported argument" "worst"
}
claim "a" {
  of        = analysis.law
  statement = "A"
  holds     = ame("sise") > 0 # want "Unknown quantity" "Did you mean"
}
claim "b" {
  of        = analysis.lwa # want "Unknown analysis" "Did you mean"
  statement = "B"
  holds     = slope("size") == 0 # want "Not a comparison"
}
claim "c" {
  of        = analysis.law
  statement = "C"
  holds     = 1 > 0 # want "Claim about nothing"
  margin    = -1 # want "Wrong margin"
}
claim "d" {
  of        = analysis.law
  statement = "D"
  holds     = ame("size", "size") > 0 # want "Repeated quantity"
}
claim "e" {
  of        = analysis.law
  statement = "E"
  holds     = 2 * slop("size") > 0 # want "Unknown estimand" "Did you mean"
}
claim "f" { # want "Missing required argument" "holds"
  of        = analysis.law
  statement = "F"
}
claim "g" {
  of        = analysis.law
  statement = "G"
  holds     = ame("size") / (1 - 1) > 0 # want "Division by zero"
}
