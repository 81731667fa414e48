package subword

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

// shared returns a file or directory of the shared data, or skips the test.
func shared(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("XLRUN_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(root, "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: set XLRUN_SHARED (%v)", err)
	}
	return path
}

// tatoebaPairs returns up to n lines per language, X to English, of the
// languages given, or of all.
func tatoebaPairs(t testing.TB, n int, languages ...string) []sdk.Pair {
	t.Helper()
	dir := shared(t, "tatoeba")
	files, err := filepath.Glob(filepath.Join(dir, "*.eng"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var out []sdk.Pair
	for _, f := range files {
		lang := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "tatoeba."), "-eng.eng")
		if len(languages) > 0 && !slices.Contains(languages, lang) {
			continue
		}
		a, b := lines(t, strings.TrimSuffix(f, "eng")+lang), lines(t, f)
		for i := range min(n, len(a), len(b)) {
			out = append(out, sdk.Pair{
				A: sdk.Text{Language: lang, Text: a[i]},
				B: sdk.Text{Language: "eng", Text: b[i]},
			})
		}
	}
	return out
}

func lines(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	var out []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		out = append(out, sc.Text())
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// sibTexts returns the training sentences of SIB-200 in one language.
func sibTexts(t testing.TB, lang string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(shared(t, "sib200"), lang, "train.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.Comma = '\t'
	var out []string
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out[1:] // without the header
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec[len(rec)-1])
	}
}

func seq(pairs []sdk.Pair) func(func(sdk.Pair, error) bool) {
	return func(yield func(sdk.Pair, error) bool) {
		for _, p := range pairs {
			if !yield(p, nil) {
				return
			}
		}
	}
}
