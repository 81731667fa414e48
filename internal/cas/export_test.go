package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestExport: who writes to an exported file does not write to the store,
// unless the file is big.
func TestExport(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	out := t.TempDir()
	same := func(d Digest, name string) bool {
		t.Helper()
		a, err1 := os.Stat(s.Path(d))
		b, err2 := os.Stat(filepath.Join(out, name))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if b.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s can be written to: %v", name, b.Mode())
		}
		return os.SameFile(a, b)
	}
	put := func(b []byte) Digest {
		t.Helper()
		d, err := s.PutBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	small, big := put([]byte("a report")), put(make([]byte, CopySize+1))
	m, err := s.PutManifest([]Entry{{"sub/small", small, 8}, {"big", big, CopySize + 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Export(small, filepath.Join(out, "s")), s.Export(big, filepath.Join(out, "b")), s.ExportDir(m, filepath.Join(out, "copied")), s.LinkDir(m, filepath.Join(out, "linked"))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		digest Digest
		linked bool
	}{
		"s": {small, false}, "b": {big, true}, "copied/sub/small": {small, false}, "copied/big": {big, true},
		"linked/sub/small": {small, true}, "linked/big": {big, true},
	} {
		if same(c.digest, name) != c.linked {
			t.Errorf("%s: want it linked %v", name, c.linked)
		}
	}

	// A damaged blob is not handed on, and is gone then.
	if err := os.Remove(s.Path(small)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(small), []byte("a rePort"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := s.Export(small, filepath.Join(out, "again")); !errors.Is(err, ErrDamaged) || s.Has(small) {
		t.Errorf("want the damage found out and removed, got %v", err)
	}
}
