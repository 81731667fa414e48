package runner

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/sdk/ir"
)

// ExistingRun is a run that was made elsewhere, as its file has it.
type ExistingRun struct {
	Run    ir.Run
	Digest cas.Digest // of the file as it lies
	Notes  []Note     // what is odd about it: What, Count and Text are set
}

// ReadRun reads a file with a run. Mistakes in it are an error that names file
// and lines.
func ReadRun(path string) (*ExistingRun, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	h := sha256.New()
	raw := bufio.NewReaderSize(io.TeeReader(f, h), 1<<20)
	var r io.Reader = raw
	if head, _ := raw.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		r = z
	}
	run, err := ir.ReadRun(r, path)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return &ExistingRun{Run: run, Digest: cas.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))}, nil
}
