# What is at hand already joins a study: three runs in TREC's format and a
# matrix of vectors, judged on the same candidates, fused, and compared with
# intervals. See docs/how-to/existing-runs.md.

xlrun {
  required_version = ">= 0.1"
}

study {
  title    = "Existing runs, compared on equal pools"
  question = "Which of the rankings that we have already finds English answers best, for questions in languages that nothing was trained on?"
}

variable "data" {
  description = "A directory with runs, judgments, texts and vectors."
  type        = path
  default     = "../examples/existing-runs"
}

axis "target" {
  role   = "target"
  values = ["cat", "isl", "mlt", "afr", "tgl", "cym"]
}

# The files know no languages, so we say them.
loader "trec" "test" {
  qrels             = "${var.data}/qrels/${axis.target}.tsv"
  queries           = "${var.data}/queries/${axis.target}.tsv"
  corpus            = "${var.data}/corpus.jsonl"
  query_language    = axis.target
  document_language = "eng"
}

# The same number of candidates and of questions in every language, in three
# draws.
task "to_english" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = "eng"
  pool = {
    size    = 50
    queries = 40
    seeds   = [1, 2, 3]
  }
}

# Of a run made elsewhere xlrun knows what we declare, and marks it so. A
# lexical search has no weights and has seen nothing.
run "trec" "bm25" {
  path                 = "${var.data}/runs/bm25.${axis.target}.trec.gz"
  params               = 0
  params_non_embedding = 0
  training_languages   = []
  pretraining          = []
}

run "trec" "trigrams" {
  path                 = "${var.data}/runs/trigrams.${axis.target}.trec.gz"
  params               = 0
  params_non_embedding = 0
  training_languages   = []
  pretraining          = []
}

run "trec" "student" {
  path               = "${var.data}/runs/student.${axis.target}.trec.gz"
  params             = 4194304
  training_languages = ["deu", "eng", "ita", "por", "spa"]
  pretraining        = []
}

# Vectors that were made elsewhere; xlrun searches them.
encoder "precomputed" "vectors" {
  vectors = "${var.data}/vectors.npy"
  ids     = "${var.data}/ids.txt"
}

index "flat" "exact" {}

metric "ir" "quality" {
  measures = ["nDCG@10", "RR@10", "R@20"]
}

retrieval "at_hand" {
  task    = task.to_english
  encoder = encoder.vectors
  index   = index.exact
  run     = [run.bm25, run.trigrams, run.student]
  metric  = metric.quality
  depth   = 20
}

# What the vectors find and what BM25 finds, by reciprocal ranks.
retrieval "dense" {
  task    = task.to_english
  encoder = encoder.vectors
  index   = index.exact
  metric  = metric.quality
  depth   = 20
}

retrieval "lexical" {
  task   = task.to_english
  run    = run.bm25
  metric = metric.quality
  depth  = 20
}

fuse "hybrid" {
  of     = [retrieval.dense, retrieval.lexical]
  method = "rrf"
  metric = metric.quality
  depth  = 20
}

analysis "systems" {
  of       = retrieval.at_hand
  measure  = "nDCG@10"
  baseline = run.bm25
}

analysis "fused" {
  of       = fuse.hybrid
  measure  = "nDCG@10"
  baseline = run.bm25
}

claim "training_pays" {
  of        = analysis.systems
  statement = "The trained encoder is better than BM25 by at least five points of nDCG@10."
  holds     = diff("student", "bm25") > 0
  margin    = 0.05
}

claim "fusion_pays" {
  of        = analysis.fused
  statement = "Fused with BM25, the vectors find more than alone."
  holds     = diff("hybrid", "vectors") > 0
}
