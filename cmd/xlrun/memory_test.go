package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// The limit rises with what is alive, and goes with undo.
func TestSpareMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	undo := spareMemory(64 << 20)
	if got := debug.SetMemoryLimit(-1); got != min(before, 64<<20) {
		t.Errorf("want a limit of 64 MiB, got %d", got)
	}
	alive := make([]byte, 256<<20)
	limit := int64(0)
	for range 1000 { // what follows a collection runs beside this
		runtime.GC()
		if limit = debug.SetMemoryLimit(-1); limit > 64<<20 {
			break
		}
		runtime.Gosched()
	}
	if before == math.MaxInt64 && (limit < 480<<20 || limit > 600<<20) {
		t.Errorf("256 MiB are alive: want a limit of some 480 MiB, got %d", limit>>20)
	}
	runtime.KeepAlive(alive)
	undo()
	runtime.GC()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("after undo: want %d, got %d", before, got)
	}
	if got := debug.SetGCPercent(percent); got != percent {
		t.Errorf("after undo: want %d %%, got %d", percent, got)
	}
}

// A limit that the user sets is not raised.
func TestSpareMemoryGiven(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(32 << 20))
	defer spareMemory(64 << 20)()
	if got := debug.SetMemoryLimit(-1); got != 32<<20 {
		t.Errorf("want 32 MiB, got %d", got)
	}
}
