locals {
  pivot = "eng"
  loop  = local.pool
  pool  = local.loop # want "Circular locals" "needs itself"
}
axis "size" {
  role = "sise" # want "Unknown role" "Did you mean"
  value "xs" {
    dim = 32
  }
  value "s" {
    dmi = 64 # want "Uneven axis values" "which value"
    dim = 64
  }
  value "m" {
    dmi = 128 # want "Uneven axis values" "Did you mean"
  }
}
axis "draw" {
  role   = "draw"
  values = [1, 2, 2] # want "Axis value repeated" "twice"
}
axis "size" { # want "Axis defined twice"
  values = [1]
}
loader "faq" "test" {
  path = var.dta # want "Unknown variable" "There is no variable"
}
encoder "subword" "student" {
  dim   = axis.size.dimm # want "Unknown attribute" "Did you mean"
  width = axis.sice.dim # want "Unknown axis" "Did you mean"
  seed  = axis[local.pivot] # want "Axis needs a literal name"
  note  = "${encoder.student}" # want "Misplaced reference"
  size  = encoder.student.params # want "References are opaque" "record column"
  other = local.pivt # want "Unknown local" "Did you mean"
  train { # want "Missing required argument" "on"
    examples = 10
  }
}
index "flat" {} # want "Wrong labels" "two labels"
metric "ir" "quality" {}
task "t" {
  data            = loader.tset # want "Unknown loader" "Did you mean"
  query_langage   = "cat" # want "Unsupported argument" "Did you mean"
  query_language  = "cat"
  corpus_language = "eng"
  pool { # want "Unsupported block type" "pool = {"
    size = 10
  }
}
retrieval "r" {
  task    = task.t
  encoder = [for e in [encoder.student] : e] # want "Not a reference"
  index   = metric.quality # want "Wrong kind of reference" "a metric"
  metric  = metric.quality
}
retrival "s" {} # want "Unsupported block type" "Did you mean"
rerank "f" {} # want "Reserved block"
study "x" { # want "Unexpected label" "study takes no label"
  title = "T"
}
mixture "m" { # want "Missing required arguments" "needs the arguments"
  from    = [loader.test]
  exclude = local.pivot == "eng" ? loader.test : loader.test # want "Condition in a collecting reference"
}
