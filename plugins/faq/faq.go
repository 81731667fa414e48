// Package faq is the loader "faq": questions and their answers in many
// languages, one JSON Lines file per language in WebFAQ's schema.
//
// Questions are queries, answers are documents, and a question is relevant
// with its own answer. Rows of one group are translations of one another;
// pairs join a question with the answer, or with the question, of its group in
// the pivot language. Rows without a group are searched but not trained on.
package faq

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xlrun/xlrun/sdk"
)

// The kinds of pair.
const (
	questionAnswer   = "question-answer"
	questionQuestion = "question-question"
)

// documentsEntry makes whole entries of the documents.
const documentsEntry = "entry"

// Component is the loader "faq".
var Component = sdk.NewLoader(sdk.Info{
	Name:      "faq",
	Revision:  1,
	Doc:       "Questions and answers in WebFAQ's schema: one file eng.jsonl per language, plain or gzip-compressed, with id, origin, url, question, answer and topic, and with split and group where there are such.",
	PairKinds: []string{questionAnswer, questionQuestion},
}, open)

type options struct {
	Path      string   `xl:"path,required,path" doc:"The directory that holds one file per language, such as eng.jsonl."`
	Split     string   `xl:"split,required,enum=train|test|all" doc:"Which rows to take, by their field split; all takes also rows without it."`
	Documents string   `xl:"documents,default=answer,enum=answer|entry" doc:"What is searched: the answer alone, or the entry as a page shows it, the question as title and the answer as text."`
	Pivot     string   `xl:"pivot,default=eng" doc:"The language on the document side of the pairs, as its file is named."`
	Languages []string `xl:"languages" doc:"Which languages to read beside the pivot, as their files are named; all when left out."`
}

var codeRE = regexp.MustCompile(`^[a-z]{3}(_[A-Z][a-z]{3})?$`)

// Validate reports languages that cannot be names of files of the collection.
func (o *options) Validate() error {
	var d sdk.Diagnostics
	bad := func(code string, path ...any) {
		d = append(d, sdk.Diagnostic{Path: path, Summary: "Invalid language", Detail: fmt.Sprintf("%q is not a code such as eng: ISO 639-3, with an underscore and a script where it matters.", code)})
	}
	if !codeRE.MatchString(o.Pivot) {
		bad(o.Pivot, "pivot")
	}
	seen := map[string]bool{}
	for i, l := range o.Languages {
		switch {
		case !codeRE.MatchString(l):
			bad(l, "languages", i)
		case seen[l]:
			d = append(d, sdk.Diagnostic{Path: []any{"languages", i}, Summary: "Duplicate language", Detail: fmt.Sprintf("%q is listed twice.", l)})
		}
		seen[l] = true
	}
	if len(d) > 0 {
		return d
	}
	return nil
}

type loader struct{ o options }

var _ sdk.Loader = (*loader)(nil)

func open(_ context.Context, o options) (sdk.Loader, error) { return &loader{o}, nil }

// file is the file of one language.
type file struct{ lang, name, path string }

// Sources lists the files of the chosen languages, sorted by language.
func (l *loader) Sources(context.Context) ([]sdk.Source, error) {
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	out := make([]sdk.Source, len(files))
	for i, f := range files {
		out[i] = sdk.Source{Name: f.name, Path: f.path}
	}
	return out, nil
}

func (l *loader) files() ([]file, error) {
	entries, err := os.ReadDir(l.o.Path)
	if err != nil {
		return nil, sdk.At("Cannot read the data", reason(err)+"; \"path\" must name a directory with one file per language, such as eng.jsonl.", "path")
	}
	have := map[string]string{}
	var codes []string
	for _, e := range entries {
		code, ext, _ := strings.Cut(e.Name(), ".")
		if (ext != "jsonl" && ext != "jsonl.gz") || !codeRE.MatchString(code) {
			continue
		}
		if other, twice := have[code]; twice {
			return nil, sdk.At("Ambiguous data", fmt.Sprintf("%s has both %s and %s; keep one.", l.o.Path, other, e.Name()), "path")
		}
		have[code] = e.Name()
		codes = append(codes, code)
	}
	if len(codes) == 0 {
		return nil, sdk.At("No data", fmt.Sprintf("%s has no file named like eng.jsonl.", l.o.Path), "path")
	}
	var want []string
	var missing sdk.Diagnostics
	need := func(code string, path ...any) {
		if _, ok := have[code]; !ok {
			missing = append(missing, sdk.Diagnostic{
				Path: path, Summary: "No data for a language",
				Detail: fmt.Sprintf("%s has no file %s.jsonl.%s", l.o.Path, code, sdk.DidYouMean(code, codes)),
			})
			return
		}
		if !slices.Contains(want, code) {
			want = append(want, code)
		}
	}
	need(l.o.Pivot, "pivot")
	for i, code := range l.o.Languages {
		need(code, "languages", i)
	}
	if len(missing) > 0 {
		return nil, missing
	}
	if l.o.Languages == nil {
		want = codes
	}
	slices.Sort(want)
	out := make([]file, len(want))
	for i, code := range want {
		out[i] = file{lang: code, name: have[code], path: filepath.Join(l.o.Path, have[code])}
	}
	return out, nil
}

// row is one line of a file.
type row struct {
	ID       string  `json:"id"`
	Origin   string  `json:"origin"`
	Question *string `json:"question"`
	Answer   *string `json:"answer"`
	Split    string  `json:"split"`
	Group    string  `json:"group"`
}

// Load reads language after language, the pivot first in memory.
func (l *loader) Load(ctx context.Context, out sdk.Collector) error {
	files, err := l.files()
	if err != nil {
		return err
	}
	pivot := map[string]*row{}
	for _, f := range files {
		if f.lang != l.o.Pivot {
			continue
		}
		rows, err := l.read(f)
		if err != nil {
			return err
		}
		for i := range rows {
			if g := rows[i].Group; g != "" && pivot[g] == nil {
				pivot[g] = &rows[i]
			}
		}
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := l.read(f)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := l.emit(f.lang, &rows[i], pivot, out); err != nil {
				return err
			}
		}
		out.Progress(int64(i+1), int64(len(files)))
	}
	return nil
}

// The ids of a row's question and answer; those of the file may already start
// with the language.
func queryID(lang string, r *row) string    { return lang + "/" + strings.TrimPrefix(r.ID, lang+"/") }
func documentID(lang string, r *row) string { return queryID(lang, r) + ".answer" }

func (l *loader) emit(lang string, r *row, pivot map[string]*row, out sdk.Collector) error {
	q, d := queryID(lang, r), documentID(lang, r)
	for _, text := range []string{*r.Question, *r.Answer} {
		if strings.TrimSpace(text) == "" {
			out.Count("empty text", 1)
		}
	}
	if err := out.Query(sdk.Query{ID: q, Language: lang, Text: *r.Question, Group: r.Group, Origin: r.Origin}); err != nil {
		return err
	}
	doc := sdk.Document{ID: d, Language: lang, Text: *r.Answer, Group: r.Group, Origin: r.Origin}
	if l.o.Documents == documentsEntry {
		doc.Title = *r.Question
	}
	if err := out.Document(doc); err != nil {
		return err
	}
	if err := out.Qrel(sdk.Qrel{Query: q, Document: d, Relevance: 1}); err != nil {
		return err
	}
	if lang == l.o.Pivot {
		return nil
	}
	if r.Group == "" {
		out.Count("row without a group", 1)
		return nil
	}
	p := pivot[r.Group]
	if p == nil {
		out.Count("row without one in the pivot language", 1)
		return nil
	}
	pair := sdk.Pair{
		Kind: questionAnswer, Group: r.Group, Origin: r.Origin,
		A: sdk.Text{ID: q, Language: lang, Text: *r.Question},
		B: sdk.Text{ID: documentID(l.o.Pivot, p), Language: l.o.Pivot, Text: *p.Answer},
	}
	if err := out.Pair(pair); err != nil {
		return err
	}
	pair.Kind = questionQuestion
	pair.B = sdk.Text{ID: queryID(l.o.Pivot, p), Language: l.o.Pivot, Text: *p.Question}
	return out.Pair(pair)
}

// read returns the rows of the split, in the order of the file.
func (l *loader) read(f file) ([]row, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %s", f.name, reason(err))
	}
	defer func() { _ = r.Close() }() // only read
	var src io.Reader = r
	if strings.HasSuffix(f.path, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%s: not a gzip file (%w); copy it again from the source", f.path, err)
		}
		src = z
	}
	var rows []row
	seen := map[string]int{}
	b := bufio.NewReaderSize(src, 1<<16)
	lines := 0
	for line := 1; ; line++ {
		text, err := b.ReadBytes('\n')
		if err != nil && err != io.EOF {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
				return nil, fmt.Errorf("%s: the compressed file is cut off or damaged (%w); copy it again from the source", f.path, err)
			}
			return nil, fmt.Errorf("%s:%d: %w", f.path, line, err)
		}
		last := err == io.EOF
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if len(bytes.TrimSpace(text)) > 0 {
			lines++
			x, err := parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", f.path, line, err)
			}
			if before, twice := seen[x.ID]; twice {
				return nil, fmt.Errorf("%s:%d: id %q is also on line %d", f.path, line, x.ID, before)
			}
			seen[x.ID] = line
			if l.o.Split != "all" && x.Split == "" {
				return nil, fmt.Errorf("%s:%d: no split; name one in every row, or load with split = \"all\"", f.path, line)
			}
			if l.o.Split == "all" || x.Split == l.o.Split {
				rows = append(rows, x)
			}
		}
		if last {
			break
		}
	}
	if lines == 0 {
		return nil, fmt.Errorf("%s: no rows in it", f.path)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: none of its %d rows is of split %q", f.path, lines, l.o.Split)
	}
	return rows, nil
}

func parse(line []byte) (row, error) {
	var x row
	if !utf8.Valid(line) {
		return x, errors.New("not UTF-8; convert the file")
	}
	if err := json.Unmarshal(line, &x); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return x, fmt.Errorf("field %s: want a string, got %s", kind.Field, kind.Value)
		}
		return x, fmt.Errorf("not a JSON object: %w", err)
	}
	switch {
	case x.ID == "":
		return x, errors.New("no id")
	case x.Question == nil:
		return x, errors.New("no question")
	case x.Answer == nil:
		return x, errors.New("no answer")
	}
	return x, nil
}

// reason says what the system said, and about which path.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s: %v", p.Path, p.Err)
	}
	return err.Error()
}
