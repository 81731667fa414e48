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

	// Cells are the retrieval instances, as far as the plan knows them. They
	// serve CheckClaims, the number of encoders and the names in messages: no
	// estimate depends on them, and there may be none.
	Cells []Cell

	// Partial is set when only part of the grid was run (-only): every claim
	// is then inconclusive.
	Partial *Partial
}

// Cell is what a plan knows about one retrieval instance before it is run.
type Cell struct {
	ID        string // digest: Record.Cell
	Retrieval string
	Encoder   string
	Component string
	Task      string
	Index     string
	Metric    string
	Axes      map[string]string // as in Record.Axes

	Trained   bool
	Shuffled  bool // trained on shuffled pairs
	Languages int  // in training, the pivot left out
	Uneven    bool // their shares differ, so their effective number is not known
	Pairs     int  // in training

	// Instance tells encoders apart: equal where one encoder, trained once, is
	// measured under several conditions. "" where it is not known; then each
	// cell counts as an encoder of its own.
	Instance string
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

	Reference []string // target languages that gaps are measured to
	Worst     int      // how many languages the worst ones are; 0: the default
	Parallel  *bool    // whether the targets have the same queries in translation; nil: read from the ids of the queries
	Unlike    string   // how they differ, where they have not: "deu has 50 queries, isl 48"
}

// Partial says how much of a grid was run.
type Partial struct {
	Done int    `json:"done"` // cells run
	All  int    `json:"all"`  // cells of the whole grid
	Only string `json:"only"` // the selection, as it was given: "size=xs,draw=1"; "" where cells are missing for another reason
}
