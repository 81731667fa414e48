package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// selection picks runs: by encoder, by the value of an axis, by kind.
type selection struct {
	text  string
	match func(*run) bool
}

// kindSelection picks a kind of run.
func kindSelection(kind string) selection {
	return selection{kind, func(r *run) bool { return r.kind == kind }}
}

// selectRuns reads a selection that has no problem.
func (g *grid) selectRuns(text string) selection {
	terms := parseSelection(text)
	return selection{text, func(r *run) bool {
		for _, t := range terms {
			if !slices.Contains(r.axes, t) && !slices.Contains(r.own(), t) {
				return false
			}
		}
		return true
	}}
}

// own lists what can be selected besides axes.
func (r *run) own() []label {
	return []label{{"encoder", r.encoder}, {"kind", r.kind}, {"task", r.task}, {"index", r.index}}
}

// pairUp returns for each run of a the runs of b that agree with it on
// everything that both have: draw, size, diversity, budget, factors.
func (g *grid) pairUp(a, b selection) (left []*run, right [][]*run) {
	free := g.compared(a, b)
	for _, r := range g.runs {
		if !a.match(r) {
			continue
		}
		var with []*run
		for _, o := range g.runs {
			if o != r && b.match(o) && g.agree(r, o, free) {
				with = append(with, o)
			}
		}
		if with != nil {
			left = append(left, r)
			right = append(right, with)
		}
	}
	return left, right
}

// compared returns the axes on which two selections differ by intent: those
// whose values they have none of in common.
func (g *grid) compared(a, b selection) map[string]bool {
	values := func(s selection) map[string]map[string]bool {
		out := map[string]map[string]bool{}
		for _, r := range g.runs {
			if !s.match(r) {
				continue
			}
			for _, x := range slices.Concat(r.axes, r.own()[2:]) {
				if out[x.axis] == nil {
					out[x.axis] = map[string]bool{}
				}
				out[x.axis][x.value] = true
			}
		}
		return out
	}
	va, vb := values(a), values(b)
	free := map[string]bool{}
	for axis, of := range va {
		if vb[axis] == nil {
			continue
		}
		free[axis] = true
		for v := range of {
			if vb[axis][v] {
				free[axis] = false
			}
		}
	}
	return free
}

// agree says whether two runs may be compared. On an axis that both have, the
// values decide, unless they are what is compared. What one of them has no
// axis for is read from lineage where both were trained; an encoder without
// training goes with all.
func (g *grid) agree(r, o *run, free map[string]bool) bool {
	freeRole := map[string]bool{}
	for _, d := range g.design.Axes {
		if free[d.Name] {
			freeRole[d.Role] = true
		}
	}
	for _, x := range r.axes {
		for _, y := range o.axes {
			if x.axis == y.axis && x.value != y.value && !free[x.axis] {
				return false
			}
		}
	}
	trained := func(r *run) bool { return r.lin.TrainingSet != "" || r.lin.Subset != "" }
	if trained(r) && trained(o) {
		for _, f := range []string{RoleSize, RoleDiversity, RoleBudget} {
			_, okR := g.axis(r, f)
			_, okO := g.axis(o, f)
			if (!okR || !okO) && !freeRole[f] && r.level(f) >= 0 && o.level(f) >= 0 && r.level(f) != o.level(f) {
				return false
			}
		}
	}
	return (r.task == o.task || free["task"]) && (r.index == o.index || r.index == "" || o.index == "" || free["index"]) && r.pool == o.pool
}

// means is a quantity: the mean of the measure over the runs of a, minus that
// of the runs they are paired with in b, where there is a b. Draws are its
// units whatever the unit of slopes: runs of one draw may always share
// something, and nothing is lost with means.
func (s *sample) means(left []*run, right [][]*run) *quantity {
	if len(left) == 0 {
		return noQuantity(ReasonNoData)
	}
	q := &quantity{unit: unitMeasure, lost: 1, rawW: make([]float64, len(s.g.runs)), runs: s.g.countEncoders(left)}
	draws := s.g.drawsOf(left)
	for u, d := range draws {
		row := make([]float64, len(s.langs))
		for i, l := range s.langs {
			var sum, n float64
			for k, r := range left {
				if r.draw != d || r.scores[l] == nil {
					continue
				}
				v := r.scores[l].mean
				if right != nil {
					other, m := 0.0, 0.0
					for _, o := range right[k] {
						if sc := o.scores[l]; sc != nil {
							other += sc.mean
							m++
						}
					}
					if m == 0 {
						continue
					}
					v -= other / m
				}
				sum += v
				n++
			}
			row[i] = math.NaN()
			if n > 0 {
				row[i] = sum / n
			}
		}
		q.byUnit = append(q.byUnit, row)
		q.rows = append(q.rows, u)
		var n float64
		for _, r := range left {
			if r.draw == d {
				n++
			}
		}
		for k, r := range left {
			if r.draw != d {
				continue
			}
			w := 1 / n / float64(len(draws))
			q.rawW[r.id] += w
			if right != nil {
				for _, o := range right[k] {
					q.rawW[o.id] -= w / float64(len(right[k]))
				}
			}
		}
	}
	q.units = len(q.byUnit)
	q.finish()
	return q
}

// evaluate turns an expression into a quantity.
func (s *sample) evaluate(x Expr) *quantity {
	switch x := x.(type) {
	case Number:
		v := float64(x)
		return &quantity{value: v, constant: true, without: func(int, int) (float64, bool) { return v, true }}
	case Neg:
		return s.combine('*', s.evaluate(Number(-1)), s.evaluate(x.X))
	case Binary:
		return s.combine(x.Op, s.evaluate(x.Left), s.evaluate(x.Right))
	case Call:
		return s.call(x)
	}
	return noQuantity(ReasonExpression)
}

func (s *sample) call(c Call) *quantity {
	var args []string
	for _, a := range c.Args {
		if a.IsNumber {
			return &quantity{reason: ReasonExpression, detail: s.g.callProblem(c)}
		}
		args = append(args, a.Text)
	}
	if text := s.g.callProblem(c); text != "" {
		return &quantity{reason: s.g.problemReason(c), detail: text}
	}
	switch c.Name {
	case "slope", "ame":
		held := slices.Clone(args[1:])
		slices.Sort(held)
		q := s.slope(args[0], slices.Compact(held))
		if c.Name == "ame" {
			q = s.ame(q)
		}
		return q
	case "mean":
		sel := s.g.selectRuns(strings.Join(args, " "))
		var left []*run
		for _, r := range s.g.runs {
			if sel.match(r) {
				left = append(left, r)
			}
		}
		return s.means(left, nil)
	}
	left, right := s.g.pairUp(s.g.selectRuns(args[0]), s.g.selectRuns(args[1]))
	q := s.means(left, right)
	if q.reason == ReasonNoData {
		q.detail = fmt.Sprintf("%s: no cell of one side has its like on the other, with the same draw and the same values of all axes.", c)
	}
	return q
}

// problemReason is the code of what callProblem says in words.
func (g *grid) problemReason(c Call) string {
	switch c.Name {
	case "slope", "ame":
		for i, a := range c.Args {
			if !slices.Contains(factorNames, a.Text) || i > 0 && a.Text == c.Args[0].Text {
				return ReasonExpression
			}
		}
		if len(c.Args) == 0 {
			return ReasonExpression
		}
		if g.constant(c.Args[0].Text) != "" {
			return ReasonNoData
		}
		return ReasonAmbiguous
	case "mean", "diff":
		if len(c.Args) == 0 || c.Name == "diff" && len(c.Args) != 2 {
			return ReasonExpression
		}
		return ReasonSelection
	}
	return ReasonExpression
}

// combine joins two quantities, the uncertainty to first order.
func (s *sample) combine(op byte, a, b *quantity) *quantity {
	if a.reason != "" {
		return a
	}
	if b.reason != "" {
		return b
	}
	var value, da, db float64 // and its derivatives
	unit := a.unit
	if a.constant {
		unit = b.unit
	}
	switch op {
	case '+', '-':
		sign := 1.0
		if op == '-' {
			sign = -1
		}
		if !a.constant && !b.constant && a.unit != b.unit {
			return noQuantity(ReasonExpression)
		}
		value, da, db = a.value+float64(sign*b.value), 1, sign
	case '*':
		if !a.constant && !b.constant {
			unit = unitRatio
		}
		value, da, db = a.value*b.value, b.value, a.value
	case '/':
		if !b.constant {
			unit = unitRatio
			if e := s.estimate(b); !e.OK || e.Low <= 0 && e.High >= 0 {
				return noQuantity(ReasonUnbounded)
			}
		}
		if b.value == 0 {
			return noQuantity(ReasonUnbounded)
		}
		value, da, db = a.value/b.value, 1/b.value, -a.value/b.value/b.value
	default:
		return noQuantity(ReasonExpression)
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return noQuantity(ReasonUnbounded)
	}
	q := &quantity{value: value, unit: unit, constant: a.constant && b.constant}
	q.without = func(unit, lang int) (float64, bool) {
		x, ok := a.without(unit, lang)
		y, ok2 := b.without(unit, lang)
		v := math.NaN()
		switch op {
		case '+':
			v = x + y
		case '-':
			v = x - y
		case '*':
			v = x * y
		case '/':
			v = x / y
		}
		return v, ok && ok2 && !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	if q.constant {
		return q
	}
	shape := a // whose units the result has
	if a.constant {
		shape = b
	}
	q.units, q.lost, q.rows = shape.units, shape.lost, shape.rows
	q.runs = max(a.runs, b.runs)
	q.missing = a.missing || b.missing
	if !a.constant && !b.constant {
		if (a.byUnit == nil) != (b.byUnit == nil) && !q.missing {
			return noQuantity(ReasonExpression) // runs and draws do not mix
		}
		if a.units != b.units || !slices.Equal(a.rows, b.rows) {
			return noQuantity(ReasonExpression)
		}
		q.lost = max(a.lost, b.lost)
	}
	mix := func(x, y []float64, vx, vy, v float64) []float64 {
		if x == nil && y == nil {
			return nil
		}
		out := make([]float64, max(len(x), len(y)))
		for i := range out {
			out[i] = v
			if x != nil {
				out[i] += float64(da * (x[i] - vx))
			}
			if y != nil {
				out[i] += float64(db * (y[i] - vy))
			}
		}
		return out
	}
	q.byLang = mix(a.byLang, b.byLang, a.value, b.value, value)
	if a.byUnit != nil || b.byUnit != nil {
		q.byUnit = make([][]float64, q.units)
		for u := range q.byUnit {
			var x, y []float64
			if a.byUnit != nil {
				x = a.byUnit[u]
			}
			if b.byUnit != nil {
				y = b.byUnit[u]
			}
			q.byUnit[u] = mix(x, y, a.value, b.value, value)
		}
	}
	q.w = mix(a.w, b.w, 0, 0, 0)
	q.logitW = mix(a.logitW, b.logitW, 0, 0, 0)
	q.rawW = mix(a.rawW, b.rawW, 0, 0, 0)
	return q
}

// calls lists the estimands of an expression, in order.
func calls(x Expr) []Call {
	switch x := x.(type) {
	case Call:
		return []Call{x}
	case Neg:
		return calls(x.X)
	case Binary:
		return append(calls(x.Left), calls(x.Right)...)
	}
	return nil
}
