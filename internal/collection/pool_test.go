package collection

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

// parallelFAQ is a parallel collection: n questions and answers in each language.
func parallelFAQ(n int, languages ...string) *Texts {
	t := &Texts{Qrels: []sdk.Qrel{}}
	for l, lang := range languages {
		for i := range n {
			g := fmt.Sprint("g", i)
			q, a := fmt.Sprintf("%s/q%d", lang, i), fmt.Sprintf("%s/a%d", lang, i)
			t.Queries = append(t.Queries, TextKey{ID: q, Language: lang, Group: g, Hash: uint64(1 + l*10_000 + i)})
			t.Documents = append(t.Documents, TextKey{ID: a, Language: lang, Group: g, Hash: uint64(1_000_001 + l*10_000 + i)})
			t.Qrels = append(t.Qrels, sdk.Qrel{Query: q, Document: a, Relevance: 1})
		}
	}
	return t
}

func TestParallelTargetsShareThePool(t *testing.T) {
	c := parallelFAQ(60, "eng", "cat", "isl")
	var first *Pool
	for _, target := range []string{"cat", "isl", "eng"} {
		p, err := SelectPool(c, PoolParams{QueryLanguage: target, CorpusLanguage: "eng", Size: 50, Queries: 20, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.DocRows) != 50 || len(p.QueryRows) != 20 || p.Relevant != 20 || !slices.IsSorted(p.DocRows) || !slices.IsSorted(p.QueryRows) {
			t.Errorf("%s: %d candidates, %d queries, %d relevant", target, len(p.DocRows), len(p.QueryRows), p.Relevant)
		}
		for i, q := range p.QueryRows {
			if len(p.Qrels[i]) != 1 || p.Qrels[i][0] != (Graded{Doc: q, Relevance: 1}) {
				t.Errorf("%s: query %d is judged %v", target, q, p.Qrels[i])
			}
			if !slices.Contains(p.DocRows, q) {
				t.Errorf("%s: the answer to query %d is not in the pool", target, q)
			}
		}
		if first == nil {
			first = p
			continue
		}
		if !slices.Equal(first.DocRows, p.DocRows) || !slices.Equal(first.QueryRows, p.QueryRows) {
			t.Errorf("%s has another pool than cat", target)
		}
	}
	other, err := SelectPool(c, PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng", Size: 50, Queries: 20, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(other.DocRows, first.DocRows) {
		t.Error("another seed gives the same pool")
	}
}

// TestPoolByGroup: without qrels, groups stand for them.
func TestPoolByGroup(t *testing.T) {
	c := parallelFAQ(30, "eng", "cat")
	p := PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng", Size: 12, Queries: 7, Seed: 1}
	a, err := SelectPool(c, p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := SelectPool(&Texts{Queries: c.Queries, Documents: c.Documents}, p)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.DocRows, b.DocRows) || !slices.Equal(a.QueryRows, b.QueryRows) {
		t.Error("groups and qrels choose differently")
	}
}

func TestPoolIgnoresTheOrderOfTexts(t *testing.T) {
	c := parallelFAQ(40, "eng", "cat")
	p := PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng", Size: 20, Queries: 10, Seed: 9}
	ids := func(t0 *Texts) []string {
		pool, err := SelectPool(t0, p)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range pool.DocRows {
			out = append(out, OfLanguage(t0.Documents, "eng")[r].ID)
		}
		for _, r := range pool.QueryRows {
			out = append(out, OfLanguage(t0.Queries, "cat")[r].ID)
		}
		slices.Sort(out)
		return out
	}
	moved := &Texts{Queries: slices.Clone(c.Queries), Documents: slices.Clone(c.Documents), Qrels: c.Qrels}
	rng := rand.New(rand.NewPCG(3, 4))
	rng.Shuffle(len(moved.Queries), func(i, j int) { moved.Queries[i], moved.Queries[j] = moved.Queries[j], moved.Queries[i] })
	rng.Shuffle(len(moved.Documents), func(i, j int) {
		moved.Documents[i], moved.Documents[j] = moved.Documents[j], moved.Documents[i]
	})
	if !slices.Equal(ids(c), ids(moved)) {
		t.Error("the order of texts changes the pool")
	}
}

func TestPoolErrors(t *testing.T) {
	c := parallelFAQ(43, "eng", "cat")
	for _, x := range []struct {
		p    PoolParams
		what string
		say  string
	}{
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng", Size: 50, Queries: 10}, "candidates", "needs 50 candidates, there are 43"},
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng", Size: 43, Queries: 44}, "queries", "needs 44 queries with a relevant document, there are 43"},
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng", Size: 10, Queries: 20}, "relevant candidates", "needs a pool of 20"},
		{PoolParams{QueryLanguage: "xyz", CorpusLanguage: "eng"}, "queries", "no query"},
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "xyz", Queries: 1}, "queries", "there are 0"},
	} {
		_, err := SelectPool(c, x.p)
		var e *PoolError
		if !errors.As(err, &e) || e.What != x.what || !strings.Contains(err.Error(), x.say) {
			t.Errorf("%+v: got %v", x.p, err)
		}
	}
}

func TestPoolWholeCorpus(t *testing.T) {
	c := parallelFAQ(25, "eng", "cat")
	c.Queries = append(c.Queries, TextKey{ID: "lost", Language: "cat", Hash: 5, Group: "nowhere"}, TextKey{ID: "cat/blank", Language: "cat", Group: "g1", Empty: true})
	c.Qrels = append(c.Qrels, sdk.Qrel{Query: "lost", Document: "eng/a3", Relevance: 0}, sdk.Qrel{Query: "cat/blank", Document: "cat/a1", Relevance: 2},
		sdk.Qrel{Query: "cat/blank", Document: "gone", Relevance: 1}, sdk.Qrel{Query: "cat/blank", Document: "gone too", Relevance: 0}, sdk.Qrel{Query: "lost", Document: "gone", Relevance: 1})
	c.Documents = append(c.Documents, TextKey{ID: "eng/copy", Language: "eng", Hash: c.Documents[4].Hash}, TextKey{ID: "eng/blank", Language: "eng", Empty: true})
	p, err := SelectPool(c, PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.DocRows) != 27 || len(p.QueryRows) != 26 || p.Unjudged != 1 || p.NearDuplicates != 1 || p.EmptyQueries != 1 || p.EmptyDocuments != 1 || p.GoldMissing != 1 || p.OwnOrigin {
		t.Errorf("got %d candidates, %+v", len(p.DocRows), p)
	}
	if got := p.Qrels[25]; len(got) != 1 || got[0] != (Graded{Doc: 1, Relevance: 2}) {
		t.Errorf("a judgment does not extend over its document's group: %v", got)
	}
}

// bitexts: every pair of languages has an English side of its own.
func bitexts(sizes map[string]int) *Texts {
	t := &Texts{Qrels: []sdk.Qrel{}}
	h := uint64(1)
	for _, lang := range sortedKeys(sizes) {
		origin := lang + "-eng"
		for i := range sizes[lang] {
			g := fmt.Sprintf("%s/%d", origin, i)
			t.Queries = append(t.Queries, TextKey{ID: lang + g, Language: lang, Group: g, Origin: origin, Hash: h})
			t.Documents = append(t.Documents, TextKey{ID: "eng" + g, Language: "eng", Group: g, Origin: origin, Hash: 1<<32 + h%50})
			t.Qrels = append(t.Qrels, sdk.Qrel{Query: lang + g, Document: "eng" + g, Relevance: 1})
			h++
		}
	}
	return t
}

func TestPoolOfABitext(t *testing.T) {
	c := bitexts(map[string]int{"afr": 40, "cym": 20, "deu": 60})
	p, err := SelectPool(c, PoolParams{QueryLanguage: "cym", CorpusLanguage: "eng"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.DocRows) != 20 || p.DocRows[0] != 40 || len(p.QueryRows) != 20 || !p.OwnOrigin {
		t.Errorf("the pool of cym is %v", p.DocRows)
	}
	// More than its own: the rest comes from elsewhere, without the texts of
	// relevant documents.
	p, err = SelectPool(c, PoolParams{QueryLanguage: "cym", CorpusLanguage: "eng", Size: 70})
	if err != nil {
		t.Fatal(err)
	}
	own, docs := 0, OfLanguage(c.Documents, "eng")
	for _, r := range p.DocRows {
		if docs[r].Origin == "cym-eng" {
			own++
		}
	}
	if own != 20 || len(p.DocRows) != 70 || p.NearDuplicates != 0 {
		t.Errorf("%d of %d candidates are cym's, %d near duplicates", own, len(p.DocRows), p.NearDuplicates)
	}
	// 120 documents, of which 30 of other origins repeat a relevant text.
	var e *PoolError
	if _, err = SelectPool(c, PoolParams{QueryLanguage: "cym", CorpusLanguage: "eng", Size: 120}); !errors.As(err, &e) || e.Have >= 120 {
		t.Errorf("got %v", err)
	}
	// Queries of several origins search everything.
	c.Queries = append(c.Queries, TextKey{ID: "x", Language: "cym", Origin: "elsewhere"})
	c2 := &Texts{Queries: c.Queries, Documents: c.Documents, Qrels: c.Qrels}
	if p, err = SelectPool(c2, PoolParams{QueryLanguage: "cym", CorpusLanguage: "eng"}); err != nil || len(p.DocRows) != 120 {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestLeaks(t *testing.T) {
	c := parallelFAQ(10, "eng", "cat")
	pool, err := SelectPool(c, PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng"})
	if err != nil {
		t.Fatal(err)
	}
	trained := Hashes{}
	if got := Leaks(trained, c, "cat", "eng", pool); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	keys := []Key{
		{LangA: "deu", LangB: "eng", HashA: OfLanguage(c.Queries, "cat")[3].Hash, HashB: 9},
		{LangA: "deu", LangB: "eng", HashA: 8, HashB: OfLanguage(c.Documents, "eng")[5].Hash},
		{LangA: "deu", LangB: "eng", HashA: 7, HashB: OfLanguage(c.Documents, "cat")[6].Hash}, // not searched
	}
	trained = TrainedTexts(keys, &Selection{Rows: []int{0, 1, 2}, RowsB: []int{0, 1, 2}})
	want := []Leak{{Query: "cat/q3"}, {Query: "cat/q5", Document: "eng/a5"}}
	if got := Leaks(trained, c, "cat", "eng", pool, pool); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// What the mixture was told to exclude cannot leak.
	excluded := Hashes{}
	excluded.Add(c.Queries, c.Documents)
	keys = append(keys, Key{Kind: "k", LangA: "deu", LangB: "eng", HashA: 70, HashB: 71})
	sel, err := SelectMixture(keys, excluded, MixParams{Languages: []string{"deu"}, Pivot: "eng", Pairs: 1, Seed: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := Leaks(TrainedTexts(keys, sel), c, "cat", "eng", pool); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

type talker struct{}

func (talker) Sources(context.Context) ([]sdk.Source, error) { return nil, nil }

func (talker) Load(_ context.Context, out sdk.Collector) error {
	return errors.Join(
		out.Query(query), out.Query(sdk.Query{ID: "e", Language: "cat", Text: "  "}),
		out.Document(document), out.Pair(pair),
		out.Qrel(sdk.Qrel{Query: "q", Document: "d", Relevance: 1}),
	)
}

var (
	query    = sdk.Query{ID: "q", Language: "cat", Text: "Què?", Origin: "o", Group: "g"}
	document = sdk.Document{ID: "d", Language: "eng", Title: "What", Origin: "o", Group: "g"}
	pair     = sdk.Pair{Kind: "k", A: sdk.Text{Language: "cat", Text: "QUÈ"}, B: sdk.Text{Language: "eng", Text: "what!"}}
)

// TestKeysAreThoseOfAnInspection: plan and run see the same keys.
func TestKeysAreThoseOfAnInspection(t *testing.T) {
	x, err := sdk.Inspect(t.Context(), talker{})
	if err != nil {
		t.Fatal(err)
	}
	if x.Queries[0] != QueryKey(query) || x.Documents[0] != DocumentKey(document) || x.Pairs[0] != KeyOf(pair) {
		t.Errorf("an inspection has %+v", x)
	}
	if x.Queries[0].Hash != x.Pairs[0].HashA || x.Documents[0].Hash != x.Pairs[0].HashB || !x.Queries[1].Empty {
		t.Errorf("hashes differ: %+v", x)
	}
	want := []LanguageSummary{{Language: "cat", Queries: 2, Pairs: 1, Empty: 1}, {Language: "eng", Documents: 1}}
	if got := Summarise(x); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if c := TextsOf(x); len(c.Qrels) != 1 || len(c.Queries) != 2 {
		t.Errorf("got %+v", c)
	}
	if c := TextsOf(&sdk.Inspection{}); c.Qrels == nil {
		t.Error("a collection without judgments is judged by group")
	}
}
