package analysis

import (
	"math"
	"testing"

	"github.com/xlrun/xlrun/internal/stats"
)

// leastSquares regresses y on columns, one after the other: the coefficients
// and their standard errors. The columns include the constant if one is wanted.
func leastSquares(t *testing.T, y []float64, x ...[]float64) (coef, se []float64) {
	t.Helper()
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += float64(a[i] * b[i])
		}
		return s
	}
	all := stats.NewBasis(len(y))
	for j := range x {
		all.Add(x[j])
		others := stats.NewBasis(len(y))
		for k := range x {
			if k != j {
				others.Add(x[k])
			}
		}
		w := others.SlopeWeights(x[j])
		if w == nil {
			t.Fatalf("column %d is a combination of the others", j)
		}
		coef, se = append(coef, dot(w, y)), append(se, math.Sqrt(dot(w, w)))
	}
	residual := all.Leftover(y)
	for j := range se {
		se[j] *= math.Sqrt(dot(residual, residual) / float64(len(y)-len(x)))
	}
	return coef, se
}
