package terminal

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// symbols are what stands for itself in a text of ours.
type symbols struct {
	yes, no, unknown string
	ellipsis, minus  string
	plusMinus, times string
	bar              []string // eighths of a cell, from 1/8 to 8/8; or one
}

var utf8Symbols = symbols{
	yes: "✓", no: "✗", unknown: "?", ellipsis: "…", minus: "−", plusMinus: "±", times: "×",
	bar: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
}

var asciiSymbols = symbols{
	yes: "ok", no: "x", unknown: "?", ellipsis: "...", minus: "-", plusMinus: "+-", times: "x",
	bar: []string{"#"},
}

// sequences are whole terminal commands: taken out before single control
// characters, so that their parameters do not stay behind as text.
var sequences = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]" +
	"|(?:\x1b[\\]PX^_]|[\u0090\u0098\u009d\u009e\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\\\|\u009c)?" +
	"|\x1b[ -/]*[0-~]")

// Clean makes text from outside safe to print on one line: terminal commands
// and control characters (C0, C1, DEL) are removed, line ends and tabs become
// spaces, and characters that turn the direction of what follows are written
// as \u202e. Broken UTF-8 becomes U+FFFD.
func Clean(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	s = sequences.ReplaceAllString(s, "")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			b.WriteByte(' ')
		case unicode.IsControl(r):
		case turns(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// turns reports whether r sets, embeds or overrides a direction.
func turns(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// show is Clean for text in any script: one that runs from right to left is
// isolated, so that it does not turn what stands beside it.
func (u *UI) show(s string) string {
	s = Clean(s)
	if !u.utf8 {
		return toASCII(s)
	}
	if strings.ContainsFunc(s, rightToLeft) {
		return "\u2068" + s + "\u2069"
	}
	return s
}

func rightToLeft(r rune) bool {
	return r >= 0x0590 && r <= 0x08ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1eeff
}

// plainer are characters of our own sentences that ASCII has a way to write.
var plainer = strings.NewReplacer("−", "-", "–", "-", "—", "-", "…", "...", "×", "x", "±", "+-", "✓", "ok", "✗", "x", "·", ".", "→", "->",
	"“", `"`, "”", `"`, "‘", "'", "’", "'", "\u00a0", " ", "\u202f", " ")

// toASCII writes what ASCII has no way to write as \u0161.
func toASCII(s string) string {
	if strings.IndexFunc(s, beyondASCII) < 0 {
		return s
	}
	s = plainer.Replace(s)
	if strings.IndexFunc(s, beyondASCII) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r <= unicode.MaxASCII:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func beyondASCII(r rune) bool { return r > unicode.MaxASCII }

func sprintf(format string, args ...any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// style is one of the few looks that a text can have. Sixteen colours only: the
// user's theme decides how they look.
type style string

const (
	bold   style = "1"
	faint  style = "2"
	under  style = "4"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
)

// painter writes text of one width, with or without colour.
type painter struct {
	colour bool
	width  int
	sym    symbols
}

func (u *UI) paint(s *stream) painter { return painter{s.colour, u.width(), u.sym} }

func (p painter) in(text string, styles ...style) string {
	if !p.colour || text == "" || len(styles) == 0 {
		return text
	}
	codes := make([]string, len(styles))
	for i, s := range styles {
		codes[i] = string(s)
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}

// cells is the width of text on a terminal.
func cells(s string) int { return ansi.StringWidth(s) }

// left pads text to n cells; right does so before it.
func left(s string, n int) string  { return s + spaces(n-cells(s)) }
func right(s string, n int) string { return spaces(n-cells(s)) + s }

func spaces(n int) string { return strings.Repeat(" ", max(0, n)) }

// cut shortens text to n cells at its end, cutFront at its beginning.
func (p painter) cut(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	if n <= cells(p.sym.ellipsis) {
		return ansi.Truncate(bare(s), max(0, n), "")
	}
	return isolated(s, ansi.Truncate(bare(s), n, p.sym.ellipsis))
}

// bare takes isolation off, isolated puts it on again: what is cut must not
// lose one half of it.
func bare(s string) string { return strings.NewReplacer("\u2068", "", "\u2069", "").Replace(s) }

func isolated(was, s string) string {
	if strings.Contains(was, "\u2068") {
		return "\u2068" + s + "\u2069"
	}
	return s
}

func (p painter) cutFront(s string, n int) string {
	w := cells(s)
	e := cells(p.sym.ellipsis)
	if w <= n {
		return s
	}
	if n <= e {
		return ansi.Truncate(bare(s), max(0, n), "")
	}
	was := s
	s = bare(s)
	// A wide character may straddle the place to cut: take one more away.
	for drop := w - n + e; drop <= w; drop++ {
		if t := ansi.TruncateLeft(s, drop, p.sym.ellipsis); cells(t) <= n {
			return isolated(was, t)
		}
	}
	return ""
}

// wrap breaks text at spaces so that its lines fit, the first starting at
// column first, the others at column indent. Words are never broken: a path
// must stay one thing to copy.
func (p painter) wrap(text string, first, indent int) string {
	var b strings.Builder
	col := first
	b.WriteString(spaces(first))
	start := true
	for _, word := range strings.Fields(text) {
		w := cells(word)
		switch {
		case start:
		case col+1+w > p.width:
			b.WriteString("\n" + spaces(indent))
			col = indent
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += w
		start = false
	}
	return b.String()
}

// row is a line of a table: cells and how they are aligned.
type row []string

// table lays rows out, two cells in: columns named in rightAligned at their right edge. The
// widest text column but the first is cut until the table fits, then columns
// from drop (by index, in this order) are left out, and at last the first is
// cut. Cells are never wrapped.
func (p painter) table(gap int, rows []row, rightAligned []int, drop ...int) []string {
	n := 0
	for _, r := range rows {
		n = max(n, len(r))
	}
	if n == 0 {
		return nil
	}
	const indent = 2
	isRight, gone := make([]bool, n), make([]bool, n)
	for _, i := range rightAligned {
		isRight[i] = true
	}
	width := make([]int, n)
	// over is by how much the table is too wide.
	over := func() int {
		t := indent - gap
		for i, w := range width {
			if !gone[i] && w > 0 {
				t += w + gap
			}
		}
		return t - p.width
	}
	const narrowest = 12
	for {
		clear(width)
		for _, r := range rows {
			for i, c := range r {
				width[i] = max(width[i], cells(c))
			}
		}
		for over() > 0 {
			widest := -1
			for i, w := range width {
				if i > 0 && !gone[i] && !isRight[i] && w > narrowest && (widest < 0 || w > width[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			width[widest] = max(narrowest, width[widest]-over())
		}
		if over() <= 0 {
			break
		}
		if len(drop) == 0 {
			width[0] = max(min(width[0], narrowest), width[0]-over())
			break
		}
		gone[drop[0]] = true
		drop = drop[1:]
	}
	out := make([]string, len(rows))
	for k, r := range rows {
		line := spaces(indent)
		for i, c := range r {
			if gone[i] || width[i] == 0 {
				continue
			}
			c = p.cut(c, width[i])
			if isRight[i] {
				c = right(c, width[i])
			} else {
				c = left(c, width[i])
			}
			line += c + spaces(gap)
		}
		out[k] = strings.TrimRight(line, " ")
	}
	return out
}

// thousands writes n with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes "1 claim", "8 claims".
func count(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "y"):
		return thousands(n) + " " + strings.TrimSuffix(one, "y") + "ies"
	}
	return thousands(n) + " " + one + "s"
}

// clock writes a duration as 1:02 or 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s < 0 {
		s = 0
	}
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// spoken writes a duration as "2 min 4 s".
func spoken(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Max(0.1, d.Seconds()), 'f', 1, 64) + " s"
	case d < time.Minute-time.Second/2:
		return strconv.Itoa(int(d.Round(time.Second)/time.Second)) + " s"
	}
	s := int(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
}

// listed joins with commas, and cuts after most.
func listed(items []string, most int, ellipsis string) string {
	if len(items) > most {
		return strings.Join(items[:most], ", ") + ", " + ellipsis
	}
	return strings.Join(items, ", ")
}
