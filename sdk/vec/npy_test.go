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
		{"structured", npyBytes(1, with("'<f4'", "[('a', '<f4')]"), 24), "structured"},
		{"fortran", npyBytes(1, with("False", "True"), 24), "fortran_order"},
		{"vector", npyBytes(1, with("(2, 3)", "(6,)"), 24), "got 1 dimensions"},
		{"cube", npyBytes(1, with("(2, 3)", "(1, 2, 3)"), 24), "got 3 dimensions"},
		{"overflow", npyBytes(1, with("(2, 3)", "(4611686018427387904, 4)"), 24), "in memory"},
		{"overflow of a number", npyBytes(1, with("(2, 3)", "(99999999999999999999, 4)"), 24), "in memory"},
		{"negative", npyBytes(1, with("(2, 3)", "(-2, 3)"), 24), "whole number"},
		{"key missing", npyBytes(1, with("'fortran_order': False, ", ""), 24), "missing"},
		{"key unknown", npyBytes(1, with("descr", "dtype"), 24), "unknown key"},
		{"key twice", npyBytes(1, with("'shape'", "'descr': '<f4', 'shape'"), 24), "twice"},
		{"not a dictionary", npyBytes(1, "(2, 3)", 24), "dictionary"},
		{"rest", npyBytes(1, f4+" x", 24), "after the dictionary"},
	} {
		_, err := ParseNPY(c.b)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
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

func FuzzParseNPY(f *testing.F) {
	for _, s := range []string{
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': True, 'shape': (0,), }",
		"{'descr': '>f4', 'fortran_order': False, 'shape': (), }",
		"{'descr': [('a', '<f4')], 'shape': (9223372036854775807, 9223372036854775807)}",
	} {
		f.Add(npyBytes(1, s, 24))
		f.Add(npyBytes(2, s, 12))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseNPY(b)
		if err != nil {
			return
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		// What is read can be written and read again.
		var buf bytes.Buffer
		if err := WriteNPY(&buf, m); err != nil {
			t.Fatal(err)
		}
		back, err := ParseNPY(buf.Bytes())
		if err != nil || back.Rows != m.Rows || back.Dim != m.Dim {
			t.Fatalf("%d×%d came back as %d×%d: %v", m.Rows, m.Dim, back.Rows, back.Dim, err)
		}
		for i, v := range m.Data {
			if math.Float32bits(v) != math.Float32bits(back.Data[i]) {
				t.Fatalf("value %d: %v came back as %v", i, v, back.Data[i])
			}
		}
	})
}

func TestFloat16(t *testing.T) {
	for h, want := range map[uint16]float32{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 6.103515625e-05,
		0x0001: 5.960464477539063e-08, 0x03ff: 6.097555160522461e-05, 0x3555: 0.333251953125,
	} {
		if got := FromFloat16(h); got != want {
			t.Errorf("%#04x: want %v, got %v", h, want, got)
		}
	}
	if !math.Signbit(float64(FromFloat16(0x8000))) || !math.IsInf(float64(FromFloat16(0x7c00)), 1) ||
		!math.IsInf(float64(FromFloat16(0xfc00)), -1) || !math.IsNaN(float64(FromFloat16(0x7e00))) {
		t.Error("a special value is wrong")
	}
}
