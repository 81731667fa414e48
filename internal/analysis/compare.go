package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/xlrun/xlrun/internal/stats"
	"github.com/xlrun/xlrun/sdk/ir"
)

// CompareFormat names the layout of a Comparison as JSON.
const CompareFormat = "xlrun.comparison/1"

// CompareInput holds the values of some runs on the same judged queries.
type CompareInput struct {
	Measures []string
	Queries  []string // all judged queries; what follows is in their order
	Runs     []CompareRun
	Group    []string // of each query, "" where it has none; nil without groups
	Remarks  []Remark // what is odd about the judgments
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
	// Remarks say what is odd about its file, one of each kind.
	Remarks []Remark
	// Judged is the mean share of the first ten hits that were judged; NaN
	// where nobody counted.
	Judged float64
}

// Remark is something odd about a file: how often it is there, and a sentence
// about the first time.
type Remark struct {
	Kind  string
	Count int
	Text  string
}

func (r Remark) String() string {
	if r.Count > 1 {
		return fmt.Sprintf("%s (%s times)", r.Text, thousands(r.Count))
	}
	return r.Text
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
	Queries    bool   // keep the values of queries, and the largest differences of each pair
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
	QueryIDs []string          `json:"query_ids,omitempty"` // in the order of ComparedMean.Values, where these were asked for

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
	Better  string         `json:"better"` // which values are: "higher", "lower" or "neither"
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
	// Values are those of the queries, where they were asked for.
	Values []Float `json:"values,omitempty"`
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
	// Largest are up to five queries on which the difference is largest in
	// favour of A, and as many in favour of B, where they were asked for: from
	// the largest difference to the smallest, equal ones in the order of queries.
	Largest []QueryDifference `json:"largest,omitempty"`
}

// QueryDifference is one query of a pair.
type QueryDifference struct {
	Query      string `json:"query"`
	A          Float  `json:"a"`
	B          Float  `json:"b"`
	Difference Float  `json:"difference"`
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
	Wins        int   `json:"wins"`        // of A: where more is better its value is larger, where less is, smaller
	Ties        int   `json:"ties"`
	Losses      int   `json:"losses"`
	Skew        Float `json:"skew"`

	sense ir.Sense
}

// Ahead is 1 where the first run is the better one by its mean, -1 where it is
// the worse one and 0 where the means are equal. Where more is neither, the
// higher one is ahead.
func (d Difference) Ahead() int {
	ahead := 0
	switch {
	case d.Mean > 0:
		ahead = 1
	case d.Mean < 0:
		ahead = -1
	}
	if d.sense == ir.LessIsBetter {
		return -ahead
	}
	return ahead
}

// Verdict is what the first run is: "better" or "worse", or by a measure of
// which more is neither "higher" or "lower"; empty where the two cannot be told
// apart.
func (d Difference) Verdict() string {
	if !d.Different {
		return ""
	}
	return comparatives(d.sense)[max(d.Ahead(), 0)]
}

// comparatives are the words for being behind and ahead.
func comparatives(s ir.Sense) [2]string {
	if s == ir.NoSense {
		return [2]string{"lower", "higher"}
	}
	return [2]string{"worse", "better"}
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
	if opt.Queries {
		c.QueryIDs = in.Queries
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
	sense ir.Sense
	unit  bool // all values are from 0 to 1

	order []int // runs, best mean first
	means []float64
	pairs [][2]int // indices of runs, in the order of out.Pairs
}

func (in CompareInput) measure(ctx context.Context, m int, opt CompareOptions) (measured, error) {
	x := measured{out: ComparedMeasure{Measure: in.Measures[m]}, unit: true}
	if known, err := ir.ParseMeasure(in.Measures[m]); err == nil {
		x.sense = known.Sense()
	}
	x.out.Better = [...]string{ir.MoreIsBetter: "higher", ir.LessIsBetter: "lower", ir.NoSense: "neither"}[x.sense]
	values := make([][]float64, len(in.Runs))
	for r := range in.Runs {
		values[r] = in.Runs[r].Values[m]
		for _, v := range values[r] {
			x.unit = x.unit && v >= 0 && v <= 1
		}
	}
	x.rank(values)
	for _, r := range x.order {
		one := stats.PairedT(values[r], opt.Level)
		x.out.Systems = append(x.out.Systems, ComparedMean{
			Run: in.Runs[r].Name, Mean: Float(x.means[r]), Low: Float(one.Low), High: Float(one.High), SD: Float(one.SD), TieDependent: in.Runs[r].dependent(m),
		})
		if opt.Queries {
			last := &x.out.Systems[len(x.out.Systems)-1]
			for _, v := range values[r] {
				last.Values = append(last.Values, Float(v))
			}
		}
	}
	x.pair(opt.Baseline)
	x.out.Pairs = make([]ComparedPair, len(x.pairs))
	err := parallel(ctx, len(x.pairs), func(i int) {
		a, b := x.pairs[i][0], x.pairs[i][1]
		d := differences(values[a], values[b])
		p, exact := stats.SignFlip(d, opt.Draws, opt.Seed)
		detectable := math.NaN()
		if t := stats.PairedT(d, opt.Level); !roundedOnly(t.SD, t.Mean) {
			detectable = stats.MinDetectable(t.SE, t.DF, opt.Level, power)
		}
		x.out.Pairs[i] = ComparedPair{
			A: in.Runs[a].Name, B: in.Runs[b].Name, Difference: testPair(d, opt, x.sense), Permutation: Float(p), Exact: exact,
			Detectable: Float(detectable),
		}
		if opt.Queries {
			x.out.Pairs[i].Largest = in.largest(d, values[a], values[b])
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

// mostLargest is how many queries of a pair are named for either side.
const mostLargest = 5

// largest returns the queries with the largest differences of two runs.
func (in CompareInput) largest(d, a, b []float64) []QueryDifference {
	var order []int
	for q, v := range d {
		if v != 0 {
			order = append(order, q)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(d[j], d[i]) })
	var out []QueryDifference
	for i, q := range order {
		if forA, forB := d[q] > 0 && i < mostLargest, d[q] < 0 && i >= len(order)-mostLargest; forA || forB {
			out = append(out, QueryDifference{in.Queries[q], Float(a[q]), Float(b[q]), Float(d[q])})
		}
	}
	return out
}

// rank orders the runs by their means, equal ones as they were given.
func (x *measured) rank(values [][]float64) {
	x.means = make([]float64, len(values))
	x.order = make([]int, len(values))
	for r, v := range values {
		x.means[r] = stats.Mean(v)
		x.order[r] = r
	}
	slices.SortStableFunc(x.order, func(a, b int) int { return cmp.Compare(x.merit(b), x.merit(a)) })
}

// merit orders runs: the mean, and its negative where less is better.
func (x *measured) merit(r int) float64 {
	if x.sense == ir.LessIsBetter {
		return -x.means[r]
	}
	return x.means[r]
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
		d[i] = difference(a[i], b[i])
	}
	return d
}

// testPair tests differences as testDifferences does.
func testPair(d []float64, opt CompareOptions, sense ir.Sense) Difference {
	t := testDifferences(d, opt.Level, opt.Draws, opt.Seed)
	out := Difference{
		N: t.N, Mean: Float(t.Mean), Low: Float(t.Low), High: Float(t.High), T: Float(t.T), DF: int(t.DF), P: Float(t.P),
		DZ: Float(t.DZ), G: Float(t.G), Superiority: Float(t.Superiority()), Wins: t.Wins, Ties: t.Ties, Losses: t.Losses, Skew: Float(t.Skew),
	}
	if sense == ir.LessIsBetter {
		out.Wins, out.Losses, out.Superiority = out.Losses, out.Wins, 1-out.Superiority
	}
	out.Adjusted, out.sense = out.P, sense
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
		d.Different = stats.Rejects(p[i], opt.alpha())
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
	merits := make([]float64, n)
	for r := range merits {
		merits[r] = x.merit(r)
	}
	groups := stats.Groups(merits, apart)
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
			d := testPair(differences(a, b), opt, x.sense)
			pair.Groups = append(pair.Groups, GroupDifference{Group: g, MeanA: Float(stats.Mean(a)), MeanB: Float(stats.Mean(b)), Difference: d})
			means = append(means, float64(d.Mean))
		}
		pair.Over = testPair(means, opt, x.sense)
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

// spreadless tells whether all differences are equal and not 0.
func (d Difference) spreadless() bool { return math.IsNaN(float64(d.Low)) && !math.IsNaN(float64(d.P)) }

func (x *measured) allTied() bool {
	for _, p := range x.out.Pairs {
		if p.Wins+p.Losses > 0 {
			return false
		}
	}
	return true
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
				test = testPair(d, opt, x.sense)
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
			if p.Different != was.Different || p.Different && p.Ahead() != was.Ahead() {
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
