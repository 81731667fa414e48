package simd

import (
	"math/rand/v2"
	"testing"
)

// Operands that end or begin where memory does, as those of a mapped file may.
func TestIntsStayInside(t *testing.T) {
	for _, end := range []bool{false, true} {
		const fences = 4
		var memory [fences][]byte
		for i := range memory {
			memory[i] = fenced(t, 200)
		}
		next := 0
		alloc := func(n int) []uint32 {
			next = (next + 1) % fences
			x := place[uint32](memory[next], n, end)
			clear(x)
			return x
		}
		var h Hits
		eachIntProblem(t, rand.New(rand.NewPCG(21, 2)), alloc, func(p *intProblem) error {
			docs := p.tile.Panels * PanelDocs
			h.list = alloc(2 * maxWidth * (docs + PanelDocs))
			return p.check(&h)
		})
		// Rows on their way into a panel.
		atEveryLevel(t, func(t *testing.T) {
			for size := range 300 {
				for count := 1; count <= PanelDocs; count += 5 {
					all := memory[0]
					if end {
						all = all[len(all)-count*size:]
					}
					rows := make([][]byte, count)
					for i := range rows {
						rows[i] = all[i*size : (i+1)*size]
					}
					PackInts(place[uint32](memory[1], PanelDocs*Lines(size), end), rows, false)
				}
			}
		})
	}
}
