//go:build unix

package vec

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Mapping is a file that can be read as memory.
type Mapping struct {
	b      []byte
	mapped bool
}

// MapFile maps the file at path for reading. The file must not be truncated
// while it is mapped.
func MapFile(path string) (*Mapping, error) {
	// A look first: to open a pipe is to wait for who writes to it.
	if st, err := os.Stat(path); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only; the mapping outlives it
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	n := st.Size()
	if n > math.MaxInt {
		return nil, fmt.Errorf("%s: %d bytes do not fit in memory", path, n)
	}
	if n == 0 {
		return &Mapping{}, nil
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(n), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		// Some file systems cannot map.
		if b, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		return &Mapping{b: b}, nil
	}
	return &Mapping{b: b, mapped: true}, nil
}

// Bytes returns the content. Writing to it crashes the process.
func (m *Mapping) Bytes() []byte { return m.b }

// Close releases the memory; Bytes must not be used any more.
func (m *Mapping) Close() error {
	b := m.b
	m.b = nil
	if !m.mapped {
		return nil
	}
	m.mapped = false
	return unix.Munmap(b)
}
