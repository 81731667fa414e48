package study

// What a plan refuses or warns of: designs that cannot be carried out, or whose
// results would not mean what they seem to.

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// noteDraw remembers which languages a mixture instance drew.
func (b *builder) noteDraw(in *instance, m *Mixture) {
	if m == nil {
		return
	}
	a := in.block.Args["languages"]
	var rest, draws []int
	for _, x := range a.Axes {
		if b.w.Axes[x].Role == workflow.RoleDraw {
			draws = append(draws, x)
		} else {
			rest = append(rest, x)
		}
	}
	if draws == nil {
		return
	}
	k := in.block.Address() + "\x00" + key(rest, in.point)
	if b.drawn[k] == nil {
		b.drawn[k] = map[string]string{}
	}
	// Other axes of the mixture make instances, not draws.
	b.drawn[k][key(draws, in.point)] = strings.Join(m.Languages, " ")
}

// drawsDiffer refuses draws that all take the same languages, however the
// workflow came by them.
func (b *builder) drawsDiffer(blk *workflow.Block, a *workflow.Arg) {
	for k, draws := range b.drawn {
		if !strings.HasPrefix(k, blk.Address()+"\x00") || len(draws) < 2 {
			continue
		}
		sets := slices.Compact(slices.Sorted(maps.Values(draws)))
		if len(sets) == 1 {
			b.add(errorAt(a.Expr.Range(), "Draws are all alike", "All %d draws take the same languages (%s): they repeat nothing and tell nothing about other languages. Offer more candidates, draw fewer, or leave the draw out of the expression.", len(draws), sets[0]))
		}
	}
}

// unused warns of blocks that nothing refers to.
func (b *builder) unused() {
	used := map[*workflow.Block]bool{}
	for _, blk := range b.w.Blocks {
		for _, r := range blk.Refs {
			for _, t := range r.AllTargets() {
				used[t] = true
			}
		}
		if blk.Train != nil {
			for _, r := range blk.Train.Refs {
				for _, t := range r.AllTargets() {
					used[t] = true
				}
			}
		}
	}
	for _, blk := range b.w.Blocks {
		if blk.Type != "retrieval" && blk.Type != "fuse" && !used[blk] {
			b.add(warnAt(blk.Range, "Unused block", "Nothing refers to %s: it is not part of the study.", blk.Address()))
		}
	}
}

// prune removes the steps that no cell needs.
func (b *builder) prune() {
	need := map[*Step]bool{}
	var visit func(s *Step)
	visit = func(s *Step) {
		if need[s] {
			return
		}
		need[s] = true
		for _, in := range s.Inputs {
			visit(in.Step)
		}
		for _, a := range s.After {
			visit(a)
		}
	}
	for _, c := range b.plan.Cells {
		for _, r := range c.Runs {
			visit(r.Measure)
			for _, x := range r.Curve {
				visit(x.Measure)
			}
		}
	}
	b.plan.Steps = slices.DeleteFunc(b.plan.Steps, func(s *Step) bool { return !need[s] })
	if len(b.plan.Cells) == 0 && !b.diags.HasErrors() {
		b.add(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "No cells", Detail: "The grid is empty: no retrieval has an instance. Look at the \"when\" arguments" + map[bool]string{true: " and at -only.", false: "."}[b.plan.Partial]})
	}
}

// sameCells warns where cells of one retrieval and encoder are one computation
// under several names: an axis that changes nothing makes no replicates.
func (b *builder) sameCells() {
	first := map[string]*Cell{}
	same := map[string]int{}
	var order []string
	for _, c := range b.plan.Cells {
		k := c.Retrieval + "\x00" + c.Encoder + "\x00" + string(c.ID)
		if first[k] == nil {
			first[k] = c
			continue
		}
		var axes []string
		for name, v := range c.Axes {
			if first[k].Axes[name] != v {
				axes = append(axes, name)
			}
		}
		slices.Sort(axes)
		what := c.Retrieval + "\x00" + c.Encoder + "\x00" + strings.Join(axes, ", ")
		if same[what] == 0 {
			order = append(order, what)
		}
		same[what]++
	}
	for _, what := range order {
		p := strings.Split(what, "\x00")
		blk := b.w.Block("retrieval." + p[0])
		if blk == nil {
			blk = b.w.Block("fuse." + p[0])
		}
		if p[2] == "" {
			b.add(warnAt(blk.Range, "Cells that are the same", "%d cells of %s with encoder %s repeat another: two alternatives compute the same.", same[what], blk.Address(), p[1]))
			continue
		}
		b.add(warnAt(blk.Range, "Cells that are the same", "%d cells of %s with encoder %s repeat another: axis %s changes nothing there. What is equal is computed once and is no replicate.", same[what], blk.Address(), p[1], p[2]))
	}
}

// feasible makes the selection that the run will make, and refuses a cell that
// cannot fill its budget without repeating a pair.
func (b *builder) feasible(in *instance, m *Mixture, excluded []*Step) {
	pairs := b.pairs(in, excluded)
	if pairs == nil {
		return
	}
	_, err := pairs.Select(m.Params())
	if err == nil {
		return
	}
	h := &hostArgs{b: in.block, p: in.point}
	arg, summary := "pairs", "Budget cannot be filled"
	var lang *collection.LanguageError
	if errors.As(err, &lang) {
		arg, summary = "languages", "No pairs for a language"
	}
	h.fail(arg, summary, "%s: %s.", in.label(b.g), err)
	b.diags = append(b.diags, h.diags...)
}

// pairs returns what a mixture may choose from, without what it excludes.
func (b *builder) pairs(in *instance, excluded []*Step) *collection.Pairs {
	id := ""
	for _, l := range in.refs["from"] {
		id += string(b.loads[l].Recipe)
	}
	for _, s := range excluded {
		id += "-" + string(s.Recipe)
	}
	if p, ok := b.available[id]; ok {
		return p
	}
	b.available[id] = nil
	var keys []collection.Key
	for _, l := range in.refs["from"] {
		x := b.inspect(b.loads[l])
		if x == nil {
			return nil
		}
		keys = append(keys, x.Pairs...)
	}
	hashes := collection.Hashes{}
	for _, s := range excluded {
		x := b.inspect(s)
		if x == nil {
			return nil
		}
		hashes.Add(x.Queries, x.Documents)
	}
	b.available[id] = collection.NewPairs(keys, hashes)
	return b.available[id]
}

// sampleSizes refuses draws that would all be nearly the same set: with more
// than half of the candidates in every sample, draws share most languages.
func (b *builder) sampleSizes() {
	for _, blk := range b.w.Blocks {
		a := blk.Args["languages"]
		if blk.Type != "mixture" || a == nil {
			continue
		}
		b.drawsDiffer(blk, a)
		draws := false
		for _, x := range a.Axes {
			draws = draws || b.w.Axes[x].Role == workflow.RoleDraw
		}
		if n, of := a.LargestSample(); draws && 2*n > of {
			b.add(errorAt(a.Expr.Range(), "Sample too large for its list", "The largest sample takes %d of %d candidates: with more than half, the draws are nearly the same set and tell nothing about other languages. Offer at least %d candidates, or draw fewer.", n, of, 2*n))
		}
	}
}

// fillable refuses a pool that the target cannot fill.
func (b *builder) fillable(in *instance, pool *Step) {
	data, p := pool.Inputs[0].Step, pool.Pool
	x := b.inspect(data)
	if x == nil {
		return
	}
	h := &hostArgs{b: in.block, p: in.point}
	defer func() { b.diags = append(b.diags, h.diags...) }()
	for _, x := range []struct {
		arg, languages string
		texts          []sdk.InspectedText
	}{{"query_language", p.QueryLanguage, x.Queries}, {"corpus_language", p.CorpusLanguage, x.Documents}} {
		for _, code := range collection.SplitLanguages(x.languages) {
			if !b.inData(h, x.arg, code, data, x.texts) {
				return
			}
		}
	}
	if c := b.choice(pool); c != nil && c.err != nil {
		h.fail("pool", "Pool cannot be filled", "%s: %s.", in.label(b.g), c.err)
	}
}

// inData refuses a language that the collection does not have under this code.
func (b *builder) inData(h *hostArgs, arg, code string, data *Step, texts []sdk.InspectedText) bool {
	have := b.languages[data.Recipe+cas.Digest(arg)]
	if have == nil {
		seen := map[string]bool{}
		for _, t := range texts {
			seen[t.Language] = true
		}
		have = slices.Sorted(maps.Keys(seen))
		b.languages[data.Recipe+cas.Digest(arg)] = have
	}
	found, err := collection.ResolveLanguage(code, have)
	switch {
	case err != nil:
		h.fail(arg, "Language not in the data", "%s", sentence(err))
	case found != code:
		h.fail(arg, "Language not in the data", "%s has no %q; it writes %q.", data.Block, code, found)
	}
	return err == nil && found == code
}

// language refuses codes that are unknown or ambiguous.
func (b *builder) language(h *hostArgs, arg, code string) {
	k := h.b.Address() + "\x00" + arg + "\x00" + code
	if b.looked[k] {
		return
	}
	b.looked[k] = true
	if _, err := collection.ParseLanguage(code); err != nil {
		h.fail(arg, "Unusable language code", "%s", sentence(err))
	}
}

// baselines warns of comparisons that show nothing about learning.
func (b *builder) baselines() {
	for _, blk := range b.w.Blocks {
		if blk.Type != "retrieval" || blk.Refs["encoder"] == nil {
			continue
		}
		trained, other := 0, 0
		for _, e := range blk.Refs["encoder"].AllTargets() {
			if e.Train != nil {
				trained++
			} else {
				other++
			}
		}
		if blk.Refs["run"] != nil {
			other++
		}
		if trained > 0 && other == 0 {
			b.add(warnAt(blk.Refs["encoder"].Range, "No baseline", "retrieval %q compares trained encoders only. An untrained encoder of the same shape, or a lexical one, shows what string overlap alone reaches.", blk.Name))
		}
	}
}
