package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xlrun/xlrun/internal/simd"
)

// fuzzSizes make samples, repeats, blocks and shards of corpora that a full
// sort is done with in no time.
var fuzzSizes = []blocking{
	sizes,
	tinySizes,
	{docBytes: 3000, maxPanels: 5, queryBytes: 1, keyBytes: 1, maxQueries: queryUnit, shardDocs: 100, sampled: 8, sampleFrom: 8},
	{docBytes: 1 << 20, maxPanels: 128, queryBytes: 1 << 20, keyBytes: 1 << 20, maxQueries: 2 * queryUnit, shardDocs: 1, sampled: 16, sampleFrom: 16},
}

// A fuzzCase is what FuzzTopK makes of its arguments. how chooses, two bits
// each from the lowest: similarity (the fourth does not exist), element,
// storage, threads less one, sizes, level; then one bit each for candidates,
// query rows, shards.
type fuzzCase struct {
	name        string
	nq, nd, dim uint16
	k           uint32
	how         uint32
	values      []byte // numbers of fuzzValues, again and again
}

// fuzzValues are few, so that scores tie.
var fuzzValues = [16]float32{
	0, 1, -1, 2, 0.5, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
	math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 1e-30, 1 + 1.0/(1<<23), -3, 65504,
}

const (
	howCosine  = 1
	howL2      = 2
	howNothing = 3 // no similarity

	howFloat16  = 1 << 2
	howBFloat16 = 2 << 2
	howPacked   = 1 << 4

	howThreads3 = 2 << 6
	howSizes    = 1 << 8 // times the number of sizes
	howLevel    = 1 << 10

	howRows      = 1 << 12
	howQueryRows = 1 << 13
	howShards    = 1 << 14
)

func bytesOf(n int, f func(i int) int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f(i))
	}
	return b
}

var fuzzCases = []fuzzCase{
	{"one of each", 1, 1, 1, 1, 0, []byte{1}},
	{"no documents", 3, 0, 4, 10, howPacked, nil},
	{"no queries", 0, 50, 4, 10, 0, []byte{1, 2}},
	{"no dimensions", 7, 40, 0, 5, howL2, nil},
	{"a remainder of documents", 6, 33, 9, 5, howLevel * 2, []byte{1, 2, 3, 4, 5}},
	{"all the same", 8, 500, 1, 10, howSizes, []byte{1}},
	{"zeros of both signs", 14, 300, 2, 20, howSizes * 2, []byte{0, 5, 5, 0, 0}},
	{"NaN and a few", 9, 600, 1, 10, howSizes*2 | howPacked, bytesOf(101, func(i int) int { return 6 - 5*(i/100) })},
	{"only NaN", 9, 600, 1, 3, howSizes * 2, []byte{6}},
	{"infinities", 9, 600, 1, 30, howSizes*2 | howThreads3, []byte{7, 8, 1, 7}},
	{"overflow", 6, 100, 5, 10, howL2, []byte{9, 10, 1, 9, 2}},
	{"subnormals", 6, 100, 5, 10, howLevel, []byte{11, 12, 1, 11, 3, 12}},
	{"cosine of tiny and of zeros", 6, 100, 3, 10, howCosine | howPacked, []byte{0, 0, 0, 11, 12, 0, 1, 3}},
	{"float16 at one query", 1, 200, 7, 10, howFloat16 | howPacked | howLevel*2, []byte{1, 3, 4, 14, 15, 13}},
	{"bfloat16, L2, packed", 3, 200, 7, 10, howBFloat16 | howPacked | howL2, []byte{1, 3, 4, 14, 13, 12, 2}},
	{"float16 repeated", 9, 640, 1, 10, howFloat16 | howPacked | howSizes*2, bytesOf(640, func(i int) int { return 1 + 2*(1-min(1, i/16%8)) })},
	{"best on the sample", 9, 640, 1, 10, howSizes * 2, bytesOf(640, func(i int) int { return 1 + 2*(1-min(1, i/16%8)) })},
	{"best on the sample, many", 50, 640, 1, 12, howSizes*2 | howPacked | howThreads3, bytesOf(640, func(i int) int { return 1 + 2*(1-min(1, i/16%8)) })},
	{"two blocks of queries", 58, 180, 3, 15, howSizes | howThreads3, []byte{1, 3, 2, 200, 14, 4, 180}},
	{"sorted, the best first", 8, 1790, 1, 7, howSizes * 3, bytesOf(1790, func(i int) int { return 255 - i/15 })},
	{"sorted, the best last", 8, 1790, 1, 9, howSizes*3 | howPacked, bytesOf(1790, func(i int) int { return 128 + i/15 })},
	{"duplicates side by side", 8, 1700, 1, 8, howSizes*3 | howL2, bytesOf(1700, func(i int) int { return 128 + i/40*37%128 })},
	{"nothing but duplicates", 8, 1799, 1, 10, howSizes*3 | howPacked | howFloat16, []byte{1}},
	{"more than there are", 5, 20, 2, math.MaxUint32, howPacked, []byte{1, 3, 2}},
	{"some rows, some queries", 20, 300, 3, 40, howRows | howQueryRows | howSizes*3, []byte{1, 2, 3, 4, 0, 14}},
	{"shards of candidates", 12, 500, 2, 25, howRows | howShards | howSizes | howThreads3, []byte{1, 2, 3, 4, 0, 14, 7}},
	{"two chunks", 2, 20, 131, 3, howL2, []byte{1, 13, 2, 4, 13, 14, 1}},
	{"no similarity", 1, 1, 1, 1, howNothing, nil},
}

// FuzzTopK compares all ways to search with a full sort.
func FuzzTopK(f *testing.F) {
	for _, c := range fuzzCases {
		f.Add(c.nq, c.nd, c.dim, c.k, c.how, c.values)
	}
	f.Fuzz(func(t *testing.T, nq, nd, dim uint16, k, how uint32, values []byte) {
		fuzzTopK(t, fuzzCase{"", nq, nd, dim, k, how, values}, &seen{})
	})
}

// TestFuzzCases names the seeds, and holds that they go every way.
func TestFuzzCases(t *testing.T) {
	var n seen
	for _, c := range fuzzCases {
		t.Run(c.name, func(t *testing.T) { fuzzTopK(t, c, &n) })
	}
	if n.guesses == 0 || n.crowded == 0 || n.repeats == 0 || n.blocks == 0 || n.shards == 0 {
		t.Errorf("want guesses, some by panels, repeats, blocks and shards, got %+v", n)
	}
}

func fuzzTopK(t *testing.T, c fuzzCase, n *seen) {
	c.nd %= 1800
	c.dim %= 140
	// As many queries and dimensions as are sorted in a few milliseconds.
	c.nq = min(c.nq%60, 1+12_000/(c.nd+1))
	c.dim = uint16(min(int(c.dim), 1+200_000/((int(c.nd)+1)*(int(c.nq)+1))))
	how := func(shift int) int { return int(c.how >> shift & 3) }

	rng := rand.New(rand.NewPCG(uint64(len(c.values)), uint64(c.how)))
	fill := func(rows, at int) Matrix {
		m := NewMatrix(rows, int(c.dim))
		for i := range m.Data {
			if len(c.values) > 0 {
				b := c.values[(at+i)%len(c.values)]
				m.Data[i] = fuzzValues[b&15]
				if b >= 128 {
					m.Data[i] = float32(int8(b)) / 16
				}
			}
		}
		return m
	}
	docs, queries := fill(int(c.nd), 0).Vectors(), fill(int(c.nq), int(c.k%7)).Vectors()
	var e Element
	switch how(2) {
	case 1:
		e = Float16
	case 2:
		e = BFloat16
	}
	if e != Float32 {
		var err error
		if docs, _, err = Convert(docs, e, 0); err != nil {
			t.Fatal(err)
		}
	}

	o := IndexOptions{Similarity: Similarity(how(0)), Threads: how(6)}
	s := SearchOptions{Threads: 1 + how(6)}
	if c.how&howRows != 0 {
		o.Rows = []int32{}
		for i := range docs.Rows {
			if rng.IntN(3) > 0 {
				o.Rows = append(o.Rows, int32(i))
			}
		}
		rng.Shuffle(len(o.Rows), func(i, j int) { o.Rows[i], o.Rows[j] = o.Rows[j], o.Rows[i] })
	}
	if c.how&howQueryRows != 0 && queries.Rows > 0 {
		s.Rows = []int32{}
		for range rng.IntN(2 * queries.Rows) {
			s.Rows = append(s.Rows, int32(rng.IntN(queries.Rows)))
		}
	}
	if how(0) == howNothing {
		if _, err := Scan(docs, o); err == nil {
			t.Error("a similarity that does not exist: no error")
		}
		return
	}

	before, level := sizes, simd.Use(simd.Level(how(10)))
	sizes = fuzzSizes[how(8)]
	defer func() {
		sizes = before
		simd.Use(level)
	}()
	k := int(min(c.k, math.MaxInt32))
	x := index(t, docs, o, how(4) > 0)
	if k == 0 {
		if _, err := x.Search(t.Context(), queries, k, s); err == nil {
			t.Error("k = 0: no error")
		}
		return
	}
	want := fullSort(docs.Matrix(), queries.Matrix(), k, Options{Similarity: o.Similarity, DocRows: o.Rows, QueryRows: s.Rows})
	if err := sameBits(want, n.search(t, x, queries, k, s)); err != nil {
		t.Fatal(err)
	}
	if c.how&howShards == 0 {
		return
	}
	parts := make([][][]Hit, 3)
	for h := range parts {
		p := o
		p.Rows = []int32{}
		for i := range docs.Rows {
			if (i*3+i/7)%len(parts) == h && (o.Rows == nil || slices.Contains(o.Rows, int32(i))) {
				p.Rows = append(p.Rows, int32(i))
			}
		}
		parts[h] = n.search(t, index(t, docs, p, h%2 == 0), queries, k, s)
	}
	got := make([][]Hit, len(want))
	for q := range got {
		got[q] = Merge(k, parts[2][q], parts[0][q], parts[1][q])
	}
	if err := sameBits(want, got); err != nil {
		t.Fatalf("merged shards: %v", err)
	}
}
