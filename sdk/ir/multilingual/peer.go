package multilingual

import (
	"maps"
	"math"
	"slices"
)

// PEEROptions says which variant of PEER is computed.
type PEEROptions struct {
	Cutoff int // 0: the whole ranking

	// Weights are those of the relevance levels; documents that nobody has
	// judged are of level 0, where only those count that were retrieved. Nil
	// weighs all levels above 0 alike that the query's judgments have.
	Weights map[int]float64

	// Reference computes what peer_measure 0.0.x does, the implementation of
	// PEER's authors: a level that cannot be tested counts as fair (p = 1)
	// instead of being left out; documents that were not retrieved take ranks
	// after as many as the level has, not after the cutoff. A query without
	// non-relevant judgments is no error, where the implementation stops with a
	// KeyError: its unjudged documents are level 0. The implementation breaks
	// ties of the scores by ascending id: hand it such a ranking.
	Reference bool
}

// PEER is the probability of equal expected rank (Yang et al., SIGIR 2024,
// arXiv 2405.00978): for each relevance level the p-value of a Kruskal–Wallis
// test that the documents of that level have the same expected rank in every
// language, weighted over levels. 1 is fair; the value falls as languages part.
//
// The ranks are those in the ranking, not ranks within the level. Relevant
// documents of the level that are not among the first Cutoff share the mean of
// the ranks that follow the cutoff (the length of the ranking, where that is
// shorter or the cutoff is 0). Languages without a document of the level take
// no part.
//
// A level is tested where two languages have a document of it; weights are
// scaled to the levels that are tested. It has no value where none is: the
// reference gives 1.
//
// A p-value falls as lists get longer, for the same unfairness: compare values
// of one cutoff and one pool only.
func PEER(q *Query, o PEEROptions) (float64, string) {
	head := q.head(o.Cutoff)
	levels := map[int]map[string][]float64{} // grade → language → ranks
	add := func(grade int, doc string, rank float64) bool {
		lang := q.Documents[doc].Language
		if levels[grade] == nil {
			levels[grade] = map[string][]float64{}
		}
		levels[grade][lang] = append(levels[grade][lang], rank)
		return lang != ""
	}
	known, relevant := true, false
	in := make(map[string]bool, len(head))
	for i, doc := range head {
		in[doc] = true
		grade := q.Qrels[doc]
		if grade > 0 || o.Reference || o.Weights[grade] != 0 {
			known = add(grade, doc, float64(i+1)) && known
		}
	}
	lost := map[int]int{} // documents of a level that were not retrieved
	for _, doc := range slices.Sorted(maps.Keys(q.Qrels)) {
		grade := q.Qrels[doc]
		if grade <= 0 {
			if o.Reference && levels[grade] == nil {
				levels[grade] = map[string][]float64{}
			}
			continue
		}
		relevant = true
		if !in[doc] {
			known = add(grade, doc, math.NaN()) && known
			lost[grade]++
		}
	}
	switch {
	case !relevant && !o.Reference:
		return 0, NoRelevant
	case !known:
		return 0, NoDocLanguage
	}

	var value, weights float64
	weighted := false
	for _, grade := range slices.Sorted(maps.Keys(levels)) {
		w := 1.0
		if o.Weights != nil {
			w = o.Weights[grade]
		} else if grade <= 0 {
			w = 0
		}
		if w == 0 {
			continue
		}
		weighted = true
		groups := levels[grade]
		if o.Reference {
			value += float64(w * p(groups, tiedRank(count(groups), lost[grade]), lost[grade] == count(groups)))
			weights += w
			continue
		}
		if len(groups) < 2 {
			continue
		}
		value += float64(w * p(groups, tiedRank(len(head), lost[grade]), false))
		weights += w
	}
	switch {
	case !weighted && !o.Reference:
		return 0, NoWeight
	case o.Reference && o.Weights != nil:
		return value, "" // the weights are the caller's: their sum is 1
	case weights == 0:
		return 0, OneLanguage
	}
	return value / weights, ""
}

// tiedRank is the mean of the n ranks after the first m.
func tiedRank(m, n int) float64 { return float64(2*m+n+1) / 2 }

func count(groups map[string][]float64) int {
	n := 0
	for _, g := range groups {
		n += len(g)
	}
	return n
}

// p is the p-value of the Kruskal–Wallis test of the groups, whose NaN stand
// for ranks of the value unretrieved. It is 1 where nothing can differ: fewer
// than two groups, or equal ranks (or nothing, which is the reference's rule
// for levels of which nothing was retrieved).
func p(groups map[string][]float64, unretrieved float64, nothing bool) float64 {
	if nothing || len(groups) < 2 {
		return 1
	}
	var samples [][]float64
	for _, lang := range slices.Sorted(maps.Keys(groups)) {
		g := slices.Clone(groups[lang])
		for i, r := range g {
			if math.IsNaN(r) {
				g[i] = unretrieved
			}
		}
		slices.Sort(g)
		samples = append(samples, g)
	}
	h, ok := KruskalH(samples)
	if !ok {
		return 1
	}
	return ChiSquareTail(h, len(samples)-1)
}

// KruskalH is the statistic of Kruskal and Wallis on values as they are, which
// are ranks already: (N−1)·Σ n_g(r̄_g−r̄)² / Σ(r−r̄)². It is false where there is
// none: fewer than two values, or all equal. Empty groups count for nothing.
func KruskalH(groups [][]float64) (float64, bool) {
	var n, total float64
	for _, g := range groups {
		for _, r := range g {
			total += r
			n++
		}
	}
	mean := total / n
	var between, all float64
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		var s float64
		for _, r := range g {
			s += r
			all += float64((r - mean) * (r - mean))
		}
		d := s/float64(len(g)) - mean
		between += float64(float64(float64(len(g))*d) * d)
	}
	if n < 2 || all == 0 {
		return 0, false
	}
	return float64((n-1)*between) / all, true
}

// ChiSquareTail is the probability that a χ² variable with df ≥ 1 degrees of
// freedom exceeds x: Q(df/2, x/2), by the finite sum that it is for whole df
// (Abramowitz and Stegun 26.4.4 and 26.4.5). All terms are positive, so nothing
// cancels: the relative error stays below 1e-11 down to 1e-300.
func ChiSquareTail(x float64, df int) float64 {
	if x <= 0 {
		return 1
	}
	half := x / 2
	var q, term, a float64
	if df%2 == 1 {
		// Q(1/2, y) = erfc(√y), and the first term is that of a = 1/2.
		q = math.Erfc(math.Sqrt(half))
		if df == 1 {
			return q
		}
		a = 1.5
		term = 2 * math.Sqrt(half/math.Pi)
	} else {
		q, term, a = 0, 1, 1
	}
	// Q(a+1, y) = Q(a, y) + y^a e^−y / Γ(a+1); the terms get e^−y together.
	var s, shift float64
	for ; a <= float64(df)/2; a++ {
		s += term
		term *= half / a
		if s > 0x1p800 { // many languages, far apart
			s, term, shift = s*0x1p-800, term*0x1p-800, shift+800*math.Ln2
		}
	}
	if half-shift > 700 { // e^−y alone is next to nothing
		return min(1, q+math.Exp(math.Log(s)+shift-half))
	}
	return min(1, q+float64(s*math.Exp(shift-half)))
}
