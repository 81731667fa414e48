package multilingual

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// near compares with what somebody else computed.
func near(t *testing.T, what string, want, got, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(want-got) > tolerance*max(1, math.Abs(want)) {
		t.Errorf("%s: want %v, got %v", what, want, got)
	}
}

// reference is what peer_measure 0.0.1 and scipy gave for drawn cases.
type reference struct {
	PEER []struct {
		Languages map[string]string  `json:"languages"`
		Qrels     map[string]int     `json:"qrels"`
		Ranking   []string           `json:"ranking"`
		Cutoff    int                `json:"cutoff"`
		Weights   map[string]float64 `json:"weights"`
		Want      *float64           `json:"want"` // nil: not a number
	} `json:"peer"`
	Chi []struct {
		X    float64 `json:"x"`
		DF   int     `json:"df"`
		Want float64 `json:"want"`
	} `json:"chi"`
	Spearman []struct {
		A, B []string
		Want *float64 `json:"want"`
	} `json:"spearman"`
	Kruskal []struct {
		Groups [][]float64 `json:"groups"`
		H, P   float64
	} `json:"kruskal"`
}

func load(t *testing.T) *reference {
	t.Helper()
	b, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestPEERReference(t *testing.T) {
	between := 0
	for i, c := range load(t).PEER {
		q := &Query{Qrels: c.Qrels, Ranking: c.Ranking, Documents: map[string]Document{}}
		for d, l := range c.Languages {
			q.Documents[d] = Document{Language: l}
		}
		weights := map[int]float64{}
		for k, w := range c.Weights {
			grade, err := strconv.Atoi(k)
			if err != nil {
				t.Fatal(err)
			}
			weights[grade] = w
		}
		got, why := PEER(q, PEEROptions{Cutoff: c.Cutoff, Weights: weights, Reference: true})
		if why != "" {
			t.Errorf("case %d: %s", i, why)
		}
		if c.Want == nil {
			// A level whose documents all have one rank, found or not: the
			// implementation divides by 0. Nothing differs, so p is 1 here.
			if math.IsNaN(got) {
				t.Errorf("case %d: %v", i, got)
			}
			continue
		}
		near(t, fmt.Sprintf("case %d", i), *c.Want, got, 1e-12)
		if got > 0 && got < 1 {
			between++
		}
	}
	if between < 20 {
		t.Errorf("only %d cases are neither 0 nor 1", between)
	}
}

func TestKruskal(t *testing.T) {
	for _, c := range load(t).Kruskal {
		h, ok := KruskalH(c.Groups)
		near(t, "H", c.H, h, 1e-12)
		near(t, "p", c.P, ChiSquareTail(h, len(c.Groups)-1), 1e-12)
		if !ok {
			t.Errorf("%v has a statistic", c.Groups)
		}
	}
	// Computed by rational arithmetic.
	for _, c := range []struct {
		groups [][]float64
		h, p   float64
	}{
		{[][]float64{{1, 3, 5, 7, 9}, {2, 4, 6, 8, 10}}, .2727272727, .6015081344}, // scipy's documentation of kruskal
		{[][]float64{{1, 3, 5}, {2, 4, 6}}, .4285714286, .5126907602},
		{[][]float64{{1, 2, 3}, {4, 5, 6}}, 3.8571428571, .0495346134},
		{[][]float64{{1, 2, 3}, {4, 7.5, 7.5}}, 3.6739130435, .0552702807},
		{[][]float64{{1, 4}, {2, 3}}, 0, 1},
		{[][]float64{{1, 4}, nil, {2, 3}}, 0, 1},
	} {
		h, ok := KruskalH(c.groups)
		if !ok {
			t.Errorf("%v has a statistic", c.groups)
		}
		near(t, "H", c.h, h, 1e-10)
		near(t, "p", c.p, ChiSquareTail(h, 1), 1e-10)
	}
	// scipy's documentation again, with ranks in place of values.
	h, _ := KruskalH([][]float64{{2, 2, 2}, {5.5, 5.5, 5.5}, {5.5, 5.5}})
	near(t, "H of ties", 7, h, 1e-12)
	near(t, "p of ties", .0301973834, ChiSquareTail(h, 2), 1e-9)
	for _, g := range [][][]float64{nil, {{1}}, {{2, 2}, {2}}, {{}, {}}} {
		if h, ok := KruskalH(g); ok {
			t.Errorf("%v: %v", g, h)
		}
	}
}

func TestChiSquareTail(t *testing.T) {
	for _, c := range load(t).Chi {
		got := ChiSquareTail(c.X, c.DF)
		if c.Want < 1e-300 {
			if got > 1e-290 {
				t.Errorf("x = %v, df = %d: want %v, got %v", c.X, c.DF, c.Want, got)
			}
			continue
		}
		if math.Abs(got-c.Want) > 1e-11*c.Want {
			t.Errorf("x = %v, df = %d: want %v, got %v", c.X, c.DF, c.Want, got)
		}
	}
}

func TestSpearman(t *testing.T) {
	for _, c := range load(t).Spearman {
		got, ok := Spearman(c.A, c.B)
		if ok != (c.Want != nil) {
			t.Errorf("%v %v: %v %t", c.A, c.B, got, ok)
		} else if ok {
			near(t, fmt.Sprint(c.A, c.B), *c.Want, got, 1e-12)
		}
	}
}

// mixed returns a query in English whose documents are named by language and
// number: "eng1" is a translation of "deu1". Relevant are those given.
func mixed(ranking string, relevant string) *Query {
	q := &Query{Language: "eng", Group: "1", Ranking: strings.Fields(ranking), Qrels: map[string]int{}, Documents: map[string]Document{}, Candidates: map[string]int{"eng": 4, "deu": 4}}
	for _, d := range strings.Fields(relevant) {
		id, grade, ok := strings.Cut(d, "=")
		q.Qrels[id] = 1
		if ok {
			q.Qrels[id], _ = strconv.Atoi(grade)
		}
		q.Documents[id] = Document{Language: id[:3], Group: id[3:]}
	}
	for _, d := range q.Ranking {
		q.Documents[d] = Document{Language: d[:3], Group: d[3:]}
	}
	return q
}

func TestPEER(t *testing.T) {
	for _, c := range []struct {
		ranking, relevant string
		o                 PEEROptions
		want              float64
		why               string
	}{
		// The golden values: languages that alternate, and that do not mix.
		{"eng1 deu1 eng2 deu2 eng3 deu3", "eng1 eng2 eng3 deu1 deu2 deu3", PEEROptions{}, .5126907602, ""},
		{"eng1 eng2 eng3 deu1 deu2 deu3", "eng1 eng2 eng3 deu1 deu2 deu3", PEEROptions{}, .0495346134, ""},
		// Two of one language missing: after the six of the level with the
		// reference (7.5), after the four that were retrieved without (5.5).
		{"eng1 eng2 eng3 deu1", "eng1 eng2 eng3 deu1 deu2 deu3", PEEROptions{Reference: true}, .0552702807, ""},
		{"eng1 eng2 eng3 deu1", "eng1 eng2 eng3 deu1 deu2 deu3", PEEROptions{}, .0463015949, ""},
		{"eng1 deu1 deu2 eng2", "eng1 eng2 eng3 deu1 deu2 deu3", PEEROptions{}, 1, ""},
		// The cutoff makes the last two missing, and their ranks 5.5.
		{"eng1 eng2 eng3 deu1 deu2 deu3", "eng1 eng2 eng3 deu1 deu2 deu3", PEEROptions{Cutoff: 4}, .0463015949, ""},
		// Levels are tested apart: level 2 is fair, level 1 cannot be tested.
		{"eng1 deu1 deu2 eng2 eng3", "eng1=2 deu1=2 deu2=2 eng2=2 eng3=1", PEEROptions{}, 1, ""},
		// Two levels, each of two languages that part alike: their p is that of
		// one document against one, and the third level's weight is theirs.
		{"eng1 deu1 eng2 deu2 eng3", "eng1=2 deu1=2 eng2=1 deu2=1 eng3=3", PEEROptions{}, .3173105079, ""},
		{"eng1 deu1 eng2 deu2 eng3", "eng1=2 deu1=2 eng2=1 deu2=1 eng3=3", PEEROptions{Weights: map[int]float64{1: .5, 2: .25, 3: .25}}, .3173105079, ""},
		{"eng1 deu1 eng2 deu2 eng3", "eng1=2 deu1=2 eng2=1 deu2=1 eng3=3", PEEROptions{Weights: map[int]float64{1: .5, 2: .25, 3: .25}, Reference: true}, .25 + .75*.3173105079, ""},
		{"eng1 eng2", "eng1 eng2", PEEROptions{}, 0, OneLanguage},
		{"eng1 eng2", "eng1 eng2", PEEROptions{Reference: true}, 1, ""},
		{"eng1 deu1", "eng1=0", PEEROptions{}, 0, NoRelevant},
		{"eng1 deu1", "eng1 deu1", PEEROptions{Weights: map[int]float64{3: 1}}, 0, NoWeight},
	} {
		got, why := PEER(mixed(c.ranking, c.relevant), c.o)
		if why != c.why {
			t.Errorf("%s: want %q, got %q", c.ranking, c.why, why)
		}
		near(t, c.ranking, c.want, got, 1e-9)
	}
	q := mixed("eng1 deu1", "eng1 deu1")
	q.Documents["deu1"] = Document{}
	if _, why := PEER(q, PEEROptions{}); why != NoDocLanguage {
		t.Errorf("got %q", why)
	}
}

func TestAWRF(t *testing.T) {
	l3 := 1 / math.Log2(3)
	for _, c := range []struct {
		ranking string
		o       AWRFOptions
		want    float64
	}{
		{"eng1 eng2", AWRFOptions{Distance: DistanceAbs}, .5}, // all to one, half is due
		{"eng1 deu1", AWRFOptions{Distance: DistanceAbs}, 1 - (1/(1+l3) - .5)},
		{"eng1 deu1", AWRFOptions{Distance: DistanceAbs, Patience: .5}, 1 - (2./3 - .5)},
		{"eng1 deu1 eng2", AWRFOptions{Cutoff: 2, Distance: DistanceAbs, Patience: .5}, 1 - (2./3 - .5)},
		// scipy.spatial.distance.jensenshannon([1, 0], [.5, .5], 2)² = .3112781245
		{"eng1 eng2", AWRFOptions{}, 1 - .31127812445913283},
	} {
		got, why := AWRF(mixed(c.ranking, ""), c.o)
		if why != "" {
			t.Errorf("%s: %s", c.ranking, why)
		}
		near(t, c.ranking, c.want, got, 1e-12)
	}
	q := mixed("eng1 eng2 eng3 deu1", "")
	q.Candidates = map[string]int{"eng": 3, "deu": 1}
	share, _ := AWRF(q, AWRFOptions{Patience: 1})
	uniform, _ := AWRF(q, AWRFOptions{Patience: 1, Target: TargetUniform})
	near(t, "as in the pool", 1, share, 1e-15)
	if uniform >= share {
		t.Errorf("uniform: %v", uniform)
	}
	for why, spoil := range map[string]func(*Query){
		NothingRanked:    func(q *Query) { q.Ranking = nil },
		UnknownPool:      func(q *Query) { q.Candidates = nil },
		OneCandidateLang: func(q *Query) { q.Candidates = map[string]int{"eng": 3} },
		NoDocLanguage:    func(q *Query) { q.Documents["eng1"] = Document{} },
	} {
		q := mixed("eng1 deu1", "")
		spoil(q)
		if _, got := AWRF(q, AWRFOptions{}); got != why {
			t.Errorf("want %q, got %q", why, got)
		}
	}
}

func TestParallel(t *testing.T) {
	log3 := math.Log2(3)
	type values struct{ LPR, LPR1, LangNDCG, MaxR, Strong, Weak any }
	get := func(q *Query) values {
		or := func(v float64, why string) any {
			if why != "" {
				return why
			}
			return math.Round(v*1e9) / 1e9
		}
		var x values
		x.LPR = or(LPR(q, 0))
		x.LPR1 = or(LPR(q, 1))
		x.LangNDCG = or(LangNDCG(q, 10, .5))
		v, _, why := MaxR(q)
		x.MaxR = or(v, why)
		x.Strong = or(AlignStrong(q, 0))
		v, _, why = AlignWeak(q, 0)
		x.Weak = or(v, why)
		return x
	}
	round := func(v float64) any { return math.Round(v*1e9) / 1e9 }
	dcg := func(first, second float64) float64 { return first + second/log3 }
	for _, c := range []struct {
		what string
		q    *Query
		want values
	}{
		{"its own language first", mixed("eng1 deu1 eng2 deu2", "eng1 deu1"), values{1., 1., 1., 1., 1., 1.}},
		{"the translation first", mixed("deu1 eng1 eng2 deu2", "eng1 deu1"), values{0., 0., round(dcg(.5, 1) / dcg(1, .5)), 1., 1., 1.}},
		{"another document first", mixed("eng2 eng1 deu2 deu1", "eng1 deu1"), values{1., NoneRetrieved, round((1/log3 + .5/math.Log2(5)) / dcg(1, .5)), 2., .5, .5}},
		{"the translation far", mixed("eng1 eng2 eng3 deu1", "eng1 deu1"), values{1., 1., round((1 + .5/math.Log2(5)) / dcg(1, .5)), 2., .75, 1.}},
		{"the translation lost", mixed("eng1 eng2", "eng1 deu1"), values{1., 1., round(1 / dcg(1, .5)), 3., .5, 0.}},
		{"nothing retrieved", mixed("", "eng1 deu1"), values{NoneRetrieved, NoneRetrieved, 0., 3., 0., 0.}},
		{"one language", mixed("eng1", "eng1 eng2"), values{OneLanguage, OneLanguage, OneLanguage, OneLanguage, OneLanguage, NoneInOtherLang}},
		{"nothing relevant", mixed("eng1", "eng1=0"), values{NoRelevant, NoRelevant, NoRelevant, NoRelevant, NoRelevant, NoRelevant}},
	} {
		if diff := cmp.Diff(c.want, get(c.q)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.what, diff)
		}
	}
	q := mixed("deu1 fra1", "deu1 fra1")
	if _, why := LPR(q, 0); why != NoneInQueryLang {
		t.Errorf("got %q", why)
	}
	if q.Language = ""; true {
		if _, why := LPR(q, 0); why != NoQueryLanguage {
			t.Errorf("got %q", why)
		}
	}
	q = mixed("eng1", "eng1 deu1")
	if v, complete, _ := MaxR(q); complete || v != 3 {
		t.Errorf("%v %t", v, complete)
	}
	if v, complete, _ := ScaledMaxR(q); complete || v != 0 {
		t.Errorf("scaled: %v %t", v, complete)
	}
	if v, complete, _ := ScaledMaxR(mixed("deu1 eng1", "eng1 deu1")); !complete || v != 1 {
		t.Errorf("scaled: %v %t", v, complete)
	}
	if v, _, _ := ScaledMaxR(mixed("deu1 eng2 eng3 eng1", "eng1 deu1")); v != .5 {
		t.Errorf("scaled, fourth of eight: %v", v)
	}
	whole := mixed("deu1 eng1", "eng1 deu1")
	whole.Candidates = map[string]int{"eng": 1, "deu": 1}
	if _, _, why := ScaledMaxR(whole); why != AllRelevant {
		t.Errorf("got %q", why)
	}
	if whole.Candidates = nil; true {
		if _, _, why := ScaledMaxR(whole); why != PoolUnknown {
			t.Errorf("got %q", why)
		}
	}
	if q.Candidates = nil; true {
		if _, _, why := MaxR(q); why != PoolSizeUnknown {
			t.Errorf("got %q", why)
		}
	}
	// Three languages, and the cutoff of one: German is found second of its own.
	q = mixed("eng1 deu2 fra1 deu1", "eng1 deu1 fra1")
	weak, complete, _ := AlignWeak(q, 0)
	near(t, "weak", .75, weak, 1e-15)
	if !complete {
		t.Error("everything relevant was seen")
	}
	weak, complete, _ = AlignWeak(q, 1)
	near(t, "weak at 1", .5, weak, 1e-15)
	if !complete {
		t.Error("one of each was seen, as the cutoff says")
	}
	// The pool has four of German and two were seen: the third may be deu3.
	q = mixed("eng1 deu2 deu1", "eng1 deu1 deu3")
	for cutoff, want := range map[int]bool{0: false, 2: true, 3: false, 9: false} {
		if _, complete, _ := AlignWeak(q, cutoff); complete != want {
			t.Errorf("complete at %d: %t", cutoff, complete)
		}
	}
	q.Candidates = map[string]int{"eng": 1, "deu": 2}
	if _, complete, _ := AlignWeak(q, 0); !complete {
		t.Error("all of German was seen")
	}
	q.Candidates = nil
	if _, complete, _ := AlignWeak(q, 0); complete {
		t.Error("nobody knows what was not seen")
	}
	q = mixed("eng1 deu2 fra1 deu1", "eng1 deu1 fra1")
	strong, _ := AlignStrong(q, 3)
	near(t, "strong at 3", (1+2./3)/3, strong, 1e-15)
	// The ideal ranking is cut, too.
	first, _ := LangNDCG(mixed("eng1 deu2", "eng1 deu1 eng2 fra1"), 1, .5)
	near(t, "nDCG at 1", 1, first, 1e-15)
	// With the whole gain for translations it is nDCG.
	ndcg, _ := LangNDCG(mixed("deu1 eng1", "eng1 deu1"), 0, 1)
	near(t, "nDCG", 1, ndcg, 1e-15)
}

// An empty ranking orders nothing, and neither does one document.
func TestSpearmanOfTooLittle(t *testing.T) {
	for _, c := range []struct {
		a, b string
		ok   bool
	}{{"", "", false}, {"a b", "", false}, {"", "a b c", false}, {"a", "a", false}, {"a", "b", true}, {"a", "a b", true}} {
		if r, ok := Spearman(strings.Fields(c.a), strings.Fields(c.b)); ok != c.ok || !ok && r != 0 {
			t.Errorf("%q and %q: %v %v", c.a, c.b, r, ok)
		}
	}
}

func TestMRC(t *testing.T) {
	ask := func(id, lang, group, ranking string) Query {
		return Query{ID: id, Language: lang, Group: group, Ranking: strings.Fields(ranking)}
	}
	queries := []Query{
		ask("1", "eng", "g", "a b c"),
		ask("2", "deu", "g", "a b c"),
		ask("3", "fra", "g", "c b a"),
		ask("4", "eng", "alone", "a b"),
		ask("5", "eng", "", "a b"),
		ask("6", "", "g", "a b"),
		ask("7", "eng", "short", "a"),
		ask("8", "deu", "short", "a"),
		ask("0", "fra", "g", "a b c"), // before "3": the one that counts
		ask("9", "eng", "empty", "a b"),
		ask("10", "deu", "empty", ""),
		ask("11", "eng", "none", ""),
		ask("12", "deu", "none", ""),
	}
	got, why := MRC(queries, 0)
	wantWhy := []string{"", "", "", NoTranslation, NoTranslation, NoQueryLanguage, TooFewDocuments, TooFewDocuments, "", TranslationUnranked, NothingRanked, NothingRanked, NothingRanked}
	if diff := cmp.Diff(wantWhy, why); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]float64{1, 1, -1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, _ := MRC(queries[:2], 2); got[0] != 1 {
		t.Errorf("at 2: %v", got)
	}
}

// The numbers of a published table: nDCG@10 of five encoders on the 20 test
// languages of WebFAQ (github.com/padas-lab-de/webfaq, be90c0c).
func TestWebFAQ(t *testing.T) {
	table := map[string][5]float64{
		"ara": {.60977, .74071, .69497, .79249, .84598}, "dan": {.74741, .83729, .74958, .82484, .87502},
		"deu": {.53110, .66281, .57603, .70095, .74246}, "eng": {.49655, .59048, .58943, .66182, .66404},
		"fas": {.63204, .74364, .63197, .74059, .78674}, "fra": {.54919, .69133, .63626, .71969, .76484},
		"hin": {.70110, .79609, .76264, .82518, .86641}, "ind": {.74642, .82656, .75743, .81851, .84796},
		"ita": {.61344, .75469, .69171, .77627, .82873}, "jpn": {.56530, .68826, .61242, .72685, .74499},
		"kor": {.73175, .81559, .74374, .82694, .85800}, "nld": {.61193, .74574, .63372, .76009, .80133},
		"pol": {.61476, .74226, .66125, .75496, .81508}, "por": {.65289, .78323, .70112, .78686, .83673},
		"rus": {.50050, .61458, .57040, .66836, .71361}, "spa": {.57130, .69627, .66098, .74317, .78313},
		"swe": {.67646, .78790, .70476, .77155, .82765}, "tur": {.49801, .66058, .59149, .65794, .70567},
		"vie": {.70173, .80661, .76172, .83679, .86922}, "zho": {.73524, .84776, .84102, .87402, .88850},
	}
	for i, want := range []struct{ english, others, gini, mean float64 }{
		{.4965, .6311, .0762, .6243},
		{.5905, .7496, .0549, .7416},
		{.5894, .6833, .0609, .6786},
		{.6618, .7687, .0449, .7634},
		{.6640, .8106, .0432, .8033},
	} {
		var scores []Score
		for l, v := range table {
			scores = append(scores, Score{Language: l, Value: v[i], Queries: 10000})
		}
		gap, _ := Gap(scores, "eng")
		relative, _ := RelativeGap(scores, "eng")
		gini, _ := Gini(scores)
		macro, _ := Macro(scores)
		micro, _ := QueryMean(scores)
		near(t, "gap", want.english-want.others, gap, 1.01e-4)
		near(t, "relative gap", (want.english-want.others)/want.english, relative, 3e-4)
		near(t, "Gini", want.gini, gini, .51e-4)
		near(t, "mean", want.mean, macro, .51e-4)
		near(t, "mean over queries", macro, micro, 1e-12)
	}
}

func TestAggregates(t *testing.T) {
	s := []Score{{"a", .2, 10}, {"b", .8, 30}, {"c", .5, 10}}
	check := func(name string, want float64) func(float64, string) {
		return func(got float64, why string) {
			t.Helper()
			if why != "" {
				t.Errorf("%s: %s", name, why)
			}
			near(t, name, want, got, 1e-12)
		}
	}
	lack := func(want string) func(float64, string) {
		return func(got float64, why string) {
			t.Helper()
			if why != want || got != 0 {
				t.Errorf("want %q, got %v %q", want, got, why)
			}
		}
	}
	check("Macro", .5)(Macro(s))
	check("QueryMean", .62)(QueryMean(s))
	check("minimum", .2)(Worst(s, 1))
	check("worst two", .35)(Worst(s, 2))
	check("SD", .3)(SD(s))
	check("CV", .6)(CV(s))
	check("Gini", 2*(.6+.3+.3)/(2*9*.5))(Gini(s))
	check("Gini of equals", 0)(Gini([]Score{{"a", .3, 1}, {"b", .3, 1}}))
	check("Gini of one who has all", .75)(Gini([]Score{{"a", 0, 1}, {"b", 0, 1}, {"c", 0, 1}, {"d", 9, 1}}))
	check("Gap", .45)(Gap(s, "b"))
	check("Gap to a group", 0)(Gap(s, "b", "a"))
	check("RelativeGap", .5625)(RelativeGap(s, "b"))
	check("TransferRatio", .8)(TransferRatio(.4, .5))
	check("GapClosed", .25)(GapClosed(.3, .2, .6))
	lack(NoLanguages)(Macro(nil))
	lack(NoLanguages)(QueryMean(nil))
	lack(NoQueries)(QueryMean([]Score{{"a", 1, 0}}))
	lack(FewerThanWanted)(Worst(s, 4))
	lack(FewLanguages)(SD(s[:1]))
	lack(FewLanguages)(Gini(s[:1]))
	lack(MeanZero)(CV([]Score{{"a", 0, 1}, {"b", 0, 1}}))
	lack(MeanZero)(Gini([]Score{{"a", 0, 1}, {"b", 0, 1}}))
	lack(NegativeScores)(Gini([]Score{{"a", -1, 1}, {"b", 2, 1}}))
	lack(NoReference)(Gap(s, "eng"))
	lack(NoReference)(Gap(s, "a", "eng"))
	lack(NoReference)(Gap(s))
	lack(NothingBeside)(Gap(s, "a", "b", "c"))
	lack(ReferenceZero)(RelativeGap([]Score{{"a", 0, 1}, {"b", 1, 1}}, "a"))
	lack(ReferenceZero)(TransferRatio(1, 0))
	lack(NothingToClose)(GapClosed(.5, .5, .5))
}

// The order in which languages and documents come is nobody's business.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s []Score
	for i := range 30 {
		s = append(s, Score{Language: strconv.Itoa(i), Value: rng.Float64(), Queries: 1 + rng.IntN(50)})
	}
	all := func(s []Score) []float64 {
		var out []float64
		for _, f := range []func([]Score) (float64, string){Macro, QueryMean, SD, CV, Gini, func(s []Score) (float64, string) { return Gap(s, "3", "7") }} {
			v, _ := f(s)
			out = append(out, v)
		}
		return out
	}
	want := all(s)
	for range 20 {
		rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		if got := all(s); !slices.Equal(want, got) {
			t.Fatalf("want %v, got %v", want, got)
		}
	}
	q := mixed("eng1 deu1 fra1 eng2 deu3 fra2 deu2", "eng1 eng2=2 deu1 deu2=2 fra1=2 fra2 deu4 eng4")
	first, _ := PEER(q, PEEROptions{Cutoff: 5})
	for range 50 {
		if again, _ := PEER(q, PEEROptions{Cutoff: 5}); again != first {
			t.Fatalf("%v and %v", first, again)
		}
	}
}
