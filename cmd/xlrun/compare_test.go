package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/sdk/ir"
)

// Agreement sees the rankings that measures see: their values are those of the
// lists by themselves.
func TestAgreementSeesWhatMeasuresSee(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	measures := ir.MustMeasures("AP", "P@2", "NumRet", "nDCG", "bpref")
	changed := 0
	for n := range 300 {
		judgments, ranking := ir.Judgments{}, ir.Ranking{}
		for i := range 12 {
			doc := ir.DocID("d" + strconv.Itoa(i))
			if rng.IntN(2) == 0 {
				judgments[doc] = rng.IntN(4) - 1
			}
			if rng.IntN(3) > 0 {
				ranking = append(ranking, ir.Hit{Doc: doc, Score: float64(rng.IntN(5)), Rank: int32(i + 1)})
			}
		}
		c := comparer{judgedOnly: n%2 == 0, depth: n % 5, rule: []ir.Ties{ir.Trec10, ir.Trec9, ir.Rank}[n%3]}
		e := &ir.Evaluator{Measures: measures, Ties: c.rule, Depth: c.depth, JudgedOnly: c.judgedOnly}
		want, err := e.Query(judgments, ranking)
		if err != nil {
			t.Fatal(err)
		}
		lists := c.lists(ir.Qrels{"q": judgments}, ir.Run{Rankings: map[ir.QueryID]ir.Ranking{"q": slices.Clone(ranking)}})
		var seen ir.Ranking
		for i, doc := range lists[0] {
			seen = append(seen, ir.Hit{Doc: ir.DocID(doc), Score: float64(-i)})
		}
		if len(seen) != len(ranking) {
			changed++
		}
		got, err := ir.Evaluate(measures, judgments, seen)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want.Values) {
			t.Fatalf("%+v: want %v, got %v of %v, %v", c, want.Values, got, judgments, ranking)
		}
	}
	if changed < 100 {
		t.Errorf("only %d rankings were cut", changed)
	}
}

// A run is named by its tag where tags differ, by the name of its file where
// those do, else by its file.
func TestRunNames(t *testing.T) {
	for _, c := range []struct{ tags, files, want string }{
		{"a b", "x/1.run y/1.run", "a b"},
		{"a a", "x/1.run.gz y/2.txt", "1 2"},
		{"a a", "x/1.run y/1.run", "x/1.run y/1.run"},
		{"a a b", "x/1.run y/1.run z.run", "x/1.run y/1.run z.run"},
		{"a a", "1.run 1.txt", "1.run 1.txt"},
	} {
		if got := strings.Join(runNames(strings.Fields(c.tags), strings.Fields(c.files)), " "); got != c.want {
			t.Errorf("%v: got %s", c, got)
		}
	}
}

// A baseline is a file, or else a tag, or else a name of a file; what may be
// several is refused.
func TestFindBaseline(t *testing.T) {
	for _, c := range []struct {
		baseline, tags, files string
		want                  int
		wrong                 string
	}{
		{"y/1.run", "a a", "x/1.run y/1.run", 1, ""},
		{"1.run", "a b", "x/1.run y/1.run", 0, "may be any of 2 runs: x/1.run, y/1.run"},
		{"1", "a b", "x/1.run y/1.run", 0, "may be any of 2"},
		{"a", "a a", "x/1.run y/2.run", 0, "may be any of 2"},
		{"2", "a a", "x/1.run y/2.run", 1, ""},
		{"b", "a b", "b a", 0, ""},                 // the file, not the tag
		{"b", "b a", "x/a y/b", 0, ""},             // the tag, not the name of the file
		{"c", "a b", "x/1.run y/1.run", 0, "none"}, // nothing
	} {
		var runs []analysis.CompareRun
		for _, f := range strings.Fields(c.files) {
			runs = append(runs, analysis.CompareRun{File: f, Name: f})
		}
		got, err := (&comparer{baseline: c.baseline}).findBaseline(runs, strings.Fields(c.tags))
		switch {
		case err == nil && c.wrong == "" && got == c.want:
		case err != nil && c.wrong != "" && strings.Contains(err.Error(), c.wrong):
		default:
			t.Errorf("%+v: got %d, %v", c, got, err)
		}
	}
}
