package sdk

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// NormalizeText returns the form in which texts are compared for leakage and
// duplicates: NFKC, case-folded, letters, marks and digits only, words joined
// by one space. Two texts with the same form differ in case, punctuation,
// spacing or compatibility characters only.
func NormalizeText(s string) string {
	s = cases.Fold().String(norm.NFKC.String(s))
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range norm.NFKC.String(s) {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) {
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(r)
			continue
		}
		gap = true
	}
	return b.String()
}

// TextHash returns the first 64 bits of the SHA-256 digest of the normalised
// text. Texts that normalise to nothing (punctuation only) are hashed as they
// stand, so that they are not all the same; the empty text hashes to 0.
func TextHash(s string) uint64 {
	n := NormalizeText(s)
	if n == "" {
		if n = strings.TrimSpace(s); n == "" {
			return 0
		}
	}
	h := sha256.Sum256([]byte(n))
	return binary.BigEndian.Uint64(h[:8])
}
