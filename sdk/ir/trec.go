package ir

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The TREC formats, as trec_eval 10 reads them: one judgment or hit per line,
// fields separated by any ASCII white space, LF or CRLF, blank lines and lines
// that start with '#' skipped. Unlike trec_eval, a number must be a number
// throughout ("1.5" is no grade, "1x" no score) and NaN is no score.

// Fault is one mistake in a file.
type Fault struct {
	Line int // from 1; 0 where the file as a whole is at fault
	Text string
}

// ReadError holds the mistakes in one file, by line.
type ReadError struct {
	File   string
	Faults []Fault // the first maxFaults
	More   int     // how many there were beyond these
}

// maxFaults is as many as a person may want to read, and then some.
const maxFaults = 100

func (e *ReadError) Error() string {
	var b strings.Builder
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
		b.WriteString(f.Text)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n%s: and %d more", e.File, e.More)
	}
	return b.String()
}

func (e *ReadError) add(line int, format string, args ...any) {
	e.Faults = append(e.Faults, Fault{Line: line, Text: fmt.Sprintf(format, args...)})
}

// result returns nil where nothing was found, and cuts the list otherwise.
func (e *ReadError) result() error {
	if len(e.Faults) == 0 {
		return nil
	}
	slices.SortStableFunc(e.Faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	if n := len(e.Faults); n > maxFaults {
		e.Faults, e.More = e.Faults[:maxFaults], n-maxFaults
	}
	return e
}

// maxLine bounds the length of a line, in bytes.
const maxLine = 1 << 20

// space reports what C's isspace reports in the C locale. Wider Unicode spaces
// are part of an id.
func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// scanTREC calls line for every line with content, with its first fields, at
// most want; rest says whether more follow. Fields are valid until line
// returns.
func scanTREC(r io.Reader, want int, bad *ReadError, line func(n int, fields [][]byte, rest bool)) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	fields := make([][]byte, 0, want)
	n := 0
	for sc.Scan() {
		n++
		b := sc.Bytes()
		if n == 1 {
			b = bytes.TrimPrefix(b, []byte("\ufeff"))
		}
		if bytes.IndexByte(b, 0) >= 0 {
			bad.add(n, "the line holds a NUL byte; is this a text file?")
			continue
		}
		fields = fields[:0]
		i := 0
		for len(fields) < want {
			for i < len(b) && space(b[i]) {
				i++
			}
			if i == len(b) {
				break
			}
			start := i
			for i < len(b) && !space(b[i]) {
				i++
			}
			fields = append(fields, b[start:i])
		}
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		for i < len(b) && space(b[i]) {
			i++
		}
		line(n, fields, i < len(b))
	}
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			bad.add(n+1, "the line is longer than %d bytes", maxLine)
			return nil
		}
		return fmt.Errorf("%s:%d: %w", bad.File, n+1, err)
	}
	return nil
}

// ReadQrels reads judgments: lines of query, iteration (ignored), document and
// grade. name stands for the file in errors, which are a [*ReadError] unless
// reading itself goes wrong. A document judged twice for one query is an
// error, and so is a file without judgments.
func ReadQrels(r io.Reader, name string) (Qrels, error) {
	bad := &ReadError{File: name}
	qrels := Qrels{}
	var id QueryID
	var current Judgments
	empty := true
	err := scanTREC(r, 4, bad, func(n int, f [][]byte, rest bool) {
		empty = false
		switch {
		case len(f) < 4:
			bad.add(n, "want 4 fields (query, iteration, document, grade), got %d", len(f))
			return
		case rest:
			bad.add(n, "want 4 fields (query, iteration, document, grade), got more")
			return
		}
		grade, err := strconv.Atoi(string(f[3]))
		if err != nil {
			bad.add(n, "the grade must be a whole number, got %q", f[3])
			return
		}
		if current == nil || string(f[0]) != string(id) {
			id = QueryID(f[0])
			if current = qrels[id]; current == nil {
				current = Judgments{}
				qrels[id] = current
			}
		}
		if _, twice := current[DocID(f[2])]; twice {
			bad.add(n, "document %q is judged twice for query %q", f[2], id)
			return
		}
		current[DocID(f[2])] = grade
	})
	if err != nil {
		return nil, err
	}
	if empty && len(bad.Faults) == 0 {
		bad.add(0, "the file holds no judgments")
	}
	if err := bad.result(); err != nil {
		return nil, err
	}
	return qrels, nil
}

// ReadRun reads a run: lines of query, iteration (ignored), document, rank
// (ignored), score and tag; what follows is ignored. Rankings keep the order
// of the file; the tag is the last line's. name stands for the file in errors,
// which are a [*ReadError] unless reading itself goes wrong. A document that
// occurs twice for one query is an error, and so is a file without hits.
func ReadRun(r io.Reader, name string) (Run, error) {
	type list struct {
		hits  Ranking
		lines []int32 // of each hit, for messages
	}
	bad := &ReadError{File: name}
	lists := map[QueryID]*list{}
	var id QueryID
	var current *list
	var tag []byte
	empty := true
	err := scanTREC(r, 6, bad, func(n int, f [][]byte, _ bool) {
		empty = false
		if len(f) < 6 {
			bad.add(n, "want 6 fields (query, iteration, document, rank, score, tag), got %d", len(f))
			return
		}
		score, err := strconv.ParseFloat(string(f[4]), 64)
		switch {
		case errors.Is(err, strconv.ErrRange):
			bad.add(n, "the score %q is beyond the range of a 64-bit float", f[4])
			return
		case err != nil:
			bad.add(n, "the score must be a number, got %q", f[4])
			return
		case math.IsNaN(score):
			bad.add(n, "the score is NaN, which has no place in a ranking")
			return
		}
		if current == nil || string(f[0]) != string(id) {
			id = QueryID(f[0])
			if current = lists[id]; current == nil {
				current = &list{}
				lists[id] = current
			}
		}
		current.hits = append(current.hits, Hit{Doc: DocID(f[2]), Score: score})
		current.lines = append(current.lines, int32(n))
		tag = append(tag[:0], f[5]...)
	})
	if err != nil {
		return Run{}, err
	}
	run := Run{Tag: string(tag), Rankings: make(map[QueryID]Ranking, len(lists))}
	first := map[DocID]int32{}
	for id, l := range lists {
		clear(first)
		for i, h := range l.hits {
			if at, twice := first[h.Doc]; twice {
				bad.add(int(l.lines[i]), "document %q occurs twice for query %q, first on line %d", h.Doc, id, at)
			} else {
				first[h.Doc] = l.lines[i]
			}
		}
		run.Rankings[id] = l.hits
	}
	if empty && len(bad.Faults) == 0 {
		bad.add(0, "the file holds no hits")
	}
	if err := bad.result(); err != nil {
		return Run{}, err
	}
	return run, nil
}

// LoadQrels is [ReadQrels] of a file.
func LoadQrels(path string) (Qrels, error) { return load(path, ReadQrels) }

// LoadRun is [ReadRun] of a file.
func LoadRun(path string) (Run, error) { return load(path, ReadRun) }

func load[T any](path string, read func(io.Reader, string) (T, error)) (T, error) {
	f, err := os.Open(path)
	if err != nil {
		var none T
		return none, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return read(f, path)
}

// WriteRun writes run as a TREC run file: queries in byte order, hits in the
// order of t with ranks from 1, scores in the shortest form that reads back as
// the same float. Equal runs give equal bytes. Ids and tag must not be empty
// or hold white space or NUL, rankings must pass [Ranking.Check].
func WriteRun(w io.Writer, run Run, t Ties) error {
	if err := checkField("tag", run.Tag); err != nil {
		return err
	}
	bw := bufio.NewWriter(w)
	var line []byte
	var sorted Ranking
	for _, id := range run.Queries() {
		if err := checkQueryID(id); err != nil {
			return err
		}
		if err := run.Rankings[id].Check(); err != nil {
			return fmt.Errorf("query %q: %w", id, err)
		}
		sorted = append(sorted[:0], run.Rankings[id]...)
		sorted.Sort(t)
		for i, h := range sorted {
			if err := checkField("document id", string(h.Doc)); err != nil {
				return err
			}
			line = append(line[:0], id...)
			line = append(line, " Q0 "...)
			line = append(line, h.Doc...)
			line = append(line, ' ')
			line = strconv.AppendInt(line, int64(i)+1, 10)
			line = append(line, ' ')
			if h.Score == 0 {
				h.Score = 0 // −0 is 0
			}
			line = strconv.AppendFloat(line, h.Score, 'g', -1, 64)
			line = append(line, ' ')
			line = append(line, run.Tag...)
			line = append(line, '\n')
			if _, err := bw.Write(line); err != nil {
				return err
			}
		}
	}
	return bw.Flush()
}

// WriteQrels writes judgments as a TREC qrels file, queries and documents in
// byte order. Ids must not be empty or hold white space or NUL.
func WriteQrels(w io.Writer, qrels Qrels) error {
	bw := bufio.NewWriter(w)
	for _, id := range qrels.Queries() {
		if err := checkQueryID(id); err != nil {
			return err
		}
		docs := make([]DocID, 0, len(qrels[id]))
		for d := range qrels[id] {
			docs = append(docs, d)
		}
		slices.Sort(docs)
		for _, d := range docs {
			if err := checkField("document id", string(d)); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(bw, "%s 0 %s %d\n", id, d, qrels[id][d]); err != nil {
				return err
			}
		}
	}
	return bw.Flush()
}

// checkQueryID refuses what would read back as a comment or lose a byte order
// mark, besides what checkField refuses.
func checkQueryID(id QueryID) error {
	if strings.HasPrefix(string(id), "#") || strings.HasPrefix(string(id), "\ufeff") {
		return fmt.Errorf("query id %q: a TREC file takes the beginning for a comment or a byte order mark", id)
	}
	return checkField("query id", string(id))
}

func checkField(what, s string) error {
	if s == "" {
		return fmt.Errorf("the %s is empty, which a TREC file cannot hold", what)
	}
	for i := range len(s) {
		if space(s[i]) || s[i] == 0 {
			return fmt.Errorf("%s %q: a TREC file cannot hold white space or NUL in a field", what, s)
		}
	}
	return nil
}
