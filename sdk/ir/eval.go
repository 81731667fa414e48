package ir

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
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
	// tie mode; nil where none does.
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
	for doc, grade := range judgments {
		switch {
		case grade > maxParameter || grade < -maxParameter:
			return fmt.Errorf("document %q has the grade %d, which is beyond ±%d", doc, grade, maxParameter)
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

// ties is what tie modes could make of a ranking.
type ties struct {
	tied   bool // scores that count are equal as 32-bit floats
	close  bool // some of them not as 64-bit floats
	mixed  bool // documents of equal scores differ to measures
	ranked bool // ranks came with the documents and say something else
}

// ties looks at hits by descending score, in the order of e's mode or, for
// Rank, of Trec10.
func (e *Evaluator) ties(hits []entry) (t ties) {
	given := len(hits) > 0 && hits[0].rank != 0
	cut := false // the depth and a smaller score are behind
	for i := 1; i < len(hits); i++ {
		a, b := &hits[i-1], &hits[i]
		given = given || b.rank != 0
		t.ranked = t.ranked || a.rank >= b.rank
		switch {
		case cut:
		case a.score == b.score || float32(a.score) == float32(b.score):
			t.tied = true
			t.close = t.close || a.score != b.score
			if class(a.grade) != class(b.grade) && (a.score == b.score || e.Ties == Trec9) {
				t.mixed = true // Trec9: documents of equal scores may be apart
			}
		default:
			cut = e.Depth > 0 && i >= e.Depth
		}
	}
	t.ranked = t.ranked && given
	return t
}

// compare evaluates hits in the other tie modes and fills res.Dependent. Levels
// of recall are rounded as in e's mode throughout. Where the exact mean over
// orders would take long, a measure counts as dependent.
func (e *Evaluator) compare(q *judgedQuery, hits []entry, s *scratch, res *QueryResult, t ties) {
	for mode := range Ties(len(tiesNames)) {
		switch {
		case mode == e.Ties, mode == Rank && !t.ranked, mode == Expected && !t.mixed:
			continue
		case (mode == Trec9 || mode == Trec10) && e.Ties <= Trec9 && !t.close:
			continue
		}
		other := hits
		if mode != Expected || e.Ties != Trec10 {
			s.other = append(s.other[:0], hits...)
			other = s.other
			if arrange(other, mode) != nil { // ranks that are no order
				continue
			}
		}
		l := &s.otherList
		l.build(other, e, mode)
		if len(l.blocks)+len(s.list.blocks) == 0 && !l.unclear && !s.list.unclear && l.retrieved == s.list.retrieved && slices.Equal(l.places, s.list.places) {
			continue
		}
		v := viewPool.Get().(*view)
		v.reset(q, l, e)
		v.maxWork, v.maxOrders = maxWork/fraction, maxOrders/fraction
		texts := e.texts(l)
		same := agreement(&s.list, l)
		var values []float64
		if e.Others {
			values = slices.Clone(res.Values)
			if res.Others == nil {
				res.Others = make([][]float64, len(tiesNames))
			}
			res.Others[mode] = values
		}
		for i := range e.Measures {
			m := &e.Measures[i]
			known := res.Dependent != nil && res.Dependent[i] && values == nil
			if known || m.cutoff > 0 && m.cutoff <= same && m.flags&flagJudgedOnly == 0 {
				continue
			}
			x, err := v.measure(m)
			if err != nil {
				x = math.NaN()
			}
			if values != nil {
				values[i] = x
			}
			if err != nil || math.Abs(x-res.Values[i]) > 1e-12*max(1, math.Abs(x)) || texts != nil && texts[i] != res.Texts[i] {
				if res.Dependent == nil {
					res.Dependent = make([]bool, len(e.Measures))
				}
				res.Dependent[i] = true
			}
		}
		viewPool.Put(v)
	}
	if res.Others != nil {
		// A mode left out above is that in force, or between these two Trec10.
		switch {
		case e.Ties == Rank && res.Others[Expected] == nil:
			res.Others[Expected] = res.Others[Trec10]
		case e.Ties == Expected && res.Others[Rank] == nil:
			res.Others[Rank] = res.Others[Trec10]
		}
	}
}

// agreement returns a rank up to which a and b are the same list.
func agreement(a, b *list) int32 {
	if a.unclear || b.unclear || a.retrieved != b.retrieved {
		return 0
	}
	differ := int32(math.MaxInt32) // the first rank at which they may
	for _, l := range []*list{a, b} {
		if len(l.blocks) > 0 {
			differ = min(differ, l.blocks[0].rank)
		}
	}
	for i := range max(len(a.places), len(b.places)) {
		switch {
		case i == len(a.places):
			differ = min(differ, b.places[i].rank)
		case i == len(b.places):
			differ = min(differ, a.places[i].rank)
		case a.places[i] != b.places[i]:
			differ = min(differ, a.places[i].rank, b.places[i].rank)
		default:
			continue
		}
		break
	}
	return differ - 1
}

// arrange sorts hits into the order of t.
func arrange(hits []entry, t Ties) error {
	switch t {
	case Rank:
		return arrangeByRank(hits)
	case Trec9:
		arrangeByScore(hits, true)
	default:
		arrangeByScore(hits, false)
	}
	return nil
}

// arrangeByScore sorts by descending score, rounded to 32 bits where narrow,
// and document. Rankings mostly come by descending score, so that only equal
// scores are left to sort.
func arrangeByScore(hits []entry, narrow bool) {
	order := order10
	if narrow {
		order = order9
	}
	score := func(i int) float64 {
		if narrow {
			return float64(float32(hits[i].score))
		}
		return hits[i].score
	}
	for i := 1; i < len(hits); i++ {
		if score(i-1) < score(i) {
			slices.SortFunc(hits, func(a, b entry) int { return order(a.score, b.score, a.doc, b.doc) })
			return
		}
	}
	for i := 1; i < len(hits); i++ {
		if score(i-1) != score(i) {
			continue
		}
		start := i - 1
		for i < len(hits) && score(i) == score(start) {
			i++
		}
		byDoc := func(a, b entry) int { return strings.Compare(string(b.doc), string(a.doc)) }
		if run := hits[start:i]; !slices.IsSortedFunc(run, byDoc) {
			slices.SortFunc(run, byDoc)
		}
	}
}

func arrangeByRank(hits []entry) error {
	if !slices.ContainsFunc(hits, func(x entry) bool { return x.rank != 0 }) {
		return nil
	}
	byRank := func(a, b entry) int { return cmp.Compare(a.rank, b.rank) }
	if !slices.IsSortedFunc(hits, byRank) {
		slices.SortFunc(hits, byRank)
	}
	for i := 1; i < len(hits); i++ {
		if hits[i].rank == hits[i-1].rank {
			return fmt.Errorf("documents %q and %q both have the rank %d, so the tie mode %v gives them no order", hits[i-1].doc, hits[i].doc, hits[i].rank, Rank)
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
	judged    judgedQuery
	hits      []entry
	other     []entry
	list      list
	otherList list
	seen      map[DocID]struct{}
}

var scratchPool = sync.Pool{New: func() any { return &scratch{seen: map[DocID]struct{}{}} }}
