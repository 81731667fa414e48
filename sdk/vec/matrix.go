package vec

import (
	"errors"
	"fmt"
	"math"
)

// Matrix is a row-major matrix of float32: row i is Data[i*Dim : (i+1)*Dim].
type Matrix struct {
	Rows int
	Dim  int
	Data []float32
}

// NewMatrix returns a rows×dim matrix of zeros.
func NewMatrix(rows, dim int) Matrix {
	return Matrix{Rows: rows, Dim: dim, Data: make([]float32, rows*dim)}
}

// Row returns row i, sharing memory with the matrix.
func (m Matrix) Row(i int) []float32 {
	return m.Data[i*m.Dim : (i+1)*m.Dim : (i+1)*m.Dim]
}

// Check reports a shape that does not fit the data.
func (m Matrix) Check() error {
	if m.Rows < 0 || m.Dim < 0 {
		return fmt.Errorf("matrix of %d×%d: the shape must not be negative", m.Rows, m.Dim)
	}
	n, ok := product(m.Rows, m.Dim)
	if !ok {
		return fmt.Errorf("matrix of %d×%d: the shape does not fit in memory", m.Rows, m.Dim)
	}
	if n != len(m.Data) {
		return fmt.Errorf("matrix of %d×%d: want %d values, got %d", m.Rows, m.Dim, n, len(m.Data))
	}
	return nil
}

// Normalize scales every row to unit length in place: the norm is a float64
// sum of squares in index order, every element is divided by it in float64 and
// rounded once. A row of zeros stays as it is; Normalize returns how many
// there were.
func (m Matrix) Normalize() (zeros int) {
	for i := range m.Rows {
		if !NormalizeRow(m.Row(i)) {
			zeros++
		}
	}
	return zeros
}

// NormalizeRow scales x to unit length as Matrix.Normalize does. It reports
// false, and leaves x alone, when x is all zeros or empty.
func NormalizeRow(x []float32) bool {
	n := math.Sqrt(squares(x))
	if n == 0 {
		return false
	}
	for i, v := range x {
		x[i] = float32(float64(v) / n)
	}
	return true
}

// squares returns Σ x². The square of a float32 is exact in float64, so fusing
// changes nothing; the sum cannot overflow.
func squares(x []float32) float64 {
	var s float64
	for _, v := range x {
		f := float64(v)
		s += float64(f * f)
	}
	return s
}

// product returns a*b for non-negative a and b, or false when it overflows.
func product(a, b int) (int, bool) {
	if a < 0 || b < 0 || (b != 0 && a > math.MaxInt/b) {
		return 0, false
	}
	return a * b, true
}

var errClosed = errors.New("the file is closed")
