package wire

import (
	"fmt"
	"slices"

	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// ToText converts a text.
func ToText(t sdk.Text) *pluginpb.Text {
	return &pluginpb.Text{Id: t.ID, Language: t.Language, Text: []byte(t.Text)}
}

// Text converts a text.
func Text(p *pluginpb.Text) sdk.Text {
	return sdk.Text{ID: p.GetId(), Language: p.GetLanguage(), Text: string(p.GetText())}
}

// ToQuery converts a query.
func ToQuery(q sdk.Query) *pluginpb.Query {
	return &pluginpb.Query{Id: q.ID, Language: q.Language, Text: []byte(q.Text), Group: q.Group, Origin: q.Origin}
}

// Query converts a query.
func Query(p *pluginpb.Query) sdk.Query {
	return sdk.Query{ID: p.GetId(), Language: p.GetLanguage(), Text: string(p.GetText()), Group: p.GetGroup(), Origin: p.GetOrigin()}
}

// ToDocument converts a document.
func ToDocument(d sdk.Document) *pluginpb.Document {
	return &pluginpb.Document{Id: d.ID, Language: d.Language, Title: []byte(d.Title), Text: []byte(d.Text), Group: d.Group, Origin: d.Origin}
}

// Document converts a document.
func Document(p *pluginpb.Document) sdk.Document {
	return sdk.Document{ID: p.GetId(), Language: p.GetLanguage(), Title: string(p.GetTitle()), Text: string(p.GetText()), Group: p.GetGroup(), Origin: p.GetOrigin()}
}

// ToQrel converts a judgment.
func ToQrel(q sdk.Qrel) *pluginpb.Qrel {
	return &pluginpb.Qrel{Query: q.Query, Document: q.Document, Relevance: int64(q.Relevance)}
}

// Qrel converts a judgment.
func Qrel(p *pluginpb.Qrel) sdk.Qrel {
	return sdk.Qrel{Query: p.GetQuery(), Document: p.GetDocument(), Relevance: int(p.GetRelevance())}
}

// ToPair converts a pair.
func ToPair(x sdk.Pair) *pluginpb.Pair {
	return &pluginpb.Pair{Kind: x.Kind, Group: x.Group, Origin: x.Origin, A: ToText(x.A), B: ToText(x.B)}
}

// Pair converts a pair.
func Pair(p *pluginpb.Pair) sdk.Pair {
	return sdk.Pair{Kind: p.GetKind(), Group: p.GetGroup(), Origin: p.GetOrigin(), A: Text(p.GetA()), B: Text(p.GetB())}
}

// ToInspectedText converts an inspected text.
func ToInspectedText(t sdk.InspectedText) *pluginpb.InspectedText {
	return &pluginpb.InspectedText{Id: t.ID, Language: t.Language, Group: t.Group, Origin: t.Origin, Hash: t.Hash, Empty: t.Empty}
}

// InspectedText converts an inspected text.
func InspectedText(p *pluginpb.InspectedText) sdk.InspectedText {
	return sdk.InspectedText{ID: p.GetId(), Language: p.GetLanguage(), Group: p.GetGroup(), Origin: p.GetOrigin(), Hash: p.GetHash(), Empty: p.GetEmpty()}
}

// ToInspectedPair converts an inspected pair.
func ToInspectedPair(x sdk.InspectedPair) *pluginpb.InspectedPair {
	return &pluginpb.InspectedPair{Kind: x.Kind, Group: x.Group, LanguageA: x.LangA, LanguageB: x.LangB, HashA: x.HashA, HashB: x.HashB}
}

// InspectedPair converts an inspected pair.
func InspectedPair(p *pluginpb.InspectedPair) sdk.InspectedPair {
	return sdk.InspectedPair{Kind: p.GetKind(), Group: p.GetGroup(), LangA: p.GetLanguageA(), LangB: p.GetLanguageB(), HashA: p.GetHashA(), HashB: p.GetHashB()}
}

// ToMatrix converts a reference to a matrix.
func ToMatrix(m sdk.Matrix) *pluginpb.Matrix {
	return &pluginpb.Matrix{Path: m.Path, Digest: m.Digest, Rows: int64(m.Rows), Dim: int64(m.Dim)}
}

// Matrix converts a reference to a matrix.
func Matrix(p *pluginpb.Matrix) sdk.Matrix {
	return sdk.Matrix{Path: p.GetPath(), Digest: p.GetDigest(), Rows: int(p.GetRows()), Dim: int(p.GetDim())}
}

// ToVectors converts embeddings to records that fit into a piece, and hands
// each to emit.
func ToVectors(e *sdk.Embeddings, emit func(*pluginpb.Vectors) error) error {
	if e.Sparse() {
		return toSparse(e, emit)
	}
	rows := e.Rows()
	if rows*e.Dim != len(e.Data) {
		return fmt.Errorf("%d values are no whole number of %d-dimensional vectors", len(e.Data), e.Dim)
	}
	step := max(1, (ChunkBytes-64)/max(1, 4*e.Dim))
	for i := 0; i < rows; i += step {
		end := min(i+step, rows)
		v := &pluginpb.Vectors{Rows: uint32(end - i), Dim: uint64(e.Dim), Dense: PutFloat32(e.Data[i*e.Dim : end*e.Dim])}
		if err := emit(v); err != nil {
			return err
		}
	}
	return nil
}

func toSparse(e *sdk.Embeddings, emit func(*pluginpb.Vectors) error) error {
	if err := checkSparse(e); err != nil {
		return err
	}
	rows := e.Rows()
	for i := 0; i < rows; {
		end := i + 1
		for end < rows && 8*(e.Indptr[end+1]-e.Indptr[i])+4*int64(end-i) < ChunkBytes-64 {
			end++
		}
		v := &pluginpb.Vectors{Rows: uint32(end - i), Dim: uint64(e.Dim), Sparse: true}
		lengths := make([]uint32, end-i)
		for j := range lengths {
			lengths[j] = uint32(e.Indptr[i+j+1] - e.Indptr[i+j])
		}
		v.Lengths = PutInts(lengths)
		v.Indices = PutInts(e.Indices[e.Indptr[i]:e.Indptr[end]])
		v.Values = PutFloat32(e.Values[e.Indptr[i]:e.Indptr[end]])
		if err := emit(v); err != nil {
			return err
		}
		i = end
	}
	return nil
}

func checkSparse(e *sdk.Embeddings) error {
	n := int64(len(e.Indices))
	if len(e.Values) != len(e.Indices) || e.Indptr[0] != 0 || e.Indptr[len(e.Indptr)-1] != n {
		return fmt.Errorf("sparse vectors that do not fit together: %d indices, %d values, row bounds from %d to %d", n, len(e.Values), e.Indptr[0], e.Indptr[len(e.Indptr)-1])
	}
	for i := 1; i < len(e.Indptr); i++ {
		if e.Indptr[i] < e.Indptr[i-1] {
			return fmt.Errorf("sparse vectors: row %d has a negative length", i-1)
		}
	}
	return nil
}

// Vectors converts one record. Shapes are checked, values are not.
func Vectors(p *pluginpb.Vectors) (*sdk.Embeddings, error) {
	e := &sdk.Embeddings{Dim: int(p.GetDim())}
	rows := int(p.GetRows())
	var err error
	if !p.GetSparse() {
		if p.GetDim() > MaxRecord/4 || uint64(len(p.GetDense())) != uint64(rows)*p.GetDim()*4 {
			return nil, fmt.Errorf("want %d rows × %d columns, got %d bytes", rows, p.GetDim(), len(p.GetDense()))
		}
		e.Data, err = Float32(p.GetDense())
		return e, err
	}
	lengths, err := Ints[uint32](p.GetLengths())
	if err != nil {
		return nil, err
	}
	if len(lengths) != rows {
		return nil, fmt.Errorf("want the lengths of %d rows, got %d", rows, len(lengths))
	}
	e.Indptr = make([]int64, rows+1)
	for i, n := range lengths {
		e.Indptr[i+1] = e.Indptr[i] + int64(n)
	}
	if e.Indices, err = Ints[uint32](p.GetIndices()); err != nil {
		return nil, err
	}
	if e.Values, err = Float32(p.GetValues()); err != nil {
		return nil, err
	}
	if err := checkSparse(e); err != nil {
		return nil, err
	}
	for i := range rows {
		row := e.Indices[e.Indptr[i]:e.Indptr[i+1]]
		for j, c := range row {
			if uint64(c) >= p.GetDim() || j > 0 && c <= row[j-1] {
				return nil, fmt.Errorf("sparse vectors: the columns of a row must ascend and stay below %d", p.GetDim())
			}
		}
	}
	return e, nil
}

// ToHits converts the hits of one query row.
func ToHits(query int32, hits []sdk.Hit) *pluginpb.Hits {
	rows, scores := make([]int32, len(hits)), make([]float32, len(hits))
	for i, h := range hits {
		rows[i], scores[i] = h.Row, h.Score
	}
	return &pluginpb.Hits{Query: query, Rows: PutInts(rows), Scores: PutFloat32(scores)}
}

// Hits converts the hits of one query row.
func Hits(p *pluginpb.Hits) ([]sdk.Hit, error) {
	rows, err := Ints[int32](p.GetRows())
	if err != nil {
		return nil, err
	}
	scores, err := Float32(p.GetScores())
	if err != nil {
		return nil, err
	}
	if len(rows) != len(scores) {
		return nil, fmt.Errorf("query row %d: %d rows and %d scores", p.GetQuery(), len(rows), len(scores))
	}
	hits := make([]sdk.Hit, len(rows))
	for i := range hits {
		hits[i] = sdk.Hit{Row: rows[i], Score: scores[i]}
	}
	return hits, nil
}

// ToJudgedQuery converts a query with its ranking.
func ToJudgedQuery(q sdk.JudgedQuery) *pluginpb.JudgedQuery {
	p := &pluginpb.JudgedQuery{Id: q.ID}
	p.Judged = make([]string, 0, len(q.Qrels))
	for d := range q.Qrels {
		p.Judged = append(p.Judged, d)
	}
	slices.Sort(p.Judged)
	p.Relevance = make([]int64, len(p.Judged))
	for i, d := range p.Judged {
		p.Relevance[i] = int64(q.Qrels[d])
	}
	p.Ranking = make([]string, len(q.Ranking))
	scores := make([]float64, len(q.Ranking))
	for i, r := range q.Ranking {
		p.Ranking[i], scores[i] = r.ID, r.Score
	}
	p.Scores = PutFloat64(scores)
	return p
}

// JudgedQuery converts a query with its ranking.
func JudgedQuery(p *pluginpb.JudgedQuery) (sdk.JudgedQuery, error) {
	q := sdk.JudgedQuery{ID: p.GetId(), Qrels: make(map[string]int, len(p.GetJudged()))}
	if len(p.GetRelevance()) != len(p.GetJudged()) {
		return q, fmt.Errorf("query %q: %d judged documents and %d judgments", q.ID, len(p.GetJudged()), len(p.GetRelevance()))
	}
	for i, d := range p.GetJudged() {
		q.Qrels[d] = int(p.GetRelevance()[i])
	}
	scores, err := Float64(p.GetScores())
	if err != nil {
		return q, err
	}
	if len(scores) != len(p.GetRanking()) {
		return q, fmt.Errorf("query %q: %d ranked documents and %d scores", q.ID, len(p.GetRanking()), len(scores))
	}
	q.Ranking = make([]sdk.ScoredDocument, len(scores))
	for i := range scores {
		q.Ranking[i] = sdk.ScoredDocument{ID: p.GetRanking()[i], Score: scores[i]}
	}
	return q, nil
}
