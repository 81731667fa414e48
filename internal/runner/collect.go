package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
)

// cellFacts is what the records of a cell say beside its values.
type cellFacts struct {
	Cell    results.Record `json:"cell"` // without a query
	Seeds   []int64        `json:"seeds"`
	Values  []cas.Digest   `json:"values"`
	Runs    []output       `json:"runs"`
	missing bool
	cell    *study.Cell

	// Where queries are in several languages: the pools, which say in which,
	// and the exposure of each language.
	Pools     []output          `json:"pools,omitempty"`
	Exposures map[string]string `json:"exposures,omitempty"`
	// Curve has the points of each seed, where there is a curve.
	Curve [][]curveFacts `json:"curve,omitempty"`
}

// curveFacts is a point of a curve: the values at one pool size.
type curveFacts struct {
	Size   int32      `json:"size"`
	Values cas.Digest `json:"values"`
}

// points returns the points of a curve. Those whose steps have failed are left
// out and counted. r.mu is held.
func (r *run) points(x study.CellRun) (points []curveFacts, missing int) {
	for _, p := range x.Curve {
		if m := r.node(p.Measure); m != nil && m.rec != nil {
			points = append(points, curveFacts{int32(p.Size), m.rec.Outputs[partValues].Digest})
		} else {
			missing++
		}
	}
	return points, missing
}

// collectFacts returns what enters the action of the collect step beside the
// values: lineage, exposure, runs and notes, which come from the records of
// steps and not from their parts. Cells that lack something are left out and
// counted.
func (r *run) collectFacts() ([]byte, error) {
	cells, err := r.cells()
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Cells []cellFacts `json:"cells"`
		noteFile
	}{cells, r.noteFile()})
}

// cells describes the cells that have all their values, in plan order.
func (r *run) cells() ([]cellFacts, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []cellFacts
	missing, lost := 0, 0
	origins := map[[3]*study.Step]*origin{}
	for _, c := range r.plan.Cells {
		f := cellFacts{cell: c, Cell: results.Record{
			Cell: string(c.ID), Retrieval: c.Retrieval, Encoder: c.Encoder, Component: c.Component, Task: c.Task, Index: c.Index,
			Axes: c.Axes, QueryLanguage: c.QueryLanguage, CorpusLanguage: c.CorpusLanguage, PoolSize: int32(c.PoolSize),
		}}
		for _, x := range c.Runs {
			m, s := r.node(x.Measure), r.node(x.Search)
			if m == nil || m.rec == nil || s == nil || s.rec == nil {
				f.missing = true
				break
			}
			f.Seeds = append(f.Seeds, x.Seed)
			f.Values = append(f.Values, m.rec.Outputs[partValues].Digest)
			f.Runs = append(f.Runs, s.rec.Outputs[partRun])
			if len(collection.SplitLanguages(c.QueryLanguage)) > 1 {
				p := r.node(x.Pool)
				if p == nil || p.rec == nil {
					f.missing = true
					break
				}
				f.Pools = append(f.Pools, p.rec.Outputs[partPool])
			}
			if x.Curve != nil {
				points, n := r.points(x)
				f.Curve = append(f.Curve, points)
				lost += n
			}
		}
		if f.missing || !r.described(c) {
			missing++
			continue
		}
		key := [3]*study.Step{c.Mix, c.Train, c.Queries}
		o, ok := origins[key]
		if !ok || c.Queries == nil {
			var err error
			if o, err = r.origin(c); err != nil {
				return nil, err
			}
			origins[key] = o
		}
		f.Cell.Lineage = o.lin
		f.Cell.Exposure = o.exposure(c.QueryLanguage)
		if f.Pools != nil {
			f.Exposures = map[string]string{}
			for _, lang := range collection.SplitLanguages(c.QueryLanguage) {
				f.Exposures[lang] = o.exposure(lang)
			}
		}
		if f.Cell.PoolSize == 0 {
			f.Cell.PoolSize = r.poolSize(c)
		}
		out = append(out, f)
	}
	r.missing, r.lostPoints = missing, lost
	return out, nil
}

// poolSize returns the number of candidates of a cell that searches the whole
// corpus.
func (r *run) poolSize(c *study.Cell) int32 {
	for _, x := range c.Runs {
		if n := r.node(x.Pool); n != nil && n.rec != nil {
			if p, err := r.pool(n.rec.Outputs[partPool]); err == nil {
				return int32(len(p.DocumentRows))
			}
		}
	}
	return 0
}

// noteFile is the part "notes" of the collected records.
type noteFile struct {
	Format string  `json:"format"`
	Notes  []Note  `json:"notes"`
	Checks []Check `json:"checks"`
}

const notesFormat = "xlrun.notes/1"

func (r *run) noteFile() noteFile {
	notes := r.gatherNotes()
	r.mu.Lock()
	lost := r.lostPoints
	r.mu.Unlock()
	if lost > 0 {
		notes = append(notes, Note{Stage: study.StageCollect, What: "points of curves that are missing because their measures failed", Count: lost, Steps: 1})
	}
	return noteFile{notesFormat, notes, r.gatherChecks()}
}

// readNotes reads the part "notes" of collected records.
func (r *run) readNotes(o output) (noteFile, error) {
	var f noteFile
	b, err := r.store.ReadFile(o.Digest)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, r.unreadable(o, fmt.Errorf("read the notes: %w", err))
	}
	if f.Format != notesFormat {
		return f, r.unreadable(o, fmt.Errorf("read the notes: they are in format %q, this xlrun reads %q", f.Format, notesFormat))
	}
	return f, nil
}

// unreadable drops a part whose bytes are what they were when stored and yet
// cannot be read: another version of xlrun wrote it. It counts as damaged, so
// that it is computed again.
func (r *run) unreadable(o output, err error) error {
	r.store.Remove(o.Digest)
	return fmt.Errorf("%w: %w", err, cas.ErrDamaged)
}

// gatherNotes adds up the notes of all steps by block.
func (r *run) gatherNotes() []Note {
	r.mu.Lock()
	defer r.mu.Unlock()
	type key struct{ block, what string }
	at := map[key]*Note{}
	said := map[note]bool{}
	var order []*Note
	for _, n := range r.nodes {
		if n.rec == nil {
			continue
		}
		for _, x := range n.rec.Meta.Notes {
			k := key{n.step.Block, x.What}
			if x.Of != "" {
				once := note{What: n.step.Block + " " + x.What, Of: x.Of}
				if said[once] {
					continue
				}
				said[once] = true
			}
			s := at[k]
			if s == nil {
				s = &Note{Stage: n.step.Stage, Block: n.step.Block, What: x.What, First: n.step.Label, Text: x.Text}
				at[k] = s
				order = append(order, s)
			}
			s.Count += x.Count
			s.Steps++
		}
	}
	slices.SortStableFunc(order, func(a, b *Note) int {
		return cmp.Or(cmp.Compare(slices.Index(study.Stages, a.Stage), slices.Index(study.Stages, b.Stage)), strings.Compare(a.Block, b.Block), strings.Compare(a.What, b.What))
	})
	out := make([]Note, len(order))
	for i, s := range order {
		out[i] = *s
	}
	return out
}

// gatherChecks adds up the leakage checks by retrieval block.
func (r *run) gatherChecks() []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Check
	for _, n := range r.nodes {
		if n.rec == nil || n.step.Stage != study.StageCheck {
			continue
		}
		i := slices.IndexFunc(out, func(c Check) bool { return c.Block == n.step.Block })
		if i < 0 {
			i = len(out)
			out = append(out, Check{Block: n.step.Block})
		}
		out[i].Steps++
		out[i].Queries += n.rec.Meta.Checked
		for _, x := range n.rec.Meta.Notes {
			if x.What == NoteLeak {
				out[i].Found += x.Count
			}
		}
	}
	return out
}

func collect(ctx context.Context, j *job) (*result, error) {
	cells, err := j.r.cells()
	if err != nil {
		return nil, err
	}
	var axes []string
	for _, a := range j.r.plan.Axes {
		axes = append(axes, a.Name)
	}
	var runs []cas.Entry
	named := map[string]cas.Digest{}
	file, err := j.r.store.Create()
	if err != nil {
		return nil, err
	}
	defer file.Discard()
	w, err := results.NewRecordWriter(file, axes)
	if err != nil {
		return nil, err
	}
	for i, c := range cells {
		rec := c.Cell
		for k, d := range c.Values {
			if err := j.writeRecords(ctx, w, c, k, c.Cell.PoolSize, d); err != nil {
				return nil, err
			}
			// Cells that compute the same have one id, and one run: those of
			// two retrievals that share a baseline, say.
			name := fmt.Sprintf("%s-%d.trec.gz", cas.Digest(rec.Cell).Short(), c.Seeds[k])
			if d, ok := named[name]; ok && d == c.Runs[k].Digest {
				continue
			}
			named[name] = c.Runs[k].Digest
			o, err := j.withHeader(c.cell, k, c.Runs[k])
			if err != nil {
				return nil, err
			}
			runs = append(runs, cas.Entry{Path: name, Digest: o.Digest, Size: o.Size})
		}
		j.report(int64(i+1), int64(len(cells)))
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	res := &result{outputs: map[string]output{}, meta: meta{Missing: j.r.missingCells()}}
	d, size, err := file.Commit()
	if err != nil {
		return nil, err
	}
	res.outputs[partRecords] = output{Digest: d, Size: size}
	if d, err = j.r.store.PutManifest(runs); err != nil {
		return nil, err
	}
	size, err = j.r.store.Size(d)
	if err != nil {
		return nil, err
	}
	res.outputs[partRuns] = output{Digest: d, Size: size, Dir: true}
	if err := j.collectCurve(ctx, res, cells, axes); err != nil {
		return nil, err
	}
	res.outputs[partNotes], err = j.putJSON(j.r.noteFile())
	return res, err
}

// writeRecords writes the records of a cell for its k-th seed at one pool size.
func (j *job) writeRecords(ctx context.Context, w *results.Writer[results.Record], c cellFacts, k int, size int32, values cas.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, err := j.r.values(output{Digest: values})
	if err != nil {
		return err
	}
	rec := c.Cell
	rec.PoolSeed, rec.PoolSize = c.Seeds[k], size
	var language map[string]string // of a query, where there are several
	if c.Pools != nil {
		p, err := j.r.pool(c.Pools[k])
		if err != nil {
			return err
		}
		language = make(map[string]string, len(p.QueryIDs))
		for i, id := range p.QueryIDs {
			language[id] = p.QueryLanguages[i]
		}
	}
	for _, row := range rows {
		rec.QueryID, rec.Measure, rec.Value, rec.Rank = row.QueryID, row.Measure, row.Value, row.Rank
		if language != nil {
			rec.QueryLanguage = language[row.QueryID]
			rec.Exposure = c.Exposures[rec.QueryLanguage]
		}
		if err := w.Write(rec); err != nil {
			return err
		}
	}
	return nil
}

// collectCurve adds the part "curve": the records of all points of curves, by
// cell, seed and ascending pool size. Without a curve there is no such part.
func (j *job) collectCurve(ctx context.Context, res *result, cells []cellFacts, axes []string) error {
	if !slices.ContainsFunc(cells, func(c cellFacts) bool { return c.Curve != nil }) {
		return nil
	}
	file, err := j.r.store.Create()
	if err != nil {
		return err
	}
	defer file.Discard()
	w, err := results.NewRecordWriter(file, axes)
	if err != nil {
		return err
	}
	for _, c := range cells {
		for k, points := range c.Curve {
			for _, p := range points {
				if err := j.writeRecords(ctx, w, c, k, p.Size, p.Values); err != nil {
					return err
				}
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	d, size, err := file.Commit()
	res.outputs[partCurve] = output{Digest: d, Size: size}
	return err
}

func (r *run) missingCells() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing
}

// findings returns what the steps before have found.
func (r *run) findings() (Findings, error) {
	in := Findings{Missing: r.missingCells()}
	c := r.record(r.plan.Collect)
	if c == nil {
		return in, errNoRecords
	}
	in.Records = r.store.Path(c.Outputs[partRecords].Digest)
	if o, ok := c.Outputs[partCurve]; ok {
		in.Curve = r.store.Path(o.Digest)
	}
	in.Missing = c.Meta.Missing
	f, err := r.readNotes(c.Outputs[partNotes])
	if err != nil {
		return in, err
	}
	in.Notes, in.Checks = f.Notes, f.Checks
	if a := r.record(r.plan.Analyse); a != nil {
		in.Summary = r.store.Path(a.Outputs[partSummary].Digest)
		if o, ok := a.Outputs[partClaims]; ok {
			in.Claims = r.store.Path(o.Digest)
		}
	}
	return in, nil
}

// untilDone returns what f returns, or the cause of ctx's end if that comes
// first: f then goes on alone, and nobody looks at what it returns. It is for
// work in this process that may not look at ctx for seconds.
func untilDone[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		v        T
		err      error
		panicked any
	}
	c := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
			c <- a
		}()
		a.v, a.err = f()
	}()
	select {
	case a := <-c:
		if a.panicked != nil {
			panic(a.panicked)
		}
		return a.v, a.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

func analyse(ctx context.Context, j *job) (*result, error) {
	in, err := j.r.findings()
	if err != nil {
		return nil, err
	}
	in.Summary, in.Claims = "", ""
	parts, err := untilDone(ctx, func() (map[string][]byte, error) { return j.r.opts.Analyse(ctx, j.r.plan, in) })
	if err != nil {
		return nil, err
	}
	if parts[partSummary] == nil {
		return nil, fmt.Errorf("the analysis gives no summary")
	}
	res := &result{outputs: map[string]output{}, meta: meta{Missing: in.Missing}}
	for name, b := range parts {
		if res.outputs[name], err = j.put(b); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func report(ctx context.Context, j *job) (*result, error) {
	in, err := j.r.findings()
	if err != nil {
		return nil, err
	}
	files, err := untilDone(ctx, func() (map[string][]byte, error) { return j.r.opts.Report(ctx, j.r.plan, in) })
	if err != nil {
		return nil, err
	}
	dir, cleanup, err := j.scratch()
	if err != nil {
		return nil, err
	}
	defer cleanup()
	for name, b := range files {
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("the report has a file called %q", name)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return nil, err
		}
	}
	o, err := j.putDir(dir)
	return &result{outputs: map[string]output{partReport: o}}, err
}

// summarise takes over the notes of the collected records. r.mu is held.
func (r *run) summarise() {
	c := r.node(r.plan.Collect)
	if c == nil || c.rec == nil {
		return
	}
	r.missing = c.rec.Meta.Missing
	// The records are what counts: notes that cannot be read are left out.
	if f, err := r.readNotes(c.rec.Outputs[partNotes]); err == nil {
		r.notes = f.Notes
	}
}
