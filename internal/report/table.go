package report

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/markup"
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

// markdown writes what people read of the table: hidden columns are left out.
func (t table) markdown() []byte {
	var shown []int
	for i, c := range t.Columns {
		if !c.Hidden {
			shown = append(shown, i)
		}
	}
	var out markup.Table
	for _, i := range shown {
		out.Columns += map[bool]string{false: "l", true: "r"}[t.Columns[i].Num]
		out.Head = append(out.Head, markup.Markdown(t.Columns[i].Name))
	}
	for _, r := range t.Rows {
		var row []string
		for _, i := range shown {
			c := r[i]
			text := markup.Markdown(c.Shown())
			if c.Best {
				text = "**" + text + "**"
			}
			if c.Code != "" {
				text += " `" + strings.ReplaceAll(c.Code, "`", "") + "`"
			}
			if c.Small != "" {
				text += " " + markup.Markdown(c.Small)
			}
			row = append(row, strings.TrimSpace(text))
		}
		out.Rows = append(out.Rows, row)
	}
	text := out.Markdown()
	if t.Caption != "" {
		text += "\n" + markup.Markdown(t.Caption) + "\n"
	}
	return []byte(text)
}

// latex writes a booktabs table; columns of numbers are siunitx S columns.
func (t table) latex() []byte {
	var out markup.Table
	for _, c := range t.Columns {
		out.Columns += map[bool]string{false: "l", true: "S"}[c.Num]
		out.Head = append(out.Head, markup.LaTeX(c.Name))
	}
	for _, r := range t.Rows {
		var row []string
		for _, c := range r {
			row = append(row, markup.LaTeX(c.Text))
		}
		out.Rows = append(out.Rows, row)
	}
	return []byte("% needs \\usepackage{booktabs,siunitx}\n" + out.LaTeX())
}
