package vec

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Rows as a walk on a graph meets them: anywhere in a table larger than the caches.
func BenchmarkDotRows(b *testing.B) {
	for _, dim := range []int{64, 128, 384, 768} {
		rng := rand.New(rand.NewPCG(1, 2))
		n := 128 << 20 / 4 / dim
		m, x, dst := randomMatrix(rng, n, dim), randomMatrix(rng, 1, dim).Data, make([]float32, 24)
		rows := make([]int32, 1<<14*24)
		for i := range rows {
			rows[i] = rng.Int32N(int32(n))
		}
		b.Run(fmt.Sprintf("dim=%d", dim), func(b *testing.B) {
			at := 0
			for b.Loop() {
				DotRows(dst, x, m, rows[at:at+24])
				if at += 24; at == len(rows) {
					at = 0
				}
			}
			b.ReportMetric(4*24*float64(dim)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GB/s")
		})
	}
}

func BenchmarkProducts(b *testing.B) {
	for _, shape := range [][3]int{{256, 256, 64}, {256, 64, 256}, {512, 512, 384}, {1000, 1000, 1000}, {1024, 1024, 1024}, {2048, 2048, 2048}, {100, 4096, 4096}, {4096, 100, 4096}, {1, 1000, 1000}, {17, 5, 3}} {
		m, n, k := shape[0], shape[1], shape[2]
		rng := rand.New(rand.NewPCG(1, 2))
		x, y, dst := randomMatrix(rng, m, k), randomMatrix(rng, k, n), NewMatrix(m, n)
		xt, yt := Matrix{Rows: k, Dim: m, Data: x.Data}, Matrix{Rows: n, Dim: k, Data: y.Data}
		for _, f := range []struct {
			name string
			f    func()
		}{
			{"MatMul", func() { MatMul(dst, x, y, 1) }},
			{"TMatMul", func() { TMatMul(dst, xt, y, 1) }},
			{"MatMulT", func() { MatMulT(dst, x, yt, 1) }},
		} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", f.name, m, k, n), func(b *testing.B) {
				for b.Loop() {
					f.f()
				}
				b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}
