// Package sdktest checks that a component keeps the promises of package sdk.
//
// In a plugin's own tests the checks run in the test's process:
//
//	func TestHash(t *testing.T) { sdktest.Encoder(t, hash.Component, `{"dim": 64}`) }
//
// Check runs the same checks through a real plugin process, in whatever
// language it is written.
//
// The one thing to know: the suite checks numbers, not only shapes. Equal input
// must give equal bytes, whatever the batch, the process and the performance
// options, unless the component declares less. It cannot tell whether the
// numbers are any good.
package sdktest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/sdk"
)

// cancelWithin is how soon a call must end once it is cancelled.
const cancelWithin = 2 * time.Second

// tolerance is how far apart the values of a numeric component may lie,
// relative to the largest of them.
const tolerance = 1e-4

// Finding is the outcome of one check.
type Finding struct {
	Check   string // what was asked: "same input twice, same bytes"
	Problem string // what was found; empty: nothing wrong
	Skipped string // why it was not asked; empty: it was
}

// Failed reports a problem.
func (f Finding) Failed() bool { return f.Problem != "" }

func (f Finding) String() string {
	switch {
	case f.Failed():
		return "FAIL  " + f.Check + ": " + f.Problem
	case f.Skipped != "":
		return "skip  " + f.Check + ": " + f.Skipped
	}
	return "ok    " + f.Check
}

// Encoder checks an encoder. config is a JSON object of its arguments.
func Encoder(t testing.TB, c sdk.Component, config string) { inProcess(t, sdk.KindEncoder, c, config) }

// Loader checks a loader.
func Loader(t testing.TB, c sdk.Component, config string) { inProcess(t, sdk.KindLoader, c, config) }

// Index checks an index.
func Index(t testing.TB, c sdk.Component, config string) { inProcess(t, sdk.KindIndex, c, config) }

// Metric checks a metric.
func Metric(t testing.TB, c sdk.Component, config string) { inProcess(t, sdk.KindMetric, c, config) }

// Trainer checks an encoder that can be trained, with the arguments of a train
// block. It trains on a few invented pairs, twice.
func Trainer(t testing.TB, c sdk.Component, config, train string) {
	t.Helper()
	s := local(c, config)
	s.checkTrain(t.Context(), []byte(train))
	s.report(t)
}

func inProcess(t testing.TB, kind sdk.Kind, c sdk.Component, config string) {
	t.Helper()
	if c.Kind != kind {
		t.Fatalf("%q is a component of kind %s, not %s", c.Name, c.Kind, kind)
	}
	s := local(c, config)
	s.check(t.Context())
	s.report(t)
}

func (s *suite) report(t testing.TB) {
	t.Helper()
	for _, f := range s.findings {
		if f.Failed() {
			t.Errorf("%s %q: %s: %s", s.info.Kind, s.info.Name, f.Check, f.Problem)
		}
	}
}

// Check checks a component of a plugin through host. ref.Config are the
// arguments to check it with.
func Check(ctx context.Context, host *pluginhost.Host, ref pluginhost.Ref) []Finding {
	s, err := remote(ctx, host, ref)
	if err != nil {
		return []Finding{{Check: "the plugin starts and declares itself", Problem: err.Error()}}
	}
	s.findings = append(s.findings, Finding{Check: "the plugin starts and declares itself"})
	s.check(ctx)
	return s.findings
}

// CheckTrain checks the training of an encoder through host. options are the
// arguments of the train block.
func CheckTrain(ctx context.Context, host *pluginhost.Host, ref pluginhost.Ref, options []byte) []Finding {
	s, err := remote(ctx, host, ref)
	if err != nil {
		return []Finding{{Check: "the plugin starts and declares itself", Problem: err.Error()}}
	}
	s.checkTrain(ctx, options)
	return s.findings
}

// suite checks one component, in this process or behind a host.
type suite struct {
	info     sdk.Info
	config   []byte
	findings []Finding

	// open opens the component; fresh: with no memory of earlier calls.
	open     func(ctx context.Context, config []byte, m *sdk.Model, fresh bool) (any, error)
	validate func(ctx context.Context, config []byte) (sdk.Diagnostics, error)
	train    func(ctx context.Context, e any, t *sdk.TrainTask, options []byte) error
}

func local(c sdk.Component, config string) *suite {
	return &suite{
		info: c.Info, config: []byte(config),
		open: func(ctx context.Context, config []byte, m *sdk.Model, _ bool) (any, error) {
			return c.Open(ctx, config, m)
		},
		validate: func(_ context.Context, config []byte) (sdk.Diagnostics, error) {
			_, err := c.Decode(config)
			if ds, ok := sdk.AsDiagnostics(err); ok {
				return ds, nil
			}
			return nil, err
		},
		train: func(ctx context.Context, e any, t *sdk.TrainTask, options []byte) error {
			trainer, ok := e.(sdk.Trainer)
			if !ok {
				return fmt.Errorf("%T is no sdk.Trainer", e)
			}
			var err error
			if t.Options, err = c.DecodeTrain(options); err != nil {
				return err
			}
			return trainer.Train(ctx, t)
		},
	}
}

// ask runs one check. A panic is a finding too.
func (s *suite) ask(check string, f func() error) bool {
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return f()
	}()
	finding := Finding{Check: check}
	var sk skipped
	switch {
	case errors.As(err, &sk):
		finding.Skipped = string(sk)
	case err != nil:
		finding.Problem = err.Error()
	}
	s.findings = append(s.findings, finding)
	return err == nil
}

// skipped is why a check was not made.
type skipped string

func (s skipped) Error() string { return string(s) }

func (s *suite) check(ctx context.Context) {
	s.ask("every option is documented", func() error {
		for _, o := range append(append([]sdk.Option{}, s.info.Options...), s.info.Train...) {
			if strings.TrimSpace(o.Doc) == "" {
				return fmt.Errorf("option %q has no documentation", o.Name)
			}
		}
		return nil
	})
	s.ask("the arguments given are valid", func() error {
		ds, err := s.validate(ctx, s.config)
		if err == nil && len(ds) > 0 {
			err = ds
		}
		return err
	})
	const unknown = "no_such_option_"
	s.ask("an unknown option is a diagnostic at its name", func() error {
		ds, err := s.validate(ctx, withOption(s.config, unknown, true))
		if err != nil {
			return err
		}
		for _, d := range ds {
			if len(d.Path) > 0 && d.Path[0] == unknown {
				return nil
			}
		}
		if len(ds) == 0 {
			return fmt.Errorf("want a diagnostic with the path [%s], got none", unknown)
		}
		return fmt.Errorf("want a diagnostic with the path [%s], got: %w", unknown, ds)
	})
	var v any
	if !s.ask("it opens", func() (err error) {
		v, err = s.open(ctx, s.config, nil, false)
		return err
	}) {
		return
	}
	switch v := v.(type) {
	case sdk.Encoder:
		s.checkEncoder(ctx, v)
	case sdk.Loader:
		s.checkLoader(ctx, v)
	case sdk.Index:
		s.checkIndex(ctx, v)
	case sdk.Metric:
		s.checkMetric(ctx, v)
	default:
		s.ask("it is a component", func() error { return fmt.Errorf("%T is none", v) })
	}
}

// same reports how two results differ, by the measure of what the component
// promises.
func (s *suite) same(what string, a, b []float32) error {
	if s.info.Determinism == sdk.Stochastic {
		return skipped("it declares itself stochastic")
	}
	if len(a) != len(b) {
		return fmt.Errorf("%s: %d values and %d", what, len(a), len(b))
	}
	var scale float64
	for i := range a {
		scale = max(scale, math.Abs(float64(a[i])), math.Abs(float64(b[i])))
	}
	for i := range a {
		if math.Float32bits(a[i]) == math.Float32bits(b[i]) {
			continue
		}
		if s.info.Determinism == sdk.Numeric && math.Abs(float64(a[i])-float64(b[i])) <= tolerance*scale {
			continue
		}
		return fmt.Errorf("%s: value %d is %v and %v", what, i, a[i], b[i])
	}
	return nil
}

// cancelled runs f until it is well under way, cancels it, and reports if it
// goes on.
func (s *suite) cancelled(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("panic: %v", r)
			}
		}()
		for ctx.Err() == nil {
			if err := f(ctx); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		return fmt.Errorf("ended before it was cancelled: %w", err)
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("want the context's error, got %w", err)
		}
		return nil
	case <-time.After(cancelWithin):
		return fmt.Errorf("still at work %s after it was cancelled: look at ctx between pieces of work", cancelWithin)
	}
}
