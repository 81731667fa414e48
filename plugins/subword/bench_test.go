package subword

import (
	"fmt"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

// sibPairs makes pairs of the sentences of languages with the English ones.
func sibPairs(t testing.TB, languages ...string) []sdk.Pair {
	t.Helper()
	eng := sibTexts(t, "eng_Latn")
	var out []sdk.Pair
	for _, l := range languages {
		for i, s := range sibTexts(t, l) {
			out = append(out, sdk.Pair{
				Group: fmt.Sprint(i),
				A:     sdk.Text{Language: l, Text: s},
				B:     sdk.Text{Language: "eng", Text: eng[i]},
			})
		}
	}
	return out
}

func BenchmarkTrain(b *testing.B) {
	tatoeba := tatoebaPairs(b, 1000)
	sib := sibPairs(b, "deu_Latn", "hin_Deva", "zho_Hans")
	for _, c := range []struct {
		name         string
		pairs        []sdk.Pair
		buckets, dim int
	}{
		{"tatoeba/65536x64", tatoeba, 65536, 64},
		{"tatoeba/65536x128", tatoeba, 65536, 128},
		{"sib/4096x32", sib, 4096, 32},
		{"sib/16384x64", sib, 16384, 64},
		{"sib/65536x64", sib, 65536, 64},
		{"sib/65536x256", sib, 65536, 256},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, err := New(Options{Buckets: c.buckets, Dim: c.dim, Seed: 1, MinN: 3, MaxN: 5, Threads: 1}, nil)
			if err != nil {
				b.Fatal(err)
			}
			const examples = 256 * 40
			o := TrainOptions{Examples: examples, BatchSize: 256, Temperature: 0.1, LearningRate: 0.15, Warmup: 0.1}
			for b.Loop() {
				if err := e.Train(b.Context(), &sdk.TrainTask{Options: o, Pairs: seq(c.pairs), Dir: b.TempDir()}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(examples*float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
		})
	}
}

// One step without reading and hashing the pairs.
func BenchmarkStep(b *testing.B) {
	pairs := tatoebaPairs(b, 1000, "deu", "fra", "rus", "jpn")
	s := spec{Buckets: 65536, Dim: 64, Seed: 1, MinN: 3, MaxN: 5}
	c := newCorpus(s)
	for _, p := range pairs {
		c.add(p)
	}
	batches := newSampler(c.keys, 1)
	l := newLearner(initialTable(s, 1), 0.1, 1)
	features := 0
	for b.Loop() {
		var texts [][]uint32
		ids := batches.next(nil, 256)
		for side := range 2 {
			for _, i := range ids {
				r := c.rowsOf(c.pairs[i][side])
				features += len(r)
				texts = append(texts, r)
			}
		}
		if _, err := l.step(texts, 0.1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
	b.ReportMetric(float64(features)/b.Elapsed().Seconds()/1e6, "Mfeatures/s")
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name  string
		texts []string
	}{
		{"sib/eng", sibTexts(b, "eng_Latn")},
		{"sib/hin", sibTexts(b, "hin_Deva")},
		{"tatoeba", func() (out []string) {
			for _, p := range tatoebaPairs(b, 100) {
				out = append(out, p.A.Text)
			}
			return
		}()},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, err := New(Options{Buckets: 65536, Dim: 64, Seed: 1, MinN: 3, MaxN: 5, Threads: 1}, nil)
			if err != nil {
				b.Fatal(err)
			}
			var texts []sdk.Text
			for _, s := range c.texts {
				texts = append(texts, sdk.Text{Text: s})
			}
			for b.Loop() {
				if _, err := e.Encode(b.Context(), sdk.RoleQuery, texts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(texts)*b.N)/b.Elapsed().Seconds(), "texts/s")
		})
	}
}

func BenchmarkHash(b *testing.B) {
	texts := sibTexts(b, "eng_Latn")
	h := newHasher(spec{Buckets: 65536, MinN: 3, MaxN: 5})
	var rows []uint32
	n := 0
	for b.Loop() {
		for _, s := range texts {
			rows = h.appendRows(rows[:0], s)
			n += len(rows)
		}
	}
	b.ReportMetric(float64(len(texts)*b.N)/b.Elapsed().Seconds(), "texts/s")
	b.ReportMetric(float64(n)/float64(len(texts)*b.N), "features/text")
}

func BenchmarkInitialTable(b *testing.B) {
	for b.Loop() {
		initialTable(spec{Buckets: 65536, Dim: 256, Seed: 1}, 1)
	}
}
