package stats

import "math"

// aliased is how small, relative to its length, what is left of a column may
// be before it counts as a combination of others. Logs of integers that are
// exact combinations come out near 1e-15; real designs lie above 1e-6.
const aliased = 1e-9

// Basis is an orthonormal basis of the columns of a design, built one column
// at a time (modified Gram–Schmidt, twice). Columns that are combinations of
// earlier ones add nothing, so dummies need no reference level.
type Basis struct {
	n int
	q [][]float64
}

// NewBasis returns an empty basis of vectors of length n.
func NewBasis(n int) *Basis { return &Basis{n: n} }

// Rank returns the number of independent columns added.
func (b *Basis) Rank() int { return len(b.q) }

// Add extends the basis by a column and says whether it was independent of
// those before.
func (b *Basis) Add(col []float64) bool {
	r := b.Residual(col)
	if r == nil {
		return false
	}
	norm := math.Sqrt(dot(r, r))
	for i := range r {
		r[i] /= norm
	}
	b.q = append(b.q, r)
	return true
}

// Residual returns what the basis does not explain of v, or nil where it
// explains all of it.
func (b *Basis) Residual(v []float64) []float64 {
	r := append([]float64(nil), v...)
	length := math.Sqrt(dot(r, r))
	for range 2 { // the second pass restores orthogonality lost to cancellation
		for _, q := range b.q {
			c := dot(q, r)
			for i := range r {
				r[i] -= float64(c * q[i])
			}
		}
	}
	if !(math.Sqrt(dot(r, r)) > aliased*length) {
		return nil
	}
	return r
}

// Leftover is Residual without the judgement: the remainder even where it is
// only rounding.
func (b *Basis) Leftover(v []float64) []float64 {
	r := append([]float64(nil), v...)
	for range 2 {
		for _, q := range b.q {
			c := dot(q, r)
			for i := range r {
				r[i] -= float64(c * q[i])
			}
		}
	}
	return r
}

// SlopeWeights returns w such that Σ wᵢ yᵢ is the least-squares coefficient of
// x when the columns of the basis are in the model too (Frisch–Waugh–Lovell),
// or nil where x is a combination of them.
func (b *Basis) SlopeWeights(x []float64) []float64 {
	r := b.Residual(x)
	if r == nil {
		return nil
	}
	ss := dot(r, r)
	for i := range r {
		r[i] /= ss
	}
	return r
}

// Mean returns the mean of x, summed in order; NaN of nothing.
func Mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// Variance returns the sample variance of x (n−1); 0 of fewer than two.
func Variance(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	m := Mean(x)
	var s float64
	for _, v := range x {
		s += float64((v - m) * (v - m))
	}
	return s / float64(len(x)-1)
}

func dot(a, b []float64) float64 {
	var s float64
	for i := range a {
		s += float64(a[i] * b[i])
	}
	return s
}
