//go:build unix && !linux

package pluginhost

import (
	"os/exec"
	"syscall"
)

func setAttributes(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// awaitDeath cannot be had here without taking the status from Wait.
func awaitDeath(int) bool { return false }
