package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"   //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/operand" //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/reg"     //nolint:revive // avo's programs read so
)

const (
	panelBytes = 64  // of one dimension of a panel: 16 documents
	chunkDims  = 128 // dimensions that are summed before they are added to the score
	unroll     = 4
	geOQ       = 0x1d // greater or equal, false for NaN
)

func scores() {
	table := compressTable()
	iota16 = GLOBL("iota16", NOPTR|RODATA)
	for i := range 16 {
		DATA(i*4, U32(uint32(i)))
	}
	tile("tile6x16", 6, 2, 8, table)
	tile("tile14x32", 14, 2, 16, table)
	for _, s := range []source{f32, f16, bf16} {
		one("one"+s.name, s, 8, table)
		one("one"+s.name+"x16", s, 16, table)
	}
	widen(f16)
	widen(bf16)
	transpose()
	squares()
	divide()
	cpuid()
}

func cpuid() {
	TEXT("cpuid", NOSPLIT, "func(leaf uint32) (a, b, c, d uint32)")
	Doc("cpuid returns what the processor says of itself under a number.")
	Load(Param("leaf"), EAX)
	XORL(ECX, ECX)
	CPUID()
	Store(EAX, Return("a"))
	Store(EBX, Return("b"))
	Store(ECX, Return("c"))
	Store(EDX, Return("d"))
	RET()
}

// compressTable has, for each of 256 masks, the positions of its bits, one to a
// byte: the permutation that moves the chosen lanes to the front.
func compressTable() Mem {
	t := GLOBL("compress", NOPTR|RODATA)
	for m := range 256 {
		var v uint64
		n := 0
		for b := range 8 {
			if m>>b&1 == 1 {
				v |= uint64(b) << (8 * n)
				n++
			}
		}
		DATA(m*8, U64(v))
	}
	return t
}

func param(name string) GPVirtual {
	r := GP64()
	Load(Param(name), r)
	return r
}

func vectors(n, lanes int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = vector(lanes)
	}
	return v
}

func vector(lanes int) VecVirtual {
	if lanes == 16 {
		return ZMM()
	}
	return YMM()
}

func zero(v VecVirtual) { VXORPS(v, v, v) }

// tile writes the kernel for mr queries and, in each round, nv vectors of
// lanes documents. With 8 lanes those are the halves of one panel, with 16
// they are two panels; a last single panel then takes a round of one vector.
func tile(name string, mr, nv, lanes int, table Mem) {
	TEXT(name, 0, "func(q, docs *float32, dims, panels, step, row int, norms, qnorms, floors *float32, out *uint32, stride int, counts *int, ahead *float32, lines int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s scores %d queries against panels of documents and collects the scores of at least the floor. With each chunk of dimensions it fetches so many lines of the cache from ahead.", name, mr))
	wide := lanes == 16

	b := param("docs")
	panels := param("panels")
	row := param("row")
	b2, ahead := GP64(), GP64() // the other panel; bytes from the end of one to the next
	panel := param("dims")
	SHLQ(Imm(6), panel)
	Load(Param("step"), ahead)
	IMULQ(panel, ahead) // bytes from one panel to the next
	sum := AllocLocal(mr * nv * lanes * 4)
	ids := AllocLocal(8)

	rounds := []int{nv}
	if wide {
		rounds = []int{2, 1}
	}
	for _, n := range rounds {
		suffix := fmt.Sprint(n)
		taken := 1
		if wide {
			taken = n
		}
		Label("panel" + suffix)
		CMPQ(panels, Imm(uint64(taken)))
		JLT(LabelRef("done" + suffix))
		if wide && n == 2 {
			MOVQ(b, b2)
			ADDQ(ahead, b2)
		}
		acc := make([][]VecVirtual, mr)
		for i := range acc {
			acc[i] = vectors(n, lanes)
		}
		d := vectors(n, lanes)
		t := vector(lanes)
		q, left, c := GP64(), GP64(), GP64()
		Load(Param("q"), q)
		Load(Param("dims"), left)
		p, p2 := GP64(), GP64()
		MOVQ(b, p)
		if wide && n == 2 {
			MOVQ(b2, p2)
		}
		later := GP64() // whether there is a sum of earlier chunks
		XORQ(later, later)

		Label("chunk" + suffix)
		lines, ahead64 := param("lines"), param("ahead")
		Label("fetch" + suffix)
		DECQ(lines)
		JLT(LabelRef("fetched" + suffix))
		PREFETCHT1(Mem{Base: ahead64})
		ADDQ(Imm(64), ahead64)
		JMP(LabelRef("fetch" + suffix))
		Label("fetched" + suffix)
		Store(ahead64, Param("ahead"))
		for i := range acc {
			for j := range acc[i] {
				zero(acc[i][j])
			}
		}
		MOVQ(left, c)
		SUBQ(U32(chunkDims), left)
		JLE(LabelRef("last" + suffix))
		MOVQ(U32(chunkDims), c)
		Label("last" + suffix)

		step := func(u int) {
			for j := range d {
				m := Mem{Base: p, Disp: u*panelBytes + j*lanes*4}
				if wide && j == 1 {
					m = Mem{Base: p2, Disp: u * panelBytes}
				}
				VMOVUPS(m, d[j])
			}
			for i := range acc {
				VBROADCASTSS(Mem{Base: q, Disp: (u*mr + i) * 4}, t)
				for j := range d {
					VFMADD231PS(d[j], t, acc[i][j])
				}
			}
		}
		advance := func(dims int) {
			ADDQ(U32(uint32(dims*panelBytes)), p)
			if wide && n == 2 {
				ADDQ(U32(uint32(dims*panelBytes)), p2)
			}
			ADDQ(U32(uint32(dims*mr*4)), q)
		}
		SUBQ(Imm(unroll), c)
		JLT(LabelRef("rest" + suffix))
		Label("loop" + suffix)
		for u := range unroll {
			step(u)
		}
		advance(unroll)
		SUBQ(Imm(unroll), c)
		JGE(LabelRef("loop" + suffix))
		Label("rest" + suffix)
		ADDQ(Imm(unroll), c)
		JZ(LabelRef("summed" + suffix))
		Label("single" + suffix)
		step(0)
		advance(1)
		DECQ(c)
		JNZ(LabelRef("single" + suffix))

		Label("summed" + suffix)
		at := func(i, j int) Mem { return sum.Offset((i*n + j) * lanes * 4) }
		TESTQ(later, later)
		JZ(LabelRef("first" + suffix))
		for i := range acc {
			for j := range acc[i] {
				VADDPS(at(i, j), acc[i][j], acc[i][j])
			}
		}
		Label("first" + suffix)
		TESTQ(left, left)
		JLE(LabelRef("scored" + suffix))
		for i := range acc {
			for j := range acc[i] {
				VMOVUPS(acc[i][j], at(i, j))
			}
		}
		MOVQ(U32(1), later)
		JMP(LabelRef("chunk" + suffix))

		Label("scored" + suffix)
		norms := param("norms")
		TESTQ(norms, norms)
		JZ(LabelRef("inner" + suffix))
		x := param("step") // bytes of norms of one step
		SHLQ(Imm(6), x)
		for j := range d {
			m := Mem{Base: norms, Disp: j * lanes * 4}
			if wide && j == 1 {
				m = Mem{Base: norms, Index: x, Scale: 1}
			}
			VMOVUPS(m, d[j])
		}
		qn := param("qnorms")
		s := vector(lanes)
		for i := range acc {
			VBROADCASTSS(Mem{Base: qn, Disp: i * 4}, t)
			for j := range acc[i] {
				euclid(acc[i][j], t, d[j], s)
			}
		}
		for range taken {
			ADDQ(x, norms)
		}
		Store(norms, Param("norms"))

		Label("inner" + suffix)
		floors := past(acc, t, d[len(d)-1], d[0])
		JZ(LabelRef("next" + suffix))
		next := GP64() // row of the second vector
		if wide {
			Load(Param("step"), next)
			SHLQ(Imm(4), next)
			ADDQ(row, next)
		} else {
			LEAQ(Mem{Base: row, Disp: 8}, next)
		}
		MOVL(row.As32(), ids)
		MOVL(next.As32(), ids.Offset(4))
		out := param("out")
		width := param("stride")
		SHLQ(Imm(2), width)
		counts := param("counts")
		for i := range acc {
			VBROADCASTSS(Mem{Base: floors, Disp: i * 4}, t)
			for j := range acc[i] {
				collect(fmt.Sprintf("%s_%d_%d", suffix, i, j), acc[i][j], t, d[0], d[len(d)-1], ids.Offset(4*j), out, width, Mem{Base: counts, Disp: i * 8}, table)
			}
			LEAQ(Mem{Base: out, Index: width, Scale: 2}, out)
		}
		Label("next" + suffix)
		for range taken {
			ADDQ(ahead, b)
		}
		rows := param("step")
		SHLQ(Imm(4), rows)
		for range taken {
			ADDQ(rows, row)
		}
		SUBQ(Imm(uint64(taken)), panels)
		JMP(LabelRef("panel" + suffix))
		Label("done" + suffix)
	}
	VZEROUPPER()
	RET()
}

// past sets the zero flag unless some lane of acc is at least the floor of its
// query, and returns where the floors are; t, spare and y are spoilt.
func past(acc [][]VecVirtual, t, spare, y VecVirtual) GPVirtual {
	floors := param("floors")
	if t.Size() == 64 {
		some, k := K(), K()
		KXORW(some, some, some)
		for i := range acc {
			VBROADCASTSS(Mem{Base: floors, Disp: i * 4}, t)
			for j := range acc[i] {
				VCMPPS(Imm(geOQ), t, acc[i][j], k)
				KORW(k, some, some)
			}
		}
		KORTESTW(some, some)
		return floors
	}
	zero(y)
	for i := range acc {
		VBROADCASTSS(Mem{Base: floors, Disp: i * 4}, t)
		for j := range acc[i] {
			VCMPPS(Imm(geOQ), t, acc[i][j], spare)
			VORPS(spare, y, y)
		}
	}
	VTESTPS(y, y)
	return floors
}

// euclid makes inner products into min(0, 2·x − (qn+dn)), keeping NaN; s is
// spoilt.
func euclid(x, qn, dn, s VecVirtual) {
	VADDPS(dn, qn, s)
	VADDPS(x, x, x)
	VSUBPS(s, x, x)
	zero(s)
	VMINPS(x, s, x)
}

// collect appends the lanes of x that are at least the floor to a list: scores
// at out, rows width bytes behind. A whole vector is stored each time, so the
// lists have room for one more. spare and y are spoilt.
func collect(suffix string, x, floor, spare, y VecVirtual, row Mem, out, width GPVirtual, count Mem, table Mem) {
	n, m := GP64(), GP64()
	if x.Size() == 64 {
		k := K()
		VCMPPS(Imm(geOQ), floor, x, k)
		KMOVW(k, m.As32())
		TESTL(m.As32(), m.As32())
		JZ(LabelRef("none" + suffix))
		MOVQ(count, n)
		VCOMPRESSPS_Z(x, k, spare)
		list := GP64()
		LEAQ(Mem{Base: out, Index: n, Scale: 4}, list)
		VMOVUPS(spare, Mem{Base: list})
		VPBROADCASTD(row, spare)
		VPADDD(iota16, spare, spare)
		VPCOMPRESSD_Z(spare, k, spare)
		VMOVDQU32(spare, Mem{Base: list, Index: width, Scale: 1})
	} else {
		VCMPPS(Imm(geOQ), floor, x, spare)
		VMOVMSKPS(spare, m.As32())
		TESTL(m.As32(), m.As32())
		JZ(LabelRef("none" + suffix))
		MOVQ(count, n)
		perm, tab, list := spare, GP64(), GP64()
		LEAQ(table, tab)
		VPMOVZXBD(Mem{Base: tab, Index: m, Scale: 8}, perm)
		VPERMPS(x, perm, y)
		LEAQ(Mem{Base: out, Index: n, Scale: 4}, list)
		VMOVUPS(y, Mem{Base: list})
		VPBROADCASTD(row, y)
		VPADDD(y, perm, perm)
		VMOVDQU(perm, Mem{Base: list, Index: width, Scale: 1})
	}
	POPCNTL(m.As32(), m.As32())
	ADDQ(m, n)
	MOVQ(n, count)
	Label("none" + suffix)
}

// iota16 is 0 … 15.
var iota16 Mem

// source is a type of element that documents are stored in.
type source struct {
	name  string
	param string
	bytes int
	load  func(m Mem, v VecVirtual) // eight elements as float32
}

var (
	f32  = source{"F32", "float32", 4, func(m Mem, v VecVirtual) { VMOVUPS(m, v) }}
	f16  = source{"F16", "uint16", 2, func(m Mem, v VecVirtual) { VCVTPH2PS(m, v) }}
	bf16 = source{"BF16", "uint16", 2, func(m Mem, v VecVirtual) {
		VPMOVZXWD(m, v)
		VPSLLD(Imm(16), v, v)
	}}
)

// one writes the kernel for one query and 64 documents a round: four panels
// are read side by side, since one stream does not saturate the memory.
func one(name string, src source, lanes int, table Mem) {
	TEXT(name, 0, "func(q *float32, docs *"+src.param+", dims, groups, row int, norms, qnorm, floor *float32, out *uint32, stride int, count *int)")
	Pragma("noescape")
	Doc(name + " scores one query against groups of four panels and collects the scores of at least the floor.")
	const panels = 4
	each := 16 / lanes     // vectors of a panel
	line := 16 * src.bytes // of one dimension of a panel
	b := param("docs")
	groups := param("groups")
	row := param("row")
	size, size3 := param("dims"), GP64()
	IMUL3Q(U32(uint32(line)), size, size) // bytes of a panel
	LEAQ(Mem{Base: size, Index: size, Scale: 2}, size3)
	sum := AllocLocal(panels * 64)
	ids := AllocLocal(8)

	Label("group")
	TESTQ(groups, groups)
	JZ(LabelRef("done"))
	acc := vectors(panels*each, lanes)
	t, v, floor := vector(lanes), vector(lanes), vector(lanes)
	q, left, c, p, later := param("q"), param("dims"), GP64(), GP64(), GP64()
	MOVQ(b, p)
	XORQ(later, later)

	Label("chunk")
	for i := range acc {
		zero(acc[i])
	}
	MOVQ(left, c)
	SUBQ(U32(chunkDims), left)
	JLE(LabelRef("last"))
	MOVQ(U32(chunkDims), c)
	Label("last")
	// Panels of 16-bit elements are short: a stream ends soon after the
	// processor has seen that it is one, so the next group is asked for.
	var soon GPVirtual
	if src.bytes == 2 {
		soon = GP64()
		LEAQ(Mem{Base: p, Index: size, Scale: 4}, soon)
	}
	at := func(base GPVirtual, panel, disp int) Mem {
		m := Mem{Base: base, Disp: disp}
		switch panel {
		case 1:
			m.Index, m.Scale = size, 1
		case 2:
			m.Index, m.Scale = size, 2
		case 3:
			m.Index, m.Scale = size3, 1
		}
		return m
	}
	step := func(u int) {
		for panel := 0; src.bytes == 2 && u == 0 && panel < panels; panel++ {
			PREFETCHT1(at(soon, panel, 0))
		}
		VBROADCASTSS(Mem{Base: q, Disp: u * 4}, t)
		for i := range acc {
			m := at(p, i/each, u*line+i%each*line/each)
			if src.bytes == 4 {
				VFMADD231PS(m, t, acc[i])
				continue
			}
			src.load(m, v)
			VFMADD231PS(v, t, acc[i])
		}
	}
	SUBQ(Imm(2), c)
	JLT(LabelRef("rest"))
	Label("loop")
	step(0)
	step(1)
	ADDQ(U32(uint32(2*line)), p)
	if src.bytes == 2 {
		ADDQ(U32(uint32(2*line)), soon)
	}
	ADDQ(Imm(8), q)
	SUBQ(Imm(2), c)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(Imm(2), c)
	JZ(LabelRef("summed"))
	step(0)
	ADDQ(U32(uint32(line)), p)
	ADDQ(Imm(4), q)
	Label("summed")
	TESTQ(later, later)
	JZ(LabelRef("first"))
	for i := range acc {
		VADDPS(sum.Offset(i*lanes*4), acc[i], acc[i])
	}
	Label("first")
	TESTQ(left, left)
	JLE(LabelRef("scored"))
	for i := range acc {
		VMOVUPS(acc[i], sum.Offset(i*lanes*4))
	}
	MOVQ(U32(1), later)
	JMP(LabelRef("chunk"))

	Label("scored")
	norms := param("norms")
	TESTQ(norms, norms)
	JZ(LabelRef("inner"))
	qn := param("qnorm")
	VBROADCASTSS(Mem{Base: qn}, t)
	s := vector(lanes)
	for i := range acc {
		VMOVUPS(Mem{Base: norms, Disp: i * lanes * 4}, v)
		euclid(acc[i], t, v, s)
	}
	ADDQ(U32(panels*64), norms)
	Store(norms, Param("norms"))
	Label("inner")
	fl := param("floor")
	VBROADCASTSS(Mem{Base: fl}, floor)
	if lanes == 16 {
		any, k := K(), K()
		KXORW(any, any, any)
		for i := range acc {
			VCMPPS(Imm(geOQ), floor, acc[i], k)
			KORW(k, any, any)
		}
		KORTESTW(any, any)
	} else {
		zero(t)
		for i := range acc {
			VCMPPS(Imm(geOQ), floor, acc[i], v)
			VORPS(v, t, t)
		}
		VTESTPS(t, t)
	}
	JZ(LabelRef("next"))
	out := param("out")
	width := param("stride")
	SHLQ(Imm(2), width)
	count := param("count")
	for i := range acc {
		r := GP64()
		LEAQ(Mem{Base: row, Disp: i * lanes}, r)
		MOVL(r.As32(), ids)
		collect(fmt.Sprintf("_%d", i), acc[i], floor, v, t, ids, out, width, Mem{Base: count}, table)
	}
	Label("next")
	LEAQ(Mem{Base: b, Index: size, Scale: 4}, b)
	ADDQ(U32(64), row)
	DECQ(groups)
	JMP(LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}

// widen writes the kernel that makes 16-bit elements into float32, sixteen at
// a time.
func widen(src source) {
	name := "widen" + src.name
	TEXT(name, NOSPLIT, "func(dst *float32, src *uint16, n int)")
	Pragma("noescape")
	Doc(name + " converts n elements, a multiple of 16.")
	dst, from, n := param("dst"), param("src"), param("n")
	v := vectors(2, 8)
	Label("loop")
	SUBQ(Imm(16), n)
	JLT(LabelRef("done"))
	for j := range v {
		src.load(Mem{Base: from, Disp: j * 16}, v[j])
	}
	for j := range v {
		VMOVUPS(v[j], Mem{Base: dst, Disp: j * 32})
	}
	ADDQ(Imm(32), from)
	ADDQ(Imm(64), dst)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// transpose writes the packer: eight rows become half of a panel, 8×8 elements
// at a time.
func transpose() {
	TEXT("transpose8", NOSPLIT, "func(dst *float32, rows *[8]*float32, dims, ahead int)")
	Pragma("noescape")
	Doc("transpose8 writes dims elements, a multiple of eight, of eight rows to half of a panel. What lies ahead bytes behind them is fetched: rows are too short for the processor to notice their order.")
	dst, rows, n := param("dst"), param("rows"), param("dims")
	var p [8]GPVirtual
	for i := range p {
		p[i] = GP64()
		MOVQ(Mem{Base: rows, Disp: i * 8}, p[i])
	}
	at, pre := GP64(), param("ahead")
	XORQ(at, at)
	Label("loop")
	CMPQ(at, n)
	JGE(LabelRef("done"))
	for i := range p {
		PREFETCHT0(Mem{Base: p[i], Index: pre, Scale: 1})
	}
	ADDQ(Imm(32), pre)
	r, t := vectors(8, 8), vectors(8, 8)
	for i := range r {
		VMOVUPS(Mem{Base: p[i], Index: at, Scale: 4}, r[i])
	}
	for i := 0; i < 8; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < 8; i += 4 {
		VSHUFPS(Imm(0x44), t[i+2], t[i], r[i])
		VSHUFPS(Imm(0xee), t[i+2], t[i], r[i+1])
		VSHUFPS(Imm(0x44), t[i+3], t[i+1], r[i+2])
		VSHUFPS(Imm(0xee), t[i+3], t[i+1], r[i+3])
	}
	for i := range 4 {
		VPERM2F128(Imm(0x20), r[i+4], r[i], t[i])
		VPERM2F128(Imm(0x31), r[i+4], r[i], t[i+4])
	}
	for i := range t {
		VMOVUPS(t[i], Mem{Base: dst, Disp: i * panelBytes})
	}
	ADDQ(U32(8*panelBytes), dst)
	ADDQ(Imm(8), at)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// squares writes the kernel of norms. The square of a float32 is exact in
// float64, so a fused sum has the bits of an unfused one.
func squares() {
	TEXT("squares16", NOSPLIT, "func(sums *float64, panel *float32, dims int)")
	Pragma("noescape")
	Doc("squares16 writes the sums of squares of the 16 documents of a panel.")
	sums, p, n := param("sums"), param("panel"), param("dims")
	acc, v := vectors(4, 8), vectors(4, 8)
	for i := range acc {
		zero(acc[i])
	}
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	for i := range acc {
		VCVTPS2PD(Mem{Base: p, Disp: i * 16}, v[i])
	}
	for i := range acc {
		VFMADD231PD(v[i], v[i], acc[i])
	}
	ADDQ(Imm(panelBytes), p)
	DECQ(n)
	JMP(LabelRef("loop"))
	Label("done")
	for i := range acc {
		VMOVUPD(acc[i], Mem{Base: sums, Disp: i * 32})
	}
	VZEROUPPER()
	RET()
}

// divide writes the kernel that scales a panel: each quotient is formed in
// float64 and rounded once.
func divide() {
	TEXT("divide16", NOSPLIT, "func(panel *float32, norms *float64, dims int)")
	Pragma("noescape")
	Doc("divide16 divides the 16 documents of a panel by their norms, in place.")
	p, norms, n := param("panel"), param("norms"), param("dims")
	d, v := vectors(4, 8), vectors(4, 8)
	for i := range d {
		VMOVUPD(Mem{Base: norms, Disp: i * 32}, d[i])
	}
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	for i := range d {
		VCVTPS2PD(Mem{Base: p, Disp: i * 16}, v[i])
	}
	for i := range d {
		VDIVPD(d[i], v[i], v[i])
		VCVTPD2PSY(v[i], v[i].AsX())
	}
	for i := range d {
		VMOVUPS(v[i].AsX(), Mem{Base: p, Disp: i * 16})
	}
	ADDQ(Imm(panelBytes), p)
	DECQ(n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
