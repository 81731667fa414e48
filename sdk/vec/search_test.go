package vec

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xlrun/xlrun/internal/simd"
)

// thorough says whether the long forms of the tests are wanted: every
// combination instead of some, gigabytes instead of megabytes.
func thorough() bool { return os.Getenv("XLRUN_THOROUGH") != "" }

// useSizes cuts searches up in another way until the test ends.
func useSizes(t testing.TB, b blocking) {
	before := sizes
	sizes = b
	t.Cleanup(func() { sizes = before })
}

// tinySizes and oddSizes make every way through a search short: many blocks
// and shards, and samples of small corpora.
var (
	tinySizes = blocking{docBytes: 1, maxPanels: 1, queryBytes: 1, keyBytes: 1, maxQueries: queryUnit, shardDocs: 48, sampled: 8, sampleFrom: 16}
	oddSizes  = blocking{docBytes: 12_000, maxPanels: 7, queryBytes: 9_000, keyBytes: 1 << 20, maxQueries: 2 * queryUnit, shardDocs: 300, sampled: 16, sampleFrom: 33}
)

// seen counts the ways that searches took.
type seen struct{ searches, guesses, crowded, repeats, blocks, shards int64 }

func (n *seen) search(t testing.TB, x *Index, queries Vectors, k int, o SearchOptions) [][]Hit {
	t.Helper()
	s, err := x.newSearch(queries, k, o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n.searches++
	n.guesses += s.progress.guesses.Load()
	n.crowded += s.progress.crowded.Load()
	n.repeats += s.progress.repeats.Load()
	if s.nq > 0 && s.n > 0 {
		blocks, shards := s.plan()
		n.blocks += int64(blocks - 1)
		n.shards += int64(shards - 1)
	}
	return got
}

// exactMatrix has values that are the same on every machine, whose compilers
// fuse differently: one in three rows are small integers, with many ties, and
// some are duplicates, zeros or hold a value that is no number.
func exactMatrix(rng *rand.Rand, rows, dim int) Matrix {
	m := NewMatrix(rows, dim)
	for i := range rows {
		r := m.Row(i)
		kind := rng.IntN(24)
		for j := range r {
			if kind < 8 {
				r[j] = float32(rng.IntN(3) - 1)
			} else {
				r[j] = float32(int32(rng.Uint32())>>8) / (1 << 22)
			}
		}
		switch {
		case kind == 8 && i > 0:
			copy(r, m.Row(rng.IntN(i)))
		case kind == 9:
			clear(r)
		case kind == 10 && dim > 0 && rng.IntN(3) == 0:
			bad := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 3e38, 1e-30, math.Copysign(0, -1)}
			r[rng.IntN(dim)] = float32(bad[rng.IntN(len(bad))])
		}
	}
	return m
}

// hashHits names a result: the numbers of hits, the rows and the bits of the
// scores.
func hashHits(lists [][]Hit) string {
	var b []byte
	for _, l := range lists {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(l)))
		for _, h := range l {
			b = binary.LittleEndian.AppendUint32(b, uint32(h.Row))
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(h.Score))
		}
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// onDisk returns the vectors mapped from a .npy file.
func onDisk(t testing.TB, v Vectors) Vectors {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docs.npy")
	w, err := CreateVectors(path, v.Element, v.Dim)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.AppendVectors(v), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := OpenVectors(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f.Vectors
}

// The shapes have a remainder in every dimension: of 6, 14 and 42 queries, of
// 16 documents and of the 64 that one query takes at a time, of 4, 8, 16 and
// 128 dimensions. With the sizes of a search they make each of its ways
// happen. The hash names the results of all elements and similarities, of all
// documents and of some, and holds on every machine.
var shapes = []struct {
	nq, nd, dim, k int
	hash           string
}{
	{1, 2011, 263, 10, "845fad0e960a6bd0"},
	{5, 1501, 131, 100, "63a587ce55a2fd99"},
	{101, 1003, 5, 2000, "fc97d7dbfce74f5a"},
	{215, 3001, 37, 21, "1eded55fe640181d"},
	{1039, 16999, 11, 10, "1346b041d6e20d0c"},
}

// A way is one of the equivalent ways to search.
type way struct {
	level   simd.Level
	sizes   int // of searchSizes
	threads int
	shards  int
	storage string // "memory", "mapped", "packed"
}

var searchSizes = []blocking{sizes, tinySizes, oddSizes}

func ways() []way {
	var out []way
	for l := simd.Go; l <= simd.Best; l++ {
		for s := range searchSizes {
			for _, threads := range []int{1, 2, 4} {
				for _, shards := range []int{1, 7} {
					for _, storage := range []string{"memory", "mapped", "packed"} {
						out = append(out, way{l, s, threads, shards, storage})
					}
				}
			}
		}
	}
	return out
}

// find searches in one way. The candidates are some, nil for all.
func (w way) find(t *testing.T, n *seen, docs, mapped, queries Vectors, k int, sim Similarity, some, queryRows []int32) [][]Hit {
	t.Helper()
	defer simd.Use(simd.Use(w.level))
	before := sizes
	sizes = searchSizes[w.sizes]
	defer func() { sizes = before }()
	if w.storage == "mapped" {
		docs = mapped
	}
	var lists [][][]Hit
	for h := range w.shards {
		part, rows := docs, some
		lo := docs.Rows * h / w.shards
		switch {
		case w.shards == 1:
		case some == nil && w.threads != 2:
			part = docs.Slice(lo, docs.Rows*(h+1)/w.shards)
		default:
			rows = []int32{}
			for i := range docs.Rows {
				if _, ok := slices.BinarySearch(some, int32(i)); (i*5+i/11)%w.shards == h && (ok || some == nil) {
					rows = append(rows, int32(i))
				}
			}
			lo = 0
		}
		if w.shards == 1 {
			lo = 0
		}
		o := IndexOptions{Similarity: sim, Rows: rows, Threads: w.threads}
		x, err := Scan(part, o)
		if w.storage == "packed" {
			x, err = Pack(t.Context(), part, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		got := n.search(t, x, queries, k, SearchOptions{Rows: queryRows, Threads: w.threads})
		for _, hits := range got {
			for i := range hits {
				hits[i].Row += int32(lo)
			}
		}
		lists = append(lists, got)
	}
	if w.shards == 1 {
		return lists[0]
	}
	out := make([][]Hit, len(lists[0]))
	for q := range out {
		var parts [][]Hit
		for h := range lists {
			parts = append(parts, lists[(h*3+1)%len(lists)][q])
		}
		out[q] = Merge(k, parts...)
	}
	return out
}

// TestSameBits finds the same hits in every way, and those of a full sort.
func TestSameBits(t *testing.T) {
	all := ways()
	perGroup := 8
	if testing.Short() {
		perGroup = 3
	}
	rng := rand.New(rand.NewPCG(11, 12))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var bySize [3]seen
	took := map[any]int{}
	next := 0
	for _, shape := range shapes {
		t.Run(fmt.Sprintf("%d_of_%dx%d", shape.nq, shape.nd, shape.dim), func(t *testing.T) {
			data := rand.New(rand.NewPCG(uint64(shape.nq), uint64(shape.nd)))
			values, asked := exactMatrix(data, shape.nd, shape.dim), exactMatrix(data, shape.nq, shape.dim)
			var some []int32
			for i := range shape.nd {
				if data.IntN(3) > 0 {
					some = append(some, int32(i))
				}
			}
			hash := sha256.New()
			for _, e := range []Element{Float32, Float16, BFloat16} {
				docs, _, err := Convert(values.Vectors(), e, 0)
				if err != nil {
					t.Fatal(err)
				}
				queries := asked.Vectors()
				if e == Float16 {
					if queries, _, err = Convert(queries, e, 0); err != nil {
						t.Fatal(err)
					}
				}
				mapped := onDisk(t, docs)
				for _, sim := range []Similarity{InnerProduct, Cosine, L2} {
					for _, rows := range [][]int32{nil, some} {
						plain := index(t, docs.Matrix().Vectors(), IndexOptions{Similarity: sim, Rows: rows}, false)
						want := bySize[0].search(t, plain, queries.Matrix().Vectors(), shape.k, SearchOptions{Threads: 1})
						hash.Write([]byte(hashHits(want)))

						// The definition, for as many queries as it has time for.
						few := spread(shape.nq, 1+1_000_000/(shape.nd*(shape.dim+10)))
						sorted := fullSort(docs.Matrix(), queries.Matrix(), shape.k, Options{Similarity: sim, DocRows: rows, QueryRows: few})
						if err := sameBits(sorted, pick(want, few)); err != nil {
							t.Fatalf("%s, %s, %d candidates: the full sort: %v", e, sim, len(rows), err)
						}

						tries := perGroup
						switch {
						case thorough():
							tries = len(all)
						case shape.nd > 10_000:
							tries = min(tries, 4)
						}
						for range tries {
							w := all[next%len(all)]
							next++
							took[w.level]++
							took[w.storage]++
							var queryRows []int32
							expect := want
							if n := shape.nq * shape.nd * shape.dim; w.level == simd.Go && n > 8_000_000 {
								// The reference has no time for all.
								queryRows = spread(shape.nq, 1+shape.nq*6_000_000/n)
								expect = pick(want, queryRows)
							}
							got := w.find(t, &bySize[w.sizes], docs, mapped, queries, shape.k, sim, rows, queryRows)
							if err := sameBits(expect, got); err != nil {
								t.Fatalf("%s, %s, %d candidates, %+v: %v", e, sim, len(rows), w, err)
							}
						}
					}
				}
			}
			if got := hex.EncodeToString(hash.Sum(nil)[:8]); got != shape.hash {
				t.Errorf("the results hash to %s, want %s: the contract of the package has changed", got, shape.hash)
			}
		})
	}
	for i, n := range bySize {
		t.Logf("sizes %d: %+v", i, n)
		if !testing.Short() && (n.guesses == 0 || n.blocks == 0 || n.shards == 0) {
			t.Errorf("sizes %d: want guesses, several blocks and several shards, got %+v", i, n)
		}
	}
	if n := bySize[1].repeats + bySize[2].repeats; n == 0 {
		t.Error("no search was repeated")
	}
	t.Log(took)
}

// spread returns about n of the numbers below all, never none.
func spread(all, n int) []int32 {
	n = max(1, min(n, all))
	out := make([]int32, n)
	for i := range out {
		out[i] = int32((all - 1) * (i + 1) / n)
	}
	return out
}

func pick(lists [][]Hit, rows []int32) [][]Hit {
	out := make([][]Hit, len(rows))
	for i, r := range rows {
		out[i] = lists[r]
	}
	return out
}

// orders are what a selection with a threshold stumbles over: they give the
// value of a document, which is its score with the query 1.
func orders(sampled int) map[string]func(rng *rand.Rand, i, n int) float64 {
	special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 1, -1, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32}
	onSample := func(i int) bool { return i/simd.PanelDocs%sampled == 0 }
	return map[string]func(rng *rand.Rand, i, n int) float64{
		"random":       func(rng *rand.Rand, _, _ int) float64 { return rng.Float64() },
		"ascending":    func(_ *rand.Rand, i, n int) float64 { return float64(i) - float64(n)/2 },
		"descending":   func(_ *rand.Rand, i, n int) float64 { return float64(n)/2 - float64(i) },
		"all the same": func(*rand.Rand, int, int) float64 { return -1.5 },
		"zeros":        func(rng *rand.Rand, _, _ int) float64 { return math.Copysign(0, float64(rng.IntN(2))-0.5) },
		"pairs":        func(_ *rand.Rand, i, _ int) float64 { return float64(i / 2) },
		"runs":         func(_ *rand.Rand, i, _ int) float64 { return float64(i / 100) },
		"falling runs": func(_ *rand.Rand, i, _ int) float64 { return -float64(i / 100) },
		"two values":   func(rng *rand.Rand, _, _ int) float64 { return float64(rng.IntN(2)) },
		"sawtooth":     func(_ *rand.Rand, i, _ int) float64 { return float64(i % 97) },
		"adjacent floats": func(_ *rand.Rand, i, _ int) float64 {
			return float64(math.Float32frombits(0x3f800000 + uint32(i*7919%5000)))
		},
		"best on the sample": func(rng *rand.Rand, i, _ int) float64 {
			if onSample(i) {
				return 2 + rng.Float64()
			}
			return rng.Float64()
		},
		"ties on the sample": func(_ *rand.Rand, i, _ int) float64 {
			if onSample(i) {
				return 2
			}
			return 1
		},
		"all but the sample NaN": func(rng *rand.Rand, i, _ int) float64 {
			if onSample(i) {
				return rng.Float64()
			}
			return math.NaN()
		},
		"best off the sample": func(rng *rand.Rand, i, _ int) float64 {
			if onSample(i) {
				return rng.Float64()
			}
			return 2 + rng.Float64()
		},
		"NaN but few": func(rng *rand.Rand, i, _ int) float64 {
			if i%501 == 7 {
				return rng.NormFloat64()
			}
			return math.NaN()
		},
		"only NaN":  func(*rand.Rand, int, int) float64 { return math.NaN() },
		"only -Inf": func(*rand.Rand, int, int) float64 { return math.Inf(-1) },
		"only +Inf": func(*rand.Rand, int, int) float64 { return math.Inf(1) },
		"infinities": func(rng *rand.Rand, i, n int) float64 {
			if i%3 == 0 {
				return math.Inf(1 - 2*rng.IntN(2))
			}
			return float64(i)
		},
		"specials": func(rng *rand.Rand, _, _ int) float64 { return special[rng.IntN(len(special))] },
	}
}

// TestHardOrders compares the k best of hard orders of the documents with the
// head of a full sort, for k at all edges.
func TestHardOrders(t *testing.T) {
	for _, c := range []struct {
		name  string
		sizes blocking
		nd    int
		ks    []int
	}{
		{"tiny", tinySizes, 1003, []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1002, 1003, 1004, 5000}},
		{"odd", oddSizes, 2021, []int{1, 2, 10, 32, 33, 100, 2020, 2021, 2022}},
		{"real", sizes, 17003, []int{1, 10, 32, 33, 100, 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			useSizes(t, c.sizes)
			rng := rand.New(rand.NewPCG(13, 14))
			// Queries that turn the order round, and some that make every score
			// one of few, or none at all.
			asked := []float32{1, -1, 0.25, -3, 0, float32(math.Inf(1)), 1e-30, 7}
			var n seen
			byOrder := map[string]seen{}
			all := orders(c.sizes.sampled)
			names := []string{}
			for name := range all {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				docs, queries := NewMatrix(c.nd, 1), Matrix{Rows: len(asked), Dim: 1, Data: asked}
				for i := range docs.Data {
					docs.Data[i] = float32(all[name](rng, i, c.nd))
				}
				for _, sim := range []Similarity{InnerProduct, L2} {
					if sim == L2 && (testing.Short() || c.name == "real") && !thorough() {
						continue
					}
					// Every prefix of the whole ranking is a result.
					whole := fullSort(docs, queries, c.nd, Options{Similarity: sim})
					var o seen
					for _, packed := range []bool{false, true} {
						x := index(t, docs.Vectors(), IndexOptions{Similarity: sim}, packed)
						for i, k := range c.ks {
							want := make([][]Hit, len(whole))
							for q := range whole {
								want[q] = whole[q][:min(k, len(whole[q]))]
							}
							for _, nq := range []int{len(asked), fewQueries - 2} {
								rows := make([]int32, nq)
								for j := range rows {
									rows[j] = int32((i + j) % len(asked))
								}
								threads := 1 + (i+nq)%3
								got := o.search(t, x, queries.Vectors(), k, SearchOptions{Rows: rows, Threads: threads})
								if err := sameBits(pick(want, rows), got); err != nil {
									t.Fatalf("%s, %s, k %d, %d threads, packed %t: %v", name, sim, k, threads, packed, err)
								}
							}
						}
					}
					if sim == InnerProduct {
						byOrder[name] = o
					}
					n.guesses += o.guesses
					n.repeats += o.repeats
					n.shards += o.shards
				}
			}
			if n.guesses == 0 || n.repeats == 0 || n.shards == 0 {
				t.Errorf("want guesses, repeats and shards, got %+v", n)
			}
			for _, name := range []string{"best on the sample", "ties on the sample"} {
				if o := byOrder[name]; o.repeats == 0 {
					t.Errorf("%s: no search was repeated: %+v", name, o)
				}
			}
			// A corpus that is sorted, or of duplicates, misleads no guess.
			for _, name := range []string{"ascending", "descending", "all the same", "zeros", "runs", "falling runs", "pairs"} {
				if o := byOrder[name]; c.name == "real" && (o.repeats > 0 || o.crowded == 0) {
					t.Errorf("%s: want guesses by panels and no repeats, got %+v", name, o)
				}
			}
			if testing.Verbose() {
				for _, name := range names {
					o := byOrder[name]
					t.Logf("%-22s %5d guesses, %5d by panels, %5d repeats", name, o.guesses, o.crowded, o.repeats)
				}
			}
		})
	}
}

// index packs or scans.
func index(t testing.TB, docs Vectors, o IndexOptions, packed bool) *Index {
	t.Helper()
	x, err := Scan(docs, o)
	if packed {
		x, err = Pack(t.Context(), docs, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A floor must let through all that beats it, and what it lets through that
// does not is thrown away by push.
func TestLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	inf := float32(math.Inf(1))
	scores := []float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32}
	for range 200 {
		scores = append(scores, math.Float32frombits(rng.Uint32()))
	}
	for _, floor := range scores {
		if floor != floor {
			continue
		}
		for range 40 {
			b := newBest(3)
			at := rng.Int32N(100)
			b.raise(keyOf(floor, at))
			row := rng.Int32N(100)
			least := b.least(row)
			for _, s := range append(scores, floor, math.Nextafter32(floor, inf), math.Nextafter32(floor, -inf)) {
				beats := s > floor || s == floor && row < at
				if s == s && beats != (s >= least) {
					t.Fatalf("floor %v of row %d: a score of %v of row %d beats it: %t, at least %v: %t", floor, at, s, row, beats, least, s >= least)
				}
				if before := len(b.keys); s >= least {
					b.keys = b.keys[:0]
					if b.offer(s, row); (len(b.keys) == 1) != beats {
						t.Fatalf("floor %v of row %d: offer of %v, row %d, took %d, beats it %t", floor, at, s, row, len(b.keys)-before, beats)
					}
					b.keys = b.keys[:0]
				}
			}
		}
	}
	b := newBest(3)
	if got := b.least(0); got != -inf {
		t.Errorf("without a floor: want -Inf, got %v", got)
	}
	b.offer(-inf, 2_147_483_647)
	b.offer(float32(math.NaN()), 1)
	if got := b.hits(); len(got) != 1 || got[0].Score != -inf || got[0].Row != math.MaxInt32 {
		t.Errorf("-Inf of the last row is a score, NaN is none: got %v", got)
	}
}

func TestSortDescending(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, n := range []int{0, 1, 2, 24, 25, 96, 97, 300, 5000} {
		for kind := range 5 {
			a := make([]key, n)
			for i := range a {
				var s float32
				switch kind {
				case 0:
					s = float32(rng.NormFloat64())
				case 1: // one score
				case 2:
					s = float32(rng.IntN(4))
				case 3: // any digit
					for s = math.Float32frombits(rng.Uint32()); s != s; {
						s = math.Float32frombits(rng.Uint32())
					}
				case 4: // one digit
					s = math.Float32frombits(0x40000000 | uint32(rng.IntN(2))<<22)
				}
				a[i] = keyOf(s, int32(i))
			}
			rng.Shuffle(n, func(i, j int) { a[i], a[j] = a[j], a[i] })
			want := slices.Clone(a)
			slices.SortFunc(want, func(x, y key) int { return cmp.Compare(y, x) })
			sortDescending(a)
			if !slices.Equal(a, want) {
				t.Errorf("%d keys of kind %d: not sorted", n, kind)
			}
		}
	}
}

func TestKeyIsAnOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for range 20_000 {
		a, b := math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32())
		if rng.IntN(3) == 0 {
			b = a
		}
		i, j := rng.Int32(), rng.Int32()
		if a != a || b != b {
			continue
		}
		want := cmp.Or(cmp.Compare(a, b), cmp.Compare(j, i))
		if got := cmp.Compare(keyOf(a, i), keyOf(b, j)); got != want {
			t.Fatalf("(%v, %d) and (%v, %d): want %d, got %d", a, i, b, j, want, got)
		}
		if h := keyOf(a, i).hit(); h.Row != i || h.Score != a {
			t.Fatalf("(%v, %d) came back as %v", a, i, h)
		}
	}
}

func TestMergeTakesAnything(t *testing.T) {
	l := []Hit{{3, 2}, {1, 1}, {2, 1}}
	for _, k := range []int{1, 3, 4, math.MaxInt, math.MaxInt - 7} {
		got := Merge(k, nil, l, []Hit{})
		if err := sameBits([][]Hit{l[:min(k, 3)]}, [][]Hit{got}); err != nil {
			t.Errorf("k %d: %v", k, err)
		}
	}
	if got := Merge(5); got == nil || len(got) != 0 {
		t.Errorf("of nothing: want no hits, got %#v", got)
	}
	// A hit that a hundred lists have is no reason to go on for ever.
	var many [][]Hit
	for range 100 {
		many = append(many, l)
	}
	got := Merge(50, many...)
	if len(got) != 50 || got[0] != l[0] || got[49] != l[0] {
		t.Errorf("the 50 best of 100 times three: %v", got)
	}
	nan := float32(math.NaN())
	if got := Merge(2, []Hit{{0, nan}, {1, 5}}); len(got) != 1 || got[0].Row != 1 {
		t.Errorf("NaN is no score: %v", got)
	}
}

// TestConcurrentSearches runs under -race too.
func TestConcurrentSearches(t *testing.T) {
	useSizes(t, oddSizes)
	rng := rand.New(rand.NewPCG(21, 22))
	docs, queries := exactMatrix(rng, 1500, 21), exactMatrix(rng, 130, 21)
	half, _, err := Convert(docs.Vectors(), Float16, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, docs := range []Vectors{docs.Vectors(), half} {
		for _, packed := range []bool{false, true} {
			x := index(t, docs, IndexOptions{Similarity: L2}, packed)
			want, err := x.Search(t.Context(), queries.Vectors(), 20, SearchOptions{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					var rows []int32
					expect := want
					if i%2 == 1 {
						rows = spread(130, 3+i)
						expect = pick(want, rows)
					}
					got, err := x.Search(t.Context(), queries.Vectors(), 20, SearchOptions{Rows: rows, Threads: 1 + i%3, Progress: func(int64, int64) {}})
					if err == nil {
						err = sameBits(expect, got)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
	}
}

// TestProgress hears of every pair once, in order, by one thread at a time,
// also where a search is repeated.
func TestProgress(t *testing.T) {
	useSizes(t, oddSizes)
	rng := rand.New(rand.NewPCG(23, 24))
	for _, order := range []string{"random", "best on the sample"} {
		for _, nq := range []int{1, 5, 200} {
			for threads := 1; threads <= 3; threads++ {
				docs, queries := NewMatrix(6001, 3), NewMatrix(nq, 3)
				for i := range docs.Rows {
					docs.Row(i)[0] = float32(orders(oddSizes.sampled)[order](rng, i, docs.Rows))
				}
				for i := range nq {
					queries.Row(i)[0] = 1
				}
				var last, total int64
				calls, busy := 0, false
				s, err := index(t, docs.Vectors(), IndexOptions{}, false).newSearch(queries.Vectors(), 10, SearchOptions{Threads: threads, Progress: func(d, n int64) {
					if busy || d <= last || d > n || (total != 0 && n != total) {
						t.Errorf("told %d of %d after %d of %d", d, n, last, total)
					}
					busy = true
					last, total = d, n
					calls++
					busy = false
				}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if last != total || calls < 5 {
					t.Errorf("%s, %d queries, %d threads: ended at %d of %d after %d calls", order, nq, threads, last, total, calls)
				}
				if order != "random" && nq > fewQueries && s.progress.repeats.Load() == 0 {
					t.Error("no search was repeated")
				}
			}
		}
	}
}

// TestStopsInTheMiddle cancels at the first word of progress; what is done
// after that is a few blocks.
func TestStopsInTheMiddle(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	docs, queries := exactMatrix(rng, 20_000, 16), exactMatrix(rng, 1100, 16)
	for _, packed := range []bool{false, true} {
		x := index(t, docs.Vectors(), IndexOptions{}, packed)
		for _, nq := range []int{2, 1100} {
			for threads := 1; threads <= 3; threads++ {
				ctx, cancel := context.WithCancel(t.Context())
				var at, total int64
				s, err := x.newSearch(queries.Vectors(), 10, SearchOptions{Rows: spread(1100, nq), Threads: threads, Progress: func(d, n int64) {
					if at == 0 {
						at = d
						cancel()
					}
					total = n
				}})
				if err != nil {
					t.Fatal(err)
				}
				got, err := s.run(ctx)
				cancel()
				if !errors.Is(err, context.Canceled) || got != nil {
					t.Errorf("%d queries, %d threads: want a cancelled search without a result, got %d lists and %v", nq, threads, len(got), err)
				}
				if done := s.progress.done.Load(); at == 0 || at > total/2 || done > at+int64(threads+1)*int64(nq)*int64(sizes.maxPanels) {
					t.Errorf("%d queries, %d threads: cancelled at %d, went on to %d of %d", nq, threads, at, done, total)
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pack(ctx, docs.Vectors(), IndexOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Pack: want a cancelled context, got %v", err)
	}
}

// refused checks for an error whose text has all the words.
func refused(t *testing.T, name string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", name, err, w)
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	m := NewMatrix(3, 8)
	x := index(t, m.Vectors(), IndexOptions{}, false)
	search := func(q Vectors, k int, o SearchOptions) error {
		_, err := x.Search(t.Context(), q, k, o)
		return err
	}
	refused(t, "dimensions", search(NewMatrix(1, 9).Vectors(), 1, SearchOptions{}), "9", "8", "same encoder")
	refused(t, "k = 0", search(m.Vectors(), 0, SearchOptions{}), "k must be at least 1")
	refused(t, "k < 0", search(m.Vectors(), math.MinInt, SearchOptions{}), "k must be at least 1")
	refused(t, "threads", search(m.Vectors(), 1, SearchOptions{Threads: -1}), "threads")
	refused(t, "query row", search(m.Vectors(), 1, SearchOptions{Rows: []int32{3}}), "row 3", "3 rows")
	refused(t, "negative query row", search(m.Vectors(), 1, SearchOptions{Rows: []int32{math.MinInt32}}), "-2147483648")
	refused(t, "queries without data", search(Vectors{Rows: 1, Dim: 8}, 1, SearchOptions{}), "queries", "bytes")

	for _, make := range []func(Vectors, IndexOptions) (*Index, error){
		Scan,
		func(v Vectors, o IndexOptions) (*Index, error) { return Pack(t.Context(), v, o) },
	} {
		build := func(v Vectors, o IndexOptions) error {
			_, err := make(v, o)
			return err
		}
		refused(t, "documents without data", build(Vectors{Rows: 1, Dim: 8}, IndexOptions{}), "documents", "32 bytes")
		refused(t, "more data than rows", build(Vectors{Rows: 1, Dim: 4, data: m.Vectors().data}, IndexOptions{}), "want 16 bytes, got 96")
		refused(t, "negative rows", build(Vectors{Rows: -1, Dim: 8}, IndexOptions{}), "negative")
		refused(t, "negative dimensions", build(Vectors{Rows: 1, Dim: -8}, IndexOptions{}), "negative")
		refused(t, "overflow", build(Vectors{Rows: math.MaxInt, Dim: math.MaxInt}, IndexOptions{}), "memory")
		refused(t, "overflow to zero", build(Vectors{Rows: 1 << (math.MaxInt>>31&32 + 15), Dim: 1 << 15}, IndexOptions{}), "32768")
		refused(t, "unknown element", build(Vectors{Rows: 1, Dim: 1, Element: 77}, IndexOptions{}), "Element(77)")
		refused(t, "similarity", build(m.Vectors(), IndexOptions{Similarity: -1}), "similarity")
		refused(t, "threads", build(m.Vectors(), IndexOptions{Threads: -1}), "threads")
		refused(t, "row", build(m.Vectors(), IndexOptions{Rows: []int32{0, 3}}), "row 3")
		refused(t, "row twice", build(m.Vectors(), IndexOptions{Rows: []int32{1, 0, 1}}), "row 1", "twice")
		many := math.MaxInt32
		if many++; many > 0 { // where an int has 64 bits
			refused(t, "too many rows", build(Vectors{Rows: many, Dim: 0}, IndexOptions{}), "shards")
		}
	}
}

func TestSearchOfNothing(t *testing.T) {
	for _, e := range []Element{Float32, Float16, BFloat16} {
		for _, sim := range []Similarity{InnerProduct, Cosine, L2} {
			for _, packed := range []bool{false, true} {
				for _, c := range []struct{ nq, nd, dim, want int }{{0, 5, 3, 0}, {4, 0, 3, 0}, {7, 5, 0, 5}, {0, 0, 0, 0}, {2, 17, 0, 17}} {
					docs, _, err := Convert(NewMatrix(c.nd, c.dim).Vectors(), e, 0)
					if err != nil {
						t.Fatal(err)
					}
					x := index(t, docs, IndexOptions{Similarity: sim}, packed)
					got, err := x.Search(t.Context(), NewMatrix(c.nq, c.dim).Vectors(), 100, SearchOptions{})
					if err != nil || len(got) != c.nq {
						t.Fatalf("%+v: %d lists, %v", c, len(got), err)
					}
					for _, hits := range got {
						if hits == nil || len(hits) != c.want {
							t.Errorf("%+v: want %d hits, got %#v", c, c.want, hits)
						}
						for i, h := range hits {
							if h != (Hit{int32(i), 0}) || math.Signbit(float64(h.Score)) {
								t.Errorf("%+v: rank %d: %v", c, i, h)
							}
						}
					}
				}
			}
		}
	}
	x := index(t, NewMatrix(3, 2).Vectors(), IndexOptions{Rows: []int32{}}, true)
	if got, err := x.Search(t.Context(), NewMatrix(1, 2).Vectors(), 1, SearchOptions{}); err != nil || len(got) != 1 || len(got[0]) != 0 || x.Rows() != 0 {
		t.Errorf("no candidates: %v, %v", got, err)
	}
}

// A row of zeros has no direction: its cosine is 0 with everything, on either
// side, and not NaN.
func TestCosineOfZeros(t *testing.T) {
	docs := Matrix{Rows: 4, Dim: 2, Data: []float32{0, 0, 1, 0, -1, 0, float32(math.Copysign(0, -1)), 0}}
	queries := Matrix{Rows: 2, Dim: 2, Data: []float32{2, 0, 0, 0}}
	want := [][]Hit{{{1, 1}, {0, 0}, {3, 0}, {2, -1}}, {{0, 0}, {1, 0}, {2, 0}, {3, 0}}}
	for _, packed := range []bool{false, true} {
		got, err := index(t, docs.Vectors(), IndexOptions{Similarity: Cosine}, packed).Search(t.Context(), queries.Vectors(), 9, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sameBits(want, got); err != nil {
			t.Errorf("packed %t: %v", packed, err)
		}
	}
}

// Files that are cut off, foreign or lie about their size are refused before
// anything is searched.
func TestSearchOfBadFiles(t *testing.T) {
	var good strings.Builder
	if err := WriteNPY(&good, exactMatrix(rand.New(rand.NewPCG(1, 1)), 9, 7)); err != nil {
		t.Fatal(err)
	}
	head := func(shape string) string {
		h := strings.Replace(good.String()[:npyHeaderLen], "(9, 7)", shape, 1)
		return fmt.Sprintf("%-*s\n", npyHeaderLen-1, strings.TrimRight(h, " \n"))
	}
	for name, c := range map[string]struct{ content, say string }{
		"empty":            {"", "truncated"},
		"magic only":       {"\x93NUM", "truncated"},
		"half a header":    {good.String()[:60], "truncated"},
		"no values":        {good.String()[:npyHeaderLen], "truncated"},
		"a byte short":     {good.String()[:good.Len()-1], "truncated"},
		"a byte long":      {good.String() + "x", "too many"},
		"foreign":          {"PK\x03\x04 this is a zip file, such as numpy.savez writes", "not a .npy"},
		"2^62 rows":        {head("(4611686018427387904, 7)"), "memory"},
		"wraps to zero":    {head("(4611686018427387904, 4)"), "memory"},
		"beyond an int":    {head("(99999999999999999999, 7)"), "fits in memory"},
		"negative":         {head("(-1, 7)"), "whole number"},
		"3 dimensions":     {head("(1, 9, 7)") + good.String()[npyHeaderLen:], "want a matrix"},
		"endless and flat": {head("(4611686018427387904, 0)"), "memory"},
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenVectors(path)
		if err == nil {
			t.Errorf("%s: opened as %d×%d", name, f.Rows, f.Dim)
			_ = f.Close()
			continue
		}
		refused(t, name, err, "x.npy", c.say)
	}
}

// BenchmarkOrders shows what an order of the documents costs.
func BenchmarkOrders(b *testing.B) {
	const nd, nq, dim = 100_000, 504, 64
	rng := rand.New(rand.NewPCG(27, 28))
	for _, name := range []string{"random", "ascending", "descending", "all the same", "runs", "best on the sample"} {
		docs, queries := NewMatrix(nd, dim), NewMatrix(nq, dim)
		for i := range nd {
			docs.Row(i)[0] = float32(orders(sizes.sampled)[name](rng, i, nd))
		}
		for i := range nq {
			queries.Row(i)[0] = 1 + float32(i)/nq
		}
		x := index(b, docs.Vectors(), IndexOptions{}, true)
		for _, k := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, k), func(b *testing.B) {
				var repeats int64
				for b.Loop() {
					s, err := x.newSearch(queries.Vectors(), k, SearchOptions{Threads: 1})
					if err != nil {
						b.Fatal(err)
					}
					if _, err := s.run(b.Context()); err != nil {
						b.Fatal(err)
					}
					repeats = s.progress.repeats.Load()
				}
				b.ReportMetric(float64(repeats), "repeats")
				b.ReportMetric(2*nd*nq*dim*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}
