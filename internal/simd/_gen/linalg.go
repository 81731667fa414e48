package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"   //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/operand" //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/reg"     //nolint:revive // avo's programs read so
)

// linalg writes the products of trainers: multiply, round, add. Tiles of 8×16
// with vectors of 16 lanes were slower where they were tried (Zen 4).
func linalg() {
	tails := tailMasks()
	dot(tails)
	dotRows(tails)
	axpy()
	axpyRows()
	sumRows(tails)
	pack()
	for rows := 1; rows <= 6; rows++ {
		gemm(rows)
	}
}

// tailMasks has eight words of ones, then eight of zeros: the mask of the
// first n lanes starts at word 8-n.
func tailMasks() Mem {
	t := GLOBL("tails", NOPTR|RODATA)
	for i := range 16 {
		v := uint32(0)
		if i < 8 {
			v = 0xffffffff
		}
		DATA(i*4, U32(v))
	}
	return t
}

// tailMask returns the mask of the first n lanes of eight.
func tailMask(tails Mem, n GPVirtual) VecVirtual {
	at := GP64()
	LEAQ(tails.Offset(32), at)
	m, back := YMM(), GP64()
	MOVQ(n, back)
	NEGQ(back)
	VMOVUPS(Mem{Base: at, Index: back, Scale: 4}, m)
	return m
}

// addLanes leaves ((0+4)+(2+6)) + ((1+5)+(3+7)) in lane 0 of the result.
func addLanes(s VecVirtual) VecVirtual {
	lo, hi := s.AsX(), XMM()
	VEXTRACTF128(Imm(1), s, hi)
	VADDPS(hi, lo, lo)
	VMOVHLPS(lo, lo, hi)
	VADDPS(hi, lo, lo)
	VMOVSHDUP(lo, hi)
	VADDSS(hi, lo, lo)
	return s
}

// dot writes the inner product. A missing lane adds +0·+0, which changes no
// sum, because a sum that starts from +0 is never -0.
func dot(tails Mem) {
	TEXT("dotAVX2", NOSPLIT, "func(x, y *float32, n int) float32")
	Pragma("noescape")
	Doc("dotAVX2 is dotGo.")
	x, y, n := param("x"), param("y"), param("n")
	s, t := YMM(), YMM()
	zero(s)
	SUBQ(Imm(8), n)
	JL(LabelRef("tail"))
	Label("loop")
	VMOVUPS(Mem{Base: x}, t)
	VMULPS(Mem{Base: y}, t, t)
	VADDPS(t, s, s)
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), y)
	SUBQ(Imm(8), n)
	JGE(LabelRef("loop"))
	Label("tail")
	ADDQ(Imm(8), n)
	JZ(LabelRef("done"))
	m, u := tailMask(tails, n), YMM()
	VMASKMOVPS(Mem{Base: x}, m, t)
	VMASKMOVPS(Mem{Base: y}, m, u)
	VMULPS(u, t, t)
	VADDPS(t, s, s)
	Label("done")
	addLanes(s)
	VZEROUPPER() // leaves the lower lanes
	Store(s.AsX(), ReturnIndex(0))
	RET()
}

// dotRows writes the inner products of a vector and rows, four at a time so
// that additions wait for no other, and asks for the next four meanwhile: on a
// walk they are anywhere.
func dotRows(tails Mem) {
	TEXT("dotRowsAVX2", NOSPLIT, "func(dst, x, m *float32, dim int, rows *int32, n int)")
	Pragma("noescape")
	Doc("dotRowsAVX2 is dotRowsGo.")
	m, err := Param("m").Resolve()
	if err != nil {
		panic(err)
	}
	dst, x, dim, rows, n := param("dst"), param("x"), param("dim"), param("rows"), param("n")
	full, mask := GP64(), YMM()
	MOVQ(dim, full)
	ANDQ(I8(7), full)
	VMOVUPS(tailMask(tails, full), mask)
	MOVQ(dim, full)
	ANDQ(I8(-8), full)
	SHLQ(Imm(2), dim) // bytes from here on
	for _, group := range []int{4, 2, 1} {
		label := func(s string) string { return fmt.Sprintf("%s%d", s, group) }
		// address finds row i of a list.
		address := func(list GPVirtual, i int, p GPVirtual) {
			MOVLQSX(Mem{Base: list, Disp: i * 4}, p)
			IMULQ(dim, p)
			ADDQ(m.Addr, p)
		}
		Label(label("group"))
		CMPQ(n, Imm(uint64(group)))
		JL(LabelRef(label("less")))
		p, s, t := make([]GPVirtual, group), vectors(group, 8), vectors(group, 8)
		for i := range p {
			p[i] = GP64()
			address(rows, i, p[i])
			zero(s[i])
		}
		at, v := GP64(), YMM()
		step := func(lane int) {
			VMOVUPS(Mem{Base: x, Index: at, Scale: 4, Disp: 4 * lane}, v)
			for i := range p {
				VMULPS(Mem{Base: p[i], Index: at, Scale: 4, Disp: 4 * lane}, v, t[i])
				VADDPS(t[i], s[i], s[i])
			}
		}
		XORQ(at, at)
		if group == 4 {
			CMPQ(n, Imm(8))
			JL(LabelRef(label("loop")))
			next := make([]GPVirtual, group)
			for i := range next {
				next[i] = GP64()
				address(rows, group+i, next[i])
			}
			SUBQ(Imm(16), full)
			JMP(LabelRef("aheadtest"))
			Label("ahead")
			for _, q := range next {
				PREFETCHT0(Mem{Base: q, Index: at, Scale: 4})
			}
			step(0)
			step(8)
			ADDQ(Imm(16), at)
			Label("aheadtest")
			CMPQ(at, full)
			JLE(LabelRef("ahead"))
			ADDQ(Imm(16), full)
		}
		Label(label("loop"))
		CMPQ(at, full)
		JGE(LabelRef(label("tail")))
		step(0)
		ADDQ(Imm(8), at)
		JMP(LabelRef(label("loop")))
		Label(label("tail"))
		TESTQ(U32(7*4), dim)
		JZ(LabelRef(label("store")))
		VMASKMOVPS(Mem{Base: x, Index: at, Scale: 4}, mask, v)
		for i := range p {
			VMASKMOVPS(Mem{Base: p[i], Index: at, Scale: 4}, mask, t[i])
			VMULPS(t[i], v, t[i])
			VADDPS(t[i], s[i], s[i])
		}
		Label(label("store"))
		for i := range p {
			addLanes(s[i])
			VMOVSS(s[i].AsX(), Mem{Base: dst, Disp: i * 4})
		}
		ADDQ(Imm(uint64(4*group)), dst)
		ADDQ(Imm(uint64(4*group)), rows)
		SUBQ(Imm(uint64(group)), n)
		if group == 4 {
			JMP(LabelRef(label("group")))
		}
		Label(label("less"))
	}
	VZEROUPPER()
	RET()
}

// axpy writes the addition of a multiple. The last elements go one by one:
// masked stores are slow where AVX2 is all there is.
func axpy() {
	TEXT("axpyAVX2", NOSPLIT, "func(a float32, x, y *float32, n int)")
	Pragma("noescape")
	Doc("axpyAVX2 is axpyGo.")
	x, y, n := param("x"), param("y"), param("n")
	a := YMM()
	as, err := Param("a").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(as.Addr, a)
	step := func(label string, size int, body func()) {
		Label(label)
		SUBQ(Imm(uint64(size)), n)
		JL(LabelRef(label + "done"))
		body()
		ADDQ(U32(uint32(4*size)), x)
		ADDQ(U32(uint32(4*size)), y)
		JMP(LabelRef(label))
		Label(label + "done")
		ADDQ(Imm(uint64(size)), n)
	}
	add := func(vectors int) func() {
		return func() {
			for i := range vectors {
				t := YMM()
				VMULPS(Mem{Base: x, Disp: i * 32}, a, t)
				VADDPS(Mem{Base: y, Disp: i * 32}, t, t)
				VMOVUPS(t, Mem{Base: y, Disp: i * 32})
			}
		}
	}
	step("four", 32, add(4))
	step("one", 8, add(1))
	step("element", 1, func() {
		t := XMM()
		VMULSS(Mem{Base: x}, a.AsX(), t)
		VADDSS(Mem{Base: y}, t, t)
		VMOVSS(t, Mem{Base: y})
	})
	VZEROUPPER()
	RET()
}

// axpyRows writes the addition of multiples to rows, and asks for the rows that
// come eight later.
func axpyRows() {
	TEXT("axpyRowsAVX2", NOSPLIT, "func(m *float32, rows *uint32, a, x *float32, dim, n int)")
	Pragma("noescape")
	Doc("axpyRowsAVX2 is axpyRowsGo.")
	m, rows, as, x, dim, n := param("m"), param("rows"), param("a"), param("x"), param("dim"), param("n")
	stride := GP64()
	MOVQ(dim, stride)
	SHLQ(Imm(2), stride)
	row, ahead, at, left, a := GP64(), GP64(), GP64(), GP64(), YMM()
	address := func(i GPVirtual, p GPVirtual) {
		MOVL(Mem{Base: rows, Index: i, Scale: 4}, p.As32())
		IMULQ(stride, p)
		ADDQ(m, p)
	}
	Label("row")
	zeroAt, eight := GP64(), GP64()
	XORQ(zeroAt, zeroAt)
	address(zeroAt, row)
	MOVQ(I32(8), eight)
	CMPQ(n, Imm(8))
	CMOVQLE(zeroAt, eight)
	address(eight, ahead)
	VBROADCASTSS(Mem{Base: as}, a)
	XORQ(at, at)
	MOVQ(dim, left)
	SUBQ(Imm(16), left)
	JL(LabelRef("eight"))
	add := func(lane int) {
		t := YMM()
		VMULPS(Mem{Base: x, Index: at, Scale: 4, Disp: 4 * lane}, a, t)
		VADDPS(Mem{Base: row, Index: at, Scale: 4, Disp: 4 * lane}, t, t)
		VMOVUPS(t, Mem{Base: row, Index: at, Scale: 4, Disp: 4 * lane})
	}
	Label("sixteen")
	PREFETCHT0(Mem{Base: ahead, Index: at, Scale: 4})
	add(0)
	add(8)
	ADDQ(Imm(16), at)
	SUBQ(Imm(16), left)
	JGE(LabelRef("sixteen"))
	Label("eight")
	ADDQ(Imm(8), left)
	JL(LabelRef("rest"))
	add(0)
	ADDQ(Imm(8), at)
	SUBQ(Imm(8), left)
	Label("rest")
	ADDQ(Imm(8), left)
	JZ(LabelRef("next"))
	Label("element")
	t := XMM()
	VMULSS(Mem{Base: x, Index: at, Scale: 4}, a.AsX(), t)
	VADDSS(Mem{Base: row, Index: at, Scale: 4}, t, t)
	VMOVSS(t, Mem{Base: row, Index: at, Scale: 4})
	INCQ(at)
	DECQ(left)
	JNZ(LabelRef("element"))
	Label("next")
	ADDQ(stride, x)
	ADDQ(Imm(4), rows)
	ADDQ(Imm(4), as)
	DECQ(n)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// sumRows writes the sum of rows. Columns go in blocks whose sums stay in
// registers while all rows pass.
func sumRows(tails Mem) {
	TEXT("sumRowsAVX2", NOSPLIT, "func(dst *float32, dim int, m *float32, rows *uint32, n int)")
	Pragma("noescape")
	Doc("sumRowsAVX2 is sumRowsGo.")
	dst, dim, m, rows, n := param("dst"), param("dim"), param("m"), param("rows"), param("n")
	stride, left := GP64(), GP64()
	MOVQ(dim, left)
	MOVQ(dim, stride)
	SHLQ(Imm(2), stride)
	// pass calls add with the address of every row in turn, and asks for as many
	// lines of the row that comes eight later.
	pass := func(label string, lines int, add func(row GPVirtual)) {
		i, row, ahead := GP64(), GP64(), GP64()
		XORQ(i, i)
		Label(label + "row")
		CMPQ(i, n)
		JGE(LabelRef(label + "end"))
		LEAQ(Mem{Base: i, Disp: 8}, ahead)
		CMPQ(ahead, n)
		CMOVQGE(i, ahead)
		for _, p := range []GPVirtual{ahead, row} {
			at := p
			if p == row {
				at = i
			}
			MOVL(Mem{Base: rows, Index: at, Scale: 4}, p.As32())
			IMULQ(stride, p)
			ADDQ(m, p)
		}
		for l := range lines {
			PREFETCHT0(Mem{Base: ahead, Disp: l * 64})
		}
		add(row)
		INCQ(i)
		JMP(LabelRef(label + "row"))
		Label(label + "end")
	}
	for size := 16; size > 0; size /= 2 {
		columns := size * 8
		label := fmt.Sprintf("columns%d", columns)
		Label(label)
		SUBQ(U32(uint32(columns)), left)
		JL(LabelRef(label + "done"))
		s := vectors(size, 8)
		for i := range s {
			VMOVUPS(Mem{Base: dst, Disp: i * 32}, s[i])
		}
		pass(label, (size+1)/2, func(row GPVirtual) {
			for i := range s {
				VADDPS(Mem{Base: row, Disp: i * 32}, s[i], s[i])
			}
		})
		for i := range s {
			VMOVUPS(s[i], Mem{Base: dst, Disp: i * 32})
		}
		ADDQ(U32(uint32(4*columns)), dst)
		ADDQ(U32(uint32(4*columns)), m)
		JMP(LabelRef(label))
		Label(label + "done")
		ADDQ(U32(uint32(columns)), left)
	}
	TESTQ(left, left)
	JZ(LabelRef("done"))
	mask, s := tailMask(tails, left), YMM()
	VMASKMOVPS(Mem{Base: dst}, mask, s)
	pass("tail", 1, func(row GPVirtual) {
		t := YMM()
		VMASKMOVPS(Mem{Base: row}, mask, t)
		VADDPS(t, s, s)
	})
	VMASKMOVPS(s, mask, Mem{Base: dst})
	Label("done")
	VZEROUPPER()
	RET()
}

// pack writes the packer of whole panels, row by row of b, because rows are
// what lies together; two rows ahead it asks for what comes.
func pack() {
	TEXT("packAVX2", NOSPLIT, "func(dst, b *float32, bp, k, panels int)")
	Pragma("noescape")
	Doc("packAVX2 is GemmPack for whole panels and bj 1.")
	dst, b, bp, k, panels := param("dst"), param("b"), param("bp"), param("k"), param("panels")
	width, from, to, n := GP64(), GP64(), GP64(), GP64()
	lo, hi := YMM(), YMM()
	MOVQ(k, width)
	SHLQ(Imm(6), width)
	SHLQ(Imm(2), bp)
	Label("row")
	MOVQ(b, from)
	MOVQ(dst, to)
	MOVQ(panels, n)
	Label("panel")
	PREFETCHT0(Mem{Base: from, Index: bp, Scale: 2})
	VMOVUPS(Mem{Base: from}, lo)
	VMOVUPS(Mem{Base: from, Disp: 32}, hi)
	VMOVUPS(lo, Mem{Base: to})
	VMOVUPS(hi, Mem{Base: to, Disp: 32})
	ADDQ(Imm(64), from)
	ADDQ(width, to)
	DECQ(n)
	JNZ(LabelRef("panel"))
	ADDQ(bp, b)
	ADDQ(Imm(64), dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// gemm writes the tile of so many rows of a and the 16 columns of a panel, for
// one panel after the other.
//
//	for each panel: for p in 0..k:
//	  b0,b1 = b[p][0:8], b[p][8:16]
//	  for i in rows: t = broadcast a[i][p]; s[i] += (t*b0, t*b1)   # VMULPS, VADDPS
func gemm(rows int) {
	name := fmt.Sprintf("gemm%dAVX2", rows)
	TEXT(name, NOSPLIT, "func(c *float32, ldc int, a *float32, ai, ap int, b *float32, k, panels int, add bool)")
	Pragma("noescape")
	Doc(name + " is gemmGo for this many rows and whole panels.")
	c, ldc, a0, ai, ap, b := param("c"), param("ldc"), param("a"), param("ai"), param("ap"), param("b")
	panels := param("panels")
	k, err := Param("k").Resolve()
	if err != nil {
		panic(err)
	}
	adds, err := Param("add").Resolve()
	if err != nil {
		panic(err)
	}
	SHLQ(Imm(2), ldc)
	SHLQ(Imm(2), ai)
	SHLQ(Imm(2), ap)
	// Rows 0 to 5 of a lie at a + {0, 1, 2, 3, 4, 5}·ai.
	odd := map[int]GPVirtual{1: ai}
	for f := 3; f < rows; f += 2 {
		odd[f] = GP64()
		LEAQ(Mem{Base: odd[f-2], Index: ai, Scale: 2}, odd[f])
	}
	a, n := GP64(), GP64()
	element := func(i int) Mem {
		if i == 0 {
			return Mem{Base: a}
		}
		scale := uint8(1)
		for i%2 == 0 {
			i, scale = i/2, scale*2
		}
		return Mem{Base: a, Index: odd[i], Scale: scale}
	}
	s := make([][]VecVirtual, rows)
	for i := range s {
		s[i] = vectors(2, 8)
	}
	each := func(f func(at Mem, v VecVirtual), vectors int) {
		at := GP64()
		MOVQ(c, at)
		for i := range s {
			for j, v := range s[i][:vectors] {
				f(Mem{Base: at, Disp: j * 32}, v)
			}
			if i < rows-1 {
				ADDQ(ldc, at)
			}
		}
	}

	Label("panel")
	// The next tile of c may be far away; nothing waits for it to come.
	each(func(at Mem, _ VecVirtual) { PREFETCHT0(at.Offset(panelBytes)) }, 1)
	MOVQ(a0, a)
	MOVQ(k.Addr, n)
	CMPB(adds.Addr, Imm(0))
	JNE(LabelRef("old"))
	for i := range s {
		for _, v := range s[i] {
			zero(v)
		}
	}
	JMP(LabelRef("loop"))
	Label("old")
	each(func(at Mem, v VecVirtual) { VMOVUPS(at, v) }, 2)

	step := func(u int) {
		v := vectors(2, 8)
		for j := range v {
			VMOVUPS(Mem{Base: b, Disp: u*panelBytes + j*32}, v[j])
		}
		for i := range s {
			x, t := YMM(), YMM()
			VBROADCASTSS(element(i), x)
			VMULPS(v[0], x, t)
			VADDPS(t, s[i][0], s[i][0])
			VMULPS(v[1], x, x)
			VADDPS(x, s[i][1], s[i][1])
		}
		ADDQ(ap, a)
	}
	Label("loop")
	SUBQ(Imm(2), n)
	JL(LabelRef("last"))
	step(0)
	step(1)
	SUBQ(I8(-128), b)
	JMP(LabelRef("loop"))
	Label("last")
	ADDQ(Imm(2), n)
	JZ(LabelRef("store"))
	step(0)
	ADDQ(Imm(panelBytes), b)
	Label("store")
	each(func(at Mem, v VecVirtual) { VMOVUPS(v, at) }, 2)
	ADDQ(Imm(panelBytes), c)
	DECQ(panels)
	JNZ(LabelRef("panel"))
	VZEROUPPER()
	RET()
}
