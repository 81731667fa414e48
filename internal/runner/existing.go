package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

// ExistingRun is a run that was made elsewhere, as its file has it.
type ExistingRun struct {
	Run    ir.Run
	Digest cas.Digest   // of the file as it lies
	Found  []ir.Finding // what is odd about it
}

// ReadRun reads a file with a run, in any format that package irfile knows.
// Mistakes in it are an error that names file and lines.
func ReadRun(path string) (*ExistingRun, error) {
	before, err := hashFile(path)
	if err != nil {
		return nil, err
	}
	run, found, err := irfile.LoadRun(path)
	if err != nil {
		return nil, err
	}
	after, err := hashFile(path)
	if err != nil {
		return nil, err
	}
	if before != after {
		return nil, fmt.Errorf("%s was written to while it was read; run again", path)
	}
	return &ExistingRun{Run: run, Digest: before, Found: found}, nil
}

func hashFile(path string) (cas.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	return cas.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), f.Close()
}
