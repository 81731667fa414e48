package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
)

// PlanView is a plan and what is known about it.
type PlanView struct {
	Plan   *study.Plan
	Status *runner.StepStatus   // nil: nothing is cached
	Files  map[string]*hcl.File // the sources, for the warnings; may be nil

	// Start is the command that runs the plan; "" leaves the line out.
	Start string
	// Changes say why steps have to run, against the last plan; may be nil.
	Changes []study.Change
	// Estimate is what else is known about how long it takes, as a sentence;
	// may be "".
	Estimate string
}

// isResults reports whether a stage turns measurements into results. These
// stages are one line together, and are not counted among the steps: they are
// not part of the grid.
func isResults(s study.Stage) bool {
	return s == study.StageCollect || s == study.StageAnalyse || s == study.StageReport
}

// tally is what the plan has of one stage.
type tally struct {
	stage       study.Stage
	run, cached int
	steps       []*study.Step
}

// tallies counts the steps of a plan by stage, in plan order, those that make
// results apart.
func tallies(plan *study.Plan, st *runner.StepStatus) (stages []tally, results tally, run, cached int) {
	toRun := pending(plan, st)
	at := map[study.Stage]*tally{}
	for _, s := range plan.Steps {
		t := &results
		if !isResults(s.Stage) {
			if t = at[s.Stage]; t == nil {
				t = &tally{stage: s.Stage}
				at[s.Stage] = t
			}
		}
		t.steps = append(t.steps, s)
		if toRun[s] {
			t.run++
		} else {
			t.cached++
		}
	}
	for _, s := range study.Stages {
		if t := at[s]; t != nil {
			stages = append(stages, *t)
			run += t.run
			cached += t.cached
		}
	}
	return stages, results, run, cached
}

func pending(plan *study.Plan, st *runner.StepStatus) map[*study.Step]bool {
	out := make(map[*study.Step]bool, len(plan.Steps))
	list := plan.Steps
	if st != nil {
		list = st.ToRun
	}
	for _, s := range list {
		out[s] = true
	}
	return out
}

// Plan prints a plan to stdout: the axes, how many instances each block has,
// what is computed and what is there, warnings, and how to start it.
func (u *UI) Plan(v PlanView) { u.write(&u.out, u.planText(u.paint(&u.out), v)) }

func (u *UI) planText(p painter, v PlanView) string {
	plan := v.Plan
	var b strings.Builder
	b.WriteString(p.wrap(p.in(u.show(plan.Title), bold), 0, 0) + "\n")

	for _, line := range p.table(2, u.axisRows(p, plan), []int{2}, 3) {
		b.WriteString(line + "\n")
	}
	stages, results, run, cached := tallies(plan, v.Status)
	line := count(len(plan.Cells), "cell") + " from " + count(run+cached, "step")
	if plan.Partial {
		line += fmt.Sprintf(", of %s in the whole grid: claims stay inconclusive", count(plan.FullCells, "cell"))
	}
	b.WriteString(p.wrap(line, 2, 2) + "\n")

	if len(plan.Blocks) > 0 {
		rows := []row{{"block", "instances", "over"}}
		for _, blk := range plan.Blocks {
			rows = append(rows, u.blockRow(p, plan, blk))
		}
		b.WriteByte('\n')
		u.writeTable(&b, p, p.table(2, rows, []int{1}, 2))
	}

	if len(stages) > 0 {
		rows := []row{{"stage", "run", "cached", "what"}}
		for _, t := range stages {
			rows = append(rows, row{string(t.stage), thousands(t.run), thousands(t.cached), u.what(t)})
		}
		if len(results.steps) > 0 {
			rows = append(rows, row{"results", thousands(results.run), thousands(results.cached), u.whatResults(plan)})
		}
		b.WriteByte('\n')
		u.writeTable(&b, p, p.table(2, rows, []int{1, 2}, 3))
	}

	u.changed(&b, p, v.Changes)
	for _, d := range plan.Warnings {
		b.WriteByte('\n')
		u.diagnostic(&b, p, v.Files, d)
	}

	b.WriteByte('\n')
	total := fmt.Sprintf("Plan: %s to run, %s cached.", thousands(run), thousands(cached))
	switch {
	case run == 0 && results.run == 0:
		total = fmt.Sprintf("Plan: nothing to run, everything is there (%s cached).", count(cached, "step"))
	case run == 0:
		total = fmt.Sprintf("Plan: 0 to run, %s cached; only the results are written anew.", thousands(cached))
	}
	if v.Estimate != "" {
		total += " " + u.show(v.Estimate)
	}
	b.WriteString(p.wrap(total, 0, 0) + "\n")
	if v.Start != "" {
		// On one line: it is there to be copied.
		b.WriteString("Start it with: " + u.show(v.Start) + "\n")
	}
	return b.String()
}

// writeTable writes the lines of a table whose first is its head.
func (u *UI) writeTable(b *strings.Builder, p painter, lines []string) {
	for i, l := range lines {
		if i == 0 {
			l = p.in(l, faint)
		}
		b.WriteString(l + "\n")
	}
}

// axisRows lists name, values, count and what else there is to say of each
// axis. Values may be of any script, so that nothing aligned on their width
// but numbers follows: names of languages come as codes.
func (u *UI) axisRows(p painter, plan *study.Plan) []row {
	var rows []row
	unseen := unseenTargets(plan)
	for _, a := range plan.Axes {
		note := ""
		if a.Role != a.Name && a.Role != "" && a.Role != "factor" {
			note = a.Role
		}
		if a.Role == "target" && unseen {
			note = strings.TrimPrefix(note+", in no training mixture", ", ")
		}
		rows = append(rows, row{u.show(a.Name), u.axisValues(p, a), strconv.Itoa(len(a.Labels)), u.show(note)})
	}
	return rows
}

// axisValues writes "1 … 8" for a longer run of whole numbers, else the
// labels, as many as fit in a third of the line.
func (u *UI) axisValues(p painter, a study.Axis) string {
	n := len(a.Labels)
	if n > 4 {
		first, err := strconv.Atoi(a.Labels[0])
		isRun := err == nil
		for i, l := range a.Labels {
			isRun = isRun && l == strconv.Itoa(first+i)
		}
		if isRun {
			return a.Labels[0] + " " + p.sym.ellipsis + " " + u.show(a.Labels[n-1])
		}
	}
	out := ""
	for i, l := range a.Labels {
		next := out
		if i > 0 {
			next += ", "
		}
		next += u.show(l)
		if i > 0 && cells(next) > max(12, p.width/3) {
			return out + ", " + p.sym.ellipsis
		}
		out = next
	}
	return out
}

// unseenTargets reports whether no language searched in is in any mixture.
func unseenTargets(plan *study.Plan) bool {
	trained := map[string]bool{}
	for _, s := range plan.Steps {
		if s.Mix != nil {
			trained[s.Mix.Pivot] = true
			for _, l := range s.Mix.Languages {
				trained[l] = true
			}
		}
	}
	for _, c := range plan.Cells {
		for _, l := range collection.SplitLanguages(c.QueryLanguage) {
			if trained[l] {
				return false
			}
		}
	}
	return len(trained) > 0 && len(plan.Cells) > 0
}

func (u *UI) blockRow(p painter, plan *study.Plan, blk study.Block) row {
	over := strings.Join(blk.Axes, " "+p.sym.times+" ")
	n := thousands(blk.Instances)
	if len(blk.By) > 0 {
		names := slices.Collect(maps.Keys(blk.By))
		place := func(name string) int {
			first, _, _ := strings.Cut(name, "/")
			return slices.IndexFunc(plan.Blocks, func(b study.Block) bool {
				_, short, _ := strings.Cut(b.Address, ".")
				return short == first
			})
		}
		slices.SortFunc(names, func(a, b string) int {
			if d := place(a) - place(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		var counts, parts []string
		for _, name := range names {
			counts = append(counts, thousands(blk.By[name]))
			parts = append(parts, name+" "+thousands(blk.By[name]))
		}
		n = strings.Join(counts, " + ")
		over = strings.Join(parts, ", ")
	}
	return row{u.show(blk.Address), n, u.show(over)}
}

// what says in a few words what a stage works on.
func (u *UI) what(t tally) string {
	e := u.sym.ellipsis
	var parts []string
	blocks, components := map[string]bool{}, map[string]bool{}
	var names []string
	for _, s := range t.steps {
		_, short, _ := strings.Cut(s.Block, ".")
		c := ""
		if s.Component != nil {
			c = s.Component.Name
			components[c] = true
		}
		if !blocks[s.Block] {
			blocks[s.Block] = true
			if c != "" && c != short {
				short = c + " " + short
			}
			names = append(names, short)
		}
	}
	switch t.stage {
	case study.StageLoad, study.StageTrain:
		parts = append(parts, listed(names, 4, e))
		if n, ok := sameNumber(t.steps, func(s *study.Step) []byte { return s.Train }, "examples"); ok {
			parts = append(parts, thousands(n)+" examples each")
		}
	case study.StageMix:
		pairs := span(t.steps, func(s *study.Step) int { return s.Mix.Pairs })
		langs := span(t.steps, func(s *study.Step) int { return len(s.Mix.Languages) })
		parts = append(parts, pairs.of("pair")+" each", langs.of("language"))
		if pivots := distinct(t.steps, func(s *study.Step) string { return s.Mix.Pivot }); len(pivots) > 0 {
			parts[1] += " + " + listed(pivots, 2, e)
		}
	case study.StagePool:
		langs := map[string]bool{}
		for _, s := range t.steps {
			for _, l := range collection.SplitLanguages(s.Pool.QueryLanguage) {
				langs[l] = true
			}
		}
		seeds := distinct(t.steps, func(s *study.Step) string { return strconv.FormatInt(s.Pool.Seed, 10) })
		parts = append(parts, count(len(langs), "language")+" "+u.sym.times+" "+count(len(seeds), "seed"))
		if size := span(t.steps, func(s *study.Step) int { return s.Pool.Size }); size.high > 0 {
			parts = append(parts, size.of("candidate"))
		} else {
			parts = append(parts, "the whole corpus")
		}
		if n := span(t.steps, func(s *study.Step) int { return len(collection.SplitLanguages(s.Pool.CorpusLanguage)) }); n.high > 1 {
			parts[len(parts)-1] += " in " + n.of("language")
		}
	case study.StageCheck:
		parts = append(parts, "training pairs against test queries and their answers")
	case study.StageEncode:
		parts = append(parts, listed(slices.Sorted(maps.Keys(components)), 3, e))
		byRole := map[string]map[string]bool{}
		for _, s := range t.steps {
			role := string(s.Texts.Role)
			if byRole[role] == nil {
				byRole[role] = map[string]bool{}
			}
			byRole[role][s.Texts.Language] = true
		}
		for _, role := range slices.Sorted(maps.Keys(byRole)) {
			langs := slices.Sorted(maps.Keys(byRole[role]))
			what := map[string]string{"query": "queries", "document": "documents"}[role]
			if len(langs) == 1 {
				parts = append(parts, what+" in "+langs[0])
			} else {
				parts = append(parts, what+" in "+count(len(langs), "language"))
			}
		}
	case study.StageJoin:
		var langs []string
		for _, s := range t.steps {
			for _, in := range s.Inputs {
				if in.Step.Texts != nil {
					langs = append(langs, in.Step.Texts.Language)
				}
			}
		}
		slices.Sort(langs)
		parts = append(parts, "vectors in "+count(len(slices.Compact(langs)), "language")+" as one matrix")
	case study.StageIndex:
		parts = append(parts, listed(slices.Sorted(maps.Keys(components)), 3, e))
	case study.StageSearch:
		parts = append(parts, listed(slices.Sorted(maps.Keys(components)), 3, e))
		if q := span(t.steps, func(s *study.Step) int {
			for _, in := range s.Inputs {
				if in.Step.Pool != nil {
					return in.Step.Pool.Queries
				}
			}
			return 0
		}); q.low > 0 {
			parts = append(parts, q.of("query")+" each")
		}
		parts = append(parts, "depth "+span(t.steps, func(s *study.Step) int { return s.Depth }).String())
	case study.StageImport:
		parts = append(parts, listed(names, 4, e))
		files := distinct(t.steps, func(s *study.Step) string { return string(s.Sources[0].Digest) })
		parts = append(parts, count(len(files), "file"), "depth "+span(t.steps, func(s *study.Step) int { return s.Depth }).String())
	case study.StageFuse:
		parts = append(parts, listed(names, 4, e))
		parts = append(parts, listed(distinct(t.steps, func(s *study.Step) string { return s.Fuse.Method }), 2, e))
		parts = append(parts, "of "+span(t.steps, func(s *study.Step) int { return len(s.Inputs) - 1 }).of("ranking"))
	case study.StageMeasure:
		if m := measures(t.steps); len(m) > 0 {
			parts = append(parts, listed(m, 5, e))
		} else {
			parts = append(parts, listed(names, 3, e))
		}
	}
	return u.show(strings.Join(parts, ", "))
}

func (u *UI) whatResults(plan *study.Plan) string {
	parts := []string{"records"}
	for _, a := range plan.Analyses {
		parts = append(parts, a.Name)
	}
	if n := len(plan.Claims); n > 0 {
		var names []string
		for _, c := range plan.Claims {
			names = append(names, c.Name)
		}
		parts = append(parts, count(n, "claim")+": "+listed(names, 3, u.sym.ellipsis))
	}
	return u.show(strings.Join(append(parts, "report"), ", "))
}

// bounds are the least and the largest of some numbers.
type bounds struct{ low, high int }

func span(steps []*study.Step, f func(*study.Step) int) bounds {
	var b bounds
	for i, s := range steps {
		n := f(s)
		if i == 0 {
			b = bounds{n, n}
		}
		b.low, b.high = min(b.low, n), max(b.high, n)
	}
	return b
}

func (b bounds) String() string {
	if b.low == b.high {
		return thousands(b.low)
	}
	return thousands(b.low) + " to " + thousands(b.high)
}

func (b bounds) of(one string) string {
	if b.low == b.high {
		return count(b.low, one)
	}
	return thousands(b.low) + " to " + count(b.high, one)
}

func distinct(steps []*study.Step, f func(*study.Step) string) []string {
	seen := map[string]bool{}
	for _, s := range steps {
		if v := f(s); v != "" {
			seen[v] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// sameNumber reads a whole number from JSON that is the same in all steps.
func sameNumber(steps []*study.Step, raw func(*study.Step) []byte, name string) (int, bool) {
	first := -1
	for _, s := range steps {
		var m map[string]any
		if json.Unmarshal(raw(s), &m) != nil {
			return 0, false
		}
		f, ok := m[name].(float64)
		if !ok || f != float64(int(f)) || first >= 0 && int(f) != first {
			return 0, false
		}
		first = int(f)
	}
	return first, first >= 0
}

// measures lists what metrics compute, where their argument measures says so.
func measures(steps []*study.Step) []string {
	var out []string
	seen := ""
	for _, s := range steps {
		if string(s.Config) == seen {
			continue
		}
		seen = string(s.Config)
		var m struct {
			Measures []string `json:"measures"`
		}
		if json.Unmarshal(s.Config, &m) != nil {
			continue
		}
		for _, x := range m.Measures {
			if !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	return out
}

// WritePlanJSON writes a plan as one document. st may be nil: nothing is
// cached. Steps name their inputs by index; they stand in an order in which
// each follows its inputs.
func WritePlanJSON(w io.Writer, plan *study.Plan, st *runner.StepStatus) error {
	type inputJSON struct {
		Role string `json:"role"`
		Step int    `json:"step"` // index in steps
		Part string `json:"part"`
	}
	type stepJSON struct {
		Label     string      `json:"label"`
		Stage     study.Stage `json:"stage"`
		Block     string      `json:"block,omitempty"`
		Component string      `json:"component,omitempty"`
		Recipe    string      `json:"recipe"`
		Cached    bool        `json:"cached"`
		Inputs    []inputJSON `json:"inputs,omitempty"`
	}
	type stageJSON struct {
		Stage  study.Stage `json:"stage"`
		Run    int         `json:"run"`
		Cached int         `json:"cached"`
	}
	type claimJSON struct {
		Name      string  `json:"name"`
		Analysis  string  `json:"analysis"`
		Statement string  `json:"statement,omitempty"`
		Holds     string  `json:"holds"`
		Margin    float64 `json:"margin"`
	}
	doc := struct {
		FormatVersion string           `json:"format_version"`
		Name          string           `json:"name"`
		Title         string           `json:"title"`
		Question      string           `json:"question,omitempty"`
		Cells         int              `json:"cells"`
		FullCells     int              `json:"full_cells"`
		Partial       bool             `json:"partial"`
		Run           int              `json:"run"`    // steps of the grid, as in the text
		Cached        int              `json:"cached"` // likewise
		Axes          []study.Axis     `json:"axes"`
		Blocks        []study.Block    `json:"blocks"`
		Claims        []claimJSON      `json:"claims"`
		Stages        []stageJSON      `json:"stages"`
		Steps         []stepJSON       `json:"steps"`
		Warnings      []diagnosticJSON `json:"warnings"`
	}{
		FormatVersion: jsonFormat, Name: plan.Name, Title: plan.Title, Question: plan.Question,
		Cells: len(plan.Cells), FullCells: plan.FullCells, Partial: plan.Partial,
		Axes: plan.Axes, Blocks: plan.Blocks,
		Claims: []claimJSON{}, Stages: []stageJSON{}, Steps: []stepJSON{}, Warnings: []diagnosticJSON{},
	}
	if doc.Axes == nil {
		doc.Axes = []study.Axis{}
	}
	if doc.Blocks == nil {
		doc.Blocks = []study.Block{}
	}
	for _, c := range plan.Claims {
		doc.Claims = append(doc.Claims, claimJSON{c.Name, c.Analysis, c.Statement, c.Holds, c.Margin})
	}
	toRun := pending(plan, st)
	index := make(map[*study.Step]int, len(plan.Steps))
	counts := map[study.Stage]*stageJSON{}
	for i, s := range plan.Steps {
		index[s] = i
		out := stepJSON{Label: s.Label, Stage: s.Stage, Block: s.Block, Recipe: string(s.Recipe), Cached: !toRun[s]}
		if s.Component != nil {
			out.Component = s.Component.Name
		}
		for _, in := range s.Inputs {
			out.Inputs = append(out.Inputs, inputJSON{in.Role, index[in.Step], in.Part})
		}
		doc.Steps = append(doc.Steps, out)
		c := counts[s.Stage]
		if c == nil {
			c = &stageJSON{Stage: s.Stage}
			counts[s.Stage] = c
		}
		if out.Cached {
			c.Cached++
		} else {
			c.Run++
		}
	}
	for _, s := range study.Stages {
		if c := counts[s]; c != nil {
			doc.Stages = append(doc.Stages, *c)
			if !isResults(s) {
				doc.Run += c.Run
				doc.Cached += c.Cached
			}
		}
	}
	for _, d := range plan.Warnings {
		doc.Warnings = append(doc.Warnings, jsonDiagnostic(nil, d))
	}
	return writeJSON(w, doc)
}

// WritePlanDOT writes a plan as a graph in Graphviz's language. A node is all
// steps of one stage and block, an edge says in which roles results are used:
// a graph of single steps has thousands of nodes; WritePlanJSON has them.
func WritePlanDOT(w io.Writer, plan *study.Plan, st *runner.StepStatus) error {
	type key struct {
		stage study.Stage
		block string
	}
	type node struct{ run, cached int }
	toRun := pending(plan, st)
	nodes := map[key]*node{}
	var order []key
	edges := map[[2]key]map[string]bool{}
	var edgeOrder [][2]key
	for _, s := range plan.Steps {
		k := key{s.Stage, s.Block}
		if nodes[k] == nil {
			nodes[k] = &node{}
			order = append(order, k)
		}
		if toRun[s] {
			nodes[k].run++
		} else {
			nodes[k].cached++
		}
		for _, in := range s.Inputs {
			e := [2]key{{in.Step.Stage, in.Step.Block}, k}
			if edges[e] == nil {
				edges[e] = map[string]bool{}
				edgeOrder = append(edgeOrder, e)
			}
			edges[e][in.Role] = true
		}
	}
	id := func(k key) string { return quoteDOT(strings.TrimSuffix(string(k.stage)+" "+k.block, " ")) }
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir = LR\n  node [shape = box]\n", quoteDOT(plan.Name))
	for _, k := range order {
		n := nodes[k]
		label := strings.TrimSuffix(string(k.stage)+" "+k.block, " ") + "\n" + count(n.run+n.cached, "step")
		if n.cached > 0 {
			label += ", " + thousands(n.cached) + " cached"
		}
		fmt.Fprintf(&b, "  %s [label = %s]\n", id(k), quoteDOT(label))
	}
	for _, e := range edgeOrder {
		fmt.Fprintf(&b, "  %s -> %s [label = %s]\n", id(e[0]), id(e[1]), quoteDOT(strings.Join(slices.Sorted(maps.Keys(edges[e])), ", ")))
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quoteDOT writes a string of the DOT language: only quotes and line ends mean
// something in it.
func quoteDOT(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(Clean(l))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
