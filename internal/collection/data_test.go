package collection

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xlrun/xlrun/plugins/bitext"
	"github.com/xlrun/xlrun/plugins/faq"
	"github.com/xlrun/xlrun/plugins/sib"
	"github.com/xlrun/xlrun/sdk"
)

func inspected(t *testing.T, c sdk.Component, config map[string]any) *sdk.Inspection {
	t.Helper()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Open(t.Context(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := sdk.Inspect(t.Context(), l.(sdk.Loader))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func testSet(in *sdk.Inspection) Hashes {
	h := Hashes{}
	h.Add(in.Queries, in.Documents)
	return h
}

// TestQuickstartIsFeasible is the design of workflows/quickstart.hcl.
func TestQuickstartIsFeasible(t *testing.T) {
	dir := filepath.Join("..", "..", "examples", "minifaq")
	train := inspected(t, faq.Component, map[string]any{"path": dir, "split": "train"})
	test := inspected(t, faq.Component, map[string]any{"path": dir, "split": "test"})
	pairs, texts := NewPairs(train.Pairs, testSet(test)), TextsOf(test)
	var pools []*Pool
	for _, target := range []string{"cat", "isl", "mlt", "afr", "tgl", "cym"} {
		p, err := SelectPool(texts, PoolParams{QueryLanguage: target, CorpusLanguage: "eng", Size: 50, Queries: 50, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		pools = append(pools, p)
		if !slices.Equal(p.DocRows, pools[0].DocRows) || p.NearDuplicates != 0 {
			t.Errorf("%s has a pool of its own, or near duplicates", target)
		}
	}
	for _, langs := range [][]string{{"deu"}, {"rus", "tur"}, {"deu", "spa", "ind", "ita"}} {
		sel, err := pairs.Select(MixParams{Languages: langs, Pivot: "eng", Pairs: 160, Seed: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if sel.GroupMin != 1 || sel.GroupMax != 2 || sel.Excluded != 0 || sel.Duplicates != 0 {
			t.Errorf("%v: groups used %d to %d times, %d excluded, %d duplicates", langs, sel.GroupMin, sel.GroupMax, sel.Excluded, sel.Duplicates)
		}
		if leaks := Leaks(TrainedTexts(train.Pairs, sel), texts, "cat", "eng", pools[0]); len(leaks) != 0 {
			t.Errorf("%v: %v", langs, leaks)
		}
	}
}

// TestSIBIsFeasible: all but four of the 138 languages can train on all 701 sentences;
// those four have the same text in train and test.
func TestSIBIsFeasible(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a hundred thousand sentences")
	}
	dir := filepath.Join(shared(t), "data", "sib200")
	dirs, err := filepath.Glob(filepath.Join(dir, "???_????"))
	if err != nil {
		t.Fatal(err)
	}
	languages := []string{"ary_Arab", "azb_Arab", "lua_Latn", "pag_Latn"}
	for i, d := range dirs { // half of them will do
		if code := filepath.Base(d); i%2 == 0 && !slices.Contains(languages, code) {
			languages = append(languages, code)
		}
	}
	train := inspected(t, sib.Component, map[string]any{"path": dir, "split": "train", "languages": languages})
	test := inspected(t, sib.Component, map[string]any{"path": dir, "split": "test", "languages": languages})
	pairs := NewPairs(train.Pairs, testSet(test))
	var short, whole []string
	for _, s := range Summarise(train) {
		if s.Language == "eng_Latn" {
			continue
		}
		sel, err := pairs.Select(MixParams{Languages: []string{s.Language}, Pivot: "eng_Latn", Pairs: 701, Seed: "1"})
		var e *BudgetError
		switch {
		case errors.As(err, &e):
			short = append(short, s.Language)
		case err != nil:
			t.Error(err)
		case sel.GroupMin != 1 || sel.GroupMax != 1 || sel.Groups != 701:
			t.Errorf("%s: groups used %d to %d times", s.Language, sel.GroupMin, sel.GroupMax)
		default:
			whole = append(whole, s.Language)
		}
	}
	if want := languages[:4]; !slices.Equal(short, want) {
		t.Errorf("short are %v, want %v", short, want)
	}
	for draw := range 3 {
		for _, c := range []struct{ k, pairs, each int }{{3, 701, 1}, {48, 701, 1}, {6, 4206, 6}, {48, 4206, 6}} {
			from := draw * 8
			sel, err := pairs.Select(MixParams{Languages: whole[from : from+c.k], Pivot: "eng_Latn", Pairs: c.pairs, Seed: fmt.Sprint(draw)})
			if err != nil {
				t.Fatal(err)
			}
			if sel.GroupMin != c.each || sel.GroupMax != c.each {
				t.Errorf("K=%d T=%d: groups used %d to %d times, want %d", c.k, c.pairs, sel.GroupMin, sel.GroupMax, c.each)
			}
		}
	}
}

// TestTatoebaIsFeasible: after exclusion, any three languages with full sets
// have 2,250 pairs; each target searches the English of its own bitext.
func TestTatoebaIsFeasible(t *testing.T) {
	dir := filepath.Join(shared(t), "data", "tatoeba")
	targets := []string{"cym", "gla", "kat", "kaz", "kur", "mal", "mon", "swh", "tel", "tha"}
	all := inspected(t, bitext.Component, map[string]any{"path": dir})
	test := inspected(t, bitext.Component, map[string]any{"path": dir, "languages": targets})
	pairs, texts := NewPairs(all.Pairs, testSet(test)), TextsOf(test)
	full := 0
	for _, s := range Summarise(all) {
		if s.Pairs < 1000 {
			continue
		}
		full++
		sel, err := pairs.Select(MixParams{Languages: []string{s.Language}, Pivot: "eng", Pairs: 750, Seed: "1"})
		if err != nil {
			t.Error(err)
			continue
		}
		if sel.Excluded == 0 {
			t.Errorf("%s: nothing is excluded", s.Language)
		}
	}
	if full != 57 {
		t.Errorf("%d languages with full sets, want 57", full)
	}
	for _, target := range targets {
		p, err := SelectPool(texts, PoolParams{QueryLanguage: target, CorpusLanguage: "eng"})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.QueryRows) != len(p.DocRows) || !p.OwnOrigin || p.Unjudged != 0 {
			t.Errorf("%s: %d queries, %d candidates, %d unjudged", target, len(p.QueryRows), len(p.DocRows), p.Unjudged)
		}
	}
}

// TestMixedPoolsOfRealData: SIB-200 is parallel, so that five languages offer
// the same passages at every size.
func TestMixedPoolsOfRealData(t *testing.T) {
	languages := []string{"deu_Latn", "eng_Latn", "isl_Latn", "spa_Latn", "swh_Latn"}
	test := inspected(t, sib.Component, map[string]any{"path": filepath.Join(shared(t), "data", "sib200"), "split": "test", "languages": languages})
	texts, corpus := TextsOf(test), JoinLanguages(languages)
	var last *Pool
	for _, size := range []int{200, 500, 1000, 0} {
		p, err := SelectPool(texts, PoolParams{QueryLanguage: "swh_Latn", CorpusLanguage: corpus, Size: size, Queries: 40, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		want := size
		if size == 0 {
			want = 5 * 204
		}
		if len(p.DocRows) != want || p.Relevant != 200 || p.Uneven != 0 || p.Unmatched != 0 || p.PartlyGold != 0 || p.Unjudged != 0 {
			t.Errorf("size %d: %d candidates, %+v", size, len(p.DocRows), *p)
		}
		if last != nil {
			for _, d := range last.DocRows {
				if _, found := slices.BinarySearch(p.DocRows, d); !found {
					t.Fatalf("document %d is in the smaller pool only", d)
				}
			}
		}
		last = p
	}
}
