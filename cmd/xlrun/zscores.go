package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/sdk/ir"
)

// zscores are means and standard deviations by query and measure, in
// trec_eval's names.
type zscores map[[2]string][2]float64

// missingZScore is what trec_eval writes where a query or measure has no mean,
// or no deviation.
const missingZScore = -1_000_000

// loadZScores reads a file for -Z: lines of query, measure, mean and deviation.
func loadZScores(path string) (zscores, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	z := zscores{}
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		w := strings.Fields(in.Text())
		if len(w) == 0 {
			continue
		}
		if len(w) != 4 {
			return nil, fmt.Errorf("%s:%d: want 4 fields (query, measure, mean, deviation), got %d", path, n, len(w))
		}
		mean, err1 := strconv.ParseFloat(w[2], 64)
		sd, err2 := strconv.ParseFloat(w[3], 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%s:%d: mean and deviation must be numbers, got %q and %q", path, n, w[2], w[3])
		}
		z[[2]string{w[0], w[1]}] = [2]float64{mean, sd}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return z, nil
}

// apply turns the values of a run into standard scores and aggregates them
// anew, each measure in its own way, as trec_eval does.
func (z zscores) apply(r *terminal.EvalRun, measures []ir.Measure, columns []terminal.EvalMeasure) {
	for k, c := range columns {
		if c.Text {
			continue
		}
		sum := 0.0
		for i := range r.Queries {
			v := &r.Queries[i].Values[k].Number
			*v = z.score(r.Queries[i].ID, c.Trec, *v)
			sum += *v
		}
		n := float64(len(r.Queries))
		switch measures[k].Aggregate() {
		case ir.Sum:
			r.All[k].Number = sum
			if c.Trec == "num_q" {
				r.All[k].Number = n
			}
		case ir.GeometricMean:
			r.All[k].Number = math.Exp(sum / n)
		default:
			r.All[k].Number = sum / n
		}
	}
}

func (z zscores) score(query, measure string, v float64) float64 {
	m, ok := z[[2]string{query, measure}]
	switch {
	case !ok:
		return missingZScore
	case m[1] != 0:
		return (v - m[0]) / m[1]
	case v == m[0]:
		return 0
	}
	return missingZScore
}
