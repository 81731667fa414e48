package hnsw

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/xlrun/xlrun/sdk/vec"
)

var (
	benchRows = flag.Int("hnsw.rows", 100_000, "documents of the benchmarks")
	benchSave = flag.String("hnsw.save", "", "directory to write the benchmarks' documents and queries to, for other programs")
)

// clustered returns documents and queries of unit length around 200 centres in
// 24 of 128 dimensions: what embeddings look like to an index. The same
// mixture as in FAISS's and our earlier comparisons, from Go's generator.
func clustered(rows, queries, dim int) (docs, qs vec.Matrix) {
	const factors, centres = 24, 200
	rng := rand.New(rand.NewPCG(7, 7))
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	a, c := normal(factors*dim), normal(centres*factors)
	some := func(n int) vec.Matrix {
		m := vec.NewMatrix(n, dim)
		for i := range n {
			row, centre := m.Row(i), rng.IntN(centres)*factors
			for f := range factors {
				z := c[centre+f] + float32(0.6*rng.NormFloat64())
				vec.Axpy(z, a[f*dim:][:dim], row)
			}
			for j := range row {
				row[j] += float32(0.3 * rng.NormFloat64())
			}
		}
		m.Normalize()
		return m
	}
	return some(rows), some(queries)
}

// processSeconds is the time that the processors spent on this process.
func processSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func saveForOthers(b *testing.B, name string, m vec.Matrix) {
	f, err := os.Create(filepath.Join(*benchSave, name))
	if err != nil {
		b.Fatal(err)
	}
	if err := vec.WriteNPY(f, m); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkHNSW builds once and searches with several ef, on one thread:
// recall@10, and queries per second of processor time.
func BenchmarkHNSW(b *testing.B) {
	ctx := context.Background()
	docs, queries := clustered(*benchRows, 1000, 128)
	if *benchSave != "" {
		saveForOthers(b, "docs.npy", docs)
		saveForOthers(b, "queries.npy", queries)
	}
	want, err := vec.TopK(ctx, docs, queries, 10, vec.Options{Similarity: vec.Cosine})
	if err != nil {
		b.Fatal(err)
	}
	p := params{similarity: vec.Cosine, m: 16, efConstruction: 200}
	start := processSeconds(b)
	g, err := build(ctx, docs, p, 1, nil)
	if err != nil {
		b.Fatal(err)
	}
	built := processSeconds(b) - start
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(built, "cpu-s")
		b.ReportMetric(0, "ns/op")
	})
	all := make([]int32, queries.Rows)
	for i := range all {
		all[i] = int32(i)
	}
	for _, ef := range []int{16, 32, 64, 128} {
		b.Run(fmt.Sprintf("ef=%d", ef), func(b *testing.B) {
			s, err := newSearcher(ctx, g, docs, queries, nil, 10, ef, 1)
			if err != nil {
				b.Fatal(err)
			}
			var got [][]vec.Hit
			start, n := processSeconds(b), 0
			for b.Loop() {
				if got, err = s.search(ctx, all); err != nil {
					b.Fatal(err)
				}
				n += len(all)
			}
			b.ReportMetric(float64(n)/(processSeconds(b)-start), "queries/cpu-s")
			b.ReportMetric(recall(want, got), "recall@10")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// recall is the share of the wanted hits that were found.
func recall(want, got [][]vec.Hit) float64 {
	found, all := 0, 0
	for i, list := range want {
		rows := map[int32]bool{}
		for _, h := range got[i] {
			rows[h.Row] = true
		}
		for _, h := range list {
			all++
			if rows[h.Row] {
				found++
			}
		}
	}
	return float64(found) / float64(all)
}
