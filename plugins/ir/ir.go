// Package ir is the metric component "ir": trec_eval's measures under
// ir_measures' names, computed by package sdk/ir. It ignores the order of a
// ranking and sorts by score, equal scores by document id in descending byte
// order, as trec_eval 10 does.
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
	Revision: 1,
	Doc:      "The measures of trec_eval, with its definitions and its rule for equal scores, spelled as ir_measures spells them.",
}, open)

type options struct {
	Measures []string `xl:"measures,required" doc:"What to compute, at least one: nDCG, RR and AP with or without a cutoff (nDCG@10), R@k, P@k, Success@k. The parameter rel sets the smallest grade that is relevant: AP(rel=2)@100."`
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

var _ sdk.Metric = (*metric)(nil)

func (m *metric) Measures() []string { return m.names }

// Evaluate returns the values of one judged query; all are 0 where nothing was
// retrieved. A query without judgments is an error: it has no value.
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
	return sdk.QueryValues{Values: r.Values, Rank: r.FirstRelevant}, nil
}
