// Package results holds what a study measured: flat records with their
// provenance, in a fixed order, without times or hosts (those live in the
// journal).
package results

// Record is one measured number: one cell, one query, one measure.
//
// Rows of one cell share everything but QueryID, Measure, Rank and Value. A
// cell is one retrieval instance: its axes, its encoder, its task. The pool
// seeds of a cell give several rows for the same query; average them before
// any inference.
type Record struct {
	Cell      string `parquet:"cell,dict"`      // digest of the retrieval instance (equal plans, equal cells)
	Retrieval string `parquet:"retrieval,dict"` // name of the block
	Encoder   string `parquet:"encoder,dict"`   // name of the encoder block: "student", "untrained"; of a run or fuse block
	Component string `parquet:"component,dict"` // encoder component: "subword"; "trec" of a run, "fuse" of a fusion
	Task      string `parquet:"task,dict"`
	Index     string `parquet:"index,dict"`

	// Axes holds the value of each axis the cell depends on: its label, for
	// an axis of named values the name. Written as columns axis_<name>.
	Axes map[string]string `parquet:"axes"`

	QueryLanguage  string `parquet:"query_language,dict"`  // the target
	CorpusLanguage string `parquet:"corpus_language,dict"` // the pivot, or the target itself
	PoolSize       int32  `parquet:"pool_size"`            // candidates, gold included
	PoolSeed       int64  `parquet:"pool_seed"`

	QueryID string  `parquet:"query_id,dict"`
	Measure string  `parquet:"measure,dict"`
	Value   float64 `parquet:"value"`
	Rank    int32   `parquet:"rank"` // of the first relevant document, from 1; 0: not retrieved

	Lineage
}

// Lineage says what the encoder of a cell has seen. The host computes it from
// the mixture and the checkpoint's manifest. Of a run that was made elsewhere it
// knows what the author of the study declares, and Source says so.
type Lineage struct {
	Source         string   `parquet:"lineage,dict"`            // "computed", "declared"
	TrainingSet    string   `parquet:"training_set,dict"`       // digest of the training pairs; "" when untrained
	Subset         string   `parquet:"training_languages,dict"` // the training languages, sorted, space separated; "" when untrained
	Languages      []string `parquet:"-"`                       // the same as a list
	Richness       int32    `parquet:"diversity_richness"`      // number of training languages, the pivot left out
	Hill1          float64  `parquet:"diversity_hill1"`         // effective number of training languages: exp of the Shannon entropy of their shares
	Hill2          float64  `parquet:"diversity_hill2"`         // inverse Simpson index
	Pairs          int32    `parquet:"pairs"`                   // distinct training pairs: the budget
	Examples       int64    `parquet:"examples"`                // pairs seen in all, repeats included
	Pairing        string   `parquet:"pairing,dict"`            // "aligned", "shuffled"; "" when untrained
	ParamsTotal    int64    `parquet:"params_total"`
	ParamsNonEmbed int64    `parquet:"params_non_embedding"`
	Exposure       string   `parquet:"exposure,dict"` // of the query language: "none", "pretraining", "tuning", "unknown"
}

// The sources of lineage.
const (
	LineageComputed = "computed"
	LineageDeclared = "declared"
)

// The kinds of exposure of a target language. Only None is strict zero-shot.
const (
	ExposureNone        = "none"
	ExposurePretraining = "pretraining"
	ExposureTuning      = "tuning"
	ExposureUnknown     = "unknown"
)
