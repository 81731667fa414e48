package faq

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/sdktest"
)

func opened(t *testing.T, config map[string]any) (sdk.Loader, error) {
	t.Helper()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Component.Open(t.Context(), b, nil)
	if err != nil {
		return nil, err
	}
	return l.(sdk.Loader), nil
}

func loaded(t *testing.T, config map[string]any) (*sdktest.Collection, error) {
	t.Helper()
	return sdktest.Load(t, Component, config)
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDeclaration(t *testing.T) {
	if err := (sdk.Plugin{Name: "test", Version: "1", Components: []sdk.Component{Component}}).Validate(); err != nil {
		t.Error(err)
	}
}

const (
	engRows = `{"id":"q1","origin":"o","url":"","question":"How?","answer":"So.","topic":"t","split":"train","group":"g1"}
{"id":"q2","question":"Why?","answer":"Because.","split":"test","group":"g2"}
`
	catRows = `{"id":"cat/q2","origin":"p","question":"Per què?","answer":"Perquè sí.","split":"test","group":"g2"}

{"id":"q1","question":"Com?","answer":"Així.","split":"train","group":"g1"}
{"id":"q9","question":"On?","answer":"","split":"train","group":"g9"}
{"id":"q8","question":"Qui?","answer":"Jo.","split":"train"}`
)

func TestLoad(t *testing.T) {
	dir := write(t, map[string]string{"eng.jsonl": engRows, "cat.jsonl.gz": zipped(t, catRows), "README.md": "x", "notes.jsonl": "x"})
	l, err := opened(t, map[string]any{"path": dir, "split": "train"})
	if err != nil {
		t.Fatal(err)
	}
	sources, err := l.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []sdk.Source{{Name: "cat.jsonl.gz", Path: filepath.Join(dir, "cat.jsonl.gz")}, {Name: "eng.jsonl", Path: filepath.Join(dir, "eng.jsonl")}}; !slices.Equal(sources, want) {
		t.Errorf("sources %v", sources)
	}
	var c sdktest.Collection
	if err := l.Load(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Queries) != 4 || len(c.Documents) != 4 || len(c.Qrels) != 4 || len(c.Pairs) != 2 {
		t.Fatalf("%d queries, %d documents, %d qrels, %d pairs", len(c.Queries), len(c.Documents), len(c.Qrels), len(c.Pairs))
	}
	want := []sdk.Pair{
		{Kind: "question-answer", Group: "g1", A: sdk.Text{ID: "cat/q1", Language: "cat", Text: "Com?"}, B: sdk.Text{ID: "eng/q1.answer", Language: "eng", Text: "So."}},
		{Kind: "question-question", Group: "g1", A: sdk.Text{ID: "cat/q1", Language: "cat", Text: "Com?"}, B: sdk.Text{ID: "eng/q1", Language: "eng", Text: "How?"}},
	}
	if !slices.Equal(c.Pairs, want) {
		t.Errorf("got %+v", c.Pairs)
	}
	if c.Counts["empty text"] != 1 || c.Counts["row without a group"] != 1 || c.Counts["row without one in the pivot language"] != 1 {
		t.Errorf("counts %v", c.Counts)
	}
	test, err := loaded(t, map[string]any{"path": dir, "split": "test"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (sdk.Query{ID: "cat/q2", Language: "cat", Text: "Per què?", Group: "g2", Origin: "p"}); test.Queries[0] != want || len(test.Queries) != 2 {
		t.Errorf("got %+v", test.Queries)
	}
	if want := (sdk.Qrel{Query: "cat/q2", Document: "cat/q2.answer", Relevance: 1}); test.Qrels[0] != want {
		t.Errorf("got %+v", test.Qrels)
	}
	all, err := loaded(t, map[string]any{"path": dir, "split": "all"})
	if err != nil || len(all.Queries) != 6 {
		t.Errorf("%d queries, %v", len(all.Queries), err)
	}
	one, err := loaded(t, map[string]any{"path": dir, "split": "all", "languages": []string{}})
	if err != nil || len(one.Queries) != 2 || len(one.Pairs) != 0 {
		t.Errorf("%d queries, %v", len(one.Queries), err)
	}
}

func TestBadInput(t *testing.T) {
	cut := zipped(t, strings.Repeat(engRows, 1))
	for name, c := range map[string]struct {
		files  map[string]string
		config map[string]any
		want   string
		at     string
	}{
		"no such directory": {nil, map[string]any{"path": "/nonexistent/faq"}, "/nonexistent/faq: no such file or directory", "path"},
		"empty directory":   {map[string]string{"README.md": "x"}, nil, "no file named like eng.jsonl", "path"},
		"no pivot":          {map[string]string{"cat.jsonl": catRows}, nil, "no file eng.jsonl", "pivot"},
		"no such language":  {map[string]string{"eng.jsonl": engRows, "isl.jsonl": engRows}, map[string]any{"languages": []string{"iss"}}, `Did you mean "isl"?`, "languages"},
		"two letters":       {map[string]string{"eng.jsonl": engRows}, map[string]any{"languages": []string{"is"}}, `"is" is not a code such as eng`, "languages"},
		"both forms":        {map[string]string{"eng.jsonl": engRows, "eng.jsonl.gz": cut}, nil, "both eng.jsonl and eng.jsonl.gz", "path"},
		"split":             {map[string]string{"eng.jsonl": engRows}, map[string]any{"split": "dev"}, "dev", "split"},
		"none of the split": {map[string]string{"eng.jsonl": `{"id":"a","question":"b","answer":"c","split":"train"}`}, nil, `none of its 1 rows is of split "test"`, ""},
		"no split":          {map[string]string{"eng.jsonl": `{"id":"a","question":"b","answer":"c"}`}, nil, `eng.jsonl:1: no split`, ""},
		"not JSON":          {map[string]string{"eng.jsonl": engRows + "id,question\n"}, nil, "eng.jsonl:3: not a JSON object", ""},
		"array":             {map[string]string{"eng.jsonl": engRows + "[1]\n"}, nil, "eng.jsonl:3: not a JSON object", ""},
		"cut line":          {map[string]string{"eng.jsonl": engRows + `{"id":"q3","question":"W`}, nil, "eng.jsonl:3: not a JSON object", ""},
		"number":            {map[string]string{"eng.jsonl": `{"id":7,"question":"b","answer":"c","split":"test"}`}, nil, "eng.jsonl:1: field id: want a string, got number", ""},
		"no id":             {map[string]string{"eng.jsonl": `{"question":"b","answer":"c","split":"test"}`}, nil, "eng.jsonl:1: no id", ""},
		"no answer":         {map[string]string{"eng.jsonl": `{"id":"a","question":"b","split":"test"}`}, nil, "eng.jsonl:1: no answer", ""},
		"null question":     {map[string]string{"eng.jsonl": `{"id":"a","question":null,"answer":"b","split":"test"}`}, nil, "eng.jsonl:1: no question", ""},
		"duplicate id":      {map[string]string{"eng.jsonl": engRows + engRows}, nil, `eng.jsonl:3: id "q1" is also on line 1`, ""},
		"latin 1":           {map[string]string{"eng.jsonl": engRows + "{\"id\":\"caf\xe9\"}"}, nil, "eng.jsonl:3: not UTF-8", ""},
		"empty":             {map[string]string{"eng.jsonl": "\n\n"}, nil, "no rows in it", ""},
		"not gzip":          {map[string]string{"eng.jsonl.gz": "x"}, nil, "not a gzip file", ""},
		"cut off":           {map[string]string{"eng.jsonl.gz": cut[:len(cut)-9]}, nil, "cut off or damaged", ""},
	} {
		config := map[string]any{"path": write(t, c.files), "split": "test"}
		for k, v := range c.config {
			config[k] = v
		}
		_, err := loaded(t, config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
			continue
		}
		diags, ok := sdk.AsDiagnostics(err)
		if ok != (c.at != "") || (ok && (len(diags) == 0 || diags[0].Path[0] != c.at)) {
			t.Errorf("%s: located at %v, want %q", name, diags, c.at)
		}
	}
}

func TestMinifaq(t *testing.T) {
	dir := filepath.Join("..", "..", "examples", "minifaq")
	for split, n := range map[string]int{"train": 100, "test": 60} {
		c, err := loaded(t, map[string]any{"path": dir, "split": split})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Queries) != 15*n || len(c.Documents) != 15*n || len(c.Pairs) != 2*14*n || len(c.Counts) != 0 {
			t.Errorf("%s: %d queries, %d documents, %d pairs, counts %v", split, len(c.Queries), len(c.Documents), len(c.Pairs), c.Counts)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"id":"a","question":"b","answer":"c"}`, `{"id":1}`, `[]`, `null`, "{\"id\":\"\xff\"}", `{"id":"a","question":null,"answer":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		x, err := parse(line)
		if err == nil && (x.ID == "" || x.Question == nil || x.Answer == nil) {
			t.Errorf("%q passes as %+v", line, x)
		}
	})
}
