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
	"errors"
	"iter"
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

var errNotServed = errors.New("pluginhost: not served in this build")

// Host owns the plugin processes.
type Host struct{ cfg Config }

// New checks cfg. It starts nothing.
func New(cfg Config) (*Host, error) { return &Host{cfg: cfg}, nil }

// Close stops every process, within bounded time.
func (h *Host) Close() {}

// Components starts each plugin once and lists what it offers, in the order of
// the configuration. One kind and name in two plugins is an error.
func (h *Host) Components(ctx context.Context) ([]Component, error) { return nil, errNotServed }

// Validate checks the arguments of a component, and of its train block if
// train is not nil, without opening it.
func (h *Host) Validate(ctx context.Context, ref Ref, train []byte) (sdk.Diagnostics, error) {
	return nil, errNotServed
}

// Sources lists the files that a loader will read.
func (h *Host) Sources(ctx context.Context, slot int, ref Ref) ([]sdk.Source, error) {
	return nil, errNotServed
}

// Inspect says what a loader's collection holds.
func (h *Host) Inspect(ctx context.Context, slot int, ref Ref) (*sdk.Inspection, error) {
	return nil, errNotServed
}

// Load writes a loader's collection to out.
func (h *Host) Load(ctx context.Context, slot int, ref Ref, out sdk.Collector) (Stats, error) {
	return Stats{}, errNotServed
}

// Describe opens an encoder and says what it is.
func (h *Host) Describe(ctx context.Context, slot int, ref Ref) (sdk.EncoderInfo, error) {
	return sdk.EncoderInfo{}, errNotServed
}

// Train trains an encoder into call.Dir.
func (h *Host) Train(ctx context.Context, slot int, ref Ref, call TrainCall) (Stats, error) {
	return Stats{}, errNotServed
}

// Encode turns texts into vectors. sink gets them in order, in pieces.
func (h *Host) Encode(ctx context.Context, slot int, ref Ref, role sdk.Role, texts iter.Seq2[sdk.Text, error], total int, sink func(*sdk.Embeddings) error) (sdk.EncoderInfo, Stats, error) {
	return sdk.EncoderInfo{}, Stats{}, errNotServed
}

// Build builds an index into t.Dir.
func (h *Host) Build(ctx context.Context, slot int, ref Ref, t sdk.BuildTask) (Stats, error) {
	return Stats{}, errNotServed
}

// Search calls emit once per query row, in order.
func (h *Host) Search(ctx context.Context, slot int, ref Ref, t sdk.SearchTask, emit func(query int32, hits []sdk.Hit) error) (Stats, error) {
	return Stats{}, errNotServed
}

// Evaluate calls emit once per query, in order, with one value per measure.
func (h *Host) Evaluate(ctx context.Context, slot int, ref Ref, queries iter.Seq[sdk.JudgedQuery], emit func(id string, v sdk.QueryValues) error) (measures []string, st Stats, err error) {
	return nil, Stats{}, errNotServed
}
