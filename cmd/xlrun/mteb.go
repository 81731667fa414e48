package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/mteb"
	"github.com/xlrun/xlrun/internal/report"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
)

var importVerb = &verb{
	name: "import", args: "mteb DIR", short: "compare results that others have published",
	long: `Reads the result files of MTEB below DIR (results/MODEL/REVISION/TASK.json, or a
folder of TASK.json per model), compares the models over subsets, and prints a
table for each task. With -o, OUT gets scores.parquet and scores.csv with every
number, tables/ with the tables as CSV, LaTeX and Markdown, and runs/ with
predictions as TREC runs, which run "trec" blocks of a workflow can name. It is
written completely or not at all, and replaces an earlier import and nothing else.

Files hold means, not values of queries: intervals are over subsets, of the
differences between models within them.`,
	setup: func(a *app, fl *flag.FlagSet) func(context.Context, []string) int {
		var o importOptions
		fl.StringVar(&o.out, "o", "", "write everything to this `directory`")
		fl.StringVar(&o.measure, "m", "", "compare by this `measure`, in ir_measures' spelling or as in the files (default nDCG@10, or the main score)")
		fl.StringVar(&o.baseline, "baseline", "", "compare with this `model` (default: the best)")
		fl.Func("task", "only this `task`; may be repeated", func(v string) error { o.tasks = append(o.tasks, v); return nil })
		fl.StringVar(&o.format, "format", "table", "print a `format`: table, json, csv, latex or markdown")
		fl.BoolVar(&a.json, "json", false, "short for -format json")
		return func(_ context.Context, args []string) int {
			if len(args) != 2 || args[0] != "mteb" {
				return a.usageError("import", "xlrun import wants the format and a directory: xlrun import mteb DIR")
			}
			if a.json {
				o.format = "json"
			}
			if !slices.Contains(importFormats, o.format) {
				return a.usageError("import", "there is no format %q: %s.%s", o.format, strings.Join(importFormats, ", "), sdk.DidYouMean(o.format, importFormats))
			}
			return a.importMTEB(args[1], o)
		}
	},
}

var importFormats = []string{"table", "json", "csv", "latex", "markdown"}

type importOptions struct {
	out, measure, baseline, format string
	tasks                          []string
}

func (a *app) importMTEB(dir string, o importOptions) int {
	archive, err := mteb.Load(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			a.ui.Error(err)
			return exitUsage
		}
		a.ui.Error(err)
		return exitFailed
	}
	for _, s := range archive.Skipped {
		a.ui.Warning(fmt.Sprintf("%s is passed over: %s", s.File, s.Why))
	}
	a.warnNoNumbers(archive)
	rows, unnamed := scoreRows(archive)
	if len(rows) == 0 && len(archive.Predictions) == 0 {
		a.ui.Error(fmt.Errorf("there are no results of MTEB below %s", dir), "they lie as results/MODEL/REVISION/TASK.json")
		return exitUsage
	}
	var tables []analysis.ScoreTable
	if len(rows) > 0 {
		if m, ok := mteb.Measure(o.measure); ok {
			o.measure = m
		}
		if tables, err = analysis.CompareScores(rows, analysis.ScoreOptions{Measure: o.measure, Baseline: o.baseline, Tasks: o.tasks}); err != nil {
			a.ui.Error(err)
			return exitUsage
		}
	}
	runs := 0
	if o.out != "" {
		runs, err = a.writeImport(o.out, archive, rows, tables)
		var foreign foreignError
		switch {
		case errors.As(err, &foreign):
			a.ui.Error(err, "name a directory that does not exist, or remove what is there; only what an import wrote is replaced")
			return exitUsage
		case err != nil:
			a.ui.Error(err)
			return exitFailed
		}
	}
	if len(rows) == 0 {
		return exitDone
	}
	if err := a.printScores(tables, o.format); err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	if o.format == "table" {
		text := fmt.Sprintf("Scores read: %d. Models: %d, tasks: %d, files: %d", len(rows), distinct(rows, func(s results.Score) string { return s.Model + "\x00" + s.Revision }), distinct(rows, func(s results.Score) string { return s.Task }), len(archive.Results))
		if unnamed > 0 {
			text += fmt.Sprintf(". Scores by measures that ir_measures has no name for, kept under their own: %d", unnamed)
		}
		_, _ = fmt.Fprintf(a.stdout, "\n%s.\n", text)
		if o.out != "" {
			_, _ = fmt.Fprintf(a.stdout, "Scores    %s\nTables    %s\n", filepath.Join(o.out, "scores.parquet"), filepath.Join(o.out, "tables"))
			if runs > 0 {
				_, _ = fmt.Fprintf(a.stdout, "Runs      %s\n", filepath.Join(o.out, "runs"))
			}
		}
	}
	if o.out == "" && len(archive.Predictions) > 0 {
		a.ui.Warning(fmt.Sprintf("%d files of predictions are not read", len(archive.Predictions)), "-o OUT writes them as TREC runs")
	}
	return exitDone
}

// warnNoNumbers counts the values that are left out, by measure.
func (a *app) warnNoNumbers(archive *mteb.Archive) {
	n, first, by := 0, "", map[string]int{}
	for _, r := range archive.Results {
		for _, x := range r.NoNumbers {
			if n == 0 {
				first = fmt.Sprintf("%s of %s in %s", x.Key, x.Subset, r.File)
			}
			n++
			by[x.Key]++
		}
	}
	if n == 0 {
		return
	}
	keys := slices.Sorted(maps.Keys(by))
	slices.SortStableFunc(keys, func(x, y string) int { return by[y] - by[x] })
	var parts []string
	const most = 6
	for _, k := range keys[:min(most, len(keys))] {
		parts = append(parts, fmt.Sprintf("%s %d", k, by[k]))
	}
	if more := len(keys) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and of %d more measures", more))
	}
	a.ui.Warning(fmt.Sprintf("values that are no numbers (NaN, Infinity, null, text or beyond 64 bits) are left out: %d (%s), the first %s", n, strings.Join(parts, ", "), first))
}

func distinct(rows []results.Score, key func(results.Score) string) int {
	seen := map[string]bool{}
	for _, r := range rows {
		seen[key(r)] = true
	}
	return len(seen)
}

// scoreRows lists every number of an archive, and counts those whose key has no
// name in ir_measures.
func scoreRows(archive *mteb.Archive) (rows []results.Score, unnamed int) {
	for _, r := range archive.Results {
		for _, e := range r.Entries {
			for _, s := range e.Scores {
				_, ok := mteb.Measure(s.Key)
				if m, err := ir.ParseMeasure(s.Key); err == nil && m.String() == s.Key {
					ok = true // as xlrun export writes what MTEB has no name for
				}
				if !ok && s.Key != "main_score" {
					unnamed++
				}
				rows = append(rows, results.Score{
					Model: r.Model, Revision: r.Revision, Task: r.Task, DatasetRevision: r.DatasetRevision, Version: cmp.Or(e.Version, r.Version),
					Split: e.Split, Subset: e.Subset, Languages: strings.Join(e.Languages, " "), Measure: s.Measure, Key: s.Key, Value: s.Value, Digits: int32(s.Digits),
					Lineage: results.LineageDeclared, File: r.File,
				})
			}
		}
	}
	return rows, unnamed
}

// writeImport writes scores, tables and runs, completely or not at all, and
// returns the number of runs. Predictions that cannot be a run are passed over
// with a warning.
func (a *app) writeImport(dir string, archive *mteb.Archive, rows []results.Score, tables []analysis.ScoreTable) (runs int, err error) {
	out, err := openImport(dir)
	if err != nil {
		return 0, err
	}
	defer out.discard()
	if len(rows) > 0 {
		b, err := results.EncodeScores(rows)
		if err != nil {
			return 0, err
		}
		if err := errors.Join(out.add("scores.parquet", b), out.add("scores.csv", scoresCSV(rows))); err != nil {
			return 0, err
		}
	}
	for i, t := range tables {
		p := paperOfScores(&t)
		name := tableFile(tables, i)
		var b bytes.Buffer
		if err := terminal.WriteScoresCSV(&b, tables[i:i+1]); err != nil {
			return 0, err
		}
		if err := errors.Join(out.add("tables/"+name+".csv", b.Bytes()), out.add("tables/"+name+".tex", p.LaTeX(name)), out.add("tables/"+name+".md", p.Markdown())); err != nil {
			return 0, err
		}
	}
	// A folder for each revision where the directory has several of a model.
	revisions := map[string]string{}
	several := map[string]bool{}
	for _, name := range archive.Predictions {
		model, revision := archive.Model(name)
		if before, ok := revisions[model]; ok && before != revision {
			several[model] = true
		}
		revisions[model] = revision
	}
	written := map[string]string{}
	over, empty, emptyIn := 0, 0, ""
	for _, name := range archive.Predictions {
		model, _ := archive.Model(name)
		texts, err := trecRuns(archive, name)
		if err != nil {
			var hints []string
			if errors.Is(err, mteb.ErrBlankID) {
				hints = append(hints, "xlrun eval reads the JSON itself")
			}
			a.ui.Warning(fmt.Sprintf("%s is passed over: %s", name, err), hints...)
			over++
			continue
		}
		for _, r := range texts {
			p := r.Predictions
			if n := p.Empty(); n > 0 {
				if empty == 0 {
					emptyIn = name
				}
				empty += n
			}
			parts := []string{plainName(p.Task), plainName(p.Subset)}
			if p.Split != "test" {
				parts = append(parts, plainName(p.Split))
			}
			folder := plainName(p.Model)
			if several[model] {
				folder += "/" + plainName(p.Revision)
			}
			to := "runs/" + folder + "/" + strings.Join(parts, ".") + ".trec"
			if before, ok := written[to]; ok {
				return 0, fmt.Errorf("%s and %s would both become %s; import them from directories of their own, into different outputs", before, name, to)
			}
			written[to] = name
			if err := out.add(to, r.text); err != nil {
				return 0, err
			}
			runs++
		}
	}
	if over > 0 {
		a.ui.Warning(fmt.Sprintf("files of predictions that are passed over: %d of %d", over, len(archive.Predictions)))
	}
	if empty > 0 {
		a.ui.Warning(fmt.Sprintf("queries without a document, which leave no line in a TREC run: %d, the first in %s", empty, emptyIn))
	}
	return runs, out.commit()
}

type trecRun struct {
	mteb.Predictions
	text []byte
}

// trecRuns returns all rankings of a file, or none.
func trecRuns(archive *mteb.Archive, name string) ([]trecRun, error) {
	all, err := archive.ReadPredictions(name)
	if err != nil {
		return nil, err
	}
	var out []trecRun
	for _, p := range all {
		b, err := p.TREC()
		if err != nil {
			return nil, err
		}
		out = append(out, trecRun{p, b})
	}
	return out, nil
}

// importList is the file that names what an import wrote, so that the next one
// replaces that and nothing else.
const importList = "import.json"

type importedList struct {
	Format string   `json:"format"`
	Files  []string `json:"files"`
}

const importFormat = "xlrun.import/1"

// foreignError is of a directory that holds what no import wrote.
type foreignError struct{ dir, file string }

func (e foreignError) Error() string {
	return fmt.Sprintf("%s holds %s, which no import wrote there", e.dir, e.file)
}

// importDir is a directory that an import writes: beside its place first, and
// moved there at the end, so that an error leaves it as it was.
type importDir struct {
	dir, tmp string
	files    []string // with slashes
	made     bool     // there was no such directory before
}

func openImport(dir string) (*importDir, error) {
	if err := onlyImported(dir); err != nil {
		return nil, err
	}
	_, err := os.Stat(dir)
	d := &importDir{dir: dir, made: errors.Is(err, fs.ErrNotExist)}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d.tmp, err = os.MkdirTemp(dir, ".import-*")
	return d, err
}

func (d *importDir) add(name string, b []byte) error {
	d.files = append(d.files, name)
	return writeFile(filepath.Join(d.tmp, filepath.FromSlash(name)), b)
}

// commit puts what was added in the place of an earlier import.
func (d *importDir) commit() error {
	slices.Sort(d.files)
	list, err := json.MarshalIndent(importedList{importFormat, d.files}, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(d.tmp, importList), append(list, '\n')); err != nil {
		return err
	}
	for _, name := range []string{"scores.parquet", "scores.csv", "tables", "runs", importList} {
		if err := os.RemoveAll(filepath.Join(d.dir, name)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(d.tmp, name), filepath.Join(d.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	d.made = false
	return nil
}

// discard removes what is not in its place.
func (d *importDir) discard() {
	_ = os.RemoveAll(d.tmp)
	if d.made {
		_ = os.Remove(d.dir)
	}
}

// onlyImported is an error where a directory holds a file that its list does
// not name.
func onlyImported(dir string) error {
	ours := map[string]bool{importList: true}
	b, err := os.ReadFile(filepath.Join(dir, importList))
	if err == nil {
		var l importedList
		if json.Unmarshal(b, &l) != nil || l.Format != importFormat {
			return foreignError{dir, importList}
		}
		for _, f := range l.Files {
			ours[f] = true
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !ours[name] {
			return foreignError{dir, name}
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// plainName keeps of a name what every file system takes.
func plainName(s string) string {
	s = strings.ReplaceAll(s, "/", "__")
	s = strings.Map(func(r rune) rune {
		if r > 127 || strings.ContainsRune(`\:*?"<>| `, r) || r < 32 {
			return '-'
		}
		return r
	}, s)
	if s == "" || s == "." || s == ".." {
		return "unnamed"
	}
	return s
}

func writeFile(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

func scoresCSV(rows []results.Score) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"model", "model_revision", "task", "dataset_revision", "mteb_version", "split", "subset", "languages", "measure", "key", "value", "lineage", "file"})
	for _, r := range rows {
		_ = w.Write([]string{r.Model, r.Revision, r.Task, r.DatasetRevision, r.Version, r.Split, r.Subset, r.Languages, r.Measure, r.Key, strconv.FormatFloat(r.Value, 'g', -1, 64), r.Lineage, r.File})
	}
	w.Flush() // a Buffer does not fail
	return b.Bytes()
}

func tableFile(tables []analysis.ScoreTable, i int) string {
	t := tables[i]
	if t.Task == "" {
		return "tasks"
	}
	same := 0
	for _, o := range tables {
		if o.Task == t.Task {
			same++
		}
	}
	if same > 1 {
		return plainName(t.Task + "." + t.Split)
	}
	return plainName(t.Task)
}

func (a *app) printScores(tables []analysis.ScoreTable, format string) error {
	switch format {
	case "json":
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(analysis.Scores{Format: analysis.ScoresFormat, Tables: tables})
	case "table":
		return a.ui.Scores(nil, tables)
	case "csv": // the only one that has no room for notes
		for _, t := range tables {
			for _, n := range t.Notes {
				a.ui.Warning(strings.TrimPrefix(t.Task+": ", ": ") + n.Text)
			}
		}
		return terminal.WriteScoresCSV(a.stdout, tables)
	}
	for i := range tables {
		p := paperOfScores(&tables[i])
		b := map[string]func() []byte{"markdown": p.Markdown, "latex": func() []byte { return p.LaTeX(tableFile(tables, i)) }}[format]()
		if i > 0 {
			b = append([]byte("\n"), b...)
		}
		if _, err := a.stdout.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// paperOfScores is a table of scores as papers print it.
func paperOfScores(t *analysis.ScoreTable) report.Paper {
	p := report.Paper{Measure: t.Measure, Baseline: t.Baseline, Columns: append(slices.Clone(t.Columns), t.Others...)}
	letters := false
	for _, m := range t.Models {
		r := report.PaperRow{Name: m.Name, Mean: report.PaperValue{OK: len(t.Columns) > 0, Value: m.Mean}, Letters: m.Letters}
		if g := m.Gain; g != nil {
			r.Gain = &report.PaperGain{Value: g.Mean, Low: float64(g.Low), High: float64(g.High)}
		}
		for _, c := range p.Columns {
			v, ok := m.Values[c]
			r.Values = append(r.Values, report.PaperValue{OK: ok, Value: v})
		}
		letters = letters || m.Letters != ""
		p.Rows = append(p.Rows, r)
	}
	note := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	if t.Task != "" {
		note("Published scores of %s (%s); means over %d subsets.", t.Task, t.Split, len(t.Columns))
	} else {
		note("Published scores; means over %d tasks.", len(t.Columns))
	}
	if len(t.Columns) > 1 {
		note("Intervals: paired t over subsets.")
	}
	if letters {
		note("Groups: Holm over all pairs, 5 %%.")
	}
	for _, n := range t.Notes {
		note("%s", n.Text)
	}
	return p
}

var exportVerb = &verb{
	name: "export", args: "mteb WORKFLOW|DIR", short: "write the results of a study for others' tools",
	long: `Writes OUT/SYSTEM/REVISION/RETRIEVAL.json in the format of MTEB's results, with a
model_meta.json beside: the mean of each measure by language of the queries, draws
averaged. REVISION is the beginning of the digest of the records. DIR is a directory of results,
such as .xlrun/quickstart/latest. xlrun import mteb OUT reads it again.

MTEB's files hold means only and say nothing of pools: records.parquet has all.`,
	setup: func(a *app, fl *flag.FlagSet) func(context.Context, []string) int {
		out := ""
		fl.StringVar(&out, "o", "", "write to this `directory`")
		return func(_ context.Context, args []string) int {
			if len(args) != 2 || args[0] != "mteb" || out == "" {
				return a.usageError("export", "xlrun export wants the format, a workflow or its results, and where to write: xlrun export mteb DIR -o OUT")
			}
			n, left, err := a.exportMTEB(resultsOf(args[1]), out)
			if err != nil {
				return a.shown(err, args[1])
			}
			if len(left) > 0 {
				a.ui.Warning(fmt.Sprintf("not written, because MTEB's measures are shares: %s", strings.Join(left, ", ")))
			}
			_, _ = fmt.Fprintf(a.stdout, "Files written to %s: %d\n", out, n)
			return exitDone
		}
	},
}

// exportMTEB writes what a directory of results holds and returns the number of
// files and what was left out.
func (a *app) exportMTEB(dir, out string) (files int, left []string, err error) {
	// A study that publishes meanwhile makes other results the latest.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	sum, err := readSummary(filepath.Join(dir, "summary.json"))
	if err != nil {
		return 0, nil, err
	}
	name := filepath.Join(dir, "records.parquet")
	c := analysis.NewScoreCollector(sum.Axes)
	for r, err := range results.Records(name) {
		if err != nil {
			return 0, nil, err
		}
		c.Add(r)
	}
	rows, left, err := c.Scores()
	if err != nil {
		return 0, nil, err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, nil, err
	}
	main := map[string]string{}
	for _, x := range sum.Analyses {
		if main[x.Retrieval] == "" {
			main[x.Retrieval] = x.Measure
		}
	}
	digest := cas.Sum(b)
	all, chosen := mtebResults(rows, main, "xlrun:"+string(digest))
	for _, c := range slices.Sorted(maps.Keys(chosen)) {
		a.ui.Warning("the main_score of retrieval " + c + ", as no analysis of it names a measure that is here, and nDCG@10 is not here")
	}
	revision := digest.Hex()[:12]
	folder := map[string]string{} // by lower case, which some file systems do not tell apart: system
	taken := map[string]string{}  // retrieval
	for _, r := range all {
		model, task := strings.ToLower(plainName(r.Model)), strings.ToLower(plainName(r.Task))
		if other := cmp.Or(folder[model], r.Model); other != r.Model {
			return 0, nil, fmt.Errorf("the systems %q and %q would be written to the same directory, %s; nothing is written: rename one in the workflow", other, r.Model, plainName(r.Model))
		}
		if other := cmp.Or(taken[model+"/"+task], r.Task); other != r.Task {
			return 0, nil, fmt.Errorf("the retrievals %q and %q would be written to the same file, %s.json; nothing is written: rename one in the workflow", other, r.Task, plainName(r.Task))
		}
		folder[model], taken[model+"/"+task] = r.Model, r.Task
	}
	for _, r := range all {
		dir := filepath.Join(out, plainName(r.Model), revision)
		meta, err := json.MarshalIndent(map[string]any{"name": r.Model, "revision": revision}, "", "  ")
		if err != nil {
			return 0, nil, err
		}
		if err := writeFile(filepath.Join(dir, "model_meta.json"), append(meta, '\n')); err != nil {
			return 0, nil, err
		}
		text, err := r.Encode()
		if err != nil {
			return 0, nil, err
		}
		if err := writeFile(filepath.Join(dir, plainName(r.Task)+".json"), text); err != nil {
			return 0, nil, err
		}
	}
	if old := otherRevisions(out, revision); len(old) > 0 {
		a.ui.Warning(fmt.Sprintf("%s also holds results of other records, which xlrun import mteb reads as well: %d, %s the first", out, len(old), old[0]))
	}
	return len(all), left, nil
}

// mtebResults groups scores by system and retrieval. main has the measure of
// main_score by retrieval; chosen says where another had to be taken.
func mtebResults(rows []results.Score, main map[string]string, revision string) (out []mteb.Result, chosen map[string]bool) {
	chosen = map[string]bool{}
	at := map[[2]string]int{}
	for _, r := range rows {
		k := [2]string{r.Model, r.Task}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, mteb.Result{Model: r.Model, Task: r.Task, DatasetRevision: revision})
		}
		x := &out[i]
		j := slices.IndexFunc(x.Entries, func(e mteb.Entry) bool { return e.Subset == r.Subset })
		if j < 0 {
			j = len(x.Entries)
			x.Entries = append(x.Entries, mteb.Entry{Split: r.Split, Subset: r.Subset, Languages: []string{withScript(r.Subset)}})
		}
		key := cmp.Or(mteb.Key(r.Measure), r.Measure)
		x.Entries[j].Scores = append(x.Entries[j].Scores, mteb.Score{Key: key, Measure: r.Measure, Value: r.Value})
	}
	for i := range out {
		for j := range out[i].Entries {
			e := &out[i].Entries[j]
			k := 0
			for _, want := range []string{main[out[i].Task], "nDCG@10", e.Scores[0].Measure} {
				if k = slices.IndexFunc(e.Scores, func(s mteb.Score) bool { return s.Measure == want }); k >= 0 {
					break
				}
			}
			if got := e.Scores[k].Measure; got != cmp.Or(main[out[i].Task], "nDCG@10") {
				chosen[out[i].Task+": "+got] = true
			}
			e.Scores = append(e.Scores, mteb.Score{Key: "main_score", Measure: "main_score", Value: e.Scores[k].Value})
		}
	}
	return out, chosen
}

// withScript writes a language as MTEB does: "deu-Latn".
func withScript(code string) string {
	if base, script, ok := strings.Cut(code, "_"); ok {
		return base + "-" + script
	}
	tag, err := language.Parse(code)
	if err != nil {
		return code
	}
	script, _ := tag.Script()
	return code + "-" + script.String()
}

// otherRevisions lists the directories SYSTEM/REVISION in out that are not of
// this revision.
func otherRevisions(out, revision string) []string {
	found, _ := filepath.Glob(filepath.Join(out, "*", "*", "model_meta.json")) // the pattern is well formed
	var other []string
	for _, path := range found {
		dir := filepath.Dir(path)
		if filepath.Base(dir) == revision {
			continue
		}
		if rel, err := filepath.Rel(out, dir); err == nil {
			other = append(other, filepath.ToSlash(rel))
		}
	}
	return other
}
