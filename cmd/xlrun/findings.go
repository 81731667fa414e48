package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/report"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk/ir"
)

// design says in the analysis's words what the plan knows.
func design(p *study.Plan) analysis.Design {
	d := analysis.Design{Title: p.Title, Question: p.Question}
	for _, a := range p.Axes {
		d.Axes = append(d.Axes, analysis.Axis(a))
	}
	for _, c := range p.Cells {
		if !slices.Contains(d.Encoders, c.Encoder) {
			d.Encoders = append(d.Encoders, c.Encoder)
		}
		cell := analysis.Cell{
			ID: string(c.ID), Retrieval: c.Retrieval, Encoder: c.Encoder, Component: c.Component, Task: c.Task, Index: c.Index, Metric: c.Metric, Axes: c.Axes,
		}
		switch {
		case c.Train != nil:
			cell.Instance = string(c.Train.Recipe)
		case c.Parts != nil, c.Declared != nil:
			cell.Instance = instanceOf(c)
		case c.Queries != nil && c.Queries.Component != nil: // untrained: its settings tell it apart
			cell.Instance = c.Queries.Component.Plugin + " " + c.Queries.Component.Name + " " + string(c.Queries.Config)
		}
		if c.Mix != nil {
			m := c.Mix.Mix
			cell.Trained, cell.Shuffled = true, m.Pairing == collection.PairingShuffled
			cell.Languages, cell.Uneven, cell.Pairs = len(m.Languages), m.Share != collection.ShareEven, m.Pairs
		}
		d.Cells = append(d.Cells, cell)
	}
	for _, a := range p.Analyses {
		d.Analyses = append(d.Analyses, analysis.Spec{Name: a.Name, Retrieval: a.Retrieval, Measure: a.Measure, Baseline: a.Baseline, Reference: a.Reference, Worst: a.Worst, Parallel: &a.Parallel, Unlike: a.Unlike})
	}
	for _, c := range p.Claims {
		d.Claims = append(d.Claims, analysis.Claim{
			Name: c.Name, Analysis: c.Analysis, Statement: c.Statement, Left: expression(c.Left), Op: c.Op, Right: expression(c.Right), Margin: c.Margin,
		})
	}
	if p.Partial {
		d.Partial = &analysis.Partial{Done: len(p.Cells), All: p.FullCells, Only: p.Only}
	}
	return d
}

// instanceOf tells the makers of rankings apart that are no encoders here: by
// their files, or by what they are made of.
func instanceOf(c *study.Cell) string {
	if c.Parts == nil {
		return "run " + string(c.Runs[0].Search.Sources[0].Digest)
	}
	s := "fuse " + string(c.Runs[0].Search.ActionArgs)
	for _, p := range c.Parts {
		switch {
		case p.Declared != nil:
			s += " " + instanceOf(p)
		case p.Train != nil:
			s += " " + string(p.Train.Recipe)
		default:
			s += " " + p.Queries.Component.Plugin + " " + p.Queries.Component.Name + " " + string(p.Queries.Config)
		}
	}
	return s
}

func expression(e *study.Expr) analysis.Expr {
	switch {
	case e.Call != "":
		c := analysis.Call{Name: e.Call}
		for _, a := range e.Args {
			c.Args = append(c.Args, analysis.Text(a))
		}
		return c
	case e.Op == "neg":
		return analysis.Neg{X: expression(e.Left)}
	case e.Op != "":
		return analysis.Binary{Op: e.Op[0], Left: expression(e.Left), Right: expression(e.Right)}
	}
	return analysis.Number(e.Num)
}

// checkClaims refuses claims that no records could decide.
func checkClaims(p *study.Plan) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, problem := range analysis.CheckClaims(design(p)) {
		d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Claim that cannot be decided", Detail: problem.Text}
		for _, c := range p.Claims {
			if c.Name == problem.Claim {
				d.Subject = c.Range.Ptr()
			}
		}
		diags = append(diags, d)
	}
	return diags
}

// analyse turns records into summary.json and claims.json.
func analyse(_ context.Context, p *study.Plan, in runner.Findings) (map[string][]byte, error) {
	d := design(p)
	c := analysis.NewCollector(d)
	for r, err := range results.Records(in.Records) {
		if err != nil {
			return nil, err
		}
		c.Add(r)
	}
	if in.Curve != "" {
		for r, err := range results.Records(in.Curve) {
			if err != nil {
				return nil, err
			}
			c.AddCurve(r)
		}
	}
	s, err := c.Analyse()
	if err != nil {
		return nil, err
	}
	summary, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the summary: %w", err)
	}
	claims, err := json.MarshalIndent(s.Claims, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the claims: %w", err)
	}
	return map[string][]byte{"summary": append(summary, '\n'), "claims": append(claims, '\n')}, nil
}

// readSummary reads a summary.json.
func readSummary(path string) (*analysis.Summary, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s analysis.Summary
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &s, nil
}

// makeReport renders the report's files. Nothing in them depends on the time,
// the host or the directory.
func makeReport(_ context.Context, p *study.Plan, in runner.Findings) (map[string][]byte, error) {
	s, err := readSummary(in.Summary)
	if err != nil {
		return nil, err
	}
	return report.Render(report.Input{Summary: *s, Study: reportStudy(p, in)})
}

func reportStudy(p *study.Plan, in runner.Findings) report.Study {
	st := report.Study{Workflow: p.Name + ".hcl", Arguments: variables(p), Cells: len(p.Cells) - in.Missing, Files: []report.Fact{
		{Name: "records.parquet", Value: "every measured number: one row per cell, query and measure"},
		{Name: "summary.json", Value: "every estimate in full precision"},
		{Name: "claims.json", Value: "the claims with their verdicts"},
		{Name: "runs/", Value: "the ranking of each cell, in TREC's format"},
		{Name: "figures/", Value: "each figure as SVG, PDF, Vega-Lite and CSV"},
		{Name: "tables/", Value: "each table as CSV, LaTeX and Markdown"},
		{Name: "journal.parquet", Value: "when and where each step ran, and for how long"},
	}}
	st.Conventions = conventions(p)
	st.Results = "sha256:" + filepath.Base(in.Records) // a blob is named by its digest
	st.Software = []report.Fact{{Name: "xlrun", Value: workflow.Version}}
	st.Data = dataOf(p)
	for _, w := range p.Warnings {
		st.Notes = append(st.Notes, analysis.Note{Code: "plan", Text: w.Summary + ": " + w.Detail, Warning: true})
	}
	for _, c := range in.Checks {
		mode := "error"
		for _, s := range p.Steps {
			if s.Stage == study.StageCheck && s.Block == c.Block {
				mode = s.Leak.Mode
			}
		}
		st.Leakage = append(st.Leakage, report.Leakage{Retrieval: strings.TrimPrefix(c.Block, "retrieval."), Mode: mode, Checked: c.Queries, Found: c.Found})
	}
	for _, n := range in.Notes {
		text := fmt.Sprintf("%d × %s, in %d steps of %s (first: %s", n.Count, n.What, n.Steps, n.Block, n.First)
		if n.Text != "" {
			text += ": " + n.Text
		}
		text += ")."
		st.Notes = append(st.Notes, analysis.Note{Code: string(n.Stage), Text: text})
	}
	if in.Missing > 0 {
		st.Notes = append(st.Notes, analysis.Note{Code: "missing", Warning: true, Text: fmt.Sprintf("%d of %d cells have no records, because something they need failed.", in.Missing, len(p.Cells))})
	}
	components(p, &st)
	for i := range st.Mixtures {
		m := &st.Mixtures[i]
		m.Counted = true // what was left out is noted; without a note, nothing was
		for _, n := range in.Notes {
			switch {
			case n.Block != m.Name:
			case n.What == runner.NoteExcluded:
				m.Excluded += n.Count
			case n.What == runner.NoteRefilled:
				m.Refilled += n.Count
			}
		}
		m.Name = strings.TrimPrefix(m.Name, "mixture.")
	}
	return st
}

// conventions says how the metric "ir" orders equal scores, which decides its
// values where there are some; empty where another computes them, or several do
// so in different ways.
func conventions(p *study.Plan) string {
	ties := ""
	for _, s := range p.Steps {
		if s.Stage != study.StageMeasure || s.Component == nil {
			continue
		}
		var c struct{ Ties string }
		if s.Component.Name != "ir" || json.Unmarshal(s.Config, &c) != nil {
			return ""
		}
		own := cmp.Or(c.Ties, ir.Trec10.String())
		if ties != "" && ties != own {
			return ""
		}
		ties = own
	}
	return map[string]string{
		ir.Trec10.String():   "Equal scores are ordered as by trec_eval 10.",
		ir.Trec9.String():    "Scores are compared with 32 bits and equal ones ordered as by trec_eval 9.",
		ir.Rank.String():     "Documents are taken in the order of the rankings.",
		ir.Expected.String(): "Where scores are equal, values are means over all orders.",
	}[ties]
}

// dataOf lists the collections and the runs that a study reads, a block once:
// its digest is that of all its files.
func dataOf(p *study.Plan) []report.Data {
	var out []report.Data
	sources := map[string][]study.SourceDigest{}
	for _, s := range p.Steps {
		d := report.Data{Name: s.Block}
		switch s.Stage {
		case study.StageLoad:
			d.Component = s.Component.Name
		case study.StageImport:
			d.Component = "run"
		default:
			continue
		}
		if sources[s.Block] == nil {
			out = append(out, d)
		}
		for _, f := range s.Sources {
			if !slices.ContainsFunc(sources[s.Block], func(o study.SourceDigest) bool { return o.Name == f.Name && o.Digest == f.Digest }) {
				sources[s.Block] = append(sources[s.Block], f)
			}
		}
	}
	for i, d := range out {
		out[i].Digest = string(sourcesDigest(sources[d.Name]))
		_, out[i].Name, _ = strings.Cut(d.Name, ".")
	}
	return out
}

// variables lists what a reader must give to run the study again: a value for
// each variable without a default. The values themselves are left out, for
// most are paths, and the report does not depend on where data lies.
func variables(p *study.Plan) []string {
	var out []string
	for _, name := range p.Given {
		out = append(out, "-var", name+"=…")
	}
	return out
}

// sourcesDigest names a set of source files by their names and contents.
func sourcesDigest(sources []study.SourceDigest) cas.Digest {
	var b strings.Builder
	for _, s := range sources {
		b.WriteString(string(s.Digest) + "  " + s.Name + "\n")
	}
	return cas.Sum([]byte(b.String()))
}

func components(p *study.Plan, st *report.Study) {
	at := map[string]int{}
	mixtures := map[string]int{}
	for _, s := range p.Steps {
		if s.Stage == study.StageMix {
			i, ok := mixtures[s.Block]
			if !ok {
				i = len(st.Mixtures)
				mixtures[s.Block] = i
				st.Mixtures = append(st.Mixtures, report.Mixture{Name: s.Block, Pairs: s.Mix.Pairs})
			}
			st.Mixtures[i].Sets++
			if st.Mixtures[i].Pairs != s.Mix.Pairs {
				st.Mixtures[i].Pairs = 0
			}
		}
		if s.Stage == study.StageCheck {
			name := strings.TrimPrefix(s.Block, "retrieval.")
			i := slices.IndexFunc(st.Leakage, func(l report.Leakage) bool { return l.Retrieval == name })
			if i < 0 {
				i = len(st.Leakage)
				st.Leakage = append(st.Leakage, report.Leakage{Retrieval: name, Mode: s.Leak.Mode})
			}
			st.Leakage[i].Compared++
		}
		if s.Component == nil {
			continue
		}
		c := s.Component
		key := string(c.Kind) + " " + c.Name
		i, ok := at[key]
		if !ok {
			i = len(st.Components)
			at[key] = i
			st.Components = append(st.Components, report.Component{Kind: string(c.Kind), Name: c.Name, Version: c.Version, Revision: fmt.Sprint(c.Revision), Determinism: string(c.Determinism)})
		}
		if !slices.Contains(st.Components[i].Blocks, s.Block) {
			st.Components[i].Blocks = append(st.Components[i].Blocks, s.Block)
		}
	}
}
