package vec

import (
	"context"
	"fmt"
	"math"

	"github.com/xlrun/xlrun/internal/simd"
)

// sameKind reports that elements of two types have no score.
func sameKind(docs, queries Element) error {
	if docs == queries || docs < Int8 && queries < Int8 {
		return nil
	}
	return fmt.Errorf("queries are %s, documents %s: both must be of floating point, or both int8, or both bits; Convert makes one into the other", queries, docs)
}

// integer reports whether scores are sums of integers.
func (x *Index) integer() bool { return x.docs.Element >= Int8 }

// mostDims returns the length up to which the sums of integers are exact.
func (x *Index) mostDims() int {
	switch {
	case x.docs.Element == Bits:
		return 1 << 24 // exact in float32, too
	case x.docs.Element == Int8 && x.sim == L2:
		return math.MaxInt32 / (255 * 255)
	case x.docs.Element == Int8:
		return math.MaxInt32 / (128 * 128)
	}
	return math.MaxInt
}

// lines returns how many lines of the cache a panel takes: each holds one
// dimension of 16 documents, or four bytes of integers.
func (x *Index) lines() int {
	if x.integer() {
		return simd.Lines(x.docs.RowBytes())
	}
	return x.docs.Dim
}

// intPanels are documents of Int8 or Bits in panels.
type intPanels struct {
	words  []uint32
	norms  []int32   // of Int8 for L2
	scales []float32 // of Int8 for Cosine
}

// grow makes room for n panels.
func (p *intPanels) grow(x *Index, n int) {
	p.words = grown(p.words, n*simd.PanelDocs*x.lines())
	p.norms, p.scales = p.norms[:0], p.scales[:0]
	if x.docs.Element == Int8 && x.sim == L2 {
		p.norms = grown(p.norms, n*simd.PanelDocs)
	}
	if x.docs.Element == Int8 && x.sim == Cosine {
		p.scales = grown(p.scales, n*simd.PanelDocs)
	}
}

// from returns the panels from number i on.
func (p *intPanels) from(x *Index, i int) intPanels {
	i *= simd.PanelDocs
	q := intPanels{words: p.words[i*x.lines():]}
	if len(p.norms) > 0 {
		q.norms = p.norms[i:]
	}
	if len(p.scales) > 0 {
		q.scales = p.scales[i:]
	}
	return q
}

// packInts writes panel p as the first of to.
func (x *Index) packInts(to intPanels, p int) {
	first := p * simd.PanelDocs
	var rows [simd.PanelDocs][]byte
	count := min(simd.PanelDocs, x.n-first)
	for j := range count {
		rows[j] = x.docs.row(int(x.row(int32(first + j))))
	}
	squares := simd.PackInts(to.words, rows[:count], x.docs.Element == Bits)
	if to.norms != nil {
		copy(to.norms, squares[:])
	}
	if to.scales != nil {
		for j, s := range squares {
			to.scales[j] = inverse(s)
		}
	}
}

// inverse returns the reciprocal of a norm.
func inverse(squares int32) float32 {
	if squares == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(float64(squares)))
}

func (x *Index) packAllInts(ctx context.Context, threads int) error {
	const batch = 64
	panels := x.panels()
	x.ints.grow(x, panels)
	err := each(ctx, threads, (panels+batch-1)/batch, func(t int) {
		for p := t * batch; p < min(panels, (t+1)*batch); p++ {
			x.packInts(x.ints.from(x, p), p)
		}
	})
	x.packed = err == nil
	x.docs.data = nil
	return err
}

// intBlock is block for integers.
func (x *Index) intBlock(w *worker, first, step, n int) (panels intPanels, stride int) {
	if x.packed {
		return x.ints.from(x, first), step
	}
	w.ints.grow(x, n)
	for i := range n {
		x.packInts(w.ints.from(x, i), first+i*step)
	}
	return w.ints.from(x, 0), 1
}

// putInts lays out query r as query i of a group, ready for scoring.
func (s *search) putInts(w *worker, g group, i, r int) {
	row := s.queries.row(r)
	bits := s.docs.Element == Bits
	simd.PutQuery(w.words[g.at:], g.width, i, row, bits)
	at := g.first + i
	if bits {
		// Of n bits with those that fill up the last line, e agree:
		// dim − 2h = 2e + dim − 2n and −4h = 4e − 4n.
		n := int32(s.lines()) * 32
		w.offsets[at] = int32(s.docs.Dim) - 2*n
		if s.sim == L2 {
			w.offsets[at] = -4 * n
		}
		return
	}
	var sum, squares int32
	for _, b := range s.queries.i8(r) {
		sum += int32(b)
		squares += int32(b) * int32(b)
	}
	// Documents are stored with 128 added. A sum may wrap around on its way.
	w.offsets[at] = -128 * sum
	switch s.sim {
	case Cosine:
		w.qnorms[at] = inverse(squares)
	case L2:
		w.offsets[at] = -256*sum - squares
	}
}

// intScorer returns what scores a block for a group, and which panels of the
// block count.
func (s *search) intScorer(w *worker, first, step, n int) (score func(g group), stride int) {
	panels, stride := s.intBlock(w, first, step, n)
	t := &simd.IntTile{
		Bits: s.docs.Element == Bits, Lines: s.lines(),
		Docs: panels.words, Norms: panels.norms, Scales: panels.scales,
		Panels: n, Step: stride, Row: first * simd.PanelDocs,
	}
	if t.Bits {
		t.Shift++
	}
	if s.sim == L2 {
		t.Shift++
	}
	return func(g group) {
		t.Queries, t.Width = w.words[g.at:], g.width
		t.Offsets, t.QueryScales, t.Floors = w.offsets[g.first:], w.qnorms[g.first:], w.floors[g.first:]
		t.Score(&w.hits)
	}, stride
}
