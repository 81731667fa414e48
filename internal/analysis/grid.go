package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
)

// minLanguages is how many targets it takes to speak of languages like them.
const minLanguages = 5

// run is one encoder of the grid with its scores in all languages.
type run struct {
	encoder, component, kind string
	task, index              string
	pool                     int // candidates, where runs differ in them; else 0
	axes                     []label
	lin                      results.Lineage

	size, diversity, budget, draw int    // levels, −1 where it has none
	stratum                       string // what else it differs in from other runs of its kind

	id     int      // place in grid.runs
	scores []*score // per language, nil where missing
	byLang map[string]*score
}

// level is one value of size, diversity, budget or draw.
type level struct {
	label string
	value float64
	count int
	nonEm int64
	total int64
}

// grid is what an analysis computes on: runs × languages.
type grid struct {
	design   Design
	analysis Spec
	langs    []string
	queries  []int // per language
	runs     []*run
	trained  []*run // enter the slopes
	standIns bool   // nothing was trained: those are the systems beside the baseline
	rows     int
	seeds    int
	clash    *clash
	name     string            // of the condition, where a retrieval has several
	among    []condition       // all of them
	instance map[string]string // of the encoder of a cell
	peers    *grid             // all encoders of the same task and index, where a condition is one of them; without runs where another part has them
	planned  bool              // without scores
	uneven   bool              // planned: shares of languages differ, so diversities are not known

	sizes, diversities, budgets, draws []level
	nonEmbedding                       bool // the size convention
	lineage                            lineage
}

// lineage is what the training data of the runs say about what they share.
type lineage struct {
	shared   bool            // training languages at different sizes (or budgets) of a draw
	nested   bool            // training languages grow within a draw
	fixed    bool            // all draws have the same training languages
	single   map[[2]int]bool // diversity, budget: levels at which they have, so that nothing was repeated
	repeated int             // draws whose languages at the largest diversity are another draw's too
	unit     string          // of replication
	reason   string
}

// Units of replication.
const (
	unitDraw       = "draw"
	unitRun        = "run"
	unitCheckpoint = "checkpoint"
)

// grid builds what an analysis computes on, all conditions of its retrieval
// together.
func (c *Collector) grid(a Spec, rank []int32) (*grid, error) {
	g := &grid{design: c.design, analysis: a, instance: c.instances()}
	cellRank := c.cellRanks()
	byKey := map[string]*run{}
	var groups []*group
	several := map[string]int{} // pools of one run in one language: pool size + 1, −1 for several
	severalPools := false
	key := func(grp *group) string {
		return fmt.Sprintf("%q%q%q%q", grp.head.Encoder, grp.head.Task, grp.head.Index, grp.axes)
	}
	for _, grp := range c.groups {
		h := &grp.head
		if h.Retrieval != a.Retrieval || h.Measure != a.Measure {
			continue
		}
		groups = append(groups, grp)
		k := key(grp) + h.QueryLanguage
		severalPools = severalPools || several[k] > 0 && several[k] != int(h.PoolSize)+1
		several[k] = int(h.PoolSize) + 1
	}
	for _, grp := range groups {
		h := &grp.head
		s, differ, err := c.fold(grp, rank, cellRank)
		if err != nil {
			return nil, err
		}
		if differ != nil && (g.clash == nil || differ.used+differ.left < g.clash.used+g.clash.left) {
			g.clash = differ
		}
		// Where whole corpora are searched, languages have other numbers of
		// candidates: only several of them in one language are several runs.
		k, pool := key(grp), 0
		if severalPools {
			pool = int(h.PoolSize)
			k += strconv.Itoa(pool)
		}
		r, ok := byKey[k]
		if !ok {
			r = &run{encoder: h.Encoder, component: h.Component, task: h.Task, index: h.Index, pool: pool, axes: grp.axes, lin: h.Lineage, byLang: map[string]*score{}}
			byKey[k] = r
			g.runs = append(g.runs, r)
		}
		r.byLang[h.QueryLanguage] = s
	}
	if len(g.runs) == 0 {
		return nil, fmt.Errorf("analyse %s: no records of %s in retrieval %q: it has no value for any query there, or records spell it otherwise", a.Name, a.Measure, a.Retrieval)
	}
	g.finish()
	return g, nil
}

// countEncoders counts the distinct encoders of some runs. One encoder that is
// measured under several conditions gives several runs; one run has several
// encoders where they were trained anew for each target.
func (g *grid) countEncoders(of []*run) int {
	seen := map[string]bool{}
	for _, r := range of {
		own := fmt.Sprintf("run %d", r.id)
		for _, sc := range r.scores {
			if sc == nil {
				continue
			}
			if id := g.instance[sc.cell]; id != "" {
				seen["encoder "+id] = true
			} else {
				seen[own] = true
			}
		}
	}
	return len(seen)
}

// finish sets everything that follows from the runs.
func (g *grid) finish() {
	langs := map[string]bool{}
	for _, r := range g.runs {
		for l, s := range r.byLang {
			langs[l] = true
			g.seeds = max(g.seeds, s.seeds)
			g.rows += s.rows
		}
	}
	g.langs = g.orderLanguages(langs)
	g.queries = make([]int, len(g.langs))
	for _, r := range g.runs {
		r.scores = make([]*score, len(g.langs))
		for l, name := range g.langs {
			if s := r.byLang[name]; s != nil {
				r.scores[l] = s
				g.queries[l] = max(g.queries[l], len(s.values))
			}
		}
	}
	g.sortRuns()
	for i, r := range g.runs {
		r.id = i
	}
	g.kinds()
	g.levels()
	g.strata()
	g.readLineage()
	g.checkRuns()
}

func (g *grid) orderLanguages(set map[string]bool) []string {
	var out []string
	for _, a := range g.design.Axes {
		if a.Role != RoleTarget {
			continue
		}
		for _, v := range a.Labels {
			if set[v] && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	var rest []string
	for l := range set {
		if !slices.Contains(out, l) {
			rest = append(rest, l)
		}
	}
	sort.Strings(rest)
	return append(out, rest...)
}

// sortRuns puts the runs in the order of the workflow: encoders, then axes.
func (g *grid) sortRuns() {
	place := map[label]int{}
	for _, a := range g.design.Axes {
		for i, v := range a.Labels {
			place[label{a.Name, v}] = i
		}
	}
	slices.SortFunc(g.runs, func(a, b *run) int {
		if c := cmp.Compare(g.encoderPlace(a.encoder), g.encoderPlace(b.encoder)); c != 0 {
			return c
		}
		if c := strings.Compare(a.encoder, b.encoder); c != 0 {
			return c
		}
		for i := range min(len(a.axes), len(b.axes)) {
			x, y := a.axes[i], b.axes[i]
			if c := strings.Compare(x.axis, y.axis); c != 0 {
				return c
			}
			px, okx := place[x]
			py, oky := place[y]
			if okx && oky && px != py {
				return px - py
			}
			if c := strings.Compare(x.value, y.value); c != 0 {
				return c
			}
		}
		return cmp.Or(len(a.axes)-len(b.axes), strings.Compare(a.task, b.task), strings.Compare(a.index, b.index), a.pool-b.pool)
	})
}

func (g *grid) encoderPlace(name string) int {
	if i := slices.Index(g.design.Encoders, name); i >= 0 {
		return i
	}
	return len(g.design.Encoders)
}

// kinds sorts the runs into trained, control and untrained. Where nothing was
// trained, the encoders beside the baseline take the place of the trained.
func (g *grid) kinds() {
	for _, r := range g.runs {
		switch {
		case r.lin.Pairing == "shuffled":
			r.kind = KindControl
		case r.lin.TrainingSet == "" && r.lin.Subset == "":
			r.kind = KindUntrained
		case r.encoder == g.analysis.Baseline:
			r.kind = KindBaseline
		default:
			r.kind = KindTrained
			g.trained = append(g.trained, r)
		}
	}
	if len(g.trained) > 0 {
		return
	}
	for _, r := range g.runs {
		if r.kind == KindUntrained && r.encoder != g.analysis.Baseline {
			r.kind = KindTrained
			g.standIns = true
			g.trained = append(g.trained, r)
		}
	}
}

// axis returns the label of a run on the axis of a role; several axes of one
// role are joined.
func (g *grid) axis(r *run, role string) (string, bool) {
	var parts []string
	for _, a := range r.axes {
		for _, d := range g.design.Axes {
			if d.Name == a.axis && d.Role == role {
				parts = append(parts, a.value)
			}
		}
	}
	return strings.Join(parts, "/"), len(parts) > 0
}

func (r *run) params(nonEmbedding bool) int64 {
	if nonEmbedding {
		return r.lin.ParamsNonEmbed
	}
	return r.lin.ParamsTotal
}

func (g *grid) levels() {
	g.nonEmbedding = len(g.trained) > 0
	for _, r := range g.trained {
		if r.lin.ParamsNonEmbed <= 0 {
			g.nonEmbedding = false
		}
	}
	size := func(r *run) float64 { return float64(r.params(g.nonEmbedding)) }
	g.sizes = g.collectLevels(func(r *run) (string, float64, bool) {
		l, ok := g.axis(r, RoleSize)
		if !ok {
			l = g.adopt(r, RoleSize, size, strconv.FormatInt(r.params(g.nonEmbedding), 10))
		}
		return l, size(r), size(r) > 0 || ok
	}, func(r *run, i int) { r.size = i })
	hill := func(r *run) float64 { return r.lin.Hill1 }
	g.diversities = g.collectLevels(func(r *run) (string, float64, bool) {
		if r.lin.Hill1 <= 0 {
			return "", 0, false
		}
		l, ok := g.axis(r, RoleDiversity)
		if !ok {
			l = g.adopt(r, RoleDiversity, hill, strconv.FormatFloat(r.lin.Hill1, 'g', 4, 64))
		}
		return l, r.lin.Hill1, true
	}, func(r *run, i int) { r.diversity = i })
	pairs := func(r *run) float64 { return float64(r.lin.Pairs) }
	g.budgets = g.collectLevels(func(r *run) (string, float64, bool) {
		if r.lin.Pairs == 0 {
			return "", 0, false
		}
		l, ok := g.axis(r, RoleBudget)
		if !ok {
			l = g.adopt(r, RoleBudget, pairs, strconv.Itoa(g.roundPairs(r.lin.Pairs)))
		}
		return l, pairs(r), true
	}, func(r *run, i int) { r.budget = i })
	g.draws = g.collectLevels(func(r *run) (string, float64, bool) {
		l, _ := g.axis(r, RoleDraw)
		return l, 0, true
	}, func(r *run, i int) { r.draw = i })
	for i := range g.sizes {
		for _, r := range g.runs {
			if r.size == i {
				g.sizes[i].nonEm, g.sizes[i].total = r.lin.ParamsNonEmbed, r.lin.ParamsTotal
				break
			}
		}
	}
	for i := range g.diversities {
		for _, r := range g.trained {
			if r.diversity == i {
				g.diversities[i].count = int(r.lin.Richness)
				break
			}
		}
	}
	for i := range g.budgets {
		for _, r := range g.trained {
			if r.budget == i {
				g.budgets[i].count = int(r.lin.Examples)
				break
			}
		}
	}
}

// adopt returns the label that a run with an axis of the role has at the same
// value, within one in a hundred; else the label given.
func (g *grid) adopt(r *run, role string, value func(*run) float64, other string) string {
	v := value(r)
	for _, o := range g.runs {
		if w := value(o); w > 0 && math.Abs(w-v) <= 0.01*v {
			if l, ok := g.axis(o, role); ok {
				return l
			}
		}
	}
	return other
}

// roundPairs returns the smallest number of pairs of the grid that is within
// one in a hundred: budgets that differ by a few pairs are one budget.
func (g *grid) roundPairs(pairs int32) int {
	best := pairs
	for _, r := range g.runs {
		if p := r.lin.Pairs; p > 0 && p < best && float64(p)*1.01 >= float64(pairs) {
			best = p
		}
	}
	return int(best)
}

// collectLevels finds the distinct levels of one factor and numbers them by
// ascending value, levels of equal value by their first run. Trained runs
// decide the value; levels that only others have follow the same rule.
func (g *grid) collectLevels(of func(*run) (string, float64, bool), set func(*run, int)) []level {
	type sum struct {
		level
		n, place int
	}
	var found []*sum
	byLabel := map[string]*sum{}
	for pass := range 2 {
		for _, r := range g.runs {
			if (r.kind == KindTrained) != (pass == 0) {
				continue
			}
			l, v, ok := of(r)
			if !ok {
				continue
			}
			s := byLabel[l]
			if s == nil {
				s = &sum{level: level{label: l}, place: len(found)}
				if pass == 1 {
					s.place += len(g.runs) // after the trained ones of equal value
				}
				byLabel[l] = s
				found = append(found, s)
			}
			if pass == 0 || s.place >= len(g.runs) {
				s.value += v
				s.n++
			}
		}
	}
	for _, s := range found {
		s.value /= float64(s.n)
	}
	slices.SortStableFunc(found, func(a, b *sum) int {
		if c := cmp.Compare(a.value, b.value); c != 0 {
			return c
		}
		return a.place - b.place
	})
	index := map[string]int{}
	out := make([]level, len(found))
	for i, s := range found {
		index[s.label] = i
		out[i] = s.level
	}
	for _, r := range g.runs {
		if l, _, ok := of(r); ok {
			set(r, index[l])
		} else {
			set(r, -1)
		}
	}
	return out
}

// strata names what else runs differ in: component, task, index, pool and axes
// of role factor; the encoder's name only where it alone tells two runs apart.
func (g *grid) strata() {
	name := func(r *run, encoder bool) string {
		var parts []string
		add := func(s string) { parts = append(parts, s) }
		if g.varies(func(r *run) string { return r.component }) {
			add(r.component)
		}
		if encoder {
			add(r.encoder)
		}
		if g.varies(func(r *run) string { return r.task }) {
			add(r.task)
		}
		if r.index != "" && g.varies(func(r *run) string { return r.index }) {
			add(r.index)
		}
		if g.varies(func(r *run) string { return strconv.Itoa(r.pool) }) {
			add(strconv.Itoa(r.pool) + " candidates")
		}
		parts = append(parts, g.factors(r)...)
		return strings.Join(parts, ", ")
	}
	collide := false
	seen := map[string]bool{}
	for _, r := range g.trained {
		k := fmt.Sprintf("%s|%d|%d|%d|%d", name(r, false), r.size, r.diversity, r.budget, r.draw)
		if seen[k] {
			collide = true
		}
		seen[k] = true
	}
	for _, r := range g.runs {
		r.stratum = name(r, collide && r.kind == KindTrained)
	}
}

// varies says whether trained runs differ in something.
func (g *grid) varies(of func(*run) string) bool {
	for _, r := range g.trained {
		if of(r) != of(g.trained[0]) {
			return true
		}
	}
	return false
}

// readLineage decides what was replicated. Runs of one draw that were trained
// on the same pairs, or on the same languages, or on nested sets of languages,
// share their luck: then the draw is the unit and everything that it shares
// cancels or is counted. Else each run counts.
func (g *grid) readLineage() {
	L := &g.lineage
	type set struct{ draw, diversity int }
	sets := map[set][]*run{}
	var order []set
	trainedOn, declared := false, true
	for _, r := range g.trained {
		declared = declared && r.lin.Source == results.LineageDeclared
		if r.lin.TrainingSet != "" || r.lin.Subset != "" {
			trainedOn = true
		}
		k := set{r.draw, r.diversity}
		if sets[k] == nil {
			order = append(order, k)
		}
		sets[k] = append(sets[k], r)
	}
	draws := len(g.drawsOf(g.trained))

	// Shared over sizes, budgets or strata.
	groups, equal, samePairs := 0, 0, false
	for _, k := range order {
		rs := sets[k]
		if len(rs) < 2 {
			continue
		}
		groups++
		all := true
		for i, a := range rs {
			all = all && a.lin.Subset == rs[0].lin.Subset && a.lin.Subset != ""
			for _, b := range rs[:i] {
				samePairs = samePairs || a.lin.TrainingSet != "" && a.lin.TrainingSet == b.lin.TrainingSet
			}
		}
		if all {
			equal++
		}
	}
	// Independent subsets coincide by chance, most often small ones; a third
	// of all is beyond chance, and draws are the safe unit in any case.
	L.shared = samePairs || groups > 0 && 3*equal >= groups

	// Nested over diversity: inclusion from level to level, in most draws.
	steps, included := 0, 0
	for _, k := range order {
		var next []*run
		for d := k.diversity + 1; d < len(g.diversities) && next == nil; d++ {
			next = sets[set{k.draw, d}]
		}
		if next == nil {
			continue
		}
		steps++
		if subsetOf(sets[k][0].languages(), next[0].languages()) {
			included++
		}
	}
	L.nested = steps > 0 && 5*included >= 4*steps

	// The same over draws.
	L.single, L.repeated, L.fixed = map[[2]int]bool{}, 0, false
	if trainedOn && draws > 1 {
		at := map[[2]int]map[string][]int{} // level → subset → draws
		largest := -1
		for _, r := range g.trained {
			k := [2]int{r.diversity, r.budget}
			if at[k] == nil {
				at[k] = map[string][]int{}
			}
			if ds := at[k][r.lin.Subset]; !slices.Contains(ds, r.draw) {
				at[k][r.lin.Subset] = append(ds, r.draw)
			}
			largest = max(largest, r.diversity)
		}
		twice := map[int]bool{}
		for k, subsets := range at {
			for _, ds := range subsets {
				if len(subsets) == 1 && len(ds) > 1 {
					L.single[k] = true
				}
				for _, d := range ds {
					if k[0] == largest && len(ds) > 1 {
						twice[d] = true
					}
				}
			}
		}
		L.repeated = len(twice)
		L.fixed = len(L.single) == len(at)
	}

	switch {
	case !trainedOn:
		L.unit, L.reason = unitCheckpoint, "Nothing was trained here, so each checkpoint counts once."
	case declared:
		L.unit, L.reason = unitCheckpoint, "What was trained was trained elsewhere and only declared here, so each system counts once."
	case L.nested && L.shared:
		L.unit, L.reason = unitDraw, "Within a draw the training languages grow from step to step and are the same at every size, so the draw is what was repeated."
	case L.nested:
		L.unit, L.reason = unitDraw, "Within a draw the training languages grow from step to step, so the draw is what was repeated."
	case L.shared:
		L.unit, L.reason = unitDraw, "Within a draw the training languages are the same at every size, so the draw is what was repeated."
	default:
		L.unit, L.reason = unitRun, "Every run has a training set of its own, so each run counts."
	}
}

// languages returns what a run was trained on.
func (r *run) languages() []string {
	if len(r.lin.Languages) > 0 {
		return r.lin.Languages
	}
	return strings.Fields(r.lin.Subset)
}

// subsetOf says whether every element of a is in b.
func subsetOf(a, b []string) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return len(a) > 0
}

// drawsOf returns the draws of some runs, ascending.
func (g *grid) drawsOf(runs []*run) []int {
	var out []int
	for _, r := range runs {
		if !slices.Contains(out, r.draw) {
			out = append(out, r.draw)
		}
	}
	slices.Sort(out)
	return out
}

// x returns the value of a factor for a run, as a binary logarithm.
func (g *grid) x(r *run, factor string) float64 {
	switch factor {
	case RoleSize:
		return math.Log2(float64(r.params(g.nonEmbedding)))
	case RoleDiversity:
		return math.Log2(r.lin.Hill1)
	}
	return math.Log2(float64(r.lin.Pairs))
}

// level returns the level of a factor for a run.
func (r *run) level(factor string) int {
	switch factor {
	case RoleSize:
		return r.size
	case RoleDiversity:
		return r.diversity
	}
	return r.budget
}

// levelsOf returns the levels of a factor.
func (g *grid) levelsOf(factor string) []level {
	switch factor {
	case RoleSize:
		return g.sizes
	case RoleDiversity:
		return g.diversities
	}
	return g.budgets
}

// present returns the levels of a factor that trained runs have.
func (g *grid) present(factor string) []int {
	var out []int
	for i := range g.levelsOf(factor) {
		if slices.ContainsFunc(g.trained, func(r *run) bool { return r.level(factor) == i }) {
			out = append(out, i)
		}
	}
	return out
}
