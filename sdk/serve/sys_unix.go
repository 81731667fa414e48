//go:build unix

package serve

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeStdout returns the real standard output and points file descriptor 1 at
// standard error, so that whatever a component or a C library prints cannot
// end up in the handshake.
func takeStdout() (*os.File, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("take standard output: %w", err)
	}
	if err := dup2(2, 1); err != nil {
		return nil, fmt.Errorf("join standard output to standard error: %w", err)
	}
	return os.NewFile(uintptr(fd), "handshake"), nil
}

func closeOnExec(fd int) { unix.CloseOnExec(fd) }
