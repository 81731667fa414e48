package runner

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// lackingHost measures what has no value for some queries.
type lackingHost struct {
	*fakeHost
	heard []sdk.JudgedQuery
	lie   string
}

func (h *lackingHost) Evaluate(_ context.Context, _ int, _ pluginhost.Ref, queries iter.Seq[sdk.JudgedQuery], emit func(string, sdk.QueryValues) error) ([]string, pluginhost.Stats, error) {
	i := 0
	for q := range queries {
		h.heard = append(h.heard, q)
		v := sdk.QueryValues{Values: []float64{1, 2, 3}, Undefined: []string{"", "", "it is a Tuesday"}, Notes: []string{"remarks"}}
		if i%2 == 1 {
			v.Undefined[1] = "it is odd"
			v.Notes = append(v.Notes, fmt.Sprintf("remark %02d", i))
		}
		if h.lie == "reasons" {
			v.Undefined = v.Undefined[1:]
		}
		i++
		if err := emit(q.ID, v); err != nil {
			return nil, pluginhost.Stats{}, err
		}
	}
	return []string{"A", "B", "C"}, pluginhost.Stats{}, nil
}

func TestUndefined(t *testing.T) {
	h := &lackingHost{fakeHost: &fakeHost{}}
	out := mustRun(t, smallGrid().plan(), options(newStore(t), h, 1))
	recs, _, err := results.ReadRecords(out.Records)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range recs {
		got[r.Measure]++
	}
	// 16 rankings of 10 queries; of B every second has a value, of C none.
	if diff := cmp.Diff(map[string]int{"A": 160, "B": 80}, got); diff != "" {
		t.Errorf("records: -want +got:\n%s", diff)
	}
	notes := map[string]int{}
	for _, n := range out.Notes {
		if n.Stage == study.StageMeasure {
			notes[n.What] = n.Count
		}
	}
	want := map[string]int{
		"queries without a value of B: it is odd":       80,
		"queries without a value of C: it is a Tuesday": 160,
		NoteNoValue + "C: it is a Tuesday":              16,
		"remarks":                                       160,
		"remark 01":                                     16, "remark 03": 16, "remark 05": 16, "remark 07": 16, "remark 09": 16,
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes: -want +got:\n%s", diff)
	}
	if q := h.heard[0]; q.Documents != nil || q.Language != "" {
		t.Errorf("a metric that does not ask is told of languages: %v", q)
	}

	h.lie = "reasons"
	bad, err := Run(t.Context(), smallGrid().plan(), options(newStore(t), h, 1))
	if err != nil {
		t.Fatal(err)
	}
	if len(bad.Failures) == 0 || !strings.Contains(bad.Failures[0].Err.Error(), "want 3 reasons in Undefined, or none, got 2") {
		t.Errorf("want a failure that counts reasons, got %v", bad.Failures)
	}
}

// Nothing has a value: that is a result, too.
func TestAllUndefined(t *testing.T) {
	r := remarks{undefined: make([]tally, 1)}
	for i := range 2 * manyRemarks {
		r.undefined[0].add(fmt.Sprintf("reason %02d", i))
		r.said.add(fmt.Sprintf("remark %02d", i))
	}
	notes := r.notes([]string{"M"}, 2*manyRemarks)
	if n := len(notes); n != 2*(manyRemarks+1)+1 {
		t.Fatalf("%d notes", n)
	}
	for what, count := range map[string]int{
		"queries without a value of M: reason 00":        1,
		"queries without a value of M for other reasons": manyRemarks,
		NoteNoValue + "M: for several reasons":           1,
		"remark 19":                                      1,
		"further remarks of the metric":                  manyRemarks,
	} {
		if !slices.Contains(notes, note{What: what, Count: count}) {
			t.Errorf("want %d × %q in %v", count, what, notes)
		}
	}
}

// A metric that asks is told the languages and groups of queries and documents.
func TestLanguagesAreTold(t *testing.T) {
	plan := smallGrid().plan()
	for _, s := range plan.Steps {
		if s.Stage != study.StageMeasure {
			continue
		}
		for _, in := range s.Inputs {
			if in.Role == "pool" {
				for _, x := range in.Step.Inputs {
					if x.Role == "queries" || x.Role == "corpus" {
						s.Inputs = append(s.Inputs, x)
					}
				}
				break
			}
		}
	}
	h := &lackingHost{fakeHost: &fakeHost{}}
	mustRun(t, plan, options(newStore(t), h, 1))
	if len(h.heard) == 0 {
		t.Fatal("nothing was asked")
	}
	for _, q := range h.heard {
		group, lang, _ := strings.Cut(q.ID, "-")
		if q.Language != lang || q.Group != group {
			t.Fatalf("query %q is said to be %q of group %q", q.ID, q.Language, q.Group)
		}
		if diff := cmp.Diff(map[string]int{"eng": 20}, q.Candidates); diff != "" {
			t.Fatalf("candidates: -want +got:\n%s", diff)
		}
		want := map[string]sdk.DocumentInfo{}
		for _, d := range q.Ranking {
			want[d.ID] = sdk.DocumentInfo{Language: "eng", Group: strings.TrimSuffix(d.ID, "-eng")}
		}
		for d := range q.Qrels {
			want[d] = sdk.DocumentInfo{Language: "eng", Group: strings.TrimSuffix(d, "-eng")}
		}
		if diff := cmp.Diff(want, q.Documents); diff != "" || len(want) == 0 {
			t.Fatalf("documents: -want +got:\n%s", diff)
		}
	}
}
