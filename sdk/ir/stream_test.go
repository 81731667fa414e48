package ir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// textSource is a source whose content is in memory.
func textSource(text string) Source {
	return Source{Name: "x.run", Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

func streamMeasures(t testing.TB) []Measure {
	t.Helper()
	var ms []Measure
	for _, s := range []string{"nDCG@10", "nDCG", "AP", "RR", "P@5", "R@20", "Success@1"} {
		m, err := ParseMeasure(s)
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms
}

// randomFiles returns judgments and a run of so many queries, with ties, odd
// order and unjudged queries; scattered mixes the lines of queries.
func randomFiles(rng *rand.Rand, queries, depth int, scattered bool) (qrels, run string) {
	var q strings.Builder
	var lines []string
	for i := range queries {
		docs := rng.Perm(3 * depth)
		if rng.IntN(10) > 0 {
			for _, d := range docs[depth/2 : depth/2+1+rng.IntN(depth)] {
				fmt.Fprintf(&q, "q%d 0 d%d %d\n", i, d, rng.IntN(5)-1)
			}
		}
		if rng.IntN(10) == 0 && i > 0 {
			continue
		}
		hits := docs[:1+rng.IntN(depth)]
		for rank, d := range hits {
			score := float64(rng.IntN(depth)) / 7
			if i%2 == 0 {
				score = float64(depth-rank) / 3
			}
			lines = append(lines, fmt.Sprintf("q%d\tQ0 d%d %d %v tag\n", i, d, rank+1, score))
		}
	}
	if scattered {
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	}
	return q.String(), "# a comment\n" + strings.Join(lines, "")
}

// streamEquals checks that Stream gives what reading and Run give, findings
// included.
func streamEquals(t *testing.T, e *Evaluator, qrels Qrels, src Source) {
	t.Helper()
	r, err := src.Open()
	if err != nil {
		t.Fatal(err)
	}
	run, inspected, errRead := inspectRun(r, src.Name, dialectOf(src.Separator), e.Ties)
	got, err := e.Stream(context.Background(), qrels, src)
	if errRead != nil {
		if err == nil {
			t.Fatalf("the run is refused, but Stream took it: %v", errRead)
		}
		return
	}
	want, errRun := e.Run(qrels, run)
	var bad *ReadError
	if errors.As(err, &bad) && bad.Findings[0].Kind == "no-common-queries" {
		return
	}
	if (err == nil) != (errRun == nil) {
		t.Fatalf("Run says %v, Stream %v", errRun, err)
	}
	if err != nil {
		if err.Error() != errRun.Error() {
			t.Errorf("Run says %v, Stream %v", errRun, err)
		}
		return
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameFloat), cmp.AllowUnexported(Measure{}), cmpopts.IgnoreFields(RunResult{}, "Findings", "Tag")); diff != "" {
		t.Errorf("(-run +stream)\n%s", diff)
	}
	if got.Tag != run.Tag {
		t.Errorf("want the tag %q, got %q", run.Tag, got.Tag)
	}
	counts := func(lists ...[]Finding) map[string]int {
		m := map[string]int{}
		for _, l := range lists {
			for _, f := range l {
				m[f.Kind] += f.Count
			}
		}
		delete(m, "shallow-run")   // needs measures
		delete(m, "lost-metadata") // of a run that is kept
		return m
	}
	if diff := cmp.Diff(counts(inspected, CheckRun(qrels, run)), counts(got.Findings)); diff != "" {
		t.Errorf("findings: (-read and checked +stream)\n%s", diff)
	}
	for _, f := range inspected {
		for _, g := range got.Findings {
			if f.Kind == g.Kind && f.Kind != "similar-id" && f != g {
				t.Errorf("read: %v\nstreamed: %v", f, g)
			}
		}
	}
}

func sameFloat(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

func TestStreamEqualsRun(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		scattered := i%3 == 2
		qrelsText, runText := randomFiles(rng, 1+rng.IntN(300), 1+rng.IntN(60), scattered)
		if i%4 == 3 {
			runText = strings.TrimSuffix(runText, "\n")
		}
		qrels, _, err := InspectQrels(strings.NewReader(qrelsText), "x.qrels")
		if err != nil {
			continue // nothing was judged
		}
		e := &Evaluator{Measures: streamMeasures(t), Workers: 1 + rng.IntN(5), Ties: Ties(i % 4), RetrievedOnly: i%5 == 0, Depth: i % 7 * 3}
		streamEquals(t, e, qrels, textSource(runText))
	}
}

// The number of workers and the cuts between blocks change nothing.
// Blocks of nothing but comments in a scattered file are no query.
func TestStreamComments(t *testing.T) {
	comments := strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 3*streamBlock/1000)
	streamEquals(t, &Evaluator{Measures: streamMeasures(t)}, Qrels{"q": {"d": 1}, "r": {"d": 1}}, textSource(comments+"q Q0 d 1 2 t\nr Q0 d 1 2 t\nq Q0 e 2 1 t\n"+comments))
}

func TestStreamTrecEval(t *testing.T) {
	dir := trecEvalDir(t)
	for _, c := range [][2]string{{"qrels.test", "results.test"}, {"qrels.test", "results.trunc"}, {"qrels.rel_level", "results.test"}} {
		qrels, err := loadQrels(filepath.Join(dir, c[0]))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, c[1]))
		if err != nil {
			t.Fatal(err)
		}
		for workers := range 4 {
			streamEquals(t, &Evaluator{Measures: streamMeasures(t), Workers: workers}, qrels, textSource(string(text)))
		}
	}
}

func TestStreamCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close() //nolint:errcheck // a pipe
	src := Source{Name: "endless", Open: func() (io.ReadCloser, error) { return r, nil }}
	done := make(chan error)
	go func() {
		_, err := (&Evaluator{Measures: streamMeasures(t)}).Stream(ctx, Qrels{"q": {"d": 1}}, src)
		done <- err
	}()
	if _, err := w.Write([]byte("q Q0 d 1 1 t\n")); err != nil {
		t.Fatal(err)
	}
	cancel() // while Stream waits for more
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("want context.Canceled, got %v", err)
	}
}

// Reading that goes wrong is an error with its place, after all that could be
// read; a file that was cut off is a finding.
func TestStreamReadErrors(t *testing.T) {
	_, text := randomFiles(rand.New(rand.NewPCG(11, 12)), 3000, 50, false)
	e := &Evaluator{Measures: streamMeasures(t)}
	for _, broken := range []error{errors.New("the disk is gone"), io.ErrUnexpectedEOF} {
		for _, size := range []int{0, 10, 70_000, len(text) / 2, len(text)} {
			src := Source{Name: "x.run", Open: func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader(text[:size]), iotest.ErrReader(broken))), nil
			}}
			_, err := e.Stream(context.Background(), Qrels{"q0": {"d1": 1}}, src)
			var bad *ReadError
			switch {
			case err == nil:
				t.Fatalf("%d bytes and then %v gave a result", size, broken)
			case broken != io.ErrUnexpectedEOF: //nolint:errorlint // it is the one above
				if line := fmt.Sprintf("x.run:%d: ", 1+strings.Count(text[:size], "\n")); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), line) {
					t.Errorf("want %v at %s, got %v", broken, line, err)
				}
			case !errors.As(err, &bad) || bad.Findings[0].Kind != "truncated-stream":
				t.Errorf("want truncated-stream, got %v", err)
			}
		}
	}
}

func TestStreamProgress(t *testing.T) {
	_, text := randomFiles(rand.New(rand.NewPCG(3, 4)), 200, 50, false)
	src := textSource(text)
	var last int64
	src.Progress = func(done, total int64) {
		if done < last || total != int64(len(text)) {
			t.Errorf("got %d of %d after %d", done, total, last)
		}
		last = done
	}
	if _, err := (&Evaluator{Measures: streamMeasures(t)}).Stream(context.Background(), Qrels{"q0": {"d1": 1}}, src); err != nil {
		t.Fatal(err)
	}
	if last != int64(len(text)) {
		t.Errorf("want %d at the end, got %d", len(text), last)
	}
}

// Lines are parsed without memory for a hit.
func TestStreamAllocations(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "q Q0 document-%d %d %v tag\n", i, i+1, 5000.5-float64(i))
	}
	st := &stream{e: &Evaluator{Measures: streamMeasures(t)}, qrels: Qrels{"q": {"document-7": 1}}, d: trecDialect}
	w := newStreamWorker(st)
	j := job{block: &lineBlock{data: []byte(b.String())}}
	w.evaluate(j)
	if n := testing.AllocsPerRun(10, func() { w.evaluate(j) }); n > 100 {
		t.Errorf("%v allocations for 5000 hits", n)
	}
}

// The temporary file of a spool gives what its memory gives.
func TestSpoolFile(t *testing.T) {
	qrelsText, text := randomFiles(rand.New(rand.NewPCG(5, 6)), 100, 40, true)
	qrels, err := ReadQrels(strings.NewReader(qrelsText), "x.qrels")
	if err != nil {
		t.Fatal(err)
	}
	gather := func(flush bool) []string {
		st := &stream{e: &Evaluator{}, qrels: qrels, d: trecDialect}
		sp := &spool{}
		defer sp.close()
		br := newBlockReader(strings.NewReader(text), trecDialect, 300)
		if err := br.each(func(b *lineBlock) error {
			if err := sp.spread(trecDialect, b); err != nil {
				return err
			}
			if flush {
				return sp.flush()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var out []string
		for i := range sp.parts {
			var f findings
			if err := sp.gather(i, st, &f, func() []byte { return nil }, func(b *lineBlock) error {
				n := int32(0)
				for line := range bytes.Lines(b.data) {
					n++
					out = append(out, fmt.Sprintf("%d %s", b.line(n), line))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	want := gather(false)
	if diff := cmp.Diff(want, gather(true)); diff != "" {
		t.Errorf("(-memory +file)\n%s", diff)
	}
	lines := strings.SplitAfter(text, "\n")
	for _, l := range want {
		n, rest, _ := strings.Cut(l, " ")
		if k, _ := strconv.Atoi(n); lines[k-1] != rest {
			t.Fatalf("line %d is %q, got %q", k, lines[k-1], rest)
		}
	}
}

// FuzzStream checks that Stream equals reading and Run, for any file, size of
// block and number of workers.
func FuzzStream(f *testing.F) {
	measures := streamMeasures(f)
	f.Fuzz(func(t *testing.T, qrelsText, runText string, options uint8) {
		qrels, err := ReadQrels(strings.NewReader(qrelsText), "fuzz.qrels")
		if err != nil {
			return
		}
		e := &Evaluator{
			Measures: measures, Workers: 1 + int(options&3), Ties: Ties(options >> 2 & 3),
			RetrievedOnly: options&16 != 0, Depth: int(options >> 5 & 3), JudgedOnly: options&128 != 0,
		}
		streamEquals(t, e, qrels, textSource(runText))
	})
}

func BenchmarkParse(b *testing.B) {
	var text bytes.Buffer
	rng := rand.New(rand.NewPCG(9, 10))
	for q := range 20 {
		for d := range 1000 {
			fmt.Fprintf(&text, "%d Q0 MSM_%08d %d %.6f bm25-default\n", q, rng.IntN(8841823), d+1, 30-float64(d)/50)
		}
	}
	bl := &lineBlock{data: text.Bytes()}
	b.Run("lines", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		p := newRunParser(trecDialect, Trec10)
		n := 0
		p.hit = func(_, _ []byte, _ int32, _ float64, _ int32) { n++ }
		var f findings
		for b.Loop() {
			p.parse(bl, &f)
		}
	})
	b.Run("evaluate", func(b *testing.B) {
		b.SetBytes(int64(text.Len()))
		judgments := Judgments{}
		for i := range 100 {
			judgments[DocID(strings.Fields(strings.SplitAfterN(text.String(), "\n", 2+i*9)[i*9])[2])] = i % 3
		}
		qrels := Qrels{}
		for q := range 20 {
			qrels[QueryID(strconv.Itoa(q))] = judgments
		}
		w := newStreamWorker(&stream{e: &Evaluator{Measures: streamMeasures(b)}, qrels: qrels, d: trecDialect})
		for b.Loop() {
			w.evaluate(job{block: bl})
		}
	})
}
