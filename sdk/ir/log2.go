package ir

import (
	"math"
	"sync"
	"sync/atomic"
)

// Discounts of nDCG.
//
// math.Log2 is not the same function everywhere: amd64 and s390x have
// assembly behind it, and elsewhere the compiler may fuse its multiplications
// and additions. The logarithms here are computed with about 100 bits and
// rounded once, from operations that are exact or rounded alike on every
// machine (+, -, /, explicit FMA, products rounded by a conversion). They are
// the correctly rounded ones, and what a good C library gives trec_eval.

// log2Table holds log2(n) at index n for n ≥ 1, with the unrounded last value
// to continue from. It is replaced, never changed.
type log2Table struct {
	log  []float64
	last dd
}

var (
	log2Cache atomic.Pointer[log2Table]
	log2Grow  sync.Mutex // serialises growth only; readers never wait
)

// log2s returns a table t with t[n] = log2(n) for 1 ≤ n ≤ upto, and maybe
// more. Callers must not write to it.
func log2s(upto int) []float64 {
	if t := log2Cache.Load(); t != nil && upto < len(t.log) {
		return t.log
	}
	log2Grow.Lock()
	defer log2Grow.Unlock()
	old := log2Cache.Load()
	if old == nil {
		old = &log2Table{log: []float64{math.Inf(-1), 0}}
	}
	if upto < len(old.log) {
		return old.log
	}
	size := max(upto+1, 2*len(old.log), 128)
	t := &log2Table{log: append(make([]float64, 0, size), old.log...), last: old.last}
	for n := len(t.log); n < size; n++ {
		// log2(n) = log2(n-1) + 2/ln 2 · atanh(1/(2n-1))
		t.last = t.last.add(atanhInv(2*float64(n) - 1).mul(twoOverLn2))
		if n&(n-1) == 0 { // exact at powers of two, so errors never pile up
			t.last = dd{hi: math.Round(t.last.hi)}
		}
		t.log = append(t.log, t.last.hi)
	}
	log2Cache.Store(t)
	return t.log
}

// twoOverLn2 is 2/ln 2 to about 106 bits.
var twoOverLn2 = dd{hi: 0x1.71547652b82fep+1, lo: 0x1.777d0ffda0d24p-55}

// atanhInv returns atanh(1/d) for d ≥ 3 by its series in odd powers.
func atanhInv(d float64) dd {
	hi := 1 / d
	t := dd{hi, math.FMA(-hi, d, 1) / d}
	t2 := t.mul(t)
	sum, power := t, t
	for k := 3.0; ; k += 2 {
		power = power.mul(t2)
		term := power.div(k)
		if term.hi < sum.hi*0x1p-110 {
			return sum
		}
		sum = sum.add(term)
	}
}

// dd is the unevaluated sum of two floats, |lo| ≤ ulp(hi)/2: a number with
// twice the precision. After T. J. Dekker, "A floating-point technique for
// extending the available precision", Numerische Mathematik 18 (1971).
type dd struct{ hi, lo float64 }

func (a dd) add(b dd) dd {
	s := a.hi + b.hi
	bb := s - a.hi
	e := (a.hi - (s - bb)) + (b.hi - bb)
	return fastTwoSum(s, e+(a.lo+b.lo))
}

func (a dd) mul(b dd) dd {
	p := float64(a.hi * b.hi)
	e := math.FMA(a.hi, b.hi, -p)
	return fastTwoSum(p, e+(float64(a.hi*b.lo)+float64(a.lo*b.hi)))
}

func (a dd) div(b float64) dd {
	q := a.hi / b
	return fastTwoSum(q, (math.FMA(-q, b, a.hi)+a.lo)/b)
}

// fastTwoSum adds two floats without error; |a| ≥ |b|.
func fastTwoSum(a, b float64) dd {
	s := a + b
	return dd{s, b - (s - a)}
}

// exp2 returns 2^x, exact where x is a whole number and elsewhere correctly
// rounded but for the rarest cases; the same on every machine, which
// [math.Exp2] is not.
func exp2(x float64) float64 {
	whole := math.RoundToEven(x)
	if !(math.Abs(whole) < 1<<20) { // beyond all exponents, or NaN
		return math.Exp2(whole)
	}
	// 2^f = Σ (f·ln 2)^k / k!, |f| ≤ 1/2; x-whole is exact.
	y := ln2.mul(dd{hi: x - whole})
	sum, term := dd{hi: 1}, dd{hi: 1}
	for k := 1.0; math.Abs(term.hi) > 0x1p-110; k++ {
		term = term.mul(y).div(k)
		sum = sum.add(term)
	}
	return math.Ldexp(sum.hi, int(whole))
}

// logOf returns the natural logarithm of a positive number, correctly rounded
// but for the rarest cases, and the same on every machine.
func logOf(x float64) float64 {
	if math.IsInf(x, 1) || math.IsNaN(x) {
		return x
	}
	m, exp := math.Frexp(x) // 1/2 ≤ m < 1
	if m < math.Sqrt2/2 {
		m, exp = 2*m, exp-1
	}
	// ln m = 2 atanh z, z = (m-1)/(m+1), |z| < 0.172; m-1 is exact.
	z := dd{hi: m - 1}.over(fastTwoSum(m, 1))
	if m < 1 {
		z = dd{hi: m - 1}.over(fastTwoSum(1, m))
	}
	z2 := z.mul(z)
	sum, power := z, z
	for k := 3.0; ; k += 2 {
		power = power.mul(z2)
		term := power.div(k)
		if math.Abs(term.hi) <= math.Abs(sum.hi)*0x1p-110 {
			break
		}
		sum = sum.add(term)
	}
	sum = sum.add(sum)
	return ln2.mul(dd{hi: float64(exp)}).add(sum).hi
}

// ln2 is ln 2 to about 106 bits.
var ln2 = dd{hi: 0x1.62e42fefa39efp-1, lo: 0x1.abc9e3b39803fp-56}

func (a dd) over(b dd) dd {
	q := a.hi / b.hi
	r := a.add(dd{hi: -q}.mul(b))
	return fastTwoSum(q, r.hi/b.hi)
}
