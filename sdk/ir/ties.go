package ir

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// What tie modes make of one ranking: its order, and which values depend on it.

// ties is what tie modes could make of a ranking.
type ties struct {
	tied   bool // scores that count are equal as 32-bit floats
	close  bool // some of them not as 64-bit floats
	mixed  bool // documents of equal scores differ to measures
	ranked bool // ranks came with the documents and say something else
	// contrary tells that they do so of scores that are not equal: then they
	// are no rule for ties, and the mode Rank counts only where it is in force.
	contrary bool
}

// ties looks at hits by descending score, in the order of e's mode or, for
// Rank, of Trec10.
func (e *Evaluator) ties(hits []entry) (t ties) {
	given := len(hits) > 0 && hits[0].rank != 0
	cut := false                                               // the depth and a smaller score are behind
	above, worst := int32(math.MinInt32), int32(math.MinInt32) // the largest rank of better scores, and of these too
	for i := 1; i < len(hits); i++ {
		a, b := &hits[i-1], &hits[i]
		worst = max(worst, a.rank)
		if float32(a.score) != float32(b.score) {
			above = worst
		}
		t.contrary = t.contrary || b.rank <= above
		given = given || b.rank != 0
		t.ranked = t.ranked || a.rank >= b.rank
		switch {
		case cut:
		case a.score == b.score || float32(a.score) == float32(b.score):
			t.tied = true
			t.close = t.close || a.score != b.score
			if class(a.grade) != class(b.grade) && (a.score == b.score || e.Ties == Trec9) {
				t.mixed = true // Trec9: documents of equal scores may be apart
			}
		default:
			cut = e.Depth > 0 && i >= e.Depth
		}
	}
	t.ranked, t.contrary = t.ranked && given, t.contrary && given
	return t
}

// compare evaluates hits in the other tie modes and fills res.Dependent. Levels
// of recall are rounded as in e's mode throughout. Where the exact mean over
// orders would take long, a measure counts as dependent.
func (e *Evaluator) compare(q *judgedQuery, hits []entry, s *scratch, res *QueryResult, t ties) {
	for mode := range Ties(len(tiesNames)) {
		counts := mode != Rank || !t.contrary
		switch {
		case mode == e.Ties, mode == Rank && !t.ranked, mode == Expected && !t.mixed, !counts && !e.Others:
			continue
		case (mode == Trec9 || mode == Trec10) && e.Ties <= Trec9 && !t.close:
			continue
		}
		l := &s.otherList
		switch {
		case mode == Expected && e.Ties == Trec10 && e.Depth == 0 && !e.JudgedOnly:
			l.loosen(&s.list, hits)
		case mode == Rank && e.Depth == 0 && !e.JudgedOnly && l.byRank(hits, &s.taken):
		default:
			s.other = append(s.other[:0], hits...)
			if arrange(s.other, mode) != nil { // ranks that are no order
				continue
			}
			l.build(s.other, e, mode)
		}
		if len(l.blocks)+len(s.list.blocks) == 0 && !l.unclear && !s.list.unclear && l.retrieved == s.list.retrieved && slices.Equal(l.places, s.list.places) {
			continue
		}
		v := viewPool.Get().(*view)
		v.reset(q, l, e)
		v.maxWork, v.maxOrders = maxWork/fraction, maxOrders/fraction
		texts := e.texts(l)
		s.difference.between(&s.list, l)
		var values []float64
		if e.Others {
			values = slices.Clone(res.Values)
			if res.Others == nil {
				res.Others = make([][]float64, len(tiesNames))
			}
			res.Others[mode] = values
		}
		for i := range e.Measures {
			m := &e.Measures[i]
			known := res.Dependent != nil && res.Dependent[i] && values == nil
			if known || !s.difference.matters(v, m) {
				continue
			}
			x, err := v.measure(m)
			if err != nil {
				x = math.NaN()
			}
			if values != nil {
				values[i] = x
			}
			if counts && (err != nil || math.Abs(x-res.Values[i]) > 1e-12*max(1, math.Abs(x)) || texts != nil && texts[i] != res.Texts[i]) {
				if res.Dependent == nil {
					res.Dependent = make([]bool, len(e.Measures))
				}
				res.Dependent[i] = true
			}
		}
		viewPool.Put(v)
	}
	if res.Others != nil {
		// A mode left out above is that in force, or between these two Trec10.
		switch {
		case e.Ties == Rank && res.Others[Expected] == nil:
			res.Others[Expected] = res.Others[Trec10]
		case e.Ties == Expected && res.Others[Rank] == nil:
			res.Others[Rank] = res.Others[Trec10]
		}
	}
}

// difference says where two lists of the same documents differ: spans of
// ranks k, ascending, such that their first k documents differ in what measures
// can tell of them, order aside, and the first rank at which they differ at all.
type difference struct {
	first   int32
	spans   []span
	graded  bool // the grades of one are not those of the other, ranks aside
	whole   bool // nothing is known
	classes []balance
}

type span struct{ from, to int32 }

// balance is how many more documents of a class one list has had.
type balance struct{ class, more int32 }

// between fills d. Within a block, the order is not known.
func (d *difference) between(a, b *list) {
	d.first, d.spans, d.classes, d.graded = math.MaxInt32, d.spans[:0], d.classes[:0], false
	d.whole = a.unclear || b.unclear || a.retrieved != b.retrieved
	if d.whole {
		d.first = 1
		return
	}
	open := 0 // classes out of balance
	for i, j := 0, 0; i < len(a.places) || j < len(b.places); {
		rank := int32(math.MaxInt32)
		if i < len(a.places) {
			rank = a.places[i].rank
		}
		if j < len(b.places) {
			rank = min(rank, b.places[j].rank)
		}
		was, x, y := open, int32(unjudged), int32(unjudged)
		if i < len(a.places) && a.places[i].rank == rank {
			x = a.places[i].grade
			open += d.add(class(x), 1)
			i++
		}
		if j < len(b.places) && b.places[j].rank == rank {
			y = b.places[j].grade
			open += d.add(class(y), -1)
			j++
		}
		if x != y {
			d.first = min(d.first, rank)
		}
		switch {
		case was == 0 && open > 0:
			d.spans = append(d.spans, span{rank, math.MaxInt32})
		case was > 0 && open == 0:
			d.spans[len(d.spans)-1].to = rank - 1
		}
	}
	for _, l := range []*list{a, b} {
		for i, x := range l.blocks {
			if i == 0 {
				d.first = min(d.first, x.rank)
			}
			d.spans = append(d.spans, span{x.rank, x.rank + x.size - 2})
		}
	}
	d.graded = !sameGrades(a, b)
	slices.SortFunc(d.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
}

// sameGrades reports whether the grades from 0 in a are those in b, in this
// order, whatever documents without one are between.
func sameGrades(a, b *list) bool {
	i, j := 0, 0
	for {
		for i < len(a.places) && a.places[i].grade < 0 {
			i++
		}
		for j < len(b.places) && b.places[j].grade < 0 {
			j++
		}
		if i == len(a.places) || j == len(b.places) {
			return i == len(a.places) && j == len(b.places) && a.settled() && b.settled()
		}
		if a.places[i].grade != b.places[j].grade {
			return false
		}
		i++
		j++
	}
}

// settled reports whether no block has different grades from 0, nor is cut.
func (l *list) settled() bool {
	i := 0
	for _, b := range l.blocks {
		grade := int32(-1)
		for ; i < len(l.places) && l.places[i].rank < b.rank+b.size; i++ {
			switch x := l.places[i]; {
			case x.rank < b.rank || x.grade < 0:
			case grade < 0:
				grade = x.grade
			case grade != x.grade:
				return false
			}
		}
	}
	return !l.crossing()
}

// add counts a document and returns the change in the number of classes out of
// balance.
func (d *difference) add(class, n int32) int {
	for i := range d.classes {
		x := &d.classes[i]
		if x.class != class {
			continue
		}
		was := x.more
		x.more += n
		switch {
		case was == 0:
			return 1
		case x.more == 0:
			return -1
		}
		return 0
	}
	d.classes = append(d.classes, balance{class, n})
	return 1
}

// matters reports whether m may have different values for the two lists, of
// which v has one.
func (d *difference) matters(v *view, m *Measure) bool {
	f := m.fam()
	switch {
	case d.whole:
		return true
	case f.gradedOnly || m.flags&flagJudgedOnly != 0:
		return d.graded
	case m.cutoff > 0 && m.cutoff < d.first:
		return false
	case f.within == nil:
		return true
	}
	k := min(f.within(v, m), int32(v.l.retrieved))
	for _, s := range d.spans {
		if s.from > k {
			break
		}
		if k <= s.to {
			return true
		}
	}
	return false
}

// loosen makes l the list in the mode Expected, of hits in the order of Trec10,
// whose list is given. It is [list.tied] where nothing cuts or drops hits.
func (l *list) loosen(given *list, hits []entry) {
	l.places = append(l.places[:0], given.places...)
	l.blocks, l.retrieved, l.unclear = l.blocks[:0], given.retrieved, false
	for i := 1; i < len(hits); i++ {
		if hits[i].score != hits[i-1].score {
			continue
		}
		start, mixed := i-1, false
		for ; i < len(hits) && hits[i].score == hits[start].score; i++ {
			mixed = mixed || class(hits[i].grade) != class(hits[start].grade)
		}
		if mixed {
			l.blocks = append(l.blocks, block{rank: int32(start + 1), size: int32(i - start)})
		}
	}
}

// byRank makes l the list of all hits in the mode Rank without sorting them,
// which works where their ranks leave none out; elsewhere it reports false.
func (l *list) byRank(hits []entry, taken *[]bool) bool {
	least := int32(math.MaxInt32)
	for i := range hits {
		least = min(least, hits[i].rank)
	}
	*taken = append((*taken)[:0], make([]bool, len(hits))...)
	l.places, l.blocks, l.retrieved, l.unclear = l.places[:0], l.blocks[:0], len(hits), false
	for i := range hits {
		at := int64(hits[i].rank) - int64(least)
		if at >= int64(len(hits)) || (*taken)[at] {
			return false
		}
		(*taken)[at] = true
		if hits[i].grade != unjudged {
			l.places = append(l.places, place{rank: int32(at) + 1, grade: hits[i].grade})
		}
	}
	slices.SortFunc(l.places, func(a, b place) int { return cmp.Compare(a.rank, b.rank) })
	return true
}

// arrange sorts hits into the order of t.
func arrange(hits []entry, t Ties) error {
	switch t {
	case Rank:
		return arrangeByRank(hits)
	case Trec9:
		arrangeByScore(hits, true)
	default:
		arrangeByScore(hits, false)
	}
	return nil
}

// arrangeByScore sorts by descending score, rounded to 32 bits where narrow,
// and document. Rankings mostly come by descending score, so that only equal
// scores are left to sort.
func arrangeByScore(hits []entry, narrow bool) {
	order := order10
	if narrow {
		order = order9
	}
	score := func(i int) float64 {
		if narrow {
			return float64(float32(hits[i].score))
		}
		return hits[i].score
	}
	for i := 1; i < len(hits); i++ {
		if score(i-1) < score(i) {
			slices.SortFunc(hits, func(a, b entry) int { return order(a.score, b.score, a.doc, b.doc) })
			return
		}
	}
	for i := 1; i < len(hits); i++ {
		if score(i-1) != score(i) {
			continue
		}
		start := i - 1
		for i < len(hits) && score(i) == score(start) {
			i++
		}
		byDoc := func(a, b entry) int { return strings.Compare(string(b.doc), string(a.doc)) }
		if run := hits[start:i]; !slices.IsSortedFunc(run, byDoc) {
			slices.SortFunc(run, byDoc)
		}
	}
}

func arrangeByRank(hits []entry) error {
	if !slices.ContainsFunc(hits, func(x entry) bool { return x.rank != 0 }) {
		return nil
	}
	byRank := func(a, b entry) int { return cmp.Compare(a.rank, b.rank) }
	if !slices.IsSortedFunc(hits, byRank) {
		slices.SortFunc(hits, byRank)
	}
	for i := 1; i < len(hits); i++ {
		if hits[i].rank == hits[i-1].rank {
			return fmt.Errorf("documents %q and %q both have the rank %d, so the tie mode %v gives them no order", hits[i-1].doc, hits[i].doc, hits[i].rank, Rank)
		}
	}
	return nil
}
