package subword

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"testing"
)

// reference spells the features as strings and hashes them with the standard
// library.
func reference(words [][]string, buckets uint64) []uint32 {
	var out []uint32
	for _, features := range words {
		for i, f := range features {
			h := fnv.New64a()
			_, _ = h.Write([]byte(f))
			if i == 0 {
				_, _ = h.Write([]byte{0})
			}
			x := h.Sum64()
			for _, m := range []uint64{0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53} {
				x ^= x >> 33
				x *= m
			}
			x ^= x >> 33
			out = append(out, uint32((x>>32)*buckets>>32))
		}
	}
	return out
}

func TestFeatures(t *testing.T) {
	for _, c := range []struct {
		text       string
		minN, maxN int
		want       [][]string // per word: the word, then its n-grams
	}{
		{"", 3, 5, nil},
		{" -- 😀 \x00 \xff", 3, 5, nil},
		{"a", 3, 5, [][]string{{"<a>", "<a>"}}},
		{"a", 4, 5, [][]string{{"<a>"}}},
		{"Cat", 3, 5, [][]string{{"<cat>", "<ca", "<cat", "<cat>", "cat", "cat>", "at>"}}},
		{"Ab, ab!", 3, 3, [][]string{{"<ab>", "<ab", "ab>"}, {"<ab>", "<ab", "ab>"}}},
		{"x\x00y", 3, 3, [][]string{{"<x>", "<x>"}, {"<y>", "<y>"}}},
		{"ÉÀ", 3, 5, [][]string{{"<éà>", "<éà", "<éà>", "éà>"}}},
		{"日本", 3, 3, [][]string{{"<日本>", "<日本", "日本>"}}},
		{"नी", 3, 3, [][]string{{"<नी>", "<नी", "नी>"}}}, // a mark continues the word
		{"I\u0130", 1, 1, [][]string{{"<ii>", "<", "i", "i", ">"}}},
		{"7٣", 4, 4, [][]string{{"<7٣>", "<7٣>"}}},
	} {
		h := newHasher(spec{Buckets: 1 << 20, MinN: c.minN, MaxN: c.maxN})
		want := reference(c.want, 1<<20)
		if got := h.appendRows(nil, c.text); !slices.Equal(got, want) {
			t.Errorf("%q: want %v, got %v", c.text, want, got)
		}
	}
}

func TestRowsAreInRange(t *testing.T) {
	text := strings.Repeat("vielerlei Wörter ", 40) + strings.Repeat("x", 300)
	for _, buckets := range []int{1, 2, 3, 1000, 1 << 24} {
		for _, r := range newHasher(spec{Buckets: buckets, MinN: 1, MaxN: 16}).appendRows(nil, text) {
			if int(r) >= buckets {
				t.Fatalf("row %d of %d", r, buckets)
			}
		}
	}
}

func FuzzFeatures(f *testing.F) {
	for _, s := range []string{"", "Cat", "éà \xff\xfe", "日本語", "a\x00b", "İ"} {
		f.Add(s, 3, 5)
	}
	f.Fuzz(func(t *testing.T, s string, minN, maxN int) {
		if minN < 1 || maxN < minN || maxN > 16 {
			return
		}
		h := newHasher(spec{Buckets: 97, MinN: minN, MaxN: maxN})
		a := h.appendRows(nil, s)
		for _, r := range a {
			if r >= 97 {
				t.Fatalf("row %d", r)
			}
		}
		// Words are independent: the text twice has the features twice.
		if b := h.appendRows(nil, s+"\x00"+s); !slices.Equal(b, append(slices.Clone(a), a...)) {
			t.Fatalf("%q: %v, twice %v", s, a, b)
		}
	})
}

func TestExpLog(t *testing.T) {
	for x := -700.0; x < 700; x += 0.37 {
		if want, got := math.Exp(x), exp(x); math.Abs(got-want) > 1e-13*want {
			t.Errorf("exp(%v): want %v, got %v", x, want, got)
		}
	}
	for x := -300.0; x < 300; x += 0.41 {
		v := math.Pow(10, x)
		if want, got := math.Log(v), log(v); math.Abs(got-want) > 1e-14*max(1, math.Abs(want)) {
			t.Errorf("log(%v): want %v, got %v", v, want, got)
		}
	}
	if exp(0) != 1 || exp(-1000) != 0 || !math.IsInf(exp(1000), 1) || !math.IsNaN(exp(math.NaN())) {
		t.Error("exp of a special value is wrong")
	}
	if log(1) != 0 || !math.IsNaN(log(0)) || !math.IsNaN(log(math.NaN())) || !math.IsNaN(log(math.Inf(1))) {
		t.Error("log of a special value is wrong")
	}
}

func TestStream(t *testing.T) {
	// SplitMix64 with seed 1234567: the values of the Rosetta Code page
	// "Pseudo-random numbers/Splitmix64".
	s := stream(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := s.next(); got != want {
			t.Errorf("word %d: want %d, got %d", i, want, got)
		}
	}
	counts := make([]int, 7)
	for range 70000 {
		counts[s.below(7)]++
	}
	for i, n := range counts {
		if n < 9500 || n > 10500 {
			t.Errorf("%d came %d times of 70000", i, n)
		}
	}
}
