//go:build !unix

package pluginhost

import (
	"os"
	"os/exec"
)

const maxSocketPath = 103

func setAttributes(*exec.Cmd) {}

func awaitDeath(int) bool { return false }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

func describeExit(s *os.ProcessState) (status string, killed bool) {
	if s == nil {
		return "", false
	}
	return s.String(), false
}

func lockDir(string) (*os.File, error) { return nil, nil }

func sweep(string) {}
