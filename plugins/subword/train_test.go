package subword

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// planted makes n pairs of sentences in two invented languages that share no
// letters: word i of one always means word i of the other.
func planted(n int, seed int64) []sdk.Pair {
	rng := newStream(seed, 99, 0)
	word := func(i int, letters string) string {
		s := newStream(int64(i), 100, uint64(letters[0]))
		b := make([]byte, 5)
		for j := range b {
			b[j] = letters[s.below(len(letters))]
		}
		return string(b)
	}
	var out []sdk.Pair
	for k := range n {
		var a, b []string
		for range 5 {
			w := rng.below(150)
			a, b = append(a, word(w, "abcdefghijkl")), append(b, word(w, "mnopqrstuvwx"))
		}
		out = append(out, sdk.Pair{
			Group: fmt.Sprint(k),
			A:     sdk.Text{Language: "aaa", Text: strings.Join(a, " ")},
			B:     sdk.Text{Language: "bbb", Text: strings.Join(b, " ")},
		})
	}
	return out
}

func options(threads int) Options {
	return Options{Buckets: 4096, Dim: 24, Seed: 7, MinN: 3, MaxN: 5, Threads: threads}
}

func train(t testing.TB, o Options, to TrainOptions, pairs []sdk.Pair) string {
	t.Helper()
	e, err := New(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := e.Train(t.Context(), &sdk.TrainTask{Options: to, Pairs: seq(pairs), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func defaults(examples int) TrainOptions {
	return TrainOptions{Examples: examples, BatchSize: 64, Temperature: 0.1, LearningRate: 0.15, Warmup: 0.1}
}

func readCard(t testing.TB, dir string) card {
	t.Helper()
	var c card
	if err := json.Unmarshal(read(t, dir, specFile), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// successAt1 searches for each query's own document among all.
func successAt1(t testing.TB, e *Encoder, pairs []sdk.Pair) float64 {
	t.Helper()
	var a, b []sdk.Text
	for _, p := range pairs {
		a, b = append(a, p.A), append(b, p.B)
	}
	encode := func(role sdk.Role, texts []sdk.Text) vec.Matrix {
		v, err := e.Encode(t.Context(), role, texts)
		if err != nil {
			t.Fatal(err)
		}
		return vec.Matrix{Rows: v.Rows(), Dim: v.Dim, Data: v.Data}
	}
	hits, err := vec.TopK(t.Context(), encode(sdk.RoleDocument, b), encode(sdk.RoleQuery, a), 1, vec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, h := range hits {
		if int(h[0].Row) == i {
			right++
		}
	}
	return float64(right) / float64(len(pairs))
}

func TestSameBytesWithAnyThreads(t *testing.T) {
	pairs := planted(300, 1)
	var want []byte
	for threads := 1; threads <= 3; threads++ {
		dir := train(t, options(threads), defaults(1000), pairs)
		got := append(read(t, dir, weightsFile), read(t, dir, specFile)...)
		if want == nil {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Errorf("%d threads give other bytes than one", threads)
		}
	}
	other := options(1)
	other.Seed++
	if dir := train(t, other, defaults(1000), pairs); bytes.Equal(read(t, dir, weightsFile), want[:len(read(t, dir, weightsFile))]) {
		t.Error("the seed changes nothing")
	}
}

// Digests of the initial table and of a tiny trained model. When one changes,
// the output of the component has changed: raise its revision.
func TestGolden(t *testing.T) {
	s := spec{Buckets: 50, Dim: 7, Seed: 3, MinN: 3, MaxN: 4}
	digest := func(m vec.Matrix) string {
		h := sha256.New()
		if err := writeFloats(h, m.Data); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", h.Sum(nil)[:8])
	}
	const revision, wantInitial, wantTrained = 1, "cadb580ba438cb78", "af193622000ea9f9"
	if got := digest(initialTable(s, 1)); got != wantInitial {
		t.Errorf("initial table: want %s, got %s", wantInitial, got)
	}
	if got := digest(initialTable(s, 3)); got != wantInitial {
		t.Errorf("initial table on 3 threads: want %s, got %s", wantInitial, got)
	}
	dir := train(t, Options{Buckets: s.Buckets, Dim: s.Dim, Seed: s.Seed, MinN: s.MinN, MaxN: s.MaxN, Threads: 1},
		TrainOptions{Examples: 100, BatchSize: 16, Temperature: 0.1, LearningRate: 0.15, Warmup: 0.1}, planted(40, 2))
	m, err := parseSafetensors(read(t, dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := digest(m); got != wantTrained {
		t.Errorf("trained table: want %s, got %s", wantTrained, got)
	}
	if Component.Revision != revision {
		t.Errorf("revision %d: renew the digests above", Component.Revision)
	}
}

func TestInitialTable(t *testing.T) {
	const dim = 64
	m := initialTable(spec{Buckets: 2000, Dim: dim, Seed: 5}, 1)
	var sum, squares, fourth float64
	for _, v := range m.Data {
		x := float64(v) * math.Sqrt(dim)
		sum += x
		squares += x * x
		fourth += x * x * x * x
	}
	n := float64(len(m.Data))
	if mean, variance := sum/n, squares/n; math.Abs(mean) > 0.02 || math.Abs(variance-1) > 0.02 {
		t.Errorf("mean %v and variance %v, want 0 and 1", mean, variance)
	}
	if kurtosis := fourth / n; math.Abs(kurtosis-2.7) > 0.05 {
		t.Errorf("kurtosis %v, want 2.7", kurtosis)
	}
	// A weight does not depend on how many rows there are.
	small := initialTable(spec{Buckets: 10, Dim: dim, Seed: 5}, 1)
	if !slices.Equal(small.Data, m.Data[:len(small.Data)]) {
		t.Error("a smaller table has other weights")
	}
}

func TestLearns(t *testing.T) {
	all := planted(700, 4)
	pairs, held := all[:500], all[500:]
	dir := train(t, options(1), defaults(4000), pairs)
	c := readCard(t, dir)
	first, last := c.Training.Loss[0], c.Training.Loss[len(c.Training.Loss)-1]
	if last.Loss > first.Loss/2 {
		t.Errorf("the loss went from %v to %v", first.Loss, last.Loss)
	}
	if len(c.Training.Loss) > lossPoints || last.Examples != 4000 {
		t.Errorf("%d points of loss, the last after %d examples", len(c.Training.Loss), last.Examples)
	}
	trained, err := New(options(1), &sdk.Model{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	untrained, err := New(options(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	before, after := successAt1(t, untrained, held), successAt1(t, trained, held)
	t.Logf("Success@1 on held-out pairs: untrained %.3f, trained %.3f", before, after)
	if before > 0.1 || after < 0.5 {
		t.Errorf("Success@1 on held-out pairs: untrained %v, want little; trained %v, want much", before, after)
	}
	want := trainingCard{
		Pairs: 500, Languages: map[string]int{"aaa": 500, "bbb": 500}, LanguagePair: map[string]int{"aaa-bbb": 500},
		Examples: 4000, Steps: 63, BatchSize: 64, Temperature: 0.1, LearningRate: 0.15, Warmup: 0.1,
		Loss: c.Training.Loss,
	}
	if diff := cmp.Diff(want, c.Training); diff != "" {
		t.Errorf("card (-want +got)\n%s", diff)
	}
}

// lossOf is the definition, in float64, naively.
func lossOf(table []float64, dim int, texts [][]uint32, tau float64) float64 {
	b := len(texts) / 2
	y := make([][]float64, len(texts))
	for i, t := range texts {
		y[i] = make([]float64, dim)
		for _, r := range t {
			for k := range dim {
				y[i][k] += table[int(r)*dim+k]
			}
		}
		var n float64
		for _, v := range y[i] {
			n += v * v
		}
		if n = math.Sqrt(n); n > 0 {
			for k := range y[i] {
				y[i][k] /= n
			}
		}
	}
	logit := func(i, j int) (s float64) {
		for k := range dim {
			s += y[i][k] * y[b+j][k]
		}
		return s / tau
	}
	var loss float64
	for i := range b {
		var row, col float64
		for j := range b {
			row += math.Exp(logit(i, j))
			col += math.Exp(logit(j, i))
		}
		loss += math.Log(row) + math.Log(col) - 2*logit(i, i)
	}
	return loss / float64(2*b)
}

func TestGradient(t *testing.T) {
	const dim = 6
	// Shared rows, repeated rows, and a text without any.
	texts := [][]uint32{
		{0, 1, 2},
		{3, 3, 1},
		{4},
		{5, 6, 7, 0, 1, 2},
		{},
		{8, 1},
		{9, 9, 9, 2},
		{10, 3},
		{5, 11},
		{4, 6},
	}
	for _, tau := range []float64{0.1, 0.5} {
		table := initialTable(spec{Buckets: 13, Dim: dim, Seed: 2}, 1)
		l := newLearner(table, tau, 1)
		loss, err := l.gradient(texts)
		if err != nil {
			t.Fatal(err)
		}
		l.collect(texts)
		wide := make([]float64, len(table.Data))
		for i, v := range table.Data {
			wide[i] = float64(v)
		}
		if want := lossOf(wide, dim, texts, tau); math.Abs(loss-want) > 1e-5 {
			t.Errorf("loss: want %v, got %v", want, loss)
		}
		got := make([]float32, len(table.Data))
		for s, r := range l.touched {
			l.rowGradient(got[int(r)*dim:int(r+1)*dim], s)
		}
		for i := range wide {
			const h = 1e-5
			v := wide[i]
			wide[i] = v + h
			up := lossOf(wide, dim, texts, tau)
			wide[i] = v - h
			down := lossOf(wide, dim, texts, tau)
			wide[i] = v
			want := (up - down) / (2 * h)
			if math.Abs(float64(got[i])-want) > 1e-5*max(1, math.Abs(want)) {
				t.Errorf("τ %v, row %d, dimension %d: want %v, got %v", tau, i/dim, i%dim, want, got[i])
			}
		}
	}
}

func TestUpdate(t *testing.T) {
	texts := [][]uint32{{0, 1}, {2}, {3, 3}, {1, 4}}
	table := initialTable(spec{Buckets: 6, Dim: 4, Seed: 2}, 1)
	before := slices.Clone(table.Data)
	l := newLearner(table, 0.1, 1)
	if _, err := l.step(texts, 0.15); err != nil {
		t.Fatal(err)
	}
	// The first step of Adagrad has the length rate·√dim, whatever the gradient.
	for r := range 6 {
		var s float64
		for k, v := range table.Row(r) {
			d := float64(v - before[r*4+k])
			s += d * d
		}
		want := 0.15 * 2
		if r == 5 {
			want = 0 // in no text
		}
		if math.Abs(math.Sqrt(s)-want) > 1e-6 {
			t.Errorf("row %d moved by %v, want %v", r, math.Sqrt(s), want)
		}
	}
}

func TestSampler(t *testing.T) {
	rng := newStream(1, 99, 1)
	for range 50 {
		n := 2 + rng.below(200)
		keys := make([][3]int32, n)
		for i := range keys {
			keys[i] = [3]int32{int32(rng.below(n)), int32(i), int32(rng.below(n))}
		}
		s := newSampler(keys, 5)
		want := 1 + rng.below(s.largest())
		count := make([]int, n)
		total := 0
		for total < 20*n {
			batch := s.next(nil, want)
			if len(batch) == 0 || len(batch) > want {
				t.Fatalf("a batch of %d, want 1 to %d", len(batch), want)
			}
			seen := map[[2]int32]bool{}
			for _, p := range batch {
				count[p]++
				for j, k := range keys[p] {
					if seen[[2]int32{int32(j), k}] {
						t.Fatalf("key %d of kind %d is twice in a batch", k, j)
					}
					seen[[2]int32{int32(j), k}] = true
				}
			}
			total += len(batch)
		}
	}
	// Without clashes every epoch has every pair once, in another order.
	keys := make([][3]int32, 10)
	for i := range keys {
		keys[i] = [3]int32{int32(i), int32(i), int32(i)}
	}
	s := newSampler(keys, 5)
	a, b := s.next(nil, 10), s.next(nil, 10)
	if slices.Equal(a, b) {
		t.Error("two epochs have the same order")
	}
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) || len(slices.Compact(a)) != 10 {
		t.Errorf("epochs of %v and %v", a, b)
	}
	if c := newSampler(keys, 6).next(nil, 10); slices.Equal(c, newSampler(keys, 5).next(nil, 10)) {
		t.Error("the seed does not change the order")
	}
	// One target in nine pairs of ten: batches stay small and all pairs come.
	for i := range keys {
		keys[i][0] = int32(i / 9)
	}
	s = newSampler(keys, 5)
	seen := map[int32]int{}
	for range 40 {
		for _, p := range s.next(nil, 2) {
			seen[p]++
		}
	}
	if len(seen) != 10 {
		t.Errorf("of 10 pairs, %d were drawn: %v", len(seen), seen)
	}
}

func TestBatches(t *testing.T) {
	pairs := planted(20, 1)
	pairs[3].B = pairs[4].B // one target twice: 19 distinct
	for _, c := range []struct{ examples, batch, wantBatch, wantSteps int }{
		{100, 256, 19, 6}, {100, 10, 10, 10}, {101, 10, 10, 11}, {2, 10, 10, 1}, {19, 19, 19, 1},
	} {
		to := defaults(c.examples)
		to.BatchSize = c.batch
		got := readCard(t, train(t, options(1), to, pairs)).Training
		last := got.Loss[len(got.Loss)-1].Examples
		if got.BatchSize != c.wantBatch || got.Steps != c.wantSteps || last != c.examples {
			t.Errorf("%d examples by %d: batches of %d in %d steps, %d seen", c.examples, c.batch, got.BatchSize, got.Steps, last)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	same := planted(5, 1)
	for i := range same {
		// Case and punctuation are nothing to the encoder.
		same[i].B.Text = []string{"Same text.", "same, TEXT!"}[i%2]
	}
	boom := errors.New("boom")
	e, err := New(options(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, task := range map[string]*sdk.TrainTask{
		"no pairs":      {Options: defaults(10), Pairs: seq(nil)},
		"one target":    {Options: defaults(10), Pairs: seq(same)},
		"other options": {Options: 3, Pairs: seq(same)},
		"broken pairs": {Options: defaults(10), Pairs: func(yield func(sdk.Pair, error) bool) {
			yield(sdk.Pair{}, boom)
		}},
	} {
		task.Dir = t.TempDir()
		err := e.Train(t.Context(), task)
		if err == nil || (name == "broken pairs" && !errors.Is(err, boom)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLossThatIsNoNumber(t *testing.T) {
	l := newLearner(initialTable(spec{Buckets: 4, Dim: 4, Seed: 2}, 1), 0.1, 1)
	l.table.Row(2)[1] = float32(math.Inf(1))
	_, err := l.step([][]uint32{{0}, {1}, {2}, {3}}, 0.1)
	if err == nil || !strings.Contains(err.Error(), "the loss is NaN") {
		t.Errorf("got %v", err)
	}
}

func TestResume(t *testing.T) {
	pairs := planted(200, 1)
	want := read(t, train(t, options(1), defaults(2000), pairs), weightsFile)
	wantCard := read(t, train(t, options(1), defaults(2000), pairs), specFile)
	e, err := New(options(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	work, dir := t.TempDir(), t.TempDir()
	steps := 0
	run := func(stopAfter int) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		steps = 0
		return e.train(ctx, &sdk.TrainTask{Pairs: seq(pairs), Dir: dir, Work: work, Report: func(int64, int64) {
			if steps++; steps == stopAfter {
				cancel()
			}
		}}, defaults(2000), checkpointInterval)
	}
	if err := run(9); !errors.Is(err, context.Canceled) {
		t.Fatalf("want a cancelled training, got %v", err)
	}
	if err := run(4); !errors.Is(err, context.Canceled) {
		t.Fatalf("want a cancelled training, got %v", err)
	}
	saved := read(t, work, "subword.checkpoint")
	if err := run(-1); err != nil {
		t.Fatal(err)
	}
	if wantSteps := 32 - 9 - 4; steps != wantSteps {
		t.Errorf("the rest took %d steps, want %d", steps, wantSteps)
	}
	if !bytes.Equal(read(t, dir, weightsFile), want) || !bytes.Equal(read(t, dir, specFile), wantCard) {
		t.Error("an interrupted training gives other bytes")
	}
	// A broken checkpoint, and one of another training, start from the beginning.
	broken := slices.Clone(saved)
	broken[len(broken)/2]++
	foreign := bytes.Replace(saved, []byte(`{"identity":"`), []byte(`{"identity":"0`), 1)
	for name, b := range map[string][]byte{"broken": broken, "cut": saved[:len(saved)-9], "foreign": foreign[:len(saved)], "empty": nil} {
		if err := os.WriteFile(filepath.Join(work, "subword.checkpoint"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(-1); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if steps != 32 || !bytes.Equal(read(t, dir, weightsFile), want) {
			t.Errorf("%s checkpoint: %d steps", name, steps)
		}
	}
	if left, err := filepath.Glob(filepath.Join(work, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestEncode(t *testing.T) {
	texts := []sdk.Text{{Text: "Hello, world"}, {Text: ""}, {Text: "😀 …"}, {Text: "مرحبا بالعالم"}, {Text: "a\x00b"}}
	for i := range 200 {
		texts = append(texts, sdk.Text{Text: fmt.Sprint("text number ", i)})
	}
	encode := func(threads int, texts []sdk.Text) []float32 {
		e, err := New(options(threads), nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := e.Encode(t.Context(), sdk.RoleQuery, texts)
		if err != nil {
			t.Fatal(err)
		}
		if v.Rows() != len(texts) || v.Dim != e.Info().Dim {
			t.Fatalf("%d×%d for %d texts", v.Rows(), v.Dim, len(texts))
		}
		return v.Data
	}
	want := encode(1, texts)
	for threads := 2; threads <= 3; threads++ {
		if !slices.Equal(encode(threads, texts), want) {
			t.Errorf("%d threads give other vectors than one", threads)
		}
	}
	for i := range texts {
		row := want[i*24 : (i+1)*24]
		if alone := encode(1, texts[i:i+1]); !slices.Equal(alone, row) {
			t.Errorf("%q: alone it has another vector", texts[i].Text)
		}
		var n float64
		for _, v := range row {
			n += float64(v) * float64(v)
		}
		wantNorm := 1.0
		if i == 1 || i == 2 {
			wantNorm = 0
		}
		if math.Abs(n-wantNorm) > 1e-6 {
			t.Errorf("%q: squared length %v, want %v", texts[i].Text, n, wantNorm)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e, err := New(options(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(ctx, sdk.RoleQuery, texts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestModelRefuses(t *testing.T) {
	dir := train(t, options(1), defaults(10), planted(10, 1))
	other := options(1)
	other.Dim = 25
	if _, err := New(other, &sdk.Model{Dir: dir}); err == nil || !strings.Contains(err.Error(), "other options") {
		t.Errorf("other options: got %v", err)
	}
	weights := read(t, dir, weightsFile)
	for name, b := range map[string][]byte{
		"empty": nil, "short": weights[:5], "header": weights[:40], "values": weights[:len(weights)-1],
		"foreign": []byte("PK\x03\x04 something else entirely"),
		"dtype":   bytes.Replace(weights, []byte("F32"), []byte("F64"), 1),
		"name":    bytes.Replace(weights, []byte("embedding.weight"), []byte("embedding.weighs"), 1),
		"shape":   bytes.Replace(weights, []byte("[4096,24]"), []byte("[2048,48]"), 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, weightsFile), b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := New(options(1), &sdk.Model{Dir: dir}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(options(1), &sdk.Model{Dir: t.TempDir()}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no model: got %v", err)
	}
}

func FuzzParseSafetensors(f *testing.F) {
	var buf bytes.Buffer
	if err := writeSafetensors(&buf, initialTable(spec{Buckets: 3, Dim: 2, Seed: 1}, 1)); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:30])
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	head := `{"embedding.weight":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,8]}}`
	f.Add(append([]byte{byte(len(head)), 0, 0, 0, 0, 0, 0, 0}, head+"12345678"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseSafetensors(b); err == nil {
			if err := m.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSafetensorsInPython(t *testing.T) {
	if err := exec.Command("python3", "-c", "import safetensors.numpy").Run(); err != nil {
		t.Skip("no python3 with safetensors and numpy")
	}
	dir := train(t, options(1), defaults(10), planted(10, 1))
	out, err := exec.Command("python3", "-c", `
import sys, json, hashlib
from safetensors.numpy import load_file
w = load_file(sys.argv[1] + "/model.safetensors")["embedding.weight"]
c = json.load(open(sys.argv[1] + "/xlrun_subword.json"))
assert w.shape == (c["buckets"], c["dim"]), w.shape
print(hashlib.sha256(w.astype("<f4").tobytes()).hexdigest())
`, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m, err := parseSafetensors(read(t, dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if err := writeFloats(h, m.Data); err != nil {
		t.Fatal(err)
	}
	if want, got := fmt.Sprintf("%x", h.Sum(nil)), strings.TrimSpace(string(out)); got != want {
		t.Errorf("python reads other values: %s, want %s", got, want)
	}
}

func TestContinuesFromModel(t *testing.T) {
	pairs := planted(100, 1)
	first := train(t, options(1), defaults(300), pairs)
	e, err := New(options(1), &sdk.Model{Dir: first, Digest: "sha256:1"})
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(e.table().Data)
	dir := t.TempDir()
	if err := e.Train(t.Context(), &sdk.TrainTask{Options: defaults(300), Pairs: seq(pairs), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(e.table().Data, before) {
		t.Error("training changed the encoder that was opened")
	}
	a, b := readCard(t, first).Training.Loss, readCard(t, dir).Training.Loss
	if b[0].Loss > a[0].Loss/2 {
		t.Errorf("it starts at a loss of %v, the first training at %v", b[0].Loss, a[0].Loss)
	}
}

func TestComponent(t *testing.T) {
	p := sdk.Plugin{Name: "subword", Version: "1", Components: []sdk.Component{Component}}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`{"min_n":5,"max_n":4}`, `{"buckets":0}`, `{"buckets":16777216,"dim":4096}`, `{"bukkets":3}`} {
		if _, err := Component.Open(t.Context(), []byte(bad), nil); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := Component.DecodeTrain([]byte(`{}`)); err == nil {
		t.Error("training without examples: no error")
	}
	o, err := Component.DecodeTrain([]byte(`{"examples":10}`))
	if err != nil {
		t.Fatal(err)
	}
	want := TrainOptions{Examples: 10, BatchSize: 256, Temperature: 0.1, LearningRate: 0.15, Warmup: 0.1}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("defaults (-want +got)\n%s", diff)
	}
	e, err := Component.Open(t.Context(), []byte(`{"buckets":1000,"dim":16}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	info := e.(sdk.Encoder).Info()
	if info.Dim != 16 || info.ParamsTotal != 16000 || !info.UnitNorm || !info.PretrainingKnown || len(info.Pretraining) > 0 {
		t.Errorf("info: %+v", info)
	}
}

// Languages never trained on gain from training on others.
func TestTatoeba(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for a few seconds")
	}
	// The sets differ in their English sentences; those of the held-out
	// languages are kept out of training.
	held := []string{"bel", "oci", "cat", "hsb", "nno"}
	var test [][]sdk.Pair
	english := map[string]bool{}
	for _, l := range held {
		p := tatoebaPairs(t, 300, l)
		if len(p) == 0 {
			continue
		}
		test = append(test, p)
		for _, x := range p {
			english[x.B.Text] = true
		}
	}
	pairs := slices.DeleteFunc(tatoebaPairs(t, 600, "spa", "por", "fra", "ita", "ron", "deu", "pol", "ces", "rus", "ukr", "swe", "dan"), func(p sdk.Pair) bool {
		return english[p.B.Text]
	})
	o := Options{Buckets: 16384, Dim: 64, Seed: 1, MinN: 3, MaxN: 5, Threads: 2}
	to := defaults(12000)
	to.BatchSize = 256
	dir := train(t, o, to, pairs)
	trained, err := New(o, &sdk.Model{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	untrained, err := New(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	var before, after float64
	for _, p := range test {
		before += successAt1(t, untrained, p) / float64(len(test))
		after += successAt1(t, trained, p) / float64(len(test))
	}
	t.Logf("%d pairs, %d held-out languages, Success@1: untrained %.3f, trained %.3f", len(pairs), len(test), before, after)
	if after < before+0.05 {
		t.Errorf("Success@1 in held-out languages: untrained %.3f, trained %.3f", before, after)
	}
}
