package collection

import (
	"cmp"
	"slices"
)

// balance is an assignment of languages to groups: used[e] pairs of each cell
// (edge) e, such that each language gives its quota and the sum of squared
// loads of the groups is as small as possible.
type balance struct {
	used []int // per edge
	room []int // per edge: rows that the cell has
	load []int // per group

	edges  []edge  // by language, in seeded order within
	first  []int   // edges of language l are first[l] to first[l+1]
	byGrp  [][]int // edges of each group
	langOf []int   // per edge
}

type edge struct {
	group int
	cell  int // index into the cells of its language
	edge  int // index into used
}

// cellsOf lists the edges of a language in seeded order.
func (b *balance) cellsOf(l int) []edge { return b.edges[b.first[l]:b.first[l+1]] }

// balance assigns quotas[l] pairs of each language to groups.
//
// A greedy pass gives each language the groups that are used least so far,
// ties in seeded order; with complete data this is already even. Then, while
// some chain of exchanges moves one use from a group to another that has at
// least two fewer, it is carried out. When no chain is left the assignment is
// optimal (the argument for semi-matchings: Harvey, Ladner, Lovász and Tamir,
// "Semi-matchings for bipartite graphs and load balancing", 2006).
func (m *mixer) balance(quotas []int) *balance {
	b := &balance{load: make([]int, len(m.groups)), byGrp: make([][]int, len(m.groups)), first: make([]int, 1, len(m.langs)+1)}
	type place struct {
		tie  uint64
		cell int
	}
	for l, cells := range m.cells {
		turn := make([]place, len(cells))
		for i := range turn {
			g := m.groups[cells[i].group]
			turn[i] = place{m.order("cell", m.langs[l], g.name, hex64(g.hash)), i}
		}
		slices.SortFunc(turn, func(x, y place) int {
			if x.tie != y.tie {
				return cmp.Compare(x.tie, y.tie)
			}
			return m.groups[cells[x.cell].group].compare(m.groups[cells[y.cell].group])
		})
		for _, at := range turn {
			e, c := len(b.edges), cells[at.cell]
			b.edges = append(b.edges, edge{group: c.group, cell: at.cell, edge: e})
			b.room = append(b.room, len(c.rows))
			b.langOf = append(b.langOf, l)
			b.byGrp[c.group] = append(b.byGrp[c.group], e)
		}
		b.first = append(b.first, len(b.edges))
	}
	b.used = make([]int, len(b.edges))
	// The loop over languages starts anywhere, but not always at the first.
	turn := make([]int, len(m.langs))
	tie := make([]uint64, len(m.langs))
	for i := range turn {
		turn[i], tie[i] = i, m.order("turn", m.langs[i])
	}
	slices.SortFunc(turn, func(x, y int) int { return cmp.Or(cmp.Compare(tie[x], tie[y]), cmp.Compare(x, y)) })
	for _, l := range turn {
		b.greedy(l, quotas[l])
	}
	b.repair()
	return b
}

func (g groupKey) compare(o groupKey) int {
	return cmp.Or(cmp.Compare(g.name, o.name), cmp.Compare(g.hash, o.hash))
}

// greedy takes n uses of language l from its least loaded groups.
func (b *balance) greedy(l, n int) {
	open := slices.Clone(b.cellsOf(l))
	for n > 0 {
		// Stable: edges come in seeded order.
		slices.SortStableFunc(open, func(x, y edge) int { return cmp.Compare(b.load[x.group], b.load[y.group]) })
		rest := open[:0]
		for _, e := range open {
			if n > 0 {
				b.used[e.edge]++
				b.load[e.group]++
				n--
			}
			if b.used[e.edge] < b.room[e.edge] {
				rest = append(rest, e)
			}
		}
		open = rest
	}
}

// repair carries out exchanges until none helps.
func (b *balance) repair() {
	if len(b.load) == 0 {
		return
	}
	for changed := true; changed; {
		changed = false
		for level := slices.Max(b.load); level >= 2; level-- {
			for b.exchange(level) {
				changed = true
			}
		}
	}
}

// exchange looks, breadth first, for a chain from a group of the given load to
// one with at least two fewer: group g gives up a use by language l, which
// takes one of group h instead, which gives up one by another language, …
func (b *balance) exchange(level int) bool {
	var queue []int
	low := false
	const none, start = -1, -2
	intoGroup := make([]int, len(b.load)) // edge by which a group was reached
	for g, load := range b.load {
		intoGroup[g] = none
		if load == level {
			intoGroup[g] = start
			queue = append(queue, g)
		}
		low = low || load <= level-2
	}
	if !low || len(queue) == 0 {
		return false
	}
	intoLang := make([]int, len(b.first)-1) // edge by which a language was reached
	for l := range intoLang {
		intoLang[l] = none
	}
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		for _, e := range b.byGrp[g] {
			l := b.langOf[e]
			if b.used[e] == 0 || intoLang[l] != none {
				continue
			}
			intoLang[l] = e
			for _, f := range b.cellsOf(l) {
				if b.used[f.edge] >= b.room[f.edge] || intoGroup[f.group] != none {
					continue
				}
				intoGroup[f.group] = f.edge
				if b.load[f.group] > level-2 {
					queue = append(queue, f.group)
					continue
				}
				b.load[f.group]++
				for h := f.group; ; {
					in := intoGroup[h]
					if in == start {
						b.load[h]--
						return true
					}
					out := intoLang[b.langOf[in]]
					b.used[in]++
					b.used[out]--
					h = b.edges[out].group
				}
			}
		}
	}
	return false
}
