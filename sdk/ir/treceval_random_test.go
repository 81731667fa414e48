package ir

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// randomTREC makes qrels and a run with ties in 64 and in 32 bits, grades from
// -1, and queries on one side only.
func randomTREC(rng *rand.Rand, missing bool) (qrels, run []byte) {
	var q, r bytes.Buffer
	for id := range 6 {
		docs := 5 + rng.IntN(60)
		relevant := false
		for d := range docs {
			if rng.IntN(2) == 0 {
				grade := rng.IntN(5) - 1
				relevant = relevant || grade > 1
				fmt.Fprintf(&q, "q%d 0 d%d %d\n", id, d, grade)
			}
		}
		if !relevant {
			fmt.Fprintf(&q, "q%d 0 gold %d\n", id, 2+rng.IntN(2))
		}
		if missing && id%3 == 1 {
			continue
		}
		for d := range docs + 20 {
			if rng.IntN(5) > 0 {
				fmt.Fprintf(&r, "q%d Q0 d%d %d %.9f tag\n", id, d, d, float64(rng.IntN(9))/8+float64(rng.IntN(2))*1e-9)
			}
		}
	}
	fmt.Fprintf(&r, "nobody Q0 d1 1 1 tag\n")
	return q.Bytes(), r.Bytes()
}

// Every measure of random runs as trec_eval itself prints it. XLRUN_TREC_EVAL10
// and XLRUN_TREC_EVAL9 name the programs.
func TestAgainstTrecEval(t *testing.T) {
	const measures = "all_trec"
	extra := []string{"P.1,3,7", "yaap", "utility.2,-1,0.5,0.25", "11pt_avg.0.25,.5,.75", "ndcg.1=3,2=9,3=4.5", "Rprec_mult.0.5,3", "G.1=2,3=7", "set_F.0.5"}
	for _, version := range []struct {
		env  string
		ties Ties
	}{{"XLRUN_TREC_EVAL10", Trec10}, {"XLRUN_TREC_EVAL9", Trec9}} {
		program := os.Getenv(version.env)
		if program == "" {
			t.Logf("%s is not set; not compared with that version", version.env)
			continue
		}
		t.Run(version.env, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(21, 22))
			dir := t.TempDir()
			values := 0
			for n := range 60 {
				e := Evaluator{Ties: version.ties}
				level := 1
				var args []string
				missing := n%2 == 0 // version 10 needs -c then
				if missing {
					args = append(args, "-c")
				} else {
					e.RetrievedOnly = true
				}
				if n%3 == 1 {
					e.Depth = 1 + rng.IntN(30)
					args = append(args, "-M", fmt.Sprint(e.Depth))
				}
				if n%4 == 2 {
					level = 2
					args = append(args, "-l", "2")
				}
				if n%5 == 3 {
					e.JudgedOnly = true
					args = append(args, "-J")
				}
				e.Documents = 1000
				args = append(args, "-q", "-N", "1000")
				names := []string{measures}
				if n%2 == 1 {
					names = extra
				}
				for _, name := range names {
					args = append(args, "-m", name)
				}
				qrelsText, runText := randomTREC(rng, missing)
				qrelsPath, runPath := filepath.Join(dir, "qrels"), filepath.Join(dir, "run")
				if err := errors.Join(os.WriteFile(qrelsPath, qrelsText, 0o600), os.WriteFile(runPath, runText, 0o600)); err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(program, append(args, qrelsPath, runPath)...).Output()
				if err != nil {
					t.Fatalf("%v: %v", args, err)
				}
				qrels, err := ReadQrels(bytes.NewReader(qrelsText), "qrels")
				if err != nil {
					t.Fatal(err)
				}
				run, err := ReadRun(bytes.NewReader(runText), "run")
				if err != nil {
					t.Fatal(err)
				}
				e.Measures = trecNames(t, strings.Join(names, " "), level)
				res, err := e.Run(qrels, run)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]float64{}
				for i, m := range e.Measures {
					got[m.TrecName()+" all"] = res.Means[i]
					for q, id := range res.Queries {
						got[m.TrecName()+" "+string(id)] = res.PerQuery[q].Values[i]
					}
				}
				for line := range strings.Lines(string(out)) {
					f := strings.Fields(line)
					if f[0] == "runid" || f[0] == "relstring" || f[0] == "rbp" || strings.HasSuffix(f[2], "nan") {
						continue // texts; what reads memory that nobody has written; 0/0
					}
					x, ok := got[f[0]+" "+f[1]]
					if f[1] == "all" && f[0] == "num_rel" && level == 2 && missing {
						continue // counts grades from 1 whatever the level, as the reference says
					}
					text := fmt.Sprintf("%.4f", x)
					if !strings.Contains(f[2], ".") {
						text = fmt.Sprintf("%.0f", x)
					}
					if !ok || text != f[2] {
						t.Errorf("case %d %v: %s of %s: want %s, got %s", n, args, f[0], f[1], f[2], text)
					}
					values++
				}
			}
			t.Logf("%d values compared", values)
			if values < 10_000 {
				t.Errorf("only %d values compared", values)
			}
		})
	}
}
