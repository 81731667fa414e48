package ir

import (
	"slices"
)

// The tie mode Expected: means over all orders of the documents of equal
// scores, every order of every block equally likely and the blocks independent.
// F. McSherry and M. Najork, "Computing information retrieval performance
// measures efficiently in the presence of tied scores" (ECIR 2008) have the
// closed forms of P, R, RR, AP and nDCG; the others are derived where they are
// computed. Nothing is sampled and nothing approximated but by rounding: where
// an exact mean would take too long, there is an error.

// found is the expected number of relevant documents within a rank.
func (v *view) found(m *Measure, rank int32) float64 {
	sum := 0.0
	for _, s := range v.segments(m) {
		if s.first > rank {
			break
		}
		n := s.upto(rank)
		if r := s.relevant(m.rel); r > 0 {
			sum += float64(r*n) / float64(s.size)
		}
	}
	return sum
}

// counted is a measure that is the number of relevant documents within a rank,
// times something that no order changes.
func counted(rank func(v *view, m *Measure) int32, factor func(v *view, m *Measure) float64) expectation {
	return func(v *view, m *Measure) (float64, error) {
		x := factor(v, m)
		if x == 0 {
			return 0, nil
		}
		return v.found(m, rank(v, m)) * x, nil
	}
}

func inverse(n int) float64 {
	if n == 0 {
		return 0
	}
	return 1 / float64(n)
}

var (
	expectRecall    = counted(withinCutoff, func(v *view, m *Measure) float64 { return inverse(v.q.relevant(m.rel)) })
	expectPrecision = counted(withinCutoff, func(_ *view, m *Measure) float64 { return inverse(int(m.cutoff)) })
	expectRprec     = counted(withinRelevant, func(v *view, m *Measure) float64 { return inverse(v.q.relevant(m.rel)) })
	expectRprecMult = counted(withinMultiple, func(v *view, m *Measure) float64 { return inverse(v.multiple(m)) })
	expectRelativeP = counted(withinCutoff, func(v *view, m *Measure) float64 {
		return inverse(min(int(m.cutoff), v.q.relevant(m.rel)))
	})
	expectSetP = counted(withinAll, func(v *view, m *Measure) float64 {
		n := v.list(m).retrieved
		if m.flags&flagRelative != 0 {
			n = min(n, v.q.relevant(m.rel))
		}
		return inverse(n)
	})
	expectSetR = counted(withinAll, func(v *view, m *Measure) float64 { return inverse(v.q.relevant(m.rel)) })
	// With f relevant of n retrieved and R in all, F is (beta+1)·f/(beta·R+n).
	expectSetF = counted(withinAll, func(v *view, m *Measure) float64 {
		return (m.x + 1) / (float64(m.x*float64(v.q.relevant(m.rel))) + float64(v.list(m).retrieved))
	})
	expectFound = counted(withinAll, func(*view, *Measure) float64 { return 1 })
)

func expectNumRet(v *view, m *Measure) (float64, error) {
	if m.rel == 0 {
		return numRet(v, m), nil
	}
	return expectFound(v, m)
}

// expectNDCG: every document of a block is at each of its ranks equally often.
func expectNDCG(v *view, m *Measure) (float64, error) {
	ideal := v.curve(m).idealAt(m.cutoff)
	if ideal == 0 {
		return 0, nil
	}
	return v.discounted(m, gainsFor(m), m.cutoff) / ideal, nil
}

// discounted is the expected cumulated gain within a cutoff.
func (v *view) discounted(m *Measure, g *gains, cutoff int32) float64 {
	sum := 0.0
	log := log2s(v.list(m).retrieved + 1)
	for _, s := range v.segments(m) {
		gain := 0.0
		for _, p := range s.places {
			gain += g.of(p.grade)
		}
		n := s.upto(cutoff)
		if gain == 0 || n == 0 {
			continue
		}
		discounts := 0.0
		for i := range int32(n) {
			discounts += 1 / log[s.first+i+1]
		}
		sum += float64(discounts*gain) / float64(s.size)
	}
	return sum
}

func expectDCG(v *view, m *Measure) (float64, error) {
	return v.discounted(m, gainsFor(m), 0), nil
}

// expectRndcg: dcg at ranks that the judgments fix, divided by what they fix.
func expectRndcg(v *view, m *Measure) (float64, error) {
	c := v.curve(m)
	n := len(c.best)
	if n == 0 || v.q.relevant(m.rel) == 0 {
		return 0, nil
	}
	g := gainsFor(m)
	sum, points := 0.0, 0
	for i := 1; i <= n; i++ {
		if i == n || c.best[i] != c.best[i-1] {
			if err := v.spend(len(v.segments(m))); err != nil {
				return 0, err
			}
			sum += v.discounted(m, g, int32(i)) / c.ideal[i]
			points++
		}
	}
	if v.list(m).retrieved > n+1 {
		sum += v.discounted(m, g, 0) / c.ideal[n]
		points++
	}
	return sum / float64(points), nil
}

// expectRR: the first block with relevant documents decides.
func expectRR(v *view, m *Measure) (float64, error) {
	for _, s := range v.segments(m) {
		r, n := s.relevant(m.rel), int(s.size)
		if r == 0 {
			continue
		}
		sum, before := 0.0, 1.0 // chance that none is above position i
		for i := range s.upto(m.cutoff) {
			here := float64(before*float64(r)) / float64(n-i)
			sum += here / float64(int(s.first)+i)
			before -= here
			if n-i <= r {
				break
			}
		}
		return sum, nil
	}
	return 0, nil
}

func expectSuccess(v *view, m *Measure) (float64, error) {
	for _, s := range v.segments(m) {
		if r := s.relevant(m.rel); r > 0 {
			return 1 - none(int(s.size), r, s.upto(m.cutoff)), nil
		}
	}
	return 0, nil
}

// expectAP: position i of a block of n with r relevant holds a relevant
// document with chance r/n, and then (i-1)(r-1)/(n-1) are expected above it in
// the block.
func expectAP(v *view, m *Measure) (float64, error) {
	relevant := v.q.relevant(m.rel)
	if relevant == 0 {
		return 0, nil
	}
	sum, above := 0.0, 0.0
	for _, s := range v.segments(m) {
		r, n := float64(s.relevant(m.rel)), float64(s.size)
		if r == 0 {
			continue
		}
		others := 0.0
		if n > 1 {
			others = (r - 1) / (n - 1)
		}
		for i := range s.upto(m.cutoff) {
			sum += r / n * (above + 1 + float64(float64(i)*others)) / float64(int(s.first)+i)
		}
		above += r
	}
	return sum / float64(relevant), nil
}

func expectBpref(v *view, m *Measure) (float64, error) {
	relevant, nonrelevant := v.q.relevant(m.rel), v.q.nonrelevant(m.rel)
	sum, worse := 0.0, 0
	for _, s := range v.segments(m) {
		marked := s.count(0, m.rel)
		x, err := v.above(&s, s.relevant(m.rel), marked, func(n int) float64 { return preference(worse+n, relevant, nonrelevant) })
		if err != nil {
			return 0, err
		}
		sum += x
		worse += marked
	}
	if relevant > 0 {
		sum /= float64(relevant)
	}
	return sum, nil
}

func expectBinG(v *view, m *Measure) (float64, error) {
	relevant := v.q.relevant(m.rel)
	if relevant == 0 {
		return 0, nil
	}
	log := log2s(v.l.retrieved + 2)
	sum, found := 0.0, 0
	for _, s := range v.segments(m) {
		r := s.relevant(m.rel)
		if r == 0 {
			continue
		}
		worse := int(s.first) - 1 - found
		x, err := v.above(&s, r, int(s.size)-r, func(n int) float64 {
			if worse+n+2 >= len(log) { // below what counts
				return 0
			}
			return 1 / log[worse+n+2]
		})
		if err != nil {
			return 0, err
		}
		sum += x
		found += r
	}
	return sum / float64(relevant), nil
}

// expectInfAP: of the documents above a relevant one in its block, w were
// judged (relevant or not); given w, the relevant ones among them and the
// pooled ones among the rest are independent and enter linearly.
func expectInfAP(v *view, m *Measure) (float64, error) {
	relevant := v.q.relevant(m.rel)
	if relevant == 0 {
		return 0, nil
	}
	sum := 0.0
	rel, nonrel, pooled := 0.0, 0.0, 0.0
	for _, s := range v.segments(m) {
		r, x, u := s.relevant(m.rel), s.count(0, m.rel), s.count(-maxParameter, 0)
		if r > 0 {
			judged := r - 1 + x
			if err := v.spend(int(s.seen), judged+1); err != nil {
				return 0, err
			}
			perJudged, perRest := 0.0, 0.0
			if judged > 0 {
				perJudged = float64(r-1) / float64(judged)
			}
			if rest := int(s.size) - 1 - judged; rest > 0 {
				perRest = float64(u) / float64(rest)
			}
			part := 0.0
			d := draw(int(s.size)-1, judged)
			for t := range int(s.seen) {
				for w, p := range d.p[:min(t, judged)+1] {
					part += float64(p * inferred(float64(int(s.first)-1+t), rel+float64(float64(w)*perJudged), nonrel+float64(float64(w)*(1-perJudged)), pooled+float64(float64(t-w)*perRest)))
				}
				if t+1 < int(s.size) {
					d.next()
				}
			}
			sum += float64(part*float64(r)) / float64(s.size)
		}
		rel, nonrel, pooled = rel+float64(r), nonrel+float64(x), pooled+float64(u)
	}
	return sum / float64(relevant), nil
}

// expectERR: the mean of the chances to pass the first j documents of a block
// is e_j(q)/C(n,j), where q are the chances to pass each and e_j their
// elementary symmetric polynomial; a reader stops at position j with what that
// loses.
func expectERR(v *view, m *Measure) (float64, error) {
	sum, reached := 0.0, 1.0
	for _, s := range v.segments(m) {
		if err := v.spend(int(s.size), len(s.places)+1); err != nil {
			return 0, err
		}
		pass := make([]float64, s.size+1)
		for j := range pass {
			pass[j] = 1
		}
		n := int(s.size) - len(s.places) // those without a grade stop nobody
		whole := 1.0
		for _, p := range s.places {
			q := 1 - stopping(p.grade)
			whole *= q
			n++
			for j := n; j > 0; j-- {
				rest := pass[j]
				if j == n {
					rest = 0
				}
				pass[j] = (float64(float64(n-j)*rest) + float64(float64(float64(j)*q)*pass[j-1])) / float64(n)
			}
		}
		for j := range s.upto(m.cutoff) {
			sum += float64(reached*(pass[j]-pass[j+1])) / float64(int(s.first)+j)
		}
		reached *= whole
	}
	return sum, nil
}

// expectAccuracy: among the documents within the cutoff, each order of a
// relevant and another one in a block is equally likely.
func expectAccuracy(v *view, m *Measure) (float64, error) {
	within, total := 0, v.l.retrieved
	if m.cutoff > 0 {
		total = min(total, int(m.cutoff))
	}
	wrong := 0.0 // pairs, in the segments before
	for _, s := range v.segments(m) {
		r, n := s.relevant(m.rel), int(s.size)
		seen := s.upto(m.cutoff)
		worse := float64(int(s.first) - 1 - within)
		if seen == n {
			wrong += float64(float64(r) * (worse + float64(n-r)/2))
			within += r
			continue
		}
		if seen == 0 {
			break
		}
		if err := v.spend(seen, r+1); err != nil {
			return 0, err
		}
		d := draw(n, r)
		for range seen {
			d.next()
		}
		sum := 0.0
		for x, p := range d.p[:min(r, seen)+1] { // x relevant documents are within the cutoff
			switch found, others := within+x, total-within-x; {
			case p == 0 || found == 0:
			case others == 0:
				sum += p
			default:
				pairs := wrong + float64(float64(x)*(worse+float64(seen-x)/2))
				sum += float64(p * (1 - pairs/(float64(found)*float64(others))))
			}
		}
		return sum, nil
	}
	switch within {
	case 0:
		return 0, nil
	case total:
		return 1, nil
	}
	return 1 - wrong/(float64(within)*float64(total-within)), nil
}

// expectCompat: of the r documents of one grade in a block, whose places in
// the ideal ranking are p, p+1, …, those in the overlap at depth i are the
// smaller of how many are ranked up to i and how many are ideally.
func expectCompat(v *view, m *Measure) (float64, error) {
	depth := max(v.l.retrieved, len(v.q.ideal))
	joins := make([]float64, depth+1)
	next := map[int32]int{}
	for i, g := range v.q.ideal {
		if i == 0 || v.q.ideal[i-1] != g {
			next[g] = i
		}
	}
	for _, s := range v.segments(m) {
		if s.size == 1 {
			if grade := s.places[0].grade; grade > 0 {
				next[grade]++
				joins[max(int(s.first), next[grade])]++
			}
			continue
		}
		done := map[int32]bool{}
		for _, p := range s.places {
			if p.grade <= 0 || done[p.grade] {
				continue
			}
			done[p.grade] = true
			r := s.count(p.grade, p.grade+1)
			if err := v.spend(r+1, depth); err != nil {
				return 0, err
			}
			first := next[p.grade]
			d := draw(int(s.size), r)
			last := 0.0
			for i := 1; i <= depth; i++ {
				if i >= int(s.first) && d.t < int(s.seen) {
					d.next()
				}
				ideal := min(max(i-first, 0), r)
				overlap := 0.0
				for j, chance := range d.p {
					overlap += float64(chance * float64(min(j, ideal)))
				}
				joins[i] += overlap - last
				last = overlap
			}
			next[p.grade] += r
		}
	}
	return overlapScore(v, m, depth, func(i int) float64 { return joins[i] }), nil
}

// level returns the mean of the largest precision at the need-th relevant
// document or later, need ≥ 1. The largest is at most x where no such document
// is ranked too high for x; blocks are independent, and in each the orders that
// comply are counted by walking its positions.
func (v *view) level(m *Measure, need int) (float64, error) {
	y := v.extremes(m)
	least, most := beyond(y.last, need), beyond(y.first, need)
	if least == most {
		return most, nil
	}
	// The precisions that can be reached, as quotients: equal fractions are
	// equal floats, and others are not.
	var reach []float64
	type part struct {
		segment
		r, before int     // relevant documents, and those before the block
		most      float64 // with these first
	}
	var parts []part
	before, steps := 0, 0
	for _, s := range v.segments(m) {
		p := part{segment: s, r: s.relevant(m.rel), before: before}
		before += p.r
		if p.r == 0 || before < need {
			continue
		}
		if err := v.spend(int(s.size), p.r); err != nil {
			return 0, err
		}
		steps += int(s.size) * p.r
		for j := max(1, need-p.before); j <= p.r; j++ {
			if len(reach) > v.maxWork/64 {
				return 0, errWork
			}
			for t := j; t <= int(s.seen) && t <= int(s.size)-p.r+j; t++ {
				x := float64(p.before+j) / float64(int(s.first)+t-1)
				p.most = max(p.most, x)
				if x >= least && x <= most {
					reach = append(reach, x)
				}
			}
		}
		parts = append(parts, p)
	}
	slices.Sort(reach)
	reach = slices.Compact(reach)
	if err := v.spend(len(reach), steps); err != nil {
		return 0, err
	}
	mean, below := 0.0, 0.0
	if least == 0 { // orders with fewer documents than needed within the depth
		reach = slices.Insert(reach, 0, 0)
	}
	for _, x := range reach {
		chance := 1.0
		for _, p := range parts {
			if p.most <= x {
				continue
			}
			chance *= atMost(p.segment, p.r, func(j, t int) bool { // the j-th at position t
				count := p.before + j
				return count < need || float64(count)/float64(int(p.first)+t-1) <= x
			})
		}
		mean += float64((chance - below) * x)
		below = chance
	}
	return mean, nil
}

// atMost is the chance that the j-th relevant document of a block is only at
// positions t that allowed admits, for all that count.
func atMost(s segment, r int, allowed func(j, t int) bool) float64 {
	p := make([]float64, r+1) // chance of j relevant ones so far, all admitted
	p[0] = 1
	for t := 1; t <= int(s.size); t++ {
		left := float64(int(s.size) - t + 1)
		for j := min(r, t); j >= 0; j-- {
			x := p[j] * max(0, left-float64(r-j)) / left
			if j > 0 && (t > int(s.seen) || allowed(j, t)) {
				x += p[j-1] * float64(r-j+1) / left
			}
			p[j] = x
		}
	}
	return p[r]
}

func expectInterpolated(v *view, m *Measure) (float64, error) {
	return v.level(m, max(v.needed(m.x, v.q.relevant(m.rel)), 1))
}

func expectElevenPoint(v *view, m *Measure) (float64, error) {
	levels := levelsOf(m)
	if !slices.IsSorted(levels) {
		return expectByOrders(elevenPoint)(v, m)
	}
	sum, last, x := 0.0, 0, 0.0
	for _, level := range levels {
		if need := max(v.needed(level, v.q.relevant(m.rel)), 1); need != last {
			var err error
			if x, err = v.level(m, need); err != nil {
				return 0, err
			}
			last = need
		}
		sum += x
	}
	return sum / float64(len(levels)), nil
}

// expectResidual is linear unless all that has no grade may fall below the
// depth, where the measure is 0.
func expectResidual(v *view, m *Measure) (float64, error) {
	if v.l.crossing() {
		return expectByOrders(rbpResidual)(v, m)
	}
	_, graded := v.judgedWithin(0)
	if graded == v.l.retrieved {
		return 0, nil
	}
	seen := v.weighted(m, 0, func(grade int32) float64 {
		if grade >= 0 {
			return 1
		}
		return 0
	})
	rest := 1.0 // p^retrieved
	for range v.l.retrieved {
		rest *= m.x
	}
	all := 1 - rest // (1-p)·Σ p^(rank-1)
	return 1 - all + (all - float64((1-m.x)*seen)), nil
}

// weighted is the mean of [view.persistent].
func (v *view) weighted(m *Measure, cutoff int32, gain func(grade int32) float64) float64 {
	sum, weight, at := 0.0, 1.0, int32(1)
	p := m.x
	for _, s := range v.segments(m) {
		total := 0.0
		for _, x := range s.places {
			total += gain(x.grade)
		}
		if total == 0 {
			continue
		}
		for ; at < s.first; at++ {
			weight *= p
		}
		weights := 0.0
		for range s.upto(cutoff) {
			weights += weight
			weight *= p
			at++
		}
		sum += float64(total*weights) / float64(s.size)
	}
	return sum
}

func expectRBP(v *view, m *Measure) (float64, error) {
	return (1 - m.x) * v.weighted(m, m.cutoff, v.rbpGain(m)), nil
}

func expectRBPGraded(v *view, m *Measure) (float64, error) {
	return (1 - m.x) * v.weighted(m, 0, v.scaled(m)), nil
}

// expectShare is the mean of a share of documents with a grade of at least lo.
func (v *view) expectShare(m *Measure, lo int32) float64 {
	cutoff := m.cutoff
	sum := 0.0
	for _, s := range v.segments(m) {
		sum += float64(s.relevant(lo)*s.upto(cutoff)) / float64(s.size)
	}
	return sum
}

func expectJudged(v *view, m *Measure) (float64, error) {
	n := v.l.retrieved
	if m.cutoff > 0 {
		n = min(n, int(m.cutoff))
	}
	return v.expectShare(m, -maxParameter) * inverse(n), nil
}

func expectUnjudged(v *view, m *Measure) (float64, error) {
	n := float64(min(v.l.retrieved, int(m.cutoff)))
	return (n - v.expectShare(m, 0)) / float64(m.cutoff), nil
}

// leastAP is AP with the relevant documents of every block last.
func leastAP(v *view, m *Measure) float64 {
	sum := 0.0
	for i, rank := range v.extremes(m).last {
		sum += float64(i+1) / float64(rank)
	}
	return sum * inverse(v.q.relevant(m.rel))
}

// leastBpref is Bpref with the relevant documents of every block last.
func leastBpref(v *view, m *Measure) float64 {
	relevant, nonrelevant := v.q.relevant(m.rel), v.q.nonrelevant(m.rel)
	sum, above := 0.0, 0
	for _, s := range v.segments(m) {
		above += s.count(0, m.rel)
		seen := max(s.relevant(m.rel)-int(s.size-s.seen), 0)
		sum += float64(float64(seen) * preference(above, relevant, nonrelevant))
	}
	return sum * inverse(relevant)
}

// expectNDCGRel: the gain up to a relevant document is its own and, of the
// others in its block, as much as their mean at the ranks above it.
func expectNDCGRel(v *view, m *Measure) (float64, error) {
	l := v.list(m)
	g := gainsFor(m)
	if l.crossing() || m.params != "" {
		return expectByOrders(ndcgRel)(v, m)
	}
	c := v.curve(m)
	n := len(c.best)
	if n == 0 {
		return 0, nil
	}
	log := log2s(l.retrieved + 1)
	sum, so, found := 0.0, 0.0, 0 // so: gain of the segments before, as expected
	for _, s := range v.segments(m) {
		total, count := 0.0, 0
		for _, p := range s.places {
			if x := g.of(p.grade); x > 0 {
				total += x
				count++
			}
		}
		if count == 0 {
			continue
		}
		size := float64(s.size)
		pairs := 0.0 // mean of the other's gain, where the one is relevant
		if s.size > 1 {
			pairs = float64(total*float64(count-1)) / (size * (size - 1))
		}
		discounts := 0.0
		for i := range s.size {
			d := 1 / log[s.first+i+1]
			// relevant at this position: what was before, its own gain, and others'
			sum += (float64(float64(count)/size*so) + float64(total/size*d) + float64(pairs*discounts)) / c.idealAt(s.first+i)
			discounts += d
		}
		so += float64(total / size * discounts)
		found += count
	}
	sum += float64(float64(n-found)*so) / c.ideal[n]
	return sum / float64(n), nil
}

// expectG follows the sum of the gains above a document in its block: of the k
// others with a gain, w are above it with the chance of draw, and any w of
// them equally likely. Gains are whole numbers.
func expectG(v *view, m *Measure) (float64, error) {
	l := v.list(m)
	if m.params != "" {
		return expectByOrders(gainG)(v, m)
	}
	c := v.curve(m)
	total := 0.0
	for _, x := range c.best {
		total += x
	}
	if total == 0 {
		return 0, nil
	}
	cost := make([]int, l.retrieved+1) // up to a rank
	for i := range l.retrieved {
		cost[i+1] = cost[i] + 1
		if i < len(c.best) {
			cost[i+1] = cost[i] + int(max(c.best[i], 1))
		}
	}
	sum, gained := 0.0, 0
	for _, s := range v.segments(m) {
		var xs []int
		all := 0
		for _, p := range s.places {
			if p.grade > 0 {
				xs = append(xs, int(p.grade))
				all += int(p.grade)
			}
		}
		slices.Sort(xs)
		for i, x := range xs {
			if i > 0 && xs[i-1] == x {
				continue
			}
			same := 0
			for _, y := range xs {
				if x == y {
					same++
				}
			}
			others := append(slices.Clone(xs[:i]), xs[i+1:]...)
			if err := v.spend(len(others)+1, all+1, len(others)+int(s.seen)); err != nil {
				return 0, err
			}
			// above[w][t]: chance that w of the others sum to t.
			above := make([][]float64, len(others)+1)
			for w := range above {
				above[w] = make([]float64, all-x+1)
			}
			above[0][0] = 1
			for n, y := range others {
				n++
				for w := n; w > 0; w-- {
					for t := all - x; t >= 0; t-- {
						p := float64(above[w][t]*float64(n-w)) / float64(n)
						if t >= y {
							p += float64(above[w-1][t-y]*float64(w)) / float64(n)
						}
						above[w][t] = p
					}
				}
			}
			d := draw(int(s.size)-1, len(others))
			part := 0.0
			for pos := range int(s.seen) {
				rank := int(s.first) + pos
				for w, p := range d.p[:min(pos, len(others))+1] {
					if p == 0 {
						continue
					}
					for t, chance := range above[w] {
						if chance > 0 {
							part += p * chance / log2Of(float64(2+cost[rank]-gained-t-x))
						}
					}
				}
				if pos+1 < int(s.size) {
					d.next()
				}
			}
			sum += part * float64(x) * float64(same) / float64(s.size)
		}
		gained += all
	}
	return sum / total, nil
}
