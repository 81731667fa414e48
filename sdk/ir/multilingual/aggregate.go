package multilingual

import (
	"cmp"
	"math"
	"slices"
)

// Score is what a system reaches in a language.
type Score struct {
	Language string
	Value    float64
	Queries  int // that Value is the mean of
}

// The reasons why an aggregate over languages has no value.
const (
	NoLanguages     = "there is no language"
	FewLanguages    = "there are fewer than two languages"
	NoReference     = "the reference is not among the languages"
	NothingBeside   = "there is no language beside the reference"
	MeanZero        = "the mean is 0"
	NegativeScores  = "a score is negative"
	NoQueries       = "the numbers of queries are not known"
	ReferenceZero   = "the score in the reference is 0"
	NothingToClose  = "training in the language gains nothing over the start"
	FewerThanWanted = "there are fewer languages than asked for"
)

func values(scores []Score) []float64 {
	out := make([]float64, len(scores))
	for i, s := range scores {
		out[i] = s.Value
	}
	slices.Sort(out) // sums do not depend on the order of the languages
	return out
}

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// Macro is the mean over languages, each counting once.
func Macro(scores []Score) (float64, string) {
	if len(scores) == 0 {
		return 0, NoLanguages
	}
	return mean(values(scores)), ""
}

// QueryMean is the mean over queries: languages weigh as their queries.
func QueryMean(scores []Score) (float64, string) {
	if len(scores) == 0 {
		return 0, NoLanguages
	}
	scores = slices.Clone(scores)
	slices.SortFunc(scores, func(a, b Score) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Queries, b.Queries))
	})
	var s float64
	n := 0
	for _, x := range scores {
		if x.Queries <= 0 {
			return 0, NoQueries
		}
		s += float64(x.Value * float64(x.Queries))
		n += x.Queries
	}
	return s / float64(n), ""
}

// Worst is the mean of the k lowest scores; Worst(scores, 1) is the minimum.
func Worst(scores []Score, k int) (float64, string) {
	switch {
	case len(scores) == 0:
		return 0, NoLanguages
	case k < 1 || k > len(scores):
		return 0, FewerThanWanted
	}
	return mean(values(scores)[:k]), ""
}

// SD is the standard deviation over languages, with n−1.
func SD(scores []Score) (float64, string) {
	if len(scores) < 2 {
		return 0, FewLanguages
	}
	x := values(scores)
	m := mean(x)
	var s float64
	for _, v := range x {
		s += float64((v - m) * (v - m))
	}
	return math.Sqrt(s / float64(len(x)-1)), ""
}

// CV is SD over the mean.
func CV(scores []Score) (float64, string) {
	sd, why := SD(scores)
	if why != "" {
		return 0, why
	}
	m := mean(values(scores))
	if m == 0 {
		return 0, MeanZero
	}
	return sd / m, ""
}

// Gini is the mean absolute difference of two languages over twice the mean,
// Σ_{a,b}|m_a−m_b| / (2·n²·m̄): 0 where all scores are equal, (n−1)/n where one
// language has everything.
func Gini(scores []Score) (float64, string) {
	if len(scores) < 2 {
		return 0, FewLanguages
	}
	x := values(scores)
	if x[0] < 0 {
		return 0, NegativeScores
	}
	m := mean(x)
	if m == 0 {
		return 0, MeanZero
	}
	// Σ_{a,b}|x_a−x_b| of sorted x is 2·Σ_i (2i−n+1)·x_i.
	n := float64(len(x))
	var s float64
	for i, v := range x {
		s += float64((2*float64(i) - n + 1) * v)
	}
	return s / float64(n*n*m), ""
}

// Gap is how far the languages beside the reference are behind it: the mean
// score of the reference, one language or a group, less the mean of the others.
// Below 0 they are ahead, which says something about fairness only where the
// languages are asked the same of the same documents.
func Gap(scores []Score, reference ...string) (float64, string) {
	ref, rest, why := split(scores, reference)
	if why != "" {
		return 0, why
	}
	return mean(ref) - mean(rest), ""
}

// RelativeGap is Gap over the mean score of the reference.
func RelativeGap(scores []Score, reference ...string) (float64, string) {
	ref, rest, why := split(scores, reference)
	if why != "" {
		return 0, why
	}
	m := mean(ref)
	if m == 0 {
		return 0, ReferenceZero
	}
	return (m - mean(rest)) / m, ""
}

func split(scores []Score, reference []string) (ref, rest []float64, why string) {
	found := 0
	for _, s := range scores {
		if slices.Contains(reference, s.Language) {
			ref = append(ref, s.Value)
			found++
		} else {
			rest = append(rest, s.Value)
		}
	}
	slices.Sort(ref)
	slices.Sort(rest)
	switch {
	case len(scores) == 0:
		return nil, nil, NoLanguages
	case found == 0 || found < len(reference):
		return nil, nil, NoReference
	case len(rest) == 0:
		return nil, nil, NothingBeside
	}
	return ref, rest, ""
}

// TransferRatio is what zero-shot transfer keeps of what training in the
// language reaches.
func TransferRatio(zeroShot, inLanguage float64) (float64, string) {
	if inLanguage == 0 {
		return 0, ReferenceZero
	}
	return zeroShot / inLanguage, ""
}

// GapClosed is which part of the way from the start (one training language,
// say) to training in the language itself has been gone: 0 none, 1 all of it.
func GapClosed(now, start, inLanguage float64) (float64, string) {
	if inLanguage <= start {
		return 0, NothingToClose
	}
	return (now - start) / (inLanguage - start), ""
}
