package ir

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
)

// No value of random rankings, with grades below 0 and documents without one,
// is outside the range that its measure has; and no range is wider than from 0
// to 1 without need.
func TestRanges(t *testing.T) {
	wide := strings.Fields("NumRel NumRet NumRet(rel=1) num_nonrel_judged_ret utility yaap dcg dcg.1=-2 ideal_dcg nDCG(gains={0:-3,1:1})@5 G.0=-2 Rndcg.0=-2")
	shares := strings.Fields(`nDCG nDCG@3 nDCG(dcg='exp-log2')@5 nDCG(gains={1:3,2:0.5})@5 nDCG(judged_only=True)@5 RR RR@3 AP AP(rel=2) AP@3 R@3 P@3 Success@3 Rprec Bpref
		infAP IPrec@0.1 IPrec@0 SetP SetP(relative=True) SetR SetF SetF(beta=3) SetF(beta=0) SetAP Judged Judged@3 NumQ RBP RBP(rel=1) RBP(p=0.3)@4 ERR ERR@3 Accuracy Accuracy@4
		Compat Compat(normalize=False) 11pt_avg Rprec_mult_0.4 Rprec_mult_2.0 relative_P_5 unj_5 binG G G.1=0.25 ndcg_rel ndcg_rel.0=-2 Rndcg rbp rbp.1=-4 rbp_resid`)
	texts := append(wide[:len(wide):len(wide)], shares...)
	for _, ties := range []string{"trec10", "expected"} {
		var known []string
		for _, text := range texts {
			if _, err := Component.Decode(fmt.Appendf(nil, `{"measures": [%q], "ties": %q}`, text, ties)); err != nil {
				t.Fatal(err)
			}
			known = append(known, fmt.Sprintf("%q", text))
		}
		m := openMetric(t, fmt.Sprintf(`{"measures": [%s], "ties": %q}`, strings.Join(known, ", "), ties)).(sdk.RangedMetric)
		ranges, beyond := m.Ranges(), make([]bool, len(texts))
		for i, text := range texts {
			if got := ranges[i].Within(0, 1); got != (i >= len(wide)) {
				t.Errorf("%s has the range %v", text, ranges[i])
			}
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 400 {
			q := sdk.JudgedQuery{ID: "q", Qrels: map[string]int{"d0": rng.IntN(4) - 1}}
			for i := range 12 {
				id := fmt.Sprintf("d%d", i)
				if rng.IntN(3) > 0 {
					q.Qrels[id] = rng.IntN(6) - 1
					q.Qrels[id] = min(q.Qrels[id], 4) // as far as ERR goes
				}
				if rng.IntN(3) > 0 {
					q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: id, Score: float64(rng.IntN(6))})
				}
			}
			v, err := m.Evaluate(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range v.Values {
				if x < ranges[i].Low-1e-12 || x > ranges[i].High+1e-12 {
					t.Fatalf("%s is %v, its range %v: %v", texts[i], x, ranges[i], q)
				}
				beyond[i] = beyond[i] || x < 0 || x > 1+1e-12
			}
		}
		for i, text := range wide {
			if !beyond[i] {
				t.Errorf("%s: no value is outside 0 to 1", text)
			}
		}
	}
	// No family is forgotten.
	all, err := ir.ParseMeasures("all_trec")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range ir.MustMeasures(texts...) {
		named[m.Name()] = true
	}
	for _, m := range all {
		if a := m.Aggregate(); !named[m.Name()] && a != ir.Text && a != ir.GeometricMean {
			t.Errorf("%v is not among those tried", m)
		}
	}
}
