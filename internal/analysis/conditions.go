package analysis

import (
	"fmt"
	"slices"
	"strings"
)

// condition is a part of a retrieval that is analysed by itself. Alternatives
// of task and index, and trained encoders that differ in something no axis
// says, measure other things: no effect is averaged over them.
type condition struct {
	task, index, encoder string // encoder "" where one grid holds them all
	name                 string // what tells it apart: "index exact"; "" where it is the only one
}

// holds says whether a run was made under the task and index of a condition.
func (c condition) holds(r *run) bool {
	return r.task == c.task && (r.index == c.index || r.index == "")
}

// conditions lists the conditions of a grid, in its order.
func (g *grid) conditions() []condition {
	var out []condition
	for _, r := range g.trained {
		c := condition{task: r.task, index: r.index}
		// What was ranked without an index stands beside all of them.
		if r.index == "" && slices.ContainsFunc(g.trained, func(o *run) bool { return o.task == r.task && o.index != "" }) {
			continue
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if g.repeats() && g.hasFactor() {
		var split []condition
		for _, c := range out {
			for _, r := range g.trained {
				k := condition{task: c.task, index: c.index, encoder: r.encoder}
				if c.holds(r) && !slices.Contains(split, k) {
					split = append(split, k)
				}
			}
		}
		out = split
	}
	for i, c := range out {
		var parts []string
		for _, p := range []struct {
			what, value string
			of          func(condition) string
		}{
			{"task", c.task, func(c condition) string { return c.task }},
			{"index", c.index, func(c condition) string { return c.index }},
			{"encoder", c.encoder, func(c condition) string { return c.encoder }},
		} {
			if slices.ContainsFunc(out, func(o condition) bool { return p.of(o) != p.value }) {
				parts = append(parts, p.what+" "+p.value)
			}
		}
		out[i].name = strings.Join(parts, ", ")
	}
	return out
}

// repeats says whether two trained encoders stand at one place of the grid, so
// that they differ in something that is not a factor. Checkpoints may: they are
// what is compared.
func (g *grid) repeats() bool {
	first := map[string]string{}
	for _, r := range g.trained {
		if r.lin.TrainingSet == "" && r.lin.Subset == "" {
			return false
		}
		k := fmt.Sprintf("%q%q%d%q%d|%d|%d|%d", r.task, r.index, r.pool, g.factors(r), r.size, r.diversity, r.budget, r.draw)
		if e, ok := first[k]; ok && e != r.encoder {
			return true
		}
		first[k] = r.encoder
	}
	return false
}

// hasFactor says whether an axis of the grid is a size, a diversity or a budget.
// Where none is, encoders are compared as they stand (see Systems), and nothing
// is averaged over them.
func (g *grid) hasFactor() bool {
	for _, r := range g.runs {
		for _, role := range []string{RoleSize, RoleDiversity, RoleBudget} {
			if _, ok := g.axis(r, role); ok {
				return true
			}
		}
	}
	return false
}

// factors returns the values of a run on axes of role factor.
func (g *grid) factors(r *run) []string {
	var out []string
	for _, a := range r.axes {
		role := RoleFactor
		for _, d := range g.design.Axes {
			if d.Name == a.axis {
				role = d.Role
			}
		}
		if role == RoleFactor || role == "" {
			out = append(out, a.axis+"="+a.value)
		}
	}
	return out
}

// split returns a grid for each condition; the grid itself where there is one.
func (g *grid) split() []*grid {
	all := g.conditions()
	if len(all) < 2 {
		return []*grid{g}
	}
	var out []*grid
	first := map[condition]bool{}
	for _, c := range all {
		part := &grid{design: g.design, analysis: g.analysis, clash: g.clash, instance: g.instance, name: c.name, among: all}
		for _, r := range g.runs {
			if c.holds(r) && (c.encoder == "" || g.belongs(r, c)) {
				own := *r
				part.runs = append(part.runs, &own)
			}
		}
		part.finish()
		if c.encoder != "" {
			// Encoders are still compared with one another, once per task and index.
			at := condition{task: c.task, index: c.index}
			part.peers = &grid{design: g.design, analysis: g.analysis, instance: g.instance}
			for _, r := range g.runs {
				if c.holds(r) && !first[at] {
					own := *r
					part.peers.runs = append(part.peers.runs, &own)
				}
			}
			part.peers.finish()
			first[at] = true
		}
		out = append(out, part)
	}
	return out
}

// belongs says whether a run of the task and index of a condition belongs with
// its encoder: its own runs, the baseline, and of controls and untrained
// encoders those of the same shape, where there are some.
func (g *grid) belongs(r *run, c condition) bool {
	if r.encoder == c.encoder || r.encoder == g.analysis.Baseline {
		return true
	}
	if r.kind == KindTrained {
		return false
	}
	of := func(r *run) string {
		s := fmt.Sprintf("%q|%d", r.component, r.lin.ParamsTotal)
		if r.kind != KindUntrained { // as long, too
			s += fmt.Sprintf("|%d", r.lin.Examples)
		}
		return s
	}
	shapes := map[string]bool{}
	for _, t := range g.trained {
		if t.encoder == c.encoder {
			like := *t
			like.kind = r.kind
			shapes[of(&like)] = true
		}
	}
	if shapes[of(r)] {
		return true
	}
	return !slices.ContainsFunc(g.runs, func(o *run) bool { return o.kind == r.kind && shapes[of(o)] })
}

// conditionNames lists conditions in a sentence: "index exact or index ip".
func conditionNames(all []condition) string {
	names := make([]string, 0, len(all))
	for _, c := range all {
		names = append(names, c.name)
	}
	const most = 6
	if n := len(names); n > most {
		names = append(names[:most-1], fmt.Sprintf("%d more", n-most+1))
	}
	return strings.Join(names[:len(names)-1], "; ") + " and " + names[len(names)-1]
}
