package simd

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns memory between two pages that nothing may touch.
func fenced(t *testing.T, pages int) []byte {
	t.Helper()
	size := syscall.Getpagesize()
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

// place returns n values at the start or at the end of memory.
func place[T uint16 | uint32 | float32 | float64](b []byte, n int, end bool) []T {
	size := n * int(unsafe.Sizeof(*new(T)))
	if end {
		b = b[len(b)-size:]
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b[:size]))), n)
}

// Reading or writing one value beyond an operand is a fault when the operand
// ends where its memory does. Documents are read from mapped files.
func TestScoresStayInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	fill := func(x []float32) []float32 {
		for i := range x {
			x[i] = rng.Float32()
		}
		return x
	}
	docs, queries, norms := fenced(t, 80), fenced(t, 8), fenced(t, 2)
	qnorms, limits, list := fenced(t, 1), fenced(t, 1), fenced(t, 12)
	forms := cases()
	for _, end := range []bool{false, true} {
		for _, dims := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 127, 128, 129, 131, 256, 257} {
			for panels := 1; panels <= 9; panels++ {
				for step := 1; step <= 2; step++ {
					last := ((panels-1)*step + 1) * PanelDocs // documents to the end of the last panel
					for _, c := range forms {
						if c.level == Go || c.one && step > 1 {
							continue
						}
						before := Use(c.level)
						stride := panels*PanelDocs + PanelDocs
						h := Hits{list: place[uint32](list, 2*maxWidth*stride, end)}
						h.Reset(panels * PanelDocs)
						tile := Tile{
							Queries: fill(place[float32](queries, c.width*dims, end)), Width: c.width,
							Docs: fill(place[float32](docs, last*dims, end)), Dims: dims, Panels: panels, Step: step,
							Floors: place[float32](limits, c.width, end),
							Norms:  fill(place[float32](norms, last, end)), QueryNorms: fill(place[float32](qnorms, c.width, end)),
						}
						copy(tile.Floors, floors(c.width))
						if !c.one {
							tile.Score(&h)
						} else {
							tile.One(&h)
							h.Reset(panels * PanelDocs)
							tile.Halves = place[uint16](docs, last*dims, end)
							tile.One(&h)
							h.Reset(panels * PanelDocs)
							tile.BFloat = true
							tile.One(&h)
						}
						Use(before)
					}
				}
			}
		}
	}
	atEveryLevel(t, func(t *testing.T) {
		for _, end := range []bool{false, true} {
			for dims := range 150 {
				for _, count := range []int{1, 2, 7, 8, 9, 15, 16} {
					all := fill(place[float32](docs, count*dims, end))
					rows := make([][]float32, count)
					for i := range rows {
						rows[i] = all[i*dims : (i+1)*dims]
					}
					panel := place[float32](queries, min(PanelDocs*dims, 8*4096/4), end)
					if len(panel) < PanelDocs*dims {
						continue
					}
					Pack(panel, rows, dims)
					sums := (*[PanelDocs]float64)(place[float64](norms, PanelDocs, end))
					Squares(sums, panel, dims)
					Divide(panel, sums, dims)
				}
				Widen(place[float32](docs, dims, end), place[uint16](queries, dims, end), false)
				Widen(place[float32](docs, dims, end), place[uint16](queries, dims, end), true)
			}
		}
	})
}
