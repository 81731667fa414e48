//go:build !amd64 || purego

package simd

func detect() Level { return Go }

func halves() bool { return false }
