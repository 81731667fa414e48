package runner

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/xlrun/xlrun/internal/results"
)

// journalsKept is how many journals of earlier runs stay beside the results.
const journalsKept = 20

// journal notes what happened to each step: in memory, and line by line in a
// file that survives a killed process. It is not a result: a journal that
// cannot be written costs nothing but itself.
type journal struct {
	mu      sync.Mutex
	entries []results.Entry
	dir     string
	file    *os.File
	w       *bufio.Writer
	flushed time.Time
	broken  bool
}

func newJournal(resultsDir string) *journal {
	j := &journal{}
	if resultsDir != "" {
		j.dir = filepath.Join(resultsDir, "journals")
	}
	return j
}

// add notes a step. Steps taken from the store are only kept in memory.
func (j *journal) add(e results.Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.StartedAt = e.StartedAt.Truncate(time.Microsecond)
	j.entries = append(j.entries, e)
	if e.Cached || j.dir == "" || j.broken {
		return
	}
	if j.file == nil && !j.start() {
		return
	}
	b, err := json.Marshal(e)
	if err == nil {
		_, err = j.w.Write(append(b, '\n'))
	}
	if now := time.Now(); err == nil && now.Sub(j.flushed) > time.Second {
		j.flushed = now
		err = j.w.Flush()
	}
	j.broken = err != nil
}

func (j *journal) start() bool {
	err := os.MkdirAll(j.dir, 0o755)
	if err == nil {
		j.trim()
		name := fmt.Sprintf("%s-%d.jsonl", time.Now().UTC().Format("20060102-150405.000"), os.Getpid())
		j.file, err = os.Create(filepath.Join(j.dir, name))
	}
	if err != nil {
		j.broken = true
		return false
	}
	j.w = bufio.NewWriter(j.file)
	return true
}

// trim removes the oldest journals. Their names sort by time.
func (j *journal) trim() {
	old, err := filepath.Glob(filepath.Join(j.dir, "*.jsonl"))
	if err != nil || len(old) < journalsKept {
		return
	}
	slices.Sort(old)
	for _, f := range old[:len(old)-journalsKept+1] {
		_ = os.Remove(f) // another run may have been faster
	}
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		_ = j.w.Flush()
		_ = j.file.Close()
		j.file = nil
		j.dir = ""
	}
}

// entries returns an entry for every step: those that ended in this run, in that
// order, then those taken from the store without a look, in plan order. It is
// nil if nothing was done at all.
func (r *run) entries() []results.Entry {
	r.journal.mu.Lock()
	out := slices.Clone(r.journal.entries)
	r.journal.mu.Unlock()
	if !slices.ContainsFunc(out, func(e results.Entry) bool { return !e.Cached }) {
		return nil
	}
	seen := make(map[string]bool, len(out))
	for _, e := range out {
		seen[e.Recipe] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.nodes {
		if n.state != cached && n.state != unseen || seen[string(n.step.Recipe)] {
			continue
		}
		e := results.Entry{
			Step: n.step.Label, Stage: string(n.step.Stage), Block: n.step.Block, Recipe: string(n.step.Recipe), Component: componentName(n.step),
			Cached: true, StartedAt: r.started, Status: results.StatusCached,
		}
		if n.step.Component != nil {
			e.Plugin = n.step.Component.Plugin
		}
		if n.rec != nil {
			e.Action = string(n.rec.Action)
		}
		out = append(out, e)
	}
	return out
}
