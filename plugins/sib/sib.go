// Package sib is the loader "sib": collections laid out like SIB-200, the same
// sentences in many languages.
//
// Every sentence is a query and a document; a query is relevant with the
// document of the same sentence, and, through the group they share, with that
// document in every other language. Pairs join a sentence with the same one in
// the pivot language. The topic of a sentence is not used.
package sib

import (
	"compress/gzip"
	"context"
	"encoding/csv"
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

// Component is the loader "sib".
var Component = sdk.NewLoader(sdk.Info{
	Name:      "sib",
	Revision:  1,
	Doc:       "Parallel sentences laid out as SIB-200: one directory per language (als_Latn) with train.tsv, dev.tsv and test.tsv, plain or gzip-compressed.",
	PairKinds: []string{pairKind},
}, open)

const pairKind = "translation"

type options struct {
	Path      string   `xl:"path,required,path" doc:"The directory that holds one directory per language, such as als_Latn."`
	Split     string   `xl:"split,required,enum=train|dev|test" doc:"Which sentences to read."`
	Pivot     string   `xl:"pivot,default=eng_Latn" doc:"The language on the document side of the pairs, as its directory is named."`
	Languages []string `xl:"languages" doc:"Which languages to read beside the pivot, as their directories are named; all when left out."`
}

var codeRE = regexp.MustCompile(`^[a-z]{3}_[A-Z][a-z]{3}$`)

// Validate reports languages that cannot be directory names of the collection.
func (o *options) Validate() error {
	var d sdk.Diagnostics
	bad := func(code string, path ...any) {
		d = append(d, sdk.Diagnostic{Path: path, Summary: "Invalid language", Detail: fmt.Sprintf("%q is not a name such as eng_Latn: an ISO 639-3 code, an underscore, a script.", code)})
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
		return nil, sdk.At("Cannot read the data", reason(err)+"; \"path\" must name a directory with one directory per language, such as eng_Latn.", "path")
	}
	var have []string
	for _, e := range entries {
		if codeRE.MatchString(e.Name()) {
			have = append(have, e.Name())
		}
	}
	if len(have) == 0 {
		return nil, sdk.At("No data", fmt.Sprintf("%s has no directory named like eng_Latn.", l.o.Path), "path")
	}
	var out []file
	var missing sdk.Diagnostics
	need := func(lang string, path ...any) {
		f, ok := l.find(lang)
		if ok {
			out = append(out, f)
			return
		}
		if path == nil { // found in the directory: it may lack this split
			return
		}
		missing = append(missing, sdk.Diagnostic{
			Path: path, Summary: "No data for a language",
			Detail: fmt.Sprintf("%s has neither %s/%s.tsv.gz nor %s/%s.tsv.%s", l.o.Path, lang, l.o.Split, lang, l.o.Split, sdk.DidYouMean(lang, have)),
		})
	}
	need(l.o.Pivot, "pivot")
	if l.o.Languages != nil {
		for i, lang := range l.o.Languages {
			if lang != l.o.Pivot {
				need(lang, "languages", i)
			}
		}
	} else {
		for _, lang := range have {
			if lang != l.o.Pivot {
				need(lang)
			}
		}
	}
	if len(missing) > 0 {
		return nil, missing
	}
	slices.SortFunc(out, func(a, b file) int { return strings.Compare(a.lang, b.lang) })
	return out, nil
}

func (l *loader) find(lang string) (file, bool) {
	for _, ext := range []string{".tsv.gz", ".tsv"} {
		f := file{lang: lang, name: lang + "/" + l.o.Split + ext}
		f.path = filepath.Join(l.o.Path, lang, l.o.Split+ext)
		if info, err := os.Stat(f.path); err == nil && !info.IsDir() {
			return f, true
		}
	}
	return file{}, false
}

type sentence struct{ id, text string }

// Load reads language after language, the pivot first in memory.
func (l *loader) Load(ctx context.Context, out sdk.Collector) error {
	files, err := l.files()
	if err != nil {
		return err
	}
	pivot := map[string]string{}
	for _, f := range files {
		if f.lang != l.o.Pivot {
			continue
		}
		rows, err := read(f)
		if err != nil {
			return err
		}
		for _, r := range rows {
			pivot[r.id] = r.text
		}
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := read(f)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := l.emit(f.lang, r, pivot, out); err != nil {
				return err
			}
		}
		out.Progress(int64(i+1), int64(len(files)))
	}
	return nil
}

func (l *loader) emit(lang string, r sentence, pivot map[string]string, out sdk.Collector) error {
	q, d := lang+"/q"+r.id, lang+"/d"+r.id
	if strings.TrimSpace(r.text) == "" {
		out.Count("empty text", 1)
	}
	if err := out.Query(sdk.Query{ID: q, Language: lang, Text: r.text, Group: r.id}); err != nil {
		return err
	}
	if err := out.Document(sdk.Document{ID: d, Language: lang, Text: r.text, Group: r.id}); err != nil {
		return err
	}
	if err := out.Qrel(sdk.Qrel{Query: q, Document: d, Relevance: 1}); err != nil {
		return err
	}
	if lang == l.o.Pivot {
		return nil
	}
	other, ok := pivot[r.id]
	if !ok {
		out.Count("sentence without one in the pivot language", 1)
		return nil
	}
	return out.Pair(sdk.Pair{
		Kind: pairKind, Group: r.id,
		A: sdk.Text{ID: q, Language: lang, Text: r.text},
		B: sdk.Text{ID: l.o.Pivot + "/d" + r.id, Language: l.o.Pivot, Text: other},
	})
}

var header = []string{"index_id", "category", "text"}

// read returns the sentences of a file in its order. The format is
// tab-separated with CSV quoting.
func read(f file) (rows []sentence, err error) {
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
	c := csv.NewReader(src)
	c.Comma = '\t'
	c.FieldsPerRecord = -1 // counted here, for a better message
	c.ReuseRecord = true
	seen := map[string]int{}
	for first := true; ; first = false {
		rec, err := c.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, located(f.path, c, err)
		}
		line, _ := c.FieldPos(0)
		if first {
			rec[0] = strings.TrimPrefix(rec[0], "\ufeff")
			if !slices.Equal(rec, header) {
				return nil, fmt.Errorf("%s:%d: want the header %q, got %q", f.path, line, strings.Join(header, "\t"), strings.Join(rec, "\t"))
			}
			continue
		}
		if len(rec) != len(header) {
			return nil, fmt.Errorf("%s:%d: want %d columns, got %d", f.path, line, len(header), len(rec))
		}
		id, text := rec[0], rec[2]
		if !utf8.ValidString(text) || !utf8.ValidString(id) {
			return nil, fmt.Errorf("%s:%d: not UTF-8; convert the file", f.path, line)
		}
		if id == "" {
			return nil, fmt.Errorf("%s:%d: no index_id", f.path, line)
		}
		if before, twice := seen[id]; twice {
			return nil, fmt.Errorf("%s:%d: index_id %s is also on line %d", f.path, line, id, before)
		}
		seen[id] = line
		rows = append(rows, sentence{id: strings.Clone(id), text: strings.Clone(text)})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no sentences in it", f.path)
	}
	return rows, nil
}

func located(path string, c *csv.Reader, err error) error {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%d: %w", path, syntax.Line, syntax.Err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return fmt.Errorf("%s: the compressed file is cut off or damaged (%w); copy it again from the source", path, err)
	}
	return fmt.Errorf("read %s at byte %d of its content: %w", path, c.InputOffset(), err)
}

// reason says what the system said, and about which path.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s: %v", p.Path, p.Err)
	}
	return err.Error()
}
