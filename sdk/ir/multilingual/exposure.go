package multilingual

import (
	"maps"
	"math"
	"slices"
)

// The target shares and distances of AWRF.
const (
	TargetPool    = "pool"    // the languages' shares of the pool
	TargetUniform = "uniform" // every language of the pool alike

	DistanceJS  = "js"  // Jensen–Shannon divergence with logarithms of base 2: 0 to 1
	DistanceAbs = "abs" // half the sum of absolute differences (total variation): 0 to 1
)

// AWRFOptions says which variant of AWRF is computed.
type AWRFOptions struct {
	Cutoff   int     // 0: the whole ranking
	Patience float64 // the weight of rank i is Patience^(i−1); 0: it is 1/log2(i+1)
	Target   string  // "": TargetPool
	Distance string  // "": DistanceJS
}

// AWRF is the attention-weighted rank fairness of languages (after Sapiezynski
// et al. 2019, as the TREC Fair Ranking track has used it): 1 − Δ(a, t), where
// a is the share of attention that each language gets in the ranking, every
// rank weighing less than the one before, and t is the share it ought to get.
// 1 is fair.
//
// It does not look at relevance: a ranking may be fair and useless. It has no
// value where nothing was retrieved, where the languages of the pool are not
// known, or where there is only one.
func AWRF(q *Query, o AWRFOptions) (float64, string) {
	head := q.head(o.Cutoff)
	switch {
	case len(head) == 0:
		return 0, NothingRanked
	case len(q.Candidates) == 0:
		return 0, UnknownPool
	case len(q.Candidates) < 2:
		return 0, OneCandidateLang
	}
	languages := slices.Sorted(maps.Keys(q.Candidates))
	target := make(map[string]float64, len(languages))
	for _, l := range languages {
		if l == "" {
			return 0, NoDocLanguage
		}
		if o.Target == TargetUniform {
			target[l] = 1
		} else {
			target[l] = float64(q.Candidates[l])
		}
	}
	attention := make(map[string]float64, len(languages))
	weight := 1.0
	for i, doc := range head {
		lang := q.Documents[doc].Language
		if _, ok := target[lang]; !ok {
			return 0, NoDocLanguage
		}
		if o.Patience == 0 {
			weight = 1 / math.Log2(float64(i+2))
		}
		attention[lang] += weight
		if o.Patience != 0 {
			weight *= o.Patience
		}
	}
	all, want := sum(attention, languages), sum(target, languages)
	var far float64
	for _, l := range languages {
		a, t := attention[l]/all, target[l]/want
		if o.Distance == DistanceAbs {
			far += math.Abs(a-t) / 2
			continue
		}
		m := (a + t) / 2
		far += (kl(a, m) + kl(t, m)) / 2
	}
	return 1 - min(1, max(0, far)), ""
}

// kl is one term of the Kullback–Leibler divergence in bits.
func kl(p, q float64) float64 {
	if p == 0 {
		return 0
	}
	return float64(p * math.Log2(p/q))
}
