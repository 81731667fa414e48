package runner

// Rankings that no index makes: runs made elsewhere, and fusions of others.

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk/ir"
)

// idSet returns the ids of a part of a collection.
func idSet[T any](r *run, what string, o output, keys func(output) ([]T, error), id func(T) string) (map[string]struct{}, error) {
	return cacheGet(r.cache, what+" "+string(o.Digest), func() (map[string]struct{}, int64, error) {
		list, err := keys(o)
		if err != nil {
			return nil, 0, err
		}
		out := make(map[string]struct{}, len(list))
		for _, x := range list {
			out[id(x)] = struct{}{}
		}
		return out, int64(len(out)) * 48, nil
	})
}

// runFile looks at the file of a run, kept for the other pools that it is
// restricted to.
func (r *run) runFile(ctx context.Context, src study.SourceDigest) (*ExistingRun, error) {
	return cacheGet(r.cache, "run file "+string(src.Digest), func() (*ExistingRun, int64, error) {
		x, err := ReadRun(ctx, src.Path)
		if err != nil {
			return nil, 0, inputError{err}
		}
		if x.Digest != src.Digest {
			return nil, 0, inputError{fmt.Errorf("%s has changed since the plan was made; run again", src.Path)}
		}
		n := len(x.Queries)
		for _, l := range x.whole {
			n += len(l)
		}
		return x, int64(n) * 64, nil
	})
}

// few names the first of some ids and counts the rest.
func few(ids []string) string {
	const n = 5
	s := strings.Join(ids[:min(n, len(ids))], ", ")
	if more := len(ids) - n; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// importRun restricts a run to the queries and candidates of a pool. Equal
// scores stand in the order of the file's ranks; at the depth they are cut off
// in trec_eval's order, as its -M does.
func importRun(ctx context.Context, j *job) (*result, error) {
	x, err := untilDone(ctx, func() (*ExistingRun, error) { return j.r.runFile(ctx, j.step.Sources[0]) })
	if err != nil {
		return nil, err
	}
	o, _, err := j.input(partPool)
	if err != nil {
		return nil, err
	}
	p, err := j.r.pool(o)
	if err != nil {
		return nil, err
	}
	queries, err := j.knownIDs(partQueries)
	if err != nil {
		return nil, err
	}
	documents, err := j.knownIDs(partCorpus)
	if err != nil {
		return nil, err
	}
	im := newImporting(p, queries, documents, j.step.Depth)
	_, err = untilDone(ctx, func() (struct{}, error) {
		return struct{}{}, x.Each(ctx, func(id string, r ir.Ranking) error {
			if ctx.Err() != nil {
				return ctx.Err() // nobody waits any more
			}
			if im.take(id, r) {
				j.report(int64(im.taken), int64(len(p.QueryIDs)))
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	res := &result{outputs: map[string]output{}}
	res.meta.Tag = x.Tag
	ranking, err := im.result(x, &res.meta.Notes)
	if err != nil {
		return nil, err
	}
	return j.ranked(res, ranking)
}

// importing restricts the rankings of a run to a pool, one after the other.
type importing struct {
	pool               *poolFile
	queries, documents map[string]struct{} // of the collection
	depth              int

	at         map[string]int      // queries of the pool
	candidates map[ir.DocID]string // with the ids that the pool has: those of a file are not kept
	found      [][]results.Ranked  // by query of the pool; nil: not in the run
	taken      int

	outside, beyond int
	unknown         map[ir.DocID]struct{}
	firstUnknown    ir.DocID // in the order of the pool
	firstAt         int
	odd             oddities
}

func newImporting(p *poolFile, queries, documents map[string]struct{}, depth int) *importing {
	im := &importing{
		pool: p, queries: queries, documents: documents, depth: depth,
		at: make(map[string]int, len(p.QueryIDs)), candidates: make(map[ir.DocID]string, len(p.DocumentIDs)),
		found: make([][]results.Ranked, len(p.QueryIDs)), unknown: map[ir.DocID]struct{}{},
	}
	for i, id := range p.QueryIDs {
		im.at[id] = i
	}
	for _, id := range p.DocumentIDs {
		im.candidates[ir.DocID(id)] = id
	}
	return im
}

// take takes a ranking, in any order of queries, and keeps nothing of it but
// its numbers. It is false for one that the pool does not ask for.
func (im *importing) take(id string, all ir.Ranking) bool {
	i, ok := im.at[id]
	if !ok {
		return false
	}
	im.taken++
	type hit struct {
		ir.Hit
		id    string
		place int // in the file
	}
	found := make([]hit, 0, min(len(all), len(im.candidates)))
	for k, h := range all {
		if id, ok := im.candidates[h.Doc]; ok {
			found = append(found, hit{h, id, k})
			continue
		}
		im.outside++
		if _, ok := im.documents[string(h.Doc)]; ok {
			continue
		}
		if len(im.unknown) == 0 || i < im.firstAt {
			im.firstUnknown, im.firstAt = ir.DocID(strings.Clone(string(h.Doc))), i
		}
		if _, ok := im.unknown[h.Doc]; !ok {
			im.unknown[ir.DocID(strings.Clone(string(h.Doc)))] = struct{}{}
		}
	}
	im.odd.look(im.pool.QueryIDs[i], im.judgments(i), all)
	slices.SortFunc(found, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Doc, a.Doc))
	})
	if n := len(found) - im.depth; n > 0 {
		im.beyond += n
		found = found[:im.depth]
	}
	ranked := !slices.ContainsFunc(found, func(h hit) bool { return h.Rank <= 0 })
	slices.SortFunc(found, func(a, b hit) int {
		byRank := 0
		if ranked {
			byRank = cmp.Compare(a.Rank, b.Rank)
		}
		return cmp.Or(cmp.Compare(b.Score, a.Score), byRank, cmp.Compare(a.place, b.place))
	})
	im.found[i] = make([]results.Ranked, len(found))
	for k, h := range found {
		im.found[i][k] = results.Ranked{QueryID: im.pool.QueryIDs[i], DocumentID: h.id, Rank: int32(k + 1), Score: h.Score}
	}
	return true
}

// judgments returns those of the i-th query of the pool.
func (im *importing) judgments(i int) ir.Judgments {
	judged := ir.Judgments{}
	for _, g := range im.pool.Qrels[i] {
		if k, ok := slices.BinarySearch(im.pool.DocumentRows, int32(g[0])); ok {
			judged[ir.DocID(im.pool.DocumentIDs[k])] = g[1]
		}
	}
	return judged
}

// result puts the rankings in the order of the pool, and notes what was left
// out of x, and what is odd about it.
func (im *importing) result(x *ExistingRun, notes *[]note) ([]results.Ranked, error) {
	p := im.pool
	var (
		ranking                   []results.Ranked
		missing, strangers, short []string
		lost, others              int
	)
	for i, id := range p.QueryIDs {
		found := im.found[i]
		if found == nil {
			missing = append(missing, id)
			continue
		}
		if want := min(im.depth, len(p.DocumentIDs)); len(found) < want {
			short = append(short, id)
			lost += want - len(found)
		}
		ranking = append(ranking, found...)
		im.found[i] = nil
	}
	for _, id := range x.Queries {
		if _, ok := im.at[id]; ok {
			continue
		}
		if _, ok := im.queries[id]; ok {
			others++
		} else {
			strangers = append(strangers, id)
		}
	}
	switch {
	case len(missing) == len(p.QueryIDs):
		return nil, blame(pluginhost.FaultInput, "the run ranks for none of the %d queries of the task: its queries are %s, those of the task %s; the ids must be the same",
			len(p.QueryIDs), few(x.Queries), few(p.QueryIDs))
	case len(ranking) == 0:
		what := "the run finds none of the candidates"
		if len(im.unknown) > 0 {
			what += fmt.Sprintf(": it names document %s, the collection has ids such as %s; the ids must be the same", im.firstUnknown, few(p.DocumentIDs))
		} else {
			what += fmt.Sprintf(", which are documents such as %s", few(p.DocumentIDs))
		}
		return nil, blame(pluginhost.FaultInput, "%s", what)
	}
	noted := func(what string, n int, text string) {
		if n > 0 {
			*notes = append(*notes, note{What: what, Count: n, Text: text})
		}
	}
	noted("queries that the run has no ranking for; they count as 0", len(missing), few(missing))
	noted("queries for which the run names fewer candidates than the depth has room for; those it does not name count as not found", len(short), fmt.Sprintf("%s; %d places", few(short), lost))
	noted("documents of the run that the collection does not have, left out", len(im.unknown), string(im.firstUnknown)+" first")
	noted("hits outside the pool, those on such documents among them, left out", im.outside, "")
	noted("hits below the depth, left out", im.beyond, "")
	noted("rankings for queries that the collection does not have, left out", len(strangers), few(strangers))
	noted("rankings for queries outside the pool, left out", others, "")
	for _, f := range x.Found {
		*notes = append(*notes, note{What: "in its file: " + findingName(f), Count: f.Count, Text: f.Text, Of: string(x.Digest)})
	}
	for _, f := range im.odd.found(x.Queries, p.QueryIDs, im.judgments, im.unknown, im.documents) {
		noted(findingName(f), f.Count, f.Text)
	}
	return ranking, nil
}

// findingName says what a finding counts: "label-as-score (queries)".
func findingName(f ir.Finding) string {
	for _, k := range ir.Kinds() {
		if k.Name == f.Kind {
			return k.Name + " (" + k.Counts + ")"
		}
	}
	return f.Kind
}

// oddities is what is odd about rankings beside the judgments of their queries
// and is not counted otherwise, gathered query by query.
type oddities struct {
	labels  map[ir.QueryID]ir.Ranking // whose scores are the grades: of each as much as tells so
	similar int                       // ids that differ from judged ones in spelling only
	first   ir.QueryID                // with one
	text    string
}

// look looks at the ranking of a query.
func (o *oddities) look(query string, judged ir.Judgments, all ir.Ranking) {
	id, labels, known := ir.QueryID(query), true, false
	var relevant *ir.Hit
	for i := range all {
		grade, ok := judged[all[i].Doc]
		known = known || ok
		labels = labels && all[i].Score == float64(grade)
		if grade > 0 {
			relevant = &all[i]
		}
	}
	switch {
	case labels && relevant != nil:
		if o.labels == nil {
			o.labels = map[ir.QueryID]ir.Ranking{}
		}
		tell := ir.Ranking{*relevant}
		if len(all) > 1 { // one hit alone may be chance
			other := &all[0]
			if other == relevant {
				other = &all[1]
			}
			tell = append(tell, *other)
		}
		for i := range tell {
			tell[i].Doc = ir.DocID(strings.Clone(string(tell[i].Doc)))
		}
		o.labels[id] = tell
	case !known && len(all) > 0:
		for _, f := range ir.CheckRun(ir.Qrels{id: judged}, ir.Run{Rankings: map[ir.QueryID]ir.Ranking{id: all}}) {
			if f.Kind != ir.KindSimilarID {
				continue
			}
			if o.similar == 0 || id < o.first {
				o.first, o.text = id, f.Text
			}
			o.similar += f.Count
		}
	}
}

// found returns the findings: queries are those of the run, the i-th of asked
// has the judgments judged(i).
func (o *oddities) found(queries, asked []string, judged func(i int) ir.Judgments, unknown map[ir.DocID]struct{}, documents map[string]struct{}) []ir.Finding {
	qrels := make(ir.Qrels, len(asked))
	for i, id := range asked {
		qrels[ir.QueryID(id)] = judged(i)
	}
	run := ir.Run{Rankings: make(map[ir.QueryID]ir.Ranking, len(queries))}
	for _, id := range queries {
		run.Rankings[ir.QueryID(id)] = o.labels[ir.QueryID(id)]
	}
	var out []ir.Finding
	similar := ir.Finding{Kind: ir.KindSimilarID, Count: o.similar, Text: o.text}
	for _, f := range ir.CheckRun(qrels, run) {
		switch f.Kind {
		case ir.KindLabelAsScore:
			out = append(out, f)
		case ir.KindSimilarID: // of queries
			if similar.Count += f.Count; similar.Text == "" {
				similar.Text = f.Text
			}
		}
	}
	if similar.Count > 0 {
		out = append(out, similar)
	}
	if len(unknown) == 0 {
		return out
	}
	// Which of them differ from known ones in spelling only?
	var strange ir.Ranking
	for d := range unknown {
		strange = append(strange, ir.Hit{Doc: d})
	}
	for _, f := range ir.CheckCorpus(nil, ir.Run{Rankings: map[ir.QueryID]ir.Ranking{"": strange}}, func(yield func(ir.DocID) bool) {
		for id := range documents {
			if !yield(ir.DocID(id)) {
				return
			}
		}
	}) {
		if f.Kind == ir.KindSimilarID {
			out = append(out, f)
		}
	}
	return out
}

// knownIDs returns the ids of the input queries or corpus.
func (j *job) knownIDs(part string) (map[string]struct{}, error) {
	o, _, err := j.input(part)
	if err != nil {
		return nil, err
	}
	if part == partQueries {
		return idSet(j.r, "query ids", o, j.r.queryKeys, func(k collection.TextKey) string { return k.ID })
	}
	return idSet(j.r, "document ids", o, j.r.documentKeys, func(k collection.TextKey) string { return k.ID })
}

// ranked stores a ranking, as rows and as a TREC run.
func (j *job) ranked(res *result, ranking []results.Ranked) (*result, error) {
	b, err := results.EncodeRanking(ranking)
	if err != nil {
		return nil, err
	}
	if res.outputs[partRanking], err = j.put(b); err != nil {
		return nil, err
	}
	// The measure step is next to ask for it.
	j.r.rankings.put("ranking "+string(res.outputs[partRanking].Digest), ranking, int64(len(ranking))*48)
	z, err := results.GzipTREC("xlrun-"+j.action.Short(), ranking)
	if err != nil {
		return nil, err
	}
	res.outputs[partRun], err = j.put(z)
	return res, err
}

// fuse makes one ranking of several.
func fuse(ctx context.Context, j *job) (*result, error) {
	inputs, err := j.inputs(partRanking)
	if err != nil {
		return nil, err
	}
	o, _, err := j.input(partPool)
	if err != nil {
		return nil, err
	}
	p, err := j.r.pool(o)
	if err != nil {
		return nil, err
	}
	rest := make([][]results.Ranked, len(inputs))
	for i, in := range inputs {
		if rest[i], err = j.r.ranking(in); err != nil {
			return nil, err
		}
	}
	var (
		ranking []results.Ranked
		without = make([][]string, len(inputs)) // queries
	)
	for n, id := range p.QueryIDs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		j.report(int64(n), int64(len(p.QueryIDs)))
		parts := make([][]results.Ranked, len(rest))
		for i := range rest {
			n := 0
			for n < len(rest[i]) && rest[i][n].QueryID == id {
				n++
			}
			parts[i], rest[i] = rest[i][:n], rest[i][n:]
			if n == 0 {
				without[i] = append(without[i], id)
			}
		}
		fused, err := Fuse(*j.step.Fuse, parts)
		if err != nil {
			return nil, blame(pluginhost.FaultInput, "query %s: %w", id, err)
		}
		for k, h := range fused[:min(len(fused), j.step.Depth)] {
			ranking = append(ranking, results.Ranked{QueryID: id, DocumentID: h.DocumentID, Rank: int32(k + 1), Score: h.Score})
		}
	}
	res := &result{outputs: map[string]output{}}
	for i, ids := range without {
		if len(ids) > 0 {
			res.meta.Notes = append(res.meta.Notes, note{What: fmt.Sprintf("queries that part %d of the fusion has no ranking for; the others decide", i+1), Count: len(ids), Text: few(ids)})
		}
	}
	return j.ranked(res, ranking)
}

// byScore is trec_eval 10's order: higher scores first, equal ones by document
// id, descending in byte order.
func byScore(a, b results.Ranked) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.DocumentID, a.DocumentID))
}

// Fuse makes one ranking of the rankings of one query, best first. Each part
// is put in trec_eval's order first (score, then document id, both
// descending); so is the result. Sums run over the parts in order.
//
// By reciprocal ranks (Cormack, Clarke and Büttcher, SIGIR 2009) a document
// scores Σ w/(k+r) over the parts that have it, r being its rank from 1. A
// weighted sum is Σ w·s, with scores s as they are (none), (s−min)/(max−min)
// or 1 where all are equal (minmax), (s−mean)/sd over the population or 0
// where all are equal (zscore), or (n−r+1)/n of n documents (rank), each over
// the documents of the part. A document that a part does not have counts there
// as its last one does, and 0 for minmax and rank; a part without any counts
// for nothing.
//
// A score that is not finite cannot be summed and is an error.
func Fuse(f study.Fusion, parts [][]results.Ranked) ([]results.Ranked, error) {
	if len(f.Weights) != len(parts) {
		return nil, fmt.Errorf("want %d weights, got %d", len(parts), len(f.Weights))
	}
	at := map[string]int{}
	var out []results.Ranked
	worth := make([]map[string]float64, len(parts))
	floors := make([]float64, len(parts))
	for i, part := range parts {
		part = slices.Clone(part)
		slices.SortFunc(part, byScore)
		values := make([]float64, len(part))
		for k, h := range part {
			if _, ok := at[h.DocumentID]; !ok {
				at[h.DocumentID] = len(out)
				out = append(out, results.Ranked{QueryID: h.QueryID, DocumentID: h.DocumentID})
			}
			values[k] = h.Score
		}
		floor, err := comparable64(f, values)
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", i+1, err)
		}
		floors[i] = floor
		worth[i] = make(map[string]float64, len(part))
		for k, h := range part {
			worth[i][h.DocumentID] = values[k]
		}
	}
	for n := range out {
		for i := range parts {
			v, ok := worth[i][out[n].DocumentID]
			if !ok {
				v = floors[i]
			}
			out[n].Score += float64(f.Weights[i] * v)
		}
		if math.IsInf(out[n].Score, 0) || math.IsNaN(out[n].Score) {
			return nil, fmt.Errorf("the sum of the scores of document %s is beyond the range of a 64-bit float", out[n].DocumentID)
		}
	}
	slices.SortFunc(out, byScore)
	for k := range out {
		out[k].Rank = int32(k + 1)
	}
	return out, nil
}

// comparable64 turns the scores of a part, in order, into what is summed, and
// returns what a document counts that is not there.
func comparable64(f study.Fusion, s []float64) (floor float64, err error) {
	n := len(s)
	if n == 0 {
		return 0, nil
	}
	if f.Method == study.FuseRRF {
		for k := range s {
			s[k] = 1 / (f.K + float64(k+1))
		}
		return 0, nil
	}
	if f.Normalise == study.NormaliseRank {
		for k := range s {
			s[k] = float64(n-k) / float64(n)
		}
		return 0, nil
	}
	best, last := s[0], s[n-1]
	if math.IsInf(best-last, 0) || math.IsNaN(best-last) {
		return 0, fmt.Errorf("scores from %g to %g cannot be weighed; fuse by rank", last, best)
	}
	switch f.Normalise {
	case study.NormaliseMinMax:
		width := best - last
		for k := range s {
			if width == 0 {
				s[k] = 1
			} else {
				s[k] = (s[k] - last) / width
			}
		}
		return 0, nil
	case study.NormaliseZScore:
		sum, square := 0.0, 0.0
		for _, x := range s {
			sum += x
		}
		mean := sum / float64(n)
		for _, x := range s {
			d := x - mean
			square += float64(d * d)
		}
		if math.IsInf(square, 0) || math.IsNaN(square) {
			return 0, fmt.Errorf("scores from %g to %g are too far apart for their deviation; fuse by rank", last, best)
		}
		sd := math.Sqrt(square / float64(n))
		if sd == 0 && best != last { // the squares are below all floats
			return 0, fmt.Errorf("scores from %g to %g are too close for their deviation; fuse by rank", last, best)
		}
		for k := range s {
			if best == last {
				s[k] = 0
			} else {
				s[k] = (s[k] - mean) / sd
			}
		}
	}
	return s[n-1], nil
}
