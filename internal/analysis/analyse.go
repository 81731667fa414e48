package analysis

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Analyse folds what was collected and answers every analysis and claim of the
// design.
func (c *Collector) Analyse() (*Summary, error) {
	if c.err != nil {
		return nil, c.err
	}
	out := &Summary{Format: SummaryFormat, Title: c.design.Title, Question: c.design.Question, Axes: c.design.Axes, Partial: c.design.Partial, Analyses: []Analysis{}, Claims: []ClaimResult{}, Notes: []Note{}}
	rank := c.ranks()
	grids, parts := map[string]*grid{}, map[string][]*grid{}
	for _, a := range c.design.Analyses {
		g, err := c.grid(a, rank)
		if err != nil {
			return nil, err
		}
		grids[a.Name], parts[a.Name] = g, g.split()
	}
	var xs []*question
	for _, cl := range c.design.Claims {
		name := cl.Analysis
		if name == "" && len(c.design.Analyses) > 0 {
			name = c.design.Analyses[0].Name
		}
		g := grids[name]
		if g == nil {
			return nil, fmt.Errorf("decide claim %s: there is no analysis %q", cl.Name, cl.Analysis)
		}
		x := g.ask(cl)
		x.parts = parts[name]
		xs = append(xs, x)
	}
	out.Claims = append(out.Claims, decideAll(xs)...)
	for i, x := range xs {
		r := &out.Claims[i]
		r.Alternatives = x.alternatives(r.Level)
		r.Robust = true
		for _, a := range r.Alternatives {
			r.Robust = r.Robust && a.Verdict == r.Verdict
		}
		x.say(r)
	}
	for _, a := range c.design.Analyses {
		curves, err := c.poolCurves(a)
		if err != nil {
			return nil, fmt.Errorf("analyse %s: %w", a.Name, err)
		}
		for _, g := range parts[a.Name] {
			s := g.summarise()
			if x := curves[g.name]; x != nil {
				x.complete(g)
				s.PoolCurves = x
			}
			for i := range s.Notes {
				if s.Notes[i].Warning {
					for _, cl := range out.Claims {
						if cl.Analysis == a.Name && touches(s.Notes[i].Code, cl) {
							s.Notes[i].Affects = append(s.Notes[i].Affects, cl.Name)
						}
					}
				}
			}
			out.Analyses = append(out.Analyses, s)
		}
	}
	return out, out.finite()
}

// touches says whether a warning could change a verdict: it names a condition
// that the claim's inference rests on.
func touches(code string, c ClaimResult) bool {
	switch code {
	case NotePartial, NoteFewLanguages, NoteFewDraws, NoteMissing, NoteMetrics:
		return true
	case NoteConditions:
		return c.Reason == ReasonAmbiguous
	case NoteAliased:
		return c.Reason == ReasonNotSeparable
	case NoteFixedDraws, NoteRepeated:
		return strings.Contains(c.Expression, strconv.Quote(RoleDiversity))
	}
	return false
}

// finite refuses a summary with numbers that JSON cannot hold: such a number
// is a mistake of this package.
func (s *Summary) finite() error {
	if _, err := json.Marshal(s); err != nil {
		return fmt.Errorf("summarise: %w", err)
	}
	return nil
}
