// Package fairness is the metric component "fairness": measures of rankings
// over documents in several languages, computed by package
// sdk/ir/multilingual. It says whether languages are treated alike and whether
// translations lie together, not whether a ranking is good: ask for metric "ir"
// beside it. Like that one it ignores the order of a ranking and sorts by
// score, equal scores by document id in descending byte order.
package fairness

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir/multilingual"
)

// Component is the metric "fairness".
var Component = sdk.NewMetric(sdk.Info{
	Name:        "fairness",
	Revision:    2,
	Doc:         "How rankings over documents in several languages treat these languages: PEER, AWRF, LPR, LangnDCG, MaxR, AlignWeak, AlignStrong, MRC. For tasks with several corpus languages.",
	Determinism: sdk.Numeric, // logarithms and exponentials of the machine
	Languages:   true,
}, open)

type options struct {
	Measures []string `xl:"measures,required" doc:"What to compute, at least one: PEER@k, AWRF@k, LPR, LangnDCG@k, MaxR, AlignWeak, AlignStrong, MRC@k. Parameters stand in brackets: PEER(weights={1:0.25,2:0.75})@20, AWRF(target='uniform')@20."`
}

// Validate reports every element that is not a measure, or the same measure as
// an earlier one.
func (o *options) Validate() error {
	if len(o.Measures) == 0 {
		return sdk.At("No measures", `"measures" must name at least one measure, such as "PEER@20".`, "measures")
	}
	var diags sdk.Diagnostics
	first := map[string]string{}
	for i, text := range o.Measures {
		m, err := parse(text)
		switch {
		case err != nil:
			detail := fmt.Sprintf("%q is not a measure: %v", text, err)
			if !strings.HasSuffix(detail, "?") {
				detail = strings.TrimSuffix(detail, ".") + "."
			}
			diags = append(diags, sdk.Diagnostic{Path: []any{"measures", i}, Summary: "Invalid measure", Detail: detail})
		case first[m.String()] != "":
			diags = append(diags, sdk.Diagnostic{
				Path: []any{"measures", i}, Summary: "Duplicate measure",
				Detail: fmt.Sprintf("%q is the same measure as %q before it; name each once.", text, first[m.String()]),
			})
		default:
			first[m.String()] = strings.TrimSpace(text)
		}
	}
	if len(diags) > 0 {
		return diags
	}
	return nil
}

func open(_ context.Context, o options) (sdk.Metric, error) {
	m := &metric{}
	compares := false
	for _, text := range o.Measures {
		x, err := parse(text)
		if err != nil {
			return nil, err
		}
		m.measures = append(m.measures, x)
		m.names = append(m.names, x.String())
		compares = compares || x.value == nil
	}
	if compares {
		return setMetric{m}, nil
	}
	return m, nil
}

type metric struct {
	measures []*measure
	names    []string
}

var _ sdk.RangedMetric = (*metric)(nil)

func (m *metric) Measures() []string { return m.names }

// Ranges says what the values of one query can be: mostly shares.
func (m *metric) Ranges() []sdk.Range {
	out := make([]sdk.Range, len(m.measures))
	for i, x := range m.measures {
		switch {
		case x.name == "MaxR" && !x.scaled:
			out[i] = sdk.Range{Low: 0, High: math.Inf(1)}
		case x.name == "MRC":
			out[i] = sdk.Range{Low: -1, High: 1}
		default:
			out[i] = sdk.Range{Low: 0, High: 1}
		}
	}
	return out
}

// noteTies is what metric "ir" says, too.
const noteTies = "values that depend on the order of equal scores"

// noteAlone is why one query has no value of a measure that compares queries.
const noteAlone = multilingual.NoTranslation

// Evaluate returns the values of one query, or why there are none.
func (m *metric) Evaluate(_ context.Context, q sdk.JudgedQuery) (sdk.QueryValues, error) {
	a, err := arrange(q)
	if err != nil {
		return sdk.QueryValues{}, err
	}
	return m.evaluate(a), nil
}

// arranged is a query with its ranking in two orders that differ where scores
// are equal. Descending ids are the rule; peer_measure has ascending ones.
type arranged struct {
	descending, ascending multilingual.Query
	tied                  bool
}

func arrange(q sdk.JudgedQuery) (*arranged, error) {
	list := slices.Clone(q.Ranking)
	for _, d := range list {
		if math.IsNaN(d.Score) {
			return nil, fmt.Errorf("ranking of query %q: document %q has the score NaN, which has no place in an order", q.ID, d.ID)
		}
	}
	slices.SortFunc(list, func(a, b sdk.ScoredDocument) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.ID, a.ID))
	})
	x := multilingual.Query{ID: q.ID, Language: q.Language, Group: q.Group, Qrels: q.Qrels, Candidates: q.Candidates}
	x.Documents = make(map[string]multilingual.Document, len(q.Documents))
	for id, d := range q.Documents {
		x.Documents[id] = multilingual.Document(d)
	}
	out := &arranged{}
	seen := make(map[string]bool, len(list))
	for i, d := range list {
		if seen[d.ID] {
			return nil, fmt.Errorf("ranking of query %q: document %q occurs twice", q.ID, d.ID)
		}
		seen[d.ID] = true
		x.Ranking = append(x.Ranking, d.ID)
		out.tied = out.tied || i > 0 && d.Score == list[i-1].Score
	}
	out.descending, out.ascending = x, x
	if out.tied {
		up := slices.Clone(x.Ranking)
		for i := 0; i < len(list); {
			j := i + 1
			for j < len(list) && list[j].Score == list[i].Score {
				j++
			}
			slices.Reverse(up[i:j])
			i = j
		}
		out.ascending.Ranking = up
	}
	return out, nil
}

func (m *metric) evaluate(a *arranged) sdk.QueryValues {
	v := sdk.QueryValues{Values: make([]float64, len(m.measures))}
	for i, doc := range a.descending.Ranking {
		if a.descending.Qrels[doc] > 0 {
			v.Rank = i + 1
			break
		}
	}
	depends := false
	for i, x := range m.measures {
		if x.value == nil {
			lack(&v, i, noteAlone)
			continue
		}
		q, other := &a.descending, &a.ascending
		if x.reference {
			q, other = other, q
		}
		value, why, note := x.value(x, q)
		if a.tied && !depends {
			// Whether there is a value may depend on the order, too.
			otherwise, lacks, _ := x.value(x, other)
			depends = otherwise != value || lacks != why
		}
		if why != "" {
			lack(&v, i, why)
			continue
		}
		v.Values[i] = value
		if note != "" && !slices.Contains(v.Notes, note) {
			v.Notes = append(v.Notes, note)
		}
	}
	if depends {
		v.Notes = append(v.Notes, noteTies)
	}
	return v
}

// setMetric is a metric with a measure that compares queries.
type setMetric struct{ *metric }

var _ sdk.SetMetric = setMetric{}

// EvaluateSet returns the values of all queries.
func (m setMetric) EvaluateSet(ctx context.Context, queries []sdk.JudgedQuery) ([]sdk.QueryValues, error) {
	out := make([]sdk.QueryValues, len(queries))
	down, up := make([]multilingual.Query, len(queries)), make([]multilingual.Query, len(queries))
	tied := false
	for i, q := range queries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, err := arrange(q)
		if err != nil {
			return nil, err
		}
		out[i] = m.evaluate(a)
		down[i], up[i] = a.descending, a.ascending
		tied = tied || a.tied
	}
	for k, x := range m.measures {
		if x.value != nil {
			continue
		}
		values, why := multilingual.MRC(down, x.cutoff)
		otherwise, lacks := values, why
		if tied {
			otherwise, lacks = multilingual.MRC(up, x.cutoff)
		}
		for i := range out {
			out[i].Values[k] = values[i]
			out[i].Undefined[k] = why[i] // there is a list: evaluate found none of its own
			if (values[i] != otherwise[i] || why[i] != lacks[i]) && !slices.Contains(out[i].Notes, noteTies) {
				out[i].Notes = append(out[i].Notes, noteTies)
			}
		}
	}
	return out, nil
}

// lack says why a measure has no value.
func lack(v *sdk.QueryValues, measure int, why string) {
	if v.Undefined == nil {
		v.Undefined = make([]string, len(v.Values))
	}
	v.Undefined[measure] = why
}
