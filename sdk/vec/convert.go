package vec

import (
	"fmt"
	"math"
)

// Losses counts the values that a conversion could not keep: beyond rounding,
// each of them became another value.
type Losses struct {
	Clipped  int // beyond int8 after scaling: became −128 or 127
	Infinite int // finite, but beyond the largest of the element: became an infinity
	NaN      int // became 0 (Int8) or −1 (Bits)
}

// Convert returns the values of v, which must be Float32, Float16 or BFloat16,
// as elements e in new memory, and counts what that lost. Every value is rounded
// once:
//
//   - Float32 is exact.
//   - Float16 and BFloat16 take the nearest, ties to even, as ToFloat16 and
//     ToBFloat16 say.
//   - Int8 takes the integer nearest to the exact product with scale, ties to
//     even, and the nearer of −128 and 127 beyond them; scale must be finite and
//     positive. A NaN becomes 0. A row of unit length fits whole with scale 127;
//     127 over the largest magnitude of all values uses the range better.
//   - Bits takes the sign: +1 of what is greater than 0, −1 of all else, which is
//     negative values, both zeros and NaN. The dimensions must be a multiple of 8.
//
// Other elements than Int8 ignore scale. Int8 and Bits are not converted again:
// Matrix returns their values.
func Convert(v Vectors, e Element, scale float32) (Vectors, Losses, error) {
	var lost Losses
	if err := v.Check(); err != nil {
		return Vectors{}, lost, err
	}
	if v.Element > BFloat16 {
		return Vectors{}, lost, fmt.Errorf("convert %s to %s: want float32, float16 or bfloat16 to start from", v.Element, e)
	}
	row, err := e.rowBytes(v.Dim)
	if err != nil {
		return Vectors{}, lost, fmt.Errorf("convert %d×%d %s to %s: %w", v.Rows, v.Dim, v.Element, e, err)
	}
	size, ok := product(v.Rows, row)
	if !ok {
		return Vectors{}, lost, fmt.Errorf("convert %d×%d %s to %s: the result does not fit in memory", v.Rows, v.Dim, v.Element, e)
	}
	if e == Int8 && !(scale > 0 && scale <= math.MaxFloat32) {
		return Vectors{}, lost, fmt.Errorf("convert to int8: want a finite and positive scale, got %v", scale)
	}
	out := Vectors{Rows: v.Rows, Dim: v.Dim, Element: e, data: alignedBytes(size)}
	if size == 0 {
		return out, lost, nil
	}
	buf := make([]float32, 0, v.Dim)
	for i := range v.Rows {
		x := buf
		if v.Element == Float32 {
			x = v.f32(i)
		} else {
			x = v.AppendFloat32(x, i)
		}
		switch e {
		case Float32:
			copy(out.f32(i), x)
		case Float16:
			lost.Infinite += halves(out.u16(i), x, ToFloat16, 0x7c00)
		case BFloat16:
			lost.Infinite += halves(out.u16(i), x, ToBFloat16, 0x7f80)
		case Int8:
			lost.add(codes(out.i8(i), x, scale))
		case Bits:
			lost.NaN += signs(out.bits(i), x)
		}
	}
	return out, lost, nil
}

func (l *Losses) add(m Losses) {
	l.Clipped += m.Clipped
	l.Infinite += m.Infinite
	l.NaN += m.NaN
}

// halves converts x and returns how many finite values became infinite; inf is
// the code of +Inf.
func halves(dst []uint16, x []float32, to func(float32) uint16, inf uint16) (infinite int) {
	for j, f := range x {
		h := to(f)
		dst[j] = h
		if h&0x7fff == inf && f-f == 0 { // the difference is NaN unless f is finite
			infinite++
		}
	}
	return infinite
}

func codes(dst []int8, x []float32, scale float32) (lost Losses) {
	for j, f := range x {
		// The product of two float32 is exact in float64.
		r := math.RoundToEven(float64(f) * float64(scale))
		switch {
		case r >= -128 && r <= 127:
		case r > 127:
			r = 127
			lost.Clipped++
		case r < -128:
			r = -128
			lost.Clipped++
		default:
			r = 0
			lost.NaN++
		}
		dst[j] = int8(r)
	}
	return lost
}

func signs(dst []byte, x []float32) (nan int) {
	for i := range dst {
		var bits byte
		for _, f := range x[8*i : 8*i+8] {
			// f > 0 without a branch, which signs would mispredict half of the time:
			// as an integer f is from 1 to that of +Inf, so that less 1 it is below it.
			bits = bits<<1 | byte((uint64(math.Float32bits(f)-1)-0x7f800000)>>63)
			if f != f {
				nan++
			}
		}
		dst[i] = bits
	}
	return nan
}
