package ir

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// everyMeasure has each family, with the parameters that change its road.
func everyMeasure(t testing.TB) []Measure {
	t.Helper()
	ms, err := ParseMeasures(`all_trec dcg ideal_dcg yaap relstring.3
		P@1 P@2 P@3 P(rel=2)@3 P(judged_only=True)@2 R@2 R(rel=2)@3 R@4 R(judged_only=True)@3
		RR RR@2 RR(rel=2) RR(judged_only=True)@3 AP@3 AP(rel=2) AP(judged_only=True) AP(rel=2,judged_only=True)@2
		Success@2 Success(rel=3)@3 Success(judged_only=True)@1 Rprec(rel=2) Rprec(judged_only=True) Bpref(rel=2) infAP(rel=2)
		nDCG@1 nDCG@2 nDCG@4 nDCG(dcg='exp-log2') nDCG(dcg='exp-log2')@3 nDCG(gains={0:1,1:2,2:7}) nDCG(gains={0:-1,1:0.5})@3
		nDCG(judged_only=True) nDCG(dcg='exp-log2',judged_only=True)@2 nDCG(gains={3:1},judged_only=True)@3
		IPrec@0.25 IPrec(rel=2)@0.5 IPrec(judged_only=True)@0.3 IPrec@0.6
		SetP(rel=2) SetP(judged_only=True) SetP(relative=True,judged_only=True) SetR(rel=2) SetF(beta=2) SetF(judged_only=True) SetAP(rel=2) SetAP(judged_only=True)
		Judged Judged@2 Judged@4 NumRet(rel=2) NumRel(rel=2) RBP RBP@2 RBP(rel=1) RBP(p=0.5,rel=2)@3 ERR ERR@2 ERR@3
		Accuracy Accuracy@2 Accuracy@3 Accuracy(rel=2)@4 Compat Compat(p=0.8) Compat(normalize=False)
		gm_map(rel=2) gm_bpref(rel=2) 11pt_avg.0.2,0.5,0.8 11pt_avg.0.8,0.2 Rprec_mult.0.5,1.5 relative_P.2,3 relative_P_3(rel=2) unj.1,2,3
		utility.1,-2,3,-0.5 binG(rel=2) G.1=0.5,2=3 ndcg_rel.0=1,1=3 ndcg.0=-1,1=4 Rndcg.1=2,2=2 Rndcg(rel=2) yaap(rel=2)
		rbp.p=0.5 rbp.1=3,2=9 rbp_resid.p=0.6 num_nonrel_judged_ret(rel=2)`)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// smallTies makes a query whose orders can all be tried.
func smallTies(rng *rand.Rand) (Judgments, Ranking) {
	judgments := Judgments{}
	var ranking Ranking
	for i := range 1 + rng.IntN(7) {
		doc := DocID(rune('a' + i))
		if rng.IntN(4) > 0 {
			judgments[doc] = rng.IntN(5) - 1
		}
		if rng.IntN(8) > 0 {
			ranking = append(ranking, Hit{Doc: doc, Score: float64(rng.IntN(3))})
		}
	}
	judgments["z"] = rng.IntN(3)
	return judgments, ranking
}

// eachOrder calls f with the ranking in every order of its equal scores, each
// made plain by scores that all differ.
func eachOrder(ranking Ranking, f func(Ranking)) {
	ranking = slices.Clone(ranking)
	ranking.Sort(Trec10)
	var permute func(i int)
	permute = func(i int) {
		if i == len(ranking) {
			plain := slices.Clone(ranking)
			for i := range plain {
				plain[i].Score = -float64(i)
			}
			f(plain)
			return
		}
		for j := i; j < len(ranking) && ranking[j].Score == ranking[i].Score; j++ {
			ranking[i], ranking[j] = ranking[j], ranking[i]
			permute(i + 1)
			ranking[i], ranking[j] = ranking[j], ranking[i]
		}
	}
	permute(0)
}

// The mean over all orders, tried one by one, is the exact mean.
func TestExpectedAgainstAllOrders(t *testing.T) {
	ms := everyMeasure(t)
	rng := rand.New(rand.NewPCG(11, 12))
	differ := make([]int, len(ms)) // from the value of one order
	unclear := 0
	for n := range 1500 {
		judgments, ranking := smallTies(rng)
		e := Evaluator{Measures: ms, Ties: Expected, Documents: 20}
		if n%3 == 1 {
			e.Depth = 1 + rng.IntN(5)
		}
		e.JudgedOnly = n%5 == 2
		want, orders := make([]float64, len(ms)), 0
		eachOrder(ranking, func(r Ranking) {
			one := e
			one.Ties = Trec10
			got, err := one.Query(judgments, r)
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range got.Values {
				want[i] += x
			}
			orders++
		})
		trec10, err := (&Evaluator{Measures: ms, Depth: e.Depth, JudgedOnly: e.JudgedOnly, Documents: 20}).Query(judgments, ranking)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range ms {
			want[i] /= float64(orders)
			one := e
			one.Measures = ms[i : i+1]
			got, err := one.Query(judgments, ranking)
			if err != nil {
				if e.Depth > 0 && strings.Contains(err.Error(), "the depth cuts a block") {
					unclear++
					continue
				}
				t.Fatalf("%v: %v", m, err)
			}
			if math.Abs(got.Values[0]-want[i]) > 1e-11 {
				t.Fatalf("%v, depth %d, judged only %v: want %v over %d orders, got %v of %v, %v", m, e.Depth, e.JudgedOnly, want[i], orders, got.Values[0], judgments, ranking)
			}
			if math.Abs(want[i]-trec10.Values[i]) > 1e-9 {
				differ[i]++
			}
			if !got.Tied && orders > 1 && e.Depth == 0 {
				t.Fatalf("%v: %d orders and no tie", ranking, orders)
			}
		}
	}
	never := map[string]bool{"NumQ": true, "NumRet": true, "NumRel": true, "ideal_dcg": true, "runid": true, "relstring": true, "relstring_3": true, "NumRel(rel=2)": true}
	for i, m := range ms {
		if (differ[i] == 0) != never[m.String()] && m.Cutoff() < 10 {
			t.Errorf("%v: %d cases differ from trec10", m, differ[i])
		}
	}
	if unclear == 0 {
		t.Error("no case cut a block of which documents are dropped")
	}
}

// Larger blocks, by hand and by symmetry.
func TestExpectedOfLargeBlocks(t *testing.T) {
	var ranking Ranking
	judgments := Judgments{}
	for i := range 2000 {
		doc := DocID(fmt.Sprint("d", i))
		ranking = append(ranking, Hit{Doc: doc})
		if i%40 == 0 {
			judgments[doc] = 1 + i%3
		}
	}
	eval := func(measures string) []float64 {
		t.Helper()
		ms, err := ParseMeasures(measures)
		if err != nil {
			t.Fatal(err)
		}
		r, err := (&Evaluator{Measures: ms, Ties: Expected}).Query(judgments, ranking)
		if err != nil {
			t.Fatal(err)
		}
		return r.Values
	}
	miss := 1.0
	for i := range 10 {
		miss *= float64(1950-i) / float64(2000-i)
	}
	for i, want := range []float64{50. / 2000, 10. / 2000, 1 - miss, 50. / 2000, 0.5} {
		if got := eval("P@10 R@10 Success@10 Rprec Accuracy")[i]; math.Abs(got-want) > 1e-12 {
			t.Errorf("measure %d: want %v, got %v", i, want, got)
		}
	}
	for _, name := range []string{"nDCG", "AP", "Bpref", "infAP", "RBP", "ERR", "Compat", "G", "ndcg_rel", "binG"} {
		got := eval(name)[0]
		// The mean of random orders is within five standard errors.
		rng := rand.New(rand.NewPCG(1, 2))
		sum, squares, n := 0.0, 0.0, 200.0
		for range int(n) {
			r := slices.Clone(ranking)
			for i := range r {
				r[i].Score = rng.Float64()
			}
			v, err := Evaluate(MustMeasures(name), judgments, r)
			if err != nil {
				t.Fatal(err)
			}
			sum += v[0]
			squares += v[0] * v[0]
		}
		mean := sum / n
		if sd := math.Sqrt(squares/n - mean*mean); math.Abs(mean-got) > 5*sd/math.Sqrt(n) {
			t.Errorf("%s: %v, and the mean of %v random orders is %v with standard deviation %v", name, got, n, mean, sd)
		}
	}
	// What would take too long says so.
	_, err := (&Evaluator{Measures: MustMeasures("IPrec@0.1"), Ties: Expected}).Query(judgments, ranking)
	if err == nil || !strings.Contains(err.Error(), "IPrec@0.1: the exact mean") {
		t.Errorf("a mean out of reach: got %v", err)
	}
	_, err = (&Evaluator{Measures: MustMeasures("yaap"), Ties: Expected}).Query(judgments, ranking)
	if err == nil || !strings.Contains(err.Error(), "orders") {
		t.Errorf("too many orders: got %v", err)
	}
}

func TestRankMode(t *testing.T) {
	judgments := Judgments{"a": 1}
	query := func(r Ranking) (QueryResult, error) {
		return (&Evaluator{Measures: MustMeasures("RR"), Ties: Rank}).Query(judgments, r)
	}
	for name, c := range map[string]struct {
		ranking Ranking
		want    float64
	}{
		"by rank, against the scores": {Ranking{{"b", 9, 2}, {"a", 1, 1}}, 1},
		"no ranks: as it came":        {Ranking{{"c", 1, 0}, {"b", 2, 0}, {"a", 3, 0}}, 1. / 3},
		"ranks from 0":                {Ranking{{"b", 9, 1}, {"a", 1, 0}}, 1},
	} {
		got, err := query(c.ranking)
		if err != nil || got.Values[0] != c.want || got.FirstRelevant != int(1/c.want+.5) {
			t.Errorf("%s: want %v, got %+v, %v", name, c.want, got, err)
		}
	}
	if _, err := query(Ranking{{"b", 9, 1}, {"a", 1, 1}}); err == nil || !strings.Contains(err.Error(), `documents "a" and "b" both have the rank 1`) && !strings.Contains(err.Error(), `documents "b" and "a" both have the rank 1`) {
		t.Errorf("equal ranks: got %v", err)
	}
}

// What depends on the tie mode is counted, whatever the mode.
func TestTieDependence(t *testing.T) {
	qrels := Qrels{
		"order":    {"a": 1, "b": 0}, // a and b tie: the order matters
		"same":     {"a": 1, "b": 1}, // it does not
		"bits":     {"a": 1},         // a tie in 32 bits only
		"contrary": {"a": 1},         // no tie: the rank column contradicts the scores
		"nothing":  {"a": 1},
		"far":      {"x": 1}, // a tie of documents without judgments
	}
	run := Run{Rankings: map[QueryID]Ranking{
		"order":    {{"a", 1, 0}, {"b", 1, 0}},
		"same":     {{"a", 1, 0}, {"b", 1, 0}},
		"bits":     {{"a", 0.900000001, 0}, {"b", 0.9, 0}},
		"contrary": {{"a", 2, 2}, {"b", 1, 1}},
		"nothing":  {{"a", 2, 1}, {"b", 1, 2}},
		"far":      {{"x", 3, 0}, {"b", 1, 0}, {"c", 1, 0}},
	}}
	for _, ties := range []Ties{Trec10, Trec9, Expected, Rank} {
		ms := MustMeasures("RR", "NumRet", "P@1", "P@2", "relstring", "Judged@1")
		if ties == Rank {
			delete(run.Rankings, "bits") // without ranks the order of arrival counts
			delete(run.Rankings, "order")
			delete(run.Rankings, "same")
			delete(run.Rankings, "far")
		}
		res, err := (&Evaluator{Measures: ms, Ties: ties, RetrievedOnly: true}).Run(qrels, run)
		if err != nil {
			t.Fatal(err)
		}
		want, tied := []int{2, 0, 2, 0, 2, 1}, 4
		if ties == Rank {
			want, tied = []int{1, 0, 1, 0, 1, 1}, 0
		}
		if !slices.Equal(res.TieDependent, want) || res.TiedQueries != tied {
			t.Errorf("%v: want %v of %d tied queries, got %v of %d", ties, want, tied, res.TieDependent, res.TiedQueries)
		}
	}
}

// Dependent is what evaluating in every mode says.
func TestTieDependenceAgainstModes(t *testing.T) {
	var ms []Measure
	for _, m := range everyMeasure(t) {
		if m.Name() != "IPrec" && m.Name() != "11pt_avg" && m.Aggregate() != Text { // these round by mode; texts are below
			ms = append(ms, m)
		}
	}
	rng := rand.New(rand.NewPCG(31, 32))
	seen, kept, ignored := map[bool]int{}, 0, 0
	for n := range 600 {
		judgments, ranking := smallTies(rng)
		ranks := rng.Perm(len(ranking))
		for i := range ranking {
			if n%2 == 0 {
				ranking[i].Rank = int32(ranks[i])
				if n%3 == 0 {
					ranking[i].Rank *= 3 // with gaps
				}
			}
			if rng.IntN(3) == 0 {
				ranking[i].Score += 1e-9 // equal in 32 bits, but for 0
			}
		}
		if n%4 == 2 { // ranks that only order ties
			slices.SortFunc(ranking, func(a, b Hit) int { return cmp.Compare(float32(b.Score), float32(a.Score)) })
			for i := range ranking {
				ranking[i].Rank = int32(i + 1)
			}
		}
		contrary := false
		for _, a := range ranking {
			for _, b := range ranking {
				contrary = contrary || n%2 == 0 && float32(a.Score) > float32(b.Score) && a.Rank >= b.Rank
			}
		}
		e := Evaluator{Measures: ms, Documents: 20, Others: true}
		if n%4 == 3 {
			e.Depth = 1 + rng.IntN(4)
		}
		e.JudgedOnly = n%7 == 5 && e.Depth == 0
		ms := ms
		if e.Depth > 0 {
			ms = slices.DeleteFunc(slices.Clone(ms), func(m Measure) bool { return strings.Contains(m.String(), "judged_only") })
			e.Measures = ms
		}
		var results []QueryResult
		for ties := range Ties(len(tiesNames)) {
			e.Ties = ties
			r, err := e.Query(judgments, ranking)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, r)
		}
		for ties := range results {
			for i, m := range ms {
				want := false
				for other, r := range results {
					if (Ties(other) == Rank || Ties(ties) == Rank) && other != ties && n%2 == 1 {
						continue // no ranks came along
					}
					if Ties(other) == Rank && Ties(ties) != Rank && contrary {
						if math.Abs(r.Values[i]-results[ties].Values[i]) > 1e-11 {
							ignored++
						}
						continue // they are no rule for ties
					}
					want = want || math.Abs(r.Values[i]-results[ties].Values[i]) > 1e-11
				}
				got := results[ties].Dependent != nil && results[ties].Dependent[i]
				if Ties(ties) == Rank && n%2 == 1 {
					continue
				}
				if got != want {
					t.Fatalf("%v in mode %v: want %v, got %v of %v, %v (%v)", m, Ties(ties), want, got, judgments, ranking, results)
				}
				for other, r := range results {
					if Ties(other) == Rank && n%2 == 1 {
						continue
					}
					got := results[ties].Values[i]
					if others := results[ties].Others; others != nil && others[other] != nil {
						got = others[other][i]
						kept++
					}
					if math.Abs(got-r.Values[i]) > 1e-11 {
						t.Fatalf("%v in mode %v: want %v under %v, got %v of %v, %v", m, Ties(ties), r.Values[i], Ties(other), got, judgments, ranking)
					}
				}
				seen[got]++
			}
		}
	}
	if seen[true] < 1000 || seen[false] < 1000 || kept < 1000 || ignored < 1000 {
		t.Errorf("one-sided: %v, %d values under other modes, %d of ranks that contradict scores", seen, kept, ignored)
	}
}

// Whether values depend on ties is asked of every ranking, so it may neither
// take the memory of a machine nor minutes, whatever is tied.
func TestLargeTies(t *testing.T) {
	const hits = 100_000
	ranking, judgments := Ranking{}, Judgments{}
	for i := range hits {
		doc := DocID(fmt.Sprintf("d%06d", i))
		ranking = append(ranking, Hit{Doc: doc, Rank: int32(hits - i)})
		if i%100 == 0 {
			judgments[doc] = 1
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := (&Evaluator{Measures: MustMeasures("IPrec@0.1", "11pt_avg", "IPrec@0.9")}).Query(judgments, ranking)
	runtime.ReadMemStats(&after)
	if err != nil || !slices.Equal(r.Dependent, []bool{true, true, true}) {
		t.Errorf("got %v, %v", r.Dependent, err)
	}
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 100 {
		t.Errorf("%d MiB were allocated", got)
	}

	for i := range 4000 {
		judgments[ranking[i].Doc] = maxParameter
	}
	e := Evaluator{Measures: MustMeasures("G")}
	if r, err := e.Query(judgments, ranking[:4001]); err != nil || math.IsNaN(r.Values[0]) {
		t.Errorf("G: got %v, %v", r.Values, err)
	}
	e.Ties = Expected
	if _, err := e.Query(judgments, ranking[:4001]); !errors.Is(err, errWork) {
		t.Errorf("G: want %v, got %v", errWork, err)
	}
}

// A block takes its share of what one mean may take.
func TestWorkAddsUp(t *testing.T) {
	v := &view{maxWork: 100}
	for range 4 {
		if err := v.spend(5, 5); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.spend(1); !errors.Is(err, errWork) {
		t.Errorf("want %v, got %v", errWork, err)
	}
	v.work = 0
	if err := v.spend(math.MaxInt, math.MaxInt); !errors.Is(err, errWork) {
		t.Errorf("a product that wraps: want %v, got %v", errWork, err)
	}
}

// Gains whose sums no float holds are refused, not infinite.
func TestGainsBeyondFloats(t *testing.T) {
	judgments := Judgments{"a": 1, "b": 1, "c": 2}
	ranking := Ranking{{Doc: "a", Score: 3}, {Doc: "b", Score: 2}, {Doc: "c", Score: 1}}
	for text, ok := range map[string]bool{
		"nDCG(dcg='exp-log2',gains={1:2000})": false, "nDCG(dcg='exp-log2',gains={1:1001,2:1})": false,
		"nDCG(dcg='exp-log2',gains={1:1000})": true, "nDCG(gains={1:1e9})": true, "G.1=1e9": true, "dcg.1=-1e9,2=1e9": true,
	} {
		v, err := Evaluate(MustMeasures(text), judgments, ranking)
		if ok != (err == nil) || ok && (math.IsNaN(v[0]) || math.IsInf(v[0], 0)) {
			t.Errorf("%s: got %v, %v", text, v, err)
		}
	}
}

// A mean over orders that does not exist, or would take long, has no value
// among those under other modes, and the mode in force keeps its own.
func TestOthersUndefined(t *testing.T) {
	ranking := Ranking{{"a", 1, 0}, {"b", 1, 0}, {"c", 1, 0}}
	e := Evaluator{Measures: MustMeasures("RR"), Depth: 2, JudgedOnly: true, Others: true}
	r, err := e.Query(Judgments{"a": 1, "b": 0}, ranking)
	if err != nil {
		t.Fatal(err)
	}
	if r.Values[0] != 0 || r.Others == nil || r.Others[Expected] == nil || !math.IsNaN(r.Others[Expected][0]) {
		t.Errorf("want 0 and no mean over orders, got %v", r)
	}
}
