package workflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/sdk"
)

// Comparison is what a claim says holds: two estimands and an operator.
type Comparison struct {
	Text        string
	Left, Right *Estimand
	Op          string // > < >= <=
}

// Estimand is an arithmetic expression over calls such as slope("size").
type Estimand struct {
	Call        string
	Args        []string
	Num         float64
	Op          string // + - * / neg; "" for a call or a number
	Left, Right *Estimand
}

// estimands lists the functions of claims with the least and the largest
// number of arguments.
var estimands = map[string][2]int{"slope": {1, 4}, "ame": {1, 4}, "mean": {1, 1}, "diff": {2, 2}}

// Quantities are what slope and ame are taken over.
var quantities = []string{"size", "diversity", "budget"}

var comparisons = map[*hclsyntax.Operation]string{
	hclsyntax.OpGreaterThan: ">", hclsyntax.OpLessThan: "<", hclsyntax.OpGreaterThanOrEqual: ">=", hclsyntax.OpLessThanOrEqual: "<=",
}

var operations = map[*hclsyntax.Operation]string{
	hclsyntax.OpAdd: "+", hclsyntax.OpSubtract: "-", hclsyntax.OpMultiply: "*", hclsyntax.OpDivide: "/",
}

func (w *Workflow) readComparison(x hclsyntax.Expression) (Comparison, hcl.Diagnostics) {
	c := Comparison{Text: w.text(x.Range())}
	b, ok := unparen(x).(*hclsyntax.BinaryOpExpr)
	op := ""
	if ok {
		op = comparisons[b.Op]
	}
	if op == "" {
		return c, hcl.Diagnostics{diag(x.Range(), "Not a comparison", `"holds" is one comparison between estimands with >, <, >= or <=, such as ame("size") > 0. An effect equals nothing exactly: == and != are not offered.`)}
	}
	var diags, d hcl.Diagnostics
	c.Op = op
	c.Left, diags = w.readEstimand(b.LHS)
	c.Right, d = w.readEstimand(b.RHS)
	diags = append(diags, d...)
	if !diags.HasErrors() && !c.Left.hasCall() && !c.Right.hasCall() {
		diags = append(diags, diag(x.Range(), "Claim about nothing", "Both sides are plain numbers. Compare an estimand: %s.", strings.Join(keys(estimands), ", ")))
	}
	return c, diags
}

func (e *Estimand) hasCall() bool {
	return e != nil && (e.Call != "" || e.Left.hasCall() || e.Right.hasCall())
}

func (w *Workflow) readEstimand(x hclsyntax.Expression) (*Estimand, hcl.Diagnostics) {
	switch x := unparen(x).(type) {
	case *hclsyntax.FunctionCallExpr:
		if bounds, ok := estimands[x.Name]; ok {
			return w.readCall(x, bounds)
		}
		if _, ok := w.funcs.all[x.Name]; !ok {
			return nil, hcl.Diagnostics{diag(x.NameRange, "Unknown estimand", "There is no estimand %q; there are %s.%s", x.Name, strings.Join(keys(estimands), ", "), sdk.DidYouMean(x.Name, keys(estimands)))}
		}
	case *hclsyntax.UnaryOpExpr:
		if x.Op == hclsyntax.OpNegate {
			e, diags := w.readEstimand(x.Val)
			if diags.HasErrors() {
				return nil, diags
			}
			return fold(&Estimand{Op: "neg", Left: e}), diags
		}
	case *hclsyntax.BinaryOpExpr:
		if op := operations[x.Op]; op != "" {
			l, diags := w.readEstimand(x.LHS)
			r, d := w.readEstimand(x.RHS)
			if diags = append(diags, d...); diags.HasErrors() {
				return nil, diags
			}
			if op == "/" && !r.hasCall() && r.Num == 0 {
				return nil, append(diags, diag(x.RHS.Range(), "Division by zero", "An estimand cannot be divided by 0."))
			}
			return fold(&Estimand{Op: op, Left: l, Right: r}), diags
		}
	}
	v, diags := w.constant(&hclsyntax.Attribute{Name: "holds", Expr: x, SrcRange: x.Range()}, "a number in a claim")
	if v == cty.NilVal {
		return nil, diags
	}
	p, err := Plain(v)
	f, ok := p.(float64)
	if err != nil {
		return nil, append(diags, diag(x.Range(), "Unusable number", "%s.", err))
	}
	if !ok {
		return nil, append(diags, diag(x.Range(), "Not an estimand", "A claim compares estimands (%s) and numbers; this is %s.", strings.Join(keys(estimands), ", "), describe(v)))
	}
	return &Estimand{Num: f}, diags
}

func arguments(bounds [2]int) string {
	switch {
	case bounds == [2]int{1, 1}:
		return "one argument"
	case bounds[0] == bounds[1]:
		return fmt.Sprintf("%d arguments", bounds[0])
	}
	return fmt.Sprintf("%d to %d arguments", bounds[0], bounds[1])
}

// fold computes an operation on numbers.
func fold(e *Estimand) *Estimand {
	if e.hasCall() {
		return e
	}
	out := &Estimand{}
	switch e.Op {
	case "neg":
		out.Num = -e.Left.Num
	case "+":
		out.Num = e.Left.Num + e.Right.Num
	case "-":
		out.Num = e.Left.Num - e.Right.Num
	case "*":
		out.Num = e.Left.Num * e.Right.Num
	case "/":
		out.Num = e.Left.Num / e.Right.Num
	}
	return out
}

func (w *Workflow) readCall(x *hclsyntax.FunctionCallExpr, bounds [2]int) (*Estimand, hcl.Diagnostics) {
	e := &Estimand{Call: x.Name}
	var diags hcl.Diagnostics
	if n := len(x.Args); n < bounds[0] || n > bounds[1] {
		diags = append(diags, diag(x.Range(), "Wrong number of arguments", "%s takes %s, got %d.", x.Name, arguments(bounds), n))
	}
	for i, arg := range x.Args {
		v, d := w.constant(&hclsyntax.Attribute{Name: x.Name, Expr: arg, SrcRange: arg.Range()}, "an argument of an estimand")
		diags = append(diags, d...)
		if v == cty.NilVal {
			continue
		}
		if v.IsNull() || v.Type() != cty.String {
			diags = append(diags, diag(arg.Range(), "Wrong type", "%s takes strings, got %s.", x.Name, describe(v)))
			continue
		}
		s := v.AsString()
		if x.Name == "slope" || x.Name == "ame" {
			switch {
			case !slices.Contains(quantities, s):
				diags = append(diags, diag(arg.Range(), "Unknown quantity", "%s is taken over %s; got %q.%s", x.Name, strings.Join(quantities, ", "), s, sdk.DidYouMean(s, quantities)))
			case slices.Contains(e.Args, s):
				what := "held fixed twice"
				if i > 0 && e.Args[0] == s {
					what = "both varied and held fixed"
				}
				diags = append(diags, diag(arg.Range(), "Repeated quantity", "%q is %s.", s, what))
			}
		}
		e.Args = append(e.Args, s)
	}
	return e, diags
}

func unparen(x hclsyntax.Expression) hclsyntax.Expression {
	for {
		p, ok := x.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return x
		}
		x = p.Expression
	}
}

// text returns the source text of a range.
func (w *Workflow) text(r hcl.Range) string {
	f := w.files[r.Filename]
	if f == nil || r.End.Byte > len(f.Bytes) {
		return ""
	}
	return string(f.Bytes[r.Start.Byte:r.End.Byte])
}
