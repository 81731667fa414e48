package cas

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Stamp tells a file from what it was before, as far as the file system notes
// changes: a file with the stamp that it had has the content that it had. A
// write changes the time of change, which nobody can set.
type Stamp struct {
	Size              int64
	Modified, Changed int64 // nanoseconds since 1970; Changed is 0 where the system does not tell
	Device, Inode     uint64
}

// StampOf returns the stamp of a file. What is no regular file (a directory, a
// named pipe, a device) is an error, and is not opened.
func StampOf(path string) (Stamp, error) {
	st, err := os.Stat(path)
	if err != nil {
		return Stamp{}, err
	}
	if !st.Mode().IsRegular() {
		return Stamp{}, fmt.Errorf("%s is %s: only regular files can be read again and have a digest", path, sortOf(st.Mode()))
	}
	s := Stamp{Size: st.Size(), Modified: st.ModTime().UnixNano()}
	s.system(st)
	return s, nil
}

func sortOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// ErrMoving says that a file was written to while it was read.
var ErrMoving = errors.New("it was written to while it was read")

// SumFile returns the digest of a file and the stamp that it had before and
// after it was read. If these differ the error is ErrMoving.
func SumFile(path string) (Digest, Stamp, error) {
	before, err := StampOf(path)
	if err != nil {
		return "", Stamp{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", Stamp{}, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", Stamp{}, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	if err := f.Close(); err != nil {
		return "", Stamp{}, err
	}
	after, err := StampOf(path)
	if err != nil {
		return "", Stamp{}, err
	}
	if before != after {
		return "", Stamp{}, fmt.Errorf("%s: %w", path, ErrMoving)
	}
	return hexDigest(h), after, nil
}
