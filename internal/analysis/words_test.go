package analysis

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func est(unit string, v, low, high float64) Estimate {
	return Estimate{OK: true, Unit: unit, Value: v, Low: low, High: high, SE: (high - low) / 4, DF: 1e9}
}

func points(v, low, high float64) Estimate { return est(unitMeasure, v/100, low/100, high/100) }

// Every row of the table of answers.
func TestEffectSentence(t *testing.T) {
	const in = "in languages it was never trained on"
	for _, c := range []struct {
		name   string
		e      Effect
		first  bool
		margin float64
		want   string
	}{
		{
			"size first",
			Effect{Factor: RoleSize, Held: []string{RoleDiversity, RoleBudget}, AME: points(2.6, 1.9, 3.3)},
			true, .005,
			"Doubling the encoder gains **2.6 points** of nDCG@10 in languages it was never trained on (95 % interval 1.9 to 3.3).",
		},
		{
			"diversity second",
			Effect{Factor: RoleDiversity, Held: []string{RoleSize, RoleBudget}, AME: points(1, .2, 1.8)},
			false, .005,
			"Doubling the number of training languages, with the number of pairs unchanged, gains **1.0 point** (0.2 to 1.8).",
		},
		{
			"no clear gain",
			Effect{Factor: RoleDiversity, Held: []string{RoleBudget}, AME: points(.4, -.7, 1.5)},
			false, .005,
			"Doubling the number of training languages, with the number of pairs unchanged, shows no clear gain: between a loss of 0.7 and a gain of 1.5 points all fits these data.",
		},
		{
			"too small to matter",
			Effect{Factor: RoleDiversity, Held: []string{RoleBudget}, AME: points(.1, -.3, .4)},
			false, .005,
			"Doubling the number of training languages, with the number of pairs unchanged, changes nDCG@10 by less than 0.5 points either way.",
		},
		{
			"clear but small",
			Effect{Factor: RoleDiversity, Held: []string{RoleBudget}, AME: points(.274, .086, .462)},
			false, .005,
			"Doubling the number of training languages, with the number of pairs unchanged, gains **0.27 points** (0.09 to 0.46): clear, but less than the 0.5 points asked for.",
		},
		{
			"a small loss",
			Effect{Factor: RoleDiversity, AME: points(-.274, -.462, -.086)},
			false, .005,
			"Doubling the number of training languages costs **0.27 points** (0.09 to 0.46): clear, but less than the 0.5 points asked for.",
		},
		{
			"just above zero",
			Effect{Factor: RoleDiversity, AME: points(.115, .0034, .2271)},
			false, 0,
			"Doubling the number of training languages gains **0.115 points** (0.003 to 0.227).",
		},
		{
			"no margin given",
			Effect{Factor: RoleDiversity, AME: points(.1, -.3, .4)},
			false, 0,
			"Doubling the number of training languages shows no clear gain: between a loss of 0.3 and a gain of 0.4 points all fits these data.",
		},
		{
			"a loss",
			Effect{Factor: RoleBudget, Held: []string{RoleDiversity}, AME: points(-2, -3, -1)},
			false, .005,
			"Doubling the number of pairs costs **2.0 points** (1.0 to 3.0).",
		},
		{
			"narrow",
			Effect{Factor: RoleSize, AME: points(.82, .7, .94)},
			false, .005,
			"Doubling the encoder gains **0.82 points** (0.70 to 0.94).",
		},
	} {
		if got := effectSentence(c.e, "nDCG@10", in, c.first, c.margin); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestBudgetSentences(t *testing.T) {
	at := func(factor, budget string, e Estimate) BudgetEffect {
		b := BudgetEffect{Budget: budget, AME: e}
		b.Sentence = atBudget(budget) + ", " + b.say(factor, "nDCG@10", .005)
		return b
	}
	got := budgetSentences([]Effect{
		{Factor: RoleSize, ByBudget: []BudgetEffect{at(RoleSize, "701", points(1.6, .8, 2.5)), at(RoleSize, "4206", points(2.7, 1.9, 3.5))}},
		{Factor: RoleDiversity, ByBudget: []BudgetEffect{at(RoleDiversity, "701", points(.1, -.3, .4)), {Budget: "4206"}}},
	})
	want := []string{
		"At 701 pairs, doubling the encoder gains **1.6 points** (0.8 to 2.5); doubling the number of training languages changes nDCG@10 by less than 0.5 points either way.",
		"At 4,206 pairs, doubling the encoder gains **2.7 points** (1.9 to 3.5).",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestDifferenceSentence(t *testing.T) {
	for _, c := range []struct {
		e    Estimate
		m    float64
		want string
	}{
		{points(1.6, .6, 2.6), .005, "Size gains more: the difference is 1.6 points per doubling (0.6 to 2.6)."},
		{points(-1.6, -2.6, -.6), .005, "Diversity gains more: the difference is 1.6 points per doubling (0.6 to 2.6)."},
		{points(.75, .016, 1.48), .005, "Size gains more: the difference is 0.75 points per doubling (0.02 to 1.48)."},
		{points(.1, -.3, .4), .005, "The two gain about the same: any difference is below 0.5 points."},
		{points(.4, -.8, 1.6), .005, "Which gains more is not settled: the difference may lie anywhere from 0.8 points for languages to 1.6 points for size."},
		{points(.1, -.3, .4), 0, "Which gains more is not settled: the difference may lie anywhere from 0.3 points for languages to 0.4 points for size."},
	} {
		if got := differenceSentence(c.e, c.m); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestInteractionSentence(t *testing.T) {
	up, down, flat := est(unitLogOdds, .05, .02, .08), est(unitLogOdds, -.05, -.08, -.02), est(unitLogOdds, 0, -.02, .02)
	for _, c := range []struct {
		logit, raw *Estimate
		want       string
		scale      bool
	}{
		{&up, &up, "The larger the encoder, the more another doubling of languages gains.", false},
		{&down, &down, "The larger the encoder, the less another doubling of languages gains.", false},
		{&up, &down, "", true},
		{&up, &flat, "", true},
		{&flat, &flat, "", false},
		{nil, nil, "", false},
	} {
		if got, scale := interactionSentence(c.logit, c.raw); got != c.want || scale != c.scale {
			t.Errorf("got %q %v, want %q %v", got, scale, c.want, c.scale)
		}
	}
}

func TestExchangeSentence(t *testing.T) {
	want := "Put differently: doubling the languages is worth about 1.32 times as many parameters (1.03 to 1.77 times), within 4 to 256 million parameters."
	if got := exchangeSentence(Exchange{Bounded: true, Times: 1.32, Low: 1.027, High: 1.772}, "4 to 256 million parameters"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = "Put differently: doubling the languages is worth nothing measurable in parameters (0.5 to 2.3 times as many all fits), within 1 to 2 million parameters."
	if got := exchangeSentence(Exchange{Bounded: true, Times: .97, Low: .451, High: 2.3}, "1 to 2 million parameters"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = "How many parameters a doubling of languages is worth cannot be bounded with these data."
	if got := exchangeSentence(Exchange{}, ""); got != want {
		t.Errorf("got %s", got)
	}
}

func TestScopeSentence(t *testing.T) {
	f := Facts{
		Languages: 8, Sizes: []SizeLevel{{Params: 131072}, {Params: 8388608}}, InferencePop: true,
		Diversities: []Level{{Value: 1}, {Value: 4}}, Budgets: []Level{{Value: 701}, {Value: 4206}},
	}
	want := "This holds for 8 languages, encoders of 131 thousand to 8.4 million parameters and 1 to 4 training languages at 701 and 4,206 pairs, and for languages like them."
	if got := scopeSentence(f); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Averaged = []string{"side = mono, pivot"}
	want = "This holds for 8 languages, encoders of 131 thousand to 8.4 million parameters and 1 to 4 training languages at 701 and 4,206 pairs, averaged over side = mono, pivot, and for languages like them."
	if got := scopeSentence(f); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Averaged = nil
	f.InferencePop, f.Languages, f.Budgets = false, 4, f.Budgets[:1]
	want = "This holds for 4 languages, encoders of 131 thousand to 8.4 million parameters and 1 to 4 training languages at 701 pairs."
	if got := scopeSentence(f); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// asked builds a question with a given estimate, as if it had been computed.
func asked(op string, c, margin float64, e Estimate) *question {
	return &question{
		claim: Claim{Name: "x", Left: ameOf(RoleSize), Op: op, Right: Number(c), Margin: margin},
		grid:  &grid{langs: labels("t", 8)}, theta: ameOf(RoleSize), op: op, c: c, est: e, q: &quantity{},
	}
}

// A verdict's interval says that it is wider than that of the headline, and no
// limit is written like what it is compared with.
func TestCorrectedSentences(t *testing.T) {
	for _, c := range []struct {
		v, low, high float64
		want         string
	}{
		{2.6, 1.9, 3.3, "We measured +2.6 points. Values from 1.9 to 3.3 (corrected for 4 claims) fit these data, all above 0.5."},
		{.7, -.03, 1.5, "We measured +0.70 points. From a loss of 0.03 to a gain of 1.50 points (corrected for 4 claims) all fits these data."},
		{2.6, .52, 4.68, "We measured +2.60 points. Values from 0.52 to 4.68 (corrected for 4 claims) fit these data, all above 0.5."},
	} {
		x := asked(">", 0, .005, points(c.v, c.low, c.high))
		r := ClaimResult{Low: c.low / 100, High: c.high / 100, Level: 0.9875, Family: 4}
		r.Verdict, r.Case = x.verdictOf(r.Low, r.High, r.Low, r.High)
		x.say(&r)
		if got := strings.Join(r.Sentences, " "); !strings.HasPrefix(got, c.want) {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// What a study finds in 8 of 10 cases counts from what was asked, at the level
// of the verdict: 2.2414 and 0.8416 standard errors beyond it.
func TestFound(t *testing.T) {
	e := points(1, 0, 2)
	e.SE = .004
	for _, c := range []struct {
		op   string
		want float64
	}{{">", .005 + (2.2414+.8416)*.004}, {"<", -.005 - (2.2414+.8416)*.004}} {
		if got := asked(c.op, 0, .005, e).found(.975); got == nil || math.Abs(*got-c.want) > 1e-6 {
			t.Errorf("%s: got %v, want %g", c.op, got, c.want)
		}
	}
	if got := asked("==", 0, .005, e).found(.975); got != nil {
		t.Errorf("equality: got %g", *got)
	}
}

// Every row of the table of verdicts, and its mirror image for "<".
func TestVerdictSentences(t *testing.T) {
	const open = "that is not evidence of no effect."
	for _, c := range []struct {
		name          string
		op            string
		c, m          float64
		v, low, high  float64 // points
		verdict, kind string
		want          string
	}{
		{
			"above", ">", 0, .005, 2.6, 1.9, 3.3, Supported, CaseAbove,
			"We measured +2.6 points. Values from 1.9 to 3.3 fit these data, all above 0.5.",
		},
		{
			"opposite", ">", 0, 0, -1.6, -2.6, -.6, Refuted, CaseOpposite,
			"We measured −1.6 points. Values from −2.6 to −0.6 fit these data, all below 0. In fact the opposite holds.",
		},
		{
			"below the margin", ">", 0, .01, .5, .2, .8, Refuted, CaseBelow,
			"We measured +0.5 points. Values from 0.2 to 0.8 fit these data: there is a gain, but smaller than the 1 asked for.",
		},
		{
			"bounded", ">", 0, .01, .3, -.2, .8, Refuted, CaseBounded,
			"We measured +0.3 points. Values from −0.2 to 0.8 fit these data: whatever the gain, it is smaller than the 1 asked for.",
		},
		{
			"clear gain", ">", 0, .005, 1, .2, 1.8, Inconclusive, CaseClearGain,
			"We measured +1.0 point. Values from 0.2 to 1.8 fit these data. A gain is clear, but it may be smaller or larger than the 0.5 asked for. These data do not settle this; " + open,
		},
		{
			"open", ">", 0, .005, .4, -.7, 1.5, Inconclusive, CaseOpen,
			"We measured +0.4 points. From a loss of 0.7 to a gain of 1.5 points all fits these data. They do not settle this; " + open,
		},
		{
			"alike", "==", 0, .005, .1, -.3, .4, Supported, CaseAlike,
			"We measured +0.1 points. Values from −0.3 to 0.4 fit these data. Any difference is below 0.5 points.",
		},
		{
			"may differ", "==", 0, .005, .4, -.2, 1.2, Inconclusive, CaseMayDiffer,
			"We measured +0.4 points. They may be alike or differ by up to 1.2 points.",
		},
		{
			"not alike", "==", 0, .005, 2.6, 1.9, 3.3, Refuted, CaseDifferent,
			"We measured +2.6 points. Values from 1.9 to 3.3 fit these data: they differ.",
		},
		{
			"less, supported", "<", 0, .005, -2.6, -3.3, -1.9, Supported, CaseAbove,
			"We measured −2.6 points. Values from −3.3 to −1.9 fit these data, all below −0.5.",
		},
		{
			"less, opposite", "<", 0, 0, 1.6, .6, 2.6, Refuted, CaseOpposite,
			"We measured +1.6 points. Values from 0.6 to 2.6 fit these data, all above 0. In fact the opposite holds.",
		},
		{
			"less, open", "<", 0, .005, -.4, -1.5, .7, Inconclusive, CaseOpen,
			"We measured −0.4 points. From a gain of 0.7 to a loss of 1.5 points all fits these data. They do not settle this; " + open,
		},
		{
			"other constant", ">", .02, 0, 2.6, 1.9, 3.3, Inconclusive, CaseOpen,
			"We measured +2.6 points. From a shortfall of 0.1 to an excess of 1.3 points, against 2, all fits these data. They do not settle this; " + open,
		},
	} {
		x := asked(c.op, c.c, c.m, points(c.v, c.low, c.high))
		verdict, kind := x.verdictOf(c.low/100, c.high/100, c.low/100, c.high/100)
		if verdict != c.verdict || kind != c.kind {
			t.Errorf("%s: got %s (%s), want %s (%s)", c.name, verdict, kind, c.verdict, c.kind)
			continue
		}
		r := ClaimResult{Verdict: verdict, Case: kind, Low: c.low / 100, High: c.high / 100, Level: 0.95}
		x.say(&r)
		if got := strings.Join(r.Sentences, " "); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		for _, s := range r.Sentences {
			for _, w := range []string{"significant", "p <", "trend", "failed", "proves", "±", " -"} {
				if strings.Contains(s, w) {
					t.Errorf("%s: %q in %q", c.name, w, s)
				}
			}
		}
	}
}

func TestAsked(t *testing.T) {
	for _, c := range []struct {
		op   string
		c, m float64
		unit string
		want string
	}{
		{">", 0, .005, unitMeasure, "above 0.5 points"},
		{">", 0, .01, unitMeasure, "above 1 point"},
		{"<", 0, .005, unitMeasure, "below −0.5 points"},
		{">", .1, 0, unitLogOdds, "above 0.1 log-odds"},
		{"==", 0, .005, unitMeasure, "within 0.5 points of 0"},
		{"!=", 0, .005, unitMeasure, "more than 0.5 points from 0"},
		{"!=", 0, 0, unitMeasure, "other than 0 points"},
	} {
		if got := asked(c.op, c.c, c.m, est(c.unit, 0, -1, 1)).asked(styleOf(c.unit, .05)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestReasonSentences(t *testing.T) {
	base := func() *question { return asked(">", 0, .005, points(1, 0, 2)) }
	for _, c := range []struct {
		name string
		set  func(*question)
		want string
	}{
		{
			"few languages", func(x *question) {
				x.reason, x.est.OK, x.est.Languages = ReasonFewLanguages, true, 4
				x.grid.langs = labels("t", 4)
			},
			"Claims about languages in general need at least 5; this study has 4. The numbers above are about these 4.",
		},
		{
			"one language", func(x *question) {
				x.reason, x.est.OK, x.est.Languages = ReasonFewLanguages, true, 1
				x.grid.langs = labels("t", 1)
			},
			"Claims about languages in general need at least 5; this study has 1. The numbers above are about this one.",
		},
		{
			"few languages, no numbers", func(x *question) {
				x.reason, x.est.OK = ReasonFewLanguages, false
				x.grid.langs = labels("t", 4)
			},
			"Claims about languages in general need at least 5; this study has 4.",
		},
		{"partial", func(x *question) {
			x.reason = ReasonPartialGrid
			x.grid.design.Partial = &Partial{Done: 12, All: 576, Only: "size=xs"}
		}, "Only 12 of 576 cells were run (-only size=xs)."},
		{
			"not separable", func(x *question) { x.reason = ReasonNotSeparable; x.theta = ameOf(RoleDiversity, RoleBudget) },
			"The number of languages and the number of pairs grow together here, so their effects cannot be told apart; cross them with a second budget.",
		},
		{"fixed draws", func(x *question) {
			x.reason = ReasonNotSeparable
			x.theta = ameOf(RoleDiversity, RoleBudget)
			x.grid.lineage.single = map[[2]int]bool{{0, 0}: true}
		}, "All draws train on the same languages, so the effect of how many there are cannot be told apart from the effect of which they are; draw them anew in each draw."},
		{
			"two draws", func(x *question) { x.reason = ReasonTooFewRuns; x.est.Units = 2; x.est.Replication = unitDraw },
			"2 draws leave 1 degree of freedom; at least 2 are needed.",
		},
		{
			"one draw", func(x *question) { x.reason = ReasonTooFewRuns; x.est.Units = 1; x.est.Replication = unitDraw },
			"1 draw leaves 0 degrees of freedom; at least 2 are needed.",
		},
		{
			"unbounded", func(x *question) { x.reason = ReasonUnbounded },
			"What is divided by cannot be told from zero, so the ratio cannot be bounded with these data.",
		},
	} {
		x := base()
		c.set(x)
		if got := x.reasonSentence(); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestSettleSentence(t *testing.T) {
	x := asked(">", 0, 0, points(1, -1, 3))
	x.est.Languages, x.est.Units, x.est.Replication = 8, 8, unitDraw
	for _, c := range []struct {
		t    settle
		want string
	}{
		{settle{languages: 16}, "With 16 target languages instead of 8 an effect of this size would be decided in 8 of 10 such studies."},
		{settle{units: 12}, "With 12 draws instead of 8 an effect of this size would be decided in 8 of 10 such studies."},
		{settle{languages: 16, languagesDiffer: true}, "More draws would not help: the languages differ too much among themselves. Add languages. With 16 target languages instead of 8 an effect of this size would be decided in 8 of 10 such studies."},
		{settle{queries: 3}, "With 3 times as many queries an effect of this size would be decided in 8 of 10 such studies."},
		{settle{both: [2]int{20, 20}}, "With 20 target languages instead of 8, and 20 draws instead of 8, an effect of this size would be decided in 8 of 10 such studies."},
		{settle{}, "An effect so close to what was asked for would take more than four times as many languages and draws."},
	} {
		if got := x.settleSentence(c.t); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// Where languages alone carry the variance, more draws must not be advised.
func TestSettle(t *testing.T) {
	x := asked(">", 0, 0, points(1, -.5, 2.5))
	x.est.Languages, x.est.Units = 8, 8
	x.est.VarLanguage, x.est.VarUnit, x.est.VarRest = 4e-5, 1e-7, 0
	if got := x.settle(.95); got.languages <= 8 || got.units != 0 || !got.languagesDiffer {
		t.Errorf("languages differ: %+v", got)
	}
	x.est.VarLanguage, x.est.VarUnit = 1e-7, 4e-5
	if got := x.settle(.95); got.units <= 8 || got.languages != 0 || got.languagesDiffer {
		t.Errorf("draws differ: %+v", got)
	}
	x.est.VarUnit, x.est.VarShared = 1e-7, 3e-5
	if got := x.settle(.95); got.queries < 2 || got.units != 0 || got.languages != 0 || got.languagesDiffer {
		t.Errorf("queries differ: %+v", got)
	}
}

func TestRobustSentence(t *testing.T) {
	r := &ClaimResult{Verdict: Supported}
	if got := robustSentence(r); got != "" {
		t.Errorf("got %q", got)
	}
	r.Alternatives = []Alternative{{Name: "without cat", Verdict: Supported}, {Name: "on the measure itself", Verdict: Supported}}
	if got, want := robustSentence(r), "Other reasonable analyses that give the same verdict: all 2."; got != want {
		t.Errorf("got %q", got)
	}
	r.Alternatives[0].Verdict = Inconclusive
	if got, want := robustSentence(r), "Other reasonable analyses that give the same verdict: 1 of 2; without cat it is inconclusive."; got != want {
		t.Errorf("got %q", got)
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		decimal(-0.04, 1): "0.0", decimal(-0.06, 1): "−0.1", thousands(1234567): "1,234,567", thousands(-1234): "-1,234", thousands(12): "12",
		amount(131072): "131 thousand", amount(8.4e6): "8.4 million", amount(2e9): "2 billion", amount(4096): "4096",
		Plain("gains **2.6 points** of"): "gains 2.6 points of", signed("0.0"): "0.0", signed("2.6"): "+2.6",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExprString(t *testing.T) {
	for _, c := range []struct {
		x    Expr
		want string
	}{
		{ameOf("diversity", "budget"), `ame("diversity", "budget")`},
		{Binary{'-', slopeOf("size"), Binary{'-', slopeOf("diversity"), Number(.5)}}, `slope("size") - (slope("diversity") - 0.5)`},
		{Binary{'*', Number(2), Binary{'+', Number(1), slopeOf("size")}}, `2 * (1 + slope("size"))`},
		{Binary{'+', Binary{'*', Number(2), slopeOf("size")}, Number(1)}, `2 * slope("size") + 1`},
		{Neg{Binary{'+', Number(1), Number(2)}}, `-(1 + 2)`},
		{Call{"mean", []Arg{Text("student"), {Number: 3, IsNumber: true}}}, `mean("student", 3)`},
	} {
		if got := c.x.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestGainSentence(t *testing.T) {
	for _, c := range []struct {
		g    Gain
		want string
	}{
		{
			Gain{A: KindTrained, B: KindControl, Budget: "4206", Where: "size m, diversity 12", Gain: points(22.8, 20.1, 25.5)},
			"At 4,206 pairs (size m, diversity 12), the trained encoder reaches 22.8 points of nDCG@10 more than the same encoder trained on shuffled pairs (20.1 to 25.5).",
		},
		{
			Gain{A: KindControl, B: KindUntrained, Gain: points(-2, -3, -1)},
			"The same encoder trained on shuffled pairs reaches 2.0 points of nDCG@10 less than the same encoder without training (1.0 to 3.0).",
		},
		{
			Gain{A: KindTrained, B: KindBaseline, Budget: "low", Gain: points(.5, -1, 2)},
			"At budget low, whether the trained encoder does better than the baseline is not settled: from 1.0 less to 2.0 points more of nDCG@10 all fits these data.",
		},
		{Gain{}, ""},
	} {
		if got := gainSentence(c.g, "nDCG@10"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
