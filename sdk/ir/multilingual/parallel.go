package multilingual

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// LPR is the language preference of one query (language preference rate, after
// MLAIRE, arXiv 2605.07249): 1 where the first relevant document of the ranking
// is in the language of the query, 0 where it is a translation. Its mean over
// queries is the rate. With cutoff 1 it looks at queries whose first document
// is relevant.
//
// It has no value where no relevant document is among the first cutoff (0: in
// the ranking), and where there is nothing to prefer: relevant documents must
// exist in the query's language and in another. It is neither good nor bad
// when it is high: that depends on whether the reader wants his own language.
func LPR(q *Query, cutoff int) (float64, string) {
	if why := q.parallel(); why != "" {
		return 0, why
	}
	for _, doc := range q.head(cutoff) {
		if q.Qrels[doc] > 0 {
			if q.Documents[doc].Language == q.Language {
				return 1, ""
			}
			return 0, ""
		}
	}
	return 0, NoneRetrieved
}

// LangNDCG is nDCG in which a relevant document in another language than the
// query's is worth only the part other of its grade, from 0 to 1 (after
// Lang-nDCG of MLAIRE, arXiv 2605.07249). The gain of a relevant document of
// the query's language is its grade, the discount of rank i is log2(i+1), and
// the ideal ranking is that of all relevant documents, cut at the cutoff too
// (0: no cutoff). other 1 is plain nDCG.
//
// It has no value where relevant documents are in one language: it would be
// nDCG, or that of a task without a choice.
func LangNDCG(q *Query, cutoff int, other float64) (float64, string) {
	if why := q.parallel(); why != "" {
		return 0, why
	}
	gain := func(doc string) float64 {
		g := float64(max(0, q.Qrels[doc]))
		if q.Documents[doc].Language != q.Language {
			g *= other
		}
		return g
	}
	var ideal []float64
	for doc := range q.Qrels {
		ideal = append(ideal, gain(doc))
	}
	slices.SortFunc(ideal, func(a, b float64) int { return cmp.Compare(b, a) })
	if cutoff > 0 && cutoff < len(ideal) {
		ideal = ideal[:cutoff]
	}
	var best, got float64
	for i, g := range ideal {
		best += g / math.Log2(float64(i+2))
	}
	for i, doc := range q.head(cutoff) {
		if g := gain(doc); g > 0 {
			got += g / math.Log2(float64(i+2))
		}
	}
	return got / best, ""
}

// MaxR is the logarithm, to base 2, of the rank at which all relevant documents
// have been seen (after Max@R, arXiv 2604.05684): where the relevant documents
// are translations of one another it says how far apart they lie. 2 to the mean
// over queries is the geometric mean of that rank. Lower is better.
//
// complete is false where a relevant document was not retrieved: it counts as
// the last of the pool then, the worst that is possible. It has no value where
// the size of the pool is not known either, and where the relevant documents
// are in one language.
func MaxR(q *Query) (value float64, complete bool, why string) {
	by, total, why := q.relevant()
	switch {
	case why != "":
		return 0, false, why
	case len(by) < 2:
		return 0, false, OneLanguage
	}
	for i, doc := range q.Ranking {
		if q.Qrels[doc] > 0 {
			if total--; total == 0 {
				return math.Log2(float64(i + 1)), true, ""
			}
		}
	}
	pool := q.pool()
	if pool == 0 {
		return 0, false, PoolSizeUnknown
	}
	return math.Log2(float64(max(pool, len(q.Ranking)))), false, ""
}

// ScaledMaxR is MaxR between its bounds, so that higher is better: 1 where the
// R relevant documents are the first R of the pool's M documents, 0 where the
// last of the pool is relevant, and between them 1 − log(rank/R)/log(M/R). It
// needs the size of the pool, and is not defined where all of it is relevant.
func ScaledMaxR(q *Query) (value float64, complete bool, why string) {
	log, complete, why := MaxR(q)
	if why != "" {
		return 0, false, why
	}
	_, relevant, _ := q.relevant()
	pool := q.pool()
	switch {
	case pool == 0:
		return 0, false, PoolUnknown
	case pool <= relevant:
		return 0, false, AllRelevant
	}
	best := math.Log2(float64(relevant))
	return min(1, max(0, 1-(log-best)/(math.Log2(float64(pool))-best))), complete, ""
}

// pool is how many documents were searched; 0: not known.
func (q *Query) pool() int {
	n := 0
	for _, k := range q.Candidates {
		n += k
	}
	return n
}

// AlignStrong is average precision over the pool of all languages, in which
// translations are relevant alike (strong alignment, after LAReQA, Roy et al.,
// EMNLP 2020): it is high only where relevant documents of any language come
// before others of any language. Average precision is trec_eval's: the sum of
// the precisions at relevant documents among the first cutoff (0: all), over
// the number of relevant ones.
//
// It has no value where the relevant documents are in one language.
func AlignStrong(q *Query, cutoff int) (float64, string) {
	by, total, why := q.relevant()
	switch {
	case why != "":
		return 0, why
	case len(by) < 2:
		return 0, OneLanguage
	}
	return averagePrecision(q, q.head(cutoff), total), ""
}

// AlignWeak is the mean over languages other than the query's of the average
// precision within that language (weak alignment, after LAReQA, Roy et al.,
// EMNLP 2020): other languages are taken out of the ranking before, so that a
// bias towards a language costs nothing. The cutoff counts the documents of one
// language.
//
// The ranking holds the documents of a language only as far as it goes: a short
// list that one language fills gives the others a value that is too low.
// complete is false where that may be: a relevant document was not seen, and
// fewer documents of its language than the cutoff and the pool would allow
// were. It has no value where all relevant documents are in the query's
// language.
func AlignWeak(q *Query, cutoff int) (value float64, complete bool, why string) {
	by, _, why := q.relevant()
	switch {
	case why != "":
		return 0, false, why
	case q.Language == "":
		return 0, false, NoQueryLanguage
	}
	delete(by, q.Language)
	if len(by) == 0 {
		return 0, false, NoneInOtherLang
	}
	complete = true
	for _, lang := range slices.Sorted(maps.Keys(by)) {
		var list []string
		found := 0
		for _, doc := range q.Ranking {
			if q.Documents[doc].Language == lang && (cutoff == 0 || len(list) < cutoff) {
				list = append(list, doc)
				if q.Qrels[doc] > 0 {
					found++
				}
			}
		}
		all := q.Candidates[lang]
		if cutoff > 0 && (len(q.Candidates) == 0 || cutoff < all) {
			all = cutoff
		}
		if found < by[lang] && (len(list) < all || len(q.Candidates) == 0 && cutoff == 0) {
			complete = false
		}
		value += averagePrecision(q, list, by[lang])
	}
	return value / float64(len(by)), complete, ""
}

func averagePrecision(q *Query, list []string, relevant int) float64 {
	var s float64
	seen := 0
	for i, doc := range list {
		if q.Qrels[doc] > 0 {
			seen++
			s += float64(seen) / float64(i+1)
		}
	}
	return s / float64(relevant)
}
