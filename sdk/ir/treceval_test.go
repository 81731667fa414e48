package ir

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
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

// trecNames are the measures of trec_eval's command line, as given to -m.
func trecNames(t *testing.T, names string, level int) []Measure {
	t.Helper()
	ms, err := ParseMeasures(names)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ms {
		ms[i] = ms[i].WithRel(level)
	}
	return ms
}

// Every value that NIST's files hold, in its printed form.
func TestTrecEval(t *testing.T) {
	const parameters = "iprec_at_recall..10,.20,.25,.75,.50 P.5,7,3 recall.20,2000 Rprec_mult.5.0,0.2,0.35 utility.2,-1,0,0 11pt_avg..25,.5,.75 ndcg.1=3,2=9,4=4.5 ndcg_cut.10,20,23.4 success.2,5,20"
	dir := trecEvalDir(t)
	for _, c := range []struct {
		expected, qrels, run string
		measures             string
		level, depth         int
		retrievedOnly        bool
		values               int // how many the file has
	}{
		{"out.test", "qrels.test", "results.test", "official", 1, 0, true, 30},
		{"out.test", "qrels.test.with-comments", "results.test", "official", 1, 0, true, 30},
		{"out.test.a", "qrels.test", "results.test", "all_trec", 1, 0, true, 99},
		{"out.test.aq", "qrels.test", "results.test", "all_trec", 1, 0, true, 387},
		{"out.test.aqc", "qrels.test", "results.trunc", "all_trec", 1, 0, false, 387},
		{"out.test.aqcM", "qrels.test", "results.trunc", "all_trec", 1, 100, false, 387},
		{"out.test.aql", "qrels.rel_level", "results.test", "all_trec relstring.20", 2, 0, true, 387},
		{"out.test.meas_params", "qrels.test", "results.test", parameters, 1, 0, true, 88},
	} {
		t.Run(c.expected+" "+c.qrels, func(t *testing.T) {
			qrels, err := loadQrels(filepath.Join(dir, c.qrels))
			if err != nil {
				t.Fatal(err)
			}
			run, err := loadRun(filepath.Join(dir, c.run))
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(filepath.Join(dir, c.expected))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close() //nolint:errcheck // read only

			e := &Evaluator{Measures: trecNames(t, c.measures, c.level), Depth: c.depth, RetrievedOnly: c.retrievedOnly}
			res, err := e.Run(qrels, run)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for i, m := range e.Measures {
				for q, id := range append(res.Queries, "all") {
					value, text := res.Means[i], run.Tag
					if id != "all" {
						value = res.PerQuery[q].Values[i]
						if m.Name() == "relstring" {
							text = res.PerQuery[q].Texts[i]
						}
					}
					key := m.TrecName() + " " + string(id)
					switch {
					case m.Name() == "utility":
						got[key] = fmt.Sprintf("%.4f", value)
					case m.Aggregate() == Text && m.Name() == "relstring":
						got[key] = "'" + text + "'"
					case m.Aggregate() == Text:
						got[key] = text
					case m.Aggregate() == Sum:
						got[key] = fmt.Sprintf("%.0f", value)
					default:
						got[key] = fmt.Sprintf("%.4f", value)
					}
				}
			}
			values := 0
			for sc := bufio.NewScanner(f); sc.Scan(); {
				fields := strings.Fields(sc.Text())
				key := fields[0] + " " + fields[1]
				value, ok := got[key]
				switch {
				case !ok:
					t.Errorf("%s: we have no value", key)
				case value != fields[2]:
					t.Errorf("%s: want %s, got %s", key, fields[2], value)
				}
				values++
			}
			if values != c.values {
				t.Errorf("want %d values compared, got %d", c.values, values)
			}
		})
	}
}

// What version 9.0.8 prints for NIST's files and version 10 does not.
func TestTrecEval9(t *testing.T) {
	dir := trecEvalDir(t)
	qrels, err := loadQrels(filepath.Join(dir, "qrels.test"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := loadRun(filepath.Join(dir, "results.test"))
	if err != nil {
		t.Fatal(err)
	}
	for ties, want := range map[Ties]string{
		Trec9:  "0.2096 0.3884 0.1420 0.0822 0.1958",
		Trec10: "0.2098 0.3885 0.1528 0.0858 0.1962",
	} {
		res, err := (&Evaluator{Measures: MustMeasures("IPrec@0.1", "IPrec@0.6", "11pt_avg"), Ties: ties}).Run(qrels, run)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%.4f %.4f %.4f %.4f %.4f", res.PerQuery[0].Values[0], res.Means[0], res.PerQuery[1].Values[1], res.Means[1], res.Means[2])
		if got != want {
			t.Errorf("%v: want %s, got %s", ties, want, got)
		}
	}
}

func loadQrels(path string) (Qrels, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	return ReadQrels(f, path)
}

func loadRun(path string) (Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return Run{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	return ReadRun(f, path)
}
