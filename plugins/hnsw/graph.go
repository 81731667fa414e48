package hnsw

import "github.com/xlrun/xlrun/sdk/vec"

// params are the options that shape a graph.
type params struct {
	similarity     vec.Similarity
	m              int
	efConstruction int
	seed           int64
}

// graph is what Build makes: for each node, lists of near nodes on each level
// from 0 to its own. Node numbers are rows of the documents.
type graph struct {
	params
	rows, dim int
	digest    [32]byte // of the documents, where the host gave one; else zeros
	kind      []uint8  // by row: the highest level of a node, or why it is none
	copyOf    []int32  // by row: the node that a copy repeats; nil: no copies
	entry     int32    // a node of the highest level; −1: no nodes
	aux       []float32
	radius    float64

	// The list of node r on level 0 is base[r·2m:][:2m], ended early by −1;
	// that on level l is upper[(upperAt[r]+l−1)·m:][:m].
	base    []int32
	upper   []int32
	upperAt []int32
}

// allocate makes the lists for kinds that are known, all empty.
func (g *graph) allocate() {
	g.base = make([]int32, g.rows*2*g.m)
	g.upperAt = make([]int32, g.rows)
	n := 0
	for r, k := range g.kind {
		if k <= maxLevel {
			g.upperAt[r] = int32(n)
			n += int(k)
		}
	}
	g.upper = make([]int32, n*g.m)
	for i := range g.base {
		g.base[i] = -1
	}
	for i := range g.upper {
		g.upper[i] = -1
	}
}

// room is the whole list of a node, with its empty places.
func (g *graph) room(level int, row int32) []int32 {
	if level == 0 {
		return g.base[int(row)*2*g.m:][: 2*g.m : 2*g.m]
	}
	return g.upper[(int(g.upperAt[row])+level-1)*g.m:][:g.m:g.m]
}

// list is the list of a node.
func (g *graph) list(level int, row int32) []int32 {
	l := g.room(level, row)
	for i, r := range l {
		if r < 0 {
			return l[:i]
		}
	}
	return l
}

// set replaces the list of a node.
func (g *graph) set(level int, row int32, list []int32) {
	l := g.room(level, row)
	for i := copy(l, list); i < len(l); i++ {
		l[i] = -1
	}
}

// rowSet is a set of rows.
type rowSet []uint64

func newRowSet(rows int) rowSet { return make(rowSet, (rows+63)/64) }

func (s rowSet) add(r int32)      { s[r>>6] |= 1 << (r & 63) }
func (s rowSet) has(r int32) bool { return s[r>>6]>>(r&63)&1 != 0 }

// walker holds what one goroutine needs to walk a graph.
type walker struct {
	g  *graph
	sp *space

	x []float32 // where to: a vector and its aux
	a float32

	seen  []uint16 // by row: the walk that saw it last
	walk  uint16
	keys  []key // the nearest nodes found, in order
	front []key // a heap of nodes to visit, of the filtered walk
	rows  []int32
	near  []float32
	cost  int // distances computed

	origin  key   // of the entry
	touched int32 // keeps the compiler from dropping a load
}

func newWalker(g *graph, sp *space) *walker {
	return &walker{g: g, sp: sp, seen: make([]uint16, g.rows), rows: make([]int32, 0, 2*g.m+1), near: make([]float32, 2*g.m+1)}
}

// forget starts a walk that has seen nothing.
func (w *walker) forget() {
	w.walk++
	if w.walk == 0 {
		clear(w.seen)
		w.walk = 1
	}
}

// start begins at the entry and goes down greedily to just above level to.
func (w *walker) start(x []float32, a float32, to int) {
	w.x, w.a, w.cost = x, a, 0
	w.forget()
	w.rows = append(w.rows[:0], w.g.entry)
	w.seen[w.g.entry] = w.walk
	w.measure()
	w.origin = keyOf(w.near[0], w.g.entry)
	w.keys = append(w.keys[:0], w.origin)
	for level := int(w.g.kind[w.g.entry]); level > to; level-- {
		w.keys[0] &^= keyDone
		w.beam(level, 1)
	}
}

// again makes what was found the start of a walk on the next level.
func (w *walker) again() {
	w.forget()
	for i, k := range w.keys {
		w.seen[k.row()] = w.walk
		w.keys[i] = k &^ keyDone
	}
}

// ground is again for the walk on level 0 that starts from where start led, and
// from the entry, which leads to every node.
func (w *walker) ground() {
	w.again()
	if w.seen[w.g.entry] != w.walk {
		w.seen[w.g.entry] = w.walk
		w.insert(w.origin, len(w.keys)+1)
	}
}

func (w *walker) measure() {
	w.cost += len(w.rows)
	w.sp.near(w.near, w.x, w.a, w.rows)
}

// unseen gathers the neighbours that the walk has not seen, and measures them.
func (w *walker) unseen(level int, row int32) {
	w.rows = w.rows[:0]
	for _, r := range w.g.room(level, row) {
		if r < 0 {
			break
		}
		if w.seen[r] != w.walk {
			w.seen[r] = w.walk
			w.rows = append(w.rows, r)
		}
	}
	if len(w.rows) > 0 {
		w.measure()
	}
}

// beam is algorithm 2 of the paper: it leaves in keys the ef nearest nodes
// that it finds from those already there. One sorted list serves as both of
// the paper's heaps: a node that is not among the ef nearest is never visited.
func (w *walker) beam(level, ef int) {
	for next := 0; next < len(w.keys); {
		k := w.keys[next]
		if k&keyDone != 0 {
			next++
			continue
		}
		w.keys[next] |= keyDone
		next++
		if next < len(w.keys) {
			// Most likely the next to be visited: memory brings its list meanwhile.
			w.touched += w.g.room(level, w.keys[next].row())[0]
		}
		w.unseen(level, k.row())
		for i, r := range w.rows {
			if at := w.insert(keyOf(w.near[i], r), ef); at < next {
				next = at
			}
		}
	}
}

// insert puts a key in its place among the ef nearest, and returns the place;
// ef where there is none.
func (w *walker) insert(k key, ef int) int {
	n := len(w.keys)
	if n == ef {
		if k > w.keys[n-1] {
			return ef
		}
		n--
	} else {
		w.keys = append(w.keys, 0)
	}
	lo, hi := 0, n
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); w.keys[mid] < k {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	copy(w.keys[lo+1:n+1], w.keys[lo:n])
	w.keys[lo] = k
	return lo
}

// among is beam on level 0 for the nodes of a set: it passes through others
// and collects none of them. It gives up, returning false, once it has
// measured more than limit nodes.
func (w *walker) among(set rowSet, ef, limit int) bool {
	w.front = append(w.front[:0], w.keys...)
	w.keys = w.keys[:0]
	for _, k := range w.front { // one, or sorted: a heap
		if set.has(k.row()) {
			w.insert(k, ef)
		}
	}
	for len(w.front) > 0 {
		k := w.pop()
		if len(w.keys) == ef && k > w.keys[ef-1] {
			break
		}
		if w.cost > limit {
			return false
		}
		w.unseen(0, k.row())
		for i, r := range w.rows {
			k := keyOf(w.near[i], r)
			if len(w.keys) == ef && k > w.keys[ef-1] {
				continue
			}
			w.push(k)
			if set.has(r) {
				w.insert(k, ef)
			}
		}
	}
	return true
}

func (w *walker) push(k key) {
	h := append(w.front, k)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up] <= k {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = k
	w.front = h
}

func (w *walker) pop() key {
	h := w.front
	top, k := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1] < h[down] {
			down++
		}
		if h[down] >= k {
			break
		}
		h[i] = h[down]
		i = down
	}
	if len(h) > 0 {
		h[i] = k
	}
	w.front = h
	return top
}
