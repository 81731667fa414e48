package collection

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// PoolParams says which candidates a task searches.
type PoolParams struct {
	QueryLanguage  string
	CorpusLanguage string
	Size           int // candidates, relevant ones included; 0: the whole corpus
	Queries        int // 0: all
	Seed           int64
}

// Pool is a choice of queries and of the candidates that they all search.
type Pool struct {
	QueryRows []int32    // ascending; rows count the queries of the query language, in order
	DocRows   []int32    // ascending; rows count the documents of the corpus language, in order
	Qrels     [][]Graded // per query row: its judged documents in the pool, by ascending row

	Relevant       int // candidates that some query of the pool is judged relevant with
	Unjudged       int // queries left out because the corpus language has nothing relevant for them
	NearDuplicates int // candidates that have the text of a relevant document without being judged so
	EmptyQueries   int // chosen queries without text
	EmptyDocuments int // candidates without text
	OwnOrigin      bool
}

// Graded is a judged document of a pool.
type Graded struct {
	Doc       int32 // row within the corpus language
	Relevance int
}

// PoolError says that a pool cannot be filled.
type PoolError struct {
	QueryLanguage, CorpusLanguage string
	What                          string // "queries", "candidates", "relevant candidates"
	Want, Have                    int
}

func (e *PoolError) Error() string {
	where := fmt.Sprintf("%s to %s", e.QueryLanguage, e.CorpusLanguage)
	switch e.What {
	case "queries":
		if e.Want == 0 {
			return fmt.Sprintf("%s has no query with a relevant document", where)
		}
		return fmt.Sprintf("%s needs %d queries with a relevant document, there are %d", where, e.Want, e.Have)
	case "relevant candidates":
		return fmt.Sprintf("%s needs a pool of %d, for so many documents are relevant to its queries; the size is %d", where, e.Have, e.Want)
	}
	return fmt.Sprintf("%s needs %d candidates, there are %d", where, e.Want, e.Have)
}

// SelectPool chooses the queries and candidates of one target for one seed.
//
// A query takes part when a document of the corpus language is relevant for
// it: judged with a relevance above 0, or of one group with such a document.
// Queries are taken in the seeded order of their groups (of their ids, where
// they have none), so that targets with the same groups ask the same.
//
// Candidates are the documents relevant to these queries, then others in the
// seeded order of their groups until there are Size, so that parallel targets
// share a pool.
//
// Where all queries of the language come from one origin, and documents of the
// corpus language come from it too, that origin is their corpus: a bitext has
// an English side of its own. Size 0 takes all of it, and nothing else. A
// larger Size takes documents of other origins only after these, and none that
// has the text of a relevant one, for nobody has judged it.
//
// Errors: *PoolError.
func SelectPool(t *Texts, p PoolParams) (*Pool, error) {
	t.index()
	queries, docs := of(t.Queries, p.QueryLanguage), of(t.Documents, p.CorpusLanguage)
	s := poolSearch{seed: strconv.FormatInt(p.Seed, 10), texts: t, docs: docs}
	fail := func(what string, want, have int) error {
		return &PoolError{QueryLanguage: p.QueryLanguage, CorpusLanguage: p.CorpusLanguage, What: what, Want: want, Have: have}
	}
	s.prepare(queries)

	out := &Pool{}
	type asked struct {
		row  int32
		gold []Graded
	}
	var able []asked
	for row := range queries {
		if gold := s.judgments(&queries[row]); hasRelevant(gold) {
			able = append(able, asked{int32(row), gold})
		} else {
			out.Unjudged++
		}
	}
	want := p.Queries
	if want == 0 {
		want = len(able)
	}
	if len(able) == 0 || len(able) < want {
		return nil, fail("queries", p.Queries, len(able))
	}
	rows := make([]int, len(able))
	for i := range rows {
		rows[i] = i
	}
	place := make([]uint64, len(able))
	for i, a := range able {
		place[i] = s.place("query", &queries[a.row])
	}
	slices.SortFunc(rows, func(a, b int) int {
		return cmp.Or(cmp.Compare(place[a], place[b]), cmp.Compare(queries[able[a].row].ID, queries[able[b].row].ID))
	})
	rows = rows[:want]
	slices.Sort(rows) // able is in row order

	in := make(map[int32]bool, p.Size)
	relevant := map[int32]bool{}
	goldText := Hashes{}
	for _, i := range rows {
		for _, g := range able[i].gold {
			if g.Relevance > 0 {
				in[g.Doc], relevant[g.Doc] = true, true
				goldText[docs[g.Doc].Hash] = struct{}{}
			}
		}
	}
	out.Relevant = len(relevant)
	if p.Size > 0 && len(relevant) > p.Size {
		return nil, fail("relevant candidates", p.Size, len(relevant))
	}
	own, foreign := s.candidates(goldText)
	out.OwnOrigin = s.origin != ""
	take := func(from []int32) {
		for _, d := range from {
			if p.Size > 0 && len(in) == p.Size {
				return
			}
			in[d] = true
		}
	}
	take(own)
	if p.Size > 0 {
		take(foreign)
		if len(in) < p.Size {
			return nil, fail("candidates", p.Size, len(in))
		}
	}

	for d := range in {
		out.DocRows = append(out.DocRows, d)
		if docs[d].Empty {
			out.EmptyDocuments++
		}
		if !relevant[d] && goldText.Has(docs[d].Hash) {
			out.NearDuplicates++
		}
	}
	slices.Sort(out.DocRows)
	for _, i := range rows {
		a := able[i]
		out.QueryRows = append(out.QueryRows, a.row)
		if queries[a.row].Empty {
			out.EmptyQueries++
		}
		out.Qrels = append(out.Qrels, slices.DeleteFunc(a.gold, func(g Graded) bool { return !in[g.Doc] }))
	}
	return out, nil
}

func hasRelevant(gold []Graded) bool {
	return slices.ContainsFunc(gold, func(g Graded) bool { return g.Relevance > 0 })
}

type poolSearch struct {
	seed    string
	texts   *Texts
	docs    []TextKey
	byID    map[string]int32
	byGroup map[string][]int32
	origin  string // the one that all queries come from, if it has documents
}

func (s *poolSearch) prepare(queries []TextKey) {
	s.byID = make(map[string]int32, len(s.docs))
	s.byGroup = make(map[string][]int32, len(s.docs))
	for row, d := range s.docs {
		s.byID[d.ID] = int32(row)
		if d.Group != "" {
			s.byGroup[d.Group] = append(s.byGroup[d.Group], int32(row))
		}
	}
	if len(queries) == 0 || queries[0].Origin == "" {
		return
	}
	one := queries[0].Origin
	for _, q := range queries {
		if q.Origin != one {
			return
		}
	}
	if slices.ContainsFunc(s.docs, func(d TextKey) bool { return d.Origin == one }) {
		s.origin = one
	}
}

// judgments returns the documents of the corpus language that a query is
// judged with, by ascending row. Of several grades the highest counts.
func (s *poolSearch) judgments(q *TextKey) []Graded {
	grade := map[int32]int{}
	set := func(row int32, relevance int) {
		if old, ok := grade[row]; !ok || relevance > old {
			grade[row] = relevance
		}
	}
	if s.texts.Qrels == nil {
		if q.Group != "" {
			for _, row := range s.byGroup[q.Group] {
				set(row, 1)
			}
		}
	} else {
		for _, j := range s.texts.byQuery[q.ID] {
			if row, ok := s.byID[j.document]; ok {
				set(row, j.relevance)
				continue // judged in this language: nothing to extend
			}
			if j.group != "" {
				for _, row := range s.byGroup[j.group] {
					set(row, j.relevance)
				}
			}
		}
	}
	out := make([]Graded, 0, len(grade))
	for row, g := range grade {
		out = append(out, Graded{row, g})
	}
	slices.SortFunc(out, func(a, b Graded) int { return cmp.Compare(a.Doc, b.Doc) })
	return out
}

func (s *poolSearch) place(what string, t *TextKey) uint64 {
	if t.Group != "" {
		return order(s.seed, what, "group", t.Group)
	}
	return order(s.seed, what, "id", t.ID)
}

// candidates returns all rows in seeded order: those of the queries' own
// origin, or all where there is no such thing, and the rest.
func (s *poolSearch) candidates(gold Hashes) (own, foreign []int32) {
	place := make([]uint64, len(s.docs))
	for row := range s.docs {
		place[row] = s.place("document", &s.docs[row])
		if s.origin == "" || s.docs[row].Origin == s.origin {
			own = append(own, int32(row))
		} else if !gold.Has(s.docs[row].Hash) {
			foreign = append(foreign, int32(row))
		}
	}
	for _, list := range [][]int32{own, foreign} {
		slices.SortFunc(list, func(a, b int32) int {
			return cmp.Or(cmp.Compare(place[a], place[b]), cmp.Compare(s.docs[a].ID, s.docs[b].ID))
		})
	}
	return own, foreign
}
