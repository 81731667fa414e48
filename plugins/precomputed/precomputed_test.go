package precomputed

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

func TestDeclaration(t *testing.T) {
	if err := (sdk.Plugin{Name: "test", Version: "1", Components: []sdk.Component{Component}}).Validate(); err != nil {
		t.Error(err)
	}
}

func opened(t *testing.T, config map[string]any) (sdk.Encoder, error) {
	t.Helper()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Component.Open(t.Context(), b, nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := e.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
	return e.(sdk.Encoder), nil
}

// files writes a matrix and ids, and returns their paths.
func files(t *testing.T, ids string, dim int, values ...float32) (vectors, names string) {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	if err := vec.WriteNPY(&b, vec.Matrix{Rows: len(values) / dim, Dim: dim, Data: values}); err != nil {
		t.Fatal(err)
	}
	vectors, names = filepath.Join(dir, "v.npy"), filepath.Join(dir, "ids.txt")
	for path, content := range map[string][]byte{vectors: b.Bytes(), names: []byte(ids)} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return vectors, names
}

func TestLookUp(t *testing.T) {
	v, ids := files(t, "b\tlabel\r\na\nc", 2, 1, 2, 3, 4, 5, 6)
	qv, qids := files(t, "a\n", 2, 7, 8)
	e, err := opened(t, map[string]any{"vectors": v, "ids": ids, "query_vectors": qv, "query_ids": qids, "params": 12, "params_non_embedding": 5})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Info(); got.Dim != 2 || got.ParamsTotal != 12 || got.ParamsNonEmbed != 5 || got.PretrainingKnown || got.UnitNorm || got.Sparse {
		t.Errorf("got %+v", got)
	}
	sources, err := e.(sdk.Sourcer).Sources(t.Context())
	if err != nil || !slices.Equal(sources, []sdk.Source{{Name: "vectors", Path: v}, {Name: "ids", Path: ids}, {Name: "query_vectors", Path: qv}, {Name: "query_ids", Path: qids}}) {
		t.Errorf("sources %v, %v", sources, err)
	}
	got, err := e.Encode(t.Context(), sdk.RoleDocument, []sdk.Text{{ID: "c", Text: "x"}, {ID: "nobody", Text: ""}, {ID: "b", Text: "x"}, {ID: "c", Text: "y"}})
	if err != nil || !slices.Equal(got.Data, []float32{5, 6, 0, 0, 1, 2, 5, 6}) || got.Dim != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	got, err = e.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{ID: "a", Text: "x"}})
	if err != nil || !slices.Equal(got.Data, []float32{7, 8}) {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = e.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{ID: "a", Text: "x"}, {ID: "c", Text: "x"}, {ID: "b", Text: "x"}})
	if err == nil || !strings.Contains(err.Error(), "2 of 3 texts (role query) have no vector") || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("got %v", err)
	}
	// Whoever has ids but no texts yet is told at the argument that names them.
	for role, at := range map[sdk.Role]string{sdk.RoleQuery: "query_ids", sdk.RoleDocument: "ids"} {
		diags, ok := sdk.AsDiagnostics(e.(*encoder).Lacking(role, []string{"d", "a"}))
		if !ok || diags[0].Path[0] != at || !strings.Contains(diags[0].Detail, `1 of 2 texts (role `+string(role)+`) have no vector`) {
			t.Errorf("%s: got %v", role, diags)
		}
		if err := e.(*encoder).Lacking(role, []string{"a"}); err != nil {
			t.Error(err)
		}
	}
	if got, err = e.Encode(t.Context(), sdk.RoleQuery, nil); err != nil || got.Rows() != 0 || got.Dim != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	one, err := opened(t, map[string]any{"vectors": v, "ids": ids})
	if err != nil {
		t.Fatal(err)
	}
	if got, err = one.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{ID: "a", Text: "x"}}); err != nil || !slices.Equal(got.Data, []float32{3, 4}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// Halves are the floats that they stand for; codes are not looked up.
func TestElements(t *testing.T) {
	want := []float32{1, -2.5, 0, 96, 1, 1, -1, 0.5}
	v, ids := files(t, "a\n", 8, want...)
	for _, e := range []vec.Element{vec.Float32, vec.Float16, vec.BFloat16, vec.Int8, vec.Bits} {
		m, _, err := vec.Convert(vec.Matrix{Rows: 1, Dim: 8, Data: want}.Vectors(), e, 1)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := vec.WriteVectors(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(v, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		enc, err := opened(t, map[string]any{"vectors": v, "ids": ids})
		if e == vec.Int8 || e == vec.Bits {
			diags, ok := sdk.AsDiagnostics(err)
			if !ok || diags[0].Path[0] != "vectors" || !strings.Contains(err.Error(), "v.npy: values are "+e.String()) {
				t.Errorf("%s: got %v", e, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := enc.Encode(t.Context(), sdk.RoleDocument, []sdk.Text{{ID: "a", Text: "x"}})
		if err != nil || !slices.Equal(got.Data, want) {
			t.Errorf("%s: got %v, %v", e, got, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	v, ids := files(t, "a\nb\n", 2, 1, 2, 3, 4)
	_, three := files(t, "a\nb\nc\n", 1, 1)
	_, twice := files(t, "a\na\n", 1, 1)
	_, blank := files(t, "a\n\n", 1, 1)
	_, none := files(t, "", 1, 1)
	_, latin := files(t, "a\n\xe9\n", 1, 1)
	wide, wideIDs := files(t, "a\n", 3, 1, 2, 3)
	cut := filepath.Join(t.TempDir(), "cut.npy")
	b, err := os.ReadFile(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)-4], 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config map[string]any
		want   string
		at     string
	}{
		"no vectors":     {map[string]any{"vectors": "/nonexistent/v.npy", "ids": ids}, "/nonexistent/v.npy: no such file", "vectors"},
		"no ids":         {map[string]any{"vectors": v, "ids": "/nonexistent/ids"}, "/nonexistent/ids: no such file", "ids"},
		"not npy":        {map[string]any{"vectors": ids, "ids": ids}, "ids.txt", "vectors"},
		"cut off":        {map[string]any{"vectors": cut, "ids": ids}, "cut.npy", "vectors"},
		"more ids":       {map[string]any{"vectors": v, "ids": three}, "has 3 ids", "ids"},
		"duplicate":      {map[string]any{"vectors": v, "ids": twice}, `ids.txt:2: id "a" is also on line 1`, "ids"},
		"blank":          {map[string]any{"vectors": v, "ids": blank}, "ids.txt:2: no id", "ids"},
		"empty":          {map[string]any{"vectors": v, "ids": none}, "no ids in it", "ids"},
		"latin 1":        {map[string]any{"vectors": v, "ids": latin}, "ids.txt:2: not UTF-8", "ids"},
		"half of a pair": {map[string]any{"vectors": v, "ids": ids, "query_vectors": v}, `"query_vectors" needs "query_ids"`, "query_vectors"},
		"other half":     {map[string]any{"vectors": v, "ids": ids, "query_ids": ids}, `"query_ids" needs "query_vectors"`, "query_ids"},
		"dimensions":     {map[string]any{"vectors": v, "ids": ids, "query_vectors": wide, "query_ids": wideIDs}, "queries have 3 columns, those of documents 2", "query_vectors"},
		"parameters":     {map[string]any{"vectors": v, "ids": ids, "params": 3, "params_non_embedding": 4}, "cannot have 4 outside", "params_non_embedding"},
	} {
		_, err := opened(t, c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
			continue
		}
		if diags, ok := sdk.AsDiagnostics(err); !ok || diags[0].Path[0] != c.at {
			t.Errorf("%s: located at %v, want %q", name, diags, c.at)
		}
	}
	nan, nanIDs := files(t, "a\nb\n", 2, 1, 2, 3, float32(math.NaN()))
	e, err := opened(t, map[string]any{"vectors": nan, "ids": nanIDs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = e.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{ID: "a", Text: "x"}}); err != nil {
		t.Error(err)
	}
	if _, err = e.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{ID: "b", Text: "x"}}); err == nil || !strings.Contains(err.Error(), `column 1 of row 1 (id "b") is NaN`) {
		t.Errorf("got %v", err)
	}
}
