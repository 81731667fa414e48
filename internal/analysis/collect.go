package analysis

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/stats"
)

// Collector folds records to one number per cell and language as they come.
// The order in which they come does not matter.
type Collector struct {
	design  Design
	wanted  map[[2]string]bool // retrieval and measure of some analysis
	role    map[string]string  // axis → role
	groups  []*group
	index   map[string]*group
	queries map[string]int32
	names   []string         // of queries
	shared  map[string]int32 // numbers of what queries are called in any language
	cells   map[string]int32
	digests []string // of cells
	last    *group
	lastRec results.Record
	curve   *Collector // of curve.parquet; nil where there is none
	err     error
}

// group is one run in one language: what is averaged to a single number.
type group struct {
	head results.Record // of its first row
	axes []label        // without targets, in the order of the design
	obs  []observation
}

type label struct{ axis, value string }

type observation struct {
	query int32
	cell  int32 // two metrics of one retrieval give two cells
	seed  int64
	value float64
}

// NewCollector returns a collector for the analyses of a design.
func NewCollector(d Design) *Collector {
	c := &Collector{
		design:  d,
		wanted:  map[[2]string]bool{},
		role:    map[string]string{},
		index:   map[string]*group{},
		queries: map[string]int32{},
		shared:  map[string]int32{},
		cells:   map[string]int32{},
	}
	c.design.Axes = slices.Clone(d.Axes)
	for i, a := range c.design.Axes {
		c.design.Axes[i].Labels = slices.Clone(a.Labels)
		for j, v := range a.Labels {
			c.design.Axes[i].Labels[j] = named(v)
		}
	}
	for _, a := range d.Analyses {
		c.wanted[[2]string{a.Retrieval, a.Measure}] = true
	}
	for _, a := range d.Axes {
		c.role[a.Name] = a.Role
	}
	return c
}

// Add takes one record; those that no analysis asks for are passed over. The
// first mistake is kept and returned by Analyse.
func (c *Collector) Add(r results.Record) {
	key := [2]string{r.Retrieval, r.Measure}
	if !c.wanted[key] || c.err != nil {
		return
	}
	if math.IsNaN(r.Value) || r.Value < -1e-9 || r.Value > 1+1e-9 {
		c.err = fmt.Errorf("analyse records: %s of query %q in cell %s is %g, want 0 to 1; choose another measure for the analysis, the records keep this one", r.Measure, r.QueryID, r.Cell, r.Value)
		return
	}
	g := c.last
	if g == nil || !sameGroup(&c.lastRec, &r) {
		g = c.group(r)
	}
	c.last, c.lastRec = g, r
	q, ok := c.queries[r.QueryID]
	if !ok {
		q = int32(len(c.names))
		c.queries[r.QueryID] = q
		c.names = append(c.names, r.QueryID)
	}
	id, ok := c.cells[r.Cell]
	if !ok {
		id = int32(len(c.digests))
		c.cells[r.Cell] = id
		c.digests = append(c.digests, r.Cell)
	}
	g.obs = append(g.obs, observation{q, id, r.PoolSeed, min(1, max(0, r.Value))})
}

// named gives a value without a name one: tables and figures take "" for
// something that a cell does not have.
func named(value string) string {
	if value == "" {
		return "(empty)"
	}
	return value
}

// sameGroup says whether two records certainly fold to the same number. It
// only saves time: rows of a cell come together.
func sameGroup(a, b *results.Record) bool {
	if a.Cell != b.Cell || a.QueryLanguage != b.QueryLanguage || a.Measure != b.Measure || a.Encoder != b.Encoder ||
		a.Task != b.Task || a.Index != b.Index || a.PoolSize != b.PoolSize || a.Retrieval != b.Retrieval || len(a.Axes) != len(b.Axes) {
		return false
	}
	for k, v := range a.Axes {
		if w, ok := b.Axes[k]; !ok || v != w {
			return false
		}
	}
	return true
}

func (c *Collector) group(r results.Record) *group {
	var axes []label
	for _, a := range c.design.Axes {
		if v, ok := r.Axes[a.Name]; ok && a.Role != RoleTarget {
			axes = append(axes, label{a.Name, named(v)})
		}
	}
	known := len(axes)
	for name, v := range r.Axes {
		if _, ok := c.role[name]; !ok {
			axes = append(axes, label{name, named(v)})
		}
	}
	sort.Slice(axes[known:], func(i, j int) bool { return axes[known+i].axis < axes[known+j].axis })
	var b strings.Builder
	for _, s := range []string{r.Retrieval, r.Measure, r.Encoder, r.Task, r.Index, fmt.Sprint(r.PoolSize), r.QueryLanguage} {
		b.WriteString(s)
		b.WriteByte(0)
	}
	for _, a := range axes {
		b.WriteString(a.axis)
		b.WriteByte(0)
		b.WriteString(a.value)
		b.WriteByte(0)
	}
	g, ok := c.index[b.String()]
	if !ok {
		g = &group{head: r, axes: axes}
		c.index[b.String()] = g
		c.groups = append(c.groups, g)
	}
	return g
}

// score is a run in one language.
type score struct {
	cell     string
	exposure string
	pool     int
	mean     float64
	seeds    int
	rows     int
	ids      []int32   // of the queries, by name
	asked    []int32   // what they ask, a number that translations share: see shareOf
	values   []float64 // of the queries, seeds averaged
}

// clash says that two metrics of one retrieval disagree on a measure: the
// values of the first are used.
type clash struct{ used, left string }

// fold averages over pool seeds, then over queries, in a fixed order. Where two
// metrics give the same measure, the values of the first count once.
func (c *Collector) fold(g *group, rank, cellRank []int32) (*score, *clash, error) {
	obs := g.obs
	sort.Slice(obs, func(i, j int) bool {
		a, b := obs[i], obs[j]
		if a.query != b.query {
			return rank[a.query] < rank[b.query]
		}
		if a.seed != b.seed {
			return a.seed < b.seed
		}
		if a.cell != b.cell {
			return cellRank[a.cell] < cellRank[b.cell]
		}
		return a.value < b.value
	})
	s := &score{cell: c.digests[obs[0].cell], exposure: g.head.Exposure, pool: int(g.head.PoolSize), rows: len(obs)}
	first := cellRank[obs[0].cell]
	var differ *clash
	for i := 0; i < len(obs); {
		j, sum, n := i, 0.0, 0
		for ; j < len(obs) && obs[j].query == obs[i].query; j++ {
			if at := cellRank[obs[j].cell]; at < first {
				first, s.cell = at, c.digests[obs[j].cell]
			}
			if j > i && obs[j].seed == obs[j-1].seed {
				if obs[j].cell == obs[j-1].cell {
					return nil, nil, fmt.Errorf("analyse records: query %q of cell %s has two values of %s for pool %d", c.names[obs[j].query], c.digests[obs[j].cell], g.head.Measure, obs[j].seed)
				}
				if obs[j].value != obs[j-1].value && differ == nil {
					differ = &clash{c.metric(obs[j-1].cell), c.metric(obs[j].cell)}
				}
				continue
			}
			sum += obs[j].value
			n++
		}
		s.ids = append(s.ids, rank[obs[i].query])
		s.asked = append(s.asked, c.shareOf(c.names[obs[i].query], g.head.QueryLanguage))
		s.values = append(s.values, sum/float64(n))
		s.seeds = max(s.seeds, n)
		i = j
	}
	s.mean = stats.Mean(s.values)
	return s, differ, nil
}

// shareOf numbers what a query asks in whatever language: queries with the same
// id are translations of one another, and so are those whose ids differ in the
// code of their language only ("deu/q17", "fra/q17").
func (c *Collector) shareOf(id, lang string) int32 {
	if rest, ok := strings.CutPrefix(id, lang); ok && lang != "" {
		if r, size := utf8.DecodeRuneInString(rest); size > 0 && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			id = rest[size:]
		}
	}
	n, ok := c.shared[id]
	if !ok {
		n = int32(len(c.shared))
		c.shared[id] = n
	}
	return n
}

// metric names the metric block of a cell.
func (c *Collector) metric(cell int32) string {
	for _, k := range c.design.Cells {
		if k.ID == c.digests[cell] && k.Metric != "" {
			return "metric." + k.Metric
		}
	}
	return "cell " + c.digests[cell]
}

// instances returns the encoder of each cell that the plan knows.
func (c *Collector) instances() map[string]string {
	out := map[string]string{}
	for _, k := range c.design.Cells {
		if k.Instance != "" {
			out[k.ID] = k.Instance
		}
	}
	return out
}

// ranks returns for each query its place in the order of names, which does not
// depend on the order of the records.
func (c *Collector) ranks() []int32 { return places(c.names, nil) }

// cellRanks returns the place of each cell: in the order of the plan, then of
// digests.
func (c *Collector) cellRanks() []int32 {
	planned := map[string]int{}
	for i, k := range c.design.Cells {
		planned[k.ID] = i - len(c.design.Cells)
	}
	return places(c.digests, planned)
}

// places returns the place of each name among all, first by what before says.
func places(names []string, before map[string]int) []int32 {
	order := make([]int32, len(names))
	for i := range order {
		order[i] = int32(i)
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := names[order[i]], names[order[j]]
		if before[a] != before[b] {
			return before[a] < before[b]
		}
		return a < b
	})
	rank := make([]int32, len(order))
	for i, q := range order {
		rank[q] = int32(i)
	}
	return rank
}
