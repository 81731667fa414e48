package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// version of this SDK, for information.
const version = "go 0.1.0"

// server answers for all components of a plugin.
type server struct {
	pluginpb.UnimplementedPluginServiceServer
	pluginpb.UnimplementedLoaderServiceServer
	pluginpb.UnimplementedEncoderServiceServer
	pluginpb.UnimplementedIndexServiceServer
	pluginpb.UnimplementedMetricServiceServer

	plugin sdk.Plugin

	mu      sync.Mutex
	last    uint64
	handles map[uint64]*opened
	calls   map[*call]bool
}

// opened is a component that has been configured. One call works on it at a
// time: sdk interfaces need not be safe for concurrent use.
type opened struct {
	sdk.Component
	value any
	turn  chan struct{}
}

func newServer(p sdk.Plugin) *server {
	return &server{plugin: p, handles: map[uint64]*opened{}, calls: map[*call]bool{}}
}

func (s *server) component(kind pluginpb.Kind, name string) (sdk.Component, error) {
	for _, c := range s.plugin.Components {
		if c.Kind == wire.Kind(kind) && c.Name == name {
			return c, nil
		}
	}
	return sdk.Component{}, status.Errorf(codes.NotFound, "there is no %s %q in plugin %q %s", wire.Kind(kind), name, s.plugin.Name, s.plugin.Version)
}

// GetInfo declares the components.
func (s *server) GetInfo(context.Context, *pluginpb.GetInfoRequest) (*pluginpb.GetInfoResponse, error) {
	out := &pluginpb.GetInfoResponse{Name: s.plugin.Name, Version: s.plugin.Version, Sdk: version, Capabilities: []string{wire.CapStatus}}
	for _, c := range s.plugin.Components {
		p, err := wire.ToComponent(c.Info)
		if err != nil {
			return nil, status.Errorf(codes.Internal, "%s %q: %v", c.Kind, c.Name, err)
		}
		out.Components = append(out.Components, p)
	}
	return out, nil
}

// Validate decodes arguments.
func (s *server) Validate(_ context.Context, req *pluginpb.ValidateRequest) (_ *pluginpb.ValidateResponse, err error) {
	c, err := s.component(req.GetKind(), req.GetName())
	if err != nil {
		return nil, err
	}
	defer s.recover(c.Info, &err)
	var ds sdk.Diagnostics
	add := func(err error) {
		if d, ok := sdk.AsDiagnostics(err); ok {
			ds = append(ds, d...)
		} else if err != nil {
			ds = append(ds, sdk.Diagnostic{Summary: "Invalid arguments", Detail: err.Error()})
		}
	}
	_, err = c.Decode(req.GetConfigJson())
	add(err)
	if req.TrainJson != nil {
		_, err = c.DecodeTrain(req.GetTrainJson())
		add(err)
	}
	return &pluginpb.ValidateResponse{Diagnostics: wire.ToDiagnostics(ds)}, nil
}

// Configure opens a component.
func (s *server) Configure(req *pluginpb.ConfigureRequest, stream grpc.ServerStreamingServer[pluginpb.ConfigureResponse]) error {
	c, err := s.component(req.GetKind(), req.GetName())
	if err != nil {
		return err
	}
	o := &opened{Component: c, turn: make(chan struct{}, 1)}
	send := func(_ []byte, p *pluginpb.Progress, _ *pluginpb.Done) error {
		return stream.Send(&pluginpb.ConfigureResponse{Progress: p})
	}
	answer := &pluginpb.Opened{}
	err = s.work(stream.Context(), o, send, func(k *call) error {
		var m *sdk.Model
		if req.GetModel() != nil {
			m = &sdk.Model{Dir: req.GetModel().GetDir(), Digest: req.GetModel().GetDigest()}
		}
		var err error
		if o.value, err = c.Open(k.ctx, req.GetConfigJson(), m); err != nil {
			return err
		}
		return describe(o, answer)
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.last++
	answer.Handle = s.last
	s.handles[s.last] = o
	s.mu.Unlock()
	return stream.Send(&pluginpb.ConfigureResponse{Opened: answer})
}

// describe fills in what is known of an open component.
func describe(o *opened, answer *pluginpb.Opened) error {
	switch v := o.value.(type) {
	case sdk.Encoder:
		if _, ok := v.(sdk.Trainer); o.Train != nil && !ok {
			return faulty("it declares train options, and the value that its open function returns is no sdk.Trainer: add the method Train")
		}
		answer.Encoder = wire.ToEncoderInfo(v.Info())
	case sdk.Metric:
		answer.Measures = v.Measures()
		if r, ok := v.(sdk.RangedMetric); ok {
			answer.Ranges = wire.ToRanges(r.Ranges())
		}
	case sdk.Loader, sdk.Index:
	default:
		return faulty("its open function returned no %s but %T", o.Kind, o.value)
	}
	return nil
}

// Release closes a handle.
func (s *server) Release(ctx context.Context, req *pluginpb.ReleaseRequest) (_ *pluginpb.ReleaseResponse, err error) {
	s.mu.Lock()
	o := s.handles[req.GetHandle()]
	delete(s.handles, req.GetHandle())
	s.mu.Unlock()
	if o == nil {
		return &pluginpb.ReleaseResponse{}, nil
	}
	defer s.recover(o.Info, &err)
	if c, ok := o.value.(io.Closer); ok {
		select {
		case o.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		if err := c.Close(); err != nil {
			return nil, wire.ToStatus(err)
		}
	}
	return &pluginpb.ReleaseResponse{}, nil
}

// Status lists the calls being worked on.
func (s *server) Status(context.Context, *pluginpb.StatusRequest) (*pluginpb.StatusResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &pluginpb.StatusResponse{}
	for c := range s.calls {
		out.Calls = append(out.Calls, c.id)
	}
	slices.Sort(out.Calls)
	return out, nil
}

// fault is an error that is the component's own, not its input's.
type fault struct{ error }

func faulty(format string, args ...any) error { return fault{fmt.Errorf(format, args...)} }

// recover turns a panic into an error that names the component.
func (s *server) recover(i sdk.Info, err *error) {
	r := recover()
	if r == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s %q of plugin %q: panic: %v\n%s\n", i.Kind, i.Name, s.plugin.Name, r, debug.Stack())
	*err = wire.Status(codes.Internal, fmt.Sprintf("panic: %v", r), &pluginpb.Failure{Fault: pluginpb.Fault_FAULT_PLUGIN})
}

type sendFunc func(data []byte, p *pluginpb.Progress, d *pluginpb.Done) error

// call is one piece of work on an open component.
type call struct {
	id  string
	ctx context.Context
	out *wire.Writer

	mu       sync.Mutex // guards what follows: a stream takes one message at a time
	send     sendFunc
	over     bool
	err      error // of sending; the stream is of no more use
	reported time.Time
	beat     *time.Timer
}

// work runs f under the rules of a call: listed in Status, alone on its
// component, showing signs of life, with panics caught.
func (s *server) work(ctx context.Context, o *opened, send sendFunc, f func(*call) error) (err error) {
	c := &call{ctx: ctx, send: send}
	if ids := metadata.ValueFromIncomingContext(ctx, wire.MetaCall); len(ids) > 0 {
		c.id = ids[0]
	}
	c.out = wire.NewWriter(func(data []byte) error { return c.message(data, nil, nil) })
	s.mu.Lock()
	s.calls[c] = true
	s.mu.Unlock()
	c.mu.Lock()
	c.beat = time.AfterFunc(wire.Heartbeat, c.alive)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.over = true
		c.beat.Stop()
		c.mu.Unlock()
		s.mu.Lock()
		delete(s.calls, c)
		s.mu.Unlock()
	}()
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
	defer func() { <-o.turn }()
	defer s.recover(o.Info, &err)

	err = f(c)
	var own fault
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	case errors.As(err, &own):
		return wire.Status(codes.Internal, err.Error(), &pluginpb.Failure{Fault: pluginpb.Fault_FAULT_PLUGIN})
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return wire.ToStatus(err)
}

// serve is work on the component behind a handle, of the kind or, if kind is
// empty, of any, and ends the stream.
func (s *server) serve(ctx context.Context, handle uint64, kind sdk.Kind, send sendFunc, f func(*call, *opened) (time.Duration, error)) error {
	s.mu.Lock()
	o := s.handles[handle]
	s.mu.Unlock()
	if o == nil || kind != "" && o.Kind != kind {
		return status.Errorf(codes.FailedPrecondition, "there is no open %s component with handle %d", kind, handle)
	}
	return s.work(ctx, o, send, func(c *call) error {
		compute, err := f(c, o)
		if err != nil {
			return err
		}
		data, done := c.out.Finish()
		done.ComputeNanos = int64(compute)
		return c.message(data, nil, done)
	})
}

// message sends one message. After an error it sends no more.
func (c *call) message(data []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.over {
		c.err = c.send(data, p, d)
	}
	return c.err
}

// alive sends an empty progress message and comes back later.
func (c *call) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.err != nil {
		return
	}
	c.err = c.send(nil, &pluginpb.Progress{}, nil)
	c.beat.Reset(wire.Heartbeat)
}

// progress reports progress, not too often; the end always.
func (c *call) progress(done, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.over || c.err != nil || done != total && now.Sub(c.reported) < wire.ProgressEvery {
		return
	}
	c.reported = now
	c.err = c.send(nil, &pluginpb.Progress{Done: done, Total: total}, nil)
}

// inlet reads the records of a request stream.
type inlet struct {
	recv   func() (data []byte, done *pluginpb.Done, err error)
	reader *wire.Reader
	done   *pluginpb.Done
	waited time.Duration
}

// more reads one message. At the end it checks the whole stream and returns
// false.
func (in *inlet) more() (bool, error) {
	if in.done != nil {
		return false, in.reader.Check(in.done)
	}
	start := time.Now()
	data, done, err := in.recv()
	in.waited += time.Since(start)
	if errors.Is(err, io.EOF) {
		return false, fmt.Errorf("short stream: the host ended it early")
	}
	if err != nil {
		return false, err
	}
	in.reader.Feed(data)
	in.done = done
	return true, nil
}

// next reads one record, which counts as one. It returns false at the end of a
// stream that arrived whole.
func (in *inlet) next(m proto.Message) (bool, error) {
	return in.read(func() (bool, error) { return in.reader.Next(m) })
}

// read is next with a function that decodes what has come.
func (in *inlet) read(decode func() (bool, error)) (bool, error) {
	for {
		ok, err := decode()
		if err != nil {
			return false, err
		}
		if ok {
			in.reader.Count(1)
			return true, nil
		}
		if ok, err := in.more(); !ok {
			return false, err
		}
	}
}
