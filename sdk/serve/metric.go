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
		if set, ok := metric.(sdk.SetMetric); ok {
			return evaluateSet(c, in, set)
		}
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
			if err := c.out.Record(wire.ToQueryValues(q.ID, v), 1); err != nil {
				return 0, err
			}
		}
	})
}

// evaluateSet hears all queries before it answers.
func evaluateSet(c *call, in *inlet, metric sdk.SetMetric) (time.Duration, error) {
	var queries []sdk.JudgedQuery
	for {
		var q sdk.JudgedQuery
		ok, err := in.read(func() (bool, error) { return in.reader.NextJudgedQuery(&q) })
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		queries = append(queries, q)
	}
	if len(queries) == 0 {
		return 0, nil
	}
	began := time.Now()
	values, err := metric.EvaluateSet(c.ctx, queries)
	compute := time.Since(began)
	if err != nil {
		return 0, err
	}
	if len(values) != len(queries) {
		return 0, faulty("want the values of %d queries, got %d", len(queries), len(values))
	}
	for i, v := range values {
		if err := c.out.Record(wire.ToQueryValues(queries[i].ID, v), 1); err != nil {
			return 0, err
		}
	}
	return compute, nil
}
