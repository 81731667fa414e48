package stats

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Ten queries of two systems. The expected values were computed exactly, by
// rational arithmetic and the conventions of R and scipy.
var (
	goldenA = []float64{.32, .45, .00, 1.00, .63, .50, .27, .88, .41, .73}
	goldenB = []float64{.40, .52, .11, 1.00, .59, .65, .35, .93, .39, .81}
)

func minus(b, a []float64) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = b[i] - a[i]
	}
	return d
}

func TestPairedGolden(t *testing.T) {
	d := minus(goldenB, goldenA)
	r := PairedT(d, 0.95)
	near(t, "mean", r.Mean, .056, 1e-15)
	near(t, "sd", r.SD, .0594792214, 5e-11)
	near(t, "t", r.T, 2.9773010610, 5e-11)
	near(t, "df", r.DF, 9, 0)
	near(t, "p", r.P, .0155174083, 5e-11)
	near(t, "low", r.Low, .0134511282, 5e-11)
	near(t, "high", r.High, .0985488718, 5e-11)
	near(t, "t quantile", TQuantile(.975, 9), 2.2621571628, 5e-11)
	near(t, "d_z", r.DZ, .9415052633, 5e-11)
	near(t, "J", hedges(9), .9138748918, 5e-11)
	near(t, "g_z", r.G, .8604180206, 5e-11)
	near(t, "se", r.SE, r.SD/math.Sqrt(10), 1e-16)
	if r.Wins != 7 || r.Ties != 1 || r.Losses != 2 {
		t.Errorf("wins, ties, losses: %d %d %d, want 7 1 2", r.Wins, r.Ties, r.Losses)
	}
	near(t, "superiority", r.Superiority(), .75, 0)
	p, exact := SignFlip(d, 0, 1)
	near(t, "sign flip", p, 20.0/1024, 1e-15)
	near(t, "sign flip", p, .01953125, 0)
	if !exact {
		t.Error("ten differences: want the exact test")
	}
}

// R: with(sleep, t.test(extra[group == 1], extra[group == 2], paired = TRUE))
func TestPairedSleep(t *testing.T) {
	one := []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	two := []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	r := PairedT(minus(one, two), 0.95)
	near(t, "t", r.T, -4.062128, 5e-7)
	near(t, "df", r.DF, 9, 0)
	near(t, "p", r.P, .002832890, 5e-10)
	near(t, "low", r.Low, -2.4598858, 5e-8)
	near(t, "high", r.High, -.7001142, 5e-8)
}

func TestKendallTauB(t *testing.T) {
	// The example of scipy.stats.kendalltau.
	near(t, "scipy", KendallTauB([]float64{12, 2, 1, 12, 2}, []float64{1, 4, 7, 1, 0}), -.4714045208, 5e-11)
	near(t, "same", KendallTauB([]float64{1, 2, 3}, []float64{4, 5, 6}), 1, 1e-15)
	near(t, "reverse", KendallTauB([]float64{1, 2, 3}, []float64{6, 5, 4}), -1, 1e-15)
	if v := KendallTauB([]float64{1, 1}, []float64{1, 2}); !math.IsNaN(v) {
		t.Errorf("a constant list: got %g", v)
	}
}

func letters(s string) []string { return strings.Split(s, "") }

func TestTauAP(t *testing.T) {
	near(t, "at the top", TauAP(letters("bacdefg"), letters("abcdefg")), .6666667, 5e-8)
	near(t, "at the end", TauAP(letters("abcdegf"), letters("abcdefg")), .9444444, 5e-8)
	near(t, "same", TauAP(letters("abc"), letters("abc")), 1, 0)
	near(t, "reverse", TauAP(letters("dcba"), letters("abcd")), -1, 0)
	for _, c := range [][2]string{{"ab", "ac"}, {"aa", "ab"}, {"ab", "aa"}, {"a", "a"}, {"ab", "abc"}} {
		if v := TauAP(letters(c[0]), letters(c[1])); !math.IsNaN(v) {
			t.Errorf("%v: got %g, want NaN", c, v)
		}
	}
}

func TestRBOGolden(t *testing.T) {
	a, b := letters("abcdefg"), letters("bacdhij")
	for _, c := range []struct{ p, ext, minimum float64 }{
		{.5, .4818452381, .4809220556},
		{.8, .6494232381, .6067712458},
		{.9, .6394345714, .5063711524},
		{.98, .5906376541, .2133461501},
	} {
		ext, minimum := RBO(a, b, c.p)
		near(t, fmt.Sprint("ext ", c.p), ext, c.ext, 5e-11)
		near(t, fmt.Sprint("min ", c.p), minimum, c.minimum, 5e-11)
	}
	ext, minimum := RBO(a, a, .9)
	near(t, "same ext", ext, 1, 1e-12)
	if !(minimum < 1) {
		t.Errorf("same min: %g", minimum)
	}
	ext, _ = RBO(letters("abc"), letters("xyz"), .9)
	near(t, "disjoint", ext, 0, 0)
	ext, _ = RBO(nil, letters("xyz"), .9)
	near(t, "empty", ext, 0, 0)
	// A prefix of a list agrees with it wholly as far as it goes.
	ext, _ = RBO(letters("abc"), letters("abcdefg"), .9)
	near(t, "prefix", ext, 1, 1e-12)
	x, _ := RBO(letters("ab"), letters("bxcay"), .8)
	y, _ := RBO(letters("bxcay"), letters("ab"), .8)
	near(t, "symmetry", x, y, 0)
}

func TestAdjustGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func([]float64) []float64
		p    []float64
		want []float64
	}{
		{"Holm", Holm, []float64{.01, .02, .03, .04, .05}, []float64{.05, .08, .09, .09, .09}},
		{"BH", BH, []float64{.01, .02, .03, .04, .05}, []float64{.05, .05, .05, .05, .05}},
		{"BY", BY, []float64{.01, .02, .03, .04, .05}, []float64{.1141666667, .1141666667, .1141666667, .1141666667, .1141666667}},
		{"Holm", Holm, []float64{.001, .010, .012, .040, .300}, []float64{.005, .04, .04, .08, .3}},
		{"BH", BH, []float64{.001, .010, .012, .040, .300}, []float64{.005, .02, .02, .05, .3}},
		{"BH", BH, []float64{.300, .001, .040, .010, .012}, []float64{.3, .005, .05, .02, .02}},
		{"BY", BY, []float64{.9, .8}, []float64{1, 1}},
		{"BH", BH, nil, nil},
	} {
		got := c.f(c.p)
		for i := range c.want {
			near(t, c.name, got[i], c.want[i], 5e-11)
		}
	}
}

// Published nDCG@10 of WebFAQ's repository in its 20 test languages, unrounded
// to five digits: RoBERTa pre-trained and fine-tuned, mGTE, mE5, Jina v3.
var webFAQ = map[string][]float64{
	"pt":   {.60977, .74741, .53110, .49655, .63204, .54919, .70110, .74642, .61344, .56530, .73175, .61193, .61476, .65289, .50050, .57130, .67646, .49801, .70173, .73524},
	"ft":   {.74071, .83729, .66281, .59048, .74364, .69133, .79609, .82656, .75469, .68826, .81559, .74574, .74226, .78323, .61458, .69627, .78790, .66058, .80661, .84776},
	"gte":  {.69497, .74958, .57603, .58943, .63197, .63626, .76264, .75743, .69171, .61242, .74374, .63372, .66125, .70112, .57040, .66098, .70476, .59149, .76172, .84102},
	"e5":   {.79249, .82484, .70095, .66182, .74059, .71969, .82518, .81851, .77627, .72685, .82694, .76009, .75496, .78686, .66836, .74317, .77155, .65794, .83679, .87402},
	"jina": {.84598, .87502, .74246, .66404, .78674, .76484, .86641, .84796, .82873, .74499, .85800, .80133, .81508, .83673, .71361, .78313, .82765, .70567, .86922, .88850},
}

func TestPairedOnWebFAQ(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		mean, sd, T float64
		tol         float64 // of t: as many digits as are given
	}{
		{"ft", "pt", .1172745, .021547623, 24.339924, 5e-7},
		{"e5", "ft", .0217745, .024119198, 4.0373865, 5e-8},
		{"jina", "e5", .039911, .014804212, 12.05653, 5e-6},
		{"e5", "gte", .0847615, math.NaN(), 16.563104, 5e-7},
	} {
		r := PairedT(minus(webFAQ[c.a], webFAQ[c.b]), 0.95)
		near(t, c.a+"-"+c.b+" mean", r.Mean, c.mean, 1e-12)
		if !math.IsNaN(c.sd) {
			near(t, c.a+"-"+c.b+" sd", r.SD, c.sd, 5e-10)
		}
		near(t, c.a+"-"+c.b+" t", r.T, c.T, c.tol)
	}
	near(t, "ft-pt p", PairedT(minus(webFAQ["ft"], webFAQ["pt"]), .95).P/8.7276577e-16, 1, 1e-7)
	near(t, "e5-ft p", PairedT(minus(webFAQ["e5"], webFAQ["ft"]), .95).P, 7.0347762e-4, 5e-12)

	// The difficulty of languages, as two systems see it.
	near(t, "τ ft/e5", KendallTauB(webFAQ["ft"], webFAQ["e5"]), .7894737, 5e-8)
	near(t, "τ e5/jina", KendallTauB(webFAQ["e5"], webFAQ["jina"]), .9157895, 5e-8)
}

// So many queries with such a deviation find a difference of 0.01 in 80 % of
// samples.
func TestMinDetectable(t *testing.T) {
	for n, sd := range map[float64]float64{4906: .25, 7064: .30, 9615: .35, 12559: .40} {
		near(t, fmt.Sprint("detectable with ", n), MinDetectable(sd/math.Sqrt(n), 1e12, .95, .8), .01, 1e-6)
	}
}
