package report

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/xlrun/xlrun/internal/analysis"
)

// number writes x with n decimals and a real minus sign.
func number(x float64, n int) string {
	s := strconv.FormatFloat(x, 'f', n, 64)
	if t, ok := strings.CutPrefix(s, "-"); ok {
		if strings.Trim(t, "0.") == "" {
			return t // no negative zero
		}
		return "−" + t
	}
	return s
}

// signed is number with a plus sign.
func signed(x float64, n int) string {
	s := number(x, n)
	if strings.HasPrefix(s, "−") || strings.Trim(s, "0.") == "" {
		return s
	}
	return "+" + s
}

// decimals is how many digits after the point an interval deserves: one, and
// two where it is narrower than 0.2 on each side; more where a limit that is
// not zero would be written like it.
func decimals(low, high float64) int {
	n := 1
	if (high-low)/2 < 0.2 {
		n = 2
	}
	zero := func(x float64) bool { return strings.Trim(number(x, n), "−0.") == "" }
	for n < 4 && (low > 0 && zero(low) || high < 0 && zero(high)) {
		n++
	}
	return n
}

// scaled returns the factor and the name of the unit in which an estimate is
// printed: measures in points.
func scaled(unit string) (float64, string) {
	if unit == "measure" {
		return 100, "points"
	}
	return 1, unit
}

// value writes an estimate without its interval, in points where it is in
// units of the measure.
func value(e analysis.Estimate) string {
	f, _ := scaled(e.Unit)
	return signed(f*e.Value, decimals(f*e.Low, f*e.High))
}

// interval writes "1.9 to 3.3", in the unit of value.
func interval(e analysis.Estimate) string {
	f, _ := scaled(e.Unit)
	n := decimals(f*e.Low, f*e.High)
	return number(f*e.Low, n) + " to " + number(f*e.High, n)
}

// params writes a number of parameters with two significant digits.
func params(n int64) string {
	x, unit := float64(n), ""
	switch {
	case n >= 1e9:
		x, unit = x/1e9, " B"
	case n >= 1e5:
		x, unit = x/1e6, " M"
	case n >= 1e3:
		x, unit = x/1e3, " k"
	}
	if unit == "" {
		return strconv.FormatInt(n, 10)
	}
	d := 0
	if x < 9.95 {
		d = max(0, 1-int(math.Floor(math.Log10(x))))
	}
	return strconv.FormatFloat(x, 'f', d, 64) + unit
}

// thousands writes n with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes "1 language", "8 languages".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// words joins with commas and "and".
func words(list []string) string {
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return list[0]
	default:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
}

// ownNames are names that Unicode's table merges with those of others.
var ownNames = map[string]string{"tgl": "Tagalog", "cmn": "Mandarin Chinese"}

// languageName is the English name of a language code, or the code itself.
func languageName(code string, names map[string]string) string {
	if n := names[code]; n != "" {
		return clean(n)
	}
	if n := ownNames[code]; n != "" {
		return n
	}
	tag, err := language.Parse(code)
	if err != nil {
		return clean(code)
	}
	if n := display.English.Tags().Name(tag); n != "" && !strings.HasPrefix(n, "Unknown") {
		return clean(n)
	}
	return clean(code)
}

// clean makes text from outside safe to look at: control characters go, and
// characters that turn the direction of what follows are written out, so that
// nothing in a corpus, a plugin or a workflow can pose as another text.
// Escaping for HTML, LaTeX and JSON comes on top of it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar:
			return -1
		case turns(r), r == 0x2028, r == 0x2029:
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// turns tells the characters that change the direction of writing.
func turns(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// short cuts text for an axis or a legend, where "|" would break the line.
func short(s string, n int) string {
	s = strings.ReplaceAll(clean(s), "|", "/")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// round keeps numbers of figures to six significant digits: more than a
// picture shows, and the same on every machine.
func round(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return 0
	}
	return y
}
