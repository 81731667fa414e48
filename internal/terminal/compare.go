package terminal

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/markup"
)

// Comparison prints the answer, then the tables it rests on, then what speaks
// against relying on it, and how it was made.
func (u *UI) Comparison(c *analysis.Comparison) {
	u.write(&u.out, u.comparison(u.paint(&u.out), c))
}

// ComparisonText is what Comparison prints, for a file, which has room for all
// columns unless names are very long.
func (u *UI) ComparisonText(c *analysis.Comparison) string {
	const room = 160
	p := u.paint(&u.out)
	p.colour, p.width = false, max(p.width, room)
	return u.comparison(p, c)
}

// mostPairs is how many rows of pairs a table has for people; files have all.
const mostPairs = 45

func (u *UI) comparison(p painter, c *analysis.Comparison) string {
	var b strings.Builder
	for _, m := range c.Measures {
		b.WriteString(p.wrap(p.in(u.id(m.Answer), bold), 0, 2) + "\n")
	}
	for i := range c.Measures {
		m := &c.Measures[i]
		b.WriteString("\n")
		u.compareMeans(&b, p, c, m)
		if len(m.Pairs) > 0 {
			b.WriteString("\n")
			u.comparePairs(&b, p, m)
		}
		u.largest(&b, p, m)
		for _, g := range m.ByGroup {
			if len(m.ByGroup) > 3 && len(g.Groups) > 0 {
				continue
			}
			b.WriteString("\n")
			u.compareGroups(&b, p, m, g)
		}
		if n := len(m.ByGroup); n > 3 {
			b.WriteString("\n")
			u.compareOverGroups(&b, p, m)
		}
	}
	if c.Agreement != nil {
		b.WriteString("\n")
		u.compareAgreement(&b, p, c.Agreement)
	}
	if len(c.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range c.Notes {
		b.WriteString(p.wrap(p.in("warning:", yellow, bold)+" "+u.id(n.Text), 0, 2) + "\n")
	}
	b.WriteString("\n")
	for _, line := range c.Method {
		b.WriteString(p.wrap(p.in(u.id(line), faint), 0, 0) + "\n")
	}
	return b.String()
}

func (u *UI) compareMeans(b *strings.Builder, p painter, c *analysis.Comparison, m *analysis.ComparedMeasure) {
	caption := fmt.Sprintf("%s, means over %s", u.id(m.Measure), count(c.Queries, "query"))
	head := row{"", "mean", interval(c.Level), ""}
	if c.Baseline == "" {
		caption += "; runs that share a letter cannot be told apart"
	} else {
		head[3] = "against " + u.id(c.Baseline)
	}
	b.WriteString(p.wrap(caption, 0, 2) + "\n")
	rows := []row{head}
	for _, s := range m.Systems {
		last := s.Letters
		if c.Baseline != "" {
			last = againstBaseline(c, m, s.Run)
		}
		rows = append(rows, row{u.id(s.Run), u.score(s.Mean), u.between(s.Low, s.High), last})
	}
	u.writeTable(b, p, p.table(3, rows, []int{1, 2}))
}

func againstBaseline(c *analysis.Comparison, m *analysis.ComparedMeasure, run string) string {
	if run == c.Baseline {
		return "baseline"
	}
	for _, p := range m.Pairs {
		if p.A == run {
			return cmp.Or(p.Verdict(), "cannot be told apart")
		}
	}
	return ""
}

func interval(level float64) string {
	return strconv.FormatFloat(100*level, 'g', 6, 64) + " % interval"
}

func (u *UI) comparePairs(b *strings.Builder, p painter, m *analysis.ComparedMeasure) {
	rows := []row{{"difference", "", "interval", "p", "corrected", "permutation", "", "Hedges g", "win/tie/loss"}}
	for i, x := range m.Pairs {
		if i == mostPairs {
			break
		}
		mark := ""
		if x.Different {
			mark = p.sym.yes
		}
		rows = append(rows, row{u.versus(x.A, x.B), u.score(x.Mean), u.between(x.Low, x.High), pValue(x.P), pValue(x.Adjusted), pValue(x.Permutation), mark, u.effect(x.G), fmt.Sprintf("%d/%d/%d", x.Wins, x.Ties, x.Losses)})
	}
	u.narrowTable(b, p, rows, []int{1, 2, 3, 4, 5, 7, 8}, 5, 3, 8, 7, 2)
	if n := len(m.Pairs) - mostPairs; n > 0 {
		b.WriteString("  " + p.sym.ellipsis + " and " + count(n, "pair") + " more: -format csv has them all\n")
	}
}

// mostLargest is of how many pairs the largest differences are shown to people.
const mostLargest = 3

// largest shows the queries on which the runs of the first pairs differ most.
func (u *UI) largest(b *strings.Builder, p painter, m *analysis.ComparedMeasure) {
	for i, x := range m.Pairs {
		if i == mostLargest {
			b.WriteString("\n  " + p.sym.ellipsis + " and " + count(len(m.Pairs)-i, "pair") + " more: -format json has them all\n")
			return
		}
		if len(x.Largest) == 0 {
			continue
		}
		b.WriteString("\n" + p.wrap(u.id(m.Measure)+", queries with the largest differences, "+u.versus(x.A, x.B), 0, 2) + "\n")
		rows := []row{{"query", u.id(x.A), u.id(x.B), "difference"}}
		for _, d := range x.Largest {
			rows = append(rows, row{u.id(d.Query), u.score(d.A), u.score(d.B), u.score(d.Difference)})
		}
		u.narrowTable(b, p, rows, []int{1, 2, 3}, 1, 2)
	}
}

func (u *UI) versus(a, b string) string { return u.id(a) + " " + u.sym.minus + " " + u.id(b) }

func (u *UI) compareGroups(b *strings.Builder, p painter, m *analysis.ComparedMeasure, g analysis.GroupedPair) {
	b.WriteString(p.wrap(fmt.Sprintf("%s within groups, %s", u.id(m.Measure), u.versus(g.A, g.B)), 0, 2) + "\n")
	rows := []row{{"", "queries", "difference", "interval", "p", "corrected", "", "win/tie/loss"}}
	add := func(name string, d analysis.Difference) {
		mark := ""
		if d.Different {
			mark = p.sym.yes
		}
		rows = append(rows, row{name, thousands(d.N), u.score(d.Mean), u.between(d.Low, d.High), pValue(d.P), pValue(d.Adjusted), mark, fmt.Sprintf("%d/%d/%d", d.Wins, d.Ties, d.Losses)})
	}
	for _, d := range g.Groups {
		add(u.id(d.Group), d.Difference)
	}
	if len(g.Groups) > 1 {
		add("mean over groups", g.Over)
		rows[len(rows)-1][1] = ""
	}
	u.narrowTable(b, p, rows, []int{1, 2, 3, 4, 5, 7}, 4, 7, 1, 3)
}

// narrowTable writes a table and names the columns that were dropped because
// the terminal is too narrow.
func (u *UI) narrowTable(b *strings.Builder, p painter, rows []row, rightAligned []int, drop ...int) {
	lines := p.table(2, rows, rightAligned, drop...)
	u.writeTable(b, p, lines)
	var gone []string
	shown := "  " + lines[0] + "  "
	for i, name := range rows[0] {
		if slices.Contains(drop, i) && !strings.Contains(shown, "  "+name+"  ") {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		b.WriteString(p.wrap(p.in(p.sym.ellipsis+" left out at this width: "+strings.Join(gone, ", "), faint), 2, 2) + "\n")
	}
}

// compareOverGroups has a row for each pair where a table for each would be
// too much.
func (u *UI) compareOverGroups(b *strings.Builder, p painter, m *analysis.ComparedMeasure) {
	b.WriteString(p.wrap(u.id(m.Measure)+", mean over groups, each counting once; -format csv has the groups", 0, 2) + "\n")
	rows := []row{{"difference", "", "interval", "p", "corrected", "", "groups better/alike/worse"}}
	for i, g := range m.ByGroup {
		if i == mostPairs {
			break
		}
		mark := ""
		if g.Over.Different {
			mark = p.sym.yes
		}
		better, alike, worse := g.Counts()
		rows = append(rows, row{u.versus(g.A, g.B), u.score(g.Over.Mean), u.between(g.Over.Low, g.Over.High), pValue(g.Over.P), pValue(g.Over.Adjusted), mark, fmt.Sprintf("%d/%d/%d", better, alike, worse)})
	}
	u.narrowTable(b, p, rows, []int{1, 2, 3, 4, 6}, 3, 2)
	if n := len(m.ByGroup) - mostPairs; n > 0 {
		b.WriteString("  " + p.sym.ellipsis + " and " + count(n, "pair") + " more\n")
	}
}

func (u *UI) compareAgreement(b *strings.Builder, p painter, a *analysis.Agreement) {
	b.WriteString(p.wrap(fmt.Sprintf("Agreement of rankings, means over queries; RBO with p = %g, τ over the documents that both retrieved", a.Persistence), 0, 2) + "\n")
	rows := []row{{"", "RBO", "at least", "τ_b", "τ_AP", "shared", "queries"}}
	for i, x := range a.Rankings {
		if i == mostPairs {
			break
		}
		rows = append(rows, row{u.id(x.A) + ", " + u.id(x.B), u.short(x.RBO, 3), u.short(x.RBOMin, 3), u.short(x.TauB, 3), u.short(x.TauAP, 3), u.short(x.Shared, 1), thousands(x.Queries)})
	}
	u.narrowTable(b, p, rows, []int{1, 2, 3, 4, 5, 6}, 2, 5, 6)
	if n := len(a.Rankings) - mostPairs; n > 0 {
		b.WriteString("  " + p.sym.ellipsis + " and " + count(n, "pair") + " more: -format json has them all\n")
	}
	if len(a.Measures) > 0 {
		b.WriteString("\nAgreement of measures on the order of the runs\n")
		rows = []row{{"", "τ_b"}}
		for _, x := range a.Measures {
			rows = append(rows, row{u.id(x.A) + ", " + u.id(x.B), u.short(x.TauB, 3)})
		}
		u.writeTable(b, p, p.table(2, rows, []int{1}))
	}
}

// score writes a value of a measure with the field's four decimals.
func (u *UI) score(v analysis.Float) string { return u.short(v, 4) }

func (u *UI) short(v analysis.Float, decimals int) string {
	x := float64(v)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return strings.Replace(plainNumber(x, decimals), "-", u.sym.minus, 1)
}

// effect writes an effect size, also one without bound.
func (u *UI) effect(v analysis.Float) string {
	switch {
	case math.IsInf(float64(v), 1):
		return "inf"
	case math.IsInf(float64(v), -1):
		return u.sym.minus + "inf"
	}
	return u.short(v, 2)
}

func (u *UI) between(low, high analysis.Float) string {
	if math.IsNaN(float64(low)) {
		return ""
	}
	return u.score(low) + " to " + u.score(high)
}

func pValue(p analysis.Float) string {
	switch {
	case math.IsNaN(float64(p)):
		return ""
	case p < 0.0001:
		return "<0.0001"
	}
	return decimal(float64(p), 4)
}

// plainNumber has no sign on zero.
func plainNumber(x float64, decimals int) string {
	t := decimal(x, decimals)
	if strings.Trim(t, "-0.") == "" {
		t = strings.TrimPrefix(t, "-")
	}
	return t
}

// WriteComparisonJSON writes the comparison as one JSON document.
func WriteComparisonJSON(w io.Writer, c *analysis.Comparison) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(c)
}

// WriteQueriesCSV writes one row per measure and query, with the value of each
// run in a column of its own, in the order of c.Runs, with all digits.
func WriteQueriesCSV(w io.Writer, c *analysis.Comparison) error {
	out := csv.NewWriter(w)
	head := []string{"measure", "query"}
	for _, r := range c.Runs {
		head = append(head, r.Name)
	}
	_ = out.Write(head) // kept for Error
	for _, m := range c.Measures {
		values := map[string][]analysis.Float{}
		for _, s := range m.Systems {
			values[s.Run] = s.Values
		}
		for q, id := range c.QueryIDs {
			line := []string{m.Measure, id}
			for _, r := range c.Runs {
				line = append(line, strconv.FormatFloat(float64(values[r.Name][q]), 'g', -1, 64))
			}
			_ = out.Write(line)
		}
	}
	out.Flush()
	return out.Error()
}

// WriteComparisonCSV writes one row per measure and pair, and with groups one
// per group too, with all digits; undefined values are empty. A row whose
// group is "*" is the mean over groups, with groups as the units.
func WriteComparisonCSV(w io.Writer, c *analysis.Comparison) error {
	out := csv.NewWriter(w)
	write := func(r ...string) { _ = out.Write(r) } // kept for Error
	write("measure", "group", "a", "b", "n", "mean_a", "mean_b", "difference", "low", "high", "t", "df", "p", "p_adjusted", "different", "p_permutation", "d_z", "hedges_g", "superiority", "wins", "ties", "losses", "skew")
	full := func(v analysis.Float) string {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', -1, 64)
	}
	nan := analysis.Float(math.NaN())
	line := func(measure, group, a, b string, meanA, meanB analysis.Float, d analysis.Difference, permutation analysis.Float) {
		write(measure, group, a, b, strconv.Itoa(d.N), full(meanA), full(meanB), full(d.Mean), full(d.Low), full(d.High), full(d.T), strconv.Itoa(d.DF), full(d.P), full(d.Adjusted),
			strconv.FormatBool(d.Different), full(permutation), full(d.DZ), full(d.G), full(d.Superiority), strconv.Itoa(d.Wins), strconv.Itoa(d.Ties), strconv.Itoa(d.Losses), full(d.Skew))
	}
	for _, m := range c.Measures {
		mean := map[string]analysis.Float{}
		for _, s := range m.Systems {
			mean[s.Run] = s.Mean
		}
		for _, p := range m.Pairs {
			line(m.Measure, "", p.A, p.B, mean[p.A], mean[p.B], p.Difference, p.Permutation)
		}
		for _, g := range m.ByGroup {
			for _, d := range g.Groups {
				line(m.Measure, d.Group, g.A, g.B, d.MeanA, d.MeanB, d.Difference, nan)
			}
			if len(g.Groups) > 1 {
				line(m.Measure, "*", g.A, g.B, nan, nan, g.Over, nan)
			}
		}
	}
	out.Flush()
	return out.Error()
}

// compareGrid is one row per run and one column per measure: what papers print.
type compareGrid struct {
	runs, measures []string
	cells          map[[2]string]compareCell
}

type compareCell struct {
	mean    string
	letters string // or against a baseline: + better, - worse
	best    bool
}

func gridOf(c *analysis.Comparison) compareGrid {
	g := compareGrid{cells: map[[2]string]compareCell{}}
	for i, m := range c.Measures {
		g.measures = append(g.measures, m.Measure)
		for k, s := range m.Systems {
			if i == 0 {
				g.runs = append(g.runs, s.Run)
			}
			cell := compareCell{mean: plainNumber(float64(s.Mean), 4), letters: s.Letters, best: s.Best}
			if c.Baseline != "" {
				cell.best = k == 0
				for _, p := range m.Pairs {
					if p.A == s.Run && p.Different {
						cell.letters = map[bool]string{true: "+", false: "-"}[p.Ahead() > 0]
					}
				}
			}
			g.cells[[2]string{s.Run, m.Measure}] = cell
		}
	}
	return g
}

// legend explains the marks of a grid.
func legend(c *analysis.Comparison) string {
	if c.Baseline != "" {
		return "The best mean is bold; + and - mark runs that are better or worse than " + c.Baseline + "." + unusual(c)
	}
	return "Runs that share a letter cannot be told apart; those that cannot be told from the one with the best mean are bold." + unusual(c)
}

// unusual names the measures by which more is not better.
func unusual(c *analysis.Comparison) string {
	var less, neither []string
	for _, m := range c.Measures {
		switch m.Better {
		case "lower":
			less = append(less, m.Measure)
		case "neither":
			neither = append(neither, m.Measure)
		}
	}
	s := ""
	if len(less) > 0 {
		s += " Less is better by " + strings.Join(less, ", ") + "."
	}
	if len(neither) > 0 {
		s += " Neither more nor less is better by " + strings.Join(neither, ", ") + ": the highest mean counts as the best."
	}
	return s
}

// sheet is a table of texts, not yet escaped: what was asked for beside the
// means, which every format for people writes in its own way.
type sheet struct {
	caption string
	left    int // columns that are names; the others are numbers
	head    []string
	rows    [][]string
}

// pairSheet holds the difference of each pair over all queries.
func pairSheet(c *analysis.Comparison) sheet {
	u := &UI{sym: utf8Symbols}
	t := sheet{left: 2, head: []string{"measure", "A − B", "difference", interval(c.Level), "p", "corrected", "permutation", "Hedges g", "win/tie/loss"}}
	for _, m := range c.Measures {
		for _, p := range m.Pairs {
			t.rows = append(t.rows, []string{
				m.Measure, p.A + " − " + p.B, u.score(p.Mean), u.between(p.Low, p.High), pValue(p.P), pValue(p.Adjusted), pValue(p.Permutation), u.effect(p.G),
				fmt.Sprintf("%d/%d/%d", p.Wins, p.Ties, p.Losses),
			})
		}
	}
	return t
}

// largestSheet holds the queries on which the first pairs of a measure differ
// most.
func largestSheet(c *analysis.Comparison) sheet {
	u := &UI{sym: utf8Symbols}
	t := sheet{caption: "Queries with the largest differences.", left: 3, head: []string{"measure", "A − B", "query", "A", "B", "difference"}}
	for _, m := range c.Measures {
		for _, p := range m.Pairs[:min(len(m.Pairs), mostLargest)] {
			for _, d := range p.Largest {
				t.rows = append(t.rows, []string{m.Measure, p.A + " − " + p.B, d.Query, u.score(d.A), u.score(d.B), u.score(d.Difference)})
			}
		}
	}
	return t
}

// groupSheet holds the difference of each pair within each group, and their
// mean over groups.
func groupSheet(c *analysis.Comparison) sheet {
	u := &UI{sym: utf8Symbols}
	t := sheet{
		caption: "Differences within groups of queries; those marked * differ after correction, and the mean over groups counts each group once.", left: 3,
		head: []string{"measure", "A − B", "group", "queries", "difference", interval(c.Level), "p", "corrected", "win/tie/loss"},
	}
	for _, m := range c.Measures {
		for _, g := range m.ByGroup {
			add := func(name, queries string, d analysis.Difference) {
				mean := u.score(d.Mean)
				if d.Different {
					mean += " *"
				}
				t.rows = append(t.rows, []string{m.Measure, g.A + " − " + g.B, name, queries, mean, u.between(d.Low, d.High), pValue(d.P), pValue(d.Adjusted), fmt.Sprintf("%d/%d/%d", d.Wins, d.Ties, d.Losses)})
			}
			for _, d := range g.Groups {
				add(d.Group, strconv.Itoa(d.N), d.Difference)
			}
			if len(g.Groups) > 1 {
				add("mean over groups", "", g.Over)
			}
		}
	}
	return t
}

// agreementSheets hold how alike the rankings are, and the orders of the runs.
func agreementSheets(a *analysis.Agreement) []sheet {
	u := &UI{sym: utf8Symbols}
	t := sheet{
		caption: fmt.Sprintf("Agreement of rankings, means over queries; RBO with p = %g, τ over the documents that both retrieved.", a.Persistence), left: 1,
		head: []string{"runs", "RBO", "at least", "τ_b", "τ_AP", "shared", "queries"},
	}
	for _, x := range a.Rankings {
		t.rows = append(t.rows, []string{x.A + ", " + x.B, u.short(x.RBO, 3), u.short(x.RBOMin, 3), u.short(x.TauB, 3), u.short(x.TauAP, 3), u.short(x.Shared, 1), strconv.Itoa(x.Queries)})
	}
	out := []sheet{t}
	if len(a.Measures) > 0 {
		t = sheet{caption: "Agreement of measures on the order of the runs.", left: 1, head: []string{"measures", "τ_b"}}
		for _, x := range a.Measures {
			t.rows = append(t.rows, []string{x.A + ", " + x.B, u.short(x.TauB, 3)})
		}
		out = append(out, t)
	}
	return out
}

// furtherSheets are what -q, -groups and -agreement add.
func furtherSheets(c *analysis.Comparison) []sheet {
	var out []sheet
	if t := largestSheet(c); len(t.rows) > 0 {
		out = append(out, t)
	}
	if t := groupSheet(c); len(t.rows) > 0 {
		out = append(out, t)
	}
	if c.Agreement != nil {
		out = append(out, agreementSheets(c.Agreement)...)
	}
	return out
}

// table escapes the cells of a sheet.
func (t sheet) table(escape func(string) string) markup.Table {
	cells := func(texts []string) []string {
		out := make([]string, len(texts))
		for i, text := range texts {
			out[i] = escape(text)
		}
		return out
	}
	out := markup.Table{Columns: strings.Repeat("l", t.left) + strings.Repeat("r", len(t.head)-t.left), Head: cells(t.head)}
	for _, r := range t.rows {
		out.Rows = append(out.Rows, cells(r))
	}
	return out
}

// meansTable has a row for each run and a column for each measure, with the
// marks of a format: best puts a mean in bold, mark writes a letter or sign.
func meansTable(c *analysis.Comparison, align string, escape, best, mark func(string) string) markup.Table {
	g := gridOf(c)
	out := markup.Table{Columns: "l" + strings.Repeat(align, len(g.measures)), Head: []string{"run"}}
	for _, m := range g.measures {
		out.Head = append(out.Head, escape(m))
	}
	for _, r := range g.runs {
		row := []string{escape(r)}
		for _, m := range g.measures {
			cell := g.cells[[2]string{r, m}]
			text := escape(strings.Replace(cell.mean, "-", utf8Symbols.minus, 1))
			if cell.best {
				text = best(text)
			}
			if cell.letters != "" {
				text += mark(cell.letters)
			}
			row = append(row, text)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// WriteComparisonMarkdown writes a table of runs and measures, one of pairs,
// what -groups and -agreement add, the notes and the method.
func WriteComparisonMarkdown(w io.Writer, c *analysis.Comparison) error {
	b := &errWriter{w: w}
	esc := func(s string) string { return markup.Markdown(escaped(s)) }
	for _, m := range c.Measures {
		b.printf("%s\n\n", esc(m.Answer))
	}
	means := meansTable(c, "r", esc, func(s string) string { return "**" + s + "**" }, func(s string) string { return " " + esc(s) })
	b.printf("%s\n%s\n\n", means.Markdown(), esc(legend(c)))
	for _, t := range append([]sheet{pairSheet(c)}, furtherSheets(c)...) {
		if t.caption != "" {
			b.printf("%s\n\n", esc(t.caption))
		}
		b.printf("%s\n", t.table(esc).Markdown())
	}
	for _, n := range c.Notes {
		b.printf("Warning: %s\n\n", esc(n.Text))
	}
	for _, line := range c.Method {
		b.printf("%s\n", esc(line))
	}
	return b.err
}

// WriteComparisonLaTeX writes a booktabs table of runs and measures, and one for
// each thing that -groups and -agreement add. The answers, the differences of
// pairs, the notes and the method stand before it as comments.
func WriteComparisonLaTeX(w io.Writer, c *analysis.Comparison) error {
	b := &errWriter{w: w}
	esc := func(s string) string { return markup.LaTeX(escaped(s)) }
	b.printf("%% needs \\usepackage{booktabs}\n%% %s\n", escaped(legend(c)))
	for _, m := range c.Measures {
		b.printf("%% %s\n", escaped(m.Answer))
	}
	for i, r := range pairSheet(c).rows {
		if i == mostPairs {
			b.printf("%% and more pairs: -format csv has them all\n")
			break
		}
		b.printf("%% %s: %s %s (%s), p %s, corrected %s, permutation %s, Hedges g %s, win/tie/loss %s\n", escaped(r[0]), escaped(r[1]), r[2], cmp.Or(r[3], "no interval"), cmp.Or(r[4], "none"), cmp.Or(r[5], "none"), cmp.Or(r[6], "none"), cmp.Or(r[7], "none"), r[8])
	}
	for _, n := range c.Notes {
		b.printf("%% warning: %s\n", escaped(n.Text))
	}
	for _, line := range c.Method {
		b.printf("%% %s\n", escaped(line))
	}
	means := meansTable(c, "l", esc, func(s string) string { return `\textbf{` + s + `}` }, func(s string) string {
		if s == "+" || s == "-" {
			return "$^{" + s + "}$"
		}
		return `\textsuperscript{` + s + `}`
	})
	b.printf("%s", means.LaTeX())
	for _, t := range furtherSheets(c) {
		if t.caption != "" {
			b.printf("\n%% %s\n", escaped(t.caption))
		}
		b.printf("%s", t.table(esc).LaTeX())
	}
	return b.err
}
