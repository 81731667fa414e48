package ir

import "math"

// Blocks: documents of equal scores in a ranking, as the tie mode Expected and the
// comparison of modes see them.

// class is what measures can tell of a document.
func class(grade int32) int32 {
	if grade < 0 && grade != unjudged {
		return -1
	}
	return grade
}

// tied makes the list of hits, sorted by descending score, with its blocks:
// equal scores, where the order of their documents matters to some measure.
func (l *list) tied(hits []entry, e *Evaluator) {
	limit := len(hits)
	if e.Depth > 0 {
		limit = min(limit, e.Depth)
	}
	for i := 0; i < limit; {
		j := i + 1
		for j < len(hits) && hits[j].score == hits[i].score {
			j++
		}
		l.group(hits[i:j], limit-i, e.JudgedOnly)
		i = j
	}
}

// group appends documents of equal scores, of which the first limit positions
// count. judgedOnly drops what has no grade or a negative one.
func (l *list) group(hits []entry, limit int, judgedOnly bool) {
	kept, mixed, seen := 0, false, int32(0)
	for _, h := range hits {
		if judgedOnly && h.grade < 0 {
			continue
		}
		if kept > 0 && class(h.grade) != seen {
			mixed = true
		}
		seen = class(h.grade)
		kept++
	}
	if kept > 0 && kept < len(hits) && len(hits) > limit {
		l.unclear = true
	}
	count := min(kept, limit) // that of an arbitrary order where the list is unclear
	all := kept
	if !mixed {
		all = count
	}
	rank := int32(l.retrieved)
	if mixed {
		l.blocks = append(l.blocks, block{rank: rank + 1, size: int32(kept)})
	}
	l.retrieved += count
	for _, h := range hits {
		if judgedOnly && h.grade < 0 {
			continue
		}
		if all == 0 {
			break
		}
		all--
		rank++
		if h.grade != unjudged {
			l.places = append(l.places, place{rank: rank, grade: h.grade})
		}
	}
}

// squeeze makes j the list of l's judged documents.
func (l *list) squeeze(j *list) {
	j.places, j.blocks, j.retrieved, j.unclear = j.places[:0], j.blocks[:0], 0, l.unclear
	var hits []entry
	for _, s := range l.segments(nil) {
		hits = hits[:0]
		for _, p := range s.places {
			hits = append(hits, entry{grade: p.grade})
		}
		for len(hits) < int(s.size) {
			hits = append(hits, entry{grade: unjudged})
		}
		j.group(hits, int(s.seen), true)
	}
}

// segment is a block or a single judged document: ranks first … first+size-1,
// of which seen count.
type segment struct {
	first, size, seen int32
	places            []place
}

// segments splits l, leaving out single documents that were not judged.
func (l *list) segments(buf []segment) []segment {
	buf = buf[:0]
	b := 0
	for i := 0; i < len(l.places); {
		rank := l.places[i].rank
		for b < len(l.blocks) && rank >= l.blocks[b].rank+l.blocks[b].size {
			b++
		}
		j, s := i+1, segment{first: rank, size: 1}
		if b < len(l.blocks) && rank >= l.blocks[b].rank {
			s.first, s.size = l.blocks[b].rank, l.blocks[b].size
			for j < len(l.places) && l.places[j].rank < s.first+s.size {
				j++
			}
		}
		s.seen = min(s.size, int32(l.retrieved)-s.first+1)
		s.places = l.places[i:j]
		buf = append(buf, s)
		i = j
	}
	return buf
}

// segments returns the segments of the ranking that m looks at.
func (v *view) segments(m *Measure) []segment {
	which := 0
	if m.flags&flagJudgedOnly != 0 {
		which = 1
	}
	if !v.hasSegs[which] {
		v.segs[which] = v.list(m).segments(v.segs[which])
		v.hasSegs[which] = true
	}
	return v.segs[which]
}

// extremes fills first and last of a layer.
func (v *view) extremes(m *Measure) *layer {
	y := v.at(m)
	if y.extremes {
		return y
	}
	y.extremes, y.first, y.last = true, y.first[:0], y.last[:0]
	for _, s := range v.segments(m) {
		for i := range int32(s.relevant(m.rel)) {
			if i < s.seen {
				y.first = append(y.first, s.first+i)
			}
		}
		for i := s.size - int32(s.relevant(m.rel)); i < s.seen; i++ {
			y.last = append(y.last, s.first+i)
		}
	}
	return y
}

// upto returns how many positions of s count up to a cutoff; 0 stands for none.
func (s *segment) upto(cutoff int32) int {
	n := s.seen
	if cutoff > 0 {
		n = min(n, cutoff-s.first+1)
	}
	return int(max(n, 0))
}

// count returns how many documents of s have a grade from lo to below hi.
func (s *segment) count(lo, hi int32) int {
	n := 0
	for _, p := range s.places {
		if p.grade >= lo && p.grade < hi {
			n++
		}
	}
	return n
}

func (s *segment) relevant(rel int32) int { return s.count(rel, math.MaxInt32) }

// crossing reports whether the depth cuts a block.
func (l *list) crossing() bool {
	if len(l.blocks) == 0 {
		return false
	}
	b := l.blocks[len(l.blocks)-1]
	return int(b.rank+b.size)-1 > l.retrieved
}
