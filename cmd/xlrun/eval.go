package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

var evalVerb = &verb{
	name: "eval", args: "QRELS RUN… [MEASURE…]", short: "evaluate run files against judgments, as trec_eval and ir_measures do",
	long: `Evaluates runs against relevance judgments: trec_eval's values under ir_measures'
names or its own. Measures are named with -m or after the files: nDCG@10,
AP(rel=2)@100, ndcg_cut.5,10, map, official, all_trec; without any, trec_eval's
official ones. A file may be TREC, BEIR TSV, JSONL, MTEB JSON or Parquet, also
as .gz or .zst; - is standard input.

trec_eval's options work as they are typed there, attached or not: -q -c -n -J
-l2 -M100 -mmap -qc -m P.5,10, and so do its long names and those of ir_measures.
On a terminal prints a table, elsewhere trec_eval's lines; see -format.`,
	rewrite: evalArgs,
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		e := &evalCommand{app: a, places: 4, level: 1}
		fs.Func("m", "a `measure`, or several of one family (P.5,10) or set (official, set, all_trec); may be repeated", func(s string) error {
			e.asked = append(e.asked, s)
			return nil
		})
		fs.BoolVar(&e.byQuery, "q", false, "also print the values of each query")
		fs.BoolVar(&e.noSummary, "n", false, "no values over all queries (with -q)")
		fs.BoolVar(&e.complete, "c", false, "count every judged query: those that the run lacks have an empty ranking")
		fs.Func("l", "the smallest `grade` that is relevant, for measures that name none (default 1)", func(s string) (err error) {
			e.level, err = strconv.Atoi(s)
			if err == nil && (e.level < 1 || e.level > math.MaxInt32) {
				err = errors.New("want a whole number from 1")
			}
			return err
		})
		fs.Func("M", "only the first `hits` of each query", func(s string) (err error) {
			e.depth, err = strconv.Atoi(s)
			if err == nil && e.depth < 1 {
				err = errors.New("want a whole number from 1")
			}
			return err
		})
		fs.BoolVar(&e.judgedOnly, "J", false, "take documents without a judgment out of the rankings first")
		fs.Func("N", "the `number` of documents in the collection, for utility with a fourth coefficient", func(s string) (err error) {
			e.documents, err = strconv.Atoi(s)
			return err
		})
		fs.Func("ties", "order of equal scores: trec10 (default), trec9 (32-bit scores), rank (the rank column decides), expected (mean over all `orders`)", func(s string) (err error) {
			e.ties, err = ir.ParseTies(s)
			return err
		})
		fs.StringVar(&e.zscores, "Z", "", "print standard scores by the means and deviations in `file` (lines of query, measure, mean, deviation)")
		fs.StringVar(&e.relFormat, "R", "qrels", "trec_eval's `format` of judgments: qrels")
		fs.StringVar(&e.runFormat, "T", "trec_results", "trec_eval's `format` of runs: trec_results")
		fs.StringVar(&e.format, "format", "", "`table`, trec (trec_eval's lines), ir_measures (its command's), csv or json; default: table on a terminal, else lines as trec_eval's with the names that were asked for")
		fs.BoolVar(&a.json, "json", false, "the same as -format json")
		fs.IntVar(&e.places, "p", 4, "`decimals` in text")
		fs.IntVar(&e.workers, "j", 0, "queries evaluated at once (default: one per processor)")
		fs.StringVar(&e.out, "o", "", "write to `file` instead of standard output")
		fs.BoolVar(&e.strict, "strict", false, "anything to warn of in the files is an error")
		return e.run
	},
}

// evalCommand is one command line of xlrun eval.
type evalCommand struct {
	*app
	asked                         []string // measures as typed
	byQuery, noSummary, complete  bool
	level, depth, documents       int
	judgedOnly, strict            bool
	ties                          ir.Ties
	zscores, relFormat, runFormat string
	format, out                   string
	places, workers               int

	measures []ir.Measure
	columns  []terminal.EvalMeasure
	// wholesale tells that no measure was named by itself.
	wholesale bool
	deviant   zscores
}

// evalFlags are the options of one letter, as getopt takes them: those with a
// value may have it attached.
const (
	evalSwitches = "qncJh"
	evalValued   = "mlMNZRTpjo"
)

// evalLong are the long options of trec_eval and ir_measures that are spelled
// otherwise here.
var evalLong = map[string]string{
	"query_eval_wanted": "-q", "nosummary": "-n", "complete_rel_info_wanted": "-c", "Judged_docs_only": "-J",
	"measure": "-m", "level_for_rel": "-l", "Max_retrieved_per_topic": "-M", "Number_docs_in_coll": "-N",
	"Zscore": "-Z", "Rel_info_format": "-R", "Results_format": "-T",
	"by_query": "-q", "no_summary": "-n", "output_format": "-format", "places": "-p",
}

// evalArgs turns a command line as one types it for trec_eval or ir_measures
// into options of one word each: -qc is -q -c, -mmap is -m map.
func evalArgs(args []string, fs *flag.FlagSet) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if len(arg) < 2 || arg[0] != '-' || name == "" {
			out = append(out, arg)
			continue
		}
		if short, ok := evalLong[name]; ok {
			out = append(out, short)
			if hasValue {
				out = append(out, value)
			}
			continue
		}
		if f := fs.Lookup(name); f != nil || arg[1] == '-' {
			out = append(out, arg)
			if b, ok := flagValue(f).(interface{ IsBoolFlag() bool }); f != nil && !hasValue && (!ok || !b.IsBoolFlag()) && i+1 < len(args) {
				i++
				out = append(out, args[i])
			}
			continue
		}
		words := splitShort(arg[1:])
		if words == nil {
			out = append(out, arg)
			continue
		}
		out = append(out, words...)
	}
	return out
}

func flagValue(f *flag.Flag) flag.Value {
	if f == nil {
		return nil
	}
	return f.Value
}

// splitShort splits options of one letter as getopt does; nil where one is
// unknown.
func splitShort(s string) []string {
	var out []string
	for i := range len(s) {
		switch {
		case strings.IndexByte(evalSwitches, s[i]) >= 0:
			out = append(out, "-"+s[i:i+1])
		case strings.IndexByte(evalValued, s[i]) >= 0:
			out = append(out, "-"+s[i:i+1])
			if rest := s[i+1:]; rest != "" {
				out = append(out, rest)
			}
			return out
		default:
			return nil
		}
	}
	return out
}

func (e *evalCommand) run(ctx context.Context, args []string) int {
	qrels, runs, code := e.prepare(args)
	if code != exitDone {
		return code
	}
	result, code := e.evaluate(ctx, qrels, runs)
	if code != exitDone {
		return code
	}
	return e.print(result)
}

// usage says what is wrong with the command line.
func (e *evalCommand) usage(format string, args ...any) int {
	return e.usageError("eval", format, args...)
}

// prepare checks everything that can be checked without reading the files.
func (e *evalCommand) prepare(args []string) (qrels string, runs []string, code int) {
	switch {
	case len(args) == 0:
		return "", nil, e.usage("xlrun eval wants a file of judgments and at least one run")
	case len(args) == 1:
		return "", nil, e.usage("xlrun eval wants a file of judgments and at least one run, got only %s", args[0])
	}
	qrels, runs = args[0], args[1:2]
	for _, arg := range args[2:] {
		_, err := os.Stat(arg)
		_, notMeasure := ir.ParseMeasures(arg)
		switch {
		case arg == "-":
			runs = append(runs, arg)
		case err == nil && notMeasure == nil && filepath.Base(arg) == arg:
			return "", nil, e.usage("%q is a measure, and there is a file of that name: write ./%s for the file or -m %s for the measure", arg, arg, arg)
		case err == nil:
			runs = append(runs, arg)
		case looksLikePath(arg):
			return "", nil, e.fileError(err, arg)
		default:
			e.asked = append(e.asked, strings.Fields(arg)...)
		}
	}
	if a, ok := strings.CutPrefix(e.format, "tsv"); ok && a == "" {
		e.format = "ir_measures" // its name for its lines
	}
	if e.json {
		if e.format != "" && e.format != "json" {
			return "", nil, e.usage("-json and -format %s contradict each other", e.format)
		}
		e.format = "json"
	}
	formats := []string{"table", "trec", "ir_measures", "csv", "json"}
	switch {
	case e.format != "" && !slices.Contains(formats, e.format):
		return "", nil, e.usage("there is no format %q; want %s%s", e.format, strings.Join(formats, ", "), sdk.DidYouMean(e.format, formats))
	case e.relFormat != "qrels":
		return "", nil, e.usage("judgments of the format %q are not supported: of trec_eval's formats xlrun eval reads qrels, and has no preference measures", e.relFormat)
	case e.runFormat != "trec_results":
		return "", nil, e.usage("runs of the format %q are not supported; trec_eval's format is trec_results, and others are recognised by their content without -T", e.runFormat)
	case e.noSummary && !e.byQuery:
		return "", nil, e.usage("-n leaves nothing to print; add -q for the values of each query")
	case e.places < 0 || e.places > 17:
		return "", nil, e.usage("-p wants between 0 and 17 decimals; -format csv and -json have them all")
	case (e.out == "tsv" || e.out == "jsonl") && !exists(e.out):
		return "", nil, e.usage("-o names a file here; for what ir_measures calls -o %s write -format %s", e.out, map[string]string{"tsv": "ir_measures", "jsonl": "json"}[e.out])
	}
	if e.format == "ir_measures" {
		e.complete = true // it has no other way
	}
	files := append([]string{qrels}, runs...)
	for i, f := range files {
		for _, g := range files[:i] {
			switch same, stdin := sameFile(f, g); {
			case stdin:
				return "", nil, e.usage("standard input can be read once only: - is given twice")
			case same && f == g:
				return "", nil, e.usage("the file %s is given twice", f)
			case same:
				return "", nil, e.usage("%s and %s are the same file", g, f)
			}
		}
	}
	for _, f := range files {
		if f == "-" {
			continue
		}
		info, err := os.Stat(f)
		if err != nil {
			if _, bad := ir.ParseMeasures(f); bad == nil && f != qrels {
				return "", nil, e.usage("%s is a measure, but no run was given: write xlrun eval QRELS RUN %s", f, f)
			}
			return "", nil, e.fileError(err, f)
		}
		if info.IsDir() {
			return "", nil, e.fail(fmt.Errorf("%s is a directory; xlrun eval wants a file", f), "")
		}
	}
	if code := e.parseMeasures(); code != exitDone {
		return "", nil, code
	}
	if e.zscores != "" {
		var err error
		if e.deviant, err = loadZScores(e.zscores); err != nil {
			return "", nil, e.fileError(err, e.zscores)
		}
	}
	return qrels, runs, exitDone
}

// fail says why nothing was started.
func (e *evalCommand) fail(err error, hint string) int {
	e.ui.Error(err, hint)
	return exitUsage
}

// fileError says that a file cannot be opened.
func (e *evalCommand) fileError(err error, name string) int {
	if errors.Is(err, fs.ErrNotExist) {
		return e.fail(fmt.Errorf("there is no file %s", name), nearFile(name))
	}
	return e.fail(err, "")
}

// nearFile says which file of the same directory may have been meant: the same
// with or without compression, or one of almost the same name.
func nearFile(name string) string {
	for _, end := range []string{".gz", ".zst"} {
		if exists(name + end) {
			return fmt.Sprintf("did you mean %s?", name+end)
		}
		if cut, ok := strings.CutSuffix(name, end); ok && exists(cut) {
			return fmt.Sprintf("did you mean %s?", cut)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return ""
	}
	var names []string
	for _, d := range entries {
		if !d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return strings.TrimSpace(sdk.DidYouMean(filepath.Base(name), names))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// sameFile tells whether two arguments are one file, or both standard input.
func sameFile(a, b string) (same, stdin bool) {
	if a == "-" || b == "-" {
		return a == b, a == b
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y), false
}

// looksLikePath tells what is no measure but a file that is not there.
func looksLikePath(arg string) bool {
	if strings.ContainsAny(arg, `/\`) {
		return true
	}
	ext := strings.ToLower(filepath.Ext(arg))
	return slices.Contains([]string{".txt", ".run", ".trec", ".res", ".results", ".qrels", ".tsv", ".json", ".jsonl", ".parquet", ".gz", ".zst", ".dat", ".out", ".eval"}, ext)
}

// parseMeasures reads what was asked for, without repetitions, and settles the
// order and the names in which measures are printed.
func (e *evalCommand) parseMeasures() int {
	asked := e.asked
	if len(asked) == 0 {
		asked = []string{"official"}
	}
	// Of a family that is named with parameters, trec_eval gives those only,
	// though a nickname or another -m asks for all of it.
	special := map[int]bool{}
	for _, text := range asked {
		if name, _, ok := strings.Cut(text, "."); ok {
			if f, ok := trecFamily(name); ok {
				special[f] = true
			}
		}
	}
	trecOnly := true
	e.wholesale = true
	seen := map[ir.Measure]bool{}
	for _, text := range asked {
		if why, ok := outOfScope[strings.ToLower(text)]; ok {
			return e.usage("measure %q: %s", text, why)
		}
		ms, err := ir.ParseMeasures(text)
		if err != nil {
			return e.usage("%v", err)
		}
		_, isFamily := trecFamily(text)
		whole := isFamily || slices.Contains(nicknames, text)
		e.wholesale = e.wholesale && whole
		for _, m := range ms {
			if f, _ := trecPlace(m.TrecName()); whole && special[f] {
				continue
			}
			c, spelled := column(m), m.String()
			if m.Rel() == 1 {
				m = m.WithRel(e.level)
				c.Name = m.String()
			}
			if seen[m] {
				continue
			}
			seen[m] = true
			// What is spelled as ir_measures spells it is printed so, all else
			// as trec_eval does.
			if text == spelled || strings.ContainsAny(text, "@(") {
				c.Label = spelled
				trecOnly = trecOnly && spelled == c.Trec
			}
			e.measures, e.columns = append(e.measures, m), append(e.columns, c)
		}
	}
	if e.format == "trec" || e.format == "" && trecOnly {
		e.trecOrder()
	}
	return exitDone
}

// outOfScope are measures of trec_eval that need other judgments than grades.
var outOfScope = map[string]string{
	"prefs":     "preference judgments are not supported",
	"all_prefs": "preference judgments are not supported",
	"qrels_jg":  "judgments in groups are not supported",
}

// column describes a measure for printing.
func column(m ir.Measure) terminal.EvalMeasure {
	c := terminal.EvalMeasure{Name: m.String(), Trec: m.TrecName(), Aggregate: "mean", Queries: true, All: true}
	c.Label = cmp.Or(c.Trec, c.Name)
	switch m.Aggregate() {
	case ir.Sum:
		c.Aggregate, c.Count = "sum", true
		c.TrecAll = c.Trec == "num_q"
	case ir.GeometricMean:
		c.Aggregate, c.TrecAll = "geometric mean", true
	case ir.Text:
		c.Aggregate, c.Text = "none", true
		c.Queries = c.Trec != "runid" // the only one that every query has alike
		c.All = !c.Queries
	}
	return c
}

// trecFamilies are trec_eval's measures in the order in which it prints them.
var trecFamilies = strings.Fields(`runid num_q num_ret num_rel num_rel_ret map gm_map Rprec bpref recip_rank iprec_at_recall P relstring
	recall infAP gm_bpref Rprec_mult utility 11pt_avg binG G dcg ideal_dcg ndcg ndcg_rel Rndcg ndcg_cut map_cut relative_P success set_P
	set_relative_P set_recall set_map set_F num_nonrel_judged_ret yaap rbp rbp_resid unj`)

// nicknames are trec_eval's for sets of families.
var nicknames = []string{"official", "all_trec", "set"}

// trecFamily finds a family of trec_eval by its very name.
func trecFamily(name string) (place int, ok bool) {
	place = slices.Index(trecFamilies, name)
	return place, place >= 0
}

// trecPlace finds a measure's place in that order: its family's and its
// parameter's.
func trecPlace(name string) (family int, parameter float64) {
	family = len(trecFamilies)
	longest := 0
	for i, f := range trecFamilies {
		rest, ok := strings.CutPrefix(name, f)
		if !ok || len(f) <= longest || rest != "" && rest[0] != '_' {
			continue
		}
		family, longest = i, len(f)
		parameter, _ = strconv.ParseFloat(strings.TrimPrefix(rest, "_"), 64) // 0 where it is no number
	}
	return family, parameter
}

// trecOrder sorts measures as trec_eval prints them: by its list of measures,
// then by cutoff. Those that it lacks come last, as asked for.
func (e *evalCommand) trecOrder() {
	order := make([]int, len(e.columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		fa, pa := trecPlace(e.columns[a].Trec)
		fb, pb := trecPlace(e.columns[b].Trec)
		return cmp.Or(cmp.Compare(fa, fb), cmp.Compare(pa, pb))
	})
	ms, cs := slices.Clone(e.measures), slices.Clone(e.columns)
	for to, from := range order {
		e.measures[to], e.columns[to] = ms[from], cs[from]
	}
}

// evaluate reads the files and evaluates every run.
func (e *evalCommand) evaluate(ctx context.Context, qrelsFile string, runFiles []string) (*terminal.Evaluation, int) {
	// Little is kept and much passes by: rarer collections save a tenth of the
	// time, and the limit keeps their price in memory down.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(400 << 20))
	ev := &ir.Evaluator{Measures: e.measures, Ties: e.ties, Depth: e.depth, RetrievedOnly: !e.complete, JudgedOnly: e.judgedOnly, Documents: e.documents, Workers: e.workers}
	var findings []ir.Finding
	qrels, err := await(ctx, func() (q ir.Qrels, err error) {
		q, findings, err = irfile.LoadQrels(qrelsFile)
		return q, err
	})
	if err != nil {
		return nil, e.fileFault(ctx, err, qrelsFile, runFiles)
	}
	out := &terminal.Evaluation{
		Measures: e.columns, ByQuery: e.byQuery, Summary: !e.noSummary, Places: e.places, ZScores: e.deviant != nil,
		Qrels: terminal.EvalQrels{File: qrelsFile, Queries: len(qrels)},
		Settings: terminal.EvalSettings{
			Ties: e.ties.String(), Average: "retrieved", Level: e.level, Depth: e.depth, JudgedOnly: e.judgedOnly, Documents: e.documents, ZScores: e.zscores,
		},
	}
	if e.complete {
		out.Settings.Average = "judged"
	}
	for _, judged := range qrels {
		out.Qrels.Judgments += len(judged)
		for _, grade := range judged {
			if grade >= e.level {
				out.Qrels.Relevant++
			}
		}
	}
	for i, file := range runFiles {
		meter := e.ui.Meter(file)
		res, err := await(ctx, func() (*ir.RunResult, error) {
			src, err := irfile.Open(file)
			if err != nil {
				return nil, err
			}
			src.Progress = meter.Set
			return ev.Stream(ctx, qrels, src)
		})
		meter.Close()
		if err != nil {
			return nil, e.fileFault(ctx, err, qrelsFile, runFiles)
		}
		if i > 0 {
			findings = nil // those of the judgments were said with the first run
		}
		r := e.outcome(file, res, append(findings, res.Findings...))
		out.Runs = append(out.Runs, r)
	}
	return out, e.warn(out)
}

// await calls f and returns what it returns, or the error of ctx as soon as
// that ends: a pipe may have nothing to read for long, and Ctrl-C does not wait
// for it.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type returned struct {
		value T
		err   error
	}
	done := make(chan returned, 1)
	go func() {
		v, err := f()
		done <- returned{v, err}
	}()
	select {
	case <-ctx.Done():
		// What can end does, and takes its temporary files away.
		select {
		case <-done:
		case <-time.After(time.Second):
		}
		var none T
		return none, ctx.Err()
	case r := <-done:
		return r.value, r.err
	}
}

// outcome turns a result into what is printed of it.
func (e *evalCommand) outcome(file string, res *ir.RunResult, findings []ir.Finding) terminal.EvalRun {
	r := terminal.EvalRun{
		File: file, Tag: res.Tag, TiedQueries: res.TiedQueries, TieDependent: res.TieDependent,
		Missing: idStrings(res.Missing), Unjudged: idStrings(res.Unjudged),
	}
	r.Queries = make([]terminal.EvalQuery, len(res.Queries))
	for i, id := range res.Queries {
		r.Queries[i].ID = string(id)
		if !e.byQuery && e.deviant == nil {
			continue // nobody looks at the values
		}
		q := &res.PerQuery[i]
		values := make([]terminal.EvalValue, len(e.measures))
		for k := range values {
			values[k].Number = q.Values[k]
			if q.Texts != nil {
				values[k].Text = q.Texts[k]
			}
		}
		r.Queries[i].Values = values
	}
	r.All = make([]terminal.EvalValue, len(e.measures))
	for k := range r.All {
		r.All[k].Number = res.Means[k]
		if e.columns[k].Text && e.columns[k].All {
			r.All[k].Text = res.Tag
		}
	}
	if e.deviant != nil {
		e.deviant.apply(&r, e.measures, e.columns)
	}
	for _, f := range findings {
		if f.Kind == "shallow-run" && e.wholesale {
			continue // nobody asked for P_1000: it is one of a set
		}
		r.Findings = append(r.Findings, terminal.EvalFinding{Kind: f.Kind, Severity: f.Severity.String(), Count: f.Count, File: f.File, Line: f.Line, Text: f.Text})
	}
	return r
}

func idStrings(ids []ir.QueryID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// warn says on standard error what is to be known of the files.
func (e *evalCommand) warn(out *terminal.Evaluation) int {
	warnings := 0
	for i := range out.Runs {
		r := &out.Runs[i]
		for _, f := range r.Findings {
			if f.Kind == "missing-query" {
				continue // said below, with what it means
			}
			warnings++
			where := f.File
			if f.Line > 0 {
				where += ":" + strconv.Itoa(f.Line)
			}
			times := ""
			if f.Count > 1 {
				times = fmt.Sprintf(" (%d times)", f.Count)
			}
			e.ui.Warning(fmt.Sprintf("%s: %s%s [%s]", where, f.Text, times, f.Kind))
		}
		if n := len(r.Missing); n > 0 {
			warnings++
			text, hint := "they do not count, as in trec_eval 9", "-c counts them with empty rankings; trec_eval 10 stops here"
			if e.complete {
				text, hint = "they count with empty rankings", ""
			}
			e.ui.Warning(fmt.Sprintf("%s: %d of %d judged queries are not in the run, such as %q; %s [missing-query]", r.File, n, out.Qrels.Queries, r.Missing[0], text), hint)
		}
	}
	if e.strict && warnings > 0 {
		e.ui.Error(fmt.Errorf("there are %d warnings, and -strict takes them for errors: nothing is printed", warnings))
		return exitFailed
	}
	return exitDone
}

// fileFault says what is wrong with a file, and recognises files that were
// given in the wrong order.
func (e *evalCommand) fileFault(ctx context.Context, err error, qrels string, runs []string) int {
	if ctx.Err() != nil {
		e.ui.Error(errors.New("interrupted; nothing was printed"))
		return exitInterrupted
	}
	if fields(qrels) >= 6 && fields(runs[0]) == 4 {
		return e.fail(fmt.Errorf("%s looks like a run and %s like judgments: the judgments come first", qrels, runs[0]), fmt.Sprintf("xlrun eval %s %s", runs[0], qrels))
	}
	var bad *ir.ReadError
	if errors.As(err, &bad) && len(bad.Faults) > mostFaults {
		short := *bad
		short.Faults, short.More = bad.Faults[:mostFaults], bad.More+len(bad.Faults)-mostFaults
		err = &short
	}
	e.ui.Error(err)
	return exitFailed
}

// mostFaults is how many mistakes of a file are listed. One mistake of the
// program that wrote it makes thousands.
const mostFaults = 8

// fields counts the fields in the first line with content; 0 where there is
// none to be seen.
func fields(file string) int {
	if file == "-" {
		return 0
	}
	r, err := irfile.Decompress(file)
	if err != nil {
		return 0
	}
	defer r.Close() //nolint:errcheck // nothing was written
	in := bufio.NewScanner(r)
	for in.Scan() {
		if f := strings.Fields(in.Text()); len(f) > 0 && f[0][0] != '#' {
			return len(f)
		}
	}
	return 0
}

// print writes the outcome in the format that was asked for.
func (e *evalCommand) print(out *terminal.Evaluation) int {
	if e.format == "table" && e.out == "" || e.format == "" && e.out == "" && e.ui.Looks() {
		e.ui.Evaluation(out)
		return exitDone
	}
	var b bytes.Buffer
	var err error
	switch e.format {
	case "json":
		err = out.WriteJSON(&b)
	case "csv":
		err = out.WriteCSV(&b)
	case "ir_measures":
		err = out.WriteIRMeasures(&b)
	case "trec":
		err = out.WriteTrec(&b, func(m terminal.EvalMeasure) string { return cmp.Or(m.Trec, m.Name) })
	case "table":
		b.WriteString(e.ui.EvaluationText(out))
	default:
		err = out.WriteTrec(&b, func(m terminal.EvalMeasure) string { return m.Label })
	}
	switch {
	case err != nil:
	case e.out != "":
		err = os.WriteFile(e.out, b.Bytes(), 0o644)
	default:
		_, err = e.stdout.Write(b.Bytes())
		if errors.Is(err, syscall.EPIPE) {
			err = nil // the reader has seen enough
		}
	}
	if err != nil {
		e.ui.Error(fmt.Errorf("write the values: %w", err))
		return exitFailed
	}
	return exitDone
}
