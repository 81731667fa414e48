package ir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

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
