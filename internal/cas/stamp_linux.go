package cas

import (
	"io/fs"
	"syscall"
)

func (s *Stamp) system(st fs.FileInfo) {
	if x, ok := st.Sys().(*syscall.Stat_t); ok {
		s.Changed = x.Ctim.Nano()
		s.Device, s.Inode = x.Dev, x.Ino
	}
}
