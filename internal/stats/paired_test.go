package stats

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What has no spread, or nothing at all, has the values that Paired says.
func TestPairedWithoutSpread(t *testing.T) {
	same := PairedT([]float64{0, 0, 0}, .95)
	if d := cmp.Diff(Paired{N: 3, DF: 2, P: 1, Ties: 3}, same); d != "" {
		t.Errorf("zeros (-want +got):\n%s", d)
	}
	worse := PairedT([]float64{-.1, -.1, -.1}, .95)
	inf := math.Inf(-1)
	if d := cmp.Diff(Paired{N: 3, Mean: -.1, Low: -.1, High: -.1, DF: 2, T: inf, DZ: inf, G: inf, Losses: 3}, worse); d != "" {
		t.Errorf("equal losses (-want +got):\n%s", d)
	}
	for _, d := range [][]float64{nil, {.5}} {
		r := PairedT(d, .95)
		if r.N != len(d) || !math.IsNaN(r.P) || !math.IsNaN(r.Low) || !math.IsNaN(r.G) {
			t.Errorf("%v: %+v", d, r)
		}
	}
	if two := PairedT([]float64{.1, .2}, .95); !math.IsNaN(two.G) || math.IsNaN(two.P) {
		t.Errorf("two differences: %+v", two)
	}
}

// The tables of sums must not change what a naive enumeration counts, and what
// is drawn must come close to what is enumerated.
func TestSignFlipEnumerates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 13 {
		d := make([]float64, n)
		for i := range d {
			d[i] = math.Round(rng.NormFloat64()*4+1) / 10
		}
		var sum float64
		for _, v := range d {
			sum += v
		}
		count := 0
		for mask := range 1 << n {
			var s float64
			for i, v := range d {
				if mask>>i&1 == 1 {
					v = -v
				}
				s += v
			}
			if math.Abs(s) >= math.Abs(sum)-1e-9 {
				count++
			}
		}
		p, exact := SignFlip(d, 0, 7)
		if !exact {
			t.Fatal("want the exact test")
		}
		near(t, "p", p, float64(count)/float64(int(1)<<n), 0)
	}
}

func TestSignFlipDraws(t *testing.T) {
	// Three groups of equal differences: the distribution of the sum is that
	// of three binomials, so p has a closed form for any n.
	for _, n := range []int{24, 63, 64, 65, 71, 200} {
		var d []float64
		for i := range n {
			d = append(d, []float64{.1, .3, -.2}[i%3])
		}
		var sum float64
		for _, v := range d {
			sum += v
		}
		dist := map[int]float64{0: 1}
		for _, v := range d {
			next := map[int]float64{}
			step := int(math.Round(10 * v))
			for s, w := range dist {
				next[s+step] += w / 2
				next[s-step] += w / 2
			}
			dist = next
		}
		var want float64
		for s, w := range dist {
			if math.Abs(float64(s))/10 >= math.Abs(sum)-1e-9 {
				want += w
			}
		}
		const draws = 40000
		p, exact := SignFlip(d, draws, 3)
		if exact {
			t.Fatal("want draws")
		}
		near(t, "p of "+strconv.Itoa(n), p, want, 5*math.Sqrt(want*(1-want)/draws)+1.0/draws)
		again, _ := SignFlip(d, draws, 3)
		near(t, "again", again, p, 0)
		if other, _ := SignFlip(d, draws, 4); other == p && want > .01 {
			t.Errorf("n = %d: another seed drew the same", n)
		}
	}
}

func TestSignFlipZeros(t *testing.T) {
	p, exact := SignFlip(make([]float64, 500), 0, 1)
	if p != 1 || !exact {
		t.Errorf("zeros: p %g, exact %v", p, exact)
	}
	// Zeros change nothing: 20 others are still enumerated.
	d := make([]float64, 500)
	for i := range 20 {
		d[20*i] = 1
	}
	p, exact = SignFlip(d, 0, 1)
	if p != math.Ldexp(2, -20) || !exact {
		t.Errorf("20 of 500: p %g, exact %v", p, exact)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, n := range []int{3, 30} {
			d := make([]float64, n)
			for i := range d {
				d[i] = 1
			}
			d[n/2] = bad
			if p, exact := SignFlip(d, 0, 1); !math.IsNaN(p) || !exact {
				t.Errorf("%d differences with %g: p %g, exact %v", n, bad, p, exact)
			}
		}
	}
	// Never 0, and on the scale of the draws.
	d = make([]float64, 400)
	for i := range d {
		d[i] = 1
	}
	p, _ = SignFlip(d, 0, 1)
	near(t, "smallest", p, 1e-4, 1e-18)
}

// Under the null, where the two scores of a query are swapped at random and
// many are 0 as reciprocal ranks are, tests of 5 % reject about as often.
func TestTypeOneErrors(t *testing.T) {
	const reps = 1500
	for _, n := range []int{25, 100} {
		rng := rand.New(rand.NewPCG(11, uint64(n)))
		rr := func() float64 {
			if rng.Float64() < .35 {
				return 0
			}
			return 1 / (1 + math.Floor(rng.ExpFloat64()*4))
		}
		var byT, byFlip int
		d := make([]float64, n)
		for rep := range reps {
			for i := range d {
				d[i] = rr() - rr()
			}
			if PairedT(d, .95).P <= .05 {
				byT++
			}
			if p, _ := SignFlip(d, 999, uint64(rep)); p <= .05 {
				byFlip++
			}
		}
		for name, c := range map[string]int{"t": byT, "sign flip": byFlip} {
			if rate := float64(c) / reps; rate < .03 || rate > .065 {
				t.Errorf("%s with %d queries rejects %.3f of true nulls, want 0.03 to 0.065", name, n, rate)
			}
		}
	}
}

// The sign test and Wilcoxon's are about medians: with a mean of 0 and a long
// tail they reject nearly always, which is why they are not here.
func TestMediansAreNotMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 1))
	const reps = 100
	var byT, bySign, byRank int
	for range reps {
		d := make([]float64, 1000)
		for i := range d {
			switch x := rng.Float64(); {
			case x < .4:
				d[i] = .1
			case x < .44:
				d[i] = -1
			}
		}
		r := PairedT(d, .95)
		if r.P <= .05 {
			byT++
		}
		gain, loss := float64(r.Wins), float64(r.Losses)
		if math.Abs(gain-loss)/math.Sqrt(gain+loss) >= 1.96 {
			bySign++
		}
		// All gains are of one size and all losses of a larger one, so that ranks
		// are these, and their sum is normal.
		n := gain + loss
		below := loss * (gain + (loss+1)/2)
		variance := n*(n+1)*(2*n+1)/24 - (gain*gain*gain-gain+loss*loss*loss-loss)/48
		if math.Abs(below-n*(n+1)/4)/math.Sqrt(variance) >= 1.96 {
			byRank++
		}
	}
	if byT > 12 || bySign < 98 || byRank < 98 {
		t.Errorf("of %d: t rejects %d, the sign test %d, Wilcoxon %d", reps, byT, bySign, byRank)
	}
}

func TestGroups(t *testing.T) {
	type pair [2]int
	for _, c := range []struct {
		name  string
		means []float64
		apart []pair
		want  [][]int
		text  []string
	}{
		{"nothing", nil, nil, nil, nil},
		{"one", []float64{1}, nil, [][]int{{0}}, []string{"a"}},
		{"alike", []float64{1, 3, 2}, nil, [][]int{{1, 2, 0}}, []string{"a", "a", "a"}},
		{"all apart", []float64{1, 3, 2}, []pair{{0, 1}, {0, 2}, {1, 2}}, [][]int{{1}, {2}, {0}}, []string{"c", "a", "b"}},
		{"a chain", []float64{3, 2, 1}, []pair{{0, 2}}, [][]int{{0, 1}, {1, 2}}, []string{"a", "ab", "b"}},
		{"the outer alike, the middle apart from the first", []float64{3, 2, 1}, []pair{{0, 1}}, [][]int{{0, 2}, {1, 2}}, []string{"a", "b", "ab"}},
		{"a square", []float64{4, 3, 2, 1}, []pair{{0, 3}, {1, 2}}, [][]int{{0, 1}, {0, 2}, {1, 3}, {2, 3}}, []string{"ab", "ac", "bd", "cd"}},
	} {
		got := Groups(c.means, func(i, j int) bool {
			if i >= j {
				t.Fatalf("asked for %d, %d", i, j)
			}
			return slices.Contains(c.apart, pair{i, j})
		})
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if c.text != nil {
			if d := cmp.Diff(c.text, Letters(len(c.means), got)); d != "" {
				t.Errorf("%s, letters (-want +got):\n%s", c.name, d)
			}
		}
	}
}

// Two share a letter exactly where they are not separable, whatever the
// decisions are.
func TestGroupsSayWhatWasDecided(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		n := 1 + rng.IntN(9)
		means := make([]float64, n)
		apart := map[[2]int]bool{}
		for i := range n {
			means[i] = float64(rng.IntN(6))
			for j := range i {
				apart[[2]int{j, i}] = rng.IntN(2) == 0
			}
		}
		groups := Groups(means, func(i, j int) bool { return apart[[2]int{i, j}] })
		text := Letters(n, groups)
		for i := range n {
			if text[i] == "" {
				t.Fatalf("%d stands in no group", i)
			}
			for j := range i {
				if strings.ContainsAny(text[i], text[j]) == apart[[2]int{j, i}] {
					t.Fatalf("%d %q and %d %q: apart %v", j, text[j], i, text[i], apart[[2]int{j, i}])
				}
			}
		}
	}
}

// testdata/scipy.csv holds random input and what scipy and statsmodels make of
// it: a line is the name of a function, the expected values, and the input,
// lists separated by semicolons. The head of
// the file names their versions.
func TestAgainstScipy(t *testing.T) {
	b, err := os.ReadFile("testdata/scipy.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(string(b)))
	r.Comment = '#'
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	numbers := func(s string) []float64 {
		var out []float64
		for f := range strings.FieldsSeq(s) {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	seen := map[string]int{}
	for line, row := range rows {
		name, want := row[0], numbers(row[1])
		var in [][]float64
		for _, f := range row[2:] {
			in = append(in, numbers(f))
		}
		seen[name]++
		var got []float64
		switch name {
		case "ttest_rel":
			p := PairedT(minus(in[0], in[1]), .95)
			got = []float64{p.T, p.P, p.Low, p.High, p.Skew}
		case "permutation_test":
			p, _ := SignFlip(in[0], 0, 1)
			got = []float64{p}
		case "kendalltau":
			got = []float64{KendallTauB(in[0], in[1])}
		case "holm":
			got = Holm(in[0])
		case "fdr_bh":
			got = BH(in[0])
		case "fdr_by":
			got = BY(in[0])
		default:
			t.Fatalf("line %d: %q", line, name)
		}
		for i := range want {
			if !(math.Abs(got[i]-want[i]) <= 1e-9*max(1e-3, math.Abs(want[i]))) {
				t.Errorf("%s, record %d, value %d: got %.15g, want %.15g", name, line+1, i, got[i], want[i])
			}
		}
	}
	if len(seen) != 6 {
		t.Errorf("functions compared: %v", seen)
	}
}
