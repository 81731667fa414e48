package simd

import (
	"math"
	"strconv"
	"testing"
)

// BenchmarkTile scores a block of documents that stays in the second-level
// cache, with floors that nothing reaches: the ceiling of a search.
func BenchmarkTile(b *testing.B) {
	for _, dims := range []int{128, 384, 1024} {
		panels := 256 << 10 / (64 * dims)
		docs := make([]float32, panels*16*dims)
		for i := range docs {
			docs[i] = float32(i%17) - 8
		}
		for _, c := range cases() {
			b.Run(c.String()+"/"+strconv.Itoa(dims), func(b *testing.B) {
				defer Use(Use(c.level))
				q := make([]float32, c.width*dims)
				f := floors(c.width)
				for i := range f {
					f[i] = float32(math.Inf(1))
				}
				t := Tile{Queries: q, Width: c.width, Docs: docs, Dims: dims, Panels: panels, Step: 1, Floors: f}
				var h Hits
				h.Reset(panels * 16)
				for b.Loop() {
					if c.one {
						t.One(&h)
					} else {
						t.Score(&h)
					}
				}
				b.ReportMetric(2*float64(dims*panels*16*c.width)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}
