package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/xlrun/xlrun/internal/markup"
)

// Paper is a table of systems × languages as papers print it: best values in
// bold, marks where a difference to the baseline was found, letters for systems
// that cannot be told apart.
type Paper struct {
	Measure  string     // "nDCG@10"
	Baseline string     // what marks and gains are against; "" where there is none
	Columns  []string   // codes of languages
	Names    []string   // of the same, for the page; nil: the codes
	Rows     []PaperRow // best first
	Notes    []string   // sentences: what was measured, with what conventions and tests
}

// PaperRow is one system.
type PaperRow struct {
	Name    string
	Mean    PaperValue // over the columns
	Letters string     // "" where groups were not looked for
	Gain    *PaperGain // over the baseline; nil for the baseline
	Values  []PaperValue
}

// PaperValue is a number of the measure, 0 to 1.
type PaperValue struct {
	OK     bool
	Value  float64
	Half   float64 // 95 % half-width; 0 where there is none
	Marked bool    // a difference to the baseline was found
}

// PaperGain is a difference to the baseline with its 95 % interval, whose limits
// are NaN where there is none.
type PaperGain struct{ Value, Low, High float64 }

// text writes a gain in points: "+1.2 [+0.4, +2.0]".
func (g PaperGain) text() string {
	if math.IsNaN(g.Low) || math.IsNaN(g.High) {
		return signed(100*g.Value, 2)
	}
	n := decimals(100*g.Low, 100*g.High)
	return fmt.Sprintf("%s [%s, %s]", signed(100*g.Value, n), signed(100*g.Low, n), signed(100*g.High, n))
}

// fewColumns fit a page beside names, means and gains at full size.
const fewColumns = 3

// paperDecimals is how many digits of a measure papers print.
const paperDecimals = 3

// best returns the greatest value of a column as printed; equal ones share it.
func (p Paper) best(of func(PaperRow) PaperValue) string {
	best, found := 0.0, false
	for _, r := range p.Rows {
		if v := of(r); v.OK && (!found || v.Value > best) {
			best, found = v.Value, true
		}
	}
	if !found {
		return ""
	}
	return number(best, paperDecimals)
}

func (p Paper) letters() bool {
	for _, r := range p.Rows {
		if r.Letters != "" {
			return true
		}
	}
	return false
}

// halves reports whether means have intervals.
func (p Paper) halves() bool {
	for _, r := range p.Rows {
		if r.Mean.OK && r.Mean.Half > 0 {
			return true
		}
	}
	return false
}

func (p Paper) gains() bool {
	for _, r := range p.Rows {
		if r.Gain != nil {
			return true
		}
	}
	return false
}

// steady says whether some gain has no interval.
func (p Paper) steady() bool {
	for _, r := range p.Rows {
		if r.Gain != nil && math.IsNaN(r.Gain.Low) {
			return true
		}
	}
	return false
}

// Caption says what the table shows and how its marks came about.
func (p Paper) Caption() string {
	s := clean(p.Measure) + " by system and language; the best of a column is bold."
	if p.halves() {
		s += " ± is half of a 95 % interval of the mean."
	}
	if p.gains() {
		s += " Gains over " + clean(p.Baseline) + " are in points with 95 % intervals."
	}
	if p.steady() {
		s += " A gain without an interval is the same wherever it was measured, which leaves no spread to judge by."
	}
	if p.marked() {
		s += " An asterisk marks values that differ from " + clean(p.Baseline) + "."
	}
	if p.letters() {
		s += " Systems that share a letter cannot be told apart, which does not mean that they are equal."
	}
	for _, n := range p.Notes {
		s += " " + clean(n)
	}
	return s
}

func (p Paper) marked() bool {
	for _, r := range p.Rows {
		for _, v := range r.Values {
			if v.Marked {
				return true
			}
		}
	}
	return false
}

// LaTeX writes a table for a paper, with booktabs.
func (p Paper) LaTeX(label string) []byte {
	letters, gains := p.letters(), p.gains()
	var b strings.Builder
	esc := func(s string) string { return markup.LaTeX(clean(s)) }
	b.WriteString("% needs \\usepackage{booktabs}\n")
	if len(p.Columns) > fewColumns {
		b.WriteString("% wide: in two columns, write table* for table\n")
	}
	b.WriteString("\\begin{table}[t]\n\\centering\n")
	switch n := len(p.Columns); {
	case n > 5:
		b.WriteString("\\scriptsize\\setlength{\\tabcolsep}{3pt}\n")
	case n > fewColumns:
		b.WriteString("\\footnotesize\\setlength{\\tabcolsep}{4pt}\n")
	}
	fmt.Fprintf(&b, "\\caption{%s}\n\\label{tab:%s}\n", strings.ReplaceAll(esc(p.Caption()), ` \%`, `\,\%`), fileName(label))
	out := markup.Table{Columns: "l", Head: []string{"System"}}
	add := func(column, head string) {
		out.Columns += column
		out.Head = append(out.Head, head)
	}
	if letters {
		add("l", "")
	}
	add("r", "Mean")
	if gains {
		add("l", "Gain")
	}
	for _, c := range p.Columns {
		add("r", esc(c))
	}
	value := func(v PaperValue, best string) string {
		if !v.OK {
			return "--"
		}
		s := number(v.Value, paperDecimals)
		bold := s == best
		s = markup.LaTeX(s)
		if bold {
			s = `\textbf{` + s + `}`
		}
		if v.Marked {
			s += `\rlap{$^{*}$}`
		}
		return s
	}
	for _, r := range p.Rows {
		row := []string{esc(r.Name)}
		if letters {
			row = append(row, esc(r.Letters))
		}
		mean := value(r.Mean, p.best(func(r PaperRow) PaperValue { return r.Mean }))
		if r.Mean.OK && r.Mean.Half > 0 {
			mean += `\,{\scriptsize$\pm$` + strings.TrimPrefix(number(r.Mean.Half, paperDecimals), "0") + `}`
		}
		row = append(row, mean)
		if gains {
			gain := ""
			if g := r.Gain; g != nil {
				gain = markup.LaTeX(g.text())
			}
			row = append(row, gain)
		}
		for i, v := range r.Values {
			row = append(row, value(v, p.best(func(r PaperRow) PaperValue { return r.Values[i] })))
		}
		out.Rows = append(out.Rows, row)
	}
	b.WriteString(out.LaTeX() + "\\end{table}\n")
	return []byte(b.String())
}

// Markdown writes the table for a README.
func (p Paper) Markdown() []byte {
	letters, gains := p.letters(), p.gains()
	out := markup.Table{Columns: "l", Head: []string{"System"}}
	add := func(column, head string) {
		out.Columns += column
		out.Head = append(out.Head, head)
	}
	if letters {
		add("l", "")
	}
	add("r", "Mean")
	if gains {
		add("r", "Gain, points")
	}
	for _, c := range p.Columns {
		add("r", markup.Markdown(clean(c)))
	}
	value := func(v PaperValue, best string) string {
		if !v.OK {
			return "–"
		}
		s := number(v.Value, paperDecimals)
		if s == best {
			s = "**" + s + "**"
		}
		if v.Marked {
			s += `\*`
		}
		return s
	}
	for _, r := range p.Rows {
		row := []string{markup.Markdown(r.Name)}
		if letters {
			row = append(row, markup.Markdown(r.Letters))
		}
		mean := value(r.Mean, p.best(func(r PaperRow) PaperValue { return r.Mean }))
		if r.Mean.OK && r.Mean.Half > 0 {
			mean += " ±" + number(r.Mean.Half, paperDecimals)
		}
		row = append(row, mean)
		if gains {
			gain := ""
			if g := r.Gain; g != nil {
				gain = g.text()
			}
			row = append(row, gain)
		}
		for i, v := range r.Values {
			row = append(row, value(v, p.best(func(r PaperRow) PaperValue { return r.Values[i] })))
		}
		out.Rows = append(out.Rows, row)
	}
	return []byte(out.Markdown() + "\n" + markup.Markdown(p.Caption()) + "\n")
}

// table is the same for the page and for CSV, at full length.
func (p Paper) table(name string) table {
	t := table{Name: name, Caption: p.Caption()}
	letters, gains := p.letters(), p.gains()
	t.Columns = []column{{Name: "System"}, {Name: "Letters", Hidden: !letters}, {Name: clean(p.Measure), Num: true}, {Name: "half-width", Num: true, Hidden: true}}
	t.Columns = append(t.Columns, column{Name: "Gain over " + clean(p.Baseline) + ", points", Num: true, Hidden: !gains}, column{Name: "gain from", Num: true, Hidden: true}, column{Name: "gain to", Num: true, Hidden: true})
	names := p.Names
	if names == nil {
		names = p.Columns
	}
	for _, c := range names {
		t.Columns = append(t.Columns, column{Name: clean(c), Num: true})
	}
	for _, r := range p.Rows {
		mean, half := plusMinus(r.Mean.Value, r.Mean.Half)
		row := []any{clean(r.Name), r.Letters, mean, half}
		if g := r.Gain; g != nil {
			v, low, high := ranged(g.Value, g.Low, g.High)
			row = append(row, v, low, high)
		} else {
			row = append(row, cell{}, cell{}, cell{})
		}
		for i, v := range r.Values {
			if !v.OK {
				row = append(row, cell{})
				continue
			}
			c := num(v.Value, 4)
			c.Show = number(v.Value, paperDecimals)
			c.Best = c.Show == p.best(func(r PaperRow) PaperValue { return r.Values[i] })
			if v.Marked {
				c.Small = "*"
			}
			row = append(row, c)
		}
		t.add(row...)
	}
	return t
}

// CSV writes the table for machines.
func (p Paper) CSV() []byte { return p.table("").csv() }
