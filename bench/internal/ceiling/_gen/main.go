// Command _gen writes the assembly of package ceiling. Run it with go generate;
// it is a module of its own, so that avo is no dependency of users.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"   //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/operand" //nolint:revive // avo's programs read so
	. "github.com/mmcloughlin/avo/reg"     //nolint:revive // avo's programs read so
)

const (
	chains = 12 // independent sums: more than latency × units of any processor we know
	unroll = 4
	ahead  = 4096 // bytes that the prefetch of one stream runs ahead
)

func main() {
	ConstraintExpr("!purego")
	fma("fma256", []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11}, Y12, Y13)
	fma("fma512", []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11}, Z12, Z13)
	readFour()
	readOne()
	Generate()
}

// fma writes the loop
//
//	for n > 0: 4 times, for every chain: a = a*x + y
func fma(name string, a []VecPhysical, x, y VecPhysical) {
	TEXT(name, NOSPLIT, "func(n int, xy *[2]float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s makes n×%d fused multiply-adds of whole registers, in %d", name, chains*unroll, chains), "independent chains.")
	n := Load(Param("n"), GP64())
	xy := Load(Param("xy"), GP64())
	VBROADCASTSS(Mem{Base: xy}, x)
	VBROADCASTSS(Mem{Base: xy, Disp: 4}, y)
	for _, r := range a[:chains] {
		VBROADCASTSS(Mem{Base: xy}, r)
	}
	Label("loop")
	for range unroll {
		for _, r := range a[:chains] {
			VFMADD213PS(y, x, r)
		}
	}
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// readFour reads four streams of n bytes that lie one after the other, a cache
// line of each in turn.
func readFour() {
	TEXT("readFour", NOSPLIT, "func(p *byte, n int) uint64")
	Pragma("noescape")
	Doc("readFour reads 4·n bytes at p as four interleaved streams of n bytes, n a", "multiple of 64, and returns the exclusive or of their words.")
	p := Load(Param("p"), GP64())
	n := Load(Param("n"), GP64())
	n3 := GP64()
	LEAQ(Mem{Base: n, Index: n, Scale: 2}, n3)
	end := GP64()
	LEAQ(Mem{Base: p, Index: n, Scale: 1}, end)
	acc := []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7}
	for _, r := range acc {
		VPXOR(r, r, r)
	}
	Label("loop")
	for half := range 2 {
		for s, m := range []Mem{{Base: p}, {Base: p, Index: n, Scale: 1}, {Base: p, Index: n, Scale: 2}, {Base: p, Index: n3, Scale: 1}} {
			m.Disp = 32 * half
			VPXOR(m, acc[4*half+s], acc[4*half+s])
		}
	}
	ADDQ(U8(64), p)
	CMPQ(p, end)
	JNE(LabelRef("loop"))
	fold(acc)
}

func readOne() {
	TEXT("readOne", NOSPLIT, "func(p *byte, n int) uint64")
	Pragma("noescape")
	Doc("readOne reads n bytes at p in order, n a multiple of 256, and returns the", "exclusive or of their words.")
	p := Load(Param("p"), GP64())
	n := Load(Param("n"), GP64())
	end := GP64()
	LEAQ(Mem{Base: p, Index: n, Scale: 1}, end)
	acc := []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7}
	for _, r := range acc {
		VPXOR(r, r, r)
	}
	Label("loop")
	for i := range acc {
		if i%2 == 0 {
			PREFETCHT0(Mem{Base: p, Disp: ahead + 32*i})
		}
		VPXOR(Mem{Base: p, Disp: 32 * i}, acc[i], acc[i])
	}
	ADDQ(U32(256), p)
	CMPQ(p, end)
	JNE(LabelRef("loop"))
	fold(acc)
}

// fold returns the exclusive or of all words in the registers.
func fold(acc []VecPhysical) {
	for _, r := range acc[1:] {
		VPXOR(r, acc[0], acc[0])
	}
	VEXTRACTI128(U8(1), acc[0], X1)
	VPXOR(X1, X0, X0)
	VPEXTRQ(U8(1), X0, RAX)
	VMOVQ(X0, RCX)
	XORQ(RCX, RAX)
	VZEROUPPER()
	Store(RAX, ReturnIndex(0))
	RET()
}
