package trec

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/sdktest"
)

// config writes files and names them as arguments of the loader.
func config(t *testing.T, files map[string]string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	c := map[string]any{"query_language": "isl", "document_language": "eng"}
	for arg, text := range files {
		arg, ext, _ := strings.Cut(arg, ".")
		path := filepath.Join(dir, arg)
		if ext == "gz" {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			if _, err := z.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			text = b.String()
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c[arg] = path
	}
	return c
}

func loaded(t *testing.T, files map[string]string) (*sdktest.Collection, error) {
	t.Helper()
	return sdktest.Load(t, Component, config(t, files))
}

const (
	trecQrels = "1 0 d1 1\n1 0 d2 0\n2 0 d3 2\n"
	beirQrels = "query-id\tcorpus-id\tscore\n1\td1\t1\n1\td2\t0\n2\td3\t2\n"
)

var wantQrels = []sdk.Qrel{{Query: "1", Document: "d1", Relevance: 1}, {Query: "1", Document: "d2"}, {Query: "2", Document: "d3", Relevance: 2}}

// TestFormats: one collection, in all the ways in which it may be written.
func TestFormats(t *testing.T) {
	queries := []sdk.Query{{ID: "1", Language: "isl", Text: "hvar er brauð?"}, {ID: "2", Language: "isl", Text: "og mjólk?"}}
	documents := []sdk.Document{{ID: "d2", Language: "eng", Title: "Milk", Text: "It is there."}, {ID: "d1", Language: "eng", Text: "Bread is here."}, {ID: "d3", Language: "eng", Text: "None."}}
	const (
		jsonlQueries = `{"_id": "1", "text": "hvar er brauð?", "metadata": {"a": 1}}` + "\n" + `{"_id": 2, "text": "og mjólk?"}` + "\n"
		tsvQueries   = "1\thvar er brauð?\r\n2\tog mjólk?"
		topics       = "<top>\n<num> Number: 1\n<title> hvar er\n brauð?\n\n<desc> Description:\nsomething else\n</top>\n\n<top>\n<num>2</num>\n<title>og mjólk?</title>\n</top>\n"
		oneLine      = "<top> <num> 1 <title> hvar er brauð? </top><top> <num> 2 <title> og mjólk? </top>\n"
		jsonlCorpus  = `{"_id": "d2", "title": "Milk", "text": "It is there."}` + "\n\n" + `{"id": "d1", "title": "", "contents": "Bread is here."}` + "\n" + `{"docid": "d3", "text": "None."}`
		tsvCorpus    = "d2\tMilk It is there.\nd1\tBread is here.\nd3\tNone.\n"
	)
	for name, files := range map[string]map[string]string{
		"TREC, JSON Lines":     {"qrels": trecQrels, "queries": jsonlQueries, "corpus": jsonlCorpus},
		"BEIR, TSV":            {"qrels": beirQrels, "queries": tsvQueries, "corpus": jsonlCorpus},
		"with heads":           {"qrels": beirQrels, "queries": "_id\ttext\n" + tsvQueries, "corpus": jsonlCorpus},
		"topics, compressed":   {"qrels.gz": trecQrels, "queries.gz": topics, "corpus.gz": jsonlCorpus},
		"a byte order mark":    {"qrels": trecQrels, "queries": "\ufeff" + tsvQueries, "corpus": jsonlCorpus},
		"documents as TSV":     {"qrels": trecQrels, "queries": tsvQueries, "corpus": tsvCorpus},
		"judgments as a table": {"qrels": `{"query-id": "1", "corpus-id": "d1", "score": 1}` + "\n" + `{"query-id": "1", "corpus-id": "d2", "score": 0}` + "\n" + `{"query-id": "2", "corpus-id": "d3", "score": 2}`, "queries": tsvQueries, "corpus": jsonlCorpus},
		"topics on a line":     {"qrels": trecQrels, "queries": oneLine, "corpus": jsonlCorpus},
		"topics between tags":  {"qrels": trecQrels, "queries": "<top><num>1<title>hvar er brauð?</top><TOP lang='is'>\n<num>2<title>og\nmjólk?\n", "corpus": jsonlCorpus},
		"columns by name":      {"qrels": trecQrels, "queries": "question\turl\tquery_id\nhvar er brauð?\tx\t1\nog mjólk?\t\t2\n", "corpus": "docid\ttext\tTitle\nd2\tIt is there.\tMilk\nd1\tBread is here.\t\nd3\tNone.\t\n"},
		"one thing, two names": {"qrels": trecQrels, "queries": tsvQueries, "corpus": strings.Replace(jsonlCorpus, `"text": "None."`, `"text": "None.", "body": "None.", "id": "d3", "query": null, "contents": "", "x": 1, "x": 2`, 1)},
		"documents with head":  {"qrels": trecQrels, "queries": tsvQueries, "corpus": "docid\ttext\n" + tsvCorpus},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loaded(t, files)
			if err != nil {
				t.Fatal(err)
			}
			want := documents
			if strings.HasPrefix(name, "documents") {
				want = []sdk.Document{{ID: "d2", Language: "eng", Text: "Milk It is there."}, documents[1], documents[2]}
			}
			if d := cmp.Diff(queries, c.Queries); d != "" {
				t.Errorf("queries (-want +got):\n%s", d)
			}
			if d := cmp.Diff(want, c.Documents); d != "" {
				t.Errorf("documents (-want +got):\n%s", d)
			}
			if d := cmp.Diff(wantQrels, c.Qrels); d != "" {
				t.Errorf("qrels (-want +got):\n%s", d)
			}
			if len(c.Counts) != 0 {
				t.Errorf("counted: %v", c.Counts)
			}
		})
	}
}

// TestMissingTexts: ids stand for what is not there, and all of it is counted.
func TestMissingTexts(t *testing.T) {
	for _, c := range []struct {
		name      string
		files     map[string]string
		queries   string
		documents string
		counts    map[string]int
	}{
		{"judgments alone", map[string]string{"qrels": trecQrels}, "1=1 2=2", "d1=d1 d2=d2 d3=d3", map[string]int{
			countQueryIDs: 2, countDocumentIDs: 3, countOnlyJudged: 3, "collections whose only documents are the judged ones": 1,
		}},
		{"with the ids of the documents", map[string]string{"qrels": trecQrels, "document_ids": "\ndoc_id\ttitle\nd9\nd3\tsomething\n\nd1\n"}, "1=1 2=2", "d9=d9 d3=d3 d1=d1 d2=d2", map[string]int{
			countQueryIDs: 2, countDocumentIDs: 4, countOnlyJudged: 1,
		}},
		{"texts with gaps", map[string]string{"qrels": trecQrels, "queries": "1\t \n3\twho?\n", "corpus": "{\"_id\":\"d1\",\"text\":\"\"}\n{\"_id\":\"d4\",\"text\":\"x\"}"}, "1=1 3=who? 2=2", "d1=d1 d4=x d2=d2 d3=d3", map[string]int{
			countQueryIDs: 2, countUnjudged: 1, countStrange: 1, countDocumentIDs: 3, countOnlyJudged: 2,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := loaded(t, c.files)
			if err != nil {
				t.Fatal(err)
			}
			var queries, documents []string
			for _, q := range got.Queries {
				queries = append(queries, q.ID+"="+q.Text)
			}
			for _, d := range got.Documents {
				documents = append(documents, d.ID+"="+d.Text)
			}
			if d := cmp.Diff([]string{c.queries, c.documents}, []string{strings.Join(queries, " "), strings.Join(documents, " ")}); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.counts, got.Counts); d != "" {
				t.Errorf("counts (-want +got):\n%s", d)
			}
		})
	}
}

func TestConformance(t *testing.T) {
	b, err := json.Marshal(config(t, map[string]string{"qrels": trecQrels, "queries": "1\thvar?\n2\t\n", "document_ids": "d1\nd7\n"}))
	if err != nil {
		t.Fatal(err)
	}
	sdktest.Loader(t, Component, string(b))
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no tab", map[string]string{"qrels": trecQrels, "queries": "1 hvar?\n"}, "queries:1: want an id and a text with a tab between"},
		{"a query twice", map[string]string{"qrels": trecQrels, "queries": "1\ta\n2\tb\n1\tc\n"}, `queries:3: query "1" is there twice`},
		{"a document twice", map[string]string{"qrels": trecQrels, "corpus": "d1\ta\nd1\tb\n"}, `corpus:2: document "d1" is there twice`},
		{"no id", map[string]string{"qrels": trecQrels, "corpus": `{"text": "x"}`}, `corpus:1: no "_id"`},
		{"a text that is none", map[string]string{"qrels": trecQrels, "corpus": `{"_id": "d1", "text": ["x"]}`}, "corpus:1: field text: want a string, got [\"x\"]"},
		{"broken JSON", map[string]string{"qrels": trecQrels, "corpus": `{"_id": "d1", `}, "corpus:1: not a JSON object"},
		{"a topic without a number", map[string]string{"qrels": trecQrels, "queries": "<top>\n<title> x\n</top>\n"}, "a topic without <num>"},
		{"a topic within another", map[string]string{"qrels": trecQrels, "queries": "<top>\n<num> 1\n<title> x\n<num> 2\n<title> y\n</top>\n"}, "queries:6: topic 1 has a second <num> or <title>; does it lack its </top>?"},
		{"text outside topics", map[string]string{"qrels": trecQrels, "queries": "<top><num>1</top>\n<num>2<title>y\n"}, `queries:2: "<num>2<title>y" stands outside of <top> and </top>`},
		{"an end too many", map[string]string{"qrels": trecQrels, "queries": "<top><num>1</top></top>\n"}, "queries:1: a </top> without a <top>"},
		{"three columns without names", map[string]string{"qrels": trecQrels, "corpus": "d1\tMilk\tIt is there.\n"}, "corpus:1: want 2 cells, got 3; a first line with the names of the columns"},
		{"a tab in a text", map[string]string{"qrels": trecQrels, "corpus": "id\ttext\nd1\ta\nd2\tb\tc\n"}, "corpus:3: want 2 cells, got 3"},
		{"a cell too few", map[string]string{"qrels": trecQrels, "corpus": "id\ttitle\ttext\nd1\ta\n"}, "corpus:2: want 3 cells, got 2"},
		{"an unknown column", map[string]string{"qrels": trecQrels, "queries": "query_id\tfrage\n1\ta\n"}, `queries:1: the first line begins like names of columns, but there is no column "frage" here`},
		{"ids without texts", map[string]string{"qrels": trecQrels, "queries": "qid\n1\n"}, "queries:1: the first line names an id and neither a title nor a text"},
		{"a column twice", map[string]string{"qrels": trecQrels, "corpus": "id\ttext\tcontents\nd1\ta\tb\n"}, `corpus:1: the columns "text" and "contents" say the same; rename one`},
		{"an object among rows", map[string]string{"qrels": trecQrels, "queries": "1\ta\n{\"_id\": \"2\", \"text\": \"b\"}\n"}, "queries:2: want an id and a text with a tab between"},
		{"a row among objects", map[string]string{"qrels": trecQrels, "queries": "{\"_id\": \"2\", \"text\": \"b\"}\n1\ta\n"}, "queries:2: not a JSON object"},
		{"an id twice in an object", map[string]string{"qrels": trecQrels, "queries": `{"_id": "1", "text": "a", "_id": "2"}`}, `queries:1: the field "_id" is there twice`},
		{"a text twice in an object", map[string]string{"qrels": trecQrels, "corpus": `{"_id": "d1", "text": "a", "t": 1, "text": "a"}`}, `corpus:1: the field "text" is there twice`},
		{"two texts", map[string]string{"qrels": trecQrels, "corpus": `{"_id": "d1", "text": "a", "contents": "b"}`}, `corpus:1: the fields "text" and "contents" say the same and differ`},
		{"Latin-1", map[string]string{"qrels": trecQrels, "queries": "1\tbrau\xf0\n"}, "queries:1: not UTF-8"},
		{"an endless line", map[string]string{"qrels": trecQrels, "corpus": "d1\ta\nd2\t" + strings.Repeat("x", maxLine)}, "corpus:2: the line is longer than 64 MiB"},
		{"nothing", map[string]string{"qrels": trecQrels, "queries": "\n"}, "there is nothing in it"},
		{"a grade that is none", map[string]string{"qrels": "1 0 d1 x\n"}, "qrels:1"},
		{"no judgments", map[string]string{"qrels": ""}, "qrels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := loaded(t, c.files); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
	for arg, c := range map[string]map[string]any{
		"query_language":    {"qrels": "q", "query_language": "is", "document_language": "eng"},
		"document_language": {"qrels": "q", "query_language": "isl", "document_language": "English"},
		"document_ids":      {"qrels": "q", "query_language": "isl", "document_language": "eng", "corpus": "c", "document_ids": "d"},
	} {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Component.Open(t.Context(), b, nil)
		d, ok := sdk.AsDiagnostics(err)
		if !ok || len(d) != 1 || d[0].Path[0] != arg {
			t.Errorf("want a diagnostic of %s, got %v", arg, err)
		}
	}
	b, err := json.Marshal(map[string]any{"qrels": filepath.Join(t.TempDir(), "no.tsv"), "corpus": t.TempDir(), "query_language": "isl", "document_language": "eng"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Component.Open(t.Context(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.(sdk.Loader).Sources(t.Context())
	if d, ok := sdk.AsDiagnostics(err); !ok || len(d) != 2 || d[0].Path[0] != "qrels" || d[1].Path[0] != "corpus" || !strings.Contains(d[1].Detail, "is a directory") {
		t.Errorf("want diagnostics of both files, got %v", err)
	}
}
