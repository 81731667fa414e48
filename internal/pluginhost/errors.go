package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault says whose fault an error is.
type Fault string

// Those who can be at fault.
const (
	FaultPlugin  Fault = "plugin"  // crashed, hung, or broke the protocol
	FaultInput   Fault = "input"   // the component refused its data or arguments
	FaultHost    Fault = "host"    // our own
	FaultMachine Fault = "machine" // no such program, out of memory, disk full
)

// Error is what a call on a plugin costs when it goes wrong. A call that was
// cancelled is not an *Error: it returns the context's error, wrapped.
type Error struct {
	Fault     Fault
	Retryable bool // another attempt, in a new process, may succeed
	Plugin    string
	Component string // kind and name; empty where no component is involved
	Doing     string // "encode", "start"…
	Exit      string // exit status or signal, if the process ended
	Stderr    []string
	Err       error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugin %q: %s", e.Plugin, e.Doing)
	if e.Component != "" {
		fmt.Fprintf(&b, " (%s)", e.Component)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Exit != "" {
		fmt.Fprintf(&b, " (%s)", e.Exit)
	}
	if len(e.Stderr) > 0 {
		b.WriteString("\nits last lines on stderr:")
		for _, l := range e.Stderr {
			b.WriteString("\n  | " + l)
		}
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// timerSlack is how long after its deadline a context may say that it is over.
const timerSlack = time.Second

// over returns the error of a context that has ended, nil before. The error is
// the context's cause and its error at once. A deadline that has passed is an
// end even if the context does not say so yet: gRPC and the plugin go by the
// clock, and on a busy machine their answer is here before the context's own
// timer has fired. over waits for that, so that the caller sees it too.
func over(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		select {
		case <-ctx.Done():
		case <-time.After(timerSlack):
			return context.DeadlineExceeded
		}
	}
	err := ctx.Err()
	if cause := context.Cause(ctx); err != nil && !errors.Is(cause, err) {
		return causeError{cause, err}
	}
	return err
}

// causeError is the end of a context that was given a cause of its own. It
// reads like the cause.
type causeError struct {
	error
	ended error
}

func (e causeError) Unwrap() []error { return []error{e.error, e.ended} }

// FaultOf returns the fault named in err, or FaultHost.
func FaultOf(err error) Fault {
	var e *Error
	if errors.As(err, &e) {
		return e.Fault
	}
	return FaultHost
}
