package analysis

// Claim is one checkable statement: a comparison of two expressions over
// estimands. The workflow language builds it; Analyse decides it.
type Claim struct {
	Name      string
	Analysis  string // the analysis it is about; "" where a study has one
	Statement string // the author's words

	Left  Expr
	Op    string // ">", ">=", "<", "<=", "==" (equal within the margin) or "!="
	Right Expr

	// Margin is the smallest difference that matters, in the unit of the
	// estimand (0.005 is half a point for ame), never negative.
	Margin float64
}

// Expr is an expression over estimands: Call, Number, Binary or Neg.
type Expr interface {
	// String writes the expression as it stands in a workflow.
	String() string
	expr()
}

// Call is one estimand: slope("size", "budget"), ame("diversity"),
// mean("student"), diff("student", "untrained").
type Call struct {
	Name string
	Args []Arg
}

// Arg is an argument of a call: a string, or a number where IsNumber.
type Arg struct {
	Text     string
	Number   float64
	IsNumber bool
}

// Number is a constant.
type Number float64

// Binary joins two expressions; Op is one of + - * /.
type Binary struct {
	Op          byte
	Left, Right Expr
}

// Neg is the negative of X.
type Neg struct{ X Expr }

func (Call) expr()   {}
func (Number) expr() {}
func (Binary) expr() {}
func (Neg) expr()    {}

// Text makes a string argument.
func Text(s string) Arg { return Arg{Text: s} }
