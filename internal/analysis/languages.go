package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/sdk/ir/multilingual"
)

// worstLanguages is how many languages "the worst" are where an analysis does
// not say.
const worstLanguages = 3

// LanguageSummary says how evenly systems serve languages.
//
// Scores of different languages say something about languages only where each
// query chooses among equally many candidates and all languages have the same
// queries in translation. Elsewhere Comparable is false, and only differences
// within a language are given.
type LanguageSummary struct {
	Comparable bool     `json:"comparable"`
	Reason     string   `json:"reason,omitempty"` // a sentence, where not
	Languages  []string `json:"languages"`        // as Systems.Languages
	Reference  []string `json:"reference"`        // what gaps are measured to; empty where the analysis names none
	Worst      int      `json:"worst"`            // how many languages WorstMean is over

	Systems []SystemLanguages `json:"systems"` // best first
}

// SystemLanguages is how evenly a system serves languages. What is not defined,
// or not comparable, is absent.
type SystemLanguages struct {
	System   string  `json:"system"`
	Macro    float64 `json:"macro"`    // mean over languages
	Weighted float64 `json:"weighted"` // mean over queries

	Spread *LanguageSpread `json:"spread,omitempty"` // comparable languages only

	// Gains over the baseline of Systems, language by language: comparable
	// always. Absent for the baseline.
	LeastGain    *LanguageValue `json:"least_gain,omitempty"`
	GreatestGain *LanguageValue `json:"greatest_gain,omitempty"`

	// Transfer compares languages that the system never saw with a system that
	// was trained on them; absent where there is none, or several.
	Transfer []LanguageTransfer `json:"transfer,omitempty"`
}

// LanguageSpread is what only comparable languages have.
type LanguageSpread struct {
	Worst     []LanguageValue `json:"worst"` // worst first
	WorstMean float64         `json:"worst_mean"`
	SD        float64         `json:"sd"`             // over languages, n−1
	Gini      *float64        `json:"gini,omitempty"` // absent where all scores are 0

	// Gap is the mean of the reference languages minus that of all others, and
	// Gaps the same language by language; relative ones are shares of the
	// reference. Absent without a reference or without others.
	Gap      *float64      `json:"gap,omitempty"`
	Relative *float64      `json:"relative,omitempty"`
	Gaps     []LanguageGap `json:"gaps,omitempty"`
}

// LanguageValue is a number of a language.
type LanguageValue struct {
	Code  string  `json:"code"`
	Value float64 `json:"value"`
}

// LanguageGap is how far a language is behind the reference; below 0: ahead.
type LanguageGap struct {
	Code     string   `json:"code"`
	Gap      float64  `json:"gap"`
	Relative *float64 `json:"relative,omitempty"` // Gap as a share of the reference; absent where that is 0
}

// LanguageTransfer is what a system reaches in a language it never saw, beside
// one that was trained on it.
type LanguageTransfer struct {
	Code       string   `json:"code"`
	Supervised string   `json:"supervised"`
	Ratio      *float64 `json:"ratio,omitempty"`  // of the two means
	Closed     *float64 `json:"closed,omitempty"` // share of the way from the baseline to the supervised system
}

// comparable says whether scores of different languages may be compared, and
// if not, why.
func (g *grid) comparable(all []*system, langs []int) (bool, string) {
	pools := map[int][]string{}
	var sizes []int
	for _, l := range langs {
		for _, s := range all {
			n := s.byLang[l].pool
			if pools[n] == nil {
				sizes = append(sizes, n)
			}
			if !slices.Contains(pools[n], g.langs[l]) {
				pools[n] = append(pools[n], g.langs[l])
			}
		}
	}
	if len(sizes) > 1 {
		slices.Sort(sizes)
		small, large := sizes[0], sizes[len(sizes)-1]
		return false, fmt.Sprintf("Languages have %s to %s candidates (%s, %s), and a score falls with their number whatever the language: levels are not compared across languages, only systems within each.",
			thousands(small), thousands(large), list(pools[small]), list(pools[large]))
	}
	if !g.parallel(all, langs) {
		own := "Languages have queries of their own, which may be harder or easier"
		if g.analysis.Unlike != "" {
			own += " (" + g.analysis.Unlike + ")"
		}
		return false, own + ": levels are not compared across languages, only systems within each."
	}
	return true, ""
}

// parallel says whether the languages have the same queries in translation.
func (g *grid) parallel(all []*system, langs []int) bool {
	if g.analysis.Parallel != nil {
		return *g.analysis.Parallel
	}
	// Nobody said: the same ids in every language are the same queries.
	for _, s := range all {
		for _, l := range langs[1:] {
			if !slices.Equal(s.byLang[langs[0]].ids, s.byLang[l].ids) {
				return false
			}
		}
	}
	return true
}

// acrossLanguages summarises systems over languages; nil where there is one
// language.
func (g *grid) acrossLanguages(all []*system, compared *Systems) *LanguageSummary {
	var langs []int
	for l := range g.langs {
		if !slices.ContainsFunc(all, func(s *system) bool { return !s.byLang[l].ok }) {
			langs = append(langs, l)
		}
	}
	if len(langs) < 2 {
		return nil
	}
	out := &LanguageSummary{Languages: []string{}, Reference: []string{}, Worst: cmp.Or(g.analysis.Worst, worstLanguages), Systems: []SystemLanguages{}}
	out.Comparable, out.Reason = g.comparable(all, langs)
	for _, l := range langs {
		out.Languages = append(out.Languages, g.langs[l])
		if slices.Contains(g.analysis.Reference, g.langs[l]) {
			out.Reference = append(out.Reference, g.langs[l])
		}
	}
	for _, s := range all {
		x := SystemLanguages{System: s.name}
		scores := make([]multilingual.Score, len(langs))
		for k, l := range langs {
			scores[k] = multilingual.Score{Language: g.langs[l], Value: s.byLang[l].mean, Queries: len(s.byLang[l].values)}
		}
		x.Macro, _ = multilingual.Macro(scores) // there are languages, and each has queries
		x.Weighted, _ = multilingual.QueryMean(scores)
		if out.Comparable {
			x.Spread = spreadOf(scores, out.Reference, out.Worst)
		}
		x.Transfer = g.transfer(s, all, langs)
		out.Systems = append(out.Systems, x)
	}
	slices.SortStableFunc(out.Systems, func(a, b SystemLanguages) int { return cmp.Compare(b.Macro, a.Macro) })
	if compared != nil {
		for i := range out.Systems {
			out.Systems[i].extremes(compared)
		}
	}
	return out
}

// extremes picks the languages in which a system gains least and most.
func (x *SystemLanguages) extremes(from *Systems) {
	for _, s := range from.Systems {
		if s.Name != x.System || s.Against == nil {
			continue
		}
		for _, l := range s.PerLanguage {
			if l.Test == nil || !l.Test.OK {
				continue
			}
			v := LanguageValue{l.Code, l.Test.Gain}
			if x.LeastGain == nil || v.Value < x.LeastGain.Value {
				least := v
				x.LeastGain = &least
			}
			if x.GreatestGain == nil || v.Value > x.GreatestGain.Value {
				most := v
				x.GreatestGain = &most
			}
		}
	}
}

// spreadOf describes the scores of comparable languages.
func spreadOf(scores []multilingual.Score, reference []string, worst int) *LanguageSpread {
	defined := func(v float64, why string) *float64 {
		if why != "" {
			return nil
		}
		return &v
	}
	s := &LanguageSpread{Worst: []LanguageValue{}}
	worst = min(worst, len(scores))
	order := slices.Clone(scores)
	slices.SortStableFunc(order, func(a, b multilingual.Score) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), strings.Compare(a.Language, b.Language))
	})
	for _, x := range order[:worst] {
		s.Worst = append(s.Worst, LanguageValue{x.Language, x.Value})
	}
	s.WorstMean, _ = multilingual.Worst(scores, worst)
	s.SD, _ = multilingual.SD(scores) // two languages or more
	s.Gini = defined(multilingual.Gini(scores))
	if len(reference) == 0 {
		return s
	}
	s.Gap, s.Relative = defined(multilingual.Gap(scores, reference...)), defined(multilingual.RelativeGap(scores, reference...))
	if s.Gap == nil {
		return s
	}
	for _, x := range scores {
		if slices.Contains(reference, x.Language) {
			continue
		}
		// The gap of one language is that among the reference and it alone.
		own := slices.DeleteFunc(slices.Clone(scores), func(o multilingual.Score) bool {
			return o.Language != x.Language && !slices.Contains(reference, o.Language)
		})
		gap := LanguageGap{Code: x.Language, Relative: defined(multilingual.RelativeGap(own, reference...))}
		gap.Gap, _ = multilingual.Gap(own, reference...)
		s.Gaps = append(s.Gaps, gap)
	}
	return s
}

// transfer compares a system, in languages it never saw, with the one system
// that was trained on them.
func (g *grid) transfer(s *system, all []*system, langs []int) []LanguageTransfer {
	exposure := func(s *system, l int) string {
		worst := ""
		for _, r := range s.runs {
			if sc := r.scores[l]; sc != nil && (worst == "" || sc.exposure != results.ExposureNone) {
				worst = sc.exposure
			}
		}
		return worst
	}
	trained := s.runs[0].lin.TrainingSet != "" || s.runs[0].lin.Subset != ""
	var out []LanguageTransfer
	for _, l := range langs {
		if !trained || exposure(s, l) != results.ExposureNone {
			continue
		}
		var with, base []*system
		for _, o := range all {
			if exposure(o, l) == results.ExposureTuning {
				with = append(with, o)
			}
			if o.runs[0].encoder == g.analysis.Baseline && o != s {
				base = append(base, o)
			}
		}
		if len(with) != 1 {
			continue
		}
		t := LanguageTransfer{Code: g.langs[l], Supervised: with[0].name}
		own, best := s.byLang[l].mean, with[0].byLang[l].mean
		if ratio, why := multilingual.TransferRatio(own, best); why == "" {
			t.Ratio = &ratio
		}
		if len(base) == 1 && best > base[0].byLang[l].mean {
			if closed, why := multilingual.GapClosed(own, base[0].byLang[l].mean, best); why == "" {
				t.Closed = &closed
			}
		}
		out = append(out, t)
	}
	return out
}

// gapSentences says how far other languages are behind the reference.
func gapSentences(s *LanguageSummary) []string {
	if s == nil || len(s.Reference) == 0 {
		return nil
	}
	if !s.Comparable {
		return []string{fmt.Sprintf("No gap to %s is given. %s", list(s.Reference), s.Reason)}
	}
	const most = 3
	var parts []string
	for _, x := range s.Systems {
		if x.Spread == nil || x.Spread.Gap == nil {
			continue
		}
		side, gap := "behind", *x.Spread.Gap
		if gap < 0 {
			side, gap = "ahead", -gap
		}
		part := fmt.Sprintf("%s points %s with %s", decimal(100*gap, 1), side, x.System)
		if x.Spread.Relative != nil {
			part += fmt.Sprintf(" (%s %%)", decimal(100*math.Abs(*x.Spread.Relative), 0))
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil
	}
	more := ""
	if n := len(parts); n > most {
		parts, more = parts[:most], fmt.Sprintf("; the table has %d more", n-most)
	}
	return []string{fmt.Sprintf("Compared with %s, the other languages are on average %s%s.", list(s.Reference), strings.Join(parts, ", "), more)}
}
