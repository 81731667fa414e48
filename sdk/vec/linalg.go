package vec

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/xlrun/xlrun/internal/simd"
)

// What trainers need. Every product is rounded to float32 before it is added,
// never fused, and every sum has one order, so the bits are the same for any
// number of threads and on any machine. This is not the scoring contract.

// Dot returns the inner product of x and y. Lane j, of eight, sums the
// products at indices that are j modulo 8, in order; the lanes are added as
// ((0+4)+(2+6)) + ((1+5)+(3+7)). It panics when the lengths differ.
func Dot(x, y []float32) float32 {
	sameLen(len(x), len(y))
	return simd.Dot(x, y)
}

// DotRows writes to dst[i] the bits of Dot of x and row rows[i] of m, for a
// walk that visits rows as it meets them. It panics when x is not as long as a
// row, dst not as long as the list, or a row does not exist.
func DotRows(dst, x []float32, m Matrix, rows []int32) {
	sameLen(len(x), m.Dim)
	sameLen(len(dst), len(rows))
	var last uint32
	for _, r := range rows {
		last = max(last, uint32(r)) // a negative one is larger than any
	}
	if len(rows) > 0 {
		hasRow(m, uint64(last))
	}
	simd.DotRows(dst, x, m.Data, rows)
}

// Axpy adds a·x to y, element by element. It panics when the lengths differ.
// x and y may be one slice; otherwise they must not overlap.
func Axpy(a float32, x, y []float32) {
	sameLen(len(x), len(y))
	simd.Axpy(a, x, y)
}

// AxpyRows adds a[i] times row i of x to row rows[i] of m, in the order of the
// list, which may name a row twice: the step of a sparse gradient. It panics
// when the lists differ in length, x has fewer rows or others, or a row does
// not exist. x must not overlap m.
func AxpyRows(m Matrix, rows []uint32, a []float32, x Matrix) {
	sameLen(len(rows), len(a))
	sameLen(x.Dim, m.Dim)
	if len(rows) == 0 {
		return
	}
	hasRow(x, uint64(len(rows)-1))
	hasRow(m, uint64(slices.Max(rows)))
	simd.AxpyRows(m.Data, rows, a, x.Data, m.Dim)
}

// SumRows adds the named rows of m to dst, in the order of the list. It panics
// when dst is not as long as a row or a row does not exist. dst must not
// overlap m.
func SumRows(dst []float32, m Matrix, rows []uint32) {
	sameLen(len(dst), m.Dim)
	if len(rows) > 0 {
		hasRow(m, uint64(slices.Max(rows)))
	}
	simd.SumRows(dst, m.Data, rows)
}

// MatMul writes the product a·b, a of m×k and b of k×n, to dst, m×n:
//
//	dst[i][j] = Σ over p, in order from +0, of float32(a[i][p]·b[p][j])
//
// MatMulT and TMatMul differ only in how an operand is stored. dst must not
// overlap the operands. A shape that does not fit panics.
func MatMul(dst, a, b Matrix, threads int) {
	sameShape(dst, a, b, a.Rows, b.Dim, a.Dim, b.Rows)
	gemm(threads, dst, a.Dim, a.Data, a.Dim, 1, b.Data, b.Dim, 1)
}

// TMatMul writes aᵀ·b, a of k×m and b of k×n, to dst, m×n. See MatMul.
func TMatMul(dst, a, b Matrix, threads int) {
	sameShape(dst, a, b, a.Dim, b.Dim, a.Rows, b.Rows)
	gemm(threads, dst, a.Rows, a.Data, 1, a.Dim, b.Data, b.Dim, 1)
}

// MatMulT writes a·bᵀ, a of m×k and b of n×k, to dst, m×n. See MatMul.
func MatMulT(dst, a, b Matrix, threads int) {
	sameShape(dst, a, b, a.Rows, b.Rows, a.Dim, b.Dim)
	gemm(threads, dst, a.Dim, a.Data, a.Dim, 1, b.Data, 1, b.Dim)
}

// Blocks of the right operand stay in the second cache while all rows of a
// pass them.
const blockSize = 1 << 16 // of float32, about

type block [blockSize + simd.GemmTerms*simd.GemmColumns]float32

var blocks = sync.Pool{New: func() any { return new(block) }}

// gemm writes dst = a·b with a[i][p] at a[i*ai+p*ap] and b[p][j] at
// b[p*bp+j*bj], one block of b after the other. Of a long sum the blocks add
// their terms in order, so blocks change no bits.
func gemm(threads int, dst Matrix, k int, a []float32, ai, ap int, b []float32, bp, bj int) {
	m, n := dst.Rows, dst.Dim
	if k == 0 || m == 0 || n == 0 {
		clear(dst.Data[:m*n])
		return
	}
	const tile, width = simd.GemmRows, simd.GemmColumns
	packed := blocks.Get().(*block)
	defer blocks.Put(packed)
	terms := evenly(k, simd.GemmTerms, 1)
	columns := evenly(n, blockSize/terms, width)
	for j := 0; j < n; j += columns {
		nb := min(columns, n-j)
		for p := 0; p < k; p += terms {
			kb := min(terms, k-p)
			shares(threads, (nb+width-1)/width, func(lo, hi int) {
				lo, hi = lo*width, min(hi*width, nb)
				simd.GemmPack(packed[lo*kb:], kb, hi-lo, b[p*bp+(j+lo)*bj:], bp, bj)
			})
			shares(threads, (m+tile-1)/tile, func(lo, hi int) {
				lo, hi = lo*tile, min(hi*tile, m)
				simd.Gemm(dst.Data[lo*n+j:], n, hi-lo, nb, kb, a[lo*ai+p*ap:], ai, ap, packed[:], p > 0)
			})
		}
	}
}

// evenly returns the size of the fewest even pieces of n, each a multiple of
// unit and at most about most.
func evenly(n, most, unit int) int {
	pieces := (n + most - 1) / most
	size := (n + pieces - 1) / pieces
	return (size + unit - 1) / unit * unit
}

// shares cuts [0,n) into one even range per thread and waits for f on all.
func shares(threads, n int, f func(lo, hi int)) {
	threads = min(threads, n)
	if threads <= 1 {
		f(0, n)
		return
	}
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() { f(n*t/threads, n*(t+1)/threads) })
	}
	wg.Wait()
}

// hasRow looks at the shape and at the data behind it.
func hasRow(m Matrix, r uint64) {
	high, low := bits.Mul64(r+1, uint64(m.Dim))
	if r >= uint64(max(m.Rows, 0)) || high > 0 || low > uint64(len(m.Data)) {
		panic(fmt.Sprintf("vec: no row %d in a matrix of %d×%d with %d values", r, m.Rows, m.Dim, len(m.Data)))
	}
}

func sameLen(a, b int) {
	if a != b {
		panic(fmt.Sprintf("vec: vectors of %d and %d values", a, b))
	}
}

func sameShape(dst, a, b Matrix, m, n, ka, kb int) {
	if ka != kb || dst.Rows != m || dst.Dim != n {
		panic(fmt.Sprintf("vec: product of %d×%d and %d×%d into %d×%d", m, ka, kb, n, dst.Rows, dst.Dim))
	}
	for _, x := range []Matrix{dst, a, b} {
		if size, ok := product(x.Rows, x.Dim); !ok || len(x.Data) < size {
			panic(fmt.Sprintf("vec: %d values are no matrix of %d×%d", len(x.Data), x.Rows, x.Dim))
		}
	}
}
