// Package ir evaluates rankings: relevance judgments, runs, their TREC files,
// and the field's measures with the field's exact values.
//
// Measures are spelled as ir_measures spells them (nDCG@10, AP(rel=2)@100) and
// defined as trec_eval defines them. The one thing to know is the tie rule:
// the order in which a ranking arrives means nothing. It is sorted by score,
// highest first, and equal scores by document id, highest first in byte order.
// trec_eval ignores ranks in the same way. It compared scores as 32-bit floats
// up to version 9 and compares 64-bit floats since version 10; see [Ties] for
// these and other rules. Every result tells for how many queries the rule
// matters.
//
// The package computes no statistics over queries but means and sums, and
// knows neither texts nor languages.
package ir

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// QueryID names a query; trec_eval says topic or qid.
type QueryID string

// DocID names a document; trec_eval says docno.
type DocID string

// Judgments are the judged documents of one query with their grades. A grade
// of 1 or more means relevant, 0 not relevant; a negative grade counts as not
// relevant. A document that is absent was not judged, which counts as not
// relevant as well.
type Judgments map[DocID]int

// Check reports the first document, by id, whose grade is beyond ±1,000,000,000:
// no file may hold such a grade, and no measure takes it.
func (j Judgments) Check() error {
	var docs []DocID
	for doc, grade := range j {
		if grade > maxParameter || grade < -maxParameter {
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 {
		return nil
	}
	doc := slices.Min(docs)
	return fmt.Errorf("document %q has the grade %d, which is beyond ±%d", doc, j[doc], maxParameter)
}

// Qrels are the judgments of a set of queries.
type Qrels map[QueryID]Judgments

// Queries returns the judged queries in byte order.
func (q Qrels) Queries() []QueryID { return sortedKeys(q) }

// Hit is one retrieved document. Rank is the rank that came with it, from a
// run file's rank column; 0 where nothing said one. Only the tie mode [Rank]
// looks at it.
type Hit struct {
	Doc   DocID
	Score float64
	Rank  int32
}

// Ranking holds the hits of one query. Its order carries no meaning until Sort
// has been called.
type Ranking []Hit

// Check reports the first fault that makes a ranking impossible to evaluate: a
// score that is NaN or a document that occurs twice.
func (r Ranking) Check() error {
	return r.check(make(map[DocID]struct{}, len(r)))
}

// check is Check with a map of the caller, which it clears first.
func (r Ranking) check(seen map[DocID]struct{}) error {
	clear(seen)
	for i, h := range r {
		if math.IsNaN(h.Score) {
			return fmt.Errorf("document %q has the score NaN, which has no place in a ranking", h.Doc)
		}
		seen[h.Doc] = struct{}{}
		if len(seen) != i+1 {
			return fmt.Errorf("document %q occurs twice; a ranking holds each document once", h.Doc)
		}
	}
	return nil
}

// Sort puts the ranking into the order that measures see under t: best score
// first, equal scores by document id in descending byte order, equal meaning
// what t says. [Rank] sorts by rank; documents of one rank, which measures
// refuse in that mode, keep their order, and so does a ranking without ranks.
// [Expected] has no order of its own and takes that of [Trec10]. No score may
// be NaN. See [Ranking.Sorted] for a sort that refuses.
func (r Ranking) Sort(t Ties) {
	switch t {
	case Rank:
		slices.SortStableFunc(r, func(a, b Hit) int { return cmp.Compare(a.Rank, b.Rank) })
	case Trec9:
		slices.SortFunc(r, func(a, b Hit) int { return order9(a.Score, b.Score, a.Doc, b.Doc) })
	default:
		slices.SortFunc(r, func(a, b Hit) int { return order10(a.Score, b.Score, a.Doc, b.Doc) })
	}
}

// Sorted returns a copy in the order of t. What [Ranking.Check] reports is an
// error, and so are, for [Rank], two documents of one rank in a ranking that
// has ranks.
func (r Ranking) Sorted(t Ties) (Ranking, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	sorted := slices.Clone(r)
	sorted.Sort(t)
	if t != Rank || !slices.ContainsFunc(r, func(h Hit) bool { return h.Rank != 0 }) {
		return sorted, nil
	}
	for i := 1; i < len(sorted); i++ {
		if a, b := sorted[i-1], sorted[i]; a.Rank == b.Rank {
			return nil, fmt.Errorf("documents %q and %q both have the rank %d, so the tie mode %v gives them no order", a.Doc, b.Doc, a.Rank, Rank)
		}
	}
	return sorted, nil
}

// Run is what a system retrieved for a set of queries. Tag names the system;
// it is the last column of a TREC run file.
type Run struct {
	Tag      string
	Rankings map[QueryID]Ranking
	// Metadata is the run's ir_metadata, YAML that a run file carries in
	// comments; "" for none.
	Metadata string
}

// Queries returns the queries of the run in byte order.
func (r Run) Queries() []QueryID { return sortedKeys(r.Rankings) }

func sortedKeys[V any](m map[QueryID]V) []QueryID {
	keys := make([]QueryID, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Ties says which order a ranking has where scores are equal.
type Ties int

const (
	// Trec10 compares scores as 64-bit floats, as trec_eval 10 does, and puts
	// equal scores in descending byte order of document ids.
	Trec10 Ties = iota
	// Trec9 rounds scores to 32-bit floats first, as trec_eval up to 9.0.8
	// does: scores that agree in about seven digits become ties. Equal scores
	// as in Trec10. Levels of recall are rounded as that version does, too.
	Trec9
	// Rank ignores scores and orders by [Hit.Rank], smallest first. A ranking
	// without ranks keeps the order in which it came. Two documents of one
	// rank are an error wherever a ranking is evaluated, read for this mode or
	// written.
	Rank
	// Expected gives each measure its mean over all orders of the documents
	// with equal scores, as 64-bit floats, each order equally likely.
	Expected
)

var tiesNames = [...]string{Trec10: "trec10", Trec9: "trec9", Rank: "rank", Expected: "expected"}

func (t Ties) String() string {
	if t < 0 || int(t) >= len(tiesNames) {
		return fmt.Sprintf("Ties(%d)", int(t))
	}
	return tiesNames[t]
}

// ParseTies is the inverse of [Ties.String].
func ParseTies(s string) (Ties, error) {
	for t, name := range tiesNames {
		if s == name {
			return Ties(t), nil
		}
	}
	last := len(tiesNames) - 1
	return 0, fmt.Errorf("unknown tie mode %q: want %s or %s", s, strings.Join(tiesNames[:last], ", "), tiesNames[last])
}

// order10 is the order of two hits in trec_eval 10.
func order10(x, y float64, a, b DocID) int {
	switch {
	case x > y:
		return -1
	case x < y:
		return 1
	}
	return strings.Compare(string(b), string(a))
}

// order9 is the order of two hits in trec_eval 9.
func order9(x, y float64, a, b DocID) int {
	return order10(float64(float32(x)), float64(float32(y)), a, b)
}
