package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/results"
)

var (
	//go:embed assets/style.css
	styleSource string
	//go:embed assets/page.tmpl
	pageSource string
)

// page is what the template shows.
type page struct {
	Title, Question       string
	Meta                  []string
	Results, ResultsShort string
	Partial               string
	Many                  bool // several analyses, so each has a heading
	Sections              []*section
	Claims                []claimView
	Checks                []check
	Convention            string
	Data                  []dataView
	Components            table
	Software, Files       []Fact
	Licences              string
	Commands              []string
	Query                 string // that reads the records
	Notes                 []noteView

	HasShape, HasLanguages, HasBaselines, HasSystems, HasPools, HasEffects bool

	analyses map[string]*analysis.Analysis
	tables   []named           // with buttons to copy them
	papers   map[string][]byte // tables with a layout of their own, by file
	seen     map[string]bool
}

// section is one analysis.
type section struct {
	Heading, Measure  string
	Lead, More        []string
	Refs              []int
	Warnings          []noteView
	Choose            []choice
	ChooseFor         string
	HasShape          bool
	SideBySide        bool
	Axes              []named
	Languages         named
	Worst             string
	Pools             string
	Compared          []string
	Gains, Encoders   named
	Effects, LeaveOut named
	Unit              string

	Main           bool // systems are the answer
	Systems, Tests named
	Across, Gaps   named
	Uneven         string // why languages are not compared
	Curves         string // what falls how fast
	PoolTable      named
	figures        []figure
}

// Fig returns the figure of a kind, or nil.
func (s *section) Fig(kind string) *figure {
	for i := range s.figures {
		if s.figures[i].Kind == kind {
			return &s.figures[i]
		}
	}
	return nil
}

type named struct {
	ID    string
	Table table
}

type claimView struct {
	Anchor, Verdict, Sign, Word string
	Statement                   string
	Refs                        []int
	Text, Beside                []string
	Dots                        template.HTML
	Expression, Margin          string
	Facts                       []Fact
	Alternatives                table
}

type noteView struct {
	N       int
	Text    string
	Warning bool
	Affects []struct{ Name, Anchor string }
}

type check struct {
	Name, Value string
	Refs        []int
}

type dataView struct {
	Name  string
	Facts []Fact
}

// build gathers the page from an input and the figures of its analyses.
func build(in Input, figures [][]figure) *page {
	s := in.Summary
	p := &page{
		Title: clean(s.Title), Question: clean(s.Question), Many: len(s.Analyses) > 1,
		Results: clean(in.Study.Results), Licences: licences, seen: map[string]bool{}, analyses: map[string]*analysis.Analysis{}, papers: map[string][]byte{},
	}
	if p.Title == "" {
		p.Title = "Results"
	}
	if _, hex, ok := strings.Cut(p.Results, ":"); ok && len(hex) > 12 {
		p.ResultsShort = hex[:12]
	} else {
		p.ResultsShort = p.Results
	}
	if q := s.Partial; q != nil {
		p.Partial = fmt.Sprintf("%s of %s cells (-only %s). Every claim stays inconclusive until all of it is there.", thousands(q.Done), thousands(q.All), clean(q.Only))
	}

	// Notes are numbered in the order of the page.
	anchors := map[string]string{}
	for _, c := range s.Claims {
		anchors[c.Name] = fileName(c.Name)
	}
	refs := map[string][]int{} // of a claim
	addNotes := func(notes []analysis.Note) (all []noteView) {
		for _, n := range notes {
			v := noteView{N: len(p.Notes) + 1, Text: clean(n.Text), Warning: n.Warning}
			for _, a := range n.Affects {
				v.Affects = append(v.Affects, struct{ Name, Anchor string }{clean(a), anchors[a]})
				refs[a] = append(refs[a], v.N)
			}
			p.Notes = append(p.Notes, v)
			all = append(all, v)
		}
		return all
	}
	var general []int
	for i := range s.Analyses {
		a := &s.Analyses[i]
		p.analyses[a.Name] = a
		d := &drawing{a: a, claims: s.Claims, study: &in.Study}
		sec := p.section(d, figures[i])
		for _, n := range addNotes(a.Notes) {
			if n.Warning {
				sec.Warnings = append(sec.Warnings, n)
			} else if len(n.Affects) == 0 {
				sec.Refs = append(sec.Refs, n.N)
			}
		}
		p.Sections = append(p.Sections, sec)
	}
	for _, n := range slices.Concat(addNotes(s.Notes), addNotes(in.Study.Notes)) {
		general = append(general, n.N)
	}
	for _, c := range s.Claims {
		p.Claims = append(p.Claims, p.claim(c, refs[c.Name]))
	}
	if len(s.Claims) > 0 {
		p.tables = append(p.tables, named{"claims", claimsTable(s.Claims)})
	}
	p.meta(in)
	p.checks(in, general)
	p.method(in)
	return p
}

// prefix tells the files and anchors of several analyses apart.
func (p *page) prefix(d *drawing) string {
	if p.Many {
		return fileName(d.a.Name) + "-"
	}
	return ""
}

func (p *page) section(d *drawing, figures []figure) *section {
	a := d.a
	s := &section{figures: figures, Measure: clean(a.Measure)}
	s.Heading = clean(a.Name) + ": " + clean(a.Measure) + " of " + clean(a.Retrieval)
	n := min(3, len(a.Answer))
	s.Lead, s.More = a.Answer[:n], a.Answer[n:]
	table := func(t table) named {
		x := named{p.prefix(d) + t.Name, t}
		if len(t.Rows) > 0 {
			p.tables = append(p.tables, x)
		}
		return x
	}
	var ids []string
	for _, kind := range []string{"size", "diversity"} {
		if f := s.Fig(kind); f != nil {
			s.Choose = f.Choose
			ids = append(ids, f.ID)
		}
	}
	s.ChooseFor = strings.Join(ids, " ")
	s.SideBySide = len(ids) == 2 && !s.Fig("size").Wide
	draws := map[string]bool{} // single draws say nothing to a reader; their file is enough
	for _, m := range a.Margins {
		draws["axis-"+fileName(m.Axis)] = m.Role == analysis.RoleDraw
	}
	for _, t := range d.axes() {
		if x := table(t); !draws[t.Name] {
			s.Axes = append(s.Axes, x)
		}
	}
	p.systems(s, d, table)
	s.HasShape = len(ids) > 0 || s.Fig("grid") != nil || len(s.Axes) > 0
	if !s.Main { // means over systems say nothing about any
		s.Languages = table(d.languages())
	}
	if n := len(a.Languages); n > 1 && !s.Main {
		w := a.Languages[n-1]
		s.Worst = fmt.Sprintf("The worst-off language is %s with %s of %s.", d.name(w.Code), clean(a.Measure), number(w.Mean, 3))
		if w.HasGain {
			low, high := w.Gain-w.GainHalf, w.Gain+w.GainHalf
			n := decimals(100*low, 100*high)
			s.Worst += fmt.Sprintf(" Its gain over the untrained encoder is %s points", signed(100*w.Gain, n))
			if w.GainHalf > 0 {
				s.Worst += fmt.Sprintf(" (%s to %s)", number(100*low, n), number(100*high, n))
			}
			s.Worst += "."
		}
	}
	f := a.Facts
	if len(f.Pools) > 0 {
		sizes := make([]string, len(f.Pools))
		for i, n := range f.Pools {
			sizes[i] = thousands(n)
		}
		s.Pools = "Each query chooses among " + words(sizes) + " candidates, the right one included, the same number in every language"
		if n := len(f.Pools); n > 1 {
			s.Pools = fmt.Sprintf("Each query chooses among %s to %s candidates, the right one included; with other numbers of candidates scores do not compare, effects within a language do", sizes[0], sizes[n-1])
		}
		if f.Seeds > 1 {
			s.Pools += fmt.Sprintf("; %d such pools are averaged", f.Seeds)
		}
		s.Pools += "."
	}
	for _, g := range a.Gains {
		if g.Sentence != "" && !s.Main {
			s.Compared = append(s.Compared, g.Sentence)
		}
	}
	if !s.Main {
		s.Gains, s.Encoders = table(d.gains()), table(d.encoders())
	}
	s.Effects, s.LeaveOut = table(d.effectsTable()), table(d.leaveOut())
	table(d.cells())
	s.Unit = "Unit of replication: " + clean(f.Unit) + ". " + clean(f.UnitReason)
	p.HasShape = p.HasShape || s.HasShape
	p.HasEffects = p.HasEffects || len(s.Effects.Table.Rows) > 0
	p.HasLanguages = p.HasLanguages || len(s.Languages.Table.Rows) > 0
	p.HasBaselines = p.HasBaselines || len(s.Gains.Table.Rows)+len(s.Encoders.Table.Rows) > 0
	p.HasSystems = p.HasSystems || len(s.Systems.Table.Rows) > 0
	p.HasPools = p.HasPools || len(s.PoolTable.Table.Rows) > 0
	if c := d.convention(); p.Convention == "" {
		p.Convention = c
	} else if p.Convention != c {
		p.Convention = "parameters (without embeddings where every encoder has others)"
	}
	return s
}

func (p *page) meta(in Input) {
	add := func(n int, one, many string) {
		if n > 0 {
			p.Meta = append(p.Meta, count(n, one, many))
		}
	}
	add(in.Study.Cells, "cell", "cells")
	if len(in.Summary.Analyses) == 0 {
		return
	}
	f := in.Summary.Analyses[0].Facts
	if x := in.Summary.Analyses[0].Systems; x != nil && x.Main {
		add(len(x.Systems), "system", "systems")
	} else {
		add(f.Runs, "trained encoder", "trained encoders")
	}
	if f.ZeroShot {
		add(f.Languages, "language never trained on", "languages never trained on")
	} else {
		add(f.Languages, "target language", "target languages")
	}
	add(f.Queries, "query", "queries")
}

func verdictSign(v string) (sign, word string) {
	switch v {
	case analysis.Supported:
		return "✓", "Supported"
	case analysis.Refuted:
		return "✗", "Refuted"
	}
	return "?", "Inconclusive"
}

func (p *page) claim(c analysis.ClaimResult, refs []int) claimView {
	v := claimView{Anchor: fileName(c.Name), Statement: clean(c.Statement), Refs: refs, Expression: clean(c.Expression), Alternatives: alternativesTable(c)}
	v.Sign, v.Word = verdictSign(c.Verdict)
	v.Verdict = strings.ToLower(v.Word)
	if v.Statement == "" {
		v.Statement = clean(c.Name)
	}
	for _, s := range c.Sentences {
		v.Text = append(v.Text, clean(s))
	}
	for _, n := range refs {
		if p.Notes[n-1].Warning {
			v.Beside = append(v.Beside, p.Notes[n-1].Text)
		}
	}
	f, unit := scaled(c.Estimate.Unit)
	if c.Margin > 0 {
		v.Margin = number(f*c.Margin, digits(f*c.Margin)) + " " + unit
	}
	e := c.Estimate
	fact := func(name, value string) { v.Facts = append(v.Facts, Fact{name, value}) }
	if c.Measured != "" && e.OK {
		fact("Measured", clean(c.Measured)+" (95 % interval "+interval(e)+")")
	}
	if e.OK {
		n := decimals(f*c.Low, f*c.High)
		family := ""
		if c.Level > 0.95+1e-9 && c.Family > 0 {
			family = ", corrected for " + count(c.Family, "claim", "claims")
		}
		fact("Interval of the verdict", fmt.Sprintf("%s to %s %s, at a level of %s %%%s", number(f*c.Low, n), number(f*c.High, n), unit, strconv.FormatFloat(100*c.Level, 'g', 4, 64), family))
		fact("p", fmt.Sprintf("%s against what was asked, %s adjusted for all claims (Holm)", pValue(c.P), pValue(c.PHolm)))
		fact("Rests on", fmt.Sprintf("%s, %s and %s; unit of replication: %s; %s degrees of freedom; standard error %s",
			p.encodersOf(c), count(e.Units, "unit", "units"), count(e.Languages, "language", "languages"), clean(e.Replication), number(e.DF, 1), number(f*e.SE, 3)))
		about := "languages like these"
		if e.Inference != "languages" {
			about = "these languages only"
		}
		fact("About", about)
		if c.Found != nil {
			than := "or more"
			if c.Op == "<" || c.Op == "<=" {
				than = "or less"
			}
			fact("Supported in 8 of 10 such studies", fmt.Sprintf("if the truth were %s %s %s", number(f**c.Found, n), unit, than))
		}
	}
	if c.Reason != "" {
		fact("Reason", clean(c.Reason))
	}
	v.Dots = dotplot(c)
	return v
}

// encodersOf says on how many encoders a claim rests, and why not on all.
func (p *page) encodersOf(c analysis.ClaimResult) string {
	n := c.Estimate.Runs
	out := count(n, "encoder", "encoders")
	a := p.analyses[c.Analysis]
	if a == nil || n >= a.Facts.Runs || !strings.Contains(c.Expression, `slope(`) && !strings.Contains(c.Expression, `ame(`) {
		return out
	}
	out += " of " + thousands(a.Facts.Runs)
	for _, m := range a.Notes {
		if m.Code == analysis.NoteRepeated && strings.Contains(c.Expression, strconv.Quote(analysis.RoleDiversity)) {
			return out + " (where every draw has the same languages they are left out)"
		}
	}
	return out + " (the others do not tell this effect apart)"
}

// pValue writes a probability.
func pValue(x float64) string {
	if x < 0.001 {
		return "below 0.001"
	}
	return number(x, 3)
}

// dotplot draws the 20 quantiles of an estimate against what was asked for.
func dotplot(c analysis.ClaimResult) template.HTML {
	if len(c.Dots) < 2 {
		return ""
	}
	f, unit := scaled(c.Estimate.Unit)
	if unit == "measure" || unit == "points" {
		unit = "points"
	}
	asked := []float64{c.Against}
	switch {
	case c.Margin > 0 && (c.Op == ">" || c.Op == ">="):
		asked = []float64{c.Against + c.Margin}
	case c.Margin > 0 && (c.Op == "<" || c.Op == "<="):
		asked = []float64{c.Against - c.Margin}
	case c.Margin > 0:
		asked = []float64{c.Against - c.Margin, c.Against + c.Margin}
	}
	low, high := min(0, c.Against, slices.Min(asked)), max(0, c.Against, slices.Max(asked))
	for _, x := range c.Dots {
		low, high = min(low, x), max(high, x)
	}
	if high <= low {
		return ""
	}
	const width, left, r = 480.0, 12.0, 5.5
	at := func(x float64) float64 { return left + (width-2*left)*(x-low)/(high-low) }
	// Dots stand in nine columns, so that one sees where they pile up.
	first, last := at(slices.Min(c.Dots)), at(slices.Max(c.Dots))
	column := max(2*r, (last-first)/8)
	bins := map[int]int{}
	tallest := 0
	var dots strings.Builder
	base := 0.0
	for _, x := range c.Dots {
		b := int(math.Floor((at(x)-first)/column + 0.5))
		bins[b]++
		tallest = max(tallest, bins[b])
		fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="%.1f"/>`, first+float64(b)*column, base-r-2*r*float64(bins[b]-1), r-0.6)
	}
	height := 2*r*float64(tallest) + 30
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="dots" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString("Twenty equally likely values of the estimate, in "+clean(unit)+", against what was asked for."))
	axis := height - 20
	fmt.Fprintf(&b, `<g transform="translate(0 %.1f)" fill="var(--tone)">%s</g>`, axis, dots.String())
	fmt.Fprintf(&b, `<line x1="0" x2="%.0f" y1="%.1f" y2="%.1f" stroke="var(--line)"/>`, width, axis, axis)
	mark := func(x float64, label, dash string) {
		anchor := "middle"
		if at(x) < 50 {
			anchor = "start"
		} else if at(x) > width-50 {
			anchor = "end"
		}
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="0" y2="%.1f" stroke="var(--fg)"%s/><text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, at(x), at(x), axis+3, dash, at(x), axis+16, anchor, template.HTMLEscapeString(label))
	}
	for _, x := range asked {
		mark(x, "asked: "+number(f*x, digits(f*x)), ` stroke-dasharray="4 3"`)
	}
	if math.Abs(at(0)-at(asked[0])) > 70 {
		mark(0, "0", "")
	}
	b.WriteString(`</svg><p class="hint">Each dot is one of 20 equally likely values, in ` + template.HTMLEscapeString(clean(unit)) + `.</p>`)
	return template.HTML(b.String())
}

// checks answers "can I trust this?".
func (p *page) checks(in Input, general []int) {
	add := func(name, value string, refs ...int) { p.Checks = append(p.Checks, check{name, value, refs}) }
	s := in.Summary
	if len(s.Analyses) > 0 {
		d := &drawing{a: &s.Analyses[0], study: &in.Study}
		f := d.a.Facts
		byExposure := map[string][]string{}
		for _, t := range f.Targets {
			byExposure[t.Exposure] = append(byExposure[t.Exposure], d.name(t.Code))
		}
		n := count(f.Languages, "target language", "target languages")
		if f.ZeroShot && len(byExposure[results.ExposureNone]) == len(f.Targets) {
			how := "This is computed from what each encoder read, not declared."
			if x := d.a.Systems; x != nil && slices.ContainsFunc(x.Systems, func(s analysis.System) bool { return s.Lineage == results.LineageDeclared }) {
				how = "For what was made elsewhere this is what its author declares; for the rest it is computed from what each encoder read."
			}
			add("Unseen means unseen.", fmt.Sprintf("None of the %s occurs in anything that an encoder was trained on. %s", n, how))
		} else {
			var parts []string
			for _, e := range []string{results.ExposureNone, results.ExposurePretraining, results.ExposureTuning, results.ExposureUnknown} {
				if list := byExposure[e]; len(list) > 0 {
					parts = append(parts, exposureWord(e)+" ("+words(list)+")")
				}
			}
			add("Not all targets are unseen.", fmt.Sprintf("Of the %s, seen before: %s. Unknown counts as seen.", n, strings.Join(parts, "; ")))
		}
	}
	for _, l := range in.Study.Leakage {
		if l.Checked == 0 {
			compared := count(l.Compared, "pair of a training set and a test set was compared", "pairs of a training set and a test set were compared")
			if l.Mode == "error" {
				add("No test text leaked.", fmt.Sprintf("In %s, %s as normalised text; one text in common and the cells would be missing.", clean(l.Retrieval), compared))
			} else {
				add("Leaks were looked for.", fmt.Sprintf("In %s, %s as normalised text; texts in common are let through and counted in the notes.", clean(l.Retrieval), compared))
			}
			continue
		}
		value := fmt.Sprintf("In %s, %s of %s test queries occur, or their answers do, in a training set they are used with, compared as normalised text", clean(l.Retrieval), thousands(l.Found), thousands(l.Checked))
		if l.Compared > 0 {
			value += " over " + count(l.Compared, "pair of a training and a test set", "pairs of a training and a test set")
		}
		value += "."
		if l.Found == 0 {
			add("No test text leaked.", value)
		} else {
			add("Test texts leaked.", value)
		}
	}
	for _, m := range in.Study.Mixtures {
		value := fmt.Sprintf("%s of mixture %s", count(m.Sets, "training set", "training sets"), clean(m.Name))
		if m.Pairs > 0 {
			value += " of " + count(m.Pairs, "pair", "pairs") + " each"
		}
		if m.Counted || m.Excluded > 0 {
			value += fmt.Sprintf(": %s left out because a test set contains them", count(m.Excluded, "pair", "pairs"))
		}
		if m.Refilled > 0 {
			value += fmt.Sprintf(", %s put in their place", thousands(m.Refilled))
		}
		add("Training sets are exact.", value+".")
	}
	for i := range s.Analyses {
		f := s.Analyses[i].Facts
		what := "Replication."
		if p.Many {
			what = "Replication in " + clean(s.Analyses[i].Name) + "."
		}
		value := "Counted are " + plural(clean(f.Unit)) + ". " + clean(f.UnitReason)
		if f.Balanced {
			value += " Every cell has every draw and language."
		} else {
			value += " Some cells lack draws or languages."
		}
		if !f.InferencePop {
			value += " With so few target languages the numbers are about these languages only."
		}
		if slices.ContainsFunc(s.Analyses[i].Effects, func(e analysis.Effect) bool { return e.Slope.VarShared > 0 || e.AME.VarShared > 0 }) {
			value += " Languages share queries, and intervals hold what these do to all of them at once."
		}
		add(what, value)
	}
	var warnings []int
	for _, n := range p.Notes {
		if n.Warning {
			warnings = append(warnings, n.N)
		}
	}
	switch {
	case len(warnings) > 0:
		add("Warnings:", strconv.Itoa(len(warnings))+", in the notes below.", warnings...)
	default:
		add("Warnings:", "none.")
	}
	var rest []int
	for _, n := range general {
		if !slices.Contains(warnings, n) {
			rest = append(rest, n)
		}
	}
	if len(rest) > 0 {
		add("Notes about the run as a whole:", "see", rest...)
	}
}

func plural(unit string) string {
	if unit == "" {
		return "encoders"
	}
	return unit + "s"
}

// method fills what is folded at the end.
func (p *page) method(in Input) {
	st := in.Study
	for _, d := range st.Data {
		v := dataView{Name: clean(d.Name)}
		add := func(name, value string) {
			if value != "" && value != "0" {
				v.Facts = append(v.Facts, Fact{name, clean(value)})
			}
		}
		add("Loader", d.Component)
		add("Licence", d.Licence)
		add("Languages", thousands(d.Languages))
		add("Pairs", thousands(d.Pairs))
		add("Queries", thousands(d.Queries))
		add("Documents", thousands(d.Documents))
		add("Sources", d.Digest)
		p.Data = append(p.Data, v)
	}
	p.Components.Columns = []column{{Name: "Kind"}, {Name: "Component"}, {Name: "Blocks"}, {Name: "Version"}, {Name: "Revision"}, {Name: "Determinism"}}
	for _, c := range st.Components {
		p.Components.add(c.Kind, c.Name, words(c.Blocks), c.Version, c.Revision, c.Determinism)
	}
	for _, f := range st.Software {
		p.Software = append(p.Software, Fact{clean(f.Name), clean(f.Value)})
	}
	p.Software = append(p.Software, Fact{"Layout of the summary", clean(in.Summary.Format)}, Fact{"Charts", BundleDigest()})
	if st.Workflow != "" {
		c := []string{"xlrun", "run", shell(st.Workflow)}
		for _, a := range st.Arguments {
			c = append(c, shell(a))
		}
		p.Commands = append(p.Commands, strings.Join(c, " "))
	}
	for _, f := range st.Files {
		if f.Name == "records.parquet" && len(in.Summary.Analyses) > 0 {
			p.Query = `duckdb -c "with q as (select cell, encoder, query_language, query_id, avg(value) v from 'records.parquet' where measure = '` + strings.ReplaceAll(clean(in.Summary.Analyses[0].Measure), "'", "") + `' group by all), c as (select cell, encoder, query_language, avg(v) v from q group by all) select encoder, query_language, avg(v) from c group by all"`
		}
		p.Files = append(p.Files, Fact{clean(f.Name), clean(f.Value)})
	}
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./=:,@%+-]+$`)

// shell quotes an argument where a shell needs it.
func shell(s string) string {
	s = clean(s)
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

var (
	strong    = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	bracketed = regexp.MustCompile(`\([^()]*\d[^()]* to [^()]*\)`)
)

// prose escapes a sentence of the summary, then sets **bold** and intervals.
func prose(s string) template.HTML {
	s = template.HTMLEscapeString(clean(s))
	s = strong.ReplaceAllString(s, "<b>$1</b>")
	s = bracketed.ReplaceAllString(s, `<span class="ci">$0</span>`)
	return template.HTML(strings.ReplaceAll(s, " %", " %"))
}

// maxRows is how many rows of numbers stand behind a figure in the page.
const maxRows = 250

// tableHTML writes a table; sortable ones get buttons in their head.
func tableHTML(t table, id string, sortable bool) template.HTML {
	var b strings.Builder
	e := template.HTMLEscapeString
	rows := t.Rows
	caption := t.Caption
	if len(rows) > maxRows {
		caption = strings.TrimSpace(fmt.Sprintf("%s The first %s of %s rows; all are in the file.", caption, thousands(maxRows), thousands(len(rows))))
		rows = rows[:maxRows]
	}
	// The caption stands outside what scrolls sideways.
	label := `aria-label="Numbers of ` + e(strings.TrimSuffix(id, "-numbers")) + `"`
	if caption != "" {
		fmt.Fprintf(&b, `<p class="caption" id="caption-%s">%s</p>`, e(id), e(caption))
		label = `aria-labelledby="caption-` + e(id) + `"`
	}
	class, role := "", "group" // landmarks are for the tables that one looks for
	if sortable {
		class, role = ` class="sort"`, "region"
	}
	fmt.Fprintf(&b, `<div class="scroll" tabindex="0" role="%s" %s><table%s id="table-%s" %s>`, role, label, class, e(id), label)
	b.WriteString("<thead><tr>")
	for _, c := range t.Columns {
		if c.Hidden {
			continue
		}
		class, isNum := "", ""
		if c.Num {
			class, isNum = ` class="num"`, ` data-num="1"`
		}
		if sortable {
			fmt.Fprintf(&b, `<th scope="col"%s><button type="button"%s>%s</button></th>`, class, isNum, e(c.Name))
		} else {
			fmt.Fprintf(&b, `<th scope="col"%s>%s</th>`, class, e(c.Name))
		}
	}
	b.WriteString("</tr></thead><tbody>")
	for _, r := range rows {
		b.WriteString("<tr>")
		for i, c := range r {
			if t.Columns[i].Hidden {
				continue
			}
			tag, attrs := "td", ""
			if i == 0 {
				tag, attrs = "th", ` scope="row"`
			}
			if t.Columns[i].Num {
				attrs += ` class="num"`
				if sortable {
					attrs += ` data-v="` + e(c.Text) + `"`
				}
			}
			shown := e(c.Shown())
			if c.Shown() == "" {
				shown = `<span aria-label="none">–</span>`
			}
			if c.Best {
				shown = "<b>" + shown + "</b>"
			}
			if c.Code != "" {
				shown += " <code>" + e(c.Code) + "</code>"
			}
			if c.Small != "" {
				shown += " <small>" + e(c.Small) + "</small>"
			}
			fmt.Fprintf(&b, "<%s%s>%s</%s>", tag, attrs, shown, tag)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</tbody></table></div>")
	return template.HTML(b.String())
}

// packed is the points of a figure for every language, texts by number.
type packed struct {
	Text []string         `json:"text"`
	Rows map[string][]any `json:"rows"`
}

func pack(points []point) packed {
	p := packed{Rows: map[string][]any{}}
	index := map[string]int{}
	text := func(s string) int {
		i, ok := index[s]
		if !ok {
			i = len(p.Text)
			index[s] = i
			p.Text = append(p.Text, s)
		}
		return i
	}
	for _, q := range points {
		row := []any{text(q.budget), text(q.series), text(q.kind), text(q.label), round(q.x), round(q.y)}
		if q.low != q.y || q.high != q.y {
			row = append(row, round(q.low), round(q.high))
		}
		p.Rows[q.lang] = append(p.Rows[q.lang], row)
	}
	return p
}

// scriptHash is the source of a script in a content security policy.
func scriptHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// embedded writes a value for a script of type application/json: HTML sees no
// tag in it, and whoever reads the source no text that turns its direction.
func embedded(v any) (string, error) {
	b, err := json.Marshal(v) // escapes <, > and &
	var out strings.Builder
	for _, r := range string(b) {
		if turns(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String(), err
}

// html writes the page. svgs holds the drawing of each figure by its ID.
func (p *page) html(in Input, svgs map[string]string) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"prose": prose,
		"table": tableHTML,
		"svg": func(f *figure) template.HTML {
			alt := template.HTMLEscapeString(f.Alt)
			return template.HTML(strings.Replace(svgs[f.ID], "<svg ", `<svg role="img" aria-label="`+alt+`" `, 1))
		},
	}).Parse(pageSource)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := t.Execute(&body, p); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}

	specs, points := map[string]object{}, map[string]packed{}
	copies := map[string]map[string]string{}
	for _, s := range p.Sections {
		for _, f := range s.figures {
			specs[f.ID] = f.Spec
			if len(f.Choose) > 0 {
				points[f.ID] = pack(f.Points)
			}
			copies[f.ID] = map[string]string{"csv": string(f.Rows.csv())}
		}
	}
	for _, t := range p.tables {
		tex := t.Table.latex()
		if own, ok := p.papers["tables/"+t.ID+".tex"]; ok {
			tex = own
		}
		copies[t.ID] = map[string]string{"csv": string(t.Table.csv()), "tex": string(tex)}
	}
	app, chart := appSource, chartSource
	csp := "default-src 'none'; script-src " + scriptHash(vegaSource) + " " + scriptHash(chart) + " " + scriptHash(app) +
		"; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"

	var b bytes.Buffer
	b.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	fmt.Fprintf(&b, "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n", csp)
	b.WriteString("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"xlrun\">\n")
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s\n%s</style>\n", template.HTMLEscapeString(p.Title), paletteCSS(), styleSource)
	b.WriteString("<noscript><style>.chart{overflow-x:auto}.chart svg{min-width:30rem}</style></noscript>\n</head>\n<body>\n")
	b.Write(body.Bytes())
	for _, e := range []struct {
		id string
		v  any
	}{{"widths", advances()}, {"specs", specs}, {"points", points}, {"tables", copies}, {"summary", in.Summary}} {
		text, err := embedded(e.v)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", e.id, err)
		}
		fmt.Fprintf(&b, "<script type=\"application/json\" id=\"%s\">%s</script>\n", e.id, text)
	}
	for _, s := range []string{vegaSource, chart, app} {
		fmt.Fprintf(&b, "<script>%s</script>\n", s)
	}
	b.WriteString("</body>\n</html>\n")
	return b.Bytes(), nil
}
