package terminal

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xlrun/xlrun/internal/study"
)

// The display is at most ten lines that stand below everything else that is
// written, and are drawn again ten times a second at most. A frame is one
// write, and leaves the terminal as any line of text would: the cursor shown,
// at the beginning of the line below, no mode set. So there is nothing to put
// right when the process dies between two frames, however it dies. Input is
// never touched: Ctrl-C stays a signal.

const redrawEvery = 100 * time.Millisecond

const (
	beginFrame = "\x1b[?2026h\x1b[?25l" // synchronized update, cursor hidden
	endFrame   = "\x1b[?25h\x1b[?2026l"
	clearDown  = "\x1b[J"
)

// maxLines is how long the display is, and maxStages how many stages have a line of their own.
const (
	maxLines  = 10
	maxStages = 7
)

// frame is what stands on the terminal.
type frame struct {
	lines []string
	tab   time.Time // when progress was last sent to the tab of the terminal
	shown bool      // and whether it is there
}

// redraw writes a frame.
func (p *Progress) redraw() {
	p.u.mu.Lock()
	defer p.u.mu.Unlock()
	if p.u.live != p {
		return
	}
	p.mu.Lock()
	now := p.u.opts.Now()
	width, height := p.screen()
	lines := p.lines(now, width, height)
	tab := p.tab(now)
	p.mu.Unlock()
	if slices.Equal(lines, p.frame.lines) && tab == "" {
		return
	}
	_, _ = io.WriteString(p.u.err.w, beginFrame+p.home(width)+clearDown+join(lines)+endFrame+tab)
	p.frame.lines = lines
}

// above returns text wrapped in what makes room for it above the frame.
// u.mu is held.
func (p *Progress) above(s *stream, text string) string {
	if len(p.frame.lines) == 0 || !s.tty {
		return text
	}
	width, _ := p.screen()
	out := beginFrame + p.home(width) + clearDown + text
	if !strings.HasSuffix(text, "\n") {
		out += "\n"
	}
	return out + join(p.frame.lines) + endFrame
}

// erase takes the frame away. u.mu is held.
func (p *Progress) erase() {
	width, _ := p.screen()
	out := ""
	if len(p.frame.lines) > 0 {
		out = beginFrame + p.home(width) + clearDown + endFrame
	}
	if p.frame.shown {
		out += "\x1b]9;4;0;\x07"
	}
	p.frame = frame{}
	if out != "" {
		_, _ = io.WriteString(p.u.err.w, out)
	}
}

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// screen is the size of the terminal. COLUMNS may make lines shorter but not
// longer: those that wrap could not be taken back.
func (p *Progress) screen() (width, height int) {
	width, height = defaultWidth, 24
	if p.u.err.size != nil {
		if w, h, ok := p.u.err.size(); ok {
			width, height = w, h
		}
	}
	if p.u.columns > 0 {
		width = min(width, p.u.columns)
	}
	return width, height
}

// home moves to where the frame begins. Lines that were written when the
// terminal was wider take several rows now.
func (p *Progress) home(width int) string {
	rows := 0
	for _, l := range p.frame.lines {
		rows += max(1, (cells(l)+width-1)/max(width, 1))
	}
	if rows == 0 {
		return ""
	}
	return "\r\x1b[" + strconv.Itoa(rows) + "A"
}

// tab shows progress in the tab of those terminals that are known to have it;
// others take the sequence for a notification.
func (p *Progress) tab(now time.Time) string {
	if p.total == 0 || now.Sub(p.frame.tab) < time.Second || !knowsTabs(p.u.opts.Env) {
		return ""
	}
	p.frame.tab, p.frame.shown = now, true
	return fmt.Sprintf("\x1b]9;4;1;%d\x07", p.ended*100/p.total)
}

func knowsTabs(env func(string) string) bool {
	if env("WT_SESSION") != "" || env("ConEmuANSI") == "ON" || env("KONSOLE_VERSION") != "" {
		return true
	}
	switch env("TERM_PROGRAM") {
	case "ghostty", "WezTerm", "vscode", "mintty":
		return true
	}
	return false
}

// lines is the display: as many lines as the terminal has room for, the less
// important left out first.
func (p *Progress) lines(now time.Time, width, height int) []string {
	if p.worker == 0 {
		return nil // nothing is known before the plan
	}
	t := painter{p.u.err.colour, width, p.u.sym}
	head := p.header(t, now)
	if height < 8 || width < minWidth {
		return []string{t.cut(head, width)}
	}
	room := min(height-2, maxLines) - 1

	var finished, waiting []string
	var busy []*stageState
	for _, s := range study.Stages {
		st := p.stages[s]
		if st == nil || st.total == 0 || isResults(s) {
			continue
		}
		switch {
		case st.ended == st.total && st.running == 0:
			finished = append(finished, string(s)+" "+thousands(st.total))
		case st.running > 0 || st.ended > 0:
			busy = append(busy, st)
		default:
			waiting = append(waiting, string(s)+" "+thousands(st.total))
		}
	}
	results := p.resultsState()
	if results == "waiting" {
		waiting = append(waiting, "results")
	}
	stages := p.stageLines(t, now, busy)
	if len(stages) > maxStages {
		stages = stages[:maxStages]
	}

	// The others by importance; each is there or not.
	type extra struct{ text string }
	var above, below []extra
	if len(finished) > 0 {
		above = append(above, extra{p.named(t, "done", strings.Join(finished, ", "))})
	}
	if results == "running" {
		below = append(below, extra{p.resultsLine(t, now)})
	}
	if p.failed > 0 {
		text := strconv.Itoa(p.failed) + "   " + p.u.show(p.lastFailure)
		below = append(below, extra{t.in(p.named(t, "failed", text), red)})
	}
	if r := p.longestRunning(); r != nil && !isResults(r.step.Stage) && now.Sub(r.since) >= 2*time.Second {
		below = append(below, extra{p.longestLine(t, now, r)})
	}
	if p.retried > 0 {
		below = append(below, extra{p.named(t, "retried", strconv.Itoa(p.retried)+"   "+p.u.show(p.lastRetry))})
	}
	if len(waiting) > 0 {
		below = append(below, extra{p.named(t, "waiting", strings.Join(waiting, ", "))})
	}
	hint := "Ctrl-C stops within two seconds and loses nothing."
	if p.stopping {
		hint = "Stopping: what is finished is kept."
	}
	below = append(below, extra{t.in("  "+t.cut(hint, width-2), faint)})

	if len(stages) > room {
		stages = stages[:room]
	}
	room -= len(stages)
	if len(below) > room {
		below = below[:room]
	}
	room -= len(below)
	if len(above) > room {
		above = above[:room]
	}
	out := []string{t.cut(head, width)}
	for _, l := range above {
		out = append(out, l.text)
	}
	out = append(out, stages...)
	for _, l := range below {
		out = append(out, l.text)
	}
	return out
}

// resultsState says how far the steps are that make results.
func (p *Progress) resultsState() string {
	state := ""
	for _, s := range study.Stages {
		st := p.stages[s]
		if st == nil || !isResults(s) || st.total == 0 {
			continue
		}
		if st.running > 0 {
			return "running"
		}
		if st.ended < st.total {
			state = "waiting"
		}
	}
	return state
}

// resultsLine says which of these steps is running.
func (p *Progress) resultsLine(t painter, now time.Time) string {
	text := ""
	for _, r := range p.active {
		if isResults(r.step.Stage) {
			text = p.u.show(r.step.Label) + "   " + clock(now.Sub(r.since))
		}
	}
	return p.named(t, "results", text)
}

const nameWidth = 10

func (p *Progress) named(t painter, name, text string) string {
	return "  " + left(name, nameWidth) + t.cut(text, t.width-2-nameWidth)
}

// header says how far the whole is. On narrow terminals the end is left out,
// then the name is cut.
func (p *Progress) header(t painter, now time.Time) string {
	name := p.u.show(p.plan.Name)
	count := thousands(p.ended) + " of " + thousands(p.total) + "   " + percent(p.ended, p.total)
	sofar := count + "   " + clock(now.Sub(p.start)) + " so far"
	choices := []string{sofar, count}
	if g := p.toGo(now); g != "" {
		if short, late := strings.CutPrefix(g, isLate+", "); late {
			choices = append([]string{sofar + ", " + g, sofar + ", " + isLate, sofar + ", " + short}, choices...)
		} else {
			choices = append([]string{sofar + ", " + g}, choices...)
		}
	}
	const gap, leastName = 3, 8
	for _, rest := range choices {
		if room := t.width - gap - cells(rest); room >= min(cells(name), leastName) {
			return t.in(t.cutFront(name, room), bold) + spaces(gap) + rest
		}
	}
	return count
}

// stageLines draws a line for each stage that something has happened in. The
// columns stay where they are, whatever stands in them.
func (p *Progress) stageLines(t painter, now time.Time, busy []*stageState) []string {
	type columns [4]string
	all := make([]columns, len(busy))
	width := [4]int{0, len("9,999/s"), len("99 running"), len("59:59 left")}
	for _, st := range p.stages {
		if !isResults(st.stage) {
			width[0] = max(width[0], cells(fraction(st.total, st.total)))
		}
	}
	for i, st := range busy {
		x := columns{fraction(st.ended, st.total)}
		if r := st.rate(now); r > 0 && (st.running > 0 || now.Sub(st.last) < rateFresh) {
			x[1] = perSecond(r)
			if st.running > 0 {
				x[3] = clock(rough(time.Duration(float64(st.total-st.ended)/r*1e9))) + " left"
			}
		}
		if st.running > 0 {
			x[2] = thousands(st.running) + " running"
		}
		all[i] = x
		for k, s := range x {
			width[k] = max(width[k], cells(s))
		}
	}
	// What does not fit beside a bar of some use is left out, from the right.
	const leastBar, mostBar, gap = 6, 20, 2
	room := func() int {
		n := t.width - 2 - nameWidth
		for _, w := range width {
			if w > 0 {
				n -= w + gap
			}
		}
		return n
	}
	for _, k := range []int{3, 2, 1} {
		if room() < leastBar {
			width[k] = 0
		}
	}
	bar := min(room(), mostBar)
	out := make([]string, len(busy))
	for i, st := range busy {
		line := "  " + left(string(st.stage), nameWidth)
		if bar >= leastBar {
			line += t.in(left(drawBar(t.sym.bar, bar, float64(st.ended)/float64(st.total)), bar), blue)
		}
		for k, s := range all[i] {
			if width[k] > 0 {
				line += spaces(gap) + right(s, width[k])
			}
		}
		out[i] = t.cut(strings.TrimRight(line, " "), t.width)
	}
	return out
}

// rateFresh is for how long a rate is shown of a stage in which nothing runs:
// steps of some stages are so short that this is only so between two of them.
const rateFresh = 3 * time.Second

// longestLine shows the step that has run longest, with its own progress.
func (p *Progress) longestLine(t painter, now time.Time, r *running) string {
	tail := clock(now.Sub(r.since))
	if r.total > 0 {
		tail = thousands(int(r.done)) + " of " + thousands(int(r.total)) + unit(r.step.Stage) + "   " + tail
	} else if r.done > 0 {
		tail = thousands(int(r.done)) + unit(r.step.Stage) + "   " + tail
	}
	room := t.width - 2 - nameWidth - 3 - cells(tail)
	if room < 12 {
		tail = clock(now.Sub(r.since))
		room = t.width - 2 - nameWidth - 3 - cells(tail)
	}
	name := p.u.show(stepName(r.step))
	room = min(room, max(cells(name), 40))
	return "  " + left("longest", nameWidth) + left(t.cutFront(name, room), room) + "   " + tail
}

// unit is what a step of a stage counts.
func unit(s study.Stage) string {
	switch s {
	case study.StageTrain:
		return " examples"
	case study.StageEncode:
		return " texts"
	case study.StageSearch, study.StageImport, study.StageFuse, study.StageMeasure:
		return " queries"
	}
	return ""
}

// perSecond writes a rate with two digits that count.
func perSecond(r float64) string {
	switch {
	case r >= 9.95:
		return thousands(int(math.Round(r))) + "/s"
	case r >= 0.095:
		return strconv.FormatFloat(r, 'f', 1, 64) + "/s"
	case r*60 >= 0.95:
		return strconv.FormatFloat(r*60, 'f', 0, 64) + "/min"
	}
	return strconv.FormatFloat(r*3600, 'f', 0, 64) + "/h"
}

// drawBar fills part of n cells, as finely as the symbols can.
func drawBar(symbols []string, n int, part float64) string {
	parts := len(symbols)
	k := int(part * float64(n*parts))
	out := strings.Repeat(symbols[parts-1], k/parts)
	if rest := k % parts; rest > 0 {
		out += symbols[rest-1]
	}
	return out
}
