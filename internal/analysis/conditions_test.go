package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
)

// as returns records with something about them changed.
func as(records []results.Record, change func(*results.Record)) []results.Record {
	out := slices.Clone(records)
	for i := range out {
		change(&out[i])
	}
	return out
}

// cellsOf lists what a plan would know of records.
func cellsOf(records []results.Record) []Cell {
	var out []Cell
	seen := map[string]bool{}
	for _, r := range records {
		k := fmt.Sprint(r.Cell, r.Encoder, r.Task, r.Index, r.Axes)
		if seen[k] {
			continue
		}
		seen[k] = true
		out = append(out, Cell{
			ID: r.Cell, Retrieval: r.Retrieval, Encoder: r.Encoder, Component: r.Component, Task: r.Task, Index: r.Index, Axes: r.Axes,
			Trained: r.TrainingSet != "", Shuffled: r.Pairing == "shuffled", Languages: int(r.Richness), Pairs: int(r.Pairs),
		})
	}
	return out
}

// Alternatives of an index are analysed one by one: each gives what it would
// give alone, and a claim about both is undecided.
func TestConditions(t *testing.T) {
	m := small()
	m.draws = 6
	exact := as(all(m, 3), func(r *results.Record) { r.Index = "exact" })
	other := as(all(m, 4), func(r *results.Record) { r.Index = "ip" })
	d := m.design()
	s := collect(t, d, slices.Concat(other, exact))
	if len(s.Analyses) != 2 || s.Analyses[0].Name != "law: index exact" || s.Analyses[1].Name != "law: index ip" || s.Analyses[1].Block != "law" {
		t.Fatalf("%d analyses, the first %q", len(s.Analyses), s.Analyses[0].Name)
	}
	for i, records := range [][]results.Record{exact, other} {
		alone, both := collect(t, d, records).Analyses[0], s.Analyses[i]
		if !strings.HasPrefix(both.Answer[0], "With index ") || !hasCode(both, NoteConditions) || hasCode(alone, NoteConditions) {
			t.Errorf("answer %q, notes %v", both.Answer[0], both.Notes)
		}
		both.Name, both.Block, both.Condition, both.Notes, both.Answer = alone.Name, "", "", alone.Notes, alone.Answer
		want, err := json.Marshal(alone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(both)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("condition %d differs from what it is alone", i)
		}
	}
	d.Claims = []Claim{
		{Name: "size", Left: ameOf("size"), Op: ">", Right: Number(0)},
		{Name: "mean", Left: Call{Name: "mean", Args: []Arg{Text("student")}}, Op: ">", Right: Number(0)},
		{Name: "one", Left: Call{Name: "mean", Args: []Arg{Text("student index=ip")}}, Op: ">", Right: Number(0)},
		{Name: "between", Left: Call{Name: "diff", Args: []Arg{Text("student index=ip"), Text("student index=exact")}}, Op: "==", Right: Number(0), Margin: .5},
	}
	s = collect(t, d, slices.Concat(exact, other))
	for i, want := range []string{ReasonAmbiguous, ReasonSelection, "", ""} {
		if got := s.Claims[i].Reason; got != want {
			t.Errorf("%s: reason %q, want %q: %v", s.Claims[i].Name, got, want, s.Claims[i].Sentences)
		}
	}
	if got := strings.Join(s.Claims[0].Sentences, " "); !strings.Contains(got, "index exact and index ip") || !strings.Contains(got, "By themselves: index exact +") {
		t.Error(got)
	}
	if n := s.Analyses[0].Notes[0]; n.Code != NoteConditions || !slices.Equal(n.Affects, []string{"size"}) {
		t.Errorf("note %+v", n)
	}
	d.Cells = cellsOf(slices.Concat(exact, other))
	if got := CheckClaims(d); len(got) != 2 || got[0].Claim != "size" || got[1].Claim != "mean" {
		t.Errorf("problems %v", got)
	}
}

func hasCode(a Analysis, code string) bool {
	return slices.ContainsFunc(a.Notes, func(n Note) bool { return n.Code == code })
}

// Two trained encoders at the same places of the grid differ in something that
// no axis says; two that are two sizes of one ladder do not.
func TestConditionsOfEncoders(t *testing.T) {
	m := small()
	records := all(m, 5)
	second := as(slices.DeleteFunc(slices.Clone(records), func(r results.Record) bool { return r.Encoder != "student" }), func(r *results.Record) {
		r.Encoder, r.Examples = "longer", r.Examples+1000
	})
	d := m.design()
	s := collect(t, d, slices.Concat(records, second))
	if len(s.Analyses) != 2 || s.Analyses[0].Condition != "encoder student" || s.Analyses[1].Condition != "encoder longer" {
		t.Fatalf("%d analyses: %q", len(s.Analyses), s.Analyses[0].Condition)
	}
	if f := s.Analyses[1].Facts; !slices.Equal(f.Trained, []string{"longer"}) || !slices.Contains(f.Encoders, "untrained") {
		t.Errorf("%+v", f)
	}
	ladder := as(records, func(r *results.Record) {
		if r.Encoder == "student" && r.Axes["size"] == "s2" {
			r.Encoder = "large"
		}
	})
	if s := collect(t, d, ladder); len(s.Analyses) != 1 || len(s.Analyses[0].Effects) != 2 {
		t.Errorf("a ladder of two blocks: %d analyses", len(s.Analyses))
	}
}

// Two metrics may give one measure: equal values count once, others are left
// out with a warning.
func TestTwoMetrics(t *testing.T) {
	m := small()
	first := as(all(m, 6), func(r *results.Record) { r.Cell += " quality" })
	same := as(first, func(r *results.Record) { r.Cell = strings.TrimSuffix(r.Cell, "quality") + "again" })
	d := m.design()
	d.Claims = paying[:1]
	for _, r := range []results.Record{first[0], same[0]} {
		d.Cells = append(d.Cells, Cell{ID: r.Cell, Metric: strings.Fields(r.Cell)[len(strings.Fields(r.Cell))-1]})
	}
	want, got := collect(t, d, first), collect(t, d, slices.Concat(same, first))
	if got.Analyses[0].Effects[0].AME != want.Analyses[0].Effects[0].AME {
		t.Error("the same values twice change an estimate")
	}
	if hasNote(got, NoteMetrics) {
		t.Error("equal values are warned about")
	}
	other := slices.Clone(same)
	other[0].Value = 1 - other[0].Value/2
	got = collect(t, d, slices.Concat(other, first))
	if got.Analyses[0].Effects[0].AME != want.Analyses[0].Effects[0].AME {
		t.Error("the values of the second metric are used")
	}
	i := slices.IndexFunc(got.Analyses[0].Notes, func(n Note) bool { return n.Code == NoteMetrics })
	if i < 0 {
		t.Fatal("no warning")
	}
	if n := got.Analyses[0].Notes[i]; !strings.Contains(n.Text, "metric.quality and metric.again give Success@1") || !n.Warning || len(n.Affects) != 1 {
		t.Errorf("%+v", n)
	}
}

// Whole corpora differ in size from language to language; that makes no runs of
// them.
func TestPoolsOfLanguages(t *testing.T) {
	m := small()
	records := as(all(m, 7), func(r *results.Record) { r.PoolSize = int32(100 + len(r.QueryLanguage)*int(r.QueryLanguage[1]-'0')) })
	f := collect(t, m.design(), records).Analyses[0].Facts
	if want := collect(t, m.design(), all(m, 7)).Analyses[0].Facts; f.Runs != want.Runs || !f.Balanced || len(f.Pools) != m.targets {
		t.Errorf("%d runs, want %d; balanced %v; pools %v", f.Runs, want.Runs, f.Balanced, f.Pools)
	}
}

// An axis value without a name is one all the same.
func TestEmptyLabel(t *testing.T) {
	m := small()
	d := m.design()
	d.Axes[0].Labels[1] = ""
	s := collect(t, d, as(all(m, 8), func(r *results.Record) {
		axes := map[string]string{}
		for k, v := range r.Axes {
			axes[k] = v
			if k == "size" && v == "s2" {
				axes[k] = ""
			}
		}
		r.Axes = axes
	}))
	for _, c := range s.Analyses[0].Cells {
		if c.Size == "" {
			t.Fatalf("a cell without a size: %+v", c)
		}
	}
	if got := s.Analyses[0].Facts.Sizes[1].Label; got != "(empty)" {
		t.Errorf("label %q", got)
	}
}

// What cannot be decided is said before anything runs and, in the same words,
// after it.
func TestCheckClaims(t *testing.T) {
	m := small()
	records := all(m, 9)
	mean := func(args ...string) Call {
		c := ameOf(args...)
		c.Name = "mean"
		return c
	}
	diff := func(args ...string) Call {
		c := ameOf(args...)
		c.Name = "diff"
		return c
	}
	for _, x := range []struct {
		left, right Expr
		want        string
	}{
		{ameOf("size"), Number(0), ""},
		{ameOf("diversity", "budget"), ameOf("size"), ""},
		{mean("student size=s2"), mean("untrained"), ""},
		{diff("student", "untrained"), Number(0), ""},
		{diff("size=s2 student", "size=s1,student"), Number(0), ""},
		{mean("nonsense"), Number(0), `mean("nonsense"): there is no encoder "nonsense" here; there is student, control and untrained.`},
		{mean("studnet size=s1"), Number(0), `Did you mean "student"?`},
		{mean("student size=zz"), Number(0), `mean("student size=zz"): axis "size" has no value "zz"; it has s1 and s2.`},
		{mean("student sise=s1"), Number(0), `there is no axis "sise". Did you mean "size"?`},
		{mean("student target=t1"), Number(0), "claims speak of all target languages together"},
		{mean(""), Number(0), "selects nothing"},
		{mean("size=s1"), Number(0), "selects trained and untrained encoders together"},
		{diff("student", "student size=s1"), Number(0), "some cells are on both sides"},
		{mean("untrained languages=1"), Number(0), `no cells have all of "untrained languages=1"`},
		{diff("student", "student"), Number(0), `diff("student", "student"): both sides select the same cells`},
		{ameOf("budget"), Number(0), "The number of pairs does not vary among the trained encoders"},
		{ameOf("colour"), Number(0), `"colour" is no factor`},
		{ameOf("size", "size"), Number(0), "what changes cannot be held"},
		{Call{Name: "men", Args: []Arg{Text("student")}}, Number(0), `Did you mean "mean"?`},
		{ameOf("size"), Binary{'/', Number(1), Number(0)}, "1 / 0 is not a finite number."},
		{Binary{'/', Number(1), Number(0)}, ameOf("size"), "1 / 0 is not a finite number."},
		{Binary{'/', ameOf("size"), Number(0)}, Number(0), "divides by zero"},
		{ameOf("size"), Number(math.Inf(1)), "is not a finite number"},
		{Binary{'*', ameOf("size"), Number(math.NaN())}, Number(0), "is not a finite number"},
	} {
		d := m.design()
		d.Claims = []Claim{{Name: "c", Left: x.left, Op: ">", Right: x.right}}
		d.Cells = cellsOf(records)
		got := ""
		if p := CheckClaims(d); len(p) > 0 {
			got = p[0].Text
		}
		if (x.want == "") != (got == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: %q, want %q", d.Claims[0].Left, got, x.want)
		}
		r := collect(t, d, records).Claims[0]
		if said := strings.Join(r.Sentences, " "); got != "" && (r.Verdict != Inconclusive || !strings.Contains(said, got)) {
			t.Errorf("%s: the verdict is %s: %s; before the run it was %q", d.Claims[0].Left, r.Verdict, said, got)
		}
		// Without cells only names are known.
		d.Cells = nil
		if p := CheckClaims(d); x.want == "" && len(p) > 0 {
			t.Errorf("%s: without cells %q", d.Claims[0].Left, p)
		}
	}
	d := m.design()
	d.Cells = cellsOf(records)[:1]
	d.Partial = &Partial{Done: 1, All: 2}
	d.Claims = paying
	if p := CheckClaims(d); len(p) > 0 {
		t.Errorf("a part of a grid: %v", p)
	}
	d.Partial, d.Claims = nil, []Claim{{Name: "c", Left: Number(1), Op: ">", Right: Number(0), Margin: math.Inf(1)}}
	if p := CheckClaims(d); len(p) != 2 {
		t.Errorf("margin: %v", p)
	}
}

// Whatever a claim asks, the summary holds finite numbers.
func TestFiniteSummaries(t *testing.T) {
	m := small()
	records := all(m, 10)
	d := m.design()
	for i, x := range []Expr{
		Number(math.Inf(1)), Number(math.NaN()), Number(1e308),
		Binary{'/', Number(1), Number(0)},
		Binary{'/', Number(0), Number(0)},
		Binary{'*', ameOf("size"), Number(1e300)},
		Binary{'*', Binary{'*', ameOf("size"), Number(1e300)}, Number(1e300)},
		Binary{'/', ameOf("size"), Number(1e-320)},
		Binary{'-', Binary{'*', Number(1e308), Number(10)}, ameOf("size")},
	} {
		d.Claims = append(d.Claims, Claim{Name: fmt.Sprint("a", i), Left: x, Op: ">", Right: ameOf("size")}, Claim{Name: fmt.Sprint("b", i), Left: ameOf("size"), Op: "==", Right: x, Margin: math.MaxFloat64}, Claim{Name: fmt.Sprint("c", i), Left: x, Op: "<", Right: Number(1), Margin: math.NaN()})
	}
	s := collect(t, d, records)
	for _, c := range s.Claims {
		if len(c.Sentences) == 0 || c.Verdict == "" {
			t.Errorf("%s: nothing said", c.Expression)
		}
	}
}

func BenchmarkCheckClaims(b *testing.B) {
	d := Design{
		Axes:     []Axis{{Name: "size", Role: RoleSize, Labels: labels("s", 10)}, {Name: "languages", Role: RoleDiversity, Labels: labels("", 5)}, {Name: "draw", Role: RoleDraw, Labels: labels("", 20)}, {Name: "target", Role: RoleTarget, Labels: labels("t", 10)}},
		Analyses: []Spec{{Name: "law", Retrieval: "zero_shot"}},
		Claims:   slices.Concat(paying, paying),
	}
	for i := range 10_000 {
		c := Cell{ID: fmt.Sprint(i), Retrieval: "zero_shot", Encoder: "student", Trained: true, Languages: 1 + i/200%5, Pairs: 10, Axes: map[string]string{}}
		for k, n := range []int{10, 5, 20, 10} {
			a := d.Axes[k]
			c.Axes[a.Name] = a.Labels[i%n]
			if k == 2 {
				c.Axes[a.Name] = a.Labels[i/500]
			}
		}
		d.Cells = append(d.Cells, c)
	}
	for b.Loop() {
		CheckClaims(d)
	}
}
