package trec

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/sdk/ir"
)

// readable says why a file cannot be read, if it cannot.
func readable(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			return fmt.Errorf("%s: %w", p.Path, p.Err)
		}
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("%s is a directory; name the file in it", path)
	}
	return nil
}

type gzipFile struct {
	io.Reader
	f *os.File
}

func (g gzipFile) Close() error { return g.f.Close() }

// openFile opens a file, decompressed.
func openFile(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReader(f)
	if head, _ := b.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return gzipFile{b, f}, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return gzipFile{z, f}, nil
}

type oddity struct {
	what  string
	count int
}

func loadQrels(path string) (ir.Qrels, []oddity, error) {
	r, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = r.Close() }() // only read
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	lines := strings.Split(string(b), "\n")
	if f := strings.Split(strings.TrimSpace(lines[0]), "\t"); len(f) == 3 {
		q := ir.Qrels{}
		for n, l := range lines[1:] {
			if strings.TrimSpace(l) == "" {
				continue
			}
			f := strings.Split(strings.TrimRight(l, "\r"), "\t")
			if len(f) != 3 {
				return nil, nil, fmt.Errorf("%s:%d: want 3 columns, got %d", path, n+2, len(f))
			}
			g, err := strconv.Atoi(f[2])
			if err != nil {
				return nil, nil, fmt.Errorf("%s:%d: the grade must be a whole number, got %q", path, n+2, f[2])
			}
			if q[ir.QueryID(f[0])] == nil {
				q[ir.QueryID(f[0])] = ir.Judgments{}
			}
			q[ir.QueryID(f[0])][ir.DocID(f[1])] = g
		}
		return q, nil, nil
	}
	q, err := ir.ReadQrels(bytes.NewReader(b), path)
	return q, nil, err
}
