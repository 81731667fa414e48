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
// as many before it throws away the smaller half.
type best struct {
	k     int
	keys  []key
	floor key     // the k-th best after the last cut; 0 before
	score float32 // the score of floor; −Inf before
}

func newBest(k int) best {
	return best{k: k, keys: make([]key, 0, max(2*k, 64)), score: float32(math.Inf(-1))}
}

// offer is inlined where scores are made: nearly all fail the first test. NaN
// fails it always.
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
		b.cut()
	}
}

// cut drops all but the k best.
func (b *best) cut() {
	if len(b.keys) <= b.k {
		return
	}
	largest(b.keys, b.k)
	b.keys = b.keys[:b.k]
	b.floor = slices.Min(b.keys)
	b.score = b.floor.hit().Score
}

// hits returns the k best, best first. The receiver is spent.
func (b *best) hits() []Hit {
	b.cut()
	slices.SortFunc(b.keys, func(x, y key) int {
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	out := make([]Hit, len(b.keys))
	for i, x := range b.keys {
		out[i] = x.hit()
	}
	return out
}

// largest moves the k largest of distinct keys to the front, in any order.
// Quickselect with the median of three as pivot.
func largest(a []key, k int) {
	for len(a) > 16 {
		x, y, z := a[0], a[len(a)/2], a[len(a)-1]
		pivot := max(min(x, y), min(max(x, y), z))
		i, j := 0, len(a)-1
		for i <= j {
			for a[i] > pivot {
				i++
			}
			for a[j] < pivot {
				j--
			}
			if i <= j {
				a[i], a[j] = a[j], a[i]
				i++
				j--
			}
		}
		switch {
		case k <= j+1:
			a = a[:j+1]
		case k > i:
			a, k = a[i:], k-i
		default:
			return
		}
	}
	for i := 1; i < len(a); i++ {
		v := a[i]
		j := i - 1
		for ; j >= 0 && a[j] < v; j-- {
			a[j+1] = a[j]
		}
		a[j+1] = v
	}
}

// Merge returns the k best hits of several rankings, best first, ties to the
// smaller row: over shards of the documents it equals the search over the
// whole. A row must not occur in two of them.
func Merge(k int, lists ...[]Hit) []Hit {
	if k <= 0 {
		return nil
	}
	b := newBest(k)
	for _, l := range lists {
		for _, h := range l {
			b.offer(h.Score, h.Row)
		}
	}
	return b.hits()
}
