package analysis

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/stats"
)

// How the training languages of the runs are drawn.
const (
	simIndependent = iota // a set of its own for every run
	simShared             // one set per draw and diversity, the same at every size
	simNested             // sets grow within a draw, the same at every size
)

// simulation is a study with planted effects. All noise is on the log-odds.
type simulation struct {
	kind       int
	sizes      int
	ks         []int
	budgets    []int         // pairs; nil: one
	ksAt       map[int][]int // diversities of a budget, where not all
	draws      int
	targets    int
	candidates int
	queries    int

	size, diversity, budget float64 // per doubling
	saturate                bool    // the effect of diversity ends at 4 languages
	mid                     float64 // log-odds at the centre

	quality   float64 // of a training language; a set has the mean of its languages
	affinity  float64 // of a training language to a target
	set       float64 // of a training set, beside its languages
	init      float64 // of a run
	rest      float64 // of a run in a language
	drawSize  float64 // slope on size, by draw
	drawDiv   float64 // slope on diversity, by draw
	langSize  float64 // slopes by target
	langDiv   float64
	level     float64 // level by target
	hard      float64 // of queries, the same in all runs; it makes slopes of means smaller than those of queries
	uneven    bool    // numbers of queries from a fifth to all
	parallel  bool    // all languages are asked the same
	asks      float64 // slope on size, by query; the same in all languages that ask it
	missing   float64 // share of cell × language without records
	lostCells float64 // share of cells without records

	baseline bool    // untrained encoders too, one per size and draw
	trained  float64 // what training gives over them, at the centre
	control  bool    // shuffled pairs too, at the largest diversity and size
}

var simBase = simulation{
	kind: simShared, sizes: 3, ks: []int{1, 2, 4}, draws: 8, targets: 8, candidates: 8, queries: 40, mid: -0.3,
	quality: 0.15, affinity: 0.15, init: 0.05, rest: 0.05, langSize: 0.05, langDiv: 0.05, level: 0.5, hard: 0.7,
}

func (m simulation) design() Design {
	d := Design{
		Title:    "Simulated",
		Encoders: []string{"student", "control", "untrained"},
		Analyses: []Spec{{Name: "law", Retrieval: "zero_shot", Measure: "Success@1"}},
		Axes: []Axis{
			{Name: "size", Role: RoleSize, Labels: labels("s", m.sizes)},
			{Name: "languages", Role: RoleDiversity},
			{Name: "pairs", Role: RoleBudget},
			{Name: "draw", Role: RoleDraw, Labels: labels("", m.draws)},
			{Name: "target", Role: RoleTarget, Labels: labels("t", m.targets)},
		},
	}
	if m.baseline {
		d.Analyses[0].Baseline = "untrained"
	}
	for _, k := range m.allKs() {
		d.Axes[1].Labels = append(d.Axes[1].Labels, strconv.Itoa(k))
	}
	for _, b := range m.allBudgets() {
		d.Axes[2].Labels = append(d.Axes[2].Labels, strconv.Itoa(b))
	}
	return d
}

func (m simulation) allKs() []int {
	out := slices.Clone(m.ks)
	for _, b := range m.budgets {
		for _, k := range m.ksAt[b] {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (m simulation) allBudgets() []int {
	if m.budgets == nil {
		return []int{200}
	}
	return m.budgets
}

func labels(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i+1)
	}
	return out
}

// records gives every record of one simulated study to add.
func (m simulation) records(seed uint64, add func(results.Record)) {
	rng := rand.New(rand.NewPCG(seed, 77))
	normal := func(sd float64) float64 { return sd * rng.NormFloat64() }
	vector := func(n int, sd float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = normal(sd)
		}
		return out
	}
	quality := vector(m.candidates, m.quality)
	affinity := make([][]float64, m.targets)
	queries := make([]int, m.targets)
	for l := range affinity {
		affinity[l] = vector(m.candidates, m.affinity)
		queries[l] = m.queries
		if m.uneven {
			queries[l] = m.queries/5 + rng.IntN(m.queries*4/5)
		}
	}
	level, langSize, langDiv := vector(m.targets, m.level), vector(m.targets, m.langSize), vector(m.targets, m.langDiv)
	difficulty := make([][]float64, m.targets) // of queries, shared by all runs
	for l := range difficulty {
		if l > 0 && m.parallel {
			difficulty[l] = difficulty[0]
			continue
		}
		difficulty[l] = vector(queries[l], m.hard)
	}
	asks, grown := make([]float64, slices.Max(queries)), 0.0 // grown: doublings of the size from the centre
	if m.asks > 0 {
		asks = vector(len(asks), m.asks)
	}
	untrained := make([]float64, m.targets)
	for l := range untrained {
		untrained[l] = m.mid + level[l] - m.trained
	}
	params := func(size int) int64 { return int64(1e5) << (2 * size) }
	// emit writes the records of one run: axes, lineage and log-odds per target.
	emit := func(head results.Record, eta []float64) {
		head.Retrieval, head.Component, head.Task, head.Index = "zero_shot", "subword", "to_pivot", "exact"
		head.CorpusLanguage, head.PoolSize, head.PoolSeed, head.Measure, head.Exposure = "eng", 50, 1, "Success@1", results.ExposureNone
		for l := range m.targets {
			r := head
			r.Axes = maps.Clone(head.Axes)
			r.Axes["target"] = "t" + strconv.Itoa(l+1)
			r.QueryLanguage = r.Axes["target"]
			r.Cell = fmt.Sprint(head.Encoder, r.Axes)
			lost := rng.Float64() < m.missing
			for q := range queries[l] {
				r.Value = 0
				if rng.Float64() < stats.Expit(eta[l]+difficulty[l][q]+float64(asks[q]*grown)) {
					r.Value = 1
				}
				r.QueryID = fmt.Sprintf("%d-%d", l, q)
				if m.parallel {
					r.QueryID = strconv.Itoa(q)
				}
				if !lost {
					add(r)
				}
			}
		}
	}
	draw := func(k int) []int { return rng.Perm(m.candidates)[:k] }
	for d := range m.draws {
		drawSize, drawDiv := normal(m.drawSize), normal(m.drawDiv)
		ladder := rng.Perm(m.candidates)
		for _, t := range m.allBudgets() {
			at := m.ks
			if own := m.ksAt[t]; own != nil {
				at = own
			}
			for _, k := range at {
				set, own := draw(k), normal(m.set)
				for n := range m.sizes {
					switch m.kind {
					case simIndependent:
						set, own = draw(k), normal(m.set)
					case simNested:
						set = ladder[:k]
					}
					init := normal(m.init)
					if rng.Float64() < m.lostCells {
						continue
					}
					names := make([]string, k)
					for i, j := range set {
						names[i] = fmt.Sprintf("h%02d", j)
					}
					slices.Sort(names)
					x := 2 * float64(n) // sizes are two doublings apart
					div := log2(float64(k))
					if m.saturate {
						div = log2(float64(min(k, 4)))
					}
					base := m.mid + (m.size+drawSize)*(x-float64(m.sizes-1)) + m.diversity*div + drawDiv*log2(float64(k)) + m.budget*log2(float64(t)/200) + own + init
					for _, j := range set {
						base += quality[j] / float64(k)
					}
					subset := strings.Join(names, " ")
					training := fmt.Sprintf("%s/%d/%d", subset, t, d)
					if m.kind == simIndependent {
						training += fmt.Sprintf("/%d", n)
					}
					eta := make([]float64, m.targets)
					for l := range eta {
						eta[l] = base + level[l] + langSize[l]*x + langDiv[l]*log2(float64(k)) + normal(m.rest)
						for _, j := range set {
							eta[l] += affinity[l][j] / float64(k)
						}
					}
					head := results.Record{
						Encoder: "student",
						Axes:    map[string]string{"size": "s" + strconv.Itoa(n+1), "languages": strconv.Itoa(k), "pairs": strconv.Itoa(t), "draw": strconv.Itoa(d + 1)},
						Lineage: results.Lineage{
							TrainingSet: training, Subset: subset, Languages: names, Richness: int32(k), Hill1: float64(k), Hill2: float64(k),
							Pairs: int32(t), Examples: 3000, Pairing: "aligned", ParamsTotal: params(n),
						},
					}
					grown = x - float64(m.sizes-1)
					emit(head, eta)
					grown = 0
					if m.control && n == m.sizes-1 && k == at[len(at)-1] {
						head.Encoder = "control"
						head.Axes = map[string]string{"pairs": strconv.Itoa(t), "draw": strconv.Itoa(d + 1)}
						head.Pairing, head.TrainingSet = "shuffled", training+"/shuffled"
						for l := range eta {
							eta[l] = untrained[l] + 0.2 + normal(m.rest)
						}
						emit(head, eta)
					}
				}
			}
		}
		for n := range m.sizes {
			if !m.baseline {
				break
			}
			eta := make([]float64, m.targets)
			for l := range eta {
				eta[l] = untrained[l] + normal(m.rest)
			}
			emit(results.Record{
				Encoder: "untrained", Axes: map[string]string{"size": "s" + strconv.Itoa(n+1), "draw": strconv.Itoa(d + 1)},
				Lineage: results.Lineage{ParamsTotal: params(n)},
			}, eta)
		}
	}
}

func log2(x float64) float64 { return math.Log2(x) }

func slopeOf(args ...string) Call {
	c := Call{Name: "slope"}
	for _, a := range args {
		c.Args = append(c.Args, Text(a))
	}
	return c
}

func ameOf(args ...string) Call {
	c := slopeOf(args...)
	c.Name = "ame"
	return c
}

// analyse sends a simulated study through records and analysis.
func (m simulation) analyse(t testing.TB, seed uint64, claims ...Claim) *Summary {
	t.Helper()
	d := m.design()
	d.Claims = claims
	c := NewCollector(d)
	m.records(seed, c.Add)
	s, err := c.Analyse()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
