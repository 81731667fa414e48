//go:build unix

package vec

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// To open a pipe waits for a writer, who may never come.
func TestMapFileOfPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe.npy")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := OpenVectors(path); err == nil {
		t.Error("no error")
	}
}
