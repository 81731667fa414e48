package fairness

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/multilingual"
)

// measure is one measure with its parameters.
type measure struct {
	*family
	cutoff    int // 0: none
	weights   map[int]float64
	reference bool
	scaled    bool
	target    string
	distance  string
	p         float64
	other     float64
}

// What a measure does with "@".
const (
	atNone = iota
	atOptional
	atRequired
)

// family is what measures of one name have in common.
type family struct {
	name   string
	at     int
	params []string
	// value computes it for one query; nil where it compares queries. note is
	// a remark on the value that wants to be counted.
	value func(m *measure, q *multilingual.Query) (value float64, why, note string)
}

// families lists the measures, in the order in which messages name them.
var families = []family{
	{"PEER", atRequired, []string{"weights", "reference"}, func(m *measure, q *multilingual.Query) (float64, string, string) {
		return plain(multilingual.PEER(q, multilingual.PEEROptions{Cutoff: m.cutoff, Weights: m.weights, Reference: m.reference}))
	}},
	{"AWRF", atRequired, []string{"target", "distance", "p"}, func(m *measure, q *multilingual.Query) (float64, string, string) {
		return plain(multilingual.AWRF(q, multilingual.AWRFOptions{Cutoff: m.cutoff, Patience: m.p, Target: m.target, Distance: m.distance}))
	}},
	{"LPR", atOptional, nil, func(m *measure, q *multilingual.Query) (float64, string, string) {
		return plain(multilingual.LPR(q, m.cutoff))
	}},
	{"LangnDCG", atOptional, []string{"other"}, func(m *measure, q *multilingual.Query) (float64, string, string) {
		return plain(multilingual.LangNDCG(q, m.cutoff, m.other))
	}},
	{"MaxR", atNone, []string{"scaled"}, func(m *measure, q *multilingual.Query) (float64, string, string) {
		f := multilingual.MaxR
		if m.scaled {
			f = multilingual.ScaledMaxR
		}
		v, complete, why := f(q)
		if why == "" && !complete {
			return v, why, noteIncomplete
		}
		return v, why, ""
	}},
	{"AlignStrong", atOptional, nil, func(m *measure, q *multilingual.Query) (float64, string, string) {
		return plain(multilingual.AlignStrong(q, m.cutoff))
	}},
	{"AlignWeak", atOptional, nil, func(m *measure, q *multilingual.Query) (float64, string, string) {
		v, complete, why := multilingual.AlignWeak(q, m.cutoff)
		if why == "" && !complete {
			return v, why, notePart
		}
		return v, why, ""
	}},
	{"MRC", atOptional, nil, nil},
}

const (
	noteIncomplete = "queries of which a relevant document was not retrieved: MaxR takes it for the last of the pool"
	notePart       = "queries whose ranking ends before AlignWeak has seen enough of a language: its values may be too low"
)

func plain(v float64, why string) (float64, string, string) { return v, why, "" }

// newMeasure returns a measure with its defaults.
func newMeasure(f *family) *measure {
	return &measure{family: f, target: multilingual.TargetPool, distance: multilingual.DistanceJS, other: .5}
}

// String is the canonical name: parameters that are defaults are left out.
func (m *measure) String() string {
	var params []string
	for _, p := range m.params {
		switch {
		case p == "weights" && m.weights != nil:
			var w []string
			for _, grade := range slices.Sorted(maps.Keys(m.weights)) {
				w = append(w, fmt.Sprintf("%d:%s", grade, number(m.weights[grade])))
			}
			params = append(params, "weights={"+strings.Join(w, ",")+"}")
		case p == "reference" && m.reference:
			params = append(params, "reference=True")
		case p == "scaled" && m.scaled:
			params = append(params, "scaled=True")
		case p == "target" && m.target != multilingual.TargetPool:
			params = append(params, "target='"+m.target+"'")
		case p == "distance" && m.distance != multilingual.DistanceJS:
			params = append(params, "distance='"+m.distance+"'")
		case p == "p" && m.p != 0:
			params = append(params, "p="+number(m.p))
		case p == "other" && m.other != .5:
			params = append(params, "other="+number(m.other))
		}
	}
	s := m.name
	if len(params) > 0 {
		s += "(" + strings.Join(params, ",") + ")"
	}
	if m.cutoff > 0 {
		s += "@" + strconv.Itoa(m.cutoff)
	}
	return s
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// names lists the measures as examples.
func names() []string {
	var out []string
	for _, f := range families {
		out = append(out, f.name)
	}
	return out
}

// parse reads a measure: Name(param=value, …)@cutoff. Its error is a sentence
// without a full stop at its end.
func parse(text string) (*measure, error) {
	rest := strings.TrimSpace(text)
	name := rest
	if i := strings.IndexAny(rest, "(@"); i >= 0 {
		name = strings.TrimSpace(rest[:i])
	}
	rest = strings.TrimSpace(strings.TrimPrefix(rest, name))
	i := slices.IndexFunc(families, func(f family) bool { return f.name == name })
	if i < 0 {
		if _, err := ir.ParseMeasure(text); err == nil {
			return nil, fmt.Errorf(`it is a measure of metric "ir", not of this one`)
		}
		return nil, fmt.Errorf("there is no measure %q here, but %s.%s", name, strings.Join(names(), ", "), strings.TrimSuffix(sdk.DidYouMean(name, names()), "."))
	}
	m := newMeasure(&families[i])
	if strings.HasPrefix(rest, "(") {
		end := strings.LastIndexByte(rest, ')')
		if end < 0 {
			return nil, fmt.Errorf("a bracket is not closed")
		}
		var given []string
		at := strings.IndexByte(text, '(') + 1
		for _, p := range split(rest[1:end]) {
			key, _, _ := strings.Cut(p, "=")
			blank := len(key) - len(strings.TrimLeft(key, " \t"))
			if key = strings.TrimSpace(key); slices.Contains(given, key) {
				return nil, fmt.Errorf("parameter %q is given twice, the second time at character %d", key, utf8.RuneCountInString(text[:at+blank])+1)
			}
			if err := m.set(p); err != nil {
				return nil, err
			}
			given = append(given, key)
			at += len(p) + 1 // and the comma
		}
		rest = strings.TrimSpace(rest[end+1:])
	}
	switch {
	case rest == "" && m.at == atRequired:
		return nil, fmt.Errorf("%s needs a cutoff, for its values depend on it: %s@20", m.name, m.name)
	case rest == "":
		return m, nil
	case m.at == atNone:
		return nil, fmt.Errorf("%s looks at the whole ranking and takes no cutoff", m.name)
	}
	k, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(rest, "@")))
	if !strings.HasPrefix(rest, "@") || err != nil || k < 1 || k > 1<<30 {
		return nil, fmt.Errorf("what follows %s must be a cutoff, @20", m.name)
	}
	m.cutoff = k
	return m, nil
}

// split cuts at commas outside braces.
func split(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return append(out, s[from:])
}

// set takes one parameter.
func (m *measure) set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok || !slices.Contains(m.params, key) {
		if len(m.params) == 0 {
			return fmt.Errorf("%s takes no parameters", m.name)
		}
		return fmt.Errorf("%s has no parameter %q, but %s.%s", m.name, key, strings.Join(m.params, ", "), strings.TrimSuffix(sdk.DidYouMean(key, m.params), "."))
	}
	choice := func(dst *string, all ...string) error {
		*dst = strings.Trim(value, `'"`)
		if !slices.Contains(all, *dst) {
			return fmt.Errorf("%s must be '%s'; got %s", key, strings.Join(all, "' or '"), value)
		}
		return nil
	}
	between := func(dst *float64, low, high float64) error {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || !(f >= low && f <= high) {
			return fmt.Errorf("%s must be a number from %s to %s; got %s", key, number(low), number(high), value)
		}
		*dst = f + 0 // −0 is 0: one measure, one name
		return nil
	}
	switch key {
	case "reference", "scaled":
		if value != "True" && value != "False" {
			return fmt.Errorf("%s must be True or False; got %s", key, value)
		}
		if key == "scaled" {
			m.scaled = value == "True"
		} else {
			m.reference = value == "True"
		}
	case "target":
		return choice(&m.target, multilingual.TargetPool, multilingual.TargetUniform)
	case "distance":
		return choice(&m.distance, multilingual.DistanceJS, multilingual.DistanceAbs)
	case "p":
		if err := between(&m.p, 0, 1); err != nil || m.p == 0 || m.p == 1 {
			return fmt.Errorf("p, the part of a rank's weight that the next one has, must be above 0 and below 1; got %s", value)
		}
	case "other":
		return between(&m.other, 0, 1)
	case "weights":
		return m.setWeights(value)
	}
	return nil
}

func (m *measure) setWeights(value string) error {
	inside, ok := strings.CutPrefix(value, "{")
	inside, closed := strings.CutSuffix(inside, "}")
	m.weights = map[int]float64{}
	var sum float64
	for _, pair := range split(inside) {
		k, v, both := strings.Cut(pair, ":")
		grade, err1 := strconv.Atoi(strings.TrimSpace(k))
		w, err2 := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if _, twice := m.weights[grade]; !both || err1 != nil || err2 != nil || twice || !(w >= 0 && w <= 1) {
			ok = false
		}
		m.weights[grade] = w + 0 // not −0
		sum += w
	}
	if !ok || !closed {
		return fmt.Errorf("weights are those of the relevance levels, from 0 to 1: {1:0.25, 2:0.75}; got %s", value)
	}
	if sum < 1-1e-9 || sum > 1+1e-9 {
		return fmt.Errorf("the weights of the relevance levels must add up to 1; these make %s", number(sum))
	}
	return nil
}
