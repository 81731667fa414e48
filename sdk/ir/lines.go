package ir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// The TREC formats, as trec_eval 10 reads them: one judgment or hit per line,
// fields separated by any ASCII white space, LF or CRLF, blank lines and lines
// that start with '#' skipped. Unlike trec_eval, a number must be a number
// throughout ("1.5" is no grade, "1x" no score) and NaN is no score.

// maxLine bounds the length of a line, in bytes.
const maxLine = 1 << 20

// space reports what C's isspace reports in the C locale. Wider Unicode spaces
// are part of an id.
func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// dialect is how a line falls into fields.
type dialect struct {
	class    [256]uint8
	comments bool // lines that start with '#' are skipped
	blanks   bool // fields end at white space, as in TREC's files
}

// The classes of bytes.
const (
	inField = iota
	between
	atEnd // of the line
)

var trecDialect = func() *dialect {
	d := newDialect(space, true)
	d.blanks = true
	return d
}()

func newDialect(separates func(byte) bool, comments bool) *dialect {
	d := &dialect{comments: comments}
	for c := range d.class {
		if separates(byte(c)) {
			d.class[c] = between
		}
	}
	d.class['\n'] = atEnd
	return d
}

// dialectOf returns the dialect whose fields are separated by sep; 0 stands
// for TREC's.
func dialectOf(sep byte) *dialect {
	if sep == 0 {
		return trecDialect
	}
	return newDialect(func(c byte) bool { return c == sep }, false)
}

// firstField returns the bounds of the first field of the line that starts at
// i, which may be empty: b[start:end]. The line must have an end.
func (d *dialect) firstField(b []byte, i int) (start, end int) {
	for d.class[b[i]] == between {
		i++
	}
	start = i
	for d.class[b[i]] == inField {
		i++
	}
	return start, i
}

// more reports whether there is another field in the rest of a line.
func (d *dialect) more(rest []byte) bool {
	for _, c := range rest {
		if d.class[c] == inField {
			return true
		}
	}
	return false
}

// lineBlock is a number of whole lines.
type lineBlock struct {
	data []byte // ends with '\n'
	base int64  // how many lines of the file come before
	cut  int64  // the line of the file that has no end of its own; 0 for none
	// parts, where it is not nil, tells where in the file the lines of a block
	// come from that was put together.
	parts []part
	at    int // the part of the line asked for last
}

// part is a number of lines that follow each other in a file: line n of the
// block, from 1, is line file of the file, and so on until the next part.
type part struct {
	n    int32
	file int64
}

// line returns the number of the n-th line of the block. It is fastest for one
// line after the other.
func (b *lineBlock) line(n int32) int64 {
	if b.parts == nil {
		return b.base + int64(n)
	}
	if n < b.parts[b.at].n {
		b.at = 0
	}
	for b.at+1 < len(b.parts) && b.parts[b.at+1].n <= n {
		b.at++
	}
	return b.parts[b.at].file + int64(n-b.parts[b.at].n)
}

// scanner calls line for every line of a block with content, with its first
// fields, at most want, and the rest. Lines that are no text are left out.
type scanner struct {
	d    *dialect
	want int
	// line must not keep the fields.
	line func(n int32, fields [][]byte, rest []byte)
	// comment is called for comments, where it is not nil.
	comment func(n int32, text []byte)

	fields [][]byte
}

// scan returns the number of lines.
func (s *scanner) scan(b *lineBlock, f *findings) int32 {
	data := b.data
	hasNUL, ascii := bytes.IndexByte(data, 0) >= 0, isASCII(data)
	class := &s.d.class
	var n int32
	for i := 0; i < len(data); {
		n++
		start := i
		if hasNUL || !ascii {
			end := i + bytes.IndexByte(data[i:], '\n')
			text := data[i:end]
			if hasNUL && bytes.IndexByte(text, 0) >= 0 {
				f.add(kindNUL, b.line(n), "the line holds a NUL byte; is this a text file?")
				i = end + 1
				continue
			}
			if !ascii && !utf8.Valid(text) {
				if k := b.line(n); f.wants(kindInvalidUTF8, k) {
					f.add(kindInvalidUTF8, k, "the line is not UTF-8: %q", short(text))
				} else {
					f.kinds[kindInvalidUTF8].count++
				}
			}
		}
		fields := s.fields[:0]
		for len(fields) < s.want {
			for class[data[i]] == between {
				i++
			}
			if data[i] == '\n' {
				break
			}
			at := i
			i = s.d.fieldEnd(data, i)
			fields = append(fields, data[at:i])
			if len(fields) == 1 && s.d.comments && data[at] == '#' {
				break
			}
		}
		s.fields = fields
		end := i
		if data[i] != '\n' {
			end = i + bytes.IndexByte(data[i:], '\n')
		}
		rest := data[i:end]
		i = end + 1
		switch {
		case len(fields) == 0:
		case end-start > maxLine:
			f.add(kindLongLine, b.line(n), "the line is longer than %d bytes", maxLine)
		case s.d.comments && fields[0][0] == '#':
			if s.comment != nil {
				s.comment(n, data[start:end])
			}
		default:
			s.line(n, fields, rest)
		}
	}
	return n
}

// isASCII reports whether no byte has its highest bit set.
func isASCII(b []byte) bool {
	for len(b) >= 32 {
		x := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if x&highBits != 0 {
			return false
		}
		b = b[32:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// highBits has the highest bit of each of eight bytes set.
const highBits = 0x8080808080808080

// fieldEnd returns the end of the field that i is in. TREC's white space is
// below '!', and little else is: eight bytes are looked at together until one of
// them is (Mycroft's test for small bytes, exact for the first one).
func (d *dialect) fieldEnd(data []byte, i int) int {
	if d.blanks {
		for i+8 <= len(data) {
			x := binary.LittleEndian.Uint64(data[i:])
			low := (x - 0x2121212121212121) &^ x & highBits
			if low == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(low) / 8
			if d.class[data[i]] != inField {
				return i
			}
			i++ // a control character in a field
		}
	}
	for d.class[data[i]] == inField {
		i++
	}
	return i
}

// short returns the beginning of a text for a message.
func short[T ~string | ~[]byte](text T) string {
	if len(text) > 60 {
		return string(text[:60]) + "…"
	}
	return string(text)
}

// few reports a line with too few fields.
func few(f *findings, d *dialect, b *lineBlock, n int32, fields [][]byte, want int, names string) {
	k, line := kindFewFields, b.line(n)
	if line == b.cut {
		k = kindTruncatedLine
	}
	if !f.wants(k, line) {
		f.kinds[k].count++
		return
	}
	if k == kindTruncatedLine {
		f.add(k, line, "the file ends within a line: want %d fields (%s), got %d", want, names, len(fields))
		return
	}
	if !d.comments {
		f.add(k, line, "the row lacks a query, a document or a value")
		return
	}
	hint := ""
	if want == 6 && len(fields) == 4 && isInt(fields[3]) {
		hint = "; are these judgments?"
	}
	f.add(k, line, "want %d fields (%s), got %d%s", want, names, len(fields), hint)
}

func isInt(b []byte) bool { _, err := strconv.Atoi(string(b)); return err == nil }

// ended turns the error that reading ended with into a finding where it is
// one.
func ended(err error, f *findings, line int64, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		where := fmt.Sprintf("its content ends after line %d", line)
		if line == 0 {
			where = "nothing of its content can be read"
		}
		f.add(kindTruncatedStream, 0, "the file is cut off: %s; copy or write it again", where)
		return nil
	case errors.Is(err, errLongLine):
		f.add(kindLongLine, line+1, "the line is longer than %d bytes, and what follows was not read", maxLine)
		return nil
	}
	return fmt.Errorf("%s:%d: %w", name, line+1, err)
}

// maxQuery bounds the lines of one query, in bytes: about 20 million hits.
const maxQuery = 1 << 30

// errLongLine says that a line is longer than maxLine and the rest of the file
// therefore not read.
var errLongLine = errors.New("long line")

// blockReader cuts a file into blocks of whole lines, and unless byLine is set,
// of whole queries as long as the lines of a query are together.
type blockReader struct {
	r      io.Reader
	d      *dialect
	size   int // of a block in bytes, unless one query needs more
	byLine bool

	carry        []byte // read, but not yet part of a block
	lines        int64  // in the blocks before
	begun, ended bool
	err          error // comes after the last block
	unterminated bool  // the last line has no end
}

func newBlockReader(r io.Reader, d *dialect, size int) *blockReader {
	return &blockReader{r: r, d: d, size: size}
}

// each calls f for every block. Its data is valid until f returns.
func (br *blockReader) each(f func(*lineBlock) error) error {
	var buf []byte
	for {
		b, err := br.next(buf)
		if err == io.EOF { //nolint:errorlint // next returns it bare
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		buf = b.data
	}
}

// next returns the next block, in the memory of buf if that is large enough,
// or io.EOF.
func (br *blockReader) next(buf []byte) (*lineBlock, error) {
	if br.ended {
		if br.err != nil {
			return nil, br.err
		}
		return nil, io.EOF
	}
	if cap(buf) < br.size {
		buf = make([]byte, 0, br.size)
	}
	buf = append(buf[:0], br.carry...)
	for {
		err := br.fill(&buf)
		if !br.begun && (len(buf) >= 3 || err != nil) {
			br.begun = true
			if bytes.HasPrefix(buf, []byte("\ufeff")) {
				buf = buf[:copy(buf, buf[3:])]
				if err == nil {
					err = br.fill(&buf)
				}
			}
		}
		if err != nil {
			br.ended = true
			if err != io.EOF { //nolint:errorlint // Read returns it bare
				br.err = err
				// What is behind the last whole line is not the file's fault.
				buf = buf[:bytes.LastIndexByte(buf, '\n')+1]
			}
			if len(buf) == 0 {
				return br.next(buf)
			}
			if buf[len(buf)-1] != '\n' {
				br.unterminated = true
				buf = append(buf, '\n')
			}
			return br.block(buf, len(buf)), nil
		}
		end := bytes.LastIndexByte(buf, '\n') + 1
		if len(buf)-end > maxLine {
			br.ended, br.err = true, errLongLine
			if end > 0 {
				return br.block(buf, end), nil
			}
			return nil, errLongLine
		}
		if end > 0 && !br.byLine {
			end = br.d.lastQuery(buf[:end])
		}
		if end > 0 {
			return br.block(buf, end), nil
		}
		if len(buf) >= maxQuery {
			start, stop := br.d.firstField(buf, 0)
			return nil, fmt.Errorf("query %q has more than %d MiB of lines", short(buf[start:stop]), maxQuery>>20)
		}
		buf = append(make([]byte, 0, 2*cap(buf)), buf...)
	}
}

// fill reads until buf is full.
func (br *blockReader) fill(buf *[]byte) error {
	for len(*buf) < cap(*buf) {
		n, err := br.r.Read((*buf)[len(*buf):cap(*buf)])
		*buf = (*buf)[:len(*buf)+n]
		if err != nil {
			return err
		}
	}
	return nil
}

func (br *blockReader) block(buf []byte, end int) *lineBlock {
	br.carry = append(br.carry[:0], buf[end:]...)
	b := &lineBlock{data: buf[:end], base: br.lines}
	br.lines += int64(bytes.Count(b.data, []byte{'\n'}))
	if br.unterminated {
		b.cut = br.lines
	}
	return b
}

// lastQuery returns where the lines of the last query begin in b, which ends
// with an end of line; len(b) where there is no query.
func (d *dialect) lastQuery(b []byte) int {
	var id []byte
	begin := len(b)
	for end := len(b); end > 0; {
		line := bytes.LastIndexByte(b[:end-1], '\n') + 1
		end = line
		i, j := d.firstField(b, line)
		if i == j || d.comments && b[i] == '#' {
			continue
		}
		if id == nil {
			id = b[i:j]
		} else if !bytes.Equal(id, b[i:j]) {
			return begin
		}
		begin = line
	}
	if id == nil {
		return len(b)
	}
	return 0
}

// content returns the first field of the first line with content, and how many
// lines come before; nil where there is none.
func (d *dialect) content(lines []byte) (id []byte, skipped int64) {
	for i := 0; i < len(lines); {
		s, e := d.firstField(lines, i)
		if s < e && (!d.comments || lines[s] != '#') {
			return lines[s:e], skipped
		}
		i = e + bytes.IndexByte(lines[e:], '\n') + 1
		skipped++
	}
	return nil, 0
}
