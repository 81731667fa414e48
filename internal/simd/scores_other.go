//go:build !amd64 || purego

package simd

// Below AVX2 nobody calls these.

func (t *Tile) assembly(*Hits) { panic("simd: no assembly") }
func (t *Tile) one(*Hits, int) { panic("simd: no assembly") }

func transpose8(*float32, *[8]*float32, int, int) { panic("simd: no assembly") }
func squares16(*float64, *float32, int)           { panic("simd: no assembly") }
func divide16(*float32, *float64, int)            { panic("simd: no assembly") }
func widenF16(*float32, *uint16, int)             { panic("simd: no assembly") }
func widenBF16(*float32, *uint16, int)            { panic("simd: no assembly") }
