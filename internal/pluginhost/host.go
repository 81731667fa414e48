// Package pluginhost starts, supervises and stops plugin processes, and calls
// their components.
//
// The one thing to know: there is one process per plugin and slot, started
// when it is first needed and kept. Whatever goes wrong on the other side
// (a crash, a hang, vectors that are not numbers, a stream that ends early)
// costs one *Error that says whose fault it is; the next call starts a new
// process. It does not decide what to retry: the runner does.
package pluginhost

import (
	"context"
	"fmt"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/sdk"
)

// Spec says how to start a plugin.
type Spec struct {
	Name    string
	Command []string          // program and arguments
	Dir     string            // working directory; empty: that of the host
	Env     map[string]string // beyond the allow-list
	Dev     bool              // not locked: it may change between runs
	Tree    cas.Digest        // digest of the installed files; empty for bundled plugins
}

// Config is the configuration of a host. Zero durations mean the defaults.
type Config struct {
	Plugins   []Spec
	Logger    hclog.Logger // nil: silent
	LogDir    string       // one file per plugin and slot; empty: none
	Threads   int          // cap per process; 0: none
	MemoryMiB int          // soft cap per process; 0: none

	StartTimeout time.Duration // default 60 s
	IdleTimeout  time.Duration // default 60 s without a message
	KillGrace    time.Duration // default 2 s between asking and SIGKILL

	RunID string
}

// Component is a component on offer, and the plugin it lives in.
type Component struct {
	sdk.Info
	Plugin, Version string
	Tree            cas.Digest
}

// Ref names a component as a step uses it.
type Ref struct {
	Kind         sdk.Kind
	Plugin, Name string
	Config       []byte     // JSON object
	Model        *sdk.Model // encoders that have been trained
}

// Stats says what a call cost.
type Stats struct {
	Compute time.Duration // in the plugin, without transport
	Plugin  string
	PID     int
	Bytes   int64
	Count   int64 // of what the call gives: vectors, queries, records
}

// TrainCall is one training.
type TrainCall struct {
	Options   []byte // JSON object: the train block
	Pairs     iter.Seq2[sdk.Pair, error]
	Count     int
	Dir, Work string
	Report    func(done, total int64)
}

// Host owns the plugin processes. It is safe for concurrent use.
type Host struct {
	cfg   Config
	specs map[string]Spec
	dir   string // of the sockets: private, short
	lock  *os.File

	life context.Context // ends with Close
	end  context.CancelCauseFunc

	mu    sync.Mutex
	seats map[seat]*place
}

type seat struct {
	plugin string
	slot   int
}

// place is where a process sits; turn guards p while one is started.
type place struct {
	turn chan struct{}
	p    *process
}

var errClosed = fmt.Errorf("the plugin host has been closed")

// New checks cfg. It starts nothing.
func New(cfg Config) (*Host, error) {
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{{&cfg.StartTimeout, time.Minute}, {&cfg.IdleTimeout, time.Minute}, {&cfg.KillGrace, 1500 * time.Millisecond}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	h := &Host{cfg: cfg, specs: map[string]Spec{}, seats: map[seat]*place{}}
	for _, s := range cfg.Plugins {
		if s.Name == "" || len(s.Command) == 0 {
			return nil, fmt.Errorf("plugin %q: a name and a command are needed", s.Name)
		}
		if _, twice := h.specs[s.Name]; twice {
			return nil, fmt.Errorf("plugin %q is configured twice", s.Name)
		}
		h.specs[s.Name] = s
	}
	var err error
	if h.dir, h.lock, err = socketDir(); err != nil {
		return nil, err
	}
	h.life, h.end = context.WithCancelCause(context.Background())
	return h, nil
}

const socketPrefix = "xlrun-"

// socketDir makes a private directory whose path leaves room for the name of a
// socket: what does not fit into a socket's address fails with a message that
// nobody understands.
func socketDir() (string, *os.File, error) {
	const name = len("/plugin1234567890")
	var last error
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp"} {
		if base == "" {
			continue
		}
		sweep(base)
		if n := len(base) + 1 + len(socketPrefix) + 10 + name; n > maxSocketPath {
			last = fmt.Errorf("%s is too long for sockets: the path of one would have %d bytes, of %d; set TMPDIR to a shorter directory", base, n, maxSocketPath)
			continue
		}
		dir, err := os.MkdirTemp(base, socketPrefix)
		if err != nil {
			last = err
			continue
		}
		lock, err := lockDir(dir)
		if err != nil {
			_ = os.RemoveAll(dir)
			last = err
			continue
		}
		return dir, lock, nil
	}
	return "", nil, fmt.Errorf("make a directory for sockets: %w", last)
}

// Close stops every process, within bounded time.
func (h *Host) Close() {
	h.end(errClosed)
	h.mu.Lock()
	places := make([]*place, 0, len(h.seats))
	for _, pl := range h.seats {
		places = append(places, pl)
	}
	h.mu.Unlock()
	var wg sync.WaitGroup
	for _, pl := range places {
		wg.Go(func() {
			pl.turn <- struct{}{}
			defer func() { <-pl.turn }()
			if pl.p != nil {
				pl.p.stop()
				pl.p = nil
			}
		})
	}
	wg.Wait()
	_ = os.RemoveAll(h.dir)
	if h.lock != nil {
		_ = h.lock.Close()
	}
}

// process returns the living process of a plugin and slot, starting one if
// need be.
func (h *Host) process(ctx context.Context, plugin string, slot int) (*process, error) {
	spec, ok := h.specs[plugin]
	if !ok {
		return nil, fmt.Errorf("there is no plugin %q", plugin)
	}
	h.mu.Lock()
	pl := h.seats[seat{plugin, slot}]
	if pl == nil {
		pl = &place{turn: make(chan struct{}, 1)}
		h.seats[seat{plugin, slot}] = pl
	}
	h.mu.Unlock()
	select {
	case pl.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, over(ctx)
	}
	defer func() { <-pl.turn }()
	if h.life.Err() != nil {
		return nil, errClosed
	}
	if pl.p != nil {
		if pl.p.alive() {
			return pl.p, nil
		}
		pl.p.stop()
		pl.p = nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.life, func() { cancel(errClosed) })()
	var err error
	pl.p, err = h.start(ctx, spec, slot)
	return pl.p, err
}

// Components starts each plugin once and lists what it offers, in the order of
// the configuration. One kind and name in two plugins is an error.
func (h *Host) Components(ctx context.Context) ([]Component, error) {
	processes := make([]*process, len(h.cfg.Plugins))
	errs := make([]error, len(h.cfg.Plugins))
	var wg sync.WaitGroup
	for i, spec := range h.cfg.Plugins {
		wg.Go(func() { processes[i], errs[i] = h.process(ctx, spec.Name, 0) })
	}
	wg.Wait()
	type key struct {
		kind sdk.Kind
		name string
	}
	var out []Component
	owner := map[key]string{}
	for i, spec := range h.cfg.Plugins {
		if errs[i] != nil {
			return nil, errs[i]
		}
		for _, info := range processes[i].components {
			k := key{info.Kind, info.Name}
			if other, taken := owner[k]; taken {
				return nil, fmt.Errorf("%s %q is offered by plugin %q and by plugin %q: remove one of them", info.Kind, info.Name, other, spec.Name)
			}
			owner[k] = spec.Name
			out = append(out, Component{Info: info, Plugin: spec.Name, Version: processes[i].info.GetVersion(), Tree: spec.Tree})
		}
	}
	return out, nil
}

// stepKey is the context key of WithStep.
type stepKey struct{}

// WithStep names the step that calls are made for, in the plugin's logs.
func WithStep(ctx context.Context, step string) context.Context {
	return context.WithValue(ctx, stepKey{}, step)
}

// Running reports whether the process of a plugin and slot is alive.
func (h *Host) Running(plugin string, slot int) bool {
	h.mu.Lock()
	pl := h.seats[seat{plugin, slot}]
	h.mu.Unlock()
	if pl == nil {
		return false
	}
	pl.turn <- struct{}{}
	defer func() { <-pl.turn }()
	return pl.p != nil && pl.p.alive()
}
