package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// screen is a terminal of a test: what was written, and how large it is.
type screen struct {
	bytes.Buffer
	width, height int
}

// env is an environment: pairs of name and value.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// clockwork is a clock that is wound by hand.
type clockwork struct{ t time.Time }

func (c *clockwork) now() time.Time       { return c.t }
func (c *clockwork) pass(d time.Duration) { c.t = c.t.Add(d) }
func newClock() *clockwork                { return &clockwork{time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC)} }
func (s *screen) size() (int, int, bool)  { return s.width, s.height, true }
func (s *screen) stream(tty bool) stream  { return stream{w: s, tty: tty, size: s.size} }
func (s *screen) take() string            { t := s.String(); s.Reset(); return t }
func newScreen(width, height int) *screen { return &screen{width: width, height: height} }

// testUI makes a UI whose two streams are one screen.
func testUI(s *screen, tty bool, opts Options, pairs ...string) *UI {
	opts.Env = env(pairs...)
	if opts.Now == nil {
		opts.Now = newClock().now
	}
	return newUI(s.stream(tty), s.stream(tty), opts)
}

const utf8Locale = "C.UTF-8"

// testPlan is a study like the one in the README, with numbers that are easy to
// check: 2 sizes × 2 diversities × 2 draws × 3 targets × 1 pool.
func testPlan() *study.Plan {
	p := &study.Plan{
		Name: "size-vs-diversity", Title: "Model size vs. training-language diversity",
		Axes: []study.Axis{
			{Name: "size", Role: "size", Labels: []string{"xs", "m"}},
			{Name: "languages", Role: "diversity", Labels: []string{"1", "4"}},
			{Name: "draw", Role: "draw", Labels: []string{"1", "2", "3", "4", "5", "6", "7", "8"}},
			{Name: "target", Role: "target", Labels: []string{"cat", "isl", "mlt", "afr", "tgl", "cym", "gle", "eus", "swh"}},
		},
		Blocks: []study.Block{
			{Address: "loader.train", Instances: 1},
			{Address: "mixture.train", Instances: 4, Axes: []string{"languages", "draw"}},
			{Address: "encoder.student", Instances: 8, Axes: []string{"size", "languages", "draw"}},
			{Address: "encoder.untrained", Instances: 4, Axes: []string{"size", "draw"}},
			{Address: "retrieval.zero_shot", Instances: 36, Axes: []string{"size", "languages", "draw", "target"}, By: map[string]int{"untrained": 12, "student": 24}},
		},
		Analyses: []study.Analysis{{Name: "law", Retrieval: "zero_shot", Measure: "nDCG@10"}},
		Claims:   []study.Claim{{Name: "diversity_pays", Analysis: "law", Holds: `ame("diversity", "budget") > 0`, Margin: 0.005}},
	}
	n := 0
	add := func(s study.Step) *study.Step {
		n++
		s.Recipe = cas.Sum([]byte(strconv.Itoa(n)))
		if s.Weight == 0 {
			s.Weight = 1
		}
		p.Steps = append(p.Steps, &s)
		return &s
	}
	component := func(kind sdk.Kind, name string) *study.Component { return &study.Component{Kind: kind, Name: name} }
	load := add(study.Step{Stage: study.StageLoad, Label: "train", Block: "loader.train", Component: component(sdk.KindLoader, "faq")})
	pools := map[string]*study.Step{}
	for _, t := range []string{"cat", "isl", "mlt"} {
		pools[t] = add(study.Step{Stage: study.StagePool, Label: "to_pivot target=" + t, Block: "task.to_pivot", Pool: &study.Pool{QueryLanguage: t, CorpusLanguage: "eng", Size: 50, Queries: 30, Seed: 1}})
	}
	retrieve := func(block, label string, model *study.Step) {
		var in []study.Input
		if model != nil {
			in = []study.Input{{Role: "model", Step: model, Part: "model"}}
		}
		encode := func(role sdk.Role, lang string) *study.Step {
			return add(study.Step{
				Stage: study.StageEncode, Label: label + ", " + lang, Block: block, Component: component(sdk.KindEncoder, "subword"),
				Texts: &study.Selection{Role: role, Language: lang}, Inputs: in, Weight: 2,
			})
		}
		docs := encode(sdk.RoleDocument, "eng")
		index := add(study.Step{Stage: study.StageIndex, Label: "exact of " + label, Block: "index.exact", Component: component(sdk.KindIndex, "flat"), Inputs: []study.Input{{Role: "documents", Step: docs, Part: "vectors"}}})
		for _, t := range []string{"cat", "isl", "mlt"} {
			queries := encode(sdk.RoleQuery, t)
			search := add(study.Step{
				Stage: study.StageSearch, Label: "zero_shot " + label + " " + t, Block: "retrieval.zero_shot", Component: component(sdk.KindIndex, "flat"), Depth: 50,
				Inputs: []study.Input{{Role: "index", Step: index, Part: "index"}, {Role: "queries", Step: queries, Part: "vectors"}, {Role: "pool", Step: pools[t], Part: "pool"}},
			})
			measure := add(study.Step{
				Stage: study.StageMeasure, Label: "zero_shot " + label + " " + t, Block: "retrieval.zero_shot", Component: component(sdk.KindMetric, "ir"),
				Config: []byte(`{"measures":["nDCG@10","RR@10"]}`), Inputs: []study.Input{{Role: "ranking", Step: search, Part: "ranking"}},
			})
			p.Cells = append(p.Cells, &study.Cell{QueryLanguage: t, Runs: []study.CellRun{{Search: search, Measure: measure}}})
		}
	}
	for _, draw := range []string{"1", "2"} {
		for _, langs := range [][]string{{"deu"}, {"deu", "fra", "ita", "spa"}} {
			k := strconv.Itoa(len(langs))
			mix := add(study.Step{Stage: study.StageMix, Label: "train languages=" + k + " draw=" + draw, Block: "mixture.train", Mix: &study.Mixture{Languages: langs, Pivot: "eng", Pairs: 160}, Inputs: []study.Input{{Role: "pairs", Step: load, Part: "pairs"}}})
			for _, size := range []string{"xs", "m"} {
				label := "student size=" + size + " languages=" + k + " draw=" + draw
				model := add(study.Step{Stage: study.StageTrain, Label: label, Block: "encoder.student", Component: component(sdk.KindEncoder, "subword"), Train: []byte(`{"examples":3000}`), Inputs: []study.Input{{Role: "pairs", Step: mix, Part: "pairs"}}, Weight: 30})
				retrieve("encoder.student", label, model)
			}
		}
		for _, size := range []string{"xs", "m"} {
			retrieve("encoder.untrained", "untrained size="+size+" draw="+draw, nil)
		}
	}
	p.FullCells = len(p.Cells)
	p.Collect = add(study.Step{Stage: study.StageCollect, Label: "records"})
	p.Analyse = add(study.Step{Stage: study.StageAnalyse, Label: "analysis"})
	p.Report = add(study.Step{Stage: study.StageReport, Label: "report", Weight: 20})
	return p
}

// testStatus says that the first n steps are in the store.
func testStatus(p *study.Plan, n int) *runner.StepStatus {
	return &runner.StepStatus{ToRun: p.Steps[n:], Cached: n}
}

func testWarning() *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: "No lexical baseline",
		Detail: `retrieval "zero_shot" compares trained encoders only with untrained ones. A tfidf or bm25 encoder shows what string overlap alone reaches.`,
	}
}

func testSummary() *analysis.Summary {
	a := analysis.Analysis{
		Name: "law", Retrieval: "zero_shot", Measure: "nDCG@10", Baseline: "untrained",
		Facts: analysis.Facts{
			Languages: 8, ZeroShot: true, InferencePop: true, Draws: []string{"1", "2"},
			Sizes:       []analysis.SizeLevel{{Label: "xs", Params: 131_000}, {Label: "s", Params: 1_048_576}, {Label: "m", Params: 8_388_608}},
			Diversities: []analysis.Level{{Label: "1", Value: 1, Count: 1}, {Label: "2", Value: 2, Count: 2}, {Label: "4", Value: 4, Count: 4}},
			Budgets:     []analysis.Level{{Label: "160", Value: 160}},
		},
		Notes: []analysis.Note{{Code: "near", Text: "A note.", Warning: true}, {Code: "footnote", Text: "Another."}},
	}
	for i, s := range a.Facts.Sizes {
		for j, d := range a.Facts.Diversities {
			a.Cells = append(a.Cells, analysis.CellStat{Kind: analysis.KindTrained, Encoder: "student", Size: s.Label, Diversity: d.Label, Budget: "160", Params: s.Params, Draws: 8, Mean: 0.37 + 0.05*float64(i) + 0.01*float64(j), Half: 0.03})
		}
		a.Cells = append(a.Cells, analysis.CellStat{Kind: analysis.KindUntrained, Encoder: "untrained", Size: s.Label, Params: s.Params, Draws: 8, Mean: 0.12 + 0.01*float64(i), Half: 0.01})
	}
	return &analysis.Summary{
		Format: analysis.SummaryFormat, Title: "Model size vs. training-language diversity", Analyses: []analysis.Analysis{a},
		Claims: []analysis.ClaimResult{
			{Name: "size_pays", Verdict: analysis.Supported, Case: analysis.CaseAbove, Measured: "+2.6 points", Interval: "1.9 to 3.3", Asked: "above 0.5 points", Sentences: []string{"We measured +2.6 points. Values from 1.9 to 3.3 fit these data, all above 0.5."}},
			{
				Name: "diversity_pays", Verdict: analysis.Inconclusive, Case: analysis.CaseClearGain, Measured: "+1.0 points", Interval: "0.2 to 1.8", Asked: "above 0.5 points",
				Sentences: []string{
					"We measured +1.0 points. Values from 0.2 to 1.8 fit these data.",
					"A gain is clear, but it may be smaller or larger than the 0.5 asked for. These data do not settle this; that is not evidence of no effect.",
					"With 16 target languages instead of 8 an effect of this size would be decided in 8 of 10 such studies.",
					"Other reasonable analyses that give the same verdict: 3 of 4; without cat it is inconclusive.",
				},
			},
			{Name: "diversity_first", Verdict: analysis.Refuted, Case: analysis.CaseOpposite, Measured: "−1.6 points", Interval: "−2.6 to −0.6", Asked: "above 0 points", Sentences: []string{"We measured −1.6 points."}},
		},
	}
}

func testOutcome(p *study.Plan) *runner.Outcome {
	o := &runner.Outcome{Elapsed: 124 * time.Second, Retried: 1, Results: ".xlrun/size-vs-diversity/latest", Records: "blob", Report: "sha256:00"}
	at := map[study.Stage]*runner.StageCount{}
	for _, s := range p.Steps {
		c := at[s.Stage]
		if c == nil {
			c = &runner.StageCount{Stage: s.Stage}
			at[s.Stage] = c
		}
		c.Total++
		if s.Stage == study.StageLoad {
			c.Cached++
		} else {
			c.Ran++
		}
	}
	for _, s := range study.Stages {
		if c := at[s]; c != nil {
			o.Stages = append(o.Stages, *c)
		}
	}
	return o
}

// failedOutcome has failures of two causes, one of them three times.
func failedOutcome(p *study.Plan) *runner.Outcome {
	o := testOutcome(p)
	o.Elapsed = 72 * time.Second
	var encodes, trains []*study.Step
	for _, s := range p.Steps {
		switch s.Stage {
		case study.StageEncode:
			encodes = append(encodes, s)
		case study.StageTrain:
			trains = append(trains, s)
		}
	}
	killed := func(batch int) error {
		return &pluginhost.Error{
			Fault: pluginhost.FaultMachine, Plugin: "hf", Component: "encoder hf", Doing: "encode", Exit: "signal: killed",
			Stderr: []string{"loading weights", "allocating 6.1 GB"}, Err: fmt.Errorf("the process ended in batch %d of 30", batch),
		}
	}
	for i, s := range encodes[:3] {
		o.Failures = append(o.Failures, runner.Failure{Step: s, Fault: pluginhost.FaultMachine, Err: &runner.StepError{Step: s, Fault: pluginhost.FaultMachine, Attempts: 3, Err: killed(12 + i)}, Attempts: 3, Skipped: 4})
	}
	o.Failures = append(o.Failures, runner.Failure{Step: trains[0], Fault: pluginhost.FaultInput, Err: errors.New("pair 17 has an empty text on both sides"), Attempts: 1, Skipped: 20})
	for i := range o.Stages {
		switch c := &o.Stages[i]; c.Stage {
		case study.StageEncode:
			c.Ran, c.Failed, c.Skipped = c.Ran-7, 3, 4
		case study.StageTrain:
			c.Ran, c.Failed = c.Ran-1, 1
		case study.StageMeasure:
			c.Ran, c.Skipped = c.Ran-28, 28
		}
	}
	o.Missing = 28
	return o
}
