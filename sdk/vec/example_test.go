package vec_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/xlrun/xlrun/sdk/vec"
)

// Three documents and a query in two dimensions.
var (
	documents = vec.Matrix{Rows: 3, Dim: 2, Data: []float32{
		1, 0,
		3, 4,
		0, 2,
	}}
	queries = vec.Matrix{Rows: 1, Dim: 2, Data: []float32{3, 4}}
)

// A packed index is built once and searched many times.
func ExamplePack() {
	ctx := context.Background()
	index, err := vec.Pack(ctx, documents.Vectors(), vec.IndexOptions{Similarity: vec.Cosine})
	if err != nil {
		fmt.Println(err)
		return
	}
	hits, err := index.Search(ctx, queries.Vectors(), 2, vec.SearchOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range hits[0] {
		fmt.Printf("row %d, %.1f\n", h.Row, h.Score)
	}
	// Output:
	// row 1, 1.0
	// row 2, 0.8
}

// A file is searched where it lies: its pages are read as the search comes to
// them, so it may be larger than memory. numpy.save writes such files.
func ExampleScan() {
	dir, err := os.MkdirTemp("", "vec")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	path := filepath.Join(dir, "documents.npy")
	f, err := os.Create(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Half the size: float16.
	half, lost, err := vec.Convert(documents.Vectors(), vec.Float16, 0)
	if err != nil || lost.Infinite > 0 {
		fmt.Println(err, lost)
		return
	}
	if err := vec.WriteVectors(f, half); err != nil {
		fmt.Println(err)
		return
	}
	if err := f.Close(); err != nil {
		fmt.Println(err)
		return
	}

	file, err := vec.OpenVectors(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close() //nolint:errcheck // read only
	index, err := vec.Scan(file.Vectors, vec.IndexOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	hits, err := index.Search(context.Background(), queries.Vectors(), 2, vec.SearchOptions{})
	fmt.Println(hits, err)
	// Output: [[{1 25} {2 8}]] <nil>
}

// Shards that were searched apart, on other machines perhaps, merge into the
// search of the whole, bit by bit.
func ExampleMerge() {
	ctx := context.Background()
	var parts [][]vec.Hit
	for _, rows := range [][]int32{{0, 1}, {2}} {
		index, err := vec.Scan(documents.Vectors(), vec.IndexOptions{Rows: rows})
		if err != nil {
			fmt.Println(err)
			return
		}
		hits, err := index.Search(ctx, queries.Vectors(), 2, vec.SearchOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		parts = append(parts, hits[0])
	}
	fmt.Println(vec.Merge(2, parts...))
	// Output: [{1 25} {2 8}]
}
