package irfile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/xlrun/xlrun/sdk/ir"
)

// SaveRun writes a run to a file whose name says how: .tsv (query-id,
// corpus-id and score, with a header), .jsonl, .json (predictions) or
// .parquet, anything else is TREC; then .gz or .zst or nothing. Queries are in
// byte order, hits in the order of t with ranks from 1. Equal runs give equal
// bytes. A file of that name is replaced when all is written, not before.
//
// Tag and metadata are written to TREC files only. The other formats have no
// place for them; on reading, the file's name stands in for the tag. .tsv and
// .json have no place for ranks either, and refuse the tie mode [ir.Rank].
func SaveRun(path string, run ir.Run, t ir.Ties) error {
	return save(path, func(w io.Writer, ext string) error {
		if ext != ".tsv" && ext != ".jsonl" && ext != ".json" && ext != ".parquet" {
			return ir.WriteRun(w, run, t)
		}
		if t == ir.Rank && (ext == ".tsv" || ext == ".json") {
			return fmt.Errorf("a %s file has no ranks, so that the order of the tie mode %v would be lost; write TREC, .jsonl or .parquet", ext, t)
		}
		var rows []row
		for _, id := range run.Queries() {
			ranking, err := run.Rankings[id].Sorted(t)
			if err != nil {
				return fmt.Errorf("query %q: %w", id, err)
			}
			for i, h := range ranking {
				rows = append(rows, row{query: string(id), doc: string(h.Doc), rank: i + 1, score: h.Score + 0})
			}
		}
		return writeRows(w, ext, runShape, rows)
	})
}

// SaveQrels writes judgments to a file whose name says how, as in [SaveRun].
// Queries and documents are in byte order, judgments must pass
// [ir.Judgments.Check].
func SaveQrels(path string, qrels ir.Qrels) error {
	return save(path, func(w io.Writer, ext string) error {
		if ext != ".tsv" && ext != ".jsonl" && ext != ".json" && ext != ".parquet" {
			return ir.WriteQrels(w, qrels)
		}
		var rows []row
		for _, id := range qrels.Queries() {
			if err := qrels[id].Check(); err != nil {
				return fmt.Errorf("query %q: %w", id, err)
			}
			from := len(rows)
			for doc, grade := range qrels[id] {
				rows = append(rows, row{query: string(id), doc: string(doc), grade: grade})
			}
			slices.SortFunc(rows[from:], func(a, b row) int { return strings.Compare(a.doc, b.doc) })
		}
		return writeRows(w, ext, qrelsShape, rows)
	})
}

type row struct {
	query, doc  string
	rank, grade int
	score       float64
}

// value returns score or grade as text.
func (r row) value(s shape) string {
	if s == qrelsShape {
		return strconv.Itoa(r.grade)
	}
	return strconv.FormatFloat(r.score, 'g', -1, 64)
}

// save calls write with a file beside path and the extension that tells the
// format, and puts the file in the place of path.
func save(path string, write func(w io.Writer, ext string) error) (err error) {
	name := path
	pack := filepath.Ext(name)
	if pack == ".gz" || pack == ".zst" {
		name = strings.TrimSuffix(name, pack)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()           //nolint:errcheck,gosec // err says more
			os.Remove(f.Name()) //nolint:errcheck,gosec // err says more
		}
	}()
	buf := bufio.NewWriterSize(f, 256<<10)
	var out io.WriteCloser = nopCloser{buf}
	switch pack {
	case ".gz":
		out = gzip.NewWriter(buf) // without name and time, so that equal runs give equal bytes
	case ".zst":
		if out, err = zstd.NewWriter(buf, zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
	}
	if err := write(out, filepath.Ext(name)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	mode := os.FileMode(0o644)
	if st, err := os.Stat(path); err == nil {
		mode = st.Mode().Perm()
	}
	if err := errors.Join(out.Close(), buf.Flush(), f.Chmod(mode), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

type (
	parquetHit struct {
		Query string  `parquet:"query_id"`
		Doc   string  `parquet:"doc_id"`
		Rank  int32   `parquet:"rank"`
		Score float64 `parquet:"score"`
	}
	parquetJudgment struct {
		Query     string `parquet:"query_id"`
		Doc       string `parquet:"doc_id"`
		Relevance int32  `parquet:"relevance"`
	}
	jsonHit struct {
		Query string  `json:"query_id"`
		Doc   string  `json:"doc_id"`
		Rank  int     `json:"rank"`
		Score float64 `json:"score"`
	}
	jsonJudgment struct {
		Query     string `json:"query_id"`
		Doc       string `json:"doc_id"`
		Relevance int    `json:"relevance"`
	}
)

func writeRows(w io.Writer, ext string, s shape, rows []row) error {
	for _, r := range rows {
		for i, id := range [...]string{r.query, r.doc} {
			if ext != ".tsv" && !utf8.ValidString(id) {
				return fmt.Errorf("%s id %q is not UTF-8, which JSON and Parquet ask for; write TREC or TSV", [...]string{"query", "document"}[i], id)
			}
			if id == "" || strings.ContainsAny(id, "\x00\n\x1f") || ext == ".tsv" && strings.ContainsAny(id, "\t\r") {
				return fmt.Errorf("%s id %q: it is empty or holds a control character that cannot be read back", [...]string{"query", "document"}[i], id)
			}
		}
		if math.IsInf(r.score, 0) && (ext == ".json" || ext == ".jsonl") {
			return fmt.Errorf("document %q of query %q has the score %v, which JSON cannot hold", r.doc, r.query, r.score)
		}
	}
	switch ext {
	case ".parquet":
		return writeParquet(w, s, rows)
	case ".json":
		return writePredictions(w, s, rows)
	}
	bw := bufio.NewWriter(w)
	if ext == ".tsv" {
		fmt.Fprint(bw, "query-id\tcorpus-id\tscore\n") //nolint:errcheck // Flush tells
		for _, r := range rows {
			fmt.Fprintf(bw, "%s\t%s\t%s\n", r.query, r.doc, r.value(s)) //nolint:errcheck // Flush tells
		}
		return bw.Flush()
	}
	enc := json.NewEncoder(bw)
	enc.SetEscapeHTML(false)
	for _, r := range rows {
		var v any = jsonHit{r.query, r.doc, r.rank, r.score}
		if s == qrelsShape {
			v = jsonJudgment{r.query, r.doc, r.grade}
		}
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return bw.Flush()
}

// writePredictions writes {query: {document: score}}.
func writePredictions(w io.Writer, s shape, rows []row) error {
	bw := bufio.NewWriter(w)
	bw.WriteString("{") //nolint:errcheck,gosec // Flush tells
	for i, r := range rows {
		first := i == 0 || rows[i-1].query != r.query
		switch {
		case i > 0 && first:
			bw.WriteString("\n},\n") //nolint:errcheck,gosec // Flush tells
		case i > 0:
			bw.WriteString(",\n") //nolint:errcheck,gosec // Flush tells
		default:
			bw.WriteString("\n") //nolint:errcheck,gosec // Flush tells
		}
		if first {
			fmt.Fprintf(bw, "%s: {\n", quote(r.query)) //nolint:errcheck // Flush tells
		}
		fmt.Fprintf(bw, "%s: %s", quote(r.doc), r.value(s)) //nolint:errcheck // Flush tells
	}
	if len(rows) > 0 {
		bw.WriteString("\n}\n") //nolint:errcheck,gosec // Flush tells
	}
	bw.WriteString("}\n") //nolint:errcheck,gosec // Flush tells
	return bw.Flush()
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // no string fails
	}
	return b
}

// writeParquet writes rows without compression, as all our Parquet files.
func writeParquet(w io.Writer, s shape, rows []row) error {
	options := []parquet.WriterOption{
		parquet.Compression(&parquet.Uncompressed), parquet.DataPageStatistics(false), parquet.CreatedBy("xlrun", "1", "irfile"),
	}
	if s == qrelsShape {
		return writeAll(parquet.NewGenericWriter[parquetJudgment](w, options...), rows, func(r row) parquetJudgment {
			return parquetJudgment{r.query, r.doc, int32(r.grade)}
		})
	}
	return writeAll(parquet.NewGenericWriter[parquetHit](w, options...), rows, func(r row) parquetHit {
		return parquetHit{r.query, r.doc, int32(r.rank), r.score}
	})
}

func writeAll[T any](w *parquet.GenericWriter[T], rows []row, convert func(row) T) error {
	buf := make([]T, 0, 1024)
	for chunk := range slices.Chunk(rows, cap(buf)) {
		buf = buf[:0]
		for _, r := range chunk {
			buf = append(buf, convert(r))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return w.Close()
}
