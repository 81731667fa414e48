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

// runFile reads the file of a run, kept for the other pools that it is
// restricted to.
func (r *run) runFile(src study.SourceDigest) (*ExistingRun, error) {
	return cacheGet(r.cache, "run file "+string(src.Digest), func() (*ExistingRun, int64, error) {
		x, err := ReadRun(src.Path)
		if err != nil {
			return nil, 0, inputError{err}
		}
		if x.Digest != src.Digest {
			return nil, 0, inputError{fmt.Errorf("%s has changed since the plan was made; run again", src.Path)}
		}
		n := 0
		for _, l := range x.Run.Rankings {
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
	x, err := untilDone(ctx, func() (*ExistingRun, error) { return j.r.runFile(j.step.Sources[0]) })
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
	candidates := make(map[ir.DocID]struct{}, len(p.DocumentIDs))
	for _, id := range p.DocumentIDs {
		candidates[ir.DocID(id)] = struct{}{}
	}
	var (
		ranking                   []results.Ranked
		missing, strangers, short []string
		outside, beyond, lost     int
		unknownDocs               = map[ir.DocID]struct{}{}
		firstUnknown              ir.DocID
		asked                     = make(map[ir.QueryID]struct{}, len(p.QueryIDs))
	)
	for i, id := range p.QueryIDs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		asked[ir.QueryID(id)] = struct{}{}
		all, ok := x.Run.Rankings[ir.QueryID(id)]
		if !ok {
			missing = append(missing, id)
			continue
		}
		type hit struct {
			ir.Hit
			place int // in the file
		}
		found := make([]hit, 0, min(len(all), len(candidates)))
		for k, h := range all {
			if _, ok := candidates[h.Doc]; ok {
				found = append(found, hit{h, k})
				continue
			}
			outside++
			if _, ok := documents[string(h.Doc)]; !ok {
				if len(unknownDocs) == 0 {
					firstUnknown = h.Doc
				}
				unknownDocs[h.Doc] = struct{}{}
			}
		}
		slices.SortFunc(found, func(a, b hit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Doc, a.Doc))
		})
		if n := len(found) - j.step.Depth; n > 0 {
			beyond += n
			found = found[:j.step.Depth]
		}
		ranked := !slices.ContainsFunc(found, func(h hit) bool { return h.Rank <= 0 })
		slices.SortFunc(found, func(a, b hit) int {
			byRank := 0
			if ranked {
				byRank = cmp.Compare(a.Rank, b.Rank)
			}
			return cmp.Or(cmp.Compare(b.Score, a.Score), byRank, cmp.Compare(a.place, b.place))
		})
		if len(found) < min(j.step.Depth, len(p.DocumentIDs)) {
			short = append(short, id)
			lost += min(j.step.Depth, len(p.DocumentIDs)) - len(found)
		}
		for k, h := range found {
			ranking = append(ranking, results.Ranked{QueryID: id, DocumentID: string(h.Doc), Rank: int32(k + 1), Score: h.Score})
		}
		j.report(int64(i+1), int64(len(p.QueryIDs)))
	}
	others := 0
	for _, id := range x.Run.Queries() {
		if _, ok := asked[id]; ok {
			continue
		}
		if _, ok := queries[string(id)]; ok {
			others++
		} else {
			strangers = append(strangers, string(id))
		}
	}
	switch {
	case len(missing) == len(p.QueryIDs):
		return nil, blame(pluginhost.FaultInput, "the run ranks for none of the %d queries of the task: its queries are %s, those of the task %s; the ids must be the same",
			len(p.QueryIDs), few(texts(x.Run.Queries())), few(p.QueryIDs))
	case len(ranking) == 0:
		what := "the run finds none of the candidates"
		if len(unknownDocs) > 0 {
			what += fmt.Sprintf(": it names document %s, the collection has ids such as %s; the ids must be the same", firstUnknown, few(p.DocumentIDs))
		} else {
			what += fmt.Sprintf(", which are documents such as %s", few(p.DocumentIDs))
		}
		return nil, blame(pluginhost.FaultInput, "%s", what)
	}
	res := &result{outputs: map[string]output{}}
	res.meta.Tag = x.Run.Tag
	noted := func(what string, n int, text string) {
		if n > 0 {
			res.meta.Notes = append(res.meta.Notes, note{What: what, Count: n, Text: text})
		}
	}
	noted("queries that the run has no ranking for; they count as 0", len(missing), few(missing))
	noted("queries for which the run names fewer candidates than the depth has room for; those it does not name count as not found", len(short), fmt.Sprintf("%s; %d places", few(short), lost))
	noted("documents of the run that the collection does not have, left out", len(unknownDocs), string(firstUnknown)+" first")
	noted("hits outside the pool, those on such documents among them, left out", outside, "")
	noted("hits below the depth, left out", beyond, "")
	noted("rankings for queries that the collection does not have, left out", len(strangers), few(strangers))
	noted("rankings for queries outside the pool, left out", others, "")
	for _, f := range x.Found {
		res.meta.Notes = append(res.meta.Notes, note{What: "in its file: " + findingName(f), Count: f.Count, Text: f.Text, Of: string(x.Digest)})
	}
	for _, f := range comparePool(x.Run, p, unknownDocs, documents) {
		noted(findingName(f), f.Count, f.Text)
	}
	return j.ranked(res, ranking)
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

// comparePool returns what is odd about a run beside the judgments of a pool
// and the ids of a collection, and is not counted otherwise.
func comparePool(run ir.Run, p *poolFile, unknown map[ir.DocID]struct{}, documents map[string]struct{}) []ir.Finding {
	qrels := make(ir.Qrels, len(p.QueryIDs))
	for i, id := range p.QueryIDs {
		judged := ir.Judgments{}
		for _, g := range p.Qrels[i] {
			if k, ok := slices.BinarySearch(p.DocumentRows, int32(g[0])); ok {
				judged[ir.DocID(p.DocumentIDs[k])] = g[1]
			}
		}
		qrels[ir.QueryID(id)] = judged
	}
	found := ir.CheckRun(qrels, run)
	if len(unknown) > 0 {
		// Which of them differ from known ones in spelling only?
		var strange ir.Ranking
		for d := range unknown {
			strange = append(strange, ir.Hit{Doc: d})
		}
		found = append(found, ir.CheckCorpus(nil, ir.Run{Rankings: map[ir.QueryID]ir.Ranking{"": strange}}, func(yield func(ir.DocID) bool) {
			for id := range documents {
				if !yield(ir.DocID(id)) {
					return
				}
			}
		})...)
	}
	return slices.DeleteFunc(found, func(f ir.Finding) bool {
		return f.Kind != "label-as-score" && f.Kind != "similar-id" && f.Kind != "identical-id"
	})
}

func texts[T ~string](ids []T) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
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
		if math.IsInf(out[n].Score, 0) {
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
