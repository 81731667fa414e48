package pluginhost_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/go-hclog"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/sdk"
)

func encoder(config string) pluginhost.Ref {
	return pluginhost.Ref{Kind: sdk.KindEncoder, Plugin: "good", Name: "hash", Config: []byte(config)}
}

func loader(config string) pluginhost.Ref {
	return pluginhost.Ref{Kind: sdk.KindLoader, Plugin: "good", Name: "corpus", Config: []byte(config)}
}

func texts(ts ...string) iter.Seq2[sdk.Text, error] {
	return func(yield func(sdk.Text, error) bool) {
		for i, t := range ts {
			if !yield(sdk.Text{ID: fmt.Sprintf("t%d", i), Language: "eng", Text: t}, nil) {
				return
			}
		}
	}
}

func newHost(t *testing.T, change func(*pluginhost.Config)) *pluginhost.Host {
	t.Helper()
	cfg := pluginhost.Config{Plugins: []pluginhost.Spec{spec("good")}, RunID: "test"}
	if change != nil {
		change(&cfg)
	}
	h, err := pluginhost.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// encode joins what a call gives.
func encode(ctx context.Context, h *pluginhost.Host, ref pluginhost.Ref, ts ...string) (*sdk.Embeddings, pluginhost.Stats, error) {
	all := &sdk.Embeddings{}
	_, st, err := h.Encode(ctx, 0, ref, sdk.RoleDocument, texts(ts...), len(ts), func(e *sdk.Embeddings) error {
		all.Dim = e.Dim
		all.Data = append(all.Data, e.Data...)
		if e.Sparse() {
			if all.Indptr == nil {
				all.Indptr = []int64{0}
			}
			n := all.Indptr[len(all.Indptr)-1]
			for _, p := range e.Indptr[1:] {
				all.Indptr = append(all.Indptr, n+p)
			}
			all.Indices = append(all.Indices, e.Indices...)
			all.Values = append(all.Values, e.Values...)
		}
		return nil
	})
	return all, st, err
}

func direct(t *testing.T, config string, ts ...string) *sdk.Embeddings {
	t.Helper()
	v, err := goodPlugin("x").Components[0].Open(t.Context(), []byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	var in []sdk.Text
	for x, err := range texts(ts...) {
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, x)
	}
	e, err := v.(sdk.Encoder).Encode(t.Context(), sdk.RoleDocument, in)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func equal(a, b *sdk.Embeddings) bool {
	return a.Dim == b.Dim && slices.Equal(a.Data, b.Data) && slices.Equal(a.Indptr, b.Indptr) && slices.Equal(a.Indices, b.Indices) && slices.Equal(a.Values, b.Values)
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestComponents(t *testing.T) {
	h := newHost(t, nil)
	cs, err := h.Components(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []pluginhost.Component
	for _, c := range goodPlugin("good").Components {
		want = append(want, pluginhost.Component{Info: c.Info, Plugin: "good", Version: "0.1.0"})
	}
	if diff := cmp.Diff(want, cs, cmp.Transformer("nil", func(o []sdk.Option) []sdk.Option {
		if len(o) == 0 {
			return nil
		}
		return o
	})); diff != "" {
		t.Errorf("declaration changed on its way (-want +got):\n%s", diff)
	}
	if cs[0].Train == nil || cs[1].Train != nil {
		t.Errorf("want train options for the encoder only, got %v and %v", cs[0].Train, cs[1].Train)
	}
}

func TestTwinsAreRefused(t *testing.T) {
	h := newHost(t, func(c *pluginhost.Config) { c.Plugins = append(c.Plugins, spec("twin")) })
	_, err := h.Components(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"good"`) || !strings.Contains(err.Error(), `"twin"`) {
		t.Errorf("want an error that names both plugins, got %v", err)
	}
}

func TestValidate(t *testing.T) {
	h := newHost(t, nil)
	for _, c := range []struct {
		config, train string
		want          []string
	}{
		{`{"dim": 4}`, "", nil},
		{`{"dim": 4, "dmi": 5}`, "", []string{`[dmi] Unsupported argument: An argument named "dmi" is not expected here. Did you mean "dim"?`}},
		{`{"dim": 13}`, "", []string{"[dim] Unlucky: Not 13."}},
		{`{}`, `{"examples": 0}`, []string{`[examples] Invalid value: "examples" must be at least 1, got 0.`}},
		{`{"dim": 99}`, `{"x": 0}`, []string{`[dim] Invalid value: "dim" must be at most 64, got 99.`, `[x] Unsupported argument: An argument named "x" is not expected here.`}},
	} {
		var train []byte
		if c.train != "" {
			train = []byte(c.train)
		}
		ds, err := h.Validate(t.Context(), encoder(c.config), train)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range ds {
			got = append(got, fmt.Sprintf("%v %s: %s", d.Path, d.Summary, d.Detail))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.config, c.train, diff)
		}
	}
	_, err := h.Describe(t.Context(), 0, encoder(`{"dim": 13}`))
	ds, ok := sdk.AsDiagnostics(err)
	if !ok || pluginhost.FaultOf(err) != pluginhost.FaultInput || len(ds) != 1 || ds[0].Path[0] != "dim" {
		t.Errorf("want a diagnostic at dim, got %v", err)
	}
}

func TestLoad(t *testing.T) {
	h := newHost(t, nil)
	ref := loader(`{"path": "/data/x", "rows": 2000}`)
	v, err := goodPlugin("x").Components[1].Open(t.Context(), ref.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want, got recorder
	if err := v.(sdk.Loader).Load(t.Context(), &want); err != nil {
		t.Fatal(err)
	}
	st, err := h.Load(t.Context(), 0, ref, &got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.seen, got.seen); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.progress != 2000 || st.Count != 4*2000+1 {
		t.Errorf("progress %d, count %d", got.progress, st.Count)
	}

	inspection, err := sdk.Inspect(t.Context(), v.(sdk.Loader))
	if err != nil {
		t.Fatal(err)
	}
	in, err := h.Inspect(t.Context(), 0, ref)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inspection, in); diff != "" {
		t.Errorf("inspection changed on its way (-want +got):\n%s", diff)
	}
	src, err := h.Sources(t.Context(), 0, ref)
	if diff := cmp.Diff([]sdk.Source{{Name: "data.txt", Path: "/data/x"}}, src); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}

	stop := errors.New("enough")
	got = recorder{stop: stop}
	if _, err := h.Load(t.Context(), 0, ref, &got); !errors.Is(err, stop) {
		t.Errorf("want the collector's own error, got %v", err)
	}
	if _, err := h.Sources(t.Context(), 0, loader(`{"path": "relative"}`)); pluginhost.FaultOf(err) != pluginhost.FaultPlugin {
		t.Errorf("want a relative path refused, got %v", err)
	}
}

// recorder keeps everything.
type recorder struct {
	seen     []any
	progress int64
	stop     error
}

func (r *recorder) add(x any) error {
	r.seen = append(r.seen, x)
	return r.stop
}
func (r *recorder) Query(x sdk.Query) error       { return r.add(x) }
func (r *recorder) Document(x sdk.Document) error { return r.add(x) }
func (r *recorder) Qrel(x sdk.Qrel) error         { return r.add(x) }
func (r *recorder) Pair(x sdk.Pair) error         { return r.add(x) }
func (r *recorder) Count(name string, n int)      { _ = r.add([]any{name, n}) }
func (r *recorder) Progress(done, _ int64)        { r.progress = done }

func TestHugeText(t *testing.T) {
	h := newHost(t, nil)
	const size = 5<<20 + 3
	var got recorder
	if _, err := h.Load(t.Context(), 0, loader(fmt.Sprintf(`{"long": %d}`, size)), &got); err != nil {
		t.Fatal(err)
	}
	var long string
	for _, x := range got.seen {
		if d, ok := x.(sdk.Document); ok && d.ID == "d2" {
			long = d.Text
		}
	}
	if long != longText(size) {
		t.Errorf("a text of %d bytes arrived with %d", size, len(long))
	}
	e, _, err := encode(t.Context(), h, encoder(`{}`), "a", longText(size), "b")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(direct(t, `{}`, "a", longText(size), "b"), e); diff != "" {
		t.Error(diff)
	}
}

func TestEncode(t *testing.T) {
	h := newHost(t, nil)
	var many []string
	for i := range 3*wire.Window + 17 {
		many = append(many, strings.Repeat("ж", i%40)+"\x00"+strconv.Itoa(i))
	}
	odd := []string{"", "🙂", "שלום", "\x00", "not \xff UTF-8"}
	for _, config := range []string{`{}`, `{"dim": 64}`, `{"sparse": true}`} {
		for _, ts := range [][]string{{}, odd, many} {
			e, st, err := encode(t.Context(), h, encoder(config), ts...)
			if err != nil {
				t.Fatalf("%s: %v", config, err)
			}
			if len(ts) > 0 {
				if !equal(direct(t, config, ts...), e) {
					t.Errorf("%s, %d texts: other vectors than without a process between", config, len(ts))
				}
			}
			if int(st.Count) != len(ts) || st.PID == 0 || st.PID == os.Getpid() || st.Plugin != "good" {
				t.Errorf("%+v", st)
			}
		}
	}
	info, err := h.Describe(t.Context(), 0, encoder(`{"dim": 5}`))
	if diff := cmp.Diff(sdk.EncoderInfo{Dim: 5, ParamsTotal: 5, Pretraining: []string{"eng"}, PretrainingKnown: true}, info); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestEncodeCallersErrors(t *testing.T) {
	h := newHost(t, nil)
	mine := errors.New("mine")
	bad := func(yield func(sdk.Text, error) bool) {
		_ = yield(sdk.Text{ID: "a"}, nil) && yield(sdk.Text{}, mine)
	}
	nowhere := func(*sdk.Embeddings) error { return nil }
	if _, _, err := h.Encode(t.Context(), 0, encoder(`{}`), sdk.RoleQuery, bad, 2, nowhere); !errors.Is(err, mine) {
		t.Errorf("texts: want the iterator's own error, got %v", err)
	}
	if _, _, err := h.Encode(t.Context(), 0, encoder(`{}`), sdk.RoleQuery, texts("a"), 1, func(*sdk.Embeddings) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("sink: want its own error, got %v", err)
	}
	if _, _, err := h.Encode(t.Context(), 0, encoder(`{}`), sdk.RoleQuery, texts("a"), 2, nowhere); err == nil || err.Error() != "want 2 texts, got 1" {
		t.Errorf("total: got %v", err)
	}
	if _, _, err := h.Encode(t.Context(), 0, pluginhost.Ref{Plugin: "none"}, sdk.RoleQuery, texts("a"), 1, nowhere); err == nil {
		t.Error("want an error for an unknown plugin")
	}
	if _, err := h.Describe(t.Context(), 0, pluginhost.Ref{Kind: sdk.KindEncoder, Plugin: "good", Name: "none"}); err == nil || !strings.Contains(err.Error(), `no encoder "none"`) {
		t.Errorf("unknown component: got %v", err)
	}
}

func TestTrain(t *testing.T) {
	h := newHost(t, nil)
	pairs := func(yield func(sdk.Pair, error) bool) {
		for i := range 5000 {
			p := sdk.Pair{Kind: "qa", Group: strconv.Itoa(i), A: sdk.Text{Text: strings.Repeat("frage", 100)}, B: sdk.Text{Text: "answer"}}
			if !yield(p, nil) {
				return
			}
		}
	}
	for _, n := range []int{1, 5000} {
		dir := t.TempDir()
		var last int64
		st, err := h.Train(t.Context(), 0, encoder(`{}`), pluginhost.TrainCall{
			Options: fmt.Appendf(nil, `{"examples": %d}`, n), Pairs: pairs, Count: 5000, Dir: dir, Work: t.TempDir(),
			Report: func(done, total int64) { last = done },
		})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		i := 0
		for p, err := range iter.Seq2[sdk.Pair, error](pairs) {
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(fmt.Appendln(nil, p))
			if i++; i == n {
				break
			}
		}
		b, err := os.ReadFile(filepath.Join(dir, "model"))
		if want := fmt.Sprintf("%d %x", n, sum.Sum(nil)); string(b) != want || err != nil {
			t.Errorf("%v: want %s, got %s", err, want, b)
		}
		if last != int64(n) || st.Count != 5000 {
			t.Errorf("progress %d, %+v", last, st)
		}
	}
	mine := errors.New("mine")
	bad := func(yield func(sdk.Pair, error) bool) { yield(sdk.Pair{}, mine) }
	if _, err := h.Train(t.Context(), 0, encoder(`{}`), pluginhost.TrainCall{Pairs: bad, Dir: t.TempDir()}); !errors.Is(err, mine) {
		t.Errorf("want the iterator's own error, got %v", err)
	}
}

func searchTask(dir string) sdk.SearchTask {
	return sdk.SearchTask{
		Dir: dir, Documents: sdk.Matrix{Path: "/d", Digest: "x", Rows: 10, Dim: 2}, Queries: sdk.Matrix{Path: "/q", Rows: 4, Dim: 2},
		DocumentRows: []int32{7, 8, 9}, QueryRows: []int32{3, 1}, K: 2,
	}
}

func TestSearch(t *testing.T) {
	h := newHost(t, nil)
	ref := pluginhost.Ref{Kind: sdk.KindIndex, Plugin: "good", Name: "first"}
	dir := t.TempDir()
	if _, err := h.Build(t.Context(), 0, ref, sdk.BuildTask{Documents: sdk.Matrix{Path: "/d", Rows: 10}, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "index")); string(b) != "/d" || err != nil {
		t.Errorf("%s %v", b, err)
	}
	all := searchTask(dir)
	all.DocumentRows, all.QueryRows = nil, nil
	none := searchTask(dir)
	none.DocumentRows, none.QueryRows = []int32{}, []int32{}
	huge := searchTask(dir)
	huge.Documents.Rows, huge.K, huge.QueryRows = 1_500_000, 600_000, []int32{2}
	huge.DocumentRows = make([]int32, huge.Documents.Rows)
	for i := range huge.DocumentRows {
		huge.DocumentRows[i] = int32(i)
	}
	for _, task := range []sdk.SearchTask{searchTask(dir), all, none, huge} {
		type answer struct {
			query int32
			hits  []sdk.Hit
		}
		var want, got []answer
		if err := (first{}).Search(t.Context(), &task, func(q int32, hits []sdk.Hit) error {
			want = append(want, answer{q, hits})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		st, err := h.Search(t.Context(), 0, ref, task, func(q int32, hits []sdk.Hit) error {
			got = append(got, answer{q, hits})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(want, got, func(a, b answer) bool { return a.query == b.query && slices.Equal(a.hits, b.hits) }) {
			t.Errorf("want %d answers, got %d others", len(want), len(got))
		}
		if int(st.Count) != len(want) {
			t.Errorf("%+v", st)
		}
	}
	for lie, want := range map[string]string{
		"order": "out of order", "candidate": "no candidate", "extra": "at most 2 hits", "range": "of a matrix of 10 rows",
		"nan": "not a number", "missing": "want the hits of 2 queries, got 1", "shuffled": "want the hits of query row 3, got those of row 1",
	} {
		ref.Config = fmt.Appendf(nil, `{"lie": %q}`, lie)
		_, err := h.Search(t.Context(), 0, ref, searchTask(dir), func(int32, []sdk.Hit) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) || pluginhost.FaultOf(err) != pluginhost.FaultPlugin {
			t.Errorf("%s: want %q, got %v", lie, want, err)
		}
	}
}

func judged(n int) iter.Seq[sdk.JudgedQuery] {
	return func(yield func(sdk.JudgedQuery) bool) {
		for i := range n {
			q := sdk.JudgedQuery{ID: "q" + strconv.Itoa(i), Qrels: map[string]int{"d3": 1, "d0": 0}}
			for j := range 5 {
				q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: "d" + strconv.Itoa((i+j)%7), Score: 1 / float64(j+3)})
			}
			if !yield(q) {
				return
			}
		}
	}
}

func TestEvaluate(t *testing.T) {
	h := newHost(t, nil)
	ref := pluginhost.Ref{Kind: sdk.KindMetric, Plugin: "good", Name: "rank"}
	const n = 2*wire.Window + 5
	var want, got []sdk.QueryValues
	for q := range judged(n) {
		v, err := (rank{}).Evaluate(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, v)
	}
	measures, st, err := h.Evaluate(t.Context(), 0, ref, judged(n), func(id string, v sdk.QueryValues) error {
		if id != "q"+strconv.Itoa(len(got)) {
			t.Errorf("%s comes as number %d", id, len(got))
		}
		got = append(got, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || st.Count != n || !slices.Equal(measures, []string{"RR", "n"}) {
		t.Errorf("%+v %v -want +got:\n%s", st, measures, diff)
	}
	for lie, want := range map[string]string{"nan": `query "q0": RR is NaN`, "few": "want 2 values, got 1", "few reasons": "want 2 reasons", "short": "want the values of 3 queries, got 2"} {
		ref.Config = fmt.Appendf(nil, `{"lie": %q, "set": %t}`, lie, lie == "short")
		_, _, err := h.Evaluate(t.Context(), 0, ref, judged(3), func(string, sdk.QueryValues) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", lie, want, err)
		}
	}
}

// What a metric may know of languages crosses, and so does why a measure has no
// value; a metric that compares queries gets all of them.
func TestEvaluateLanguages(t *testing.T) {
	h := newHost(t, nil)
	ref := pluginhost.Ref{Kind: sdk.KindMetric, Plugin: "good", Name: "rank", Config: []byte(`{"lie": "undefined"}`)}
	one := func(yield func(sdk.JudgedQuery) bool) {
		yield(sdk.JudgedQuery{
			ID: "q", Qrels: map[string]int{"a": 1}, Language: "eng", Group: "g", Candidates: map[string]int{"deu": 4},
			Documents: map[string]sdk.DocumentInfo{"a": {Language: "deu", Group: "g"}, "b": {}},
		})
	}
	var got sdk.QueryValues
	if _, _, err := h.Evaluate(t.Context(), 0, ref, one, func(_ string, v sdk.QueryValues) error {
		got = v
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := sdk.QueryValues{Values: []float64{math.NaN(), 2.4}, Undefined: []string{"it is eng", ""}, Notes: []string{"in group g"}}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ref.Config = []byte(`{"set": true}`)
	const n = wire.Window + 5
	heard := 0
	if _, _, err := h.Evaluate(t.Context(), 0, ref, judged(n), func(_ string, v sdk.QueryValues) error {
		heard++
		if v.Values[1] != n {
			t.Errorf("%v of %d queries", v.Values[1], n)
		}
		return nil
	}); err != nil || heard != n {
		t.Errorf("%d of %d: %v", heard, n, err)
	}
}

// Each way to go wrong costs one error that says whose fault it is, and the
// next call works.
func TestFailures(t *testing.T) {
	h := newHost(t, nil)
	for _, c := range []struct {
		mode      string
		fault     pluginhost.Fault
		retryable bool
		want      []string
		restarts  bool
	}{
		{"panic", pluginhost.FaultPlugin, false, []string{`plugin "good": encode (encoder "hash"): panic: out of cheese`}, false},
		{"crash", pluginhost.FaultPlugin, true, []string{"in the middle of its work", "exit status 2", "about to crash", "panic: redo from start"}, true},
		{"exit", pluginhost.FaultPlugin, true, []string{"in the middle of its work", "exit status 7", "last words on stdout"}, true},
		{"nan", pluginhost.FaultPlugin, false, []string{`the vector of text "t1" holds NaN`}, false},
		{"wrong dim", pluginhost.FaultPlugin, false, []string{"want vectors of 8 dimensions", "got 9"}, false},
		{"few", pluginhost.FaultPlugin, false, []string{"want one vector for each of 2 texts, got 1"}, false},
		{"error", pluginhost.FaultInput, false, []string{"this text is beneath me"}, false},
		{"busy", pluginhost.FaultInput, true, []string{"come back later"}, false},
	} {
		t.Run(c.mode, func(t *testing.T) {
			_, before, err := encode(t.Context(), h, encoder(`{}`), "a")
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = encode(t.Context(), h, encoder(fmt.Sprintf(`{"mode": %q}`, c.mode)), "a", "b")
			var e *pluginhost.Error
			if !errors.As(err, &e) {
				t.Fatalf("want a *pluginhost.Error, got %v", err)
			}
			if e.Fault != c.fault || e.Retryable != c.retryable {
				t.Errorf("want fault %s, retryable %t; got %s, %t", c.fault, c.retryable, e.Fault, e.Retryable)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in: %v", want, err)
				}
			}
			_, after, err := encode(t.Context(), h, encoder(`{}`), "a")
			if err != nil {
				t.Fatalf("the next call: %v", err)
			}
			if restarted := before.PID != after.PID; restarted != c.restarts {
				t.Errorf("want restarted = %t, got %t", c.restarts, restarted)
			}
		})
	}
}

func TestProtocolBreaches(t *testing.T) {
	h := newHost(t, func(c *pluginhost.Config) {
		c.Plugins = []pluginhost.Spec{spec("liar")}
		c.IdleTimeout = 300 * time.Millisecond
	})
	for lie, want := range map[string]string{
		"no done": "without its last message", "digest": "damaged stream", "count": "short stream: want 3 records, got 2",
		"trailing": "bytes after the last record", "half record": "bytes after the last record", "after done": "after the last one",
		"garbage": "broken stream", "silence": "no sign of life", "fewer": "want 2 vectors, got 1", "more": "more vectors than it got texts",
		"shape": "want 2 rows × 2 columns, got 12 bytes",
	} {
		_, _, err := encode(t.Context(), h, pluginhost.Ref{Kind: sdk.KindEncoder, Plugin: "liar", Name: "hash", Config: []byte(lie)}, "a", "b")
		if err == nil || !strings.Contains(err.Error(), want) || pluginhost.FaultOf(err) != pluginhost.FaultPlugin {
			t.Errorf("%s: want %q, got %v", lie, want, err)
		}
	}
}

func TestStart(t *testing.T) {
	for role, want := range map[string]string{
		"silent": "was not ready within 300ms", "chatty": `printed "welcome to my plugin"`, "future": "speaks protocol 9, this xlrun speaks 1",
		"invalid": `name "Bad Name"`,
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, func(c *pluginhost.Config) {
				c.Plugins = []pluginhost.Spec{spec(role)}
				if role == "silent" {
					c.StartTimeout = 300 * time.Millisecond
				}
			})
			_, err := h.Components(t.Context())
			if err == nil || !strings.Contains(err.Error(), want) || pluginhost.FaultOf(err) != pluginhost.FaultPlugin {
				t.Errorf("want %q, got %v", want, err)
			}
		})
	}
	h := newHost(t, func(c *pluginhost.Config) {
		c.Plugins = []pluginhost.Spec{{Name: "none", Command: []string{filepath.Join(t.TempDir(), "none")}}}
	})
	_, err := h.Components(t.Context())
	if err == nil || !strings.Contains(err.Error(), "there is no program") || pluginhost.FaultOf(err) != pluginhost.FaultMachine {
		t.Errorf("missing program: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := newHost(t, func(c *pluginhost.Config) { c.Plugins = []pluginhost.Spec{spec("silent")} })
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := slow.Components(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("want a start that can be cancelled, got %v", err)
	}
}

func TestStdoutFlood(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, func(c *pluginhost.Config) { c.LogDir = dir })
	e, _, err := encode(t.Context(), h, encoder(`{"mode": "flood"}`), "a")
	if err != nil || e.Rows() != 1 {
		t.Fatalf("%v", err)
	}
	eventually(t, "the flood is in the log", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "good-0.log"))
		return err == nil && bytes.Count(b, []byte("xxx\n")) >= 20
	})
}

func inside(t *testing.T) (reached func() bool) {
	dir := t.TempDir()
	t.Setenv("XLRUN_TEST_SCRATCH", dir)
	return func() bool {
		_, err := os.Stat(filepath.Join(dir, "inside"))
		return err == nil
	}
}

// A component that heeds its context costs a cancel nothing; one that does not
// costs its process.
func TestCancel(t *testing.T) {
	for mode, survives := range map[string]bool{"patient": true, "hang": false} {
		t.Run(mode, func(t *testing.T) {
			reached := inside(t)
			h := newHost(t, func(c *pluginhost.Config) { c.KillGrace = 500 * time.Millisecond })
			_, before, err := encode(t.Context(), h, encoder(`{}`), "a")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, _, err := encode(ctx, h, encoder(fmt.Sprintf(`{"mode": %q}`, mode)), "a")
				done <- err
			}()
			eventually(t, "the component is at work", reached)
			cancel()
			select {
			case err = <-done:
			case <-time.After(5 * time.Second):
				t.Fatal("the call does not return")
			}
			var e *pluginhost.Error
			if !errors.Is(err, context.Canceled) || errors.As(err, &e) {
				t.Errorf("cancelled is not failed: %v", err)
			}
			if !survives && !gone(before.PID) {
				t.Error("the call has returned, and the component still works on it")
			}
			_, after, err := encode(t.Context(), h, encoder(`{}`), "a")
			if err != nil {
				t.Fatal(err)
			}
			if (before.PID == after.PID) != survives {
				t.Errorf("want the process to survive: %t", survives)
			}
		})
	}
}

// tardy is a context whose timer fires late, as timers do on a busy machine:
// gRPC and the plugin know that its deadline has passed before it does.
type tardy struct {
	context.Context
	deadline time.Time
}

func (t tardy) Deadline() (time.Time, bool) { return t.deadline, true }

func newTardy(t *testing.T) context.Context {
	d := time.Now().Add(300 * time.Millisecond)
	ctx, cancel := context.WithDeadline(t.Context(), d.Add(300*time.Millisecond))
	t.Cleanup(cancel)
	return tardy{ctx, d}
}

// A caller's deadline is its own affair, whoever notices it first.
func TestDeadline(t *testing.T) {
	h := newHost(t, func(c *pluginhost.Config) { c.Plugins = append(c.Plugins, spec("silent")) })
	_, before, err := encode(t.Context(), h, encoder(`{}`), "a")
	if err != nil {
		t.Fatal(err)
	}
	index := pluginhost.Ref{Kind: sdk.KindIndex, Plugin: "good", Name: "first", Config: []byte(`{"lie": "patient"}`)}
	metric := pluginhost.Ref{Kind: sdk.KindMetric, Plugin: "good", Name: "rank", Config: []byte(`{"lie": "patient"}`)}
	m := sdk.Matrix{Path: "/m", Rows: 2, Dim: 1}
	t.Run("calls", func(t *testing.T) {
		for name, f := range map[string]func(context.Context) error{
			"encode": func(ctx context.Context) error {
				_, _, err := encode(ctx, h, encoder(`{"mode": "patient"}`), "a")
				return err
			},
			"train": func(ctx context.Context) error {
				pairs := func(func(sdk.Pair, error) bool) {}
				_, err := h.Train(ctx, 0, encoder(`{"mode": "patient"}`), pluginhost.TrainCall{Options: []byte(`{}`), Pairs: pairs, Dir: t.TempDir()})
				return err
			},
			"build": func(ctx context.Context) error {
				_, err := h.Build(ctx, 0, index, sdk.BuildTask{Documents: m})
				return err
			},
			"search": func(ctx context.Context) error {
				_, err := h.Search(ctx, 0, index, sdk.SearchTask{Documents: m, Queries: m, K: 1}, func(int32, []sdk.Hit) error { return nil })
				return err
			},
			"evaluate": func(ctx context.Context) error {
				_, _, err := h.Evaluate(ctx, 0, metric, slices.Values([]sdk.JudgedQuery{{ID: "q"}}), func(string, sdk.QueryValues) error { return nil })
				return err
			},
			"open": func(ctx context.Context) error {
				_, err := h.Describe(ctx, 0, encoder(`{"mode": "patient to open"}`))
				return err
			},
			"validate": func(ctx context.Context) error {
				_, err := h.Validate(ctx, encoder(`{"mode": "slow to validate"}`), nil)
				return err
			},
			"start": func(ctx context.Context) error {
				ref := encoder(`{}`)
				ref.Plugin = "silent"
				_, err := h.Describe(ctx, 0, ref)
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx := newTardy(t)
				err := f(ctx)
				var e *pluginhost.Error
				if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) {
					t.Errorf("want the context's error, and nobody's fault, got %v", err)
				}
				if ctx.Err() == nil {
					t.Error("the call says that the context has ended before the context does")
				}
			})
		}
	})
	_, after, err := encode(t.Context(), h, encoder(`{}`), "a")
	if err != nil || before.PID != after.PID {
		t.Errorf("a deadline cost the process: %v", err)
	}
}

// A cancel with a cause of its own is a cancel still.
func TestCancelCause(t *testing.T) {
	reached := inside(t)
	h := newHost(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough of this")
	go func() {
		for !reached() {
			time.Sleep(time.Millisecond)
		}
		cancel(cause)
	}()
	_, _, err := encode(ctx, h, encoder(`{"mode": "patient"}`), "a")
	if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || !strings.Contains(err.Error(), cause.Error()) {
		t.Errorf("want the cancel and its cause, got %v", err)
	}
}

// A stopped process sends no signs of life.
func TestStopped(t *testing.T) {
	reached := inside(t)
	h := newHost(t, func(c *pluginhost.Config) { c.IdleTimeout = 400 * time.Millisecond })
	_, st, err := encode(t.Context(), h, encoder(`{}`), "a")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for !reached() {
			time.Sleep(time.Millisecond)
		}
		_ = syscall.Kill(st.PID, syscall.SIGSTOP)
	}()
	_, _, err = encode(t.Context(), h, encoder(`{"mode": "hang"}`), "a")
	var e *pluginhost.Error
	if !errors.As(err, &e) || e.Fault != pluginhost.FaultPlugin || !e.Retryable || !strings.Contains(err.Error(), "no sign of life for 400ms") {
		t.Errorf("got %v", err)
	}
	eventually(t, "the process is gone", func() bool { return gone(st.PID) })
	if _, _, err := encode(t.Context(), h, encoder(`{}`), "a"); err != nil {
		t.Error(err)
	}
}

// Signs of life come while a component works.
func TestHeartbeat(t *testing.T) {
	h := newHost(t, func(c *pluginhost.Config) { c.IdleTimeout = wire.Heartbeat + time.Second })
	ctx, cancel := context.WithTimeout(t.Context(), wire.Heartbeat+2*time.Second)
	defer cancel()
	_, _, err := encode(ctx, h, encoder(`{"mode": "patient"}`), "a")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want the idle timeout not to strike, got %v", err)
	}
}

func TestKilledByHand(t *testing.T) {
	reached := inside(t)
	h := newHost(t, nil)
	_, st, err := encode(t.Context(), h, encoder(`{}`), "a")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for !reached() {
			time.Sleep(time.Millisecond)
		}
		_ = syscall.Kill(st.PID, syscall.SIGKILL)
	}()
	_, _, err = encode(t.Context(), h, encoder(`{"mode": "hang"}`), "a")
	var e *pluginhost.Error
	if !errors.As(err, &e) || e.Fault != pluginhost.FaultMachine || !e.Retryable || e.Exit != "killed by signal: killed" {
		t.Errorf("got %v", err)
	}
	_, again, err := encode(t.Context(), h, encoder(`{}`), "a")
	if err != nil || again.PID == st.PID {
		t.Fatalf("%v %+v", err, again)
	}
	_ = syscall.Kill(again.PID, syscall.SIGKILL)
	// Killed while idle: nobody needs to know, or one call does.
	eventually(t, "the next process", func() bool { _, _, err := encode(t.Context(), h, encoder(`{}`), "a"); return err == nil })
}

func TestHostKilled(t *testing.T) {
	cmd := hostProcess(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || gone(pid) {
		t.Fatalf("%q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the plugin is gone", func() bool { return gone(pid) || zombie(pid) })
}

// zombie reports a process that has ended and that nobody waits for, as happens
// in containers without an init.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	return err == nil && strings.HasPrefix(rest, "Z")
}

func TestClose(t *testing.T) {
	reached := inside(t)
	h := newHost(t, func(c *pluginhost.Config) { c.KillGrace = 300 * time.Millisecond })
	_, st, err := encode(t.Context(), h, encoder(`{}`), "a")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, _, err := encode(t.Context(), h, encoder(`{"mode": "hang"}`), "a")
		done <- err
	}()
	eventually(t, "the component is at work", reached)
	h.Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
	if !gone(st.PID) {
		t.Error("the process outlives its host")
	}
	if _, _, err := encode(t.Context(), h, encoder(`{}`), "a"); err == nil {
		t.Error("a closed host must not start processes")
	}
	h.Close()
}

func TestSlots(t *testing.T) {
	h := newHost(t, nil)
	pids := map[int]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			_, st, err := h.Encode(t.Context(), i%3, encoder(fmt.Sprintf(`{"dim": %d}`, 1+i/3)), sdk.RoleQuery, texts("a", "b"), 2, func(e *sdk.Embeddings) error {
				if e.Dim != 1+i/3 {
					return fmt.Errorf("dim %d", e.Dim)
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			pids[st.PID] = true
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(pids) != 3 {
		t.Errorf("want one process per slot, got %d for 3 slots", len(pids))
	}
}

func TestLogger(t *testing.T) {
	var buf bytes.Buffer
	var mu sync.Mutex
	h := newHost(t, func(c *pluginhost.Config) {
		c.Logger = hclog.New(&hclog.LoggerOptions{Output: &buf, Mutex: &mu, Level: hclog.Debug, JSONFormat: true})
	})
	_, _, err := encode(t.Context(), h, encoder(`{"mode": "exit"}`), "a")
	if err == nil {
		t.Fatal("want an error")
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(buf.String(), `"@module":"good"`) || !strings.Contains(buf.String(), "last words on stdout") {
		t.Errorf("the plugin's output is not in the log: %s", buf.String())
	}
}

func TestSocketDirTooLong(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 80))
	if err := os.Mkdir(long, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	t.Setenv("XDG_RUNTIME_DIR", "")
	h := newHost(t, nil)
	if _, _, err := encode(t.Context(), h, encoder(`{}`), "a"); err != nil {
		t.Errorf("want a shorter directory to be found, got %v", err)
	}
}

// A process keeps two models open, and closes the one that was not used for
// the longest time.
func TestManyModels(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XLRUN_TEST_SCRATCH", dir)
	h := newHost(t, nil)
	for _, model := range []string{"1", "2", "1", "3", "1", "4"} {
		ref := encoder(`{}`)
		ref.Model = &sdk.Model{Dir: "/m", Digest: model}
		if _, _, err := encode(t.Context(), h, ref, "a"); err != nil {
			t.Fatal(err)
		}
	}
	for model, want := range map[string]bool{"1": false, "2": true, "3": true, "4": false} {
		if _, err := os.Stat(filepath.Join(dir, "closed "+model)); (err == nil) != want {
			t.Errorf("model %s: want closed = %t, got %v", model, want, err)
		}
	}
}

// A plugin sees where things are, its caps, and what its configuration says.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XLRUN_TEST_SCRATCH", dir)
	t.Setenv("PYTHONHASHSEED", "17")
	t.Setenv("GOMAXPROCS", "64")
	h := newHost(t, func(c *pluginhost.Config) { c.Threads, c.MemoryMiB = 3, 512 })
	if _, _, err := encode(t.Context(), h, encoder(`{"mode": "environment"}`), "a"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(string(b), "\n")
	for _, want := range []string{"GOMAXPROCS=3", "OMP_NUM_THREADS=3", "GOMEMLIMIT=512MiB", "PATH=" + os.Getenv("PATH"), roleEnv + "=good"} {
		if !slices.Contains(got, want) {
			t.Errorf("want %s", want)
		}
	}
	for _, x := range got {
		if strings.HasPrefix(x, "PYTHONHASHSEED") || strings.HasPrefix(x, wire.CookieKey) || strings.HasPrefix(x, wire.LifelineEnv) {
			t.Errorf("%s has no business there", x)
		}
	}
}

// Sockets lie in a private directory, which goes with the host; one that a
// killed host has left goes with the next.
func TestSocketDir(t *testing.T) {
	base := t.TempDir()
	if len(base) > 60 {
		short, err := os.MkdirTemp("/tmp", "x")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(short) })
		base = short
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", base)
	left := filepath.Join(base, "xlrun-left")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	dirs := func() []string {
		d, err := filepath.Glob(filepath.Join(base, "xlrun-*"))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := newHost(t, nil)
	if _, err := first.Components(t.Context()); err != nil {
		t.Fatal(err)
	}
	ds := dirs()
	if len(ds) != 1 || ds[0] == left {
		t.Fatalf("want the directory of the host alone, got %q", ds)
	}
	if st, err := os.Stat(ds[0]); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("want mode 0700, got %v %v", st.Mode(), err)
	}
	if err := os.Chtimes(ds[0], old, old); err != nil {
		t.Fatal(err)
	}
	second := newHost(t, nil)
	if ds := dirs(); len(ds) != 2 {
		t.Errorf("a directory in use is swept away: %q left", ds)
	}
	first.Close()
	second.Close()
	if ds := dirs(); len(ds) != 0 {
		t.Errorf("want nothing left, got %q", ds)
	}
}

func BenchmarkCalls(b *testing.B) {
	h, err := pluginhost.New(pluginhost.Config{Plugins: []pluginhost.Spec{spec("good")}})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	ctx := context.Background()
	b.Run("search", func(b *testing.B) {
		ref := pluginhost.Ref{Kind: sdk.KindIndex, Plugin: "good", Name: "first"}
		task := sdk.SearchTask{Documents: sdk.Matrix{Rows: 1000, Dim: 2}, Queries: sdk.Matrix{Rows: 50, Dim: 2}, K: 50}
		for b.Loop() {
			if _, err := h.Search(ctx, 0, ref, task, func(int32, []sdk.Hit) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("evaluate", func(b *testing.B) {
		ref := pluginhost.Ref{Kind: sdk.KindMetric, Plugin: "good", Name: "rank"}
		// As from a search: 50 rankings of 50 documents.
		full := make([]sdk.JudgedQuery, 50)
		for i := range full {
			full[i] = sdk.JudgedQuery{ID: "query-" + strconv.Itoa(i), Qrels: map[string]int{"document-7": 1}, Ranking: make([]sdk.ScoredDocument, 50)}
			for j := range full[i].Ranking {
				full[i].Ranking[j] = sdk.ScoredDocument{ID: "document-" + strconv.Itoa((7*i+j)%500), Score: 1 / float64(j+1)}
			}
		}
		for b.Loop() {
			if _, _, err := h.Evaluate(ctx, 0, ref, slices.Values(full), func(string, sdk.QueryValues) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := encode(ctx, h, encoder(`{}`), "a"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode 64 MiB", func(b *testing.B) {
		const rows, dim = 1 << 18, 64
		in := func(yield func(sdk.Text, error) bool) {
			for range rows {
				if !yield(sdk.Text{Text: "x"}, nil) {
					return
				}
			}
		}
		b.SetBytes(rows * dim * 4)
		for b.Loop() {
			if _, _, err := h.Encode(ctx, 0, encoder(`{"dim": 64}`), sdk.RoleQuery, in, rows, func(*sdk.Embeddings) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			h, err := pluginhost.New(pluginhost.Config{Plugins: []pluginhost.Spec{spec("good")}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := h.Components(ctx); err != nil {
				b.Fatal(err)
			}
			h.Close()
		}
	})
}
