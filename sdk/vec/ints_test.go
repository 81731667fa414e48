package vec

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/simd"
)

// intSort ranks all candidates by the definition, value by value: bits are the
// integers +1 and −1.
func intSort(docs, queries Vectors, k int, sim Similarity, docRows, queryRows []int32) [][]Hit {
	all := func(rows []int32, n int) []int32 {
		if rows == nil {
			for i := range n {
				rows = append(rows, int32(i))
			}
		}
		return rows
	}
	inverse := func(x []float32) float32 {
		var s int64
		for _, v := range x {
			s += int64(v) * int64(v)
		}
		if s == 0 {
			return 0
		}
		return float32(1 / math.Sqrt(float64(s)))
	}
	values := func(v Vectors) [][]float32 {
		out := make([][]float32, v.Rows)
		for i := range out {
			out[i] = v.AppendFloat32(nil, i)
		}
		return out
	}
	ds, qs := values(docs), values(queries)
	out := [][]Hit{}
	for _, qi := range all(queryRows, queries.Rows) {
		q := qs[qi]
		hits := []Hit{}
		for _, di := range all(docRows, docs.Rows) {
			d := ds[di]
			var dot, dist int64
			for i := range q {
				x, y := int64(q[i]), int64(d[i])
				dot += x * y
				dist += (x - y) * (x - y)
			}
			s := float32(dot)
			switch {
			case sim == L2:
				s = -float32(dist)
			case sim == Cosine && docs.Element == Bits && docs.Dim > 0:
				s = float32(dot) / float32(docs.Dim)
			case sim == Cosine:
				s = float32(float32(dot) * inverse(d))
				s = float32(s * inverse(q))
			}
			hits = append(hits, Hit{di, s + 0})
		}
		slices.SortFunc(hits, func(a, b Hit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
		})
		out = append(out, hits[:min(k, len(hits))])
	}
	return out
}

// intVectors has rows of all kinds: duplicates, zeros, extremes, few values.
func intVectors(rng *rand.Rand, e Element, rows, dim int) Vectors {
	if e == Bits {
		dim &^= 7
	}
	size, err := e.rowBytes(dim)
	if err != nil {
		panic(err)
	}
	data := make([]byte, rows*size)
	for i := range rows {
		r := data[i*size : (i+1)*size]
		kind := rng.IntN(10)
		for j := range r {
			switch kind {
			case 0: // zeros, or all −1
			case 1:
				r[j] = 0x80 // −128
			case 2:
				r[j] = 0x7f
			case 3:
				r[j] = 0xff
			case 4:
				r[j] = byte(rng.IntN(3) - 1)
			default:
				r[j] = byte(rng.Uint32())
			}
		}
		if kind == 5 && i > 0 {
			copy(r, data[rng.IntN(i)*size:][:size])
		}
	}
	return Vectors{Rows: rows, Dim: dim, Element: e, data: data}
}

// atLevels runs f at every level that this machine has.
func atLevels(f func(l simd.Level)) {
	for l := simd.Go; l <= simd.Best; l++ {
		before := simd.Use(l)
		f(l)
		simd.Use(before)
	}
}

func sample(rng *rand.Rand, n int) []int32 {
	if n == 0 || rng.IntN(3) > 0 {
		return nil
	}
	rows := []int32{}
	for _, r := range rng.Perm(n)[:rng.IntN(n+1)] {
		rows = append(rows, int32(r))
	}
	return rows
}

// checkInts searches in every way that there is.
func checkInts(t *testing.T, rng *rand.Rand, docs, queries Vectors, k int) {
	t.Helper()
	docRows, queryRows := sample(rng, docs.Rows), sample(rng, queries.Rows)
	for _, sim := range []Similarity{InnerProduct, Cosine, L2} {
		want := intSort(docs, queries, k, sim, docRows, queryRows)
		atLevels(func(l simd.Level) {
			for _, packed := range []bool{false, true} {
				o := IndexOptions{Similarity: sim, Rows: docRows, Threads: 1 + rng.IntN(3)}
				x, err := Scan(docs, o)
				if packed && err == nil {
					x, err = Pack(t.Context(), docs, o)
				}
				if err != nil {
					t.Fatal(err)
				}
				got, err := x.Search(t.Context(), queries, k, SearchOptions{Rows: queryRows, Threads: 1 + rng.IntN(4)})
				if err != nil {
					t.Fatal(err)
				}
				if err := sameBits(want, got); err != nil {
					t.Errorf("%s, %s, %d×%d documents, %d queries, k %d, at %s, packed %v: %v", docs.Element, sim, docs.Rows, docs.Dim, queries.Rows, k, l, packed, err)
				}
			}
		})
	}
}

func TestIntegersAreHeadOfFullSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for _, e := range []Element{Int8, Bits} {
		for dim := range 70 {
			if e == Bits {
				dim *= 40 // past the 31 lines that are summed at a time
			}
			checkInts(t, rng, intVectors(rng, e, 1+rng.IntN(80), dim), intVectors(rng, e, 1+rng.IntN(30), dim), 1+rng.IntN(20))
		}
		for range 30 {
			dim := 8 + rng.IntN(400)
			nd := []int{0, 1, 15, 16, 17, 33, 64, 100, 1500}[rng.IntN(9)]
			nq := []int{0, 1, 2, 5, 6, 7, 13, 14, 15, 29, 43, 90}[rng.IntN(12)]
			checkInts(t, rng, intVectors(rng, e, nd, dim), intVectors(rng, e, nq, dim), []int{1, 3, 10, 100, 3000}[rng.IntN(5)])
		}
	}
}

// Small blocks make shards, samples and repeats of what is small.
func TestIntegersInSmallBlocks(t *testing.T) {
	before := sizes
	t.Cleanup(func() { sizes = before })
	rng := rand.New(rand.NewPCG(3, 2))
	for range 20 {
		sizes = blocking{
			docBytes: 1 << (8 + rng.IntN(8)), maxPanels: 1 + rng.IntN(20), queryBytes: 1 << 10, keyBytes: before.keyBytes,
			maxQueries: 42, shardDocs: 100, sampled: 2 + rng.IntN(4), sampleFrom: 10,
		}
		e := []Element{Int8, Bits}[rng.IntN(2)]
		dim := 8 + rng.IntN(60)
		docs := intVectors(rng, e, 1000+rng.IntN(1000), dim)
		if rng.IntN(2) == 0 { // in an order that guesses go wrong on
			slices.Sort(docs.data)
		}
		checkInts(t, rng, docs, intVectors(rng, e, 1+rng.IntN(100), dim), 1+rng.IntN(30))
	}
}

func TestIntegersOfShardsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, e := range []Element{Int8, Bits} {
		for _, sim := range []Similarity{InnerProduct, Cosine, L2} {
			docs, queries := intVectors(rng, e, 300, 48), intVectors(rng, e, 9, 48)
			want := intSort(docs, queries, 20, sim, nil, nil)
			var parts [][][]Hit
			for _, r := range [][2]int{{0, 17}, {17, 150}, {150, 300}} {
				x, err := Scan(docs.Slice(r[0], r[1]), IndexOptions{Similarity: sim})
				if err != nil {
					t.Fatal(err)
				}
				hits, err := x.Search(t.Context(), queries, 20, SearchOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for _, list := range hits {
					for i := range list {
						list[i].Row += int32(r[0])
					}
				}
				parts = append(parts, hits)
			}
			var got [][]Hit
			for q := range queries.Rows {
				got = append(got, Merge(20, parts[0][q], parts[1][q], parts[2][q]))
			}
			if err := sameBits(want, got); err != nil {
				t.Errorf("%s, %s: %v", e, sim, err)
			}
		}
	}
}

// The largest sums that there are must not leave int32; one dimension more is
// refused.
func TestIntegersAtTheBound(t *testing.T) {
	fill := func(dim int, values ...byte) Vectors {
		var data []byte
		for _, v := range values {
			data = append(data, slices.Repeat([]byte{v}, dim)...)
		}
		return Vectors{Rows: len(values), Dim: dim, Element: Int8, data: data}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	values := []byte{0x80, 0x7f, 0, 0xff, 1}
	for _, sim := range []Similarity{InnerProduct, Cosine, L2} {
		dim := 131071
		if sim == L2 {
			dim = 33025
		}
		docs := fill(dim, values...)
		want := intSort(docs, docs, 5, sim, nil, nil)
		top := float32(128 * 128 * 131071)
		if sim == InnerProduct && want[0][0] != (Hit{0, top}) {
			t.Fatalf("the definition gives %v", want[0][0])
		}
		for _, many := range []bool{false, true} {
			queries, want := docs, want
			if many { // as many as make wide tiles
				queries, want = fill(dim, slices.Repeat(values, 3)...), slices.Repeat(want, 3)
			}
			atLevels(func(l simd.Level) {
				x, err := Scan(docs, IndexOptions{Similarity: sim})
				if err != nil {
					t.Fatal(err)
				}
				got, err := x.Search(t.Context(), queries, 5, SearchOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if err := sameBits(want, got); err != nil {
					t.Errorf("%s at %s: %v", sim, l, err)
				}
			})
		}
		if _, err := Scan(intVectors(rng, Int8, 1, dim+1), IndexOptions{Similarity: sim}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(dim)) {
			t.Errorf("%s of %d dimensions: want an error that names %d, got %v", sim, dim+1, dim, err)
		}
	}
	if _, err := Scan(intVectors(rng, Bits, 1, 1<<24+8), IndexOptions{}); err == nil {
		t.Error("2^24+8 bits: want an error")
	}
}

func TestElementsDoNotMix(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	all := []Vectors{randomMatrix(rng, 3, 8).Vectors(), intVectors(rng, Int8, 3, 8), intVectors(rng, Bits, 3, 8)}
	for _, e := range []Element{Float16, BFloat16} {
		v, _, err := Convert(all[0], e, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	for _, d := range all {
		for _, q := range all {
			x, err := Scan(d, IndexOptions{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = x.Search(t.Context(), q, 1, SearchOptions{})
			floats := d.Element < Int8 && q.Element < Int8
			if (err == nil) != (floats || d.Element == q.Element) {
				t.Errorf("documents of %s, queries of %s: %v", d.Element, q.Element, err)
			}
		}
	}
}

// A packed index is as large as what it was made of.
func TestPackedIntegersKeepTheirSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 6))
	for _, e := range []Element{Int8, Bits} {
		docs := intVectors(rng, e, 1600, 256)
		x, err := Pack(t.Context(), docs, IndexOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := 4 * len(x.ints.words); got != len(docs.data) {
			t.Errorf("%s: want %d bytes, got %d", e, len(docs.data), got)
		}
	}
}
