package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// job is one attempt at a step.
type job struct {
	r      *run
	n      *node
	step   *study.Step
	action cas.Digest
	slot   int
	report func(done, total int64)
}

// stages says how each stage is carried out.
var stages map[study.Stage]func(context.Context, *job) (*result, error)

func init() {
	stages = map[study.Stage]func(context.Context, *job) (*result, error){
		study.StageLoad:    load,
		study.StageMix:     mix,
		study.StageTrain:   train,
		study.StagePool:    pool,
		study.StageCheck:   check,
		study.StageEncode:  encode,
		study.StageJoin:    join,
		study.StageIndex:   index,
		study.StageSearch:  search,
		study.StageImport:  importRun,
		study.StageFuse:    fuse,
		study.StageMeasure: measure,
		study.StageCollect: collect,
		study.StageAnalyse: analyse,
		study.StageReport:  report,
	}
}

func (j *job) ref() pluginhost.Ref {
	c := j.step.Component
	return pluginhost.Ref{Kind: c.Kind, Plugin: c.Plugin, Name: c.Name, Config: j.step.Config}
}

// input returns the first input of a role and the record it belongs to.
func (j *job) input(role string) (output, *record, error) {
	for _, in := range j.step.Inputs {
		if in.Role != role {
			continue
		}
		rec := j.r.record(in.Step)
		if rec == nil {
			return output{}, nil, gone(in)
		}
		if o, ok := rec.Outputs[in.Part]; ok {
			return o, rec, nil
		}
		return output{}, nil, gone(in)
	}
	return output{}, nil, fmt.Errorf("the plan gives no input %q", role)
}

// inputs returns all inputs of a role, in order.
func (j *job) inputs(role string) ([]output, error) {
	var out []output
	for _, in := range j.step.Inputs {
		if in.Role != role {
			continue
		}
		o, ok := j.r.input(in)
		if !ok {
			return nil, gone(in)
		}
		out = append(out, o)
	}
	return out, nil
}

func (j *job) put(b []byte) (output, error) {
	d, err := j.r.store.PutBytes(b)
	return output{Digest: d, Size: int64(len(b))}, err
}

func (j *job) putJSON(v any) (output, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return output{}, err
	}
	return j.put(append(b, '\n'))
}

func (j *job) putDir(dir string) (output, error) {
	d, err := j.r.store.PutDir(dir)
	if err != nil {
		return output{}, err
	}
	n, err := j.r.store.Size(d)
	return output{Digest: d, Size: n, Dir: true}, err
}

// scratch returns an empty directory that cleanup removes.
func (j *job) scratch() (dir string, cleanup func(), err error) {
	dir, err = j.r.store.Temp()
	return dir, func() { _ = os.RemoveAll(dir) }, err // the session sweeps what stays
}

// loading writes what a loader gives into the store.
type loading struct {
	ctx    context.Context
	report func(done, total int64)

	blobs   []*cas.Writer
	queries *results.Writer[sdk.Query]
	corpus  *results.Writer[sdk.Document]
	qrels   *results.Writer[sdk.Qrel]
	pairs   *results.Writer[sdk.Pair]

	seenQueries, seenDocs map[string]struct{}

	held   counts
	counts map[string]int
}

// counts is the part "counts" of a load.
type counts struct {
	Queries   int            `json:"queries"`
	Documents int            `json:"documents"`
	Qrels     int            `json:"qrels"`
	Pairs     int            `json:"pairs"`
	Counts    map[string]int `json:"counts"` // the loader's own, and texts without words
}

var _ sdk.Collector = (*loading)(nil)

func (l *loading) Query(q sdk.Query) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if err := unique(l.seenQueries, "queries", q.ID); err != nil {
		return err
	}
	l.held.Queries++
	l.empty("query without text", q.Text)
	return l.queries.Write(q)
}

func (l *loading) Document(d sdk.Document) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if err := unique(l.seenDocs, "documents", d.ID); err != nil {
		return err
	}
	l.held.Documents++
	l.empty("document without text", d.Title+d.Text)
	return l.corpus.Write(d)
}

func (l *loading) Qrel(q sdk.Qrel) error {
	l.held.Qrels++
	return l.qrels.Write(q)
}

func (l *loading) Pair(p sdk.Pair) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	l.held.Pairs++
	if strings.TrimSpace(p.A.Text) == "" || strings.TrimSpace(p.B.Text) == "" {
		l.counts["pair with a side without text"]++
	}
	return l.pairs.Write(p)
}

func (l *loading) Count(name string, n int) { l.counts[name] += n }

func (l *loading) Progress(done, total int64) { l.report(done, total) }

func (l *loading) empty(what, text string) {
	if strings.TrimSpace(text) == "" {
		l.counts[what]++
	}
}

func unique(seen map[string]struct{}, what, id string) error {
	if id == "" {
		return blame(pluginhost.FaultInput, "the loader gives %s without an id", what)
	}
	if _, ok := seen[id]; ok {
		return blame(pluginhost.FaultInput, "two %s have the id %q: rankings could not tell them apart", what, id)
	}
	seen[id] = struct{}{}
	return nil
}

func load(ctx context.Context, j *job) (*result, error) {
	l := &loading{ctx: ctx, report: j.report, counts: map[string]int{}, seenQueries: map[string]struct{}{}, seenDocs: map[string]struct{}{}}
	var closers []func() error
	for i := range 4 {
		w, err := j.r.store.Create()
		if err != nil {
			return nil, err
		}
		defer w.Discard()
		l.blobs = append(l.blobs, w)
		switch i {
		case 0:
			l.queries = results.NewQueryWriter(w)
			closers = append(closers, l.queries.Close)
		case 1:
			l.corpus = results.NewDocumentWriter(w)
			closers = append(closers, l.corpus.Close)
		case 2:
			l.qrels = results.NewQrelWriter(w)
			closers = append(closers, l.qrels.Close)
		case 3:
			l.pairs = results.NewPairWriter(w)
			closers = append(closers, l.pairs.Close)
		}
	}
	st, err := j.r.opts.Host.Load(ctx, j.slot, j.ref(), l)
	if err != nil {
		return nil, err
	}
	res := &result{outputs: map[string]output{}, stats: st}
	for i, part := range []string{partQueries, partCorpus, partQrels, partPairs} {
		if err := closers[i](); err != nil {
			return nil, err
		}
		d, n, err := l.blobs[i].Commit()
		if err != nil {
			return nil, err
		}
		res.outputs[part] = output{Digest: d, Size: n}
	}
	l.held.Counts = l.counts
	if res.outputs[partCounts], err = j.putJSON(l.held); err != nil {
		return nil, err
	}
	for _, what := range slices.Sorted(maps.Keys(l.counts)) {
		if n := l.counts[what]; n != 0 {
			res.meta.Notes = append(res.meta.Notes, note{What: what, Count: n})
		}
	}
	return res, nil
}

// smallBlob is the size up to which a collection is kept decoded.
const smallBlob = 32 << 20

// rows reads a part row by row, from memory where it is small.
func rows[T any](r *run, o output, decode func([]byte) ([]T, error), stream func(io.ReaderAt, int64) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if o.Size <= smallBlob {
			all, err := cacheGet(r.cache, "rows "+string(o.Digest), func() ([]T, int64, error) {
				b, err := r.store.ReadFile(o.Digest)
				if err != nil {
					return nil, 0, err
				}
				v, err := decode(b)
				if err != nil {
					return nil, 0, r.unreadable(o, err)
				}
				return v, 2*o.Size + int64(len(v))*64, nil
			})
			if err != nil {
				yield(zero, err)
				return
			}
			for _, v := range all {
				if !yield(v, nil) {
					return
				}
			}
			return
		}
		f, err := os.Open(r.store.Path(o.Digest))
		if err != nil {
			yield(zero, err)
			return
		}
		defer func() { _ = f.Close() }() // read only
		for v, err := range stream(f, o.Size) {
			var pe *fs.PathError
			if err != nil && !errors.As(err, &pe) {
				err = r.unreadable(o, err)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

func (r *run) pairRows(o output) iter.Seq2[sdk.Pair, error] {
	return rows(r, o, results.DecodePairs, results.Pairs)
}

func (r *run) queryRows(o output) iter.Seq2[sdk.Query, error] {
	return rows(r, o, results.DecodeQueries, results.Queries)
}

func (r *run) documentRows(o output) iter.Seq2[sdk.Document, error] {
	return rows(r, o, results.DecodeDocuments, results.Documents)
}

// keyed maps rows to their keys and keeps them.
func keyed[T, K any](r *run, what string, o output, in iter.Seq2[T, error], key func(T) K) ([]K, error) {
	return cacheGet(r.cache, what+" "+string(o.Digest), func() ([]K, int64, error) {
		var out []K
		for v, err := range in {
			if err != nil {
				return nil, 0, err
			}
			out = append(out, key(v))
		}
		return out, int64(len(out)) * 128, nil
	})
}

func (r *run) pairKeys(o output) ([]collection.Key, error) {
	return keyed(r, "pair keys", o, r.pairRows(o), collection.KeyOf)
}

func (r *run) queryKeys(o output) ([]collection.TextKey, error) {
	return keyed(r, "query keys", o, r.queryRows(o), collection.QueryKey)
}

func (r *run) documentKeys(o output) ([]collection.TextKey, error) {
	return keyed(r, "document keys", o, r.documentRows(o), collection.DocumentKey)
}

func digests(list []output) string {
	var b strings.Builder
	for _, o := range list {
		b.WriteString(string(o.Digest))
		b.WriteByte(' ')
	}
	return b.String()
}

// mixing is what all mixtures of the same pairs and exclusions share.
type mixing struct{ *collection.Pairs }

func (j *job) mixing(from, exQueries, exCorpus []output) (*mixing, error) {
	key := "mixing " + digests(from) + "| " + digests(exQueries) + "| " + digests(exCorpus)
	return cacheGet(j.r.cache, key, func() (*mixing, int64, error) {
		var keys []collection.Key
		for _, o := range from {
			k, err := j.r.pairKeys(o)
			if err != nil {
				return nil, 0, err
			}
			keys = append(slices.Clip(keys), k...)
		}
		ex := collection.Hashes{}
		for _, o := range exQueries {
			k, err := j.r.queryKeys(o)
			if err != nil {
				return nil, 0, err
			}
			ex.Add(k)
		}
		for _, o := range exCorpus {
			k, err := j.r.documentKeys(o)
			if err != nil {
				return nil, 0, err
			}
			ex.Add(k)
		}
		return &mixing{collection.NewPairs(keys, ex)}, int64(len(keys)) * 256, nil
	})
}

func mix(_ context.Context, j *job) (*result, error) {
	from, err := j.inputs("pairs")
	if err != nil {
		return nil, err
	}
	exQueries, err := j.inputs("exclude_queries")
	if err != nil {
		return nil, err
	}
	exCorpus, err := j.inputs("exclude_corpus")
	if err != nil {
		return nil, err
	}
	m, err := j.mixing(from, exQueries, exCorpus)
	if err != nil {
		return nil, err
	}
	sel, err := m.Select(j.step.Mix.Params())
	if err != nil {
		return nil, inputError{err}
	}
	// One pass over the pairs fetches the chosen ones.
	chosen := make(map[int]sdk.Pair, len(sel.Rows))
	for _, rows := range [][]int{sel.Rows, sel.RowsB} {
		for _, row := range rows {
			chosen[row] = sdk.Pair{}
		}
	}
	row := 0
	for _, o := range from {
		for p, err := range j.r.pairRows(o) {
			if err != nil {
				return nil, err
			}
			if _, ok := chosen[row]; ok {
				chosen[row] = p
			}
			row++
		}
	}
	pairs := make([]sdk.Pair, len(sel.Rows))
	for i := range pairs {
		pairs[i] = sel.Pair(i, func(row int) sdk.Pair { return chosen[row] })
	}
	b, err := results.EncodePairs(pairs)
	if err != nil {
		return nil, err
	}
	res := &result{outputs: map[string]output{}}
	if res.outputs[partPairs], err = j.put(b); err != nil {
		return nil, err
	}
	res.meta.Lineage, res.meta.Pairs = &sel.Lineage, len(pairs)
	for _, x := range []struct {
		what string
		n    int
	}{
		{NoteExcluded, sel.Excluded},
		{"pairs left out because they repeat another", sel.Duplicates},
		{"pairs left out because a side has no text", sel.Empty},
		{NoteRefilled, sel.Refilled},
	} {
		if x.n > 0 {
			res.meta.Notes = append(res.meta.Notes, note{What: x.what, Count: x.n})
		}
	}
	type lineageFile struct {
		Lineage   collection.Lineage         `json:"lineage"`
		Languages []collection.LanguageCount `json:"languages"`
		Groups    int                        `json:"groups"`
		GroupMin  int                        `json:"group_min"`
		GroupMax  int                        `json:"group_max"`
	}
	res.outputs[partLineage], err = j.putJSON(lineageFile{sel.Lineage, sel.Languages, sel.Groups, sel.GroupMin, sel.GroupMax})
	return res, err
}

// poolFile is the part "pool". Rows count the texts of its languages in the
// order of its vectors: that of the collection within a language, and of
// collection.OfLanguage over several.
type poolFile struct {
	Format       string     `json:"format"`
	QueryRows    []int32    `json:"query_rows"`
	QueryIDs     []string   `json:"query_ids"`
	DocumentRows []int32    `json:"document_rows"`
	DocumentIDs  []string   `json:"document_ids"`
	Qrels        [][][2]int `json:"qrels"` // per query: document row, relevance

	QueryLanguages []string `json:"query_languages,omitempty"` // of the queries, where there are several
}

const poolFormat = "xlrun.pool/1"

func pool(_ context.Context, j *job) (*result, error) {
	t, err := j.texts()
	if err != nil {
		return nil, err
	}
	p, err := collection.SelectPool(t, j.step.Pool.Params())
	if err != nil {
		return nil, inputError{err}
	}
	queries, docs := collection.OfLanguage(t.Queries, j.step.Pool.QueryLanguage), collection.OfLanguage(t.Documents, j.step.Pool.CorpusLanguage)
	several := len(collection.SplitLanguages(j.step.Pool.QueryLanguage)) > 1
	f := poolFile{Format: poolFormat, QueryRows: p.QueryRows, DocumentRows: p.DocRows}
	for i, row := range p.QueryRows {
		f.QueryIDs = append(f.QueryIDs, queries[row].ID)
		if several {
			f.QueryLanguages = append(f.QueryLanguages, queries[row].Language)
		}
		q := [][2]int{}
		for _, g := range p.Qrels[i] {
			q = append(q, [2]int{int(g.Doc), g.Relevance})
		}
		f.Qrels = append(f.Qrels, q)
	}
	for _, row := range p.DocRows {
		f.DocumentIDs = append(f.DocumentIDs, docs[row].ID)
	}
	res := &result{outputs: map[string]output{}}
	for _, x := range []struct {
		what string
		n    int
	}{
		{"queries left out because nothing in the corpus language is relevant to them", p.Unjudged},
		{"relevant documents that the collection does not have, so nobody can find them", p.GoldMissing},
		{"candidates with the text of a relevant document that nobody judged", p.NearDuplicates},
		{"queries without text", p.EmptyQueries},
		{"candidates without text", p.EmptyDocuments},
		{"candidates that languages have beyond the one with the fewest", p.Uneven},
		{"candidates that not every corpus language offers a translation of", p.Unmatched},
		{"queries without a relevant candidate in every corpus language", p.PartlyGold},
	} {
		if x.n > 0 {
			res.meta.Notes = append(res.meta.Notes, note{What: x.what, Count: x.n})
		}
	}
	res.outputs[partPool], err = j.putJSON(f)
	return res, err
}

// texts returns what the inputs queries, corpus and qrels hold, shared by all
// that ask.
func (j *job) texts() (*collection.Texts, error) {
	q, _, err := j.input(partQueries)
	if err != nil {
		return nil, err
	}
	c, _, err := j.input(partCorpus)
	if err != nil {
		return nil, err
	}
	list := []output{q, c}
	var rel *output
	if o, _, err := j.input(partQrels); err == nil {
		rel = &o
		list = append(list, o)
	}
	return cacheGet(j.r.cache, "texts "+digests(list), func() (*collection.Texts, int64, error) {
		t := &collection.Texts{}
		var err error
		if t.Queries, err = j.r.queryKeys(q); err != nil {
			return nil, 0, err
		}
		if t.Documents, err = j.r.documentKeys(c); err != nil {
			return nil, 0, err
		}
		if rel != nil {
			b, err := j.r.store.ReadFile(rel.Digest)
			if err != nil {
				return nil, 0, err
			}
			if t.Qrels, err = results.DecodeQrels(b); err != nil {
				return nil, 0, j.r.unreadable(*rel, err)
			}
		}
		return t, int64(len(t.Queries)+len(t.Documents)+len(t.Qrels)) * 64, nil
	})
}

func (r *run) pool(o output) (*poolFile, error) {
	return cacheGet(r.cache, "pool "+string(o.Digest), func() (*poolFile, int64, error) {
		b, err := r.store.ReadFile(o.Digest)
		if err != nil {
			return nil, 0, err
		}
		var f poolFile
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(&f); err != nil {
			return nil, 0, r.unreadable(o, fmt.Errorf("read a pool: %w", err))
		}
		if f.Format != poolFormat || len(f.QueryIDs) != len(f.QueryRows) || len(f.Qrels) != len(f.QueryRows) || len(f.DocumentIDs) != len(f.DocumentRows) ||
			f.QueryLanguages != nil && len(f.QueryLanguages) != len(f.QueryRows) {
			return nil, 0, r.unreadable(o, errors.New("read a pool: its lists do not fit together"))
		}
		return &f, 4 * o.Size, nil
	})
}

// leakageFile is the part "leakage".
type leakageFile struct {
	Queries int     `json:"queries"` // looked at, over all pools
	Leaks   []aLeak `json:"leaks"`
}

type aLeak struct {
	Query    string `json:"query"`
	Document string `json:"document,omitempty"` // empty: the query itself was seen
}

func check(_ context.Context, j *job) (*result, error) {
	pairs, _, err := j.input(partPairs)
	if err != nil {
		return nil, err
	}
	keys, err := j.r.pairKeys(pairs)
	if err != nil {
		return nil, err
	}
	trained := make(collection.Hashes, 2*len(keys))
	for _, k := range keys {
		for _, h := range []uint64{k.HashA, k.HashB} {
			if h != 0 {
				trained[h] = struct{}{}
			}
		}
	}
	t, err := j.texts()
	if err != nil {
		return nil, err
	}
	var (
		pools []*collection.Pool
		langs *study.Pool
	)
	f := leakageFile{Leaks: []aLeak{}}
	for _, in := range j.step.Inputs {
		if in.Role != partPool {
			continue
		}
		o, ok := j.r.input(in)
		if !ok {
			return nil, gone(in)
		}
		pf, err := j.r.pool(o)
		if err != nil {
			return nil, err
		}
		p := &collection.Pool{QueryRows: pf.QueryRows, DocRows: pf.DocumentRows}
		for _, q := range pf.Qrels {
			var g []collection.Graded
			for _, x := range q {
				g = append(g, collection.Graded{Doc: int32(x[0]), Relevance: x[1]})
			}
			p.Qrels = append(p.Qrels, g)
		}
		pools, langs = append(pools, p), in.Step.Pool
		f.Queries += len(p.QueryRows)
	}
	if langs == nil {
		return nil, fmt.Errorf("the plan gives no pool")
	}
	for _, l := range collection.Leaks(trained, t, langs.QueryLanguage, langs.CorpusLanguage, pools...) {
		f.Leaks = append(f.Leaks, aLeak{l.Query, l.Document})
	}
	res := &result{outputs: map[string]output{}}
	res.meta.Checked = f.Queries
	if n := len(f.Leaks); n > 0 {
		first := fmt.Sprintf("query %s", f.Leaks[0].Query)
		if d := f.Leaks[0].Document; d != "" {
			first = fmt.Sprintf("document %s, relevant to query %s", d, f.Leaks[0].Query)
		}
		if j.step.Leak.Mode == "error" {
			return nil, blame(pluginhost.FaultInput, "%d test texts in %s stand in the training pairs, %s among them; list the test set in the mixture's exclude, or set leakage = \"warn\"",
				n, langs.QueryLanguage, first)
		}
		res.meta.Notes = append(res.meta.Notes, note{What: NoteLeak, Count: n, Text: langs.QueryLanguage + ": " + first + " among them"})
	}
	res.outputs[partLeakage], err = j.putJSON(f)
	return res, err
}
