package vec

import "fmt"

// Similarity says what a score is.
type Similarity int

// The similarities. A larger score is always nearer. What they are for Int8 and
// Bits is said at Index.
const (
	// InnerProduct scores q·d.
	InnerProduct Similarity = iota
	// Cosine scores the inner product of rows scaled to unit length as by
	// Matrix.Normalize. A row of zeros scores 0 with everything.
	Cosine
	// L2 scores minus the squared Euclidean distance:
	// min(0, 2·(q·d) − (‖q‖²+‖d‖²)), with norms summed in float64 and rounded
	// once. Distances far below the norms lose digits to cancellation.
	L2
)

func (s Similarity) String() string {
	switch s {
	case InnerProduct:
		return "ip"
	case Cosine:
		return "cosine"
	case L2:
		return "l2"
	}
	return fmt.Sprintf("Similarity(%d)", int(s))
}

// ParseSimilarity is the inverse of Similarity.String.
func ParseSimilarity(s string) (Similarity, error) {
	for _, x := range []Similarity{InnerProduct, Cosine, L2} {
		if x.String() == s {
			return x, nil
		}
	}
	return 0, fmt.Errorf(`similarity %q: want "ip", "cosine" or "l2"`, s)
}
