package serve

import (
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// Evaluate judges rankings.
func (s *server) Evaluate(stream grpc.BidiStreamingServer[pluginpb.EvaluateRequest, pluginpb.EvaluateResponse]) error {
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
		return stream.Send(&pluginpb.EvaluateResponse{Data: data, Progress: p, Done: d})
	}
	return s.serve(stream.Context(), first.GetStart().GetHandle(), sdk.KindMetric, send, func(c *call, o *opened) (time.Duration, error) {
		metric := o.value.(sdk.Metric)
		var compute time.Duration
		for {
			var q sdk.JudgedQuery
			ok, err := in.read(func() (bool, error) { return in.reader.NextJudgedQuery(&q) })
			if !ok || err != nil {
				return compute, err
			}
			began := time.Now()
			v, err := metric.Evaluate(c.ctx, q)
			compute += time.Since(began)
			if err != nil {
				return 0, fmt.Errorf("query %q: %w", q.ID, err)
			}
			if err := c.out.Record(&pluginpb.QueryValues{Id: q.ID, Values: wire.PutFloat64(v.Values), Rank: int64(v.Rank)}, 1); err != nil {
				return 0, err
			}
		}
	})
}
