package vec

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkTopK(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	docs, queries := randomMatrix(rng, 10000, 384), randomMatrix(rng, 100, 384)
	for b.Loop() {
		if _, err := TopK(b.Context(), docs, queries, 10, Options{Threads: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*384*100*10000*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
}

func BenchmarkMatMul(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	q, p, g := randomMatrix(rng, 256, 64), randomMatrix(rng, 256, 64), NewMatrix(256, 256)
	d := NewMatrix(256, 64)
	gflops := func(b *testing.B) {
		b.ReportMetric(2*256*256*64*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
	}
	b.Run("MatMulT", func(b *testing.B) {
		for b.Loop() {
			MatMulT(g, q, p, 1)
		}
		gflops(b)
	})
	b.Run("MatMul", func(b *testing.B) {
		for b.Loop() {
			MatMul(d, g, p, 1)
		}
		gflops(b)
	})
	b.Run("TMatMul", func(b *testing.B) {
		for b.Loop() {
			TMatMul(d, g, q, 1)
		}
		gflops(b)
	})
}

func BenchmarkSumRows(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomMatrix(rng, 65536, 64)
	rows := make([]uint32, 1<<14)
	for i := range rows {
		rows[i] = rng.Uint32N(65536)
	}
	dst := make([]float32, 64)
	n := 0
	for b.Loop() {
		SumRows(dst, m, rows[n:n+64])
		n = (n + 64) & (1<<14 - 1)
	}
	b.ReportMetric(64*64*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gadd/s")
}

func randomMatrix(rng *rand.Rand, rows, dim int) Matrix {
	m := NewMatrix(rows, dim)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	return m
}

func BenchmarkDot(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomMatrix(rng, 2, 64)
	var s float32
	for b.Loop() {
		s += Dot(m.Row(0), m.Row(1))
	}
	if s == 0 {
		b.Fatal("zero")
	}
}

func BenchmarkAxpy(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := randomMatrix(rng, 2, 64)
	for b.Loop() {
		Axpy(0.001, m.Row(0), m.Row(1))
	}
}
