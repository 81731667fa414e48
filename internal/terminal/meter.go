package terminal

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Meter shows on a terminal how far the reading of something large has come,
// in one line that is gone at the end. Elsewhere it shows nothing.
type Meter struct {
	u      *UI
	name   string
	mu     sync.Mutex
	start  time.Time
	last   time.Time
	shown  bool
	closed bool
}

// What ends sooner than meterAfter needs no meter.
const (
	meterAfter = 400 * time.Millisecond
	meterEvery = 100 * time.Millisecond
)

// Meter starts one for what name says. Close it before anything else is
// written.
func (u *UI) Meter(name string) *Meter {
	return &Meter{u: u, name: name, start: u.opts.Now()}
}

// Set says that done bytes of total have been read; a total of 0 or less is
// not known. It may be called from any goroutine, and often.
func (m *Meter) Set(done, total int64) {
	if !m.u.err.moves || m.u.ci {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.u.opts.Now()
	if m.closed || now.Sub(m.start) < meterAfter || now.Sub(m.last) < meterEvery {
		return
	}
	m.last, m.shown = now, true
	text := "reading " + m.name
	if total > 0 {
		text += fmt.Sprintf("  %d%% of %s", min(100, done*100/total), size(total))
		if left := float64(now.Sub(m.start)) * float64(total-done) / float64(max(done, 1)); left > float64(2*time.Second) {
			text += "  about " + clock(time.Duration(left)) + " to go"
		}
	} else {
		text += "  " + size(done)
	}
	p := m.u.paint(&m.u.err)
	m.u.write(&m.u.err, "\r"+p.cut(m.u.show(text), p.width-1)+"\x1b[K")
}

// Close takes the line away.
func (m *Meter) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown && !m.closed {
		m.u.write(&m.u.err, "\r\x1b[K")
	}
	m.closed = true
}

// size writes a number of bytes as 12 MB.
func size(n int64) string {
	x, unit := float64(n), "kB MB GB TB"
	x /= 1000
	for x >= 999.5 && len(unit) > 2 {
		x /= 1000
		unit = unit[3:]
	}
	unit = strings.Fields(unit)[0]
	if x < 9.95 {
		return fmt.Sprintf("%.1f %s", x, unit)
	}
	return fmt.Sprintf("%.0f %s", x, unit)
}
