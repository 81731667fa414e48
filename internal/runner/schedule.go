package runner

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
)

type state uint8

// The life of a step:
//
//	unseen → cached                          its recipe is in the store
//	unseen → waiting → ready → running → done | shared | cached | failed
//	         waiting → skipped               something it needs failed
//
// A step that nobody asks for stays unseen: what would have asked is cached.
const (
	unseen state = iota
	cached
	waiting
	ready
	running
	done
	shared
	failed
	skipped
)

// node is a step in a run. Its fields are guarded by run.mu, but for the
// worker that runs it.
type node struct {
	step  *study.Step
	order int // in the plan
	cell  int // the first cell that needs it

	state    state
	fresh    bool // do not take it from the store
	stale    bool // something it needs came out other than its stored result supposes
	waits    int  // needed steps that have not ended
	needed   []*node
	rec      *record // when it has ended well
	err      error
	attempts int
	revived  int // times that damaged inputs were computed again for it
	skipped  int // steps that its failure kept from starting
}

// run is one execution of a plan.
type run struct {
	plan     *study.Plan
	opts     Options
	store    *cas.Store
	cache    *cache
	rankings *cache // apart: they go when they have been measured

	nodes []*node
	index map[*study.Step]*node

	mu         sync.Mutex
	wake       *sync.Cond
	queue      queue
	open       int // nodes waiting, ready or running
	openOf     map[study.Stage]int
	busy       int // workers at work
	flights    map[cas.Digest]*flight
	made       map[cas.Digest]*record // actions that have a result in this run
	stop       error                  // what ends the run early
	strict     bool                   // also steps in the store wait for what they need
	retried    int
	missing    int
	seen       map[string]cas.Stamp // of sources with the content that they were planned with
	lostPoints int                  // of curves, because their steps have failed
	notes      []Note

	unusable []*node // those whose stored result is damaged, or of another xlrun

	journal *journal
	started time.Time

	eventMu sync.Mutex
	seq     int64
}

// rankingBytes bounds the rankings kept in memory.
const rankingBytes = 64 << 20

// flight is an action being computed; the waiting nodes share its result.
type flight struct{ waiting []*node }

func newRun(plan *study.Plan, opts Options) *run {
	r := &run{
		plan: plan, opts: opts, store: opts.Store, cache: newCache(opts.CacheBytes), rankings: newCache(min(rankingBytes, opts.CacheBytes)),
		nodes: make([]*node, len(plan.Steps)), index: make(map[*study.Step]*node, len(plan.Steps)),
		flights: map[cas.Digest]*flight{}, made: map[cas.Digest]*record{}, openOf: map[study.Stage]int{}, journal: newJournal(opts.Results),
		started: time.Now().UTC().Truncate(time.Microsecond),
	}
	r.wake = sync.NewCond(&r.mu)
	for i, s := range plan.Steps {
		r.nodes[i] = &node{step: s, order: i, cell: math.MaxInt, fresh: opts.Force}
		r.index[s] = r.nodes[i]
	}
	// Cells one after another: what a cell needs comes before what only a
	// later one needs, so that results and free memory come early.
	for i, c := range plan.Cells {
		for _, x := range c.Runs {
			r.mark(r.node(x.Measure), i)
		}
	}
	return r
}

func (r *run) node(s *study.Step) *node {
	if s == nil {
		return nil
	}
	return r.index[s]
}

func (r *run) mark(n *node, cell int) {
	if n == nil || n.cell <= cell {
		return
	}
	n.cell = cell
	for _, d := range r.needs(n) {
		r.mark(d, cell)
	}
}

// needs lists the steps that must end before n starts, each once.
func (r *run) needs(n *node) []*node {
	var out []*node
	add := func(s *study.Step) {
		if d := r.node(s); d != nil && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if n.step.Stage == study.StageCollect {
		// The records also hold what is known of the steps before, and the
		// runs. These are many: a map instead of a search.
		seen := map[*node]bool{}
		addAll := func(s *study.Step) {
			if d := r.node(s); d != nil && !seen[d] {
				seen[d] = true
				out = append(out, d)
			}
		}
		for _, in := range n.step.Inputs {
			addAll(in.Step)
		}
		for _, d := range r.nodes {
			switch d.step.Stage {
			case study.StageLoad, study.StageMix, study.StageTrain, study.StagePool, study.StageCheck, study.StageEncode, study.StageSearch, study.StageImport, study.StageFuse:
				addAll(d.step)
			}
		}
		return out
	}
	for _, in := range n.step.Inputs {
		add(in.Step)
	}
	for _, s := range n.step.After {
		add(s)
	}
	return out
}

// tolerant steps start when what they need has ended, well or not.
func (n *node) tolerant() bool { return n.step.Stage == study.StageCollect }

// toRun reports whether n has been asked for and has no result yet.
func (n *node) toRun() bool { return (n.state == waiting || n.state == ready) && n.rec == nil }

// prepare decides what has to run. r.mu is held, or nothing runs yet.
func (r *run) prepare() error {
	// Checks first: where one has to run, what is in the store may not count,
	// and everything is looked at.
	for _, n := range r.nodes {
		if n.step.Stage != study.StageCheck {
			continue
		}
		need, err := r.demand(n)
		if err != nil {
			return err
		}
		r.strict = r.strict || need
	}
	roots := []*node{r.node(r.plan.Collect), r.node(r.plan.Analyse), r.node(r.plan.Report)}
	if r.strict || r.opts.Force || roots[0] == nil {
		roots = append(roots, r.nodes...)
	}
	for _, n := range roots {
		if n == nil || r.leftOut(n) {
			continue
		}
		if _, err := r.demand(n); err != nil {
			return err
		}
	}
	return nil
}

// leftOut reports whether a step is not asked for because nobody gave us the
// means.
func (r *run) leftOut(n *node) bool {
	if r.opts.Host == nil {
		return false // Status
	}
	return n.step.Stage == study.StageAnalyse && r.opts.Analyse == nil ||
		n.step.Stage == study.StageReport && (r.opts.Report == nil || r.opts.Analyse == nil)
}

// demand makes sure that n has a result or will get one. It reports whether
// it has to wait for it.
func (r *run) demand(n *node) (bool, error) {
	switch n.state {
	case waiting, ready, running:
		return true, nil
	case unseen:
	default:
		return false, nil
	}
	if !n.fresh && n.rec == nil {
		rec, unusable, err := lookUp(r.store, n.step.Recipe)
		if err != nil {
			return false, err
		}
		switch n.step.Stage {
		case study.StageAnalyse, study.StageReport:
			// These few people read as they are, so they are read through.
			if rec != nil && !r.sound(rec) {
				rec, unusable = nil, true
			}
		case study.StageCollect:
			if rec != nil {
				if _, err := r.readNotes(rec.Outputs[partNotes]); err != nil {
					rec, unusable = nil, true
				}
			}
		}
		if unusable {
			r.unusable = append(r.unusable, n)
		}
		n.rec = rec
	}
	if n.rec != nil && !r.strict {
		n.state = cached
		return false, nil
	}
	n.state = waiting
	r.open++
	r.openOf[n.step.Stage]++
	for _, d := range r.needs(n) {
		need, err := r.demand(d)
		if err != nil {
			return false, err
		}
		if need {
			n.waits++
			d.needed = append(d.needed, n)
		}
	}
	if n.waits == 0 {
		if n.rec != nil {
			r.close(n, cached)
			return false, nil
		}
		if d := r.lost(n); d != nil {
			r.skip(n, d)
			return false, nil
		}
		n.state = ready
		heap.Push(&r.queue, n)
	}
	return true, nil
}

// lost returns a step that n needs and that has failed.
func (r *run) lost(n *node) *node {
	if n.tolerant() {
		return nil
	}
	for _, d := range r.needs(n) {
		if d.state == failed || d.state == skipped {
			return d
		}
	}
	return nil
}

// skip gives n up because d, which it needs, has no result.
func (r *run) skip(n, d *node) {
	r.close(n, skipped)
	n.rec = nil
	cause := d
	var c *causeError
	if errors.As(d.err, &c) {
		cause = c.node
	}
	cause.skipped++
	n.err = &causeError{cause}
	r.journal.add(results.Entry{
		Step: n.step.Label, Stage: string(n.step.Stage), Block: n.step.Block, Recipe: string(n.step.Recipe), Component: componentName(n.step),
		StartedAt: time.Now().UTC(), Status: results.StatusSkipped, Error: "needs " + string(cause.step.Stage) + " " + cause.step.Label,
	})
	r.settle(n)
}

// causeError says which failure kept a step from starting.
type causeError struct{ node *node }

func (e *causeError) Error() string {
	return "needs " + string(e.node.step.Stage) + " " + e.node.step.Label + ", which failed"
}

// settle lets those that wait for n go on. n has ended.
func (r *run) settle(n *node) {
	list := n.needed
	n.needed = nil
	for _, m := range list {
		if m.state != waiting {
			continue
		}
		if n.state == failed || n.state == skipped {
			if !m.tolerant() {
				r.skip(m, n)
				continue
			}
			m.stale = true
		}
		if m.stale = m.stale || n.stale; m.stale {
			m.rec = nil
		}
		if m.waits--; m.waits > 0 {
			continue
		}
		if m.rec != nil {
			r.close(m, cached)
			r.settle(m)
			continue
		}
		m.state = ready
		heap.Push(&r.queue, m)
	}
	r.wake.Broadcast()
}

func componentName(s *study.Step) string {
	if s.Component == nil {
		return ""
	}
	return s.Component.Name
}

// schedule runs everything that has to run.
func (r *run) schedule(ctx context.Context) error {
	r.mu.Lock()
	err := r.prepare()
	weight := 0.0
	for _, n := range r.nodes {
		if n.toRun() {
			weight += n.step.Weight
		}
	}
	counts := r.stageCounts()
	unusable := slices.Clone(r.unusable)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	r.emit(Event{Type: EventPlan, Stages: counts, Workers: r.opts.Workers, Weight: weight})
	switch len(unusable) {
	case 0:
	case 1:
		r.emit(Event{Type: EventWarning, Step: unusable[0].step, Detail: unusableText})
	default:
		// One line: where a disk has gone bad there may be thousands.
		r.emit(Event{Type: EventWarning, Detail: fmt.Sprintf("the stored results of %d steps are damaged, or another version of xlrun wrote them; they are computed again, %s %s first",
			len(unusable), unusable[0].step.Stage, unusable[0].step.Label)})
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	halt := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.stop == nil {
			r.stop = context.Cause(ctx)
		}
		r.wake.Broadcast()
	})
	defer halt()
	var wg sync.WaitGroup
	for slot := range min(r.opts.Workers, max(1, r.open)) {
		wg.Go(func() { r.work(ctx, cancel, slot) })
	}
	wg.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	// Told to stop when everything had been done: that is done.
	if r.stop != nil && (r.open > 0 || errors.Is(r.stop, cas.ErrFull)) {
		return r.stop
	}
	if r.open > 0 {
		return fmt.Errorf("a fault of xlrun itself: %d steps were never started", r.open)
	}
	r.summarise()
	r.emit(Event{Type: EventSummary, Stages: r.stageCounts()})
	return nil
}

const unusableText = "its stored result is damaged, or another version of xlrun wrote it; it is computed again"

// work runs one step after another until none is left.
func (r *run) work(ctx context.Context, cancel context.CancelCauseFunc, slot int) {
	for {
		r.mu.Lock()
		for len(r.queue) == 0 && r.open > 0 && r.stop == nil && r.busy > 0 {
			r.wake.Wait()
		}
		if r.stop != nil || r.open == 0 || len(r.queue) == 0 {
			r.wake.Broadcast()
			r.mu.Unlock()
			return
		}
		n := heap.Pop(&r.queue).(*node)
		n.state = running
		r.busy++
		r.mu.Unlock()

		r.one(ctx, cancel, n, slot)

		r.mu.Lock()
		r.busy--
		r.wake.Broadcast()
		r.mu.Unlock()
	}
}

// one carries out a step.
func (r *run) one(ctx context.Context, cancel context.CancelCauseFunc, n *node, slot int) {
	started := time.Now()
	entry := results.Entry{
		Step: n.step.Label, Stage: string(n.step.Stage), Block: n.step.Block, Recipe: string(n.step.Recipe),
		Component: componentName(n.step), Slot: int32(slot), StartedAt: started.UTC(),
	}
	if r.waitAgain(n) || n.tolerant() && r.fruitless(n) {
		return
	}
	action, pre, err := r.action(n)
	entry.Action = string(action)
	if err != nil {
		if !r.revive(n, err, nil) {
			r.end(n, nil, r.stepError(n, err), failed, entry)
		}
		return
	}
	r.mu.Lock()
	if rec := r.made[action]; rec != nil && n.revived == 0 {
		r.mu.Unlock()
		r.end(n, rec, r.putRecipe(n, action), shared, entry)
		return
	}
	if f, ok := r.flights[action]; ok {
		f.waiting = append(f.waiting, n)
		r.mu.Unlock()
		return
	}
	f := &flight{}
	r.flights[action] = f
	r.mu.Unlock()

	var (
		rec *record
		res *result
		how = done
	)
	if !n.fresh && n.revived == 0 {
		rec, err = lookUpAction(r.store, action)
	}
	switch {
	case err != nil:
	case rec != nil:
		how = cached
		err = r.putRecipe(n, action)
	default:
		if res, err = r.attempt(ctx, n, action, slot); err == nil {
			rec, err = r.keep(n, action, pre, res, time.Since(started))
		}
	}
	entry.Attempt = int32(n.attempts)
	if res != nil {
		entry.Plugin, entry.PID, entry.ComputeSeconds = res.stats.Plugin, int32(res.stats.PID), res.stats.Compute.Seconds()
	}

	r.mu.Lock()
	delete(r.flights, action)
	if err == nil {
		r.made[action] = rec
	}
	r.mu.Unlock()
	switch {
	case ctx.Err() != nil && err != nil:
		// Cancelled is not failed.
		entry.Status = results.StatusInterrupted
		entry.Seconds = time.Since(started).Seconds()
		r.journal.add(entry)
		return
	case errors.Is(err, cas.ErrFull):
		cancel(err)
	case err != nil && r.revive(n, err, f.waiting):
		return
	}
	if err != nil {
		err = r.stepError(n, err)
		r.end(n, nil, err, failed, entry)
	} else {
		r.end(n, rec, nil, how, entry)
	}
	for _, w := range f.waiting {
		e := results.Entry{
			Step: w.step.Label, Stage: string(w.step.Stage), Block: w.step.Block, Recipe: string(w.step.Recipe), Action: string(action),
			Component: componentName(w.step), Slot: int32(slot), StartedAt: time.Now().UTC(),
		}
		if err != nil {
			r.end(w, nil, r.stepError(w, err), failed, e)
			continue
		}
		r.end(w, rec, r.putRecipe(w, action), shared, e)
	}
}

// waitAgain puts n back if something it needs is being computed again.
func (r *run) waitAgain(n *node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.needs(n) {
		switch d.state {
		case waiting, ready, running:
			n.state = waiting
			n.waits++
			d.needed = append(d.needed, n)
		}
	}
	return n.state == waiting
}

// fruitless gives n up if every cell it would collect has failed.
func (r *run) fruitless(n *node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lost *node
	for _, in := range n.step.Inputs {
		d := r.node(in.Step)
		if d == nil || d.rec != nil {
			return false
		}
		lost = d
	}
	if lost == nil {
		return false
	}
	r.missing = len(r.plan.Cells)
	r.skip(n, lost)
	return true
}

func (r *run) stepError(n *node, err error) error {
	var se *StepError
	if errors.As(err, &se) {
		err = se.Err
	}
	return &StepError{Step: n.step, Fault: faultOf(err), Attempts: n.attempts, Err: err}
}

// end notes how a step ended and lets others go on.
func (r *run) end(n *node, rec *record, err error, to state, entry results.Entry) {
	if err != nil {
		to = failed
	}
	entry.Seconds = time.Since(entry.StartedAt).Seconds()
	switch to {
	case cached:
		entry.Status, entry.Cached = results.StatusCached, true
	case shared:
		entry.Status = results.StatusShared
	case done:
		entry.Status = results.StatusDone
	default:
		entry.Status, entry.Error = results.StatusFailed, err.Error()
	}
	r.journal.add(entry)
	slot := int(entry.Slot)

	r.mu.Lock()
	n.rec, n.err = rec, err
	r.close(n, to)
	before := n.skipped
	r.settle(n)
	lost := n.skipped - before
	var finished []StageCount
	if r.opts.Events != nil && r.openOf[n.step.Stage] == 0 {
		for _, c := range r.stageCounts() {
			if c.Stage == n.step.Stage {
				finished = []StageCount{c}
			}
		}
	}
	r.mu.Unlock()

	r.emit(Event{Type: EventEnd, Step: n.step, Slot: &slot, Status: entry.Status, Cached: entry.Cached, Seconds: &entry.Seconds, Digest: entry.Action})
	if err != nil {
		r.emit(Event{Type: EventFailure, Step: n.step, Slot: &slot, Fault: faultOf(err), Detail: detail(err), Attempt: n.attempts, Skipped: lost})
	}
	if finished != nil {
		r.emit(Event{Type: EventStage, Stage: n.step.Stage, Stages: finished})
	}
}

// close moves an open node to its last state.
func (r *run) close(n *node, to state) {
	n.state = to
	r.open--
	r.openOf[n.step.Stage]--
}

// detail is an error's text without the step, which stands beside it.
func detail(err error) string {
	var se *StepError
	if errors.As(err, &se) {
		return se.Err.Error()
	}
	return err.Error()
}

// action returns the digest of what determines the step's result, and what it
// is the digest of. What it needs has ended.
func (r *run) action(n *node) (cas.Digest, []byte, error) {
	p := preimage{Args: n.step.ActionArgs, Inputs: []preimageInput{}}
	if len(p.Args) == 0 {
		p.Args = json.RawMessage("null")
	}
	add := func(role string, d cas.Digest) { p.Inputs = append(p.Inputs, preimageInput{role, d}) }
	for _, in := range n.step.Inputs {
		o, ok := r.input(in)
		if !ok {
			if n.tolerant() {
				add(in.Role, "")
				continue
			}
			return "", nil, gone(in)
		}
		add(in.Role, o.Digest)
	}
	switch n.step.Stage {
	case study.StageCollect:
		facts, err := r.collectFacts()
		if err != nil {
			return "", nil, err
		}
		add("facts", cas.Sum(facts))
	case study.StageAnalyse, study.StageReport:
		if c := r.record(r.plan.Collect); c != nil {
			add(partNotes, c.Outputs[partNotes].Digest)
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		return "", nil, fmt.Errorf("name the action: %w", err)
	}
	return cas.Sum(b), b, nil
}

// record returns the result of a step; nil where it has none.
func (r *run) record(s *study.Step) *record {
	n := r.node(s)
	if n == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return n.rec
}

// input returns a part of an earlier step's result.
func (r *run) input(in study.Input) (output, bool) {
	rec := r.record(in.Step)
	if rec == nil {
		return output{}, false
	}
	o, ok := rec.Outputs[in.Part]
	return o, ok
}

// errGone marks an input that was there when the step was let go and is not
// now: another step has found it damaged. It may even be back by the time that
// somebody looks.
var errGone = errors.New("it is being computed again")

func gone(in study.Input) error {
	return fmt.Errorf("%s %s has no part %q: %w", in.Step.Stage, in.Step.Label, in.Part, errGone)
}

// result is what a stage gives.
type result struct {
	outputs map[string]output
	meta    meta
	stats   pluginhost.Stats
}

// attempt runs a step until it succeeds or is not worth another try.
func (r *run) attempt(ctx context.Context, n *node, action cas.Digest, slot int) (*result, error) {
	for {
		n.attempts++
		r.emit(Event{Type: EventStart, Step: n.step, Slot: &slot, Attempt: n.attempts, Attempts: r.opts.Retries + 1})
		res, err := r.execute(ctx, n, action, slot)
		if err == nil || ctx.Err() != nil {
			return res, err
		}
		var pe *pluginhost.Error
		if !errors.As(err, &pe) || !pe.Retryable || n.attempts > r.opts.Retries {
			return nil, err
		}
		r.mu.Lock()
		r.retried++
		r.mu.Unlock()
		r.emit(Event{Type: EventRetry, Step: n.step, Slot: &slot, Attempt: n.attempts, Attempts: r.opts.Retries + 1, Fault: faultOf(err), Detail: detail(err)})
	}
}

func (r *run) execute(ctx context.Context, n *node, action cas.Digest, slot int) (res *result, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, fmt.Errorf("a fault of xlrun itself: %v\n%s", p, debug.Stack())
		}
	}()
	j := &job{r: r, n: n, step: n.step, action: action, slot: slot, report: r.reporter(n, slot)}
	f, ok := stages[n.step.Stage]
	if !ok {
		return nil, fmt.Errorf("unknown stage %q", n.step.Stage)
	}
	const tries = 3
	for try := 1; ; try++ {
		before, err := r.sources(n.step)
		if err != nil {
			return nil, err
		}
		res, err := f(ctx, j)
		if err != nil || len(before) == 0 {
			return res, err
		}
		// What the step gave must not be kept for files that it did not see.
		after, err := r.sources(n.step)
		switch {
		case err != nil:
			return nil, err
		case slices.Equal(before, after):
			return res, nil
		case try == tries:
			return nil, inputError{fmt.Errorf("the files of this step are written to again and again while it reads them; run again when they stand still")}
		}
	}
}

// sources returns the stamps of the files that a step reads, all of which are
// what they were when the plan was made.
func (r *run) sources(s *study.Step) ([]cas.Stamp, error) {
	var out []cas.Stamp
	for _, src := range s.Sources {
		if src.Path == "" {
			continue
		}
		stamp, err := cas.StampOf(src.Path)
		if err != nil {
			return nil, inputError{fmt.Errorf("read again what was planned with: %w", err)}
		}
		key := string(src.Digest) + " " + src.Path
		r.mu.Lock()
		seen := r.seen[key]
		r.mu.Unlock()
		if stamp != src.Stamp && stamp != seen {
			var d cas.Digest
			if d, stamp, err = cas.SumFile(src.Path); err != nil {
				return nil, inputError{err}
			}
			if d != src.Digest {
				return nil, inputError{fmt.Errorf("%s has changed since the plan was made; run again", src.Path)}
			}
			r.mu.Lock()
			if r.seen == nil {
				r.seen = map[string]cas.Stamp{}
			}
			r.seen[key] = stamp
			r.mu.Unlock()
		}
		out = append(out, stamp)
	}
	return out, nil
}

// keep stores the record of an action.
func (r *run) keep(n *node, action cas.Digest, pre []byte, res *result, took time.Duration) (*record, error) {
	rec := &record{
		Format: recordFormat, Stage: n.step.Stage, Action: action, Outputs: res.outputs, Meta: res.meta, Preimage: pre,
		Cost: cost{Seconds: took.Seconds(), Compute: res.stats.Compute.Seconds(), Plugin: res.stats.Plugin},
	}
	old, err := lookUpAction(r.store, action)
	if err != nil {
		return nil, err
	}
	if old != nil {
		// Another process was faster, or we were told to compute it again.
		r.compare(n, old, rec)
	}
	if old == nil || r.opts.Force {
		b, err := json.Marshal(rec)
		if err != nil {
			return nil, fmt.Errorf("record the action: %w", err)
		}
		if err := r.store.PutAction(action, b); err != nil {
			return nil, err
		}
		old, rec.Preimage = rec, nil
	}
	return old, r.putRecipe(n, action)
}

// compare warns where two computations of one action differ although nothing
// that may change the result has changed.
func (r *run) compare(n *node, old, rec *record) {
	var parts []string
	for part, o := range rec.Outputs {
		if old.Outputs[part].Digest != o.Digest {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return
	}
	slices.Sort(parts)
	r.emit(Event{Type: EventWarning, Step: n.step, Detail: fmt.Sprintf("computed again, %s came out different: what made it is not deterministic", strings.Join(parts, ", "))})
}

// putRecipe makes the result known under the step's recipe, unless it lacks
// something that a later run may add.
func (r *run) putRecipe(n *node, action cas.Digest) error {
	r.mu.Lock()
	partial := r.missing > 0
	r.mu.Unlock()
	if partial {
		switch n.step.Stage {
		case study.StageCollect, study.StageAnalyse, study.StageReport:
			return nil
		}
	}
	return r.store.PutRecipe(n.step.Recipe, action)
}

// revive deals with a step that failed because what it read is damaged: the
// inputs that are get computed again, then the step. The sharers wait with it.
func (r *run) revive(n *node, err error, sharers []*node) bool {
	damage := errors.Is(err, cas.ErrDamaged) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errGone)
	if n.revived >= 2 || n.tolerant() && !damage {
		return false
	}
	var bad []*node
	looked := map[*node]*record{}
	for _, d := range r.needs(n) {
		// Without a record, it is being computed again already.
		r.mu.Lock()
		rec, err := d.rec, d.err
		r.mu.Unlock()
		if rec == nil && err == nil || rec != nil && !r.sound(rec) {
			bad = append(bad, d)
			looked[d] = rec
		}
	}
	if len(bad) == 0 && !damage {
		return false
	}
	n.revived++
	var again []*node
	r.mu.Lock()
	n.state, n.waits = waiting, 0
	for _, d := range bad {
		switch d.state {
		case waiting, ready, running:
		default:
			if looked[d] == nil || d.rec != looked[d] {
				continue // computed again for somebody else meanwhile
			}
			d.state, d.rec, d.fresh = unseen, nil, true
			again = append(again, d)
			r.unusable = append(r.unusable, d)
		}
		need, err := r.demand(d)
		if err != nil || !need {
			r.mu.Unlock()
			return false
		}
		d.needed = append(d.needed, n)
		n.waits++
	}
	if n.waits == 0 {
		n.state = ready
		heap.Push(&r.queue, n)
	}
	for _, w := range sharers {
		w.state, w.waits = waiting, 1
		n.needed = append(n.needed, w)
	}
	r.wake.Broadcast()
	r.mu.Unlock()
	for _, d := range again {
		r.emit(Event{Type: EventWarning, Step: d.step, Detail: unusableText})
	}
	return true
}

// sound reads all outputs of a record through. Damaged ones are removed.
func (r *run) sound(rec *record) bool {
	ok := true
	check := func(d cas.Digest) {
		if err := r.store.Verify(d); err != nil && (errors.Is(err, cas.ErrDamaged) || errors.Is(err, fs.ErrNotExist)) {
			ok = false
		}
	}
	for _, o := range rec.Outputs {
		check(o.Digest)
		if !o.Dir {
			continue
		}
		entries, err := r.store.Manifest(o.Digest)
		if err != nil {
			ok = false
		}
		for _, e := range entries {
			check(e.Digest)
		}
	}
	return ok
}

// queue orders nodes that can start: cell by cell, then as in the plan.
type queue []*node

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].cell, q[j].cell), cmp.Compare(q[i].order, q[j].order)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*node)) }
func (q *queue) Pop() any {
	old := *q
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return n
}
