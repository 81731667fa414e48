# Training languages on Tatoeba's test sets (as LASER ships them): sentences of
# everyday talk with their English translations, each language with English
# sentences of its own. Unlike SIB-200 the sets are not parallel, so scores of
# two languages do not compare: effects within a language do.
#
# The data is not part of this repository: see docs/how-to/tatoeba.md, and give
# its directory with -var data=DIR.

xlrun {
  required_version = ">= 0.1"
}

study {
  title    = "Training languages and model size on Tatoeba"
  question = "At a fixed number of training pairs, does retrieval in languages never trained on gain more from doubling the encoder or the number of training languages?"
}

variable "data" {
  description = "Tatoeba: tatoeba.XXX-eng.XXX and tatoeba.XXX-eng.eng for each language."
  type        = path
}

locals {
  pivot = "eng"

  # Chosen before anything was run; all their lines are tested, and their
  # English sentences are taken out of everybody's training pairs.
  targets = ["bre", "cym", "gla", "kat", "kaz", "oci", "swh", "tat", "tgl", "uzb"]

  # Languages with a full set of 1,000 lines, constructed and ancient ones left
  # out.
  candidates = [
    "afr", "ara", "aze", "bel", "ben", "bul", "cat", "ces", "cmn", "dan", "deu", "ell", "est", "eus", "fin", "fra", "heb",
    "hin", "hrv", "hun", "ind", "isl", "ita", "jpn", "kor", "lit", "lvs", "mar", "mkd", "nld", "nob", "pes", "pol", "por",
    "ron", "rus", "slk", "spa", "sqi", "srp", "swe", "tur", "ukr", "urd", "vie", "war", "zsm", "pam"
  ]
}

axis "size" {
  role = "size"
  value "s" {
    buckets = 16384
    dim     = 64
  }
  value "m" {
    buckets = 32768
    dim     = 128
  }
  value "l" {
    buckets = 131072
    dim     = 128
  }
}

axis "languages" {
  role   = "diversity"
  values = [3, 6, 12, 24]
}

axis "draw" {
  role   = "draw"
  values = range(1, 7)
}

axis "target" {
  role   = "target"
  values = local.targets
}

loader "bitext" "train" {
  path      = var.data
  languages = local.candidates
}

loader "bitext" "test" {
  path      = var.data
  languages = local.targets
}

mixture "train" {
  from      = [loader.train]
  languages = sample(local.candidates, axis.languages, [axis.draw, axis.languages])
  pivot     = local.pivot
  pairs     = 2000
  share     = "even"
  exclude   = [loader.test]
  seed      = [axis.draw, axis.languages]
}

encoder "subword" "student" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
  train {
    on       = mixture.train
    examples = 20000
  }
}

encoder "subword" "untrained" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
}

# All lines of the target, searched among their own translations.
task "to_english" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = local.pivot
}

index "flat" "exact" {
  similarity = "cosine"
}

metric "ir" "quality" {
  measures = ["nDCG@10", "RR@10", "Success@1"]
}

retrieval "zero_shot" {
  task    = task.to_english
  encoder = [encoder.student, encoder.untrained]
  index   = index.exact
  metric  = metric.quality
  depth   = 100
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
  holds     = ame("size", "budget") > 0
  margin    = 0.005
}

claim "diversity_pays" {
  of        = analysis.law
  statement = "At a fixed number of pairs, doubling the training languages raises zero-shot nDCG@10 by at least half a point."
  holds     = ame("diversity", "budget") > 0
  margin    = 0.005
}
