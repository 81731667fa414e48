# Where the runs "student" come from: a small encoder, trained on four other
# languages and tried on these six. See ../README.md.

axis "target" {
  role   = "target"
  values = ["cat", "isl", "mlt", "afr", "tgl", "cym"]
}

loader "faq" "train" {
  path  = "../../minifaq"
  split = "train"
}

loader "faq" "test" {
  path      = "../../minifaq"
  split     = "test"
  documents = "entry"
}

mixture "train" {
  from      = [loader.train]
  languages = ["deu", "ita", "por", "spa"]
  pivot     = "eng"
  pairs     = 160
  exclude   = [loader.test]
  seed      = 1
}

encoder "subword" "student" {
  buckets = 65536
  dim     = 64
  seed    = 1
  train {
    on       = mixture.train
    examples = 6000
  }
}

task "to_english" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = "eng"
}

index "flat" "exact" {}

metric "ir" "quality" {
  measures = ["nDCG@10"]
}

retrieval "runs" {
  task    = task.to_english
  encoder = encoder.student
  index   = index.exact
  metric  = metric.quality
  depth   = 30
}
