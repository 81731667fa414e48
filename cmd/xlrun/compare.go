package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/stats"
	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

var compareVerb = &verb{
	name: "compare", args: "QRELS RUN_A RUN_B [RUN…] [MEASURE…]", short: "say which of some runs differ, and by how much",
	long: `Compares runs query by query: paired t-tests with a permutation test as a check,
corrected for their number, effect sizes, and the sets of runs that cannot be
told apart. QRELS may stand first or be given with -qrels.

All judged queries count, also those that a run lacks: it found nothing there.
A measure is one of ir_measures or trec_eval, such as nDCG@10 or ndcg_cut_10,
named with -m or after the files; the default is nDCG@10. -groups FILE has lines
of a query and its group, such as its language, and repeats the tests within
each group.

Files and the options -m -l -M -J -N -c -q -ties -j -o are those of xlrun eval and
may be typed as there, attached or not.`,
	rewrite: shortOptions,
	foreign: map[string]string{
		"n": "there are no values over all queries to leave out; xlrun eval has -n",
		"p": "the table has four decimals; -format csv and -format json have all", "Z": "standard scores change no comparison of one query with itself; xlrun eval has -Z",
		"R": "what a file is in is seen from its content; leave -R out", "T": "what a file is in is seen from its content; leave -T out",
		"strict": "what is odd about the files stands among the warnings of the comparison; xlrun eval -strict makes errors of it",
		"D":      "xlrun eval -q prints the values of each query", "v": "xlrun version prints the version",
	},
	setup: func(a *app, fl *flag.FlagSet) func(context.Context, []string) int {
		c := &comparer{a: a, relevance: 1}
		fl.StringVar(&c.qrels, "qrels", "", "read the judgments from `file`; else they stand first")
		fl.Func("m", "compare by this `measure`, several of one family (P.5,10) or a set (official); may be repeated (default nDCG@10)", func(v string) error {
			c.measures = append(c.measures, v)
			return nil
		})
		fl.StringVar(&c.baseline, "baseline", "", "compare every run with this `run` only, not with one another")
		fl.StringVar(&c.ties, "ties", ir.Trec10.String(), "order of equal scores, a `mode`: trec10, trec9, rank or expected")
		fl.Float64Var(&c.level, "level", 0.95, "level of the intervals, a `number` between 0.5 and 1; what it leaves is what corrected p values are held against")
		fl.StringVar(&c.correction, "correction", analysis.CorrectHolm, "correct p for the number of tests by this `method`: holm, bh, by or none")
		fl.IntVar(&c.draws, "permutations", stats.SignFlips, "`number` of random draws of the permutation test")
		fl.Uint64Var(&c.seed, "seed", 1, "`number` that these draws depend on")
		fl.StringVar(&c.groups, "groups", "", "also test within groups of queries, such as languages: a `file` of two columns, query and group")
		fl.BoolVar(&c.byQuery, "q", false, "also name the queries on which runs differ most; in CSV and JSON the values of each query, side by side")
		fl.BoolVar(&c.agreement, "agreement", false, "also say how alike the rankings are, and the orders of the runs by each measure")
		fl.Func("l", "the smallest `grade` that is relevant, for measures that name none (default 1)", whole(&c.relevance, 1))
		fl.Func("M", "evaluate only the first `n` hits of each query (default: all)", whole(&c.depth, 1))
		fl.BoolVar(&c.judgedOnly, "J", false, "take documents without a judgment out of the rankings first")
		fl.Func("N", "the `number` of documents in the collection, for utility with a fourth coefficient", whole(&c.documents, 1))
		fl.Func("j", "`queries` evaluated at once (default 0: one per processor)", whole(&c.workers, 0))
		fl.BoolVar(&c.all, "c", false, "count all judged queries, as a comparison always does")
		fl.StringVar(&c.format, "format", "", "a `format`: table, json, csv, latex or markdown; default: by the ending of -o (.json, .csv, .tex, .md), or table")
		fl.BoolVar(&a.json, "json", false, "the same as -format json")
		fl.StringVar(&c.out, "o", "", "write to `file` instead of standard output; never to one of the inputs")
		return c.run
	},
}

// comparer is one call of xlrun compare.
type comparer struct {
	a                                         *app
	qrels, baseline, ties, correction, groups string
	format, out                               string
	measures                                  []string
	level                                     float64
	draws, relevance, depth                   int
	documents, workers                        int
	judgedOnly, wholesale                     bool // wholesale: no measure was named by itself
	seed                                      uint64
	all, agreement, byQuery                   bool
	rule                                      ir.Ties
	parsed                                    []ir.Measure
}

var compareFormats = []string{"table", "json", "csv", "latex", "markdown"}

func (c *comparer) run(ctx context.Context, args []string) int {
	err := c.compare(ctx, args)
	var bad *commandError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled):
		c.a.ui.Error(errors.New("interrupted"))
		return exitInterrupted
	case errors.As(err, &bad):
		hints := bad.hints
		if hints == nil {
			hints = []string{helpHint("compare")}
		}
		c.a.ui.Error(bad.err, hints...)
		return exitUsage
	}
	var gone *fs.PathError
	if errors.As(err, &gone) && errors.Is(err, fs.ErrNotExist) {
		c.a.ui.Error(fmt.Errorf("there is no file %s", gone.Path), nearFile(gone.Path))
		return exitUsage
	}
	var faults *ir.ReadError
	if errors.As(err, &faults) && len(faults.Faults) > mostFaults {
		short := *faults
		short.Faults, short.More = faults.Faults[:mostFaults], faults.More+len(faults.Faults)-mostFaults
		err = &short
	}
	c.a.ui.Error(err, expectedHint(c.rule, err))
	return exitFailed
}

func (c *comparer) compare(ctx context.Context, args []string) error {
	runs, err := c.arguments(args)
	if err != nil {
		return err
	}
	if err := c.options(); err != nil {
		return err
	}
	inputs := append([]string{c.qrels}, runs...)
	if c.groups != "" {
		if err := isFile("compare", c.groups); err != nil {
			return err
		}
		inputs = append(inputs, c.groups)
	}
	if err := outputFile(c.out, inputs...); err != nil {
		return err
	}
	if err := c.files(runs); err != nil {
		return err
	}
	var findings []ir.Finding
	qrels, err := await(ctx, func() (q ir.Qrels, err error) {
		q, findings, err = irfile.LoadQrels(c.qrels)
		return q, err
	})
	if err != nil {
		return err
	}
	in, more, err := c.evaluate(ctx, qrels, runs)
	if err != nil {
		return err
	}
	for _, f := range findings {
		in.Remarks = append(in.Remarks, analysis.Remark{Kind: f.Kind, Count: f.Count, Text: f.Text})
	}
	base, err := c.findBaseline(in.Runs, more.tags)
	if err != nil {
		return err
	}
	if c.groups != "" {
		if in.Group, err = c.readGroups(in.Queries); err != nil {
			return err
		}
	}
	out, err := analysis.Compare(ctx, in, analysis.CompareOptions{
		Level: c.level, Correction: c.correction, Baseline: base, Draws: c.draws, Seed: c.seed, Ties: c.rule.String(), Queries: c.byQuery,
	})
	if err != nil {
		return err
	}
	if c.agreement {
		if err := out.Agree(ctx, in, more.rankings); err != nil {
			return err
		}
		if c.rule == ir.Expected {
			out.Notes = append(out.Notes, analysis.Note{Code: analysis.NoteTieOrder, Warning: true, Text: "agreement of rankings: a ranking has one order, and equal scores have that of -ties trec10 there."})
		}
	}
	return c.write(out)
}

// options checks what the flags say.
func (c *comparer) options() error {
	if c.a.json {
		if c.format != "" && c.format != "json" {
			return wrong("", "-json and -format=%s ask for different things", c.format)
		}
		c.format = "json"
	}
	if c.format == "" {
		c.format = map[string]string{".json": "json", ".csv": "csv", ".tex": "latex", ".md": "markdown"}[filepath.Ext(c.out)]
		if c.format == "" {
			c.format = "table"
		}
	}
	if !slices.Contains(compareFormats, c.format) {
		return wrong("", "there is no format %q; there are %s.%s", c.format, strings.Join(compareFormats, ", "), sdk.DidYouMean(c.format, compareFormats))
	}
	if !slices.Contains(analysis.Corrections(), c.correction) {
		hint := sdk.DidYouMean(c.correction, analysis.Corrections())
		if strings.EqualFold(c.correction, "bonferroni") {
			hint = " Take holm: it promises the same as Bonferroni's correction and finds everything that it finds."
		}
		return wrong("", "there is no correction %q; there are %s.%s", c.correction, strings.Join(analysis.Corrections(), ", "), hint)
	}
	switch {
	case !(c.level > 0.5 && c.level < 1):
		return wrong("", "-level wants a number between 0.5 and 1, such as 0.95, got %g", c.level)
	case c.draws < 99:
		return wrong("", "-permutations wants 99 or more, got %d: p cannot be smaller than one over them", c.draws)
	case c.byQuery && c.groups != "" && c.format == "csv":
		return wrong("-format json has both", "-q makes CSV a table of queries, in which -groups has no place")
	case c.agreement && c.format == "csv":
		return wrong("-format json, markdown, latex and table have both", "-agreement has no place in CSV, which is one table, that of the differences")
	}
	var err error
	if c.rule, err = ir.ParseTies(c.ties); err != nil {
		return wrong("", "-ties: %w", err)
	}
	if len(c.measures) == 0 {
		c.measures = []string{"nDCG@10"}
	}
	c.wholesale = true
	for _, text := range c.measures {
		for _, word := range ir.SplitMeasures(text) {
			_, whole := ir.TrecFamily(word)
			c.wholesale = c.wholesale && whole
			if err := c.measure(word); err != nil {
				return err
			}
		}
	}
	if len(c.parsed) == 0 {
		return wrong("", "-m %s: nothing of it can be compared", strings.Join(c.measures, " "))
	}
	return nil
}

// measure takes up what one word of -m asks for. Of a set, what cannot be
// compared is left out, which is said.
func (c *comparer) measure(text string) error {
	ms, err := parseWord(text, c.relevance, c.documents)
	if err != nil {
		return err
	}
	var left []string
	for _, m := range ms {
		why := ""
		switch {
		case m.Aggregate() == ir.Text:
			why = "is a text, which has no differences to compare"
		case m.Aggregate() == ir.GeometricMean:
			why = "is no mean over queries, so its paired differences say nothing about it; compare AP"
		case m.Name() == "NumQ" || m.Name() == "NumRel":
			why = "counts what is judged, which is the same for every run"
		}
		switch {
		case why != "" && len(ms) == 1:
			return wrong("", "-m: %s %s", m, why)
		case why != "":
			left = append(left, m.String())
		case !slices.Contains(c.parsed, m):
			c.parsed = append(c.parsed, m)
		}
	}
	if len(left) > 0 {
		c.a.ui.Warning(fmt.Sprintf("of %s, %s cannot be compared: texts, geometric means and counts of what is judged have no differences between runs", text, strings.Join(left, ", ")))
	}
	return nil
}

// arguments tells judgments, runs and measures apart by what is there, without
// reading it.
func (c *comparer) arguments(args []string) ([]string, error) {
	const example = "xlrun compare qrels.txt a.run b.run"
	if err := noneEmpty(args); err != nil {
		return nil, err
	}
	if c.qrels == "" {
		if len(args) == 0 {
			return nil, wrong(example, "xlrun compare wants judgments and two runs or more")
		}
		c.qrels, args = args[0], args[1:]
	}
	if err := isFile("compare", c.qrels); err != nil {
		return nil, err
	}
	runs, measures, err := filesAndMeasures("compare", args)
	if err != nil {
		return nil, err
	}
	for _, m := range measures {
		if _, err := ir.ParseMeasures(m); err != nil && !strings.ContainsAny(m, "@(.=") {
			return nil, wrong(nearFile(m), "%s is neither a file nor a measure: there is no file of that name, and %w", m, err)
		}
	}
	c.measures = append(c.measures, measures...)
	return runs, nil
}

// files checks that the files are what they are given as, and each once.
func (c *comparer) files(args []string) error {
	if looksLike(c.qrels) == "run" {
		return wrong("put the qrels first, or name them with -qrels", "%s holds a run, where judgments were expected", c.qrels)
	}
	switch len(args) {
	case 0:
		return wrong("xlrun compare qrels.txt a.run b.run", "there are no runs to compare")
	case 1:
		return wrong("xlrun eval gives the values of a single run", "one run cannot be compared: %s is the only one", args[0])
	}
	for i, path := range args {
		if err := isFile("compare", path); err != nil {
			return err
		}
		if same, stdin := sameFile(path, c.qrels); stdin {
			return wrong("", "standard input can be read once only: - is given for the judgments and for a run")
		} else if same {
			return wrong("judgments are named once, first or with -qrels", "%s holds judgments, where a run was expected", path)
		}
		for _, other := range args[:i] {
			if same, stdin := sameFile(path, other); stdin {
				return wrong("", "standard input can be read once only: - is given twice")
			} else if same {
				return wrong("a run is compared with others, never with itself", "%s is given twice%s", other, otherSpelling(other, path))
			}
		}
		if looksLike(path) == "qrels" {
			return wrong("judgments are named once, first or with -qrels", "%s holds judgments, where a run was expected", path)
		}
	}
	return nil
}

func otherSpelling(a, b string) string {
	if a == b {
		return ""
	}
	return ", also as " + b
}

// otherRules are the orders of equal scores that a verdict is tried under.
// Ranks are left out: a file may have none, or others than its scores.
var otherRules = []ir.Ties{ir.Trec10, ir.Trec9, ir.Expected}

// besides is what is known of runs beside their values.
type besides struct {
	tags     []string
	rankings [][][]string // with -agreement: documents by run and query, best first
}

// evaluate gives the values of every run. Runs are read one after another and
// not kept, except that with -agreement the rankings of all are in memory.
func (c *comparer) evaluate(ctx context.Context, qrels ir.Qrels, files []string) (analysis.CompareInput, besides, error) {
	in := analysis.CompareInput{}
	for _, m := range c.parsed {
		in.Measures = append(in.Measures, m.String())
	}
	in.Queries = idStrings(qrels.Queries())
	// The share of judged hits is not compared but tells whether to.
	judged := ir.MustMeasures("Judged@10")[0]
	var more besides
	for _, file := range files {
		src, err := await(ctx, func() (ir.Source, error) { return irfile.OpenRun(file) })
		if err != nil {
			return in, more, err
		}
		res, err := c.stream(ctx, src, qrels, append(slices.Clone(c.parsed), judged))
		if err != nil {
			return in, more, err
		}
		r := analysis.CompareRun{File: file, Values: columns(res, len(c.parsed), c.rule), Missing: idStrings(res.Missing), Unjudged: idStrings(res.Unjudged), Judged: judgedShare(res, len(c.parsed)), TieDependent: res.TieDependent[:len(c.parsed)]}
		for _, f := range res.Findings {
			if !c.saidElsewhere(f) {
				r.Remarks = append(r.Remarks, analysis.Remark{Kind: f.Kind, Count: f.Count, Text: f.Text})
			}
		}
		if slices.ContainsFunc(res.TieDependent[:len(c.parsed)], func(n int) bool { return n > 0 }) {
			for _, rule := range otherRules {
				if rule != c.rule {
					r.Other = append(r.Other, analysis.TieValues{Ties: rule.String(), Values: columns(res, len(c.parsed), rule)})
				}
			}
		}
		in.Runs = append(in.Runs, r)
		more.tags = append(more.tags, res.Tag)
		if c.agreement {
			lists, err := await(ctx, func() ([][]string, error) {
				run, _, err := src.Run()
				return c.lists(qrels, run), err
			})
			if err != nil {
				return in, more, err
			}
			more.rankings = append(more.rankings, lists)
		}
	}
	for i, name := range runNames(more.tags, files) {
		in.Runs[i].Name = name
	}
	return in, more, nil
}

// stream evaluates one run. All judged queries count.
func (c *comparer) stream(ctx context.Context, src ir.Source, qrels ir.Qrels, measures []ir.Measure) (*ir.RunResult, error) {
	meter := c.a.ui.Meter(filepath.Base(src.Name))
	defer meter.Close()
	src.Progress = meter.Set
	ev := &ir.Evaluator{Measures: measures, Ties: c.rule, Depth: c.depth, JudgedOnly: c.judgedOnly, Documents: c.documents, Workers: c.workers, Others: true}
	return await(ctx, func() (*ir.RunResult, error) { return ev.Stream(ctx, qrels, src) })
}

// saidElsewhere tells whether the comparison itself says what a finding says,
// or nobody asked.
func (c *comparer) saidElsewhere(f ir.Finding) bool {
	switch f.Kind {
	case ir.KindMissingQuery, ir.KindUnjudgedQuery, ir.KindScatteredQueries:
		return true
	case ir.KindShallowRun: // of a measure that is one of a set, or only tells whether to compare
		return c.wholesale || strings.Contains(f.Text, "Judged@10") && !slices.ContainsFunc(c.parsed, func(m ir.Measure) bool { return m.String() == "Judged@10" })
	}
	return false
}

// judgedShare is the mean of a measure over the queries that the run has.
func judgedShare(res *ir.RunResult, m int) float64 {
	sum, n := 0.0, 0
	for q, id := range res.Queries {
		if _, missing := slices.BinarySearch(res.Missing, id); !missing {
			sum += res.PerQuery[q].Values[m]
			n++
		}
	}
	return sum / float64(n)
}

// columns turns values by query, under a rule for equal scores, into values by
// measure.
func columns(res *ir.RunResult, measures int, rule ir.Ties) [][]float64 {
	out := make([][]float64, measures)
	for m := range out {
		out[m] = make([]float64, len(res.PerQuery))
		for q := range res.PerQuery {
			values := res.PerQuery[q].Values
			if others := res.PerQuery[q].Others; others != nil && others[rule] != nil {
				values = others[rule]
			}
			out[m][q] = values[m]
		}
	}
	return out
}

// lists returns the documents of each judged query, best first, as measures see
// them: sorted, cut at the depth, and then without what was not judged, which a
// negative grade says too. It sorts the rankings of run.
func (c *comparer) lists(qrels ir.Qrels, run ir.Run) [][]string {
	var out [][]string
	for _, q := range qrels.Queries() {
		ranking := run.Rankings[q]
		ranking.Sort(c.rule)
		if c.depth > 0 && len(ranking) > c.depth {
			ranking = ranking[:c.depth]
		}
		docs := make([]string, 0, len(ranking))
		for _, h := range ranking {
			if grade, ok := qrels[q][h.Doc]; c.judgedOnly && (!ok || grade < 0) {
				continue
			}
			docs = append(docs, string(h.Doc))
		}
		out = append(out, docs)
	}
	return out
}

// runNames names runs by what they call themselves where that tells them
// apart, else by their files, without directories and endings where that does.
func runNames(tags, files []string) []string {
	short := make([]string, len(files))
	for i, f := range files {
		short[i] = shortName(f)
	}
	for _, names := range [][]string{tags, short} {
		seen := map[string]bool{}
		for _, n := range names {
			if n != "" {
				seen[n] = true
			}
		}
		if len(seen) == len(files) {
			return names
		}
	}
	return files
}

// shortName is the name of a file without directories and endings.
func shortName(file string) string {
	name := filepath.Base(file)
	for _, end := range []string{".gz", ".zst", ".txt", ".tsv", ".json", ".jsonl", ".parquet", ".trec", ".run"} {
		if t := strings.TrimSuffix(name, end); t != "" {
			name = t
		}
	}
	return name
}

// findBaseline returns the index of -baseline among the runs; −1 without. It is
// a file, or else a tag, or else the name of a file without directories or
// endings, which must be that of one run only.
func (c *comparer) findBaseline(runs []analysis.CompareRun, tags []string) (int, error) {
	if c.baseline == "" {
		return -1, nil
	}
	for _, is := range []func(i int) bool{
		func(i int) bool {
			same, _ := sameFile(runs[i].File, c.baseline)
			return runs[i].File == c.baseline || same
		},
		func(i int) bool { return tags[i] == c.baseline },
		func(i int) bool { return filepath.Base(runs[i].File) == c.baseline },
		func(i int) bool { return shortName(runs[i].File) == c.baseline },
	} {
		at := -1
		var files []string
		for i := range runs {
			if is(i) {
				at = i
				files = append(files, runs[i].File)
			}
		}
		switch {
		case len(files) == 1:
			return at, nil
		case len(files) > 1:
			return 0, wrong("name its file: -baseline "+files[0], "the baseline %q may be any of %d runs: %s", c.baseline, len(files), strings.Join(files, ", "))
		}
	}
	var names []string
	for _, r := range runs {
		names = append(names, r.Name)
	}
	return 0, wrong("", "the baseline %q is none of the runs; they are %s.%s", c.baseline, strings.Join(names, ", "), sdk.DidYouMean(c.baseline, names))
}

// readGroups returns the group of each query, "" where the file has none.
func (c *comparer) readGroups(queries []string) ([]string, error) {
	f, err := irfile.Decompress(c.groups)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	at := map[string]int{}
	for i, q := range queries {
		at[q] = i
	}
	out := make([]string, len(queries))
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	found, unknown, first := 0, 0, ""
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return nil, wrong("a line holds a query and its group: 17 deu", "%s:%d: %q has no group", c.groups, n, line)
		}
		query, group := line[:i], strings.TrimSpace(line[i:])
		k, ok := at[query]
		switch {
		case !ok:
			unknown++
			if first == "" {
				first = query
			}
			continue
		case out[k] != "" && out[k] != group:
			return nil, wrong("a query belongs to one group", "%s:%d: query %s was in group %s before and is in %s here", c.groups, n, query, out[k], group)
		case out[k] == "":
			found++
		}
		out[k] = group
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.groups, err)
	}
	if found == 0 {
		return nil, wrong("do the file and the qrels use the same query ids?", "%s: no judged query has a group", c.groups)
	}
	if unknown > 0 {
		c.a.ui.Warning(fmt.Sprintf("%s names queries that nobody judged (%d, such as %s); they do not count", c.groups, unknown, first))
	}
	return out, nil
}

// write prints the comparison where it was asked to go.
func (c *comparer) write(out *analysis.Comparison) error {
	if c.format == "table" && (c.out == "" || c.out == "-") {
		c.a.ui.Comparison(out)
		return nil
	}
	var b bytes.Buffer
	var err error
	switch c.format {
	case "json":
		err = terminal.WriteComparisonJSON(&b, out)
	case "csv":
		if c.byQuery {
			err = terminal.WriteQueriesCSV(&b, out)
		} else {
			err = terminal.WriteComparisonCSV(&b, out)
		}
	case "latex":
		err = terminal.WriteComparisonLaTeX(&b, out)
	case "markdown":
		err = terminal.WriteComparisonMarkdown(&b, out)
	default:
		b.WriteString(c.a.ui.ComparisonText(out))
	}
	if err != nil {
		return err
	}
	if c.format == "csv" { // the only one that has no room for them
		for _, n := range out.Notes {
			c.a.ui.Warning(n.Text)
		}
	}
	return c.a.output(c.out, b.Bytes())
}
