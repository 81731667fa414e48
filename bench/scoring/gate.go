package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/xlrun/xlrun/internal/simd"
	"github.com/xlrun/xlrun/sdk/vec"
)

// tieTolerance is how far two float64 scores may be apart and still be called a
// tie, for rows of unit length: twice the largest error of a float32 sum that we
// have seen, so that no exact program is called wrong.
const tieTolerance = 2e-6

// A verdict is what the ids of one contender were found to be.
type verdict struct {
	Queries int     `json:"queries"` // that were checked
	Wrong   int     `json:"wrong"`   // lists that are not a best k
	Recall  float64 `json:"recall"`  // mean part of the best k that was found
	First   string  `json:"first,omitempty"`
}

// A reference knows the float64 score of every document for some queries.
type reference struct {
	scores [][]float64
	kth    map[[2]int]float64 // by query and k: the worst score of a best k
	tol    float64
}

// searched is what a reference depends on.
type searched struct {
	docs    dataset
	queries int
	sim     vec.Similarity
}

// newReference scores all documents for the first queries: fifty, or as many as
// 64 MiB of scores hold.
func newReference(ctx context.Context, docs, queries vec.Vectors, sim vec.Similarity) (*reference, error) {
	n := max(1, min(queries.Rows, 50, (8<<20)/max(1, docs.Rows)))
	r := &reference{scores: make([][]float64, n), kth: map[[2]int]float64{}, tol: tieTolerance}
	switch {
	case docs.Element == vec.Int8 || docs.Element == vec.Bits:
		r.tol = 0.5 // integers
	case sim == vec.L2:
		r.tol *= 2 // distances are up to twice as large
	}
	var q [][]float32
	for i := range n {
		r.scores[i] = make([]float64, docs.Rows)
		q = append(q, queries.AppendFloat32(nil, i))
	}
	const block = 1024
	var next atomic.Int64
	var g errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			var x []float32
			for ctx.Err() == nil {
				lo := int(next.Add(1)-1) * block
				if lo >= docs.Rows {
					return nil
				}
				for d := lo; d < min(docs.Rows, lo+block); d++ {
					x = docs.AppendFloat32(x[:0], d)
					for i := range q {
						r.scores[i][d] = exactScore(q[i], x, sim)
					}
				}
			}
			return ctx.Err()
		})
	}
	return r, g.Wait()
}

func exactScore(q, d []float32, sim vec.Similarity) float64 {
	var s float64
	if sim == vec.L2 {
		for i, v := range q {
			x := float64(v) - float64(d[i])
			s -= float64(x * x)
		}
		return s
	}
	for i, v := range q {
		s += float64(v) * float64(d[i])
	}
	return s
}

// check judges lists of k ids, one after the other. A list is right when its
// ids are distinct rows, as many as there can be, in descending order of score,
// and no row that it lacks scores more than its last; all within the tolerance.
func (r *reference) check(ids []int64, k int) verdict {
	v := verdict{}
	var recall float64
	for i, scores := range r.scores {
		if (i+1)*k > len(ids) {
			break
		}
		v.Queries++
		wrong, hits := r.list(i, ids[i*k:(i+1)*k])
		recall += float64(hits) / float64(min(k, len(scores)))
		if wrong != "" {
			v.Wrong++
			if v.First == "" {
				v.First = fmt.Sprintf("query %d: %s", i, wrong)
			}
		}
	}
	if v.Queries > 0 {
		v.Recall = recall / float64(v.Queries)
	}
	return v
}

// list judges one list. hits counts its ids among the best k, ties included.
func (r *reference) list(query int, ids []int64) (wrong string, hits int) {
	scores := r.scores[query]
	k := min(len(ids), len(scores))
	kth, ok := r.kth[[2]int{query, k}]
	if !ok {
		kth = slices.Sorted(slices.Values(scores))[len(scores)-k]
		r.kth[[2]int{query, k}] = kth
	}
	seen := map[int64]bool{}
	last := math.Inf(1)
	say := func(format string, a ...any) {
		if wrong == "" {
			wrong = fmt.Sprintf(format, a...)
		}
	}
	for rank, id := range ids[:k] {
		if id < 0 || id >= int64(len(scores)) {
			say("rank %d is %d, no row", rank+1, id)
			continue
		}
		if seen[id] {
			say("row %d occurs twice", id)
			continue
		}
		seen[id] = true
		s := scores[id]
		if s < kth-r.tol {
			say("row %d scores %.9g, the worst of the best %d scores %.9g", id, s, k, kth)
			continue
		}
		hits++
		if s > last+r.tol {
			say("rank %d scores %.9g, the one before %.9g", rank+1, s, last)
		}
		last = s
	}
	for id, s := range scores {
		if s > kth+r.tol && !seen[int64(id)] {
			say("row %d scores %.9g and is not there; the worst of the best %d scores %.9g", id, s, k, kth)
		}
	}
	return wrong, hits
}

// check compares what every contender found in the first round with a
// reference, and our own hashes over all rounds.
func (d *driver) check(ctx context.Context, c *kase, r *caseResult) error {
	r.Verdicts = map[string]verdict{}
	references := map[searched]*reference{} // those of the case before serve again
	defer func() { d.references = references }()
	for i := range c.contenders {
		x := &c.contenders[i]
		file := filepath.Join(d.dir, fmt.Sprintf("ids-%d", i))
		b, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // it gives none, or failed
		}
		if err != nil {
			return err
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		ids := parseIDs(b)
		key := searched{x.docs, c.plan.queries, c.plan.sim}
		ref := references[key]
		if ref == nil {
			ref = d.references[key]
		}
		if ref == nil {
			d.progress("%s: checking the ids found in %s", c.Name, x.docs.file())
			if ref, err = referenceOf(ctx, x.job, c.plan.sim); err != nil {
				return err
			}
		}
		references[key] = ref
		r.Verdicts[x.name] = ref.check(ids, c.plan.k)
	}
	// All of ours that search the same rows have one hash, in every round.
	for _, x := range c.contenders {
		if x.family != oursName || x.docs != c.plan.docs {
			continue
		}
		for n, round := range r.Rounds {
			if h := round.Figures[x.name].Hash; h != r.Rounds[0].Figures[oursName].Hash {
				r.HashDiffers = append(r.HashDiffers, fmt.Sprintf("%s, round %d", x.name, n+1))
			}
		}
	}
	return nil
}

func parseIDs(b []byte) []int64 {
	ids := make([]int64, len(b)/8)
	for i := range ids {
		ids[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return ids
}

func referenceOf(ctx context.Context, j job, sim vec.Similarity) (*reference, error) {
	docs, err := vec.OpenVectors(j.Docs)
	if err != nil {
		return nil, err
	}
	defer docs.Close() //nolint:errcheck // read only
	queries, err := vec.OpenVectors(j.Queries)
	if err != nil {
		return nil, err
	}
	defer queries.Close() //nolint:errcheck // read only
	return newReference(ctx, docs.Vectors, queries.Vectors, sim)
}

// A hashResult is one comparison of hashes: all must be one.
type hashResult struct {
	Data    string            `json:"data"`
	Ways    int               `json:"ways"`
	Hashes  map[string]string `json:"hashes"`  // by similarity, of the first way
	Differs []string          `json:"differs"` // ways that gave another
	IDs     verdict           `json:"ids"`     // of the first way, inner product
	Failed  string            `json:"failed,omitempty"`
}

// gateShapes leave remainders everywhere: in tiles, panels, chunks of the sum
// and shards.
func gateShapes() []struct {
	docs       dataset
	queries, k int
} {
	return []struct {
		docs       dataset
		queries, k int
	}{
		{dataset{"gaussian", vec.Float32, 3001, 131, 1}, 37, 10},
		{dataset{"clustered", vec.Float32, 2999, 384, 1}, 13, 100},
		{dataset{"duplicates", vec.Float32, 4099, 67, 1}, 7, 1000},
		{dataset{"gaussian", vec.Float16, 2003, 129, 1}, 1, 10},
		{dataset{"gaussian", vec.BFloat16, 2003, 255, 1}, 5, 10},
		{dataset{"gaussian", vec.Int8, 3001, 131, 1}, 37, 10},
		{dataset{"gaussian", vec.Bits, 3001, 136, 1}, 11, 10},
	}
}

// compareHashes searches small sets in every way that must not matter: threads,
// instruction sets, packed or mapped, whole or in shards.
func (d *driver) compareHashes(ctx context.Context) ([]hashResult, error) {
	var out []hashResult
	for _, g := range gateShapes() {
		d.progress("comparing hashes: %s", g.docs.file())
		r := hashResult{Data: g.docs.file(), Hashes: map[string]string{}}
		if err := d.compare(ctx, &r, g.docs, g.queries, g.k); err != nil {
			r.Failed = err.Error()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *driver) compare(ctx context.Context, r *hashResult, docs dataset, queries, k int) error {
	j := job{Method: "hashes", K: k, Threads: min(2, runtime.NumCPU()), IDs: filepath.Join(d.dir, "ids")}
	var err error
	if j.Docs, err = d.store.path(ctx, docs); err != nil {
		return err
	}
	docs.Rows, docs.Seed = queries, 2
	if j.Queries, err = d.store.path(ctx, docs); err != nil {
		return err
	}
	for l := simd.Best; l >= simd.Go; l-- {
		p := program{argv: []string{d.self, workerArg}, env: []string{simd.Env + "=" + l.String()}}
		a, err := d.start(ctx, p, j, 1)
		if err != nil {
			return fmt.Errorf("%s: %w", l, err)
		}
		r.add(l.String(), a)
	}
	ref, err := referenceOf(ctx, j, vec.InnerProduct)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(j.IDs)
	if err != nil {
		return err
	}
	r.IDs = ref.check(parseIDs(b), k)
	return nil
}

// wrong tells whether something about the result was not as it must be.
func (r *hashResult) wrong() bool {
	return len(r.Differs) > 0 || r.IDs.Wrong > 0 || r.IDs.Queries == 0
}

// add compares the hashes of one process with the first of their similarity.
func (r *hashResult) add(level string, a answer) {
	ways := make([]string, 0, len(a.Hashes))
	for way := range a.Hashes {
		ways = append(ways, way)
	}
	slices.Sort(ways)
	if a.Level != level {
		r.Differs = append(r.Differs, fmt.Sprintf("%s was asked for, %s ran", level, a.Level))
	}
	for _, way := range ways {
		sim, _, _ := strings.Cut(way, ",")
		if r.Hashes[sim] == "" {
			r.Hashes[sim] = a.Hashes[way]
		}
		r.Ways++
		if r.Hashes[sim] != a.Hashes[way] {
			r.Differs = append(r.Differs, level+", "+way)
		}
	}
}
