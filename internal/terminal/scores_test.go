package terminal

import (
	"math"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/analysis"
)

// A gain that is the same in every subset has no interval, in tables of scores
// and of systems.
func TestGainWithoutInterval(t *testing.T) {
	none := analysis.Float(math.NaN())
	var b strings.Builder
	tables := []analysis.ScoreTable{{
		Measure: "nDCG@10", Columns: []string{"A", "B"}, Baseline: "x",
		Models: []analysis.ScoreModel{
			{Name: "y", Mean: .4, Gain: &analysis.ScoreGain{Mean: .0001, Low: none, High: none, T: none, P: .5, Wins: 2}},
			{Name: "z", Mean: .3, Gain: &analysis.ScoreGain{Mean: .01, Low: -.01, High: .03, Wins: 1, Loss: 1}},
			{Name: "x", Mean: .3},
		},
	}}
	ui := testUI(newScreen(100, 30), false, Options{})
	if err := ui.Scores(&b, tables); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"+0.01 (no interval)", "2 of 2", "+1.0 [-1.0, +3.0]"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "NaN") {
		t.Errorf("NaN in\n%s", b.String())
	}
	screen := newScreen(100, 30)
	p := testPlan()
	s := &analysis.Summary{Analyses: []analysis.Analysis{{Name: "runs", Measure: "nDCG@10", Systems: &analysis.Systems{
		Main: true, Baseline: "x", Languages: []string{"cat"},
		Systems: []analysis.System{
			{Name: "y", Letters: "a", Mean: analysis.Estimate{Value: .6}, Against: &analysis.SystemGain{With: "x", Gain: analysis.Estimate{Value: -.25, Reason: analysis.ReasonNoSpread, P: .5}}},
			{Name: "x", Letters: "a", Mean: analysis.Estimate{Value: .85}},
		},
	}}}}
	testUI(screen, false, Options{}).Finish(Ending{Plan: p, Outcome: testOutcome(p), Summary: s})
	if text := screen.take(); !strings.Contains(text, "-25.00 (no interval)") {
		t.Errorf("no gain of y in\n%s", text)
	}
}

// A narrow terminal names the columns that it has no room for; a pipe and a
// file have them all.
func TestScoresColumns(t *testing.T) {
	m := analysis.ScoreModel{Name: "intfloat/multilingual-e5-small", Mean: .5, Values: map[string]float64{}}
	table := analysis.ScoreTable{Measure: "nDCG@10", Baseline: "x", Models: []analysis.ScoreModel{m}}
	for _, c := range strings.Fields("bul ces deu ell est fin fra hun ita lit nld") {
		table.Columns = append(table.Columns, c+"-"+c)
		m.Values[c+"-"+c] = .25
	}
	for _, tty := range []bool{true, false} {
		screen := newScreen(80, 30)
		if err := testUI(screen, tty, Options{}).Scores(nil, []analysis.ScoreTable{table}); err != nil {
			t.Fatal(err)
		}
		text := screen.take()
		_, gone, left := strings.Cut(text, "left out at this width: ")
		if left != tty {
			t.Errorf("terminal %t: got\n%s", tty, text)
		}
		for _, c := range table.Columns {
			if n := strings.Count(text, c); n != 1 || !tty && strings.Contains(gone, c) {
				t.Errorf("terminal %t: %s stands there %d times in\n%s", tty, c, n, text)
			}
		}
	}
}
