package vec

import (
	"math"
	"slices"
)

// A key orders hits in one comparison: the larger key has the larger score or,
// where scores are equal, the smaller row. The two zeros are one score.
type key uint64

func keyOf(score float32, row int32) key {
	b := math.Float32bits(score + 0) // −0 + 0 is +0
	if b>>31 != 0 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return key(b)<<32 | key(^uint32(row))
}

func (k key) hit() Hit {
	b := uint32(k >> 32)
	if b>>31 != 0 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return Hit{Row: int32(^uint32(k)), Score: math.Float32frombits(b)}
}

// best keeps the k largest of the keys offered to it. It collects up to twice
// as many before it throws smaller ones away.
type best struct {
	k     int
	keys  []key
	floor key     // nothing at or below it is wanted; 0 at first
	score float32 // the score of floor; −Inf at first
}

// roomFor is how many keys a best of k collects before it cuts.
func roomFor(k int) int { return max(2*k, 64) }

func newBest(k int) best { return bestIn(k, make([]key, 0, roomFor(k))) }

// bestIn collects in the given memory, of at least roomFor(k) keys.
func bestIn(k int, keys []key) best {
	return best{k: k, keys: keys[:0], score: float32(math.Inf(-1))}
}

// raise says that nothing at or below floor is wanted.
func (b *best) raise(floor key) {
	if floor > b.floor {
		b.floor = floor
		b.score = floor.hit().Score
	}
}

// least returns the least score that a row from the given one on needs, NaN
// when no score is enough.
func (b *best) least(row int32) float32 {
	if b.floor == 0 || keyOf(b.score, row) > b.floor {
		return b.score
	}
	// An equal score loses: its row is larger.
	if math.IsInf(float64(b.score), 1) {
		return float32(math.NaN())
	}
	return math.Nextafter32(b.score, float32(math.Inf(1)))
}

// offer takes a hit if it is better than the floor; a NaN never is.
func (b *best) offer(score float32, row int32) {
	if score >= b.score {
		b.push(keyOf(score, row))
	}
}

func (b *best) push(x key) {
	if x <= b.floor {
		return
	}
	b.keys = append(b.keys, x)
	if len(b.keys) == cap(b.keys) {
		b.cut(b.k + (cap(b.keys)-b.k)/4)
	}
}

// cut drops keys that are not among the k best, until at most so many are left.
func (b *best) cut(most int) {
	if len(b.keys) <= most {
		return
	}
	b.keys = b.keys[:largest(b.keys, b.k, most)]
	b.raise(slices.Min(b.keys))
}

// sorted returns the k best, best first. The receiver is spent.
func (b *best) sorted() []key {
	b.cut(b.k)
	sortDescending(b.keys)
	return b.keys
}

// hits returns the k best, best first. The receiver is spent.
func (b *best) hits() []Hit {
	keys := b.sorted()
	out := make([]Hit, len(keys))
	for i, x := range keys {
		out[i] = x.hit()
	}
	return out
}

// largest moves the m largest of distinct keys to the front, in any order, for
// some m from k to most, and returns m. It is a quickselect that ends at the
// first split between k and most, with the branch of each comparison made into
// arithmetic, because nobody can predict it. The pivot is an order statistic of
// 15 samples near the wanted rank.
func largest(a []key, k, most int) int {
	lo, hi := 0, len(a) // the split is in here: a[:lo] are all in, a[hi:] all out
	for hi > most {
		s := a[lo:hi]
		if len(s) <= 16 {
			insertionSort(s)
			return k
		}
		var t [15]key
		for i := range t {
			t[i] = s[(2*i+1)*len(s)/30]
		}
		insertionSort(t[:])
		pivot := t[min(((k+most)/2-lo)*15/len(s), 14)]
		n := split(s, pivot)
		if n == len(s) {
			// The pivot is the least of s: leave it out.
			if n = split(s, pivot+1); n == 0 {
				return k // all are the same: Merge was given a hit several times
			}
		}
		switch m := lo + n; {
		case m > most:
			hi = m
		case m >= k:
			return m
		default:
			lo = m
		}
	}
	return hi
}

// split moves the keys of at least pivot to the front and counts them.
func split(a []key, pivot key) int {
	n := 0
	for i, v := range a {
		a[i] = a[n]
		a[n] = v
		c := 0
		if v >= pivot {
			c = 1
		}
		n += c
	}
	return n
}

// insertionSort sorts the largest first.
func insertionSort(a []key) {
	for i := 1; i < len(a); i++ {
		v := a[i]
		j := i - 1
		for ; j >= 0 && a[j] < v; j-- {
			a[j+1] = a[j]
		}
		a[j+1] = v
	}
}

// Few keys are sorted by comparing, many by digits.
const (
	fewKeys   = 96
	digitBits = 11
)

// sortDescending sorts distinct keys, the largest first: by the digits of the
// scores in which they differ, then runs of equal scores by row.
func sortDescending(a []key) {
	if len(a) <= fewKeys {
		if len(a) <= 24 {
			insertionSort(a)
			return
		}
		slices.Sort(a)
		slices.Reverse(a)
		return
	}
	var differ key
	for _, x := range a {
		differ |= x ^ a[0]
	}
	from, to := a, make([]key, len(a))
	for shift := 32; shift < 64 && differ>>shift != 0; shift += digitBits {
		var start [1 << digitBits]int32
		for _, x := range from {
			start[x>>shift&(1<<digitBits-1)]++
		}
		at := int32(0)
		for d := len(start) - 1; d >= 0; d-- {
			n := start[d]
			start[d] = at
			at += n
		}
		for _, x := range from {
			d := &start[x>>shift&(1<<digitBits-1)]
			to[*d] = x
			*d++
		}
		from, to = to, from
	}
	if &from[0] != &a[0] {
		copy(a, from)
	}
	for i := 0; i < len(a); {
		j := i + 1
		for j < len(a) && a[j]>>32 == a[i]>>32 {
			j++
		}
		if run := a[i:j]; len(run) > 24 {
			slices.Sort(run)
			slices.Reverse(run)
		} else {
			insertionSort(run)
		}
		i = j
	}
}

// Merge returns the k best hits of several rankings, best first, ties to the
// smaller row: over shards of the documents it equals the search over the
// whole. A row must not occur in two of them; of one that does, all hits count.
func Merge(k int, lists ...[]Hit) []Hit {
	if k <= 0 {
		return nil
	}
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	if n == 0 {
		return []Hit{}
	}
	b := newBest(min(k, n))
	for _, l := range lists {
		for _, h := range l {
			b.offer(h.Score, h.Row)
		}
	}
	return b.hits()
}
