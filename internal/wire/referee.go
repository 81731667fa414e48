package wire

import (
	"fmt"
	"math"

	"github.com/xlrun/xlrun/sdk"
)

// Referee checks the hits of a search against what was asked.
type Referee struct {
	task      sdk.SearchTask
	queries   int
	next      int
	candidate []uint64 // bits; nil: every row
}

// NewReferee checks the candidates of t.
func NewReferee(t sdk.SearchTask) (*Referee, error) {
	r := &Referee{task: t, queries: t.Queries.Rows}
	if t.QueryRows != nil {
		r.queries = len(t.QueryRows)
	}
	if t.DocumentRows == nil {
		return r, nil
	}
	r.candidate = make([]uint64, (t.Documents.Rows+63)/64)
	for _, row := range t.DocumentRows {
		if row < 0 || int(row) >= t.Documents.Rows {
			return nil, fmt.Errorf("candidate row %d of a matrix of %d rows", row, t.Documents.Rows)
		}
		r.candidate[row/64] |= 1 << (row % 64)
	}
	return r, nil
}

// Check takes the hits of the next query row.
func (r *Referee) Check(query int32, hits []sdk.Hit) error {
	if r.next >= r.queries {
		return fmt.Errorf("hits of more than %d queries", r.queries)
	}
	want := int32(r.next)
	if r.task.QueryRows != nil {
		want = r.task.QueryRows[r.next]
	}
	r.next++
	if query != want {
		return fmt.Errorf("want the hits of query row %d, got those of row %d", want, query)
	}
	if len(hits) > r.task.K {
		return fmt.Errorf("query row %d: want at most %d hits, got %d", query, r.task.K, len(hits))
	}
	for i, h := range hits {
		switch {
		case h.Row < 0 || int(h.Row) >= r.task.Documents.Rows:
			return fmt.Errorf("query row %d: hit %d is row %d of a matrix of %d rows", query, i+1, h.Row, r.task.Documents.Rows)
		case r.candidate != nil && r.candidate[h.Row/64]&(1<<(h.Row%64)) == 0:
			return fmt.Errorf("query row %d: hit %d is row %d, which is no candidate", query, i+1, h.Row)
		case math.IsNaN(float64(h.Score)):
			return fmt.Errorf("query row %d: the score of row %d is not a number", query, h.Row)
		case i > 0 && (h.Score > hits[i-1].Score || h.Score == hits[i-1].Score && h.Row <= hits[i-1].Row):
			return fmt.Errorf("query row %d: hits %d and %d are out of order; want the best first, equal scores by ascending row", query, i, i+1)
		}
	}
	return nil
}

// End reports queries that were left out.
func (r *Referee) End() error {
	if r.next != r.queries {
		return fmt.Errorf("want the hits of %d queries, got %d", r.queries, r.next)
	}
	return nil
}
