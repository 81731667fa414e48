// Package irfile opens the files that judgments and runs come in, whatever
// their format and compression, and writes them.
//
// The content tells the format, not the name: TREC, the TSV of BEIR and MTEB,
// JSONL, predictions as one JSON object, Parquet; each as it is, in gzip or in
// zstd. Everything becomes an [ir.Source], lines that package ir reads, checks
// and evaluates; this package changes no number and judges nothing.
//
// It is apart from package ir because it needs libraries for compression and
// Parquet.
package irfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/xlrun/xlrun/sdk/ir"
)

// separator is the byte between the fields of a source that was not a TREC
// file, so that ids may hold blanks.
const separator = 0x1f

// LoadQrels reads judgments and says what is odd about them. See [OpenQrels]
// for the formats and [ir.Source.Qrels] for findings and errors.
func LoadQrels(path string) (ir.Qrels, []ir.Finding, error) {
	src, err := OpenQrels(path)
	if err != nil {
		return nil, nil, err
	}
	return src.Qrels()
}

// LoadRun reads a run and says what is odd about it. See [OpenRun] for
// the formats and [ir.Source.Run] for findings and errors.
func LoadRun(path string) (ir.Run, []ir.Finding, error) {
	src, err := OpenRun(path)
	if err != nil {
		return ir.Run{}, nil, err
	}
	return src.Run()
}

// OpenRun opens a run: TREC; TSV, JSONL or Parquet with a query, a document, a
// score and perhaps a rank per row; or predictions, a JSON object of queries
// with objects of documents and scores. "-" is the standard input. Where path
// cannot be read twice, it is kept in memory, and in a temporary file beyond
// 4 MiB. A run without a tag has the file's name for one.
func OpenRun(path string) (ir.Source, error) { return open(path, runShape) }

// OpenQrels opens judgments: TREC, or a table as in [OpenRun] with a grade in the
// place of the score.
func OpenQrels(path string) (ir.Source, error) { return open(path, qrelsShape) }

// Decompress opens a file, or the standard input for "-", and returns its
// bytes without gzip or zstd.
func Decompress(path string) (io.ReadCloser, error) {
	in, err := newInput(path)
	if err != nil {
		return nil, err
	}
	return in.open()
}

// shape is what is read from a file: lines of a run or of judgments.
type shape int

const (
	runShape shape = iota
	qrelsShape
)

// format is how a file is written.
type format int

const (
	trec format = iota
	tsv
	jsonl
	predictions
	parquetFile
)

func open(path string, s shape) (ir.Source, error) {
	in, err := newInput(path)
	if err != nil {
		return ir.Source{}, err
	}
	src := ir.Source{Name: path, Size: in.size}
	if path == "-" {
		src.Name = "<stdin>"
	}
	r, err := in.open()
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			// Reading says so, with everything else.
			src.Open = func() (io.ReadCloser, error) { return io.NopCloser(broken{err}), nil }
			return src, nil
		}
		return ir.Source{}, fmt.Errorf("%s: %w", src.Name, err)
	}
	br := bufio.NewReaderSize(r, 64<<10)
	head, _ := br.Peek(64 << 10) // its error will come again
	f, err := detect(head)
	if err := errors.Join(err, r.Close()); err != nil {
		return ir.Source{}, fmt.Errorf("%s: %w", src.Name, err)
	}
	if f == trec {
		src.Open = in.open
		return src, nil
	}
	src.Separator = separator
	src.Open = func() (io.ReadCloser, error) {
		r, err := in.open()
		if err != nil {
			return nil, err
		}
		w := &lineWriter{shape: s, tag: tagOf(path)}
		switch f {
		case tsv:
			return newTable(r, w, tsvRows(r, w)), nil
		case jsonl:
			return newTable(r, w, jsonlRows(r, w)), nil
		case predictions:
			return newTable(r, w, predictionRows(r, w)), nil
		default:
			next, closer, err := parquetRows(r, w)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return io.NopCloser(broken{err}), nil
			}
			if err != nil {
				return nil, fmt.Errorf("%s: read Parquet: %w", src.Name, err)
			}
			return newTable(closer, w, next), nil
		}
	}
	return src, nil
}

// tagOf returns the name of a file without its extensions.
func tagOf(path string) string {
	name := filepath.Base(path)
	if path == "-" {
		name = "stdin"
	}
	for ext := filepath.Ext(name); ext != "" && ext != name; ext = filepath.Ext(name) {
		switch ext {
		case ".gz", ".zst", ".tsv", ".json", ".jsonl", ".parquet", ".txt", ".run":
			name = strings.TrimSuffix(name, ext)
			continue
		}
		break
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
}

// broken is a reader whose content is missing.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// detect tells the format from the beginning of a file.
func detect(head []byte) (format, error) {
	if bytes.HasPrefix(head, []byte("PAR1")) {
		return parquetFile, nil
	}
	if isGzip(head) || isZstd(head) {
		return 0, errors.New("the file is packed twice; unpack it once")
	}
	for _, c := range []struct {
		at          int
		magic, name string
	}{{0, "BZh", "bzip2"}, {0, "\xfd7zXZ", "xz"}, {0, "PK\x03\x04", "zip"}, {257, "ustar", "tar"}} {
		if len(head) > c.at && bytes.HasPrefix(head[c.at:], []byte(c.magic)) && !isText(head) {
			return 0, fmt.Errorf("%s is not read; unpack it, or pack it with gzip or zstd", c.name)
		}
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return 0, errors.New("the file is in UTF-16; save it as UTF-8")
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(head) > 0 && head[0] == '{' {
		return detectJSON(head), nil
	}
	if len(head) > 0 && head[0] == '[' {
		return 0, errors.New("a JSON array is not read; write one object per line (JSONL)")
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if _, ok, _ := header(string(line)); ok {
		return tsv, nil
	}
	if _, ok, _ := header(strings.NewReplacer(",", "\t", `"`, "").Replace(string(line))); ok {
		return 0, errors.New("the columns are separated by commas, or in quotation marks; separate them by tabs, without quotation marks")
	}
	return trec, nil
}

func isText(head []byte) bool {
	return bytes.IndexByte(head, 0) < 0 && bytes.IndexByte(head, '\n') >= 0
}

// input is a file that can be opened again.
type input struct {
	size int64
	raw  func() (io.ReadCloser, error)
}

func newInput(path string) (*input, error) {
	if path == "-" {
		stdin := os.Stdin
		if st, err := stdin.Stat(); err == nil && st.Mode().IsRegular() {
			if at, err := stdin.Seek(0, io.SeekCurrent); err == nil {
				size := max(0, st.Size()-at)
				return &input{size: size, raw: func() (io.ReadCloser, error) {
					return io.NopCloser(io.NewSectionReader(stdin, at, size)), nil
				}}, nil
			}
		}
		s := &spool{r: stdin, max: spoolMemory}
		return &input{raw: s.open}, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	if !st.Mode().IsRegular() {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		s := &spool{r: f, max: spoolMemory}
		return &input{raw: s.open}, nil
	}
	return &input{size: st.Size(), raw: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// open returns the content without its compression.
func (in *input) open() (io.ReadCloser, error) {
	f, err := in.raw()
	if err != nil {
		return nil, err
	}
	raw := &counter{r: f}
	br := bufio.NewReaderSize(raw, 256<<10)
	magic, _ := br.Peek(4) // a short file is a text
	out := &stack{Reader: br, raw: raw, file: f}
	switch {
	case isGzip(magic):
		out.packing = "gzip"
		var z *gzip.Reader
		if z, err = gzip.NewReader(br); err == nil {
			z.Multistream(false)
			// Close repeats what Read has said.
			out.Reader, out.close = &members{z, br}, func() error { z.Close(); return nil } //nolint:errcheck,gosec // see above
		}
	case isZstd(magic):
		out.packing = "zstd"
		var z *zstd.Decoder
		if z, err = zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20)); err == nil {
			out.Reader, out.close = z, func() error { z.Close(); return nil }
		}
	}
	if err != nil {
		return nil, errors.Join(out.fault(err), f.Close())
	}
	return out, nil
}

func isGzip(b []byte) bool { return len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b }

// isZstd tells the beginning of a frame of zstd, or of one that is to be skipped.
func isZstd(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}) || len(b) >= 4 && b[0]&0xf0 == 0x50 && bytes.Equal(b[1:4], []byte{0x2a, 0x4d, 0x18})
}

// members reads the members of a gzip file. It tells the next one from
// something else, however short, which package gzip takes for a member that is
// damaged or cut off.
type members struct {
	z  *gzip.Reader
	br *bufio.Reader
}

func (m *members) Read(p []byte) (int, error) {
	n, err := m.z.Read(p)
	if err != io.EOF { //nolint:errorlint // Read returns it bare
		return n, err
	}
	switch next, err := m.br.Peek(2); {
	case len(next) == 0:
		return n, err
	case !isGzip(next):
		return n, errBehind
	}
	if err := m.z.Reset(m.br); err != nil {
		return n, err
	}
	m.z.Multistream(false)
	return n, nil
}

// errBehind says that packed data end before the file does.
var errBehind = errors.New("more follows")

// stack is a file with what unpacks it.
type stack struct {
	io.Reader
	packing string // gzip, zstd or ""
	close   func() error
	raw     *counter
	file    io.Closer
}

func (s *stack) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	return n, s.fault(err)
}

// fault says what an error means to the owner of the file. Ends stay what they
// are, and errors of the file itself.
func (s *stack) fault(err error) error {
	switch {
	case err == nil || err == io.EOF || s.packing == "" || s.raw.err != nil || errors.Is(err, io.ErrUnexpectedEOF): //nolint:errorlint // Read returns it bare
		return err
	case errors.Is(err, errBehind) || errors.Is(err, zstd.ErrMagicMismatch):
		return fmt.Errorf("something else follows the %s data; unpack the file, see whether all of it is there, and pack it again", s.packing)
	}
	return fmt.Errorf("the %s data are damaged (%w); copy or write the file again", s.packing, err)
}

func (s *stack) Close() error {
	if s.close != nil {
		return errors.Join(s.close(), s.file.Close())
	}
	return s.file.Close()
}

// Consumed returns how many bytes of the file have been read.
func (s *stack) Consumed() int64 { return s.raw.n.Load() }

// counter counts the bytes of a file, and keeps the error that is none of the
// bytes'.
type counter struct {
	r   io.Reader
	n   atomic.Int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	if err != io.EOF {
		c.err = err
	}
	return n, err
}

// spool makes a stream that can be read once one that can be read again. One
// reader at a time.
type spool struct {
	r    io.Reader
	max  int   // of mem, in bytes
	end  error // how r ended
	mem  []byte
	file *os.File
	size int64
}

// spoolMemory bounds what a spool holds in memory, in bytes. Growing to it
// leaves several times as much to the garbage collector.
const spoolMemory = 4 << 20

func (s *spool) open() (io.ReadCloser, error) { return &spoolReader{s: s}, nil }

func (s *spool) keep(b []byte) error {
	if s.file == nil && len(s.mem)+len(b) > s.max {
		f, err := os.CreateTemp("", "xlrun-stdin-*")
		if err != nil {
			return err
		}
		os.Remove(f.Name()) //nolint:errcheck,gosec // where an open file cannot be removed, the system cleans up
		if _, err := f.Write(s.mem); err != nil {
			return errors.Join(err, f.Close())
		}
		s.file, s.mem = f, nil
	}
	s.size += int64(len(b))
	if s.file != nil {
		_, err := s.file.WriteAt(b, s.size-int64(len(b)))
		return err
	}
	s.mem = append(s.mem, b...)
	return nil
}

type spoolReader struct {
	s  *spool
	at int64
}

func (r *spoolReader) Read(p []byte) (int, error) {
	s := r.s
	if len(p) == 0 {
		return 0, nil
	}
	if r.at < s.size {
		p = p[:min(int64(len(p)), s.size-r.at)]
		var err error
		if s.file != nil {
			_, err = s.file.ReadAt(p, r.at)
		} else {
			copy(p, s.mem[r.at:])
		}
		r.at += int64(len(p))
		return len(p), err
	}
	if s.end != nil {
		return 0, s.end
	}
	n, err := s.r.Read(p)
	if keepErr := s.keep(p[:n]); keepErr != nil {
		return 0, fmt.Errorf("keep what cannot be read twice: %w", keepErr)
	}
	r.at += int64(n)
	s.end = err
	if n > 0 {
		return n, nil
	}
	return 0, err
}

func (*spoolReader) Close() error { return nil }
