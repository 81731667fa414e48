package main

import (
	"context"
	"flag"

	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/terminal"
)

var planVerb = &verb{
	name: "plan", args: "WORKFLOW", short: "show what would run, and what is there already",
	long: `Reads a workflow, looks at its data, and prints the grid and the steps: what the
store has, what would run. Nothing is computed. Mistakes in the workflow, budgets
that cannot be filled and pools that a target cannot fill are found here.`,
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		s := newStudyFlags(a, fs)
		s.planFlags(fs)
		fs.BoolVar(&a.json, "json", false, "print the plan as JSON")
		dot := fs.Bool("dot", false, "print the steps as a graph in the DOT language")
		return func(ctx context.Context, args []string) int {
			path, ok := a.oneWorkflow("plan", args)
			if !ok {
				return exitUsage
			}
			if *dot && a.json {
				return a.usageError("plan", "-json and -dot cannot both be printed")
			}
			s.readOnly = true
			se, code := s.prepare(ctx, path, true)
			if code != exitDone {
				return code
			}
			defer se.close()
			p, code := se.plan(ctx, false, false)
			if code != exitDone {
				return code
			}
			var st *runner.StepStatus // nil: nothing is known to be there
			var err error
			if se.store != nil {
				st, err = runner.Status(p, se.store)
			}
			if err != nil {
				a.ui.Error(err)
				return exitFailed
			}
			switch {
			case *dot:
				err = terminal.WritePlanDOT(a.stdout, p, st)
			case a.json:
				err = terminal.WritePlanJSON(a.stdout, p, st)
			default:
				a.ui.Plan(terminal.PlanView{Plan: p, Status: st, Files: s.files, Start: a.again(), Changes: changes(p, st), Estimate: outlook(p, st, s.workers)})
			}
			if err != nil {
				a.ui.Error(err)
				return exitFailed
			}
			return exitDone
		}
	},
}

var validateVerb = &verb{
	name: "validate", args: "WORKFLOW", short: "check a workflow without looking at data",
	long: `Reads a workflow and checks everything that can be checked without its data: the
language, names, types, arguments of components. Every mistake is shown at once,
with its line.`,
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		s := newStudyFlags(a, fs)
		fs.BoolVar(&a.json, "json", false, "print the mistakes as JSON")
		return func(ctx context.Context, args []string) int {
			path, ok := a.oneWorkflow("validate", args)
			if !ok {
				return exitUsage
			}
			se, code := s.prepare(ctx, path, false)
			if code != exitDone {
				return code
			}
			defer se.close()
			p, code := se.plan(ctx, true, false)
			if code != exitDone {
				return code
			}
			if len(p.Warnings) > 0 || a.json {
				a.ui.Diagnostics(s.files, p.Warnings)
			}
			if !a.json {
				a.ui.Printf("%s is valid: %d blocks with instances, %d claims.\n", path, len(p.Blocks), len(p.Claims))
			}
			return exitDone
		}
	},
}
