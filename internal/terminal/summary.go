package terminal

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
	"github.com/xlrun/xlrun/internal/study"
)

// Summary prints the claims and the tables of results that lie in dir.
func (u *UI) Summary(s *analysis.Summary, dir string) {
	p := u.paint(&u.out)
	var b strings.Builder
	b.WriteString(p.wrap(p.in(u.show(s.Title), bold), 0, 0) + "\n")
	for _, a := range s.Analyses {
		for _, line := range a.Answer {
			b.WriteString(p.wrap(u.show(analysis.Plain(line)), 0, 0) + "\n")
		}
	}
	u.claims(&b, p, s)
	u.tables(&b, p, s)
	b.WriteString("\nReport    " + u.show(filepath.Join(dir, "report.html")) + "\n")
	b.WriteString("Records   " + u.show(filepath.Join(dir, "records.parquet")) + "\n")
	u.write(&u.out, b.String())
}

// changed says why steps have to run, against the last plan.
func (u *UI) changed(b *strings.Builder, p painter, changes []study.Change) {
	if len(changes) == 0 {
		return
	}
	b.WriteString("\nSince the last run\n")
	const most = 8
	for i, c := range changes {
		if i == most {
			fmt.Fprintf(b, "  and %s\n", count(len(changes)-most, "other reason"))
			break
		}
		text := u.show(c.Text)
		if c.Block != "" {
			text = u.show(c.Block) + ": " + text
		}
		b.WriteString(p.wrap(fmt.Sprintf("%s (%s)", text, count(c.Steps, "step")), 2, 4) + "\n")
	}
}
