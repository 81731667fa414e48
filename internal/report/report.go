package report

import "github.com/xlrun/xlrun/internal/analysis"

// Input is what a report is made of.
type Input struct {
	Summary analysis.Summary
	Study   Study
}

// Study is what a report says besides the summary. Every field may be left
// empty: what is not known is not said. Nothing in it may depend on the time,
// the host or the directory, for equal inputs give equal bytes.
type Study struct {
	Workflow  string   // as one types it: "workflows/quickstart.hcl"
	Arguments []string // of the command besides the workflow: "-var", "data=…"
	Results   string   // digest of the records
	Cells     int      // retrievals

	// Names are English names of languages by code, where the author knows
	// better than Unicode's table.
	Names map[string]string

	Mixtures   []Mixture
	Leakage    []Leakage
	Components []Component
	Data       []Data
	Software   []Fact // what computed the results: versions, never hosts
	Files      []Fact // what lies beside the report: name, and what it holds
	Notes      []analysis.Note
}

// Mixture counts what one mixture block did, over all its instances.
type Mixture struct {
	Name     string
	Sets     int // instances
	Pairs    int // in each; 0 where they differ
	Excluded int // dropped, because a test set contains them
	Refilled int // replaced
}

// Leakage is the outcome of the check that no test text was seen in training.
type Leakage struct {
	Retrieval string
	Mode      string // "error" or "warn"
	Checked   int    // distinct test texts compared
	Found     int
}

// Component is one component that took part.
type Component struct {
	Kind        string // "encoder"
	Name        string // "subword"
	Blocks      []string
	Version     string
	Revision    string
	Determinism string // "bitwise", "numeric", "stochastic"
}

// Data is one data set.
type Data struct {
	Name      string // of the block
	Component string
	Digest    string // of its sources
	Licence   string
	Languages int
	Queries   int
	Documents int
	Pairs     int
}

// Fact is a name and a value.
type Fact struct{ Name, Value string }
