# The headline study, on SIB-200 (the sentences of Flores-200): 139 languages
# that say the same 1,004 things. Every cell trains on the same 701 English
# sentences; only the languages of the other side vary. So what differs between
# cells is the size, the number of languages and the number of pairs, never
# what is said.
#
# The data is not part of this repository: see docs/how-to/sib-200.md, and give
# its directory with -var data=DIR.

xlrun {
  required_version = ">= 0.1"
}

study {
  title    = "Model size, training languages and training pairs on SIB-200"
  question = "In languages never trained on, what does retrieval gain from doubling the encoder, the number of training languages, and the number of training pairs?"
}

variable "data" {
  description = "SIB-200: one directory per language, with train.tsv.gz and test.tsv.gz."
  type        = path
}

locals {
  pivot = "eng_Latn"

  # Chosen before anything was run, over families, scripts and closeness to
  # languages that may be trained on.
  targets = [
    "cat_Latn", # Romance, many near relatives
    "isl_Latn", # Germanic
    "cym_Latn", # Celtic, one far relative
    "mlt_Latn", # Semitic in Latin script, Romance loans
    "mkd_Cyrl", # Slavic
    "tgk_Cyrl", # Iranian in Cyrillic script
    "mar_Deva", # Indo-Aryan
    "pan_Guru", # Indo-Aryan, the only one in its script
    "tat_Cyrl", # Turkic in Cyrillic script
    "uzn_Latn", # Turkic in Latin script
    "ary_Arab", # Arabic, very near relatives
    "tir_Ethi", # Ethiosemitic, one near relative
    "swh_Latn", # Bantu, several relatives
    "zsm_Latn", # Austronesian, nearly Indonesian
    "tgl_Latn", # Austronesian
    "lao_Laoo", # Tai, the only one in its script
  ]

  # Everything else but English, the targets' languages in other scripts, and
  # azb_Arab, lua_Latn and pag_Latn: in each of these one training sentence is
  # also a test sentence of some language, so 701 cannot be had.
  candidates = [
    "ace_Arab", "ace_Latn", "acm_Arab", "afr_Latn", "aka_Latn", "als_Latn", "amh_Ethi", "arb_Arab",
    "arb_Latn", "ars_Arab", "azj_Latn", "bak_Cyrl", "ban_Latn", "bel_Cyrl", "ben_Beng",
    "bjn_Arab", "bjn_Latn", "bod_Tibt", "bug_Latn", "bul_Cyrl", "ces_Latn", "cjk_Latn", "ckb_Arab",
    "dan_Latn", "deu_Latn", "dik_Latn", "ell_Grek", "est_Latn", "eus_Latn", "fin_Latn", "fon_Latn",
    "fra_Latn", "fur_Latn", "gaz_Latn", "gla_Latn", "guj_Gujr", "hat_Latn", "heb_Hebr", "hin_Deva",
    "hne_Deva", "hrv_Latn", "hun_Latn", "ibo_Latn", "ilo_Latn", "ind_Latn", "ita_Latn", "jpn_Jpan",
    "kac_Latn", "kan_Knda", "kas_Arab", "kas_Deva", "kat_Geor", "kaz_Cyrl", "kea_Latn", "khk_Cyrl",
    "kik_Latn", "kmb_Latn", "kmr_Latn", "knc_Arab", "knc_Latn", "kor_Hang", "lij_Latn", "lim_Latn",
    "lit_Latn", "ltg_Latn", "luo_Latn", "lus_Latn", "lvs_Latn", "mag_Deva", "mal_Mlym",
    "mni_Beng", "mos_Latn", "mri_Latn", "mya_Mymr", "nld_Latn", "nno_Latn", "nob_Latn", "nqo_Nkoo",
    "oci_Latn", "ory_Orya", "pes_Arab", "plt_Latn", "pol_Latn", "por_Latn", "prs_Arab",
    "ron_Latn", "run_Latn", "rus_Cyrl", "sag_Latn", "scn_Latn", "sin_Sinh", "slk_Latn", "slv_Latn",
    "smo_Latn", "sna_Latn", "snd_Arab", "som_Latn", "sot_Latn", "spa_Latn", "srp_Cyrl", "ssw_Latn",
    "swe_Latn", "szl_Latn", "tel_Telu", "tha_Thai", "tso_Latn", "tuk_Latn", "tum_Latn", "tur_Latn",
    "twi_Latn", "tzm_Tfng", "ukr_Cyrl", "umb_Latn", "urd_Arab", "vec_Latn", "vie_Latn", "war_Latn",
    "zho_Hans", "zho_Hant",
  ]

  # K is crossed with two budgets, so that languages and pairs are not one
  # thing under two names.
  grid = {
    "701"  = [1, 3, 12, 48]
    "4206" = [6, 12, 24, 48]
  }
}

axis "size" {
  role = "size"
  value "xs" { # 0.13 M parameters
    buckets = 4096
    dim     = 32
  }
  value "s" { # 1.0 M
    buckets = 16384
    dim     = 64
  }
  value "m" { # 4.2 M
    buckets = 32768
    dim     = 128
  }
  value "l" { # 16.8 M
    buckets = 131072
    dim     = 128
  }
}

axis "languages" {
  role   = "diversity"
  values = [1, 3, 6, 12, 24, 48]
}

axis "pairs" {
  role   = "budget"
  values = [701, 4206]
}

axis "draw" {
  role   = "draw"
  values = range(1, 9)
}

axis "target" {
  role   = "target"
  values = local.targets
}

loader "sib" "train" {
  path  = var.data
  split = "train"
}

loader "sib" "test" {
  path  = var.data
  split = "test"
}

# Independent draws: the languages of one K say nothing about those of another.
mixture "train" {
  from      = [loader.train]
  languages = sample(local.candidates, axis.languages, [axis.draw, axis.languages])
  pivot     = local.pivot
  pairs     = axis.pairs
  share     = "even"
  exclude   = [loader.test]
  seed      = [axis.draw, axis.languages]
  when      = contains(local.grid[tostring(axis.pairs)], axis.languages)
}

# The control: the same texts, but each sentence joined with the translation of
# another one. What it gains over the untrained encoder is not translation.
mixture "control" {
  from      = [loader.train]
  languages = sample(local.candidates, axis.languages, [axis.draw, axis.languages])
  pivot     = local.pivot
  pairs     = axis.pairs
  share     = "even"
  pairing   = "shuffled"
  exclude   = [loader.test]
  seed      = [axis.draw, axis.languages]
  when      = axis.languages == 12
}

encoder "subword" "student" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
  train {
    on       = mixture.train
    examples = 21030 # 30 times 701 pairs, 5 times 4,206
  }
}

encoder "subword" "control" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
  when    = axis.size.name == "m"
  train {
    on       = mixture.control
    examples = 21030
  }
}

encoder "subword" "untrained" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
}

# All 204 test sentences of the target, searched among their 204 translations.
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
  encoder = [encoder.student, encoder.control, encoder.untrained]
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
  holds     = ame("size", "diversity", "budget") > 0
  margin    = 0.005
}

claim "pairs_pay" {
  of        = analysis.law
  statement = "With as many languages, doubling the training pairs raises zero-shot nDCG@10 by at least half a point."
  holds     = ame("budget", "diversity") > 0
  margin    = 0.005
}

claim "diversity_pays" {
  of        = analysis.law
  statement = "With as many pairs, doubling the training languages raises zero-shot nDCG@10 by at least half a point."
  holds     = ame("diversity", "budget") > 0
  margin    = 0.005
}

claim "size_beats_diversity" {
  of        = analysis.law
  statement = "Doubling the encoder gains more than doubling the training languages."
  holds     = ame("size", "budget") - ame("diversity", "budget") > 0
}
