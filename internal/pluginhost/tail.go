package pluginhost

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
)

// tailLines is how much of a plugin's output an error shows.
const tailLines = 50

// maxLine is where a line is cut.
const maxLine = 8 << 10

// tail takes what a plugin prints, line by line: to the log, to a file, and
// the last lines for an error. It is safe for concurrent use.
type tail struct {
	logger hclog.Logger

	mu    sync.Mutex
	file  *os.File
	line  []byte
	last  []string
	count int    // lines in all
	panic string // how the last panic began: its stack may be longer than the tail
	at    int    // the number of that line
}

func newTail(logger hclog.Logger, dir, name string) (*tail, error) {
	t := &tail{logger: logger}
	if dir == "" {
		return t, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var err error
	t.file, err = os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	return t, err
}

// Write takes output. It never fails: what a plugin prints must not stop it.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(t.line); room > 0 {
			t.line = append(t.line, line[:min(len(line), room)]...)
		}
		if whole {
			t.end()
		}
		rest = after
	}
	return len(p), nil
}

// end takes the line that has gathered.
func (t *tail) end() {
	line := strings.ToValidUTF8(strings.TrimRight(string(t.line), "\r"), "�")
	t.line = t.line[:0]
	if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
		t.panic, t.at = line, t.count
	}
	t.count++
	if t.last = append(t.last, line); len(t.last) > 2*tailLines {
		t.last = slices.Clone(t.last[len(t.last)-tailLines:])
	}
	if t.file != nil {
		_, _ = t.file.WriteString(line + "\n")
	}
	if !t.logger.IsDebug() && !strings.HasPrefix(line, "{") {
		return
	}
	level, message, args := parseLine(line)
	t.logger.Log(level, message, args...)
}

// parseLine reads a line of hclog's JSON; any other is for debugging.
func parseLine(line string) (hclog.Level, string, []any) {
	var entry map[string]any
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &entry) != nil {
		return hclog.Debug, line, nil
	}
	name, _ := entry["@level"].(string)
	message, ok := entry["@message"].(string)
	level := hclog.LevelFromString(name)
	if !ok || level == hclog.NoLevel || level == hclog.Off {
		return hclog.Debug, line, nil
	}
	var args []any
	for _, key := range slices.Sorted(maps.Keys(entry)) {
		if !strings.HasPrefix(key, "@") {
			args = append(args, key, entry[key])
		}
	}
	return level, message, args
}

func (t *tail) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.line) > 0 {
		t.end()
	}
}

// mark returns how many lines there have been.
func (t *tail) mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// lines returns the last lines since a mark, and how a panic began whose stack
// is longer.
func (t *tail) lines(mark int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.last), tailLines, t.count-mark)
	out := slices.Clone(t.last[len(t.last)-n:])
	if t.panic != "" && t.at >= mark && t.at < t.count-n {
		out = append([]string{t.panic, "…"}, out...)
	}
	return out
}

func (t *tail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		_ = t.file.Close()
		t.file = nil
	}
}
