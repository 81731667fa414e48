package study_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/plugins/fairness"
	"github.com/xlrun/xlrun/plugins/ir"
	"github.com/xlrun/xlrun/plugins/precomputed"
	"github.com/xlrun/xlrun/sdk"
)

// world is a Catalog without processes: the declarations of a few components
// and a made-up parallel collection.
type world struct {
	train, test int // groups per split
	languages   []string
	validated   int
	lookUps     int // of vectors
}

func num(x float64) *float64 { return &x }

var declarations = map[string]sdk.Info{
	"loader faq": {Kind: sdk.KindLoader, Name: "faq", Revision: 1, PairKinds: []string{"question-answer", "question-question"}, Options: []sdk.Option{
		{Name: "path", Type: sdk.Path, Required: true, Doc: "d", Effect: sdk.EffectSource},
		{Name: "split", Type: sdk.String, Required: true, Doc: "d", Enum: []string{"train", "test"}, Effect: sdk.EffectOutput},
		{Name: "documents", Type: sdk.String, Default: "answer", Doc: "d", Effect: sdk.EffectOutput},
		{Name: "languages", Type: sdk.ListString, Doc: "d", Effect: sdk.EffectOutput},
	}},
	"encoder subword": {Kind: sdk.KindEncoder, Name: "subword", Revision: 1, Options: []sdk.Option{
		{Name: "buckets", Type: sdk.Int, Default: int64(65536), Min: num(1), Doc: "d", Effect: sdk.EffectOutput},
		{Name: "dim", Type: sdk.Int, Default: int64(128), Min: num(1), Doc: "d", Effect: sdk.EffectOutput},
		{Name: "seed", Type: sdk.Int, Default: int64(0), Doc: "d", Effect: sdk.EffectOutput},
		{Name: "threads", Type: sdk.Int, Default: int64(1), Doc: "d", Effect: sdk.EffectPerformance},
	}, Train: []sdk.Option{
		{Name: "examples", Type: sdk.Int, Required: true, Min: num(1), Doc: "d", Effect: sdk.EffectOutput},
	}},
	"encoder precomputed": precomputed.Component.Info,
	"index flat": {Kind: sdk.KindIndex, Name: "flat", Revision: 1, Options: []sdk.Option{
		{Name: "similarity", Type: sdk.String, Default: "cosine", Doc: "d", Effect: sdk.EffectOutput},
	}},
	"metric ir": {Kind: sdk.KindMetric, Name: "ir", Revision: 1, Options: []sdk.Option{
		{Name: "measures", Type: sdk.ListString, Required: true, Doc: "d", Effect: sdk.EffectOutput},
	}},
	"metric fairness": fairness.Component.Info,
	"metric own": {Kind: sdk.KindMetric, Name: "own", Revision: 1, Options: []sdk.Option{
		{Name: "cutoff", Type: sdk.Int, Default: int64(10), Doc: "d", Effect: sdk.EffectOutput},
	}},
}

func (w *world) Component(kind sdk.Kind, name string) (study.Component, sdk.Info, bool) {
	info, ok := declarations[string(kind)+" "+name]
	return study.Component{Kind: kind, Plugin: name, Name: name, Revision: info.Revision}, info, ok
}

func (w *world) Names(kind sdk.Kind) []string {
	var out []string
	for k := range declarations {
		if n, ok := strings.CutPrefix(k, string(kind)+" "); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) Validate(_ context.Context, c study.Component, config, _ []byte) (sdk.Diagnostics, error) {
	w.validated++
	if c.Name == "ir" && strings.Contains(string(config), "nDGC") {
		return sdk.At("Unknown measure", `There is no measure "nDGC@10".`, "measures", 1), nil
	}
	return nil, nil
}

// Measures are those of the metrics that there are, and one that takes no names
// and knows no ranges.
func (w *world) Measures(ctx context.Context, c study.Component, config []byte) ([]string, []sdk.Range, error) {
	component := ir.Component
	switch c.Name {
	case "fairness":
		component = fairness.Component
	case "own":
		var o struct{ Cutoff int }
		err := json.Unmarshal(config, &o)
		return []string{fmt.Sprintf("Own@%d", o.Cutoff)}, nil, err
	}
	if d, _ := w.Validate(ctx, c, config, nil); d != nil {
		return nil, nil, d
	}
	v, err := component.Open(ctx, config, nil)
	if err != nil {
		return nil, nil, err
	}
	m := v.(sdk.RangedMetric)
	return m.Measures(), m.Ranges(), nil
}

// Lacking has no vectors for the second text of a language whose code begins
// with c, where the vectors are called so.
func (w *world) Lacking(_ context.Context, c study.Component, config []byte, texts []study.TextIDs) ([]sdk.Diagnostics, error) {
	w.lookUps++
	if c.Name != "precomputed" || !strings.Contains(string(config), "holes") {
		return nil, nil
	}
	out := make([]sdk.Diagnostics, len(texts))
	for i, t := range texts {
		if strings.HasPrefix(t.IDs[1], "c") {
			out[i] = sdk.At("Texts without vectors", fmt.Sprintf("1 of %d, %s %s.", len(t.IDs), t.Role, t.IDs[1]), "ids")
		}
	}
	return out, nil
}

func (w *world) Sources(_ context.Context, _ study.Component, config []byte) ([]study.SourceDigest, error) {
	if strings.Contains(string(config), "missing") {
		return nil, fmt.Errorf("there is no directory %q", "missing")
	}
	return []study.SourceDigest{{Name: "eng.jsonl", Digest: cas.Sum([]byte("eng")), Path: "/somewhere/eng.jsonl"}}, nil
}

// Run knows files by their names: their contents are of no matter to a plan.
func (w *world) Run(_ context.Context, path string) (*study.RunFile, error) {
	f := &study.RunFile{Digest: cas.Sum([]byte(filepath.Base(path)))}
	switch {
	case strings.Contains(path, "missing"):
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case strings.Contains(path, "broken"):
		return nil, errors.New("broken.trec:3: want 6 fields (query, iteration, document, rank, score, tag), got 4")
	case strings.Contains(path, "foreign"):
		f.Queries = []string{"1", "2", "3", "4"}
		return f, nil
	}
	f.Deepest = 100
	if strings.Contains(path, "shallow") {
		f.Deepest = 5
	}
	for _, l := range w.languages {
		for i := range w.test {
			f.Queries = append(f.Queries, fmt.Sprintf("%s/qtest%d", l, i))
		}
	}
	slices.Sort(f.Queries)
	return f, nil
}

func (w *world) Inspect(_ context.Context, _ study.Component, config []byte, _ cas.Digest) (*sdk.Inspection, error) {
	split, n := "train", w.train
	if strings.Contains(string(config), `"test"`) {
		split, n = "test", w.test
	}
	in := &sdk.Inspection{}
	for _, l := range w.languages {
		for i := range n {
			group := fmt.Sprintf("%s%d", split, i)
			q, d := sdk.TextHash(l+group+"?"), sdk.TextHash(l+group+"!")
			in.Queries = append(in.Queries, sdk.InspectedText{ID: l + "/q" + group, Language: l, Group: group, Hash: q})
			in.Documents = append(in.Documents, sdk.InspectedText{ID: l + "/a" + group, Language: l, Group: group, Hash: d})
			in.Judgments = append(in.Judgments, sdk.Qrel{Query: l + "/q" + group, Document: l + "/a" + group, Relevance: 1})
			if l != "eng" {
				for kind, side := range map[string]string{"question-answer": "!", "question-question": "?"} {
					in.Pairs = append(in.Pairs, sdk.InspectedPair{Kind: kind, Group: group, LangA: l, LangB: "eng", HashA: q, HashB: sdk.TextHash("eng" + group + side)})
				}
			}
		}
	}
	in.Qrels = len(in.Judgments)
	slices.SortStableFunc(in.Pairs, func(a, b sdk.InspectedPair) int { return strings.Compare(a.Kind, b.Kind) })
	return in, nil
}

func newWorld() *world {
	return &world{train: 100, test: 60, languages: strings.Fields("eng deu spa fra ita por rus tur ind cat isl mlt afr tgl cym")}
}

func makePlan(t *testing.T, path string, opts study.Options) (*study.Plan, hcl.Diagnostics) {
	t.Helper()
	w, _, diags := workflow.Load(path, nil)
	if diags.HasErrors() {
		return nil, workflow.Tidy(diags)
	}
	p, d := study.New(t.Context(), w, newWorld(), opts)
	return p, d
}

const quickstart = "../../workflows/quickstart.hcl"

// variation writes the quickstart with replacements and returns its path.
func variation(t *testing.T, oldnew ...string) string {
	t.Helper()
	src, err := os.ReadFile(quickstart)
	if err != nil {
		t.Fatal(err)
	}
	s := string(src)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(s, oldnew[i]) {
			t.Fatalf("the quickstart does not contain %q", oldnew[i])
		}
		s = strings.ReplaceAll(s, oldnew[i], oldnew[i+1])
	}
	path := filepath.Join(t.TempDir(), "w.hcl")
	if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func count(p *study.Plan) map[study.Stage]int {
	n := map[study.Stage]int{}
	for _, s := range p.Steps {
		n[s.Stage]++
	}
	return n
}

// TestQuickstartCounts holds the plan against the counts that the design of
// the language states for this workflow.
func TestQuickstartCounts(t *testing.T) {
	p, diags := makePlan(t, quickstart, study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	got := map[string]int{}
	for _, b := range p.Blocks {
		got[b.Address] = b.Instances
		for alt, n := range b.By {
			got[b.Address+"/"+alt] = n
		}
	}
	want := map[string]int{
		"loader.train": 1, "loader.test": 1, "mixture.train": 24, "encoder.student": 72, "encoder.untrained": 24,
		"task.to_pivot": 6, "index.exact": 1, "metric.quality": 1,
		"retrieval.zero_shot": 432 + 144, "retrieval.zero_shot/student": 432, "retrieval.zero_shot/untrained": 144,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("instances (-want +got):\n%s", d)
	}
	// One English corpus per encoder, whatever the number of targets; pool
	// seeds multiply searches.
	steps := map[study.Stage]int{
		study.StageLoad: 2, study.StageMix: 24, study.StageTrain: 72, study.StagePool: 18, study.StageCheck: 144,
		study.StageEncode: 96 * 7, study.StageIndex: 96, study.StageSearch: 576 * 3, study.StageMeasure: 576 * 3,
		study.StageCollect: 1, study.StageAnalyse: 1, study.StageReport: 1,
	}
	if d := cmp.Diff(steps, count(p)); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	seen := map[*study.Step]bool{}
	for _, s := range p.Steps {
		for _, in := range s.Inputs {
			if !seen[in.Step] {
				t.Fatalf("%s comes before its input %s", s.Label, in.Step.Label)
			}
		}
		seen[s] = true
	}
}

func recipes(t *testing.T, p *study.Plan) map[cas.Digest]bool {
	t.Helper()
	out := map[cas.Digest]bool{}
	for _, s := range p.Steps {
		switch s.Stage {
		case study.StageCollect, study.StageAnalyse, study.StageReport: // print names
		default:
			out[s.Recipe] = true
		}
	}
	return out
}

// TestIdentity checks what changes a recipe and what does not.
func TestIdentity(t *testing.T) {
	base, diags := makePlan(t, quickstart, study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	old := recipes(t, base)
	for name, c := range map[string]struct {
		change []string
		fresh  func(s *study.Step) bool // which steps of the new plan are new
	}{
		"comment":                      {[]string{"# The same shapes", "# Alike"}, nil},
		"block name":                   {[]string{"encoder.student", "encoder.pupil", `"student"`, `"pupil"`}, nil},
		"axis name":                    {[]string{"axis.draw", "axis.repeat", `axis "draw"`, `axis "repeat"`}, nil},
		"performance":                  {[]string{"dim     = axis.size.dim\n  seed    = axis.draw\n  train", "dim = axis.size.dim\n threads = 4\n seed = axis.draw\n train"}, nil},
		"path spelling":                {[]string{"../examples/minifaq", ".././examples/../examples/minifaq"}, nil},
		"written default":              {[]string{`similarity = "cosine"`, ""}, nil},
		"another spelling of a number": {[]string{`depth   = 50`, `depth = 25 * 2`}, nil},
		"dim of one size": {[]string{"dim     = 64", "dim = 48"}, func(s *study.Step) bool {
			return dependsOn(s, func(s *study.Step) bool { return strings.Contains(string(s.Config), `"dim":48`) })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, diags := makePlan(t, variation(t, c.change...), study.Options{Done: func(cas.Digest) bool { return true }})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			fresh := 0
			for _, s := range p.Steps {
				if s.Stage == study.StageCollect || s.Stage == study.StageAnalyse || s.Stage == study.StageReport {
					continue
				}
				isNew := !old[s.Recipe]
				wantNew := c.fresh != nil && c.fresh(s)
				if isNew != wantNew {
					t.Fatalf("%s %s: new %v, want %v", s.Stage, s.Label, isNew, wantNew)
				}
				if isNew {
					fresh++
				}
			}
			if c.fresh != nil && fresh == 0 {
				t.Error("nothing changed")
			}
		})
	}
}

func dependsOn(s *study.Step, is func(*study.Step) bool) bool {
	if is(s) {
		return true
	}
	for _, in := range s.Inputs {
		if dependsOn(in.Step, is) {
			return true
		}
	}
	return false
}

func TestAddingATargetTrainsNothing(t *testing.T) {
	small, diags := makePlan(t, variation(t, `"tgl", "cym"]`, `"tgl"]`), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	old := recipes(t, small)
	p, _ := makePlan(t, quickstart, study.Options{})
	fresh := map[study.Stage]int{}
	for _, s := range p.Steps {
		if !old[s.Recipe] {
			fresh[s.Stage]++
		}
	}
	want := map[study.Stage]int{
		study.StagePool: 3, study.StageCheck: 24, study.StageEncode: 96, study.StageSearch: 288, study.StageMeasure: 288,
		study.StageCollect: 1, study.StageAnalyse: 1, study.StageReport: 1,
	}
	if d := cmp.Diff(want, fresh); d != "" {
		t.Errorf("new steps (-want +got):\n%s", d)
	}
}

func TestOnly(t *testing.T) {
	f, err := study.ParseFilter("size=xs|s,draw=1")
	if err != nil {
		t.Fatal(err)
	}
	p, diags := makePlan(t, quickstart, study.Options{Only: f})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if !p.Partial || len(p.Cells) != 2*3*6+2*6 || p.FullCells != 576 {
		t.Errorf("got %d of %d cells, partial %v", len(p.Cells), p.FullCells, p.Partial)
	}
	f, _ = study.ParseFilter("sise=xs")
	if _, diags := makePlan(t, quickstart, study.Options{Only: f}); !diags.HasErrors() || !strings.Contains(diags[0].Detail, `Did you mean "size"?`) {
		t.Errorf("got %v", diags)
	}
}

func TestWhenRemovesDependants(t *testing.T) {
	p, diags := makePlan(t, variation(t, "  seed    = axis.draw\n  train {", "  seed    = axis.draw\n  when = axis.size.name != \"m\" || axis.languages == 4\n  train {"), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, b := range p.Blocks {
		if b.Address == "encoder.student" && b.Instances != 48+8 {
			t.Errorf("want 56 encoders, got %d", b.Instances)
		}
		if b.Address == "retrieval.zero_shot" && b.Instances != 56*6+144 {
			t.Errorf("want %d retrievals, got %d", 56*6+144, b.Instances)
		}
	}
}

func TestRefusedAtPlan(t *testing.T) {
	for name, c := range map[string]struct {
		change          []string
		line            string // source text of the line that is blamed
		summary, detail string
	}{
		"more than half of the candidates": {[]string{"values = [1, 2, 4]", "values = [1, 2, 5]"}, "sample(local.high", "Sample too large for its list", "5 of 8"},
		"budget cannot be filled":          {[]string{"pairs     = 160", "pairs     = 201"}, "pairs     = 201", "Budget cannot be filled", "200"},
		"pool cannot be filled":            {[]string{"size    = 50", "size    = 70"}, "pool =", "Pool cannot be filled", "70"},
		"axis never used":                  {[]string{`axis "size" {`, "axis \"spare\" {\n  values = [1]\n}\naxis \"size\" {"}, `axis "spare"`, "Axis never used", "axis.spare"},
		"unknown language":                 {[]string{`"cym"]`, `"cyn"]`}, "query_language", "Unusable language code", "cyn"},
		"unknown argument":                 {[]string{"buckets = axis.size.buckets\n  dim     = axis.size.dim\n  seed    = axis.draw\n  train", "bukets = 5\n  dim = axis.size.dim\n  seed = axis.draw\n  train"}, "bukets", "Unsupported argument", `Did you mean "buckets"?`},
		"wrong type":                       {[]string{`split = "train"`, `split = 3`}, "split = 3", "Wrong type", "a string"},
		"out of bounds":                    {[]string{"examples = 3000", "examples = 0"}, "examples = 0", "Invalid value", "at least 1"},
		"plugin finds a mistake":           {[]string{`"RR@10", "Success@1"]`, `"nDGC@10"]`}, "nDGC@10", "Unknown measure", "nDGC@10"},
		"measure not computed":             {[]string{`measure  = "nDCG@10"`, `measure  = "nDCG@5"`}, `"nDCG@5"`, "Measure not computed", `Did you mean "nDCG@10"?`},
		"values beyond 1":                  {[]string{`"Success@1"]`, `"NumRet"]`, `measure  = "nDCG@10"`, `measure  = "num_ret"`}, `"num_ret"`, "Measure beyond 0 to 1", "The values of NumRet lie from 0 upwards. An analysis takes measures from 0 to 1: its effects are in points of 0.01, and its slopes in log-odds. Of what metric.quality computes, RR@10, nDCG@10 will do. The records hold every measure."},
		"values below 0":                   {[]string{"metric \"ir\"", "metric \"fairness\"", `"nDCG@10", "RR@10", "Success@1"]`, `"MaxR", "MRC@10"]`, `measure  = "nDCG@10"`, `measure  = "MRC @10"`}, `"MRC @10"`, "Measure beyond 0 to 1", "The values of MRC@10 lie from -1 to 1. An analysis takes measures from 0 to 1: its effects are in points of 0.01, and its slopes in log-odds. None of what metric.quality computes will do: add a measure with values from 0 to 1 there."},
		"near name of its metric":          {[]string{"metric \"ir\"", "metric \"fairness\"", `"nDCG@10", "RR@10", "Success@1"]`, `"MaxR( scaled=True)", "PEER@10"]`, `measure  = "nDCG@10"`, `measure  = "PERE@10"`}, `"PERE@10"`, "Measure not computed", `metric.quality computes MaxR(scaled=True), PEER@10, not "PERE@10". Did you mean "PEER@10"?`},
		"another measure of the metric":    {[]string{"metric \"ir\"", "metric \"fairness\"", `"nDCG@10", "RR@10", "Success@1"]`, `"MaxR( scaled=True)", "PEER@10"]`, `measure  = "nDCG@10"`, `measure  = "MaxR"`}, `"MaxR"`, "Measure not computed", `not "MaxR".`},
		"without a list of measures":       {[]string{"metric \"ir\"", "metric \"own\"", `measures = ["nDCG@10", "RR@10", "Success@1"]`, `cutoff = 5`, `measure  = "nDCG@10"`, `measure  = "Own@4"`}, `"Own@4"`, "Measure not computed", `metric.quality computes Own@5, not "Own@4". Did you mean "Own@5"?`},
		"its own, and too shallow":         {[]string{"metric \"ir\"", "metric \"own\"", `measures = ["nDCG@10", "RR@10", "Success@1"]`, `cutoff = 40`, `measure  = "nDCG@10"`, `measure  = "Own@40"`, "depth   = 50", "depth = 30"}, "depth = 30", "Depth below a cutoff", "Own@40 looks at 40 ranks"},
		"missing source":                   {[]string{"../examples/minifaq", "missing"}, "var.data", "Unusable source", "missing"},
		"unknown component":                {[]string{`encoder "subword" "student"`, `encoder "subwrd" "student"`}, "subwrd", "Unknown component", `Did you mean "subword"?`},
		"baseline not measured":            {[]string{"[encoder.student, encoder.untrained]", "[encoder.student]"}, "baseline = encoder.untrained", "Baseline not measured", "encoder.untrained"},
		"reference is no target":           {[]string{`measure  = "nDCG@10"`, "measure  = \"nDCG@10\"\n  reference = \"cet\""}, `"cet"`, "Reference is no target", `Did you mean "cat"?`},
		"pivot among languages":            {[]string{`"tur", "ind"]`, `"tur", "eng"]`}, "sample(local.high", "Pivot among the languages", "eng"},
		"draws alike":                      {[]string{"sample(local.high, axis.languages, axis.draw)", "slice(shuffle(slice(local.high, 0, 4), axis.draw), 0, axis.languages)"}, "slice(shuffle", "Draws are all alike", "All 8 draws"},
		"no cells":                         {[]string{`leakage = "error"`, "leakage = \"error\"\n  when = false"}, "", "No cells", "empty"},
		"null seed":                        {[]string{"seed      = axis.draw", "seed = null"}, "seed = null", "Missing required argument", "null"},
		"number beyond 2^53":               {[]string{"seed    = axis.draw\n  train", "seed    = 9007199254740993\n  train"}, "9007199254740993", "Unusable number", "2^53"},
	} {
		t.Run(name, func(t *testing.T) {
			path := variation(t, c.change...)
			_, diags := makePlan(t, path, study.Options{})
			src, _ := os.ReadFile(path)
			lines := strings.Split(string(src), "\n")
			for _, d := range diags {
				if d.Summary != c.summary || !strings.Contains(d.Detail, c.detail) {
					continue
				}
				if d.Subject == nil {
					if c.line == "" {
						return
					}
					continue
				}
				if got := lines[d.Subject.Start.Line-1]; strings.Contains(got, c.line) {
					return
				}
			}
			t.Errorf("want %q with %q at a line with %q, got:\n%v", c.summary, c.detail, c.line, diags.Errs())
		})
	}
}

func BenchmarkPlan10000Cells(b *testing.B) {
	src, err := os.ReadFile(quickstart)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "w.hcl")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(src), "range(1, 9)", "range(1, 141)")), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w, _, diags := workflow.Load(path, nil)
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		p, diags := study.New(b.Context(), w, newWorld(), study.Options{Done: func(cas.Digest) bool { return true }})
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		b.ReportMetric(float64(len(p.Cells)), "cells")
	}
}

// TestOnlyKeepsWhatIsExcluded: a collecting reference sees the whole grid, also
// when a filter leaves part of it, or the filter would change what is trained.
func TestOnlyKeepsWhatIsExcluded(t *testing.T) {
	path := variation(t, "split     = \"test\"\n", "split     = \"test\"\n  languages = [axis.target, \"eng\"]\n")
	full, diags := makePlan(t, path, study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	f, err := study.ParseFilter("target=cat")
	if err != nil {
		t.Fatal(err)
	}
	part, diags := makePlan(t, path, study.Options{Only: f})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	known := recipes(t, full)
	for _, s := range part.Steps {
		if !s.Assembles() && !known[s.Recipe] {
			t.Fatalf("%s %s is not a step of the full grid", s.Stage, s.Label)
		}
	}
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		change          []string
		summary, detail string
	}{
		"unused block":         {[]string{`index "flat" "exact" {`, "index \"flat\" \"spare\" {}\nindex \"flat\" \"exact\" {"}, "Unused block", "index.spare"},
		"equal cells":          {[]string{"  seed    = axis.draw\n  train {", "  seed    = 1\n  threads = axis.draw\n  train {", "sample(local.high, axis.languages, axis.draw)", "sample(local.high, axis.languages, 1)", "seed      = axis.draw", "seed = 1"}, "Cells that are the same", "axis draw changes nothing"},
		"no baseline":          {[]string{"[encoder.student, encoder.untrained]", "encoder.student", "  baseline = encoder.untrained\n", ""}, "No baseline", "zero_shot"},
		"block without a cell": {[]string{`index "flat" "exact" {`, "metric \"ir\" \"none\" {\n  measures = [\"AP\"]\n  when = false\n}\nindex \"flat\" \"exact\" {"}, "Block without instances", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			p, diags := makePlan(t, variation(t, c.change...), study.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			for _, w := range p.Warnings {
				if w.Summary == c.summary && strings.Contains(w.Detail, c.detail) {
					return
				}
			}
			t.Errorf("want %q with %q, got %v", c.summary, c.detail, p.Warnings.Errs())
		})
	}
}

// TestUnusedStepsAreNotPlanned: what no cell needs is neither run nor counted.
func TestUnusedStepsAreNotPlanned(t *testing.T) {
	base, _ := makePlan(t, quickstart, study.Options{})
	p, diags := makePlan(t, variation(t, `encoder "subword" "untrained"`, "encoder \"subword\" \"lonely\" {\n  dim = 8\n  train {\n    on = mixture.train\n    examples = 10\n  }\n}\nencoder \"subword\" \"untrained\""), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if d := cmp.Diff(count(base), count(p)); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

// TestOneDrawIsNotAlike: mixtures that differ in another axis are no draws.
func TestOneDrawIsNotAlike(t *testing.T) {
	path := variation(t,
		`axis "draw" {`, "axis \"pairs\" {\n  role = \"budget\"\n  values = [40, 160]\n}\naxis \"draw\" {",
		"pairs     = 160", "pairs     = axis.pairs")
	f, err := study.ParseFilter("languages=1,draw=1")
	if err != nil {
		t.Fatal(err)
	}
	if _, diags := makePlan(t, path, study.Options{Only: f}); diags.HasErrors() {
		t.Error(diags)
	}
}

// The measure of an analysis is found however it is spelled, and the plan has
// the name that records have.
func TestMeasureSpelled(t *testing.T) {
	for text, want := range map[string]string{
		"nDCG@10": "nDCG@10", "ndcg_cut_10": "nDCG@10", " NDCG( dcg='log2' ) @ 10": "nDCG@10", "MRR@10": "RR@10",
		"PEER @10": "PEER@10", "AWRF(target=\\\"pool\\\", p = 0.50)@5": "AWRF(p=0.5)@5", "MaxR(scaled=True)": "MaxR(scaled=True)",
		"Own@7": "Own@7",
	} {
		metric := []string{`metric "ir" "q`, `measures = ["ndcg_cut.10", "RR@10"]`}
		switch {
		case strings.Contains(want, "Own"):
			metric = []string{`metric "own" "q`, "cutoff = 7"}
		case !strings.Contains(want, "@10") || strings.Contains(want, "PEER"):
			metric = []string{`metric "fairness" "q`, `measures = ["PEER( reference = False )@10", "AWRF(p=.5)@ 5", "MaxR( scaled=True )"]`}
		}
		p, diags := makePlan(t, variation(t, `metric "ir" "q`, metric[0], `measures = ["nDCG@10", "RR@10", "Success@1"]`, metric[1], `measure  = "nDCG@10"`, `measure  = "`+text+`"`), study.Options{})
		if diags.HasErrors() {
			t.Errorf("%s: %v", text, diags)
			continue
		}
		if got := p.Analyses[0].Measure; got != want {
			t.Errorf("%s: want %s, got %s", text, want, got)
		}
	}
}

// Whether vectors that exist are those of the texts is asked once per encoder,
// before anything runs, and not for what is in the store.
func TestVectorsThere(t *testing.T) {
	made := func(vectors string, done func(cas.Digest) bool) (hcl.Diagnostics, int) {
		path := variation(t, `encoder "subword" "untrained" {
  buckets = axis.size.buckets
  dim     = axis.size.dim
  seed    = axis.draw
}`, `encoder "precomputed" "untrained" {
  vectors = "`+vectors+`"
  ids     = "ids.txt"
}`)
		w, _, diags := workflow.Load(path, nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		world := newWorld()
		_, diags = study.New(t.Context(), w, world, study.Options{Done: done})
		return diags, world.lookUps
	}
	if diags, n := made("v.npy", nil); diags.HasErrors() || n != 1 {
		t.Errorf("%d times, %v", n, diags)
	}
	diags, _ := made("holes.npy", nil)
	var got []string
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			got = append(got, fmt.Sprintf("%s %s\n%s", d.Subject, d.Summary, d.Detail))
		}
	}
	if len(got) != 1 || !strings.Contains(got[0], "Texts without vectors\nIn the queries (cat) of loader.test, 1 of 60, query cat/qtest1.\nIn the queries (cym) of loader.test, 1 of 60, query cym/qtest1.") {
		t.Errorf("got %q", got)
	}
	if diags, n := made("holes.npy", func(cas.Digest) bool { return true }); diags.HasErrors() || n != 0 {
		t.Errorf("%d times, %v", n, diags)
	}
}
