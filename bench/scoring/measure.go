package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/sdk/vec"
)

// measure makes the vectors of a case, runs its rounds and checks what was
// found. A case that the machine has no room for is skipped, with the reason.
func (d *driver) measure(ctx context.Context, c *kase) (*caseResult, error) {
	r := &caseResult{Name: c.Name, What: c.describe(), Threads: c.Threads, Absent: c.absent, kase: c}
	if r.Skipped = d.room(c); r.Skipped != "" {
		return r, nil
	}
	d.progress("%s: making vectors", c.Name)
	for i := range c.contenders {
		x := &c.contenders[i]
		var err error
		if x.job.Docs, err = d.store.path(ctx, x.docs); err == nil {
			x.job.Queries, err = d.store.path(ctx, c.queriesOf(x.docs))
		}
		if errors.Is(err, errNoRoom) {
			r.Skipped = err.Error()
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		if x.tune {
			if err := d.tune(ctx, c, x); err != nil && ctx.Err() == nil {
				r.fail(x, err)
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if err := d.rounds(ctx, c, r); err != nil {
		return nil, err
	}
	if r.Failed[oursName] != "" {
		return r, nil
	}
	err := d.check(ctx, c, r)
	r.summarize()
	return r, err
}

// queriesOf are drawn as the documents are, from another seed.
func (c *kase) queriesOf(docs dataset) dataset {
	docs.Rows, docs.Seed = c.plan.queries, 2
	if docs.Shape == "duplicates" {
		docs.Shape = "gaussian"
	}
	return docs
}

// room says what the machine lacks for a case, or nothing.
func (d *driver) room(c *kase) string {
	if c.Threads > runtime.NumCPU() {
		return fmt.Sprintf("%d threads want as many processors, there are %d", c.Threads, runtime.NumCPU())
	}
	var most int64
	for _, x := range c.contenders {
		docs := x.docs
		if docs.Element == vec.Float16 || docs.Element == vec.Int8 {
			docs.Element = vec.Float32 // FAISS takes its rows so
		}
		most = max(most, docs.bytes())
	}
	// The file, an array of it and an index of that; and what the loops read.
	want := 5*most/2 + 3*int64(d.readBytes())
	if free := freeMemory(); free > 0 && free < want {
		return fmt.Sprintf("wants %s of memory, %s are free", gb(want), gb(free))
	}
	return ""
}

// readBytes is the size of the buffers that bandwidth is measured on: many times
// the last cache of today's processors, less when the program is only tried.
func (d *driver) readBytes() int {
	return max(4<<20, int(min(1, d.scale)*(512<<20)))
}

// freeMemory returns the bytes that Linux could still give, or 0.
func freeMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, s, _ := strings.Cut(string(b), "MemAvailable:")
	s, _, _ = strings.Cut(s, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// rounds runs them: the ceilings, then every contender once, in turn forwards
// and backwards, so that nobody always follows the same neighbour.
func (d *driver) rounds(ctx context.Context, c *kase, r *caseResult) error {
	self := program{argv: []string{d.self, workerArg}}
	for n := range d.settings.rounds {
		round := roundResult{Figures: map[string]figure{}}
		for try := 0; try <= d.retries && !round.CeilingsQuiet; try++ {
			a, err := d.start(ctx, self, job{Method: "ceilings", Threads: c.Threads, Bytes: d.readBytes()}, 1)
			if err != nil {
				return err
			}
			round.Ceilings, round.CeilingsQuiet = *a.Ceilings, quiet(a, c.Threads)
		}
		order := make([]int, len(c.contenders))
		for i := range order {
			order[i] = i
		}
		if n%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			x := &c.contenders[i]
			if r.Failed[x.name] != "" || x.rounds > 0 && n >= x.rounds {
				continue
			}
			var ids string
			if n == 0 && !x.noIDs {
				ids = filepath.Join(d.dir, fmt.Sprintf("ids-%d", i))
			}
			f, a, err := d.round(ctx, x, ids)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				d.progress("%s: %s: %v", c.Name, x.name, err)
				r.fail(x, err)
				if x.name == oursName {
					return nil // there is nothing to compare with
				}
				continue
			}
			round.Figures[x.name] = f
			if x.blasOwner != "" {
				x.blas = python{BLAS: a.BLAS}.blasOf(x.blasOwner)
			}
			disturbed := ""
			if !f.Quiet {
				disturbed = ", disturbed"
			}
			d.progress("%s round %d of %d: %.4f s%s  %s", c.Name, n+1, d.settings.rounds, f.Wall, disturbed, x.name)
		}
		r.Rounds = append(r.Rounds, round)
	}
	return nil
}
