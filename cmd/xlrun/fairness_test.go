package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/xlrun/xlrun/internal/results"
)

// sameMeasures compares what metric "fairness" gives in a directory of results
// with measures of metric "ir" that are the same by definition, query by query,
// and prints how many records each measure has.
func sameMeasures(dir string) int {
	fail := func(format string, args ...any) int {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		return 1
	}
	same := map[string]string{"AlignStrong": "AP", "LangnDCG(other=1)@10": "nDCG@10"}
	records, _, err := results.ReadRecords(filepath.Join(dir, "records.parquet"))
	if err != nil {
		return fail("%v", err)
	}
	values, counts := map[[2]string]float64{}, map[string]int{}
	for _, r := range records {
		values[[2]string{r.Measure, r.QueryID}] = r.Value
		counts[r.Measure]++
	}
	compared, levels := 0, map[float64]bool{}
	for key, v := range values {
		other, ok := same[key[0]]
		if !ok {
			continue
		}
		w, ok := values[[2]string{other, key[1]}]
		if !ok || math.Abs(v-w) > 1e-12 {
			return fail("query %s: %s is %v, %s is %v", key[1], key[0], v, other, w)
		}
		compared++
		levels[v] = true
	}
	if len(levels) < 10 {
		return fail("%d levels", len(levels))
	}
	fmt.Printf("%d values are the same\n", compared)
	var names []string
	for m := range counts {
		names = append(names, m)
	}
	slices.Sort(names)
	for _, m := range names {
		fmt.Println(counts[m], m)
	}
	return 0
}
