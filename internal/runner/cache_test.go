package runner

import (
	"testing"
)

func TestCache(t *testing.T) {
	made := map[string]int{}
	c := newCache(100)
	get := func(key string, size int64) {
		t.Helper()
		got, err := cacheGet(c, key, func() (string, int64, error) {
			made[key]++
			return "value of " + key, size, nil
		})
		if err != nil || got != "value of "+key {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	get("a", 20)
	get("a", 20)
	get("big", 26)
	get("big", 26)
	c.remove("a")
	c.remove("a")
	c.remove("never there")
	get("a", 20)
	if made["a"] != 2 || made["big"] != 2 {
		t.Errorf("want a made again once removed, and what is too big each time: %v", made)
	}
	for _, k := range []string{"b", "c", "d", "e"} {
		get(k, 25) // e displaces a
	}
	if c.used != 100 || len(c.items) != 4 {
		t.Errorf("want 100 bytes in 4 values, got %d in %d", c.used, len(c.items))
	}
}

// TestCacheWhereMakingPanics: those that wait for the value get an error.
func TestCacheWhereMakingPanics(t *testing.T) {
	c := newCache(100)
	var waited chan error
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_, _ = cacheGet(c, "k", func() (int, int64, error) {
			waited = make(chan error, 1)
			it := c.items["k"].Value.(*item)
			go func() {
				<-it.ready
				waited <- it.err
			}()
			panic("no value")
		})
	}()
	if err := <-waited; err == nil {
		t.Error("who waited got no error")
	}
	if v, err := cacheGet(c, "k", func() (int, int64, error) { return 7, 8, nil }); v != 7 || err != nil {
		t.Errorf("then: %d, %v", v, err)
	}
}
