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
	Records, Runs, Curve, Summary, Claims, Report cas.Digest
}

// publish lays the results out and returns their directory; "" where there is
// nothing to lay out.
func (r *run) publish(out *Outcome) (string, error) {
	c := r.record(r.plan.Collect)
	if c == nil {
		return "", nil
	}
	want := contents{Records: c.Outputs[partRecords].Digest, Runs: c.Outputs[partRuns].Digest, Curve: c.Outputs[partCurve].Digest}
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
	same := r.published(link, want)
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

// laid is a file of a generation that holds a stored blob.
type laid struct {
	path   string // in the generation
	digest cas.Digest
	size   int64
	linked bool // it is a hard link to the blob, where the system allows one
}

// files lists the files that hold contents.
func (c contents) files(store *cas.Store) ([]laid, error) {
	var out []laid
	add := func(path string, d cas.Digest) error {
		if d == "" {
			return nil
		}
		size, err := store.Size(d)
		out = append(out, laid{path, d, size, size > cas.CopySize})
		return err
	}
	if err := errors.Join(add("records.parquet", c.Records), add("curve.parquet", c.Curve), add("summary.json", c.Summary), add("claims.json", c.Claims)); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		dir    string
		digest cas.Digest
	}{{"runs", c.Runs}, {"", c.Report}} {
		if x.digest == "" {
			continue
		}
		entries, err := store.Manifest(x.digest)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			out = append(out, laid{filepath.Join(x.dir, filepath.FromSlash(e.Path)), e.Digest, e.Size, x.dir != "" || e.Size > cas.CopySize})
		}
	}
	return out, nil
}

// untouched reports whether a file of a generation is as it was laid out; since
// is the time of the newest hard link then. Copies are read through. Hard links, which are big or many, must
// have the size they had and not have been written to since.
func (f laid) untouched(dir string, since time.Time) bool {
	path := filepath.Join(dir, f.path)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != f.size {
		return false
	}
	if f.linked {
		return !info.ModTime().After(since)
	}
	b, err := os.ReadFile(path)
	return err == nil && cas.Sum(b) == f.digest
}

// readContents reads what a generation holds, and the time of its newest hard
// link when it was laid out (see stamp).
func readContents(dir string) (c contents, since time.Time, err error) {
	path := filepath.Join(dir, contentsName)
	b, err := os.ReadFile(path)
	if err != nil {
		return c, since, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return c, since, err
	}
	return c, info.ModTime(), json.Unmarshal(b, &c)
}

// published reports whether link names results with these contents, none of
// them removed or changed.
func (r *run) published(link string, want contents) bool {
	have, since, err := readContents(link)
	if err != nil || have != want {
		return false
	}
	files, err := want.files(r.store)
	return err == nil && !slices.ContainsFunc(files, func(f laid) bool { return !f.untouched(link, since) })
}

// inspect looks for hard links among the results that somebody has written to:
// the blobs in the store are the same files. Damaged ones are removed, so that
// they are computed again.
func (r *run) inspect() {
	if r.opts.Results == "" {
		return
	}
	for _, name := range []string{linkLatest, linkPartial} {
		dir := filepath.Join(r.opts.Results, name)
		have, since, err := readContents(dir)
		if err != nil {
			continue // none there, or not ours: laying out will tell
		}
		files, err := have.files(r.store)
		if err != nil {
			continue // the store has lost them
		}
		for _, f := range files {
			if f.linked && !f.untouched(dir, since) {
				_ = r.store.Verify(f.digest) // what is damaged is gone now
			}
		}
	}
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
	}{{"records.parquet", want.Records}, {"curve.parquet", want.Curve}, {"summary.json", want.Summary}, {"claims.json", want.Claims}} {
		if f.digest == "" {
			continue
		}
		if err := r.store.Export(f.digest, filepath.Join(tmp, f.name)); err != nil {
			return "", err
		}
	}
	if err := r.store.LinkDir(want.Runs, filepath.Join(tmp, "runs")); err != nil {
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
	if err := r.stamp(tmp, want); err != nil {
		return "", err
	}
	return dir, os.Rename(tmp, dir)
}

// stamp gives the list of contents the time of the newest hard link, so that
// whatever writes to one later is later than that. The time of laying out would
// not do: the clock of a file system ticks in milliseconds, and a write in the
// same tick would go unnoticed.
func (r *run) stamp(dir string, want contents) error {
	files, err := want.files(r.store)
	if err != nil {
		return err
	}
	var newest time.Time
	for _, f := range files {
		if !f.linked {
			continue
		}
		info, err := os.Lstat(filepath.Join(dir, f.path))
		if err != nil {
			return err
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	if newest.IsZero() {
		return nil
	}
	return os.Chtimes(filepath.Join(dir, contentsName), newest, newest)
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
