package analysis

import (
	"strconv"
	"strings"
)

func (c Call) String() string {
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		if a.IsNumber {
			args[i] = Number(a.Number).String()
		} else {
			args[i] = strconv.Quote(a.Text)
		}
	}
	return c.Name + "(" + strings.Join(args, ", ") + ")"
}

func (n Number) String() string { return strconv.FormatFloat(float64(n), 'g', -1, 64) }

func (n Neg) String() string {
	if b, ok := n.X.(Binary); ok {
		return "-(" + b.String() + ")"
	}
	return "-" + n.X.String()
}

func (b Binary) String() string {
	return operand(b.Left, b.Op, false) + " " + string(b.Op) + " " + operand(b.Right, b.Op, true)
}

// operand puts an expression in parentheses where its operator binds less than
// op, or the same on the right of op.
func operand(x Expr, op byte, right bool) string {
	b, ok := x.(Binary)
	if !ok {
		return x.String()
	}
	if in, out := binds(b.Op), binds(op); in < out || in == out && right {
		return "(" + b.String() + ")"
	}
	return b.String()
}

func binds(op byte) int {
	if op == '*' || op == '/' {
		return 2
	}
	return 1
}
