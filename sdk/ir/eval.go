package ir

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	// those that the run lacks have an empty ranking (-c).
	RetrievedOnly bool
	// JudgedOnly removes documents without a grade, or with a negative one,
	// from every ranking after Depth has cut it (trec_eval's -J).
	JudgedOnly bool
	// Documents is the number of documents in the collection (trec_eval's -N),
	// which only the measure utility asks for, and insists on where it has a
	// fourth coefficient.
	Documents int
	// Workers is the number of queries evaluated at a time by [Evaluator.Run];
	// 0 stands for as many as there are processors. It changes no value.
	Workers int
	// Others also keeps the values under the other tie modes, which costs
	// little, since whether they differ is asked in any case.
	Others bool
}

// QueryResult is the outcome of one query. Values has one entry per measure,
// in the order of [Evaluator.Measures]. FirstRelevant is the rank of the first
// document with a grade of 1 or more, from 1; 0 where none was retrieved. The
// mode [Expected] knows no such rank and takes that of [Trec10].
type QueryResult struct {
	Values        []float64
	FirstRelevant int
	// Texts has the values of measures that are a text of each query, which is
	// relstring, by the index of the measure; nil where there are none.
	Texts []string
	// Tied reports hits with equal scores, as 32-bit floats, among those that
	// count. Dependent tells for each measure whether its value depends on the
	// tie mode; nil where none does. Ranks that came along and contradict the
	// scores are no rule for ties: then [Rank] does not count, unless it is in
	// force.
	Tied      bool
	Dependent []bool
	// Others has, with [Evaluator.Others], the values under each tie mode, by
	// mode and then measure; nil for a mode under which none differs. Levels of
	// recall are rounded as in the mode in force. NaN stands for an exact mean
	// over orders that would take long or does not exist.
	Others [][]float64
}

// Evaluate returns one value per measure for one query, by the tie rule of
// trec_eval 10. See [Evaluator.Query].
func Evaluate(measures []Measure, judgments Judgments, ranking Ranking) ([]float64, error) {
	r, err := (&Evaluator{Measures: measures}).Query(judgments, ranking)
	return r.Values, err
}

// Query evaluates the ranking of one query. A query without relevant documents
// and one without hits have the value that trec_eval gives them, which is 0 in
// most measures. Unless [Evaluator.Ties] is [Rank], the order of ranking is
// irrelevant; it is left as it is. A document that occurs twice or a score
// that is NaN is an error.
func (e *Evaluator) Query(judgments Judgments, ranking Ranking) (QueryResult, error) {
	if err := e.check(); err != nil {
		return QueryResult{}, err
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	if err := ranking.check(s.seen); err != nil {
		return QueryResult{}, err
	}
	if err := s.judged.set(judgments); err != nil {
		return QueryResult{}, err
	}
	s.hits = s.hits[:0]
	for _, h := range ranking {
		x := entry{doc: h.Doc, score: h.Score, rank: h.Rank, grade: unjudged}
		if grade, ok := judgments[h.Doc]; ok {
			x.grade = int32(grade)
		}
		s.hits = append(s.hits, x)
	}
	res := QueryResult{Values: make([]float64, len(e.Measures))}
	err := e.evaluate(&s.judged, s.hits, s, &res)
	return res, err
}

// check refuses what no ranking could be evaluated with.
func (e *Evaluator) check() error {
	if slices.Contains(e.Measures, Measure{}) {
		return errors.New("the zero measure cannot be evaluated; use ParseMeasure")
	}
	for i := range e.Measures {
		if m := &e.Measures[i]; e.Documents == 0 && m.params != "" && m.Name() == "utility" && numbersOf(m.params)[3] != 0 {
			return fmt.Errorf("%v: its fourth coefficient is for documents neither relevant nor retrieved, and nobody has said how many documents there are; make it 0", *m)
		}
	}
	if e.Ties < 0 || int(e.Ties) >= len(tiesNames) {
		return fmt.Errorf("%v is no tie mode", e.Ties)
	}
	return nil
}

// entry is one hit of a ranking, its document looked up in the judgments. doc
// is used for the order of equal scores only, and not kept.
type entry struct {
	doc   DocID
	score float64
	rank  int32 // the file's, see Hit.Rank
	grade int32 // unjudged where the document has no grade
}

// unjudged is the grade of a document without one.
const unjudged = math.MinInt32

// judgedQuery is what measures need of the judgments of one query.
type judgedQuery struct {
	ideal  []int32 // the grades from 1, descending
	zeros  int     // how many documents have the grade 0
	others int     // and how many a negative one
}

// set fills q, for any number of rankings.
func (q *judgedQuery) set(judgments Judgments) error {
	q.ideal, q.zeros, q.others = q.ideal[:0], 0, 0
	for _, grade := range judgments {
		switch {
		case grade > maxParameter || grade < -maxParameter:
			return judgments.Check()
		case grade > 0:
			q.ideal = append(q.ideal, int32(grade))
		case grade == 0:
			q.zeros++
		default:
			q.others++
		}
	}
	slices.SortFunc(q.ideal, func(a, b int32) int { return int(b) - int(a) })
	return nil
}

// relevant returns the number of documents with a grade of at least rel ≥ 1.
func (q *judgedQuery) relevant(rel int32) int {
	n, _ := slices.BinarySearchFunc(q.ideal, rel, func(grade, rel int32) int {
		if grade >= rel {
			return -1
		}
		return 1
	})
	return n
}

// place is a judged document in a ranking; its rank counts from 1, its grade
// may be 0 or negative.
type place struct{ rank, grade int32 }

// list is one ranking as measures see it: the places of its judged documents
// by rank, and how many documents it has.
type list struct {
	places    []place
	retrieved int
	// blocks are the runs of equal scores, only where the mode is Expected.
	// The order of places in a block means nothing then, and the last block
	// may reach beyond retrieved.
	blocks []block
	// unclear tells that retrieved itself depends on the order in a block.
	unclear bool
}

// block is the hits of ranks rank … rank+size-1; size ≥ 2.
type block struct{ rank, size int32 }

// evaluate evaluates hits, which it sorts, and fills res, whose Values has the
// length of e.Measures.
func (e *Evaluator) evaluate(q *judgedQuery, hits []entry, s *scratch, res *QueryResult) error {
	var t ties
	if e.Ties == Rank { // look for ties before the order of arrival is lost
		s.other = append(s.other[:0], hits...)
		if err := arrange(s.other, Trec10); err != nil {
			return err
		}
		t = e.ties(s.other)
		t.ranked = true
		if err := arrange(hits, Rank); err != nil {
			return err
		}
	} else {
		if err := arrange(hits, e.Ties); err != nil {
			return err
		}
		t = e.ties(hits)
	}
	res.Tied = t.tied
	s.list.build(hits, e, e.Ties)
	if err := e.values(q, &s.list, res.Values); err != nil {
		return err
	}
	res.Texts = e.texts(&s.list)
	e.compare(q, hits, s, res, t)
	for _, p := range s.list.places {
		if p.grade > 0 && int(p.rank) <= s.list.retrieved {
			res.FirstRelevant = int(p.rank)
			break
		}
	}
	return nil
}

// build makes the list of hits in their order, which is that of t.
func (l *list) build(hits []entry, e *Evaluator, t Ties) {
	l.places, l.blocks, l.retrieved, l.unclear = l.places[:0], l.blocks[:0], 0, false
	if t == Expected {
		l.tied(hits, e)
		return
	}
	if e.Depth > 0 && len(hits) > e.Depth {
		hits = hits[:e.Depth]
	}
	for i := range hits {
		grade := hits[i].grade
		if grade == unjudged {
			if !e.JudgedOnly {
				l.retrieved++
			}
			continue
		}
		if grade < 0 && e.JudgedOnly {
			continue
		}
		l.retrieved++
		l.places = append(l.places, place{rank: int32(l.retrieved), grade: grade})
	}
}

// RunResult is the outcome of a run.
type RunResult struct {
	Measures []Measure
	// Queries are those that count, in byte order, and PerQuery their
	// results, in the same order.
	Queries  []QueryID
	PerQuery []QueryResult
	// Means has the mean of each measure over Queries, or whatever
	// [Measure.Aggregate] says, at full precision.
	Means []float64
	// Missing are the judged queries that the run lacks. Unjudged are those
	// of the run without judgments, which are ignored. Both in byte order.
	Missing, Unjudged []QueryID
	// TiedQueries is the number of queries with hits of equal scores, and
	// TieDependent that of queries whose value differs between tie modes, for
	// each measure.
	TiedQueries  int
	TieDependent []int
	// Tag is that of the run, and Findings what is odd about it. Only
	// [Evaluator.Stream] fills Findings.
	Tag      string
	Findings []Finding
}

// Run evaluates every judged query of a run. Where no query counts there is no
// mean, which is an error.
func (e *Evaluator) Run(qrels Qrels, run Run) (*RunResult, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	res := &RunResult{Measures: e.Measures}
	for _, id := range qrels.Queries() {
		if _, ok := run.Rankings[id]; !ok {
			res.Missing = append(res.Missing, id)
			if e.RetrievedOnly {
				continue
			}
		}
		res.Queries = append(res.Queries, id)
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
	res.PerQuery = make([]QueryResult, len(res.Queries))
	errs := make([]error, len(res.Queries))
	workers := e.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(res.Queries)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(res.Queries) {
					return
				}
				id := res.Queries[i]
				res.PerQuery[i], errs[i] = e.Query(qrels[id], run.Rankings[id])
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("query %q: %w", res.Queries[i], err)
		}
	}
	res.aggregate()
	return res, nil
}

// aggregate fills what follows from PerQuery, in the order of queries.
func (r *RunResult) aggregate() {
	r.Means = make([]float64, len(r.Measures))
	r.TieDependent = make([]int, len(r.Measures))
	for _, q := range r.PerQuery {
		for i, v := range q.Values {
			if r.Measures[i].Aggregate() == GeometricMean {
				v = logOf(max(v, geometricFloor))
			}
			r.Means[i] += v
		}
		if q.Tied {
			r.TiedQueries++
		}
		for i, d := range q.Dependent {
			if d {
				r.TieDependent[i]++
			}
		}
	}
	for i, m := range r.Measures {
		switch m.Aggregate() {
		case Mean:
			r.Means[i] /= float64(len(r.Queries))
		case GeometricMean:
			r.Means[i] = math.Exp(r.Means[i] / float64(len(r.Queries)))
		}
	}
}

// EvaluateRun evaluates a run with all judged queries counting, by the tie
// rule of trec_eval 10. See [Evaluator.Run].
func EvaluateRun(measures []Measure, qrels Qrels, run Run) (*RunResult, error) {
	return (&Evaluator{Measures: measures}).Run(qrels, run)
}

// scratch is the memory that one evaluation reuses from another.
type scratch struct {
	judged     judgedQuery
	hits       []entry
	other      []entry
	list       list
	otherList  list
	difference difference
	taken      []bool // ranks
	seen       map[DocID]struct{}
}

var scratchPool = sync.Pool{New: func() any { return &scratch{seen: map[DocID]struct{}{}} }}
