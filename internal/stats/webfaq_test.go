package stats

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// sharedData returns the directory of real data for tests, or skips.
func sharedData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("XLRUN_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "webfaq-results")); err != nil {
		t.Skip("no real data: set XLRUN_SHARED to the directory that holds data/webfaq-results")
	}
	return filepath.Join(dir, "data", "webfaq-results")
}

// The two-way analysis of variance of WebFAQ's published nDCG@10, 20 languages
// by 5 dense systems: sums of squares recomputed independently from the
// published files.
func TestCrossedMeanOnWebFAQ(t *testing.T) {
	systems := []string{"robertapt", "robertaft", "gte", "e5", "jina"}
	m := make([][]float64, len(systems))
	for u, system := range systems {
		m[u] = publishedNDCG(t, system)
	}
	const g, n = 20, 5
	c := CrossedMean(m)
	near(t, "SS of languages", c.VLang*g*n*(g-1), .46788549, 1e-8)
	near(t, "SS of systems", c.VUnit*n*g*(n-1), .40251588, 1e-8)
	near(t, "SS of the rest", c.VRest*g*n*(g-1)*(n-1), .028908451, 1e-9)
}

// The order of languages by difficulty is not that of a lexical system.
func TestDifficultyOnWebFAQ(t *testing.T) {
	near(t, "τ bm25/e5", KendallTauB(publishedNDCG(t, "bm25"), publishedNDCG(t, "e5")), .6842105, 5e-8)
}

// publishedNDCG returns a system's nDCG@10 in the 20 test languages, or skips.
func publishedNDCG(t *testing.T, system string) []float64 {
	t.Helper()
	dir := sharedData(t)
	langs := []string{"ara", "dan", "deu", "eng", "fas", "fra", "hin", "ind", "ita", "jpn", "kor", "nld", "pol", "por", "rus", "spa", "swe", "tur", "vie", "zho"}
	var out []float64
	for _, lang := range langs {
		b, err := os.ReadFile(filepath.Join(dir, lang, "WebFAQ_"+system+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var result struct {
			Test struct {
				NDCG10 float64 `json:"ndcg_at_10"`
			} `json:"test"`
		}
		if err := json.Unmarshal(b, &result); err != nil {
			t.Fatal(err)
		}
		out = append(out, result.Test.NDCG10)
	}
	return out
}
