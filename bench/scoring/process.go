package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pinner returns a function from a number of threads to the command that keeps
// a process on as many processors, the first that this process may use. It
// returns nil where taskset does not work.
func pinner(ctx context.Context) func(threads int) []string {
	none := func(int) []string { return nil }
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return none
	}
	cpus := allowed()
	if len(cpus) == 0 || exec.CommandContext(ctx, taskset, "-c", cpus[0], "true").Run() != nil {
		return none
	}
	return func(threads int) []string {
		if threads > len(cpus) {
			return nil
		}
		return []string{taskset, "-c", strings.Join(cpus[:threads], ",")}
	}
}

// allowed lists the processors that this process may run on, if Linux says so.
func allowed() []string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	_, list, _ := strings.Cut(string(b), "Cpus_allowed_list:")
	list, _, _ = strings.Cut(list, "\n")
	return parseCPUs(list)
}

// parseCPUs reads a list such as 0-3,8.
func parseCPUs(list string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		a, errA := strconv.Atoi(lo)
		b, errB := strconv.Atoi(hi)
		if errA != nil || errB != nil || a < 0 || b-a > 1<<16 {
			return nil
		}
		for c := a; c <= b; c++ {
			out = append(out, strconv.Itoa(c))
		}
	}
	return out
}

// A program does jobs: this one, or an interpreter with peer.py.
type program struct {
	argv []string
	env  []string // beside the environment that all share
}

// threadVars decide about threads; none is left as the user has it.
var threadVars = []string{
	"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
	"GOMAXPROCS", "OPENBLAS_CORETYPE", "XLRUN_SIMD", "GODEBUG", "GOGC", "GOMEMLIMIT",
}

// environment is the environment of a process of a round: all that could make
// threads is told the same number.
func environment(libraryThreads, threads int, more []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(threadVars, name)
	})
	for _, v := range threadVars[:4] {
		env = append(env, fmt.Sprintf("%s=%d", v, libraryThreads))
	}
	return append(append(env, fmt.Sprintf("GOMAXPROCS=%d", threads)), more...)
}

// start has p do a job in a new process and returns the answer. The process
// runs on j.Threads processors; its libraries make libraryThreads threads.
func (d *driver) start(ctx context.Context, p program, j job, libraryThreads int) (answer, error) {
	var a answer
	err := d.ask(ctx, p, j, libraryThreads, &a)
	return a, err
}

// ask is start with an answer of any type.
func (d *driver) ask(ctx context.Context, p program, j job, libraryThreads int, to any) error {
	in, err := json.Marshal(j)
	if err != nil {
		return err
	}
	argv := append(d.pin(j.Threads), p.argv...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = environment(libraryThreads, j.Threads, p.env)
	cmd.Stdin = bytes.NewReader(in)
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w: %s", j.Method, err, lastLine(errs.String()))
	}
	if err := json.Unmarshal([]byte(lastLine(out.String())), to); err != nil {
		return fmt.Errorf("%s: read the answer: %w", j.Method, err)
	}
	return nil
}

// lastLine is the last line with text: of a traceback, the one that matters.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// share is the least part of its processors that an undisturbed process uses.
const share = 0.95

// figure is what one contender did in one round. Times are seconds, medians of
// the searches of one process, scaled to all queries.
type figure struct {
	Wall     float64 `json:"wall"`
	CPU      float64 `json:"cpu"`
	Build    float64 `json:"build"`
	Quiet    bool    `json:"quiet"`    // the processors were ours
	Rejected int     `json:"rejected"` // processes before this one that had to share them
	Hash     string  `json:"hash,omitempty"`
	Level    string  `json:"level,omitempty"`
}

// round starts processes of a contender until one has its processors to
// itself, which is retries+1 times at most.
func (d *driver) round(ctx context.Context, c *contender, ids string) (figure, answer, error) {
	j := c.job
	j.IDs = ids
	var rejected int
	for {
		a, err := d.start(ctx, c.program, j, c.libraryThreads)
		if err != nil {
			return figure{}, a, err
		}
		if len(a.Wall) == 0 || len(a.Wall) != len(a.CPU) {
			return figure{}, a, errors.New("the answer has no times")
		}
		f := figure{
			Wall: median(a.Wall) / c.part, CPU: median(a.CPU) / c.part, Build: a.Build,
			Quiet: quiet(a, c.busy), Rejected: rejected, Hash: a.Hash, Level: a.Level,
		}
		if f.Quiet || rejected >= d.retries {
			return f, a, nil
		}
		rejected++
	}
}

// quiet tells whether a process that can keep busy processors busy did. A
// program that waits by spinning looks busy; one that cannot use all its
// threads is only asked for one.
func quiet(a answer, busy int) bool {
	var wall, cpu float64
	for i := range a.Wall {
		wall += a.Wall[i]
		cpu += a.CPU[i]
	}
	if cpu == 0 {
		return true // unknown here
	}
	return cpu >= share*float64(busy)*wall
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[n/2] + s[(n-1)/2]) / 2
}
