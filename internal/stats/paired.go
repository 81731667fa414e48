package stats

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// Paired describes the differences of two systems on the same queries and
// tests whether their mean is 0.
//
// Where all differences are equal there is no spread to judge by: SD, SE and
// Skew are 0 and the interval is the mean itself. If that mean is 0, T, DZ and
// G are 0 and P is 1; otherwise T and DZ are infinite, G too, and P is 0. With
// fewer than two differences SD, SE, T, P, the limits, DZ, G and Skew are NaN.
type Paired struct {
	N         int
	Mean      float64
	SD        float64 // of the differences, n−1
	SE        float64 // of the mean
	T, DF, P  float64 // Student's t, n−1 degrees of freedom, two-sided p
	Low, High float64 // limits of the mean

	DZ float64 // Mean/SD, Cohen's d of paired differences
	G  float64 // DZ without its bias in small samples (Hedges 1981); NaN for n < 3

	Wins, Ties, Losses int     // differences above, equal to and below 0
	Skew               float64 // third standardised moment, m₃/m₂^{3/2}
}

// Superiority returns the share of wins with ties counted half: the
// probability that the first system is better on a query drawn at random.
func (p Paired) Superiority() float64 {
	return (float64(p.Wins) + float64(p.Ties)/2) / float64(p.N)
}

// PairedT is the paired t-test of differences, with an interval of the given
// level, such as 0.95. See [Paired] for what happens without spread.
func PairedT(diff []float64, level float64) Paired {
	n := len(diff)
	nan := math.NaN()
	r := Paired{N: n, Mean: Mean(diff), DF: float64(n - 1)}
	for _, d := range diff {
		switch {
		case d > 0:
			r.Wins++
		case d < 0:
			r.Losses++
		case d == 0:
			r.Ties++
		}
	}
	if n < 2 {
		r.DF = 0
		r.SD, r.SE, r.T, r.P, r.Low, r.High, r.DZ, r.G, r.Skew = nan, nan, nan, nan, nan, nan, nan, nan, nan
		return r
	}
	if constant(diff) {
		// Summing rounds: the mean of equal numbers is that number.
		r.Mean = diff[0]
		r.Low, r.High, r.P = r.Mean, r.Mean, 1
		if r.Mean != 0 {
			r.P = 0
			r.T = math.Inf(1)
			if r.Mean < 0 {
				r.T = math.Inf(-1)
			}
			r.DZ, r.G = r.T, r.T
		}
		return r
	}
	var m2, m3 float64
	for _, d := range diff {
		e := d - r.Mean
		m2 += float64(e * e)
		m3 += float64(e * e * e)
	}
	r.SD = math.Sqrt(m2 / r.DF)
	r.SE = r.SD / math.Sqrt(float64(n))
	r.T = r.Mean / r.SE
	r.P = min(1, 2*TUpper(math.Abs(r.T), r.DF))
	half := TQuantile((1+level)/2, r.DF) * r.SE
	r.Low, r.High = r.Mean-half, r.Mean+half
	r.DZ = r.Mean / r.SD
	r.G = hedges(r.DF) * r.DZ
	r.Skew = (m3 / float64(n)) / math.Pow(m2/float64(n), 1.5)
	return r
}

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// hedges is the factor Γ(ν/2)/(Γ((ν−1)/2)·√(ν/2)) that makes a standardised
// difference unbiased (Hedges 1981); NaN for ν < 2, where it has no
// expectation.
func hedges(df float64) float64 {
	if df < 2 {
		return math.NaN()
	}
	a, _ := math.Lgamma(df / 2)
	b, _ := math.Lgamma((df - 1) / 2)
	return math.Exp(a-b) / math.Sqrt(df/2)
}

// SignFlips is how many random assignments of signs are drawn by default.
const SignFlips = 9999

// exactFlips is up to how many differences other than 0 all assignments of
// signs are looked at.
const exactFlips = 20

// sameSum is by how much of Σ|d| two sums of ±d may differ and still count as
// equal: what is the same sum in another order must not be decided by rounding.
const sameSum = 1e-12

// SignFlip is Fisher's randomisation test of paired differences: the two-sided
// probability that |Σ±dᵢ| is at least |Σdᵢ| where every sign is as likely as
// the other. Up to 20 differences other than 0 (which change nothing) all
// assignments are enumerated, exact is true and p is their share. Otherwise
// draws assignments (0: [SignFlips]) are drawn, and p is (1+c)/(draws+1) where c
// of them reach the sum, so that it is never 0 (Phipson and Smyth 2010).
//
// Equal differences, draws and seed give equal p, on any machine.
func SignFlip(diff []float64, draws int, seed uint64) (p float64, exact bool) {
	var d []float64
	var sum, size float64
	for _, v := range diff {
		if v != 0 {
			d = append(d, v)
			sum += v
			size += math.Abs(v)
		}
	}
	if draws <= 0 {
		draws = SignFlips
	}
	reach := math.Abs(sum) - sameSum*size
	if len(d) <= exactFlips {
		low, high := signedSums(d[:len(d)/2]), signedSums(d[len(d)/2:])
		count := 0
		for _, a := range low {
			for _, b := range high {
				if math.Abs(a+b) >= reach {
					count++
				}
			}
		}
		return float64(count) / float64(len(low)*len(high)), true
	}
	// Sixty-four differences take one random word per draw, whose bytes choose
	// from tables of the sums of eight. A stream per word keeps what is drawn
	// independent of how the work is cut.
	sums := make([]float64, draws)
	for w := 0; w < len(d); w += 64 {
		part := d[w:min(w+64, len(d))]
		rng := rand.NewPCG(seed, uint64(w/64))
		var tables [8][256]float64
		n := (len(part) + 7) / 8
		for k := range n {
			for i, s := range signedSums(part[8*k : min(8*k+8, len(part))]) {
				tables[k][i] = s
			}
		}
		if rest := len(part) % 8; rest != 0 { // unused bits must not matter
			last := &tables[n-1]
			for i := 1 << rest; i < 256; i++ {
				last[i] = last[i&(1<<rest-1)]
			}
		}
		for i := range sums {
			word := rng.Uint64()
			var s float64
			for k := range n {
				s += tables[k][byte(word>>(8*k))]
			}
			sums[i] += s
		}
	}
	count := 0
	for _, s := range sums {
		if math.Abs(s) >= reach {
			count++
		}
	}
	return float64(1+count) / float64(draws+1), false
}

// signedSums returns Σ±dᵢ for all 2ⁿ assignments of signs; bit i of the index
// set means minus.
func signedSums(d []float64) []float64 {
	out := make([]float64, 1<<len(d))
	for _, v := range d {
		out[0] += v
	}
	for i := 1; i < len(out); i++ {
		low := bits.TrailingZeros(uint(i))
		out[i] = out[i&(i-1)] - 2*d[low]
	}
	return out
}

// SignTest returns the exact two-sided p value of the sign test: that of a
// fair coin with at least so lopsided an outcome, min(1, 2·P(X ≤ min)). Ties
// are left out by the caller. Without wins and losses it is 1.
//
// It asks about medians, not means, and finds too much where differences are
// skewed (Urbano, Lima and Hanjalic 2019); it is here to compare with
// published numbers.
func SignTest(wins, losses int) float64 {
	k, n := min(wins, losses), wins+losses
	if n == 0 || 2*k == n {
		return 1
	}
	return min(1, 2*mathext.RegIncBeta(float64(n-k), float64(k+1), 0.5))
}

// exactRanks is up to how many differences Wilcoxon enumerates.
const exactRanks = 50

// Wilcoxon is the signed-rank test: the sums of the ranks of positive and of
// negative differences, and the two-sided p value. Zeros are dropped and equal
// absolute values share their mean rank. Up to 50 differences p is exact, over
// all assignments of signs to these ranks; beyond that it is the normal
// approximation with the correction for ties and none for continuity, as in
// scipy. Without differences p is 1.
//
// Where differences are skewed it rejects a mean of 0 far too often, the more
// so the more queries there are; it is here to compare with published numbers.
func Wilcoxon(diff []float64) (plus, minus, p float64, exact bool) {
	var size []float64
	var positive []bool
	for _, d := range diff {
		if d != 0 {
			size = append(size, math.Abs(d))
			positive = append(positive, d > 0)
		}
	}
	n := len(size)
	if n == 0 {
		return 0, 0, 1, true
	}
	ranks, ties := midRanks(size)
	for i, r := range ranks {
		if positive[i] {
			plus += r
		} else {
			minus += r
		}
	}
	least := min(plus, minus)
	if n > exactRanks {
		m := float64(n)
		variance := m*(m+1)*(2*m+1)/24 - ties/48
		z := (least - m*(m+1)/4) / math.Sqrt(variance)
		return plus, minus, min(1, 2*TUpper(-z, math.Inf(1))), false
	}
	// ways[s] is the share of assignments whose positive ranks sum to s/2.
	ways := make([]float64, n*(n+1)+1)
	ways[0] = 1
	top := 0
	for _, r := range ranks {
		step := int(2 * r)
		top += step
		for s := top; s >= 0; s-- {
			w := ways[s] / 2
			if s >= step {
				w += ways[s-step] / 2
			}
			ways[s] = w
		}
	}
	for s := 0; s <= int(2*least); s++ {
		p += ways[s]
	}
	return plus, minus, min(1, 2*p), true
}

// midRanks returns the ranks of x from 1, equal values sharing their mean, and
// Σ(t³−t) over groups of t equal values.
func midRanks(x []float64) (ranks []float64, ties float64) {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return x[order[a]] < x[order[b]] })
	ranks = make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return ranks, ties
}

// MinDetectable returns the smallest difference that a test at the given level
// finds with the given power, for an estimate with standard error se and df
// degrees of freedom: (t₍₁₊level₎/₂ + t_power)·se.
func MinDetectable(se, df, level, power float64) float64 {
	return (TQuantile((1+level)/2, df) + TQuantile(power, df)) * se
}

// QueriesNeeded returns how many queries a paired test at the given level
// needs to find a mean difference delta with the given power, where
// differences have the standard deviation sd: ⌈((z₍₁₊level₎/₂+z_power)·sd/delta)²⌉.
// It is +Inf where delta is 0.
func QueriesNeeded(sd, delta, level, power float64) float64 {
	z := (NormalQuantile((1+level)/2) + NormalQuantile(power)) * sd / delta
	return math.Ceil(z * z)
}
