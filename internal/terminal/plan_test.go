package terminal

import "testing"

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
