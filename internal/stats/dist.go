package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// manyDF is where a t distribution and the normal agree to ten digits.
const manyDF = 1e9

// TQuantile returns the p quantile of Student's t with df degrees of freedom,
// which need not be whole. df ≤ 0 or p outside (0, 1) gives NaN.
func TQuantile(p, df float64) float64 {
	if !(df > 0) || !(p > 0 && p < 1) {
		return math.NaN()
	}
	if df > manyDF {
		return NormalQuantile(p)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(p)
}

// TUpper returns the probability that Student's t with df degrees of freedom
// exceeds t.
func TUpper(t, df float64) float64 {
	switch {
	case !(df > 0) || math.IsNaN(t):
		return math.NaN()
	case math.IsInf(t, 1):
		return 0
	case math.IsInf(t, -1):
		return 1
	case df > manyDF:
		return distuv.UnitNormal.CDF(-t)
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.CDF(-t) // the lower tail keeps its digits
}

// NormalQuantile returns the p quantile of the standard normal.
func NormalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// FUpper returns the probability that F with d1 and d2 degrees of freedom
// exceeds f.
func FUpper(f, d1, d2 float64) float64 {
	if !(d1 > 0) || !(d2 > 0) || math.IsNaN(f) {
		return math.NaN()
	}
	return distuv.F{D1: d1, D2: d2}.Survival(f)
}
