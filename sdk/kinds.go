package sdk

import (
	"context"
	"iter"
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

// JudgedQuery is a query with its judgments and its ranking, best first.
type JudgedQuery struct {
	ID      string
	Qrels   map[string]int // document to relevance
	Ranking []ScoredDocument
}

// ScoredDocument is one place in a ranking.
type ScoredDocument struct {
	ID    string
	Score float64
}

// QueryValues are the values of one query: one per measure. Rank is that of
// the first relevant document, counted from 1; 0 where none was retrieved.
type QueryValues struct {
	Values []float64
	Rank   int
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
