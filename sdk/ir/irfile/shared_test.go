package irfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk/ir"
)

// shared finds a folder of published data.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("XLRUN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no data in %s; set XLRUN_SHARED", dir)
	}
	return dir
}

// Published judgments are read without a finding, in full.
func TestAfriCLIRMatrix(t *testing.T) {
	dir := shared(t, "africlirmatrix")
	want := map[string][2]int{ // queries with judgments, judgments
		"afr": {1500, 2557}, "amh": {1500, 1582}, "ary": {500, 586}, "ibo": {500, 586}, "sna": {500, 515},
		"som": {1000, 1049}, "swa": {1500, 1891}, "tir": {50, 50}, "twi": {250, 258},
	}
	for lang, n := range want {
		qrels, findings, err := LoadQrels(filepath.Join(dir, "qrels", "qrels.africlirmatrix-v1.0.en."+lang+".txt"))
		if err != nil || len(findings) > 0 {
			t.Errorf("%s: %v, %v", lang, findings, err)
		}
		judgments := 0
		for _, j := range qrels {
			judgments += len(j)
			for _, grade := range j {
				if grade < 4 || grade > 6 {
					t.Errorf("%s: got the grade %d", lang, grade)
				}
			}
		}
		if len(qrels) != n[0] || judgments != n[1] {
			t.Errorf("%s: want %v, got %d queries and %d judgments", lang, n, len(qrels), judgments)
		}
	}
}

// NIST's test files: those for plain evaluation are read, with what is odd
// about them; those for preferences are no judgments and say so.
func TestTrecEvalFiles(t *testing.T) {
	dir := shared(t, "trec_eval")
	qrels := map[string]ir.Qrels{}
	for name, judgments := range map[string]int{
		"qrels.test": 3681, "qrels.test.with-comments": 3681, "qrels.rel_level": 3681,
		"prefs.test": 0, "qrels.123": 0,
	} {
		q, findings, err := LoadQrels(filepath.Join(dir, name))
		if judgments == 0 {
			if err == nil {
				t.Errorf("%s: taken for judgments, %v", name, findings)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := 0
		for _, j := range q {
			n += len(j)
		}
		if n != judgments || len(q) != 3 {
			t.Errorf("%s: got %d judgments of %d queries", name, n, len(q))
		}
		for _, f := range findings {
			if f.Kind != "negative-grade" {
				t.Errorf("%s: %v", name, f)
			}
		}
		qrels[name] = q
	}
	m, err := ir.ParseMeasure("nDCG@10")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"results.test": "", "results.trunc": "missing-rank text-after-tag scattered-queries uneven-depth missing-query"} {
		src, err := OpenRun(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&ir.Evaluator{Measures: []ir.Measure{m}}).Stream(context.Background(), qrels["qrels.test"], src)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, f := range res.Findings {
			kinds = append(kinds, f.Kind)
			t.Log(f)
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
}
