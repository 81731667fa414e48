package ir

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// trecEvalDir finds NIST's regression data of trec_eval 10.
func trecEvalDir(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("XLRUN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "data", "trec_eval")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no trec_eval test data in %s; set XLRUN_SHARED", dir)
	}
	return dir
}

var cutName = regexp.MustCompile(`^(ndcg_cut|map_cut|P|recall|success)_([0-9]+)$`)

// fromTrecEval returns our name of one of trec_eval's measures, or "". level
// is trec_eval's -l, which does not touch nDCG.
func fromTrecEval(name string, level int) string {
	rel := ""
	if level != 1 {
		rel = fmt.Sprintf("(rel=%d)", level)
	}
	switch name {
	case "map":
		return "AP" + rel
	case "recip_rank":
		return "RR" + rel
	case "ndcg":
		return "nDCG"
	}
	m := cutName.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	ours := map[string]string{"ndcg_cut": "nDCG", "map_cut": "AP" + rel, "P": "P" + rel, "recall": "R" + rel, "success": "Success" + rel}
	return ours[m[1]] + "@" + m[2]
}

func TestTrecEval(t *testing.T) {
	dir := trecEvalDir(t)
	for _, c := range []struct {
		expected, qrels, run string
		level, depth         int
		retrievedOnly        bool
		values               int // how many the file has of our measures
	}{
		{"out.test", "qrels.test", "results.test", 1, 0, true, 11},
		{"out.test", "qrels.test.with-comments", "results.test", 1, 0, true, 11},
		{"out.test.a", "qrels.test", "results.test", 1, 0, true, 42},
		{"out.test.aq", "qrels.test", "results.test", 1, 0, true, 4 * 42},
		{"out.test.aqc", "qrels.test", "results.trunc", 1, 0, false, 4 * 42},
		{"out.test.aqcM", "qrels.test", "results.trunc", 1, 100, false, 4 * 42},
		{"out.test.aql", "qrels.rel_level", "results.test", 2, 0, true, 4 * 42},
		{"out.test.meas_params", "qrels.test", "results.test", 1, 0, true, 4 * 11},
	} {
		t.Run(c.expected+" "+c.qrels, func(t *testing.T) {
			qrels, err := LoadQrels(filepath.Join(dir, c.qrels))
			if err != nil {
				t.Fatal(err)
			}
			run, err := LoadRun(filepath.Join(dir, c.run))
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(filepath.Join(dir, c.expected))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close() //nolint:errcheck // read only

			values := 0
			cache := map[string]*RunResult{}
			for sc := bufio.NewScanner(f); sc.Scan(); {
				fields := strings.Fields(sc.Text())
				name := fromTrecEval(fields[0], c.level)
				if name == "" {
					continue
				}
				res := cache[name]
				if res == nil {
					m, err := ParseMeasure(name)
					if err != nil {
						t.Fatal(err)
					}
					e := &Evaluator{Measures: []Measure{m}, Depth: c.depth, RetrievedOnly: c.retrievedOnly}
					if res, err = e.Run(qrels, run); err != nil {
						t.Fatal(err)
					}
					cache[name] = res
				}
				got, found := res.Means[0], fields[1] == "all"
				for i, id := range res.Queries {
					if string(id) == fields[1] {
						got, found = res.PerQuery[i].Values[0], true
					}
				}
				if !found {
					t.Errorf("%s of query %s: we have no value", name, fields[1])
				}
				if s := fmt.Sprintf("%.4f", got); s != fields[2] {
					t.Errorf("%s (%s) of %s: want %s, got %s", name, fields[0], fields[1], fields[2], s)
				}
				values++
			}
			if values != c.values {
				t.Errorf("want %d values compared, got %d", c.values, values)
			}
		})
	}
}
