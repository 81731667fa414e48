// Package trec is the loader "trec": a test collection in the files that
// evaluation campaigns and benchmarks give out. Judgments are TREC qrels, or
// BEIR's and MTEB's tables; queries and documents are TSV, JSON Lines or TREC topics.
//
// Only the judgments are required. Where a text is missing its id stands for
// it, so that runs and vectors that exist already can be judged without it, and
// every such text is counted. A document that is judged but in no file is a
// document all the same.
//
// A collection has one language on either side: these formats know none, so
// the author says which. For several languages there are several loaders, or
// one with an axis in its paths.
package trec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

// Component is the loader "trec".
var Component = sdk.NewLoader(sdk.Info{
	Name:     "trec",
	Revision: 1,
	Doc:      "A test collection in TREC's or BEIR's files, plain or compressed: judgments, and queries and documents where they are at hand.",
}, open)

type options struct {
	Qrels            string `xl:"qrels,required,path" doc:"The judgments: TREC qrels (query, iteration, document, grade), or TSV, JSON Lines or Parquet with a query-id, a corpus-id and a score per row."`
	Queries          string `xl:"queries,path" doc:"The queries: lines of id and text with a tab between, JSON Lines with _id and text, or TREC topics; their ids stand for them when left out."`
	Corpus           string `xl:"corpus,path" doc:"The documents: JSON Lines with _id, title and text, or lines of id and text with a tab between; the ids stand for them when left out."`
	DocumentIDs      string `xl:"document_ids,path" doc:"The ids of all documents, one a line, where there is no corpus: without it the judged documents are all there are."`
	QueryLanguage    string `xl:"query_language,required" doc:"The language of the queries, as in the task: isl."`
	DocumentLanguage string `xl:"document_language,required" doc:"The language of the documents."`
}

var codeRE = regexp.MustCompile(`^[a-z]{3}(_[A-Z][a-z]{3})?$`)

// Validate reports codes that name no language, and arguments that leave
// nothing to each other.
func (o *options) Validate() error {
	var d sdk.Diagnostics
	for _, x := range []struct{ arg, code string }{{"query_language", o.QueryLanguage}, {"document_language", o.DocumentLanguage}} {
		if !codeRE.MatchString(x.code) {
			d = append(d, sdk.Diagnostic{Path: []any{x.arg}, Summary: "Invalid language", Detail: fmt.Sprintf("%q is not a code such as eng: ISO 639-3, with an underscore and a script where it matters.", x.code)})
		}
	}
	if o.Corpus != "" && o.DocumentIDs != "" {
		d = append(d, sdk.Diagnostic{Path: []any{"document_ids"}, Summary: "Unused argument", Detail: `"corpus" says which documents there are; leave "document_ids" out.`})
	}
	if len(d) > 0 {
		return d
	}
	return nil
}

type loader struct{ o options }

var _ sdk.Loader = (*loader)(nil)

func open(_ context.Context, o options) (sdk.Loader, error) { return &loader{o}, nil }

// Sources lists the files that are given.
func (l *loader) Sources(context.Context) ([]sdk.Source, error) {
	var out []sdk.Source
	var bad sdk.Diagnostics
	for _, f := range []struct{ arg, path string }{
		{"qrels", l.o.Qrels}, {"queries", l.o.Queries}, {"corpus", l.o.Corpus}, {"document_ids", l.o.DocumentIDs},
	} {
		if f.path == "" {
			continue
		}
		if err := readable(f.path); err != nil {
			bad = append(bad, sdk.Diagnostic{Path: []any{f.arg}, Summary: "Cannot read the data", Detail: err.Error() + "."})
		}
		out = append(out, sdk.Source{Name: f.arg, Path: f.path})
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return out, nil
}

// What is counted.
const (
	countQueryIDs    = "queries without a text at hand; their ids stand for them"
	countDocumentIDs = "documents without a text at hand; their ids stand for them"
	countOnlyJudged  = "documents that are in the judgments only, added"
	countUnjudged    = "queries without judgments"
	countStrange     = "judged queries that are not among the queries, added"
)

// Load writes the queries in the order of their file, then those that are
// judged only; the documents likewise; then the judgments by query and
// document.
func (l *loader) Load(ctx context.Context, out sdk.Collector) error {
	qrels, found, err := irfile.LoadQrels(l.o.Qrels)
	if err != nil {
		return err
	}
	for _, f := range found {
		out.Count("in the judgments: "+f.Kind, f.Count)
	}
	seen := map[string]struct{}{}
	query := func(id, text string) error {
		if _, twice := seen[id]; twice {
			return fmt.Errorf("query %q is there twice", id)
		}
		seen[id] = struct{}{}
		if _, ok := qrels[ir.QueryID(id)]; !ok {
			out.Count(countUnjudged, 1)
		}
		if strings.TrimSpace(text) == "" {
			out.Count(countQueryIDs, 1)
			text = id
		}
		return out.Query(sdk.Query{ID: id, Language: l.o.QueryLanguage, Text: text})
	}
	if l.o.Queries != "" {
		if err := eachText(ctx, l.o.Queries, func(t text) error { return query(t.id, strings.TrimSpace(t.title+" "+t.body)) }); err != nil {
			return err
		}
	}
	for _, id := range qrels.Queries() {
		if _, ok := seen[string(id)]; ok {
			continue
		}
		if l.o.Queries != "" {
			out.Count(countStrange, 1)
		}
		if err := query(string(id), ""); err != nil {
			return err
		}
	}

	docs := map[string]struct{}{}
	document := func(t text) error {
		if _, twice := docs[t.id]; twice {
			return fmt.Errorf("document %q is there twice", t.id)
		}
		docs[t.id] = struct{}{}
		if strings.TrimSpace(t.title+t.body) == "" {
			out.Count(countDocumentIDs, 1)
			t.body = t.id
		}
		return out.Document(sdk.Document{ID: t.id, Language: l.o.DocumentLanguage, Title: t.title, Text: t.body})
	}
	switch {
	case l.o.Corpus != "":
		err = eachText(ctx, l.o.Corpus, document)
	case l.o.DocumentIDs != "":
		err = eachLine(ctx, l.o.DocumentIDs, func(line []byte) error {
			id, _, _ := strings.Cut(strings.TrimSpace(string(line)), "\t")
			if id == "" {
				return nil
			}
			return document(text{id: id})
		})
	}
	if err != nil {
		return err
	}
	var judged []string
	for _, j := range qrels {
		for d := range j {
			if _, ok := docs[string(d)]; !ok {
				docs[string(d)] = struct{}{}
				judged = append(judged, string(d))
			}
		}
	}
	slices.Sort(judged)
	for _, id := range judged {
		out.Count(countOnlyJudged, 1)
		out.Count(countDocumentIDs, 1)
		if err := out.Document(sdk.Document{ID: id, Language: l.o.DocumentLanguage, Text: id}); err != nil {
			return err
		}
	}
	if len(docs) == len(judged) {
		// It matters which candidates there are: say that nothing else is one.
		out.Count("collections whose only documents are the judged ones", 1)
	}

	for _, id := range qrels.Queries() {
		if err := ctx.Err(); err != nil {
			return err
		}
		ids := make([]ir.DocID, 0, len(qrels[id]))
		for d := range qrels[id] {
			ids = append(ids, d)
		}
		slices.Sort(ids)
		for _, d := range ids {
			if err := out.Qrel(sdk.Qrel{Query: string(id), Document: string(d), Relevance: qrels[id][d]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// text is a query or a document.
type text struct{ id, title, body string }

// eachText reads a file of queries or documents, whose format its content
// tells: a line that starts with "{" is JSON Lines, one with "<top" TREC
// topics, anything else TSV.
func eachText(ctx context.Context, path string, f func(text) error) error {
	first, topics := true, false
	var topic bytes.Buffer
	n := 0
	flush := func() error {
		if topic.Len() == 0 {
			return nil
		}
		t, err := parseTopic(topic.String())
		topic.Reset()
		if err != nil {
			return err
		}
		n++
		return f(t)
	}
	err := eachLine(ctx, path, func(line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		low := bytes.ToLower(bytes.TrimSpace(line))
		if first {
			topics = bytes.HasPrefix(low, []byte("<top"))
		}
		switch {
		case topics:
			if bytes.HasPrefix(low, []byte("<top>")) {
				if err := flush(); err != nil {
					return err
				}
			}
			topic.Write(line)
			topic.WriteByte('\n')
			first = false
			return nil
		case bytes.HasPrefix(low, []byte("{")):
			t, err := parseObject(line)
			if err != nil {
				return err
			}
			first = false
			n++
			return f(t)
		}
		id, rest, tab := strings.Cut(strings.TrimRight(string(line), "\r\n"), "\t")
		if first && headOfTSV(id, rest) {
			first = false
			return nil
		}
		first = false
		switch {
		case !tab:
			return errors.New("want an id and a text with a tab between, a JSON object, or TREC topics")
		case strings.TrimSpace(id) == "":
			return errors.New("no id")
		}
		n++
		return f(text{id: strings.TrimSpace(id), body: rest})
	})
	if err == nil {
		if err = flush(); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: there is nothing in it", path)
	}
	return err
}

// headOfTSV tells a line of column names from an id and a text.
func headOfTSV(id, rest string) bool {
	names := map[string]bool{"id": true, "_id": true, "qid": true, "query_id": true, "query-id": true, "docid": true, "doc_id": true, "pid": true}
	texts := map[string]bool{"text": true, "query": true, "title": true, "document": true, "passage": true, "contents": true, "title\ttext": true}
	return names[strings.ToLower(strings.TrimSpace(id))] && texts[strings.ToLower(strings.TrimSpace(rest))]
}

// parseObject reads one line of JSON Lines: BEIR's names of the fields, or
// those that other tools give.
func parseObject(line []byte) (text, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(line, &m); err != nil {
		return text{}, fmt.Errorf("not a JSON object: %w", err)
	}
	field := func(names ...string) (string, error) {
		for _, name := range names {
			raw, ok := m[name]
			if !ok || string(raw) == "null" {
				continue
			}
			var s string
			if json.Unmarshal(raw, &s) == nil {
				return s, nil
			}
			var n json.Number
			if name != "title" && json.Unmarshal(raw, &n) == nil {
				return n.String(), nil // ids are numbers in some collections
			}
			return "", fmt.Errorf("field %s: want a string, got %s", name, short(raw))
		}
		return "", nil
	}
	id, err := field("_id", "id", "docid", "doc_id", "query_id", "qid")
	if err != nil {
		return text{}, err
	}
	if id == "" {
		return text{}, errors.New(`no "_id" in the object`)
	}
	title, err := field("title")
	if err != nil {
		return text{}, err
	}
	body, err := field("text", "contents", "body", "query")
	return text{id, title, body}, err
}

func short(raw []byte) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}

var (
	numRE   = regexp.MustCompile(`(?is)<num>\s*(?:Number:)?\s*([^\s<]+)`)
	titleRE = regexp.MustCompile(`(?is)<title>\s*(?:Topic:)?(.*?)(?:</title>|<desc|<narr|</top>|$)`)
)

// parseTopic reads one TREC topic: its number and its title.
func parseTopic(s string) (text, error) {
	num := numRE.FindStringSubmatch(s)
	if num == nil {
		return text{}, fmt.Errorf("a topic without <num>: %q", short([]byte(s)))
	}
	t := text{id: num[1]}
	if title := titleRE.FindStringSubmatch(s); title != nil {
		t.body = strings.Join(strings.Fields(title[1]), " ")
	}
	return t, nil
}

// maxLine bounds a line of a file of texts, in bytes.
const maxLine = 64 << 20

// eachLine calls f with each line of a file; errors say which one.
func eachLine(ctx context.Context, path string, f func([]byte) error) error {
	r, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 && atEOF {
			end = len(data)
		}
		if end == 0 {
			return 0, nil, nil
		}
		return end, data[:end], nil
	})
	n := 0
	for lines.Scan() {
		n++
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line := lines.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if !utf8.Valid(line) {
			return fmt.Errorf("%s:%d: not UTF-8; convert the file", path, n)
		}
		if err := f(line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d: the line is longer than %d MiB; is this a file of texts?", path, n+1, maxLine>>20)
	case err != nil:
		return fmt.Errorf("%s:%d: %w; the file is cut off or damaged", path, n+1, err)
	}
	return nil
}

// readable says why a file cannot be read, if it cannot.
func readable(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			return fmt.Errorf("%s: %w", p.Path, p.Err)
		}
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("%s is a directory; name the file in it", path)
	}
	return nil
}

// openFile opens a file of texts, without its compression.
func openFile(path string) (io.ReadCloser, error) {
	r, err := irfile.Decompress(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
