package analysis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/stats"
)

// compareOptions are those of a command without flags.
func compareOptions() CompareOptions {
	return CompareOptions{Level: .95, Correction: CorrectHolm, Baseline: -1, Seed: 1, Ties: "trec10"}
}

// compareInput has one measure; a run per row of values.
func compareInput(values ...[]float64) CompareInput {
	in := CompareInput{Measures: []string{"AP"}}
	for q := range values[0] {
		in.Queries = append(in.Queries, fmt.Sprintf("%03d", q))
	}
	for i, v := range values {
		name := string(rune('a' + i))
		in.Runs = append(in.Runs, CompareRun{Name: name, File: name + ".run", Values: [][]float64{v}, Judged: math.NaN()})
	}
	return in
}

func mustCompare(t *testing.T, in CompareInput, opt CompareOptions) *Comparison {
	t.Helper()
	c, err := Compare(t.Context(), in, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func codes(c *Comparison) []string {
	var out []string
	for _, n := range c.Notes {
		if !slices.Contains(out, n.Code) {
			out = append(out, n.Code)
		}
	}
	slices.Sort(out)
	return out
}

// noisy returns n values around a level. Values of two seeds share the noise of
// queries, and their means differ by just as much as their levels.
func noisy(n int, level, spread float64, seed uint64) []float64 {
	queries, own := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, seed))
	out := make([]float64, n)
	for i := range out {
		out[i] = spread * own.NormFloat64()
	}
	mean := stats.Mean(out)
	for i := range out {
		out[i] += level - mean + .1*queries.NormFloat64()
	}
	return out
}

// The numbers of a pair are those of the tests, in the direction A − B.
func TestCompareTwo(t *testing.T) {
	a := []float64{.32, .45, .00, 1.00, .63, .50, .27, .88, .41, .73}
	b := []float64{.40, .52, .11, 1.00, .59, .65, .35, .93, .39, .81}
	c := mustCompare(t, compareInput(a, b), compareOptions())
	m := c.Measures[0]
	if len(m.Pairs) != 1 || m.Pairs[0].A != "b" || m.Pairs[0].B != "a" {
		t.Fatalf("pairs: %+v", m.Pairs)
	}
	p := m.Pairs[0]
	for name, v := range map[string][2]float64{
		"mean": {float64(p.Mean), .056}, "t": {float64(p.T), 2.9773010610}, "p": {float64(p.P), .0155174083}, "permutation": {float64(p.Permutation), .01953125},
		"low": {float64(p.Low), .0134511282}, "high": {float64(p.High), .0985488718}, "g": {float64(p.G), .8604180206}, "adjusted": {float64(p.Adjusted), .0155174083},
		"superiority": {float64(p.Superiority), .75}, "best": {float64(m.Systems[0].Mean), .575}, "second": {float64(m.Systems[1].Mean), .519},
	} {
		if math.Abs(v[0]-v[1]) > 1e-9 {
			t.Errorf("%s: got %.12g, want %.12g", name, v[0], v[1])
		}
	}
	if !p.Different || !p.Exact || p.Wins != 7 || p.Ties != 1 || p.Losses != 2 {
		t.Errorf("pair: %+v", p)
	}
	if want := "AP: b is better than a, by 0.0560 (0.0135 to 0.0985; p = 0.016)."; m.Answer != want {
		t.Errorf("answer:\n got %s\nwant %s", m.Answer, want)
	}
	if d := cmp.Diff([]string{"a", "b"}, []string{m.Systems[0].Letters, m.Systems[1].Letters}); d != "" {
		t.Errorf("letters (-want +got):\n%s", d)
	}

	// At 99 % the same difference is none, and what would be found is said.
	opt := compareOptions()
	opt.Level = .99
	m = mustCompare(t, compareInput(a, b), opt).Measures[0]
	if m.Pairs[0].Different || !strings.Contains(m.Answer, "cannot be told apart") || !strings.Contains(m.Answer, "80 %") {
		t.Errorf("at 99 %%: %s", m.Answer)
	}
	if len(m.Sets) != 1 {
		t.Errorf("sets: %v", m.Sets)
	}
}

func TestCompareThree(t *testing.T) {
	c := mustCompare(t, compareInput(noisy(80, .30, .05, 1), noisy(80, .50, .05, 2), noisy(80, .505, .05, 3)), compareOptions())
	m := c.Measures[0]
	if want := "AP: c has the best mean, "; !strings.HasPrefix(m.Answer, want) || !strings.HasSuffix(m.Answer, "cannot be told from b; worse: a.") {
		t.Errorf("answer: %s", m.Answer)
	}
	if d := cmp.Diff([][]string{{"c", "b"}, {"a"}}, m.Sets); d != "" {
		t.Errorf("sets (-want +got):\n%s", d)
	}
	var p []float64
	for _, x := range m.Pairs {
		p = append(p, float64(x.P))
	}
	for _, c := range []struct {
		name string
		want []float64
	}{{CorrectHolm, stats.Holm(p)}, {CorrectBH, stats.BH(p)}, {CorrectBY, stats.BY(p)}, {CorrectNone, p}} {
		opt := compareOptions()
		opt.Correction = c.name
		again := mustCompare(t, compareInput(noisy(80, .30, .05, 1), noisy(80, .50, .05, 2), noisy(80, .505, .05, 3)), opt)
		for i, x := range again.Measures[0].Pairs {
			if float64(x.Adjusted) != c.want[i] {
				t.Errorf("%s, pair %d: %g, want %g", c.name, i, x.Adjusted, c.want[i])
			}
		}
	}

	opt := compareOptions()
	opt.Baseline = 1
	m = mustCompare(t, compareInput(noisy(80, .30, .05, 1), noisy(80, .50, .05, 2), noisy(80, .505, .05, 3)), opt).Measures[0]
	if want := "AP: worse than b: a; cannot be told from b: c."; m.Answer != want {
		t.Errorf("against a baseline:\n got %s\nwant %s", m.Answer, want)
	}
	if len(m.Pairs) != 2 || m.Pairs[0].B != "b" || m.Pairs[1].B != "b" || m.Sets != nil {
		t.Errorf("pairs: %+v, sets %v", m.Pairs, m.Sets)
	}
}

// Each fault of the data has its note, and clean data have none.
func TestCompareNotes(t *testing.T) {
	clean := func() CompareInput { return compareInput(noisy(80, .3, .05, 1), noisy(80, .5, .05, 2)) }
	constant := func(n int, v float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	skewed := constant(20, .5)
	for i := range 8 {
		skewed[i] = .52
	}
	skewed[19] = .1
	for _, c := range []struct {
		name string
		make func() CompareInput
		want []string
	}{
		{"clean", clean, nil},
		{"missing", func() CompareInput { in := clean(); in.Runs[0].Missing = []string{"003"}; return in }, []string{NoteQueriesMissing}},
		{"odd files", func() CompareInput {
			in := clean()
			in.Remarks, in.Runs[1].Remarks = []Remark{{Kind: "grade", Count: 1, Text: "a grade is below 0"}}, []Remark{{Kind: "rank", Count: 2, Text: "a rank occurs twice"}}
			return in
		}, []string{NoteFile}},
		{"unjudged", func() CompareInput { in := clean(); in.Runs[0].Unjudged = []string{"x"}; return in }, []string{NoteUnjudged}},
		{"holes", func() CompareInput {
			in := clean()
			in.Runs[0].Judged, in.Runs[1].Judged = .4, .9
			return in
		}, []string{NoteHoles}},
		{"one query", func() CompareInput { return compareInput([]float64{.1}, []float64{.2}) }, []string{NoteFewQueries}},
		{"identical", func() CompareInput {
			return compareInput(noisy(60, .5, .05, 2), noisy(60, .3, .05, 1), noisy(60, .5, .05, 2))
		}, []string{NoteIdentical}},
		{"all tied", func() CompareInput { return compareInput(constant(60, 0), constant(60, 0)) }, []string{NoteAllTied, NoteIdentical}},
		{"skewed", func() CompareInput { return compareInput(skewed, constant(20, .5)) }, []string{NoteSkewedFew}},
		{"many", func() CompareInput { return compareInput(noisy(1500, .3, .05, 1), noisy(1500, .32, .05, 2)) }, []string{NoteManyQueries}},
		{"equal scores", func() CompareInput {
			in := clean()
			in.Runs[1].Other = []TieValues{{Ties: "trec9", Values: [][]float64{noisy(80, .3, .05, 2)}}}
			return in
		}, []string{NoteTieOrder}},
		{"equal scores that change no verdict", func() CompareInput {
			in := clean()
			in.Runs[1].Other = []TieValues{{Ties: "trec9", Values: [][]float64{noisy(80, .49, .05, 2)}}}
			return in
		}, nil},
		{"orders that have no mean", func() CompareInput {
			in := clean()
			other := noisy(80, .49, .05, 2)
			other[3] = math.NaN()
			in.Runs[1].Other = []TieValues{{Ties: "expected", Values: [][]float64{other}}}
			return in
		}, []string{NoteTieUntried}},
		{"overlap", func() CompareInput {
			return compareInput(noisy(80, .300, .05, 1), noisy(80, .314, .05, 4), noisy(80, .328, .05, 3))
		}, []string{NoteOverlap}},
		{"languages", func() CompareInput {
			in := clean()
			for i := range in.Queries {
				in.Queries[i] = []string{"deu-", "en_"}[i%2] + in.Queries[i]
			}
			return in
		}, []string{NoteMixedLanguages}},
		{"languages as groups", func() CompareInput {
			in := clean()
			for i := range in.Queries {
				in.Group = append(in.Group, []string{"deu", "eng", "swh", "tam", "yor"}[i%5])
			}
			return in
		}, nil},
		{"uneven groups", func() CompareInput {
			in := clean()
			for i := range in.Queries {
				in.Group = append(in.Group, []string{"deu", "deu", "deu", "eng", "eng"}[i%5])
			}
			in.Group[0], in.Group[1], in.Group[2], in.Group[5], in.Group[6] = "", "yor", "", "", ""
			return in
		}, []string{NoteFewLanguages, NoteGroups}},
	} {
		got := codes(mustCompare(t, c.make(), compareOptions()))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// What is odd about many runs alike is said once.
func TestNotesOfManyRuns(t *testing.T) {
	for _, runs := range []int{3, 40} {
		var values [][]float64
		for i := range runs {
			values = append(values, noisy(80, .5, .05, uint64(i%(runs-1)))) // the last is the first
		}
		in := compareInput(values...)
		for i := range in.Runs {
			r := &in.Runs[i]
			r.Name = fmt.Sprintf("r%d", i)
			r.Missing, r.Unjudged = []string{in.Queries[i]}, []string{"z"}
			r.Remarks = []Remark{{"rank", i, "a rank occurs twice"}}
		}
		in.Runs[1].Missing = in.Queries[1:3]
		var got []string
		for _, n := range in.notes() {
			got = append(got, n.Text)
		}
		want := []string{
			"r0: a rank occurs twice; and alike in 39 runs more (r1, r2, r3, …)",
			"40 runs lack judged queries (r0, r1, r2, …), up to 2 queries of 80 (r1): there they found nothing, and each counts; -format json names them.",
			"40 runs have queries that nobody judged (r0, r1, r2, …), up to 1 query (r0), left out.",
			"r0 and r39 have the same values for every query in every measure: is it the same run twice?",
		}
		if runs == 3 {
			want = nil
			for i, missing := range []string{"1 query of 80 judged (000)", "2 queries of 80 judged (001, 002)", "1 query of 80 judged (002)"} {
				want = append(want, fmt.Sprintf("r%d: a rank occurs twice", i), fmt.Sprintf("r%d lacks %s: there it found nothing, and each counts.", i, missing), fmt.Sprintf("r%d has 1 query that nobody judged (z), left out.", i))
			}
			want[6] += " (2 times)"
			want = append(want, "r0 and r2 have the same values for every query in every measure: is it the same run twice?")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d runs (-want +got):\n%s", runs, d)
		}
	}
}

// How much hangs on the rule for equal scores is said in any case.
func TestCompareTies(t *testing.T) {
	for _, c := range []struct {
		other []float64
		want  string
	}{
		{noisy(80, .3, .05, 2), "ties: trec10 (it decides the value of up to 12 queries of a run, and verdicts)."},
		{noisy(80, .49, .05, 2), "ties: trec10 (it decides the value of up to 12 queries of a run, but no verdict)."},
		{append(noisy(79, .3, .05, 2), math.NaN()), "ties: trec10 (it decides the value of up to 12 queries of a run, but no verdict that could be tried)."},
	} {
		in := compareInput(noisy(80, .3, .05, 1), noisy(80, .5, .05, 2))
		in.Runs[0].TieDependent = []int{1}
		in.Runs[1].TieDependent, in.Runs[1].Other = []int{12}, []TieValues{{Ties: "trec9", Values: [][]float64{c.other}}}
		got := mustCompare(t, in, compareOptions())
		if !strings.Contains(got.Method[1], c.want) {
			t.Errorf("method: %s\nwant %s", got.Method[1], c.want)
		}
		if s := got.Measures[0].Systems[0]; s.Run != "b" || s.TieDependent != 12 {
			t.Errorf("best: %+v", s)
		}
	}
}

// The two tests are held against one another no closer than draws allow.
func TestTestsDisagree(t *testing.T) {
	for _, c := range []struct {
		p, flip float64
		exact   bool
		want    bool
	}{
		{.04, .05, true, false},
		{.04, .09, true, true},
		{.09, .04, false, true},
		{1e-12, 1e-4, false, false}, // clear by either, however many pairs
		{.001, .006, true, true},
		{.0001, .005, true, false},
		{.0001, .006, true, true},
	} {
		p := ComparedPair{Difference: Difference{P: Float(c.p)}, Permutation: Float(c.flip), Exact: c.exact}
		if got := p.disagrees(CompareOptions{Level: .95, Draws: 9999}, 10); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestCompareGroups(t *testing.T) {
	a, b := noisy(90, .50, .05, 1), noisy(90, .50, .05, 2)
	in := compareInput(a, b)
	for i := range in.Queries {
		in.Group = append(in.Group, []string{"x", "y", "z"}[i%3])
		if i%3 == 1 {
			a[i] += .2
		}
	}
	c := mustCompare(t, in, compareOptions())
	g := c.Measures[0].ByGroup[0]
	var p, means []float64
	for k, d := range g.Groups {
		var diff []float64
		for i := k; i < 90; i += 3 {
			diff = append(diff, a[i]-b[i])
		}
		want := stats.PairedT(diff, .95)
		if float64(d.P) != want.P || d.N != 30 || float64(d.Mean) != want.Mean {
			t.Errorf("group %s: %+v, want p %g", d.Group, d, want.P)
		}
		p, means = append(p, want.P), append(means, want.Mean)
		if d.Different != (d.Group == "y") {
			t.Errorf("group %s: different %v", d.Group, d.Different)
		}
	}
	for k, want := range stats.Holm(p) {
		if float64(g.Groups[k].Adjusted) != want {
			t.Errorf("group %d: adjusted %g, want %g", k, g.Groups[k].Adjusted, want)
		}
	}
	over := stats.PairedT(means, .95)
	if float64(g.Over.P) != over.P || g.Over.N != 3 {
		t.Errorf("over groups: %+v, want %+v", g.Over, over)
	}
	if !strings.Contains(c.Measures[0].Answer, "By group, a is better than b in 1, worse in 0, and cannot be told apart in 2 of 3") {
		t.Errorf("answer: %s", c.Measures[0].Answer)
	}
}

// Runs in another order give the same pairs and verdicts, and the JSON reads
// back with nothing undefined in it but null.
func TestCompareIsStable(t *testing.T) {
	in := compareInput(noisy(70, .3, .05, 1), noisy(70, .5, .05, 2), noisy(70, .5, .05, 2))
	in.Runs[2].Values[0] = noisy(70, .45, .04, 5)
	one := mustCompare(t, in, compareOptions())
	slices.Reverse(in.Runs)
	two := mustCompare(t, in, compareOptions())
	if d := cmp.Diff(one.Measures, two.Measures, cmp.AllowUnexported(Difference{})); d != "" {
		t.Errorf("other order (-one +two):\n%s", d)
	}
	flat := compareInput([]float64{1, 1, 1}, []float64{0, 0, 0})
	b, err := json.Marshal(mustCompare(t, flat, compareOptions()))
	if err != nil {
		t.Fatal(err)
	}
	var back Comparison
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	p := back.Measures[0].Pairs[0]
	if !math.IsNaN(float64(p.T)) || p.P != .25 || p.Different {
		t.Errorf("three queries, all better by 1: %+v", p)
	}
}

// Equal differences are no certainty: the t-test has nothing to judge by, and
// the verdict is that of the permutation test.
// One mean, reached by two sums, neither wins nor loses.
func TestCompareRounding(t *testing.T) {
	third := 1. / 3
	a, b := make([]float64, 12), make([]float64, 12)
	for i := range a {
		a[i] = (0.5 + 2*third) / 2
		b[i] = 7. / 12
		if i%2 == 0 {
			b[i] += 0x1p-53
		}
	}
	if slices.Equal(a, b) {
		t.Fatal("the sums round alike")
	}
	c := mustCompare(t, compareInput(a, b), compareOptions())
	p := c.Measures[0].Pairs[0]
	if p.Different || p.Ties != 12 || p.Mean != 0 || p.P != 1 {
		t.Errorf("want 12 ties, got %+v", p)
	}
	if want := "AP: all runs have the same value for every query."; c.Measures[0].Answer != want {
		t.Errorf("want %q, got %q", want, c.Measures[0].Answer)
	}
	if !math.IsNaN(float64(p.Detectable)) {
		t.Errorf("without spread no difference is detectable, got %v", p.Detectable)
	}
}

// By some measures less is better, and by some nothing is.
func TestCompareSense(t *testing.T) {
	low, high := noisy(40, .2, .01, 1), noisy(40, .6, .01, 2)
	for _, c := range []struct {
		measure, better, first, answer, against string
		wins                                    int
	}{
		{"AP", "higher", "b", "b is better than a, by 0.4", "worse than b: c and a", 40},
		{"unj_10", "lower", "a", "a is better than b, by 0.4", "better than b: a and c", 40},
		{"NumRet", "neither", "b", "b is higher than a, by 0.4", "lower than b: c and a", 40},
	} {
		in := compareInput(low, high)
		in.Measures[0] = c.measure
		m := mustCompare(t, in, compareOptions()).Measures[0]
		p := m.Pairs[0]
		if m.Better != c.better || m.Systems[0].Run != c.first || p.A != c.first || p.Ahead() != 1 || p.Wins != c.wins || p.Superiority != 1 {
			t.Errorf("%s: got %+v", c.measure, m)
		}
		if !m.Systems[0].Best || m.Systems[1].Best || m.Systems[0].Letters != "a" {
			t.Errorf("%s: letters %+v", c.measure, m.Systems)
		}
		if !strings.Contains(m.Answer, c.answer) {
			t.Errorf("%s: want %q, got %q", c.measure, c.answer, m.Answer)
		}
		third := compareInput(low, high, noisy(40, .21, .01, 3))
		third.Measures[0] = c.measure
		opt := compareOptions()
		opt.Baseline = 1
		if m := mustCompare(t, third, opt).Measures[0]; !strings.Contains(m.Answer, c.against) {
			t.Errorf("%s: want %q, got %q", c.measure, c.against, m.Answer)
		}
	}
}

// The largest differences come from either side, never more than five, and
// never a query without a difference.
func TestCompareQueries(t *testing.T) {
	a := []float64{.9, .1, .5, .5, .8, .7, .9, .6, .3}
	b := []float64{.1, .9, .5, .4, .1, .1, .1, .1, .4}
	opt := compareOptions()
	opt.Queries = true
	c := mustCompare(t, compareInput(a, b), opt)
	var got []string
	for _, d := range c.Measures[0].Pairs[0].Largest {
		got = append(got, fmt.Sprintf("%s %.1f", d.Query, float64(d.Difference)))
	}
	if want := "000 0.8, 006 0.8, 004 0.7, 005 0.6, 007 0.5, 008 -0.1, 001 -0.8"; strings.Join(got, ", ") != want {
		t.Errorf("want %s, got %s", want, strings.Join(got, ", "))
	}
	if !slices.Equal(c.QueryIDs, []string{"000", "001", "002", "003", "004", "005", "006", "007", "008"}) || len(c.Measures[0].Systems[1].Values) != 9 || c.Measures[0].Systems[1].Values[1] != .9 {
		t.Errorf("values: %v %v", c.QueryIDs, c.Measures[0].Systems)
	}
	if c := mustCompare(t, compareInput(a, b), compareOptions()); c.QueryIDs != nil || c.Measures[0].Pairs[0].Largest != nil {
		t.Error("nobody asked for queries")
	}
}

// A difference larger than the measure can have is not one that would be found.
func TestCompareUndetectable(t *testing.T) {
	c := mustCompare(t, compareInput([]float64{.9, .2}, []float64{.1, .3}), compareOptions())
	if got := c.Measures[0].Answer; !strings.Contains(got, "None that the measure can have would be found") {
		t.Error(got)
	}
}

func TestCompareWithoutSpread(t *testing.T) {
	for _, c := range []struct {
		n         int
		different bool
		want      string
	}{
		{2, false, "AP: a and b cannot be told apart: the difference is 0.3000 (the same for every query, so t has no interval and the permutation test decides; p = 0.500)."},
		{8, true, "AP: a is better than b, by 0.3000 (the same for every query, so t has no interval and the permutation test decides; p = 0.008)."},
	} {
		a, b := make([]float64, c.n), make([]float64, c.n)
		for i := range a {
			b[i] = .1 * float64(i%3)
			a[i] = b[i] + .3 // rounds differently from query to query
		}
		m := mustCompare(t, compareInput(a, b), compareOptions()).Measures[0]
		if m.Pairs[0].Different != c.different || m.Answer != c.want {
			t.Errorf("%d queries: different %v\n got %s\nwant %s", c.n, m.Pairs[0].Different, m.Answer, c.want)
		}
		in := compareInput(a, b)
		for i := range a {
			in.Group = append(in.Group, []string{"deu", "eng"}[i%2])
		}
		notes := 0
		for _, n := range mustCompare(t, in, compareOptions()).Notes {
			if n.Code == NoteEqual {
				notes++
			}
		}
		// Groups of one query are none.
		if want := map[int]int{2: 1, 8: 3}[c.n]; notes != want {
			t.Errorf("%d queries: %d notes on equal differences, want %d", c.n, notes, want)
		}
	}
}

// A query that no run has makes every difference smaller, which is said.
func TestCompareQueriesInNoRun(t *testing.T) {
	in := compareInput([]float64{.1, .2, 0, 0}, []float64{.3, .2, 0, 0}, []float64{0, .2, 0, 0})
	in.Runs[0].Missing, in.Runs[1].Missing, in.Runs[2].Missing = in.Queries[2:], in.Queries[2:], []string{in.Queries[0], in.Queries[3]}
	var got []string
	for _, n := range mustCompare(t, in, compareOptions()).Notes {
		if n.Code == NoteNowhere {
			got = append(got, n.Text)
		}
	}
	if want := "every run lacks 1 query of 4 judged (" + in.Queries[3] + "): "; len(got) != 1 || !strings.HasPrefix(got[0], want) {
		t.Errorf("got %q, want one that begins with %q", got, want)
	}
	in.Runs[1].Missing = nil
	for _, n := range mustCompare(t, in, compareOptions()).Notes {
		if n.Code == NoteNowhere {
			t.Errorf("some run has every query: %s", n.Text)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	two := func() CompareInput { return compareInput([]float64{.1, .2}, []float64{.2, .3}) }
	for _, c := range []struct {
		name string
		in   func(*CompareInput)
		opt  func(*CompareOptions)
		want string
	}{
		{"one run", func(in *CompareInput) { in.Runs = in.Runs[:1] }, nil, "two runs"},
		{"no query", func(in *CompareInput) { in.Queries = nil }, nil, "no judged query"},
		{"no measure", func(in *CompareInput) { in.Measures = nil }, nil, "needs a measure"},
		{"too short", func(in *CompareInput) { in.Runs[1].Values[0] = []float64{1} }, nil, "run b, AP: want values of 2 queries, got 1"},
		{"no value", func(in *CompareInput) { in.Runs[1].Values[0][1] = math.NaN() }, nil, "run b: query 001 has no value in AP"},
		{"groups", func(in *CompareInput) { in.Group = []string{"x"} }, nil, "want a group for each of 2"},
		{"level", nil, func(o *CompareOptions) { o.Level = 95 }, "between 0 and 1"},
		{"correction", nil, func(o *CompareOptions) { o.Correction = "tukey" }, "no correction"},
		{"baseline", nil, func(o *CompareOptions) { o.Baseline = 2 }, "no run 2"},
	} {
		in, opt := two(), compareOptions()
		if c.in != nil {
			c.in(&in)
		}
		if c.opt != nil {
			c.opt(&opt)
		}
		_, err := Compare(t.Context(), in, opt)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, two(), compareOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestAgree(t *testing.T) {
	in := compareInput([]float64{.1, .2, .9}, []float64{.2, .3, .1}, []float64{.3, .2, .2})
	c := mustCompare(t, in, compareOptions())
	words := strings.Fields
	rankings := [][][]string{
		{words("a b c d e f g"), words("a b"), nil},
		{words("b a c d h i j"), words("x y"), words("a")},
		{words("a b c d e f g"), words("b a"), words("z")},
	}
	if err := c.Agree(t.Context(), in, rankings); err != nil {
		t.Fatal(err)
	}
	got := c.Agreement.Rankings
	ext, _ := stats.RBO(rankings[0][0], rankings[1][0], .9)
	if x := got[0]; x.A != "a" || x.B != "b" || x.Queries != 2 || math.Abs(float64(x.RBO)-ext/2) > 1e-12 || x.Shared != 2 {
		t.Errorf("a, b: %+v, want RBO %g", x, ext/2)
	}
	// Of a, b, c and d only the first two are swapped; the second query shares
	// no document, so it has no τ.
	if x := got[0]; math.Abs(float64(x.TauB)-2.0/3) > 1e-12 || math.Abs(float64(x.TauAP)-1.0/3) > 1e-12 {
		t.Errorf("a, b: τ_b %g, τ_AP %g", x.TauB, x.TauAP)
	}
	if x := got[1]; x.A != "a" || x.B != "c" || x.TauB != 0 {
		t.Errorf("a, c: %+v", x)
	}
}
