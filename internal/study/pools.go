package study

// Pools over several languages, pools of several sizes, and rankings that are
// too short for what is asked of them.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
)

// languageSet reads one code or a list of codes, and joins them: a set is the
// same in any order.
func (b *builder) languageSet(h *hostArgs, name string) string {
	var codes []string
	switch p := h.plain(name).(type) {
	case nil:
		return ""
	case string:
		codes = []string{p}
	case []any:
		if len(p) == 0 {
			h.fail(name, "No languages", "The list of languages is empty.")
			return ""
		}
		for _, e := range p {
			code, ok := e.(string)
			if !ok {
				h.fail(name, "Wrong type", "%q wants a language code, or a list of codes.", name)
				return ""
			}
			if slices.Contains(codes, code) {
				h.fail(name, "Language twice", "%q stands twice among the languages. Where an axis repeats one of the others, write distinct([…]); pools then differ in their number of languages.", code)
				return ""
			}
			codes = append(codes, code)
		}
	default:
		h.fail(name, "Wrong type", "%q wants a language code, or a list of codes.", name)
		return ""
	}
	for _, code := range codes {
		b.language(h, name, code)
	}
	return collection.JoinLanguages(codes)
}

// vectors returns the step that has the vectors of all texts of a language. Of
// several, each is encoded by itself, so that other tasks share it, and a join
// puts them one after the other.
func (b *builder) vectors(enc *instance, c config, model, data *Step, role sdk.Role, part, language string) *Step {
	codes := collection.SplitLanguages(language)
	if len(codes) == 1 {
		return b.encode(enc, c, model, data, role, part, language)
	}
	var inputs []Input
	for _, code := range codes {
		s := b.encode(enc, c, model, data, role, part, code)
		if s == nil {
			return nil
		}
		inputs = append(inputs, Input{"vectors", s, "vectors"})
	}
	return b.step(Step{
		Stage: StageJoin, Label: enc.label(b.g) + ", " + language + " " + part, Block: enc.block.Address(), Inputs: inputs, Range: enc.block.Range,
	}, map[string]any{})
}

// chosen is what a plan knows of a pool.
type chosen struct {
	candidates int
	relevant   int
	err        error // *collection.PoolError

	asked, offered map[string]fingerprint // queries and candidates, by language
}

// choice returns what a pool step will choose; nil where the collection cannot
// be looked at, which has been reported then.
func (b *builder) choice(pool *Step) *chosen {
	if c, ok := b.choices[pool.Recipe]; ok {
		return c
	}
	data := pool.Inputs[0].Step
	x := b.inspect(data)
	if x == nil {
		return nil
	}
	t := b.texts[data.Recipe]
	if t == nil {
		t = collection.TextsOf(x)
		b.texts[data.Recipe] = t
	}
	c := &chosen{}
	p, err := collection.SelectPool(t, pool.Pool.Params())
	if c.err = err; err == nil {
		c.candidates, c.relevant = len(p.DocRows), p.Relevant
		c.asked = fingerprints(collection.OfLanguage(t.Queries, pool.Pool.QueryLanguage), p.QueryRows)
		c.offered = fingerprints(collection.OfLanguage(t.Documents, pool.Pool.CorpusLanguage), p.DocRows)
	}
	b.choices[pool.Recipe] = c
	return c
}

// candidates returns how many candidates a pool has; 0 where it cannot be told.
func (b *builder) candidates(pool *Step) int {
	if pool.Pool.Size > 0 {
		return pool.Pool.Size
	}
	if c := b.choice(pool); c != nil {
		return c.candidates
	}
	return 0
}

// Reach is how far down a ranking measures look.
type Reach struct {
	Deepest int      // the largest cutoff; 0 where there is none
	Who     string   // the measure that has it
	Whole   []string // measures that look at all of it
	Unknown []string // names that only their metric understands, without a cutoff
}

var cutoffRE = regexp.MustCompile(`@([1-9][0-9]{0,8})$`)

// ReachOf reads from the names of measures how far they look. A name that only
// its metric understands has its cutoff after an @, as everywhere.
func ReachOf(names []string) Reach {
	var r Reach
	for _, name := range names {
		cutoff, whole := 0, false
		if m, err := ir.ParseMeasure(name); err == nil {
			cutoff, whole = m.Cutoff(), !aboutDepth(m.Name())
		} else if at := cutoffRE.FindStringSubmatch(name); at != nil {
			cutoff, _ = strconv.Atoi(at[1]) // digits, and few
		} else {
			r.Unknown = append(r.Unknown, name)
		}
		switch {
		case cutoff > r.Deepest:
			r.Deepest, r.Who = cutoff, name
		case cutoff == 0 && whole:
			r.Whole = append(r.Whole, name)
		}
	}
	return r
}

// Ranks returns how many of full candidates a ranking must hold for all the
// measures; all of them where nothing is known of some.
func (r Reach) Ranks(full int) int {
	if len(r.Whole)+len(r.Unknown) > 0 || r.Deepest == 0 {
		return full
	}
	return min(full, r.Deepest)
}

// aboutDepth reports whether a measure has no cutoff and is yet not falsified
// by the depth: it counts what was retrieved or judged.
func aboutDepth(family string) bool {
	return strings.HasPrefix(family, "Num") || strings.HasPrefix(family, "Set")
}

// deepEnough refuses a ranking that ends above the cutoff of a measure although
// there are more candidates, and warns where measures of whole rankings get a
// part of them. by is the retrieval or fuse that ranks.
func (b *builder) deepEnough(by *instance, measures []string, pool, ranking *Step) {
	depth, full := ranking.Depth, b.candidates(pool)
	if depth == 0 || depth >= full {
		return
	}
	h := &hostArgs{b: by.block, p: by.point}
	rng := h.rng("depth")
	r := ReachOf(measures)
	if r.Deepest > depth {
		b.add(errorAt(rng, "Depth below a cutoff", "%s looks at %d ranks, and rankings end at depth %d of %d candidates: a document that belongs at rank %d would count as not retrieved. Set depth = %d or more.", r.Who, r.Deepest, depth, full, depth+1, min(r.Deepest, full)))
	}
	if len(r.Whole) > 0 {
		b.add(warnAt(rng, "Rankings cut off", "Rankings end at depth %d of %d candidates, but these measures look at the whole: %s. Relevant documents below count as not retrieved. Set depth = %d, or name a cutoff, as in AP@%d.", depth, full, strings.Join(r.Whole, ", "), full, depth))
	}
	if len(r.Unknown) > 0 {
		b.add(warnAt(rng, "Rankings cut off", "Rankings end at depth %d of %d candidates, and these measures name no cutoff: %s. Where they look at the whole, documents below count as not retrieved. Set depth = %d, or name a cutoff where they take one.", depth, full, strings.Join(r.Unknown, ", "), full))
	}
}

// languagesToCompare warns where a metric that asks for languages gets queries
// and candidates in one language each. What it says then is its own affair, but
// mostly nothing.
func (b *builder) languagesToCompare(in, metric *instance, pool *Step) {
	p := pool.Pool
	if !b.components[metric.block].info.Languages || len(collection.SplitLanguages(p.CorpusLanguage)) > 1 || len(collection.SplitLanguages(p.QueryLanguage)) > 1 {
		return
	}
	h := &hostArgs{b: in.block, p: in.point}
	b.add(warnAt(h.rng("metric"), "One language", "%s is about languages, and the candidates of this task are all in one: most of its measures have no value then. List several in the task's corpus_language.", metric.block.Address()))
}

// curveSizes reads the argument "curve": pool sizes, ascending; auto where they
// are to be chosen. ok is false where there is none, or a mistake in it.
func (b *builder) curveSizes(in *instance) (sizes []int, auto, ok bool) {
	h := &hostArgs{b: in.block, p: in.point}
	defer func() { b.diags = append(b.diags, h.diags...) }()
	switch p := h.plain("curve").(type) {
	case nil:
		return nil, false, false
	case string:
		if p != "auto" {
			h.fail("curve", "Invalid value", `"curve" is a list of pool sizes, such as [100, 200, 500], or "auto"; got %q.%s`, p, sdk.DidYouMean(p, []string{"auto"}))
		}
		return nil, true, p == "auto"
	case []any:
		for _, e := range p {
			n, whole := wholeNumber(e)
			if !whole || n < 1 || slices.Contains(sizes, int(n)) {
				h.fail("curve", "Invalid value", `"curve" wants distinct whole numbers, 1 or more: the pool sizes at which to measure.`)
				return nil, false, false
			}
			sizes = append(sizes, int(n))
		}
		if len(sizes) == 0 {
			h.fail("curve", "No sizes", `"curve" is empty: name pool sizes, such as [100, 200, 500], or leave it out.`)
		}
		slices.Sort(sizes)
		return sizes, false, len(sizes) > 0
	}
	h.fail("curve", "Wrong type", `"curve" is a list of pool sizes, such as [100, 200, 500], or "auto".`)
	return nil, false, false
}

// autoSizes returns the steps 1, 2, 5, 10, … of 100, or of 10 in pools of less
// than 500, that hold what is relevant and are smaller than the full pool, and
// the full pool.
func autoSizes(relevant, full int) []int {
	decade := 100
	if full < 500 {
		decade = 10
	}
	var out []int
	for ; decade < full; decade *= 10 {
		for _, n := range []int{decade, 2 * decade, 5 * decade} {
			if n >= relevant && n < full {
				out = append(out, n)
			}
		}
	}
	return append(out, full)
}

// curve adds the points of a curve over pool sizes: the pools that a task with
// these sizes would have, and the measures of the one ranking of the full pool,
// restricted to them. whole is the measure step of the full pool.
func (b *builder) curve(in *instance, measures []string, pool, ranking, whole *Step, measure func(pool *Step, label string) *Step) []CurvePoint {
	sizes, auto, ok := b.curveSizes(in)
	if !ok {
		return nil
	}
	all := b.choice(pool)
	if all == nil || all.err != nil {
		return nil
	}
	full := all.candidates
	if auto {
		sizes = autoSizes(all.relevant, full)
	}
	h := &hostArgs{b: in.block, p: in.point}
	defer func() { b.diags = append(b.diags, h.diags...) }()
	if n := sizes[len(sizes)-1]; n > full {
		h.fail("curve", "Curve beyond the pool", "The curve asks for %d candidates, the pool has %d.", n, full)
		return nil
	}
	// All that is not in the smallest pool may rank above it.
	need := full
	if r := ReachOf(measures); r.Ranks(full) < full {
		need = min(full, full-sizes[0]+r.Deepest)
	}
	if sizes[0] < full && ranking.Depth < need {
		h.fail("depth", "Depth too small for the curve", "Rankings end at depth %d of %d candidates. Those of a pool of %d may all rank below, and its values would be unknown. Set depth = %d, or measure pool sizes by an axis over pool.size, which searches each.", ranking.Depth, full, sizes[0], need)
		return nil
	}
	if auto && len(sizes) == 1 {
		h.diags = append(h.diags, warnAt(h.rng("curve"), "Curve of one point", "Of the %d candidates %d are relevant to some query, and a pool holds them all: there is no smaller pool to choose. Ask fewer queries: pool = { queries = … }.", full, all.relevant))
	}
	var out []CurvePoint
	for _, n := range sizes {
		if n == full {
			out = append(out, CurvePoint{Size: n, Pool: pool, Measure: whole})
			continue
		}
		p := *pool.Pool
		p.Size = n
		size := fmt.Sprintf(" size=%d", n)
		s := b.step(Step{Stage: StagePool, Label: pool.Label + size, Block: pool.Block, Pool: &p, Inputs: pool.Inputs, Range: pool.Range}, map[string]any{"pool": &p})
		if c := b.choice(s); c == nil || c.err != nil {
			if c != nil {
				h.fail("curve", "Pool cannot be filled", "A pool of %d: %s.", n, c.err)
			}
			return nil
		}
		out = append(out, CurvePoint{Size: n, Pool: s, Measure: measure(s, whole.Label+size)})
	}
	return out
}

// encoded returns an encode step among those that a matrix of vectors comes
// from: all have one encoder.
func encoded(s *Step) *Step {
	if s.Stage == StageJoin {
		return s.Inputs[0].Step
	}
	return s
}
