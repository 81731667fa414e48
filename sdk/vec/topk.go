package vec

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Similarity says what a score is.
type Similarity int

// The similarities. A larger score is always nearer.
const (
	// InnerProduct scores q·d.
	InnerProduct Similarity = iota
	// Cosine scores the inner product of rows scaled to unit length as by
	// Matrix.Normalize. A row of zeros scores 0 with everything.
	Cosine
	// L2 scores minus the squared Euclidean distance:
	// min(0, 2·(q·d) − (‖q‖²+‖d‖²)), with norms summed in float64 and rounded
	// once. Distances far below the norms lose digits to cancellation.
	L2
)

func (s Similarity) String() string {
	switch s {
	case InnerProduct:
		return "ip"
	case Cosine:
		return "cosine"
	case L2:
		return "l2"
	}
	return fmt.Sprintf("Similarity(%d)", int(s))
}

// ParseSimilarity is the inverse of Similarity.String.
func ParseSimilarity(s string) (Similarity, error) {
	for _, x := range []Similarity{InnerProduct, Cosine, L2} {
		if x.String() == s {
			return x, nil
		}
	}
	return 0, fmt.Errorf(`similarity %q: want "ip", "cosine" or "l2"`, s)
}

// Hit is one document in a ranking: its row and its score.
type Hit struct {
	Row   int32
	Score float32
}

// Options of TopK. The zero value searches all rows by inner product on all
// processors.
type Options struct {
	Similarity Similarity
	DocRows    []int32 // the candidates, each once, in any order; nil means all rows
	QueryRows  []int32 // the queries, in the order of the result; nil means all rows
	Threads    int     // 0 means GOMAXPROCS; never changes the result
}

const (
	queryBlock = 64 // queries that share one packing of a document tile
	shardDocs  = 1024
	groupDocs  = 32 // documents between two looks at the context
)

// TopK returns the k best rows of docs for each query, best first, exactly.
//
// queries is nq×dim and docs nd×dim, row-major. The result has one list per
// query row, with fewer than k hits only when there are fewer candidates whose
// score is a number. Equal scores are ordered by ascending row; Hit.Row counts
// the rows of docs, also with DocRows. The bits of the scores follow the
// contract in the package comment and depend on the two vectors alone. Memory
// grows with nq·k, never with nq·nd. Safe for concurrent use.
func TopK(ctx context.Context, docs, queries Matrix, k int, o Options) ([][]Hit, error) {
	if err := docs.Check(); err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	if err := queries.Check(); err != nil {
		return nil, fmt.Errorf("queries: %w", err)
	}
	switch {
	case docs.Dim != queries.Dim:
		return nil, fmt.Errorf("queries have %d dimensions, documents %d: both must come from the same encoder", queries.Dim, docs.Dim)
	case docs.Rows > math.MaxInt32:
		return nil, fmt.Errorf("%d documents: at most %d fit one search; search shards and merge", docs.Rows, math.MaxInt32)
	case k < 1:
		return nil, fmt.Errorf("k must be at least 1, got %d", k)
	case o.Similarity < InnerProduct || o.Similarity > L2:
		return nil, fmt.Errorf("unknown similarity %d", int(o.Similarity))
	case o.Threads < 0:
		return nil, fmt.Errorf("threads must not be negative, got %d", o.Threads)
	}
	if err := checkRows(o.DocRows, docs.Rows, true); err != nil {
		return nil, fmt.Errorf("document rows: %w", err)
	}
	if err := checkRows(o.QueryRows, queries.Rows, false); err != nil {
		return nil, fmt.Errorf("query rows: %w", err)
	}
	s := &search{
		docs: docs, queries: queries, k: k, sim: o.Similarity,
		docRows: o.DocRows, queryRows: o.QueryRows,
		nd: docs.Rows, nq: queries.Rows, threads: o.Threads,
	}
	if o.DocRows != nil {
		s.nd = len(o.DocRows)
	}
	if o.QueryRows != nil {
		s.nq = len(o.QueryRows)
	}
	if s.threads == 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	s.k = max(1, min(k, s.nd))
	return s.run(ctx)
}

func checkRows(rows []int32, n int, once bool) error {
	ascending := true
	for i, r := range rows {
		if r < 0 || int(r) >= n {
			return fmt.Errorf("row %d is not among the %d rows of the matrix", r, n)
		}
		if i > 0 && r <= rows[i-1] {
			ascending = false
		}
	}
	if !once || ascending {
		return nil
	}
	sorted := slices.Clone(rows)
	slices.Sort(sorted)
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return fmt.Errorf("row %d is listed twice", sorted[i])
		}
	}
	return nil
}

// search is one call of TopK. Its tasks are the cells of a grid, query blocks
// × document shards; what a task finds goes into the reservoir of each query.
type search struct {
	docs, queries      Matrix
	docRows, queryRows []int32
	nd, nq             int
	k, threads         int
	sim                Similarity

	docNorms []float64 // by position: Cosine: length; L2: float32 of its square
}

func (s *search) docRow(i int) int32 {
	if s.docRows != nil {
		return s.docRows[i]
	}
	return int32(i)
}

func (s *search) queryRow(i int) int32 {
	if s.queryRows != nil {
		return s.queryRows[i]
	}
	return int32(i)
}

// norm returns what the similarity needs to know of the length of a row.
func (s *search) norm(x []float32) float64 {
	switch s.sim {
	case Cosine:
		return math.Sqrt(squares(x))
	case L2:
		return float64(float32(squares(x)))
	}
	return 0
}

// divisor is what a row is divided by before it is scored.
func (s *search) divisor(norm float64) float64 {
	if s.sim == Cosine {
		return norm
	}
	return 0
}

func (s *search) run(ctx context.Context) ([][]Hit, error) {
	out := make([][]Hit, s.nq)
	if s.nq == 0 || s.nd == 0 {
		for i := range out {
			out[i] = []Hit{}
		}
		return out, ctx.Err()
	}
	if s.sim != InnerProduct {
		s.docNorms = make([]float64, s.nd)
		err := each(ctx, s.threads, (s.nd+shardDocs-1)/shardDocs, func(t int) {
			for i := t * shardDocs; i < min(s.nd, (t+1)*shardDocs); i++ {
				s.docNorms[i] = s.norm(s.docs.Row(int(s.docRow(i))))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	blocks := (s.nq + queryBlock - 1) / queryBlock
	// Few query blocks: cut the documents too, so that every thread has work.
	shards := 1
	if s.threads > 1 && blocks < 4*s.threads {
		shards = max(1, min((4*s.threads+blocks-1)/blocks, s.nd/shardDocs))
	}
	found := make([][]best, blocks) // one reservoir per query; of later shards, merged
	locks := make([]sync.Mutex, blocks)
	err := each(ctx, s.threads, blocks*shards, func(t int) {
		b, h := t/shards, t%shards
		lo, hi := b*queryBlock, min(s.nq, (b+1)*queryBlock)
		part := s.block(ctx, lo, hi, s.nd*h/shards, s.nd*(h+1)/shards)
		locks[b].Lock()
		defer locks[b].Unlock()
		if found[b] == nil {
			found[b] = part
			return
		}
		for i := range part {
			for _, x := range part[i].keys {
				found[b][i].push(x)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, s.threads, blocks, func(b int) {
		for i := range found[b] {
			out[b*queryBlock+i] = found[b][i].hits()
		}
	})
	return out, err
}

// block searches documents [d0,d1) for queries [q0,q1).
func (s *search) block(ctx context.Context, q0, q1, d0, d1 int) []best {
	dim := s.docs.Dim
	nq := q1 - q0
	wide := make([]float64, nq*dim)
	qnorm := make([]float32, nq)
	qtiny := make([]bool, nq)
	res := make([]best, nq)
	for i := range nq {
		x := s.queries.Row(int(s.queryRow(q0 + i)))
		n := s.norm(x)
		qtiny[i] = widen(wide[i*dim:(i+1)*dim], x, s.divisor(n))
		qnorm[i] = float32(n)
		res[i] = newBest(s.k)
	}
	docs := make(tile, dim)
	var rows [tileDocs]int32
	var dnorm [tileDocs]float32
	var score [tileDocs]float32
	for d := d0; d < d1; d += tileDocs {
		if (d-d0)%groupDocs == 0 && ctx.Err() != nil {
			return res
		}
		// The last tile keeps the columns of the one before; nobody reads them.
		n := min(tileDocs, d1-d)
		tiny := false
		for j := range n {
			rows[j] = s.docRow(d + j)
			var norm float64
			if s.docNorms != nil {
				norm = s.docNorms[d+j]
			}
			dnorm[j] = float32(norm)
			if widenTile(docs, j, s.docs.Row(int(rows[j])), s.divisor(norm)) {
				tiny = true
			}
		}
		for i := range nq {
			scoreTile(wide[i*dim:(i+1)*dim], docs, tiny || qtiny[i], &score)
			r := &res[i]
			if s.sim == L2 {
				for j := range score {
					score[j] = min(0, float32(2*score[j])-float32(qnorm[i]+dnorm[j]))
				}
			}
			for j := range n {
				r.offer(score[j], rows[j])
			}
		}
	}
	return res
}

// each calls f(0) … f(n-1), on at most threads goroutines, in any order, and
// stops early when ctx ends.
func each(ctx context.Context, threads, n int, f func(int)) error {
	threads = min(threads, n)
	if threads <= 1 {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			f(i)
		}
		return ctx.Err()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
