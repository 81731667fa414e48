package results

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// Ranked is one place in the ranking of one query. Ranks count from 1 and rise
// within a query; the rows of a query stand together.
type Ranked struct {
	QueryID    string  `parquet:"query_id,dict"`
	DocumentID string  `parquet:"document_id,dict"`
	Rank       int32   `parquet:"rank"`
	Score      float64 `parquet:"score"`
}

// single is how a ranking lies in its file where every score is a 32-bit
// float, as an index gives them.
type single struct {
	QueryID    string  `parquet:"query_id,dict"`
	DocumentID string  `parquet:"document_id,dict"`
	Rank       int32   `parquet:"rank"`
	Score      float32 `parquet:"score"`
}

// Measured is one value of one query. Rank is that of the first relevant
// document, from 1; 0: not retrieved.
type Measured struct {
	QueryID string  `parquet:"query_id,dict"`
	Measure string  `parquet:"measure,dict"`
	Value   float64 `parquet:"value"`
	Rank    int32   `parquet:"rank"`
}

func same[T any](v T) T { return v }

var (
	ranking = format[Ranked, Ranked]{name: "a ranking", row: same[Ranked], from: same[Ranked], size: func(*Ranked) int { return 40 }}
	singles = format[Ranked, single]{
		name:   "a ranking",
		row:    func(r Ranked) single { return single{r.QueryID, r.DocumentID, r.Rank, float32(r.Score)} },
		from:   func(r single) Ranked { return Ranked{r.QueryID, r.DocumentID, r.Rank, float64(r.Score)} },
		size:   func(*single) int { return 40 },
		schema: "Ranked", // as it was called when all were such
	}
	values = format[Measured, Measured]{name: "values", row: same[Measured], from: same[Measured], size: func(*Measured) int { return 40 }}
)

// EncodeRanking returns the file of rows. Its column of scores is as wide as
// they need: float where all are 32-bit floats, else double.
func EncodeRanking(rows []Ranked) ([]byte, error) {
	if scoreBits(rows) == 32 {
		return singles.bytes(rows)
	}
	return ranking.bytes(rows)
}

// DecodeRanking reads a whole ranking, of either width.
func DecodeRanking(b []byte) ([]Ranked, error) {
	file, err := ranking.openAny(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	if leaf, ok := file.Schema().Lookup("score"); ok && leaf.Node.Type().Kind() == parquet.Float {
		return singles.all(b)
	}
	return ranking.all(b)
}

// scoreBits is the width that holds all scores exactly: 32 or 64.
func scoreBits(rows []Ranked) int {
	for i := range rows {
		if s := rows[i].Score; float64(float32(s)) != s {
			return 64
		}
	}
	return 32
}

// EncodeValues returns the file of rows.
func EncodeValues(rows []Measured) ([]byte, error) { return values.bytes(rows) }

// DecodeValues reads a whole file of values.
func DecodeValues(b []byte) ([]Measured, error) { return values.all(b) }

// AppendTREC appends rows as a TREC run: query, Q0, document, rank, score, tag.
// Scores have as many digits as tell 32-bit floats apart where all of them are
// such, else as many as a 64-bit float needs. White space in an id would shift
// the columns, so it is written as "_".
func AppendTREC(b []byte, tag string, rows []Ranked) []byte {
	tag = trecField(tag)
	var query, asField string
	bits := scoreBits(rows)
	for _, r := range rows {
		if r.QueryID != query || asField == "" {
			query, asField = r.QueryID, trecField(r.QueryID)
		}
		b = append(b, asField...)
		b = append(b, " Q0 "...)
		b = append(b, trecField(r.DocumentID)...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(r.Rank), 10)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, r.Score, 'g', -1, bits)
		b = append(b, ' ')
		b = append(b, tag...)
		b = append(b, '\n')
	}
	return b
}

// texts keeps buffers for runs before compression, which are of one size in a
// study.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// GzipTREC returns rows as a compressed TREC run.
func GzipTREC(tag string, rows []Ranked) ([]byte, error) {
	text := texts.Get().(*[]byte)
	defer texts.Put(text)
	*text = AppendTREC((*text)[:0], tag, rows)
	return Gzip(*text)
}

func trecField(s string) string {
	if s == "" {
		return "_"
	}
	for i := range len(s) {
		if !white(s[i]) {
			continue
		}
		b := []byte(s)
		for k := i; k < len(b); k++ {
			if white(b[k]) {
				b[k] = '_'
			}
		}
		return string(b)
	}
	return s
}

func white(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// gzips keeps compressors: a new one costs more than compressing a run.
var gzips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one there is
	}
	return z
}}

// Gzip compresses b at the fastest level, without name or time.
func Gzip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(b)/3 + 64)
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(&out)
	_, err := z.Write(b)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out.Bytes(), nil
}
