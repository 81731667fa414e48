package markup

import (
	"os"
	"os/exec"
	"path/filepath"
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
		{"bm25--rm3 a---b", `bm25-{}-rm3 a-{}-{}-b`, "bm25--rm3 a---b"},
		{"`a' \"b\"", `\textasciigrave{}a\textquotesingle{} \texttt{\char34}b\texttt{\char34}`, "\\`a' \"b\""},
		{"1–2,,3", `1\textendash{}2,{},3`, "1–2,,3"},
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

// What pdflatex prints is what was there, with no package but the one that our
// tables name, also at the start of a row, where LaTeX looks for arguments.
func TestPrinted(t *testing.T) {
	for _, program := range []string{"pdflatex", "pdftotext", "kpsewhich"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if exec.CommandContext(t.Context(), "kpsewhich", "booktabs.sty").Run() != nil {
		t.Skip("there is no package booktabs")
	}
	texts := []string{"[a]", "*b", "[2]", "bm25--rm3", "a---b", "`c'", "``d''", `"e"`, "f,,g", "?`h", `\{i}$&#%<j>|k`, "ff-fi"} // no _, which is a line there and no letter
	table := Table{Columns: "l", Head: []string{LaTeX("[head]")}}
	for _, s := range texts {
		table.Rows = append(table.Rows, []string{LaTeX(s)})
	}
	dir := t.TempDir()
	document := "\\documentclass{article}\\usepackage{booktabs}\\pagestyle{empty}\\begin{document}\n" + table.LaTeX() + "\\end{document}\n"
	if err := os.WriteFile(filepath.Join(dir, "a.tex"), []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	tex := exec.CommandContext(t.Context(), "pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex")
	tex.Dir = dir
	if out, err := tex.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", filepath.Join(dir, "a.pdf"), "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, got := "[head]"+strings.Join(texts, ""), strings.Join(strings.Fields(string(out)), "")
	got = strings.NewReplacer("ﬀ", "ff", "ﬁ", "fi").Replace(got) // ligatures are letters all the same
	if got != want {
		t.Errorf("want %s\n got %s", want, got)
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
