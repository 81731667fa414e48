package vec

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/xlrun/xlrun/internal/simd"
)

// Index is a set of documents that can be searched exactly. Pack makes one
// that is laid out for speed, Scan one that reads the documents where they lie.
// Both give the same bits. An Index is safe for concurrent use.
//
// Documents and queries are both of floating point, any of the three types, or
// both Int8, or both Bits. Of those two, a sum of integers is exact, and what
// follows is rounded to float32 operation by operation:
//
//	Int8   InnerProduct  q·d
//	       Cosine        (q·d)·inv(d)·inv(q), inv(x) = 1/√Σx² from float64, 0 for a row of zeros
//	       L2            −Σ(q−d)²
//	Bits   InnerProduct  dim − 2h, h the number of bits that differ
//	       Cosine        (dim − 2h)/dim
//	       L2            −4h
//
// Int8 may have 131071 dimensions, for L2 33025, so that no sum leaves int32;
// Bits may have 2^24, of which every score is exact but the quotient.
type Index struct {
	docs Vectors
	rows []int32 // the candidates, ascending; nil means all
	n    int     // how many there are
	sim  Similarity

	// Packed only. The documents in panels, and for L2 the float32 of their
	// squared lengths; the last panel is filled up with zeros.
	packed bool
	f32    []float32
	u16    []uint16
	norms  []float32
	ints   intPanels // of Int8 and Bits
}

// IndexOptions say what is searched, and how. The zero value means all rows by
// inner product.
type IndexOptions struct {
	Similarity Similarity
	Rows       []int32 // the candidates, each once, in any order; nil means all rows
	Threads    int     // of Pack; 0 means GOMAXPROCS; never changes a result
}

// Scan returns an index over documents where they lie, which may be a mapped
// file larger than memory: a search reads them in order and keeps nothing. They
// must not change while the index is used.
func Scan(docs Vectors, o IndexOptions) (*Index, error) {
	if err := docs.Check(); err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	switch {
	case docs.Rows > math.MaxInt32:
		return nil, fmt.Errorf("%d documents: at most %d fit one index; search shards and merge", docs.Rows, math.MaxInt32)
	case o.Similarity < InnerProduct || o.Similarity > L2:
		return nil, fmt.Errorf("unknown similarity %d", int(o.Similarity))
	case o.Threads < 0:
		return nil, fmt.Errorf("threads must not be negative, got %d", o.Threads)
	}
	x := &Index{docs: docs, n: docs.Rows, sim: o.Similarity}
	if most := x.mostDims(); docs.Dim > most {
		return nil, fmt.Errorf("%d dimensions of %s: at most %d for %s, whose sums are exact", docs.Dim, docs.Element, most, x.sim)
	}
	if o.Rows != nil {
		rows, err := ascending(o.Rows, docs.Rows)
		if err != nil {
			return nil, fmt.Errorf("document rows: %w", err)
		}
		x.rows, x.n = rows, len(rows)
	}
	return x, nil
}

// Pack returns an index with a copy of the documents in the order in which the
// kernels read them. That takes as much memory as the documents (for cosine
// always 4 bytes a value) and pays when they are searched more than once or by
// few queries at a time. The documents are not needed afterwards.
func Pack(ctx context.Context, docs Vectors, o IndexOptions) (*Index, error) {
	x, err := Scan(docs, o)
	if err != nil {
		return nil, err
	}
	panels, dim := x.panels(), docs.Dim
	threads := o.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if x.integer() {
		if err := x.packAllInts(ctx, threads); err != nil {
			return nil, err
		}
		return x, nil
	}
	// A float16 scaled to unit length is no float16 any more.
	halves := docs.Element.bits() == 16 && x.sim != Cosine
	if halves {
		x.u16 = aligned[uint16](panels * simd.PanelDocs * dim)
	} else {
		x.f32 = aligned[float32](panels * simd.PanelDocs * dim)
	}
	if x.sim == L2 {
		x.norms = aligned[float32](panels * simd.PanelDocs)
	}
	const batch = 16
	err = each(ctx, threads, (panels+batch-1)/batch, func(t int) {
		w := workers.Get().(*worker)
		defer workers.Put(w)
		for p := t * batch; p < min(panels, (t+1)*batch); p++ {
			at := p * simd.PanelDocs
			panel := x.f32
			if !halves {
				panel = panel[at*dim:]
			}
			var norms []float32
			if x.norms != nil {
				norms = x.norms[at:]
			}
			if halves {
				w.panels = grown(w.panels, simd.PanelDocs*dim)
				panel = w.panels
				x.pack16(x.u16[at*dim:], p)
			}
			if !halves || norms != nil {
				x.pack(w, panel, norms, p)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	x.packed = true
	x.docs.data = nil
	return x, nil
}

// scanning reports whether a search makes documents ready on its way.
func (x *Index) scanning() bool { return x.f32 == nil && (!x.integer() || !x.packed) }

// Rows returns how many documents there are to find.
func (x *Index) Rows() int { return x.n }

// Dim returns the length of the documents.
func (x *Index) Dim() int { return x.docs.Dim }

// panels returns how many panels hold all documents.
func (x *Index) panels() int { return (x.n + simd.PanelDocs - 1) / simd.PanelDocs }

// row returns the row of the document at a position.
func (x *Index) row(at int32) int32 {
	if x.rows != nil {
		return x.rows[at]
	}
	return at
}

// pack writes panel p, ready for scoring, and the norms if they are wanted.
func (x *Index) pack(w *worker, panel, norms []float32, p int) {
	first := p * simd.PanelDocs
	count := min(simd.PanelDocs, x.n-first)
	dim := x.docs.Dim
	var rows [simd.PanelDocs][]float32
	for j := range count {
		i := int(x.row(int32(first + j)))
		switch x.docs.Element {
		case Float32:
			rows[j] = x.docs.f32(i)
		default:
			w.rows = grown(w.rows, simd.PanelDocs*dim)
			rows[j] = w.rows[j*dim : (j+1)*dim]
			widen(rows[j], x.docs.u16(i), x.docs.Element)
		}
	}
	panel = panel[:simd.PanelDocs*dim]
	simd.Pack(panel, rows[:count], dim)
	if x.sim == InnerProduct {
		return
	}
	var sums [simd.PanelDocs]float64
	simd.Squares(&sums, panel, dim)
	if x.sim == L2 {
		for j, s := range sums {
			norms[j] = float32(s)
		}
		return
	}
	for j, s := range sums {
		if sums[j] = math.Sqrt(s); sums[j] == 0 {
			sums[j] = 1
		}
	}
	simd.Divide(panel, &sums, dim)
}

// pack16 writes panel p as it is stored.
func (x *Index) pack16(panel []uint16, p int) {
	first := p * simd.PanelDocs
	for j := range min(simd.PanelDocs, x.n-first) {
		for i, h := range x.docs.u16(int(x.row(int32(first + j)))) {
			panel[i*simd.PanelDocs+j] = h
		}
	}
}

// block returns n panels, every step-th from the first, ready for scoring: as
// they lie, or made ready in the memory of the worker. Of the result every
// stride-th panel counts.
func (x *Index) block(w *worker, first, step, n int) (panels, norms []float32, stride int) {
	size := simd.PanelDocs * x.docs.Dim
	if x.f32 != nil {
		if x.norms != nil {
			norms = x.norms[first*simd.PanelDocs:]
		}
		return x.f32[first*size:], norms, step
	}
	w.panels = grown(w.panels, n*size)
	if x.packed {
		for i := range n {
			widen(w.panels[i*size:(i+1)*size], x.u16[(first+i*step)*size:][:size], x.docs.Element)
		}
		if x.norms == nil {
			return w.panels, nil, 1
		}
		w.norms = grown(w.norms, n*simd.PanelDocs)
		for i := range n {
			copy(w.norms[i*simd.PanelDocs:], x.norms[(first+i*step)*simd.PanelDocs:][:simd.PanelDocs])
		}
		return w.panels, w.norms, 1
	}
	if x.sim == L2 {
		w.norms = grown(w.norms, n*simd.PanelDocs)
		norms = w.norms
	}
	for i := range n {
		var some []float32
		if norms != nil {
			some = norms[i*simd.PanelDocs:]
		}
		x.pack(w, w.panels[i*size:], some, first+i*step)
	}
	return w.panels, norms, 1
}

// ascending returns rows sorted; each must exist, and once.
func ascending(rows []int32, n int) ([]int32, error) {
	if err := inRange(rows, n); err != nil {
		return nil, err
	}
	rows = slices.Clone(rows)
	if !slices.IsSorted(rows) {
		slices.Sort(rows)
	}
	for i := 1; i < len(rows); i++ {
		if rows[i] == rows[i-1] {
			return nil, fmt.Errorf("row %d is listed twice", rows[i])
		}
	}
	return rows, nil
}

func inRange(rows []int32, n int) error {
	for _, r := range rows {
		if r < 0 || int(r) >= n {
			return fmt.Errorf("row %d is not among the %d rows of the matrix", r, n)
		}
	}
	return nil
}

// worker is the memory of one thread of a search. It is used again, since
// fresh memory costs page faults.
type worker struct {
	hits    simd.Hits
	queries []float32 // in panels of each group's width
	qnorms  []float32
	floors  []float32
	keys    []key     // of all reservoirs
	panels  []float32 // a block of documents
	norms   []float32
	rows    []float32 // documents on their way into a panel

	words   []uint32 // queries of integers
	offsets []int32
	ints    intPanels
}

var workers = sync.Pool{New: func() any { return new(worker) }}

// aligned returns n zeros that start on a line of the cache, on large pages
// where there are many.
func aligned[T float32 | uint32 | int32 | uint16](n int) []T {
	const line = 64
	size := int(unsafe.Sizeof(*new(T)))
	if n > math.MaxInt/size-line {
		panic("vec: the documents do not fit in memory")
	}
	b := make([]T, n+line/size)
	start := unsafe.Pointer(&b[0])
	skip := int(-uintptr(start)%line) / size
	if bytes := n * size; bytes >= manyPages {
		largePages(unsafe.Slice((*byte)(start), bytes))
	}
	return b[skip : skip+n : skip+n]
}

// manyPages is the size from which memory is asked for in large pages, which
// spare a search most of its walks through page tables.
const manyPages = 16 << 20

// grown returns memory for n values, x itself if it is large enough.
func grown[T float32 | uint32 | int32](x []T, n int) []T {
	if cap(x) >= n {
		return x[:n]
	}
	return aligned[T](n)
}

// widen converts 16-bit elements.
func widen(dst []float32, src []uint16, e Element) {
	simd.Widen(dst, src, e == BFloat16)
}
