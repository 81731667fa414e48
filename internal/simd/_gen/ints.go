package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build" //nolint:revive // avo's programs read so
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand" //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/reg"     //nolint:revive // avo's programs read so
)

const lineBytes = 64 // of a panel: four bytes of each of 16 documents

func ints() {
	table := compressTable()
	iota16 = GLOBL("iota16", NOPTR|RODATA)
	for i := range 16 {
		DATA(i*4, U32(uint32(i)))
	}
	low := lines("low", 0x00ff00ff00ff00ff)         // the even bytes
	nibbles := lines("nibbles", 0x0f0f0f0f0f0f0f0f) // the low half of each byte
	counts := lines("popcounts", 0x0302020102010100, 0x0403030203020201)
	ones8 := lines("ones8", 0x0101010101010101)
	ones16 := lines("ones16", 0x0001000100010001)
	signs := lines("signs", 0x8080808080808080)

	// The even and the odd bytes of documents become 16-bit integers, those of
	// queries are such already.
	pairs := func(name string, queries, panels int) intTile {
		k := intTile{name: name, queries: queries, panels: panels, lanes: 8, words: 2}
		if queries == 1 {
			k.step = func(doc func(j int) Mem, q func(i, word int) Mem, acc [][]VecVirtual) {
				even, odd, d, e := YMM(), YMM(), YMM(), YMM()
				VPBROADCASTD(q(0, 0), even)
				VPBROADCASTD(q(0, 1), odd)
				for j, a := range acc[0] {
					VMOVDQU(doc(j), d)
					VPAND(low, d, e)
					VPSRLW(Imm(8), d, d)
					VPMADDWD(even, e, e)
					VPMADDWD(odd, d, d)
					VPADDD(e, a, a)
					VPADDD(d, a, a)
				}
			}
			return k
		}
		k.step = func(doc func(j int) Mem, q func(i, word int) Mem, acc [][]VecVirtual) {
			d, t, u := vectors(2, 8), YMM(), YMM()
			for word := range 2 {
				for j := range d {
					VMOVDQU(doc(j), d[j])
					if word == 0 {
						VPAND(low, d[j], d[j])
					} else {
						VPSRLW(Imm(8), d[j], d[j])
					}
				}
				for i := range acc {
					VPBROADCASTD(q(i, word), t)
					VPMADDWD(t, d[0], u)
					VPADDD(u, acc[i][0], acc[i][0])
					VPMADDWD(t, d[1], t)
					VPADDD(t, acc[i][1], acc[i][1])
				}
			}
		}
		return k
	}
	pairs("dot6x16", 6, 1).write("int8 inner products", table)
	pairs("dot1x64", 1, 4).write("int8 inner products", table)

	quads := intTile{name: "dot14x32", queries: 14, panels: 2, lanes: 16, words: 1}
	quads.step = func(doc func(j int) Mem, q func(i, word int) Mem, acc [][]VecVirtual) {
		d, t := vectors(len(acc[0]), 16), ZMM()
		for j := range d {
			VMOVDQU32(doc(j), d[j])
		}
		for i := range acc {
			VPBROADCASTD(q(i, 0), t)
			for j := range d {
				vpdpbusd(t, d[j], acc[i][j])
			}
		}
	}
	quads.write("int8 inner products", table)

	// The bits of each half of a byte that agree are looked up, and the bytes
	// summed up to 31 times before they would overflow.
	halves := func(name string, queries, panels int) intTile {
		k := intTile{name: name, queries: queries, panels: panels, lanes: 8, words: 2, chunk: 31}
		var popcounts VecVirtual
		k.before = func() {
			popcounts = YMM()
			VMOVDQU(counts, popcounts)
		}
		k.step = func(doc func(j int) Mem, q func(i, word int) Mem, acc [][]VecVirtual) {
			lo, hi, t := YMM(), YMM(), YMM()
			for j := range acc[0] {
				VMOVDQU(doc(j), lo)
				VPSRLW(Imm(4), lo, hi)
				VPAND(nibbles, lo, lo)
				VPAND(nibbles, hi, hi)
				for i := range acc {
					for word, half := range []VecVirtual{lo, hi} {
						VPBROADCASTD(q(i, word), t)
						VPXOR(t, half, t)
						VPSHUFB(t, popcounts, t)
						VPADDB(t, acc[i][j], acc[i][j])
					}
				}
			}
		}
		k.after = func(x VecVirtual) {
			VPMADDUBSW(ones8, x, x)
			VPMADDWD(ones16, x, x)
		}
		return k
	}
	halves("agree6x16", 6, 1).write("agreeing bits", table)
	halves("agree1x64", 1, 4).write("agreeing bits", table)

	popcnt := intTile{name: "agree14x32", queries: 14, panels: 2, lanes: 16, words: 1}
	popcnt.step = func(doc func(j int) Mem, q func(i, word int) Mem, acc [][]VecVirtual) {
		d, t, u := vectors(len(acc[0]), 16), ZMM(), ZMM()
		for j := range d {
			VMOVDQU32(doc(j), d[j])
		}
		for i := range acc {
			VPBROADCASTD(q(i, 0), t)
			for j := range d {
				VPXORD(t, d[j], u)
				VPOPCNTD(u, u)
				VPADDD(u, acc[i][j], acc[i][j])
			}
		}
	}
	popcnt.write("agreeing bits", table)

	offset(signs)
}

// lines returns 32 bytes that repeat the given words.
func lines(name string, words ...uint64) Mem {
	m := GLOBL(name, NOPTR|RODATA)
	for i := range 4 {
		DATA(i*8, U64(words[i%len(words)]))
	}
	return m
}

// vpdpbusd adds to each doubleword of acc the inner product of four unsigned
// and four signed bytes. avo has no such instruction.
func vpdpbusd(signed, unsigned, acc VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode:   "VPDPBUSD",
		Operands: []Op{signed, unsigned, acc},
		Inputs:   []Op{signed, unsigned, acc},
		Outputs:  []Op{acc},
		ISA:      []string{"AVX512VNNI"},
	})
}

// intTile is a kernel for some queries and, in each round, some panels.
type intTile struct {
	name            string
	queries, panels int
	lanes           int
	words           int // of a query in a line
	chunk           int // lines whose sums are made int32 by after; 0 means all, and they are
	before          func()
	step            func(doc func(j int) Mem, query func(i, word int) Mem, acc [][]VecVirtual)
	after           func(VecVirtual)
}

// write writes the kernel. It has the frame of tile in scores.go; what is left
// of the panels after the rounds takes rounds of one panel.
func (k intTile) write(what string, table Mem) {
	TEXT(k.name, 0, "func(q, docs *uint32, lines, panels, step, row, shift int, offsets, norms *int32, scales, qscales, floors *float32, out *uint32, stride int, counts *int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s scores %d queries against panels of documents by %s and collects the scores of at least the floor.", k.name, k.queries, what))
	perPanel := 16 / k.lanes

	b := param("docs")
	panels := param("panels")
	row := param("row")
	ahead := GP64() // bytes from one panel to the next
	size := param("lines")
	SHLQ(Imm(6), size)
	Load(Param("step"), ahead)
	IMULQ(size, ahead)
	var ahead3 GPVirtual
	if k.panels > 2 {
		ahead3 = GP64()
		LEAQ(Mem{Base: ahead, Index: ahead, Scale: 2}, ahead3)
	}
	var sums Mem
	if k.chunk > 0 {
		sums = AllocLocal(64 * k.queries * k.panels)
	}
	ids := AllocLocal(8)
	if k.before != nil {
		k.before()
	}

	for _, n := range []int{k.panels, 1} {
		suffix := fmt.Sprint(n)
		Label("panel" + suffix)
		CMPQ(panels, Imm(uint64(n)))
		JLT(LabelRef("done" + suffix))
		acc := make([][]VecVirtual, k.queries)
		for i := range acc {
			acc[i] = vectors(n*perPanel, k.lanes)
		}
		q, left, c, p := param("q"), param("lines"), GP64(), GP64()
		MOVQ(b, p)
		later := GP64() // whether there is a sum of earlier chunks
		if k.chunk > 0 {
			XORQ(later, later)
			Label("chunk" + suffix)
		}
		for i := range acc {
			for j := range acc[i] {
				zero(acc[i][j])
			}
		}
		MOVQ(left, c)
		if k.chunk > 0 {
			SUBQ(U32(uint32(k.chunk)), left)
			JLE(LabelRef("last" + suffix))
			MOVQ(U32(uint32(k.chunk)), c)
			Label("last" + suffix)
		}
		at := func(p Register, panel, disp int) Mem {
			m := Mem{Base: p, Disp: disp}
			switch panel {
			case 1:
				m.Index, m.Scale = ahead, 1
			case 2:
				m.Index, m.Scale = ahead, 2
			case 3:
				m.Index, m.Scale = ahead3, 1
			}
			return m
		}
		// The panels are short: a stream ends before the processor has seen that
		// it is one, so the next round is asked for line by line. Six queries keep
		// the kernel too busy to wait for memory.
		var soon GPVirtual
		if n > 1 {
			soon = GP64()
			LEAQ(Mem{Base: p, Index: ahead, Scale: uint8(n)}, soon)
		}
		line := func(u int) {
			for panel := 0; n > 1 && panel < n; panel++ {
				PREFETCHT1(at(soon, panel, u*lineBytes))
			}
			k.step(func(j int) Mem {
				return at(p, j/perPanel, u*lineBytes+j%perPanel*k.lanes*4)
			}, func(i, word int) Mem {
				return Mem{Base: q, Disp: 4 * ((u*k.queries+i)*k.words + word)}
			}, acc)
		}
		advance := func(lines int) {
			ADDQ(U32(uint32(lines*lineBytes)), p)
			if n > 1 {
				ADDQ(U32(uint32(lines*lineBytes)), soon)
			}
			ADDQ(U32(uint32(lines*k.queries*k.words*4)), q)
		}
		const unroll = 2
		SUBQ(Imm(unroll), c)
		JLT(LabelRef("rest" + suffix))
		Label("loop" + suffix)
		for u := range unroll {
			line(u)
		}
		advance(unroll)
		SUBQ(Imm(unroll), c)
		JGE(LabelRef("loop" + suffix))
		Label("rest" + suffix)
		ADDQ(Imm(unroll), c)
		JZ(LabelRef("summed" + suffix))
		line(0)
		advance(1)
		Label("summed" + suffix)
		if k.chunk > 0 {
			sum := func(i, j int) Mem { return sums.Offset((i*len(acc[0]) + j) * k.lanes * 4) }
			for i := range acc {
				for j := range acc[i] {
					k.after(acc[i][j])
				}
			}
			TESTQ(later, later)
			JZ(LabelRef("first" + suffix))
			for i := range acc {
				for j := range acc[i] {
					VPADDD(sum(i, j), acc[i][j], acc[i][j])
				}
			}
			Label("first" + suffix)
			TESTQ(left, left)
			JLE(LabelRef("scored" + suffix))
			for i := range acc {
				for j := range acc[i] {
					VMOVDQU(acc[i][j], sum(i, j))
				}
			}
			MOVQ(U32(1), later)
			JMP(LabelRef("chunk" + suffix))
			Label("scored" + suffix)
		}

		k.score(suffix, n, acc)

		t, spare, y := vector(k.lanes), vector(k.lanes), vector(k.lanes)
		floors := past(acc, t, spare, y)
		JZ(LabelRef("next" + suffix))
		out, width, counts := param("out"), param("stride"), param("counts")
		SHLQ(Imm(2), width)
		for i := range acc {
			VBROADCASTSS(Mem{Base: floors, Disp: i * 4}, t)
			r := GP64()
			for j := range acc[i] {
				switch {
				case j == 0:
					MOVL(row.As32(), r.As32())
				case j%perPanel == 0:
					add := param("step")
					SHLQ(Imm(4), add)
					LEAQ(Mem{Base: r, Index: add, Scale: 1, Disp: -(perPanel - 1) * k.lanes}, r)
				default:
					ADDQ(Imm(uint64(k.lanes)), r)
				}
				MOVL(r.As32(), ids)
				collect(fmt.Sprintf("%s_%d_%d", suffix, i, j), acc[i][j], t, spare, y, ids, out, width, Mem{Base: counts, Disp: i * 8}, table)
			}
			LEAQ(Mem{Base: out, Index: width, Scale: 2}, out)
		}
		Label("next" + suffix)
		rows := param("step")
		SHLQ(Imm(4), rows)
		for range n {
			ADDQ(ahead, b)
			ADDQ(rows, row)
		}
		SUBQ(Imm(uint64(n)), panels)
		JMP(LabelRef("panel" + suffix))
		Label("done" + suffix)
		if k.panels == 1 {
			break
		}
	}
	VZEROUPPER()
	RET()
}

// score makes sums into scores: (x << shift) + offset − norm as float32, and
// with scales times that of the document, then times that of the query.
func (k intTile) score(suffix string, n int, acc [][]VecVirtual) {
	perPanel := 16 / k.lanes
	shift, shiftBy := param("shift"), XMM()
	VMOVQ(shift, shiftBy)
	offsets := param("offsets")
	t := vector(k.lanes)
	for i := range acc {
		VPBROADCASTD(Mem{Base: offsets, Disp: i * 4}, t)
		for _, x := range acc[i] {
			VPSLLD(shiftBy, x, x)
			VPADDD(t, x, x)
		}
	}
	// each calls f with every vector and where its part of an array of
	// documents lies, and moves on in the array.
	each := func(array string, f func(i int, m Mem, x VecVirtual)) {
		at, ahead := param(array), param("step")
		TESTQ(at, at)
		JZ(LabelRef("no_" + array + suffix))
		SHLQ(Imm(6), ahead)
		for panel := range n {
			for half := range perPanel {
				for i := range acc {
					f(i, Mem{Base: at, Disp: half * k.lanes * 4}, acc[i][panel*perPanel+half])
				}
			}
			ADDQ(ahead, at)
		}
		Store(at, Param(array))
		Label("no_" + array + suffix)
	}
	each("norms", func(_ int, m Mem, x VecVirtual) { VPSUBD(m, x, x) })
	for i := range acc {
		for _, x := range acc[i] {
			VCVTDQ2PS(x, x)
		}
	}
	qscales := param("qscales")
	each("scales", func(i int, m Mem, x VecVirtual) {
		VBROADCASTSS(Mem{Base: qscales, Disp: i * 4}, t)
		VMULPS(m, x, x)
		VMULPS(t, x, x)
	})
}

// offset writes the kernel that makes int8 unsigned.
func offset(signs Mem) {
	TEXT("offset16", NOSPLIT, "func(squares *int32, panel *uint32, lines int)")
	Pragma("noescape")
	Doc("offset16 adds 128 to the int8 of a panel and writes the sums of squares of its 16 documents.")
	squares, p, n := param("squares"), param("panel"), param("lines")
	acc := vectors(2, 8)
	d, even, odd, flip := YMM(), YMM(), YMM(), YMM()
	for _, a := range acc {
		zero(a)
	}
	VMOVDQU(signs, flip)
	Label("loop")
	DECQ(n)
	JLT(LabelRef("done"))
	for j, a := range acc {
		m := Mem{Base: p, Disp: j * 32}
		VMOVDQU(m, d)
		VPSRAW(Imm(8), d, odd)
		VPSLLW(Imm(8), d, even)
		VPSRAW(Imm(8), even, even)
		VPXOR(flip, d, d)
		VMOVDQU(d, m)
		VPMADDWD(odd, odd, odd)
		VPADDD(odd, a, a)
		VPMADDWD(even, even, even)
		VPADDD(even, a, a)
	}
	ADDQ(Imm(lineBytes), p)
	JMP(LabelRef("loop"))
	Label("done")
	for j, a := range acc {
		VMOVDQU(a, Mem{Base: squares, Disp: j * 32})
	}
	VZEROUPPER()
	RET()
}
