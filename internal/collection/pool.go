package collection

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PoolParams says which candidates a task searches.
type PoolParams struct {
	QueryLanguage  string // one code, or several of a mixed set: see JoinLanguages
	CorpusLanguage string // likewise
	Size           int    // candidates over all languages, relevant ones included; 0: the whole corpus
	Queries        int    // over all languages; 0: all
	Seed           int64
}

// Pool is a choice of queries and of the candidates that they all search. Rows
// count the texts of one language in the order of the collection; of several
// languages, first all texts of the first, then all of the second, and so on.
type Pool struct {
	QueryRows []int32    // ascending
	DocRows   []int32    // ascending
	Qrels     [][]Graded // per query row: its judged documents in the pool, by ascending row

	Relevant       int // candidates that some query of the pool is judged relevant with
	Unjudged       int // queries left out because the corpus language has nothing relevant for them
	GoldMissing    int `json:",omitempty"` // relevant judgments of chosen queries about documents that the collection has in no language
	NearDuplicates int // candidates that have the text of a relevant document without being judged so
	EmptyQueries   int // chosen queries without text
	EmptyDocuments int // candidates without text
	OwnOrigin      bool

	// Of pools over several languages only.
	Uneven     int `json:",omitempty"` // candidates that languages have beyond the one with the fewest
	Unmatched  int `json:",omitempty"` // candidates whose group is not among the candidates of every language
	PartlyGold int `json:",omitempty"` // queries with nothing relevant in some of the languages
}

// Graded is a judged document of a pool.
type Graded struct {
	Doc       int32 // row, as in Pool
	Relevance int
}

// JoinLanguages names a mixed set of languages: their codes, sorted and joined
// by "+", as in "deu+eng". One code stays as it is.
func JoinLanguages(codes []string) string {
	return strings.Join(slices.Sorted(slices.Values(codes)), "+")
}

// SplitLanguages returns the codes that JoinLanguages has joined.
func SplitLanguages(joined string) []string { return strings.Split(joined, "+") }

// PoolError says that a pool cannot be filled.
type PoolError struct {
	QueryLanguage, CorpusLanguage string
	Language                      string // the one that falls short, of several; ""
	What                          string // "queries", "candidates", "relevant candidates"
	Want, Have                    int
}

func (e *PoolError) Error() string {
	where, in, share := fmt.Sprintf("%s to %s", e.QueryLanguage, e.CorpusLanguage), "", "the size is"
	if e.Language != "" {
		in, share = " in "+e.Language, "an equal share of the size is"
	}
	switch e.What {
	case "queries":
		if e.Want == 0 {
			return fmt.Sprintf("%s has no query%s with a relevant document", where, in)
		}
		return fmt.Sprintf("%s needs %d queries%s with a relevant document, there are %d", where, e.Want, in, e.Have)
	case "relevant candidates":
		return fmt.Sprintf("%s needs a pool of %d%s, for so many documents are relevant to its queries; %s %d", where, e.Have, in, share, e.Want)
	}
	return fmt.Sprintf("%s needs %d candidates%s, there are %d", where, e.Want, in, e.Have)
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
// share a pool. With an equal seed the smaller pool is part of the larger one.
//
// Where all queries of the language come from one origin, and documents of the
// corpus language come from it too, that origin is their corpus: a bitext has
// an English side of its own. Size 0 takes all of it, and nothing else. A
// larger Size takes documents of other origins only after these, and none that
// has the text of a relevant one, for nobody has judged it.
//
// Several corpus languages share Size evenly: each has Size/n candidates, the
// first Size mod n of them, in the order of their codes, one more. Each is
// filled as above, groups that every language has first, so that parallel
// languages offer the same passages. Several query languages share Queries in
// the same way.
//
// Errors: *PoolError.
func SelectPool(t *Texts, p PoolParams) (*Pool, error) {
	t.index()
	queries, docs := OfLanguage(t.Queries, p.QueryLanguage), OfLanguage(t.Documents, p.CorpusLanguage)
	s := poolSearch{seed: strconv.FormatInt(p.Seed, 10), texts: t, docs: docs}
	fail := func(lang, what string, want, have int) error {
		e := &PoolError{QueryLanguage: p.QueryLanguage, CorpusLanguage: p.CorpusLanguage, What: what, Want: want, Have: have}
		all := p.CorpusLanguage
		if what == "queries" {
			all = p.QueryLanguage
		}
		if lang != all {
			e.Language = lang // one of several
		}
		return e
	}
	s.prepare(queries, SplitLanguages(p.CorpusLanguage))

	out := &Pool{}
	var able []asked
	for row := range queries {
		if gold := s.judgments(&queries[row]); hasRelevant(gold) {
			able = append(able, asked{int32(row), gold})
		} else {
			out.Unjudged++
		}
	}
	if len(able) == 0 {
		return nil, fail(p.QueryLanguage, "queries", p.Queries, 0)
	}
	chosen, short := s.choose(able, queries, SplitLanguages(p.QueryLanguage), p.Queries)
	if short != nil {
		return nil, fail(short.lang, "queries", short.want, short.have)
	}

	in := make(map[int32]bool, p.Size)
	relevant := map[int32]bool{}
	goldText := Hashes{}
	for _, a := range chosen {
		for _, g := range a.gold {
			if g.Relevance > 0 {
				in[g.Doc], relevant[g.Doc] = true, true
				goldText[docs[g.Doc].Hash] = struct{}{}
			}
		}
	}
	out.Relevant = len(relevant)
	for i := range s.parts {
		part := &s.parts[i]
		have, want := 0, share(p.Size, len(s.parts), i)
		for d := range relevant {
			if part.has(d) {
				have++
			}
		}
		if p.Size > 0 && have > want {
			return nil, fail(part.lang, "relevant candidates", want, have)
		}
		own, foreign := s.candidates(part, goldText, p.Size > 0)
		out.OwnOrigin = out.OwnOrigin || part.origin != ""
		take := func(from []int32) {
			for _, d := range from {
				if p.Size > 0 && have == want {
					return
				}
				if !in[d] {
					in[d] = true
					have++
				}
			}
		}
		take(own)
		if p.Size > 0 {
			take(foreign)
			if have < want {
				return nil, fail(part.lang, "candidates", want, have)
			}
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
	for _, a := range chosen {
		out.QueryRows = append(out.QueryRows, a.row)
		if queries[a.row].Empty {
			out.EmptyQueries++
		}
		if len(s.parts) > 1 && !s.everywhere(a.gold) {
			out.PartlyGold++
		}
		for _, j := range t.byQuery[queries[a.row].ID] {
			if j.missing && j.relevance > 0 {
				out.GoldMissing++
			}
		}
		out.Qrels = append(out.Qrels, slices.DeleteFunc(a.gold, func(g Graded) bool { return !in[g.Doc] }))
	}
	if len(s.parts) > 1 {
		out.Uneven, out.Unmatched = s.balance(out.DocRows)
	}
	return out, nil
}

// asked is a query with the documents that it is judged with.
type asked struct {
	row  int32
	gold []Graded
}

func hasRelevant(gold []Graded) bool {
	return slices.ContainsFunc(gold, func(g Graded) bool { return g.Relevance > 0 })
}

// share returns how many of size the i-th of n languages has.
func share(size, n, i int) int { return (size + n - 1 - i) / n }

type poolSearch struct {
	seed  string
	texts *Texts
	docs  []TextKey
	parts []part
}

// part is the documents of one language: the rows from lo to hi.
type part struct {
	lang    string
	lo, hi  int32
	byID    map[string]int32
	byGroup map[string][]int32
	origin  string // the one that all queries come from, if the language has documents of it
}

func (p *part) has(row int32) bool { return p.lo <= row && row < p.hi }

func (s *poolSearch) prepare(queries []TextKey, languages []string) {
	one := ""
	if len(queries) > 0 {
		one = queries[0].Origin
	}
	for _, q := range queries {
		if q.Origin != one {
			one = ""
			break
		}
	}
	at := int32(0)
	for _, lang := range languages {
		p := part{lang: lang, lo: at, hi: at}
		for int(p.hi) < len(s.docs) && s.docs[p.hi].Language == lang {
			p.hi++
		}
		p.byID, p.byGroup = make(map[string]int32, p.hi-p.lo), make(map[string][]int32, p.hi-p.lo)
		for ; at < p.hi; at++ {
			d := &s.docs[at]
			p.byID[d.ID] = at
			if d.Group != "" {
				p.byGroup[d.Group] = append(p.byGroup[d.Group], at)
			}
			if one != "" && d.Origin == one {
				p.origin = one
			}
		}
		s.parts = append(s.parts, p)
	}
}

// judgments returns the documents of the corpus languages that a query is
// judged with, by ascending row. Of several grades the highest counts.
func (s *poolSearch) judgments(q *TextKey) []Graded {
	grade := map[int32]int{}
	set := func(row int32, relevance int) {
		if old, ok := grade[row]; !ok || relevance > old {
			grade[row] = relevance
		}
	}
	for i := range s.parts {
		p := &s.parts[i]
		if s.texts.Qrels == nil {
			if q.Group != "" {
				for _, row := range p.byGroup[q.Group] {
					set(row, 1)
				}
			}
			continue
		}
		for _, j := range s.texts.byQuery[q.ID] {
			if row, ok := p.byID[j.document]; ok {
				set(row, j.relevance)
				continue // judged in this language: nothing to extend
			}
			if j.group != "" {
				for _, row := range p.byGroup[j.group] {
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

// shortage says that a language has too few queries.
type shortage struct {
	lang       string
	want, have int
}

// choose takes the queries of a pool: n of them, spread evenly over the
// languages, or all where n is 0. They come by ascending row.
func (s *poolSearch) choose(able []asked, queries []TextKey, languages []string, n int) ([]asked, *shortage) {
	if n == 0 {
		return able, nil
	}
	parts := make([][]int, len(languages)) // indices into able, which is in row order
	groups := map[string]int{}             // languages in which a query of the group can be asked
	for i, lang := range languages {
		mine := map[string]bool{}
		for k, a := range able {
			q := &queries[a.row]
			if q.Language != lang {
				continue
			}
			parts[i] = append(parts[i], k)
			if q.Group != "" && !mine[q.Group] {
				mine[q.Group] = true
				groups[q.Group]++
			}
		}
	}
	place := make([]uint64, len(able))
	for i, a := range able {
		place[i] = s.place("query", &queries[a.row])
	}
	var rows []int
	for i, list := range parts {
		want := share(n, len(parts), i)
		if len(list) < want {
			return nil, &shortage{languages[i], want, len(list)}
		}
		slices.SortFunc(list, func(a, b int) int {
			x, y := &queries[able[a].row], &queries[able[b].row]
			c := 0
			if len(parts) > 1 {
				c = wholeFirst(groups[x.Group] == len(parts), groups[y.Group] == len(parts))
			}
			return cmp.Or(c, cmp.Compare(place[a], place[b]), cmp.Compare(x.ID, y.ID))
		})
		rows = append(rows, list[:want]...)
	}
	slices.Sort(rows)
	out := make([]asked, len(rows))
	for i, r := range rows {
		out[i] = able[r]
	}
	return out, nil
}

func wholeFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// whole reports whether every language has a document of the group.
func (s *poolSearch) whole(group string) bool {
	for i := range s.parts {
		if len(s.parts[i].byGroup[group]) == 0 {
			return false
		}
	}
	return group != ""
}

// candidates returns the rows of a language: those of the queries' own origin,
// or all where there is no such thing, and the rest. They come in seeded order
// if sorted is set, in any order otherwise.
func (s *poolSearch) candidates(p *part, gold Hashes, sorted bool) (own, foreign []int32) {
	for row := p.lo; row < p.hi; row++ {
		if p.origin == "" || s.docs[row].Origin == p.origin {
			own = append(own, row)
		} else if !gold.Has(s.docs[row].Hash) {
			foreign = append(foreign, row)
		}
	}
	if !sorted {
		return own, foreign
	}
	place, whole := make([]uint64, p.hi-p.lo), make([]bool, p.hi-p.lo)
	for row := p.lo; row < p.hi; row++ {
		place[row-p.lo] = s.place("document", &s.docs[row])
		whole[row-p.lo] = len(s.parts) > 1 && s.whole(s.docs[row].Group)
	}
	for _, list := range [][]int32{own, foreign} {
		slices.SortFunc(list, func(a, b int32) int {
			return cmp.Or(wholeFirst(whole[a-p.lo], whole[b-p.lo]), cmp.Compare(place[a-p.lo], place[b-p.lo]), cmp.Compare(s.docs[a].ID, s.docs[b].ID))
		})
	}
	return own, foreign
}

// everywhere reports whether every corpus language has something relevant.
func (s *poolSearch) everywhere(gold []Graded) bool {
	for i := range s.parts {
		if !slices.ContainsFunc(gold, func(g Graded) bool { return g.Relevance > 0 && s.parts[i].has(g.Doc) }) {
			return false
		}
	}
	return true
}

// balance counts the candidates that languages have beyond the one with the
// fewest, and those whose group is not among the candidates of every language.
func (s *poolSearch) balance(rows []int32) (uneven, unmatched int) {
	fewest := len(rows)
	offered := map[string]int{} // languages, by group
	for i := range s.parts {
		n, mine := 0, map[string]bool{}
		for _, r := range rows {
			if !s.parts[i].has(r) {
				continue
			}
			n++
			if g := s.docs[r].Group; g != "" && !mine[g] {
				mine[g] = true
				offered[g]++
			}
		}
		fewest = min(fewest, n)
	}
	for _, r := range rows {
		if g := s.docs[r].Group; g == "" || offered[g] < len(s.parts) {
			unmatched++
		}
	}
	return len(rows) - fewest*len(s.parts), unmatched
}
