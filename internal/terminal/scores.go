package terminal

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
)

// Scores prints tables of published scores: models, best first, and subsets.
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
		u.scores(&b, p, &tables[i])
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

func (u *UI) scores(b *strings.Builder, p painter, t *analysis.ScoreTable) {
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
	head := row{"", "", "mean", "points over " + u.show(t.Baseline), "better"}
	if t.Baseline == "" {
		head[3] = ""
	}
	for _, c := range columns {
		head = append(head, u.show(c))
	}
	rows := []row{head}
	for _, m := range t.Models {
		line := row{u.show(m.Name), m.Letters, "", "", ""}
		if len(t.Columns) > 0 {
			line[2] = decimal(m.Mean, 4)
		}
		if g := m.Gain; g != nil {
			line[3] = gain(g.Mean, float64(g.Low), float64(g.High))
			line[4] = fmt.Sprintf("%d of %d", g.Wins, g.Wins+g.Ties+g.Loss)
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
	rightAligned := []int{2, 3, 4}
	var drop []int
	for i := len(head) - 1; i > 4; i-- {
		rightAligned = append(rightAligned, i)
		drop = append(drop, i)
	}
	u.writeTable(b, p, p.table(2, rows, rightAligned, append(drop, 4, 3)...))
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
