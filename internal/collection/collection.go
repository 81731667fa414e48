// Package collection chooses what a study trains on and what it searches:
// mixtures of training pairs, pools of candidates, and the check that the one
// has seen nothing of the other.
//
// The one thing to know: everything here works on texts without their words
// (languages, groups, 64-bit hashes), so that the plan, which knows only an
// inspection, and the run, which has the texts, make exactly the same choice.
// Whatever looks random is ordered by SHA-256 of a seed and of what the thing
// is, never by where it stands in a list.
//
// The package reads no files and calls no plugins.
package collection

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/xlrun/xlrun/sdk"
)

// Key is a training pair without its words.
type Key = sdk.InspectedPair

// TextKey is a query or a document without its words.
type TextKey = sdk.InspectedText

// KeyOf returns the key of a pair.
func KeyOf(p sdk.Pair) Key { return new(Hasher).Pair(p) }

// QueryKey returns the key of a query.
func QueryKey(q sdk.Query) TextKey {
	h := sdk.TextHash(q.Text)
	return TextKey{ID: q.ID, Language: q.Language, Group: q.Group, Origin: q.Origin, Hash: h, Empty: h == 0}
}

// DocumentKey returns the key of a document: of its text, or of its title
// where it has nothing else.
func DocumentKey(d sdk.Document) TextKey {
	h := sdk.TextHash(d.Text)
	if h == 0 {
		h = sdk.TextHash(d.Title)
	}
	return TextKey{ID: d.ID, Language: d.Language, Group: d.Group, Origin: d.Origin, Hash: h, Empty: h == 0}
}

// Hasher makes keys and hashes each text once. Its zero value is ready; it
// keeps the texts. It is not safe for concurrent use.
type Hasher struct{ seen map[string]uint64 }

func (h *Hasher) hash(text string) uint64 {
	x, ok := h.seen[text]
	if !ok {
		if h.seen == nil {
			h.seen = map[string]uint64{}
		}
		x = sdk.TextHash(text)
		h.seen[text] = x
	}
	return x
}

// Pair returns what KeyOf returns.
func (h *Hasher) Pair(p sdk.Pair) Key {
	return Key{
		Kind: p.Kind, Group: p.Group,
		LangA: p.A.Language, LangB: p.B.Language,
		HashA: h.hash(p.A.Text), HashB: h.hash(p.B.Text),
	}
}

// Hashes is a set of text hashes. The hash of the empty text is never in it.
type Hashes map[uint64]struct{}

// Add puts the hashes of texts into the set.
func (h Hashes) Add(texts ...[]TextKey) {
	for _, list := range texts {
		for _, t := range list {
			if t.Hash != 0 {
				h[t.Hash] = struct{}{}
			}
		}
	}
}

// Has reports whether a hash is in the set.
func (h Hashes) Has(x uint64) bool {
	_, ok := h[x]
	return ok && x != 0
}

// LanguageSummary counts what a collection holds of one language.
type LanguageSummary struct {
	Language  sdk.Language
	Queries   int
	Documents int
	Pairs     int // with this language on the A side
	Empty     int // queries and documents without text
}

// Summarise counts an inspection by language, in order of their codes.
func Summarise(in *sdk.Inspection) []LanguageSummary {
	at := map[string]*LanguageSummary{}
	get := func(lang string) *LanguageSummary {
		if at[lang] == nil {
			at[lang] = &LanguageSummary{Language: lang}
		}
		return at[lang]
	}
	for _, q := range in.Queries {
		s := get(q.Language)
		s.Queries++
		if q.Empty {
			s.Empty++
		}
	}
	for _, d := range in.Documents {
		s := get(d.Language)
		s.Documents++
		if d.Empty {
			s.Empty++
		}
	}
	for _, p := range in.Pairs {
		get(p.LangA).Pairs++
	}
	out := make([]LanguageSummary, 0, len(at))
	for _, code := range sortedKeys(at) {
		out = append(out, *at[code])
	}
	return out
}

// Texts is the searchable part of a collection. Queries, Documents and Qrels
// are not changed after the first call of a method or of SelectPool.
type Texts struct {
	Queries   []TextKey
	Documents []TextKey
	// Qrels may be nil: then a query counts as judged, with relevance 1, with
	// the documents of its own group.
	Qrels []sdk.Qrel

	once    sync.Once
	byQuery map[string][]judged // positive judgments of each query
}

type judged struct {
	document, group string
	relevance       int
	missing         bool // no language has such a document
}

// TextsOf returns the searchable part of an inspection.
func TextsOf(in *sdk.Inspection) *Texts {
	t := &Texts{Queries: in.Queries, Documents: in.Documents, Qrels: in.Judgments}
	if in.Qrels == 0 {
		t.Qrels = []sdk.Qrel{}
	}
	return t
}

// OfLanguage returns the texts of one language, in order. Of several, joined
// by JoinLanguages, it returns those of the first, then those of the second,
// and so on: this is the order in which the rows of a mixed pool count.
func OfLanguage(texts []TextKey, language string) []TextKey {
	var out []TextKey
	for _, lang := range SplitLanguages(language) {
		for _, t := range texts {
			if t.Language == lang {
				out = append(out, t)
			}
		}
	}
	return out
}

func (t *Texts) index() {
	t.once.Do(func() {
		if t.Qrels == nil {
			return
		}
		group := make(map[string]string, len(t.Documents))
		for _, d := range t.Documents {
			group[d.ID] = d.Group
		}
		t.byQuery = make(map[string][]judged, len(t.Qrels))
		for _, q := range t.Qrels {
			g, ok := group[q.Document]
			t.byQuery[q.Query] = append(t.byQuery[q.Query], judged{document: q.Document, group: g, relevance: q.Relevance, missing: !ok})
		}
	})
}

// order returns the place of something in the seeded order: the first 64 bits
// of SHA-256 over seed and parts, each followed by a zero byte.
func order(seed string, parts ...string) uint64 {
	var stack [160]byte
	b := append(append(stack[:0], seed...), 0)
	for _, p := range parts {
		b = append(append(b, p...), 0)
	}
	h := sha256.Sum256(b)
	return binary.BigEndian.Uint64(h[:8])
}
