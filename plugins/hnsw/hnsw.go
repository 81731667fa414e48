// Package hnsw is an approximate index: a graph in which every document knows
// a few near ones, and a search that walks from neighbour to neighbour (Malkov
// and Yashunin, "Efficient and robust approximate nearest neighbor search using
// Hierarchical Navigable Small World graphs", 2018).
//
// The one thing to know: a document may be missing from a ranking, but what is
// there has the score that exact search gives it, to the bit. The graph and the
// rankings are the same on any machine and with any number of threads. Where a
// walk would not pay (a small corpus, a small pool of candidates), or where it
// finds fewer documents than were asked for, the search is exact. Every document
// can be reached: a larger ef finds more, and one as large as the corpus all.
//
// It does not take documents in after the build, and keeps no copy of them.
package hnsw

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// Options of the index.
type Options struct {
	Similarity     string `xl:"similarity,default=cosine,enum=cosine|ip|l2" doc:"What a score is: cosine, inner product, or minus the squared Euclidean distance."`
	M              int    `xl:"m,default=16,min=2,max=100" doc:"Neighbours that a document chooses; lists hold twice as many on the lowest level."`
	EfConstruction int    `xl:"ef_construction,default=200,min=1,max=100000" doc:"Documents that a walk keeps while the graph is built: more take longer and choose better."`
	Ef             int    `xl:"ef,default=128,min=1,max=1000000" doc:"Documents that a search keeps, at least as many as are asked for: more take longer and miss fewer."`
	Seed           int64  `xl:"seed,default=0" doc:"Seed of the levels and of the order of insertion."`
	Threads        int    `xl:"threads,default=1,min=1,max=256,effect=performance" doc:"Threads of one process."`
}

// Component is the index "hnsw".
var Component = sdk.NewIndex(sdk.Info{
	Name:        "hnsw",
	Revision:    1,
	Doc:         "Approximate search in a graph of neighbours: rankings may miss documents, scores are exact.",
	Determinism: sdk.Bitwise,
}, func(_ context.Context, o Options) (sdk.Index, error) { return New(o) })

// Index searches approximately.
type Index struct {
	params
	ef      int
	threads int
}

var _ sdk.Index = (*Index)(nil)

// New returns an index with the given options.
func New(o Options) (*Index, error) {
	s, err := vec.ParseSimilarity(o.Similarity)
	if err != nil {
		return nil, err
	}
	return &Index{
		params: params{similarity: s, m: o.M, efConstruction: o.EfConstruction, seed: o.Seed},
		ef:     o.Ef, threads: o.Threads,
	}, nil
}

// Build makes the graph of all documents: which of them are candidates is
// known to a search only.
func (x *Index) Build(ctx context.Context, t *sdk.BuildTask) error {
	docs, err := open(t.Documents)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	defer docs.Close() //nolint:errcheck // read only
	g, err := build(ctx, docs.Matrix, x.params, x.threads, t.Report)
	if err != nil {
		return err
	}
	g.digest = digestOf(t.Documents.Digest)
	return g.save(filepath.Join(t.Dir, graphFile))
}

// queriesAtOnce bounds the memory of a search: rankings are handed on before
// the next queries are searched.
const queriesAtOnce = 1024

// Search ranks the candidates for each query.
func (x *Index) Search(ctx context.Context, t *sdk.SearchTask, emit func(query int32, hits []sdk.Hit) error) error {
	docs, err := open(t.Documents)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	defer docs.Close() //nolint:errcheck // read only
	g, err := load(filepath.Join(t.Dir, graphFile), docs.Rows, docs.Dim)
	if err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	switch d := digestOf(t.Documents.Digest); {
	case g.params != x.params:
		return errors.New("open index: it was built with other options: build it again")
	case g.digest != d && g.digest != [32]byte{} && d != [32]byte{}:
		return errors.New("open index: it was built over other documents: build it again")
	}
	queries, err := open(t.Queries)
	if err != nil {
		return fmt.Errorf("queries: %w", err)
	}
	defer queries.Close() //nolint:errcheck // read only
	rows := t.QueryRows
	if rows == nil {
		rows = make([]int32, queries.Rows)
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	for _, r := range rows {
		if r < 0 || int(r) >= queries.Rows {
			return fmt.Errorf("query rows: row %d is not among the %d rows of the matrix", r, queries.Rows)
		}
	}
	s, err := newSearcher(ctx, g, docs.Matrix, queries.Matrix, t.DocumentRows, t.K, x.ef, x.threads)
	if err != nil {
		return err
	}
	for i := 0; i < len(rows); i += queriesAtOnce {
		part := rows[i:min(i+queriesAtOnce, len(rows))]
		found, err := s.search(ctx, part)
		if err != nil {
			return err
		}
		for j, list := range found {
			hits := make([]sdk.Hit, len(list))
			for r, h := range list {
				hits[r] = sdk.Hit(h)
			}
			if err := emit(part[j], hits); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func open(m sdk.Matrix) (*vec.File, error) {
	f, err := vec.OpenNPY(m.Path)
	if err != nil {
		return nil, err
	}
	if f.Rows != m.Rows || f.Dim != m.Dim {
		err := fmt.Errorf("%s: want %d×%d, got %d×%d", m.Path, m.Rows, m.Dim, f.Rows, f.Dim)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// searcher is one search: what all of its queries share.
type searcher struct {
	g             *graph
	sp            *space
	docs, queries vec.Matrix
	pool          []int32 // the candidates; nil: all rows
	k, ef         int
	threads       int
	exact         bool // a walk does not pay

	candidate rowSet            // nil: all rows
	nodes     rowSet            // nodes that are, or have a copy that is, a candidate; nil: all
	copies    map[int32][]int32 // by node that has any: the candidates with its bytes, itself too, the first k
	zeros     []int32           // candidates that score 0, the first k
	odd       []int32           // candidates that the walk cannot judge
	sure      int               // candidates whose score is a number, the odd ones not counted

	walkers []*walker
}

func newSearcher(ctx context.Context, g *graph, docs, queries vec.Matrix, pool []int32, k, ef, threads int) (*searcher, error) {
	// A search for nothing checks what was asked for.
	if _, err := vec.TopK(ctx, docs, queries, k, vec.Options{Similarity: g.similarity, DocRows: pool, QueryRows: []int32{}}); err != nil {
		return nil, err
	}
	s := &searcher{
		g: g, docs: docs, queries: queries, pool: pool, k: k, threads: threads,
		sp: &space{docs: docs, similarity: g.similarity, aux: g.aux, radius: g.radius},
	}
	n := g.rows
	if pool != nil {
		n = len(pool)
		s.candidate = newRowSet(g.rows)
		for _, r := range pool {
			s.candidate.add(r)
		}
	}
	s.k = min(k, max(1, n))
	s.ef = max(ef, s.k)
	// A walk visits about ef candidates, and as many others among them as there
	// are in the whole; each visit measures about m nodes that are new. Where
	// that comes to the number of candidates, measuring those is no slower.
	s.exact = float64(n)*float64(n) <= float64(s.ef)*float64(g.m)*float64(g.rows)
	if s.exact {
		return s, ctx.Err()
	}
	if pool != nil {
		s.nodes = newRowSet(g.rows)
	}
	if g.copyOf != nil {
		s.copies = map[int32][]int32{}
	}
	for row, kind := range g.kind {
		r := int32(row)
		if pool != nil && !s.candidate.has(r) {
			continue
		}
		node := r
		switch kind {
		case kindLost:
			continue
		case kindZero:
			s.sure++
			if len(s.zeros) < s.k {
				s.zeros = append(s.zeros, r)
			}
			continue
		case kindOdd:
			s.odd = append(s.odd, r)
			continue
		case kindCopy:
			node = g.copyOf[r] // a smaller row
			list := s.copies[node]
			if list == nil && (pool == nil || s.candidate.has(node)) {
				list = append(list, node)
			}
			if len(list) < s.k {
				list = append(list, r)
			}
			s.copies[node] = list
		}
		s.sure++
		if s.nodes != nil {
			s.nodes.add(node)
		}
	}
	s.walkers = make([]*walker, max(1, threads))
	for i := range s.walkers {
		s.walkers[i] = newWalker(g, s.sp)
	}
	return s, ctx.Err()
}

// search returns the ranking of each query.
func (s *searcher) search(ctx context.Context, rows []int32) ([][]vec.Hit, error) {
	if s.exact {
		return s.scan(ctx, rows)
	}
	out := make([][]vec.Hit, len(rows))
	errs := make([]error, len(rows))
	err := each(ctx, s.threads, len(rows), func(w, i int) { out[i], errs[i] = s.one(ctx, s.walkers[w], rows[i]) })
	if err == nil {
		err = errors.Join(errs...)
	}
	if err != nil {
		return nil, err
	}
	var missing, at []int32
	for i, hits := range out {
		if hits == nil {
			missing = append(missing, rows[i])
			at = append(at, int32(i))
		}
	}
	if missing == nil {
		return out, nil
	}
	found, err := s.scan(ctx, missing)
	for i, hits := range found {
		out[at[i]] = hits
	}
	return out, err
}

func (s *searcher) scan(ctx context.Context, rows []int32) ([][]vec.Hit, error) {
	return vec.TopK(ctx, s.docs, s.queries, s.k, vec.Options{Similarity: s.g.similarity, DocRows: s.pool, QueryRows: rows, Threads: s.threads})
}

// one walks to a query. It returns nil where only a scan can answer.
func (s *searcher) one(ctx context.Context, w *walker, query int32) ([]vec.Hit, error) {
	x := s.queries.Row(int(query))
	sq := squares(x)
	if kindOf(s.g.similarity, sq) != 0 || s.g.entry < 0 {
		return nil, nil
	}
	w.start(x, s.sp.auxOf(sq), 0)
	w.ground()
	if s.nodes == nil {
		w.beam(0, s.ef)
	} else if !w.among(s.nodes, s.ef, len(s.pool)) {
		return nil, nil
	}
	if s.zeros != nil {
		for _, r := range s.zeros {
			w.keys = append(w.keys, keyOf(0, r))
		}
		slices.Sort(w.keys)
	}
	// What is nearer than the k-th by less than the walk can tell might be among
	// the k best. The others cannot.
	worst := float32(math.Inf(-1))
	if len(w.keys) >= s.k {
		worst = w.keys[s.k-1].near() - 2*s.sp.slack(sq)
	}
	rows := append(w.rows[:0], s.odd...)
	for _, k := range w.keys {
		if k.near() < worst {
			break
		}
		rows = append(rows, k.row())
	}
	w.rows = rows
	hits, err := s.score(ctx, query, rows)
	if err != nil {
		return nil, err
	}
	if s.copies != nil {
		hits = s.withCopies(hits)
	}
	if len(hits) < min(s.k, s.sure) {
		return nil, nil
	}
	return hits, nil
}

// score ranks some rows, by the contract of sdk/vec.
func (s *searcher) score(ctx context.Context, query int32, rows []int32) ([]vec.Hit, error) {
	found, err := vec.TopK(ctx, s.docs, s.queries, s.k, vec.Options{Similarity: s.g.similarity, DocRows: rows, QueryRows: []int32{query}, Threads: 1})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// withCopies replaces each node by the candidates that have its bytes.
func (s *searcher) withCopies(hits []vec.Hit) []vec.Hit {
	lists := make([][]vec.Hit, len(hits))
	for i, h := range hits {
		all, ok := s.copies[h.Row]
		if !ok {
			lists[i] = hits[i : i+1]
			continue
		}
		for _, r := range all {
			lists[i] = append(lists[i], vec.Hit{Row: r, Score: h.Score})
		}
	}
	return vec.Merge(s.k, lists...)
}
