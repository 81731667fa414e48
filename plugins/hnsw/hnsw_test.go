package hnsw

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/sdktest"
	"github.com/xlrun/xlrun/sdk/vec"
)

var similarities = []vec.Similarity{vec.Cosine, vec.InnerProduct, vec.L2}

// clustered returns documents and queries of unit length around 200 centres in
// 24 of 128 dimensions: what embeddings look like to an index. The same
// mixture as in FAISS's and our earlier comparisons, from Go's generator.
func clustered(rows, queries, dim int) (docs, qs vec.Matrix) {
	const factors, centres = 24, 200
	rng := rand.New(rand.NewPCG(7, 7))
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	a, c := normal(factors*dim), normal(centres*factors)
	some := func(n int) vec.Matrix {
		m := vec.NewMatrix(n, dim)
		for i := range n {
			row, centre := m.Row(i), rng.IntN(centres)*factors
			for f := range factors {
				z := c[centre+f] + float32(0.6*rng.NormFloat64())
				vec.Axpy(z, a[f*dim:][:dim], row)
			}
			for j := range row {
				row[j] += float32(0.3 * rng.NormFloat64())
			}
		}
		m.Normalize()
		return m
	}
	return some(rows), some(queries)
}

// recall is the share of the wanted hits that were found.
func recall(want, got [][]vec.Hit) float64 {
	found, all := 0, 0
	for i, list := range want {
		rows := map[int32]bool{}
		for _, h := range got[i] {
			rows[h.Row] = true
		}
		for _, h := range list {
			all++
			if rows[h.Row] {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}

func TestSuite(t *testing.T) {
	for _, config := range []string{
		`{}`,
		// The suite's corpus is small: these walk.
		`{"m": 2, "ef": 12}`,
		`{"m": 3, "ef": 12, "ef_construction": 10, "similarity": "ip", "seed": -3}`,
		`{"m": 4, "ef": 12, "similarity": "l2", "threads": 3}`,
	} {
		sdktest.Index(t, Component, config)
	}
}

func mustBuild(t testing.TB, docs vec.Matrix, p params, threads int) *graph {
	t.Helper()
	g, err := build(t.Context(), docs, p, threads, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func written(t testing.TB, g *graph) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := g.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// both searches with the graph, and exactly.
func both(t testing.TB, g *graph, docs, queries vec.Matrix, pool []int32, k, ef int) (want, got [][]vec.Hit) {
	t.Helper()
	all := make([]int32, queries.Rows)
	for i := range all {
		all[i] = int32(i)
	}
	want, err := vec.TopK(t.Context(), docs, queries, k, vec.Options{Similarity: g.similarity, DocRows: pool})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSearcher(t.Context(), g, docs, queries, pool, k, ef, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = s.search(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return want, got
}

// truthful reports hits that are no candidates, or have other scores than
// exact search gives, or are out of order, or too few.
func truthful(t testing.TB, similarity vec.Similarity, docs, queries vec.Matrix, pool []int32, want, got [][]vec.Hit) {
	t.Helper()
	for q, list := range got {
		if len(list) != len(want[q]) {
			t.Fatalf("query %d: want %d hits, got %d", q, len(want[q]), len(list))
		}
		for i, h := range list {
			if pool != nil && !slices.Contains(pool, h.Row) {
				t.Fatalf("query %d: row %d is no candidate", q, h.Row)
			}
			if i > 0 && (h.Score > list[i-1].Score || h.Score == list[i-1].Score && h.Row <= list[i-1].Row) {
				t.Fatalf("query %d: hits %v and %v are out of order", q, list[i-1], h)
			}
			exact, err := vec.TopK(t.Context(), docs, queries, 1, vec.Options{Similarity: similarity, DocRows: []int32{h.Row}, QueryRows: []int32{int32(q)}})
			if err != nil {
				t.Fatal(err)
			}
			if len(exact[0]) != 1 || math.Float32bits(exact[0][0].Score) != math.Float32bits(h.Score) {
				t.Fatalf("query %d: want the score %v, got %v", q, exact[0], h)
			}
		}
	}
}

// uneven gives the rows of m lengths between 0.5 and 2.
func uneven(m vec.Matrix) vec.Matrix {
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range m.Rows {
		f := float32(math.Exp2(2*rng.Float64() - 1))
		for j := range m.Row(i) {
			m.Row(i)[j] *= f
		}
	}
	return m
}

func TestRecall(t *testing.T) {
	docs, queries := clustered(5000, 100, 48)
	long, longQueries := uneven(vec.Matrix{Rows: docs.Rows, Dim: docs.Dim, Data: slices.Clone(docs.Data)}), uneven(vec.Matrix{Rows: queries.Rows, Dim: queries.Dim, Data: slices.Clone(queries.Data)})
	for _, similarity := range similarities {
		for name, m := range map[string][2]vec.Matrix{"unit": {docs, queries}, "uneven": {long, longQueries}} {
			g := mustBuild(t, m[0], params{similarity: similarity, m: 12, efConstruction: 100}, 2)
			for _, c := range []struct {
				k, ef int
				least float64
			}{{10, 128, 0.99}, {10, 30, 0.95}, {100, 10, 0.97}} {
				want, got := both(t, g, m[0], m[1], nil, c.k, c.ef)
				truthful(t, similarity, m[0], m[1], nil, want, got)
				if r := recall(want, got); r < c.least {
					t.Errorf("%v, %s, ef = %d: recall@%d of %.3f, want %.3f", similarity, name, c.ef, c.k, r, c.least)
				}
			}
		}
	}
}

// The order of the documents does not matter: clusters in one piece, or the
// most similar first.
func TestRecallOfSortedDocuments(t *testing.T) {
	docs, queries := clustered(4000, 50, 32)
	rows := make([]int, docs.Rows)
	for i := range rows {
		rows[i] = i
	}
	slices.SortFunc(rows, func(a, b int) int {
		return int(math.Copysign(1, float64(vec.Score(queries.Row(0), docs.Row(b))-vec.Score(queries.Row(0), docs.Row(a)))))
	})
	sorted := vec.NewMatrix(docs.Rows, docs.Dim)
	for i, r := range rows {
		copy(sorted.Row(i), docs.Row(r))
	}
	g := mustBuild(t, sorted, params{similarity: vec.Cosine, m: 12, efConstruction: 100}, 2)
	want, got := both(t, g, sorted, queries, nil, 10, 128)
	if r := recall(want, got); r < 0.99 {
		t.Errorf("recall@10 of %.3f", r)
	}
}

// Clusters of many dimensions, and lengths that differ under inner products,
// leave nodes that nobody chooses. Every node can be reached all the same, so a
// search that keeps as many as there are is exact.
func TestEveryNodeIsReached(t *testing.T) {
	const rows, dim = 4000, 32
	rng := rand.New(rand.NewPCG(4, 4))
	middles, _ := clustered(4, 0, dim)
	docs := vec.NewMatrix(rows, dim)
	for i := range rows {
		copy(docs.Row(i), middles.Row(i%4))
		for j := range docs.Row(i) {
			docs.Row(i)[j] += float32(0.02 * rng.NormFloat64())
		}
	}
	queries := vec.Matrix{Rows: 50, Dim: dim, Data: slices.Clone(docs.Data[:50*dim])}
	for i := range queries.Data {
		queries.Data[i] += float32(0.02 * rng.NormFloat64())
	}
	for _, similarity := range similarities {
		for name, docs := range map[string]vec.Matrix{"clusters": docs, "uneven": uneven(vec.Matrix{Rows: rows, Dim: dim, Data: slices.Clone(docs.Data)})} {
			g := mustBuild(t, docs, params{similarity: similarity, m: 8, efConstruction: 60}, 2)
			w := newWalker(g, &space{docs: docs, similarity: g.similarity, aux: g.aux, radius: g.radius})
			w.start(queries.Row(0), 1, 0)
			w.ground()
			if w.beam(0, rows); len(w.keys) != rows {
				t.Errorf("%v, %s: %d of %d nodes are reached", similarity, name, len(w.keys), rows)
			}
			want, got := both(t, g, docs, queries, nil, 10, 100)
			if r := recall(want, got); r < 0.9 {
				t.Errorf("%v, %s: recall@10 of %.3f", similarity, name, r)
			}
		}
	}
}

// The bytes of a small graph, as they were first released. If this fails, the
// graphs out there are other than those built now: raise Component.Revision
// and then record the new digest.
func TestBytes(t *testing.T) {
	recorded := map[string]string{
		"cosine": "06d0c39c8a5b4dcb",
		"ip":     "c97dc6dea269f15c",
		"l2":     "d55cf3179bdffd45",
	}
	docs, _ := clustered(700, 1, 20)
	docs = uneven(docs)
	copy(docs.Row(9), docs.Row(3))
	clear(docs.Row(11))
	docs.Row(12)[3] = float32(math.NaN())
	docs.Row(13)[0] = 1e30
	for _, similarity := range similarities {
		p := params{similarity: similarity, m: 5, efConstruction: 20, seed: 42}
		var first []byte
		for threads := 1; threads <= 4; threads++ {
			b := written(t, mustBuild(t, docs, p, threads))
			if first == nil {
				first = b
			}
			if !bytes.Equal(first, b) {
				t.Errorf("%v: %d threads give other bytes than 1", similarity, threads)
			}
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(first))[:16]; got != recorded[similarity.String()] {
			t.Errorf("%v: the bytes have changed: want %s, got %s", similarity, recorded[similarity.String()], got)
		}
		p.seed++
		if bytes.Equal(first, written(t, mustBuild(t, docs, p, 1))) {
			t.Errorf("%v: another seed gives the same graph", similarity)
		}
	}
}

func TestPools(t *testing.T) {
	docs, queries := clustered(4000, 60, 24)
	rng := rand.New(rand.NewPCG(5, 5))
	g := mustBuild(t, docs, params{similarity: vec.Cosine, m: 6, efConstruction: 80}, 2)
	half := []int32{}
	for r := range int32(4000) {
		if rng.IntN(2) == 0 {
			half = append(half, r)
		}
	}
	shuffled := slices.Clone(half)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	far := []int32{} // the half that the first query likes least
	ranked, err := vec.TopK(t.Context(), docs, queries, docs.Rows, vec.Options{QueryRows: []int32{0}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range ranked[0][2000:] {
		far = append(far, h.Row)
	}
	for name, c := range map[string]struct {
		pool  []int32
		k, ef int
		exact bool
	}{
		"half":     {half, 10, 64, false},
		"shuffled": {shuffled, 10, 64, false},
		"far":      {far, 10, 64, false},
		"few":      {half[:300], 10, 64, true},
		"one":      {half[:1], 10, 64, true},
		"none":     {[]int32{}, 10, 64, true},
		"k > pool": {half[:40], 100, 1, true},
	} {
		want, got := both(t, g, docs, queries, c.pool, c.k, c.ef)
		truthful(t, vec.Cosine, docs, queries, c.pool, want, got)
		if c.exact {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", name, diff)
			}
		} else if r := recall(want, got); r < 0.98 {
			t.Errorf("%s: recall@%d of %.3f", name, c.k, r)
		}
	}
}

// Rows that are no nodes are found all the same, or never, as exact search
// has it; copies too. The walk holds every node here, so nothing is missed.
func TestOddRows(t *testing.T) {
	const nodes, rows, dim = 50, 1000, 6
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	rng := rand.New(rand.NewPCG(1, 2))
	docs := vec.NewMatrix(rows, dim)
	for i := range rows {
		x := docs.Row(i)
		switch {
		case i < nodes:
			for j := range x {
				x[j] = float32(rng.NormFloat64())
			}
		case i < 600:
			copy(x, docs.Row(rng.IntN(nodes)))
		case i < 700: // zeros
		case i < 720:
			x[rng.IntN(dim)] = nan
		case i < 740:
			x[rng.IntN(dim)] = inf
			x[rng.IntN(dim)] = -1
		case i < 760:
			x[0], x[1] = 3e38, -3e38
		case i < 780:
			x[0], x[1] = 1e-30, -1e-30
		default:
			copy(x, docs.Row(rng.IntN(nodes)))
		}
	}
	queries := vec.NewMatrix(8, dim)
	for i := range 4 {
		for j := range dim {
			queries.Row(i)[j] = float32(rng.NormFloat64())
		}
	}
	queries.Row(5)[2] = nan
	queries.Row(6)[1] = inf
	queries.Row(7)[1] = 1e38
	pool := []int32{}
	for r := range int32(rows) {
		if rng.IntN(10) > 0 {
			pool = append(pool, r)
		}
	}
	for _, similarity := range similarities {
		g := mustBuild(t, docs, params{similarity: similarity, m: 4, efConstruction: 60}, 1)
		for _, p := range [][]int32{nil, pool} {
			for _, k := range []int{1, 7, 150} {
				want, got := both(t, g, docs, queries, p, k, 100)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%v, %d candidates, k = %d: (-want +got)\n%s", similarity, len(p), k, diff)
				}
			}
		}
	}
}

// Scores that differ by less than the walk can tell are told apart.
func TestNearTies(t *testing.T) {
	const nodes, rows, dim = 200, 3000, 33
	rng := rand.New(rand.NewPCG(8, 8))
	docs := vec.NewMatrix(rows, dim)
	for j := range dim {
		docs.Row(0)[j] = float32(rng.NormFloat64())
	}
	for i := 1; i < rows; i++ {
		copy(docs.Row(i), docs.Row(0))
		for j, v := range docs.Row(i) {
			docs.Row(i)[j] = math.Float32frombits(math.Float32bits(v) + uint32(rng.IntN(5)))
		}
		if i >= nodes {
			copy(docs.Row(i), docs.Row(rng.IntN(nodes)))
		}
	}
	queries, _ := clustered(20, 0, dim)
	for _, similarity := range similarities {
		g := mustBuild(t, docs, params{similarity: similarity, m: 12, efConstruction: 200}, 2)
		for _, k := range []int{1, 20} {
			want, got := both(t, g, docs, queries, nil, k, nodes)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v, k = %d: (-want +got)\n%s", similarity, k, diff)
			}
		}
	}
}

func TestFewDistinctRows(t *testing.T) {
	for name, docs := range map[string]vec.Matrix{
		"no rows":     vec.NewMatrix(0, 3),
		"one row":     {Rows: 1, Dim: 3, Data: []float32{1, 2, 3}},
		"zeros":       vec.NewMatrix(500, 3),
		"one vector":  {Rows: 500, Dim: 2, Data: slices.Repeat([]float32{1, 2}, 500)},
		"two vectors": {Rows: 500, Dim: 2, Data: slices.Repeat([]float32{1, 2, -1, 1}, 250)},
		"NaN":         {Rows: 500, Dim: 1, Data: slices.Repeat([]float32{float32(math.NaN())}, 500)},
		"no columns":  vec.NewMatrix(500, 0),
	} {
		queries := vec.NewMatrix(2, docs.Dim)
		for i := range docs.Dim {
			queries.Row(1)[i] = 1
		}
		for _, similarity := range similarities {
			g := mustBuild(t, docs, params{similarity: similarity, m: 2, efConstruction: 3}, 2)
			for _, k := range []int{1, 30, 1000} {
				want, got := both(t, g, docs, queries, nil, k, 1)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, %v, k = %d: (-want +got)\n%s", name, similarity, k, diff)
				}
			}
		}
	}
}

// A graph that has fallen apart costs time, never hits.
func TestNothingIsSilentlyMissing(t *testing.T) {
	docs, queries := clustered(600, 20, 8)
	g := mustBuild(t, docs, params{similarity: vec.Cosine, m: 4, efConstruction: 20}, 1)
	for i := range g.base {
		g.base[i] = -1
	}
	want, got := both(t, g, docs, queries, nil, 5, 20)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A walk allocates nothing.
func TestAllocations(t *testing.T) {
	docs, queries := clustered(3000, 1, 16)
	g := mustBuild(t, docs, params{similarity: vec.Cosine, m: 8, efConstruction: 40}, 2)
	s, err := newSearcher(t.Context(), g, docs, queries, nil, 10, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	w, all := s.walkers[0], newRowSet(docs.Rows)
	for r := range int32(3000) {
		all.add(r)
	}
	if n := testing.AllocsPerRun(20, func() {
		w.start(queries.Row(0), 1, 0)
		w.again()
		w.beam(0, 64)
		w.start(queries.Row(0), 1, 0)
		w.again()
		w.among(all, 64, 3000)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCancel(t *testing.T) {
	docs, queries := clustered(2000, 10, 8)
	ctx, cancel := context.WithCancel(t.Context())
	p := params{similarity: vec.Cosine, m: 4, efConstruction: 20}
	steps := 0
	if _, err := build(ctx, docs, p, 2, func(int64, int64) { steps++; cancel() }); !errors.Is(err, context.Canceled) || steps != 1 {
		t.Errorf("a build is cancelled after %d steps: %v", steps, err)
	}
	s, err := newSearcher(t.Context(), mustBuild(t, docs, p, 1), docs, queries, nil, 1, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.search(ctx, []int32{0}); !errors.Is(err, context.Canceled) {
		t.Errorf("a search is cancelled: %v", err)
	}
}

func save(t *testing.T, m vec.Matrix) sdk.Matrix {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(vec.WriteNPY(f, m), f.Close()); err != nil {
		t.Fatal(err)
	}
	return sdk.Matrix{Path: path, Digest: "sha256:1", Rows: m.Rows, Dim: m.Dim}
}

func openIndex(t *testing.T, config string) sdk.Index {
	t.Helper()
	x, err := Component.Open(t.Context(), []byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	return x.(sdk.Index)
}

// More queries than are searched at once come back in order, and all, with any
// number of threads; the graph goes through its file.
func TestManyQueries(t *testing.T) {
	docs, _ := clustered(2*queriesAtOnce+5, 1, 12)
	m := save(t, docs)
	var first []sdk.Hit
	for threads := 1; threads <= 3; threads++ {
		x := openIndex(t, fmt.Sprintf(`{"threads": %d, "m": 4, "ef": 40, "ef_construction": 40}`, threads))
		dir := t.TempDir()
		var done, total int64
		if err := x.Build(t.Context(), &sdk.BuildTask{Documents: m, Dir: dir, Report: func(d, n int64) { done, total = d, n }}); err != nil {
			t.Fatal(err)
		}
		if done != int64(docs.Rows) || total != done {
			t.Errorf("progress ended at %d of %d", done, total)
		}
		var got []sdk.Hit
		next := int32(0)
		err := x.Search(t.Context(), &sdk.SearchTask{Dir: dir, Documents: m, Queries: m, K: 2}, func(q int32, hits []sdk.Hit) error {
			if q != next || len(hits) != 2 {
				return fmt.Errorf("query %d for %d, with %d hits", q, next, len(hits))
			}
			next++
			got = append(got, hits...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if int(next) != docs.Rows {
			t.Fatalf("want %d rankings, got %d", docs.Rows, next)
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(first, got) {
			t.Errorf("%d threads give other rankings than 1", threads)
		}
	}
	self := 0
	for i := range docs.Rows {
		if int(first[2*i].Row) == i {
			self++
		}
	}
	if self < docs.Rows*98/100 {
		t.Errorf("%d of %d vectors find themselves", self, docs.Rows)
	}
}

func TestRefuses(t *testing.T) {
	docs, queries := save(t, vec.Matrix{Rows: 2, Dim: 2, Data: []float32{1, 2, 3, 4}}), save(t, vec.NewMatrix(1, 3))
	x := openIndex(t, `{}`)
	dir := t.TempDir()
	if err := x.Build(t.Context(), &sdk.BuildTask{Documents: docs, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	lying := docs
	lying.Rows = 3
	if err := x.Build(t.Context(), &sdk.BuildTask{Documents: lying, Dir: t.TempDir()}); err == nil {
		t.Error("documents of another shape than declared: no error")
	}
	stop := errors.New("stop")
	ok := &sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs, K: 1}
	if err := x.Search(t.Context(), ok, func(int32, []sdk.Hit) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of emit is lost: %v", err)
	}
	other := docs
	other.Digest = "sha256:2"
	for name, c := range map[string]struct {
		config string
		task   sdk.SearchTask
		want   string
	}{
		"other dimensions": {`{}`, sdk.SearchTask{Dir: dir, Documents: docs, Queries: queries, K: 1}, "dimensions"},
		"other shape":      {`{}`, sdk.SearchTask{Dir: dir, Documents: queries, Queries: queries, K: 1}, "2×2, the documents are 1×3"},
		"other documents":  {`{}`, sdk.SearchTask{Dir: dir, Documents: other, Queries: docs, K: 1}, "other documents"},
		"other options":    {`{"m": 9}`, sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs, K: 1}, "other options"},
		"no index":         {`{}`, sdk.SearchTask{Dir: t.TempDir(), Documents: docs, Queries: docs, K: 1}, "open index"},
		"no file":          {`{}`, sdk.SearchTask{Dir: dir, Documents: sdk.Matrix{Path: "none.npy"}, Queries: docs, K: 1}, "documents"},
		"no hits wanted":   {`{}`, sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs}, "k must be"},
		"no such document": {`{}`, sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs, K: 1, DocumentRows: []int32{2}}, "document rows"},
		"document twice":   {`{}`, sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs, K: 1, DocumentRows: []int32{1, 1}}, "twice"},
		"no such query":    {`{}`, sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs, K: 1, QueryRows: []int32{0, 2}}, "query rows"},
	} {
		err := openIndex(t, c.config).Search(t.Context(), &c.task, func(int32, []sdk.Hit) error { return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v", name, c.want, err)
		}
	}
	for _, config := range []string{`{"similarity": "cosinus"}`, `{"m": 1}`, `{"m": 101}`, `{"ef": 0}`, `{"ef_construction": 0}`, `{"threads": 0}`} {
		if _, err := Component.Open(t.Context(), []byte(config), nil); err == nil {
			t.Errorf("%s: no error", config)
		}
	}
}

func smallGraph(t testing.TB, similarity vec.Similarity) (*graph, vec.Matrix) {
	t.Helper()
	docs, _ := clustered(40, 1, 4)
	docs = uneven(docs)
	copy(docs.Row(9), docs.Row(3))
	clear(docs.Row(11))
	return mustBuild(t, docs, params{similarity: similarity, m: 2, efConstruction: 5}, 1), docs
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), graphFile)
	for _, similarity := range similarities {
		g, docs := smallGraph(t, similarity)
		if err := g.save(path); err != nil {
			t.Fatal(err)
		}
		back, err := load(path, docs.Rows, docs.Dim)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(written(t, g), written(t, back)) || !slices.Equal(g.base, back.base) || !slices.Equal(g.upper, back.upper) {
			t.Errorf("%v: a graph is another after it was saved and loaded", similarity)
		}
	}
	g, docs := smallGraph(t, vec.Cosine)
	whole := written(t, g)
	// Every truncation and every flipped bit is seen.
	for i := range whole {
		for name, b := range map[string][]byte{"truncated": whole[:i], "damaged": slices.Concat(whole[:i], []byte{whole[i] ^ 4}, whole[i+1:])} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := load(path, docs.Rows, docs.Dim); err == nil {
				t.Fatalf("%s at byte %d of %d: no error", name, i, len(whole))
			}
		}
	}
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{nil, "not the graph of an index"},
		{[]byte("\x93NUMPY and so on, for a while"), "not the graph of an index"},
		{[]byte(magic), "truncated"},
		{whole[:len(whole)-1], "checksum"},
		{slices.Concat(whole, []byte{0}), "checksum"},
		{slices.Concat([]byte(magic), []byte{2}, whole[len(magic)+1:]), "version 2"},
	} {
		if err := os.WriteFile(path, c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(path, docs.Rows, docs.Dim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want an error with %q, got %v", c.want, err)
		}
	}
}

// Whatever the loader accepts can be searched. The checksum is put right, or
// nothing would get past it.
func FuzzLoad(f *testing.F) {
	_, docs := smallGraph(f, vec.Cosine)
	for _, similarity := range similarities {
		g, _ := smallGraph(f, similarity)
		b := written(f, g)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	path := filepath.Join(f.TempDir(), graphFile)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4 {
			b = binary.LittleEndian.AppendUint32(slices.Clone(b[:len(b)-4]), crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		g, err := load(path, docs.Rows, docs.Dim)
		if err != nil {
			return
		}
		if !bytes.Equal(b, written(t, g)) {
			t.Error("a graph is another after it was loaded and saved")
		}
		pool := make([]int32, 0, docs.Rows)
		for r := range int32(docs.Rows) {
			if r%8 != 0 {
				pool = append(pool, r)
			}
		}
		for _, p := range [][]int32{nil, pool} {
			s, err := newSearcher(t.Context(), g, docs, docs, p, 3, 4, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.search(t.Context(), []int32{0, 20}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestComponentIsValid(t *testing.T) {
	p := sdk.Plugin{Name: "hnsw", Version: "1", Components: []sdk.Component{Component}}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}
