package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/report"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/internal/workflow"
)

// studyFlags are the options of every verb that reads a workflow.
type studyFlags struct {
	a        *app
	inputs   []workflow.Input
	files    map[string]*hcl.File
	mistakes hcl.Diagnostics

	fileMistakes hcl.Diagnostics // in variable files
	filters      []study.Filter
	store        string
	workers      int
	threads      int
	memory       int
	external     []pluginhost.Spec
	readOnly     bool // do without a store that cannot be opened
}

func newStudyFlags(a *app, fs *flag.FlagSet) *studyFlags {
	s := &studyFlags{a: a, files: map[string]*hcl.File{}}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "."
	}
	s.inputs = workflow.EnvInputs(os.Environ(), cwd)
	fs.Func("var", "set a variable: `name=value`; may be repeated, later ones win", func(v string) error {
		in, err := workflow.FlagInput(v, cwd)
		s.inputs = append(s.inputs, in)
		return err
	})
	fs.Func("var-file", "set variables from a `file` of name = value lines", func(v string) error {
		in, files, diags := workflow.FileInputs(v)
		for name, f := range files {
			s.files[name] = f
		}
		s.fileMistakes = append(s.fileMistakes, diags...)
		s.inputs = append(s.inputs, in...)
		return nil
	})
	return s
}

func (s *studyFlags) planFlags(fs *flag.FlagSet) {
	fs.Func("only", "run part of the grid: `axis=value`[|value][,axis=value]; never replaces full results", func(v string) error {
		f, err := study.ParseFilter(v)
		s.filters = append(s.filters, f...)
		return err
	})
	def := os.Getenv("XLRUN_STORE")
	if def == "" {
		def = filepath.Join(".xlrun", "store")
	}
	fs.StringVar(&s.store, "store", def, "`directory` of stored results (XLRUN_STORE)")
}

// session is a workflow with everything that is needed to plan and run it.
type session struct {
	*studyFlags
	w       *workflow.Workflow
	host    *pluginhost.Host
	store   *cas.Store
	catalog *catalog
}

// read reads the workflow. Its mistakes are kept until the plugins have told
// theirs.
func (s *studyFlags) read(path string) *workflow.Workflow {
	w, files, diags := workflow.Load(path, s.inputs)
	for name, f := range files {
		s.files[name] = f
	}
	s.mistakes = workflow.Tidy(append(s.fileMistakes, diags...))
	return w
}

// load reads the workflow for a verb that needs no plugins, and prints what is
// wrong with it.
func (s *studyFlags) load(path string) (*workflow.Workflow, bool) {
	w := s.read(path)
	if s.mistakes.HasErrors() {
		s.a.ui.Diagnostics(s.files, s.mistakes)
		return nil, false
	}
	return w, true
}

// prepare reads the workflow and starts what a plan needs.
func (s *studyFlags) prepare(ctx context.Context, path string, withStore bool) (*session, int) {
	w := s.read(path)
	if s.mistakes.HasErrors() && (w == nil || len(w.Blocks) == 0) {
		s.a.ui.Diagnostics(s.files, s.mistakes)
		return nil, exitUsage
	}
	se, code := s.open(ctx, w, withStore && !s.mistakes.HasErrors())
	if code != exitDone {
		if s.mistakes.HasErrors() {
			s.a.ui.Diagnostics(s.files, s.mistakes)
		}
		return nil, code
	}
	if s.mistakes.HasErrors() {
		defer se.close()
		all := append(s.mistakes, study.Check(ctx, w, se.catalog)...)
		s.a.ui.Diagnostics(s.files, workflow.Tidy(all))
		return nil, exitUsage
	}
	return se, exitDone
}

// open starts what a plan needs. withStore is false for verbs that leave
// nothing behind.
func (s *studyFlags) open(ctx context.Context, w *workflow.Workflow, withStore bool) (*session, int) {
	se := &session{studyFlags: s, w: w}
	specs, err := bundledSpecs()
	if err != nil {
		s.a.ui.Error(err)
		return nil, exitFailed
	}
	for _, p := range w.Plugins {
		spec, err := externalSpec(p)
		if err != nil {
			s.a.ui.Diagnostics(s.files, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unusable plugin", Detail: err.Error() + ".", Subject: p.Range.Ptr()}})
			return nil, exitUsage
		}
		s.external = append(s.external, spec)
	}
	for _, n := range []int{s.workers, s.threads, s.memory} {
		if n < 0 || n > 1<<20 {
			s.a.ui.Error(fmt.Errorf("-workers, -threads and -memory want a number, 1 or more; got %d", n))
			return nil, exitUsage
		}
	}
	if s.workers == 0 {
		s.workers = runtime.GOMAXPROCS(0)
	}
	if s.threads == 0 {
		s.threads = max(1, runtime.GOMAXPROCS(0)/s.workers)
	}
	logger, err := newLogger()
	if err != nil {
		s.a.ui.Error(err)
		return nil, exitUsage
	}
	logs := ""
	if withStore {
		if s.store == "" {
			s.a.ui.Error(errors.New("-store is empty"), "name a directory, or leave -store out for .xlrun/store")
			return nil, exitUsage
		}
		se.store, err = cas.Open(s.store)
		switch {
		case err == nil:
			logs = filepath.Join(s.store, "logs")
		case s.readOnly:
			s.a.ui.Printf("The store %s cannot be opened (%v): planned as if it were empty.\n", s.store, err)
		default:
			s.a.ui.Error(err, "choose another place with -store, or free some space")
			return nil, exitUsage
		}
	}

	se.host, err = pluginhost.New(pluginhost.Config{Plugins: append(specs, s.external...), Logger: logger, LogDir: logs, Threads: s.threads, MemoryMiB: s.memory})
	if err != nil {
		s.a.ui.Error(err)
		return nil, exitFailed
	}
	if se.catalog, err = newCatalog(ctx, se.host, s.external, se.store); err != nil {
		se.close()
		if ctx.Err() != nil {
			return nil, exitInterrupted
		}
		s.a.ui.Error(err)
		return nil, exitUsage
	}
	return se, exitDone
}

func (se *session) close() {
	se.host.Close()
	if se.store != nil {
		_ = se.store.Close()
	}
}

// plan makes the plan and prints what is wrong.
func (se *session) plan(ctx context.Context, validateOnly, force bool) (*study.Plan, int) {
	opts := study.Options{Only: se.filters, ValidateOnly: validateOnly, Report: fmt.Sprintf("%d %s", report.Revision, report.BundleDigest())}
	if se.store != nil && !force {
		opts.Done = func(recipe cas.Digest) bool { return runner.Recorded(se.store, recipe) }
	}
	p, diags := study.New(ctx, se.w, se.catalog, opts)
	if ctx.Err() != nil {
		return nil, exitInterrupted
	}
	if !diags.HasErrors() && !validateOnly {
		diags = append(diags, checkClaims(p)...)
	}
	if diags.HasErrors() {
		se.a.ui.Diagnostics(se.files, workflow.Tidy(diags))
		return nil, exitUsage
	}
	return p, exitDone
}

// resultsDir is where the results of a plan are laid out: latest for a full
// grid, partial for part of one.
func resultsDir(p *study.Plan) string { return filepath.Join(".xlrun", p.Name) }

// newLogger obeys XLRUN_LOG (off, error, warn, info, debug, trace) and
// XLRUN_LOG_PATH.
func newLogger() (hclog.Logger, error) {
	level := os.Getenv("XLRUN_LOG")
	if level == "" || strings.EqualFold(level, "off") {
		return hclog.NewNullLogger(), nil
	}
	l := hclog.LevelFromString(level)
	if l == hclog.NoLevel {
		return nil, fmt.Errorf("XLRUN_LOG=%q: want off, error, warn, info, debug or trace", level)
	}
	var out io.Writer = os.Stderr
	if path := os.Getenv("XLRUN_LOG_PATH"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("XLRUN_LOG_PATH: %w", err)
		}
		out = f
	}
	return hclog.New(&hclog.LoggerOptions{Name: "xlrun", Level: l, Output: out}), nil
}

func (a *app) printJSON(v any) int {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	if _, err := fmt.Fprintln(a.stdout, string(b)); err != nil {
		return exitFailed
	}
	return exitDone
}

// oneWorkflow checks that a verb got exactly one workflow.
func (a *app) oneWorkflow(verb string, args []string) (string, bool) {
	switch len(args) {
	case 1:
		return args[0], true
	case 0:
		a.usageError(verb, "xlrun %s wants a workflow, such as workflows/quickstart.hcl", verb)
	default:
		a.usageError(verb, "xlrun %s takes one workflow, got %d: %s", verb, len(args), strings.Join(args, " "))
	}
	return "", false
}
