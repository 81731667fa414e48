package sdktest

import (
	"encoding/json"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

// Collection collects everything that a loader gives, in its order, for tests
// that say what it should be. Its zero value is ready for Load of a loader.
type Collection struct {
	Queries   []sdk.Query
	Documents []sdk.Document
	Qrels     []sdk.Qrel
	Pairs     []sdk.Pair
	Counts    map[string]int // nil where nothing was counted
}

// Load opens a loader with options, written as a map or a struct of JSON, and
// returns what it gives. The error is the first of opening and loading; what
// came before it is there.
func Load(t testing.TB, c sdk.Component, options any) (*Collection, error) {
	t.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Open(t.Context(), b, nil)
	if err != nil {
		return nil, err
	}
	l, ok := x.(sdk.Loader)
	if !ok {
		t.Fatalf("%T is no loader", x)
	}
	out := &Collection{}
	return out, l.Load(t.Context(), out)
}

var _ sdk.Collector = (*Collection)(nil)

// Query keeps a query.
func (c *Collection) Query(q sdk.Query) error { c.Queries = append(c.Queries, q); return nil }

// Document keeps a document.
func (c *Collection) Document(d sdk.Document) error { c.Documents = append(c.Documents, d); return nil }

// Qrel keeps a judgment.
func (c *Collection) Qrel(q sdk.Qrel) error { c.Qrels = append(c.Qrels, q); return nil }

// Pair keeps a pair.
func (c *Collection) Pair(p sdk.Pair) error { c.Pairs = append(c.Pairs, p); return nil }

// Progress does nothing.
func (c *Collection) Progress(_, _ int64) {}

// Count adds up what is counted under a name.
func (c *Collection) Count(name string, n int) {
	if c.Counts == nil {
		c.Counts = map[string]int{}
	}
	c.Counts[name] += n
}
