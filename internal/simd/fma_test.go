package simd

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigFMA is the definition: the exact a*b+c, rounded once.
func bigFMA(a, b, c float32) float32 {
	x := new(big.Float).SetPrec(1000).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	x.Add(x, big.NewFloat(float64(c)))
	if x.Sign() == 0 {
		// big.Float's sign of a zero sum is not IEEE's; float64 is exact here.
		return float32(float64(a)*float64(b) + float64(c))
	}
	r, _ := x.Float32()
	return r
}

func finite(x float32) bool {
	return !math.IsInf(float64(x), 0) && !math.IsNaN(float64(x))
}

// nasty returns floats from families that provoke double rounding: few or all
// mantissa bits, every exponent, subnormals.
func nasty(rng *rand.Rand) float32 {
	for {
		b := rng.Uint32()
		switch rng.IntN(8) {
		case 0: // any exponent
		case 1: // near one
			b = b&0x807fffff | uint32(120+rng.IntN(14))<<23
		case 2: // few bits
			b = b&0x807fffff&^(1<<rng.IntN(24)-1) | uint32(110+rng.IntN(30))<<23
		case 3: // low bits only
			b = b&0x80000007 | uint32(110+rng.IntN(30))<<23
		case 4: // subnormal, or next to it
			b &= 0x80ffffff
		case 5: // products that are subnormal
			b = b&0x807fffff | uint32(40+rng.IntN(40))<<23
		case 6: // all ones
			b = b&0x80000000 | 0x7fffff&^(1<<rng.IntN(4)-1) | uint32(100+rng.IntN(50))<<23
		case 7: // near overflow
			b = b&0x807fffff | uint32(180+rng.IntN(75))<<23
		}
		if f := math.Float32frombits(b); finite(f) {
			return f
		}
	}
}

func TestFMA32(t *testing.T) {
	n := 2_000_000
	if testing.Short() {
		n = 200_000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	hard := 0
	for range n {
		a, b, c := nasty(rng), nasty(rng), nasty(rng)
		if rng.IntN(2) == 0 {
			// c at a distance from the product at which roundings interact.
			p := float64(a) * float64(b)
			c = float32(math.Ldexp(p, rng.IntN(60)-30))
			if rng.IntN(2) == 0 {
				c = -c
			}
			if !finite(c) {
				continue
			}
		}
		want, got := bigFMA(a, b, c), FMA32(a, b, c)
		if math.Float32bits(want) != math.Float32bits(got) {
			t.Fatalf("fma(%x, %x, %x): want %x, got %x", a, b, c, want, got)
		}
		if float32(float64(a)*float64(b)+float64(c)) != want {
			hard++
		}
	}
	if hard == 0 {
		t.Error("no triple needed the correction: the test tests nothing")
	}
	t.Logf("%d of %d triples are wrong without the correction", hard, n)
}

func TestFMA32Special(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	huge := float32(math.MaxFloat32)
	neg0 := float32(math.Copysign(0, -1))
	for _, c := range []struct{ a, b, c, want float32 }{
		{huge, huge, 0, inf},
		{huge, 2, -huge, huge},
		{-huge, huge, 0, -inf},
		{inf, 1, 1, inf},
		{inf, 1, -inf, nan},
		{inf, 0, 1, nan},
		{nan, 1, 1, nan},
		{1, 1, -1, 0},
		{0, -1, 0, 0},
		{0, -1, neg0, neg0},
		{1e-30, -1e-30, 0, neg0},
	} {
		got := FMA32(c.a, c.b, c.c)
		if math.Float32bits(got) != math.Float32bits(c.want) && (got == got || c.want == c.want) {
			t.Errorf("fma(%v, %v, %v): want %v, got %v", c.a, c.b, c.c, c.want, got)
		}
	}
}

// bigScore is the contract, spelled with exact arithmetic.
func bigScore(q, d []float32) float32 {
	var total float32
	for lo := 0; lo < len(q); lo += 128 {
		var acc float32
		for i := lo; i < min(lo+128, len(q)); i++ {
			acc = bigFMA(q[i], d[i], acc)
		}
		total += acc
	}
	return total
}

// families are kinds of vector on which the kernels take different paths.
var families = map[string]func(rng *rand.Rand) float32{
	"gauss": func(rng *rand.Rand) float32 { return float32(rng.NormFloat64()) },
	"half": func(rng *rand.Rand) float32 { // the bits of a float16
		return math.Float32frombits(rng.Uint32()&0x807fe000 | uint32(113+rng.IntN(15))<<23)
	},
	"integers":  func(rng *rand.Rand) float32 { return float32(rng.IntN(1<<20) - 1<<19) },
	"cancel":    func(rng *rand.Rand) float32 { return float32(1-2*rng.IntN(2)) * (1 + float32(rng.IntN(8))/8388608) },
	"tiny":      func(rng *rand.Rand) float32 { return float32(rng.NormFloat64() * 1e-22) },
	"subnormal": func(rng *rand.Rand) float32 { return math.Float32frombits(rng.Uint32() & 0x80000fff) },
	"mixed": func(rng *rand.Rand) float32 {
		return float32(math.Ldexp(rng.NormFloat64(), rng.IntN(80)-40))
	},
	"zeros": func(rng *rand.Rand) float32 { return float32(rng.IntN(2)) * float32(rng.NormFloat64()) },
}

// Where the result is subnormal, midpoints lie elsewhere: 2^-127+2^-149 plus
// 2^-150·(1-2^-46) is just below one, and float64 rounds it onto it.
func TestScoreTileSubnormalMidpoint(t *testing.T) {
	pow := func(x float64, e int) float32 { return float32(math.Ldexp(x, e)) }
	u := math.Ldexp(1, -23)
	q := []float32{pow(1+2*u, -63), pow(1+u, -76)}
	d := []float32{pow(1, -64), pow(1-u, -74)}
	want := pow(1+2*u, -127)
	if got := bigScore(q, d); got != want {
		t.Fatalf("the reference says %x, want %x", got, want)
	}
	for _, c := range cases() {
		before := Use(c.level)
		var h Hits
		h.Reset(16)
		tile := Tile{
			Queries: packed([][]float32{q}, c.width, 2), Width: c.width, Docs: packed([][]float32{d}, 16, 2),
			Dims: 2, Panels: 1, Step: 1, Floors: floors(c.width),
		}
		if c.one {
			tile.One(&h)
		} else {
			tile.Score(&h)
		}
		if scores, _ := h.Of(0); scores[0] != want {
			t.Errorf("%v: want %x, got %x", c, want, scores[0])
		}
		Use(before)
	}
	wide, docs := make([]float64, 2), make(tile, 2)
	for p := range q {
		wide[p] = float64(q[p])
		docs[p][0] = float64(d[p])
	}
	var got [tileDocs]float32
	if scoreTile(wide, docs, false, &got); got[0] == want {
		t.Error("the fast path is right here: this tests nothing")
	}
}

// The three forms of a chunk must agree wherever the fast one speaks, and the
// fast one must give up on some input, or the test sees one path only.
func TestChunkForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	gaveUp := 0
	for name, gen := range families {
		if name == "tiny" || name == "subnormal" || name == "mixed" {
			continue // only chunkExact is right there
		}
		for range 200 {
			q, docs := make([]float64, chunkDims), make(tile, chunkDims)
			for i := range q {
				q[i] = float64(gen(rng))
				for j := range docs[i] {
					docs[i][j] = float64(gen(rng))
				}
			}
			var fast, fixed, exact [tileDocs]float32
			ok := chunkFast(q, docs, &fast)
			chunkFixed(q, docs, &fixed)
			chunkExact(q, docs, &exact)
			if fixed != exact {
				t.Fatalf("%s: chunkFixed %v, chunkExact %v", name, fixed, exact)
			}
			if !ok {
				gaveUp++
			} else if fast != exact {
				t.Fatalf("%s: chunkFast %v, chunkExact %v", name, fast, exact)
			}
		}
	}
	if gaveUp == 0 {
		t.Error("chunkFast never gave up")
	}
}

func TestIsTiny(t *testing.T) {
	edge := float32(math.Ldexp(1, -66))
	for _, c := range []struct {
		x    float32
		want bool
	}{
		{0, false},
		{float32(math.Copysign(0, -1)), false},
		{edge, false},
		{-edge, false},
		{math.Nextafter32(edge, 0), true},
		{-math.Nextafter32(edge, 0), true},
		{math.SmallestNonzeroFloat32, true},
		{1, false},
		{float32(math.NaN()), false},
	} {
		if got := isTiny(c.x); got != c.want {
			t.Errorf("isTiny(%x): want %v, got %v", c.x, c.want, got)
		}
	}
}
