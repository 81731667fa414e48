package simd

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// intProblem is a tile whose operands lie in memory that alloc gives.
type intProblem struct {
	queries, docs [][]byte
	tile          IntTile
}

func newIntProblem(rng *rand.Rand, width, size, panels, step int, signs bool, alloc func(n int) []uint32) *intProblem {
	rows := func(n int) [][]byte {
		out := make([][]byte, n)
		for i := range out {
			out[i] = make([]byte, size)
			extreme := rng.IntN(4) == 0
			for j := range out[i] {
				out[i][j] = byte(rng.Uint32())
				if extreme {
					out[i][j] = 0x80
				}
			}
		}
		return out
	}
	all := (panels-1)*step + 1
	p := &intProblem{queries: rows(width), docs: rows(all * PanelDocs)}
	lines := Lines(size)
	p.tile = IntTile{
		Bits: signs, Width: width, Lines: lines, Panels: panels, Step: step, Row: rng.IntN(1000), Shift: rng.IntN(3),
		Queries: alloc(width * lines * QueryWords(width)), Docs: alloc(len(p.docs) * lines),
	}
	for i, q := range p.queries {
		PutQuery(p.tile.Queries, width, i, q, signs)
	}
	for i := range all {
		squares := PackInts(p.tile.Docs[i*PanelDocs*lines:], p.docs[i*PanelDocs:][:PanelDocs], signs)
		for j, got := range squares {
			var want int32
			for _, b := range p.docs[i*PanelDocs+j] {
				want += int32(int8(b)) * int32(int8(b))
			}
			if !signs && got != want {
				panic(fmt.Sprintf("document %d: want Σx² %d, got %d", i*PanelDocs+j, want, got))
			}
		}
	}
	return p
}

// score is the definition: a sum over bytes.
func (p *intProblem) score(i, j int) float32 {
	q, d := p.queries[i], p.docs[j]
	var x int32
	for b := range q {
		if p.tile.Bits {
			x += int32(8 - bits.OnesCount8(q[b]^d[b]))
		} else {
			x += int32(int8(q[b])) * (int32(int8(d[b])) + 128)
		}
	}
	if p.tile.Bits {
		x += int32(8 * (4*p.tile.Lines - len(q))) // what fills up the last line
	}
	x = x<<p.tile.Shift + p.tile.Offsets[i]
	if p.tile.Norms != nil {
		x -= p.tile.Norms[j]
	}
	s := float32(x)
	if p.tile.Scales != nil {
		s = float32(s * p.tile.Scales[j])
		s = float32(s * p.tile.QueryScales[i])
	}
	return s
}

func (p *intProblem) check(h *Hits) error {
	h.Reset(p.tile.Panels * PanelDocs)
	p.tile.Score(h)
	for i := range maxWidth {
		scores, rows := h.Of(i)
		n := 0
		for j := 0; i < p.tile.Width && j < len(p.docs); j++ {
			if j/PanelDocs%p.tile.Step != 0 || !(p.score(i, j) >= p.tile.Floors[i]) {
				continue
			}
			if n == len(scores) {
				return fmt.Errorf("query %d: %d hits, and not document %d", i, n, j)
			}
			if int(rows[n]) != p.tile.Row+j || scores[n] != p.score(i, j) {
				return fmt.Errorf("query %d, hit %d: want %g of row %d, got %g of row %d", i, n, p.score(i, j), p.tile.Row+j, scores[n], rows[n])
			}
			n++
		}
		if n != len(scores) {
			return fmt.Errorf("query %d: want %d hits, got %d", i, n, len(scores))
		}
	}
	return nil
}

// eachIntProblem gives small problems of all sizes to every form.
func eachIntProblem(t *testing.T, rng *rand.Rand, alloc func(n int) []uint32, f func(p *intProblem) error) {
	t.Helper()
	f32 := func(n int, of func() float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = of()
		}
		return x
	}
	i32 := func(n int) []int32 {
		x := make([]int32, n)
		for i := range x {
			x[i] = int32(rng.Uint32()) >> 12
		}
		return x
	}
	for _, c := range cases() {
		before := Use(c.level)
		for n := range 300 {
			size, panels, step := n, 1+rng.IntN(9), 1+rng.IntN(3)
			if n >= 150 {
				size = rng.IntN(3) * 124 // at the 31 lines whose bits are summed as bytes
				size = max(0, size+rng.IntN(9)-4)
			}
			signs := rng.IntN(2) == 0
			p := newIntProblem(rng, c.width, size, panels, step, signs, alloc)
			p.tile.Offsets = i32(c.width)
			if rng.IntN(2) == 0 {
				p.tile.Norms = i32(len(p.docs))
			}
			if rng.IntN(2) == 0 {
				p.tile.Scales, p.tile.QueryScales = f32(len(p.docs), rng.Float32), f32(c.width, rng.Float32)
			}
			p.tile.Floors = f32(c.width, func() float32 { return float32(math.Inf(-1)) })
			for i := range p.tile.Floors {
				switch rng.IntN(4) {
				case 0:
					p.tile.Floors[i] = p.score(i, rng.IntN(len(p.docs)))
				case 1:
					p.tile.Floors[i] = math.Nextafter32(p.score(i, rng.IntN(len(p.docs))), float32(math.Inf(1)))
				case 2:
					p.tile.Floors[i] = float32(math.NaN())
				}
			}
			if err := f(p); err != nil {
				t.Errorf("%v, bits %v, %d bytes, %d panels, step %d: %v", c, signs, size, panels, step, err)
			}
		}
		Use(before)
	}
}

func TestIntTile(t *testing.T) {
	h := new(Hits)
	eachIntProblem(t, rand.New(rand.NewPCG(21, 1)), func(n int) []uint32 { return make([]uint32, n) }, func(p *intProblem) error {
		return p.check(h)
	})
}

// Every sum of two bytes, at every place of a line.
func TestIntProducts(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		for _, width := range append(IntWidths(), 1) {
			for q := range 256 {
				for at := range 4 {
					rows := make([][]byte, 256)
					for d := range rows {
						rows[d] = make([]byte, 4)
						rows[d][at] = byte(d)
					}
					queries, docs := make([]uint32, width*QueryWords(width)), make([]uint32, 256)
					row := make([]byte, 4)
					row[at] = byte(q)
					PutQuery(queries, width, 0, row, false)
					for p := range 16 {
						PackInts(docs[p*PanelDocs:], rows[p*PanelDocs:][:PanelDocs], false)
					}
					tile := IntTile{
						Width: width, Queries: queries, Docs: docs, Lines: 1, Panels: 16, Step: 1,
						Offsets: make([]int32, width), Floors: floors(width),
					}
					tile.Offsets[0] = -128 * int32(int8(q))
					var h Hits
					h.Reset(256)
					tile.Score(&h)
					scores, _ := h.Of(0)
					for d, got := range scores {
						if want := float32(int(int8(q)) * int(int8(d))); got != want {
							t.Fatalf("width %d: %d·%d: want %g, got %g", width, int8(q), int8(d), want, got)
						}
					}
				}
			}
		}
	})
}

func BenchmarkIntTile(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, signs := range []bool{false, true} {
		for _, c := range cases() {
			const size, panels = 384, 32
			before := Use(c.level)
			p := newIntProblem(rng, c.width, size, panels, 1, signs, func(n int) []uint32 { return make([]uint32, n) })
			p.tile.Offsets, p.tile.Floors = make([]int32, c.width), make([]float32, c.width)
			for i := range p.tile.Floors {
				p.tile.Floors[i] = float32(math.Inf(1))
			}
			name := "int8"
			dims := size
			if signs {
				name, dims = "bits", 8*size
			}
			b.Run(fmt.Sprintf("%s/%v", name, c), func(b *testing.B) {
				h := new(Hits)
				for b.Loop() {
					h.Reset(panels * PanelDocs)
					p.tile.Score(h)
				}
				b.ReportMetric(2*float64(c.width*panels*PanelDocs*dims)*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gop/s")
			})
			Use(before)
		}
	}
}
