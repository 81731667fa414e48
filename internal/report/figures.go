package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/results"
)

// A figure is one specification with its words and its numbers. It is drawn
// live in the page, to SVG and to PDF from the same Spec.
type figure struct {
	N       int    // from 1, over the whole report
	ID      string // "fig-1"
	Kind    string // "effects", "size", …: where in the page it belongs
	Title   string // what is seen, in bold
	Caption string // how to read it
	Alt     string // a sentence for those who do not see it
	Wide    bool   // takes the whole width
	Spec    object
	Rows    table // the numbers behind it
	Choose  []choice
	Points  []point  // what the choices show
	Legend  []string // entries of its legend
}

// choice is one language that a figure can show instead of the mean.
type choice struct{ Value, Label string }

// maxMarks is how many marks a figure draws at most; more are thinned, and the
// caption says so.
const maxMarks = 5000

// drawing builds the figures of one analysis.
type drawing struct {
	a      *analysis.Analysis
	claims []analysis.ClaimResult
	study  *Study
}

// trained tells whether a cell is shown where sizes, diversities and budgets
// make the picture: trained, and of the first stratum where there are several.
func (d *drawing) trained(c analysis.CellStat) bool {
	return c.Kind == analysis.KindTrained && d.shown(c.Stratum)
}

// shown tells whether a stratum is drawn.
func (d *drawing) shown(stratum string) bool {
	return len(d.a.Facts.Strata) < 2 || stratum == d.a.Facts.Strata[0]
}

// stratum says in a caption that only one stratum is shown.
func (d *drawing) stratum() string {
	if s := d.a.Facts.Strata; len(s) > 1 {
		return fmt.Sprintf(" Shown is %s, one of %d conditions that were measured; the table of cells holds all.", clean(s[0]), len(s))
	}
	return ""
}

// name is the English name of a target, without its script where the study has
// the language in one script only: the code beside it says the script.
func (d *drawing) name(code string) string {
	own := languageName(code, d.study.Names)
	base, _, ok := strings.Cut(code, "_")
	if !ok || d.study.Names[code] != "" {
		return own
	}
	plain := languageName(base, d.study.Names)
	for _, t := range d.a.Facts.Targets {
		if o, _, _ := strings.Cut(t.Code, "_"); t.Code != code && languageName(o, d.study.Names) == plain {
			return own
		}
	}
	if plain == base { // no name
		return own
	}
	return plain
}

// figures returns the figures for which the summary has numbers, in the order
// of the page.
func (d *drawing) figures() []figure {
	var all []figure
	makers := []func() (figure, bool){d.effects, d.systemsFigure, d.bySize, d.byDiversity, d.grid, d.panels, d.forest, d.control, d.poolsFigure}
	if x := d.a.Systems; x != nil && x.Main { // means over systems say nothing about any
		makers = []func() (figure, bool){d.effects, d.systemsFigure, d.poolsFigure}
	}
	for _, f := range makers {
		if fig, ok := f(); ok {
			fig.Spec = with(fig.Spec, object{"$schema": schema, "description": fig.Alt, "config": config()})
			if len(fig.Legend) > 0 {
				meta, _ := fig.Spec["usermeta"].(object)
				fig.Spec["usermeta"] = with(meta, object{"legend": legendRoom(fig.Legend)})
			}
			all = append(all, fig)
		}
	}
	return all
}

// factor is how a factor is called where it is doubled, and its colour.
func factor(name string) (doubling, noun, hue string) {
	switch name {
	case "size":
		return "Doubling the|encoder", "size", "var(--c1)"
	case "diversity":
		return "Doubling the|languages", "languages", "var(--c2)"
	case "budget":
		return "Doubling the|pairs", "pairs", "var(--c3)"
	}
	return "Doubling|" + short(name, 20), clean(name), "var(--fg2)"
}

// block is the name of the analysis block, which claims refer to.
func (d *drawing) block() string {
	if d.a.Block != "" {
		return d.a.Block
	}
	return d.a.Name
}

// margin returns the smallest difference in measure units that a claim of the
// analysis cares about, and whether all claims agree on it. It is 0 without.
func (d *drawing) margin() (least float64, same bool) {
	same = true
	for _, c := range d.claims {
		if c.Analysis != d.block() || c.Margin <= 0 || c.Estimate.Unit != "measure" {
			continue
		}
		if least != 0 && c.Margin != least {
			same = false
		}
		if least == 0 || c.Margin < least {
			least = c.Margin
		}
	}
	return least, same
}

func pointsRow(term, what, hue string, e analysis.Estimate) object {
	p := func(x float64) float64 { return round(100 * x) }
	return object{
		"term": term, "what": what, "hue": hue, "value": p(e.Value), "low": p(e.Low), "high": p(e.High),
		"low80": p(e.Low80), "high80": p(e.High80), "low50": p(e.Low50), "high50": p(e.High50),
	}
}

func (t *table) estimate(what string, e analysis.Estimate) {
	f, _ := scaled(e.Unit)
	t.add(what, num(f*e.Value, 2), num(f*e.Low, 2), num(f*e.High, 2), num(f*e.Low80, 2), num(f*e.High80, 2), num(f*e.Low50, 2), num(f*e.High50, 2))
}

func intervalTable(first, unit string) table {
	return table{Columns: []column{
		{Name: first},
		{Name: unit, Num: true},
		{Name: "95 % from", Num: true},
		{Name: "95 % to", Num: true},
		{Name: "80 % from", Num: true},
		{Name: "80 % to", Num: true},
		{Name: "50 % from", Num: true},
		{Name: "50 % to", Num: true},
	}}
}

// effects is figure 1: what one doubling buys.
func (d *drawing) effects() (figure, bool) {
	t := intervalTable("Effect", "Points per doubling")
	var rows list
	var said []string
	add := func(term, what, hue string, e analysis.Estimate) {
		if !e.OK || e.Unit != "measure" {
			return
		}
		rows = append(rows, pointsRow(term, what, hue, e))
		t.estimate(what, e)
		said = append(said, fmt.Sprintf("%s: %s, 95 percent interval %s.", what, value(e), interval(e)))
	}
	for _, e := range d.a.Effects {
		term, _, hue := factor(e.Factor)
		what := "Doubling the " + map[string]string{"size": "encoder", "diversity": "training languages", "budget": "training pairs"}[e.Factor]
		if what == "Doubling the " {
			what = "Doubling " + clean(e.Factor)
		}
		add(term, what, hue, e.AME)
		for _, b := range e.ByBudget {
			add(strings.ReplaceAll(term, "|", " ")+"|at "+short(d.budget(b.Budget), 20), what+" at "+clean(d.budget(b.Budget)), hue, b.AME)
		}
	}
	if d.a.Difference != nil {
		add("Encoder minus|languages", "Encoder minus languages", "var(--fg2)", *d.a.Difference)
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	least, same := d.margin()
	caption := "Dot: best estimate. Thick to thin bars: 50, 80 and 95 % intervals."
	if least > 0 {
		m := number(100*least, digits(100*least)) + " points"
		if same {
			caption += " Grey band: differences below " + m + ", which this study declared too small to matter."
		} else {
			caption += " Grey band: differences below " + m + ", the smallest of the margins that claims name."
		}
	}
	unit := "Points of " + clean(d.a.Measure) + " per doubling"
	return figure{
		Kind: "effects", Title: "What one doubling buys.", Caption: caption, Wide: true,
		Alt:  "Interval plot of the gain in points of " + clean(d.a.Measure) + ". " + strings.Join(said, " "),
		Spec: graduated(unit+" (1 point = 0.01)", rows, 100*least, "points"), Rows: t,
	}, true
}

// digits is how many decimals x needs to be written in full, at most three.
func digits(x float64) int {
	s := strconv.FormatFloat(math.Abs(x), 'f', 3, 64)
	s = strings.TrimRight(s, "0")
	return len(s) - 1 - strings.IndexByte(s, '.')
}

// budget names a budget: the label is a number of pairs, or a name.
func (d *drawing) budget(label string) string {
	for _, l := range d.a.Facts.Budgets {
		if l.Label == label {
			return thousands(int(math.Round(l.Value))) + " pairs"
		}
	}
	return clean(label)
}

func (d *drawing) sizeLabel(l analysis.SizeLevel) string {
	if l.Params > 0 {
		if l.Label == strconv.FormatInt(l.Params, 10) { // no axis names it
			return params(l.Params)
		}
		return short(l.Label, 16) + " · " + params(l.Params)
	}
	return short(l.Label, 16)
}

func (d *drawing) diversityLabel(l analysis.Level) string {
	if l.Label == strconv.Itoa(l.Count) || l.Label == "" {
		return count(l.Count, "language", "languages")
	}
	return short(l.Label, 24)
}

// measured names the measure on an axis.
func (d *drawing) measured() string {
	return clean(d.a.Measure) + ", mean of " + count(d.a.Facts.Languages, "language", "languages")
}

// point is one row of a scaling figure.
type point struct {
	lang, budget, series, kind, label string
	x, y, low, high                   float64
}

func (p point) object() object {
	return object{
		"budget": p.budget, "series": p.series, "kind": p.kind, "label": p.label,
		"x": round(p.x), "y": round(p.y), "low": round(p.low), "high": round(p.high),
	}
}

// levels lists the labels of sizes and diversities with their names.
func (d *drawing) seriesOf(x string) (s series, name map[string]string) {
	name = map[string]string{}
	if x == "size" {
		s.title = "Trained on"
		for _, l := range d.a.Facts.Diversities {
			name[l.Label] = d.diversityLabel(l)
			s.labels = append(s.labels, name[l.Label])
		}
	} else {
		s.title = "Encoder"
		for _, l := range d.a.Facts.Sizes {
			name[l.Label] = d.sizeLabel(l)
			s.labels = append(s.labels, name[l.Label])
		}
	}
	if len(s.labels) == 0 {
		s.labels, name[""] = []string{"all"}, "all"
	}
	return s, name
}

// scaling gathers the rows of figures 2 and 3: fitted curves with bands, the
// means of cells and the single draws; for the mean over languages (lang "")
// and for each language.
func (d *drawing) scaling(x string) (rows []point, t table) {
	_, name := d.seriesOf(x)
	pick := func(size, diversity string) string {
		if x == "size" {
			return name[diversity]
		}
		return name[size]
	}
	at := func(params int64, hill float64) float64 {
		if x == "size" {
			return float64(params)
		}
		return hill
	}
	budget := func(label string) string {
		if len(d.a.Facts.Budgets) < 2 {
			return ""
		}
		return d.budget(label)
	}
	codes := []string{""}
	for _, l := range d.a.Facts.Targets {
		codes = append(codes, l.Code)
	}
	sizes := map[string]string{}
	for _, l := range d.a.Facts.Sizes {
		sizes[l.Label] = d.sizeLabel(l)
	}
	diversities := map[string]string{}
	for _, l := range d.a.Facts.Diversities {
		diversities[l.Label] = d.diversityLabel(l)
	}
	fitted := map[string]bool{}
	for _, c := range d.a.Curves {
		if c.X != x || !d.shown(c.Stratum) {
			continue
		}
		fitted[c.Language] = true
		for _, p := range c.Points {
			rows = append(rows, point{lang: c.Language, budget: budget(c.Budget), series: pick(c.Size, c.Diversity), kind: "curve", x: p.X, y: p.Y, low: p.Low, high: p.High})
		}
	}
	t.Columns = []column{
		{Name: "Language"},
		{Name: "Encoder"},
		{Name: "Trained on"},
		{Name: "Pairs"},
		{Name: "Parameters", Num: true},
		{Name: "Effective languages", Num: true},
		{Name: "Draws", Num: true},
		{Name: clean(d.a.Measure), Num: true},
		{Name: "95 % half-width", Num: true},
	}
	for li, code := range codes {
		for _, c := range d.a.Cells {
			if !d.trained(c) || at(c.Params, c.Hill1) <= 0 {
				continue
			}
			y, half := c.Mean, c.Half
			if li > 0 {
				if li > len(c.PerLanguage) {
					continue
				}
				y, half = c.PerLanguage[li-1], 0
				if li <= len(c.PerLanguageHalf) {
					half = c.PerLanguageHalf[li-1]
				}
			}
			p := point{
				lang: code, budget: budget(c.Budget), series: pick(c.Size, c.Diversity), kind: "cell",
				label: strings.Trim(sizes[c.Size]+", "+diversities[c.Diversity], ", "),
				x:     at(c.Params, c.Hill1), y: y, low: y - half, high: y + half,
			}
			rows = append(rows, p)
			if !fitted[code] {
				p.kind = "curve" // without a fit, the line joins the means
				rows = append(rows, p)
			}
			who := "mean"
			if li > 0 {
				who = code
			}
			t.add(who, sizes[c.Size], diversities[c.Diversity], d.budget(c.Budget), num(float64(c.Params), 0), num(c.Hill1, 2), num(float64(c.Draws), 0), num(y, 4), num(half, 4))
		}
		for _, c := range d.a.Draws {
			if c.Kind != analysis.KindTrained || !d.shown(c.Stratum) || at(c.Params, c.Hill1) <= 0 || li > len(c.PerLanguage) {
				continue
			}
			y := c.Mean
			if li > 0 {
				y = c.PerLanguage[li-1]
			}
			rows = append(rows, point{
				lang: code, budget: budget(c.Budget), series: pick(c.Size, c.Diversity), kind: "draw",
				label: "draw " + short(c.Draw, 16), x: at(c.Params, c.Hill1), y: y, low: y, high: y,
			})
		}
	}
	return rows, t
}

// tickFormat is a format that tells n ticks over the values of the rows apart,
// with two decimals at least.
func tickFormat(rows []point, n int) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		if r.lang == "" {
			low, high = min(low, r.y, r.low), max(high, r.y, r.high)
		}
	}
	digits := 2
	if step := (high - low) / float64(n); step > 0 && !math.IsInf(step, 0) {
		digits = min(max(digits, int(math.Ceil(-math.Log10(step)))), 6)
	}
	return fmt.Sprintf(".%df", digits)
}

// lines draws rows of scaling.
func (d *drawing) lines(x string, axis object, rows []point) object {
	s, _ := d.seriesOf(x)
	xe := quantity("x", axis)
	y := func(field string) object {
		return quantity(field, object{"title": d.measured(), "scale": object{"zero": false}, "axis": object{"format": tickFormat(rows, 6), "tickCount": 6}})
	}
	only := func(kind string) list { return list{object{"filter": "datum.kind == '" + kind + "'"}} }
	faint := func(full, dim float64) object {
		return object{"condition": object{"param": "pick", "value": full}, "value": dim}
	}
	// A layer without rows has no extent, and a scale that knows none fails.
	has := func(kind string) bool {
		return slices.ContainsFunc(rows, func(p point) bool { return p.lang == "" && p.kind == kind })
	}
	layers := list{}
	if has("curve") {
		layers = append(layers,
			object{
				"transform": only("curve"),
				"mark":      object{"type": "area", "aria": false},
				"encoding":  object{"x": xe, "y": y("low"), "y2": object{"field": "high"}, "color": s.colour(), "opacity": faint(0.14, 0.02)},
			},
			object{
				"transform": only("curve"),
				"mark":      object{"type": "line", "strokeWidth": 2, "aria": false},
				"encoding":  object{"x": xe, "y": y("y"), "color": s.colour(), "strokeDash": s.dash(), "opacity": faint(1, 0.12)},
			})
	}
	if has("draw") {
		layers = append(layers, object{
			"transform": only("draw"),
			"mark":      object{"type": "circle", "size": 10, "aria": false},
			"encoding":  object{"x": xe, "y": y("y"), "color": s.colour(), "opacity": faint(0.55, 0.06)},
		})
	}
	layers = append(layers,
		object{
			"params":    list{object{"name": "pick", "select": object{"type": "point", "fields": list{"series"}}, "bind": "legend"}},
			"transform": only("cell"),
			"mark":      object{"type": "point", "size": 55, "filled": true, "aria": false},
			"encoding": object{
				"x": xe, "y": y("y"), "color": s.colour(), "shape": s.shape(), "opacity": faint(1, 0.12),
				"tooltip": list{
					object{"field": "label", "type": "nominal", "title": "encoder"},
					object{"field": "y", "type": "quantitative", "title": clean(d.a.Measure), "format": ".3f"},
					object{"field": "low", "type": "quantitative", "title": "95 % from", "format": ".3f"},
					object{"field": "high", "type": "quantitative", "title": "95 % to", "format": ".3f"},
				},
			},
		})
	var values list
	var budgets []string
	for _, p := range rows {
		if !slices.Contains(budgets, p.budget) {
			budgets = append(budgets, p.budget)
		}
		if p.lang == "" { // another language takes its place in the page
			values = append(values, p.object())
		}
	}
	shown := object{"data": object{"values": values}}
	if len(budgets) > 1 {
		order := make([]string, 0, len(budgets))
		for _, b := range d.a.Facts.Budgets {
			order = append(order, d.budget(b.Label))
		}
		return with(shown, panels("budget", order, object{"height": 260, "layer": layers}, 60, 0, 20, 220, 2))
	}
	return with(shown, object{"height": 300, "layer": layers})
}

func (d *drawing) legend(x string) []string {
	s, _ := d.seriesOf(x)
	return s.labels
}

func (d *drawing) choices() []choice {
	all := []choice{{"", "mean of " + count(d.a.Facts.Languages, "language", "languages")}}
	for _, l := range d.a.Facts.Targets {
		all = append(all, choice{l.Code, d.name(l.Code)})
	}
	return all
}

// thin keeps all curves and cells of the figure, and as many draws as fit.
func thin(rows []point) ([]point, string) {
	byLang := map[string]int{}
	most := 0
	for _, p := range rows {
		byLang[p.lang]++
		most = max(most, byLang[p.lang])
	}
	if most <= maxMarks {
		return rows, ""
	}
	kept := map[string]int{}
	out := slices.DeleteFunc(slices.Clone(rows), func(p point) bool {
		if p.kind != "draw" {
			return false
		}
		kept[p.lang]++
		return kept[p.lang] > maxMarks/2
	})
	return out, fmt.Sprintf(" Of the single draws the first %s are shown.", thousands(maxMarks/2))
}

const howToLines = "Points: means over draws. Small dots: single draws. Lines and bands: fit with 95 % over draws, for these languages."

// bySize is figure 2.
func (d *drawing) bySize() (figure, bool) {
	var levels []float64
	for _, l := range d.a.Facts.Sizes {
		levels = append(levels, float64(l.Params))
	}
	if len(levels) < 2 || slices.Min(levels) <= 0 {
		return figure{}, false
	}
	rows, t := d.scaling("size")
	if !slices.ContainsFunc(rows, func(p point) bool { return p.kind == "cell" }) {
		return figure{}, false
	}
	rows, note := thin(rows)
	title := "Accuracy against encoder size."
	return figure{
		Kind: "size", Title: title, Caption: howToLines + note + d.stratum(), Wide: len(d.a.Facts.Budgets) > 1, Choose: d.choices(), Points: rows, Rows: t,
		Alt: fmt.Sprintf("Line chart of %s against encoder size on a logarithmic axis, from %s to %s parameters, one line for each number of training languages, with 95 percent bands.%s",
			clean(d.a.Measure), params(int64(levels[0])), params(int64(levels[len(levels)-1])), d.say("size")),
		Legend: d.legend("size"),
		Spec:   d.lines("size", log2Axis(levels, "Encoder size, "+d.convention()+" (log scale)", d.sizeTicks()), rows),
	}, true
}

// sizeTicks and diversityTicks name the ticks of an axis, one per level.
func (d *drawing) sizeTicks() (names []string) {
	for _, l := range d.a.Facts.Sizes {
		names = append(names, short(l.Label, 10)+"|"+params(l.Params))
	}
	return names
}

func (d *drawing) diversityTicks() (names []string) {
	for _, l := range d.a.Facts.Diversities {
		n := max(0, 2-int(math.Log10(max(l.Value, 1))))
		s := number(l.Value, n)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		names = append(names, s)
	}
	return names
}

func (d *drawing) convention() string {
	switch d.a.Facts.SizeConvention {
	case "non-embedding":
		return "parameters without embeddings"
	default:
		return "parameters"
	}
}

// say repeats the headline of a factor for a figure's text alternative.
func (d *drawing) say(name string) string {
	for _, e := range d.a.Effects {
		if e.Factor == name && e.AME.OK {
			return fmt.Sprintf(" One doubling changes it by %s points, 95 percent interval %s.", value(e.AME), interval(e.AME))
		}
	}
	return ""
}

// byDiversity is figure 3.
func (d *drawing) byDiversity() (figure, bool) {
	var levels []float64
	for _, l := range d.a.Facts.Diversities {
		levels = append(levels, l.Value)
	}
	if len(levels) < 2 || slices.Min(levels) <= 0 {
		return figure{}, false
	}
	rows, t := d.scaling("diversity")
	if !slices.ContainsFunc(rows, func(p point) bool { return p.kind == "cell" }) {
		return figure{}, false
	}
	rows, note := thin(rows)
	caption := howToLines
	if f := d.a.Facts; f.BudgetFixed && len(f.Budgets) == 1 {
		caption = "Every training set has " + d.budget(f.Budgets[0].Label) + ". " + caption
	}
	return figure{
		Kind: "diversity", Title: "Accuracy against training languages.", Caption: caption + note + d.stratum(), Wide: len(d.a.Facts.Budgets) > 1, Choose: d.choices(), Points: rows, Rows: t,
		Alt: fmt.Sprintf("Line chart of %s against the effective number of training languages on a logarithmic axis, one line for each encoder size, with 95 percent bands.%s",
			clean(d.a.Measure), d.say("diversity")),
		Legend: d.legend("diversity"),
		Spec:   d.lines("diversity", log2Axis(levels, "Effective number of training languages (log scale)", d.diversityTicks()), rows),
	}, true
}

// grid is figure 4: the mean of every trained cell.
func (d *drawing) grid() (figure, bool) {
	f := d.a.Facts
	if len(f.Sizes) < 2 || len(f.Diversities) < 2 {
		return figure{}, false
	}
	sizes, diversities := map[string]string{}, map[string]string{}
	var xs, ys, order []string
	for _, l := range f.Sizes {
		sizes[l.Label] = d.sizeLabel(l)
		xs = append(xs, sizes[l.Label])
	}
	for i := len(f.Diversities) - 1; i >= 0; i-- {
		l := f.Diversities[i]
		diversities[l.Label] = d.diversityLabel(l)
		ys = append(ys, diversities[l.Label])
	}
	for _, b := range f.Budgets {
		order = append(order, d.budget(b.Label))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range d.a.Cells {
		if d.trained(c) {
			low, high = min(low, c.Mean), max(high, c.Mean)
		}
	}
	t := table{Columns: []column{{Name: "Encoder"}, {Name: "Trained on"}, {Name: "Pairs"}, {Name: "Draws", Num: true}, {Name: clean(d.a.Measure), Num: true}, {Name: "95 % half-width", Num: true}}}
	var rows list
	dy := 0
	places := 2
	if high-low < 0.15 || slices.ContainsFunc(d.a.Cells, func(c analysis.CellStat) bool { return d.trained(c) && c.Half > 0 && c.Half < 0.005 }) {
		places = 3
	}
	for _, c := range d.a.Cells {
		if !d.trained(c) {
			continue
		}
		if c.Half > 0 {
			dy = -7 // the middle of two lines
		}
		fill := cividis(0)
		if high > low {
			fill = cividis((c.Mean - low) / (high - low))
		}
		text := number(c.Mean, places)
		if c.Half > 0 {
			text += "|±" + strings.TrimPrefix(number(c.Half, places), "0")
		}
		rows = append(rows, object{
			"x": sizes[c.Size], "y": diversities[c.Diversity], "budget": d.budget(c.Budget), "value": round(c.Mean),
			"text": text, "fill": fill, "ink": inkOn(fill), "half": round(c.Half), "draws": c.Draws,
		})
		t.add(sizes[c.Size], diversities[c.Diversity], d.budget(c.Budget), num(float64(c.Draws), 0), num(c.Mean, 4), num(c.Half, 4))
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	x := category("x", object{"sort": xs, "title": "Encoder", "axis": object{"labelAngle": 0, "ticks": false, "domain": false, "labelExpr": "split(datum.label, ' · ')"}})
	y := category("y", object{"sort": ys, "title": "Trained on", "axis": object{"ticks": false, "domain": false}})
	layers := list{
		object{
			"mark": object{"type": "rect", "stroke": "var(--card)", "strokeWidth": 2, "aria": false},
			"encoding": object{
				"x": x, "y": y,
				"color": category("fill", object{"scale": nil}),
				"tooltip": list{
					object{"field": "x", "type": "nominal", "title": "encoder"},
					object{"field": "y", "type": "nominal", "title": "trained on"},
					object{"field": "value", "type": "quantitative", "title": clean(d.a.Measure), "format": ".3f"},
					object{"field": "half", "type": "quantitative", "title": "95 % half-width", "format": ".3f"},
					object{"field": "draws", "type": "quantitative", "title": "draws"},
				},
			},
		},
		object{
			"mark":     object{"type": "text", "fontSize": 12, "lineBreak": "|", "lineHeight": 14, "dy": dy, "aria": false},
			"encoding": object{"x": x, "y": y, "text": category("text", nil), "color": category("ink", object{"scale": nil})},
		},
	}
	height := 40 * len(ys)
	spec := object{"data": object{"values": rows}, "height": height, "layer": layers}
	if len(order) > 1 {
		spec = with(object{"data": object{"values": rows}}, panels("budget", order, object{"height": height, "layer": layers}, 16, 100, 20, 200, 2))
		spec["resolve"] = object{"scale": object{"y": "independent", "x": "independent"}}
	}
	return figure{
		Kind: "grid", Title: "The whole grid.", Wide: true, Spec: spec, Rows: t,
		Caption: "Mean " + clean(d.a.Measure) + " of each cell over languages and draws, with the 95 % half-width over draws, for these languages. Lighter is better." + d.stratum(),
		Alt: fmt.Sprintf("Heat map of mean %s by encoder size and number of training languages, from %s to %s, with the values printed in the cells.",
			clean(d.a.Measure), number(low, 2), number(high, 2)),
	}, true
}

// maxPanels is how many small pictures a figure holds.
const maxPanels = 24

// panels is figure 5: each language by itself, over the untrained encoder.
func (d *drawing) panels() (figure, bool) {
	f := d.a.Facts
	bySize := len(f.Sizes) > 1
	if !bySize && len(f.Diversities) < 2 || len(d.a.Languages) < 2 {
		return figure{}, false
	}
	where := map[string]int{}
	for i, l := range f.Targets {
		where[l.Code] = i
	}
	gain := slices.ContainsFunc(d.a.Cells, func(c analysis.CellStat) bool { return c.Kind == analysis.KindTrained && c.HasGain })
	shown := d.a.Languages
	note := ""
	if len(shown) > maxPanels {
		shown = append(slices.Clone(shown[:maxPanels/2]), shown[len(shown)-maxPanels/2:]...)
		note = fmt.Sprintf(" Shown are the best and the worst %d of %d languages.", maxPanels/2, len(d.a.Languages))
	}
	panel := map[string]string{}
	var order []string
	for _, l := range shown {
		s := short(d.name(l.Code), 18)
		if l.Exposure != results.ExposureNone && l.Exposure != "" {
			s += " (seen: " + clean(l.Exposure) + ")"
		}
		panel[l.Code] = s
		order = append(order, s)
	}

	// The lowest and the highest level of the other factor within each budget
	// are enough to see the contrast.
	type key struct{ budget, level string }
	var keys []key
	s := series{title: "Trained on"}
	name := map[key]string{}
	var levels []float64
	seen := func(k key) bool {
		return slices.ContainsFunc(d.a.Cells, func(c analysis.CellStat) bool {
			return d.trained(c) && c.Budget == k.budget && (bySize && c.Diversity == k.level || !bySize && c.Size == k.level)
		})
	}
	var other []key
	if bySize {
		for _, l := range f.Diversities {
			other = append(other, key{level: l.Label, budget: d.diversityLabel(l)})
		}
		for _, l := range f.Sizes {
			levels = append(levels, float64(l.Params))
		}
	} else {
		s.title = "Encoder"
		for _, l := range f.Sizes {
			other = append(other, key{level: l.Label, budget: d.sizeLabel(l)})
		}
		for _, l := range f.Diversities {
			levels = append(levels, l.Value)
		}
	}
	budgets := f.Budgets
	if len(budgets) == 0 {
		budgets = []analysis.Level{{}}
	}
	for _, b := range budgets {
		var here []key
		for _, o := range other {
			k := key{b.Label, o.level}
			if seen(k) {
				here = append(here, k)
				name[k] = o.budget
				if len(budgets) > 1 {
					name[k] += ", " + d.budget(b.Label)
				}
			}
		}
		if len(here) > 2 {
			here = []key{here[0], here[len(here)-1]}
		}
		keys = append(keys, here...)
	}
	if len(keys) > len(stepColours) {
		keys = keys[len(keys)-len(stepColours):]
	}
	for _, k := range keys {
		s.labels = append(s.labels, name[k])
	}
	t := table{Columns: []column{{Name: "Language"}, {Name: s.title}, {Name: "Parameters", Num: true}, {Name: "Effective languages", Num: true}, {Name: clean(d.a.Measure), Num: true}, {Name: "Gain, points", Num: true}, {Name: "95 % half-width", Num: true}}}
	intervals := false
	var rows list
	for _, l := range shown {
		i := where[l.Code]
		for _, c := range d.a.Cells {
			k := key{c.Budget, c.Diversity}
			x := float64(c.Params)
			if !bySize {
				k.level, x = c.Size, c.Hill1
			}
			if !d.trained(c) || !slices.Contains(keys, k) || x <= 0 || i >= len(c.PerLanguage) {
				continue
			}
			y, g, half := c.PerLanguage[i], cell{}, 0.0
			shown := y
			if gain {
				if i >= len(c.PerLanguageGain) {
					continue
				}
				shown = 100 * c.PerLanguageGain[i]
				g = num(shown, 2)
				if i < len(c.PerLanguageGainHalf) {
					half = 100 * c.PerLanguageGainHalf[i]
				}
			} else if i < len(c.PerLanguageHalf) {
				half = c.PerLanguageHalf[i]
			}
			if c.Draws < 3 {
				half = 0 // an interval from two draws is so wide that nothing else would be seen
			}
			intervals = intervals || half > 0
			rows = append(rows, object{"panel": panel[l.Code], "series": name[k], "x": round(x), "y": round(shown), "low": round(shown - half), "high": round(shown + half)})
			t.add(l.Code, name[k], num(float64(c.Params), 0), num(c.Hill1, 2), num(y, 4), g, num(half, 4))
		}
	}
	if len(rows) == 0 || slices.Min(levels) <= 0 {
		return figure{}, false
	}
	ticks := d.diversityTicks()
	if bySize {
		ticks = nil
		for _, l := range f.Sizes {
			ticks = append(ticks, params(l.Params))
		}
	}
	axis := log2Axis(levels, "", ticks)
	axis["axis"] = tickAxis([]float64{levels[0], levels[len(levels)-1]}, "", []string{ticks[0], ticks[len(ticks)-1]})
	x := quantity("x", axis)
	title := "points"
	if !gain {
		title = clean(d.a.Measure)
	}
	y := quantity("y", object{"title": title, "scale": object{"zero": gain}, "axis": object{"tickCount": 4}})
	layers := list{}
	if gain {
		layers = append(layers, object{
			// One line per panel, not one per row of data.
			"transform": list{object{"aggregate": list{object{"op": "min", "field": "y", "as": "lowest"}}, "groupby": list{"panel"}}, object{"calculate": "0", "as": "zero"}},
			"mark":      object{"type": "rule", "color": "var(--line)", "aria": false},
			"encoding":  object{"y": quantity("zero", object{"title": title})},
		})
	}
	if intervals {
		low := quantity("low", object{"title": title, "scale": object{"zero": gain}, "axis": object{"tickCount": 4}})
		layers = append(layers, object{
			"mark":     object{"type": "rule", "strokeWidth": 1.5, "opacity": 0.55, "aria": false},
			"encoding": object{"x": x, "y": low, "y2": object{"field": "high"}, "color": s.colour()},
		})
		note = " Bars: 95 % over draws, for this language." + note
	}
	layers = append(layers,
		object{
			"mark":     object{"type": "line", "strokeWidth": 2, "aria": false},
			"encoding": object{"x": x, "y": y, "color": s.colour(), "strokeDash": s.dash()},
		},
		object{
			"mark": object{"type": "point", "filled": true, "size": 36, "opacity": 1, "aria": false},
			"encoding": object{"x": x, "y": y, "color": s.colour(), "shape": s.shape(), "tooltip": list{
				object{"field": "panel", "type": "nominal", "title": "language"},
				object{"field": "series", "type": "nominal", "title": strings.ToLower(s.title)},
				object{"field": "y", "type": "quantitative", "title": "points", "format": "+.1f"},
			}},
		})
	across := "encoder size, " + d.convention()
	if !bySize {
		across = "effective number of training languages"
	}
	fig := figure{
		Kind: "panels", Wide: true, Rows: t, Legend: s.labels,
		Title:   "Each language by itself.",
		Caption: "Gain over the untrained encoder of the same shape, in points of " + clean(d.a.Measure) + ". Across: " + across + ", log scale. All panels share both axes; the best language comes first." + note + d.stratum(),
		Alt:     fmt.Sprintf("Small multiples, one panel for each of %d target languages: gain over the untrained encoder in points against %s.", len(shown), across),
		Spec:    with(object{"data": object{"values": rows}}, panels("panel", order, object{"height": 110, "layer": layers}, 60, 0, 22, 112, 4)),
	}
	if !gain {
		fig.Caption = "Mean " + clean(d.a.Measure) + " over draws; this study has no untrained encoder to compare with. Across: " + across + ", log scale. All panels share both axes; the best language comes first." + note + d.stratum()
		fig.Alt = fmt.Sprintf("Small multiples, one panel for each of %d target languages: %s against %s.", len(shown), clean(d.a.Measure), across)
	}
	return fig, true
}

// forest is figure 6: gain per doubling, language by language.
func (d *drawing) forest() (figure, bool) {
	var rows list
	var order, nouns []string
	var hues list
	left := 0
	t := table{Columns: []column{{Name: "Language"}, {Name: "Doubling"}, {Name: "Points", Num: true}, {Name: "95 % from", Num: true}, {Name: "95 % to", Num: true}, {Name: "Drawn towards the mean", Num: true}}}
	for _, l := range d.a.Languages {
		name := short(d.name(l.Code), 20)
		for _, e := range l.Effects {
			_, noun, hue := factor(e.Factor)
			if !slices.Contains(nouns, noun) {
				nouns, hues = append(nouns, noun), append(hues, hue)
			}
			rows = append(rows, object{
				"language": name, "factor": noun, "value": round(100 * e.AME), "low": round(100 * e.AMELow), "high": round(100 * e.AMEHigh), "shrunk": round(100 * e.ShrunkAME),
			})
			t.add(l.Code, noun, num(100*e.AME, 2), num(100*e.AMELow, 2), num(100*e.AMEHigh, 2), num(100*e.ShrunkAME, 2))
		}
		order = append(order, name)
		left = max(left, textWidth(name))
	}
	if len(rows) == 0 || len(d.a.Languages) < 2 {
		return figure{}, false
	}
	s := object{"domain": nouns, "range": hues}
	colour := category("factor", object{"title": "Doubling", "scale": s})
	shape := category("factor", object{"title": "Doubling", "scale": object{"domain": nouns, "range": cycle(stepShapes, len(nouns))}})
	y := category("language", object{"sort": order, "title": nil, "axis": object{"ticks": false, "domain": false, "grid": true}, "scale": object{"paddingInner": 0.25}})
	offset := object{"field": "factor", "type": "nominal", "sort": nouns}
	unit := "Points of " + clean(d.a.Measure) + " per doubling"
	x := func(field string) object {
		return quantity(field, object{"title": unit, "axis": object{"tickCount": 8}})
	}
	layers := list{}
	least, _ := d.margin()
	if least > 0 {
		layers = append(layers, object{
			"data":     object{"values": list{object{"a": round(-100 * least), "b": round(100 * least)}}},
			"mark":     object{"type": "rect", "color": "var(--rope)", "aria": false},
			"encoding": object{"x": x("a"), "x2": object{"field": "b"}},
		})
	}
	layers = append(layers,
		object{"data": object{"values": list{object{"a": 0}}}, "mark": object{"type": "rule", "color": "var(--line)", "strokeWidth": 1.5, "aria": false}, "encoding": object{"x": x("a")}},
		object{"mark": object{"type": "rule", "strokeWidth": 2.5, "opacity": 0.75, "aria": false}, "encoding": object{"x": x("low"), "x2": object{"field": "high"}, "y": y, "yOffset": offset, "color": colour}},
		object{"mark": object{"type": "tick", "color": "var(--fg)", "thickness": 2, "size": 12, "aria": false}, "encoding": object{"x": x("shrunk"), "y": y, "yOffset": offset}},
		object{"mark": object{"type": "point", "filled": true, "size": 55, "opacity": 1, "aria": false}, "encoding": object{"x": x("value"), "y": y, "yOffset": offset, "color": colour, "shape": shape, "tooltip": list{
			object{"field": "language", "type": "nominal"},
			object{"field": "factor", "type": "nominal", "title": "doubling"},
			object{"field": "value", "type": "quantitative", "title": "points", "format": "+.2f"},
			object{"field": "low", "type": "quantitative", "title": "95 % from", "format": "+.2f"},
			object{"field": "high", "type": "quantitative", "title": "95 % to", "format": "+.2f"},
			object{"field": "shrunk", "type": "quantitative", "title": "drawn towards the mean", "format": "+.2f"},
		}}},
	)
	caption := "Marker and line: what this language gains, with 95 % over draws. Plain tick: the same, drawn towards the mean of all languages as far as it is noise. Best language first."
	if least > 0 {
		caption += " Grey band: too small to matter, as in the first figure."
	}
	return figure{
		Kind: "forest", Title: "Gain per doubling, language by language.", Caption: caption, Wide: true, Rows: t, Legend: nouns,
		Alt:  fmt.Sprintf("Forest plot of the gain per doubling of %s for each of %d target languages, with 95 percent intervals.", words(nouns), len(d.a.Languages)),
		Spec: object{"data": object{"values": rows}, "height": (14*len(nouns) + 8) * len(order), "layer": layers, "usermeta": object{"left": left}},
	}, true
}

// kindName is how a kind of cell is called, or the encoder's own name.
func kindName(k string) string {
	switch k {
	case analysis.KindTrained:
		return "trained"
	case analysis.KindControl:
		return "shuffled control"
	case analysis.KindUntrained:
		return "untrained"
	}
	return clean(k)
}

// control is figure 7: trained, shuffled and untrained, as differences.
func (d *drawing) control() (figure, bool) {
	var rows list
	t := intervalTable("Comparison", "Points")
	var said []string
	for _, g := range d.a.Gains {
		if !g.Gain.OK {
			continue
		}
		a, b := kindName(g.A), kindName(g.B)
		term, what := short(a, 24)+"|minus "+short(b, 24), a+" minus "+b
		if g.Budget != "" {
			term += "|at " + short(d.budget(g.Budget), 20)
			what += " at " + d.budget(g.Budget)
		}
		hue := "var(--c3)"
		if g.A == analysis.KindControl {
			hue = "var(--fg2)"
		}
		rows = append(rows, pointsRow(term, what, hue, g.Gain))
		t.estimate(what, g.Gain)
		said = append(said, fmt.Sprintf("%s: %s, 95 percent interval %s.", what, value(g.Gain), interval(g.Gain)))
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	spec := graduated("Difference, points of "+clean(d.a.Measure)+" (1 point = 0.01)", rows, 0, "points")
	title := "What training brings."
	caption := "Differences between encoders that share everything else, so one row is not the difference of two others where they cover other parts of the grid. Bars: 50, 80 and 95 % intervals."
	if len(d.a.Facts.Control) > 0 {
		title = "Trained, shuffled and untrained."
		caption += " The shuffled control saw the same texts with the pairs torn apart; what it gains needs no translation."
	}
	return figure{
		Kind: "control", Title: title, Caption: caption, Wide: true, Rows: t, Spec: spec,
		Alt: "Interval plot of differences in points of " + clean(d.a.Measure) + ". " + strings.Join(said, " "),
	}, true
}
