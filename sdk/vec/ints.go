package vec

import "fmt"

// sameKind reports that elements of two types have a score: both are of
// floating point, or both int8, or both bits.
func sameKind(docs, queries Element) error {
	if docs == queries || docs < Int8 && queries < Int8 {
		return nil
	}
	return fmt.Errorf("queries are %s, documents %s: both must be of floating point, or both int8, or both bits; Convert makes one into the other", queries, docs)
}
