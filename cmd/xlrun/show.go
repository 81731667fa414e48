package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/study"
)

var showVerb = &verb{
	name: "show", args: "WORKFLOW|DIR", short: "print the results of the last run again",
	long: `Prints the claims and the table of the last finished run of a workflow, and where
its files lie. DIR is a directory of results, such as .xlrun/quickstart/latest.
Nothing is computed.`,
	setup: func(a *app, fl *flag.FlagSet) func(context.Context, []string) int {
		fl.BoolVar(&a.json, "json", false, "print summary.json")
		return func(_ context.Context, args []string) int {
			if len(args) != 1 {
				return a.usageError("show", "xlrun show wants a workflow or a directory of results")
			}
			dir := resultsOf(args[0])
			path := filepath.Join(dir, "summary.json")
			if a.json {
				b, err := os.ReadFile(path)
				if err == nil {
					_, err = a.stdout.Write(b)
				}
				return a.shown(err, args[0])
			}
			sum, err := readSummary(path)
			if err == nil {
				a.ui.Summary(sum, dir)
			}
			return a.shown(err, args[0])
		}
	},
}

// resultsOf returns the directory of the last results of a workflow, by its file
// or by its name, or the directory itself.
func resultsOf(what string) string {
	named := filepath.Join(".xlrun", strings.TrimSuffix(filepath.Base(what), ".hcl"), "latest")
	if filepath.Ext(what) == ".hcl" || !exists(filepath.Join(what, "summary.json")) && exists(named) {
		return named
	}
	return what
}

func (a *app) shown(err error, what string) int {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint := "name a workflow (NAME.hcl) or a directory of results (.xlrun/NAME/latest)"
		if filepath.Ext(what) == ".hcl" {
			hint = "make them with: xlrun run " + what
		}
		a.ui.Error(fmt.Errorf("there are no results of %s here", what), hint)
		return exitUsage
	case err != nil:
		a.ui.Error(err)
		return exitFailed
	}
	return exitDone
}

var whyVerb = &verb{
	name: "why", args: "WORKFLOW A [B]", short: "say what a step's result depends on, or how two steps differ",
	long: `A and B name steps or cells of the plan: the first digits of a recipe or of a cell
(as in the records), or words that occur in one step's label. With one step,
prints everything its result depends on. With two, prints what differs.`,
	setup: func(a *app, fl *flag.FlagSet) func(context.Context, []string) int {
		s := newStudyFlags(a, fl)
		s.planFlags(fl)
		return func(ctx context.Context, args []string) int {
			if len(args) != 2 && len(args) != 3 {
				return a.usageError("why", "xlrun why wants a workflow and one or two steps")
			}
			se, code := s.prepare(ctx, args[0], true)
			if code != exitDone {
				return code
			}
			defer se.close()
			p, code := se.plan(ctx, false, false)
			if code != exitDone {
				return code
			}
			var steps []*study.Step
			for _, name := range args[1:] {
				st, err := findStep(p, name)
				if err != nil {
					a.ui.Error(err)
					return exitUsage
				}
				steps = append(steps, st)
			}
			if len(steps) == 1 {
				return a.printStep(steps[0])
			}
			return a.printDifference(steps[0], steps[1])
		}
	},
}

// findStep finds a step by the digits of its recipe or of a cell, or by words
// of its stage and label.
func findStep(p *study.Plan, name string) (*study.Step, error) {
	var found []*study.Step
	digits := strings.TrimPrefix(name, "sha256:")
	for _, c := range p.Cells {
		if len(digits) >= 4 && strings.HasPrefix(c.ID.Hex(), digits) {
			return c.Runs[0].Measure, nil
		}
	}
	for _, s := range p.Steps {
		text := string(s.Stage) + " " + s.Label
		if text == name || s.Label == name {
			return s, nil
		}
		match := len(digits) >= 4 && strings.HasPrefix(s.Recipe.Hex(), digits)
		if !match {
			match = true
			for _, word := range strings.Fields(name) {
				match = match && slices.Contains(strings.Fields(text), word)
			}
		}
		if match {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no step or cell of the plan is named %q; xlrun plan -json lists them", name)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, s := range found[:min(4, len(found))] {
		names = append(names, fmt.Sprintf("%s %s (%s)", s.Stage, s.Label, s.Recipe.Short()))
	}
	return nil, fmt.Errorf("%q fits %d steps, such as %s; add a word", name, len(found), strings.Join(names, "; "))
}

func (a *app) printStep(s *study.Step) int {
	var b bytes.Buffer
	if err := json.Indent(&b, s.Preimage, "", "  "); err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	_, _ = fmt.Fprintf(a.stdout, "%s %s\nrecipe %s, the digest of\n%s\n", s.Stage, s.Label, s.Recipe, b.String())
	for _, in := range s.Inputs[:min(20, len(s.Inputs))] {
		_, _ = fmt.Fprintf(a.stdout, "  %s: %s of %s %s (%s)\n", in.Role, in.Part, in.Step.Stage, in.Step.Label, in.Step.Recipe.Short())
	}
	if n := len(s.Inputs) - 20; n > 0 {
		_, _ = fmt.Fprintf(a.stdout, "  and %d more\n", n)
	}
	return exitDone
}

// printDifference follows two steps of one stage upwards to where they differ.
func (a *app) printDifference(x, y *study.Step) int {
	if x.Recipe == y.Recipe {
		_, _ = fmt.Fprintf(a.stdout, "the same: %s and %s have the recipe %s\n", x.Label, y.Label, x.Recipe.Short())
		return exitDone
	}
	if x.Stage != y.Stage {
		a.ui.Error(fmt.Errorf("%s %s and %s %s are of different stages: nothing to compare", x.Stage, x.Label, y.Stage, y.Label))
		return exitUsage
	}
	seen := map[[2]*study.Step]bool{}
	var walk func(x, y *study.Step)
	walk = func(x, y *study.Step) {
		if x.Recipe == y.Recipe || seen[[2]*study.Step{x, y}] {
			return
		}
		seen[[2]*study.Step{x, y}] = true
		var ax, ay any
		if json.Unmarshal(x.ActionArgs, &ax) == nil && json.Unmarshal(y.ActionArgs, &ay) == nil {
			var lines []string
			study.Differences("", ax, ay, func(at string, x, y any) {
				bx, _ := json.Marshal(x)
				by, _ := json.Marshal(y)
				lines = append(lines, fmt.Sprintf("%s: %s against %s", at, bx, by))
			})
			if len(lines) > 0 {
				_, _ = fmt.Fprintf(a.stdout, "%s %s\n%s %s\n  %s\n", x.Stage, x.Label, y.Stage, y.Label, strings.Join(lines, "\n  "))
			}
		}
		if len(x.Inputs) != len(y.Inputs) {
			_, _ = fmt.Fprintf(a.stdout, "  %d inputs against %d\n", len(x.Inputs), len(y.Inputs))
		}
		for i := range min(len(x.Inputs), len(y.Inputs)) {
			walk(x.Inputs[i].Step, y.Inputs[i].Step)
		}
	}
	walk(x, y)
	return exitDone
}
