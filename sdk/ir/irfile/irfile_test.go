package irfile

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	description "github.com/parquet-go/parquet-go/format"

	"github.com/xlrun/xlrun/sdk/ir"
)

func put(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zip(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t testing.TB, s string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // it has no writer
	return w.EncodeAll([]byte(s), nil)
}

func parquetOf[T any](t testing.TB, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same run in every format, under names that say nothing.
func TestLoadRun(t *testing.T) {
	type named struct {
		Query string  `parquet:"query-id"`
		Doc   string  `parquet:"corpus-id"`
		Score float64 `parquet:"score"`
	}
	type numbered struct {
		Score float32 `parquet:"score"`
		Doc   int64   `parquet:"docid"`
		Query int32   `parquet:"qid"`
		Rank  int32   `parquet:"rank"`
		Other string  `parquet:"lang"`
	}
	type mixed struct {
		Meta  struct{ A, B int32 } `parquet:"a_meta"`
		Tags  []string             `parquet:"b_tags,list"`
		Query string               `parquet:"query_id"`
		Doc   string               `parquet:"doc_id"`
		Score float64              `parquet:"score"`
	}
	type unsigned struct {
		Query uint32  `parquet:"qid"`
		Doc   uint64  `parquet:"docid"`
		Score float32 `parquet:"score"`
	}
	large, _, err := LoadRun(put(t, "file", parquetOf(t, unsigned{1<<32 - 1, 1<<64 - 1, 1})))
	if diff := cmp.Diff(map[ir.QueryID]ir.Ranking{"4294967295": {{Doc: "18446744073709551615", Score: 1}}}, large.Rankings, cmpopts.IgnoreFields(ir.Hit{}, "Rank")); diff != "" || err != nil {
		t.Errorf("unsigned ids: %v (-want +got)\n%s", err, diff)
	}
	want := map[ir.QueryID]ir.Ranking{"1": {{Doc: "10", Score: 2.5}, {Doc: "9", Score: -0.5}}, "2": {{Doc: "10", Score: 1}}}
	const text = "1 Q0 10 1 2.5 t\n1 Q0 9 2 -0.5 t\n2 Q0 10 1 1 t\n"
	for name, data := range map[string][]byte{
		"TREC":                []byte(text),
		"TREC, CRLF":          []byte("\ufeff# c\r\n" + strings.ReplaceAll(text, "\n", "\r\n")),
		"gzip":                zip(t, text),
		"gzip of two members": append(zip(t, text[:25]), zip(t, text[25:])...),
		"zstd":                zst(t, text),
		"zstd of two frames":  append(zst(t, text[:25]), zst(t, text[25:])...),
		"TSV":                 []byte("query-id\tcorpus-id\tscore\n1\t10\t2.5\n1\t9\t-0.5\n2\t10\t1\n"),
		"TSV, other order":    []byte("score\tdocno\tqid\r\n2.5\t10\t1\r\n-0.5\t9\t1\r\n1\t10\t2"),
		"JSONL":               []byte(`{"query_id":"1","doc_id":"10","score":2.5}` + "\n\n" + `{"score":-0.5,"corpus-id":9,"query-id":1,"text":["x"]}` + "\n" + `{"qid":"2","docid":"10","score":1.0,"rank":1}`),
		"predictions":         []byte(`{"1": {"10": 2.5, "9": -0.5}, "2": {"10": 1}}`),
		"predictions of MTEB": []byte(`{"mteb_model_meta": {"a": [1, {"b": null}]}, "default": {"test": {"1": {"10": 2.5, "9": -0.5}, "2": {"10": 1}}}}`),
		"packed predictions":  zip(t, `{"1": {"10": 2.5, "9": -0.5}, "2": {"10": 1}}`),
		"Parquet":             parquetOf(t, named{"1", "10", 2.5}, named{"1", "9", -0.5}, named{"2", "10", 1}),
		"Parquet of numbers":  parquetOf(t, numbered{2.5, 10, 1, 1, "x"}, numbered{-0.5, 9, 1, 2, "x"}, numbered{1, 10, 2, 1, "x"}),
		"Parquet with lists":  parquetOf(t, mixed{Tags: []string{"x", "y"}, Query: "1", Doc: "10", Score: 2.5}, mixed{Query: "1", Doc: "9", Score: -0.5}, mixed{Query: "2", Doc: "10", Score: 1}),
		"packed Parquet":      zst(t, string(parquetOf(t, named{"1", "10", 2.5}, named{"1", "9", -0.5}, named{"2", "10", 1}))),
	} {
		t.Run(name, func(t *testing.T) {
			run, findings, err := LoadRun(put(t, "file", data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, run.Rankings, cmpopts.IgnoreFields(ir.Hit{}, "Rank")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(findings) != 0 {
				t.Errorf("want no findings, got %v", findings)
			}
			if run.Tag != "t" && run.Tag != "file" {
				t.Errorf("got the tag %q", run.Tag)
			}
		})
	}
}

func TestLoadQrels(t *testing.T) {
	type scored struct {
		Query string  `parquet:"query-id"`
		Doc   string  `parquet:"corpus-id"`
		Score float64 `parquet:"score"`
	}
	want := ir.Qrels{"q 1": {"a b": 2, "c": 0}, "q2": {"c": 1}}
	for name, data := range map[string][]byte{
		"TSV":     []byte("query-id\tcorpus-id\tscore\nq 1\ta b\t2\nq 1\tc\t0\nq2\tc\t1\n"),
		"JSONL":   []byte(`{"query_id":"q 1","doc_id":"a b","relevance":2}` + "\n" + `{"query_id":"q 1","doc_id":"c","relevance":0}` + "\n" + `{"query_id":"q2","doc_id":"c","relevance":1}`),
		"JSON":    []byte(`{"q 1": {"a b": 2, "c": 0}, "q2": {"c": 1}}`),
		"Parquet": parquetOf(t, scored{"q 1", "a b", 2}, scored{"q 1", "c", 0}, scored{"q2", "c", 1}),
	} {
		got, findings, err := LoadQrels(put(t, "file", data))
		if err != nil || len(findings) > 0 {
			t.Errorf("%s: %v, %v", name, findings, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	// Whole floats are whole however large.
	if got, _, err := LoadQrels(put(t, "file", parquetOf(t, scored{"q", "d", 1e6}))); err != nil || got["q"]["d"] != 1e6 {
		t.Errorf("got %v, %v", got, err)
	}
	_, findings, err := LoadQrels(put(t, "file", []byte("query-id\tcorpus-id\tscore\nq\ta\t1.0\nq\tb\t1.5\n")))
	if err == nil || len(findings) != 2 || findings[0].Kind != "float-grade" || findings[0].Line != 3 || findings[1].Kind != "decimal-grade" {
		t.Errorf("got %v, %v", findings, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	const text = "1 Q0 10 1 2.5 t\n1 Q0 9 2 -0.5 t\n2 Q0 10 1 1 t\n"
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "1 Q0 d%d %d %v t\n", i*i*7919%100_003, i+1, 3000-i)
	}
	long := b.String()
	type nested struct {
		Query string `parquet:"query_id"`
		Doc   struct{ ID string }
	}
	type listed struct {
		Query string    `parquet:"query_id"`
		Doc   string    `parquet:"doc_id"`
		Score []float64 `parquet:"score"`
	}
	type halves struct {
		Query string  `parquet:"query_id"`
		Doc   string  `parquet:"doc_id"`
		Score [2]byte `parquet:"score"` // what a reader that knows no 16-bit floats sees
	}
	type decimals struct {
		Query string `parquet:"query_id"`
		Doc   string `parquet:"doc_id"`
		Score int32  `parquet:"score,decimal(2:9)"`
	}
	type uuids struct {
		Query string   `parquet:"query_id"`
		Doc   [16]byte `parquet:"doc_id,uuid"`
		Score float64  `parquet:"score"`
	}
	type booleans struct {
		Query string `parquet:"query_id"`
		Doc   string `parquet:"doc_id"`
		Score bool   `parquet:"score"`
	}
	type ambiguous struct {
		Query string  `parquet:"query"`
		ID    string  `parquet:"qid"`
		Doc   string  `parquet:"doc_id"`
		Score float64 `parquet:"score"`
	}
	whole := parquetOf(t, booleans{"q", "d", true})
	damaged := zip(t, long)
	damaged[len(damaged)/2] ^= 0xff
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"truncated gzip":     {zip(t, long)[:9000], "the file is cut off: its content ends after line "},
		"a few bytes":        {zip(t, long)[:5], "the file is cut off: nothing of its content can be read; copy or write it again"},
		"truncated zstd":     {zst(t, long)[:9000], "the file is cut off"},
		"a few of zstd":      {zst(t, long)[:5], "the file is cut off: nothing of its content can be read; copy or write it again"},
		"garbage behind":     {append(zip(t, text), "garbage behind the end"...), "something else follows the gzip data"},
		"a byte behind":      {append(zip(t, text), 'x'), "something else follows the gzip data"},
		"zeros behind":       {append(zip(t, text), make([]byte, 512)...), "something else follows the gzip data"},
		"cut second member":  {append(zip(t, text), zip(t, text)[:15]...), "the file is cut off: its content ends after line 3; copy or write it again"},
		"garbage after zstd": {append(zst(t, text), "garbage behind the end"...), "something else follows the zstd data"},
		"damaged gzip":       {append(zip(t, text)[:40], zip(t, text)[41:]...), "the gzip data are damaged"},
		"wrong gzip":         {damaged, "the gzip data are damaged"},
		"no gzip":            {append([]byte{0x1f, 0x8b}, text...), "the gzip data are damaged"},
		"damaged zstd":       {append(zst(t, long)[:4000], zst(t, long)[4001:]...), "the zstd data are damaged"},
		"bzip2":              {[]byte("BZh91AY&SY\x00\x01"), "bzip2 is not read"},
		"xz":                 {[]byte("\xfd7zXZ\x00\x00"), "xz is not read"},
		"packed twice":       {zip(t, string(zip(t, text))), "the file is packed twice"},
		"zstd in gzip":       {zip(t, string(zst(t, text))), "the file is packed twice"},
		"tar":                {zip(t, "x.run"+strings.Repeat("\x00", 252)+"ustar\x00"+text), "tar is not read"},
		"CSV":                {[]byte("query_id,doc_id,score\nq,d,1\n"), "separate them by tabs"},
		"quoted TSV":         {[]byte("\"qid\"\t\"docno\"\t\"score\"\n\"q\"\t\"d\"\t1\n"), "without quotation marks"},
		"UTF-16":             {[]byte("\xff\xfeq\x00"), "UTF-16"},
		"JSON array":         {[]byte(`[{"query_id": "q"}]`), "a JSON array is not read"},
		"no JSON":            {[]byte(`{"query_id": "q", oops}`), "line 1 is no JSON object"},
		"no score":           {[]byte(`{"query_id": "q", "doc_id": "d"}`), "the row lacks"},
		"list as id":         {[]byte(`{"query_id": ["q"], "doc_id": "d", "score": 1}`), "want a text or a number"},
		"NaN prediction":     {[]byte(`{"q": {"d": NaN}}`), "byte"},
		"null prediction":    {[]byte(`{"q": {"d": null}}`), "must be a number"},
		"cut predictions":    {[]byte(`{"q": {"d": 1`), "the file is cut off"},
		"shallow":            {[]byte(`{"q": {"d": {"e": 1}}}`), "want {query: {document: score}}"},
		"two subsets":        {[]byte(`{"a": {"test": {"q": {"d": 1}}}, "b": {"test": {"q": {"d": 1}}}}`), "one at a time"},
		"document twice":     {[]byte(`{"q": {"d": 1, "d": 2}}`), `document "d" occurs twice`},
		"query twice":        {[]byte(`{"q": {"d": 1}, "r": {"d": 1}, "q": {"e": 2}}`), `"q" occurs twice`},
		"empty query twice":  {[]byte(`{"q": {}, "q": {"e": 2}}`), `"q" occurs twice`},
		"split twice":        {[]byte(`{"a": {"test": {"q": {"d": 1}}, "test": {"r": {"d": 1}}}}`), `"test" occurs twice`},
		"column twice":       {[]byte(`{"query_id": "q", "doc_id": "d", "score": 1, "score": 2}`), `two columns like "score"`},
		"column twice, null": {[]byte(`{"query_id": "q", "doc_id": "d", "score": null, "score": 2}`), `two columns like "score"`},
		"among others":       {[]byte(`{"extra": true, "query_id": "q", "doc_id": "d", "score": 1, "score": 2}`), `two columns like "score"`},
		"spelled otherwise":  {[]byte(`{"query_id": "q", "doc_id": "d", "score": 1, "s\u0063ore": 2}`), `two columns like "score"`},
		"by two names":       {[]byte(`{"query_id": "q", "doc_id": "d", "extra": {}, "score": 1, "rel": 2}`), `two columns like "rel"`},
		"more behind":        {[]byte(`{"query_id": "q", "doc_id": "d", "score": 1, "extra": {}} {}`), "line 1 is no JSON object"},
		"row of JSON":        {[]byte(`{"query_id": "q", "doc_id": "d", "score": 1}` + "\n[1]"), "line 2 is no JSON object"},
		"half a pair":        {[]byte(`{"query_id": "q", "doc_id": "d\ud800\u0041", "score": 1}`), `line 1, "doc_id": "d\ud800\u0041" holds half of a surrogate pair`},
		"half a pair in ids": {[]byte(`{"q": {"\udc00": 1}}`), `byte 15: "\udc00" holds half of a surrogate pair`},
		"JSONL underscore":   {[]byte(`{"query_id": "q", "doc_id": "d", "score": "1_000"}`), `:1: the score must be a number, got "1_000"`},
		"JSONL hexadecimal":  {[]byte(`{"query_id": "q", "doc_id": "d", "score": "0x1p3"}`), `:1: the score must be a number, got "0x1p3"`},
		"TSV underscore":     {[]byte("query-id\tcorpus-id\tscore\nq\td\t1_000\n"), `:2: the score must be a number, got "1_000"`},
		"TSV two queries":    {[]byte("qid\tquery\tdocno\tscore\n1\twhat is it\td\t1\n"), `the columns "qid" and "query" both name the query`},
		"Parquet underscore": {parquetOf(t, struct{ Qid, Docid, Score string }{"q", "d", "1_000"}), `:1: the score must be a number, got "1_000"`},
		"two query columns":  {parquetOf(t, ambiguous{"q", "q", "d", 1}), `the columns "query" and "qid" both name the query`},
		"16-bit floats":      {parquetOf(t, halves{"q", "d", [2]byte{0, 0x3c}}), `column "score" has the type 16-bit float, which is not read; write whole numbers or floats of 32 or 64 bits, or texts`},
		"decimals":           {parquetOf(t, decimals{"q", "d", 100}), `column "score" has the type DECIMAL(9,2)`},
		"uuids":              {parquetOf(t, uuids{"q", [16]byte{1}, 1}), `column "doc_id" has the type UUID`},
		"booleans":           {whole, `column "score" has the type BOOLEAN`},
		"truncated Parquet":  {whole[:len(whole)-9], "the file is cut off: nothing of its content can be read; copy or write it again"},
		"packed, truncated":  {zip(t, string(whole[:len(whole)-9])), "the file is cut off: nothing of its content can be read; copy or write it again"},
		"truncated packing":  {zip(t, string(whole))[:100], "the file is cut off: nothing of its content can be read; copy or write it again"},
		"long description":   {append(whole[:len(whole)-8:len(whole)-8], "\xff\xff\xff\xffPAR1"...), "damaged Parquet file: it is shorter than the 4294967295 bytes that describe its columns"},
		"damaged Parquet":    {[]byte("PAR1 and nothing\x03\x00\x00\x00PAR1"), "Parquet"},
		"columns missing":    {parquetOf(t, struct{ A, B string }{"a", "b"}), "want the columns"},
		"nested column":      {parquetOf(t, nested{}), "want the columns"},
		"list as score":      {parquetOf(t, listed{"q", "d", []float64{1, 2}}), "is a list"},
		"newline in an id":   {[]byte(`{"q": {"d\n1": 1}}`), "holds the byte 0xa"},
		"empty":              {nil, "the file holds no hits"},
		"header only":        {[]byte("query-id\tcorpus-id\tscore\n"), "the file holds no hits"},
		"empty predictions":  {[]byte("{}"), "the file holds no hits"},
		"score is no number": {[]byte("query-id\tcorpus-id\tscore\nq\td\tx\n"), `:2: the score must be a number, got "x"`},
	} {
		path := put(t, "file", c.data)
		_, _, err := LoadRun(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: want an error with %q and the path, got %v", name, c.want, err)
		}
	}
	if _, _, err := LoadRun(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("want ErrNotExist, got %v", err)
	}
	if _, _, err := LoadRun(t.TempDir()); err == nil {
		t.Error("a directory was taken for a run")
	}
}

// What is saved reads back, in equal bytes every time.
func TestSave(t *testing.T) {
	run := ir.Run{Tag: "sys", Metadata: "platform:\n  name: x\n", Rankings: map[ir.QueryID]ir.Ranking{
		"q2": {{Doc: "a", Score: 1}, {Doc: "b", Score: 1}, {Doc: "c", Score: 1e-300}},
		"q1": {{Doc: "é\"<", Score: 0.1 + 1e-12}},
	}}
	qrels := ir.Qrels{"q2": {"b": -1, "a": 2}, "q1": {"x": 0}}
	dir := t.TempDir()
	for _, ext := range []string{".run", ".run.gz", ".run.zst", ".tsv", ".jsonl", ".jsonl.gz", ".json", ".parquet", ".parquet.zst"} {
		path := filepath.Join(dir, "sys"+ext)
		var first []byte
		for range 2 {
			if err := SaveRun(path, run, ir.Trec10); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if first != nil && !bytes.Equal(first, b) {
				t.Errorf("%s: saved twice, the bytes differ", ext)
			}
			first = b
		}
		got, _, err := LoadRun(path)
		if err != nil {
			t.Errorf("%s: %v", ext, err)
			continue
		}
		if diff := cmp.Diff(run.Rankings, got.Rankings, cmpopts.IgnoreFields(ir.Hit{}, "Rank"), cmpopts.SortSlices(func(a, b ir.Hit) bool { return a.Doc < b.Doc })); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", ext, diff)
		}
		if got.Tag != "sys" {
			t.Errorf("%s: got the tag %q", ext, got.Tag)
		}
		metadata := ""
		if strings.HasPrefix(ext, ".run") {
			metadata = run.Metadata
		}
		if got.Metadata != metadata {
			t.Errorf("%s: got the metadata %q", ext, got.Metadata)
		}
		if err := SaveQrels(path, qrels); err != nil {
			t.Fatal(err)
		}
		judged, _, err := LoadQrels(path)
		if err != nil {
			t.Errorf("%s: %v", ext, err)
		}
		if diff := cmp.Diff(qrels, judged); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", ext, diff)
		}
	}
	// A file stays as it is where writing goes wrong.
	path := filepath.Join(dir, "sys.jsonl")
	before, _ := os.ReadFile(path)
	run.Rankings["q1"][0].Score = math.Inf(1)
	if err := SaveRun(path, run, ir.Trec10); err == nil {
		t.Error("JSON took an infinite score")
	}
	after, _ := os.ReadFile(path)
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if !bytes.Equal(before, after) || len(left) > 0 {
		t.Errorf("a failed write left %v, or changed the file", left)
	}
}

// What no reader would take, or take for something else, is not written.
func TestSaveRefuses(t *testing.T) {
	exts := []string{".qrels", ".tsv", ".jsonl", ".json", ".parquet"}
	for name, c := range map[string]struct {
		save func(path string) error
		exts []string
		want string
	}{
		"a grade beyond 32 bits": {func(path string) error { return SaveQrels(path, ir.Qrels{"q": {"a": 1, "d": math.MaxInt}}) }, exts, fmt.Sprintf(`query "q": document "d" has the grade %d, which is beyond ±1000000000`, math.MaxInt)},
		"a large grade":          {func(path string) error { return SaveQrels(path, ir.Qrels{"q": {"d": 1, "b": -1_000_000_001}}) }, exts, `query "q": document "b" has the grade -1000000001, which is beyond ±1000000000`},
		"one rank twice": {func(path string) error {
			return SaveRun(path, ir.Run{Tag: "t", Rankings: map[ir.QueryID]ir.Ranking{"q": {{Doc: "a", Score: 2, Rank: 1}, {Doc: "b", Score: 1, Rank: 1}}}}, ir.Rank)
		}, []string{".run", ".jsonl", ".parquet"}, `query "q": documents "a" and "b" both have the rank 1`},
		"ranks without a place": {func(path string) error {
			return SaveRun(path, ir.Run{Tag: "t", Rankings: map[ir.QueryID]ir.Ranking{"q": {{Doc: "a", Score: 1, Rank: 1}, {Doc: "b", Score: 2, Rank: 2}}}}, ir.Rank)
		}, []string{".tsv", ".json"}, `file has no ranks, so that the order of the tie mode rank would be lost`},
		"a document that is not UTF-8": {func(path string) error {
			return SaveRun(path, ir.Run{Tag: "t", Rankings: map[ir.QueryID]ir.Ranking{"q": {{Doc: "a\xff", Score: 2}, {Doc: "a\xfe", Score: 1}}}}, ir.Trec10)
		}, []string{".jsonl", ".json", ".parquet"}, `document id "a\xff" is not UTF-8`},
		"a query that is not UTF-8": {func(path string) error { return SaveQrels(path, ir.Qrels{"q\xff": {"d": 1}}) }, []string{".jsonl", ".json", ".parquet"}, `query id "q\xff" is not UTF-8`},
	} {
		for _, ext := range c.exts {
			path := filepath.Join(t.TempDir(), "file"+ext)
			if err := c.save(path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: want an error with %q, got %v", name, ext, c.want, err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s, %s: a file was written", name, ext)
			}
		}
	}
	largest := ir.Qrels{"q": {"d": 1_000_000_000, "e": -1_000_000_000}}
	for _, ext := range exts {
		path := filepath.Join(t.TempDir(), "file"+ext)
		if err := SaveQrels(path, largest); err != nil {
			t.Fatal(err)
		}
		if got, _, err := LoadQrels(path); err != nil || !cmp.Equal(largest, got) {
			t.Errorf("%s: got %v, %v", ext, got, err)
		}
	}
}

// The standard input, read in pieces and again, from memory or from a file.
func TestSpool(t *testing.T) {
	want := strings.Repeat("0123456789", 1000)
	for _, limit := range []int{0, 3000, spoolMemory} {
		s := &spool{r: strings.NewReader(want), max: limit}
		for i, n := range []int{10, 5000, 0, 20000, 20000} {
			r, err := s.open()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 0, n)
			for len(got) < n {
				k, err := r.Read(got[len(got):min(cap(got), len(got)+777)])
				got = got[:len(got)+k]
				if err != nil {
					break
				}
			}
			if string(got) != want[:min(n, len(want))] {
				t.Errorf("%d bytes in memory, read %d: got %d bytes, not the beginning", limit, i, len(got))
			}
		}
		if (s.file != nil) != (limit < len(want)) {
			t.Errorf("%d bytes in memory: a file or none", limit)
		}
	}
}

// Ids that are not UTF-8 are counted and stay apart in every format.
func TestNotUTF8(t *testing.T) {
	type hit struct {
		Query string  `parquet:"qid"`
		Doc   string  `parquet:"docid"`
		Score float64 `parquet:"score"`
	}
	want := map[ir.QueryID]ir.Ranking{"q\xfd": {{Doc: "é\xff", Score: 2}, {Doc: "é\xfe", Score: 1}}, "q\ufffd": {{Doc: "x", Score: 1}}}
	for name, data := range map[string][]byte{
		"TREC":    []byte("q\xfd Q0 é\xff 0 2 t\nq\xfd Q0 é\xfe 0 1 t\nq\ufffd Q0 x 0 1 t\n"),
		"TSV":     []byte("qid\tdocid\tscore\nq\xfd\té\xff\t2\nq\xfd\té\xfe\t1\nq\ufffd\tx\t1\n"),
		"JSONL":   []byte(`{"qid":"q` + "\xfd" + `","docid":"é` + "\xff" + `","score":2,"text":"` + "\xff" + `"}` + "\n" + `{"qid":"q` + "\xfd" + `","docid":"\u00e9` + "\xfe" + `","score":1}` + "\n" + `{"qid":"q\ufffd","docid":"x","score":1,"text":"` + "\xff" + `"}` + "\n"),
		"JSON":    []byte(`{"q` + "\xfd" + `": {"é` + "\xff" + `": 2, "\u00e9` + "\xfe" + `" : 1}, "q\ufffd": {"x": 1}}`),
		"Parquet": parquetOf(t, hit{"q\xfd", "é\xff", 2}, hit{"q\xfd", "é\xfe", 1}, hit{"q\ufffd", "x", 1}),
	} {
		run, findings, err := LoadRun(put(t, "file", data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, run.Rankings, cmpopts.IgnoreFields(ir.Hit{}, "Rank")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		var found *ir.Finding
		for i := range findings {
			if findings[i].Kind == "invalid-utf8" {
				found = &findings[i]
			}
		}
		if found == nil || found.Count != 2 {
			t.Errorf("%s: want two lines that are not UTF-8, got %v", name, findings)
		}
	}
}

// Predictions are read in pieces; what an id says is in the file however large.
func TestLongPredictions(t *testing.T) {
	var b strings.Builder
	want := ir.Ranking{}
	b.WriteString(`{"q": {`)
	for i := range 5000 {
		if i > 0 {
			b.WriteString(",\n ")
		}
		doc := fmt.Sprintf("%d\xff%s", i, strings.Repeat("\ufffd", i%7))
		fmt.Fprintf(&b, `"%s": %d`, doc, -i)
		want = append(want, ir.Hit{Doc: ir.DocID(doc), Score: float64(-i)})
	}
	b.WriteString("}}\n")
	run, _, err := LoadRun(put(t, "file", []byte(b.String())))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, run.Rankings["q"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A Parquet file says how many rows it has; all of them must be there.
func TestParquetRowsMissing(t *testing.T) {
	type hit struct {
		Query string  `parquet:"qid"`
		Doc   string  `parquet:"docid"`
		Score float64 `parquet:"score"`
	}
	whole := parquetOf(t, hit{"q", "a", 3}, hit{"q", "b", 2}, hit{"q", "c", 1})
	head := len(whole) - 8 - int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))
	describe := func(change func(*description.FileMetaData)) []byte {
		var about description.FileMetaData
		if err := thrift.Unmarshal(new(thrift.CompactProtocol), whole[head:len(whole)-8], &about); err != nil {
			t.Fatal(err)
		}
		change(&about)
		b, err := thrift.Marshal(new(thrift.CompactProtocol), &about)
		if err != nil {
			t.Fatal(err)
		}
		return append(binary.LittleEndian.AppendUint32(slices.Concat(whole[:head], b), uint32(len(b))), "PAR1"...)
	}
	if run, _, err := LoadRun(put(t, "file", describe(func(*description.FileMetaData) {}))); err != nil || len(run.Rankings["q"]) != 3 {
		t.Errorf("unchanged: got %v, %v", run, err)
	}
	for name, c := range map[string]struct {
		change func(*description.FileMetaData)
		want   string
	}{
		"rows missing":    {func(m *description.FileMetaData) { m.NumRows = 4 }, "it should have 4 rows, and 3 can be read"},
		"too many rows":   {func(m *description.FileMetaData) { m.NumRows = 2 }, "it should have 2 rows, and 3 can be read"},
		"a group is gone": {func(m *description.FileMetaData) { m.RowGroups = nil }, "it should have 3 rows, and 0 can be read"},
	} {
		if _, _, err := LoadRun(put(t, "file", describe(c.change))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v", name, c.want, err)
		}
	}
}

// A row without a rank among rows with one has none, not the first.
func TestMissingRank(t *testing.T) {
	type ranked struct {
		Query string  `parquet:"qid"`
		Doc   string  `parquet:"docid"`
		Rank  *int32  `parquet:"rank"`
		Score float64 `parquet:"score"`
	}
	one := int32(1)
	for name, data := range map[string][]byte{
		"TSV":     []byte("qid\tdocid\trank\tscore\nq\ta\t1\t2\nq\tb\t\t1\n"),
		"JSONL":   []byte(`{"qid":"q","docid":"a","rank":1,"score":2}` + "\n" + `{"qid":"q","docid":"b","score":1}`),
		"Parquet": parquetOf(t, ranked{"q", "a", &one, 2}, ranked{"q", "b", nil, 1}),
	} {
		_, findings, err := LoadRun(put(t, "file", data))
		if err != nil || len(findings) != 1 || findings[0].Kind != "bad-rank" || findings[0].Count != 1 {
			t.Errorf("%s: want the finding bad-rank, got %v, %v", name, findings, err)
		}
	}
}

// A file as standard input is read where it lies, from where it stands.
func TestFileAsStandardInput(t *testing.T) {
	f, err := os.Open(put(t, "file", []byte("first\nq Q0 d 1 2 t\n")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if _, err := f.Seek(6, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	os.Stdin = f
	src, err := OpenRun("-")
	if err != nil {
		t.Fatal(err)
	}
	if src.Size != 13 {
		t.Errorf("want the size 13, got %d", src.Size)
	}
	for range 2 {
		if run, _, err := src.Run(); err != nil || len(run.Rankings["q"]) != 1 {
			t.Errorf("got %v, %v", run, err)
		}
	}
}

// Evaluation as a stream gives the same in every format; scattered files are
// read twice.
func TestStream(t *testing.T) {
	var scattered strings.Builder
	for d := range 50 {
		for q := range 20 {
			fmt.Fprintf(&scattered, "q%d Q0 d%d 0 %v t\n", q, d, (d*7+q)%31)
		}
	}
	run, _, err := ir.InspectRun(strings.NewReader(scattered.String()), "x")
	if err != nil {
		t.Fatal(err)
	}
	qrels := ir.Qrels{}
	for q := range 20 {
		qrels[ir.QueryID(fmt.Sprintf("q%d", q))] = ir.Judgments{"d3": 1, ir.DocID(fmt.Sprintf("d%d", 2*q)): 2}
	}
	m, err := ir.ParseMeasure("nDCG@10")
	if err != nil {
		t.Fatal(err)
	}
	e := &ir.Evaluator{Measures: []ir.Measure{m}}
	want, err := e.Run(qrels, run)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	paths := []string{put(t, "scattered.gz", zip(t, scattered.String()))}
	for _, ext := range []string{".run.zst", ".tsv", ".jsonl", ".json", ".parquet"} {
		path := filepath.Join(dir, "x"+ext)
		if err := SaveRun(path, run, ir.Trec10); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for _, path := range paths {
		src, err := OpenRun(path)
		if err != nil {
			t.Fatal(err)
		}
		var done int64
		src.Progress = func(d, _ int64) { done = d }
		got, err := e.Stream(context.Background(), qrels, src)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(want.PerQuery, got.PerQuery); diff != "" {
			t.Errorf("%s: (-run +stream)\n%s", path, diff)
		}
		if done == 0 {
			t.Errorf("%s: no progress", path)
		}
	}
}

// Rows that are read without encoding/json are read as it reads them.
func FuzzPlainObject(f *testing.F) {
	for _, s := range []string{
		`{"query_id": "q", "score": -1.5e3}`, `{}`, `{"a":1,}`, `{"a":01}`, `{"a":"x\ny"}`, `{"a":1} x`, `{"a":null}`, `{"a":[1]}`, `{"é":"ü","b":1}`, `{"a":"b"`, `{"a":-}`, `{"a" : 1 , "b" : "" }`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		type field struct{ name, value string }
		var got, want []field
		plain, err := plainObject([]byte(s), func(name, value []byte) error {
			got = append(got, field{string(name), string(value)})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !plain {
			return
		}
		if !json.Valid([]byte(s)) {
			t.Fatalf("%q is no object", s)
		}
		if err := anyObject([]byte(s), func(name, value []byte) error {
			want = append(want, field{string(name), string(value)})
			text, err := scalar(value)
			var v any
			dec := json.NewDecoder(bytes.NewReader(value))
			dec.UseNumber()
			if err := errors.Join(err, dec.Decode(&v)); err != nil || fmt.Sprint(v) != text {
				t.Errorf("%s: want %v, got %q, %v", value, v, text, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want, got) {
			t.Errorf("encoding/json has %q, got %q", want, got)
		}
	})
}

// Texts say what encoding/json makes of them where nothing is lost.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{`"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\ud83d\ude00"`, `"\ud83d"`, `"\ud83d\n"`, `"\udc00\ud83d"`, "\"\xff\\n\"", `"\ufffd"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want string
		if len(s) == 0 || s[0] != '"' || s[len(s)-1] != '"' || json.Unmarshal([]byte(s), &want) != nil {
			return
		}
		got, err := jsonText([]byte(s))
		if err != nil {
			if !strings.ContainsRune(want, '\ufffd') {
				t.Errorf("%s: %v", s, err)
			}
			return
		}
		if strings.ToValidUTF8(got, "") == got && got != want || string([]rune(got)) != want {
			t.Errorf("%s: want %q, got %q", s, want, got)
		}
	})
}

func addSeeds(f *testing.F) {
	f.Helper()
	type named struct {
		Query string  `parquet:"query-id"`
		Doc   string  `parquet:"corpus-id"`
		Score float64 `parquet:"score"`
	}
	f.Add([]byte("1 Q0 10 1 2.5 t\n"))
	f.Add([]byte("query-id\tcorpus-id\tscore\n1\t10\t2.5\n"))
	f.Add([]byte(`{"query_id":"1","doc_id":"10","score":2.5}` + "\n"))
	f.Add([]byte(`{"1": {"10": 2.5, "9": -0.5}}`))
	f.Add([]byte(`{"mteb_model_meta": {}, "default": {"test": {"1": {"10": 2.5}}}}`))
	f.Add(parquetOf(f, named{"1", "10", 2.5}, named{"2", "3", 1}))
	f.Add(zip(f, "1 Q0 10 1 2.5 t\n"))
	f.Add(zst(f, "1 Q0 10 1 2.5 t\n"))
}

// FuzzLoad reads anything as a run and as judgments: an error or a run that
// can be saved and read again, never a panic.
func FuzzLoad(f *testing.F) {
	addSeeds(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, fmt.Sprintf("file-%d", os.Getpid()))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		LoadQrels(path) //nolint:errcheck // anything but a panic
		run, _, err := LoadRun(path)
		if err != nil {
			return
		}
		saved := path + [...]string{".parquet", ".jsonl", ".json", ".tsv"}[len(data)%4]
		if err := SaveRun(saved, run, ir.Trec10); err != nil {
			return // ids that cannot be written
		}
		again, _, err := LoadRun(saved)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(run.Rankings, again.Rankings, cmpopts.IgnoreFields(ir.Hit{}, "Rank"), cmpopts.SortSlices(func(a, b ir.Hit) bool { return a.Doc < b.Doc })); diff != "" {
			t.Errorf("(-read +saved)\n%s", diff)
		}
	})
}
