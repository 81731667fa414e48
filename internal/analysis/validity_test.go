package analysis

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/xlrun/xlrun/internal/stats"
)

// simulateVar asks for the full simulation: the number of studies per case,
// 400 for what the project promises.
const simulateVar = "XLRUN_SIMULATE"

// validityCases are the studies on which verdicts are tried: effects of every
// sign under each way of drawing training languages, and what else real grids
// do.
func validityCases() []validityCase {
	var out []validityCase
	add := func(name string, kind int, set func(*simulation)) {
		m := simBase
		m.kind, m.queries = kind, 25
		set(&m)
		out = append(out, validityCase{name, m})
	}
	for kind, name := range []string{"independent", "shared", "nested"} {
		for _, effect := range []float64{0, .12, -.12} {
			add(fmt.Sprintf("%s, effects %+g", name, effect), kind, func(m *simulation) {
				m.size, m.diversity = effect, effect
				if effect != 0 {
					m.hard = 0 // else the planted slopes are not those of the means
				}
			})
		}
		add(name+", 3 draws, 5 languages", kind, func(m *simulation) { m.draws, m.targets = 3, 5 })
		add(name+", draws differ in slope", kind, func(m *simulation) { m.drawSize, m.drawDiv = .08, .08 })
		add(name+", related languages", kind, func(m *simulation) { m.draws, m.affinity = 5, .6 })
		add(name+", few queries, uneven", kind, func(m *simulation) { m.draws, m.uneven, m.langSize, m.langDiv = 4, true, .1, .1 })
		add(name+", the same queries", kind, func(m *simulation) { m.parallel, m.asks, m.hard = true, .3, 1 })
		add(name+", some missing", kind, func(m *simulation) { m.draws, m.missing, m.lostCells = 5, .05, .08 })
		add(name+", wide and uneven noise", kind, func(m *simulation) {
			m.ks, m.candidates, m.sizes, m.quality, m.affinity = []int{1, 3, 12, 48}, 100, 2, .5, .5
		})
		add(name+", second budget", kind, func(m *simulation) {
			m.sizes, m.draws, m.candidates, m.budget = 2, 5, 20, .3
			m.budgets, m.ksAt = []int{200, 800}, map[int][]int{800: {2, 4, 8}}
		})
		add(name+", the effect saturates", kind, func(m *simulation) {
			m.ks, m.candidates, m.diversity, m.saturate, m.hard = []int{1, 4, 16}, 40, .15, true, 0
		})
	}
	return out
}

type validityCase struct {
	name string
	m    simulation
}

// truth returns the planted slopes; for a saturating effect, the slope of the
// straight line through it.
func (m simulation) truth(factor string) float64 {
	if factor == RoleSize {
		return m.size
	}
	if !m.saturate {
		return m.diversity
	}
	var x, y []float64
	one := make([]float64, len(m.ks))
	for i, k := range m.ks {
		x = append(x, math.Log2(float64(k)))
		y = append(y, m.diversity*math.Log2(float64(min(k, 4))))
		one[i] = 1
	}
	intercept := stats.NewBasis(len(x))
	intercept.Add(one)
	var slope float64
	for i, w := range intercept.SlopeWeights(x) {
		slope += float64(w * y[i])
	}
	return slope
}

// Verdicts must not claim more than they may: of studies in which the truth is
// at or below what a claim asks for, at most 5 in 100 may be supported; and of
// those in which it is at or above, at most 5 in 100 refuted. The claims sit
// exactly on the truth, where errors are most frequent.
func TestVerdictsAreValid(t *testing.T) {
	n, full := 8, false
	if v, err := strconv.Atoi(os.Getenv(simulateVar)); err == nil {
		n, full = v, true
	}
	for _, c := range validityCases() {
		t.Run(c.name, func(t *testing.T) {
			claims := []Claim{
				{Name: "size", Left: slopeOf("size"), Op: ">", Right: Number(c.m.truth(RoleSize))},
				{Name: "diversity", Left: slopeOf("diversity", "budget"), Op: ">", Right: Number(c.m.truth(RoleDiversity))},
				{Name: "size pays", Left: ameOf("size"), Op: ">", Right: Number(0)},
				{Name: "diversity pays", Left: ameOf("diversity", "budget"), Op: ">", Right: Number(0)},
			}
			supported, refuted, covered := make([]int, len(claims)), make([]int, len(claims)), make([]int, len(claims))
			half := make([]float64, len(claims))
			var mu sync.Mutex
			var wg sync.WaitGroup
			workers := runtime.GOMAXPROCS(0)
			for w := range workers {
				wg.Go(func() {
					for i := w; i < n; i += workers {
						got := c.m.each(t, uint64(1000+i), claims)
						mu.Lock()
						for k, r := range got {
							if r.Reason != "" {
								t.Errorf("study %d: %s is not decided: %s", i, r.Name, r.Reason)
							}
							if r.Verdict == Supported {
								supported[k]++
							}
							if r.Verdict == Refuted {
								refuted[k]++
							}
							if r.Low <= r.Against && r.Against <= r.High {
								covered[k]++
							}
							half[k] += (r.High - r.Low) / 2 / float64(n)
						}
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			// 5 in 100, and for few studies what chance allows (1 in 10,000).
			most := atMost(n, .05, 1e-4)
			if full {
				most = n / 20
			}
			for k, cl := range claims {
				// The first two sit on the truth; the others ask for any gain.
				above := c.m.truth([]string{RoleSize, RoleDiversity}[k%2])
				if k < 2 {
					above = 0
				}
				if above <= 0 && supported[k] > most {
					t.Errorf("%s: %d of %d supported, want at most %d", cl.Name, supported[k], n, most)
				}
				if above >= 0 && refuted[k] > most {
					t.Errorf("%s: %d of %d refuted, want at most %d", cl.Name, refuted[k], n, most)
				}
				if full {
					t.Logf("%-15s supported %5.1f %%  refuted %5.1f %%  covered %5.1f %%  half-width %.4f",
						cl.Name, percent(supported[k], n), percent(refuted[k], n), percent(covered[k], n), half[k])
				}
			}
		})
	}
}

func percent(k, n int) float64 { return 100 * float64(k) / float64(n) }

// atMost is the smallest count that n trials of probability p exceed with a
// probability below tail.
func atMost(n int, p, tail float64) int {
	prob, sum := math.Pow(1-p, float64(n)), 0.0
	for k := 0; ; k++ {
		sum += prob
		if 1-sum < tail {
			return k
		}
		prob *= float64(n-k) / float64(k+1) * p / (1 - p)
	}
}

// each decides every claim as if it were the only one of its study.
func (m simulation) each(t testing.TB, seed uint64, claims []Claim) (out []ClaimResult) {
	t.Helper()
	c := NewCollector(m.design())
	m.records(seed, c.Add)
	g, err := c.grid(c.design.Analyses[0], c.ranks())
	if err != nil {
		t.Fatal(err)
	}
	for _, cl := range claims {
		out = append(out, decideAll([]*question{g.ask(cl)})...)
	}
	return out
}

// Simulations that fool nothing prove nothing: on the same studies, counting
// every cell × language as an observation of its own must claim far too much.
func TestNaiveAnalysisIsFooled(t *testing.T) {
	m := simBase
	m.kind, m.queries, m.quality, m.affinity, m.langDiv = simShared, 25, .3, .2, .15
	const n = 60
	wrong := 0
	for i := range n {
		c := NewCollector(m.design())
		m.records(uint64(i), c.Add)
		g, err := c.grid(c.design.Analyses[0], c.ranks())
		if err != nil {
			t.Fatal(err)
		}
		s := g.sample(nil, nil, stats.EmpiricalLogit)
		var y, x []float64
		lang := make([][]float64, len(s.langs))
		for r := range s.runs {
			for l := range s.langs {
				y = append(y, s.y[r][l])
				x = append(x, g.x(s.runs[r], RoleDiversity))
				for j := range lang {
					v := 0.0
					if j == l {
						v = 1
					}
					lang[j] = append(lang[j], v)
				}
			}
		}
		coef, se := leastSquares(t, y, append([][]float64{x}, lang...)...)
		if math.Abs(coef[0]) > 1.96*se[0] {
			wrong++
		}
	}
	if wrong < n/5 {
		t.Errorf("only %d of %d naive intervals miss the truth: the simulation is too easy", wrong, n)
	}
}
