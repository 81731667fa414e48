package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/stats"
)

// CompareFormat names the layout of a Comparison as JSON.
const CompareFormat = "xlrun.comparison/1"

// CompareInput holds the values of some runs on the same judged queries.
type CompareInput struct {
	Measures []string
	Queries  []string // all judged queries; what follows is in their order
	Runs     []CompareRun
	Group    []string // of each query, "" where it has none; nil without groups
	Remarks  []string // what is odd about the judgments, a sentence each
}

// CompareRun is what one run gave.
type CompareRun struct {
	Name, File string
	// Values has one row per measure, with one value per query. A judged query
	// that the run lacks has a value too, the measure's of nothing found, and
	// stands in Missing, in the order of the queries.
	Values            [][]float64
	Missing, Unjudged []string
	// TieDependent counts the queries whose value depends on the rule for equal
	// scores, by measure; nil where nobody counted. Other holds the values under
	// other rules, for runs in which they matter: NaN where one could not be had.
	TieDependent []int
	Other        []TieValues
	// Remarks say what is odd about its file, a sentence each.
	Remarks []string
	// Judged is the mean share of the first ten hits that were judged; NaN
	// where nobody counted.
	Judged float64
}

// TieValues are the values of a run under a rule for equal scores.
type TieValues struct {
	Ties   string
	Values [][]float64
}

// Corrections of p values for their number.
const (
	CorrectHolm = "holm"
	CorrectBH   = "bh"
	CorrectBY   = "by"
	CorrectNone = "none"
)

// Corrections lists the names that CompareOptions takes.
func Corrections() []string { return []string{CorrectHolm, CorrectBH, CorrectBY, CorrectNone} }

// CompareOptions say how to decide.
type CompareOptions struct {
	Level      float64 // of intervals; 1−Level is what adjusted p values are held against
	Correction string
	Baseline   int // compare every run with this one; −1: all pairs
	Draws      int // of the sign-flip test
	Seed       uint64
	Ties       string // the rule for equal scores, for the description
}

// Comparison says which of some runs differ, and by how much. As JSON it holds
// no NaN and no infinite number: what is undefined is null.
type Comparison struct {
	Format     string  `json:"format"`
	Queries    int     `json:"queries"`
	Level      float64 `json:"level"`
	Correction string  `json:"correction"`
	Baseline   string  `json:"baseline,omitempty"`
	Draws      int     `json:"permutations"`
	Seed       uint64  `json:"seed"`
	Ties       string  `json:"ties"`

	Runs     []ComparedRun     `json:"runs"`
	Measures []ComparedMeasure `json:"measures"`

	Agreement *Agreement `json:"agreement,omitempty"`
	Notes     []Note     `json:"notes"`
	Method    []string   `json:"method"`
}

// ComparedRun describes a run.
type ComparedRun struct {
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Missing  []string `json:"missing"`  // judged queries that it lacks
	Unjudged int      `json:"unjudged"` // queries that it has and nobody judged
	Judged10 Float    `json:"judged_at_10"`
}

// ComparedMeasure is the comparison by one measure.
type ComparedMeasure struct {
	Measure string         `json:"measure"`
	Answer  string         `json:"answer"` // one or two sentences
	Systems []ComparedMean `json:"systems"`
	Pairs   []ComparedPair `json:"pairs"`
	Sets    [][]string     `json:"inseparable,omitempty"` // sets of runs that cannot be told apart; none with a baseline
	ByGroup []GroupedPair  `json:"by_group,omitempty"`
}

// ComparedMean is the mean of one run with its t interval over queries, best
// first.
type ComparedMean struct {
	Run     string `json:"run"`
	Mean    Float  `json:"mean"`
	Low     Float  `json:"low"`
	High    Float  `json:"high"`
	SD      Float  `json:"sd"`
	Letters string `json:"letters,omitempty"` // runs with a common letter cannot be told apart
	Best    bool   `json:"best"`              // cannot be told from the one with the best mean, or is it
	// TieDependent is the number of queries whose value depends on the rule for
	// equal scores.
	TieDependent int `json:"tie_dependent"`
}

// ComparedPair is the difference of run A and run B: A minus B. Intervals are
// those of one difference alone.
type ComparedPair struct {
	A string `json:"a"`
	B string `json:"b"`
	Difference
	Permutation Float `json:"p_permutation"`
	Exact       bool  `json:"permutation_exact"` // all assignments of signs were looked at
	// Detectable is the difference that a test of this pair alone would find
	// in 80 % of such samples.
	Detectable Float `json:"detectable"`
}

// Difference is a paired t-test with its verdict.
type Difference struct {
	N           int   `json:"n"`
	Mean        Float `json:"difference"`
	Low         Float `json:"low"`
	High        Float `json:"high"`
	T           Float `json:"t"`
	DF          int   `json:"df"`
	P           Float `json:"p"`
	Adjusted    Float `json:"p_adjusted"`
	Different   bool  `json:"different"`
	DZ          Float `json:"d_z"`
	G           Float `json:"hedges_g"`
	Superiority Float `json:"superiority"` // share of wins, ties counted half
	Wins        int   `json:"wins"`
	Ties        int   `json:"ties"`
	Losses      int   `json:"losses"`
	Skew        Float `json:"skew"`
}

// GroupedPair is the difference of two runs within groups of queries, adjusted
// over all pairs and groups of the measure, and the mean of the groups' means
// with groups as the units.
type GroupedPair struct {
	A      string            `json:"a"`
	B      string            `json:"b"`
	Groups []GroupDifference `json:"groups"`
	Over   Difference        `json:"over_groups"` // n is the number of groups; adjusted over the pairs
}

// GroupDifference is the difference within one group.
type GroupDifference struct {
	Group string `json:"group"`
	MeanA Float  `json:"mean_a"`
	MeanB Float  `json:"mean_b"`
	Difference
}

// Float is a float64 that is null in JSON where it is NaN or infinite.
type Float float64

// MarshalJSON writes the shortest decimal that reads back the same, or null.
func (n Float) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
}

// UnmarshalJSON reads null as NaN.
func (n *Float) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Float(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*n = Float(v)
	return err
}

// Codes of notes of a comparison.
const (
	NoteFile           = "file"
	NoteQueriesMissing = "missing queries"
	NoteNowhere        = "queries in no run"
	NoteUnjudged       = "unjudged queries"
	NoteHoles          = "unjudged hits"
	NoteIdentical      = "identical runs"
	NoteAllTied        = "all tied"
	NoteFewQueries     = "few queries"
	NoteManyQueries    = "many queries"
	NoteEqual          = "equal differences"
	NoteSkewedFew      = "few skewed queries"
	NoteTestsDisagree  = "tests disagree"
	NoteTieOrder       = "order of equal scores"
	NoteTieUntried     = "orders not tried"
	NoteOverlap        = "overlapping sets"
	NoteMixedLanguages = "mixed languages"
	NoteGroups         = "groups"
)

const (
	manyQueries = 1000 // from here on, what is significant may still not matter
	disagree    = 2.0  // times by which two p values may differ
	holes       = 0.1  // difference of the shares of judged hits that is spoken of
	power       = 0.8
)

// Compare tests which runs differ. Each measure is a family of its own: p
// values are corrected over its pairs. The paired t-test decides, and the
// sign-flip test is there as a check (Urbano, Lima and Hanjalic 2019).
//
// Equal input gives an equal comparison, on any number of processors. An error
// is one of the input, or the context's.
func Compare(ctx context.Context, in CompareInput, opt CompareOptions) (*Comparison, error) {
	if err := in.check(opt); err != nil {
		return nil, err
	}
	if opt.Draws <= 0 {
		opt.Draws = stats.SignFlips
	}
	c := &Comparison{
		Format: CompareFormat, Queries: len(in.Queries), Level: opt.Level, Correction: opt.Correction,
		Draws: opt.Draws, Seed: opt.Seed, Ties: opt.Ties, Notes: []Note{},
	}
	if opt.Baseline >= 0 {
		c.Baseline = in.Runs[opt.Baseline].Name
	}
	for _, r := range in.Runs {
		c.Runs = append(c.Runs, ComparedRun{Name: r.Name, File: r.File, Missing: append([]string{}, r.Missing...), Unjudged: len(r.Unjudged), Judged10: Float(r.Judged)})
	}
	var err error
	for m := range in.Measures {
		var x measured
		if x, err = in.measure(ctx, m, opt); err != nil {
			return nil, err
		}
		c.Measures = append(c.Measures, x.out)
		c.Notes = append(c.Notes, x.notes...)
	}
	c.Notes = append(in.notes(), c.Notes...)
	c.Method = in.method(c, opt)
	return c, nil
}

func (in CompareInput) check(opt CompareOptions) error {
	switch {
	case len(in.Runs) < 2:
		return errors.New("a comparison needs two runs")
	case len(in.Queries) == 0:
		return errors.New("there is no judged query to compare on")
	case len(in.Measures) == 0:
		return errors.New("a comparison needs a measure")
	case !(opt.Level > 0 && opt.Level < 1):
		return fmt.Errorf("want a level between 0 and 1, such as 0.95, got %g", opt.Level)
	case !slices.Contains(Corrections(), opt.Correction):
		return fmt.Errorf("there is no correction %q; there are %s", opt.Correction, list(Corrections()))
	case opt.Baseline >= len(in.Runs):
		return fmt.Errorf("there is no run %d to be the baseline", opt.Baseline)
	case in.Group != nil && len(in.Group) != len(in.Queries):
		return fmt.Errorf("want a group for each of %d queries, got %d", len(in.Queries), len(in.Group))
	}
	for _, r := range in.Runs {
		if r.TieDependent != nil && len(r.TieDependent) != len(in.Measures) {
			return fmt.Errorf("run %s: want counts for %d measures, got %d", r.Name, len(in.Measures), len(r.TieDependent))
		}
		for i, values := range append([]TieValues{{Values: r.Values}}, r.Other...) {
			if len(values.Values) != len(in.Measures) {
				return fmt.Errorf("run %s: want the values of %d measures, got %d", r.Name, len(in.Measures), len(values.Values))
			}
			for m, v := range values.Values {
				if len(v) != len(in.Queries) {
					return fmt.Errorf("run %s, %s: want values of %d queries, got %d", r.Name, in.Measures[m], len(in.Queries), len(v))
				}
				for q, x := range v {
					if math.IsNaN(x) && i == 0 || math.IsInf(x, 0) {
						return fmt.Errorf("run %s: query %s has no value in %s, so it cannot be paired", r.Name, in.Queries[q], in.Measures[m])
					}
				}
			}
		}
	}
	return nil
}

// measured is the comparison by one measure while it is made.
type measured struct {
	out   ComparedMeasure
	notes []Note

	order []int // runs, best mean first
	means []float64
	pairs [][2]int // indices of runs, in the order of out.Pairs
}

func (x *measured) note(code, format string, args ...any) {
	x.notes = append(x.notes, Note{Code: code, Text: fmt.Sprintf(format, args...), Warning: true})
}

func (in CompareInput) measure(ctx context.Context, m int, opt CompareOptions) (measured, error) {
	x := measured{out: ComparedMeasure{Measure: in.Measures[m]}}
	values := make([][]float64, len(in.Runs))
	for r := range in.Runs {
		values[r] = in.Runs[r].Values[m]
	}
	x.rank(values)
	for _, r := range x.order {
		one := stats.PairedT(values[r], opt.Level)
		x.out.Systems = append(x.out.Systems, ComparedMean{
			Run: in.Runs[r].Name, Mean: Float(x.means[r]), Low: Float(one.Low), High: Float(one.High), SD: Float(one.SD), TieDependent: in.Runs[r].dependent(m),
		})
	}
	x.pair(opt.Baseline)
	x.out.Pairs = make([]ComparedPair, len(x.pairs))
	err := parallel(ctx, len(x.pairs), func(i int) {
		a, b := x.pairs[i][0], x.pairs[i][1]
		d := differences(values[a], values[b])
		t := stats.PairedT(d, opt.Level)
		p, exact := stats.SignFlip(d, opt.Draws, opt.Seed)
		x.out.Pairs[i] = ComparedPair{
			A: in.Runs[a].Name, B: in.Runs[b].Name, Difference: testPair(d, opt), Permutation: Float(p), Exact: exact,
			Detectable: Float(stats.MinDetectable(t.SE, t.DF, opt.Level, power)),
		}
	})
	if err != nil {
		return x, err
	}
	adjust(opt, func(yield func(*Difference) bool) {
		for i := range x.out.Pairs {
			if !yield(&x.out.Pairs[i].Difference) {
				return
			}
		}
	})
	if opt.Baseline < 0 {
		x.sets(in)
	}
	if in.Group != nil {
		x.group(in, values, opt)
	}
	x.out.Answer = x.answer(in, opt)
	x.warn(in, opt)
	x.tieOrder(in, m, opt)
	return x, nil
}

// rank orders the runs by their means, equal ones as they were given.
func (x *measured) rank(values [][]float64) {
	x.means = make([]float64, len(values))
	x.order = make([]int, len(values))
	for r, v := range values {
		x.means[r] = stats.Mean(v)
		x.order[r] = r
	}
	slices.SortStableFunc(x.order, func(a, b int) int { return cmp.Compare(x.means[b], x.means[a]) })
}

// pair lists which runs are compared: the better with the worse, or every one
// with the baseline.
func (x *measured) pair(baseline int) {
	for i, a := range x.order {
		if baseline >= 0 {
			if a != baseline {
				x.pairs = append(x.pairs, [2]int{a, baseline})
			}
			continue
		}
		for _, b := range x.order[i+1:] {
			x.pairs = append(x.pairs, [2]int{a, b})
		}
	}
}

// pairAt is where the pair of i and j stands among all pairs of n things with
// i < j, in the order of i and then j.
func pairAt(n, i, j int) int { return i*n - i*(i+1)/2 + j - i - 1 }

func differences(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

// testPair tests differences as testDifferences does.
func testPair(d []float64, opt CompareOptions) Difference {
	t := testDifferences(d, opt.Level, opt.Draws, opt.Seed)
	out := Difference{
		N: t.N, Mean: Float(t.Mean), Low: Float(t.Low), High: Float(t.High), T: Float(t.T), DF: int(t.DF), P: Float(t.P),
		DZ: Float(t.DZ), G: Float(t.G), Superiority: Float(t.Superiority()), Wins: t.Wins, Ties: t.Ties, Losses: t.Losses, Skew: Float(t.Skew),
	}
	out.Adjusted = out.P
	return out
}

// adjust corrects the p values of a family and decides. What could not be
// tested does not count in it.
func adjust(opt CompareOptions, family func(yield func(*Difference) bool)) {
	var ds []*Difference
	var p []float64
	for d := range family {
		if !math.IsNaN(float64(d.P)) {
			ds, p = append(ds, d), append(p, float64(d.P))
		}
	}
	switch opt.Correction {
	case CorrectHolm:
		p = stats.Holm(p)
	case CorrectBH:
		p = stats.BH(p)
	case CorrectBY:
		p = stats.BY(p)
	}
	for i, d := range ds {
		d.Adjusted = Float(p[i])
		d.Different = p[i] <= opt.alpha()
	}
}

// alpha is 1−Level without the rounding of the subtraction: 0.05, not
// 0.050000000000000044.
func (opt CompareOptions) alpha() float64 { return math.Round((1-opt.Level)*1e12) / 1e12 }

func (x *measured) sets(in CompareInput) {
	n := len(x.order)
	place := make([]int, n)
	for i, r := range x.order {
		place[r] = i
	}
	// All pairs are there, in the order of places.
	apart := func(a, b int) bool {
		i, j := min(place[a], place[b]), max(place[a], place[b])
		return x.out.Pairs[pairAt(n, i, j)].Different
	}
	groups := stats.Groups(x.means, apart)
	text := stats.Letters(n, groups)
	for i, r := range x.order {
		x.out.Systems[i].Letters = text[r]
		x.out.Systems[i].Best = i == 0 || !apart(x.order[0], r)
	}
	for _, set := range groups {
		var names []string
		for _, r := range set {
			names = append(names, in.Runs[r].Name)
		}
		x.out.Sets = append(x.out.Sets, names)
	}
}

// group repeats the tests within groups of queries.
func (x *measured) group(in CompareInput, values [][]float64, opt CompareOptions) {
	members := map[string][]int{}
	for q, g := range in.Group {
		if g != "" {
			members[g] = append(members[g], q)
		}
	}
	var names []string
	for g, qs := range members {
		if len(qs) > 1 {
			names = append(names, g)
		}
	}
	slices.Sort(names)
	for _, p := range x.pairs {
		pair := GroupedPair{A: in.Runs[p[0]].Name, B: in.Runs[p[1]].Name, Groups: []GroupDifference{}}
		var means []float64
		for _, g := range names {
			var a, b []float64
			for _, q := range members[g] {
				a, b = append(a, values[p[0]][q]), append(b, values[p[1]][q])
			}
			d := testPair(differences(a, b), opt)
			pair.Groups = append(pair.Groups, GroupDifference{Group: g, MeanA: Float(stats.Mean(a)), MeanB: Float(stats.Mean(b)), Difference: d})
			means = append(means, float64(d.Mean))
		}
		pair.Over = testPair(means, opt)
		x.out.ByGroup = append(x.out.ByGroup, pair)
	}
	adjust(opt, func(yield func(*Difference) bool) {
		for i := range x.out.ByGroup {
			for g := range x.out.ByGroup[i].Groups {
				if !yield(&x.out.ByGroup[i].Groups[g].Difference) {
					return
				}
			}
		}
	})
	adjust(opt, func(yield func(*Difference) bool) {
		for i := range x.out.ByGroup {
			if !yield(&x.out.ByGroup[i].Over) {
				return
			}
		}
	})
}

// parallel calls f for 0…n−1, each once, in any order.
func parallel(ctx context.Context, n int, f func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// answer says which run is best and which cannot be told from it.
func (x *measured) answer(in CompareInput, opt CompareOptions) string {
	s := x.out.Measure + ": "
	if x.allTied() {
		return s + "all runs have the same value for every query."
	}
	switch {
	case len(x.pairs) == 1:
		s += x.pairSentence(x.out.Pairs[0])
	case opt.Baseline >= 0:
		s += x.baselineSentence(in, opt)
	default:
		s += x.bestSentence()
	}
	if len(x.out.ByGroup) == 1 {
		s += " " + x.out.ByGroup[0].sentence()
	}
	return s
}

func (x *measured) pairSentence(p ComparedPair) string {
	switch {
	case math.IsNaN(float64(p.P)):
		return "one query decides nothing."
	case p.Wins+p.Losses == 0:
		return fmt.Sprintf("%s and %s have the same value for every query.", p.A, p.B)
	}
	if p.Different {
		word := "better"
		if p.Mean < 0 {
			word = "worse"
		}
		return fmt.Sprintf("%s is %s than %s, by %s (%s; %s).", p.A, word, p.B, value(Float(math.Abs(float64(p.Mean)))), signedInterval(p), pText(p.Adjusted))
	}
	if p.spreadless() {
		return fmt.Sprintf("%s and %s cannot be told apart: the difference is %s (%s; %s).", p.A, p.B, value(p.Mean), limits(p.Low, p.High, "query"), pText(p.Adjusted))
	}
	return fmt.Sprintf("%s and %s cannot be told apart: the difference is %s (%s; %s). One of %s would be found in %.0f %% of such samples.",
		p.A, p.B, value(p.Mean), limits(p.Low, p.High, "query"), pText(p.Adjusted), value(p.Detectable), 100*power)
}

// limits writes an interval over queries or groups.
func limits(low, high Float, unit string) string {
	if math.IsNaN(float64(low)) {
		return "the same for every " + unit + ", so t has no interval and the permutation test decides"
	}
	return value(low) + " to " + value(high)
}

// spreadless tells whether all differences are equal and not 0.
func (d Difference) spreadless() bool { return math.IsNaN(float64(d.Low)) && !math.IsNaN(float64(d.P)) }

// signedInterval is the interval of |A−B| where A and B differ.
func signedInterval(p ComparedPair) string {
	if p.Mean < 0 {
		return limits(-p.High, -p.Low, "query")
	}
	return limits(p.Low, p.High, "query")
}

func (x *measured) bestSentence() string {
	top := x.out.Systems[0]
	var alike, worse []string
	for _, s := range x.out.Systems[1:] {
		if s.Best {
			alike = append(alike, s.Run)
		} else {
			worse = append(worse, s.Run)
		}
	}
	switch {
	case len(worse) == 0 && len(x.out.Sets) == 1:
		return fmt.Sprintf("none of the %d runs can be told from another; %s has the best mean, %s.", len(x.out.Systems), top.Run, value(top.Mean))
	case len(alike) == 0:
		p := x.out.Pairs[0] // best against second
		return fmt.Sprintf("%s is best, %s; the next, %s, is lower by %s (%s; %s).", top.Run, value(top.Mean), p.B, value(p.Mean), signedInterval(p), pText(p.Adjusted))
	case len(worse) == 0:
		return fmt.Sprintf("%s has the best mean, %s, but cannot be told from any of the others (%s).", top.Run, value(top.Mean), few(alike))
	}
	return fmt.Sprintf("%s has the best mean, %s, and cannot be told from %s; worse: %s.", top.Run, value(top.Mean), few(alike), few(worse))
}

func (x *measured) baselineSentence(in CompareInput, opt CompareOptions) string {
	var better, worse, alike []string
	for _, p := range x.out.Pairs {
		switch {
		case p.Different && p.Mean > 0:
			better = append(better, p.A)
		case p.Different:
			worse = append(worse, p.A)
		default:
			alike = append(alike, p.A)
		}
	}
	base := in.Runs[opt.Baseline].Name
	var parts []string
	if len(better) > 0 {
		parts = append(parts, "better than "+base+": "+few(better))
	}
	if len(worse) > 0 {
		parts = append(parts, "worse than "+base+": "+few(worse))
	}
	if len(alike) > 0 {
		parts = append(parts, "cannot be told from "+base+": "+few(alike))
	}
	return strings.Join(parts, "; ") + "."
}

func (g GroupedPair) sentence() string {
	var better, worse, alike int
	for _, d := range g.Groups {
		switch {
		case d.Different && d.Mean > 0:
			better++
		case d.Different:
			worse++
		default:
			alike++
		}
	}
	s := fmt.Sprintf("By group, %s is better than %s in %d, worse in %d, and cannot be told apart in %d of %d", g.A, g.B, better, worse, alike, len(g.Groups))
	if len(g.Groups) > 1 {
		s += fmt.Sprintf("; the mean over groups differs by %s (%s; %s)", value(g.Over.Mean), limits(g.Over.Low, g.Over.High, "group"), pText(g.Over.Adjusted))
	}
	return s + "."
}

// value writes a value of a measure, or a difference of two, with the four
// decimals that the field prints.
func value(v Float) string {
	if math.IsNaN(float64(v)) {
		return "undefined"
	}
	return decimal(float64(v), 4)
}

// pText writes a p value: "p = 0.016", "p < 0.0001".
func pText(p Float) string {
	switch {
	case math.IsNaN(float64(p)):
		return "no p"
	case p < 0.0001:
		return "p < 0.0001"
	case p < 0.001:
		return "p = " + decimal(float64(p), 4)
	}
	return "p = " + decimal(float64(p), 3)
}

// few lists names, not more than eight.
func few(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return list(names)
}

func (x *measured) allTied() bool {
	for _, p := range x.out.Pairs {
		if p.Wins+p.Losses > 0 {
			return false
		}
	}
	return true
}

// warn says where the tests of this measure are not to be relied upon.
func (x *measured) warn(in CompareInput, opt CompareOptions) {
	if x.allTied() {
		x.note(NoteAllTied, "%s: every query has the same value in every run, so there is nothing to test.", x.out.Measure)
		return
	}
	n := len(in.Queries)
	if n < 2 {
		x.note(NoteFewQueries, "%s: with one query there is no test.", x.out.Measure)
		return
	}
	x.warnEqual()
	var skewed, off []string
	different, worst := 0, 0.0
	for _, p := range x.out.Pairs {
		if p.Different {
			different++
		}
		if s := math.Abs(float64(p.Skew)); n < fewQueries && s > muchSkew {
			skewed = append(skewed, p.A+" − "+p.B)
			worst = max(worst, s)
		}
		if p.disagrees(opt, len(x.out.Pairs)) {
			off = append(off, fmt.Sprintf("%s − %s (t %s, permutation %s)", p.A, p.B, pText(p.P), pText(p.Permutation)))
		}
	}
	if len(skewed) > 0 {
		x.note(NoteSkewedFew, "%s: %s and skewed differences (skewness up to %.1f) in %s: with fewer than %d queries every paired test is unreliable there.",
			x.out.Measure, queries(n), worst, few(skewed), fewQueries)
	}
	if len(off) > 0 {
		x.note(NoteTestsDisagree, "%s: the t-test and the permutation test differ by more than a factor of %g in %s: look at single queries (xlrun eval -q).",
			x.out.Measure, disagree, few(off))
	}
	if n >= manyQueries && different > 0 {
		least := math.Inf(1)
		for _, p := range x.out.Pairs {
			if p.Different {
				least = min(least, math.Abs(float64(p.DZ)))
			}
		}
		x.note(NoteManyQueries, "%s: with %s queries small differences are significant too (here from d_z = %.2f on): read the size of a difference, not its p.",
			x.out.Measure, thousands(n), least)
	}
	if odd := x.oddSet(); odd != "" {
		x.note(NoteOverlap, "%s: %s", x.out.Measure, odd)
	}
}

// warnEqual says where the differences of all queries are one number, which
// leaves a t-test nothing to judge by.
func (x *measured) warnEqual() {
	var equal []string
	for _, p := range x.out.Pairs {
		if p.spreadless() {
			equal = append(equal, p.A+" − "+p.B)
		}
	}
	if len(equal) > 0 {
		x.note(NoteEqual, "%s: every query differs by the same amount in %s: t and its interval are undefined there, and p is that of the permutation test.", x.out.Measure, few(equal))
	}
	var over []string
	groups, of := 0, 0
	for _, g := range x.out.ByGroup {
		if len(g.Groups) > 1 && g.Over.spreadless() {
			over = append(over, g.A+" − "+g.B)
		}
		for _, d := range g.Groups {
			of++
			if d.spreadless() {
				groups++
			}
		}
	}
	if len(over) > 0 {
		x.note(NoteEqual, "%s: every group differs by the same amount in %s: t over groups and its interval are undefined there, and p is that of the permutation test.", x.out.Measure, few(over))
	}
	if groups > 0 {
		x.note(NoteEqual, "%s: within %d of %s of a pair every query differs by the same amount: t and its interval are undefined there, and p is that of the permutation test.", x.out.Measure, groups, count(of, "group"))
	}
}

// disagrees tells whether the two tests differ by more than chance and the
// number of draws explain. Where both are so small that no correction over the
// pairs could save the null, it does not matter.
func (p ComparedPair) disagrees(opt CompareOptions, pairs int) bool {
	a, b := float64(p.P), float64(p.Permutation)
	if math.IsNaN(a) || max(a, b) <= opt.alpha()/float64(pairs) {
		return false
	}
	if !p.Exact {
		// Below some twenty hits among the draws the permutation p is itself
		// uncertain by that factor.
		floor := 20 / float64(opt.Draws+1)
		a, b = max(a, floor), max(b, floor)
	}
	return max(a, b) > disagree*min(a, b)
}

// oddSet explains sets that overlap, once.
func (x *measured) oddSet() string {
	for i := range x.out.Sets {
		for j := range i {
			for _, name := range x.out.Sets[i] {
				if !slices.Contains(x.out.Sets[j], name) {
					continue
				}
				only := func(set, other []string) string {
					for _, n := range set {
						if !slices.Contains(other, n) {
							return n
						}
					}
					return ""
				}
				return fmt.Sprintf("being told apart is not transitive: %s can be told neither from %s nor from %s, which differ or differ from others in the set. A common letter says that two runs cannot be told apart, not that they are equal.",
					name, only(x.out.Sets[j], x.out.Sets[i]), only(x.out.Sets[i], x.out.Sets[j]))
			}
		}
	}
	return ""
}

// otherRules lists the rules for equal scores under which there are values.
func (in CompareInput) otherRules() []string {
	var rules []string
	for _, r := range in.Runs {
		for _, o := range r.Other {
			if !slices.Contains(rules, o.Ties) {
				rules = append(rules, o.Ties)
			}
		}
	}
	return rules
}

// tieOrder decides again with equal scores in other orders and says which
// verdicts turn. A pair without all values keeps its p, as one of the family.
func (x *measured) tieOrder(in CompareInput, m int, opt CompareOptions) {
	for _, rule := range in.otherRules() {
		again := measured{pairs: x.pairs}
		for i, p := range x.pairs {
			d := differences(in.Runs[p[0]].under(rule, m), in.Runs[p[1]].under(rule, m))
			test := x.out.Pairs[i].Difference
			if slices.ContainsFunc(d, math.IsNaN) {
				test.Adjusted = test.P
			} else {
				test = testPair(d, opt)
			}
			again.out.Pairs = append(again.out.Pairs, ComparedPair{Difference: test})
		}
		adjust(opt, func(yield func(*Difference) bool) {
			for i := range again.out.Pairs {
				if !yield(&again.out.Pairs[i].Difference) {
					return
				}
			}
		})
		var turned []string
		for i, p := range again.out.Pairs {
			was := x.out.Pairs[i]
			if p.Different != was.Different || p.Different && (p.Mean > 0) != (was.Mean > 0) {
				turned = append(turned, fmt.Sprintf("%s − %s (%s, here %s)", was.A, was.B, pText(p.Adjusted), pText(was.Adjusted)))
			}
		}
		if len(turned) > 0 {
			x.note(NoteTieOrder, "%s: the verdict depends on the order of equal scores: with -ties %s it is another for %s.", x.out.Measure, rule, few(turned))
		}
	}
}

// dependent returns how many queries depend on the rule for equal scores.
func (r CompareRun) dependent(m int) int {
	if r.TieDependent == nil {
		return 0
	}
	return r.TieDependent[m]
}

// under returns the values of a measure with equal scores ordered by a rule.
func (r CompareRun) under(rule string, m int) []float64 {
	for _, o := range r.Other {
		if o.Ties == rule {
			return o.Values[m]
		}
	}
	return r.Values[m]
}

// notes says what concerns all measures.
func (in CompareInput) notes() []Note {
	out := []Note{}
	add := func(code, format string, args ...any) {
		out = append(out, Note{Code: code, Text: fmt.Sprintf(format, args...), Warning: true})
	}
	for _, text := range in.Remarks {
		add(NoteFile, "judgments: %s", text)
	}
	for _, r := range in.Runs {
		for _, text := range r.Remarks {
			add(NoteFile, "%s: %s", r.Name, text)
		}
		if n := len(r.Missing); n > 0 {
			add(NoteQueriesMissing, "%s lacks %s of %s judged (%s): there it found nothing, and each counts.", r.Name, queries(n), thousands(len(in.Queries)), firstFew(r.Missing))
		}
		if n := len(r.Unjudged); n > 0 {
			add(NoteUnjudged, "%s has %s that nobody judged (%s), left out.", r.Name, queries(n), firstFew(r.Unjudged))
		}
	}
	nowhere := in.Runs[0].Missing
	for _, r := range in.Runs[1:] {
		lacks := map[string]bool{}
		for _, q := range r.Missing {
			lacks[q] = true
		}
		nowhere = slices.DeleteFunc(slices.Clone(nowhere), func(q string) bool { return !lacks[q] })
	}
	if n := len(nowhere); n > 0 {
		add(NoteNowhere, "every run lacks %s of %s judged (%s): there the differences are 0, which makes the mean of all smaller. If the runs were not made for these queries, take them out of the judgments.", queries(n), thousands(len(in.Queries)), firstFew(nowhere))
	}
	for i, a := range in.Runs {
		for _, b := range in.Runs[:i] {
			same := true
			for m := range in.Measures {
				same = same && slices.Equal(a.Values[m], b.Values[m])
			}
			if same {
				add(NoteIdentical, "%s and %s have the same values for every query in every measure: is it the same run twice?", b.Name, a.Name)
			}
		}
	}
	low, high := -1, -1
	for i, r := range in.Runs {
		if math.IsNaN(r.Judged) {
			continue
		}
		if low < 0 || r.Judged < in.Runs[low].Judged {
			low = i
		}
		if high < 0 || r.Judged > in.Runs[high].Judged {
			high = i
		}
	}
	if low >= 0 && in.Runs[high].Judged-in.Runs[low].Judged > holes {
		add(NoteHoles, "of the first ten hits %.0f %% were judged in %s and %.0f %% in %s; an unjudged hit counts as not relevant, which favours the former.",
			100*in.Runs[high].Judged, in.Runs[high].Name, 100*in.Runs[low].Judged, in.Runs[low].Name)
	}
	for _, rule := range in.otherRules() {
		var measures, runs []string
		most := 0
		for m, name := range in.Measures {
			for _, r := range in.Runs {
				n := 0
				for _, v := range r.under(rule, m) {
					if math.IsNaN(v) {
						n++
					}
				}
				if n > 0 && !slices.Contains(measures, name) {
					measures = append(measures, name)
				}
				if n > 0 && !slices.Contains(runs, r.Name) {
					runs = append(runs, r.Name)
				}
				most = max(most, n)
			}
		}
		if len(measures) > 0 {
			add(NoteTieUntried, "whether verdicts of %s hold with -ties %s could not be tried for pairs with %s: for up to %s of a run the mean over all orders of equal scores takes long, or does not exist, as where -M cuts a tie from which -J drops documents.",
				few(measures), rule, few(runs), queries(most))
		}
	}
	if in.Group == nil {
		if langs := idLanguages(in.Queries); len(langs) > 1 {
			add(NoteMixedLanguages, "the ids of queries look like those of %d languages (%s): a language with many queries decides for all; give -groups a file of query and language to test within each.", len(langs), firstFew(langs))
		}
	} else {
		none := 0
		sizes := map[string]int{}
		for _, g := range in.Group {
			if g == "" {
				none++
			} else {
				sizes[g]++
			}
		}
		var single []string
		for g, n := range sizes {
			if n < 2 {
				single = append(single, g)
				delete(sizes, g)
			}
		}
		if len(single) > 0 {
			slices.Sort(single)
			add(NoteGroups, "%s with one query only, too few for a test, left out of the groups: %s.", count(len(single), "group"), firstFew(single))
		}
		if none > 0 {
			add(NoteGroups, "%s of %s without a group; such a query counts in the comparison over all queries only.", queries(none), thousands(len(in.Queries)))
		}
		least, most := math.MaxInt, 0
		for _, n := range sizes {
			least, most = min(least, n), max(most, n)
		}
		if len(sizes) > 1 && most >= 2*least {
			add(NoteMixedLanguages, "groups have from %s to %s queries: over all queries the large ones decide; the mean over groups counts each group once.", thousands(least), thousands(most))
		}
		if g := len(sizes); g > 1 && g < minLanguages {
			add(NoteFewLanguages, "with %d groups the interval of the mean over groups is wide, and it is about groups like these only if they were drawn from such.", g)
		}
	}
	return out
}

// idLanguages returns the language codes that query ids begin with, where all
// do ("de-17", "swh_3"), in order; nil where some do not.
func idLanguages(ids []string) []string {
	seen := map[string]bool{}
	for _, id := range ids {
		i := strings.IndexAny(id, "-_:/#.|")
		if i != 2 && i != 3 {
			return nil
		}
		code := id[:i]
		if seen[code] {
			continue
		}
		if _, err := collection.ParseLanguage(code); err != nil {
			// A code of two letters is refused in favour of the one of three.
			var other *collection.LanguageCodeError
			if !errors.As(err, &other) || i != 2 || len(other.Suggest) == 0 {
				return nil
			}
		}
		seen[code] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func queries(n int) string {
	if n == 1 {
		return "1 query"
	}
	return thousands(n) + " queries"
}

// firstFew lists the first names of many.
func firstFew(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// tieWords says what hangs on the rule for equal scores.
func (in CompareInput) tieWords(c *Comparison) string {
	most, turns, tried := 0, false, ""
	for m := range in.Measures {
		for _, r := range in.Runs {
			most = max(most, r.dependent(m))
		}
	}
	for _, n := range c.Notes {
		turns = turns || n.Code == NoteTieOrder
		if n.Code == NoteTieUntried {
			tried = " that could be tried"
		}
	}
	switch {
	case most == 0:
		return ""
	case turns:
		return fmt.Sprintf(" (it decides the value of up to %s of a run, and verdicts)", queries(most))
	}
	return fmt.Sprintf(" (it decides the value of up to %s of a run, but no verdict%s)", queries(most), tried)
}

// method says in two lines how it was decided and what it is about.
func (in CompareInput) method(c *Comparison, opt CompareOptions) []string {
	family := fmt.Sprintf("over the %s of each measure", count(len(c.Measures[0].Pairs), "pair"))
	correction := map[string]string{
		CorrectHolm: "p corrected by Holm " + family,
		CorrectBH:   "p corrected by Benjamini and Hochberg (false discoveries) " + family,
		CorrectBY:   "p corrected by Benjamini and Yekutieli (false discoveries, any dependence) " + family,
		CorrectNone: "p not corrected for the number of tests",
	}[opt.Correction]
	if len(c.Measures[0].Pairs) == 1 {
		correction = "one test per measure, nothing to correct"
	}
	if in.Group != nil && opt.Correction != CorrectNone {
		correction += "; within groups p is corrected over all pairs and groups of a measure"
	}
	check := "sign-flip permutation test as a check (exact)"
	for _, m := range c.Measures {
		for _, p := range m.Pairs {
			if !p.Exact {
				check = fmt.Sprintf("sign-flip permutation test as a check (%s draws, seed %d; exact up to 20 queries that differ)", thousands(opt.Draws), opt.Seed)
			}
		}
	}
	first := fmt.Sprintf("Paired t-test over %s, two-sided at %s, decides; %s; %s %% intervals of single differences; %s.",
		queries(c.Queries), strconv.FormatFloat(opt.alpha(), 'g', 6, 64), correction, strconv.FormatFloat(100*opt.Level, 'g', 6, 64), check)
	second := "All judged queries count, also those that a run lacks"
	if opt.Ties != "" {
		second += "; ties: " + opt.Ties + in.tieWords(c)
	}
	second += ". The verdicts are about these checkpoints and queries like these: a run stands for itself, not for how it was trained, whose repetition (seeds) is not in it."
	return []string{first, second}
}
