package fairness

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir/multilingual"
	"github.com/xlrun/xlrun/sdk/sdktest"
)

const everything = `{"measures": ["PEER@20", "PEER(reference=True)@5", "PEER(weights={1:0.25,2:0.75})@20", "AWRF@20", "AWRF(target='uniform',distance='abs',p=0.8)@20", "LPR", "LPR@1", "LangnDCG(other=0.25)@10", "LangnDCG", "MaxR", "MaxR(scaled=True)", "AlignWeak@5", "AlignStrong"]}`

func TestConformance(t *testing.T) {
	sdktest.Metric(t, Component, everything)
	sdktest.Metric(t, Component, strings.Replace(everything, `"MaxR"`, `"MaxR", "MRC@10"`, 1))
}

func openMetric(t *testing.T, measures ...string) sdk.Metric {
	t.Helper()
	v, err := Component.Open(t.Context(), fmt.Appendf(nil, `{"measures": ["%s"]}`, strings.Join(measures, `", "`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v.(sdk.Metric)
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		" PEER @ 20":                         "PEER@20",
		"PEER( weights = {2:.75, 1:.25} )@5": "PEER(weights={1:0.25,2:0.75})@5",
		"PEER(reference=False)@5":            "PEER@5",
		`AWRF(target="pool",p=0.5)@3`:        "AWRF(p=0.5)@3",
		"AWRF(distance='abs')@3":             "AWRF(distance='abs')@3",
		"LangnDCG(other=0.5)":                "LangnDCG",
		"LangnDCG(other=-0)":                 "LangnDCG(other=0)",
		"PEER(weights={1:1,2:-0.0})@5":       "PEER(weights={1:1,2:0})@5",
		"LPR()":                              "LPR",
		"MaxR(scaled=True)":                  "MaxR(scaled=True)",
	} {
		m, err := parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if m.String() != want {
			t.Errorf("%q: want %q, got %q", text, want, m)
		}
		again, err := parse(m.String())
		if err != nil || again.String() != want {
			t.Errorf("%q does not come back: %v %v", want, again, err)
		}
	}
}

// Mistakes are diagnostics that point to the element, all at once.
func TestDiagnostics(t *testing.T) {
	for text, want := range map[string]string{
		"PEER":                          `"PEER" is not a measure: PEER needs a cutoff, for its values depend on it: PEER@20.`,
		"PER@20":                        `Did you mean "PEER"?`,
		"nDCG@10":                       `it is a measure of metric "ir", not of this one.`,
		"MaxR@10":                       `takes no cutoff`,
		"AWRF(targt='uniform')@3":       `AWRF has no parameter "targt", but target, distance, p. Did you mean "target"?`,
		"AWRF(target='unifrom')@3":      `target must be 'pool' or 'uniform'; got 'unifrom'.`,
		"AWRF(p=1)@3":                   `above 0 and below 1; got 1.`,
		"LangnDCG(other=2)":             `other must be a number from 0 to 1; got 2.`,
		"LPR(x=1)":                      `LPR takes no parameters.`,
		"LPR@0":                         `must be a cutoff, @20.`,
		"LPR(":                          `a bracket is not closed.`,
		"LPR)":                          `there is no measure "LPR)" here`,
		"PEER(reference=1)@3":           `reference must be True or False; got 1.`,
		"PEER(weights={1:0.5,2:0.2})@3": `must add up to 1; these make 0.7.`,
		"PEER(weights={1:0.5,1:0.5})@3": `{1:0.25, 2:0.75}; got {1:0.5,1:0.5}.`,
		"PEER(weights=1)@3":             `{1:0.25, 2:0.75}; got 1.`,
		"PEER(reference=True, reference=False)@20":           `parameter "reference" is given twice, the second time at character 22.`,
		"PEER(weights={1:.5,2:.5},weights={1:.25,2:.75})@20": `parameter "weights" is given twice, the second time at character 26.`,
		"MRC": `"MRC" is the same measure as "MRC" before it`,
	} {
		_, err := Component.Decode(fmt.Appendf(nil, `{"measures": ["MRC", "AWRF@5", %q]}`, text))
		got, ok := sdk.AsDiagnostics(err)
		if !ok || len(got) != 1 {
			t.Errorf("%s: want one diagnostic, got %v", text, err)
			continue
		}
		if !cmp.Equal([]any{"measures", 2}, got[0].Path) || !strings.Contains(got[0].Detail, want) {
			t.Errorf("%s: want %s, got %v", text, want, got[0])
		}
	}
	if _, err := Component.Decode([]byte(`{"measures": []}`)); err == nil {
		t.Error("no measures are no mistake")
	}
}

func query(lang string, scores map[string]float64, relevant ...string) sdk.JudgedQuery {
	q := sdk.JudgedQuery{ID: lang, Language: lang, Group: "g", Qrels: map[string]int{}, Documents: map[string]sdk.DocumentInfo{}, Candidates: map[string]int{"deu": 3, "eng": 3}}
	for id, s := range scores {
		q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: id, Score: s})
		q.Documents[id] = sdk.DocumentInfo{Language: id[:3]}
	}
	for _, id := range relevant {
		q.Qrels[id] = 1
		q.Documents[id] = sdk.DocumentInfo{Language: id[:3]}
	}
	return q
}

func TestEvaluate(t *testing.T) {
	m := openMetric(t, "LPR", "AlignStrong", "MaxR", "PEER@10")
	for _, c := range []struct {
		what string
		q    sdk.JudgedQuery
		want sdk.QueryValues
	}{
		{
			"its own language first", query("eng", map[string]float64{"eng1": 3, "deu1": 2, "eng2": 1}, "eng1", "deu1"),
			sdk.QueryValues{Values: []float64{1, 1, 1, .3173105078629141}, Rank: 1},
		},
		{
			// eng1 and deu1 are tied, and eng1 comes first: it has the larger id.
			"equal scores", query("deu", map[string]float64{"eng1": 2, "deu1": 2}, "eng1", "deu1"),
			sdk.QueryValues{Values: []float64{0, 1, 1, .3173105078629141}, Rank: 1, Notes: []string{noteTies}},
		},
		{
			"equal scores that do not matter", query("eng", map[string]float64{"eng1": 3, "deu1": 2, "eng2": 1, "deu2": 1}, "eng1", "deu1"),
			sdk.QueryValues{Values: []float64{1, 1, 1, .3173105078629141}, Rank: 1},
		},
		{
			"one is lost", query("eng", map[string]float64{"eng1": 3}, "eng1", "deu1"),
			sdk.QueryValues{Values: []float64{1, .5, math.Log2(6), .3173105078629141}, Rank: 1, Notes: []string{noteIncomplete}},
		},
		{
			"one language", query("eng", map[string]float64{"eng1": 3, "eng2": 2}, "eng2"),
			sdk.QueryValues{Values: make([]float64, 4), Rank: 2, Undefined: []string{multilingual.OneLanguage, multilingual.OneLanguage, multilingual.OneLanguage, multilingual.OneLanguage}},
		},
	} {
		got, err := m.Evaluate(t.Context(), c.q)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		approx := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
		if diff := cmp.Diff(c.want, got, approx); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.what, diff)
		}
	}
	for want, q := range map[string]sdk.JudgedQuery{
		`document "a" occurs twice`:      {ID: "q", Ranking: []sdk.ScoredDocument{{ID: "a"}, {ID: "a"}}},
		`document "a" has the score NaN`: {ID: "q", Ranking: []sdk.ScoredDocument{{ID: "a", Score: math.NaN()}}},
	} {
		if _, err := m.Evaluate(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// peer_measure breaks ties by ascending id, and so does its variant.
func TestReferenceTies(t *testing.T) {
	m := openMetric(t, "PEER@2", "PEER(reference=True)@2")
	q := query("eng", map[string]float64{"deu1": 1, "deu2": 1, "eng1": 1, "eng2": 1}, "eng1", "eng2", "deu1")
	got, err := m.Evaluate(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	// Descending: eng2, eng1 are found and deu1 is third. Ascending: deu1 is
	// found first, both others share the rank after the three of the level.
	want := func(groups ...[]float64) float64 {
		h, _ := multilingual.KruskalH(groups)
		return multilingual.ChiSquareTail(h, 1)
	}
	if diff := cmp.Diff([]float64{want([]float64{3}, []float64{1, 2}), want([]float64{1}, []float64{4.5, 4.5})}, got.Values); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	alone, err := openMetric(t, "PEER(reference=True)@2").Evaluate(t.Context(), q)
	if diff := cmp.Diff([]string{noteTies}, alone.Notes); diff != "" || err != nil {
		t.Errorf("%v notes: -want +got:\n%s", err, diff)
	}
}

// That equal scores decide whether there is a value at all is said like any
// other dependence on their order.
func TestTiesDecideWhetherThereIsAValue(t *testing.T) {
	tied := query("eng", map[string]float64{"eng1": 1, "eng2": 1, "deu1": .5}, "eng1", "deu1")
	got, err := openMetric(t, "LPR@1").Evaluate(t.Context(), tied)
	want := sdk.QueryValues{Values: []float64{0}, Rank: 2, Undefined: []string{multilingual.NoneRetrieved}, Notes: []string{noteTies}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
	for i, id := range []string{"eng2", "eng1"} { // the value of the other order, and of this one
		q := tied
		q.Ranking = []sdk.ScoredDocument{{ID: id, Score: 1}}
		got, err := openMetric(t, "LPR@1").Evaluate(t.Context(), q)
		if err != nil || (got.Why(0) == "") != (i == 1) {
			t.Errorf("%s: %v %v", id, got, err)
		}
	}
}

func TestEvaluateSet(t *testing.T) {
	m := openMetric(t, "LPR", "MRC")
	set, ok := m.(sdk.SetMetric)
	if !ok {
		t.Fatal("it compares queries")
	}
	if _, ok := openMetric(t, "LPR").(sdk.SetMetric); ok {
		t.Error("it holds all queries although it compares none")
	}
	got, err := set.EvaluateSet(t.Context(), []sdk.JudgedQuery{
		query("eng", map[string]float64{"eng1": 3, "deu1": 2, "deu2": 1}, "eng1", "deu1"),
		query("deu", map[string]float64{"eng1": 1, "deu1": 2, "deu2": 3}, "eng1", "deu1"),
	})
	want := []sdk.QueryValues{
		{Values: []float64{1, -1}, Rank: 1, Undefined: []string{"", ""}},
		{Values: []float64{1, -1}, Rank: 2, Undefined: []string{"", ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
	alone, err := m.Evaluate(t.Context(), query("eng", map[string]float64{"eng1": 3}, "eng1", "deu1"))
	if err != nil || alone.Why(0) != "" || alone.Why(1) != multilingual.NoTranslation {
		t.Errorf("%v %v", alone, err)
	}
}

// What is parsed is printed, and what is printed is parsed, to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"PEER@20", "PEER(weights={1:0.25,2:0.75}, reference=True)@5", "AWRF(target='uniform',distance=\"abs\",p=1e-3)@1", "MaxR(scaled=True)", "LPR()@1", "LangnDCG(other=0)", "(", "@", "PEER(weights={)@1", "LPR@1@1", "MRC @\t7", "LPR(\xff)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parse(s)
		if err != nil {
			return
		}
		again, err := parse(m.String())
		if err != nil || again.String() != m.String() {
			t.Errorf("%q prints as %q, which is %v %v", s, m, again, err)
		}
	})
}
