package ir

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Measure is one measure with its parameters: a comparable value. Make one
// with [ParseMeasure]; the zero Measure measures nothing.
type Measure struct {
	family int8    // index into families, plus one
	flags  uint8   // see below
	rel    int32   // smallest grade that counts as relevant; 0 where the measure is told none and needs none
	cutoff int32   // 0: the whole ranking
	x      float64 // p, beta, recall or the multiple of R
	params string  // gains in canonical form; for measures that only trec_eval has, their parameters as given
}

const (
	flagJudgedOnly uint8 = 1 << iota // judged_only=True
	flagRelative                     // relative=True
	flagExp                          // dcg='exp-log2'
	flagPlain                        // normalize=False
)

// Aggregate says how the values of queries become the value of a run.
type Aggregate int

// How the values of queries become the value of a run.
const (
	Mean          Aggregate = iota // arithmetic mean
	Sum                            // sum, of counts
	GeometricMean                  // exp of the mean logarithm; values below 0.00001 count as that
	Text                           // no number at all: a text per query, or one per run
)

// parameters a measure may take, as bits
const (
	takesRel         = 1 << iota
	takesRelOptional // without it there is no threshold
	takesJudgedOnly
	takesDCG
	takesGains
	takesRelative
	takesBeta
	takesP
	takesNormalize
)

// What a measure does with "@".
const (
	atNone     = iota
	atOptional // a cutoff rank
	atRequired
	atRecall // a level of recall
)

// Forms of a trec_eval measure's parameters.
const (
	trecNone  = iota
	trecRanks // cutoffs, one value each
	trecReals // levels, one value each
	trecList  // a list for one value
	trecPairs // level=gain, and p=… for rbp
	trecOne   // one number
)

// family is what measures of one name have in common.
type family struct {
	name      string // ir_measures', or trec_eval's where ir_measures has none
	aliases   []string
	doc       string
	takes     int
	at        int
	p         float64 // default of x
	aggregate Aggregate
	sense     Sense
	// trec is trec_eval's name of the measure; trecOnly tells that ir_measures
	// has none. Where trec_eval takes parameters, form is their form.
	trec     string
	trecOnly bool
	form     int
	// value computes a ranking's value; expect the mean over the orders of
	// blocks of equal scores, nil where the order does not matter.
	value  func(v *view, m *Measure) float64
	expect func(v *view, m *Measure) (float64, error)
	// within is set where only the documents within a rank matter, in whatever
	// order, and returns that rank.
	within func(v *view, m *Measure) int32
	// gradedOnly tells that documents without a grade, or with a negative one,
	// do not matter, nor where they are.
	gradedOnly bool
}

// families lists the measures, in the order in which messages name them.
var families = []family{
	{
		name: "nDCG", aliases: []string{"NDCG"}, takes: takesDCG | takesGains | takesJudgedOnly, at: atOptional, trec: "ndcg", form: trecPairs,
		doc:   "Normalised discounted cumulative gain: gain is the grade (linear, or 2^grade-1 with dcg='exp-log2'; negative grades gain nothing), the discount is log2(rank+1), the ideal takes all judged documents. trec_eval: ndcg, ndcg_cut.",
		value: ndcg, expect: expectNDCG,
	},
	{
		name: "RR", aliases: []string{"MRR"}, takes: takesRel | takesJudgedOnly, at: atOptional, trec: "recip_rank",
		doc:   "Reciprocal of the rank of the first relevant document; 0 without one. trec_eval: recip_rank, which has no cutoff.",
		value: reciprocalRank, expect: expectRR,
	},
	{
		name: "AP", aliases: []string{"MAP"}, takes: takesRel | takesJudgedOnly, at: atOptional, trec: "map",
		doc:   "Precision at each relevant document retrieved, summed and divided by the number of relevant documents. trec_eval: map, map_cut.",
		value: averagePrecision, expect: expectAP,
	},
	{
		name: "R", aliases: []string{"Recall"}, takes: takesRel | takesJudgedOnly, at: atRequired, trec: "recall", form: trecRanks,
		doc:   "Share of the relevant documents that is in the first k. trec_eval: recall.",
		value: recall, expect: expectRecall, within: withinCutoff,
	},
	{
		name: "P", aliases: []string{"Precision"}, takes: takesRel | takesJudgedOnly, at: atRequired, trec: "P", form: trecRanks,
		doc:   "Relevant documents in the first k, divided by k also where fewer were retrieved. trec_eval: P.",
		value: precision, expect: expectPrecision, within: withinCutoff,
	},
	{
		name: "Success", takes: takesRel | takesJudgedOnly, at: atRequired, trec: "success", form: trecRanks,
		doc:   "1 where a relevant document is in the first k, else 0. trec_eval: success.",
		value: success, expect: expectSuccess, within: withinCutoff,
	},
	{
		name: "Rprec", aliases: []string{"RPrec"}, takes: takesRel | takesJudgedOnly, trec: "Rprec",
		doc:   "Precision after as many documents as are relevant. trec_eval: Rprec.",
		value: rPrecision, expect: expectRprec, within: withinRelevant,
	},
	{
		name: "Bpref", aliases: []string{"BPref"}, takes: takesRel, trec: "bpref",
		doc:   "Binary preference: for each relevant document retrieved the share of judged non-relevant documents that are not above it. trec_eval: bpref.",
		value: bpref, expect: expectBpref, gradedOnly: true,
	},
	{
		name: "infAP", takes: takesRel, trec: "infAP",
		doc:   "AP inferred from a sampled pool, in which a negative grade marks a pooled document that was not judged. trec_eval: infAP.",
		value: infAP, expect: expectInfAP,
	},
	{
		name: "IPrec", takes: takesRel | takesJudgedOnly, at: atRecall, trec: "iprec_at_recall", form: trecReals,
		doc:   "Interpolated precision: the largest precision at this recall or beyond. trec_eval: iprec_at_recall.",
		value: interpolated, expect: expectInterpolated,
	},
	{
		name: "SetP", takes: takesRel | takesRelative | takesJudgedOnly, trec: "set_P",
		doc:   "Relevant documents retrieved, divided by documents retrieved; with relative=True by the most that could be relevant of so many. trec_eval: set_P, set_relative_P.",
		value: setP, expect: expectSetP, within: withinAll,
	},
	{
		name: "SetR", takes: takesRel, trec: "set_recall",
		doc:   "Share of the relevant documents that was retrieved. trec_eval: set_recall.",
		value: setR, expect: expectSetR, within: withinAll,
	},
	{
		name: "SetF", takes: takesRel | takesBeta | takesJudgedOnly, p: 1, trec: "set_F", form: trecOne,
		doc:   "(beta+1)·P·R / (beta·P+R) of SetP and SetR. The parameter enters as it is, not squared. trec_eval: set_F.",
		value: setF, expect: expectSetF, within: withinAll,
	},
	{
		name: "SetAP", takes: takesRel | takesJudgedOnly, trec: "set_map",
		doc:   "SetP times SetR. trec_eval: set_map.",
		value: setAP, expect: expectCut(setAP), within: withinAll,
	},
	{
		name: "Judged", sense: NoSense, at: atOptional,
		doc:   "Share of the first k documents that were judged; of all retrieved where there are fewer.",
		value: judgedShare, expect: expectJudged, within: withinCutoff,
	},
	{
		name: "NumQ", sense: NoSense, aggregate: Sum, trec: "num_q",
		doc:   "Number of queries. trec_eval: num_q.",
		value: func(*view, *Measure) float64 { return 1 },
	},
	{
		name: "NumRel", sense: NoSense, takes: takesRel, aggregate: Sum, trec: "num_rel",
		doc:   "Number of relevant documents. trec_eval: num_rel.",
		value: func(v *view, m *Measure) float64 { return float64(v.q.relevant(m.rel)) },
	},
	{
		name: "NumRet", takes: takesRelOptional, aggregate: Sum, trec: "num_ret",
		doc:   "Number of documents retrieved, or with rel of relevant ones. trec_eval: num_ret, num_rel_ret.",
		value: numRet, expect: expectNumRet, within: withinAll,
	},
	{
		name: "RBP", takes: takesP | takesRelOptional, p: 0.8, at: atOptional,
		doc:   "Rank-biased precision: (1-p)·Σ p^(rank-1) over relevant documents. Without rel a document counts with its grade divided by the query's largest.",
		value: rbp, expect: expectRBP,
	},
	{
		name: "ERR", at: atOptional,
		doc:   "Expected reciprocal rank: a reader stops at a document with probability (2^grade-1)/16. Grades reach to 4.",
		value: expectedRR, expect: expectERR,
	},
	{
		name: "Accuracy", takes: takesRel, at: atOptional,
		doc:   "Share of the pairs of a relevant and another document, both retrieved, in which the relevant one is above.",
		value: accuracy, expect: expectAccuracy,
	},
	{
		name: "Compat", takes: takesP | takesNormalize, p: 0.95,
		doc:   "Compatibility: rank-biased overlap of the ranking with the ideal one.",
		value: compat, expect: expectCompat,
	},

	// What only trec_eval has.
	{
		name: "gm_map", takes: takesRel, aggregate: GeometricMean, trecOnly: true,
		doc:   "AP, of which the geometric mean is taken over queries.",
		value: floored(averagePrecision), expect: expectFloored(averagePrecision, expectAP, leastAP),
	},
	{
		name: "gm_bpref", takes: takesRel, aggregate: GeometricMean, trecOnly: true,
		doc:   "Bpref, of which the geometric mean is taken over queries.",
		value: floored(bpref), expect: expectFloored(bpref, expectBpref, leastBpref), gradedOnly: true,
	},
	{
		name: "11pt_avg", takes: takesRel, trecOnly: true, form: trecList,
		doc:   "Mean of the interpolated precision at the levels of recall 0, 0.1 … 1, or those given.",
		value: elevenPoint, expect: expectElevenPoint,
	},
	{
		name: "Rprec_mult", takes: takesRel, trecOnly: true, form: trecReals,
		doc:   "Precision after a multiple of as many documents as are relevant.",
		value: rPrecisionMult, expect: expectRprecMult, within: withinMultiple,
	},
	{
		name: "relative_P", takes: takesRel, trecOnly: true, form: trecRanks,
		doc:   "Relevant documents in the first k, divided by the most that could be.",
		value: relativeP, expect: expectRelativeP, within: withinCutoff,
	},
	{
		name: "unj", sense: LessIsBetter, trecOnly: true, form: trecRanks,
		doc:   "Documents without a grade, or with a negative one, in the first k, divided by k.",
		value: unjudgedShare, expect: expectUnjudged, within: withinCutoff,
	},
	{
		name: "utility", takes: takesRel, trecOnly: true, form: trecList,
		doc:   "a·(relevant retrieved) + b·(others retrieved) + c·(relevant not retrieved) + d·(others not retrieved); by default 1, -1, 0, 0.",
		value: utility, expect: expectCount(utility), within: withinAll,
	},
	{
		name: "binG", takes: takesRel, trecOnly: true,
		doc:   "Mean over the relevant documents of 1/log2(2 + non-relevant documents above).",
		value: binG, expect: expectBinG,
	},
	{
		name: "G", trecOnly: true, form: trecPairs,
		doc:   "Normalised gain: a gain is discounted by what an ideal ranking would have gained before it beyond what was.",
		value: gainG, expect: expectG,
	},
	{
		name: "dcg", trecOnly: true, form: trecPairs,
		doc:   "Discounted cumulative gain, not normalised.",
		value: dcg, expect: expectDCG,
	},
	{
		name: "ideal_dcg", sense: NoSense, trecOnly: true, form: trecPairs,
		doc:   "Discounted cumulative gain of the ideal ranking.",
		value: idealDCG,
	},
	{
		name: "ndcg_rel", trecOnly: true, form: trecPairs,
		doc:   "nDCG at the ranks of relevant documents, averaged.",
		value: ndcgRel, expect: expectNDCGRel,
	},
	{
		name: "Rndcg", takes: takesRel, trecOnly: true, form: trecPairs,
		doc:   "nDCG at the ranks where the gain of the ideal ranking changes, averaged.",
		value: rndcg, expect: expectRndcg,
	},
	{
		name: "yaap", takes: takesRel, trecOnly: true,
		doc:   "log((1+s)/(1+R-s)), where s is the sum that AP divides by R.",
		value: yaap, expect: expectByOrders(yaap),
	},
	{
		name: "rbp", trecOnly: true, form: trecPairs, p: 0.9,
		doc:   "Rank-biased precision of graded gains, divided by the query's largest where that is above 1; p=0.9.",
		value: rbpGraded, expect: expectRBPGraded,
	},
	{
		name: "rbp_resid", sense: LessIsBetter, trecOnly: true, form: trecPairs, p: 0.9,
		doc:   "What rank-biased precision could grow by if the documents not judged had the largest gain; 0 where all were judged.",
		value: rbpResidual, expect: expectResidual,
	},
	{
		name: "num_nonrel_judged_ret", sense: LessIsBetter, takes: takesRel, aggregate: Sum, trecOnly: true,
		doc:   "Number of documents retrieved that were judged not relevant.",
		value: numNonrel, expect: expectCount(numNonrel), within: withinAll,
	},
	{
		name: "relstring", aggregate: Text, trecOnly: true, form: trecOne,
		doc:   "The grades of the first documents as a string: 0-9, > for larger ones, - for no grade, . for a negative one.",
		value: func(*view, *Measure) float64 { return 0 },
	},
	{
		name: "runid", aggregate: Text, trecOnly: true,
		doc:   "The run's tag.",
		value: func(*view, *Measure) float64 { return 0 },
	},
}

func init() {
	for i := range families {
		if families[i].trecOnly {
			families[i].trec = families[i].name
		}
		if families[i].name == "ERR" {
			familyERR = int8(i + 1)
		}
	}
}

func (m Measure) fam() *family { return &families[m.family-1] }

// Name returns the measure's name without parameters: "nDCG".
func (m Measure) Name() string {
	if m.family == 0 {
		return ""
	}
	return m.fam().name
}

// Sense says which values of a measure are better.
type Sense int8

// Senses.
const (
	MoreIsBetter Sense = iota
	LessIsBetter
	NoSense // such as the number of documents retrieved
)

// Sense returns which values of the measure are better. Gains and coefficients
// are taken to be larger for what is better.
func (m Measure) Sense() Sense {
	if m.family == 0 || m.fam().name == "NumRet" && m.rel == 0 {
		return NoSense
	}
	return m.fam().sense
}

// Doc returns what the measure measures, in a sentence or two.
func (m Measure) Doc() string {
	if m.family == 0 {
		return ""
	}
	return m.fam().doc
}

// Cutoff returns the rank after which hits no longer count; 0 for none.
func (m Measure) Cutoff() int { return int(m.cutoff) }

// Rel returns the smallest grade that counts as relevant; 0 where the measure
// has no such threshold.
func (m Measure) Rel() int { return int(m.rel) }

// WithRel returns the measure with another smallest relevant grade, which is
// trec_eval's -l; a measure without such a threshold as it is. rel ≥ 1.
func (m Measure) WithRel(rel int) Measure {
	if m.rel > 0 && rel > 0 {
		m.rel = int32(min(rel, maxParameter))
	}
	return m
}

// Aggregate returns how the values of queries become the value of a run.
func (m Measure) Aggregate() Aggregate {
	if m.family == 0 {
		return Mean
	}
	return m.fam().aggregate
}

// String returns the canonical spelling, which leaves out parameters that have
// their default: AP(rel=2)@100. [ParseMeasure] is its inverse.
func (m Measure) String() string {
	if m.family == 0 {
		return "Measure(none)"
	}
	f := m.fam()
	var b strings.Builder
	if f.trecOnly {
		name := m.TrecName()
		if f.form == trecReals && strconv.FormatFloat(m.x, 'f', 2, 64) != strconv.FormatFloat(m.x, 'f', -1, 64) {
			if x, err := strconv.ParseFloat(name[len(f.trec)+1:], 64); err != nil || x != m.x { // trec_eval rounds to two decimals
				name = f.trec + "_" + pythonFloat(m.x)
			}
		}
		b.WriteString(name)
		if m.rel > 1 {
			fmt.Fprintf(&b, "(rel=%d)", m.rel)
		}
		return b.String()
	}
	b.WriteString(f.name)
	sep := byte('(')
	param := func(format string, args ...any) {
		b.WriteByte(sep)
		fmt.Fprintf(&b, format, args...)
		sep = ','
	}
	if f.takes&takesP != 0 && m.x != f.p {
		param("p=%s", pythonFloat(m.x))
	}
	if m.flags&flagPlain != 0 {
		param("normalize=False")
	}
	if m.flags&flagExp != 0 {
		param("dcg='exp-log2'")
	}
	if m.params != "" {
		param("gains={%s}", m.params)
	}
	if m.rel > 0 && (m.rel != 1 || f.takes&takesRelOptional != 0) {
		param("rel=%d", m.rel)
	}
	if m.flags&flagRelative != 0 {
		param("relative=True")
	}
	if f.takes&takesBeta != 0 && m.x != f.p {
		param("beta=%s", pythonFloat(m.x))
	}
	if m.flags&flagJudgedOnly != 0 {
		param("judged_only=True")
	}
	if sep == ',' {
		b.WriteByte(')')
	}
	switch {
	case f.at == atRecall:
		b.WriteByte('@')
		b.WriteString(pythonFloat(m.x))
	case m.cutoff > 0:
		fmt.Fprintf(&b, "@%d", m.cutoff)
	}
	return b.String()
}

// TrecName returns trec_eval's name of the measure: "ndcg_cut_10" for nDCG@10.
// A threshold rel is left out, since trec_eval is told it for all measures
// (-l). The name is "" where trec_eval has no such measure.
func (m Measure) TrecName() string {
	if m.family == 0 {
		return ""
	}
	f := m.fam()
	switch {
	case f.trec == "" || m.flags&(flagJudgedOnly|flagExp) != 0:
		return ""
	case f.name == "NumRet" && m.rel > 0:
		return "num_rel_ret"
	case f.name == "SetP" && m.flags&flagRelative != 0:
		return "set_relative_P"
	case f.name == "SetF":
		if m.x == f.p {
			return f.trec
		}
		return f.trec + "_" + pythonFloat(m.x)
	case f.name == "nDCG" && m.cutoff > 0:
		if m.params != "" {
			return ""
		}
		return fmt.Sprintf("ndcg_cut_%d", m.cutoff)
	case f.name == "nDCG" && m.params != "":
		return f.trec + "_" + strings.ReplaceAll(m.params, ":", "=")
	case f.name == "AP" && m.cutoff > 0:
		return fmt.Sprintf("map_cut_%d", m.cutoff)
	case f.name == "RR" && m.cutoff > 0:
		return ""
	case f.form == trecRanks:
		return fmt.Sprintf("%s_%d", f.trec, m.cutoff)
	case f.form == trecReals:
		return fmt.Sprintf("%s_%.2f", f.trec, m.x)
	case m.params != "":
		return f.trec + "_" + m.params
	}
	return f.trec
}

// pythonFloat writes a float as Python's repr does, for the numbers that
// measures take.
func pythonFloat(x float64) string {
	s := strconv.FormatFloat(x, 'g', -1, 64)
	if a := math.Abs(x); a >= 1e-4 && a < 1e16 {
		s = strconv.FormatFloat(x, 'f', -1, 64)
	}
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
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
