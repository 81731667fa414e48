package pluginhost_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/serve"
)

// The test binary is also the plugins under test, and a host that gets killed.
const roleEnv = "XLRUN_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "good":
		serve.Plugin(goodPlugin("good"))
	case "twin":
		serve.Plugin(goodPlugin("twin"))
	case "invalid":
		serve.Plugin(sdk.Plugin{Name: "invalid", Version: "1", Components: []sdk.Component{sdk.NewLoader(sdk.Info{Name: "Bad Name"}, openCorpus)}})
	case "liar":
		serveLiar()
	case "silent":
		<-make(chan struct{})
	case "chatty":
		fmt.Println("welcome to my plugin")
		<-make(chan struct{})
	case "future":
		fmt.Println("1|9|unix|/nowhere|grpc|")
		<-make(chan struct{})
	case "victim":
		victim()
	default:
		panic(role)
	}
	os.Exit(0)
}

// victim is a host that starts a plugin, says its number and waits to die.
func victim() {
	h, err := pluginhost.New(pluginhost.Config{Plugins: []pluginhost.Spec{spec("good")}})
	if err != nil {
		panic(err)
	}
	_, st, err := h.Encode(context.Background(), 0, encoder(`{}`), sdk.RoleQuery, texts("a"), 1, func(*sdk.Embeddings) error { return nil })
	if err != nil {
		panic(err)
	}
	fmt.Println(st.PID)
	<-make(chan struct{})
}

func spec(role string) pluginhost.Spec {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return pluginhost.Spec{Name: role, Command: []string{exe}, Env: map[string]string{roleEnv: role, "XLRUN_TEST_SCRATCH": os.Getenv("XLRUN_TEST_SCRATCH")}}
}

func goodPlugin(name string) sdk.Plugin {
	return sdk.Plugin{Name: name, Version: "0.1.0", Components: []sdk.Component{
		sdk.NewTrainable[hashOptions, trainOptions](sdk.Info{Name: "hash", Revision: 3, Doc: "Hashes texts."}, func(ctx context.Context, o hashOptions, m *sdk.Model) (sdk.Encoder, error) {
			switch o.Mode {
			case "slow to open":
				<-make(chan struct{})
			case "patient to open":
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &hash{hashOptions: o, model: m}, nil
		}),
		sdk.NewLoader(sdk.Info{Name: "corpus", Revision: 1, PairKinds: []string{"qa"}}, openCorpus),
		sdk.NewIndex(sdk.Info{Name: "first", Revision: 1}, func(_ context.Context, o firstOptions) (sdk.Index, error) { return first(o), nil }),
		sdk.NewMetric(sdk.Info{Name: "rank", Revision: 1}, func(_ context.Context, o rankOptions) (sdk.Metric, error) {
			if o.Set {
				return rankSet{rank(o)}, nil
			}
			return rank(o), nil
		}),
	}}
}

type hashOptions struct {
	Dim    int    `xl:"dim,default=8,min=1,max=64" doc:"Dimensions."`
	Mode   string `xl:"mode,default=ok" doc:"How to misbehave."`
	Sparse bool   `xl:"sparse,default=false" doc:"Sparse vectors."`
	Batch  int    `xl:"batch,default=1,effect=performance" doc:"Of no effect."`
}

func (o *hashOptions) Validate() error {
	if o.Dim == 13 {
		return sdk.At("Unlucky", "Not 13.", "dim")
	}
	if o.Mode == "slow to validate" {
		<-make(chan struct{})
	}
	return nil
}

type trainOptions struct {
	Examples int `xl:"examples,default=10,min=1" doc:"Seen in all."`
}

type hash struct {
	hashOptions
	model *sdk.Model
}

// Close leaves a mark.
func (h *hash) Close() error {
	if dir := os.Getenv("XLRUN_TEST_SCRATCH"); dir != "" && h.model != nil {
		return os.WriteFile(filepath.Join(dir, "closed "+h.model.Digest), nil, 0o666)
	}
	return nil
}

func (h *hash) Info() sdk.EncoderInfo {
	return sdk.EncoderInfo{Dim: h.Dim, Sparse: h.Sparse, ParamsTotal: 5, Pretraining: []string{"eng"}, PretrainingKnown: true}
}

func (h *hash) Encode(ctx context.Context, role sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	mark := func() {
		if dir := os.Getenv("XLRUN_TEST_SCRATCH"); dir != "" {
			_ = os.WriteFile(filepath.Join(dir, "inside"), nil, 0o666)
		}
	}
	switch h.Mode {
	case "panic":
		panic("out of cheese")
	case "crash":
		fmt.Fprintln(os.Stderr, "about to crash")
		go panic("redo from start")
		<-make(chan struct{})
	case "exit":
		fmt.Println("last words on stdout")
		os.Exit(7)
	case "flood":
		line := strings.Repeat("x", 1<<20)
		for range 20 {
			fmt.Println(line)
		}
	case "error":
		return nil, errors.New("this text is beneath me")
	case "busy":
		return nil, sdk.Temporary(errors.New("come back later"))
	case "hang":
		mark()
		<-make(chan struct{})
	case "patient":
		mark()
		<-ctx.Done()
		return nil, ctx.Err()
	case "few":
		texts = texts[1:]
	case "environment":
		name := filepath.Join(os.Getenv("XLRUN_TEST_SCRATCH"), "environment")
		if err := os.WriteFile(name, []byte(strings.Join(os.Environ(), "\n")), 0o666); err != nil {
			return nil, err
		}
	case "wrong dim":
		e, err := (&hash{hashOptions: hashOptions{Dim: h.Dim + 1}}).Encode(ctx, role, texts)
		return e, err
	}
	e := &sdk.Embeddings{Dim: h.Dim}
	if h.Sparse {
		e.Indptr = []int64{0}
	}
	for _, t := range texts {
		sum := sha256.Sum256([]byte(string(role) + t.Language + "|" + t.Text))
		if h.Sparse {
			// As many entries as the text has bytes, up to all.
			for j := range min(len(t.Text), h.Dim) {
				e.Indices = append(e.Indices, uint32(j))
				e.Values = append(e.Values, float32(sum[j%32]))
			}
			e.Indptr = append(e.Indptr, int64(len(e.Indices)))
			continue
		}
		for j := range h.Dim {
			e.Data = append(e.Data, float32(sum[j%32])+float32(j))
		}
	}
	if h.Mode == "nan" {
		bad := math32NaN()
		e.Data[len(e.Data)-1] = bad
	}
	return e, nil
}

func math32NaN() float32 {
	var zero float32
	return zero / zero
}

func (h *hash) Train(ctx context.Context, t *sdk.TrainTask) error {
	if h.Mode == "patient" {
		<-ctx.Done()
		return ctx.Err()
	}
	n := 0
	sum := sha256.New()
	for p, err := range t.Pairs {
		if err != nil {
			return err
		}
		n++
		sum.Write(fmt.Appendln(nil, p))
		t.Report(int64(n), int64(t.Options.(trainOptions).Examples))
		if n == t.Options.(trainOptions).Examples {
			break
		}
	}
	return os.WriteFile(filepath.Join(t.Dir, "model"), fmt.Appendf(nil, "%d %x", n, sum.Sum(nil)), 0o666)
}

type corpusOptions struct {
	Path string `xl:"path,path" doc:"Of nothing."`
	Rows int    `xl:"rows,default=3" doc:"Documents."`
	Long int    `xl:"long,default=0" doc:"Bytes in the last document."`
}

type corpus struct{ corpusOptions }

func openCorpus(_ context.Context, o corpusOptions) (sdk.Loader, error) { return corpus{o}, nil }

func (c corpus) Sources(context.Context) ([]sdk.Source, error) {
	return []sdk.Source{{Name: "data.txt", Path: c.Path}}, nil
}

func (c corpus) Load(_ context.Context, out sdk.Collector) error {
	for i := range c.Rows {
		id := fmt.Sprintf("d%d", i)
		text := fmt.Sprintf("Text %d \x00\u202e🙂.", i)
		if i == c.Rows-1 && c.Long > 0 {
			text = longText(c.Long)
		}
		if err := out.Document(sdk.Document{ID: id, Language: "eng", Title: "T", Text: text, Group: fmt.Sprint(i), Origin: "here"}); err != nil {
			return err
		}
		if err := out.Query(sdk.Query{ID: "q" + id, Language: "srp_Cyrl", Text: "Текст", Group: fmt.Sprint(i), Origin: "there"}); err != nil {
			return err
		}
		if err := out.Qrel(sdk.Qrel{Query: "q" + id, Document: id, Relevance: i - 1}); err != nil {
			return err
		}
		if err := out.Pair(sdk.Pair{Kind: "qa", Group: fmt.Sprint(i), A: sdk.Text{ID: "a", Language: "deu", Text: "x"}, B: sdk.Text{ID: "b", Language: "eng", Text: ""}}); err != nil {
			return err
		}
		out.Progress(int64(i+1), int64(c.Rows))
	}
	out.Count("empty text", c.Rows)
	return nil
}

func longText(n int) string { return strings.Repeat("Lörem 🙂 ", n/12+1)[:n] }

type firstOptions struct {
	Lie string `xl:"lie,default=" doc:"How to misbehave."`
}

// first finds the first rows, whatever is asked.
type first firstOptions

func (f first) Build(ctx context.Context, t *sdk.BuildTask) error {
	if f.Lie == "patient" {
		<-ctx.Done()
		return ctx.Err()
	}
	t.Report(1, 1)
	return os.WriteFile(filepath.Join(t.Dir, "index"), []byte(t.Documents.Path), 0o666)
}

func (f first) Search(ctx context.Context, t *sdk.SearchTask, emit func(int32, []sdk.Hit) error) error {
	if f.Lie == "patient" {
		<-ctx.Done()
		return ctx.Err()
	}
	docs, queries := t.DocumentRows, t.QueryRows
	if docs == nil {
		for i := range t.Documents.Rows {
			docs = append(docs, int32(i))
		}
	}
	if queries == nil {
		for i := range t.Queries.Rows {
			queries = append(queries, int32(i))
		}
	}
	for i, q := range queries {
		hits := make([]sdk.Hit, 0, t.K)
		for j, d := range docs[:min(t.K, len(docs))] {
			hits = append(hits, sdk.Hit{Row: d, Score: float32(-j)})
		}
		switch f.Lie {
		case "order":
			hits[0], hits[1] = hits[1], hits[0]
		case "candidate":
			hits[0].Row = 0
		case "extra":
			hits = append(hits, sdk.Hit{Row: int32(t.Documents.Rows) - 1, Score: -100})
		case "range":
			hits[0].Row = int32(t.Documents.Rows)
		case "nan":
			hits[0].Score = math32NaN()
		case "missing":
			if i == len(queries)-1 {
				return nil
			}
		case "shuffled":
			q = queries[len(queries)-1-i]
		}
		if err := emit(q, hits); err != nil {
			return err
		}
	}
	return nil
}

type rankOptions struct {
	Lie string `xl:"lie,default=" doc:"How to misbehave."`
	Set bool   `xl:"set,default=false" doc:"Judge all queries at once."`
}

type rank rankOptions

func (r rank) Measures() []string { return []string{"RR", "n"} }

func (r rank) Evaluate(ctx context.Context, q sdk.JudgedQuery) (sdk.QueryValues, error) {
	v := sdk.QueryValues{Values: []float64{0, float64(len(q.Ranking))}}
	for i, d := range q.Ranking {
		if q.Qrels[d.ID] > 0 {
			v.Rank, v.Values[0] = i+1, 1/float64(i+1)
			break
		}
	}
	switch r.Lie {
	case "patient":
		<-ctx.Done()
		return v, ctx.Err()
	case "nan":
		v.Values[0] = float64(math32NaN())
	case "few":
		v.Values = v.Values[1:]
	case "undefined":
		v.Values[0], v.Undefined, v.Notes = math.NaN(), []string{"it is " + q.Language, ""}, []string{"in group " + q.Group}
		v.Values[1] = float64(len(q.Documents)) + float64(q.Candidates["deu"])/10
	case "few reasons":
		v.Undefined = []string{"no"}
	}
	return v, nil
}

// rankSet gives each query the number of all.
type rankSet struct{ rank }

func (r rankSet) EvaluateSet(_ context.Context, queries []sdk.JudgedQuery) ([]sdk.QueryValues, error) {
	var out []sdk.QueryValues
	for range queries {
		out = append(out, sdk.QueryValues{Values: []float64{0, float64(len(queries))}})
	}
	if r.Lie == "short" {
		out = out[1:]
	}
	return out, nil
}

// liar is a plugin without the SDK that breaks the protocol.
type liar struct {
	pluginpb.UnimplementedPluginServiceServer
	pluginpb.UnimplementedEncoderServiceServer
	goplugin.NetRPCUnsupportedPlugin
}

func serveLiar() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
		VersionedPlugins: map[int]goplugin.PluginSet{1: {wire.Service: &liar{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
	})
}

func (l *liar) GRPCServer(_ *goplugin.GRPCBroker, g *grpc.Server) error {
	pluginpb.RegisterPluginServiceServer(g, l)
	pluginpb.RegisterEncoderServiceServer(g, l)
	return nil
}

func (l *liar) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("no")
}

func (l *liar) GetInfo(context.Context, *pluginpb.GetInfoRequest) (*pluginpb.GetInfoResponse, error) {
	return &pluginpb.GetInfoResponse{Name: "liar", Version: "1", Components: []*pluginpb.Component{
		{Kind: pluginpb.Kind_KIND_ENCODER, Name: "hash", Revision: 1},
	}}, nil
}

// lies are the modes of liar, by handle.
var lies = []string{"", "no done", "digest", "count", "trailing", "half record", "after done", "garbage", "silence", "fewer", "more", "shape"}

func (l *liar) Configure(req *pluginpb.ConfigureRequest, s grpc.ServerStreamingServer[pluginpb.ConfigureResponse]) error {
	for i, lie := range lies {
		if string(req.GetConfigJson()) == lie && i > 0 {
			return s.Send(&pluginpb.ConfigureResponse{Opened: &pluginpb.Opened{Handle: uint64(i), Encoder: &pluginpb.EncoderInfo{Dim: 2}}})
		}
	}
	return fmt.Errorf("no lie %q", req.GetConfigJson())
}

// Encode gives two vectors for two texts, more or less.
func (l *liar) Encode(s grpc.BidiStreamingServer[pluginpb.EncodeRequest, pluginpb.EncodeResponse]) error {
	m, err := s.Recv()
	if err != nil {
		return err
	}
	lie := lies[m.GetStart().GetHandle()]
	for {
		if _, err := s.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	w := wire.NewWriter(func(d []byte) error { return s.Send(&pluginpb.EncodeResponse{Data: d}) })
	rows := map[string]int{"fewer": 1, "more": 3}[lie]
	if rows == 0 {
		rows = 2
	}
	v := &pluginpb.Vectors{Rows: uint32(rows), Dim: 2, Dense: make([]byte, 8*rows)}
	if lie == "shape" {
		v.Dense = v.Dense[4:]
	}
	if err := w.Record(v, rows); err != nil {
		return err
	}
	data, done := w.Finish()
	switch lie {
	case "no done":
		return s.Send(&pluginpb.EncodeResponse{Data: data})
	case "digest":
		done.Sha256[0]++
	case "count":
		done.Count++
	case "trailing":
		data = append(data, 200)
	case "half record":
		data = data[:len(data)-1]
	case "garbage":
		data = binary.AppendUvarint(nil, 1<<40)
	case "silence":
		<-s.Context().Done()
		return s.Context().Err()
	}
	if err := s.Send(&pluginpb.EncodeResponse{Data: data, Done: done}); err != nil {
		return err
	}
	if lie == "after done" {
		return s.Send(&pluginpb.EncodeResponse{Progress: &pluginpb.Progress{}})
	}
	return nil
}

func hostProcess(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(spec("victim").Command[0])
	cmd.Env = append(os.Environ(), roleEnv+"=victim")
	cmd.Stderr = os.Stderr
	return cmd
}

// eventually polls until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited for this: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
