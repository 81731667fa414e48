package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// PutFloat32 packs xs.
func PutFloat32(xs []float32) []byte {
	b := make([]byte, 4*len(xs))
	for i, x := range xs {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
	}
	return b
}

// Float32 unpacks b. Its length must be a multiple of 4.
func Float32(b []byte) ([]float32, error) {
	if len(b)%4 != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of float32 values", len(b))
	}
	xs := make([]float32, len(b)/4)
	for i := range xs {
		xs[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return xs, nil
}

// PutFloat64 packs xs.
func PutFloat64(xs []float64) []byte {
	b := make([]byte, 8*len(xs))
	for i, x := range xs {
		binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(x))
	}
	return b
}

// Float64 unpacks b. Its length must be a multiple of 8.
func Float64(b []byte) ([]float64, error) {
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of float64 values", len(b))
	}
	xs := make([]float64, len(b)/8)
	for i := range xs {
		xs[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return xs, nil
}

// PutInts packs 32-bit integers.
func PutInts[T ~int32 | ~uint32](xs []T) []byte {
	b := make([]byte, 4*len(xs))
	for i, x := range xs {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(x))
	}
	return b
}

// Ints unpacks 32-bit integers. The length of b must be a multiple of 4.
func Ints[T ~int32 | ~uint32](b []byte) ([]T, error) {
	if len(b)%4 != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of 32-bit integers", len(b))
	}
	xs := make([]T, len(b)/4)
	for i := range xs {
		xs[i] = T(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return xs, nil
}
