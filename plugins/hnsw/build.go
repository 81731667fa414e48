package hnsw

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/xlrun/xlrun/sdk/vec"
)

// batch is how many nodes join the graph at once. They look for neighbours in
// the graph as it was before and among each other, so the result does not
// depend on who is faster. It is part of the result: another size, other bytes.
const batch = 128

// build makes the graph. The result depends on the documents and p alone.
//
//  1. Rows that cannot be walked to are set aside: copies, zeros, oddities.
//  2. Every node draws its level. The order of insertion is by level, highest
//     first, then by a hash: the order of the documents does not matter.
//  3. Batch by batch, each node finds its neighbours (algorithms 1 and 4 of the
//     paper); then each node that was chosen takes the newcomers into its own
//     list, which is thinned out when it is full.
//  4. Nodes that no list leads to are given a place in one.
func build(ctx context.Context, docs vec.Matrix, p params, threads int, report func(done, total int64)) (*graph, error) {
	if err := checkDocuments(docs); err != nil {
		return nil, err
	}
	g := &graph{params: p, rows: docs.Rows, dim: docs.Dim, kind: make([]uint8, docs.Rows), entry: -1}
	sq := make([]float64, docs.Rows)
	const rowsAtOnce = 256
	err := each(ctx, threads, (docs.Rows+rowsAtOnce-1)/rowsAtOnce, func(_, t int) {
		for r := t * rowsAtOnce; r < min(docs.Rows, (t+1)*rowsAtOnce); r++ {
			sq[r] = squares(docs.Row(r))
			g.kind[r] = kindOf(p.similarity, sq[r])
		}
	})
	if err != nil {
		return nil, err
	}
	if err := g.findCopies(ctx, docs); err != nil {
		return nil, err
	}
	sp := g.newSpace(docs, sq)
	order := g.levels()
	g.allocate()
	if len(order) > 0 {
		g.entry = order[0]
	}
	b := &builder{g: g, sp: sp, walkers: make([]*walker, max(1, threads))}
	for i := range b.walkers {
		b.walkers[i] = newWalker(g, sp)
	}
	for done := 0; done < len(order); {
		part := order[done:min(len(order), done+batch)]
		if err := each(ctx, threads, len(part), func(w, i int) { b.join(b.walkers[w], part, i, done > 0) }); err != nil {
			return nil, err
		}
		if err := b.answer(ctx, threads, part); err != nil {
			return nil, err
		}
		done += len(part)
		if report != nil {
			report(int64(done), int64(len(order)))
		}
	}
	if err := b.reach(ctx); err != nil {
		return nil, err
	}
	return g, ctx.Err()
}

// findCopies finds the nodes that have the bytes of an earlier one. A graph in
// which many nodes are equally near would lose its way among them.
func (g *graph) findCopies(ctx context.Context, docs vec.Matrix) error {
	first := map[uint64]int32{} // by hash
	next := map[int32]int32{}   // other rows of the same hash
rows:
	for r := range g.kind {
		if r%1024 == 0 && ctx.Err() != nil {
			break
		}
		if g.kind[r] > maxLevel {
			continue
		}
		x := docs.Row(r)
		h := uint64(0)
		for _, v := range x {
			h = (h ^ uint64(math.Float32bits(v))) * 0x9e3779b97f4a7c15
			h ^= h >> 29
		}
		last := int32(-1)
		for f, ok := first[h]; ok; f, ok = next[f] {
			if sameBits(x, docs.Row(int(f))) {
				if g.copyOf == nil {
					g.copyOf = make([]int32, g.rows)
				}
				g.kind[r], g.copyOf[r] = kindCopy, f
				continue rows
			}
			last = f
		}
		if last < 0 {
			first[h] = int32(r)
		} else {
			next[last] = int32(r)
		}
	}
	return ctx.Err()
}

func sameBits(x, y []float32) bool {
	return slices.EqualFunc(x, y, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
}

// newSpace fills in what the walk needs to know of lengths.
func (g *graph) newSpace(docs vec.Matrix, sq []float64) *space {
	sp := &space{docs: docs, similarity: g.similarity}
	unit := true
	for r, k := range g.kind {
		if k <= maxLevel {
			sp.radius = max(sp.radius, math.Sqrt(sq[r]))
			unit = unit && math.Abs(sq[r]-1) <= unitSlack
		}
	}
	g.radius = sp.radius
	if unit && g.similarity == vec.Cosine || g.similarity == vec.InnerProduct {
		return sp
	}
	sp.aux = make([]float32, docs.Rows)
	for r, k := range g.kind {
		if k <= maxLevel {
			sp.aux[r] = sp.auxOf(sq[r])
		}
	}
	g.aux = sp.aux
	return sp
}

// levels draws the level of each node and returns the nodes in the order of
// their insertion. A node is on level l with probability m⁻ˡ, the paper's
// distribution without its logarithm, whose last bit differs between machines.
func (g *graph) levels() []int32 {
	type place struct {
		level uint8
		hash  uint64
		row   int32
	}
	var places []place
	for r, k := range g.kind {
		if k > maxLevel {
			continue
		}
		state := mix(mix(uint64(g.seed)) + uint64(r))
		p := place{hash: state, row: int32(r)}
		for p.level < maxLevel {
			state = mix(state)
			if state%uint64(g.m) != 0 {
				break
			}
			p.level++
		}
		g.kind[r] = p.level
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row))
	})
	order := make([]int32, len(places))
	for i, p := range places {
		order[i] = p.row
	}
	return order
}

// mix is the step of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

type builder struct {
	g       *graph
	sp      *space
	walkers []*walker
	wishes  []wish
	starts  []int
}

// wish is a newcomer that wants to be in the list of another node.
type wish struct {
	level    int32
	node     int32
	newcomer int32
}

// join fills the lists of newcomer i of part. It reads the graph as it was
// before and writes what nobody can reach yet.
func (b *builder) join(w *walker, part []int32, i int, walk bool) {
	row := part[i]
	x, a := b.sp.docs.Row(int(row)), b.sp.at(row)
	// Those before it in the batch are on all of its levels: the order is by level.
	near := make([]float32, i)
	b.sp.near(near, x, a, part[:i])
	peers := make([]key, i)
	for j, r := range part[:i] {
		peers[j] = keyOf(near[j], r)
	}
	level := int(b.g.kind[row])
	if walk {
		w.start(x, a, level)
	} else {
		w.keys = w.keys[:0]
	}
	found := make([]key, 0, b.g.efConstruction+i)
	var chosen []int32
	for ; level >= 0; level-- {
		w.again()
		w.beam(level, b.g.efConstruction)
		found = append(append(found[:0], w.keys...), peers...)
		slices.Sort(found)
		chosen = b.choose(chosen[:0], found[:min(len(found), b.g.efConstruction)], b.g.m)
		b.g.set(level, row, chosen)
	}
}

// stretch is how many times nearer, in squared distance, a node must be to a
// neighbour kept before than to the node that chooses, to be left out. The
// paper has 1; more was first used by Vamana (Subramanya et al. 2019). With 1,
// clusters of many dimensions fall apart: their points are all nearer to the
// one in the middle than to each other, link to it alone, and its list is short.
const stretch = 1.3

// choose appends to dst at most n of the keys, which are sorted: algorithm 4
// of the paper, but for stretch. Inner products serve as distances from the
// length of the longest node.
func (b *builder) choose(dst []int32, keys []key, n int) []int32 {
	const atOnce = 8
	var near [atOnce]float32
	top := b.sp.top()
next:
	for _, k := range keys {
		if len(dst) == n {
			break
		}
		r := k.row()
		x, a, own := b.sp.docs.Row(int(r)), b.sp.at(r), k.near()
		for lo := 0; lo < len(dst); lo += atOnce {
			kept := dst[lo:min(len(dst), lo+atOnce)]
			b.sp.near(near[:], x, a, kept)
			for _, v := range near[:len(kept)] {
				if float32(stretch*(top-v)) < top-own {
					continue next
				}
			}
		}
		dst = append(dst, r)
	}
	return dst
}

// answer enters the newcomers into the lists of the nodes they chose. Each
// list is changed by one goroutine, in an order that is fixed.
func (b *builder) answer(ctx context.Context, threads int, part []int32) error {
	b.wishes, b.starts = b.wishes[:0], b.starts[:0]
	for _, row := range part {
		for level := int32(b.g.kind[row]); level >= 0; level-- {
			for _, r := range b.g.list(int(level), row) {
				b.wishes = append(b.wishes, wish{level, r, row})
			}
		}
	}
	slices.SortFunc(b.wishes, func(x, y wish) int {
		return cmp.Or(cmp.Compare(x.level, y.level), cmp.Compare(x.node, y.node), cmp.Compare(x.newcomer, y.newcomer))
	})
	for i, w := range b.wishes {
		if i == 0 || w.level != b.wishes[i-1].level || w.node != b.wishes[i-1].node {
			b.starts = append(b.starts, i)
		}
	}
	return each(ctx, threads, len(b.starts), func(_, i int) {
		end := len(b.wishes)
		if i+1 < len(b.starts) {
			end = b.starts[i+1]
		}
		b.receive(b.wishes[b.starts[i]:end])
	})
}

// receive adds newcomers to one list.
func (b *builder) receive(wishes []wish) {
	level, node := int(wishes[0].level), wishes[0].node
	room := b.g.room(level, node)
	all := append(make([]int32, 0, len(room)+len(wishes)), b.g.list(level, node)...)
	for _, w := range wishes {
		all = append(all, w.newcomer)
	}
	if len(all) <= len(room) {
		copy(room, all)
		return
	}
	near := make([]float32, len(all))
	b.sp.near(near, b.sp.docs.Row(int(node)), b.sp.at(node), all)
	keys := make([]key, len(all))
	for i, r := range all {
		keys[i] = keyOf(near[i], r)
	}
	slices.Sort(keys)
	b.g.set(level, node, b.choose(all[:0], keys, len(room)))
}

// reach makes every node reachable from the entry on level 0, so that a search
// that keeps enough nodes misses none. A node that is not gets a place in the
// list of the nearest that is and has one to give: an empty place, or one whose
// loss cuts nobody off.
func (b *builder) reach(ctx context.Context) error {
	g := b.g
	if g.entry < 0 {
		return nil
	}
	from := make([]int32, g.rows) // a spanning tree: the node that led to this one
	for i := range from {
		from[i] = -1
	}
	var queue []int32
	last := g.entry // of those found; it led to nobody, so all its places can be given
	flood := func(r, by int32) {
		from[r] = by
		queue = append(queue[:0], r)
		for i := 0; i < len(queue); i++ {
			last = queue[i]
			for _, x := range g.list(0, last) {
				if from[x] < 0 {
					from[x] = last
					queue = append(queue, x)
				}
			}
		}
	}
	place := func(r int32) *int32 {
		if from[r] < 0 {
			return nil
		}
		list := g.list(0, r)
		if room := g.room(0, r); len(list) < len(room) {
			return &room[len(list)]
		}
		for i := len(list) - 1; i >= 0; i-- {
			if from[list[i]] != r {
				return &list[i]
			}
		}
		return nil
	}
	flood(g.entry, g.entry)
	w := b.walkers[0]
	for row, kind := range g.kind {
		r := int32(row)
		if kind > maxLevel || from[r] >= 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		w.start(b.sp.docs.Row(row), b.sp.at(r), 0)
		w.ground()
		w.beam(0, g.efConstruction)
		by, at := last, (*int32)(nil)
		for _, k := range w.keys {
			if at = place(k.row()); at != nil {
				by = k.row()
				break
			}
		}
		if at == nil {
			at = place(last)
		}
		*at = r
		flood(r, by)
	}
	return nil
}

// each calls f(worker, 0) … f(worker, n-1), on at most threads goroutines, in
// any order, and stops early when ctx ends.
func each(ctx context.Context, threads, n int, f func(worker, i int)) error {
	threads = min(threads, n)
	if threads <= 1 {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			f(0, i)
		}
		return ctx.Err()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(w, i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
