package subword

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// A corpus is the pairs as the trainer keeps them: every text once, as rows of
// the table.
type corpus struct {
	hasher *hasher
	ids    map[string]int32    // of texts
	alike  map[[2]uint64]int32 // of hashes of rows: texts that the encoder cannot tell apart
	class  []int32             // of each text
	rows   []uint32            // of all texts, one after the other
	ends   []int               // text i has rows[ends[i]:ends[i+1]]
	groups map[string]int32

	pairs [][2]int32 // texts
	keys  [][3]int32 // see sampler
	card  trainingCard
}

func newCorpus(s spec) *corpus {
	return &corpus{
		hasher: newHasher(s), ids: map[string]int32{}, alike: map[[2]uint64]int32{},
		ends: []int{0}, groups: map[string]int32{},
		card: trainingCard{Languages: map[string]int{}, LanguagePair: map[string]int{}},
	}
}

func (c *corpus) text(s string) int32 {
	if id, ok := c.ids[s]; ok {
		return id
	}
	id := int32(len(c.ids))
	c.ids[s] = id
	lo := len(c.rows)
	c.rows = c.hasher.appendRows(c.rows, s)
	c.ends = append(c.ends, len(c.rows))
	// 128 bits, so that no two texts of any corpus share them by chance.
	key := [2]uint64{golden, uint64(len(c.rows) - lo)}
	for _, r := range c.rows[lo:] {
		key[0] = mix(key[0] ^ uint64(r))
		key[1] = mix(key[1] + golden*uint64(r+1))
	}
	class, ok := c.alike[key]
	if !ok {
		class = int32(len(c.alike))
		c.alike[key] = class
	}
	c.class = append(c.class, class)
	return id
}

func (c *corpus) rowsOf(text int32) []uint32 { return c.rows[c.ends[text]:c.ends[text+1]] }

func (c *corpus) add(p sdk.Pair) {
	a, b := c.text(p.A.Text), c.text(p.B.Text)
	group := int32(len(c.groups))
	// A pair without a group is a group of its own.
	name := fmt.Sprintf("pair %d", len(c.pairs))
	if p.Group != "" {
		name = "group " + p.Group
	}
	if g, ok := c.groups[name]; ok {
		group = g
	}
	c.groups[name] = group
	c.pairs = append(c.pairs, [2]int32{a, b})
	c.keys = append(c.keys, [3]int32{c.class[b], c.class[a], group})
	for _, t := range []int32{a, b} {
		if len(c.rowsOf(t)) == 0 {
			c.card.EmptyTexts++
		}
	}
	c.card.Pairs++
	c.card.Languages[p.A.Language]++
	if p.B.Language != p.A.Language {
		c.card.Languages[p.B.Language]++
	}
	c.card.LanguagePair[p.A.Language+"-"+p.B.Language]++
}

// read adds all pairs.
func (c *corpus) read(ctx context.Context, pairs iter.Seq2[sdk.Pair, error]) error {
	for p, err := range pairs {
		if err != nil {
			return fmt.Errorf("read pairs: %w", err)
		}
		if len(c.pairs)%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if len(c.pairs) == math.MaxInt32/2 {
			return fmt.Errorf("more than %d pairs", math.MaxInt32/2)
		}
		c.add(p)
	}
	return ctx.Err()
}

// learningRate returns the rate after a fraction of the examples: it rises
// linearly to the given rate during warm-up, then falls linearly to 0.
func learningRate(rate, warmup, done float64) float64 {
	if done < warmup {
		return rate * (done / warmup)
	}
	return rate * ((1 - done) / (1 - warmup))
}

const lossPoints = 50 // at most, on the loss curve

// trainTable trains the table in place and completes the corpus' card.
func trainTable(ctx context.Context, table vec.Matrix, c *corpus, o TrainOptions, seed int64, threads int, save *checkpoints, report func(done, total int64)) error {
	if len(c.pairs) == 0 {
		return errors.New("there are no pairs to train on")
	}
	s := newSampler(c.keys, seed)
	batch := min(o.BatchSize, s.largest())
	if batch < 2 {
		return errors.New("all pairs share their query, their target or their group: training needs at least two that differ")
	}
	c.card.Examples, c.card.BatchSize = o.Examples, batch
	c.card.Temperature, c.card.LearningRate, c.card.Warmup = o.Temperature, o.LearningRate, o.Warmup

	l := newLearner(table, o.Temperature, threads)
	p := progress{}
	from, err := save.load(&p, l)
	if err != nil {
		return err
	}
	every := (o.Examples + lossPoints - 1) / lossPoints
	var ids []int32
	var texts [][]uint32
	for p.Seen < o.Examples {
		left := o.Examples - p.Seen
		steps := (left + batch - 1) / batch
		// Even batches: the last is no remnant.
		ids = s.next(ids[:0], (left+steps-1)/steps)
		p.Steps++
		if p.Steps <= from {
			// A checkpoint has this step; the sampler has to pass it too.
			p.Seen += len(ids)
			continue
		}
		if err := ctx.Err(); err != nil {
			p.Steps--
			return errors.Join(err, save.store(&p, l))
		}
		texts = texts[:0]
		for side := range 2 {
			for _, i := range ids {
				texts = append(texts, c.rowsOf(c.pairs[i][side]))
			}
		}
		done := (float64(p.Seen) + float64(len(ids))/2) / float64(o.Examples)
		loss, err := l.step(texts, learningRate(o.LearningRate, o.Warmup, done))
		if err != nil {
			return fmt.Errorf("after %d of %d examples: %w", p.Seen, o.Examples, err)
		}
		p.Seen += len(ids)
		p.add(loss, len(ids), every, p.Seen == o.Examples)
		if report != nil {
			report(int64(p.Seen), int64(o.Examples))
		}
		if save.due() {
			if err := save.store(&p, l); err != nil {
				return err
			}
		}
	}
	c.card.Steps, c.card.Loss = p.Steps, p.Curve
	return nil
}

// progress is what a training knows beside its weights.
type progress struct {
	Steps  int         `json:"steps"`
	Seen   int         `json:"seen"`
	Sum    float64     `json:"sum"` // of losses since the last point
	Weight int         `json:"weight"`
	Curve  []lossPoint `json:"curve"`
}

func (p *progress) add(loss float64, n, every int, last bool) {
	p.Sum += float64(loss * float64(n))
	p.Weight += n
	if p.Weight >= every || last {
		mean := math.Round(p.Sum/float64(p.Weight)*1e6) / 1e6
		p.Curve = append(p.Curve, lossPoint{Examples: p.Seen, Loss: mean})
		p.Sum, p.Weight = 0, 0
	}
}
