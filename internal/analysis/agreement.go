package analysis

import (
	"context"
	"math"

	"github.com/xlrun/xlrun/internal/stats"
)

// Agreement says how much the rankings of runs have in common, and whether
// measures order the runs alike.
type Agreement struct {
	// Persistence is p of the rank-biased overlap: how likely a reader goes on
	// to the next hit.
	Persistence float64          `json:"rbo_p"`
	Rankings    []RankingPair    `json:"rankings"`
	Measures    []MeasureRanking `json:"measures,omitempty"` // of three runs or more
}

// RankingPair is the mean agreement of two runs over the queries in which both
// have hits.
type RankingPair struct {
	A       string `json:"a"`
	B       string `json:"b"`
	Queries int    `json:"queries"`
	RBO     Float  `json:"rbo_ext"`
	RBOMin  Float  `json:"rbo_min"`
	// TauB and TauAP compare the order of the documents that both retrieved
	// (A against B for TauAP), over the queries with at least two of them.
	TauB   Float `json:"tau_b"`
	TauAP  Float `json:"tau_ap"`
	Shared Float `json:"shared"` // documents that both retrieved, per query
}

// MeasureRanking is how alike two measures order the runs.
type MeasureRanking struct {
	A    string `json:"a"`
	B    string `json:"b"`
	TauB Float  `json:"tau_b"`
}

// persistence is p of the rank-biased overlap: the first ten ranks carry 86 %
// of the weight.
const persistence = 0.9

// Agree compares rankings, run × query, as lists of document ids, best first,
// and adds what it finds to the comparison. Queries are those of the input.
func (c *Comparison) Agree(ctx context.Context, in CompareInput, rankings [][][]string) error {
	out := &Agreement{Persistence: persistence, Rankings: []RankingPair{}}
	var pairs [][2]int
	for b := range rankings {
		for a := range b {
			pairs = append(pairs, [2]int{a, b})
		}
	}
	out.Rankings = make([]RankingPair, len(pairs))
	err := parallel(ctx, len(pairs), func(i int) {
		a, b := pairs[i][0], pairs[i][1]
		p := agree(rankings[a], rankings[b])
		p.A, p.B = in.Runs[a].Name, in.Runs[b].Name
		out.Rankings[i] = p
	})
	if err != nil {
		return err
	}
	if len(in.Runs) > 2 {
		means := make([][]float64, len(in.Measures))
		for m := range in.Measures {
			for _, r := range in.Runs {
				means[m] = append(means[m], stats.Mean(r.Values[m]))
			}
			for k := range m {
				out.Measures = append(out.Measures, MeasureRanking{A: in.Measures[k], B: in.Measures[m], TauB: Float(stats.KendallTauB(means[k], means[m]))})
			}
		}
	}
	c.Agreement = out
	return nil
}

func agree(a, b [][]string) RankingPair {
	var out RankingPair
	var rbo, least, tau, ap, shared averager
	for q := range a {
		if len(a[q]) == 0 || len(b[q]) == 0 {
			continue
		}
		out.Queries++
		ext, minimum := stats.RBO(a[q], b[q], persistence)
		rbo.add(ext)
		least.add(minimum)
		at := make(map[string]int, len(b[q]))
		for i, d := range b[q] {
			at[d] = i
		}
		var x, y []float64
		var common []string
		for i, d := range a[q] {
			if j, ok := at[d]; ok {
				x, y = append(x, float64(i)), append(y, float64(j))
				common = append(common, d)
			}
		}
		shared.add(float64(len(common)))
		if len(common) < 2 {
			continue
		}
		tau.add(stats.KendallTauB(x, y))
		keep := make(map[string]bool, len(common))
		for _, d := range common {
			keep[d] = true
		}
		var truth []string
		for _, d := range b[q] {
			if keep[d] {
				truth = append(truth, d)
			}
		}
		ap.add(stats.TauAP(common, truth))
	}
	out.RBO, out.RBOMin, out.TauB, out.TauAP, out.Shared = rbo.value(), least.value(), tau.value(), ap.value(), shared.value()
	return out
}

// averager sums in the order of the queries.
type averager struct {
	sum float64
	n   int
}

func (m *averager) add(v float64) { m.sum, m.n = m.sum+v, m.n+1 }

func (m *averager) value() Float {
	if m.n == 0 {
		return Float(math.NaN())
	}
	return Float(m.sum / float64(m.n))
}
