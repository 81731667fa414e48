package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

func TestTQuantile(t *testing.T) {
	// R: qt(.975, c(2, 9, 28.5, 76)), pt(-2.977301061, 9)
	near(t, "2 df", TQuantile(0.975, 2), 4.30265272974946, 1e-9)
	near(t, "9 df", TQuantile(0.975, 9), 2.2621571628, 1e-9)
	near(t, "1e12 df", TQuantile(0.975, 1e12), 1.959963984540054, 1e-9)
	near(t, "p", 2*TUpper(2.9773010610, 9), .0155174083, 1e-9)
	near(t, "p, many df", TUpper(1.959963984540054, 1e12), .025, 1e-12)
	near(t, "far tail", TUpper(24.339924, 19)*2, 8.7276577e-16, 1e-21)
	for _, bad := range []float64{TQuantile(0.975, 0), TQuantile(1, 3), TUpper(1, -1)} {
		if !math.IsNaN(bad) {
			t.Errorf("want NaN, got %g", bad)
		}
	}
	if got := TUpper(math.Inf(1), 3); got != 0 {
		t.Errorf("t = +Inf: got %g", got)
	}
}

// The level itself rejects, also of a sign-flip test of 9,999 draws, which can
// meet it exactly.
func TestRejects(t *testing.T) {
	for _, c := range []struct {
		p    float64
		want bool
	}{{0, true}, {(1 + 499.) / (1 + 9999), true}, {math.Nextafter(.05, 1), false}, {1, false}, {math.NaN(), false}} {
		if Rejects(c.p, .05) != c.want {
			t.Errorf("%v at 0.05: want %v", c.p, c.want)
		}
	}
}

func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{[]float64{.01, .02, .03, .04, .05}, []float64{.05, .08, .09, .09, .09}},
		{[]float64{.3, .001, .040, .010, .012}, []float64{.3, .005, .08, .04, .04}},
		{nil, nil},
	} {
		got := Holm(c.p)
		for i := range c.want {
			near(t, "holm", got[i], c.want[i], 1e-12)
		}
	}
}

// A claim is rejected at its step exactly where its adjusted p is at most alpha.
func TestHolmSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		p := make([]float64, 1+rng.IntN(6))
		for i := range p {
			p[i] = rng.Float64() * rng.Float64() * 0.1
		}
		adj, steps := Holm(p), HolmSteps(p, 0.05)
		for i := range p {
			if Rejects(p[i], steps[i]) != Rejects(adj[i], 0.05) {
				t.Fatalf("p %v: step %g of %g, adjusted %g", p, steps[i], p[i], adj[i])
			}
		}
	}
}

func TestFieller(t *testing.T) {
	low, high, ok := Fieller(.10, .25, .04*.04, .03*.03, 0, 2.262)
	if !ok {
		t.Fatal("unbounded")
	}
	near(t, "low", low, .0379336, 5e-7)
	near(t, "high", high, .8256985, 5e-7)
	if _, _, ok := Fieller(.1, .05, .0016, .0009, 0, 2.262); ok {
		t.Error("a denominator within its noise must be unbounded")
	}
}

func TestLinks(t *testing.T) {
	near(t, "empirical logit at 0", EmpiricalLogit(0, 20), math.Log(.5/20.5), 1e-12)
	near(t, "empirical logit at 1", EmpiricalLogit(1, 20), -math.Log(.5/20.5), 1e-12)
	for _, x := range []float64{-800, -3, 0, .7, 800} {
		near(t, "expit", Expit(x)+Expit(-x), 1, 1e-15)
	}
	near(t, "inverse", Expit(math.Log(.3/.7)), .3, 1e-15)
	near(t, "slope", ExpitSlope(1.3), (Expit(1.3+1e-6)-Expit(1.3-1e-6))/2e-6, 1e-9)
}

// Longley's data with the certified values of NIST's StRD: a badly conditioned
// design.
func TestLongley(t *testing.T) {
	rows := [][]float64{
		{60323, 83.0, 234289, 2356, 1590, 107608, 1947},
		{61122, 88.5, 259426, 2325, 1456, 108632, 1948},
		{60171, 88.2, 258054, 3682, 1616, 109773, 1949},
		{61187, 89.5, 284599, 3351, 1650, 110929, 1950},
		{63221, 96.2, 328975, 2099, 3099, 112075, 1951},
		{63639, 98.1, 346999, 1932, 3594, 113270, 1952},
		{64989, 99.0, 365385, 1870, 3547, 115094, 1953},
		{63761, 100.0, 363112, 3578, 3350, 116219, 1954},
		{66019, 101.2, 397469, 2904, 3048, 117388, 1955},
		{67857, 104.6, 419180, 2822, 2857, 118734, 1956},
		{68169, 108.4, 442769, 2936, 2798, 120445, 1957},
		{66513, 110.8, 444546, 4681, 2637, 121950, 1958},
		{68655, 112.6, 482704, 3813, 2552, 123366, 1959},
		{69564, 114.2, 502601, 3931, 2514, 125368, 1960},
		{69331, 115.7, 518173, 4806, 2572, 127852, 1961},
		{70551, 116.9, 554894, 4007, 2827, 130081, 1962},
	}
	x := make([][]float64, 7)
	var y []float64
	for _, r := range rows {
		y = append(y, r[0])
		x[0] = append(x[0], 1)
		for j := 1; j < 7; j++ {
			x[j] = append(x[j], r[j])
		}
	}
	all := NewBasis(len(y))
	for _, col := range x {
		if !all.Add(col) {
			t.Fatal("a column is taken for a combination of others")
		}
	}
	if all.Add(x[1]) {
		t.Error("a repeated column must add nothing")
	}
	residual := all.Leftover(y)
	sigma := math.Sqrt(dot(residual, residual) / float64(len(y)-len(x)))
	near(t, "sigma", sigma, 304.854073561965, 1e-6)
	want := []float64{-3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359, -0.511041056535807e-01, 1829.15146461355}
	for j, coefficient := range want {
		others := NewBasis(len(y))
		for k, col := range x {
			if k != j {
				others.Add(col)
			}
		}
		w := others.SlopeWeights(x[j])
		near(t, "coefficient", dot(w, y)/coefficient, 1, 1e-8)
		if j == 0 {
			near(t, "SE of the constant", sigma*math.Sqrt(dot(w, w))/890420.383607373, 1, 1e-8)
		}
	}
}

func TestBasisAliased(t *testing.T) {
	// log2 of K and of T = 200·K: the same axis but for a constant.
	var k, pairs []float64
	for _, v := range []float64{1, 3, 12, 48} {
		k = append(k, math.Log2(v))
		pairs = append(pairs, math.Log2(200*v))
	}
	b := NewBasis(4)
	b.Add([]float64{1, 1, 1, 1})
	b.Add(k)
	if b.SlopeWeights(pairs) != nil {
		t.Error("want nil weights for an aliased column")
	}
	if got := b.Rank(); got != 2 {
		t.Errorf("rank %d, want 2", got)
	}
}

// A crossed fit with only a constant is the crossed mean, and the jackknife of
// a mean has the same two parts.
func TestCrossedForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const units, langs = 5, 7
	m := make([][]float64, units)
	ones := make([]float64, units)
	w := make([]float64, units)
	for u := range m {
		ones[u], w[u] = 1, 1.0/units
		for range langs {
			m[u] = append(m[u], rng.NormFloat64())
		}
	}
	a := CrossedMean(m)
	b := NewBasis(units)
	b.Add(ones)
	c := FitCrossed(m, b).Contrast(w)
	j, ok := Jackknife(units, langs, 1, func(skipU, skipL int) (float64, bool) {
		var s, n float64
		for u := range m {
			for l := range m[u] {
				if u != skipU && l != skipL {
					s += m[u][l]
					n++
				}
			}
		}
		return s / n, true
	})
	if !ok {
		t.Fatal("jackknife")
	}
	for _, o := range []Crossed{c, j} {
		near(t, "value", o.Value, a.Value, 1e-13)
		near(t, "languages", o.VLang, a.VLang, 1e-13)
		near(t, "units", o.VUnit, a.VUnit, 1e-13)
		near(t, "df", o.DFUnit, a.DFUnit, 0)
	}
	near(t, "rest", c.VRest, a.VRest, 1e-13)
}

// The three parts must average to what the components say.
func TestCrossedUnbiased(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const units, langs, reps = 4, 6, 20000
	const sl, su, se = .3, .2, .5
	var vl, vu, ve float64
	for range reps {
		m := make([][]float64, units)
		l := make([]float64, langs)
		for i := range l {
			l[i] = sl * rng.NormFloat64()
		}
		for u := range m {
			x := su * rng.NormFloat64()
			m[u] = make([]float64, langs)
			for i := range l {
				m[u][i] = l[i] + x + se*rng.NormFloat64()
			}
		}
		c := CrossedMean(m)
		vl += c.VLang / reps
		vu += c.VUnit / reps
		ve += c.VRest / reps
	}
	rest := se * se / (units * langs)
	near(t, "languages", vl, sl*sl/langs+rest, .001)
	near(t, "units", vu, su*su/units+rest, .001)
	near(t, "rest", ve, rest, .0003)
}

// A 95 % interval on pooled variances misses the truth about as often as it
// should, wherever the variance lies, and one on Var is far too wide where it
// is all within units.
func TestPooledCoverage(t *testing.T) {
	const reps = 3000
	for _, c := range []struct {
		units, langs int
		unit, lang   float64 // parts of the variance, in units of the rest
		least, most  float64 // share that miss
	}{
		{3, 5, 0, 0, .008, .03},
		{3, 5, 5, 0, .03, .07},
		{3, 8, 2, 2, .025, .06},
		{5, 8, 1, 0, .025, .055},
		{8, 6, 0, 2, .025, .055},
		{8, 16, 5, 5, .035, .06},
	} {
		rng := rand.New(rand.NewPCG(9, uint64(c.units*100+c.langs)))
		rest := 1 / float64(c.units*c.langs)
		su, sl := math.Sqrt(c.unit*rest*float64(c.units)), math.Sqrt(c.lang*rest*float64(c.langs))
		miss := 0
		for range reps {
			lang := make([]float64, c.langs)
			for i := range lang {
				lang[i] = sl * rng.NormFloat64()
			}
			m := make([][]float64, c.units)
			for u := range m {
				x := su * rng.NormFloat64()
				m[u] = make([]float64, c.langs)
				for i := range lang {
					m[u][i] = lang[i] + x + rng.NormFloat64()
				}
			}
			got := CrossedMean(m)
			v, df := got.Pooled()
			if math.Abs(got.Value) > TQuantile(.975, df)*math.Sqrt(v) {
				miss++
			}
		}
		if p := float64(miss) / reps; p < c.least || p > c.most {
			t.Errorf("%d units, %d languages, parts %g and %g: %.3f miss, want %.3f to %.3f", c.units, c.langs, c.unit, c.lang, p, c.least, c.most)
		}
	}
}

func TestPooledParts(t *testing.T) {
	c := Crossed{VLang: 3, VUnit: 4, VRest: 1, DFLang: 7, DFUnit: 3}
	v, df := c.Pooled()
	near(t, "both", v, 6, 0)
	near(t, "both, df", df, c.DF(), 0)
	c.VLang = .5
	v, df = c.Pooled()
	near(t, "units only", v, 4, 0)
	near(t, "units only, df", df, 3, 0)
	c.VUnit, c.VLang = .5, 3
	v, df = c.Pooled()
	near(t, "languages only", v, 3, 0)
	near(t, "languages only, df", df, 7, 0)
	c.VLang = .5
	v, df = c.Pooled()
	near(t, "neither", v, (.5*3+.5*7+1*21)/31, 1e-15)
	near(t, "neither, df", df, 31, 0)
}
