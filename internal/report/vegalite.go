package report

import (
	"fmt"
	"math"
	"strings"
)

// Vega-Lite is JSON; object and list keep its construction short.
type (
	object = map[string]any
	list   = []any
)

const schema = "https://vega.github.io/schema/vega-lite/v6.json"

// config is what all figures share. Colours are names that the page gives a
// value, so one drawing serves light and dark.
func config() object {
	text := object{
		"labelColor": "var(--fg2)", "titleColor": "var(--fg)",
		"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
		"labelFont": "sans-serif", "titleFont": "sans-serif",
		// A limit would cut words with a measure of Vega's own.
		"labelLimit": 0, "titleLimit": 0,
	}
	return object{
		"background": nil,
		"font":       "sans-serif",
		"view":       object{"stroke": nil},
		"axis": with(text, object{
			"gridColor": "var(--grid)", "domainColor": "var(--line)", "tickColor": "var(--line)",
			"titlePadding": 8,
		}),
		"legend": with(text, object{
			"symbolOpacity": 1, "orient": "top", "symbolStrokeWidth": 0, "columnPadding": 16,
			"titlePadding": 4, "offset": 12,
		}),
		"header": object{
			"labelColor": "var(--fg)", "labelFontSize": 12, "labelFont": "sans-serif", "labelLimit": 0,
			"labelFontWeight": "bold", "labelPadding": 4, "titleColor": "var(--fg)",
		},
		"text":             object{"color": "var(--fg)", "font": "sans-serif"},
		"rule":             object{"color": "var(--line)"},
		"mark":             object{"aria": false},
		"axisQuantitative": object{"tickCount": 6},
	}
}

// with returns a copy of a with the fields of b.
func with(a, b object) object {
	c := object{}
	for k, v := range a {
		c[k] = v
	}
	for k, v := range b {
		c[k] = v
	}
	return c
}

// quantity and category encode a field.
func quantity(field string, more object) object {
	return with(object{"field": field, "type": "quantitative"}, more)
}

func category(field string, more object) object {
	return with(object{"field": field, "type": "nominal"}, more)
}

// log2Axis is an axis with one tick per level, each as far from the next as
// it is in doublings.
func log2Axis(levels []float64, title string, names []string) object {
	low, high := levels[0], levels[len(levels)-1]
	pad := math.Max(0.12, 0.06*math.Log2(high/low))
	return object{
		"scale": object{"type": "log", "base": 2, "nice": false, "domain": list{
			round(low * math.Exp2(-pad)), round(high * math.Exp2(pad)),
		}},
		"axis": tickAxis(levels, title, names),
	}
}

// tickAxis has one tick per level with our own words; "|" breaks a line.
func tickAxis(levels []float64, title string, names []string) object {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "'" + strings.NewReplacer(`\`, ``, `'`, `’`).Replace(n) + "'"
	}
	a := object{
		"values": rounded(levels), "title": nil, "grid": false, "labelOverlap": false, "labelLineHeight": 14,
		// A tick's index runs from 0 to 1 over the ticks.
		"labelExpr": fmt.Sprintf("split([%s][round(datum.index * %d)], '|')", strings.Join(quoted, ", "), len(names)-1),
	}
	if title != "" {
		a["title"] = title
	}
	return a
}

func rounded(x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = round(x[i])
	}
	return y
}

// series is how the levels of an ordered factor are told apart: colour, dash
// and marker together, never colour alone.
type series struct {
	title  string
	labels []string
}

var (
	stepColours = []string{"var(--d1)", "var(--d2)", "var(--d3)", "var(--d4)", "var(--d5)", "var(--d6)"}
	stepDashes  = list{[]int{1, 0}, []int{6, 3}, []int{2, 2}, []int{8, 3, 2, 3}, []int{10, 4}, []int{4, 2, 1, 2}}
	stepShapes  = list{"circle", "square", "triangle-up", "diamond", "cross", "triangle-down"}
)

// steps spreads n levels over the six colours.
func steps(n int) list {
	var out list
	for i := range n {
		j := 0
		if n > 1 {
			j = int(math.Round(float64(i) * float64(len(stepColours)-1) / float64(n-1)))
		}
		out = append(out, stepColours[j])
	}
	return out
}

func cycle(values list, n int) list {
	var out list
	for i := range n {
		out = append(out, values[i%len(values)])
	}
	return out
}

func (s series) colour() object {
	return category("series", object{"title": s.title, "scale": object{"domain": s.labels, "range": steps(len(s.labels))}})
}

func (s series) dash() object {
	return category("series", object{"title": s.title, "scale": object{"domain": s.labels, "range": cycle(stepDashes, len(s.labels))}})
}

func (s series) shape() object {
	return category("series", object{"title": s.title, "scale": object{"domain": s.labels, "range": cycle(stepShapes, len(s.labels))}})
}

// panels repeats a picture for each value of a field.
//
// left is the room for the axis that the panels share and each the room for
// an axis of every panel; least is the smallest width of a panel, most the
// greatest number of columns.
func panels(field string, order []string, inner object, left, each, gap, least, most int) object {
	return object{
		"facet":    category(field, object{"title": nil, "sort": order, "header": object{"labelAnchor": "start"}}),
		"columns":  most,
		"spacing":  gap,
		"spec":     inner,
		"usermeta": object{"panels": object{"left": left, "each": each, "gap": gap, "least": least, "most": most}},
		"resolve":  object{"axis": object{"x": "independent"}},
	}
}

// graduated draws intervals as bars that thicken towards the estimate: 95, 80
// and 50 %, with a dot. Rows have term, value, low, high, low80, …, hue.
func graduated(title string, rows list, margin float64, unit string) object {
	left, lines := 0, 1
	for _, r := range rows {
		term := strings.Split(r.(object)["term"].(string), "|")
		lines = max(lines, len(term))
		for _, line := range term {
			left = max(left, textWidth(line))
		}
	}
	y := category("term", object{"sort": nil, "title": nil, "axis": object{
		"ticks": false, "domain": false, "labelExpr": "split(datum.label, '|')", "labelLineHeight": 14,
		"labelOffset": -7 * (lines - 1), // lines grow downwards from the middle
	}})
	x := func(field string) object { return quantity(field, object{"title": title}) }
	hue := object{"field": "hue", "type": "nominal", "scale": nil}
	bar := func(low, high string, height int, opacity float64) object {
		return object{
			"mark":     object{"type": "bar", "height": height, "opacity": opacity, "cornerRadius": 1, "aria": false},
			"encoding": object{"x": x(low), "x2": object{"field": high}, "y": y, "color": hue},
		}
	}
	tooltip := list{
		object{"field": "what", "type": "nominal", "title": "of"},
		object{"field": "value", "type": "quantitative", "title": unit, "format": "+.2f"},
		object{"field": "low", "type": "quantitative", "title": "95 % from", "format": "+.2f"},
		object{"field": "high", "type": "quantitative", "title": "95 % to", "format": "+.2f"},
	}
	var layers list
	if margin > 0 {
		layers = append(layers, object{
			"data":     object{"values": list{object{"a": round(-margin), "b": round(margin)}}},
			"mark":     object{"type": "rect", "color": "var(--rope)", "aria": false},
			"encoding": object{"x": x("a"), "x2": object{"field": "b"}},
		})
	}
	layers = append(layers,
		object{
			"data":     object{"values": list{object{"a": 0}}},
			"mark":     object{"type": "rule", "color": "var(--line)", "strokeWidth": 1.5, "aria": false},
			"encoding": object{"x": x("a")},
		},
		bar("low", "high", 6, 0.35), bar("low80", "high80", 12, 0.45), bar("low50", "high50", 18, 0.6),
		object{
			"mark":     object{"type": "point", "filled": true, "size": 80, "color": "var(--fg)", "opacity": 1, "aria": false},
			"encoding": object{"x": x("value"), "y": y, "tooltip": tooltip},
		})
	return object{
		"data":     object{"values": rows},
		"height":   max(46, 14*lines+12) * len(rows),
		"layer":    layers,
		"usermeta": object{"left": left},
	}
}

// legendRoom estimates the width of the entries of a legend, in pixels.
func legendRoom(labels []string) object {
	widest := 0
	for _, l := range labels {
		widest = max(widest, textWidth(l))
	}
	return object{"each": widest + 40, "entries": len(labels)}
}
