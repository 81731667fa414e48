package vec

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePages asks for b, which nobody has touched yet, in large pages. Where
// the system has none to give, nothing changes.
func largePages(b []byte) {
	const page = 4 << 10
	skip := int(-uintptr(unsafe.Pointer(&b[0])) % page)
	b = b[skip:]
	_ = unix.Madvise(b[:len(b)&^(page-1)], unix.MADV_HUGEPAGE)
}
