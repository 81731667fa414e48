package report

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
)

// A table is rows of text with columns that know whether they hold numbers.
// It is written to HTML, CSV and LaTeX from the same cells.
type table struct {
	Name    string // of the file, without an ending
	Caption string
	Columns []column
	Rows    [][]cell
}

type column struct {
	Name   string
	Num    bool
	Hidden bool // in files only
}

// cell is a value for machines (Text) and, where it differs, one for people.
type cell struct {
	Text  string // plain: what CSV holds
	Show  string // what people read; "" where it is Text
	Small string // an interval beside it, in small type
	Code  string // a code beside it
	Best  bool   // the best of its column
}

// num is a number with n decimals; CSV gets an ordinary minus sign.
func num(x float64, n int) cell {
	text := strconv.FormatFloat(x, 'f', n, 64)
	if strings.HasPrefix(text, "-") && strings.Trim(text, "-0.") == "" {
		text = text[1:]
	}
	return cell{Text: text, Show: number(x, n)}
}

// Shown is the cell as people read it.
func (c cell) Shown() string {
	if c.Show != "" {
		return c.Show
	}
	return c.Text
}

// add appends a row; values are strings or cells.
func (t *table) add(values ...any) {
	row := make([]cell, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case cell:
			row[i] = v
		case string:
			row[i] = cell{Text: clean(v)}
		}
	}
	t.Rows = append(t.Rows, row)
}

// csv writes the table for machines: full rows, commas, "\n".
func (t table) csv() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	write := func(row []string) { _ = w.Write(row) } // a Buffer does not fail
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
	}
	write(head)
	for _, r := range t.Rows {
		row := make([]string, len(r))
		for i, c := range r {
			row[i] = c.Text
		}
		write(row)
	}
	w.Flush()
	return b.Bytes()
}

var latexEscapes = strings.NewReplacer(
	`\`, `\textbackslash{}`, `{`, `\{`, `}`, `\}`, `$`, `\$`, `&`, `\&`, `#`, `\#`, `%`, `\%`, `_`, `\_`,
	`~`, `\textasciitilde{}`, `^`, `\textasciicircum{}`, "−", `$-$`, "–", "--", "…", `\ldots{}`, "·", `$\cdot$`, "±", `$\pm$`,
)

// latexText escapes text for LaTeX. What UTF-8 TeX engines print as it is stays.
func latexText(s string) string { return latexEscapes.Replace(s) }

// markdownText escapes text so that Markdown shows it as it is, also in a cell
// of a table.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>|#~$&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// writeMarkdown writes rows, the first of which is the head; cells are escaped
// already.
func writeMarkdown(b *strings.Builder, rows [][]string, num func(i int) bool) {
	for k, r := range rows {
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
		if k > 0 {
			continue
		}
		for i := range r {
			if num(i) {
				b.WriteString("| ---: ")
			} else {
				b.WriteString("| --- ")
			}
		}
		b.WriteString("|\n")
	}
}

// markdown writes what people read of the table: hidden columns are left out.
func (t table) markdown() []byte {
	var shown []int
	for i, c := range t.Columns {
		if !c.Hidden {
			shown = append(shown, i)
		}
	}
	rows := make([][]string, 1, len(t.Rows)+1)
	for _, i := range shown {
		rows[0] = append(rows[0], markdownText(t.Columns[i].Name))
	}
	for _, r := range t.Rows {
		var row []string
		for _, i := range shown {
			c := r[i]
			text := markdownText(c.Shown())
			if c.Best {
				text = "**" + text + "**"
			}
			if c.Code != "" {
				text += " `" + strings.ReplaceAll(c.Code, "`", "") + "`"
			}
			if c.Small != "" {
				text += " " + markdownText(c.Small)
			}
			row = append(row, strings.TrimSpace(text))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	writeMarkdown(&b, rows, func(i int) bool { return t.Columns[shown[i]].Num })
	if t.Caption != "" {
		b.WriteString("\n" + markdownText(t.Caption) + "\n")
	}
	return []byte(b.String())
}

// latex writes a booktabs table; columns of numbers are siunitx S columns.
func (t table) latex() []byte {
	var b strings.Builder
	b.WriteString("% needs \\usepackage{booktabs,siunitx}\n\\begin{tabular}{")
	for _, c := range t.Columns {
		b.WriteString(map[bool]string{false: "l", true: "S"}[c.Num])
	}
	b.WriteString("}\n\\toprule\n")
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(" & ")
		}
		b.WriteString("{" + latexText(c.Name) + "}")
	}
	b.WriteString(" \\\\\n\\midrule\n")
	for _, r := range t.Rows {
		for i, c := range r {
			if i > 0 {
				b.WriteString(" & ")
			}
			_, err := strconv.ParseFloat(c.Text, 64)
			switch {
			case t.Columns[i].Num && err == nil:
				b.WriteString(c.Text)
			case t.Columns[i].Num:
				b.WriteString("{" + latexText(c.Text) + "}")
			default:
				b.WriteString(latexText(c.Text))
			}
		}
		b.WriteString(" \\\\\n")
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	return []byte(b.String())
}
