package collection

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

// parallel returns keys of a fully parallel collection.
func parallel(langs, groups int, kinds ...string) []Key {
	if len(kinds) == 0 {
		kinds = []string{"translation"}
	}
	var keys []Key
	for l := range langs {
		for g := range groups {
			for k, kind := range kinds {
				keys = append(keys, Key{
					Kind: kind, Group: fmt.Sprintf("g%d", g), LangA: lang(l), LangB: "eng",
					HashA: uint64(1_000_000 + l*100_000 + g), HashB: uint64(1 + g + k*50_000),
				})
			}
		}
	}
	return keys
}

func lang(i int) string { return fmt.Sprintf("l%02d", i) }

func langs(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = lang(i)
	}
	return out
}

// loads counts the pairs per group and per language of a selection, and fails
// when a row comes twice.
func loads(t *testing.T, keys []Key, sel *Selection) (group, language map[string]int) {
	t.Helper()
	group, language = map[string]int{}, map[string]int{}
	seen := map[int]bool{}
	for _, r := range sel.Rows {
		if seen[r] {
			t.Fatalf("row %d is taken twice", r)
		}
		seen[r] = true
		k := groupOf(&keys[r])
		group[k.name+hex64(k.hash)]++
		language[keys[r].LangA]++
	}
	return group, language
}

func spread(m map[string]int) (least, most int) {
	least = math.MaxInt
	for _, n := range m {
		least, most = min(least, n), max(most, n)
	}
	return least, most
}

// TestEveryCellTrainsOnTheSamePivotSentences is what the study on SIB-200
// rests on.
func TestEveryCellTrainsOnTheSamePivotSentences(t *testing.T) {
	keys := parallel(48, 701)
	for _, c := range []struct{ k, pairs, each int }{
		{1, 701, 1},
		{3, 701, 1},
		{12, 701, 1},
		{48, 701, 1},
		{6, 4206, 6},
		{12, 4206, 6},
		{24, 4206, 6},
		{48, 4206, 6},
	} {
		for draw := range 3 {
			sel, err := SelectMixture(keys, nil, MixParams{Languages: langs(c.k), Pivot: "eng", Pairs: c.pairs, Seed: fmt.Sprint(draw)})
			if err != nil {
				t.Fatal(err)
			}
			g, l := loads(t, keys, sel)
			if least, most := spread(g); len(g) != 701 || least != c.each || most != c.each {
				t.Errorf("K=%d T=%d: %d groups, used %d to %d times, want 701 used %d times", c.k, c.pairs, len(g), least, most, c.each)
			}
			if least, most := spread(l); len(l) != c.k || most-least > 1 {
				t.Errorf("K=%d T=%d: %d languages with %d to %d pairs", c.k, c.pairs, len(l), least, most)
			}
			if sel.GroupMin != c.each || sel.GroupMax != c.each || len(sel.Rows) != c.pairs {
				t.Errorf("K=%d T=%d: reported %d to %d per group, %d rows", c.k, c.pairs, sel.GroupMin, sel.GroupMax, len(sel.Rows))
			}
		}
	}
}

func TestMixtureIgnoresTheOrderOfLanguages(t *testing.T) {
	keys := parallel(9, 40, "qa", "qq")
	p := MixParams{Languages: langs(7), Pivot: "eng", Pairs: 123, Seed: "5"}
	a, err := SelectMixture(keys, nil, p)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(p.Languages)
	b, err := SelectMixture(keys, nil, p)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Error("the same languages in another order give another mixture")
	}
	p.Seed = "6"
	c, err := SelectMixture(keys, nil, p)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(a.Rows, c.Rows) || a.Lineage.TrainingSet == c.Lineage.TrainingSet {
		t.Error("another seed gives the same mixture")
	}
	// The mixture belongs to the pairs, not to their places.
	perm := rand.New(rand.NewPCG(1, 2)).Perm(len(keys))
	moved := make([]Key, len(keys))
	for i, to := range perm {
		moved[to] = keys[i]
	}
	p.Seed = "5"
	d, err := SelectMixture(moved, nil, p)
	if err != nil {
		t.Fatal(err)
	}
	if d.Lineage.TrainingSet != a.Lineage.TrainingSet {
		t.Error("the same pairs in another order give another training set")
	}
}

func TestMixtureTakesKindsEvenly(t *testing.T) {
	keys := parallel(4, 100, "question-answer", "question-question")
	for _, c := range []struct{ k, pairs int }{{1, 160}, {2, 160}, {4, 160}, {1, 200}, {4, 800}, {3, 7}} {
		sel, err := SelectMixture(keys, nil, MixParams{Languages: langs(c.k), Pivot: "eng", Pairs: c.pairs, Seed: "1"})
		if err != nil {
			t.Fatal(err)
		}
		g, _ := loads(t, keys, sel)
		if least, most := spread(g); most-least > 1 && len(g) == 100 {
			t.Errorf("K=%d T=%d: groups used %d to %d times", c.k, c.pairs, least, most)
		}
		kinds := map[string]int{}
		for _, r := range sel.Rows {
			kinds[keys[r].LangA+keys[r].Kind]++
		}
		if least, most := spread(kinds); most-least > 2 {
			t.Errorf("K=%d T=%d: kinds per language from %d to %d", c.k, c.pairs, least, most)
		}
	}
	sel, err := SelectMixture(keys, nil, MixParams{Languages: langs(2), Pivot: "eng", Pairs: 200, Kinds: []string{"question-answer"}, Seed: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range sel.Rows {
		if keys[r].Kind != "question-answer" {
			t.Fatalf("row %d is of kind %s", r, keys[r].Kind)
		}
	}
}

func TestMixtureExcludesAndRefills(t *testing.T) {
	keys := parallel(3, 50)
	excluded := Hashes{}
	for g := range 10 { // pivot side: gone in every language
		excluded[uint64(1+g)] = struct{}{}
	}
	for g := 10; g < 35; g++ { // query side: gone in language 0 only
		excluded[uint64(1_000_000+g)] = struct{}{}
	}
	keys = append(keys, keys[149], keys[149]) // duplicates
	keys = append(keys, Key{Kind: "translation", Group: "x", LangA: lang(2), LangB: "eng", HashB: 77})
	sel, err := SelectMixture(keys, excluded, MixParams{Languages: langs(3), Pivot: "eng", Pairs: 90, Seed: "s"})
	if err != nil {
		t.Fatal(err)
	}
	_, l := loads(t, keys, sel)
	if want := map[string]int{"l00": 15, "l01": 0, "l02": 0}; l["l00"] != want["l00"] || l["l01"]+l["l02"] != 75 {
		t.Errorf("languages got %v", l)
	}
	if sel.Excluded != 30+25 || sel.Duplicates != 2 || sel.Empty != 1 || sel.Refilled != 15 {
		t.Errorf("counts: excluded %d, duplicates %d, empty %d, refilled %d", sel.Excluded, sel.Duplicates, sel.Empty, sel.Refilled)
	}
	for _, r := range sel.Rows {
		if excluded.Has(keys[r].HashA) || excluded.Has(keys[r].HashB) {
			t.Fatalf("row %d is excluded", r)
		}
	}
	_, err = SelectMixture(keys, excluded, MixParams{Languages: langs(3), Pivot: "eng", Pairs: 96, Seed: "s"})
	var short *BudgetError
	if !errors.As(err, &short) || short.Available != 95 || short.Even != 45 || len(short.Languages) != 1 || short.Languages[0].Language != "l00" {
		t.Fatalf("want a budget error, got %v", err)
	}
	for _, want := range []string{"96 pairs", "have 95", "45 with equal shares", "l00 with 15", "35 excluded"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestMixtureRefuses(t *testing.T) {
	keys := parallel(3, 10)
	base := MixParams{Languages: langs(3), Pivot: "eng", Pairs: 9, Seed: "s"}
	for name, change := range map[string]func(*MixParams){
		"none":           func(p *MixParams) { p.Languages = nil },
		"twice":          func(p *MixParams) { p.Languages = []string{"l00", "l00"} },
		"pivot":          func(p *MixParams) { p.Languages = []string{"l00", "eng"} },
		"too few":        func(p *MixParams) { p.Pairs = 2 },
		"negative":       func(p *MixParams) { p.Pairs = -1 },
		"pairing":        func(p *MixParams) { p.Pairing = "random" },
		"share":          func(p *MixParams) { p.Share = "odd" },
		"missing weight": func(p *MixParams) { p.Share, p.Weights = ShareWeights, map[string]float64{"l00": 1} },
		"negative weight": func(p *MixParams) {
			p.Share, p.Weights = ShareWeights, map[string]float64{"l00": 1, "l01": -1, "l02": 1}
		},
		"nan exponent": func(p *MixParams) { p.Share, p.Exponent = ShareExponent, math.NaN() },
		"zero share": func(p *MixParams) {
			p.Share, p.Weights = ShareWeights, map[string]float64{"l00": 1, "l01": 1e-9, "l02": 1}
		},
	} {
		p := base
		change(&p)
		if _, err := SelectMixture(keys, nil, p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := base
	p.Languages = []string{"l00", "xyz"}
	_, err := SelectMixture(keys, nil, p)
	var missing *LanguageError
	if !errors.As(err, &missing) || missing.Language != "xyz" || !slices.Equal(missing.Have, []string{"l00", "l01", "l02"}) {
		t.Errorf("want a language error for xyz, got %v", err)
	}
	p = base
	p.Pivot = "fra"
	if _, err := SelectMixture(keys, nil, p); !errors.As(err, &missing) {
		t.Errorf("want a language error for the pivot, got %v", err)
	}
	p = base
	p.Kinds = []string{"bitext"}
	if _, err := SelectMixture(keys, nil, p); !errors.As(err, &missing) || !strings.Contains(err.Error(), "bitext") {
		t.Errorf("want a language error for the kind, got %v", err)
	}
}

func TestShares(t *testing.T) {
	var keys []Key
	for l, n := range []int{1000, 100, 10} {
		for g := range n {
			keys = append(keys, Key{Kind: "k", LangA: lang(l), LangB: "eng", HashA: uint64(l*10_000 + g + 1), HashB: uint64(100_000 + l*10_000 + g)})
		}
	}
	for _, c := range []struct {
		p    MixParams
		want []int
	}{
		{MixParams{Share: ShareExponent, Exponent: 1, Pairs: 111}, []int{100, 10, 1}},
		{MixParams{Share: ShareExponent, Exponent: 0, Pairs: 30}, []int{10, 10, 10}},
		{MixParams{Share: ShareExponent, Exponent: -1, Pairs: 22}, []int{1, 11, 10}},
		{MixParams{Share: ShareWeights, Weights: map[string]float64{"l00": 1, "l01": 2, "l02": 1}, Pairs: 40}, []int{10, 20, 10}},
		{MixParams{Share: ShareWeights, Weights: map[string]float64{"l00": 1, "l01": 1, "l02": 8}, Pairs: 50}, []int{20, 20, 10}},
		{MixParams{Pairs: 500}, []int{390, 100, 10}},
		{MixParams{Pairs: 1110}, []int{1000, 100, 10}},
	} {
		c.p.Languages, c.p.Pivot, c.p.Seed = langs(3), "eng", "x"
		sel, err := SelectMixture(keys, nil, c.p)
		if err != nil {
			t.Fatal(err)
		}
		got, sum := []int{}, 0
		for _, l := range sel.Languages {
			got = append(got, l.Taken)
			sum += l.Taken
		}
		if sum != c.p.Pairs || !slices.Equal(got, c.want) {
			t.Errorf("%s %v of %d: got %v, want %v", c.p.Share, c.p.Exponent, c.p.Pairs, got, c.want)
		}
	}
}

func TestLineage(t *testing.T) {
	l := lineage([]string{"a", "b", "c", "d"}, []int{25, 25, 25, 25})
	if math.Abs(l.Hill1-4) > 1e-12 || math.Abs(l.Hill2-4) > 1e-12 || l.Richness != 4 {
		t.Errorf("four equal shares: %+v", l)
	}
	// Shares 1/2, 1/4, 1/4: entropy 1.5 bit, so 2^1.5; sum of squares 3/8.
	l = lineage([]string{"a", "b", "c"}, []int{2, 1, 1})
	if math.Abs(l.Hill1-math.Pow(2, 1.5)) > 1e-12 || math.Abs(l.Hill2-8.0/3) > 1e-12 {
		t.Errorf("shares 1/2, 1/4, 1/4: %+v", l)
	}
}

func TestShuffledPairing(t *testing.T) {
	for _, c := range []struct {
		k, groups, pairs int
		kinds            []string
	}{{3, 701, 701, nil}, {6, 701, 4206, nil}, {48, 701, 701, nil}, {2, 100, 160, []string{"qa", "qq"}}, {5, 10, 5, nil}, {2, 2, 4, nil}} {
		keys := parallel(c.k, c.groups, c.kinds...)
		p := MixParams{Languages: langs(c.k), Pivot: "eng", Pairs: c.pairs, Pairing: PairingShuffled, Seed: "1"}
		sel, err := SelectMixture(keys, nil, p)
		if err != nil {
			t.Fatalf("K=%d: %v", c.k, err)
		}
		p.Pairing = PairingAligned
		plain, err := SelectMixture(keys, nil, p)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(plain.Rows, sel.Rows) || !slices.Equal(plain.RowsB, plain.Rows) {
			t.Errorf("K=%d: shuffling changes the A sides", c.k)
		}
		if !slices.Equal(sortedInts(sel.RowsB), sortedInts(sel.Rows)) {
			t.Errorf("K=%d: the B sides are not a permutation", c.k)
		}
		if plain.Lineage.TrainingSet == sel.Lineage.TrainingSet {
			t.Errorf("K=%d: the training set is the same", c.k)
		}
		moved := 0
		for i, r := range sel.Rows {
			if keys[r].Group == keys[sel.RowsB[i]].Group {
				t.Fatalf("K=%d: pair %d keeps its group", c.k, i)
			}
			if keys[r].LangA == keys[sel.RowsB[i]].LangA {
				moved++
			}
		}
		if c.pairs/c.k > 10 && moved != c.pairs {
			t.Errorf("K=%d: %d of %d pivot texts changed language", c.k, c.pairs-moved, c.pairs)
		}
	}
	// The translations of one sentence do not all go to the same wrong one.
	keys := parallel(6, 701)
	sel, err := SelectMixture(keys, nil, MixParams{Languages: langs(6), Pivot: "eng", Pairs: 4206, Pairing: PairingShuffled, Seed: "1"})
	if err != nil {
		t.Fatal(err)
	}
	to := map[[2]string]int{}
	for i, r := range sel.Rows {
		to[[2]string{keys[r].Group, keys[sel.RowsB[i]].Group}]++
	}
	if len(to) < 4100 {
		t.Errorf("%d distinct wrong partners over 4206 pairs", len(to))
	}
	keys = parallel(3, 1)
	_, err = SelectMixture(keys, nil, MixParams{Languages: langs(3), Pivot: "eng", Pairs: 3, Pairing: PairingShuffled, Seed: "1"})
	var cannot *ShuffleError
	if !errors.As(err, &cannot) || cannot.Largest != 3 {
		t.Errorf("want a shuffle error, got %v", err)
	}
}

// bestSquares finds the smallest sum of squared group loads by trying
// everything.
func bestSquares(room [][]int, quotas []int) int {
	loads := make([]int, len(room[0]))
	best := math.MaxInt
	var try func(l, g, left int)
	try = func(l, g, left int) {
		if l == len(room) {
			sum := 0
			for _, x := range loads {
				sum += x * x
			}
			best = min(best, sum)
			return
		}
		if g == len(loads) {
			if left == 0 {
				next := 0
				if l+1 < len(room) {
					next = quotas[l+1]
				}
				try(l+1, 0, next)
			}
			return
		}
		for n := 0; n <= min(left, room[l][g]); n++ {
			loads[g] += n
			try(l, g+1, left-n)
			loads[g] -= n
		}
	}
	try(0, 0, quotas[0])
	return best
}

// TestBalanceIsOptimal compares ragged designs with an exhaustive search.
func TestBalanceIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	for trial := range 1500 {
		nl, ng := 1+rng.IntN(4), 1+rng.IntN(4)
		room := make([][]int, nl)
		var keys []Key
		total, id := 0, uint64(1)
		for l := range room {
			room[l] = make([]int, ng)
			for g := range room[l] {
				if rng.IntN(3) > 0 {
					room[l][g] = 1 + rng.IntN(2)
				}
				if l == 0 && g == 0 || g == l%ng {
					room[l][g] = max(1, room[l][g])
				}
				for k := range room[l][g] {
					keys = append(keys, Key{Kind: fmt.Sprint(k), Group: fmt.Sprint("g", g), LangA: lang(l), LangB: "eng", HashA: id, HashB: id + 1000})
					id++
				}
				total += room[l][g]
			}
		}
		rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		p := MixParams{Languages: langs(nl), Pivot: "eng", Pairs: nl + rng.IntN(total-nl+1), Seed: fmt.Sprint(trial)}
		sel, err := SelectMixture(keys, nil, p)
		if err != nil {
			t.Fatalf("trial %d: %v", trial, err)
		}
		group, language := loads(t, keys, sel)
		quotas := make([]int, nl)
		for l := range quotas {
			quotas[l] = language[lang(l)]
			have := 0
			for _, n := range room[l] {
				have += n
			}
			// Even: who has less than another gives all it has.
			for m := range quotas {
				if language[lang(m)] > quotas[l]+1 && quotas[l] < have {
					t.Fatalf("trial %d: languages %v", trial, language)
				}
			}
		}
		got := 0
		for _, n := range group {
			got += n * n
		}
		if want := bestSquares(room, quotas); got != want {
			t.Fatalf("trial %d: sum of squares %d, want %d (rooms %v, quotas %v)", trial, got, want, room, quotas)
		}
	}
}

// TestBalanceNeedsExchanges is a design in which taking the least used group
// first goes wrong: the late language has only groups that the early ones
// could have left alone.
func TestBalanceNeedsExchanges(t *testing.T) {
	var keys []Key
	add := func(l, g int) {
		keys = append(keys, Key{Kind: "k", Group: fmt.Sprint(g), LangA: lang(l), LangB: "eng", HashA: uint64(1 + l*1000 + g), HashB: uint64(100_000 + g)})
	}
	for l := range 8 {
		for g := range 160 {
			if l%2 == 0 || g < 80 { // odd languages have the first half only
				add(l, g)
			}
		}
	}
	for seed := range 20 {
		sel, err := SelectMixture(keys, nil, MixParams{Languages: langs(8), Pivot: "eng", Pairs: 160, Seed: fmt.Sprint(seed)})
		if err != nil {
			t.Fatal(err)
		}
		if g, _ := loads(t, keys, sel); len(g) != 160 {
			t.Errorf("seed %d: %d groups used, want each of 160 once", seed, len(g))
		}
	}
}

func shared(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("XLRUN_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	return dir
}

func BenchmarkSelectMixture(b *testing.B) {
	keys := parallel(138, 701)
	excluded := Hashes{}
	for i := range 60_000 {
		excluded[uint64(1)<<40+uint64(i)] = struct{}{}
	}
	pairs := NewPairs(keys, excluded)
	b.Run("prepare", func(b *testing.B) {
		for b.Loop() {
			NewPairs(keys, excluded)
		}
	})
	for _, c := range []struct{ k, pairs int }{{1, 701}, {48, 701}, {48, 4206}} {
		b.Run(fmt.Sprintf("K=%d/T=%d", c.k, c.pairs), func(b *testing.B) {
			for b.Loop() {
				if _, err := pairs.Select(MixParams{Languages: langs(c.k), Pivot: "eng", Pairs: c.pairs, Seed: "1"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestSelectionPair(t *testing.T) {
	pairs := []sdk.Pair{{A: sdk.Text{Text: "a"}, B: sdk.Text{Text: "A"}}, {A: sdk.Text{Text: "b"}, B: sdk.Text{Text: "B"}}}
	s := &Selection{Rows: []int{0, 1}, RowsB: []int{1, 1}}
	at := func(i int) sdk.Pair { return pairs[i] }
	if p := s.Pair(0, at); p.A.Text != "a" || p.B.Text != "B" {
		t.Errorf("got %v", p)
	}
	if p := s.Pair(1, at); p.A.Text != "b" || p.B.Text != "B" {
		t.Errorf("got %v", p)
	}
}
