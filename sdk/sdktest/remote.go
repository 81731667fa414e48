package sdktest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/sdk"
)

// remote makes a suite whose component lives in a plugin process. What is
// opened anew lives in another process.
func remote(ctx context.Context, host *pluginhost.Host, ref pluginhost.Ref) (*suite, error) {
	all, err := host.Components(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(c pluginhost.Component) bool {
		return c.Kind == ref.Kind && c.Name == ref.Name && (ref.Plugin == "" || c.Plugin == ref.Plugin)
	})
	if i < 0 {
		return nil, fmt.Errorf("there is no %s %q", ref.Kind, ref.Name)
	}
	ref.Plugin = all[i].Plugin
	s := &suite{info: all[i].Info, config: ref.Config}
	slot := 0
	s.open = func(ctx context.Context, config []byte, m *sdk.Model, fresh bool) (any, error) {
		if fresh {
			slot++
		}
		r := ref
		r.Config, r.Model = config, m
		at := place{host: host, ref: r, slot: slot}
		info, err := host.Describe(ctx, at.slot, r)
		if err != nil {
			return nil, err
		}
		switch ref.Kind {
		case sdk.KindEncoder:
			return &encoder{at, info}, nil
		case sdk.KindLoader:
			return &loader{at}, nil
		case sdk.KindIndex:
			return &index{at}, nil
		case sdk.KindMetric:
			measures, ranges, err := host.Measures(ctx, at.slot, r)
			return &metric{at, measures, ranges}, err
		}
		return nil, fmt.Errorf("unknown kind %q", ref.Kind)
	}
	s.validate = func(ctx context.Context, config []byte) (sdk.Diagnostics, error) {
		r := ref
		r.Config = config
		return host.Validate(ctx, r, nil)
	}
	s.train = func(ctx context.Context, e any, t *sdk.TrainTask, options []byte) error {
		enc := e.(*encoder)
		_, err := host.Train(ctx, enc.slot, enc.ref, pluginhost.TrainCall{Options: options, Pairs: t.Pairs, Dir: t.Dir, Work: t.Work, Report: t.Report})
		return err
	}
	return s, nil
}

// place is an open component in a plugin process.
type place struct {
	host *pluginhost.Host
	ref  pluginhost.Ref
	slot int
}

type encoder struct {
	place
	info sdk.EncoderInfo
}

var _ sdk.Encoder = (*encoder)(nil)

func (e *encoder) Info() sdk.EncoderInfo { return e.info }

func (e *encoder) Encode(ctx context.Context, role sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	in := func(yield func(sdk.Text, error) bool) {
		for _, t := range texts {
			if !yield(t, nil) {
				return
			}
		}
	}
	out := &sdk.Embeddings{Dim: e.info.Dim}
	if e.info.Sparse {
		out.Indptr = []int64{0}
	}
	_, _, err := e.host.Encode(ctx, e.slot, e.ref, role, in, len(texts), func(m *sdk.Embeddings) error {
		out.Data = append(out.Data, m.Data...)
		if m.Sparse() {
			n := out.Indptr[len(out.Indptr)-1]
			for _, p := range m.Indptr[1:] {
				out.Indptr = append(out.Indptr, n+p)
			}
			out.Indices = append(out.Indices, m.Indices...)
			out.Values = append(out.Values, m.Values...)
		}
		return nil
	})
	return out, e.heeded(ctx, err)
}

// heeded turns a cancelled call that cost the process into an error: the host
// kills a plugin that goes on.
func (p place) heeded(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil && !p.host.Running(p.ref.Plugin, p.slot) {
		return errors.New("it went on after it was cancelled, and had to be killed")
	}
	return err
}

type loader struct{ place }

var _ sdk.Inspector = (*loader)(nil)

func (l *loader) Sources(ctx context.Context) ([]sdk.Source, error) {
	return l.host.Sources(ctx, l.slot, l.ref)
}

func (l *loader) Load(ctx context.Context, out sdk.Collector) error {
	_, err := l.host.Load(ctx, l.slot, l.ref, out)
	return l.heeded(ctx, err)
}

func (l *loader) Inspect(ctx context.Context) (*sdk.Inspection, error) {
	return l.host.Inspect(ctx, l.slot, l.ref)
}

type index struct{ place }

var _ sdk.Index = (*index)(nil)

func (x *index) Build(ctx context.Context, t *sdk.BuildTask) error {
	_, err := x.host.Build(ctx, x.slot, x.ref, *t)
	return x.heeded(ctx, err)
}

func (x *index) Search(ctx context.Context, t *sdk.SearchTask, emit func(int32, []sdk.Hit) error) error {
	_, err := x.host.Search(ctx, x.slot, x.ref, *t, emit)
	return x.heeded(ctx, err)
}

type metric struct {
	place
	measures []string
	ranges   []sdk.Range
}

var _ sdk.RangedMetric = (*metric)(nil)

func (m *metric) Measures() []string { return m.measures }

func (m *metric) Ranges() []sdk.Range { return m.ranges }

func (m *metric) Evaluate(ctx context.Context, q sdk.JudgedQuery) (sdk.QueryValues, error) {
	var out sdk.QueryValues
	one := func(yield func(sdk.JudgedQuery) bool) { yield(q) }
	_, _, err := m.host.Evaluate(ctx, m.slot, m.ref, one, func(_ string, v sdk.QueryValues) error {
		out = v
		return nil
	})
	return out, err
}
