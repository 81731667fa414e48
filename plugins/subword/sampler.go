package subword

// A sampler cuts the pairs into batches. Epoch after epoch it goes through all
// pairs in a new order; a pair that would clash with one already in the batch
// waits for the next. Two pairs clash when they share the target, the query or
// the translation group: each would be a false negative of the other. The
// batches depend on the seed and the pairs alone.
type sampler struct {
	keys     [][3]int32 // of each pair: target, query, group; equal numbers clash
	seed     int64
	epoch    uint64
	order    []int32
	pos      int
	deferred []int32
	seen     [3][]int32 // the last batch that held each key
	batch    int32
}

// newSampler numbers keys from 0.
func newSampler(keys [][3]int32, seed int64) *sampler {
	s := &sampler{keys: keys, seed: seed}
	for j := range s.seen {
		n := int32(0)
		for _, k := range keys {
			n = max(n, k[j]+1)
		}
		s.seen[j] = make([]int32, n)
	}
	s.shuffle()
	return s
}

// largest returns the most pairs that a batch can hold by counting keys.
func (s *sampler) largest() int {
	n := len(s.keys)
	for j := range s.seen {
		distinct := 0
		mark := make([]bool, len(s.seen[j]))
		for _, k := range s.keys {
			if !mark[k[j]] {
				mark[k[j]] = true
				distinct++
			}
		}
		n = min(n, distinct)
	}
	return n
}

func (s *sampler) shuffle() {
	if s.order == nil {
		s.order = make([]int32, len(s.keys))
	}
	for i := range s.order {
		s.order[i] = int32(i)
	}
	rng := newStream(s.seed, purposeOrder, s.epoch)
	for i := len(s.order) - 1; i > 0; i-- {
		j := rng.below(i + 1)
		s.order[i], s.order[j] = s.order[j], s.order[i]
	}
	s.epoch++
	s.pos = 0
}

// take puts pair p into the current batch unless it clashes.
func (s *sampler) take(p int32) bool {
	k := s.keys[p]
	for j := range s.seen {
		if s.seen[j][k[j]] == s.batch {
			return false
		}
	}
	for j := range s.seen {
		s.seen[j][k[j]] = s.batch
	}
	return true
}

// next appends the next batch to dst: want pairs, or fewer, at least one, when
// nothing but clashing pairs is left within one pass over the data.
func (s *sampler) next(dst []int32, want int) []int32 {
	s.batch++
	start := len(dst)
	waiting := s.deferred[:0]
	for _, p := range s.deferred {
		if len(dst)-start < want && s.take(p) {
			dst = append(dst, p)
		} else {
			waiting = append(waiting, p)
		}
	}
	s.deferred = waiting
	for len(dst)-start < want && len(s.deferred) < len(s.keys) {
		if s.pos == len(s.order) {
			s.shuffle()
		}
		p := s.order[s.pos]
		s.pos++
		if s.take(p) {
			dst = append(dst, p)
		} else {
			s.deferred = append(s.deferred, p)
		}
	}
	return dst
}
