package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Every file is Parquet without compression: equal rows give equal bytes, and
// a library update that compresses better cannot change a digest. Floats and
// dictionary indexes hardly shrink anyway.

// groupBytes is about how much a writer holds back before it closes a row
// group, so that memory does not grow with the collection.
const groupBytes = 32 << 20

var writerOptions = []parquet.WriterOption{
	parquet.Compression(&parquet.Uncompressed),
	parquet.PageBufferSize(64 << 10),
	parquet.DataPageStatistics(false),
	parquet.CreatedBy("xlrun", "1", "results"),
}

// format is one kind of file: T as others see it, R as its rows are laid out.
type format[T, R any] struct {
	name string
	row  func(T) R
	from func(R) T
	size func(*R) int

	schema string // its name in the file; "": that of R
}

// Writer writes one file, row by row, with bounded memory.
type Writer[T any] struct {
	write func(T) error
	close func() error
}

// Write adds one row.
func (w *Writer[T]) Write(v T) error { return w.write(v) }

// Close writes what is pending and the footer. The underlying writer stays
// open. A writer that is not closed leaves no valid file.
func (w *Writer[T]) Close() error { return w.close() }

func (f *format[T, R]) writer(out io.Writer) *Writer[T] {
	// A writer is not used twice: after Reset, parquet-go 0.32 leaves the
	// columns' paths out of the footer.
	opts := writerOptions
	if f.schema != "" {
		var row R
		opts = append(slices.Clone(opts), parquet.NewSchema(f.schema, parquet.SchemaOf(row)))
	}
	g := parquet.NewGenericWriter[R](out, opts...)
	var (
		buf  []R
		held int
		done bool
	)
	drain := func() error {
		_, err := g.Write(buf)
		clear(buf)
		buf = buf[:0]
		return err
	}
	return &Writer[T]{
		write: func(v T) error {
			buf = append(buf, f.row(v))
			held += f.size(&buf[len(buf)-1])
			if len(buf) < 256 {
				return nil
			}
			err := drain()
			if err == nil && held >= groupBytes {
				held = 0
				err = g.Flush()
			}
			if err != nil {
				return fmt.Errorf("write %s: %w", f.name, err)
			}
			return nil
		},
		close: func() error {
			if done {
				return nil
			}
			done = true
			if err := errors.Join(drain(), g.Close()); err != nil {
				return fmt.Errorf("write %s: %w", f.name, err)
			}
			return nil
		},
	}
}

// bytes returns the file of rows.
func (f *format[T, R]) bytes(rows []T) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(4096 + 16*len(rows))
	w := f.writer(&out)
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// rows reads a file row by row, with bounded memory.
func (f *format[T, R]) rows(r io.ReaderAt, size int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		file, err := f.open(r, size)
		if err != nil {
			yield(zero, err)
			return
		}
		g := parquet.NewGenericReader[R](file)
		defer func() { _ = g.Close() }() // read only
		buf := make([]R, 512)
		for {
			n, err := read(g, buf)
			for _, row := range buf[:n] {
				if !yield(f.from(row), nil) {
					return
				}
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(zero, fmt.Errorf("read %s: %w", f.name, err))
				return
			case n == 0:
				yield(zero, fmt.Errorf("read %s: %w", f.name, io.ErrNoProgress))
				return
			}
		}
	}
}

// read turns the panics that damaged bytes can cause in the library into
// errors.
func read[R any](g *parquet.GenericReader[R], buf []R) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged file: %v", p)
		}
	}()
	return g.Read(buf)
}

// openAny opens a file whatever its columns.
func (f *format[T, R]) openAny(r io.ReaderAt, size int64) (file *parquet.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read %s: damaged file: %v", f.name, p)
		}
	}()
	file, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.name, err)
	}
	return file, nil
}

func (f *format[T, R]) open(r io.ReaderAt, size int64) (*parquet.File, error) {
	file, err := f.openAny(r, size)
	if err != nil {
		return nil, err
	}
	var row R
	want := parquet.SchemaOf(row)
	for _, c := range want.Columns() {
		w, _ := want.Lookup(c...)
		leaf, ok := file.Schema().Lookup(c...)
		if !ok {
			return nil, fmt.Errorf("read %s: there is no column %q", f.name, c[0])
		}
		if a, b := leaf.Node.Type().Kind(), w.Node.Type().Kind(); a != b {
			return nil, fmt.Errorf("read %s: column %q holds %v, want %v", f.name, c[0], a, b)
		}
	}
	return file, nil
}

// all reads a whole file.
func (f *format[T, R]) all(b []byte) ([]T, error) {
	var out []T
	for v, err := range f.rows(bytes.NewReader(b), int64(len(b))) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return slices.Clip(out), nil
}
