package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
)

// TestFuseAgrees compares with what ranx gives for the same rankings. Where
// documents are missing from a part, "none" and "zscore" differ by intent: for
// ranx a missing document counts 0, which may be more than a document found.
func TestFuseAgrees(t *testing.T) {
	b, err := os.ReadFile("testdata/fuse.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Parts []map[string]map[string]float64
		Table []struct {
			study.Fusion
			Query  string
			Scores map[string]float64
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Table) < 10 {
		t.Fatalf("only %d fusions", len(file.Table))
	}
	for _, c := range file.Table {
		name := fmt.Sprintf("%s %s k=%g, query %s", c.Method, c.Normalise, c.K, c.Query)
		var parts [][]results.Ranked
		for _, p := range file.Parts {
			var rows []results.Ranked
			for d, s := range p[c.Query] {
				rows = append(rows, results.Ranked{QueryID: c.Query, DocumentID: d, Score: s})
			}
			parts = append(parts, rows)
		}
		got, err := Fuse(c.Fusion, parts)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got) != len(c.Scores) {
			t.Errorf("%s: want %d documents, got %d", name, len(c.Scores), len(got))
		}
		for i, h := range got {
			if want := c.Scores[h.DocumentID]; math.Abs(h.Score-want) > 1e-12 {
				t.Errorf("%s: document %s has %v, ranx gives %v", name, h.DocumentID, h.Score, want)
			}
			if int(h.Rank) != i+1 || i > 0 && byScore(got[i-1], h) >= 0 {
				t.Errorf("%s: place %d is out of order", name, i)
			}
		}
	}
}

func rankedRows(pairs ...any) []results.Ranked {
	var out []results.Ranked
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, results.Ranked{QueryID: "q", DocumentID: pairs[i].(string), Rank: int32(i/2 + 1), Score: pairs[i+1].(float64)})
	}
	return out
}

// TestFuseRules states what happens at the edges, by numbers worked out by hand.
func TestFuseRules(t *testing.T) {
	one := []float64{1, 1}
	weighted := func(normalise string) study.Fusion {
		return study.Fusion{Method: study.FuseWeighted, Normalise: normalise, Weights: one}
	}
	for _, c := range []struct {
		name string
		f    study.Fusion
		a, b []results.Ranked
		want []results.Ranked
	}{
		{
			"equal scores rank by id, descending, wherever they stood",
			study.Fusion{Method: study.FuseRRF, K: 0, Weights: one},
			rankedRows("a", 2., "c", 2., "b", 2.), nil,
			rankedRows("c", 1., "b", .5, "a", 1./3),
		},
		{"weights of reciprocal ranks", study.Fusion{Method: study.FuseRRF, K: 1, Weights: []float64{1, 3}}, rankedRows("a", 9., "b", 8.), rankedRows("b", 1.), rankedRows("b", 1./3+1.5, "a", .5)},
		{"missing counts as the last, raw", weighted(study.NormaliseNone), rankedRows("a", -1., "b", -5.), rankedRows("c", -2.), rankedRows("a", -3., "c", -7., "b", -7.)},
		{"missing counts as the last, zscore", weighted(study.NormaliseZScore), rankedRows("a", 3., "b", 1.), rankedRows("c", 7., "a", 5.), rankedRows("c", 0., "a", 0., "b", -2.)},
		{"one document is the best of its part", weighted(study.NormaliseMinMax), rankedRows("a", -4.), rankedRows("b", 9., "c", 3.), rankedRows("b", 1., "a", 1., "c", 0.)},
		{"nothing to tell apart, zscore", weighted(study.NormaliseZScore), rankedRows("a", 4., "b", 4.), rankedRows("b", 2., "a", 1.), rankedRows("b", 1., "a", -1.)},
		{"a part without hits", weighted(study.NormaliseMinMax), nil, rankedRows("b", 9., "c", 3.), rankedRows("b", 1., "c", 0.)},
	} {
		got, err := Fuse(c.f, [][]results.Ranked{c.a, c.b})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	for _, part := range [][]results.Ranked{rankedRows("a", math.Inf(1), "b", 1.), rankedRows("a", 1e308, "b", -1e308)} {
		if _, err := Fuse(weighted(study.NormaliseMinMax), [][]results.Ranked{part, nil}); err == nil || !strings.Contains(err.Error(), "part 1") {
			t.Errorf("scores %v and %v are weighed: %v", part[0].Score, part[1].Score, err)
		}
	}
	if _, err := Fuse(weighted(study.NormaliseNone), [][]results.Ranked{rankedRows("a", 1e308), rankedRows("a", 1e308)}); err == nil {
		t.Error("a sum beyond what a float holds is accepted")
	}
	if _, err := Fuse(weighted(study.NormaliseZScore), [][]results.Ranked{rankedRows("a", 3e-200, "b", 2e-200, "c", 1e-200), nil}); err == nil || !strings.Contains(err.Error(), "too close for their deviation; fuse by rank") {
		t.Errorf("scores whose squares are below all floats: got %v", err)
	}
	for _, x := range []float64{1e308, math.Inf(1)} {
		for _, normalise := range []string{study.NormaliseZScore, study.NormaliseMinMax} {
			got, err := Fuse(weighted(normalise), [][]results.Ranked{rankedRows("a", x, "b", 1.), rankedRows("a", 2., "b", 1.)})
			if normalise == study.NormaliseMinMax && x == 1e308 {
				if err != nil || got[0].Score != 2 {
					t.Errorf("scores up to %g, %s: got %v, %v", x, normalise, got, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), "fuse by rank") {
				t.Errorf("scores up to %g, %s: want an error that says what to do, got %v, %v", x, normalise, got, err)
			}
		}
	}
}

// existingRun writes a run over the fake collection with things wrong about
// it, and returns what is to come of it: rankings of the pool's queries.
func writeRun(t *testing.T, name string, lines []string) study.SourceDigest {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	b := []byte(strings.Join(lines, "\n") + "\n")
	if strings.HasSuffix(name, ".gz") {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b = z.Bytes()
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return study.SourceDigest{Name: "run", Digest: cas.Sum(b), Path: path}
}

// existingPlan is a study of a run, an encoder and their fusion: Icelandic
// questions, 20 English candidates, 10 queries.
func existingPlan(src study.SourceDigest, declared study.Declared, depth int) *study.Plan {
	p := &planner{plan: &study.Plan{Name: "existing", Title: "At hand", Question: "Which is \"best\"?"}, steps: map[cas.Digest]*study.Step{}}
	comp := func(k sdk.Kind, name string) *study.Component {
		return &study.Component{Kind: k, Plugin: "fake", Name: name, Revision: 1}
	}
	test := p.step(study.Step{Stage: study.StageLoad, Label: "faq test", Block: "loader.test", Component: comp(sdk.KindLoader, "faq"), Config: []byte(`{"split":"test"}`)}, "test")
	x := &study.Pool{QueryLanguage: "isl", CorpusLanguage: "eng", Size: 20, Queries: 10, Seed: 1}
	pl := p.step(study.Step{
		Stage: study.StagePool, Label: "pool isl", Block: "task.t", Pool: x,
		Inputs: []study.Input{{Role: "queries", Step: test, Part: "queries"}, {Role: "corpus", Step: test, Part: "corpus"}, {Role: "qrels", Step: test, Part: "qrels"}},
	}, x)
	enc := func(role sdk.Role, part, lang string) *study.Step {
		return p.step(study.Step{
			Stage: study.StageEncode, Label: "encode " + lang, Block: "encoder.words", Component: comp(sdk.KindEncoder, "words"), Config: []byte(`{"path":"/home/somebody"}`),
			Texts: &study.Selection{Role: role, Language: lang}, Inputs: []study.Input{{Role: "texts", Step: test, Part: part}},
		}, []string{string(role), lang})
	}
	docs, qs := enc(sdk.RoleDocument, "corpus", "eng"), enc(sdk.RoleQuery, "queries", "isl")
	idx := p.step(study.Step{Stage: study.StageIndex, Label: "index", Block: "index.exact", Component: comp(sdk.KindIndex, "flat"), Inputs: []study.Input{{Role: "documents", Step: docs, Part: "vectors"}}}, "flat")
	search := p.step(study.Step{
		Stage: study.StageSearch, Label: "search", Block: "retrieval.dense", Component: comp(sdk.KindIndex, "flat"), Depth: depth,
		Inputs: []study.Input{{Role: "index", Step: idx, Part: "index"}, {Role: "documents", Step: docs, Part: "vectors"}, {Role: "queries", Step: qs, Part: "vectors"}, {Role: "pool", Step: pl, Part: "pool"}},
	}, "search")
	taken := p.step(study.Step{
		Stage: study.StageImport, Label: "import", Block: "run.old", Sources: []study.SourceDigest{src}, Depth: depth,
		Inputs: []study.Input{{Role: "pool", Step: pl, Part: "pool"}, {Role: "queries", Step: test, Part: "queries"}, {Role: "corpus", Step: test, Part: "corpus"}},
	}, []any{src.Digest, depth})
	f := &study.Fusion{Method: study.FuseRRF, K: 60, Weights: []float64{1, 1}}
	fused := p.step(study.Step{
		Stage: study.StageFuse, Label: "fuse", Block: "fuse.both", Fuse: f, Depth: depth,
		Inputs: []study.Input{{Role: "ranking", Step: search, Part: "ranking"}, {Role: "ranking", Step: taken, Part: "ranking"}, {Role: "pool", Step: pl, Part: "pool"}},
	}, f)
	var values []study.Input
	cell := func(c study.Cell, rank *study.Step) *study.Cell {
		m := p.step(study.Step{
			Stage: study.StageMeasure, Label: "measure " + c.Encoder, Block: "retrieval." + c.Retrieval, Component: comp(sdk.KindMetric, "ir"),
			Inputs: []study.Input{{Role: "ranking", Step: rank, Part: "ranking"}, {Role: "pool", Step: pl, Part: "pool"}},
		}, "measure")
		values = append(values, study.Input{Role: "values", Step: m, Part: "values"})
		c.ID, c.Task, c.QueryLanguage, c.CorpusLanguage, c.PoolSize = cas.Sum([]byte(m.Recipe)), "t", "isl", "eng", 20
		c.Runs = []study.CellRun{{Seed: 1, Pool: pl, Search: rank, Measure: m}}
		p.plan.Cells = append(p.plan.Cells, &c)
		return &c
	}
	dense := cell(study.Cell{Retrieval: "dense", Encoder: "words", Component: "words", Index: "exact", Queries: qs}, search)
	old := cell(study.Cell{Retrieval: "old", Encoder: "old", Component: "trec", Declared: &declared}, taken)
	cell(study.Cell{Retrieval: "both", Encoder: "both", Component: "fuse", Parts: []*study.Cell{dense, old}}, fused)
	p.plan.Collect = p.step(study.Step{Stage: study.StageCollect, Label: "records", Inputs: values}, []any{"names", declared})
	p.plan.FullCells = len(p.plan.Cells)
	return p.plan
}

func stepOf(t *testing.T, p *study.Plan, stage study.Stage) *study.Step {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s *study.Step) bool { return s.Stage == stage })
	if i < 0 {
		t.Fatalf("no step %s", stage)
	}
	return p.Steps[i]
}

// rankingOf reads what a step of a run has stored.
func rankingOf(t *testing.T, s *cas.Store, step *study.Step) (rows []results.Ranked, notes map[string]note) {
	t.Helper()
	rec, _, err := lookUp(s, step.Recipe)
	if err != nil || rec == nil {
		t.Fatalf("%s has no result (%v)", step.Label, err)
	}
	b, err := s.ReadFile(rec.Outputs[partRanking].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err = results.DecodeRanking(b); err != nil {
		t.Fatal(err)
	}
	notes = map[string]note{}
	for _, n := range rec.Meta.Notes {
		notes[n.What] = n
	}
	return rows, notes
}

func poolOf(t *testing.T, s *cas.Store, p *study.Plan) poolFile {
	t.Helper()
	rec, _, err := lookUp(s, stepOf(t, p, study.StagePool).Recipe)
	if err != nil || rec == nil {
		t.Fatal("no pool", err)
	}
	b, err := s.ReadFile(rec.Outputs[partPool].Digest)
	if err != nil {
		t.Fatal(err)
	}
	var f poolFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestImport restricts a run with things wrong about it, and compares with a
// plain computation of the same.
func TestImport(t *testing.T) {
	var lines []string
	ranked := 0
	want := map[string][]results.Ranked{}
	for g := range fakeGroups {
		q := fmt.Sprintf("test%d-isl", g)
		if g%4 == 1 {
			continue // the run has nothing for these
		}
		ranked++
		for d := range fakeGroups {
			if g%4 == 2 && d > 3 {
				break // and little for these
			}
			doc, score := fmt.Sprintf("test%d-eng", d), float64((d*7+g)%13)/10 // with ties
			lines = append(lines, fmt.Sprintf("%s Q0 %s %d %g bm25", q, doc, d+1, score))
			want[q] = append(want[q], results.Ranked{QueryID: q, DocumentID: doc, Score: score})
		}
		lines = append(lines, q+" Q0 elsewhere-1 99 0.05 bm25", q+" Q0 elsewhere-2 99 0.04 bm25")
	}
	lines = append(lines, "# a comment", "test3-deu Q0 test1-eng 1 1 bm25", "nobody Q0 test1-eng 1 1 bm25", "nothing Q0 test1-eng 1 1 bm25")
	src := writeRun(t, "old.trec.gz", lines)
	const depth = 8
	none := []string{}
	s, h := newStore(t), &fakeHost{}
	plan := existingPlan(src, study.Declared{Params: new(int64), Training: &none, Pretraining: &none}, depth)
	out := mustRun(t, plan, options(s, h, 2))
	if out.Failed != 0 || out.Missing != 0 {
		t.Fatalf("%+v", out.Failures)
	}
	pool := poolOf(t, s, plan)
	var expected []results.Ranked
	missing, short, beyond, outside := 0, 0, 0, 0
	for _, q := range pool.QueryIDs {
		rows := slices.DeleteFunc(slices.Clone(want[q]), func(r results.Ranked) bool { return !slices.Contains(pool.DocumentIDs, r.DocumentID) })
		if want[q] == nil {
			missing++
			continue
		}
		outside += len(want[q]) - len(rows) + 2
		// The first depth in trec_eval's order; those with equal scores as in
		// the file.
		cut := slices.SortedFunc(slices.Values(rows), byScore)
		beyond += max(0, len(cut)-depth)
		cut = cut[:min(depth, len(cut))]
		if len(cut) < depth {
			short++
		}
		rows = slices.DeleteFunc(rows, func(r results.Ranked) bool { return !slices.Contains(cut, r) })
		slices.SortStableFunc(rows, func(a, b results.Ranked) int { return int(10*b.Score - 10*a.Score) })
		for i, r := range rows {
			r.Rank = int32(i + 1)
			expected = append(expected, r)
		}
	}
	got, notes := rankingOf(t, s, stepOf(t, plan, study.StageImport))
	if d := cmp.Diff(expected, got); d != "" {
		t.Errorf("(-want +got):\n%.2000s", d)
	}
	for what, n := range map[string]int{
		"hits below the depth, left out":                                      beyond,
		"rankings for queries outside the pool, left out":                     ranked - (10 - missing) + 1,
		"queries that the run has no ranking for; they count as 0":            missing,
		"documents of the run that the collection does not have, left out":    2,
		"rankings for queries that the collection does not have, left out":    2,
		"hits outside the pool, those on such documents among them, left out": outside,

		"queries for which the run names fewer candidates than the depth has room for; those it does not name count as not found": short,
	} {
		if notes[what].Count != n || n == 0 {
			t.Errorf("want %d %s, got %+v", n, what, notes[what])
		}
	}
	if n := notes["rankings for queries that the collection does not have, left out"]; n.Text != "nobody, nothing" {
		t.Errorf("the queries are called %q", n.Text)
	}
	recs, _, err := results.ReadRecords(out.Records)
	if err != nil {
		t.Fatal(err)
	}
	if len(recs) != 30 {
		t.Errorf("want 30 records, got %d", len(recs))
	}
	for _, r := range recs {
		if r.Encoder == "old" && (r.Component != "trec" || r.Index != "" || r.Source != results.LineageDeclared || r.Exposure != results.ExposureNone) ||
			r.Encoder == "both" && (r.Component != "fuse" || r.Source != results.LineageDeclared || r.ParamsTotal != 1000) || r.Encoder == "words" && r.Source != results.LineageComputed {
			t.Errorf("record %+v", r)
		}
		if !slices.Contains(pool.QueryIDs, r.QueryID) {
			t.Errorf("record of query %s", r.QueryID)
		}
	}

	// The same content elsewhere, and other words about it, compute nothing.
	h.calls = nil
	b, err := os.ReadFile(src.Path)
	if err != nil {
		t.Fatal(err)
	}
	moved := src
	moved.Path = filepath.Join(t.TempDir(), "other.name")
	if err := os.WriteFile(moved.Path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	again := existingPlan(moved, study.Declared{Tag: "told"}, depth)
	out = mustRun(t, again, options(s, h, 2))
	if out.Ran != 1 || len(h.calls) != 0 {
		t.Errorf("want the records alone assembled, got %+v, calls %v", out.StageCount, h.calls)
	}
}

// TestImportFindings: what is odd about a file is noted with its kind, once
// for all steps that take it; what is odd beside a pool, where it is found.
func TestImportFindings(t *testing.T) {
	var lines []string
	for g := range fakeGroups {
		for d := range fakeGroups {
			grade := 0
			if d == g {
				grade = 1
			}
			lines = append(lines, fmt.Sprintf("test%d-isl Q0 test%d-eng %d %d x", g, d, d+1, grade))
		}
		lines = append(lines, fmt.Sprintf("test%d-isl Q0 TEST%d-eng 99 0 x", g, g))
	}
	s := newStore(t)
	plan := existingPlan(writeRun(t, "r.trec", lines), study.Declared{}, 10)
	mustRun(t, plan, options(s, &fakeHost{}, 2))
	_, notes := rankingOf(t, s, stepOf(t, plan, study.StageImport))
	for what, n := range map[string]int{"label-as-score (queries)": 10, "similar-id (ids)": 10, "in its file: rank-order (hits)": 0} {
		if notes[what].Count < max(1, n) || n > 0 && notes[what].Count != n {
			t.Errorf("want %d %s, got %+v", n, what, notes[what])
		}
	}

	of := func(block string, notes ...note) *node {
		return &node{step: &study.Step{Stage: study.StageImport, Block: block, Label: block}, rec: &record{Meta: meta{Notes: notes}}}
	}
	once, each := note{What: "odd", Count: 3, Of: "file"}, note{What: "left out", Count: 2}
	r := &run{nodes: []*node{of("run.a", once, each), of("run.a", once, each), of("run.a", note{What: "odd", Count: 4, Of: "another file"}), of("run.b", once)}}
	var got []string
	for _, n := range r.gatherNotes() {
		got = append(got, fmt.Sprint(n.Block, " ", n.What, " ", n.Count, " in ", n.Steps))
	}
	if d := cmp.Diff([]string{"run.a left out 4 in 2", "run.a odd 7 in 2", "run.b odd 3 in 1"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestImportRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"other queries", []string{"101 Q0 test1-eng 1 2.5 x", "102 Q0 test1-eng 1 2.5 x"}, []string{"none of the 10 queries", "101, 102", "-isl"}},
		{"other documents", func() (l []string) {
			for g := range fakeGroups {
				l = append(l, fmt.Sprintf("test%d-isl Q0 FBIS-%d 1 2.5 x", g, g))
			}
			return l
		}(), []string{"none of the candidates", "FBIS-", "-eng"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := mustRun(t, existingPlan(writeRun(t, "r.trec", c.lines), study.Declared{}, 10), options(newStore(t), &fakeHost{}, 1))
			if len(out.Failures) != 1 || out.Failures[0].Step.Stage != study.StageImport || out.Failures[0].Fault != "input" {
				t.Fatalf("want the import failed, got %+v", out.Failures)
			}
			for _, w := range c.want {
				if !strings.Contains(out.Failures[0].Err.Error(), w) {
					t.Errorf("%q is not in: %v", w, out.Failures[0].Err)
				}
			}
		})
	}
	// A file that was changed after the plan was made.
	src := writeRun(t, "r.trec", []string{"test1-isl Q0 test1-eng 1 2.5 x"})
	if err := os.WriteFile(src.Path, []byte("test1-isl Q0 test2-eng 1 2.5 x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, existingPlan(src, study.Declared{}, 10), options(newStore(t), &fakeHost{}, 1))
	if len(out.Failures) != 1 || !strings.Contains(out.Failures[0].Err.Error(), "has changed since the plan was made") {
		t.Errorf("want the change noticed, got %+v", out.Failures)
	}
}

// TestHeader reads back what stands before a run: the same for everybody, and
// skipped by whoever reads runs.
func TestHeader(t *testing.T) {
	var lines []string
	for g := range fakeGroups {
		lines = append(lines, fmt.Sprintf("test%d-isl Q0 test%d-eng 1 2.5 bm25+rm3", g, g))
	}
	s := newStore(t)
	plan := existingPlan(writeRun(t, "r.trec", lines), study.Declared{}, 20)
	out := mustRun(t, plan, options(s, &fakeHost{}, 2))
	files, err := filepath.Glob(filepath.Join(out.Results, "runs", "*.trec.gz"))
	if err != nil || len(files) != 3 {
		t.Fatalf("want 3 runs, got %d (%v)", len(files), err)
	}
	heads := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, ok := strings.Cut(string(text), "# ir_metadata.end\n")
		if !ok || !strings.HasPrefix(head, "# ir_metadata.start\n# schema-version: 0.1\n") {
			t.Fatalf("the header is\n%s", head)
		}
		for l := range strings.Lines(head) {
			if !strings.HasPrefix(l, "# ") {
				t.Errorf("%q is no comment", l)
			}
		}
		run, err := ReadRun(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(head, "# tag: \""+run.Tag+"\"\n") {
			t.Errorf("the rows have the tag %s, the header\n%s", run.Tag, head)
		}
		// What stands after the header is the run as the step has it.
		plain, err := ir.ReadRun(strings.NewReader(rest), f)
		if err != nil || len(plain.Rankings) != 10 {
			t.Errorf("%d rankings come back (%v)", len(plain.Rankings), err)
		}
		for _, secret := range []string{"/home", t.TempDir(), s.Root()} {
			if strings.Contains(head, secret) {
				t.Errorf("the header says where something lies:\n%s", head)
			}
		}
		for _, what := range []string{"words", "old", "both"} {
			if strings.Contains(head, `- name: "`+what+`"`) {
				heads[what] += head
			}
		}
	}
	both := heads["both"]
	for _, want := range []string{
		`title: "At hand"`, `description: "Which is \"best\"?"`, `reported measures: ["RR"]`, `method: "encoder words, revision 1"`, `run tag: "bm25+rm3"`,
		`interpolates: ["words", "old"]`, `method: "fuse rrf"`,
	} {
		if !strings.Contains(both, want) {
			t.Errorf("%s is not in the header of the fusion:\n%s", want, both)
		}
	}
}

// TestExportedRunsComeBack: what one study hands on, another takes, ties and
// all.
func TestExportedRunsComeBack(t *testing.T) {
	var lines []string
	for g := range fakeGroups {
		lines = append(lines, fmt.Sprintf("test%d-isl Q0 test%d-eng 1 2.5 bm25", g, g))
	}
	s := newStore(t)
	plan := existingPlan(writeRun(t, "r.trec", lines), study.Declared{}, 15)
	out := mustRun(t, plan, options(s, &fakeHost{}, 2))
	want, _ := rankingOf(t, s, stepOf(t, plan, study.StageSearch))
	name := filepath.Join(out.Results, "runs", fmt.Sprintf("%s-1.trec.gz", plan.Cells[0].ID.Short()))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	again := existingPlan(study.SourceDigest{Name: "run", Digest: cas.Sum(b), Path: name}, study.Declared{}, 15)
	mustRun(t, again, options(s, &fakeHost{}, 2))
	got, notes := rankingOf(t, s, stepOf(t, again, study.StageImport))
	ties := 0
	for i := range got {
		if i > 0 && got[i].QueryID == got[i-1].QueryID && got[i].Score == got[i-1].Score {
			ties++
		}
	}
	if ties == 0 {
		t.Error("no ties: the order among equal scores is not tried")
	}
	ranks := func(rows []results.Ranked) (out []string) {
		for _, r := range rows {
			out = append(out, fmt.Sprint(r.QueryID, " ", r.DocumentID, " ", r.Rank))
		}
		return out
	}
	if d := cmp.Diff(ranks(want), ranks(got)); d != "" {
		t.Errorf("(-want +got):\n%.2000s", d)
	}
	for what, n := range notes {
		if !strings.HasPrefix(what, "in its file: ") {
			t.Errorf("%d %s", n.Count, what)
		}
	}
}

func TestImportCancelled(t *testing.T) {
	var lines []string
	for g := range fakeGroups {
		lines = append(lines, fmt.Sprintf("test%d-isl Q0 test%d-eng 1 2.5 x", g, g))
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := options(newStore(t), &fakeHost{}, 1)
	o.Events = func(e Event) {
		if e.Type == EventStart && e.Step.Stage == study.StageImport {
			cancel()
		}
	}
	plan := existingPlan(writeRun(t, "r.trec", lines), study.Declared{}, 10)
	if out, err := Run(ctx, plan, o); err == nil || out.Failed != 0 {
		t.Errorf("cancelled is not failed: %+v, %v", out.Failures, err)
	}
	o.Events = nil
	if out := mustRun(t, plan, o); out.Failed != 0 || out.Missing != 0 {
		t.Errorf("it does not go on: %+v", out.Failures)
	}
}
