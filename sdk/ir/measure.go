package ir

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Measure is one measure with its parameters: a comparable value. Make one
// with [ParseMeasure]; the zero Measure measures nothing.
type Measure struct {
	family int8  // index into families, plus one
	rel    int32 // smallest grade that counts as relevant; 1 where the family has no rel
	cutoff int32 // 0: the whole ranking
}

// family is what measures of one name have in common.
type family struct {
	name       string
	doc        string
	needCutoff bool // nonsense without a cutoff
	takesRel   bool // has the parameter rel; nDCG has none, grades are its gains
	value      func(v *view, m Measure) float64
}

// families lists the measures, in the order in which messages name them.
var families = []family{
	{
		name: "nDCG", value: ndcg,
		doc: "Normalised discounted cumulative gain: gain is the grade (linear; negative grades gain nothing), the discount is log2(rank+1), the ideal takes all judged documents. trec_eval: ndcg, ndcg_cut.",
	},
	{
		name: "RR", takesRel: true, value: reciprocalRank,
		doc: "Reciprocal of the rank of the first relevant document; 0 without one. trec_eval: recip_rank, which has no cutoff.",
	},
	{
		name: "AP", takesRel: true, value: averagePrecision,
		doc: "Precision at each relevant document retrieved, summed and divided by the number of relevant documents. trec_eval: map, map_cut.",
	},
	{
		name: "R", takesRel: true, needCutoff: true, value: recall,
		doc: "Share of the relevant documents that is in the first k. trec_eval: recall.",
	},
	{
		name: "P", takesRel: true, needCutoff: true, value: precision,
		doc: "Relevant documents in the first k, divided by k also where fewer were retrieved. trec_eval: P.",
	},
	{
		name: "Success", takesRel: true, needCutoff: true, value: success,
		doc: "1 where a relevant document is in the first k, else 0. trec_eval: success.",
	},
}

// Name returns the measure's name without parameters: "nDCG".
func (m Measure) Name() string {
	if m.family == 0 {
		return ""
	}
	return families[m.family-1].name
}

// Doc returns what the measure measures, in a sentence or two.
func (m Measure) Doc() string {
	if m.family == 0 {
		return ""
	}
	return families[m.family-1].doc
}

// Cutoff returns the rank after which hits no longer count; 0 for none.
func (m Measure) Cutoff() int { return int(m.cutoff) }

// Rel returns the smallest grade that counts as relevant.
func (m Measure) Rel() int { return int(m.rel) }

// String returns the canonical spelling, which leaves out parameters that have
// their default: AP(rel=2)@100. [ParseMeasure] is its inverse.
func (m Measure) String() string {
	if m.family == 0 {
		return "Measure(none)"
	}
	var b strings.Builder
	b.WriteString(m.Name())
	if m.rel != 1 {
		fmt.Fprintf(&b, "(rel=%d)", m.rel)
	}
	if m.cutoff > 0 {
		fmt.Fprintf(&b, "@%d", m.cutoff)
	}
	return b.String()
}

// MeasureError says why a text is not a measure.
type MeasureError struct {
	Text       string // as given
	Reason     string
	Suggestion string // a measure that may have been meant, or ""
}

func (e *MeasureError) Error() string {
	s := fmt.Sprintf("measure %q: %s", e.Text, e.Reason)
	if e.Suggestion != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Suggestion)
	}
	return s
}

// maxParameter bounds cutoffs and grades, so that they fit an int anywhere.
const maxParameter = 1_000_000_000

// ParseMeasure reads a measure in ir_measures' grammar,
//
//	Name [ "(" parameter "=" value { "," parameter "=" value } ")" ] [ "@" cutoff ]
//
// where names and parameters are case-sensitive and spaces around them do not
// matter. The only parameter is rel, the smallest grade that counts as
// relevant (default 1). The error is a [*MeasureError].
func ParseMeasure(text string) (Measure, error) {
	fail := func(suggestion, reason string, args ...any) error {
		return &MeasureError{Text: text, Reason: fmt.Sprintf(reason, args...), Suggestion: suggestion}
	}
	head, cut, hasCut := strings.Cut(text, "@")
	name, params, hasParams := strings.Cut(strings.TrimSpace(head), "(")
	name = strings.TrimSpace(name)
	if name == "" {
		return Measure{}, fail("", "it has no name; the measures are %s", measureNames())
	}
	f := slices.IndexFunc(families, func(f family) bool { return f.name == name })
	if f < 0 {
		return Measure{}, fail(suggestMeasure(name, head, cut, hasCut), "there is no measure %q; the measures are %s", name, measureNames())
	}
	m := Measure{family: int8(f + 1), rel: 1}
	fam := families[f]
	var ok bool

	if hasParams {
		if params, ok = strings.CutSuffix(strings.TrimSpace(params), ")"); !ok {
			return Measure{}, fail("", "the parameters do not end in \")\" before the cutoff")
		}
		given := false
		for part := range strings.SplitSeq(params, ",") {
			key, val, hasValue := strings.Cut(part, "=")
			key, val = strings.TrimSpace(key), strings.TrimSpace(val)
			switch {
			case !hasValue:
				return Measure{}, fail("", "parameter %q has no value; write %s(rel=2)", key, name)
			case key != "rel" && fam.takesRel:
				return Measure{}, fail("", "%s has no parameter %q; it has rel, the smallest grade that is relevant", name, key)
			case !fam.takesRel && key == "rel":
				return Measure{}, fail("", "%s has no parameter \"rel\": every positive grade is a gain", name)
			case !fam.takesRel:
				return Measure{}, fail("", "%s has no parameter %q", name, key)
			case given:
				return Measure{}, fail("", "parameter %q is given twice", key)
			}
			given = true
			if m.rel, ok = parsePositive(val); !ok {
				return Measure{}, fail("", "rel must be a whole number from 1, got %q", val)
			}
		}
	}
	switch {
	case hasCut:
		cut = strings.TrimSpace(cut)
		if m.cutoff, ok = parsePositive(cut); !ok {
			return Measure{}, fail("", "the cutoff must be a whole number from 1, got %q", cut)
		}
	case fam.needCutoff:
		suggestion := m
		suggestion.cutoff = 10
		return Measure{}, fail(suggestion.String(), "%s needs a cutoff", name)
	}
	return m, nil
}

// MustMeasures parses measures that are known to be right, and panics where
// one is not.
func MustMeasures(texts ...string) []Measure {
	ms := make([]Measure, len(texts))
	for i, t := range texts {
		m, err := ParseMeasure(t)
		if err != nil {
			panic(err)
		}
		ms[i] = m
	}
	return ms
}

// MarshalText returns the canonical spelling.
func (m Measure) MarshalText() ([]byte, error) {
	if m.family == 0 {
		return nil, fmt.Errorf("the zero measure has no spelling")
	}
	return []byte(m.String()), nil
}

// UnmarshalText is [ParseMeasure].
func (m *Measure) UnmarshalText(text []byte) error {
	var err error
	*m, err = ParseMeasure(string(text))
	return err
}

// parsePositive reads decimal digits without sign or leading zeros.
func parsePositive(s string) (int32, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return int32(n), err == nil && n <= maxParameter
}

func measureNames() string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
		if f.needCutoff {
			names[i] += "@k"
		}
	}
	return strings.Join(names, ", ")
}

// otherNames are what other tools call the measures, without separators.
var otherNames = map[string]string{
	"ndcg": "nDCG", "ndcgcut": "nDCG", "ndcgat": "nDCG",
	"rr": "RR", "mrr": "RR", "mrrat": "RR", "reciprank": "RR", "reciprocalrank": "RR", "meanreciprocalrank": "RR",
	"ap": "AP", "map": "AP", "mapcut": "AP", "mapat": "AP", "averageprecision": "AP", "meanaverageprecision": "AP",
	"r": "R", "recall": "R", "recallat": "R",
	"p": "P", "prec": "P", "precision": "P", "precisionat": "P",
	"success": "Success", "hit": "Success", "hits": "Success", "hitrate": "Success", "hitrateat": "Success", "accuracy": "Success", "acc": "Success",
}

// suggestMeasure guesses what an unknown name meant: another tool's name, or
// one within a typing mistake. head is the text before the cutoff.
func suggestMeasure(name, head, cut string, hasCut bool) string {
	word := strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
	stem := strings.TrimRight(word, "0123456789")
	if !hasCut && stem != word {
		cut, hasCut = word[len(stem):], true
	}
	best, ok := otherNames[stem]
	if !ok {
		bestDist, unique := 3, false
		for _, f := range families {
			d := editDistance(stem, strings.ToLower(f.name))
			if d >= len(f.name) || d > max(1, len(stem)/3) {
				continue
			}
			if d <= bestDist {
				best, unique, bestDist = f.name, d < bestDist, d
			}
		}
		if !unique {
			return ""
		}
	}
	if _, params, ok := strings.Cut(head, "("); ok {
		best += "(" + params
	}
	if hasCut {
		best += "@" + cut
	}
	m, err := ParseMeasure(best)
	if err != nil {
		var e *MeasureError
		errors.As(err, &e)
		return e.Suggestion
	}
	return m.String()
}

// editDistance counts the bytes to insert, delete, replace or swap with their
// neighbour to get from a to b.
func editDistance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
