package study

// What metrics measure, in their own words: only they know their names, and
// what values these can have.

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// measures is what a metric measures.
type measures struct {
	names  []string    // as records spell them
	ranges []sdk.Range // of their values; nil: not known
}

// fits reports whether an analysis takes the i-th measure, as far as is known.
func (m *measures) fits(i int) bool { return m.ranges == nil || m.ranges[i].Within(0, 1) }

// measures asks a metric what it measures; nil where it cannot say, which is
// reported then.
func (b *builder) measures(blk *workflow.Block, c config) *measures {
	d := b.components[blk]
	full := mustCanonical(c.full)
	k := d.Plugin + "\x00" + d.Name + "\x00" + string(full)
	if m, ok := b.measuring[k]; ok {
		return m
	}
	b.measuring[k] = nil
	names, ranges, err := b.cat.Measures(b.ctx, d.Component, full)
	if err != nil {
		if found, ok := sdk.AsDiagnostics(err); ok {
			for _, f := range found {
				b.add(blk.Locate(f))
			}
		} else {
			b.add(errorAt(blk.Range, "Plugin error", "%s could not say what it measures: %s.", blk.Title(), strings.TrimSuffix(err.Error(), ".")))
		}
		return nil
	}
	if len(ranges) != len(names) {
		ranges = nil
	}
	b.measuring[k] = &measures{names, ranges}
	return b.measuring[k]
}

// spelled finds a measure, however it is spelled, among those of a metric; -1
// where it is not there. A metric with an argument "measures" is asked what it
// would call it.
func (b *builder) spelled(blk *workflow.Block, c config, have *measures, text string) int {
	if i := slices.Index(have.names, text); i >= 0 {
		return i
	}
	d := b.components[blk]
	if !slices.ContainsFunc(d.info.Options, func(o sdk.Option) bool { return o.Name == "measures" && o.Type == sdk.ListString }) {
		return -1
	}
	full := maps.Clone(c.full)
	full["measures"] = []any{text}
	names, _, err := b.cat.Measures(b.ctx, d.Component, mustCanonical(full))
	if err != nil || len(names) != 1 {
		return -1 // no measure of this metric
	}
	return slices.Index(have.names, names[0])
}

// analysed finds the measure of an analysis among those that its metrics
// compute, and returns it as records spell it. One of them must compute it; the
// others may compute something else.
func (b *builder) analysed(a *workflow.Analysis) string {
	if a.Measure == "" || a.Of.Refs["metric"] == nil {
		return a.Measure
	}
	var all, fit, by []string
	found, beyond := "", sdk.Range{}
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, m := range a.Of.Refs["metric"].AllTargets() {
		for _, in := range b.g.instances(m) {
			c, ok := b.config(in)
			if !ok {
				return a.Measure // what it measures depends on what is wrong there
			}
			have := b.measures(m, c)
			if have == nil {
				return a.Measure
			}
			add(&by, m.Address())
			for i, name := range have.names {
				add(&all, name)
				if have.fits(i) {
					add(&fit, name)
				}
			}
			i := b.spelled(m, c, have, a.Measure)
			if i < 0 {
				continue
			}
			if have.fits(i) {
				return have.names[i]
			}
			found, beyond = have.names[i], have.ranges[i]
		}
	}
	slices.Sort(all)
	slices.Sort(fit)
	who, rng := strings.Join(by, " and "), a.Ranges["measure"]
	switch {
	case len(by) == 0:
	case found == "":
		b.add(errorAt(rng, "Measure not computed", "%s computes %s, not %q.%s", who, strings.Join(all, ", "), a.Measure, sdk.DidYouMean(a.Measure, all)))
	default:
		instead := "None of what " + who + " computes will do: add a measure with values from 0 to 1 there."
		if len(fit) > 0 {
			instead = "Of what " + who + " computes, " + strings.Join(fit, ", ") + " will do."
		}
		b.add(errorAt(rng, "Measure beyond 0 to 1", "The values of %s lie %s. An analysis takes measures from 0 to 1: its effects are in points of 0.01, and its slopes in log-odds. %s The records hold every measure.", found, span(beyond), instead))
	}
	return a.Measure
}

// span says where values lie: "from 0 upwards".
func span(r sdk.Range) string {
	switch low, high := !math.IsInf(r.Low, 0), !math.IsInf(r.High, 0); {
	case low && high:
		return fmt.Sprintf("from %g to %g", r.Low, r.High)
	case low:
		return fmt.Sprintf("from %g upwards", r.Low)
	case high:
		return fmt.Sprintf("from %g downwards", r.High)
	}
	return "anywhere, below 0 and above 1"
}
