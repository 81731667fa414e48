package wire

import (
	"fmt"
	"testing"

	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// rankings are what a small study's measure gets: 50 rankings of 50 documents.
func rankings() []sdk.JudgedQuery {
	var out []sdk.JudgedQuery
	for i := range 50 {
		q := sdk.JudgedQuery{ID: fmt.Sprintf("query-%d", i), Qrels: map[string]int{}}
		for j := range 50 {
			q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: fmt.Sprintf("document-%d", (7*i+j)%500), Score: 1 / float64(j+1)})
		}
		q.Qrels[q.Ranking[i].ID] = 1
		out = append(out, q)
	}
	return out
}

// BenchmarkRankings takes them from one end of the wire to the other.
func BenchmarkRankings(b *testing.B) {
	all := rankings()
	for _, told := range []bool{false, true} {
		name := "judged"
		if told {
			name = "told"
			for i := range all {
				all[i].Language, all[i].Documents = "deu", map[string]sdk.DocumentInfo{}
				for _, d := range all[i].Ranking {
					all[i].Documents[d.ID] = sdk.DocumentInfo{Language: "eng", Group: d.ID[9:]}
				}
			}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, r := NewWriter(nil), NewReader()
				for _, q := range all {
					if err := w.Record(ToJudgedQuery(q), 1); err != nil {
						b.Fatal(err)
					}
				}
				data, done := w.Finish()
				r.Feed(data)
				for range all {
					var q sdk.JudgedQuery
					if ok, err := r.NextJudgedQuery(&q); !ok || err != nil {
						b.Fatal(ok, err)
					}
					r.Count(1)
				}
				if err := r.Check(done); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("hits", func(b *testing.B) {
		b.ReportAllocs()
		hits := make([]sdk.Hit, 50)
		for i := range hits {
			hits[i] = sdk.Hit{Row: int32(i), Score: -float32(i)}
		}
		for b.Loop() {
			w, r := NewWriter(nil), NewReader()
			for i := range 50 {
				if err := w.Record(ToHits(int32(i), hits), 1); err != nil {
					b.Fatal(err)
				}
			}
			data, done := w.Finish()
			r.Feed(data)
			for range 50 {
				var p pluginpb.Hits
				if ok, err := r.Next(&p); !ok || err != nil {
					b.Fatal(ok, err)
				}
				if _, err := Hits(&p); err != nil {
					b.Fatal(err)
				}
				r.Count(1)
			}
			if err := r.Check(done); err != nil {
				b.Fatal(err)
			}
		}
	})
}
