//go:build !linux

package main

// hugeBuffer returns n bytes of ones on ordinary pages.
func hugeBuffer(n int) ([]byte, error) {
	b := make([]byte, n)
	fill(b)
	return b, nil
}
