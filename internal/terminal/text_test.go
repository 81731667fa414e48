package terminal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"":                           "",
		"a\tb\nc\r\nd":               "a b c d",
		"\x1b[31mred\x1b[0m":         "red",
		"\x1b]0;title\x07text":       "text",
		"\x1b]8;;http://x\x1b\\link": "link",
		"\x1bcreset":                 "reset",
		"\x1b(Bset":                  "set",
		"unfinished \x1b[12":         "unfinished 12",
		"unfinished \x1b]0;title":    "unfinished ",
		"\u009b31mred":               "red",
		"\u009d0;title\u009ctext":    "text",
		"bell\x07 del\x7f nul\x00":   "bell del nul",
		"\u0085next":                 "next",
		"abc\u202egnp.exe":           `abc\u202egnp.exe`,
		"\u2066x\u2069":              `\u2066x\u2069`,
		"\u200f\u061c":               `\u200f\u061c`,
		"line\u2028paragraph\u2029":  "line paragraph ",
		"broken \xff\xfe":            "broken \ufffd",
		"हिन्दी, አማርኛ, yorùbá, 👩‍🌾, فارسی": "हिन्दी, አማርኛ, yorùbá, 👩‍🌾, فارسی",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// problem says what in a text for people could act on a terminal. Isolation is
// ours; nothing else that turns directions may be there.
func problem(s string) string {
	if !utf8.ValidString(s) {
		return "broken UTF-8"
	}
	for _, line := range strings.Split(s, "\n") {
		for _, r := range line {
			switch {
			case unicode.IsControl(r):
				return fmt.Sprintf("control character %U in %q", r, line)
			case r == '\u2068' || r == '\u2069':
			case turns(r):
				return fmt.Sprintf("%U in %q", r, line)
			}
		}
	}
	return ""
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred", "\x1b]0;t\x07", "\u009b1m", "\u202e", "\xff", "a\r\nb", "\x1b\x1b[[mm", "\x1b[\x1b[1m1m", "שלום"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if p := problem(got); p != "" || strings.ContainsRune(got, '\u2068') || strings.ContainsRune(got, '\u2069') || strings.ContainsRune(got, '\n') {
			t.Errorf("Clean(%q) = %q: %s", s, got, p)
		}
		if again := Clean(got); again != got {
			t.Errorf("not idempotent: %q, %q", got, again)
		}
		if a := toASCII(got); strings.IndexFunc(a, beyondASCII) >= 0 {
			t.Errorf("toASCII(%q) = %q", got, a)
		}
	})
}

// FuzzNothingEscapes puts a text wherever text from outside can stand, and
// looks at everything that is printed.
func FuzzNothingEscapes(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[2J\x1b[H", "\u009b2J", "\u202egnp.exe", "a\nb\r\nc", "\x1b]0;x\x07", "שלום עולם, a long text that will be cut somewhere in the middle of it", "हिन्दी", "\xff\xfe", "\u2069\u2068\u2067", "日本語日本語日本語日本語日本語日本語日本語日本語日本語"} {
		f.Add(s, 40)
		f.Add(s, 80)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		if width < 1 || width > 300 {
			return
		}
		for _, pairs := range [][]string{{"LANG", utf8Locale, "NO_COLOR", "1"}, {"LC_ALL", "C", "NO_COLOR", "1"}} {
			screen := newScreen(width, 30)
			clock := newClock()
			u := testUI(screen, true, Options{Now: clock.now}, pairs...)
			p := testPlan()
			p.Name, p.Title = s, s
			p.Axes[0].Labels[0], p.Axes[1].Name = s, s
			p.Blocks[0].Address = s
			p.Claims[0].Name = s
			for _, step := range p.Steps[:8] {
				step.Label = s
			}
			p.Steps[0].Component.Name = s
			src := []byte("loader \"faq\" \"train\" {\n  path = \"" + s + "\"\n}\n")
			file, _ := hclsyntax.ParseConfig(src, s, hcl.InitialPos)
			at := hcl.Range{Filename: s, Start: hcl.Pos{Line: 2, Column: 3, Byte: 25}, End: hcl.Pos{Line: 2, Column: 9, Byte: 31}}
			d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: s, Detail: s, Subject: &at}
			p.Warnings = hcl.Diagnostics{d}
			u.Plan(PlanView{Plan: p, Files: map[string]*hcl.File{s: file}, Start: s, Estimate: s, Changes: []study.Change{{Block: s, Text: s, Steps: 3}}})
			u.Diagnostics(map[string]*hcl.File{s: file}, hcl.Diagnostics{d})
			u.Error(errors.New(s), s)
			u.Printf("%s", s)
			sum := testSummary()
			sum.Analyses[0].Measure = s
			sum.Analyses[0].Facts.Sizes[0].Label = s
			for i := range sum.Analyses[0].Cells {
				c := &sum.Analyses[0].Cells[i]
				if c.Size == "xs" {
					c.Size = s
				}
				c.Encoder = s
			}
			sum.Claims[1].Name, sum.Claims[1].Sentences[1] = s, s
			u.Finish(Ending{Plan: p, Outcome: testOutcome(p), Summary: sum, Again: s})
			o := failedOutcome(p)
			o.Results = s
			o.Failures[0].Err = &pluginhost.Error{Fault: pluginhost.FaultPlugin, Plugin: s, Err: errors.New(s), Stderr: []string{s}}
			u.Finish(Ending{Plan: p, Outcome: o, Again: s})
			if out := screen.take(); problem(out) != "" {
				t.Fatalf("%s", problem(out))
			} else if !u.utf8 && strings.IndexFunc(out, beyondASCII) >= 0 {
				t.Fatalf("more than ASCII: %q", out)
			}

			progress := u.newProgress(p)
			progress.Event(runner.Event{Type: runner.EventPlan, Workers: 2, Stages: []runner.StageCount{{Stage: study.StageTrain, Total: 8}, {Stage: study.StageMix, Total: 4}}})
			for _, step := range p.Steps[:8] {
				progress.Event(runner.Event{Type: runner.EventStart, Step: step})
			}
			progress.Event(runner.Event{Type: runner.EventRetry, Step: p.Steps[5], Detail: s})
			progress.Event(runner.Event{Type: runner.EventFailure, Step: p.Steps[5], Detail: s})
			progress.Event(runner.Event{Type: runner.EventWarning, Step: p.Steps[5], Detail: s})
			clock.pass(3 * time.Second)
			progress.tick()
			for _, l := range progress.frame.lines {
				if cells(l) > width {
					t.Errorf("a line of %d cells on a screen of %d: %q", cells(l), width, l)
				}
			}
			progress.Close()
			out := screen.take()
			for _, ours := range []string{beginFrame, endFrame, clearDown} {
				out = strings.ReplaceAll(out, ours, "")
			}
			out = strings.ReplaceAll(out, "\r\x1b[", "")
			if p := problem(out); p != "" {
				t.Fatalf("in a frame: %s", p)
			}
		}
	})
}

func TestWantColour(t *testing.T) {
	for _, c := range []struct {
		off  bool
		env  []string
		tty  bool
		want bool
	}{
		{tty: true, want: true},
		{tty: false, want: false},
		{off: true, env: []string{"FORCE_COLOR", "1"}, tty: true, want: false},
		{env: []string{"NO_COLOR", "yes"}, tty: true, want: false},
		{env: []string{"NO_COLOR", "0"}, tty: true, want: false},
		{env: []string{"NO_COLOR", "1", "FORCE_COLOR", "1"}, tty: true, want: false},
		{env: []string{"FORCE_COLOR", "1"}, want: true},
		{env: []string{"FORCE_COLOR", "0"}, want: false},
		{env: []string{"CLICOLOR_FORCE", "1"}, want: true},
		{env: []string{"CLICOLOR_FORCE", "1", "TERM", "dumb"}, tty: true, want: true},
		{env: []string{"CLICOLOR", "0"}, tty: true, want: false},
		{env: []string{"TERM", "dumb"}, tty: true, want: false},
		{env: []string{"TERM", "xterm"}, tty: true, want: true},
	} {
		if got := wantColour(c.off, env(c.env...), c.tty); got != c.want {
			t.Errorf("-no-color %v, %v, terminal %v: colour %v, want %v", c.off, c.env, c.tty, got, c.want)
		}
	}
}

func TestUnicodeLocale(t *testing.T) {
	for _, c := range []struct {
		env  []string
		goos string
		want bool
	}{
		{nil, "linux", false},
		{nil, "darwin", true},
		{nil, "windows", true},
		{[]string{"LANG", "C"}, "darwin", false},
		{[]string{"LANG", "en_US.UTF-8"}, "linux", true},
		{[]string{"LANG", "en_US.utf8"}, "linux", true},
		{[]string{"LANG", "de_DE.ISO-8859-1"}, "linux", false},
		{[]string{"LC_ALL", "C", "LANG", "en_US.UTF-8"}, "linux", false},
		{[]string{"LC_CTYPE", "C.UTF-8", "LANG", "C"}, "linux", true},
	} {
		if got := unicodeLocale(env(c.env...), c.goos); got != c.want {
			t.Errorf("%v on %s: %v, want %v", c.env, c.goos, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	p := painter{sym: utf8Symbols}
	for _, s := range []string{"a plain text", "日本語のテキスト", "हिन्दी में पाठ", "👩‍🌾👩‍🌾👩‍🌾", "\u2068שלום עולם\u2069", "é́́́"} {
		for n := range cells(s) + 2 {
			for name, got := range map[string]string{"cut": p.cut(s, n), "cutFront": p.cutFront(s, n)} {
				if w := cells(got); w > n {
					t.Errorf("%s(%q, %d) = %q of %d cells", name, s, n, got, w)
				}
				if strings.Count(got, "\u2068") != strings.Count(got, "\u2069") {
					t.Errorf("%s(%q, %d) = %q: isolation is not closed", name, s, n, got)
				}
				if n >= cells(s) && got != s {
					t.Errorf("%s(%q, %d) = %q", name, s, n, got)
				}
			}
		}
	}
	if got := p.cutFront("train student size=m", 10); got != "… size=m" && cells(got) != 10 {
		t.Errorf("cutFront: %q", got)
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0:                                     {"0:00", "0.1 s"},
		1300 * time.Millisecond:               {"0:01", "1.3 s"},
		59 * time.Second:                      {"0:59", "59 s"},
		59800 * time.Millisecond:              {"1:00", "1 min 0 s"},
		124 * time.Second:                     {"2:04", "2 min 4 s"},
		3599600 * time.Millisecond:            {"1:00:00", "1 h 0 min"},
		2*time.Hour + 3*time.Minute + 4*1e9:   {"2:03:04", "2 h 3 min"},
		100*time.Hour + 3*time.Minute + 4*1e9: {"100:03:04", "100 h 3 min"},
	} {
		if got := [2]string{clock(d), spoken(d)}; got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}

func TestParameters(t *testing.T) {
	for n, want := range map[int64]string{12: "12", 4096: "4.1 k", 65_536: "66 k", 131_072: "0.1 M", 1_048_576: "1.0 M", 8_388_608: "8.4 M", 110_000_000: "110 M", 7_000_000_000: "7.0 B"} {
		if got := parameters(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestGroupedFailures(t *testing.T) {
	p := testPlan()
	got := byCause(failedOutcome(p).Failures)
	if len(got) != 2 || len(got[0]) != 1 || len(got[1]) != 3 {
		t.Errorf("%d causes: %v, want one failure that cost 21 steps before three that cost 15", len(got), got)
	}
}

func TestVerdictWords(t *testing.T) {
	p := painter{sym: asciiSymbols}
	for _, v := range []string{analysis.Supported, analysis.Refuted, analysis.Inconclusive} {
		if sign, _ := p.verdict(v); sign == "" {
			t.Errorf("%s has no sign", v)
		}
	}
}
