package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
)

// seconds that a step of each stage takes in a simulated run.
var seconds = map[study.Stage]float64{
	study.StageLoad: 0.2, study.StageMix: 0.4, study.StageTrain: 12, study.StagePool: 0.1, study.StageEncode: 1.5,
	study.StageIndex: 0.2, study.StageSearch: 0.3, study.StageMeasure: 0.1, study.StageCollect: 0.2, study.StageAnalyse: 1, study.StageReport: 2,
}

// simulate runs a plan on a wound clock: workers take the first step that can
// start. at is called whenever a tenth of a second has passed.
func simulate(p *study.Plan, c *clockwork, workers, cachedSteps int, event func(runner.Event), at func()) {
	type job struct {
		step  *study.Step
		slot  int
		until time.Time
		since time.Time
	}
	done := map[*study.Step]bool{}
	started := map[*study.Step]bool{}
	counts := map[study.Stage]*runner.StageCount{}
	for i, s := range p.Steps {
		n := counts[s.Stage]
		if n == nil {
			n = &runner.StageCount{Stage: s.Stage}
			counts[s.Stage] = n
		}
		n.Total++
		if i < cachedSteps {
			n.Cached++
			done[s], started[s] = true, true
		}
	}
	var stages []runner.StageCount
	for _, s := range study.Stages {
		if counts[s] != nil {
			stages = append(stages, *counts[s])
		}
	}
	send := func(e runner.Event) {
		e.At = c.now()
		if e.Step != nil {
			e.Stage, e.Label = e.Step.Stage, e.Step.Label
		}
		event(e)
	}
	send(runner.Event{Type: runner.EventPlan, Stages: stages, Workers: workers})
	var jobs []*job
	retried := false
	left := len(p.Steps) - cachedSteps
	for left > 0 {
		grid := 0
		for _, s := range p.Steps {
			if !done[s] && !isResults(s.Stage) {
				grid++
			}
		}
		for slot := range workers {
			busy := false
			for _, j := range jobs {
				busy = busy || j.slot == slot
			}
			if busy {
				continue
			}
			for _, s := range p.Steps {
				free := !started[s] && (!isResults(s.Stage) || grid == 0 && len(jobs) == 0)
				for _, in := range s.Inputs {
					free = free && done[in.Step]
				}
				if free {
					started[s] = true
					d := time.Duration(seconds[s.Stage] * 1e9)
					if strings.Contains(s.Label, "size=m") {
						d = d * 3 / 2
					}
					jobs = append(jobs, &job{s, slot, c.now().Add(d), c.now()})
					send(runner.Event{Type: runner.EventStart, Step: s, Attempt: 1, Attempts: 3})
					break
				}
			}
		}
		c.pass(100 * time.Millisecond)
		var still []*job
		for _, j := range jobs {
			if j.step.Stage == study.StageTrain && c.now().Before(j.until) {
				part := c.now().Sub(j.since).Seconds() / j.until.Sub(j.since).Seconds()
				send(runner.Event{Type: runner.EventProgress, Step: j.step, Done: int64(3000 * part), Total: 3000})
			}
			if j.step.Stage == study.StageEncode && !retried {
				retried = true
				send(runner.Event{Type: runner.EventRetry, Step: j.step, Attempt: 1, Attempts: 3, Fault: pluginhost.FaultPlugin, Detail: "plugin \"hf\" was killed\n  | and said so"})
				send(runner.Event{Type: runner.EventStart, Step: j.step, Attempt: 2, Attempts: 3})
			}
			if c.now().Before(j.until) {
				still = append(still, j)
				continue
			}
			took := c.now().Sub(j.since).Seconds()
			done[j.step] = true
			left--
			counts[j.step.Stage].Ran++
			send(runner.Event{Type: runner.EventEnd, Step: j.step, Status: "done", Seconds: &took})
			if n := counts[j.step.Stage]; n.Done() == n.Total {
				send(runner.Event{Type: runner.EventStage, Stage: n.Stage, Stages: []runner.StageCount{*n}})
			}
		}
		jobs = still
		at()
	}
	send(runner.Event{Type: runner.EventSummary})
}

// emulator is as much of a terminal as our frames need.
type emulator struct {
	width, height int
	rows          [][]rune
	r, c          int
	hidden, sync  bool
}

func newEmulator(width, height int) *emulator {
	return &emulator{width: width, height: height, rows: [][]rune{nil}}
}

func (e *emulator) feed(t *testing.T, s string) {
	t.Helper()
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case strings.HasPrefix(s, "\x1b]"):
			n = strings.IndexByte(s, 7) + 1
			if n == 0 {
				t.Fatalf("unfinished command %q", s)
			}
		case strings.HasPrefix(s, "\x1b["):
			n = 2
			for s[n] < 0x40 {
				n++
			}
			n++
			e.command(t, s[2:n-1], s[n-1])
		case r == '\r':
			e.c = 0
		case r == '\n':
			e.r, e.c = e.r+1, 0
			if e.r == len(e.rows) {
				e.rows = append(e.rows, nil)
			}
		case r < 0x20:
			t.Fatalf("control character %q", r)
		default:
			if e.c == e.width {
				e.r, e.c = e.r+1, 0
				if e.r == len(e.rows) {
					e.rows = append(e.rows, nil)
				}
			}
			for len(e.rows[e.r]) <= e.c {
				e.rows[e.r] = append(e.rows[e.r], ' ')
			}
			e.rows[e.r][e.c] = r
			e.c++
		}
		s = s[n:]
	}
}

func (e *emulator) command(t *testing.T, args string, final byte) {
	t.Helper()
	n, err := strconv.Atoi(args)
	if err != nil {
		n = 1
	}
	switch {
	case final == 'm':
	case final == 'A':
		e.r -= n
		if top := max(0, len(e.rows)-e.height); e.r < top {
			t.Fatalf("the cursor would leave the screen: row %d of %d", e.r, e.height)
		}
	case final == 'J' && args == "":
		e.rows = e.rows[:e.r+1]
		e.rows[e.r] = e.rows[e.r][:min(e.c, len(e.rows[e.r]))]
	case args == "?25" && final == 'l', args == "?25" && final == 'h':
		e.hidden = final == 'l'
	case args == "?2026" && final == 'l', args == "?2026" && final == 'h':
		e.sync = final == 'h'
	default:
		t.Fatalf("unknown command CSI %s %c", args, final)
	}
}

func (e *emulator) String() string {
	var b strings.Builder
	for _, r := range e.rows {
		b.WriteString(strings.TrimRight(string(r), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// TestBarsGolden takes pictures of the screen during a run.
func TestBarsGolden(t *testing.T) {
	for _, c := range []capture{
		{"40x24", 40, 24, true, []string{"LANG", utf8Locale}},
		{"80x24", 80, 24, true, []string{"LANG", utf8Locale}},
		{"200x24", 200, 24, true, []string{"LANG", utf8Locale, "NO_COLOR", "yes"}},
		{"80x5", 80, 5, true, []string{"LANG", utf8Locale}},
		{"80x9", 80, 9, true, []string{"LANG", utf8Locale}},
		{"ascii", 80, 24, true, []string{"LC_ALL", "C"}},
		{"columns", 120, 24, true, []string{"LANG", utf8Locale, "COLUMNS", "60"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			s := newScreen(c.width, c.height)
			u := testUI(s, true, Options{Now: clock.now}, c.env...)
			p := testPlan()
			screen := newEmulator(c.width, c.height)
			screen.feed(t, "$ xlrun run x.hcl\n")
			progress := u.newProgress(p)
			var pictures strings.Builder
			next := 2 * time.Second
			tallest := 0
			simulate(p, clock, 4, 1, progress.Event, func() {
				progress.tick()
				out := s.take()
				if out != "" && (!strings.HasPrefix(out, beginFrame) || !strings.HasSuffix(out, endFrame)) {
					t.Fatalf("a frame is not one piece: %q", out)
				}
				screen.feed(t, out)
				if screen.hidden || screen.sync || screen.c != 0 {
					t.Fatalf("the terminal is not as it was after a frame")
				}
				tallest = max(tallest, len(progress.frame.lines))
				if at := clock.now().Sub(progress.start); at >= next {
					fmt.Fprintf(&pictures, "--- after %s\n%s", at, screen)
					next *= 2
				}
			})
			progress.Close()
			progress.Close()
			screen.feed(t, s.take())
			fmt.Fprintf(&pictures, "--- closed after %s\n%s", clock.now().Sub(progress.start), screen)
			if got := screen.String(); got != "$ xlrun run x.hcl\n" {
				t.Errorf("the display stayed on the screen:\n%s", got)
			}
			if limit := max(1, min(c.height-2, 10)); tallest > limit {
				t.Errorf("a frame has %d lines on a screen of %d, want at most %d", tallest, c.height, limit)
			}
			golden(t, "bars_"+c.name+".txt", pictures.String())
		})
	}
}

// TestNarrower makes the terminal narrower during a run: nothing may be left
// of frames that were wider.
func TestNarrower(t *testing.T) {
	clock := newClock()
	s := newScreen(80, 40)
	u := testUI(s, true, Options{Now: clock.now}, "LANG", utf8Locale, "NO_COLOR", "1")
	p := testPlan()
	progress := u.newProgress(p)
	screen := newEmulator(80, 40)
	simulate(p, clock, 4, 1, progress.Event, func() {
		if clock.now().Sub(progress.start) == 10*time.Second {
			s.width = 33
			// A terminal breaks its lines anew.
			again := newEmulator(33, 40)
			for _, r := range screen.rows[:len(screen.rows)-1] {
				again.feed(t, string(r)+"\n")
			}
			screen = again
		}
		progress.tick()
		screen.feed(t, s.take())
	})
	progress.Close()
	screen.feed(t, s.take())
	if got := screen.String(); got != "\n" {
		t.Errorf("left on the screen:\n%s", got)
	}
}

// TestLinesAbove writes lines while the display is there: they scroll up.
func TestLinesAbove(t *testing.T) {
	clock := newClock()
	s := newScreen(80, 24)
	u := testUI(s, true, Options{Now: clock.now}, "LANG", utf8Locale)
	p := testPlan()
	progress := u.newProgress(p)
	screen := newEmulator(80, 24)
	n := 0
	simulate(p, clock, 4, 1, progress.Event, func() {
		if n++; n%50 == 0 && n <= 150 {
			progress.Event(runner.Event{Type: runner.EventWarning, Step: p.Steps[0], Detail: "number " + strconv.Itoa(n)})
		}
		progress.tick()
		screen.feed(t, s.take())
	})
	progress.Close()
	screen.feed(t, s.take())
	want := "Warning: load train: number 50\nWarning: load train: number 100\nWarning: load train: number 150\n"
	if got := screen.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestLinesGolden takes what a pipe gets.
func TestLinesGolden(t *testing.T) {
	for _, c := range []capture{
		{"pipe", 0, 0, false, []string{"LANG", utf8Locale}},
		{"ci", 80, 24, true, []string{"LANG", utf8Locale, "CI", "true", "FORCE_COLOR", "1"}},
		{"dumb", 80, 24, true, []string{"LANG", utf8Locale, "TERM", "dumb"}},
		{"ascii", 0, 0, false, []string{"LC_ALL", "C"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			s := newScreen(c.width, c.height)
			u := testUI(s, c.tty, Options{Now: clock.now}, c.env...)
			p := testPlan()
			progress := u.newProgress(p)
			simulate(p, clock, 4, 1, progress.Event, progress.tick)
			progress.Event(runner.Event{Type: runner.EventFailure, Step: p.Steps[5], Detail: "no more"})
			progress.Close()
			out := s.take()
			if i := strings.IndexAny(out, "\r\x1b"); i >= 0 {
				t.Errorf("something moves or is coloured: %q", out[i:])
			}
			golden(t, "lines_"+c.name+".txt", out)
		})
	}
}

// TestEstimate compares what is said to be left with what was left, in a run
// whose stages differ a hundredfold in cost and come one after another.
func TestEstimate(t *testing.T) {
	clock := newClock()
	s := newScreen(120, 24)
	u := testUI(s, true, Options{Now: clock.now}, "LANG", utf8Locale)
	p := testPlan()
	progress := u.newProgress(p)
	type said struct {
		at        time.Time
		low, high float64
	}
	var all []said
	simulate(p, clock, 4, 0, progress.Event, func() {
		if text := progress.toGo(clock.now()); text != "" {
			sec, n := progress.remaining(clock.now())
			lowK, highK := progress.est.spread(n)
			all = append(all, said{clock.now(), sec * lowK, sec * highK})
		}
	})
	total := clock.now().Sub(progress.start).Seconds()
	if len(all) < 100 {
		t.Fatalf("only %d estimates in %v seconds", len(all), total)
	}
	near := 0
	for _, x := range all {
		left := clock.now().Sub(x.at).Seconds()
		if left >= x.low-0.15*total && left <= x.high+0.15*total {
			near++
		}
	}
	if 10*near < 9*len(all) {
		t.Errorf("%d of %d estimates are within 15 %% of the run's %v s, want nine of ten", near, len(all), total)
	}
}

func TestEstimateSaysNothingEarly(t *testing.T) {
	clock := newClock()
	u := testUI(newScreen(80, 24), true, Options{Now: clock.now})
	p := testPlan()
	progress := u.newProgress(p)
	progress.Event(runner.Event{Type: runner.EventPlan, Workers: 2, Stages: []runner.StageCount{{Stage: study.StageTrain, Total: 10}}})
	end := func() {
		one := 1.0
		progress.Event(runner.Event{Type: runner.EventEnd, Step: p.Steps[5], Status: "done", Seconds: &one})
	}
	end()
	end()
	clock.pass(time.Minute)
	if got := progress.toGo(clock.now()); got != "" {
		t.Errorf("after two steps: %q", got)
	}
	end()
	if got := progress.toGo(clock.now()); got == "" {
		t.Error("nothing after three steps and a minute")
	}
	clock.pass(24 * time.Hour)
	if got := progress.toGo(clock.now()); !strings.HasPrefix(got, "longer than expected") {
		t.Errorf("a day late: %q", got)
	}
}

// TestSkipped ends a run in which steps end without an event of their own.
func TestSkipped(t *testing.T) {
	clock := newClock()
	u := testUI(newScreen(80, 24), true, Options{Now: clock.now})
	p := testPlan()
	progress := u.newProgress(p)
	progress.Event(runner.Event{Type: runner.EventPlan, Workers: 2, Stages: []runner.StageCount{{Stage: study.StageTrain, Total: 10, Cached: 1}, {Stage: study.StageEncode, Total: 48}}})
	progress.Event(runner.Event{Type: runner.EventSummary, Stages: []runner.StageCount{{Stage: study.StageTrain, Total: 10, Cached: 4, Failed: 6}, {Stage: study.StageEncode, Total: 48, Skipped: 48}}})
	if progress.ended != 57 || progress.total != 57 {
		t.Errorf("%d of %d have ended, want 57 of 57", progress.ended, progress.total)
	}
}

// TestPTY runs on a real terminal device: what is written there is what the
// emulator understands, and the device is left as it was.
func TestPTY(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminal here: ", err)
	}
	defer func() { _ = master.Close() }()
	if err := pty.Setsize(slave, &pty.Winsize{Rows: 20, Cols: 70}); err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(master) // ends with an error when the other side closes
		got <- b
	}()
	clock := newClock()
	u := New(null, slave, Options{Now: clock.now, Env: env("TERM", "xterm", "LANG", utf8Locale)})
	if !u.err.tty || u.out.tty || !u.err.colour || u.out.colour || u.width() != 70 {
		t.Errorf("stderr %+v, stdout %+v, width %d: want a terminal of 70 columns on stderr only", u.err, u.out, u.width())
	}
	p := testPlan()
	progress := u.newProgress(p)
	simulate(p, clock, 2, 0, progress.Event, progress.tick)
	progress.Close()
	u.Error(fmt.Errorf("the end"))
	_ = slave.Close()
	screen := newEmulator(70, 20)
	screen.feed(t, string(<-got))
	if want := "xlrun: error: the end\n"; screen.String() != want || screen.hidden || screen.sync {
		t.Errorf("on the screen:\n%swant\n%s", screen, want)
	}
}

// TestTicker lets the real ticker draw, while events come from elsewhere.
func TestTicker(t *testing.T) {
	s := newScreen(80, 24)
	u := testUI(s, true, Options{Now: time.Now}, "LANG", utf8Locale)
	p := testPlan()
	progress := u.Progress(p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		simulate(p, newClock(), 4, 0, progress.Event, func() {})
	}()
	<-done
	progress.Stopping()
	progress.Close()
	screen := newEmulator(80, 24)
	screen.feed(t, s.take())
	if screen.String() != "\n" || screen.hidden {
		t.Errorf("left on the screen:\n%s", screen)
	}
}

// TestEventsStream reads every event of a run.
func TestEventsStream(t *testing.T) {
	clock := newClock()
	out, people := newScreen(0, 0), newScreen(0, 0)
	u := newUI(out.stream(false), people.stream(false), Options{Events: true, Version: "0.1.0", Now: clock.now, Env: env("LANG", utf8Locale)})
	p := testPlan()
	progress := u.Progress(p)
	simulate(p, clock, 4, 1, progress.Event, progress.tick)
	progress.Event(runner.Event{Type: runner.EventWarning, Step: p.Steps[2], At: clock.now(), Detail: "odd \u202e text \u009b31m"})
	progress.Event(runner.Event{Type: runner.EventFailure, Step: p.Steps[2], At: clock.now(), Fault: pluginhost.FaultInput, Detail: "no"})
	progress.Close()
	u.Finish(Ending{Plan: p, Outcome: testOutcome(p), Summary: testSummary()})
	u.Error(fmt.Errorf("after all"), "a hint")

	docs, err := os.ReadFile("../../docs/reference/events.md")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for i, line := range strings.Split(strings.TrimSuffix(out.take(), "\n"), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || active(r) }) {
			t.Errorf("event %d could move a terminal: %q", i+1, line)
		}
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("event %d: %v: %s", i+1, err, line)
		}
		if e["seq"] != float64(i+1) {
			t.Errorf("event %d has seq %v", i+1, e["seq"])
		}
		if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(e["at"])); err != nil {
			t.Errorf("event %d: %v", i+1, err)
		}
		kind := fmt.Sprint(e["type"])
		if len(types) == 0 || types[len(types)-1] != kind {
			types = append(types, kind)
		}
		section := documented(docs, kind)
		if section == nil {
			t.Fatalf("event %q is not documented", kind)
		}
		for name := range e {
			if name != "seq" && name != "type" && name != "at" && !bytes.Contains(section, []byte("| `"+name+"` |")) {
				t.Errorf("field %q of event %q is not documented", name, kind)
			}
		}
		if kind == "warning" && e["detail"] != "odd \u202e text \u009b31m" {
			t.Errorf("the text has changed: %q", e["detail"])
		}
	}
	if types[0] != "version" || types[1] != "plan" {
		t.Errorf("the stream begins with %v", types[:2])
	}
	if got, want := strings.Join(types[len(types)-3:], " "), "claim summary error"; got != want {
		t.Errorf("the stream ends with %q, want %q", got, want)
	}
	if text := people.take(); !strings.HasPrefix(text, "Done in 2 min 4 s") {
		t.Errorf("people read %q", text)
	}
}

// documented returns the section of an event in the reference.
func documented(docs []byte, kind string) []byte {
	_, rest, ok := bytes.Cut(docs, []byte("\n## `"+kind+"`\n"))
	if !ok {
		return nil
	}
	section, _, _ := bytes.Cut(rest, []byte("\n## "))
	return section
}
