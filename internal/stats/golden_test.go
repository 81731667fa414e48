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
	near(t, "sign test", SignTest(r.Wins, r.Losses), .1796875, 1e-14)
	plus, less, p, exact := Wilcoxon(d)
	near(t, "W+", plus, 42, 0)
	near(t, "W-", less, 3, 0)
	near(t, "Wilcoxon", p, .01953125, 0)
	if !exact {
		t.Error("Wilcoxon: want the exact test")
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

// The example of scipy.stats.wilcoxon: heights of plants.
func TestWilcoxonPlants(t *testing.T) {
	plus, less, p, exact := Wilcoxon([]float64{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75})
	near(t, "W", min(plus, less), 24, 0)
	near(t, "p", p, .041259765625, 0)
	if !exact {
		t.Error("want the exact test")
	}
}

// Smucker, Allan and Carterette 2007, a pair of TREC-3 runs over 50 topics.
func TestSignTestSmucker(t *testing.T) {
	near(t, "29 of 50", SignTest(29, 21), .3222363203575469, 1e-14) // by rational arithmetic
	near(t, "29 of 50, as printed", SignTest(29, 21), .3222, 5e-5)
	near(t, "25 of 43", SignTest(25, 18), .3603777, 5e-8)
	near(t, "25 of 43, as printed", SignTest(25, 18), .3604, 5e-5)
	near(t, "even", SignTest(7, 7), 1, 0)
	near(t, "nothing", SignTest(0, 0), 1, 0)
	near(t, "one", SignTest(1, 0), 1, 0)
	near(t, "5 of 5", SignTest(0, 5), 1.0/16, 1e-16)
}

func TestKruskalGolden(t *testing.T) {
	for _, c := range []struct {
		groups [][]float64
		h, p   float64
	}{
		// The examples of scipy.stats.kruskal.
		{[][]float64{{1, 3, 5, 7, 9}, {2, 4, 6, 8, 10}}, .2727272727, .6015081344},
		{[][]float64{{1, 1, 1}, {2, 2, 2}, {2, 2}}, 7, .0301973834},
		// Fairness of rankings.
		{[][]float64{{1, 3, 5}, {2, 4, 6}}, .4285714286, .5126907602},
		{[][]float64{{1, 2, 3}, {4, 5, 6}}, 3.8571428571, .0495346134},
		{[][]float64{{1, 4}, {2, 3}}, 0, 1},
		{[][]float64{{1, 2}, nil}, 0, 1},
		{[][]float64{{3, 3}, {3}}, 0, 1},
		{nil, 0, 1},
	} {
		h, p := Kruskal(c.groups...)
		near(t, fmt.Sprint(c.groups, " H"), h, c.h, 5e-11)
		near(t, fmt.Sprint(c.groups, " p"), p, c.p, 1e-10)
	}
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

	for name, want := range map[string]float64{"pt": .0762, "ft": .0549, "gte": .0609, "e5": .0449, "jina": .0432} {
		near(t, "Gini "+name, Gini(webFAQ[name]), want, 5e-5)
	}
	// Fine-tuning helps in all 20 languages.
	near(t, "sign test", SignTest(20, 0), 1.9e-6, 5e-8)
}

func TestQueriesNeeded(t *testing.T) {
	for _, c := range []struct {
		sd   float64
		want [3]float64
	}{
		{.25, [3]float64{4906, 1227, 197}},
		{.30, [3]float64{7064, 1766, 283}},
		{.35, [3]float64{9615, 2404, 385}},
		{.40, [3]float64{12559, 3140, 503}},
	} {
		for i, delta := range []float64{.01, .02, .05} {
			near(t, fmt.Sprint(c.sd, delta), QueriesNeeded(c.sd, delta, .95, .8), c.want[i], 0)
		}
	}
	if q := QueriesNeeded(.3, 0, .95, .8); !math.IsInf(q, 1) {
		t.Errorf("no difference: %g queries", q)
	}
	near(t, "detectable", MinDetectable(.25/math.Sqrt(4906), 1e12, .95, .8), .01, 1e-6)
}
