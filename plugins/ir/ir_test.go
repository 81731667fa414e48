package ir

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
)

func openMetric(t *testing.T, config string) sdk.Metric {
	t.Helper()
	v, err := Component.Open(t.Context(), []byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v.(sdk.Metric)
}

func TestDeclaration(t *testing.T) {
	p := sdk.Plugin{Name: "ir", Version: "0", Components: []sdk.Component{Component}}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if Component.Kind != sdk.KindMetric || Component.Determinism != sdk.Bitwise {
		t.Errorf("kind %s, determinism %s", Component.Kind, Component.Determinism)
	}
	want := []sdk.Option{
		{Name: "measures", Type: sdk.ListString, Required: true, Effect: sdk.EffectOutput, Doc: Component.Options[0].Doc},
		{Name: "ties", Type: sdk.String, Default: "trec10", Enum: []string{"trec10", "trec9", "rank", "expected"}, Effect: sdk.EffectOutput, Doc: Component.Options[1].Doc},
	}
	if diff := cmp.Diff(want, Component.Options); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEvaluate(t *testing.T) {
	m := openMetric(t, `{"measures": ["nDCG@10", "RR( rel=1 )@10", "Success@1", "AP(rel=2)"]}`)
	if diff := cmp.Diff([]string{"nDCG@10", "RR@10", "Success@1", "AP(rel=2)"}, m.Measures()); diff != "" {
		t.Errorf("measures (-want +got)\n%s", diff)
	}
	// b and a tie, and b comes first: it has the larger id.
	tied := []sdk.ScoredDocument{{ID: "a", Score: 1}, {ID: "b", Score: 1}}
	for name, c := range map[string]struct {
		q    sdk.JudgedQuery
		want sdk.QueryValues
	}{
		"gold second": {
			sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"a": 2}, Ranking: tied},
			sdk.QueryValues{Values: []float64{1 / math.Log2(3), .5, 0, .5}, Rank: 2, Notes: []string{dependent}},
		},
		"gold first": {
			sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"b": 1}, Ranking: tied},
			sdk.QueryValues{Values: []float64{1, 1, 1, 0}, Rank: 1, Notes: []string{dependent}},
		},
		"gold not retrieved": {
			sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"c": 1}, Ranking: tied},
			sdk.QueryValues{Values: []float64{0, 0, 0, 0}},
		},
		"nothing retrieved": {
			sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"a": 1}},
			sdk.QueryValues{Values: []float64{0, 0, 0, 0}},
		},
		"nothing relevant": {
			sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"a": 0}, Ranking: tied},
			sdk.QueryValues{Values: []float64{0, 0, 0, 0}},
		},
	} {
		got, err := m.Evaluate(t.Context(), c.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		approx := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
		if diff := cmp.Diff(c.want, got, approx); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestTies(t *testing.T) {
	tied := []sdk.ScoredDocument{{ID: "a", Score: 1}, {ID: "b", Score: 1 - 1e-12}, {ID: "c", Score: 1 - 1e-12}}
	q := sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"b": 1}, Ranking: tied}
	for ties, want := range map[string]float64{"trec10": 1. / 3, "trec9": 1. / 2, "rank": 1. / 2, "expected": (1./2 + 1./3) / 2} {
		got, err := openMetric(t, `{"measures": ["RR"], "ties": "`+ties+`"}`).Evaluate(t.Context(), q)
		if err != nil || math.Abs(got.Values[0]-want) > 1e-12 || len(got.Notes) != 1 {
			t.Errorf("%s: want %v, got %+v, %v", ties, want, got, err)
		}
	}
	if _, err := Component.Decode([]byte(`{"measures": ["RR"], "ties": "random"}`)); err == nil {
		t.Error("an unknown tie mode was taken")
	}
}

func TestEvaluateErrors(t *testing.T) {
	m := openMetric(t, `{"measures": ["RR"]}`)
	gold := map[string]int{"a": 1}
	for want, q := range map[string]sdk.JudgedQuery{
		`query "q" has no judgments`:                                  {ID: "q", Ranking: []sdk.ScoredDocument{{ID: "a"}}},
		`ranking of query "q": document "a" occurs twice`:             {ID: "q", Qrels: gold, Ranking: []sdk.ScoredDocument{{ID: "a"}, {ID: "a"}}},
		`ranking of query "q": document "a" has the score NaN, which`: {ID: "q", Qrels: gold, Ranking: []sdk.ScoredDocument{{ID: "a", Score: math.NaN()}}},
	} {
		if _, err := m.Evaluate(t.Context(), q); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// Mistakes are diagnostics that point to the element, all at once.
func TestDiagnostics(t *testing.T) {
	for _, c := range []struct {
		config string
		want   []sdk.Diagnostic // Detail: what it must hold
	}{
		{`{}`, []sdk.Diagnostic{{Summary: "Missing required argument", Detail: `"measures"`}}},
		{`{"measures": []}`, []sdk.Diagnostic{{Path: []any{"measures"}, Summary: "No measures", Detail: "at least one"}}},
		{`{"measures": ["nDCG@10", "ndgc@10", "P", "mrr@5", "RR@10", "RR(rel=1)@10", "gm_map", "runid"]}`, []sdk.Diagnostic{
			{Path: []any{"measures", 1}, Summary: "Invalid measure", Detail: `Did you mean "nDCG@10"?`},
			{Path: []any{"measures", 2}, Summary: "Invalid measure", Detail: `"P" is not a measure: P needs a cutoff. Did you mean "P@10"?`},
			{Path: []any{"measures", 3}, Summary: "Invalid measure", Detail: `Did you mean "RR@5"?`},
			{Path: []any{"measures", 5}, Summary: "Duplicate measure", Detail: `"RR(rel=1)@10" is the same measure as "RR@10"`},
			{Path: []any{"measures", 6}, Summary: "Unsuitable measure", Detail: `"gm_map" cannot be averaged`},
			{Path: []any{"measures", 7}, Summary: "Unsuitable measure", Detail: `"runid" cannot be averaged`},
		}},
	} {
		_, err := Component.Decode([]byte(c.config))
		got, ok := sdk.AsDiagnostics(err)
		if !ok || len(got) != len(c.want) {
			t.Errorf("%s: want %d diagnostics, got %v", c.config, len(c.want), err)
			continue
		}
		for i, w := range c.want {
			if !cmp.Equal(w.Path, got[i].Path) || w.Summary != got[i].Summary || !strings.Contains(got[i].Detail, w.Detail) {
				t.Errorf("%s: want %v, got %v", c.config, w, got[i])
			}
		}
	}
}
