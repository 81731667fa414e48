package ir

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Evaluator evaluates rankings. The zero value with Measures set follows
// trec_eval 10 with -c. It is safe for concurrent use as long as nobody
// changes it.
type Evaluator struct {
	Measures []Measure
	Ties     Ties
	// Depth cuts every ranking, after sorting, to its first hits (trec_eval's
	// -M); 0 keeps all.
	Depth int
	// RetrievedOnly takes the mean over the judged queries that the run
	// holds, trec_eval's default. Otherwise all judged queries count, and
	// those that the run lacks have the value 0 in every measure (-c).
	RetrievedOnly bool
}

// QueryResult is the outcome of one query. Values has one entry per measure,
// in the order of [Evaluator.Measures]. FirstRelevant is the rank of the first
// document with a grade of 1 or more, from 1; 0 where none was retrieved.
type QueryResult struct {
	Values        []float64
	FirstRelevant int
}

// Evaluate returns one value per measure for one query, by the tie rule of
// trec_eval 10. See [Evaluator.Query].
func Evaluate(measures []Measure, judgments Judgments, ranking Ranking) ([]float64, error) {
	r, err := (&Evaluator{Measures: measures}).Query(judgments, ranking)
	return r.Values, err
}

// Query evaluates the ranking of one query. A query without relevant documents
// and one without hits have the value 0 in every measure, as in trec_eval. The
// order of ranking is irrelevant, and it is left as it is. A document that
// occurs twice or a score that is NaN is an error.
func (e *Evaluator) Query(judgments Judgments, ranking Ranking) (QueryResult, error) {
	if slices.Contains(e.Measures, Measure{}) {
		return QueryResult{}, errors.New("the zero measure cannot be evaluated; use ParseMeasure")
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	if err := ranking.check(s.seen); err != nil {
		return QueryResult{}, err
	}

	compare := e.Ties.compare()
	if !slices.IsSortedFunc(ranking, compare) {
		s.sorted = append(s.sorted[:0], ranking...)
		slices.SortFunc(s.sorted, compare)
		ranking = s.sorted
	}
	if e.Depth > 0 && len(ranking) > e.Depth {
		ranking = ranking[:e.Depth]
	}

	q := &s.judged
	q.found, q.ideal = q.found[:0], q.ideal[:0]
	for _, grade := range judgments {
		if grade > 0 {
			q.ideal = append(q.ideal, grade)
		}
	}
	slices.SortFunc(q.ideal, func(a, b int) int { return cmp.Compare(b, a) })
	for i, h := range ranking {
		if len(q.found) == len(q.ideal) {
			break
		}
		if grade := judgments[h.Doc]; grade > 0 {
			q.found = append(q.found, found{rank: i + 1, grade: grade})
		}
	}

	res := QueryResult{Values: make([]float64, len(e.Measures))}
	if len(q.found) == 0 {
		return res, nil
	}
	res.FirstRelevant = q.found[0].rank
	for i, m := range e.Measures {
		res.Values[i] = families[m.family-1].value(q, m)
	}
	return res, nil
}

// RunResult is the outcome of a run.
type RunResult struct {
	Measures []Measure
	// Queries are those that count, in byte order, and PerQuery their
	// results, in the same order.
	Queries  []QueryID
	PerQuery []QueryResult
	// Means has the mean of each measure over Queries, at full precision.
	Means []float64
	// Missing are the judged queries that the run lacks. Unjudged are those
	// of the run without judgments, which are ignored. Both in byte order.
	Missing, Unjudged []QueryID
}

// Run evaluates every judged query of a run. Where no query counts there is no
// mean, which is an error.
func (e *Evaluator) Run(qrels Qrels, run Run) (*RunResult, error) {
	res := &RunResult{Measures: e.Measures, Means: make([]float64, len(e.Measures))}
	for _, id := range qrels.Queries() {
		ranking, ok := run.Rankings[id]
		if !ok {
			res.Missing = append(res.Missing, id)
			if e.RetrievedOnly {
				continue
			}
		}
		r, err := e.Query(qrels[id], ranking)
		if err != nil {
			return nil, fmt.Errorf("query %q: %w", id, err)
		}
		res.Queries = append(res.Queries, id)
		res.PerQuery = append(res.PerQuery, r)
		for i, v := range r.Values {
			res.Means[i] += v
		}
	}
	for _, id := range run.Queries() {
		if _, ok := qrels[id]; !ok {
			res.Unjudged = append(res.Unjudged, id)
		}
	}
	switch {
	case len(qrels) == 0:
		return nil, errors.New("no query has judgments")
	case len(res.Queries) == 0:
		return nil, fmt.Errorf("none of the %d judged queries is in the run; do qrels and run use the same query ids?", len(qrels))
	}
	for i := range res.Means {
		res.Means[i] /= float64(len(res.Queries))
	}
	return res, nil
}

// EvaluateRun evaluates a run with all judged queries counting, by the tie
// rule of trec_eval 10. See [Evaluator.Run].
func EvaluateRun(measures []Measure, qrels Qrels, run Run) (*RunResult, error) {
	return (&Evaluator{Measures: measures}).Run(qrels, run)
}

// judged is what measures see of a query: where its documents with positive
// grades were found, and which positive grades it has in all. No measure here
// distinguishes the rest, judged or not.
type judged struct {
	found []found // by rank
	ideal []int   // positive grades of all judged documents, descending
}

type found struct{ rank, grade int }

// relevant returns the number of documents with a grade of at least rel ≥ 1.
func (q *judged) relevant(rel int) int {
	n, _ := slices.BinarySearchFunc(q.ideal, rel, func(grade, rel int) int {
		if grade >= rel {
			return -1
		}
		return 1
	})
	return n
}

// within reports whether rank is within the cutoff of m.
func (m Measure) within(rank int) bool { return m.cutoff == 0 || rank <= m.cutoff }

// Each measure below sums in rank order and divides where trec_eval divides,
// so that values agree in every bit, not only in four decimals.

func ndcg(q *judged, m Measure) float64 {
	log := log2s(max(len(q.ideal), q.found[len(q.found)-1].rank) + 1)
	dcg, ideal := 0.0, 0.0
	for _, f := range q.found {
		if !m.within(f.rank) {
			break
		}
		dcg += float64(f.grade) / log[f.rank+1]
	}
	for i, grade := range q.ideal {
		if !m.within(i + 1) {
			break
		}
		ideal += float64(grade) / log[i+2]
	}
	return dcg / ideal
}

func reciprocalRank(q *judged, m Measure) float64 {
	for _, f := range q.found {
		if !m.within(f.rank) {
			break
		}
		if f.grade >= m.rel {
			return 1 / float64(f.rank)
		}
	}
	return 0
}

func averagePrecision(q *judged, m Measure) float64 {
	sum, n := 0.0, 0
	for _, f := range q.found {
		if !m.within(f.rank) {
			break
		}
		if f.grade >= m.rel {
			n++
			sum += float64(n) / float64(f.rank)
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(q.relevant(m.rel))
}

// retrieved returns the number of relevant documents within the cutoff.
func (q *judged) retrieved(m Measure) int {
	n := 0
	for _, f := range q.found {
		if !m.within(f.rank) {
			break
		}
		if f.grade >= m.rel {
			n++
		}
	}
	return n
}

func recall(q *judged, m Measure) float64 {
	n := q.retrieved(m)
	if n == 0 {
		return 0
	}
	return float64(n) / float64(q.relevant(m.rel))
}

func precision(q *judged, m Measure) float64 {
	return float64(q.retrieved(m)) / float64(m.cutoff)
}

func success(q *judged, m Measure) float64 {
	if q.retrieved(m) > 0 {
		return 1
	}
	return 0
}

// scratch is the memory that one evaluation reuses from another.
type scratch struct {
	judged judged
	sorted Ranking
	seen   map[DocID]struct{}
}

var scratchPool = sync.Pool{New: func() any { return &scratch{seen: map[DocID]struct{}{}} }}
