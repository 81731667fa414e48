package analysis

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/stats"
)

// Numbers in sentences: points are 100 × the measure, with one decimal, or two
// where the interval is so narrow that one would hide it; a real minus sign;
// intervals as "1.9 to 3.3", never with ±.

// Plain removes the marks of emphasis from a sentence.
func Plain(s string) string { return strings.ReplaceAll(s, "**", "") }

// style says how the numbers of one estimate are written.
type style struct {
	unit     string
	decimals int
}

// styleOf chooses the decimals from the half-width of the interval.
func styleOf(unit string, half float64) style {
	half = math.Abs(half)
	switch unit {
	case unitMeasure:
		if half*100 < 0.2 {
			return style{unit, 2}
		}
		return style{unit, 1}
	case unitLogOdds:
		if half < 0.02 {
			return style{unit, 3}
		}
		return style{unit, 2}
	}
	return style{unit, 2}
}

// mostDecimals ends the search for a decimal that tells two numbers apart.
const mostDecimals = 4

// apart adds decimals where rounding would write a limit as zero that is not:
// "0.00 to 0.23" does not say that zero is excluded.
func (s style) apart(low, high float64) style {
	zero := func(v float64) bool { return strings.Trim(s.number(v), "−0.") == "" }
	for s.decimals < mostDecimals && (low > 0 && zero(low) || high < 0 && zero(high)) {
		s.decimals++
	}
	return s
}

// beside adds decimals where a limit would be written like a value that a
// verdict turns on and is another.
func (s style) beside(low, high float64, marks ...float64) style {
	same := func(v float64) bool {
		return slices.ContainsFunc(marks, func(m float64) bool { return v != m && s.number(v) == s.number(m) })
	}
	for s.decimals < mostDecimals && (same(low) || same(high)) {
		s.decimals++
	}
	return s
}

// number writes a value of the estimand.
func (s style) number(v float64) string {
	if s.unit == unitMeasure {
		v *= 100
	}
	return decimal(v, s.decimals)
}

// given writes a value that the author gave, with no more digits than needed.
func (s style) given(v float64) string {
	if s.unit == unitMeasure {
		v *= 100
	}
	t := strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
	return minus(t)
}

// decimal writes a number with a real minus sign, and zero without one.
func decimal(v float64, decimals int) string {
	t := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(t, "-0.") == "" {
		t = strings.TrimPrefix(t, "-")
	}
	return minus(t)
}

func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

// signed writes a number with its sign.
func signed(s string) string {
	if strings.HasPrefix(s, "−") || strings.Trim(s, "0.") == "" {
		return s
	}
	return "+" + s
}

// name of the unit after a number as written.
func (s style) name(number string) string {
	switch s.unit {
	case unitMeasure:
		if n := strings.TrimLeft(number, "+−"); strings.TrimRight(strings.TrimRight(n, "0"), ".") == "1" {
			return " point"
		}
		return " points"
	case unitLogOdds:
		return " log-odds"
	}
	return ""
}

func (s style) with(number string) string { return number + s.name(number) }

func (s style) from(low, high float64) string {
	return s.number(low) + " to " + s.number(high)
}

// factorWords are the words for a factor.
type factorWords struct {
	doubling string // after "Doubling"
	subject  string // before "gains more"
	held     string // after "with", when it is held
	noun     string
	varies   string // before "does not vary"
}

var words = map[string]factorWords{
	RoleSize:      {"the encoder", "Size", "the encoder unchanged", "size", "The size"},
	RoleDiversity: {"the number of training languages", "Diversity", "the number of training languages unchanged", "languages", "The number of training languages"},
	RoleBudget:    {"the number of pairs", "The number of pairs", "the number of pairs unchanged", "pairs", "The number of pairs"},
}

// effectSentence says what one doubling of a factor does. first mentions the
// measure and the languages; margin is the smallest change that matters, 0 if
// nobody said.
func effectSentence(e Effect, measure, where string, first bool, margin float64) string {
	a := e.AME
	w := words[e.Factor]
	subject := "Doubling " + w.doubling
	for _, h := range e.Held {
		if h == RoleBudget && e.Factor == RoleDiversity {
			subject += ", with " + words[h].held + ","
		}
	}
	s := styleOf(unitMeasure, (a.High-a.Low)/2).apart(a.Low, a.High)
	of, in := "", ""
	if first {
		of, in = " of "+measure, " "+where
	}
	switch {
	case margin > 0 && a.Low > -margin && a.High < margin && a.Low <= 0 && a.High >= 0:
		return fmt.Sprintf("%s changes %s%s by less than %s either way.", subject, measure, in, s.with(s.given(margin)))
	case a.Low <= 0 && a.High >= 0:
		return fmt.Sprintf("%s shows no clear gain%s%s: between a loss of %s and a gain of %s all fits these data.",
			subject, of, in, s.number(-a.Low), s.with(s.number(a.High)))
	}
	verb, v, low, high := "gains", a.Value, a.Low, a.High
	if a.High < 0 {
		verb, v, low, high = "costs", -a.Value, -a.High, -a.Low
	}
	interval := s.from(low, high)
	if first {
		interval = "95 % interval " + interval
	}
	small := ""
	if margin > 0 && high < margin {
		small = fmt.Sprintf(": clear, but less than the %s asked for", s.with(s.given(margin)))
	}
	return fmt.Sprintf("%s %s **%s**%s%s (%s)%s.", subject, verb, s.with(s.number(v)), of, in, interval, small)
}

// say is the effect at a budget, to stand after the name of the budget.
func (b BudgetEffect) say(factor, measure string, margin float64) string {
	return lower(effectSentence(Effect{Factor: factor, AME: b.AME}, measure, "", false, margin))
}

// budgetSentences says what each factor does at each budget, a sentence for
// each budget.
func budgetSentences(effects []Effect) []string {
	var order []string
	said := map[string][]string{}
	for _, e := range effects {
		for _, b := range e.ByBudget {
			if b.Sentence == "" {
				continue
			}
			if said[b.Budget] == nil {
				order = append(order, b.Budget)
			}
			said[b.Budget] = append(said[b.Budget], strings.TrimSuffix(strings.TrimPrefix(b.Sentence, atBudget(b.Budget)+", "), "."))
		}
	}
	var out []string
	for _, b := range order {
		out = append(out, atBudget(b)+", "+strings.Join(said[b], "; ")+".")
	}
	return out
}

// differenceSentence compares the effects of size and diversity; d is size
// minus diversity.
func differenceSentence(d Estimate, margin float64) string {
	s := styleOf(unitMeasure, (d.High-d.Low)/2).apart(d.Low, d.High)
	a, b := words[RoleSize], words[RoleDiversity]
	switch {
	case d.Low > 0:
		return fmt.Sprintf("%s gains more: the difference is %s per doubling (%s).", a.subject, s.with(s.number(d.Value)), s.from(d.Low, d.High))
	case d.High < 0:
		return fmt.Sprintf("%s gains more: the difference is %s per doubling (%s).", b.subject, s.with(s.number(-d.Value)), s.from(-d.High, -d.Low))
	case margin > 0 && d.Low > -margin && d.High < margin:
		return fmt.Sprintf("The two gain about the same: any difference is below %s.", s.with(s.given(margin)))
	}
	return fmt.Sprintf("Which gains more is not settled: the difference may lie anywhere from %s for %s to %s for %s.",
		s.with(s.number(-d.Low)), b.noun, s.with(s.number(d.High)), a.noun)
}

// interactionSentence speaks of an interaction only where it is clear and has
// the same sign on both scales. It is empty where it is not clear; scale says
// that the sign depends on the scale.
func interactionSentence(logit, raw *Estimate) (sentence string, scale bool) {
	if logit == nil || raw == nil || !logit.OK || !raw.OK {
		return "", false
	}
	clear := func(e *Estimate) bool { return e.Low > 0 || e.High < 0 }
	if !clear(logit) && !clear(raw) {
		return "", false
	}
	if !clear(logit) || !clear(raw) || (logit.Value > 0) != (raw.Value > 0) {
		return "", true
	}
	more := "more"
	if logit.Value < 0 {
		more = "less"
	}
	return fmt.Sprintf("The larger the encoder, the %s another doubling of languages gains.", more), false
}

// exchangeSentence says how many times as many parameters a doubling of the
// languages is worth.
func exchangeSentence(x Exchange, within string) string {
	if !x.Bounded {
		return "How many parameters a doubling of languages is worth cannot be bounded with these data."
	}
	if x.Low <= 1 && x.High >= 1 {
		return fmt.Sprintf("Put differently: doubling the languages is worth nothing measurable in parameters (%s to %s times as many all fits), within %s.",
			times(x.Low, 1), times(x.High, 1), within)
	}
	decimals := 1
	for same := decimal(1, 1); decimals < mostDecimals && (decimal(x.Low, decimals) == same || decimal(x.High, decimals) == same); {
		decimals++ // a limit that is not 1 must not be written like it
		same = decimal(1, decimals)
	}
	return fmt.Sprintf("Put differently: doubling the languages is worth about %s times as many parameters (%s to %s times), within %s.",
		times(x.Times, decimals), times(x.Low, decimals), times(x.High, decimals), within)
}

func times(v float64, decimals int) string {
	if v >= 100 {
		decimals = 0
	}
	return decimal(v, decimals)
}

// scopeSentence says what the answer is about.
func scopeSentence(f Facts) string {
	parts := []string{count(f.Languages, "language")}
	if len(f.Sizes) > 1 {
		parts = append(parts, fmt.Sprintf("encoders of %s to %s parameters", amount(float64(f.Sizes[0].Params)), amount(float64(f.Sizes[len(f.Sizes)-1].Params))))
	} else if len(f.Sizes) == 1 {
		parts = append(parts, fmt.Sprintf("an encoder of %s parameters", amount(float64(f.Sizes[0].Params))))
	}
	if n := len(f.Diversities); n > 1 {
		parts = append(parts, fmt.Sprintf("%s to %s training languages", trim(f.Diversities[0].Value), trim(f.Diversities[n-1].Value)))
	} else if n == 1 {
		parts = append(parts, count(int(math.Round(f.Diversities[0].Value)), "training language"))
	}
	s := "This holds for " + list(parts)
	if n := len(f.Budgets); n > 0 {
		var b []string
		for _, l := range f.Budgets {
			b = append(b, thousands(int(math.Round(l.Value))))
		}
		s += " at " + list(b) + " pairs"
	}
	if len(f.Averaged) > 0 {
		s += ", averaged over " + strings.Join(f.Averaged, " and ")
	}
	if f.InferencePop {
		return s + ", and for languages like them."
	}
	return s + "."
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

func thousands(n int) string {
	t := strconv.Itoa(n)
	for i := len(t) - 3; i > 0 && t[i-1] != '-'; i -= 3 {
		t = t[:i] + "," + t[i:]
	}
	return t
}

// amount writes a number of parameters: 131 thousand, 8.4 million.
func amount(v float64) string {
	switch {
	case v >= 1e9:
		return trim(v/1e9) + " billion"
	case v >= 1e6:
		return trim(v/1e6) + " million"
	case v >= 1e4:
		return trim(v/1e3) + " thousand"
	}
	return trim(v)
}

// trim writes a number with two or three digits that count.
func trim(v float64) string {
	d := 0
	if math.Abs(v) < 99.95 {
		d = 1
	}
	t := decimal(v, d)
	return strings.TrimSuffix(t, ".0")
}

func list(parts []string) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// nothingSettled ends the sentences of an undecided claim.
const nothingSettled = "that is not evidence of no effect."

// say fills in what a claim's row in the report says.
func (x *question) say(r *ClaimResult) {
	s := styleOf(x.est.Unit, (r.High-r.Low)/2).beside(r.Low, r.High, 0, x.c-x.claim.Margin, x.c, x.c+x.claim.Margin)
	c, m := x.c, x.claim.Margin
	r.Asked = x.asked(s)
	if x.est.OK {
		n := s.number(x.est.Value)
		r.Measured = s.with(signed(n))
		r.Interval = s.from(r.Low, r.High)
	}
	r.Sentences = nil
	add := func(format string, args ...any) { r.Sentences = append(r.Sentences, fmt.Sprintf(format, args...)) }
	if r.Case == CaseNotEnough {
		if x.est.OK {
			add("We measured %s.", r.Measured)
		}
		add("%s", x.reasonSentence())
		return
	}
	less := x.op == "<"
	low, high := r.Low, r.High
	side, gain, loss := "above", "gain", "loss"
	bound := c + m
	if less {
		low, high, side, gain, loss = -high, -low, "below", "loss", "gain"
		bound = c - m
	}
	other := map[string]string{"above": "below", "below": "above"}[side]
	shift := c // relative to what is gained: differences from c where that is not 0
	if less {
		shift = -c
	}
	if shift != 0 {
		gain, loss = "difference", "difference in the other direction"
		if !less {
			gain, loss = "excess", "shortfall"
		}
	}
	corrected, against := "", ""
	if r.Level > 1-alpha+1e-9 {
		corrected = fmt.Sprintf(" (corrected for %s)", count(r.Family, "claim"))
	}
	if shift != 0 {
		against = ", against " + s.given(c) + ","
	}
	fit := fmt.Sprintf("We measured %s. Values from %s%s fit these data", r.Measured, r.Interval, corrected)
	switch r.Case {
	case CaseAbove:
		add("%s, all %s %s.", fit, side, s.given(bound))
	case CaseOpposite:
		add("%s, all %s %s. In fact the opposite holds.", fit, other, s.given(c))
	case CaseBelow:
		add("%s: there is a %s, but smaller than the %s asked for.", fit, gain, s.given(m))
	case CaseBounded:
		if m > 0 {
			add("%s: whatever the %s, it is smaller than the %s asked for.", fit, gain, s.given(m))
		} else {
			add("%s, none %s %s.", fit, side, s.given(c))
		}
	case CaseClearGain:
		add("%s.", fit)
		add("%s is clear, but it may be smaller or larger than the %s asked for. These data do not settle this; %s", upper(article(gain)), s.given(m), nothingSettled)
	case CaseOpen:
		add("We measured %s.", r.Measured)
		if low <= shift && high >= shift {
			add("From %s of %s to %s of %s%s%s all fits these data. They do not settle this; %s", article(loss), s.number(shift-low), article(gain), s.with(s.number(high-shift)), corrected, against, nothingSettled)
		} else {
			add("Values from %s%s fit these data. They do not settle this; %s", r.Interval, corrected, nothingSettled)
		}
	case CaseAlike:
		add("%s. Any difference is below %s.", fit, s.with(s.given(m)))
	case CaseDifferent:
		add("%s: they differ.", fit)
	case CaseMayDiffer:
		add("We measured %s.", r.Measured)
		add("They may be alike or differ by up to %s%s.", s.with(s.number(max(math.Abs(r.Low-c), math.Abs(r.High-c)))), corrected)
	}
	if r.Verdict == Inconclusive {
		if t := x.settleSentence(x.settle(r.Level)); t != "" {
			add("%s", t)
		}
	}
	if t := robustSentence(r); t != "" {
		add("%s", t)
	}
}

// article puts a or an before a noun.
func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// asked says what a claim asks for: "above 0.5 points".
func (x *question) asked(s style) string {
	c, m := x.c, x.claim.Margin
	switch x.op {
	case ">":
		return "above " + s.with(s.given(c+m))
	case "<":
		return "below " + s.with(s.given(c-m))
	case "==":
		return "within " + s.with(s.given(m)) + " of " + s.given(c)
	}
	if m == 0 {
		return "other than " + s.with(s.given(c))
	}
	return "more than " + s.with(s.given(m)) + " from " + s.given(c)
}

func (x *question) settleSentence(t settle) string {
	e := x.est
	lang := "target languages"
	units := "draws"
	if e.Replication != unitDraw {
		units = "runs"
	}
	const decided = " an effect of this size would be decided in 8 of 10 such studies."
	switch {
	case t.languages > 0 && t.languagesDiffer:
		return fmt.Sprintf("More %s would not help: the languages differ too much among themselves. Add languages. With %d %s instead of %d", units, t.languages, lang, e.Languages) + decided
	case t.languages > 0 && (t.units == 0 || t.languages*e.Units <= t.units*e.Languages):
		return fmt.Sprintf("With %d %s instead of %d", t.languages, lang, e.Languages) + decided
	case t.units > 0:
		return fmt.Sprintf("With %d %s instead of %d", t.units, units, e.Units) + decided
	case t.both[0] > 0:
		return fmt.Sprintf("With %d %s instead of %d, and %d %s instead of %d,", t.both[0], lang, e.Languages, t.both[1], units, e.Units) + decided
	case t.queries > 0:
		return fmt.Sprintf("With %d times as many queries", t.queries) + decided
	case x.op == "==" || x.op == "!=":
		return ""
	case e.VarShared > 0:
		return fmt.Sprintf("An effect so close to what was asked for would take more than four times as many languages and %s, or queries.", units)
	}
	return fmt.Sprintf("An effect so close to what was asked for would take more than four times as many languages and %s.", units)
}

// robustSentence says how many other analyses agree.
func robustSentence(r *ClaimResult) string {
	n := len(r.Alternatives)
	if n == 0 {
		return ""
	}
	agree := 0
	var differ []string
	for _, a := range r.Alternatives {
		if a.Verdict == r.Verdict {
			agree++
		} else {
			differ = append(differ, fmt.Sprintf("%s it is %s", a.Name, a.Verdict))
		}
	}
	if agree == n {
		return fmt.Sprintf("Other reasonable analyses that give the same verdict: all %d.", n)
	}
	const most = 3
	more := ""
	if len(differ) > most {
		more = fmt.Sprintf("; and %d more", len(differ)-most)
		differ = differ[:most]
	}
	return fmt.Sprintf("Other reasonable analyses that give the same verdict: %d of %d; %s%s.", agree, n, strings.Join(differ, "; "), more)
}

// reasonSentence says why a verdict was forced.
func (x *question) reasonSentence() string {
	g := x.grid
	if x.q.detail != "" && x.q.reason == x.reason {
		return x.q.detail + x.byCondition()
	}
	switch x.reason {
	case ReasonFewLanguages:
		text := fmt.Sprintf("Claims about languages in general need at least %d; this study has %d.", minLanguages, len(g.langs))
		switch {
		case !x.est.OK:
			return text
		case x.est.Languages == 1:
			return text + " The numbers above are about this one."
		}
		return text + fmt.Sprintf(" The numbers above are about these %d.", x.est.Languages)
	case ReasonFewQueries:
		return "In " + list(g.lonely()) + " there is one query, and nothing says how it would be with others; with at least two queries in every language there is an interval."
	case ReasonPartialGrid:
		return partialSentence(g.design.Partial)
	case ReasonNotSeparable:
		if len(g.lineage.single) > 0 && asks(x.theta, RoleDiversity) {
			return "All draws train on the same languages, so the effect of how many there are cannot be told apart from the effect of which they are; draw them anew in each draw."
		}
		if asks(x.theta, RoleDiversity) && asks(x.theta, RoleBudget) {
			return "The number of languages and the number of pairs grow together here, so their effects cannot be told apart; cross them with a second budget."
		}
		return "What the claim is about changes together with something else here, so their effects cannot be told apart; cross them."
	case ReasonTooFewRuns:
		n, df := x.est.Units, x.est.Units-1
		what := "draw"
		if x.est.Replication != unitDraw {
			what, df = "run", max(0, x.est.Units-int(x.q.lost))
		}
		leave, degrees := "leave", "degrees"
		if n == 1 {
			leave = "leaves"
		}
		if df == 1 {
			degrees = "degree"
		}
		return fmt.Sprintf("%s %s %d %s of freedom; at least 2 are needed.", count(n, what), leave, df, degrees)
	case ReasonUnbounded:
		return "What is divided by cannot be told from zero, so the ratio cannot be bounded with these data."
	case ReasonNoData:
		return "These records do not hold what the claim is about: it does not vary, or was not measured."
	}
	return "This comparison cannot be computed: its parts have different units, or are not known here."
}

// byCondition says what the conditions would say by themselves.
func (x *question) byCondition() string {
	const most = 4
	if x.reason != ReasonAmbiguous || len(x.parts) < 2 || len(x.parts) > most {
		return ""
	}
	var said []string
	for _, g := range x.parts {
		s := g.sample(nil, nil, stats.EmpiricalLogit)
		e := s.estimate(s.evaluate(x.theta))
		if !e.OK || e.SE == 0 {
			return ""
		}
		f := styleOf(e.Unit, (e.High-e.Low)/2).apart(e.Low, e.High)
		said = append(said, fmt.Sprintf("%s %s (%s)", g.name, f.with(signed(f.number(e.Value))), f.from(e.Low, e.High)))
	}
	return " By themselves: " + strings.Join(said, "; ") + "."
}

func partialSentence(p *Partial) string {
	s := fmt.Sprintf("Only %s of %s were run", thousands(p.Done), count(p.All, "cell"))
	if p.Only != "" {
		s += fmt.Sprintf(" (-only %s)", p.Only)
	}
	return s + "."
}

// asks says whether an expression speaks of a factor.
func asks(x Expr, factor string) bool {
	for _, c := range calls(x) {
		for _, a := range c.Args {
			if a.Text == factor {
				return true
			}
		}
	}
	return false
}

// unknownEffect says why an effect is not stated.
func unknownEffect(e Effect) string {
	w := words[e.Factor]
	switch e.AME.Reason {
	case ReasonNotSeparable:
		return fmt.Sprintf("What doubling %s does cannot be told apart from what changes with it here.", w.doubling)
	case ReasonTooFewRuns:
		return fmt.Sprintf("What doubling %s does cannot be said with so few runs.", w.doubling)
	}
	return fmt.Sprintf("What doubling %s does was not measured.", w.doubling)
}

// gainSentence compares two kinds of cells.
func gainSentence(g Gain, measure string) string {
	e := g.Gain
	if !e.OK || e.SE == 0 {
		return ""
	}
	name := map[string]string{KindTrained: "the trained encoder", KindControl: "the same encoder trained on shuffled pairs", KindUntrained: "the same encoder without training", KindBaseline: "the baseline"}
	a, b := name[g.A], name[g.B]
	s := styleOf(unitMeasure, (e.High-e.Low)/2).apart(e.Low, e.High)
	at := ""
	if g.Budget != "" {
		at = atBudget(g.Budget)
		if g.Where != "" {
			at += " (" + g.Where + ")"
		}
		at += ", "
	} else if g.Where != "" {
		at = "At " + g.Where + ", "
	}
	var t string
	switch {
	case e.Low > 0:
		t = fmt.Sprintf("%s%s reaches %s of %s more than %s (%s).", at, a, s.with(s.number(e.Value)), measure, b, s.from(e.Low, e.High))
	case e.High < 0:
		t = fmt.Sprintf("%s%s reaches %s of %s less than %s (%s).", at, a, s.with(s.number(-e.Value)), measure, b, s.from(-e.High, -e.Low))
	default:
		t = fmt.Sprintf("%swhether %s does better than %s is not settled: from %s less to %s more of %s all fits these data.", at, a, b, s.number(-e.Low), s.with(s.number(e.High)), measure)
	}
	return upper(t)
}

// atBudget names a budget: by its number of pairs where that is its label.
func atBudget(label string) string {
	if n, err := strconv.Atoi(label); err == nil {
		return "At " + count(n, "pair")
	}
	return "At budget " + label
}

// upper writes the first letter large, lower small; it is ASCII.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
