package internal_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/plugins/bitext"
	"github.com/xlrun/xlrun/plugins/fairness"
	"github.com/xlrun/xlrun/plugins/faq"
	"github.com/xlrun/xlrun/plugins/flat"
	"github.com/xlrun/xlrun/plugins/hnsw"
	"github.com/xlrun/xlrun/plugins/ir"
	"github.com/xlrun/xlrun/plugins/precomputed"
	"github.com/xlrun/xlrun/plugins/sib"
	"github.com/xlrun/xlrun/plugins/trec"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// recorded is what bundled components and host steps gave for a fixed input
// when their revision was last raised: stores out there hold results under
// these revisions. The encoder "subword" has a test of its own.
var recorded = map[string]struct {
	revision int
	digest   string
}{
	"loader faq":          {1, "a0cb140d0a7e97dd"},
	"loader sib":          {1, "bbef1d6be035bb40"},
	"loader bitext":       {1, "22cfe778aa9ea0d1"},
	"loader trec":         {2, "4e8a78f230750aca"},
	"encoder precomputed": {1, "7cd49e5f5dcf6e4d"},
	"index flat":          {1, "117d4d1e41582feb"},
	"index hnsw":          {1, "0cb9276178e272cf"},
	"metric ir":           {3, "954c233ae4a86569"},
	"metric fairness":     {2, "7ed7e40407aa9bd1"},
	"step mix":            {1, "8cf1a87f968c4b42"},
	"step pool":           {1, "ad597ebcb875f0c1"},
	"step check":          {1, "e6739f888a0387b0"},
	"step fuse":           {1, "41931c5160817d3e"},
}

// held compares an output with the recorded one.
func held(t *testing.T, name string, revision int, output any) {
	t.Helper()
	b, err := json.Marshal(output)
	if err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(b))[:16]
	switch want := recorded[name]; {
	case revision != want.revision:
		t.Errorf("%s has revision %d: record {%d, %q}", name, revision, revision, digest)
	case digest != want.digest:
		t.Errorf("%s: the output has changed for equal input. Raise its revision, or stores keep results that it would no longer give; then record {%d, %q}", name, revision+1, digest)
	}
}

// write lays files out in a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func opened[T any](t *testing.T, c sdk.Component, config map[string]any) T {
	t.Helper()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Open(t.Context(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x.(T)
}

// everything is a Collector that keeps what it gets, in order.
type everything struct {
	Items  []any
	Counts map[string]int
}

func (e *everything) Query(q sdk.Query) error       { e.Items = append(e.Items, q); return nil }
func (e *everything) Document(d sdk.Document) error { e.Items = append(e.Items, d); return nil }
func (e *everything) Qrel(q sdk.Qrel) error         { e.Items = append(e.Items, q); return nil }
func (e *everything) Pair(p sdk.Pair) error         { e.Items = append(e.Items, p); return nil }
func (e *everything) Count(name string, n int)      { e.Counts[name] += n }
func (e *everything) Progress(_, _ int64)           {}

func TestRevisionsOfLoaders(t *testing.T) {
	row := func(id, split, group, question, answer string) string {
		return fmt.Sprintf(`{"id":%q,"origin":"o","url":"","question":%q,"answer":%q,"topic":"t","split":%q,"group":%q}`+"\n", id, question, answer, split, group)
	}
	for _, c := range []struct {
		component sdk.Component
		files     map[string]string
		config    map[string]any
	}{
		{faq.Component, map[string]string{
			"eng.jsonl": row("a", "train", "g1", "Who?", "Me.") + row("b", "test", "g2", "What?", "That.") + row("c", "train", "g3", "Where?", ""),
			"isl.jsonl": row("a", "train", "g1", "Hver?", "Ég.") + row("c", "train", "g3", "Hvar?", "Hér."),
		}, map[string]any{"split": "train"}},
		{sib.Component, map[string]string{
			"eng_Latn/train.tsv": "index_id\tcategory\ttext\n7\ttravel\tA road.\n8\ttravel\t\n",
			"isl_Latn/train.tsv": "index_id\tcategory\ttext\n7\ttravel\tVegur.\n8\ttravel\tHús.\n",
		}, map[string]any{"split": "train"}},
		{bitext.Component, map[string]string{
			"tatoeba.isl-eng.isl": "Vegur.\nHús.\n", "tatoeba.isl-eng.eng": "A road.\nA house.\n",
			"tatoeba.deu-eng.deu": "Ein Haus.\n", "tatoeba.deu-eng.eng": "A house.\n",
		}, map[string]any{}},
		{trec.Component, map[string]string{
			"qrels": "query-id\tcorpus-id\tscore\nq2\td1\t2\nq1\td9\t1\nq1\td2\t0\n", "queries": "q1\thvar?\nq3\t\n", "corpus": `{"_id": "d2", "title": "A", "text": "road"}` + "\n" + `{"_id": "d1", "text": ""}` + "\n",
		}, map[string]any{"query_language": "isl", "document_language": "eng"}},
	} {
		dir := write(t, c.files)
		if c.component.Name == "trec" {
			for name := range c.files {
				c.config[name] = filepath.Join(dir, name)
			}
		} else {
			c.config["path"] = dir
		}
		out := &everything{Counts: map[string]int{}}
		if err := opened[sdk.Loader](t, c.component, c.config).Load(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if len(out.Items) < 3 {
			t.Errorf("loader %s gave %d items only", c.component.Name, len(out.Items))
		}
		held(t, "loader "+c.component.Name, c.component.Revision, out)
	}
}

// numbers is a matrix with ties, zeros and both signs.
func numbers(rows, dim int) vec.Matrix {
	m := vec.NewMatrix(rows, dim)
	state := uint32(1)
	for i := range m.Data {
		state = state*1664525 + 1013904223
		m.Data[i] = float32(int(state>>28)-7) / 8
	}
	return m
}

func npy(t *testing.T, m vec.Matrix) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := vec.WriteNPY(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRevisionOfPrecomputed(t *testing.T) {
	dir := write(t, map[string]string{"ids.txt": "a\nb\nc\n"})
	e := opened[sdk.Encoder](t, precomputed.Component, map[string]any{"vectors": npy(t, numbers(3, 5)), "ids": filepath.Join(dir, "ids.txt"), "params": 12})
	v, err := e.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{ID: "c", Text: "x"}, {ID: "a", Text: "y"}})
	if err != nil {
		t.Fatal(err)
	}
	held(t, "encoder precomputed", precomputed.Component.Revision, []any{e.Info(), v})
}

func TestRevisionsOfIndexes(t *testing.T) {
	for _, c := range []struct {
		component sdk.Component
		rows      int
		config    map[string]any
	}{
		{flat.Component, 60, map[string]any{}},
		{hnsw.Component, 600, map[string]any{"m": 3, "ef_construction": 9, "ef": 7, "seed": 5}}, // it walks
	} {
		docs, queries := numbers(c.rows, 130), numbers(4, 130)
		var out []any
		for _, similarity := range []string{"cosine", "ip", "l2"} {
			c.config["similarity"] = similarity
			x := opened[sdk.Index](t, c.component, c.config)
			d := sdk.Matrix{Path: npy(t, docs), Rows: docs.Rows, Dim: docs.Dim}
			dir := t.TempDir()
			if err := x.Build(t.Context(), &sdk.BuildTask{Documents: d, Dir: dir, Report: func(_, _ int64) {}}); err != nil {
				t.Fatal(err)
			}
			task := &sdk.SearchTask{Dir: dir, Documents: d, Queries: sdk.Matrix{Path: npy(t, queries), Rows: queries.Rows, Dim: queries.Dim}, K: 7}
			err := x.Search(t.Context(), task, func(q int32, hits []sdk.Hit) error {
				out = append(out, []any{q, hits})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		held(t, "index "+c.component.Name, c.component.Revision, out)
	}
}

func TestRevisionOfIR(t *testing.T) {
	m := opened[sdk.Metric](t, ir.Component, map[string]any{"measures": []string{"nDCG@10", "nDCG", "RR@10", "AP@100", "R@3", "P@3", "Success@1", "AP(rel=2)@100"}})
	out := []any{m.Measures()}
	for i := range 6 {
		q := sdk.JudgedQuery{ID: fmt.Sprint(i), Qrels: map[string]int{"d1": 1, "d4": 2, "d9": 1}}
		for j := range 9 {
			q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: fmt.Sprintf("d%d", (j*(i+2))%11), Score: float64((9 - j) / 2)})
		}
		v, err := m.Evaluate(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, struct {
			Values []float64
			Rank   int
			Notes  []string
		}{v.Values, v.Rank, v.Notes})
	}
	held(t, "metric ir", ir.Component.Revision, out)
}

func TestRevisionOfFairness(t *testing.T) {
	m := opened[sdk.SetMetric](t, fairness.Component, map[string]any{"measures": []string{
		"PEER@8", "PEER(reference=True)@8", "PEER(weights={1:0.25,2:0.75})@8", "AWRF@8", "AWRF(target='uniform',distance='abs',p=0.8)@8",
		"LPR", "LPR@1", "LangnDCG@8", "MaxR", "AlignWeak@5", "AlignStrong", "MRC@6",
	}})
	var queries []sdk.JudgedQuery
	languages := []string{"deu", "eng", "isl"}
	for i := range 6 {
		q := sdk.JudgedQuery{
			ID: fmt.Sprint(i), Language: languages[i%3], Group: fmt.Sprint(i / 3), Qrels: map[string]int{"d1": 1, "d4": 2, "d9": 1, "d5": 2, "d2": i % 2},
			Documents: map[string]sdk.DocumentInfo{}, Candidates: map[string]int{"deu": 5, "eng": 4, "isl": 2},
		}
		for j := range 11 {
			q.Documents[fmt.Sprintf("d%d", j)] = sdk.DocumentInfo{Language: languages[j*j%7%3]}
		}
		for j := range 9 {
			q.Ranking = append(q.Ranking, sdk.ScoredDocument{ID: fmt.Sprintf("d%d", (j*(i+2))%11), Score: float64((9 - j) / 2)})
		}
		queries = append(queries, q)
	}
	values, err := m.EvaluateSet(context.Background(), queries)
	if err != nil {
		t.Fatal(err)
	}
	out := []any{m.Measures()}
	for _, v := range values {
		var digits []string // it promises numbers, not bits
		for _, x := range v.Values {
			digits = append(digits, fmt.Sprintf("%.9f", x))
		}
		out = append(out, digits, v.Rank, v.Undefined, v.Notes)
	}
	held(t, "metric fairness", fairness.Component.Revision, out)
}

// stepRevision reads the revision of a host step from package study, which
// shows it to nobody.
func stepRevision(t *testing.T, stage string) (n int) {
	t.Helper()
	m := regexp.MustCompile(`\bStage` + stage + `: (\d+)`).FindStringSubmatch(document(t, "internal/study/build.go"))
	if m == nil {
		t.Fatalf("no revision of Stage%s in internal/study/build.go", stage)
	}
	if _, err := fmt.Sscan(m[1], &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRevisionsOfHostSteps(t *testing.T) {
	var in sdk.Inspection
	for g := range 40 {
		group := fmt.Sprintf("g%d", g)
		for l, lang := range []sdk.Language{"deu", "isl", "spa"} {
			if g%(l+3) == 0 {
				continue
			}
			hash := uint64(1000*l + g + 1)
			in.Pairs = append(in.Pairs, sdk.InspectedPair{Kind: []string{"qa", "qq"}[g%2], Group: group, LangA: lang, LangB: "eng", HashA: hash, HashB: uint64(9000 + g)})
			in.Queries = append(in.Queries, sdk.InspectedText{ID: fmt.Sprintf("%s/q%d", lang, g), Language: lang, Group: group, Hash: hash})
		}
		in.Documents = append(in.Documents, sdk.InspectedText{ID: fmt.Sprintf("eng/d%d", g), Language: "eng", Group: group, Hash: uint64(9000 + g)})
		in.Judgments = append(in.Judgments, sdk.Qrel{Query: fmt.Sprintf("isl/q%d", g), Document: fmt.Sprintf("eng/d%d", g), Relevance: 1})
	}
	in.Qrels = len(in.Judgments)
	pairs := collection.NewPairs(in.Pairs, collection.Hashes{9003: {}})
	texts := collection.TextsOf(&in)
	var mixes, pools, leaks []any
	for i, p := range []collection.MixParams{
		{Share: collection.ShareEven, Pairing: collection.PairingAligned},
		{Share: collection.ShareExponent, Exponent: 0.5, Pairing: collection.PairingShuffled},
		{Share: collection.ShareWeights, Weights: map[string]float64{"deu": 1, "isl": 2, "spa": 3}, Kinds: []string{"qa"}},
	} {
		p.Languages, p.Pivot, p.Pairs, p.Seed = []string{"deu", "isl", "spa"}, "eng", 24, fmt.Sprint(i)
		sel, err := pairs.Select(p)
		if err != nil {
			t.Fatal(err)
		}
		mixes = append(mixes, sel)
		pool, err := collection.SelectPool(texts, collection.PoolParams{QueryLanguage: "isl", CorpusLanguage: "eng", Size: 20, Queries: 12, Seed: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		pools = append(pools, pool)
		found := collection.Leaks(collection.TrainedTexts(in.Pairs, sel), texts, "isl", "eng", pool)
		if len(found) == 0 {
			t.Error("no leaks: nothing is compared")
		}
		leaks = append(leaks, found)
	}
	held(t, "step mix", stepRevision(t, "Mix"), mixes)
	held(t, "step pool", stepRevision(t, "Pool"), pools)
	held(t, "step check", stepRevision(t, "Check"), leaks)
}

func TestRevisionOfFuse(t *testing.T) {
	var parts [][]results.Ranked
	for p := range 3 {
		var part []results.Ranked
		for i := range 7 {
			part = append(part, results.Ranked{QueryID: "q", DocumentID: fmt.Sprint("d", (i*(p+2)+p)%11), Score: float64((13*i+5*p)%9) / 7})
		}
		parts = append(parts, part)
	}
	var out []any
	for _, f := range []study.Fusion{
		{Method: study.FuseRRF, K: 60},
		{Method: study.FuseWeighted, Normalise: study.NormaliseNone},
		{Method: study.FuseWeighted, Normalise: study.NormaliseMinMax},
		{Method: study.FuseWeighted, Normalise: study.NormaliseZScore},
		{Method: study.FuseWeighted, Normalise: study.NormaliseRank},
	} {
		f.Weights = []float64{1, 0.3, 2}
		fused, err := runner.Fuse(f, parts)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fused)
	}
	held(t, "step fuse", stepRevision(t, "Fuse"), out)
}
