package runner

import (
	"time"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/study"
)

// EventType names what happened.
type EventType string

// The events, in the order in which they can come.
const (
	EventPlan     EventType = "plan"          // Stages, Workers, Weight: before anything runs
	EventStart    EventType = "step_start"    // a step begins, or begins again
	EventProgress EventType = "step_progress" // Done of Total, at most some per second and step
	EventRetry    EventType = "retry"         // Attempt failed with Fault and Detail; there will be another
	EventEnd      EventType = "step_end"      // Status, Seconds, Digest
	EventFailure  EventType = "failure"       // Fault, Detail, Attempt, Skipped; step_end came before
	EventWarning  EventType = "warning"       // Detail
	EventStage    EventType = "stage"         // every step of a stage has ended: Stages has its count
	EventSummary  EventType = "summary"       // Stages: after everything
)

// Event is one thing that happened. It marshals to one line of the JSON
// output; fields that an event does not have are left out.
type Event struct {
	Seq  int64     `json:"seq"` // from 1
	Type EventType `json:"type"`
	At   time.Time `json:"at"`

	Step      *study.Step `json:"-"`
	Stage     study.Stage `json:"stage,omitempty"`
	Label     string      `json:"step,omitempty"`
	Block     string      `json:"block,omitempty"`
	Component string      `json:"component,omitempty"`
	Recipe    string      `json:"recipe,omitempty"`
	Slot      *int        `json:"slot,omitempty"`
	Weight    float64     `json:"weight,omitempty"` // of the step; of all steps to run in EventPlan

	Status  string   `json:"status,omitempty"` // as in the journal
	Cached  bool     `json:"cached,omitempty"`
	Seconds *float64 `json:"seconds,omitempty"`
	Digest  string   `json:"digest,omitempty"` // the action

	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"` // 0: unknown

	Attempt  int              `json:"attempt,omitempty"`
	Attempts int              `json:"attempts,omitempty"` // at most
	Fault    pluginhost.Fault `json:"fault,omitempty"`
	Detail   string           `json:"detail,omitempty"`
	Skipped  int              `json:"skipped,omitempty"`

	Stages  []StageCount `json:"stages,omitempty"`
	Workers int          `json:"workers,omitempty"`
}

func (r *run) emit(e Event) {
	if r.opts.Events == nil {
		return
	}
	r.eventMu.Lock()
	defer r.eventMu.Unlock()
	r.seq++
	e.Seq, e.At = r.seq, time.Now()
	if s := e.Step; s != nil {
		e.Stage, e.Label, e.Block, e.Recipe, e.Weight = s.Stage, s.Label, s.Block, string(s.Recipe), s.Weight
		if s.Component != nil {
			e.Component = s.Component.Name
		}
	}
	r.opts.Events(e)
}

// progressEvery bounds how often one step reports.
const progressEvery = 100 * time.Millisecond

// reporter returns a function that turns progress into events.
func (r *run) reporter(n *node, slot int) func(done, total int64) {
	if r.opts.Events == nil {
		return func(int64, int64) {}
	}
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); now.Sub(last) >= progressEvery || done == total {
			last = now
			r.emit(Event{Type: EventProgress, Step: n.step, Slot: &slot, Done: done, Total: total})
		}
	}
}
