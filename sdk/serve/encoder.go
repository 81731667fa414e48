package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// A batch is what one call of Encoder.Encode gets: at most this many texts,
// and no further one once it holds this many bytes.
const (
	batchTexts = 512
	batchBytes = 1 << 20
)

// Encode turns texts into vectors. It reads the next batch while the component
// works on the last.
func (s *server) Encode(stream grpc.BidiStreamingServer[pluginpb.EncodeRequest, pluginpb.EncodeResponse]) error {
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
		return stream.Send(&pluginpb.EncodeResponse{Data: data, Progress: p, Done: d})
	}
	start := first.GetStart()
	return s.serve(stream.Context(), start.GetHandle(), sdk.KindEncoder, send, func(c *call, o *opened) (time.Duration, error) {
		size := batchTexts
		if w := int(start.GetWindow()); w > 0 {
			size = min(size, w)
		}
		ctx, stop := context.WithCancel(c.ctx)
		defer stop()
		batches := make(chan []sdk.Text, 1)
		var readErr error
		go func() {
			defer close(batches)
			readErr = readTexts(ctx, in, size, batches)
		}()
		enc, role := o.value.(sdk.Encoder), wire.Role(start.GetRole())
		var compute time.Duration
		for batch := range batches {
			began := time.Now()
			e, err := enc.Encode(c.ctx, role, batch)
			compute += time.Since(began)
			if err != nil {
				return 0, fmt.Errorf("encode %d texts from %q: %w", len(batch), batch[0].ID, err)
			}
			if e == nil || e.Rows() != len(batch) {
				return 0, faulty("want one vector for each of %d texts, got %d", len(batch), rows(e))
			}
			err = wire.ToVectors(e, func(v *pluginpb.Vectors) error { return c.out.Record(v, int(v.GetRows())) })
			if err == nil {
				err = c.out.Flush()
			}
			if err != nil {
				return 0, faulty("%w", err)
			}
		}
		return compute, readErr
	})
}

func rows(e *sdk.Embeddings) int {
	if e == nil {
		return 0
	}
	return e.Rows()
}

// readTexts hands out batches until the request ends.
func readTexts(ctx context.Context, in *inlet, size int, batches chan<- []sdk.Text) error {
	var batch []sdk.Text
	total := 0
	pass := func() error {
		if len(batch) == 0 {
			return nil
		}
		select {
		case batches <- batch:
			batch, total = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		var p pluginpb.Text
		ok, err := in.next(&p)
		if err != nil {
			return err
		}
		if !ok {
			return pass()
		}
		batch = append(batch, wire.Text(&p))
		total += len(p.GetText())
		if len(batch) >= size || total >= batchBytes {
			if err := pass(); err != nil {
				return err
			}
		}
	}
}

// Train trains a model.
func (s *server) Train(stream grpc.BidiStreamingServer[pluginpb.TrainRequest, pluginpb.TrainResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	in := &inlet{reader: wire.NewReader(), done: first.GetDone(), recv: func() ([]byte, *pluginpb.Done, error) {
		m, err := stream.Recv()
		return m.GetData(), m.GetDone(), err
	}}
	in.reader.Feed(first.GetData())
	send := func(_ []byte, p *pluginpb.Progress, d *pluginpb.Done) error {
		return stream.Send(&pluginpb.TrainResponse{Progress: p, Done: d})
	}
	start := first.GetStart()
	return s.serve(stream.Context(), start.GetHandle(), sdk.KindEncoder, send, func(c *call, o *opened) (time.Duration, error) {
		trainer, ok := o.value.(sdk.Trainer)
		if !ok {
			return 0, fmt.Errorf("encoder %q cannot be trained", o.Name)
		}
		options, err := o.DecodeTrain(start.GetOptionsJson())
		if err != nil {
			return 0, err
		}
		var readErr error
		ranged := false
		task := &sdk.TrainTask{
			Options: options, Dir: start.GetDir(), Work: start.GetWork(), Report: c.progress,
			Pairs: func(yield func(sdk.Pair, error) bool) {
				if ranged {
					yield(sdk.Pair{}, errors.New("the pairs of a training can be ranged over once"))
					return
				}
				ranged = true
				for {
					var p pluginpb.Pair
					ok, err := in.next(&p)
					if err != nil {
						readErr = err
						yield(sdk.Pair{}, err)
						return
					}
					if !ok || !yield(wire.Pair(&p), nil) {
						return
					}
				}
			},
		}
		began := time.Now()
		if err := trainer.Train(c.ctx, task); err != nil {
			return 0, err
		}
		return time.Since(began) - in.waited, readErr
	})
}
