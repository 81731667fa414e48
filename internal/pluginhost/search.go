package pluginhost

import (
	"context"
	"iter"
	"math"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// Build builds an index into t.Dir.
func (h *Host) Build(ctx context.Context, slot int, ref Ref, t sdk.BuildTask) (Stats, error) {
	var st Stats
	err := h.on(ctx, slot, ref, "build", func(c *call, o *pluginpb.Opened) error {
		stream, err := pluginpb.NewIndexServiceClient(c.p.conn).Build(c.stream, &pluginpb.BuildRequest{
			Handle: o.GetHandle(), Documents: wire.ToMatrix(t.Documents), Dir: t.Dir,
		})
		if err != nil {
			return err
		}
		c.report = t.Report
		done, err := response(c, stream.Recv, nil)
		st = c.stats(done, 0)
		st.Count = int64(t.Documents.Rows)
		return err
	})
	return st, err
}

// Search calls emit once per query row, in order. An error of emit ends the
// call and is returned as it is.
func (h *Host) Search(ctx context.Context, slot int, ref Ref, t sdk.SearchTask, emit func(query int32, hits []sdk.Hit) error) (Stats, error) {
	var st Stats
	err := h.on(ctx, slot, ref, "search", func(c *call, o *pluginpb.Opened) error {
		judge, err := wire.NewReferee(t)
		if err != nil {
			return callerError{err}
		}
		stream, err := pluginpb.NewIndexServiceClient(c.p.conn).Search(c.stream)
		if err != nil {
			return err
		}
		start := &pluginpb.SearchStart{Handle: o.GetHandle(), Dir: t.Dir, Documents: wire.ToMatrix(t.Documents), Queries: wire.ToMatrix(t.Queries), K: int64(t.K)}
		var sent int64
		send := func() error {
			out := wire.NewWriter(func(data []byte) error {
				m := &pluginpb.SearchRequest{Start: start, Data: data}
				start = nil
				return stream.Send(m)
			})
			if t.DocumentRows != nil {
				n := uint64(len(t.DocumentRows))
				start.DocumentRows = &n
			}
			if t.QueryRows != nil {
				n := uint64(len(t.QueryRows))
				start.QueryRows = &n
			}
			for _, rows := range [][]int32{t.DocumentRows, t.QueryRows} {
				if err := out.Raw(wire.PutInts(rows), len(rows)); err != nil {
					return err
				}
			}
			data, done := out.Finish()
			sent = out.Bytes()
			if err := stream.Send(&pluginpb.SearchRequest{Start: start, Data: data, Done: done}); err != nil {
				return err
			}
			return stream.CloseSend()
		}
		var done *pluginpb.Done
		err = c.request(send, func() (err error) {
			done, err = response(c, stream.Recv, records(func(m *pluginpb.Hits) error {
				hits, err := wire.Hits(m)
				if err != nil {
					return brokenError{err}
				}
				if err := judge.Check(m.GetQuery(), hits); err != nil {
					return brokenError{err}
				}
				if err := emit(m.GetQuery(), hits); err != nil {
					return callerError{err}
				}
				return nil
			}))
			return err
		})
		if err != nil {
			return err
		}
		if err := judge.End(); err != nil {
			return brokenError{err}
		}
		st = c.stats(done, sent)
		return nil
	})
	return st, err
}

// Measures opens a metric and says what it measures, and which values each
// measure can have; ranges is nil where the metric does not know.
func (h *Host) Measures(ctx context.Context, slot int, ref Ref) (names []string, ranges []sdk.Range, err error) {
	p, err := h.process(ctx, ref.Plugin, slot)
	if err != nil {
		return nil, nil, err
	}
	hd, err := p.acquire(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	defer p.release(ctx, hd)
	return hd.opened.GetMeasures(), wire.Ranges(hd.opened.GetRanges()), nil
}

// Evaluate calls emit once per query, in order, with one value per measure, or
// the reason why there is none. An error of emit ends the call and is returned
// as it is.
func (h *Host) Evaluate(ctx context.Context, slot int, ref Ref, queries iter.Seq[sdk.JudgedQuery], emit func(id string, v sdk.QueryValues) error) (measures []string, st Stats, err error) {
	err = h.on(ctx, slot, ref, "evaluate", func(c *call, o *pluginpb.Opened) error {
		measures = o.GetMeasures()
		stream, err := pluginpb.NewMetricServiceClient(c.p.conn).Evaluate(c.stream)
		if err != nil {
			return err
		}
		start := &pluginpb.EvaluateStart{Handle: o.GetHandle()}
		out := wire.NewWriter(func(data []byte) error {
			m := &pluginpb.EvaluateRequest{Start: start, Data: data}
			start = nil
			return stream.Send(m)
		})
		q := newQueue(math.MaxInt)
		stop := context.AfterFunc(c.stream, q.close)
		defer stop()
		sent := 0
		send := func() error {
			for j := range queries {
				if ok, err := q.push(j.ID, out.Flush); !ok || err != nil {
					return err
				}
				sent++
				if err := out.Record(wire.ToJudgedQuery(j), 1); err != nil {
					return recordError(err, "query", j.ID)
				}
			}
			data, done := out.Finish()
			if err := stream.Send(&pluginpb.EvaluateRequest{Start: start, Data: data, Done: done}); err != nil {
				return err
			}
			return stream.CloseSend()
		}
		var done *pluginpb.Done
		got := 0
		err = c.request(send, func() (err error) {
			done, err = response(c, stream.Recv, records(func(m *pluginpb.QueryValues) error {
				ids := q.pop(1)
				if len(ids) == 0 || ids[0] != m.GetId() {
					return broken("values of query %q, which is not the one whose turn it is", m.GetId())
				}
				got++
				v, err := wire.QueryValues(m)
				if err != nil {
					return brokenError{err}
				}
				if err := v.Check(measures); err != nil {
					return broken("query %q: %w", m.GetId(), err)
				}
				if err := emit(m.GetId(), v); err != nil {
					return callerError{err}
				}
				return nil
			}))
			return err
		})
		if err != nil {
			return err
		}
		if got != sent {
			return broken("want the values of %d queries, got %d", sent, got)
		}
		st = c.stats(done, out.Bytes())
		return nil
	})
	return measures, st, err
}
