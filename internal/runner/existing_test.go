package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/sdk/ir"
)

// streamed is a limit that no file is below: none is read into memory.
const streamed = -1

// runs are files with runs of q0, q1 … over d0, d1 …, sound ones and odd ones.
func runs(t *testing.T) map[string]string {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 11))
	run := func(queries, depth int, line func(q, d, r int) string) string {
		var b strings.Builder
		for q := range queries {
			for r, d := range rng.Perm(40)[:depth] {
				b.WriteString(line(q, d, r))
			}
		}
		return b.String()
	}
	plain := func(q, d, r int) string {
		return fmt.Sprintf("q%d Q0 d%d %d %v drawn\n", q, d, r+1, float64(20-r/3)/4)
	}
	lines := strings.SplitAfter(run(30, 12, plain), "\n")
	rng.Shuffle(len(lines)-1, func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	out := map[string]string{
		"plain":           run(30, 12, plain),
		"scattered":       strings.Join(lines, ""),
		"windows":         "\ufeff" + strings.ReplaceAll(run(9, 12, plain), "\n", "\r\n"),
		"comments":        "# a head\n\n" + strings.ReplaceAll(run(9, 4, plain), "q3 Q0", "# in between\n\n  q3 \t Q0"),
		"late metadata":   "# ir_metadata.start\n# tag: x\n# ir_metadata.end\n" + run(2, 4, plain) + "# ir_metadata.start\n# tag: y\n# ir_metadata.end\n" + strings.ReplaceAll(run(2, 4, plain), "q", "q7"),
		"without an end":  strings.TrimSuffix(run(9, 12, plain), "\n"),
		"several tags":    run(5, 4, plain) + strings.ReplaceAll(run(3, 4, func(q, d, r int) string { return plain(q+40, d, r) }), "drawn", "other more"),
		"uneven":          run(9, 30, plain) + run(1, 2, func(q, d, r int) string { return plain(q+50, d, r) }),
		"constant":        run(9, 5, func(q, d, _ int) string { return fmt.Sprintf("q%d Q0 d%d 0 1 t\n", q, d) }),
		"distances":       run(9, 12, func(q, d, r int) string { return fmt.Sprintf("q%d Q0 d%d %d %d t\n", q, d, r, r) }),
		"ranks that lie":  run(9, 12, func(q, d, r int) string { return fmt.Sprintf("q%d Q0 d%d %d %d t\n", q, d, 1+r*r%5, r%4) }),
		"infinite":        "q0 Q0 d1 1 inf t\nq0 Q0 d2 x -inf t\nq1 Q0 q1 1 3 t\nq1 Q0 d2 2 1 t\n",
		"other spelling":  run(4, 9, func(q, d, r int) string { return fmt.Sprintf("q%d Q0 D0%d %d %d t\n", q, d, r+1, 20-r) }) + run(4, 9, func(q, d, r int) string { return fmt.Sprintf("Q0%d Q0 d%d %d %d t\n", q+10, d, r+1, 20-r) }),
		"strangers":       run(9, 12, plain) + run(3, 3, func(q, d, r int) string { return fmt.Sprintf("z%d Q0 x%d %d %d t\n", q, d, r+1, 20-r) }),
		"from the end":    run(9, 9, func(q, d, r int) string { return fmt.Sprintf("q%d Q0 D0%d %d %d t\n", 9-q, d, r+1, 20-r) }) + run(9, 3, func(q, d, r int) string { return fmt.Sprintf("q%d Q0 x%d %d %d t\n", 30-q, d+q, r+1, 20-r) }),
		"tabs":            "query-id\tcorpus-id\tscore\n" + run(9, 12, func(q, d, r int) string { return fmt.Sprintf("q%d\td%d\t%d\n", q, d, 20-r) }),
		"tabs, scattered": "query-id\tcorpus-id\tscore\nq1\td1\t5\nq2\td2\t6\nq1\td3\t4\n",
	}
	for name, grades := range map[string]string{"labels": "q0 Q0 d0 1 1 t\nq0 Q0 d1 2 2 t\n", "a label by chance": "q0 Q0 d1 1 2 t\nq1 Q0 d2 1 7 t\n", "single labels": "q0 Q0 d1 1 2 t\nq1 Q0 d2 1 0 t\nq1 Q0 d3 2 0 t\n", "all single": "q0 Q0 d1 1 2 t\nq2 Q0 d3 1 1 t\n"} {
		out[name] = grades
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte(out["scattered"])); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out["packed"] = z.String()
	return out
}

// A run that is read block by block gives what one in memory gives: what is
// known of it, and what is taken for a pool, with all notes. What is said
// beside judgments is what package ir says of the whole.
func TestStreamedRun(t *testing.T) {
	// More than a block of lines, grouped and not.
	var long strings.Builder
	for q := range 60 {
		fmt.Fprintf(&long, "q%d Q0 x%d 0 9999 a-tag-that-makes-lines-long\n", 59-q, q)
		for r := range 2000 {
			fmt.Fprintf(&long, "q%d Q0 d%d %d %d a-tag-that-makes-lines-long\n", 59-q, (q+r)%40+r/40*50, r+1, 5000-r/2)
		}
	}
	cases, seen := runs(t), map[string]bool{}
	cases["metadata without an end"] = "# ir_metadata.start\n" + cases["single labels"]
	cases["long"] = long.String()
	cases["long, other spelling"] = strings.ReplaceAll(long.String(), " d", " D0")
	cases["long, scattered"] = long.String() + "q59 Q0 d99 3000 -5 a-tag-that-makes-lines-long\n"
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			want, err := readRun(t.Context(), path, wholeRun)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readRun(t.Context(), path, streamed)
			if err != nil {
				t.Fatal(err)
			}
			if want.whole == nil || got.whole != nil {
				t.Fatal("not one in memory and one that is not")
			}
			known := func(x *ExistingRun) string {
				return fmt.Sprintf("%s %q %q %d %+v", x.Digest, x.Tag, x.Queries, x.Deepest, x.Found)
			}
			if a, b := known(want), known(got); a != b {
				t.Errorf("in memory\n%s\nstreamed\n%s", a, b)
			}
			for seed := range uint64(5) {
				p, queries, documents := drawnPool(seed)
				take := func(x *ExistingRun) (ranking []results.Ranked, notes []note, im *importing) {
					im = newImporting(p, queries, documents, 7)
					n := 0
					if err := x.Each(t.Context(), func(id string, r ir.Ranking) error {
						im.take(id, r)
						n++
						return nil
					}); err != nil || n != len(x.Queries) {
						t.Fatalf("%d rankings of %d queries, %v", n, len(x.Queries), err)
					}
					ranking, err := im.result(x, &notes)
					if err != nil {
						notes = append(notes, note{What: err.Error()})
					}
					return ranking, notes, im
				}
				ranking, notes, im := take(want)
				ranking2, notes2, im2 := take(got)
				if d := cmp.Diff(ranking, ranking2); d != "" {
					t.Errorf("(-in memory +streamed)\n%s", d)
				}
				if d := cmp.Diff(notes, notes2); d != "" {
					t.Errorf("(-in memory +streamed)\n%s", d)
				}
				odd := oddOf(p, im, ir.Run{Rankings: want.whole})
				for _, f := range odd {
					seen[strings.Fields(f)[0]] = true
				}
				for _, im := range []*importing{im, im2} {
					if d := cmp.Diff(odd, briefly(im.odd.found(want.Queries, p.QueryIDs, im.judgments, nil, nil))); d != "" {
						t.Errorf("(-whole +query by query)\n%s", d)
					}
				}
			}
		})
	}
	if !seen["label-as-score"] || !seen["similar-id"] {
		t.Errorf("only %v was found", seen)
	}
}

// drawnPool draws a pool with judgments, of queries and documents whose ids
// runs have, among others.
func drawnPool(seed uint64) (p *poolFile, queries, documents map[string]struct{}) {
	rng := rand.New(rand.NewPCG(seed, 3))
	p, queries, documents = &poolFile{}, map[string]struct{}{}, map[string]struct{}{}
	for q := range 60 {
		queries[fmt.Sprintf("q%d", q)] = struct{}{}
		if rng.IntN(4) > 0 || q == 0 {
			p.QueryIDs = append(p.QueryIDs, fmt.Sprintf("q%d", q))
		}
	}
	rng.Shuffle(len(p.QueryIDs), func(i, j int) { p.QueryIDs[i], p.QueryIDs[j] = p.QueryIDs[j], p.QueryIDs[i] })
	for d := range 36 {
		documents[fmt.Sprintf("d%d", d)] = struct{}{}
		if rng.IntN(3) > 0 || d < 4 {
			p.DocumentIDs, p.DocumentRows = append(p.DocumentIDs, fmt.Sprintf("d%d", d)), append(p.DocumentRows, int32(d))
		}
	}
	for _, id := range p.QueryIDs {
		judged := [][2]int{{rng.IntN(36), rng.IntN(3) - 1}}
		switch id { // as the runs with labels have them
		case "q0":
			judged = [][2]int{{0, 1}, {1, 2}}
		case "q1":
			judged = [][2]int{{2, 1}}
		case "q2":
			judged = [][2]int{{3, 1}}
		}
		p.Qrels = append(p.Qrels, judged)
	}
	return p, queries, documents
}

// oddOf asks package ir about a whole run.
func oddOf(p *poolFile, im *importing, run ir.Run) []string {
	qrels := ir.Qrels{}
	for i, id := range p.QueryIDs {
		qrels[ir.QueryID(id)] = im.judgments(i)
	}
	return briefly(ir.CheckRun(qrels, run))
}

func briefly(found []ir.Finding) []string {
	var out []string
	for _, f := range found {
		if f.Kind == "label-as-score" || f.Kind == "similar-id" {
			out = append(out, fmt.Sprintf("%s %d %s", f.Kind, f.Count, f.Text))
		}
	}
	return out
}

// The mistakes of a file are the same however it is read.
func TestStreamedRunRefused(t *testing.T) {
	sound := "q0 Q0 d0 1 2 t\n"
	for name, text := range map[string]string{
		"empty":          "",
		"comments":       "# nothing\n",
		"few fields":     sound + "q1 Q0 d1 1\n",
		"first of all":   "q1 Q0 d1 1\nq2 Q0 d1 x y t\n",
		"only the first": "q1 Q0 d1 1\nq2 Q0 d1 1 5 t\n",
		"no number":      sound + "q1 Q0 d1 1 two t\nq1 Q0 d2 1 NaN t\n",
		"twice":          "q0 Q0 d0 1 2 t\nq0 Q0 d0 2 1 t\n",
		"a long line":    sound + "q1 Q0 " + strings.Repeat("d", 3<<20) + " 1 2 t\n" + sound,
		"cut off":        sound + "q1 Q0 d1",
		"binary":         sound + "q1 Q0 d\x001 1 2 t\n",
		"cut off, gzip":  runs(t)["packed"][:300],
	} {
		path := filepath.Join(t.TempDir(), "run")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, want := readRun(t.Context(), path, wholeRun)
		_, got := readRun(t.Context(), path, streamed)
		if want == nil || got == nil || want.Error() != got.Error() {
			t.Errorf("%s: in memory %v, streamed %v", name, want, got)
		}
	}
	// One that changes meanwhile is no run.
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	path := filepath.Join(t.TempDir(), "run")
	for _, file := range []string{"plain", "scattered"} {
		if err := os.WriteFile(path, []byte(runs(t)[file]), 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := readRun(t.Context(), path, streamed)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(runs(t)[file], "drawn", "other", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := x.Each(t.Context(), func(string, ir.Ranking) error { n++; return nil }); err == nil || !strings.Contains(err.Error(), "was written to while it was read") || n != 30 {
			t.Errorf("%s: %d rankings, %v", file, n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.Each(ctx, func(string, ir.Ranking) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		stop := errors.New("enough")
		if err := x.Each(t.Context(), func(string, ir.Ranking) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
