package ir

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteRun(t *testing.T) {
	run := Run{Tag: "sys", Rankings: map[QueryID]Ranking{
		"q2":  {{Doc: "a", Score: 1}, {Doc: "b", Score: 1}, {Doc: "c", Score: 3}},
		"q10": {{Doc: "x", Score: 0.1}, {Doc: "y", Score: math.Copysign(0, -1)}, {Doc: "z", Score: 1e-300}, {Doc: "w", Score: 0.1 + 1e-12}},
	}}
	var b bytes.Buffer
	if err := WriteRun(&b, run, Trec10); err != nil {
		t.Fatal(err)
	}
	want := `q10 Q0 w 1 0.100000000001 sys
q10 Q0 x 2 0.1 sys
q10 Q0 z 3 1e-300 sys
q10 Q0 y 4 0 sys
q2 Q0 c 1 3 sys
q2 Q0 b 2 1 sys
q2 Q0 a 3 1 sys
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	if err := WriteRun(&b, run, Trec9); err != nil || !strings.HasPrefix(b.String(), "q10 Q0 x 1 0.1 sys\nq10 Q0 w 2 ") {
		t.Errorf("32-bit ties: got %v\n%s", err, &b)
	}
	if run.Rankings["q2"][0].Doc != "a" {
		t.Error("WriteRun sorted the caller's ranking")
	}
	b.Reset()
	ranked := Run{Tag: "sys", Rankings: map[QueryID]Ranking{
		"q1":       {{Doc: "a", Score: 1, Rank: 7}, {Doc: "b", Score: 2, Rank: 9}, {Doc: "c", Score: 3, Rank: 2}},
		"no-ranks": {{Doc: "b", Score: 1}, {Doc: "a", Score: 2}},
	}}
	if err := WriteRun(&b, ranked, Rank); err != nil || b.String() != "no-ranks Q0 b 1 1 sys\nno-ranks Q0 a 2 2 sys\nq1 Q0 c 1 3 sys\nq1 Q0 a 2 1 sys\nq1 Q0 b 3 2 sys\n" {
		t.Errorf("by rank: got %v\n%s", err, &b)
	}
}

func TestWriteRefuses(t *testing.T) {
	one := func(q QueryID, d DocID, score float64, tag string) Run {
		return Run{Tag: tag, Rankings: map[QueryID]Ranking{q: {{Doc: d, Score: score}}}}
	}
	for name, run := range map[string]Run{
		"no tag":          one("q", "d", 1, ""),
		"space in tag":    one("q", "d", 1, "my system"),
		"no query id":     one("", "d", 1, "t"),
		"space in query":  one("q 1", "d", 1, "t"),
		"comment query":   one("#q", "d", 1, "t"),
		"marked query":    one("\ufeffq", "d", 1, "t"),
		"newline in id":   one("q", "d\n1", 1, "t"),
		"NUL in id":       one("q", "d\x00", 1, "t"),
		"no document id":  one("q", "", 1, "t"),
		"NaN":             one("q", "d", math.NaN(), "t"),
		"document twice":  {Tag: "t", Rankings: map[QueryID]Ranking{"q": {{Doc: "d", Score: 1}, {Doc: "d", Score: 2}}}},
		"vertical tab id": one("q", "a\vb", 1, "t"),
	} {
		if err := WriteRun(&bytes.Buffer{}, run, Trec10); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	for name, r := range map[string]Ranking{
		"one rank twice": {{Doc: "b", Score: 2, Rank: 1}, {Doc: "a", Score: 1, Rank: 3}, {Doc: "c", Score: 1, Rank: 1}},
		"two without":    {{Doc: "b", Score: 2}, {Doc: "a", Score: 1, Rank: 1}, {Doc: "c", Score: 1}},
	} {
		run := Run{Tag: "t", Rankings: map[QueryID]Ranking{"q": r}}
		if err := WriteRun(&bytes.Buffer{}, run, Rank); err == nil || !strings.Contains(err.Error(), `query "q": documents "b" and "c" both have the rank `) {
			t.Errorf("%s: got %v", name, err)
		}
		if err := WriteRun(&bytes.Buffer{}, run, Trec10); err != nil {
			t.Errorf("%s, by score: %v", name, err)
		}
		// Measures refuse the same.
		if _, err := (&Evaluator{Measures: MustMeasures("AP"), Ties: Rank}).Query(Judgments{"a": 1}, r); err == nil {
			t.Errorf("%s: measures take it", name)
		}
	}
	for _, q := range []Qrels{{"a b": {"d": 1}}, {"q": {"a b": 1}}, {"#q": {"d": 1}}} {
		if err := WriteQrels(&bytes.Buffer{}, q); err == nil {
			t.Errorf("%v: want an error", q)
		}
	}
}
