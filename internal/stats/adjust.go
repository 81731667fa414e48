package stats

import "sort"

// Rejects tells whether a test with the value p, adjusted where there are
// several, rejects at the level alpha: at most alpha does, NaN does not.
func Rejects(p, alpha float64) bool { return p <= alpha }

// Holm returns p values adjusted for their number, in the given order:
// p₍ⱼ₎·(m−j+1), never falling, at most 1 (Holm 1979). Equal p values get equal
// adjusted ones.
func Holm(p []float64) []float64 {
	order := ascending(p)
	out := make([]float64, len(p))
	var running float64
	for j, i := range order {
		running = max(running, min(1, p[i]*float64(len(p)-j)))
		out[i] = running
	}
	return out
}

// HolmSteps returns for each p value the share of alpha at which Holm's
// procedure judges it: alpha/(m−j+1) while it rejects, and from the first
// that it does not reject on, that one's share for all.
func HolmSteps(p []float64, alpha float64) []float64 {
	order := ascending(p)
	out := make([]float64, len(p))
	stopped := 0.0
	for j, i := range order {
		a := alpha / float64(len(p)-j)
		if stopped == 0 && !Rejects(p[i], a) {
			stopped = a
		}
		if stopped > 0 {
			a = stopped
		}
		out[i] = a
	}
	return out
}

// BH returns p values adjusted for the share of false findings among those
// that are called findings: p₍ⱼ₎·m/j, never rising towards smaller p (Benjamini
// and Hochberg 1995). It holds for independent and for positively dependent
// tests.
func BH(p []float64) []float64 { return stepUp(p, 1) }

// BY is BH under any dependence: times 1+½+…+1/m (Benjamini and Yekutieli
// 2001).
func BY(p []float64) []float64 {
	var c float64
	for j := range p {
		c += 1 / float64(j+1)
	}
	return stepUp(p, c)
}

func stepUp(p []float64, factor float64) []float64 {
	order := ascending(p)
	out := make([]float64, len(p))
	running := 1.0
	for j := len(order) - 1; j >= 0; j-- {
		i := order[j]
		running = min(running, p[i]*factor*float64(len(p))/float64(j+1))
		out[i] = running
	}
	return out
}

func ascending(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] < p[order[b]] })
	return order
}
