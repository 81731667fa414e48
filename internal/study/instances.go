package study

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// instance is one block at one place of the grid.
type instance struct {
	block *workflow.Block
	vr    *variant
	point workflow.Point
	refs  map[string][]*instance
}

// label names an instance for people: "student size=m draw=2".
func (in *instance) label(g *grid) string {
	s := in.block.Name
	for _, a := range in.vr.axes {
		x := g.w.Axes[a]
		s += " " + x.Name + "=" + x.Values[in.point[a]].Label
	}
	return s
}

func (in *instance) axes(g *grid) map[string]string {
	out := map[string]string{}
	for _, a := range in.vr.axes {
		x := g.w.Axes[a]
		out[x.Name] = x.Values[in.point[a]].Label
	}
	return out
}

// variant is one way to choose among a block's alternatives. Each variant has
// its own axes.
type variant struct {
	id    int
	picks map[string]pick // by reference argument
	axes  []int
	names []string // of the alternatives chosen, in argument order
	list  []*instance
	at    map[string]*instance // by point, projected on axes
}

// pick is the chosen element of a reference, and the variant of what it
// refers to. Conditions may lead to several blocks, each with one variant.
type pick struct {
	elem     int // -1: all of them
	variants map[*workflow.Block]*variant
	name     string // of the alternatives, where a list has several
}

// grid expands blocks into instances.
type grid struct {
	w    *workflow.Workflow
	only map[int]map[int]bool // axis → allowed values; nil: all
	vars map[*workflow.Block][]*variant
	used map[int]bool // axes that some block depends on
}

// expandGrid makes the instances of all blocks. It needs no catalog: the shape
// of the grid depends on the workflow alone.
func expandGrid(w *workflow.Workflow, only map[int]map[int]bool) (*grid, hcl.Diagnostics) {
	g := &grid{w: w, only: only, vars: map[*workflow.Block][]*variant{}, used: map[int]bool{}}
	var diags hcl.Diagnostics
	// References point from later kinds to earlier ones, so there are no
	// cycles; the order of blocks in the file does not matter.
	for _, typ := range []string{"loader", "index", "metric", "mixture", "encoder", "task", "run", "retrieval", "fuse"} {
		for _, b := range w.Blocks {
			if b.Type == typ {
				diags = append(diags, g.expand(b)...)
			}
		}
	}
	return g, diags
}

func (g *grid) instances(b *workflow.Block) []*instance {
	var out []*instance
	for _, v := range g.vars[b] {
		out = append(out, v.list...)
	}
	return out
}

func (g *grid) expand(b *workflow.Block) hcl.Diagnostics {
	variants, diags := g.variants(b)
	g.vars[b] = variants
	if diags.HasErrors() {
		return diags
	}
	for _, v := range variants {
		diags = append(diags, g.fill(b, v)...)
	}
	return diags
}

// singleRefs returns the reference arguments that make alternatives, in a
// fixed order, those of the train block included.
func singleRefs(b *workflow.Block) []*workflow.Ref {
	var out []*workflow.Ref
	for _, name := range []string{"on", "from", "data", "of", "task", "encoder", "index", "run", "metric"} {
		r := b.Refs[name]
		if r == nil && b.Train != nil {
			r = b.Train.Refs[name]
		}
		if r != nil && !r.Collect {
			out = append(out, r)
		}
	}
	return out
}

// branches returns the sets of references that an instance of a block may
// have: a retrieval takes its rankings from an encoder and an index, or from a
// run, and where it has both they stand beside one another.
func branches(b *workflow.Block) [][]*workflow.Ref {
	all := singleRefs(b)
	if b.Type != "retrieval" || b.Refs["run"] == nil || b.Refs["encoder"] == nil {
		return [][]*workflow.Ref{all}
	}
	without := func(names ...string) []*workflow.Ref {
		return slices.DeleteFunc(slices.Clone(all), func(r *workflow.Ref) bool { return slices.Contains(names, r.Name) })
	}
	return [][]*workflow.Ref{without("run"), without("encoder", "index")}
}

func (g *grid) variants(b *workflow.Block) ([]*variant, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	axes := map[int]bool{}
	for _, blk := range []*workflow.Block{b, b.Train} {
		if blk == nil {
			continue
		}
		for _, a := range blk.Args {
			for _, x := range a.Axes {
				axes[x] = true
			}
		}
	}
	var out []*variant
	ways := branches(b)
	for _, refs := range ways {
		branch := []*variant{{picks: map[string]pick{}}}
		for _, r := range refs {
			var next []*variant
			choices, d := g.choices(r)
			diags = append(diags, d...)
			// What stands beside another source of rankings is an alternative
			// to it, alone as it may be.
			named := r.Alternatives() > 1 && !r.List || len(ways) > 1 && (r.Name == "encoder" || r.Name == "run") || r.List && len(choices) > 1
			for _, v := range branch {
				for _, c := range choices {
					n := &variant{picks: maps.Clone(v.picks), axes: slices.Concat(v.axes, c.axes), names: v.names}
					n.picks[r.Name] = c.pick
					if named {
						n.names = append(slices.Clone(v.names), c.name)
					}
					next = append(next, n)
				}
			}
			branch = next
		}
		out = append(out, branch...)
	}
	if b.Type == "fuse" {
		var d hcl.Diagnostics
		out, d = sameTask(b, out)
		diags = append(diags, d...)
	}
	for i, v := range out {
		v.id, v.at = i, map[string]*instance{}
		for x := range axes {
			v.axes = append(v.axes, x)
		}
		slices.Sort(v.axes)
		v.axes = slices.Compact(v.axes)
		for _, x := range v.axes {
			g.used[x] = true
		}
		if b.When != nil {
			for _, x := range b.When.Axes {
				if !slices.Contains(v.axes, x) {
					diags = append(diags, errorAt(b.When.Range, "Foreign axis", `"when" may use only axes that the block already depends on; %s does not depend on axis %q.`, b.Title(), g.w.Axes[x].Name))
				}
			}
		}
	}
	return out, diags
}

type choice struct {
	pick pick
	axes []int
	name string
}

func (g *grid) choices(r *workflow.Ref) ([]choice, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	if r.List {
		// One value made of all elements: one choice per combination of their
		// alternatives.
		all := []choice{{pick: pick{elem: -1, variants: map[*workflow.Block]*variant{}}}}
		for i := range r.Alternatives() {
			for k := range all {
				for _, cond := range r.Conditions(i) {
					all[k].axes = append(all[k].axes, cond.Axes...)
				}
			}
			for _, t := range r.Targets(i) {
				vs := rankingsOf(g.vars[t])
				if len(vs) == 0 {
					continue
				}
				var next []choice
				for _, c := range all {
					for _, v := range vs {
						n := choice{pick: pick{elem: -1, variants: maps.Clone(c.pick.variants), name: c.name}, axes: slices.Concat(c.axes, v.axes), name: c.name}
						n.pick.variants[t] = v
						if len(vs) > 1 {
							names := v.names
							if m := t.Refs["metric"]; m != nil && m.Alternatives() > 1 {
								names = names[:len(names)-1] // it makes no difference here
							}
							n.name = strings.TrimPrefix(n.name+"/"+strings.Join(names, "/"), "/")
							n.pick.name = n.name
						}
						next = append(next, n)
					}
				}
				all = next
			}
		}
		return all, diags
	}
	var out []choice
	for i := range r.Alternatives() {
		targets := r.Targets(i)
		if len(targets) == 1 && len(r.Conditions(i)) == 0 {
			for _, v := range g.vars[targets[0]] {
				name := targets[0].Name
				if len(v.names) > 0 {
					name += "/" + strings.Join(v.names, "/")
				}
				out = append(out, choice{pick: pick{elem: i, variants: map[*workflow.Block]*variant{targets[0]: v}}, axes: v.axes, name: name})
			}
			continue
		}
		c := choice{pick: pick{elem: i, variants: map[*workflow.Block]*variant{}}}
		var names []string
		for _, cond := range r.Conditions(i) {
			c.axes = append(c.axes, cond.Axes...)
		}
		for _, t := range targets {
			vs := g.vars[t]
			if len(vs) > 1 {
				diags = append(diags, errorAt(r.ElemRange(i), "Ambiguous reference", "%s has %d alternatives, so a condition cannot choose it.", t.Address(), len(vs)))
			}
			if len(vs) == 0 {
				continue
			}
			c.pick.variants[t] = vs[0]
			c.axes = append(c.axes, vs[0].axes...)
			names = append(names, t.Name)
		}
		c.name = strings.Join(names, "|")
		out = append(out, c)
	}
	return out, diags
}

// rankingsOf leaves out variants that differ in their metric only: they give
// the same rankings.
func rankingsOf(vs []*variant) []*variant {
	var out []*variant
	for _, v := range vs {
		if !slices.ContainsFunc(out, func(o *variant) bool {
			return slices.Equal(slices.Sorted(maps.Keys(o.picks)), slices.Sorted(maps.Keys(v.picks))) && !slices.ContainsFunc(slices.Collect(maps.Keys(v.picks)), func(name string) bool {
				return name != "metric" && !samePick(o.picks[name], v.picks[name])
			})
		}) {
			out = append(out, v)
		}
	}
	return out
}

func samePick(a, b pick) bool { return a.elem == b.elem && maps.Equal(a.variants, b.variants) }

// sameTask keeps the variants of a fuse whose parts search for the same task,
// and refuses a fuse that has none.
func sameTask(b *workflow.Block, vs []*variant) ([]*variant, hcl.Diagnostics) {
	r := b.Refs["of"]
	if r == nil || r.Alternatives() < 2 {
		if r == nil || r.Alternatives() == 0 {
			return vs, nil
		}
		return nil, hcl.Diagnostics{errorAt(r.Range, "Nothing to fuse", "%s needs two retrievals or more.", b.Title())}
	}
	var out []*variant
	var tasks []string
	for _, v := range vs {
		var first *pick
		same := true
		tasks = nil
		for _, t := range r.AllTargets() {
			part := v.picks["of"].variants[t]
			if part == nil {
				continue
			}
			task := part.picks["task"]
			for _, x := range slices.SortedFunc(maps.Keys(task.variants), func(a, b *workflow.Block) int { return strings.Compare(a.Name, b.Name) }) {
				tasks = append(tasks, fmt.Sprintf("%s searches for %s", t.Address(), x.Address()))
			}
			if first == nil {
				first = &task
			}
			same = same && maps.Equal(first.variants, task.variants)
		}
		if same {
			out = append(out, v)
		}
	}
	if len(out) == 0 && len(vs) > 0 {
		return nil, hcl.Diagnostics{errorAt(r.Range, "Different tasks", "The parts of %s must rank for the same task: %s.", b.Title(), strings.Join(tasks, ", "))}
	}
	return out, nil
}

// fill makes the instances of a variant: one per combination of its axes, in
// the order of the axes, the last varying fastest.
func (g *grid) fill(b *workflow.Block, v *variant) hcl.Diagnostics {
	var diags hcl.Diagnostics
	point := make(workflow.Point, len(g.w.Axes))
	for i := range point {
		point[i] = -1
	}
	var walk func(k int)
	walk = func(k int) {
		if k < len(v.axes) {
			a := v.axes[k]
			for i := range g.w.Axes[a].Values {
				if g.only[a] != nil && !g.only[a][i] {
					continue
				}
				point[a] = i
				walk(k + 1)
			}
			point[a] = -1
			return
		}
		in, d := g.instance(b, v, point)
		diags = append(diags, d...)
		if in != nil {
			v.list = append(v.list, in)
			v.at[key(v.axes, in.point)] = in
		}
	}
	walk(0)
	return diags
}

// instance makes the instance at a point, or nil where `when` is false or
// something that it refers to does not exist.
func (g *grid) instance(b *workflow.Block, v *variant, point workflow.Point) (*instance, hcl.Diagnostics) {
	if b.When != nil {
		val, diags := b.When.Value(point)
		if diags.HasErrors() || b.When.Failed(point) {
			return nil, diags
		}
		on, err := workflow.Plain(val)
		yes, ok := on.(bool)
		if err != nil || !ok {
			return nil, hcl.Diagnostics{errorAt(b.When.Expr.Range(), "Wrong type", `"when" must be true or false.`)}
		}
		if !yes {
			return nil, nil
		}
	}
	in := &instance{block: b, vr: v, point: slices.Clone(point), refs: map[string][]*instance{}}
	for _, r := range singleRefs(b) {
		p, ok := v.picks[r.Name]
		if !ok {
			continue // of the other branch
		}
		from, to := p.elem, p.elem+1
		if p.elem < 0 {
			from, to = 0, r.Alternatives()
		}
		for i := from; i < to; i++ {
			target, diags := r.At(i, point)
			if target == nil {
				return nil, diags
			}
			tv := p.variants[target]
			if tv == nil {
				return nil, nil
			}
			t := tv.at[key(tv.axes, point)]
			if t == nil {
				return nil, nil
			}
			in.refs[r.Name] = append(in.refs[r.Name], t)
		}
	}
	return in, nil
}

func key(axes []int, p workflow.Point) string {
	b := make([]byte, 0, 3*len(axes))
	for _, a := range axes {
		b = append(b, byte(p[a]), byte(p[a]>>8), ';')
	}
	return string(b)
}

// Filter is one -only argument: an axis and the labels to keep.
type Filter struct {
	Axis   string
	Labels []string
}

// ParseFilter parses "size=xs,draw=1", "size=xs|s".
func ParseFilter(s string) ([]Filter, error) {
	var out []Filter
	for _, part := range strings.Split(s, ",") {
		axis, labels, ok := strings.Cut(part, "=")
		if !ok || strings.TrimSpace(axis) == "" || labels == "" {
			return nil, fmt.Errorf("-only %q: want axis=value, as in size=xs,draw=1; several values are written size=xs|s", s)
		}
		out = append(out, Filter{strings.TrimSpace(axis), strings.Split(labels, "|")})
	}
	return out, nil
}

func filterText(filters []Filter) string {
	parts := make([]string, len(filters))
	for i, f := range filters {
		parts[i] = f.Axis + "=" + strings.Join(f.Labels, "|")
	}
	return strings.Join(parts, ",")
}

func resolveFilters(w *workflow.Workflow, filters []Filter) (map[int]map[int]bool, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	var out map[int]map[int]bool
	for _, f := range filters {
		x := w.Axis(f.Axis)
		if x == nil {
			var names []string
			for _, a := range w.Axes {
				names = append(names, a.Name)
			}
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unknown axis in -only", Detail: fmt.Sprintf("There is no axis %q; there are %s.%s", f.Axis, strings.Join(names, ", "), sdk.DidYouMean(f.Axis, names))})
			continue
		}
		if out == nil {
			out = map[int]map[int]bool{}
		}
		if out[x.Index] == nil {
			out[x.Index] = map[int]bool{}
		}
		for _, l := range f.Labels {
			i := slices.IndexFunc(x.Values, func(v workflow.AxisValue) bool { return v.Label == l })
			if i < 0 {
				var labels []string
				for _, v := range x.Values {
					labels = append(labels, v.Label)
				}
				diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unknown value in -only", Detail: fmt.Sprintf("Axis %q has no value %q; it has %s.%s", f.Axis, l, strings.Join(labels, ", "), sdk.DidYouMean(l, labels))})
				continue
			}
			out[x.Index][i] = true
		}
	}
	return out, diags
}

func errorAt(rng hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &rng}
}

func warnAt(rng hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	d := errorAt(rng, summary, format, args...)
	d.Severity = hcl.DiagWarning
	return d
}
