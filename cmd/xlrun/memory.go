package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// spareMemory makes collections rare as long as memory stays below limit, in
// bytes. Where more than three quarters of it is alive the limit rises by twice
// what is beyond: at a limit near what is alive, collections would never end. A
// limit from outside (GOMEMLIMIT) stands. undo restores what was.
func spareMemory(limit int64) (undo func()) {
	given := debug.SetMemoryLimit(-1)
	percent := debug.SetGCPercent(400)
	debug.SetMemoryLimit(min(given, limit))

	var mu sync.Mutex
	done := false
	// Each collection finds the mark unreachable, and that calls adapt.
	type mark struct{ _ *int } // a pointer: tiny objects without one share memory
	var adapt func(int)
	arm := func() { runtime.AddCleanup(new(mark), adapt, 0) }
	adapt = func(int) {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		debug.SetMemoryLimit(min(given, max(limit, 2*aliveBytes()-limit/2)))
		arm()
	}
	arm()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done = true
		debug.SetMemoryLimit(given)
		debug.SetGCPercent(percent)
	}
}

// aliveBytes is what the last collection left of the heap.
func aliveBytes() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(min(s[0].Value.Uint64(), math.MaxInt64/4))
}
