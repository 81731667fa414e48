package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// fakeHost carries out components in this process: a small parallel
// collection, an encoder of hashed words, an exact index, one measure.
type fakeHost struct {
	mu    sync.Mutex
	calls map[string]int
	// before is called with the kind of call and a word that tells it apart
	// ("m" of config); its error is that of the call.
	before func(ctx context.Context, call, what string) error
}

func (h *fakeHost) enter(ctx context.Context, call, what string) error {
	h.mu.Lock()
	if h.calls == nil {
		h.calls = map[string]int{}
	}
	h.calls[call]++
	h.mu.Unlock()
	if h.before != nil {
		if err := h.before(ctx, call, what); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (h *fakeHost) count(call string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[call]
}

const fakeGroups = 40

func (h *fakeHost) Load(ctx context.Context, _ int, ref pluginhost.Ref, out sdk.Collector) (pluginhost.Stats, error) {
	if err := h.enter(ctx, "load", string(ref.Config)); err != nil {
		return pluginhost.Stats{}, err
	}
	split := "train"
	if strings.Contains(string(ref.Config), "test") {
		split = "test"
	}
	for g := range fakeGroups {
		for _, lang := range []string{"eng", "deu", "spa", "isl", "mlt"} {
			id, group := fmt.Sprintf("%s%d-%s", split, g, lang), fmt.Sprint(split, g)
			q := sdk.Query{ID: id, Language: lang, Group: group, Text: fmt.Sprintf("word%d about %s%d in %s", g%7, split, g, lang)}
			if g == 3 && lang == "isl" {
				q.Text = ""
			}
			d := sdk.Document{ID: id, Language: lang, Group: group, Text: fmt.Sprintf("answer word%d %s%d %s", g%7, split, g, lang)}
			if err := errors.Join(out.Query(q), out.Document(d), out.Qrel(sdk.Qrel{Query: id, Document: id, Relevance: 1})); err != nil {
				return pluginhost.Stats{}, err
			}
			if lang != "eng" && split == "train" {
				err := out.Pair(sdk.Pair{Kind: "qa", Group: group, A: sdk.Text{ID: id, Language: lang, Text: q.Text + "?"}, B: sdk.Text{Language: "eng", Text: fmt.Sprintf("answer word%d %s%d eng", g%7, split, g)}})
				if err != nil {
					return pluginhost.Stats{}, err
				}
			}
		}
	}
	out.Count("row without answer", 2)
	return pluginhost.Stats{Plugin: "fake", PID: 7}, nil
}

func (h *fakeHost) Train(ctx context.Context, _ int, ref pluginhost.Ref, call pluginhost.TrainCall) (pluginhost.Stats, error) {
	if err := h.enter(ctx, "train", string(ref.Config)); err != nil {
		return pluginhost.Stats{}, err
	}
	sum := fnv.New64a()
	n := 0
	for p, err := range call.Pairs {
		if err != nil {
			return pluginhost.Stats{}, err
		}
		n++
		_, _ = fmt.Fprint(sum, p.A.Text, "\x00", p.B.Text, "\x00") // a hash never fails
	}
	if n != call.Count {
		return pluginhost.Stats{}, fmt.Errorf("want %d pairs, got %d", call.Count, n)
	}
	call.Report(int64(3*n), int64(3*n))
	err := os.WriteFile(filepath.Join(call.Dir, "weights"), fmt.Appendf(nil, "%s %s %x", ref.Config, call.Options, sum.Sum64()), 0o644)
	return pluginhost.Stats{Plugin: "fake", PID: 7, Compute: time.Millisecond}, err
}

const fakeDim = 16

func (h *fakeHost) Encode(ctx context.Context, _ int, ref pluginhost.Ref, role sdk.Role, texts iter.Seq2[sdk.Text, error], total int, sink func(*sdk.Embeddings) error) (sdk.EncoderInfo, pluginhost.Stats, error) {
	info := sdk.EncoderInfo{Dim: fakeDim, ParamsTotal: 1000, PretrainingKnown: true}
	if err := h.enter(ctx, "encode", string(ref.Config)+" "+string(role)); err != nil {
		return info, pluginhost.Stats{}, err
	}
	salt := string(ref.Config)
	if ref.Model != nil {
		b, err := os.ReadFile(filepath.Join(ref.Model.Dir, "weights"))
		if err != nil {
			return info, pluginhost.Stats{}, err
		}
		salt = string(b)
	}
	e := &sdk.Embeddings{Dim: fakeDim}
	for t, err := range texts {
		if err != nil {
			return info, pluginhost.Stats{}, err
		}
		row := make([]float32, fakeDim)
		for w := range strings.FieldsSeq(t.Text) {
			x := fnv.New32a()
			_, _ = fmt.Fprint(x, salt, w) // a hash never fails
			row[x.Sum32()%fakeDim]++
		}
		e.Data = append(e.Data, row...)
		if e.Rows() == 7 {
			if err := sink(e); err != nil {
				return info, pluginhost.Stats{}, err
			}
			e = &sdk.Embeddings{Dim: fakeDim}
		}
	}
	return info, pluginhost.Stats{Plugin: "fake"}, sink(e)
}

func (h *fakeHost) Build(ctx context.Context, _ int, _ pluginhost.Ref, t sdk.BuildTask) (pluginhost.Stats, error) {
	if err := h.enter(ctx, "build", ""); err != nil {
		return pluginhost.Stats{}, err
	}
	return pluginhost.Stats{}, os.WriteFile(filepath.Join(t.Dir, "shape"), fmt.Appendf(nil, "%d %d", t.Documents.Rows, t.Documents.Dim), 0o644)
}

func (h *fakeHost) Search(ctx context.Context, _ int, _ pluginhost.Ref, t sdk.SearchTask, emit func(int32, []sdk.Hit) error) (pluginhost.Stats, error) {
	if err := h.enter(ctx, "search", ""); err != nil {
		return pluginhost.Stats{}, err
	}
	docs, err := vec.OpenNPY(t.Documents.Path)
	if err != nil {
		return pluginhost.Stats{}, &pluginhost.Error{Fault: pluginhost.FaultInput, Plugin: "fake", Doing: "search", Err: err}
	}
	defer func() { _ = docs.Close() }()
	queries, err := vec.OpenNPY(t.Queries.Path)
	if err != nil {
		return pluginhost.Stats{}, &pluginhost.Error{Fault: pluginhost.FaultInput, Plugin: "fake", Doing: "search", Err: err}
	}
	defer func() { _ = queries.Close() }()
	found, err := vec.TopK(ctx, docs.Matrix, queries.Matrix, t.K, vec.Options{DocRows: t.DocumentRows, QueryRows: t.QueryRows, Threads: 1})
	if err != nil {
		return pluginhost.Stats{}, err
	}
	for i, list := range found {
		var hits []sdk.Hit
		for _, x := range list {
			hits = append(hits, sdk.Hit(x))
		}
		if err := emit(t.QueryRows[i], hits); err != nil {
			return pluginhost.Stats{}, err
		}
	}
	return pluginhost.Stats{Plugin: "fake"}, nil
}

func (h *fakeHost) Evaluate(ctx context.Context, _ int, _ pluginhost.Ref, queries iter.Seq[sdk.JudgedQuery], emit func(string, sdk.QueryValues) error) ([]string, pluginhost.Stats, error) {
	if err := h.enter(ctx, "evaluate", ""); err != nil {
		return nil, pluginhost.Stats{}, err
	}
	for q := range queries {
		v := sdk.QueryValues{Values: []float64{0}}
		for i, d := range q.Ranking {
			if q.Qrels[d.ID] > 0 {
				v = sdk.QueryValues{Values: []float64{1 / float64(i+1)}, Rank: i + 1}
				break
			}
		}
		if err := emit(q.ID, v); err != nil {
			return nil, pluginhost.Stats{}, err
		}
	}
	return []string{"RR"}, pluginhost.Stats{Plugin: "fake"}, nil
}

// planner makes plans as package study does: equal recipes are one step.
type planner struct {
	plan  *study.Plan
	steps map[cas.Digest]*study.Step
}

func (p *planner) step(s study.Step, args any) *study.Step {
	a, err := json.Marshal(map[string]any{"stage": s.Stage, "args": args})
	if err != nil {
		panic(err)
	}
	s.ActionArgs = a
	in := []any{}
	for _, x := range s.Inputs {
		in = append(in, []any{x.Role, x.Step.Recipe, x.Part})
	}
	if s.Preimage, err = json.Marshal([]any{json.RawMessage(a), in}); err != nil {
		panic(err)
	}
	s.Recipe = cas.Sum(s.Preimage)
	if old := p.steps[s.Recipe]; old != nil {
		return old
	}
	if s.Weight == 0 {
		s.Weight = 1
	}
	p.steps[s.Recipe] = &s
	p.plan.Steps = append(p.plan.Steps, &s)
	return &s
}

// grid is the study that the tests run.
type grid struct {
	sizes   []string
	draws   int
	targets []string
	seeds   []int64
	leak    string
	name    string // of the encoder block
	source  string // digest of what the loaders read
}

func smallGrid() grid {
	return grid{sizes: []string{"s", "m"}, draws: 2, targets: []string{"isl", "mlt"}, seeds: []int64{1, 2}, leak: "error", name: "student", source: "data"}
}

// steps of the small grid: 2 load, 2 mix, 4 train, 4 pool, 4 check, 12 encode,
// 4 index, 16 search, 16 measure, collect, analyse, report.
const smallSteps = 2 + 2 + 4 + 4 + 4 + 12 + 4 + 16 + 16 + 3

func (g grid) plan() *study.Plan {
	p := &planner{plan: &study.Plan{Name: "grid", Title: "A grid"}, steps: map[cas.Digest]*study.Step{}}
	comp := func(k sdk.Kind, name string) *study.Component {
		return &study.Component{Kind: k, Plugin: "fake", Name: name, Revision: 1}
	}
	ld := func(split string) *study.Step {
		c := []byte(fmt.Sprintf(`{"split":%q}`, split))
		return p.step(study.Step{Stage: study.StageLoad, Label: "faq " + split, Block: "loader." + split, Component: comp(sdk.KindLoader, "faq"), Config: c}, []string{split, g.source})
	}
	trainSet, test := ld("train"), ld("test")
	p.plan.Axes = []study.Axis{{Name: "size", Role: "size", Labels: g.sizes}, {Name: "draw", Role: "draw"}, {Name: "target", Role: "target", Labels: g.targets}}
	pools := map[string][]*study.Step{}
	for _, t := range g.targets {
		for _, s := range g.seeds {
			x := &study.Pool{QueryLanguage: t, CorpusLanguage: "eng", Size: 20, Queries: 10, Seed: s}
			pools[t] = append(pools[t], p.step(study.Step{
				Stage: study.StagePool, Label: fmt.Sprintf("pool %s %d", t, s), Block: "task.t", Pool: x,
				Inputs: []study.Input{{Role: "queries", Step: test, Part: "queries"}, {Role: "corpus", Step: test, Part: "corpus"}, {Role: "qrels", Step: test, Part: "qrels"}},
			}, x))
		}
	}
	var values []study.Input
	var facts []any
	for _, size := range g.sizes {
		for draw := range g.draws {
			m := &study.Mixture{Languages: []string{"deu", "spa"}, Pivot: "eng", Pairs: 20, Share: "even", Pairing: "aligned", Seed: fmt.Sprint(draw)}
			mx := p.step(study.Step{Stage: study.StageMix, Label: fmt.Sprintf("mix %d", draw), Block: "mixture.train", Mix: m, Inputs: []study.Input{
				{Role: "pairs", Step: trainSet, Part: "pairs"}, {Role: "exclude_queries", Step: test, Part: "queries"}, {Role: "exclude_corpus", Step: test, Part: "corpus"},
			}}, m)
			c := []byte(fmt.Sprintf(`{"size":%q}`, size))
			tr := p.step(study.Step{
				Stage: study.StageTrain, Label: fmt.Sprintf("train %s %d", size, draw), Block: "encoder." + g.name, Component: comp(sdk.KindEncoder, "words"), Config: c, Train: []byte(`{}`),
				Inputs: []study.Input{{Role: "pairs", Step: mx, Part: "pairs"}}, Weight: 5,
			}, string(c))
			enc := func(role sdk.Role, part, lang string) *study.Step {
				return p.step(study.Step{
					Stage: study.StageEncode, Label: fmt.Sprintf("encode %s %d %s", size, draw, lang), Block: "encoder." + g.name, Component: comp(sdk.KindEncoder, "words"), Config: c,
					Texts:  &study.Selection{Role: role, Language: lang},
					Inputs: []study.Input{{Role: "texts", Step: test, Part: part}, {Role: "model", Step: tr, Part: "model"}},
				}, []string{string(c), string(role), lang})
			}
			docs := enc(sdk.RoleDocument, "corpus", "eng")
			idx := p.step(study.Step{Stage: study.StageIndex, Label: "index of " + docs.Label, Block: "index.exact", Component: comp(sdk.KindIndex, "flat"), Inputs: []study.Input{{Role: "documents", Step: docs, Part: "vectors"}}}, "flat")
			for _, t := range g.targets {
				qs := enc(sdk.RoleQuery, "queries", t)
				cell := &study.Cell{
					Retrieval: "r", Encoder: g.name, Component: "words", Task: "t", Index: "exact", Axes: map[string]string{"size": size, "draw": fmt.Sprint(draw), "target": t},
					QueryLanguage: t, CorpusLanguage: "eng", PoolSize: 20, Mix: mx, Train: tr, Queries: qs,
				}
				in := []study.Input{{Role: "pairs", Step: mx, Part: "pairs"}, {Role: "queries", Step: test, Part: "queries"}, {Role: "corpus", Step: test, Part: "corpus"}}
				for _, pl := range pools[t] {
					in = append(in, study.Input{Role: "pool", Step: pl, Part: "pool"})
				}
				chk := p.step(study.Step{Stage: study.StageCheck, Label: fmt.Sprintf("check %d %s", draw, t), Block: "retrieval.r", Leak: &study.Leakage{Mode: g.leak}, Inputs: in}, g.leak)
				for i, pl := range pools[t] {
					s := p.step(study.Step{
						Stage: study.StageSearch, Label: fmt.Sprintf("search %s %d %s %d", size, draw, t, g.seeds[i]), Block: "retrieval.r", Component: comp(sdk.KindIndex, "flat"), Depth: 20,
						Inputs: []study.Input{{Role: "index", Step: idx, Part: "index"}, {Role: "documents", Step: docs, Part: "vectors"}, {Role: "queries", Step: qs, Part: "vectors"}, {Role: "pool", Step: pl, Part: "pool"}},
					}, "search")
					ms := p.step(study.Step{
						Stage: study.StageMeasure, Label: fmt.Sprintf("measure %s %d %s %d", size, draw, t, g.seeds[i]), Block: "retrieval.r", Component: comp(sdk.KindMetric, "ir"), After: []*study.Step{chk},
						Inputs: []study.Input{{Role: "ranking", Step: s, Part: "ranking"}, {Role: "pool", Step: pl, Part: "pool"}},
					}, "measure")
					cell.Runs = append(cell.Runs, study.CellRun{Seed: g.seeds[i], Pool: pl, Search: s, Measure: ms})
					values = append(values, study.Input{Role: "values", Step: ms, Part: "values"})
				}
				cell.ID = cas.Sum([]byte(cell.Runs[0].Measure.Recipe))
				p.plan.Cells = append(p.plan.Cells, cell)
				facts = append(facts, []any{cell.ID, cell.Encoder})
			}
		}
	}
	p.plan.Collect = p.step(study.Step{Stage: study.StageCollect, Label: "records", Inputs: values}, facts)
	p.plan.Analyse = p.step(study.Step{Stage: study.StageAnalyse, Label: "analysis", Inputs: []study.Input{{Role: "records", Step: p.plan.Collect, Part: "records"}}}, "law")
	p.plan.Report = p.step(study.Step{Stage: study.StageReport, Label: "report", Inputs: []study.Input{{Role: "summary", Step: p.plan.Analyse, Part: "summary"}, {Role: "records", Step: p.plan.Collect, Part: "records"}}}, "report")
	p.plan.FullCells = len(p.plan.Cells)
	return p.plan
}

func openStore(t testing.TB, dir string) *cas.Store {
	t.Helper()
	s, err := cas.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func options(s *cas.Store, h Host, workers int) Options {
	return Options{
		Store: s, Host: h, Workers: workers, Results: filepath.Join(filepath.Dir(s.Root()), "results"),
		Analyse: func(_ context.Context, _ *study.Plan, in Findings) (map[string][]byte, error) {
			recs, _, err := results.ReadRecords(in.Records)
			return map[string][]byte{"summary": fmt.Appendf(nil, "%d records, %d missing\n", len(recs), in.Missing), "claims": []byte("[]\n")}, err
		},
		Report: func(_ context.Context, _ *study.Plan, in Findings) (map[string][]byte, error) {
			b, err := os.ReadFile(in.Summary)
			return map[string][]byte{"report.html": append([]byte("<p>"), b...), "figures/a.svg": []byte("<svg/>")}, err
		},
	}
}

func mustRun(t testing.TB, plan *study.Plan, o Options) *Outcome {
	t.Helper()
	out, err := Run(context.Background(), plan, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newStore(t testing.TB) *cas.Store { return openStore(t, filepath.Join(t.TempDir(), "store")) }

// blobs lists what a store holds.
func blobs(t *testing.T, s *cas.Store) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(s.Root(), "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestRunAndRerun(t *testing.T) {
	s, h := newStore(t), &fakeHost{}
	o := options(s, h, 2)
	out := mustRun(t, smallGrid().plan(), o)
	if out.Total != smallSteps || out.Ran+out.Shared != smallSteps || len(out.Failures) != 0 || out.Missing != 0 {
		t.Errorf("want %d steps run, got %+v", smallSteps, out.StageCount)
	}
	for call, want := range map[string]int{"load": 2, "train": 4, "encode": 12, "search": 16, "evaluate": 16} {
		if got := h.count(call); got != want {
			t.Errorf("%s: want %d calls, got %d", call, want, got)
		}
	}
	recs, axes, err := results.ReadRecords(out.Records)
	if err != nil {
		t.Fatal(err)
	}
	if len(recs) != 8*2*10 {
		t.Errorf("want 160 records, got %d", len(recs))
	}
	if d := cmp.Diff([]string{"size", "draw", "target"}, axes); d != "" {
		t.Error(d)
	}
	r := recs[0]
	if r.Pairs != 20 || r.Examples != 60 || r.Subset != "deu spa" || r.Exposure != results.ExposureNone || r.ParamsTotal != 1000 || r.Hill1 < 1.99 || r.Axes["size"] != "s" || r.TrainingSet == "" {
		t.Errorf("lineage of the first record: %+v", r)
	}
	for _, f := range []string{"report.html", "figures/a.svg", "records.parquet", "summary.json", "claims.json", "journal.parquet"} {
		if _, err := os.Stat(filepath.Join(out.Results, f)); err != nil {
			t.Error(err)
		}
	}
	runs, err := filepath.Glob(filepath.Join(out.Results, "runs", "*.trec.gz"))
	if err != nil || len(runs) != 16 {
		t.Errorf("want 16 runs, got %d (%v)", len(runs), err)
	}
	if filepath.Base(out.Results) != "latest" {
		t.Errorf("results of a full run lie in %s", out.Results)
	}
	// 24 empty texts: one isl query in each of 4 encodings, as found while
	// encoding, and once while loading each split.
	var empty int
	for _, n := range out.Notes {
		if strings.HasPrefix(n.What, "empty text") {
			empty += n.Count
		}
	}
	if empty != 4 {
		t.Errorf("want 4 empty texts noted, got %d: %+v", empty, out.Notes)
	}

	before := h.calls
	h.calls = nil
	again := mustRun(t, smallGrid().plan(), o)
	if again.Cached != smallSteps || len(h.calls) != 0 {
		t.Errorf("a rerun computes: %+v, calls %v (before %v)", again.StageCount, h.calls, before)
	}
	if again.Records != out.Records || again.Report != out.Report {
		t.Error("a rerun gives other results")
	}
}

func TestOnlyWhatChangedRuns(t *testing.T) {
	s, h := newStore(t), &fakeHost{}
	g := smallGrid()
	mustRun(t, g.plan(), options(s, h, 1))
	h.calls = nil

	// A renamed block assembles records, analysis and report anew.
	g.name = "pupil"
	out := mustRun(t, g.plan(), options(s, h, 1))
	if out.Ran != 3 || len(h.calls) != 0 {
		t.Errorf("renaming a block runs %d steps, calls %v", out.Ran, h.calls)
	}
	recs, _, err := results.ReadRecords(out.Records)
	if err != nil || recs[0].Encoder != "pupil" {
		t.Errorf("the records do not have the new name: %v", err)
	}

	// A target more trains nothing.
	g.targets = append(g.targets, "spa")
	out = mustRun(t, g.plan(), options(s, h, 1))
	want := map[string]int{"encode": 4, "search": 8, "evaluate": 8}
	if d := cmp.Diff(want, h.calls); d != "" {
		t.Errorf("another target (-want +got):\n%s", d)
	}
	for _, r := range must(results.ReadRecords(out.Records)) {
		if want := map[string]string{"isl": "none", "mlt": "none", "spa": "tuning"}[r.QueryLanguage]; r.Exposure != want {
			t.Fatalf("exposure of %s: want %s, got %s", r.QueryLanguage, want, r.Exposure)
		}
	}

	// Sources with other digests and the same content: only the loaders run.
	h.calls = nil
	g.source = "the same data under another digest"
	out = mustRun(t, g.plan(), options(s, h, 1))
	if d := cmp.Diff(map[string]int{"load": 2}, h.calls); d != "" {
		t.Errorf("equal contents (-want +got):\n%s", d)
	}
	if out.Ran != 3 { // collect has the same inputs, but cells have other ids
		t.Logf("%+v", out.Stages)
	}
}

func must(recs []results.Record, _ []string, err error) []results.Record {
	if err != nil {
		panic(err)
	}
	return recs
}

func TestBytesDoNotDependOnWorkers(t *testing.T) {
	var want []string
	for _, workers := range []int{1, 4, 4} {
		s := newStore(t)
		out := mustRun(t, smallGrid().plan(), options(s, &fakeHost{}, workers))
		if out.Failed != 0 {
			t.Fatal(out.Failures)
		}
		if got := blobs(t, s); want == nil {
			want = got
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d workers store other blobs:\n%s", workers, d)
		}
	}
}

func TestForceComputesEverythingAgain(t *testing.T) {
	s, h := newStore(t), &fakeHost{}
	o := options(s, h, 2)
	mustRun(t, smallGrid().plan(), o)
	want := blobs(t, s)
	h.calls = nil
	o.Force = true
	warnings := 0
	o.Events = func(e Event) {
		if e.Type == EventWarning {
			warnings++
		}
	}
	out := mustRun(t, smallGrid().plan(), o)
	if out.Cached != 0 || h.count("train") != 4 || h.count("search") != 16 {
		t.Errorf("%+v %v", out.StageCount, h.calls)
	}
	if d := cmp.Diff(want, blobs(t, s)); d != "" || warnings != 0 {
		t.Errorf("the bytes changed (%d warnings):\n%s", warnings, d)
	}
	// An encoder that is not deterministic is found out.
	h.before = nil
	nd := &nondeterministic{fakeHost: h}
	o.Host = nd
	mustRun(t, smallGrid().plan(), o)
	if warnings == 0 {
		t.Error("no warning although the model came out different")
	}
}

type nondeterministic struct{ *fakeHost }

func (h *nondeterministic) Train(ctx context.Context, slot int, ref pluginhost.Ref, call pluginhost.TrainCall) (pluginhost.Stats, error) {
	st, err := h.fakeHost.Train(ctx, slot, ref, call)
	if err == nil {
		err = os.WriteFile(filepath.Join(call.Dir, "clock"), fmt.Append(nil, time.Now().UnixNano()), 0o644)
	}
	return st, err
}

func TestFailureStaysInItsCells(t *testing.T) {
	s := newStore(t)
	h := &fakeHost{before: func(_ context.Context, call, what string) error {
		if call == "encode" && strings.Contains(what, `"m"`) && strings.Contains(what, "query") {
			return &pluginhost.Error{Fault: pluginhost.FaultInput, Plugin: "fake", Doing: "encode", Err: errors.New("no such thing")}
		}
		return nil
	}}
	o := options(s, h, 2)
	failures := 0
	o.Events = func(e Event) {
		if e.Type == EventFailure {
			failures++
			if e.Fault != pluginhost.FaultInput || e.Skipped != 4 || !strings.Contains(e.Detail, "no such thing") {
				t.Errorf("%+v", e)
			}
		}
	}
	out := mustRun(t, smallGrid().plan(), o)
	// 2 draws × 2 targets of size m: 4 encodings fail, each keeps 2 searches
	// and 2 measurements from starting.
	if out.Failed != 4 || out.Skipped != 16 || out.Missing != 4 || failures != 4 {
		t.Errorf("%+v, %d missing, %d failure events", out.StageCount, out.Missing, failures)
	}
	skipped := 0
	for _, f := range out.Failures {
		skipped += f.Skipped
		if f.Attempts != 1 || f.Fault != pluginhost.FaultInput {
			t.Errorf("%+v", f)
		}
	}
	if skipped != out.Skipped {
		t.Errorf("failures account for %d of %d skipped steps", skipped, out.Skipped)
	}
	recs := must(results.ReadRecords(out.Records))
	if len(recs) != 80 || slices.ContainsFunc(recs, func(r results.Record) bool { return r.Axes["size"] != "s" }) {
		t.Errorf("want the 80 records of size s, got %d", len(recs))
	}
	if filepath.Base(out.Results) != "partial" {
		t.Errorf("results that lack cells lie in %s", out.Results)
	}
	if b, err := os.ReadFile(out.Summary); err != nil || !strings.Contains(string(b), "80 records, 4 missing") {
		t.Errorf("%q %v", b, err)
	}

	// The next run does what is missing, and nothing else.
	h.before, h.calls = nil, nil
	out = mustRun(t, smallGrid().plan(), o)
	if d := cmp.Diff(map[string]int{"encode": 4, "search": 8, "evaluate": 8}, h.calls); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if out.Missing != 0 || filepath.Base(out.Results) != "latest" || len(must(results.ReadRecords(out.Records))) != 160 {
		t.Errorf("%+v", out)
	}
	clean := newStore(t)
	ref := mustRun(t, smallGrid().plan(), options(clean, &fakeHost{}, 1))
	if filepath.Base(ref.Records) != filepath.Base(out.Records) || ref.Report != out.Report {
		t.Error("results after a failure differ from those without")
	}
}

func TestEverythingFails(t *testing.T) {
	h := &fakeHost{before: func(_ context.Context, call, _ string) error {
		if call == "load" {
			return &pluginhost.Error{Fault: pluginhost.FaultInput, Plugin: "fake", Doing: "load", Err: errors.New("no data")}
		}
		return nil
	}}
	out := mustRun(t, smallGrid().plan(), options(newStore(t), h, 2))
	if out.Failed != 2 || out.Failed+out.Skipped != out.Total || out.Results != "" || out.Records != "" {
		t.Errorf("%+v, results %q", out.StageCount, out.Results)
	}
}

func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name      string
		retryable bool
		times     int
		ok        bool
		attempts  int
	}{
		{"a plugin that dies twice", true, 2, true, 3},
		{"a plugin that always dies", true, 99, false, 3},
		{"an input error", false, 1, false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var mu sync.Mutex
			n := 0
			h := &fakeHost{before: func(_ context.Context, call, what string) error {
				mu.Lock()
				defer mu.Unlock()
				if call != "train" || !strings.Contains(what, `"s"`) || n >= tc.times {
					return nil
				}
				n++
				return &pluginhost.Error{Fault: pluginhost.FaultPlugin, Retryable: tc.retryable, Plugin: "fake", Doing: "train", Err: errors.New("killed")}
			}}
			g := smallGrid()
			g.draws = 1
			out := mustRun(t, g.plan(), options(newStore(t), h, 1))
			if (out.Failed == 0) != tc.ok || n != min(tc.times, tc.attempts) && tc.ok == false && tc.retryable {
				t.Errorf("%+v after %d deaths", out.StageCount, n)
			}
			if !tc.ok && out.Failures[0].Attempts != tc.attempts {
				t.Errorf("want %d attempts, got %d", tc.attempts, out.Failures[0].Attempts)
			}
			if tc.ok && out.Retried != 2 {
				t.Errorf("want 2 retries, got %d", out.Retried)
			}
		})
	}
}

func TestCancelAndResume(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	var mu sync.Mutex
	h := &fakeHost{before: func(c context.Context, call, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if n++; n == 20 {
			cancel()
			<-c.Done()
			return c.Err()
		}
		return nil
	}}
	out, err := Run(ctx, smallGrid().plan(), options(s, h, 2))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("want a cancelled run, got %v", err)
	}
	if out.Failed != 0 || out.Ran == 0 || out.Results != "" {
		t.Errorf("cancelled is not failed: %+v", out.StageCount)
	}
	doneBefore := out.Ran
	h.before = nil
	h.calls = nil
	out = mustRun(t, smallGrid().plan(), options(s, h, 2))
	if out.Failed != 0 || out.Cached < doneBefore-1 || out.Ran > smallSteps-doneBefore {
		t.Errorf("%d steps were done; the next run: %+v", doneBefore, out.StageCount)
	}
	ref := mustRun(t, smallGrid().plan(), options(newStore(t), &fakeHost{}, 1))
	if filepath.Base(ref.Records) != filepath.Base(out.Records) {
		t.Error("records differ after an interruption")
	}
}

// What a killed process leaves: blobs without a record, and records of some
// steps. Any mixture of the two must lead to the same bytes.
func TestResumeFromAnyRemains(t *testing.T) {
	ref := newStore(t)
	want := mustRun(t, smallGrid().plan(), options(ref, &fakeHost{}, 1))
	for _, k := range []uint32{2, 5} {
		s := newStore(t)
		mustRun(t, smallGrid().plan(), options(s, &fakeHost{}, 2))
		for _, kind := range []string{"actions", "recipes", "blobs"} {
			err := filepath.WalkDir(filepath.Join(s.Root(), kind), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				x := fnv.New32a()
				_, _ = fmt.Fprint(x, d.Name(), kind) // a hash never fails
				if x.Sum32()%k != 0 {
					return nil
				}
				if kind == "blobs" && x.Sum32()%(2*k) == 0 {
					return os.Chmod(path, 0o644) // truncated below
				}
				return os.Remove(path)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(filepath.Join(s.Root(), "trees")); err != nil {
			t.Fatal(err)
		}
		h := &fakeHost{}
		fresh := openStore(t, s.Root())
		out := mustRun(t, smallGrid().plan(), options(fresh, h, 2))
		if out.Failed != 0 || filepath.Base(out.Records) != filepath.Base(want.Records) || out.Report != want.Report {
			t.Errorf("1 in %d lost: %+v %v", k, out.StageCount, out.Failures)
		}
	}
}

func TestDamagedBlobIsComputedAgain(t *testing.T) {
	g := smallGrid()
	g.draws, g.seeds = 1, g.seeds[:1]
	more := g
	more.targets = append(slices.Clone(g.targets), "deu")
	renamed := g
	renamed.name = "renamed"
	want := map[string]string{}
	for _, x := range []grid{more, renamed} {
		want[x.name] = filepath.Base(mustRun(t, x.plan(), options(newStore(t), &fakeHost{}, 2)).Records)
	}
	for _, tc := range []struct {
		part      string
		truncated bool
		next      grid // the study that needs the part again
		found     bool // also where only reading tells
	}{
		{partVectors, true, more, true},
		{partModel, true, more, true},
		{partValues, true, renamed, true},
		{partQueries, true, more, true},
		{partValues, false, renamed, true},
		{partQueries, false, more, true},
		// What plugins read as a file is checked when they fail.
		{partIndex, false, more, false},
	} {
		t.Run(fmt.Sprintf("%s truncated=%v", tc.part, tc.truncated), func(t *testing.T) {
			s := newStore(t)
			plan := g.plan()
			mustRun(t, plan, options(s, &fakeHost{}, 2))
			var victim cas.Digest
			for _, st := range plan.Steps {
				rec, _, err := lookUp(s, st.Recipe)
				if err != nil || rec == nil || rec.Outputs[tc.part].Digest == "" {
					continue
				}
				victim = rec.Outputs[tc.part].Digest
				if rec.Outputs[tc.part].Dir {
					e, err := s.Manifest(victim)
					if err != nil {
						t.Fatal(err)
					}
					victim = e[0].Digest
				}
				if tc.part != partQueries { // nobody reads those of the first loader
					break
				}
			}
			b, err := os.ReadFile(s.Path(victim))
			if err != nil {
				t.Fatal(err)
			}
			if tc.truncated {
				b = b[:len(b)/2]
			} else {
				b[len(b)/2] ^= 0xff
			}
			// In place, as a bad disk does it: laid out trees are hit too.
			if err := errors.Join(os.Chmod(s.Path(victim), 0o644), os.WriteFile(s.Path(victim), b, 0o444)); err != nil {
				t.Fatal(err)
			}
			warned := 0
			o := options(openStore(t, s.Root()), &fakeHost{}, 2)
			o.Events = func(e Event) {
				if e.Type == EventWarning {
					warned++
				}
			}
			out := mustRun(t, tc.next.plan(), o)
			if got := filepath.Base(out.Records); out.Failed != 0 || got != want[tc.next.name] {
				t.Errorf("%+v %v", out.StageCount, out.Failures)
			}
			if !tc.truncated && tc.found && warned == 0 {
				t.Error("no warning about the damaged result")
			}
		})
	}
}

func TestEqualActionsComputeOnce(t *testing.T) {
	// Two loaders with other recipes and equal contents: everything after
	// them has equal actions, at the same time.
	release := make(chan struct{})
	var once sync.Once
	h := &fakeHost{}
	h.before = func(ctx context.Context, call, _ string) error {
		if call == "encode" {
			// Hold the first until others have come as far.
			once.Do(func() { close(release) })
			<-release
		}
		return nil
	}
	a, b := smallGrid(), smallGrid()
	b.source = "elsewhere"
	pa, pb := a.plan(), b.plan()
	pa.Steps = append(pa.Steps, pb.Steps...)
	pa.Cells = append(pa.Cells, pb.Cells...)
	pa.Collect.Inputs = append(pa.Collect.Inputs, pb.Collect.Inputs...)
	pb.Collect.Inputs = nil
	pa.Steps = slices.DeleteFunc(pa.Steps, func(s *study.Step) bool { return s == pb.Collect || s == pb.Analyse || s == pb.Report })
	out := mustRun(t, pa, options(newStore(t), h, 8))
	if out.Failed != 0 {
		t.Fatal(out.Failures[0].Err)
	}
	for call, want := range map[string]int{"load": 4, "train": 4, "encode": 12, "search": 16, "evaluate": 16} {
		if got := h.count(call); got != want {
			t.Errorf("%s: want %d calls, got %d", call, want, got)
		}
	}
	if want := 2 + 4 + 4 + 4 + 12 + 4 + 16 + 16; out.Shared != want {
		t.Errorf("want %d shared steps, got %d", want, out.Shared)
	}
}

func TestTwoRunsAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var wg sync.WaitGroup
	outs := make([]*Outcome, 3)
	for i := range outs {
		s := openStore(t, dir)
		wg.Go(func() {
			out, err := Run(context.Background(), smallGrid().plan(), options(s, &fakeHost{}, 2))
			if err != nil {
				t.Error(err)
				return
			}
			outs[i] = out
		})
	}
	wg.Wait()
	for _, o := range outs {
		if o == nil || o.Failed != 0 || o.Records != outs[0].Records || o.Report != outs[0].Report {
			t.Errorf("%+v", o)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "results", "generations", ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestLeakageStopsItsCells(t *testing.T) {
	g := smallGrid()
	s := newStore(t)
	g.leak = "warn"
	plan := g.plan()
	// Train on the test set itself.
	for _, st := range plan.Steps {
		if st.Stage == study.StageMix {
			st.Inputs = st.Inputs[:1]
		}
	}
	leaky := &leakyHost{&fakeHost{}}
	o := options(s, leaky, 2)
	out := mustRun(t, plan, o)
	i := slices.IndexFunc(out.Notes, func(n Note) bool { return strings.Contains(n.What, "stand in the training pairs") })
	if out.Failed != 0 || i < 0 || out.Notes[i].Count == 0 {
		t.Fatalf("leaks are not noted: %+v %v", out.Notes, out.Failures)
	}

	// The same with leakage = "error": everything is in the store, and still
	// no cell may count.
	g.leak = "error"
	plan = g.plan()
	for _, st := range plan.Steps {
		if st.Stage == study.StageMix {
			st.Inputs = st.Inputs[:1]
		}
	}
	out = mustRun(t, plan, o)
	if out.Failed != 4 || out.Missing != 8 || out.Records != "" {
		t.Errorf("%+v, missing %d, records %q", out.StageCount, out.Missing, out.Records)
	}
	if f := out.Failures[0]; f.Fault != pluginhost.FaultInput || !strings.Contains(f.Err.Error(), "exclude") {
		t.Errorf("%+v", f)
	}
}

// leakyHost gives training pairs whose answers are those of the test.
type leakyHost struct{ *fakeHost }

func (h *leakyHost) Load(ctx context.Context, slot int, ref pluginhost.Ref, out sdk.Collector) (pluginhost.Stats, error) {
	return h.fakeHost.Load(ctx, slot, ref, leakyCollector{out})
}

type leakyCollector struct{ sdk.Collector }

func (c leakyCollector) Pair(p sdk.Pair) error {
	p.B.Text = strings.ReplaceAll(p.B.Text, "train", "test")
	return c.Collector.Pair(p)
}

func TestStatus(t *testing.T) {
	s := newStore(t)
	g := smallGrid()
	st, err := Status(g.plan(), s)
	if err != nil || st.Cached != 0 || len(st.ToRun) != smallSteps {
		t.Errorf("an empty store: %+v %v", st, err)
	}
	mustRun(t, g.plan(), options(s, &fakeHost{}, 2))
	if st, err = Status(g.plan(), s); err != nil || st.Cached != smallSteps || len(st.ToRun) != 0 {
		t.Errorf("a full store: %+v %v", st, err)
	}
	g.targets = append(g.targets, "deu")
	st, err = Status(g.plan(), s)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, x := range st.ToRun {
		got[string(x.Stage)]++
	}
	want := map[string]int{"pool": 2, "check": 2, "encode": 4, "search": 8, "measure": 8, "collect": 1, "analyse": 1, "report": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a new target (-want +got):\n%s", d)
	}
}

func TestEventsAndJournal(t *testing.T) {
	s := newStore(t)
	o := options(s, &fakeHost{}, 2)
	var events []Event
	o.Events = func(e Event) { events = append(events, e) }
	out := mustRun(t, smallGrid().plan(), o)
	if events[0].Type != EventPlan || events[len(events)-1].Type != EventSummary {
		t.Errorf("first %s, last %s", events[0].Type, events[len(events)-1].Type)
	}
	ends, starts := map[string]int{}, map[string]int{}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has the number %d", i+1, e.Seq)
		}
		switch e.Type {
		case EventStart:
			starts[e.Recipe]++
		case EventEnd:
			ends[e.Recipe]++
		}
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
	}
	if len(starts) != smallSteps || !maps.Equal(starts, ends) {
		t.Errorf("%d steps started, %d ended, want %d", len(starts), len(ends), smallSteps)
	}
	b, err := os.ReadFile(filepath.Join(out.Results, "journal.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := results.DecodeJournal(b)
	if err != nil || len(entries) != smallSteps {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if e.Stage == "train" && (e.Component != "words" || e.Plugin != "fake" || e.PID != 7 || e.Recipe == "" || e.Action == "" || e.Attempt != 1 || e.ComputeSeconds == 0 || e.Status != results.StatusDone) {
			t.Errorf("%+v", e)
		}
	}
	// A rerun in which nothing happens keeps it; one in which a little happens
	// still lists every step.
	mustRun(t, smallGrid().plan(), o)
	if again, err := os.ReadFile(filepath.Join(out.Results, "journal.parquet")); err != nil || !bytes.Equal(b, again) {
		t.Errorf("a rerun without work changes the journal (%v)", err)
	}
	renamed := smallGrid()
	renamed.name = "pupil"
	mustRun(t, renamed.plan(), o)
	if b, err = os.ReadFile(filepath.Join(out.Results, "journal.parquet")); err != nil {
		t.Fatal(err)
	}
	if entries, err = results.DecodeJournal(b); err != nil || len(entries) != smallSteps {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	ran := 0
	for _, e := range entries {
		if !e.Cached {
			ran++
		}
	}
	if ran != 3 {
		t.Errorf("want 3 steps that ran, got %d", ran)
	}
	lines, err := filepath.Glob(filepath.Join(o.Results, "journals", "*.jsonl"))
	if err != nil || len(lines) != 2 {
		t.Fatalf("%v %v", lines, err)
	}
	raw, err := os.ReadFile(lines[0])
	if err != nil || bytes.Count(raw, []byte("\n")) != smallSteps {
		t.Errorf("%d lines, %v", bytes.Count(raw, []byte("\n")), err)
	}
}

func TestPluginsThatLie(t *testing.T) {
	for name, h := range map[string]Host{
		"rows outside the pool": &lyingHost{fakeHost: &fakeHost{}, search: func(emit func(int32, []sdk.Hit) error, t sdk.SearchTask) error {
			return emit(t.QueryRows[0], []sdk.Hit{{Row: 9999}})
		}},
		"a query out of turn": &lyingHost{fakeHost: &fakeHost{}, search: func(emit func(int32, []sdk.Hit) error, t sdk.SearchTask) error {
			return emit(t.QueryRows[1], nil)
		}},
		"too few queries": &lyingHost{fakeHost: &fakeHost{}, search: func(emit func(int32, []sdk.Hit) error, t sdk.SearchTask) error {
			return emit(t.QueryRows[0], nil)
		}},
	} {
		out := mustRun(t, smallGrid().plan(), options(newStore(t), h, 1))
		if out.Failed != 16 || out.Failures[0].Fault != pluginhost.FaultPlugin {
			t.Errorf("%s: %+v %v", name, out.StageCount, out.Failures)
		}
	}
}

type lyingHost struct {
	*fakeHost
	search func(emit func(int32, []sdk.Hit) error, t sdk.SearchTask) error
}

func (h *lyingHost) Search(_ context.Context, _ int, _ pluginhost.Ref, t sdk.SearchTask, emit func(int32, []sdk.Hit) error) (pluginhost.Stats, error) {
	return pluginhost.Stats{}, h.search(emit, t)
}

func bigGrid() grid {
	g := grid{sizes: []string{"xs", "s", "m"}, draws: 48, targets: []string{"isl", "mlt", "deu", "spa"}, seeds: []int64{1, 2, 3}, leak: "warn", name: "student", source: "data"}
	return g
}

func BenchmarkGrid(b *testing.B) {
	plan := bigGrid().plan()
	b.Logf("%d steps, %d cells", len(plan.Steps), len(plan.Cells))
	s := newStore(b)
	o := options(s, &fakeHost{}, 2)
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			s := openStore(b, filepath.Join(b.TempDir(), "store"))
			out := mustRun(b, plan, options(s, &fakeHost{}, 2))
			b.ReportMetric(out.Elapsed.Seconds()*1e6/float64(out.Total), "µs/step")
		}
	})
	mustRun(b, plan, o)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			mustRun(b, plan, o)
		}
	})
	renamed := bigGrid()
	b.Run("collect", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i++
			renamed.name = fmt.Sprint("n", i)
			mustRun(b, renamed.plan(), o)
		}
	})
	b.Run("status", func(b *testing.B) {
		for b.Loop() {
			if _, err := Status(plan, s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
