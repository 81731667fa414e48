package mteb

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const present = `{
 "dataset_revision": "abc", "task_name": "ToyRetrieval", "mteb_version": "2.18.19",
 "scores": {"test": [
  {"hf_subset": "deu", "languages": ["deu-Latn"], "main_score": 0.5, "ndcg_at_10": 0.50001, "mrr_at_10": 0.25, "nauc_ndcg_at_10_max": -0.125, "evaluation_time": 3},
  {"hf_subset": "isl", "languages": ["isl-Latn"], "main_score": 1, "ndcg_at_10": 1e-3, "mteb_version": "2.18.18", "note": "text"}
 ]}, "evaluation_time": 7.5, "kg_co2_emissions": null
}`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(present))
	if err != nil {
		t.Fatal(err)
	}
	want := &Result{Task: "ToyRetrieval", DatasetRevision: "abc", Version: "2.18.19", Entries: []Entry{
		{Split: "test", Subset: "deu", Languages: []string{"deu-Latn"}, Version: "", Scores: []Score{
			{"main_score", "main_score", 0.5, 1}, {"mrr_at_10", "RR@10", 0.25, 2}, {"nauc_ndcg_at_10_max", "nauc_ndcg_at_10_max", -0.125, 3}, {"ndcg_at_10", "nDCG@10", 0.50001, 5},
		}},
		{Split: "test", Subset: "isl", Languages: []string{"isl-Latn"}, Version: "2.18.18", Scores: []Score{
			{"main_score", "main_score", 1, 0}, {"ndcg_at_10", "nDCG@10", 1e-3, 0},
		}},
	}}
	// An entry without a version of its own has that of the file.
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// Encoding gives back what was read.
	for i := range got.Entries {
		got.Entries[i].Version = ""
	}
	b, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Entries {
		for j := range got.Entries[i].Scores {
			got.Entries[i].Scores[j].Digits, again.Entries[i].Scores[j].Digits = 0, 0
		}
	}
	if d := cmp.Diff(got, again); d != "" {
		t.Errorf("encoded and read again, -want +got:\n%s", d)
	}
	got.Entries[0].Scores = got.Entries[0].Scores[1:]
	if _, err := got.Encode(); err == nil {
		t.Error("MTEB refuses entries without main_score")
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                 "a list where an object should be",
		`{"task_name": 3}`:   "no \"task_name\"",
		`{"task_name": "T"}`: "no scores",
		`{"task_name": "T", "scores": {"test": [{"hf_subset": "x"}]}}`: "no numbers",
		`{"task_name": "T", "scores": {"test": 3}}`:                    "read scores",
		`{"task_name": "T", "scores": {}}`:                             "no scores",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestMeasures(t *testing.T) {
	for key, want := range map[string]string{
		"ndcg_at_10": "nDCG@10", "map_at_1000": "AP@1000", "recall_at_5": "R@5", "precision_at_1": "P@1", "mrr_at_20": "RR@20", "hit_rate_at_3": "Success@3",
	} {
		m, ok := Measure(key)
		if !ok || m != want || Key(m) != key {
			t.Errorf("%s is %s (%v), back %s", key, m, ok, Key(m))
		}
	}
	for _, key := range []string{"accuracy", "main_score", "ndcg_at_", "ndcg_at_010", "ndcg_at_x", "naucs_at_10", "nauc_ndcg_at_10_max"} {
		if m, ok := Measure(key); ok || m != key {
			t.Errorf("%s must stay as it is, not %s", key, m)
		}
	}
}

func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "results")
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The layouts in which result files lie.
func TestLoad(t *testing.T) {
	dir := put(t, map[string]string{
		"org__model/0123456789abcdef/Toy.json": present,
		"other/rev one/Toy.json":               present,
		"other/rev one/model_meta.json":        `{"name": "org/other", "revision": "r1"}`,
		"plain/Toy.json":                       present,
		"deu/OldRetrieval_sys.json":            `{"mteb_dataset_name": "OldRetrieval", "mteb_version": "1.7.10", "test": {"ndcg_at_10": 0.75, "evaluation_time": 3}}`,
		"old/Old.json":                         `{"mteb_dataset_name": "Old", "test": {"deu": {"ndcg_at_10": 0.5}, "evaluation_time": 3}}`,
		"broken.json":                          `{`,
		"plain/Toy_deu_predictions.json":       `{"q1": {"d1": 1, "d2": 2}}`,
	})
	a, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ model, revision, task, subset string }
	var got []row
	for _, r := range a.Results {
		got = append(got, row{r.Model, r.Revision, r.Task, r.Entries[0].Subset})
	}
	want := []row{
		{"sys", "", "OldRetrieval", "deu"},
		{"old", "", "Old", "deu"},
		{"org/model", "0123456789abcdef", "ToyRetrieval", "deu"},
		{"org/other", "r1", "ToyRetrieval", "deu"},
		{"plain", "", "ToyRetrieval", "deu"},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(row{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(a.Skipped) != 1 || a.Skipped[0].File != "broken.json" || len(a.Predictions) != 1 {
		t.Errorf("skipped %v, predictions %v", a.Skipped, a.Predictions)
	}
	// The directory of one model, with its revisions below.
	if a, err = Load(filepath.Join(dir, "org__model")); err != nil || a.Results[0].Model != "org/model" || a.Results[0].Revision != "0123456789abcdef" {
		t.Errorf("%+v, %v", a.Results, err)
	}
}

func TestPredictions(t *testing.T) {
	dir := put(t, map[string]string{
		"m/Toy_deu_predictions.json": `{"q1": {"d1": 0.5, "d2": 2, "d3": 0.5}, "q0": {"d9": 1e-3}}`,
		"m/New_predictions.json":     `{"mteb_model_meta": {"model_name": "org/m x", "revision": "r"}, "isl": {"test": {"q1": {"d1": 1}}, "dev": {"q2": {"d2": 1}}}}`,
		"m/Bad_deu_predictions.json": `{"q 1": {"d1": 1}}`,
		"m/Not_predictions.json":     `{"q1": 3}`,
	})
	p, err := (&Archive{dir: dir}).ReadPredictions("m/Toy_deu_predictions.json")
	if err != nil || len(p) != 1 || p[0].Task != "Toy" || p[0].Subset != "deu" || p[0].Model != "m" {
		t.Fatalf("%+v, %v", p, err)
	}
	b, err := p[0].TREC()
	if want := "q0 Q0 d9 1 0.001 m\nq1 Q0 d2 1 2 m\nq1 Q0 d3 2 0.5 m\nq1 Q0 d1 3 0.5 m\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
	p, err = (&Archive{dir: dir}).ReadPredictions("m/New_predictions.json")
	if err != nil || len(p) != 2 || p[0].Split != "dev" || p[1].Subset != "isl" || p[1].Model != "org/m x" {
		t.Fatalf("%+v, %v", p, err)
	}
	if b, err := p[1].TREC(); err != nil || string(b) != "q1 Q0 d1 1 1 org/m-x\n" {
		t.Errorf("%q, %v", b, err)
	}
	if p, err = (&Archive{dir: dir}).ReadPredictions("m/Bad_deu_predictions.json"); err != nil {
		t.Fatal(err)
	}
	if _, err := p[0].TREC(); err == nil {
		t.Error("an id with a space breaks a TREC run")
	}
	if _, err := (&Archive{dir: dir}).ReadPredictions("m/Not_predictions.json"); err == nil {
		t.Error("no rankings, no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(present))
	f.Add([]byte(`{"mteb_dataset_name": "Old", "test": {"deu": {"ndcg_at_10": 0.5}}}`))
	f.Add([]byte(`{"task_name": "T", "scores": {"test": [{"main_score": 1e999}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		if len(r.Entries) == 0 || r.Task == "" {
			t.Fatal("a result without anything")
		}
		for _, e := range r.Entries {
			for _, s := range e.Scores {
				if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
					t.Fatalf("%s is %g", s.Key, s.Value)
				}
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}

// The published files of the WebFAQ paper: the means that its authors give.
func TestWebFAQ(t *testing.T) {
	shared := os.Getenv("XLRUN_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "data", "webfaq-results")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no published results at %s", dir)
	}
	a, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Results) != 217 || len(a.Skipped) != 0 {
		t.Fatalf("%d results, %d skipped, want 217 and none", len(a.Results), len(a.Skipped))
	}
	sum, n := map[string]float64{}, map[string]int{}
	for _, r := range a.Results {
		for _, s := range r.Entries[0].Scores {
			if s.Measure == "nDCG@10" {
				sum[r.Task+" "+r.Model] += s.Value
				n[r.Task+" "+r.Model]++
			}
		}
	}
	for key, want := range map[string]float64{
		"WebFAQ bm25": 0.29786, "WebFAQ hybrid": 0.32676, "WebFAQ robertapt": 0.62434, "WebFAQ gte": 0.67863, "WebFAQ robertaft": 0.74162, "WebFAQ e5": 0.76339, "WebFAQ jina": 0.80330,
		"MrTidyRetrieval bm25": 0.37375, "MrTidyRetrieval hybrid": 0.46205, "MrTidyRetrieval jina": 0.66442, "MrTidyRetrieval gte": 0.67911, "MrTidyRetrieval e5": 0.69432,
	} {
		if got := sum[key] / float64(n[key]); math.Abs(got-want) > 5e-6 {
			t.Errorf("%s: mean %.5f of %d, want %.5f", key, got, n[key], want)
		}
	}
}

// Python writes NaN and Infinity bare; such values are left out and counted.
func TestNoNumbers(t *testing.T) {
	r, err := Parse([]byte(`{"task_name": "NaN \"Infinity", "scores": {"test": [{"hf_subset": "deu", "languages": [], "ndcg_at_10": 0.5,
		"nauc_map_at_1_max": NaN, "a": -Infinity, "b":Infinity, "c": -1.5, "recall_at_10": "0.5",
		"x": "0.5", "main_score": 1e999, "map_at_1": null, "note": "text", "list": [NaN]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range r.Entries[0].Scores {
		keys = append(keys, s.Key)
	}
	if len(r.NoNumbers) != 7 || r.Task != `NaN "Infinity` || !slices.Equal(keys, []string{"c", "ndcg_at_10"}) {
		t.Errorf("got %v as values that are no numbers, task %q, keys %v", r.NoNumbers, r.Task, keys)
	}
	old, err := Parse([]byte(`{"mteb_dataset_name": "x", "test": {"deu": {"ndcg_at_10": 0.5, "map_at_10": "0.4", "recall_at_10": NaN}}}`))
	if err != nil || len(old.NoNumbers) != 2 || len(old.Entries[0].Scores) != 1 {
		t.Errorf("the layout before 1.11: got %+v, %v", old, err)
	}
	if _, err := Parse([]byte(`{"task_name": "x", "scores": Nan}`)); err == nil {
		t.Error("Nan is no number of Python's either")
	}
}

// A file of predictions says its model, or its folder does.
func TestRevisionsOfPredictions(t *testing.T) {
	dir := put(t, map[string]string{
		"org__m/abcdef0/T_deu_predictions.json": `{"q": {"d": 1}}`,
		"org__m/abcdef1/T_deu_predictions.json": `{"q": {"d": 2}}`,
	})
	a, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"abcdef0", "abcdef1"} {
		p, err := a.ReadPredictions(a.Predictions[i])
		if err != nil {
			t.Fatal(err)
		}
		if p[0].Model != "org/m" || p[0].Revision != want {
			t.Errorf("got model %q, revision %q", p[0].Model, p[0].Revision)
		}
	}
}

// What cannot be relied on is refused, in words for people.
func TestRefused(t *testing.T) {
	const head = `{"task_name": "T", "scores": {"test": [{"hf_subset": "deu", `
	for text, want := range map[string]string{
		head + `"ndcg_at_10": 0.1, "ndcg_at_10": 0.34}]}}`:   `the key "ndcg_at_10" occurs twice`,
		`{"task_name": "T", "task_name": "U", "scores": {}}`: `the key "task_name" occurs twice`,
		`[]`:                                "a list where an object should be",
		`{"task_name": "T", "scores": [1]}`: "a list where an object should be",
		`{"task_name": "T", "scores": {"test": {"x": 1}}}`: "an object where a list should be",
		"\xff\xfe{\x00":                  "in UTF-16",
		head + `"ndcg_at_10": 0.1`:       "ends too early",
		"":                               "empty",
		head + `"ndcg_at_10": 0.1,,}]}}`: "no JSON from byte",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Go value") {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	r, err := Parse([]byte("\ufeff" + head + `"ndcg_at_10": 0.1, "list": [{"a": 1}, {"a": 1}]}]}}`))
	if err != nil || len(r.Entries) != 1 {
		t.Errorf("with a byte order mark: %v", err)
	}
	dir := put(t, map[string]string{
		"m/A_deu_predictions.json": `{"q": {"d": null}}`,
		"m/B_deu_predictions.json": `{"q": {"d": Infinity}}`,
		"m/C_deu_predictions.json": `{"q": {"d": 1`,
		"m/D_deu_predictions.json": `{"q": {"d": 1, "d": 2}}`,
		"m/E_deu_predictions.json": `{"q": {"d": 1e999}}`,
		"m/F_deu_predictions.json": `{"q": null, "r": {"d": 1}}`,
		"m/G_predictions.json":     `{"deu": {"test": {"q": {"d": "x"}}}}`,
		"m/H_predictions.json":     `{"deu": 1}`,
	})
	a, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"null where the score", "NaN or Infinity", "ends too early", `"d" occurs twice`, "1e999 is beyond", "null where its documents", "a text where a number", "a number where an object should be"} {
		if _, err := a.ReadPredictions(a.Predictions[i]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", a.Predictions[i], err, want)
		}
	}
}
