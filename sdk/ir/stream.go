package ir

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"
)

// Source is a run, or judgments, that can be read as often as needed.
type Source struct {
	Name string // stands for the source in findings and errors
	Size int64  // in bytes as Progress counts them; 0 where it is not known
	// Separator is the byte between fields; 0 stands for TREC's white space
	// and comments.
	Separator byte
	// Open starts at the beginning: lines of the six fields of a TREC run, or
	// of the four of judgments, not compressed. A reader that also has a method
	// Consumed() int64 tells with it how many of Size bytes have been used up.
	Open func() (io.ReadCloser, error)
	// Progress, where it is not nil, is told now and then how far reading is,
	// from one goroutine. It starts again where a source is read twice.
	Progress func(done, total int64)
}

const (
	// streamBlock is the usual size of a block in bytes.
	streamBlock = 1 << 20
	// spoolMemory bounds what a spool holds in memory, in bytes.
	spoolMemory = 32 << 20
	// spoolParts is the number of parts of a spool. One part of a spool is in
	// memory at a time.
	spoolParts = 256
)

// Stream evaluates a run as [Evaluator.Run] does and with the same values,
// whatever the number of workers, but reads it block by block: a query is
// dropped once it is evaluated, so that memory does not grow with the file but
// with the number of queries times measures and the largest query, whose lines
// may have 1 GiB. A file in which the lines of a query are not together is read
// a second time and spread over a temporary file by query; then memory grows
// with the file, too, by 1/256 of it.
//
// What is odd about the run, by itself and beside the judgments and in the tie
// mode in force, is in the result's Findings. Where that is [Rank], a rank that
// is no number or occurs twice is an error. Findings of the severity [Error] are returned as a
// [*ReadError] instead of a result.
func (e *Evaluator) Stream(ctx context.Context, qrels Qrels, run Source) (*RunResult, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if len(qrels) == 0 {
		return nil, errors.New("no query has judgments")
	}
	st := &stream{e: e, qrels: qrels, src: run, d: dialectOf(run.Separator)}
	err := st.straight(ctx)
	if errors.Is(err, errScattered) {
		st.runState = runState{}
		err = st.spooled(ctx)
	}
	if err != nil {
		return nil, err
	}
	return st.result()
}

// errScattered says that the lines of a query are not together.
var errScattered = errors.New("queries are scattered over the file")

type stream struct {
	e     *Evaluator
	qrels Qrels
	src   Source
	d     *dialect
	runState
}

// runState is what is known after all blocks.
type runState struct {
	f            findings
	tags         tagSet
	any          bool // the file has content
	lines        int64
	unterminated bool
	queries      []outcome
}

// outcome is what becomes of one query of the run.
type outcome struct {
	querySummary
	res QueryResult
	err error
}

// blockOutcome is what becomes of one block.
type blockOutcome struct {
	seq     int
	halves  bool // a query is there twice; what else is here means nothing then
	f       findings
	tags    tagSet
	any     bool
	queries []outcome
}

// job is a block on its way to a worker, in the seq-th place.
type job struct {
	seq   int
	block *lineBlock
}

// run hands the blocks that produce makes to workers and what they make of
// them to collect, in order. produce gets memory for a block by calling get
// and must hand every block to put. run does not wait for produce where ctx is
// done, as reading may block.
func (st *stream) run(ctx context.Context, produce func(ctx context.Context, get func() []byte, put func(*lineBlock) error) error, collect func(*blockOutcome) error) error {
	workers := st.e.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan []byte, 2*workers+1)
	for range cap(free) {
		free <- nil
	}
	jobs := make(chan job, workers)
	outcomes := make(chan *blockOutcome, workers)
	produced := make(chan error, 1)

	go func() {
		seq := 0
		err := produce(inner, func() []byte {
			select {
			case b := <-free:
				return b
			case <-inner.Done():
				return nil
			}
		}, func(b *lineBlock) error {
			select {
			case jobs <- job{seq, b}:
				seq++
				return nil
			case <-inner.Done():
				return inner.Err()
			}
		})
		close(jobs)
		produced <- err
	}()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			w := newStreamWorker(st)
			for j := range jobs {
				if inner.Err() != nil {
					return
				}
				o := w.evaluate(j)
				if cap(j.block.data) <= 8*streamBlock {
					free <- j.block.data
				} else {
					free <- nil
				}
				select {
				case outcomes <- o:
				case <-inner.Done():
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(outcomes)
	}()

	next, early := 0, map[int]*blockOutcome{}
	for {
		var o *blockOutcome
		var more bool
		select {
		case o, more = <-outcomes:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !more {
			break
		}
		early[o.seq] = o
		for o := early[next]; o != nil; o = early[next] {
			delete(early, next)
			next++
			if err := collect(o); err != nil {
				cancel()
				select {
				case <-produced: //nolint:errcheck // err came first; the source may be opened again now
				case <-ctx.Done():
				}
				return err
			}
		}
	}
	select {
	case err := <-produced:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read calls f for every block of the source, cut between queries.
func (st *stream) read(ctx context.Context, get func() []byte, f func(*lineBlock) error) (err error) {
	r, err := st.src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	consumed, counts := r.(interface{ Consumed() int64 })
	size := streamBlock
	if st.src.Size > 0 {
		// Enough blocks for all workers of a small file.
		size = min(size, max(64<<10, int(min(st.src.Size, 1<<40))/32))
	}
	br := newBlockReader(r, st.d, size)
	var bytes int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := br.next(get())
		if err == io.EOF { //nolint:errorlint // next returns it bare
			break
		}
		if err != nil {
			if err = ended(err, &st.f, br.lines, st.src.Name); err != nil {
				return err
			}
			break
		}
		bytes += int64(len(b.data))
		if st.src.Progress != nil && ctx.Err() == nil {
			done := bytes
			if counts {
				done = consumed.Consumed()
			}
			st.src.Progress(done, st.src.Size)
		}
		if err := f(b); err != nil {
			return err
		}
	}
	st.lines, st.unterminated = br.lines, br.unterminated
	return nil
}

// straight evaluates a file whose queries are together. Otherwise it returns
// errScattered as soon as it is known.
func (st *stream) straight(ctx context.Context) error {
	seen := map[string]struct{}{}
	var f findings
	err := st.run(ctx, func(ctx context.Context, get func() []byte, put func(*lineBlock) error) error {
		return st.read(ctx, get, put)
	}, func(o *blockOutcome) error {
		if o.halves {
			return errScattered
		}
		for i := range o.queries {
			id := o.queries[i].id
			seen[id] = struct{}{}
			if len(seen) != len(st.queries)+i+1 {
				return errScattered
			}
		}
		st.collect(o, &f)
		return nil
	})
	if err != nil {
		return err // and st may still be in use, see run
	}
	st.f.merge(&f)
	return nil
}

func (st *stream) collect(o *blockOutcome, f *findings) {
	f.merge(&o.f)
	st.tags.merge(&o.tags)
	st.any = st.any || o.any
	st.queries = append(st.queries, o.queries...)
}

// spooled evaluates a file in any order.
func (st *stream) spooled(ctx context.Context) error {
	sp := &spool{}
	defer sp.close()
	var buf []byte
	err := st.read(ctx, func() []byte { return buf }, func(b *lineBlock) error {
		buf = b.data
		return sp.spread(st.d, b)
	})
	if err == nil && sp.file != nil {
		err = sp.flush() // one part at a time is enough memory
		for i := range sp.parts {
			sp.parts[i].buf = nil
		}
	}
	if err != nil {
		return err
	}
	if st.src.Progress != nil {
		st.src.Progress(st.src.Size, st.src.Size)
	}
	var f, scattered findings
	err = st.run(ctx, func(ctx context.Context, get func() []byte, put func(*lineBlock) error) error {
		for i := range sp.parts {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := sp.gather(i, st, &scattered, get, put); err != nil {
				return err
			}
		}
		return nil
	}, func(o *blockOutcome) error {
		st.collect(o, &f)
		return nil
	})
	if err != nil {
		return err // and st may still be in use, see run
	}
	st.f.merge(&f)
	st.f.merge(&scattered)
	return nil
}

// result puts everything together.
func (st *stream) result() (*RunResult, error) {
	f := &st.f
	st.tags.report(f, st.unterminated, st.lines)
	if !st.any && !f.stops() {
		f.add(kindEmptyFile, 0, "the file holds no hits")
	}
	queries := make([]querySummary, len(st.queries))
	depth := 0
	for i := range st.queries {
		queries[i] = st.queries[i].querySummary
		depth = max(depth, queries[i].hits)
	}
	// The first of a kind is that of the first line, and blocks of a spool
	// come in another order.
	slices.SortFunc(queries, func(a, b querySummary) int { return int(a.line - b.line) })
	reportDepths(f, queries)
	if st.any {
		compareQueries(f, st.qrels, queries)
	}
	for _, m := range st.e.Measures {
		if c := m.Cutoff(); c > depth && depth > 0 && (st.e.Depth == 0 || c <= st.e.Depth) {
			f.add(kindShallowRun, 0, "%v looks at %d hits, but no query has more than %d", m, c, depth)
		}
	}
	if err := f.err(st.src.Name); err != nil {
		return nil, err
	}

	e := st.e
	res := &RunResult{Measures: e.Measures, Tag: st.tags.last(), Findings: f.list(st.src.Name)}
	for i := range st.queries {
		if o := &st.queries[i]; !o.judged {
			res.Unjudged = append(res.Unjudged, QueryID(o.id))
		}
	}
	slices.Sort(res.Unjudged)
	slices.SortFunc(st.queries, func(a, b outcome) int { return strings.Compare(a.id, b.id) })
	judged := st.qrels.Queries()
	res.Queries, res.PerQuery = make([]QueryID, 0, len(judged)), make([]QueryResult, 0, len(judged))
	at := 0
	for _, id := range judged {
		for at < len(st.queries) && st.queries[at].id < string(id) {
			at++
		}
		var o *outcome
		if at < len(st.queries) && st.queries[at].id == string(id) {
			o = &st.queries[at]
		} else {
			res.Missing = append(res.Missing, id)
			if e.RetrievedOnly {
				continue
			}
			r, err := e.Query(st.qrels[id], nil)
			if err != nil {
				return nil, fmt.Errorf("query %q: %w", id, err)
			}
			o = &outcome{res: r}
		}
		if o.err != nil {
			return nil, fmt.Errorf("query %q: %w", id, o.err)
		}
		res.Queries = append(res.Queries, id)
		res.PerQuery = append(res.PerQuery, o.res)
	}
	if len(res.Queries) == 0 {
		return nil, fmt.Errorf("none of the %d judged queries is in the run; do qrels and run use the same query ids?", len(st.qrels))
	}
	res.aggregate()
	return res, nil
}

// streamWorker evaluates the queries of blocks. Documents are views into a
// block: nothing is allocated for a hit.
type streamWorker struct {
	st      *stream
	p       *runParser
	c       *checker
	s       *scratch
	block   *lineBlock
	out     *blockOutcome
	id      []byte
	seen    map[string]struct{} // the queries of the block
	entries []entry
	lines   []int64
}

func newStreamWorker(st *stream) *streamWorker {
	w := &streamWorker{st: st, p: newRunParser(st.d, st.e.Ties), c: newChecker(nil, st.e.Ties), s: scratchPool.New().(*scratch), seen: map[string]struct{}{}}
	w.p.hit = w.hit
	return w
}

func (w *streamWorker) evaluate(j job) *blockOutcome {
	w.out = &blockOutcome{seq: j.seq}
	w.block, w.c.f = j.block, &w.out.f
	w.p.tags, w.p.any = tagSet{}, false
	clear(w.seen)
	w.p.parse(j.block, &w.out.f)
	w.finish()
	w.out.tags, w.out.any = w.p.tags, w.p.any
	clear(w.entries[:cap(w.entries)]) // the block's memory is used again
	return w.out
}

func (w *streamWorker) hit(query, doc []byte, rank int32, score float64, n int32) {
	if w.out.halves {
		return
	}
	if !bytes.Equal(query, w.id) {
		if _, twice := w.seen[string(query)]; twice {
			w.out.halves = true
			return
		}
		w.finish()
		w.id = query
	}
	w.entries = append(w.entries, entry{doc: DocID(stringOf(doc)), score: score, rank: rank, grade: unjudged})
	w.lines = append(w.lines, w.block.line(n))
}

// stringOf returns b as a string without a copy. It is valid as long as b does not
// change.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// finish evaluates the current query, if there is one.
func (w *streamWorker) finish() {
	if len(w.entries) == 0 {
		return
	}
	o := outcome{querySummary: querySummary{id: string(w.id), line: w.lines[0], hits: len(w.entries)}}
	w.seen[o.id] = struct{}{}
	judgments, judged := w.st.qrels[QueryID(o.id)]
	found := w.c.lookUp(o.id, w.entries, w.lines, judgments)
	w.c.order(o.id, w.entries, w.lines)
	if judged {
		w.c.against(&o.querySummary, w.entries, w.lines, judgments, found)
		// A ranking with faults has no values; nobody will see them either.
		if !w.out.f.stops() {
			o.res.Values = make([]float64, len(w.st.e.Measures))
			if o.err = w.s.judged.set(judgments); o.err == nil {
				o.err = w.st.e.evaluate(&w.s.judged, w.entries, w.s, &o.res)
			}
			if o.err != nil {
				// The text must not keep views.
				o.err = errors.New(strings.Clone(o.err.Error()))
			}
		}
	}
	w.out.queries = append(w.out.queries, o)
	w.entries, w.lines, w.id = w.entries[:0], w.lines[:0], nil
}

// spool spreads the lines of a file over parts by query: the lines of a query
// are in one part, in the file's order. Parts are in memory as long as they are
// small together, then in one temporary file.
type spool struct {
	parts  [spoolParts]spoolPart
	memory int
	file   *os.File
	size   int64
	buf    []byte
}

type spoolPart struct {
	buf    []byte
	chunks []spoolChunk
}

type spoolChunk struct {
	at   int64
	size int
}

// A record is lines that follow each other and are of one query, after a
// header: the number of the first line and the length of the lines in bytes.
const recordHeader = 16

// spread adds the lines of a block.
func (sp *spool) spread(d *dialect, b *lineBlock) error {
	data := b.data
	start, line, from := 0, b.base+1, b.base+1
	var id []byte
	for i := 0; i < len(data); {
		s, e := d.firstField(data, i)
		if s < e && (!d.comments || data[s] != '#') {
			if id == nil {
				id = data[s:e]
			} else if !bytes.Equal(id, data[s:e]) {
				sp.add(id, from, data[start:i])
				id, start, from = data[s:e], i, line
			}
		}
		i = e + bytes.IndexByte(data[e:], '\n') + 1
		line++
	}
	sp.add(id, from, data[start:])
	if sp.memory > spoolMemory {
		return sp.flush()
	}
	return nil
}

func (sp *spool) add(id []byte, line int64, lines []byte) {
	p := &sp.parts[maphash.Bytes(tableSeed, id)%spoolParts]
	p.buf = binary.LittleEndian.AppendUint64(p.buf, uint64(line))
	p.buf = binary.LittleEndian.AppendUint64(p.buf, uint64(len(lines)))
	p.buf = append(p.buf, lines...)
	sp.memory += recordHeader + len(lines)
}

// flush moves all parts to the temporary file.
func (sp *spool) flush() error {
	if sp.file == nil {
		f, err := os.CreateTemp("", "xlrun-run-*")
		if err != nil {
			return fmt.Errorf("sort the queries of a scattered file: %w", err)
		}
		sp.file = f
	}
	for i := range sp.parts {
		p := &sp.parts[i]
		if len(p.buf) == 0 {
			continue
		}
		if _, err := sp.file.WriteAt(p.buf, sp.size); err != nil {
			return fmt.Errorf("sort the queries of a scattered file: %w", err)
		}
		p.chunks = append(p.chunks, spoolChunk{sp.size, len(p.buf)})
		sp.size += int64(len(p.buf))
		p.buf = p.buf[:0]
	}
	sp.memory = 0
	return nil
}

// gather makes blocks of whole queries from part i and drops it.
func (sp *spool) gather(i int, st *stream, f *findings, get func() []byte, put func(*lineBlock) error) error {
	p := &sp.parts[i]
	data := sp.buf[:0]
	for _, c := range p.chunks {
		data = slices.Grow(data, c.size)
		if _, err := sp.file.ReadAt(data[len(data):len(data)+c.size], c.at); err != nil {
			return fmt.Errorf("sort the queries of a scattered file: %w", err)
		}
		data = data[:len(data)+c.size]
	}
	data = append(data, p.buf...)
	sp.buf = data
	*p = spoolPart{}

	type record struct {
		line  int64
		lines []byte
	}
	queries := map[string]int{}
	var records [][]record
	for len(data) > 0 {
		r := record{line: int64(binary.LittleEndian.Uint64(data))}
		size := binary.LittleEndian.Uint64(data[8:])
		r.lines = data[recordHeader : recordHeader+size]
		data = data[recordHeader+size:]
		id, _ := st.d.content(r.lines)
		q, ok := queries[string(id)]
		if !ok {
			q = len(records)
			queries[string(id)] = q
			records = append(records, nil)
		}
		records[q] = append(records[q], r)
	}
	var b *lineBlock
	var n int32
	flush := func() error {
		if b == nil {
			return nil
		}
		err := put(b)
		b, n = nil, 0
		return err
	}
	for _, rs := range records {
		if len(rs) > 1 {
			// Blocks of nothing but comments are of no query.
			if id, skipped := st.d.content(rs[1].lines); id != nil {
				f.add(kindScattered, rs[1].line+skipped, "the lines of query %q are not together", id)
			}
		}
		size := 0
		for _, r := range rs {
			size += len(r.lines)
		}
		if size > maxQuery {
			id, _ := st.d.content(rs[0].lines)
			return fmt.Errorf("query %q has more than %d MiB of lines", short(id), maxQuery>>20)
		}
		if b != nil && len(b.data)+size > cap(b.data) {
			if err := flush(); err != nil {
				return err
			}
		}
		if b == nil {
			buf := get()
			if cap(buf) < size {
				buf = make([]byte, 0, max(size, streamBlock))
			}
			b = &lineBlock{data: buf[:0], parts: []part{}}
			if st.unterminated {
				b.cut = st.lines
			}
		}
		for _, r := range rs {
			b.parts = append(b.parts, part{n: n + 1, file: r.line})
			n += int32(bytes.Count(r.lines, []byte{'\n'}))
			b.data = append(b.data, r.lines...)
		}
	}
	return flush()
}

func (sp *spool) close() {
	if sp.file != nil {
		sp.file.Close()           //nolint:errcheck,gosec // it is removed
		os.Remove(sp.file.Name()) //nolint:errcheck,gosec // a temporary file that is left is the system's
	}
}
