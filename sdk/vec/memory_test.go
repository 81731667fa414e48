package vec

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A memoryCase is a search of a mapped file in a process of its own.
type memoryCase struct {
	Path    string
	NQ, K   int
	Threads int
	Planted int // documents at even distances, the best of the first query
	Limit   int // of Go's memory, in bytes
}

// memoryUse is what the process says of it, in bytes.
type memoryUse struct {
	Before, Peak int64 // RssAnon: before the search, and the most at any word of progress
	File         int64 // RssFile at that time
	Wrong        string
}

const memoryEnv = "XLRUN_TEST_MEMORY"

// TestSearchesBeyondMemory shows that a corpus is searched from the mapped file
// in little memory: not that of the documents, and not that of the scores.
//
// Private memory may grow by what the documentation of Search and of the index
// allows: the hits and, per thread, blocks of documents and queries and the
// hits collected for them. In the long form a file of 4 GiB is searched under a
// limit of 1 GiB.
func TestSearchesBeyondMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc: this system does not say how much memory is private")
	}
	if build, ok := debug.ReadBuildInfo(); ok && slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector takes memory of its own")
	}
	for _, file := range []struct {
		name    string
		nd, dim int
		limit   int // of private memory, less than the file has
		long    bool
	}{
		{"29 MB", 150_000, 48, 24 << 20, false},
		{"4 GiB", 1 << 20, 1024, 1 << 30, true},
	} {
		t.Run(file.name, func(t *testing.T) {
			if file.long && !thorough() {
				t.Skip("writes 4 GiB: set XLRUN_THOROUGH")
			}
			const planted = 50
			path := filepath.Join(t.TempDir(), "docs.npy")
			writeCorpus(t, path, file.nd, file.dim, planted)
			for _, c := range []struct{ nq, k, threads int }{{1, 100, 1}, {150, 10, 2}, {700, 10, 1}, {84, 1000, 1}} {
				use := searchApart(t, memoryCase{path, c.nq, c.k, c.threads, planted, file.limit})

				perThread := sizes.docBytes + queriesInBlock(c.nq, file.dim, c.k)*(4*file.dim+8*roomFor(c.k)+64)
				hits := c.nq * (8*c.k + 64)
				shards := c.nq * 8 * roomFor(c.k) // the hits that shards have merged
				queries := c.nq * 4 * file.dim
				// Beside what lives, the runtime keeps garbage and stacks.
				bound := int64(c.threads*perThread+hits+shards+queries)*3/2 + 6<<20
				grew := use.Peak - use.Before
				scores, docs := int64(c.nq*file.nd*4), int64(file.nd*file.dim*4)
				t.Logf("%d×%d documents of %.0f MiB, %d queries, k %d, %d threads: private memory %.1f MiB before, %.1f MiB at most, growth %.1f MiB of %.1f allowed; mapped %.0f MiB; all scores would take %.0f MiB",
					file.nd, file.dim, mib(docs), c.nq, c.k, c.threads, mib(use.Before), mib(use.Peak), mib(grew), mib(bound), mib(use.File), mib(scores))
				if use.Wrong != "" {
					t.Error(use.Wrong)
				}
				if grew > bound {
					t.Errorf("private memory grew by %.1f MiB, want at most %.1f", mib(grew), mib(bound))
				}
				if bound > docs/2 || (c.nq > 1 && bound > scores/2) {
					t.Errorf("a bound of %.1f MiB shows nothing", mib(bound))
				}
				if use.Peak > int64(file.limit) {
					t.Errorf("private memory reached %.1f MiB under a limit of %.1f", mib(use.Peak), mib(int64(file.limit)))
				}
			}
		})
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// queriesInBlock is how many queries a block has at most.
func queriesInBlock(nq, dim, k int) int {
	s := search{Index: &Index{docs: Vectors{Dim: dim}, n: 1 << 30}, nq: nq, k: k, threads: 1, sizes: sizes}
	blocks, _ := s.plan()
	return nq/blocks + queryUnit
}

// memoryQueries are the queries of a case; query i is row i.
func memoryQueries(nq, dim int) Matrix {
	rng := rand.New(rand.NewPCG(31, 32))
	m := NewMatrix(nq, dim)
	for i := range m.Data {
		m.Data[i] = rng.Float32() - 0.5
	}
	return m
}

// plantedAt returns the row of a planted document.
func plantedAt(j, planted, nd int) int { return (2*j + 1) * nd / (2 * planted) }

// writeCorpus writes documents of small values, and some that are the first
// query times a number that falls.
func writeCorpus(t *testing.T, path string, nd, dim, planted int) {
	t.Helper()
	w, err := CreateNPY(path, dim)
	if err != nil {
		t.Fatal(err)
	}
	query := memoryQueries(1, dim).Row(0)
	const rows = 256
	buf := make([]float32, rows*dim)
	rng := rand.New(rand.NewPCG(33, 34))
	next := 0
	for lo := 0; lo < nd; lo += rows {
		n := min(rows, nd-lo)
		for i := 0; i < len(buf); i += 2 {
			b := rng.Uint64()
			buf[i] = float32(int32(b)>>8) / (1 << 24)
			if i+1 < len(buf) {
				buf[i+1] = float32(int32(b>>32)>>8) / (1 << 24)
			}
		}
		for ; next < planted && plantedAt(next, planted, nd) < lo+n; next++ {
			r := plantedAt(next, planted, nd) - lo
			for i, v := range query {
				buf[r*dim+i] = v * float32(1000-next)
			}
		}
		if err := w.Append(buf[:n*dim]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// searchApart runs TestMemoryOfSearch in another process.
func searchApart(t *testing.T, c memoryCase) memoryUse {
	t.Helper()
	job, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestMemoryOfSearch$", "-test.v")
	cmd.Env = append(os.Environ(), memoryEnv+"="+string(job), "GOMEMLIMIT="+strconv.Itoa(c.Limit))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, ok := strings.Cut(string(out), "USE ")
	if !ok {
		t.Fatalf("no word of memory in\n%s", out)
	}
	line, _, _ := strings.Cut(rest, "\n")
	var use memoryUse
	if err := json.Unmarshal([]byte(line), &use); err != nil {
		t.Fatal(err)
	}
	return use
}

// TestMemoryOfSearch is the other process of TestSearchesBeyondMemory.
func TestMemoryOfSearch(t *testing.T) {
	job := os.Getenv(memoryEnv)
	if job == "" {
		t.Skip("it is run by TestSearchesBeyondMemory")
	}
	var c memoryCase
	if err := json.Unmarshal([]byte(job), &c); err != nil {
		t.Fatal(err)
	}
	f, err := OpenVectors(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	queries := memoryQueries(c.NQ, f.Dim)
	x, err := Scan(f.Vectors, IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	debug.FreeOSMemory()
	var use memoryUse
	if use.Before, _, err = resident(); err != nil {
		t.Fatal(err)
	}
	look := func(int64, int64) {
		anon, file, err := resident()
		if err != nil {
			t.Error(err)
		}
		use.Peak, use.File = max(use.Peak, anon), max(use.File, file)
	}
	got, err := x.Search(t.Context(), queries.Vectors(), c.K, SearchOptions{Threads: c.Threads, Progress: look})
	if err != nil {
		t.Fatal(err)
	}
	look(0, 0)
	// The planted documents are the best of the first query, in order.
	for i := range min(c.K, c.Planted) {
		if want := plantedAt(i, c.Planted, f.Rows); int(got[0][i].Row) != want {
			use.Wrong = fmt.Sprintf("rank %d: want row %d, got %v", i+1, want, got[0][i])
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(use)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("USE %s\n", b)
}

// resident returns how much memory of this process is private and how much
// belongs to files, in bytes.
func resident() (anon, file int64, err error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	found := 0
	s := bufio.NewScanner(f)
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), ":")
		if name != "RssAnon" && name != "RssFile" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if name == "RssAnon" {
			anon = n << 10
		} else {
			file = n << 10
		}
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("/proc/self/status has no RssAnon and RssFile")
	}
	return anon, file, s.Err()
}
