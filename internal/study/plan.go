// Package study turns a workflow into a plan: the finite list of steps to
// compute, in dependency order, each named by a digest of everything that can
// influence its result.
//
// The one thing to know: a plan is a pure function of the workflow, the
// schemas of the components and the digests of the sources. It starts no
// process and reads no data itself; what it needs to know of the world comes
// through Catalog. It does not say how steps are carried out: package runner
// does.
package study

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/sdk"
)

// Stage is the kind of work a step does. Stages are listed in plan order.
type Stage string

// The stages of a study.
const (
	StageLoad    Stage = "load"    // loader → parts queries, corpus, qrels, pairs, counts
	StageMix     Stage = "mix"     // pairs of loaders → parts pairs, lineage
	StageTrain   Stage = "train"   // pairs → part model (a directory)
	StagePool    Stage = "pool"    // queries, corpus, qrels → part pool
	StageCheck   Stage = "check"   // leakage: pairs, queries, corpus, pools → part leakage
	StageEncode  Stage = "encode"  // queries or corpus (one language), model → part vectors (.npy)
	StageJoin    Stage = "join"    // vectors of several languages → part vectors (.npy)
	StageIndex   Stage = "index"   // vectors → part index (a directory)
	StageSearch  Stage = "search"  // index, documents, queries, pool → part ranking
	StageImport  Stage = "import"  // a run file, queries, corpus, pool → part ranking
	StageFuse    Stage = "fuse"    // rankings, pool → part ranking
	StageMeasure Stage = "measure" // ranking, pool (queries, corpus) → part values
	StageCollect Stage = "collect" // values and lineage of all cells → part records
	StageAnalyse Stage = "analyse" // records → parts summary, claims
	StageReport  Stage = "report"  // summary, records → part report (a directory)
)

// Stages lists the stages in plan order.
var Stages = []Stage{StageLoad, StageMix, StageTrain, StagePool, StageCheck, StageEncode, StageJoin, StageIndex, StageSearch, StageImport, StageFuse, StageMeasure, StageCollect, StageAnalyse, StageReport}

// Plan is everything a study will compute.
type Plan struct {
	Name                     string // of the workflow file, without .hcl
	Title                    string
	Question                 string
	Axes                     []Axis
	Blocks                   []Block // instance counts, in file order
	Steps                    []*Step // in an order in which each follows its inputs
	Cells                    []*Cell
	Analyses                 []Analysis
	Claims                   []Claim
	Partial                  bool            // a filter (-only) left out part of the grid
	Only                     string          // the filter, as given
	FullCells                int             // how many cells the whole grid has
	Given                    []string        // variables without a default, sorted
	Inputs                   map[string]any  // variables, as decided, for the record
	Warnings                 hcl.Diagnostics // what the author should know and nothing is refused for
	Collect, Analyse, Report *Step
}

// Axis is one axis of the grid; Labels are its values in order.
type Axis struct {
	Name   string   `json:"name"`
	Role   string   `json:"role"`
	Labels []string `json:"labels"`
}

// Block counts the instances of one block.
type Block struct {
	Address   string   `json:"address"` // encoder.student
	Instances int      `json:"instances"`
	Axes      []string `json:"axes"`
	// By counts instances per alternative, where a block has several
	// ("student" 432, "untrained" 144); nil otherwise.
	By map[string]int `json:"by,omitempty"`
}

// Component identifies what carries a step out. Plugin, Version and Path are
// not part of any digest; Tree is, and is empty for bundled components.
type Component struct {
	Kind        sdk.Kind
	Plugin      string
	Name        string
	Revision    int
	Determinism sdk.Determinism
	Version     string
	Tree        cas.Digest
}

// Input is one part of an earlier step's result.
type Input struct {
	Role string // what the step takes it for: "pairs", "exclude", "model", "queries"…
	Step *Step
	Part string // the name of the output
}

// Step is one thing to compute.
type Step struct {
	Stage  Stage
	Label  string // for people: "train student size=m languages=4 draw=2"
	Block  string // the block it comes from: "encoder.student"
	Recipe cas.Digest
	// Preimage is the canonical JSON that Recipe is the digest of.
	Preimage []byte
	// ActionArgs is the canonical JSON of what enters the action digest beside
	// the contents of the inputs: stage, component and revision, output
	// arguments, source digests.
	ActionArgs []byte

	Component *Component // nil for host steps
	Config    []byte     // JSON object for the component: output, performance and source options
	Train     []byte     // JSON object for the train block; train steps only
	Sources   []SourceDigest

	Mix   *Mixture   // StageMix
	Pool  *Pool      // StagePool
	Texts *Selection // StageEncode
	Leak  *Leakage   // StageCheck
	Fuse  *Fusion    // StageFuse
	Depth int        // StageSearch, StageImport, StageFuse

	// Restrict says that the ranking is of a larger pool than this one.
	Restrict bool // StageMeasure

	Inputs []Input
	After  []*Step // must have succeeded before; not part of the digest
	Range  hcl.Range
	Weight float64 // rough cost, in any unit, for progress
}

// SourceDigest is one file that a component, or an import, reads. Path is not
// part of any digest.
type SourceDigest struct {
	Name   string     `json:"name"`
	Digest cas.Digest `json:"digest"`
	Path   string     `json:"-"`
	Stamp  cas.Stamp  `json:"-"` // of the file when it was read for Digest; zero where nobody looked
}

// Mixture says which training pairs to take. Inputs: "pairs" (one or more
// loads, in order), "exclude_queries" and "exclude_corpus" (any number).
type Mixture struct {
	Languages []string           `json:"languages"` // sorted
	Pivot     string             `json:"pivot"`
	Pairs     int                `json:"pairs"`
	Share     string             `json:"share"` // even, exponent, weights
	Exponent  float64            `json:"exponent,omitempty"`
	Weights   map[string]float64 `json:"weights,omitempty"`
	Pairing   string             `json:"pairing"`         // aligned, shuffled
	Kinds     []string           `json:"kinds,omitempty"` // of pair; empty: all
	Seed      string             `json:"seed"`            // canonical text of the seed value
}

// Pool says which candidates a task searches. Inputs: queries, corpus, qrels.
// A language is one code, or several joined by collection.JoinLanguages.
type Pool struct {
	QueryLanguage  string `json:"query_language"`
	CorpusLanguage string `json:"corpus_language"`
	Size           int    `json:"size"`    // candidates over all languages, gold included; 0: the whole corpus
	Queries        int    `json:"queries"` // 0: all
	Seed           int64  `json:"seed"`
}

// Selection picks the texts of one language from a loader's part, in the
// part's order. Inputs: "texts" (part queries or corpus), "model" if trained.
type Selection struct {
	Role     sdk.Role `json:"role"`
	Language string   `json:"language"`
}

// Leakage checks that no query of the pools, nor its relevant documents, are
// among the training pairs, by normalised text. Inputs: pairs, queries,
// corpus, pool (one per seed).
type Leakage struct {
	Mode string `json:"mode"` // error, warn
}

// The methods of a fusion and the ways to make scores comparable.
const (
	FuseRRF      = "rrf"      // reciprocal ranks
	FuseWeighted = "weighted" // a weighted sum of scores

	NormaliseNone   = "none"
	NormaliseMinMax = "minmax"
	NormaliseZScore = "zscore"
	NormaliseRank   = "rank"
)

// Fusion says how rankings become one. Inputs: "ranking" (one per part, in
// order), "pool".
type Fusion struct {
	Method    string    `json:"method"`
	K         float64   `json:"k,omitempty"`         // of reciprocal ranks
	Normalise string    `json:"normalise,omitempty"` // of a weighted sum
	Weights   []float64 `json:"weights"`             // one per part
}

// Declared is what the author of a study says of a run that was made
// elsewhere. Nil means that nothing was said.
type Declared struct {
	Params         *int64    `json:"params,omitempty"`
	ParamsNonEmbed *int64    `json:"params_non_embedding,omitempty"`
	Training       *[]string `json:"training_languages,omitempty"` // sorted
	Pretraining    *[]string `json:"pretraining,omitempty"`        // sorted
	Tag            string    `json:"tag,omitempty"`                // of the run, where another than the file's is wanted
}

// RunFile is what a plan knows of a file with a run.
type RunFile struct {
	Digest  cas.Digest // of the file as it lies
	Queries []string   // ids, sorted
	Deepest int        // the hits of the query that has most
	Stamp   cas.Stamp  `json:"-"` // of the file when it was read for Digest
}

// Cell is one retrieval or fuse instance: what one row of the results is about.
//
// Its rankings come from an encoder (Queries is set), from a file (Declared) or
// from other cells (Parts).
type Cell struct {
	ID             cas.Digest
	Retrieval      string // the block's name
	Encoder        string // the block's name; that of the run, or of the fuse with the alternatives of its parts
	Component      string
	Task           string
	Index          string
	Metric         string
	Axes           map[string]string
	QueryLanguage  string
	CorpusLanguage string
	PoolSize       int
	Runs           []CellRun // one per pool seed
	Mix, Train     *Step     // nil when the encoder is not trained
	Queries        *Step     // the encode step of the queries: its record has the EncoderInfo; nil where nothing is encoded
	Declared       *Declared // of a run; nil otherwise
	Parts          []*Cell   // of a fuse, in order; nil otherwise
}

// CellRun is what a cell computes for one pool seed. Search is the step that
// gives the ranking: a search, an import or a fusion.
type CellRun struct {
	Seed                  int64
	Pool, Search, Measure *Step
	Curve                 []CurvePoint // by ascending size; nil where there is no curve
}

// CurvePoint is what a cell measures at one pool size: the ranking of the full
// pool, restricted to the candidates of the pool that a task of this size has.
type CurvePoint struct {
	Size          int
	Pool, Measure *Step
}

// Analysis is one analysis block.
type Analysis struct {
	Name      string
	Retrieval string // or fuse
	Measure   string
	Baseline  string   // name of an encoder or a run; ""
	Reference []string // target languages that gaps are measured to, in the order of the workflow
	Worst     int      // how many languages the worst are; 0: the default
	Parallel  bool     // the targets are asked the same and offered the same: scores compare across languages
	Unlike    string   // what differs where they are not parallel
	Range     hcl.Range
}

// Claim is one claim block: one comparison over estimands.
type Claim struct {
	Name      string
	Analysis  string
	Statement string
	Holds     string // source text of the comparison
	Left      *Expr
	Op        string // ">", "<", ">=", "<="
	Right     *Expr
	Margin    float64
	Range     hcl.Range
}

// Expr is an arithmetic expression over estimands: a call, a number, or an
// operation on other expressions.
type Expr struct {
	Call  string   `json:"call,omitempty"` // slope, ame, mean, diff
	Args  []string `json:"args,omitempty"`
	Num   float64  `json:"num,omitempty"`
	Op    string   `json:"op,omitempty"` // + - * / neg
	Left  *Expr    `json:"left,omitempty"`
	Right *Expr    `json:"right,omitempty"`
}

// TextIDs are the ids of texts that an encoder will get.
type TextIDs struct {
	Role sdk.Role
	IDs  []string
}

// Catalog is what a plan may ask about the world.
type Catalog interface {
	// Component returns the declaration of a component.
	Component(kind sdk.Kind, name string) (Component, sdk.Info, bool)
	// Names lists the components of a kind, sorted.
	Names(kind sdk.Kind) []string
	// Validate lets the component check its arguments. train is nil where
	// there is no train block.
	Validate(ctx context.Context, c Component, config, train []byte) (sdk.Diagnostics, error)
	// Sources lists and hashes the files a loader will read.
	Sources(ctx context.Context, c Component, config []byte) ([]SourceDigest, error)
	// Measures returns what a metric measures, as records spell it, and what
	// values each measure can have; ranges is nil where the metric does not say.
	Measures(ctx context.Context, c Component, config []byte) (names []string, ranges []sdk.Range, err error)
	// Lacking asks an encoder that only looks vectors up which texts it has none
	// for: one answer per element of texts, in order. There is none from an
	// encoder that encodes anything, and from one that does not tell.
	Lacking(ctx context.Context, c Component, config []byte, texts []TextIDs) ([]sdk.Diagnostics, error)
	// Run reads a file with a run.
	Run(ctx context.Context, path string) (*RunFile, error)
	// Inspect returns what the loader's collection holds. recipe is that of
	// the load step: results are cached under it.
	Inspect(ctx context.Context, c Component, config []byte, recipe cas.Digest) (*sdk.Inspection, error)
}
