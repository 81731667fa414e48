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
	Revision: 2,
	Doc:      "A test collection in TREC's or BEIR's files, plain or compressed: judgments, and queries and documents where they are at hand.",
}, open)

type options struct {
	Qrels            string `xl:"qrels,required,path" doc:"The judgments: TREC qrels (query, iteration, document, grade), or TSV, JSON Lines or Parquet with a query-id, a corpus-id and a score per row."`
	Queries          string `xl:"queries,path" doc:"The queries: TSV of id and text, or with names of columns in its first line, JSON Lines with _id and text, or TREC topics; their ids stand for them when left out."`
	Corpus           string `xl:"corpus,path" doc:"The documents: JSON Lines with _id, title and text, or TSV of id and text, or with names of columns in its first line; the ids stand for them when left out."`
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

	docs, first := map[string]struct{}{}, true
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
			column, named := columnOf(id)
			head := first && named && column == idColumn
			first = first && id == ""
			if id == "" || head {
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

// eachText reads a file of queries or documents, whose format its first line
// tells: one that starts with "{" is JSON Lines, one with "<top" TREC topics,
// anything else TSV.
func eachText(ctx context.Context, path string, f func(text) error) error {
	n := 0
	each := func(t text) error { n++; return f(t) }
	var read func(line []byte) error
	end := func() error { return nil }
	err := eachLine(ctx, path, func(line []byte) error {
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		if read == nil {
			switch low := bytes.ToLower(bytes.TrimSpace(line)); {
			case low[0] == '{':
				read = func(line []byte) error {
					t, err := parseObject(line)
					if err != nil {
						return err
					}
					return each(t)
				}
			case bytes.HasPrefix(low, []byte("<top")):
				topics := &topicReader{each: each}
				read, end = topics.line, topics.end
			default:
				table := &tableReader{each: each}
				read = table.line
			}
		}
		return read(line)
	})
	if err == nil {
		if err = end(); err == nil && n == 0 {
			err = errors.New("there is nothing in it")
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	return err
}

// The columns of a table of texts.
type column int

const (
	idColumn column = iota
	titleColumn
	bodyColumn
	numColumns
	otherColumn // says nothing of the text
)

// columnNames are the names that tables use, without hyphens and underscores.
var columnNames = map[string]column{
	"id": idColumn, "qid": idColumn, "queryid": idColumn, "topicid": idColumn,
	"docid": idColumn, "did": idColumn, "docno": idColumn, "documentid": idColumn, "corpusid": idColumn, "pid": idColumn, "passageid": idColumn,
	"title": titleColumn,
	"text":  bodyColumn, "query": bodyColumn, "question": bodyColumn, "document": bodyColumn, "passage": bodyColumn,
	"contents": bodyColumn, "content": bodyColumn, "body": bodyColumn,
	"url": otherColumn, "metadata": otherColumn, "language": otherColumn, "lang": otherColumn,
}

func columnOf(name string) (column, bool) {
	c, ok := columnNames[strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(name)))]
	return c, ok
}

// tableReader reads TSV: columns by the names in its first line, or an id and a
// text where that names none.
type tableReader struct {
	each  func(text) error
	at    [numColumns]int // −1: there is no such column
	cells int
}

func (r *tableReader) line(line []byte) error {
	cells := strings.Split(string(line), "\t")
	if r.cells == 0 {
		if head, err := r.head(cells); head || err != nil {
			return err
		}
	}
	switch {
	case len(cells) == 1 && r.cells == 2:
		return errors.New("want an id and a text with a tab between, a JSON object, or TREC topics")
	case len(cells) != r.cells:
		return fmt.Errorf("want %d cells, got %d; a first line with the names of the columns (id, title, text) says which is which, and a text has no tabs", r.cells, len(cells))
	}
	var row [numColumns]string
	for c, i := range r.at {
		if i >= 0 {
			row[c] = cells[i]
		}
	}
	id := strings.TrimSpace(row[idColumn])
	if id == "" {
		return errors.New("no id")
	}
	return r.each(text{id: id, title: strings.TrimSpace(row[titleColumn]), body: row[bodyColumn]})
}

// head says whether the first line names the columns. One that begins like
// names and has others that we do not know is refused: it is no text, and what
// its columns hold is not ours to guess.
func (r *tableReader) head(cells []string) (bool, error) {
	r.at, r.cells = [numColumns]int{-1, -1, -1}, len(cells)
	unknown := ""
	for i, name := range cells {
		switch c, ok := columnOf(name); {
		case !ok:
			if unknown == "" {
				unknown = name
			}
		case c == otherColumn:
		case r.at[c] >= 0:
			if r.at[idColumn] >= 0 {
				return false, fmt.Errorf("the columns %q and %q say the same; rename one", cells[r.at[c]], name)
			}
		default:
			r.at[c] = i
		}
	}
	begins := r.at[idColumn] == 0
	switch complete := r.at[idColumn] >= 0 && (r.at[titleColumn] >= 0 || r.at[bodyColumn] >= 0); {
	case complete && unknown == "":
		return true, nil
	case begins && unknown != "":
		return false, fmt.Errorf("the first line begins like names of columns, but there is no column %q here, only id, title and text, and url, metadata and language, which are not read; rename it", unknown)
	case begins:
		return false, errors.New("the first line names an id and neither a title nor a text")
	}
	r.at, r.cells = [numColumns]int{idColumn: 0, titleColumn: -1, bodyColumn: 1}, 2
	return false, nil
}

// objectNames are BEIR's names of the fields, and those that other tools give.
var objectNames = [numColumns][]string{
	idColumn:    {"_id", "id", "docid", "doc_id", "query_id", "qid"},
	titleColumn: {"title"},
	bodyColumn:  {"text", "contents", "body", "query"},
}

// parseObject reads one line of JSON Lines.
func parseObject(line []byte) (text, error) {
	if !json.Valid(line) {
		return text{}, fmt.Errorf("not a JSON object: %w", json.Unmarshal(line, new(any)))
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return text{}, errors.New("not a JSON object")
	}
	var fields [numColumns]string
	var from [numColumns]string // the name that gave it
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return text{}, err
		}
		name, _ := t.(string) // names are texts
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return text{}, err
		}
		c := column(slices.IndexFunc(objectNames[:], func(names []string) bool { return slices.Contains(names, name) }))
		if c < 0 || string(raw) == "null" {
			continue
		}
		s, err := scalar(raw, c)
		switch {
		case err != nil:
			return text{}, fmt.Errorf("field %s: %w", name, err)
		case from[c] == name:
			return text{}, fmt.Errorf("the field %q is there twice", name)
		case from[c] != "" && fields[c] != s && fields[c] != "" && s != "":
			return text{}, fmt.Errorf("the fields %q and %q say the same and differ; leave one", from[c], name)
		case from[c] == "" || fields[c] == "":
			fields[c], from[c] = s, name
		}
	}
	if fields[idColumn] == "" {
		return text{}, errors.New(`no "_id" in the object`)
	}
	return text{fields[idColumn], fields[titleColumn], fields[bodyColumn]}, nil
}

// scalar returns a text, or a number as it is written: ids are numbers in some
// collections. Titles are texts.
func scalar(raw json.RawMessage, c column) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var n json.Number
	if c != titleColumn && json.Unmarshal(raw, &n) == nil {
		return n.String(), nil
	}
	return "", fmt.Errorf("want a string, got %s", short(raw))
}

func short(raw []byte) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}

var (
	tagRE   = regexp.MustCompile(`(?i)<(/?)top\b[^<>]*>`)
	numRE   = regexp.MustCompile(`(?is)<num>\s*(?:Number:)?\s*([^\s<]+)`)
	titleRE = regexp.MustCompile(`(?is)<title>\s*(?:Topic:)?(.*?)(?:</title>|<desc|<narr|$)`)
)

// topicReader reads TREC topics, from a <top> to a </top> or the next <top>,
// wherever on a line these stand.
type topicReader struct {
	each  func(text) error
	topic bytes.Buffer
	open  bool
}

func (r *topicReader) line(line []byte) error {
	from := 0
	for _, tag := range tagRE.FindAllSubmatchIndex(line, -1) {
		if err := r.text(line[from:tag[0]]); err != nil {
			return err
		}
		from = tag[1]
		if closes := tag[2] < tag[3]; closes && !r.open {
			return errors.New("a </top> without a <top>")
		} else if err := r.end(); err != nil {
			return err
		} else {
			r.open = !closes
		}
	}
	if err := r.text(line[from:]); err != nil {
		return err
	}
	r.topic.WriteByte('\n')
	return nil
}

// text takes what stands between tags.
func (r *topicReader) text(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && !r.open {
		return fmt.Errorf("%q stands outside of <top> and </top>", short(b))
	}
	r.topic.Write(b)
	return nil
}

// end reads the topic that is open, if one is.
func (r *topicReader) end() error {
	s := r.topic.String()
	r.topic.Reset()
	if !r.open {
		return nil
	}
	r.open = false
	t, err := parseTopic(s)
	if err != nil {
		return err
	}
	return r.each(t)
}

// parseTopic reads what is inside a TREC topic: its number and its title.
func parseTopic(s string) (text, error) {
	nums, title := numRE.FindAllStringSubmatch(s, 2), titleRE.FindStringSubmatch(s)
	switch {
	case len(nums) == 0:
		return text{}, fmt.Errorf("a topic without <num>: %q", short([]byte(s)))
	case len(nums) > 1 || strings.Count(strings.ToLower(s), "<title>") > 1:
		return text{}, fmt.Errorf("topic %s has a second <num> or <title>; does it lack its </top>?", nums[0][1])
	}
	t := text{id: nums[0][1]}
	if title != nil {
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
