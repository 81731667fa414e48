package vec

import "math"

const (
	chunkDims = 128 // dimensions whose sum is formed before it is added to the score
	tileDocs  = 8   // documents scored together, to hide the latency of the sums
)

// A tile holds tileDocs documents with one dimension after the other, widened
// to float64, as the kernel reads them.
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

// widen writes x, divided by norm and rounded to float32, to dst; norm 0 or 1
// leaves the values alone. It reports whether an element is tiny.
func widen(dst []float64, x []float32, norm float64) (tiny bool) {
	dst = dst[:len(x)]
	for i, v := range x {
		if norm != 0 && norm != 1 {
			v = float32(float64(v) / norm)
		}
		tiny = tiny || isTiny(v)
		dst[i] = float64(v)
	}
	return tiny
}

// widenTile writes x into column j of a tile, as widen does.
func widenTile(dst tile, j int, x []float32, norm float64) (tiny bool) {
	dst = dst[:len(x)]
	j &= tileDocs - 1
	for i, v := range x {
		if norm != 0 && norm != 1 {
			v = float32(float64(v) / norm)
		}
		tiny = tiny || isTiny(v)
		dst[i][j] = float64(v)
	}
	return tiny
}

// Score returns the inner product of q and d as TopK computes it. It panics
// when the lengths differ. It is the slow, plain form of the contract.
func Score(q, d []float32) float32 {
	if len(q) != len(d) {
		panic("vec: Score of vectors of different length")
	}
	var total float32
	for len(q) > 0 {
		n := min(chunkDims, len(q))
		var acc float32
		for i, x := range q[:n] {
			acc = fma32(x, d[i], acc)
		}
		total += acc
		q, d = q[n:], d[n:]
	}
	return total
}
