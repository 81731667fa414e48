package study_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/study"
)

// atHand is a study of runs, an encoder and their fusions.
const atHand = `
axis "target" {
  role   = "target"
  values = ["cat", "isl"]
}
axis "draw" {
  role   = "draw"
  values = [1, 2, 3]
}
loader "faq" "test" {
  path  = "data"
  split = "test"
}
task "t" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = "eng"
  pool            = { size = 30, queries = 20, seeds = [1, 2] }
}
run "trec" "bm25" {
  path               = "runs/bm25.${axis.target}.trec"
  params             = 0
  training_languages = []
  pretraining        = []
}
run "trec" "dense" {
  path               = "runs/dense.${axis.target}.${axis.draw}.trec"
  params             = 118000000
  training_languages = ["spa", "deu"]
}
encoder "subword" "plain" {
  seed = axis.draw
}
index "flat" "exact" {}
metric "ir" "quality" { measures = ["nDCG@10"] }
retrieval "all" {
  task    = task.t
  encoder = encoder.plain
  index   = index.exact
  run     = [run.bm25, run.dense]
  metric  = metric.quality
  depth   = 20
}
retrieval "lexical" {
  task   = task.t
  run    = run.bm25
  metric = metric.quality
  depth  = 20
}
fuse "hybrid" {
  of     = [retrieval.all, retrieval.lexical]
  metric = metric.quality
}
analysis "a" {
  of       = retrieval.all
  measure  = "nDCG@10"
  baseline = run.bm25
}
analysis "b" {
  of      = fuse.hybrid
  measure = "nDCG@10"
  baseline = run.bm25
}
`

func planText(t *testing.T, text string, opts study.Options) (*study.Plan, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := makePlan(t, path, opts)
	var b strings.Builder
	lines := strings.Split(text, "\n")
	for _, d := range diags {
		if d.Severity == 1 {
			at := ""
			if d.Subject != nil {
				at = strings.TrimSpace(lines[d.Subject.Start.Line-1])
			}
			b.WriteString(at + "\n  " + d.Summary + ": " + d.Detail + "\n")
		}
	}
	return p, b.String()
}

// TestAtHandCounts: runs stand beside encoders, each with its own axes, and
// the alternatives of a fusion's parts multiply.
func TestAtHandCounts(t *testing.T) {
	p, problems := planText(t, atHand, study.Options{})
	if problems != "" {
		t.Fatal(problems)
	}
	got := map[string]int{}
	for _, b := range p.Blocks {
		got[b.Address] = b.Instances
		for alt, n := range b.By {
			got[b.Address+"/"+alt] = n
		}
	}
	want := map[string]int{
		"loader.test": 1, "task.t": 2, "run.bm25": 2, "run.dense": 6, "encoder.plain": 3, "index.exact": 1, "metric.quality": 1,
		"retrieval.all": 6 + 2 + 6, "retrieval.all/plain": 6, "retrieval.all/bm25": 2, "retrieval.all/dense": 6,
		"retrieval.lexical": 2, "fuse.hybrid": 6 + 2 + 6, "fuse.hybrid/plain": 6, "fuse.hybrid/bm25": 2, "fuse.hybrid/dense": 6,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("instances (-want +got):\n%s", d)
	}
	// One run taken by two retrievals is imported and measured once.
	steps := map[study.Stage]int{
		study.StageLoad: 1, study.StagePool: 4, study.StageEncode: 3 * 3, study.StageIndex: 3, study.StageSearch: 12, study.StageImport: 4 + 12, study.StageFuse: 28,
		study.StageMeasure: 12 + 16 + 28, study.StageCollect: 1, study.StageAnalyse: 1, study.StageReport: 1,
	}
	if d := cmp.Diff(steps, count(p)); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	if p.FullCells != 14+2+14+14 || len(p.Cells) != p.FullCells {
		t.Errorf("%d of %d cells", len(p.Cells), p.FullCells)
	}
	encoders := map[string]int{}
	for _, c := range p.Cells {
		encoders[c.Retrieval+" "+c.Encoder+" "+c.Component]++
		switch {
		case c.Parts != nil:
			if len(c.Parts) != 2 || c.Parts[1].Encoder != "bm25" || c.Parts[0].Axes["target"] != c.Axes["target"] || c.Parts[0].Axes["draw"] != c.Axes["draw"] {
				t.Errorf("a fusion of %+v", c.Parts)
			}
		case c.Component == "trec":
			if c.Declared == nil || c.Queries != nil || c.Index != "" {
				t.Errorf("cell of a run: %+v", c)
			}
			if c.Encoder == "dense" && (c.Declared.Pretraining != nil || *c.Declared.Params != 118000000 || strings.Join(*c.Declared.Training, " ") != "deu spa") {
				t.Errorf("declared: %+v", c.Declared)
			}
			if c.Encoder == "bm25" && (c.Declared.Pretraining == nil || *c.Declared.Pretraining == nil || c.Declared.ParamsNonEmbed != nil) {
				t.Errorf("none is something else than unknown: %+v", c.Declared)
			}
		}
	}
	wantCells := map[string]int{
		"all plain subword": 6, "all bm25 trec": 2, "all dense trec": 6, "lexical bm25 trec": 2, "hybrid hybrid/plain fuse": 6, "hybrid hybrid/bm25 fuse": 2, "hybrid hybrid/dense fuse": 6,
		// The parts stand beside the fusions, each once.
		"hybrid plain subword": 6, "hybrid bm25 trec": 2, "hybrid dense trec": 6,
	}
	if d := cmp.Diff(wantCells, encoders); d != "" {
		t.Errorf("cells (-want +got):\n%s", d)
	}
}

// TestAtHandIdentity: what is declared, and what things are called, is in no
// digest but those of the results.
func TestAtHandIdentity(t *testing.T) {
	base, problems := planText(t, atHand, study.Options{})
	if problems != "" {
		t.Fatal(problems)
	}
	old := recipes(t, base)
	collect := func(p *study.Plan) cas.Digest { return p.Collect.Recipe }
	for name, c := range map[string]struct {
		change []string
		fresh  int // steps that are new
		same   bool
	}{
		"name of a run":        {[]string{"run.dense", "run.vectors", `"dense" {`, `"vectors" {`}, 0, false},
		"declared":             {[]string{"118000000", "7", `["spa", "deu"]`, `["ita"]`}, 0, false},
		"left out":             {[]string{"  pretraining        = []\n", ""}, 0, false},
		"tag":                  {[]string{"118000000", "118000000\n  tag = \"e5\""}, 0, false},
		"name of a fusion":     {[]string{"fuse.hybrid", "fuse.both", `fuse "hybrid"`, `fuse "both"`}, 0, false},
		"title":                {[]string{"\naxis \"draw\"", "\nstudy {\n title = \"T\"\n}\naxis \"draw\""}, 0, false},
		"spelling of a path":   {[]string{"runs/dense", "../x/runs/dense"}, 0, true},
		"written defaults":     {[]string{"of     = [retrieval.all, retrieval.lexical]", "of = [retrieval.all, retrieval.lexical]\n method = \"rrf\"\n k = 60\n weights = [1, 1]\n depth = 100"}, 0, true},
		"content of one run":   {[]string{"runs/bm25.${axis.target}.trec", "runs/other.${axis.target}.trec"}, 4 + 4 + 28 + 28, false},
		"depth":                {[]string{"metric  = metric.quality\n  depth   = 20", "metric  = metric.quality\n  depth   = 30"}, 28*2 + 28*2, false},
		"k":                    {[]string{"of     = [retrieval.all, retrieval.lexical]", "of = [retrieval.all, retrieval.lexical]\n k = 10"}, 56, false},
		"order of the parts":   {[]string{"[retrieval.all, retrieval.lexical]", "[retrieval.lexical, retrieval.all]"}, 24 + 24, false},
		"weights of the parts": {[]string{"of     = [retrieval.all, retrieval.lexical]", "of = [retrieval.all, retrieval.lexical]\n weights = [1, 2]"}, 56, false},
	} {
		t.Run(name, func(t *testing.T) {
			text := atHand
			for i := 0; i < len(c.change); i += 2 {
				if !strings.Contains(text, c.change[i]) {
					t.Fatalf("no %q", c.change[i])
				}
				text = strings.ReplaceAll(text, c.change[i], c.change[i+1])
			}
			p, problems := planText(t, text, study.Options{})
			if problems != "" {
				t.Fatal(problems)
			}
			fresh := 0
			for r := range recipes(t, p) {
				if !old[r] {
					fresh++
				}
			}
			if fresh != c.fresh {
				t.Errorf("want %d new steps, got %d", c.fresh, fresh)
			}
			if same := collect(p) == collect(base); same != c.same {
				t.Errorf("records assembled anew: %v", !same)
			}
		})
	}
}

// TestAtHandOnly: part of a grid is the same steps.
func TestAtHandOnly(t *testing.T) {
	full, _ := planText(t, atHand, study.Options{})
	f, err := study.ParseFilter("target=isl,draw=2")
	if err != nil {
		t.Fatal(err)
	}
	p, problems := planText(t, atHand, study.Options{Only: f})
	if problems != "" {
		t.Fatal(problems)
	}
	if len(p.Cells) != 3+1+3+3 || p.FullCells != 44 {
		t.Errorf("%d of %d cells", len(p.Cells), p.FullCells)
	}
	known := recipes(t, full)
	for r := range recipes(t, p) {
		if !known[r] {
			t.Fatal("a step that the whole grid does not have")
		}
	}
}

func TestAtHandRefused(t *testing.T) {
	fuse := "of     = [retrieval.all, retrieval.lexical]"
	for name, c := range map[string]struct {
		change []string
		want   string // the line that is blamed, summary and part of the detail
	}{
		"no file":         {[]string{"runs/bm25", "runs/missing"}, "path               = \"runs/missing.${axis.target}.trec\"\n  Unusable run: There is no file"},
		"no run":          {[]string{"runs/bm25", "runs/broken"}, "path               = \"runs/broken.${axis.target}.trec\"\n  Unusable run: broken.trec:3: want 6 fields"},
		"other queries":   {[]string{"runs/bm25", "runs/foreign"}, "path               = \"runs/foreign.${axis.target}.trec\"\n  Run of other queries: bm25 target=cat ranks for none of the queries in cat of loader.test: its queries are \"1\", \"2\", \"3\", …, those of the collection \"cat/qtest0\""},
		"too many apart":  {[]string{"118000000", "5\n  params_non_embedding = 6"}, "params_non_embedding = 6\n  Contradicting arguments"},
		"no whole number": {[]string{"118000000", "0.5"}, "params             = 0.5\n  Invalid value"},
		"no language":     {[]string{`["spa", "deu"]`, `["spa", "xx"]`}, "training_languages = [\"spa\", \"xx\"]\n  Unusable language code"},
		"twice":           {[]string{`["spa", "deu"]`, `["deu", "deu"]`}, "training_languages = [\"deu\", \"deu\"]\n  Language twice"},
		"a tag of words":  {[]string{"118000000", "5\n  tag = \"my run\""}, "tag = \"my run\"\n  Unusable tag"},
		"one part":        {[]string{fuse, "of = [retrieval.lexical]"}, "of = [retrieval.lexical]\n  Nothing to fuse"},
		"method":          {[]string{fuse, fuse + "\n  method = \"rff\""}, "method = \"rff\"\n  Invalid value: \"method\" must be one of rrf, weighted; got \"rff\". Did you mean \"rrf\"?"},
		"k":               {[]string{fuse, fuse + "\n  k = -1"}, "k = -1\n  Invalid value"},
		"k without rrf":   {[]string{fuse, fuse + "\n  method = \"weighted\"\n  k = 60"}, "k = 60\n  Unused argument: \"k\" needs method = \"rrf\""},
		"normalise":       {[]string{fuse, fuse + "\n  normalise = \"minmax\""}, "normalise = \"minmax\"\n  Unused argument: \"normalise\" needs method = \"weighted\""},
		"weights":         {[]string{fuse, fuse + "\n  weights = [1, 2, 3]"}, "weights = [1, 2, 3]\n  Wrong number of weights: \"of\" has 2 retrievals, \"weights\" 3 numbers"},
		"negative weight": {[]string{fuse, fuse + "\n  weights = [1, -1]"}, "weights = [1, -1]\n  Invalid value"},
		"other task":      {[]string{"retrieval \"lexical\" {\n  task   = task.t", "task \"u\" {\n  data = loader.test\n  query_language = axis.target\n  corpus_language = \"eng\"\n}\nretrieval \"lexical\" {\n  task   = task.u"}, "of     = [retrieval.all, retrieval.lexical]\n  Different tasks: The parts of fuse \"hybrid\" must rank for the same task: retrieval.all searches for task.t, retrieval.lexical searches for task.u"},
		"baseline":        {[]string{"run     = [run.bm25, run.dense]", "run     = run.dense"}, "baseline = run.bm25\n  Baseline not measured: run.bm25 is not among the runs of retrieval.all"},
		"shallow part":    {[]string{"index.exact\n  run     = [run.bm25, run.dense]\n  metric  = metric.quality\n  depth   = 20", "index.exact\n  run     = [run.bm25, run.dense]\n  metric  = metric.top\n  depth   = 5", `metric "ir" "quality"`, "metric \"ir\" \"top\" { measures = [\"nDCG@5\"] }\nmetric \"ir\" \"quality\"", "of       = retrieval.all\n  measure  = \"nDCG@10\"", "of       = retrieval.all\n  measure  = \"nDCG@5\""}, "depth   = 5\n  Depth below a cutoff: nDCG@10 looks at 10 ranks, and rankings end at depth 5 of 30"},
		"measure":         {[]string{"of      = fuse.hybrid\n  measure = \"nDCG@10\"", "of = fuse.hybrid\n  measure = \"nDCG@1\""}, "measure = \"nDCG@1\"\n  Measure not computed"},
	} {
		t.Run(name, func(t *testing.T) {
			text := atHand
			for i := 0; i < len(c.change); i += 2 {
				if !strings.Contains(text, c.change[i]) {
					t.Fatalf("no %q", c.change[i])
				}
				text = strings.ReplaceAll(text, c.change[i], c.change[i+1])
			}
			if _, problems := planText(t, text, study.Options{}); !strings.Contains(problems, c.want) {
				t.Errorf("want\n%s\ngot\n%s", c.want, problems)
			}
		})
	}
}

// A run that ends above a cutoff is warned of before anything runs.
func TestShallowRun(t *testing.T) {
	for path, want := range map[string]string{
		"runs/bm25":    "",
		"runs/shallow": "bm25 target=cat has 5 hits for a query at most, and nDCG@10 looks at 10: whatever it does not name counts as not found.",
	} {
		p, problems := planText(t, strings.ReplaceAll(atHand, "runs/bm25", path), study.Options{})
		if problems != "" {
			t.Fatal(problems)
		}
		got := ""
		for _, d := range p.Warnings {
			if d.Summary == "Shallow run" {
				got += d.Detail
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: want %q, got %q", path, want, got)
		}
	}
}

// TestFusedTasksPairUp: alternatives of tasks are fused with their like.
func TestFusedTasksPairUp(t *testing.T) {
	text := strings.ReplaceAll(atHand, "= task.t\n", "= [task.t, task.u]\n") + `
task "u" {
  data            = loader.test
  query_language  = axis.target
  corpus_language = "eng"
}
metric "ir" "second" { measures = ["nDCG@10"] }
`
	text = strings.Replace(text, "run    = run.bm25\n  metric = metric.quality", "run    = run.bm25\n  metric = [metric.quality, metric.second]", 1)
	p, problems := planText(t, text, study.Options{})
	if problems != "" {
		t.Fatal(problems)
	}
	fused := 0
	for _, c := range p.Cells {
		if c.Parts == nil {
			continue
		}
		fused++
		if c.Parts[0].Task != c.Task || c.Parts[1].Task != c.Task {
			t.Errorf("%s of %s and %s", c.Task, c.Parts[0].Task, c.Parts[1].Task)
		}
	}
	if fused != 2*14 { // not once more for the second metric of a part
		t.Errorf("want 28 fusions, got %d", fused)
	}
}
