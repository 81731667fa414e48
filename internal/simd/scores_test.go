package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// A kernelCase is one of the forms that score.
type kernelCase struct {
	level Level
	width int
	one   bool
}

func (c kernelCase) String() string {
	if c.one {
		return fmt.Sprintf("one at %s", c.level)
	}
	return fmt.Sprintf("%d wide at %s", c.width, c.level)
}

// cases returns every form that this machine has.
func cases() []kernelCase {
	var out []kernelCase
	for l := Go; l <= Best; l++ {
		before := Use(l)
		for _, w := range Widths() {
			out = append(out, kernelCase{l, w, false})
		}
		out = append(out, kernelCase{l, 1, true})
		Use(before)
	}
	return out
}

func random(rng *rand.Rand, gen func(*rand.Rand) float32, rows, dims int) [][]float32 {
	m := make([][]float32, rows)
	for i := range m {
		m[i] = make([]float32, dims)
		for p := range m[i] {
			m[i][p] = gen(rng)
		}
	}
	return m
}

// packed lays rows out in one panel of the given width, rows that are missing
// as zeros.
func packed(rows [][]float32, width, dims int) []float32 {
	out := make([]float32, width*dims)
	for i, r := range rows {
		for p, x := range r {
			out[p*width+i] = x
		}
	}
	return out
}

func floors(n int) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(math.Inf(-1))
	}
	return f
}

// atEveryLevel runs a test at each level of this machine.
func atEveryLevel(t *testing.T, f func(t *testing.T)) {
	for l := Go; l <= Best; l++ {
		t.Run(l.String(), func(t *testing.T) {
			defer Use(Use(l))
			f(t)
		})
	}
}

const guards = 40 // values on either side of a buffer that nothing may write

// A buffer is memory of any alignment between guards.
type buffer[T uint16 | uint32 | float32 | float64] struct {
	all, x []T
	guard  T
}

// alignment makes buffers start at every alignment in turn.
var alignment int

func guarded[T uint16 | uint32 | float32 | float64](n int, guard T) *buffer[T] {
	alignment = (alignment + 1) % 16
	b := &buffer[T]{all: make([]T, n+2*guards), guard: guard}
	for i := range b.all {
		b.all[i] = guard
	}
	b.x = b.all[guards-alignment:][:n:n]
	return b
}

func guardedCopy[T uint16 | uint32 | float32 | float64](x []T, guard T) *buffer[T] {
	b := guarded(len(x), guard)
	copy(b.x, x)
	return b
}

// touched says where a guard was written.
func (b *buffer[T]) touched() error {
	lo := (uintptr(unsafe.Pointer(unsafe.SliceData(b.x))) - uintptr(unsafe.Pointer(unsafe.SliceData(b.all)))) / unsafe.Sizeof(b.guard)
	for i, v := range b.all {
		if (i < int(lo) || i >= int(lo)+len(b.x)) && v != b.guard {
			return fmt.Errorf("value %d of a buffer of %d was written", i-int(lo), len(b.x))
		}
	}
	return nil
}

// plainScore is the contract, spelled with FMA32.
func plainScore(q, d []float32) float32 {
	var total float32
	for lo := 0; lo < len(q); lo += chunkDims {
		var acc float32
		for i := lo; i < min(lo+chunkDims, len(q)); i++ {
			acc = FMA32(q[i], d[i], acc)
		}
		total += acc
	}
	return total
}

// A problem is queries against documents with all their scores, so that every
// kernel is compared with one reckoning.
type problem struct {
	dims          int
	queries, docs [][]float32
	norms, qnorms []float32 // nil for inner products
	scores        [][]float32
}

func newProblem(queries, docs [][]float32, norms, qnorms []float32) *problem {
	p := &problem{dims: len(docs[0]), queries: queries, docs: docs, norms: norms, qnorms: qnorms}
	for i, q := range queries {
		row := make([]float32, len(docs))
		for j, d := range docs {
			row[j] = plainScore(q, d)
			if norms != nil {
				// The definition rounds the double, which is exact or infinite.
				s := float32(2*row[j]) - float32(qnorms[i]+norms[j])
				if s > 0 {
					s = 0
				}
				row[j] = s
			}
		}
		p.scores = append(p.scores, row)
	}
	return p
}

// run scores panels of the problem with a kernel and compares the hits, in
// their order, with those of the definition. It checks that nothing but the
// lists is written, and of those no more than one vector behind the hits.
func (p *problem) run(c kernelCase, step, row int, floors []float32, halves []uint16, bfloat bool) error {
	defer Use(Use(c.level))
	const untouched = 0xdeadbeef
	var docs []float32
	for i := 0; i < len(p.docs); i += PanelDocs {
		docs = append(docs, packed(p.docs[i:min(i+PanelDocs, len(p.docs))], PanelDocs, p.dims)...)
	}
	all := (len(p.docs) + PanelDocs - 1) / PanelDocs
	panels := (all + step - 1) / step
	nan := float32(math.NaN())
	inputs := map[string]*buffer[float32]{
		"queries": guardedCopy(packed(p.queries[:c.width], c.width, p.dims), 3e38),
		"docs":    guardedCopy(docs, -3e38),
		"floors":  guardedCopy(floors[:c.width], nan),
	}
	tile := Tile{
		Queries: inputs["queries"].x, Width: c.width, Docs: inputs["docs"].x, Dims: p.dims,
		Panels: panels, Step: step, Row: row, Floors: inputs["floors"].x,
	}
	if p.norms != nil {
		norms := make([]float32, all*PanelDocs)
		copy(norms, p.norms)
		inputs["norms"], inputs["qnorms"] = guardedCopy(norms, nan), guardedCopy(p.qnorms[:c.width], nan)
		tile.Norms, tile.QueryNorms = inputs["norms"].x, inputs["qnorms"].x
	}
	if halves != nil {
		b := guardedCopy(halves, 0x7bff)
		tile.Docs, tile.Halves, tile.BFloat = nil, b.x, bfloat
	}
	before := map[string][]float32{}
	for name, b := range inputs {
		before[name] = slices.Clone(b.all)
	}

	stride := panels*PanelDocs + PanelDocs
	list := guarded[uint32](2*maxWidth*stride, untouched)
	h := Hits{list: list.x}
	h.Reset(panels * PanelDocs)
	if c.one {
		tile.One(&h)
	} else {
		tile.Score(&h)
	}

	if &h.list[0] != &list.x[0] {
		return fmt.Errorf("Reset left the memory of %d values", len(list.x))
	}
	if err := list.touched(); err != nil {
		return fmt.Errorf("list of hits: %w", err)
	}
	for name, b := range inputs {
		if !slices.EqualFunc(before[name], b.all, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }) {
			return fmt.Errorf("%s were written", name)
		}
	}
	for i := range maxWidth {
		scores, rows := h.Of(i)
		n := 0
		for panel := 0; panel < all && i < c.width; panel += step {
			for j := panel * PanelDocs; j < (panel+1)*PanelDocs; j++ {
				var want float32
				switch {
				case j < len(p.docs):
					want = p.scores[i][j]
				default: // what fills up the last panel
					zeros := newProblem(p.queries[i:i+1], [][]float32{make([]float32, p.dims)}, nil, nil)
					if p.norms != nil {
						zeros = newProblem(p.queries[i:i+1], zeros.docs, []float32{0}, p.qnorms[i:])
					}
					want = zeros.scores[0][0]
				}
				if !(want >= floors[i]) {
					continue
				}
				if n == len(scores) {
					return fmt.Errorf("query %d: %d hits, and not document %d of %v over %v", i, n, j, want, floors[i])
				}
				// The two zeros are one score: assembly need not add the first chunk to 0.
				if rows[n] != uint32(row+j) || math.Float32bits(scores[n]+0) != math.Float32bits(want+0) {
					return fmt.Errorf("query %d, hit %d: want %x of row %d, got %x of row %d", i, n, want, row+j, scores[n], rows[n])
				}
				n++
			}
		}
		if n != len(scores) {
			return fmt.Errorf("query %d: want %d hits, got %d", i, n, len(scores))
		}
		// A kernel stores whole vectors.
		for half := range 2 {
			from := (2*i + half) * stride
			for at := from + min(n+PanelDocs, stride); at < from+stride; at++ {
				if list.x[at] != untouched {
					return fmt.Errorf("query %d: value %d behind %d hits was written", i, at-from, n)
				}
			}
			if i >= c.width && !c.one && list.x[from] != untouched {
				return fmt.Errorf("query %d is not in the tile: its list was written", i)
			}
		}
	}
	return nil
}

// TestScoreTile compares every form at every number of dimensions with the
// definition, for all families of values: all documents are hits, and between
// them lie infinities and NaN.
func TestScoreTile(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	names := []string{}
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	forms := cases()
	for f, name := range names {
		gen := families[name]
		for dims := range 261 {
			if testing.Short() && dims > 40 && dims%16 > 1 && dims%128 > 1 {
				continue
			}
			// Of a family every third has norms, every fourth odd values.
			docs := random(rng, gen, []int{37, 16, 70, 130}[dims%4], dims)
			queries := random(rng, gen, maxWidth, dims)
			odd := (f+dims)%4 == 0 && dims > 0
			if odd {
				for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32} {
					docs[rng.IntN(len(docs))][rng.IntN(dims)] = float32(x)
				}
				queries[rng.IntN(maxWidth)][rng.IntN(dims)] = float32(math.Inf(-1))
			}
			var norms, qnorms []float32
			if (f+dims)%3 == 0 {
				for range docs {
					norms = append(norms, float32(rng.ExpFloat64()*float64(dims)))
				}
				for range queries {
					qnorms = append(qnorms, float32(rng.ExpFloat64()*float64(dims)))
				}
			}
			p := newProblem(queries, docs, norms, qnorms)
			for _, c := range forms {
				if c.level == Go && (f+dims)%3 != 1 {
					continue // slow; it has all dimensions with another family
				}
				step := 1
				if !c.one && dims%5 == 0 {
					step = 1 + rng.IntN(4)
				}
				if err := p.run(c, step, 100+dims, floors(maxWidth), nil, false); err != nil {
					t.Fatalf("%s, %d dimensions, %d documents, step %d, norms %t, %v: %v", name, dims, len(docs), step, norms != nil, c, err)
				}
			}
			// The definition itself, exactly.
			if q, d := queries[1], docs[rng.IntN(len(docs))]; !odd && dims%4 == f%4 {
				if want, got := bigScore(q, d), plainScore(q, d); math.Float32bits(want) != math.Float32bits(got) {
					t.Fatalf("%s, %d dimensions: want %x, got %x", name, dims, want, got)
				}
			}
		}
	}
}

// TestScoreTileFloors has floors of every kind, also those that are exactly a
// score, and rows up to the last.
func TestScoreTileFloors(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := []float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan, math.MaxFloat32, math.SmallestNonzeroFloat32}
	forms := cases()
	hits := 0
	for round := range 400 {
		dims := 1 + round%3
		nd := 1 + rng.IntN(200)
		// Scores are special or few, so that many are equal.
		gen := func(rng *rand.Rand) float32 {
			if round%2 == 0 {
				return special[rng.IntN(len(special))]
			}
			return float32(rng.IntN(5) - 2)
		}
		docs, queries := random(rng, gen, nd, dims), random(rng, gen, maxWidth, dims)
		var norms, qnorms []float32
		if round%3 == 0 {
			norms, qnorms = random(rng, gen, 1, nd)[0], random(rng, gen, 1, maxWidth)[0]
		}
		p := newProblem(queries, docs, norms, qnorms)
		floors := make([]float32, maxWidth)
		for i := range floors {
			floors[i] = special[rng.IntN(len(special))]
			if s := p.scores[i][rng.IntN(nd)]; rng.IntN(3) > 0 {
				floors[i] = s
			}
		}
		for _, c := range forms {
			panels := (nd + PanelDocs - 1) / PanelDocs
			step := 1
			if !c.one {
				step = 1 + rng.IntN(3)
			}
			row := rng.IntN(1000)
			if round%5 == 0 {
				row = math.MaxInt32 - (panels*PanelDocs - 1)
			}
			if err := p.run(c, step, row, floors, nil, false); err != nil {
				t.Fatalf("round %d, %d documents, floors %v, %v: %v", round, nd, floors, c, err)
			}
		}
		for i := range p.scores {
			for _, s := range p.scores[i] {
				if s >= floors[i] {
					hits++
				}
			}
		}
	}
	if hits < 10_000 {
		t.Errorf("%d hits test nothing", hits)
	}
}

// TestOneOfHalves scores documents of 16 bits as they lie.
func TestOneOfHalves(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, bfloat := range []bool{false, true} {
		for dims := range 261 {
			if testing.Short() && dims > 40 && dims%16 > 1 && dims%128 > 1 {
				continue
			}
			nd := 1 + (dims*7)%150
			panels := (nd + PanelDocs - 1) / PanelDocs
			halves := make([]uint16, panels*PanelDocs*dims)
			docs := make([][]float32, nd)
			for j := range docs {
				docs[j] = make([]float32, dims)
				for i := range docs[j] {
					bits := uint16(rng.Uint32())
					if dims%5 > 0 {
						// Near one, or no sum would be a number.
						bits = bits&0x83ff | uint16(12+rng.IntN(6))<<10
						if bfloat {
							bits = bits&0x807f | uint16(120+rng.IntN(12))<<7
						}
					}
					halves[(j/PanelDocs*dims+i)*PanelDocs+j%PanelDocs] = bits
					docs[j][i] = Float16(bits)
					if bfloat {
						docs[j][i] = math.Float32frombits(uint32(bits) << 16)
					}
				}
			}
			queries := random(rng, families["gauss"], maxWidth, dims)
			var norms, qnorms []float32
			if dims%3 == 0 {
				norms, qnorms = random(rng, families["gauss"], 1, nd)[0], random(rng, families["gauss"], 1, maxWidth)[0]
			}
			p := newProblem(queries, docs, norms, qnorms)
			for l := Go; l <= Best; l++ {
				if l == Go && dims%4 > 0 {
					continue
				}
				some := floors(1)
				if dims%2 == 0 && dims > 0 {
					some[0] = p.scores[0][nd/2]
				}
				if err := p.run(kernelCase{l, 1, true}, 1, dims, some, halves, bfloat); err != nil {
					t.Fatalf("%d dimensions, %d documents, bfloat16 %t, norms %t, %s: %v", dims, nd, bfloat, norms != nil, l, err)
				}
			}
		}
	}
}

// TestScoreError bounds the distance from the exact sum by what as many
// roundings can do: at most 128 in a chunk and one for each chunk.
func TestScoreError(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	worst := 0.0
	for _, name := range []string{"gauss", "cancel", "half", "integers", "zeros"} {
		for _, dims := range []int{1, 2, 7, 64, 127, 128, 129, 256, 260, 1000, 4096} {
			q, d := random(rng, families[name], 1, dims)[0], random(rng, families[name], 16, dims)
			for _, c := range cases() {
				before := Use(c.level)
				var h Hits
				h.Reset(PanelDocs)
				tile := Tile{
					Queries: packed([][]float32{q}, c.width, dims), Width: c.width, Docs: packed(d, PanelDocs, dims),
					Dims: dims, Panels: 1, Step: 1, Floors: floors(c.width),
				}
				if c.one {
					tile.One(&h)
				} else {
					tile.Score(&h)
				}
				scores, _ := h.Of(0)
				Use(before)
				for j, got := range scores {
					var sum, size float64
					for i, x := range q {
						p := float64(x) * float64(d[j][i])
						sum += p
						size += math.Abs(p)
					}
					roundings := float64(min(dims, chunkDims) + (dims-1)/chunkDims)
					bound := roundings * math.Ldexp(1, -24) * size * 1.0001
					if e := math.Abs(float64(got) - sum); e > bound {
						t.Fatalf("%s, %d dimensions, %v: want %g, got %g: off by %.3g, bound %.3g", name, dims, c, sum, got, e, bound)
					} else if bound > 0 {
						worst = max(worst, e/bound)
					}
				}
			}
		}
	}
	t.Logf("the worst error is %.3f of the bound", worst)
	if worst == 0 {
		t.Error("no error at all: this tests nothing")
	}
}

func TestWiden(t *testing.T) {
	// The definitions, apart from the payload of a NaN.
	value := func(h uint16, bfloat bool) float64 {
		sign, mantissa, exp, bias := 1-2*float64(h>>15), 10, int(h>>10&31), 15
		if bfloat {
			mantissa, exp, bias = 7, int(h>>7&255), 127
		}
		frac := float64(h & (1<<mantissa - 1))
		switch {
		case exp == 0:
			return sign * math.Ldexp(frac, 1-bias-mantissa)
		case exp == 2*bias+1 && frac == 0:
			return math.Inf(int(sign))
		case exp == 2*bias+1:
			return math.NaN()
		}
		return sign * math.Ldexp(math.Ldexp(1, mantissa)+frac, exp-bias-mantissa)
	}
	atEveryLevel(t, func(t *testing.T) {
		for _, bfloat := range []bool{false, true} {
			src := make([]uint16, 1<<16)
			for i := range src {
				src[i] = uint16(i)
			}
			dst := make([]float32, len(src))
			Widen(dst, src, bfloat)
			for i, got := range dst {
				want := value(uint16(i), bfloat)
				if math.Float64bits(want) != math.Float64bits(float64(got)) && (want == want || got == got) {
					t.Fatalf("%#04x, bfloat16 %t: want %v, got %v", i, bfloat, want, got)
				}
			}
			for n := range 100 {
				from, to := guardedCopy(src[15000:][:n], 7), guarded[float32](n, -7)
				Widen(to.x, from.x, bfloat)
				if err := to.touched(); err != nil {
					t.Fatalf("%d elements: %v", n, err)
				}
				if !slices.Equal(to.x, dst[15000:][:n]) {
					t.Fatalf("%d elements: want %v, got %v", n, dst[15000:][:n], to.x)
				}
			}
		}
	})
}

// TestPanels packs, measures and scales panels of every width and count of
// rows.
func TestPanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	same := func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }
	atEveryLevel(t, func(t *testing.T) {
		for dims := range 261 {
			count := 1 + rng.IntN(PanelDocs)
			if dims < 40 {
				count = 1 + dims*5%PanelDocs
			}
			family := families["mixed"]
			if dims%3 == 0 {
				family = families["subnormal"]
			}
			rows := random(rng, family, count, dims)
			if dims > 0 && dims%4 == 0 {
				rows[rng.IntN(count)][rng.IntN(dims)] = float32(math.NaN())
				rows[rng.IntN(count)][rng.IntN(dims)] = float32(math.Inf(1))
			}
			bufs := make([]*buffer[float32], count)
			given := make([][]float32, count)
			for j, r := range rows {
				bufs[j] = guardedCopy(r, 9)
				given[j] = bufs[j].x
			}
			panel := guarded[float32](PanelDocs*dims, 5)
			Pack(panel.x, given, dims)
			want := packed(rows, PanelDocs, dims)
			if !slices.EqualFunc(panel.x, want, same) {
				t.Fatalf("%d rows of %d: want %v, got %v", count, dims, want, panel.x)
			}

			sums := guarded[float64](PanelDocs, 8)
			Squares((*[PanelDocs]float64)(sums.x), panel.x, dims)
			for j := range PanelDocs {
				var s float64
				if j < count {
					for _, v := range rows[j] {
						s += float64(float64(v) * float64(v))
					}
				}
				if got := sums.x[j]; got != s && (got == got || s == s) {
					t.Fatalf("squares of row %d of %d values: want %v, got %v", j, dims, s, got)
				}
			}

			norms := guarded[float64](PanelDocs, 8)
			for j := range norms.x {
				norms.x[j] = []float64{math.Sqrt(sums.x[j]), 1, 3, 1e-300, 1e300, math.Inf(1)}[j%6]
			}
			Divide(panel.x, (*[PanelDocs]float64)(norms.x), dims)
			for i := range want {
				want[i] = float32(float64(want[i]) / norms.x[i%PanelDocs])
			}
			if !slices.EqualFunc(panel.x, want, func(x, y float32) bool { return same(x, y) || x != x && y != y }) {
				t.Fatalf("quotients of %d rows of %d: want %v, got %v", count, dims, want, panel.x)
			}
			for _, err := range []error{panel.touched(), sums.touched(), norms.touched()} {
				if err != nil {
					t.Fatalf("%d rows of %d: %v", count, dims, err)
				}
			}
			for j, b := range bufs {
				if err := b.touched(); err != nil || !slices.EqualFunc(b.x, rows[j], same) {
					t.Fatalf("row %d of %d values was written: %v", j, dims, err)
				}
			}
		}
	})
}
