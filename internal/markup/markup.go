// Package markup writes text and tables as LaTeX and as Markdown, for every
// command that makes tables for papers: one list of what has to be escaped, one
// look of tables.
//
// Text comes without control characters: how these are shown is the caller's.
package markup

import (
	"strconv"
	"strings"
)

// LaTeX escapes text, so that it is printed as it is, and writes the signs of
// our own sentences that LaTeX has in mathematics only. Letters of any script
// stay; engines that read UTF-8 print them. Nothing is needed but LaTeX of 2020
// or later, or the package textcomp before it.
func LaTeX(s string) string {
	s = latexEscapes.Replace(s)
	for _, pair := range []string{"--", ",,"} { // fonts make dashes and quotes of them
		for strings.Contains(s, pair) {
			s = strings.ReplaceAll(s, pair, pair[:1]+"{}"+pair[1:])
		}
	}
	return s
}

var latexEscapes = strings.NewReplacer(
	`\`, `\textbackslash{}`, `{`, `\{`, `}`, `\}`, `$`, `\$`, `&`, `\&`, `#`, `\#`, `%`, `\%`, `_`, `\_`,
	`~`, `\textasciitilde{}`, `^`, `\textasciicircum{}`, `<`, `$<$`, `>`, `$>$`, `|`, `\textbar{}`,
	"`", `\textasciigrave{}`, `'`, `\textquotesingle{}`, `"`, `\texttt{\char34}`,
	"−", `$-$`, "–", `\textendash{}`, "…", `\ldots{}`, "·", `$\cdot$`, "±", `$\pm$`, "×", `$\times$`, "≥", `$\geq$`, "≤", `$\leq$`,
	"τ_AP", `$\tau_{AP}$`, "τ_b", `$\tau_b$`,
)

// Markdown escapes text, so that it is shown as it is, also in a cell of a
// table.
func Markdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>|#~$&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Table is a table whose cells are markup already.
type Table struct {
	// Columns has a letter per column: l or r, as it is aligned, or S for
	// numbers that the LaTeX package siunitx aligns.
	Columns string
	Head    []string
	Rows    [][]string
}

// LaTeX returns a tabular with the rules of the package booktabs.
func (t Table) LaTeX() string {
	var b strings.Builder
	b.WriteString("\\begin{tabular}{@{}" + t.Columns + "@{}}\n\\toprule\n")
	for n, cells := range append([][]string{t.Head}, t.Rows...) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(" & ")
			}
			if _, err := strconv.ParseFloat(c, 64); t.Columns[i] == 'S' && (n == 0 || err != nil) {
				c = "{" + c + "}" // no number of the column
			}
			if i == 0 && (strings.HasPrefix(c, "[") || strings.HasPrefix(c, "*")) {
				b.WriteString("{}") // or it were an argument of the line before
			}
			b.WriteString(c)
		}
		b.WriteString(" \\\\\n")
		if n == 0 {
			b.WriteString("\\midrule\n")
		}
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	return b.String()
}

// Markdown returns the table with pipes, as GitHub reads it.
func (t Table) Markdown() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Head)
	for _, c := range t.Columns {
		b.WriteString(map[bool]string{true: "| --- ", false: "| ---: "}[c == 'l'])
	}
	b.WriteString("|\n")
	for _, r := range t.Rows {
		line(r)
	}
	return b.String()
}
