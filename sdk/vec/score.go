package vec

import "github.com/xlrun/xlrun/internal/simd"

// Score returns the inner product of q and d as a search computes it. It panics
// when the lengths differ. It is the slow, plain form of the contract.
func Score(q, d []float32) float32 {
	sameLen(len(q), len(d))
	var total float32
	for len(q) > 0 {
		n := min(128, len(q))
		var acc float32
		for i, x := range q[:n] {
			acc = simd.FMA32(x, d[i], acc)
		}
		total += acc
		q, d = q[n:], d[n:]
	}
	return total
}
