package analysis

// Roles of an axis.
const (
	RoleSize      = "size"
	RoleDiversity = "diversity"
	RoleBudget    = "budget"
	RoleDraw      = "draw"
	RoleTarget    = "target"
	RoleFactor    = "factor"
)

// Design is what the plan knows about a study and its records do not say.
type Design struct {
	Title    string
	Question string // in the author's words
	Axes     []Axis // in the order of the workflow
	Encoders []string
	Analyses []Spec
	Claims   []Claim // in the author's order; all of them form one family

	// Partial is set when only part of the grid was run (-only): every claim
	// is then inconclusive.
	Partial *Partial
}

// Axis is one axis with its labels in order.
type Axis struct {
	Name   string   `json:"name"`
	Role   string   `json:"role"`
	Labels []string `json:"labels"`
}

// Spec is one analysis block.
type Spec struct {
	Name      string
	Retrieval string // name of the retrieval block whose records it reads
	Measure   string // "nDCG@10"
	Baseline  string // name of the encoder block compared with; "" where there is none
}

// Partial says how much of a grid was run.
type Partial struct {
	Done int    `json:"done"` // cells run
	All  int    `json:"all"`  // cells of the whole grid
	Only string `json:"only"` // the selection, as it was given: "size=xs,draw=1"; "" where cells are missing for another reason
}
