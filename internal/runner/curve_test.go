package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
)

// curved is a grid whose one cell has a curve: pools of these sizes within the
// whole corpus, seed by seed. Rankings end at depth.
func curved(seeds, depth int, sizes ...int) *study.Plan {
	g := grid{sizes: []string{"s"}, draws: 1, targets: []string{"isl"}, leak: "error", name: "student", source: "data"}
	for s := range seeds {
		g.seeds = append(g.seeds, int64(s+1))
	}
	plan := g.plan()
	// In a plan without a curve nothing of this is read when it is made.
	for _, c := range plan.Cells {
		for i := range c.Runs {
			r := &c.Runs[i]
			r.Pool.Pool.Size = fakeGroups
			r.Search.Depth = depth
			for _, n := range sizes {
				pool := *r.Pool.Pool
				pool.Size = n
				add := func(s study.Step) *study.Step {
					args := fmt.Appendf(nil, `{"stage":%q,"args":[%d,%d]}`, s.Stage, n, r.Seed)
					s.ActionArgs, s.Weight = args, 1
					s.Preimage = fmt.Appendf(nil, "%s %s %s", args, r.Pool.Recipe, r.Measure.Recipe)
					s.Recipe = cas.Sum(s.Preimage)
					plan.Steps = append(plan.Steps, &s)
					return &s
				}
				ps := add(study.Step{Stage: study.StagePool, Label: fmt.Sprintf("%s size=%d", r.Pool.Label, n), Block: r.Pool.Block, Pool: &pool, Inputs: r.Pool.Inputs})
				ms := add(study.Step{
					Stage: study.StageMeasure, Label: fmt.Sprintf("%s size=%d", r.Measure.Label, n), Block: r.Measure.Block, Component: r.Measure.Component, Restrict: true,
					Inputs: []study.Input{{Role: "ranking", Step: r.Search, Part: "ranking"}, {Role: "pool", Step: ps, Part: "pool"}},
				})
				r.Curve = append(r.Curve, study.CurvePoint{Size: n, Pool: ps, Measure: ms})
				plan.Collect.Inputs = append(plan.Collect.Inputs, study.Input{Role: "curve", Step: ms, Part: "values"})
			}
			r.Curve = append(r.Curve, study.CurvePoint{Size: fakeGroups, Pool: r.Pool, Measure: r.Measure})
		}
	}
	// Inputs come before what they go into.
	var last []*study.Step
	steps := plan.Steps[:0:0]
	for _, s := range plan.Steps {
		if s.Assembles() {
			last = append(last, s)
		} else {
			steps = append(steps, s)
		}
	}
	plan.Steps = append(steps, last...)
	return plan
}

// hypergeometric returns the expectation of 1/rank, over random pools of n that
// hold the relevant document, of one that has rank r among all of big: of the
// r-1 documents above it, k come along with probability
// C(r-1,k)·C(big-r,n-1-k)/C(big-1,n-1), and its rank is k+1.
func hypergeometric(r, n, big int) float64 {
	choose := func(n, k int) float64 {
		if k < 0 || k > n {
			return math.Inf(-1)
		}
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		return a - b - c
	}
	sum := 0.0
	for k := range r {
		sum += math.Exp(choose(r-1, k)+choose(big-r, n-1-k)-choose(big-1, n-1)) / float64(k+1)
	}
	return sum
}

func TestHypergeometric(t *testing.T) {
	// Among 4, the relevant one third: pools of 2 hold one of the others, two
	// of which stand above it.
	if got, want := hypergeometric(3, 2, 4), (2*0.5+1*1.0)/3; math.Abs(got-want) > 1e-12 {
		t.Errorf("want %v, got %v", want, got)
	}
	if got := hypergeometric(7, 20, 20); math.Abs(got-1./7) > 1e-12 {
		t.Errorf("the full pool gives %v", got)
	}
}

// TestCurveAgainstItsExpectation: over pool seeds, what is measured at a pool
// size has the mean that drawing pools at random gives.
func TestCurveAgainstItsExpectation(t *testing.T) {
	const seeds = 60
	o := options(newStore(t), &fakeHost{}, 2)
	var curve string
	o.Report = nil
	o.Analyse = func(_ context.Context, _ *study.Plan, in Findings) (map[string][]byte, error) {
		curve = in.Curve
		return map[string][]byte{"summary": []byte("x")}, nil
	}
	out := mustRun(t, curved(seeds, fakeGroups, 12, 25), o)
	if out.Failed > 0 || curve == "" {
		t.Fatalf("%+v", out.Failures)
	}
	for _, dir := range []string{curve, filepath.Join(out.Results, "curve.parquet")} {
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
	}
	records, _, err := results.ReadRecords(curve)
	if err != nil {
		t.Fatal(err)
	}
	full := map[string]int{} // rank in the full pool, by seed and query
	id := func(r results.Record) string { return fmt.Sprint(r.PoolSeed, " ", r.QueryID) }
	for _, r := range records {
		if r.PoolSize == fakeGroups {
			full[id(r)] = int(r.Rank)
		}
	}
	if len(full) != seeds*10 {
		t.Fatalf("want the full pool of %d queries, got %d", seeds*10, len(full))
	}
	for _, n := range []int{12, 25} {
		diff, squares, rows := 0.0, 0.0, 0
		for _, r := range records {
			if int(r.PoolSize) != n {
				continue
			}
			// The other nine relevant documents are in every pool: they are
			// drawn from the corpus as well, over seeds.
			d := r.Value - hypergeometric(full[id(r)], n, fakeGroups)
			diff += d
			squares += float64(d * d)
			rows++
		}
		if rows != seeds*10 {
			t.Fatalf("pools of %d: want %d records, got %d", n, seeds*10, rows)
		}
		mean := diff / float64(rows)
		se := math.Sqrt(squares/float64(rows)) / math.Sqrt(seeds) // queries of a seed share their pool
		t.Logf("pools of %d: %.4f beside the expectation, standard error at most %.4f", n, mean, se)
		if math.Abs(mean) > 3*se {
			t.Errorf("pools of %d: the mean is %.4f beside its expectation, standard error %.4f", n, mean, se)
		}
	}
}

// TestLostPoints: a point whose measure fails is missing, and said so; the cell
// has its records all the same.
func TestLostPoints(t *testing.T) {
	h := &fakeHost{}
	o := options(newStore(t), h, 1)
	evaluated := 0
	h.before = func(_ context.Context, call, _ string) error {
		if call == "evaluate" {
			if evaluated++; evaluated > 1 {
				return errors.New("no more")
			}
		}
		return nil
	}
	o.Retries = -1
	out := mustRun(t, curved(1, fakeGroups, 12, 25), o)
	if out.Missing != 0 { // one worker measures the full pool first
		t.Fatalf("%+v", out)
	}
	for _, n := range out.Notes {
		if strings.HasPrefix(n.What, "points of curves that are missing") && n.Count == 2 {
			return
		}
	}
	t.Errorf("lost points are not said: %+v", out.Notes)
}

// TestCutOff: rankings that end above a measure's cutoff are refused also where
// the metric told the plan of other measures; those of an index that has not
// found everything are counted.
func TestCutOff(t *testing.T) {
	j := &job{step: &study.Step{Stage: study.StageMeasure, Inputs: []study.Input{{Role: "ranking", Step: &study.Step{Depth: 5}}}}}
	p := &poolFile{QueryIDs: []string{"a", "b"}, DocumentIDs: make([]string, 20)}
	hits := func(a, b int) []results.Ranked {
		var out []results.Ranked
		for i := range a + b {
			out = append(out, results.Ranked{QueryID: map[bool]string{true: "a", false: "b"}[i < a]})
		}
		return out
	}
	if _, err := j.cutOff([]string{"Success@1", "nDCG@10"}, p, hits(5, 5)); err == nil || !strings.Contains(err.Error(), "nDCG@10 looks at 10 ranks, and rankings end at depth 5 of 20 candidates: set depth = 10 or more") {
		t.Errorf("got %v", err)
	}
	if n, err := j.cutOff([]string{"Success@5", "my own"}, p, hits(5, 5)); n != nil || err != nil {
		t.Errorf("got %v, %v", n, err)
	}
	j.step.Restrict = true
	for _, x := range []struct {
		measure    string
		a, b, want int
	}{{"P@5", 5, 5, 0}, {"P@5", 5, 4, 1}, {"P@50", 20, 19, 1}, {"AP", 20, 20, 0}, {"AP", 19, 0, 2}} {
		n, err := j.cutOff([]string{x.measure}, p, hits(x.a, x.b))
		got := 0
		if n != nil {
			got = n.Count
		}
		if err != nil || got != x.want {
			t.Errorf("%+v: got %v, %v", x, n, err)
		}
	}
}
