package simd

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// An IntTile is one call of the scorer of int8 or of bits. Documents lie in
// panels of 16 whose lines have four bytes of each: an int8 is stored with 128
// added, so that it is unsigned, a row that is no whole number of lines is
// filled up with zeros.
//
// The score is a sum of integers, exact in int32 however it is ordered, and
// then at most three roundings:
//
//	x = Σ q[i]·d[i]            of int8, d[i] stored as unsigned
//	x = how many bits agree    of bits, those that fill up the last line too
//	score = float32(x<<shift + offset − norm)
//	score = score·scale(d)·scale(q)
//
// A score that is at least the query's floor is collected.
type IntTile struct {
	Bits    bool
	Queries []uint32 // [Lines][Width][QueryWords(Width)], as PutQuery writes them
	Width   int      // queries: one of IntWidths, or 1, which is made for the speed of the memory
	Docs    []uint32 // panels of [Lines][16], as PackInts writes them
	Lines   int
	Panels  int // how many are scored
	Step    int // every Step-th of Docs, from the first
	Row     int // number of the first document; a panel counts 16

	Shift       int
	Offsets     []int32   // one for each query
	Norms       []int32   // of the documents, as Docs; nil means 0
	Scales      []float32 // of the documents, as Docs; nil means that nothing is scaled
	QueryScales []float32 // one for each query
	Floors      []float32 // one for each query
}

// Lines returns how many lines a row of so many bytes takes.
func Lines(bytes int) int { return (bytes + 3) / 4 }

// QueryWords returns how many words each line of a query takes in a tile of
// the given width: one, its four bytes, or two.
func QueryWords(width int) int {
	if width == maxWidth {
		return 1
	}
	return 2
}

// Score scores a tile. h must have been reset for 16·Panels documents.
func (t *IntTile) Score(h *Hits) {
	if t.Panels == 0 {
		return
	}
	if level == Go || t.Lines == 0 {
		t.reference(h)
		return
	}
	t.assembly(h)
}

func (t *IntTile) reference(h *Hits) {
	for n := range t.Panels {
		at := n * t.Step * PanelDocs
		for i := range t.Width {
			var sums [PanelDocs]int32
			for l := range t.Lines {
				even, odd := t.Queries[2*(l*t.Width+i)], t.Queries[2*(l*t.Width+i)+1]
				docs := t.Docs[at*t.Lines+l*PanelDocs:][:PanelDocs]
				if t.Bits {
					q := even | odd<<4
					for j, d := range docs {
						sums[j] += int32(bits.OnesCount32(q ^ d))
					}
					continue
				}
				q0, q1, q2, q3 := int32(int16(even)), int32(int16(odd)), int32(even)>>16, int32(odd)>>16
				for j, d := range docs {
					sums[j] += q0*int32(d&255) + q1*int32(d>>8&255) + q2*int32(d>>16&255) + q3*int32(d>>24)
				}
			}
			for j, x := range sums {
				x = x<<t.Shift + t.Offsets[i]
				if t.Norms != nil {
					x -= t.Norms[at+j]
				}
				score := float32(x)
				if t.Scales != nil {
					score = float32(score * t.Scales[at+j])
					score = float32(score * t.QueryScales[i])
				}
				if score >= t.Floors[i] {
					h.add(i, score, t.Row+at+j)
				}
			}
		}
	}
}

// PutQuery writes query i of a tile, whose bytes are row. The words of a line
// are its four bytes or, in two words, the even and the odd int8 as 16-bit
// integers, or the lower and the upper halves of the bytes of bits. Bits are
// negated, so that those are set after an exclusive or that agree.
func PutQuery(queries []uint32, width, i int, row []byte, signs bool) {
	words := QueryWords(width)
	for l := range Lines(len(row)) {
		q := word(row, l)
		if signs {
			q = ^q
		}
		to := queries[(l*width+i)*words:]
		switch {
		case words == 1:
			to[0] = q
		case signs:
			to[0], to[1] = q&0x0f0f0f0f, q>>4&0x0f0f0f0f
		default:
			to[0], to[1] = pair(q), pair(q>>8)
		}
	}
}

// pair returns the two even bytes as 16-bit integers.
func pair(q uint32) uint32 {
	return uint32(uint16(int8(q))) | uint32(int8(q>>16))<<16
}

// word returns line l of a row; what is missing is zeros.
func word(row []byte, l int) uint32 {
	if 4*l+4 <= len(row) {
		return binary.LittleEndian.Uint32(row[4*l:])
	}
	var b [4]byte
	copy(b[:], row[4*l:])
	return binary.LittleEndian.Uint32(b[:])
}

// PackInts writes up to 16 rows, at least one, as a panel; documents that are
// missing become zeros. Of int8 it returns the sums of squares.
func PackInts(panel []uint32, rows [][]byte, signs bool) (squares [PanelDocs]int32) {
	size := len(rows[0])
	lines, whole := Lines(size), 0
	if level >= AVX2 && size >= 4 {
		// The kernel moves words, whatever they are.
		whole = size / 4
		var words [PanelDocs][]float32
		for j, r := range rows {
			words[j] = unsafe.Slice((*float32)(unsafe.Pointer(&r[0])), whole)
		}
		Pack(unsafe.Slice((*float32)(unsafe.Pointer(&panel[0])), whole*PanelDocs), words[:len(rows)], whole)
	}
	for l := whole; l < lines; l++ {
		line := panel[l*PanelDocs:][:PanelDocs]
		clear(line)
		for j, r := range rows {
			line[j] = word(r, l)
		}
	}
	switch {
	case signs || size == 0:
	case level >= AVX2:
		offset16(&squares[0], &panel[0], lines)
	default:
		for i, w := range panel[:lines*PanelDocs] {
			for s := 0; s < 32; s += 8 {
				x := int32(int8(w >> s))
				squares[i%PanelDocs] += x * x
			}
			panel[i] = w ^ 0x80808080
		}
	}
	return squares
}
