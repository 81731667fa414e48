//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package cas

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock file at path if no living process holds it. The
// kernel lets go of it when the process dies, however it dies.
func tryLock(path string) (unlock func(remove bool), ok bool, err error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, false, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			_ = f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, false, nil
			}
			return nil, false, err
		}
		// The holder before us may have removed the file between our opening
		// and locking it: then we hold a lock nobody else can see.
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 != nil || err2 != nil || !os.SameFile(mine, there) {
			_ = f.Close()
			continue
		}
		return func(remove bool) {
			if remove {
				_ = os.Remove(path)
			}
			_ = f.Close()
		}, true, nil
	}
}
