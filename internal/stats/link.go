package stats

import "math"

// Expit returns 1/(1+exp(−x)), the inverse of Logit.
func Expit(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

// ExpitSlope returns the derivative of Expit at x.
func ExpitSlope(x float64) float64 {
	p := Expit(x)
	return p * (1 - p)
}

// EmpiricalLogit returns ln((Q·m+½)/(Q·(1−m)+½)), the logit of a mean m in
// [0, 1] of q values, finite also at 0 and 1 (Haldane 1956, Anscombe 1956).
func EmpiricalLogit(m float64, q int) float64 {
	n := float64(q)
	return math.Log((n*m + 0.5) / (n*(1-m) + 0.5))
}

// EmpiricalProbit is EmpiricalLogit with the normal quantile for the link, in
// units of the logit: multiplied by 1.6, which makes slopes comparable.
func EmpiricalProbit(m float64, q int) float64 {
	n := float64(q)
	return 1.6 * NormalQuantile((n*m+0.5)/(n+1))
}
