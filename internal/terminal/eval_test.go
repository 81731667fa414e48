package terminal

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func number(x float64) EvalValue { return EvalValue{Number: x} }

// testEvaluation has a measure of every kind, and two queries of three.
func testEvaluation() *Evaluation {
	return &Evaluation{
		Qrels:    EvalQrels{File: "data/qrels.txt", Queries: 3, Judgments: 3681, Relevant: 561},
		Settings: EvalSettings{Ties: "trec10", Average: "retrieved", Level: 1},
		Summary:  true, Places: 4,
		Measures: []EvalMeasure{
			{Name: "RunID", Trec: "runid", Label: "runid", Aggregate: "none", Text: true, All: true},
			{Name: "NumRelRet", Trec: "num_rel_ret", Label: "num_rel_ret", Aggregate: "sum", Count: true, Queries: true, All: true},
			{Name: "nDCG@10", Trec: "ndcg_cut_10", Label: "nDCG@10", Aggregate: "mean", Queries: true, All: true},
			{Name: "relstring", Trec: "relstring", Label: "relstring", Aggregate: "none", Text: true, Queries: true},
			{Name: "ERR@10", Label: "ERR@10", Aggregate: "mean", Queries: true, All: true},
		},
		Runs: []EvalRun{{
			File: "runs/bm25.run.gz", Tag: "BM25", Missing: []string{"303"}, TiedQueries: 2, TieDependent: []int{0, 0, 1, 0, 0},
			Queries: []EvalQuery{
				{"301", []EvalValue{{}, number(23), number(0.15184), {Text: "0000011000"}, number(math.NaN())}},
				{"302", []EvalValue{{}, number(38), number(0.753), {Text: "1101-.<>10"}, number(0.25)}},
			},
			All:      []EvalValue{{Text: "BM25"}, number(61), number(0.45242), {}, number(0.25)},
			Findings: []EvalFinding{{Kind: "uneven-depth", Severity: "warning", Count: 1, File: "runs/bm25.run.gz", Text: "Query \"302\" has 3 hits."}},
		}},
	}
}

func twoRuns() *Evaluation {
	e := testEvaluation()
	second := e.Runs[0]
	second.File, second.Tag, second.Missing, second.TieDependent, second.TiedQueries = "other/bm25.run.gz", "x\x1b[31m", nil, nil, 0
	e.Runs = append(e.Runs, second)
	return e
}

func noTies() *Evaluation {
	e := testEvaluation()
	e.Runs[0].TiedQueries, e.Runs[0].TieDependent = 0, make([]int, len(e.Measures))
	return e
}

func TestEvaluationLines(t *testing.T) {
	e := testEvaluation()
	e.ByQuery = true
	var b strings.Builder
	if err := e.WriteTrec(&b, func(m EvalMeasure) string { return cmp.Or(m.Trec, m.Name) }); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`num_rel_ret           >301>23
ndcg_cut_10           >301>0.1518
relstring             >301>'0000011000'
ERR@10                >301>nan
num_rel_ret           >302>38
ndcg_cut_10           >302>0.7530
relstring             >302>'1101-.<>10'
ERR@10                >302>0.2500
runid                 >all>BM25
num_rel_ret           >all>61
ndcg_cut_10           >all>0.4524
ERR@10                >all>0.2500
`, ">", "\t")
	want = strings.Replace(want, "-.<\t10", "-.<>10", 1)
	if d := gocmp.Diff(want, b.String()); d != "" {
		t.Errorf("trec (-want +got):\n%s", d)
	}

	b.Reset()
	e.Summary = false
	if err := e.WriteIRMeasures(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Split(b.String(), "\n")[0], "301\tNumRelRet\t23.0000"; got != want {
		t.Errorf("ir_measures: got %q, want %q", got, want)
	}

	b.Reset()
	e = twoRuns()
	if err := e.WriteTrec(&b, func(m EvalMeasure) string { return m.Label }); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Split(b.String(), "\n")[2], "nDCG@10               \tall\t0.4524\truns/bm25.run.gz"; got != want {
		t.Errorf("two runs: got %q, want %q", got, want)
	}

	b.Reset()
	if err := e.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Split(b.String(), "\n")[3], "runs/bm25.run.gz,,nDCG@10,0.45242"; got != want {
		t.Errorf("csv: got %q, want %q", got, want)
	}
}

func TestEvaluationJSON(t *testing.T) {
	e := testEvaluation()
	e.ByQuery = true
	var b strings.Builder
	if err := e.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "eval.json", b.String())
	if !json.Valid([]byte(b.String())) {
		t.Error("not valid JSON")
	}
}

func TestEvaluationTables(t *testing.T) {
	for name, c := range map[string]struct {
		e     *Evaluation
		width int
		query bool
	}{
		"one":     {testEvaluation(), 80, false},
		"queries": {testEvaluation(), 80, true},
		"two":     {twoRuns(), 80, false},
		"narrow":  {twoRuns(), 40, false},
		"no ties": {noTies(), 80, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(c.width, 24)
			u := testUI(s, true, Options{NoColor: true}, "LANG", utf8Locale)
			c.e.ByQuery = c.query
			u.Evaluation(c.e)
			got := s.take()
			for line := range strings.Lines(got) {
				if n := cells(strings.TrimSuffix(line, "\n")); n > c.width {
					t.Errorf("%d cells: %s", n, line)
				}
			}
			if strings.Contains(got, "\x1b") {
				t.Error("a tag wrote to the terminal itself")
			}
			golden(t, "eval-"+strings.ReplaceAll(name, " ", "-")+".txt", got)
		})
	}
}

func TestMeter(t *testing.T) {
	c := newClock()
	s := newScreen(60, 24)
	u := testUI(s, true, Options{Now: c.now}, "LANG", utf8Locale)
	m := u.Meter("run.gz")
	m.Set(10, 1000)
	if got := s.take(); got != "" {
		t.Errorf("it speaks at once: %q", got)
	}
	c.pass(time.Second)
	m.Set(100_000_000, 1_000_000_000)
	m.Set(100_000_001, 1_000_000_000)
	if got, want := s.take(), "\rreading run.gz  10% of 1.0 GB  about 0:09 to go\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.Close()
	m.Close()
	if got, want := s.take(), "\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	u = testUI(s, false, Options{Now: c.now})
	m = u.Meter("run.gz")
	c.pass(time.Minute)
	m.Set(1, 2)
	m.Close()
	if got := s.take(); got != "" {
		t.Errorf("no terminal, but %q", got)
	}
}

// TestVisible checks that nothing which a file may hold moves a terminal, and
// that nothing gets lost: other bytes give another text.
func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"map\tall\t0.5\n":           "map\tall\t0.5\n",
		"ž − 日本":                    "ž − 日本",
		"q\x1b[31m1\x1b]0;x\a":      `q\x1b[31m1\x1b]0;x\x07`,
		"a\rb\x00\x7f":              `a\x0db\x00\x7f`,
		"q\x9b4m\xc2":               `q\x9b4m\xc2`,
		"q\u009b4m \u202eabc\ufffd": `q\u009b4m \u202eabc` + "\ufffd",
	} {
		if got := string(Visible([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
