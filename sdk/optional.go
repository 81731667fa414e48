package sdk

import (
	"context"
	"errors"
)

// Inspector is a Loader that can say what it holds without reading everything.
type Inspector interface {
	Loader
	Inspect(ctx context.Context) (*Inspection, error)
}

// Inspect says what a loader holds: by its own means if it is an Inspector,
// else by loading everything and keeping no words.
func Inspect(ctx context.Context, l Loader) (*Inspection, error) {
	if i, ok := l.(Inspector); ok {
		return i.Inspect(ctx)
	}
	var c inspecting
	if err := l.Load(ctx, &c); err != nil {
		return nil, err
	}
	return &c.Inspection, nil
}

// inspecting is a Collector that keeps what an inspection needs. It hashes
// each text once: the pivot side of a hundred bitexts is one text.
type inspecting struct {
	Inspection
	hashes map[string]uint64
}

func (c *inspecting) hash(text string) uint64 {
	h, ok := c.hashes[text]
	if !ok {
		if c.hashes == nil {
			c.hashes = map[string]uint64{}
		}
		h = TextHash(text)
		c.hashes[text] = h
	}
	return h
}

func (c *inspecting) Query(q Query) error {
	h := c.hash(q.Text)
	c.Queries = append(c.Queries, InspectedText{ID: q.ID, Language: q.Language, Group: q.Group, Origin: q.Origin, Hash: h, Empty: h == 0})
	return nil
}

// Document notes the hash of the text, or of the title where there is nothing
// else.
func (c *inspecting) Document(d Document) error {
	h := c.hash(d.Text)
	if h == 0 {
		h = c.hash(d.Title)
	}
	c.Documents = append(c.Documents, InspectedText{ID: d.ID, Language: d.Language, Group: d.Group, Origin: d.Origin, Hash: h, Empty: h == 0})
	return nil
}

func (c *inspecting) Qrel(q Qrel) error {
	c.Judgments = append(c.Judgments, q)
	c.Qrels++
	return nil
}

func (c *inspecting) Pair(p Pair) error {
	c.Pairs = append(c.Pairs, InspectedPair{
		Kind: p.Kind, Group: p.Group, LangA: p.A.Language, LangB: p.B.Language,
		HashA: c.hash(p.A.Text), HashB: c.hash(p.B.Text),
	})
	return nil
}

func (c *inspecting) Count(name string, n int) {
	if c.Counts == nil {
		c.Counts = map[string]int{}
	}
	c.Counts[name] += n
}

func (c *inspecting) Progress(_, _ int64) {}

type temporaryError struct{ error }

func (e temporaryError) Unwrap() error { return e.error }

// Temporary marks err as worth another attempt: a busy server, a lost
// connection. The host tries again in a while.
func Temporary(err error) error {
	if err == nil {
		return nil
	}
	return temporaryError{err}
}

// IsTemporary reports whether err was marked with Temporary.
func IsTemporary(err error) bool {
	var t temporaryError
	return errors.As(err, &t)
}
