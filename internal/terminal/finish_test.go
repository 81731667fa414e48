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
	got := untrained(a, "side=pivot")
	if got["s"] != "0.08" || got["m"] != "0.20" {
		t.Errorf("got %v", got)
	}
}
