package multilingual

import (
	"math"
	"slices"
	"strings"
)

// MRC returns for each query how far its ranking agrees with those of its
// translations (mean rank correlation, Yang et al., arXiv 2509.06195): the mean
// over the other languages of Spearman's correlation of the two rankings. The
// mean over all queries is the measure; 1 is fair.
//
// Translations are queries of one Group in different languages; of several in
// one language the first by ID counts. Two rankings are compared over the
// documents that are among the first cutoff (0: all) of either; a document that
// is missing from one takes the mean of the ranks after its end.
//
// A query has no value where it has no group, where the group is in one
// language, where its ranking or that of a translation is empty, and where two
// rankings together hold fewer than two documents.
func MRC(queries []Query, cutoff int) (values []float64, why []string) {
	values, why = make([]float64, len(queries)), make([]string, len(queries))
	groups := map[string][]int{}
	for i := range queries {
		if g := queries[i].Group; g != "" {
			groups[g] = append(groups[g], i)
		}
	}
	for i := range queries {
		q := &queries[i]
		if q.Language == "" {
			why[i] = NoQueryLanguage
			continue
		}
		first := map[string]int{}
		for _, j := range groups[q.Group] {
			l := queries[j].Language
			if at, ok := first[l]; l != "" && (!ok || strings.Compare(queries[j].ID, queries[at].ID) < 0) {
				first[l] = j
			}
		}
		delete(first, q.Language)
		if len(first) == 0 {
			why[i] = NoTranslation
			continue
		}
		var others []int
		for _, j := range first {
			others = append(others, j)
		}
		slices.SortFunc(others, func(a, b int) int { return strings.Compare(queries[a].Language, queries[b].Language) })
		var s float64
		for _, j := range others {
			r, ok := Spearman(q.head(cutoff), queries[j].head(cutoff))
			if !ok {
				switch {
				case len(q.Ranking) == 0:
					why[i] = NothingRanked
				case len(queries[j].Ranking) == 0:
					why[i] = TranslationUnranked
				default:
					why[i] = TooFewDocuments
				}
				break
			}
			s += r
		}
		if why[i] == "" {
			values[i] = s / float64(len(others))
		}
	}
	return values, why
}

// Spearman is the rank correlation of two rankings, each of distinct documents,
// over the union of their documents: one that a ranking lacks takes the mean of
// the ranks after its end there. It is false where one of them is empty, which
// orders nothing, and where the union has fewer than two documents.
func Spearman(a, b []string) (float64, bool) {
	rank := make(map[string]int, len(a))
	for i, doc := range a {
		rank[doc] = i + 1
	}
	var x, y []float64
	both := 0
	for i, doc := range b {
		if r := rank[doc]; r > 0 {
			both++
			x, y = append(x, float64(r)), append(y, float64(i+1))
			rank[doc] = -r
		}
	}
	onlyA, onlyB := len(a)-both, len(b)-both
	for _, doc := range a {
		if r := rank[doc]; r > 0 {
			x, y = append(x, float64(r)), append(y, tiedRank(len(b), onlyA))
		}
	}
	for i, doc := range b {
		if _, ok := rank[doc]; !ok {
			x, y = append(x, tiedRank(len(a), onlyB)), append(y, float64(i+1))
		}
	}
	return pearson(x, y)
}

// pearson is false where one side has no variance.
func pearson(x, y []float64) (float64, bool) {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i]
		my += y[i]
	}
	mx, my = mx/n, my/n
	var xx, yy, xy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx += float64(dx * dx)
		yy += float64(dy * dy)
		xy += float64(dx * dy)
	}
	if len(x) < 2 || xx == 0 || yy == 0 {
		return 0, false
	}
	return min(1, max(-1, xy/math.Sqrt(float64(xx*yy)))), true
}
