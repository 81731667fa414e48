package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// maxMessage4MiB is what a gRPC server in any language accepts.
const maxMessage4MiB = 4 << 20

func TestStream(t *testing.T) {
	var want []string
	for _, n := range []int{0, 1, 100, ChunkBytes - 20, ChunkBytes, 5*ChunkBytes + 7, 3, 0} {
		want = append(want, strings.Repeat("ж", n/2)+strings.Repeat("x", n%2))
	}
	for i := range 30000 {
		want = append(want, fmt.Sprint(i))
	}
	var pieces [][]byte
	w := NewWriter(func(b []byte) error {
		pieces = append(pieces, b)
		return nil
	})
	for i, s := range want {
		if err := w.Record(ToText(sdk.Text{Text: s}), 1); err != nil {
			t.Fatal(err)
		}
		if i%7000 == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	last, done := w.Finish()
	pieces = append(pieces, last)
	total := 0
	for _, p := range pieces {
		total += len(p)
		if m := proto.Size(&pluginpb.LoadResponse{Data: p, Done: done}); m >= maxMessage4MiB/2 {
			t.Errorf("a message of %d bytes", m)
		}
	}
	if int64(total) != w.Bytes() {
		t.Errorf("want %d bytes, got %d", total, w.Bytes())
	}

	read := func(pieces [][]byte) ([]string, error) {
		r := NewReader()
		var got []string
		for _, p := range pieces {
			r.Feed(p)
			for {
				var m pluginpb.Text
				ok, err := r.Next(&m)
				if err != nil {
					return nil, err
				}
				if !ok {
					break
				}
				r.Count(1)
				got = append(got, string(m.GetText()))
			}
		}
		return got, r.Check(done)
	}
	got, err := read(pieces)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%.500s", diff)
	}
	// It does not matter where the stream is cut.
	all := bytes.Join(pieces, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	var other [][]byte
	for len(all) > 0 {
		n := min(len(all), 1+rng.IntN(200_000))
		other = append(other, bytes.Clone(all[:n]))
		all = all[n:]
	}
	if again, err := read(other); err != nil || !reflect.DeepEqual(got, again) {
		t.Errorf("cut elsewhere: %v", err)
	}
	// A lost piece, a changed byte and two pieces swapped are noticed.
	if _, err := read(pieces[:len(pieces)-1]); err == nil {
		t.Error("a lost piece goes unnoticed")
	}
	changed := bytes.Clone(pieces[len(pieces)-1])
	changed[len(changed)-1] ^= 1
	if _, err := read(append(pieces[:len(pieces)-1:len(pieces)-1], changed)); err == nil {
		t.Error("a changed byte goes unnoticed")
	}
}

// FuzzReader feeds whatever bytes: no panic, no endless loop, no memory that
// the bytes do not pay for.
func FuzzReader(f *testing.F) {
	f.Add([]byte{}, 1)
	f.Add([]byte{0, 0, 0}, 2)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, 3)
	f.Add([]byte{200, 1, 10}, 1)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		r := NewReader()
		for len(b) > 0 {
			n := max(1, min(len(b), step))
			r.Feed(bytes.Clone(b[:n]))
			b = b[n:]
			for {
				var m pluginpb.Vectors
				ok, err := r.Next(&m)
				if err != nil {
					return
				}
				if !ok {
					break
				}
				if e, err := Vectors(&m); err == nil && e.Rows() > 0 && e.Rows() != int(m.GetRows()) {
					t.Errorf("%d rows of %d", e.Rows(), m.GetRows())
				}
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	f32 := []float32{0, 1, -1, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Inf(1))}
	if got, err := Float32(PutFloat32(f32)); err != nil || !reflect.DeepEqual(got, f32) {
		t.Errorf("%v %v", got, err)
	}
	if got := PutFloat32([]float32{1}); !bytes.Equal(got, []byte{0, 0, 0x80, 0x3f}) {
		t.Errorf("want 1 as 0000803f, got %x", got)
	}
	f64 := []float64{0, 1, math.Pi, -math.MaxFloat64}
	if got, err := Float64(PutFloat64(f64)); err != nil || !reflect.DeepEqual(got, f64) {
		t.Errorf("%v %v", got, err)
	}
	ints := []int32{0, 1, -1, math.MaxInt32, math.MinInt32}
	if got, err := Ints[int32](PutInts(ints)); err != nil || !reflect.DeepEqual(got, ints) {
		t.Errorf("%v %v", got, err)
	}
	for _, f := range []func([]byte) error{
		func(b []byte) error { _, err := Float32(b); return err },
		func(b []byte) error { _, err := Float64(b); return err },
		func(b []byte) error { _, err := Ints[uint32](b); return err },
	} {
		if f(make([]byte, 9)) == nil {
			t.Error("9 bytes are no whole number of anything")
		}
	}
}

func TestComponent(t *testing.T) {
	low, high := 1.0, 1e9
	want := sdk.Info{
		Kind: sdk.KindEncoder, Name: "x", Revision: 7, Doc: "…", Determinism: sdk.Stochastic, Languages: true,
		Options: []sdk.Option{
			{Name: "a", Type: sdk.Int, Doc: "d", Default: int64(65536), Min: &low, Max: &high, Effect: sdk.EffectPerformance},
			{Name: "b", Type: sdk.Float, Default: 0.1, Effect: sdk.EffectOutput},
			{Name: "c", Type: sdk.Bool, Default: false, Effect: sdk.EffectOutput},
			{Name: "d", Type: sdk.String, Default: "", Enum: []string{"", "x"}, Effect: sdk.EffectOutput},
			{Name: "e", Type: sdk.ListString, Default: []string{"p", "q"}, Pattern: "^.$", Effect: sdk.EffectOutput},
			{Name: "f", Type: sdk.Path, Required: true, Effect: sdk.EffectSource},
			{Name: "g", Type: sdk.ListFloat, Default: []float64{1, 2.5}, Effect: sdk.EffectOutput},
			{Name: "h", Type: sdk.ListInt, Default: []int64{1}, Effect: sdk.EffectOutput},
			{Name: "i", Type: sdk.MapString, Default: map[string]string{"k": "v"}, Effect: sdk.EffectOutput},
		},
		Train: []sdk.Option{},
	}
	p, err := ToComponent(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Component(p)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
	for name, spoil := range map[string]func(*pluginpb.Component){
		"unknown kind":        func(p *pluginpb.Component) { p.Kind = 99 },
		"unknown determinism": func(p *pluginpb.Component) { p.Determinism = 99 },
		"unknown effect":      func(p *pluginpb.Component) { p.Options[0].Effect = 99 },
		"unknown type":        func(p *pluginpb.Component) { p.Options[0].Type = "list(list(int))" },
		"default":             func(p *pluginpb.Component) { p.Options[0].DefaultJson = []byte(`"x"`) },
		"revision":            func(p *pluginpb.Component) { p.Revision = 0 },
	} {
		bad := proto.CloneOf(p)
		spoil(bad)
		if _, err := Component(bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDiagnostics(t *testing.T) {
	want := sdk.Diagnostics{
		{Path: []any{"a", 3, "key"}, Summary: "s", Detail: "d"},
		{Summary: "w", Warning: true},
	}
	if diff := cmp.Diff(want, Diagnostics(ToDiagnostics(want))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	err := ToStatus(fmt.Errorf("open: %w", want))
	if diff := cmp.Diff(want, Diagnostics(FailureOf(err).GetDiagnostics())); diff != "" {
		t.Errorf("in a status: -want +got:\n%s", diff)
	}
}

func TestToStatus(t *testing.T) {
	for _, c := range []struct {
		err   error
		fault pluginpb.Fault
		retry bool
	}{
		{errors.New("no"), pluginpb.Fault_FAULT_INPUT, false},
		{fmt.Errorf("x: %w", sdk.Temporary(errors.New("busy"))), pluginpb.Fault_FAULT_INPUT, true},
		{fmt.Errorf("write: %w", syscall.ENOSPC), pluginpb.Fault_FAULT_MACHINE, false},
		{errors.New(strings.Repeat("long \xff", 10000)), pluginpb.Fault_FAULT_INPUT, false},
	} {
		err := ToStatus(c.err)
		f := FailureOf(err)
		if f.GetFault() != c.fault || f.GetRetryable() != c.retry {
			t.Errorf("%.40v: got %v", c.err, f)
		}
		if len(err.Error()) > 2*maxMessage {
			t.Errorf("a message of %d bytes", len(err.Error()))
		}
	}
}

func TestVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ rows, dim int }{{0, 3}, {1, 1}, {700, 768}, {3, 300_000}} {
		e := &sdk.Embeddings{Dim: c.dim, Data: make([]float32, c.rows*c.dim)}
		for i := range e.Data {
			e.Data[i] = rng.Float32()
		}
		got := &sdk.Embeddings{Dim: c.dim}
		n := 0
		err := ToVectors(e, func(v *pluginpb.Vectors) error {
			n++
			part, err := Vectors(v)
			if err != nil {
				return err
			}
			got.Data = append(got.Data, part.Data...)
			return nil
		})
		if err != nil || !reflect.DeepEqual(e.Data, append([]float32{}, got.Data...)) {
			t.Errorf("%d×%d: %v", c.rows, c.dim, err)
		}
		if 4*c.rows*c.dim > 2*ChunkBytes && n < 2 {
			t.Errorf("%d×%d: in one record", c.rows, c.dim)
		}
	}
	sparse := &sdk.Embeddings{Dim: 10, Indptr: []int64{0, 0, 2, 5}, Indices: []uint32{1, 9, 0, 3, 4}, Values: []float32{1, 2, 3, 4, 5}}
	var got []*sdk.Embeddings
	if err := ToVectors(sparse, func(v *pluginpb.Vectors) error {
		e, err := Vectors(v)
		got = append(got, e)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*sdk.Embeddings{sparse}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, bad := range map[string]*sdk.Embeddings{
		"ragged":          {Dim: 3, Data: make([]float32, 7)},
		"values":          {Dim: 3, Indptr: []int64{0, 1}, Indices: []uint32{0}},
		"bounds":          {Dim: 3, Indptr: []int64{0, 2}, Indices: []uint32{0}, Values: []float32{1}},
		"negative length": {Dim: 3, Indptr: []int64{0, 2, 1}, Indices: []uint32{0}, Values: []float32{1}},
	} {
		if err := ToVectors(bad, func(*pluginpb.Vectors) error { return nil }); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	for name, bad := range map[string]*pluginpb.Vectors{
		"shape":      {Rows: 2, Dim: 2, Dense: make([]byte, 12)},
		"overflow":   {Rows: 1 << 31, Dim: 1 << 62},
		"lengths":    {Rows: 2, Dim: 4, Sparse: true, Lengths: PutInts([]uint32{1})},
		"column":     {Rows: 1, Dim: 4, Sparse: true, Lengths: PutInts([]uint32{1}), Indices: PutInts([]uint32{4}), Values: make([]byte, 4)},
		"descending": {Rows: 1, Dim: 4, Sparse: true, Lengths: PutInts([]uint32{2}), Indices: PutInts([]uint32{1, 1}), Values: make([]byte, 8)},
	} {
		if _, err := Vectors(bad); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

// generated decodes a JudgedQuery with the code that protoc-gen-go made.
func generated(b []byte) (sdk.JudgedQuery, error) {
	var p pluginpb.JudgedQuery
	if err := proto.Unmarshal(b, &p); err != nil {
		return sdk.JudgedQuery{}, err
	}
	q := sdk.JudgedQuery{ID: p.GetId(), Qrels: map[string]int{}}
	if len(p.GetRelevance()) != len(p.GetJudged()) {
		return q, errors.New("judgments")
	}
	for i, d := range p.GetJudged() {
		q.Qrels[d] = int(p.GetRelevance()[i])
	}
	scores, err := Float64(p.GetScores())
	if err != nil || len(scores) != len(p.GetRanking()) {
		return q, errors.New("scores")
	}
	for i, x := range scores {
		q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: p.GetRanking()[i], Score: x})
	}
	q.Language, q.Group = p.GetLanguage(), p.GetGroup()
	for _, d := range p.GetDocuments() {
		if q.Documents == nil {
			q.Documents = map[string]sdk.DocumentInfo{}
		}
		q.Documents[d.GetId()] = sdk.DocumentInfo{Language: d.GetLanguage(), Group: d.GetGroup()}
	}
	for _, c := range p.GetCandidates() {
		if q.Candidates == nil {
			q.Candidates = map[string]int{}
		}
		q.Candidates[c.GetLanguage()] = int(c.GetCount())
	}
	return q, nil
}

func FuzzJudgedQuery(f *testing.F) {
	for _, p := range []*pluginpb.JudgedQuery{
		{},
		ToJudgedQuery(sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"a": 2, "b": -1, "": 1 << 40}, Ranking: []sdk.ScoredDocument{{ID: "z", Score: math.Pi}, {ID: "жа", Score: -1}, {ID: "", Score: 0}}}),
		ToJudgedQuery(rankings()[3]),
		ToJudgedQuery(sdk.JudgedQuery{ID: "q", Language: "deu", Group: "g1", Documents: map[string]sdk.DocumentInfo{"b": {Language: "eng", Group: "g1"}, "a": {}}, Candidates: map[string]int{"eng": 5, "deu": 3}}),
		{Judged: []string{"a"}},
		{Ranking: []string{"a"}},
		{Scores: []byte{1}},
	} {
		b, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\xa8\x93\x93\x93\x30\xf2\x30"))                         // a field number beyond all
	f.Add([]byte("\x12\x01a\x12\x01b\x18\x01\x18\x04"))                   // numbers that are not packed
	f.Add([]byte("\x0a\x01a\x0a\x01b\x58\x07\x7b\x08\x01\x7c"))           // twice an id, and fields unknown
	f.Add([]byte("\x42\x08\x12\x01l\x0a\x01a\x20\x07"))                   // fields in another order, and one unknown
	f.Add([]byte("\x42\x03\x0a\x01\xff"))                                 // no UTF-8 in a document
	f.Add([]byte("\x42\x02\x0a\x05"))                                     // a document cut off
	f.Add([]byte("\x22\x01\xff\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00")) // no UTF-8
	f.Add([]byte("\x12\x01a\x1a\x01\x80"))                                // a varint cut off
	f.Fuzz(func(t *testing.T, b []byte) {
		want, wrong := generated(b)
		r := NewReader()
		r.Feed(append(protowire.AppendVarint(nil, uint64(len(b))), b...))
		var got sdk.JudgedQuery
		ok, err := r.NextJudgedQuery(&got)
		if (err == nil) != (wrong == nil) || ok != (err == nil) {
			t.Fatalf("want %v, got %t %v", wrong, ok, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); err == nil && diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestFlat converts every field there and back.
func TestFlat(t *testing.T) {
	check := func(name string, want, got any) {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	text := filled[sdk.Text](t)
	check("Text", text, Text(ToText(text)))
	query := filled[sdk.Query](t)
	check("Query", query, Query(ToQuery(query)))
	document := filled[sdk.Document](t)
	check("Document", document, Document(ToDocument(document)))
	qrel := filled[sdk.Qrel](t)
	check("Qrel", qrel, Qrel(ToQrel(qrel)))
	pair := filled[sdk.Pair](t)
	check("Pair", pair, Pair(ToPair(pair)))
	inspected := filled[sdk.InspectedText](t)
	check("InspectedText", inspected, InspectedText(ToInspectedText(inspected)))
	inspectedPair := filled[sdk.InspectedPair](t)
	check("InspectedPair", inspectedPair, InspectedPair(ToInspectedPair(inspectedPair)))
	matrix := filled[sdk.Matrix](t)
	check("Matrix", matrix, Matrix(ToMatrix(matrix)))
	info := filled[sdk.EncoderInfo](t)
	check("EncoderInfo", info, EncoderInfo(ToEncoderInfo(info)))
	ranges := []sdk.Range{{Low: -1, High: 2.5}, {Low: math.Inf(-1), High: math.Inf(1)}}
	check("Ranges", ranges, Ranges(ToRanges(ranges)))
	values := filled[sdk.QueryValues](t)
	gotValues, err := QueryValues(ToQueryValues("q", values))
	if err != nil {
		t.Error(err)
	}
	check("QueryValues", values, gotValues)
	for _, r := range []sdk.Role{sdk.RoleQuery, sdk.RoleDocument} {
		check("Role", r, Role(ToRole(r)))
	}
	for _, k := range []sdk.Kind{sdk.KindLoader, sdk.KindEncoder, sdk.KindIndex, sdk.KindMetric} {
		check("Kind", k, Kind(ToKind(k)))
	}
}

// filled returns a T none of whose fields is zero: a field that is added and
// not converted fails TestFlat.
func filled[T any](t *testing.T) T {
	t.Helper()
	n := 0
	var v T
	fill(reflect.ValueOf(&v).Elem(), &n)
	if b, err := json.Marshal(v); err != nil || bytes.Contains(b, []byte(`""`)) {
		t.Fatalf("%s %v", b, err)
	}
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", *n))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	default:
		panic(v.Kind())
	}
}
