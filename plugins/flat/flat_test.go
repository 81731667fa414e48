package flat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

func save(t *testing.T, m vec.Matrix) sdk.Matrix {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(vec.WriteNPY(f, m), f.Close()); err != nil {
		t.Fatal(err)
	}
	return sdk.Matrix{Path: path, Rows: m.Rows, Dim: m.Dim}
}

func matrix(dim int, data ...float32) vec.Matrix {
	return vec.Matrix{Rows: len(data) / dim, Dim: dim, Data: data}
}

func openIndex(t *testing.T, config string) sdk.Index {
	t.Helper()
	x, err := Component.Open(t.Context(), []byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	return x.(sdk.Index)
}

type ranking struct {
	Query int32
	Hits  []sdk.Hit
}

func search(x sdk.Index, task *sdk.SearchTask) (out []ranking, err error) {
	err = x.Search(context.Background(), task, func(q int32, hits []sdk.Hit) error {
		out = append(out, ranking{q, hits})
		return nil
	})
	return out, err
}

func TestSearch(t *testing.T) {
	docs := save(t, matrix(2, 3, 0, 0, 2, 1, 1, 3, 0, 0, 0))
	queries := save(t, matrix(2, 1, 0, 0, 1, 2, 0))
	for _, c := range []struct {
		config string
		task   sdk.SearchTask
		want   []ranking
	}{
		{`{"similarity":"ip"}`, sdk.SearchTask{K: 3, QueryRows: []int32{1, 0}}, []ranking{
			{1, []sdk.Hit{{Row: 1, Score: 2}, {Row: 2, Score: 1}, {Row: 0, Score: 0}}},
			{0, []sdk.Hit{{Row: 0, Score: 3}, {Row: 3, Score: 3}, {Row: 2, Score: 1}}},
		}},
		{`{}`, sdk.SearchTask{K: 9, QueryRows: []int32{2}, DocumentRows: []int32{4, 3, 1}}, []ranking{
			{2, []sdk.Hit{{Row: 3, Score: 1}, {Row: 1, Score: 0}, {Row: 4, Score: 0}}},
		}},
		{`{"similarity":"l2","threads":2}`, sdk.SearchTask{K: 2, QueryRows: []int32{0}}, []ranking{
			{0, []sdk.Hit{{Row: 2, Score: -1}, {Row: 4, Score: -1}}},
		}},
		{`{"similarity":"ip"}`, sdk.SearchTask{K: 1}, []ranking{
			{0, []sdk.Hit{{Row: 0, Score: 3}}}, {1, []sdk.Hit{{Row: 1, Score: 2}}}, {2, []sdk.Hit{{Row: 0, Score: 6}}},
		}},
		{`{"similarity":"ip"}`, sdk.SearchTask{K: 1, DocumentRows: []int32{}}, []ranking{
			{0, []sdk.Hit{}}, {1, []sdk.Hit{}}, {2, []sdk.Hit{}},
		}},
		{`{"similarity":"ip"}`, sdk.SearchTask{K: 1, QueryRows: []int32{}}, nil},
	} {
		x := openIndex(t, c.config)
		dir := t.TempDir()
		if err := x.Build(t.Context(), &sdk.BuildTask{Documents: docs, Dir: dir}); err != nil {
			t.Fatal(err)
		}
		c.task.Dir, c.task.Documents, c.task.Queries = dir, docs, queries
		got, err := search(x, &c.task)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %v: (-want +got)\n%s", c.config, c.task.QueryRows, diff)
		}
	}
}

// More queries than are searched at once come back in order, and all.
func TestManyQueries(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := vec.NewMatrix(2*queriesAtOnce+5, 3)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	f := save(t, m)
	want, err := vec.TopK(t.Context(), m, m, 2, vec.Options{Similarity: vec.Cosine})
	if err != nil {
		t.Fatal(err)
	}
	for threads := 1; threads <= 3; threads++ {
		x := openIndex(t, fmt.Sprintf(`{"threads":%d}`, threads))
		dir := t.TempDir()
		if err := x.Build(t.Context(), &sdk.BuildTask{Documents: f, Dir: dir}); err != nil {
			t.Fatal(err)
		}
		got, err := search(x, &sdk.SearchTask{Dir: dir, Documents: f, Queries: f, K: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != m.Rows {
			t.Fatalf("want %d rankings, got %d", m.Rows, len(got))
		}
		for i, r := range got {
			if int(r.Query) != i || r.Hits[0] != sdk.Hit(want[i][0]) || r.Hits[1] != sdk.Hit(want[i][1]) {
				t.Fatalf("query %d: want %v, got %v", i, want[i], r)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	docs, queries := save(t, matrix(2, 1, 2, 3, 4)), save(t, matrix(3, 1, 2, 3))
	x := openIndex(t, `{}`)
	dir := t.TempDir()
	if err := x.Build(t.Context(), &sdk.BuildTask{Documents: docs, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	lying := docs
	lying.Rows = 3
	if err := x.Build(t.Context(), &sdk.BuildTask{Documents: lying, Dir: dir}); err == nil {
		t.Error("documents of another shape than declared: no error")
	}
	stop := errors.New("stop")
	ok := &sdk.SearchTask{Dir: dir, Documents: docs, Queries: docs, K: 1}
	if err := x.Search(t.Context(), ok, func(int32, []sdk.Hit) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of emit is lost: %v", err)
	}
	for name, task := range map[string]*sdk.SearchTask{
		"other dimensions": {Dir: dir, Documents: docs, Queries: queries, K: 1},
		"other documents":  {Dir: dir, Documents: queries, Queries: queries, K: 1},
		"no index":         {Dir: t.TempDir(), Documents: docs, Queries: docs, K: 1},
		"no file":          {Dir: dir, Documents: sdk.Matrix{Path: filepath.Join(dir, "none.npy")}, Queries: docs, K: 1},
		"no hits wanted":   {Dir: dir, Documents: docs, Queries: docs},
		"no such row":      {Dir: dir, Documents: docs, Queries: docs, K: 1, DocumentRows: []int32{2}},
	} {
		if _, err := search(x, task); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Component.Open(t.Context(), []byte(`{"similarity":"cosinus"}`), nil); err == nil {
		t.Error("an unknown similarity: no error")
	}
}

func TestComponentIsValid(t *testing.T) {
	p := sdk.Plugin{Name: "flat", Version: "1", Components: []sdk.Component{Component}}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}
