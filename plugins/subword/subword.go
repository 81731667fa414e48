// Package subword is an encoder that learns on a CPU in seconds: a table of
// hashed character n-grams, trained with in-batch contrastive loss.
//
// It exists so that the questions of a study, what size pays and what
// diversity pays, can be asked without a GPU or a download. A text is the sum
// of the rows of its words and n-grams, scaled to unit length (as in Bojanowski
// et al., "Enriching word vectors with subword information", 2017); training
// moves the rows so that two texts of a pair come nearer than the other texts
// of the batch. The bits of table, vectors and loss depend on the options, the
// pairs and their order, never on threads or machine.
//
// It has no tokenizer, no vocabulary and no layers, so all its parameters are
// embeddings.
package subword

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// Options of the encoder.
type Options struct {
	Buckets int   `xl:"buckets,default=65536,min=1,max=16777216" doc:"Rows of the table. With dim, the size of the model."`
	Dim     int   `xl:"dim,default=128,min=1,max=4096" doc:"Dimensions of a vector."`
	Seed    int64 `xl:"seed,default=1" doc:"Seed of the initial weights and of the order of training."`
	MinN    int   `xl:"min_n,default=3,min=1,max=16" doc:"Runes of the shortest n-gram, the brackets around a word included."`
	MaxN    int   `xl:"max_n,default=5,min=1,max=16" doc:"Runes of the longest n-gram."`
	Threads int   `xl:"threads,default=1,min=1,max=256,effect=performance" doc:"Threads of one process."`
}

// Validate reports options that contradict one another.
func (o *Options) Validate() error {
	if o.MinN > o.MaxN {
		return sdk.At("Invalid value", fmt.Sprintf(`"min_n" must not be larger than "max_n": %d > %d.`, o.MinN, o.MaxN), "min_n")
	}
	if int64(o.Buckets)*int64(o.Dim) > 1<<30 {
		return sdk.At("Invalid value", fmt.Sprintf("A table of %d×%d has more than 2^30 weights.", o.Buckets, o.Dim), "buckets")
	}
	return nil
}

func (o Options) spec() spec {
	return spec{Buckets: o.Buckets, Dim: o.Dim, Seed: o.Seed, MinN: o.MinN, MaxN: o.MaxN}
}

// TrainOptions are the arguments of the train block.
type TrainOptions struct {
	Examples     int     `xl:"examples,required,min=2,max=1e12" doc:"Pairs to learn from in all, repetitions counted."`
	BatchSize    int     `xl:"batch_size,default=256,min=2,max=4096" doc:"Pairs per step; the targets of the others are the negatives. Fewer where there are not so many distinct pairs."`
	Temperature  float64 `xl:"temperature,default=0.1,min=0.01,max=10" doc:"Divides the cosines before the softmax."`
	LearningRate float64 `xl:"learning_rate,default=0.15,min=0,max=1000" doc:"Largest step of row-wise Adagrad."`
	Warmup       float64 `xl:"warmup,default=0.1,min=0,max=0.9" doc:"Share of the examples during which the learning rate rises; then it falls to zero."`
}

// Component is the encoder "subword".
var Component = sdk.NewTrainable[Options, TrainOptions](sdk.Info{
	Name:        "subword",
	Revision:    1,
	Doc:         "Trainable table of hashed words and character n-grams. Runs on a CPU; knows every script and no language.",
	Determinism: sdk.Bitwise,
}, func(_ context.Context, o Options, m *sdk.Model) (sdk.Encoder, error) {
	return New(o, m)
})

// Encoder encodes with a table of n-grams. It is safe for concurrent use.
type Encoder struct {
	options Options
	model   *sdk.Model        // nil before training
	table   func() vec.Matrix // made or opened once
}

var _ sdk.Trainer = (*Encoder)(nil)

// New opens the trained model m, or, where m is nil, the encoder as it is
// before training.
func New(o Options, m *sdk.Model) (*Encoder, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	e := &Encoder{options: o, model: m}
	if m == nil {
		e.table = sync.OnceValue(func() vec.Matrix { return initialTable(o.spec(), o.Threads) })
		return e, nil
	}
	table, err := loadModel(m.Dir, o.spec())
	if err != nil {
		return nil, fmt.Errorf("open subword model: %w", err)
	}
	e.table = func() vec.Matrix { return table }
	return e, nil
}

// Info describes the encoder.
func (e *Encoder) Info() sdk.EncoderInfo {
	return sdk.EncoderInfo{
		Dim:              e.options.Dim,
		UnitNorm:         true,
		ParamsTotal:      int64(e.options.Buckets) * int64(e.options.Dim),
		PretrainingKnown: true,
	}
}

// Encode returns one vector of unit length per text; a text without a letter,
// mark or digit has the zero vector. Queries and documents share the table, so
// the role changes nothing.
func (e *Encoder) Encode(ctx context.Context, _ sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	table := e.table()
	out := vec.NewMatrix(len(texts), table.Dim)
	hashers := sync.Pool{New: func() any { return newHasher(e.options.spec()) }}
	parallel(e.options.Threads, (len(texts)+63)/64, 1, func(lo, hi int) {
		h := hashers.Get().(*hasher)
		defer hashers.Put(h)
		var rows []uint32
		for i := lo * 64; i < min(hi*64, len(texts)); i++ {
			if i%64 == 0 && ctx.Err() != nil {
				return
			}
			rows = h.appendRows(rows[:0], texts[i].Text)
			encodeRows(out.Row(i), table, rows)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &sdk.Embeddings{Dim: table.Dim, Data: out.Data}, nil
}

// checkpointInterval bounds what a killed training loses.
const checkpointInterval = 20 * time.Second

// Train learns from the pairs and writes the model. It starts from the weights
// that the encoder has: the initial ones, or those of the model it was opened
// with.
func (e *Encoder) Train(ctx context.Context, t *sdk.TrainTask) error {
	o, err := trainOptions(t.Options)
	if err != nil {
		return err
	}
	return e.train(ctx, t, o, checkpointInterval)
}

func trainOptions(v any) (TrainOptions, error) {
	switch o := v.(type) {
	case TrainOptions:
		return o, nil
	case *TrainOptions:
		return *o, nil
	}
	return TrainOptions{}, fmt.Errorf("train options are a %T, want subword.TrainOptions", v)
}

func (e *Encoder) train(ctx context.Context, t *sdk.TrainTask, o TrainOptions, interval time.Duration) error {
	if t.Pairs == nil {
		return errors.New("there are no pairs to train on")
	}
	if err := os.MkdirAll(t.Dir, 0o755); err != nil {
		return err
	}
	s := e.options.spec()
	id, err := newFingerprint(s, o)
	if err != nil {
		return err
	}
	c := newCorpus(s)
	err = c.read(ctx, func(yield func(sdk.Pair, error) bool) {
		for p, err := range t.Pairs {
			id.add(p.Group, p.A.Language, p.A.Text, p.B.Language, p.B.Text)
			if !yield(p, err) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	var table vec.Matrix
	if e.model == nil {
		// Not e.table: an encoder that only trains need not keep the weights twice.
		table = initialTable(s, e.options.Threads)
	} else {
		id.add(e.model.Digest)
		table = e.table()
		table.Data = slices.Clone(table.Data)
	}
	save := newCheckpoints(t.Work, id.String(), interval)
	if err := trainTable(ctx, table, c, o, s.Seed, e.options.Threads, save, t.Report); err != nil {
		return err
	}
	out := s.card()
	out.Training = c.card
	if err := saveModel(t.Dir, out, table); err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	return nil
}
