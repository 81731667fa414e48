package stats

import (
	"math"
	"sort"
)

// KendallTauB returns Kendall's rank correlation with the correction for ties
// in either list, τ_b. It takes n·log n (Knight 1966). NaN where a list is
// constant or has fewer than two values. The lists have equal lengths.
func KendallTauB(x, y []float64) float64 {
	n := len(x)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool {
		i, j := order[a], order[b]
		if x[i] != x[j] {
			return x[i] < x[j]
		}
		return y[i] < y[j]
	})
	pairs := func(t int) float64 { return float64(t) * float64(t-1) / 2 }
	var tiesX, tiesXY, tiesY float64
	ys := make([]float64, n)
	for i := 0; i < n; {
		j := i
		for j < n && x[order[j]] == x[order[i]] {
			ys[j] = y[order[j]]
			j++
		}
		tiesX += pairs(j - i)
		for a := i; a < j; {
			b := a
			for b < j && ys[b] == ys[a] {
				b++
			}
			tiesXY += pairs(b - a)
			a = b
		}
		i = j
	}
	swaps := float64(inversions(ys, make([]float64, n)))
	for i := 0; i < n; { // ys is sorted now
		j := i
		for j < n && ys[j] == ys[i] {
			j++
		}
		tiesY += pairs(j - i)
		i = j
	}
	total := pairs(n)
	return (total - tiesX - tiesY + tiesXY - 2*swaps) / math.Sqrt((total-tiesX)*(total-tiesY))
}

// inversions sorts x and returns how many pairs stood in the wrong order.
func inversions(x, spare []float64) int {
	n := len(x)
	if n < 2 {
		return 0
	}
	m := n / 2
	count := inversions(x[:m], spare[:m]) + inversions(x[m:], spare[m:])
	copy(spare, x)
	i, j := 0, m
	for k := range x {
		if j == n || i < m && spare[i] <= spare[j] {
			x[k] = spare[i]
			i++
		} else {
			x[k] = spare[j]
			j++
			count += m - i
		}
	}
	return count
}

// TauAP returns τ_AP of a ranking against a true one: Kendall's τ in which
// mistakes near the top weigh more (Yilmaz, Aslam and Robertson 2008),
//
//	2/(n−1)·Σᵢ₌₂ⁿ C(i)/(i−1) − 1
//
// where C(i) counts those of the i−1 items above rank i that are above the
// i-th item in truth too. It is not symmetric. Both hold the same items, each
// once, best first; NaN where they do not or there are fewer than two.
func TauAP[T comparable](ranking, truth []T) float64 {
	n := len(truth)
	if len(ranking) != n || n < 2 {
		return math.NaN()
	}
	at := make(map[T]int, n)
	for i, v := range truth {
		at[v] = i + 1
	}
	tree := make([]int, n+1) // of Fenwick: how many items above are at each true rank
	sum, distinct := 0.0, len(at)
	for i, v := range ranking {
		rank, ok := at[v]
		if !ok {
			return math.NaN()
		}
		delete(at, v)
		correct := 0
		for k := rank; k > 0; k &= k - 1 {
			correct += tree[k]
		}
		if i > 0 {
			sum += float64(correct) / float64(i)
		}
		for k := rank; k <= n; k += k & -k {
			tree[k]++
		}
	}
	if distinct != n {
		return math.NaN()
	}
	return float64(2/float64(n-1)*sum) - 1
}

// RBO returns the rank-biased overlap of two rankings, best first, each item
// once: ext extrapolates the agreement at the end of what is seen to all
// depths, min is what is certain (Webber, Moffat and Zobel 2010, equations 32
// and 11). p in (0, 1) is how likely a reader is to go on to the next rank.
// Rankings may differ in length; an empty one has overlap 0 with any other,
// two empty ones NaN.
func RBO[T comparable](a, b []T, p float64) (ext, minimum float64) {
	if len(a) > len(b) {
		a, b = b, a
	}
	s, l := len(a), len(b)
	switch {
	case l == 0 || !(p > 0 && p < 1):
		return math.NaN(), math.NaN()
	case s == 0:
		return 0, 0
	}
	const inA, inB = 1, 2
	seen := make(map[T]uint8, l)
	overlap := make([]float64, l+1) // X_d
	x := 0
	add := func(v T, side uint8) {
		was := seen[v]
		if was|side == inA|inB && was != inA|inB {
			x++
		}
		seen[v] = was | side
	}
	for d := 1; d <= l; d++ {
		if d <= s {
			add(a[d-1], inA)
		}
		add(b[d-1], inB)
		overlap[d] = float64(x)
	}
	xs, xl := overlap[s], overlap[l]
	w := 1.0
	var extSum, minSum float64
	for d := 1; d <= l; d++ {
		w *= p
		extSum += float64(overlap[d] / float64(d) * w)
		if d > s {
			extSum += float64(xs * float64(d-s) / float64(s*d) * w)
		}
		minSum += float64((overlap[d] - xl) / float64(d) * w)
	}
	ext = float64((1-p)/p*extSum) + float64(((xl-xs)/float64(l)+xs/float64(s))*w)
	minimum = (1 - p) / p * (minSum - float64(xl*math.Log1p(-p)))
	return ext, minimum
}
