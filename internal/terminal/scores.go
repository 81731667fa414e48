package terminal

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
)

// Scores prints tables of published scores: models, best first, and subsets.
// Columns that a terminal has no room for are named; elsewhere there are all.
func (u *UI) Scores(w io.Writer, tables []analysis.ScoreTable) error {
	p := u.paint(&u.out)
	if w != nil {
		p.colour = false
	}
	var b strings.Builder
	for i := range tables {
		if i > 0 {
			b.WriteByte('\n')
		}
		u.scores(&b, p, &tables[i], w != nil)
	}
	if w != nil {
		_, err := io.WriteString(w, b.String())
		return err
	}
	u.write(&u.out, b.String())
	return nil
}

// gain writes a difference in points with its interval; without one where the
// limits are NaN.
func gain(v, low, high float64) string {
	if math.IsNaN(low) || math.IsNaN(high) {
		t := decimal(100*v, 2)
		if v > 0 {
			t = "+" + t
		}
		return t + " (no interval)"
	}
	return fmt.Sprintf("%s [%s, %s]", signed(100*v), signed(100*low), signed(100*high))
}

// WriteScoresCSV writes a row per table and model with its mean, and one per
// subset, with all digits. What is undefined is empty.
func WriteScoresCSV(w io.Writer, tables []analysis.ScoreTable) error {
	out := csv.NewWriter(w)
	write := func(r ...string) { _ = out.Write(r) } // kept for Error
	write("task", "split", "measure", "model", "subset", "value", "subsets", "letters", "baseline", "difference", "low", "high", "t", "p", "p_holm_baseline", "p_holm_pairs", "wins", "ties", "losses")
	full := func(v analysis.Float) string {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', -1, 64)
	}
	for _, t := range tables {
		for _, m := range t.Models {
			mean := ""
			if len(t.Columns) > 0 {
				mean = full(analysis.Float(m.Mean))
			}
			line := []string{t.Task, t.Split, t.Measure, m.Name, "", mean, strconv.Itoa(len(t.Columns)), m.Letters, t.Baseline}
			if g := m.Gain; g != nil {
				line = append(line, full(analysis.Float(g.Mean)), full(g.Low), full(g.High), full(g.T), full(analysis.Float(g.P)), full(analysis.Float(g.PHolm)), full(g.PPair),
					strconv.Itoa(g.Wins), strconv.Itoa(g.Ties), strconv.Itoa(g.Loss))
			} else {
				line = append(line, make([]string, 10)...)
			}
			write(line...)
			for i, c := range slices.Concat(t.Columns, t.Others) {
				v, ok := m.Values[c]
				if !ok {
					continue
				}
				enters := "1"
				if i >= len(t.Columns) {
					enters = "0"
				}
				write(append([]string{t.Task, t.Split, t.Measure, m.Name, c, full(analysis.Float(v)), enters}, make([]string, 12)...)...)
			}
		}
	}
	out.Flush()
	return out.Error()
}

func (u *UI) scores(b *strings.Builder, p painter, t *analysis.ScoreTable, file bool) {
	title := u.show(t.Measure)
	if t.Task != "" {
		title = u.show(t.Task) + " (" + u.show(t.Split) + "), " + title
	}
	if n := len(t.Columns); n > 0 {
		title += ", mean of " + count(n, "subset")
		if t.Task == "" {
			title = u.show(t.Measure) + ", mean of " + count(n, "task")
		}
	}
	b.WriteString(p.wrap(p.in(title, bold), 0, 2) + "\n")
	columns := append(append([]string{}, t.Columns...), t.Others...)
	head, rightAligned := row{"", "", "mean"}, []int{2}
	if t.Baseline != "" {
		head = append(head, "points over "+u.show(t.Baseline), "better")
	}
	for _, c := range columns {
		head = append(head, u.show(c))
	}
	for i := 3; i < len(head); i++ {
		rightAligned = append(rightAligned, i)
	}
	rows := []row{head}
	for _, m := range t.Models {
		line := row{u.show(m.Name), m.Letters, ""}
		if len(t.Columns) > 0 {
			line[2] = decimal(m.Mean, 4)
		}
		if g := m.Gain; g != nil {
			line = append(line, gain(g.Mean, float64(g.Low), float64(g.High)), fmt.Sprintf("%d of %d", g.Wins, g.Wins+g.Ties+g.Loss))
		} else if t.Baseline != "" {
			line = append(line, "", "")
		}
		for _, c := range columns {
			text := ""
			if v, ok := m.Values[c]; ok {
				text = decimal(v, 3)
			}
			line = append(line, text)
		}
		rows = append(rows, line)
	}
	var drop []int
	for i := len(head) - 1; i >= len(head)-len(columns); i-- {
		drop = append(drop, i)
	}
	if t.Baseline != "" {
		drop = append(drop, 4, 3)
	}
	wide := p
	if file || !u.out.tty { // a file has room for all columns
		wide.width = math.MaxInt32
	}
	u.narrowTable(b, wide, rows, rightAligned, drop...)
	letters := false
	for _, m := range t.Models {
		letters = letters || m.Letters != ""
	}
	if letters {
		b.WriteString(p.wrap("Models that share a letter cannot be told apart: paired t-tests over subsets, Holm over all pairs, 5 %.", 0, 0) + "\n")
	}
	for _, n := range t.Notes {
		word := "Note: "
		if n.Warning {
			word = "Warning: "
		}
		b.WriteString(p.wrap(word+u.show(n.Text), 0, 2) + "\n")
	}
}
