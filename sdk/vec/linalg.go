package vec

import (
	"fmt"
	"sync"
)

// What trainers need. Every product is rounded to float32 before it is added,
// never fused, and every sum has one order, so the bits are the same for any
// number of threads and on any machine. This is not the scoring contract.

// Dot returns the inner product of x and y. Lane j, of eight, sums the
// products at indices that are j modulo 8, in order; the lanes are added as
// ((0+4)+(2+6)) + ((1+5)+(3+7)). It panics when the lengths differ.
func Dot(x, y []float32) float32 {
	sameLen(len(x), len(y))
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	y = y[:len(x)]
	for len(x) >= 8 && len(y) >= 8 {
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
		s4 += float32(x[4] * y[4])
		s5 += float32(x[5] * y[5])
		s6 += float32(x[6] * y[6])
		s7 += float32(x[7] * y[7])
		x, y = x[8:], y[8:]
	}
	s := [8]float32{s0, s1, s2, s3, s4, s5, s6, s7}
	for i, v := range x {
		s[i] += float32(v * y[i])
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

// Axpy adds a·x to y, element by element. It panics when the lengths differ.
func Axpy(a float32, x, y []float32) {
	sameLen(len(x), len(y))
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		y[0] += float32(a * x[0])
		y[1] += float32(a * x[1])
		y[2] += float32(a * x[2])
		y[3] += float32(a * x[3])
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		y[i] += float32(a * v)
	}
}

// SumRows adds the named rows of m to dst, in the order of the list. It panics
// when dst is not as long as a row or a row does not exist.
func SumRows(dst []float32, m Matrix, rows []uint32) {
	sameLen(len(dst), m.Dim)
	d := m.Dim
	for ; len(rows) >= 4; rows = rows[4:] {
		// One addition after the other, as the tail does, with a quarter of
		// the stores.
		a := m.Data[int(rows[0])*d:][:len(dst)]
		b := m.Data[int(rows[1])*d:][:len(dst)]
		c := m.Data[int(rows[2])*d:][:len(dst)]
		e := m.Data[int(rows[3])*d:][:len(dst)]
		for i, s := range dst {
			dst[i] = (((s + a[i]) + b[i]) + c[i]) + e[i]
		}
	}
	for _, r := range rows {
		a := m.Data[int(r)*d:][:len(dst)]
		for i := range dst {
			dst[i] += a[i]
		}
	}
}

// MatMul writes the product a·b, a of m×k and b of k×n, to dst, m×n:
//
//	dst[i][j] = Σ over p, in order from +0, of float32(a[i][p]·b[p][j])
//
// MatMulT and TMatMul differ only in how an operand is stored. dst must not
// overlap the operands. A shape that does not fit panics.
func MatMul(dst, a, b Matrix, threads int) {
	sameShape(dst, a.Rows, b.Dim, a.Dim, b.Rows)
	split(threads, dst.Rows, func(lo, hi int) { gemm(dst, lo, hi, a.Dim, a.Data, a.Dim, 1, b.Data, b.Dim) })
}

// TMatMul writes aᵀ·b, a of k×m and b of k×n, to dst, m×n. See MatMul.
func TMatMul(dst, a, b Matrix, threads int) {
	sameShape(dst, a.Dim, b.Dim, a.Rows, b.Rows)
	split(threads, dst.Rows, func(lo, hi int) { gemm(dst, lo, hi, a.Rows, a.Data, 1, a.Dim, b.Data, b.Dim) })
}

// MatMulT writes a·bᵀ, a of m×k and b of n×k, to dst, m×n. See MatMul.
func MatMulT(dst, a, b Matrix, threads int) {
	sameShape(dst, a.Rows, b.Rows, a.Dim, b.Dim)
	// Transposing b costs n·k moves and lets one loop serve all three.
	t := make([]float32, len(b.Data))
	for j := range b.Rows {
		for p, v := range b.Row(j) {
			t[p*b.Rows+j] = v
		}
	}
	split(threads, dst.Rows, func(lo, hi int) { gemm(dst, lo, hi, a.Dim, a.Data, a.Dim, 1, t, b.Rows) })
}

// gemm computes rows [lo,hi) of dst = a·b with a[i][p] at a[i*ai+p*ap] and b
// row-major with n columns, in tiles of 2×4 sums that stay in registers.
func gemm(dst Matrix, lo, hi, k int, a []float32, ai, ap int, b []float32, n int) {
	if k == 0 {
		clear(dst.Data[lo*n : hi*n])
		return
	}
	i := lo
	for ; i+2 <= hi; i += 2 {
		j := 0
		for ; j+4 <= n; j += 4 {
			var s00, s01, s02, s03, s10, s11, s12, s13 float32
			x, y := i*ai, (i+1)*ai
			z := j
			for range k {
				u, v := a[x], a[y]
				w := (*[4]float32)(b[z:])
				s00 += float32(u * w[0])
				s01 += float32(u * w[1])
				s02 += float32(u * w[2])
				s03 += float32(u * w[3])
				s10 += float32(v * w[0])
				s11 += float32(v * w[1])
				s12 += float32(v * w[2])
				s13 += float32(v * w[3])
				x, y, z = x+ap, y+ap, z+n
			}
			*(*[4]float32)(dst.Data[i*n+j:]) = [4]float32{s00, s01, s02, s03}
			*(*[4]float32)(dst.Data[(i+1)*n+j:]) = [4]float32{s10, s11, s12, s13}
		}
		for ; j < n; j++ {
			dst.Data[i*n+j] = column(k, a[i*ai:], ap, b[j:], n)
			dst.Data[(i+1)*n+j] = column(k, a[(i+1)*ai:], ap, b[j:], n)
		}
	}
	for ; i < hi; i++ {
		for j := range n {
			dst.Data[i*n+j] = column(k, a[i*ai:], ap, b[j:], n)
		}
	}
}

func column(k int, a []float32, ap int, b []float32, bp int) float32 {
	var s float32
	for p := range k {
		s += float32(a[p*ap] * b[p*bp])
	}
	return s
}

// split cuts [0,n) into one even range per thread and waits for f on all.
func split(threads, n int, f func(lo, hi int)) {
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

func sameLen(a, b int) {
	if a != b {
		panic(fmt.Sprintf("vec: vectors of %d and %d values", a, b))
	}
}

func sameShape(dst Matrix, m, n, ka, kb int) {
	if ka != kb || dst.Rows != m || dst.Dim != n || len(dst.Data) < m*n {
		panic(fmt.Sprintf("vec: product of %d×%d and %d×%d into %d×%d", m, ka, kb, n, dst.Rows, dst.Dim))
	}
}
