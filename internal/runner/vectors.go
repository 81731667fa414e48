package runner

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

func train(ctx context.Context, j *job) (*result, error) {
	pairs, rec, err := j.input(partPairs)
	if err != nil {
		return nil, err
	}
	dir, cleanup, err := j.scratch()
	if err != nil {
		return nil, err
	}
	defer cleanup()
	work, release, err := j.r.store.Work(j.action)
	if err != nil {
		return nil, err
	}
	finished := false
	defer func() { release(finished) }()
	var seen int64
	st, err := j.r.opts.Host.Train(ctx, j.slot, j.ref(), pluginhost.TrainCall{
		Options: j.step.Train, Pairs: j.r.pairRows(pairs), Count: rec.Meta.Pairs, Dir: dir, Work: work,
		Report: func(done, total int64) {
			seen = max(seen, done)
			j.report(done, total)
		},
	})
	if err != nil {
		return nil, err
	}
	model, err := j.putDir(dir)
	if err != nil {
		return nil, err
	}
	if model.Size <= int64(len("[]")) {
		return nil, blame(pluginhost.FaultPlugin, "the training wrote no model")
	}
	finished = true
	return &result{
		outputs: map[string]output{partModel: model},
		meta:    meta{Examples: examples(j.step.Train, seen)},
		stats:   st,
	}, nil
}

// examples returns how many pairs a training has seen, repeats included: what
// the argument of that name says, or what the training reported.
func examples(options []byte, reported int64) int64 {
	var o struct {
		Examples *float64 `json:"examples"`
	}
	if json.Unmarshal(options, &o) == nil && o.Examples != nil && *o.Examples > 0 {
		return int64(*o.Examples)
	}
	return reported
}

// selected returns the texts of one language, in order, and their number.
func (j *job) selected(o output) (iter.Seq2[sdk.Text, error], int, error) {
	role, lang := j.step.Texts.Role, j.step.Texts.Language
	rows := func(yield func(sdk.Text, error) bool) {
		if role == sdk.RoleQuery {
			for q, err := range j.r.queryRows(o) {
				if err != nil || q.Language == lang {
					if !yield(sdk.Text{ID: q.ID, Language: q.Language, Text: q.Text}, err) {
						return
					}
				}
			}
			return
		}
		for d, err := range j.r.documentRows(o) {
			if err != nil || d.Language == lang {
				if !yield(sdk.Text{ID: d.ID, Language: d.Language, Text: strings.TrimSpace(d.Title + " " + d.Text)}, err) {
					return
				}
			}
		}
	}
	if o.Size > smallBlob {
		n := 0
		for _, err := range rows {
			if err != nil {
				return nil, 0, err
			}
			n++
		}
		return rows, n, nil
	}
	list, err := cacheGet(j.r.cache, "selected "+string(role)+" "+lang+" "+string(o.Digest), func() ([]sdk.Text, int64, error) {
		var out []sdk.Text
		size := int64(0)
		for t, err := range rows {
			if err != nil {
				return nil, 0, err
			}
			out = append(out, t)
			size += int64(len(t.Text)) + 64
		}
		return out, size, nil
	})
	if err != nil {
		return nil, 0, err
	}
	return func(yield func(sdk.Text, error) bool) {
		for _, t := range list {
			if !yield(t, nil) {
				return
			}
		}
	}, len(list), nil
}

func encode(ctx context.Context, j *job) (*result, error) {
	o, _, err := j.input("texts")
	if err != nil {
		return nil, err
	}
	texts, total, err := j.selected(o)
	if err != nil {
		return nil, err
	}
	if total == 0 {
		return nil, blame(pluginhost.FaultInput, "the collection has no %s text in %s", j.step.Texts.Role, j.step.Texts.Language)
	}
	ref := j.ref()
	if m, _, err := j.input(partModel); err == nil {
		dir, err := j.r.store.Dir(m.Digest)
		if err != nil {
			return nil, err
		}
		ref.Model = &sdk.Model{Dir: dir, Digest: string(m.Digest)}
	}
	empty := 0
	counted := func(yield func(sdk.Text, error) bool) {
		empty = 0
		for t, err := range texts {
			if strings.TrimSpace(t.Text) == "" {
				empty++
			}
			if !yield(t, err) {
				return
			}
		}
	}
	w := &vectorWriter{j: j}
	defer w.discard()
	info, st, err := j.r.opts.Host.Encode(ctx, j.slot, ref, j.step.Texts.Role, counted, total, func(e *sdk.Embeddings) error {
		if err := w.add(e); err != nil {
			return err
		}
		j.report(int64(w.rows), int64(total))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if w.rows != total {
		return nil, blame(pluginhost.FaultPlugin, "want %d vectors, got %d", total, w.rows)
	}
	vectors, err := w.store()
	if err != nil {
		return nil, err
	}
	slices.Sort(info.Pretraining)
	res := &result{outputs: map[string]output{partVectors: vectors}, meta: meta{Encoder: &info, Rows: w.rows, Dim: w.dim}, stats: st}
	if empty > 0 {
		res.meta.Notes = append(res.meta.Notes, note{What: "empty texts, encoded as the zero vector", Count: empty})
	}
	return res, nil
}

// vectorWriter collects vectors: dense ones in a .npy file, sparse ones in
// three of them, as in scipy's CSR.
type vectorWriter struct {
	j         *job
	rows, dim int
	sparse    bool

	path  string
	dense *vec.NPYWriter

	indptr  []int64
	indices []uint32
	values  []float32
}

func (w *vectorWriter) add(e *sdk.Embeddings) error {
	if e.Rows() == 0 {
		return nil
	}
	if w.rows == 0 {
		w.dim, w.sparse = e.Dim, e.Sparse()
		if w.sparse {
			w.indptr = []int64{0}
		} else {
			w.path = w.j.r.store.TempPath()
			var err error
			if w.dense, err = vec.CreateNPY(w.path, w.dim); err != nil {
				return err
			}
		}
	}
	if e.Dim != w.dim || e.Sparse() != w.sparse {
		return blame(pluginhost.FaultPlugin, "want %d columns, got %d", w.dim, e.Dim)
	}
	w.rows += e.Rows()
	if !w.sparse {
		if err := finite(e.Data, w.dim, w.rows-e.Rows()); err != nil {
			return err
		}
		return w.dense.Append(e.Data)
	}
	if err := finite(e.Values, 0, w.rows-e.Rows()); err != nil {
		return err
	}
	base := w.indptr[len(w.indptr)-1] - e.Indptr[0]
	for _, p := range e.Indptr[1:] {
		w.indptr = append(w.indptr, base+p)
	}
	w.indices = append(w.indices, e.Indices...)
	w.values = append(w.values, e.Values...)
	return nil
}

// finite refuses what no similarity can be computed with. from is the number
// of rows before.
func finite(x []float32, dim, from int) error {
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			row := from
			if dim > 0 {
				row += i / dim
			}
			return blame(pluginhost.FaultPlugin, "vector %d holds %v", row, v)
		}
	}
	return nil
}

func (w *vectorWriter) store() (output, error) {
	if !w.sparse {
		if err := w.dense.Close(); err != nil {
			return output{}, err
		}
		w.dense = nil
		info, err := os.Stat(w.path)
		if err != nil {
			return output{}, err
		}
		d, err := w.j.r.store.PutFile(w.path)
		return output{Digest: d, Size: info.Size()}, err
	}
	dir, cleanup, err := w.j.scratch()
	if err != nil {
		return output{}, err
	}
	defer cleanup()
	for _, f := range []struct {
		name, descr string
		n           int
		data        any
	}{
		{"indptr.npy", "<i8", len(w.indptr), w.indptr},
		{"indices.npy", "<u4", len(w.indices), w.indices},
		{"data.npy", "<f4", len(w.values), w.values},
		{"shape.npy", "<i8", 2, []int64{int64(w.rows), int64(w.dim)}},
	} {
		b, err := npy(f.descr, f.n, f.data)
		if err != nil {
			return output{}, err
		}
		if err := os.WriteFile(filepath.Join(dir, f.name), b, 0o644); err != nil {
			return output{}, err
		}
	}
	return w.j.putDir(dir)
}

// npy returns a vector of n numbers as a .npy file (NumPy's format 1.0).
func npy(descr string, n int, data any) ([]byte, error) {
	var b bytes.Buffer
	b.Write(npyHeader(descr, int64(n)))
	if err := binary.Write(&b, binary.LittleEndian, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// npyHead is where the values of a file of npy begin.
const npyHead = 128

func npyHeader(descr string, n int64) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", descr, n)
	head += strings.Repeat(" ", npyHead-10-1-len(head)) + "\n"
	b := append(make([]byte, 0, npyHead), "\x93NUMPY\x01\x00"...)
	return append(append(b, byte(len(head)), byte(len(head)>>8)), head...)
}

func (w *vectorWriter) discard() {
	if w.dense != nil {
		_ = w.dense.Close() // nobody wants it
	}
	if w.path != "" {
		_ = os.Remove(w.path) // moved into the store, or unwanted
	}
}

// matrix returns the vectors of an input.
func (j *job) matrix(role string) (sdk.Matrix, error) {
	o, rec, err := j.input(role)
	if err != nil {
		return sdk.Matrix{}, err
	}
	m := sdk.Matrix{Path: j.r.store.Path(o.Digest), Digest: string(o.Digest), Rows: rec.Meta.Rows, Dim: rec.Meta.Dim}
	if o.Dir {
		if m.Path, err = j.r.store.Dir(o.Digest); err != nil {
			return sdk.Matrix{}, err
		}
	}
	return m, nil
}

func index(ctx context.Context, j *job) (*result, error) {
	docs, err := j.matrix("documents")
	if err != nil {
		return nil, err
	}
	dir, cleanup, err := j.scratch()
	if err != nil {
		return nil, err
	}
	defer cleanup()
	st, err := j.r.opts.Host.Build(ctx, j.slot, j.ref(), sdk.BuildTask{Documents: docs, Dir: dir, Report: j.report})
	if err != nil {
		return nil, err
	}
	o, err := j.putDir(dir)
	return &result{outputs: map[string]output{partIndex: o}, stats: st}, err
}

func search(ctx context.Context, j *job) (*result, error) {
	docs, err := j.matrix("documents")
	if err != nil {
		return nil, err
	}
	queries, err := j.matrix("queries")
	if err != nil {
		return nil, err
	}
	o, _, err := j.input(partIndex)
	if err != nil {
		return nil, err
	}
	dir, err := j.r.store.Dir(o.Digest)
	if err != nil {
		return nil, err
	}
	if o, _, err = j.input(partPool); err != nil {
		return nil, err
	}
	p, err := j.r.pool(o)
	if err != nil {
		return nil, err
	}
	if docs.Dim != queries.Dim {
		return nil, blame(pluginhost.FaultPlugin, "the documents have vectors of %d columns, the queries of %d", docs.Dim, queries.Dim)
	}
	t := sdk.SearchTask{Dir: dir, Documents: docs, Queries: queries, DocumentRows: p.DocumentRows, QueryRows: p.QueryRows, K: j.step.Depth}
	if n := len(p.DocumentRows); n == docs.Rows {
		t.DocumentRows = nil // rows are distinct and ascending: all of them
	} else if n > 0 && int(p.DocumentRows[n-1]) >= docs.Rows {
		return nil, fmt.Errorf("the pool wants document %d of %d", p.DocumentRows[n-1], docs.Rows)
	}
	ranking := make([]results.Ranked, 0, len(p.QueryRows)*min(t.K, len(p.DocumentRows)))
	next := 0
	st, err := j.r.opts.Host.Search(ctx, j.slot, j.ref(), t, func(query int32, hits []sdk.Hit) error {
		if next >= len(p.QueryRows) || query != p.QueryRows[next] {
			return blame(pluginhost.FaultPlugin, "the index answers query row %d out of turn", query)
		}
		if len(hits) > t.K {
			return blame(pluginhost.FaultPlugin, "want at most %d hits, got %d", t.K, len(hits))
		}
		for i, h := range hits {
			at, ok := slices.BinarySearch(p.DocumentRows, h.Row)
			if !ok {
				return blame(pluginhost.FaultPlugin, "the index found row %d, which is not among the candidates", h.Row)
			}
			if math.IsNaN(float64(h.Score)) {
				return blame(pluginhost.FaultPlugin, "the score of row %d is not a number", h.Row)
			}
			ranking = append(ranking, results.Ranked{QueryID: p.QueryIDs[next], DocumentID: p.DocumentIDs[at], Rank: int32(i + 1), Score: float64(h.Score)})
		}
		next++
		return nil
	})
	if err != nil {
		return nil, err
	}
	if next != len(p.QueryRows) {
		return nil, blame(pluginhost.FaultPlugin, "want rankings of %d queries, got %d", len(p.QueryRows), next)
	}
	return j.ranked(&result{outputs: map[string]output{}, stats: st}, ranking)
}

func (r *run) ranking(o output) ([]results.Ranked, error) {
	return cacheGet(r.rankings, "ranking "+string(o.Digest), func() ([]results.Ranked, int64, error) {
		b, err := r.store.ReadFile(o.Digest)
		if err != nil {
			return nil, 0, err
		}
		v, err := results.DecodeRanking(b)
		if err != nil {
			return nil, 0, r.unreadable(o, err)
		}
		return v, int64(len(v)) * 48, nil
	})
}

func (r *run) values(o output) ([]results.Measured, error) {
	return cacheGet(r.cache, "values "+string(o.Digest), func() ([]results.Measured, int64, error) {
		b, err := r.store.ReadFile(o.Digest)
		if err != nil {
			return nil, 0, err
		}
		v, err := results.DecodeValues(b)
		if err != nil {
			return nil, 0, r.unreadable(o, err)
		}
		return v, int64(len(v)) * 48, nil
	})
}

var errNoRecords = errors.New("the plan collects no records")
