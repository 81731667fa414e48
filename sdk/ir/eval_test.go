package ir

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// near compares floats that were computed by different roads.
func closeTo(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

// By hand. The order is C A X D B E (D before B: equal scores, larger id
// first); the relevant ranks are A 2 (grade 3), D 4 (2), B 5 (1), and N, of
// grade 1, is not retrieved: R = 4, and two documents have a grade ≥ 2.
var (
	handJudgments = Judgments{"A": 3, "B": 1, "C": 0, "D": 2, "E": -1, "N": 1}
	handRanking   = Ranking{{Doc: "B", Score: .6}, {Doc: "E", Score: .5}, {Doc: "D", Score: .6}, {Doc: "A", Score: .8}, {Doc: "C", Score: .9}, {Doc: "X", Score: .7}}
)

func TestByHand(t *testing.T) {
	l, eps := math.Log2, 0.00001
	for text, want := range map[string]float64{
		"RR":                  1. / 2,
		"RR@2":                1. / 2,
		"RR@1":                0,
		"RR(rel=3)":           1. / 2,
		"AP":                  (1./2 + 2./4 + 3./5) / 4,
		"AP@4":                (1./2 + 2./4) / 4, // divided by R, not by min(R, 4)
		"AP@1":                0,
		"AP(rel=2)":           (1./2 + 2./4) / 2,
		"AP(rel=2)@3":         (1. / 2) / 2,
		"AP(rel=4)":           0, // nothing is that relevant
		"P@5":                 3. / 5,
		"P@10":                3. / 10, // six hits, divided by ten
		"P(rel=2)@5":          2. / 5,
		"R@5":                 3. / 4,
		"R@2":                 1. / 4,
		"R(rel=2)@5":          1,
		"R(rel=4)@5":          0,
		"Success@1":           0,
		"Success@2":           1,
		"Success(rel=3)@5":    1,
		"Success(rel=4)@5":    0,
		"nDCG":                (3/l(3) + 2/l(5) + 1/l(6)) / (3 + 2/l(3) + 1/l(4) + 1/l(5)),
		"nDCG@100":            (3/l(3) + 2/l(5) + 1/l(6)) / (3 + 2/l(3) + 1/l(4) + 1/l(5)),
		"nDCG@4":              (3/l(3) + 2/l(5)) / (3 + 2/l(3) + 1/l(4) + 1/l(5)),
		"nDCG@3":              (3 / l(3)) / (3 + 2/l(3) + 1/l(4)),
		"nDCG@1":              0,
		"P(rel=1000000000)@1": 0,

		"nDCG(dcg='exp-log2')@3": (7 / l(3)) / (7 + 3/l(3) + 1/l(4)),
		"nDCG(gains={3:1})":      (1/l(3) + 2/l(5) + 1/l(6)) / (2 + 1/l(3) + 1/l(4) + 1/l(5)),
		"nDCG(gains={0:-1})":     (-1 + 3/l(3) + 2/l(5) + 1/l(6)) / (3 + 2/l(3) + 1/l(4) + 1/l(5)),
		"nDCG(judged_only=True)": (3/l(3) + 2/l(4) + 1/l(5)) / (3 + 2/l(3) + 1/l(4) + 1/l(5)), // C A D B
		"P(judged_only=True)@3":  2. / 3,
		"AP(judged_only=True)":   (1./2 + 2./3 + 3./4) / 4,
		"Rprec":                  2. / 4,
		"Bpref":                  0, // the one judged non-relevant document is above all
		"Bpref(rel=2)":           (.5 + .5) / 2,
		"infAP":                  ((.5 + .5*eps/(1+2*eps)) + (1./4 + 2./4*(1+eps)/(2+2*eps)) + (1./5 + 3./5*(2+eps)/(3+2*eps))) / 4,
		"IPrec@0":                3. / 5,
		"IPrec@0.5":              3. / 5,
		"IPrec@0.8":              3. / 5, // 3.2 documents are 3
		"IPrec@0.9":              0,      // 3.6 are 4
		"SetP":                   3. / 6,
		"SetP(relative=True)":    3. / 4,
		"SetR":                   3. / 4,
		"SetF":                   .6,
		"SetF(beta=2)":           1.125 / 1.75,
		"SetAP":                  3. / 8,
		"Judged@3":               2. / 3,
		"Judged":                 5. / 6,
		"Judged@10":              5. / 6,
		"NumQ":                   1,
		"NumRel":                 4,
		"NumRet":                 6,
		"NumRet(rel=2)":          2,
		"RBP(rel=1)":             .2 * (.8 + .8*.8*.8 + .8*.8*.8*.8),
		"RBP(p=0.5,rel=2)@3":     .25,
		"RBP":                    .2 * (3*.8 + 2*.8*.8*.8 + .8*.8*.8*.8) / 3,
		"ERR":                    7./16/2 + 9./16*3/16/4 + 9./16*13/16/16/5,
		"ERR@2":                  7. / 32,
		"Accuracy":               1 - 5./9,
		"Accuracy@2":             0,
		"Accuracy(rel=3)@3":      1. / 2,
		"Compat(p=0.5)":          (.5/2 + .25/3 + .125*2/4 + .0625*3/5 + .03125*3/6) / (1 + .5 + .25 + .125 + .0625*4/5 + .03125*4/6),
		"11pt_avg":               .6 * 9 / 11,
		"Rprec_mult_0.50":        1. / 2,
		"Rprec_mult_2.00":        3. / 8,
		"relative_P_2":           1. / 2,
		"relative_P_10":          3. / 4,
		"unj_5":                  1. / 5,
		"unj_6":                  2. / 6,
		"utility":                0,
		"utility_2,-1,0.5,0":     3.5,
		"binG":                   (1/l(3) + .5 + .5) / 4,
		"G":                      3. / 7,
		"G_1=0.5":                (2.5 + .5/l(4.5)) / 6,
		"dcg":                    3/l(3) + 2/l(5) + 1/l(6),
		"ideal_dcg":              3 + 2/l(3) + 1/l(4) + 1/l(5),
		"ndcg_rel":               (3/l(3)/(3+2/l(3)) + ((3/l(3)+2/l(5))+2*(3/l(3)+2/l(5)+1/l(6)))/(3+2/l(3)+1/l(4)+1/l(5))) / 4,
		"Rndcg":                  (3/l(3)/(3+2/l(3)) + ((3/l(3)+2/l(5))+(3/l(3)+2/l(5)+1/l(6)))/(3+2/l(3)+1/l(4)+1/l(5))) / 4,
		"gm_map":                 1.6 / 4,
		"gm_bpref":               .00001,
		"yaap":                   math.Log(2.6 / 3.4),
		"rbp":                    .1 * (.9 + 2./3*.9*.9*.9 + 1./3*.9*.9*.9*.9),
		"rbp_p=0.5":              .5 * (.5 + 2./3*.125 + 1./3*.0625),
		"rbp_resid_p=0.5":        .015625 + .5*(.25+.03125),
		"num_nonrel_judged_ret":  1,
	} {
		got, err := Evaluate(MustMeasures(text), handJudgments, handRanking)
		if err != nil {
			t.Fatal(err)
		}
		if !closeTo(got[0], want) {
			t.Errorf("%s: want %v, got %v", text, want, got[0])
		}
	}
	// The same nDCG as a number from a pocket calculator.
	got, err := Evaluate(MustMeasures("nDCG"), handJudgments, handRanking)
	if err != nil || math.Abs(got[0]-0.6049) > 5e-5 {
		t.Errorf("nDCG: want 0.6049, got %v, %v", got, err)
	}
	if handRanking[0].Doc != "B" {
		t.Error("Evaluate sorted the caller's ranking")
	}
}

func TestFirstRelevant(t *testing.T) {
	for _, c := range []struct {
		judgments Judgments
		want      int
	}{
		{handJudgments, 2},
		{Judgments{"E": 1}, 6},
		{Judgments{"C": 0, "E": -2}, 0},
		{Judgments{"elsewhere": 1}, 0},
		{nil, 0},
	} {
		r, err := (&Evaluator{}).Query(c.judgments, handRanking)
		if err != nil || r.FirstRelevant != c.want {
			t.Errorf("%v: want rank %d, got %d, %v", c.judgments, c.want, r.FirstRelevant, err)
		}
	}
}

// Every measure is 0, not undefined, where trec_eval says so.
func TestNothingToFind(t *testing.T) {
	all := MustMeasures("nDCG", "nDCG@5", "RR", "RR@5", "AP", "AP@5", "R@5", "P@5", "Success@5")
	for name, c := range map[string]struct {
		judgments Judgments
		ranking   Ranking
	}{
		"no hits":               {Judgments{"a": 1}, nil},
		"no relevant documents": {Judgments{"a": 0, "b": -1}, Ranking{{Doc: "a", Score: 1}, {Doc: "b", Score: 2}}},
		"no judgments":          {nil, Ranking{{Doc: "a", Score: 1}}},
		"only others found":     {Judgments{"a": 2}, Ranking{{Doc: "b", Score: 1}}},
	} {
		got, err := Evaluate(all, c.judgments, c.ranking)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(make([]float64, len(all)), got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestTies(t *testing.T) {
	rr := func(ties Ties, r Ranking) float64 {
		t.Helper()
		res, err := (&Evaluator{Measures: MustMeasures("RR"), Ties: ties}).Query(Judgments{"a": 1}, r)
		if err != nil {
			t.Fatal(err)
		}
		return res.Values[0]
	}
	for _, c := range []struct {
		name          string
		ranking       Ranking
		trec10, trec9 float64
	}{
		{"equal scores: the larger id first", Ranking{{Doc: "a", Score: 1}, {Doc: "b", Score: 1}}, 1. / 2, 1. / 2},
		{"bytes, not numbers: a9 > a10 > a", Ranking{{Doc: "a", Score: 1}, {Doc: "a9", Score: 1}, {Doc: "a10", Score: 1}}, 1. / 3, 1. / 3},
		{"bytes, not letters: a > B", Ranking{{Doc: "a", Score: 1}, {Doc: "B", Score: 1}}, 1, 1},
		{"beyond ASCII: é > a", Ranking{{Doc: "a", Score: 1}, {Doc: "é", Score: 1}}, 1. / 2, 1. / 2},
		{"different in 64 bits only", Ranking{{Doc: "a", Score: 0.900000001}, {Doc: "b", Score: 0.900000000}}, 1, 1. / 2},
		{"different in 32 bits too", Ranking{{Doc: "a", Score: 0.9001}, {Doc: "b", Score: 0.9}}, 1, 1},
		{"zero has no sign", Ranking{{Doc: "a", Score: 0}, {Doc: "b", Score: math.Copysign(0, -1)}}, 1. / 2, 1. / 2},
		{"infinite scores", Ranking{{Doc: "a", Score: 1}, {Doc: "b", Score: math.Inf(1)}, {Doc: "c", Score: math.Inf(-1)}}, 1. / 2, 1. / 2},
	} {
		if got := rr(Trec10, c.ranking); got != c.trec10 {
			t.Errorf("%s: trec10: want %v, got %v", c.name, c.trec10, got)
		}
		if got := rr(Trec9, c.ranking); got != c.trec9 {
			t.Errorf("%s: trec9: want %v, got %v", c.name, c.trec9, got)
		}
	}
	for _, ties := range []Ties{Trec10, Trec9, Rank, Expected} {
		if got, err := ParseTies(ties.String()); err != nil || got != ties {
			t.Errorf("%v reads as %v, %v", ties, got, err)
		}
	}
	if _, err := ParseTies("trec8"); err == nil {
		t.Error("an unknown tie mode was taken")
	}
}

func TestQueryErrors(t *testing.T) {
	for want, r := range map[string]Ranking{
		`document "b" has the score NaN`: {{Doc: "a", Score: 1}, {Doc: "b", Score: math.NaN()}},
		`document "a" occurs twice`:      {{Doc: "a", Score: 1}, {Doc: "b", Score: 2}, {Doc: "a", Score: 3}},
	} {
		if _, err := Evaluate(nil, Judgments{"a": 1}, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := Evaluate([]Measure{{}}, nil, nil); err == nil {
		t.Error("the zero measure was evaluated")
	}
	rest := MustMeasures("utility.1,-1,0,0.5")
	if _, err := (&Evaluator{Measures: rest}).Run(Qrels{"q": {"a": 1}}, Run{Rankings: map[QueryID]Ranking{"q": {{Doc: "a", Score: 1}}}}); err == nil || !strings.Contains(err.Error(), "how many documents there are") {
		t.Errorf("documents that nobody has counted were: %v", err)
	}
	if r, err := (&Evaluator{Measures: rest, Documents: 11}).Query(Judgments{"a": 1}, Ranking{{Doc: "a", Score: 1}}); err != nil || r.Values[0] != 6 {
		t.Errorf("want 6, got %v, %v", r.Values, err)
	}
}

func TestRun(t *testing.T) {
	qrels := Qrels{
		"q10": {"a": 1},
		"q2":  {"b": 1},
		"q3":  {"c": 0}, // nothing relevant: counts, as in trec_eval
		"q4":  {"d": 1}, // not in the run
	}
	run := Run{Rankings: map[QueryID]Ranking{
		"q2": {{Doc: "a", Score: 2}, {Doc: "b", Score: 1}}, "q10": {{Doc: "a", Score: 2}, {Doc: "b", Score: 1}}, "q3": {{Doc: "c", Score: 1}}, "zz": {{Doc: "a", Score: 1}},
	}}
	rr := MustMeasures("RR")
	got, err := EvaluateRun(rr, qrels, run)
	if err != nil {
		t.Fatal(err)
	}
	want := &RunResult{
		Measures: rr,
		Queries:  []QueryID{"q10", "q2", "q3", "q4"},
		PerQuery: []QueryResult{
			{Values: []float64{1}, FirstRelevant: 1},
			{Values: []float64{.5}, FirstRelevant: 2},
			{Values: []float64{0}},
			{Values: []float64{0}},
		},
		Means:        []float64{1.5 / 4},
		Missing:      []QueryID{"q4"},
		Unjudged:     []QueryID{"zz"},
		TieDependent: []int{0},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Measure{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	got, err = (&Evaluator{Measures: rr, RetrievedOnly: true}).Run(qrels, run)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Queries) != 3 || got.Means[0] != 0.5 || len(got.Missing) != 1 {
		t.Errorf("retrieved only: want mean 0.5 over 3 queries, got %+v", got)
	}

	for name, c := range map[string]struct {
		qrels Qrels
		run   Run
	}{
		"nothing judged":     {nil, run},
		"no query in common": {Qrels{"other": {"a": 1}}, run},
		"a bad ranking":      {qrels, Run{Rankings: map[QueryID]Ranking{"q2": {{Doc: "a", Score: math.NaN()}}}}},
	} {
		if _, err := (&Evaluator{RetrievedOnly: true}).Run(c.qrels, c.run); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

// With one relevant document, as in WebFAQ, everything follows from its rank.
func TestOneRelevant(t *testing.T) {
	ms := MustMeasures("nDCG@10", "RR@10", "AP@10", "R@10", "P@10", "Success@10", "nDCG", "RR", "AP", "Success@1")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		n := 1 + rng.IntN(50)
		rank := 1 + rng.IntN(n)
		grade := 1 + rng.IntN(3)
		ranking := make(Ranking, n)
		for i := range ranking {
			ranking[i] = Hit{Doc: DocID(rune('a' + i)), Score: -float64(i)}
		}
		judgments := Judgments{ranking[rank-1].Doc: grade, "z9": 0}
		rng.Shuffle(n, func(i, j int) { ranking[i], ranking[j] = ranking[j], ranking[i] })

		r := float64(rank)
		in10, first := 0., 0.
		if rank <= 10 {
			in10 = 1
		}
		if rank == 1 {
			first = 1
		}
		discount := 1 / math.Log2(r+1)
		want := []float64{in10 * discount, in10 / r, in10 / r, in10, in10 / 10, in10, discount, 1 / r, 1 / r, first}
		got, err := (&Evaluator{Measures: ms}).Query(judgments, ranking)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ms {
			if !closeTo(got.Values[i], want[i]) {
				t.Fatalf("%v with the relevant document at %d of %d: want %v, got %v", ms[i], rank, n, want[i], got.Values[i])
			}
		}
		if got.FirstRelevant != rank {
			t.Fatalf("first relevant: want %d, got %d", rank, got.FirstRelevant)
		}
	}
}

// randomQuery makes graded judgments and a ranking full of ties.
func randomQuery(rng *rand.Rand) (Judgments, Ranking) {
	judgments := Judgments{}
	var ranking Ranking
	for i := range 1 + rng.IntN(40) {
		doc := DocID("d" + string(rune('a'+i)))
		if rng.IntN(2) == 0 {
			judgments[doc] = rng.IntN(5) - 1
		}
		if rng.IntN(3) > 0 {
			ranking = append(ranking, Hit{Doc: doc, Score: float64(rng.IntN(6))})
		}
	}
	return judgments, ranking
}

var many = MustMeasures("nDCG", "nDCG@1", "nDCG@5", "nDCG@20", "RR", "RR@3", "RR(rel=2)", "AP", "AP@5", "AP(rel=3)@7",
	"R@1", "R@5", "R(rel=2)@5", "P@1", "P@5", "P(rel=2)@30", "Success@1", "Success(rel=3)@5")

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	eval := func(j Judgments, r Ranking) []float64 {
		v, err := Evaluate(many, j, r)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for range 2000 {
		judgments, ranking := randomQuery(rng)
		values := eval(judgments, ranking)
		for i, v := range values {
			if !(v >= 0 && v <= 1+1e-12) {
				t.Fatalf("%v = %v of %v, %v", many[i], v, judgments, ranking)
			}
		}

		// The order of arrival is irrelevant, to the bit.
		rng.Shuffle(len(ranking), func(i, j int) { ranking[i], ranking[j] = ranking[j], ranking[i] })
		if diff := cmp.Diff(values, eval(judgments, ranking)); diff != "" {
			t.Fatalf("shuffled: (-want +got)\n%s", diff)
		}

		// Depth k is the cutoff k.
		k := 1 + rng.IntN(10)
		e := &Evaluator{Measures: MustMeasures("AP", "RR", "R@1000000"), Depth: k}
		deep, err := e.Query(judgments, ranking)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range e.Measures {
			m.cutoff = int32(k)
			cut, err := Evaluate([]Measure{m}, judgments, ranking)
			if err != nil || cut[0] != deep.Values[i] {
				t.Fatalf("%v: want %v as with depth %d, got %v, %v", m, deep.Values[i], k, cut, err)
			}
		}

		// The ideal ranking is ideal.
		ideal := Ranking{}
		for doc, grade := range judgments {
			ideal = append(ideal, Hit{Doc: doc, Score: float64(grade)})
		}
		if values := eval(judgments, ideal); values[4] > 0 && (values[0] != 1 || values[2] != 1 || values[7] != 1) {
			t.Fatalf("nDCG %v, nDCG@5 %v, AP %v of the ideal ranking of %v", values[0], values[2], values[7], judgments)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	e := &Evaluator{Measures: many}
	done := make(chan error)
	for g := range 4 {
		go func() {
			rng := rand.New(rand.NewPCG(uint64(g), 5))
			for range 200 {
				j, r := randomQuery(rng)
				want, err := Evaluate(many, j, r)
				if err != nil {
					done <- err
					return
				}
				if got, err := e.Query(j, r); err != nil || !cmp.Equal(want, got.Values) {
					t.Errorf("goroutine %d: want %v, got %v, %v", g, want, got.Values, err)
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkEvaluator(b *testing.B) {
	const queries, depth = 1000, 1000
	rng := rand.New(rand.NewPCG(6, 7))
	qrels, run, shuffled := Qrels{}, Run{Rankings: map[QueryID]Ranking{}}, Run{Rankings: map[QueryID]Ranking{}}
	docs := make([]DocID, 100_000)
	for i := range docs {
		docs[i] = DocID("FT" + strings.Repeat("9", rng.IntN(3)) + "-" + string(rune('A'+i%26)) + strconv.Itoa(i))
	}
	for q := range queries {
		id := QueryID("q" + strconv.Itoa(q))
		ranking := make(Ranking, depth)
		judgments := Judgments{}
		start := rng.IntN(len(docs) - 4*depth)
		for i := range ranking {
			doc := docs[start+4*i]
			ranking[i] = Hit{Doc: doc, Score: math.Round(1000*rng.Float64()) / 10}
			if rng.IntN(20) == 0 {
				judgments[doc] = rng.IntN(4)
			}
		}
		for i := range 50 {
			judgments[docs[start+4*i+1]] = rng.IntN(4)
		}
		qrels[id] = judgments
		shuffled.Rankings[id] = ranking
		sorted := append(Ranking(nil), ranking...)
		sorted.Sort(Trec10)
		run.Rankings[id] = sorted
	}
	ms := MustMeasures("nDCG", "nDCG@10", "nDCG@100", "RR", "AP", "AP@100", "R@10", "R@100", "P@10", "Success@1", "Success@10")
	for name, run := range map[string]Run{"sorted": run, "unsorted": shuffled} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := EvaluateRun(ms, qrels, run); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(queries*depth), "ns/hit")
		})
	}
}
