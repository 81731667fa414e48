package bitext

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

func TestLoad(t *testing.T) {
	tatoeba := map[string]string{
		"tatoeba.afr-eng.afr": "Waar?\r\nHier.\r\n", "tatoeba.afr-eng.eng": "Where?\nHere.\n",
		"tatoeba.eng-tur.tur": "Ne?\n ", "tatoeba.eng-tur.eng": "What?\nSo.",
		"tatoeba.deu-fra.deu": "Was?\n", "tatoeba.deu-fra.fra": "Quoi?\n", // not with the pivot
		"README.md": "x",
	}
	for name, c := range map[string]struct {
		files   map[string]string
		config  map[string]any
		sources []string
	}{
		"tatoeba": {tatoeba, nil, []string{"tatoeba.afr-eng.afr", "tatoeba.afr-eng.eng", "tatoeba.eng-tur.tur", "tatoeba.eng-tur.eng"}},
		"moses": {map[string]string{
			"afr-eng.afr.gz": zipped(t, "Waar?\nHier.\n"), "afr-eng.eng": "Where?\nHere.\n", "eng-tur.tur": "Ne?\n \n", "eng-tur.eng": "What?\nSo.\n",
		}, map[string]any{"format": "moses"}, []string{"afr-eng.afr.gz", "afr-eng.eng", "eng-tur.tur", "eng-tur.eng"}},
		"tsv": {map[string]string{
			"afr-eng.tsv": "\ufeffWaar?\tWhere?\nHier.\tHere.\n", "eng-tur.tsv.gz": zipped(t, "What?\tNe?\nSo.\t \n"),
		}, nil, []string{"afr-eng.tsv", "eng-tur.tsv.gz"}},
	} {
		config := map[string]any{"path": write(t, c.files)}
		for k, v := range c.config {
			config[k] = v
		}
		l, err := opened(t, config)
		if err != nil {
			t.Fatal(err)
		}
		sources, err := l.Sources(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, s := range sources {
			names = append(names, s.Name)
		}
		if !slices.Equal(names, c.sources) {
			t.Errorf("%s: sources %v", name, names)
		}
		var got sdktest.Collection
		if err := l.Load(t.Context(), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.Queries) != 4 || len(got.Documents) != 4 || len(got.Qrels) != 4 || len(got.Pairs) != 4 || got.Counts["empty text"] != 1 {
			t.Errorf("%s: %d queries, %d documents, %d pairs, %v", name, len(got.Queries), len(got.Documents), len(got.Pairs), got.Counts)
			continue
		}
		if want := (sdk.Query{ID: "afr-eng/afr/0", Language: "afr", Text: "Waar?", Group: "afr-eng/0", Origin: "afr-eng"}); got.Queries[0] != want {
			t.Errorf("%s: got %+v", name, got.Queries[0])
		}
		if want := (sdk.Document{ID: "eng-tur/eng/1", Language: "eng", Text: "So.", Group: "eng-tur/1", Origin: "eng-tur"}); got.Documents[3] != want {
			t.Errorf("%s: got %+v", name, got.Documents[3])
		}
		if p := got.Pairs[2]; p.A.Text != "Ne?" || p.A.Language != "tur" || p.B.Text != "What?" || p.B.Language != "eng" || p.Kind != "translation" {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	c, err := loaded(t, map[string]any{"path": write(t, tatoeba), "languages": []string{"tur"}, "format": "tatoeba"})
	if err != nil || len(c.Queries) != 2 || c.Queries[0].Language != "tur" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestBadInput(t *testing.T) {
	two := map[string]string{"tatoeba.afr-eng.afr": "Waar?\nHier.\n", "tatoeba.afr-eng.eng": "Where?\nHere.\n"}
	with := func(files ...string) map[string]string {
		out := map[string]string{}
		for k, v := range two {
			out[k] = v
		}
		for i := 0; i < len(files); i += 2 {
			out[files[i]] = files[i+1]
		}
		return out
	}
	cut := zipped(t, "Where?\nHere.\n")
	for name, c := range map[string]struct {
		files  map[string]string
		config map[string]any
		want   string
		at     string
	}{
		"no such directory": {nil, map[string]any{"path": "/nonexistent/bitext"}, "/nonexistent/bitext: no such file or directory", "path"},
		"empty directory":   {map[string]string{"README.md": "x"}, nil, "no files named like tatoeba.afr-eng.afr and tatoeba.afr-eng.eng", "path"},
		"other pivot":       {two, map[string]any{"pivot": "fra"}, "no files named like tatoeba.afr-fra.afr", "path"},
		"one side":          {map[string]string{"tatoeba.afr-eng.afr": "x\n"}, nil, "has tatoeba.afr-eng.afr, but not its other side in eng", "path"},
		"other side":        {map[string]string{"tatoeba.afr-eng.eng": "x\n"}, nil, "has tatoeba.afr-eng.eng, but not its other side in afr", "path"},
		"no such language":  {two, map[string]any{"languages": []string{"afr", "aff"}}, `no bitext of aff with eng. Did you mean "afr"?`, "languages"},
		"pivot listed":      {two, map[string]any{"languages": []string{"eng"}}, `"eng" is the pivot`, "languages"},
		"two collections":   {with("qed.afr-eng.afr", "x\n", "qed.afr-eng.eng", "x\n"), nil, `begin with "qed", "tatoeba"; set "name"`, "name"},
		"plain and packed":  {with("tatoeba.afr-eng.afr.gz", cut), nil, "has both tatoeba.afr-eng.afr and tatoeba.afr-eng.afr.gz; keep one", "path"},
		"both directions":   {with("tatoeba.eng-afr.afr", "x\n", "tatoeba.eng-afr.eng", "x\n"), nil, "has both tatoeba.afr-eng.afr and tatoeba.eng-afr.afr", "path"},
		"other names":       {with("qed.deu-eng.deu", "x\n", "qed.deu-eng.eng", "x\n"), nil, `begin with "qed", "tatoeba"; set "name"`, "name"},
		"two formats":       {with("tatoeba.deu-eng.tsv", "x\ty\n"), nil, `set "format"`, "format"},
		"contradiction":     {two, map[string]any{"format": "tatoeba", "name": "qed"}, `use format = "moses"`, "name"},
		"longer":            {with("tatoeba.afr-eng.afr", "a\nb\nc\n"), nil, "tatoeba.afr-eng.afr:3: this line has no partner: tatoeba.afr-eng.afr has 3 lines, tatoeba.afr-eng.eng has 2", ""},
		"shorter":           {with("tatoeba.afr-eng.afr", "a\n"), nil, "tatoeba.afr-eng.eng:2: this line has no partner", ""},
		"empty file":        {with("tatoeba.afr-eng.afr", ""), nil, "no sentences in it", ""},
		"columns":           {map[string]string{"afr-eng.tsv": "a\tb\nc\n"}, nil, "afr-eng.tsv:2: want 2 columns separated by a tab, got 1", ""},
		"three columns":     {map[string]string{"afr-eng.tsv": "a\tb\tc\n"}, nil, "afr-eng.tsv:1: want 2 columns separated by a tab, got 3", ""},
		"latin 1":           {with("tatoeba.afr-eng.afr", "a\ncaf\xe9\n"), nil, "tatoeba.afr-eng.afr:2: not UTF-8", ""},
		"not gzip":          {map[string]string{"afr-eng.afr": "a\n", "afr-eng.eng.gz": "x"}, nil, "not a gzip file", ""},
		"cut off":           {map[string]string{"afr-eng.afr": "a\n", "afr-eng.eng.gz": cut[:len(cut)-9]}, nil, "cut off or damaged", ""},
	} {
		config := map[string]any{"path": write(t, c.files)}
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

func TestTatoeba(t *testing.T) {
	dir := os.Getenv("XLRUN_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, "data", "tatoeba")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("Tatoeba is not here: %v", err)
	}
	c, err := loaded(t, map[string]any{"path": dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Queries) != 65814 || len(c.Documents) != 65814 || len(c.Pairs) != 65814 || len(c.Counts) != 0 {
		t.Errorf("%d queries, %d documents, %d pairs, %v", len(c.Queries), len(c.Documents), len(c.Pairs), c.Counts)
	}
	langs := map[string]int{}
	for _, q := range c.Queries {
		langs[q.Language]++
	}
	if len(langs) != 76 || langs["cym"] != 575 || langs["afr"] != 1000 {
		t.Errorf("%d languages: %v", len(langs), langs)
	}
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{"a\nb\n", "a\r\n\r\n", "", "\n", "\ufeffa", "a\x00b\n", "\xff\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(dir, "afr-eng.afr")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := lines(path)
		if err != nil {
			return
		}
		want := strings.Count(content, "\n")
		if !strings.HasSuffix(content, "\n") {
			want++
		}
		if len(got) != want {
			t.Errorf("%d lines, want %d", len(got), want)
		}
	})
}
