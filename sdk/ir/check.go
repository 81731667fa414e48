package ir

import (
	"hash/maphash"
	"iter"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checker looks at one ranking after another.
type checker struct {
	f    *findings
	ties Ties // for what findings say

	table  []uint64 // of documents; see lookUp
	judged []judgedDoc
	ranks  []uint64 // a set of small ranks
}

type judgedDoc struct {
	doc   string
	grade int
	seen  int // the hit that is this document, plus one
}

func newChecker(f *findings, t Ties) *checker { return &checker{f: f, ties: t} }

// anyTies stands for a tie mode that is not known.
const anyTies Ties = -1

// tableSeed makes documents meet in the table in different places in every
// process, so that nobody can choose ids that all meet.
var tableSeed = maphash.MakeSeed()

// ranking looks at a ranking in its file's order and mends its ranks: those
// that count from 0 are raised by one, and a column of zeros says nothing.
// lines has the line of each hit, or is nil.
func (c *checker) ranking(id string, hits []entry, lines []int64) {
	c.lookUp(id, hits, lines, nil)
	c.order(id, hits, lines)
}

func lineOf(lines []int64, i int) int64 {
	if lines == nil {
		return 0
	}
	return lines[i]
}

// lookUp fills the grades of hits and finds documents that occur twice. It
// returns the number of judged documents among the hits.
func (c *checker) lookUp(id string, hits []entry, lines []int64, judgments Judgments) int {
	// An open hash table: a slot is 0 or the upper half of a hash and the
	// number of a document, judged ones first, plus one.
	size := 1 << bits.Len(uint(2*(len(hits)+len(judgments))))
	if cap(c.table) < size {
		c.table = make([]uint64, size)
	}
	table := c.table[:size]
	clear(table)
	mask := uint64(size - 1)
	c.judged = c.judged[:0]
	for doc, grade := range judgments {
		c.judged = append(c.judged, judgedDoc{doc: string(doc), grade: grade})
		h := maphash.String(tableSeed, string(doc))
		at := h & mask
		for table[at] != 0 {
			at = (at + 1) & mask
		}
		table[at] = h&^math.MaxUint32 | uint64(len(c.judged))
	}
	found := 0
	for i := range hits {
		doc := string(hits[i].doc)
		hits[i].grade = unjudged
		h := maphash.String(tableSeed, doc)
		for at := h & mask; ; at = (at + 1) & mask {
			slot := table[at]
			if slot == 0 {
				table[at] = h&^math.MaxUint32 | uint64(len(c.judged)+i+1)
				break
			}
			if (slot^h)>>32 != 0 {
				continue
			}
			var first int
			if n := int(uint32(slot)) - 1; n >= len(c.judged) {
				first = n - len(c.judged)
				if string(hits[first].doc) != doc {
					continue
				}
			} else {
				j := &c.judged[n]
				if j.doc != doc {
					continue
				}
				if j.seen == 0 {
					j.seen = i + 1
					hits[i].grade = int32(j.grade)
					found++
					break
				}
				first = j.seen - 1
			}
			if lines == nil {
				c.f.add(kindDuplicateDocument, 0, "document %q occurs twice for query %q", doc, id)
			} else {
				c.f.add(kindDuplicateDocument, lines[i], "document %q occurs twice for query %q, first on line %d", doc, id, lines[first])
			}
			break
		}
	}
	return found
}

// order looks at ranks and scores.
func (c *checker) order(id string, hits []entry, lines []int64) {
	var (
		f               = c.f
		n               = len(hits)
		smallest, large = int32(math.MaxInt32), int32(-1)
		missing         bool
		rising          = true // as far as scores and ranks can be compared
		strictly        bool
		constant        = n > 1
		contradictions  int
		contradiction   int
		itself          = -1 // the hit that has the query's id
		best            = math.Inf(-1)
	)
	for i := range hits {
		h := &hits[i]
		if string(h.doc) == id {
			itself = i
		}
		best = max(best, h.score)
		if h.rank < 0 {
			missing = true
		} else {
			smallest, large = min(smallest, h.rank), max(large, h.rank)
		}
		if i == 0 {
			continue
		}
		before := &hits[i-1]
		up, down := h.score > before.score, h.score < before.score
		if !up && !down {
			continue
		}
		constant, strictly = false, true
		if h.rank == before.rank {
			rising = rising && up
			continue
		}
		if (h.rank > before.rank) == up {
			if contradictions++; contradictions == 1 {
				contradiction = i
			}
		} else {
			rising = false
		}
	}
	if n == 0 {
		return
	}
	line := lineOf(lines, 0)
	ranked := !missing && (large > 0 || n == 1) // else the column says nothing, at least not throughout
	if itself >= 0 && n > 1 {
		first := hits[itself].score == best
		if c.ties == Rank {
			first = !ranked && itself == 0 || ranked && hits[itself].rank == smallest
		}
		if first { // Further down it is chance where queries and documents are numbered.
			f.add(kindIdenticalID, lineOf(lines, itself), "query %q retrieves the document of its own id first", id)
		}
	}
	if ranked {
		c.rankNumbers(id, hits, lines, smallest, large)
		if smallest == 0 {
			for i := range hits {
				hits[i].rank++
			}
		}
	} else {
		for i := range hits {
			hits[i].rank = 0
		}
		contradictions, rising = 0, rising && !missing && n >= 10
	}
	switch {
	case c.ties == Rank && !ranked:
		if !missing {
			f.add(kindNoRanks, line, "query %q has no ranks; the order of the file decides", id)
		}
	case c.ties == Rank && contradictions == 0:
	case constant:
		decides := "the tie mode decides the order"
		switch c.ties {
		case Trec10, Trec9:
			decides = "document ids decide the order"
		case Expected:
			decides = "every order counts alike"
		}
		f.add(kindConstantScores, line, "all %d scores of query %q are %v; %s", n, id, hits[0].score, decides)
	case rising && strictly && n >= 3 && c.ties != Rank:
		how := " with the rank,"
		if !ranked {
			how = ""
		}
		f.add(kindAscendingScores, line, "the scores of query %q grow%s from %v to %v; are they distances?", id, how, hits[0].score, hits[n-1].score)
	case contradictions > 0:
		i := contradiction
		decide := "scores"
		if c.ties == Rank {
			decide = "ranks"
		}
		f.add(kindRankOrder, lineOf(lines, i), "query %q has document %q with score %v on rank %d and document %q with score %v on rank %d; %s decide",
			id, hits[i-1].doc, hits[i-1].score, hits[i-1].rank, hits[i].doc, hits[i].score, hits[i].rank, decide)
		f.kinds[kindRankOrder].count += contradictions - 1
	}
}

// rankNumbers looks for ranks that occur twice or not at all.
func (c *checker) rankNumbers(id string, hits []entry, lines []int64, smallest, large int32) {
	twice := func(i int) {
		k, line, but := kindDuplicateRank, lineOf(lines, i), ""
		if c.ties == Rank {
			k, but = kindUnusableRank, "; the tie mode rank needs an order"
		}
		if c.f.wants(k, line) {
			c.f.add(k, line, "rank %d occurs twice for query %q%s", hits[i].rank, id, but)
		} else {
			c.f.kinds[k].count++
		}
	}
	span := int(large) + 1
	if span > 64*len(hits)+1024 {
		// Too sparse for a set by number; numbers are missing in any case.
		seen := make(map[int32]bool, len(hits))
		for i := range hits {
			if seen[hits[i].rank] {
				twice(i)
			}
			seen[hits[i].rank] = true
		}
	} else {
		words := span/64 + 1
		if cap(c.ranks) < words {
			c.ranks = make([]uint64, words)
		}
		set := c.ranks[:words]
		clear(set)
		for i := range hits {
			r := hits[i].rank
			if set[r>>6]>>(r&63)&1 != 0 {
				twice(i)
			}
			set[r>>6] |= 1 << (r & 63)
		}
	}
	if first := min(smallest, 1); int(large)-int(first)+1 > len(hits) {
		c.f.add(kindMissingRank, lineOf(lines, 0), "query %q has %d hits, but ranks up to %d; are lines missing?", id, len(hits), large)
	}
}

// querySummary is what remains of a query of a run.
type querySummary struct {
	id      string
	line    int64 // of its first hit
	hits    int
	judged  bool // the query has judgments
	found   bool // a hit is judged
	labels  bool // every score is the hit's grade, some are relevant
	similar int  // hits that differ from a judged document only in spelling
}

// against compares hits, whose grades are known, with the judgments.
func (c *checker) against(s *querySummary, hits []entry, lines []int64, judgments Judgments, found int) {
	s.judged, s.found = true, found > 0
	relevant := false
	s.labels = true
	for i := range hits {
		grade := hits[i].grade
		if grade == unjudged {
			grade = 0
		}
		if hits[i].score != float64(grade) {
			s.labels = false
			break
		}
		relevant = relevant || grade > 0
	}
	s.labels = s.labels && relevant
	if found > 0 || len(hits) == 0 {
		return
	}
	known := make(map[string]string, len(judgments))
	for _, d := range c.judged {
		k := plainID(d.doc)
		if old, ok := known[k]; !ok || d.doc < old {
			known[k] = d.doc
		}
	}
	for i := range hits {
		if d, ok := known[plainID(string(hits[i].doc))]; ok {
			s.similar++
			if k := lineOf(lines, i); c.f.wants(kindSimilarID, k) {
				c.f.add(kindSimilarID, k, "document %q of query %q is not judged, but %q is", hits[i].doc, s.id, d)
			} else {
				c.f.kinds[kindSimilarID].count++
			}
		}
	}
}

// plainID returns an id without what people change by accident: case, white
// space and leading zeros of numbers.
func plainID(id string) string {
	var b strings.Builder
	digits, zeros := false, 0
	flush := func() {
		if zeros > 0 && !digits {
			b.WriteByte('0')
		}
		zeros = 0
	}
	for i, r := range id {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(id[i:]); size == 1 {
				flush()
				digits = false
				b.WriteByte(id[i])
				continue
			}
		}
		switch {
		case r == '0' && !digits:
			zeros++
		case r >= '0' && r <= '9':
			zeros, digits = 0, true
			b.WriteRune(r)
		case unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b':
		default:
			flush()
			digits = false
			b.WriteRune(unicode.ToLower(r))
		}
	}
	flush()
	return b.String()
}

// reportDepths reports queries with far fewer hits than most.
func reportDepths(f *findings, queries []querySummary) {
	if len(queries) < 2 {
		return
	}
	depths := make([]int, len(queries))
	for i, q := range queries {
		depths[i] = q.hits
	}
	slices.Sort(depths)
	median := depths[len(depths)/2]
	for _, q := range queries {
		if 4*q.hits < median {
			f.add(kindUnevenDepth, q.line, "hits of query %q: %d, where half of the queries have %d or more", q.id, q.hits, median)
		}
	}
}

// compareQueries reports what the queries of a run and those of the judgments
// have in common.
func compareQueries(f *findings, qrels Qrels, queries []querySummary) {
	var (
		missing          []QueryID
		inRun            = make(map[QueryID]bool, len(queries))
		judged, judgedBy int
		labels, single   int
		found            bool
		first            *querySummary
	)
	for i := range queries {
		q := &queries[i]
		inRun[QueryID(q.id)] = true
		if !q.judged {
			continue
		}
		if first == nil || q.line < first.line {
			first = q
		}
		judged++
		found = found || q.found
		if q.found {
			judgedBy++
		}
		if q.labels {
			labels++
			if q.hits == 1 {
				single++
			}
		}
	}
	for _, id := range qrels.Queries() {
		if !inRun[id] {
			missing = append(missing, id)
		}
	}
	plain := make(map[string]QueryID, len(missing))
	if judged < len(queries) {
		for _, id := range slices.Backward(missing) {
			plain[plainID(string(id))] = id
		}
	}
	if judged == 0 && len(queries) > 0 && len(qrels) > 0 {
		q := slices.MinFunc(queries, func(a, b querySummary) int { return int(a.line - b.line) })
		f.add(kindNoCommonQueries, q.line, "judgments and run have no query in common: the run has %q, the judgments have %q", q.id, missing[0])
	}
	for _, q := range queries {
		if q.judged {
			continue
		}
		f.add(kindUnjudgedQuery, q.line, "query %q of the run has no judgments and is left out", q.id)
		if id, ok := plain[plainID(q.id)]; ok {
			f.add(kindSimilarID, q.line, "query %q of the run has no judgments, but %q has, which the run lacks", q.id, id)
		}
	}
	for _, id := range missing {
		f.add(kindMissingQuery, 0, "judged query %q is not in the run", id)
	}
	if judged > 0 && !found {
		f.add(kindNoCommonDocuments, first.line, "no hit of any query is judged; for query %q, do run and judgments use the same document ids?", first.id)
		f.kinds[kindNoCommonDocuments].count = judged
	}
	// One hit whose score is its grade can be chance; all of them cannot.
	if all := single > 1 && single == judged; labels > single || all {
		for _, q := range queries {
			if q.judged && q.labels && (q.hits > 1 || all) {
				f.add(kindLabelAsScore, q.line, "the scores of query %q are the grades of its documents; does the run contain the judgments?", q.id)
			}
		}
	}
}

// CheckQrels reports what is odd about judgments that did not come from a
// file, where [InspectQrels] reports it: negative grades and queries without a
// relevant document.
func CheckQrels(qrels Qrels) []Finding {
	var f findings
	for _, id := range qrels.Queries() {
		judgments := qrels[id]
		if !judgments.anyRelevant() {
			f.add(kindNoRelevant, 0, "query %q has judgments but no relevant document", id)
		}
		negative := 0
		var first DocID
		for doc, grade := range judgments {
			if grade < 0 {
				if negative++; negative == 1 || doc < first {
					first = doc
				}
			}
		}
		if negative > 0 {
			f.add(kindNegativeGrade, 0, "the grade of document %q for query %q is %d; below 0 means not judged", first, id, judgments[first])
			f.kinds[kindNegativeGrade].count += negative - 1
		}
	}
	return f.list("")
}

// CheckRun reports what is odd about a run beside its judgments: queries
// without counterpart, ids that differ only in spelling, scores that are
// grades. What can be seen in the run alone is reported by [InspectRun] for a
// file and by [CheckRankings] otherwise.
func CheckRun(qrels Qrels, run Run) []Finding {
	var f, unused findings
	c := newChecker(&unused, anyTies)
	against := newChecker(&f, anyTies)
	var queries []querySummary
	var hits []entry
	for _, id := range run.Queries() {
		s := querySummary{id: string(id), hits: len(run.Rankings[id])}
		if judgments, ok := qrels[id]; ok {
			hits = entries(hits[:0], run.Rankings[id])
			found := c.lookUp(s.id, hits, nil, judgments)
			against.judged = c.judged
			against.against(&s, hits, nil, judgments, found)
		}
		queries = append(queries, s)
	}
	compareQueries(&f, qrels, queries)
	return f.list("")
}

// CheckRankings reports what is odd about a run that did not come from a file,
// where [InspectRun] reports it: duplicate documents, NaN and infinite scores,
// constant and ascending scores, ranks that contradict scores, uneven depth.
func CheckRankings(run Run) []Finding {
	var f findings
	c := newChecker(&f, anyTies)
	var queries []querySummary
	var hits []entry
	for _, id := range run.Queries() {
		hits = entries(hits[:0], run.Rankings[id])
		for _, h := range hits {
			switch {
			case math.IsNaN(h.score):
				f.add(kindNaNScore, 0, "document %q of query %q has the score NaN, which has no place in a ranking", h.doc, id)
			case math.IsInf(h.score, 0):
				f.add(kindInfiniteScore, 0, "document %q of query %q has the score %v", h.doc, id, h.score)
			}
		}
		c.ranking(string(id), hits, nil)
		queries = append(queries, querySummary{id: string(id), hits: len(hits)})
	}
	reportDepths(&f, queries)
	return f.list("")
}

func entries(to []entry, r Ranking) []entry {
	for _, h := range r {
		to = append(to, entry{doc: h.Doc, score: h.Score, rank: h.Rank, grade: unjudged})
	}
	return to
}

// CheckCorpus reports relevant and retrieved documents that are not in a
// corpus or pool, which holds the given documents. qrels and run may be empty.
func CheckCorpus(qrels Qrels, run Run, corpus iter.Seq[DocID]) []Finding {
	var f findings
	known := map[DocID]bool{}
	for doc := range corpus {
		known[doc] = true
	}
	type absent struct {
		doc   DocID
		query QueryID
		gold  bool
	}
	var list []absent
	said := map[DocID]bool{}
	for _, id := range qrels.Queries() {
		for doc, grade := range qrels[id] {
			if grade > 0 && !known[doc] && !said[doc] {
				said[doc] = true
				list = append(list, absent{doc, id, true})
			}
		}
	}
	clear(said)
	for _, id := range run.Queries() {
		for _, h := range run.Rankings[id] {
			if !known[h.Doc] && !said[h.Doc] {
				said[h.Doc] = true
				list = append(list, absent{h.Doc, id, false})
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b absent) int {
		if c := strings.Compare(string(a.query), string(b.query)); c != 0 {
			return c
		}
		return strings.Compare(string(a.doc), string(b.doc))
	})
	plain := make(map[string]DocID, len(known))
	for doc := range known {
		k := plainID(string(doc))
		if old, ok := plain[k]; !ok || doc < old {
			plain[k] = doc
		}
	}
	for _, a := range list {
		if a.gold {
			f.add(kindGoldMissing, 0, "document %q is relevant to query %q, but not in the corpus", a.doc, a.query)
		} else {
			f.add(kindUnknownDocument, 0, "document %q is retrieved for query %q, but not in the corpus", a.doc, a.query)
		}
		if doc, ok := plain[plainID(string(a.doc))]; ok {
			f.add(kindSimilarID, 0, "document %q is not in the corpus, but %q is", a.doc, doc)
		}
	}
	return f.list("")
}
