package sdktest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// collected is what a loader gives, in order.
type collected struct {
	queries   []sdk.Query
	documents []sdk.Document
	qrels     []sdk.Qrel
	pairs     []sdk.Pair
	counts    map[string]int
	limit     int // of records, then stop; 0: none
}

var errEnough = errors.New("the host wants no more")

func (c *collected) full() error {
	if c.limit > 0 && len(c.queries)+len(c.documents)+len(c.qrels)+len(c.pairs) >= c.limit {
		return errEnough
	}
	return nil
}

func (c *collected) Query(x sdk.Query) error {
	c.queries = append(c.queries, x)
	return c.full()
}

func (c *collected) Document(x sdk.Document) error {
	c.documents = append(c.documents, x)
	return c.full()
}

func (c *collected) Qrel(x sdk.Qrel) error {
	c.qrels = append(c.qrels, x)
	return c.full()
}

func (c *collected) Pair(x sdk.Pair) error {
	c.pairs = append(c.pairs, x)
	return c.full()
}

func (c *collected) Count(name string, n int) {
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[name] += n
}

func (c *collected) Progress(int64, int64) {}

// replay is a loader that gives again what was collected.
type replay struct{ *collected }

func (r replay) Sources(context.Context) ([]sdk.Source, error) { return nil, nil }

func (r replay) Load(_ context.Context, out sdk.Collector) error {
	for _, x := range r.queries {
		if err := out.Query(x); err != nil {
			return err
		}
	}
	for _, x := range r.documents {
		if err := out.Document(x); err != nil {
			return err
		}
	}
	for _, x := range r.qrels {
		if err := out.Qrel(x); err != nil {
			return err
		}
	}
	for _, x := range r.pairs {
		if err := out.Pair(x); err != nil {
			return err
		}
	}
	for name, n := range r.counts {
		out.Count(name, n)
	}
	return nil
}

func (s *suite) checkLoader(ctx context.Context, l sdk.Loader) {
	s.ask("sources are files under unique names, the same every time", func() error {
		first, err := l.Sources(ctx)
		if err != nil {
			return err
		}
		again, err := l.Sources(ctx)
		if err != nil {
			return err
		}
		if !slices.Equal(first, again) {
			return errors.New("the second list differs from the first")
		}
		names := map[string]bool{}
		for _, src := range first {
			switch st, err := os.Stat(src.Path); {
			case err != nil:
				return err
			case !filepath.IsAbs(src.Path) || !st.Mode().IsRegular():
				return fmt.Errorf("source %q: %s is no absolute path of a file", src.Name, src.Path)
			case src.Name == "" || names[src.Name] || filepath.IsAbs(src.Name):
				return fmt.Errorf("source %q: want unique names that do not depend on where the data lies", src.Name)
			}
			names[src.Name] = true
		}
		return nil
	})
	var whole collected
	if !s.ask("it loads", func() error { return l.Load(ctx, &whole) }) {
		return
	}
	s.ask("identifiers are unique, judgments refer to them, texts are UTF-8 with a language", func() error {
		queries, documents := map[string]bool{}, map[string]bool{}
		for _, q := range whole.queries {
			if q.ID == "" || queries[q.ID] {
				return fmt.Errorf("query %q: the identifier is empty or taken", q.ID)
			}
			queries[q.ID] = true
			if q.Language == "" || !utf8.ValidString(q.Text) {
				return fmt.Errorf("query %q: no language, or not UTF-8", q.ID)
			}
		}
		for _, d := range whole.documents {
			if d.ID == "" || documents[d.ID] {
				return fmt.Errorf("document %q: the identifier is empty or taken", d.ID)
			}
			documents[d.ID] = true
			if d.Language == "" || !utf8.ValidString(d.Text) || !utf8.ValidString(d.Title) {
				return fmt.Errorf("document %q: no language, or not UTF-8", d.ID)
			}
		}
		for _, q := range whole.qrels {
			if !queries[q.Query] || !documents[q.Document] {
				return fmt.Errorf("judgment of query %q and document %q: there is no such query or document", q.Query, q.Document)
			}
		}
		for i, p := range whole.pairs {
			if p.A.Language == "" || p.B.Language == "" || !utf8.ValidString(p.A.Text) || !utf8.ValidString(p.B.Text) {
				return fmt.Errorf("pair %d (group %q): no language, or not UTF-8", i, p.Group)
			}
		}
		return nil
	})
	s.ask("pairs are of the kinds it declares", func() error {
		for i, p := range whole.pairs {
			if !slices.Contains(s.info.PairKinds, p.Kind) {
				return fmt.Errorf("pair %d has the kind %q; declared are %q", i, p.Kind, s.info.PairKinds)
			}
		}
		return nil
	})
	s.ask("loaded twice, the same", func() error {
		if s.info.Determinism == sdk.Stochastic {
			return skipped("it declares itself stochastic")
		}
		v, err := s.open(ctx, s.config, nil, true)
		if err != nil {
			return err
		}
		var again collected
		if err := v.(sdk.Loader).Load(ctx, &again); err != nil {
			return err
		}
		if !reflect.DeepEqual(whole, again) {
			return errors.New("the second collection differs from the first")
		}
		return nil
	})
	s.ask("an inspection agrees with what is loaded", func() error {
		want, err := sdk.Inspect(ctx, replay{&whole})
		if err != nil {
			return err
		}
		got, err := sdk.Inspect(ctx, l)
		if err != nil {
			return err
		}
		switch {
		case !slices.Equal(want.Queries, got.Queries):
			return errors.New("other queries")
		case !slices.Equal(want.Documents, got.Documents):
			return errors.New("other documents")
		case !slices.Equal(want.Pairs, got.Pairs):
			return errors.New("other pairs")
		case want.Qrels != got.Qrels || got.Judgments != nil && !slices.Equal(want.Judgments, got.Judgments):
			return errors.New("other judgments")
		}
		return nil
	})
	s.ask("it stops when the host wants no more", func() error {
		if len(whole.queries)+len(whole.documents)+len(whole.pairs) < 2 {
			return skipped("there is too little to stop at")
		}
		err := l.Load(ctx, &collected{limit: 1})
		if !errors.Is(err, errEnough) {
			return fmt.Errorf("want the collector's error, got %w", err)
		}
		return nil
	})
	s.ask("it can be cancelled within two seconds", func() error {
		return s.cancelled(ctx, func(ctx context.Context) error { return l.Load(ctx, &collected{}) })
	})
}

// indexRows and indexDim are the shape of the matrix that an index is tried on.
const indexRows, indexDim = 60, 8

func (s *suite) checkIndex(ctx context.Context, x sdk.Index) {
	dir, err := os.MkdirTemp("", "xlrun-check-")
	if err != nil {
		s.ask("it builds", func() error { return err })
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var m sdk.Matrix
	build := func(x sdk.Index, name string) (string, error) {
		out := filepath.Join(dir, name)
		if err := os.Mkdir(out, 0o777); err != nil {
			return "", err
		}
		return out, x.Build(ctx, &sdk.BuildTask{Documents: m, Dir: out, Report: func(int64, int64) {}})
	}
	var built string
	if !s.ask("it builds", func() (err error) {
		if m, err = invented(filepath.Join(dir, "vectors.npy")); err != nil {
			return err
		}
		built, err = build(x, "first")
		return err
	}) {
		return
	}
	search := func(x sdk.Index, built string, t sdk.SearchTask) ([]float32, error) {
		t.Dir, t.Documents, t.Queries = built, m, m
		judge, err := wire.NewReferee(t)
		if err != nil {
			return nil, err
		}
		var flat []float32
		if err := x.Search(ctx, &t, func(q int32, hits []sdk.Hit) error {
			if err := judge.Check(q, hits); err != nil {
				return err
			}
			flat = append(flat, float32(q), float32(len(hits)))
			for _, h := range hits {
				flat = append(flat, float32(h.Row), h.Score)
			}
			return nil
		}); err != nil {
			return nil, err
		}
		return flat, judge.End()
	}
	tasks := []sdk.SearchTask{
		{K: 10},
		{K: 1},
		{K: 5 * indexRows},
		{K: 3, DocumentRows: []int32{3, 17, 42, 59}},
		{K: 10, DocumentRows: []int32{5}, QueryRows: []int32{7, 3, 3}},
		{K: 10, QueryRows: []int32{}},
		{K: 10, DocumentRows: []int32{}},
	}
	var whole []float32
	run := func(x sdk.Index, built string) ([]float32, error) {
		var all []float32
		for i, t := range tasks {
			flat, err := search(x, built, t)
			if err != nil {
				return nil, fmt.Errorf("k = %d, %d candidates, %d queries (search %d): %w", t.K, len(t.DocumentRows), len(t.QueryRows), i+1, err)
			}
			all = append(all, flat...)
		}
		return all, nil
	}
	if !s.ask("each query gets its hits, in order, of the candidates only", func() (err error) {
		whole, err = run(x, built)
		return err
	}) {
		return
	}
	s.ask("as many hits as there are candidates, up to k", func() error {
		for _, t := range tasks {
			flat, err := search(x, built, t)
			if err != nil {
				return err
			}
			want := min(t.K, indexRows)
			if t.DocumentRows != nil {
				want = min(t.K, len(t.DocumentRows))
			}
			for i := 0; i < len(flat); i += 2 + 2*int(flat[i+1]) {
				if int(flat[i+1]) != want {
					return fmt.Errorf("query row %v: want %d hits of k = %d, got %v", flat[i], want, t.K, flat[i+1])
				}
			}
		}
		return nil
	})
	s.ask("a vector finds itself", func() error {
		flat, err := search(x, built, sdk.SearchTask{K: 1})
		if err != nil {
			return err
		}
		found := 0
		for i := 0; i+2 < len(flat); i += 2 + 2*int(flat[i+1]) {
			if flat[i] == flat[i+2] {
				found++
			}
		}
		// An approximate index may miss a few.
		if found < indexRows*9/10 {
			return fmt.Errorf("%d of %d do", found, indexRows)
		}
		return nil
	})
	s.ask("same input twice, same bytes", func() error {
		again, err := run(x, built)
		return either(err, s.same("the second time", whole, again))
	})
	s.ask("built and opened anew, same bytes", func() error {
		v, err := s.open(ctx, s.config, nil, true)
		if err != nil {
			return err
		}
		other, err := build(v.(sdk.Index), "second")
		if err != nil {
			return err
		}
		again, err := run(v.(sdk.Index), other)
		return either(err, s.same("anew", whole, again))
	})
	n := 0
	s.performance(func(config []byte) error {
		v, err := s.open(ctx, config, nil, false)
		if err != nil {
			return skipped(err.Error())
		}
		n++
		other, err := build(v.(sdk.Index), fmt.Sprintf("performance%d", n))
		if err != nil {
			return err
		}
		again, err := run(v.(sdk.Index), other)
		return either(err, s.same("with it", whole, again))
	})
	s.ask("it can be cancelled within two seconds", func() error {
		many := make([]int32, 20000)
		for i := range many {
			many[i] = int32(i % indexRows)
		}
		return s.cancelled(ctx, func(ctx context.Context) error {
			return x.Search(ctx, &sdk.SearchTask{Dir: built, Documents: m, Queries: m, QueryRows: many, K: 10}, func(int32, []sdk.Hit) error { return ctx.Err() })
		})
	})
}

// invented writes a matrix of unit vectors that look random and are not.
func invented(path string) (sdk.Matrix, error) {
	w, err := vec.CreateNPY(path, indexDim)
	if err != nil {
		return sdk.Matrix{}, err
	}
	row := make([]float32, indexDim)
	for i := range indexRows {
		var sum float64
		for j := range row {
			row[j] = float32(math.Sin(float64((i+1)*(j+3)*(j+7)) * 12.9898))
			sum += float64(row[j]) * float64(row[j])
		}
		for j := range row {
			row[j] /= float32(math.Sqrt(sum))
		}
		if err := w.Append(row); err != nil {
			return sdk.Matrix{}, err
		}
	}
	return sdk.Matrix{Path: path, Digest: "invented", Rows: indexRows, Dim: indexDim}, w.Close()
}

// rounding is how far beyond its range a value may come to lie by rounding.
const rounding = 1e-9

func (s *suite) checkMetric(ctx context.Context, m sdk.Metric) {
	measures := m.Measures()
	s.ask("its measures have names of their own", func() error {
		seen := map[string]bool{}
		for _, name := range measures {
			if name == "" || seen[name] {
				return fmt.Errorf("%q is empty or taken", name)
			}
			seen[name] = true
		}
		if len(measures) == 0 {
			return errors.New("there are none")
		}
		return nil
	})
	ranking := func(ids ...string) []sdk.ScoredDocument {
		var out []sdk.ScoredDocument
		for i, id := range ids {
			out = append(out, sdk.ScoredDocument{ID: id, Score: 10 - float64(i)})
		}
		return out
	}
	qrels := map[string]int{"a": 1, "b": 2, "c": 0}
	cases := []struct {
		what string
		q    sdk.JudgedQuery
		rank int // -1: that is the metric's to say
	}{
		{"the relevant documents first", sdk.JudgedQuery{ID: "1", Qrels: qrels, Ranking: ranking("b", "a", "c", "d")}, 1},
		{"the relevant documents last", sdk.JudgedQuery{ID: "2", Qrels: qrels, Ranking: ranking("d", "c", "a", "b")}, 3},
		{"no relevant document", sdk.JudgedQuery{ID: "3", Qrels: qrels, Ranking: ranking("x", "y", "c")}, 0},
		{"an empty ranking", sdk.JudgedQuery{ID: "4", Qrels: qrels}, 0},
		{"equal scores", sdk.JudgedQuery{ID: "6", Qrels: qrels, Ranking: []sdk.ScoredDocument{{ID: "x", Score: 1}, {ID: "a", Score: 1}}}, -1},
	}
	if s.info.Languages {
		for i := range cases {
			cases[i].q = told(cases[i].q)
		}
	}
	var ranges []sdk.Range
	if r, ok := m.(sdk.RangedMetric); ok {
		ranges = r.Ranges()
	}
	if ranges != nil {
		s.ask("its measures have a range each", func() error {
			if len(ranges) != len(measures) {
				return fmt.Errorf("want %d ranges, got %d", len(measures), len(ranges))
			}
			for i, r := range ranges {
				if !(r.Low <= r.High) {
					return fmt.Errorf("that of %s is from %g to %g", measures[i], r.Low, r.High)
				}
			}
			return nil
		})
	}
	// flat are the values; those that are undefined count as 0.
	flat := func(what string, v sdk.QueryValues) ([]float32, error) {
		if err := v.Check(measures); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		var out []float32
		for i, x := range v.Values {
			if v.Why(i) != "" {
				x = 0
			} else if i < len(ranges) && (x < ranges[i].Low-rounding || x > ranges[i].High+rounding) {
				return nil, fmt.Errorf("%s: %s is %g, and its range is from %g to %g", what, measures[i], x, ranges[i].Low, ranges[i].High)
			}
			out = append(out, float32(x))
		}
		return out, nil
	}
	run := func(m sdk.Metric) ([]float32, error) {
		var all []float32
		for _, c := range cases {
			v, err := m.Evaluate(ctx, c.q)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", c.what, err)
			case c.rank >= 0 && v.Rank != c.rank:
				return nil, fmt.Errorf("%s: the first relevant document has rank %d, it says %d", c.what, c.rank, v.Rank)
			}
			xs, err := flat(c.what, v)
			if err != nil {
				return nil, err
			}
			all = append(all, xs...)
		}
		return all, nil
	}
	var whole []float32
	if !s.ask("every query gets one finite value per measure, or why there is none, and the right rank", func() (err error) {
		whole, err = run(m)
		return err
	}) {
		return
	}
	s.ask("a query without judgments is refused, or has finite values", func() error {
		v, err := m.Evaluate(ctx, sdk.JudgedQuery{ID: "none", Ranking: ranking("x")})
		var e *pluginhost.Error
		if err != nil && (!errors.As(err, &e) || e.Fault == pluginhost.FaultInput) {
			return nil
		}
		return either(err, v.Check(measures))
	})
	if s.info.Languages {
		s.ask("a query of which no language is known has finite values, or none and says why", func() error {
			q := cases[0].q
			q.Language, q.Group, q.Candidates, q.Documents = "", "", nil, map[string]sdk.DocumentInfo{}
			v, err := m.Evaluate(ctx, q)
			return either(err, v.Check(measures))
		})
	}
	if set, ok := m.(sdk.SetMetric); ok {
		s.ask("all queries at once get a finite value each, or why there is none", func() error {
			var queries []sdk.JudgedQuery
			for _, c := range cases {
				queries = append(queries, c.q)
			}
			got, err := set.EvaluateSet(ctx, queries)
			if err != nil {
				return err
			}
			if len(got) != len(queries) {
				return fmt.Errorf("want the values of %d queries, got %d", len(queries), len(got))
			}
			for i, v := range got {
				if _, err := flat(cases[i].what, v); err != nil {
					return err
				}
				if want := cases[i].rank; want >= 0 && v.Rank != want {
					return fmt.Errorf("%s: the first relevant document has rank %d, it says %d", cases[i].what, want, v.Rank)
				}
			}
			return nil
		})
	}
	s.ask("a better ranking is no worse", func() error {
		if s.info.Languages {
			return skipped("it judges how languages are treated, not only what is found")
		}
		n := len(measures)
		for i, name := range measures {
			if whole[i] < whole[n+i] {
				return fmt.Errorf("%s is %v with the relevant documents first, and %v with them last", name, whole[i], whole[n+i])
			}
		}
		return nil
	})
	s.ask("same input twice, same values", func() error {
		again, err := run(m)
		return either(err, s.same("the second time", whole, again))
	})
	s.ask("opened anew, same values", func() error {
		v, err := s.open(ctx, s.config, nil, true)
		if err != nil {
			return err
		}
		again, err := run(v.(sdk.Metric))
		return either(err, s.same("anew", whole, again))
	})
}

// told adds what a metric that asks for languages is told: two of them, and
// that a and b are translations of one another.
func told(q sdk.JudgedQuery) sdk.JudgedQuery {
	q.Language, q.Group, q.Candidates = "eng", "g"+q.ID, map[string]int{"deu": 3, "eng": 3}
	q.Documents = map[string]sdk.DocumentInfo{}
	all := map[string]sdk.DocumentInfo{"a": {Language: "eng", Group: "1"}, "b": {Language: "deu", Group: "1"}, "c": {Language: "deu", Group: "2"}, "d": {Language: "eng", Group: "2"}, "x": {Language: "eng", Group: "3"}, "y": {Language: "deu", Group: "3"}}
	for id := range q.Qrels {
		q.Documents[id] = all[id]
	}
	for _, d := range q.Ranking {
		q.Documents[d.ID] = all[d.ID]
	}
	return q
}
