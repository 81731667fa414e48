package analysis

// What a comparison says in words: answers, notes and how it was made.

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/sdk/ir"
)

// Codes of notes of a comparison.
const (
	NoteFile           = "file"
	NoteQueriesMissing = "missing queries"
	NoteNowhere        = "queries in no run"
	NoteUnjudged       = "unjudged queries"
	NoteHoles          = "unjudged hits"
	NoteIdentical      = "identical runs"
	NoteAllTied        = "all tied"
	NoteFewQueries     = "few queries"
	NoteManyQueries    = "many queries"
	NoteEqual          = "equal differences"
	NoteSkewedFew      = "few skewed queries"
	NoteTestsDisagree  = "tests disagree"
	NoteTieOrder       = "order of equal scores"
	NoteTieUntried     = "orders not tried"
	NoteOverlap        = "overlapping sets"
	NoteMixedLanguages = "mixed languages"
	NoteGroups         = "groups"
)

func (x *measured) note(code, format string, args ...any) {
	x.notes = append(x.notes, Note{Code: code, Text: fmt.Sprintf(format, args...), Warning: true})
}

// answer says which run is best and which cannot be told from it.
func (x *measured) answer(in CompareInput, opt CompareOptions) string {
	s := x.out.Measure + ": "
	if x.allTied() {
		return s + "all runs have the same value for every query."
	}
	switch {
	case len(x.pairs) == 1:
		s += x.pairSentence(x.out.Pairs[0])
	case opt.Baseline >= 0:
		s += x.baselineSentence(in, opt)
	default:
		s += x.bestSentence()
	}
	if len(x.out.ByGroup) == 1 {
		s += " " + x.out.ByGroup[0].sentence()
	}
	return s
}

func (x *measured) pairSentence(p ComparedPair) string {
	switch {
	case math.IsNaN(float64(p.P)):
		return "one query decides nothing."
	case p.Wins+p.Losses == 0:
		return fmt.Sprintf("%s and %s have the same value for every query.", p.A, p.B)
	}
	if p.Different {
		return fmt.Sprintf("%s is %s than %s, by %s (%s; %s).", p.A, p.Verdict(), p.B, value(Float(math.Abs(float64(p.Mean)))), signedInterval(p), pText(p.Adjusted))
	}
	if p.spreadless() {
		return fmt.Sprintf("%s and %s cannot be told apart: the difference is %s (%s; %s).", p.A, p.B, value(p.Mean), limits(p.Low, p.High, "query"), pText(p.Adjusted))
	}
	found := fmt.Sprintf("One of %s would be found in %.0f %% of such samples.", value(p.Detectable), 100*power)
	if x.unit && p.Detectable > 1 {
		found = fmt.Sprintf("None that the measure can have would be found in %.0f %% of such samples.", 100*power)
	}
	return fmt.Sprintf("%s and %s cannot be told apart: the difference is %s (%s; %s). %s", p.A, p.B, value(p.Mean), limits(p.Low, p.High, "query"), pText(p.Adjusted), found)
}

// limits writes an interval over queries or groups.
func limits(low, high Float, unit string) string {
	if math.IsNaN(float64(low)) {
		return "the same for every " + unit + ", so t has no interval and the permutation test decides"
	}
	return value(low) + " to " + value(high)
}

// signedInterval is the interval of |A−B| where A and B differ.
func signedInterval(p ComparedPair) string {
	if p.Mean < 0 {
		return limits(-p.High, -p.Low, "query")
	}
	return limits(p.Low, p.High, "query")
}

func (x *measured) bestSentence() string {
	top := x.out.Systems[0]
	var alike, worse []string
	for _, s := range x.out.Systems[1:] {
		if s.Best {
			alike = append(alike, s.Run)
		} else {
			worse = append(worse, s.Run)
		}
	}
	best, behind := "best", "lower"
	switch x.sense {
	case ir.LessIsBetter:
		behind = "higher"
	case ir.NoSense:
		best = "highest"
	}
	switch {
	case len(worse) == 0 && len(x.out.Sets) == 1:
		return fmt.Sprintf("none of the %d runs can be told from another; %s has the %s mean, %s.", len(x.out.Systems), top.Run, best, value(top.Mean))
	case len(alike) == 0:
		p := x.out.Pairs[0] // best against second
		return fmt.Sprintf("%s is %s, %s; the next, %s, is %s by %s (%s; %s).", top.Run, best, value(top.Mean), p.B, behind, value(Float(math.Abs(float64(p.Mean)))), signedInterval(p), pText(p.Adjusted))
	case len(worse) == 0:
		return fmt.Sprintf("%s has the %s mean, %s, but cannot be told from any of the others (%s).", top.Run, best, value(top.Mean), few(alike))
	}
	return fmt.Sprintf("%s has the %s mean, %s, and cannot be told from %s; %s: %s.", top.Run, best, value(top.Mean), few(alike), comparatives(x.sense)[0], few(worse))
}

func (x *measured) baselineSentence(in CompareInput, opt CompareOptions) string {
	var better, worse, alike []string
	for _, p := range x.out.Pairs {
		switch {
		case p.Different && p.Ahead() > 0:
			better = append(better, p.A)
		case p.Different:
			worse = append(worse, p.A)
		default:
			alike = append(alike, p.A)
		}
	}
	base := in.Runs[opt.Baseline].Name
	var parts []string
	if len(better) > 0 {
		parts = append(parts, comparatives(x.sense)[1]+" than "+base+": "+few(better))
	}
	if len(worse) > 0 {
		parts = append(parts, comparatives(x.sense)[0]+" than "+base+": "+few(worse))
	}
	if len(alike) > 0 {
		parts = append(parts, "cannot be told from "+base+": "+few(alike))
	}
	return strings.Join(parts, "; ") + "."
}

// Counts returns in how many groups A is better than B, cannot be told from it,
// and is worse.
func (g GroupedPair) Counts() (better, alike, worse int) {
	for _, d := range g.Groups {
		switch {
		case d.Different && d.Ahead() > 0:
			better++
		case d.Different:
			worse++
		default:
			alike++
		}
	}
	return better, alike, worse
}

func (g GroupedPair) sentence() string {
	better, alike, worse := g.Counts()
	w := comparatives(g.Over.sense)
	s := fmt.Sprintf("By group, %s is %s than %s in %d, %s in %d, and cannot be told apart in %d of %d", g.A, w[1], g.B, better, w[0], worse, alike, len(g.Groups))
	if len(g.Groups) > 1 {
		s += fmt.Sprintf("; the mean over groups differs by %s (%s; %s)", value(g.Over.Mean), limits(g.Over.Low, g.Over.High, "group"), pText(g.Over.Adjusted))
	}
	return s + "."
}

// value writes a value of a measure, or a difference of two, with the four
// decimals that the field prints.
func value(v Float) string {
	if math.IsNaN(float64(v)) {
		return "undefined"
	}
	return decimal(float64(v), 4)
}

// pText writes a p value: "p = 0.016", "p < 0.0001".
func pText(p Float) string {
	switch {
	case math.IsNaN(float64(p)):
		return "no p"
	case p < 0.0001:
		return "p < 0.0001"
	case p < 0.001:
		return "p = " + decimal(float64(p), 4)
	}
	return "p = " + decimal(float64(p), 3)
}

// few lists names, not more than eight.
func few(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return list(names)
}

// warn says where the tests of this measure are not to be relied upon.
func (x *measured) warn(in CompareInput, opt CompareOptions) {
	if x.allTied() {
		x.note(NoteAllTied, "%s: every query has the same value in every run, so there is nothing to test.", x.out.Measure)
		return
	}
	n := len(in.Queries)
	if n < 2 {
		x.note(NoteFewQueries, "%s: with one query there is no test.", x.out.Measure)
		return
	}
	x.warnEqual()
	var skewed, off []string
	different, worst := 0, 0.0
	for _, p := range x.out.Pairs {
		if p.Different {
			different++
		}
		if s := math.Abs(float64(p.Skew)); n < fewQueries && s > muchSkew {
			skewed = append(skewed, p.A+" − "+p.B)
			worst = max(worst, s)
		}
		if p.disagrees(opt, len(x.out.Pairs)) {
			off = append(off, fmt.Sprintf("%s − %s (t %s, permutation %s)", p.A, p.B, pText(p.P), pText(p.Permutation)))
		}
	}
	if len(skewed) > 0 {
		x.note(NoteSkewedFew, "%s: %s and skewed differences (skewness up to %.1f) in %s: with fewer than %d queries every paired test is unreliable there.",
			x.out.Measure, queries(n), worst, few(skewed), fewQueries)
	}
	if len(off) > 0 {
		x.note(NoteTestsDisagree, "%s: the t-test and the permutation test differ by more than a factor of %g in %s: look at single queries (xlrun eval -q).",
			x.out.Measure, disagree, few(off))
	}
	if n >= manyQueries && different > 0 {
		least := math.Inf(1)
		for _, p := range x.out.Pairs {
			if p.Different {
				least = min(least, math.Abs(float64(p.DZ)))
			}
		}
		x.note(NoteManyQueries, "%s: with %s queries small differences are significant too (here from d_z = %.2f on): read the size of a difference, not its p.",
			x.out.Measure, thousands(n), least)
	}
	if odd := x.oddSet(); odd != "" {
		x.note(NoteOverlap, "%s: %s", x.out.Measure, odd)
	}
}

// warnEqual says where the differences of all queries are one number, which
// leaves a t-test nothing to judge by.
func (x *measured) warnEqual() {
	var equal []string
	for _, p := range x.out.Pairs {
		if p.spreadless() {
			equal = append(equal, p.A+" − "+p.B)
		}
	}
	if len(equal) > 0 {
		x.note(NoteEqual, "%s: every query differs by the same amount in %s: t and its interval are undefined there, and p is that of the permutation test.", x.out.Measure, few(equal))
	}
	var over []string
	groups, of := 0, 0
	for _, g := range x.out.ByGroup {
		if len(g.Groups) > 1 && g.Over.spreadless() {
			over = append(over, g.A+" − "+g.B)
		}
		for _, d := range g.Groups {
			of++
			if d.spreadless() {
				groups++
			}
		}
	}
	if len(over) > 0 {
		x.note(NoteEqual, "%s: every group differs by the same amount in %s: t over groups and its interval are undefined there, and p is that of the permutation test.", x.out.Measure, few(over))
	}
	if groups > 0 {
		x.note(NoteEqual, "%s: within %d of %s of a pair every query differs by the same amount: t and its interval are undefined there, and p is that of the permutation test.", x.out.Measure, groups, count(of, "group"))
	}
}

// oddSet explains sets that overlap, once.
func (x *measured) oddSet() string {
	for i := range x.out.Sets {
		for j := range i {
			for _, name := range x.out.Sets[i] {
				if !slices.Contains(x.out.Sets[j], name) {
					continue
				}
				only := func(set, other []string) string {
					for _, n := range set {
						if !slices.Contains(other, n) {
							return n
						}
					}
					return ""
				}
				return fmt.Sprintf("being told apart is not transitive: %s can be told neither from %s nor from %s, which differ or differ from others in the set. A common letter says that two runs cannot be told apart, not that they are equal.",
					name, only(x.out.Sets[j], x.out.Sets[i]), only(x.out.Sets[i], x.out.Sets[j]))
			}
		}
	}
	return ""
}

// notes says what concerns all measures.
func (in CompareInput) notes() []Note {
	out := []Note{}
	add := func(code, format string, args ...any) {
		out = append(out, Note{Code: code, Text: fmt.Sprintf(format, args...), Warning: true})
	}
	for _, r := range in.Remarks {
		add(NoteFile, "judgments: %s", r)
	}
	in.runNotes(add)
	nowhere := in.Runs[0].Missing
	for _, r := range in.Runs[1:] {
		lacks := map[string]bool{}
		for _, q := range r.Missing {
			lacks[q] = true
		}
		nowhere = slices.DeleteFunc(slices.Clone(nowhere), func(q string) bool { return !lacks[q] })
	}
	if n := len(nowhere); n > 0 {
		add(NoteNowhere, "every run lacks %s of %s judged (%s): there the differences are 0, which makes the mean of all smaller. If the runs were not made for these queries, take them out of the judgments.", queries(n), thousands(len(in.Queries)), firstFew(nowhere))
	}
	for _, names := range in.identical() {
		add(NoteIdentical, "%s have the same values for every query in every measure: is it the same run %s?",
			few(names), map[bool]string{true: "twice", false: fmt.Sprintf("%d times", len(names))}[len(names) == 2])
	}
	low, high := -1, -1
	for i, r := range in.Runs {
		if math.IsNaN(r.Judged) {
			continue
		}
		if low < 0 || r.Judged < in.Runs[low].Judged {
			low = i
		}
		if high < 0 || r.Judged > in.Runs[high].Judged {
			high = i
		}
	}
	if low >= 0 && in.Runs[high].Judged-in.Runs[low].Judged > holes {
		add(NoteHoles, "of the first ten hits %.0f %% were judged in %s and %.0f %% in %s; an unjudged hit counts as not relevant, which favours the former.",
			100*in.Runs[high].Judged, in.Runs[high].Name, 100*in.Runs[low].Judged, in.Runs[low].Name)
	}
	for _, rule := range in.otherRules() {
		var measures, runs []string
		most := 0
		for m, name := range in.Measures {
			for _, r := range in.Runs {
				n := 0
				for _, v := range r.under(rule, m) {
					if math.IsNaN(v) {
						n++
					}
				}
				if n > 0 && !slices.Contains(measures, name) {
					measures = append(measures, name)
				}
				if n > 0 && !slices.Contains(runs, r.Name) {
					runs = append(runs, r.Name)
				}
				most = max(most, n)
			}
		}
		if len(measures) > 0 {
			add(NoteTieUntried, "whether verdicts of %s hold with -ties %s could not be tried for pairs with %s: for up to %s of a run the mean over all orders of equal scores takes long, or does not exist, as where -M cuts a tie from which -J drops documents.",
				few(measures), rule, few(runs), queries(most))
		}
	}
	if in.Group == nil {
		if langs := idLanguages(in.Queries); len(langs) > 1 {
			add(NoteMixedLanguages, "the ids of queries look like those of %d languages (%s): a language with many queries decides for all; give -groups a file of query and language to test within each.", len(langs), firstFew(langs))
		}
	} else {
		none := 0
		sizes := map[string]int{}
		for _, g := range in.Group {
			if g == "" {
				none++
			} else {
				sizes[g]++
			}
		}
		var single []string
		for g, n := range sizes {
			if n < 2 {
				single = append(single, g)
				delete(sizes, g)
			}
		}
		if len(single) > 0 {
			slices.Sort(single)
			add(NoteGroups, "%s with one query only, too few for a test, left out of the groups: %s.", count(len(single), "group"), firstFew(single))
		}
		if none > 0 {
			add(NoteGroups, "%s of %s without a group; such a query counts in the comparison over all queries only.", queries(none), thousands(len(in.Queries)))
		}
		least, most := math.MaxInt, 0
		for _, n := range sizes {
			least, most = min(least, n), max(most, n)
		}
		if len(sizes) > 1 && most >= 2*least {
			add(NoteMixedLanguages, "groups have from %s to %s queries: over all queries the large ones decide; the mean over groups counts each group once.", thousands(least), thousands(most))
		}
		if g := len(sizes); g > 1 && g < minLanguages {
			add(NoteFewLanguages, "with %d groups the interval of the mean over groups is wide, and it is about groups like these only if they were drawn from such.", g)
		}
	}
	return out
}

// apiece is how many runs have a note each of what is odd about them; more
// share one.
const apiece = 3

// runNotes says what is odd about runs by themselves.
func (in CompareInput) runNotes(add func(code, format string, args ...any)) {
	var lack, unjudged []int
	alike := map[string][]int{}
	for i, r := range in.Runs {
		if len(r.Missing) > 0 {
			lack = append(lack, i)
		}
		if len(r.Unjudged) > 0 {
			unjudged = append(unjudged, i)
		}
		for _, x := range r.Remarks {
			alike[x.Kind] = append(alike[x.Kind], i)
		}
	}
	judged := thousands(len(in.Queries))
	for i, r := range in.Runs {
		for _, x := range r.Remarks {
			switch runs := alike[x.Kind]; {
			case len(runs) <= apiece:
				add(NoteFile, "%s: %s", r.Name, x)
			case runs[0] == i:
				add(NoteFile, "%s: %s; and alike in %d runs more (%s)", r.Name, x, len(runs)-1, firstFew(in.names(runs[1:])))
			}
		}
		if n := len(r.Missing); n > 0 && len(lack) <= apiece {
			add(NoteQueriesMissing, "%s lacks %s of %s judged (%s): there it found nothing, and each counts.", r.Name, queries(n), judged, firstFew(r.Missing))
		}
		if n := len(r.Unjudged); n > 0 && len(unjudged) <= apiece {
			add(NoteUnjudged, "%s has %s that nobody judged (%s), left out.", r.Name, queries(n), firstFew(r.Unjudged))
		}
	}
	most := func(runs []int, of func(CompareRun) []string) (string, string) {
		worst := slices.MaxFunc(runs, func(a, b int) int { return cmp.Compare(len(of(in.Runs[a])), len(of(in.Runs[b]))) })
		return queries(len(of(in.Runs[worst]))), in.Runs[worst].Name
	}
	if len(lack) > apiece {
		n, worst := most(lack, func(r CompareRun) []string { return r.Missing })
		add(NoteQueriesMissing, "%d runs lack judged queries (%s), up to %s of %s (%s): there they found nothing, and each counts; -format json names them.",
			len(lack), firstFew(in.names(lack)), n, judged, worst)
	}
	if len(unjudged) > apiece {
		n, worst := most(unjudged, func(r CompareRun) []string { return r.Unjudged })
		add(NoteUnjudged, "%d runs have queries that nobody judged (%s), up to %s (%s), left out.", len(unjudged), firstFew(in.names(unjudged)), n, worst)
	}
}

func (in CompareInput) names(runs []int) []string {
	var out []string
	for _, i := range runs {
		out = append(out, in.Runs[i].Name)
	}
	return out
}

// identical returns the names of runs that have all values in common, in sets.
func (in CompareInput) identical() [][]string {
	var first []int // of each set
	var sets [][]string
	for i, r := range in.Runs {
		k := slices.IndexFunc(first, func(j int) bool { return slices.EqualFunc(r.Values, in.Runs[j].Values, slices.Equal[[]float64]) })
		if k < 0 {
			first, sets = append(first, i), append(sets, nil)
			k = len(sets) - 1
		}
		sets[k] = append(sets[k], r.Name)
	}
	return slices.DeleteFunc(sets, func(names []string) bool { return len(names) < 2 })
}

// idLanguages returns the language codes that query ids begin with, where all
// do ("de-17", "swh_3"), in order; nil where some do not.
func idLanguages(ids []string) []string {
	seen := map[string]bool{}
	for _, id := range ids {
		i := strings.IndexAny(id, "-_:/#.|")
		if i != 2 && i != 3 {
			return nil
		}
		code := id[:i]
		if seen[code] {
			continue
		}
		if _, err := collection.ParseLanguage(code); err != nil {
			// A code of two letters is refused in favour of the one of three.
			var other *collection.LanguageCodeError
			if !errors.As(err, &other) || i != 2 || len(other.Suggest) == 0 {
				return nil
			}
		}
		seen[code] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func queries(n int) string {
	if n == 1 {
		return "1 query"
	}
	return thousands(n) + " queries"
}

// firstFew lists the first names of many.
func firstFew(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// tieWords says what hangs on the rule for equal scores.
func (in CompareInput) tieWords(c *Comparison) string {
	most, turns, tried := 0, false, ""
	for m := range in.Measures {
		for _, r := range in.Runs {
			most = max(most, r.dependent(m))
		}
	}
	for _, n := range c.Notes {
		turns = turns || n.Code == NoteTieOrder
		if n.Code == NoteTieUntried {
			tried = " that could be tried"
		}
	}
	switch {
	case most == 0:
		return ""
	case turns:
		return fmt.Sprintf(" (it decides the value of up to %s of a run, and verdicts)", queries(most))
	}
	return fmt.Sprintf(" (it decides the value of up to %s of a run, but no verdict%s)", queries(most), tried)
}

// method says in two lines how it was decided and what it is about.
func (in CompareInput) method(c *Comparison, opt CompareOptions) []string {
	family := fmt.Sprintf("over the %s of each measure", count(len(c.Measures[0].Pairs), "pair"))
	correction := map[string]string{
		CorrectHolm: "p corrected by Holm " + family,
		CorrectBH:   "p corrected by Benjamini and Hochberg (false discoveries) " + family,
		CorrectBY:   "p corrected by Benjamini and Yekutieli (false discoveries, any dependence) " + family,
		CorrectNone: "p not corrected for the number of tests",
	}[opt.Correction]
	if len(c.Measures[0].Pairs) == 1 {
		correction = "one test per measure, nothing to correct"
	}
	if in.Group != nil && opt.Correction != CorrectNone {
		correction += "; within groups p is corrected over all pairs and groups of a measure"
	}
	check := "sign-flip permutation test as a check (exact)"
	for _, m := range c.Measures {
		for _, p := range m.Pairs {
			if !p.Exact {
				check = fmt.Sprintf("sign-flip permutation test as a check (%s draws, seed %d; exact up to 20 queries that differ)", thousands(opt.Draws), opt.Seed)
			}
		}
	}
	first := fmt.Sprintf("Paired t-test over %s, two-sided at %s, decides; %s; %s %% intervals of single differences; %s.",
		queries(c.Queries), strconv.FormatFloat(opt.alpha(), 'g', 6, 64), correction, strconv.FormatFloat(100*opt.Level, 'g', 6, 64), check)
	second := "All judged queries count, also those that a run lacks"
	if opt.Ties != "" {
		second += "; ties: " + opt.Ties + in.tieWords(c)
	}
	second += ". The verdicts are about these checkpoints and queries like these: a run stands for itself, not for how it was trained, whose repetition (seeds) is not in it."
	return []string{first, second}
}
