package ir

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// The TREC formats, as trec_eval 10 reads them: one judgment or hit per line,
// fields separated by any ASCII white space, LF or CRLF, blank lines and lines
// that start with '#' skipped. Unlike trec_eval, a number must be a number
// throughout ("1.5" is no grade, "1x" no score) and NaN is no score.

// maxLine bounds the length of a line, in bytes.
const maxLine = 1 << 20

// space reports what C's isspace reports in the C locale. Wider Unicode spaces
// are part of an id.
func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// dialect is how a line falls into fields.
type dialect struct {
	class    [256]uint8
	comments bool // lines that start with '#' are skipped
	blanks   bool // fields end at white space, as in TREC's files
}

// The classes of bytes.
const (
	inField = iota
	between
	atEnd // of the line
)

var trecDialect = func() *dialect {
	d := newDialect(space, true)
	d.blanks = true
	return d
}()

func newDialect(separates func(byte) bool, comments bool) *dialect {
	d := &dialect{comments: comments}
	for c := range d.class {
		if separates(byte(c)) {
			d.class[c] = between
		}
	}
	d.class['\n'] = atEnd
	return d
}

// dialectOf returns the dialect whose fields are separated by sep; 0 stands
// for TREC's.
func dialectOf(sep byte) *dialect {
	if sep == 0 {
		return trecDialect
	}
	return newDialect(func(c byte) bool { return c == sep }, false)
}

// firstField returns the bounds of the first field of the line that starts at
// i, which may be empty: b[start:end]. The line must have an end.
func (d *dialect) firstField(b []byte, i int) (start, end int) {
	for d.class[b[i]] == between {
		i++
	}
	start = i
	for d.class[b[i]] == inField {
		i++
	}
	return start, i
}

// more reports whether there is another field in the rest of a line.
func (d *dialect) more(rest []byte) bool {
	for _, c := range rest {
		if d.class[c] == inField {
			return true
		}
	}
	return false
}

// lineBlock is a number of whole lines.
type lineBlock struct {
	data []byte // ends with '\n'
	base int64  // how many lines of the file come before
	cut  int64  // the line of the file that has no end of its own; 0 for none
	// parts, where it is not nil, tells where in the file the lines of a block
	// come from that was put together.
	parts []part
	at    int // the part of the line asked for last
}

// part is a number of lines that follow each other in a file: line n of the
// block, from 1, is line file of the file, and so on until the next part.
type part struct {
	n    int32
	file int64
}

// line returns the number of the n-th line of the block. It is fastest for one
// line after the other.
func (b *lineBlock) line(n int32) int64 {
	if b.parts == nil {
		return b.base + int64(n)
	}
	if n < b.parts[b.at].n {
		b.at = 0
	}
	for b.at+1 < len(b.parts) && b.parts[b.at+1].n <= n {
		b.at++
	}
	return b.parts[b.at].file + int64(n-b.parts[b.at].n)
}

// scanner calls line for every line of a block with content, with its first
// fields, at most want, and the rest. Lines that are no text are left out.
type scanner struct {
	d    *dialect
	want int
	// line must not keep the fields.
	line func(n int32, fields [][]byte, rest []byte)
	// comment is called for comments, where it is not nil.
	comment func(n int32, text []byte)

	fields [][]byte
}

// scan returns the number of lines.
func (s *scanner) scan(b *lineBlock, f *findings) int32 {
	data := b.data
	hasNUL, ascii := bytes.IndexByte(data, 0) >= 0, isASCII(data)
	class := &s.d.class
	var n int32
	for i := 0; i < len(data); {
		n++
		start := i
		if hasNUL || !ascii {
			end := i + bytes.IndexByte(data[i:], '\n')
			text := data[i:end]
			if hasNUL && bytes.IndexByte(text, 0) >= 0 {
				f.add(kindNUL, b.line(n), "the line holds a NUL byte; is this a text file?")
				i = end + 1
				continue
			}
			if !ascii && !utf8.Valid(text) {
				if k := b.line(n); f.wants(kindInvalidUTF8, k) {
					f.add(kindInvalidUTF8, k, "the line is not UTF-8: %q", short(text))
				} else {
					f.kinds[kindInvalidUTF8].count++
				}
			}
		}
		fields := s.fields[:0]
		for len(fields) < s.want {
			for class[data[i]] == between {
				i++
			}
			if data[i] == '\n' {
				break
			}
			at := i
			i = s.d.fieldEnd(data, i)
			fields = append(fields, data[at:i])
			if len(fields) == 1 && s.d.comments && data[at] == '#' {
				break
			}
		}
		s.fields = fields
		end := i
		if data[i] != '\n' {
			end = i + bytes.IndexByte(data[i:], '\n')
		}
		rest := data[i:end]
		i = end + 1
		switch {
		case len(fields) == 0:
		case end-start > maxLine:
			f.add(kindLongLine, b.line(n), "the line is longer than %d bytes", maxLine)
		case s.d.comments && fields[0][0] == '#':
			if s.comment != nil {
				s.comment(n, data[start:end])
			}
		default:
			s.line(n, fields, rest)
		}
	}
	return n
}

// isASCII reports whether no byte has its highest bit set.
func isASCII(b []byte) bool {
	for len(b) >= 32 {
		x := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if x&highBits != 0 {
			return false
		}
		b = b[32:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// highBits has the highest bit of each of eight bytes set.
const highBits = 0x8080808080808080

// fieldEnd returns the end of the field that i is in. TREC's white space is
// below '!', and little else is: eight bytes are looked at together until one of
// them is (Mycroft's test for small bytes, exact for the first one).
func (d *dialect) fieldEnd(data []byte, i int) int {
	if d.blanks {
		for i+8 <= len(data) {
			x := binary.LittleEndian.Uint64(data[i:])
			low := (x - 0x2121212121212121) &^ x & highBits
			if low == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(low) / 8
			if d.class[data[i]] != inField {
				return i
			}
			i++ // a control character in a field
		}
	}
	for d.class[data[i]] == inField {
		i++
	}
	return i
}

// short returns the beginning of a text for a message.
func short[T ~string | ~[]byte](text T) string {
	if len(text) > 60 {
		return string(text[:60]) + "…"
	}
	return string(text)
}

// few reports a line with too few fields.
func few(f *findings, d *dialect, b *lineBlock, n int32, fields [][]byte, want int, names string) {
	k, line := kindFewFields, b.line(n)
	if line == b.cut {
		k = kindTruncatedLine
	}
	if !f.wants(k, line) {
		f.kinds[k].count++
		return
	}
	if k == kindTruncatedLine {
		f.add(k, line, "the file ends within a line: want %d fields (%s), got %d", want, names, len(fields))
		return
	}
	if !d.comments {
		f.add(k, line, "the row lacks a query, a document or a value")
		return
	}
	hint := ""
	if want == 6 && len(fields) == 4 && isInt(fields[3]) {
		hint = "; are these judgments?"
	}
	f.add(k, line, "want %d fields (%s), got %d%s", want, names, len(fields), hint)
}

func isInt(b []byte) bool { _, err := strconv.Atoi(string(b)); return err == nil }

const (
	qrelsFields = "query, iteration, document, grade"
	runFields   = "query, iteration, document, rank, score, tag"
)

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

// ended turns the error that reading ended with into a finding where it is
// one.
func ended(err error, f *findings, line int64, name string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		where := fmt.Sprintf("its content ends after line %d", line)
		if line == 0 {
			where = "nothing of its content can be read"
		}
		f.add(kindTruncatedStream, 0, "the file is cut off: %s; copy or write it again", where)
		return nil
	case errors.Is(err, errLongLine):
		f.add(kindLongLine, line+1, "the line is longer than %d bytes, and what follows was not read", maxLine)
		return nil
	}
	return fmt.Errorf("%s:%d: %w", name, line+1, err)
}

func (j Judgments) anyRelevant() bool {
	for _, grade := range j {
		if grade > 0 {
			return true
		}
	}
	return false
}

// ReadRun reads a run as [InspectRun] does, without its findings.
func ReadRun(r io.Reader, name string) (Run, error) {
	run, _, err := InspectRun(r, name)
	return run, err
}

// InspectRun reads a run: lines of query, iteration (ignored), document, rank,
// score and tag; what follows is ignored. Rankings keep the order of the file;
// the tag is the last line's. Ranks that count from 0 are raised by one. A query
// whose ranks are all 0, or not all whole numbers, has none. ir_metadata is kept
// from one block of comments before the first line with content. name stands for the file in
// findings and errors. Findings of the severity [Error] make the error a
// [*ReadError]; other errors are of reading itself. Findings come with and
// without an error.
func InspectRun(r io.Reader, name string) (Run, []Finding, error) {
	return inspectRun(r, name, trecDialect, anyTies)
}

// Run is [InspectRun] of a source.
func (s Source) Run() (Run, []Finding, error) {
	r, err := s.Open()
	if err != nil {
		return Run{}, nil, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	return inspectRun(r, s.Name, dialectOf(s.Separator), anyTies)
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

// inspectRun reads a run that will be evaluated in the mode t.
func inspectRun(r io.Reader, name string, d *dialect, t Ties) (Run, []Finding, error) {
	type list struct {
		hits  []entry
		lines []int64 // of each hit
		last  int     // the count of changes of query when its latest hit came
		split bool
	}
	var (
		f       findings
		lists   = map[QueryID]*list{}
		order   []QueryID
		id      QueryID
		current *list
		changes int
		base    int64
		text    string
		block   *lineBlock
		meta    metadata
	)
	p := newRunParser(d, t)
	p.hit = func(query, doc []byte, rank int32, score float64, n int32) {
		slice := func(field []byte) string {
			at := cap(block.data) - cap(field)
			return text[at : at+len(field)]
		}
		if current == nil || string(query) != string(id) {
			changes++
			id = QueryID(slice(query))
			if current = lists[id]; current == nil {
				current = &list{last: changes}
				lists[id] = current
				order = append(order, id)
			}
			if current.last != changes && !current.split {
				current.split = true
				f.add(kindScattered, block.line(n), "the lines of query %q are not together", id)
			}
		}
		current.last = changes
		current.hits = append(current.hits, entry{doc: DocID(slice(doc)), score: score, rank: rank, grade: unjudged})
		current.lines = append(current.lines, block.line(n))
	}
	p.comment = func(text []byte, n int32, late bool) { meta.add(text, block.line(n), late, &f) }
	br := newBlockReader(r, d, 1<<20)
	br.byLine = true
	err := br.each(func(b *lineBlock) error {
		block, text = b, string(b.data)
		base = b.base + int64(p.parse(b, &f))
		return nil
	})
	if err = ended(err, &f, base, name); err != nil {
		return Run{}, f.list(name), err
	}
	run := Run{Tag: p.tags.last(), Metadata: meta.end(&f), Rankings: make(map[QueryID]Ranking, len(lists))}
	p.tags.report(&f, br.unterminated, base)
	var depths []querySummary
	c := newChecker(&f, t)
	for _, id := range order {
		l := lists[id]
		c.ranking(string(id), l.hits, l.lines)
		depths = append(depths, querySummary{id: string(id), line: l.lines[0], hits: len(l.hits)})
		ranking := make(Ranking, len(l.hits))
		for i, h := range l.hits {
			ranking[i] = Hit{Doc: h.doc, Score: h.score, Rank: h.rank}
		}
		run.Rankings[id] = ranking
	}
	reportDepths(&f, depths)
	if !p.any && !f.stops() {
		f.add(kindEmptyFile, 0, "the file holds no hits")
	}
	if err := f.err(name); err != nil {
		return Run{}, f.list(name), err
	}
	return run, f.list(name), nil
}

// noRank marks a rank column that holds no number.
const noRank = math.MinInt32

// runParser reads the lines of a run.
type runParser struct {
	s    scanner
	ties Ties // Rank makes a rank that is none an error
	hit  func(query, doc []byte, rank int32, score float64, n int32)
	tags tagSet
	any  bool // a line with content was seen

	// comment, where it is not nil, is called for comments; late tells that a
	// line with content came before.
	comment func(text []byte, n int32, late bool)
	b       *lineBlock
	f       *findings
}

func newRunParser(d *dialect, t Ties) *runParser {
	p := &runParser{s: scanner{d: d, want: 6}, ties: t}
	p.s.line = p.line
	p.s.comment = func(n int32, text []byte) {
		if p.comment != nil {
			p.comment(text, n, p.any)
		}
	}
	return p
}

// parse calls hit for every hit of b, reports the rest to f and returns the
// number of lines. Fields are valid until hit returns.
func (p *runParser) parse(b *lineBlock, f *findings) int32 {
	p.b, p.f = b, f
	return p.s.scan(b, f)
}

func (p *runParser) line(n int32, fields [][]byte, rest []byte) {
	p.any = true
	b, f := p.b, p.f
	if len(fields) < 6 {
		few(f, p.s.d, b, n, fields, 6, runFields)
		return
	}
	score, err := parseFloat(fields[4])
	if err != nil || !(math.Abs(score) <= math.MaxFloat64) {
		switch {
		case errors.Is(err, strconv.ErrRange):
			f.add(kindScoreRange, b.line(n), "the score %q is beyond the range of a 64-bit float", fields[4])
			return
		case err != nil:
			f.add(kindBadScore, b.line(n), "the score must be a number, got %q", fields[4])
			return
		case math.IsNaN(score):
			f.add(kindNaNScore, b.line(n), "the score is NaN, which has no place in a ranking")
			return
		}
		f.add(kindInfiniteScore, b.line(n), "document %q of query %q has the score %q", fields[2], fields[0], fields[4])
	}
	rank, ok := parseRank(fields[3])
	if !ok {
		rank = noRank
		k, line, but := kindBadRank, b.line(n), ""
		if p.ties == Rank {
			k, but = kindUnusableRank, "; the tie mode rank needs it"
		}
		if f.wants(k, line) {
			f.add(k, line, "the rank must be a whole number from 0 to 999999999, got %q%s", fields[3], but)
		} else {
			f.kinds[k].count++
		}
	}
	p.tags.add(fields[5], b, n)
	if len(rest) > 0 && p.s.d.more(rest) {
		if k := b.line(n); f.wants(kindAfterTag, k) {
			f.add(kindAfterTag, k, "more follows the tag %q and is ignored; does an id hold a blank?", short(fields[5]))
		} else {
			f.kinds[kindAfterTag].count++
		}
	}
	p.hit(fields[0], fields[2], rank, score, n)
}

// parseRank reads a rank of at most nine digits.
func parseRank(b []byte) (int32, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	var v int32
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		v = v*10 + int32(c-'0')
	}
	return v, true
}

// tagSet holds the tags of a file with the lines where they come first and
// last, so that lines may be read in any order.
type tagSet struct {
	tags    []tagLines
	current int
	more    tagLines // the last one and the lines of those beyond maxTags
}

type tagLines struct {
	tag         string
	first, last int64
	lines       int
}

const maxTags = 100

func (s *tagSet) add(tag []byte, b *lineBlock, n int32) {
	if s.current >= len(s.tags) || s.tags[s.current].tag != string(tag) {
		s.current = s.find(string(tag))
	}
	line := b.line(n)
	if s.current == maxTags {
		s.more.merge(tagLines{string(tag), line, line, 1})
		return
	}
	t := &s.tags[s.current]
	if t.lines == 0 || line < t.first {
		t.first = line
	}
	t.last = max(t.last, line)
	t.lines++
}

// find returns the index of a tag, which it adds; maxTags where there are too
// many.
func (s *tagSet) find(tag string) int {
	for i := range s.tags {
		if s.tags[i].tag == tag {
			return i
		}
	}
	if len(s.tags) < maxTags {
		s.tags = append(s.tags, tagLines{tag: tag})
		return len(s.tags) - 1
	}
	return maxTags
}

// merge adds the lines of g; the tag is that of the last one.
func (t *tagLines) merge(g tagLines) {
	if g.lines == 0 {
		return
	}
	if t.lines == 0 || g.first < t.first {
		t.first = g.first
	}
	if t.lines == 0 || g.last > t.last {
		t.tag, t.last = g.tag, g.last
	}
	t.lines += g.lines
}

// merge adds the tags of g.
func (s *tagSet) merge(g *tagSet) {
	for _, t := range g.tags {
		if i := s.find(t.tag); i < maxTags {
			s.tags[i].merge(t)
		} else {
			s.more.merge(t)
		}
	}
	s.more.merge(g.more)
}

// last returns the tag of the last line.
func (s *tagSet) last() string {
	last := s.more
	for _, t := range s.tags {
		if last.lines == 0 || t.last > last.last {
			last = t
		}
	}
	return last.tag
}

// report reports several tags, and a last one that was cut off in a file of
// so many lines that has no end of line.
func (s *tagSet) report(f *findings, unterminated bool, lines int64) {
	if len(s.tags) < 2 {
		return
	}
	tags := slices.Clone(s.tags)
	slices.SortFunc(tags, func(a, b tagLines) int { return cmp.Compare(a.first, b.first) })
	last := tags[len(tags)-1]
	if unterminated && last.lines == 1 && last.first == lines {
		for _, t := range tags[:len(tags)-1] {
			if strings.HasPrefix(t.tag, last.tag) {
				f.add(kindTruncatedLine, lines, "the file ends within a line: the tag is %q here and %q before", short(last.tag), short(t.tag))
				tags = tags[:len(tags)-1]
				break
			}
		}
	}
	for _, t := range tags[1:] {
		f.add(kindSeveralTags, t.first, "the tag is %q here and %q in the first line; is this more than one run?", short(t.tag), short(tags[0].tag))
		f.kinds[kindSeveralTags].count += t.lines - 1
	}
	f.kinds[kindSeveralTags].count += s.more.lines
}

// metadata collects the comments at the head of a run that hold its
// ir_metadata, in the order of the file.
type metadata struct {
	b        strings.Builder
	in, done bool
	start    int64 // the line where it begins
}

const (
	metadataStart = "ir_metadata.start"
	metadataEnd   = "ir_metadata.end"
)

// add takes a comment; late ones come after the first line with content.
func (m *metadata) add(comment []byte, line int64, late bool, f *findings) {
	text := strings.TrimRight(strings.TrimPrefix(strings.TrimLeft(string(comment), " \t"), "#"), " \t\r")
	word := strings.TrimSpace(text)
	switch {
	case word == metadataStart && late:
		f.add(kindLostMetadata, line, "ir_metadata behind the first line with content are not kept; put them before it")
	case word == metadataStart && m.done:
		f.add(kindLostMetadata, line, "ir_metadata begin a second time here and are not kept; put all in one block")
	case late || m.done:
	case !m.in:
		if word == metadataStart {
			m.in, m.start = true, line
		}
	case word == metadataEnd:
		m.done = true
	default:
		m.b.WriteString(strings.TrimPrefix(text, " "))
		m.b.WriteByte('\n')
	}
}

// end returns what was found; "" where the end is missing, which it reports.
func (m *metadata) end(f *findings) string {
	if !m.done {
		if m.in {
			f.add(kindLostMetadata, m.start, "ir_metadata begin here and are not kept, because they have no end (# %s) before the first line with content", metadataEnd)
		}
		return ""
	}
	return m.b.String()
}

// WriteRun writes run as a TREC run file: queries in byte order, hits in the
// order of t with ranks from 1, scores in the shortest form that reads back as
// the same float, and the run's metadata in comments before. Equal runs give
// equal bytes. Ids and tag must not be empty or hold white space or NUL,
// rankings must pass [Ranking.Sorted].
func WriteRun(w io.Writer, run Run, t Ties) error {
	if err := checkField("tag", run.Tag); err != nil {
		return err
	}
	bw := bufio.NewWriter(w)
	if err := writeMetadata(bw, run.Metadata); err != nil {
		return err
	}
	var line []byte
	for _, id := range run.Queries() {
		if err := checkQueryID(id); err != nil {
			return err
		}
		sorted, err := run.Rankings[id].Sorted(t)
		if err != nil {
			return fmt.Errorf("query %q: %w", id, err)
		}
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

// writeMetadata writes the comments that [Run.Metadata] is read from.
func writeMetadata(w *bufio.Writer, text string) error {
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines {
		if strings.ContainsAny(line, "\x00\r") || strings.TrimSpace(line) == metadataEnd {
			return fmt.Errorf("metadata: the line %q cannot be written as a comment", line)
		}
	}
	fmt.Fprintf(w, "# %s\n", metadataStart) //nolint:errcheck // Flush tells
	for _, line := range lines {
		if line == "" {
			fmt.Fprintln(w, "#") //nolint:errcheck // Flush tells
		} else {
			fmt.Fprintf(w, "# %s\n", line) //nolint:errcheck // Flush tells
		}
	}
	_, err := fmt.Fprintf(w, "# %s\n", metadataEnd)
	return err
}

// WriteQrels writes judgments as a TREC qrels file, queries and documents in
// byte order. Ids must not be empty or hold white space or NUL, judgments must
// pass [Judgments.Check].
func WriteQrels(w io.Writer, qrels Qrels) error {
	bw := bufio.NewWriter(w)
	for _, id := range qrels.Queries() {
		if err := checkQueryID(id); err != nil {
			return err
		}
		if err := qrels[id].Check(); err != nil {
			return fmt.Errorf("query %q: %w", id, err)
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
