package vec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// fullSort ranks all candidates by the definition.
func fullSort(docs, queries Matrix, k int, o Options) [][]Hit {
	docs, queries = clone(docs), clone(queries)
	norms := func(m Matrix) []float32 {
		out := make([]float32, m.Rows)
		for i := range out {
			var s float64
			for _, v := range m.Row(i) {
				s += float64(v) * float64(v)
			}
			out[i] = float32(s)
		}
		return out
	}
	dn, qn := norms(docs), norms(queries)
	if o.Similarity == Cosine {
		docs.Normalize()
		queries.Normalize()
	}
	rows := func(list []int32, n int) []int32 {
		if list != nil {
			return list
		}
		for i := range n {
			list = append(list, int32(i))
		}
		return list
	}
	out := [][]Hit{}
	for _, q := range rows(o.QueryRows, queries.Rows) {
		hits := []Hit{}
		for _, d := range rows(o.DocRows, docs.Rows) {
			s := Score(queries.Row(int(q)), docs.Row(int(d)))
			if o.Similarity == L2 {
				s = 2*s - (qn[q] + dn[d])
				if s > 0 {
					s = 0
				}
			}
			if s == s {
				hits = append(hits, Hit{d, s + 0})
			}
		}
		slices.SortFunc(hits, func(a, b Hit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
		})
		out = append(out, hits[:min(k, len(hits))])
	}
	return out
}

func clone(m Matrix) Matrix {
	m.Data = slices.Clone(m.Data)
	return m
}

// sameBits compares rankings, −0 and +0 apart.
func sameBits(a, b [][]Hit) error {
	if len(a) != len(b) {
		return fmt.Errorf("want %d lists, got %d", len(a), len(b))
	}
	for q := range a {
		if len(a[q]) != len(b[q]) {
			return fmt.Errorf("query %d: want %d hits, got %d", q, len(a[q]), len(b[q]))
		}
		for i := range a[q] {
			x, y := a[q][i], b[q][i]
			if x.Row != y.Row || math.Float32bits(x.Score) != math.Float32bits(y.Score) {
				return fmt.Errorf("query %d, rank %d: want %v, got %v", q, i+1, x, y)
			}
		}
	}
	return nil
}

// testMatrix has what rankings stumble over: duplicates, zeros, NaN and
// infinities, few distinct values.
func testMatrix(rng *rand.Rand, rows, dim int) Matrix {
	m := NewMatrix(rows, dim)
	for i := range rows {
		r := m.Row(i)
		switch kind := rng.IntN(10); {
		case kind < 2 && i > 0:
			copy(r, m.Row(rng.IntN(i)))
		case kind == 2:
		case kind == 3:
			for j := range r {
				r[j] = float32(rng.IntN(3) - 1)
			}
		case kind == 4 && dim > 0 && rng.IntN(4) == 0:
			r[rng.IntN(dim)] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 3e38, 1e-30}[rng.IntN(5)]
		default:
			for j := range r {
				r[j] = float32(rng.NormFloat64())
			}
		}
	}
	return m
}

func TestTopKIsHeadOfFullSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 120 {
		dim := []int{0, 1, 3, 16, 127, 128, 129, 260}[rng.IntN(8)]
		nd, nq := []int{0, 1, 7, 8, 9, 100, 2500}[rng.IntN(7)], []int{0, 1, 5, 64, 65, 150}[rng.IntN(6)]
		if nd*nq*dim > 8_000_000 {
			nq = 5
		}
		docs, queries := testMatrix(rng, nd, dim), testMatrix(rng, nq, dim)
		k := []int{1, 2, 10, 100, 5000}[rng.IntN(5)]
		o := Options{Similarity: Similarity(rng.IntN(3))}
		if rng.IntN(2) == 0 {
			o.DocRows = []int32{}
			for _, i := range rng.Perm(nd)[:rng.IntN(nd+1)] {
				o.DocRows = append(o.DocRows, int32(i))
			}
		}
		if rng.IntN(2) == 0 && nq > 0 {
			o.QueryRows = []int32{}
			for range rng.IntN(2 * nq) {
				o.QueryRows = append(o.QueryRows, int32(rng.IntN(nq)))
			}
		}
		want := fullSort(docs, queries, k, o)
		for threads := 1; threads <= 3; threads++ {
			o.Threads = threads
			got, err := TopK(t.Context(), docs, queries, k, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := sameBits(want, got); err != nil {
				t.Fatalf("%d×%d documents, %d queries, k %d, %s, %d threads: %v", nd, dim, nq, k, o.Similarity, threads, err)
			}
		}
	}
}

func TestTopKWorstOrder(t *testing.T) {
	// Documents sorted by ascending score make every one of them a candidate.
	const n = 3000
	docs, queries := NewMatrix(n, 2), NewMatrix(1, 2)
	for i := range n {
		docs.Row(i)[0] = float32(i / 3)
	}
	queries.Data[0] = 1
	got, err := TopK(t.Context(), docs, queries, 7, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]Hit{{{2997, 999}, {2998, 999}, {2999, 999}, {2994, 998}, {2995, 998}, {2996, 998}, {2991, 997}}}
	if err := sameBits(want, got); err != nil {
		t.Error(err)
	}
}

func TestTopKSpecialScores(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	neg0 := float32(math.Copysign(0, -1))
	docs := Matrix{Rows: 7, Dim: 1, Data: []float32{-inf, nan, neg0, inf, 0, -1, 2}}
	queries := Matrix{Rows: 1, Dim: 1, Data: []float32{1}}
	got, err := TopK(t.Context(), docs, queries, 10, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]Hit{{{3, inf}, {6, 2}, {2, 0}, {4, 0}, {5, -1}, {0, -inf}}}
	if err := sameBits(want, got); err != nil {
		t.Error(err)
	}
}

func TestMergedShardsEqualWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	docs, queries := testMatrix(rng, 700, 20), testMatrix(rng, 9, 20)
	for _, sim := range []Similarity{InnerProduct, Cosine, L2} {
		want, err := TopK(t.Context(), docs, queries, 50, Options{Similarity: sim})
		if err != nil {
			t.Fatal(err)
		}
		var parts [3][][]Hit
		for s := range parts {
			var rows []int32
			for i := range docs.Rows {
				if (i*7+i/13)%3 == s {
					rows = append(rows, int32(i))
				}
			}
			if parts[s], err = TopK(t.Context(), docs, queries, 50, Options{Similarity: sim, DocRows: rows}); err != nil {
				t.Fatal(err)
			}
		}
		var got [][]Hit
		for q := range queries.Rows {
			got = append(got, Merge(50, parts[2][q], parts[0][q], parts[1][q]))
		}
		if err := sameBits(want, got); err != nil {
			t.Errorf("%s: %v", sim, err)
		}
	}
	if got := Merge(0, []Hit{{1, 1}}); got != nil {
		t.Errorf("Merge of the 0 best: %v", got)
	}
}

func TestTopKRefuses(t *testing.T) {
	m := NewMatrix(3, 2)
	for name, f := range map[string]func() error{
		"dimensions":       func() error { _, err := TopK(t.Context(), m, NewMatrix(1, 3), 1, Options{}); return err },
		"k":                func() error { _, err := TopK(t.Context(), m, m, 0, Options{}); return err },
		"similarity":       func() error { _, err := TopK(t.Context(), m, m, 1, Options{Similarity: 9}); return err },
		"threads":          func() error { _, err := TopK(t.Context(), m, m, 1, Options{Threads: -1}); return err },
		"shape":            func() error { _, err := TopK(t.Context(), Matrix{Rows: 3, Dim: 2}, m, 1, Options{}); return err },
		"row out of range": func() error { _, err := TopK(t.Context(), m, m, 1, Options{DocRows: []int32{3}}); return err },
		"negative row":     func() error { _, err := TopK(t.Context(), m, m, 1, Options{QueryRows: []int32{-1}}); return err },
		"row twice":        func() error { _, err := TopK(t.Context(), m, m, 1, Options{DocRows: []int32{2, 0, 2}}); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTopKStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := NewMatrix(100, 4)
	for threads := 1; threads < 3; threads++ {
		if _, err := TopK(ctx, m, m, 1, Options{Threads: threads}); !errors.Is(err, context.Canceled) {
			t.Errorf("%d threads: want a cancelled context, got %v", threads, err)
		}
	}
}

func TestLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 4000 {
		n := 1 + rng.IntN(300)
		a := make([]key, n)
		for i, v := range rng.Perm(n) {
			a[i] = key(v)
		}
		switch rng.IntN(4) {
		case 0:
			slices.Sort(a)
		case 1:
			slices.SortFunc(a, func(x, y key) int { return cmp.Compare(y, x) })
		}
		k := 1 + rng.IntN(n)
		most := k + rng.IntN(n-k+1)
		m := largest(a, k, most)
		if m < k || m > most {
			t.Fatalf("the %d to %d largest of %d: got %d", k, most, n, m)
		}
		if got := slices.Min(a[:m]); got != key(n-m) {
			t.Fatalf("the %d largest of %d: the least of them is %d", m, n, got)
		}
	}
}

func TestParseSimilarity(t *testing.T) {
	for _, s := range []Similarity{InnerProduct, Cosine, L2} {
		if got, err := ParseSimilarity(s.String()); err != nil || got != s {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	if _, err := ParseSimilarity("cosinus"); err == nil {
		t.Error("no error for an unknown name")
	}
}
