// Command xlrun runs scaling studies of cross-lingual retrieval from workflows
// written in HCL.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/internal/workflow"
)

// Exit codes. They are part of the interface.
const (
	exitDone        = 0
	exitFailed      = 1   // something ran and failed
	exitUsage       = 2   // nothing was started: usage, workflow
	exitDiffers     = 3   // results or formatting differ from what was expected
	exitInterrupted = 130 // Ctrl-C
)

// verb is one subcommand. run gets the parsed flags and the arguments that are
// not flags, and returns an exit code.
type verb struct {
	name  string
	args  string // as in the usage line
	short string // one line
	long  string
	setup func(a *app, fs *flag.FlagSet) func(ctx context.Context, args []string) int
	quiet bool // not listed
	// rewrite turns arguments as they are typed for another program into ours;
	// nil where there is no such program.
	rewrite func(args []string, fs *flag.FlagSet) []string
	// foreign says what to do instead of options that another program has.
	foreign map[string]string
}

var verbs []*verb

func init() {
	verbs = []*verb{runVerb, planVerb, validateVerb, showVerb, evalVerb, compareVerb, importVerb, exportVerb, whyVerb, fmtVerb, consoleVerb, pluginVerb, versionVerb}
}

// app is what every verb shares.
type app struct {
	ui             *terminal.UI
	stdin          io.Reader
	stdout, stderr *output
	json           bool     // one document on stdout
	events         bool     // a stream of events on stdout
	typed          []string // the arguments of the verb, as typed
}

// output is a file that remembers the first error of writing to it, so that
// text for people may be written without a look at each.
type output struct {
	file *os.File
	mu   sync.Mutex
	err  error
}

func (o *output) Fd() uintptr { return o.file.Fd() }

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = err
		}
	}
	return n, err
}

// lost is the error that something was lost by; nil where the reader of a pipe
// has gone, who has seen enough.
func (o *output) lost() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(o.err, syscall.EPIPE) {
		return nil
	}
	return o.err
}

func main() { os.Exit(xlrun(os.Args[1:])) }

// xlrun carries out one command line and returns its exit code.
func xlrun(args []string) int {
	a := &app{stdin: os.Stdin, stdout: &output{file: os.Stdout}, stderr: &output{file: os.Stderr}}
	code := a.carryOut(args)
	if err := a.stdout.lost(); err != nil && code == exitDone {
		_, _ = fmt.Fprintf(a.stderr, "xlrun: error: the output is not complete: %v\n", err)
		return exitFailed
	}
	return code
}

func (a *app) carryOut(args []string) int {
	noColor := false
	// Options that come before the verb.
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, hasValue := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
		args = args[1:]
		switch name {
		case "chdir":
			if !hasValue && len(args) > 0 {
				value, args = args[0], args[1:]
			}
			if err := os.Chdir(value); err != nil {
				_, _ = fmt.Fprintf(a.stderr, "xlrun: error: -chdir: %v\n", err)
				return exitUsage
			}
		case "no-color":
			noColor = true
		case "version":
			args = append([]string{"version"}, args...)
		case "h", "help":
			usage(a.stdout)
			return exitDone
		default:
			_, _ = fmt.Fprintf(a.stderr, "xlrun: error: unknown option -%s\n", name)
			usage(a.stderr)
			return exitUsage
		}
	}
	if len(args) == 0 {
		usage(a.stderr)
		return exitUsage
	}
	if args[0] == "help" {
		if len(args) > 1 {
			return a.carryOut([]string{args[1], "-help"})
		}
		usage(a.stdout)
		return exitDone
	}
	v := findVerb(args[0])
	if v == nil {
		_, _ = fmt.Fprintf(a.stderr, "xlrun: error: there is no command %q.%s\n", args[0], near(args[0]))
		usage(a.stderr)
		return exitUsage
	}
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&noColor, "no-color", noColor, "print without colour")
	act := v.setup(a, fs)
	a.typed = args[1:]
	if v.rewrite != nil {
		args = append(args[:1:1], v.rewrite(args[1:], fs)...)
	}
	rest, err := parseAnywhere(fs, args[1:])
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			help(a.stdout, v, fs)
			return exitDone
		}
		text, hint := optionError(err, v, fs)
		_, _ = fmt.Fprintf(a.stderr, "xlrun: error: %s\nxlrun: hint: %s\n", terminal.Clean(text), hint)
		return exitUsage
	}
	a.ui = terminal.New(a.stdout, a.stderr, terminal.Options{NoColor: noColor, JSON: a.json, Events: a.events, Version: workflow.Version})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends at once.
	context.AfterFunc(ctx, stop)
	return act(ctx, rest)
}

// parseAnywhere lets options stand before and after the arguments.
func parseAnywhere(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		args = fs.Args()
		if len(args) == 0 {
			return rest, nil
		}
		rest = append(rest, args[0])
		args = args[1:]
	}
}

func findVerb(name string) *verb {
	for _, v := range verbs {
		if v.name == name {
			return v
		}
	}
	return nil
}

var plainRE = regexp.MustCompile(`^[A-Za-z0-9_./=:,@%+-]+$`)

// again is the command that runs what was asked for with another verb, or once
// more: what was typed, quoted for a shell, without what concerns printing.
func (a *app) again() string {
	words := []string{"xlrun", "run"}
	for _, arg := range a.typed {
		switch strings.TrimLeft(arg, "-") {
		case "json", "dot", "force", "no-color":
			continue
		}
		if !plainRE.MatchString(arg) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// usageError says what is wrong with the command line.
func (a *app) usageError(verb, format string, args ...any) int {
	a.ui.Error(fmt.Errorf(format, args...), fmt.Sprintf("xlrun %s -help lists the options", verb))
	return exitUsage
}
