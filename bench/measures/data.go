package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
)

// judgedPerQuery is about what TREC's deep pools have, cut to a size that the
// qrels file of a web track has.
const judgedPerQuery = 200

// writeData writes judgments and a run as a track would: queries one after the
// other, documents by score. Scores go from 1 to 16 and have at most six
// decimals, so that 32-bit floats tell all of them apart: both generations of
// trec_eval see the same order. At a depth of 1,000 about a quarter of the
// queries have ties with five decimals, and all of them with three. Grades go
// from 0 to 3, and rise with the score. The bytes depend on the numbers only.
func writeData(qrels, run string, queries, depth, decimals int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	unit := 1
	for range decimals {
		unit *= 10
	}
	return errors.Join(
		write(run, func(w *bufio.Writer) error {
			var line []byte
			for q := range queries {
				scores := make([]int, depth)
				for i := range scores {
					scores[i] = unit + rng.IntN(15*unit)
				}
				slices.SortFunc(scores, func(a, b int) int { return b - a })
				for i, s := range scores {
					line = strconv.AppendInt(line[:0], int64(q+1), 10)
					line = append(line, " Q0 "...)
					line = appendDoc(line, q, i)
					line = append(line, ' ')
					line = strconv.AppendInt(line, int64(i+1), 10)
					line = append(line, ' ')
					line = strconv.AppendFloat(line, float64(s)/float64(unit), 'f', decimals, 64)
					line = append(line, " bench\n"...)
					if _, err := w.Write(line); err != nil {
						return err
					}
				}
			}
			return nil
		}),
		write(qrels, func(w *bufio.Writer) error {
			for q := range queries {
				// Half of the judged documents are in the run, more of them near
				// its top, where more of them are relevant.
				seen := map[int]bool{}
				for range judgedPerQuery {
					d := int(float64(2*depth) * rng.Float64() * rng.Float64())
					if seen[d] {
						continue
					}
					seen[d] = true
					grade := 0
					if rng.Float64() < 1/(1+4*float64(d)/float64(depth)) {
						grade = 1 + rng.IntN(3)
					}
					if _, err := fmt.Fprintf(w, "%d 0 %s %d\n", q+1, appendDoc(nil, q, d), grade); err != nil {
						return err
					}
				}
			}
			return nil
		}))
}

// appendDoc names the i-th document of a query, so that names say nothing of
// the order.
func appendDoc(b []byte, q, i int) []byte {
	x := uint64(q)*1_000_003 + uint64(i)
	x *= 0x9E3779B97F4A7C15
	x ^= x >> 29
	b = append(b, "clueweb22-en"...)
	b = append(b, "0123456789abcdef"[x>>60], '-')
	return strconv.AppendUint(b, x&(1<<40-1), 10)
}

func write(path string, fill func(*bufio.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := fill(w); err != nil {
		return err
	}
	return w.Flush()
}
