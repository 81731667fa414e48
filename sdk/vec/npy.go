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

// littleEndian says whether values lie in memory as in the file.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// npyDescr is the type of the values of a file, by element. numpy has no bits:
// numpy.packbits makes bytes of them. It has no bfloat16 either, and saves that
// of ml_dtypes as two bytes without a meaning.
var npyDescr = [...]string{Float32: "<f4", Float16: "<f2", BFloat16: "<V2", Int8: "|i1", Bits: "|u1"}

// npyHeader returns the header of a rows×dim matrix of little-endian elements.
func npyHeader(e Element, rows, dim int) []byte {
	if e == Bits {
		dim /= 8
	}
	h := make([]byte, 0, npyHeaderLen)
	h = append(h, npyMagic...)
	h = append(h, 1, 0)
	h = binary.LittleEndian.AppendUint16(h, npyHeaderLen-10)
	h = fmt.Appendf(h, "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", npyDescr[e], rows, dim)
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
	e    Element
	dim  int
	rows int
	err  error
}

// CreateNPY creates the file at path, or truncates it, for rows of dim float32.
// Until Close the file says that it has no rows.
func CreateNPY(path string, dim int) (*NPYWriter, error) {
	return CreateVectors(path, Float32, dim)
}

// CreateVectors creates the file at path, or truncates it, for rows of dim
// elements, which AppendVectors writes. Until Close the file says that it has no
// rows.
func CreateVectors(path string, e Element, dim int) (*NPYWriter, error) {
	if dim < 1 {
		return nil, fmt.Errorf("create %s: rows must have at least 1 value, got %d", path, dim)
	}
	if _, err := e.rowBytes(dim); err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &NPYWriter{f: f, e: e, dim: dim, buf: make([]byte, 0, 1<<18)}
	w.buf = append(w.buf, npyHeader(e, 0, dim)...)
	return w, nil
}

// Append writes rows of float32, one after the other: a multiple of dim values.
func (w *NPYWriter) Append(rows []float32) error {
	if w.err != nil {
		return w.err
	}
	if len(rows)%w.dim != 0 {
		return fmt.Errorf("want rows of %d values, got %d values", w.dim, len(rows))
	}
	return w.AppendVectors(Matrix{Rows: len(rows) / w.dim, Dim: w.dim, Data: rows}.Vectors())
}

// AppendVectors writes the rows of v, whose element and dimensions must be those
// of the file.
func (w *NPYWriter) AppendVectors(v Vectors) error {
	if w.err != nil {
		return w.err
	}
	if err := v.Check(); err != nil {
		return err
	}
	if v.Element != w.e || v.Dim != w.dim {
		return fmt.Errorf("want rows of %d %s, got %d %s", w.dim, w.e, v.Dim, v.Element)
	}
	w.rows += v.Rows
	for data := v.data; len(data) > 0; {
		// Both lengths are multiples of the element's: so is n.
		n := min(len(data), cap(w.buf)-len(w.buf))
		w.buf = appendLittle(w.buf, data[:n], w.e)
		data = data[n:]
		if len(w.buf) == cap(w.buf) {
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
		_, w.err = w.f.WriteAt(npyHeader(w.e, w.rows, w.dim), 0)
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
	return WriteVectors(w, m.Vectors())
}

// WriteVectors writes v as a .npy file: the bytes that an NPYWriter makes, and
// numpy.save. Float32, Float16 and Int8 are numpy's; Bits are the bytes of
// numpy.packbits(x, axis=1) and come back by numpy.unpackbits; BFloat16 is what
// ml_dtypes saves, and needs .view(ml_dtypes.bfloat16) after numpy.load.
func WriteVectors(w io.Writer, v Vectors) error {
	if err := v.Check(); err != nil {
		return err
	}
	if _, err := w.Write(npyHeader(v.Element, v.Rows, v.Dim)); err != nil {
		return err
	}
	buf := make([]byte, 0, min(len(v.data), 1<<16))
	for data := v.data; len(data) > 0; {
		n := min(len(data), cap(buf))
		if _, err := w.Write(appendLittle(buf, data[:n], v.Element)); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// appendLittle appends values in the machine's byte order as little-endian
// ones, or the other way round.
func appendLittle(dst, values []byte, e Element) []byte {
	if littleEndian {
		return append(dst, values...)
	}
	return appendSwapped(dst, values, e)
}

// appendSwapped appends values with the bytes of each in reverse order.
func appendSwapped(dst, values []byte, e Element) []byte {
	switch size := e.bits() / 8; size {
	case 2, 4:
		for ; len(values) > 0; values = values[size:] {
			for j := size - 1; j >= 0; j-- {
				dst = append(dst, values[j])
			}
		}
		return dst
	}
	return append(dst, values...)
}

// File is a matrix of float32 that lies in a .npy file. Its memory belongs to
// the file: nothing may write to it, and Close ends its use.
type File struct {
	Matrix
	m *Mapping
}

// OpenNPY opens a matrix of little-endian float32 ('<f4'), float16 ('<f2') or
// bfloat16 ('<V2'). float32 is mapped, not read; the halves are converted,
// exactly, into memory. What ParseVectors says of files holds here; int8 and
// bits are refused.
func OpenNPY(path string) (*File, error) {
	v, err := OpenVectors(path)
	if err != nil {
		return nil, err
	}
	mat, err := floats(v.Vectors)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), v.Close())
	}
	if v.Element == Float32 {
		return &File{Matrix: mat, m: v.m}, nil
	}
	if err := v.Close(); err != nil {
		return nil, err
	}
	return &File{Matrix: mat}, nil
}

// Close releases the memory.
func (f *File) Close() error {
	f.Matrix = Matrix{}
	m := f.m
	f.m = nil
	return closeMapping(m)
}

// VectorsFile is a matrix that lies in a .npy file. Its memory belongs to the
// file: nothing may write to it, and Close ends its use.
type VectorsFile struct {
	Vectors
	m *Mapping
}

// OpenVectors opens a matrix of any element type where it lies: the file is
// mapped, not read and not converted. ParseVectors says which files; they must
// not change while they are open.
func OpenVectors(path string) (*VectorsFile, error) {
	m, err := MapFile(path)
	if err != nil {
		return nil, err
	}
	v, shared, err := parseVectors(m.Bytes())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.Close())
	}
	if !shared {
		if err := m.Close(); err != nil {
			return nil, err
		}
		m = nil
	}
	return &VectorsFile{Vectors: v, m: m}, nil
}

// Close releases the memory.
func (f *VectorsFile) Close() error {
	f.Vectors = Vectors{}
	m := f.m
	f.m = nil
	return closeMapping(m)
}

func closeMapping(m *Mapping) error {
	if m == nil {
		return nil
	}
	return m.Close()
}

// ParseNPY reads a matrix of floats from the bytes of a .npy file, as OpenNPY
// does. The result may share memory with b.
func ParseNPY(b []byte) (Matrix, error) {
	v, err := ParseVectors(b)
	if err != nil {
		return Matrix{}, err
	}
	return floats(v)
}

func floats(v Vectors) (Matrix, error) {
	if v.Element == Int8 || v.Element == Bits {
		return Matrix{}, fmt.Errorf("values are %s ('%s'), want floats: save the matrix that they stand for as '<f4' or '<f2' (in Go, OpenVectors and ParseVectors read %[1]s as it is)", v.Element, npyDescr[v.Element])
	}
	return v.Matrix(), nil
}

// ParseVectors reads a matrix from the bytes of a .npy file: '<f4', '<f2',
// '<V2' or '|V2' (bfloat16, as ml_dtypes saves it), '|i1' (int8) or '|u1' (bits,
// eight columns to a byte, in the order of numpy.packbits), in C order, header
// version 1 or 2. The bytes must be exactly as many as the header says. Every
// other file is refused.
//
// The result shares memory with b unless the machine is big-endian or the header
// leaves the values misaligned.
func ParseVectors(b []byte) (Vectors, error) {
	v, _, err := parseVectors(b)
	return v, err
}

func parseVectors(b []byte) (v Vectors, shared bool, err error) {
	dict, body, err := npyParts(b)
	if err != nil {
		return Vectors{}, false, err
	}
	h, err := parseNPYDict(dict)
	if err != nil {
		return Vectors{}, false, fmt.Errorf(".npy header: %w", err)
	}
	e, err := npyElement(h.descr)
	if err != nil {
		return Vectors{}, false, err
	}
	if h.fortran {
		return Vectors{}, false, errors.New("columns lie one after the other (fortran_order): save numpy.ascontiguousarray of the matrix")
	}
	if len(h.shape) != 2 {
		return Vectors{}, false, fmt.Errorf("want a matrix, got %d dimensions: reshape it to (rows, columns)", len(h.shape))
	}
	rows, dim := h.shape[0], h.shape[1]
	tooLarge := fmt.Errorf("a shape of (%d, %d) does not fit in memory", rows, dim)
	ok := true
	if e == Bits {
		dim, ok = product(dim, 8)
	}
	row, err := e.rowBytes(dim)
	want, ok2 := product(rows, row)
	// Rows without columns take no bytes, so that nothing else bounds their number.
	if !ok || err != nil || !ok2 || (dim == 0 && rows > math.MaxInt32) {
		return Vectors{}, false, tooLarge
	}
	switch {
	case len(body) < want:
		return Vectors{}, false, fmt.Errorf("truncated: a shape of (%d, %d) takes %d bytes after the header, got %d", rows, h.shape[1], want, len(body))
	case len(body) > want:
		return Vectors{}, false, fmt.Errorf("%d bytes too many: a shape of (%d, %d) takes %d bytes after the header", len(body)-want, rows, h.shape[1], want)
	}
	v = Vectors{Rows: rows, Dim: dim, Element: e}
	v.data, shared = npyValues(body, e)
	return v, shared, nil
}

// npyElement returns the element that a file's type of values stands for.
func npyElement(descr string) (Element, error) {
	for e, d := range npyDescr {
		if d == descr {
			return Element(e), nil
		}
	}
	switch descr {
	case "|V2": // ml_dtypes' bfloat16 once numpy has read and saved it
		return BFloat16, nil
	case ">f4", ">f2", ">V2":
		return 0, fmt.Errorf("values are big-endian (%s): save them as '<%s'", descr, descr[1:])
	case "<f8", ">f8":
		return 0, fmt.Errorf("values are float64 (%s): save them as '<f4' or '<f2'", descr)
	case "|b1":
		return 0, fmt.Errorf("values are bool (%s): save numpy.packbits(x, axis=1), or x.astype('<f4')", descr)
	}
	return 0, fmt.Errorf("values of type %q: want '<f4', '<f2', '<V2' (bfloat16), '|i1' (int8) or '|u1' (bits by numpy.packbits), such as x.astype('<f4')", descr)
}

// npyValues returns little-endian values in the machine's byte order and
// aligned for view: body itself where it is so.
func npyValues(body []byte, e Element) (data []byte, shared bool) {
	if len(body) == 0 {
		return nil, false
	}
	size := uintptr(max(1, e.bits()/8))
	if (littleEndian || size == 1) && uintptr(unsafe.Pointer(unsafe.SliceData(body)))%size == 0 {
		return body[:len(body):len(body)], true
	}
	return appendLittle(alignedBytes(len(body))[:0], body, e), false
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
		return "", nil, fmt.Errorf(".npy version %d.%d: want 1 or 2, as numpy.save writes for plain matrices", b[6], b[7])
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
				return h, errors.New("structured values: want one type, so save a single field as '<f4' or '<f2'")
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
