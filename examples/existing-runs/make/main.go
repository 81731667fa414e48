// Command make writes the files of examples/existing-runs: what somebody has
// at hand who has searched already. It reads the test split of
// examples/minifaq and makes a collection in BEIR's files, two lexical runs and
// a matrix of vectors.
//
//	go run ./examples/existing-runs/make -out examples/existing-runs
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/vec"
)

var targets = []string{"cat", "isl", "mlt", "afr", "tgl", "cym"}

const (
	depth = 30 // hits per query in the runs
	dim   = 48 // of the vectors
)

type row struct {
	ID, Question, Answer, Split string
}

func main() {
	log.SetFlags(0)
	data := flag.String("data", "examples/minifaq", "`directory` of minifaq")
	out := flag.String("out", "examples/existing-runs", "`directory` to write to")
	flag.Parse()
	writeAll(*data, *out)
}

func writeAll(data, out string) {
	docs := texts(data, "eng", func(r row) (string, string) { return "eng/" + r.ID + ".answer", r.Question + " " + r.Answer })
	writeCorpus(out, data)
	words, grams := newIndex(docs, tokens), newIndex(docs, trigrams)
	var ids []string
	var vectors []float32
	add := func(list []text) {
		for _, t := range list {
			ids = append(ids, t.id)
			vectors = append(vectors, project(grams, t.body)...)
		}
	}
	add(docs)
	for _, lang := range targets {
		queries := texts(data, lang, func(r row) (string, string) { return lang + "/" + r.ID, r.Question })
		add(queries)
		bm25, cosine := ir.Run{Tag: "bm25", Rankings: map[ir.QueryID]ir.Ranking{}}, ir.Run{Tag: "trigrams", Rankings: map[ir.QueryID]ir.Ranking{}}
		var tsv, qrels bytes.Buffer
		tsv.WriteString("_id\ttext\n")
		qrels.WriteString("query-id\tcorpus-id\tscore\n")
		for _, q := range queries {
			fmt.Fprintf(&tsv, "%s\t%s\n", q.id, q.body)
			fmt.Fprintf(&qrels, "%s\teng/%s.answer\t1\n", q.id, strings.TrimPrefix(q.id, lang+"/"))
			if r := words.search(q.body, words.bm25); len(r) > 0 {
				bm25.Rankings[ir.QueryID(q.id)] = r
			}
			if r := grams.search(q.body, grams.cosine); len(r) > 0 {
				cosine.Rankings[ir.QueryID(q.id)] = r
			}
		}
		write(filepath.Join(out, "queries", lang+".tsv"), tsv.Bytes())
		write(filepath.Join(out, "qrels", lang+".tsv"), qrels.Bytes())
		writeRun(filepath.Join(out, "runs", "bm25."+lang+".trec.gz"), bm25)
		writeRun(filepath.Join(out, "runs", "trigrams."+lang+".trec.gz"), cosine)
	}
	var npy bytes.Buffer
	check(vec.WriteNPY(&npy, vec.Matrix{Data: vectors, Rows: len(ids), Dim: dim}))
	write(filepath.Join(out, "vectors.npy"), npy.Bytes())
	write(filepath.Join(out, "ids.txt"), []byte(strings.Join(ids, "\n")+"\n"))
}

type text struct{ id, body string }

// texts reads the test split of a language.
func texts(dir, lang string, of func(row) (string, string)) []text {
	var out []text
	for _, r := range rows(dir, lang) {
		id, body := of(r)
		out = append(out, text{id, body})
	}
	return out
}

func rows(dir, lang string) []row {
	f, err := os.Open(filepath.Join(dir, lang+".jsonl"))
	check(err)
	defer func() { check(f.Close()) }()
	var out []row
	for s := bufio.NewScanner(f); s.Scan(); {
		var r row
		check(json.Unmarshal(s.Bytes(), &r))
		if r.Split == "test" {
			out = append(out, r)
		}
	}
	return out
}

func writeCorpus(out, data string) {
	var b bytes.Buffer
	for _, r := range rows(data, "eng") {
		line, err := json.Marshal(map[string]string{"_id": "eng/" + r.ID + ".answer", "title": r.Question, "text": r.Answer})
		check(err)
		b.Write(append(line, '\n'))
	}
	write(filepath.Join(out, "corpus.jsonl"), b.Bytes())
}

func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func trigrams(s string) []string {
	var out []string
	for _, w := range tokens(s) {
		r := []rune("^" + w + "$")
		for i := range len(r) - 2 {
			out = append(out, string(r[i:i+3]))
		}
	}
	return out
}

// index is a small inverted file.
type index struct {
	docs  []text
	split func(string) []string
	tf    []map[string]float64
	df    map[string]float64
	long  []float64
	mean  float64
}

func newIndex(docs []text, split func(string) []string) *index {
	x := &index{docs: docs, split: split, df: map[string]float64{}}
	for _, d := range docs {
		tf := counts(split(d.body))
		n := 0.0
		for t, c := range tf {
			x.df[t]++
			n += c
		}
		x.tf, x.long = append(x.tf, tf), append(x.long, n)
		x.mean += n / float64(len(docs))
	}
	return x
}

func counts(terms []string) map[string]float64 {
	out := map[string]float64{}
	for _, t := range terms {
		out[t]++
	}
	return out
}

// sorted lists the terms in a fixed order: sums must not depend on a map's.
func sorted(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for t := range m {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

func (x *index) idf(t string) float64 {
	return math.Log(1 + (float64(len(x.docs))-x.df[t]+0.5)/(x.df[t]+0.5))
}

// bm25 with Anserini's parameters.
func (x *index) bm25(q map[string]float64, d int) float64 {
	const k1, b = 0.9, 0.4
	sum := 0.0
	for _, t := range sorted(q) {
		if f := x.tf[d][t]; f > 0 {
			sum += float64(q[t] * x.idf(t) * f * (k1 + 1) / (f + float64(k1*(1-b+b*x.long[d]/x.mean))))
		}
	}
	return sum
}

func (x *index) weights(tf map[string]float64) (map[string]float64, float64) {
	w, square := map[string]float64{}, 0.0
	for _, t := range sorted(tf) {
		w[t] = (1 + math.Log(tf[t])) * x.idf(t)
		square += float64(w[t] * w[t])
	}
	return w, math.Sqrt(square)
}

func (x *index) cosine(q map[string]float64, d int) float64 {
	wq, nq := x.weights(q)
	wd, nd := x.weights(x.tf[d])
	sum := 0.0
	for _, t := range sorted(wq) {
		sum += float64(wq[t] * wd[t])
	}
	return sum / nq / nd
}

// search ranks what scores above 0.
func (x *index) search(query string, score func(map[string]float64, int) float64) ir.Ranking {
	q := counts(x.split(query))
	var out ir.Ranking
	for d := range x.docs {
		// Six decimals, as runs are usually written.
		if s := math.Round(score(q, d)*1e6) / 1e6; s > 0 {
			out = append(out, ir.Hit{Doc: ir.DocID(x.docs[d].id), Score: s})
		}
	}
	out.Sort(ir.Trec10)
	return out[:min(depth, len(out))]
}

// project makes a vector of a text: its weighted trigrams, each added to the
// columns with signs that its hash gives.
func project(x *index, s string) []float32 {
	w, norm := x.weights(counts(x.split(s)))
	sum := make([]float64, dim)
	for _, t := range sorted(w) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(t)) // a hash never fails
		bits := h.Sum64()
		for i := range sum {
			if bits>>i&1 == 1 {
				sum[i] += w[t]
			} else {
				sum[i] -= w[t]
			}
		}
	}
	out := make([]float32, dim)
	for i := range sum {
		out[i] = float32(sum[i] / cmp.Or(norm, 1) / math.Sqrt(dim))
	}
	return out
}

func writeRun(path string, run ir.Run) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	check(err)
	check(ir.WriteRun(z, run, ir.Trec10))
	check(z.Close())
	write(path, b.Bytes())
}

func write(path string, b []byte) {
	check(os.MkdirAll(filepath.Dir(path), 0o755))
	check(os.WriteFile(path, b, 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
