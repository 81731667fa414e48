package simd

import (
	"math"
	"sync"
	"unsafe"
)

// Documents lie in panels of 16, one dimension after the other: value i of
// document j is panel[i*PanelDocs+j]. Queries lie in the same way, as many to a
// panel as the kernel takes.
const (
	PanelDocs = 16

	chunkDims = 128 // dimensions whose sum is formed before it is added to the score
)

// A Tile is one call of the scorer: some queries against a run of panels.
//
// The score is the inner product of the contract in the package comment of
// sdk/vec, float32 with one rounding per fused multiply-add:
//
//	for each chunk of 128 dimensions:
//		acc = 0
//		for i in chunk: acc = fma(q[i], d[i], acc)
//		score += acc
//
// and with norms min(0, 2·score − (qn+dn)), each operation rounded. A score
// that is at least the query's floor is collected; a NaN never is.
type Tile struct {
	Queries []float32 // [Dims][Width]
	Width   int       // queries: one of Widths, or 1 for One
	Docs    []float32 // panels of [Dims][16]
	Halves  []uint16  // instead of Docs, for One: 16-bit elements
	BFloat  bool      // they are bfloat16, not float16
	Dims    int
	Panels  int // how many are scored
	Step    int // every Step-th of Docs, from the first
	Row     int // number of the first document; a panel counts 16

	Ahead []float32 // is brought into the second-level cache meanwhile

	Norms      []float32 // of the documents, as Docs; nil for inner products
	QueryNorms []float32 // one for each query
	Floors     []float32 // one for each query
}

// maxWidth is the largest of the widths of all levels.
const maxWidth = 14

// Hits collects the scores of a tile, for each query in the order of its
// documents.
type Hits struct {
	counts [maxWidth]int
	list   []uint32 // of each query: stride scores, stride rows
	stride int

	padded        []float32 // one query, made as wide as a tile
	wide          []float32 // its last panels, made float32
	floors, norms [6]float32
}

// Reset makes room for docs documents and forgets all hits.
func (h *Hits) Reset(docs int) {
	// A kernel stores whole vectors, up to 16 values past the last hit.
	h.stride = docs + PanelDocs
	if n := 2 * maxWidth * h.stride; len(h.list) < n {
		h.list = make([]uint32, n)
	}
	h.counts = [maxWidth]int{}
}

// Of returns the scores and the rows that a query collected.
func (h *Hits) Of(query int) (scores []float32, rows []uint32) {
	n := h.counts[query]
	if n == 0 {
		return nil, nil
	}
	l := h.list[2*query*h.stride:]
	return unsafe.Slice((*float32)(unsafe.Pointer(&l[0])), n), l[h.stride:][:n]
}

func (h *Hits) add(query int, score float32, row int) {
	n := h.counts[query]
	l := h.list[2*query*h.stride:]
	l[n], l[h.stride+n] = math.Float32bits(score), uint32(row)
	h.counts[query]++
}

// Widths returns how many queries a tile may have, the fastest first. Any
// number of queries is served by several calls.
func Widths() []int {
	if narrow {
		return []int{6}
	}
	return IntWidths()
}

// IntWidths is Widths for an IntTile.
func IntWidths() []int {
	if level == AVX512 {
		return []int{14, 6}
	}
	return []int{6}
}

// Score scores a tile. h must have been reset for 16·Panels documents.
func (t *Tile) Score(h *Hits) {
	if t.Panels == 0 {
		return
	}
	if level == Go || t.Dims == 0 {
		t.reference(h)
		return
	}
	t.assembly(h)
}

// One scores one query, of Width 1. It is made for the speed of the memory:
// four panels are read side by side. Step must be 1.
func (t *Tile) One(h *Hits) {
	if level == Go || t.Dims == 0 {
		t.rest(h, 0)
		return
	}
	groups := t.Panels / 4
	if groups > 0 {
		t.one(h, groups)
	}
	t.rest(h, groups*4)
}

// rest scores the panels from the given one on with a tile.
func (t *Tile) rest(h *Hits, from int) {
	if from == t.Panels {
		return
	}
	const width = 6
	r := *t
	r.Panels -= from
	r.Row += from * PanelDocs
	if t.Halves != nil {
		n := r.Panels * PanelDocs * t.Dims
		if len(h.wide) < n {
			h.wide = make([]float32, n)
		}
		Widen(h.wide[:n], t.Halves[from*PanelDocs*t.Dims:][:n], t.BFloat)
		r.Docs = h.wide
	} else {
		r.Docs = t.Docs[from*PanelDocs*t.Dims:]
	}
	if t.Norms != nil {
		r.Norms = t.Norms[from*PanelDocs:]
	}
	if level == Go || t.Dims == 0 {
		r.reference(h)
		return
	}
	r.Width = width
	if len(h.padded) < width*t.Dims {
		h.padded = make([]float32, width*t.Dims)
	}
	for i, x := range t.Queries[:t.Dims] {
		h.padded[i*width] = x // the other queries stay zeros
	}
	r.Queries = h.padded
	r.Floors = append(h.floors[:0], t.Floors[0], inf, inf, inf, inf, inf)
	if t.Norms != nil {
		r.QueryNorms = append(h.norms[:0], t.QueryNorms[0], 0, 0, 0, 0, 0)
	}
	r.assembly(h)
}

var inf = float32(math.Inf(1))

// scratch is the memory of a call of the reference.
type scratch struct {
	queries []float64
	docs    tile
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (t *Tile) reference(h *Hits) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if len(s.docs) < t.Dims {
		s.docs = make(tile, t.Dims)
	}
	if len(s.queries) < t.Dims*t.Width {
		s.queries = make([]float64, t.Dims*t.Width)
	}
	var qtiny [maxWidth]bool
	for i := range t.Width {
		wide := s.queries[i*t.Dims:][:t.Dims]
		for p := range wide {
			x := t.Queries[p*t.Width+i]
			qtiny[i] = qtiny[i] || isTiny(x)
			wide[p] = float64(x)
		}
	}
	var score [tileDocs]float32
	docs := s.docs[:t.Dims]
	for n := range t.Panels {
		at := n * t.Step * PanelDocs
		panel := t.Docs[at*t.Dims:][:t.Dims*PanelDocs]
		for half := 0; half < PanelDocs; half += tileDocs {
			tiny := false
			for p := range docs {
				for j, x := range panel[p*PanelDocs+half:][:tileDocs] {
					tiny = tiny || isTiny(x)
					docs[p][j] = float64(x)
				}
			}
			for i := range t.Width {
				scoreTile(s.queries[i*t.Dims:][:t.Dims], docs, tiny || qtiny[i], &score)
				if t.Norms != nil {
					for j, dn := range t.Norms[at+half:][:tileDocs] {
						score[j] = min(0, float32(2*score[j])-float32(t.QueryNorms[i]+dn))
					}
				}
				for j, x := range score {
					if x >= t.Floors[i] {
						h.add(i, x, t.Row+at+half+j)
					}
				}
			}
		}
	}
}

const tileDocs = 8 // documents the reference scores together, to hide the latency of the sums

// A tile holds tileDocs documents with one dimension after the other, widened
// to float64.
type tile = [][tileDocs]float64

// scoreTile writes the inner products of one query with the documents of a
// tile, following the contract in the package comment.
//
//	for each chunk of 128 dimensions:
//		acc[8] = 0
//		for i in chunk: acc[j] = fma(q[i], docs[i][j], acc[j])
//		out[j] += acc[j]
//
// tiny says that some element is nonzero and below 2^-66 in magnitude. A
// kernel in assembly has the same three arguments and the same bits.
func scoreTile(q []float64, docs tile, tiny bool, out *[tileDocs]float32) {
	*out = [tileDocs]float32{}
	var acc [tileDocs]float32
	for len(q) > 0 {
		n := min(chunkDims, len(q))
		switch {
		case tiny:
			chunkExact(q[:n], docs[:n], &acc)
		case !chunkFast(q[:n], docs[:n], &acc):
			chunkFixed(q[:n], docs[:n], &acc)
		}
		for j := range acc {
			out[j] += acc[j]
		}
		q, docs = q[n:], docs[n:]
	}
}

// chunkFast rounds float64 sums to float32 and gives up, returning false, at
// the first sum that the second rounding could get wrong.
func chunkFast(q []float64, docs tile, out *[tileDocs]float32) bool {
	var a0, a1, a2, a3, a4, a5, a6, a7 float64
	docs = docs[:len(q)]
	for i, x := range q {
		d := &docs[i]
		s0 := a0 + x*d[0]
		s1 := a1 + x*d[1]
		s2 := a2 + x*d[2]
		s3 := a3 + x*d[3]
		if math.Float64bits(s0)<<midpointShift == midpoint ||
			math.Float64bits(s1)<<midpointShift == midpoint ||
			math.Float64bits(s2)<<midpointShift == midpoint ||
			math.Float64bits(s3)<<midpointShift == midpoint {
			return false
		}
		a0 = float64(float32(s0))
		a1 = float64(float32(s1))
		a2 = float64(float32(s2))
		a3 = float64(float32(s3))
		s4 := a4 + x*d[4]
		s5 := a5 + x*d[5]
		s6 := a6 + x*d[6]
		s7 := a7 + x*d[7]
		if math.Float64bits(s4)<<midpointShift == midpoint ||
			math.Float64bits(s5)<<midpointShift == midpoint ||
			math.Float64bits(s6)<<midpointShift == midpoint ||
			math.Float64bits(s7)<<midpointShift == midpoint {
			return false
		}
		a4 = float64(float32(s4))
		a5 = float64(float32(s5))
		a6 = float64(float32(s6))
		a7 = float64(float32(s7))
	}
	*out = [tileDocs]float32{
		float32(a0), float32(a1), float32(a2), float32(a3),
		float32(a4), float32(a5), float32(a6), float32(a7),
	}
	return true
}

// chunkFixed does what chunkFast does and corrects the sums on a midpoint.
// Embeddings stored in 16 bits have many.
func chunkFixed(q []float64, docs tile, out *[tileDocs]float32) {
	var a [tileDocs]float64
	docs = docs[:len(q)]
	for i, x := range q {
		d := &docs[i]
		for j := range a {
			s := a[j] + x*d[j]
			if math.Float64bits(s)<<midpointShift == midpoint {
				s = oddSum(a[j], x*d[j])
			}
			a[j] = float64(float32(s))
		}
	}
	for j := range a {
		out[j] = float32(a[j])
	}
}

// chunkExact rounds every sum to odd first: right for all operands.
func chunkExact(q []float64, docs tile, out *[tileDocs]float32) {
	var a [tileDocs]float64
	docs = docs[:len(q)]
	for i, x := range q {
		d := &docs[i]
		for j := range a {
			a[j] = float64(float32(oddSum(a[j], x*d[j])))
		}
	}
	for j := range a {
		out[j] = float32(a[j])
	}
}

// Pack writes up to 16 rows of dims values as a panel; documents that are
// missing become zeros.
func Pack(panel []float32, rows [][]float32, dims int) {
	if level >= AVX2 && dims >= 8 {
		whole := dims &^ 7
		var p [8]*float32
		for half := 0; half < PanelDocs; half += 8 {
			zeros := false
			for j := range p {
				if half+j < len(rows) {
					p[j] = &rows[half+j][0]
				} else {
					p[j] = &rows[0][0]
					zeros = true
				}
			}
			transpose8(&panel[half], &p, whole, 4*PanelDocs*dims)
			if zeros {
				first := min(max(len(rows)-half, 0), 8)
				for i := range whole {
					clear(panel[i*PanelDocs+half:][first:8])
				}
			}
		}
		pack(panel, rows, whole, dims)
		return
	}
	pack(panel, rows, 0, dims)
}

// pack writes dimensions lo to hi of a panel.
func pack(panel []float32, rows [][]float32, lo, hi int) {
	for i := lo; i < hi; i++ {
		line := panel[i*PanelDocs:][:PanelDocs]
		for j := range line {
			line[j] = 0
			if j < len(rows) {
				line[j] = rows[j][i]
			}
		}
	}
}

// Squares writes Σ x² of each document of a panel, summed in float64 in the
// order of the dimensions. A square is exact there, so fusing changes nothing.
func Squares(sums *[PanelDocs]float64, panel []float32, dims int) {
	if level >= AVX2 && dims > 0 {
		squares16(&sums[0], &panel[0], dims)
		return
	}
	*sums = [PanelDocs]float64{}
	for i := range dims {
		for j, v := range panel[i*PanelDocs:][:PanelDocs] {
			sums[j] += float64(float64(v) * float64(v))
		}
	}
}

// Divide divides each document of a panel by its norm: in float64, rounded
// once.
func Divide(panel []float32, norms *[PanelDocs]float64, dims int) {
	if level >= AVX2 && dims > 0 {
		divide16(&panel[0], &norms[0], dims)
		return
	}
	for i := range dims {
		line := panel[i*PanelDocs:][:PanelDocs]
		for j, v := range line {
			line[j] = float32(float64(v) / norms[j])
		}
	}
}

// Widen converts 16-bit elements to float32, which is exact: float16, or
// bfloat16. A NaN stays one, with what bits depends on the processor.
func Widen(dst []float32, src []uint16, bfloat bool) {
	dst = dst[:len(src)]
	n := 0
	if level >= AVX2 && len(src) >= 16 {
		n = len(src) &^ 15
		if bfloat {
			widenBF16(&dst[0], &src[0], n)
		} else {
			widenF16(&dst[0], &src[0], n)
		}
	}
	for i, h := range src[n:] {
		if bfloat {
			dst[n+i] = math.Float32frombits(uint32(h) << 16)
		} else {
			dst[n+i] = Float16(h)
		}
	}
}

// Float16 returns the value of an IEEE 754 half-precision number, exactly.
func Float16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10)&31, uint32(h)&1023
	switch exp {
	case 0: // zero or subnormal: frac × 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*(1.0/(1<<24))))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}
