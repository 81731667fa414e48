package vec

import (
	"context"
	"fmt"
)

// Hit is one document in a ranking: its row and its score.
type Hit struct {
	Row   int32
	Score float32
}

// Options of TopK. The zero value searches all rows by inner product on all
// processors.
type Options struct {
	Similarity Similarity
	DocRows    []int32 // the candidates, each once, in any order; nil means all rows
	QueryRows  []int32 // the queries, in the order of the result; nil means all rows
	Threads    int     // 0 means GOMAXPROCS; never changes the result
}

// TopK returns the k best rows of docs for each query, best first, exactly: an
// Index.Search of a Scan over float32, in one call.
func TopK(ctx context.Context, docs, queries Matrix, k int, o Options) ([][]Hit, error) {
	if err := docs.Check(); err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	if err := queries.Check(); err != nil {
		return nil, fmt.Errorf("queries: %w", err)
	}
	x, err := Scan(docs.Vectors(), IndexOptions{Similarity: o.Similarity, Rows: o.DocRows})
	if err != nil {
		return nil, err
	}
	return x.Search(ctx, queries.Vectors(), k, SearchOptions{Rows: o.QueryRows, Threads: o.Threads})
}
