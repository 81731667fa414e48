// Package terminal is how xlrun speaks to people: mistakes in a workflow,
// plans, progress, and how a run ended. The same things as JSON, for programs,
// are written here too, so that both say the same.
//
// The one thing to know: nothing that comes from a workflow, a corpus or a
// plugin reaches a terminal but through show (or Clean), which takes control
// characters out. What is animated is animated on a terminal only; everything
// else is lines that are never written over.
//
// The package decides nothing: what to run, which verdict holds and how a
// command exits is said by those who call it.
package terminal

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Options say how to speak. The zero value is what a command without flags
// wants.
type Options struct {
	NoColor bool // -no-color

	// JSON is -json: Diagnostics also writes one JSON document to stdout.
	JSON bool
	// Events is -json of a command that runs something: stdout gets a stream
	// of events, one JSON object per line; text for people goes to stderr.
	Events bool

	Version string                   // of xlrun, for the first event
	Env     func(name string) string // nil: os.Getenv
	Now     func() time.Time         // nil: time.Now
}

// defaultWidth is what is written for when nobody knows better.
const defaultWidth = 80

// UI speaks to one person, or one pipe. Its methods may be called from several
// goroutines.
type UI struct {
	opts     Options
	out, err stream
	sym      symbols
	utf8     bool
	ci       bool
	columns  int // COLUMNS; 0: not set

	mu     sync.Mutex // guards writing
	live   *Progress  // what is being redrawn at the bottom of the terminal
	events *eventWriter
}

// stream is stdout or stderr.
type stream struct {
	w      io.Writer
	tty    bool // somebody looks at it
	colour bool
	moves  bool                                // and it understands cursor movements
	size   func() (width, height int, ok bool) // of the terminal
}

// File is what may be a terminal; an [os.File] is one.
type File interface {
	io.Writer
	Fd() uintptr
}

// New makes a UI for a pair of streams, usually os.Stdout and os.Stderr.
func New(out, errw File, opts Options) *UI {
	open := func(f File) stream {
		return stream{w: f, tty: term.IsTerminal(int(f.Fd())), size: func() (int, int, bool) {
			w, h, err := term.GetSize(int(f.Fd()))
			return w, h, err == nil && w > 0 && h > 0
		}}
	}
	return newUI(open(out), open(errw), opts)
}

func newUI(out, errw stream, opts Options) *UI {
	if opts.Env == nil {
		opts.Env = os.Getenv
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	u := &UI{opts: opts, out: out, err: errw, utf8: unicodeLocale(opts.Env, runtime.GOOS), ci: opts.Env("CI") != "" && opts.Env("CI") != "false"}
	u.sym = asciiSymbols
	if u.utf8 {
		u.sym = utf8Symbols
	}
	if n, err := strconv.Atoi(opts.Env("COLUMNS")); err == nil && n > 0 {
		u.columns = n
	}
	for _, s := range []*stream{&u.out, &u.err} {
		s.colour = wantColour(opts.NoColor, opts.Env, s.tty)
		s.moves = s.tty && opts.Env("TERM") != "dumb"
	}
	if opts.Events {
		u.events = &eventWriter{w: u.out.w, now: opts.Now, version: opts.Version}
	}
	return u
}

// wantColour decides for one stream. NO_COLOR counts with any value, as
// no-color.org has it, and before those that ask for colour, as in CMake.
func wantColour(off bool, env func(string) string, tty bool) bool {
	forced := func(name string) bool { v := env(name); return v != "" && v != "0" }
	switch {
	case off, env("NO_COLOR") != "":
		return false
	case forced("FORCE_COLOR"), forced("CLICOLOR_FORCE"):
		return true
	case env("CLICOLOR") == "0", env("TERM") == "dumb":
		return false
	}
	return tty
}

// unicodeLocale reports whether characters beyond ASCII can be shown. Without
// a locale POSIX means "C"; Windows and macOS have no such variables set where
// a terminal is started by a click, and show UTF-8.
func unicodeLocale(env func(string) string, goos string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(env(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return goos == "windows" || goos == "darwin"
}

// width of what people read, in cells: that of the terminal on stderr, also
// for stdout, so that both agree.
func (u *UI) width() int {
	if u.columns > 0 {
		return max(u.columns, minWidth)
	}
	if u.err.tty && u.err.size != nil {
		if w, _, ok := u.err.size(); ok {
			return max(w, minWidth)
		}
	}
	return defaultWidth
}

// minWidth is what text is wrapped at on the narrowest screens: less would
// leave single syllables.
const minWidth = 20

// write writes text for people to a stream, above what is being redrawn.
func (u *UI) write(s *stream, text string) {
	if text == "" {
		return
	}
	if !u.utf8 {
		text = toASCII(text)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.live != nil {
		text = u.live.above(s, text)
	}
	_, _ = io.WriteString(s.w, text) // nobody could be told
}

// people is the stream for text when stdout is taken by JSON.
func (u *UI) people() *stream {
	if u.opts.JSON || u.opts.Events {
		return &u.err
	}
	return &u.out
}

// Printf writes a line for people to stderr.
func (u *UI) Printf(format string, args ...any) {
	t := u.paint(&u.err)
	u.write(&u.err, t.wrap(u.show(sprintf(format, args...)), 0, 0)+"\n")
}
