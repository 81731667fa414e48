package sdk

import (
	"context"
	"fmt"
	"iter"
	"math"
)

// Loader reads a collection.
type Loader interface {
	// Sources lists exactly the files that Load will read, as absolute paths
	// in a fixed order, each under a name that does not depend on where the
	// data lies ("eng.jsonl"). The host hashes them; names and contents
	// determine the result.
	Sources(ctx context.Context) ([]Source, error)
	// Load writes everything to out. Text that is empty is written, not
	// dropped. Whatever is left out is counted with out.Count.
	Load(ctx context.Context, out Collector) error
}

// Source is one file that a loader reads.
type Source struct {
	Name string
	Path string
}

// Collector takes what a loader finds. An error means that the host wants no
// more: return it.
type Collector interface {
	Query(Query) error
	Document(Document) error
	Qrel(Qrel) error
	Pair(Pair) error
	// Count adds n to a named count that reaches the report: "empty text",
	// "row without answer".
	Count(name string, n int)
	// Progress reports done of total, in any unit; total 0 means unknown.
	Progress(done, total int64)
}

// Encoder turns texts into vectors.
type Encoder interface {
	Info() EncoderInfo
	// Encode returns one vector per text, in order. A text that is empty gets
	// the zero vector. The result of a text does not depend on the others.
	Encode(ctx context.Context, role Role, texts []Text) (*Embeddings, error)
}

// Trainer is an Encoder that can learn.
type Trainer interface {
	Encoder
	// Train reads pairs and writes a model into t.Dir.
	Train(ctx context.Context, t *TrainTask) error
}

// TrainTask is one training.
type TrainTask struct {
	Options any                     // the decoded struct of the train block
	Pairs   iter.Seq2[Pair, error]  // in the order of the mixture; may be ranged over once
	Dir     string                  // empty, or holding an earlier attempt's Checkpoint; write the model here
	Work    string                  // scratch that survives an interrupted attempt: checkpoints go here
	Report  func(done, total int64) // examples seen, of all
}

// Index searches vectors.
type Index interface {
	// Build prepares a search over t.Documents and writes what it needs into
	// t.Dir.
	Build(ctx context.Context, t *BuildTask) error
	// Search calls emit once per query row, in order, with at most t.K hits,
	// best first, equal scores by ascending row.
	Search(ctx context.Context, t *SearchTask, emit func(query int32, hits []Hit) error) error
}

// BuildTask is one build of an index.
type BuildTask struct {
	Documents Matrix
	Dir       string
	Report    func(done, total int64)
}

// SearchTask is one search. Nil row lists mean all rows.
type SearchTask struct {
	Dir          string // what Build wrote
	Documents    Matrix
	Queries      Matrix
	DocumentRows []int32 // the candidates
	QueryRows    []int32
	K            int
}

// Metric judges rankings.
type Metric interface {
	// Measures lists what Evaluate returns, in order, as ir_measures spells it.
	Measures() []string
	// Evaluate judges the ranking of one query.
	Evaluate(ctx context.Context, q JudgedQuery) (QueryValues, error)
}

// SetMetric is a Metric with measures that compare queries with one another.
// It is asked for all queries of a ranking at once, so it holds them in memory:
// let open return one only where such a measure is wanted.
type SetMetric interface {
	Metric
	// EvaluateSet judges all rankings. It returns one QueryValues per query, in
	// order.
	EvaluateSet(ctx context.Context, queries []JudgedQuery) ([]QueryValues, error)
}

// RangedMetric is a Metric that knows what values its measures can have. A plan
// refuses what needs values from 0 to 1 and would get others; of a metric that
// does not know, a study finds out when everything has been computed.
type RangedMetric interface {
	Metric
	// Ranges returns one Range per measure, in the order of Measures, or nil
	// where nothing is known.
	Ranges() []Range
}

// Range is what the value of a measure for one query can be: from Low to High,
// which are infinite where there is no bound.
type Range struct{ Low, High float64 }

// Within reports whether all of r lies from low to high.
func (r Range) Within(low, high float64) bool { return r.Low >= low && r.High <= high }

// JudgedQuery is a query with its judgments and its ranking, best first.
//
// Language and what follows are there for a component whose Info.Languages is
// set. Any of them may be empty even so: a run that was made elsewhere need not
// say what language its documents are in.
type JudgedQuery struct {
	ID      string
	Qrels   map[string]int // document to relevance
	Ranking []ScoredDocument

	Language   Language
	Group      string                  // of translations of this query; "": none is known
	Documents  map[string]DocumentInfo // every judged and every ranked document
	Candidates map[Language]int        // how many documents of each language were searched
}

// DocumentInfo is what a metric may know of a document beside its identifier.
type DocumentInfo struct {
	Language Language
	Group    string
}

// ScoredDocument is one place in a ranking.
type ScoredDocument struct {
	ID    string
	Score float64
}

// QueryValues are the values of one query: one per measure. Rank is that of
// the first relevant document, counted from 1; 0 where none was retrieved.
//
// A measure may have no value for a query: then Undefined says why, in a few
// words that are the same for all queries with this lack ("fewer than two
// languages have a relevant document"), for they are counted. Such a query
// leaves no record; its number among Values is not looked at.
type QueryValues struct {
	Values    []float64
	Rank      int
	Undefined []string // nil, or per measure: why it has no value; "" where it has one
	Notes     []string // remarks that are counted over queries and reach the report: "values that depend on the order of equal scores"
}

// Check reports values that do not fit to the measures: another number of them,
// or one that is not finite and not said to be undefined.
func (v QueryValues) Check(measures []string) error {
	if len(v.Values) != len(measures) {
		return fmt.Errorf("want %d values, got %d", len(measures), len(v.Values))
	}
	if len(v.Undefined) != 0 && len(v.Undefined) != len(measures) {
		return fmt.Errorf("want %d reasons in Undefined, or none, got %d", len(measures), len(v.Undefined))
	}
	for i, x := range v.Values {
		if v.Why(i) == "" && (math.IsNaN(x) || math.IsInf(x, 0)) {
			return fmt.Errorf("%s is %v", measures[i], x)
		}
	}
	return nil
}

// Why returns the reason why measure i has no value for the query; "" where it
// has one.
func (v QueryValues) Why(i int) string {
	if i >= len(v.Undefined) {
		return ""
	}
	return v.Undefined[i]
}

// Inspection says what a collection holds, without its texts. Rows keep the
// order of the collection. Texts stand as 64-bit hashes of their normalised
// form (see NormalizeText).
type Inspection struct {
	Queries   []InspectedText
	Documents []InspectedText
	Pairs     []InspectedPair
	Qrels     int
	Counts    map[string]int

	// Judgments lists the qrels. It may be nil where Qrels is not 0: then a
	// query counts as judged with the documents of its own group.
	Judgments []Qrel
}

// InspectedText is a text without its words.
type InspectedText struct {
	ID       string
	Language Language
	Group    string
	Origin   string
	Hash     uint64
	Empty    bool
}

// InspectedPair is a pair without its words.
type InspectedPair struct {
	Kind         string
	Group        string
	LangA, LangB Language
	HashA, HashB uint64
}
