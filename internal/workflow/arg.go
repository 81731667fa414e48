package workflow

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/sdk"
)

// Point is one place in the grid: for each axis of the workflow, by
// Axis.Index, the index of its value, or -1 where the axis plays no part.
type Point []int

// Arg is an expression that has one value per combination of the axes it
// depends on, directly or through locals.
type Arg struct {
	Name  string
	Expr  hclsyntax.Expression
	Range hcl.Range // of the whole argument
	Axes  []int     // sorted indices of axes

	w       *Workflow
	locals  []string // that the expression names directly
	broken  bool     // needs a local that needs itself: never evaluated
	cache   map[string]cty.Value
	failed  map[string]bool
	samples map[string][]sampleCall
}

// Value evaluates the argument at a point. A combination that failed once
// returns cty.NilVal and no further diagnostics.
func (a *Arg) Value(p Point) (cty.Value, hcl.Diagnostics) {
	key := a.key(p)
	if v, ok := a.cache[key]; ok {
		return v, nil
	}
	if a.broken || a.failed[key] {
		a.fail(key)
		return cty.NilVal, nil
	}
	ctx, diags := a.w.context(a, p)
	if diags.HasErrors() {
		a.fail(key)
		return cty.NilVal, diags
	}
	a.w.funcs.takeSamples()
	v, d := a.Expr.Value(ctx)
	if s := a.w.funcs.takeSamples(); s != nil {
		if a.samples == nil {
			a.samples = map[string][]sampleCall{}
		}
		a.samples[key] = s
	}
	if d.HasErrors() {
		a.fail(key)
		return cty.NilVal, withoutStacks(d)
	}
	if a.cache == nil {
		a.cache = map[string]cty.Value{}
	}
	a.cache[key] = v
	return v, d
}

// withoutStacks cuts the trace of the Go program from what a library function
// says that failed on values it was not made for.
func withoutStacks(diags hcl.Diagnostics) hcl.Diagnostics {
	for i, d := range diags {
		if before, _, found := strings.Cut(d.Detail, "panic in function implementation"); found {
			cut := *d
			cut.Detail = before + "the function cannot take these values."
			diags[i] = &cut
		}
	}
	return diags
}

// Failed reports whether evaluation failed at a point.
func (a *Arg) Failed(p Point) bool { return a.failed[a.key(p)] }

func (a *Arg) fail(key string) {
	if a.failed == nil {
		a.failed = map[string]bool{}
	}
	a.failed[key] = true
}

func (a *Arg) key(p Point) string {
	if len(a.Axes) == 0 {
		return ""
	}
	b := make([]byte, 0, 4*len(a.Axes))
	for _, i := range a.Axes {
		b = append(b, byte(p[i]), byte(p[i]>>8), byte(p[i]>>16), ';')
	}
	return string(b)
}

// LargestSample returns the call of sample(), in the argument or in a local
// that it uses, that drew the largest share of its candidates, over all points
// evaluated so far.
func (a *Arg) LargestSample() (n, of int) {
	seen := map[*Arg]bool{}
	var visit func(a *Arg)
	visit = func(a *Arg) {
		if seen[a] {
			return
		}
		seen[a] = true
		for _, calls := range a.samples {
			for _, c := range calls {
				if c.of > 0 && c.n*max(of, 1) > n*c.of {
					n, of = c.n, c.of
				}
			}
		}
		for _, l := range a.locals {
			visit(a.w.locals[l])
		}
	}
	visit(a)
	return n, of
}

// context builds what the expression of a may refer to at a point.
func (w *Workflow) context(a *Arg, p Point) (*hcl.EvalContext, hcl.Diagnostics) {
	vars := map[string]cty.Value{"var": cty.ObjectVal(w.inputs)}
	var diags hcl.Diagnostics
	locals := map[string]cty.Value{}
	for _, name := range a.locals {
		v, d := w.locals[name].Value(p)
		diags = append(diags, d...)
		if v == cty.NilVal {
			if !diags.HasErrors() {
				// Reported where the local failed first: stay silent here.
				diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: followUp, Subject: a.Expr.Range().Ptr()})
			}
			continue
		}
		locals[name] = v
	}
	vars["local"] = cty.ObjectVal(locals)
	axes := map[string]cty.Value{}
	for _, i := range a.Axes {
		if x := w.Axes[i]; p[i] >= 0 && p[i] < len(x.Values) {
			axes[x.Name] = x.Values[p[i]].Value
		}
	}
	vars["axis"] = cty.ObjectVal(axes)
	return &hcl.EvalContext{Variables: vars, Functions: w.funcs.all}, diags
}

// followUp marks a diagnostic that only repeats an earlier one; Tidy drops it.
const followUp = "\x00follow-up"

// Tidy joins diagnostics that say the same of the same place (one mistake met
// at many points of the grid), drops follow-ups, and sorts the rest by file
// and line; those without a place come first.
func Tidy(diags hcl.Diagnostics) hcl.Diagnostics {
	at := map[string]int{}
	more := map[int]map[string]bool{}
	var out hcl.Diagnostics
	for _, d := range diags {
		if d.Summary == followUp {
			continue
		}
		key := d.Summary + "\x00" + d.Detail
		if d.Subject != nil {
			key = d.Summary + "\x00" + d.Subject.String()
		}
		if i, ok := at[key]; ok {
			if d.Detail != out[i].Detail && d.Expression == nil {
				if more[i] == nil {
					more[i] = map[string]bool{}
				}
				more[i][d.Detail] = true
			}
			continue
		}
		at[key] = len(out)
		out = append(out, d)
	}
	for i, others := range more {
		joined := *out[i]
		if len(others) <= 4 {
			for _, o := range keys(others) {
				joined.Detail += "\n" + o
			}
		} else {
			joined.Detail += fmt.Sprintf("\nThe same holds %d more times here, with other values.", len(others))
		}
		out[i] = &joined
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i].Subject, out[j].Subject
		switch {
		case a == nil || b == nil:
			return a == nil && b != nil
		case a.Filename != b.Filename:
			return a.Filename < b.Filename
		}
		return a.Start.Byte < b.Start.Byte
	})
	return out
}

// newArg makes an Arg of an expression and checks every name in it. refs are
// the traversals that a reference-typed argument may hold.
func (w *Workflow) newArg(name string, expr hclsyntax.Expression, rng hcl.Range) (*Arg, hcl.Diagnostics) {
	a := &Arg{Name: name, Expr: expr, Range: rng, w: w}
	diags := w.checkNames(a, expr, nil)
	return a, diags
}

// checkNames checks the traversals of expr and notes on a the axes and locals
// that it uses. legal holds references that stand where they may.
func (w *Workflow) checkNames(a *Arg, expr hclsyntax.Expression, legal map[hclsyntax.Expression]bool) hcl.Diagnostics {
	var diags hcl.Diagnostics
	axes := map[int]bool{}
	scoped := iterationVariables(expr)
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		t, ok := n.(*hclsyntax.ScopeTraversalExpr)
		if !ok || legal[t] {
			return nil
		}
		root := t.Traversal.RootName()
		if scoped[root] {
			return nil
		}
		rng := t.Range()
		switch {
		case root == "var":
			if name, ok := secondName(t.Traversal); !ok {
				diags = append(diags, diag(rng, "Incomplete name", `Write the variable's name after "var.", as in var.data.`))
			} else if _, ok := w.variables[name]; !ok {
				diags = append(diags, diag(rng, "Unknown variable", "There is no variable %q.%s", name, sdk.DidYouMean(name, keys(w.variables))))
			}
		case root == "local":
			if name, ok := secondName(t.Traversal); !ok {
				diags = append(diags, diag(rng, "Incomplete name", `Write the local's name after "local.", as in local.pivot.`))
			} else if _, ok := w.locals[name]; !ok {
				diags = append(diags, diag(rng, "Unknown local", "There is no local %q.%s", name, sdk.DidYouMean(name, keys(w.locals))))
			} else if !slices.Contains(a.locals, name) {
				a.locals = append(a.locals, name)
			}
		case root == "axis":
			name, ok := secondName(t.Traversal)
			x := w.axisByName[name]
			switch {
			case !ok:
				diags = append(diags, diag(rng, "Axis needs a literal name", `Write the axis's name after "axis.", as in axis.size: which axes a block depends on must be known before anything is evaluated.`))
			case x == nil:
				diags = append(diags, diag(rng, "Unknown axis", "There is no axis %q.%s", name, sdk.DidYouMean(name, keys(w.axisByName))))
			default:
				axes[x.Index] = true
				diags = append(diags, checkAxisAttribute(x, t.Traversal, rng)...)
			}
		case slices.Contains(referable, root):
			diags = append(diags, w.misplacedReference(t.Traversal, rng))
		case root == "path", root == "each", root == "count", root == "self":
			diags = append(diags, diag(rng, "Unknown name", "There is no %q here. A grid is made of axes: see axis blocks.", root))
		default:
			diags = append(diags, diag(rng, "Unknown name", "There is no %q. Expressions may name var, local, axis, and blocks such as encoder.%s", root, sdk.DidYouMean(root, append([]string{"var", "local", "axis"}, referable...))))
		}
		return nil
	})
	for i := range axes {
		a.Axes = append(a.Axes, i)
	}
	sort.Ints(a.Axes)
	return diags
}

func checkAxisAttribute(x *Axis, t hcl.Traversal, rng hcl.Range) hcl.Diagnostics {
	if len(t) < 3 || len(x.Values) == 0 {
		return nil
	}
	step, ok := t[2].(hcl.TraverseAttr)
	if !ok {
		return nil
	}
	v := x.Values[0].Value
	if !v.Type().IsObjectType() {
		return hcl.Diagnostics{diag(rng, "Axis has plain values", "The values of axis %q are plain: write axis.%s.", x.Name, x.Name)}
	}
	if v.Type().HasAttribute(step.Name) {
		return nil
	}
	var names []string
	for n := range v.Type().AttributeTypes() {
		names = append(names, n)
	}
	sort.Strings(names)
	return hcl.Diagnostics{diag(rng, "Unknown attribute", "The values of axis %q have no %q; they have %s.%s", x.Name, step.Name, strings.Join(names, ", "), sdk.DidYouMean(step.Name, names))}
}

func (w *Workflow) misplacedReference(t hcl.Traversal, rng hcl.Range) *hcl.Diagnostic {
	text := traversalText(t)
	if len(t) > 2 {
		return diag(rng, "References are opaque", "%s is known only after the study has run. It exists as a record column: see the columns in `xlrun show`. A reference such as %s.%s can only be the value of an argument that takes one.", text, t.RootName(), attrName(t[1]))
	}
	return diag(rng, "Misplaced reference", "The reference %s can only be the whole value of an argument that takes one (or an element of its list, or a branch of its condition).", text)
}

// iterationVariables returns the names that `for` expressions bind. They hide
// others of the same name everywhere in expr: shadowing a block type is bad
// style, and HCL itself reports a name that is out of scope.
func iterationVariables(expr hclsyntax.Expression) map[string]bool {
	out := map[string]bool{}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.ForExpr); ok {
			if f.KeyVar != "" {
				out[f.KeyVar] = true
			}
			out[f.ValVar] = true
		}
		return nil
	})
	return out
}

func secondName(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	a, ok := t[1].(hcl.TraverseAttr)
	return a.Name, ok
}

func attrName(s hcl.Traverser) string {
	if a, ok := s.(hcl.TraverseAttr); ok {
		return a.Name
	}
	return "name"
}

func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			b.WriteString("[…]")
		default:
			b.WriteString("[*]")
		}
	}
	return b.String()
}

// resolveLocals gives every local the axes that the locals it uses depend on,
// and reports locals that need themselves.
func (w *Workflow) resolveLocals() hcl.Diagnostics {
	var diags hcl.Diagnostics
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(name string, from *Arg) []int
	visit = func(name string, from *Arg) []int {
		l := w.locals[name]
		switch state[name] {
		case 2:
			return l.Axes
		case 1:
			diags = append(diags, diag(from.Expr.Range(), "Circular locals", "local.%s needs itself.", name))
			l.broken = true
			return nil
		}
		state[name] = 1
		for _, dep := range l.locals {
			l.Axes = union(l.Axes, visit(dep, l))
			l.broken = l.broken || w.locals[dep].broken
		}
		state[name] = 2
		return l.Axes
	}
	for _, name := range keys(w.locals) {
		visit(name, w.locals[name])
	}
	return diags
}

// inherit gives an Arg the axes of the locals that it uses.
func (w *Workflow) inherit(args ...*Arg) {
	for _, a := range args {
		for _, dep := range a.locals {
			a.Axes = union(a.Axes, w.locals[dep].Axes)
			a.broken = a.broken || w.locals[dep].broken
		}
	}
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	sort.Ints(out)
	return out
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func describe(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	if v.Type().IsPrimitiveType() {
		if l, err := Label(v); err == nil {
			if v.Type() == cty.String {
				l = fmt.Sprintf("%q", l)
			}
			return fmt.Sprintf("the %s %s", v.Type().FriendlyName(), l)
		}
	}
	return v.Type().FriendlyName()
}
