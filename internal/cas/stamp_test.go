package cas

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that was written to has another stamp, also where its size and time
// of modification are what they were.
func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	d, s, err := SumFile(path)
	if err != nil || d != Sum([]byte("one")) {
		t.Fatal(d, err)
	}
	if again, err := StampOf(path); err != nil || again != s {
		t.Errorf("nothing happened: want %v, got %v, %v", s, again, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write("two")
	if err := os.Chtimes(path, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	now, err := StampOf(path)
	if err != nil || now.Size != s.Size || now.Modified != s.Modified {
		t.Fatalf("want the size and time of before, got %v, %v", now, err)
	}
	if s.Changed == 0 {
		t.Skip("this system does not tell when a file was changed")
	}
	if now == s {
		t.Error("a file with another content has the stamp of before")
	}
}

func TestStampOfNoFile(t *testing.T) {
	if _, err := StampOf(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: got %v", err)
	}
	if _, _, err := SumFile(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}
