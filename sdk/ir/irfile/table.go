package irfile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// A table has one row for a hit or a judgment. Rows become the lines that
// package ir reads; line n is row n, so that findings name the right one.

// lineWriter makes lines of rows.
type lineWriter struct {
	shape  shape
	tag    string
	ranked bool // rows have ranks: one without is at fault
}

// row appends a row. A text that is missing leaves a line with too few fields.
func (w *lineWriter) row(to []byte, query, doc, rank, value string) ([]byte, error) {
	for _, s := range [...]string{query, doc, rank, value} {
		if i := strings.IndexAny(s, "\n\x1f"); i >= 0 {
			return to, fmt.Errorf("%q holds the byte %#x, which no run can", s, s[i])
		}
	}
	switch {
	case rank != "":
		w.ranked = true
	case w.ranked:
		rank = "none"
	default:
		rank = "0"
	}
	fields := []string{query, "Q0", doc, rank, value, w.tag}
	if w.shape == qrelsShape {
		fields = []string{query, "0", doc, value}
	}
	if query == "" || doc == "" || value == "" {
		fields = []string{"row"}
	}
	for i, f := range fields {
		if i > 0 {
			to = append(to, separator)
		}
		to = append(to, f...)
	}
	return append(to, '\n'), nil
}

// table is the lines of a table as a reader. next appends lines; io.EOF ends
// the table.
type table struct {
	file io.Closer
	w    *lineWriter
	next func(to []byte) ([]byte, error)
	buf  []byte
	at   int
	err  error
}

func newTable(file io.Closer, w *lineWriter, next func([]byte) ([]byte, error)) *table {
	return &table{file: file, w: w, next: next}
}

func (t *table) Read(p []byte) (int, error) {
	for t.at == len(t.buf) {
		if t.err != nil {
			return 0, t.err
		}
		t.at = 0
		t.buf, t.err = t.next(t.buf[:0])
	}
	n := copy(p, t.buf[t.at:])
	t.at += n
	return n, nil
}

func (t *table) Close() error { return t.file.Close() }

// Consumed is that of the file, see [ir.Source].
func (t *table) Consumed() int64 {
	if c, ok := t.file.(interface{ Consumed() int64 }); ok {
		return c.Consumed()
	}
	return 0
}

// column is what a column of a table holds.
type column int

const (
	queryColumn column = iota
	docColumn
	valueColumn
	rankColumn
	numColumns
)

// columnNames are the names that tables use, without hyphens and underscores.
var columnNames = map[string]column{
	"queryid": queryColumn, "qid": queryColumn, "query": queryColumn, "topic": queryColumn, "topicid": queryColumn,
	"corpusid": docColumn, "docid": docColumn, "docno": docColumn, "documentid": docColumn, "did": docColumn, "doc": docColumn,
	"score": valueColumn, "relevance": valueColumn, "rel": valueColumn, "grade": valueColumn, "label": valueColumn,
	"rank": rankColumn,
}

func columnOf(name string) (column, bool) {
	c, ok := columnNames[strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(name)))]
	return c, ok
}

// columns finds query, document and value among names: the index of each, -1
// for none. ok says that all three are there, err that two names mean the same.
func columns(names []string) (at [numColumns]int, ok bool, err error) {
	for i := range at {
		at[i] = -1
	}
	for i, name := range names {
		switch c, known := columnOf(name); {
		case !known:
		case at[c] < 0:
			at[c] = i
		case err == nil:
			err = fmt.Errorf("the columns %q and %q both name the %s; rename one", names[at[c]], name, [...]string{"query", "document", "score or grade", "rank"}[c])
		}
	}
	return at, at[queryColumn] >= 0 && at[docColumn] >= 0 && at[valueColumn] >= 0, err
}

// header tells whether a line names the columns of a TSV file.
func header(line string) (at [numColumns]int, ok bool, err error) {
	return columns(strings.Split(strings.TrimRight(line, "\r"), "\t"))
}

// maxLine bounds the length of a line, in bytes.
const maxLine = 16 << 20

// lines returns a function that returns the lines of a file, with their
// numbers, without their ends.
func lines(r io.Reader) func() (n int, line []byte, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 256<<10), maxLine)
	n := 0
	return func() (int, []byte, error) {
		n++
		if !sc.Scan() {
			err := sc.Err()
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("line %d is longer than %d bytes", n, maxLine)
			}
			if err == nil {
				err = io.EOF
			}
			return n, nil, err
		}
		line := sc.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		return n, line, nil
	}
}

func tsvRows(r io.Reader, w *lineWriter) func([]byte) ([]byte, error) {
	next := lines(r)
	var at [numColumns]int
	begun := false
	return func(to []byte) ([]byte, error) {
		_, line, err := next()
		if err != nil {
			return to, err
		}
		text := strings.TrimRight(string(line), "\r")
		if strings.TrimSpace(text) == "" {
			return append(to, '\n'), nil
		}
		if !begun {
			begun = true
			at, _, err = header(text)
			w.ranked = at[rankColumn] >= 0
			return append(to, '\n'), err
		}
		cells := strings.Split(text, "\t")
		var row [numColumns]string
		for c, i := range at {
			if i >= 0 && i < len(cells) {
				row[c] = cells[i]
			}
		}
		return w.row(to, row[queryColumn], row[docColumn], strings.TrimSpace(row[rankColumn]), strings.TrimSpace(row[valueColumn]))
	}
}

// detectJSON tells predictions from rows: the first value of predictions is an
// object.
func detectJSON(head []byte) format {
	dec := json.NewDecoder(bytes.NewReader(head))
	for range 2 { // the brace and the first key
		t, err := dec.Token()
		if err != nil {
			return jsonl
		}
		if t == json.Delim('}') {
			return predictions // without a query
		}
	}
	if t, err := dec.Token(); err == nil && t == json.Delim('{') {
		return predictions
	}
	return jsonl
}

func jsonlRows(r io.Reader, w *lineWriter) func([]byte) ([]byte, error) {
	next := lines(r)
	names := map[string]column{} // of the columns seen, numColumns for others
	return func(to []byte) ([]byte, error) {
		n, line, err := next()
		if err != nil {
			return to, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return append(to, '\n'), nil
		}
		var row [numColumns]string
		var taken [numColumns]bool
		take := func(name, value []byte) error {
			c, seen := names[string(name)]
			if !seen {
				var known bool
				if c, known = columnOf(string(name)); !known {
					c = numColumns
				}
				if len(names) < 1000 {
					names[string(name)] = c
				}
			}
			if c == numColumns {
				return nil
			}
			if taken[c] {
				return fmt.Errorf("line %d has two columns like %q", n, name)
			}
			taken[c] = true
			var err error
			if row[c], err = scalar(value); err != nil {
				return fmt.Errorf("line %d, %q: %w", n, name, err)
			}
			return nil
		}
		if plain, err := plainObject(line, take); err != nil {
			return to, err
		} else if !plain {
			if err := json.Unmarshal(line, &json.RawMessage{}); err != nil {
				return to, fmt.Errorf("line %d is no JSON object: %w", n, err)
			}
			if text := bytes.TrimLeft(line, " \t\r"); text[0] != '{' {
				return to, fmt.Errorf("line %d is no JSON object: %s", n, text[:min(len(text), 40)])
			}
			row, taken = [numColumns]string{}, [numColumns]bool{}
			if err := anyObject(line, take); err != nil {
				return to, err
			}
		}
		return w.row(to, row[queryColumn], row[docColumn], row[rankColumn], row[valueColumn])
	}
}

// plainObject calls take for the names and values of a JSON object and returns
// true if it holds nothing but texts without escapes and numbers, as most rows
// do. Otherwise encoding/json has to read it, and take was called for a part.
func plainObject(b []byte, take func(name, value []byte) error) (bool, error) {
	if !utf8.Valid(b) {
		return false, nil
	}
	i := 0
	blank := func() byte {
		for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
			i++
		}
		if i == len(b) {
			return 0
		}
		return b[i]
	}
	// text returns a text with its quotes.
	text := func() []byte {
		start := i
		for i++; i < len(b) && b[i] != '"'; i++ {
			if b[i] == '\\' || b[i] < ' ' {
				return nil
			}
		}
		if i == len(b) {
			return nil
		}
		i++
		return b[start:i]
	}
	if blank() != '{' {
		return false, nil
	}
	for i++; ; i++ {
		if blank() != '"' {
			return false, nil
		}
		name := text()
		if name == nil || blank() != ':' {
			return false, nil
		}
		i++
		var value []byte
		if blank() == '"' {
			value = text()
		} else {
			start := i
			for i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i] == '-' || b[i] == '+' || b[i] == '.' || b[i] == 'e' || b[i] == 'E') {
				i++
			}
			if value = b[start:i]; !json.Valid(value) {
				return false, nil
			}
		}
		if value == nil {
			return false, nil
		}
		if err := take(name[1:len(name)-1], value); err != nil {
			return false, err
		}
		switch blank() {
		case ',':
		case '}':
			i++
			blank()
			return i == len(b), nil
		default:
			return false, nil
		}
	}
}

// anyObject calls take for the names and values of a JSON object that is valid,
// in their order, a name that occurs twice twice.
func anyObject(b []byte, take func(name, value []byte) error) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil { // the brace
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		text, _ := name.(string) // names are texts
		if err := take([]byte(text), value); err != nil {
			return err
		}
	}
	return nil
}

// scalar returns a JSON text or number as text, "" for null.
func scalar(b json.RawMessage) (string, error) {
	switch {
	case bytes.Equal(b, []byte("null")):
		return "", nil
	case b[0] == '"':
		return jsonText(b)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		return string(b), nil
	}
	return "", fmt.Errorf("want a text or a number, got %s", b[:min(len(b), 40)])
}

// jsonText returns what a JSON text, which must be valid, says. Bytes that are
// not UTF-8 stay, as in every other format; encoding/json would put U+FFFD in
// their place and make one id of two. Half of a surrogate pair has no bytes and
// is refused.
func jsonText(quoted []byte) (string, error) {
	rest := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(rest, '\\') < 0 {
		return string(rest), nil
	}
	hex := func(b []byte) rune {
		n, _ := strconv.ParseUint(string(b), 16, 16) // the text is valid
		return rune(n)
	}
	text := make([]byte, 0, len(rest))
	for {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 {
			return string(append(text, rest...)), nil
		}
		text = append(text, rest[:i]...)
		escaped := rest[i+1]
		rest = rest[i+2:]
		switch escaped {
		case 'b':
			escaped = '\b'
		case 'f':
			escaped = '\f'
		case 'n':
			escaped = '\n'
		case 'r':
			escaped = '\r'
		case 't':
			escaped = '\t'
		case 'u':
			r := hex(rest[:4])
			rest = rest[4:]
			if utf16.IsSurrogate(r) {
				if !bytes.HasPrefix(rest, []byte(`\u`)) {
					return "", errSurrogate(quoted)
				}
				if r = utf16.DecodeRune(r, hex(rest[2:6])); r == utf8.RuneError {
					return "", errSurrogate(quoted)
				}
				rest = rest[6:]
			}
			text = utf8.AppendRune(text, r)
			continue
		}
		text = append(text, escaped)
	}
}

func errSurrogate(quoted []byte) error {
	return fmt.Errorf("%s holds half of a surrogate pair, which is no character; write the id as UTF-8", quoted[:min(len(quoted), 60)])
}

// recent keeps what was read from r from the offset keep on.
type recent struct {
	r    io.Reader
	buf  []byte // begins at the offset at
	at   int64
	keep int64
}

func (r *recent) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.buf = append(r.buf[:copy(r.buf, r.buf[r.keep-r.at:])], p[:n]...)
	r.at = r.keep
	return n, err
}

// to returns what lies between keep and an offset.
func (r *recent) to(end int64) []byte { return r.buf[r.keep-r.at : end-r.at] }

// predictionRows reads {query: {document: score}}, and MTEB's file, which has
// that for one subset and one split: {subset: {split: {query: …}}}, beside
// what describes the model.
func predictionRows(r io.Reader, w *lineWriter) func([]byte) ([]byte, error) {
	br := bufio.NewReader(r)
	if bom, _ := br.Peek(3); bytes.Equal(bom, []byte("\ufeff")) {
		br.Discard(3) //nolint:errcheck,gosec // they were peeked
	}
	raw := &recent{r: br}
	dec := json.NewDecoder(raw)
	dec.UseNumber()
	var path []string // of keys, without the current one
	var block string  // subset and split whose queries are read
	key, haveKey, done := "", false, false
	seen := map[string]bool{} // paths of objects
	fail := func(err error) error {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("byte %d: %w", dec.InputOffset(), err)
	}
	return func(to []byte) ([]byte, error) {
		for {
			raw.keep = dec.InputOffset()
			t, err := dec.Token()
			if done {
				if err == nil {
					return to, fail(errors.New("more follows the JSON object"))
				}
				if errors.Is(err, io.EOF) {
					return to, io.EOF
				}
				return to, fail(err)
			}
			if err != nil {
				return to, fail(err)
			}
			switch t := t.(type) {
			case json.Delim:
				switch t {
				case '{':
					if haveKey {
						path = append(path, key)
						haveKey = false
					}
					if len(path) > 3 {
						return to, fail(errors.New("objects are nested too deep for predictions"))
					}
					at := strings.Join(path, "\x00")
					if seen[at] {
						return to, fail(fmt.Errorf("%q occurs twice in the same object, of which some readers keep one and some the other; write it once", key))
					}
					seen[at] = true
				case '}':
					if len(path) == 0 {
						done = true
						continue
					}
					path = path[:len(path)-1]
				default:
					return to, fail(fmt.Errorf("predictions hold no array, got one for %q", key))
				}
				continue
			case string:
				if !haveKey {
					key, haveKey = t, true
					if strings.ContainsRune(t, utf8.RuneError) { // is it in the file?
						token := raw.to(dec.InputOffset())
						if key, err = jsonText(token[bytes.IndexByte(token, '"'):]); err != nil {
							return to, fail(err)
						}
					}
					if len(path) == 0 && key == "mteb_model_meta" {
						var skipped json.RawMessage
						if err := dec.Decode(&skipped); err != nil {
							return to, fail(err)
						}
						haveKey = false
					}
					continue
				}
				return to, fail(fmt.Errorf("the score of %q must be a number, got %q", key, t))
			case json.Number:
				haveKey = false
				var query string
				switch len(path) {
				case 1:
					query = path[0]
				case 3:
					query = path[2]
					if b := path[0] + "/" + path[1]; block != "" && b != block {
						return to, fail(fmt.Errorf("the file holds the predictions of %s and of %s; evaluate one at a time", block, b))
					}
					block = path[0] + "/" + path[1]
				default:
					return to, fail(fmt.Errorf("want {query: {document: score}}, got the number %s for %q", t, key))
				}
				if query == "" || key == "" {
					return to, fail(errors.New("a query or a document has an empty id"))
				}
				if to, err = w.row(to, query, key, "", t.String()); err != nil {
					return to, fail(err)
				}
				return to, nil
			default:
				return to, fail(fmt.Errorf("the score of %q must be a number, got %v", key, t))
			}
		}
	}
}

// parquetRows reads a Parquet file, which must be a file as it is not read
// from the beginning to the end. It takes r over, and closes it where it fails.
func parquetRows(r io.ReadCloser, w *lineWriter) (next func([]byte) ([]byte, error), closer io.Closer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged file: %v", p)
		}
	}()
	file, size, remove, err := seekable(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			remove()
		}
	}()
	// Before the last four bytes stands the length of what describes the
	// columns, as much as the library is about to take from the memory.
	end := make([]byte, 8)
	if size < 12 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	if _, err := file.ReadAt(end, size-8); err != nil {
		return nil, nil, err
	}
	if string(end[4:]) != "PAR1" {
		return nil, nil, io.ErrUnexpectedEOF
	}
	if n := int64(binary.LittleEndian.Uint32(end)); n > size-12 {
		return nil, nil, fmt.Errorf("damaged Parquet file: it is shorter than the %d bytes that describe its columns", n)
	}
	pf, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, nil, fmt.Errorf("%v", err) //nolint:errorlint // an end within a page is not that of the file
	}
	// Values know the number of their leaf; columns that are nested, as lists
	// are, are none of ours.
	leaves := pf.Schema().Columns()
	names := make([]string, len(leaves))
	for i, path := range leaves {
		if len(path) == 1 {
			names[i] = path[0]
		}
	}
	at, ok, err := columns(names)
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, nil, fmt.Errorf("want the columns query_id, doc_id and score (or relevance), got %s", strings.Join(names, ", "))
	}
	var unsigned [numColumns]bool
	for c, i := range at {
		if i >= 0 {
			if unsigned[c], err = checkParquetColumn(column(c), pf.Root().Column(names[i])); err != nil {
				return nil, nil, err
			}
		}
	}
	w.ranked = at[rankColumn] >= 0
	done := &parquetProgress{size: size, total: pf.NumRows(), remove: remove}
	groups := pf.RowGroups()
	var rows parquet.Rows
	buf := make([]parquet.Row, 256)
	next = func(to []byte) (out []byte, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("damaged Parquet file: %v", p)
			}
		}()
		out = to
		for len(out) == len(to) {
			if rows == nil {
				if len(groups) == 0 {
					if done.rows != done.total {
						return out, fmt.Errorf("damaged Parquet file: it should have %d rows, and %d can be read", done.total, done.rows)
					}
					return out, io.EOF
				}
				rows, groups = groups[0].Rows(), groups[1:]
			}
			n, err := rows.ReadRows(buf)
			done.rows += int64(n)
			for _, row := range buf[:n] {
				var cells [numColumns]string
				for _, v := range row {
					for c, i := range at {
						if v.Column() == i {
							cells[c] = parquetText(v, unsigned[c])
						}
					}
				}
				if out, err = w.row(out, cells[queryColumn], cells[docColumn], cells[rankColumn], cells[valueColumn]); err != nil {
					return out, err
				}
			}
			if errors.Is(err, io.EOF) || n == 0 && err == nil {
				err = rows.Close()
				rows = nil
			}
			if err != nil {
				return out, fmt.Errorf("read Parquet: %v", err) //nolint:errorlint // an end within a page is not that of the file
			}
		}
		return out, nil
	}
	return next, done, nil
}

// checkParquetColumn refuses a column whose values would be read as something
// else than they are, and tells whether its whole numbers are unsigned.
func checkParquetColumn(c column, p *parquet.Column) (unsigned bool, err error) {
	if p.Repeated() {
		return false, fmt.Errorf("column %q is a list", p.Name())
	}
	t, logical := p.Type(), ""
	if l := t.LogicalType(); l != nil {
		logical = l.String()
	}
	what := logical
	switch t.Kind() {
	case parquet.Int32, parquet.Int64:
		if logical == "" || strings.HasPrefix(logical, "INT(") {
			return strings.HasSuffix(logical, ",false)"), nil
		}
	case parquet.Float, parquet.Double:
		return false, nil
	case parquet.ByteArray:
		if !strings.HasPrefix(logical, "DECIMAL") {
			return false, nil
		}
	case parquet.FixedLenByteArray:
		isID := c == queryColumn || c == docColumn
		switch {
		case logical == "" && isID:
			return false, nil
		case logical == "" && t.Length() == 2:
			what = "16-bit float"
		}
	}
	return false, fmt.Errorf("column %q has the type %s, which is not read; write whole numbers or floats of 32 or 64 bits, or texts", p.Name(), cmp.Or(what, t.Kind().String()))
}

// parquetText returns a value as text, "" for null. Whole numbers have no
// decimals and no exponent, so that a grade may be a float.
func parquetText(v parquet.Value, unsigned bool) string {
	if v.IsNull() {
		return ""
	}
	switch v.Kind() {
	case parquet.Int32:
		if unsigned {
			return strconv.FormatUint(uint64(v.Uint32()), 10)
		}
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		if unsigned {
			return strconv.FormatUint(v.Uint64(), 10)
		}
		return strconv.FormatInt(v.Int64(), 10)
	case parquet.Float:
		return floatText(float64(v.Float()))
	case parquet.Double:
		return floatText(v.Double())
	}
	return string(v.ByteArray())
}

func floatText(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// parquetProgress is an open Parquet file of which some rows are read.
type parquetProgress struct {
	size, total, rows int64
	remove            func()
}

func (p *parquetProgress) Close() error {
	p.remove()
	return nil
}

// Consumed takes all rows for equally long.
func (p *parquetProgress) Consumed() int64 {
	return int64(float64(p.size) * float64(p.rows) / float64(max(p.total, 1)))
}

// seekable returns the content of r as a file: the file itself, or a
// temporary one.
func seekable(r io.ReadCloser) (file *os.File, size int64, remove func(), err error) {
	if s, ok := r.(*stack); ok && s.close == nil {
		if f, ok := s.file.(*os.File); ok {
			st, err := f.Stat()
			if err != nil {
				return nil, 0, nil, errors.Join(err, f.Close())
			}
			return f, st.Size(), func() { f.Close() }, nil //nolint:errcheck,gosec // nothing was written
		}
	}
	f, err := os.CreateTemp("", "xlrun-parquet-*")
	if err != nil {
		return nil, 0, nil, errors.Join(err, r.Close())
	}
	remove = func() {
		f.Close()           //nolint:errcheck,gosec // it is removed
		os.Remove(f.Name()) //nolint:errcheck,gosec // a temporary file that is left is the system's
	}
	size, err = io.Copy(f, r)
	if err = errors.Join(err, r.Close()); err != nil {
		remove()
		return nil, 0, nil, err
	}
	return f, size, remove, nil
}
