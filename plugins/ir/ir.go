// Package ir is the metric component "ir": the measures of trec_eval and
// ir_measures under ir_measures' names, computed by package sdk/ir. Unless its
// option ties says otherwise it ignores the order of a ranking and sorts by
// score, equal scores by document id in descending byte order, as trec_eval 10
// does.
package ir

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
)

// Component is the metric "ir".
var Component = sdk.NewMetric(sdk.Info{
	Name:     "ir",
	Revision: 3,
	Doc:      "The measures of trec_eval and ir_measures, with their definitions and a choice of rules for equal scores, spelled as ir_measures spells them.",
}, open)

type options struct {
	Measures []string `xl:"measures,required" doc:"What to compute, at least one: nDCG@10, RR@10, AP, R@100 and the other measures of ir_measures, or those that only trec_eval has under its names. The parameter rel sets the smallest grade that is relevant: AP(rel=2)@100."`
	Ties     string   `xl:"ties,default=trec10,enum=trec10|trec9|rank|expected" doc:"The order of equal scores: by document id as in trec_eval 10 or 9 (which compares scores with 32 bits), as the index ranked them, or every order equally likely, which gives means."`
}

// Validate reports every element that is not a measure, or the same measure as
// an earlier one.
func (o *options) Validate() error {
	if len(o.Measures) == 0 {
		return sdk.At("No measures", `"measures" must name at least one measure, such as "nDCG@10".`, "measures")
	}
	var diags sdk.Diagnostics
	first := map[ir.Measure]string{}
	for i, text := range o.Measures {
		m, err := ir.ParseMeasure(text)
		var bad *ir.MeasureError
		switch {
		case errors.As(err, &bad):
			detail := fmt.Sprintf("%q is not a measure: %s.", text, bad.Reason)
			if bad.Suggestion != "" {
				detail += fmt.Sprintf(" Did you mean %q?", bad.Suggestion)
			}
			diags = append(diags, sdk.Diagnostic{Path: []any{"measures", i}, Summary: "Invalid measure", Detail: detail})
		case err != nil:
			return err
		case m.Aggregate() == ir.Text || m.Aggregate() == ir.GeometricMean:
			diags = append(diags, sdk.Diagnostic{
				Path: []any{"measures", i}, Summary: "Unsuitable measure",
				Detail: fmt.Sprintf("%q cannot be averaged over queries, which a study does with every measure.", text),
			})
		case first[m] != "":
			diags = append(diags, sdk.Diagnostic{
				Path: []any{"measures", i}, Summary: "Duplicate measure",
				Detail: fmt.Sprintf("%q is the same measure as %q before it; name each once.", text, first[m]),
			})
		default:
			first[m] = strings.TrimSpace(text)
		}
	}
	if len(diags) > 0 {
		return diags
	}
	return nil
}

func open(_ context.Context, o options) (sdk.Metric, error) {
	m := &metric{}
	var err error
	if m.eval.Ties, err = ir.ParseTies(o.Ties); err != nil {
		return nil, err
	}
	for _, text := range o.Measures {
		measure, err := ir.ParseMeasure(text)
		if err != nil {
			return nil, err
		}
		m.eval.Measures = append(m.eval.Measures, measure)
		m.names = append(m.names, measure.String())
	}
	return m, nil
}

type metric struct {
	eval  ir.Evaluator
	names []string
}

var _ sdk.RangedMetric = (*metric)(nil)

func (m *metric) Measures() []string { return m.names }

// dependent is the note of a query whose values another tie mode would change.
const dependent = "values that depend on the order of equal scores"

// Evaluate returns the values of one judged query; where nothing was retrieved
// they are those of an empty ranking, mostly 0. A query without judgments is an
// error: it has no value.
func (m *metric) Evaluate(_ context.Context, q sdk.JudgedQuery) (sdk.QueryValues, error) {
	if len(q.Qrels) == 0 {
		return sdk.QueryValues{}, fmt.Errorf("query %q has no judgments, so no measure has a value for it", q.ID)
	}
	judgments := make(ir.Judgments, len(q.Qrels))
	for doc, grade := range q.Qrels {
		judgments[ir.DocID(doc)] = grade
	}
	ranking := make(ir.Ranking, len(q.Ranking))
	for i, d := range q.Ranking {
		ranking[i] = ir.Hit{Doc: ir.DocID(d.ID), Score: d.Score}
	}
	r, err := m.eval.Query(judgments, ranking)
	if err != nil {
		return sdk.QueryValues{}, fmt.Errorf("ranking of query %q: %w", q.ID, err)
	}
	v := sdk.QueryValues{Values: r.Values, Rank: r.FirstRelevant}
	if r.Dependent != nil {
		v.Notes = []string{dependent}
	}
	return v, nil
}
