// Command scoring compares the search of package vec with other programs on
// the machine it runs on.
//
// A comparison is a ratio: both programs search the same files in the same
// minute, in processes of their own that take turns, and every round gives one
// ratio. Shares of what the machine can do at best come from loops timed in the
// same round. Seconds are printed so that the ratios can be checked, not to be
// compared with those of another day.
//
// docs/benchmarks.md describes the protocol; "scoring -h" lists the flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

func main() {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		os.Exit(work(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A reader that goes away, such as head, must not keep us from cleaning up:
	// the write fails instead.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings are the flags, read.
type settings struct {
	cases   *regexp.Regexp
	peers   *regexp.Regexp
	rounds  int
	retries int
	threads []int
	scale   float64
	pythons []string
	install bool
	json    string
	data    string
	list    bool
	gate    bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("scoring", flag.ContinueOnError)
	f.SetOutput(stderr)
	cases := f.String("case", "", "run the cases whose name this `regexp` matches, such as '^k10/t1$'; a case that is not run by default must be named")
	peers := f.String("peers", "", "run the peers whose name this `regexp` matches")
	threads := f.String("threads", "1,2", "numbers of threads, with commas between them")
	f.IntVar(&s.rounds, "rounds", 7, "rounds of every case")
	f.IntVar(&s.retries, "retries", 2, "how often a process that had to share its processors is started again")
	f.Float64Var(&s.scale, "scale", 1, "multiplies the number of documents; anything but 1 only tries the program")
	f.Func("python", "a Python interpreter to look for peers in; may be repeated (default: those found, see docs/benchmarks.md)", func(v string) error {
		s.pythons = append(s.pythons, v)
		return nil
	})
	f.BoolVar(&s.install, "install", false, "first install the peers that pip can reach, into a virtual environment in the user's cache directory")
	f.StringVar(&s.json, "json", "", "write everything that was measured to this `file`")
	f.StringVar(&s.data, "data", "", "keep the vectors in this `directory` and use those that are there (default: a new directory in the user's cache directory, removed at the end)")
	f.BoolVar(&s.list, "list", false, "list the cases and the peers found, and measure nothing")
	f.BoolVar(&s.gate, "gate", true, "compare result hashes over threads, instruction sets, shards and layouts first")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	var err error
	if *cases != "" {
		if s.cases, err = regexp.Compile(*cases); err != nil {
			return s, fmt.Errorf("-case: %w", err)
		}
	}
	if *peers != "" {
		if s.peers, err = regexp.Compile(*peers); err != nil {
			return s, fmt.Errorf("-peers: %w", err)
		}
	}
	for _, t := range strings.Split(*threads, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(t))
		if err != nil || n < 1 {
			return s, fmt.Errorf("-threads %q: want positive numbers with commas between them", *threads)
		}
		s.threads = append(s.threads, n)
	}
	slices.Sort(s.threads)
	s.threads = slices.Compact(s.threads)
	switch {
	case s.rounds < 1:
		return s, fmt.Errorf("-rounds must be at least 1, got %d", s.rounds)
	case s.retries < 0:
		return s, fmt.Errorf("-retries must not be negative, got %d", s.retries)
	case !(s.scale > 0 && s.scale <= 100):
		return s, fmt.Errorf("-scale must be positive and at most 100, got %v", s.scale)
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		say(stderr, "scoring: error: %v", err)
		return exitUsage
	}
	status, err := drive(ctx, s, stdout, stderr)
	switch {
	case ctx.Err() != nil:
		say(stderr, "scoring: interrupted")
		return exitInterrupted
	case err != nil:
		say(stderr, "scoring: error: %v", err)
		return max(status, exitFailed)
	}
	return status
}

// driver is one run of the program.
type driver struct {
	settings
	dir    string // data, results of processes, scripts
	script string // peer.py
	self   string
	pin    func(threads int) []string // the command that pins, or nil
	stderr io.Writer
	store  *store
	tuned  map[string]tuning

	references map[searched]*reference
}

func (d *driver) progress(format string, a ...any) {
	say(d.stderr, "%s %s", time.Now().Format("15:04:05"), fmt.Sprintf(format, a...))
}

// say writes a line for people. That nobody reads it is no reason to stop.
func say(w io.Writer, format string, a ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", a...)
}

// drive does everything between the flags and the exit status:
//
//  1. find the interpreters, and what is installed in them
//  2. compare result hashes
//  3. for each case: make its vectors, then its rounds, then check the ids found
//  4. print each table as soon as it is known; write the JSON
func drive(ctx context.Context, s settings, stdout, stderr io.Writer) (status int, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return exitFailed, err
	}
	cache = filepath.Join(cache, "xlrun", "bench-scoring")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return exitFailed, err
	}
	d := &driver{settings: s, stderr: stderr, pin: pinner(ctx), tuned: map[string]tuning{}}
	if d.self, err = os.Executable(); err != nil {
		return exitFailed, err
	}
	if d.dir, err = os.MkdirTemp(cache, "run-"); err != nil {
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	d.script = filepath.Join(d.dir, "peer.py")
	if err := os.WriteFile(d.script, peerScript, 0o644); err != nil {
		return exitFailed, err
	}
	d.store = &store{dir: d.dir}
	if s.data != "" {
		if err := os.MkdirAll(s.data, 0o755); err != nil {
			return exitFailed, err
		}
		d.store.dir = s.data
	}

	venv := filepath.Join(cache, "peers")
	if s.install {
		if err := d.installPeers(ctx, venv); err != nil {
			return exitFailed, err
		}
	}
	pythons := d.findPythons(ctx, venv)
	if ctx.Err() != nil {
		return exitFailed, ctx.Err()
	}
	all := d.cases(pythons)
	if len(all) == 0 {
		return exitUsage, errors.New("no case has such a name: -list shows them")
	}
	// A table goes out as soon as it is known.
	var text strings.Builder
	flush := func() error {
		_, err := io.WriteString(stdout, text.String())
		text.Reset()
		return err
	}
	if s.list {
		listCases(&text, all, pythons)
		return exitDone, flush()
	}
	r := d.newReport(pythons)
	r.head(&text)
	if s.gate {
		r.Gate, err = d.compareHashes(ctx)
		if err != nil {
			return exitFailed, err
		}
		r.gate(&text)
	}
	if err := flush(); err != nil {
		return exitFailed, err
	}
	for i := range all {
		c, err := d.measure(ctx, &all[i])
		if err != nil {
			return exitFailed, err
		}
		r.Cases = append(r.Cases, c)
		c.table(&text)
		if err := flush(); err != nil {
			return exitFailed, err
		}
	}
	r.Load[1] = loadAverage()
	r.tail(&text)
	if err := flush(); err != nil {
		return exitFailed, err
	}
	if s.json != "" {
		if err := r.write(s.json); err != nil {
			return exitFailed, err
		}
	}
	switch {
	case r.wrong():
		return exitDiffers, nil
	case r.failed():
		return exitFailed, nil
	}
	return exitDone, nil
}
