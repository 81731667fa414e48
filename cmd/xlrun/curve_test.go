package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/xlrun/xlrun/internal/results"
)

// sameCurve compares the curve of the retrieval "curved" in a directory of
// results, bit by bit, with the records of the retrieval "searched", which has
// searched every pool.
func sameCurve(dir string) int {
	fail := func(format string, args ...any) int {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		return 1
	}
	key := func(r results.Record) string {
		return fmt.Sprint(r.Axes["target"], " ", r.QueryLanguage, " ", r.CorpusLanguage, " ", r.PoolSize, " ", r.PoolSeed, " ", r.QueryID, " ", r.Measure)
	}
	records, _, err := results.ReadRecords(filepath.Join(dir, "records.parquet"))
	if err != nil {
		return fail("%v", err)
	}
	searched := map[string]results.Record{}
	for _, r := range records {
		if r.Retrieval == "searched" {
			searched[key(r)] = r
		}
	}
	curve, _, err := results.ReadRecords(filepath.Join(dir, "curve.parquet"))
	if err != nil {
		return fail("%v", err)
	}
	levels := map[float64]bool{}
	for _, c := range curve {
		s, ok := searched[key(c)]
		if !ok {
			return fail("nobody searched for %s", key(c))
		}
		if math.Float64bits(c.Value) != math.Float64bits(s.Value) || c.Rank != s.Rank {
			return fail("%s: %v at rank %d on the curve, %v at rank %d when searched", key(c), c.Value, c.Rank, s.Value, s.Rank)
		}
		levels[c.Value] = true
		delete(searched, key(c))
	}
	if len(searched) > 0 || len(levels) < 10 {
		return fail("%d searched values are not on the curve; it has %d levels", len(searched), len(levels))
	}
	fmt.Printf("%d values are the same\n", len(curve))
	return 0
}
