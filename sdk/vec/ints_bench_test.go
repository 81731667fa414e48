package vec

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkElements searches 20000 packed documents stored in 384 values of
// each element: for many queries, and for one.
func BenchmarkElements(b *testing.B) {
	const nd, nq, dim = 20000, 252, 384
	rng := rand.New(rand.NewPCG(1, 2))
	docs, queries := randomMatrix(rng, nd, dim).Vectors(), randomMatrix(rng, nq, dim).Vectors()
	for e := range Element(len(elements)) {
		d, _, err := Convert(docs, e, 32)
		if err != nil {
			b.Fatal(err)
		}
		q, _, err := Convert(queries, e, 32)
		if err != nil {
			b.Fatal(err)
		}
		x, err := Pack(b.Context(), d, IndexOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{nq, 1} {
			b.Run(fmt.Sprintf("%s/%d", e, n), func(b *testing.B) {
				for b.Loop() {
					if _, err := x.Search(b.Context(), q.Slice(0, n), 10, SearchOptions{Threads: 1}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(2*dim*nd*float64(n)*float64(b.N)/1e9/b.Elapsed().Seconds(), "Gop/s")
				b.ReportMetric(float64(nd*d.RowBytes())*float64(b.N)/1e9/b.Elapsed().Seconds(), "GB/s")
			})
		}
	}
}
