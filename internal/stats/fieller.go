package stats

import "math"

// Fieller returns the limits of the ratio num/den of two estimates with
// variances vNum and vDen, covariance cov and t quantile t. bounded is false
// where den is not told from 0, so that no finite limits exist (Fieller 1954).
func Fieller(num, den, vNum, vDen, cov, t float64) (low, high float64, bounded bool) {
	g := t * t * vDen / (den * den)
	if !(g < 1) {
		return 0, 0, false
	}
	r := num / den
	if vDen == 0 {
		half := float64(t / math.Abs(den) * math.Sqrt(vNum))
		return r - half, r + half, true
	}
	inside := vNum - float64(2*r*cov) + float64(r*r*vDen) - float64(g*(vNum-cov*cov/vDen))
	half := float64(t / math.Abs(den) * math.Sqrt(max(0, inside)))
	mid := r - g*cov/vDen
	return (mid - half) / (1 - g), (mid + half) / (1 - g), true
}
