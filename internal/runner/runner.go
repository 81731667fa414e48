// Package runner carries out a plan: it computes what the store does not have
// yet, and turns it into records.
//
// The one thing to know: a step has a recipe, known when planned, and an
// action, known when its inputs exist. A step whose recipe is in the store is
// never looked into; what it was made from need not be there any more. A step
// whose action is in the store is not computed either, whatever recipe led to
// it. Everything else is computed, stored, and only then recorded, so that a
// process may be killed at any point and the next one goes on from there.
//
// The package knows stages, not components: what an encoder or a metric does
// is behind Host.
package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// Host carries out the work of components, in their own processes. A slot is
// used by one call at a time. *pluginhost.Host is one.
type Host interface {
	Load(ctx context.Context, slot int, ref pluginhost.Ref, out sdk.Collector) (pluginhost.Stats, error)
	Train(ctx context.Context, slot int, ref pluginhost.Ref, call pluginhost.TrainCall) (pluginhost.Stats, error)
	Encode(ctx context.Context, slot int, ref pluginhost.Ref, role sdk.Role, texts iter.Seq2[sdk.Text, error], total int, sink func(*sdk.Embeddings) error) (sdk.EncoderInfo, pluginhost.Stats, error)
	Build(ctx context.Context, slot int, ref pluginhost.Ref, t sdk.BuildTask) (pluginhost.Stats, error)
	Search(ctx context.Context, slot int, ref pluginhost.Ref, t sdk.SearchTask, emit func(query int32, hits []sdk.Hit) error) (pluginhost.Stats, error)
	Evaluate(ctx context.Context, slot int, ref pluginhost.Ref, queries iter.Seq[sdk.JudgedQuery], emit func(id string, v sdk.QueryValues) error) (measures []string, st pluginhost.Stats, err error)
}

var _ Host = (*pluginhost.Host)(nil)

// Options says how to carry out a plan.
type Options struct {
	Store   *cas.Store
	Host    Host
	Workers int  // steps at once; less than 1 means 1
	Force   bool // compute everything, also what is in the store
	Retries int  // further attempts when a plugin died; negative: none, 0: the default, 2

	// CacheBytes bounds the decoded collections that are kept in memory;
	// 0: 256 MiB.
	CacheBytes int64

	// Events gets what happens, one event at a time. It may be nil. It holds
	// the run up: return soon.
	Events func(Event)

	// Analyse turns records into parts: "summary" and "claims". Nil leaves
	// analysis and report out.
	Analyse func(ctx context.Context, plan *study.Plan, in Findings) (map[string][]byte, error)
	// Report turns these into the files of a report: name to content.
	Report func(ctx context.Context, plan *study.Plan, in Findings) (map[string][]byte, error)

	// Results is where results are laid out: .xlrun/<workflow>. Empty: nowhere.
	Results string
}

// Findings is what a study has found so far.
type Findings struct {
	Records string // path of records.parquet
	Summary string // path of summary.json; Report only
	Claims  string // path of claims.json; Report only
	Curve   string // path of curve.parquet; "" where no cell has a curve
	Notes   []Note // what is worth a footnote
	Checks  []Check

	// Missing counts the planned cells without records, because something
	// they need failed.
	Missing int
}

// Note is something that did not stop the study and that its reader should
// know: texts without words, queries left out, leaks that were let through.
type Note struct {
	Stage study.Stage `json:"stage"`
	Block string      `json:"block"`          // encoder.student
	What  string      `json:"what"`           // "empty text"
	Count int         `json:"count"`          // summed over the steps
	Steps int         `json:"steps"`          // of that block with such a note
	First string      `json:"first"`          // label of the first of them
	Text  string      `json:"text,omitempty"` // a sentence, where there is more to say
}

// What some notes count.
const (
	NoteExcluded = "pairs left out because a test set has them"
	NoteRefilled = "pairs taken beyond an equal share because a language ran short"
	NoteLeak     = "test texts that stand in the training pairs"
)

// Check adds up the leakage checks of one retrieval block.
type Check struct {
	Block   string `json:"block"`   // retrieval.zero_shot
	Steps   int    `json:"steps"`   // training sets × tasks compared
	Queries int    `json:"queries"` // over all of them
	Found   int    `json:"found"`   // test texts seen in training
}

// StageCount counts the steps of one stage.
type StageCount struct {
	Stage   study.Stage `json:"stage"`
	Total   int         `json:"total"`
	Cached  int         `json:"cached"` // not looked into, or found under their action
	Ran     int         `json:"ran"`
	Shared  int         `json:"shared"` // equal to a step that ran
	Failed  int         `json:"failed"`
	Skipped int         `json:"skipped"` // not started because something they need failed
}

// Done returns how many steps need nothing more.
func (c StageCount) Done() int { return c.Cached + c.Ran + c.Shared + c.Failed + c.Skipped }

// Failure is one step that failed.
type Failure struct {
	Step     *study.Step
	Fault    pluginhost.Fault
	Err      error
	Attempts int
	Skipped  int // steps not started because of it, each counted with one failure
}

// Outcome says how it went.
type Outcome struct {
	StageCount // over all stages; Stage is empty
	Stages     []StageCount
	Retried    int
	Failures   []Failure
	Notes      []Note
	Missing    int // cells without records
	Unusable   int // steps whose stored result was damaged or of another xlrun, and was computed again
	Elapsed    time.Duration

	// Where the results are; empty where there are none.
	Records, Summary, Claims string     // in the store
	Report                   cas.Digest // a directory artifact
	Results                  string     // the directory with report.html and the rest
}

// Run carries out a plan. Steps that fail do not stop those that do not need
// them: they are in Outcome.Failures, and the error is nil. The error is for
// what stopped the run: ctx, whose error it wraps, or a machine that cannot go
// on, such as a full disk. What has been computed by then is in the store, and
// the next call goes on from there.
func Run(ctx context.Context, plan *study.Plan, opts Options) (*Outcome, error) {
	if opts.Store == nil || opts.Host == nil {
		return nil, errors.New("run a plan: no store or no host")
	}
	opts.Workers = max(1, opts.Workers)
	switch {
	case opts.Retries < 0:
		opts.Retries = 0
	case opts.Retries == 0:
		opts.Retries = 2
	}
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 256 << 20
	}
	start := time.Now()
	r := newRun(plan, opts)
	defer r.journal.close()
	r.inspect()
	err := r.schedule(ctx)
	out := r.outcome()
	if err == nil && opts.Results != "" {
		out.Results, err = r.publish(out)
	}
	out.Elapsed = time.Since(start)
	if err != nil {
		return out, fmt.Errorf("run %s: %w", plan.Name, err)
	}
	return out, nil
}

// StepStatus says of each step of a plan whether it would run.
type StepStatus struct {
	Stages []StageCount // Cached and Total are set
	ToRun  []*study.Step
	Cached int
}

// Status says what Run would do, judging by recipes. A step counted as to run
// may still turn out to be in the store, under its action.
func Status(plan *study.Plan, store *cas.Store) (*StepStatus, error) {
	r := newRun(plan, Options{Store: store, Workers: 1})
	if err := r.prepare(); err != nil {
		return nil, err
	}
	st := &StepStatus{}
	for _, n := range r.nodes {
		if n.toRun() {
			st.ToRun = append(st.ToRun, n.step)
		}
	}
	st.Stages = r.stageCounts()
	st.Cached = len(r.nodes) - len(st.ToRun)
	return st, nil
}

// Recorded reports whether the store has the result of a recipe.
func Recorded(store *cas.Store, recipe cas.Digest) bool {
	rec, _, err := lookUp(store, recipe)
	return err == nil && rec != nil
}

func (r *run) outcome() *Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &Outcome{Stages: r.stageCounts(), Retried: r.retried, Notes: r.notes, Missing: r.missing, Unusable: len(r.unusable)}
	for _, c := range out.Stages {
		out.Total += c.Total
		out.Cached += c.Cached
		out.Ran += c.Ran
		out.Shared += c.Shared
		out.Failed += c.Failed
		out.Skipped += c.Skipped
	}
	for _, n := range r.nodes {
		if n.state == failed {
			out.Failures = append(out.Failures, Failure{Step: n.step, Fault: faultOf(n.err), Err: n.err, Attempts: n.attempts, Skipped: n.skipped})
		}
	}
	path := func(step *study.Step, part string) string {
		if n := r.node(step); n != nil && n.rec != nil {
			if o, ok := n.rec.Outputs[part]; ok {
				return r.store.Path(o.Digest)
			}
		}
		return ""
	}
	out.Records = path(r.plan.Collect, partRecords)
	out.Summary = path(r.plan.Analyse, partSummary)
	out.Claims = path(r.plan.Analyse, partClaims)
	if n := r.node(r.plan.Report); n != nil && n.rec != nil {
		out.Report = n.rec.Outputs[partReport].Digest
	}
	return out
}

// stageCounts counts nodes by stage, in plan order. r.mu is held, or nothing
// runs.
func (r *run) stageCounts() []StageCount {
	at := map[study.Stage]*StageCount{}
	for _, n := range r.nodes {
		c := at[n.step.Stage]
		if c == nil {
			c = &StageCount{Stage: n.step.Stage}
			at[n.step.Stage] = c
		}
		c.Total++
		switch n.state {
		case unseen, cached:
			c.Cached++
		case waiting:
			if n.rec != nil {
				c.Cached++
			}
		case done:
			c.Ran++
		case shared:
			c.Shared++
		case failed:
			c.Failed++
		case skipped:
			c.Skipped++
		}
	}
	var out []StageCount
	for _, s := range study.Stages {
		if c := at[s]; c != nil {
			out = append(out, *c)
			delete(at, s)
		}
	}
	for _, c := range at {
		out = append(out, *c)
	}
	slices.SortStableFunc(out, func(a, b StageCount) int {
		return slices.Index(study.Stages, a.Stage) - slices.Index(study.Stages, b.Stage)
	})
	return out
}
