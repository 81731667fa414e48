package runner

import (
	"container/list"
	"errors"
	"sync"
)

// cache keeps decoded artifacts by name, the least used ones last, up to a
// number of bytes. Values are shared: nobody changes them.
type cache struct {
	mu    sync.Mutex
	max   int64
	used  int64
	items map[string]*list.Element
	order *list.List // of *item, the latest used first
}

type item struct {
	key   string
	ready chan struct{} // closed when value or err is set
	value any
	size  int64
	err   error
	kept  bool // counted in used
}

func newCache(maxBytes int64) *cache {
	return &cache{max: maxBytes, items: map[string]*list.Element{}, order: list.New()}
}

// cacheGet returns the value of key, making it where it is not kept. Several that ask
// at once wait for one to make it. make returns the value and its size in
// bytes; a value beyond a quarter of the cache is not kept.
func cacheGet[T any](c *cache, key string, produce func() (T, int64, error)) (T, error) {
	c.mu.Lock()
	if e, ok := c.items[key]; ok {
		c.order.MoveToFront(e)
		it := e.Value.(*item)
		c.mu.Unlock()
		<-it.ready
		if it.err != nil {
			var zero T
			return zero, it.err
		}
		return it.value.(T), nil
	}
	it := &item{key: key, ready: make(chan struct{})}
	c.items[key] = c.order.PushFront(it)
	c.mu.Unlock()

	var (
		v    T
		size int64
		err  = errProducer // who waits must not wait forever where produce panics
	)
	func() {
		defer func() {
			it.value, it.size, it.err = v, size, err
			close(it.ready)
			if err != nil {
				c.mu.Lock()
				c.drop(c.items[key])
				c.mu.Unlock()
			}
		}()
		v, size, err = produce()
	}()

	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		return v, err
	}
	if size > c.max/4 {
		c.drop(c.items[key])
		return v, nil
	}
	c.used += size
	it.kept = true
	for e := c.order.Back(); e != nil && c.used > c.max; {
		prev := e.Prev()
		if old := e.Value.(*item); old != it && old.kept {
			c.used -= old.size
			c.drop(e)
		}
		e = prev
	}
	return v, nil
}

var errProducer = errors.New("a fault of xlrun itself: what others wait for was not made")

// put keeps a value that is at hand.
func (c *cache) put(key string, v any, size int64) {
	_, _ = cacheGet(c, key, func() (any, int64, error) { return v, size, nil })
}

// remove forgets a value. One that is being made stays.
func (c *cache) remove(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[key]; ok && e.Value.(*item).kept {
		c.used -= e.Value.(*item).size
		c.drop(e)
	}
}

func (c *cache) drop(e *list.Element) {
	if e == nil {
		return
	}
	it := e.Value.(*item)
	if c.items[it.key] == e {
		delete(c.items, it.key)
	}
	c.order.Remove(e)
}
