package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

// TestData checks that the files are the same each time, that they can be
// read, and that they hold what makes an evaluation work: ties, all grades,
// documents that are judged and not retrieved, and the other way round.
func TestData(t *testing.T) {
	dir := t.TempDir()
	qrelsFile, runFile := filepath.Join(dir, "qrels"), filepath.Join(dir, "run")
	if err := writeData(qrelsFile, runFile, 20, 1000, 5); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(dir, "again")
	if err := writeData(filepath.Join(dir, "qrels2"), again, 20, 1000, 5); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(runFile)
	b, _ := os.ReadFile(again)
	if string(a) != string(b) || len(a) == 0 {
		t.Error("two runs differ")
	}
	qrels, _, err := irfile.LoadQrels(qrelsFile)
	if err != nil {
		t.Fatal(err)
	}
	run, _, err := irfile.LoadRun(runFile)
	if err != nil {
		t.Fatal(err)
	}
	var ties, narrow, unjudged, missed int
	grades := map[int]int{}
	for q, hits := range run.Rankings {
		seen, seen32, found := map[float64]bool{}, map[float32]bool{}, map[ir.DocID]bool{}
		for _, h := range hits {
			if seen[h.Score] {
				ties++
			}
			if seen32[float32(h.Score)] {
				narrow++
			}
			seen[h.Score], seen32[float32(h.Score)], found[h.Doc] = true, true, true
			if _, ok := qrels[q][h.Doc]; !ok {
				unjudged++
			}
		}
		for d, g := range qrels[q] {
			grades[g]++
			if !found[d] {
				missed++
			}
		}
	}
	if narrow != ties {
		t.Errorf("%d ties as 64-bit floats, %d as 32-bit floats: the peers would see other orders", ties, narrow)
	}
	if len(run.Rankings) != 20 || ties == 0 || unjudged == 0 || missed == 0 || len(grades) != 4 {
		t.Errorf("%d queries, %d ties, %d unjudged, %d missed, grades %v", len(run.Rankings), ties, unjudged, missed, grades)
	}
}

func TestCompare(t *testing.T) {
	dir := t.TempDir()
	lines := "map                   \tq1\t0.2500\nmap                   \tall\t0.2500\n"
	const numbers, undefined = "num_q\tall\t1\n", "map\tall\tnan\n"
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		trec, python string
		want         string
		ours         string // lines where it is empty
	}{
		"same":        {lines, `{"means": {"map": 0.25004}}`, "2 lines are trec_eval's, byte by byte.\n1 means agree", ""},
		"a digit":     {strings.Replace(lines, "0.2500", "0.2501", 1), `{"means": {}}`, "DIFFERS: line 1", ""},
		"a line more": {lines + "P_5\tall\t1\n", `{"means": {}}`, "DIFFERS: line 3", ""},
		"a mean":      {lines, `{"means": {"map": 0.2502}}`, "DIFFERS: map: pytrec_eval has 0.2502, xlrun 0.25", ""},
		"no means":    {lines, `{"means": {}}`, "DIFFERS: map: pytrec_eval has no mean of it", ""},
		"sums alone":  {numbers, `{"means": {"num_q": 1}}`, "DIFFERS: there is no mean to compare", numbers},
		"an order":    {lines, `{"means": {"map": 0.25, "z": 1, "c": 1, "a": 1, "b": 1}}`, "byte by byte.\nDIFFERS: a: xlrun has no mean of it\nDIFFERS: b: xlrun has no mean of it\nDIFFERS: c: xlrun has no mean of it\nDIFFERS: z:", ""},
		"NaN":         {undefined, `{"means": {"map": 0.25}}`, "DIFFERS: map: pytrec_eval has 0.25, xlrun NaN", undefined},
	} {
		t.Run(name, func(t *testing.T) {
			cs := []contender{
				{Name: oursName, out: file("ours", cmp.Or(c.ours, lines))},
				{Name: oneName, out: file("one", cmp.Or(c.ours, lines))},
				{Name: trecName, out: file("trec", c.trec)},
				{Name: pythonName, out: file("python", c.python)},
			}
			text, same, err := compare(cs)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, c.want) || same == strings.Contains(text, "DIFFERS") {
				t.Errorf("%v, %q, want %q", same, text, c.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	cs := []contender{
		{Name: oursName, Wall: []served{{1, 2, 50}, {2, 3, 50}}},
		{Name: trecName, want: 3, Wall: []served{{3, 3, 50}, {5, 5, 50}}},
	}
	got := report(settings{rounds: 2, queries: 1, depth: 1}, cs, nil, "", 1)
	if !strings.Contains(got, "2.75 (2.50–3.00)   wanted ≥ 3: MISSED by 0.25") {
		t.Error(got)
	}
}
