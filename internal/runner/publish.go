package runner

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/results"
)

// Where results lie, under .xlrun/<workflow>:
//
//	latest   → generations/<id>   of the last run that had every cell
//	partial  → generations/<id>   of the last run that had not: -only, or failures
//	generations/<id>/             report.html, records.parquet, …
//	journals/<time>.jsonl         what happened, line by line
//
// A generation is complete before a link names it, and a link is replaced in
// one step: a reader always sees results that belong together.
const (
	linkLatest     = "latest"
	linkPartial    = "partial"
	generationsDir = "generations"
	journalName    = "journal.parquet"
	contentsName   = ".contents.json"
)

// contents says what a generation holds, so that an equal one is not laid out
// again.
type contents struct {
	Records, Runs, Summary, Claims, Report cas.Digest
}

// publish lays the results out and returns their directory; "" where there is
// nothing to lay out.
func (r *run) publish(out *Outcome) (string, error) {
	c := r.record(r.plan.Collect)
	if c == nil {
		return "", nil
	}
	want := contents{Records: c.Outputs[partRecords].Digest, Runs: c.Outputs[partRuns].Digest}
	if a := r.record(r.plan.Analyse); a != nil {
		want.Summary, want.Claims = a.Outputs[partSummary].Digest, a.Outputs[partClaims].Digest
	}
	if p := r.record(r.plan.Report); p != nil {
		want.Report = p.Outputs[partReport].Digest
	}
	name := linkLatest
	if r.plan.Partial || out.Missing > 0 || out.Failed > 0 {
		name = linkPartial
	}
	link := filepath.Join(r.opts.Results, name)
	entries := r.entries()
	same := published(link, want)
	if same && entries == nil {
		return link, nil // and the journal still says how these came about
	}
	journal, err := results.EncodeJournal(entries)
	if err != nil {
		return "", err
	}
	if same {
		tmp := filepath.Join(link, "."+journalName+rand.Text()[:8])
		err := os.WriteFile(tmp, journal, 0o644)
		if err == nil {
			err = os.Rename(tmp, filepath.Join(link, journalName))
		}
		if err == nil {
			return link, nil
		}
		// Another run may have replaced the generation meanwhile: make a new one.
	}
	dir, err := r.layOut(want, journal)
	if err != nil {
		return "", fmt.Errorf("lay out the results: %w", err)
	}
	if err := relink(link, filepath.Join(generationsDir, filepath.Base(dir))); err != nil {
		return "", fmt.Errorf("lay out the results: %w", err)
	}
	r.dropGenerations()
	return link, nil
}

// published reports whether link names results with these contents, none of
// them removed.
func published(link string, want contents) bool {
	b, err := os.ReadFile(filepath.Join(link, contentsName))
	if err != nil {
		return false
	}
	var have contents
	if json.Unmarshal(b, &have) != nil || have != want {
		return false
	}
	names := []string{"records.parquet", "runs"}
	if want.Summary != "" {
		names = append(names, "summary.json")
	}
	if want.Claims != "" {
		names = append(names, "claims.json")
	}
	if want.Report != "" {
		names = append(names, "report.html")
	}
	return !slices.ContainsFunc(names, func(n string) bool {
		_, err := os.Stat(filepath.Join(link, n))
		return err != nil
	})
}

// layOut makes a new generation.
func (r *run) layOut(want contents, journal []byte) (string, error) {
	root := filepath.Join(r.opts.Results, generationsDir)
	dir := filepath.Join(root, time.Now().UTC().Format("20060102-150405.000")+"-"+rand.Text()[:6])
	tmp := filepath.Join(root, "."+filepath.Base(dir))
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // it has another name by then
	if want.Report != "" {
		if err := r.store.ExportDir(want.Report, tmp); err != nil {
			return "", err
		}
	}
	for _, f := range []struct {
		name   string
		digest cas.Digest
	}{{"records.parquet", want.Records}, {"summary.json", want.Summary}, {"claims.json", want.Claims}} {
		if f.digest == "" {
			continue
		}
		if err := r.store.Export(f.digest, filepath.Join(tmp, f.name)); err != nil {
			return "", err
		}
	}
	if err := r.store.ExportDir(want.Runs, filepath.Join(tmp, "runs")); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(tmp, journalName), journal, 0o644); err != nil {
		return "", err
	}
	b, err := json.Marshal(want)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(tmp, contentsName), b, 0o644); err != nil {
		return "", err
	}
	return dir, os.Rename(tmp, dir)
}

// relink makes link name target in one step.
func relink(link, target string) error {
	tmp := link + "." + rand.Text()[:8]
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, link); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return nil
}

// dropGenerations removes all but the newest generations and those that a
// link names. Names sort by time. A generation of another run that is not
// linked yet is among the newest.
func (r *run) dropGenerations() {
	const keep = 3
	root := filepath.Join(r.opts.Results, generationsDir)
	ents, err := os.ReadDir(root)
	if err != nil {
		return
	}
	linked := map[string]bool{}
	for _, l := range []string{linkLatest, linkPartial} {
		if t, err := os.Readlink(filepath.Join(r.opts.Results, l)); err == nil {
			linked[filepath.Base(t)] = true
		} else if !errors.Is(err, fs.ErrNotExist) {
			return // somebody made it something else: touch nothing
		}
	}
	var names []string
	for _, e := range ents {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), ".") && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(root, e.Name())) // left by a killed process
		}
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	for _, n := range names[:max(0, len(names)-keep)] {
		if !linked[n] {
			_ = os.RemoveAll(filepath.Join(root, n)) // what stays is links to the store
		}
	}
}
