package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/xlrun/xlrun/internal/stats"
)

// alpha is the error rate of a family of claims.
const alpha = 0.05

// question is a claim made ready to decide: is theta op c, by at least the
// margin?
type question struct {
	claim  Claim
	grid   *grid
	theta  Expr
	c      float64
	op     string
	q      *quantity
	est    Estimate
	reason string // forced
	p      float64
	parts  []*grid // one per condition
}

// ask reads a claim: what is estimated and the constant it is compared with.
func (g *grid) ask(claim Claim) *question {
	s := g.sample(nil, nil, stats.EmpiricalLogit)
	x := &question{claim: claim, grid: g, op: claim.Op}
	switch x.op {
	case ">=":
		x.op = ">"
	case "<=":
		x.op = "<"
	}
	left, right := constantOf(claim.Left), constantOf(claim.Right)
	switch {
	case right != nil && left == nil:
		x.theta, x.c = claim.Left, *right
	case left != nil && right == nil:
		x.theta, x.c = claim.Right, *left
		x.op = map[string]string{">": "<", "<": ">", "==": "==", "!=": "!="}[x.op]
	default:
		x.theta = Binary{'-', claim.Left, claim.Right}
	}
	text := cmp.Or(badMargin(claim.Margin), notFinite(claim.Left), notFinite(claim.Right))
	if text != "" {
		x.claim.Margin, x.c, x.q = 0, 0, &quantity{reason: ReasonExpression, detail: text}
	} else {
		x.q = s.evaluate(x.theta)
	}
	x.est = s.estimate(x.q)
	switch {
	case g.design.Partial != nil:
		x.reason = ReasonPartialGrid
	case x.q.reason != "":
		x.reason = x.q.reason
	case x.q.constant:
		x.reason = ReasonExpression
	case len(g.langs) < minLanguages:
		x.reason = ReasonFewLanguages
	case x.est.Reason != "":
		x.reason = x.est.Reason
	case !x.est.OK:
		x.reason = ReasonTooFewRuns
	}
	x.p = x.pValue(x.est)
	return x
}

// constantOf evaluates an expression without estimands; nil where it has some.
func constantOf(x Expr) *float64 {
	switch x := x.(type) {
	case Number:
		v := float64(x)
		return &v
	case Neg:
		if v := constantOf(x.X); v != nil {
			w := -*v
			return &w
		}
	case Binary:
		l, r := constantOf(x.Left), constantOf(x.Right)
		if l == nil || r == nil {
			return nil
		}
		var v float64
		switch x.Op {
		case '+':
			v = *l + *r
		case '-':
			v = *l - *r
		case '*':
			v = *l * *r
		case '/':
			v = *l / *r
		}
		return &v
	}
	return nil
}

// pValue is the probability of an estimate as far on its side of the boundary
// as this one, were the truth on the boundary. Comparisons are two-sided: a
// claim may be refuted as well as supported.
func (x *question) pValue(e Estimate) float64 {
	if !e.OK {
		return 1
	}
	upper := func(b float64) float64 { return tail(e.Value-b, e) }
	c, m := x.c, x.claim.Margin
	var p float64
	switch x.op {
	case ">":
		p = 2 * min(upper(c+m), 1-upper(c+m))
	case "<":
		p = 2 * min(upper(c-m), 1-upper(c-m))
	default:
		alike := max(upper(c-m), 1-upper(c+m))           // two one-sided tests
		differ := 2 * min(upper(c+m), 1-upper(c-m), 0.5) // beyond either side
		if x.op == "!=" {
			alike *= 2 // at the level of an ordinary interval
		}
		p = min(alike, differ)
	}
	return min(1, p)
}

// tail is the probability of a value above d, in a t distribution around 0
// with the standard error of e.
func tail(d float64, e Estimate) float64 {
	if e.SE == 0 {
		switch {
		case d > 0:
			return 0
		case d < 0:
			return 1
		}
		return 0.5
	}
	return stats.TUpper(d/e.SE, e.DF)
}

// decideAll decides the claims of a study as one family (Holm). Claims that
// the design alone leaves undecided do not count in it.
func decideAll(xs []*question) []ClaimResult {
	var p []float64
	var in []int
	for i, x := range xs {
		if x.reason == "" || x.reason == ReasonUnbounded {
			p = append(p, x.p)
			in = append(in, i)
		}
	}
	adjusted, steps := stats.Holm(p), stats.HolmSteps(p, alpha)
	out := make([]ClaimResult, len(xs))
	for i, x := range xs {
		level, padj := 1-alpha, 1.0
		if k := slices.Index(in, i); k >= 0 {
			level, padj = 1-steps[k], adjusted[k]
		}
		out[i] = x.decide(level, padj)
		out[i].Family = len(in)
	}
	return out
}

// interval returns the limits of an estimate at a level.
func interval(e Estimate, level float64) (low, high float64) {
	if !e.OK {
		return 0, 0
	}
	if e.SE == 0 {
		return e.Value, e.Value
	}
	h := float64(stats.TQuantile(0.5+level/2, e.DF) * e.SE)
	return e.Value - h, e.Value + h
}

func (x *question) decide(level, padj float64) ClaimResult {
	r := ClaimResult{
		Name: x.claim.Name, Analysis: x.grid.analysis.Name, Statement: x.claim.Statement,
		Expression: fmt.Sprintf("%s %s %s", x.claim.Left, x.claim.Op, x.claim.Right),
		Op:         x.op, Against: x.c, Margin: x.claim.Margin,
		Estimate: x.est, Level: level, P: x.p, PHolm: padj, Reason: x.reason,
	}
	r.Low, r.High = interval(x.est, level)
	if x.reason != "" {
		r.Verdict, r.Case = Inconclusive, CaseNotEnough
	} else {
		r.Verdict, r.Case = x.verdict(x.est, level)
	}
	r.Found = x.found(level)
	if x.est.OK && x.est.SE > 0 {
		for i := range 20 {
			r.Dots = append(r.Dots, x.est.Value+float64(x.est.SE*stats.TQuantile((float64(i)+0.5)/20, x.est.DF)))
		}
	}
	return r
}

// found is the effect nearest to what was asked that 8 of 10 such studies would
// support at a level, nil where a claim asks for none.
func (x *question) found(level float64) *float64 {
	e := x.est
	if !e.OK || e.SE == 0 || x.reason != "" {
		return nil
	}
	v := x.c + x.claim.Margin
	d := float64((stats.TQuantile(0.5+level/2, e.DF) + stats.TQuantile(0.8, e.DF)) * e.SE)
	switch x.op {
	case ">":
		v += d
	case "<":
		v = x.c - x.claim.Margin - d
	default:
		return nil
	}
	return &v
}

// verdict applies the rule: an interval [L, U] against c with margin M.
func (x *question) verdict(e Estimate, level float64) (verdict, which string) {
	low, high := interval(e, level)
	narrowLow, narrowHigh := interval(e, 1-2*(1-level)) // two one-sided tests
	return x.verdictOf(low, high, narrowLow, narrowHigh)
}

// verdictOf is the rule on the limits themselves; the narrow ones are for
// equality.
func (x *question) verdictOf(low, high, narrowLow, narrowHigh float64) (verdict, which string) {
	c, m := x.c, x.claim.Margin
	switch x.op {
	case "<":
		low, high, c = -high, -low, -c
		fallthrough
	case ">":
		return greater(low, high, c, m)
	case "!=":
		switch {
		case low > c+m || high < c-m:
			return Supported, CaseDifferent
		case low > c-m && high < c+m:
			return Refuted, CaseAlike
		}
		return Inconclusive, CaseMayDiffer
	}
	switch {
	case narrowLow > c-m && narrowHigh < c+m:
		return Supported, CaseAlike
	case low > c+m || high < c-m:
		return Refuted, CaseDifferent
	}
	return Inconclusive, CaseMayDiffer
}

func greater(low, high, c, m float64) (verdict, which string) {
	switch {
	case low > c+m:
		return Supported, CaseAbove
	case high < c:
		return Refuted, CaseOpposite
	case high < c+m && low > c:
		return Refuted, CaseBelow
	case high < c+m:
		return Refuted, CaseBounded
	case low > c:
		return Inconclusive, CaseClearGain
	}
	return Inconclusive, CaseOpen
}

// alternatives decides a claim again in other reasonable ways, at the level it
// was decided at.
func (x *question) alternatives(level float64) []Alternative {
	if x.reason != "" {
		return nil
	}
	var out []Alternative
	try := func(name string, keep func(*run) bool, langs []int, scale link) {
		s := x.grid.sample(keep, langs, scale)
		q := s.evaluateOn(x.theta)
		e := s.estimate(q)
		if q.reason != "" || !e.OK || e.Reason != "" {
			return
		}
		low, high := interval(e, level)
		v, _ := x.verdict(e, level)
		out = append(out, Alternative{Name: name, Verdict: v, Value: e.Value, Low: low, High: high})
	}
	inRuns := true // does the claim rest on slopes?
	for _, c := range calls(x.theta) {
		inRuns = inRuns && (c.Name == "slope" || c.Name == "ame")
	}
	if inRuns {
		switch x.est.Unit {
		case unitMeasure:
			try("on the measure itself", nil, nil, nil)
		case unitLogOdds:
			try("with a probit", nil, nil, stats.EmpiricalProbit)
		}
	}
	if g := x.grid; len(g.langs) > minLanguages {
		for skip := range g.langs {
			var langs []int
			for l := range g.langs {
				if l != skip {
					langs = append(langs, l)
				}
			}
			try("without "+g.langs[skip], nil, langs, stats.EmpiricalLogit)
		}
	}
	if inRuns {
		for _, f := range []string{RoleSize, RoleDiversity} {
			if levels := x.grid.present(f); len(levels) > 2 {
				last := levels[len(levels)-1]
				try("without the largest "+f, func(r *run) bool { return r.level(f) != last }, nil, stats.EmpiricalLogit)
			}
		}
	}
	return out
}

// evaluateOn evaluates on the scale of the sample: on the raw scale a slope is
// a marginal effect.
func (s *sample) evaluateOn(x Expr) *quantity {
	if !s.raw {
		return s.evaluate(x)
	}
	q := s.evaluate(rename(x))
	if q.reason == "" && q.unit == unitLogOdds {
		q.unit = unitMeasure
	}
	return q
}

// rename asks for slopes where x asks for marginal effects.
func rename(x Expr) Expr {
	switch x := x.(type) {
	case Call:
		if x.Name == "ame" {
			return Call{Name: "slope", Args: x.Args}
		}
	case Neg:
		return Neg{rename(x.X)}
	case Binary:
		return Binary{x.Op, rename(x.Left), rename(x.Right)}
	}
	return x
}

// settle says how many languages, draws or queries would decide a claim in 8 of
// 10 studies, if the effect is what was measured: the smallest of either that
// does, up to four times as many.
type settle struct {
	languages, units int // 0: this alone does not help
	both             [2]int
	queries          int  // times as many of those that languages share
	languagesDiffer  bool // no number of units would
}

func (x *question) settle(level float64) settle {
	e := x.est
	var out settle
	boundary := x.c + x.claim.Margin
	switch x.op {
	case "<":
		boundary = x.c - x.claim.Margin
	case "==", "!=":
		return out
	}
	d := math.Abs(e.Value - boundary)
	g, n := float64(e.Languages), float64(e.Units)
	if d == 0 || e.Units < 2 || e.Languages < 2 {
		return out
	}
	lang, unit := max(0, e.VarLanguage-e.VarRest)*g, max(0, e.VarUnit-e.VarRest)*n
	rest := e.VarRest * g * n
	enough := func(g2, n2, queries float64) bool {
		c := stats.Crossed{
			VLang: lang/g2 + rest/g2/n2, VUnit: unit/n2 + rest/g2/n2, VRest: rest / g2 / n2,
			DFLang: g2 - 1, DFUnit: n2 - 1,
		}
		v, df := total(c, x.q)
		v += e.VarShared / queries
		t := stats.TQuantile(0.5+level/2, df) + stats.TQuantile(0.8, df)
		return d >= t*math.Sqrt(v)
	}
	for k := e.Languages + 1; k <= 4*e.Languages && out.languages == 0; k++ {
		if enough(float64(k), n, 1) {
			out.languages = k
		}
	}
	for k := e.Units + 1; k <= 4*e.Units && out.units == 0; k++ {
		if enough(g, float64(k), 1) {
			out.units = k
		}
	}
	for k := 1.25; k <= 4 && out.both[0] == 0; k += 0.25 {
		if enough(math.Ceil(k*g), math.Ceil(k*n), 1) {
			out.both = [2]int{int(math.Ceil(k * g)), int(math.Ceil(k * n))}
		}
	}
	for k := 2; k <= 4 && out.queries == 0; k++ {
		if e.VarShared > 0 && enough(g, n, float64(k)) {
			out.queries = k
		}
	}
	out.languagesDiffer = out.units == 0 && !enough(g, 1e6, math.Inf(1))
	return out
}
