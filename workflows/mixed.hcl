# A pool in several languages: are entries found whatever language they are in,
# and does training on more languages change that? The FAQ in examples/minifaq
# says the same in each of its languages, so every question has one answer per
# language. A minute on a laptop.

xlrun {
  required_version = ">= 0.1"
}

study {
  title    = "Rankings over four languages"
  question = "Does training on more languages treat the languages of a mixed pool more alike?"
}

variable "data" {
  description = "A directory of FAQ files, one per language."
  type        = path
  default     = "../examples/minifaq"
}

locals {
  pivot = "eng"
  high  = ["deu", "spa", "fra", "ita", "por", "rus", "tur", "ind"]
}

axis "languages" {
  role   = "diversity"
  values = [1, 2, 4]
}

axis "draw" {
  role   = "draw"
  values = range(1, 7)
}

axis "target" {
  role   = "target"
  values = ["cat", "isl", "mlt", "afr", "tgl", "cym"]
}

loader "faq" "train" {
  path  = var.data
  split = "train"
}

loader "faq" "test" {
  path      = var.data
  split     = "test"
  documents = "entry"
}

mixture "train" {
  from      = [loader.train]
  languages = sample(local.high, axis.languages, [axis.draw, axis.languages])
  pivot     = local.pivot
  pairs     = 160
  share     = "even"
  exclude   = [loader.test]
  seed      = [axis.draw, axis.languages]
}

encoder "subword" "student" {
  buckets = 16384
  dim     = 64
  seed    = axis.draw
  train {
    on       = mixture.train
    examples = 3000
  }
}

encoder "subword" "untrained" {
  buckets = 16384
  dim     = 64
  seed    = axis.draw
}

# The target's own entries, and their translations into three other languages: the
# pivot and two that some draws train on.
task "mixed" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = [axis.target, "eng", "rus", "tur"]
}

index "flat" "exact" {
  similarity = "cosine"
}

metric "fairness" "languages" {
  measures = ["AWRF@20", "LPR", "AlignStrong", "AlignWeak", "MaxR(scaled=True)"]
}

metric "ir" "quality" {
  measures = ["nDCG@10", "Success@1"]
}

# The depth is the size of the pool: MaxR and AlignWeak look at all of it.
retrieval "mixed" {
  task    = task.mixed
  encoder = [encoder.student, encoder.untrained]
  index   = index.exact
  metric  = [metric.languages, metric.quality]
  depth   = 240
}

# The question: AWRF says whether every language gets the attention it is due.
# What it costs or gains in quality stands beside it; LPR, AlignWeak and MaxR are
# in the records. PEER would be one number throughout: where every language has
# one relevant document, its test has nothing to tell apart.
analysis "attention" {
  of       = retrieval.mixed
  measure  = "AWRF@20"
  baseline = encoder.untrained
}

analysis "alignment" {
  of       = retrieval.mixed
  measure  = "AlignStrong"
  baseline = encoder.untrained
}

analysis "quality" {
  of       = retrieval.mixed
  measure  = "nDCG@10"
  baseline = encoder.untrained
}
