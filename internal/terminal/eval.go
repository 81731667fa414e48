package terminal

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Evaluation is what rankings are worth under some measures, as it is printed:
// every format says the same numbers under the same conventions.
type Evaluation struct {
	Qrels    EvalQrels
	Settings EvalSettings
	Measures []EvalMeasure
	Runs     []EvalRun

	ByQuery bool // values of each query
	Summary bool // and the one over all
	Places  int  // decimals in text; JSON and CSV have them all
	ZScores bool // values are standard scores, as with trec_eval's -Z
}

// EvalQrels are the judgments that were used.
type EvalQrels struct {
	File                         string
	Queries, Judgments, Relevant int
}

// EvalSettings are the conventions in force. They belong to the numbers.
type EvalSettings struct {
	Ties       string `json:"ties"`                  // trec10, trec9, rank, expected
	Average    string `json:"average"`               // "judged": over all judged queries; "retrieved": over those in the run
	Level      int    `json:"level"`                 // smallest grade that counts as relevant, of measures that say none
	Depth      int    `json:"depth,omitempty"`       // hits of a query that count; 0: all
	JudgedOnly bool   `json:"judged_only,omitempty"` // documents without a judgment were taken out
	Documents  int    `json:"documents,omitempty"`   // in the collection, if anybody said
	ZScores    string `json:"zscores,omitempty"`     // the file of means and deviations
}

// EvalMeasure is one measure under its names.
type EvalMeasure struct {
	Name      string // as ir_measures spells it
	Trec      string // as trec_eval prints it; "" where it has none
	Label     string // as it was asked for: one of the two
	Aggregate string // over queries: mean, sum, geometric mean, none
	Count     bool   // whole numbers, summed over queries
	Text      bool   // no number
	Queries   bool   // has a value for each query
	All       bool   // has a value over all queries
	TrecAll   bool   // trec_eval prints only that one
}

// EvalRun is the outcome of one run.
type EvalRun struct {
	File, Tag string
	Queries   []EvalQuery
	All       []EvalValue // one of each measure
	// Missing are judged queries that the run lacks, Unjudged those of the run
	// without judgments.
	Missing, Unjudged []string
	// TiedQueries have documents of equal score; TieDependent counts, for each
	// measure, the queries whose value depends on their order.
	TiedQueries  int
	TieDependent []int
	Findings     []EvalFinding
}

// EvalQuery holds the values of one query, one of each measure.
type EvalQuery struct {
	ID     string
	Values []EvalValue
}

// EvalValue is a number, or a text where the measure is one.
type EvalValue struct {
	Number float64
	Text   string
}

// EvalFinding is something that a reader of the numbers should know of a file.
type EvalFinding struct {
	Kind     string `json:"kind"`
	Severity string `json:"severity"` // warning, error
	Count    int    `json:"count"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Text     string `json:"text"`
}

// WriteTrec writes lines as trec_eval does: the measure, padded to 22 bytes,
// the query or "all", the value in four decimals or as a whole number. name
// says what a measure is called. Several runs get a fourth column, their file.
func (e *Evaluation) WriteTrec(w io.Writer, name func(EvalMeasure) string) error {
	heads := make([]string, len(e.Measures))
	for k, m := range e.Measures {
		heads[k] = fmt.Sprintf("%-22s\t", name(m))
		if e.ZScores && !m.Text {
			heads[k] = "Z" + heads[k]
		}
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		end := "\n"
		if len(e.Runs) > 1 {
			end = "\t" + r.File + "\n"
		}
		appendLine := func(b []byte, k int, query string, v EvalValue) []byte {
			b = append(append(append(b, heads[k]...), query...), '\t')
			return append(e.appendValue(b, e.Measures[k], v), end...)
		}
		if e.ByQuery {
			err := inParts(w, r.Queries, func(b []byte, q *EvalQuery) []byte {
				for k, m := range e.Measures {
					if m.Queries && !m.TrecAll {
						b = appendLine(b, k, q.ID, q.Values[k])
					}
				}
				return b
			})
			if err != nil {
				return err
			}
		}
		if e.Summary {
			var b []byte
			for k, m := range e.Measures {
				if m.All {
					b = appendLine(b, k, "all", r.All[k])
				}
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// inParts writes the texts of items in their order. Some are put into words by
// every processor at a time, since printing numbers takes as long as computing
// them.
func inParts[T any](w io.Writer, items []T, text func(b []byte, item *T) []byte) error {
	const size = 32
	parts := make([][]byte, runtime.GOMAXPROCS(0))
	for len(items) > 0 {
		var wait sync.WaitGroup
		n := 0
		for ; n < len(parts) && len(items) > 0; n++ {
			k, mine := n, items[:min(size, len(items))]
			items = items[len(mine):]
			wait.Go(func() {
				b := parts[k][:0]
				for i := range mine {
					b = text(b, &mine[i])
				}
				parts[k] = b
			})
		}
		wait.Wait()
		for _, b := range parts[:n] {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// value writes a value as text.
func (e *Evaluation) value(m EvalMeasure, v EvalValue) string {
	return string(e.appendValue(nil, m, v))
}

func (e *Evaluation) appendValue(b []byte, m EvalMeasure, v EvalValue) []byte {
	switch {
	case m.Text && !m.All: // a string of grades
		return append(append(append(b, '\''), v.Text...), '\'')
	case m.Text:
		return append(b, v.Text...)
	case m.Count && !e.ZScores:
		return strconv.AppendFloat(b, v.Number, 'f', 0, 64)
	case math.IsNaN(v.Number):
		return append(b, "nan"...)
	}
	return strconv.AppendFloat(b, v.Number, 'f', e.Places, 64)
}

// WriteIRMeasures writes lines as the command ir_measures does: measure and
// value, or, by query, query, measure and value. Several runs get one more
// column, their file.
func (e *Evaluation) WriteIRMeasures(w io.Writer) error {
	b := &errWriter{w: w}
	for i := range e.Runs {
		r := &e.Runs[i]
		end := "\n"
		if len(e.Runs) > 1 {
			end = "\t" + r.File + "\n"
		}
		line := func(k int, query string, v EvalValue) {
			m := e.Measures[k]
			m.Count = false // its values are floats, all of them
			if e.ByQuery {
				query += "\t"
			} else {
				query = ""
			}
			b.printf("%s%s\t%s%s", query, m.Name, e.value(m, v), end)
		}
		if e.ByQuery {
			for _, q := range r.Queries {
				for k, m := range e.Measures {
					if m.Queries {
						line(k, q.ID, q.Values[k])
					}
				}
			}
		}
		if e.Summary {
			for k, m := range e.Measures {
				if m.All {
					line(k, "all", r.All[k])
				}
			}
		}
	}
	return b.err
}

// WriteIRMeasuresJSON writes one JSON object per line as the command ir_measures
// does with --output_format jsonl: at full precision, with the query where
// values are by query. Several runs get one more member, their file.
func (e *Evaluation) WriteIRMeasuresJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	line := func(r *EvalRun, k int, query string, v EvalValue) error {
		m := e.Measures[k]
		out := struct {
			Run     string          `json:"run,omitempty"`
			Query   string          `json:"query_id,omitempty"`
			Measure string          `json:"measure"`
			Value   json.RawMessage `json:"value"`
		}{Measure: m.Name}
		if len(e.Runs) > 1 {
			out.Run = r.File
		}
		if e.ByQuery {
			out.Query = query
		}
		var err error
		switch x := v.Number; {
		case m.Text:
			out.Value, err = json.Marshal(v.Text)
		case math.IsNaN(x) || math.IsInf(x, 0):
			out.Value = json.RawMessage("null")
		case x == math.Trunc(x) && math.Abs(x) < 1e15:
			out.Value = strconv.AppendFloat(nil, x, 'f', 1, 64) // a float there, also where it is whole
		default:
			out.Value = strconv.AppendFloat(nil, x, 'g', -1, 64)
		}
		if err != nil {
			return err
		}
		return enc.Encode(out)
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		if e.ByQuery {
			for _, q := range r.Queries {
				for k, m := range e.Measures {
					if !m.Queries {
						continue
					}
					if err := line(r, k, q.ID, q.Values[k]); err != nil {
						return err
					}
				}
			}
		}
		for k, m := range e.Measures {
			if !e.Summary || !m.All {
				continue
			}
			if err := line(r, k, "all", r.All[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// WriteCSV writes one row per run, query and measure, at full precision. The
// query of values over all queries is empty, which no query's id is.
func (e *Evaluation) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	// Errors of single rows are those of the underlying writer: c.Error has them.
	_ = c.Write([]string{"run", "query", "measure", "value"})
	for i := range e.Runs {
		r := &e.Runs[i]
		row := func(k int, query string, v EvalValue) {
			text := v.Text
			if !e.Measures[k].Text {
				text = strconv.FormatFloat(v.Number, 'g', -1, 64)
			}
			_ = c.Write([]string{r.File, query, e.Measures[k].Name, text})
		}
		if e.ByQuery {
			for _, q := range r.Queries {
				for k, m := range e.Measures {
					if m.Queries {
						row(k, q.ID, q.Values[k])
					}
				}
			}
		}
		if e.Summary {
			for k, m := range e.Measures {
				if m.All {
					row(k, "", r.All[k])
				}
			}
		}
	}
	c.Flush()
	return c.Error()
}

// evalFormat names the JSON document and its version.
const evalFormat = "xlrun.eval/1"

// WriteJSON writes one document with everything that is known, numbers at full
// precision; a value that is not a number is null. It ends in a line end.
func (e *Evaluation) WriteJSON(w io.Writer) error {
	type query struct {
		ID     string `json:"query"`
		Values values `json:"values"`
	}
	type measure struct {
		Name      string `json:"name"`
		Trec      string `json:"trec_eval,omitempty"`
		Asked     string `json:"asked"`
		Aggregate string `json:"aggregate"`
	}
	type dependent struct {
		Queries int            `json:"queries"`  // with documents of equal score
		Values  map[string]int `json:"measures"` // by measure: queries whose value depends on their order
	}
	type run struct {
		File     string        `json:"file"`
		Tag      string        `json:"tag"`
		Count    int           `json:"queries"`
		Missing  []string      `json:"missing"`
		Unjudged []string      `json:"unjudged"`
		Tied     dependent     `json:"tied"`
		All      values        `json:"all,omitempty"`
		ByQuery  []query       `json:"by_query,omitempty"`
		Findings []EvalFinding `json:"findings"`
	}
	doc := struct {
		Format string `json:"format"`
		Qrels  struct {
			File      string `json:"file"`
			Queries   int    `json:"queries"`
			Judgments int    `json:"judgments"`
			Relevant  int    `json:"relevant"`
		} `json:"qrels"`
		Settings EvalSettings `json:"settings"`
		Measures []measure    `json:"measures"`
		Runs     []run        `json:"runs"`
	}{Format: evalFormat, Qrels: struct {
		File      string `json:"file"`
		Queries   int    `json:"queries"`
		Judgments int    `json:"judgments"`
		Relevant  int    `json:"relevant"`
	}(e.Qrels), Settings: e.Settings}
	for _, m := range e.Measures {
		doc.Measures = append(doc.Measures, measure{Name: m.Name, Trec: m.Trec, Asked: m.Label, Aggregate: m.Aggregate})
	}
	pick := func(vs []EvalValue, has func(EvalMeasure) bool) values {
		var out values
		for k, m := range e.Measures {
			if has(m) {
				out = append(out, namedValue{m, vs[k]})
			}
		}
		return out
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		j := run{
			File: r.File, Tag: r.Tag, Count: len(r.Queries), Findings: r.Findings,
			Missing: orEmpty(r.Missing), Unjudged: orEmpty(r.Unjudged), Tied: dependent{Queries: r.TiedQueries, Values: map[string]int{}},
		}
		if j.Findings == nil {
			j.Findings = []EvalFinding{}
		}
		for k, n := range r.TieDependent {
			if n > 0 {
				j.Tied.Values[e.Measures[k].Name] = n
			}
		}
		if e.Summary {
			j.All = pick(r.All, func(m EvalMeasure) bool { return m.All })
		}
		if e.ByQuery {
			j.ByQuery = make([]query, len(r.Queries))
			for n, q := range r.Queries {
				j.ByQuery[n] = query{q.ID, pick(q.Values, func(m EvalMeasure) bool { return m.Queries })}
			}
		}
		doc.Runs = append(doc.Runs, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(doc)
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// values are written as an object whose keys keep the order of the measures.
type values []namedValue

type namedValue struct {
	EvalMeasure
	EvalValue
}

// MarshalJSON writes the object.
func (vs values) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, key...), ':')
		switch {
		case v.EvalMeasure.Text:
			text, err := json.Marshal(v.EvalValue.Text)
			if err != nil {
				return nil, err
			}
			b = append(b, text...)
		case math.IsNaN(v.Number) || math.IsInf(v.Number, 0):
			b = append(b, "null"...)
		default:
			b = strconv.AppendFloat(b, v.Number, 'g', -1, 64)
		}
	}
	return append(b, '}'), nil
}

// errWriter keeps the first error, so that many small writes read well.
type errWriter struct {
	w   io.Writer
	err error
}

func (b *errWriter) printf(format string, args ...any) {
	if b.err == nil {
		_, b.err = fmt.Fprintf(b.w, format, args...)
	}
}

// Visible makes what a file would hold safe for a terminal: control characters
// but line ends and tabs, and those that turn the direction of what follows,
// are written as \x1b or \u202e, broken UTF-8 as \xff. Lines stay as they are.
func Visible(b []byte) []byte {
	var out []byte
	for done := 0; done < len(b); {
		r, n := utf8.DecodeRune(b[done:])
		switch {
		case r == utf8.RuneError && n == 1, unicode.IsControl(r) && r != '\n' && r != '\t' && r < 0x80:
			out = fmt.Appendf(out, `\x%02x`, b[done])
		case unicode.IsControl(r) && r != '\n' && r != '\t' || turns(r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, b[done:done+n]...)
		}
		done += n
	}
	return out
}

// id shows an id or a file's name: unlike in sentences, nothing of it is left
// out, since two ids may differ in just that.
func (u *UI) id(s string) string { return u.show(escaped(s)) }

// escaped is Visible for what has to stay on its line.
func escaped(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(string(Visible([]byte(s))))
}

// file shows the name of a file, or what - stands for.
func (u *UI) file(name string) string {
	if name == "-" {
		return "standard input"
	}
	return u.id(name)
}

// Looks reports whether somebody looks at standard output.
func (u *UI) Looks() bool { return u.out.tty }

// Evaluation prints tables for people on standard output: a single run with its
// measures below one another, several with one row each; by query, one row per
// query. Under them stands by which conventions the numbers were made.
func (u *UI) Evaluation(e *Evaluation) { u.write(&u.out, u.evaluation(u.paint(&u.out), e)) }

// EvaluationText is what Evaluation prints, for a file.
func (u *UI) EvaluationText(e *Evaluation) string {
	p := u.paint(&u.out)
	p.colour = false
	return u.evaluation(p, e)
}

func (u *UI) evaluation(p painter, e *Evaluation) string {
	var b strings.Builder
	b.WriteString(p.wrap(fmt.Sprintf("%s: %s, %s, %s relevant", p.in(u.file(e.Qrels.File), bold), count(e.Qrels.Queries, "query"), count(e.Qrels.Judgments, "judgment"), thousands(e.Qrels.Relevant)), 0, 2) + "\n")
	names := shortNames(e.Runs)
	for i := range e.Runs {
		r := &e.Runs[i]
		line := p.in(u.file(r.File), bold) + ": "
		if r.Tag != "" && r.Tag != names[i] {
			line += u.id(r.Tag) + ", "
		}
		line += count(len(r.Queries), "query")
		if len(e.Runs) == 1 || e.ByQuery || len(r.Missing) > 0 {
			line += " " + averaged(e, r)
		}
		b.WriteString(p.wrap(line, 0, 2) + "\n")
		if e.ByQuery {
			rows := make([]row, 0, len(r.Queries)+1)
			for _, q := range r.Queries {
				rows = append(rows, u.evalRow(e, q.ID, q.Values, func(m EvalMeasure) bool { return m.Queries }))
			}
			if e.Summary {
				rows = append(rows, u.evalRow(e, "all", r.All, func(m EvalMeasure) bool { return m.All }))
			}
			b.WriteByte('\n')
			u.evalTable(&b, p, e, "query", rows)
		}
	}
	if e.Summary && !e.ByQuery {
		b.WriteByte('\n')
		if len(e.Runs) == 1 {
			u.evalColumn(&b, p, e)
		} else {
			rows := make([]row, len(e.Runs))
			for i := range e.Runs {
				rows[i] = u.evalRow(e, names[i], e.Runs[i].All, func(m EvalMeasure) bool { return m.All })
			}
			u.evalTable(&b, p, e, "run", rows)
		}
	}
	b.WriteString("\n" + p.wrap(u.show(e.Conventions()), 0, 0) + "\n")
	return b.String()
}

func averaged(e *Evaluation, r *EvalRun) string {
	if e.Settings.Average == "judged" {
		if n := len(r.Missing); n > 0 {
			return fmt.Sprintf("(%s not in the run: 0 where a measure has no better)", count(n, "query"))
		}
		return "(all that are judged)"
	}
	if n := len(r.Missing); n > 0 {
		return fmt.Sprintf("(of %s: %s not in the run, left out)", thousands(len(r.Queries)+n), thousands(n))
	}
	return "(all that are judged)"
}

// shortNames names runs by their files, without directories where that is
// enough to tell them apart.
func shortNames(runs []EvalRun) []string {
	names, seen := make([]string, len(runs)), map[string]bool{}
	for i, r := range runs {
		names[i] = filepath.Base(r.File)
		if seen[names[i]] {
			for k := range runs {
				names[k] = runs[k].File
			}
			return names
		}
		seen[names[i]] = true
	}
	return names
}

func (u *UI) evalRow(e *Evaluation, name string, vs []EvalValue, has func(EvalMeasure) bool) row {
	r := row{u.id(name)}
	for k, m := range e.Measures {
		if has(m) {
			r = append(r, u.id(e.value(m, vs[k])))
		} else {
			r = append(r, "")
		}
	}
	return r
}

// evalTable writes rows of one value per measure, in as many tables below one
// another as the width asks for.
func (u *UI) evalTable(b *strings.Builder, p painter, e *Evaluation, first string, rows []row) {
	const gap, indent = 2, 2
	head := row{first}
	for _, m := range e.Measures {
		head = append(head, m.Label)
	}
	all := append([]row{head}, rows...)
	width := make([]int, len(head))
	empty := make([]bool, len(head))
	for k := range head {
		empty[k] = true
		for i, r := range all {
			width[k] = max(width[k], cells(r[k]))
			empty[k] = empty[k] && (i == 0 || r[k] == "")
		}
	}
	for k := 1; k < len(head); {
		take, w := []int{0}, indent+width[0]
		for ; k < len(head); k++ {
			if empty[k] {
				continue
			}
			if len(take) > 1 && w+gap+width[k] > p.width {
				break
			}
			take = append(take, k)
			w += gap + width[k]
		}
		if len(take) == 1 {
			break
		}
		part, rightAligned := make([]row, len(all)), []int{}
		for i, r := range all {
			for n, c := range take {
				part[i] = append(part[i], r[c])
				if i == 0 && n > 0 && (c == 0 || !e.Measures[c-1].Text) {
					rightAligned = append(rightAligned, n)
				}
			}
		}
		for i, line := range p.table(gap, part, rightAligned) {
			if i == 0 {
				line = p.in(line, faint)
			}
			b.WriteString(line + "\n")
		}
		if k < len(head) {
			b.WriteByte('\n')
		}
	}
}

// evalColumn writes one run's values below one another, with the number of
// queries whose value depends on ties where there are any.
func (u *UI) evalColumn(b *strings.Builder, p painter, e *Evaluation) {
	r := &e.Runs[0]
	ties := false
	for _, n := range r.TieDependent {
		ties = ties || n > 0
	}
	head := row{"measure", "value"}
	if ties {
		head = append(head, "queries that depend on ties")
	}
	rows := []row{head}
	for k, m := range e.Measures {
		if !m.All {
			continue
		}
		line := row{m.Label, u.id(e.value(m, r.All[k]))}
		if ties && k < len(r.TieDependent) && r.TieDependent[k] > 0 {
			line = append(line, thousands(r.TieDependent[k]))
		}
		rows = append(rows, line)
	}
	for i, line := range p.table(2, rows, []int{1, 2}[:len(head)-1]) {
		if i == 0 {
			line = p.in(line, faint)
		}
		b.WriteString(line + "\n")
	}
}

// Conventions says in a sentence or two by which rules the numbers were made,
// and how much depends on them.
func (e *Evaluation) Conventions() string {
	var s strings.Builder
	switch e.Settings.Average {
	case "judged":
		s.WriteString("Every judged query counts, also those that a run lacks (-c). ")
	default:
		s.WriteString("Judged queries count that are in the run (-c counts the others as 0). ")
	}
	switch e.Settings.Ties {
	case "trec9":
		s.WriteString("Ties: scores as 32-bit floats, then document ids downwards, as in trec_eval 9.")
	case "rank":
		s.WriteString("Ties: none, the rank column decides.")
	case "expected":
		s.WriteString("Ties: the mean over all orders of equal scores.")
	default:
		s.WriteString("Ties: scores as 64-bit floats, then document ids downwards, as in trec_eval 10.")
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		most := 0
		for _, n := range r.TieDependent {
			most = max(most, n)
		}
		of := ""
		if len(e.Runs) > 1 {
			of = " of " + r.File
		}
		switch {
		case most > 0:
			fmt.Fprintf(&s, " %s%s %s ties, and up to %s a value that depends on their order.", count(r.TiedQueries, "query"), of, haveHas(r.TiedQueries), thousands(most))
		case r.TiedQueries > 0 && len(e.Runs) == 1:
			fmt.Fprintf(&s, " %s %s ties; no value depends on them.", count(r.TiedQueries, "query"), haveHas(r.TiedQueries))
		}
	}
	if e.Settings.Level != 1 {
		fmt.Fprintf(&s, " Relevant: grades from %d.", e.Settings.Level)
	}
	if e.Settings.Depth > 0 {
		fmt.Fprintf(&s, " Only the first %s documents of a query count.", thousands(e.Settings.Depth))
	}
	if e.Settings.JudgedOnly {
		s.WriteString(" Documents without a judgment were taken out.")
	}
	return s.String()
}

func haveHas(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// Warning says on stderr what to know, and what could be done.
func (u *UI) Warning(text string, hints ...string) {
	p := u.paint(&u.err)
	u.write(&u.err, p.wrap("xlrun: "+p.in("warning:", yellow, bold)+" "+u.show(text), 0, 2)+"\n")
	u.hints(hints)
}
