package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/stats"
)

// Systems compares what an analysis measured as it stands: encoders, existing
// runs and fusions, each a system; an encoder that an axis varies gives one
// system per value, and draws are averaged within.
//
// Differences are taken within a language and on the same queries, so they hold
// whatever makes languages differ. Tests within a language are paired t-tests on
// the differences of queries, pool seeds and draws averaged first: they are
// about these very encoders. Over languages, languages are the sample (from five
// on) and draws, where there are some, crossed with them.
type Systems struct {
	Main      bool     `json:"main"`      // no size, diversity or budget varies by an axis: this is the answer
	Baseline  string   `json:"baseline"`  // the system that all are compared with
	Chosen    string   `json:"chosen"`    // "baseline": the analysis names it; "best": it has the highest mean
	Inference string   `json:"inference"` // "languages", "these languages"
	Level     float64  `json:"level"`     // of intervals and groups
	Languages []string `json:"languages"` // those that every system was measured in, in the order of Facts.Targets
	Partial   []string `json:"partial"`   // languages that some system lacks: they enter no mean

	Systems []System     `json:"systems"` // best first
	Pairs   []SystemPair `json:"pairs"`   // each two systems, the better one first; none where there are too many, which a note says
	// Groups are sets of systems that cannot be told apart, best first. Two
	// systems are told apart where the test of their difference over languages,
	// corrected for all pairs (Holm), rejects at 1 − Level.
	Groups [][]string `json:"groups"`
}

// System is one system.
type System struct {
	Name      string `json:"name"` // "student size=xs": what a claim selects it by
	Encoder   string `json:"encoder"`
	Component string `json:"component"`
	Kind      string `json:"kind"`
	Lineage   string `json:"lineage,omitempty"` // "declared" where the author says what it was trained on
	Runs      int    `json:"runs"`              // draws
	Params    int64  `json:"params"`

	// Mean is over Systems.Languages, each counting once. Its interval is for
	// these languages: over queries, and over draws where there are some.
	Mean    Estimate `json:"mean"`
	Letters string   `json:"letters"` // systems that share a letter cannot be told apart

	// Against compares with the baseline over all languages; nil for the
	// baseline itself.
	Against *SystemGain `json:"against,omitempty"`

	PerLanguage []SystemLanguage `json:"per_language"` // in the order of Facts.Targets, without those it lacks
}

// SystemGain is a difference to the baseline over languages.
type SystemGain struct {
	With   string   `json:"with"`  // the system of the baseline: the one of the same shape, where it has several
	Gain   Estimate `json:"gain"`  // system − baseline, measure units
	PHolm  float64  `json:"p_adj"` // Holm, over the systems compared
	Better int      `json:"better"`
	Alike  int      `json:"alike"` // languages in which the two are not told apart
	Worse  int      `json:"worse"`
}

// SystemLanguage is a system in one language.
type SystemLanguage struct {
	Code    string      `json:"code"`
	Mean    float64     `json:"mean"`
	Half    float64     `json:"half"` // 95 % half-width over queries; 0 with one query, or where all have one value
	Queries int         `json:"queries"`
	Pool    int         `json:"pool"`           // candidates
	Test    *PairedTest `json:"test,omitempty"` // against the baseline; nil for the baseline and where that lacks the language
}

// PairedTest compares two systems on the same queries of a language.
type PairedTest struct {
	OK      bool     `json:"ok"` // there were two common queries or more
	Queries int      `json:"queries"`
	Left    int      `json:"left,omitempty"` // queries that only one of the two has a value for: left out
	Gain    float64  `json:"gain"`
	Low     Float    `json:"low"` // 95 %; null, with P of the sign-flip test, where every query differs by the same amount
	High    Float    `json:"high"`
	P       float64  `json:"p"`     // paired t, two-sided
	PHolm   float64  `json:"p_adj"` // Holm, over the systems within this language
	G       *float64 `json:"g,omitempty"`
	Wins    int      `json:"wins"`
	Ties    int      `json:"ties"`
	Losses  int      `json:"losses"`
	Skewed  bool     `json:"skewed,omitempty"` // few queries and skewed differences: the p value is rough
}

// SystemPair is the difference of two systems over all languages.
type SystemPair struct {
	A     string  `json:"a"`
	B     string  `json:"b"`
	OK    bool    `json:"ok"`
	Gain  float64 `json:"gain"` // A − B, measure units
	Low   Float   `json:"low"`  // 95 %, not corrected; null, with P of a sign-flip test, where differences have no spread
	High  Float   `json:"high"`
	P     float64 `json:"p"`
	PHolm float64 `json:"p_adj"` // Holm, over all pairs
	Apart bool    `json:"apart"`
}

// Chosen of Systems.
const (
	ChosenBaseline = "baseline"
	ChosenBest     = "best"
)

// mostSystems is up to how many systems every pair is compared: more pairs than
// these correct one another away, and nobody reads them.
const mostSystems = 60

// system is a set of runs that differ in their draw only.
type system struct {
	name   string
	runs   []*run
	byLang []queryMeans // per language of the grid
}

// queryMeans are the values of a system in one language, draws averaged.
type queryMeans struct {
	ids []int32 // ascending
	answers
	mean float64 // of the means of the runs
	pool int
	ok   bool
}

// systemsOf finds the systems of a grid, in its order.
func (g *grid) systemsOf() []*system {
	var out []*system
	byKey := map[string]*system{}
	draw := map[string]bool{}
	for _, a := range g.design.Axes {
		draw[a.Name] = a.Role == RoleDraw
	}
	axes := func(r *run) (out []label) {
		for _, a := range r.axes {
			if !draw[a.axis] {
				out = append(out, a)
			}
		}
		return out
	}
	varies := map[string]map[label]bool{} // encoder → its values
	for _, r := range g.runs {
		k := fmt.Sprintf("%q%q%q%q%d", r.encoder, r.task, r.index, axes(r), r.pool)
		s := byKey[k]
		if s == nil {
			s = &system{}
			byKey[k] = s
			out = append(out, s)
		}
		s.runs = append(s.runs, r)
		if varies[r.encoder] == nil {
			varies[r.encoder] = map[label]bool{}
		}
		for _, a := range axes(r) {
			varies[r.encoder][a] = true
		}
	}
	for _, s := range out {
		r := s.runs[0]
		parts := []string{r.encoder}
		for _, a := range axes(r) {
			for o := range varies[r.encoder] {
				if o.axis == a.axis && o.value != a.value {
					parts = append(parts, a.axis+"="+a.value)
					break
				}
			}
		}
		same := func(of func(*run) string) bool {
			return !slices.ContainsFunc(out, func(o *system) bool { return o.runs[0].encoder == r.encoder && of(o.runs[0]) != of(r) })
		}
		if !same(func(r *run) string { return r.task }) {
			parts = append(parts, "task="+r.task)
		}
		if !same(func(r *run) string { return r.index }) {
			parts = append(parts, "index="+r.index)
		}
		if !same(func(r *run) string { return fmt.Sprint(r.pool) }) {
			parts = append(parts, fmt.Sprintf("candidates=%d", r.pool))
		}
		s.name = strings.Join(parts, " ")
		s.byLang = make([]queryMeans, len(g.langs))
		for l := range g.langs {
			s.byLang[l] = s.queries(l)
		}
	}
	return out
}

// queries averages the runs of a system in one language, query by query.
func (s *system) queries(l int) queryMeans {
	type value struct {
		id, asked int32
		v         float64
	}
	var all []value
	var means []float64
	m := queryMeans{}
	for _, r := range s.runs {
		sc := r.scores[l]
		if sc == nil {
			continue
		}
		means = append(means, sc.mean)
		m.pool = sc.pool
		for k, id := range sc.ids {
			all = append(all, value{id, sc.asked[k], sc.values[k]})
		}
	}
	if len(means) == 0 {
		return m
	}
	m.ok, m.mean = true, stats.Mean(means)
	slices.SortStableFunc(all, func(a, b value) int { return cmp.Compare(a.id, b.id) })
	for i := 0; i < len(all); {
		j, sum := i, 0.0
		for ; j < len(all) && all[j].id == all[i].id; j++ {
			sum += all[j].v
		}
		m.ids, m.asked, m.values = append(m.ids, all[i].id), append(m.asked, all[i].asked), append(m.values, sum/float64(j-i))
		i = j
	}
	return m
}

// paired returns the differences on common queries, and how many queries only
// one side has.
func (m queryMeans) paired(o queryMeans) (diff answers, left int) {
	i, j := 0, 0
	for i < len(m.ids) && j < len(o.ids) {
		switch {
		case m.ids[i] < o.ids[j]:
			i++
		case m.ids[i] > o.ids[j]:
			j++
		default:
			diff.asked, diff.values = append(diff.asked, m.asked[i]), append(diff.values, difference(m.values[i], o.values[j]))
			i++
			j++
		}
	}
	return diff, len(m.ids) + len(o.ids) - 2*len(diff.values)
}

// repeated says whether a system was repeated.
func (g *grid) repeated(s *system) bool { return len(g.drawsOf(s.runs)) > 1 }

// meanOfSystem is a system's mean over some languages with an interval for
// these languages.
func (g *grid) meanOfSystem(s *system, langs []int) Estimate {
	return g.overLanguages(s, nil, langs, true)
}

// gainOf is the difference of two systems over some languages.
func (g *grid) gainOf(a, b *system, langs []int) Estimate {
	if g.repeated(b) && !g.repeated(a) { // units are the draws of the first
		e := g.overLanguages(b, a, langs, false)
		e.Value = -e.Value
		if e.OK {
			e.Low, e.High = -e.High, -e.Low
			e.Low80, e.High80, e.Low50, e.High50 = -e.High80, -e.Low80, -e.High50, -e.Low50
		}
		return e
	}
	return g.overLanguages(a, b, langs, false)
}

// overLanguages estimates the mean of a, or of a − b, over languages. Where
// nothing was repeated, checkpoints are taken as they are: from five languages
// on, these are the sample, and with fewer (or where these says so) the queries.
func (g *grid) overLanguages(a, b *system, langs []int, these bool) Estimate {
	s := g.sample(nil, langs, nil)
	left := a.runs
	var right [][]*run
	if b != nil {
		right = make([][]*run, len(left))
		for i, r := range left {
			for _, o := range b.runs {
				if o.draw == r.draw || !g.repeated(b) {
					right[i] = append(right[i], o)
				}
			}
		}
		// A draw that only one of the two has cannot be paired.
		var l []*run
		var rr [][]*run
		for i := range left {
			if len(right[i]) > 0 {
				l, rr = append(l, left[i]), append(rr, right[i])
			}
		}
		left, right = l, rr
	}
	q := s.means(left, right)
	if q.reason != "" {
		return Estimate{Unit: unitMeasure, Reason: q.reason, Languages: len(langs)}
	}
	few := len(langs) < minLanguages || these
	e := Estimate{OK: true, Unit: unitMeasure, Value: q.value, Units: q.units, Runs: q.runs, Languages: len(langs), Replication: unitDraw}
	if q.units > 1 {
		e = s.estimate(q)
		if !e.OK || !few || e.Inference == inferThese {
			return g.settled(e, q, a, b, langs)
		}
		c, _, _ := s.variance(q)
		v, df := g.queryNoise(a, b, langs)
		if df <= 0 {
			return Estimate{Unit: unitMeasure, Value: q.value, Reason: ReasonFewQueries, Inference: inferThese, Languages: len(langs)}
		}
		fixed := stats.Crossed{VLang: v, VUnit: c.VUnit, DFUnit: c.DFUnit, DFLang: df}
		e.Inference, e.Method, e.DF = inferThese, inferThese, fixed.DF()
		e.setLimits(math.Sqrt(v + c.VUnit))
		return g.settled(e, q, a, b, langs)
	}
	e.Replication = unitCheckpoint
	if few {
		e.Inference, e.Method = inferThese, inferThese
		v, df := g.queryNoise(a, b, langs)
		if df <= 0 {
			return Estimate{Unit: unitMeasure, Value: q.value, Reason: ReasonFewQueries, Inference: inferThese, Languages: len(langs)}
		}
		e.DF = df
		e.setLimits(math.Sqrt(v))
		return g.settled(e, q, a, b, langs)
	}
	e.Inference, e.Method, e.DF = inferLanguages, methodLanguages, float64(len(langs)-1)
	e.VarLanguage = stats.Variance(q.byLang) / float64(len(langs))
	e.VarShared, e.DF = g.shared(e.VarLanguage, e.DF, g.answers(a, b, langs))
	e.setLimits(math.Sqrt(e.VarLanguage + e.VarShared))
	return g.settled(e, q, a, b, langs)
}

// settled takes the interval from an estimate whose values are all equal: they
// leave nothing to judge by, as in testDifferences, and P becomes that of
// sign flips of what was sampled: of languages or queries, and of draws, the
// larger of the two where there are both. Where two systems do not differ at
// all, the interval is 0 and P is 1.
func (g *grid) settled(e Estimate, q *quantity, a, b *system, langs []int) Estimate {
	var size float64
	var flips []float64
	for _, v := range q.byLang {
		if !math.IsNaN(v) {
			size, flips = max(size, math.Abs(v)), append(flips, v)
		}
	}
	if !e.OK || !roundedOnly(e.SE, size) {
		return e
	}
	if b != nil && size == 0 {
		e.P = 1
		return e
	}
	if e.Inference == inferThese {
		flips = influences(g.answers(a, b, langs))
	}
	p, _ := stats.SignFlip(flips, 0, flipSeed)
	if q.units > 1 {
		units := make([]float64, len(q.byUnit))
		for u := range units {
			units[u], _ = matrixMean(q.byUnit[u:u+1], -1, -1)
		}
		other, _ := stats.SignFlip(units, 0, flipSeed)
		p = max(p, other)
	}
	return Estimate{
		Unit: e.Unit, Value: e.Value, Reason: ReasonNoSpread, P: p,
		Method: e.Method, Replication: e.Replication, Inference: e.Inference, Units: e.Units, Runs: e.Runs, Languages: e.Languages,
	}
}

// answers are the values of a system, or the differences of two, by language
// and query.
func (g *grid) answers(a, b *system, langs []int) []answers {
	out := make([]answers, len(langs))
	for i, l := range langs {
		out[i] = a.byLang[l].answers
		if b != nil {
			out[i], _ = a.byLang[l].paired(b.byLang[l])
		}
	}
	return out
}

// queryNoise is the variance of a mean over languages that is due to which
// queries were asked, with its degrees of freedom; df is 0 where there are
// not enough queries.
func (g *grid) queryNoise(a, b *system, langs []int) (v, df float64) {
	all := g.answers(a, b, langs)
	if slices.ContainsFunc(all, func(x answers) bool { return len(x.values) < 2 }) {
		return 0, 0
	}
	v, df = noiseOf(all, g.asksAlike())
	k := float64(len(langs))
	return v / (k * k), df
}

// systems compares the systems of a grid; nil where there is one.
func (g *grid) systems(all []*system) *Systems {
	if len(all) < 2 {
		return nil
	}
	out := &Systems{Level: 1 - alpha, Languages: []string{}, Partial: []string{}, Systems: []System{}, Pairs: []SystemPair{}, Groups: [][]string{}}
	var langs []int
	for l, code := range g.langs {
		if slices.ContainsFunc(all, func(s *system) bool { return !s.byLang[l].ok }) {
			out.Partial = append(out.Partial, code)
		} else {
			langs = append(langs, l)
			out.Languages = append(out.Languages, code)
		}
	}
	out.Inference = inferLanguages
	if len(langs) < minLanguages {
		out.Inference = inferThese
	}
	if len(langs) == 0 {
		return nil // nothing in common: notes say so
	}
	mean := func(s *system) float64 {
		var sum float64
		for _, l := range langs {
			sum += s.byLang[l].mean
		}
		return sum / float64(len(langs))
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *system) int { return cmp.Compare(mean(b), mean(a)) })
	base := all[0]
	out.Chosen = ChosenBest
	isBase := func(s *system) bool { return s.runs[0].encoder == g.analysis.Baseline }
	if i := slices.IndexFunc(all, isBase); i >= 0 {
		base, out.Chosen = all[i], ChosenBaseline
	}
	out.Baseline = base.name
	for _, s := range all {
		with := base
		switch {
		case s == base, isBase(s):
			with = nil
		case out.Chosen == ChosenBaseline:
			with = g.sameShape(s, all, isBase, base)
		}
		out.Systems = append(out.Systems, g.system(s, with, langs))
	}
	out.correct()

	means := make([]float64, len(all))
	for i, s := range all {
		means[i] = mean(s)
	}
	if len(all) > mostSystems {
		return out
	}
	var p []float64
	for i, a := range all {
		for _, b := range all[i+1:] {
			e := g.gainOf(a, b, langs)
			p = append(p, pOf(e))
			pair := SystemPair{A: a.name, B: b.name, OK: e.OK, Gain: e.Value, Low: Float(e.Low), High: Float(e.High), P: pOf(e)}
			if e.Reason == ReasonNoSpread {
				pair.OK, pair.Low, pair.High = true, Float(math.NaN()), Float(math.NaN())
			}
			out.Pairs = append(out.Pairs, pair)
		}
	}
	for i, padj := range stats.Holm(p) {
		out.Pairs[i].PHolm, out.Pairs[i].Apart = padj, stats.Rejects(padj, alpha)
	}
	sets := stats.Groups(means, func(i, j int) bool { return out.Pairs[pairAt(len(all), i, j)].Apart })
	for i, letters := range stats.Letters(len(all), sets) {
		out.Systems[i].Letters = letters
	}
	for _, set := range sets {
		var names []string
		for _, i := range set {
			names = append(names, all[i].name)
		}
		out.Groups = append(out.Groups, names)
	}
	return out
}

// pOf is the p value of an estimate, 1 where there is none.
func pOf(e Estimate) float64 {
	if !e.OK && e.Reason != ReasonNoSpread {
		return 1
	}
	return e.P
}

// sameShape finds the one baseline that agrees with a system on all that both
// have; other where there is none or several.
func (g *grid) sameShape(s *system, all []*system, isBase func(*system) bool, other *system) *system {
	var found []*system
	for _, o := range all {
		if isBase(o) && slices.ContainsFunc(s.runs, func(r *run) bool {
			return slices.ContainsFunc(o.runs, func(b *run) bool { return g.agree(r, b, nil) })
		}) {
			found = append(found, o)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return other
}

// system describes one, compared with a baseline, or with none where it is nil.
func (g *grid) system(s, base *system, langs []int) System {
	r := s.runs[0]
	out := System{
		Name: s.name, Encoder: r.encoder, Component: r.component, Kind: r.kind, Lineage: r.lin.Source, Runs: len(g.drawsOf(s.runs)),
		Params: r.params(g.nonEmbedding), Mean: g.meanOfSystem(s, langs), PerLanguage: []SystemLanguage{},
	}
	if base != nil {
		out.Against = &SystemGain{With: base.name, Gain: g.gainOf(s, base, langs)}
	}
	for l, code := range g.langs {
		m := s.byLang[l]
		if !m.ok {
			continue
		}
		x := SystemLanguage{Code: code, Mean: m.mean, Half: halfOver(m.values), Queries: len(m.values), Pool: m.pool}
		if base != nil && base.byLang[l].ok {
			x.Test = pairedTest(m.paired(base.byLang[l]))
		}
		out.PerLanguage = append(out.PerLanguage, x)
	}
	return out
}

// pairedTest tests differences; without two of them it is not OK.
func pairedTest(diff answers, left int) *PairedTest {
	t := &PairedTest{Queries: len(diff.values), Left: left, P: 1, PHolm: 1}
	if t.Queries < 2 {
		return t
	}
	p := testDifferences(diff.values, 1-alpha, 0, flipSeed)
	t.OK, t.Gain, t.Low, t.High, t.P = true, p.Mean, Float(p.Low), Float(p.High), p.P
	t.Wins, t.Ties, t.Losses = p.Wins, p.Ties, p.Losses
	if !math.IsNaN(p.G) && !math.IsInf(p.G, 0) {
		t.G = &p.G
	}
	t.Skewed = p.N < fewQueries && math.Abs(p.Skew) > muchSkew
	return t
}

// correct adjusts p values: over the systems within each language, and over the
// systems for the summary; and counts languages in which a system is better.
func (s *Systems) correct() {
	byLang := map[string][]*PairedTest{}
	var codes []string
	var over []*SystemGain
	for i := range s.Systems {
		x := &s.Systems[i]
		if x.Against != nil {
			over = append(over, x.Against)
		}
		for k := range x.PerLanguage {
			l := &x.PerLanguage[k]
			if l.Test == nil || !l.Test.OK {
				continue
			}
			if byLang[l.Code] == nil {
				codes = append(codes, l.Code)
			}
			byLang[l.Code] = append(byLang[l.Code], l.Test)
		}
	}
	for _, code := range codes {
		var p []float64
		for _, t := range byLang[code] {
			p = append(p, t.P)
		}
		for i, padj := range stats.Holm(p) {
			byLang[code][i].PHolm = padj
		}
	}
	var p []float64
	for _, o := range over {
		p = append(p, pOf(o.Gain))
	}
	for i, padj := range stats.Holm(p) {
		over[i].PHolm = padj
	}
	for i := range s.Systems {
		x := &s.Systems[i]
		if x.Against == nil {
			continue
		}
		for _, l := range x.PerLanguage {
			if l.Test == nil || !l.Test.OK || !slices.Contains(s.Languages, l.Code) {
				continue
			}
			switch {
			case l.Test.PHolm >= alpha:
				x.Against.Alike++
			case l.Test.Gain > 0:
				x.Against.Better++
			default:
				x.Against.Worse++
			}
		}
	}
}

// say answers which system is best, and by how much.
func (s *Systems) say(measure string) []string {
	const most = 3 // names in a sentence
	var out []string
	names := func(all []string) string {
		if n := len(all); n > most {
			return list(append(slices.Clone(all[:most]), fmt.Sprintf("%d more", n-most)))
		}
		return list(all)
	}
	best := s.Systems[0]
	var first []string // the group of the best: none of them can be told from it
	if len(s.Pairs) > 0 {
		for _, x := range s.Systems {
			if x.Name == best.Name || !s.apart(best.Name, x.Name) {
				first = append(first, x.Name)
			}
		}
	}
	lead := fmt.Sprintf("Of %s, **%s** has the highest mean %s over %s, **%s**", count(len(s.Systems), "system"), best.Name, measure, count(len(s.Languages), "language"), decimal(best.Mean.Value, 3))
	switch {
	case first == nil:
	case len(first) == len(s.Systems) && len(first) > 2:
		lead += ", but with all pairs corrected for, none can be told from it"
	case len(first) > 1:
		lead += fmt.Sprintf(", but with all pairs corrected for, %s cannot be told from it", names(first[1:]))
	case len(s.Systems) == 2:
		lead += " and is told apart from " + s.Systems[1].Name
	default:
		lead += " and is told apart from all others"
	}
	out = append(out, lead+".")

	var clear, open, flat []string
	unit, alike := "query", "in every query alike"
	switch {
	case s.Inference == inferLanguages:
		unit, alike = "language", "in every language alike"
	case len(s.Languages) > 1:
		alike = "on average and the same in all queries of a language"
	}
	for _, x := range s.Systems {
		if x.Against == nil || x.Against.With != s.Baseline {
			continue
		}
		e := x.Against.Gain
		if !e.OK && e.Reason != ReasonNoSpread {
			continue
		}
		st := styleOf(unitMeasure, (e.High-e.Low)/2).apart(e.Low, e.High)
		switch {
		case e.OK && e.SE == 0:
			flat = append(flat, fmt.Sprintf("%s has the same value in every %s", x.Name, unit))
		case !e.OK:
			word := "gains"
			if e.Value < 0 {
				word = "loses"
			}
			flat = append(flat, fmt.Sprintf("%s %s **%s** %s, without an interval (sign-flip test, %s)", x.Name, word, st.with(st.number(math.Abs(e.Value))), alike, pText(Float(e.P))))
		case e.Low > 0:
			clear = append(clear, fmt.Sprintf("%s gains **%s** (%s)", x.Name, st.with(st.number(e.Value)), st.from(e.Low, e.High)))
		case e.High < 0:
			clear = append(clear, fmt.Sprintf("%s loses **%s** (%s)", x.Name, st.with(st.number(-e.Value)), st.from(-e.High, -e.Low)))
		default:
			open = append(open, fmt.Sprintf("%s anything from a loss of %s to a gain of %s", x.Name, st.number(-e.Low), st.with(st.number(e.High))))
		}
	}
	cut := func(parts []string) string {
		if n := len(parts); n > most {
			return strings.Join(parts[:most], "; ") + fmt.Sprintf("; the table has %d more", n-most)
		}
		return strings.Join(parts, "; ")
	}
	if len(clear) > 0 {
		out = append(out, fmt.Sprintf("Against %s, on the same queries: %s. Intervals are 95 %%, each for itself.", s.Baseline, cut(clear)))
	}
	if len(flat) > 0 {
		out = append(out, fmt.Sprintf("Against %s, %s.", s.Baseline, cut(flat)))
	}
	if len(open) > 0 {
		out = append(out, fmt.Sprintf("Against %s, these are not settled: %s all fits these data.", s.Baseline, cut(open)))
	}
	var each []string
	for _, x := range s.Systems {
		if a := x.Against; a != nil && a.With == s.Baseline {
			var parts []string
			for _, p := range []struct {
				n    int
				what string
			}{{a.Better, "better in"}, {a.Worse, "worse in"}, {a.Alike, "not told apart in"}} {
				if p.n > 0 {
					parts = append(parts, fmt.Sprintf("%s %d", p.what, p.n))
				}
			}
			if parts != nil {
				each = append(each, x.Name+" is "+list(parts))
			}
		}
	}
	if len(each) > 0 {
		out = append(out, fmt.Sprintf("Taken one by one, of %s: %s (compared with %s, corrected for several systems).", count(len(s.Languages), "language"), cut(each), s.Baseline))
	}
	return out
}

// apart says whether two systems are told apart.
func (s *Systems) apart(a, b string) bool {
	for _, p := range s.Pairs {
		if p.A == a && p.B == b || p.A == b && p.B == a {
			return p.Apart
		}
	}
	return false
}

// scope says what a comparison of systems is about.
func (s *Systems) scope() string {
	most := 0
	for _, x := range s.Systems {
		most = max(most, x.Runs)
	}
	what := "these systems as they are: none was made a second time, so nothing is said of others made alike"
	if most > 1 {
		what = "these systems; where one was made several times, its draws are part of the uncertainty"
	}
	text := "This is about " + what
	if s.Inference == inferLanguages {
		return text + fmt.Sprintf(", in these %d languages and in languages like them.", len(s.Languages))
	}
	if n := len(s.Languages); n == 1 {
		return text + ", and about this language only."
	}
	return text + fmt.Sprintf(", and about these %d languages only.", len(s.Languages))
}
