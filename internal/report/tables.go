package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/results"
)

// exposureWord says in a word what an encoder saw of a language.
func exposureWord(e string) string {
	switch e {
	case results.ExposureNone:
		return "never"
	case results.ExposurePretraining:
		return "in pretraining"
	case results.ExposureTuning:
		return "in training"
	case results.ExposureUnknown:
		return "unknown"
	}
	return clean(e)
}

// ranged is a number in points with its interval in small type; the limits go
// to columns of their own, which the page leaves out.
//
// Where the limits are NaN there is no interval, and both are empty.
func ranged(v, low, high float64) (shown, from, to cell) {
	if math.IsNaN(low) || math.IsNaN(high) {
		shown = num(100*v, 2)
		shown.Show = signed(100*v, 2)
		return shown, cell{}, cell{}
	}
	n := decimals(100*low, 100*high)
	shown = num(100*v, 2)
	shown.Show = signed(100*v, n)
	shown.Small = "[" + signed(100*low, n) + ", " + signed(100*high, n) + "]"
	return shown, num(100*low, 2), num(100*high, 2)
}

// plusMinus is a mean of the measure with its half-width in small type.
func plusMinus(mean, half float64) (shown, width cell) {
	shown = num(mean, 4)
	shown.Show = number(mean, 3)
	if half > 0 {
		shown.Small = "±" + number(half, 3)
		width = num(half, 4)
	}
	return shown, width
}

// languages is the table of targets, best first.
func (d *drawing) languages() table {
	m := clean(d.a.Measure)
	t := table{Name: "languages", Caption: "Target languages, best first. Means over all trained encoders with 95 % half-widths over draws, gains per doubling with 95 % intervals. Where languages have queries or documents of their own, compare gains rather than scores."}
	t.Columns = []column{{Name: "Language"}, {Name: "Code", Hidden: true}, {Name: "Seen before"}, {Name: "Queries", Num: true}, {Name: m, Num: true}, {Name: m + " half-width", Num: true, Hidden: true}}
	baseline := false
	for _, l := range d.a.Languages {
		baseline = baseline || l.HasGain
	}
	if baseline {
		t.Columns = append(t.Columns, column{Name: "Untrained", Num: true}, column{Name: "Gain, points", Num: true}, column{Name: "Gain from", Num: true, Hidden: true}, column{Name: "Gain to", Num: true, Hidden: true})
	}
	for _, e := range d.a.Effects {
		_, noun, _ := factor(e.Factor)
		t.Columns = append(t.Columns, column{Name: "Per doubling of " + noun + ", points", Num: true}, column{Name: noun + " from", Num: true, Hidden: true}, column{Name: noun + " to", Num: true, Hidden: true}, column{Name: noun + " drawn towards the mean", Num: true, Hidden: true})
	}
	for _, l := range d.a.Languages {
		mean, half := plusMinus(l.Mean, l.Half)
		who := cell{Text: d.name(l.Code), Code: clean(l.Code)}
		if who.Text == who.Code {
			who.Code = ""
		}
		row := []any{who, l.Code, exposureWord(l.Exposure), num(float64(l.Queries), 0), mean, half}
		if baseline {
			if l.HasGain {
				u := num(l.Baseline, 4)
				u.Show = number(l.Baseline, 3)
				g, from, to := ranged(l.Gain, l.Gain-l.GainHalf, l.Gain+l.GainHalf)
				row = append(row, u, g, from, to)
			} else {
				row = append(row, cell{}, cell{}, cell{}, cell{})
			}
		}
		for i := range d.a.Effects {
			var found bool
			for _, e := range l.Effects {
				if e.Factor == d.a.Effects[i].Factor {
					v, from, to := ranged(e.AME, e.AMELow, e.AMEHigh)
					row = append(row, v, from, to, num(100*e.ShrunkAME, 2))
					found = true
				}
			}
			if !found {
				row = append(row, cell{}, cell{}, cell{}, cell{})
			}
		}
		t.add(row...)
	}
	return t
}

// axes is one table per axis: the mean at each of its values.
func (d *drawing) axes() []table {
	m := clean(d.a.Measure)
	var all []table
	for _, s := range d.a.Margins {
		if len(all) == 0 || all[len(all)-1].Name != "axis-"+fileName(s.Axis) {
			t := table{Name: "axis-" + fileName(s.Axis), Caption: "Mean over all trained cells by " + clean(s.Axis)}
			if len(d.a.Facts.Budgets) > 1 && s.Role == analysis.RoleDiversity {
				t.Caption += "; where the numbers of pairs differ, compare within the grid instead"
			}
			t.Columns = []column{{Name: clean(s.Axis)}, {Name: "Encoders", Num: true}, {Name: m, Num: true}, {Name: "95 % half-width", Num: true, Hidden: true}, {Name: "Gain over untrained, points", Num: true}}
			all = append(all, t)
		}
		mean, half := plusMinus(s.Mean, s.Half)
		gain := cell{}
		if s.HasGain {
			gain = num(100*s.Gain, 2)
			gain.Show = signed(100*s.Gain, 1)
		}
		all[len(all)-1].add(s.Label, num(float64(s.Runs), 0), mean, half, gain)
	}
	return all
}

// cells is the table of all cells, for machines.
func (d *drawing) cells() table {
	t := table{Name: "cells"}
	t.Columns = []column{
		{Name: "kind"},
		{Name: "encoder"},
		{Name: "size"},
		{Name: "diversity"},
		{Name: "budget"},
		{Name: "parameters", Num: true},
		{Name: "effective languages", Num: true},
		{Name: "pairs", Num: true},
		{Name: "draws", Num: true},
		{Name: clean(d.a.Measure), Num: true},
		{Name: "95 % half-width", Num: true},
		{Name: "gain, points", Num: true},
		{Name: "gain half-width", Num: true},
		{Name: "condition"},
	}
	known := func(x float64, of func(float64) cell) cell { // of what is not known, and of one draw, there is 0
		if x == 0 {
			return cell{}
		}
		return of(x)
	}
	digits := func(n int) func(float64) cell { return func(x float64) cell { return num(x, n) } }
	for _, c := range d.a.Cells {
		gain, half := cell{}, cell{}
		if c.HasGain {
			gain, half = num(100*c.Gain, 2), known(100*c.GainHalf, digits(2))
		}
		t.add(d.kind(c.Kind, c.Encoder), c.Encoder, c.Size, c.Diversity, c.Budget, known(float64(c.Params), digits(0)), known(c.Hill1, round3), known(c.Pairs, digits(0)),
			num(float64(c.Draws), 0), num(c.Mean, 5), known(c.Half, digits(5)), gain, half, c.Stratum)
	}
	return t
}

// kind names the kind of an encoder. Where systems are the answer nothing was
// trained here, or not for this.
func (d *drawing) kind(kind, encoder string) string {
	switch x := d.a.Systems; {
	case x == nil || !x.Main:
		return kindName(kind)
	case encoder == x.Baseline:
		return "baseline"
	}
	return "system"
}

// round3 is a number with up to three decimals.
func round3(x float64) cell {
	c := num(x, 3)
	c.Text = strings.TrimRight(strings.TrimRight(c.Text, "0"), ".")
	c.Show = strings.TrimRight(strings.TrimRight(c.Show, "0"), ".")
	return c
}

// encoders and gains are the tables of the baselines.
func (d *drawing) encoders() table {
	t := table{Name: "encoders", Caption: "Encoders: mean over all their cells with 95 % half-widths over draws, for these languages"}
	t.Columns = []column{{Name: "Encoder"}, {Name: "Kind"}, {Name: "Encoders", Num: true}, {Name: clean(d.a.Measure), Num: true}, {Name: "95 % half-width", Num: true, Hidden: true}}
	for _, e := range d.a.Encoders {
		mean, half := plusMinus(e.Mean, e.Half)
		t.add(e.Encoder, d.kind(e.Kind, e.Encoder), num(float64(e.Runs), 0), mean, half)
	}
	return t
}

func (d *drawing) gains() table {
	t := table{Name: "gains", Caption: "Compared in pairs that share everything else: languages, size, draw and, where both have one, training languages and pairs"}
	t.Columns = []column{{Name: "Comparison"}, {Name: "Where"}, {Name: "Pairs of encoders", Num: true}, {Name: "First", Num: true}, {Name: "Second", Num: true}, {Name: "Difference, points", Num: true}, {Name: "from", Num: true, Hidden: true}, {Name: "to", Num: true, Hidden: true}}
	for _, g := range d.a.Gains {
		where := clean(g.Where)
		if g.Budget != "" {
			if where != "" {
				where += ", "
			}
			where += d.budget(g.Budget)
		}
		if where == "" {
			where = "whole grid"
		}
		a, b := num(g.MeanA, 4), num(g.MeanB, 4)
		a.Show, b.Show = number(g.MeanA, 3), number(g.MeanB, 3)
		v, from, to := cell{}, cell{}, cell{}
		if g.Gain.OK {
			v, from, to = ranged(g.Gain.Value, g.Gain.Low, g.Gain.High)
		}
		t.add(kindName(g.A)+" minus "+kindName(g.B), where, num(float64(g.Pairs), 0), a, b, v, from, to)
	}
	return t
}

// effectsTable is every estimate with what it rests on, for the method.
func (d *drawing) effectsTable() table {
	t := table{Name: "effects", Caption: "Estimates with what they rest on"}
	t.Columns = []column{
		{Name: "Quantity"},
		{Name: "Unit"},
		{Name: "Estimate", Num: true},
		{Name: "95 % from", Num: true},
		{Name: "95 % to", Num: true},
		{Name: "Standard error", Num: true},
		{Name: "Degrees of freedom", Num: true},
		{Name: "Told from zero at 95 % 8 times in 10, from", Num: true},
		{Name: "Method"},
		{Name: "Unit of replication"},
		{Name: "Units", Num: true},
		{Name: "Encoders", Num: true},
		{Name: "Languages", Num: true},
		{Name: "About"},
	}
	add := func(name string, e analysis.Estimate) {
		f, unit := scaled(e.Unit)
		n := 3
		if e.Unit == "measure" {
			n = 2
		}
		if !e.OK {
			t.add(name, unit, cell{Text: "not estimated: " + clean(e.Reason)}, cell{}, cell{}, cell{}, cell{}, cell{}, e.Method, e.Replication, num(float64(e.Units), 0), num(float64(e.Runs), 0), num(float64(e.Languages), 0), e.Inference)
			return
		}
		t.add(name, unit, num(f*e.Value, n), num(f*e.Low, n), num(f*e.High, n), num(f*e.SE, n+1), num(e.DF, 1), num(f*e.MDE, n), e.Method, e.Replication,
			num(float64(e.Units), 0), num(float64(e.Runs), 0), num(float64(e.Languages), 0), e.Inference)
	}
	for _, e := range d.a.Effects {
		held := ""
		if len(e.Held) > 0 {
			held = ", " + clean(words(e.Held)) + " held"
		}
		add("slope of "+e.Factor+held, e.Slope)
		add("one doubling of "+e.Factor+held, e.AME)
		for _, b := range e.ByBudget {
			add("slope of "+e.Factor+" at "+d.budget(b.Budget), b.Slope)
			add("one doubling of "+e.Factor+" at "+d.budget(b.Budget), b.AME)
		}
	}
	if e := d.a.Difference; e != nil {
		add("size minus diversity", *e)
	}
	if e := d.a.Interaction; e != nil {
		add("interaction of size and diversity", *e)
	}
	if e := d.a.InteractionRaw; e != nil {
		add("interaction on the measure itself", *e)
	}
	return t
}

// leaveOut shows how the headline hangs on single parts of the study.
func (d *drawing) leaveOut() table {
	t := table{Name: "leave-one-out", Caption: "Points per doubling without one part of the study, and the change to the full estimate"}
	t.Columns = []column{{Name: "Without"}, {Name: "Doubling"}, {Name: "Points", Num: true}, {Name: "Change", Num: true}}
	for _, l := range d.a.LeaveOut {
		label := l.Kind + " " + l.Label
		if l.Kind == "language" {
			label = d.name(l.Label) + " (" + l.Label + ")"
		}
		_, noun, _ := factor(l.Factor)
		change := num(100*l.Change, 2)
		change.Show = signed(100*l.Change, 2)
		t.add(label, noun, num(100*l.AME, 2), change)
	}
	return t
}

// claimsTable is all claims, for machines.
func claimsTable(claims []analysis.ClaimResult) table {
	t := table{Name: "claims"}
	t.Columns = []column{{Name: "claim"}, {Name: "verdict"}, {Name: "statement"}, {Name: "expression"}, {Name: "unit"}, {Name: "estimate", Num: true}, {Name: "from", Num: true}, {Name: "to", Num: true}, {Name: "level", Num: true}, {Name: "margin", Num: true}, {Name: "p", Num: true}, {Name: "p adjusted", Num: true}, {Name: "reason"}}
	for _, c := range claims {
		v, low, high := cell{}, cell{}, cell{}
		f, unit := scaled(c.Estimate.Unit)
		if c.Estimate.OK {
			v, low, high = num(f*c.Estimate.Value, 4), num(f*c.Low, 4), num(f*c.High, 4)
		}
		t.add(c.Name, c.Verdict, c.Statement, c.Expression, unit, v, low, high, cell{Text: strconv.FormatFloat(c.Level, 'g', 6, 64)}, num(f*c.Margin, 4),
			cell{Text: strconv.FormatFloat(c.P, 'g', 4, 64)}, cell{Text: strconv.FormatFloat(c.PHolm, 'g', 4, 64)}, c.Reason)
	}
	return t
}

// alternativesTable is the verdict of other analyses of one claim.
func alternativesTable(c analysis.ClaimResult) table {
	t := table{Caption: "The same claim, analysed in other ways"}
	f, unit := scaled(c.Estimate.Unit)
	t.Columns = []column{{Name: "Analysis"}, {Name: "Verdict"}, {Name: "Estimate, " + unit, Num: true}, {Name: "from", Num: true}, {Name: "to", Num: true}}
	for _, a := range c.Alternatives {
		n := decimals(f*a.Low, f*a.High)
		t.add(a.Name, a.Verdict, num(f*a.Value, n), num(f*a.Low, n), num(f*a.High, n))
	}
	return t
}

// fileName keeps of a name what every file system takes.
func fileName(s string) string {
	var b []rune
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			b = append(b, r)
		default:
			b = append(b, '-')
		}
	}
	if len(b) == 0 {
		return "unnamed"
	}
	return string(b)
}
