package runner

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/sdk/ir"
	"github.com/xlrun/xlrun/sdk/ir/irfile"
)

// ExistingRun is a run that was made elsewhere, as its file has it.
type ExistingRun struct {
	Digest  cas.Digest // of the file as it lies
	Tag     string
	Queries []string     // sorted
	Deepest int          // the hits of the query that has most
	Found   []ir.Finding // what is odd about it

	path      string
	stamp     cas.Stamp // of the file when it was read for Digest
	src       ir.Source
	scattered bool                      // the lines of a query are not together
	whole     map[ir.QueryID]ir.Ranking // of small files; nil: the file is read again
}

// Runs are in memory as long as their files are small. Of others a few blocks
// are, so that memory does not grow with the file but with its queries, and with
// a part of it where their lines are not together.
const (
	wholeRun   = 8 << 20 // bytes of the file, packed or not
	runBlock   = 2 << 20 // of lines that are read at a time
	spillParts = 256
	spillBlock = 64 << 10
)

// ReadRun reads a file with a run, in any format that package irfile knows.
// Mistakes in it are an error that names file and lines.
func ReadRun(ctx context.Context, path string) (*ExistingRun, error) {
	return readRun(ctx, path, wholeRun)
}

func readRun(ctx context.Context, path string, whole int64) (*ExistingRun, error) {
	x := &ExistingRun{path: path}
	var err error
	if x.Digest, x.stamp, err = cas.SumFile(path); err != nil {
		return nil, err
	}
	if x.src, err = irfile.OpenRun(path); err != nil {
		return nil, err
	}
	if x.src.Size <= whole {
		err = x.read()
	} else {
		err = x.inspect(ctx)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(x.Queries)
	return x, x.unchanged()
}

// unchanged reports a file that is no longer what it was.
func (x *ExistingRun) unchanged() error {
	now, err := cas.StampOf(x.path)
	if err == nil && now != x.stamp {
		err = fmt.Errorf("%s was written to while it was read; run again", x.path)
	}
	return err
}

// read takes a run into memory.
func (x *ExistingRun) read() error {
	run, found, err := x.src.Run()
	if err != nil {
		return err
	}
	// A study keeps no metadata of a run, and misses none.
	found = slices.DeleteFunc(found, func(f ir.Finding) bool { return f.Kind == ir.KindLostMetadata })
	x.Tag, x.Found, x.whole = run.Tag, found, run.Rankings
	for id, r := range run.Rankings {
		x.Queries, x.Deepest = append(x.Queries, string(id)), max(x.Deepest, len(r))
	}
	return nil
}

// inspect looks at a run without keeping its hits.
func (x *ExistingRun) inspect(ctx context.Context) error {
	var first, last string
	hits := map[string]int{}
	errLines := x.lines(ctx, func(id, _ []byte) error {
		if string(id) != last {
			last = string(id)
			x.scattered = x.scattered || hits[last] > 0
		}
		if len(hits) == 0 {
			first = last
		}
		hits[last]++
		return nil
	})
	if len(hits) == 0 {
		return x.read() // no run; it says why
	}
	// What a stream finds beside judgments that do not matter is left out.
	e := ir.Evaluator{Ties: ir.Trec10}
	res, err := e.Stream(ctx, ir.Qrels{ir.QueryID(first): {nobody: 1}}, x.src)
	var bad *ir.ReadError
	if errors.As(err, &bad) {
		// The query that is judged may be in lines with mistakes only.
		bad.Faults = slices.DeleteFunc(bad.Faults, func(f ir.Fault) bool { return strings.HasPrefix(f.Text, "judgments and run have no query in common") })
	}
	if err == nil {
		err = errLines
	}
	if err != nil {
		return err
	}
	x.Tag, x.Found = res.Tag, own(res.Findings)
	for id, n := range hits {
		x.Queries, x.Deepest = append(x.Queries, id), max(x.Deepest, n)
	}
	return nil
}

// nobody is an id that no line can have.
const nobody = "\x00"

// own returns what can be found in a run by itself.
func own(found []ir.Finding) []ir.Finding {
	var out []ir.Finding
	for _, f := range found {
		switch f.Kind {
		case ir.KindUnjudgedQuery, ir.KindMissingQuery, ir.KindNoCommonDocuments, ir.KindLabelAsScore, ir.KindSimilarID:
			continue
		case ir.KindConstantScores: // how ties are broken is for whoever evaluates
			f.Text = strings.TrimSuffix(f.Text, "document ids decide the order") + "the tie mode decides the order"
		}
		out = append(out, f)
	}
	return out
}

// lines calls f for every line with content, with its first field. Both are
// valid until f returns, and the line ends with its end. A line beyond a
// megabyte ends it: such a file is refused by whoever parses it.
func (x *ExistingRun) lines(ctx context.Context, f func(id, line []byte) error) (err error) {
	r, err := x.src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	between := func(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
	sep := x.src.Separator
	if sep != 0 {
		between = func(c byte) bool { return c == sep || c == '\n' }
	}
	b := bufio.NewReaderSize(r, 2<<20)
	for n := 0; ; n++ {
		if n%10000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := b.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case err != nil && len(line) > 0:
			line = append(slices.Clip(line), '\n')
		case err != nil:
			return nil
		}
		if n == 0 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		start := 0
		for start < len(line) && between(line[start]) {
			start++
		}
		end := start
		for end < len(line) && !between(line[end]) {
			end++
		}
		if start < end && (sep != 0 || line[start] != '#') {
			if err := f(line[start:end], line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// Each calls f once for every query with its ranking, in no particular order.
// What it gets is valid until it returns.
func (x *ExistingRun) Each(ctx context.Context, f func(id string, r ir.Ranking) error) error {
	if x.whole != nil {
		for _, id := range x.Queries {
			if err := f(id, x.whole[ir.QueryID(id)]); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	each := x.grouped
	if x.scattered {
		each = x.spilled
	}
	if err := each(ctx, f); err != nil {
		return err
	}
	if err := x.unchanged(); err != nil {
		return inputError{err}
	}
	return nil
}

// parse reads lines of whole queries.
func (x *ExistingRun) parse(lines []byte, f func(id string, r ir.Ranking) error) error {
	src := x.src
	src.Progress, src.Size = nil, int64(len(lines))
	src.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(lines)), nil }
	run, _, err := src.Run()
	if err != nil {
		return inputError{err}
	}
	for _, id := range slices.Sorted(maps.Keys(run.Rankings)) {
		if err := f(string(id), run.Rankings[id]); err != nil {
			return err
		}
	}
	return nil
}

// grouped reads a file in which the lines of a query are together.
func (x *ExistingRun) grouped(ctx context.Context, f func(id string, r ir.Ranking) error) error {
	var last, block []byte
	err := x.lines(ctx, func(id, line []byte) error {
		if len(block) >= runBlock && !bytes.Equal(id, last) {
			if err := x.parse(block, f); err != nil {
				return err
			}
			block = block[:0]
		}
		last, block = append(last[:0], id...), append(block, line...)
		return nil
	})
	if err != nil || len(block) == 0 {
		return err
	}
	return x.parse(block, f)
}

// spilled reads any file: it spreads its lines by query over the parts of a
// temporary file, each small enough for memory.
func (x *ExistingRun) spilled(ctx context.Context, f func(id string, r ir.Ranking) error) (err error) {
	file, err := os.CreateTemp("", "xlrun-run-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	type chunk struct {
		at   int64
		size int
	}
	var (
		size   int64
		parts  [spillParts][]byte
		chunks [spillParts][]chunk
	)
	flush := func(i int) error {
		if len(parts[i]) == 0 {
			return nil
		}
		if _, err := file.WriteAt(parts[i], size); err != nil {
			return fmt.Errorf("sort the queries of a scattered file: %w", err)
		}
		chunks[i] = append(chunks[i], chunk{size, len(parts[i])})
		size, parts[i] = size+int64(len(parts[i])), parts[i][:0]
		return nil
	}
	err = x.lines(ctx, func(id, line []byte) error {
		h := fnv.New32a()
		_, _ = h.Write(id) // it never fails
		i := int(h.Sum32() % spillParts)
		parts[i] = append(parts[i], line...)
		if len(parts[i]) < spillBlock {
			return nil
		}
		return flush(i)
	})
	if err != nil {
		return err
	}
	for i := range parts {
		if err := flush(i); err != nil {
			return err
		}
		parts[i] = nil
	}
	for i := range chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		var lines []byte
		for _, c := range chunks[i] {
			lines = append(lines, make([]byte, c.size)...)
			if _, err := file.ReadAt(lines[len(lines)-c.size:], c.at); err != nil {
				return fmt.Errorf("sort the queries of a scattered file: %w", err)
			}
		}
		if len(lines) == 0 {
			continue
		}
		if err := x.parse(lines, f); err != nil {
			return err
		}
	}
	return nil
}
