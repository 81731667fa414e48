package trec

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/xlrun/xlrun/sdk/ir/irfile"
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

// openFile opens a file of texts, without its compression.
func openFile(path string) (io.ReadCloser, error) {
	r, err := irfile.Decompress(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
