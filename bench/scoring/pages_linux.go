package main

import "golang.org/x/sys/unix"

// hugeBuffer returns n bytes of ones on huge pages where the kernel has them.
func hugeBuffer(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	// A kernel without huge pages says so; ordinary ones will do.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	fill(b)
	return b, nil
}
