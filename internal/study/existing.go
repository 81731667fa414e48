package study

// Rankings that no index makes here: those that exist already, and those made
// of others.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// existing is a run instance: a file, and what its author says of it.
type existing struct {
	source   SourceDigest
	queries  []string
	deepest  int // hits of a query
	declared Declared
}

// runArgs reads the arguments of a run instance. The path is absolute.
func (b *builder) runArgs(in *instance) (path string, d Declared, ok bool) {
	h := &hostArgs{b: in.block, p: in.point}
	h.present("path")
	path = h.str("path", "")
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(b.w.Dir, path)
	}
	d.Params = h.count("params")
	d.ParamsNonEmbed = h.count("params_non_embedding")
	if d.Params != nil && d.ParamsNonEmbed != nil && *d.ParamsNonEmbed > *d.Params {
		h.fail("params_non_embedding", "Contradicting arguments", "A model of %d weights cannot have %d outside its embedding table.", *d.Params, *d.ParamsNonEmbed)
	}
	d.Training = b.declaredLanguages(h, "training_languages")
	d.Pretraining = b.declaredLanguages(h, "pretraining")
	d.Tag = h.str("tag", "")
	if strings.ContainsFunc(d.Tag, func(r rune) bool { return r <= ' ' }) {
		h.fail("tag", "Unusable tag", "The tag of a TREC run is one word; %q is not.", d.Tag)
	}
	b.diags = append(b.diags, h.diags...)
	return path, d, !h.diags.HasErrors() && !b.failed(in) && path != ""
}

// count reads a whole number; nil where it is left out: unknown is not 0.
func (h *hostArgs) count(name string) *int64 {
	if h.value(name) == cty.NilVal {
		return nil
	}
	n := int64(h.integer(name, 0, 0))
	return &n
}

// declaredLanguages reads a list of codes, sorted; nil where it is left out.
func (b *builder) declaredLanguages(h *hostArgs, name string) *[]string {
	if h.value(name) == cty.NilVal {
		return nil
	}
	list := append([]string{}, h.strings(name)...) // never nil: none is something else than unknown
	slices.Sort(list)
	for i, l := range list {
		if i > 0 && list[i-1] == l {
			h.fail(name, "Language twice", "%q stands twice among the languages.", l)
		}
		b.language(h, name, l)
	}
	return &list
}

// existing looks at the file of a run instance.
func (b *builder) existing(in *instance) {
	path, d, ok := b.runArgs(in)
	if !ok {
		return
	}
	f, known := b.files[path]
	if !known {
		var err error
		if f, err = b.cat.Run(b.ctx, path); err != nil {
			b.add(errorAt(in.block.Args["path"].Expr.Range(), "Unusable run", "%s", runTrouble(path, err)))
			f = nil
		}
		b.files[path] = f
	}
	if f == nil {
		return
	}
	b.runs[in] = &existing{
		source:  SourceDigest{Name: "run", Digest: f.Digest, Path: path, Stamp: f.Stamp},
		queries: f.Queries, deepest: f.Deepest, declared: d,
	}
}

// runTrouble says what is wrong with the file of a run, and what may be meant.
func runTrouble(path string, err error) string {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		entries, derr := os.ReadDir(dir)
		if derr != nil {
			return fmt.Sprintf("There is no file %s, nor its directory. A relative path is relative to the workflow.", path)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return fmt.Sprintf("There is no file %s.%s A relative path is relative to the workflow.", path, sdk.DidYouMean(filepath.Base(path), names))
	case errors.As(err, &pe):
		return fmt.Sprintf("Cannot read %s: %s.", path, pe.Err)
	}
	lines := strings.Split(err.Error(), "\n")
	if n := len(lines); n > 4 {
		lines = append(lines[:3], fmt.Sprintf("and %d more mistakes.", n-3))
	}
	return strings.Join(lines, "\n")
}

// take makes the cell of a retrieval that takes a run.
func (b *builder) take(in *instance, depth int) {
	task, run, met := in.refs["task"][0], in.refs["run"][0], in.refs["metric"][0]
	x, data, pools := b.runs[run], b.loads[task.refs["data"][0]], b.pools[task]
	if x == nil || data == nil || len(pools) == 0 {
		return
	}
	p := pools[0].Pool
	declared := x.declared
	cell := &Cell{
		Retrieval: in.block.Name, Encoder: run.block.Name, Component: run.block.Component, Task: task.block.Name, Metric: met.block.Name,
		Axes: in.axes(b.g), QueryLanguage: p.QueryLanguage, CorpusLanguage: p.CorpusLanguage, PoolSize: p.Size, Declared: &declared,
	}
	if mc, ok := b.config(met); ok {
		have := b.measures(met.block, mc)
		if have == nil {
			return
		}
		if r := ReachOf(have.names); x.deepest > 0 && r.Deepest > x.deepest {
			b.add(warnAt(run.block.Args["path"].Expr.Range(), "Shallow run", "%s has %d hits for a query at most, and %s looks at %d: whatever it does not name counts as not found.", run.label(b.g), x.deepest, r.Who, r.Deepest))
		}
	}
	looked := false
	b.measured(in, in, cell, met, pools, nil, in.block.Name+" "+run.label(b.g)+" "+p.QueryLanguage, func(_ int, pool *Step, label string) *Step {
		s := b.step(Step{
			Stage: StageImport, Label: label, Block: run.block.Address(), Sources: []SourceDigest{x.source}, Depth: depth, Range: run.block.Args["path"].Expr.Range(),
			Inputs: []Input{{"pool", pool, "pool"}, {"queries", data, "queries"}, {"corpus", data, "corpus"}},
		}, map[string]any{"sources": sourceArgs([]SourceDigest{x.source}), "depth": float64(depth)})
		if !looked && (b.opts.Done == nil || !b.opts.Done(s.Recipe)) {
			looked = true
			b.sameQueries(run, x, data, p.QueryLanguage)
		}
		return s
	})
}

// sameQueries refuses a run that ranks for none of the queries of a task.
func (b *builder) sameQueries(run *instance, x *existing, data *Step, lang string) {
	seen := b.inspect(data)
	if seen == nil {
		return
	}
	var ours []string
	langs := collection.SplitLanguages(lang)
	for _, q := range seen.Queries {
		if !slices.Contains(langs, q.Language) {
			continue
		}
		if _, ok := slices.BinarySearch(x.queries, q.ID); ok {
			return
		}
		if len(ours) < 3 {
			ours = append(ours, q.ID)
		}
	}
	b.add(errorAt(run.block.Args["path"].Expr.Range(), "Run of other queries", "%s ranks for none of the queries in %s of %s: its queries are %s, those of the collection %s. The ids must be the same.",
		run.label(b.g), lang, data.Block, examples(x.queries), examples(ours)))
}

// examples quotes the first few of some ids.
func examples(ids []string) string {
	const few = 3
	var out []string
	for _, id := range ids[:min(few, len(ids))] {
		out = append(out, fmt.Sprintf("%q", id))
	}
	s := strings.Join(out, ", ")
	if len(ids) > few {
		s += ", …"
	}
	if s == "" {
		return "none"
	}
	return s
}

// fusion reads the arguments of a fuse instance.
func (b *builder) fusion(in *instance) (f Fusion, depth int, ok bool) {
	h := &hostArgs{b: in.block, p: in.point}
	parts := len(in.refs["of"])
	f.Method = h.str("method", FuseRRF, FuseRRF, FuseWeighted)
	depth = h.integer("depth", 100, 1)
	only := func(name, method string) {
		if f.Method != method && h.value(name) != cty.NilVal {
			h.fail(name, "Unused argument", "%q needs method = %q.", name, method)
		}
	}
	only("k", FuseRRF)
	only("normalise", FuseWeighted)
	switch f.Method {
	case FuseRRF:
		f.K = 60
		if p := h.plain("k"); p != nil {
			k, isNum := p.(float64)
			if !isNum || k < 0 {
				h.fail("k", "Invalid value", `"k" is a number, 0 or more: a document at rank r of a part counts 1/(k + r).`)
			}
			f.K = k
		}
	case FuseWeighted:
		f.Normalise = h.str("normalise", NormaliseMinMax, NormaliseNone, NormaliseMinMax, NormaliseZScore, NormaliseRank)
	}
	f.Weights = make([]float64, parts)
	for i := range f.Weights {
		f.Weights[i] = 1
	}
	if p := h.plain("weights"); p != nil {
		list, isList := p.([]any)
		f.Weights = f.Weights[:0]
		for _, x := range list {
			w, isNum := x.(float64)
			isList = isList && isNum && w > 0
			f.Weights = append(f.Weights, w)
		}
		switch {
		case !isList:
			h.fail("weights", "Invalid value", `"weights" is a list of positive numbers, one per retrieval in "of".`)
		case len(f.Weights) != parts:
			h.fail("weights", "Wrong number of weights", `"of" has %d retrievals, "weights" %d numbers: give one to each, in the same order.`, parts, len(f.Weights))
		}
	}
	b.diags = append(b.diags, h.diags...)
	return f, depth, !h.diags.HasErrors() && !b.failed(in)
}

// besides is a part of a fuse that stands beside it in its records: the
// instances of what ranks, of the index and of the task.
type besides struct {
	fuse                *workflow.Block
	system, index, task *instance
	metric              *instance
}

func besidesOf(in, part *instance) besides {
	k := besides{fuse: in.block, task: part.refs["task"][0], metric: in.refs["metric"][0]}
	if r := part.refs["run"]; len(r) > 0 {
		k.system = r[0]
		return k
	}
	k.system, k.index = part.refs["encoder"][0], part.refs["index"][0]
	return k
}

// systemsOf lists the encoders, or the runs, that a retrieval or the parts of
// a fuse take.
func systemsOf(blk *workflow.Block, kind string) []*workflow.Block {
	if blk.Type == "fuse" {
		var out []*workflow.Block
		if r := blk.Refs["of"]; r != nil {
			for _, part := range r.AllTargets() {
				out = append(out, systemsOf(part, kind)...)
			}
		}
		return out
	}
	if r := blk.Refs[kind]; r != nil {
		return r.AllTargets()
	}
	return nil
}

// fusedCells counts the cells of a fuse: its instances, and each part once.
func fusedCells(list []*instance) int {
	parts := map[besides]bool{}
	for _, in := range list {
		for _, part := range in.refs["of"] {
			parts[besidesOf(in, part)] = true
		}
	}
	return len(list) + len(parts)
}

// fuse makes the cell of a fuse instance, and those of its parts beside it:
// what a fusion is worth shows against them. They compute nothing new.
func (b *builder) fuse(in *instance) {
	f, depth, ok := b.fusion(in)
	if !ok {
		return
	}
	var parts []*Cell
	for _, r := range in.refs["of"] {
		c := b.cells[r]
		if c == nil {
			return
		}
		parts = append(parts, c)
	}
	met := in.refs["metric"][0]
	first := parts[0]
	var pools []*Step
	for i, x := range first.Runs {
		for _, c := range parts[1:] {
			if len(c.Runs) != len(first.Runs) || c.Runs[i].Pool != x.Pool {
				b.add(errorAt(in.block.Refs["of"].Range, "Different tasks", "%s: %s and %s do not rank the same candidates for the same queries.", in.label(b.g), first.Retrieval, c.Retrieval))
				return
			}
		}
		pools = append(pools, x.Pool)
	}
	name := in.block.Name
	if alt := in.vr.picks["of"].name; alt != "" {
		name += "/" + alt
	}
	cell := &Cell{
		Retrieval: in.block.Name, Encoder: name, Component: "fuse", Task: first.Task, Metric: met.block.Name,
		Axes: in.axes(b.g), QueryLanguage: first.QueryLanguage, CorpusLanguage: first.CorpusLanguage, PoolSize: first.PoolSize, Parts: parts,
	}
	// What has been trained on the test may not come in through a part.
	var after []*Step
	for _, c := range parts {
		for _, s := range c.Runs[0].Measure.After {
			if !slices.Contains(after, s) {
				after = append(after, s)
			}
		}
	}
	for i, r := range in.refs["of"] {
		k, part := besidesOf(in, r), *parts[i]
		if b.beside[k] {
			continue
		}
		b.beside[k] = true
		runs := part.Runs
		part.Retrieval, part.Metric, part.Runs = in.block.Name, met.block.Name, nil
		b.measured(in, r, &part, met, pools, runs[0].Measure.After, in.block.Name+" "+part.Encoder+" "+part.QueryLanguage, func(i int, _ *Step, _ string) *Step { return runs[i].Search })
	}
	label := strings.Replace(in.label(b.g), in.block.Name, name, 1) + " " + first.QueryLanguage
	b.measured(in, in, cell, met, pools, after, label, func(i int, pool *Step, label string) *Step {
		var inputs []Input
		for _, c := range parts {
			inputs = append(inputs, Input{"ranking", c.Runs[i].Search, "ranking"})
		}
		return b.step(Step{
			Stage: StageFuse, Label: label, Block: in.block.Address(), Fuse: &f, Depth: depth, Range: in.block.Range,
			Inputs: append(inputs, Input{"pool", pool, "pool"}),
		}, map[string]any{"fuse": &f, "depth": float64(depth)})
	})
}
