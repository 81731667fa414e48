package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
)

// PoolCurve is a system's measure against the number of candidates, from one
// ranking cut down to smaller pools.
type PoolCurve struct {
	System string           `json:"system"`
	Points []PoolCurvePoint `json:"points"` // ascending

	// PerDoubling is the least-squares slope of the mean on the binary
	// logarithm of the number of candidates, in measure units; 0 with one point.
	PerDoubling float64 `json:"per_doubling"`
}

// PoolCurvePoint is the mean over languages at one number of candidates.
type PoolCurvePoint struct {
	Pool        int       `json:"pool"`
	Mean        float64   `json:"mean"`
	Low         float64   `json:"low"` // 95 %, over queries and draws, for these languages
	High        float64   `json:"high"`
	PerLanguage []float64 `json:"per_language"` // in the order of PoolCurves.Languages
}

// PoolCurves are the curves of an analysis. A number of candidates that some
// language lacks, as where whole corpora are searched, is left out.
type PoolCurves struct {
	Languages []string    `json:"languages"`
	Left      []int       `json:"left"` // numbers of candidates left out, ascending
	Systems   []PoolCurve `json:"systems"`
	Sentence  string      `json:"sentence,omitempty"` // what falls how fast
}

// AddCurve takes one record of curve.parquet: like Add, but one query has a
// value for each of several numbers of candidates.
func (c *Collector) AddCurve(r results.Record) {
	if c.curve == nil {
		c.curve = NewCollector(c.design)
	}
	c.curve.Add(r)
}

// poolCurves folds the curves of an analysis, by condition; nil where there are
// none.
func (c *Collector) poolCurves(a Spec) (map[string]*PoolCurves, error) {
	if c.curve == nil {
		return nil, nil
	}
	if c.curve.err != nil {
		return nil, fmt.Errorf("curve: %w", c.curve.err)
	}
	if !slices.ContainsFunc(c.curve.groups, func(g *group) bool { return g.head.Retrieval == a.Retrieval && g.head.Measure == a.Measure }) {
		return nil, nil
	}
	g, err := c.curve.grid(a, c.curve.ranks())
	if err != nil {
		return nil, fmt.Errorf("curve: %w", err)
	}
	out := map[string]*PoolCurves{}
	for _, part := range g.split() {
		if x := part.poolCurves(); x != nil {
			out[part.name] = x
		}
	}
	return out, nil
}

func (g *grid) poolCurves() *PoolCurves {
	out := &PoolCurves{Languages: slices.Clone(g.langs), Left: []int{}, Systems: []PoolCurve{}}
	langs := make([]int, len(g.langs))
	for l := range langs {
		langs[l] = l
	}
	at := map[string]int{}
	for _, s := range g.systemsOf() {
		pool := s.runs[0].pool
		if pool == 0 { // one number of candidates in all
			for _, m := range s.byLang {
				pool = max(pool, m.pool)
			}
		}
		name := strings.TrimSuffix(s.name, fmt.Sprintf(" candidates=%d", pool))
		i, ok := at[name]
		if !ok {
			i = len(out.Systems)
			at[name] = i
			out.Systems = append(out.Systems, PoolCurve{System: name})
		}
		p, ok := g.poolPoint(s, langs, pool)
		if !ok {
			if !slices.Contains(out.Left, pool) {
				out.Left = append(out.Left, pool)
			}
			continue
		}
		out.Systems[i].Points = append(out.Systems[i].Points, p)
	}
	slices.Sort(out.Left)
	out.Systems = slices.DeleteFunc(out.Systems, func(c PoolCurve) bool { return len(c.Points) == 0 })
	if len(out.Systems) == 0 {
		return nil
	}
	return out
}

// poolPoint is a system's mean over languages; not ok where one is missing.
func (g *grid) poolPoint(s *system, langs []int, pool int) (PoolCurvePoint, bool) {
	p := PoolCurvePoint{Pool: pool, PerLanguage: make([]float64, len(langs))}
	for i, l := range langs {
		if !s.byLang[l].ok {
			return p, false
		}
		p.PerLanguage[i] = s.byLang[l].mean
	}
	e := g.meanOfSystem(s, langs)
	p.Mean, p.Low, p.High = e.Value, e.Value, e.Value
	if e.OK {
		p.Low, p.High = max(0, e.Low), min(1, e.High)
	}
	return p, true
}

// complete adds what was measured with all candidates, in the grid of the
// analysis itself, and finishes the curves.
func (s *PoolCurves) complete(g *grid) {
	var langs []int
	for _, code := range s.Languages {
		if l := slices.Index(g.langs, code); l >= 0 {
			langs = append(langs, l)
		}
	}
	for _, x := range g.systemsOf() {
		i := slices.IndexFunc(s.Systems, func(c PoolCurve) bool { return c.System == x.name })
		if i < 0 || len(langs) != len(s.Languages) {
			continue
		}
		pool := x.byLang[langs[0]].pool
		if slices.ContainsFunc(langs, func(l int) bool { return x.byLang[l].pool != pool }) ||
			slices.ContainsFunc(s.Systems[i].Points, func(p PoolCurvePoint) bool { return p.Pool == pool }) {
			continue
		}
		if p, ok := g.poolPoint(x, langs, pool); ok {
			s.Systems[i].Points = append(s.Systems[i].Points, p)
		}
	}
	for i := range s.Systems {
		s.Systems[i].fit()
	}
	s.Sentence = s.say(g.analysis.Measure)
}

// fit sorts the points and sets the slope.
func (c *PoolCurve) fit() {
	slices.SortFunc(c.Points, func(a, b PoolCurvePoint) int { return cmp.Compare(a.Pool, b.Pool) })
	n := float64(len(c.Points))
	var mx, my float64
	for _, p := range c.Points {
		mx += math.Log2(float64(p.Pool)) / n
		my += p.Mean / n
	}
	var xy, xx float64
	for _, p := range c.Points {
		d := math.Log2(float64(p.Pool)) - mx
		xy += float64(d * (p.Mean - my))
		xx += float64(d * d)
	}
	if xx > 0 {
		c.PerDoubling = xy / xx
	}
}

// say tells what falls how fast.
func (s *PoolCurves) say(measure string) string {
	const most = 4
	var parts []string
	for _, c := range s.Systems {
		v, verb := c.PerDoubling, "loses"
		if v > 0 {
			verb = "gains"
		}
		if len(c.Points) < 2 {
			continue
		}
		first, last := c.Points[0], c.Points[len(c.Points)-1]
		parts = append(parts, fmt.Sprintf("%s %s %s points of %s (from %s with %s to %s with %s)", c.System, verb, decimal(100*math.Abs(v), 1), measure,
			decimal(first.Mean, 3), thousands(first.Pool), decimal(last.Mean, 3), thousands(last.Pool)))
	}
	if len(parts) == 0 {
		return ""
	}
	if n := len(parts); n > most {
		parts = append(parts[:most], fmt.Sprintf("the table has %d more", n-most))
	}
	return "With each doubling of the candidates " + strings.Join(parts, "; ") + "."
}
