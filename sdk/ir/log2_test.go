package ir

import (
	"math"
	"math/big"
	"testing"
)

// log2Bits computes log2(n) digit by digit, squaring: slow, exact enough, and
// unlike the series of log2s.
func log2Bits(n int) float64 {
	const prec = 256
	x := new(big.Float).SetPrec(prec).SetInt64(int64(n))
	exp := x.MantExp(x) - 1
	x.SetMantExp(x, 1) // in [1, 2)
	sum := new(big.Float).SetPrec(prec).SetInt64(int64(exp))
	bit := new(big.Float).SetPrec(prec).SetInt64(1)
	two, half := big.NewFloat(2), big.NewFloat(0.5)
	for range 90 {
		bit.Mul(bit, half)
		x.Mul(x, x)
		if x.Cmp(two) >= 0 {
			x.Mul(x, half)
			sum.Add(sum, bit)
		}
	}
	f, _ := sum.Float64()
	return f
}

func TestLog2sCorrectlyRounded(t *testing.T) {
	const upto = 10_000
	got := log2s(upto)
	if len(got) <= upto {
		t.Fatalf("want more than %d entries, got %d", upto, len(got))
	}
	for n := 1; n <= upto; n++ {
		if want := log2Bits(n); got[n] != want {
			t.Fatalf("log2(%d): want %x, got %x", n, want, got[n])
		}
	}
}

// A table that grew in steps is the table that was made at once.
func TestLog2sGrowth(t *testing.T) {
	saved := log2Cache.Load()
	t.Cleanup(func() { log2Cache.Store(saved) })
	log2Cache.Store(nil)
	for n := 1; n < 5000; n += 97 {
		log2s(n)
	}
	steps := log2s(5000)
	log2Cache.Store(nil)
	once := log2s(5000)
	for n := 1; n <= 5000; n++ {
		if math.Float64bits(steps[n]) != math.Float64bits(once[n]) {
			t.Fatalf("log2(%d): %x in steps, %x at once", n, steps[n], once[n])
		}
	}
}
