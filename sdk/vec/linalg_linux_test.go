package vec

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// Reading one value past the end of an operand is a fault when the operand
// ends where its memory does.
func TestProductsStayInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 9))
	const pages = 4
	size := syscall.Getpagesize()
	mapped := func() []byte {
		b, err := syscall.Mmap(-1, 0, (pages+2)*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Munmap(b) })
		for _, fence := range [][]byte{b[:size], b[(pages+1)*size:]} {
			if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
				t.Fatal(err)
			}
		}
		return b[size : (pages+1)*size]
	}
	memory := [3][]byte{mapped(), mapped(), mapped()}
	// place returns a matrix at the start or at the end of the memory.
	place := func(which, rows, dim int, end bool) Matrix {
		b := memory[which]
		if end {
			b = b[len(b)-4*rows*dim:]
		}
		m := Matrix{Rows: rows, Dim: dim, Data: unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), rows*dim)}
		for i := range m.Data {
			m.Data[i] = rng.Float32()
		}
		return m
	}
	atEveryLevel(t, func(*testing.T) {
		for _, end := range []bool{false, true} {
			for n := 1; n <= 67; n++ {
				x, y, z := place(0, 1, n, end), place(1, 5, n, end), place(2, 1, n, end)
				Dot(x.Data, y.Row(4))
				Axpy(2, x.Data, z.Data)
				Axpy(2, y.Row(4), z.Data)
				SumRows(z.Data, y, []uint32{0, 4, 1, 2, 3, 4, 0})
				AxpyRows(y, []uint32{4, 0, 3}, []float32{1, 2, 3}, place(2, 3, n, end))
				DotRows(place(2, 1, 7, end).Data, x.Data, y, []int32{0, 4, 1, 2, 3, 4, 0})
				for m := 1; m <= 7; m++ {
					for _, k := range []int{1, 3, 8, 13} {
						MatMul(place(2, m, n, end), place(0, m, k, end), place(1, k, n, end), 1)
						TMatMul(place(2, m, n, end), place(0, k, m, end), place(1, k, n, end), 1)
						MatMulT(place(2, m, n, end), place(0, m, k, end), place(1, n, k, end), 1)
					}
				}
			}
		}
	})
}
