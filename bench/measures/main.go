// Command measures compares "xlrun eval" with the C program trec_eval and with
// pytrec_eval on the machine it runs on.
//
// A comparison is a ratio: whole processes evaluate the same files in the same
// minute, taking turns, and every round gives one ratio. Their values are
// compared too: a program that is fast and wrong is a failure.
//
// docs/benchmarks.md describes the protocol; "measures -h" lists the flags.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Exit statuses, those of xlrun.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDiffers     = 3
	exitInterrupted = 130
)

// What -install builds and installs.
const (
	trecEvalSource  = "https://github.com/usnistgov/trec_eval"
	trecEvalVersion = "v10.0"
	pytrecEval      = "pytrec-eval-terrier==0.5.11"
	// compilerFlags are those of every build here. trec_eval's own Makefile asks
	// for no optimisation at all.
	compilerFlags = "-O2"
)

//go:embed peer.py
var peerScript []byte

// shared are the measures that all three programs have, in trec_eval's words.
var shared = strings.Fields(`num_ret num_rel num_rel_ret map gm_map Rprec bpref recip_rank iprec_at_recall P recall infAP gm_bpref
	Rprec_mult utility 11pt_avg ndcg relative_P success map_cut ndcg_cut ndcg_rel Rndcg binG G set_P set_recall set_relative_P set_map
	set_F num_nonrel_judged_ret`)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A reader that goes away, such as head, must not keep us from cleaning up.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

type settings struct {
	xlrun, source, trecEval, python  string
	install                          bool
	rounds, queries, depth, decimals int
	json, data                       string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("measures", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.xlrun, "xlrun", "", "the xlrun to measure (default: built from this module)")
	f.StringVar(&s.source, "source", "", "a `directory` with the sources of trec_eval, which are built with "+compilerFlags)
	f.StringVar(&s.trecEval, "trec_eval", "", "a trec_eval that is built already")
	f.StringVar(&s.python, "python", "", "a Python `interpreter` with pytrec_eval (default: the one of -install, or python3)")
	f.BoolVar(&s.install, "install", false, "first clone and build trec_eval "+trecEvalVersion+" and install "+pytrecEval+" into a virtual environment, both in the user's cache directory")
	f.IntVar(&s.rounds, "rounds", 7, "rounds")
	f.IntVar(&s.queries, "queries", 1000, "queries of the run")
	f.IntVar(&s.depth, "documents", 1000, "documents of each query")
	f.IntVar(&s.decimals, "decimals", 5, "decimals of scores, from 0 to 6: the fewer, the more ties")
	f.StringVar(&s.json, "json", "", "write every round to this `file`")
	f.StringVar(&s.data, "data", "", "keep the files that are evaluated in this `directory`")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case s.rounds < 1 || s.queries < 1 || s.depth < 1:
		return s, errors.New("-rounds, -queries and -documents must be at least 1")
	case s.decimals < 0 || s.decimals > 6:
		return s, errors.New("-decimals must be from 0 to 6")
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		say(stderr, "measures: error: %v", err)
		return exitUsage
	}
	status, err := drive(ctx, s, stdout, stderr)
	switch {
	case ctx.Err() != nil:
		say(stderr, "measures: interrupted")
		return exitInterrupted
	case err != nil:
		say(stderr, "measures: error: %v", err)
		return max(status, exitFailed)
	}
	return status
}

// say writes a line for people. That nobody reads it is no reason to stop.
func say(w io.Writer, format string, a ...any) { _, _ = fmt.Fprintf(w, format+"\n", a...) }

// A contender is one command line.
type contender struct {
	Name  string   `json:"name"`
	About string   `json:"about"`
	Wall  []served `json:"rounds"`
	argv  []string
	env   []string
	out   string  // what it writes: its standard output goes here
	want  float64 // its time over that of the first contender, to be reached
}

// served is what one process took, in seconds.
type served struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
	MB   float64 `json:"mb"` // resident at most
}

// drive does everything between the flags and the exit status:
//
//  1. build or find the programs
//  2. make the files
//  3. one round unmeasured: files are in memory, values are compared
//  4. the rounds, every second one backwards
func drive(ctx context.Context, s settings, stdout, stderr io.Writer) (status int, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return exitFailed, err
	}
	cache = filepath.Join(cache, "xlrun", "bench-measures")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return exitFailed, err
	}
	dir, err := os.MkdirTemp(cache, "run-")
	if err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say(stderr, "building")
	cs, absent, err := programs(ctx, s, cache, dir)
	if err != nil {
		return exitFailed, err
	}
	files := dir
	if s.data != "" {
		files = s.data
		if err := os.MkdirAll(files, 0o755); err != nil {
			return exitFailed, err
		}
	}
	qrels, runFile := filepath.Join(files, "qrels.txt"), filepath.Join(files, "run.txt")
	if err := writeData(qrels, runFile, s.queries, s.depth, s.decimals); err != nil {
		return exitFailed, err
	}
	for i := range cs {
		cs[i].argv = expand(cs[i].argv, qrels, runFile, cs[i].out)
	}
	say(stderr, "comparing values")
	for i := range cs {
		if _, err := serve(ctx, &cs[i]); err != nil {
			return exitFailed, err
		}
	}
	agreement, same, err := compare(cs)
	if err != nil {
		return exitFailed, err
	}
	for round := range s.rounds {
		say(stderr, "round %d of %d", round+1, s.rounds)
		for k := range cs {
			c := &cs[k]
			if round%2 == 1 {
				c = &cs[len(cs)-1-k]
			}
			r, err := serve(ctx, c)
			if err != nil {
				return exitFailed, err
			}
			c.Wall = append(c.Wall, r)
		}
	}
	info, err := os.Stat(runFile)
	if err != nil {
		return exitFailed, err
	}
	if _, err := io.WriteString(stdout, report(s, cs, absent, agreement, info.Size())); err != nil {
		return exitFailed, err
	}
	if s.json != "" {
		b, err := json.MarshalIndent(cs, "", " ")
		if err != nil {
			return exitFailed, err
		}
		if err := os.WriteFile(s.json, append(b, '\n'), 0o644); err != nil {
			return exitFailed, err
		}
	}
	if !same {
		return exitDiffers, nil
	}
	return exitDone, nil
}

// Placeholders in command lines.
const (
	theQrels = "{qrels}"
	theRun   = "{run}"
	theOut   = "{out}"
)

func expand(argv []string, qrels, run, out string) []string {
	argv = slices.Clone(argv)
	for i, a := range argv {
		argv[i] = strings.NewReplacer(theQrels, qrels, theRun, run, theOut, out).Replace(a)
	}
	return argv
}

// names of contenders that the comparison of values refers to.
const (
	oursName   = "xlrun eval"
	oneName    = "xlrun eval -j 1"
	trecName   = "trec_eval"
	pythonName = "pytrec_eval"
)

// programs finds or builds what takes part, ours first.
func programs(ctx context.Context, s settings, cache, dir string) (cs []contender, absent []string, err error) {
	ours := s.xlrun
	if ours == "" {
		ours = filepath.Join(dir, "xlrun")
		if err := command(ctx, "", "go", "build", "-o", ours, "./cmd/xlrun"); err != nil {
			return nil, nil, fmt.Errorf("build xlrun (run this from the root of the module, or name one with -xlrun): %w", err)
		}
	}
	var m []string
	for _, name := range shared {
		m = append(m, "-m", name)
	}
	own := append(append([]string{ours, "eval", "-format", "trec", "-q"}, m...), theQrels, theRun)
	cs = append(cs,
		contender{Name: oursName, About: "every processor", argv: own, out: filepath.Join(dir, "ours.txt")},
		contender{Name: oneName, About: "one processor", argv: slices.Insert(slices.Clone(own), 2, "-j", "1"), env: []string{"GOMAXPROCS=1"}, out: filepath.Join(dir, "one.txt")})

	if s.install {
		source := filepath.Join(cache, "trec_eval-"+trecEvalVersion)
		if _, err := os.Stat(source); err != nil {
			if err := command(ctx, "", "git", "clone", "--quiet", "--depth", "1", "--branch", trecEvalVersion, trecEvalSource, source); err != nil {
				return nil, nil, fmt.Errorf("clone trec_eval: %w", err)
			}
		}
		venv := filepath.Join(cache, "venv")
		if err := command(ctx, "", "python3", "-m", "venv", venv); err != nil {
			return nil, nil, fmt.Errorf("make a virtual environment: %w", err)
		}
		py := filepath.Join(venv, "bin", "python")
		if err := command(ctx, "", py, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pytrecEval); err != nil {
			return nil, nil, fmt.Errorf("install pytrec_eval: %w", err)
		}
		if s.source == "" {
			s.source = source
		}
		if s.python == "" {
			s.python = py
		}
	}
	binary := s.trecEval
	about := "as given"
	if binary == "" && s.source != "" {
		if binary, err = buildTrecEval(ctx, s.source, dir); err != nil {
			return nil, nil, err
		}
		about = compilerFlags
	}
	if binary == "" {
		absent = append(absent, "trec_eval: name its sources with -source, or let -install get them")
	} else {
		cs = append(cs, contender{
			Name: trecName, About: version(ctx, binary) + ", " + about, want: 3,
			argv: append(append([]string{binary, "-q"}, m...), theQrels, theRun), out: filepath.Join(dir, "trec.txt"),
		})
	}
	python := s.python
	if python == "" {
		python = "python3"
	}
	script := filepath.Join(dir, "peer.py")
	if err := os.WriteFile(script, peerScript, 0o644); err != nil {
		return nil, nil, err
	}
	if out, err := exec.CommandContext(ctx, python, "-c", "import sys, pytrec_eval\nfrom importlib.metadata import packages_distributions, version\nname = packages_distributions()['pytrec_eval'][0]\nprint(name, version(name) + ', Python', sys.version.split()[0])").Output(); err != nil {
		absent = append(absent, "pytrec_eval: not in "+python+"; name an interpreter with -python, or let -install get it")
	} else {
		cs = append(cs, contender{
			Name: pythonName, About: strings.TrimSpace(string(out)), want: 10,
			argv: append([]string{python, script, theQrels, theRun, theOut}, shared...), out: filepath.Join(dir, "pytrec.json"),
		})
	}
	return cs, absent, ctx.Err()
}

// buildTrecEval builds a copy of the sources.
func buildTrecEval(ctx context.Context, source, dir string) (string, error) {
	to := filepath.Join(dir, "trec_eval_src")
	if err := os.CopyFS(to, os.DirFS(source)); err != nil {
		return "", fmt.Errorf("copy the sources of trec_eval: %w", err)
	}
	if err := os.Remove(filepath.Join(to, "trec_eval")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	flags := compilerFlags + ` -w -I. -DVERSIONID=\"` + strings.TrimPrefix(trecEvalVersion, "v") + `\"`
	if err := command(ctx, to, "make", "CFLAGS="+flags, "trec_eval"); err != nil {
		return "", fmt.Errorf("build trec_eval (it needs a C compiler and make): %w", err)
	}
	return filepath.Join(to, "trec_eval"), nil
}

func version(ctx context.Context, binary string) string {
	out, _ := exec.CommandContext(ctx, binary, "-v").CombinedOutput() // it has a version, or says nothing
	if f := strings.Fields(string(out)); len(f) > 0 {
		return f[len(f)-1]
	}
	return "unknown version"
}

func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		s := strings.TrimSpace(string(out))
		return fmt.Errorf("%s: %w: %s", name, err, s[strings.LastIndexByte(s, '\n')+1:])
	}
	return nil
}

// serve runs a contender once, as a whole process.
func serve(ctx context.Context, c *contender) (served, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOMAXPROCS=") || strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "GOMEMLIMIT=") || strings.HasPrefix(v, "GODEBUG=")
	}), c.env...)
	cmd.WaitDelay = 5 * time.Second
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if filepath.Ext(c.out) == ".txt" {
		f, err := os.Create(c.out)
		if err != nil {
			return served{}, err
		}
		defer f.Close() //nolint:errcheck // what is missing from it is found when values are compared
		cmd.Stdout = f
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return served{}, ctx.Err()
		}
		return served{}, fmt.Errorf("%s: %w: %s", c.Name, err, strings.TrimSpace(errs.String()))
	}
	st := cmd.ProcessState
	return served{Wall: time.Since(start).Seconds(), CPU: (st.UserTime() + st.SystemTime()).Seconds(), MB: resident(st)}, nil
}

// tolerance is for means that are summed in another order.
const tolerance = 1e-12

// compare compares the values that the contenders found: trec_eval's lines byte
// by byte, pytrec_eval's means with ours.
func compare(cs []contender) (text string, same bool, err error) {
	by := map[string]*contender{}
	for i := range cs {
		by[cs[i].Name] = &cs[i]
	}
	ours, err := os.ReadFile(by[oursName].out)
	if err != nil {
		return "", false, err
	}
	one, err := os.ReadFile(by[oneName].out)
	if err != nil {
		return "", false, err
	}
	var b strings.Builder
	same = true
	fail := func(format string, a ...any) {
		same = false
		fmt.Fprintf(&b, "DIFFERS: "+format+"\n", a...)
	}
	if !bytes.Equal(ours, one) {
		fail("xlrun's own lines with one processor and with all")
	}
	if c := by[trecName]; c != nil {
		theirs, err := os.ReadFile(c.out)
		if err != nil {
			return "", false, err
		}
		if bytes.Equal(ours, theirs) {
			fmt.Fprintf(&b, "%d lines are trec_eval's, byte by byte.\n", bytes.Count(ours, []byte("\n")))
		} else {
			fail("%s", firstDifference(string(ours), string(theirs)))
		}
	}
	if c := by[pythonName]; c != nil {
		raw, err := os.ReadFile(c.out)
		if err != nil {
			return "", false, err
		}
		var got struct{ Means map[string]float64 }
		if err := json.Unmarshal(raw, &got); err != nil {
			return "", false, fmt.Errorf("read pytrec_eval's means: %w", err)
		}
		mine := means(string(ours))
		n := 0
		names := maps.Clone(mine)
		maps.Copy(names, got.Means)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if strings.HasPrefix(name, "num_") || strings.HasPrefix(name, "gm_") || strings.HasPrefix(name, "iprec_") || name == "11pt_avg" {
				continue // sums; and what trec_eval 9, which it holds, defines otherwise
			}
			x, theirs := got.Means[name]
			y, own := mine[name]
			n++
			switch {
			case !own:
				fail("%s: xlrun has no mean of it", name)
			case !theirs:
				fail("%s: pytrec_eval has no mean of it", name)
			case !(math.Abs(x-y) <= 0.5e-4+tolerance): // our lines have four decimals; NaN agrees with nothing
				fail("%s: pytrec_eval has %v, xlrun %v", name, x, y)
			}
		}
		if n == 0 {
			fail("there is no mean to compare with pytrec_eval's")
		}
		if same {
			fmt.Fprintf(&b, "%d means agree with pytrec_eval's in the four decimals that are printed.\n", n)
		}
	}
	return b.String(), same, nil
}

// means reads the values over all queries from trec_eval's lines.
func means(lines string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 3 && f[1] == "all" {
			var x float64
			if _, err := fmt.Sscan(f[2], &x); err == nil {
				out[f[0]] = x
			}
		}
	}
	return out
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d: xlrun has %q, trec_eval %q", i+1, x[i], y[i])
		}
	}
	return fmt.Sprintf("xlrun has %d lines, trec_eval %d", len(x), len(y))
}

// report is the table.
func report(s settings, cs []contender, absent []string, agreement string, size int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d queries × %d documents (%.1f MB), scores of %d decimals, -q, %d measures; %d rounds of whole processes, files in memory\n", s.queries, s.depth, float64(size)/1e6, s.decimals, len(shared), s.rounds)
	fmt.Fprintf(&b, "%s/%s, %s, %d processors\n\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU())
	fmt.Fprintf(&b, "%-16s %-44s %9s %9s %8s   %s\n", "", "", "time s", "CPU s", "MB", "time ÷ ours (range)")
	ours := cs[0].Wall
	for _, c := range cs {
		var ratios []float64
		for i, r := range c.Wall {
			ratios = append(ratios, r.Wall/ours[i].Wall)
		}
		mid := median(ratios)
		line := fmt.Sprintf("%-16s %-44s %9.3f %9.3f %8.0f   %.2f (%.2f–%.2f)", c.Name, c.About,
			median(pick(c.Wall, func(r served) float64 { return r.Wall })), median(pick(c.Wall, func(r served) float64 { return r.CPU })),
			slices.Max(pick(c.Wall, func(r served) float64 { return r.MB })), mid, slices.Min(ratios), slices.Max(ratios))
		if c.want > 0 {
			verdict := "MET"
			if mid < c.want {
				verdict = fmt.Sprintf("MISSED by %.2f", c.want-mid)
			}
			line += fmt.Sprintf("   wanted ≥ %.3g: %s", c.want, verdict)
		}
		b.WriteString(line + "\n")
	}
	for _, a := range absent {
		b.WriteString("absent: " + a + "\n")
	}
	b.WriteString("\n" + agreement)
	return b.String()
}

func pick(rs []served, f func(served) float64) []float64 {
	out := make([]float64, len(rs))
	for i, r := range rs {
		out[i] = f(r)
	}
	return out
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	return (s[n/2] + s[(n-1)/2]) / 2
}
