package cas

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Durability. A killed process leaves nothing half visible, since every file
// is complete before it gets its name. A machine that loses power may also
// lose what the kernel has not written yet. Very large blobs are synced before
// they get their name. A study also writes thousands of others, and syncing
// each costs more than computing it, so these are synced in groups: at most
// syncEvery after they were written, and at Close.
//
// For the moments in between, a session notes when it last synced. Whoever
// opens the store after a power failure finds the session of another boot and
// checks every blob written since that time against its digest.

// syncEvery bounds how long a small blob stays unsynced.
const syncEvery = 5 * time.Second

// clockSlack covers file systems that keep times in coarse steps.
const clockSlack = 3 * time.Second

type session struct {
	root   string // of the store
	dir    string // tmp/<name>
	unlock func(remove bool)

	mu      sync.Mutex
	pending bool
	closed  bool
	timer   *time.Timer
	syncErr error
}

func openSession(root string) (*session, error) {
	if err := sweepSessions(root); err != nil {
		return nil, err
	}
	var ss *session
	for ss == nil {
		dir := filepath.Join(root, "tmp", strconv.Itoa(os.Getpid())+"-"+rand.Text()[:10])
		unlock, ok, err := tryLock(dir + ".lock")
		if err != nil {
			return nil, err
		}
		// Not ok: a sweeper came between creating the file and locking it.
		if ok {
			ss = &session{root: root, dir: dir, unlock: unlock}
		}
	}
	if err := ss.note(time.Now()); err != nil {
		return nil, err
	}
	if err := os.Mkdir(ss.dir, 0o755); err != nil {
		return nil, err
	}
	return ss, nil
}

// note writes when everything before was known to be on disk, and the boot
// that this is about.
func (ss *session) note(t time.Time) error {
	f, err := os.OpenFile(ss.dir+".lock", os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	// Fixed width: a note is overwritten in place and must not leave a tail.
	_, err = fmt.Fprintf(f, "%020d %s\n", t.UnixNano(), bootID())
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// dirty says that a small file has been written.
func (ss *session) dirty() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.pending || ss.closed {
		return
	}
	ss.pending = true
	ss.timer = time.AfterFunc(syncEvery, ss.flush)
}

func (ss *session) flush() {
	ss.mu.Lock()
	was := ss.pending
	ss.pending = false
	ss.mu.Unlock()
	if !was {
		return
	}
	t := time.Now()
	err := syncFS(ss.root)
	if err == nil {
		err = ss.note(t)
	}
	if err != nil {
		ss.mu.Lock()
		ss.syncErr = errors.Join(ss.syncErr, err)
		ss.mu.Unlock()
	}
}

func (ss *session) close() error {
	ss.mu.Lock()
	if ss.closed {
		ss.mu.Unlock()
		return nil
	}
	ss.closed = true
	if ss.timer != nil {
		ss.timer.Stop()
	}
	ss.mu.Unlock()
	ss.flush()
	err := os.RemoveAll(ss.dir)
	ss.unlock(true)
	if err := errors.Join(ss.syncErr, err); err != nil {
		return storeError("close the store", err)
	}
	return nil
}

// sweepSessions removes the scratch of dead processes. Where the machine went
// down under one of them, it checks what that one had not synced.
func sweepSessions(root string) error {
	tmp := filepath.Join(root, "tmp")
	ents, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	var suspect time.Time
	for _, e := range ents {
		name, ok := strings.CutSuffix(e.Name(), ".lock")
		if !ok {
			continue
		}
		dir := filepath.Join(tmp, name)
		unlock, ok, err := tryLock(dir + ".lock")
		if err != nil || !ok {
			continue // alive, or locks do not work here: leave it
		}
		if since, lost := lostSince(dir + ".lock"); lost && (suspect.IsZero() || since.Before(suspect)) {
			suspect = since
		}
		if !suspect.IsZero() {
			if err := verifySince(root, suspect.Add(-clockSlack)); err != nil {
				unlock(false)
				return err
			}
		}
		_ = os.RemoveAll(dir) // what stays is only disk space
		unlock(true)
	}
	return nil
}

// lostSince reads a dead session's note: since when its writes may be lost.
func lostSince(path string) (time.Time, bool) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return time.Time{}, false // it had not begun to write
	}
	var ns int64
	var boot string
	if _, err := fmt.Sscanf(string(b), "%d %s", &ns, &boot); err != nil {
		return time.Time{}, true // the note itself is damaged: check everything
	}
	return time.Unix(0, ns), boot != bootID()
}

// verifySince removes blobs written after t whose content is not what their
// name says.
func verifySince(root string, t time.Time) error {
	s := &Store{dir: root}
	return filepath.WalkDir(filepath.Join(root, "blobs"), func(path string, de fs.DirEntry, err error) error {
		if err != nil || de.IsDir() {
			return err
		}
		info, err := de.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process found it out
		}
		if err != nil {
			return err
		}
		if info.ModTime().Before(t) || info.Size() >= syncSize {
			return nil
		}
		if d, err := ParseDigest("sha256:" + de.Name()); err == nil {
			_ = s.Verify(d) // a damaged one is removed, which is all we want
		}
		return nil
	})
}
