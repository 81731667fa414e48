package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/xlrun/xlrun/internal/simd"
)

// atEveryLevel runs f with the kernels of every level that the machine has.
func atEveryLevel(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for l := simd.Go; l <= simd.Best; l++ {
		t.Run(l.String(), func(t *testing.T) {
			defer simd.Use(simd.Use(l))
			f(t)
		})
	}
}

// An arena hands out slices with guards around them, off every alignment.
type arena struct {
	rng  *rand.Rand
	made [][]float32
}

const guard = 8 // values before and after; NaN, so that reading one shows too

var guardBits = math.Float32bits(float32(math.NaN())) | 0xbad

func (a *arena) alloc(n, offset int) []float32 {
	all := make([]float32, guard+offset+n+guard)
	for i := range all {
		all[i] = math.Float32frombits(guardBits)
	}
	a.made = append(a.made, all[:guard+offset], all[guard+offset+n:])
	return all[guard+offset:][:n:n]
}

func (a *arena) check(t *testing.T, what string) {
	t.Helper()
	for _, g := range a.made {
		for _, v := range g {
			if math.Float32bits(v) != guardBits {
				t.Fatalf("%s: a value beside the operands became %v", what, v)
			}
		}
	}
	a.made = a.made[:0]
}

// valueKinds are what operands are filled with. Those of "odd" are not finite, zeros of both signs and
// subnormal; those of "cancelling" are few magnitudes, far apart, of both signs.
var valueKinds = []string{"normal", "cancelling", "tiny", "odd"}

func (a *arena) fill(x []float32, kind string) {
	odd := []float32{
		0, float32(math.Copysign(0, -1)), 1, -1, 1e-45, -1e-45, 0x1p-126, -0x1.8p-127,
		math.MaxFloat32, -math.MaxFloat32, 1e-20, -1e20,
	}
	for i := range x {
		v := float32(a.rng.NormFloat64())
		switch kind {
		case "cancelling":
			v = float32(math.Ldexp(1+float64(a.rng.IntN(3))*0x1p-20, 5*a.rng.IntN(8)))
			if a.rng.IntN(2) == 0 {
				v = -v
			}
		case "tiny":
			v *= 0x1p-75 // products are subnormal or nothing
		case "odd":
			v = odd[a.rng.IntN(len(odd))]
			if a.rng.IntN(64) == 0 {
				v = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[a.rng.IntN(3)]
			}
		}
		x[i] = v
	}
}

func (a *arena) make(n, offset int, kind string) []float32 {
	x := a.alloc(n, offset)
	a.fill(x, kind)
	return x
}

func (a *arena) matrix(rows, dim, offset int, kind string) Matrix {
	return Matrix{Rows: rows, Dim: dim, Data: a.make(rows*dim, offset, kind)}
}

func sameFloat(want, got float32) bool {
	return math.Float32bits(want) == math.Float32bits(got) || want != want && got != got
}

func sameFloats(t *testing.T, what string, want, got []float32) {
	t.Helper()
	for i, w := range want {
		if !sameFloat(w, got[i]) {
			t.Fatalf("%s: want %v (%#x) at %d, got %v (%#x)", what, w, math.Float32bits(w), i, got[i], math.Float32bits(got[i]))
		}
	}
}

// naiveDot is the documented loop.
func naiveDot(x, y []float32) float32 {
	var s [8]float32
	for i := range x {
		s[i%8] += float32(x[i] * y[i])
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

// near compares a sum of n products, of which every one passes through at most
// the given number of roundings, with the sum in float64.
func near(t *testing.T, what string, got float32, roundings int, x, y []float32) {
	t.Helper()
	var sum, size float64
	for i := range x {
		p := float64(x[i]) * float64(y[i])
		sum += p
		size += math.Abs(p)
	}
	bound := math.Expm1(float64(roundings)*0x1p-24)*size + float64(len(x))*0x1p-150 + float64(len(x))*0x1p-52*size
	if d := math.Abs(float64(got) - sum); !(d <= bound) {
		t.Fatalf("%s: %v is off by %g from %v, the bound is %g", what, got, d, sum, bound)
	}
}

func TestDot(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		a := &arena{rng: rand.New(rand.NewPCG(2, 9))}
		for n := range 261 {
			for offset := range 8 {
				for _, kind := range valueKinds {
					what := fmt.Sprintf("Dot of %d %s values, offset %d", n, kind, offset)
					x, y := a.make(n, offset, kind), a.make(n, n%8, kind)
					got := Dot(x, y)
					sameFloats(t, what, []float32{naiveDot(x, y)}, []float32{got})
					if kind == "normal" || kind == "cancelling" || kind == "tiny" {
						near(t, what, got, (n+7)/8+4, x, y)
					}
					a.check(t, what)
				}
			}
		}
	})
}

func TestDotRows(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		a := &arena{rng: rand.New(rand.NewPCG(3, 9))}
		try := func(dim, count, offset int, kind string) {
			t.Helper()
			what := fmt.Sprintf("DotRows of %d rows of %d %s values, offset %d", count, dim, kind, offset)
			m := a.matrix(5, dim, offset, kind)
			x, dst := a.make(dim, dim%8, kind), a.alloc(count, offset)
			rows := make([]int32, count)
			want := make([]float32, count)
			for i := range rows {
				rows[i] = a.rng.Int32N(5)
				want[i] = naiveDot(x, m.Row(int(rows[i])))
			}
			DotRows(dst, x, m, rows)
			sameFloats(t, what, want, dst)
			a.check(t, what)
		}
		for dim := range 261 {
			for _, kind := range valueKinds {
				try(dim, a.rng.IntN(14), a.rng.IntN(8), kind)
			}
		}
		for count := range 40 {
			try(33, count, count%8, "normal")
		}
		// More than one call of assembly.
		try(5000, 100, 3, "normal")
		try(1<<18+5, 9, 1, "normal")
	})
}

func TestAxpy(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		a := &arena{rng: rand.New(rand.NewPCG(4, 9))}
		for n := range 261 {
			for offset := range 8 {
				for _, kind := range valueKinds {
					what := fmt.Sprintf("Axpy of %d %s values, offset %d", n, kind, offset)
					x, y, c := a.make(n, offset, kind), a.make(n, n%8, kind), a.make(1, 0, kind)[0]
					want := slices.Clone(y)
					for i := range want {
						want[i] += float32(c * x[i])
					}
					Axpy(c, x, y)
					sameFloats(t, what, want, y)
					// x and y may be one.
					for i, v := range x {
						want[i] = v + float32(c*v)
					}
					Axpy(c, x, x)
					sameFloats(t, what+" to itself", want, x)
					a.check(t, what)
				}
			}
		}
	})
}

func TestAxpyRows(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		a := &arena{rng: rand.New(rand.NewPCG(8, 9))}
		try := func(dim, count, offset int, kind string) {
			t.Helper()
			what := fmt.Sprintf("AxpyRows of %d rows of %d %s values, offset %d", count, dim, kind, offset)
			m, x, c := a.matrix(9, dim, offset, kind), a.matrix(count, dim, dim%8, kind), a.make(count, 0, kind)
			want, rows := slices.Clone(m.Data), make([]uint32, count)
			for i := range rows {
				rows[i] = a.rng.Uint32N(9)
				for j, v := range x.Row(i) {
					want[int(rows[i])*dim+j] += float32(c[i] * v)
				}
			}
			AxpyRows(m, rows, c, x)
			sameFloats(t, what, want, m.Data)
			a.check(t, what)
		}
		for dim := range 261 {
			for _, kind := range valueKinds {
				try(dim, a.rng.IntN(30), a.rng.IntN(8), kind)
			}
		}
		for count := range 20 {
			try(77, count, count%8, "normal")
		}
		try(5000, 50, 3, "normal")
		try(1<<17+3, 4, 5, "normal")
	})
}

func TestSumRows(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		a := &arena{rng: rand.New(rand.NewPCG(5, 9))}
		try := func(dim, count, offset int, kind string) {
			t.Helper()
			what := fmt.Sprintf("SumRows of %d rows of %d %s values, offset %d", count, dim, kind, offset)
			m, dst := a.matrix(9, dim, offset, kind), a.make(dim, dim%8, kind)
			want, rows := slices.Clone(dst), make([]uint32, count)
			for i := range rows {
				rows[i] = a.rng.Uint32N(9)
				for j, v := range m.Row(int(rows[i])) {
					want[j] += v
				}
			}
			SumRows(dst, m, rows)
			sameFloats(t, what, want, dst)
			a.check(t, what)
		}
		for dim := range 261 {
			for _, kind := range valueKinds {
				try(dim, a.rng.IntN(14), a.rng.IntN(8), kind)
			}
		}
		for count := range 20 {
			try(77, count, count%8, "normal")
		}
		try(5000, 50, 3, "normal")
		try(1<<17+3, 4, 5, "normal")
	})
}

// checkProducts compares the three products of m×k and k×n with the loop that
// defines them, and that loop with float64.
func checkProducts(t *testing.T, a *arena, m, n, k, offset int, kind string, threads ...int) {
	t.Helper()
	x, y := a.matrix(m, k, offset, kind), a.matrix(k, n, (offset+3)%8, kind)
	xt, yt := a.matrix(k, m, (offset+5)%8, kind), a.matrix(n, k, offset, kind)
	for i := range m {
		for p := range k {
			xt.Row(p)[i] = x.Row(i)[p]
		}
	}
	for p := range k {
		for j := range n {
			yt.Row(j)[p] = y.Row(p)[j]
		}
	}
	want := make([]float32, m*n)
	for i := range m {
		for j := range n {
			var s float32
			for p := range k {
				s += float32(x.Row(i)[p] * y.Row(p)[j])
			}
			want[i*n+j] = s
			if kind == "normal" || kind == "cancelling" {
				near(t, fmt.Sprintf("naive product over %d", k), s, k+1, x.Row(i), yt.Row(j))
			}
		}
	}
	for _, threads := range threads {
		for _, f := range []struct {
			name string
			f    func(dst Matrix)
		}{
			{"MatMul", func(dst Matrix) { MatMul(dst, x, y, threads) }},
			{"TMatMul", func(dst Matrix) { TMatMul(dst, xt, y, threads) }},
			{"MatMulT", func(dst Matrix) { MatMulT(dst, x, yt, threads) }},
		} {
			dst := a.matrix(m, n, (offset+1)%8, "normal")
			f.f(dst)
			sameFloats(t, fmt.Sprintf("%s of %d×%d×%d %s values, offset %d, %d threads", f.name, m, k, n, kind, offset, threads), want, dst.Data)
		}
	}
	a.check(t, fmt.Sprintf("products of %d×%d×%d", m, k, n))
}

func TestProducts(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		a := &arena{rng: rand.New(rand.NewPCG(6, 9))}
		for m := range 14 {
			for n := range 36 {
				for _, k := range []int{0, 1, 2, 7, 8, 9, 19} {
					checkProducts(t, a, m, n, k, (m+n)%8, valueKinds[a.rng.IntN(len(valueKinds))], 1)
				}
			}
		}
		for k := range 261 {
			checkProducts(t, a, 1+a.rng.IntN(13), 1+a.rng.IntN(36), k, k%8, valueKinds[k%len(valueKinds)], 1, 2)
		}
		for range 40 {
			m, n, k := a.rng.IntN(70), a.rng.IntN(90), a.rng.IntN(40)
			checkProducts(t, a, m, n, k, 0, valueKinds[a.rng.IntN(len(valueKinds))], 1, 2, 3, 7)
		}
		// More than one block of terms, of columns, of both.
		checkProducts(t, a, 13, 37, 2*simd.GemmTerms+1, 1, "cancelling", 1, 3)
		checkProducts(t, a, 7, blockSize/2+33, 2, 2, "normal", 1, 2)
		checkProducts(t, a, 8, 2*blockSize/simd.GemmTerms+17, simd.GemmTerms+9, 3, "normal", 1, 2)
		checkProducts(t, a, 8, 2*blockSize/simd.GemmTerms+17, simd.GemmTerms+9, 3, "odd", 1, 2)
	})
}

func FuzzProducts(f *testing.F) {
	f.Add(uint8(6), uint16(16), uint16(8), uint8(0), uint8(1), uint8(1), uint64(1))
	f.Add(uint8(1), uint16(1), uint16(1), uint8(1), uint8(3), uint8(2), uint64(2))
	f.Add(uint8(13), uint16(259), uint16(257), uint8(5), uint8(2), uint8(3), uint64(3))
	f.Add(uint8(0), uint16(5), uint16(0), uint8(7), uint8(0), uint8(4), uint64(4))
	f.Fuzz(func(t *testing.T, m uint8, n, k uint16, offset, kind, threads uint8, seed uint64) {
		// A quarter of a million products at most.
		rows, cols := int(m)%33, int(n)%600
		terms := min(int(k)%600, 1<<18/(rows*cols+1))
		a := &arena{rng: rand.New(rand.NewPCG(seed, 9))}
		for l := simd.Go; l <= simd.Best; l++ {
			func() {
				defer simd.Use(simd.Use(l))
				checkProducts(t, a, rows, cols, terms, int(offset%8), valueKinds[int(kind)%len(valueKinds)], 1+int(threads%4))
			}()
		}
	})
}

func TestProductsRefuse(t *testing.T) {
	m := NewMatrix(4, 3)
	short := Matrix{Rows: 4, Dim: 3, Data: make([]float32, 11)}
	huge := Matrix{Rows: math.MaxInt / 2, Dim: 3, Data: make([]float32, 11)}
	for name, f := range map[string]func(){
		"Dot":                 func() { Dot(make([]float32, 3), make([]float32, 4)) },
		"Axpy":                func() { Axpy(1, make([]float32, 3), make([]float32, 4)) },
		"DotRows: x":          func() { DotRows(make([]float32, 1), make([]float32, 4), m, []int32{0}) },
		"DotRows: dst":        func() { DotRows(make([]float32, 2), make([]float32, 3), m, []int32{0}) },
		"DotRows: row":        func() { DotRows(make([]float32, 1), make([]float32, 3), m, []int32{4}) },
		"DotRows: negative":   func() { DotRows(make([]float32, 1), make([]float32, 3), m, []int32{-1}) },
		"DotRows: short":      func() { DotRows(make([]float32, 1), make([]float32, 3), short, []int32{3}) },
		"SumRows: dst":        func() { SumRows(make([]float32, 4), m, nil) },
		"SumRows: row":        func() { SumRows(make([]float32, 3), m, []uint32{0, 4}) },
		"SumRows: short":      func() { SumRows(make([]float32, 3), short, []uint32{3}) },
		"AxpyRows: lists":     func() { AxpyRows(m, []uint32{0}, nil, m) },
		"AxpyRows: x":         func() { AxpyRows(m, []uint32{0, 1}, make([]float32, 2), NewMatrix(1, 3)) },
		"AxpyRows: columns":   func() { AxpyRows(m, []uint32{0}, make([]float32, 1), NewMatrix(1, 4)) },
		"AxpyRows: row":       func() { AxpyRows(m, []uint32{0, 4}, make([]float32, 2), m) },
		"AxpyRows: short":     func() { AxpyRows(short, []uint32{3}, make([]float32, 1), m) },
		"MatMul: terms":       func() { MatMul(NewMatrix(4, 3), m, m, 1) },
		"MatMul: dst":         func() { MatMul(NewMatrix(4, 3), m, NewMatrix(3, 4), 1) },
		"MatMul: short a":     func() { MatMul(NewMatrix(4, 2), short, NewMatrix(3, 2), 1) },
		"MatMulT: short b":    func() { MatMulT(NewMatrix(2, 4), NewMatrix(2, 3), short, 1) },
		"TMatMul: short dst":  func() { TMatMul(short, NewMatrix(2, 4), NewMatrix(2, 3), 1) },
		"MatMulT: overflow":   func() { MatMulT(Matrix{Rows: 2, Dim: huge.Rows}, NewMatrix(2, 3), huge, 1) },
		"MatMul: negative":    func() { MatMul(Matrix{Rows: -1, Dim: -1}, Matrix{Rows: -1, Dim: 1}, Matrix{Rows: 1, Dim: -1}, 1) },
		"TMatMul: transposed": func() { TMatMul(NewMatrix(4, 2), m, NewMatrix(3, 2), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, ok := recover().(string); !ok || len(s) < 4 || s[:4] != "vec:" {
					t.Errorf("want a panic that says what does not fit, got %v", s)
				}
			}()
			f()
		})
	}
}

func TestNormalize(t *testing.T) {
	m := Matrix{Rows: 3, Dim: 2, Data: []float32{3, 4, 0, 0, 1e-30, 0}}
	if zeros := m.Normalize(); zeros != 1 {
		t.Errorf("want 1 row of zeros, got %d", zeros)
	}
	if want := []float32{0.6, 0.8, 0, 0, 1, 0}; !slices.Equal(m.Data, want) {
		t.Errorf("want %v, got %v", want, m.Data)
	}
}
