package runner

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// joining is a job that joins what encoders gave, each in pieces of its own.
func joining(t *testing.T, parts [][]*sdk.Embeddings) *job {
	t.Helper()
	r := &run{store: newStore(t), index: map[*study.Step]*node{}}
	j := &job{r: r, step: &study.Step{Stage: study.StageJoin}, report: func(_, _ int64) {}}
	for i, pieces := range parts {
		w := &vectorWriter{j: j}
		for _, e := range pieces {
			if err := w.add(e); err != nil {
				t.Fatal(err)
			}
		}
		o, err := w.store()
		if err != nil {
			t.Fatal(err)
		}
		s := &study.Step{Stage: study.StageEncode, Label: fmt.Sprint("part ", i), Recipe: cas.Sum(fmt.Append(nil, i))}
		r.index[s] = &node{step: s, rec: &record{Stage: s.Stage, Outputs: map[string]output{partVectors: o}, Meta: meta{Rows: w.rows, Dim: w.dim}}}
		j.step.Inputs = append(j.step.Inputs, study.Input{Role: "vectors", Step: s, Part: partVectors})
	}
	return j
}

// embeddings makes random rows; sparse ones have up to three values, or none.
func embeddings(rng *rand.Rand, rows, dim int, sparse bool) *sdk.Embeddings {
	e := &sdk.Embeddings{Dim: dim}
	if !sparse {
		for range rows * dim {
			e.Data = append(e.Data, rng.Float32())
		}
		return e
	}
	e.Indptr = []int64{0}
	for range rows {
		at := rng.Perm(dim)[:rng.IntN(4)]
		slices.Sort(at)
		for _, c := range at {
			e.Indices = append(e.Indices, uint32(c))
			e.Values = append(e.Values, rng.Float32())
		}
		e.Indptr = append(e.Indptr, int64(len(e.Indices)))
	}
	return e
}

// TestJoin: the joined matrix has the bytes that one encoding of all texts
// gives.
func TestJoin(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(4, 2))
		var parts [][]*sdk.Embeddings
		var all []*sdk.Embeddings
		for _, rows := range []int{5, 1, 33} {
			pieces := []*sdk.Embeddings{embeddings(rng, rows, 40, sparse), embeddings(rng, 2, 40, sparse)}
			parts = append(parts, pieces)
			all = append(all, pieces...)
		}
		j := joining(t, parts)
		res, err := join(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		if res.meta.Rows != 45 || res.meta.Dim != 40 {
			t.Errorf("got %d×%d", res.meta.Rows, res.meta.Dim)
		}
		w := &vectorWriter{j: j}
		for _, e := range all {
			if err := w.add(e); err != nil {
				t.Fatal(err)
			}
		}
		want, err := w.store()
		if err != nil {
			t.Fatal(err)
		}
		if got := res.outputs[partVectors]; got != want {
			t.Errorf("sparse %v: want %+v, got %+v", sparse, want, got)
		}
		if sparse {
			continue
		}
		b, err := j.r.store.ReadFile(want.Digest)
		if err != nil {
			t.Fatal(err)
		}
		m, err := vec.ParseNPY(b)
		if err != nil || m.Rows != 45 || len(b)%64 != 0 && (len(b)-4*45*40)%64 != 0 {
			t.Errorf("%d rows, %v; values begin at %d", m.Rows, err, len(b)-4*45*40)
		}
	}
}

func TestJoinErrors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, x := range []struct {
		a, b *sdk.Embeddings
	}{
		{embeddings(rng, 2, 8, false), embeddings(rng, 2, 16, false)},
		{embeddings(rng, 2, 8, false), embeddings(rng, 2, 8, true)},
	} {
		_, err := join(t.Context(), joining(t, [][]*sdk.Embeddings{{x.a}, {x.b}}))
		if err == nil || !strings.Contains(err.Error(), "cannot be searched together") || !strings.Contains(err.Error(), "part 1") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := join(t.Context(), joining(t, nil)); err == nil {
		t.Error("nothing is joined without an error")
	}
	// A file that is not what its record says.
	j := joining(t, [][]*sdk.Embeddings{{embeddings(rng, 2, 8, false)}, {embeddings(rng, 3, 8, false)}})
	j.r.index[j.step.Inputs[1].Step].rec.Meta.Rows = 4
	if _, err := join(t.Context(), j); err == nil || !strings.Contains(err.Error(), "want 4×8 float32, got 3×8") {
		t.Errorf("got %v", err)
	}
}

// TestVectorFiles: files of numbers are read as they were written.
func TestVectorFiles(t *testing.T) {
	b, err := npy("<u4", 3, []uint32{7, 8, 9})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(path, append(b, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readVector(path, 4, nil); err == nil || !strings.Contains(err.Error(), "141 bytes") {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(b[npyHead:], binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 7), 8), 9)) {
		t.Error("values do not begin where they should")
	}
}
