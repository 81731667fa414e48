package simd

import "math"

// FMA32 returns a*b+c rounded once to float32, the bits of a hardware fused
// multiply-add, on any machine.
func FMA32(a, b, c float32) float32 {
	// The product of two float32 is exact in float64.
	return float32(oddSum(float64(c), float64(a)*float64(b)))
}

// oddSum returns c+p rounded to odd: exact, or the neighbour whose last bit is
// set. Rounding that to float32 equals rounding the true sum (Boldo and
// Melquiond, "Emulation of FMA and correctly rounded sums", 2008), since
// float64 carries more than two bits beyond float32, subnormals included.
// c is a float32 and p a product of two, so nothing overflows.
func oddSum(c, p float64) float64 {
	s := c + p
	// TwoSum: e is the error of s.
	t := s - c
	e := (c - (s - t)) + (p - t)
	// Infinities and NaN make e a NaN, which must leave s alone.
	if e > 0 || e < 0 {
		if b := math.Float64bits(s); b&1 == 0 {
			if (e > 0) == (s > 0) {
				b++
			} else {
				b--
			}
			s = math.Float64frombits(b)
		}
	}
	return s
}

// A float64 sum that is rounded again to float32 goes wrong only when it lies
// on the midpoint of two float32: then its 29 low bits are a one and zeros.
// That holds where the result is a normal float32. Below, the midpoint lies
// elsewhere, but there the float64 sum is exact unless an operand is tiny:
// elements of at least 2^-66 have products on the grid 2^-178, and a sum below
// 2^-126 on that grid has at most 52 bits.
const (
	midpointShift = 64 - 29
	midpoint      = 1 << 63
	tinyBits      = (127 - 66) << 23 // bits of 2^-66
)

// isTiny reports 0 < |x| < 2^-66.
func isTiny(x float32) bool {
	// Zero wraps around to the largest number.
	return math.Float32bits(x)&0x7fffffff-1 < tinyBits-1
}
