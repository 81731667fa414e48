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
}

// ties looks at hits by descending score, in the order of e's mode or, for
// Rank, of Trec10.
func (e *Evaluator) ties(hits []entry) (t ties) {
	given := len(hits) > 0 && hits[0].rank != 0
	cut := false // the depth and a smaller score are behind
	for i := 1; i < len(hits); i++ {
		a, b := &hits[i-1], &hits[i]
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
	t.ranked = t.ranked && given
	return t
}

// compare evaluates hits in the other tie modes and fills res.Dependent. Levels
// of recall are rounded as in e's mode throughout. Where the exact mean over
// orders would take long, a measure counts as dependent.
func (e *Evaluator) compare(q *judgedQuery, hits []entry, s *scratch, res *QueryResult, t ties) {
	for mode := range Ties(len(tiesNames)) {
		switch {
		case mode == e.Ties, mode == Rank && !t.ranked, mode == Expected && !t.mixed:
			continue
		case (mode == Trec9 || mode == Trec10) && e.Ties <= Trec9 && !t.close:
			continue
		}
		other := hits
		if mode != Expected || e.Ties != Trec10 {
			s.other = append(s.other[:0], hits...)
			other = s.other
			if arrange(other, mode) != nil { // ranks that are no order
				continue
			}
		}
		l := &s.otherList
		l.build(other, e, mode)
		if len(l.blocks)+len(s.list.blocks) == 0 && !l.unclear && !s.list.unclear && l.retrieved == s.list.retrieved && slices.Equal(l.places, s.list.places) {
			continue
		}
		v := viewPool.Get().(*view)
		v.reset(q, l, e)
		v.maxWork, v.maxOrders = maxWork/fraction, maxOrders/fraction
		texts := e.texts(l)
		same := agreement(&s.list, l)
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
			if known || m.cutoff > 0 && m.cutoff <= same && m.flags&flagJudgedOnly == 0 {
				continue
			}
			x, err := v.measure(m)
			if err != nil {
				x = math.NaN()
			}
			if values != nil {
				values[i] = x
			}
			if err != nil || math.Abs(x-res.Values[i]) > 1e-12*max(1, math.Abs(x)) || texts != nil && texts[i] != res.Texts[i] {
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

// agreement returns a rank up to which a and b are the same list.
func agreement(a, b *list) int32 {
	if a.unclear || b.unclear || a.retrieved != b.retrieved {
		return 0
	}
	differ := int32(math.MaxInt32) // the first rank at which they may
	for _, l := range []*list{a, b} {
		if len(l.blocks) > 0 {
			differ = min(differ, l.blocks[0].rank)
		}
	}
	for i := range max(len(a.places), len(b.places)) {
		switch {
		case i == len(a.places):
			differ = min(differ, b.places[i].rank)
		case i == len(b.places):
			differ = min(differ, a.places[i].rank)
		case a.places[i] != b.places[i]:
			differ = min(differ, a.places[i].rank, b.places[i].rank)
		default:
			continue
		}
		break
	}
	return differ - 1
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
