package subword

import (
	"unicode"
	"unicode/utf8"
)

// A hasher turns a text into rows of the table.
//
// The text is lower-cased rune by rune and cut into words: runs of letters,
// marks and digits. A word w is bracketed, <w>, and gives, in this order: the
// whole of it; then, for every position and from the shortest to the longest,
// its n-grams of minN to maxN runes. Nothing else is a feature, so the vector
// of a text without letters or digits is zero.
//
// The hash of a feature is FNV-1a, 64 bits, over its UTF-8 bytes (for the whole
// word, a zero byte follows, so that it differs from an n-gram that spells the
// same), finished as MurmurHash3 does. The upper 32 bits h name row (h·B)>>32.
// This is format "fnv1a64-fmix64-1": no vocabulary, so no unknown words, and
// words that share a spelling share rows in every language.
type hasher struct {
	minN, maxN int
	buckets    uint64

	word []byte // <w>, reused
	ends []int  // where each rune of word ends, after ends[0] = 0
}

const hashName = "fnv1a64-fmix64-1"

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

func newHasher(s spec) *hasher {
	return &hasher{minN: s.MinN, maxN: s.MaxN, buckets: uint64(s.Buckets)}
}

// row finishes a hash.
func (h *hasher) row(x uint64) uint32 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return uint32((x >> 32) * h.buckets >> 32)
}

// appendRows appends the rows of text to dst, in the order of its features.
func (h *hasher) appendRows(dst []uint32, text string) []uint32 {
	open := false
	for i := 0; i < len(text); {
		c := rune(text[i])
		size := 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(text[i:])
		}
		i += size
		var part bool
		switch {
		case c < utf8.RuneSelf:
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			part = 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		default:
			c = unicode.ToLower(c)
			part = unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c)
		}
		switch {
		case part:
			if !open {
				open = true
				h.word = append(h.word[:0], '<')
				h.ends = append(h.ends[:0], 0, 1)
			}
			h.word = utf8.AppendRune(h.word, c)
			h.ends = append(h.ends, len(h.word))
		case open:
			open = false
			dst = h.appendWord(dst)
		}
	}
	if open {
		dst = h.appendWord(dst)
	}
	return dst
}

// appendWord closes the bracket and appends the features of the word.
func (h *hasher) appendWord(dst []uint32) []uint32 {
	h.word = append(h.word, '>')
	h.ends = append(h.ends, len(h.word))
	x := uint64(fnvOffset)
	for _, b := range h.word {
		x = (x ^ uint64(b)) * fnvPrime
	}
	dst = append(dst, h.row(x*fnvPrime)) // the zero byte
	runes := len(h.ends) - 1
	for i := 0; i+h.minN <= runes; i++ {
		x := uint64(fnvOffset)
		for n := 1; n <= h.maxN && i+n <= runes; n++ {
			for _, b := range h.word[h.ends[i+n-1]:h.ends[i+n]] {
				x = (x ^ uint64(b)) * fnvPrime
			}
			if n >= h.minN {
				dst = append(dst, h.row(x))
			}
		}
	}
	return dst
}
