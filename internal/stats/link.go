package stats

import "math"

// Expit returns 1/(1+exp(−x)), the inverse of ln(p/(1−p)).
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
	return float64(p * (1 - p)) // rounded, also where it is a term of a sum
}

// EmpiricalLogit returns ln((Q·m+½)/(Q·(1−m)+½)), the logit of a mean m in
// [0, 1] of q values, finite also at 0 and 1 (Haldane 1956, Anscombe 1956).
func EmpiricalLogit(m float64, q int) float64 {
	n := float64(q)
	return math.Log((float64(n*m) + 0.5) / (float64(n*(1-m)) + 0.5))
}

// EmpiricalProbit is EmpiricalLogit with the normal quantile for the link, in
// units of the logit: multiplied by 1.6, which makes slopes comparable.
func EmpiricalProbit(m float64, q int) float64 {
	n := float64(q)
	return 1.6 * NormalQuantile((float64(n*m)+0.5)/(n+1))
}
