package ir

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/near"
)

// MeasureError says why a text is not a measure.
type MeasureError struct {
	Text       string // as given
	Offset     int    // of the mistake in Text, in bytes
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

// maxParameter bounds cutoffs and grades, so that they fit an int32, and gains
// and coefficients, so that no sum overflows.
const maxParameter = 1_000_000_000

// ParseMeasure reads one measure, in ir_measures' grammar,
//
//	Name [ "(" parameter "=" value { "," parameter "=" value } ")" ] [ "@" cutoff ]
//
// or under trec_eval's name (ndcg_cut_10, ndcg_cut.10). Names and parameters
// are case-sensitive, spaces around them do not matter, and values are
// Python's: 2, 0.8, True, 'exp-log2', {0:0,1:3}. ir_measures' other names of
// its measures are known (MAP, MRR, Recall). What only trec_eval has keeps its
// name and may be followed by (rel=2). The error is a [*MeasureError].
func ParseMeasure(text string) (Measure, error) {
	p := parser{text: text}
	m, known := p.measure()
	if !known && p.err == nil {
		ms, ok := p.trec()
		switch {
		case ok && len(ms) == 1:
			return ms[0], nil
		case ok:
			suggestion := ms[0]
			for _, m := range ms {
				if m.cutoff == 10 {
					suggestion = m
				}
			}
			p.fail(0, suggestion.String(), "it stands for %d measures; name one", len(ms))
		case p.err == nil:
			p.unknown()
		}
	}
	if p.err != nil {
		return Measure{}, p.err
	}
	return m, nil
}

// ParseMeasures reads one measure or several: whatever [ParseMeasure] reads,
// trec_eval's names with lists of parameters or without (ndcg_cut.5,10 and P,
// which stands for nine cutoffs), its nicknames official, set and all_trec,
// and any of these with white space between them. No measure is returned
// twice. The error is a [*MeasureError].
func ParseMeasures(text string) ([]Measure, error) {
	var out []Measure
	seen := map[Measure]bool{}
	add := func(ms ...Measure) {
		for _, m := range ms {
			if !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	words := splitWords(text)
	for _, w := range words {
		p := parser{text: w.text}
		if ms, ok := p.trec(); ok {
			add(ms...)
			continue
		}
		var m Measure
		err := error(p.err)
		if p.err == nil {
			m, err = ParseMeasure(w.text)
		}
		var bad *MeasureError
		switch {
		case errors.As(err, &bad):
			bad.Offset += w.offset
			if len(words) > 1 {
				bad.Reason = fmt.Sprintf("%q: %s", w.text, bad.Reason)
			}
			bad.Text = text
			return nil, bad
		case err != nil:
			return nil, err
		}
		add(m)
	}
	return out, nil
}

// SplitMeasures returns the texts of single measures and sets that
// [ParseMeasures] would read one after another; a blank text is one.
func SplitMeasures(text string) []string {
	var out []string
	for _, w := range splitWords(text) {
		out = append(out, w.text)
	}
	return out
}

type word struct {
	text   string
	offset int
}

// splitWords splits at white space outside brackets and around no operator.
func splitWords(text string) []word {
	var out []word
	depth, start := 0, -1
	glued := func(i int) bool { // white space before ( or @, or after @, separates nothing
		rest := strings.TrimLeft(text[i:], " \t\r\n")
		return rest != "" && strings.IndexByte("(@", rest[0]) >= 0 || start >= 0 && strings.HasSuffix(strings.TrimSpace(text[start:i]), "@")
	}
	for i := range len(text) {
		switch text[i] {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		}
		if blank := strings.IndexByte(" \t\r\n", text[i]) >= 0; blank && depth <= 0 {
			if start >= 0 && !glued(i) {
				out = append(out, word{text[start:i], start})
				start = -1
			}
		} else if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		out = append(out, word{strings.TrimRight(text[start:], " \t\r\n"), start})
	}
	if len(out) == 0 {
		return []word{{text: text}}
	}
	return out
}

// parser reads one measure.
type parser struct {
	text string
	pos  int
	err  *MeasureError
}

func (p *parser) fail(offset int, suggestion, reason string, args ...any) {
	if p.err == nil {
		p.err = &MeasureError{Text: p.text, Offset: min(offset, len(p.text)), Reason: fmt.Sprintf(reason, args...), Suggestion: suggestion}
	}
}

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// accept reads c after white space.
func (p *parser) accept(c byte) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// word reads what has no meaning to the grammar.
func (p *parser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n()@=,:{}'\"", p.text[p.pos]) < 0 {
		p.pos++
	}
	return p.text[start:p.pos]
}

func byName(name string) int {
	return slices.IndexFunc(families, func(f family) bool {
		return !f.trecOnly && (f.name == name || slices.Contains(f.aliases, name))
	})
}

// measure reads ir_measures' grammar. It reports whether the name is known;
// where it is not, nothing has failed yet.
func (p *parser) measure() (m Measure, known bool) {
	name := p.word()
	if name == "" {
		p.fail(p.pos, "", "it has no name; the measures are %s", measureNames())
		return Measure{}, true
	}
	start := p.pos - len(name)
	preset := Measure{}
	i := byName(name)
	switch name { // ir_measures' names of measures with parameters
	case "NumRelRet":
		i = byName("NumRet")
		preset.rel = 1
	case "SetRelP":
		i = byName("SetP")
		preset.flags = flagRelative
	}
	if i < 0 {
		return Measure{}, false
	}
	f := &families[i]
	m = Measure{family: int8(i + 1), x: f.p, rel: preset.rel, flags: preset.flags}
	if f.takes&takesRel != 0 {
		m.rel = 1
	}
	level := false
	if p.accept('(') {
		var given []string
		for !p.accept(')') {
			if len(given) > 0 && !p.accept(',') {
				p.fail(p.pos, "", "the parameters do not end in \")\" before the cutoff")
				return m, true
			}
			at := p.pos
			key := p.word()
			if key != "" {
				at = p.pos - len(key)
			}
			if !p.accept('=') {
				if p.pos >= len(p.text) {
					p.fail(p.pos, "", "the parameters do not end in \")\" before the cutoff")
				} else {
					p.fail(at, "", "parameter %q has no value; write %s", key, f.example())
				}
				return m, true
			}
			if slices.Contains(given, key) {
				p.fail(at, "", "parameter %q is given twice", key)
				return m, true
			}
			given = append(given, key)
			p.space()
			if key == "recall" {
				level = true
			}
			p.parameter(f, &m, key, at)
			if p.err != nil {
				return m, true
			}
		}
	}
	if p.accept('@') {
		p.space()
		at := p.pos
		cut := strings.TrimSpace(p.text[p.pos:])
		p.pos = len(p.text)
		switch f.at {
		case atNone:
			suggestion := m.String()
			p.fail(at, suggestion, "%s takes no cutoff", f.name)
		case atRecall:
			p.level(&m, cut, at)
		default:
			p.cutoff(&m, cut, at)
		}
		return m, true
	}
	p.space()
	if p.pos < len(p.text) {
		p.fail(p.pos, "", "%q follows where the measure ends", p.text[p.pos:])
		return m, true
	}
	switch {
	case f.at == atRequired && m.cutoff == 0:
		suggestion := m
		suggestion.cutoff = 10
		p.fail(start, suggestion.String(), "%s needs a cutoff", f.name)
	case f.at == atRecall && !level:
		suggestion := m
		suggestion.x = 0.1
		p.fail(start, suggestion.String(), "%s needs a level of recall", f.name)
	}
	return m, true
}

func (p *parser) cutoff(m *Measure, text string, at int) {
	n, ok := parsePositive(text)
	if !ok {
		p.fail(at, "", "the cutoff must be a whole number from 1, got %q", text)
	}
	m.cutoff = n
}

func (p *parser) level(m *Measure, text string, at int) {
	x, ok := parseReal(text)
	if !ok || x < 0 || x > 1 {
		p.fail(at, "", "the level of recall must be a number from 0 to 1, got %q", text)
		return
	}
	m.x = x + 0 // no -0
}

// example is a call with a parameter that the family takes.
func (f *family) example() string {
	switch {
	case f.takes&(takesRel|takesRelOptional) != 0:
		return f.name + "(rel=2)"
	case f.takes&takesJudgedOnly != 0:
		return f.name + "(judged_only=True)"
	case f.takes&takesP != 0:
		return f.name + "(p=0.9)"
	}
	return f.name + ", which has no parameters"
}

// parameter reads the value of a parameter.
func (p *parser) parameter(f *family, m *Measure, key string, at int) {
	value := p.pos
	var text string
	isGains := key == "gains"
	if !isGains {
		if p.pos < len(p.text) && strings.IndexByte("'\"", p.text[p.pos]) >= 0 {
			end := strings.IndexByte(p.text[p.pos+1:], p.text[p.pos])
			if end < 0 {
				p.fail(p.pos, "", "the quotation mark is not closed")
				return
			}
			text = p.text[p.pos : p.pos+end+2]
			p.pos += end + 2
		} else {
			text = p.word()
		}
	}
	boolean := func(flag uint8, on string) {
		switch text {
		case "True", "False":
			m.flags &^= flag
			if text == on {
				m.flags |= flag
			}
		default:
			p.fail(value, "", "%s must be True or False, got %q", key, text)
		}
	}
	has := func(bit int) bool { return f.takes&bit != 0 }
	switch {
	case key == "rel" && (has(takesRel) || has(takesRelOptional)):
		var ok bool
		if m.rel, ok = parsePositive(text); !ok {
			p.fail(value, "", "rel must be a whole number from 1, got %q", text)
		}
	case key == "cutoff" && (f.at == atOptional || f.at == atRequired):
		p.cutoff(m, text, value)
	case key == "recall" && f.at == atRecall:
		p.level(m, text, value)
	case key == "judged_only" && has(takesJudgedOnly):
		boolean(flagJudgedOnly, "True")
	case key == "relative" && has(takesRelative):
		boolean(flagRelative, "True")
	case key == "normalize" && has(takesNormalize):
		boolean(flagPlain, "False")
	case key == "dcg" && has(takesDCG):
		switch strings.Trim(text, `'"`) {
		case "log2":
			m.flags &^= flagExp
		case "exp-log2":
			m.flags |= flagExp
		default:
			p.fail(value, "", "dcg must be 'log2' or 'exp-log2', got %s", text)
		}
		if text == "log2" || text == "exp-log2" {
			p.fail(value, "", "dcg must be in quotation marks: '%s'", text)
		}
	case isGains && has(takesGains):
		m.params = p.gains()
	case key == "p" && has(takesP):
		x, ok := parseReal(text)
		if !ok || x <= 0 || x >= 1 {
			p.fail(value, "", "p must be a number between 0 and 1, got %q", text)
		}
		m.x = x
	case key == "beta" && has(takesBeta):
		x, ok := parseReal(text)
		if !ok || x < 0 || x > maxParameter {
			p.fail(value, "", "beta must be a number from 0 to %d, got %q", maxParameter, text)
		}
		m.x = x + 0
	case key == "rel":
		reason := "it counts documents of all grades"
		if f.name == "nDCG" {
			reason = "every positive grade is a gain"
		}
		p.fail(at, "", "%s has no parameter \"rel\": %s", f.name, reason)
	default:
		p.fail(at, "", "%s has no parameter %q; %s", f.name, key, f.parameters())
	}
}

// parameters lists what the family takes.
func (f *family) parameters() string {
	var has []string
	for _, x := range []struct {
		bit  int
		name string
	}{
		{takesRel | takesRelOptional, "rel, the smallest grade that is relevant"},
		{takesP, "p"},
		{takesNormalize, "normalize"},
		{takesDCG, "dcg"},
		{takesGains, "gains"},
		{takesRelative, "relative"},
		{takesBeta, "beta"},
		{takesJudgedOnly, "judged_only"},
	} {
		if f.takes&x.bit != 0 {
			has = append(has, x.name)
		}
	}
	if len(has) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(has, ", ")
}

// gains reads {grade:gain,…} and returns it in canonical form: by grade,
// without those that are their own gain.
func (p *parser) gains() string {
	start := p.pos
	if !p.accept('{') {
		p.fail(start, "", "gains must be written {0:0,1:1,2:3}")
		return ""
	}
	list := map[int32]float64{}
	for n := 0; !p.accept('}'); n++ {
		if n > 0 && !p.accept(',') {
			p.fail(p.pos, "", "the gains do not end in \"}\"")
			return ""
		}
		p.space()
		at := p.pos
		key := p.word()
		if !p.accept(':') {
			p.fail(at, "", "a gain is written grade:gain, such as 1:3")
			return ""
		}
		p.space()
		atGain := p.pos
		if !p.gain(list, key, p.word(), at, atGain) {
			return ""
		}
	}
	return canonicalGains(list)
}

func (p *parser) gain(list map[int32]float64, key, value string, at, atGain int) bool {
	grade, ok := parseWhole(key)
	if !ok {
		p.fail(at, "", "a gain belongs to a grade, a whole number from 0, got %q", key)
		return false
	}
	x, ok := parseReal(value)
	if !ok || math.Abs(x) > maxParameter {
		p.fail(atGain, "", "the gain of grade %d must be a number from -%d to %d, got %q", grade, maxParameter, maxParameter, value)
		return false
	}
	if _, twice := list[grade]; twice {
		p.fail(at, "", "grade %d has two gains", grade)
		return false
	}
	list[grade] = x + 0
	return true
}

func canonicalGains(list map[int32]float64) string {
	grades := make([]int32, 0, len(list))
	for g, x := range list {
		if float64(g) != x {
			grades = append(grades, g)
		}
	}
	slices.Sort(grades)
	var b strings.Builder
	for i, g := range grades {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%s", g, strconv.FormatFloat(list[g], 'g', -1, 64))
	}
	return b.String()
}

// trecTable are trec_eval's measures in the order in which it prints them,
// with the cutoffs or levels that a bare name stands for, and the nicknames
// they belong to.
var trecTable = []struct {
	name     string
	defaults []float64
	nick     string // o official, s set; all_trec has all but those with x
}{
	{"runid", nil, "os"},
	{"num_q", nil, "os"},
	{"num_ret", nil, "os"},
	{"num_rel", nil, "os"},
	{"num_rel_ret", nil, "os"},
	{"map", nil, "o"},
	{"gm_map", nil, "o"},
	{"Rprec", nil, "o"},
	{"bpref", nil, "o"},
	{"recip_rank", nil, "o"},
	{"iprec_at_recall", []float64{0, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1}, "o"},
	{"P", trecCutoffs, "o"},
	{"relstring", nil, ""},
	{"recall", trecCutoffs, ""},
	{"infAP", nil, ""},
	{"gm_bpref", nil, ""},
	{"Rprec_mult", []float64{.2, .4, .6, .8, 1, 1.2, 1.4, 1.6, 1.8, 2}, ""},
	{"utility", nil, "s"},
	{"11pt_avg", nil, ""},
	{"binG", nil, ""},
	{"G", nil, ""},
	{"dcg", nil, "x"},
	{"ideal_dcg", nil, "x"},
	{"ndcg", nil, ""},
	{"ndcg_rel", nil, ""},
	{"Rndcg", nil, ""},
	{"ndcg_cut", trecCutoffs, ""},
	{"map_cut", trecCutoffs, ""},
	{"relative_P", trecCutoffs, ""},
	{"success", []float64{1, 5, 10}, ""},
	{"set_P", nil, "s"},
	{"set_relative_P", nil, "s"},
	{"set_recall", nil, "s"},
	{"set_map", nil, "s"},
	{"set_F", nil, "s"},
	{"num_nonrel_judged_ret", nil, ""},
	{"yaap", nil, "x"},
	{"rbp", nil, ""},
	{"rbp_resid", nil, ""},
	{"unj", []float64{5, 10, 20}, ""},
}

var trecCutoffs = []float64{5, 10, 15, 20, 30, 100, 200, 500, 1000}

// trecNicknames stand for several measures of that table.
var trecNicknames = []string{"official", "set", "all_trec"}

// CompareTrec orders measures as trec_eval prints them: by its table, and those
// of one name by their cutoffs or levels. Those that trec_eval lacks come last
// and are equal.
func CompareTrec(a, b Measure) int {
	order := func(m Measure) int {
		if root, ok := trecRoot(m.TrecName()); ok {
			return trecIndex(root)
		}
		return len(trecTable)
	}
	x, y := order(a), order(b)
	if x != y || x == len(trecTable) {
		return cmp.Compare(x, y)
	}
	return cmp.Or(cmp.Compare(a.cutoff, b.cutoff), cmp.Compare(a.x, b.x))
}

// TrecFamily tells which of trec_eval's measures a name of trec_eval's is of, P
// for P.5,10 and P_5, and whether it asks for the whole of it, as P does. A
// nickname such as official asks for the whole of several and has no family; a
// name that is none of trec_eval's has neither.
func TrecFamily(name string) (family string, whole bool) {
	if slices.Contains(trecNicknames, name) {
		return "", true
	}
	root, ok := trecRoot(name)
	return root, ok && root == name
}

// trecRoot splits off the parameters of a trec_eval measure's name, which
// follow a dot or an underscore, and finds it in the table.
func trecRoot(text string) (root string, ok bool) {
	if head, _, _ := strings.Cut(text, "."); trecIndex(head) >= 0 {
		return head, true
	}
	for _, t := range trecTable { // the longest
		if rest, found := strings.CutPrefix(text, t.name); found && (rest == "" || rest[0] == '_' && len(rest) > 1) && len(t.name) > len(root) {
			root, ok = t.name, true
		}
	}
	return root, ok
}

func trecIndex(name string) int {
	for i := range trecTable {
		if trecTable[i].name == name {
			return i
		}
	}
	return -1
}

// trec reads a name of trec_eval with its parameters, or a nickname. It
// reports whether that is what the text holds; where it is not, p.err tells
// whether it was meant to be.
func (p *parser) trec() ([]Measure, bool) {
	text := strings.TrimSpace(p.text)
	lead := strings.Index(p.text, text)
	if slices.Contains(trecNicknames, text) {
		var out []Measure
		for _, t := range trecTable {
			if text == "official" && strings.Contains(t.nick, "o") || text == "set" && strings.Contains(t.nick, "s") || text == "all_trec" && t.nick != "x" {
				ms, _ := trecMeasures(t.name, "", 0, p)
				out = append(out, ms...)
			}
		}
		return out, true
	}
	rel := int32(0)
	if strings.Contains(text, "@") {
		return nil, false
	}
	if head, params, found := strings.Cut(text, "("); found {
		if byName(strings.TrimSpace(head)) >= 0 {
			return nil, false
		}
		value, isRel := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "rel=")
		value, closed := strings.CutSuffix(value, ")")
		n, ok := parsePositive(value)
		if _, isTrec := trecRoot(strings.TrimSpace(head)); !isTrec {
			return nil, false
		} else if !isRel || !closed || !ok {
			p.fail(lead+len(head), "", "a trec_eval measure takes no parameter in brackets but rel, a whole number from 1")
			return nil, false
		}
		text, rel = strings.TrimSpace(head), n
	}
	root, ok := trecRoot(text)
	if !ok {
		return nil, false
	}
	params := ""
	if len(text) > len(root) {
		params = text[len(root)+1:]
		if params == "" {
			p.fail(lead+len(text), "", "the parameters of %s are missing after %q", root, text[len(root):])
			return nil, false
		}
	}
	if params != "" && text[len(root)] == '_' && !strings.ContainsAny(params, "=") && strings.Trim(params, "0123456789.,eE+-") != "" {
		return nil, false // another name that begins alike
	}
	ms, ok := trecMeasures(root, params, lead+len(root)+1, p)
	if ok && rel > 0 {
		for i := range ms {
			if ms[i].rel == 0 {
				p.fail(lead+len(text), "", "%s has no parameter \"rel\"", root)
				return nil, false
			}
			ms[i].rel = rel
		}
	}
	return ms, ok
}

// trecMeasures makes the measures of a name in the table. at is the offset of
// the parameters.
func trecMeasures(root, params string, at int, p *parser) ([]Measure, bool) {
	form, preset := trecNone, Measure{}
	name := root
	switch root {
	case "num_rel_ret":
		name, preset.rel = "num_ret", 1
	case "set_relative_P":
		name, preset.flags = "set_P", flagRelative
	case "ndcg_cut":
		name, form = "ndcg", trecRanks
	case "map_cut":
		name, form = "map", trecRanks
	}
	i := slices.IndexFunc(families, func(f family) bool { return f.trec == name })
	f := &families[i]
	if form == trecNone && root == name {
		form = f.form
	}
	base := Measure{family: int8(i + 1), x: f.p, flags: preset.flags, rel: preset.rel}
	if f.takes&takesRel != 0 {
		base.rel = 1
	}
	if params == "" {
		if form != trecRanks && form != trecReals {
			return []Measure{base}, true
		}
		var out []Measure
		for _, x := range trecTable[trecIndex(root)].defaults {
			m := base
			if form == trecRanks {
				m.cutoff = int32(x)
			} else {
				m.x = x
			}
			out = append(out, m)
		}
		return out, true
	}
	if form == trecNone {
		p.fail(at, base.String(), "%s takes no parameters", root)
		return nil, false
	}
	var out []Measure
	seen := map[Measure]bool{}
	list := map[int32]float64{}
	offset := at
	parts := strings.Split(params, ",")
	for _, part := range parts {
		m := base
		switch form {
		case trecRanks, trecReals, trecOne, trecList:
			x, ok := parseReal(part)
			if !ok {
				p.fail(offset, "", "the parameters of %s are numbers, got %q", root, part)
				return nil, false
			}
			switch {
			case form == trecRanks && (x < 1 || x > maxParameter):
				p.fail(offset, "", "the cutoff must be a whole number from 1, got %q", part)
				return nil, false
			case form == trecRanks: // trec_eval drops a fraction
				m.cutoff = int32(x)
			case (f.at == atRecall || root == "11pt_avg") && (x < 0 || x > 1):
				p.fail(offset, "", "%s takes levels from 0 to 1, got %q", root, part)
				return nil, false
			case form == trecReals && (x < 0 || x > maxParameter):
				p.fail(offset, "", "%s takes numbers from 0 to %d, got %q", root, maxParameter, part)
				return nil, false
			case math.Abs(x) > maxParameter:
				p.fail(offset, "", "%s takes numbers from -%d to %d, got %q", root, maxParameter, maxParameter, part)
				return nil, false
			default:
				m.x = x + 0
			}
			if form == trecRanks || form == trecReals {
				if seen[m] {
					p.fail(offset, "", "%q is given twice", part)
					return nil, false
				}
				seen[m] = true
				out = append(out, m)
			}
		case trecPairs:
			key, value, _ := strings.Cut(part, "=")
			if key == "p" && f.p != 0 {
				x, ok := parseReal(value)
				if !ok || x <= 0 || x >= 1 {
					p.fail(offset, "", "p must be a number between 0 and 1, got %q", value)
					return nil, false
				}
				base.x = x
			} else if !p.gain(list, key, value, offset, offset+len(key)+1) {
				return nil, false
			}
		}
		offset += len(part) + 1
	}
	switch {
	case form == trecRanks || form == trecReals:
		return out, true
	case root == "set_F" || root == "relstring":
		x, _ := parseReal(parts[0])
		if len(parts) > 1 || x < 0 || x > maxParameter {
			p.fail(at, "", "%s takes one number from 0", root)
			return nil, false
		}
		if root == "set_F" {
			base.x = x + 0
		} else {
			base.params = params
		}
	case root == "utility" && len(parts) != 4:
		p.fail(at, "", "utility takes four numbers, got %d", len(parts))
		return nil, false
	case root == "ndcg":
		base.params = canonicalGains(list)
	default:
		base.params = params
	}
	return []Measure{base}, true
}

// numbersOf returns the numbers of a list of parameters.
func numbersOf(params string) []float64 {
	var out []float64
	for part := range strings.SplitSeq(params, ",") {
		x, _ := parseReal(part)
		out = append(out, x)
	}
	return out
}

// gainsOf returns the gains in params, of either form.
func gainsOf(params string) map[int32]float64 {
	list := map[int32]float64{}
	if params == "" {
		return list
	}
	for part := range strings.SplitSeq(params, ",") {
		if key, value, ok := strings.Cut(strings.Replace(part, ":", "=", 1), "="); ok {
			if grade, ok := parseWhole(key); ok {
				list[grade], _ = parseReal(value)
			}
		}
	}
	return list
}

// parsePositive reads decimal digits without sign or leading zeros.
func parsePositive(s string) (int32, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return int32(n), err == nil && n <= maxParameter
}

// parseWhole is parsePositive that takes 0 too.
func parseWhole(s string) (int32, bool) {
	if s == "0" {
		return 0, true
	}
	return parsePositive(s)
}

// parseReal reads a decimal number, without the spellings of infinity.
func parseReal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsInf(x, 0)
}

func measureNames() string {
	var names []string
	for _, f := range families {
		if f.trecOnly {
			continue
		}
		names = append(names, f.spelling())
	}
	return strings.Join(names, ", ") + " and those of trec_eval"
}

// spelling is the name with the cutoff or level that it must have.
func (f *family) spelling() string {
	switch f.at {
	case atRequired:
		return f.name + "@k"
	case atRecall:
		return f.name + "@recall"
	}
	return f.name
}

// Families returns everything that can be measured: a name, with the cutoff or
// level of recall that must follow it, and what it means, as [Measure.Doc] says.
func Families() iter.Seq2[string, string] {
	return func(yield func(name, doc string) bool) {
		for i := range families {
			if !yield(families[i].spelling(), families[i].doc) {
				return
			}
		}
	}
}

// refused are measures of ir_measures that are not here, with the reason.
var refused = map[string]string{
	"SDCG": cwl, "BPM": cwl, "INST": cwl, "INSQ": cwl, "NERR8": cwl, "NERR9": cwl, "NERR10": cwl, "NERR11": cwl,
	"alpha_nDCG": intents, "alpha_DCG": intents, "α_nDCG": intents, "α_DCG": intents, "ERR_IA": intents, "nERR_IA": intents,
	"NRBP": intents, "nNRBP": intents, "AP_IA": intents, "MAP_IA": intents, "P_IA": intents, "StRecall": intents,
	"ndcg_p": "trec_eval lists it nowhere", "map_avgjg": groups, "P_avgjg": groups, "Rprec_mult_avgjg": groups, "qrels_jg": groups,
	"prefs": preferences, "all_prefs": preferences,
}

const (
	cwl         = "it is defined by the tool cwl_eval, with grades rescaled and rankings cut in its own way; use cwl_eval for it"
	intents     = "it needs judgments per subtopic, and qrels here have none"
	groups      = "it needs qrels of several judges"
	preferences = "it needs preferences between documents instead of grades"
)

// otherNames are what other tools call the measures, without separators.
var otherNames = map[string]string{
	"ndcg": "nDCG", "ndcgcut": "nDCG", "ndcgat": "nDCG", "normalizeddiscountedcumulativegain": "nDCG",
	"rr": "RR", "mrr": "RR", "mrrat": "RR", "reciprank": "RR", "reciprocalrank": "RR", "meanreciprocalrank": "RR",
	"ap": "AP", "map": "AP", "mapcut": "AP", "mapat": "AP", "averageprecision": "AP", "meanaverageprecision": "AP",
	"r": "R", "recall": "R", "recallat": "R",
	"p": "P", "prec": "P", "precision": "P", "precisionat": "P",
	"success": "Success", "hit": "Success", "hits": "Success", "hitrate": "Success", "hitrateat": "Success", "acc": "Success", "accuracyat": "Success",
	"rprecision": "Rprec", "rprec": "Rprec", "bpref": "Bpref", "infap": "infAP", "iprec": "IPrec", "rbp": "RBP", "err": "ERR",
	"setp": "SetP", "setr": "SetR", "setf": "SetF", "f": "SetF", "setap": "SetAP", "judged": "Judged", "compat": "Compat", "accuracy": "Accuracy",
	"numq": "NumQ", "numrel": "NumRel", "numret": "NumRet",
}

// unknown fails with a guess at what an unknown name meant: another tool's
// name, or one within a typing mistake.
func (p *parser) unknown() {
	head, cut, hasCut := strings.Cut(p.text, "@")
	name, params, hasParams := strings.Cut(strings.TrimSpace(head), "(")
	name = strings.TrimSpace(name)
	at := strings.Index(p.text, name)
	if reason, ok := refused[name]; ok {
		p.fail(at, "", "%s is not computed here: %s", name, reason)
		return
	}
	if strings.HasPrefix(name, "prefs_") {
		p.fail(at, "", "%s is not computed here: %s", name, preferences)
		return
	}
	p.fail(at, suggest(name, params, hasParams, cut, hasCut), "there is no measure %q; the measures are %s", name, measureNames())
}

func suggest(name, params string, hasParams bool, cut string, hasCut bool) string {
	word := strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(name))
	stem := strings.TrimRight(word, "0123456789")
	if !hasCut && stem != word {
		cut, hasCut = word[len(stem):], true
	}
	best, ok := otherNames[stem]
	if !ok {
		bestDist, unique := 3, false
		try := func(candidate, folded string) {
			d := near.Distance(stem, folded)
			if d >= len(folded) || d > max(1, len(stem)/3) || candidate == best {
				return
			}
			if d <= bestDist {
				best, unique, bestDist = candidate, d < bestDist, d
			}
		}
		for _, f := range families {
			if !f.trecOnly {
				try(f.name, strings.ToLower(f.name))
			}
		}
		if !hasCut && !hasParams {
			for _, t := range trecTable {
				d := near.Distance(name, t.name)
				if d < len(t.name) && d <= max(1, len(name)/4) && d < bestDist {
					best, unique, bestDist = t.name, true, d
				}
			}
		}
		if !unique {
			return ""
		}
	}
	if hasParams {
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
