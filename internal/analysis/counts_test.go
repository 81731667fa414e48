package analysis

import (
	"maps"
	"math"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
)

// An encoder that is measured under two conditions is one encoder.
func TestEncodersCountOnce(t *testing.T) {
	m := small()
	m.sizes, m.ks = 3, []int{1, 2, 4}
	one := m.design()
	two := m.design()
	two.Axes = append(two.Axes, Axis{Name: "side", Role: RoleFactor, Labels: []string{"mono", "pivot"}})
	var once, twice []results.Record
	m.records(5, func(r results.Record) { once = append(once, r) })
	instance := map[string]string{}
	for _, r := range once {
		for _, side := range []string{"mono", "pivot"} {
			c := r
			c.Axes = maps.Clone(r.Axes)
			c.Axes["side"] = side
			c.Cell += side
			id := r.Encoder
			for _, a := range []string{"size", "languages", "pairs", "draw"} {
				id += " " + r.Axes[a]
			}
			instance[c.Cell] = id
			twice = append(twice, c)
		}
	}
	for id, enc := range instance {
		two.Cells = append(two.Cells, Cell{ID: id, Retrieval: "zero_shot", Instance: enc})
	}
	claims := []Claim{
		{Name: "size", Left: ameOf("size"), Op: ">", Right: Number(0)},
		{Name: "gain", Left: Call{Name: "diff", Args: []Arg{Text("student"), Text("untrained")}}, Op: ">", Right: Number(0)},
	}
	one.Claims, two.Claims = claims, claims
	a, b := collect(t, one, once), collect(t, two, twice)
	if got := b.Analyses[0].Facts; got.Runs != 3*3*4 || len(got.Strata) != 2 || len(got.Averaged) != 1 || got.Averaged[0] != "side = mono, pivot" {
		t.Errorf("%d encoders in strata %q, averaged over %q, want 36 in two", got.Runs, got.Strata, got.Averaged)
	}
	for i := range claims {
		if w, g := a.Claims[i].Estimate.Runs, b.Claims[i].Estimate.Runs; w != 36 || g != w {
			t.Errorf("%s rests on %d encoders, under two conditions on %d, want 36", claims[i].Name, w, g)
		}
	}
	for i, e := range b.Analyses[0].Encoders {
		if w := a.Analyses[0].Encoders[i]; w.Encoder != e.Encoder || w.Runs != e.Runs {
			t.Errorf("encoder %+v, want %+v", e, w)
		}
	}
	for i, e := range b.Analyses[0].Gains {
		if w := a.Analyses[0].Gains[i]; w.Pairs != e.Pairs {
			t.Errorf("%s against %s: %d pairs, want %d", e.A, e.B, e.Pairs, w.Pairs)
		}
	}
	// Without a plan nothing says that they are the same.
	two.Cells = nil
	if got := collect(t, two, twice).Analyses[0].Facts.Runs; got != 72 {
		t.Errorf("%d encoders where nothing is known of them, want one per run, 72", got)
	}
}

// A line through two points meets their means, in whatever way scores are
// transformed on the way.
func TestCurveMeetsMeans(t *testing.T) {
	m := small() // two sizes
	m.queries, m.uneven = 10, true
	a := m.analyse(t, 9).Analyses[0]
	seen := 0
	for _, c := range a.Curves {
		if c.X != RoleSize {
			continue
		}
		ends := map[string]CurvePoint{a.Facts.Sizes[0].Label: c.Points[0], a.Facts.Sizes[1].Label: c.Points[len(c.Points)-1]}
		for _, s := range a.Cells {
			if p, ok := ends[s.Size]; ok && s.Kind == KindTrained && s.Diversity == c.Diversity {
				seen++
				if math.Abs(p.Y-s.Mean) > 1e-9 || math.Abs(p.High-p.Y-s.Half) > 1e-9 {
					t.Errorf("size %s, diversity %s: the curve is at %.6f to %.6f, the mean %.6f ± %.6f", s.Size, s.Diversity, p.Y, p.High, s.Mean, s.Half)
				}
			}
		}
	}
	if seen != 6 {
		t.Errorf("compared %d ends with cells, want 6", seen)
	}
}
