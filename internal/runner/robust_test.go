package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// twice adds to each cell of a plan one of another retrieval and encoder block
// that computes the same.
func twice(p *study.Plan) *study.Plan {
	for _, c := range slices.Clone(p.Cells) {
		d := *c
		d.Retrieval, d.Encoder = "control", "equal"
		p.Cells = append(p.Cells, &d)
	}
	p.Collect.Inputs = append(p.Collect.Inputs, p.Collect.Inputs...)
	return p
}

func TestCellsThatComputeTheSame(t *testing.T) {
	s, h := newStore(t), &fakeHost{}
	out := mustRun(t, twice(smallGrid().plan()), options(s, h, 2))
	if out.Failed != 0 || out.Missing != 0 || h.count("search") != 16 {
		t.Fatalf("%+v, %v", out.StageCount, out.Failures)
	}
	by := map[string][]results.Record{}
	for _, r := range must(results.ReadRecords(out.Records)) {
		k := r.Retrieval + " " + r.Encoder
		r.Retrieval, r.Encoder = "", ""
		by[k] = append(by[k], r)
	}
	if len(by) != 2 || len(by["r student"]) != 160 {
		t.Errorf("want 160 records of each of two retrievals, got %d kinds and %d", len(by), len(by["r student"]))
	}
	if d := cmp.Diff(by["r student"], by["control equal"]); d != "" {
		t.Errorf("cells that compute the same have other records:\n%s", d)
	}
	runs, err := filepath.Glob(filepath.Join(out.Results, "runs", "*"))
	if err != nil || len(runs) != 16 {
		t.Errorf("want 16 runs, got %d (%v)", len(runs), err)
	}
	if again := mustRun(t, twice(smallGrid().plan()), options(s, h, 2)); again.Cached != smallSteps {
		t.Errorf("a rerun computes: %+v", again.StageCount)
	}
}

// rewrite changes the stored record of a step.
func rewrite(t *testing.T, s *cas.Store, step *study.Step, change func(*record)) {
	t.Helper()
	b, _, err := s.Recipe(step.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	var rec record
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	change(&rec)
	if b, err = json.Marshal(rec); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.PutAction(rec.Action, b), s.PutRecipe(step.Recipe, rec.Action)); err != nil {
		t.Fatal(err)
	}
}

// forget removes what the store knows of steps, but not their parts.
func forget(t *testing.T, s *cas.Store, steps ...*study.Step) {
	t.Helper()
	for _, st := range steps {
		b, _, err := s.Recipe(st.Recipe)
		var rec record
		if err == nil {
			err = json.Unmarshal(b, &rec)
		}
		for kind, d := range map[string]cas.Digest{"recipes": st.Recipe, "actions": rec.Action} {
			err = errors.Join(err, os.Remove(filepath.Join(s.Root(), kind, d.Hex()[:2], d.Hex())))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// one returns the first step of a stage, of the loads that of the test set.
func one(p *study.Plan, stage study.Stage) *study.Step {
	return p.Steps[slices.IndexFunc(p.Steps, func(s *study.Step) bool {
		return s.Stage == stage && (stage != study.StageLoad || s.Label == "faq test")
	})]
}

// TestStoreOfAnotherVersion runs on a store in which parts or records are not
// what this version writes: they count as damaged.
func TestStoreOfAnotherVersion(t *testing.T) {
	part := func(stage study.Stage, name, content string) func(*testing.T, *cas.Store, *study.Plan) {
		return func(t *testing.T, s *cas.Store, p *study.Plan) {
			d, err := s.PutBytes([]byte(content))
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, s, one(p, stage), func(r *record) { r.Outputs[name] = output{Digest: d, Size: int64(len(content))} })
		}
	}
	lacks := func(stage study.Stage, change func(*record)) func(*testing.T, *cas.Store, *study.Plan) {
		return func(t *testing.T, s *cas.Store, p *study.Plan) { rewrite(t, s, one(p, stage), change) }
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *cas.Store, *study.Plan)
		again  []study.Stage // what has to run again beside
	}{
		"notes":                  {part(study.StageCollect, partNotes, "[]\n"), nil},
		"notes of a later xlrun": {part(study.StageCollect, partNotes, `{"format":"xlrun.notes/9"}`), nil},
		"pool":                   {part(study.StagePool, partPool, `{"format":"xlrun.pool/0"}`), []study.Stage{study.StageSearch, study.StageMeasure, study.StageCollect}},
		"values":                 {part(study.StageMeasure, partValues, "no parquet"), []study.Stage{study.StageCollect}},
		"ranking":                {part(study.StageSearch, partRanking, "no parquet"), []study.Stage{study.StageMeasure, study.StageCollect}},
		"qrels":                  {part(study.StageLoad, partQrels, "no parquet"), []study.Stage{study.StagePool, study.StageCollect}},
		"no run":                 {lacks(study.StageSearch, func(r *record) { delete(r.Outputs, partRun) }), []study.Stage{study.StageCollect}},
		"no lineage":             {lacks(study.StageMix, func(r *record) { r.Meta.Lineage = nil }), []study.Stage{study.StageCollect}},
		"no encoder":             {lacks(study.StageEncode, func(r *record) { r.Meta.Encoder = nil }), []study.Stage{study.StageCollect}},
		"no notes":               {lacks(study.StageCollect, func(r *record) { delete(r.Outputs, partNotes) }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := newStore(t), &fakeHost{}
			p := smallGrid().plan()
			o := options(s, h, 2)
			want, err := os.ReadFile(mustRun(t, p, o).Records)
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, s, p)
			forget(t, s, p.Analyse, p.Report)
			for _, st := range p.Steps {
				if slices.Contains(c.again, st.Stage) {
					forget(t, s, st)
				}
			}
			warned := 0
			o.Events = func(e Event) {
				if e.Type == EventWarning {
					warned++
				}
			}
			out := mustRun(t, smallGrid().plan(), o)
			if out.Failed != 0 || out.Skipped != 0 || out.Missing != 0 {
				t.Fatalf("%+v: %v", out.StageCount, out.Failures[0].Err)
			}
			if warned != 1 || out.Unusable != 1 {
				t.Errorf("want one warning and one step counted, got %d and %d", warned, out.Unusable)
			}
			if got, err := os.ReadFile(out.Records); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the records came out different (%v)", err)
			}
			if again := mustRun(t, smallGrid().plan(), o); again.Cached != smallSteps || warned != 1 {
				t.Errorf("a rerun computes: %+v, %d warnings", again.StageCount, warned)
			}
		})
	}
}

// TestInterruptedAnalysis stops a run while a callback works that does not look
// at its context: the run does not wait for it.
func TestInterruptedAnalysis(t *testing.T) {
	for _, stage := range []study.Stage{study.StageAnalyse, study.StageReport} {
		t.Run(string(stage), func(t *testing.T) {
			o := options(newStore(t), &fakeHost{}, 2)
			ctx, cancel := context.WithCancel(t.Context())
			release := make(chan struct{})
			defer close(release)
			deaf := func(context.Context, *study.Plan, Findings) (map[string][]byte, error) {
				cancel()
				<-release
				return nil, errors.New("too late")
			}
			if stage == study.StageAnalyse {
				o.Analyse = deaf
			} else {
				o.Report = deaf
			}
			out, err := Run(ctx, smallGrid().plan(), o)
			if !errors.Is(err, context.Canceled) || out.Failed != 0 {
				t.Errorf("want the run cancelled, got %v and %+v", err, out.StageCount)
			}
		})
	}
}

// TestInterruptedAfterTheEnd tells a run to stop when its last step has ended.
func TestInterruptedAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options(newStore(t), &fakeHost{}, 1)
	o.Retries = 1
	var r *run
	o.Events = func(e Event) {
		if e.Type != EventEnd || e.Stage != study.StageReport {
			return
		}
		cancel()
		for {
			r.mu.Lock()
			told := r.stop != nil
			r.mu.Unlock()
			if told {
				return
			}
			runtime.Gosched()
		}
	}
	o.CacheBytes = 1 << 20
	r = newRun(smallGrid().plan(), o)
	defer r.journal.close()
	if err := r.schedule(ctx); err != nil {
		t.Errorf("everything had been done, got %v", err)
	}
}

func TestPanickingReport(t *testing.T) {
	o := options(newStore(t), &fakeHost{}, 2)
	o.Report = func(context.Context, *study.Plan, Findings) (map[string][]byte, error) { panic("figure 3") }
	out := mustRun(t, smallGrid().plan(), o)
	if out.Failed != 1 || !strings.Contains(out.Failures[0].Err.Error(), "figure 3") {
		t.Errorf("want the report failed, got %+v", out.Failures)
	}
}

// spoil changes a byte of a file in place.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.Chmod(path, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSpoiltResults changes files among the results, in place: the next run
// lays them out again, whether or not they are also files of the store.
func TestSpoiltResults(t *testing.T) {
	for _, c := range []struct {
		file     string
		unusable int // steps run again because the store was damaged too
	}{{"report.html", 0}, {"figures/a.svg", 0}, {"summary.json", 0}, {"claims.json", 0}, {"records.parquet", 0}, {"runs/*", 1}} {
		t.Run(c.file, func(t *testing.T) {
			s, h := newStore(t), &fakeHost{}
			o := options(s, h, 2)
			out := mustRun(t, smallGrid().plan(), o)
			stored := blobs(t, s)
			found, err := filepath.Glob(filepath.Join(out.Results, filepath.FromSlash(c.file)))
			if err != nil || len(found) == 0 {
				t.Fatalf("no %s: %v", c.file, err)
			}
			want, err := os.ReadFile(found[0])
			if err != nil {
				t.Fatal(err)
			}
			h.calls = nil
			spoil(t, found[0])
			out = mustRun(t, smallGrid().plan(), o)
			if got, err := os.ReadFile(found[0]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is still spoilt (%v)", c.file, err)
			}
			// The run of the search itself is another file: nothing is searched.
			if h.count("search") != 0 || out.Unusable != c.unusable {
				t.Errorf("want no search and %d unusable steps, got %d and %d", c.unusable, h.count("search"), out.Unusable)
			}
			if d := cmp.Diff(stored, blobs(t, s)); d != "" {
				t.Errorf("the store holds other blobs:\n%s", d)
			}
			for _, d := range stored {
				if err := s.Verify(cas.Digest("sha256:" + d)); err != nil {
					t.Error(err)
				}
			}
			dir, err := os.Readlink(out.Results)
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, smallGrid().plan(), o)
			if d, err := os.Readlink(out.Results); d != dir || err != nil {
				t.Errorf("good results are laid out again: %s, then %s (%v)", dir, d, err)
			}
		})
	}
}

// TestSpoiltReportInStore damages the report in the store without a change of
// its size.
func TestSpoiltReportInStore(t *testing.T) {
	s := newStore(t)
	o := options(s, &fakeHost{}, 2)
	out := mustRun(t, smallGrid().plan(), o)
	entries, err := s.Manifest(out.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		spoil(t, s.Path(e.Digest))
	}
	warned := 0
	o.Events = func(e Event) {
		if e.Type == EventWarning && e.Stage == study.StageReport {
			warned++
		}
	}
	again := mustRun(t, smallGrid().plan(), o)
	if again.Ran != 1 || again.Unusable != 1 || warned != 1 || again.Report != out.Report {
		t.Errorf("want the report computed again, with a warning: %+v, %d unusable, %d warnings", again.StageCount, again.Unusable, warned)
	}
	for _, e := range entries {
		if err := s.Verify(e.Digest); err != nil {
			t.Error(err)
		}
	}
}

// oddMetric is a host whose metric gives what makes no sense.
type oddMetric struct {
	*fakeHost
	measures []string
	rank     int
}

func (h oddMetric) Evaluate(_ context.Context, _ int, _ pluginhost.Ref, queries iter.Seq[sdk.JudgedQuery], emit func(string, sdk.QueryValues) error) ([]string, pluginhost.Stats, error) {
	for q := range queries {
		if err := emit(q.ID, sdk.QueryValues{Values: make([]float64, len(h.measures)), Rank: h.rank}); err != nil {
			return nil, pluginhost.Stats{}, err
		}
	}
	return h.measures, pluginhost.Stats{Plugin: "odd"}, nil
}

// What a metric says is looked at before it becomes a record.
func TestMetricThatMakesNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		host oddMetric
		want string
	}{
		"a measure twice":        {oddMetric{measures: []string{"A", "A"}}, "a name of its own"},
		"a measure without name": {oddMetric{measures: []string{""}}, "a name of its own"},
		"a rank below 0":         {oddMetric{measures: []string{"A"}, rank: -1}, "has the rank -1 of"},
		"a rank beyond the pool": {oddMetric{measures: []string{"A"}, rank: 100000}, "has the rank 100000 of"},
	} {
		c.host.fakeHost = &fakeHost{}
		out, err := Run(t.Context(), smallGrid().plan(), options(newStore(t), c.host, 2))
		if err == nil && len(out.Failures) > 0 {
			err = out.Failures[0].Err
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v", name, c.want, err)
		}
	}
}
