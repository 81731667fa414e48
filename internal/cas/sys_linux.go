package cas

import (
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// syncFS writes everything on the file system of dir to disk.
func syncFS(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	return unix.Syncfs(int(f.Fd()))
}

// bootID changes whenever the machine starts.
var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
})
