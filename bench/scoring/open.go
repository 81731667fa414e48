package main

import (
	"context"
	"fmt"

	"github.com/xlrun/xlrun/sdk/vec"
)

// A searcher returns the k best rows for each query.
type searcher func(ctx context.Context, queries vec.Vectors, k, threads int) ([][]vec.Hit, error)

// open makes our index: packed holds the rows in the kernel's own layout, scan
// reads them where the file is mapped.
func open(ctx context.Context, method string, docs vec.Vectors, sim vec.Similarity, threads int) (searcher, error) {
	var x *vec.Index
	var err error
	o := vec.IndexOptions{Similarity: sim, Threads: threads}
	switch method {
	case "packed":
		x, err = vec.Pack(ctx, docs, o)
	case "scan":
		x, err = vec.Scan(docs, o)
	default:
		err = fmt.Errorf("unknown method %q", method)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, queries vec.Vectors, k, threads int) ([][]vec.Hit, error) {
		return x.Search(ctx, queries, k, vec.SearchOptions{Threads: threads})
	}, nil
}
