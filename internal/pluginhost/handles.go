package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// How many components a process keeps open while nobody uses them. Encoders
// are large.
const (
	keepEncoders = 2
	keepOthers   = 8
)

// handle is an open component in a process.
type handle struct {
	key     string
	kind    sdk.Kind
	ready   chan struct{} // closed when opened or err is set
	opened  *pluginpb.Opened
	err     error
	users   int
	used    uint64 // when last, counted in uses
	dropped bool
}

// handles are the open components of a process.
type handles struct {
	mu    sync.Mutex
	byKey map[string]*handle
	clock uint64
}

func keyOf(ref Ref) string {
	model := ""
	if ref.Model != nil {
		if model = ref.Model.Digest; model == "" {
			model = ref.Model.Dir
		}
	}
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s", ref.Kind, ref.Name, ref.Config, model)
}

// acquire returns the open component for ref, opening it if need be. Give it
// back with release.
func (p *process) acquire(ctx context.Context, ref Ref) (*handle, error) {
	hs, key := &p.handles, keyOf(ref)
	for {
		hs.mu.Lock()
		if hs.byKey == nil {
			hs.byKey = map[string]*handle{}
		}
		hs.clock++
		hd := hs.byKey[key]
		mine := hd == nil
		if mine {
			hd = &handle{key: key, kind: ref.Kind, ready: make(chan struct{})}
			hs.byKey[key] = hd
		}
		hd.users++
		hd.used = hs.clock
		old := hs.evict(ref.Kind)
		hs.mu.Unlock()
		for _, o := range old {
			p.close(ctx, o)
		}
		if mine {
			hd.opened, hd.err = p.open(ctx, ref)
			if hd.err != nil {
				hs.drop(hd)
			}
			close(hd.ready)
		}
		select {
		case <-hd.ready:
		case <-ctx.Done():
			p.release(ctx, hd)
			return nil, over(ctx)
		}
		if hd.err == nil {
			return hd, nil
		}
		p.release(ctx, hd)
		// Whoever opened it was cancelled: that is no answer for us.
		if !mine && over(ctx) == nil && (errors.Is(hd.err, context.Canceled) || errors.Is(hd.err, context.DeadlineExceeded)) {
			continue
		}
		return nil, hd.err
	}
}

// release gives a handle back.
func (p *process) release(ctx context.Context, hd *handle) {
	p.handles.mu.Lock()
	hd.users--
	last := hd.users == 0 && hd.dropped
	p.handles.mu.Unlock()
	if last {
		p.close(ctx, hd)
	}
}

// drop forgets a handle: the next call opens the component anew.
func (hs *handles) drop(hd *handle) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hd.dropped = true
	if hs.byKey[hd.key] == hd {
		delete(hs.byKey, hd.key)
	}
}

// evict takes out idle handles of a kind beyond what is kept, the longest
// unused first.
func (hs *handles) evict(kind sdk.Kind) []*handle {
	keep := keepOthers
	if kind == sdk.KindEncoder {
		keep = keepEncoders
	}
	var out []*handle
	for {
		n := 0
		var oldest *handle
		for _, hd := range hs.byKey {
			if hd.kind != kind {
				continue
			}
			n++
			if hd.users == 0 && (oldest == nil || hd.used < oldest.used) {
				oldest = hd
			}
		}
		if n <= keep || oldest == nil {
			return out
		}
		delete(hs.byKey, oldest.key)
		out = append(out, oldest)
	}
}

// close closes a component in the plugin. It is a courtesy: an error there is
// not one of the call at hand.
func (p *process) close(ctx context.Context, hd *handle) {
	if hd.opened == nil || !p.alive() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.host.cfg.IdleTimeout)
	defer cancel()
	if _, err := pluginpb.NewPluginServiceClient(p.conn).Release(ctx, &pluginpb.ReleaseRequest{Handle: hd.opened.GetHandle()}); err != nil && p.alive() {
		p.host.cfg.Logger.Warn("closing a component", "plugin", p.spec.Name, "error", err)
	}
}

// open opens a component.
func (p *process) open(ctx context.Context, ref Ref) (*pluginpb.Opened, error) {
	c := p.newCall(ctx, ref, "open")
	req := &pluginpb.ConfigureRequest{Kind: wire.ToKind(ref.Kind), Name: ref.Name, ConfigJson: ref.Config}
	if ref.Model != nil {
		req.Model = &pluginpb.Model{Dir: ref.Model.Dir, Digest: ref.Model.Digest}
	}
	var opened *pluginpb.Opened
	err := c.do(func() error {
		stream, err := pluginpb.NewPluginServiceClient(p.conn).Configure(c.stream, req)
		if err != nil {
			return err
		}
		for {
			m, err := receive(c, stream.Recv)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if m.GetOpened() != nil {
				opened = m.GetOpened()
			}
		}
		return checkOpened(ref, opened)
	})
	return opened, err
}

func checkOpened(ref Ref, o *pluginpb.Opened) error {
	switch {
	case o.GetHandle() == 0:
		return broken("short stream: it ended without a handle")
	case ref.Kind == sdk.KindEncoder && o.GetEncoder().GetDim() < 1:
		return broken("it says that its vectors have %d dimensions: want 1 or more", o.GetEncoder().GetDim())
	case ref.Kind == sdk.KindMetric && len(o.GetMeasures()) == 0:
		return broken("it measures nothing")
	}
	if n := len(o.GetRanges()); n > 0 && n != len(o.GetMeasures()) {
		return broken("it says in what range the values of %d measures are, and has %d", n, len(o.GetMeasures()))
	}
	for i, r := range o.GetRanges() {
		if !(r.GetLow() <= r.GetHigh()) {
			return broken("it says that the values of %s are from %g to %g", o.GetMeasures()[i], r.GetLow(), r.GetHigh())
		}
	}
	return nil
}
