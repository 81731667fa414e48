//go:build unix

package hnsw

import (
	"context"
	"flag"
	"fmt"
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
