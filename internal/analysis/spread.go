package analysis

import (
	"math"

	"github.com/xlrun/xlrun/internal/stats"
)

// noSpread is how small a scatter is that comes from rounding alone. Values of
// measures are of the order of 1, and differences of them are off by some 1e-16
// however small they are.
const noSpread = 1e-12

// roundedOnly tells whether a deviation of values around so large comes from
// rounding alone.
func roundedOnly(deviation, size float64) bool {
	return deviation <= noSpread*max(1, math.Abs(size))
}

// difference is a−b, and 0 where that comes from rounding alone: two ways to
// one mean must not win or lose.
func difference(a, b float64) float64 {
	if roundedOnly(math.Abs(a-b), max(math.Abs(a), math.Abs(b))) {
		return 0
	}
	return a - b
}

// Few queries with skewed differences mislead every test; these are the limits
// at which that is said.
const (
	fewQueries = 50
	muchSkew   = 1.0
)

// testDifferences is the paired t-test of differences with an interval of the
// given level. Differences that are all equal leave it nothing to judge by, and
// it would be certain after two of them: there P is that of the sign-flip test
// with so many draws, T, DZ and G are infinite, and Low and High are NaN. Where
// all are 0 it stays as it is: P is 1, and the interval 0.
func testDifferences(d []float64, level float64, draws int, seed uint64) stats.Paired {
	t := stats.PairedT(d, level)
	if t.N < 2 || t.Mean == 0 || !roundedOnly(t.SD, t.Mean) {
		return t
	}
	infinite := math.Inf(int(math.Copysign(1, t.Mean)))
	t.P, _ = stats.SignFlip(d, draws, seed)
	t.T, t.DZ, t.G, t.SD, t.SE, t.Skew = infinite, infinite, infinite, 0, 0, 0
	t.Low, t.High = math.NaN(), math.NaN()
	return t
}

// flipSeed is the seed of sign flips where nobody chooses one: equal records
// give equal p values.
const flipSeed = 1
