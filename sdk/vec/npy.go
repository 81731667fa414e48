package vec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

// The .npy format: numpy's NEP 1 and numpy.lib.format. We write version 1.0
// with a header of 128 bytes whatever the shape, as numpy itself does for
// matrices, so that the number of rows can be filled in at the end.
const (
	npyMagic     = "\x93NUMPY"
	npyHeaderLen = 128
	npyMaxHeader = 1 << 16 // of foreign files; numpy's own limit is 10,000
)

// littleEndian says whether float32 lie in memory as in the file.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// npyHeader returns the header of a rows×dim matrix of little-endian float32.
func npyHeader(rows, dim int) []byte {
	h := make([]byte, 0, npyHeaderLen)
	h = append(h, npyMagic...)
	h = append(h, 1, 0)
	h = binary.LittleEndian.AppendUint16(h, npyHeaderLen-10)
	h = fmt.Appendf(h, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, dim)
	for len(h) < npyHeaderLen-1 {
		h = append(h, ' ')
	}
	return append(h, '\n')
}

// NPYWriter writes a matrix to a .npy file as its rows become known. The bytes
// depend on the values alone.
type NPYWriter struct {
	f    *os.File
	buf  []byte
	dim  int
	rows int
	err  error
}

// CreateNPY creates the file at path, or truncates it, for rows of dim values.
// Until Close the file says that it has no rows.
func CreateNPY(path string, dim int) (*NPYWriter, error) {
	if dim < 1 {
		return nil, fmt.Errorf("create %s: rows must have at least 1 value, got %d", path, dim)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &NPYWriter{f: f, dim: dim, buf: make([]byte, 0, 1<<18)}
	w.buf = append(w.buf, npyHeader(0, dim)...)
	return w, nil
}

// Append writes rows, one after the other: a multiple of dim values.
func (w *NPYWriter) Append(rows []float32) error {
	if w.err != nil {
		return w.err
	}
	if len(rows)%w.dim != 0 {
		return fmt.Errorf("want rows of %d values, got %d values", w.dim, len(rows))
	}
	w.rows += len(rows) / w.dim
	for len(rows) > 0 {
		n := min(len(rows), (cap(w.buf)-len(w.buf))/4)
		w.buf = appendFloats(w.buf, rows[:n])
		rows = rows[n:]
		if cap(w.buf)-len(w.buf) < 4 {
			w.flush()
		}
	}
	return w.err
}

// Rows returns how many rows have been written.
func (w *NPYWriter) Rows() int { return w.rows }

func (w *NPYWriter) flush() {
	if w.err == nil {
		_, w.err = w.f.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// Close writes what is left and the final header, and closes the file.
func (w *NPYWriter) Close() error {
	if w.f == nil {
		return errClosed
	}
	w.flush()
	if w.err == nil {
		_, w.err = w.f.WriteAt(npyHeader(w.rows, w.dim), 0)
	}
	err := w.err
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	w.f, w.err = nil, errClosed
	return err
}

// WriteNPY writes m as a .npy file: the bytes that an NPYWriter makes.
func WriteNPY(w io.Writer, m Matrix) error {
	if err := m.Check(); err != nil {
		return err
	}
	if _, err := w.Write(npyHeader(m.Rows, m.Dim)); err != nil {
		return err
	}
	buf := make([]byte, 0, 1<<16)
	for data := m.Data; len(data) > 0; {
		n := min(len(data), cap(buf)/4)
		if _, err := w.Write(appendFloats(buf, data[:n])); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func appendFloats(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// File is a matrix that lies in a .npy file. Its memory belongs to the file:
// nothing may write to it, and Close ends its use.
type File struct {
	Matrix
	m *Mapping
}

// OpenNPY opens a matrix of little-endian float32 ('<f4') or float16 ('<f2')
// in C order, header version 1 or 2. float32 is mapped, not read; float16 is
// converted, exactly, into memory. The file must have exactly the length that
// its header implies, and must not change while it is open.
func OpenNPY(path string) (*File, error) {
	m, err := MapFile(path)
	if err != nil {
		return nil, err
	}
	mat, aliases, err := parseNPY(m.Bytes())
	if err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !aliases {
		if err := m.Close(); err != nil {
			return nil, err
		}
		m = nil
	}
	return &File{Matrix: mat, m: m}, nil
}

// Close releases the memory.
func (f *File) Close() error {
	f.Matrix = Matrix{}
	if f.m == nil {
		return nil
	}
	m := f.m
	f.m = nil
	return m.Close()
}

// ParseNPY reads a matrix from the bytes of a .npy file, as OpenNPY does. The
// result may share memory with b.
func ParseNPY(b []byte) (Matrix, error) {
	m, _, err := parseNPY(b)
	return m, err
}

func parseNPY(b []byte) (m Matrix, aliases bool, err error) {
	dict, body, err := npyParts(b)
	if err != nil {
		return Matrix{}, false, err
	}
	h, err := parseNPYDict(dict)
	if err != nil {
		return Matrix{}, false, fmt.Errorf(".npy header: %w", err)
	}
	size := 4
	switch h.descr {
	case "<f4":
	case "<f2":
		size = 2
	case ">f4", ">f2":
		return Matrix{}, false, fmt.Errorf("values are big-endian (%s): save them as '<f4'", h.descr)
	case "<f8", ">f8":
		return Matrix{}, false, fmt.Errorf("values are float64 (%s): save them as '<f4' or '<f2'", h.descr)
	default:
		return Matrix{}, false, fmt.Errorf("values of type %q: want '<f4' or '<f2'", h.descr)
	}
	if h.fortran {
		return Matrix{}, false, errors.New("columns lie one after the other (fortran_order): save numpy.ascontiguousarray of the matrix")
	}
	if len(h.shape) != 2 {
		return Matrix{}, false, fmt.Errorf("want a matrix, got %d dimensions", len(h.shape))
	}
	rows, dim := h.shape[0], h.shape[1]
	n, ok := product(rows, dim)
	want, ok2 := product(n, size)
	if !ok || !ok2 {
		return Matrix{}, false, fmt.Errorf("a shape of (%d, %d) does not fit in memory", rows, dim)
	}
	switch {
	case len(body) < want:
		return Matrix{}, false, fmt.Errorf("truncated: a shape of (%d, %d) takes %d bytes after the header, got %d", rows, dim, want, len(body))
	case len(body) > want:
		return Matrix{}, false, fmt.Errorf("%d bytes too many: a shape of (%d, %d) takes %d bytes after the header", len(body)-want, rows, dim, want)
	}
	m = Matrix{Rows: rows, Dim: dim}
	if n == 0 {
		return m, false, nil
	}
	p := unsafe.Pointer(&body[0])
	if size == 4 && littleEndian && uintptr(p)%4 == 0 {
		m.Data = unsafe.Slice((*float32)(p), n)
		return m, true, nil
	}
	m.Data = make([]float32, n)
	for i := range m.Data {
		if size == 4 {
			m.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
		} else {
			m.Data[i] = FromFloat16(binary.LittleEndian.Uint16(body[2*i:]))
		}
	}
	return m, false, nil
}

// npyParts splits a file into the text of its header and its values.
func npyParts(b []byte) (dict string, body []byte, err error) {
	if len(b) < 10 || string(b[:6]) != npyMagic {
		if len(b) < 10 && strings.HasPrefix(npyMagic, string(b[:min(len(b), 6)])) {
			return "", nil, fmt.Errorf("truncated: %d bytes are less than a .npy header", len(b))
		}
		return "", nil, errors.New("not a .npy file")
	}
	start := 10
	var n int
	switch b[6] {
	case 1:
		n = int(binary.LittleEndian.Uint16(b[8:]))
	case 2:
		if len(b) < 12 {
			return "", nil, errors.New("truncated in the .npy header")
		}
		start = 12
		u := binary.LittleEndian.Uint32(b[8:])
		if u > npyMaxHeader {
			return "", nil, fmt.Errorf("a .npy header of %d bytes: want at most %d", u, npyMaxHeader)
		}
		n = int(u)
	default:
		return "", nil, fmt.Errorf(".npy version %d.%d: want 1 or 2", b[6], b[7])
	}
	if len(b)-start < n {
		return "", nil, errors.New("truncated in the .npy header")
	}
	return string(b[start : start+n]), b[start+n:], nil
}

type npyInfo struct {
	descr   string
	fortran bool
	shape   []int
}

// parseNPYDict parses the Python literal of a header: a dictionary with
// exactly the keys descr, fortran_order and shape, in any order.
func parseNPYDict(s string) (npyInfo, error) {
	p := npyParser{bytes.TrimSpace([]byte(s))}
	var h npyInfo
	seen := map[string]bool{}
	if !p.take('{') {
		return h, errors.New("want a dictionary")
	}
	for !p.take('}') {
		name, err := p.str()
		if err != nil {
			return h, err
		}
		if seen[name] {
			return h, fmt.Errorf("key %q occurs twice", name)
		}
		seen[name] = true
		if !p.take(':') {
			return h, fmt.Errorf("want a colon after %q", name)
		}
		switch name {
		case "descr":
			if h.descr, err = p.str(); err != nil {
				return h, errors.New("structured values: want '<f4' or '<f2'")
			}
		case "fortran_order":
			switch {
			case p.word("True"):
				h.fortran = true
			case !p.word("False"):
				return h, errors.New("fortran_order: want True or False")
			}
		case "shape":
			if h.shape, err = p.tuple(); err != nil {
				return h, fmt.Errorf("shape: %w", err)
			}
		default:
			return h, fmt.Errorf("unknown key %q", name)
		}
		if !p.take(',') {
			if p.take('}') {
				break
			}
			return h, fmt.Errorf("want a comma or a brace after %q", name)
		}
	}
	if len(p.b) > 0 {
		return h, errors.New("text after the dictionary")
	}
	for _, name := range []string{"descr", "fortran_order", "shape"} {
		if !seen[name] {
			return h, fmt.Errorf("key %q is missing", name)
		}
	}
	return h, nil
}

type npyParser struct{ b []byte }

func (p *npyParser) skip() { p.b = bytes.TrimLeft(p.b, " \t\r\n") }

func (p *npyParser) take(c byte) bool {
	p.skip()
	if len(p.b) == 0 || p.b[0] != c {
		return false
	}
	p.b = p.b[1:]
	return true
}

func (p *npyParser) word(w string) bool {
	p.skip()
	rest, ok := bytes.CutPrefix(p.b, []byte(w))
	if ok {
		p.b = rest
	}
	return ok
}

func (p *npyParser) str() (string, error) {
	p.skip()
	if len(p.b) == 0 || (p.b[0] != '\'' && p.b[0] != '"') {
		return "", errors.New("want a quoted string")
	}
	i := bytes.IndexByte(p.b[1:], p.b[0])
	if i < 0 {
		return "", errors.New("a string does not end")
	}
	s := string(p.b[1 : i+1])
	p.b = p.b[i+2:]
	return s, nil
}

func (p *npyParser) tuple() ([]int, error) {
	if !p.take('(') {
		return nil, errors.New("want a tuple")
	}
	out := []int{}
	for !p.take(')') {
		p.skip()
		n := 0
		for n < len(p.b) && '0' <= p.b[n] && p.b[n] <= '9' {
			n++
		}
		v, err := strconv.Atoi(string(p.b[:n]))
		if err != nil {
			return nil, fmt.Errorf("want a whole number that fits in memory, got %.20q", p.b[:max(n, min(1, len(p.b)))])
		}
		p.b = p.b[n:]
		if len(p.b) > 0 && p.b[0] == 'L' { // Python 2 wrote long integers so
			p.b = p.b[1:]
		}
		out = append(out, v)
		if !p.take(',') {
			if p.take(')') {
				break
			}
			return nil, errors.New("want a comma or a parenthesis")
		}
	}
	return out, nil
}
