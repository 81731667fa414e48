package analysis

import (
	"fmt"
	"math"
	"slices"

	"github.com/xlrun/xlrun/internal/stats"
)

// Units of an estimate.
const (
	unitLogOdds = "log-odds"
	unitMeasure = "measure"
	unitRatio   = "ratio"
)

// link turns the mean of q values into the scale on which effects are linear.
type link func(mean float64, q int) float64

// sample is what one estimate is computed from: trained runs × languages on
// some scale.
type sample struct {
	g     *grid
	runs  []*run
	langs []int
	raw   bool        // on the measure itself
	draws []int       // the units, where these are draws
	y     [][]float64 // runs × langs, NaN where missing
}

// sample takes the trained runs that keep keeps, in some languages; nil for
// all. Without a scale it stays on the measure itself.
func (g *grid) sample(keep func(*run) bool, langs []int, scale link) *sample {
	s := &sample{g: g, langs: langs, raw: scale == nil}
	if langs == nil {
		for l := range g.langs {
			s.langs = append(s.langs, l)
		}
	}
	for _, r := range g.trained {
		if keep == nil || keep(r) {
			s.runs = append(s.runs, r)
		}
	}
	s.draws = g.drawsOf(s.runs)
	s.y = make([][]float64, len(s.runs))
	for i, r := range s.runs {
		s.y[i] = make([]float64, len(s.langs))
		for j, l := range s.langs {
			s.y[i][j] = math.NaN()
			if sc := r.scores[l]; sc != nil {
				s.y[i][j] = sc.mean
				if scale != nil {
					s.y[i][j] = scale(sc.mean, len(sc.values))
				}
			}
		}
	}
	return s
}

// quantity is an estimate on its way: a value, how it depends on units and
// languages, and how to compute it without some of them.
type quantity struct {
	value    float64
	unit     string // Unit* of the value
	reason   string // why there is none
	detail   string // the same in a sentence, where the reason alone does not say it
	constant bool

	// byUnit[u][l] averages to value: what unit u in language l would say of
	// it, to first order. Where runs are independent there is byLang and w
	// instead: value is the mean of byLang, and w are the weights of the runs.
	byUnit [][]float64
	rows   []int // which of the sample's draws the rows of byUnit are
	byLang []float64
	w      []float64

	logitW, rawW []float64 // weights of all runs of the grid, for the noise of queries

	runs    int  // encoders that it rests on
	missing bool // some unit has no value in some language
	units   int
	lost    float64 // degrees of freedom that the functional uses up among units
	// without computes the value leaving out a unit and a language, −1 for none.
	without func(unit, lang int) (float64, bool)
}

func noQuantity(reason string) *quantity { return &quantity{reason: reason} }

// factorKey is a design factor with one dummy per value.
type factorKey func(*run) string

// weights returns the weights of the least-squares slope on x, given dummies
// and what stands beside it, of the runs for which use is true; nil where x is not told apart from them.
// The weights have the length of runs, zero where not used.
func weights(runs []*run, use func(i int) bool, x func(*run) float64, beside []func(*run) float64, dummies []factorKey) []float64 {
	var idx []int
	for i := range runs {
		if use == nil || use(i) {
			idx = append(idx, i)
		}
	}
	if len(idx) < 2 {
		return nil
	}
	b := stats.NewBasis(len(idx))
	addDummies(b, idx, runs, dummies)
	for _, f := range beside {
		col := make([]float64, len(idx))
		for k, i := range idx {
			col[k] = f(runs[i])
		}
		b.Add(col)
	}
	// Centred first, or rounding of a large constant would hide that x is flat.
	col := make([]float64, len(idx))
	for k, i := range idx {
		col[k] = x(runs[i])
	}
	centre(col)
	var length float64
	for _, v := range col {
		length = max(length, math.Abs(v))
	}
	if length < 1e-9 {
		return nil
	}
	w := b.SlopeWeights(col)
	if w == nil {
		return nil
	}
	out := make([]float64, len(runs))
	for k, i := range idx {
		out[i] = w[k]
	}
	return out
}

func addDummies(b *stats.Basis, idx []int, runs []*run, dummies []factorKey) {
	one := make([]float64, len(idx))
	for k := range one {
		one[k] = 1
	}
	b.Add(one)
	for _, key := range dummies {
		var values []string
		for _, i := range idx {
			if v := key(runs[i]); !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) < 2 {
			continue
		}
		for _, v := range values {
			col := make([]float64, len(idx))
			for k, i := range idx {
				if key(runs[i]) == v {
					col[k] = 1
				}
			}
			b.Add(col)
		}
	}
}

func centre(col []float64) {
	m := stats.Mean(col)
	for i := range col {
		col[i] -= m
	}
}

// cellKey tells runs apart by stratum and by the levels of some factors.
func cellKey(factors ...string) factorKey {
	return func(r *run) string {
		k := r.stratum
		for _, f := range factors {
			k += fmt.Sprintf("|%d", r.level(f))
		}
		return k
	}
}

// models returns the dummies with which the effect of a factor is estimated,
// best first. What is held must be in all of them. Beside that, size and
// diversity are compared within the levels of the others where the grid
// allows it; but a budget that is not held is left free, for then the effect
// of diversity is meant with the pairs that come with it.
func models(factor string, held []string) [][]factorKey {
	full := slices.Clone(held)
	for _, f := range []string{RoleSize, RoleDiversity, RoleBudget} {
		if f != factor && !slices.Contains(full, f) && (factor == RoleSize || f == RoleSize) {
			full = append(full, f)
		}
	}
	out := [][]factorKey{{cellKey(full...)}}
	if len(full) > len(held) {
		out = append(out, []factorKey{cellKey(held...)})
	}
	return out
}

// slope is the mean slope of the scale on log2 of a factor, over languages and
// units.
//
// Levels of diversity at which every draw trains on the same languages were
// not repeated: how many they are cannot be told from which they are, and
// they are left out of its effect.
func (s *sample) slope(factor string, held []string) *quantity {
	q := s.linear(s.usable(factor), func(r *run) float64 { return s.g.x(r, factor) }, nil, models(factor, held))
	if q.reason == ReasonNoData && factor == RoleDiversity && len(s.g.lineage.single) > 0 {
		q.reason = ReasonNotSeparable
	}
	return q
}

// usable says which runs speak of a factor.
func (s *sample) usable(factor string) func(*run) bool {
	if factor != RoleDiversity {
		return func(*run) bool { return true }
	}
	return func(r *run) bool { return r.lin.Hill1 > 0 && !s.g.lineage.single[[2]int{r.diversity, r.budget}] }
}

// bend is the coefficient of the square of a factor, centred, beside the
// factor itself: what a straight line misses.
func (s *sample) bend(factor string, held []string) *quantity {
	keep := s.usable(factor)
	var mean, n float64
	for _, r := range s.runs {
		if keep(r) {
			mean += s.g.x(r, factor)
			n++
		}
	}
	mean /= n
	x := func(r *run) float64 { return s.g.x(r, factor) - mean }
	return s.linear(keep, func(r *run) float64 { return x(r) * x(r) }, []func(*run) float64{x}, models(factor, held))
}

// interaction is the change of the slope on diversity with a doubling of the
// size.
func (s *sample) interaction() *quantity {
	var n, d float64
	for _, r := range s.runs {
		n += s.g.x(r, RoleSize) / float64(len(s.runs))
		d += s.g.x(r, RoleDiversity) / float64(len(s.runs))
	}
	return s.linear(s.usable(RoleDiversity),
		func(r *run) float64 { return (s.g.x(r, RoleSize) - n) * (s.g.x(r, RoleDiversity) - d) }, nil,
		[][]factorKey{{cellKey(RoleSize, RoleBudget), cellKey(RoleDiversity, RoleBudget)}})
}

// linear is the coefficient of x in the first of several models that tells it
// apart from the dummies in most units.
func (s *sample) linear(keep func(*run) bool, x func(*run) float64, beside []func(*run) float64, models [][]factorKey) *quantity {
	if len(s.runs) == 0 || len(s.langs) == 0 {
		return noQuantity(ReasonNoData)
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range s.runs {
		if keep(r) {
			low, high = min(low, x(r)), max(high, x(r))
		}
	}
	if !(high-low > 1e-9) {
		return noQuantity(ReasonNoData)
	}
	if s.g.lineage.unit != unitDraw {
		return s.linearRuns(keep, x, beside, models)
	}
	var best [][]float64
	for _, m := range models {
		got := s.drawWeights(keep, x, beside, m)
		if countSet(got) > countSet(best) {
			best = got
		}
	}
	if countSet(best) == 0 {
		return noQuantity(ReasonNotSeparable)
	}
	return s.linearDraws(keep, x, beside, best, models)
}

func countSet(w [][]float64) (n int) {
	for _, v := range w {
		if v != nil {
			n++
		}
	}
	return n
}

// drawWeights returns the weights of a slope within each draw.
func (s *sample) drawWeights(keep func(*run) bool, x func(*run) float64, beside []func(*run) float64, m []factorKey) [][]float64 {
	out := make([][]float64, len(s.draws))
	for u, d := range s.draws {
		out[u] = weights(s.runs, func(i int) bool { return s.runs[i].draw == d && keep(s.runs[i]) }, x, beside, m)
	}
	return out
}

// linearDraws averages slopes within draws: what a draw shares cancels, and
// how draws differ is seen from one to the next.
func (s *sample) linearDraws(keep func(*run) bool, x func(*run) float64, beside []func(*run) float64, w [][]float64, models [][]factorKey) *quantity {
	q := &quantity{unit: unitLogOdds, lost: 1, logitW: make([]float64, len(s.g.runs))}
	var used []*run
	for u, d := range s.draws {
		if w[u] == nil {
			q.missing = true
			continue
		}
		row := make([]float64, len(s.langs))
		for l := range s.langs {
			wl := w[u]
			if s.gap(wl, l) {
				q.missing = true
				wl = nil
				for _, m := range models {
					if wl = weights(s.runs, func(i int) bool {
						return s.runs[i].draw == s.draws[u] && keep(s.runs[i]) && !math.IsNaN(s.y[i][l])
					}, x, beside, m); wl != nil {
						break
					}
				}
			}
			row[l] = math.NaN()
			if wl != nil {
				row[l] = 0
				for i, v := range wl {
					if v != 0 {
						row[l] += float64(v * s.y[i][l])
					}
				}
			}
		}
		q.byUnit = append(q.byUnit, row)
		q.rows = append(q.rows, u)
		for i, v := range w[u] {
			if v != 0 {
				q.logitW[s.runs[i].id] += v
			}
		}
		// The middle of three levels has no weight and is in the fit all the same.
		for _, r := range s.runs {
			if r.draw == d && keep(r) {
				used = append(used, r)
			}
		}
	}
	q.units, q.runs = len(q.byUnit), s.g.countEncoders(used)
	for i := range q.logitW {
		q.logitW[i] /= float64(q.units)
	}
	q.finish()
	return q
}

// gap says whether a run that has weight has no score in a language.
func (s *sample) gap(w []float64, l int) bool {
	for i, v := range w {
		if v != 0 && math.IsNaN(s.y[i][l]) {
			return true
		}
	}
	return false
}

// finish sets what follows from byUnit: the value, the means of languages, and
// how both are computed without a part.
func (q *quantity) finish() {
	m := q.byUnit
	incomplete := false
	for _, row := range m {
		for _, v := range row {
			incomplete = incomplete || math.IsNaN(v)
		}
	}
	q.missing = q.missing || incomplete
	q.byLang = columnMeans(m, -1)
	q.without = func(unit, lang int) (float64, bool) { return matrixMean(m, unit, lang) }
	var ok bool
	if q.value, ok = q.without(-1, -1); !ok {
		q.reason = ReasonNoData
	}
}

// matrixMean is the mean over languages of the means over units, without one
// of each; values that are missing are left out.
func matrixMean(m [][]float64, unit, lang int) (float64, bool) {
	cols := columnMeans(m, unit)
	var sum, n float64
	for l, v := range cols {
		if l != lang && !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / n, n > 0
}

func columnMeans(m [][]float64, unit int) []float64 {
	if len(m) == 0 {
		return nil
	}
	out := make([]float64, len(m[0]))
	for l := range out {
		var sum, n float64
		for u := range m {
			if v := m[u][l]; u != unit && !math.IsNaN(v) {
				sum += v
				n++
			}
		}
		out[l] = sum / n // NaN where there is none
	}
	return out
}

// linearRuns is the slope where each run counts by itself.
func (s *sample) linearRuns(keep func(*run) bool, x func(*run) float64, beside []func(*run) float64, models [][]factorKey) *quantity {
	at := func(skip, lang int) []float64 {
		for _, m := range models {
			if w := weights(s.runs, func(i int) bool {
				return i != skip && keep(s.runs[i]) && (lang < 0 || !math.IsNaN(s.y[i][lang]))
			}, x, beside, m); w != nil {
				return w
			}
		}
		return nil
	}
	w := at(-1, -1)
	if w == nil {
		return noQuantity(ReasonNotSeparable)
	}
	q := &quantity{unit: unitLogOdds, w: w, logitW: make([]float64, len(s.g.runs)), units: len(s.runs)}
	_, q.lost = s.residualBasis()
	for i, v := range w {
		q.logitW[s.runs[i].id] = v
	}
	var used []*run
	for _, r := range s.runs {
		if keep(r) {
			used = append(used, r)
		}
	}
	q.runs = s.g.countEncoders(used)
	for l := range s.langs {
		q.missing = q.missing || s.gap(w, l)
	}
	slopes := func(skip int) []float64 {
		out := make([]float64, len(s.langs))
		shared := at(skip, -1)
		for l := range s.langs {
			wl := shared
			if wl != nil && s.gap(wl, l) {
				wl = at(skip, l)
			}
			out[l] = math.NaN()
			if wl == nil {
				continue
			}
			out[l] = 0
			for i, v := range wl {
				if v != 0 {
					out[l] += float64(v * s.y[i][l])
				}
			}
		}
		return out
	}
	q.byLang = slopes(-1)
	kept := map[int][]float64{-1: q.byLang}
	q.without = func(unit, lang int) (float64, bool) {
		b, ok := kept[unit]
		if !ok {
			b = slopes(unit)
			kept[unit] = b
		}
		return matrixMean([][]float64{b}, -1, lang)
	}
	var ok bool
	if q.value, ok = q.without(-1, -1); !ok {
		return noQuantity(ReasonNoData)
	}
	return q
}

// residualBasis is the model whose residuals say how much runs scatter. Where
// cells are repeated often enough it has one mean per cell, so that no wrong
// form enters; else it is linear in the factors and a lack of fit counts as
// scatter. It returns the number of columns too.
func (s *sample) residualBasis() (*stats.Basis, float64) {
	idx := make([]int, len(s.runs))
	for i := range idx {
		idx[i] = i
	}
	cells := stats.NewBasis(len(s.runs))
	addDummies(cells, idx, s.runs, []factorKey{cellKey(RoleSize, RoleDiversity, RoleBudget)})
	if len(s.runs)-cells.Rank() >= pureErrorDF {
		return cells, float64(cells.Rank())
	}
	b := stats.NewBasis(len(s.runs))
	addDummies(b, idx, s.runs, []factorKey{cellKey()})
	for _, f := range []string{RoleSize, RoleDiversity, RoleBudget} {
		col := make([]float64, len(s.runs))
		for i, r := range s.runs {
			col[i] = s.g.x(r, f)
			if math.IsInf(col[i], 0) || math.IsNaN(col[i]) {
				col[i] = 0
			}
		}
		centre(col)
		var length float64
		for _, v := range col {
			length = max(length, math.Abs(v))
		}
		if length > 1e-9 {
			b.Add(col)
		}
	}
	return b, float64(b.Rank())
}

// pureErrorDF is how many degrees of freedom within cells are enough to use
// them alone: with 10, the t quantile is within 14 % of the normal's.
const pureErrorDF = 10

// ame turns a slope into the mean change of the measure with one doubling,
// over runs and languages: σ(y+β) − σ(y) at every run's own level.
func (s *sample) ame(slope *quantity) *quantity {
	if slope.reason != "" {
		return slope
	}
	at := func(b float64, unit, lang int) (value, steep float64, ok bool) {
		var n float64
		for i := range s.runs {
			if unit >= 0 && s.inUnit(slope, unit, i) {
				continue
			}
			for l, y := range s.y[i] {
				if l == lang || math.IsNaN(y) {
					continue
				}
				value += stats.Expit(y+b) - stats.Expit(y)
				steep += stats.ExpitSlope(y + b)
				n++
			}
		}
		return value / n, steep / n, n > 0
	}
	q := *slope
	q.unit = unitMeasure
	b := slope.value
	var steep float64
	var ok bool
	if q.value, steep, ok = at(b, -1, -1); !ok {
		return noQuantity(ReasonNoData)
	}
	own := func(unit, l int) float64 { // the mean change of one language, in one unit, at the common slope
		var sum, n float64
		for i := range s.runs {
			if y := s.y[i][l]; !math.IsNaN(y) && (unit < 0 || s.inUnit(slope, unit, i)) {
				sum += stats.Expit(y+b) - stats.Expit(y)
				n++
			}
		}
		return sum / n
	}
	q.byLang = make([]float64, len(s.langs))
	for l := range s.langs {
		q.byLang[l] = float64(steep*(slope.byLang[l]-b)) + own(-1, l)
	}
	if slope.byUnit != nil && !slope.missing {
		q.byUnit = make([][]float64, len(slope.byUnit))
		for u := range q.byUnit {
			q.byUnit[u] = make([]float64, len(s.langs))
			for l := range s.langs {
				q.byUnit[u][l] = float64(steep*(slope.byUnit[u][l]-b)) + own(u, l)
			}
		}
	}
	q.w = scaled(slope.w, steep)
	q.logitW = scaled(slope.logitW, steep)
	q.without = func(unit, lang int) (float64, bool) {
		b, ok := slope.without(unit, lang)
		if !ok {
			return 0, false
		}
		v, _, ok := at(b, unit, lang)
		return v, ok
	}
	return &q
}

// inUnit says whether a run belongs to a unit of a quantity.
func (s *sample) inUnit(q *quantity, unit, i int) bool {
	if q.rows == nil {
		return i == unit
	}
	return s.runs[i].draw == s.draws[q.rows[unit]]
}

func scaled(w []float64, f float64) []float64 {
	if w == nil {
		return nil
	}
	out := make([]float64, len(w))
	for i, v := range w {
		out[i] = f * v
	}
	return out
}

// estimate gives a quantity its uncertainty.
func (s *sample) estimate(q *quantity) Estimate {
	e := Estimate{Unit: q.unit, Reason: q.reason, Replication: s.g.lineage.unit, Languages: len(s.langs)}
	if q.reason != "" {
		return e
	}
	s, q = s.common(q)
	e.Languages = len(s.langs)
	e.Value, e.Units, e.Runs = q.value, q.units, q.runs
	if q.rows != nil && e.Replication == unitRun {
		e.Replication = unitDraw // means, whose units are always draws
	}
	c, method, ok := s.variance(q)
	e.Method = method
	if !ok {
		e.Reason = ReasonTooFewRuns
		return e
	}
	e.VarLanguage, e.VarUnit, e.VarRest = c.VLang, c.VUnit, c.VRest
	var v float64
	if len(s.langs) >= minLanguages {
		e.Inference = inferLanguages
		v, e.DF = total(c, q)
		e.VarShared, e.DF = s.g.shared(v, e.DF, s.influences(q))
		v += e.VarShared
	} else {
		// These languages: they are no sample, but their queries are.
		e.Inference, e.Reason = inferThese, ReasonFewLanguages
		noise, df := s.queryNoise(q)
		if df <= 0 {
			return Estimate{
				Unit: q.unit, Value: q.value, Reason: ReasonFewQueries, Inference: e.Inference, Method: method,
				Replication: e.Replication, Units: e.Units, Runs: e.Runs, Languages: e.Languages,
			}
		}
		fixed := stats.Crossed{VLang: noise, VUnit: c.VUnit, DFUnit: c.DFUnit, DFLang: df}
		v, e.DF = fixed.VLang+fixed.VUnit, fixed.DF()
	}
	if c.DFUnit < 2 && method != methodLanguages {
		// Two units may agree by chance: the interval must not rest on that.
		e.Reason, e.DF = ReasonTooFewRuns, min(e.DF, max(1, c.DFUnit))
	}
	e.OK = true
	e.setLimits(math.Sqrt(v))
	for _, x := range []float64{e.Value, e.SE, e.DF, e.Low, e.High, e.P, e.MDE, e.VarLanguage, e.VarUnit, e.VarRest} {
		if math.IsNaN(x) || math.IsInf(x, 0) { // a claim with a constant like 1e300
			return Estimate{Unit: q.unit, Reason: ReasonUnbounded, Replication: e.Replication, Languages: e.Languages}
		}
	}
	return e
}

// common leaves out the languages for which there is no value, where there is
// one unit: nothing else could say what is missing, and the languages that are
// left are a sample as well.
func (s *sample) common(q *quantity) (*sample, *quantity) {
	if !q.missing || q.units != 1 || len(q.byUnit) != 1 || s.g.lineage.unit != unitCheckpoint {
		return s, q
	}
	less, rest := *s, *q
	less.langs, less.y, rest.byUnit = nil, nil, [][]float64{nil}
	for l, v := range q.byUnit[0] {
		if !math.IsNaN(v) {
			less.langs = append(less.langs, s.langs[l])
			rest.byUnit[0] = append(rest.byUnit[0], v)
		}
	}
	if len(less.langs) == len(s.langs) {
		return s, q
	}
	rest.missing = false
	rest.finish()
	rest.value = q.value
	return &less, &rest
}

// total is the variance of a quantity and its degrees of freedom. Runs that are
// independent are many, and the closed form's own rule serves; draws are few.
func total(c stats.Crossed, q *quantity) (variance, df float64) {
	if q.rows == nil {
		return c.Var(), c.DF()
	}
	return c.Pooled()
}

// methodLanguages is the method where checkpoints are compared as they are, and
// only languages are sampled.
const methodLanguages = "languages"

// Inference targets of an estimate.
const (
	inferLanguages = "languages"
	inferThese     = "these languages"
)

func (e *Estimate) setLimits(se float64) {
	e.SE = se
	limits := func(level float64) (float64, float64) {
		h := float64(stats.TQuantile(0.5+level/2, e.DF) * se)
		return e.Value - h, e.Value + h
	}
	e.Low, e.High = limits(0.95)
	e.Low80, e.High80 = limits(0.8)
	e.Low50, e.High50 = limits(0.5)
	if se > 0 {
		e.P = min(1, 2*stats.TUpper(math.Abs(e.Value/se), e.DF))
	}
	e.MDE = (stats.TQuantile(0.975, e.DF) + stats.TQuantile(0.8, e.DF)) * se
}

// variance returns the parts of the variance of a quantity.
func (s *sample) variance(q *quantity) (stats.Crossed, string, bool) {
	g := len(s.langs)
	switch {
	case q.constant:
		return stats.Crossed{Value: q.value}, "constant", true
	case q.units == 1 && s.g.lineage.unit == unitCheckpoint && !q.missing:
		if g == 1 { // its queries are the sample
			return stats.Crossed{Value: q.value}, methodLanguages, true
		}
		return stats.Crossed{Value: q.value, VLang: stats.Variance(q.byLang) / float64(g), DFLang: float64(g - 1)}, methodLanguages, true
	case q.units-int(q.lost) < 1:
		return stats.Crossed{}, "", false
	case q.missing:
		if g < 2 {
			return stats.Crossed{}, "", false
		}
		c, ok := stats.Jackknife(q.units, g, q.lost, q.without)
		return c, "jackknife", ok
	case q.byUnit != nil:
		return stats.CrossedMean(q.byUnit), "crossed", true
	}
	basis, _ := s.residualBasis()
	c := stats.FitCrossed(s.y, basis).Contrast(q.w)
	c.Value = q.value
	c.VLang = stats.Variance(q.byLang) / float64(g)
	return c, "crossed", c.DFUnit > 0
}

// queryNoise is the part of the variance of a quantity that is due to which
// queries were asked, in these languages, with its degrees of freedom; df is 0
// where a language has one query.
func (s *sample) queryNoise(q *quantity) (v, df float64) {
	all := s.influences(q)
	if slices.ContainsFunc(all, func(x answers) bool { return len(x.values) == 1 }) {
		return 0, 0
	}
	v, df = noiseOf(all, s.g.asksAlike())
	return v / float64(len(s.langs)*len(s.langs)), max(1, df)
}

// influences returns what each query of a language adds to the quantity there,
// to first order.
func (s *sample) influences(q *quantity) []answers {
	all := make([]answers, len(s.langs))
	for i, l := range s.langs {
		at := map[int32]int{} // queries, by id
		x := &all[i]
		for _, r := range s.g.runs {
			sc := r.scores[l]
			if sc == nil {
				continue
			}
			var w float64
			if q.logitW != nil && q.logitW[r.id] != 0 {
				n := float64(len(sc.values))
				m := (float64(n*sc.mean) + 0.5) / (n + 1)
				w += q.logitW[r.id] / (m * (1 - m))
			}
			if q.rawW != nil {
				w += q.rawW[r.id]
			}
			if w == 0 {
				continue
			}
			for k, id := range sc.ids {
				j, ok := at[id]
				if !ok {
					j = len(x.values)
					at[id] = j
					x.asked, x.values = append(x.asked, sc.asked[k]), append(x.values, 0)
				}
				x.values[j] += float64(w * (sc.values[k] - sc.mean))
			}
		}
	}
	return all
}

// alikeP is how improbable the differences between draws must be, if runs were
// independent, before draws take their place as the unit. A quarter keeps the
// error of a preliminary test small (Bancroft and Han 1983).
const alikeP = 0.25

// checkRuns looks whether runs that lineage calls independent are so. Runs of
// one draw may share what lineage does not see, such as initial weights. If
// the slopes of draws differ more than the scatter of runs explains, the draw
// is the unit after all.
func (g *grid) checkRuns() {
	if g.lineage.unit != unitRun {
		return
	}
	s := g.sample(nil, nil, stats.EmpiricalLogit)
	if len(s.draws) < 3 || len(s.langs) < 2 {
		return
	}
	for _, f := range []string{RoleSize, RoleDiversity} {
		g.lineage.unit = unitDraw
		byDraw := s.slope(f, []string{RoleBudget})
		g.lineage.unit = unitRun
		byRun := s.slope(f, []string{RoleBudget})
		if byDraw.reason != "" || byRun.reason != "" || byDraw.units < 3 {
			continue
		}
		d, _, okD := s.variance(byDraw)
		r, _, okR := s.variance(byRun)
		if !okD || !okR || r.VUnit == 0 {
			continue
		}
		if stats.FUpper(d.VUnit/r.VUnit, d.DFUnit, r.DFUnit) < alikeP {
			g.lineage.unit = unitDraw
			g.lineage.reason = "Every run has a training set of its own, but runs of one draw rise and fall together, so the draw is what was repeated."
			return
		}
	}
}
