package terminal

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
)

// Progress shows how a run goes on: bars that are redrawn where stderr is a
// terminal, lines elsewhere, and events with Options.Events.
type Progress struct {
	u    *UI
	plan *study.Plan
	mode mode

	mu     sync.Mutex
	start  time.Time
	total  int // steps of the grid to run; results left out
	ended  int
	cached int // of the grid, when the run began
	worker int
	stages map[study.Stage]*stageState
	active map[*study.Step]*running

	retried, failed, skipped int
	lastRetry, lastFailure   string
	stopping                 bool
	closed                   bool

	est   estimator
	frame frame // bars
	said  said  // lines

	quit chan struct{}
	done chan struct{}
}

type mode int

const (
	modeLines mode = iota
	modeBars
	modeEvents
)

// stageState is what is known of a stage.
type stageState struct {
	stage   study.Stage
	total   int // to run
	ended   int
	running int
	weight  float64 // of its steps on average

	// Costs of the steps that ended: seconds per unit of weight.
	seconds, weights float64

	busy      time.Duration // how long it has had something running
	since     time.Time     // of the last change, while running > 0
	ends      []time.Duration
	first     time.Time
	last      time.Time
	announced bool
}

// rateWindow is how far back the rate of a stage looks, in its own running
// time.
const rateWindow = 30 * time.Second

// running is a step being computed.
type running struct {
	step        *study.Step
	since       time.Time
	done, total int64
}

// Progress starts to show a run of a plan. Give Event to the runner and Close
// it, also when something went wrong: afterwards the terminal is as it was.
func (u *UI) Progress(plan *study.Plan) *Progress {
	p := u.newProgress(plan)
	if p.mode == modeEvents {
		return p
	}
	every := time.Second
	if p.mode == modeBars {
		every = redrawEvery
	}
	p.quit, p.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-t.C:
				p.tick()
			}
		}
	}()
	return p
}

func (u *UI) newProgress(plan *study.Plan) *Progress {
	p := &Progress{u: u, plan: plan, start: u.opts.Now(), stages: map[study.Stage]*stageState{}, active: map[*study.Step]*running{}}
	for _, s := range plan.Steps {
		st := p.stage(s.Stage)
		st.total++
		st.weight += s.Weight
	}
	for _, st := range p.stages {
		st.weight /= float64(st.total)
	}
	switch {
	case u.opts.Events:
		p.mode = modeEvents
	case u.err.moves && !u.ci:
		p.mode = modeBars
		u.mu.Lock()
		u.live = p
		u.mu.Unlock()
	}
	return p
}

func (p *Progress) stage(s study.Stage) *stageState {
	st := p.stages[s]
	if st == nil {
		st = &stageState{stage: s}
		p.stages[s] = st
	}
	return st
}

// Event takes in what happened. It returns at once.
func (p *Progress) Event(e runner.Event) {
	if p.mode == modeEvents {
		// The summary waits until claims are decided: UI.Finish writes it.
		if e.Type != runner.EventSummary {
			p.u.events.forward(e)
		}
		return
	}
	p.mu.Lock()
	now := p.u.opts.Now()
	lines := p.note(now, e)
	p.mu.Unlock()
	for _, l := range lines {
		p.u.write(&p.u.err, l+"\n")
	}
}

// note keeps the state and returns lines to write at once.
func (p *Progress) note(now time.Time, e runner.Event) (lines []string) {
	switch e.Type {
	case runner.EventPlan:
		p.total, p.cached = 0, 0
		p.worker = e.Workers
		for _, c := range e.Stages {
			st := p.stage(c.Stage)
			st.total, st.ended = c.Total-c.Cached, 0
			if !isResults(c.Stage) {
				p.total += st.total
				p.cached += c.Cached
			}
		}
		if p.mode == modeLines {
			lines = append(lines, p.firstLine())
			p.said.at = now
		}
	case runner.EventStart:
		st := p.stage(e.Step.Stage)
		if p.active[e.Step] == nil {
			p.active[e.Step] = &running{step: e.Step}
			st.clock(now)
			st.running++
		}
		p.active[e.Step].since = now
		if st.first.IsZero() {
			st.first = now
		}
	case runner.EventProgress:
		if r := p.active[e.Step]; r != nil {
			r.done, r.total = e.Done, e.Total
		}
	case runner.EventRetry:
		p.retried++
		p.lastRetry = stepName(e.Step) + ": " + firstLine(e.Detail)
		if p.mode == modeLines {
			lines = append(lines, p.atOnce(now, "retry "+strconv.Itoa(e.Attempt)+" of "+strconv.Itoa(max(e.Attempts-1, 1))+": "+p.lastRetry))
		}
	case runner.EventEnd:
		st := p.stage(e.Step.Stage)
		if p.active[e.Step] != nil {
			delete(p.active, e.Step)
			st.clock(now)
			st.running--
		}
		if st.ended < st.total {
			st.ended++
			if !isResults(st.stage) {
				p.ended++
			}
		}
		st.last = now
		st.ends = append(st.ends, st.busy)
		if len(st.ends) > 4096 {
			st.ends = slices.Delete(st.ends, 0, 2048)
		}
		if e.Seconds != nil && e.Status != "failed" {
			st.seconds += *e.Seconds
			st.weights += e.Step.Weight
			p.est.saw(*e.Seconds, e.Step.Weight*st.cost())
		}
	case runner.EventFailure:
		p.failed++
		p.skipped += e.Skipped
		p.lastFailure = stepName(e.Step) + ": " + firstLine(e.Detail)
		if p.mode == modeLines {
			lines = append(lines, p.atOnce(now, "failed: "+p.lastFailure))
		}
	case runner.EventWarning:
		text := firstLine(e.Detail)
		if e.Step != nil {
			text = stepName(e.Step) + ": " + text
		}
		w := p.u.paint(&p.u.err)
		if p.mode == modeLines {
			lines = append(lines, p.atOnce(now, "warning: "+text))
		} else {
			lines = append(lines, w.wrap(w.in("Warning:", yellow, bold)+" "+p.u.show(text), 0, 2))
		}
	case runner.EventStage, runner.EventSummary:
		for _, c := range e.Stages {
			st := p.stage(c.Stage)
			// Steps may end without an event of their own: those found in the
			// store after all, and those that need what failed.
			if more := min(c.Done()-c.Cached, st.total) - st.ended; more > 0 && c.Done() == c.Total {
				more = st.total - st.ended
				st.ended += more
				if !isResults(c.Stage) {
					p.ended += more
				}
			}
		}
	}
	return lines
}

// clock adds the time since the last change to a stage's running time.
func (s *stageState) clock(now time.Time) {
	if s.running > 0 {
		s.busy += now.Sub(s.since)
	}
	s.since = now
}

// rate is the number of steps that ended per second of the stage's own running
// time, over the last half minute of it; 0 where there is too little to say.
func (s *stageState) rate(now time.Time) float64 {
	busy := s.busy
	if s.running > 0 {
		busy += now.Sub(s.since)
	}
	from := max(0, busy-rateWindow)
	n := 0
	for i := len(s.ends) - 1; i >= 0 && s.ends[i] >= from; i-- {
		n++
	}
	window := busy - from
	if n < 2 || window < time.Second {
		return 0
	}
	return float64(n) / window.Seconds()
}

// cost is what a unit of weight takes in this stage, in seconds; 0: unknown.
func (s *stageState) cost() float64 {
	if s.weights == 0 {
		return 0
	}
	return s.seconds / s.weights
}

// estimator says how long a run will still take.
type estimator struct {
	ratios  []float64 // seconds taken to seconds expected, of steps that ended
	ends    int
	promise time.Time // the latest end that was said in the first half
}

// saw takes in a step that ended. expected is from the steps of its stage.
func (e *estimator) saw(seconds, expected float64) {
	e.ends++
	if expected <= 0 || seconds <= 0 {
		return
	}
	e.ratios = append(e.ratios, seconds/expected)
	if len(e.ratios) > 1000 {
		e.ratios = slices.Delete(e.ratios, 0, 500)
	}
}

// spread returns the 20th and the 80th percentile of the ratios, drawn towards
// 1 as the errors of n steps cancel, but never to less than a tenth: costs of a
// stage that has not begun are guesses.
func (e *estimator) spread(n int) (low, high float64) {
	if len(e.ratios) == 0 {
		return 0.8, 1.25
	}
	r := slices.Sorted(slices.Values(e.ratios))
	at := func(q float64) float64 { return r[int(q*float64(len(r)-1)+0.5)] }
	k := 1 / math.Sqrt(float64(min(max(n, 1), 16)))
	low, high = 1-(1-at(0.2))*k, 1+(at(0.8)-1)*k
	return min(low, 0.9), max(high, 1.1)
}

// Nothing is said of the future before these.
const (
	estimateAfter = 5 * time.Second
	estimateSteps = 3
)

// toGo says how long the run will still take: "0:50 to 1:15 to go", and
// "longer than expected" once it takes longer than was ever said. It is empty
// where nothing can be said yet.
func (p *Progress) toGo(now time.Time) string {
	elapsed := now.Sub(p.start)
	if elapsed < estimateAfter || p.est.ends < estimateSteps || p.total == 0 {
		return ""
	}
	seconds, n := p.remaining(now)
	if n == 0 {
		return ""
	}
	lowK, highK := p.est.spread(n)
	low, high := time.Duration(seconds*lowK*1e9), time.Duration(seconds*highK*1e9)
	promise := &p.est.promise
	if end := now.Add(high); promise.IsZero() || now.Before(*promise) && 2*p.ended <= p.total && end.After(*promise) {
		*promise = end
	}
	late := ""
	if now.After(*promise) {
		late = isLate + ", "
	}
	a, b := rough(low), rough(high)
	switch {
	case b <= 5*time.Second:
		return late + "a few seconds to go"
	case a == b:
		return late + "about " + clock(a) + " to go"
	}
	return late + clock(a) + " to " + clock(b) + " to go"
}

const isLate = "longer than expected"

// rough rounds to what an estimate is worth.
func rough(d time.Duration) time.Duration {
	step := 5 * time.Second
	switch {
	case d > time.Hour:
		step = 5 * time.Minute
	case d > 10*time.Minute:
		step = time.Minute
	case d > time.Minute:
		step = 15 * time.Second
	}
	return d.Round(step)
}

// resultsGuess is how many seconds the steps take that make results, before
// they have been seen: nothing that was measured in the grid says anything of
// them.
var resultsGuess = map[study.Stage]float64{study.StageCollect: 1, study.StageAnalyse: 2, study.StageReport: 5}

// remaining is how many seconds are left by list scheduling: what is left over
// all workers, or the longest step where that is more, and after it the steps
// that make results, one by one. n is the number of steps left.
func (p *Progress) remaining(now time.Time) (seconds float64, n int) {
	var all, weights float64
	for _, st := range p.stages {
		all += st.seconds
		weights += st.weights
	}
	average := 0.0
	if weights > 0 {
		average = all / weights
	}
	var work, tail, longest float64
	for _, st := range p.stages {
		left := st.total - st.ended
		if left <= 0 {
			continue
		}
		cost := st.cost()
		if cost == 0 {
			cost = average
		}
		each := cost * st.weight
		n += left
		if isResults(st.stage) {
			if st.cost() == 0 {
				each = resultsGuess[st.stage]
			}
			tail += float64(left) * each
			continue
		}
		work += float64(left) * each
		if left > st.running {
			longest = max(longest, each)
		}
	}
	for _, r := range p.active {
		if isResults(r.step.Stage) {
			continue
		}
		st := p.stages[r.step.Stage]
		cost := st.cost()
		if cost == 0 {
			cost = average
		}
		// Counted as a whole above: take off what is behind it, by its own
		// progress where it tells.
		spent, each := now.Sub(r.since).Seconds(), cost*st.weight
		if r.total > 0 && r.done > 0 {
			rest := spent * float64(r.total-r.done) / float64(r.done)
			longest = max(longest, rest)
			work += rest - each
		} else {
			work -= min(spent, each)
		}
	}
	return max(work/float64(max(p.worker, 1)), longest) + tail, n
}

// Stopping says that the run has been asked to stop.
func (p *Progress) Stopping() {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	if p.mode == modeLines {
		p.u.write(&p.u.err, "Stopping: what is finished is kept.\n")
	}
	p.tick()
}

// Close ends the display and leaves the terminal as it was. It may be called
// more than once.
func (p *Progress) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	last := ""
	if p.mode == modeLines && p.worker > 0 && p.total > 0 {
		last = p.line(p.u.opts.Now()) + "\n"
	}
	p.mu.Unlock()
	if p.quit != nil {
		close(p.quit)
		<-p.done
	}
	if p.mode == modeBars {
		p.u.mu.Lock()
		p.u.live = nil
		p.erase()
		p.u.mu.Unlock()
	}
	p.u.write(&p.u.err, last)
}

// tick redraws, or writes a line when it is time.
func (p *Progress) tick() {
	switch p.mode {
	case modeBars:
		p.redraw()
	case modeLines:
		p.mu.Lock()
		line := ""
		if now := p.u.opts.Now(); !p.closed && p.due(now) {
			line = p.line(now) + "\n"
			p.said = said{at: now, ended: p.ended}
		}
		p.mu.Unlock()
		p.u.write(&p.u.err, line)
	}
}

// said is the last line of progress.
type said struct {
	at    time.Time
	ended int
}

// How often there is a line where nothing can be redrawn: one in ten seconds or
// five percent, whichever is rarer, but never five minutes of silence; one in a
// minute where a machine reads (CI).
const (
	lineEvery   = 10 * time.Second
	lineCI      = time.Minute
	lineSilence = 5 * time.Minute
	linePercent = 5
)

func (p *Progress) due(now time.Time) bool {
	if p.worker == 0 || p.total == 0 {
		return false
	}
	since := now.Sub(p.said.at)
	if p.u.ci {
		return since >= lineCI
	}
	return since >= lineSilence || since >= lineEvery && (p.ended-p.said.ended)*100 >= p.total*linePercent
}

// firstLine begins the lines.
func (p *Progress) firstLine() string {
	return p.u.show(p.plan.Name) + ": " + thousands(p.total) + " to run, " + thousands(p.cached) + " cached, " + count(p.worker, "worker")
}

// atOnce is a line that does not wait.
func (p *Progress) atOnce(now time.Time, text string) string {
	return stamp(now.Sub(p.start)) + "  " + p.u.show(text)
}

// stamp is a clock with two digits for minutes, so that lines stay aligned.
func stamp(d time.Duration) string {
	if s := clock(d); len(s) > 4 {
		return s
	} else {
		return "0" + s
	}
}

// line says how far each stage is that has moved since the last line.
func (p *Progress) line(now time.Time) string {
	var parts []string
	for _, s := range study.Stages {
		st := p.stages[s]
		if st == nil || st.total == 0 || st.announced || st.ended == 0 && st.running == 0 {
			continue
		}
		switch {
		case isResults(s):
			if st.running > 0 {
				parts = append(parts, "writing results")
			}
		case st.ended == st.total:
			st.announced = true
			parts = append(parts, string(s)+" "+fraction(st.ended, st.total)+" done")
		default:
			parts = append(parts, string(s)+" "+fraction(st.ended, st.total))
		}
	}
	line := stamp(now.Sub(p.start)) + "  " + fraction(p.ended, p.total) + "  " + right(percent(p.ended, p.total), 5)
	if len(parts) > 0 && (p.ended < p.total || p.resultsState() == "running") {
		line += "  " + strings.Join(parts, ", ")
	}
	return line
}

func fraction(n, of int) string { return thousands(n) + "/" + thousands(of) }

// percent never says 100 before the end.
func percent(n, of int) string {
	if of == 0 {
		return "100 %"
	}
	return strconv.Itoa(n*100/of) + " %"
}

// stepName is what people call a step.
func stepName(s *study.Step) string {
	if s == nil {
		return ""
	}
	return string(s.Stage) + " " + s.Label
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// longestRunning is the step that has run longest.
func (p *Progress) longestRunning() *running {
	var out *running
	for _, r := range p.active {
		if out == nil || cmp.Or(r.since.Compare(out.since), cmp.Compare(stepName(r.step), stepName(out.step))) < 0 {
			out = r
		}
	}
	return out
}
