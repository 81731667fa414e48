package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// The parts of results.
const (
	partQueries = "queries"
	partCorpus  = "corpus"
	partQrels   = "qrels"
	partPairs   = "pairs"
	partCounts  = "counts"
	partLineage = "lineage"
	partModel   = "model"
	partPool    = "pool"
	partLeakage = "leakage"
	partVectors = "vectors"
	partIndex   = "index"
	partRanking = "ranking"
	partRun     = "run" // the ranking as a gzipped TREC run
	partValues  = "values"
	partRecords = "records"
	partCurve   = "curve" // records at smaller pools, from the same rankings
	partRuns    = "runs"  // a directory: the TREC runs of all cells
	partNotes   = "notes"
	partSummary = "summary"
	partClaims  = "claims"
	partReport  = "report"
)

// output is one part of a step's result.
type output struct {
	Digest cas.Digest `json:"digest"`
	Size   int64      `json:"size"` // of the blob; of the manifest for a directory
	Dir    bool       `json:"dir,omitempty"`
}

// record is what the store keeps of an action. Only Outputs are content
// addressed: nothing else in it may determine what a later step computes,
// unless it is a function of the action.
type record struct {
	Format   string            `json:"format"`
	Stage    study.Stage       `json:"stage"`
	Action   cas.Digest        `json:"action"`
	Outputs  map[string]output `json:"outputs"`
	Meta     meta              `json:"meta"`
	Cost     cost              `json:"cost"`
	Preimage json.RawMessage   `json:"preimage"` // Action is its digest
}

const recordFormat = "xlrun.action/1"

// meta is what later steps and the report need to know of a result beside its
// parts.
type meta struct {
	Encoder  *sdk.EncoderInfo    `json:"encoder,omitempty"`
	Rows     int                 `json:"rows,omitempty"` // of a matrix
	Dim      int                 `json:"dim,omitempty"`
	Lineage  *collection.Lineage `json:"lineage,omitempty"`
	Pairs    int                 `json:"pairs,omitempty"`    // training pairs of a mixture
	Examples int64               `json:"examples,omitempty"` // pairs seen in a training
	Notes    []note              `json:"notes,omitempty"`
	Checked  int                 `json:"checked,omitempty"` // queries looked for in training pairs
	Missing  int                 `json:"missing,omitempty"` // cells that a collection lacks
	Tag      string              `json:"tag,omitempty"`     // what the file of a run calls it
}

type note struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Text  string `json:"text,omitempty"`
	Of    string `json:"of,omitempty"` // what it is about: counted once, in however many steps it is found
}

// cost is what computing a result took, on some machine: for estimates only.
type cost struct {
	Seconds float64 `json:"seconds"`
	Compute float64 `json:"compute_seconds"`
	Plugin  string  `json:"plugin,omitempty"`
}

// preimage is what an action digest is the digest of.
type preimage struct {
	Args   json.RawMessage `json:"args"`
	Inputs []preimageInput `json:"inputs"`
}

type preimageInput struct {
	Role    string     `json:"role"`
	Content cas.Digest `json:"content"`
}

// lookUp returns the record of a recipe. It is nil where there is none, and
// where the one there is cannot be used: unusable is true then.
func lookUp(store *cas.Store, recipe cas.Digest) (rec *record, unusable bool, err error) {
	b, ok, err := store.Recipe(recipe)
	if !ok || err != nil {
		return nil, false, err
	}
	rec = intactRecord(store, b)
	return rec, rec == nil, nil
}

// lookUpAction returns the usable record of an action, or nil.
func lookUpAction(store *cas.Store, action cas.Digest) (*record, error) {
	b, ok, err := store.Action(action)
	if !ok || err != nil {
		return nil, err
	}
	return intactRecord(store, b), nil
}

// requiredParts lists what a result of each stage has at least.
var requiredParts = map[study.Stage][]string{
	study.StageLoad:    {partQueries, partCorpus, partQrels, partPairs, partCounts},
	study.StageMix:     {partPairs, partLineage},
	study.StageTrain:   {partModel},
	study.StagePool:    {partPool},
	study.StageCheck:   {partLeakage},
	study.StageEncode:  {partVectors},
	study.StageJoin:    {partVectors},
	study.StageIndex:   {partIndex},
	study.StageSearch:  {partRanking, partRun},
	study.StageImport:  {partRanking, partRun},
	study.StageFuse:    {partRanking, partRun},
	study.StageMeasure: {partValues},
	study.StageCollect: {partRecords, partRuns, partNotes},
	study.StageAnalyse: {partSummary},
	study.StageReport:  {partReport},
}

// whole reports whether a record has all that later steps take from it: one
// that another xlrun wrote may lack something.
func (rec *record) whole() bool {
	for _, part := range requiredParts[rec.Stage] {
		if _, ok := rec.Outputs[part]; !ok {
			return false
		}
	}
	switch rec.Stage {
	case study.StageMix:
		return rec.Meta.Lineage != nil
	case study.StageEncode:
		return rec.Meta.Encoder != nil
	}
	return true
}

// intactRecord reads a record. It returns nil where the record is damaged, is
// of another format or lacks something, and where an output is missing or has
// the wrong size.
func intactRecord(store *cas.Store, b []byte) *record {
	var rec record
	if json.Unmarshal(b, &rec) != nil || rec.Format != recordFormat || len(rec.Outputs) == 0 || !rec.whole() {
		return nil
	}
	for _, o := range rec.Outputs {
		if !store.Intact(o.Digest, o.Size) || o.Dir && !store.Complete(o.Digest) {
			return nil
		}
	}
	rec.Preimage = nil // long, and for people
	return &rec
}

// StepError is a step that failed.
type StepError struct {
	Step     *study.Step
	Fault    pluginhost.Fault
	Attempts int
	Err      error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Step.Stage, e.Step.Label, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// inputError is an error that is the author's or the data's fault.
type inputError struct{ err error }

func (e inputError) Error() string { return e.err.Error() }
func (e inputError) Unwrap() error { return e.err }

// pluginError is an error that is the component's fault.
type pluginError struct{ err error }

func (e pluginError) Error() string { return e.err.Error() }
func (e pluginError) Unwrap() error { return e.err }

func blame(fault pluginhost.Fault, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if fault == pluginhost.FaultPlugin {
		return pluginError{err}
	}
	return inputError{err}
}

// faultOf says whose fault an error is.
func faultOf(err error) pluginhost.Fault {
	var (
		se  *StepError
		in  inputError
		pl  pluginError
		phe *pluginhost.Error
		dg  sdk.Diagnostics
		pe  *fs.PathError
	)
	switch {
	case errors.As(err, &se):
		return se.Fault
	case errors.Is(err, cas.ErrFull):
		return pluginhost.FaultMachine
	case errors.As(err, &phe):
		return phe.Fault
	case errors.As(err, &in), errors.As(err, &dg):
		return pluginhost.FaultInput
	case errors.As(err, &pl):
		return pluginhost.FaultPlugin
	case errors.As(err, &pe):
		return pluginhost.FaultMachine
	}
	return pluginhost.FaultHost
}
