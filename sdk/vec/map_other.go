//go:build !unix

package vec

import "os"

// Mapping is a file that can be read as memory.
type Mapping struct{ b []byte }

// MapFile reads the file at path.
func MapFile(path string) (*Mapping, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &Mapping{b: b}, nil
}

// Bytes returns the content.
func (m *Mapping) Bytes() []byte { return m.b }

// Close releases the memory; Bytes must not be used any more.
func (m *Mapping) Close() error {
	m.b = nil
	return nil
}
