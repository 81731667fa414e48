package vec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var allElements = []Element{Float32, Float16, BFloat16, Int8, Bits}

func TestElementNames(t *testing.T) {
	for _, e := range allElements {
		if got, err := ParseElement(e.String()); err != nil || got != e {
			t.Errorf("%s: got %v, %v", e, got, err)
		}
	}
	for _, name := range []string{"", "float64", "Float32", "Element(5)"} {
		if _, err := ParseElement(name); err == nil || !strings.Contains(err.Error(), "want one of float32, float16, bfloat16, int8, bits") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if got := Element(5).String(); got != "Element(5)" {
		t.Errorf("got %s", got)
	}
}

// randomVectors returns rows of every code that the element has, NaN and
// infinities included. dim must be a multiple of 8.
func randomVectors(rng *rand.Rand, e Element, rows, dim int) Vectors {
	v := Vectors{Rows: rows, Dim: dim, Element: e}
	v.data = alignedBytes(rows * v.RowBytes())
	for i := range v.data {
		v.data[i] = byte(rng.Uint32())
	}
	return v
}

func TestVectorsShapes(t *testing.T) {
	const large = math.MaxInt/4 + 1
	for _, c := range []struct {
		name string
		make func() (Vectors, error)
		want string // of the error, or empty
	}{
		{"int8", func() (Vectors, error) { return FromInt8(2, 3, make([]int8, 6)) }, ""},
		{"float16", func() (Vectors, error) { return From16(Float16, 2, 3, make([]uint16, 6)) }, ""},
		{"bfloat16", func() (Vectors, error) { return From16(BFloat16, 2, 3, make([]uint16, 6)) }, ""},
		{"bits", func() (Vectors, error) { return FromBits(2, 24, make([]byte, 6)) }, ""},
		{"no rows", func() (Vectors, error) { return FromInt8(0, 3, nil) }, ""},
		{"no dimensions", func() (Vectors, error) { return FromBits(3, 0, nil) }, ""},
		{"too few", func() (Vectors, error) { return FromInt8(2, 3, make([]int8, 5)) }, "2×3 int8: want 6 bytes, got 5"},
		{"too many", func() (Vectors, error) { return From16(Float16, 2, 3, make([]uint16, 7)) }, "2×3 float16: want 12 bytes, got 14"},
		{"other element", func() (Vectors, error) { return From16(Int8, 2, 3, make([]uint16, 6)) }, "got int8"},
		{"unknown element", func() (Vectors, error) { return From16(Element(7), 2, 3, make([]uint16, 6)) }, "got Element(7)"},
		{"broken byte", func() (Vectors, error) { return FromBits(2, 12, make([]byte, 3)) }, "multiple of 8"},
		{"negative rows", func() (Vectors, error) { return FromInt8(-1, 3, nil) }, "negative"},
		{"negative dimensions", func() (Vectors, error) { return FromInt8(1, -3, nil) }, "negative"},
		{"both negative", func() (Vectors, error) { return FromInt8(-2, -3, make([]int8, 6)) }, "negative"},
		{"overflow", func() (Vectors, error) { return FromInt8(4, large, nil) }, "does not fit in memory"},
		{"overflow of a row", func() (Vectors, error) { return From16(Float16, 0, 2*large, nil) }, "do not fit in memory"},
		{"overflow of bits", func() (Vectors, error) { return FromBits(large, 64, nil) }, "does not fit in memory"},
	} {
		v, err := c.make()
		switch {
		case c.want == "" && (err != nil || v.Check() != nil):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
	}
	bad := NewMatrix(2, 3).Vectors()
	bad.Element = Element(9)
	if err := bad.Check(); err == nil || !strings.Contains(err.Error(), "unknown element Element(9)") {
		t.Errorf("got %v", err)
	}
	if err := (Matrix{Rows: 2, Dim: 2}).Vectors().Check(); err == nil {
		t.Error("a matrix without its values: no error")
	}
	if err := (Vectors{}).Check(); err != nil {
		t.Error(err)
	}
}

func TestVectorsShareMemory(t *testing.T) {
	m := NewMatrix(2, 2)
	v := m.Vectors()
	m.Data[3] = 5
	if v.f32(1)[1] != 5 || &v.Matrix().Data[0] != &m.Data[0] {
		t.Error("a matrix was copied")
	}
	codes := make([]int8, 4)
	v, err := FromInt8(2, 2, codes)
	codes[3] = -5
	if err != nil || v.i8(1)[1] != -5 {
		t.Error("int8 were copied")
	}
	halves := make([]uint16, 4)
	v, err = From16(BFloat16, 2, 2, halves)
	halves[3] = 0x1234
	if err != nil || v.u16(1)[1] != 0x1234 {
		t.Error("16-bit values were copied")
	}
	packed := make([]byte, 4)
	v, err = FromBits(2, 16, packed)
	packed[3] = 0x81
	if err != nil || v.bits(1)[1] != 0x81 {
		t.Error("bits were copied")
	}
	s := v.Slice(1, 2)
	packed[2] = 0x18
	if s.Rows != 1 || s.Dim != 16 || s.Check() != nil || s.bits(0)[0] != 0x18 {
		t.Errorf("got %+v", s)
	}
	for _, v := range []Vectors{v.Slice(0, 1), {data: v.row(0)}} {
		if _ = append(v.data, 0xff); packed[2] != 0x18 {
			t.Error("what was appended to a part went into the next row")
		}
	}
}

func TestAppendFloat32(t *testing.T) {
	f := Matrix{Rows: 2, Dim: 2, Data: []float32{1, 2, 3, -4.5}}.Vectors()
	h, _ := From16(Float16, 2, 2, []uint16{0, 0, 0x3c00, 0xc100})
	b, _ := From16(BFloat16, 2, 2, []uint16{0, 0, 0x3f80, 0xc020})
	c, _ := FromInt8(2, 3, []int8{0, 0, 0, 127, -128, -1})
	p, _ := FromBits(2, 16, []byte{0, 0, 0b1100_0001, 0b0000_0010})
	for _, x := range []struct {
		v    Vectors
		want []float32
	}{
		{f, []float32{3, -4.5}},
		{h, []float32{1, -2.5}},
		{b, []float32{1, -2.5}},
		{c, []float32{127, -128, -1}},
		{p, []float32{1, 1, -1, -1, -1, -1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1}},
	} {
		got := x.v.AppendFloat32([]float32{9}, 1)
		if !slices.Equal(got, append([]float32{9}, x.want...)) {
			t.Errorf("%s: got %v", x.v.Element, got)
		}
		m := x.v.Matrix()
		if m.Check() != nil || !slices.Equal(m.Row(1), x.want) || !slices.Equal(x.v.Slice(1, 2).Matrix().Data, x.want) {
			t.Errorf("%s: got %v", x.v.Element, m)
		}
	}
	for _, e := range allElements {
		v := Vectors{Rows: math.MaxInt32, Element: e}
		if m := v.Matrix(); m.Rows != v.Rows || m.Check() != nil {
			t.Errorf("%s: rows without columns became %d×%d", e, m.Rows, m.Dim)
		}
	}
}

func TestSliceOutside(t *testing.T) {
	v := NewMatrix(3, 2).Vectors()
	for _, r := range [][2]int{{-1, 2}, {2, 1}, {0, 4}, {4, 4}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("rows %v: no panic", r)
				}
			}()
			v.Slice(r[0], r[1])
		}()
	}
	if got := v.Slice(3, 3); got.Rows != 0 || got.Check() != nil {
		t.Errorf("got %+v", got)
	}
}

// halfFormats are the definitions of IEEE 754 and of bfloat16, apart from the
// bit tricks of the conversions: 1 sign, then the exponent, then the fraction.
var halfFormats = []struct {
	name     string
	expBits  int
	fracBits int
	from     func(uint16) float32
	to       func(float32) uint16
	// SHA-256 of what numpy 2.4.6 (with ml_dtypes 0.6.0) makes of all codes and
	// of the floats below; NaN as the quiet one of its sign.
	fromSum, toSum string
}{
	{
		"float16", 5, 10, FromFloat16, ToFloat16,
		"ace258bc1879e9180ecf63aa1c93a37850c018bad062cc7a98c42232c72204b6",
		"09e51d1181bbbe394dce4ec4246abf2329b1566c1415ee8897b330d3ab31c557",
	},
	{
		"bfloat16", 8, 7, FromBFloat16, ToBFloat16,
		"8bb016c6c31eda0d67b26719b0c506aa7ff16176fff90579b3594eb6f8b3f178",
		"78c4ba3648bdbd50fd63150a2c869f8363eb1c27c2fd78b5db361811272adab1",
	},
}

// halfValue returns the value of a code by the definition, exactly. An infinity
// counts as the power of two that it stands at, which is what rounding to the
// nearest takes it for.
func halfValue(code uint16, expBits, fracBits int) (v float64, special bool) {
	bias := 1<<(expBits-1) - 1
	exp := int(code>>fracBits) & (1<<expBits - 1)
	frac := float64(int(code) & (1<<fracBits - 1))
	if exp == 0 {
		v = math.Ldexp(frac, 1-bias-fracBits)
	} else {
		v = math.Ldexp(frac+float64(int(1)<<fracBits), exp-bias-fracBits)
	}
	if code>>15 == 1 {
		v = -v
	}
	return v, exp == 1<<expBits-1
}

func TestFromHalves(t *testing.T) {
	for _, f := range halfFormats {
		var all []byte
		for c := range 1 << 16 {
			code := uint16(c)
			got := f.from(code)
			want, special := halfValue(code, f.expBits, f.fracBits)
			switch {
			case special && c&(1<<f.fracBits-1) == 0:
				want = math.Inf(1 - 2*(c>>15))
			case special:
				want = math.NaN()
			}
			if float64(got) != want && !(got != got && want != want) || math.Signbit(float64(got)) != (code>>15 == 1) {
				t.Fatalf("%s %#04x: want %v, got %v", f.name, code, want, got)
			}
			b := math.Float32bits(got)
			if got != got {
				b = b&(1<<31) | 0x7fc00000
			}
			all = binary.LittleEndian.AppendUint32(all, b)
		}
		if sum := sha256.Sum256(all); hex.EncodeToString(sum[:]) != f.fromSum {
			t.Errorf("%s: not what numpy makes of it", f.name)
		}
	}
}

func TestToHalves(t *testing.T) {
	for _, f := range halfFormats {
		inf := uint16(1<<f.expBits-1) << f.fracBits
		check := func(x float32, want uint16) {
			t.Helper()
			if got := f.to(x); got != want {
				t.Fatalf("%s of %v (%#08x): want %#04x, got %#04x", f.name, x, math.Float32bits(x), want, got)
			}
		}
		// Between neighbours: the nearer one, and half way the even code.
		for lo := range inf {
			a, _ := halfValue(lo, f.expBits, f.fracBits)
			b, _ := halfValue(lo+1, f.expBits, f.fracBits)
			half := a + (b-a)/2
			even := lo + lo&1
			for _, sign := range []uint16{0, 1 << 15} {
				s := float32(1)
				if sign != 0 {
					s = -1
				}
				middle := float32(half) // exact: a float32 has more places than either
				check(s*float32(a), sign|lo)
				check(s*middle, sign|even)
				check(s*math.Nextafter32(middle, 0), sign|lo)
				check(s*math.Nextafter32(middle, math.MaxFloat32), sign|(lo+1))
			}
		}
		check(float32(math.Inf(1)), inf)
		check(float32(math.Inf(-1)), inf|1<<15)
		check(math.MaxFloat32, inf)
		check(math.SmallestNonzeroFloat32, 0)
		// What came from a half goes back to it, a signalling NaN made quiet.
		quiet := uint16(1) << (f.fracBits - 1)
		for c := range 1 << 16 {
			want := uint16(c)
			if want&^(1<<15) > inf {
				want |= quiet
			}
			check(f.from(uint16(c)), want)
		}
		// Both tie patterns of both formats below every upper half of a float32.
		var all []byte
		for c := range uint32(1 << 16) {
			for _, lower := range []uint32{0, 0x0fff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001} {
				x := math.Float32frombits(c<<16 | lower)
				h := f.to(x)
				if x != x {
					if h&^(1<<15) <= inf {
						t.Fatalf("%s of NaN %#08x: got %#04x", f.name, math.Float32bits(x), h)
					}
					h = h&(1<<15) | inf | quiet
				}
				all = binary.LittleEndian.AppendUint16(all, h)
			}
		}
		if sum := sha256.Sum256(all); hex.EncodeToString(sum[:]) != f.toSum {
			t.Errorf("%s: not what numpy makes of it", f.name)
		}
	}
}

func TestConvert(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	in := Matrix{Rows: 2, Dim: 8, Data: []float32{
		1, -2.5, 0, float32(math.Copysign(0, -1)), 65519.996, 65520, -1e30, 3.4e38,
		inf, -inf, nan, 0.3, -0.3, 1.27, 1e-45, -1e-45,
	}}
	for _, c := range []struct {
		e     Element
		scale float32
		want  []float32
		lost  Losses
	}{
		{Float32, 0, in.Data, Losses{}},
		{Float16, 0, []float32{1, -2.5, 0, 0, 65504, inf, -inf, inf, inf, -inf, nan, 0.30004883, -0.30004883, 1.2695312, 0, 0}, Losses{Infinite: 3}},
		{BFloat16, 0, []float32{1, -2.5, 0, 0, 65536, 65536, -1.00025555e30, inf, inf, -inf, nan, 0.30078125, -0.30078125, 1.2734375, 0, 0}, Losses{Infinite: 1}},
		{Int8, 1, []float32{1, -2, 0, 0, 127, 127, -128, 127, 127, -128, 0, 0, 0, 1, 0, 0}, Losses{Clipped: 6, NaN: 1}},
		{Int8, 100, []float32{100, -128, 0, 0, 127, 127, -128, 127, 127, -128, 0, 30, -30, 127, 0, 0}, Losses{Clipped: 7, NaN: 1}},
		{Bits, 0, []float32{1, -1, -1, -1, 1, 1, -1, 1, 1, -1, -1, 1, -1, 1, 1, -1}, Losses{NaN: 1}},
	} {
		v, lost, err := Convert(in.Vectors(), c.e, c.scale)
		if err != nil || v.Check() != nil || v.Element != c.e || v.Rows != 2 || v.Dim != 8 {
			t.Fatalf("%s: got %+v, %v", c.e, v, err)
		}
		same := func(a, b float32) bool { return a == b || a != a && b != b }
		if got := v.Matrix().Data; !slices.EqualFunc(got, c.want, same) {
			t.Errorf("%s, scale %v: want %v, got %v", c.e, c.scale, c.want, got)
		}
		if lost != c.lost {
			t.Errorf("%s, scale %v: want %+v, got %+v", c.e, c.scale, c.lost, lost)
		}
	}

	// The product is not rounded before it becomes an integer: as a float32 it
	// would be 1.5, a tie, and become 2.
	x, scale := float32(1+1.0/(1<<22)), float32(1.5-1.5/(1<<22))
	if v, _, err := Convert(Matrix{Rows: 1, Dim: 1, Data: []float32{x}}.Vectors(), Int8, scale); err != nil || x*scale != 1.5 || v.i8(0)[0] != 1 {
		t.Errorf("%v × %v: want 1, got %v, %v", x, scale, v.i8(0), err)
	}

	// Halves convert through their values.
	h, _, err := Convert(in.Vectors(), Float16, 0)
	if err != nil {
		t.Fatal(err)
	}
	b1, lost1, err1 := Convert(h, BFloat16, 0)
	b2, lost2, err2 := Convert(h.Matrix().Vectors(), BFloat16, 0)
	if err1 != nil || err2 != nil || lost1 != lost2 || !bytes.Equal(b1.data, b2.data) {
		t.Errorf("got %v %v %v, want %v %v %v", b1, lost1, err1, b2, lost2, err2)
	}
	if back, lost, err := Convert(h, Float16, 0); err != nil || lost != (Losses{}) || !bytes.Equal(back.data, h.data) || &back.data[0] == &h.data[0] {
		t.Errorf("float16 to itself: %v, %v, %v", back, lost, err)
	}
}

func TestConvertRefuses(t *testing.T) {
	m := NewMatrix(2, 12).Vectors()
	codes, _ := FromInt8(1, 8, make([]int8, 8))
	packed, _ := FromBits(1, 8, make([]byte, 1))
	for _, c := range []struct {
		name  string
		v     Vectors
		e     Element
		scale float32
		want  string
	}{
		{"no scale", m, Int8, 0, "scale"},
		{"negative scale", m, Int8, -1, "scale"},
		{"infinite scale", m, Int8, float32(math.Inf(1)), "scale"},
		{"scale NaN", m, Int8, float32(math.NaN()), "scale"},
		{"broken byte", m, Bits, 0, "multiple of 8"},
		{"unknown element", m, Element(5), 0, "unknown element"},
		{"from int8", codes, Float32, 0, "want float32, float16 or bfloat16 to start from"},
		{"from bits", packed, Int8, 1, "want float32, float16 or bfloat16 to start from"},
		{"wrong shape", Matrix{Rows: 1, Dim: 1}.Vectors(), Float16, 0, "want 4 bytes, got 0"},
	} {
		if _, _, err := Convert(c.v, c.e, c.scale); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
	}
	for _, e := range allElements {
		for _, v := range []Vectors{NewMatrix(0, 8).Vectors(), NewMatrix(math.MaxInt32, 0).Vectors()} {
			if got, _, err := Convert(v, e, 1); err != nil || got.Check() != nil || got.Rows != v.Rows {
				t.Errorf("%d×%d to %s: %v", v.Rows, v.Dim, e, err)
			}
		}
	}
}

func TestAppendSwapped(t *testing.T) {
	in := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	for e, want := range map[Element][]byte{
		Float32: {0, 4, 3, 2, 1, 8, 7, 6, 5}, Float16: {0, 2, 1, 4, 3, 6, 5, 8, 7}, BFloat16: {0, 2, 1, 4, 3, 6, 5, 8, 7},
		Int8: {0, 1, 2, 3, 4, 5, 6, 7, 8}, Bits: {0, 1, 2, 3, 4, 5, 6, 7, 8},
	} {
		if got := appendSwapped([]byte{0}, in, e); !bytes.Equal(got, want) {
			t.Errorf("%s: want %v, got %v", e, want, got)
		}
	}
}
