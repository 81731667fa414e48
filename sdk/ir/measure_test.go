package ir

import (
	"errors"
	"strings"
	"testing"
)

func TestParseMeasure(t *testing.T) {
	for text, want := range map[string]string{
		"nDCG@10":              "nDCG@10",
		"nDCG":                 "nDCG",
		"RR":                   "RR",
		"RR(rel=1)@10":         "RR@10",
		"AP(rel=2)@100":        "AP(rel=2)@100",
		" AP ( rel = 2 ) @ 5 ": "AP(rel=2)@5",
		"R@100":                "R@100",
		"P(rel=3)@5":           "P(rel=3)@5",
		"Success@1":            "Success@1",
	} {
		m, err := ParseMeasure(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if m.String() != want {
			t.Errorf("%q prints as %q, want %q", text, m, want)
		}
		if again, err := ParseMeasure(m.String()); err != nil || again != m {
			t.Errorf("%q: parsing what was printed gives %v, %v", text, again, err)
		}
	}

	m := MustMeasures("AP(rel=2)@100")[0]
	if m.Name() != "AP" || m.Rel() != 2 || m.Cutoff() != 100 || m.Doc() == "" {
		t.Errorf("parts of %v: name %q, rel %d, cutoff %d", m, m.Name(), m.Rel(), m.Cutoff())
	}
}

func TestParseMeasureErrors(t *testing.T) {
	for _, c := range []struct{ text, reason, suggestion string }{
		{"", "no name", ""},
		{"@10", "no name", ""},
		{"nDGC@10", `no measure "nDGC"`, "nDCG@10"},
		{"ndcg@10", `no measure "ndcg"`, "nDCG@10"},
		{"ndcg_cut_10", "no measure", "nDCG@10"},
		{"ndcg_at_10", "no measure", "nDCG@10"},
		{"MRR@10", "no measure", "RR@10"},
		{"MAP", "no measure", "AP"},
		{"map_cut_100", "no measure", "AP@100"},
		{"MAP(rel=2)@100", "no measure", "AP(rel=2)@100"},
		{"Recall@100", "no measure", "R@100"},
		{"recall", "no measure", "R@10"},
		{"Precision@5", "no measure", "P@5"},
		{"hit_rate@5", "no measure", "Success@5"},
		{"Sucess@5", "no measure", "Success@5"}, //nolint:misspell // the mistake is what is tested
		{"recip_rank", "no measure", "RR"},
		{"XY@5", "the measures are nDCG, RR, AP, R@k, P@k, Success@k", ""}, // near to nothing
		{"AR@5", "no measure", ""},                                         // as near to AP as to RR
		{"BLEU", "no measure", ""},
		{"P", "needs a cutoff", "P@10"},
		{"R(rel=2)", "needs a cutoff", "R(rel=2)@10"},
		{"P@0", "cutoff", ""},
		{"P@-1", "cutoff", ""},
		{"P@", "cutoff", ""},
		{"P@010", "cutoff", ""},
		{"P@1.5", "cutoff", ""},
		{"P@9999999999999999999999", "cutoff", ""},
		{"P@5@6", "cutoff", ""},
		{"P(rel=0)@5", "rel must be", ""},
		{"P(rel=x)@5", "rel must be", ""},
		{"P(rel=1,rel=2)@5", "twice", ""},
		{"P(rell=2)@5", `no parameter "rell"; it has rel`, ""},
		{"P()@5", "no value", ""},
		{"P(rel)@5", "no value", ""},
		{"P(rel=2@5", `do not end in ")"`, ""},
		{"P(rel=2)x@5", `do not end in ")"`, ""},
		{"nDCG(rel=2)@5", "every positive grade is a gain", ""},
		{"nDCG(dcg=2)@5", `no parameter "dcg"`, ""},
	} {
		_, err := ParseMeasure(c.text)
		var e *MeasureError
		if !errors.As(err, &e) {
			t.Errorf("%q: want a *MeasureError, got %v", c.text, err)
			continue
		}
		if e.Text != c.text || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("%q: want the reason to hold %q, got %q", c.text, c.reason, e.Reason)
		}
		if e.Suggestion != c.suggestion {
			t.Errorf("%q: want suggestion %q, got %q", c.text, c.suggestion, e.Suggestion)
		}
	}
}

func TestMeasureText(t *testing.T) {
	var m Measure
	if _, err := m.MarshalText(); err == nil {
		t.Error("the zero measure marshals")
	}
	if err := m.UnmarshalText([]byte("RR(rel=2)@3")); err != nil {
		t.Fatal(err)
	}
	if b, err := m.MarshalText(); err != nil || string(b) != "RR(rel=2)@3" {
		t.Errorf("got %q, %v", b, err)
	}
}

func FuzzParseMeasure(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMeasure(text)
		var e *MeasureError
		switch {
		case errors.As(err, &e):
			if e.Suggestion != "" {
				if _, err := ParseMeasure(e.Suggestion); err != nil {
					t.Errorf("%q suggests %q, which is wrong itself: %v", text, e.Suggestion, err)
				}
			}
		case err != nil:
			t.Fatalf("%q: an error of another type: %v", text, err)
		default:
			if again, err := ParseMeasure(m.String()); err != nil || again != m {
				t.Errorf("%q prints as %q, which reads as %v, %v", text, m, again, err)
			}
		}
	})
}
