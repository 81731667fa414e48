package collection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

// groupsOf counts the candidates of a pool by language and lists their groups.
func groupsOf(t *Texts, corpus string, rows []int32) map[string][]string {
	out := map[string][]string{}
	docs := OfLanguage(t.Documents, corpus)
	for _, r := range rows {
		out[docs[r].Language] = append(out[docs[r].Language], docs[r].Group)
	}
	for _, g := range out {
		slices.Sort(g)
	}
	return out
}

func TestMixedPool(t *testing.T) {
	c := parallelFAQ(60, "eng", "cat", "isl")
	corpus := JoinLanguages([]string{"isl", "eng", "cat"})
	if corpus != "cat+eng+isl" {
		t.Fatalf("got %q", corpus)
	}
	p, err := SelectPool(c, PoolParams{QueryLanguage: "isl", CorpusLanguage: corpus, Size: 90, Queries: 20, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.DocRows) != 90 || len(p.QueryRows) != 20 || p.Relevant != 60 || p.Uneven != 0 || p.Unmatched != 0 || p.PartlyGold != 0 || p.NearDuplicates != 0 {
		t.Errorf("%d candidates, %d queries, %+v", len(p.DocRows), len(p.QueryRows), p)
	}
	by := groupsOf(c, corpus, p.DocRows)
	if len(by["cat"]) != 30 || !slices.Equal(by["cat"], by["eng"]) || !slices.Equal(by["cat"], by["isl"]) {
		t.Errorf("languages offer other passages: %v", by)
	}
	// The rows of a language follow those of the language before it.
	docs, queries := OfLanguage(c.Documents, corpus), OfLanguage(c.Queries, "isl")
	if docs[0].Language != "cat" || docs[60].Language != "eng" || docs[179].Language != "isl" {
		t.Error("rows are not in the order of the codes")
	}
	for i, q := range p.QueryRows {
		var langs []string
		for _, g := range p.Qrels[i] {
			langs = append(langs, docs[g.Doc].Language)
			if docs[g.Doc].Group != queries[q].Group || g.Relevance != 1 || !slices.Contains(p.DocRows, g.Doc) {
				t.Errorf("query %s is judged with %v", queries[q].ID, docs[g.Doc])
			}
		}
		if !slices.Equal(langs, []string{"cat", "eng", "isl"}) {
			t.Errorf("query %s has relevant candidates in %v", queries[q].ID, langs)
		}
	}
	// One language of it alone has the same passages, and the same queries.
	one, err := SelectPool(c, PoolParams{QueryLanguage: "isl", CorpusLanguage: "eng", Size: 30, Queries: 20, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(groupsOf(c, "eng", one.DocRows)["eng"], by["eng"]) || !slices.Equal(one.QueryRows, p.QueryRows) {
		t.Error("a mixed pool asks or offers something else than its languages alone")
	}
}

func TestMixedPoolShares(t *testing.T) {
	c := parallelFAQ(60, "eng", "cat", "isl")
	p, err := SelectPool(c, PoolParams{QueryLanguage: "isl", CorpusLanguage: "cat+eng+isl", Size: 50, Queries: 5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	by := groupsOf(c, "cat+eng+isl", p.DocRows)
	if len(by["cat"]) != 17 || len(by["eng"]) != 17 || len(by["isl"]) != 16 || p.Uneven != 2 || p.Unmatched != 2 {
		t.Errorf("50 candidates fall into %d, %d, %d; uneven %d, unmatched %d", len(by["cat"]), len(by["eng"]), len(by["isl"]), p.Uneven, p.Unmatched)
	}
	// Icelandic lacks half of the passages: those that all have come first.
	holes := parallelFAQ(60, "eng", "cat", "isl")
	holes.Documents = slices.DeleteFunc(holes.Documents, func(d TextKey) bool { return d.Language == "isl" && d.Hash%2 == 0 })
	if p, err = SelectPool(holes, PoolParams{QueryLanguage: "isl", CorpusLanguage: "cat+eng+isl", Size: 90, Queries: 5, Seed: 1}); err != nil || p.Unmatched != 0 {
		t.Errorf("whole groups do not come first: %v, %+v", err, p)
	}
	_, err = SelectPool(holes, PoolParams{QueryLanguage: "isl", CorpusLanguage: "cat+eng+isl", Size: 93, Queries: 5, Seed: 1})
	if err == nil || err.Error() != "isl to cat+eng+isl needs 31 candidates in isl, there are 30" {
		t.Errorf("got %v", err)
	}
	// Whole corpora: what one language has more than another is counted.
	if p, err = SelectPool(holes, PoolParams{QueryLanguage: "eng", CorpusLanguage: "eng+isl"}); err != nil {
		t.Fatal(err)
	}
	if len(p.DocRows) != 90 || p.Uneven != 30 || p.Unmatched != 30 || p.PartlyGold != 30 || len(p.QueryRows) != 60 {
		t.Errorf("got %d candidates for %d queries, %d uneven, %d unmatched, %d queries with half their gold", len(p.DocRows), len(p.QueryRows), p.Uneven, p.Unmatched, p.PartlyGold)
	}
}

// TestPoolsNest: with one seed a smaller pool is part of a larger one, over one
// language and over several.
func TestPoolsNest(t *testing.T) {
	c := parallelFAQ(60, "eng", "cat", "isl")
	c.Documents = slices.DeleteFunc(c.Documents, func(d TextKey) bool { return d.Language == "isl" && d.Hash%5 == 0 })
	for _, corpus := range []string{"eng", "eng+isl", "cat+eng+isl"} {
		var last *Pool
		for size := 30; size <= 48; size++ {
			p, err := SelectPool(c, PoolParams{QueryLanguage: "cat", CorpusLanguage: corpus, Size: size, Queries: 10, Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.DocRows) != size {
				t.Errorf("%s: want %d candidates, got %d", corpus, size, len(p.DocRows))
			}
			if last != nil {
				for _, d := range last.DocRows {
					if !slices.Contains(p.DocRows, d) {
						t.Errorf("%s: document %d is in the pool of %d and not in that of %d", corpus, d, size-1, size)
					}
				}
				if !slices.Equal(last.QueryRows, p.QueryRows) {
					t.Errorf("%s: the queries change with the size", corpus)
				}
			}
			last = p
		}
	}
}

// TestJudgmentsOfAMixedPool: a judgment holds for its document, and for those of
// its group in the other languages; a judgment of a document of its own
// language does not spread within it.
func TestJudgmentsOfAMixedPool(t *testing.T) {
	c := &Texts{
		Queries: []TextKey{{ID: "q", Language: "isl", Hash: 1}},
		Documents: []TextKey{
			{ID: "e1", Language: "eng", Group: "g", Hash: 2},
			{ID: "e2", Language: "eng", Group: "g", Hash: 3},
			{ID: "d1", Language: "deu", Group: "g", Hash: 4},
			{ID: "d2", Language: "deu", Hash: 5},
		},
		Qrels: []sdk.Qrel{{Query: "q", Document: "e1", Relevance: 2}, {Query: "q", Document: "d2", Relevance: 0}},
	}
	p, err := SelectPool(c, PoolParams{QueryLanguage: "isl", CorpusLanguage: "deu+eng"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(p.Qrels), "[[{0 2} {1 0} {2 2}]]"; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func TestMixedPoolErrors(t *testing.T) {
	c := parallelFAQ(43, "eng", "cat")
	for _, x := range []struct {
		p    PoolParams
		what string
		say  string
	}{
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "cat+eng", Size: 88, Queries: 10}, "candidates", "cat to cat+eng needs 44 candidates in cat, there are 43"},
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "cat+eng", Size: 30, Queries: 20}, "relevant candidates", "needs a pool of 20 in cat, for so many documents are relevant to its queries; an equal share of the size is 15"},
		{PoolParams{QueryLanguage: "cat", CorpusLanguage: "cat+eng+xyz", Size: 30, Queries: 5}, "candidates", "needs 10 candidates in xyz, there are 0"},
		{PoolParams{QueryLanguage: "cat+xyz", CorpusLanguage: "eng", Queries: 5}, "queries", "cat+xyz to eng needs 2 queries in xyz with a relevant document, there are 0"},
	} {
		_, err := SelectPool(c, x.p)
		var e *PoolError
		if !errors.As(err, &e) || e.What != x.what || !strings.Contains(err.Error(), x.say) {
			t.Errorf("%+v: got %v", x.p, err)
		}
	}
}

// TestQueriesInSeveralLanguages: languages ask the same questions.
func TestQueriesInSeveralLanguages(t *testing.T) {
	c := parallelFAQ(40, "eng", "cat", "isl")
	p, err := SelectPool(c, PoolParams{QueryLanguage: "cat+isl", CorpusLanguage: "eng", Size: 30, Queries: 21, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	queries := OfLanguage(c.Queries, "cat+isl")
	by := map[string]int{}
	asked := map[string]int{}
	for _, r := range p.QueryRows {
		by[queries[r].Language]++
		asked[queries[r].Group]++
	}
	if by["cat"] != 11 || by["isl"] != 10 || len(asked) != 11 || p.Relevant != 11 {
		t.Errorf("%v queries about %d questions, %d relevant documents", by, len(asked), p.Relevant)
	}
}

func TestLeaksOfAMixedPool(t *testing.T) {
	c := parallelFAQ(10, "eng", "cat", "isl")
	pool, err := SelectPool(c, PoolParams{QueryLanguage: "cat", CorpusLanguage: "eng+isl"})
	if err != nil {
		t.Fatal(err)
	}
	trained := Hashes{}
	trained.Add([]TextKey{OfLanguage(c.Documents, "isl")[4], OfLanguage(c.Documents, "cat")[5], OfLanguage(c.Documents, "eng")[6]})
	want := []Leak{{Query: "cat/q4", Document: "isl/a4"}, {Query: "cat/q6", Document: "eng/a6"}}
	if got := Leaks(trained, c, "cat", "eng+isl", pool); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
