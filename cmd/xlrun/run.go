package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/internal/terminal"
)

var runVerb = &verb{
	name: "run", args: "WORKFLOW", short: "carry out a study: compute what is missing, write the report",
	long: `Reads a workflow (a file, or a directory of *.hcl files), computes what the
store does not have yet, and lays the results out in .xlrun/NAME/latest:
report.html, records.parquet, summary.json, claims.json, journal.parquet and
runs/. What was computed before, here or for another study, is not computed
again. Ctrl-C stops within two seconds; the same command goes on from there.

Exit codes: 0 done; 1 something ran and failed; 2 nothing was started, because
the workflow or the command line is wrong; 130 interrupted.`,
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		s := newStudyFlags(a, fs)
		s.planFlags(fs)
		force := fs.Bool("force", false, "compute everything again, also what is in the store")
		retries := fs.Int("retries", 2, "further attempts when a plugin died")
		fs.IntVar(&s.workers, "workers", 0, "steps at once (default: the number of processors)")
		fs.IntVar(&s.threads, "threads", 0, "threads per plugin process (default: processors / workers)")
		fs.IntVar(&s.memory, "memory", 0, "soft limit of a plugin process, in MiB (default: none)")
		fs.BoolVar(&a.events, "json", false, "print events as JSON, one per line")
		return func(ctx context.Context, args []string) int {
			path, ok := a.oneWorkflow("run", args)
			if !ok {
				return exitUsage
			}
			switch {
			case *retries < 0:
				return a.usageError("run", "-retries wants a number, 0 or more; got %d", *retries)
			case *retries == 0:
				*retries = -1 // the runner's word for none
			}
			return s.run(ctx, path, *force, *retries)
		}
	},
}

func (s *studyFlags) run(ctx context.Context, path string, force bool, retries int) int {
	se, code := s.prepare(ctx, path, true)
	if code != exitDone {
		return code
	}
	defer se.close()
	p, code := se.plan(ctx, false, force)
	if code != exitDone {
		return code
	}
	if len(p.Warnings) > 0 {
		s.a.ui.Diagnostics(s.files, p.Warnings)
	}
	progress := s.a.ui.Progress(p)
	defer context.AfterFunc(ctx, progress.Stopping)()
	out, err := runner.Run(ctx, p, runner.Options{
		Store: se.store, Host: se.host, Workers: s.workers, Force: force, Retries: retries,
		Events: progress.Event, Analyse: analyse, Report: makeReport, Results: resultsDir(p),
	})
	progress.Close()
	end := terminal.Ending{Plan: p, Outcome: out, Again: s.a.again()}
	if out != nil && out.Summary != "" {
		// A summary that cannot be read is shown as missing: the run is done.
		end.Summary, _ = readSummary(out.Summary)
	}
	if ctx.Err() != nil && err != nil {
		end.Interrupted = true
	} else {
		end.Err = err
	}
	if err == nil && !p.Partial {
		if err := keepSnapshot(p); err != nil {
			s.a.ui.Error(fmt.Errorf("keep the plan for the next run: %w", err))
		}
	}
	s.a.ui.Finish(end)
	switch {
	case end.Interrupted:
		return exitInterrupted
	case err != nil || len(out.Failures) > 0:
		return exitFailed
	}
	return exitDone
}

// snapshotFile is where the last plan of a workflow is kept.
func snapshotFile(p *study.Plan) string { return filepath.Join(resultsDir(p), "plan.json") }

// keepSnapshot keeps what the plan was made of, so that the next one can say
// what has changed.
func keepSnapshot(p *study.Plan) error {
	b, err := json.Marshal(p.Snapshot())
	if err != nil {
		return err
	}
	file := snapshotFile(p)
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}

// outlook says what else is known of how much a plan will do.
func outlook(p *study.Plan, st *runner.StepStatus, workers int) string {
	return strings.TrimSpace(atMost(st) + " " + estimate(p, st, workers))
}

// atMost says that fewer steps may run than are counted: of one whose inputs
// have to be made first it shows only then whether the store has its result.
func atMost(st *runner.StepStatus) string {
	if st == nil || st.Cached == 0 {
		return "" // there is nothing to be equal to
	}
	toRun := map[*study.Step]bool{}
	for _, s := range st.ToRun {
		toRun[s] = true
	}
	for _, s := range st.ToRun {
		switch s.Stage {
		case study.StageCollect, study.StageAnalyse, study.StageReport:
			continue // not counted
		}
		if slices.ContainsFunc(s.Inputs, func(in study.Input) bool { return toRun[in.Step] }) {
			return "At most: what follows a step that gives the same as before is not run."
		}
	}
	return ""
}

// estimate says how long a plan takes here, judging by what steps of the same
// blocks took in the last run; "" where that run says too little.
func estimate(p *study.Plan, st *runner.StepStatus, workers int) string {
	if st == nil || len(st.ToRun) == 0 {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(resultsDir(p), "latest", "journal.parquet"))
	if err != nil {
		return ""
	}
	entries, err := results.DecodeJournal(b)
	if err != nil {
		return ""
	}
	type kind struct{ stage, block string }
	sum, n := map[kind]float64{}, map[kind]float64{}
	for _, e := range entries {
		if e.Status == results.StatusDone {
			for _, k := range []kind{{e.Stage, e.Block}, {e.Stage, ""}} {
				sum[k] += e.Seconds
				n[k]++
			}
		}
	}
	total := 0.0
	for _, s := range st.ToRun {
		k := kind{string(s.Stage), s.Block}
		if n[k] == 0 {
			k.block = ""
		}
		if n[k] == 0 {
			return ""
		}
		total += sum[k] / n[k]
	}
	d := time.Duration(total / float64(max(1, workers)) * float64(time.Second))
	switch {
	case d < time.Second:
		return ""
	case d < 90*time.Second:
		return fmt.Sprintf("About %d s here, judging by the last run.", int(d.Seconds()+0.5))
	}
	return fmt.Sprintf("About %d min here, judging by the last run.", int(d.Minutes()+0.5))
}

// changes says why steps have to run, where an earlier plan is known.
func changes(p *study.Plan, st *runner.StepStatus) []study.Change {
	if st == nil {
		return nil
	}
	b, err := os.ReadFile(snapshotFile(p))
	if err != nil {
		return nil
	}
	old, err := study.ParseSnapshot(b)
	if err != nil {
		return nil
	}
	return study.Explain(old, st.ToRun)
}
