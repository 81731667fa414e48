package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMatMulOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for range 60 {
		m, n, k := rng.IntN(12), rng.IntN(12), rng.IntN(20)
		a, b := randomMatrix(rng, m, k), randomMatrix(rng, k, n)
		want := NewMatrix(m, n)
		for i := range m {
			for j := range n {
				var s float32
				for p := range k {
					s += float32(a.Row(i)[p] * b.Row(p)[j])
				}
				want.Row(i)[j] = s
			}
		}
		at, bt := NewMatrix(k, m), NewMatrix(n, k)
		for i := range m {
			for p := range k {
				at.Row(p)[i] = a.Row(i)[p]
			}
		}
		for p := range k {
			for j := range n {
				bt.Row(j)[p] = b.Row(p)[j]
			}
		}
		for threads := 1; threads <= 3; threads++ {
			for name, f := range map[string]func(dst Matrix){
				"MatMul":  func(dst Matrix) { MatMul(dst, a, b, threads) },
				"TMatMul": func(dst Matrix) { TMatMul(dst, at, b, threads) },
				"MatMulT": func(dst Matrix) { MatMulT(dst, a, bt, threads) },
			} {
				got := randomMatrix(rng, m, n)
				f(got)
				if !slices.Equal(got.Data, want.Data) {
					t.Fatalf("%s of %d×%d×%d, %d threads: want %v, got %v", name, m, k, n, threads, want.Data, got.Data)
				}
			}
		}
	}
}

func TestDotAxpySumRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	for n := range 70 {
		m := randomMatrix(rng, 2, n)
		x, y := m.Row(0), m.Row(1)
		var lane [8]float32
		for i := range x {
			lane[i%8] += float32(x[i] * y[i])
		}
		want := ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]))
		if got := Dot(x, y); math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("Dot of %d: want %v, got %v", n, want, got)
		}
		z, w := slices.Clone(y), slices.Clone(y)
		Axpy(0.3, x, z)
		for i := range w {
			w[i] += float32(float32(0.3) * x[i])
		}
		if !slices.Equal(z, w) {
			t.Fatalf("Axpy of %d: want %v, got %v", n, w, z)
		}
	}
	table := randomMatrix(rng, 9, 5)
	for n := range 14 {
		dst, want := make([]float32, 5), make([]float32, 5)
		var rows []uint32
		for range n {
			rows = append(rows, rng.Uint32N(9))
		}
		for _, r := range rows {
			for i, v := range table.Row(int(r)) {
				want[i] += v
			}
		}
		SumRows(dst, table, rows)
		if !slices.Equal(dst, want) {
			t.Fatalf("SumRows of %d: want %v, got %v", n, want, dst)
		}
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
