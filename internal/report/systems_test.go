package report

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/results"
)

// systemsFixture is what an analysis makes of invented systems: no axes but the
// target, parallel queries, one ranking cut to several numbers of candidates.
func systemsFixture(t testing.TB) Input {
	t.Helper()
	var z noise = 11
	d := analysis.Design{
		Title: "Existing runs (" + invented + ")", Question: "Which of these systems serves these languages best, and how evenly?",
		Encoders: []string{"lexical_50%", "dense_a", "dense_b", "fused & tuned"},
		Axes:     []analysis.Axis{{Name: "target", Role: "target", Labels: []string{"qaa", "qab", "qac", "qad", "qae", "qaf"}}},
		Analyses: []analysis.Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "lexical_50%", Reference: []string{"qaa"}}},
	}
	c := analysis.NewCollector(d)
	for l, lang := range d.Axes[0].Labels {
		for q := range 40 {
			hard := 1.5 * z.next()
			for s, name := range d.Encoders {
				x := []float64{-0.9, 0.3, 0.35, 0.6}[s] - 0.2*float64(l) + hard + 0.8*z.next()
				r := results.Record{
					Cell: name + lang, Retrieval: "existing", Encoder: name, Component: "trec", Task: "t", Axes: map[string]string{"target": lang},
					QueryLanguage: lang, PoolSize: 1000, QueryID: fmt.Sprint("q", q), Measure: "nDCG@10", Value: sigmoid(x),
					Lineage: results.Lineage{Source: results.LineageDeclared, Exposure: results.ExposureUnknown},
				}
				c.Add(r)
				for _, n := range []int32{100, 1000, 10000} {
					r.PoolSize, r.Value = n, sigmoid(x-0.4*math.Log10(float64(n)/100))
					c.AddCurve(r)
				}
			}
		}
	}
	s, err := c.Analyse()
	if err != nil {
		t.Fatal(err)
	}
	return Input{Summary: *s, Study: Study{Workflow: "workflows/invented.hcl", Names: names(), Cells: 24, Conventions: "Equal scores are ordered as by trec_eval 10."}}
}

var systemsRendered = sync.OnceValues(func() (map[string][]byte, error) {
	return render(systemsFixture(&testing.T{}), shared)
})

// The answer about systems: its figure, the curve over pools, and the table as
// papers print it.
func TestSystemsReport(t *testing.T) {
	files, err := systemsRendered()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "systems/systems.tex", files["tables/systems.tex"])
	golden(t, "systems/systems.md", files["tables/systems.md"])
	golden(t, "systems/systems.csv", files["tables/systems.csv"])
	golden(t, "systems/across-languages.csv", files["tables/across-languages.csv"])
	golden(t, "systems/pool-sizes.csv", files["tables/pool-sizes.csv"])
	golden(t, "systems/cells.csv", files["tables/cells.csv"])
	golden(t, "systems/fig-1.vl.json", files["figures/fig-1.vl.json"])
	golden(t, "systems/fig-2.vl.json", files["figures/fig-2.vl.json"])
	page := string(files["report.html"])
	if strings.Contains(page, "the same encoder without training") {
		t.Error("systems that nothing was trained for are called trained")
	}
	for _, want := range []string{
		"Of 4 systems, <b>fused &amp; tuned</b> has the highest mean", "What each system gains over lexical_50%.", "How the score falls as candidates are added.",
		"<b>Systems</b> are compared", "With each doubling of the candidates", `id="table-systems"`, `id="table-system-tests"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, not := range []string{`id="table-encoders"`, `id="table-gains"`, `id="table-languages"`, "trained encoders"} {
		if strings.Contains(page, not) {
			t.Errorf("%q stands in a page about systems", not)
		}
	}
	// No statistic of its own: every number of the paper table is the summary's.
	if bytes.Contains(files["tables/systems.tex"], []byte("NaN")) {
		t.Error("NaN in a table")
	}
}

// Two systems that differ by the same amount everywhere have no interval, and no
// table or page makes one up.
func TestEqualDifferencesReport(t *testing.T) {
	for _, langs := range [][]string{{"qaa"}, {"qaa", "qab", "qac", "qad", "qae", "qaf"}} {
		d := analysis.Design{
			Title: "Equal differences (" + invented + ")", Encoders: []string{"base", "steady", "other"},
			Axes:     []analysis.Axis{{Name: "target", Role: "target", Labels: langs}},
			Analyses: []analysis.Spec{{Name: "runs", Retrieval: "existing", Measure: "nDCG@10", Baseline: "base"}},
		}
		c := analysis.NewCollector(d)
		for l, lang := range langs {
			for q := range 4 {
				v := 0.1*float64(q) + 0.01*float64(l)
				for s, name := range d.Encoders {
					c.Add(results.Record{
						Cell: name + lang, Retrieval: "existing", Encoder: name, Component: "trec", Task: "t", Axes: map[string]string{"target": lang},
						QueryLanguage: lang, PoolSize: 100, QueryID: fmt.Sprint("q", q), Measure: "nDCG@10", Value: []float64{v, v + 0.25, 0.3 - v/3}[s],
					})
				}
			}
		}
		s, err := c.Analyse()
		if err != nil {
			t.Fatal(err)
		}
		files, err := render(Input{Summary: *s, Study: Study{Workflow: "workflows/invented.hcl", Names: names()}}, shared)
		if err != nil {
			t.Fatal(err)
		}
		page := string(files["report.html"])
		for _, want := range []string{"in every " + []string{"query", "language"}[len(langs)/6] + " alike, without an interval (sign-flip test, p = ", "Not drawn, because equal differences give no interval: steady."} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in the page", want)
			}
		}
		if tex := string(files["tables/systems.tex"]); !strings.Contains(tex, "+25.00 &") || strings.Contains(tex, "[+25") || !strings.Contains(tex, "A gain without an interval is the same wherever it was measured") {
			t.Errorf("tex:\n%s", tex)
		}
		for name, b := range files {
			if bytes.Contains(b, []byte("NaN")) && strings.HasPrefix(name, "tables/") {
				t.Errorf("NaN in %s", name)
			}
		}
		if csv := string(files["tables/system-tests.csv"]); !strings.Contains(csv, "4,25.00,,,0.125,") {
			t.Errorf("tests:\n%s", csv)
		}
		if csv := string(files["tables/system-pairs.csv"]); !strings.Contains(csv, "steady,base,25.00,,,0.") {
			t.Errorf("pairs:\n%s", csv)
		}
	}
}

// Names from outside cannot break a table.
func TestPaperEscapes(t *testing.T) {
	p := Paper{
		Measure: "R(rel=2)@10", Baseline: `a_b`, Columns: []string{"50 % & more", "x|y"},
		Rows: []PaperRow{
			{Name: `\input{/etc}`, Letters: "a", Mean: PaperValue{OK: true, Value: .5}, Gain: &PaperGain{-.01, -.02, .01}, Values: []PaperValue{{OK: true, Value: .25, Marked: true}, {}}},
			{Name: "a_b", Letters: "a", Mean: PaperValue{OK: true, Value: .5}, Values: []PaperValue{{OK: true, Value: .125}, {OK: true, Value: 1}}},
		},
		Notes: []string{"100 % of #1 in $x$."},
	}
	tex, md := string(p.LaTeX("a b")), string(p.Markdown())
	for _, want := range []string{
		`\textbackslash{}input\{/etc\}`, `50 \% \& more`, `a\_b`, `\textbf{0.250}\rlap{$^{*}$}`, `100\,\% of \#1 in \$x\$.`, `$-$1.0 [$-$2.0, +1.0]`, `\textbf{1.000}`, ` & -- \\`, `\label{tab:a-b}`,
	} {
		if !strings.Contains(tex, want) {
			t.Errorf("no %s in\n%s", want, tex)
		}
	}
	if strings.Count(tex, `\textbf{0.500}`) != 2 {
		t.Error("equal values must share the bold")
	}
	for _, want := range []string{`\\input\{/etc\}`, `x\|y`, `a\_b`, `**0.250**\*`, "| – |"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %s in\n%s", want, md)
		}
	}
	// Each row has as many cells as the head.
	lines := strings.Split(md, "\n")
	for _, l := range lines[:4] {
		if n := strings.Count(strings.ReplaceAll(l, `\|`, ""), "|"); n != 7 {
			t.Errorf("%d bars in %q", n, l)
		}
	}
}

// Figures are numbered in the order in which they stand, over all analyses.
func TestFiguresAreNumberedAsTheyStand(t *testing.T) {
	in := systemsFixture(t)
	second := in.Summary.Analyses[0]
	second.Name = "again"
	in.Summary.Analyses = append(in.Summary.Analyses, second)
	files, err := render(in, shared)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`<b>Figure (\d+)\.`).FindAllStringSubmatch(string(files["report.html"]), -1)
	if len(found) != 4 {
		t.Fatalf("want 4 figures, got %v", found)
	}
	for i, f := range found {
		if f[1] != strconv.Itoa(i+1) {
			t.Errorf("figure %s stands in place %d", f[1], i+1)
		}
	}
}

func TestTickFormat(t *testing.T) {
	at := func(ys ...float64) (rows []point) {
		for _, y := range ys {
			rows = append(rows, point{y: y, low: y, high: y})
		}
		return rows
	}
	for want, rows := range map[string][]point{".2f": at(0.1, 0.6), ".3f": at(0.40, 0.41), ".4f": at(0.400, 0.4015)} {
		if got := tickFormat(rows, 6); got != want {
			t.Errorf("from %g to %g: want %s, got %s", rows[0].y, rows[1].y, want, got)
		}
	}
	if got := tickFormat(at(0.4), 6); got != ".2f" {
		t.Errorf("one value: got %s", got)
	}
}
