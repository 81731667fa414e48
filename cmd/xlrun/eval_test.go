package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// evalFile runs xlrun eval and returns what it wrote to its file.
func evalFile(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	if code := xlrun(append([]string{"-no-color", "eval", "-o", out}, args...)); code != exitDone {
		t.Fatalf("xlrun eval %s: exit status %d", strings.Join(args, " "), code)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEvalTrecVectors compares with the outputs that NIST publishes with
// trec_eval 10.0: the same bytes.
func TestEvalTrecVectors(t *testing.T) {
	shared := os.Getenv("XLRUN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "data", "trec_eval")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("NIST's files are not here: %v", err)
	}
	for _, c := range []struct{ want, args, qrels, run string }{
		{"out.test", "", "qrels.test", "results.test"},
		{"out.test", "", "qrels.test.with-comments", "results.test"},
		{"out.test.a", "-m all_trec", "qrels.test", "results.test"},
		{"out.test.aq", "-m all_trec -q", "qrels.test", "results.test"},
		{"out.test.aqc", "-m all_trec -q -c", "qrels.test", "results.trunc"},
		{"out.test.aqcM", "-m all_trec -q -c -M100", "qrels.test", "results.trunc"},
		{"out.test.aql", "-m all_trec -mrelstring.20 -q -l2", "qrels.rel_level", "results.test"},
		{
			"out.test.meas_params", "-q -miprec_at_recall..10,.20,.25,.75,.50 -m P.5,7,3 -m recall.20,2000 -m Rprec_mult.5.0,0.2,0.35 " +
				"-mutility.2,-1,0,0 -m 11pt_avg..25,.5,.75 -mndcg.1=3,2=9,4=4.5 -mndcg_cut.10,20,23.4 -msuccess.2,5,20", "qrels.test", "results.test",
		},
		{"out.test.aqZ", "-q -m all_trec -Z " + filepath.Join(dir, "zscores_file"), "qrels.test", "results.test"},
	} {
		want, err := os.ReadFile(filepath.Join(dir, c.want))
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"-format", "trec"}, strings.Fields(c.args)...)
		got := evalFile(t, append(args, filepath.Join(dir, c.qrels), filepath.Join(dir, c.run))...)
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s, %s (-trec_eval +xlrun):\n%s", c.want, c.args, d)
		}
		// Into a pipe, nobody has to ask for the format.
		if got := evalFile(t, append(args[2:], filepath.Join(dir, c.qrels), filepath.Join(dir, c.run))...); got != string(want) {
			t.Errorf("%s: other lines without -format trec", c.want)
		}
	}
}

// TestEvalTrecOurs compares with what trec_eval 10.0 and 9.0.8, built with gcc
// -O2, print for files of ours: ties, scores that 32 bits do not tell apart,
// grades from -1 to 3, a query without relevant documents, one that the run
// lacks and one without judgments. rbp is left out: the C program reads memory
// there that nobody has written, unless all grades are 0 or 1. For 9.0.8
// comments were taken out of the files, which it cannot read.
func TestEvalTrecOurs(t *testing.T) {
	dir := filepath.Join("testdata", "eval")
	for want, args := range map[string]string{
		"v10-c.out":            "-c qrels.txt",
		"v10-all-qc.out":       "-qc -mall_trec qrels.txt",
		"v10-all-q-l2-M10.out": "-q -l2 -M10 -m all_trec qrels-present.txt",
		"v10-all-qJ.out":       "-qJ -mall_trec -mrelstring.20 -mP.5,7 qrels-present.txt",
		"v10-params-qn.out":    "-qn -m ndcg.1=3,2=9 -m recall.5,7 -m success.2 -m map_cut.3 -m ndcg_cut.1,3 qrels-present.txt",
		"v9-q.out":             "-ties trec9 -q -m map -mP.5,10 -mndcg -mrecip_rank -mnum_ret qrels.txt",
	} {
		w := strings.Fields(args)
		w[len(w)-1] = filepath.Join(dir, w[len(w)-1])
		got := slices.DeleteFunc(slices.Collect(strings.Lines(evalFile(t, append(w, filepath.Join(dir, "run.txt"))...))), func(line string) bool {
			return strings.HasPrefix(line, "rbp")
		})
		b, err := os.ReadFile(filepath.Join(dir, want))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(b), strings.Join(got, "")); d != "" {
			t.Errorf("%s, %s (-trec_eval +xlrun):\n%s", want, args, d)
		}
	}
}

// TestEvalFormatsAgree checks that every format says the same numbers, with
// one worker and with several.
func TestEvalFormatsAgree(t *testing.T) {
	qrels, run := filepath.Join("testdata", "eval", "qrels.txt"), filepath.Join("testdata", "eval", "run.txt")
	measures := []string{"-q", "-c", "-m", "nDCG@5", "-m", "map", "-m", "num_rel_ret"}
	text := evalFile(t, append([]string{"-format", "json", qrels, run}, measures...)...)
	if again := evalFile(t, append([]string{"-json", "-j", "1", qrels, run}, measures...)...); again != text {
		t.Error("-j 1 gives other bytes")
	}
	var doc struct {
		Settings map[string]any
		Measures []struct{ Name, Trec_eval, Asked string }
		Runs     []struct {
			All      map[string]float64
			By_query []struct {
				Query  string
				Values map[string]float64
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Settings["ties"] != "trec10" || doc.Settings["average"] != "judged" {
		t.Errorf("settings %v", doc.Settings)
	}
	if m := doc.Measures[1]; m.Name != "AP" || m.Trec_eval != "map" || m.Asked != "map" {
		t.Errorf("measure %+v", m)
	}
	var lines bytes.Buffer
	for line := range strings.Lines(evalFile(t, append([]string{"-format", "csv", qrels, run}, measures...)...)) {
		lines.WriteString(line)
	}
	for _, q := range doc.Runs[0].By_query {
		for name, v := range q.Values {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if row := run + "," + q.Query + "," + name + "," + string(b) + "\n"; !strings.Contains(lines.String(), row) {
				t.Errorf("no row %q", row)
			}
		}
	}
	if len(doc.Runs[0].By_query) != 5 || len(doc.Runs[0].All) != 3 {
		t.Errorf("%d queries, %d values over all", len(doc.Runs[0].By_query), len(doc.Runs[0].All))
	}
}

// TestEvalArgs checks that command lines mean what they mean to trec_eval and
// ir_measures.
func TestEvalArgs(t *testing.T) {
	fs := flag.NewFlagSet("eval", flag.ContinueOnError)
	fs.Bool("no-color", false, "")
	evalVerb.setup(&app{}, fs)
	for in, want := range map[string]string{
		"-q -c":                           "-q -c",
		"-qc":                             "-q -c",
		"-mmap":                           "-m map",
		"-qmmap":                          "-q -m map",
		"-m map":                          "-m map",
		"-m -x":                           "-m -x",
		"-l2 -M100":                       "-l 2 -M 100",
		"-miprec_at_recall..10,.20":       "-m iprec_at_recall..10,.20",
		"-mndcg.1=3,2=9":                  "-m ndcg.1=3,2=9",
		"--measure=map":                   "-m map",
		"--level_for_rel 2":               "-l 2",
		"--by_query --no_summary":         "-q -n",
		"-json -format trec -no-color":    "-json -format trec -no-color",
		"-strict -ties rank":              "-strict -ties rank",
		"-ties=rank":                      "-ties=rank",
		"qrels run -":                     "qrels run -",
		"-o -q":                           "-o -q",
		"-- -qc":                          "-- -qc",
		"-xq":                             "-xq",
		"--format json --no-color -J -jq": "--format json --no-color -J -j q",
	} {
		if got := strings.Join(shortOptions(strings.Fields(in), fs), " "); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// TestEvalPacked checks files that are compressed, and one that ends too
// early: no values may come of it.
func TestEvalPacked(t *testing.T) {
	dir := filepath.Join("testdata", "eval")
	qrels := filepath.Join(dir, "qrels.txt")
	run, err := os.ReadFile(filepath.Join(dir, "run.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := evalFile(t, "-c", qrels, filepath.Join(dir, "run.txt"))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(run); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole, part := filepath.Join(t.TempDir(), "run.gz"), filepath.Join(t.TempDir(), "part.gz")
	if err := os.WriteFile(whole, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := evalFile(t, "-c", qrels, whole); got != want {
		t.Error("other values from a .gz")
	}
	if err := os.WriteFile(part, packed.Bytes()[:packed.Len()/2], 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if code := xlrun([]string{"eval", "-o", out, qrels, part}); code != exitFailed {
		t.Errorf("exit status %d for half a file, want %d", code, exitFailed)
	}
	if exists(out) {
		t.Error("values were written for half a file")
	}
}

// TestEvalOutputIsInput checks what a script cannot: an input that comes by
// redirection, and one with two names of its own.
func TestEvalOutputIsInput(t *testing.T) {
	dir := t.TempDir()
	run, other := filepath.Join(dir, "run.txt"), filepath.Join(dir, "other.txt")
	want, err := os.ReadFile(filepath.Join("testdata", "eval", "run.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(run, want, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(run, other); err != nil {
		t.Skipf("no hard links here: %v", err)
	}
	in, err := os.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { os.Stdin = old; _ = in.Close() }(os.Stdin)
	os.Stdin = in
	qrels := filepath.Join("testdata", "eval", "qrels.txt")
	for _, args := range [][]string{
		{"eval", "-o", run, qrels, "-"},
		{"eval", "-o", other, qrels, run},
		{"compare", "-o", run, qrels, "-", filepath.Join("testdata", "eval", "run.txt")},
		{"compare", "-o", other, qrels, run, filepath.Join("testdata", "eval", "run.txt")},
	} {
		if code := xlrun(args); code != exitUsage {
			t.Errorf("xlrun %s: exit status %d, want %d", strings.Join(args, " "), code, exitUsage)
		}
		if got, err := os.ReadFile(run); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("xlrun %s has written to its input (%v)", strings.Join(args, " "), err)
		}
	}
}

// TestEvalFilesAreExact checks that ids reach files byte by byte, whatever a
// terminal would make of them.
func TestEvalFilesAreExact(t *testing.T) {
	const id = "q\x1b[31m\u009b\u202e1"
	dir := t.TempDir()
	qrels, run := filepath.Join(dir, "qrels"), filepath.Join(dir, "run")
	for file, text := range map[string]string{qrels: id + " 0 a 1\n", run: id + " Q0 a 1 1 x\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range []string{"trec", "ir_measures", "csv"} {
		if got := evalFile(t, "-q", "-m", "AP", "-format", format, qrels, run); !strings.Contains(got, id) {
			t.Errorf("-format %s: the id is another in %q", format, got)
		}
	}
}

// TestComparePipes checks that files which can be read only once are, as those
// that a shell makes of <(zcat run.gz).
func TestComparePipes(t *testing.T) {
	dir := filepath.Join("testdata", "eval")
	pipe := func(file string) string {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = w.Write(text)
			_ = w.Close()
		}()
		name := fmt.Sprintf("/dev/fd/%d", r.Fd())
		if !exists(name) {
			t.Skipf("there is no %s here", name)
		}
		return name
	}
	second := filepath.Join(t.TempDir(), "second.run")
	if err := os.WriteFile(second, []byte("101 Q0 FT64709 1 1 second\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	outs := map[string]string{}
	for name, args := range map[string][]string{
		"files": {filepath.Join(dir, "qrels.txt"), filepath.Join(dir, "run.txt"), second},
		"pipes": {pipe("qrels.txt"), pipe("run.txt"), second},
	} {
		out := filepath.Join(t.TempDir(), "out.csv")
		if code := xlrun(append([]string{"compare", "-o", out}, args...)); code != exitDone {
			t.Fatalf("%s: exit status %d", name, code)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		outs[name] = string(b)
	}
	if d := cmp.Diff(outs["files"], outs["pipes"]); d != "" {
		t.Errorf("other numbers from pipes (-files +pipes):\n%s", d)
	}
}
