package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/internal/workflow"
)

var consoleVerb = &verb{
	name: "console", args: "WORKFLOW", short: "evaluate expressions as a workflow sees them",
	long: `Reads expressions, one per line, and prints their values as JSON: var.data,
sample(local.high, 2, 1), axis.size.dim. Axes have their first value, or the one
chosen with -at. Ends at the end of input, or with exit.`,
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		s := newStudyFlags(a, fs)
		var at []study.Filter
		fs.Func("at", "the place in the grid: `axis=value`[,axis=value]", func(v string) error {
			f, err := study.ParseFilter(v)
			at = append(at, f...)
			return err
		})
		return func(_ context.Context, args []string) int {
			path, ok := a.oneWorkflow("console", args)
			if !ok {
				return exitUsage
			}
			w, ok := s.load(path)
			if !ok {
				return exitUsage
			}
			p := make(workflow.Point, len(w.Axes))
			for _, f := range at {
				x := w.Axis(f.Axis)
				if x == nil {
					return a.usageError("console", "there is no axis %q", f.Axis)
				}
				i := x.Find(f.Labels[0])
				if i < 0 {
					return a.usageError("console", "axis %q has no value %q", f.Axis, f.Labels[0])
				}
				p[x.Index] = i
			}
			return s.console(w, p)
		}
	},
}

func (s *studyFlags) console(w *workflow.Workflow, p workflow.Point) int {
	in := bufio.NewScanner(s.a.stdin)
	in.Buffer(nil, 1<<20)
	prompt := ""
	if f, ok := s.a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		prompt = "> "
	}
	code := exitDone
	for {
		_, _ = fmt.Fprint(s.a.stderr, prompt)
		if !in.Scan() {
			break
		}
		line := strings.TrimSpace(in.Text())
		switch line {
		case "":
			continue
		case "exit", "quit":
			return code
		}
		v, diags := w.Evaluate(line, p)
		if diags.HasErrors() {
			s.a.ui.Diagnostics(map[string]*hcl.File{workflow.ConsoleFile: {Bytes: []byte(line)}}, workflow.Tidy(diags))
			code = exitFailed
			continue
		}
		plain, err := workflow.Plain(v)
		if err == nil {
			var text []byte
			if text, err = workflow.Canonical(plain); err == nil {
				_, _ = fmt.Fprintln(s.a.stdout, string(text))
			}
		}
		if err != nil {
			s.a.ui.Error(err)
			code = exitFailed
		}
	}
	if prompt != "" {
		_, _ = fmt.Fprintln(s.a.stderr)
	}
	return code
}
