package collection

import (
	"cmp"
	"slices"
)

// Leak is a text of a test that training has seen.
type Leak struct {
	Query    string // id of the query
	Document string // id of its relevant document; "" when the query itself was seen
}

// TrainedTexts returns the hashes of both sides of the pairs of a mixture.
func TrainedTexts(keys []Key, sel *Selection) Hashes {
	h := make(Hashes, 2*len(sel.Rows))
	for i, r := range sel.Rows {
		h[keys[r].HashA] = struct{}{}
		h[keys[sel.RowsB[i]].HashB] = struct{}{}
	}
	return h
}

// Leaks lists the queries of pools, and the documents relevant to them, whose
// normalised text is among the trained ones, each once, sorted. Pools come
// from SelectPool with the same texts and languages.
func Leaks(trained Hashes, t *Texts, queryLanguage, corpusLanguage string, pools ...*Pool) []Leak {
	queries, docs := OfLanguage(t.Queries, queryLanguage), OfLanguage(t.Documents, corpusLanguage)
	found := map[Leak]struct{}{}
	for _, p := range pools {
		for i, row := range p.QueryRows {
			q := queries[row]
			if trained.Has(q.Hash) {
				found[Leak{Query: q.ID}] = struct{}{}
			}
			for _, g := range p.Qrels[i] {
				if g.Relevance > 0 && trained.Has(docs[g.Doc].Hash) {
					found[Leak{Query: q.ID, Document: docs[g.Doc].ID}] = struct{}{}
				}
			}
		}
	}
	out := make([]Leak, 0, len(found))
	for l := range found {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Leak) int {
		return cmp.Or(cmp.Compare(a.Query, b.Query), cmp.Compare(a.Document, b.Document))
	})
	return out
}
