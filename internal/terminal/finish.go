package terminal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
)

// Ending is how a run ended.
type Ending struct {
	Plan    *study.Plan
	Outcome *runner.Outcome   // nil where the run did not get that far
	Summary *analysis.Summary // nil where there is none
	// Interrupted says that the user stopped it.
	Interrupted bool
	// Err is what stopped the run; nil where it came to its end. One that
	// wraps context.Canceled counts as interrupted.
	Err error
	// Again is the command that goes on from here: "xlrun run x.hcl".
	Again string
}

// Status of an ending, as in the last event.
const (
	endDone        = "done"
	endFailed      = "failed"
	endInterrupted = "interrupted"
	endError       = "error"
)

func (e Ending) status() string {
	switch {
	case e.Interrupted, errors.Is(e.Err, context.Canceled):
		return endInterrupted
	case e.Err != nil:
		return endError
	case e.Outcome != nil && len(e.Outcome.Failures) > 0:
		return endFailed
	}
	return endDone
}

// Finish says how a run ended: what was computed, then what came out or what
// failed, and last where things are or what to do. It goes to stdout when the
// run is done and to stderr when it is not; with Events, the claims and the
// summary also go to stdout as events. Close the Progress first.
func (u *UI) Finish(e Ending) {
	if u.events != nil {
		u.finishEvents(e)
	}
	s := &u.err
	if e.status() == endDone {
		s = u.people()
	}
	p := u.paint(s)
	var b strings.Builder
	switch e.status() {
	case endDone:
		u.done(&b, p, e)
	case endFailed:
		u.failed(&b, p, e)
	default:
		u.stopped(&b, p, e)
	}
	u.write(s, b.String())
	if e.status() == endError {
		u.Error(e.Err)
	}
}

// grid adds up the stages of an outcome without those that make results, which
// are not counted among the steps.
func grid(o *runner.Outcome) runner.StageCount {
	var c runner.StageCount
	if o == nil {
		return c
	}
	for _, s := range o.Stages {
		if isResults(s.Stage) {
			continue
		}
		c.Total += s.Total
		c.Cached += s.Cached
		c.Ran += s.Ran
		c.Shared += s.Shared
		c.Failed += s.Failed
		c.Skipped += s.Skipped
	}
	return c
}

func (u *UI) done(b *strings.Builder, p painter, e Ending) {
	o := e.Outcome
	if o == nil {
		o = &runner.Outcome{}
	}
	c := grid(o)
	line := p.in("Done", green, bold) + fmt.Sprintf(" in %s: %s run, %s cached, 0 failed", spoken(o.Elapsed), thousands(c.Ran+c.Shared), thousands(c.Cached))
	if o.Retried > 0 {
		line += ", " + thousands(o.Retried) + " retried"
	}
	if o.Unusable > 0 {
		line += ", " + thousands(o.Unusable) + " computed again because the store's copy was damaged or of another version"
	}
	b.WriteString(p.wrap(line+".", 0, 2) + "\n")
	u.valueless(b, p, o)
	if e.Summary != nil {
		u.claims(b, p, e.Summary)
		u.tables(b, p, e.Summary)
		if n := warnings(e); n > 0 {
			b.WriteString("\n" + p.wrap("Warnings: "+thousands(n)+", see the notes in the report.", 0, 2))
		}
		b.WriteByte('\n')
	}
	u.places(b, o)
}

// valueless says which measures have no value for any query of a ranking, and
// why: the records lack them.
func (u *UI) valueless(b *strings.Builder, p painter, o *runner.Outcome) {
	var lines []runner.Note
	for _, n := range o.Notes {
		measure, ok := strings.CutPrefix(n.What, runner.NoteNoValue)
		measure, why, both := strings.Cut(measure, ": ")
		if !ok || !both {
			continue
		}
		i := slices.IndexFunc(lines, func(l runner.Note) bool { return l.Block == n.Block && l.Count == n.Count && l.What == why })
		if i < 0 {
			lines = append(lines, runner.Note{Block: n.Block, Count: n.Count, What: why, Text: measure})
			continue
		}
		lines[i].Text += ", " + measure
	}
	for _, l := range lines {
		b.WriteString(p.wrap(fmt.Sprintf("No value of %s in %s of %s: %s.", u.show(l.Text), count(l.Count, "ranking"), u.show(l.Block), u.show(l.What)), 0, 2) + "\n")
	}
}

// warnings counts what the report warns of.
func warnings(e Ending) int {
	n := 0
	notes := func(list []analysis.Note) {
		for _, x := range list {
			if x.Warning {
				n++
			}
		}
	}
	if e.Summary != nil {
		notes(e.Summary.Notes)
		for _, a := range e.Summary.Analyses {
			notes(a.Notes)
		}
	}
	if e.Plan != nil {
		n += len(e.Plan.Warnings)
	}
	return n
}

// places says where results are. Paths are neither wrapped nor cut.
func (u *UI) places(b *strings.Builder, o *runner.Outcome) {
	if o == nil || o.Results == "" {
		return
	}
	if o.Report != "" {
		b.WriteString("Report    " + u.show(filepath.Join(o.Results, "report.html")) + "\n")
	}
	if o.Records != "" {
		b.WriteString("Records   " + u.show(filepath.Join(o.Results, "records.parquet")) + "\n")
	}
}

// verdict looks: a sign and a word, so that colour is never needed.
func (p painter) verdict(word string) (sign string, look style) {
	switch word {
	case analysis.Supported:
		return p.sym.yes, green
	case analysis.Refuted:
		return p.sym.no, red
	}
	return p.sym.unknown, yellow
}

func (u *UI) claims(b *strings.Builder, p painter, s *analysis.Summary) {
	if len(s.Claims) == 0 {
		return
	}
	b.WriteString("\n" + p.wrap(p.in("Claims", bold)+about(s), 0, 2) + "\n")
	type claim struct{ verdict, name, measured, interval, asked string }
	list := make([]claim, len(s.Claims))
	var low, high, signs int
	limits := make([][2]string, len(s.Claims))
	for i, c := range s.Claims {
		a, z, _ := strings.Cut(c.Interval, " to ")
		limits[i] = [2]string{u.show(a), u.show(z)}
		low, high = max(low, cells(limits[i][0])), max(high, cells(limits[i][1]))
		sign, _ := p.verdict(c.Verdict)
		signs = max(signs, cells(sign))
	}
	var width [5]int
	for i, c := range s.Claims {
		sign, _ := p.verdict(c.Verdict)
		x := claim{verdict: left(sign, signs) + " " + c.Verdict, name: u.show(c.Name), measured: u.show(c.Measured), asked: u.show(askedBriefly(c))}
		if c.Interval != "" {
			x.interval = "[" + right(limits[i][0], low) + ", " + right(limits[i][1], high) + "]"
		}
		if x.asked != "" {
			x.asked = "asked: " + x.asked
		}
		list[i] = x
		for k, t := range []string{x.verdict, x.name, x.measured, x.interval, x.asked} {
			width[k] = max(width[k], cells(t))
		}
	}
	// Narrow: what was asked goes to a line of its own, then the numbers.
	const indent, gap = 2, 2
	need := indent + width[0] + gap + width[1] + gap + width[2] + 1 + width[3]
	oneLine := need+gap+width[4] <= p.width
	twoLines := !oneLine && need <= p.width
	// Nothing left of the name may be so wide that sentences have no room.
	under := indent + width[0] + gap
	if p.width-under < 30 {
		under = 4
	}
	for i, c := range s.Claims {
		x := list[i]
		_, look := p.verdict(c.Verdict)
		numbers := strings.TrimRight(right(x.measured, width[2])+" "+x.interval, " ")
		head := spaces(indent) + p.in(left(x.verdict, width[0]), look) + spaces(gap)
		switch {
		case oneLine:
			line := head + left(x.name, width[1]) + spaces(gap) + left(numbers, width[2]+1+width[3]) + spaces(gap) + x.asked
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		case twoLines:
			b.WriteString(strings.TrimRight(head+left(x.name, width[1])+spaces(gap)+numbers, " ") + "\n")
		default:
			b.WriteString(head + x.name + "\n")
			if n := strings.TrimLeft(numbers, " "); n != "" {
				b.WriteString(p.wrap(n, under, under) + "\n")
			}
		}
		if !oneLine && x.asked != "" {
			b.WriteString(p.wrap(x.asked, under, under) + "\n")
		}
		for _, sentence := range follow(c) {
			b.WriteString(p.wrap(u.show(analysis.Plain(sentence)), under, under) + "\n")
		}
	}
}

// askedBriefly leaves the unit out where the numbers beside it have the same.
func askedBriefly(c analysis.ClaimResult) string {
	if i := strings.LastIndexByte(c.Measured, ' '); i >= 0 {
		unit := strings.TrimSuffix(c.Measured[i:], "s")
		return strings.TrimSuffix(strings.TrimSuffix(c.Asked, unit+"s"), unit)
	}
	return c.Asked
}

// follow picks the sentences that say more than the numbers beside them: what
// an undecided claim leaves open and what would settle it, and which other
// analyses do not give the verdict of a decided one.
func follow(c analysis.ClaimResult) []string {
	agree := !slices.ContainsFunc(c.Alternatives, func(a analysis.Alternative) bool { return a.Verdict != c.Verdict })
	var out []string
	for _, s := range c.Sentences {
		about := strings.HasPrefix(s, "Other reasonable analyses ")
		if c.Verdict == analysis.Inconclusive && (about || strings.HasPrefix(s, "We measured ")) ||
			c.Verdict != analysis.Inconclusive && (!about || agree) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// about says whom the claims are about.
func about(s *analysis.Summary) string {
	if s.Partial != nil {
		return fmt.Sprintf(", from %s of %s cells", thousands(s.Partial.Done), thousands(s.Partial.All))
	}
	if len(s.Analyses) == 0 || s.Analyses[0].Facts.Languages == 0 {
		return ""
	}
	f := s.Analyses[0].Facts
	if f.InferencePop {
		return fmt.Sprintf(", about languages like these %d", f.Languages)
	}
	if f.Languages == 1 {
		return ", about this language only"
	}
	return fmt.Sprintf(", about these %d languages only", f.Languages)
}

// maxTables is how many tables are shown: the report has all.
const maxTables = 2

func (u *UI) tables(b *strings.Builder, p painter, s *analysis.Summary) {
	shown, left := 0, 0
	for i := range s.Analyses {
		a := &s.Analyses[i]
		if x := a.Systems; x != nil && x.Main {
			if shown == maxTables {
				left++
				continue
			}
			shown++
			u.systems(b, p, a)
			continue
		}
		for _, g := range groups(a) {
			if shown == maxTables {
				left++
				continue
			}
			shown++
			u.table(b, p, a, g)
		}
	}
	if left > 0 {
		b.WriteString(p.wrap("The report has "+count(left, "more table")+".", 0, 0) + "\n")
	}
}

// group is what one table is about.
type group struct{ stratum, budget string }

// groups lists the tables of an analysis: one per kind of encoder and budget.
func groups(a *analysis.Analysis) []group {
	var out []group
	for _, c := range a.Cells {
		if g := (group{c.Stratum, c.Budget}); c.Kind == analysis.KindTrained && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	if len(out) == 0 {
		for _, c := range a.Cells {
			if g := (group{c.Stratum, c.Budget}); !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}

// table prints mean and half of the interval over size × diversity.
func (u *UI) table(b *strings.Builder, p painter, a *analysis.Analysis, g group) {
	trained := slices.ContainsFunc(a.Cells, func(c analysis.CellStat) bool { return c.Kind == analysis.KindTrained })
	type key struct{ row, col string }
	at := map[key]analysis.CellStat{}
	var rows, cols []string
	rowName := func(c analysis.CellStat) string {
		if c.Size != "" {
			return c.Size
		}
		return c.Encoder
	}
	params := map[string]int64{}
	draws := 0
	for _, c := range a.Cells {
		if trained && c.Kind != analysis.KindTrained || c.Stratum != g.stratum || c.Budget != g.budget {
			continue
		}
		k := key{rowName(c), c.Diversity}
		if _, ok := at[k]; ok {
			continue
		}
		at[k] = c
		draws = max(draws, c.Draws)
		params[k.row] = c.Params
		if !slices.Contains(rows, k.row) {
			rows = append(rows, k.row)
		}
		if !slices.Contains(cols, k.col) {
			cols = append(cols, k.col)
		}
	}
	if len(at) == 0 {
		return
	}
	order := func(levels []string) func(x, y string) int {
		return func(x, y string) int { return slices.Index(levels, x) - slices.Index(levels, y) }
	}
	var sizes, divs []string
	for _, s := range a.Facts.Sizes {
		sizes = append(sizes, s.Label)
	}
	for _, d := range a.Facts.Diversities {
		divs = append(divs, d.Label)
	}
	slices.SortStableFunc(rows, func(x, y string) int { return order(sizes)(y, x) }) // largest first
	slices.SortStableFunc(cols, order(divs))

	caption := u.show(a.Measure) + ", mean of " + count(a.Facts.Languages, languageWord(a.Facts)) + " and " + count(draws, "draw")
	if len(a.Facts.Budgets) > 1 && g.budget != "" {
		caption += ", " + u.show(g.budget) + " pairs"
	}
	if g.stratum != "" {
		caption += ", " + u.show(g.stratum)
	}
	if a.Condition != "" {
		caption += ", " + u.show(a.Condition)
	}
	b.WriteString("\n" + p.wrap(caption, 0, 2) + "\n")

	places := 2
	for _, x := range at {
		if x.Half > 0 && x.Half < 0.005 {
			places = 3 // two would make it nothing
		}
	}
	head := row{""}
	for _, c := range cols {
		head = append(head, u.show(columnTitle(a.Facts, c)))
	}
	base := untrained(a, g.stratum, places)
	if trained && len(base) > 0 {
		head = append(head, "untrained")
	}
	table := []row{head}
	for _, r := range rows {
		name := u.show(r)
		line := row{name}
		for _, c := range cols {
			if x, ok := at[key{r, c}]; ok {
				line = append(line, meanHalf(p, x, places))
			} else {
				line = append(line, "")
			}
		}
		if trained && len(base) > 0 {
			line = append(line, base[r])
		}
		table = append(table, line)
	}
	names := 0
	for _, l := range table[1:] {
		names = max(names, cells(l[0]))
	}
	for i, r := range rows {
		switch n := params[r]; {
		case r == strconv.Itoa(int(n)): // no axis names it
			table[i+1][0] = parameters(n)
		case n > 0:
			table[i+1][0] = left(table[i+1][0], names) + " " + parameters(n)
		}
	}
	var rightAligned, drop []int
	for i := 1; i < len(head); i++ {
		rightAligned = append(rightAligned, i)
		drop = append([]int{i}, drop...)
	}
	// The untrained column goes first, then the middle of the table: the ends
	// say most.
	if n := len(cols); n > 2 {
		drop = drop[:0]
		if len(head) > n+1 {
			drop = append(drop, n+1)
		}
		for i := 2; i < n; i++ {
			drop = append(drop, i)
		}
	}
	u.writeTable(b, p, p.table(3, table, rightAligned, drop...))
}

// systems prints systems, best first: mean and half of the interval, what is
// gained over the baseline, and each language.
func (u *UI) systems(b *strings.Builder, p painter, a *analysis.Analysis) {
	s := a.Systems
	caption := u.show(a.Measure) + ", mean of " + count(len(s.Languages), "language") + "; systems that share a letter cannot be told apart"
	if a.Condition != "" {
		caption += ", " + u.show(a.Condition)
	}
	b.WriteString("\n" + p.wrap(caption, 0, 2) + "\n")
	head := row{"", "", "mean", "points over " + u.show(s.Baseline)}
	for _, l := range s.Languages {
		head = append(head, u.show(l))
	}
	table := []row{head}
	for _, x := range s.Systems {
		mean := decimal(x.Mean.Value, 3)
		if x.Mean.OK {
			mean += " " + p.sym.plusMinus + strings.TrimPrefix(decimal((x.Mean.High-x.Mean.Low)/2, 3), "0")
		}
		line := row{u.show(x.Name), x.Letters, mean, ""}
		if g := x.Against; g != nil && g.With == s.Baseline {
			switch e := g.Gain; {
			case e.OK:
				line[3] = gain(e.Value, e.Low, e.High)
			case e.Reason == analysis.ReasonNoSpread:
				line[3] = gain(e.Value, math.NaN(), math.NaN())
			}
		}
		at := map[string]string{}
		for _, l := range x.PerLanguage {
			at[l.Code] = decimal(l.Mean, 3)
		}
		for _, l := range s.Languages {
			line = append(line, at[l])
		}
		table = append(table, line)
	}
	rightAligned := []int{2, 3}
	var drop []int // languages go first, from the middle
	for i := 4; i < len(head); i++ {
		rightAligned = append(rightAligned, i)
		if i > 4 && i < len(head)-1 {
			drop = append(drop, i)
		}
	}
	if len(head) > 4 {
		drop = append(drop, len(head)-1)
	}
	if len(head) > 5 {
		drop = append(drop, 4)
	}
	u.narrowTable(b, p, table, rightAligned, append(drop, 3)...)
}

// signed writes a number of points with its sign and one decimal.
func signed(x float64) string {
	t := decimal(x, 1)
	if t == "-0.0" {
		t = "0.0"
	}
	if x > 0 && t != "0.0" {
		t = "+" + t
	}
	return t
}

func languageWord(f analysis.Facts) string {
	if f.ZeroShot {
		return "unseen language"
	}
	return "language"
}

// columnTitle writes "4 languages".
func columnTitle(f analysis.Facts, label string) string {
	for _, d := range f.Diversities {
		if d.Label == label && d.Count > 0 {
			return count(d.Count, "language")
		}
	}
	if label == "" {
		return "mean"
	}
	return label
}

// untrained returns the means of the untrained encoders by size.
func untrained(a *analysis.Analysis, stratum string, places int) map[string]string {
	out := map[string]string{}
	for _, c := range a.Cells {
		if c.Kind != analysis.KindUntrained || c.Size == "" || c.Stratum != stratum && c.Stratum != "" {
			continue
		}
		if _, ok := out[c.Size]; !ok {
			out[c.Size] = decimal(c.Mean, places)
		}
	}
	return out
}

// meanHalf writes 0.47 ±.03.
func meanHalf(p painter, c analysis.CellStat, places int) string {
	s := decimal(c.Mean, places)
	if c.Draws > 1 {
		s += " " + p.sym.plusMinus + strings.TrimPrefix(decimal(c.Half, places), "0")
	}
	return s
}

func decimal(x float64, n int) string { return strconv.FormatFloat(x, 'f', n, 64) }

// parameters writes a number of parameters with two digits.
func parameters(n int64) string {
	x, suffix := float64(n), " k"
	switch {
	case n >= 1e9:
		x, suffix = x/1e9, " B"
	case n >= 1e5:
		x, suffix = x/1e6, " M"
	case n >= 1e3:
		x /= 1e3
	default:
		return strconv.FormatInt(n, 10)
	}
	if x < 9.95 {
		return decimal(x, 1) + suffix
	}
	return decimal(x, 0) + suffix
}

func (u *UI) failed(b *strings.Builder, p painter, e Ending) {
	o := e.Outcome
	c := grid(o)
	failed := len(o.Failures)
	line := p.in("Failed", red, bold) + fmt.Sprintf(" after %s: %s run, %s cached, %s failed", spoken(o.Elapsed), thousands(c.Ran+c.Shared), thousands(c.Cached), thousands(failed))
	if c.Skipped > 0 {
		verb := "they need"
		if c.Skipped == 1 {
			verb = "it needs"
		}
		line += fmt.Sprintf(", %s not started because %s what failed", thousands(c.Skipped), verb)
	}
	b.WriteString(p.wrap(line+".", 0, 0) + "\n")
	causes := byCause(o.Failures)
	const most = 5
	for i, c := range causes {
		if i == most {
			n := 0
			for _, rest := range causes[most:] {
				n += len(rest)
			}
			b.WriteString("\n" + p.wrap(fmt.Sprintf("And %s for other reasons, all in journal.parquet.", count(n, "failure")), 0, 0) + "\n")
			break
		}
		b.WriteByte('\n')
		u.failure(b, p, c)
	}
	b.WriteByte('\n')
	u.valueless(b, p, o)
	if o.Missing > 0 && o.Results != "" {
		b.WriteString(p.wrap(fmt.Sprintf("%s without results; the report is about the others.", count(o.Missing, "cell")), 0, 0) + "\n")
	}
	u.places(b, o)
	u.goesOn(b, p, e)
}

// goesOn ends what did not end well.
func (u *UI) goesOn(b *strings.Builder, p painter, e Ending) {
	if e.Again == "" {
		b.WriteString(p.wrap("Nothing is lost: the same command goes on from here.", 0, 0) + "\n")
		return
	}
	b.WriteString("Nothing is lost: this goes on from here: " + u.show(e.Again) + "\n")
}

// byCause groups failures that differ in nothing but numbers and the place in
// the grid, in the order of the first of each, larger losses first.
func byCause(failures []runner.Failure) [][]runner.Failure {
	at := map[string]int{}
	var out [][]runner.Failure
	for _, f := range failures {
		key := string(f.Step.Stage) + "\x00" + f.Step.Block + "\x00" + string(f.Fault) + "\x00" + withoutNumbers(errorText(f))
		if i, ok := at[key]; ok {
			out[i] = append(out[i], f)
			continue
		}
		at[key] = len(out)
		out = append(out, []runner.Failure{f})
	}
	slices.SortStableFunc(out, func(a, b []runner.Failure) int { return lost(b) - lost(a) })
	return out
}

// lost is how many steps a cause has cost.
func lost(failures []runner.Failure) int {
	n := 0
	for _, f := range failures {
		n += 1 + f.Skipped
	}
	return n
}

// errorText is what went wrong, without the step that it stands beside.
func errorText(f runner.Failure) string {
	if f.Err == nil {
		return "unknown"
	}
	var se *runner.StepError
	if errors.As(f.Err, &se) && se.Err != nil {
		return se.Err.Error()
	}
	return f.Err.Error()
}

func withoutNumbers(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
}

// failureLines bounds what is shown of one failure: the message and the last
// lines that a plugin wrote.
const failureLines = 24

func (u *UI) failure(b *strings.Builder, p painter, list []runner.Failure) {
	f := list[0]
	what := u.show(stepName(f.Step))
	fault := "(" + u.show(string(f.Fault))
	if f.Attempts > 1 {
		fault += "; " + count(f.Attempts, "attempt")
	}
	fault += ")"
	b.WriteString(p.wrap(p.in("Failed:", red, bold)+" "+what+"  "+fault, 0, 2) + "\n")
	lines := strings.Split(strings.TrimRight(errorText(f), "\n"), "\n")
	if len(lines) > failureLines {
		lines = append(lines[:2:2], lines[len(lines)-failureLines+2:]...)
	}
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		if i == 0 {
			b.WriteString(p.wrap(u.show(l), 2, 2) + "\n")
			continue
		}
		// What a plugin wrote keeps its shape.
		b.WriteString("  " + u.shown(strings.TrimRight(l, " \t\r")) + "\n")
	}
	var tail []string
	if n := len(list) - 1; n > 0 {
		tail = append(tail, "And "+thousands(n)+" more like this.")
	}
	if n := lost(list) - len(list); n > 0 {
		tail = append(tail, count(n, "step")+" not started because of this.")
	}
	if len(tail) > 0 {
		b.WriteString(p.wrap(strings.Join(tail, " "), 2, 2) + "\n")
	}
}

func (u *UI) stopped(b *strings.Builder, p painter, e Ending) {
	word := p.in("Interrupted", yellow, bold)
	if e.status() == endError {
		word = p.in("Stopped", red, bold)
	}
	if e.Outcome == nil {
		b.WriteString(word + ": nothing was computed.\n")
		return
	}
	c := grid(e.Outcome)
	line := fmt.Sprintf("%s after %s: %s run, %s cached", word, spoken(e.Outcome.Elapsed), thousands(c.Ran+c.Shared), thousands(c.Cached))
	if c.Failed > 0 {
		line += ", " + thousands(c.Failed) + " failed"
	}
	if left := c.Total - c.Done(); left > 0 {
		line += fmt.Sprintf(", %s to go.", thousands(left))
	} else {
		line += "; only the results are left to write."
	}
	b.WriteString(p.wrap(line, 0, 0) + "\n")
	u.goesOn(b, p, e)
}

// finishEvents ends the stream of events.
func (u *UI) finishEvents(e Ending) {
	if e.Summary != nil {
		for _, c := range e.Summary.Claims {
			u.events.send("claim", struct {
				Name      string   `json:"name"`
				Analysis  string   `json:"analysis"`
				Statement string   `json:"statement"`
				Verdict   string   `json:"verdict"`
				Reason    string   `json:"reason,omitempty"`
				Measured  string   `json:"measured,omitempty"`
				Interval  string   `json:"interval,omitempty"`
				Asked     string   `json:"asked,omitempty"`
				Sentences []string `json:"sentences,omitempty"`
			}{c.Name, c.Analysis, c.Statement, c.Verdict, c.Reason, c.Measured, c.Interval, c.Asked, c.Sentences})
		}
	}
	type summary struct {
		Status  string              `json:"status"`
		Run     int                 `json:"run"`
		Cached  int                 `json:"cached"`
		Failed  int                 `json:"failed"`
		Skipped int                 `json:"skipped"`
		Retried int                 `json:"retried"`
		ToGo    int                 `json:"to_go"`
		Seconds float64             `json:"seconds"`
		Missing int                 `json:"missing_cells"`
		Stages  []runner.StageCount `json:"stages"`
		Results string              `json:"results,omitempty"`
		Detail  string              `json:"detail,omitempty"`
	}
	x := summary{Status: e.status(), Stages: []runner.StageCount{}}
	if o := e.Outcome; o != nil {
		c := grid(o)
		x.Run, x.Cached, x.Failed, x.Skipped, x.ToGo = c.Ran+c.Shared, c.Cached, len(o.Failures), c.Skipped, max(0, c.Total-c.Done())
		x.Retried, x.Seconds, x.Missing, x.Results = o.Retried, math.Round(o.Elapsed.Seconds()*1e3)/1e3, o.Missing, o.Results
		if o.Stages != nil {
			x.Stages = o.Stages
		}
	}
	if e.Err != nil {
		x.Detail = e.Err.Error()
	}
	u.events.send("summary", x)
}
