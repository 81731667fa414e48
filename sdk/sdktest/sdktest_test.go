package sdktest_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/sdktest"
	"github.com/xlrun/xlrun/sdk/serve"
	"github.com/xlrun/xlrun/sdk/vec"
)

const roleEnv = "XLRUN_TEST_ROLE"

// bad is one component of each kind, with an option for the way in which it is
// bad; without it, it is good.
var bad = sdk.Plugin{Name: "bad", Version: "1", Components: []sdk.Component{
	sdk.NewTrainable[options, trainOptions](sdk.Info{Name: "encoder", Revision: 1}, func(_ context.Context, o options, m *sdk.Model) (sdk.Encoder, error) {
		if m != nil {
			b, err := os.ReadFile(filepath.Join(m.Dir, "model"))
			if err != nil {
				return nil, err
			}
			if o.Bad == "writes to its model" {
				return &encoder{options: o, salt: string(b)}, os.WriteFile(filepath.Join(m.Dir, "cache"), nil, 0o666)
			}
			return &encoder{options: o, salt: string(b)}, nil
		}
		return &encoder{options: o}, nil
	}),
	sdk.NewLoader(sdk.Info{Name: "loader", Revision: 1, PairKinds: []string{"qa"}}, func(_ context.Context, o options) (sdk.Loader, error) { return &loader{options: o}, nil }),
	sdk.NewIndex(sdk.Info{Name: "index", Revision: 1}, func(_ context.Context, o options) (sdk.Index, error) { return &index{options: o}, nil }),
	sdk.NewMetric(sdk.Info{Name: "metric", Revision: 1}, func(_ context.Context, o options) (sdk.Metric, error) { return &metric{options: o}, nil }),
}}

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "bad" {
		serve.Plugin(bad)
		return
	}
	os.Exit(m.Run())
}

type options struct {
	Bad    string `xl:"bad,default=" doc:"In which way to be bad."`
	Window int    `xl:"window,default=4,min=1,max=64,effect=performance" doc:"Of no effect on a good one."`
}

type trainOptions struct {
	Examples int `xl:"examples,default=100" doc:"How many."`
}

// deafness is longer than a call may go on after it was cancelled.
const deafness = 4 * time.Second

// calls makes things differ from call to call.
var calls atomic.Int64

type encoder struct {
	options
	salt string
}

func (e *encoder) Info() sdk.EncoderInfo {
	i := sdk.EncoderInfo{Dim: 4, UnitNorm: true}
	if e.Bad == "unsteady description" {
		i.ParamsTotal = calls.Add(1)
	}
	return i
}

func (e *encoder) Encode(ctx context.Context, _ sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	if e.Bad == "deaf" && len(texts) > 100 {
		time.Sleep(deafness)
	}
	out := &sdk.Embeddings{Dim: 4}
	for i, t := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		row := make([]float32, 4)
		h := fnv.New64a()
		_, _ = h.Write([]byte(e.salt + t.Text))
		switch e.Bad {
		case "nondeterministic":
			_, _ = h.Write(fmt.Append(nil, calls.Add(1)))
		case "other in another process":
			_, _ = h.Write(fmt.Append(nil, os.Getpid()))
		case "batch":
			_, _ = h.Write(fmt.Append(nil, len(texts)))
		case "position":
			_, _ = h.Write(fmt.Append(nil, i))
		case "performance":
			_, _ = h.Write(fmt.Append(nil, e.Window))
		case "panics on NUL":
			if strings.ContainsRune(t.Text, 0) {
				panic("NUL")
			}
		}
		x := h.Sum64()
		var sum float64
		for j := range row {
			row[j] = float32(int16(x >> (16 * j)))
			sum += float64(row[j]) * float64(row[j])
		}
		for j := range row {
			row[j] /= float32(math.Sqrt(sum))
			if e.Bad == "length" {
				row[j] *= 2
			}
		}
		if t.Text == "" && e.Bad != "empty" {
			clear(row)
		}
		if e.Bad == "NaN on emoji" && t.ID == "emoji" {
			row[2] = float32(math.NaN())
		}
		out.Data = append(out.Data, row...)
	}
	switch {
	case e.Bad == "drops the last" && len(texts) > 1:
		out.Data = out.Data[:len(out.Data)-4]
	case e.Bad == "dimensions":
		out.Dim = 2
	}
	return out, nil
}

func (e *encoder) Train(_ context.Context, t *sdk.TrainTask) error {
	h := fnv.New64a()
	for p, err := range t.Pairs {
		if err != nil {
			return err
		}
		_, _ = h.Write([]byte(p.A.Text + p.B.Text))
	}
	if e.Bad == "nondeterministic training" {
		_, _ = h.Write(fmt.Append(nil, calls.Add(1), os.Getpid()))
	}
	if e.Bad == "performance in training" {
		_, _ = h.Write(fmt.Append(nil, e.Window))
	}
	return os.WriteFile(filepath.Join(t.Dir, "model"), fmt.Append(nil, h.Sum64()), 0o666)
}

type loader struct{ options }

func (l *loader) Sources(context.Context) ([]sdk.Source, error) {
	exe, err := os.Executable()
	if l.Bad == "sources" {
		return []sdk.Source{{Name: "x", Path: exe}, {Name: "x", Path: exe}}, err
	}
	return []sdk.Source{{Name: "x", Path: exe}}, err
}

func (l *loader) Load(ctx context.Context, out sdk.Collector) error {
	defer func() {
		if l.Bad == "deaf" && ctx.Err() != nil {
			time.Sleep(deafness)
		}
	}()
	for i := range 20 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := fmt.Sprint("d", i)
		switch l.Bad {
		case "identifiers":
			id = fmt.Sprint("d", i/2)
		case "nondeterministic":
			id = fmt.Sprint("d", calls.Add(1), "-", os.Getpid())
		case "deaf":
			time.Sleep(20 * time.Millisecond)
		}
		err := out.Document(sdk.Document{ID: id, Language: "eng", Text: "T" + id})
		if err != nil && l.Bad != "goes on" {
			return err
		}
		if err := out.Query(sdk.Query{ID: "q" + id, Language: "eng", Text: "Q" + id}); err != nil && l.Bad != "goes on" {
			return err
		}
		other := id
		if l.Bad == "judgments" {
			other = "nothing"
		}
		if err := out.Qrel(sdk.Qrel{Query: "q" + id, Document: other, Relevance: 1}); err != nil && l.Bad != "goes on" {
			return err
		}
		kind := "qa"
		if l.Bad == "kinds" {
			kind = "other"
		}
		if err := out.Pair(sdk.Pair{Kind: kind, A: sdk.Text{Language: "deu", Text: "x"}, B: sdk.Text{Language: "eng"}}); err != nil && l.Bad != "goes on" {
			return err
		}
	}
	return nil
}

// Inspect is true for a good loader.
func (l *loader) Inspect(ctx context.Context) (*sdk.Inspection, error) {
	type bare struct{ sdk.Loader }
	in, err := sdk.Inspect(ctx, bare{l})
	if l.Bad == "inspection" {
		in.Documents = in.Documents[1:]
	}
	return in, err
}

type index struct{ options }

func (x *index) Build(context.Context, *sdk.BuildTask) error { return nil }

func (x *index) Search(ctx context.Context, t *sdk.SearchTask, emit func(int32, []sdk.Hit) error) error {
	f, err := vec.OpenNPY(t.Documents.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	docs, queries := t.DocumentRows, t.QueryRows
	if docs == nil || x.Bad == "candidates" {
		docs = nil
		for i := range f.Rows {
			docs = append(docs, int32(i))
		}
	}
	if queries == nil {
		for i := range f.Rows {
			queries = append(queries, int32(i))
		}
	}
	if x.Bad == "deaf" && len(queries) > 1000 {
		time.Sleep(deafness)
	}
	for _, q := range queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		hits := []sdk.Hit{}
		for _, d := range docs {
			var s float32
			for j := range f.Dim {
				s += float32(f.Data[int(q)*f.Dim+j] * f.Data[int(d)*f.Dim+j])
			}
			switch x.Bad {
			case "backwards":
				s = -s
			case "performance":
				s *= float32(x.Window)
			case "nondeterministic":
				s += float32(calls.Add(1)) * 1e-6
			}
			hits = append(hits, sdk.Hit{Row: d, Score: s})
		}
		slices.SortStableFunc(hits, func(a, b sdk.Hit) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return int(a.Row - b.Row)
		})
		k := min(t.K, len(hits))
		if x.Bad == "stingy" {
			k = min(k, 5)
		}
		if err := emit(q, hits[:k]); err != nil {
			return err
		}
	}
	return nil
}

type metric struct{ options }

func (m *metric) Measures() []string { return []string{"RR"} }

func (m *metric) Ranges() []sdk.Range {
	switch m.Bad {
	case "upside down", "nondeterministic":
		return nil // its values are anything
	case "ranges":
		return []sdk.Range{{Low: 0, High: 1}, {Low: 0, High: 1}}
	}
	return []sdk.Range{{Low: 0, High: 1}}
}

func (m *metric) Evaluate(_ context.Context, q sdk.JudgedQuery) (sdk.QueryValues, error) {
	v := sdk.QueryValues{Values: []float64{0}}
	for i, d := range q.Ranking {
		if q.Qrels[d.ID] > 0 {
			v.Rank, v.Values[0] = i+1, 1/float64(i+1)
			break
		}
	}
	switch m.Bad {
	case "rank":
		v.Rank++
	case "NaN":
		v.Values[0] = 0 / v.Values[0]
	case "reasons":
		v.Undefined = []string{"no", "no"}
	case "upside down":
		v.Values[0] = -v.Values[0]
	case "range":
		v.Values[0] *= 2
	case "nondeterministic":
		v.Values[0] += float64(calls.Add(1))
	case "panics":
		if len(q.Ranking) == 0 {
			panic("empty")
		}
	}
	return v, nil
}

// The checks that must fail, by kind and badness; train for those of CheckTrain.
var catches = []struct{ kind, bad, check string }{
	{"encoder", "unsteady description", "it says what it is"},
	{"encoder", "nondeterministic", "same input twice"},
	{"encoder", "other in another process", "opened anew"},
	{"encoder", "batch", "batch size is irrelevant"},
	{"encoder", "position", "order is irrelevant"},
	{"encoder", "performance", `performance option "window"`},
	{"encoder", "panics on NUL", "every text gets one vector"},
	{"encoder", "NaN on emoji", "every text gets one vector"},
	{"encoder", "drops the last", "every text gets one vector"},
	{"encoder", "dimensions", "every text gets one vector"},
	{"encoder", "empty", "an empty text gets the zero vector"},
	{"encoder", "length", "vectors have length one"},
	{"encoder", "deaf", "cancelled within two seconds"},
	{"train", "nondeterministic training", "trained twice"},
	{"train", "performance in training", `performance option "window"`},
	{"train", "writes to its model", "leave the model as it was"},
	{"loader", "sources", "sources are files"},
	{"loader", "identifiers", "identifiers are unique"},
	{"loader", "judgments", "judgments refer"},
	{"loader", "kinds", "pairs are of the kinds"},
	{"loader", "nondeterministic", "loaded twice"},
	{"loader", "inspection", "an inspection agrees"},
	{"loader", "goes on", "it stops when the host"},
	{"loader", "deaf", "cancelled within two seconds"},
	{"index", "candidates", "of the candidates only"},
	{"index", "stingy", "as many hits"},
	{"index", "backwards", "a vector finds itself"},
	{"index", "performance", `performance option "window"`},
	{"index", "nondeterministic", "same input twice"},
	{"index", "deaf", "cancelled within two seconds"},
	{"metric", "rank", "the right rank"},
	{"metric", "NaN", "one finite value"},
	{"metric", "reasons", "one finite value"},
	{"metric", "upside down", "a better ranking"},
	{"metric", "range", "one finite value"},
	{"metric", "ranges", "a range each"},
	{"metric", "nondeterministic", "same input twice"},
	{"metric", "panics", "one finite value"},
}

// recording is a testing.TB that notes failures.
type recording struct {
	testing.TB
	ctx    context.Context
	failed []string
}

func (r *recording) Helper()                  {}
func (r *recording) Context() context.Context { return r.ctx }
func (r *recording) Errorf(format string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func inProcess(ctx context.Context, kind, config string) []string {
	r := &recording{ctx: ctx}
	for _, c := range bad.Components {
		switch {
		case kind == "train" && c.Name == "encoder":
			sdktest.Trainer(r, c, config, `{}`)
		case c.Name != kind:
		case kind == "encoder":
			sdktest.Encoder(r, c, config)
		case kind == "loader":
			sdktest.Loader(r, c, config)
		case kind == "index":
			sdktest.Index(r, c, config)
		case kind == "metric":
			sdktest.Metric(r, c, config)
		}
	}
	return r.failed
}

// Only a second process shows these.
var processOnly = []string{"other in another process"}

func TestInProcess(t *testing.T) {
	for _, kind := range []string{"encoder", "train", "loader", "index", "metric"} {
		if failed := inProcess(t.Context(), kind, `{}`); len(failed) > 0 {
			t.Errorf("a good %s fails: %q", kind, failed)
		}
	}
	for _, c := range catches {
		if slices.Contains(processOnly, c.bad) {
			continue
		}
		t.Run(c.kind+" "+c.bad, func(t *testing.T) {
			if c.bad == "deaf" {
				t.Parallel()
			}
			failed := inProcess(t.Context(), c.kind, fmt.Sprintf(`{"bad": %q}`, c.bad))
			if !slices.ContainsFunc(failed, func(f string) bool { return strings.Contains(f, c.check) }) {
				t.Errorf("want a failure of %q, got %q", c.check, failed)
			}
		})
	}
}

// hostOnly says why the same check cannot fail behind a host.
var hostOnly = map[string]string{
	"goes on":              "the host ends the call itself",
	"unsteady description": "the host asks once",
	"ranges":               "the host does not open it",
}

func TestCheck(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host, err := pluginhost.New(pluginhost.Config{
		Plugins:   []pluginhost.Spec{{Name: "bad", Command: []string{exe}, Env: map[string]string{roleEnv: "bad"}}},
		KillGrace: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	run := func(kind, config string) []sdktest.Finding {
		ref := pluginhost.Ref{Kind: sdk.Kind(kind), Plugin: "bad", Name: kind, Config: []byte(config)}
		if kind == "train" {
			ref.Kind, ref.Name = sdk.KindEncoder, "encoder"
			return sdktest.CheckTrain(t.Context(), host, ref, []byte(`{}`))
		}
		return sdktest.Check(t.Context(), host, ref)
	}
	for _, kind := range []string{"encoder", "train", "loader", "index", "metric"} {
		findings := run(kind, `{}`)
		if len(findings) < 3 {
			t.Errorf("%s: only %v was asked", kind, findings)
		}
		for _, f := range findings {
			if f.Failed() || f.Skipped != "" {
				t.Errorf("a good %s: %v", kind, f)
			}
		}
	}
	for _, c := range catches {
		if hostOnly[c.bad] != "" {
			continue
		}
		t.Run(c.kind+" "+c.bad, func(t *testing.T) {
			findings := run(c.kind, fmt.Sprintf(`{"bad": %q}`, c.bad))
			if !slices.ContainsFunc(findings, func(f sdktest.Finding) bool { return f.Failed() && strings.Contains(f.Check, c.check) }) {
				t.Errorf("want a failure of %q, got:", c.check)
				for _, f := range findings {
					t.Log(f)
				}
			}
		})
	}
	if f := sdktest.Check(t.Context(), host, pluginhost.Ref{Kind: sdk.KindEncoder, Name: "none"}); len(f) != 1 || !f[0].Failed() {
		t.Errorf("want one failure for an unknown component, got %v", f)
	}
}

func TestUndocumentedOption(t *testing.T) {
	type undocumented struct {
		X int `xl:"x"`
	}
	c := sdk.NewMetric(sdk.Info{Name: "m", Revision: 1}, func(context.Context, undocumented) (sdk.Metric, error) { return nil, errors.New("closed") })
	r := &recording{ctx: t.Context()}
	sdktest.Metric(r, c, `{}`)
	if len(r.failed) != 2 {
		t.Errorf("want two failures, got %q", r.failed)
	}
}
