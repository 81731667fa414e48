package serve

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// Sources lists the files that a component reads of its own.
func (s *server) Sources(req *pluginpb.SourcesRequest, stream grpc.ServerStreamingServer[pluginpb.SourcesResponse]) error {
	send := func(data []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
		return stream.Send(&pluginpb.SourcesResponse{Data: data, Progress: p, Done: d})
	}
	return s.serve(stream.Context(), req.GetHandle(), "", send, func(c *call, o *opened) (time.Duration, error) {
		sourcer, ok := o.value.(sdk.Sourcer)
		if !ok {
			return 0, nil
		}
		start := time.Now()
		sources, err := sourcer.Sources(c.ctx)
		if err != nil {
			return 0, err
		}
		compute := time.Since(start)
		for _, src := range sources {
			if err := c.out.Record(&pluginpb.Source{Name: src.Name, Path: src.Path}, 1); err != nil {
				return 0, err
			}
		}
		return compute, nil
	})
}

// Inspect says what a loader holds.
func (s *server) Inspect(req *pluginpb.InspectRequest, stream grpc.ServerStreamingServer[pluginpb.InspectResponse]) error {
	send := func(data []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
		return stream.Send(&pluginpb.InspectResponse{Data: data, Progress: p, Done: d})
	}
	return s.serve(stream.Context(), req.GetHandle(), sdk.KindLoader, send, func(c *call, o *opened) (time.Duration, error) {
		start := time.Now()
		in, err := sdk.Inspect(c.ctx, o.value.(sdk.Loader))
		if err != nil {
			return 0, err
		}
		return time.Since(start), sendInspection(in, func(r *pluginpb.Inspected) error { return c.out.Record(r, 1) })
	})
}

func sendInspection(in *sdk.Inspection, emit func(*pluginpb.Inspected) error) error {
	for _, q := range in.Queries {
		if err := emit(&pluginpb.Inspected{Record: &pluginpb.Inspected_Query{Query: wire.ToInspectedText(q)}}); err != nil {
			return err
		}
	}
	for _, d := range in.Documents {
		if err := emit(&pluginpb.Inspected{Record: &pluginpb.Inspected_Document{Document: wire.ToInspectedText(d)}}); err != nil {
			return err
		}
	}
	for _, p := range in.Pairs {
		if err := emit(&pluginpb.Inspected{Record: &pluginpb.Inspected_Pair{Pair: wire.ToInspectedPair(p)}}); err != nil {
			return err
		}
	}
	for _, q := range in.Judgments {
		if err := emit(&pluginpb.Inspected{Record: &pluginpb.Inspected_Judgment{Judgment: wire.ToQrel(q)}}); err != nil {
			return err
		}
	}
	for name, n := range in.Counts {
		if err := emit(&pluginpb.Inspected{Record: &pluginpb.Inspected_Counted{Counted: &pluginpb.Counted{Name: name, N: int64(n)}}}); err != nil {
			return err
		}
	}
	return emit(&pluginpb.Inspected{Record: &pluginpb.Inspected_Qrels{Qrels: int64(in.Qrels)}})
}

// Load gives a collection.
func (s *server) Load(req *pluginpb.LoadRequest, stream grpc.ServerStreamingServer[pluginpb.LoadResponse]) error {
	send := func(data []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
		return stream.Send(&pluginpb.LoadResponse{Data: data, Progress: p, Done: d})
	}
	return s.serve(stream.Context(), req.GetHandle(), sdk.KindLoader, send, func(c *call, o *opened) (time.Duration, error) {
		start := time.Now()
		out := &collector{call: c}
		if err := o.value.(sdk.Loader).Load(c.ctx, out); err != nil {
			return 0, err
		}
		// A loader that overlooks an error must not pass for a whole one.
		return time.Since(start) - out.sending, out.err
	})
}

// collector sends what a loader finds.
type collector struct {
	call    *call
	err     error
	sending time.Duration
}

var _ sdk.Collector = (*collector)(nil)

func (c *collector) record(m proto.Message) error {
	if c.err != nil {
		return c.err
	}
	if c.err = c.call.ctx.Err(); c.err != nil {
		return c.err
	}
	before := c.call.out.Bytes()
	start := time.Now()
	c.err = c.call.out.Record(m, 1)
	if c.call.out.Bytes() != before {
		c.sending += time.Since(start)
	}
	return c.err
}

func (c *collector) Query(q sdk.Query) error {
	return c.record(&pluginpb.Loaded{Record: &pluginpb.Loaded_Query{Query: wire.ToQuery(q)}})
}

func (c *collector) Document(d sdk.Document) error {
	return c.record(&pluginpb.Loaded{Record: &pluginpb.Loaded_Document{Document: wire.ToDocument(d)}})
}

func (c *collector) Qrel(q sdk.Qrel) error {
	return c.record(&pluginpb.Loaded{Record: &pluginpb.Loaded_Qrel{Qrel: wire.ToQrel(q)}})
}

func (c *collector) Pair(p sdk.Pair) error {
	return c.record(&pluginpb.Loaded{Record: &pluginpb.Loaded_Pair{Pair: wire.ToPair(p)}})
}

func (c *collector) Count(name string, n int) {
	// The error is kept, and ends the call when Load returns.
	_ = c.record(&pluginpb.Loaded{Record: &pluginpb.Loaded_Counted{Counted: &pluginpb.Counted{Name: name, N: int64(n)}}})
}

func (c *collector) Progress(done, total int64) { c.call.progress(done, total) }
