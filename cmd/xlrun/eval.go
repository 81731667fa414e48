package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	rewrite: shortOptions, foreign: map[string]string{
		"D": "trec_eval's -D is for debugging trec_eval; -q prints the values of each query", "Debug_level": "that is for debugging trec_eval; -q prints the values of each query",
		"v": "xlrun version prints the version", "version": "xlrun version prints the version",
		"Output_old_results_format": "trec_eval has given its old format up, too; leave the option out",
		"provider":                  "there are no providers here: every measure sees one ranking; leave the option out",
	},
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		e := &evalCommand{app: a, places: 4, level: 1}
		fs.Func("m", "a `measure`, or several of one family (P.5,10) or set (official, set, all_trec); may be repeated; help lists them all", func(s string) error {
			e.asked = append(e.asked, s)
			return nil
		})
		fs.BoolVar(&e.byQuery, "q", false, "also print the values of each query")
		fs.BoolVar(&e.noSummary, "n", false, "no values over all queries (with -q)")
		fs.BoolVar(&e.complete, "c", false, "count every judged query: those that the run lacks have an empty ranking")
		fs.Func("l", "the smallest `grade` that is relevant, for measures that name none (default 1)", whole(&e.level, 1))
		fs.Func("M", "evaluate only the first `n` hits of each query (default: all)", whole(&e.depth, 1))
		fs.BoolVar(&e.judgedOnly, "J", false, "take documents without a judgment out of the rankings first")
		fs.Func("N", "the `number` of documents in the collection, for utility with a fourth coefficient", whole(&e.documents, 1))
		fs.Func("ties", "order of equal scores, a `mode`: trec10 (default), trec9 (32-bit scores), rank (the rank column decides), expected (mean over all orders)", func(s string) (err error) {
			e.ties, err = ir.ParseTies(s)
			return err
		})
		fs.StringVar(&e.zscores, "Z", "", "print standard scores by the means and deviations in `file` (lines of query, measure, mean, deviation)")
		fs.StringVar(&e.relFormat, "R", "qrels", "trec_eval's `format` of judgments: qrels")
		fs.StringVar(&e.runFormat, "T", "trec_results", "trec_eval's `format` of runs: trec_results")
		fs.StringVar(&e.format, "format", "", "a `format`: table, trec (trec_eval's lines), ir_measures or jsonl (its command's tsv and jsonl), csv or json; default: by the ending of -o (.csv, .json, .jsonl), table on a terminal, else lines as trec_eval's with the names that were asked for")
		fs.BoolVar(&a.json, "json", false, "the same as -format json")
		fs.Func("p", "`decimals` in text, from 0 to 17 (default 4); csv and json have them all", whole(&e.places, 0))
		fs.Func("j", "`queries` evaluated at once (default 0: one per processor)", whole(&e.workers, 0))
		fs.StringVar(&e.out, "o", "", "write to `file` instead of standard output; never to one of the inputs")
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

func (e *evalCommand) run(ctx context.Context, args []string) int {
	if slices.Contains(e.asked, "help") {
		return e.listMeasures()
	}
	qrels, runs, code := e.prepare(args)
	if code != exitDone {
		return code
	}
	result, code := e.evaluate(ctx, qrels, runs)
	if code != exitDone {
		return code
	}
	if !e.byQuery && !slices.ContainsFunc(e.measures, func(m ir.Measure) bool { return m.Name() != "relstring" }) {
		e.ui.Warning("relstring has a text for each query and none over all, so there is nothing to print; add -q")
	}
	return e.print(result)
}

// listMeasures prints every measure and what it means.
func (e *evalCommand) listMeasures() int {
	for name, doc := range ir.Families() {
		for i, line := range folded(doc, 80-25) {
			if i > 0 {
				name = ""
			}
			if _, err := fmt.Fprintf(e.stdout, "%-24s %s\n", name, line); err != nil {
				return e.fail(err, "")
			}
		}
	}
	return exitDone
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
		if e.out != "" && exists(e.out) {
			return "", nil, e.fail(fmt.Errorf("xlrun eval wants a file of judgments and at least one run, got only %s", args[0]), "-o names the file to write to; trec_eval's -o, without a file, does nothing and can be left out")
		}
		return "", nil, e.usage("xlrun eval wants a file of judgments and at least one run, got only %s", args[0])
	}
	if err := noneEmpty(args); err != nil {
		return "", nil, e.refuse(err)
	}
	more, measures, err := filesAndMeasures("eval", args[2:])
	if err != nil {
		return "", nil, e.refuse(err)
	}
	qrels, runs = args[0], append(args[1:2:2], more...)
	e.asked = append(e.asked, measures...)
	if a, ok := strings.CutPrefix(e.format, "tsv"); ok && a == "" {
		e.format = "ir_measures" // its name for its lines
	}
	if e.json {
		if e.format != "" && e.format != "json" {
			return "", nil, e.usage("-json and -format %s contradict each other", e.format)
		}
		e.format = "json"
	}
	if e.format == "" {
		e.format = map[string]string{".json": "json", ".jsonl": "jsonl", ".csv": "csv"}[filepath.Ext(e.out)]
	}
	formats := []string{"table", "trec", "ir_measures", "jsonl", "csv", "json"}
	switch {
	case e.format != "" && !slices.Contains(formats, e.format):
		return "", nil, e.usage("there is no format %q; want %s%s", e.format, strings.Join(formats, ", "), sdk.DidYouMean(e.format, formats))
	case e.relFormat != "qrels":
		return "", nil, e.usage("judgments of the format %q are not supported: of trec_eval's formats xlrun eval reads qrels, and has no preference measures", e.relFormat)
	case e.runFormat != "trec_results":
		return "", nil, e.usage("runs of the format %q are not supported; trec_eval's format is trec_results, and others are recognised by their content without -T", e.runFormat)
	case e.noSummary && !e.byQuery:
		return "", nil, e.usage("-n leaves nothing to print; add -q for the values of each query")
	case e.places > 17:
		return "", nil, e.usage("-p: want a whole number from 0 to 17, got %d; -format csv and -json have all decimals", e.places)
	case (e.out == "tsv" || e.out == "jsonl") && !exists(e.out):
		return "", nil, e.usage("-o names a file here; for what ir_measures calls -o %s write -format %s", e.out, map[string]string{"tsv": "ir_measures", "jsonl": "jsonl"}[e.out])
	}
	if e.asIRMeasures() {
		e.complete = true // it has no other way
	}
	files := append([]string{qrels}, runs...)
	inputs := files
	if e.zscores != "" {
		inputs = append(files[:len(files):len(files)], e.zscores)
	}
	if err := outputFile(e.out, inputs...); err != nil {
		return "", nil, e.refuse(err)
	}
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
		if _, err := os.Stat(f); err != nil && f != "-" && f != qrels {
			if _, bad := ir.ParseMeasures(f); bad == nil {
				return "", nil, e.usage("%s is a measure, but no run was given: write xlrun eval QRELS RUN %s", f, f)
			}
		}
		if err := isFile("eval", f); err != nil {
			return "", nil, e.refuse(err)
		}
	}
	if code := e.parseMeasures(); code != exitDone {
		return "", nil, code
	}
	if e.zscores != "" {
		var err error
		if e.deviant, err = loadZScores(e.zscores); err != nil {
			return "", nil, e.refuse(noFile(err, e.zscores))
		}
	}
	return qrels, runs, exitDone
}

// fail says why nothing was started.
func (e *evalCommand) fail(err error, hint string) int {
	e.ui.Error(err, hint)
	return exitUsage
}

// refuse says what is wrong with the command line, or a file that it names.
func (e *evalCommand) refuse(err error) int {
	var bad *commandError
	if errors.As(err, &bad) {
		e.ui.Error(bad.err, bad.hints...)
		return exitUsage
	}
	return e.fail(err, "")
}

// parseMeasures reads what was asked for, without repetitions, and settles the
// order and the names in which measures are printed.
func (e *evalCommand) parseMeasures() int {
	var asked []string
	for _, text := range e.asked {
		asked = append(asked, ir.SplitMeasures(text)...)
	}
	if len(asked) == 0 {
		asked = []string{"official"}
	}
	// Of a family that is named with parameters, trec_eval gives those only,
	// though a nickname or another -m asks for all of it.
	special := map[string]bool{}
	for _, word := range asked {
		if family, _ := ir.TrecFamily(word); family != "" && strings.Contains(word, ".") {
			special[family] = true
		}
	}
	trecOnly := true
	e.wholesale = true
	seen := map[ir.Measure]bool{}
	for _, word := range asked {
		ms, err := parseWord(word, e.level, e.documents)
		if err != nil {
			return e.refuse(err)
		}
		_, whole := ir.TrecFamily(word)
		e.wholesale = e.wholesale && whole
		for _, m := range ms {
			if family, _ := ir.TrecFamily(m.TrecName()); seen[m] || whole && special[family] {
				continue
			}
			seen[m] = true
			typed := m // as the word says it
			if m.Rel() > 0 && !namesLevel(word) {
				typed = m.WithRel(1)
			}
			c := column(typed)
			c.Name = m.String()
			if name, ok := trecSpelling(word); ok {
				c.Trec, c.Label = name, name
			}
			if m.Rel() > 0 && m.Rel() != e.level { // trec_eval has one level for all measures
				c.Trec, c.Label = "", c.Name
			}
			// What is spelled as ir_measures spells it is printed so, all else
			// as trec_eval does.
			if spelled := typed.String(); word == spelled || strings.ContainsAny(word, "@(") {
				c.Label = spelled
				trecOnly = trecOnly && spelled == c.Trec
			}
			e.measures, e.columns = append(e.measures, m), append(e.columns, c)
		}
	}
	// P(rel=1)@1 and P@1 with -l2 are two, which their names must tell.
	labels := map[string]int{}
	for _, c := range e.columns {
		labels[c.Label]++
	}
	for i := range e.columns {
		if c := &e.columns[i]; labels[c.Label] > 1 {
			c.Label = c.Name
		}
	}
	if e.format == "trec" || e.format == "" && trecOnly {
		e.trecOrder()
	}
	return exitDone
}

// trecSpelling is what trec_eval calls one of the two measures whose name holds
// the parameter as it was typed, also where it is the default: set_F.1.0 is
// set_F_1.0, though it is set_F.
func trecSpelling(text string) (string, bool) {
	family, parameter, ok := strings.Cut(text, ".")
	return family + "_" + parameter, ok && (family == "set_F" || family == "ndcg")
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

// trecOrder sorts measures as trec_eval prints them. Those that it lacks come
// last, as asked for.
func (e *evalCommand) trecOrder() {
	order := make([]int, len(e.columns))
	for i := range order {
		order[i] = i
	}
	lacks := func(i int) int { return map[bool]int{true: 1}[e.columns[i].Trec == ""] }
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(lacks(a)-lacks(b), (1-lacks(a))*ir.CompareTrec(e.measures[a], e.measures[b]))
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
	defer spareMemory(400 << 20)()
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
			src, err := irfile.OpenRun(file)
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
		if !e.byQuery && e.deviant == nil && !e.asIRMeasures() {
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
	if e.asIRMeasures() {
		e.leaveOutMissing(&r)
	}
	if e.deviant != nil {
		e.deviant.apply(&r, e.measures, e.columns)
	}
	for _, f := range findings {
		if f.Kind == ir.KindShallowRun && e.wholesale {
			continue // nobody asked for P_1000: it is one of a set
		}
		r.Findings = append(r.Findings, terminal.EvalFinding{Kind: f.Kind, Severity: f.Severity.String(), Count: f.Count, File: f.File, Line: f.Line, Text: f.Text})
	}
	return r
}

// asIRMeasures tells whether the lines of the command ir_measures were asked for.
func (e *evalCommand) asIRMeasures() bool { return e.format == "ir_measures" || e.format == "jsonl" }

// leaveOutMissing counts, as ir_measures does, only queries that the run has:
// NumQ and NumRel are 0 for those that it lacks, although these have judgments.
func (e *evalCommand) leaveOutMissing(r *terminal.EvalRun) {
	if len(r.Missing) == 0 {
		return
	}
	for k, m := range e.measures {
		if name := m.Name(); name != "NumQ" && name != "NumRel" {
			continue
		}
		r.All[k].Number = 0
		for _, q := range r.Queries {
			if _, missing := slices.BinarySearch(r.Missing, q.ID); missing {
				q.Values[k].Number = 0
			}
			r.All[k].Number += q.Values[k].Number
		}
	}
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
	if e.level > 1 && out.Qrels.Relevant == 0 {
		warnings++
		e.ui.Warning(fmt.Sprintf("%s: no judgment has a grade of %d or more, so with -l %d nothing is relevant [level]", out.Qrels.File, e.level, e.level))
	}
	for i := range out.Runs {
		r := &out.Runs[i]
		for _, f := range r.Findings {
			if f.Kind == ir.KindMissingQuery {
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
		e.ui.Error(fmt.Errorf("-strict makes an error of a warning, and there %s: nothing is printed", map[bool]string{true: "is one", false: fmt.Sprintf("are %d", warnings)}[warnings == 1]))
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
	if looksLike(qrels) == "run" && looksLike(runs[0]) == "qrels" {
		return e.fail(fmt.Errorf("%s looks like a run and %s like judgments: the judgments come first", qrels, runs[0]), fmt.Sprintf("xlrun eval %s %s", runs[0], qrels))
	}
	var bad *ir.ReadError
	if errors.As(err, &bad) && len(bad.Faults) > mostFaults {
		short := *bad
		short.Faults, short.More = bad.Faults[:mostFaults], bad.More+len(bad.Faults)-mostFaults
		err = &short
	}
	e.ui.Error(err, expectedHint(e.ties, err))
	return exitFailed
}

// mostFaults is how many mistakes of a file are listed. One mistake of the
// program that wrote it makes thousands.
const mostFaults = 8

// print writes the outcome in the format that was asked for.
func (e *evalCommand) print(out *terminal.Evaluation) int {
	toStdout := e.out == "" || e.out == "-"
	if toStdout && (e.format == "table" || e.format == "" && e.ui.Looks()) {
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
	case "jsonl":
		err = out.WriteIRMeasuresJSON(&b)
	case "trec":
		err = out.WriteTrec(&b, func(m terminal.EvalMeasure) string { return cmp.Or(m.Trec, m.Name) })
	case "table":
		b.WriteString(e.ui.EvaluationText(out))
	default:
		err = out.WriteTrec(&b, func(m terminal.EvalMeasure) string { return m.Label })
	}
	if err == nil {
		err = e.output(e.out, b.Bytes())
	}
	if err != nil {
		e.ui.Error(fmt.Errorf("write the values: %w", err))
		return exitFailed
	}
	return exitDone
}
