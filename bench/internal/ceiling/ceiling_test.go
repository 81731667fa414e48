package ceiling

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// TestReads checks that every byte is read, once: a loop that skips a line of
// the cache would promise a bandwidth that nobody can have.
func TestReads(t *testing.T) {
	if !has256 {
		t.Skip(ErrNone)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{256, 1024, 4 * stream} {
		b := make([]byte, n)
		var want uint64
		for i := 0; i < n; i += 8 {
			x := rng.Uint64()
			binary.LittleEndian.PutUint64(b[i:], x)
			want ^= x
		}
		if got := readFour(&b[0], n/4); got != want {
			t.Errorf("readFour of %d bytes: got %x, want %x", n, got, want)
		}
		if got := readOne(&b[0], n); got != want {
			t.Errorf("readOne of %d bytes: got %x, want %x", n, got, want)
		}
	}
}

// TestCeilings checks orders of magnitude only: no machine with these
// instructions is slower, none is faster.
func TestCeilings(t *testing.T) {
	buf := make([]byte, 4<<20)
	for _, c := range []struct {
		name     string
		low, top float64
		measure  func() (float64, error)
	}{
		{"FMA256", 1e9, 1e12, func() (float64, error) { return FMA256(2, time.Millisecond) }},
		{"FMA512", 1e9, 1e12, func() (float64, error) { return FMA512(2, time.Millisecond) }},
		{"ReadFour", 1e8, 1e13, func() (float64, error) { return ReadFour(buf, 2, time.Millisecond) }},
		{"ReadOne", 1e8, 1e13, func() (float64, error) { return ReadOne(buf, 2, time.Millisecond) }},
	} {
		x, err := c.measure()
		switch {
		case errors.Is(err, ErrNone):
			t.Logf("%s: %v", c.name, err)
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case x < c.low || x > c.top:
			t.Errorf("%s: %.3g a second", c.name, x)
		}
	}
	if _, err := ReadFour(buf[:100], 2, time.Millisecond); err == nil {
		t.Error("a buffer smaller than its threads need was read")
	}
}
