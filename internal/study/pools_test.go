package study_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/study"
)

const pivotCorpus = "corpus_language = local.pivot"

// TestMixedCorpora: languages are encoded by themselves, so that studies of one
// language share them, and joined once per encoder.
func TestMixedCorpora(t *testing.T) {
	base, diags := makePlan(t, quickstart, study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := makePlan(t, variation(t, pivotCorpus, `corpus_language = ["deu", local.pivot]`, "size    = 50", "size = 100"), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	n := count(p)
	if n[study.StageEncode] != 96*(2+6) || n[study.StageJoin] != 96 || n[study.StageIndex] != 96 || n[study.StageSearch] != 576*3 {
		t.Errorf("got %v", n)
	}
	old := recipes(t, base)
	for _, s := range p.Steps {
		switch s.Stage {
		case study.StageLoad, study.StageMix, study.StageTrain:
			if !old[s.Recipe] {
				t.Fatalf("%s %s is not that of one language", s.Stage, s.Label)
			}
		case study.StageEncode:
			if old[s.Recipe] == (s.Texts.Language == "deu") {
				t.Fatalf("%s %s: shared %v", s.Stage, s.Label, old[s.Recipe])
			}
		case study.StageJoin:
			if len(s.Inputs) != 2 || s.Inputs[0].Step.Texts.Language != "deu" || s.Inputs[1].Step.Texts.Language != "eng" {
				t.Fatalf("%s joins %v", s.Label, s.Inputs)
			}
		}
	}
	c := p.Cells[0]
	if c.CorpusLanguage != "deu+eng" || c.Runs[0].Pool.Pool.CorpusLanguage != "deu+eng" || c.Queries.Stage != study.StageEncode {
		t.Errorf("got %+v", c)
	}
}

// TestMixedCorporaIdentity: a list of one is its element, and the order of a
// list says nothing.
func TestMixedCorporaIdentity(t *testing.T) {
	same := func(a, b string) {
		t.Helper()
		var plans []*study.Plan
		for _, x := range []string{a, b} {
			p, diags := makePlan(t, variation(t, pivotCorpus, "corpus_language = "+x, "size    = 50", "size = 60", "queries = 50", "queries = 20", "depth   = 50", "depth = 60"), study.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			plans = append(plans, p)
		}
		if x, y := plans[0].Collect.Recipe, plans[1].Collect.Recipe; x != y {
			t.Errorf("%s and %s make different studies", a, b)
		}
	}
	same(`"eng"`, `["eng"]`)
	same(`["deu", "eng"]`, `["eng", "deu"]`)
}

// TestQueriesInSeveralLanguages: what is known of the encoder comes from an
// encode step.
func TestQueriesInSeveralLanguages(t *testing.T) {
	p, diags := makePlan(t, variation(t, "query_language  = axis.target", `query_language = distinct(["isl", "cat", axis.target])`), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, c := range p.Cells {
		if !strings.Contains(c.QueryLanguage, "cat+") || c.Queries.Stage != study.StageEncode {
			t.Fatalf("%s is encoded by %s", c.QueryLanguage, c.Queries.Stage)
		}
	}
}

func TestMistakesOfPools(t *testing.T) {
	for name, c := range map[string]struct {
		change     []string
		line, want string
	}{
		"two alike":        {[]string{pivotCorpus, `corpus_language = ["eng", "eng"]`}, `corpus_language =`, "Language twice"},
		"no language":      {[]string{pivotCorpus, `corpus_language = []`}, `corpus_language =`, "No languages"},
		"a number":         {[]string{pivotCorpus, `corpus_language = 3`}, `corpus_language =`, "Wrong type"},
		"numbers":          {[]string{pivotCorpus, `corpus_language = [1]`}, `corpus_language =`, "Wrong type"},
		"joined":           {[]string{pivotCorpus, `corpus_language = "deu+eng"`}, `corpus_language =`, "Unusable language code"},
		"unknown":          {[]string{pivotCorpus, `corpus_language = ["eng", "egn"]`}, `corpus_language =`, "Unusable language code"},
		"not in the data":  {[]string{pivotCorpus, `corpus_language = ["eng", "jpn"]`}, `corpus_language =`, "Language not in the data"},
		"too many":         {[]string{pivotCorpus, `corpus_language = ["eng", "deu"]`, "size    = 50", "size = 130"}, `pool = {`, "needs 65 candidates in deu, there are 60"},
		"gold in one":      {[]string{pivotCorpus, `corpus_language = ["eng", "deu"]`, "size    = 50", "size = 60"}, `pool = {`, "needs a pool of 50 in deu, for so many documents are relevant to its queries; an equal share of the size is 30"},
		"shallow":          {[]string{"depth   = 50", "depth = 5"}, "depth = 5", "nDCG@10 looks at 10 ranks, and rankings end at depth 5 of 50 candidates: a document that belongs at rank 6 would count as not retrieved. Set depth = 10 or more."},
		"shallow, default": {[]string{"depth   = 50", "", `"nDCG@10", "RR@10", "Success@1"`, `"R@200", "nDCG@10"`, "size    = 50", "", "queries = 50", ""}, "", ""},
		"shallow, small":   {[]string{"depth   = 50", "depth = 20", `"RR@10", "Success@1"`, `"R@1000"`}, "depth = 20", "Set depth = 50 or more."},
		"curve, shallow":   {[]string{"depth   = 50", "depth = 39\n curve = [50]", "queries = 50", "queries = 10", `"Success@1"`, `"RR"`}, "", ""},
		"curve, cut":       {[]string{"depth   = 50", "depth = 39\n curve = [20, 50]", "queries = 50", "queries = 10"}, "depth = 39", "Set depth = 40, or"},
		"curve, just deep": {[]string{"depth   = 50", "depth = 40\n curve = [20, 50]", "queries = 50", "queries = 10"}, "", ""},
		"curve, whole":     {[]string{"depth   = 50", "depth = 40\n curve = [20, 50]", "queries = 50", "queries = 10", `"Success@1"`, `"AP"`}, "depth = 40", "Set depth = 50, or"},
		"curve, beyond":    {[]string{"depth   = 50", "depth = 50\n curve = [51]"}, "curve = [51]", "Curve beyond the pool"},
		"curve, gold":      {[]string{"depth   = 50", "depth = 50\n curve = [40]"}, "curve = [40]", "needs a pool of 50"},
		"curve, empty":     {[]string{"depth   = 50", "depth = 50\n curve = []"}, "curve = []", "No sizes"},
		"curve, halves":    {[]string{"depth   = 50", "depth = 50\n curve = [50.5]"}, "curve = [50.5]", "Invalid value"},
		"curve, twice":     {[]string{"depth   = 50", "depth = 50\n curve = [50, 50]"}, "curve = [50, 50]", "Invalid value"},
		"curve, word":      {[]string{"depth   = 50", "depth = 50\n curve = \"atuo\""}, "curve = ", `Did you mean "auto"?`},
	} {
		t.Run(name, func(t *testing.T) {
			path := variation(t, c.change...)
			_, diags := makePlan(t, path, study.Options{})
			if c.want == "" {
				if diags.HasErrors() {
					t.Error(diags)
				}
				return
			}
			found := slices.ContainsFunc(diags, func(d *hcl.Diagnostic) bool {
				return d.Severity == hcl.DiagError && strings.Contains(d.Summary+" "+d.Detail, c.want) && strings.Contains(lineOf(t, path, d), c.line)
			})
			if !found {
				t.Errorf("want %q at %q, got %v", c.want, c.line, diags)
			}
		})
	}
}

func TestRankingsCutOff(t *testing.T) {
	warned := func(oldnew ...string) string {
		p, diags := makePlan(t, variation(t, oldnew...), study.Options{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var out []string
		for _, d := range p.Warnings {
			if d.Summary == "Rankings cut off" {
				out = append(out, d.Detail)
			}
		}
		return strings.Join(out, "; ")
	}
	if got := warned(`"Success@1"`, `"AP"`); got != "" {
		t.Errorf("rankings are whole, and yet %q", got)
	}
	want := "Rankings end at depth 20 of 50 candidates, but these measures look at the whole: AP. Relevant documents below count as not retrieved. Set depth = 50, or name a cutoff, as in AP@20."
	if got := warned(`"Success@1"`, `"AP"`, "depth   = 50", "depth = 20"); got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	// What only its metric understands may look at the whole, too.
	want = "Rankings end at depth 20 of 50 candidates, and these measures name no cutoff: MaxR, LPR. Where they look at the whole, documents below count as not retrieved. Set depth = 50, or name a cutoff where they take one."
	unknown := []string{"metric \"ir\" \"q", "metric \"fairness\" \"q", `["nDCG@10", "RR@10", "Success@1"]`, `["MaxR", "PEER@20", "LPR ()"]`, `measure  = "nDCG@10"`, `measure  = "PEER@20"`}
	if got := warned(append(unknown, "depth   = 50", "depth = 20")...); got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	if got := warned(unknown...); got != "" {
		t.Errorf("rankings are whole, and yet %q", got)
	}
	if got := warned("depth   = 50", "depth = 20"); got != "" {
		t.Errorf("measures have cutoffs, and yet %q", got)
	}
}

// TestCurve: the pools of a curve are those of tasks of these sizes, and
// nothing is searched again.
func TestCurve(t *testing.T) {
	queries := []string{"queries = 50", "queries = 10"}
	base, diags := makePlan(t, variation(t, queries...), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := makePlan(t, variation(t, append(queries, "depth   = 50", "depth = 50\n curve = [20, 50, 30]")...), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	n, was := count(p), count(base)
	if n[study.StageSearch] != was[study.StageSearch] || n[study.StageMeasure] != 3*was[study.StageMeasure] || n[study.StagePool] != 3*was[study.StagePool] {
		t.Errorf("got %v, without a curve %v", n, was)
	}
	small, diags := makePlan(t, variation(t, append(queries, "size    = 50", "size = 20")...), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	of := recipes(t, small)
	for i, c := range p.Cells {
		if c.ID != base.Cells[i].ID {
			t.Fatal("a curve makes another cell")
		}
		for _, r := range c.Runs {
			var sizes []int
			for _, x := range r.Curve {
				sizes = append(sizes, x.Size)
			}
			if fmt.Sprint(sizes) != "[20 30 50]" || r.Curve[2].Measure != r.Measure || r.Curve[2].Pool != r.Pool || !of[r.Curve[0].Pool.Recipe] || !r.Curve[0].Measure.Restrict || r.Measure.Restrict {
				t.Fatalf("got %v, %+v", sizes, r.Curve)
			}
		}
	}
	auto, diags := makePlan(t, variation(t, append(queries, "depth   = 50", "depth = 50\n curve = \"auto\"")...), study.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if c := auto.Cells[0].Runs[0].Curve; len(c) != 3 || c[0].Size != 10 || c[1].Size != 20 || c[2].Size != 50 {
		t.Errorf("got %+v", c)
	}
}

// lineOf returns the line that a diagnostic points at.
func lineOf(t *testing.T, path string, d *hcl.Diagnostic) string {
	t.Helper()
	if d.Subject == nil {
		return ""
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")[d.Subject.Start.Line-1]
}

func TestReach(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
		of50  int
	}{
		{[]string{"nDCG@10", "R@20", "RR@5"}, "{20 R@20 [] []}", 20},
		{[]string{"nDCG@10", "AP"}, "{10 nDCG@10 [AP] []}", 50},
		{[]string{"PEER@30", "nDCG@10"}, "{30 PEER@30 [] []}", 30},
		{[]string{"MaxR", "nDCG@10"}, "{10 nDCG@10 [] [MaxR]}", 50},
		{[]string{"R@1000"}, "{1000 R@1000 [] []}", 50},
		{[]string{"NumRet"}, "{0  [] []}", 50},
		{nil, "{0  [] []}", 50},
	} {
		r := study.ReachOf(c.names)
		if got := fmt.Sprint(r); got != c.want || r.Ranks(50) != c.of50 {
			t.Errorf("%v: want %s and %d, got %s and %d", c.names, c.want, c.of50, got, r.Ranks(50))
		}
	}
}
