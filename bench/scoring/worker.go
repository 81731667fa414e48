package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/xlrun/xlrun/bench/internal/ceiling"
	"github.com/xlrun/xlrun/internal/simd"
	"github.com/xlrun/xlrun/sdk/vec"
)

// workerArg makes the program a worker: one process of one round. It reads a
// job from stdin and writes an answer to stdout, as peer.py does.
const workerArg = "worker"

// A job is what one process has to do.
type job struct {
	Method     string `json:"method"` // packed, scan, gonum, ceilings, hashes; else a method of peer.py
	Docs       string `json:"docs,omitempty"`
	Queries    string `json:"queries,omitempty"`
	DocRows    int    `json:"doc_rows,omitempty"` // the first rows only; 0 means all
	QueryRows  int    `json:"query_rows,omitempty"`
	Similarity string `json:"similarity,omitempty"`
	K          int    `json:"k,omitempty"`
	Threads    int    `json:"threads"`
	Reps       int    `json:"reps,omitempty"`
	IDs        string `json:"ids,omitempty"`   // the file for the ids found
	Bytes      int    `json:"bytes,omitempty"` // ceilings: the buffer to read

	// Of peers only.
	Config   string         `json:"config,omitempty"`   // split or default
	Settings map[string]int `json:"settings,omitempty"` // FAISS: its global variables
	Worth    float64        `json:"worth,omitempty"`    // faiss_tune: the time, of the default's, that a setting must reach
	EF       int            `json:"ef,omitempty"`       // HNSW: candidates kept
	Index    string         `json:"index,omitempty"`    // HNSW: where the built index lies
}

// An answer is what a process has to say. Times are seconds.
type answer struct {
	Load  float64   `json:"load,omitempty"`  // mapping or reading the files
	Build float64   `json:"build,omitempty"` // building the index
	Wall  []float64 `json:"wall,omitempty"`  // of each timed search
	CPU   []float64 `json:"cpu,omitempty"`   // of all threads together
	Level string    `json:"level,omitempty"` // the instructions that ran
	Hash  string    `json:"hash,omitempty"`  // of rows and score bits
	BLAS  []blasLib `json:"blas,omitempty"`

	Ceilings *ceilings         `json:"ceilings,omitempty"`
	Hashes   map[string]string `json:"hashes,omitempty"`
	Settings map[string]int    `json:"settings,omitempty"` // of faiss_tune
}

// ceilings are rates a second over all threads; 0 means not measured.
type ceilings struct {
	FMA256 float64 `json:"fma256"` // float32 operations
	FMA512 float64 `json:"fma512"`
	Read4  float64 `json:"read4"`       // bytes, four streams a thread, huge pages
	Read1  float64 `json:"read1"`       // bytes, one prefetched stream, huge pages
	Small4 float64 `json:"read4_small"` // as Read4, on pages of 4 KiB or what the allocator gives
}

// fma is the higher of the peaks.
func (c ceilings) fma() float64 { return max(c.FMA256, c.FMA512) }

func work(stdin io.Reader, stdout, stderr io.Writer) int {
	var j job
	if err := json.NewDecoder(stdin).Decode(&j); err != nil {
		say(stderr, "scoring worker: error: read the job: %v", err)
		return exitUsage
	}
	a, err := j.do(context.Background())
	if err == nil {
		err = json.NewEncoder(stdout).Encode(a)
	}
	if err != nil {
		say(stderr, "scoring worker: error: %v", err)
		return exitFailed
	}
	return exitDone
}

func (j job) do(ctx context.Context) (answer, error) {
	if j.Method == "ceilings" {
		return measureCeilings(j.Threads, j.Bytes)
	}
	start := time.Now()
	docs, err := vec.OpenVectors(j.Docs)
	if err != nil {
		return answer{}, err
	}
	defer docs.Close() //nolint:errcheck // the process ends
	queries, err := vec.OpenVectors(j.Queries)
	if err != nil {
		return answer{}, err
	}
	defer queries.Close() //nolint:errcheck // the process ends
	d, q := first(docs.Vectors, j.DocRows), first(queries.Vectors, j.QueryRows)
	a := answer{Load: time.Since(start).Seconds(), Level: simd.Current().String()}
	if j.Method == "hashes" {
		a.Hashes, err = j.hashes(ctx, d, q)
		return a, err
	}
	start = time.Now()
	search, err := j.searcher(ctx, d, q)
	if err != nil {
		return answer{}, err
	}
	a.Build = time.Since(start).Seconds()
	found, err := search()
	if err != nil {
		return answer{}, err
	}
	for range j.Reps {
		cpu, _ := cpuTime()
		start := time.Now()
		if found, err = search(); err != nil {
			return answer{}, err
		}
		a.Wall = append(a.Wall, time.Since(start).Seconds())
		now, _ := cpuTime()
		a.CPU = append(a.CPU, (now - cpu).Seconds())
	}
	a.Hash = hashHits(found)
	if j.IDs != "" {
		err = writeIDs(j.IDs, found, j.K)
	}
	return a, err
}

func first(v vec.Vectors, rows int) vec.Vectors {
	if rows == 0 {
		return v
	}
	return v.Slice(0, min(rows, v.Rows))
}

// searcher builds what the method searches and returns the search to be timed.
func (j job) searcher(ctx context.Context, docs, queries vec.Vectors) (func() ([][]vec.Hit, error), error) {
	sim, err := vec.ParseSimilarity(j.Similarity)
	if err != nil {
		return nil, err
	}
	if j.Method == "gonum" {
		if sim != vec.InnerProduct {
			return nil, errors.New("gonum: inner product only")
		}
		x, q := docs.Matrix(), queries.Matrix()
		return func() ([][]vec.Hit, error) { return gonumSearch(x, q, j.K, j.Threads), nil }, nil
	}
	index, err := open(ctx, j.Method, docs, sim, j.Threads)
	if err != nil {
		return nil, err
	}
	return func() ([][]vec.Hit, error) {
		return index(ctx, queries, j.K, j.Threads)
	}, nil
}

// gonumSearch is what one writes with gonum: products of blocks, and a heap of
// k for each query. Gemm makes its own threads, as many as GOMAXPROCS; the heaps
// are shared out here.
func gonumSearch(docs, queries vec.Matrix, k, threads int) [][]vec.Hit {
	const block = 4096
	heaps := make([]heap, queries.Rows)
	scores := make([]float32, queries.Rows*min(block, docs.Rows))
	a := blas32.General{Rows: queries.Rows, Cols: queries.Dim, Stride: queries.Dim, Data: queries.Data}
	for lo := 0; lo < docs.Rows; lo += block {
		n := min(block, docs.Rows-lo)
		b := blas32.General{Rows: n, Cols: docs.Dim, Stride: docs.Dim, Data: docs.Data[lo*docs.Dim : (lo+n)*docs.Dim]}
		c := blas32.General{Rows: queries.Rows, Cols: n, Stride: n, Data: scores[:queries.Rows*n]}
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, a, b, 0, c)
		var wg sync.WaitGroup
		for t := range threads {
			wg.Go(func() {
				for i := t; i < queries.Rows; i += threads {
					for j, s := range c.Data[i*n : (i+1)*n] {
						if len(heaps[i]) < k || s > heaps[i][0].Score {
							heaps[i].push(vec.Hit{Row: int32(lo + j), Score: s}, k)
						}
					}
				}
			})
		}
		wg.Wait()
	}
	out := make([][]vec.Hit, len(heaps))
	for i, h := range heaps {
		slices.SortFunc(h, func(a, b vec.Hit) int {
			if a.Score != b.Score {
				if a.Score > b.Score {
					return -1
				}
				return 1
			}
			return int(a.Row - b.Row)
		})
		out[i] = h
	}
	return out
}

// heap has the worst of the best hits on top. container/heap would call two
// methods of an interface for every step; a peer should not lose by that.
type heap []vec.Hit

// push adds x, and drops the worst where there are more than k.
func (h *heap) push(x vec.Hit, k int) {
	s := *h
	if len(s) < k {
		s = append(s, x)
		i := len(s) - 1
		for i > 0 && s[(i-1)/2].Score > x.Score {
			s[i] = s[(i-1)/2]
			i = (i - 1) / 2
		}
		s[i] = x
		*h = s
		return
	}
	i := 0
	for {
		c := 2*i + 1
		if c >= len(s) {
			break
		}
		if c+1 < len(s) && s[c+1].Score < s[c].Score {
			c++
		}
		if s[c].Score >= x.Score {
			break
		}
		s[i] = s[c]
		i = c
	}
	s[i] = x
}

// hashHits is one digest of the rows and the bits of the scores.
func hashHits(found [][]vec.Hit) string {
	h := sha256.New()
	var b []byte
	for _, hits := range found {
		b = binary.LittleEndian.AppendUint32(b[:0], uint32(len(hits)))
		for _, x := range hits {
			b = binary.LittleEndian.AppendUint32(b, uint32(x.Row))
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x.Score))
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// writeIDs writes the rows found as int64, k of each query, -1 where there are
// fewer.
func writeIDs(path string, found [][]vec.Hit, k int) error {
	b := make([]byte, 0, len(found)*k*8)
	for _, hits := range found {
		for i := range k {
			id := int64(-1)
			if i < len(hits) {
				id = int64(hits[i].Row)
			}
			b = binary.LittleEndian.AppendUint64(b, uint64(id))
		}
	}
	return os.WriteFile(path, b, 0o644)
}

// hashes searches in every way that must not matter, all in this process, whose
// level XLRUN_SIMD chose. The ids that it writes are those of the first way.
func (j job) hashes(ctx context.Context, docs, queries vec.Vectors) (map[string]string, error) {
	out := map[string]string{}
	k := j.K
	for _, sim := range similarities(docs.Element) {
		for _, method := range []string{"packed", "scan"} {
			index, err := open(ctx, method, docs, sim, 2)
			if err != nil {
				return nil, err
			}
			for _, threads := range []int{1, 2, 4} {
				found, err := index(ctx, queries, k, threads)
				if err != nil {
					return nil, err
				}
				if len(out) == 0 && j.IDs != "" {
					if err := writeIDs(j.IDs, found, k); err != nil {
						return nil, err
					}
				}
				out[fmt.Sprintf("%s, %s, %d threads", sim, method, threads)] = hashHits(found)
			}
			const shards = 7
			parts := make([][][]vec.Hit, shards)
			for s := range shards {
				lo, hi := docs.Rows*s/shards, docs.Rows*(s+1)/shards
				index, err := open(ctx, method, docs.Slice(lo, hi), sim, 1)
				if err != nil {
					return nil, err
				}
				if parts[s], err = index(ctx, queries, k, 1); err != nil {
					return nil, err
				}
				for _, hits := range parts[s] {
					for i := range hits {
						hits[i].Row += int32(lo)
					}
				}
			}
			merged := make([][]vec.Hit, queries.Rows)
			lists := make([][]vec.Hit, shards)
			for q := range merged {
				for s := range lists {
					lists[s] = parts[s][q]
				}
				merged[q] = vec.Merge(k, lists...)
			}
			out[fmt.Sprintf("%s, %s, %d shards", sim, method, shards)] = hashHits(merged)
		}
	}
	return out, nil
}

// similarities are those that an element has.
func similarities(e vec.Element) []vec.Similarity {
	if e == vec.Bits {
		return []vec.Similarity{vec.InnerProduct}
	}
	return []vec.Similarity{vec.InnerProduct, vec.Cosine, vec.L2}
}

// measureCeilings times each loop three times, reading size bytes again and
// again, and keeps the highest rate: what disturbs a loop can only lower it.
func measureCeilings(threads, size int) (answer, error) {
	d := 100 * time.Millisecond
	if size < 64<<20 {
		d /= 20 // the program is only tried
	}
	var c ceilings
	huge, err := hugeBuffer(size)
	if err != nil {
		return answer{}, fmt.Errorf("allocate a buffer to read: %w", err)
	}
	small := make([]byte, size)
	fill(small)
	cpu, _ := cpuTime()
	start := time.Now()
	for _, m := range []struct {
		to      *float64
		measure func() (float64, error)
	}{
		{&c.FMA256, func() (float64, error) { return ceiling.FMA256(threads, d) }},
		{&c.FMA512, func() (float64, error) { return ceiling.FMA512(threads, d) }},
		{&c.Read4, func() (float64, error) { return ceiling.ReadFour(huge, threads, d) }},
		{&c.Read1, func() (float64, error) { return ceiling.ReadOne(huge, threads, d) }},
		{&c.Small4, func() (float64, error) { return ceiling.ReadFour(small, threads, d) }},
	} {
		for range 3 {
			rate, err := m.measure()
			if err != nil && !errors.Is(err, ceiling.ErrNone) {
				return answer{}, err
			}
			*m.to = max(*m.to, rate)
		}
	}
	now, _ := cpuTime()
	return answer{Ceilings: &c, Wall: []float64{time.Since(start).Seconds()}, CPU: []float64{(now - cpu).Seconds()}}, nil
}

// fill touches every page, so that none is the kernel's one page of zeros.
func fill(b []byte) {
	for i := range b {
		b[i] = 1
	}
}
