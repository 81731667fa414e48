package subword

import "math"

// math.Exp and math.Log have assembly on some machines and their last bits
// differ. These are plain arithmetic, every product rounded before it is added.

// exp returns e^x with a relative error below 1e-13; below -708 it is 0.
func exp(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01 // 32 bits, so n·ln2Hi is exact
		ln2Lo = 1.90821492927058770002e-10
	)
	switch {
	case x != x:
		return x
	case x > 709:
		return math.Inf(1)
	case x < -708:
		return 0
	}
	n := math.Floor(float64(x*math.Log2E) + 0.5)
	r := (x - float64(n*ln2Hi)) - float64(n*ln2Lo)
	// Taylor's series; |r| < 0.35, so the first term left out is below 1e-14.
	p := 1.0 / 39916800
	p = 1.0/3628800 + float64(p*r)
	p = 1.0/362880 + float64(p*r)
	p = 1.0/40320 + float64(p*r)
	p = 1.0/5040 + float64(p*r)
	p = 1.0/720 + float64(p*r)
	p = 1.0/120 + float64(p*r)
	p = 1.0/24 + float64(p*r)
	p = 1.0/6 + float64(p*r)
	p = 1.0/2 + float64(p*r)
	p = 1 + float64(p*r)
	p = 1 + float64(p*r)
	return p * math.Float64frombits(uint64(int64(n)+1023)<<52)
}

// log returns the natural logarithm of a positive normal number with an
// absolute error of about 1e-15 per unit.
func log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.NaN()
	}
	m, e := math.Frexp(x) // exact
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	// log m = 2·atanh((m-1)/(m+1)); |s| < 0.172.
	s := (m - 1) / (m + 1)
	s2 := s * s
	var p float64
	for k := 21; k > 0; k -= 2 {
		p = 1/float64(k) + float64(p*s2)
	}
	return float64(2*float64(s*p)) + float64(float64(e)*math.Ln2)
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014; constants of
// Stafford's variant 13): a bijection whose output bits look independent.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio

// A stream is SplitMix64: word i is mix(start + (i+1)·golden).
type stream uint64

// newStream returns a stream of its own for every (seed, purpose, index).
func newStream(seed int64, purpose, index uint64) stream {
	return stream(mix(mix(mix(uint64(seed)+golden)^purpose) + index*golden))
}

func (s *stream) next() uint64 {
	*s += golden
	return mix(uint64(*s))
}

// below returns a number in [0,n), all equally likely.
func (s *stream) below(n int) int {
	// Reject the incomplete last interval.
	limit := math.MaxUint64 - math.MaxUint64%uint64(n)
	for {
		if v := s.next(); v < limit {
			return int(v % uint64(n))
		}
	}
}

// What streams are for.
const (
	purposeTable = 1 + iota
	purposeOrder
)
