package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

// TestFilesAreWhatIsMade holds the committed files against what the program
// makes; compressed ones by their content.
func TestFilesAreWhatIsMade(t *testing.T) {
	out := t.TempDir()
	writeAll("../../minifaq", out)
	n := 0
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, err := filepath.Rel(out, path)
		if err != nil {
			return err
		}
		got, want := content(t, path), content(t, filepath.Join("..", rel))
		if strings.HasSuffix(rel, ".npy") {
			got, want = got[:128], want[:128] // logarithms may differ in the last bit
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what is made; run go run ./examples/existing-runs/make", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != 4*len(targets)+3 {
		t.Errorf("%d files are made", n)
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	r, err := irfile.Decompress(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() == 0 {
		if st, err := os.Stat(path); err == nil && st.Size() > 0 {
			t.Errorf("%s reads as nothing", path)
		}
	}
	return b.Bytes()
}
