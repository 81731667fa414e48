package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/sdk"
)

// ClaimProblem says in a sentence why a claim cannot be decided as it stands.
type ClaimProblem struct {
	Claim string // its name
	Text  string
}

// CheckClaims finds the claims of a design that no records could decide:
// selections that name nothing, factors that do not vary, effects over several
// conditions, constants that are not finite. It knows only what Design.Cells
// and Design.Axes say and is silent where they do not tell; of a part of a
// grid it checks names alone. Analyse gives such claims the verdict
// inconclusive, with the same words.
func CheckClaims(d Design) []ClaimProblem {
	var out []ClaimProblem
	planned := map[int]*grid{}
	for _, c := range d.Claims {
		seen := map[string]bool{}
		add := func(text string) {
			if text != "" && !seen[text] {
				seen[text] = true
				out = append(out, ClaimProblem{c.Name, text})
			}
		}
		add(badMargin(c.Margin))
		add(notFinite(c.Left))
		add(notFinite(c.Right))
		if constantOf(c.Left) != nil && constantOf(c.Right) != nil {
			add("Both sides are constants: nothing of the results is compared.")
		}
		i := slices.IndexFunc(d.Analyses, func(a Spec) bool { return a.Name == c.Analysis })
		if c.Analysis == "" && len(d.Analyses) > 0 {
			i = 0
		}
		if i < 0 {
			continue
		}
		g := planned[i]
		if g == nil {
			g = d.planned(d.Analyses[i])
			planned[i] = g
		}
		for _, call := range slices.Concat(calls(c.Left), calls(c.Right)) {
			add(g.callProblem(call))
		}
	}
	return out
}

// badMargin says that a margin is none: a measure ends at 1, and a slope beyond
// a thousand log-odds is as good as infinite.
func badMargin(m float64) string {
	if m >= 0 && m <= 1000 {
		return ""
	}
	return fmt.Sprintf("The margin is %s; a number from 0 to 1000 is wanted.", Number(m))
}

// notFinite says which constant part of an expression is no finite number.
func notFinite(x Expr) string {
	if v := constantOf(x); v != nil {
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			return fmt.Sprintf("%s is not a finite number.", x)
		}
		return ""
	}
	switch x := x.(type) {
	case Neg:
		return notFinite(x.X)
	case Binary:
		if v := constantOf(x.Right); x.Op == '/' && v != nil && *v == 0 {
			return fmt.Sprintf("%s divides by zero.", x)
		}
		return cmp.Or(notFinite(x.Left), notFinite(x.Right))
	}
	return ""
}

// planned is a grid without scores: the runs that an analysis will have, as far
// as the plan tells. It has no runs where the design has no cells of it.
func (d Design) planned(a Spec) *grid {
	axes := NewCollector(d).design.Axes
	g := &grid{design: d, analysis: a, planned: true}
	g.design.Axes = axes
	seen := map[string]bool{}
	number := map[string]int{}
	place := func(s string) int {
		if _, ok := number[s]; !ok {
			number[s] = len(number)
		}
		return number[s]
	}
	for _, c := range d.Cells {
		if c.Retrieval != a.Retrieval {
			continue
		}
		r := &run{encoder: c.Encoder, component: c.Component, task: c.Task, index: c.Index}
		for _, x := range axes {
			if v, ok := c.Axes[x.Name]; ok && x.Role != RoleTarget {
				r.axes = append(r.axes, label{x.Name, named(v)})
			}
		}
		if c.Trained {
			r.lin.TrainingSet, r.lin.Pairing = "planned", "aligned"
			r.lin.Richness, r.lin.Pairs = int32(c.Languages), int32(c.Pairs)
			g.uneven = g.uneven || c.Uneven
			if c.Shuffled {
				r.lin.Pairing = "shuffled"
			}
		}
		k := fmt.Sprintf("%q%q%q%q", r.encoder, r.task, r.index, r.axes)
		if seen[k] {
			continue
		}
		seen[k] = true
		// What size an encoder has is known from its axis, or not at all.
		if l, ok := g.axis(r, RoleSize); ok {
			r.size = place("size " + l)
		} else {
			r.size = place("encoder " + r.encoder)
		}
		l, _ := g.axis(r, RoleDraw)
		r.draw = place("draw " + l)
		r.diversity, r.budget = c.Languages, c.Pairs
		g.runs = append(g.runs, r)
	}
	g.sortRuns()
	g.kinds()
	return g
}

// callProblem says why an estimand cannot be computed, whatever the records;
// empty where nothing is known against it.
func (g *grid) callProblem(c Call) string {
	var args []string
	for _, a := range c.Args {
		if a.IsNumber {
			return fmt.Sprintf("%s: %s is a number; names are wanted.", c, Number(a.Number))
		}
		args = append(args, a.Text)
	}
	switch c.Name {
	case "slope", "ame":
		if len(args) == 0 {
			return c.Name + "() wants a factor: size, diversity or budget."
		}
		for i, f := range args {
			if !slices.Contains(factorNames, f) {
				return fmt.Sprintf("%s: %q is no factor; there are size, diversity and budget.%s", c, f, sdk.DidYouMean(f, factorNames))
			}
			if i > 0 && f == args[0] {
				return fmt.Sprintf("%s: what changes cannot be held.", c)
			}
		}
		if g.design.Partial != nil {
			return ""
		}
		if t := g.constant(args[0]); t != "" {
			return t
		}
		if all := g.conditions(); len(all) > 1 {
			return g.ambiguous(c, all)
		}
		return ""
	case "mean":
		if len(args) == 0 {
			return "mean() wants a selection of cells, such as \"student\" or \"student size=xs\"."
		}
		return g.selectionProblem(c, strings.Join(args, " "))
	case "diff":
		if len(args) != 2 {
			return fmt.Sprintf("%s: diff() wants two selections of cells.", c)
		}
		if t := cmp.Or(g.selectionProblem(c, args[0]), g.selectionProblem(c, args[1])); t != "" || len(g.runs) == 0 {
			return t
		}
		a, b := g.selectRuns(args[0]), g.selectRuns(args[1])
		both, one := 0, 0
		for _, r := range g.runs {
			switch x, y := a.match(r), b.match(r); {
			case x && y:
				both++
			case x || y:
				one++
			}
		}
		switch {
		case both > 0 && one == 0:
			return fmt.Sprintf("%s: both sides select the same cells, so there is no difference to look at.", c)
		case both > 0:
			return fmt.Sprintf("%s: some cells are on both sides; select each on one.", c)
		}
		return ""
	}
	return fmt.Sprintf("%s() is not known; there are slope, ame, mean and diff.%s", c.Name, sdk.DidYouMean(c.Name, []string{"slope", "ame", "mean", "diff"}))
}

var factorNames = []string{RoleSize, RoleDiversity, RoleBudget}

// constant says that a factor does not vary among the trained runs, where that
// is certain.
func (g *grid) constant(factor string) string {
	if len(g.trained) == 0 {
		return ""
	}
	learnt := slices.ContainsFunc(g.trained, func(r *run) bool { return r.lin.TrainingSet != "" || r.lin.Subset != "" })
	text := fmt.Sprintf("%s does not vary among the trained encoders, so doubling it was not tried.", words[factor].varies)
	if !learnt && factor != RoleSize {
		return fmt.Sprintf("Nothing is trained here, so %s is no factor of this study.", words[factor].noun)
	}
	if !g.planned {
		if len(g.present(factor)) < 2 {
			return text
		}
		return ""
	}
	first := g.trained[0]
	varies := func(of func(*run) string) bool {
		return slices.ContainsFunc(g.trained, func(r *run) bool { return of(r) != of(first) })
	}
	switch factor {
	case RoleSize:
		// A factor, or another encoder, may change the size too.
		if varies(func(r *run) string { return r.encoder }) || varies(func(r *run) string {
			l, _ := g.axis(r, RoleSize)
			return l + strings.Join(g.factors(r), " ")
		}) {
			return ""
		}
	case RoleDiversity:
		if g.uneven || varies(func(r *run) string { return strconv.Itoa(r.diversity) }) {
			return ""
		}
	case RoleBudget:
		if varies(func(r *run) string { return strconv.Itoa(r.budget) }) {
			return ""
		}
	}
	return text
}

// ambiguous says that an effect would be averaged over several conditions.
func (g *grid) ambiguous(c Call, all []condition) string {
	return fmt.Sprintf("%s has no one meaning: retrieval %s measures several conditions (%s), which are never averaged; give each a retrieval and an analysis of its own.", c, g.analysis.Retrieval, conditionNames(all))
}

// parseSelection reads terms with spaces or commas between, each the name of an
// encoder or axis=value.
func parseSelection(text string) []label {
	var terms []label
	for _, t := range strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' }) {
		axis, value, ok := strings.Cut(t, "=")
		if !ok {
			axis, value = "encoder", t
		} else {
			value = named(value)
		}
		terms = append(terms, label{axis, value})
	}
	return terms
}

// selectionProblem says why a selection picks no cells, or cells that do not
// belong together.
func (g *grid) selectionProblem(c Call, text string) string {
	terms := parseSelection(text)
	if len(terms) == 0 {
		return fmt.Sprintf("%s selects nothing: name an encoder, or an axis with its value.", c)
	}
	for _, t := range terms {
		if p := g.termProblem(t); p != "" {
			return fmt.Sprintf("%s: %s", c, p)
		}
	}
	if len(g.runs) == 0 || g.planned && g.design.Partial != nil {
		return ""
	}
	sel := g.selectRuns(text)
	var of []*run
	for _, r := range g.runs {
		if sel.match(r) {
			of = append(of, r)
		}
	}
	if len(of) == 0 {
		return fmt.Sprintf("%s: no cells have all of %q.", c, text)
	}
	apart := g.repeats()
	for _, d := range []struct {
		what string
		of   func(*run) string
		on   bool
	}{
		{"task", func(r *run) string { return r.task }, true},
		{"index", func(r *run) string { return r.index }, true},
		{"kind", func(r *run) string { return r.kind }, true},
		{"encoder", func(r *run) string { return r.encoder }, apart},
	} {
		var values []string
		for _, r := range of {
			if v := d.of(r); d.on && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) < 2 {
			continue
		}
		if d.what == "kind" {
			return fmt.Sprintf("%s: %q selects %s encoders together; add kind=%s, or name one encoder.", c, text, list(values), values[0])
		}
		return fmt.Sprintf("%s: %q selects cells of %s %s together, which are never averaged; add %s=%s, or name another.", c, text, d.what, list(values), d.what, values[0])
	}
	return ""
}

// termProblem says why one term of a selection names nothing.
func (g *grid) termProblem(t label) string {
	values := func(of func(*run) string) []string {
		var out []string
		for _, r := range g.runs {
			if v := of(r); !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
		return out
	}
	unknown := func(what string, known []string) string {
		if len(known) == 0 || slices.Contains(known, t.value) {
			return ""
		}
		return fmt.Sprintf("there is no %s %q here; there is %s.%s", what, t.value, list(known), sdk.DidYouMean(t.value, known))
	}
	if i := slices.IndexFunc(g.design.Axes, func(a Axis) bool { return a.Name == t.axis }); i >= 0 {
		a := g.design.Axes[i]
		if a.Role == RoleTarget {
			return fmt.Sprintf("%s is the target: claims speak of all target languages together and cannot select one.", t.axis)
		}
		if !slices.Contains(a.Labels, t.value) {
			return fmt.Sprintf("axis %q has no value %q; it has %s.%s", t.axis, t.value, list(a.Labels), sdk.DidYouMean(t.value, a.Labels))
		}
		return ""
	}
	switch t.axis {
	case "encoder":
		known := g.design.Encoders
		if len(g.runs) > 0 && (g.planned && g.design.Partial == nil || !g.planned) {
			known = values(func(r *run) string { return r.encoder })
		}
		return unknown("encoder", known)
	case "kind":
		return unknown("kind of encoder", []string{KindTrained, KindControl, KindUntrained, KindBaseline})
	case "task":
		return unknown("task", values(func(r *run) string { return r.task }))
	case "index":
		return unknown("index", values(func(r *run) string { return r.index }))
	}
	var names []string
	for _, a := range g.design.Axes {
		if a.Role != RoleTarget {
			names = append(names, a.Name)
		}
	}
	if len(g.design.Axes) == 0 {
		return ""
	}
	return fmt.Sprintf("there is no axis %q.%s", t.axis, sdk.DidYouMean(t.axis, names))
}
