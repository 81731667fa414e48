package report

import (
	"fmt"
	"math"
	"strconv"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/results"
)

// The fixtures are invented: languages from the private-use range qaa…qtz with
// invented names, numbers from a formula. They are for layout and escaping,
// and describe nothing that was measured.

const invented = "Invented numbers for tests"

func names() map[string]string {
	return map[string]string{
		"qaa": "Arvelian", "qab": "Borsk", "qac": "Cemeric", "qad": "Dulan", "qae": "Estorian", "qaf": "Fennish", "qag": "Gorlic", "qah": "Hesperian",
		"qai": "Imbric", "qaj": "Jorvish", "qak": "Kelmar", "qal": "Lothic", "qam": "Marnese", "qan": "Noric", "qao": "Ostrevan", "qap": "Pelagic",
	}
}

// noise is a fixed sequence between −1 and 1.
type noise uint32

func (n *noise) next() float64 {
	*n = *n*1664525 + 1013904223
	return float64(*n>>8)/float64(1<<23) - 1
}

func est(unit string, v, half float64, languages int) analysis.Estimate {
	return analysis.Estimate{
		OK: true, Unit: unit, Value: v, SE: half / 2.2, DF: 9, Low: v - half, High: v + half,
		Low80: v - half*0.64, High80: v + half*0.64, Low50: v - half*0.33, High50: v + half*0.33, P: 0.01,
		Method: "crossed", Replication: "draw", Inference: "languages", Units: 8, Runs: 72, Languages: languages, MDE: half * 1.4,
	}
}

type shape struct {
	budgets, languages, draws int
	sizes                     []int64
	diversities               []int
	control                   bool
}

var (
	small = shape{budgets: 1, languages: 8, draws: 8, sizes: []int64{131_072, 1_048_576, 8_388_608}, diversities: []int{1, 2, 4}}
	large = shape{budgets: 2, languages: 16, draws: 8, sizes: []int64{131_072, 1_048_576, 4_194_304, 16_777_216}, diversities: []int{1, 3, 12, 48}, control: true}
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// fixture builds a summary of a study of that shape.
func fixture(sh shape) Input {
	var z noise = 7
	a := analysis.Analysis{Name: "law", Retrieval: "zero_shot", Measure: "nDCG@10", Baseline: "untrained"}
	f := &a.Facts
	f.Languages, f.Queries, f.SizeConvention = sh.languages, 60*sh.languages, "total"
	f.Encoders, f.Trained, f.Pools, f.Seeds = []string{"student", "untrained"}, []string{"student"}, []int{60}, 3
	f.Unit, f.UnitReason = "draw", "The training languages of a draw are the same at every size."
	f.SharedSizes, f.Nested, f.BudgetFixed, f.Balanced, f.ZeroShot, f.InferencePop = true, true, true, true, true, true
	codes := make([]string, sh.languages)
	for i := range codes {
		codes[i] = "qa" + string(rune('a'+i))
		e := results.ExposureNone
		if i == 5 {
			e = results.ExposureUnknown
			f.ZeroShot = false
		}
		f.Targets = append(f.Targets, analysis.Target{Code: codes[i], Queries: 60, Exposure: e})
	}
	labels := []string{"xs", "s", "m", "l"}
	for i, n := range sh.sizes {
		f.Sizes = append(f.Sizes, analysis.SizeLevel{Label: labels[i], ParamsTotal: n, Params: n, Log2: math.Log2(float64(n))})
	}
	for _, k := range sh.diversities {
		f.Diversities = append(f.Diversities, analysis.Level{Label: strconv.Itoa(k), Value: float64(k), Log2: math.Log2(float64(k)), Count: k})
	}
	pairs := []int{701, 4206}
	for _, p := range pairs[:sh.budgets] {
		f.Budgets = append(f.Budgets, analysis.Level{Label: strconv.Itoa(p), Value: float64(p), Log2: math.Log2(float64(p)), Count: 20_000})
	}
	for r := range sh.draws {
		f.Draws = append(f.Draws, strconv.Itoa(r+1))
	}
	base := make([]float64, sh.languages)
	for i := range base {
		base[i] = 0.4 - 0.13*float64(i) + 0.2*z.next()
	}
	score := func(kind string, lang int, n int64, k, p, draw int) float64 {
		x := base[lang] - 1.6
		switch kind {
		case analysis.KindTrained:
			x = base[lang] + 0.10*(math.Log2(float64(n))-20) + 0.045*math.Log2(float64(k)) + 0.15*math.Log2(float64(p)/701)
		case analysis.KindControl:
			x += 0.35
		}
		return sigmoid(x + 0.06*math.Sin(float64(draw*13+lang*7)+math.Log2(float64(k)+1)) + 0.07*math.Sin(float64(draw*5+k*3)))
	}
	cell := func(kind, encoder string, n int64, size string, k int, b analysis.Level) {
		c := analysis.CellStat{Kind: kind, Encoder: encoder, Size: size, Params: n, Hill1: float64(k), Pairs: b.Value, Draws: sh.draws}
		if kind != analysis.KindUntrained {
			c.Diversity, c.Budget = strconv.Itoa(k), b.Label
		}
		for l := range codes {
			sum, zero := 0.0, 0.0
			for r := range sh.draws {
				sum += score(kind, l, n, k, int(b.Value), r)
				zero += score(analysis.KindUntrained, l, n, k, int(b.Value), r)
			}
			m, u := sum/float64(sh.draws), zero/float64(sh.draws)
			c.PerLanguage = append(c.PerLanguage, m)
			c.PerLanguageHalf = append(c.PerLanguageHalf, 0.02)
			c.Mean += m / float64(sh.languages)
			if kind != analysis.KindUntrained {
				c.HasGain, c.GainHalf = true, 0.012
				c.PerLanguageGain, c.PerLanguageGainHalf = append(c.PerLanguageGain, m-u), append(c.PerLanguageGainHalf, 0.03)
				c.Gain += (m - u) / float64(sh.languages)
			}
		}
		c.Half = 0.012
		c.Low, c.High = c.Mean-c.Half, c.Mean+c.Half
		a.Cells = append(a.Cells, c)
		for r := range sh.draws {
			d := analysis.DrawPoint{Kind: kind, Encoder: encoder, Size: size, Diversity: c.Diversity, Budget: c.Budget, Draw: f.Draws[r], Params: n, Hill1: float64(k), Pairs: b.Value}
			for l := range codes {
				y := score(kind, l, n, k, int(b.Value), r)
				d.PerLanguage = append(d.PerLanguage, y)
				d.Mean += y / float64(sh.languages)
				d.Cells = append(d.Cells, fmt.Sprintf("sha256:%064x", r*1000+l))
			}
			a.Draws = append(a.Draws, d)
		}
	}
	for _, b := range f.Budgets {
		for i, n := range sh.sizes {
			for _, k := range sh.diversities {
				cell(analysis.KindTrained, "student", n, labels[i], k, b)
			}
		}
		for _, k := range sh.diversities {
			c := analysis.Curve{X: "size", Diversity: strconv.Itoa(k), Budget: b.Label}
			for i := range 25 {
				x := math.Exp2(math.Log2(float64(sh.sizes[0])) + float64(i)/24*math.Log2(float64(sh.sizes[len(sh.sizes)-1])/float64(sh.sizes[0])))
				y := 0.0
				for l := range codes {
					y += sigmoid(base[l]+0.10*(math.Log2(x)-20)+0.045*math.Log2(float64(k))+0.15*math.Log2(b.Value/701)) / float64(sh.languages)
				}
				c.Points = append(c.Points, analysis.CurvePoint{X: x, Y: y, Low: y - 0.014, High: y + 0.014})
			}
			a.Curves = append(a.Curves, c)
		}
		for i, n := range sh.sizes {
			c := analysis.Curve{X: "diversity", Size: labels[i], Budget: b.Label}
			top := float64(sh.diversities[len(sh.diversities)-1])
			for j := range 25 {
				x := math.Exp2(float64(j) / 24 * math.Log2(top))
				y := 0.0
				for l := range codes {
					y += sigmoid(base[l]+0.10*(math.Log2(float64(n))-20)+0.045*math.Log2(x)+0.15*math.Log2(b.Value/701)) / float64(sh.languages)
				}
				c.Points = append(c.Points, analysis.CurvePoint{X: x, Y: y, Low: y - 0.014, High: y + 0.014})
			}
			a.Curves = append(a.Curves, c)
		}
	}
	for i, n := range sh.sizes {
		cell(analysis.KindUntrained, "untrained", n, labels[i], 1, analysis.Level{})
	}
	f.Runs = sh.budgets * len(sh.sizes) * len(sh.diversities) * sh.draws
	f.Records = f.Runs * f.Queries
	a.Effects = []analysis.Effect{
		{Factor: "size", Held: []string{"diversity", "budget"}, Slope: est("log-odds", 0.104, 0.03, sh.languages), AME: est("measure", 0.026, 0.007, sh.languages)},
		{Factor: "diversity", Held: []string{"size", "budget"}, Slope: est("log-odds", 0.041, 0.03, sh.languages), AME: est("measure", 0.010, 0.008, sh.languages)},
	}
	diff := est("measure", 0.016, 0.010, sh.languages)
	a.Difference = &diff
	a.Exchange = &analysis.Exchange{Bounded: true, Times: 1.3, Low: 1.1, High: 1.7}
	a.Answer = []string{
		"Doubling the encoder gains **2.6 points** of nDCG@10 in languages it was never trained on (95 % interval 1.9 to 3.3).",
		"Doubling the number of training languages, with the number of pairs unchanged, gains **1.0 points** (0.2 to 1.8).",
		"Size gains more: the difference is 1.6 points per doubling (0.6 to 2.6).",
		"Put differently: doubling the languages is worth about 1.3 times as many parameters (1.1 to 1.7 times), within the sizes measured.",
	}
	if sh.budgets > 1 {
		a.Effects = append(a.Effects, analysis.Effect{Factor: "budget", Held: []string{"size"}, Slope: est("log-odds", 0.15, 0.02, sh.languages), AME: est("measure", 0.037, 0.006, sh.languages)})
		for i := range a.Effects[:2] {
			for j, b := range f.Budgets {
				v := a.Effects[i].AME.Value + 0.004*float64(j) - 0.002
				a.Effects[i].ByBudget = append(a.Effects[i].ByBudget, analysis.BudgetEffect{Budget: b.Label, Slope: est("log-odds", v*4, 0.03, sh.languages), AME: est("measure", v, 0.008, sh.languages)})
			}
		}
	}
	for _, b := range f.Budgets {
		label := b.Label
		if sh.budgets == 1 {
			label = ""
		}
		a.Gains = append(a.Gains, analysis.Gain{A: analysis.KindTrained, B: analysis.KindUntrained, Budget: label, Pairs: 72, Gain: est("measure", 0.332, 0.02, sh.languages), MeanA: 0.471, MeanB: 0.139})
		if sh.control {
			f.Control = []string{"shuffled"}
			where := "12 languages, size s"
			a.Gains = append(a.Gains,
				analysis.Gain{A: analysis.KindTrained, B: analysis.KindControl, Budget: label, Where: where, Pairs: 8, Gain: est("measure", 0.251, 0.03, sh.languages), MeanA: 0.451, MeanB: 0.2},
				analysis.Gain{A: analysis.KindControl, B: analysis.KindUntrained, Budget: label, Where: where, Pairs: 8, Gain: est("measure", 0.061, 0.03, sh.languages), MeanA: 0.2, MeanB: 0.139})
		}
	}
	a.Encoders = []analysis.EncoderMean{
		{Encoder: "student", Kind: analysis.KindTrained, Runs: f.Runs, Mean: 0.471, Half: 0.012},
		{Encoder: "untrained", Kind: analysis.KindUntrained, Runs: len(sh.sizes) * sh.draws, Mean: 0.139, Half: 0.008},
	}
	for i, n := range sh.sizes {
		a.Margins = append(a.Margins, analysis.AxisStat{Axis: "size", Role: "size", Label: labels[i], Runs: f.Runs / len(sh.sizes), Mean: 0.3 + 0.01*math.Log2(float64(n)), Half: 0.012, HasGain: true, Gain: 0.2 + 0.006*math.Log2(float64(n))})
	}
	for _, k := range sh.diversities {
		a.Margins = append(a.Margins, analysis.AxisStat{Axis: "languages", Role: "diversity", Label: strconv.Itoa(k), Runs: f.Runs / len(sh.diversities), Mean: 0.45 + 0.008*math.Log2(float64(k)), Half: 0.012, HasGain: true, Gain: 0.31 + 0.008*math.Log2(float64(k))})
	}
	for i, code := range codes {
		l := analysis.LanguageResult{Code: code, Queries: 60, Exposure: f.Targets[i].Exposure, Half: 0.015, HasGain: true, Baseline: 0.13, GainHalf: 0.014}
		l.Mean = sigmoid(base[i])
		l.Gain = l.Mean - l.Baseline
		for j, e := range a.Effects {
			v := e.AME.Value * (1 - 0.05*float64(i)) * (1 + 0.3*z.next())
			l.Effects = append(l.Effects, analysis.LanguageEffect{
				Factor: e.Factor, Slope: 4 * v, SlopeLow: 4*v - 0.04, SlopeHigh: 4*v + 0.04,
				AME: v, AMELow: v - 0.009 - 0.001*float64(j), AMEHigh: v + 0.009 + 0.001*float64(j), ShrunkSlope: 4 * (0.5*v + 0.5*e.AME.Value), ShrunkAME: 0.5*v + 0.5*e.AME.Value,
			})
		}
		a.Languages = append(a.Languages, l)
	}
	for i := range a.Languages { // best first, without a sort: base falls
		for j := i; j > 0 && a.Languages[j].Mean > a.Languages[j-1].Mean; j-- {
			a.Languages[j], a.Languages[j-1] = a.Languages[j-1], a.Languages[j]
		}
	}
	for _, code := range codes {
		a.LeaveOut = append(a.LeaveOut, analysis.LeaveOut{Kind: "language", Label: code, Factor: "size", AME: 0.026 + 0.002*z.next(), Change: 0.002 * z.next()})
	}
	a.Notes = []analysis.Note{{Code: "unknown-exposure", Text: "What \"student\" saw of 1 language is unknown; it counts as seen.", Affects: []string{"diversity_pays"}}}

	dots := func(e analysis.Estimate) (out []float64) {
		for i := range 20 {
			p := (float64(i) + 0.5) / 20
			out = append(out, e.Value+e.SE*math.Sqrt2*math.Erfinv(2*p-1))
		}
		return out
	}
	claim := func(name, statement, verdict, kase string, e analysis.Estimate, margin float64, measured, iv, asked string, sentences ...string) analysis.ClaimResult {
		found := margin + 1.5*(e.High-e.Low)/2
		return analysis.ClaimResult{
			Name: name, Analysis: "law", Statement: statement, Expression: `ame("` + name + `", "budget") > 0`, Op: ">", Margin: margin, Estimate: e,
			Level: 0.983, Family: 3, Found: &found, Low: e.Low - 0.001, High: e.High + 0.001, P: 0.004, PHolm: 0.012, Verdict: verdict, Case: kase, Measured: measured, Interval: iv, Asked: asked, Sentences: sentences, Dots: dots(e),
			Robust: verdict == analysis.Supported, Alternatives: []analysis.Alternative{
				{Name: "without qaa", Verdict: verdict, Value: e.Value * 0.97, Low: e.Low * 0.97, High: e.High * 0.97},
				{Name: "on the measure itself", Verdict: analysis.Inconclusive, Value: e.Value * 1.1, Low: e.Low * 0.8, High: e.High * 1.2},
			},
		}
	}
	s := analysis.Summary{
		Format: analysis.SummaryFormat, Title: "Model size vs. training-language diversity (" + invented + ")",
		Question: "Does zero-shot accuracy in low-resource languages gain more from doubling the encoder or the number of training languages, at a fixed number of training pairs?",
		Analyses: []analysis.Analysis{a},
		Claims: []analysis.ClaimResult{
			claim("size_pays", "Doubling the encoder raises zero-shot nDCG@10 by at least half a point.", analysis.Supported, analysis.CaseAbove, est("measure", 0.026, 0.007, sh.languages), 0.005,
				"+2.6 points per doubling", "1.9 to 3.3", "above 0.5 points", "Values from 1.9 to 3.3 fit these data, all above 0.5.", "Other reasonable analyses that give the same verdict: all 2."),
			claim("diversity_pays", "At a fixed number of pairs, doubling the training languages raises it by at least half a point.", analysis.Inconclusive, analysis.CaseClearGain, est("measure", 0.010, 0.008, sh.languages), 0.005,
				"+1.0 points per doubling", "0.2 to 1.8", "above 0.5 points", "A gain is clear, but it may be smaller or larger than the 0.5 asked for. These data do not settle this; that is not evidence of no effect.", "With 16 target languages instead of 8 an effect of this size would be decided in 8 of 10 such studies."),
			claim("diversity_first", "A doubling of languages is worth more than a doubling of the encoder.", analysis.Refuted, analysis.CaseOpposite, est("measure", -0.016, 0.010, sh.languages), 0,
				"−1.6 points per doubling", "−2.6 to −0.6", "above 0 points", "Values from −2.6 to −0.6 fit these data, all below 0. In fact the opposite holds."),
		},
		Notes: []analysis.Note{{Code: "retries", Text: "3 cells needed a second attempt (out of memory)."}, {Code: "lexical", Text: "No lexical baseline: trained encoders are compared with untrained ones only.", Warning: true}},
	}
	s.Axes = []analysis.Axis{{Name: "size", Role: "size", Labels: labels[:len(sh.sizes)]}, {Name: "draw", Role: "draw", Labels: f.Draws}, {Name: "target", Role: "target", Labels: codes}}
	return Input{Summary: s, Study: Study{
		Workflow: "workflows/invented.hcl", Results: "sha256:4e1fc09a00000000000000000000000000000000000000000000000000000000", Cells: f.Runs*sh.languages + 24, Names: names(),
		Mixtures:   []Mixture{{Name: "train", Sets: 24, Pairs: 701, Counted: true, Excluded: 412, Refilled: 412}},
		Leakage:    []Leakage{{Retrieval: "zero_shot", Mode: "error", Checked: f.Queries, Found: 0}},
		Components: []Component{{Kind: "encoder", Name: "subword", Blocks: []string{"student", "untrained"}, Version: "bundled", Revision: "3", Determinism: "bitwise"}},
		Data:       []Data{{Name: "train", Component: "faq", Digest: "sha256:aa", Languages: 9, Pairs: 900, Licence: "CC BY 4.0"}},
		Software:   []Fact{{Name: "xlrun", Value: "0.1.0"}},
		Files:      []Fact{{Name: "records.parquet", Value: "every measured number"}},
	}}
}
