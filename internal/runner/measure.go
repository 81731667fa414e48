package runner

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

func measure(ctx context.Context, j *job) (*result, error) {
	from, _, err := j.input(partRanking)
	if err != nil {
		return nil, err
	}
	ranking, err := j.r.ranking(from)
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
	if j.step.Restrict {
		ranking = p.restrict(ranking)
	}
	at := make(map[string]int, len(p.QueryIDs)) // query id to place in the pool
	for i, id := range p.QueryIDs {
		at[id] = i
	}
	judged := judgedQueries(p, ranking)
	if _, _, err := j.input(partCorpus); err == nil { // the metric wants to know of languages
		known, err := j.inPool(o, p)
		if err != nil {
			return nil, err
		}
		judged = known.told(judged)
	}
	got := make([]*sdk.QueryValues, len(p.QueryIDs))
	measures, st, err := j.r.opts.Host.Evaluate(ctx, j.slot, j.ref(), judged, func(id string, v sdk.QueryValues) error {
		i, ok := at[id]
		if !ok || got[i] != nil {
			return blame(pluginhost.FaultPlugin, "the metric judges query %q, which was not asked or not once", id)
		}
		v.Values = slices.Clone(v.Values)
		got[i] = &v
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(measures) == 0 {
		return nil, blame(pluginhost.FaultPlugin, "the metric computes no measure")
	}
	for k, m := range measures {
		if m == "" || slices.Contains(measures[:k], m) {
			return nil, blame(pluginhost.FaultPlugin, "the metric names its measures %q: each needs a name of its own", measures)
		}
	}
	rows := make([]results.Measured, 0, len(got)*len(measures))
	remarks := remarks{undefined: make([]tally, len(measures))}
	for i, id := range p.QueryIDs {
		if got[i] == nil {
			return nil, blame(pluginhost.FaultPlugin, "the metric gives no values for query %q", id)
		}
		if err := got[i].Check(measures); err != nil {
			return nil, blame(pluginhost.FaultPlugin, "query %q: %w", id, err)
		}
		if r := got[i].Rank; r < 0 || r > len(p.DocumentIDs) {
			return nil, blame(pluginhost.FaultPlugin, "query %q: the first relevant document has the rank %d of %d candidates; 0 stands for none", id, r, len(p.DocumentIDs))
		}
		for k, m := range measures {
			if why := got[i].Why(k); why != "" {
				remarks.undefined[k].add(why)
				continue
			}
			rows = append(rows, results.Measured{QueryID: id, Measure: m, Value: got[i].Values[k], Rank: int32(got[i].Rank)})
		}
		for _, x := range got[i].Notes {
			remarks.said.add(x)
		}
	}
	notes := remarks.notes(measures, len(p.QueryIDs))
	if cut, err := j.cutOff(measures, p, ranking); err != nil {
		return nil, err
	} else if cut != nil {
		notes = append(notes, *cut)
	}
	b, err := results.EncodeValues(rows)
	if err != nil {
		return nil, err
	}
	values, err := j.put(b)
	if err != nil {
		return nil, err
	}
	// Done with: there are many, and all full of pointers to follow. Another
	// metric reads it again.
	j.r.rankings.remove("ranking " + string(from.Digest))
	j.r.cache.put("values "+string(values.Digest), rows, int64(len(rows))*48)
	return &result{outputs: map[string]output{partValues: values}, meta: meta{Notes: notes}, stats: st}, nil
}

// restrict returns the hits that are in the pool, of a ranking of a larger one.
// Scores do not depend on the pool: this is the ranking of the pool itself, as
// far as the other one goes.
func (p *poolFile) restrict(ranking []results.Ranked) []results.Ranked {
	in := make(map[string]struct{}, len(p.DocumentIDs))
	for _, id := range p.DocumentIDs {
		in[id] = struct{}{}
	}
	out := make([]results.Ranked, 0, min(len(ranking), len(p.QueryIDs)*len(p.DocumentIDs)))
	for _, h := range ranking {
		if _, ok := in[h.DocumentID]; ok {
			out = append(out, h)
		}
	}
	return out
}

// cutOff refuses rankings that end above the cutoff of a measure although there
// are more candidates, should a metric measure something else than it told the
// plan, which refuses it, too. It notes where a restricted ranking lacks what a
// search of the smaller pool would have found.
func (j *job) cutOff(measures []string, p *poolFile, ranking []results.Ranked) (*note, error) {
	var depth int
	for _, in := range j.step.Inputs {
		if in.Role == partRanking {
			depth = in.Step.Depth
		}
	}
	r := study.ReachOf(measures)
	if j.step.Restrict {
		need, have := r.Ranks(len(p.DocumentIDs)), map[string]int{}
		for _, h := range ranking {
			have[h.QueryID]++
		}
		short := 0
		for _, id := range p.QueryIDs {
			if have[id] < need {
				short++
			}
		}
		if short == 0 {
			return nil, nil
		}
		return &note{What: "rankings that lack candidates of a smaller pool: a search of that pool might find them", Count: short}, nil
	}
	switch {
	case depth == 0 || depth >= len(p.DocumentIDs):
	case r.Deepest > depth:
		return nil, blame(pluginhost.FaultInput, "%s looks at %d ranks, and rankings end at depth %d of %d candidates: set depth = %d or more", r.Who, r.Deepest, depth, len(p.DocumentIDs), min(r.Deepest, len(p.DocumentIDs)))
	}
	return nil, nil
}

// judgedQueries yields the queries of a pool with their judgments and rankings.
func judgedQueries(p *poolFile, ranking []results.Ranked) iter.Seq[sdk.JudgedQuery] {
	return func(yield func(sdk.JudgedQuery) bool) {
		rest := ranking
		for i, id := range p.QueryIDs {
			q := sdk.JudgedQuery{ID: id, Qrels: make(map[string]int, len(p.Qrels[i]))}
			for _, g := range p.Qrels[i] {
				if k, ok := slices.BinarySearch(p.DocumentRows, int32(g[0])); ok {
					q.Qrels[p.DocumentIDs[k]] = g[1]
				}
			}
			n := 0
			for n < len(rest) && rest[n].QueryID == id {
				n++
			}
			q.Ranking = make([]sdk.ScoredDocument, n)
			for k, h := range rest[:n] {
				q.Ranking[k] = sdk.ScoredDocument{ID: h.DocumentID, Score: h.Score}
			}
			rest = rest[n:]
			if !yield(q) {
				return
			}
		}
	}
}

// pooled is what the collection says of the texts of a pool.
type pooled struct {
	queries, documents map[string]sdk.DocumentInfo // by id
	candidates         map[sdk.Language]int
}

// inPool looks up the texts of a pool, once for all rankings of it.
func (j *job) inPool(pool output, p *poolFile) (*pooled, error) {
	q, _, err := j.input(partQueries)
	if err != nil {
		return nil, err
	}
	c, _, err := j.input(partCorpus)
	if err != nil {
		return nil, err
	}
	return cacheGet(j.r.cache, "languages in "+digests([]output{pool, q, c}), func() (*pooled, int64, error) {
		queries, err := j.r.queryKeys(q)
		if err != nil {
			return nil, 0, err
		}
		documents, err := j.r.documentKeys(c)
		if err != nil {
			return nil, 0, err
		}
		x := &pooled{
			queries: infos(p.QueryIDs, queries), documents: infos(p.DocumentIDs, documents), candidates: map[sdk.Language]int{},
		}
		for _, id := range p.DocumentIDs {
			x.candidates[x.documents[id].Language]++
		}
		return x, int64(len(x.queries)+len(x.documents)) * 96, nil
	})
}

func infos(ids []string, texts []collection.TextKey) map[string]sdk.DocumentInfo {
	out := make(map[string]sdk.DocumentInfo, len(ids))
	for _, id := range ids {
		out[id] = sdk.DocumentInfo{}
	}
	for _, t := range texts {
		if _, ok := out[t.ID]; ok {
			out[t.ID] = sdk.DocumentInfo{Language: t.Language, Group: t.Group}
		}
	}
	return out
}

// told adds to each query what is known of it and of its documents.
func (x *pooled) told(queries iter.Seq[sdk.JudgedQuery]) iter.Seq[sdk.JudgedQuery] {
	return func(yield func(sdk.JudgedQuery) bool) {
		for q := range queries {
			q.Language, q.Group = x.queries[q.ID].Language, x.queries[q.ID].Group
			q.Candidates = x.candidates
			q.Documents = make(map[string]sdk.DocumentInfo, len(q.Qrels)+len(q.Ranking))
			for id := range q.Qrels {
				q.Documents[id] = x.documents[id]
			}
			for _, d := range q.Ranking {
				q.Documents[d.ID] = x.documents[d.ID]
			}
			if !yield(q) {
				return
			}
		}
	}
}

// tally counts texts.
type tally map[string]int

func (t *tally) add(text string) {
	if *t == nil {
		*t = tally{}
	}
	(*t)[text]++
}

func (t tally) total() int {
	n := 0
	for _, c := range t {
		n += c
	}
	return n
}

// remarks gathers what a metric says beside its values.
type remarks struct {
	undefined []tally // per measure, by reason
	said      tally
}

// NoteNoValue begins what a note counts where a measure has no value for any
// query of a ranking; the measure and the reason follow.
const NoteNoValue = "rankings without any record of "

// manyRemarks is how many different remarks of a metric are listed. More are
// counted: one per query would bury the report.
const manyRemarks = 20

// notes returns them as notes of the step. A measure without a value for any
// query is said so: it has no record at all.
func (r *remarks) notes(measures []string, queries int) []note {
	var out []note
	for k, m := range measures {
		t := r.undefined[k]
		out = append(out, listed(t, func(why string) string { return fmt.Sprintf("queries without a value of %s: %s", m, why) }, fmt.Sprintf("queries without a value of %s for other reasons", m))...)
		if queries > 0 && t.total() == queries {
			why := "for several reasons"
			if len(t) == 1 {
				why = slices.Collect(maps.Keys(t))[0]
			}
			out = append(out, note{What: NoteNoValue + m + ": " + why, Count: 1})
		}
	}
	return append(out, listed(r.said, func(s string) string { return s }, "further remarks of the metric")...)
}

func listed(t tally, what func(string) string, rest string) []note {
	var out []note
	more := 0
	for i, text := range slices.Sorted(maps.Keys(t)) {
		if i < manyRemarks {
			out = append(out, note{What: what(text), Count: t[text]})
		} else {
			more += t[text]
		}
	}
	if more > 0 {
		out = append(out, note{What: rest, Count: more})
	}
	return out
}
