//go:build unix

package pluginhost

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxSocketPath is what fits into sockaddr_un everywhere (104 bytes on BSD).
const maxSocketPath = 103

// killGroup kills the processes of a group. There is no group 0 here: that
// would be our own.
func killGroup(pid int) {
	if pid > 1 {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

func describeExit(s *os.ProcessState) (status string, killed bool) {
	if s == nil {
		return "", false
	}
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return "killed by signal: " + w.Signal().String(), w.Signal() == syscall.SIGKILL
	}
	return s.String(), false
}

// lockDir marks dir as in use until f is closed, however we end.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes the directories that hosts left which were killed. Young ones
// may not have their lock yet.
func sweep(base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, socketPrefix+"*"))
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() {
			continue
		}
		if f, err := lockDir(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = f.Close()
		}
	}
}
