package simd

// The products of trainers and of walks on graphs. Every product is rounded to
// float32 before it is added, never fused, and every sum has one order. Of a
// NaN only its being one is promised.

// Dot returns the inner product of x and y, of one length. Lane j, of eight,
// sums from +0 the products at indices that are j modulo 8, in order:
//
//	for i := range x { s[i%8] += float32(x[i] * y[i]) }
//	return ((s[0]+s[4]) + (s[2]+s[6])) + ((s[1]+s[5]) + (s[3]+s[7]))
func Dot(x, y []float32) float32 {
	if level >= AVX2 && len(x) > 0 {
		return dotAVX2(&x[0], &y[0], len(x))
	}
	return dotGo(x, y)
}

func dotGo(x, y []float32) float32 {
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

// Calls of assembly are kept short, because the collector cannot interrupt
// them: this many values of a table per call.
const perCall = 1 << 16

// DotRows writes Dot of x and each named row of m, rows of len(x) values:
//
//	for i, r := range rows { dst[i] = Dot(x, m[r*len(x):][:len(x)]) }
func DotRows(dst, x, m []float32, rows []int32) {
	if level < AVX2 || len(x) == 0 {
		dotRowsGo(dst, x, m, rows)
		return
	}
	for len(rows) > 0 {
		n := min(len(rows), perCall/len(x)&^3+4)
		dotRowsAVX2(&dst[0], &x[0], &m[0], len(x), &rows[0], n)
		dst, rows = dst[n:], rows[n:]
	}
}

func dotRowsGo(dst, x, m []float32, rows []int32) {
	for i, r := range rows {
		dst[i] = dotGo(x, m[int(r)*len(x):][:len(x)])
	}
}

// Axpy adds a multiple of x to y, of one length:
//
//	for i := range x { y[i] += float32(a * x[i]) }
func Axpy(a float32, x, y []float32) {
	if level >= AVX2 && len(x) > 0 {
		axpyAVX2(a, &x[0], &y[0], len(x))
		return
	}
	axpyGo(a, x, y)
}

func axpyGo(a float32, x, y []float32) {
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

// AxpyRows adds multiples of the rows of x, of dim values each, to named rows of
// m, one after the other:
//
//	for i, r := range rows { Axpy(a[i], x[i*dim:][:dim], m[r*dim:][:dim]) }
func AxpyRows(m []float32, rows []uint32, a, x []float32, dim int) {
	if level < AVX2 || dim == 0 {
		axpyRowsGo(m, rows, a, x, dim)
		return
	}
	for len(rows) > 0 {
		n := min(len(rows), perCall/dim+1)
		axpyRowsAVX2(&m[0], &rows[0], &a[0], &x[0], dim, n)
		rows, a, x = rows[n:], a[n:], x[n*dim:]
	}
}

func axpyRowsGo(m []float32, rows []uint32, a, x []float32, dim int) {
	for i, r := range rows {
		axpyGo(a[i], x[i*dim:][:dim], m[int(r)*dim:][:dim])
	}
}

// SumRows adds the named rows of m, of len(dst) values each, one after the
// other:
//
//	for _, r := range rows { for j := range dst { dst[j] += m[r*len(dst)+j] } }
func SumRows(dst, m []float32, rows []uint32) {
	if level < AVX2 || len(dst) == 0 {
		sumRowsGo(dst, m, rows)
		return
	}
	for len(rows) > 0 {
		n := min(len(rows), perCall/len(dst)+1)
		sumRowsAVX2(&dst[0], len(dst), &m[0], &rows[0], n)
		rows = rows[n:]
	}
}

func sumRowsGo(dst, m []float32, rows []uint32) {
	d := len(dst)
	for ; len(rows) >= 4; rows = rows[4:] {
		// One addition after the other, as the tail does, with a quarter of
		// the stores.
		a := m[int(rows[0])*d:][:d]
		b := m[int(rows[1])*d:][:d]
		c := m[int(rows[2])*d:][:d]
		e := m[int(rows[3])*d:][:d]
		for i, s := range dst {
			dst[i] = (((s + a[i]) + b[i]) + c[i]) + e[i]
		}
	}
	for _, r := range rows {
		a := m[int(r)*d:][:d]
		for i := range dst {
			dst[i] += a[i]
		}
	}
}

// A product is computed in tiles.
const (
	GemmRows    = 6   // rows of a tile: work is best divided by this many
	GemmColumns = 16  // columns of a tile: the width of packed panels
	GemmTerms   = 256 // at most, of a sum, in one call
)

// GemmPack packs the k×n matrix with element (p, j) at b[p*bp+j*bj] into panels
// of 16 columns, the last filled up with zeros. bp or bj is 1.
//
//	dst[((j/16)*k+p)*16 + j%16] = b[p*bp+j*bj]
func GemmPack(dst []float32, k, n int, b []float32, bp, bj int) {
	if bj == 1 {
		packRows(dst, k, n, b, bp)
		return
	}
	for j := 0; j < n; j += GemmColumns {
		packColumns(dst[j*k:][:k*GemmColumns], k, min(GemmColumns, n-j), b[j*bj:], bj)
	}
}

// packRows packs rows of n values.
func packRows(dst []float32, k, n int, b []float32, bp int) {
	j := 0
	if whole := n / GemmColumns; level >= AVX2 && whole > 0 {
		packAVX2(&dst[0], &b[0], bp, k, whole)
		j = whole * GemmColumns
	}
	for ; j < n; j += GemmColumns {
		panel, w := dst[j*k:], min(GemmColumns, n-j)
		for p := range k {
			to := panel[p*GemmColumns:][:GemmColumns]
			clear(to[copy(to, b[p*bp+j:][:w]):])
		}
	}
}

// packColumns packs w columns that lie as rows in b.
func packColumns(panel []float32, k, w int, b []float32, bj int) {
	if w < GemmColumns {
		clear(panel)
	}
	j := 0
	for ; level >= AVX2 && k >= 8 && j+8 <= w; j += 8 {
		var rows [8]*float32
		for i := range rows {
			rows[i] = &b[(j+i)*bj]
		}
		packHalf(&panel[j], &rows, k&^7)
		for i := range rows {
			for p := k &^ 7; p < k; p++ {
				panel[p*GemmColumns+j+i] = b[(j+i)*bj+p]
			}
		}
	}
	for ; j < w; j++ {
		for p, v := range b[j*bj:][:k] {
			panel[p*GemmColumns+j] = v
		}
	}
}

// Gemm multiplies m rows of a, element (i, p) at a[i*ai+p*ap], by a packed k×n
// matrix. Every element of c is a sum over p, in order, from +0 or, with add,
// from what is there:
//
//	c[i*ldc+j] += float32(a[i*ai+p*ap] * b[((j/16)*k+p)*16 + j%16])
//
// ai or ap is 1, k is positive and at most GemmTerms.
func Gemm(c []float32, ldc, m, n, k int, a []float32, ai, ap int, b []float32, add bool) {
	if level == Go {
		gemmGo(c, ldc, m, n, k, a, ai, ap, b, add)
		return
	}
	whole := n / GemmColumns
	// Values of a that lie far apart are brought together when enough panels
	// read them.
	var near [GemmRows * GemmTerms]float32
	far := ai >= 512 && whole >= 3 || ap > 1 && whole >= 8
	for i := 0; i < m; i += GemmRows {
		rows := min(GemmRows, m-i)
		a, ai, ap, c := a[i*ai:], ai, ap, c[i*ldc:]
		if far {
			ai, ap = gather(near[:], rows, k, a, ai, ap)
			a = near[:]
		}
		if whole > 0 {
			gemmTile(rows, &c[0], ldc, &a[0], ai, ap, &b[0], k, whole, add)
		}
		if w := n % GemmColumns; w > 0 {
			var edge [GemmRows * GemmColumns]float32
			c := c[whole*GemmColumns:]
			if add {
				for r := range rows {
					copy(edge[r*GemmColumns:], c[r*ldc:][:w])
				}
			}
			gemmTile(rows, &edge[0], GemmColumns, &a[0], ai, ap, &b[whole*k*GemmColumns], k, 1, add)
			for r := range rows {
				copy(c[r*ldc:][:w], edge[r*GemmColumns:])
			}
		}
	}
}

// gather copies a tile of a and returns its strides.
func gather(near []float32, rows, k int, a []float32, ai, ap int) (int, int) {
	switch {
	case ap == 1:
		for r := range rows {
			copy(near[r*k:], a[r*ai:][:k])
		}
		return k, 1
	case rows == GemmRows:
		for p := range k {
			*(*[GemmRows]float32)(near[p*GemmRows:]) = *(*[GemmRows]float32)(a[p*ap:])
		}
	default:
		for p := range k {
			copy(near[p*GemmRows:], a[p*ap:][:rows])
		}
	}
	return 1, GemmRows
}

// gemmGo keeps tiles of 2×4 sums in registers.
func gemmGo(c []float32, ldc, m, n, k int, a []float32, ai, ap int, b []float32, add bool) {
	for i := 0; i < m; i += 2 {
		for j := 0; j < n; j += 4 {
			panel := b[j/GemmColumns*k*GemmColumns+j%GemmColumns:]
			w := min(4, n-j)
			var s, t [4]float32
			c0 := c[i*ldc+j:][:w]
			c1 := c0[:0]
			if i+1 < m {
				c1 = c[(i+1)*ldc+j:][:w]
			}
			if add {
				copy(s[:], c0)
				copy(t[:], c1)
			}
			s0, s1, s2, s3, t0, t1, t2, t3 := s[0], s[1], s[2], s[3], t[0], t[1], t[2], t[3]
			x, y, z := i*ai, min(i+1, m-1)*ai, 0
			for range k {
				u, v := a[x], a[y]
				w := (*[4]float32)(panel[z:])
				s0 += float32(u * w[0])
				s1 += float32(u * w[1])
				s2 += float32(u * w[2])
				s3 += float32(u * w[3])
				t0 += float32(v * w[0])
				t1 += float32(v * w[1])
				t2 += float32(v * w[2])
				t3 += float32(v * w[3])
				x, y, z = x+ap, y+ap, z+GemmColumns
			}
			s, t = [4]float32{s0, s1, s2, s3}, [4]float32{t0, t1, t2, t3}
			copy(c0, s[:])
			copy(c1, t[:])
		}
	}
}
