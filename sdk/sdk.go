// Package sdk is what a plugin author writes against.
//
// A plugin is a declared value: a name, a version and its components. A
// component is a loader, an encoder, an index or a metric with a name, a
// revision, typed options and a function that opens it. The host validates
// the declaration and a study's arguments before anything runs, then opens the
// component with decoded options and calls the few methods of its kind.
//
//	type options struct {
//		Dim int `xl:"dim,default=256,min=1" doc:"Dimensions of a vector."`
//	}
//
//	var Component = sdk.NewEncoder(sdk.Info{Name: "hash", Revision: 1, Doc: "…"},
//		func(ctx context.Context, o options, m *sdk.Model) (sdk.Encoder, error) { … })
//
//	func main() { serve.Plugin(sdk.Plugin{Name: "hash", Version: "0.1.0", Components: []sdk.Component{Component}}) }
//
// New abilities are optional interfaces (Trainer, Inspector, SetMetric), so old plugins
// keep working. The package knows nothing of processes, gRPC or files of the
// host: package serve does.
package sdk

import (
	"context"
	"fmt"
	"regexp"
)

// Kind says what a component does.
type Kind string

// The kinds of component.
const (
	KindLoader  Kind = "loader"
	KindEncoder Kind = "encoder"
	KindIndex   Kind = "index"
	KindMetric  Kind = "metric"
)

// Determinism is what a component promises about two runs with equal inputs.
type Determinism string

// The promises a component can make.
const (
	Bitwise    Determinism = "bitwise"    // the same bytes on every machine
	Numeric    Determinism = "numeric"    // equal within a tolerance
	Stochastic Determinism = "stochastic" // a remote service, or randomness that no seed controls
)

// Plugin is what one process serves.
type Plugin struct {
	Name       string
	Version    string
	Components []Component
}

// Info declares a component.
type Info struct {
	Kind        Kind // set by NewLoader, NewEncoder, NewIndex, NewMetric
	Name        string
	Revision    int // bump whenever the output changes for equal input
	Doc         string
	Determinism Determinism // the zero value means Bitwise
	PairKinds   []string    // loaders: the kinds of pair on offer, the default first
	Languages   bool        // metrics: Evaluate wants languages and groups (see JudgedQuery)
	Options     []Option    // filled from the options struct
	Train       []Option    // encoders that learn: arguments of the train block, filled from the train struct
}

// Component is a declared and openable part of a plugin. Make one with
// NewLoader, NewEncoder, NewIndex or NewMetric.
type Component struct {
	Info

	open   func(ctx context.Context, config []byte, m *Model) (any, error)
	decode func(config []byte) (any, error)
	train  func(config []byte) (any, error)
}

// Open decodes config, a JSON object that fits Info.Options, fills in defaults
// and opens the component. m is the trained model, nil for everything but an
// encoder that has been trained. The result implements the interface of the
// component's kind.
func (c Component) Open(ctx context.Context, config []byte, m *Model) (any, error) {
	return c.open(ctx, config, m)
}

// Decode checks and decodes config without opening anything. Its errors are
// Diagnostics.
func (c Component) Decode(config []byte) (any, error) { return c.decode(config) }

// DecodeTrain decodes the arguments of a train block.
func (c Component) DecodeTrain(config []byte) (any, error) {
	if c.train == nil {
		return nil, fmt.Errorf("%s %q cannot be trained", c.Kind, c.Name)
	}
	return c.train(config)
}

var nameRE = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate reports the first fault of the declaration: a bad name, a missing
// revision, an option that contradicts itself, a component declared twice.
func (p Plugin) Validate() error {
	seen := map[string]bool{}
	for _, c := range p.Components {
		if !nameRE.MatchString(c.Name) {
			return fmt.Errorf("%s name %q: want lower case letters, digits and underscores", c.Kind, c.Name)
		}
		if c.Revision < 1 {
			return fmt.Errorf("%s %q: the revision must be 1 or more", c.Kind, c.Name)
		}
		if c.Languages && c.Kind != KindMetric {
			return fmt.Errorf("%s %q: Languages is for metrics", c.Kind, c.Name)
		}
		if c.open == nil {
			return fmt.Errorf("%s %q was not made with New%s", c.Kind, c.Name, c.Kind)
		}
		key := string(c.Kind) + " " + c.Name
		if seen[key] {
			return fmt.Errorf("%s %q is declared twice", c.Kind, c.Name)
		}
		seen[key] = true
		for _, set := range [][]Option{c.Options, c.Train} {
			if err := validateOptions(set); err != nil {
				return fmt.Errorf("%s %q: %w", c.Kind, c.Name, err)
			}
		}
	}
	return nil
}

// NewLoader declares a loader. O is a struct whose fields carry xl tags.
func NewLoader[O any](info Info, open func(ctx context.Context, options O) (Loader, error)) Component {
	return newComponent(info, KindLoader, func(ctx context.Context, o O, _ *Model) (any, error) { return open(ctx, o) })
}

// NewEncoder declares an encoder that is not trained here. m is always nil.
func NewEncoder[O any](info Info, open func(ctx context.Context, options O, m *Model) (Encoder, error)) Component {
	return newComponent(info, KindEncoder, func(ctx context.Context, o O, m *Model) (any, error) { return open(ctx, o, m) })
}

// NewTrainable declares an encoder that can be trained; T is the struct of the
// train block's arguments. The value that open returns must implement Trainer.
// open gets the trained model, or nil for the encoder as it is before training.
func NewTrainable[O, T any](info Info, open func(ctx context.Context, options O, m *Model) (Encoder, error)) Component {
	c := newComponent(info, KindEncoder, func(ctx context.Context, o O, m *Model) (any, error) { return open(ctx, o, m) })
	// Not nil even where there are no arguments: it can be trained.
	c.Train = append([]Option{}, optionsOf[T]()...)
	c.train = func(config []byte) (any, error) {
		var t T
		if err := decodeOptions(config, c.Train, &t); err != nil {
			return nil, err
		}
		return t, nil
	}
	return c
}

// NewIndex declares an index.
func NewIndex[O any](info Info, open func(ctx context.Context, options O) (Index, error)) Component {
	return newComponent(info, KindIndex, func(ctx context.Context, o O, _ *Model) (any, error) { return open(ctx, o) })
}

// NewMetric declares a metric.
func NewMetric[O any](info Info, open func(ctx context.Context, options O) (Metric, error)) Component {
	return newComponent(info, KindMetric, func(ctx context.Context, o O, _ *Model) (any, error) { return open(ctx, o) })
}

func newComponent[O any](info Info, kind Kind, open func(context.Context, O, *Model) (any, error)) Component {
	info.Kind = kind
	if info.Determinism == "" {
		info.Determinism = Bitwise
	}
	info.Options = optionsOf[O]()
	c := Component{Info: info}
	decode := func(config []byte) (O, error) {
		var o O
		err := decodeOptions(config, c.Options, &o)
		if err == nil {
			if v, ok := any(&o).(Validator); ok {
				err = v.Validate()
			}
		}
		return o, err
	}
	c.decode = func(config []byte) (any, error) { return decode(config) }
	c.open = func(ctx context.Context, config []byte, m *Model) (any, error) {
		o, err := decode(config)
		if err != nil {
			return nil, err
		}
		return open(ctx, o, m)
	}
	return c
}
