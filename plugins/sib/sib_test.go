package sib

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/sdktest"
)

// opened opens the loader with options written as in a workflow.
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

// loaded opens and loads; it returns the first error on the way.
func loaded(t *testing.T, config map[string]any) (*sdktest.Collection, error) {
	t.Helper()
	return sdktest.Load(t, Component, config)
}

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") && !strings.HasPrefix(text, "RAW") {
			b = zipped(t, text)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const head = "index_id\tcategory\ttext\n"

func TestDeclaration(t *testing.T) {
	if err := (sdk.Plugin{Name: "test", Version: "1", Components: []sdk.Component{Component}}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{
		"eng_Latn/test.tsv.gz":  head + "7\thealth\tSeven.\n3\tsports\t\"He said \"\"three\"\".\"\n",
		"cat_Latn/test.tsv":     head + "3\tsports\tVa dir tres.\n7\thealth\t \n9\thealth\tNou.\n",
		"cat_Latn/train.tsv":    head + "1\thealth\tU.\n",
		"notes/test.tsv":        "not a language",
		"srp_Cyrl/train.tsv.gz": head + "1\thealth\tЈедан.\n",
	})
	l, err := opened(t, map[string]any{"path": dir, "split": "test"})
	if err != nil {
		t.Fatal(err)
	}
	sources, err := l.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []sdk.Source{
		{Name: "cat_Latn/test.tsv", Path: filepath.Join(dir, "cat_Latn", "test.tsv")},
		{Name: "eng_Latn/test.tsv.gz", Path: filepath.Join(dir, "eng_Latn", "test.tsv.gz")},
	}; !slices.Equal(sources, want) {
		t.Errorf("sources %v, want %v", sources, want)
	}
	var c sdktest.Collection
	if err := l.Load(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Queries) != 5 || len(c.Documents) != 5 || len(c.Qrels) != 5 || len(c.Pairs) != 2 {
		t.Fatalf("%d queries, %d documents, %d qrels, %d pairs", len(c.Queries), len(c.Documents), len(c.Qrels), len(c.Pairs))
	}
	if want := (sdk.Query{ID: "cat_Latn/q3", Language: "cat_Latn", Text: "Va dir tres.", Group: "3"}); c.Queries[0] != want {
		t.Errorf("got %+v", c.Queries[0])
	}
	if want := (sdk.Pair{
		Kind: "translation", Group: "3",
		A: sdk.Text{ID: "cat_Latn/q3", Language: "cat_Latn", Text: "Va dir tres."},
		B: sdk.Text{ID: "eng_Latn/d3", Language: "eng_Latn", Text: `He said "three".`},
	}); c.Pairs[0] != want {
		t.Errorf("got %+v", c.Pairs[0])
	}
	if c.Counts["empty text"] != 1 || c.Counts["sentence without one in the pivot language"] != 1 {
		t.Errorf("counts %v", c.Counts)
	}
}

func TestBadInput(t *testing.T) {
	good := head + "1\thealth\tOne.\n"
	whole := zipped(t, head+strings.Repeat("1\thealth\tOne.\n", 1))
	for name, c := range map[string]struct {
		files  map[string]string
		config map[string]any
		want   string
		at     string // argument
	}{
		"no such directory":   {nil, map[string]any{"path": "/nonexistent/sib", "split": "test"}, "/nonexistent/sib: no such file or directory", "path"},
		"empty directory":     {map[string]string{"README.md": "x"}, nil, "no directory named like eng_Latn", "path"},
		"no pivot":            {map[string]string{"cat_Latn/test.tsv": good}, nil, "neither eng_Latn/test.tsv.gz nor eng_Latn/test.tsv", "pivot"},
		"no such language":    {map[string]string{"eng_Latn/test.tsv": good, "cat_Latn/test.tsv": good}, map[string]any{"languages": []string{"cat_Latm", "cat_Latn"}}, `Did you mean "cat_Latn"?`, "languages"},
		"code without script": {map[string]string{"eng_Latn/test.tsv": good}, map[string]any{"languages": []string{"cat"}}, `"cat" is not a name such as eng_Latn`, "languages"},
		"twice":               {map[string]string{"eng_Latn/test.tsv": good}, map[string]any{"languages": []string{"cat_Latn", "cat_Latn"}}, "listed twice", "languages"},
		"unknown split":       {map[string]string{"eng_Latn/test.tsv": good}, map[string]any{"split": "validation"}, "validation", "split"},
		"unknown option":      {map[string]string{"eng_Latn/test.tsv": good}, map[string]any{"pivto": "eng_Latn"}, `Did you mean "pivot"?`, "pivto"},
		"no header":           {map[string]string{"eng_Latn/test.tsv": "1\thealth\tOne.\n"}, nil, "eng_Latn/test.tsv:1: want the header", ""},
		"columns":             {map[string]string{"eng_Latn/test.tsv": good + "2\thealth\n"}, nil, "test.tsv:3: want 3 columns, got 2", ""},
		"quotes":              {map[string]string{"eng_Latn/test.tsv": good + "2\thealth\tthe \"end\"\n"}, nil, `test.tsv:3: bare "`, ""},
		"open quote":          {map[string]string{"eng_Latn/test.tsv": good + "2\thealth\t\"the end\n"}, nil, "test.tsv:3: extraneous or missing", ""},
		"latin 1":             {map[string]string{"eng_Latn/test.tsv": good + "2\thealth\tcaf\xe9\n"}, nil, "test.tsv:3: not UTF-8", ""},
		"duplicate id":        {map[string]string{"eng_Latn/test.tsv": good + "1\thealth\tUno.\n"}, nil, "test.tsv:3: index_id 1 is also on line 2", ""},
		"no id":               {map[string]string{"eng_Latn/test.tsv": good + "\thealth\tUno.\n"}, nil, "test.tsv:3: no index_id", ""},
		"no rows":             {map[string]string{"eng_Latn/test.tsv": head}, nil, "no sentences in it", ""},
		"empty file":          {map[string]string{"eng_Latn/test.tsv": ""}, nil, "no sentences in it", ""},
		"not gzip":            {map[string]string{"eng_Latn/test.tsv.gz": "RAW"}, nil, "not a gzip file", ""},
		"cut off":             {map[string]string{"eng_Latn/test.tsv": string(whole[:len(whole)-9])}, nil, "cut off or damaged", ""},
	} {
		dir := write(t, t.TempDir(), c.files)
		if name == "cut off" { // a plain name would be read as text
			if err := os.Rename(filepath.Join(dir, "eng_Latn/test.tsv"), filepath.Join(dir, "eng_Latn/test.tsv.gz")); err != nil {
				t.Fatal(err)
			}
		}
		config := map[string]any{"path": dir, "split": "test"}
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

func TestSIB200(t *testing.T) {
	dir := os.Getenv("XLRUN_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "data", "sib200")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SIB-200 is not here: %v", err)
	}
	for split, n := range map[string]int{"train": 701, "dev": 99, "test": 204} {
		c, err := loaded(t, map[string]any{"path": dir, "split": split})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Queries) != 139*n || len(c.Documents) != 139*n || len(c.Qrels) != 139*n || len(c.Pairs) != 138*n || len(c.Counts) != 0 {
			t.Errorf("%s: %d queries, %d documents, %d qrels, %d pairs, counts %v", split, len(c.Queries), len(c.Documents), len(c.Qrels), len(c.Pairs), c.Counts)
		}
		if split != "test" {
			continue
		}
		h := sha256.New()
		for _, q := range c.Queries {
			_, _ = fmt.Fprintf(h, "%s\t%s\t%s\n", q.Language, q.Group, q.Text)
		}
		// The same lines, read by Python's csv module.
		if got := hex.EncodeToString(h.Sum(nil)); got != "707af6fab66ef65eeb962f4e6a0c8184e116f52ba5599f3b35c1703324147690" {
			t.Errorf("the test sentences are not those that Python reads: %s", got)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{head + "1\thealth\tOne.\n", head, "", head + "1\t\"a\nb\"\t\"\"\"\"\n", "\ufeff" + head + "1\ta\tb", head + "1\ta\t\xff\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(dir, "test.tsv")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		rows, err := read(file{lang: "eng_Latn", name: "eng_Latn/test.tsv", path: path})
		if (err == nil) == (len(rows) == 0) {
			t.Errorf("%d rows and %v", len(rows), err)
		}
		ids := map[string]bool{}
		for _, r := range rows {
			if r.id == "" || ids[r.id] {
				t.Errorf("id %q is empty or comes twice", r.id)
			}
			ids[r.id] = true
		}
	})
}
