//go:build !purego

package simd

// packHalf writes k values, a multiple of eight, of eight rows to half of a panel.
func packHalf(panel *float32, rows *[8]*float32, k int) { transpose8(panel, rows, k, 0) }

// gemmTile runs the kernel of so many rows, one to six.
func gemmTile(rows int, c *float32, ldc int, a *float32, ai, ap int, b *float32, k, panels int, add bool) {
	switch rows {
	case 6:
		gemm6AVX2(c, ldc, a, ai, ap, b, k, panels, add)
	case 5:
		gemm5AVX2(c, ldc, a, ai, ap, b, k, panels, add)
	case 4:
		gemm4AVX2(c, ldc, a, ai, ap, b, k, panels, add)
	case 3:
		gemm3AVX2(c, ldc, a, ai, ap, b, k, panels, add)
	case 2:
		gemm2AVX2(c, ldc, a, ai, ap, b, k, panels, add)
	default:
		gemm1AVX2(c, ldc, a, ai, ap, b, k, panels, add)
	}
}
