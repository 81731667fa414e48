package report

import (
	"fmt"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// advances is the table of advance widths that every chart is laid out with:
// thousandths of the font size per character, of the Go font with a little
// more, so that text set in a wider one stays inside its place.
var advances = sync.OnceValue(func() map[string]int {
	f, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	const em = 1060
	table := map[string]int{}
	var buf sfnt.Buffer
	add := func(r rune) {
		i, err := f.GlyphIndex(&buf, r)
		if err != nil || i == 0 {
			return
		}
		a, err := f.GlyphAdvance(&buf, i, fixed.I(em), font.HintingNone)
		if err == nil && a > 0 {
			table[string(r)] = a.Round()
		}
	}
	for r := rune(' '); r < 0x180; r++ {
		add(r)
	}
	for _, r := range "–—−…‘’“”≥≤×·₂ΑαΔ" {
		add(r)
	}
	return table
})

// textWidth is the width of a text at the size of labels, in pixels.
func textWidth(s string) int {
	w := 0
	for _, r := range s {
		if a, ok := advances()[string(r)]; ok {
			w += a
		} else {
			w += 1000
		}
	}
	return w * 12 / 1000
}

var longNumber = regexp.MustCompile(`-?\d+\.\d{4,}(?:e-?\d+)?|-?\d+(?:\.\d+)?e-\d+`)

// roundNumbers shortens every number of an SVG to three decimals. The last
// bits of logarithms differ between machines; a thousandth of a pixel does
// not show.
func roundNumbers(svg string) string {
	return longNumber.ReplaceAllStringFunc(svg, func(s string) string {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		s = strconv.FormatFloat(x, 'f', 3, 64)
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		if s == "-0" {
			return "0"
		}
		return s
	})
}

// palette maps the names that charts use for colours to values, for light and
// dark screens. Paper is light on white.
//
// Blue is always size and orange-red always languages; steps run from
// yellow-brown to violet. Every pair of text and background has a contrast of
// at least 4.5, checked by a test.
var palette = map[string][2]string{
	"--bg":   {"#ffffff", "#14171b"},
	"--card": {"#f7f7f5", "#1c2026"},
	"--fg":   {"#1a1c1f", "#eceef0"},
	"--fg2":  {"#55595f", "#aeb4bb"},
	"--line": {"#85898f", "#7d848c"},
	"--grid": {"#e2e2de", "#333941"},
	"--rope": {"#dcdcd6", "#363d46"},
	"--link": {"#0b57a0", "#8cc4ff"},
	"--c1":   {"#0b62a8", "#6db5f5"}, // size
	"--c2":   {"#c2410c", "#ff9d6b"}, // languages
	"--c3":   {"#0b7285", "#58c7d8"}, // budget
	"--d1":   {"#8c6d00", "#e6c34a"},
	"--d2":   {"#4f7a16", "#a9d15a"},
	"--d3":   {"#117a4f", "#6fd3a0"},
	"--d4":   {"#0b7285", "#58c7d8"},
	"--d5":   {"#3b56b0", "#93b1ff"},
	"--d6":   {"#6a2a8c", "#cfa2f2"},
	"--ok":   {"#146c3a", "#6fd38f"},
	"--no":   {"#b3261e", "#ff9a91"},
	"--un":   {"#7a5900", "#e8c04f"},
}

var variable = regexp.MustCompile(`var\((--[a-z0-9]+)\)`)

// forPaper replaces the names of colours by those of the light palette and
// the font by one that is named, so that an SVG stands alone.
func forPaper(svg string) string {
	svg = variable.ReplaceAllStringFunc(svg, func(s string) string {
		name := s[len("var(") : len(s)-1]
		if name == "--card" {
			name = "--bg"
		}
		return palette[name][0]
	})
	return strings.ReplaceAll(svg, `font-family="sans-serif"`, `font-family="Go, Helvetica, Arial, sans-serif"`)
}

// paletteCSS writes the palette as CSS custom properties.
func paletteCSS() string {
	names := make([]string, 0, len(palette))
	for n := range palette {
		names = append(names, n)
	}
	sort.Strings(names)
	var light, dark strings.Builder
	for _, n := range names {
		light.WriteString(n + ":" + palette[n][0] + ";")
		dark.WriteString(n + ":" + palette[n][1] + ";")
	}
	return ":root{" + light.String() + "}" +
		"@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}"
}

// cividis is the colour map of that name for t from 0 (dark blue) to 1
// (yellow), which looks nearly the same to those who see fewer colours
// (Nuñez, Anderton & Renslow 2018; the polynomial of d3-scale-chromatic).
func cividis(t float64) string {
	t = min(max(t, 0), 1)
	poly := func(c ...float64) int {
		y := 0.0
		for i := len(c) - 1; i >= 0; i-- {
			y = float64(y*t) + c[i]
		}
		return int(min(max(y+0.5, 0), 255))
	}
	return fmt.Sprintf("#%02x%02x%02x",
		poly(-4.54, -35.34, 2381.73, -6402.7, 7024.72, -2710.57),
		poly(32.49, 170.73, 52.82, -131.46, 176.58, -67.37),
		poly(81.24, 442.36, -2482.43, 6167.24, -6614.94, 2475.67))
}

// luminance is the relative luminance of WCAG 2.2 of a colour #rrggbb.
func luminance(hex string) float64 {
	v, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil {
		return 0
	}
	linear := func(c uint64) float64 {
		x := float64(c&255) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(v>>16) + 0.7152*linear(v>>8) + 0.0722*linear(v)
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// inkOn is black or white, whichever is read better on a background.
func inkOn(fill string) string {
	if contrast(fill, "#ffffff") >= contrast(fill, "#000000") {
		return "#ffffff"
	}
	return "#000000"
}
