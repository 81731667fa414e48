package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/stats"
)

// small is a study that takes milliseconds.
func small() simulation {
	m := simBase
	m.sizes, m.draws, m.targets, m.queries = 2, 4, 6, 12
	m.size, m.diversity, m.baseline, m.trained, m.control = .2, .1, true, 1, true
	return m
}

func collect(t testing.TB, d Design, records []results.Record) *Summary {
	t.Helper()
	c := NewCollector(d)
	for _, r := range records {
		c.Add(r)
	}
	s, err := c.Analyse()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func all(m simulation, seed uint64) (out []results.Record) {
	m.records(seed, func(r results.Record) { out = append(out, r) })
	return out
}

var paying = []Claim{
	{Name: "size_pays", Left: ameOf("size"), Op: ">", Right: Number(0), Margin: .005},
	{Name: "diversity_pays", Left: ameOf("diversity", "budget"), Op: ">", Right: Number(0), Margin: .005},
	{Name: "diversity_first", Left: slopeOf("diversity", "budget"), Op: ">", Right: slopeOf("size")},
	{Name: "trained", Left: Call{Name: "diff", Args: []Arg{Text("student"), Text("untrained")}}, Op: ">", Right: Number(0)},
	{Name: "level", Left: Call{Name: "mean", Args: []Arg{Text("student size=s2")}}, Op: ">", Right: Number(.1)},
}

// Equal records give equal bytes, whatever their order.
func TestOrderIsIrrelevant(t *testing.T) {
	m := small()
	d := m.design()
	d.Claims = paying
	records := all(m, 3)
	want, err := json.Marshal(collect(t, d, records))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3 {
		rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		got, err := json.Marshal(collect(t, d, records))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatal("another order of the records gives another summary")
		}
	}
}

// Pool seeds are averaged first: a query asked in three pools counts once.
func TestSeedsBeforeQueries(t *testing.T) {
	d := Design{Analyses: []Spec{{Name: "law", Retrieval: "r", Measure: "m"}}}
	rec := func(query string, seed int64, v float64) results.Record {
		return results.Record{Retrieval: "r", Measure: "m", Encoder: "e", QueryLanguage: "cat", QueryID: query, PoolSeed: seed, Value: v, Lineage: results.Lineage{TrainingSet: "a", Subset: "deu", Languages: []string{"deu"}, Hill1: 1, Pairs: 10, ParamsTotal: 5}}
	}
	s := collect(t, d, []results.Record{
		rec("q1", 1, 1), rec("q1", 2, 1), rec("q1", 3, 1), rec("q2", 1, 0),
		{Retrieval: "r", Measure: "other", Value: math.NaN()},
		{Retrieval: "other", Measure: "m", Value: 7},
	})
	if got := s.Analyses[0].Languages[0].Mean; got != 0.5 {
		t.Errorf("mean %g, want 0.5", got)
	}
	if got := s.Analyses[0].Facts; got.Records != 4 || got.Seeds != 3 || got.Queries != 2 {
		t.Errorf("facts %+v", got)
	}
}

func TestBadRecords(t *testing.T) {
	d := Design{Analyses: []Spec{{Name: "law", Retrieval: "r", Measure: "m"}}}
	good := results.Record{Retrieval: "r", Measure: "m", Encoder: "e", QueryLanguage: "cat", QueryID: "q", Value: .5}
	bad := func(v float64) results.Record { r := good; r.Value = v; return r }
	for name, rs := range map[string][]results.Record{
		"NaN": {bad(math.NaN())}, "above 1": {bad(1.5)}, "negative": {bad(-.1)}, "twice": {good, good}, "nothing": nil,
	} {
		c := NewCollector(d)
		for _, r := range rs {
			c.Add(r)
		}
		if _, err := c.Analyse(); err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.HasPrefix(err.Error(), "analyse") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := NewCollector(Design{Analyses: d.Analyses, Claims: []Claim{{Name: "x", Analysis: "nope", Left: Number(1), Op: ">", Right: Number(0)}}})
	c.Add(good)
	if _, err := c.Analyse(); err == nil {
		t.Error("a claim about an unknown analysis must be an error")
	}
}

// The unit of replication comes from lineage.
func TestUnit(t *testing.T) {
	for _, c := range []struct {
		name                  string
		kind                  int
		shared, nested, fixed bool
		unit                  string
	}{
		{"independent", simIndependent, false, false, false, unitRun},
		{"shared", simShared, true, false, false, unitDraw},
		{"nested", simNested, true, true, false, unitDraw},
	} {
		m := small()
		m.kind, m.candidates, m.draws = c.kind, 40, 6
		col := NewCollector(m.design())
		m.records(4, col.Add)
		g, err := col.grid(m.design().Analyses[0], col.ranks())
		if err != nil {
			t.Fatal(err)
		}
		g.readLineage() // without the check of the numbers
		if L := g.lineage; L.shared != c.shared || L.nested != c.nested || L.fixed != c.fixed || L.unit != c.unit || L.reason == "" {
			t.Errorf("%s: %+v", c.name, L)
		}
	}
}

// Draws that all train on the same languages say nothing of diversity, but may
// speak of size.
func TestFixedDraws(t *testing.T) {
	m := small()
	d := m.design()
	d.Claims = paying[:2]
	records := all(m, 5)
	for i := range records {
		r := &records[i]
		if r.Richness > 0 {
			r.Subset = fmt.Sprint("set of ", r.Richness)
		}
	}
	s := collect(t, d, records)
	if c := s.Claims[1]; c.Verdict != Inconclusive || c.Reason != ReasonNotSeparable {
		t.Errorf("diversity: %s (%s)", c.Verdict, c.Reason)
	}
	if c := s.Claims[0]; c.Reason != "" {
		t.Errorf("size: %s", c.Reason)
	}
	if !hasNote(s, NoteFixedDraws) {
		t.Error("no warning")
	}
}

// A level at which all candidates are drawn is the same set in every draw: it
// was not repeated and must not enter the effect of diversity.
func TestExhaustedLevel(t *testing.T) {
	m := small()
	m.kind, m.ks, m.candidates = simNested, []int{1, 2, 4, 8}, 8
	d := m.design()
	d.Claims = paying[:2]
	records := all(m, 20)
	s := collect(t, d, records)
	if !hasNote(s, NoteRepeated) || s.Claims[1].Reason != "" {
		t.Errorf("notes %v, reason %q", s.Analyses[0].Notes, s.Claims[1].Reason)
	}
	for i := range records { // luck of the one set of eight
		if r := &records[i]; r.Richness == 8 && r.Encoder == "student" {
			r.Value = 1
		}
	}
	if o := collect(t, d, records); o.Claims[1].Estimate.Value > s.Claims[1].Estimate.Value*1.5+.01 {
		t.Errorf("the effect of diversity follows a level that was not repeated: %g, before %g", o.Claims[1].Estimate.Value, s.Claims[1].Estimate.Value)
	}
}

func TestBendIsNoted(t *testing.T) {
	m := small()
	m.ks, m.candidates, m.draws, m.targets, m.quality, m.affinity = []int{1, 4, 16}, 40, 8, 8, .02, .02
	m.diversity, m.saturate = .5, true
	if !hasNote(m.analyse(t, 21), NoteShape) {
		t.Error("an effect that ends half-way is not noted")
	}
	m.saturate = false
	if hasNote(m.analyse(t, 21), NoteShape) {
		t.Error("a straight line is said to bend")
	}
}

func hasNote(s *Summary, code string) bool {
	return slices.ContainsFunc(s.Analyses[0].Notes, func(n Note) bool { return n.Code == code })
}

// Pairs that grow with the languages: the effect of one at a fixed other must
// be refused, the effect of both together not.
func TestAliased(t *testing.T) {
	m := small()
	m.budgets, m.ksAt = []int{200, 400, 800}, map[int][]int{200: {1}, 400: {2}, 800: {4}}
	m.diversity, m.budget = 0, .3
	s := m.analyse(t, 6,
		Claim{Name: "held", Left: slopeOf("diversity", "budget"), Op: ">", Right: Number(0)},
		Claim{Name: "free", Left: slopeOf("diversity"), Op: ">", Right: Number(0)},
		Claim{Name: "pairs", Left: slopeOf("budget", "diversity"), Op: ">", Right: Number(0)},
		Claim{Name: "size", Left: slopeOf("size", "budget", "diversity"), Op: ">", Right: Number(0)},
	)
	for i, want := range []string{ReasonNotSeparable, "", ReasonNotSeparable, ""} {
		if got := s.Claims[i].Reason; got != want {
			t.Errorf("%s: reason %q, want %q", s.Claims[i].Name, got, want)
		}
	}
	if !hasNote(s, NoteAliased) {
		t.Error("no warning")
	}
}

func TestForcedReasons(t *testing.T) {
	claim := paying[0]
	for _, c := range []struct {
		name string
		set  func(*simulation)
		d    func(*Design)
		want string
	}{
		{"four languages", func(m *simulation) { m.targets = 4 }, nil, ReasonFewLanguages},
		{"one language", func(m *simulation) { m.targets = 1 }, nil, ReasonFewLanguages},
		{"two draws", func(m *simulation) { m.draws = 2 }, nil, ReasonTooFewRuns},
		{"one draw", func(m *simulation) { m.draws = 1 }, nil, ReasonTooFewRuns},
		{"one size", func(m *simulation) { m.sizes = 1 }, nil, ReasonNoData},
		{"partial", nil, func(d *Design) { d.Partial = &Partial{Done: 1, All: 2, Only: "draw=1"} }, ReasonPartialGrid},
		{"five languages", func(m *simulation) { m.targets = 5 }, nil, ""},
	} {
		m := small()
		if c.set != nil {
			c.set(&m)
		}
		d := m.design()
		d.Claims = []Claim{claim}
		if c.d != nil {
			c.d(&d)
		}
		r := collect(t, d, all(m, 8)).Claims[0]
		if r.Reason != c.want {
			t.Errorf("%s: reason %q, want %q", c.name, r.Reason, c.want)
		}
		if (c.want != "") != (r.Case == CaseNotEnough) || c.want != "" && r.Verdict != Inconclusive {
			t.Errorf("%s: %s (%s)", c.name, r.Verdict, r.Case)
		}
		if len(r.Sentences) == 0 {
			t.Errorf("%s: nothing said", c.name)
		}
	}
}

// With four languages the intervals are about these, from their queries.
func TestTheseLanguages(t *testing.T) {
	m := small()
	m.targets = 4
	e := m.analyse(t, 9).Analyses[0].Effects[0]
	if e.Slope.Inference != inferThese || !e.Slope.OK || e.Slope.SE <= 0 || e.AME.SE <= 0 {
		t.Errorf("%+v", e.Slope)
	}
}

// Claims that ask for what cannot be asked are undecided, never a crash.
func TestOddClaims(t *testing.T) {
	m := small()
	m.size = .6
	call := func(name string, args ...string) Call {
		c := slopeOf(args...)
		c.Name = name
		return c
	}
	for _, x := range []struct {
		e    Expr
		want string
	}{
		{call("slope"), ReasonExpression},
		{call("slope", "colour"), ReasonExpression},
		{call("slope", "size", "size"), ReasonExpression},
		{call("tau", "a", "b"), ReasonExpression},
		{call("mean", "nobody"), ReasonSelection},
		{call("diff", "student"), ReasonExpression},
		{call("diff", "student", "nobody"), ReasonSelection},
		{Number(3), ReasonExpression},
		{Call{Name: "slope", Args: []Arg{{Number: 2, IsNumber: true}}}, ReasonExpression},
		{Binary{'+', slopeOf("size"), ameOf("size")}, ReasonExpression},
		{Binary{'/', slopeOf("size"), Number(0)}, ReasonExpression},
		{Binary{'/', slopeOf("size"), Binary{'-', slopeOf("diversity"), slopeOf("diversity")}}, ReasonUnbounded},
		{Binary{'%', slopeOf("size"), Number(1)}, ReasonExpression},
		{Neg{slopeOf("size")}, ""},
		{Binary{'/', slopeOf("diversity"), slopeOf("size")}, ""},
		{Binary{'*', Number(2), slopeOf("size")}, ""},
		{call("diff", "student size=s2", "student size=s1"), ""},
	} {
		r := m.analyse(t, 10, Claim{Name: "odd", Left: x.e, Op: ">", Right: Number(.01)}).Claims[0]
		if r.Reason != x.want {
			t.Errorf("%s: reason %q, want %q", x.e, r.Reason, x.want)
		}
	}
}

// A comparison means the same whichever side its constant stands on.
func TestSidesOfAClaim(t *testing.T) {
	m := small()
	s := m.analyse(t, 11,
		Claim{Name: "a", Left: ameOf("size"), Op: ">", Right: Number(.01)},
		Claim{Name: "b", Left: Number(.01), Op: "<", Right: ameOf("size")},
		Claim{Name: "c", Left: Binary{'-', ameOf("size"), Number(.01)}, Op: ">", Right: Number(0)},
		Claim{Name: "d", Left: Neg{ameOf("size")}, Op: "<=", Right: Neg{Number(.01)}},
	)
	for _, c := range s.Claims[1:] {
		if c.Verdict != s.Claims[0].Verdict || math.Abs(c.P-s.Claims[0].P) > 1e-9 {
			t.Errorf("%s: %s p %g, want %s p %g", c.Name, c.Verdict, c.P, s.Claims[0].Verdict, s.Claims[0].P)
		}
	}
}

// What comes out for independent runs is the closed form of the crossed model,
// computed here from scratch; for shared sets it is the crossed mean of
// per-draw slopes.
func TestEstimatesAgainstClosedForm(t *testing.T) {
	for _, kind := range []int{simIndependent, simShared} {
		m := small()
		m.kind, m.candidates = kind, 40
		c := NewCollector(m.design())
		m.records(12, c.Add)
		g, err := c.grid(c.design.Analyses[0], c.ranks())
		if err != nil {
			t.Fatal(err)
		}
		g.readLineage()
		s := g.sample(nil, nil, stats.EmpiricalLogit)
		got := s.estimate(s.slope(RoleDiversity, []string{RoleBudget}))

		var want stats.Crossed
		one := func(n int) []float64 {
			v := make([]float64, n)
			for i := range v {
				v[i] = 1
			}
			return v
		}
		if kind == simIndependent {
			// Balanced: the slope within sizes is the slope of a regression on
			// cells, here written with every column by hand.
			full, rest := stats.NewBasis(len(s.runs)), stats.NewBasis(len(s.runs))
			for _, size := range []int{0, 1} {
				col := make([]float64, len(s.runs))
				for i, r := range s.runs {
					if r.size == size {
						col[i] = 1
					}
				}
				rest.Add(col)
				for _, k := range []int{0, 1, 2} {
					cell := make([]float64, len(s.runs))
					for i, r := range s.runs {
						if r.size == size && r.diversity == k {
							cell[i] = 1
						}
					}
					full.Add(cell)
				}
			}
			x := make([]float64, len(s.runs))
			for i, r := range s.runs {
				x[i] = math.Log2(float64(r.lin.Richness))
			}
			want = stats.FitCrossed(s.y, full).Contrast(rest.SlopeWeights(x))
		} else {
			b := make([][]float64, m.draws)
			for d := range b {
				for l := range s.langs {
					var y []float64
					var x, size []float64
					for i, r := range s.runs {
						if r.draw == d {
							y = append(y, s.y[i][l])
							x = append(x, math.Log2(float64(r.lin.Richness)))
							size = append(size, float64(r.size))
						}
					}
					coef, _ := leastSquares(t, y, one(len(y)), size, x)
					b[d] = append(b[d], coef[2])
				}
			}
			want = stats.CrossedMean(b)
		}
		v, df := want.Var(), want.DF()
		if kind == simShared {
			v, df = want.Pooled()
		}
		for name, p := range map[string][2]float64{
			"value": {got.Value, want.Value}, "SE": {got.SE, math.Sqrt(v)}, "df": {got.DF, df},
		} {
			if math.Abs(p[0]-p[1]) > 1e-10*(1+math.Abs(p[1])) {
				t.Errorf("kind %d, %s: got %.12g, want %.12g", kind, name, p[0], p[1])
			}
		}
	}
}

// The linear form of the marginal effect's uncertainty agrees with leaving out
// draws and languages one at a time.
func TestAMEAgainstJackknife(t *testing.T) {
	m := small()
	m.draws, m.targets = 8, 10
	c := NewCollector(m.design())
	m.records(13, c.Add)
	g, err := c.grid(c.design.Analyses[0], c.ranks())
	if err != nil {
		t.Fatal(err)
	}
	s := g.sample(nil, nil, stats.EmpiricalLogit)
	q := s.ame(s.slope(RoleSize, nil))
	a, _, _ := s.variance(q)
	b, ok := stats.Jackknife(q.units, len(s.langs), 1, q.without)
	if !ok {
		t.Fatal("jackknife")
	}
	for name, p := range map[string][2]float64{"languages": {a.VLang, b.VLang}, "draws": {a.VUnit, b.VUnit}} {
		if r := math.Sqrt(p[0] / p[1]); math.Abs(r-1) > .05 {
			t.Errorf("%s: ratio of standard errors %.3f", name, r)
		}
	}
	if math.Abs(stats.Mean(q.byLang)-q.value) > 1e-12 {
		t.Errorf("parts of languages average to %g, want %g", stats.Mean(q.byLang), q.value)
	}
}

// Trained, control and untrained are compared on what they share.
func TestGains(t *testing.T) {
	m := small()
	m.draws = 6
	a := m.analyse(t, 14).Analyses[0]
	want := []struct {
		a, b  string
		pairs int
		where string
	}{
		{KindTrained, KindUntrained, 2 * 3 * 6, ""},
		{KindTrained, KindControl, 6, "size s2, diversity 4"},
		{KindControl, KindUntrained, 6, ""},
	}
	if len(a.Gains) != len(want) {
		t.Fatalf("got %d gains, want %d", len(a.Gains), len(want))
	}
	for i, w := range want {
		g := a.Gains[i]
		if g.A != w.a || g.B != w.b || g.Pairs != w.pairs || g.Where != w.where || g.Budget != "" {
			t.Errorf("%+v, want %+v", g, w)
		}
		if math.Abs(g.MeanA-g.MeanB-g.Gain.Value) > 1e-12 {
			t.Errorf("%s − %s: %g − %g is not %g", g.A, g.B, g.MeanA, g.MeanB, g.Gain.Value)
		}
	}
	if a.Gains[0].Gain.Low <= 0 || a.Gains[1].Gain.Low <= 0 {
		t.Error("planted gains are not seen")
	}
	// The same gain by hand: the mean over cells of the mean over languages.
	var sum, n float64
	for _, c := range a.Cells {
		if c.Kind == KindTrained {
			if !c.HasGain {
				t.Fatal("a trained cell without its baseline")
			}
			sum += c.Gain
			n++
		}
	}
	if math.Abs(sum/n-a.Gains[0].Gain.Value) > 1e-12 {
		t.Errorf("mean of the cells' gains %g, of all %g", sum/n, a.Gains[0].Gain.Value)
	}
}

// Two budgets: what each buys on its own is said too, and controls are compared
// at each.
func TestByBudget(t *testing.T) {
	m := small()
	m.candidates, m.budgets, m.ksAt, m.size = 20, []int{200, 800}, map[int][]int{800: {2, 4, 8}}, .5
	a := m.analyse(t, 19).Analyses[0]
	if len(a.Effects) != 3 || len(a.Effects[0].ByBudget) != 2 || len(a.Effects[1].ByBudget) != 2 || len(a.Effects[2].ByBudget) != 0 {
		t.Fatalf("effects %+v", a.Effects)
	}
	if s := a.Effects[0].ByBudget[1].Sentence; !strings.HasPrefix(s, "At 800 pairs, doubling the encoder gains **") {
		t.Errorf("got %s", s)
	}
	if len(a.Gains) != 6 || a.Gains[4].Budget != "800" || a.Gains[4].Where != "size s2, diversity 8" {
		t.Errorf("gains %+v", a.Gains)
	}
}

// A control that is a value of an axis is paired all the same.
func TestControlOnAnAxis(t *testing.T) {
	m := small()
	m.control = false
	d := m.design()
	d.Axes = append(d.Axes, Axis{Name: "pairing", Role: RoleFactor, Labels: []string{"aligned", "shuffled"}})
	records := all(m, 15)
	for _, r := range records {
		if r.Encoder != "student" {
			continue
		}
		r.Axes["pairing"] = "aligned"
		c := r
		c.Axes = map[string]string{}
		for k, v := range r.Axes {
			c.Axes[k] = v
		}
		c.Axes["pairing"], c.Pairing, c.TrainingSet, c.Cell = "shuffled", "shuffled", r.TrainingSet+"/shuffled", r.Cell+"/s"
		c.Value = 0
		records = append(records, c)
	}
	a := collect(t, d, records).Analyses[0]
	if len(a.Gains) != 3 || a.Gains[1].B != KindControl || a.Gains[1].Pairs != 2*3*4 {
		t.Fatalf("gains %+v", a.Gains)
	}
	if a.Facts.Runs != 24 {
		t.Errorf("%d runs enter the slopes, want 24: controls must not", a.Facts.Runs)
	}
}

// However much of a grid is missing, there is an answer, and no panic.
func TestAnythingMissing(t *testing.T) {
	m := small()
	m.queries = 4
	d := m.design()
	d.Claims = paying
	records := all(m, 16)
	type cell struct{ cell, lang string }
	var cells []cell
	for _, r := range records {
		if c := (cell{r.Cell, r.QueryLanguage}); !slices.Contains(cells, c) {
			cells = append(cells, c)
		}
	}
	rng := rand.New(rand.NewPCG(8, 8))
	for _, share := range []float64{.02, .1, .3, .6, .9, .98} {
		for range 6 {
			gone := map[cell]bool{}
			for _, c := range cells {
				gone[c] = rng.Float64() < share
			}
			c := NewCollector(d)
			kept := 0
			for _, r := range records {
				if !gone[cell{r.Cell, r.QueryLanguage}] {
					c.Add(r)
					kept++
				}
			}
			s, err := c.Analyse()
			if kept == 0 {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if share < .5 && !hasNote(s, NoteMissing) {
				t.Error("no warning about what is missing")
			}
		}
	}
}

// Names of encoders, sizes and languages say nothing: other names, the same
// numbers.
func TestNamesAreIrrelevant(t *testing.T) {
	m := small()
	s := m.analyse(t, 17, paying[:2]...)
	d := m.design()
	for i := range d.Axes[0].Labels {
		d.Axes[0].Labels[i] = "x" + d.Axes[0].Labels[i]
	}
	d.Encoders[0] = "renamed"
	d.Claims = paying[:2]
	records := all(m, 17)
	for i := range records {
		r := &records[i]
		if v, ok := r.Axes["size"]; ok {
			r.Axes["size"] = "x" + v
		}
		if r.Encoder == "student" {
			r.Encoder = "renamed"
		}
	}
	o := collect(t, d, records)
	for i := range s.Claims {
		if s.Claims[i].Estimate != o.Claims[i].Estimate || s.Claims[i].Verdict != o.Claims[i].Verdict {
			t.Errorf("%s: %+v, renamed %+v", s.Claims[i].Name, s.Claims[i].Estimate, o.Claims[i].Estimate)
		}
	}
}

// One verdict is judged at five in a hundred, several at less (Holm).
func TestFamily(t *testing.T) {
	m := small()
	one := m.analyse(t, 18, paying[0]).Claims[0]
	if one.Level != .95 {
		t.Errorf("one claim at level %g", one.Level)
	}
	five := m.analyse(t, 18, paying...).Claims
	var levels []float64
	for _, c := range five {
		levels = append(levels, c.Level)
		if c.P > c.PHolm || (c.Verdict != Inconclusive) != (c.PHolm <= .05) {
			t.Errorf("%s: %s at p %g, adjusted %g", c.Name, c.Verdict, c.P, c.PHolm)
		}
	}
	if slices.Max(levels) != .99 {
		t.Errorf("levels %v: the first of five claims is judged at 0.99", levels)
	}
}

// Checkpoints that nobody trained here: encoders compared as they are.
func TestCheckpoints(t *testing.T) {
	d := Design{
		Encoders: []string{"small", "large"},
		Axes:     []Axis{{Name: "target", Role: RoleTarget, Labels: labels("t", 6)}},
		Analyses: []Spec{{Name: "law", Retrieval: "r", Measure: "m"}},
		Claims:   []Claim{{Name: "large", Left: Call{"diff", []Arg{Text("large"), Text("small")}}, Op: ">", Right: Number(0)}},
	}
	rng := rand.New(rand.NewPCG(2, 2))
	var records []results.Record
	for i, e := range d.Encoders {
		for l := range 6 {
			for q := range 20 {
				v := 0.0
				if rng.Float64() < .3+.4*float64(i) {
					v = 1
				}
				lang := fmt.Sprint("t", l+1)
				records = append(records, results.Record{
					Retrieval: "r", Measure: "m", Encoder: e, Cell: e + lang, Component: "hf", QueryLanguage: lang, QueryID: fmt.Sprint(lang, q),
					Axes: map[string]string{"target": lang}, Value: v, Lineage: results.Lineage{ParamsTotal: int64(100 << (3 * i)), Exposure: results.ExposureUnknown},
				})
			}
		}
	}
	s := collect(t, d, records)
	if c := s.Claims[0]; c.Verdict != Supported || c.Estimate.Method != methodLanguages {
		t.Errorf("%s (%s), method %s", c.Verdict, c.Reason, c.Estimate.Method)
	}
	if f := s.Analyses[0].Facts; f.Unit != unitCheckpoint || f.ZeroShot {
		t.Errorf("facts %+v", f)
	}
}
