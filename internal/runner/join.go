package runner

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// join puts the vectors of several languages into one matrix, one language
// after the other. The inputs are mapped and written through a buffer: memory
// does not grow with them.
func join(ctx context.Context, j *job) (*result, error) {
	var (
		parts  []sdk.Matrix
		sparse bool
		total  int
	)
	for _, in := range j.step.Inputs {
		rec := j.r.record(in.Step)
		o, ok := j.r.input(in)
		if rec == nil || !ok {
			return nil, gone(in)
		}
		m := sdk.Matrix{Path: j.r.store.Path(o.Digest), Rows: rec.Meta.Rows, Dim: rec.Meta.Dim}
		if o.Dir {
			var err error
			if m.Path, err = j.r.store.Dir(o.Digest); err != nil {
				return nil, err
			}
		}
		if len(parts) == 0 {
			sparse = o.Dir
		} else if m.Dim != parts[0].Dim || o.Dir != sparse {
			return nil, blame(pluginhost.FaultPlugin, "%s has vectors of %d columns, %s of %d: they cannot be searched together", j.step.Inputs[0].Step.Label, parts[0].Dim, in.Step.Label, m.Dim)
		}
		parts = append(parts, m)
		total += m.Rows
	}
	if len(parts) == 0 {
		return nil, errors.New("the plan gives nothing to join")
	}
	res := &result{outputs: map[string]output{}, meta: meta{Rows: total, Dim: parts[0].Dim}}
	var err error
	if sparse {
		res.outputs[partVectors], err = joinSparse(ctx, j, parts, total)
	} else {
		res.outputs[partVectors], err = joinDense(ctx, j, parts, total)
	}
	return res, err
}

func joinDense(ctx context.Context, j *job, parts []sdk.Matrix, total int) (output, error) {
	path := j.r.store.TempPath()
	defer func() { _ = os.Remove(path) }() // moved into the store, or unwanted
	w, err := vec.CreateNPY(path, parts[0].Dim)
	if err != nil {
		return output{}, err
	}
	for _, p := range parts {
		if err = appendFile(ctx, j, w, p, total); err != nil {
			_ = w.Close() // nobody wants it
			return output{}, err
		}
	}
	if err := w.Close(); err != nil {
		return output{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return output{}, err
	}
	d, err := j.r.store.PutFile(path)
	return output{Digest: d, Size: info.Size()}, err
}

// appendFile appends the rows of a matrix, a few at a time.
func appendFile(ctx context.Context, j *job, w *vec.NPYWriter, p sdk.Matrix, total int) error {
	f, err := vec.OpenVectors(p.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	if f.Rows != p.Rows || f.Dim != p.Dim || f.Element != vec.Float32 {
		return fmt.Errorf("%s: want %d×%d float32, got %d×%d %s", p.Path, p.Rows, p.Dim, f.Rows, f.Dim, f.Element)
	}
	step := max(1, 1<<20/f.RowBytes())
	for at := 0; at < f.Rows; at += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.AppendVectors(f.Slice(at, min(at+step, f.Rows))); err != nil {
			return err
		}
		j.report(int64(w.Rows()), int64(total))
	}
	return nil
}

// joinSparse joins matrices in scipy's CSR: columns and values follow one
// another, and the beginnings of rows move by what came before.
func joinSparse(ctx context.Context, j *job, parts []sdk.Matrix, total int) (output, error) {
	dir, cleanup, err := j.scratch()
	if err != nil {
		return output{}, err
	}
	defer cleanup()
	stored := make([]int64, len(parts)) // values of each part
	all := int64(0)
	for i, p := range parts {
		n, err := readVector(filepath.Join(p.Path, "data.npy"), 4, nil)
		if err != nil {
			return output{}, err
		}
		stored[i] = n
		all += n
	}
	rows := int64(0)
	err = writeVector(filepath.Join(dir, "indptr.npy"), "<i8", int64(total)+1, func(w io.Writer) error {
		before := int64(0)
		var b [8]byte
		for i, p := range parts {
			first := i > 0 // the end of the part before is the beginning of this one
			n, err := readVector(filepath.Join(p.Path, "indptr.npy"), 8, func(r io.Reader, n int64) error {
				for range n {
					if _, err := io.ReadFull(r, b[:]); err != nil {
						return err
					}
					if first {
						first = false
						continue
					}
					binary.LittleEndian.PutUint64(b[:], binary.LittleEndian.Uint64(b[:])+uint64(before))
					if _, err := w.Write(b[:]); err != nil {
						return err
					}
				}
				return ctx.Err()
			})
			if err != nil {
				return err
			}
			if n != int64(p.Rows)+1 {
				return fmt.Errorf("%s: want %d rows, got %d", p.Path, p.Rows, n-1)
			}
			before += stored[i]
			rows += int64(p.Rows)
			j.report(rows, int64(total))
		}
		return nil
	})
	if err != nil {
		return output{}, err
	}
	for _, f := range []struct{ name, descr string }{{"indices.npy", "<u4"}, {"data.npy", "<f4"}} {
		err := writeVector(filepath.Join(dir, f.name), f.descr, all, func(w io.Writer) error {
			for _, p := range parts {
				_, err := readVector(filepath.Join(p.Path, f.name), 4, func(r io.Reader, n int64) error {
					if _, err := io.CopyN(w, r, 4*n); err != nil {
						return err
					}
					return ctx.Err()
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return output{}, err
		}
	}
	b, err := npy("<i8", 2, []int64{int64(total), int64(parts[0].Dim)})
	if err != nil {
		return output{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, "shape.npy"), b, 0o644); err != nil {
		return output{}, err
	}
	return j.putDir(dir)
}

// readVector calls f with the values of a file that npy made, of size bytes
// each, and returns their number.
func readVector(path string, size int64, f func(r io.Reader, n int64) error) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // read only
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	n := (info.Size() - npyHead) / size
	if n < 0 || npyHead+n*size != info.Size() {
		return 0, fmt.Errorf("%s: %d bytes are no values of %d bytes each", path, info.Size(), size)
	}
	if f == nil {
		return n, nil
	}
	if _, err := file.Seek(npyHead, io.SeekStart); err != nil {
		return 0, err
	}
	if err := f(bufio.NewReaderSize(file, 1<<18), n); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// writeVector writes n values as a .npy file, which f writes in little-endian
// order.
func writeVector(path, descr string, n int64, f func(w io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<18)
	_, err = w.Write(npyHeader(descr, n))
	if err == nil {
		err = f(w)
	}
	if err == nil {
		err = w.Flush()
	}
	return errors.Join(err, file.Close())
}
