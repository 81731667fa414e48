package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// call is one call of a plugin. When it returns, the plugin works on it no
// more: either the call has ended there, or the process has.
type call struct {
	p     *process
	ref   Ref
	doing string
	id    string

	ctx    context.Context // the caller's
	stream context.Context // of the call itself
	cancel context.CancelFunc
	idle   *time.Timer
	idled  atomic.Bool

	mark   int // in the process's output
	reader *wire.Reader
	report func(done, total int64)
}

var callNumber atomic.Uint64

func (p *process) newCall(ctx context.Context, ref Ref, doing string) *call {
	c := &call{p: p, ref: ref, doing: doing, ctx: ctx, id: strconv.FormatUint(callNumber.Add(1), 10), mark: p.run.log.mark(), reader: wire.NewReader()}
	c.stream, c.cancel = context.WithCancel(ctx)
	meta := []string{wire.MetaCall, c.id}
	if run := p.host.cfg.RunID; run != "" {
		meta = append(meta, wire.MetaRun, run)
	}
	if step, ok := ctx.Value(stepKey{}).(string); ok {
		meta = append(meta, wire.MetaStep, step)
	}
	c.stream = metadata.AppendToOutgoingContext(c.stream, meta...)
	c.idle = time.AfterFunc(p.host.cfg.IdleTimeout, func() {
		c.idled.Store(true)
		c.cancel()
	})
	return c
}

// callerError is an error of the caller's own functions: its iterator, its
// sink. It is returned as it is.
type callerError struct{ error }

func (e callerError) Unwrap() error { return e.error }

// brokenError is a breach of the protocol by the plugin.
type brokenError struct{ error }

func broken(format string, args ...any) error { return brokenError{fmt.Errorf(format, args...)} }

// do runs f, which makes the call, and turns its error into one for people.
func (c *call) do(f func() error) error {
	err := f()
	c.idle.Stop()
	c.cancel()
	if err == nil {
		return nil
	}
	err = c.explain(err)
	c.settle()
	return err
}

// explain says what went wrong, and whose fault it is.
func (c *call) explain(err error) error {
	var mine callerError
	if errors.As(err, &mine) {
		return mine.error
	}
	if ended := over(c.ctx); ended != nil {
		return fmt.Errorf("%s (%s %q): %w", c.doing, c.ref.Kind, c.ref.Name, ended)
	}
	if c.p.host.life.Err() != nil {
		return fmt.Errorf("%s (%s %q): %w", c.doing, c.ref.Kind, c.ref.Name, errClosed)
	}
	e := &Error{Fault: FaultPlugin, Plugin: c.p.spec.Name, Component: fmt.Sprintf("%s %q", c.ref.Kind, c.ref.Name), Doing: c.doing, Err: err}
	log := c.p.run.log
	if c.idled.Load() {
		c.p.abandon()
		e.Retryable, e.Stderr = true, log.lines(c.mark)
		e.Err = fmt.Errorf("no sign of life for %s; the process was killed", c.p.host.cfg.IdleTimeout)
		return e
	}
	var br brokenError
	if errors.As(err, &br) {
		e.Err = br.error
		e.Stderr = log.lines(c.mark)
		return e
	}
	st := status.Convert(err)
	failure := wire.FailureOf(err)
	if failure == nil && (st.Code() == codes.Unavailable || errors.Is(err, io.EOF) || st.Code() == codes.Canceled) {
		// The connection is gone before the process is.
		if exit, killed := c.p.run.exit(time.Second); exit != "" {
			e.Retryable, e.Exit, e.Stderr = true, exit, log.lines(c.mark)
			e.Err = errors.New("the process ended in the middle of its work")
			if killed && !c.p.stopping.Load() {
				e.Fault = FaultMachine
				e.Err = errors.New("the process was killed in the middle of its work: by hand, or by the system because memory ran out")
			}
			return e
		}
	}
	e.Err = errors.New(st.Message())
	if failure == nil {
		e.Err = fmt.Errorf("%s: %s", st.Code(), st.Message())
		e.Stderr = log.lines(c.mark)
		return e
	}
	e.Retryable = failure.GetRetryable()
	switch failure.GetFault() {
	case pluginpb.Fault_FAULT_INPUT:
		e.Fault = FaultInput
	case pluginpb.Fault_FAULT_HOST:
		e.Fault = FaultHost
	case pluginpb.Fault_FAULT_MACHINE:
		e.Fault, e.Retryable = FaultMachine, true
	default:
		e.Stderr = log.lines(c.mark)
	}
	if ds := failure.GetDiagnostics(); len(ds) > 0 {
		e.Err = wire.Diagnostics(ds)
	}
	return e
}

// settle waits until the plugin has let go of a call that was cut short, and
// kills the process if it does not.
func (c *call) settle() {
	if !c.p.alive() || !c.p.can(wire.CapStatus) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.p.host.cfg.KillGrace)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		s, err := pluginpb.NewPluginServiceClient(c.p.conn).Status(ctx, &pluginpb.StatusRequest{})
		if err == nil && !contains(s.GetCalls(), c.id) || !c.p.alive() {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		if err != nil || ctx.Err() != nil {
			c.p.host.cfg.Logger.Warn("killing a plugin that does not let go of a cancelled call", "plugin", c.p.spec.Name, "doing", c.doing, "component", c.ref.Name)
			c.p.abandon()
			return
		}
	}
}

func contains(xs []string, x string) bool {
	for _, y := range xs {
		if x == y {
			return true
		}
	}
	return false
}

// abandon kills the process; the next call starts another.
func (p *process) abandon() {
	p.stopping.Store(true)
	p.run.kill()
	_, _ = p.run.exit(time.Second)
}

// receive reads one message. The idle time runs while it waits, not while the
// host works on what came.
func receive[M any](c *call, recv func() (M, error)) (M, error) {
	c.idle.Reset(c.p.host.cfg.IdleTimeout)
	m, err := recv()
	c.idle.Stop()
	return m, err
}

type message interface {
	GetProgress() *pluginpb.Progress
	GetDone() *pluginpb.Done
}

// response reads a response stream to its end and checks it. take is called
// when content has come.
func response[M message](c *call, recv func() (M, error), take func(*wire.Reader) error) (*pluginpb.Done, error) {
	var done *pluginpb.Done
	for {
		m, err := receive(c, recv)
		switch {
		case errors.Is(err, io.EOF) && done == nil:
			return nil, broken("short stream: it ended without its last message")
		case errors.Is(err, io.EOF):
			return done, nil
		case err != nil:
			return nil, err
		case done != nil:
			return nil, broken("a message after the last one")
		}
		if d, ok := any(m).(interface{ GetData() []byte }); ok && len(d.GetData()) > 0 {
			if take == nil {
				return nil, broken("content where none is expected")
			}
			c.reader.Feed(d.GetData())
			if err := take(c.reader); err != nil {
				return nil, err
			}
		}
		if p := m.GetProgress(); p.GetTotal() != 0 || p.GetDone() != 0 {
			if c.report != nil {
				c.report(p.GetDone(), p.GetTotal())
			}
		}
		if done = m.GetDone(); done != nil {
			if err := c.reader.Check(done); err != nil {
				return nil, brokenError{err}
			}
		}
	}
}

// request runs send beside the reading of the response: a plugin may answer
// before it has heard everything. It returns when both are over.
func (c *call) request(send func() error, read func() error) error {
	var wg sync.WaitGroup
	var sendErr error
	wg.Go(func() {
		if sendErr = send(); sendErr != nil {
			var mine callerError
			if errors.As(sendErr, &mine) {
				c.cancel()
			}
		}
	})
	readErr := read()
	c.cancel() // ends a send that nobody reads
	wg.Wait()
	var mine callerError
	if readErr != nil && errors.As(sendErr, &mine) {
		return sendErr
	}
	return readErr
}

func (c *call) stats(done *pluginpb.Done, sent int64) Stats {
	return Stats{
		Compute: time.Duration(done.GetComputeNanos()), Plugin: c.p.spec.Name, PID: c.p.run.cmd.Process.Pid,
		Bytes: c.reader.Bytes() + sent, Count: int64(done.GetCount()),
	}
}

// on calls f with an open component in the right process.
func (h *Host) on(ctx context.Context, slot int, ref Ref, doing string, f func(c *call, o *pluginpb.Opened) error) error {
	p, err := h.process(ctx, ref.Plugin, slot)
	if err != nil {
		return err
	}
	hd, err := p.acquire(ctx, ref)
	if err != nil {
		return err
	}
	defer p.release(ctx, hd)
	c := p.newCall(ctx, ref, doing)
	err = c.do(func() error { return f(c, hd.opened) })
	var e *Error
	if errors.As(err, &e) && e.Fault == FaultPlugin {
		// Who knows in what state it left the component.
		p.handles.drop(hd)
	}
	return err
}

// Validate checks the arguments of a component, and of its train block if
// train is not nil, without opening it.
func (h *Host) Validate(ctx context.Context, ref Ref, train []byte) (sdk.Diagnostics, error) {
	p, err := h.process(ctx, ref.Plugin, 0)
	if err != nil {
		return nil, err
	}
	c := p.newCall(ctx, ref, "validate")
	var out sdk.Diagnostics
	err = c.do(func() error {
		r, err := pluginpb.NewPluginServiceClient(p.conn).Validate(c.stream, &pluginpb.ValidateRequest{
			Kind: wire.ToKind(ref.Kind), Name: ref.Name, ConfigJson: ref.Config, TrainJson: train,
		})
		out = wire.Diagnostics(r.GetDiagnostics())
		return err
	})
	return out, err
}

// isTransport reports an error of the connection: what is to be known of it
// comes with the next Recv.
func isTransport(err error) bool {
	_, ok := status.FromError(err)
	return ok || errors.Is(err, io.EOF)
}
