package serve

import (
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// Build builds an index.
func (s *server) Build(req *pluginpb.BuildRequest, stream grpc.ServerStreamingServer[pluginpb.BuildResponse]) error {
	send := func(_ []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
		return stream.Send(&pluginpb.BuildResponse{Progress: p, Done: d})
	}
	return s.serve(stream.Context(), req.GetHandle(), sdk.KindIndex, send, func(c *call, o *opened) (time.Duration, error) {
		start := time.Now()
		err := o.value.(sdk.Index).Build(c.ctx, &sdk.BuildTask{Documents: wire.Matrix(req.GetDocuments()), Dir: req.GetDir(), Report: c.progress})
		return time.Since(start), err
	})
}

// Search searches an index.
func (s *server) Search(stream grpc.BidiStreamingServer[pluginpb.SearchRequest, pluginpb.SearchResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	in := &inlet{reader: wire.NewReader(), done: first.GetDone(), recv: func() ([]byte, *pluginpb.Done, error) {
		m, err := stream.Recv()
		return m.GetData(), m.GetDone(), err
	}}
	in.reader.Feed(first.GetData())
	send := func(data []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
		return stream.Send(&pluginpb.SearchResponse{Data: data, Progress: p, Done: d})
	}
	start := first.GetStart()
	return s.serve(stream.Context(), start.GetHandle(), sdk.KindIndex, send, func(c *call, o *opened) (time.Duration, error) {
		task := &sdk.SearchTask{Dir: start.GetDir(), Documents: wire.Matrix(start.GetDocuments()), Queries: wire.Matrix(start.GetQueries()), K: int(start.GetK())}
		if err := readRows(in, start, task); err != nil {
			return 0, err
		}
		var sending time.Duration
		began := time.Now()
		err := o.value.(sdk.Index).Search(c.ctx, task, func(query int32, hits []sdk.Hit) error {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			start := time.Now()
			defer func() { sending += time.Since(start) }()
			return c.out.Record(wire.ToHits(query, hits), 1)
		})
		return time.Since(began) - sending, err
	})
}

// readRows reads the row lists of a search.
func readRows(in *inlet, start *pluginpb.SearchStart, task *sdk.SearchTask) error {
	for in.done == nil {
		if _, err := in.more(); err != nil {
			return err
		}
	}
	all, err := wire.Ints[int32](in.reader.Take())
	if err != nil {
		return err
	}
	in.reader.Count(len(all))
	if _, err := in.more(); err != nil {
		return err
	}
	if want := start.GetDocumentRows() + start.GetQueryRows(); uint64(len(all)) != want {
		return fmt.Errorf("short stream: want %d row numbers, got %d", want, len(all))
	}
	n := start.GetDocumentRows()
	if start.DocumentRows != nil {
		task.DocumentRows = all[:n:n]
	}
	if start.QueryRows != nil {
		task.QueryRows = all[n:]
	}
	return nil
}
