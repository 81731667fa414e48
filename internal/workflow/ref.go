package workflow

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/sdk"
)

// Ref is the value of a reference-typed argument, as written: one reference, a
// list, or a condition between two of these.
type Ref struct {
	Name    string
	Collect bool // sees every instance, inherits no axes
	List    bool // a list is one value; otherwise its elements are alternatives
	Range   hcl.Range

	elems []*refExpr
}

type refExpr struct {
	block   *Block
	cond    *Arg
	yes, no *refExpr
	rng     hcl.Range
}

// Alternatives is the number of elements: where one reference is expected,
// each makes an instance of its own.
func (r *Ref) Alternatives() int { return len(r.elems) }

// Targets returns all blocks that element i may refer to.
func (r *Ref) Targets(i int) []*Block { return r.elems[i].targets(nil) }

// AllTargets returns all blocks that the argument may refer to, in order,
// each once.
func (r *Ref) AllTargets() []*Block {
	var out []*Block
	for _, e := range r.elems {
		for _, b := range e.targets(nil) {
			if !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}

// Conditions returns the conditions that element i evaluates.
func (r *Ref) Conditions(i int) []*Arg { return r.elems[i].conds(nil) }

// ElemRange returns where element i stands.
func (r *Ref) ElemRange(i int) hcl.Range { return r.elems[i].rng }

// At returns the block that element i refers to at a point.
func (r *Ref) At(i int, p Point) (*Block, hcl.Diagnostics) { return r.elems[i].at(p) }

func (e *refExpr) targets(out []*Block) []*Block {
	if e.cond != nil {
		return e.no.targets(e.yes.targets(out))
	}
	if e.block == nil {
		return out
	}
	return append(out, e.block)
}

func (e *refExpr) conds(out []*Arg) []*Arg {
	if e.cond == nil {
		return out
	}
	return e.no.conds(e.yes.conds(append(out, e.cond)))
}

func (e *refExpr) at(p Point) (*Block, hcl.Diagnostics) {
	if e.cond == nil {
		return e.block, nil
	}
	v, diags := e.cond.Value(p)
	if v == cty.NilVal {
		return nil, diags
	}
	if v.IsNull() || v.Type() != cty.Bool {
		return nil, append(diags, diag(e.cond.Expr.Range(), "Wrong type", "A condition must be true or false, got %s.", describe(v)))
	}
	if v.True() {
		return e.yes.at(p)
	}
	return e.no.at(p)
}

// newRef reads a reference-typed argument.
func (w *Workflow) newRef(name string, spec argSpec, expr hclsyntax.Expression, rng hcl.Range) (*Ref, []*Arg, hcl.Diagnostics) {
	r := &Ref{Name: name, Collect: spec.collect, List: spec.list, Range: rng}
	var diags hcl.Diagnostics
	var conds []*Arg
	var one func(x hclsyntax.Expression) *refExpr
	one = func(x hclsyntax.Expression) *refExpr {
		switch x := x.(type) {
		case *hclsyntax.ParenthesesExpr:
			return one(x.Expression)
		case *hclsyntax.ConditionalExpr:
			if spec.collect {
				diags = append(diags, diag(x.Range(), "Condition in a collecting reference", "%q sees every instance at once, so nothing can be decided per instance here.", name))
				return nil
			}
			cond, d := w.newArg(name, x.Condition, x.Condition.Range())
			diags = append(diags, d...)
			conds = append(conds, cond)
			yes, no := one(x.TrueResult), one(x.FalseResult)
			if yes == nil || no == nil {
				return nil
			}
			return &refExpr{cond: cond, yes: yes, no: no, rng: x.Range()}
		case *hclsyntax.ScopeTraversalExpr:
			b, d := w.lookup(x.Traversal, x.Range(), spec.ref, name)
			if d != nil {
				diags = append(diags, d)
				return nil
			}
			return &refExpr{block: b, rng: x.Range()}
		}
		diags = append(diags, diag(x.Range(), "Not a reference", "%q wants a reference to %s, such as %s.NAME, or a list of these. References are opaque: templates, functions, for and splat do not make them.", name, articles(spec.ref), firstKind(spec.ref)))
		return nil
	}
	x := expr
	for {
		p, ok := x.(*hclsyntax.ParenthesesExpr)
		if !ok {
			break
		}
		x = p.Expression
	}
	if t, ok := x.(*hclsyntax.TupleConsExpr); ok {
		if len(t.Exprs) == 0 && !spec.collect {
			diags = append(diags, diag(x.Range(), "Empty list", "%q needs at least one reference.", name))
		}
		for _, e := range t.Exprs {
			if el := one(e); el != nil {
				if slices.ContainsFunc(r.elems, func(o *refExpr) bool { return o.block != nil && o.block == el.block }) {
					diags = append(diags, diag(e.Range(), "Repeated reference", "%s stands in the list twice.", el.block.Address()))
					continue
				}
				r.elems = append(r.elems, el)
			}
		}
	} else if el := one(x); el != nil {
		r.elems = append(r.elems, el)
	}
	return r, conds, diags
}

func (w *Workflow) lookup(t hcl.Traversal, rng hcl.Range, want, arg string) (*Block, *hcl.Diagnostic) {
	root := t.RootName()
	kinds := strings.Split(want, "|")
	if !slices.Contains(kinds, root) {
		if slices.Contains(referable, root) {
			return nil, diag(rng, "Wrong kind of reference", "%q wants %s; %s is %s.", arg, articles(want), traversalText(t), article(root))
		}
		return nil, diag(rng, "Not a reference", "%q wants a reference to %s, such as %s.NAME.%s", arg, articles(want), firstKind(want), sdk.DidYouMean(root, kinds))
	}
	name, ok := secondName(t)
	if !ok {
		return nil, diag(rng, "Incomplete reference", "Write the name after %q, as in %s.NAME.", root+".", root)
	}
	if len(t) > 2 {
		return nil, w.misplacedReference(t, rng)
	}
	b := w.blocks[root+"."+name]
	if b == nil {
		var names []string
		for _, o := range w.Blocks {
			if o.Type == root {
				names = append(names, o.Name)
			}
		}
		return nil, diag(rng, "Unknown "+root, "There is no %s named %q.%s", root, name, sdk.DidYouMean(name, names))
	}
	return b, nil
}

// articles names the kinds of a reference: "a retrieval or a fuse".
func articles(kinds string) string {
	list := strings.Split(kinds, "|")
	for i := range list {
		list[i] = article(list[i])
	}
	return strings.Join(list, " or ")
}

func firstKind(kinds string) string {
	first, _, _ := strings.Cut(kinds, "|")
	return first
}

func article(noun string) string {
	if noun != "" && (noun[0] == 'a' || noun[0] == 'e' || noun[0] == 'i') {
		return "an " + noun
	}
	return "a " + noun
}
