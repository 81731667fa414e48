package ir

import (
	"bytes"
	"io"
	"math"
	"runtime"
	"strconv"
	"sync"
)

// ReadQrels reads judgments as [InspectQrels] does, without its findings.
func ReadQrels(r io.Reader, name string) (Qrels, error) {
	qrels, _, err := InspectQrels(r, name)
	return qrels, err
}

// InspectQrels reads judgments: lines of query, iteration (ignored), document
// and grade. name stands for the file in findings and errors. Findings of the
// severity [Error] make the error a [*ReadError]; other errors are of reading
// itself. Findings come with and without an error.
func InspectQrels(r io.Reader, name string) (Qrels, []Finding, error) {
	return inspectQrels(r, name, trecDialect)
}

// Qrels is [InspectQrels] of a source, whose lines have the four fields of
// judgments.
func (s Source) Qrels() (Qrels, []Finding, error) {
	r, err := s.Open()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	return inspectQrels(r, s.Name, dialectOf(s.Separator))
}

const qrelsFields = "query, iteration, document, grade"

func inspectQrels(r io.Reader, name string, d *dialect) (Qrels, []Finding, error) {
	// Blocks are parsed side by side, each as if it were the whole file, and put
	// together in their order. A block with a query that is in an earlier one
	// is parsed again, into the whole.
	var (
		parts []*qrelsParser
		wg    sync.WaitGroup
		turns = make(chan struct{}, runtime.GOMAXPROCS(0))
		br    = newBlockReader(r, d, qrelsBlock)
	)
	var f findings
	for {
		b, err := br.next(nil)
		if err == io.EOF { //nolint:errorlint // next returns it bare
			break
		}
		if err != nil {
			if err = ended(err, &f, br.lines, name); err != nil {
				wg.Wait()
				return nil, f.list(name), err
			}
			break
		}
		p := &qrelsParser{d: d, f: &findings{}, qrels: Qrels{}}
		parts = append(parts, p)
		turns <- struct{}{}
		wg.Go(func() {
			p.parse(b)
			<-turns
		})
	}
	wg.Wait()
	all := &qrelsParser{d: d, f: &f, qrels: Qrels{}}
	for _, p := range parts {
		all.add(p)
	}
	qrels := all.qrels
	if all.lines == 0 && !f.stops() {
		f.add(kindEmptyFile, 0, "the file holds no judgments")
	}
	for _, q := range all.queries {
		if !qrels[q.id].anyRelevant() {
			f.add(kindNoRelevant, q.line, "query %q has judgments but no relevant document", q.id)
		}
	}
	if err := f.err(name); err != nil {
		return nil, f.list(name), err
	}
	return qrels, f.list(name), nil
}

// qrelsBlock is the usual size of a block of judgments in bytes.
const qrelsBlock = 256 << 10

// qrelsParser puts the judgments of blocks into qrels. Ids are views into the
// blocks.
type qrelsParser struct {
	d       *dialect
	f       *findings
	qrels   Qrels
	queries []qrelsQuery // in the order of their first lines
	lines   int          // with content

	block   *lineBlock
	id      QueryID // of the judgments before
	current Judgments
}

// qrelsQuery is a query and the line of its first judgment.
type qrelsQuery struct {
	id   QueryID
	line int64
}

func (p *qrelsParser) parse(b *lineBlock) {
	p.block = b
	(&scanner{d: p.d, want: 4, line: p.line}).scan(b, p.f)
}

// add takes over what is in a block that comes after those of p.
func (p *qrelsParser) add(q *qrelsParser) {
	for _, query := range q.queries {
		if _, split := p.qrels[query.id]; split {
			p.parse(q.block)
			return
		}
	}
	for _, query := range q.queries {
		p.qrels[query.id] = q.qrels[query.id]
	}
	p.f.merge(q.f)
	p.queries = append(p.queries, q.queries...)
	p.lines += q.lines
}

func (p *qrelsParser) line(n int32, fields [][]byte, rest []byte) {
	p.lines++
	f, line := p.f, p.block.line(n)
	if len(fields) < 4 {
		few(f, p.d, p.block, n, fields, 4, qrelsFields)
		return
	}
	if p.d.more(rest) {
		f.add(kindExtraFields, line, "want 4 fields (%s), got more", qrelsFields)
		return
	}
	grade, k := parseGrade(fields[3])
	switch k {
	case kindBadGrade, kindFloatGrade:
		f.add(k, line, "the grade must be a whole number, got %q", fields[3])
		return
	case kindDecimalGrade:
		f.add(k, line, "the grade %q has decimals; it is read as %d", fields[3], grade)
	}
	if p.current == nil || string(fields[0]) != string(p.id) {
		p.id = QueryID(stringOf(fields[0]))
		size := min(len(p.current), 1<<10) // queries have about as many judgments as their neighbours
		if p.current = p.qrels[p.id]; p.current == nil {
			p.current = make(Judgments, size)
			p.qrels[p.id] = p.current
			p.queries = append(p.queries, qrelsQuery{p.id, line})
		}
	}
	doc := DocID(stringOf(fields[2]))
	if before, twice := p.current[doc]; twice {
		if before == grade {
			f.add(kindJudgedTwice, line, "document %q is judged twice for query %q, with the grade %d each time", doc, p.id, grade)
		} else {
			f.add(kindConflictingGrades, line, "document %q is judged twice for query %q, as %d and as %d", doc, p.id, before, grade)
		}
		return
	}
	if grade < 0 {
		f.add(kindNegativeGrade, line, "the grade of document %q for query %q is %d; below 0 means not judged", doc, p.id, grade)
	}
	p.current[doc] = grade
}

// parseGrade reads a grade; k is -1 where it is fine.
func parseGrade(b []byte) (grade int, k kind) {
	if v, err := strconv.ParseInt(string(b), 10, 32); err == nil && v <= maxParameter && v >= -maxParameter {
		return int(v), -1
	}
	v, err := parseFloat(b)
	switch {
	case err != nil || !(math.Abs(v) <= maxParameter) || bytes.ContainsAny(b, "eE"): // trec_eval reads 1e1 as 1
		return 0, kindBadGrade
	case v == math.Trunc(v):
		return int(v), kindDecimalGrade
	}
	return 0, kindFloatGrade
}

func (j Judgments) anyRelevant() bool {
	for _, grade := range j {
		if grade > 0 {
			return true
		}
	}
	return false
}
