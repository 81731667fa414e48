package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
)

// existing gives records of systems that were made elsewhere: no axes but the
// target, no lineage. level is the mean log-odds of a system.
func existing(level map[string]float64, order, langs []string, queries int) (Design, []results.Record) {
	rng := rand.New(rand.NewPCG(1, 1))
	d := Design{
		Encoders: order,
		Axes:     []Axis{{Name: "target", Role: RoleTarget, Labels: langs}},
		Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10"}},
	}
	var out []results.Record
	for l, lang := range langs {
		for q := range queries {
			hard := rng.NormFloat64()
			for _, s := range order {
				v := 1 / (1 + math.Exp(-(level[s] + hard + .3*float64(l) + .4*rng.NormFloat64())))
				out = append(out, results.Record{
					Cell: s + lang, Retrieval: "existing", Encoder: s, Component: "trec", Task: "t", Axes: map[string]string{"target": lang},
					QueryLanguage: lang, PoolSize: 100, QueryID: fmt.Sprint(q), Measure: "nDCG@10", Value: v,
					Lineage: results.Lineage{Exposure: results.ExposureUnknown},
				})
			}
		}
	}
	return d, out
}

// within gives the records of two systems on the queries of one language.
func within(lang string, a, b []float64) (out []results.Record) {
	for q := range a {
		for s, v := range map[string]float64{"a": a[q], "b": b[q]} {
			out = append(out, results.Record{
				Cell: s + lang, Retrieval: "existing", Encoder: s, Task: "t", QueryLanguage: lang, PoolSize: 100, QueryID: fmt.Sprint(q), Measure: "nDCG@10", Value: v,
			})
		}
	}
	return out
}

var (
	goldenA = []float64{.32, .45, .00, 1.00, .63, .50, .27, .88, .41, .73}
	goldenB = []float64{.40, .52, .11, 1.00, .59, .65, .35, .93, .39, .81}
)

func near64(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

func systemOf(t *testing.T, s *Systems, name string) System {
	t.Helper()
	for _, x := range s.Systems {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("no system %q among %+v", name, s.Systems)
	return System{}
}

// Ten queries, computed by hand and in R: a paired t-test within the language,
// and the same interval for the mean over this one language.
func TestSystemsWithin(t *testing.T) {
	d := Design{Encoders: []string{"a", "b"}, Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "a"}}}
	s := collect(t, d, within("deu", goldenA, goldenB)).Analyses[0].Systems
	b := systemOf(t, s, "b")
	x := b.PerLanguage[0].Test
	near64(t, "gain", x.Gain, .056, 1e-12)
	near64(t, "p", x.P, .0155174083, 1e-10)
	near64(t, "low", float64(x.Low), .0134511282, 1e-10)
	near64(t, "high", float64(x.High), .0985488718, 1e-10)
	near64(t, "g", *x.G, .8604180206, 1e-9)
	if x.Wins != 7 || x.Ties != 1 || x.Losses != 2 || x.PHolm != x.P || x.Left != 0 {
		t.Errorf("%+v", *x)
	}
	e := b.Against.Gain
	near64(t, "low over one language", e.Low, float64(x.Low), 1e-12)
	near64(t, "p over one language", e.P, x.P, 1e-12)
	if e.Inference != inferThese || b.Against.Better != 1 || len(s.Groups) != 2 || b.Letters != "a" || systemOf(t, s, "a").Letters != "b" {
		t.Errorf("%+v, %v", e, s.Groups)
	}
}

// The published scores of five systems on WebFAQ, twenty languages: with one
// number per language, languages are the sample.
func TestSystemsOverLanguages(t *testing.T) {
	d := Design{Encoders: []string{"pt", "ft", "gte", "e5", "jina"}, Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "pt"}}}
	var rs []results.Record
	for _, row := range strings.Split(strings.TrimSpace(webFAQ), "\n") {
		var lang string
		v := make([]float64, 5)
		if _, err := fmt.Sscan(row, &lang, &v[0], &v[1], &v[2], &v[3], &v[4]); err != nil {
			t.Fatal(err)
		}
		for i, name := range d.Encoders {
			rs = append(rs, results.Record{Cell: name + lang, Retrieval: "existing", Encoder: name, Task: "t", QueryLanguage: lang, PoolSize: 100, QueryID: lang, Measure: "nDCG@10", Value: v[i]})
		}
	}
	s := collect(t, d, rs).Analyses[0].Systems
	ft := systemOf(t, s, "ft").Against.Gain
	near64(t, "ft − pt", ft.Value, .1172745, 1e-9)
	near64(t, "t", ft.Value/ft.SE, 24.339924, 1e-6)
	near64(t, "p", ft.P, 8.7276577e-16, 1e-21)
	for _, p := range s.Pairs {
		switch p.A + " " + p.B {
		case "e5 ft":
			near64(t, "e5 − ft", p.Gain, .0217745, 1e-9)
			near64(t, "p", p.P, 7.0347762e-4, 1e-10)
			if !p.Apart || p.PHolm < p.P {
				t.Errorf("%+v", p)
			}
		case "jina e5":
			near64(t, "jina − e5", p.Gain, .039911, 1e-9)
		}
	}
	if s.Inference != inferLanguages || s.Systems[0].Name != "jina" || s.Systems[4].Name != "pt" {
		t.Errorf("%+v", s)
	}
	// One query per language gives no test within it, and no number that JSON
	// could not hold.
	if x := systemOf(t, s, "ft"); x.PerLanguage[0].Test.OK || x.Against.Better+x.Against.Alike+x.Against.Worse != 0 {
		t.Errorf("%+v", x)
	}
}

// Two systems that are one give no difference and share a group; a language
// that one system lacks enters no mean; queries that one lacks are counted.
func TestSystemsEdges(t *testing.T) {
	d := Design{Encoders: []string{"a", "b"}, Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10"}}}
	same := within("deu", goldenA, goldenA)
	s := collect(t, d, same).Analyses[0].Systems
	if p := s.Pairs[0]; p.Apart || p.P != 1 || len(s.Groups) != 1 || s.Chosen != ChosenBest {
		t.Errorf("%+v, groups %v", p, s.Groups)
	}
	rs := append(within("deu", goldenA, goldenB), within("isl", goldenA, goldenB)...)
	var kept []results.Record
	for _, r := range rs {
		if r.Encoder == "a" && (r.QueryLanguage == "isl" || r.QueryID == "3") {
			continue
		}
		kept = append(kept, r)
	}
	s = collect(t, d, kept).Analyses[0].Systems
	if len(s.Languages) != 1 || s.Languages[0] != "deu" || len(s.Partial) != 1 || s.Partial[0] != "isl" {
		t.Errorf("languages %v, partial %v", s.Languages, s.Partial)
	}
	if x := systemOf(t, s, "a").PerLanguage[0].Test; x.Left != 1 || x.Queries != 9 {
		t.Errorf("%+v", *x)
	}
	if sum := collect(t, d, kept); !hasNote(sum, NoteUnpaired) || !hasNote(sum, NotePartialSystems) {
		t.Errorf("notes %+v", sum.Analyses[0].Notes)
	}
}

// The difference of two systems is one claim.
func differs(d *Design) {
	d.Claims = []Claim{{Name: "pays", Left: Call{"diff", []Arg{Text("b"), Text("a")}}, Op: ">", Right: Number(0)}}
}

// What one query would have been otherwise nobody knows: where a language has
// no other, there is no interval, for a claim as for a table.
func TestOneQuery(t *testing.T) {
	d := Design{Encoders: []string{"a", "b"}, Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "a"}}}
	differs(&d)
	rs := append(within("deu", goldenA, goldenB), within("isl", goldenA[:1], goldenB[:1])...)
	s := collect(t, d, rs)
	c := s.Claims[0]
	if e := c.Estimate; e.OK || e.SE != 0 || e.Low != 0 || e.Reason != ReasonFewQueries || e.Value == 0 {
		t.Errorf("the claim: %+v", e)
	}
	if x := systemOf(t, s.Analyses[0].Systems, "b"); x.Mean.OK || x.Mean.Reason != ReasonFewQueries {
		t.Errorf("the table: %+v", x.Mean)
	}
	if !hasNote(s, NoteFewQueries) {
		t.Errorf("notes %+v", s.Analyses[0].Notes)
	}
	if s := collect(t, d, within("deu", goldenA, goldenB)); hasNote(s, NoteFewQueries) || !s.Claims[0].Estimate.OK {
		t.Errorf("ten queries: %+v", s.Claims[0].Estimate)
	}
}

// A language that one of two systems lacks leaves the claim to the others, as
// it does in the table.
func TestClaimOnCommonLanguages(t *testing.T) {
	langs := []string{"afr", "cat", "cym", "isl", "mlt", "tgl"}
	d, rs := existing(map[string]float64{"a": 0, "b": 1}, []string{"a", "b"}, langs, 30)
	d.Analyses[0].Baseline = "a"
	differs(&d)
	whole := collect(t, d, rs).Claims[0].Estimate
	kept := slices.DeleteFunc(slices.Clone(rs), func(r results.Record) bool { return r.Encoder == "b" && r.QueryLanguage == "isl" })
	s := collect(t, d, kept)
	e, table := s.Claims[0].Estimate, s.Analyses[0].Systems.Pairs[0]
	if !e.OK || e.Languages != 5 || e.Inference != inferLanguages || e.DF != 4 || whole.Languages != 6 {
		t.Errorf("%+v", e)
	}
	near64(t, "the claim's value", e.Value, table.Gain, 1e-12)
	near64(t, "its lower limit", e.Low, float64(table.Low), 1e-12)
	near64(t, "its upper limit", e.High, float64(table.High), 1e-12)
}

// Without axes the answer is about systems, and comes first.
func TestAnswerWithoutAxes(t *testing.T) {
	d, rs := existing(map[string]float64{"bm25": -.6, "dense": .3, "hybrid": .33}, []string{"bm25", "dense", "hybrid"}, []string{"cat", "deu", "isl"}, 60)
	d.Analyses[0].Baseline, d.Analyses[0].Reference = "bm25", []string{"deu"}
	a := collect(t, d, rs).Analyses[0]
	for i, want := range []string{
		"Of 3 systems, **dense** has the highest mean nDCG@10 over 3 languages, **0.624**, but with all pairs corrected for, hybrid cannot be told from it.",
		"Against bm25, on the same queries: dense gains **18.3 points** (16.2 to 20.4); hybrid gains **17.2 points** (15.3 to 19.1). Intervals are 95 %, each for itself.",
		"Taken one by one, of 3 languages: dense is better in 3; hybrid is better in 3 (compared with bm25, corrected for several systems).",
		"Compared with deu, the other languages are on average 2.3 points ahead with dense (4 %), 3.8 points ahead with hybrid (6 %), 3.3 points ahead with bm25 (8 %).",
		"This is about these systems as they are: none was made a second time, so nothing is said of others made alike, and about these 3 languages only.",
	} {
		if i >= len(a.Answer) || a.Answer[i] != want {
			t.Fatalf("sentence %d is\n%q, want\n%q", i, a.Answer, want)
		}
	}
	// The mean of a system lies in its interval, and letters follow groups.
	for _, x := range a.Systems.Systems {
		if !(x.Mean.Low < x.Mean.Value && x.Mean.Value < x.Mean.High) {
			t.Errorf("%s: %+v", x.Name, x.Mean)
		}
	}
	if got := fmt.Sprint(a.Systems.Groups); got != "[[dense hybrid] [bm25]]" {
		t.Error(got)
	}
}

// A fusion and a run have no index: they stand beside what was searched.
func TestSystemsWithoutIndex(t *testing.T) {
	d, rs := existing(map[string]float64{"bm25": -.6, "dense": .3, "hybrid": .5}, []string{"bm25", "dense", "hybrid"}, []string{"cat", "deu"}, 20)
	d.Analyses[0].Baseline = "bm25"
	for i := range rs {
		if rs[i].Encoder == "dense" {
			rs[i].Index = "exact"
		}
	}
	s := collect(t, d, rs)
	if len(s.Analyses) != 1 || len(s.Analyses[0].Systems.Systems) != 3 {
		t.Fatalf("%d analyses, the first of %d systems", len(s.Analyses), len(s.Analyses[0].Systems.Systems))
	}
	if a := systemOf(t, s.Analyses[0].Systems, "dense"); a.Against == nil || a.Against.With != "bm25" {
		t.Errorf("%+v", a)
	}
	// With two indexes they stand beside each.
	for _, r := range rs {
		if r.Encoder == "dense" {
			r.Index, r.Cell = "ip", r.Cell+"ip"
			rs = append(rs, r)
		}
	}
	s = collect(t, d, rs)
	if len(s.Analyses) != 2 || s.Analyses[1].Condition != "index ip" || len(s.Analyses[1].Systems.Systems) != 3 {
		t.Fatalf("%d analyses, the first %q", len(s.Analyses), s.Analyses[0].Condition)
	}
}

// Sizes that no axis varies are those of unlike systems: the answer begins with
// these, and the effect comes with a warning.
func TestUnlikeSystems(t *testing.T) {
	d, rs := existing(map[string]float64{"a": -.6, "b": .3, "c": .5}, []string{"a", "b", "c"}, []string{"cat", "deu", "isl", "mlt", "afr"}, 20)
	for i := range rs {
		rs[i].ParamsTotal = map[string]int64{"a": 1e6, "b": 1e7, "c": 1e8}[rs[i].Encoder]
		rs[i].Source = results.LineageDeclared
	}
	s := collect(t, d, rs)
	a := s.Analyses[0]
	if len(a.Effects) != 1 || !strings.HasPrefix(a.Answer[0], "Of 3 systems") || !hasCode(a, NoteUnlike) || a.Facts.Unit != unitCheckpoint {
		t.Errorf("%d effects, unit %s, answer %q", len(a.Effects), a.Facts.Unit, a.Answer)
	}
}

func TestManySystems(t *testing.T) {
	level, order := map[string]float64{}, []string{}
	for i := range mostSystems + 1 {
		order = append(order, fmt.Sprint("s", i))
		level[order[i]] = .02 * float64(i)
	}
	d, rs := existing(level, order, []string{"cat", "deu"}, 5)
	a := collect(t, d, rs).Analyses[0]
	if len(a.Systems.Pairs) != 0 || len(a.Systems.Systems) != mostSystems+1 || !hasCode(a, NoteManySystems) || strings.Contains(a.Answer[0], "told") {
		t.Errorf("%d pairs, answer %q", len(a.Systems.Pairs), a.Answer[0])
	}
}

// Draws of a system are averaged, and from two on they are part of the
// uncertainty.
func TestSystemsWithDraws(t *testing.T) {
	m := small()
	s := collect(t, m.design(), all(m, 3)).Analyses[0].Systems
	x := systemOf(t, s, "student size=s1 languages=1")
	if x.Runs != 4 || x.Against == nil || x.Against.Gain.Units != 4 || x.Against.Gain.Method != "crossed" {
		t.Errorf("%+v, %+v", x, x.Against)
	}
	// Compared with the untrained encoder of its size.
	if x.Against.With != "untrained size=s1" {
		t.Errorf("compared with %q", x.Against.With)
	}
}

// Levels are compared across languages only at equal pools and on the same
// queries.
func TestAcrossLanguages(t *testing.T) {
	d, rs := existing(map[string]float64{"bm25": -.6, "dense": .3}, []string{"bm25", "dense"}, []string{"cat", "deu", "isl", "mlt"}, 20)
	d.Analyses[0].Reference, d.Analyses[0].Worst = []string{"deu"}, 2
	x := collect(t, d, rs).Analyses[0].Across
	if !x.Comparable || x.Reason != "" || x.Systems[0].System != "dense" {
		t.Fatalf("%+v", x)
	}
	sp := x.Systems[0].Spread
	if len(sp.Worst) != 2 || len(sp.Gaps) != 3 || sp.Gap == nil || sp.Worst[0].Value > sp.Worst[1].Value {
		t.Errorf("%+v", sp)
	}
	near64(t, "gap", *sp.Gap, (sp.Gaps[0].Gap+sp.Gaps[1].Gap+sp.Gaps[2].Gap)/3, 1e-12)
	near64(t, "worst", sp.WorstMean, (sp.Worst[0].Value+sp.Worst[1].Value)/2, 1e-12)
	no := false
	for name, change := range map[string]func(*Design, *results.Record){
		"Languages have 100 to 200 candidates": func(_ *Design, r *results.Record) {
			if r.QueryLanguage == "isl" {
				r.PoolSize = 200
			}
		},
		"Languages have queries of their own":  func(_ *Design, r *results.Record) { r.QueryID += r.QueryLanguage },
		"Languages have queries of their own,": func(d *Design, _ *results.Record) { d.Analyses[0].Parallel = &no },
	} {
		d2, rs2 := d, as(rs, func(*results.Record) {})
		d2.Analyses = []Spec{d.Analyses[0]}
		for i := range rs2 {
			change(&d2, &rs2[i])
		}
		s := collect(t, d2, rs2)
		x := s.Analyses[0].Across
		if x.Comparable || !strings.HasPrefix(x.Reason, name) || x.Systems[0].Spread != nil || x.Systems[0].Macro == 0 {
			t.Errorf("%s: %+v", name, x)
		}
		if !hasNote(s, NoteLevels) {
			t.Errorf("%s: no note that the gap asked for is not given", name)
		}
	}
}

// English, the mean of the others and Gini's coefficient of five models on
// WebFAQ, to the digits that were published of them.
func TestAcrossWebFAQ(t *testing.T) {
	yes := true
	d := Design{Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Reference: []string{"eng"}, Parallel: &yes}}}
	var rs []results.Record
	for _, r := range published(t) {
		rs = append(rs, results.Record{Cell: r.Model + r.Subset, Retrieval: "existing", Encoder: r.Model, Task: "t", QueryLanguage: r.Subset, PoolSize: 100, QueryID: r.Subset, Measure: "nDCG@10", Value: r.Value})
	}
	for _, x := range collect(t, d, rs).Analyses[0].Across.Systems {
		want := map[string][3]float64{"pt": {.4965, .6311, .0762}, "ft": {.5905, .7496, .0549}, "gte": {.5894, .6833, .0609}, "e5": {.6618, .7687, .0449}, "jina": {.6640, .8106, .0432}}[x.System]
		near64(t, x.System+": gap", *x.Spread.Gap, want[0]-want[1], 1.01e-4)
		near64(t, x.System+": relative", *x.Spread.Relative, (want[0]-want[1])/want[0], 3e-4)
		near64(t, x.System+": Gini", *x.Spread.Gini, want[2], 5e-5)
		if len(x.Spread.Gaps) != 19 {
			t.Errorf("%d gaps, want one for each other language", len(x.Spread.Gaps))
		}
	}
}

// A system that never saw a language is set beside the one that was trained on
// it.
func TestTransfer(t *testing.T) {
	d, rs := existing(map[string]float64{"bm25": -.6, "zero": .1, "own": .5}, []string{"bm25", "zero", "own"}, []string{"cat", "deu"}, 20)
	d.Analyses[0].Baseline = "bm25"
	for i := range rs {
		r := &rs[i]
		switch r.Encoder {
		case "zero":
			r.Lineage = results.Lineage{Subset: "eng", Exposure: results.ExposureNone}
		case "own":
			r.Lineage = results.Lineage{Subset: "cat deu", Exposure: results.ExposureTuning}
		}
	}
	a := collect(t, d, rs).Analyses[0]
	if a.Across == nil {
		t.Fatal("no summary over languages")
	}
	for _, x := range a.Across.Systems {
		if x.System != "zero" {
			if x.Transfer != nil {
				t.Errorf("%s: %+v", x.System, x.Transfer)
			}
			continue
		}
		if len(x.Transfer) != 2 || x.Transfer[0].Supervised != "own" {
			t.Fatalf("%+v", x.Transfer)
		}
		of := func(name string) float64 { return systemOf(t, a.Systems, name).PerLanguage[0].Mean }
		near64(t, "ratio", *x.Transfer[0].Ratio, of("zero")/of("own"), 1e-12)
		near64(t, "closed", *x.Transfer[0].Closed, (of("zero")-of("bm25"))/(of("own")-of("bm25")), 1e-12)
	}
}

// webFAQ is nDCG@10 of the models pt, ft, gte, e5 and jina in the result files of
// padas-lab-de/webfaq at be90c0c.
const webFAQ = `
ara 0.60977 0.74071 0.69497 0.79249 0.84598
dan 0.74741 0.83729 0.74958 0.82484 0.87502
deu 0.53110 0.66281 0.57603 0.70095 0.74246
eng 0.49655 0.59048 0.58943 0.66182 0.66404
fas 0.63204 0.74364 0.63197 0.74059 0.78674
fra 0.54919 0.69133 0.63626 0.71969 0.76484
hin 0.70110 0.79609 0.76264 0.82518 0.86641
ind 0.74642 0.82656 0.75743 0.81851 0.84796
ita 0.61344 0.75469 0.69171 0.77627 0.82873
jpn 0.56530 0.68826 0.61242 0.72685 0.74499
kor 0.73175 0.81559 0.74374 0.82694 0.85800
nld 0.61193 0.74574 0.63372 0.76009 0.80133
pol 0.61476 0.74226 0.66125 0.75496 0.81508
por 0.65289 0.78323 0.70112 0.78686 0.83673
rus 0.50050 0.61458 0.57040 0.66836 0.71361
spa 0.57130 0.69627 0.66098 0.74317 0.78313
swe 0.67646 0.78790 0.70476 0.77155 0.82765
tur 0.49801 0.66058 0.59149 0.65794 0.70567
vie 0.70173 0.80661 0.76172 0.83679 0.86922
zho 0.73524 0.84776 0.84102 0.87402 0.88850
`

// The curve over pool sizes has the means of its records, and the slope of a
// line through them.
func TestPoolCurves(t *testing.T) {
	d, rs := existing(map[string]float64{"bm25": -.6, "dense": .3}, []string{"bm25", "dense"}, []string{"cat", "deu"}, 20)
	c := NewCollector(d)
	for _, r := range rs {
		c.Add(r)
		for i, n := range []int32{100, 200, 400} {
			r := r
			r.PoolSize = n
			r.Value *= 1 - .1*float64(i)
			c.AddCurve(r)
		}
		if r.QueryLanguage == "cat" { // a whole corpus that is smaller than the other's
			r.PoolSize = 777
			c.AddCurve(r)
		}
	}
	s, err := c.Analyse()
	if err != nil {
		t.Fatal(err)
	}
	x := s.Analyses[0].PoolCurves
	if x == nil || len(x.Systems) != 2 || len(x.Systems[0].Points) != 3 || fmt.Sprint(x.Left) != "[777]" {
		t.Fatalf("%+v", x)
	}
	for _, c := range x.Systems {
		want := systemOf(t, s.Analyses[0].Systems, c.System).Mean.Value
		for i, p := range c.Points {
			near64(t, "mean", p.Mean, want*(1-.1*float64(i)), 1e-12)
			if !(p.Low < p.Mean && p.Mean < p.High) {
				t.Errorf("%+v", p)
			}
		}
		near64(t, "slope", c.PerDoubling, -.1*want, 1e-12)
	}
	if !strings.HasPrefix(x.Sentence, "With each doubling of the candidates bm25 loses ") {
		t.Error(x.Sentence)
	}
	if s.Analyses[0].Systems.Systems[0].PerLanguage[0].Pool != 100 {
		t.Error("the curve has changed the analysis")
	}
}

// Where no system is better in languages at large, some pair is told apart in
// at most one study of twenty, though systems do differ in single languages;
// an interval covers the truth nineteen times of twenty.
func TestGroupsAreValid(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const studies = 600
	wrong, covered, intervals := 0, 0, 0
	d := Design{Encoders: []string{"a", "b", "c", "d"}, Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "a"}}}
	for range studies {
		c := NewCollector(d)
		for l := range 8 {
			base := .5 + .1*rng.NormFloat64()
			for _, s := range d.Encoders {
				r := results.Record{Cell: fmt.Sprint(s, l), Retrieval: "existing", Encoder: s, QueryLanguage: fmt.Sprint("q", l), PoolSize: 100, QueryID: "q", Measure: "nDCG@10"}
				r.Value = min(1, max(0, base+.04*rng.NormFloat64()))
				c.Add(r)
			}
		}
		sum, err := c.Analyse()
		if err != nil {
			t.Fatal(err)
		}
		s := sum.Analyses[0].Systems
		if len(s.Groups) > 1 {
			wrong++
		}
		for _, x := range s.Systems {
			if x.Against != nil {
				intervals++
				if e := x.Against.Gain; e.Low <= 0 && e.High >= 0 {
					covered++
				}
			}
		}
	}
	if share := float64(wrong) / studies; share > .05+2.5*math.Sqrt(.05*.95/studies) {
		t.Errorf("some pair is told apart in %.1f %% of studies without any difference", 100*share)
	}
	if share := float64(covered) / float64(intervals); math.Abs(share-.95) > .025 {
		t.Errorf("intervals cover the truth in %.1f %%", 100*share)
	}
}
