package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk/vec"
)

// TestMain lets the test binary be the worker that the driver starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		os.Exit(work(os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// try runs the program on a sliver of the data and returns what it wrote.
func try(t *testing.T, ctx context.Context, args ...string) (status int, stdout, stderr string, cache string) {
	t.Helper()
	cache = t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache) // where XDG is not heard of
	var out, errs bytes.Buffer
	status = run(ctx, append([]string{"-scale", "0.005", "-rounds", "2", "-retries", "0"}, args...), &out, &errs)
	return status, out.String(), errs.String(), cache
}

// left lists the files below a directory.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	status, stdout, stderr, cache := try(t, t.Context(), "-case", "^k10/t1$", "-python", "no-such-python", "-gate=false", "-json", file)
	if status != exitDone {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	for _, want := range []string{
		"### k10/t1: Q=1000 N=500 D=384 k=10, float32, ip, 1 thread",
		"| xlrun, packed (", "| xlrun, mapped file | ", "| gonum Gemm + heap | ", "50 right |",
		"Absent: faiss: ", "Absent: usearch: ", "best FAISS ≥ 1.15: nothing to compare with",
		"Scale 0.005: the figures mean nothing.",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("stdout lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(stdout)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 1 || len(r.Cases[0].Rounds) != 2 || len(r.Cases[0].Rows) != 3 {
		t.Fatalf("the JSON has another shape: %s", b)
	}
	for _, x := range r.Cases[0].Rows {
		if x.Wall <= 0 || x.Rate <= 0 {
			t.Errorf("%s: no time was measured", x.Name)
		}
	}
	if strings.Contains(string(b), cache) {
		t.Error("the JSON has paths of this machine")
	}
	if files := left(t, cache); len(files) > 0 {
		t.Errorf("files are left: %q", files)
	}
}

// TestHashes runs the comparison of hashes, the slowest way of all included.
func TestHashes(t *testing.T) {
	d := &driver{dir: t.TempDir(), stderr: &bytes.Buffer{}, pin: pinner(t.Context())}
	d.store = &store{dir: d.dir}
	var err error
	if d.self, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	found, err := d.compareHashes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		if r.Failed != "" {
			t.Errorf("%s: %s", r.Data, r.Failed)
		}
		if len(r.Differs) > 0 {
			t.Errorf("%s: %q", r.Data, r.Differs)
		}
		if r.IDs.Wrong > 0 || r.IDs.Queries == 0 {
			t.Errorf("%s: %d of %d lists are wrong: %s", r.Data, r.IDs.Wrong, r.IDs.Queries, r.IDs.First)
		}
	}
}

func TestHashDiffers(t *testing.T) {
	r := hashResult{Hashes: map[string]string{}}
	r.add("avx2", answer{Level: "avx2", Hashes: map[string]string{"ip, packed": "a", "ip, scan": "a", "l2, packed": "b"}})
	r.add("go", answer{Level: "go", Hashes: map[string]string{"ip, packed": "a", "ip, scan": "c", "l2, packed": "b"}})
	if want := []string{"go, ip, scan"}; !slices.Equal(r.Differs, want) || r.Ways != 6 {
		t.Errorf("got %q of %d ways, want %q of 6", r.Differs, r.Ways, want)
	}
	r.add("avx512", answer{Level: "avx2"})
	if len(r.Differs) != 2 {
		t.Error("a level that was not asked for ran, and nobody said so")
	}
}

// TestInterrupt cancels before and while cases run: nothing may stay behind.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, _, stderr, cache := try(t, ctx, "-case", "^k10/t1$", "-python", "no-such-python")
	if status != exitInterrupted {
		t.Errorf("status %d, want %d\n%s", status, exitInterrupted, stderr)
	}
	if files := left(t, cache); len(files) > 0 {
		t.Errorf("files are left: %q", files)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"-rounds", "0"},
		{"-threads", "1,x"},
		{"-threads", "0"},
		{"-case", "("},
		{"-peers", "["},
		{"-scale", "0"},
		{"-scale", "NaN"},
		{"-retries", "-1"},
		{"stray"},
		{"-nonsense"},
		{"-case", "^no such case$", "-python", "no-such-python"},
	} {
		if status, _, stderr, _ := try(t, t.Context(), args...); status != exitUsage {
			t.Errorf("%q: status %d, want %d\n%s", args, status, exitUsage, stderr)
		}
	}
}

// TestPeers runs peer.py with the numpy that is here.
func TestPeers(t *testing.T) {
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if exec.CommandContext(t.Context(), path, "-c", "import numpy").Run() != nil {
		t.Skip("python3 has no numpy")
	}
	status, stdout, stderr, _ := try(t, t.Context(), "-case", "^(k10|one|int8|bits)/t1$", "-python", path, "-gate=false")
	if status != exitDone {
		t.Fatalf("status %d\n%s%s", status, stdout, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| | ") || strings.HasPrefix(line, "| ---") {
			continue
		}
		if !strings.Contains(line, " right |") && !strings.Contains(line, "alone") {
			t.Errorf("ids are not right: %s", line)
		}
	}
	if !strings.Contains(stdout, "argpartition |") || !strings.Contains(stdout, "sgemv alone") {
		t.Errorf("numpy did not take part:\n%s", stdout)
	}
}

// TestDatasets checks that a description gives one file, whatever the machine,
// and that the sets are what they are called.
func TestDatasets(t *testing.T) {
	for _, d := range []dataset{
		{"gaussian", vec.Float32, blockRows + 700, 20, 1},
		{"clustered", vec.Float32, blockRows + 700, 40, 1},
		{"duplicates", vec.Float32, blockRows + 700, 20, 1},
		{"gaussian", vec.Float16, 300, 20, 1},
		{"gaussian", vec.Int8, 300, 20, 1},
		{"gaussian", vec.Bits, 300, 24, 1},
	} {
		one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
		for _, f := range []struct {
			path    string
			threads int
		}{{one, 1}, {two, 3}} {
			before := runtime.GOMAXPROCS(f.threads)
			err := d.write(t.Context(), f.path)
			runtime.GOMAXPROCS(before)
			if err != nil {
				t.Fatal(err)
			}
		}
		a, errA := os.ReadFile(one)
		b, errB := os.ReadFile(two)
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: bytes depend on the threads that drew them", d.file())
		}
		v, err := vec.ParseVectors(a)
		if err != nil {
			t.Fatal(err)
		}
		if v.Rows != d.Rows || v.Dim != d.Dim || v.Element != d.Element {
			t.Errorf("%s: got %d×%d %s", d.file(), v.Rows, v.Dim, v.Element)
		}
		rows := map[string]int{}
		var x []float32
		for i := range v.Rows {
			x = v.AppendFloat32(x[:0], i)
			var n float64
			for _, f := range x {
				n += float64(f) * float64(f)
			}
			if d.Element == vec.Float32 && (n < 1-1e-5 || n > 1+1e-5) {
				t.Fatalf("%s: row %d has the squared length %v", d.file(), i, n)
			}
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			rows[string(b)]++
		}
		want := d.Rows
		if d.Shape == "duplicates" {
			want -= blockRows/twins + 700/twins
		}
		if d.Element == vec.Float32 && len(rows) != want {
			t.Errorf("%s: %d different rows, want %d", d.file(), len(rows), want)
		}
	}
}

func TestReference(t *testing.T) {
	// One query; scores 0.9, 0.8, 0.8+1e-6, 0.1, -1.
	docs, err := vec.ParseVectors(npy(t, vec.Matrix{Rows: 5, Dim: 1, Data: []float32{0.8, 0.9, 0.800001, 0.1, -1}}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReference(t.Context(), docs, vec.Matrix{Rows: 1, Dim: 1, Data: []float32{1}}.Vectors(), vec.InnerProduct)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		ids  []int64
		want string
	}{
		{"right", []int64{1, 2, 0}, ""},
		{"a tie in the other order", []int64{1, 0, 2}, ""},
		{"a tie at the end", []int64{1, 0}, ""},
		{"best missing", []int64{2, 0, 3}, "row 3 scores"},
		{"best missing, nothing worse", []int64{2, 0}, "row 1 scores 0.899999976 and is not there"},
		{"order", []int64{2, 1, 0}, "rank 2 scores"},
		{"twice", []int64{1, 2, 2}, "row 2 occurs twice"},
		{"no row", []int64{1, 2, -1}, "rank 3 is -1"},
		{"beyond", []int64{1, 2, 5}, "rank 3 is 5"},
		{"all, and more than there are", []int64{1, 2, 0, 3, 4, -1, -1}, ""},
	} {
		v := r.check(c.ids, len(c.ids))
		if c.want == "" && v.Wrong != 0 || c.want != "" && !strings.Contains(v.First, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, v.First, c.want)
		}
		if v.Queries != 1 {
			t.Errorf("%s: %d queries checked", c.name, v.Queries)
		}
	}
	if v := r.check([]int64{1, 3}, 2); v.Recall != 0.5 {
		t.Errorf("recall %v, want 0.5", v.Recall)
	}
}

func npy(t *testing.T, m vec.Matrix) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := vec.WriteNPY(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGonum checks the peer that is ours against the reference.
func TestGonum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := (dataset{"duplicates", vec.Float32, 5000, 33, 1}).write(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	docs, err := vec.OpenVectors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close() //nolint:errcheck // read only
	queries := docs.Slice(10, 17)
	ref, err := newReference(t.Context(), docs.Vectors, queries, vec.InnerProduct)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{1, 7, 100} {
		ids := filepath.Join(t.TempDir(), "ids")
		if err := writeIDs(ids, gonumSearch(docs.Matrix(), queries.Matrix(), k, 2), k); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(ids)
		if err != nil {
			t.Fatal(err)
		}
		if v := ref.check(parseIDs(b), k); v.Wrong > 0 || v.Queries != 7 {
			t.Errorf("k=%d: %+v", k, v)
		}
	}
}

// TestSummary computes ratios of four rounds, of which one was disturbed.
func TestSummary(t *testing.T) {
	p := plan{name: "x", docs: gaussian(vec.Float32, 1000, 100), queries: 10, k: 1, roof: "fma", wants: []want{
		{of: bestFAISS, atLeast: 1.5}, {of: bestFAISS, atLeast: 2.5}, {of: "fma", atLeast: 0.4}, {of: scanName, atMost: 1.1},
	}}
	c := &kase{Name: "x/t1", Threads: 1, plan: p}
	for _, n := range []string{oursName, "FAISS a", "FAISS b", "slow"} {
		x := contender{name: n, family: "faiss", job: job{Threads: 1}, docs: p.docs}
		if n == oursName || n == "slow" {
			x.family = n
		}
		c.contenders = append(c.contenders, x)
	}
	at := func(wall float64, quiet bool) figure { return figure{Wall: wall, CPU: wall, Build: wall, Quiet: quiet} }
	r := &caseResult{kase: c, Threads: 1}
	for n, ours := range []figure{at(1, true), at(2, true), at(9, false), at(1, true)} {
		r.Rounds = append(r.Rounds, roundResult{
			Ceilings: ceilings{FMA256: 4e6, FMA512: 3e6}, CeilingsQuiet: true,
			Figures: map[string]figure{
				oursName:  ours,
				"FAISS a": at([]float64{2, 6, 1, 4}[n], true),    // 2, 3, (1/9), 4
				"FAISS b": at([]float64{3, 4, 2, 1.5}[n], n < 3), // 3, 2, (2/9), (1.5)
				"slow":    {Wall: 8, CPU: 8, Rejected: 2},        // never quiet
			},
		})
	}
	r.summarize()
	if len(r.Rows) != 4 {
		t.Fatalf("%d rows, want 4", len(r.Rows))
	}
	for i, want := range []row{
		{Rounds: 3, Rejected: 1, Ratio: interval{1, 1, 1}, Wall: 1},
		{Rounds: 3, Ratio: interval{3, 2, 4}, Wall: 4},
		{Rounds: 2, Rejected: 1, Ratio: interval{2.5, 2, 3}, Wall: 3.5},
		{Rounds: 4, Rejected: 12, Ratio: interval{6, 8. / 9, 8}, Wall: 8, Busy: true},
	} {
		got := r.Rows[i]
		if got.Rounds != want.Rounds || got.Rejected != want.Rejected || got.Ratio != want.Ratio || got.Wall != want.Wall || got.Busy != want.Busy {
			t.Errorf("%s: got %+v, want %+v", got.Name, got, want)
		}
	}
	if got := r.Rows[0].Share; got != (interval{0.5, 0.25, 0.5}) {
		t.Errorf("share of the peak: %+v", got)
	}
	for i, want := range []target{
		{Of: "best FAISS (FAISS b)", Value: 2.5, Met: true},
		{Of: "best FAISS (FAISS b)", Value: 2.5, Met: true},
		{Of: "share of FMA peak", Value: 0.5, Met: true},
		{Of: scanName, Absent: true},
	} {
		got := r.Targets[i]
		if got.Of != want.Of || got.Value != want.Value || got.Met != want.Met || got.Absent != want.Absent {
			t.Errorf("target %d: got %+v, want %+v", i, got, want)
		}
	}
	if ok, short := (want{atMost: 2}).met(3); ok || short != 1 {
		t.Error("a ratio beyond the most that was wanted is called met")
	}
}

func TestQuiet(t *testing.T) {
	for _, c := range []struct {
		wall, cpu float64
		busy      int
		want      bool
	}{
		{1, 1, 1, true},
		{1, 0.94, 1, false},
		{1, 1.9, 2, true},
		{1, 1.5, 2, false},
		{1, 0, 2, true}, // unknown
	} {
		if got := quiet(answer{Wall: []float64{c.wall, c.wall}, CPU: []float64{c.cpu, c.cpu}}, c.busy); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

// TestPeersOfCase checks who takes part, and who is named absent.
func TestPeersOfCase(t *testing.T) {
	good := blasLib{Kind: "OpenBLAS", Config: "OpenBLAS 0.3.21 X", Owner: ""}
	slow := blasLib{Kind: "reference"}
	d := &driver{settings: settings{threads: []int{1, 2}, scale: 1}}
	cases := d.cases([]python{
		{path: "a", NumPy: "1", FAISS: "1.7.3", BLAS: []blasLib{slow}},
		{path: "b", NumPy: "2", FAISS: "1.15.1", USearch: "2.1", BLAS: []blasLib{good}},
		{path: "c", NumPy: "2", FAISS: "1.15.1", BLAS: []blasLib{good}},
	})
	find := func(name string) *kase {
		i := slices.IndexFunc(cases, func(c kase) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("no case %s", name)
		}
		return &cases[i]
	}
	names := func(c *kase) (out []string) {
		for _, x := range c.contenders {
			out = append(out, x.name)
		}
		return out
	}
	if got, want := names(find("k100/t2")), []string{
		oursName, scanName, singleName, "FAISS 1.7.3", "FAISS 1.15.1", "FAISS 1.7.3, default threads", "FAISS 1.15.1, default threads",
	}; !slices.Equal(got, want) {
		t.Errorf("k100/t2: got %q, want %q", got, want)
	}
	c := find("k100/t1")
	if x := c.contenders[2]; x.family == "faiss" || len(x.notes) == 0 {
		t.Errorf("FAISS on the reference BLAS passes for a fair peer: %+v", x)
	}
	if got := find("int8/t1").absent; len(got) != 1 || !strings.Contains(got[0], "1.7.3") {
		t.Errorf("int8/t1: absent %q", got)
	}
	for _, c := range cases {
		if c.plan.extra {
			t.Errorf("%s runs unasked", c.Name)
		}
	}
}

func TestParse(t *testing.T) {
	if got, want := parseCPUs(" 0-2,5\n"), []string{"0", "1", "2", "5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := parseCPUs("none"); got != nil {
		t.Errorf("got %q of no list", got)
	}
	for _, c := range []struct {
		version string
		want    bool
	}{{"1.7.3", true}, {"1.9.0", false}, {"1.15.1", false}, {"0.9", true}, {"2.0", false}, {"git", false}} {
		if got := older(c.version, 1, 9); got != c.want {
			t.Errorf("older(%q): %v", c.version, got)
		}
	}
	if got := lastLine("a\nb\n\n"); got != "b" {
		t.Errorf("last line %q", got)
	}
	if got := median([]float64{3, 1, 2, 10}); got != 2.5 {
		t.Errorf("median %v", got)
	}
}
