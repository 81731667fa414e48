package terminal

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/study"
)

func TestPlanGolden(t *testing.T) {
	p := testPlan()
	p.Warnings = append(p.Warnings, testWarning())
	for _, c := range captures {
		s := newScreen(c.width, c.height)
		u := testUI(s, c.tty, Options{}, c.env...)
		u.Plan(PlanView{Plan: p, Status: testStatus(p, 1), Start: "xlrun run workflows/size-vs-diversity.hcl"})
		golden(t, "plan_"+c.name+".txt", s.take())
	}
}

func TestPlanNothingToRun(t *testing.T) {
	p := testPlan()
	s := newScreen(80, 24)
	u := testUI(s, false, Options{}, "LANG", utf8Locale)
	u.Plan(PlanView{Plan: p, Status: testStatus(p, len(p.Steps))})
	if got, want := s.take(), "Plan: nothing to run, everything is there (148 steps cached).\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at the end", got, want)
	}
	u.Plan(PlanView{Plan: p, Status: testStatus(p, len(p.Steps)-3)})
	if got, want := s.take(), "Plan: 0 to run, 148 cached; only the results are written anew.\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at the end", got, want)
	}
	p.Partial, p.FullCells = true, 99
	u.Plan(PlanView{Plan: p})
	if got, want := s.take(), "  36 cells from 148 steps, of 99 cells in the whole grid: claims stay\n  inconclusive\n"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

func TestPlanJSON(t *testing.T) {
	p := testPlan()
	p.Warnings = append(p.Warnings, testWarning())
	var b bytes.Buffer
	if err := WritePlanJSON(&b, p, testStatus(p, 1)); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		FormatVersion string `json:"format_version"`
		Run, Cached   int
		Cells         int
		Axes          []study.Axis
		Blocks        []study.Block
		Stages        []struct {
			Stage       string
			Run, Cached int
		}
		Steps []struct {
			Label, Stage, Block, Component, Recipe string
			Cached                                 bool
			Inputs                                 []struct {
				Role, Part string
				Step       int
			}
		}
		Warnings []struct{ Summary string }
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.FormatVersion != "1.0" || doc.Run != 147 || doc.Cached != 1 || doc.Cells != 36 || len(doc.Axes) != 4 || len(doc.Blocks) != 5 || len(doc.Steps) != len(p.Steps) || len(doc.Warnings) != 1 {
		t.Errorf("run %d, cached %d, cells %d, %d axes, %d blocks, %d steps", doc.Run, doc.Cached, doc.Cells, len(doc.Axes), len(doc.Blocks), len(doc.Steps))
	}
	stages := 0
	for _, s := range doc.Stages {
		stages += s.Run + s.Cached
	}
	if stages != len(p.Steps) {
		t.Errorf("the stages have %d steps, want %d", stages, len(p.Steps))
	}
	for i, s := range doc.Steps {
		if s.Recipe != string(p.Steps[i].Recipe) || s.Cached != (i < 1) || len(s.Inputs) != len(p.Steps[i].Inputs) {
			t.Errorf("step %d is %+v", i, s)
		}
		for k, in := range s.Inputs {
			if p.Steps[in.Step] != p.Steps[i].Inputs[k].Step {
				t.Errorf("step %d: input %q is step %d", i, in.Role, in.Step)
			}
		}
	}
}

func TestPlanDOT(t *testing.T) {
	p := testPlan()
	p.Name = `a "name" \ of`
	var b bytes.Buffer
	if err := WritePlanDOT(&b, p, testStatus(p, 1)); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.dot", b.String())
}

// A study of one cell has no axes: its table of axes is empty.
func TestPlanWithoutAxes(t *testing.T) {
	u := newUI(stream{w: io.Discard}, stream{w: io.Discard}, Options{Env: func(string) string { return "" }})
	if got := u.paint(&u.out).table(2, nil, []int{2}, 3); got != nil {
		t.Errorf("got %q", got)
	}
}
