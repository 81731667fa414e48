package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A kernel is one of the forms that score.
type kernelCase struct {
	level Level
	width int
	one   bool
}

func (c kernelCase) String() string {
	if c.one {
		return fmt.Sprintf("one at %s", c.level)
	}
	return fmt.Sprintf("%d wide at %s", c.width, c.level)
}

// cases returns every form that this machine has.
func cases() []kernelCase {
	var out []kernelCase
	for l := Go; l <= Best; l++ {
		before := Use(l)
		for _, w := range Widths() {
			out = append(out, kernelCase{l, w, false})
		}
		out = append(out, kernelCase{l, 1, true})
		Use(before)
	}
	return out
}

func random(rng *rand.Rand, gen func(*rand.Rand) float32, rows, dims int) [][]float32 {
	m := make([][]float32, rows)
	for i := range m {
		m[i] = make([]float32, dims)
		for p := range m[i] {
			m[i][p] = gen(rng)
		}
	}
	return m
}

// packed lays rows out in one panel of the given width, rows that are missing
// as zeros.
func packed(rows [][]float32, width, dims int) []float32 {
	out := make([]float32, width*dims)
	for i, r := range rows {
		for p, x := range r {
			out[p*width+i] = x
		}
	}
	return out
}

func floors(n int) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(math.Inf(-1))
	}
	return f
}
