//go:build !amd64 || purego

package simd

// Below AVX2 nobody calls these.

func (t *IntTile) assembly(*Hits) { panic(noKernels) }

func offset16(*int32, *uint32, int) { panic(noKernels) }
