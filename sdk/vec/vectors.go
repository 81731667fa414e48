package vec

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/xlrun/xlrun/internal/simd"
)

// Element is the type of the values of Vectors.
type Element uint8

// The elements. The value of an Int8 is the integer itself. A bit is the sign
// of a value: 1 stands for +1 and 0 for −1, eight to a byte and the first in
// the highest place, as numpy.packbits puts them.
const (
	Float32  Element = iota
	Float16          // IEEE 754 binary16
	BFloat16         // the upper half of a float32
	Int8
	Bits
)

var elements = [...]string{"float32", "float16", "bfloat16", "int8", "bits"}

// String returns the element's name, which ParseElement reads.
func (e Element) String() string {
	if int(e) < len(elements) {
		return elements[e]
	}
	return fmt.Sprintf("Element(%d)", uint8(e))
}

// ParseElement returns the element of a name: float32, float16, bfloat16, int8
// or bits.
func ParseElement(name string) (Element, error) {
	if i := slices.Index(elements[:], name); i >= 0 {
		return Element(i), nil
	}
	return 0, fmt.Errorf("unknown element %q: want one of %s", name, strings.Join(elements[:], ", "))
}

// bits returns how many bits one value takes, 0 of an unknown element.
func (e Element) bits() int {
	if int(e) < len(elements) {
		return [...]int{32, 16, 16, 8, 1}[e]
	}
	return 0
}

// rowBytes returns how many bytes a row of dim values takes.
func (e Element) rowBytes(dim int) (int, error) {
	b := e.bits()
	switch {
	case b == 0:
		return 0, fmt.Errorf("unknown element %s", e)
	case dim < 0:
		return 0, fmt.Errorf("rows of %d dimensions: the shape must not be negative", dim)
	case b >= 8:
		n, ok := product(dim, b/8)
		if !ok {
			return 0, fmt.Errorf("rows of %d dimensions do not fit in memory", dim)
		}
		return n, nil
	case dim%8 != 0:
		return 0, fmt.Errorf("rows of %d bits: want a multiple of 8, so add columns", dim)
	}
	return dim / 8, nil
}

// Vectors is a row-major matrix of any element type. It is made by
// Matrix.Vectors, FromInt8, From16, FromBits, Convert or from a .npy file, and
// shares the memory that it was made from.
type Vectors struct {
	Rows    int
	Dim     int // values of a row; of Bits a multiple of 8
	Element Element

	data []byte // Rows×RowBytes, in the machine's byte order, aligned for view
}

// Vectors returns the matrix as Vectors, sharing its memory.
func (m Matrix) Vectors() Vectors {
	return Vectors{Rows: m.Rows, Dim: m.Dim, Element: Float32, data: raw(m.Data)}
}

// FromInt8 returns the rows×dim matrix whose row i is data[i*dim : (i+1)*dim],
// sharing memory.
func FromInt8(rows, dim int, data []int8) (Vectors, error) {
	return checked(Vectors{Rows: rows, Dim: dim, Element: Int8, data: raw(data)})
}

// From16 returns the rows×dim matrix of Float16 or BFloat16 whose row i is
// data[i*dim : (i+1)*dim], sharing memory.
func From16(e Element, rows, dim int, data []uint16) (Vectors, error) {
	if e.bits() != 16 {
		return Vectors{}, fmt.Errorf("elements of 16 bits are float16 and bfloat16, got %s", e)
	}
	return checked(Vectors{Rows: rows, Dim: dim, Element: e, data: raw(data)})
}

// FromBits returns the rows×dim matrix of signs whose row i is
// data[i*dim/8 : (i+1)*dim/8], sharing memory. dim must be a multiple of 8.
func FromBits(rows, dim int, data []byte) (Vectors, error) {
	return checked(Vectors{Rows: rows, Dim: dim, Element: Bits, data: data})
}

func checked(v Vectors) (Vectors, error) {
	if err := v.Check(); err != nil {
		return Vectors{}, err
	}
	return v, nil
}

// Check reports a shape that does not fit the data.
func (v Vectors) Check() error {
	row, err := v.Element.rowBytes(v.Dim)
	if err != nil {
		return fmt.Errorf("%d×%d %s: %w", v.Rows, v.Dim, v.Element, err)
	}
	if v.Rows < 0 {
		return fmt.Errorf("%d×%d %s: the shape must not be negative", v.Rows, v.Dim, v.Element)
	}
	n, ok := product(v.Rows, row)
	if !ok {
		return fmt.Errorf("%d×%d %s: the shape does not fit in memory", v.Rows, v.Dim, v.Element)
	}
	if n != len(v.data) {
		return fmt.Errorf("%d×%d %s: want %d bytes, got %d", v.Rows, v.Dim, v.Element, n, len(v.data))
	}
	return nil
}

// RowBytes returns how many bytes a row takes.
func (v Vectors) RowBytes() int {
	if b := v.Element.bits(); b >= 8 {
		return v.Dim * (b / 8)
	}
	return v.Dim / 8
}

// Slice returns rows lo to hi, hi excluded, sharing memory.
func (v Vectors) Slice(lo, hi int) Vectors {
	if lo < 0 || hi < lo || hi > v.Rows {
		panic(fmt.Sprintf("vec: rows %d to %d of %d", lo, hi, v.Rows))
	}
	n := v.RowBytes()
	v.data = v.data[lo*n : hi*n : hi*n]
	v.Rows = hi - lo
	return v
}

// Matrix returns the values as float32, which is exact: the memory of v itself
// where they are float32, else new memory.
func (v Vectors) Matrix() Matrix {
	m := Matrix{Rows: v.Rows, Dim: v.Dim}
	if v.Element == Float32 {
		m.Data = view[float32](v.data)
		return m
	}
	if v.Dim == 0 {
		return m
	}
	m.Data = make([]float32, 0, v.Rows*v.Dim)
	for i := range v.Rows {
		m.Data = v.AppendFloat32(m.Data, i)
	}
	return m
}

// AppendFloat32 appends row i to dst as float32, which is exact; bits become
// +1 and −1.
func (v Vectors) AppendFloat32(dst []float32, i int) []float32 {
	switch v.Element {
	case Float32:
		return append(dst, v.f32(i)...)
	case Float16:
		for _, h := range v.u16(i) {
			dst = append(dst, FromFloat16(h))
		}
	case BFloat16:
		for _, h := range v.u16(i) {
			dst = append(dst, FromBFloat16(h))
		}
	case Int8:
		for _, c := range v.i8(i) {
			dst = append(dst, float32(c))
		}
	case Bits:
		for _, b := range v.bits(i) {
			for j := 7; j >= 0; j-- {
				dst = append(dst, float32(int(b>>j&1)*2-1))
			}
		}
	}
	return dst
}

// row returns the bytes of row i. The views below share its memory, and take
// their length from it: the wrong one reads nonsense but never another row.
func (v Vectors) row(i int) []byte {
	n := v.RowBytes()
	return v.data[i*n : (i+1)*n : (i+1)*n]
}

func (v Vectors) f32(i int) []float32 { return view[float32](v.row(i)) }
func (v Vectors) u16(i int) []uint16  { return view[uint16](v.row(i)) }
func (v Vectors) i8(i int) []int8     { return view[int8](v.row(i)) }
func (v Vectors) bits(i int) []byte   { return v.row(i) }

type scalar interface{ float32 | uint16 | int8 | byte }

// view returns the values in b, raw the bytes of values; both share memory. The
// bytes of Vectors are aligned for the values of its element, because they
// come from raw, alignedBytes or npyValues, which see to it.
func view[T scalar](b []byte) []T {
	n := len(b) / int(unsafe.Sizeof(*new(T)))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func raw[T scalar](x []T) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(x[0])))
}

// alignedBytes returns n zeros, aligned for every element.
func alignedBytes(n int) []byte {
	return raw(make([]float32, n/4+1))[:n:n]
}

// FromFloat16 returns the value of an IEEE 754 half-precision number, exactly.
func FromFloat16(h uint16) float32 { return simd.Float16(h) }

// ToFloat16 returns the half-precision number nearest to x, ties to even. From
// 65520 on that is infinity; a NaN becomes a quiet NaN of the same sign with the
// upper bits of its payload.
func ToFloat16(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13&0x1ff)
	case b >= 0x477ff000: // 65520, half way from the largest number to the next power of two
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: a multiple of 2^-24
		// The last place of a float32 in [0.5, 1) is worth 2^-24, so that the
		// addition rounds as wanted and leaves the multiple in the lowest bits.
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	// Just less than half of the last place, or half if that place is odd; the
	// carry may run into the exponent, where it belongs.
	b += 0xfff + b>>13&1
	return sign | uint16(b>>13-(127-15)<<10)
}

// FromBFloat16 returns the value of a bfloat16 number, exactly: a bfloat16 is
// the upper half of a float32.
func FromBFloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBFloat16 returns the bfloat16 number nearest to x, ties to even, which is
// infinity from half way past the largest on. A NaN becomes a quiet NaN of the
// same sign with the upper bits of its payload.
func ToBFloat16(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
