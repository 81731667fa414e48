package pluginhost

import (
	"context"
	"fmt"
	"iter"
	"math"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// records makes a function for response that decodes records of one type.
func records[T any, M interface {
	*T
	proto.Message
}](each func(M) error) func(*wire.Reader) error {
	return func(r *wire.Reader) error {
		for {
			m := M(new(T))
			ok, err := r.Next(m)
			if err != nil {
				return brokenError{err}
			}
			if !ok {
				return nil
			}
			r.Count(1)
			if err := each(m); err != nil {
				return err
			}
		}
	}
}

// Describe opens a component and says what it is; there is something to say of
// encoders only.
func (h *Host) Describe(ctx context.Context, slot int, ref Ref) (sdk.EncoderInfo, error) {
	p, err := h.process(ctx, ref.Plugin, slot)
	if err != nil {
		return sdk.EncoderInfo{}, err
	}
	hd, err := p.acquire(ctx, ref)
	if err != nil {
		return sdk.EncoderInfo{}, err
	}
	defer p.release(ctx, hd)
	return wire.EncoderInfo(hd.opened.GetEncoder()), nil
}

// queue holds the identifiers of what has been sent and not answered, at most
// limit of them.
type queue struct {
	limit  int
	mu     sync.Mutex
	moved  sync.Cond
	ids    []string
	closed bool
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit}
	q.moved.L = &q.mu
	return q
}

// push waits for room, after a call of flush: what is not sent cannot be
// answered. It returns false once the queue is closed.
func (q *queue) push(id string, flush func() error) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ids) >= q.limit {
		q.mu.Unlock()
		err := flush()
		q.mu.Lock()
		if err != nil {
			return false, err
		}
	}
	for len(q.ids) >= q.limit && !q.closed {
		q.moved.Wait()
	}
	if q.closed {
		return false, nil
	}
	q.ids = append(q.ids, id)
	return true, nil
}

// pop takes out the first n, or fewer.
func (q *queue) pop(n int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.ids))
	out := q.ids[:n:n]
	if q.ids = q.ids[n:]; len(q.ids) == 0 {
		q.ids = nil
	}
	q.moved.Broadcast()
	return out
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.moved.Broadcast()
}

// Encode turns texts into vectors. total is how many texts come, 0 where that
// is not known. sink gets the vectors in order, in pieces that it may keep; an
// error of texts or sink ends the call and is returned as it is.
func (h *Host) Encode(ctx context.Context, slot int, ref Ref, role sdk.Role, texts iter.Seq2[sdk.Text, error], total int, sink func(*sdk.Embeddings) error) (sdk.EncoderInfo, Stats, error) {
	var info sdk.EncoderInfo
	var st Stats
	err := h.on(ctx, slot, ref, "encode", func(c *call, o *pluginpb.Opened) error {
		info = wire.EncoderInfo(o.GetEncoder())
		stream, err := pluginpb.NewEncoderServiceClient(c.p.conn).Encode(c.stream)
		if err != nil {
			return err
		}
		q := newQueue(wire.Window)
		stop := context.AfterFunc(c.stream, q.close)
		defer stop()
		out := wire.NewWriter(func(data []byte) error { return stream.Send(&pluginpb.EncodeRequest{Data: data}) })
		sent := 0
		send := func() error {
			start := &pluginpb.EncodeStart{Handle: o.GetHandle(), Role: wire.ToRole(role), Total: uint64(total), Window: wire.Window}
			if err := stream.Send(&pluginpb.EncodeRequest{Start: start}); err != nil {
				return err
			}
			for t, err := range texts {
				if err != nil {
					return callerError{err}
				}
				if ok, err := q.push(t.ID, out.Flush); !ok || err != nil {
					return err
				}
				sent++
				if err := out.Record(wire.ToText(t), 1); err != nil {
					return recordError(err, "text", t.ID)
				}
			}
			if total > 0 && sent != total {
				return callerError{fmt.Errorf("want %d texts, got %d", total, sent)}
			}
			data, done := out.Finish()
			if err := stream.Send(&pluginpb.EncodeRequest{Data: data, Done: done}); err != nil {
				return err
			}
			return stream.CloseSend()
		}
		var done *pluginpb.Done
		got := 0
		read := func() (err error) {
			done, err = response(c, stream.Recv, func(r *wire.Reader) error {
				for {
					var v pluginpb.Vectors
					ok, err := r.Next(&v)
					if err != nil {
						return brokenError{err}
					}
					if !ok {
						return nil
					}
					e, err := wire.Vectors(&v)
					if err != nil {
						return brokenError{err}
					}
					r.Count(e.Rows())
					got += e.Rows()
					if err := checkVectors(info, e, q.pop(e.Rows())); err != nil {
						return err
					}
					if err := sink(e); err != nil {
						return callerError{err}
					}
				}
			})
			return err
		}
		if err := c.request(send, read); err != nil {
			return err
		}
		if got != sent || total > 0 && got != total {
			return broken("want %d vectors, got %d", sent, got)
		}
		st = c.stats(done, out.Bytes())
		return nil
	})
	return info, st, err
}

// recordError tells an identifier that is no UTF-8, which is the caller's
// fault, from a lost connection.
func recordError(err error, what, id string) error {
	if isTransport(err) {
		return err
	}
	return callerError{fmt.Errorf("%s %q: %w", what, id, err)}
}

// checkVectors checks vectors against the encoder's description. ids are those
// of the texts.
func checkVectors(info sdk.EncoderInfo, e *sdk.Embeddings, ids []string) error {
	switch {
	case e.Dim != info.Dim:
		return broken("want vectors of %d dimensions, as it said when it was opened, got %d", info.Dim, e.Dim)
	case e.Sparse() != info.Sparse:
		return broken("it said sparse = %t when it was opened, and its vectors are the opposite", info.Sparse)
	case e.Rows() > len(ids):
		return broken("it gave more vectors than it got texts")
	}
	values := e.Data
	if e.Sparse() {
		values = e.Values
	}
	for i, x := range values {
		// All ones in the exponent: infinite or not a number.
		if math.Float32bits(x)&0x7f800000 == 0x7f800000 {
			row := 0
			if !e.Sparse() {
				row = i / e.Dim
			} else {
				for int64(i) >= e.Indptr[row+1] {
					row++
				}
			}
			return broken("the vector of text %q holds %v", ids[row], x)
		}
	}
	return nil
}

// Train trains an encoder into call.Dir.
func (h *Host) Train(ctx context.Context, slot int, ref Ref, t TrainCall) (Stats, error) {
	var st Stats
	err := h.on(ctx, slot, ref, "train", func(c *call, o *pluginpb.Opened) error {
		stream, err := pluginpb.NewEncoderServiceClient(c.p.conn).Train(c.stream)
		if err != nil {
			return err
		}
		c.report = t.Report
		out := wire.NewWriter(func(data []byte) error { return stream.Send(&pluginpb.TrainRequest{Data: data}) })
		send := func() error {
			start := &pluginpb.TrainStart{Handle: o.GetHandle(), OptionsJson: t.Options, Pairs: uint64(t.Count), Dir: t.Dir, Work: t.Work}
			if err := stream.Send(&pluginpb.TrainRequest{Start: start}); err != nil {
				return err
			}
			n := 0
			for p, err := range t.Pairs {
				if err != nil {
					return callerError{err}
				}
				n++
				if err := out.Record(wire.ToPair(p), 1); err != nil {
					return recordError(err, "pair of group", p.Group)
				}
			}
			if t.Count > 0 && n != t.Count {
				return callerError{fmt.Errorf("want %d pairs, got %d", t.Count, n)}
			}
			data, done := out.Finish()
			if err := stream.Send(&pluginpb.TrainRequest{Data: data, Done: done}); err != nil {
				return err
			}
			return stream.CloseSend()
		}
		var done *pluginpb.Done
		err = c.request(send, func() (err error) {
			done, err = response(c, stream.Recv, nil)
			return err
		})
		if err != nil {
			return err
		}
		st = c.stats(done, out.Bytes())
		st.Count = int64(t.Count)
		return nil
	})
	return st, err
}
