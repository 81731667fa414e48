package ir

import (
	"errors"
	"io"
	"math"
	"strconv"
)

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

const runFields = "query, iteration, document, rank, score, tag"

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
