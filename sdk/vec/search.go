package vec

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/xlrun/xlrun/internal/simd"
)

// SearchOptions of Index.Search. The zero value searches for all queries on all
// processors.
type SearchOptions struct {
	Rows     []int32                 // the queries, in the order of the result; nil means all rows
	Threads  int                     // 0 means GOMAXPROCS; never changes the result
	Progress func(done, total int64) // called now and then, by one thread at a time, of what there is to score, in units of its own
}

// Search returns the k best documents for each query, best first, exactly.
//
// queries is nq×dim. The result has one list per query row, with fewer than k
// hits only when there are fewer candidates whose score is a number. Equal
// scores are ordered by ascending row; Hit.Row counts the rows of the documents
// that the index was made of, also where IndexOptions.Rows chose some. The bits
// of the scores follow the contract in the package comment and depend on the
// two vectors alone. Memory grows with nq·k, never with nq·nd.
func (x *Index) Search(ctx context.Context, queries Vectors, k int, o SearchOptions) ([][]Hit, error) {
	s, err := x.newSearch(queries, k, o)
	if err != nil {
		return nil, err
	}
	return s.run(ctx)
}

func (x *Index) newSearch(queries Vectors, k int, o SearchOptions) (*search, error) {
	if err := queries.Check(); err != nil {
		return nil, fmt.Errorf("queries: %w", err)
	}
	switch {
	case x.docs.Dim != queries.Dim:
		return nil, fmt.Errorf("queries have %d dimensions, documents %d: both must come from the same encoder", queries.Dim, x.docs.Dim)
	case k < 1:
		return nil, fmt.Errorf("k must be at least 1, got %d", k)
	case o.Threads < 0:
		return nil, fmt.Errorf("threads must not be negative, got %d", o.Threads)
	}
	if err := sameKind(x.docs.Element, queries.Element); err != nil {
		return nil, err
	}
	if err := inRange(o.Rows, queries.Rows); err != nil {
		return nil, fmt.Errorf("query rows: %w", err)
	}
	s := &search{Index: x, queries: queries, queryRows: o.Rows, nq: queries.Rows, threads: o.Threads, sizes: sizes}
	if o.Rows != nil {
		s.nq = len(o.Rows)
	}
	if s.threads == 0 {
		s.threads = runtime.GOMAXPROCS(0)
	}
	s.k = max(1, min(k, x.n))
	s.progress.total = int64(s.nq) * int64(x.panels())
	s.progress.call = o.Progress
	return s, nil
}

const (
	fewQueries = 5  // are scored one by one, at the speed of the memory
	queryUnit  = 42 // a whole number of tiles of every width
)

// blocking says how a search is cut up: a block of documents stays in the
// second-level cache while a block of queries, which stays in the third, goes
// over it.
type blocking struct {
	docBytes   int
	maxPanels  int // in a block of documents
	queryBytes int
	keyBytes   int // of the hits collected for a block of queries
	maxQueries int // in a block, a multiple of queryUnit
	shardDocs  int // no shard is smaller

	// Of every sampled-th panel a search first learns about how good the k-th
	// best document is, so that it collects little that it throws away later,
	// whatever the order of the documents.
	sampled    int
	sampleFrom int // panels
}

// sizes are what searches use. No result depends on them, which tests try by
// putting others here.
var sizes = blocking{
	docBytes:   256 << 10,
	maxPanels:  128,
	queryBytes: 1 << 20,
	keyBytes:   64 << 20,
	maxQueries: 1008,
	shardDocs:  4096,
	sampled:    32,
	sampleFrom: 32 * 32,
}

// search is one call of Search. Its tasks are the cells of a grid, query blocks
// × document shards.
type search struct {
	*Index
	queries   Vectors
	queryRows []int32
	nq, k     int
	threads   int
	sizes     blocking
	progress  progress
}

// progress counts scored pairs of query and panel, each once, and tells of
// every thousandth part.
type progress struct {
	call    func(done, total int64)
	total   int64
	done    atomic.Int64
	mu      sync.Mutex
	told    int64
	guesses atomic.Int64 // queries whose floor was guessed from a sample
	crowded atomic.Int64 // those whose guess is by panels
	repeats atomic.Int64 // those searched again: a wrong guess
}

func (p *progress) add(pairs int) {
	if p == nil {
		return
	}
	done := p.done.Add(int64(pairs))
	if p.call == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Threads may come here in another order than they counted.
	if done > p.told && (done-p.told >= p.total/1000 || done == p.total) {
		p.told = done
		p.call(done, p.total)
	}
}

// plan returns how many query blocks and document shards there are.
func (s *search) plan() (blocks, shards int) {
	size := s.sizes.maxQueries
	scanning := s.scanning()
	if !scanning { // else documents are made ready once per block of queries
		size = min(size, s.sizes.queryBytes/(4*max(1, s.queryWords(1)))/queryUnit*queryUnit)
	}
	size = max(queryUnit, min(size, s.sizes.keyBytes/(8*roomFor(s.k))/queryUnit*queryUnit))
	blocks = (s.nq + size - 1) / size
	if s.threads > 1 && !scanning && blocks > s.threads/2 && s.nq >= 4*queryUnit {
		// A whole number of blocks for every thread.
		blocks = (blocks + s.threads - 1) / s.threads * s.threads
	}
	shards = 1
	if s.threads > 1 && blocks%s.threads != 0 && blocks < 8*s.threads {
		shards = (2*s.threads + blocks - 1) / blocks
		shards = max(1, min(shards, s.n/s.sizes.shardDocs))
	}
	return blocks, shards
}

func (s *search) run(ctx context.Context) ([][]Hit, error) {
	out := make([][]Hit, s.nq)
	if s.nq == 0 || s.n == 0 {
		for i := range out {
			out[i] = []Hit{}
		}
		return out, ctx.Err()
	}
	blocks, shards := s.plan()
	// Even blocks, of whole tiles where there are enough queries.
	unit := 1
	if s.nq/blocks >= queryUnit {
		unit = queryUnit / 3
	}
	edge := func(b int) int {
		if b == blocks {
			return s.nq
		}
		return part(s.nq, b, blocks) / unit * unit
	}
	var found []shared
	if shards > 1 {
		found = make([]shared, blocks)
		for b := range found {
			found[b] = newShared(edge(b+1) - edge(b))
		}
	}
	panels := s.panels()
	err := each(ctx, s.threads, blocks*shards, func(t int) {
		b, h := t%blocks, t/blocks
		lo, hi := edge(b), edge(b+1)
		w := workers.Get().(*worker)
		defer workers.Put(w)
		var before shared
		if found != nil {
			before = found[b]
		}
		res := s.task(ctx, w, lo, hi, part(panels, h, shards), part(panels, h+1, shards), before)
		if ctx.Err() != nil {
			return
		}
		if before == nil {
			s.finish(res, out[lo:hi])
			return
		}
		before.add(res)
	})
	for b, f := range found {
		if err != nil {
			break
		}
		err = each(ctx, s.threads, len(f), func(i int) {
			at := edge(b) + i*partQueries
			s.finish(f[i].best, out[at:at+len(f[i].best)])
		})
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// shared is what the shards of one query block have found so far, in parts of
// a few queries: threads that add their hits seldom meet in one.
type shared []struct {
	mu   sync.Mutex
	best []best
}

// partQueries is how many queries of a block share a lock.
const partQueries = 32

func newShared(queries int) shared { return make(shared, (queries+partQueries-1)/partQueries) }

// part returns those of res that part i has.
func (f shared) part(i int, res []best) []best {
	return res[i*partQueries : min(len(res), (i+1)*partQueries)]
}

// floor raises what a new shard must reach to what the others already have.
func (f shared) floor(res []best) {
	for i := range f {
		f[i].mu.Lock()
		for j := range f[i].best {
			f.part(i, res)[j].raise(f[i].best[j].floor)
		}
		f[i].mu.Unlock()
	}
}

// add merges the hits of a shard.
func (f shared) add(res []best) {
	for i := range f {
		f.addPart(i, f.part(i, res))
	}
}

func (f shared) addPart(i int, res []best) {
	f[i].mu.Lock()
	defer f[i].mu.Unlock()
	if f[i].best == nil {
		f[i].best = make([]best, len(res))
		for j := range res {
			f[i].best[j] = newBest(res[j].k)
		}
	}
	for j := range res {
		b := &f[i].best[j]
		for _, x := range res[j].keys {
			b.push(x)
		}
		if len(b.keys) >= b.k {
			b.cut(b.k)
			if b.floor == 0 {
				b.raise(slices.Min(b.keys))
			}
		}
	}
}

// finish sorts the hits and names their rows.
func (s *search) finish(res []best, out [][]Hit) {
	total := 0
	for i := range res {
		total += min(len(res[i].keys), s.k)
	}
	all := make([]Hit, total)
	for i := range res {
		keys := res[i].sorted()
		hits := all[:len(keys):len(keys)]
		all = all[len(keys):]
		for j, x := range keys {
			h := x.hit()
			h.Row = s.row(h.Row)
			if s.docs.Element == Bits && s.sim == Cosine && s.docs.Dim > 0 {
				// The quotients are in the order of the inner products.
				h.Score /= float32(s.docs.Dim)
			}
			hits[j] = h
		}
		out[i] = hits
	}
}

// A group is some queries that are scored together.
type group struct {
	first, n int
	width    int
	at       int // of its panel in worker.queries or worker.words
}

// queryWords returns how much memory queries take in a tile of the given width,
// in units of four bytes.
func (s *search) queryWords(width int) int {
	if s.integer() {
		return width * s.lines() * simd.QueryWords(width)
	}
	return width * s.lines()
}

// groups cuts nq queries into tiles.
func (s *search) groups(nq int) []group {
	var out []group
	widths := simd.Widths()
	if s.integer() {
		widths = simd.IntWidths()
	}
	at := 0
	for q := 0; q < nq; {
		width := widths[0]
		if nq <= fewQueries {
			width = 1
		}
		for _, w := range widths[1:] {
			// What is left may take fewer lanes in narrow tiles.
			if left := nq - q; left < width && (left+w-1)/w*w < width {
				width = w
			}
		}
		n := min(width, nq-q)
		out = append(out, group{q, n, width, at})
		q += n
		at += s.queryWords(width)
	}
	return out
}

// prepare lays queries out for scoring; list has their numbers.
func (s *search) prepare(w *worker, list []int) []group {
	dim := s.docs.Dim
	gs := s.groups(len(list))
	last := gs[len(gs)-1]
	words := last.at + s.queryWords(last.width)
	if s.integer() {
		w.words = grown(w.words, words)
		w.offsets = grown(w.offsets, last.first+last.width)
		clear(w.words[last.at:])
	} else {
		w.queries = grown(w.queries, words)
		clear(w.queries[last.at:]) // it may have fewer queries than lanes
	}
	lanes := last.first + last.width
	w.qnorms, w.floors = grown(w.qnorms, lanes), grown(w.floors, lanes)
	clear(w.qnorms)
	for i := range w.floors {
		w.floors[i] = float32(math.Inf(1))
	}
	row := make([]float32, 0, dim)
	for _, g := range gs {
		for i := range g.n {
			r := list[g.first+i]
			if s.queryRows != nil {
				r = int(s.queryRows[r])
			}
			if s.integer() {
				s.putInts(w, g, i, r)
				continue
			}
			row = s.queries.AppendFloat32(row[:0], r)
			switch s.sim {
			case Cosine:
				NormalizeRow(row)
			case L2:
				w.qnorms[g.first+i] = float32(squares(row))
			}
			for p, v := range row {
				w.queries[g.at+p*g.width+i] = v
			}
		}
	}
	return gs
}

// sampleRank returns the rank in the sample of a score that the k-th best of
// all hardly ever misses: five standard deviations below the expected rank.
func sampleRank(k, sampled int) int {
	mean := float64(k) / float64(sampled)
	return int(mean+5*math.Sqrt(mean)) + 3
}

// samplePanels is the same for the panels that have the k best documents, and
// more daring, since searches that need it are rare.
func samplePanels(panels, sampled int) int {
	mean := float64(panels) / float64(sampled)
	return int(mean+3*math.Sqrt(mean)) + 2
}

// panel returns the panel of a document.
func (k key) panel() uint32 { return ^uint32(k) / simd.PanelDocs }

// panelsOf counts the panels that documents lie in.
func panelsOf(keys []key, scratch *[]uint32) int {
	list := (*scratch)[:0]
	for _, x := range keys {
		list = append(list, x.panel())
	}
	slices.Sort(list)
	*scratch = list
	return len(slices.Compact(list))
}

// firstPanels returns how many keys, which are sorted, there are up to the
// first of the n-th panel, and false if they are in fewer panels.
func firstPanels(keys []key, n int) (int, bool) {
	seen := map[uint32]bool{}
	for i, x := range keys {
		seen[x.panel()] = true
		if len(seen) == n {
			return i + 1, true
		}
	}
	return len(keys), false
}

// task searches panels [p0,p1) for queries [lo,hi). The result lies in the
// worker's memory.
func (s *search) task(ctx context.Context, w *worker, lo, hi, p0, p1 int, before shared) []best {
	list := make([]int, hi-lo)
	for i := range list {
		list[i] = lo + i
	}
	gs := s.prepare(w, list)
	room := roomFor(s.k)
	if need := len(list) * room; len(w.keys) < need {
		w.keys = make([]key, need)
	}
	memory := func(i int) []key { return w.keys[i*room : i*room : (i+1)*room] }
	res := make([]best, len(list))
	for i := range res {
		res[i] = bestIn(s.k, memory(i))
	}
	if before != nil {
		before.floor(res)
	}
	sampled := s.sizes.sampled
	rank := sampleRank(s.k, sampled)
	if p1-p0 < s.sizes.sampleFrom || rank*4 > (p1-p0)/sampled*simd.PanelDocs || len(list) <= fewQueries {
		s.sweep(ctx, w, gs, res, p0, p1, 1, &s.progress)
		return res
	}
	known := make([]key, len(res)) // floors that are no guess
	for i := range res {
		known[i] = res[i].floor
		res[i] = bestIn(rank, memory(i)[:0:min(room, roomFor(rank))])
		res[i].raise(known[i])
	}
	s.progress.guesses.Add(int64(len(res)))
	s.sample(ctx, w, gs, res, p0, p1, &s.progress)
	var crowded, panels []int // some queries, and of how many panels they need the best
	var scratch []uint32
	for i := range res {
		b := &res[i]
		b.cut(rank)
		keys := memory(i)[:len(b.keys)] // where b.keys lie already
		guess := known[i]
		if len(keys) == rank {
			guess = max(guess, slices.Min(keys))
			if n := panelsOf(keys, &scratch); rank < s.k && 2*n < rank && rank <= (p1-p0)/sampled {
				crowded, panels = append(crowded, i), append(panels, samplePanels(s.k*n/rank+1, sampled))
			}
		}
		*b = bestIn(s.k, memory(i))
		b.keys = keys
		b.raise(guess)
	}
	if len(crowded) > 0 {
		s.guessByPanels(ctx, w, crowded, panels, list, known, res, p0, p1)
		gs = s.prepare(w, list)
	}
	for p := p0; p < p1; p += sampled {
		s.sweep(ctx, w, gs, res, p+1, min(p+sampled, p1), 1, &s.progress)
	}
	// Where the guess was too high, all that it kept out is looked at again.
	var missed []int
	var repeated []best
	for i := range res {
		if len(res[i].keys) < s.k && res[i].floor != known[i] {
			missed = append(missed, i)
			b := bestIn(s.k, memory(i))
			b.raise(known[i])
			repeated = append(repeated, b)
		}
	}
	if len(missed) > 0 {
		for j, i := range missed {
			list[j] = lo + i
		}
		s.progress.repeats.Add(int64(len(missed)))
		s.sweep(ctx, w, s.prepare(w, list[:len(missed)]), repeated, p0, p1, 1, nil)
		for j, i := range missed {
			res[i] = repeated[j]
		}
	}
	return res
}

// sample scores every sampled-th panel, and those in an order in which the best
// come early also where they lie last.
func (s *search) sample(ctx context.Context, w *worker, gs []group, res []best, p0, p1 int, p *progress) {
	for _, i := range [...]int{0, 4, 2, 6, 1, 5, 3, 7} {
		s.sweep(ctx, w, gs, res, p0+i*s.sizes.sampled, p1, 8*s.sizes.sampled, p)
	}
}

// guessByPanels guesses again for some queries. Where documents that are alike
// lie side by side, such as duplicates and those of a corpus that is sorted, the
// best of the sample come from few panels. Their number says little, so that the
// guess is the best score of the n-th panel, for n what panels has for each of
// the queries.
func (s *search) guessByPanels(ctx context.Context, w *worker, some, panels, list []int, known []key, res []best, p0, p1 int) {
	// More than fewQueries, since one query alone takes all panels side by side.
	for i := 0; len(some) <= fewQueries; i++ {
		if !slices.Contains(some, i) {
			some, panels = append(some, i), append(panels, sampleRank(s.k, s.sizes.sampled))
		}
	}
	s.progress.crowded.Add(int64(len(some)))
	again := make([]int, len(some))
	sample := make([]best, len(some))
	for j, i := range some {
		again[j] = list[i]
		sample[j] = newBest(panels[j] * simd.PanelDocs)
		sample[j].raise(known[i])
	}
	s.sample(ctx, w, s.prepare(w, again), sample, p0, p1, nil)
	for j, i := range some {
		keys := sample[j].sorted()
		b := bestIn(s.k, res[i].keys)
		b.raise(known[i])
		// All keys down to the guess are among these.
		if n, ok := firstPanels(keys, panels[j]); ok {
			b.raise(keys[n-1])
			keys = keys[:n]
		}
		if len(keys) >= s.k {
			keys = keys[:s.k]
			b.raise(keys[s.k-1])
		}
		b.keys = append(b.keys, keys...)
		res[i] = b
	}
}

// sweep scores every step-th panel of [p0,p1), block by block, and counts them
// in p.
func (s *search) sweep(ctx context.Context, w *worker, gs []group, res []best, p0, p1, step int, p *progress) {
	panels := (p1 - p0 + step - 1) / step
	if panels <= 0 {
		return
	}
	most := s.sizes.docBytes
	if gs[0].width == 1 && s.packed && len(gs) == 1 {
		most *= 4 // nothing is read twice
		if s.u16 != nil {
			most *= 2 // nor takes four bytes a value
		}
	}
	size := max(1, min(s.sizes.maxPanels, most/(4*simd.PanelDocs*max(1, s.lines()))))
	if gs[0].width == 1 {
		size = max(4, size&^3)
	}
	blocks := (panels + size - 1) / size
	for b := range blocks {
		if ctx.Err() != nil {
			return
		}
		lo, hi := b*size, min(panels, (b+1)*size)
		if gs[0].width > 1 {
			lo, hi = part(panels, b, blocks), part(panels, b+1, blocks)
		}
		s.score(w, gs, res, p0+lo*step, step, hi-lo)
		p.add(len(res) * (hi - lo))
	}
}

// score scores n panels, every step-th from the first.
func (s *search) score(w *worker, gs []group, res []best, first, step, n int) {
	var score func(g group)
	var stride int // which panels of the block count
	if s.integer() {
		score, stride = s.intScorer(w, first, step, n)
	} else {
		score, stride = s.floatScorer(w, first, step, n, gs)
	}
	row := first * simd.PanelDocs
	for _, g := range gs {
		some := res[g.first : g.first+g.n]
		for i := range some {
			w.floors[g.first+i] = some[i].least(int32(row))
		}
		w.hits.Reset(n * simd.PanelDocs)
		score(g)
		for i := range some {
			scores, rows := w.hits.Of(i)
			for j, x := range scores {
				at := int(rows[j])
				if stride != step { // the panels were brought together
					d := at - row
					at += d / simd.PanelDocs * simd.PanelDocs * (step - 1)
				}
				if at < s.n {
					some[i].offer(x, int32(at))
				}
			}
		}
	}
}

// floatScorer returns what scores a block for a group, and which panels of the
// block count. Meanwhile every group fetches its part of the block that follows.
func (s *search) floatScorer(w *worker, first, step, n int, gs []group) (score func(g group), stride int) {
	one := gs[0].width == 1
	queries := gs[len(gs)-1].first + gs[len(gs)-1].n
	var next []float32
	if s.f32 != nil && step == 1 {
		size := n * simd.PanelDocs * s.docs.Dim
		next = s.f32[min(len(s.f32), (first+n)*simd.PanelDocs*s.docs.Dim):]
		next = next[:min(len(next), size)]
	}
	t := &simd.Tile{Dims: s.docs.Dim, Panels: n, Row: first * simd.PanelDocs}
	if s.u16 != nil && one {
		t.Halves, t.BFloat, t.Step = s.u16[t.Row*t.Dims:], s.docs.Element == BFloat16, step
		if s.norms != nil {
			t.Norms = s.norms[t.Row:]
		}
	} else {
		t.Docs, t.Norms, t.Step = s.block(w, first, step, n)
	}
	return func(g group) {
		t.Queries, t.Width = w.queries[g.at:], g.width
		t.QueryNorms, t.Floors = w.qnorms[g.first:], w.floors[g.first:]
		t.Ahead = next[part(len(next), g.first, queries):part(len(next), g.first+g.n, queries)]
		if one {
			t.One(&w.hits)
			return
		}
		t.Score(&w.hits)
	}, t.Step
}

// part returns where part i begins when n things are cut into even parts. The
// product may be larger than an int.
func part(n, i, parts int) int { return int(int64(n) * int64(i) / int64(parts)) }

// each calls f(0) … f(n-1), on at most threads goroutines, in any order, and
// stops early when ctx ends.
func each(ctx context.Context, threads, n int, f func(int)) error {
	threads = min(threads, n)
	if threads <= 1 {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			f(i)
		}
		return ctx.Err()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
