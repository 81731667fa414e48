// Package mteb reads and writes the result files of the MTEB benchmark, so that
// published scores can be compared like measured ones and measured ones can be
// published there.
//
// The one thing to know: such a file holds means, not values of queries, and
// says nothing about how many documents were searched. What can be inferred
// from it is about subsets (languages), and only between models.
//
// It computes nothing: see internal/analysis for what becomes of scores.
package mteb

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/xlrun/xlrun/internal/collection"
)

// Result is one result file: one model on one task.
type Result struct {
	File            string // relative to the directory
	Model           string // "intfloat/multilingual-e5-small"
	Revision        string // of the model; "" where the path does not say
	Task            string
	DatasetRevision string
	Version         string // of mteb; "" where the file does not say
	Entries         []Entry
	// NoNumbers are values that are left out: what Python wrote as NaN or
	// Infinity, such as a correlation with constant scores, null, scores in
	// quotes, and numbers beyond the range of a 64-bit float.
	NoNumbers []NoNumber
}

// NoNumber is a value that stands where a score should and is none.
type NoNumber struct {
	Split, Subset, Key string
	Text               string // as in the file; null for NaN and Infinity, too
}

// Entry is the scores of one subset and split.
type Entry struct {
	Split     string
	Subset    string // "default" where a task has one
	Languages []string
	Version   string // of mteb, where it differs from the file's
	Scores    []Score
}

// Score is one number.
type Score struct {
	Key     string // as in the file: "ndcg_at_10"
	Measure string // as in ir_measures: "nDCG@10"; Key where that has no name for it
	Value   float64
	// Digits is how many digits after the point were written: more than 5 are
	// not rounded.
	Digits int
}

// Predictions are rankings of one model on one subset: query → document → score.
type Predictions struct {
	File, Model, Revision, Task, Subset, Split string
	Queries                                    map[string]map[string]float64
}

// Archive is what a directory holds.
type Archive struct {
	Results     []Result // by file name
	Predictions []string // files, relative to the directory, to be read by ReadPredictions
	Skipped     []Skipped

	dir   string
	names map[string]modelMeta // by folder
}

// Skipped is a file that is no result.
type Skipped struct{ File, Why string }

// Measure is the name that ir_measures has for a key of a result file, and
// whether it has one.
func Measure(key string) (string, bool) {
	name, cutoff, ok := strings.Cut(key, "_at_")
	if !ok {
		return key, false
	}
	n, err := strconv.Atoi(cutoff)
	if err != nil || n < 1 || strconv.Itoa(n) != cutoff {
		return key, false
	}
	if m, ok := families[name]; ok {
		return m + "@" + cutoff, true
	}
	return key, false
}

// families are MTEB's names of measures with a cutoff. Its precision, recall and
// MAP are trec_eval's; its MRR breaks ties in a way of its own.
var families = map[string]string{"ndcg": "nDCG", "map": "AP", "recall": "R", "precision": "P", "mrr": "RR", "hit_rate": "Success"}

// Key is the name that a result file has for a measure, "" where it has none.
func Key(measure string) string {
	name, cutoff, ok := strings.Cut(measure, "@")
	if !ok {
		return ""
	}
	for k, v := range families {
		if v == name {
			return k + "_at_" + cutoff
		}
	}
	return ""
}

// maxFile bounds a result file: they have some thousand lines.
const maxFile = 256 << 20

// Load reads all result files below a directory. Three layouts are known:
// results/MODEL/REVISION/TASK.json as MTEB writes them, a folder of TASK.json per
// model, and LANGUAGE/TASK_SYSTEM.json as in the WebFAQ repository. Files that
// are no results are listed, not dropped.
func Load(dir string) (*Archive, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	out := &Archive{dir: dir, names: map[string]modelMeta{}}
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || path.Ext(name) != ".json":
			return nil
		case path.Base(name) == "model_meta.json":
			b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
			if err != nil {
				return err
			}
			var m modelMeta
			if err := json.Unmarshal(bytes.TrimPrefix(b, mark), &m); err != nil || m.Name == "" {
				out.Skipped = append(out.Skipped, Skipped{name, "it names no model; the folder's name stands for it"})
			} else {
				out.names[path.Dir(name)] = m
			}
			return nil
		}
		files = append(files, name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	sort.Strings(files)
	for _, name := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Stat(full)
		if err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}
		if strings.HasSuffix(name, "_predictions.json") {
			out.Predictions = append(out.Predictions, name)
			continue
		}
		if info.Size() > maxFile {
			out.Skipped = append(out.Skipped, Skipped{name, "larger than 256 MiB, which no result file is"})
			continue
		}
		b, err := os.ReadFile(full)
		if err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}
		r, err := Parse(b)
		if err != nil {
			out.Skipped = append(out.Skipped, Skipped{name, err.Error()})
			continue
		}
		r.File = name
		out.place(r)
		out.Results = append(out.Results, *r)
	}
	return out, nil
}

type modelMeta struct {
	Name     string `json:"name"`
	Revision string `json:"revision"`
}

var revisionRE = regexp.MustCompile(`^([0-9a-f]{7,40}|no_revision_available|external)$`)

// place reads model and revision from where a result lies.
func (a *Archive) place(r *Result) {
	dir, base := path.Split(r.File)
	stem := strings.TrimSuffix(base, ".json")
	// LANGUAGE/TASK_SYSTEM.json
	if system, ok := strings.CutPrefix(stem, r.Task+"_"); ok && system != "" {
		r.Model = system
		folders := a.folders(path.Clean(dir))
		lang := folders[len(folders)-1]
		if _, err := collection.ParseLanguage(lang); err == nil {
			for i := range r.Entries {
				if e := &r.Entries[i]; e.Subset == "default" && len(e.Languages) == 0 {
					e.Subset, e.Languages = lang, []string{lang}
				}
			}
		}
		return
	}
	r.Model, r.Revision = a.Model(r.File)
}

// folders are the names of the directory and of the folders below it down to
// dir.
func (a *Archive) folders(dir string) []string {
	root := filepath.Base(filepath.Clean(a.dir))
	if abs, err := filepath.Abs(a.dir); err == nil {
		root = filepath.Base(abs)
	}
	if dir == "." {
		return []string{root}
	}
	return append([]string{root}, strings.Split(dir, "/")...)
}

// Model returns the model that a file is about, and its revision, by the folder
// in which it lies.
func (a *Archive) Model(file string) (model, revision string) {
	dir := path.Dir(file)
	if m, ok := a.names[dir]; ok && m.Name != "" {
		return clean(m.Name), clean(m.Revision)
	}
	parts := a.folders(dir)
	model = parts[len(parts)-1]
	if len(parts) > 1 && (len(parts) > 2 || revisionRE.MatchString(model)) {
		model, revision = parts[len(parts)-2], model
	}
	return strings.Replace(model, "__", "/", 1), revision
}

// Parse reads one result file, of MTEB's present layout ("scores") or of that
// before version 1.11 (splits at the top). File, Model and Revision stay empty.
func Parse(b []byte) (*Result, error) {
	r := &Result{}
	b, _ = withNull(b)
	top, err := object(b)
	if err != nil {
		return nil, err
	}
	text := func(key string) string {
		var s *string
		_ = json.Unmarshal(top[key], &s) // null and absent are the same
		if s == nil {
			return ""
		}
		return clean(*s)
	}
	r.Task, r.DatasetRevision, r.Version = text("task_name"), text("dataset_revision"), text("mteb_version")
	if r.Task == "" {
		r.Task = text("mteb_dataset_name")
	}
	if r.Task == "" {
		return nil, errors.New(`no "task_name": not a result of MTEB`)
	}
	if top["scores"] == nil {
		return r, r.parseOld(top)
	}
	var splits map[string][]map[string]json.RawMessage
	if err := decode(top["scores"], &splits); err != nil {
		return nil, fmt.Errorf("read scores, which should be {split: [{measure: value}]}: %w", err)
	}
	for _, split := range sorted(splits) {
		for _, x := range splits[split] {
			e := Entry{Split: clean(split), Subset: "default"}
			var subset, version string
			_ = json.Unmarshal(x["hf_subset"], &subset)
			_ = json.Unmarshal(x["mteb_version"], &version)
			if subset != "" {
				e.Subset = clean(subset)
			}
			if version != r.Version {
				e.Version = clean(version)
			}
			var langs []string
			_ = json.Unmarshal(x["languages"], &langs)
			for _, l := range langs {
				e.Languages = append(e.Languages, clean(l))
			}
			e.Scores = r.scores(e.Split, e.Subset, x)
			if len(e.Scores) == 0 {
				return nil, fmt.Errorf("subset %q of split %q has no numbers", e.Subset, e.Split)
			}
			r.Entries = append(r.Entries, e)
		}
	}
	if len(r.Entries) == 0 {
		return nil, errors.New("no scores")
	}
	return r, nil
}

// withNull returns JSON as Python writes it, where NaN and Infinity stand bare,
// with null for each of these, and their number.
func withNull(b []byte) (out []byte, n int) {
	quoted := false
	last := 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == 'N' || c == 'I' || c == '-'):
			for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
				if bytes.HasPrefix(b[i:], []byte(word)) {
					out = append(append(out, b[last:i]...), "null"...)
					last = i + len(word)
					i = last - 1
					n++
					break
				}
			}
		}
	}
	if n == 0 {
		return b, 0
	}
	return append(out, b[last:]...), n
}

// parseOld reads splits at the top: {"test": {"ndcg_at_10": …}} or, with
// subsets, {"test": {"deu": {"ndcg_at_10": …}}}.
func (r *Result) parseOld(top map[string]json.RawMessage) error {
	for _, split := range sorted(top) {
		var x map[string]json.RawMessage
		if json.Unmarshal(top[split], &x) != nil || x == nil {
			continue // a string or a number about the file
		}
		if own := r.scores(clean(split), "default", x); len(own) > 0 {
			r.Entries = append(r.Entries, Entry{Split: clean(split), Subset: "default", Scores: own})
		}
		for _, subset := range sorted(x) {
			var y map[string]json.RawMessage
			if json.Unmarshal(x[subset], &y) != nil || y == nil {
				continue
			}
			if own := r.scores(clean(split), clean(subset), y); len(own) > 0 {
				r.Entries = append(r.Entries, Entry{Split: clean(split), Subset: clean(subset), Scores: own})
			}
		}
	}
	if len(r.Entries) == 0 {
		return errors.New("no scores")
	}
	return nil
}

// aside are fields of an entry that are no scores.
var aside = map[string]bool{
	"evaluation_time": true, "kg_co2_emissions": true, "hf_subset": true, "languages": true, "mteb_version": true,
	"date": true, "dataset_version": true, "dataset_revision": true, "mteb_dataset_name": true,
}

// scores reads the numbers of an entry, by name, and notes what should be one
// and is not. Lists and objects are more than a score and are passed over.
func (r *Result) scores(split, subset string, x map[string]json.RawMessage) []Score {
	var out []Score
	for _, key := range sorted(x) {
		if aside[key] || len(x[key]) == 0 || x[key][0] == '{' || x[key][0] == '[' {
			continue
		}
		text := string(x[key])
		v, err := strconv.ParseFloat(text, 64) // of JSON's numbers, all; of its other values, none
		if err != nil && shouldBeNumber(key, text) {
			r.NoNumbers = append(r.NoNumbers, NoNumber{split, subset, clean(key), clean(text)})
		}
		if err != nil {
			continue
		}
		s := Score{Key: clean(key), Value: v}
		s.Measure, _ = Measure(s.Key)
		if _, fraction, ok := strings.Cut(text, "."); ok {
			s.Digits = len(fraction)
			if strings.ContainsAny(fraction, "eE") {
				s.Digits = 17
			}
		}
		out = append(out, s)
	}
	return out
}

// shouldBeNumber says whether a value of JSON that is no 64-bit float stands
// where a score should: it is null or a number, or a text that reads as one, or
// belongs to a measure. Other texts say something about the entry.
func shouldBeNumber(key, text string) bool {
	if _, known := Measure(key); known || key == "main_score" || text == "null" {
		return true
	}
	if text == "true" || text == "false" {
		return false
	}
	_, err := strconv.ParseFloat(strings.Trim(text, `" `), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// mark is UTF-8's byte order mark.
var mark = []byte("\ufeff")

// object reads a file that is one object of JSON. A byte order mark is skipped.
// A key that occurs twice in one object, at any depth, is an error, because
// readers differ on which of the two holds.
func object(b []byte) (map[string]json.RawMessage, error) {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return nil, errors.New("in UTF-16: write it in UTF-8")
	}
	b = bytes.TrimPrefix(b, mark)
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("empty: was it written to the end?")
	}
	var top map[string]json.RawMessage
	if err := decode(b, &top); err != nil {
		return nil, err
	}
	if top == nil {
		return nil, errors.New("null where an object should be")
	}
	if key := twice(b); key != "" {
		return nil, fmt.Errorf("the key %q occurs twice in one object: remove one of the two", clean(key))
	}
	return top, nil
}

// decode is json.Unmarshal with errors for people.
func decode(b []byte, to any) error {
	err := json.Unmarshal(b, to)
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		want := map[reflect.Kind]string{reflect.Map: "an object", reflect.Slice: "a list", reflect.Float64: "a number", reflect.Pointer: "a number"}[kind.Type.Kind()]
		got := map[string]string{"array": "a list", "object": "an object", "string": "a text", "bool": "true or false"}[kind.Value]
		if got == "" {
			got = "a " + kind.Value // a number, with its digits where it has no place in a float
		}
		if number, ok := strings.CutPrefix(kind.Value, "number "); ok && want == "a number" {
			return fmt.Errorf("%s is beyond the range of a 64-bit float", number)
		}
		return fmt.Errorf("%s where %s should be", got, want)
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(b)):
		return errors.New("the JSON ends too early: was it written to the end?")
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON from byte %d on: %s", syntax.Offset, syntax.Error())
	}
	return err
}

// twice returns a key that occurs twice in one object of valid JSON, "" where
// none does.
func twice(b []byte) string {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var open []map[string]bool // nil for a list
	key := false               // a key of the last object comes next
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		text, isText := t.(string)
		switch {
		case t == json.Delim('{'):
			open = append(open, map[string]bool{})
			key = true
			continue
		case t == json.Delim('['):
			open = append(open, nil)
		case t == json.Delim('}'), t == json.Delim(']'):
			open = open[:len(open)-1]
		case isText && key:
			if at := open[len(open)-1]; at[text] {
				return text
			} else {
				at[text] = true
			}
			key = false
			continue
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// clean removes what a name should not have: it comes from a file of others.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// ReadPredictions reads a file of rankings. MTEB writes {subset: {split: {query:
// {document: score}}}} beside "mteb_model_meta" into TASK_predictions.json, and
// before version 2 {query: {document: score}} into TASK_SUBSET_predictions.json.
func (a *Archive) ReadPredictions(name string) ([]Predictions, error) {
	b, err := os.ReadFile(filepath.Join(a.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	b, n := withNull(b)
	if n > 0 {
		return nil, errors.New("it holds NaN or Infinity, which have no place in an order")
	}
	top, err := object(b)
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(path.Base(name), "_predictions.json")
	model, revision := a.Model(name)
	var meta struct {
		Name     string `json:"model_name"`
		Revision string `json:"revision"`
	}
	if json.Unmarshal(top["mteb_model_meta"], &meta) == nil && meta.Name != "" {
		model, revision = clean(meta.Name), cmp.Or(clean(meta.Revision), revision)
	}
	delete(top, "mteb_model_meta")
	if isFlat(top) {
		flat, err := rankings(top)
		if err != nil {
			return nil, err
		}
		task, subset, ok := cutLast(stem)
		if !ok {
			task, subset = stem, "default"
		}
		return []Predictions{{File: name, Model: model, Revision: revision, Task: task, Subset: subset, Split: "test", Queries: flat}}, nil
	}
	var out []Predictions
	for _, subset := range sorted(top) {
		var splits map[string]map[string]json.RawMessage
		if err := decode(top[subset], &splits); err != nil {
			return nil, fmt.Errorf("%q is neither a query with its documents nor a subset with its splits: %w", clean(subset), err)
		}
		for _, split := range sorted(splits) {
			q, err := rankings(splits[split])
			if err != nil {
				return nil, fmt.Errorf("subset %q: %w", clean(subset), err)
			}
			out = append(out, Predictions{File: name, Model: model, Revision: revision, Task: stem, Subset: clean(subset), Split: clean(split), Queries: q})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no rankings")
	}
	return out, nil
}

func cutLast(stem string) (before, after string, ok bool) {
	i := strings.LastIndexByte(stem, '_')
	if i <= 0 || i == len(stem)-1 {
		return stem, "", false
	}
	return stem[:i], stem[i+1:], true
}

// isFlat says whether an object has queries, not subsets: whether what stands
// two levels down is no object.
func isFlat(top map[string]json.RawMessage) bool {
	for _, k := range sorted(top) {
		var below map[string]json.RawMessage
		if json.Unmarshal(top[k], &below) != nil || len(below) == 0 {
			continue
		}
		return below[sorted(below)[0]][0] != '{'
	}
	return len(top) > 0
}

func rankings(queries map[string]json.RawMessage) (map[string]map[string]float64, error) {
	out := make(map[string]map[string]float64, len(queries))
	for _, q := range sorted(queries) {
		var docs map[string]*float64
		if err := decode(queries[q], &docs); err != nil {
			return nil, fmt.Errorf("query %q: %w", clean(q), err)
		}
		if docs == nil {
			return nil, fmt.Errorf("query %q: null where its documents should be", clean(q))
		}
		out[q] = make(map[string]float64, len(docs))
		for _, d := range sorted(docs) {
			if docs[d] == nil {
				return nil, fmt.Errorf("query %q: null where the score of %q should be", clean(q), clean(d))
			}
			out[q][d] = *docs[d]
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no queries")
	}
	return out, nil
}

// ErrBlankID is of an id that is empty or has white space.
var ErrBlankID = errors.New("which a TREC run cannot hold")

// Empty counts the queries without a document, which leave no line in a run.
func (p Predictions) Empty() (n int) {
	for _, docs := range p.Queries {
		if len(docs) == 0 {
			n++
		}
	}
	return n
}

// TREC writes rankings as a TREC run: documents by score, equal ones by id
// descending as trec_eval orders them. An id with white space cannot stand in
// one and is an error, [ErrBlankID].
func (p Predictions) TREC() ([]byte, error) {
	var b []byte
	for _, q := range sorted(p.Queries) {
		docs := sorted(p.Queries[q])
		slices.Reverse(docs)
		slices.SortStableFunc(docs, func(x, y string) int {
			a, b := p.Queries[q][x], p.Queries[q][y]
			switch {
			case a > b:
				return -1
			case a < b:
				return 1
			}
			return 0
		})
		for i, d := range docs {
			for _, id := range []string{q, d} {
				if id == "" || strings.ContainsFunc(id, unicode.IsSpace) {
					return nil, fmt.Errorf("the id %q is empty or has white space, %w", id, ErrBlankID)
				}
			}
			b = append(b, q...)
			b = append(b, " Q0 "...)
			b = append(b, d...)
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(i+1), 10)
			b = append(b, ' ')
			b = strconv.AppendFloat(b, p.Queries[q][d], 'g', -1, 64)
			b = append(b, ' ')
			b = append(b, tag(p.Model)...)
			b = append(b, '\n')
		}
	}
	return b, nil
}

func tag(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return '-'
		}
		return r
	}, s)
}

// Encode writes a result as MTEB reads it: keys in order, every number with all
// its digits. What is not known, such as the version of mteb, is null. Each
// entry needs a score named main_score, which is what MTEB shows.
func (r Result) Encode() ([]byte, error) {
	splits := map[string][]map[string]any{}
	for _, e := range r.Entries {
		x := map[string]any{"hf_subset": e.Subset, "languages": append([]string{}, e.Languages...)}
		for _, s := range e.Scores {
			x[s.Key] = s.Value
		}
		if x["main_score"] == nil {
			return nil, fmt.Errorf("write %s of %s: subset %q has no main_score", r.Task, r.Model, e.Subset)
		}
		splits[e.Split] = append(splits[e.Split], x)
	}
	var version any
	if r.Version != "" {
		version = r.Version
	}
	b, err := json.MarshalIndent(map[string]any{
		"dataset_revision": r.DatasetRevision, "task_name": r.Task, "mteb_version": version,
		"scores": splits, "evaluation_time": nil, "kg_co2_emissions": nil,
	}, "", "  ")
	return append(b, '\n'), err
}
