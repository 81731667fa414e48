package study

// What becomes of the measurements: analyses, claims, and the steps that
// assemble results.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// analyses checks analysis and claim blocks, and adds the steps that turn
// measurements into results.
func (b *builder) analyses() {
	for _, a := range b.w.Analyses {
		if a.Of == nil {
			continue
		}
		out := Analysis{Name: a.Name, Retrieval: a.Of.Name, Measure: b.analysed(a), Range: a.Range}
		if a.Baseline != nil {
			out.Baseline = a.Baseline.Name
			if !slices.Contains(systemsOf(a.Of, a.Baseline.Type), a.Baseline) {
				b.add(errorAt(a.Ranges["baseline"], "Baseline not measured", "%s is not among the %ss of %s: add it to the list there.", a.Baseline.Address(), a.Baseline.Type, a.Of.Address()))
			}
		}
		out.Reference, out.Worst = b.references(a), a.Worst
		b.oneAxisPerRole(a)
		b.plan.Analyses = append(b.plan.Analyses, out)
	}
	for _, c := range b.w.Claims {
		if c.Of == nil {
			continue
		}
		b.plan.Claims = append(b.plan.Claims, Claim{
			Name: c.Name, Analysis: c.Of.Name, Statement: c.Statement, Holds: c.Holds.Text, Margin: c.Margin, Range: c.HoldsRange,
			Left: exprOf(c.Holds.Left), Op: c.Holds.Op, Right: exprOf(c.Holds.Right),
		})
	}
	if b.opts.ValidateOnly || b.diags.HasErrors() {
		return
	}
	b.equalPools()
	for i := range b.plan.Analyses {
		a := &b.plan.Analyses[i]
		a.Parallel, a.Unlike = b.parallel(a.Retrieval)
	}
	b.results()
}

// references finds the reference languages of an analysis among its targets.
// Part of a grid may lack them: then they stay as they are written.
func (b *builder) references(a *workflow.Analysis) []string {
	var have []string
	for _, c := range b.plan.Cells {
		if c.Retrieval != a.Of.Name {
			continue
		}
		for _, l := range collection.SplitLanguages(c.QueryLanguage) {
			if !slices.Contains(have, l) {
				have = append(have, l)
			}
		}
	}
	if len(have) == 0 || b.plan.Partial {
		return a.Reference
	}
	var out []string
	for _, code := range a.Reference {
		l, err := collection.ResolveLanguage(code, have)
		switch {
		case err != nil && b.diags.HasErrors() && b.targets(code):
			// A mistake elsewhere took its cells away.
		case err != nil:
			b.add(errorAt(a.Ranges["reference"], "Reference is no target", "%q is not a language that %s measures: it has %s.%s", code, a.Of.Address(), strings.Join(have, ", "), sdk.DidYouMean(code, have)))
		case !slices.Contains(out, l):
			out = append(out, l)
		}
	}
	if len(out) == len(have) && len(out) > 0 {
		b.add(errorAt(a.Ranges["reference"], "No other languages", "%s has no targets but the reference, so there is no gap to measure.", a.Of.Address()))
	}
	return out
}

// targets reports whether a language is a value of an axis of targets.
func (b *builder) targets(code string) bool {
	for _, x := range b.w.Axes {
		if x.Role == workflow.RoleTarget && slices.ContainsFunc(x.Values, func(v workflow.AxisValue) bool { return v.Label == code }) {
			return true
		}
	}
	return false
}

func (b *builder) oneAxisPerRole(a *workflow.Analysis) {
	axes := map[int]bool{}
	for _, v := range b.g.vars[a.Of] {
		for _, x := range v.axes {
			axes[x] = true
		}
	}
	for _, role := range []string{workflow.RoleSize, workflow.RoleDiversity} {
		var names []string
		for _, x := range slices.Sorted(maps.Keys(axes)) {
			if b.w.Axes[x].Role == role {
				names = append(names, b.w.Axes[x].Name)
			}
		}
		if len(names) > 1 {
			b.add(errorAt(a.Range, "Two axes of one role", "%s depends on the axes %s, which both play the role %q. An analysis takes one: give the others the role \"factor\".", a.Of.Address(), strings.Join(names, " and "), role))
		}
	}
}

func exprOf(e *workflow.Estimand) *Expr {
	if e == nil {
		return nil
	}
	return &Expr{Call: e.Call, Args: e.Args, Num: e.Num, Op: e.Op, Left: exprOf(e.Left), Right: exprOf(e.Right)}
}

// results adds collect, analyse and report. Their arguments hold names and
// words, which the records and the report print: renaming a block assembles
// the results anew and computes nothing else.
func (b *builder) results() {
	if len(b.plan.Cells) == 0 {
		return
	}
	var inputs []Input
	cells := make([]any, len(b.plan.Cells))
	for i, c := range b.plan.Cells {
		axes := map[string]any{}
		for k, v := range c.Axes {
			axes[k] = v
		}
		runs := make([]any, len(c.Runs))
		for j, r := range c.Runs {
			inputs = append(inputs, Input{"values", r.Measure, "values"})
			run := map[string]any{"seed": float64(r.Seed), "measure": string(r.Measure.Recipe)}
			for _, x := range r.Curve {
				if x.Measure != r.Measure {
					inputs = append(inputs, Input{"curve", x.Measure, "values"})
				}
			}
			if r.Curve != nil {
				run["curve"] = curveArgs(r.Curve)
			}
			runs[j] = run
		}
		cell := map[string]any{
			"id": string(c.ID), "retrieval": c.Retrieval, "encoder": c.Encoder, "component": c.Component, "task": c.Task, "index": c.Index,
			"axes": axes, "query_language": c.QueryLanguage, "corpus_language": c.CorpusLanguage, "runs": runs,
		}
		if c.Queries != nil {
			cell["queries"] = string(c.Queries.Recipe)
		}
		if c.Declared != nil {
			cell["declared"] = c.Declared
		}
		if c.Parts != nil {
			cell["parts"] = partIDs(c)
		}
		if c.Mix != nil {
			cell["mix"], cell["train"] = string(c.Mix.Recipe), string(c.Train.Recipe)
		}
		cells[i] = cell
	}
	collect := b.step(Step{Stage: StageCollect, Label: "records", Inputs: inputs, Weight: float64(len(b.plan.Cells)) / 20}, map[string]any{"cells": cells, "title": b.plan.Title, "question": b.plan.Question})
	facts := map[string]any{
		"title": b.plan.Title, "question": b.plan.Question, "only": b.plan.Only, "cells": float64(b.plan.FullCells),
		"axes": b.plan.Axes, "analyses": analysisArgs(b.plan), "claims": claimArgs(b.plan),
	}
	analyse := b.step(Step{Stage: StageAnalyse, Label: "analysis", Inputs: []Input{{"records", collect, "records"}}, Weight: float64(len(b.plan.Cells)) / 20}, facts)
	report := b.step(Step{
		Stage: StageReport, Label: "report", Weight: 20,
		Inputs: []Input{{"summary", analyse, "summary"}, {"records", collect, "records"}},
	}, map[string]any{"name": b.plan.Name, "renderer": b.opts.Report, "components": b.componentsUsed(), "metrics": b.metricConfigs(), "warnings": b.warningTexts()})
	b.plan.Collect, b.plan.Analyse, b.plan.Report = collect, analyse, report
}

func curveArgs(points []CurvePoint) []any {
	out := make([]any, len(points))
	for i, x := range points {
		out[i] = map[string]any{"size": float64(x.Size), "measure": string(x.Measure.Recipe)}
	}
	return out
}

// partIDs names the parts of a fuse's cell, and what was declared of them: its
// own records hold it.
func partIDs(c *Cell) []any {
	var out []any
	for _, p := range c.Parts {
		part := map[string]any{"id": string(p.ID), "encoder": p.Encoder}
		if p.Declared != nil {
			part["declared"] = p.Declared
		}
		out = append(out, part)
	}
	return out
}

func analysisArgs(p *Plan) []any {
	var out []any
	for _, a := range p.Analyses {
		out = append(out, map[string]any{"name": a.Name, "retrieval": a.Retrieval, "measure": a.Measure, "baseline": a.Baseline, "reference": a.Reference, "worst": float64(a.Worst), "parallel": a.Parallel, "unlike": a.Unlike})
	}
	return out
}

func claimArgs(p *Plan) []any {
	var out []any
	for _, c := range p.Claims {
		out = append(out, map[string]any{"name": c.Name, "analysis": c.Analysis, "statement": c.Statement, "holds": c.Holds, "left": c.Left, "op": c.Op, "right": c.Right, "margin": c.Margin})
	}
	return out
}

// componentsUsed lists the components of the plan for the report's method
// section.
func (b *builder) componentsUsed() []any {
	seen := map[string]bool{}
	var out []any
	for _, s := range b.plan.Steps {
		if s.Component == nil {
			continue
		}
		c := s.Component
		k := fmt.Sprintf("%s %s r%d %s", c.Kind, c.Name, c.Revision, c.Tree)
		if !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

// metricConfigs lists the settings of the metrics, of which the report says some.
func (b *builder) metricConfigs() []any {
	seen := map[string]bool{}
	var out []any
	for _, s := range b.plan.Steps {
		if k := string(s.Config); s.Stage == StageMeasure && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

func (b *builder) warningTexts() []any {
	var out []any
	for _, d := range workflow.Tidy(b.diags) {
		if d.Severity == hcl.DiagWarning {
			out = append(out, d.Summary+": "+d.Detail)
		}
	}
	return out
}
