// Package simd holds the kernels of the scoring core: generated assembly for
// the machines that have it, and a Go reference with the same bits for all
// others.
//
// Every kernel has one documented order of rounding, so which of its forms ran
// can be seen in the clock only. Operands are laid out by the caller (package
// vec); the kernels check nothing.
package simd

//go:generate sh -c "cd _gen && go run . -kernels ints -pkg simd -out ../ints_amd64.s -stubs ../ints_amd64.go"
//go:generate sh -c "cd _gen && go run . -kernels linalg -pkg simd -out ../linalg_amd64.s -stubs ../linalg_amd64.go"
//go:generate sh -c "cd _gen && go run . -kernels scores -pkg simd -out ../scores_amd64.s -stubs ../scores_amd64.go"

import (
	"fmt"
	"os"
)

// Level is a set of instructions that kernels are written for.
type Level int

// The levels, each faster than the one before. All give the same bits.
const (
	Go     Level = iota // no assembly
	AVX2                // AVX2, FMA, F16C and POPCNT
	AVX512              // AVX-512 F, BW, DQ, VL, VBMI2, VNNI and VPOPCNTDQ beside AVX2
)

func (l Level) String() string { return [...]string{"go", "avx2", "avx512"}[l] }

// Env names the environment variable that holds kernels down to a level, for
// tests and for measurements: "go", "avx2" or "avx512".
const Env = "XLRUN_SIMD"

// Best is the highest level that this processor and build have.
var Best = detect()

var level = initial(os.Getenv(Env))

// narrow says that tiles of floats are those of AVX2 although there is AVX-512.
// Whoever names a level gets all of it.
var narrow = os.Getenv(Env) == "" && halves()

// Current returns the level in force.
func Current() Level { return level }

// Use puts a level in force, at most Best, and returns the one before. Nothing
// else may run: it is for tests and measurements.
func Use(l Level) (before Level) {
	before = level
	level, narrow = max(Go, min(l, Best)), false
	return before
}

// initial warns of a level that is not to be had: a measurement would be of
// something else.
func initial(name string) Level {
	if name == "" {
		return Best
	}
	for l := Go; l <= AVX512; l++ {
		if l.String() != name {
			continue
		}
		if l > Best {
			fmt.Fprintf(os.Stderr, "%s=%s: this processor or build has %s at most, which is used\n", Env, name, Best)
		}
		return min(l, Best)
	}
	fmt.Fprintf(os.Stderr, "%s=%s: want go, avx2 or avx512; %s is used\n", Env, name, Best)
	return Best
}
