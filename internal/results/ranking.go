package results

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Ranked is one place in the ranking of one query. Ranks count from 1 and rise
// within a query; the rows of a query stand together.
type Ranked struct {
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
	values  = format[Measured, Measured]{name: "values", row: same[Measured], from: same[Measured], size: func(*Measured) int { return 40 }}
)

// EncodeRanking returns the file of rows.
func EncodeRanking(rows []Ranked) ([]byte, error) { return ranking.bytes(rows) }

// DecodeRanking reads a whole ranking.
func DecodeRanking(b []byte) ([]Ranked, error) { return ranking.all(b) }

// NewRankingWriter starts a ranking.
func NewRankingWriter(w io.Writer) *Writer[Ranked] { return ranking.writer(w) }

// EncodeValues returns the file of rows.
func EncodeValues(rows []Measured) ([]byte, error) { return values.bytes(rows) }

// DecodeValues reads a whole file of values.
func DecodeValues(b []byte) ([]Measured, error) { return values.all(b) }

// WriteTREC writes rows as a TREC run: query, Q0, document, rank, score, tag.
// Scores have as many digits as tell float32 values apart. White space in an
// id would shift the columns, so it is written as "_".
func WriteTREC(w io.Writer, tag string, rows []Ranked) error {
	var b []byte
	tag = trecField(tag)
	for _, r := range rows {
		b = append(b, trecField(r.QueryID)...)
		b = append(b, " Q0 "...)
		b = append(b, trecField(r.DocumentID)...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(r.Rank), 10)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, float64(r.Score), 'g', -1, 32)
		b = append(b, ' ')
		b = append(b, tag...)
		b = append(b, '\n')
		if len(b) > 1<<16 {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("write a run: %w", err)
			}
			b = b[:0]
		}
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write a run: %w", err)
	}
	return nil
}

func trecField(s string) string {
	if s == "" {
		return "_"
	}
	if !strings.ContainsAny(s, " \t\n\r\v\f") {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '\v', '\f':
			return '_'
		}
		return r
	}, s)
}

// Gzip compresses b at the fastest level, without name or time.
func Gzip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err == nil {
		_, err = z.Write(b)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out.Bytes(), nil
}
