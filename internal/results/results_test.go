package results

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/xlrun/xlrun/sdk"
)

func someRecords(cells int) []Record {
	var out []Record
	for c := range cells {
		axes := map[string]string{"size": []string{"xs", "s"}[c%2], "draw": fmt.Sprint(c)}
		lin := Lineage{
			Source:      LineageComputed,
			TrainingSet: "sha256:abc", Subset: "deu spa", Languages: []string{"deu", "spa"},
			Richness: 2, Hill1: 1.9, Hill2: 1.8, Pairs: 160, Examples: 3000, Pairing: "aligned",
			ParamsTotal: 1 << 40, ParamsNonEmbed: 17, Exposure: ExposureNone,
		}
		if c%3 == 0 {
			lin = Lineage{Exposure: ExposureUnknown}
			delete(axes, "size")
		}
		for q := range 50 {
			for _, m := range []string{"nDCG@10", "RR@10", "Success@1"} {
				out = append(out, Record{
					Cell: fmt.Sprint("sha256:", c), Retrieval: "zero_shot", Encoder: "student", Component: "subword", Task: "to_pivot", Index: "exact",
					Axes: axes, QueryLanguage: "isl", CorpusLanguage: "eng", PoolSize: 50, PoolSeed: int64(c%3 + 1),
					QueryID: fmt.Sprintf("q%d", q), Measure: m, Value: float64(q) / 7, Rank: int32(q % 11), Lineage: lin,
				})
			}
		}
	}
	return out
}

func TestRecordsRoundTrip(t *testing.T) {
	for _, cells := range []int{0, 1, 7, 40, 2000} { // the last has two row groups
		want := someRecords(cells)
		axes := []string{"size", "draw"}
		b, err := EncodeRecords(want, axes)
		if err != nil {
			t.Fatal(err)
		}
		got, gotAxes, err := DecodeRecords(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 {
			want = []Record{}
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%d cells do not come back as they were", cells)
			if cells < 10 {
				t.Errorf("(-want +got):\n%.2000s", cmp.Diff(want, got))
			}
		}
		if d := cmp.Diff(axes, gotAxes); d != "" {
			t.Error(d)
		}
		again, err := EncodeRecords(got, gotAxes)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, again) {
			t.Errorf("%d cells: writing what was read gives other bytes", cells)
		}
	}
}

func TestRecordsRefuseOtherFiles(t *testing.T) {
	b, err := EncodeQrels([]sdk.Qrel{{Query: "q", Document: "d", Relevance: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := DecodeRecords(b); err == nil || !strings.Contains(err.Error(), `no column "cell"`) {
		t.Errorf("a file of judgments is read as records: %v", err)
	}
	if _, err := DecodePairs(b); err == nil || !strings.Contains(err.Error(), `no column "kind"`) {
		t.Errorf("a file of judgments is read as pairs: %v", err)
	}
	if _, err := EncodeRecords(nil, []string{"a", "a"}); err == nil {
		t.Error("two axes of one name are accepted")
	}
}

func TestDamagedFilesAreErrors(t *testing.T) {
	b, err := EncodeRecords(someRecords(3), []string{"size", "draw"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := EncodeRanking([]Ranked{{"q", "d", 1, 0.5}, {"q", "e", 2, 0.25}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 4, 11, len(r) / 2, len(r) - 1} {
		if _, err := DecodeRanking(r[:n]); err == nil {
			t.Errorf("a ranking cut to %d of %d bytes is read without complaint", n, len(r))
		}
		if _, _, err := DecodeRecords(b[:n]); err == nil {
			t.Errorf("records cut to %d of %d bytes are read without complaint", n, len(b))
		}
	}
}

func collection() ([]sdk.Query, []sdk.Document, []sdk.Qrel, []sdk.Pair) {
	texts := []string{"", "plain", "日本語 ✓", "a\x00b", "line\nbreak", "שלום"}
	var (
		qs []sdk.Query
		ds []sdk.Document
		rs []sdk.Qrel
		ps []sdk.Pair
	)
	for i := range 1000 {
		id, lang, text := fmt.Sprint("x", i), []string{"eng", "srp_Cyrl"}[i%2], texts[i%len(texts)]
		qs = append(qs, sdk.Query{ID: id, Language: lang, Text: text, Group: fmt.Sprint(i / 2), Origin: "web"})
		ds = append(ds, sdk.Document{ID: id, Language: lang, Title: "t" + text, Text: text, Group: fmt.Sprint(i / 2)})
		rs = append(rs, sdk.Qrel{Query: id, Document: id, Relevance: i%4 - 1})
		ps = append(ps, sdk.Pair{Kind: "qa", Group: id, Origin: "o", A: sdk.Text{ID: id, Language: lang, Text: text}, B: sdk.Text{ID: "b", Language: "eng", Text: "answer"}})
	}
	return qs, ds, rs, ps
}

func roundTrip[T any](t *testing.T, name string, rows []T, enc func([]T) ([]byte, error), dec func([]byte) ([]T, error)) {
	t.Helper()
	b, err := enc(rows)
	if err != nil {
		t.Fatal(err)
	}
	got, err := dec(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rows, got); d != "" {
		t.Errorf("%s (-want +got):\n%.2000s", name, d)
	}
	// The second file comes from a writer that was used before.
	again, err := enc(rows)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Errorf("%s: the same rows give other bytes the second time", name)
	}
	if empty, err := enc(nil); err != nil {
		t.Error(err)
	} else if rows, err := dec(empty); err != nil || len(rows) != 0 {
		t.Errorf("%s: an empty file gives %d rows, %v", name, len(rows), err)
	}
}

func TestFilesRoundTrip(t *testing.T) {
	qs, ds, rs, ps := collection()
	roundTrip(t, "queries", qs, EncodeQueries, DecodeQueries)
	roundTrip(t, "documents", ds, EncodeDocuments, DecodeDocuments)
	roundTrip(t, "qrels", rs, EncodeQrels, DecodeQrels)
	roundTrip(t, "pairs", ps, EncodePairs, DecodePairs)
	roundTrip(t, "ranking", someRanking(), EncodeRanking, DecodeRanking)
	roundTrip(t, "values", []Measured{{"q", "AP", 1. / 3, 3}, {"q", "RR", 0, 0}}, EncodeValues, DecodeValues)
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)
	roundTrip(t, "journal", []Entry{{Step: "train", PID: 7, Cached: true, Seconds: 1.5, StartedAt: at, Status: StatusDone}, {Step: "x", StartedAt: at}}, EncodeJournal, DecodeJournal)
}

func TestBigFilesHaveSeveralRowGroups(t *testing.T) {
	var out bytes.Buffer
	w := NewPairWriter(&out)
	long := strings.Repeat("word ", 2000)
	const n = 8000 // 80 MB of text
	for i := range n {
		if err := w.Write(sdk.Pair{Group: fmt.Sprint(i), A: sdk.Text{Text: long}}); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() < 32<<20 {
		t.Errorf("nothing is written before the end: %d bytes", out.Len())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(file.RowGroups()); n < 2 {
		t.Errorf("want several row groups, got %d", n)
	}
	for _, g := range file.Metadata().RowGroups {
		for k, c := range g.Columns {
			if got := strings.Join(c.MetaData.PathInSchema, "."); got != file.Schema().Columns()[k][0] {
				t.Errorf("column %d has the path %q", k, got)
			}
		}
	}
	i := 0
	for p, err := range Pairs(bytes.NewReader(out.Bytes()), int64(out.Len())) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Group != fmt.Sprint(i) || p.A.Text != long {
			t.Fatalf("row %d is %s", i, p.Group)
		}
		i++
	}
	if i != n {
		t.Errorf("want %d rows, got %d", n, i)
	}
}

func someRanking() []Ranked {
	var out []Ranked
	for q := range 50 {
		for d := range 50 {
			out = append(out, Ranked{fmt.Sprintf("faq-%04d-isl", q*7), fmt.Sprintf("faq-%04d-eng", (d*q)%61), int32(d + 1), float64(float32(d) * 0.173 / float32(q+1))})
		}
	}
	return out
}

// TestRankingWidths: rankings of indexes keep the files that they had when
// scores were 32-bit floats, and other scores lose nothing.
func TestRankingWidths(t *testing.T) {
	for _, c := range []struct {
		score float64
		kind  parquet.Kind
	}{{0.5, parquet.Float}, {0, parquet.Float}, {math.Inf(1), parquet.Float}, {0.1, parquet.Double}, {1e300, parquet.Double}, {1 << 24, parquet.Float}, {1<<24 + 1, parquet.Double}} {
		rows := []Ranked{{"q", "d", 1, c.score}, {"q", "e", 2, -7}}
		b, err := EncodeRanking(rows)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if leaf, _ := file.Schema().Lookup("score"); leaf.Node.Type().Kind() != c.kind {
			t.Errorf("%g lies in a column of %v, want %v", c.score, leaf.Node.Type().Kind(), c.kind)
		}
		back, err := DecodeRanking(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rows, back); d != "" {
			t.Errorf("%g (-want +got):\n%s", c.score, d)
		}
	}
	// The digest is that of the file before there were wide scores.
	b, err := EncodeRanking(someRanking())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(b))[:16]; got != "9327590e56085599" {
		t.Errorf("a ranking of 32-bit scores has the digest %s", got)
	}
}

func TestTREC(t *testing.T) {
	rows := []Ranked{{"q 1", "d1", 1, float64(float32(0.1))}, {"q2", "d\u00a0\t2", 1, float64(float32(1e-30))}, {"q2", "", 2, -3}}
	want := "q_1 Q0 d1 1 0.1 my_tag\nq2 Q0 d\u00a0_2 1 1e-30 my_tag\nq2 Q0 _ 2 -3 my_tag\n"
	if got := string(AppendTREC(nil, "my tag", rows)); got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	// One score that 32 bits do not hold, and all are written in full.
	rows[0].Score = 0.1
	if got, want := string(AppendTREC(nil, "t", rows[:2])), "q_1 Q0 d1 1 0.1 t\nq2 Q0 d\u00a0_2 1 1.0000000031710769e-30 t\n"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	rows[0].Score = float64(float32(0.1))
	// The compressor is used again: the bytes are those of a new one.
	for n := range 3 {
		text := AppendTREC(nil, "my tag", slices.Repeat(rows, 1+1000*n))
		got, err := GzipTREC("my tag", slices.Repeat(rows, 1+1000*n))
		if err != nil {
			t.Fatal(err)
		}
		var fresh bytes.Buffer
		w, err := gzip.NewWriterLevel(&fresh, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, fresh.Bytes()) {
			t.Errorf("%d rows: a used compressor gives other bytes", len(rows)*(1+1000*n))
		}
		r, err := gzip.NewReader(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, text) {
			t.Errorf("%d bytes came back of %d (%v)", len(back), len(text), err)
		}
	}
}

func BenchmarkEncodeRanking(b *testing.B) {
	rows := someRanking()
	for b.Loop() {
		if _, err := EncodeRanking(rows); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRanking(b *testing.B) {
	f, err := EncodeRanking(someRanking())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := DecodeRanking(f); err != nil {
			b.Fatal(err)
		}
	}
}

// One row is one record.
func BenchmarkRecords(b *testing.B) {
	records := someRecords(1728)
	file, err := EncodeRecords(records, []string{"size", "draw"})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := EncodeRecords(records, []string{"size", "draw"}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(file))/float64(len(records)), "bytes/record")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := DecodeRecords(file); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
	})
}
