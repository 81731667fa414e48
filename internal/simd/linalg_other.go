//go:build !amd64 || purego

package simd

// No level above Go exists here, so nothing calls these.

func dotAVX2(_, _ *float32, _ int) float32                        { panic(noKernels) }
func dotRowsAVX2(_, _, _ *float32, _ int, _ *int32, _ int)        { panic(noKernels) }
func axpyAVX2(_ float32, _, _ *float32, _ int)                    { panic(noKernels) }
func axpyRowsAVX2(_ *float32, _ *uint32, _, _ *float32, _, _ int) { panic(noKernels) }
func sumRowsAVX2(_ *float32, _ int, _ *float32, _ *uint32, _ int) { panic(noKernels) }
func gemmTile(_ int, _ *float32, _ int, _ *float32, _, _ int, _ *float32, _, _ int, _ bool) {
	panic(noKernels)
}
func packAVX2(_, _ *float32, _, _, _ int)        { panic(noKernels) }
func packHalf(_ *float32, _ *[8]*float32, _ int) { panic(noKernels) }

const noKernels = "simd: a kernel that this build does not have"
