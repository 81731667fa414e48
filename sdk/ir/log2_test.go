package ir

import (
	"math"
	"math/big"
	"math/rand/v2"
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

// logOf agrees with the library's logarithm to its last bit or so, and with
// exact cases.
func TestLogOf(t *testing.T) {
	if got := logOf(1); got != 0 {
		t.Errorf("log 1: got %v", got)
	}
	for _, x := range []float64{1e-5, 1e-300, 0.1, 0.5, 0.7, 0.70711, 0.99999, 1.00001, 1.4142, 2, math.E, 10, 12345.678, 1e300, math.MaxFloat64} {
		want, got := math.Log(x), logOf(x)
		if math.Abs(want-got) > 2*(math.Nextafter(math.Abs(want), math.Inf(1))-math.Abs(want)) {
			t.Errorf("log %v: want %x, got %x", x, want, got)
		}
	}
	if got := logOf(5e-324); got != -744.4400719213812 { // which not every processor's math.Log gives
		t.Errorf("log 2^-1074: got %v", got)
	}
	for n := 1; n <= 200; n++ { // by squaring, digit by digit
		want, got := log2Bits(n)*math.Ln2, logOf(float64(n))
		if math.Abs(want-got) > 4e-16*math.Abs(want) {
			t.Errorf("log %d: want %x, got %x", n, want, got)
		}
	}
}

// exp2 agrees with the library's to its last bit or so, and gives the rounded
// values of powers with a known square.
func TestExp2(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 10: 1024, -3: 0.125, 0.5: math.Sqrt2, 1.5: 2 * math.Sqrt2, -0.5: math.Sqrt2 / 2, 1023: 0x1p1023, 1e9: math.Inf(1), -1e9: 0, math.Inf(-1): 0} {
		if got := exp2(x); got != want {
			t.Errorf("2^%v: want %v, got %v", x, want, got)
		}
	}
	if got := exp2(math.NaN()); !math.IsNaN(got) {
		t.Errorf("2^NaN: got %v", got)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		x := 200 * (rng.Float64() - 0.5)
		want, got := math.Exp2(x), exp2(x)
		if math.Abs(got-want) > 0x1p-51*want {
			t.Errorf("2^%v: want %v, got %v", x, want, got)
		}
		if back := logOf(got) / math.Ln2; math.Abs(back-x) > 1e-13 {
			t.Errorf("2^%v has the logarithm %v", x, back)
		}
	}
}

func TestLogOfNoNumber(t *testing.T) {
	if got := logOf(math.Inf(1)); !math.IsInf(got, 1) {
		t.Errorf("got %v", got)
	}
	if got := logOf(math.NaN()); !math.IsNaN(got) {
		t.Errorf("got %v", got)
	}
}
