# The quickstart: what pays more in languages never trained on, a bigger
# encoder or more training languages? Small enough for a laptop: 72 encoders
# are trained on the FAQ in examples/minifaq and tried on six other languages.

xlrun {
  required_version = ">= 0.1"
}

study {
  title    = "Model size vs. training-language diversity"
  question = "Does zero-shot accuracy in low-resource languages gain more from doubling the encoder or the number of training languages, at a fixed number of training pairs?"
}

variable "data" {
  description = "A directory of FAQ files, one per language."
  type        = path
  default     = "../examples/minifaq"
}

locals {
  pivot = "eng"
  high  = ["deu", "spa", "fra", "ita", "por", "rus", "tur", "ind"]
  low   = ["cat", "isl", "mlt", "afr", "tgl", "cym"]
}

axis "size" {
  role = "size"
  value "xs" {
    buckets = 4096
    dim     = 32
  }
  value "s" {
    buckets = 16384
    dim     = 64
  }
  value "m" {
    buckets = 65536
    dim     = 128
  }
}

axis "languages" {
  role   = "diversity"
  values = [1, 2, 4]
}

axis "draw" {
  role   = "draw"
  values = range(1, 9)
}

axis "target" {
  role   = "target"
  values = local.low
}

loader "faq" "train" {
  path  = var.data
  split = "train"
}

# What is searched are entries as a page shows them: the question, then the
# answer.
loader "faq" "test" {
  path      = var.data
  split     = "test"
  documents = "entry"
}

# Pairs of a training language with English: 160 in every cell, whatever the
# number of languages, spread evenly over them and over the questions.
mixture "train" {
  from      = [loader.train]
  languages = sample(local.high, axis.languages, axis.draw)
  pivot     = local.pivot
  pairs     = 160
  share     = "even"
  pairing   = "aligned"
  exclude   = [loader.test]
  seed      = axis.draw
}

encoder "subword" "student" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
  train {
    on       = mixture.train
    examples = 3000
  }
}

# The same shapes with the same initial weights, never trained.
encoder "subword" "untrained" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
}

# Questions in a language never trained on, FAQ entries in English.
task "to_pivot" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = local.pivot
  pool = {
    size    = 50
    queries = 50
    seeds   = [1, 2, 3]
  }
}

index "flat" "exact" {
  similarity = "cosine"
}

metric "ir" "quality" {
  measures = ["nDCG@10", "RR@10", "Success@1"]
}

retrieval "zero_shot" {
  task    = task.to_pivot
  encoder = [encoder.student, encoder.untrained]
  index   = index.exact
  metric  = metric.quality
  depth   = 50
  leakage = "error"
}

analysis "law" {
  of       = retrieval.zero_shot
  measure  = "nDCG@10"
  baseline = encoder.untrained
}

claim "size_pays" {
  of        = analysis.law
  statement = "Doubling the encoder raises zero-shot nDCG@10 by at least half a point."
  holds     = ame("size") > 0
  margin    = 0.005
}

claim "diversity_pays" {
  of        = analysis.law
  statement = "At a fixed number of pairs, doubling the training languages raises zero-shot nDCG@10 by at least half a point."
  holds     = ame("diversity", "budget") > 0
  margin    = 0.005
}
