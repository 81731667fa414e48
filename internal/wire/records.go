package wire

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

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
	both := make([]byte, 8*len(hits))
	rows, scores := both[:4*len(hits)], both[4*len(hits):]
	for i, h := range hits {
		binary.LittleEndian.PutUint32(rows[4*i:], uint32(h.Row))
		binary.LittleEndian.PutUint32(scores[4*i:], math.Float32bits(h.Score))
	}
	return &pluginpb.Hits{Query: query, Rows: rows, Scores: scores}
}

// Hits converts the hits of one query row.
func Hits(p *pluginpb.Hits) ([]sdk.Hit, error) {
	rows, scores := p.GetRows(), p.GetScores()
	if len(rows) != len(scores) || len(rows)%4 != 0 {
		return nil, fmt.Errorf("query row %d: %d bytes of rows and %d of scores: want four for each hit", p.GetQuery(), len(rows), len(scores))
	}
	hits := make([]sdk.Hit, len(rows)/4)
	for i := range hits {
		hits[i] = sdk.Hit{Row: int32(binary.LittleEndian.Uint32(rows[4*i:])), Score: math.Float32frombits(binary.LittleEndian.Uint32(scores[4*i:]))}
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
	p.Scores = make([]byte, 8*len(q.Ranking))
	for i, r := range q.Ranking {
		p.Ranking[i] = r.ID
		binary.LittleEndian.PutUint64(p.Scores[8*i:], math.Float64bits(r.Score))
	}
	p.Language, p.Group = q.Language, q.Group
	documents := make([]pluginpb.JudgedDocument, 0, len(q.Documents))
	for _, d := range slices.Sorted(maps.Keys(q.Documents)) {
		info := q.Documents[d]
		documents = documents[:len(documents)+1]
		m := &documents[len(documents)-1]
		m.Id, m.Language, m.Group = d, info.Language, info.Group
		p.Documents = append(p.Documents, m)
	}
	for _, l := range slices.Sorted(maps.Keys(q.Candidates)) {
		p.Candidates = append(p.Candidates, &pluginpb.LanguageCount{Language: l, Count: int64(q.Candidates[l])})
	}
	return p
}

// ToQueryValues converts the values of a query.
func ToQueryValues(id string, v sdk.QueryValues) *pluginpb.QueryValues {
	return &pluginpb.QueryValues{Id: id, Values: PutFloat64(v.Values), Rank: int64(v.Rank), Undefined: v.Undefined, Notes: v.Notes}
}

// QueryValues converts the values of a query. Whether there are as many as
// there are measures is the caller's to check.
func QueryValues(p *pluginpb.QueryValues) (sdk.QueryValues, error) {
	v := sdk.QueryValues{Rank: int(p.GetRank()), Undefined: p.GetUndefined(), Notes: p.GetNotes()}
	var err error
	v.Values, err = Float64(p.GetValues())
	return v, err
}

// judgedDocumentInfo decodes a JudgedDocument. text holds the same bytes as b:
// the strings are parts of it.
func judgedDocumentInfo(b []byte, text string) (id string, info sdk.DocumentInfo, err error) {
	for at := 0; at < len(b); {
		field, kind, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return "", info, protowire.ParseError(n)
		}
		if field > protowire.MaxValidNumber {
			return "", info, fmt.Errorf("a field numbered %d", field)
		}
		at += n
		n = protowire.ConsumeFieldValue(field, kind, b[at:])
		if n < 0 {
			return "", info, protowire.ParseError(n)
		}
		at += n
		if kind != protowire.BytesType || field > 3 {
			continue // a field of a later version
		}
		value, _ := protowire.ConsumeBytes(b[at-n : at])
		s := text[at-len(value) : at]
		if !utf8.ValidString(s) {
			return "", info, fmt.Errorf("a document's identifier, language or group that is no UTF-8: %q", s)
		}
		switch field {
		case 1:
			id = s
		case 2:
			info.Language = s
		case 3:
			info.Group = s
		}
	}
	return id, info, nil
}

// NextJudgedQuery is Next for a JudgedQuery. Rankings are many short strings:
// here they share one, that of their record, where the generated code makes
// each of its own.
func (r *Reader) NextJudgedQuery(q *sdk.JudgedQuery) (bool, error) {
	b, err := r.next()
	if b == nil || err != nil {
		return false, err
	}
	if err := judgedQuery(b, q); err != nil {
		return false, fmt.Errorf("broken stream: %w", err)
	}
	return true, nil
}

// The fields of JudgedQuery in metric.proto.
const (
	judgedID protowire.Number = iota + 1
	judgedDocument
	judgedRelevance
	judgedRanking
	judgedScores
	judgedLanguage
	judgedGroup
	judgedDocuments
	judgedCandidates
)

func judgedQuery(b []byte, q *sdk.JudgedQuery) error {
	text := string(b)
	*q = sdk.JudgedQuery{}
	var judged []string
	var relevance []int
	var scores []byte
	for at := 0; at < len(b); {
		field, kind, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		if field > protowire.MaxValidNumber {
			return fmt.Errorf("a field numbered %d", field)
		}
		at += n
		n = protowire.ConsumeFieldValue(field, kind, b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		value := b[at : at+n]
		at += n
		if field == judgedRelevance && kind == protowire.VarintType {
			// Writers may choose not to pack numbers.
			x, _ := protowire.ConsumeVarint(value)
			relevance = append(relevance, int(protowire.DecodeZigZag(x)))
			continue
		}
		if kind != protowire.BytesType {
			continue // a field of a later version
		}
		value, _ = protowire.ConsumeBytes(value)
		switch field {
		case judgedID, judgedDocument, judgedRanking, judgedLanguage, judgedGroup:
			s := text[at-len(value) : at]
			if !utf8.ValidString(s) {
				return fmt.Errorf("an identifier that is no UTF-8: %q", s)
			}
			switch field {
			case judgedID:
				q.ID = s
			case judgedLanguage:
				q.Language = s
			case judgedGroup:
				q.Group = s
			case judgedDocument:
				judged = append(judged, s)
			default:
				if q.Ranking == nil {
					// About as many as follow, if they are of one length.
					q.Ranking = make([]sdk.ScoredDocument, 0, 1+(len(b)-at)/(len(s)+10))
				}
				q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: s})
			}
		case judgedRelevance:
			for len(value) > 0 {
				x, n := protowire.ConsumeVarint(value)
				if n < 0 {
					return protowire.ParseError(n)
				}
				relevance = append(relevance, int(protowire.DecodeZigZag(x)))
				value = value[n:]
			}
		case judgedScores:
			scores = value
		case judgedDocuments:
			id, info, err := judgedDocumentInfo(value, text[at-len(value):at])
			if err != nil {
				return err
			}
			if q.Documents == nil {
				q.Documents = make(map[string]sdk.DocumentInfo, len(q.Ranking)+len(judged))
			}
			q.Documents[id] = info
		case judgedCandidates:
			var c pluginpb.LanguageCount
			if err := proto.Unmarshal(value, &c); err != nil {
				return err
			}
			if q.Candidates == nil {
				q.Candidates = map[string]int{}
			}
			q.Candidates[c.GetLanguage()] = int(c.GetCount())
		}
	}
	if len(relevance) != len(judged) {
		return fmt.Errorf("query %q: %d judged documents and %d judgments", q.ID, len(judged), len(relevance))
	}
	q.Qrels = make(map[string]int, len(judged))
	for i, d := range judged {
		q.Qrels[d] = relevance[i]
	}
	if len(scores) != 8*len(q.Ranking) {
		return fmt.Errorf("query %q: %d ranked documents and %d bytes of scores: want eight for each", q.ID, len(q.Ranking), len(scores))
	}
	for i := range q.Ranking {
		q.Ranking[i].Score = math.Float64frombits(binary.LittleEndian.Uint64(scores[8*i:]))
	}
	return nil
}
