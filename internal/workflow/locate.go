package workflow

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/xlrun/xlrun/sdk"
)

// Locate turns what a plugin says of an argument into a diagnostic at the line
// where the argument stands: the attribute, then as far into a literal list or
// object as the path leads.
func (b *Block) Locate(d sdk.Diagnostic) *hcl.Diagnostic {
	out := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: d.Summary, Detail: d.Detail, Subject: b.Range.Ptr()}
	if d.Warning {
		out.Severity = hcl.DiagWarning
	}
	if len(d.Path) == 0 {
		return out
	}
	name, _ := d.Path[0].(string)
	a := b.Args[name]
	if a == nil {
		out.Subject = b.Range.Ptr()
		return out
	}
	expr := a.Expr
	for _, step := range d.Path[1:] {
		next := child(expr, step)
		if next == nil {
			break
		}
		expr = next
	}
	out.Subject = expr.Range().Ptr()
	return out
}

func child(x hclsyntax.Expression, step any) hclsyntax.Expression {
	switch x := unparen(x).(type) {
	case *hclsyntax.TupleConsExpr:
		if i, ok := step.(int); ok && i >= 0 && i < len(x.Exprs) {
			return x.Exprs[i]
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if k, d := item.KeyExpr.Value(nil); !d.HasErrors() && fmt.Sprint(step) == k.AsString() {
				return item.ValueExpr
			}
		}
	}
	return nil
}
