package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
)

// systems fills what a section says of systems compared with one another.
func (p *page) systems(s *section, d *drawing, add func(table) named) {
	a := d.a
	if x := a.Systems; x != nil {
		s.Main = x.Main
		paper := d.paper()
		s.Systems = add(paper.table("systems"))
		p.papers["tables/"+s.Systems.ID+".tex"] = paper.LaTeX(s.Systems.ID)
		p.papers["tables/"+s.Systems.ID+".md"] = paper.Markdown()
		s.Tests = add(d.tests())
		add(d.pairs())
	}
	if x := a.Across; x != nil {
		s.Across, s.Gaps = add(d.across()), add(d.gaps())
		if !x.Comparable {
			s.Uneven = clean(x.Reason)
		}
	}
	if x := a.PoolCurves; x != nil {
		s.Curves = clean(x.Sentence)
		s.PoolTable = add(d.pools())
	}
}

// paper is the table of systems × languages.
func (d *drawing) paper() Paper {
	x := d.a.Systems
	p := Paper{Measure: d.a.Measure, Baseline: x.Baseline}
	shapes := slices.ContainsFunc(x.Systems, func(s analysis.System) bool { return s.Against != nil && s.Against.With != x.Baseline })
	if shapes {
		p.Baseline = d.a.Baseline
	}
	codes := slices.Clone(x.Languages)
	codes = append(codes, x.Partial...)
	for _, c := range codes {
		p.Columns, p.Names = append(p.Columns, c), append(p.Names, d.name(c))
	}
	for _, s := range x.Systems {
		r := PaperRow{Name: s.Name, Letters: s.Letters, Values: make([]PaperValue, len(codes))}
		r.Mean = PaperValue{OK: true, Value: s.Mean.Value}
		if s.Mean.OK {
			r.Mean.Half = (s.Mean.High - s.Mean.Low) / 2
		}
		switch g := s.Against; {
		case g == nil:
		case g.Gain.OK:
			r.Gain = &PaperGain{g.Gain.Value, g.Gain.Low, g.Gain.High}
		case g.Gain.Reason == analysis.ReasonNoSpread:
			r.Gain = &PaperGain{g.Gain.Value, math.NaN(), math.NaN()}
		}
		for _, l := range s.PerLanguage {
			i := slices.Index(codes, l.Code)
			v := PaperValue{OK: true, Value: l.Mean, Half: l.Half}
			if t := l.Test; t != nil && t.OK {
				v.Marked = t.PHolm < 1-x.Level
			}
			r.Values[i] = v
		}
		p.Rows = append(p.Rows, r)
	}
	f := d.a.Facts
	note := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	text := count(f.Queries, "query", "queries") + " in " + count(f.Languages, "language", "languages")
	switch n := len(f.Pools); {
	case n == 1:
		text += ", each among " + thousands(f.Pools[0]) + " candidates"
	case n > 1:
		text += ", among " + thousands(f.Pools[0]) + " to " + thousands(f.Pools[n-1]) + " candidates"
	}
	note("%s.", text)
	if d.study.Conventions != "" {
		note("%s", d.study.Conventions)
	}
	if shapes {
		note("Each system is compared with the one of %s that has its shape.", p.Baseline)
	}
	if p.marked() {
		note("Tests within a language: paired t on the differences of queries, Holm over systems, 5 %%.")
	}
	if p.letters() {
		over := "with queries as the sample, for these languages"
		if x.Inference == "languages" {
			over = "with languages as the sample"
		}
		note("Groups: differences of the means over languages, %s, Holm over all pairs, 5 %%.", over)
	}
	if len(x.Partial) > 0 {
		note("Means are over %s only, which every system has.", words(x.Languages))
	}
	return p
}

// tests is every comparison within a language.
func (d *drawing) tests() table {
	x := d.a.Systems
	t := table{Name: "system-tests", Caption: "Differences to the baseline within each language, on the same queries: paired t-tests, corrected for several systems (Holm)"}
	t.Columns = []column{
		{Name: "System"},
		{Name: "Compared with"},
		{Name: "Language"},
		{Name: "Queries", Num: true},
		{Name: "Points", Num: true},
		{Name: "from", Num: true, Hidden: true},
		{Name: "to", Num: true, Hidden: true},
		{Name: "p", Num: true},
		{Name: "p adjusted", Num: true},
		{Name: "Hedges g", Num: true},
		{Name: "Better", Num: true},
		{Name: "Equal", Num: true},
		{Name: "Worse", Num: true},
	}
	for _, s := range x.Systems {
		if s.Against == nil {
			continue
		}
		for _, l := range s.PerLanguage {
			r := l.Test
			if r == nil {
				continue
			}
			who := cell{Text: d.name(l.Code), Code: clean(l.Code)}
			if who.Text == who.Code {
				who.Code = ""
			}
			if !r.OK {
				t.add(s.Name, s.Against.With, who, num(float64(r.Queries), 0), cell{Text: "not tested"}, cell{}, cell{}, cell{}, cell{}, cell{}, cell{}, cell{}, cell{})
				continue
			}
			v, low, high := ranged(r.Gain, float64(r.Low), float64(r.High))
			g := cell{}
			if r.G != nil {
				g = num(*r.G, 2)
			}
			t.add(s.Name, s.Against.With, who, num(float64(r.Queries), 0), v, low, high, probability(r.P), probability(r.PHolm), g, num(float64(r.Wins), 0), num(float64(r.Ties), 0), num(float64(r.Losses), 0))
		}
	}
	return t
}

// probability is a p value: files hold all its digits.
func probability(p float64) cell {
	return cell{Text: strconv.FormatFloat(p, 'g', 4, 64), Show: pValue(p)}
}

// pairs is each two systems, for machines.
func (d *drawing) pairs() table {
	t := table{Name: "system-pairs"}
	t.Columns = []column{{Name: "first"}, {Name: "second"}, {Name: "points", Num: true}, {Name: "from", Num: true}, {Name: "to", Num: true}, {Name: "p", Num: true}, {Name: "p adjusted", Num: true}, {Name: "told apart"}}
	for _, x := range d.a.Systems.Pairs {
		apart := "no"
		if x.Apart {
			apart = "yes"
		}
		if !x.OK {
			t.add(x.A, x.B, cell{}, cell{}, cell{}, cell{}, cell{}, apart)
			continue
		}
		v, low, high := ranged(x.Gain, float64(x.Low), float64(x.High))
		v.Show, v.Small = "", ""
		t.add(x.A, x.B, v, low, high, probability(x.P), probability(x.PHolm), apart)
	}
	return t
}

// across is how evenly systems serve languages.
func (d *drawing) across() table {
	x := d.a.Across
	m := clean(d.a.Measure)
	t := table{Name: "across-languages", Caption: "How evenly systems serve languages: " + m + " over " + count(len(x.Languages), "language", "languages")}
	t.Columns = []column{{Name: "System"}, {Name: "Mean of languages", Num: true}, {Name: "Mean of queries", Num: true}}
	gap := false
	if x.Comparable {
		t.Columns = append(t.Columns, column{Name: fmt.Sprintf("Worst %d, mean", min(x.Worst, len(x.Languages))), Num: true}, column{Name: "Worst"}, column{Name: "Standard deviation", Num: true}, column{Name: "Gini", Num: true})
		gap = len(x.Reference) > 0 && len(x.Reference) < len(x.Languages)
		if gap {
			t.Columns = append(t.Columns, column{Name: "Gap to " + clean(words(x.Reference)) + ", points", Num: true}, column{Name: "Gap, %", Num: true})
			t.Caption += ". A gap is the mean of the reference minus that of the others; below 0 the others are ahead"
		}
	}
	gains := slices.ContainsFunc(x.Systems, func(s analysis.SystemLanguages) bool { return s.LeastGain != nil })
	if gains {
		t.Columns = append(t.Columns, column{Name: "Least gain, points", Num: true}, column{Name: "least gain in"}, column{Name: "Greatest gain, points", Num: true}, column{Name: "greatest gain in"})
		t.Caption += ". Gains are over the baseline, within a language"
	}
	mean := func(v float64) cell {
		c := num(v, 4)
		c.Show = number(v, 3)
		return c
	}
	for _, s := range x.Systems {
		row := []any{s.System, mean(s.Macro), mean(s.Weighted)}
		if x.Comparable {
			var worst []string
			for _, l := range s.Spread.Worst {
				worst = append(worst, d.name(l.Code))
			}
			gini := cell{}
			if s.Spread.Gini != nil {
				gini = mean(*s.Spread.Gini)
			}
			row = append(row, mean(s.Spread.WorstMean), strings.Join(worst, ", "), mean(s.Spread.SD), gini)
			if gap {
				row = append(row, optional(s.Spread.Gap, 100, 1), optional(s.Spread.Relative, 100, 1))
			}
		}
		if gains {
			for _, v := range []*analysis.LanguageValue{s.LeastGain, s.GreatestGain} {
				if v == nil {
					row = append(row, cell{}, cell{})
					continue
				}
				row = append(row, optional(&v.Value, 100, 1), d.name(v.Code))
			}
		}
		t.add(row...)
	}
	return t
}

// optional is a number times a factor, or an empty cell.
func optional(v *float64, factor float64, n int) cell {
	if v == nil {
		return cell{}
	}
	c := num(factor**v, n+1)
	c.Show = signed(factor**v, n)
	return c
}

// gaps lists gaps and transfer by system and language.
func (d *drawing) gaps() table {
	x := d.a.Across
	t := table{Name: "gaps", Caption: "By language: the gap to the reference, and what a system that never saw the language reaches of one that was trained on it"}
	t.Columns = []column{{Name: "System"}, {Name: "Language"}, {Name: "Gap, points", Num: true}, {Name: "Gap, %", Num: true}, {Name: "Trained on it"}, {Name: "Transfer ratio", Num: true}, {Name: "Share of the way from the baseline, %", Num: true}}
	for _, s := range x.Systems {
		for _, code := range x.Languages {
			row := []any{s.System, d.name(code), cell{}, cell{}, "", cell{}, cell{}}
			found := false
			if s.Spread != nil {
				for _, g := range s.Spread.Gaps {
					if g.Code == code {
						row[2], row[3], found = optional(&g.Gap, 100, 1), optional(g.Relative, 100, 1), true
					}
				}
			}
			for _, l := range s.Transfer {
				if l.Code == code {
					row[4], row[5], row[6], found = l.Supervised, optional(l.Ratio, 1, 2), optional(l.Closed, 100, 0), true
				}
			}
			if found {
				t.add(row...)
			}
		}
	}
	return t
}

// systemsFigure draws the gains of systems over the baseline.
func (d *drawing) systemsFigure() (figure, bool) {
	x := d.a.Systems
	const most = 24
	if x == nil || !x.Main || len(x.Systems) > most {
		return figure{}, false
	}
	t := intervalTable("System", "Points over "+clean(x.Baseline))
	var rows list
	var said, steady []string
	for _, s := range x.Systems {
		if s.Against == nil || s.Against.With != x.Baseline {
			continue
		}
		if s.Against.Gain.Reason == analysis.ReasonNoSpread {
			steady = append(steady, clean(s.Name))
		}
		if !s.Against.Gain.OK {
			continue
		}
		e := s.Against.Gain
		what := clean(s.Name) + " minus " + clean(x.Baseline)
		rows = append(rows, pointsRow(short(s.Name, 28), what, "var(--c1)", e))
		t.estimate(what, e)
		said = append(said, fmt.Sprintf("%s: %s, 95 percent interval %s.", what, value(e), interval(e)))
	}
	if len(rows) == 0 {
		return figure{}, false
	}
	over := "over these languages"
	if x.Inference == "languages" {
		over = "over languages, which are the sample"
	}
	left := ""
	if len(steady) > 0 {
		left = " Not drawn, because equal differences give no interval: " + words(steady) + "."
	}
	return figure{
		Kind: "systems", Title: "What each system gains over " + clean(x.Baseline) + ".", Wide: true,
		Caption: "Dot: mean difference " + over + ", on the same queries. Thick to thin bars: 50, 80 and 95 % intervals." + left,
		Alt:     "Interval plot of differences in points of " + clean(d.a.Measure) + ". " + strings.Join(said, " "),
		Spec:    graduated("Points of "+clean(d.a.Measure)+" over "+short(x.Baseline, 24)+" (1 point = 0.01)", rows, 0, "points"), Rows: t,
	}, true
}

// pools is the measure at each number of candidates.
func (d *drawing) pools() table {
	x := d.a.PoolCurves
	m := clean(d.a.Measure)
	t := table{Name: "pool-sizes", Caption: m + " against the number of candidates, mean of " + count(len(x.Languages), "language", "languages") + " with 95 % intervals over queries"}
	t.Columns = []column{{Name: "System"}, {Name: "Candidates", Num: true}, {Name: m, Num: true}, {Name: "from", Num: true, Hidden: true}, {Name: "to", Num: true, Hidden: true}}
	for _, l := range x.Languages {
		t.Columns = append(t.Columns, column{Name: d.name(l), Num: true})
	}
	if len(x.Left) > 0 {
		sizes := make([]string, len(x.Left))
		for i, n := range x.Left {
			sizes[i] = thousands(n)
		}
		t.Caption += "; left out, because not every language has so many: " + words(sizes)
	}
	for _, s := range x.Systems {
		for _, p := range s.Points {
			mean, _ := plusMinus(p.Mean, (p.High-p.Low)/2)
			row := []any{s.System, num(float64(p.Pool), 0), mean, num(p.Low, 4), num(p.High, 4)}
			for _, v := range p.PerLanguage {
				c := num(v, 4)
				c.Show = number(v, 3)
				row = append(row, c)
			}
			t.add(row...)
		}
	}
	return t
}

// poolsFigure draws the measure against the number of candidates.
func (d *drawing) poolsFigure() (figure, bool) {
	x := d.a.PoolCurves
	const most = 6 // lines that one can tell apart
	if x == nil {
		return figure{}, false
	}
	m := clean(d.a.Measure)
	var s series
	s.title = "System"
	var values list
	var said []string
	shown := x.Systems[:min(most, len(x.Systems))]
	for _, c := range shown {
		label := short(c.System, 28)
		s.labels = append(s.labels, label)
		for _, p := range c.Points {
			values = append(values, object{"series": label, "x": p.Pool, "y": round(p.Mean), "low": round(p.Low), "high": round(p.High)})
		}
		first, last := c.Points[0], c.Points[len(c.Points)-1]
		said = append(said, fmt.Sprintf("%s: %s with %s candidates, %s with %s.", clean(c.System), number(first.Mean, 3), thousands(first.Pool), number(last.Mean, 3), thousands(last.Pool)))
	}
	xe := quantity("x", object{"title": "Candidates per query (log scale)", "scale": object{"type": "log", "nice": false}, "axis": object{"format": ",d", "tickCount": 5}})
	y := func(field string) object {
		return quantity(field, object{"title": d.measured(), "scale": object{"zero": false}, "axis": object{"format": ".2f", "tickCount": 6}})
	}
	faint := func(full, dim float64) object {
		return object{"condition": object{"param": "pick", "value": full}, "value": dim}
	}
	spec := object{
		"data": object{"values": values}, "height": 300,
		"layer": list{
			object{"mark": object{"type": "area", "aria": false}, "encoding": object{"x": xe, "y": y("low"), "y2": object{"field": "high"}, "color": s.colour(), "opacity": faint(0.14, 0.02)}},
			object{"mark": object{"type": "line", "strokeWidth": 2, "aria": false}, "encoding": object{"x": xe, "y": y("y"), "color": s.colour(), "strokeDash": s.dash(), "opacity": faint(1, 0.12)}},
			object{
				"params": list{object{"name": "pick", "select": object{"type": "point", "fields": list{"series"}}, "bind": "legend"}},
				"mark":   object{"type": "point", "size": 55, "filled": true, "aria": false},
				"encoding": object{
					"x": xe, "y": y("y"), "color": s.colour(), "shape": s.shape(), "opacity": faint(1, 0.12),
					"tooltip": list{
						object{"field": "series", "type": "nominal", "title": "system"},
						object{"field": "x", "type": "quantitative", "title": "candidates", "format": ",d"},
						object{"field": "y", "type": "quantitative", "title": m, "format": ".3f"},
						object{"field": "low", "type": "quantitative", "title": "95 % from", "format": ".3f"},
						object{"field": "high", "type": "quantitative", "title": "95 % to", "format": ".3f"},
					},
				},
			},
		},
	}
	caption := "Points: means over " + count(len(x.Languages), "language", "languages") + "; bands: 95 % intervals over queries, for these languages. Each ranking was made once and cut down to smaller sets of candidates."
	if n := len(x.Systems); n > most {
		caption += fmt.Sprintf(" Shown are %d of %d systems; the table holds all.", most, n)
	}
	return figure{
		Kind: "pools", Title: "How the score falls as candidates are added.", Caption: caption, Wide: true,
		Alt:  "Line plot of " + m + " against the number of candidates. " + strings.Join(said, " "),
		Spec: spec, Rows: d.pools(), Legend: s.labels,
	}, true
}
