// Package ceiling measures what a machine can do at best, so that a benchmark
// can say how much of it was reached: float32 fused multiply-adds a second and
// bytes read a second.
//
// It exists because a share of a ceiling that was measured in the same minute
// means the same on every machine, and a second does not. The loops are
// assembly; where there is none, the functions report that nothing was
// measured.
package ceiling

//go:generate sh -c "cd _gen && go run . -pkg ceiling -out ../loops_amd64.s -stubs ../loops_amd64.go"

import (
	"errors"
	"runtime"
	"sync"
	"time"
)

// ErrNone says that there is no loop for this machine.
var ErrNone = errors.New("not measured: no loop for this processor")

const (
	// stream is how much of each of four streams one call reads; neighbouring
	// streams are as far apart. 24 KiB is a panel of 16 documents of 384
	// float32, so the pattern is the one of a search with one query.
	stream = 24 << 10
	fmas   = 12 * 4 // per iteration of a loop, see _gen
	// Iterations of one call: tens of microseconds, so that the garbage
	// collector never waits for it.
	iterations = 2000
)

// FMA256 returns the float32 operations a second of fused multiply-adds in
// registers of eight, on all threads together. One multiply-add counts two.
func FMA256(threads int, d time.Duration) (float64, error) {
	if !has256 {
		return 0, ErrNone
	}
	return fma(fma256, 8, threads, d), nil
}

// FMA512 is FMA256 with registers of sixteen.
func FMA512(threads int, d time.Duration) (float64, error) {
	if !has512 {
		return 0, ErrNone
	}
	return fma(fma512, 16, threads, d), nil
}

// fma runs a loop for about d on every thread.
func fma(loop func(n int, xy *[2]float32), lanes, threads int, d time.Duration) float64 {
	calls := parallel(threads, d, func(int) func() {
		// a·x + y stays near 1: no subnormal, no overflow.
		xy := [2]float32{0.999, 0.001}
		return func() { loop(iterations, &xy) }
	})
	return calls * iterations * fmas * float64(lanes) * 2
}

// ReadFour returns the bytes a second that can be read from buf, each thread
// its own part, in four interleaved streams a thread. buf should be many times
// as large as the last cache.
func ReadFour(buf []byte, threads int, d time.Duration) (float64, error) {
	return read(readFour, stream, 4*stream, buf, threads, d)
}

// ReadOne is ReadFour with one sequential stream, prefetched.
func ReadOne(buf []byte, threads int, d time.Duration) (float64, error) {
	return read(readOne, 4*stream, 4*stream, buf, threads, d)
}

func read(loop func(p *byte, n int) uint64, n, size int, buf []byte, threads int, d time.Duration) (float64, error) {
	if !has256 {
		return 0, ErrNone
	}
	if len(buf) < threads*size {
		return 0, errors.New("the buffer is too small for its threads")
	}
	calls := parallel(threads, d, func(t int) func() {
		part := len(buf) / threads / size * size
		b := buf[t*part : (t+1)*part]
		at := 0
		return func() {
			loop(&b[at], n)
			if at += size; at == len(b) {
				at = 0
			}
		}
	})
	return calls * float64(size), nil
}

// parallel calls f(t)() on every thread t again and again for about d, and
// returns the calls a second. A thread's own clock decides when it stops, and
// its rate is over its own time: a thread that starts late is not held against
// the others.
func parallel(threads int, d time.Duration, f func(t int) func()) float64 {
	var wg sync.WaitGroup
	rates := make([]float64, threads)
	for t := range threads {
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			call := f(t)
			call()
			start, n := time.Now(), 0
			for {
				for range 16 {
					call()
				}
				n += 16
				if e := time.Since(start); e >= d {
					rates[t] = float64(n) / e.Seconds()
					return
				}
			}
		})
	}
	wg.Wait()
	var sum float64
	for _, r := range rates {
		sum += r
	}
	return sum
}
