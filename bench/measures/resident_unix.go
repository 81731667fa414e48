//go:build linux || darwin

package main

import (
	"os"
	"runtime"
	"syscall"
)

// resident is the most memory that a process held, in MB.
func resident(st *os.ProcessState) float64 {
	u, ok := st.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(u.Maxrss) / 1e6 // bytes there, kibibytes elsewhere
	}
	return float64(u.Maxrss) * 1024 / 1e6
}
