package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/xlrun/xlrun/internal/runner"
)

// eventsFormat is the version of the event stream. Fields and event types may
// be added within a major.
const eventsFormat = "1.0"

// eventWriter writes the stream of events, which docs/reference/events.md
// describes. It numbers them itself, because some come from the runner and
// some do not.
type eventWriter struct {
	mu      sync.Mutex
	w       io.Writer
	now     func() time.Time
	version string
	seq     int64
	err     error // once writing fails, nobody reads: be silent
}

// head is what every event starts with.
type head struct {
	Seq  int64     `json:"seq"`
	Type string    `json:"type"`
	At   time.Time `json:"at"`
}

// send writes one event. fields is a struct whose JSON members follow the head.
func (e *eventWriter) send(kind string, fields any) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seq == 0 {
		e.line("version", e.now(), struct {
			Format string `json:"format"`
			Xlrun  string `json:"xlrun"`
		}{eventsFormat, e.version})
	}
	e.line(kind, e.now(), fields)
}

// forward writes an event of the runner.
func (e *eventWriter) forward(ev runner.Event) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seq == 0 {
		e.line("version", ev.At, struct {
			Format string `json:"format"`
			Xlrun  string `json:"xlrun"`
		}{eventsFormat, e.version})
	}
	e.seq++
	ev.Seq = e.seq
	ev.At = ev.At.UTC()
	b, err := json.Marshal(ev)
	e.put(b, err)
}

func (e *eventWriter) line(kind string, at time.Time, fields any) {
	e.seq++
	a, err := json.Marshal(head{e.seq, kind, at.UTC()})
	if err == nil && fields != nil {
		var b []byte
		if b, err = json.Marshal(fields); err == nil && len(b) > 2 {
			a = append(append(a[:len(a)-1], ','), b[1:]...)
		}
	}
	e.put(a, err)
}

func (e *eventWriter) put(b []byte, err error) {
	if e.err != nil {
		return
	}
	if err == nil {
		_, err = io.WriteString(e.w, harmless(b)+"\n")
	}
	e.err = err
}

// harmless writes the characters that a terminal could act upon, and that
// encoding/json leaves as they are, as escapes: the same text for a parser.
func harmless(b []byte) string {
	s := string(b)
	if strings.IndexFunc(s, active) < 0 {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if active(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func active(r rune) bool { return r >= 0x7f && r <= 0x9f || turns(r) }
