package pluginhost

import (
	"context"
	"fmt"
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
		judge, err := newReferee(t)
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
				if err := judge.check(m.GetQuery(), hits); err != nil {
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
		if judge.next != judge.queries {
			return broken("want the hits of %d queries, got %d", judge.queries, judge.next)
		}
		st = c.stats(done, sent)
		return nil
	})
	return st, err
}

// referee checks hits against what was asked.
type referee struct {
	task      sdk.SearchTask
	queries   int
	next      int
	candidate []uint64 // bits; nil: every row
}

func newReferee(t sdk.SearchTask) (*referee, error) {
	r := &referee{task: t, queries: t.Queries.Rows}
	if t.QueryRows != nil {
		r.queries = len(t.QueryRows)
	}
	if t.DocumentRows == nil {
		return r, nil
	}
	r.candidate = make([]uint64, (t.Documents.Rows+63)/64)
	for _, row := range t.DocumentRows {
		if row < 0 || int(row) >= t.Documents.Rows {
			return nil, fmt.Errorf("candidate row %d of a matrix of %d rows", row, t.Documents.Rows)
		}
		r.candidate[row/64] |= 1 << (row % 64)
	}
	return r, nil
}

func (r *referee) check(query int32, hits []sdk.Hit) error {
	if r.next >= r.queries {
		return fmt.Errorf("hits of more than %d queries", r.queries)
	}
	want := int32(r.next)
	if r.task.QueryRows != nil {
		want = r.task.QueryRows[r.next]
	}
	r.next++
	if query != want {
		return fmt.Errorf("want the hits of query row %d, got those of row %d", want, query)
	}
	if len(hits) > r.task.K {
		return fmt.Errorf("query row %d: want at most %d hits, got %d", query, r.task.K, len(hits))
	}
	for i, h := range hits {
		switch {
		case h.Row < 0 || int(h.Row) >= r.task.Documents.Rows:
			return fmt.Errorf("query row %d: hit %d is row %d of a matrix of %d rows", query, i+1, h.Row, r.task.Documents.Rows)
		case r.candidate != nil && r.candidate[h.Row/64]&(1<<(h.Row%64)) == 0:
			return fmt.Errorf("query row %d: hit %d is row %d, which is no candidate", query, i+1, h.Row)
		case math.IsNaN(float64(h.Score)):
			return fmt.Errorf("query row %d: the score of row %d is not a number", query, h.Row)
		case i > 0 && (h.Score > hits[i-1].Score || h.Score == hits[i-1].Score && h.Row <= hits[i-1].Row):
			return fmt.Errorf("query row %d: hits %d and %d are out of order; want the best first, equal scores by ascending row", query, i, i+1)
		}
	}
	return nil
}

// Evaluate calls emit once per query, in order, with one value per measure. An
// error of emit ends the call and is returned as it is.
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
				v := sdk.QueryValues{Rank: int(m.GetRank())}
				var err error
				if v.Values, err = wire.Float64(m.GetValues()); err != nil {
					return brokenError{err}
				}
				if len(v.Values) != len(measures) {
					return broken("query %q: want %d values, got %d", m.GetId(), len(measures), len(v.Values))
				}
				for i, x := range v.Values {
					if !finite(x) {
						return broken("query %q: %s is %v", m.GetId(), measures[i], x)
					}
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
