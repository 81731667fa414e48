package vec

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestNPYRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for _, shape := range [][2]int{{0, 3}, {1, 1}, {5, 7}, {300, 384}} {
		m := randomMatrix(rng, shape[0], shape[1])
		path := filepath.Join(t.TempDir(), "m.npy")
		w, err := CreateNPY(path, m.Dim)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < m.Rows; {
			n := min(1+rng.IntN(40), m.Rows-i)
			if err := w.Append(m.Data[i*m.Dim : (i+n)*m.Dim]); err != nil {
				t.Fatal(err)
			}
			i += n
		}
		if w.Rows() != m.Rows {
			t.Errorf("want %d rows, got %d", m.Rows, w.Rows())
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var once bytes.Buffer
		if err := WriteNPY(&once, m); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, once.Bytes()) {
			t.Errorf("%v: rows appended and a matrix written make different files", shape)
		}
		f, err := OpenNPY(path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Rows != m.Rows || f.Dim != m.Dim || !slices.Equal(f.Data, m.Data) {
			t.Errorf("%v: got %d×%d", shape, f.Rows, f.Dim)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNPYWriterRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.npy")
	if _, err := CreateNPY(path, 0); err == nil {
		t.Error("rows of no values: no error")
	}
	w, err := CreateNPY(path, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(make([]float32, 4)); err == nil {
		t.Error("a broken row: no error")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if w.Close() == nil || w.Append(make([]float32, 3)) == nil {
		t.Error("use after Close: no error")
	}
	if err := WriteNPY(&bytes.Buffer{}, Matrix{Rows: 2, Dim: 2}); err == nil {
		t.Error("a matrix without its values: no error")
	}
}

// What numpy 2.4.6 saves for np.array([[1, -2.5, 3e-5]], '<f4'), and the values
// of the same in '<f2'. Blanks pad the header to 128 bytes.
const (
	numpyHead = "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028312c2033292c207d"
	numpyF4   = "0000803f000020c082a8fb37"
	numpyF2   = "003c00c1f701"
)

func TestNPYFromNumpy(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	head := unhex(numpyHead)
	head = append(head, bytes.Repeat([]byte{' '}, 127-len(head))...)
	head = append(head, '\n')
	f4 := append(slices.Clone(head), unhex(numpyF4)...)
	want := Matrix{Rows: 1, Dim: 3, Data: []float32{1, -2.5, 3e-5}}
	var ours bytes.Buffer
	if err := WriteNPY(&ours, want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours.Bytes(), f4) {
		t.Errorf("want %x, got %x", f4, ours.Bytes())
	}
	got, err := ParseNPY(f4)
	if err != nil || !slices.Equal(got.Data, want.Data) {
		t.Errorf("'<f4': got %v, %v", got.Data, err)
	}
	f2 := append(bytes.Replace(head, []byte("<f4"), []byte("<f2"), 1), unhex(numpyF2)...)
	// The half-precision number nearest to 3e-5 is 503 × 2^-24.
	if got, err = ParseNPY(f2); err != nil || !slices.Equal(got.Data, []float32{1, -2.5, 503.0 / (1 << 24)}) {
		t.Errorf("'<f2': got %v, %v", got.Data, err)
	}
}

// With numpy at hand, it writes and we read, and the other way round.
func TestNPYWithNumpy(t *testing.T) {
	if err := exec.Command("python3", "-c", "import numpy").Run(); err != nil {
		t.Skip("no python3 with numpy")
	}
	dir := t.TempDir()
	script := `
import sys, numpy as np
from numpy.lib import format
a = (np.arange(35, dtype=np.float64).reshape(5, 7) - 11) / 7
d = sys.argv[1]
np.save(d + "/f4.npy", a.astype("<f4"))
np.save(d + "/f2.npy", a.astype("<f2"))
np.save(d + "/f2as4.npy", a.astype("<f2").astype("<f4"))
np.save(d + "/fortran.npy", np.asfortranarray(a.astype("<f4")))
np.save(d + "/big.npy", a.astype(">f4"))
with open(d + "/v2.npy", "wb") as f: format.write_array(f, a.astype("<f4"), version=(2, 0))
`
	if out, err := exec.Command("python3", "-c", script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	open := func(name string) Matrix {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseNPY(b)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	a := open("f4.npy")
	for i, v := range a.Data {
		if want := float32((float64(i) - 11) / 7); v != want {
			t.Errorf("value %d: want %v, got %v", i, want, v)
		}
	}
	if v2 := open("v2.npy"); !slices.Equal(v2.Data, a.Data) {
		t.Error("version 2 differs from version 1")
	}
	if !slices.Equal(open("f2.npy").Data, open("f2as4.npy").Data) {
		t.Error("float16 differs from numpy's conversion")
	}
	for _, name := range []string{"fortran.npy", "big.npy"} {
		if _, err := OpenNPY(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var buf bytes.Buffer
	if err := WriteNPY(&buf, a); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "f4.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buf.Bytes(), want) {
		t.Error("our bytes differ from numpy's")
	}
}

// With numpy at hand: every element, both ways. ml_dtypes is used where it is
// installed; else its bfloat16 are two bytes without a meaning, as it saves them.
func TestVectorsWithNumpy(t *testing.T) {
	if err := exec.Command("python3", "-c", "import numpy").Run(); err != nil {
		t.Skip("no python3 with numpy")
	}
	dir := t.TempDir()
	python := func(script string) {
		t.Helper()
		if out, err := exec.Command("python3", "-c", script, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	// Every code of every element, in 8 columns.
	python(`
import sys, numpy as np
d = sys.argv[1]
np.seterr(all="ignore")
codes = np.arange(1 << 16, dtype="<u2").reshape(-1, 8)
wide = codes.astype("<u4") << 16
np.save(d + "/float16.npy", codes.view("<f2"))
np.save(d + "/float16.f4.npy", codes.view("<f2").astype("<f4"))
np.save(d + "/bfloat16.f4.npy", wide.view("<f4"))
np.save(d + "/int8.npy", np.arange(256, dtype="u1").view("i1").reshape(-1, 8))
np.save(d + "/int8.f4.npy", np.arange(256, dtype="u1").view("i1").reshape(-1, 8).astype("<f4"))
x = np.sin(np.arange(240)).reshape(-1, 24)
np.save(d + "/bits.npy", np.packbits(x > 0, axis=1))
np.save(d + "/bits.f4.npy", np.where(x > 0, 1, -1).astype("<f4"))
np.save(d + "/V2.npy", codes.view("|V2"))
try:
    import ml_dtypes
    np.save(d + "/bfloat16.npy", codes.view(ml_dtypes.bfloat16))
except ImportError:
    np.save(d + "/bfloat16.npy", codes.view("<V2"))
f = (wide | [0, 0x0fff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001]).astype("<u4").view("<f4")
f[np.isnan(f)] = 0
np.save(d + "/float32.npy", f)
np.save(d + "/float32.f4.npy", f)
np.save(d + "/as.float16.npy", f.astype("<f2"))
np.save(d + "/as.bits.npy", np.packbits(f > 0, axis=1))
np.save(d + "/as.int8.npy", np.clip(np.rint(f.astype("<f8") * 3), -128, 127).astype("i1"))
`)
	open := func(name string) Vectors {
		t.Helper()
		f, err := OpenVectors(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		return f.Vectors
	}
	for _, e := range allElements {
		v, want := open(e.String()+".npy"), open(e.String()+".f4.npy")
		if v.Element != e || v.Rows != want.Rows || v.Dim != want.Dim {
			t.Fatalf("want %d×%d %s, got %d×%d %s", want.Rows, want.Dim, e, v.Rows, v.Dim, v.Element)
		}
		for i, got := range v.Matrix().Data {
			if w := want.Matrix().Data[i]; math.Float32bits(got) != math.Float32bits(w) && !(got != got && w != w) {
				t.Fatalf("%s: value %d: want %v, got %v", e, i, w, got)
			}
		}
		// numpy reads ours as its own; of V2 it says '|V2' once it has read it.
		var ours bytes.Buffer
		if err := WriteVectors(&ours, v); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ours."+e.String()+".npy"), ours.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(dir, e.String()+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		if e == BFloat16 {
			theirs = bytes.Replace(theirs, []byte("|V2"), []byte("<V2"), 1)
		}
		if !bytes.Equal(ours.Bytes(), theirs) {
			t.Errorf("%s: our bytes differ from numpy's", e)
		}
	}
	if v := open("V2.npy"); v.Element != BFloat16 {
		t.Errorf("got %s", v.Element)
	}
	for _, e := range []Element{Float16, Int8, Bits} {
		got, _, err := Convert(open("float32.npy"), e, 3)
		if err != nil {
			t.Fatal(err)
		}
		if want := open("as." + e.String() + ".npy"); !bytes.Equal(got.data, want.data) || want.Element != e {
			t.Errorf("%s: not what numpy converts to", e)
		}
	}
	python(`
import sys, numpy as np
d = sys.argv[1]
for e in ("float32", "float16", "bfloat16", "int8", "bits"):
    a, b = np.load(d + "/" + e + ".npy"), np.load(d + "/ours." + e + ".npy")
    assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), (e, a.dtype, b.dtype)
`)
}

func npyBytes(version byte, dict string, body int) []byte {
	b := append([]byte(npyMagic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(dict)))
	}
	return append(append(b, dict...), make([]byte, body)...)
}

func TestParseNPYErrors(t *testing.T) {
	const f4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
	with := func(old, new string) string { return strings.Replace(f4, old, new, 1) }
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "truncated"},
		{"in the magic", []byte(npyMagic[:4]), "truncated"},
		{"in the header", npyBytes(1, f4, 0)[:40], "truncated in the .npy header"},
		{"in the length", npyBytes(2, f4, 0)[:11], "truncated in the .npy header"},
		{"in the values", npyBytes(1, f4, 23), "truncated: a shape of (2, 3) takes 24 bytes"},
		{"too long", npyBytes(1, f4, 26), "2 bytes too many"},
		{"foreign", []byte("PAR1 is not numpy at all"), "not a .npy file"},
		{"version", npyBytes(3, f4, 24), "version 3.0"},
		{"huge header", append([]byte(npyMagic), 2, 0, 0xff, 0xff, 0xff, 0xff, 0, 0), "want at most"},
		{"big-endian", npyBytes(1, with("<f4", ">f4"), 24), "big-endian"},
		{"float64", npyBytes(1, with("<f4", "<f8"), 48), "float64"},
		{"integers", npyBytes(1, with("<f4", "<i4"), 24), `type "<i4"`},
		{"int8 with an order", npyBytes(1, with("<f4", "<i1"), 6), `type "<i1"`},
		{"wide void", npyBytes(1, with("<f4", "|V4"), 24), `type "|V4"`},
		{"big-endian bfloat16", npyBytes(1, with("<f4", ">V2"), 12), "big-endian (>V2): save them as '<V2'"},
		{"bool", npyBytes(1, with("<f4", "|b1"), 6), "packbits"},
		{"structured", npyBytes(1, with("'<f4'", "[('a', '<f4')]"), 24), "structured"},
		{"fortran", npyBytes(1, with("False", "True"), 24), "fortran_order"},
		{"vector", npyBytes(1, with("(2, 3)", "(6,)"), 24), "got 1 dimensions"},
		{"cube", npyBytes(1, with("(2, 3)", "(1, 2, 3)"), 24), "got 3 dimensions"},
		{"overflow", npyBytes(1, with("(2, 3)", "(4611686018427387904, 4)"), 24), "in memory"},
		{"overflow of bytes", npyBytes(1, with("(2, 3)", "(4611686018427387904, 1)"), 24), "in memory"},
		{"overflow of a row", npyBytes(1, with("(2, 3)", "(0, 4611686018427387904)"), 0), "in memory"},
		{"overflow of bits", npyBytes(1, strings.Replace(with("(2, 3)", "(0, 4611686018427387904)"), "<f4", "|u1", 1), 0), "in memory"},
		{"rows of nothing", npyBytes(1, with("(2, 3)", "(4611686018427387904, 0)"), 0), "in memory"},
		{"overflow of a number", npyBytes(1, with("(2, 3)", "(99999999999999999999, 4)"), 24), "in memory"},
		{"negative", npyBytes(1, with("(2, 3)", "(-2, 3)"), 24), "whole number"},
		{"key missing", npyBytes(1, with("'fortran_order': False, ", ""), 24), "missing"},
		{"key unknown", npyBytes(1, with("descr", "dtype"), 24), "unknown key"},
		{"key twice", npyBytes(1, with("'shape'", "'descr': '<f4', 'shape'"), 24), "twice"},
		{"not a dictionary", npyBytes(1, "(2, 3)", 24), "dictionary"},
		{"rest", npyBytes(1, f4+" x", 24), "after the dictionary"},
	} {
		_, err := ParseVectors(c.b)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
		if _, err2 := ParseNPY(c.b); err2 == nil || err2.Error() != err.Error() {
			t.Errorf("%s: ParseNPY says %v, ParseVectors %v", c.name, err2, err)
		}
	}
	for name, b := range map[string][]byte{
		"compact":       npyBytes(1, `{"shape":(2,3,),"descr":"<f4","fortran_order":False}`, 24),
		"python 2":      npyBytes(1, with("(2, 3)", "(2L, 3L)"), 24),
		"version 2":     npyBytes(2, f4+"   \n", 24),
		"misaligned":    npyBytes(1, f4+" ", 24),
		"no rows":       npyBytes(1, with("(2, 3)", "(0, 3)"), 0),
		"no dimensions": npyBytes(1, with("(2, 3)", "(2, 0)"), 0),
	} {
		if _, err := ParseNPY(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenNPY(t.TempDir()); err == nil {
		t.Error("a directory: no error")
	}
	if _, err := OpenNPY(filepath.Join(t.TempDir(), "none.npy")); !os.IsNotExist(err) {
		t.Errorf("a missing file: got %v", err)
	}
}

// Every element: written in one go and as rows come, mapped, and read from
// memory at every alignment.
func TestVectorsNPY(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, e := range allElements {
		for _, shape := range [][2]int{{0, 8}, {1, 8}, {7, 24}, {3000, 96}} {
			v := randomVectors(rng, e, shape[0], shape[1])
			path := filepath.Join(t.TempDir(), "v.npy")
			w, err := CreateVectors(path, e, v.Dim)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < v.Rows; {
				n := min(1+rng.IntN(400), v.Rows-i)
				if err := w.AppendVectors(v.Slice(i, i+n)); err != nil {
					t.Fatal(err)
				}
				i += n
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var once bytes.Buffer
			if err := WriteVectors(&once, v); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, once.Bytes()) || len(b) != 128+v.Rows*v.RowBytes() {
				t.Errorf("%s %v: rows appended and a matrix written make different files", e, shape)
			}
			f, err := OpenVectors(path)
			if err != nil {
				t.Fatal(err)
			}
			if !sameVectors(f.Vectors, v) {
				t.Errorf("%s %v: got %d×%d %s", e, shape, f.Rows, f.Dim, f.Element)
			}
			if mapped := f.m != nil; mapped != (v.Rows > 0 && (littleEndian || e.bits() <= 8)) {
				t.Errorf("%s %v: mapped is %v", e, shape, mapped)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if f.Rows != 0 || f.Check() != nil || f.Close() != nil {
				t.Errorf("%s %v: closed, it has %d rows", e, shape, f.Rows)
			}
			for shift := range 4 {
				moved := append(make([]byte, shift, shift+len(b)), b...)[shift:]
				got, err := ParseVectors(moved)
				if err != nil || !sameVectors(got, v) {
					t.Errorf("%s %v at %d: got %d×%d, %v", e, shape, shift, got.Rows, got.Dim, err)
				}
				if p := uintptr(unsafe.Pointer(unsafe.SliceData(got.data))); p%uintptr(max(1, e.bits()/8)) != 0 {
					t.Errorf("%s %v at %d: values at address %#x", e, shape, shift, p)
				}
			}
		}
	}
}

func sameVectors(a, b Vectors) bool {
	return a.Rows == b.Rows && a.Dim == b.Dim && a.Element == b.Element && a.Check() == nil && b.Check() == nil && bytes.Equal(a.data, b.data)
}

// What is not an array of floats is refused where float32 are wanted, and the
// message says what reads it.
func TestOpenNPYElements(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 7))
	for _, e := range allElements {
		v := randomVectors(rng, e, 5, 16)
		var b bytes.Buffer
		if err := WriteVectors(&b, v); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "v.npy")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenNPY(path)
		if e == Int8 || e == Bits {
			want := path + ": values are " + e.String()
			if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "OpenVectors") {
				t.Errorf("want %q, got %v", want, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Check() != nil || !bytes.Equal(raw(f.Data), raw(v.Matrix().Data)) {
			t.Errorf("%s: values differ", e)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestVectorsWriterRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.npy")
	for _, c := range []struct {
		e    Element
		dim  int
		want string
	}{{Int8, 0, "at least 1"}, {Bits, 12, "multiple of 8"}, {Element(8), 8, "unknown element"}, {Float16, math.MaxInt, "in memory"}} {
		if _, err := CreateVectors(path, c.e, c.dim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %s: want %q, got %v", c.dim, c.e, c.want, err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a file was made")
	}
	w, err := CreateVectors(path, Float16, 8)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, v := range []Vectors{randomVectors(rng, BFloat16, 1, 8), randomVectors(rng, Float16, 1, 16), {Rows: 1, Dim: 8, Element: Float16}} {
		if w.AppendVectors(v) == nil {
			t.Errorf("%d×%d %s: no error", v.Rows, v.Dim, v.Element)
		}
	}
	if err := w.Append(make([]float32, 8)); err == nil || !strings.Contains(err.Error(), "want rows of 8 float16, got 8 float32") {
		t.Errorf("got %v", err)
	}
	if w.Rows() != 0 {
		t.Errorf("got %d rows", w.Rows())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.AppendVectors(randomVectors(rng, Float16, 1, 8)) == nil {
		t.Error("use after Close: no error")
	}
	if WriteVectors(&bytes.Buffer{}, Vectors{Rows: 1, Dim: 1}) == nil {
		t.Error("vectors without their values: no error")
	}
}

func FuzzParseNPY(f *testing.F) {
	for _, d := range npyDescr {
		f.Add(npyBytes(1, "{'descr': '"+d+"', 'fortran_order': False, 'shape': (2, 3), }", 24), uint8(0))
		f.Add(npyBytes(2, "{'descr': '"+d+"', 'fortran_order': False, 'shape': (2, 3), }", 12), uint8(1))
		f.Add(npyBytes(1, "{'descr': '"+d+"', 'fortran_order': False, 'shape': (1, 6), }", 6), uint8(2))
	}
	for _, s := range []string{
		"{'descr': '|V2', 'fortran_order': False, 'shape': (3, 2), }",
		"{'descr': '<f4', 'fortran_order': True, 'shape': (0,), }",
		"{'descr': '>f4', 'fortran_order': False, 'shape': (), }",
		"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 2305843009213693952), }",
		"{'descr': '|i1', 'fortran_order': False, 'shape': (2147483648, 0), }",
		"{'descr': [('a', '<f4')], 'shape': (9223372036854775807, 9223372036854775807)}",
	} {
		f.Add(npyBytes(1, s, 12), uint8(3))
	}
	f.Fuzz(func(t *testing.T, file []byte, shift uint8) {
		// A file in the middle of other memory, at any alignment.
		const guard = 0xa5
		front := int(shift % 8)
		memory := bytes.Repeat([]byte{guard}, front+len(file)+64)
		b := memory[front : front+len(file)]
		copy(b, file)
		v, err := ParseVectors(b)
		if m, err2 := ParseNPY(b); err == nil && v.Element <= BFloat16 {
			if err2 != nil || m.Check() != nil || m.Rows != v.Rows || m.Dim != v.Dim {
				t.Fatalf("ParseNPY: got %d×%d, %v", m.Rows, m.Dim, err2)
			}
		} else if err2 == nil {
			t.Fatal("ParseNPY: no error")
		}
		if err != nil {
			if !sameVectors(v, Vectors{}) {
				t.Fatalf("got %+v with an error", v)
			}
			return
		}
		if err := v.Check(); err != nil {
			t.Fatal(err)
		}
		if len(v.data) > len(file)-10 {
			t.Fatalf("%d bytes of values in a file of %d", len(v.data), len(file))
		}
		// What is read can be written and read again, and it is the end of the file.
		var buf bytes.Buffer
		if err := WriteVectors(&buf, v); err != nil {
			t.Fatal(err)
		}
		if buf.Len() != npyHeaderLen+len(v.data) || !bytes.HasSuffix(file, buf.Bytes()[npyHeaderLen:]) {
			t.Fatal("the values differ from those of the file")
		}
		back, err := ParseVectors(buf.Bytes())
		if err != nil || !sameVectors(back, v) {
			t.Fatalf("%d×%d %s came back as %d×%d %s: %v", v.Rows, v.Dim, v.Element, back.Rows, back.Dim, back.Element, err)
		}
		// Rows are views of the file alone.
		if v.Rows > 0 && v.Dim > 0 {
			var out []float32
			for i := range v.Rows {
				out = v.AppendFloat32(out, i)
			}
			if len(out) != v.Rows*v.Dim {
				t.Fatalf("%d values in %d×%d", len(out), v.Rows, v.Dim)
			}
			_ = append(v.data, 1, 2, 3)
			_ = append(v.bits(v.Rows-1), 1, 2, 3)
		}
		for i, x := range memory {
			if (i < front || i >= front+len(file)) && x != guard {
				t.Fatalf("byte %d outside the file was written", i-front)
			}
		}
		if !bytes.Equal(b, file) {
			t.Fatal("the file was written")
		}
	})
}
