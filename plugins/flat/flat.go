// Package flat is the exact index: it compares every query with every document.
//
// The scores and the order follow the numeric contract of sdk/vec, so a search
// gives the same bits on any machine and with any number of threads. Building
// costs nothing: the documents are searched where they lie.
package flat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// Options of the index.
type Options struct {
	Similarity string `xl:"similarity,default=cosine,enum=cosine|ip|l2" doc:"What a score is: cosine, inner product, or minus the squared Euclidean distance."`
	Threads    int    `xl:"threads,default=1,min=1,max=256,effect=performance" doc:"Threads of one process."`
}

// Component is the index "flat".
var Component = sdk.NewIndex(sdk.Info{
	Name:        "flat",
	Revision:    1,
	Doc:         "Exact search over all candidates.",
	Determinism: sdk.Bitwise,
}, func(_ context.Context, o Options) (sdk.Index, error) { return New(o) })

// Index searches exactly.
type Index struct {
	similarity vec.Similarity
	threads    int
}

var _ sdk.Index = (*Index)(nil)

// New returns an index with the given options.
func New(o Options) (*Index, error) {
	s, err := vec.ParseSimilarity(o.Similarity)
	if err != nil {
		return nil, err
	}
	return &Index{similarity: s, threads: o.Threads}, nil
}

// shapeFile is all that Build writes: what it was built for.
const shapeFile = "flat.json"

type shape struct {
	Rows int `json:"rows"`
	Dim  int `json:"dim"`
}

// Build checks that the documents are what they are said to be.
func (x *Index) Build(ctx context.Context, t *sdk.BuildTask) error {
	f, err := open(t.Documents)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := json.Marshal(shape{Rows: f.Rows, Dim: f.Dim})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.Dir, shapeFile), append(b, '\n'), 0o644); err != nil {
		return err
	}
	if t.Report != nil {
		t.Report(int64(f.Rows), int64(f.Rows))
	}
	return ctx.Err()
}

// queriesAtOnce bounds the memory of a search: rankings are handed on before
// the next queries are searched. The core goes over the documents once for so
// many queries.
const queriesAtOnce = 4 * 1008

// Search ranks the candidates for each query.
func (x *Index) Search(ctx context.Context, t *sdk.SearchTask, emit func(query int32, hits []sdk.Hit) error) error {
	docs, err := open(t.Documents)
	if err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	defer docs.Close() //nolint:errcheck // read only
	if err := checkShape(t.Dir, docs.Vectors); err != nil {
		return err
	}
	queries, err := open(t.Queries)
	if err != nil {
		return fmt.Errorf("queries: %w", err)
	}
	defer queries.Close() //nolint:errcheck // read only
	rows := t.QueryRows
	if rows == nil {
		rows = make([]int32, queries.Rows)
		for i := range rows {
			rows[i] = int32(i)
		}
	}
	index, err := vec.Scan(docs.Vectors, vec.IndexOptions{Similarity: x.similarity, Rows: t.DocumentRows})
	if err != nil {
		return err
	}
	for i := 0; i < len(rows); i += queriesAtOnce {
		part := rows[i:min(i+queriesAtOnce, len(rows))]
		found, err := index.Search(ctx, queries.Vectors, t.K, vec.SearchOptions{Rows: part, Threads: x.threads})
		if err != nil {
			return err
		}
		for j, list := range found {
			hits := make([]sdk.Hit, len(list))
			for r, h := range list {
				hits[r] = sdk.Hit(h)
			}
			if err := emit(part[j], hits); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func open(m sdk.Matrix) (*vec.VectorsFile, error) {
	f, err := vec.OpenVectors(m.Path)
	if err != nil {
		return nil, err
	}
	if f.Rows != m.Rows || f.Dim != m.Dim {
		err := fmt.Errorf("%s: want %d×%d, got %d×%d", m.Path, m.Rows, m.Dim, f.Rows, f.Dim)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func checkShape(dir string, docs vec.Vectors) error {
	b, err := os.ReadFile(filepath.Join(dir, shapeFile))
	if err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	var s shape
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	if s.Rows != docs.Rows || s.Dim != docs.Dim {
		return fmt.Errorf("the index was built over %d×%d, the documents are %d×%d", s.Rows, s.Dim, docs.Rows, docs.Dim)
	}
	return nil
}
