// Package bitext is the loader "bitext": sentences of many languages, each set
// with its own translations into one pivot language.
//
// A sentence is a query, its translation a document, and they are judged
// relevant line by line. The pivot sides of two languages are different texts:
// queries, documents and pairs carry the bitext they come from as their origin
// ("afr-eng"), by which a task searches the documents of the query's own
// bitext. Groups are lines ("afr-eng/17", counted from 0), so they join nothing
// across bitexts.
package bitext

import (
	"bufio"
	"compress/gzip"
	"context"
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

// Component is the loader "bitext".
var Component = sdk.NewLoader(sdk.Info{
	Name:      "bitext",
	Revision:  1,
	Doc:       "Sentences with their translations into a pivot language, line by line: Tatoeba's and Moses' two files per pair (tatoeba.afr-eng.afr beside tatoeba.afr-eng.eng), or one tab-separated file (afr-eng.tsv); plain or gzip-compressed.",
	PairKinds: []string{pairKind},
}, open)

const pairKind = "translation"

type options struct {
	Path      string   `xl:"path,required,path" doc:"The directory that holds the files."`
	Format    string   `xl:"format,default=auto,enum=auto|tatoeba|moses|tsv" doc:"How the files are named and laid out: tatoeba and moses (two files, NAME.afr-eng.afr and NAME.afr-eng.eng), tsv (one file, afr-eng.tsv, columns in the order of its name). auto looks."`
	Name      string   `xl:"name" doc:"What stands before the pair of languages in the names of the files; needed where a directory holds several collections. Tatoeba's is tatoeba."`
	Pivot     string   `xl:"pivot,default=eng" doc:"The language on the document side, as the files name it."`
	Languages []string `xl:"languages" doc:"Which languages to read, as the files name them; all that are paired with the pivot when left out."`
}

const code = `[a-z]{2,3}(?:_[A-Z][a-z]{3})?`

var (
	codeRE = regexp.MustCompile(`^` + code + `$`)
	twoRE  = regexp.MustCompile(`^(?:(.+)\.)?(` + code + `)-(` + code + `)\.(` + code + `)(\.gz)?$`)
	oneRE  = regexp.MustCompile(`^(?:(.+)\.)?(` + code + `)-(` + code + `)\.tsv(\.gz)?$`)
)

// Validate reports languages that no file can have.
func (o *options) Validate() error {
	var d sdk.Diagnostics
	if !codeRE.MatchString(o.Pivot) {
		d = append(d, invalid(o.Pivot, "pivot"))
	}
	seen := map[string]bool{}
	for i, l := range o.Languages {
		switch {
		case !codeRE.MatchString(l):
			d = append(d, invalid(l, "languages", i))
		case l == o.Pivot:
			d = append(d, sdk.Diagnostic{Path: []any{"languages", i}, Summary: "Pivot among the languages", Detail: fmt.Sprintf("%q is the pivot; list the languages paired with it.", l)})
		case seen[l]:
			d = append(d, sdk.Diagnostic{Path: []any{"languages", i}, Summary: "Duplicate language", Detail: fmt.Sprintf("%q is listed twice.", l)})
		}
		seen[l] = true
	}
	if o.Format == "tatoeba" {
		if o.Name != "" && o.Name != "tatoeba" {
			d = append(d, sdk.Diagnostic{Path: []any{"name"}, Summary: "Contradicting arguments", Detail: `Files of the format tatoeba are named tatoeba.afr-eng.afr; use format = "moses" for other names.`})
		}
		o.Name = "tatoeba"
	}
	if len(d) > 0 {
		return d
	}
	return nil
}

func invalid(code string, path ...any) sdk.Diagnostic {
	return sdk.Diagnostic{Path: path, Summary: "Invalid language", Detail: fmt.Sprintf("%q is not a code such as afr.", code)}
}

type loader struct{ o options }

var _ sdk.Loader = (*loader)(nil)

func open(_ context.Context, o options) (sdk.Loader, error) { return &loader{o}, nil }

// bitext is the data of one language with the pivot: two files, or twice the
// same one.
type bitext struct {
	lang         string
	origin       string // "afr-eng", as in the names of the files
	source       string // name of the file with the language
	target       string // name of the file with the pivot; source where there is one file
	pivotIsFirst bool   // in the columns of one file
}

// Sources lists the files, sorted by language, that with the language before
// that with the pivot.
func (l *loader) Sources(context.Context) ([]sdk.Source, error) {
	all, err := l.find()
	if err != nil {
		return nil, err
	}
	var out []sdk.Source
	for _, b := range all {
		out = append(out, sdk.Source{Name: b.source, Path: filepath.Join(l.o.Path, b.source)})
		if b.target != b.source {
			out = append(out, sdk.Source{Name: b.target, Path: filepath.Join(l.o.Path, b.target)})
		}
	}
	return out, nil
}

func (l *loader) find() ([]bitext, error) {
	entries, err := os.ReadDir(l.o.Path)
	if err != nil {
		return nil, sdk.At("Cannot read the data", reason(err)+"; \"path\" must name a directory with files such as tatoeba.afr-eng.afr and tatoeba.afr-eng.eng.", "path")
	}
	format := l.o.Format
	names := map[string]bool{} // what stands before the pair
	found := map[string]*bitext{}
	tsv, two := 0, 0
	var diags sdk.Diagnostics
	add := func(name, a, b string) *bitext {
		lang := a
		if a == l.o.Pivot {
			lang = b
		}
		if (a != l.o.Pivot && b != l.o.Pivot) || a == b || (l.o.Name != "" && name != l.o.Name) {
			return nil
		}
		names[name] = true
		x := found[lang]
		if x == nil {
			x = &bitext{lang: lang, origin: a + "-" + b, pivotIsFirst: a == l.o.Pivot}
			found[lang] = x
		}
		return x
	}
	set := func(at *string, file string) {
		if *at != "" && *at != file {
			diags = append(diags, sdk.Diagnostic{Path: []any{"path"}, Summary: "Ambiguous data", Detail: fmt.Sprintf("%s has both %s and %s; keep one.", l.o.Path, *at, file)})
		}
		*at = file
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if m := oneRE.FindStringSubmatch(e.Name()); m != nil {
			if format != "auto" && format != "tsv" {
				continue
			}
			if x := add(m[1], m[2], m[3]); x != nil {
				tsv++
				set(&x.source, e.Name())
				x.target = x.source
			}
			continue
		}
		if m := twoRE.FindStringSubmatch(e.Name()); m != nil && format != "tsv" && (m[4] == m[2] || m[4] == m[3]) {
			if x := add(m[1], m[2], m[3]); x != nil {
				two++
				if m[4] == l.o.Pivot {
					set(&x.target, e.Name())
				} else {
					set(&x.source, e.Name())
				}
			}
		}
	}
	if tsv > 0 && two > 0 {
		return nil, sdk.At("Ambiguous data", fmt.Sprintf("%s has bitexts in one file (.tsv) and in two; set \"format\".", l.o.Path), "format")
	}
	if len(found) == 0 {
		return nil, sdk.At("No data", fmt.Sprintf("%s has no files named like %s.", l.o.Path, l.example()), "path")
	}
	if len(names) > 1 {
		return nil, sdk.At("Ambiguous data", fmt.Sprintf("%s has files that begin with %s; set \"name\" to one of them.", l.o.Path, strings.Join(quoted(names), ", ")), "name")
	}
	codes := make([]string, 0, len(found))
	for lang := range found {
		codes = append(codes, lang)
	}
	slices.Sort(codes)
	want := codes
	if l.o.Languages != nil {
		want = slices.Sorted(slices.Values(l.o.Languages))
		for i, lang := range l.o.Languages {
			if found[lang] == nil {
				diags = append(diags, sdk.Diagnostic{
					Path: []any{"languages", i}, Summary: "No data for a language",
					Detail: fmt.Sprintf("%s has no bitext of %s with %s.%s", l.o.Path, lang, l.o.Pivot, sdk.DidYouMean(lang, codes)),
				})
			}
		}
	}
	var out []bitext
	for _, lang := range want {
		b := found[lang]
		if b == nil {
			continue
		}
		if b.source == "" || b.target == "" {
			side, there := b.lang, b.target
			if b.target == "" {
				side, there = l.o.Pivot, b.source
			}
			diags = append(diags, sdk.Diagnostic{Path: []any{"path"}, Summary: "Missing file", Detail: fmt.Sprintf("%s has %s, but not its other side in %s.", l.o.Path, there, side)})
			continue
		}
		out = append(out, *b)
	}
	if len(diags) > 0 {
		return nil, diags
	}
	return out, nil
}

func (l *loader) example() string {
	name := l.o.Name
	if name != "" {
		name += "."
	}
	if l.o.Format == "tsv" {
		return fmt.Sprintf("%safr-%s.tsv", name, l.o.Pivot)
	}
	if name == "" {
		name = "tatoeba."
	}
	return fmt.Sprintf("%safr-%s.afr and %safr-%s.%s", name, l.o.Pivot, name, l.o.Pivot, l.o.Pivot)
}

func quoted(names map[string]bool) []string {
	var out []string
	for n := range names {
		out = append(out, fmt.Sprintf("%q", n))
	}
	slices.Sort(out)
	return out
}

// Load reads bitext after bitext.
func (l *loader) Load(ctx context.Context, out sdk.Collector) error {
	all, err := l.find()
	if err != nil {
		return err
	}
	for i, b := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		source, target, err := l.read(b)
		if err != nil {
			return err
		}
		for n := range source {
			if err := l.emit(b, n, source[n], target[n], out); err != nil {
				return err
			}
		}
		out.Progress(int64(i+1), int64(len(all)))
	}
	return nil
}

func (l *loader) emit(b bitext, line int, source, target string, out sdk.Collector) error {
	group := fmt.Sprintf("%s/%d", b.origin, line)
	q, d := fmt.Sprintf("%s/%s/%d", b.origin, b.lang, line), fmt.Sprintf("%s/%s/%d", b.origin, l.o.Pivot, line)
	for _, text := range []string{source, target} {
		if strings.TrimSpace(text) == "" {
			out.Count("empty text", 1)
		}
	}
	if err := out.Query(sdk.Query{ID: q, Language: b.lang, Text: source, Group: group, Origin: b.origin}); err != nil {
		return err
	}
	if err := out.Document(sdk.Document{ID: d, Language: l.o.Pivot, Text: target, Group: group, Origin: b.origin}); err != nil {
		return err
	}
	if err := out.Qrel(sdk.Qrel{Query: q, Document: d, Relevance: 1}); err != nil {
		return err
	}
	return out.Pair(sdk.Pair{
		Kind: pairKind, Group: group, Origin: b.origin,
		A: sdk.Text{ID: q, Language: b.lang, Text: source},
		B: sdk.Text{ID: d, Language: l.o.Pivot, Text: target},
	})
}

// read returns the two sides of a bitext, equally long.
func (l *loader) read(b bitext) (source, target []string, err error) {
	from := filepath.Join(l.o.Path, b.source)
	source, err = lines(from)
	if err != nil {
		return nil, nil, err
	}
	if b.target == b.source {
		target = make([]string, len(source))
		for i, line := range source {
			cols := strings.Split(line, "\t")
			if len(cols) != 2 {
				return nil, nil, fmt.Errorf("%s:%d: want 2 columns separated by a tab, got %d", from, i+1, len(cols))
			}
			source[i], target[i] = cols[0], cols[1]
			if b.pivotIsFirst {
				source[i], target[i] = cols[1], cols[0]
			}
		}
		return source, target, nil
	}
	to := filepath.Join(l.o.Path, b.target)
	target, err = lines(to)
	if err != nil {
		return nil, nil, err
	}
	if len(source) != len(target) {
		longer := from
		if len(source) < len(target) {
			longer = to
		}
		return nil, nil, fmt.Errorf("%s:%d: this line has no partner: %s has %d lines, %s has %d; one of them is cut off",
			longer, min(len(source), len(target))+1, b.source, len(source), b.target, len(target))
	}
	return source, target, nil
}

// lines reads a file of one sentence a line.
func lines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s", reason(err))
	}
	defer func() { _ = f.Close() }() // only read
	var src io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("%s: not a gzip file (%w); copy it again from the source", path, err)
		}
		src = z
	}
	var out []string
	b := bufio.NewReaderSize(src, 1<<16)
	for {
		line, err := b.ReadString('\n')
		if err != nil && err != io.EOF {
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
				return nil, fmt.Errorf("%s: the compressed file is cut off or damaged (%w); copy it again from the source", path, err)
			}
			return nil, fmt.Errorf("%s:%d: %w", path, len(out)+1, err)
		}
		if line == "" { // the end, after a line that was ended
			break
		}
		text := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if len(out) == 0 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("%s:%d: not UTF-8; convert the file", path, len(out)+1)
		}
		out = append(out, text)
		if err == io.EOF {
			break
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no sentences in it", path)
	}
	return out, nil
}

// reason says what the system said, and about which path.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s: %v", p.Path, p.Err)
	}
	return err.Error()
}
