package ir

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// BenchmarkMeasures evaluates one ranking of 1000 documents, 50 of them judged,
// with all measures of trec_eval.
func BenchmarkMeasures(b *testing.B) {
	ms, err := ParseMeasures("all_trec")
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(6, 7))
	judgments := Judgments{}
	var plain, tied, alike []entry
	for i := range 1000 {
		x := entry{doc: DocID("doc" + strconv.Itoa(i)), score: -float64(i), grade: unjudged}
		if rng.IntN(20) == 0 {
			judgments[x.doc] = rng.IntN(4)
			x.grade = int32(judgments[x.doc])
		}
		plain = append(plain, x)
		x.score = -float64(i / 5)
		tied = append(tied, x)
		x.score = 0
		alike = append(alike, x)
	}
	for i := range 50 {
		judgments[DocID("other"+strconv.Itoa(i))] = rng.IntN(4)
	}
	q := &judgedQuery{}
	if err := q.set(judgments); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		hits []entry
		ties Ties
	}{{"plain", plain, Trec10}, {"tied", tied, Trec10}, {"alike", alike, Trec10}, {"expected", tied, Expected}} {
		b.Run(c.name, func(b *testing.B) {
			e := &Evaluator{Measures: ms, Ties: c.ties}
			s := &scratch{}
			res := QueryResult{Values: make([]float64, len(ms))}
			b.ReportAllocs()
			for b.Loop() {
				s.hits = append(s.hits[:0], c.hits...)
				res.Dependent = nil
				if err := e.evaluate(q, s.hits, s, &res); err != nil {
					b.Fatal(err)
				}
			}
			if c.name == "tied" && !slices.Contains(res.Dependent, true) {
				b.Error("nothing depends on the order")
			}
		})
	}
}
