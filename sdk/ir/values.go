package ir

// view is one ranking of one judged query, as measures see it.
type view struct {
	q *judgedQuery
	l *list
}

// within reports whether rank is within the cutoff of m.
func (m Measure) within(rank int32) bool { return m.cutoff == 0 || rank <= m.cutoff }

// Each measure below sums in rank order and divides where trec_eval divides,
// so that values agree in every bit, not only in four decimals.

func ndcg(v *view, m Measure) float64 {
	upto := len(v.q.ideal)
	if n := len(v.l.places); n > 0 {
		upto = max(upto, int(v.l.places[n-1].rank))
	}
	log := log2s(upto + 1)
	dcg, ideal := 0.0, 0.0
	for _, p := range v.l.places {
		if !m.within(p.rank) {
			break
		}
		if p.grade > 0 {
			dcg += float64(p.grade) / log[p.rank+1]
		}
	}
	if dcg == 0 {
		return 0
	}
	for i, grade := range v.q.ideal {
		if !m.within(int32(i + 1)) {
			break
		}
		ideal += float64(grade) / log[i+2]
	}
	return dcg / ideal
}

func reciprocalRank(v *view, m Measure) float64 {
	for _, p := range v.l.places {
		if !m.within(p.rank) {
			break
		}
		if p.grade >= m.rel {
			return 1 / float64(p.rank)
		}
	}
	return 0
}

func averagePrecision(v *view, m Measure) float64 {
	sum, n := 0.0, 0
	for _, p := range v.l.places {
		if !m.within(p.rank) {
			break
		}
		if p.grade >= m.rel {
			n++
			sum += float64(n) / float64(p.rank)
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(v.q.relevant(m.rel))
}

// retrieved returns the number of relevant documents within the cutoff.
func (v *view) retrieved(m Measure) int {
	n := 0
	for _, p := range v.l.places {
		if !m.within(p.rank) {
			break
		}
		if p.grade >= m.rel {
			n++
		}
	}
	return n
}

func recall(v *view, m Measure) float64 {
	n := v.retrieved(m)
	if n == 0 {
		return 0
	}
	return float64(n) / float64(v.q.relevant(m.rel))
}

func precision(v *view, m Measure) float64 {
	return float64(v.retrieved(m)) / float64(m.cutoff)
}

func success(v *view, m Measure) float64 {
	if v.retrieved(m) > 0 {
		return 1
	}
	return 0
}
