package stats

import (
	"slices"
	"strconv"
)

// Groups returns the sets of systems that cannot be told apart: all maximal
// sets in which no two are separable, each ordered by mean, best first and
// equal means by index, and the sets by their members in that order. separable
// is symmetric; it is asked with i < j.
//
// Being told apart is not transitive: a system may stand in several sets, as
// where the second can be told neither from the first nor from the third, which
// differ. A set need not be a stretch of the order by means: two systems with
// steady differences may be separable while one that lies between them is
// separable from neither. Two systems share a set exactly where they are not
// separable (compact letter display; Piepho 2004).
func Groups(means []float64, separable func(i, j int) bool) [][]int {
	n := len(means)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case means[a] > means[b]:
			return -1
		case means[a] < means[b]:
			return 1
		}
		return 0
	})
	joined := make([][]bool, n) // by place in order
	for a := range joined {
		joined[a] = make([]bool, n)
	}
	for a := range n {
		for b := a + 1; b < n; b++ {
			i, j := min(order[a], order[b]), max(order[a], order[b])
			joined[a][b] = !separable(i, j)
			joined[b][a] = joined[a][b]
		}
	}
	neighbours := func(of int, in []int) []int {
		var out []int
		for _, v := range in {
			if joined[of][v] {
				out = append(out, v)
			}
		}
		return out
	}
	// Bron and Kerbosch 1973 with a pivot: all maximal cliques.
	var sets [][]int
	var grow func(set, open, done []int)
	grow = func(set, open, done []int) {
		if len(open) == 0 && len(done) == 0 {
			sets = append(sets, slices.Sorted(slices.Values(set)))
			return
		}
		pivot, most := -1, -1
		for _, v := range append(slices.Clone(open), done...) {
			if c := len(neighbours(v, open)); c > most {
				pivot, most = v, c
			}
		}
		for _, v := range slices.Clone(open) {
			if joined[pivot][v] {
				continue
			}
			grow(append(slices.Clone(set), v), neighbours(v, open), neighbours(v, done))
			open = slices.DeleteFunc(slices.Clone(open), func(w int) bool { return w == v })
			done = append(slices.Clone(done), v)
		}
	}
	if n > 0 {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		grow(nil, all, nil)
	}
	slices.SortFunc(sets, slices.Compare)
	for _, set := range sets {
		for k, place := range set {
			set[k] = order[place]
		}
	}
	return sets
}

// Letters writes groups of n systems as compact letters: systems that share a
// letter cannot be told apart. The first group is a; after z come A to Z, then
// numbers in parentheses.
func Letters(n int, groups [][]int) []string {
	out := make([]string, n)
	for g, set := range groups {
		letter := "(" + strconv.Itoa(g+1) + ")"
		switch {
		case g < 26:
			letter = string(rune('a' + g))
		case g < 52:
			letter = string(rune('A' + g - 26))
		}
		for _, i := range set {
			out[i] += letter
		}
	}
	return out
}
