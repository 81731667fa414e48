package hnsw

import (
	"fmt"
	"math"

	"github.com/xlrun/xlrun/sdk/vec"
)

// What a row is to the graph: a node with its highest level, or one of these.
const (
	maxLevel = 31
	kindCopy = 252 // the bytes of a node again
	kindZero = 253 // all zeros: scores 0 with every query
	kindOdd  = 254 // too large or too small for the arithmetic of the walk
	kindLost = 255 // no score with it is a number
)

// space says how near two rows are, for the walk alone: what is reported is
// scored anew. Nearer is larger. With dot for vec.Dot,
//
//	cosine  dot(a,b)·(aux(a)·aux(b))        aux = 1/‖x‖
//	ip      dot(a,b)
//	l2      2·dot(a,b) − (aux(a)+aux(b))    aux = ‖x‖²
//
// every operation rounded to float32. Inner products are no distances, yet
// the graph of them as they are serves better than one of the points that the
// usual reduction puts on a sphere (Morozov and Babenko 2018; measured here
// too).
type space struct {
	docs       vec.Matrix
	similarity vec.Similarity
	aux        []float32 // by row; nil: ip, or rows of unit length under cosine
	radius     float64   // the length of the longest node
}

// unitSlack is how far ‖x‖² of all rows may be from 1 for the walk to take
// them as unit vectors.
const unitSlack = 1.0 / (1 << 20)

// squares returns Σ x² in float64, in index order: NaN or +Inf where an
// element is.
func squares(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(float64(v) * float64(v))
	}
	return s
}

// kindOf classifies a row of squared length sq; 0 is a node. The bounds keep
// every number of the walk finite, and normal where lengths matter.
func kindOf(similarity vec.Similarity, sq float64) uint8 {
	switch {
	case math.IsNaN(sq):
		return kindLost
	case math.IsInf(sq, 1):
		if similarity == vec.Cosine { // ∞/∞
			return kindLost
		}
		return kindOdd
	case sq == 0 && similarity != vec.L2:
		return kindZero
	case similarity == vec.Cosine && (sq < 1.0/(1<<80) || sq > 1<<80), sq > 1<<100:
		return kindOdd
	}
	return 0
}

// auxOf is what the space keeps of a row or a query.
func (s *space) auxOf(sq float64) float32 {
	switch s.similarity {
	case vec.Cosine:
		return float32(1 / math.Sqrt(sq))
	case vec.L2:
		return float32(sq)
	}
	return 0
}

// at returns aux of a row.
func (s *space) at(row int32) float32 {
	if s.aux != nil {
		return s.aux[row]
	}
	if s.similarity == vec.Cosine {
		return 1
	}
	return 0
}

// top is what near comes to at most, or is measured from: top − near is a
// squared distance, or half of one.
func (s *space) top() float32 {
	switch s.similarity {
	case vec.Cosine:
		return 1
	case vec.L2:
		return 0
	}
	return float32(s.radius * s.radius)
}

// near writes to dst how near x is to each of rows; a is aux of x.
func (s *space) near(dst, x []float32, a float32, rows []int32) {
	dst = dst[:len(rows)]
	vec.DotRows(dst, x, s.docs, rows)
	switch s.similarity {
	case vec.Cosine:
		switch {
		case s.aux != nil:
			for i, r := range rows {
				dst[i] *= float32(a * s.aux[r])
			}
		case a != 1:
			for i := range dst {
				dst[i] *= a
			}
		}
	case vec.L2:
		for i, r := range rows {
			dst[i] = float32(2*dst[i]) - float32(a+s.aux[r])
		}
	}
}

// slack bounds how far near may be from the score of the contract, for a query
// of squared length sq and any node. Both sums have errors of at most
// (dim+2)·2⁻²⁴·‖q‖·‖d‖ (Higham, Accuracy and Stability, §3.1); this is four
// times that, and room for the few other roundings.
func (s *space) slack(sq float64) float32 {
	e := float64(s.docs.Dim+256) / (1 << 22)
	q := math.Sqrt(sq)
	switch s.similarity {
	case vec.Cosine:
		return float32(e)
	case vec.L2:
		return float32(2 * e * (q + s.radius) * (q + s.radius))
	}
	return float32(e * q * s.radius)
}

// A key orders rows by nearness, the nearest first, equal ones by row. The
// last bit says that the walk has been there.
type key uint64

const keyDone key = 1

func keyOf(near float32, row int32) key {
	b := math.Float32bits(-near + 0) // −0 + 0 is +0
	if b>>31 != 0 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return key(b)<<32 | key(row)<<1
}

func (k key) row() int32 { return int32(uint32(k) >> 1) }

func (k key) near() float32 {
	b := uint32(k >> 32)
	if b>>31 != 0 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return -math.Float32frombits(b)
}

// checkDocuments reports documents that cannot be numbered in a key.
func checkDocuments(m vec.Matrix) error {
	if m.Rows > math.MaxInt32 {
		return fmt.Errorf("%d documents: at most %d fit one index; build several", m.Rows, math.MaxInt32)
	}
	return nil
}
