package stats

import (
	"math"
	"slices"
)

// Hill returns the Hill number of order q of some amounts: the effective
// number of kinds, (Σ pᵢ^q)^{1/(1−q)} with p the shares. Order 0 counts the
// kinds, order 1 is exp of the Shannon entropy, order 2 the inverse Simpson
// index, order +Inf the inverse of the largest share (Hill 1973).
//
// Amounts are not negative and need not sum to 1. Without any, it is 0.
func Hill(amounts []float64, q float64) float64 {
	var total float64
	for _, a := range amounts {
		total += a
	}
	if !(total > 0) {
		return 0
	}
	var sum, largest float64
	for _, a := range amounts {
		p := a / total
		if p == 0 {
			continue
		}
		largest = max(largest, p)
		if q == 1 {
			sum -= p * math.Log(p)
		} else {
			sum += math.Pow(p, q)
		}
	}
	switch {
	case q == 1:
		return math.Exp(sum)
	case math.IsInf(q, 1):
		return 1 / largest
	}
	return math.Pow(sum, 1/(1-q))
}

// Gini returns the Gini coefficient of values that are not negative,
// Σ|xₐ−x_b|/(2n²x̄): 0 where all are equal, also where all are 0, and (n−1)/n
// where one has everything. NaN of nothing.
func Gini(x []float64) float64 {
	n := float64(len(x))
	var sum, weighted float64
	for i, v := range slices.Sorted(slices.Values(x)) {
		sum += v
		weighted += float64(2*(i+1)-len(x)-1) * v
	}
	if len(x) > 0 && sum == 0 {
		return 0
	}
	return weighted / (n * sum)
}
