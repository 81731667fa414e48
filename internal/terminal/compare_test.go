package terminal

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/analysis"
)

// testComparison compares three runs with names that nobody should have, over
// queries of two groups; the baseline is a run, −1 for none.
func testComparison(t *testing.T, baseline int) *analysis.Comparison {
	t.Helper()
	names := []string{"bm25_a&b|c", "dense\x1b[31m 50%", "late*{x}"}
	in := analysis.CompareInput{Measures: []string{"AP", "RR@10"}}
	for q := range 24 {
		in.Queries = append(in.Queries, fmt.Sprint("q", q))
		in.Group = append(in.Group, []string{"deu", "eng"}[q%2])
	}
	for r, name := range names {
		run := analysis.CompareRun{Name: name, File: name + ".run", Judged: math.NaN(), Values: make([][]float64, 2)}
		for m := range run.Values {
			for q := range in.Queries {
				run.Values[m] = append(run.Values[m], float64((q*7+r*5*(m+1))%11)/20+float64(r*r)/16)
			}
		}
		in.Runs = append(in.Runs, run)
	}
	in.Runs[2].Missing = []string{"q3"}
	c, err := analysis.Compare(t.Context(), in, analysis.CompareOptions{Level: .95, Correction: analysis.CorrectHolm, Baseline: baseline, Draws: 999, Seed: 1, Ties: "trec10"})
	if err != nil {
		t.Fatal(err)
	}
	var lists [][][]string
	for r := range names {
		var list [][]string
		for range in.Queries {
			list = append(list, [][]string{{"a", "b", "c"}, {"b", "a", "d"}, nil}[r])
		}
		lists = append(lists, list)
	}
	if baseline < 0 {
		if err := c.Agree(t.Context(), in, lists); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestComparisonGolden(t *testing.T) {
	for _, c := range captures {
		if c.name == "dumb" {
			continue
		}
		s := newScreen(c.width, c.height)
		u := testUI(s, c.tty, Options{}, c.env...)
		u.Comparison(testComparison(t, -1))
		u.Comparison(testComparison(t, 0))
		text := s.take()
		golden(t, "compare_"+c.name+".txt", text)
		if !strings.Contains(c.name, "colour") && strings.Contains(text, "\x1b") {
			t.Errorf("%s: a name sent a command to the terminal", c.name)
		}
		if u := testUI(s, c.tty, Options{}, c.env...); strings.Contains(u.ComparisonText(testComparison(t, -1)), "\x1b") {
			t.Errorf("%s: a file has colours", c.name)
		}
		if u := testUI(s, c.tty, Options{}, c.env...); strings.Contains(u.ComparisonText(testComparison(t, -1)), "left out at this width") {
			t.Errorf("%s: a file lacks columns", c.name)
		}
	}
}

func TestComparisonFiles(t *testing.T) {
	for name, baseline := range map[string]int{"": -1, "_baseline": 0} {
		c := testComparison(t, baseline)
		var b bytes.Buffer
		if err := WriteComparisonLaTeX(&b, c); err != nil {
			t.Fatal(err)
		}
		golden(t, "compare"+name+".tex", b.String())
		b.Reset()
		if err := WriteComparisonMarkdown(&b, c); err != nil {
			t.Fatal(err)
		}
		golden(t, "compare"+name+".md", b.String())
	}

	c := testComparison(t, -1)
	var b bytes.Buffer
	if err := WriteComparisonCSV(&b, c); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// Two measures of three pairs, each over all queries, in two groups and over groups.
	if len(rows) != 1+2*3*4 || rows[1][2] != c.Measures[0].Pairs[0].A || rows[1][8] == "" {
		t.Errorf("%d rows, the first %q", len(rows), rows[1])
	}
	b.Reset()
	if err := WriteComparisonJSON(&b, c); err != nil {
		t.Fatal(err)
	}
	var back analysis.Comparison
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if got, want := back.Measures[1].Pairs[2].P, c.Measures[1].Pairs[2].P; got != want {
		t.Errorf("p read back: %g, want %g", got, want)
	}
}
