//go:build !linux

package vec

// largePages has nothing to ask of this system.
func largePages([]byte) {}
