package results

import (
	"time"
)

// Entry is one line of the journal: one step of one execution of a plan. It is
// the only place where times, processes and attempts are kept.
type Entry struct {
	Step      string `parquet:"step" json:"step"` // label, for people
	Stage     string `parquet:"stage,dict" json:"stage"`
	Block     string `parquet:"block,dict" json:"block"` // encoder.student
	Recipe    string `parquet:"recipe" json:"recipe"`
	Action    string `parquet:"action" json:"action,omitempty"`            // empty when the step never got its inputs
	Component string `parquet:"component,dict" json:"component,omitempty"` // empty for the host's own steps
	Plugin    string `parquet:"plugin,dict" json:"plugin,omitempty"`
	PID       int32  `parquet:"pid" json:"pid,omitempty"` // of the process that did the work; 0: the host
	Slot      int32  `parquet:"slot" json:"slot"`
	Cached    bool   `parquet:"cached" json:"cached"`
	Attempt   int32  `parquet:"attempt" json:"attempt"` // the last one, from 1; 0: nothing was run

	Seconds        float64   `parquet:"seconds" json:"seconds"`                 // from start to stored result
	ComputeSeconds float64   `parquet:"compute_seconds" json:"compute_seconds"` // in the component, without transport
	StartedAt      time.Time `parquet:"started_at,timestamp(microsecond)" json:"started_at"`
	Status         string    `parquet:"status,dict" json:"status"` // Status*
	Error          string    `parquet:"error" json:"error,omitempty"`
}

// How a step ended.
const (
	StatusDone        = "done"
	StatusCached      = "cached"
	StatusShared      = "shared"      // an equal action was computed by another step of this run
	StatusFailed      = "failed"      // and its dependants were skipped
	StatusSkipped     = "skipped"     // something it needs failed
	StatusInterrupted = "interrupted" // cancelled while running
)

var journal = format[Entry, Entry]{name: "a journal", row: same[Entry], from: same[Entry], size: func(e *Entry) int { return 400 + len(e.Error) }}

// EncodeJournal returns the file of entries.
func EncodeJournal(entries []Entry) ([]byte, error) { return journal.bytes(entries) }

// DecodeJournal reads a whole journal.
func DecodeJournal(b []byte) ([]Entry, error) { return journal.all(b) }
