package cas

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestPutIsContentAddressed(t *testing.T) {
	s := open(t, t.TempDir())
	// sha256 of "abc", FIPS 180-2 appendix B.1.
	const abc = Digest("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	d, n, err := s.Put(strings.NewReader("abc"))
	if err != nil || d != abc || n != 3 {
		t.Fatalf("Put: %s, %d, %v", d, n, err)
	}
	if d, err = s.PutBytes([]byte("abc")); err != nil || d != abc {
		t.Fatalf("PutBytes: %s, %v", d, err)
	}
	tmp, err := s.Temp()
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := filepath.Join(tmp, "x"), filepath.Join(t.TempDir(), "x")
	for _, p := range []string{inside, outside} {
		if err := os.WriteFile(p, []byte("abc"), 0o644); err != nil {
			t.Fatal(err)
		}
		if d, err = s.PutFile(p); err != nil || d != abc {
			t.Fatalf("PutFile: %s, %v", d, err)
		}
	}
	if _, err := os.Stat(inside); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file in the store's scratch is moved, this one is still there")
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error("a file outside the store is copied, this one is gone")
	}
	info, err := os.Stat(s.Path(d))
	if err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if b, err := s.ReadFile(d); err != nil || string(b) != "abc" {
		t.Errorf("ReadFile: %q, %v", b, err)
	}
	if s.Has(Sum([]byte("other"))) {
		t.Error("a blob that was never stored is there")
	}
}

func TestDamagedBlobs(t *testing.T) {
	s := open(t, t.TempDir())
	content := []byte("some bytes that matter")
	d, err := s.PutBytes(content)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(b []byte) {
		if err := os.Remove(s.Path(d)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path(d), b, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	spoil(content[:5])
	if s.Intact(d, int64(len(content))) {
		t.Error("a truncated blob counts as intact")
	}
	if _, err := s.PutBytes(content); err != nil {
		t.Fatal(err)
	}
	if b, err := s.ReadFile(d); err != nil || !bytes.Equal(b, content) {
		t.Errorf("writing again does not heal: %q, %v", b, err)
	}
	spoil(bytes.ToUpper(content))
	if _, err := s.ReadFile(d); !errors.Is(err, ErrDamaged) {
		t.Errorf("want ErrDamaged, got %v", err)
	}
	if s.Has(d) {
		t.Error("a damaged blob is still there after it was found out")
	}
}

func TestDirectories(t *testing.T) {
	s := open(t, t.TempDir())
	src := t.TempDir()
	for name, text := range map[string]string{"a.txt": "one", "sub/b.txt": "two", "sub/deep/c.txt": "one", "empty.txt": ""} {
		p := filepath.Join(src, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := s.PutDir(src)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := s.Manifest(d)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, fmt.Sprintf("%s:%d", e.Path, e.Size))
	}
	if got, want := strings.Join(names, " "), "a.txt:3 empty.txt:0 sub/b.txt:3 sub/deep/c.txt:3"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	dir, err := s.Dir(d)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "sub", "deep", "c.txt")); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	again, err := s.PutDir(dir)
	if err != nil || again != d {
		t.Errorf("storing the tree again gives %s, want %s (%v)", again, d, err)
	}
	if err := os.Symlink("a.txt", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutDir(src); err == nil || !strings.Contains(err.Error(), "link is a symbolic link") {
		t.Errorf("a symbolic link is not refused: %v", err)
	}

	// A tree whose file was damaged is laid out anew by the next process.
	if err := os.Remove(filepath.Join(dir, "a.txt")); err != nil {
		t.Fatal(err)
	}
	s2 := open(t, s.Root())
	if dir, err = s2.Dir(d); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "a.txt")); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	s.Remove(Sum([]byte("two")))
	if s.Complete(d) {
		t.Error("a directory without one of its files counts as complete")
	}
}

func TestActionsAndRecipes(t *testing.T) {
	s := open(t, t.TempDir())
	r, a, b := Sum([]byte("recipe")), Sum([]byte("a")), Sum([]byte("b"))
	if _, ok, err := s.Recipe(r); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
	if err := s.PutRecipe(r, a); err == nil {
		t.Error("a recipe may come down to an action without a record")
	}
	for _, x := range []struct {
		key    Digest
		record string
	}{{a, "{}"}, {a, "{}"}, {b, "[]"}, {b, "[1]"}} {
		if err := s.PutAction(x.key, []byte(x.record)); err != nil {
			t.Fatal(err)
		}
		if rec, ok, err := s.Action(x.key); string(rec) != x.record || !ok || err != nil {
			t.Errorf("%q %v %v", rec, ok, err)
		}
		for range 2 {
			if err := s.PutRecipe(r, x.key); err != nil {
				t.Fatal(err)
			}
			if rec, ok, err := s.Recipe(r); string(rec) != x.record || !ok || err != nil {
				t.Errorf("want %s, got %q %v %v", x.record, rec, ok, err)
			}
		}
	}
}

func TestWorkIsExclusiveAndKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	key := Sum([]byte("training"))
	w, release, err := s.Work(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w, "checkpoint"), []byte("7"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := open(t, dir)
	w2, release2, err := other.Work(key)
	if err != nil {
		t.Fatal(err)
	}
	if w2 == w {
		t.Error("two attempts at once share a work directory")
	}
	release2(true)
	release(false)
	w3, release3, err := other.Work(key)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(w3, "checkpoint")); err != nil || string(b) != "7" {
		t.Errorf("the checkpoint is lost: %q, %v", b, err)
	}
	release3(true)
	if _, err := os.Stat(w3); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a finished work directory stays")
	}
}

func TestFullDisk(t *testing.T) {
	err := storeError("write to the store", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("a full disk is reported as: %v", err)
	}
}

func TestSweepLeavesWhatIsHeld(t *testing.T) {
	s := open(t, t.TempDir())
	past := time.Now().Add(-48 * time.Hour)
	var dirs []string
	for i := range 2 {
		w, release, err := s.Work(Sum([]byte{byte(i)}))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(w, past, past); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			release(false)
		} else {
			defer release(true)
		}
		dirs = append(dirs, w)
	}
	if n, err := s.Sweep(24 * time.Hour); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, err := os.Stat(dirs[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the abandoned directory is still there")
	}
	if _, err := os.Stat(dirs[1]); err != nil {
		t.Error("the directory in use is gone")
	}
}

func TestSeveralWritersOfOneBlob(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{open(t, dir), open(t, dir)}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				b := bytes.Repeat([]byte{byte(i)}, 1000*i)
				d, err := stores[w%2].PutBytes(b)
				if err != nil || d != Sum(b) {
					t.Errorf("%s %v", d, err)
				}
				if got, err := stores[w%2].ReadFile(d); err != nil || !bytes.Equal(got, b) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestSessionsOfTheDead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	good, err := s.PutBytes([]byte("good"))
	if err != nil {
		t.Fatal(err)
	}
	bad, err := s.PutBytes([]byte("soon bad"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := s.PutBytes([]byte("bad but synced long before"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Digest{bad, old} {
		if err := os.Remove(s.Path(d)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path(d), make([]byte, 8), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.Path(old), past, past); err != nil {
		t.Fatal(err)
	}
	// What a process leaves behind when the machine goes down under it.
	dead := filepath.Join(dir, "tmp", "1-dead")
	if err := os.MkdirAll(filepath.Join(dead, "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	note := fmt.Sprintf("%020d %s\n", time.Now().Add(-time.Minute).UnixNano(), "another-boot")
	if err := os.WriteFile(dead+".lock", []byte(note), 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if !s.Has(good) || s.Has(bad) || !s.Has(old) {
		t.Errorf("good %v, bad %v, old %v: want true, false, true", s.Has(good), s.Has(bad), s.Has(old))
	}
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the scratch of the dead process is still there")
	}
	if _, err := os.Stat(s.session.dir); err != nil {
		t.Error("the scratch of a living process is gone")
	}
}

func BenchmarkPutSmall(b *testing.B) {
	s := open(b, b.TempDir())
	buf := make([]byte, 8000)
	i := 0
	for b.Loop() {
		copy(buf, fmt.Sprint(i))
		i++
		d, err := s.PutBytes(buf)
		if err == nil {
			err = s.PutAction(d, buf[:500])
		}
		if err == nil {
			err = s.PutRecipe(Sum(buf[:20]), d)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
