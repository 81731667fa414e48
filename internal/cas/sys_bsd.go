//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package cas

import (
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// syncFS writes what the kernel holds back to disk.
func syncFS(string) error {
	unix.Sync()
	return nil
}

// bootID changes whenever the machine starts.
var bootID = sync.OnceValue(func() string {
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return "unknown"
	}
	return strconv.FormatInt(int64(tv.Sec), 10)
})
