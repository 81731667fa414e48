package results

import (
	"io"
	"iter"

	"github.com/xlrun/xlrun/sdk"
)

// The files of a collection. Row order is the loader's and means something:
// vectors, pools and rankings count rows of one language in it.

type queryRow struct {
	ID       string `parquet:"query_id"`
	Language string `parquet:"language,dict"`
	Text     string `parquet:"text"`
	Group    string `parquet:"group"`
	Origin   string `parquet:"origin,dict"`
}

type documentRow struct {
	ID       string `parquet:"document_id"`
	Language string `parquet:"language,dict"`
	Title    string `parquet:"title"`
	Text     string `parquet:"text"`
	Group    string `parquet:"group"`
	Origin   string `parquet:"origin,dict"`
}

type qrelRow struct {
	Query     string `parquet:"query_id,dict"`
	Document  string `parquet:"document_id,dict"`
	Relevance int32  `parquet:"relevance"`
}

type pairRow struct {
	Kind      string `parquet:"kind,dict"`
	Group     string `parquet:"group"`
	Origin    string `parquet:"origin,dict"`
	IDA       string `parquet:"id_a"`
	LanguageA string `parquet:"language_a,dict"`
	TextA     string `parquet:"text_a"`
	IDB       string `parquet:"id_b"`
	LanguageB string `parquet:"language_b,dict"`
	TextB     string `parquet:"text_b"`
}

var (
	queries = format[sdk.Query, queryRow]{
		name: "queries",
		row:  func(q sdk.Query) queryRow { return queryRow(q) },
		from: func(r queryRow) sdk.Query { return sdk.Query(r) },
		size: func(r *queryRow) int { return len(r.ID) + len(r.Text) + len(r.Group) + 40 },
	}
	documents = format[sdk.Document, documentRow]{
		name: "documents",
		row:  func(d sdk.Document) documentRow { return documentRow(d) },
		from: func(r documentRow) sdk.Document { return sdk.Document(r) },
		size: func(r *documentRow) int { return len(r.ID) + len(r.Title) + len(r.Text) + len(r.Group) + 40 },
	}
	qrels = format[sdk.Qrel, qrelRow]{
		name: "relevance judgments",
		row:  func(q sdk.Qrel) qrelRow { return qrelRow{q.Query, q.Document, int32(q.Relevance)} },
		from: func(r qrelRow) sdk.Qrel {
			return sdk.Qrel{Query: r.Query, Document: r.Document, Relevance: int(r.Relevance)}
		},
		size: func(r *qrelRow) int { return len(r.Query) + len(r.Document) + 16 },
	}
	pairs = format[sdk.Pair, pairRow]{
		name: "pairs",
		row: func(p sdk.Pair) pairRow {
			return pairRow{p.Kind, p.Group, p.Origin, p.A.ID, p.A.Language, p.A.Text, p.B.ID, p.B.Language, p.B.Text}
		},
		from: func(r pairRow) sdk.Pair {
			return sdk.Pair{
				Kind: r.Kind, Group: r.Group, Origin: r.Origin,
				A: sdk.Text{ID: r.IDA, Language: r.LanguageA, Text: r.TextA},
				B: sdk.Text{ID: r.IDB, Language: r.LanguageB, Text: r.TextB},
			}
		},
		size: func(r *pairRow) int { return len(r.TextA) + len(r.TextB) + len(r.IDA) + len(r.IDB) + len(r.Group) + 64 },
	}
)

// NewQueryWriter starts a file of queries.
func NewQueryWriter(w io.Writer) *Writer[sdk.Query] { return queries.writer(w) }

// NewDocumentWriter starts a file of documents.
func NewDocumentWriter(w io.Writer) *Writer[sdk.Document] { return documents.writer(w) }

// NewQrelWriter starts a file of relevance judgments.
func NewQrelWriter(w io.Writer) *Writer[sdk.Qrel] { return qrels.writer(w) }

// NewPairWriter starts a file of training pairs.
func NewPairWriter(w io.Writer) *Writer[sdk.Pair] { return pairs.writer(w) }

// Queries reads a file of queries in order, with bounded memory.
func Queries(r io.ReaderAt, size int64) iter.Seq2[sdk.Query, error] { return queries.rows(r, size) }

// Documents reads a file of documents in order, with bounded memory.
func Documents(r io.ReaderAt, size int64) iter.Seq2[sdk.Document, error] {
	return documents.rows(r, size)
}

// Qrels reads a file of relevance judgments in order, with bounded memory.
func Qrels(r io.ReaderAt, size int64) iter.Seq2[sdk.Qrel, error] { return qrels.rows(r, size) }

// Pairs reads a file of pairs in order, with bounded memory.
func Pairs(r io.ReaderAt, size int64) iter.Seq2[sdk.Pair, error] { return pairs.rows(r, size) }

// EncodeQueries returns the file of qs.
func EncodeQueries(qs []sdk.Query) ([]byte, error) { return queries.bytes(qs) }

// EncodeDocuments returns the file of ds.
func EncodeDocuments(ds []sdk.Document) ([]byte, error) { return documents.bytes(ds) }

// EncodeQrels returns the file of qs.
func EncodeQrels(qs []sdk.Qrel) ([]byte, error) { return qrels.bytes(qs) }

// EncodePairs returns the file of ps.
func EncodePairs(ps []sdk.Pair) ([]byte, error) { return pairs.bytes(ps) }

// DecodeQueries reads a whole file of queries.
func DecodeQueries(b []byte) ([]sdk.Query, error) { return queries.all(b) }

// DecodeDocuments reads a whole file of documents.
func DecodeDocuments(b []byte) ([]sdk.Document, error) { return documents.all(b) }

// DecodeQrels reads a whole file of relevance judgments.
func DecodeQrels(b []byte) ([]sdk.Qrel, error) { return qrels.all(b) }

// DecodePairs reads a whole file of pairs.
func DecodePairs(b []byte) ([]sdk.Pair, error) { return pairs.all(b) }
