package stats

import (
	"math"
	"math/bits"
	"math/rand/v2"
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
	half := float64(TQuantile((1+level)/2, r.DF) * r.SE)
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
// Equal differences, draws and seed give equal p, on any machine. Where a
// difference is NaN or infinite, so is the sum: p is NaN.
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
	if math.IsNaN(size) || math.IsInf(size, 0) {
		return math.NaN(), true
	}
	if draws <= 0 {
		draws = SignFlips
	}
	reach := math.Abs(sum) - float64(sameSum*size)
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

// MinDetectable returns the smallest difference that a test at the given level
// finds with the given power, for an estimate with standard error se and df
// degrees of freedom: (t₍₁₊level₎/₂ + t_power)·se.
func MinDetectable(se, df, level, power float64) float64 {
	return (TQuantile((1+level)/2, df) + TQuantile(power, df)) * se
}
