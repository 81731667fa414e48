package near

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"dmi", "dim", 1}, {"ndgc", "ndcg", 1}, {"ca", "abc", 3}, {"AP", "ap", 2},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: want %d, got %d", c.a, c.b, c.want, got)
		}
	}
}
