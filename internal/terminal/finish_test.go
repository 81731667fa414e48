package terminal

import (
	"testing"

	"github.com/xlrun/xlrun/internal/analysis"
)

// capture is a terminal, or something that is none.
type capture struct {
	name          string
	width, height int
	tty           bool
	env           []string
}

var captures = []capture{
	{"40", 40, 24, true, []string{"LANG", utf8Locale, "NO_COLOR", "yes"}},
	{"80", 80, 24, true, []string{"LANG", utf8Locale, "NO_COLOR", "yes"}},
	{"200", 200, 24, true, []string{"LANG", utf8Locale, "NO_COLOR", "yes"}},
	{"80_colour", 80, 24, true, []string{"LANG", utf8Locale, "TERM", "xterm"}},
	{"dumb", 80, 24, true, []string{"LANG", utf8Locale, "TERM", "dumb"}},
	{"pipe", 0, 0, false, []string{"LANG", utf8Locale}},
	{"ascii", 80, 24, true, []string{"LC_ALL", "C", "LANG", utf8Locale, "NO_COLOR", "yes"}},
}

func TestFinishGolden(t *testing.T) {
	p := testPlan()
	for _, c := range captures {
		s := newScreen(c.width, c.height)
		u := testUI(s, c.tty, Options{}, c.env...)
		u.Finish(Ending{Plan: p, Outcome: testOutcome(p), Summary: testSummary()})
		golden(t, "done_"+c.name+".txt", s.take())
		u.Finish(Ending{Plan: p, Outcome: failedOutcome(p)})
		golden(t, "failed_"+c.name+".txt", s.take())
		o := testOutcome(p)
		o.Stages[3].Ran -= 5
		u.Finish(Ending{Plan: p, Outcome: o, Interrupted: true, Again: "xlrun run workflows/size-vs-diversity.hcl"})
		golden(t, "interrupted_"+c.name+".txt", s.take())
	}
}

// The untrained column is that of the table's own condition.
func TestUntrainedOfAStratum(t *testing.T) {
	a := &analysis.Analysis{Cells: []analysis.CellStat{
		{Kind: analysis.KindUntrained, Size: "s", Stratum: "side=mono", Mean: 0.16},
		{Kind: analysis.KindUntrained, Size: "s", Stratum: "side=pivot", Mean: 0.08},
		{Kind: analysis.KindUntrained, Size: "m", Mean: 0.2},
	}}
	got := untrained(a, "side=pivot", 2)
	if got["s"] != "0.08" || got["m"] != "0.20" {
		t.Errorf("got %v", got)
	}
}

// Where no axis is a size or a diversity, systems are the answer.
func TestFinishSystems(t *testing.T) {
	est := func(v, half float64) analysis.Estimate {
		return analysis.Estimate{OK: true, Value: v, Low: v - half, High: v + half, Unit: "measure"}
	}
	langs := []string{"cat", "deu", "isl", "mlt", "afr", "tgl"}
	in := func(v float64) (out []analysis.SystemLanguage) {
		for i, l := range langs {
			out = append(out, analysis.SystemLanguage{Code: l, Mean: v - 0.02*float64(i)})
		}
		return out
	}
	s := &analysis.Summary{Analyses: []analysis.Analysis{{
		Name: "runs", Retrieval: "existing", Measure: "nDCG@10",
		Systems: &analysis.Systems{
			Main: true, Baseline: "bm25", Chosen: analysis.ChosenBaseline, Languages: langs,
			Systems: []analysis.System{
				{Name: "dense", Letters: "a", Mean: est(.62, .02), Against: &analysis.SystemGain{With: "bm25", Gain: est(.123, .04)}, PerLanguage: in(.67)},
				{Name: "hybrid", Letters: "a", Mean: est(.61, .02), Against: &analysis.SystemGain{With: "bm25", Gain: est(.113, .041)}, PerLanguage: in(.66)},
				{Name: "bm25", Letters: "b", Mean: est(.497, .02), PerLanguage: in(.547)},
			},
		},
	}}}
	p := testPlan()
	for _, c := range captures[:3] {
		screen := newScreen(c.width, c.height)
		testUI(screen, c.tty, Options{}, c.env...).Finish(Ending{Plan: p, Outcome: testOutcome(p), Summary: s})
		golden(t, "systems_"+c.name+".txt", screen.take())
	}
}
