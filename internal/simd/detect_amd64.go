//go:build !purego

package simd

import "golang.org/x/sys/cpu"

func detect() Level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA || !x.HasF16C || !x.HasPOPCNT:
		return Go
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL &&
		x.HasAVX512VBMI2 && x.HasAVX512VNNI && x.HasAVX512VPOPCNTDQ:
		return AVX512
	}
	return AVX2
}
