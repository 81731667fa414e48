package study

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// Host steps carry an integer revision like bundled components: bump one when
// its output changes for equal input.
var hostRevisions = map[Stage]int{
	StageMix: 1, StagePool: 1, StageCheck: 1, StageCollect: 3, StageAnalyse: 8, StageReport: 1, StageImport: 1, StageFuse: 1, StageJoin: 1,
}

// Options control how a plan is made.
type Options struct {
	Only []Filter
	// Done reports whether a step's result is already in the store. Its
	// feasibility needs no check then. Nil: nothing is.
	Done func(recipe cas.Digest) bool
	// Report identifies the code that renders the report.
	Report string
	// ValidateOnly stops before sources are read: the plan has no steps.
	ValidateOnly bool
}

// New makes the plan of a workflow. It reports all mistakes it can find. The
// plan is nil when there are errors.
func New(ctx context.Context, w *workflow.Workflow, cat Catalog, opts Options) (*Plan, hcl.Diagnostics) {
	only, diags := resolveFilters(w, opts.Only)
	full, d := expandGrid(w, nil)
	diags = append(diags, d...)
	g := full
	if only != nil {
		g, d = expandGrid(w, only)
		diags = append(diags, d...)
	}
	b := newBuilder(ctx, w, g, cat, opts)
	b.full = full
	b.plan = &Plan{Name: w.Name, Title: w.Title, Question: w.Question, Inputs: w.Inputs(), Given: w.Required(), Partial: only != nil, Only: filterText(opts.Only)}
	for _, x := range w.Axes {
		a := Axis{Name: x.Name, Role: x.Role}
		for _, v := range x.Values {
			a.Labels = append(a.Labels, v.Label)
		}
		b.plan.Axes = append(b.plan.Axes, a)
		if !full.used[x.Index] && len(x.Values) > 0 {
			diags = append(diags, errorAt(x.Range, "Axis never used", "No block depends on axis %q. Use axis.%s somewhere, or remove the axis.", x.Name, x.Name))
		}
	}
	b.diags = diags
	b.declare()
	b.build(full)
	b.analyses()
	out := workflow.Tidy(b.diags)
	for _, dg := range out {
		if dg.Severity == hcl.DiagWarning {
			b.plan.Warnings = append(b.plan.Warnings, dg)
		}
	}
	if out.HasErrors() {
		return nil, out
	}
	return b.plan, out
}

// Check reports what can be said about the components of a workflow that has
// mistakes of its own: unknown components, arguments and values. It reads no
// data.
func Check(ctx context.Context, w *workflow.Workflow, cat Catalog) hcl.Diagnostics {
	g, _ := expandGrid(w, nil) // what is wrong with the grid has been said, or follows from it
	b := newBuilder(ctx, w, g, cat, Options{ValidateOnly: true})
	b.declare()
	for _, blk := range w.Blocks {
		for _, in := range g.instances(blk) {
			if b.components[blk] != nil {
				b.config(in)
			}
		}
	}
	return workflow.Tidy(b.diags)
}

// declared is a component block with what its plugin declares of it.
type declared struct {
	Component
	info sdk.Info
}

type builder struct {
	ctx   context.Context
	w     *workflow.Workflow
	g     *grid // what the filter leaves
	full  *grid // without a filter: what collecting references see
	cat   Catalog
	opts  Options
	plan  *Plan
	diags hcl.Diagnostics

	steps      map[cas.Digest]*Step
	components map[*workflow.Block]*declared
	configs    map[string]config // by block address and point
	valid      map[string]bool   // component and config already validated
	measuring  map[string]*measures
	lookedUp   map[string]*lookups // by component and config; also in lookups, in order
	lookups    []*lookups
	sources    map[string][]SourceDigest
	inspected  map[cas.Digest]*sdk.Inspection
	texts      map[cas.Digest]*collection.Texts
	looked     map[string]bool // languages already checked
	available  map[string]*collection.Pairs
	choices    map[cas.Digest]*chosen       // by recipe of a pool
	languages  map[cas.Digest][]string      // of a load's queries or documents
	drawn      map[string]map[string]string // mixture and other axes of its languages → draw → languages

	loads, mixes, models map[*instance]*Step
	pools                map[*instance][]*Step
	runs                 map[*instance]*existing
	cells                map[*instance]*Cell // of retrievals
	beside               map[besides]bool    // parts of fusions that have their cell
	files                map[string]*RunFile // by path; nil: unusable, and reported
}

func newBuilder(ctx context.Context, w *workflow.Workflow, g *grid, cat Catalog, opts Options) *builder {
	return &builder{
		ctx: ctx, w: w, g: g, cat: cat, opts: opts, plan: &Plan{}, steps: map[cas.Digest]*Step{},
		loads: map[*instance]*Step{}, mixes: map[*instance]*Step{}, models: map[*instance]*Step{}, pools: map[*instance][]*Step{},
		runs: map[*instance]*existing{}, cells: map[*instance]*Cell{}, beside: map[besides]bool{}, files: map[string]*RunFile{},
		configs: map[string]config{}, valid: map[string]bool{}, measuring: map[string]*measures{}, lookedUp: map[string]*lookups{}, looked: map[string]bool{}, components: map[*workflow.Block]*declared{},
		sources: map[string][]SourceDigest{}, inspected: map[cas.Digest]*sdk.Inspection{}, texts: map[cas.Digest]*collection.Texts{},
		available: map[string]*collection.Pairs{}, languages: map[cas.Digest][]string{}, choices: map[cas.Digest]*chosen{}, drawn: map[string]map[string]string{},
	}
}

func (b *builder) add(d ...*hcl.Diagnostic) { b.diags = append(b.diags, d...) }

// declare finds the component of each block and checks its arguments' names.
func (b *builder) declare() {
	for _, blk := range b.w.Blocks {
		if blk.Component == "" || blk.Type == "run" {
			continue
		}
		kind := sdk.Kind(blk.Type)
		c, info, ok := b.cat.Component(kind, blk.Component)
		if !ok {
			names := b.cat.Names(kind)
			b.add(errorAt(blk.Range, "Unknown component", "There is no %s %q; those there are: %s.%s Others come with plugin blocks in xlrun { }.", kind, blk.Component, strings.Join(names, ", "), sdk.DidYouMean(blk.Component, names)))
			continue
		}
		d := &declared{Component: c, info: info}
		b.components[blk] = d
		b.diags = append(b.diags, checkArgs(blk, info.Options)...)
		if blk.Train != nil {
			if info.Train == nil {
				b.add(errorAt(blk.Train.Range, "Not trainable", "The encoder %q cannot be trained. Remove the train block, or choose another encoder.", blk.Component))
			} else {
				b.diags = append(b.diags, checkArgs(blk.Train, info.Train)...)
			}
		}
	}
}

func (b *builder) build(full *grid) {
	count := func(blk *workflow.Block) {
		info := Block{Address: blk.Address()}
		axes := map[int]bool{}
		for _, v := range b.g.vars[blk] {
			info.Instances += len(v.list)
			for _, a := range v.axes {
				axes[a] = true
			}
			if len(b.g.vars[blk]) > 1 {
				if info.By == nil {
					info.By = map[string]int{}
				}
				info.By[strings.Join(v.names, "/")] += len(v.list)
			}
		}
		for _, a := range slices.Sorted(maps.Keys(axes)) {
			info.Axes = append(info.Axes, b.w.Axes[a].Name)
		}
		b.plan.Blocks = append(b.plan.Blocks, info)
		if info.Instances == 0 && !b.diags.HasErrors() {
			b.add(warnAt(blk.Range, "Block without instances", "%s has no instance: its \"when\" is false everywhere, or what it refers to does not exist.", blk.Title()))
		}
	}
	for _, blk := range b.w.Blocks {
		count(blk)
		switch blk.Type {
		case "retrieval":
			b.plan.FullCells += len(full.instances(blk))
		case "fuse":
			b.plan.FullCells += fusedCells(full.instances(blk))
		}
	}
	// Every argument of every instance is evaluated before anything is looked
	// at outside, so that mistakes in the file do not wait for data.
	each := func(typ string, f func(*instance)) {
		for _, blk := range b.w.Blocks {
			if blk.Type != typ {
				continue
			}
			for _, in := range b.g.instances(blk) {
				if b.ctx.Err() != nil {
					return
				}
				f(in)
			}
		}
	}
	for _, typ := range []string{"loader", "encoder", "index", "metric"} {
		each(typ, func(in *instance) { b.config(in) })
	}
	if b.ctx.Err() != nil {
		b.add(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Interrupted", Detail: "Planning was interrupted. Nothing was started."})
		return
	}
	if b.opts.ValidateOnly {
		each("mixture", func(in *instance) { b.mixture(in) })
		each("task", func(in *instance) { b.task(in) })
		each("run", func(in *instance) { b.runArgs(in) })
		each("retrieval", func(in *instance) { b.retrievalArgs(in) })
		each("fuse", func(in *instance) { b.fusion(in) })
		b.sampleSizes()
		return
	}
	each("loader", b.load)
	each("mixture", b.mix)
	b.sampleSizes()
	each("encoder", b.train)
	each("task", b.pool)
	each("run", b.existing)
	each("retrieval", b.retrieve)
	each("fuse", b.fuse)
	b.vectorsThere()
	b.unused()
	b.prune()
	b.sameCells()
	b.baselines()
}

// config returns the decoded arguments of a component instance; each distinct
// configuration is shown to its plugin once.
func (b *builder) config(in *instance) (config, bool) {
	d := b.components[in.block]
	if d == nil {
		return config{}, false
	}
	k := in.block.Address() + "\x00" + fmt.Sprint(in.vr.id) + key(in.vr.axes, in.point)
	if c, ok := b.configs[k]; ok {
		return c, c.full != nil
	}
	c, diags := decodeConfig(b.w.Dir, in.block, d.info.Options, in.point)
	b.diags = append(b.diags, diags...)
	var train map[string]any
	if t := in.block.Train; t != nil && d.info.Train != nil {
		tc, td := decodeConfig(b.w.Dir, t, d.info.Train, in.point)
		b.diags = append(b.diags, td...)
		diags = append(diags, td...)
		train = tc.full
	}
	if diags.HasErrors() || b.failed(in) {
		b.configs[k] = config{}
		return config{}, false
	}
	b.configs[k] = c
	b.validate(in.block, d, c, train)
	return c, true
}

// failed reports whether an argument of the block failed at this point: the
// mistake itself was reported the first time.
func (b *builder) failed(in *instance) bool {
	for _, blk := range []*workflow.Block{in.block, in.block.Train} {
		if blk == nil {
			continue
		}
		for _, a := range blk.Args {
			if a.Failed(in.point) {
				return true
			}
		}
	}
	return false
}

func (b *builder) validate(blk *workflow.Block, d *declared, c config, train map[string]any) {
	full := mustCanonical(c.full)
	var tj []byte
	if train != nil {
		tj = mustCanonical(train)
	}
	k := string(d.Kind) + d.Name + "\x00" + string(full) + "\x00" + string(tj)
	if b.valid[k] || b.ctx.Err() != nil {
		return
	}
	b.valid[k] = true
	found, err := b.cat.Validate(b.ctx, d.Component, full, tj)
	if err != nil {
		b.add(errorAt(blk.Range, "Plugin error", "%s could not check its arguments: %s.", blk.Title(), err))
		return
	}
	for _, f := range found {
		b.add(blk.Locate(f))
	}
}

// trainConfig decodes the train block of an encoder instance.
func (b *builder) trainConfig(in *instance) (config, bool) {
	d := b.components[in.block]
	if d == nil || d.info.Train == nil || b.failed(in) {
		return config{}, false
	}
	c, diags := decodeConfig(b.w.Dir, in.block.Train, d.info.Train, in.point)
	return c, !diags.HasErrors()
}

func mustCanonical(v any) []byte {
	raw, err := workflow.Canonical(v)
	if err != nil {
		// Plain refused what cannot be written before it came here.
		panic(fmt.Sprintf("study: canonical form: %v", err))
	}
	return raw
}

// step makes a step, or returns the one that has the same recipe.
func (b *builder) step(s Step, args map[string]any) *Step {
	args["stage"] = string(s.Stage)
	if s.Component != nil {
		id := map[string]any{"kind": string(s.Component.Kind), "name": s.Component.Name, "revision": float64(s.Component.Revision)}
		if s.Component.Tree != "" {
			id["tree"] = string(s.Component.Tree)
		}
		args["component"] = id
	} else {
		args["revision"] = float64(hostRevisions[s.Stage])
	}
	s.ActionArgs = mustCanonical(args)
	s.Preimage = preimage(s.ActionArgs, s.Inputs)
	s.Recipe = cas.Sum(s.Preimage)
	if old, ok := b.steps[s.Recipe]; ok {
		for _, a := range s.After {
			if !slices.Contains(old.After, a) {
				old.After = append(old.After, a)
			}
		}
		return old
	}
	if s.Weight == 0 {
		s.Weight = 1
	}
	out := &s
	b.steps[s.Recipe] = out
	b.plan.Steps = append(b.plan.Steps, out)
	return out
}

// preimage is the canonical JSON of {args, inputs: [{part, role, step}]}. Roles,
// parts and digests are plain ASCII, so it is written out directly.
func preimage(args []byte, inputs []Input) []byte {
	b := make([]byte, 0, len(args)+128*len(inputs)+32)
	b = append(append(b, `{"args":`...), args...)
	b = append(b, `,"inputs":[`...)
	for i, in := range inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"part":"`...), in.Part...)
		b = append(append(b, `","role":"`...), in.Role...)
		b = append(append(b, `","step":"`...), in.Step.Recipe...)
		b = append(b, `"}`...)
	}
	return append(b, `]}`...)
}

// sourcesOf lists and hashes the files that a component reads.
func (b *builder) sourcesOf(in *instance, c config) ([]SourceDigest, bool) {
	d := b.components[in.block]
	full := mustCanonical(c.full)
	k := string(d.Kind) + d.Name + "\x00" + string(full)
	if s, ok := b.sources[k]; ok {
		return s, s != nil
	}
	s, err := b.cat.Sources(b.ctx, d.Component, full)
	if err != nil {
		b.sources[k] = nil
		if dg, ok := sdk.AsDiagnostics(err); ok {
			for _, x := range dg {
				b.add(in.block.Locate(x))
			}
			return nil, false
		}
		b.add(errorAt(b.sourceRange(in, d), "Unusable source", "%s", sentence(err)))
		return nil, false
	}
	if s == nil {
		s = []SourceDigest{}
	}
	b.sources[k] = s
	return s, true
}

// sourceRange points at the first argument of the block that names files.
func (b *builder) sourceRange(in *instance, d *declared) hcl.Range {
	for _, o := range d.info.Options {
		if a := in.block.Args[o.Name]; a != nil && o.Effect == sdk.EffectSource {
			return a.Expr.Range()
		}
	}
	return in.block.Range
}

func sentence(err error) string {
	s := err.Error()
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func sourceArgs(s []SourceDigest) []any {
	out := make([]any, len(s))
	for i, x := range s {
		out[i] = map[string]any{"name": x.Name, "digest": string(x.Digest)}
	}
	return out
}

func (b *builder) load(in *instance) {
	c, ok := b.config(in)
	if !ok {
		return
	}
	src, ok := b.sourcesOf(in, c)
	if !ok {
		return
	}
	d := b.components[in.block]
	comp := d.Component
	s := b.step(Step{
		Stage: StageLoad, Label: in.label(b.g), Block: in.block.Address(), Component: &comp,
		Config: mustCanonical(c.full), Sources: src, Range: in.block.Range,
	}, map[string]any{"config": c.output, "sources": sourceArgs(src)})
	b.loads[in] = s
}

// inspect returns what a loaded collection holds.
func (b *builder) inspect(s *Step) *sdk.Inspection {
	if in, ok := b.inspected[s.Recipe]; ok {
		return in
	}
	in, err := b.cat.Inspect(b.ctx, *s.Component, s.Config, s.Recipe)
	if err != nil {
		b.add(errorAt(s.Range, "Unusable data", "%s", sentence(err)))
	} else if len(in.Queries)+len(in.Documents)+len(in.Pairs) == 0 {
		b.add(errorAt(s.Range, "Empty collection", "%s gave no queries, no documents and no pairs. Check the path and the split.", s.Label))
		in = nil
	}
	b.inspected[s.Recipe] = in
	return in
}

// mixture reads the arguments of a mixture instance.
func (b *builder) mixture(in *instance) (*Mixture, bool) {
	h := &hostArgs{b: in.block, p: in.point}
	h.present("languages", "pivot", "pairs", "seed")
	if h.diags.HasErrors() {
		b.diags = append(b.diags, h.diags...)
		return nil, false
	}
	m := &Mixture{
		Languages: slices.Sorted(slices.Values(h.strings("languages"))),
		Pivot:     h.str("pivot", ""),
		Pairs:     h.integer("pairs", 0, 1),
		Share:     h.str("share", collection.ShareEven, collection.ShareEven, collection.ShareExponent, collection.ShareWeights),
		Pairing:   h.str("pairing", collection.PairingAligned, collection.PairingAligned, collection.PairingShuffled),
		Kinds:     slices.Compact(slices.Sorted(slices.Values(h.strings("kinds")))),
	}
	if p := h.plain("exponent"); p != nil {
		f, ok := p.(float64)
		if !ok || f < 0 || f > 1 {
			h.fail("exponent", "Invalid value", `"exponent" is a number from 0 (even) to 1 (proportional to what is there).`)
		}
		m.Exponent = f
		if m.Share != collection.ShareExponent {
			h.fail("exponent", "Unused argument", `"exponent" needs share = "exponent".`)
		}
	} else if m.Share == collection.ShareExponent {
		h.fail("share", "Missing argument", `share = "exponent" needs exponent, a number from 0 to 1.`)
	}
	if p := h.plain("weights"); p != nil {
		ws, ok := p.(map[string]any)
		m.Weights = map[string]float64{}
		for lang, v := range ws {
			f, isNum := v.(float64)
			if !isNum || f <= 0 {
				ok = false
			}
			m.Weights[lang] = f
			b.language(h, "weights", lang)
		}
		if m.Share != collection.ShareWeights {
			h.fail("weights", "Unused argument", `"weights" needs share = "weights".`)
		}
		if !ok {
			h.fail("weights", "Invalid value", `"weights" is a map from language to a positive number.`)
		}
	} else if m.Share == collection.ShareWeights {
		h.fail("share", "Missing argument", `share = "weights" needs weights, a map from language to a positive number.`)
	}
	if seed := h.value("seed"); seed != cty.NilVal {
		text, err := workflow.SeedText(seed)
		if err != nil {
			h.fail("seed", "Unusable seed", "%s.", sentence(err))
		}
		m.Seed = text
	}
	for i := 1; i < len(m.Languages); i++ {
		if m.Languages[i] == m.Languages[i-1] {
			h.fail("languages", "Language twice", "%q stands twice among the languages.", m.Languages[i])
		}
	}
	if in.block.Args["languages"] != nil && !in.block.Args["languages"].Failed(in.point) && len(m.Languages) == 0 && !h.diags.HasErrors() {
		h.fail("languages", "No languages", "The list of languages is empty.")
	}
	for _, l := range m.Languages {
		b.language(h, "languages", l)
		if l == m.Pivot {
			h.fail("languages", "Pivot among the languages", "%q is the pivot: pairs join another language with it.", l)
		}
	}
	if m.Pivot != "" {
		b.language(h, "pivot", m.Pivot)
	}
	b.diags = append(b.diags, h.diags...)
	return m, !h.diags.HasErrors() && !b.failed(in)
}

func (b *builder) mix(in *instance) {
	m, ok := b.mixture(in)
	var inputs []Input
	var args map[string]any
	for _, l := range in.refs["from"] {
		s := b.loads[l]
		if s == nil {
			return
		}
		inputs = append(inputs, Input{"pairs", s, "pairs"})
	}
	b.noteDraw(in, m)
	excluded := b.excluded(in.block)
	for _, s := range excluded {
		inputs = append(inputs, Input{"exclude_queries", s, "queries"}, Input{"exclude_corpus", s, "corpus"})
	}
	if !ok {
		return
	}
	args = map[string]any{"mixture": m}
	s := b.step(Step{Stage: StageMix, Label: in.label(b.g), Block: in.block.Address(), Mix: m, Inputs: inputs, Range: in.block.Range}, args)
	b.mixes[in] = s
	if b.opts.Done == nil || !b.opts.Done(s.Recipe) {
		b.feasible(in, m, excluded)
	}
}

// excluded returns the loads that a mixture excludes, each once.
func (b *builder) excluded(blk *workflow.Block) []*Step {
	r := blk.Refs["exclude"]
	if r == nil {
		return nil
	}
	var out []*Step
	for _, t := range r.AllTargets() {
		for _, in := range b.full.instances(t) {
			if b.loads[in] == nil {
				b.load(in)
			}
			if s := b.loads[in]; s != nil && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// Params returns the mixture in the form that package collection takes.
func (m *Mixture) Params() collection.MixParams {
	return collection.MixParams{
		Languages: m.Languages, Pivot: m.Pivot, Pairs: m.Pairs, Share: m.Share, Exponent: m.Exponent,
		Weights: m.Weights, Pairing: m.Pairing, Kinds: m.Kinds, Seed: m.Seed,
	}
}

func (b *builder) train(in *instance) {
	if in.block.Train == nil {
		return
	}
	c, ok := b.config(in)
	t, ok2 := b.trainConfig(in)
	mix := (*Step)(nil)
	if len(in.refs["on"]) == 1 {
		mix = b.mixes[in.refs["on"][0]]
	}
	if !ok || !ok2 || mix == nil {
		return
	}
	d := b.components[in.block]
	args := map[string]any{"config": c.output, "train": t.output}
	src, ok := b.encoderSources(in, c, args)
	if !ok {
		return
	}
	comp := d.Component
	b.models[in] = b.step(Step{
		Stage: StageTrain, Label: in.label(b.g), Block: in.block.Address(), Component: &comp,
		Config: mustCanonical(c.full), Train: mustCanonical(t.full), Sources: src,
		Inputs: []Input{{"pairs", mix, "pairs"}}, Range: in.block.Range, Weight: trainWeight(c, t, mix),
	}, args)
}

// encoderSources adds the files that an encoder reads to args.
func (b *builder) encoderSources(in *instance, c config, args map[string]any) ([]SourceDigest, bool) {
	if !c.source {
		return nil, true
	}
	src, ok := b.sourcesOf(in, c)
	args["sources"] = sourceArgs(src)
	return src, ok
}

// trainWeight guesses the cost of a training from the usual names of
// arguments, for progress only: examples times dimensions.
func trainWeight(c, t config, mix *Step) float64 {
	w := float64(mix.Mix.Pairs)
	if e, ok := t.full["examples"].(float64); ok {
		w = e
	}
	if d, ok := c.full["dim"].(float64); ok {
		w *= 0.5 + d/128
	}
	return w / 20
}

// taskArgs is what a task block says.
type taskArgs struct {
	Pool
	seeds []int64
}

func (b *builder) task(in *instance) (taskArgs, bool) {
	h := &hostArgs{b: in.block, p: in.point}
	h.present("query_language", "corpus_language")
	if h.diags.HasErrors() {
		b.diags = append(b.diags, h.diags...)
		return taskArgs{seeds: []int64{1}}, false
	}
	t := taskArgs{Pool: Pool{QueryLanguage: b.languageSet(h, "query_language"), CorpusLanguage: b.languageSet(h, "corpus_language")}, seeds: []int64{1}}
	switch p := h.plain("pool").(type) {
	case nil:
	case map[string]any:
		h.readPool(p, &t)
	default:
		h.fail("pool", "Wrong type", `"pool" is an object: { size = 50, queries = 50, seeds = [1, 2, 3] }.`)
	}
	b.diags = append(b.diags, h.diags...)
	return t, !h.diags.HasErrors() && !b.failed(in)
}

func (h *hostArgs) readPool(p map[string]any, t *taskArgs) {
	known := []string{"size", "queries", "seeds"}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		v := p[name]
		at := h.b.Locate(sdk.Diagnostic{Path: []any{"pool", name}})
		fail := func(summary, format string, args ...any) {
			h.diags = append(h.diags, errorAt(*at.Subject, summary, format, args...))
		}
		switch name {
		case "size", "queries":
			if v == nil {
				continue
			}
			n, ok := wholeNumber(v)
			if !ok || n < 1 {
				fail("Invalid value", "pool.%s wants a whole number, 1 or more; leave it out for all.", name)
				continue
			}
			if name == "size" {
				t.Size = int(n)
			} else {
				t.Queries = int(n)
			}
		case "seeds":
			list, ok := v.([]any)
			t.seeds = nil
			for _, s := range list {
				n, whole := wholeNumber(s)
				if !whole || slices.Contains(t.seeds, n) {
					ok = false
				}
				t.seeds = append(t.seeds, n)
			}
			if !ok || len(t.seeds) == 0 {
				fail("Invalid value", "pool.seeds wants a list of distinct whole numbers, such as [1, 2, 3].")
				t.seeds = []int64{1}
			}
		default:
			fail("Unsupported attribute", "pool has no %q.%s", name, sdk.DidYouMean(name, known))
		}
	}
	if one := len(collection.SplitLanguages(t.QueryLanguage)) == 1; one && t.Size > 0 && t.Queries > t.Size {
		h.fail("pool", "Pool smaller than its queries", "%d queries have up to %d relevant documents, which do not fit into a pool of %d.", t.Queries, t.Queries, t.Size)
	}
	// One pool is all there is to draw where everything is taken.
	if t.Size == 0 && t.Queries == 0 {
		t.seeds = t.seeds[:1]
	}
}

func (b *builder) pool(in *instance) {
	t, ok := b.task(in)
	if !ok || len(in.refs["data"]) != 1 {
		return
	}
	data := b.loads[in.refs["data"][0]]
	if data == nil {
		return
	}
	for _, seed := range t.seeds {
		p := t.Pool
		p.Seed = seed
		label := in.label(b.g)
		if len(t.seeds) > 1 {
			label += fmt.Sprintf(" pool=%d", seed)
		}
		s := b.step(Step{
			Stage: StagePool, Label: label, Block: in.block.Address(), Pool: &p, Range: in.block.Range,
			Inputs: []Input{{"queries", data, "queries"}, {"corpus", data, "corpus"}, {"qrels", data, "qrels"}},
		}, map[string]any{"pool": &p})
		b.pools[in] = append(b.pools[in], s)
		if b.opts.Done == nil || !b.opts.Done(s.Recipe) {
			b.fillable(in, s)
		}
	}
}

// Params returns the pool in the form that package collection takes.
func (p *Pool) Params() collection.PoolParams {
	return collection.PoolParams{QueryLanguage: p.QueryLanguage, CorpusLanguage: p.CorpusLanguage, Size: p.Size, Queries: p.Queries, Seed: p.Seed}
}

func (b *builder) retrievalArgs(in *instance) (depth int, leakage string, ok bool) {
	h := &hostArgs{b: in.block, p: in.point}
	depth = h.integer("depth", 100, 1)
	leakage = h.str("leakage", "error", "error", "warn")
	b.curveSizes(in)
	b.diags = append(b.diags, h.diags...)
	return depth, leakage, !h.diags.HasErrors()
}

func (b *builder) retrieve(in *instance) {
	depth, leakage, ok := b.retrievalArgs(in)
	if !ok {
		return
	}
	if len(in.refs["run"]) > 0 {
		b.take(in, depth)
		return
	}
	task, enc, idx, met := in.refs["task"][0], in.refs["encoder"][0], in.refs["index"][0], in.refs["metric"][0]
	data := b.loads[task.refs["data"][0]]
	pools := b.pools[task]
	ec, ok1 := b.config(enc)
	ic, ok2 := b.config(idx)
	_, ok3 := b.config(met)
	if !ok1 || !ok2 || !ok3 || data == nil || len(pools) == 0 {
		return
	}
	model := b.models[enc]
	if enc.block.Train != nil && model == nil {
		return
	}
	p := pools[0].Pool
	queries := b.vectors(enc, ec, model, data, sdk.RoleQuery, "queries", p.QueryLanguage)
	docs := b.vectors(enc, ec, model, data, sdk.RoleDocument, "corpus", p.CorpusLanguage)
	if queries == nil || docs == nil {
		return
	}
	icomp := b.components[idx.block].Component
	index := b.step(Step{
		Stage: StageIndex, Label: idx.label(b.g) + " of " + docs.Label, Block: idx.block.Address(), Component: &icomp, Config: mustCanonical(ic.full),
		Inputs: []Input{{"documents", docs, "vectors"}}, Range: idx.block.Range,
	}, map[string]any{"config": ic.output})

	cell := &Cell{
		Retrieval: in.block.Name, Encoder: enc.block.Name, Component: enc.block.Component, Task: task.block.Name, Index: idx.block.Name, Metric: met.block.Name,
		Axes: in.axes(b.g), QueryLanguage: p.QueryLanguage, CorpusLanguage: p.CorpusLanguage, PoolSize: p.Size,
		Train: model, Queries: encoded(queries),
	}
	var after []*Step
	if model != nil {
		cell.Mix = b.mixes[enc.refs["on"][0]]
		after = []*Step{b.check(in, cell.Mix, data, pools, leakage)}
	}
	b.measured(in, in, cell, met, pools, after, in.block.Name+" "+enc.label(b.g)+" "+p.QueryLanguage, func(_ int, pool *Step, label string) *Step {
		return b.step(Step{
			Stage: StageSearch, Label: label, Block: in.block.Address(), Component: &icomp, Config: mustCanonical(ic.full), Depth: depth,
			Inputs: []Input{{"index", index, "index"}, {"documents", docs, "vectors"}, {"queries", queries, "vectors"}, {"pool", pool, "pool"}}, Range: in.block.Range,
		}, map[string]any{"config": ic.output, "depth": float64(depth)})
	})
}

// measured adds a cell: for each pool what ranks its candidates, and the
// measures of that. by is the instance whose depth the rankings have: in, or
// that of a part beside its fuse.
func (b *builder) measured(in, by *instance, cell *Cell, met *instance, pools, after []*Step, label string, rank func(i int, pool *Step, label string) *Step) {
	mc, ok := b.config(met)
	if !ok {
		return
	}
	mcomp := b.components[met.block].Component
	have := b.measures(met.block, mc)
	if have == nil {
		return
	}
	var ids []any
	for i, pool := range pools {
		l := label
		if len(pools) > 1 {
			l += fmt.Sprintf(" pool=%d", pool.Pool.Seed)
		}
		ranking := rank(i, pool, l)
		b.deepEnough(by, have.names, pool, ranking)
		b.languagesToCompare(in, met, pool)
		measuring := func(pool *Step, label string, restrict bool) *Step {
			inputs := []Input{{"ranking", ranking, "ranking"}, {"pool", pool, "pool"}}
			if b.components[met.block].info.Languages {
				// The collection says what language a text is in, and what it is a
				// translation of. Other metrics have nothing to wait for.
				for _, x := range pool.Inputs {
					if x.Role == "queries" || x.Role == "corpus" {
						inputs = append(inputs, x)
					}
				}
			}
			args := map[string]any{"config": mc.output}
			if restrict {
				args["restrict"] = true
			}
			return b.step(Step{
				Stage: StageMeasure, Label: label, Block: in.block.Address(), Component: &mcomp, Config: mustCanonical(mc.full), Restrict: restrict, After: after,
				Inputs: inputs, Range: in.block.Range,
			}, args)
		}
		measure := measuring(pool, l, false)
		curve := b.curve(in, have.names, pool, ranking, measure, func(pool *Step, label string) *Step { return measuring(pool, label, true) })
		cell.Runs = append(cell.Runs, CellRun{Seed: pool.Pool.Seed, Pool: pool, Search: ranking, Measure: measure, Curve: curve})
		ids = append(ids, string(measure.Recipe))
	}
	cell.ID = cas.Sum(mustCanonical(ids))
	b.plan.Cells = append(b.plan.Cells, cell)
	b.cells[in] = cell
}

func (b *builder) encode(enc *instance, c config, model, data *Step, role sdk.Role, part, lang string) *Step {
	d := b.components[enc.block]
	inputs := []Input{{"texts", data, part}}
	sel := &Selection{Role: role, Language: lang}
	args := map[string]any{"config": c.output, "texts": sel}
	src, ok := b.encoderSources(enc, c, args)
	if !ok {
		return nil
	}
	if model != nil {
		inputs = append(inputs, Input{"model", model, "model"})
	}
	comp := d.Component
	s := b.step(Step{
		Stage: StageEncode, Label: enc.label(b.g) + ", " + lang + " " + part, Block: enc.block.Address(), Component: &comp,
		Config: mustCanonical(c.full), Sources: src, Texts: sel, Inputs: inputs, Range: enc.block.Range, Weight: 2,
	}, args)
	if src != nil && model == nil && (b.opts.Done == nil || !b.opts.Done(s.Recipe)) {
		b.lookUp(enc, s)
	}
	return s
}

// lookups are the encode steps of one encoder that reads files of its own.
type lookups struct {
	enc   *instance
	steps []*Step
}

func (b *builder) lookUp(enc *instance, s *Step) {
	k := s.Component.Name + "\x00" + string(s.Config)
	l := b.lookedUp[k]
	if l == nil {
		l = &lookups{enc: enc}
		b.lookedUp[k] = l
		b.lookups = append(b.lookups, l)
	}
	if !slices.Contains(l.steps, s) {
		l.steps = append(l.steps, s)
	}
}

// vectorsThere asks each encoder that reads files whether it has a vector for
// every text. Texts of white space only need none.
func (b *builder) vectorsThere() {
	for _, l := range b.lookups {
		ask := make([]TextIDs, len(l.steps))
		for i, s := range l.steps {
			x := b.inspect(s.Inputs[0].Step)
			if x == nil {
				return
			}
			texts := x.Documents
			if s.Texts.Role == sdk.RoleQuery {
				texts = x.Queries
			}
			ask[i].Role = s.Texts.Role
			for _, t := range texts {
				if t.Language == s.Texts.Language && !t.Empty {
					ask[i].IDs = append(ask[i].IDs, t.ID)
				}
			}
		}
		blk := l.enc.block
		found, err := b.cat.Lacking(b.ctx, *l.steps[0].Component, l.steps[0].Config, ask)
		if err != nil {
			b.add(errorAt(b.sourceRange(l.enc, b.components[blk]), "Unusable source", "%s", sentence(err)))
			continue
		}
		for i, list := range found {
			s := l.steps[i]
			for _, d := range list {
				d.Detail = fmt.Sprintf("In the %s (%s) of %s, %s", s.Inputs[0].Part, s.Texts.Language, s.Inputs[0].Step.Block, d.Detail)
				b.add(blk.Locate(d))
			}
		}
	}
}

func (b *builder) check(in *instance, mix, data *Step, pools []*Step, mode string) *Step {
	inputs := []Input{{"pairs", mix, "pairs"}, {"queries", data, "queries"}, {"corpus", data, "corpus"}}
	for _, p := range pools {
		inputs = append(inputs, Input{"pool", p, "pool"})
	}
	l := &Leakage{Mode: mode}
	return b.step(Step{
		Stage: StageCheck, Label: mix.Label + " against " + pools[0].Pool.QueryLanguage, Block: in.block.Address(), Leak: l, Inputs: inputs, Range: in.block.Range,
	}, map[string]any{"leakage": l})
}
