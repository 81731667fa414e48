package ir

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// view is one ranking of one judged query, as measures see it, with what
// several measures need of it. The zero view with q and l set is ready.
type view struct {
	q         *judgedQuery
	l         *list
	v9        bool // levels of recall round as in trec_eval 9
	documents int  // in the collection

	maxWork, maxOrders int     // of an exact mean over orders
	work               float64 // what of it the measure has taken

	judged   list // l without documents that have no grade or a negative one
	hasJudge bool
	layers   []layer
	curves   []curve
	segs     [2][]segment // of l and of judged
	hasSegs  [2]bool
	nLayers  int
	nCurves  int
}

func (v *view) reset(q *judgedQuery, l *list, e *Evaluator) {
	v.q, v.l = q, l
	v.v9 = e.Ties == Trec9
	v.documents = e.Documents
	v.maxWork, v.maxOrders = maxWork, maxOrders
	v.forget()
}

// forget drops what was kept of another ranking.
func (v *view) forget() {
	v.hasJudge, v.nLayers, v.nCurves, v.hasSegs = false, 0, 0, [2]bool{}
}

// list returns the ranking that m looks at.
func (v *view) list(m *Measure) *list {
	if m.flags&flagJudgedOnly == 0 {
		return v.l
	}
	if !v.hasJudge {
		v.hasJudge = true
		v.l.squeeze(&v.judged)
	}
	return &v.judged
}

// layer is a ranking at one threshold of relevance.
type layer struct {
	rel      int32
	judged   bool
	relevant int       // documents in the judgments
	ranks    []int32   // of those retrieved, ascending
	ap       []float64 // ap[n] = Σ i/ranks[i-1] over i = 1 … n
	// ranks with the relevant documents of every block of equal scores first,
	// and last; see view.extremes.
	first, last []int32
	extremes    bool
}

// at returns the layer of m, whose rel is not 0.
func (v *view) at(m *Measure) *layer {
	only := m.flags&flagJudgedOnly != 0
	for i := range v.layers[:v.nLayers] {
		if y := &v.layers[i]; y.rel == m.rel && y.judged == only {
			return y
		}
	}
	if v.nLayers == len(v.layers) {
		v.layers = append(v.layers, layer{})
	}
	y := &v.layers[v.nLayers]
	v.nLayers++
	y.rel, y.judged, y.relevant = m.rel, only, v.q.relevant(m.rel)
	y.ranks, y.ap, y.extremes = y.ranks[:0], append(y.ap[:0], 0), false
	sum := 0.0
	for _, p := range v.list(m).places {
		if p.grade >= m.rel {
			y.ranks = append(y.ranks, p.rank)
			sum += float64(len(y.ranks)) / float64(p.rank)
			y.ap = append(y.ap, sum)
		}
	}
	return y
}

// within returns how many of ascending ranks are within the cutoff; 0 stands
// for none.
func within(ranks []int32, cutoff int32) int {
	n := len(ranks)
	if cutoff == 0 || n == 0 || ranks[n-1] <= cutoff {
		return n
	}
	lo, hi := 0, n-1
	for lo < hi {
		if mid := (lo + hi) / 2; ranks[mid] <= cutoff {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// gains maps grades to gains, see [Measure].
type gains struct {
	exp  bool
	list map[int32]float64
}

var gainsCache sync.Map // Measure → *gains

func gainsFor(m *Measure) *gains {
	if g, ok := gainsCache.Load(*m); ok {
		return g.(*gains)
	}
	g := &gains{exp: m.flags&flagExp != 0, list: gainsOf(m.params)}
	gainsCache.Store(*m, g)
	return g
}

// of returns the gain of a grade; a document without one has none.
func (g *gains) of(grade int32) float64 {
	if grade < 0 {
		return 0
	}
	x := float64(grade)
	if len(g.list) > 0 {
		if y, ok := g.list[grade]; ok {
			x = y
		}
	}
	if g.exp {
		x = exp2(x) - 1
	}
	return x
}

// curve is the cumulated gain of a ranking and of the ideal one.
type curve struct {
	params string
	flags  uint8
	ranks  []int32   // of documents with a gain, ascending
	gain   []float64 // at these ranks
	dcg    []float64 // dcg[n] = Σ of the first n discounted gains
	best   []float64 // positive gains of all judged documents, descending
	ideal  []float64 // ideal[n] = Σ of the first n discounted best gains
	top    float64   // the largest gain of any grade up to the query's largest
	bottom float64   // and the smallest, at most 0
}

// curve returns the gains of m.
func (v *view) curve(m *Measure) *curve {
	flags := m.flags & (flagExp | flagJudgedOnly)
	for i := range v.curves[:v.nCurves] {
		if c := &v.curves[i]; c.flags == flags && c.params == m.params {
			return c
		}
	}
	if v.nCurves == len(v.curves) {
		v.curves = append(v.curves, curve{})
	}
	c := &v.curves[v.nCurves]
	v.nCurves++
	c.flags, c.params = flags, m.params
	c.ranks, c.gain, c.best = c.ranks[:0], c.gain[:0], c.best[:0]
	c.top, c.bottom = 0, 0
	plain := m.params == "" && flags&flagExp == 0
	if plain {
		for _, g := range v.q.ideal {
			c.best = append(c.best, float64(g))
		}
		if len(v.q.ideal) > 0 {
			c.top = float64(v.q.ideal[0])
		}
		for _, p := range v.list(m).places {
			if p.grade > 0 {
				c.ranks, c.gain = append(c.ranks, p.rank), append(c.gain, float64(p.grade))
			}
		}
	} else {
		g := gainsFor(m)
		last, x := int32(-1), 0.0
		for _, grade := range v.q.ideal {
			if grade != last {
				last, x = grade, g.of(grade)
			}
			if x > 0 {
				c.best = append(c.best, x)
			}
		}
		if zero := g.of(0); zero > 0 {
			for range v.q.zeros {
				c.best = append(c.best, zero)
			}
		}
		slices.SortFunc(c.best, func(a, b float64) int {
			switch {
			case a > b:
				return -1
			case a < b:
				return 1
			}
			return 0
		})
		for _, p := range v.list(m).places {
			if x := g.of(p.grade); x != 0 {
				c.ranks, c.gain = append(c.ranks, p.rank), append(c.gain, x)
			}
		}
		// The grades from 0 to the query's largest and all that have a gain of
		// their own: trec_eval scales by these.
		if len(v.q.ideal) > 0 {
			c.top = float64(v.q.ideal[0])
			if _, own := g.list[v.q.ideal[0]]; own {
				c.top = 0
				for grade := v.q.ideal[0] - 1; grade > 0 && c.top == 0; grade-- {
					if _, own := g.list[grade]; !own {
						c.top = float64(grade)
					}
				}
			}
		}
		for _, x := range g.list {
			c.top, c.bottom = max(c.top, x), min(c.bottom, x)
		}
	}
	upto := len(c.best)
	if n := len(c.ranks); n > 0 {
		upto = max(upto, int(c.ranks[n-1]))
	}
	log := log2s(upto + 1)
	c.dcg, c.ideal = append(c.dcg[:0], 0), append(c.ideal[:0], 0)
	sum := 0.0
	for i, rank := range c.ranks {
		sum += c.gain[i] / log[rank+1]
		c.dcg = append(c.dcg, sum)
	}
	sum = 0
	for i, x := range c.best {
		sum += x / log[i+2]
		c.ideal = append(c.ideal, sum)
	}
	return c
}

// idealAt returns the ideal's cumulated gain at a cutoff; 0 stands for none.
func (c *curve) idealAt(cutoff int32) float64 {
	n := len(c.best)
	if cutoff > 0 {
		n = min(n, int(cutoff))
	}
	return c.ideal[n]
}

// check refuses grades that a measure has no value for.
func (m *Measure) check(q *judgedQuery) error {
	if len(q.ideal) == 0 {
		return nil
	}
	top := q.ideal[0]
	switch {
	case m.family == familyERR && top > errTop:
		return fmt.Errorf("it takes grades up to %d, and a document has the grade %d", errTop, top)
	case m.flags&flagExp != 0:
		g := gainsFor(m)
		largest := float64(top)
		for _, x := range g.list {
			largest = max(largest, x)
		}
		if largest > expTop {
			return fmt.Errorf("a grade or gain of %v has the gain 2^%v, and sums of such gains are beyond the range of a 64-bit float; %d is the most that is taken", largest, largest, expTop)
		}
	}
	return nil
}

// expTop is the largest exponent of a gain: 2^23 such gains can be summed.
const expTop = 1000

var familyERR int8 // set with families

// errTop is the largest grade that gdeval, whose ERR this is, admits.
const errTop = 4

// values computes every measure of a list into out.
func (e *Evaluator) values(q *judgedQuery, l *list, out []float64) error {
	v := viewPool.Get().(*view)
	defer viewPool.Put(v)
	v.reset(q, l, e)
	for i := range e.Measures {
		var err error
		if out[i], err = v.measure(&e.Measures[i]); err != nil {
			return fmt.Errorf("%v: %w", e.Measures[i], err)
		}
	}
	return nil
}

// measure computes one measure.
func (v *view) measure(m *Measure) (float64, error) {
	if m.family == familyERR || m.flags&flagExp != 0 {
		if err := m.check(v.q); err != nil {
			return 0, err
		}
	}
	f := m.fam()
	switch {
	case f.expect == nil:
		return f.value(v, m), nil
	case v.l.unclear || len(v.l.blocks) > 0 && v.list(m).unclear:
		return 0, errUnclear
	case len(v.l.blocks) == 0:
		return f.value(v, m), nil
	}
	v.work = 0
	return f.expect(v, m)
}

var errUnclear = errors.New("the depth cuts a block of equal scores from which documents without a judgment are dropped: how many are left to count is chance, and the exact mean is not computed")

var viewPool = sync.Pool{New: func() any { return new(view) }}

// Each measure below sums in rank order and divides where trec_eval divides,
// so that values agree in every bit, not only in four decimals.

func ndcg(v *view, m *Measure) float64 {
	c := v.curve(m)
	ideal := c.idealAt(m.cutoff)
	if ideal == 0 {
		return 0
	}
	return c.dcg[within(c.ranks, m.cutoff)] / ideal
}

func dcg(v *view, m *Measure) float64 {
	c := v.curve(m)
	return c.dcg[len(c.ranks)]
}

func idealDCG(v *view, m *Measure) float64 { return v.curve(m).idealAt(0) }

func reciprocalRank(v *view, m *Measure) float64 {
	y := v.at(m)
	if within(y.ranks, m.cutoff) == 0 {
		return 0
	}
	return 1 / float64(y.ranks[0])
}

func averagePrecision(v *view, m *Measure) float64 {
	y := v.at(m)
	n := within(y.ranks, m.cutoff)
	if n == 0 {
		return 0
	}
	return y.ap[n] / float64(y.relevant)
}

// ratio is a/b, and 0 where a is 0.
func ratio(a, b int) float64 {
	if a == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// What [family.within] may be.

func withinAll(*view, *Measure) int32 { return math.MaxInt32 }

func withinCutoff(_ *view, m *Measure) int32 {
	if m.cutoff == 0 {
		return math.MaxInt32
	}
	return m.cutoff
}

func withinRelevant(v *view, m *Measure) int32 { return int32(v.q.relevant(m.rel)) }

func withinMultiple(v *view, m *Measure) int32 { return int32(min(v.multiple(m), maxParameter)) }

func recall(v *view, m *Measure) float64 {
	y := v.at(m)
	return ratio(within(y.ranks, m.cutoff), y.relevant)
}

func precision(v *view, m *Measure) float64 {
	return float64(within(v.at(m).ranks, m.cutoff)) / float64(m.cutoff)
}

func success(v *view, m *Measure) float64 {
	if within(v.at(m).ranks, m.cutoff) > 0 {
		return 1
	}
	return 0
}

func rPrecision(v *view, m *Measure) float64 {
	y := v.at(m)
	if y.relevant == 0 {
		return 0
	}
	return ratio(within(y.ranks, int32(y.relevant)), y.relevant)
}

// nonrelevant is the number of documents judged below rel, negative grades
// aside.
func (q *judgedQuery) nonrelevant(rel int32) int {
	return q.zeros + len(q.ideal) - q.relevant(rel)
}

// preference is the share of preferences that a relevant document keeps with
// above judged non-relevant documents above it.
func preference(above, relevant, nonrelevant int) float64 {
	if above == 0 {
		return 1
	}
	return 1 - float64(min(above, relevant))/float64(min(nonrelevant, relevant))
}

func bpref(v *view, m *Measure) float64 {
	relevant, nonrelevant := v.q.relevant(m.rel), v.q.nonrelevant(m.rel)
	sum, above := 0.0, 0
	for _, p := range v.l.places {
		switch {
		case p.grade >= m.rel:
			sum += preference(above, relevant, nonrelevant)
		case p.grade >= 0:
			above++
		}
	}
	if relevant > 0 {
		sum /= float64(relevant)
	}
	return sum
}

// infEpsilon smooths the share of relevant documents in infAP.
const infEpsilon = 0.00001

func infAP(v *view, m *Measure) float64 {
	sum := 0.0
	rel, nonrel, pooled := 0, 0, 0 // pooled: negative grades
	for _, p := range v.l.places {
		switch {
		case p.grade < 0:
			pooled++
		case p.grade < m.rel:
			nonrel++
		default:
			sum += inferred(float64(p.rank-1), float64(rel), float64(nonrel), float64(pooled))
			rel++
		}
	}
	if relevant := v.q.relevant(m.rel); relevant > 0 {
		sum /= float64(relevant)
	}
	return sum
}

// inferred is the precision inferred at a relevant document with above
// documents above it.
func inferred(above, rel, nonrel, pooled float64) float64 {
	if above == 0 {
		return 1
	}
	share := ((rel + nonrel + pooled) / above) * ((rel + infEpsilon) / (rel + nonrel + 2*infEpsilon))
	return 1/(above+1) + float64((above/(above+1))*share)
}

// needed returns how many relevant documents reach a level of recall.
func (v *view) needed(level float64, relevant int) int {
	x := float64(level * float64(relevant))
	if v.v9 {
		return int(x + 0.9)
	}
	return int(math.Round(x))
}

// beyond returns the largest precision at the need-th of ranks or later.
func beyond(ranks []int32, need int) float64 {
	best := 0.0
	if need > len(ranks) {
		return 0
	}
	for i := len(ranks); i > 0 && i >= need; i-- {
		best = max(best, float64(i)/float64(ranks[i-1]))
	}
	return best
}

func interpolated(v *view, m *Measure) float64 {
	y := v.at(m)
	return beyond(y.ranks, v.needed(m.x, y.relevant))
}

var elevenLevels = []float64{0, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1}

func levelsOf(m *Measure) []float64 {
	if m.params == "" {
		return elevenLevels
	}
	return numbersOf(m.params)
}

// elevenPoint follows trec_eval also where the levels do not ascend, which it
// expects and does not check.
func elevenPoint(v *view, m *Measure) float64 {
	y := v.at(m)
	levels := levelsOf(m)
	need := func(i int) int { return v.needed(levels[i], y.relevant) }
	cut := len(levels) - 1
	for cut >= 0 && need(cut) > len(y.ranks) {
		cut--
	}
	sum, best := 0.0, 0.0
	for i := len(y.ranks); i > 0; i-- {
		best = max(best, float64(i)/float64(y.ranks[i-1]))
		for ; cut >= 0 && need(cut) == i; cut-- {
			sum += best
		}
	}
	for ; cut >= 0; cut-- {
		sum += best
	}
	return sum / float64(len(levels))
}

func rPrecisionMult(v *view, m *Measure) float64 {
	cutoff := v.multiple(m)
	if cutoff == 0 {
		return 0
	}
	return ratio(within(v.at(m).ranks, withinMultiple(v, m)), cutoff)
}

// multiple is the cutoff of Rprec_mult, rounded as in trec_eval.
func (v *view) multiple(m *Measure) int {
	return int(float64(m.x*float64(v.q.relevant(m.rel))) + 0.9)
}

func relativeP(v *view, m *Measure) float64 {
	y := v.at(m)
	return ratio(within(y.ranks, m.cutoff), min(int(m.cutoff), y.relevant))
}

func setP(v *view, m *Measure) float64 {
	y := v.at(m)
	retrieved := v.list(m).retrieved
	if m.flags&flagRelative != 0 {
		retrieved = min(retrieved, y.relevant)
	}
	return ratio(len(y.ranks), retrieved)
}

func setR(v *view, m *Measure) float64 {
	y := v.at(m)
	return ratio(len(y.ranks), y.relevant)
}

func setF(v *view, m *Measure) float64 {
	y := v.at(m)
	if len(y.ranks) == 0 {
		return 0
	}
	p, r := ratio(len(y.ranks), v.list(m).retrieved), ratio(len(y.ranks), y.relevant)
	return float64((m.x+1)*p) * r / (float64(m.x*p) + r)
}

func setAP(v *view, m *Measure) float64 {
	y := v.at(m)
	if len(y.ranks) == 0 {
		return 0
	}
	n := float64(len(y.ranks))
	return float64(n*n) / float64(float64(v.list(m).retrieved)*float64(y.relevant))
}

// judgedWithin counts places, and those of grade 0 or more, within the cutoff.
func (v *view) judgedWithin(cutoff int32) (all, graded int) {
	for _, p := range v.l.places {
		if cutoff > 0 && p.rank > cutoff {
			break
		}
		all++
		if p.grade >= 0 {
			graded++
		}
	}
	return all, graded
}

func judgedShare(v *view, m *Measure) float64 {
	all, _ := v.judgedWithin(m.cutoff)
	n := v.l.retrieved
	if m.cutoff > 0 {
		n = min(n, int(m.cutoff))
	}
	return ratio(all, n)
}

func unjudgedShare(v *view, m *Measure) float64 {
	_, graded := v.judgedWithin(m.cutoff)
	return ratio(min(v.l.retrieved, int(m.cutoff))-graded, int(m.cutoff))
}

func numRet(v *view, m *Measure) float64 {
	if m.rel == 0 {
		return float64(v.l.retrieved)
	}
	return float64(len(v.at(m).ranks))
}

func numNonrel(v *view, m *Measure) float64 {
	_, graded := v.judgedWithin(0)
	return float64(graded - len(v.at(m).ranks))
}

func utility(v *view, m *Measure) float64 {
	p := []float64{1, -1, 0, 0}
	if m.params != "" {
		p = numbersOf(m.params)
	}
	y := v.at(m)
	found, retrieved := len(y.ranks), v.l.retrieved
	sum := float64(p[0]*float64(found)) + float64(p[1]*float64(retrieved-found))
	sum += float64(p[2] * float64(y.relevant-found))
	return sum + float64(p[3]*float64(v.documents+found-retrieved-y.relevant))
}

// persistent is Σ p^(rank-1)·gain(place) over the places within the cutoff,
// the powers multiplied up as trec_eval does.
func (v *view) persistent(p float64, cutoff int32, gain func(grade int32) float64) float64 {
	sum, weight, at := 0.0, 1.0, int32(1)
	for _, x := range v.l.places {
		if cutoff > 0 && x.rank > cutoff {
			break
		}
		g := gain(x.grade)
		if g == 0 {
			continue
		}
		for ; at < x.rank; at++ {
			weight *= p
		}
		sum += float64(g * weight)
	}
	return sum
}

func rbp(v *view, m *Measure) float64 {
	return (1 - m.x) * v.persistent(m.x, m.cutoff, v.rbpGain(m))
}

// rbpGain returns what a document counts in RBP.
func (v *view) rbpGain(m *Measure) func(grade int32) float64 {
	if m.rel > 0 {
		return func(grade int32) float64 {
			if grade >= m.rel {
				return 1
			}
			return 0
		}
	}
	top := 1.0
	if len(v.q.ideal) > 0 {
		top = float64(v.q.ideal[0])
	}
	return func(grade int32) float64 { return max(0, float64(grade)) / top }
}

// scaled returns the gains of m between 0 and 1, as trec_eval's rbp has them.
func (v *view) scaled(m *Measure) func(grade int32) float64 {
	g, c := gainsFor(m), v.curve(m)
	if c.bottom >= 0 && c.top <= 1 {
		return g.of
	}
	return func(grade int32) float64 {
		if grade < 0 {
			return 0
		}
		return (g.of(grade) - c.bottom) / (c.top - c.bottom)
	}
}

func rbpGraded(v *view, m *Measure) float64 {
	return (1 - m.x) * v.persistent(m.x, 0, v.scaled(m))
}

func rbpResidual(v *view, m *Measure) float64 {
	sum, weight, unseen := 0.0, 1.0, 0
	next := 0
	for rank := int32(1); rank <= int32(v.l.retrieved); rank++ {
		graded := false
		if next < len(v.l.places) && v.l.places[next].rank == rank {
			graded = v.l.places[next].grade >= 0
			next++
		}
		if !graded {
			unseen++
			sum += weight
		}
		weight *= m.x
	}
	if unseen == 0 {
		return 0
	}
	return weight + float64((1-m.x)*sum)
}

// stopping returns the chance that a reader stops at a document.
func stopping(grade int32) float64 {
	if grade <= 0 {
		return 0
	}
	return (exp2(float64(grade)) - 1) / (1 << errTop)
}

func expectedRR(v *view, m *Measure) float64 {
	sum, reached := 0.0, 1.0
	for _, p := range v.l.places {
		if m.cutoff > 0 && p.rank > m.cutoff {
			break
		}
		stop := stopping(p.grade)
		sum += float64(stop*reached) / float64(p.rank)
		reached *= 1 - stop
	}
	return sum
}

func accuracy(v *view, m *Measure) float64 {
	y := v.at(m)
	n := v.l.retrieved
	if m.cutoff > 0 {
		n = min(n, int(m.cutoff))
	}
	rel := within(y.ranks, m.cutoff)
	wrong := 0
	for i, rank := range y.ranks[:rel] {
		wrong += int(rank) - 1 - i
	}
	switch {
	case rel == 0:
		return 0
	case n == rel:
		return 1
	}
	return 1 - float64(wrong)/float64(float64(n-rel)*float64(rel))
}

func compat(v *view, m *Measure) float64 {
	// The ideal ranking has grades descending; among equal grades, documents
	// retrieved come first, by rank. A document is in the overlap from the
	// larger of its two ranks on.
	depth := max(v.l.retrieved, len(v.q.ideal))
	joins := make([]int32, depth+1)
	next := map[int32]int{} // the ideal's next place by grade
	for i, g := range v.q.ideal {
		if i == 0 || v.q.ideal[i-1] != g {
			next[g] = i + 1
		}
	}
	for _, p := range v.l.places {
		if p.grade > 0 {
			joins[max(int(p.rank), next[p.grade])]++
			next[p.grade]++
		}
	}
	return overlapScore(v, m, depth, func(i int) float64 { return float64(joins[i]) })
}

// overlapScore turns what joins the overlap at each depth into Compat.
func overlapScore(v *view, m *Measure, depth int, joins func(i int) float64) float64 {
	score, best, norm, weight, overlap := 0.0, 0.0, 0.0, 1.0, 0.0
	for i := 1; i <= depth; i++ {
		overlap += joins(i)
		score += float64(weight*overlap) / float64(i)
		best += float64(weight*float64(min(i, len(v.q.ideal)))) / float64(i)
		norm += weight
		weight *= m.x
	}
	if norm == 0 {
		return 0
	}
	score /= norm
	if best > 0 && m.flags&flagPlain == 0 {
		score /= best / norm
	}
	return score
}

// geometricFloor stands for smaller values in geometric means.
const geometricFloor = 0.00001

func floored(value func(*view, *Measure) float64) func(*view, *Measure) float64 {
	return func(v *view, m *Measure) float64 { return max(value(v, m), geometricFloor) }
}

func yaap(v *view, m *Measure) float64 {
	y := v.at(m)
	sum := y.ap[len(y.ranks)]
	return logOf((1 + sum) / (1 + float64(y.relevant) - sum))
}

func binG(v *view, m *Measure) float64 {
	y := v.at(m)
	if len(y.ranks) == 0 {
		return 0
	}
	log := log2s(int(y.ranks[len(y.ranks)-1]) + 1)
	sum := 0.0
	for i, rank := range y.ranks {
		sum += 1 / log[int(rank)+1-i]
	}
	return sum / float64(y.relevant)
}

func gainG(v *view, m *Measure) float64 {
	c := v.curve(m)
	sum, cost, gained, at := 0.0, 0.0, 0.0, 0
	for i, rank := range c.ranks {
		for ; at < int(rank); at++ {
			if at < len(c.best) {
				cost += max(c.best[at], 1)
			} else {
				cost++
			}
		}
		gained += c.gain[i]
		sum += c.gain[i] / log2Of(2+cost-gained)
	}
	total := 0.0
	for _, x := range c.best {
		total += x
	}
	if total == 0 {
		return 0
	}
	return sum / total
}

// log2Of is the logarithm of a number that is a whole one but for odd gains.
func log2Of(x float64) float64 {
	if n := int(x); float64(n) == x && n > 0 && n < 1<<20 {
		return log2s(n)[n]
	}
	return logOf(x) / math.Ln2
}

func ndcgRel(v *view, m *Measure) float64 {
	c := v.curve(m)
	n := len(c.best)
	if n == 0 {
		return 0
	}
	sum, found := 0.0, 0
	for i, rank := range c.ranks {
		if c.gain[i] > 0 {
			sum += c.dcg[i+1] / c.idealAt(rank)
			found++
		}
	}
	sum += float64(float64(n-found)*c.dcg[len(c.ranks)]) / c.ideal[n]
	if sum <= 0 {
		return 0
	}
	return sum / float64(n)
}

func rndcg(v *view, m *Measure) float64 {
	c := v.curve(m)
	n := len(c.best)
	if n == 0 || v.q.relevant(m.rel) == 0 {
		return 0
	}
	sum, points := 0.0, 0
	for i := 1; i <= n; i++ { // after the last document of each gain
		if i == n || c.best[i] != c.best[i-1] {
			sum += c.dcg[within(c.ranks, int32(i))] / c.ideal[i]
			points++
		}
	}
	if v.list(m).retrieved > n+1 {
		sum += c.dcg[len(c.ranks)] / c.ideal[n]
		points++
	}
	return sum / float64(points)
}

// texts returns the values of measures that are a text of each query, by the
// index of the measure; nil where none is.
func (e *Evaluator) texts(l *list) []string {
	var out []string
	for i := range e.Measures {
		m := &e.Measures[i]
		if m.Aggregate() != Text || m.Name() != "relstring" { // runid is the run's
			continue
		}
		if out == nil {
			out = make([]string, len(e.Measures))
		}
		out[i] = relString(l, m)
	}
	return out
}

// relString shows the first grades, and ? at ranks that depend on the order of
// equal scores.
func relString(l *list, m *Measure) string {
	n := 10
	if m.params != "" {
		n = int(min(numbersOf(m.params)[0], maxParameter))
	}
	b := make([]byte, min(n, l.retrieved))
	for i := range b {
		b[i] = '-'
	}
	for _, p := range l.places {
		if int(p.rank) > len(b) {
			break
		}
		switch {
		case p.grade > 9:
			b[p.rank-1] = '>'
		case p.grade >= 0:
			b[p.rank-1] = '0' + byte(p.grade)
		default:
			b[p.rank-1] = '.'
		}
	}
	for _, k := range l.blocks {
		for rank := k.rank; rank < k.rank+k.size && int(rank) <= len(b); rank++ {
			b[rank-1] = '?'
		}
	}
	return string(b)
}
