package markup

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscapes(t *testing.T) {
	for _, c := range []struct{ text, latex, markdown string }{
		{"a_b|c", `a\_b\textbar{}c`, `a\_b\|c`},
		{"p < 0.05", "p $<$ 0.05", `p \< 0.05`},
		{`\{}`, `\textbackslash{}\{\}`, `\\\{\}`},
		{"τ_b − τ_AP", `$\tau_b$ $-$ $\tau_{AP}$`, `τ\_b − τ\_AP`},
		{"±2 ≥ 1", `$\pm$2 $\geq$ 1`, "±2 ≥ 1"},
		{"Ελληνικά", "Ελληνικά", "Ελληνικά"},
	} {
		if got := LaTeX(c.text); got != c.latex {
			t.Errorf("%q in LaTeX: want %q, got %q", c.text, c.latex, got)
		}
		if got := Markdown(c.text); got != c.markdown {
			t.Errorf("%q in Markdown: want %q, got %q", c.text, c.markdown, got)
		}
	}
}

func TestTable(t *testing.T) {
	table := Table{Columns: "lrS", Head: []string{"run", "mean", "n"}, Rows: [][]string{{"a", "0.5", "7"}, {"b", "", ""}}}
	const latex = `\begin{tabular}{@{}lrS@{}}
\toprule
run & mean & {n} \\
\midrule
a & 0.5 & 7 \\
b &  & {} \\
\bottomrule
\end{tabular}
`
	const markdown = `| run | mean | n |
| --- | ---: | ---: |
| a | 0.5 | 7 |
| b |  |  |
`
	if got := table.LaTeX(); got != latex {
		t.Errorf("want:\n%s\ngot:\n%s", latex, got)
	}
	if got := table.Markdown(); got != markdown {
		t.Errorf("want:\n%s\ngot:\n%s", markdown, got)
	}
}

// No text breaks out of a cell.
func FuzzEscapes(f *testing.F) {
	f.Add("x & y | z")
	f.Add(`\\ % $`)
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		md := strings.NewReplacer(`\\`, "", `\|`, "").Replace(Markdown(s))
		if strings.Contains(md, "|") {
			t.Errorf("%q in Markdown: %q", s, md)
		}
		tex := strings.NewReplacer(`\&`, "", `\%`, "").Replace(LaTeX(s))
		if strings.ContainsAny(tex, "&%") {
			t.Errorf("%q in LaTeX: %q", s, tex)
		}
	})
}
