package analysis

import (
	"math"
	"slices"

	"github.com/xlrun/xlrun/internal/stats"
)

// answers are values of the queries of one language, with what each asks.
type answers struct {
	asked  []int32 // shared by translations
	values []float64
}

// asksAlike says whether the author, or the plan, knows that all languages are
// asked the same.
func (g *grid) asksAlike() bool { return g.analysis.Parallel != nil && *g.analysis.Parallel }

// noiseOf is the variance of the sum over languages of the means over their
// queries, as far as it comes from which queries were asked, with its degrees of
// freedom (Satterthwaite). Languages with fewer than two queries add nothing.
//
// Translations of a query are hard or easy together, so they are one unit: what
// a query adds to the sum in all languages is squared, not each language's part
// of it. Ids that agree by chance do no harm but to the degrees of freedom,
// which are, among languages with queries in common, those of the one with the
// fewest. Languages without common queries are independent; but where alike is
// true, they are asked the same under ids that do not say so, and their
// deviations are added up, which is the most that it can be.
func noiseOf(langs []answers, alike bool) (v, df float64) {
	deviation := map[int32]float64{} // of what is asked
	first := map[int32]int{}         // the language that asks it first
	var order []int32
	part := make([]int, len(langs)) // languages with common queries, by the first of them
	least := make([]float64, len(langs))
	for l, x := range langs {
		part[l] = l
		n := float64(len(x.values))
		least[l] = n - 1
		if n < 2 {
			continue
		}
		mean := stats.Mean(x.values)
		// Σ z² over the queries of one language is its variance over n.
		scale := math.Sqrt(n * (n - 1))
		for k, id := range x.asked {
			if at, ok := first[id]; !ok {
				first[id] = l
				order = append(order, id)
			} else if from, to := max(part[at], part[l]), min(part[at], part[l]); from != to {
				for o := range langs[:l+1] {
					if part[o] == from {
						part[o] = to
					}
				}
			}
			deviation[id] += (x.values[k] - mean) / scale
		}
	}
	variance := make([]float64, len(langs)) // of parts
	for _, id := range order {
		z := deviation[id]
		variance[part[first[id]]] += float64(z * z)
	}
	for l := range langs {
		if p := part[l]; least[l] > 0 {
			least[p] = min(least[p], least[l])
		}
	}
	var below, sum, fewest float64
	for p, x := range variance {
		if part[p] != p || !(least[p] > 0) {
			continue
		}
		if fewest == 0 {
			fewest = least[p]
		}
		fewest = min(fewest, least[p])
		v += x
		sum += math.Sqrt(x)
		below += float64(x*x) / least[p]
		df += least[p]
	}
	switch {
	case alike:
		return float64(sum * sum), fewest
	case below > 0:
		df = float64(v*v) / below
	}
	return v, df
}

// lonely names the languages in which some run has a single query.
func (g *grid) lonely() []string {
	var out []string
	for l, name := range g.langs {
		if slices.ContainsFunc(g.runs, func(r *run) bool { return r.scores[l] != nil && len(r.scores[l].values) == 1 }) {
			out = append(out, name)
		}
	}
	return out
}

// sharedNoise is the part of noiseOf that languages have in common, which is
// what it is more than were each language asked by itself; 0 where it is less.
func sharedNoise(langs []answers, alike bool) (v, df float64) {
	v, df = noiseOf(langs, alike)
	for _, x := range langs {
		if n := len(x.values); n > 1 {
			v -= stats.Variance(x.values) / float64(n)
		}
	}
	return max(0, v), df
}

// shared is what languages have in common where they are asked the same, as a
// part of the variance of a mean over languages beside that which their scatter
// shows, with the degrees of freedom of the sum. Where each has queries of its
// own, the scatter holds their noise already.
func (g *grid) shared(variance, df float64, langs []answers) (v, dof float64) {
	v, sharedDF := sharedNoise(langs, g.asksAlike())
	k := float64(len(langs))
	if v /= k * k; v <= 0 {
		return 0, df
	}
	// What is added must not make the interval narrower, so languages keep the say
	// in the degrees of freedom.
	sum := variance + v
	return v, min(df, sum*sum/(float64(variance*variance)/df+float64(v*v)/sharedDF))
}

// influences returns what each query, in whatever languages, adds to the sum
// over languages of the means over their queries, in a fixed order.
func influences(langs []answers) []float64 {
	at := map[int32]int{}
	var out []float64
	for _, x := range langs {
		n := float64(len(x.values))
		for k, id := range x.asked {
			i, ok := at[id]
			if !ok {
				i = len(out)
				at[id] = i
				out = append(out, 0)
			}
			out[i] += x.values[k] / n
		}
	}
	return out
}
