package cas

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"
)

// ErrDamaged says that a blob is there but does not hold what its name says:
// it was cut short or changed. The store treats it as missing; whoever made it
// makes it again.
var ErrDamaged = errors.New("the stored bytes do not match their digest")

// ErrFull says that the disk, or the quota on it, is exhausted.
var ErrFull = errors.New("the disk is full: free some space and run again, nothing in the store is damaged")

// syncSize is the size in bytes from which a blob is synced before it becomes
// visible. Smaller ones are synced in groups, see sync.go.
const syncSize = 256 << 20

// Store is a directory of artifacts.
//
//	blobs/ab/<hex>       content, by SHA-256, mode 0444
//	trees/ab/<hex>/      a directory artifact laid out: hard links to blobs
//	actions/ab/<hex>     what a step with given inputs has produced
//	recipes/ab/<hex>     the same record, under the name of a planned step
//	work/<hex>/          scratch of long steps: outlives an interrupted attempt
//	tmp/<session>/       scratch of one process: swept when the process is gone
//
// All methods may be called at once, from several goroutines and several
// processes. Nothing in the store waits for a lock.
type Store struct {
	dir     string
	session *session
	count   atomic.Int64
	shards  sync.Map // directories known to exist
	trees   sync.Map // Digest of trees checked by this process
}

// Open opens the store in dir, creating it where needed, and clears away what
// dead processes left half done.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	for _, d := range []string{"blobs", "trees", "actions", "recipes", "work", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, storeError("open the store", err)
		}
	}
	s := &Store{dir: dir}
	if s.session, err = openSession(dir); err != nil {
		return nil, storeError("open the store", err)
	}
	if _, err := s.Sweep(abandoned); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// abandoned is how long an interrupted attempt may wait to be taken up again.
const abandoned = 60 * 24 * time.Hour

// Close makes durable what has been written and removes this process's
// scratch.
func (s *Store) Close() error { return s.session.close() }

// Root returns the store's directory.
func (s *Store) Root() string { return s.dir }

func storeError(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%s: %w", doing, ErrFull)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (s *Store) file(kind string, d Digest) string {
	x := d.Hex()
	if len(x) < 2 {
		x = "__" + x
	}
	return filepath.Join(s.dir, kind, x[:2], x)
}

// shard creates the directory of path, once per process.
func (s *Store) shard(path string) error {
	dir := filepath.Dir(path)
	if _, ok := s.shards.Load(dir); ok {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s.shards.Store(dir, true)
	return nil
}

func (s *Store) tempName() string {
	return filepath.Join(s.session.dir, strconv.FormatInt(s.count.Add(1), 36))
}

// Put stores what r gives and returns its digest and size in bytes.
func (s *Store) Put(r io.Reader) (Digest, int64, error) {
	w, err := s.Create()
	if err != nil {
		return "", 0, err
	}
	defer w.Discard()
	if _, err := io.Copy(w, r); err != nil {
		return "", 0, storeError("write to the store", err)
	}
	return w.Commit()
}

// PutBytes stores b.
func (s *Store) PutBytes(b []byte) (Digest, error) {
	d := Sum(b)
	if s.Intact(d, int64(len(b))) {
		return d, nil
	}
	name := s.tempName()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return "", storeError("write to the store", err)
	}
	_, err = f.Write(b)
	return d, s.admit(f, err, name, d, int64(len(b)))
}

// admit closes f, the temporary file name, and links it under its digest.
func (s *Store) admit(f *os.File, err error, name string, d Digest, size int64) error {
	if err == nil && size >= syncSize {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = s.link(name, d, size)
	}
	if e := os.Remove(name); err == nil && e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = e
	}
	if err != nil {
		return storeError("write to the store", err)
	}
	return nil
}

// link gives the finished file at name its digest's name. The first writer
// wins, unless what it left has the wrong size.
func (s *Store) link(name string, d Digest, size int64) error {
	dst := s.file("blobs", d)
	if err := s.shard(dst); err != nil {
		return err
	}
	s.session.dirty()
	err := os.Link(name, dst)
	if errors.Is(err, fs.ErrExist) {
		if s.Intact(d, size) {
			return nil
		}
		return os.Rename(name, dst)
	}
	return err
}

// Writer is a blob being written.
type Writer struct {
	s    *Store
	f    *os.File
	h    hash.Hash
	n    int64
	done bool
}

// Create starts a blob. Call Discard when done, also after Commit.
func (s *Store) Create() (*Writer, error) {
	f, err := os.OpenFile(s.tempName(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o444)
	if err != nil {
		return nil, storeError("write to the store", err)
	}
	return &Writer{s: s, f: f, h: sha256.New()}, nil
}

// Write appends to the blob.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.h.Write(p[:n])
	w.n += int64(n)
	if err != nil {
		err = storeError("write to the store", err)
	}
	return n, err
}

// Commit makes the blob visible under its digest.
func (w *Writer) Commit() (Digest, int64, error) {
	if w.done {
		return "", 0, errors.New("commit a blob twice")
	}
	w.done = true
	d := hexDigest(w.h)
	return d, w.n, w.s.admit(w.f, nil, w.f.Name(), d, w.n)
}

// Discard drops a blob that was not committed.
func (w *Writer) Discard() {
	if w.done {
		return
	}
	w.done = true
	// The blob is unwanted: nothing is lost if closing or removing goes wrong.
	_ = w.f.Close()
	_ = os.Remove(w.f.Name())
}

func hexDigest(h hash.Hash) Digest { return Digest("sha256:" + hex.EncodeToString(h.Sum(nil))) }

// PutFile stores the file at path. A file in the store's own scratch (Temp,
// Work) is moved, any other is copied; nobody may write to it any more.
func (s *Store) PutFile(path string) (Digest, error) {
	d, _, err := s.putFile(path)
	return d, err
}

func (s *Store) putFile(path string) (Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, storeError("store a file", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return "", 0, storeError("store a file", err)
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("store %s: only regular files can be stored, this is a %s", path, kindOf(info.Mode()))
	}
	if !s.scratch(path) {
		return s.Put(f)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", 0, storeError("store a file", err)
	}
	d := hexDigest(h)
	if err := os.Chmod(path, 0o444); err != nil {
		return "", 0, storeError("store a file", err)
	}
	if n >= syncSize {
		if err := f.Sync(); err != nil {
			return "", 0, storeError("store a file", err)
		}
	}
	if err := s.link(path, d, n); err != nil {
		return "", 0, storeError("store a file", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", 0, storeError("store a file", err)
	}
	return d, n, nil
}

func (s *Store) scratch(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	sep := string(filepath.Separator)
	return strings.HasPrefix(abs, filepath.Join(s.dir, "tmp")+sep) || strings.HasPrefix(abs, filepath.Join(s.dir, "work")+sep)
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsDir():
		return "directory"
	}
	return "special file"
}

// Entry is one file of a directory artifact.
type Entry struct {
	Path   string `json:"path"` // slash separated, relative
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
}

// PutDir stores the files under dir and returns the digest of their manifest:
// the canonical JSON of the entries, sorted by path. Empty directories and
// modes are not kept; a symbolic link or special file is refused.
func (s *Store) PutDir(dir string) (Digest, error) {
	var entries []Entry
	err := filepath.WalkDir(dir, func(path string, de fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if de.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !de.Type().IsRegular() {
			return fmt.Errorf("%s is a %s: only regular files can be stored", rel, kindOf(de.Type()))
		}
		if !utf8.ValidString(rel) {
			return fmt.Errorf("the name %q is not valid UTF-8", rel)
		}
		d, n, err := s.putFile(path)
		if err != nil {
			return err
		}
		entries = append(entries, Entry{Path: rel, Digest: d, Size: n})
		return nil
	})
	if err != nil {
		return "", storeError("store a directory", err)
	}
	return s.PutManifest(entries)
}

// PutManifest stores the manifest of a directory whose files are in the store
// already.
func (s *Store) PutManifest(entries []Entry) (Digest, error) {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	for i, e := range entries {
		if !fs.ValidPath(e.Path) || e.Path == "." || i > 0 && e.Path == entries[i-1].Path {
			return "", fmt.Errorf("store a directory: bad or repeated name %q", e.Path)
		}
	}
	if entries == nil {
		entries = []Entry{}
	}
	b, err := json.Marshal(entries)
	if err != nil {
		return "", fmt.Errorf("store a directory: %w", err)
	}
	return s.PutBytes(b)
}

// Manifest returns the files of a directory artifact, sorted by path.
func (s *Store) Manifest(d Digest) ([]Entry, error) {
	b, err := s.ReadFile(d)
	if err != nil {
		return nil, fmt.Errorf("read a directory's manifest: %w", err)
	}
	var entries []Entry
	if err := json.Unmarshal(b, &entries); err != nil {
		return nil, fmt.Errorf("read the manifest %s: %w", d.Short(), err)
	}
	for _, e := range entries {
		if _, err := ParseDigest(string(e.Digest)); err != nil || !fs.ValidPath(e.Path) {
			return nil, fmt.Errorf("read the manifest %s: bad entry %q", d.Short(), e.Path)
		}
	}
	return entries, nil
}

// Dir lays the directory artifact d out as a tree of read-only files and
// returns its path. The tree is shared: write nothing into it.
func (s *Store) Dir(d Digest) (string, error) {
	dst := s.file("trees", d)
	if _, ok := s.trees.Load(d); ok {
		return dst, nil
	}
	entries, err := s.Manifest(d)
	if err != nil {
		return "", err
	}
	if !s.treeComplete(dst, entries) {
		if err := s.layOut(dst, entries); err != nil {
			return "", storeError("lay out a directory", err)
		}
	}
	s.trees.Store(d, true)
	return dst, nil
}

// treeComplete reports whether dir holds the blobs of entries: the very
// files, or copies where a link was not possible.
func (s *Store) treeComplete(dir string, entries []Entry) bool {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return false
	}
	for _, e := range entries {
		path := filepath.Join(dir, filepath.FromSlash(e.Path))
		info, err := os.Lstat(path)
		if err != nil || info.Size() != e.Size {
			return false
		}
		blob, err := os.Lstat(s.file("blobs", e.Digest))
		if err == nil && os.SameFile(info, blob) {
			continue
		}
		if verifyFile(path, e.Digest) != nil {
			return false
		}
	}
	return true
}

func (s *Store) layOut(dst string, entries []Entry) error {
	tmp := s.tempName()
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // a leftover is swept with the session
	if err := s.linkInto(tmp, entries); err != nil {
		return err
	}
	if err := s.shard(dst); err != nil {
		return err
	}
	s.session.dirty()
	for range 3 {
		err := os.Rename(tmp, dst)
		if err == nil || s.treeComplete(dst, entries) {
			return nil
		}
		// What lies there is damaged, or another process is replacing it:
		// move it out of the way and go again.
		_ = os.Rename(dst, s.tempName())
	}
	return fmt.Errorf("%s is in the way", dst)
}

// linkInto hard-links the blobs of entries into the directory dir.
func (s *Store) linkInto(dir string, entries []Entry) error {
	return s.fill(dir, entries, s.exportLink)
}

func (s *Store) exportLink(d Digest, _ int64, to string) error {
	return linkOrCopy(s.file("blobs", d), to)
}

// fill makes a file for each of the entries in the directory dir.
func (s *Store) fill(dir string, entries []Entry, file func(d Digest, size int64, to string) error) error {
	for _, e := range entries {
		if !s.Intact(e.Digest, e.Size) {
			return fmt.Errorf("%s (%s): %w", e.Path, e.Digest.Short(), s.absent(e.Digest))
		}
		to := filepath.Join(dir, filepath.FromSlash(e.Path))
		if strings.Contains(e.Path, "/") {
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
		}
		if err := file(e.Digest, e.Size, to); err != nil {
			return err
		}
	}
	return nil
}

// linkOrCopy hard-links from as to, or copies it where that is not possible:
// it has all the links its file system allows, belongs to somebody else, or to
// lies elsewhere.
func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// CopySize is the size up to which an exported file is a copy. A hard link
// costs no space, but who writes to it writes to the store.
const CopySize = 8 << 20

// Export lays the blob d out as a file outside the store: a verified copy, or
// a hard link where it is bigger than CopySize. The file is read only; to must
// not exist. A damaged blob is removed, and the error is ErrDamaged.
func (s *Store) Export(d Digest, to string) error {
	size, err := s.Size(d)
	if err == nil {
		err = s.export(d, size, to)
	}
	if err != nil {
		return storeError("export "+d.Short(), err)
	}
	return nil
}

func (s *Store) export(d Digest, size int64, to string) error {
	if size > CopySize {
		return linkOrCopy(s.file("blobs", d), to)
	}
	b, err := s.ReadFile(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// ExportDir lays the directory artifact d out in the new directory to, each
// file as Export does.
func (s *Store) ExportDir(d Digest, to string) error { return s.exportDir(d, to, s.export) }

// LinkDir is ExportDir with hard links only: for thousands of small files.
func (s *Store) LinkDir(d Digest, to string) error {
	return s.exportDir(d, to, s.exportLink)
}

func (s *Store) exportDir(d Digest, to string, file func(d Digest, size int64, to string) error) error {
	entries, err := s.Manifest(d)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return storeError("export a directory", err)
	}
	if err := s.fill(to, entries, file); err != nil {
		return storeError("export a directory", err)
	}
	return nil
}

// Has reports whether a blob is there.
func (s *Store) Has(d Digest) bool {
	_, err := os.Lstat(s.file("blobs", d))
	return err == nil
}

// Intact reports whether a blob is there and has the given size.
func (s *Store) Intact(d Digest, size int64) bool {
	info, err := os.Lstat(s.file("blobs", d))
	return err == nil && info.Size() == size && info.Mode().IsRegular()
}

// Complete reports whether a directory artifact and all its files are there.
func (s *Store) Complete(d Digest) bool {
	entries, err := s.Manifest(d)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(entries, func(e Entry) bool { return !s.Intact(e.Digest, e.Size) })
}

// Size returns the size of a blob in bytes.
func (s *Store) Size(d Digest) (int64, error) {
	info, err := os.Lstat(s.file("blobs", d))
	if err != nil {
		return 0, fmt.Errorf("look for %s: %w", d.Short(), err)
	}
	return info.Size(), nil
}

// Path returns where the blob d lies. The file is read only.
func (s *Store) Path(d Digest) string { return s.file("blobs", d) }

// ReadFile returns a blob's content, checked against its digest. A blob whose
// content is wrong is removed, so that it counts as missing from then on, and
// the error is ErrDamaged.
func (s *Store) ReadFile(d Digest) ([]byte, error) {
	b, err := os.ReadFile(s.file("blobs", d))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Short(), err)
	}
	if Sum(b) != d {
		s.Remove(d)
		return nil, fmt.Errorf("read %s: %w", d.Short(), ErrDamaged)
	}
	return b, nil
}

// Verify reads a blob through and compares it with its digest. A damaged one
// is removed.
func (s *Store) Verify(d Digest) error {
	err := verifyFile(s.file("blobs", d), d)
	if errors.Is(err, ErrDamaged) {
		s.Remove(d)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Short(), err)
	}
	return nil
}

func verifyFile(path string, d Digest) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if hexDigest(h) != d {
		return ErrDamaged
	}
	return nil
}

// Remove drops a blob that turned out to be damaged. Trees are looked at anew:
// the blob may be one of theirs.
func (s *Store) Remove(d Digest) {
	_ = os.Remove(s.file("blobs", d)) // it is gone already, or found out again
	s.trees.Clear()
}

func (s *Store) absent(d Digest) error {
	if s.Has(d) {
		return ErrDamaged
	}
	return fs.ErrNotExist
}

// Temp creates an empty directory on the store's file system. It vanishes
// with the process.
func (s *Store) Temp() (string, error) {
	dir := s.tempName()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", storeError("make a scratch directory", err)
	}
	return dir, nil
}

// Work returns the scratch directory of key, kept when the process is
// interrupted so that the next attempt finds its checkpoints. While one
// process holds it another that asks gets an empty directory of its own.
// Call release when the attempt is over; finished removes the directory.
func (s *Store) Work(key Digest) (dir string, release func(finished bool), err error) {
	dir = filepath.Join(s.dir, "work", key.Hex())
	unlock, ok, err := tryLock(dir + ".lock")
	if err != nil {
		return "", nil, storeError("make a work directory", err)
	}
	if !ok {
		if dir, err = s.Temp(); err != nil {
			return "", nil, err
		}
		return dir, func(bool) { _ = os.RemoveAll(dir) }, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		unlock(false)
		return "", nil, storeError("make a work directory", err)
	}
	return dir, func(finished bool) {
		if finished {
			_ = os.RemoveAll(dir) // what stays is only disk space
		}
		unlock(finished)
	}, nil
}

// PutAction records what the action key has produced. A record that is there
// already is replaced.
func (s *Store) PutAction(key Digest, record []byte) error {
	return s.replace(s.file("actions", key), record)
}

// Action returns the record of an action; false where there is none.
func (s *Store) Action(key Digest) ([]byte, bool, error) { return readIf(s.file("actions", key)) }

// PutRecipe notes that a recipe came down to the action key, whose record is
// in the store.
func (s *Store) PutRecipe(recipe, key Digest) error {
	from, to := s.file("actions", key), s.file("recipes", recipe)
	if err := s.shard(to); err != nil {
		return storeError("write to the store", err)
	}
	s.session.dirty()
	// The recipe is another name of the record: reading it takes one file,
	// writing it takes none.
	err := os.Link(from, to)
	if errors.Is(err, fs.ErrExist) {
		a, err1 := os.Lstat(from)
		b, err2 := os.Lstat(to)
		if err1 == nil && err2 == nil && os.SameFile(a, b) {
			return nil
		}
		name := s.tempName()
		if err = os.Link(from, name); err == nil {
			err = os.Rename(name, to)
		}
	}
	if errors.Is(err, syscall.EMLINK) {
		var b []byte
		if b, err = os.ReadFile(from); err == nil {
			return s.replace(to, b)
		}
	}
	if err != nil {
		return storeError("write to the store", err)
	}
	return nil
}

// Recipe returns the record of the action that a recipe came down to; false
// where that is not known.
func (s *Store) Recipe(recipe Digest) ([]byte, bool, error) {
	return readIf(s.file("recipes", recipe))
}

// TempPath returns a name for a new file in this process's scratch.
func (s *Store) TempPath() string { return s.tempName() }

func readIf(path string) ([]byte, bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, storeError("read the store", err)
	}
	return b, true, nil
}

func (s *Store) replace(path string, b []byte) error {
	if err := s.shard(path); err != nil {
		return storeError("write to the store", err)
	}
	name := s.tempName()
	err := os.WriteFile(name, b, 0o644)
	if err == nil {
		s.session.dirty()
		err = os.Rename(name, path)
	}
	if err != nil {
		_ = os.Remove(name)
		return storeError("write to the store", err)
	}
	return nil
}

// Sweep removes work directories that no process holds and nobody has touched
// for the given time. It returns how many.
func (s *Store) Sweep(age time.Duration) (int, error) {
	ents, err := os.ReadDir(filepath.Join(s.dir, "work"))
	if err != nil {
		return 0, storeError("sweep the store", err)
	}
	n := 0
	for _, e := range ents {
		info, err := e.Info()
		if err != nil || !e.IsDir() || time.Since(info.ModTime()) < age {
			continue
		}
		dir := filepath.Join(s.dir, "work", e.Name())
		unlock, ok, err := tryLock(dir + ".lock")
		if err != nil || !ok {
			continue
		}
		if os.RemoveAll(dir) == nil {
			n++
		}
		unlock(true)
	}
	return n, nil
}
