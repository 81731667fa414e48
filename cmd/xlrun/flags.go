package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

// commandError is an error of the command line, with what could be done; nil
// where only the help could tell.
type commandError struct {
	err   error
	hints []string
}

func (e *commandError) Error() string { return e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

func wrong(hint, format string, args ...any) error {
	e := &commandError{err: fmt.Errorf(format, args...)}
	if hint != "" {
		e.hints = append(e.hints, hint)
	}
	return e
}

// Messages of the package flag, which has no errors to look into.
var (
	unknownOptionRE = regexp.MustCompile(`^flag provided but not defined: -(.*)$`)
	noValueRE       = regexp.MustCompile(`^flag needs an argument: -(.*)$`)
	badValueRE      = regexp.MustCompile(`(?s)^invalid (?:boolean )?value (".*?[^\\]"|"") for (?:flag )?-([^:]+): (.*)$`)
)

// optionError puts what the package flag says of a command line into words of
// ours, and says what to do.
func optionError(err error, v *verb, fs *flag.FlagSet) (text, hint string) {
	text, hint = err.Error(), fmt.Sprintf("xlrun %s -help lists the options", v.name)
	if m := unknownOptionRE.FindStringSubmatch(text); m != nil {
		if instead, ok := v.foreign[m[1]]; ok {
			hint = instead
		}
		var names []string
		fs.VisitAll(func(f *flag.Flag) {
			if len(f.Name) > 1 {
				names = append(names, f.Name)
			}
		})
		return fmt.Sprintf("there is no option -%s.%s", m[1], sdk.DidYouMean(m[1], names)), hint
	}
	if m := noValueRE.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("-%s wants %s", m[1], argumentOf(fs, m[1])), hint
	}
	if m := badValueRE.FindStringSubmatch(text); m != nil {
		why := m[3]
		if f := fs.Lookup(m[2]); f != nil && (why == "parse error" || why == "value out of range") {
			why = kindOf(f)
		}
		switch { // some name the option or the value themselves
		case strings.HasPrefix(why, "-"):
			return why, hint
		case strings.Contains(why, m[1]):
			return fmt.Sprintf("-%s: %s", m[2], why), hint
		}
		return fmt.Sprintf("-%s: %s, got %s", m[2], why, m[1]), hint
	}
	if arg, ok := strings.CutPrefix(text, "bad flag syntax: "); ok {
		return fmt.Sprintf("%q is no option", arg), hint
	}
	return text, hint
}

// argumentOf names the value of an option as its help does.
func argumentOf(fs *flag.FlagSet, name string) string {
	f := fs.Lookup(name)
	if f == nil {
		return "a value"
	}
	arg, _ := flag.UnquoteUsage(f)
	return "a value: -" + name + " " + strings.ToUpper(arg)
}

// kindOf says what an option wants that holds a Go value.
func kindOf(f *flag.Flag) string {
	g, ok := f.Value.(flag.Getter)
	if !ok {
		return "that is no value for it"
	}
	switch g.Get().(type) {
	case bool:
		return "want true or false"
	case uint, uint64:
		return "want a whole number from 0"
	case int, int64:
		return "want a whole number"
	case float64:
		return "want a number"
	}
	return "that is no value for it"
}

// whole returns what reads an option with a whole number from least on.
func whole(into *int, least int) func(string) error {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > math.MaxInt32 {
			return fmt.Errorf("want a whole number from %d", least)
		}
		*into = n
		return nil
	}
}

// longOptions are the long options of trec_eval and ir_measures that are
// spelled otherwise here.
var longOptions = map[string]string{
	"query_eval_wanted": "-q", "nosummary": "-n", "complete_rel_info_wanted": "-c", "Judged_docs_only": "-J",
	"measure": "-m", "level_for_rel": "-l", "Max_retrieved_per_topic": "-M", "Number_docs_in_coll": "-N",
	"Zscore": "-Z", "Rel_info_format": "-R", "Results_format": "-T",
	"by_query": "-q", "no_summary": "-n", "output_format": "-format", "places": "-p",
}

// shortOptions turns a command line as one types it for trec_eval or
// ir_measures into options of one word each: -qc is -q -c, -mmap is -m map.
func shortOptions(args []string, fs *flag.FlagSet) []string {
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
		if short, ok := longOptions[name]; ok && fs.Lookup(short[1:]) != nil {
			out = append(out, short)
			if hasValue {
				out = append(out, value)
			}
			continue
		}
		if f := fs.Lookup(name); f != nil || arg[1] == '-' {
			out = append(out, arg)
			if f != nil && !hasValue && !isSwitch(f) && i+1 < len(args) {
				i++
				out = append(out, args[i])
			}
			continue
		}
		words := splitShort(arg[1:], fs)
		if words == nil {
			out = append(out, arg)
			continue
		}
		out = append(out, words...)
	}
	return out
}

func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// splitShort splits options of one letter as getopt does; nil where one is
// unknown.
func splitShort(s string, fs *flag.FlagSet) []string {
	var out []string
	for i := range len(s) {
		f := fs.Lookup(s[i : i+1])
		switch {
		case f == nil && s[i] != 'h':
			return nil
		case f == nil || isSwitch(f):
			out = append(out, "-"+s[i:i+1])
		default:
			out = append(out, "-"+s[i:i+1])
			if rest := s[i+1:]; rest != "" {
				out = append(out, rest)
			}
			return out
		}
	}
	return out
}

// filesAndMeasures tells the arguments behind the first file apart. What is
// there is a file, what looks like a path should be, and all else is a measure.
func filesAndMeasures(verb string, args []string) (files, measures []string, err error) {
	for _, arg := range args {
		_, gone := os.Stat(arg)
		_, notMeasure := ir.ParseMeasures(arg)
		switch {
		case arg == "-":
			files = append(files, arg)
		case gone == nil && notMeasure == nil && filepath.Base(arg) == arg:
			return nil, nil, wrong(helpHint(verb), "%q is a measure, and there is a file of that name: write ./%s for the file or -m %s for the measure", arg, arg, arg)
		case gone == nil:
			files = append(files, arg)
		case looksLikePath(arg):
			return nil, nil, noFile(gone, arg)
		default:
			measures = append(measures, arg)
		}
	}
	return files, measures, nil
}

// looksLike tells TREC judgments ("qrels", four columns) from a TREC run ("run",
// six) by the first line; "" where a file is neither, cannot be read, or can be
// read only once.
func looksLike(path string) string {
	if info, err := os.Stat(path); path == "-" || err != nil || !info.Mode().IsRegular() {
		return ""
	}
	src, err := irfile.OpenRun(path)
	if err != nil || src.Separator != 0 { // another format, whose names tell
		return ""
	}
	r, err := src.Open()
	if err != nil {
		return ""
	}
	defer r.Close() //nolint:errcheck // nothing was written
	in := bufio.NewScanner(r)
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		return map[int]string{4: "qrels", 6: "run"}[len(words)]
	}
	return ""
}

// outOfScope are measures of trec_eval that need other judgments than grades.
var outOfScope = map[string]string{
	"prefs":     "preference judgments are not supported",
	"all_prefs": "preference judgments are not supported",
	"qrels_jg":  "judgments in groups are not supported",
}

// parseWord reads the measures of one word: one, those of a family or a set. The
// level is that of -l, for measures that name none.
func parseWord(word string, level, documents int) ([]ir.Measure, error) {
	if why, ok := outOfScope[strings.ToLower(word)]; ok {
		return nil, wrong("", "measure %q: %s", word, why)
	}
	ms, err := ir.ParseMeasures(word)
	if err != nil {
		return nil, wrong("", "%w", err)
	}
	for i, m := range ms {
		if err := countsDocuments(m, documents); err != nil {
			return nil, err
		}
		if m.Rel() == 1 && !namesLevel(word) {
			ms[i] = m.WithRel(level)
		}
	}
	return ms, nil
}

// namesLevel tells whether a measure is written with its level of relevance.
func namesLevel(word string) bool {
	return strings.Contains(strings.Join(strings.Fields(word), ""), "rel=")
}

// expectedHint says what to do where files are as they should be and means over
// orders of equal scores cannot be had; "" elsewhere.
func expectedHint(ties ir.Ties, err error) string {
	var faults *ir.ReadError
	var path *fs.PathError
	if ties != ir.Expected || errors.As(err, &faults) || errors.As(err, &path) {
		return ""
	}
	return "the other -ties, such as trec10, give every query a value"
}

// noneEmpty complains of an argument without a character, which would otherwise
// pass for no argument.
func noneEmpty(args []string) error {
	for i, arg := range args {
		if strings.TrimSpace(arg) == "" {
			return wrong("is a variable of the shell not set?", "argument %d is empty", i+1)
		}
	}
	return nil
}

func helpHint(verb string) string { return fmt.Sprintf("xlrun %s -help lists the options", verb) }

// noFile says why a file cannot be opened.
func noFile(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &commandError{fmt.Errorf("there is no file %s", name), []string{nearFile(name)}}
	}
	return wrong("", "%w", err)
}

// isFile complains of what is no file to read. Standard input is one.
func isFile(verb, name string) error {
	if name == "-" {
		return nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return noFile(err, name)
	}
	if info.IsDir() {
		return wrong("", "%s is a directory; xlrun %s wants a file", name, verb)
	}
	return nil
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

// outputFile checks the file that -o names before anything is read: it must not
// be one of the inputs, under whatever name, and there must be a place for it.
// "" and - are standard output.
func outputFile(out string, inputs ...string) error {
	if out == "" || out == "-" {
		return nil
	}
	info, err := os.Stat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(out); !isDirectory(dir) {
			return wrong("", "-o %s: there is no directory %s", out, dir)
		}
		return nil
	case err != nil:
		return wrong("", "-o: %w", err)
	case info.IsDir():
		return wrong("", "-o %s is a directory; -o wants the name of a file", out)
	case !info.Mode().IsRegular():
		return nil // a terminal, a pipe, /dev/null
	}
	for _, in := range inputs {
		var other fs.FileInfo
		name := in
		if in == "-" {
			other, err = os.Stdin.Stat()
			name = "standard input"
		} else {
			other, err = os.Stat(in)
		}
		if err != nil || !os.SameFile(info, other) {
			continue
		}
		if in == out {
			return wrong("give -o another name", "-o %s would overwrite %s, which is an input", out, in)
		}
		return wrong("give -o another name", "-o %s would overwrite an input: it is the same file as %s", out, name)
	}
	return nil
}

func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// output writes what is done to a file, or to standard output. Files and pipes
// get every byte as it is; on a terminal, control characters that came with ids
// are written as \x1b.
func (a *app) output(file string, b []byte) error {
	if file != "" && file != "-" && !isStdout(file) {
		return os.WriteFile(file, b, 0o644)
	}
	if a.ui.Looks() {
		b = terminal.Visible(b)
	}
	_, err := a.stdout.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return nil // the reader has seen enough
	}
	return err
}

// isStdout tells whether a file is what standard output goes to, as /dev/stdout
// is: to open it again would empty it.
func isStdout(file string) bool {
	x, errX := os.Stat(file)
	y, errY := os.Stdout.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// countsDocuments complains of a measure that counts the documents that were
// not retrieved while nobody has said how many there are.
func countsDocuments(m ir.Measure, documents int) error {
	list, ok := strings.CutPrefix(m.TrecName(), "utility_")
	if !ok || documents > 0 {
		return nil
	}
	if c := strings.Split(list, ","); len(c) == 4 {
		if x, err := strconv.ParseFloat(c[3], 64); err == nil && x != 0 {
			return wrong("say how many documents the collection has, as in -N 528155, or make the fourth coefficient 0",
				"measure %s: its fourth coefficient, %s, is for documents neither relevant nor retrieved, and these cannot be counted without -N", m.TrecName(), c[3])
		}
	}
	return nil
}
