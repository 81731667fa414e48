//go:build !purego

package ceiling

import "golang.org/x/sys/cpu"

var (
	has256 = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	has512 = has256 && cpu.X86.HasAVX512F
)
