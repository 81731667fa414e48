package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
)

func pairDesign() Design {
	return Design{Encoders: []string{"a", "b"}, Analyses: []Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "a"}}}
}

// Two queries that differ by the same amount say nothing of a third: no
// interval, and the p value of the four ways to give them signs.
func TestEqualDifferencesOfQueries(t *testing.T) {
	a := collect(t, pairDesign(), within("deu", []float64{0, 0}, []float64{1, 1})).Analyses[0]
	s := a.Systems
	b := systemOf(t, s, "b")
	x := b.PerLanguage[0].Test
	near64(t, "p within", x.P, .5, 0)
	if !math.IsNaN(float64(x.Low)) || !math.IsNaN(float64(x.High)) || x.Gain != 1 || !x.OK || x.Wins != 2 || x.G != nil {
		t.Errorf("within: %+v", *x)
	}
	e := b.Against.Gain
	near64(t, "p", e.P, .5, 0)
	if e.OK || e.Reason != ReasonNoSpread || e.Value != 1 || e.Low != 0 || e.High != 0 {
		t.Errorf("gain %+v", e)
	}
	if b.Against.Better != 0 || b.Against.Alike != 1 {
		t.Errorf("against %+v", *b.Against)
	}
	p := s.Pairs[0]
	near64(t, "p of the pair", p.P, .5, 0)
	if p.Apart || !p.OK || !math.IsNaN(float64(p.Low)) || p.Gain != 1 || len(s.Groups) != 1 || b.Letters != "a" || systemOf(t, s, "a").Letters != "a" {
		t.Errorf("pair %+v, groups %v", p, s.Groups)
	}
	if m := b.Mean; m.OK || m.Value != 1 || m.Reason != ReasonNoSpread {
		t.Errorf("mean %+v", m)
	}
	text := strings.Join(a.Answer, "\n")
	if strings.Contains(text, "100.00 to") || !strings.Contains(text, "Against a, b gains **100.00 points** in every query alike, without an interval (sign-flip test, p = 0.500).") ||
		!strings.Contains(text, "a cannot be told from it") {
		t.Errorf("answer:\n%s", text)
	}
	js, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(js), `"low":null`) {
		t.Errorf("%v: %s", err, js)
	}
}

// The same over languages: five that agree give p = 2/2⁵, and twenty are told
// apart, still without an interval.
func TestEqualDifferencesOfLanguages(t *testing.T) {
	for _, c := range []struct {
		n     int
		p     float64
		apart bool
	}{{5, .0625, false}, {20, math.Ldexp(1, -19), true}} {
		var rs []results.Record
		for l := range c.n {
			// The differences are 0.1 but for rounding.
			v := .01 * float64(l)
			for s, value := range map[string]float64{"a": v, "b": v + .1} {
				lang := []string{"afr", "bul", "cat", "dan", "deu", "ell", "eng", "est", "fin", "fra", "hun", "isl", "ita", "lav", "lit", "mlt", "nld", "pol", "por", "spa"}[l]
				rs = append(rs, results.Record{Cell: s + lang, Retrieval: "existing", Encoder: s, Task: "t", QueryLanguage: lang, PoolSize: 100, QueryID: lang, Measure: "nDCG@10", Value: value})
			}
		}
		a := collect(t, pairDesign(), rs).Analyses[0]
		b := systemOf(t, a.Systems, "b")
		near64(t, "p", b.Against.Gain.P, c.p, 1e-15)
		if p := a.Systems.Pairs[0]; p.Apart != c.apart || !math.IsNaN(float64(p.High)) || (len(a.Systems.Groups) == 2) != c.apart {
			t.Errorf("%d languages: %+v", c.n, p)
		}
		if text := strings.Join(a.Answer, "\n"); !strings.Contains(text, "b gains **10.00 points** in every language alike") {
			t.Errorf("answer:\n%s", text)
		}
	}
}

// Languages whose queries agree within but not with one another have no spread
// of queries either.
func TestEqualDifferencesWithinLanguages(t *testing.T) {
	rs := append(within("deu", []float64{.1, .2}, []float64{.6, .7}), within("isl", []float64{.5, .6}, []float64{.3, .4})...)
	for i := range rs {
		rs[i].QueryID = rs[i].QueryLanguage + rs[i].QueryID
	}
	a := collect(t, pairDesign(), rs).Analyses[0]
	e := systemOf(t, a.Systems, "b").Against.Gain
	near64(t, "gain", e.Value, .15, 1e-12)
	// Of the 16 ways to give .5, .5, −.2 and −.2 signs, those reach a sum of .6 in
	// which the first two have one sign: the others reach .4 at most.
	near64(t, "p", e.P, .5, 1e-12)
	if e.OK || e.Reason != ReasonNoSpread {
		t.Errorf("%+v", e)
	}
	if text := strings.Join(a.Answer, "\n"); !strings.Contains(text, "b gains **15.00 points** on average and the same in all queries of a language, without an interval (sign-flip test, p = 0.500).") {
		t.Errorf("answer:\n%s", text)
	}
}

// Systems with the same values are no evidence of anything, and are said to be the same.
func TestEqualSystems(t *testing.T) {
	a := collect(t, pairDesign(), within("deu", goldenA, goldenA)).Analyses[0]
	if p := a.Systems.Pairs[0]; p.P != 1 || p.Apart {
		t.Errorf("%+v", p)
	}
	if text := strings.Join(a.Answer, "\n"); strings.Contains(text, "anything from") || !strings.Contains(text, "Against a, b has the same value in every query.") {
		t.Errorf("answer:\n%s", text)
	}
}

// 0.0001 more in each of five tasks is not certainty.
func TestCompareScoresEqual(t *testing.T) {
	for _, c := range []struct {
		n       int
		p       float64
		letters string // of the worse
	}{{5, .0625, "a"}, {6, .03125, "b"}} {
		var rows []results.Score
		for i := range c.n {
			v := .3 + .0713*float64(i) // rounding makes the differences unlike
			for m, value := range map[string]float64{"x": v, "y": v + .0001} {
				rows = append(rows, results.Score{Model: m, Task: fmt.Sprintf("T%d", i), Split: "test", Subset: "default", Measure: "main_score", Value: value})
			}
		}
		tables, err := CompareScores(rows, ScoreOptions{Baseline: "x"})
		if err != nil {
			t.Fatal(err)
		}
		m := tables[0].Models
		g := m[0].Gain
		near64(t, "p", g.P, c.p, 0)
		near64(t, "gain", g.Mean, .0001, 1e-12)
		if m[0].Name != "y" || !math.IsNaN(float64(g.Low)) || !math.IsNaN(float64(g.High)) || m[0].Letters != "a" || m[1].Letters != c.letters {
			t.Errorf("%d tasks: %+v, gain %+v", c.n, m, *g)
		}
		if text := noted(tables[0].Notes, NoteEqual); text != "Every subset differs by the same amount in y − x: t and its interval are undefined there, and p is that of the sign-flip test." {
			t.Error(text)
		}
		if _, err := json.Marshal(tables); err != nil {
			t.Error(err)
		}
	}
}

// parallelRecords gives two systems on n queries that languages share in
// translation; share is how much of the variance of a difference is the
// query's.
func parallelRecords(rng *rand.Rand, langs []string, n int, share float64, id func(lang string, q int) string) (out []results.Record) {
	for q := range n {
		common := rng.NormFloat64()
		for _, lang := range langs {
			d := .1 * (math.Sqrt(share)*common + math.Sqrt(1-share)*rng.NormFloat64())
			for s, v := range map[string]float64{"a": .5, "b": .5 + min(.5, max(-.5, d))} {
				out = append(out, results.Record{Cell: s + lang, Retrieval: "existing", Encoder: s, Task: "t", QueryLanguage: lang, PoolSize: 100, QueryID: id(lang, q), Measure: "nDCG@10", Value: v})
			}
		}
	}
	return out
}

// Queries in translation are hard or easy together. An interval holds the true
// difference, 0, in 95 % of samples whether they are or not, whatever their
// ids look like, for these languages and where languages are the sample too.
func TestParallelQueriesCoverage(t *testing.T) {
	declared := true
	for _, c := range []struct {
		name      string
		langs     int
		share     float64
		id        func(lang string, q int) string
		parallel  *bool
		low, high float64 // of the share of intervals that hold 0
	}{
		{"same ids", 4, .5, func(_ string, q int) string { return fmt.Sprint("q", q) }, nil, .92, .98},
		{"prefixed ids", 4, .5, func(lang string, q int) string { return fmt.Sprint(lang, "/q", q) }, nil, .92, .98},
		{"same ids, nothing shared", 4, 0, func(_ string, q int) string { return fmt.Sprint("q", q) }, nil, .92, .98},
		{"own ids", 4, 0, func(lang string, q int) string { return fmt.Sprint(lang, q) }, nil, .92, .98},
		{"declared parallel, own ids", 4, .5, func(lang string, q int) string { return fmt.Sprint(lang[:1], q) }, &declared, .97, 1},
		{"languages are the sample", 6, .5, func(lang string, q int) string { return fmt.Sprint(lang, "-", q) }, nil, .92, .98},
		{"languages are the sample, nothing shared", 6, 0, func(lang string, q int) string { return fmt.Sprint(lang, "-", q) }, nil, .93, .99},
	} {
		rng := rand.New(rand.NewPCG(7, 7))
		d := pairDesign()
		d.Analyses[0].Parallel = c.parallel
		held := 0
		const rounds = 400
		for range rounds {
			e := systemOf(t, collect(t, d, parallelRecords(rng, []string{"cat", "deu", "isl", "mlt", "nld", "pol"}[:c.langs], 30, c.share, c.id)).Analyses[0].Systems, "b").Against.Gain
			if e.Low <= 0 && 0 <= e.High {
				held++
			}
		}
		if got := float64(held) / rounds; !(c.low <= got && got <= c.high) {
			t.Errorf("%s: 95 %% intervals hold the difference in %.1f %%", c.name, 100*got)
		} else {
			t.Logf("%s: %.1f %%", c.name, 100*got)
		}
	}
}
