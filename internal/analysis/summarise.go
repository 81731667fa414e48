package analysis

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/stats"
)

// summarise computes everything about an analysis but its claims.
func (g *grid) summarise() Analysis {
	a := Analysis{
		Name: g.analysis.Name, Retrieval: g.analysis.Retrieval, Measure: g.analysis.Measure, Baseline: g.analysis.Baseline,
		Facts:  g.facts(),
		Answer: []string{}, Effects: []Effect{}, Gains: []Gain{}, LeaveOut: []LeaveOut{}, Notes: []Note{},
	}
	if g.name != "" {
		a.Block, a.Condition = a.Name, g.name
		a.Name += ": " + g.name
	}
	s := g.sample(nil, nil, stats.EmpiricalLogit)
	raw := g.sample(nil, nil, nil)
	slopes := map[string]*quantity{}
	for _, f := range []string{RoleSize, RoleDiversity, RoleBudget} {
		if len(g.present(f)) < 2 {
			continue
		}
		e, q := g.effect(s, f)
		a.Effects = append(a.Effects, e)
		slopes[f] = q
	}
	size, div := slopes[RoleSize], slopes[RoleDiversity]
	if size != nil && div != nil && size.reason == "" && div.reason == "" {
		d := s.estimate(s.combine('-', s.ame(size), s.ame(div)))
		if d.OK {
			a.Difference = &d
		}
		a.Exchange = s.exchange(size, div)
		if i := s.estimate(s.interaction()); i.OK {
			q := raw.interaction()
			q.unit = unitMeasure
			r := raw.estimate(q)
			if r.OK {
				a.Interaction, a.InteractionRaw = &i, &r
			}
		}
	}
	base := g.pairBaseline()
	a.Gains = g.gains(s)
	a.Encoders = g.encoderMeans()
	a.Cells = g.cells(base)
	a.Margins = g.margins(base)
	a.Languages = g.languageResults(s, a.Effects, slopes, base)
	a.Draws = g.drawPoints()
	a.Curves = g.curves()
	a.LeaveOut = g.leaveOut(a.Effects)
	peers := g
	if g.peers != nil {
		peers = g.peers
	}
	all := peers.systemsOf()
	a.Systems = peers.systems(all)
	if a.Systems != nil {
		a.Systems.Main = !g.hasFactor()
	}
	a.Across = peers.acrossLanguages(all, a.Systems)
	a.Notes = g.notes(a)
	a.Answer = g.answer(a)
	return a
}

// heldFor returns what is held constant in the headline effect of a factor:
// the budget for diversity and diversity for the budget, and the size for
// both; size is compared within the cells of the others.
func (g *grid) heldFor(factor string) []string {
	var held []string
	for _, f := range []string{RoleSize, RoleDiversity, RoleBudget} {
		if f != factor && len(g.present(f)) > 0 {
			held = append(held, f)
		}
	}
	return held
}

func (g *grid) effect(s *sample, factor string) (Effect, *quantity) {
	held := g.heldFor(factor)
	q := s.slope(factor, held)
	e := Effect{Factor: factor, Held: held, Slope: s.estimate(q), AME: s.estimate(s.ame(q))}
	if e.Held == nil {
		e.Held = []string{}
	}
	if budgets := g.present(RoleBudget); factor != RoleBudget && len(budgets) > 1 {
		for _, b := range budgets {
			part := g.sample(func(r *run) bool { return r.budget == b }, nil, stats.EmpiricalLogit)
			pq := part.slope(factor, held)
			if pq.reason != "" {
				continue
			}
			at := BudgetEffect{Budget: g.budgets[b].label, Slope: part.estimate(pq), AME: part.estimate(part.ame(pq))}
			if at.AME.OK && at.AME.SE > 0 {
				at.Sentence = atBudget(at.Budget) + ", " + at.say(factor, g.analysis.Measure, g.margin())
			}
			e.ByBudget = append(e.ByBudget, at)
		}
	}
	return e, q
}

// exchange is 2 to the ratio of the slopes on diversity and size.
func (s *sample) exchange(size, div *quantity) *Exchange {
	n, d := s.estimate(size), s.estimate(div)
	sum := s.estimate(s.combine('+', size, div))
	if !n.OK || !d.OK || !sum.OK {
		return nil
	}
	cov := (float64(sum.SE*sum.SE) - float64(n.SE*n.SE) - float64(d.SE*d.SE)) / 2
	low, high, ok := stats.Fieller(d.Value, n.Value, d.SE*d.SE, n.SE*n.SE, cov, stats.TQuantile(0.975, min(n.DF, d.DF)))
	x := &Exchange{}
	// Beyond a thousandfold the ratio says nothing that a reader could use.
	if ok && n.Value > 0 && math.Abs(low) < 10 && math.Abs(high) < 10 {
		*x = Exchange{Bounded: true, Times: math.Exp2(d.Value / n.Value), Low: math.Exp2(low), High: math.Exp2(high)}
	}
	return x
}

func (g *grid) facts() Facts {
	f := Facts{
		Runs: g.countEncoders(g.trained), Languages: len(g.langs), Records: g.rows, Seeds: g.seeds,
		Unit: g.lineage.unit, UnitReason: g.lineage.reason, SharedSizes: g.lineage.shared, Nested: g.lineage.nested, SharedDraws: g.lineage.fixed,
		SizeConvention: "total", InferencePop: len(g.langs) >= minLanguages, ZeroShot: true, Balanced: true,
		Targets: []Target{}, Sizes: []SizeLevel{}, Diversities: []Level{}, Budgets: []Level{}, Draws: []string{}, Strata: []string{}, Encoders: []string{}, Trained: []string{}, Pools: []int{},
	}
	if g.nonEmbedding {
		f.SizeConvention = "non-embedding"
	}
	for l, code := range g.langs {
		f.Queries += g.queries[l]
		t := Target{Code: code, Queries: g.queries[l], Exposure: g.exposure(l)}
		f.Targets = append(f.Targets, t)
		f.ZeroShot = f.ZeroShot && t.Exposure == results.ExposureNone
	}
	for _, i := range g.present(RoleSize) {
		l := g.sizes[i]
		s := SizeLevel{Label: l.label, ParamsTotal: l.total, ParamsNonEmbed: l.nonEm, Params: l.total}
		if g.nonEmbedding {
			s.Params = l.nonEm
		}
		s.Log2 = log2OrZero(float64(s.Params))
		f.Sizes = append(f.Sizes, s)
	}
	for _, i := range g.present(RoleDiversity) {
		l := g.diversities[i]
		f.Diversities = append(f.Diversities, Level{Label: l.label, Value: l.value, Log2: log2OrZero(l.value), Count: l.count})
	}
	for _, i := range g.present(RoleBudget) {
		l := g.budgets[i]
		f.Budgets = append(f.Budgets, Level{Label: l.label, Value: l.value, Log2: log2OrZero(l.value), Count: l.count})
	}
	f.BudgetFixed = len(f.Budgets) < 2
	for _, d := range g.drawsOf(g.trained) {
		f.Draws = append(f.Draws, g.draws[d].label)
	}
	cells := map[string]int{}
	f.Strata, f.Averaged = append(f.Strata, g.strataOfTrained()...), g.averaged()
	for _, r := range g.trained {
		cells[cellKey(RoleSize, RoleDiversity, RoleBudget)(r)]++
		for _, sc := range r.scores {
			f.Balanced = f.Balanced && sc != nil
		}
	}
	for _, n := range cells {
		f.Balanced = f.Balanced && n == len(f.Draws)
	}
	for _, r := range g.runs {
		if !slices.Contains(f.Encoders, r.encoder) {
			f.Encoders = append(f.Encoders, r.encoder)
		}
		if r.kind == KindTrained && !slices.Contains(f.Trained, r.encoder) {
			f.Trained = append(f.Trained, r.encoder)
		}
		if r.kind == KindControl && !slices.Contains(f.Control, r.encoder) {
			f.Control = append(f.Control, r.encoder)
		}
		for _, sc := range r.scores {
			if sc != nil && !slices.Contains(f.Pools, sc.pool) {
				f.Pools = append(f.Pools, sc.pool)
			}
		}
	}
	slices.Sort(f.Pools)
	return f
}

func log2OrZero(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return math.Log2(v)
}

// exposure returns the worst exposure of a language over the trained runs; over
// all runs where the systems themselves are what is compared.
func (g *grid) exposure(l int) string {
	asked := g.trained
	if !g.hasFactor() {
		asked = g.runs
	}
	order := []string{"", results.ExposureNone, results.ExposureUnknown, results.ExposurePretraining, results.ExposureTuning}
	worst := 0
	for _, r := range asked {
		if sc := r.scores[l]; sc != nil {
			worst = max(worst, slices.Index(order, sc.exposure))
		}
	}
	if worst == 0 {
		return results.ExposureUnknown
	}
	return order[worst]
}

// mean is a mean over languages and draws with its 95 % half-width over draws,
// for these languages; half is 0 where there is one draw.
type mean struct {
	value, half float64
	low, high   float64
	byLang      []float64
	langHalf    []float64
	draws       int
	ok          bool
}

// meanOf averages the scores of some runs, first within draws. Languages
// without any score are left out; their entries are 0.
func (g *grid) meanOf(of []*run, other [][]*run) mean {
	if len(of) == 0 {
		return mean{}
	}
	s := g.sample(nil, nil, nil)
	q := s.means(of, other)
	if q.reason != "" {
		return mean{}
	}
	m := mean{value: q.value, byLang: make([]float64, len(g.langs)), langHalf: make([]float64, len(g.langs)), draws: q.units, ok: true}
	m.low, m.high = m.value, m.value
	var rows []float64
	for _, row := range q.byUnit {
		if v, ok := matrixMean([][]float64{row}, -1, -1); ok {
			rows = append(rows, v)
		}
	}
	m.half = halfOver(rows)
	m.low, m.high = m.value-m.half, m.value+m.half
	for l, v := range q.byLang {
		if math.IsNaN(v) {
			continue
		}
		m.byLang[l] = v
		var col []float64
		for _, row := range q.byUnit {
			if !math.IsNaN(row[l]) {
				col = append(col, row[l])
			}
		}
		m.langHalf[l] = halfOver(col)
	}
	return m
}

// halfOver is the 95 % half-width of the mean of independent values.
func halfOver(v []float64) float64 {
	n := float64(len(v))
	if n < 2 {
		return 0
	}
	return stats.TQuantile(0.975, n-1) * math.Sqrt(stats.Variance(v)/n)
}

// baselinePairs holds for each run the runs of the baseline of its shape.
type baselinePairs [][]*run

func (g *grid) pairBaseline() baselinePairs {
	out := make(baselinePairs, len(g.runs))
	if g.analysis.Baseline == "" {
		return out
	}
	base := selection{g.analysis.Baseline, func(r *run) bool { return r.encoder == g.analysis.Baseline }}
	left, right := g.pairUp(selection{"", func(r *run) bool { return r.encoder != g.analysis.Baseline }}, base)
	for i, r := range left {
		out[r.id] = right[i]
	}
	return out
}

// gain is the mean gain of some runs over the baseline, where all have one.
func (g *grid) gain(of []*run, base baselinePairs) mean {
	right := make([][]*run, len(of))
	for i, r := range of {
		if right[i] = base[r.id]; right[i] == nil {
			return mean{}
		}
	}
	return g.meanOf(of, right)
}

// comparedWith picks the runs that stand for no training: those of the baseline
// of the analysis, else the untrained ones of the same component, else any
// untrained. An encoder of another component, or a trained one, is called a
// baseline.
func (g *grid) comparedWith() (match func(*run) bool, kind string) {
	own := func(r *run) bool {
		return slices.ContainsFunc(g.trained, func(t *run) bool { return t.component == r.component })
	}
	untrained := func(r *run) bool { return r.kind == KindUntrained && own(r) }
	switch {
	case g.analysis.Baseline != "":
		match = func(r *run) bool { return r.encoder == g.analysis.Baseline }
	case slices.ContainsFunc(g.runs, untrained):
		match = untrained
	default:
		match = func(r *run) bool { return r.kind == KindUntrained }
	}
	if i := slices.IndexFunc(g.runs, match); i >= 0 && (g.runs[i].kind != KindUntrained || !own(g.runs[i])) {
		return match, KindBaseline
	}
	return match, KindUntrained
}

// gains compares trained, control and untrained, per budget.
func (g *grid) gains(s *sample) []Gain {
	out := []Gain{}
	inBase, base := g.comparedWith()
	budgets := g.present(RoleBudget)
	if len(budgets) < 2 {
		budgets = []int{-1}
	}
	for _, b := range budgets {
		at := func(sel selection) selection {
			return selection{sel.text, func(r *run) bool { return sel.match(r) && (b < 0 || r.budget < 0 || r.budget == b) }}
		}
		trained := at(kindSelection(KindTrained))
		control := at(kindSelection(KindControl))
		untrained := at(selection{base, inBase})
		for _, c := range []struct {
			a, b  selection
			kinds [2]string
		}{
			{trained, untrained, [2]string{KindTrained, base}},
			{trained, control, [2]string{KindTrained, KindControl}},
			{control, untrained, [2]string{KindControl, base}},
		} {
			left, right := g.pairUp(c.a, c.b)
			if len(left) == 0 {
				continue
			}
			e := s.estimate(s.means(left, right))
			gn := Gain{A: c.kinds[0], B: c.kinds[1], Pairs: g.countEncoders(left), Gain: e, MeanA: g.meanOf(left, nil).value, Where: g.where(left, c.a)}
			gn.MeanB = gn.MeanA - e.Value
			if b >= 0 {
				gn.Budget = g.budgets[b].label
			}
			if !g.standIns { // systems that nothing was trained for are compared as such
				gn.Sentence = gainSentence(gn, g.analysis.Measure)
			}
			out = append(out, gn)
		}
	}
	return out
}

// where names the part of the grid that was paired, empty where it is all that
// the selection picks.
func (g *grid) where(of []*run, sel selection) string {
	n := 0
	for _, r := range g.runs {
		if sel.match(r) {
			n++
		}
	}
	if n == len(of) {
		return ""
	}
	var parts []string
	for _, f := range []string{RoleSize, RoleDiversity} {
		var labels []string
		for i, l := range g.levelsOf(f) {
			if slices.ContainsFunc(of, func(r *run) bool { return r.level(f) == i }) {
				labels = append(labels, l.label)
			}
		}
		if len(labels) > 0 && len(labels) < len(g.present(f)) {
			parts = append(parts, f+" "+list(labels))
		}
	}
	return strings.Join(parts, ", ")
}

func (g *grid) encoderMeans() []EncoderMean {
	out := []EncoderMean{}
	var names []string
	for _, r := range g.runs {
		if !slices.Contains(names, r.encoder) {
			names = append(names, r.encoder)
		}
	}
	for _, n := range names {
		for _, kind := range []string{KindTrained, KindControl, KindBaseline, KindUntrained} {
			var of []*run
			for _, r := range g.runs {
				if r.encoder == n && r.kind == kind {
					of = append(of, r)
				}
			}
			if m := g.meanOf(of, nil); m.ok {
				out = append(out, EncoderMean{Encoder: n, Kind: kind, Runs: g.countEncoders(of), Mean: m.value, Half: m.half})
			}
		}
	}
	return out
}

// labelOf returns the label of a level, empty where there is none.
func labelOf(levels []level, i int) string {
	if i < 0 {
		return ""
	}
	return levels[i].label
}

func (g *grid) cells(base baselinePairs) []CellStat {
	out := []CellStat{}
	type key struct {
		encoder, kind, stratum  string
		budget, diversity, size int
	}
	groups := map[key][]*run{}
	var order []key
	for _, r := range g.runs {
		k := key{r.encoder, r.kind, r.stratum, r.budget, r.diversity, r.size}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	kinds := []string{KindTrained, KindControl, KindBaseline, KindUntrained}
	slices.SortStableFunc(order, func(a, b key) int {
		for _, d := range []int{
			slices.Index(kinds, a.kind) - slices.Index(kinds, b.kind), g.encoderPlace(a.encoder) - g.encoderPlace(b.encoder),
			strings.Compare(a.stratum, b.stratum), a.budget - b.budget, a.diversity - b.diversity, a.size - b.size,
		} {
			if d != 0 {
				return d
			}
		}
		return 0
	})
	for _, k := range order {
		of := groups[k]
		m := g.meanOf(of, nil)
		if !m.ok {
			continue
		}
		c := CellStat{
			Kind: k.kind, Encoder: k.encoder, Stratum: k.stratum,
			Size: labelOf(g.sizes, k.size), Diversity: labelOf(g.diversities, k.diversity), Budget: labelOf(g.budgets, k.budget),
			Draws: m.draws, Mean: m.value, Half: m.half, Low: m.low, High: m.high, PerLanguage: m.byLang, PerLanguageHalf: m.langHalf,
			Params: of[0].params(g.nonEmbedding),
		}
		for _, r := range of {
			c.Hill1 += r.lin.Hill1 / float64(len(of))
			c.Pairs += float64(r.lin.Pairs) / float64(len(of))
		}
		if d := g.gain(of, base); d.ok {
			c.HasGain, c.Gain, c.GainHalf, c.PerLanguageGain, c.PerLanguageGainHalf = true, d.value, d.half, d.byLang, d.langHalf
		}
		out = append(out, c)
	}
	return out
}

// margins gives the means per value of each axis that trained runs have.
func (g *grid) margins(base baselinePairs) []AxisStat {
	out := []AxisStat{}
	for _, a := range g.design.Axes {
		if a.Role == RoleTarget {
			continue
		}
		for _, v := range a.Labels {
			var of []*run
			for _, r := range g.trained {
				if slices.Contains(r.axes, label{a.Name, v}) {
					of = append(of, r)
				}
			}
			m := g.meanOf(of, nil)
			if !m.ok {
				continue
			}
			st := AxisStat{Axis: a.Name, Role: a.Role, Label: v, Runs: g.countEncoders(of), Mean: m.value, Half: m.half}
			if d := g.gain(of, base); d.ok {
				st.HasGain, st.Gain = true, d.value
			}
			out = append(out, st)
		}
	}
	return out
}

func (g *grid) languageResults(s *sample, effects []Effect, slopes map[string]*quantity, base baselinePairs) []LanguageResult {
	m, d := g.meanOf(g.trained, nil), g.gain(g.trained, base)
	out := make([]LanguageResult, len(g.langs))
	for l, code := range g.langs {
		r := LanguageResult{Code: code, Queries: g.queries[l], Exposure: g.exposure(l), Effects: []LanguageEffect{}}
		if m.ok {
			r.Mean, r.Half = m.byLang[l], m.langHalf[l]
		}
		if d.ok {
			r.HasGain, r.Gain, r.GainHalf = true, d.byLang[l], d.langHalf[l]
			r.Baseline = r.Mean - r.Gain
		}
		for _, e := range effects {
			if q := slopes[e.Factor]; q != nil && q.reason == "" && !math.IsNaN(q.byLang[l]) {
				r.Effects = append(r.Effects, s.languageEffect(l, q, e))
			}
		}
		out[l] = r
	}
	slices.SortStableFunc(out, func(a, b LanguageResult) int {
		switch {
		case a.Mean > b.Mean:
			return -1
		case a.Mean < b.Mean:
			return 1
		}
		return strings.Compare(a.Code, b.Code)
	})
	return out
}

// languageEffect is an effect in one language: its own, and drawn towards the
// mean by the share of the differences between languages that is noise.
func (s *sample) languageEffect(l int, q *quantity, e Effect) LanguageEffect {
	b := q.byLang[l]
	// The change of the measure per unit of slope, at the levels of this
	// language: the derivative is a good enough factor for limits.
	at := func(b float64) float64 {
		var sum, n float64
		for i := range s.runs {
			if y := s.y[i][l]; !math.IsNaN(y) {
				sum += stats.Expit(y+b) - stats.Expit(y)
				n++
			}
		}
		return sum / n
	}
	half := 0.0
	if q.byUnit != nil {
		var col []float64
		for _, row := range q.byUnit {
			if !math.IsNaN(row[l]) {
				col = append(col, row[l])
			}
		}
		half = halfOver(col)
	} else if basis, p := s.residualBasis(); float64(len(s.runs)) > p && !q.missing {
		col := make([]float64, len(s.runs))
		for i := range col {
			col[i] = s.y[i][l]
		}
		res := basis.Leftover(col)
		df := float64(len(s.runs)) - p
		var rss, h float64
		for i := range res {
			rss += float64(res[i] * res[i])
			h += float64(q.w[i] * q.w[i])
		}
		half = stats.TQuantile(0.975, df) * math.Sqrt(rss/df*h)
	}
	keep := 1.0
	if e.Slope.VarLanguage > 0 {
		keep = max(0, 1-e.Slope.VarRest/e.Slope.VarLanguage)
	}
	shrunk := q.value + float64(keep*(b-q.value))
	return LanguageEffect{
		Factor: e.Factor, Slope: b, SlopeLow: b - half, SlopeHigh: b + half,
		AME: at(b), AMELow: at(b - half), AMEHigh: at(b + half), ShrunkSlope: shrunk, ShrunkAME: at(shrunk),
	}
}

func (g *grid) drawPoints() []DrawPoint {
	out := make([]DrawPoint, 0, len(g.runs))
	for _, r := range g.runs {
		p := DrawPoint{
			Kind: r.kind, Encoder: r.encoder, Stratum: r.stratum, Size: labelOf(g.sizes, r.size), Diversity: labelOf(g.diversities, r.diversity),
			Budget: labelOf(g.budgets, r.budget), Draw: labelOf(g.draws, r.draw),
			Params: r.params(g.nonEmbedding), Hill1: r.lin.Hill1, Pairs: float64(r.lin.Pairs),
			PerLanguage: make([]float64, len(g.langs)),
		}
		n := 0.0
		for l, sc := range r.scores {
			if sc == nil {
				p.Cells = append(p.Cells, "")
				continue
			}
			p.Cells = append(p.Cells, sc.cell)
			p.PerLanguage[l] = sc.mean
			p.Mean += sc.mean
			n++
		}
		p.Mean /= n
		out = append(out, p)
	}
	return out
}

// curveSteps is how many points a curve has: enough to look smooth.
const curveSteps = 25

// curves fits, within each level of the other factors, a straight line on the
// log-odds to each draw (or to all runs) and averages over languages.
func (g *grid) curves() []Curve {
	out := []Curve{}
	for _, factor := range []string{RoleSize, RoleDiversity} {
		if len(g.present(factor)) < 2 {
			continue
		}
		other := RoleDiversity
		if factor == RoleDiversity {
			other = RoleSize
		}
		levels, budgets := g.present(other), g.present(RoleBudget)
		if len(levels) == 0 {
			levels = []int{-1}
		}
		if len(budgets) == 0 {
			budgets = []int{-1}
		}
		for _, stratum := range g.strataOfTrained() {
			for _, b := range budgets {
				for _, o := range levels {
					var of []*run
					for _, r := range g.trained {
						if r.stratum == stratum && r.level(other) == o && r.budget == b && (factor == RoleSize || r.lin.Hill1 > 0) {
							of = append(of, r)
						}
					}
					pts := g.curve(of, factor)
					if pts == nil {
						continue
					}
					c := Curve{X: factor, Stratum: stratum, Budget: labelOf(g.budgets, b), Points: pts}
					if factor == RoleSize {
						c.Diversity = labelOf(g.diversities, o)
					} else {
						c.Size = labelOf(g.sizes, o)
					}
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// averaged says what differs among the trained runs beside size, diversity and
// budget, so that effects are means over it.
func (g *grid) averaged() []string {
	var out []string
	add := func(what string, of func(*run) string) {
		var values []string
		for _, r := range g.trained {
			if v := of(r); v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) > 1 {
			out = append(out, what+" = "+strings.Join(values, ", "))
		}
	}
	add("encoder", func(r *run) string { return r.component })
	add("candidates", func(r *run) string {
		if r.pool == 0 {
			return ""
		}
		return strconv.Itoa(r.pool)
	})
	for _, a := range g.design.Axes {
		if a.Role == RoleFactor || a.Role == "" {
			add(a.Name, func(r *run) string {
				for _, x := range r.axes {
					if x.axis == a.Name {
						return x.value
					}
				}
				return ""
			})
		}
	}
	return out
}

// strataOfTrained lists the strata of the trained runs in their order.
func (g *grid) strataOfTrained() []string {
	var out []string
	for _, r := range g.trained {
		if !slices.Contains(out, r.stratum) {
			out = append(out, r.stratum)
		}
	}
	return out
}

func (g *grid) curve(of []*run, factor string) []CurvePoint {
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range of {
		low, high = min(low, g.x(r, factor)), max(high, g.x(r, factor))
	}
	if !(high-low > 1e-9) {
		return nil
	}
	// One line per draw and language; where a draw has only one point, its
	// level moves the common line.
	draws := g.drawsOf(of)
	pts := make([]CurvePoint, curveSteps+1)
	for k := range pts {
		x := low + (high-low)*float64(k)/curveSteps
		var vals []float64
		for _, d := range draws {
			var sum, n float64
			for l := range g.langs {
				if v, ok := g.line(of, d, l, factor, x); ok {
					sum += v
					n++
				}
			}
			if n > 0 {
				vals = append(vals, sum/n)
			}
		}
		if len(vals) == 0 {
			return nil
		}
		y := stats.Mean(vals)
		h := halfOver(vals)
		pts[k] = CurvePoint{X: math.Exp2(x), Y: y, Low: max(0, y-h), High: min(1, y+h)}
	}
	return pts
}

// line is the fitted mean at x of one draw in one language: a straight line on
// the empirical log-odds, taken back to the measure with the half success that
// those add, so that a line through two points meets their means.
func (g *grid) line(of []*run, draw, l int, factor string, at float64) (float64, bool) {
	var n, sx, sy, sxx, sxy, queries float64
	for _, r := range of {
		sc := r.scores[l]
		if r.draw != draw || sc == nil {
			continue
		}
		x, y := g.x(r, factor)-at, stats.EmpiricalLogit(sc.mean, len(sc.values))
		n++
		queries += float64(len(sc.values))
		sx += x
		sy += y
		sxx += float64(x * x)
		sxy += float64(x * y)
	}
	det := float64(n*sxx) - float64(sx*sx)
	if n < 2 || !(det > 1e-9) {
		return 0, false
	}
	queries /= n
	m := (float64(stats.Expit((float64(sy*sxx)-float64(sx*sxy))/det)*(queries+1)) - 0.5) / queries
	return min(1, max(0, m)), true
}

// leaveOut shows how the headline effects change without one part.
func (g *grid) leaveOut(effects []Effect) []LeaveOut {
	out := []LeaveOut{}
	try := func(kind, label string, e Effect, keep func(*run) bool, langs []int) {
		s := g.sample(keep, langs, stats.EmpiricalLogit)
		q := s.ame(s.slope(e.Factor, e.Held))
		if q.reason == "" {
			out = append(out, LeaveOut{Kind: kind, Label: label, Factor: e.Factor, AME: q.value, Change: q.value - e.AME.Value})
		}
	}
	for _, e := range effects {
		if !e.AME.OK {
			continue
		}
		if len(g.langs) > 1 {
			for skip := range g.langs {
				var langs []int
				for l := range g.langs {
					if l != skip {
						langs = append(langs, l)
					}
				}
				try("language", g.langs[skip], e, nil, langs)
			}
		}
		if draws := g.drawsOf(g.trained); len(draws) > 1 {
			for _, d := range draws {
				try("draw", g.draws[d].label, e, func(r *run) bool { return r.draw != d }, nil)
			}
		}
		for _, f := range []string{RoleSize, RoleDiversity} {
			if levels := g.present(f); len(levels) > 2 {
				last := levels[len(levels)-1]
				try(f, labelOf(g.levelsOf(f), last), e, func(r *run) bool { return r.level(f) != last }, nil)
			}
		}
	}
	return out
}

// answer writes the sentences that answer the question of the study.
func (g *grid) answer(a Analysis) []string {
	out := []string{}
	bySystems := a.Systems != nil && a.Systems.Main
	if bySystems {
		out = append(a.Systems.say(a.Measure), gapSentences(a.Across)...)
	}
	where := "in languages it was never trained on"
	if !a.Facts.ZeroShot {
		where = "in these languages"
		if a.Facts.InferencePop {
			where = "in languages like these"
		}
	}
	margin := g.margin()
	first := true
	for _, e := range a.Effects {
		if !e.AME.OK || e.AME.SE == 0 {
			if e.AME.Reason != "" {
				out = append(out, unknownEffect(e))
			}
			continue
		}
		out = append(out, effectSentence(e, a.Measure, where, first, margin))
		first = false
		if e.Factor == RoleDiversity && a.Difference != nil && a.Difference.SE > 0 {
			out = append(out, differenceSentence(*a.Difference, margin))
		}
	}
	if t, _ := interactionSentence(a.Interaction, a.InteractionRaw); t != "" {
		out = append(out, t)
	}
	out = append(out, budgetSentences(a.Effects)...)
	if a.Exchange != nil {
		within := fmt.Sprintf("%s to %s parameters", amount(float64(a.Facts.Sizes[0].Params)), amount(float64(a.Facts.Sizes[len(a.Facts.Sizes)-1].Params)))
		if n := len(a.Facts.Diversities); n > 1 {
			within += fmt.Sprintf(" and %s to %s languages", trim(a.Facts.Diversities[0].Value), trim(a.Facts.Diversities[n-1].Value))
		}
		out = append(out, exchangeSentence(*a.Exchange, within))
	}
	if bySystems {
		out = append(out, a.Systems.scope())
	} else {
		out = append(out, scopeSentence(a.Facts))
	}
	if a.Condition != "" {
		out[0] = "With " + a.Condition + ": " + lower(out[0])
	}
	return out
}

// margin is the smallest change of the measure that its claims call one that
// matters, 0 where none does.
func (g *grid) margin() float64 {
	var m float64
	for _, c := range g.design.Claims {
		if c.Analysis != "" && c.Analysis != g.analysis.Name || c.Margin <= 0 {
			continue
		}
		inMeasure := false
		for _, e := range []Expr{c.Left, c.Right} {
			for _, call := range calls(e) {
				inMeasure = inMeasure || call.Name == "ame"
			}
		}
		if inMeasure && (m == 0 || c.Margin < m) {
			m = c.Margin
		}
	}
	return m
}
