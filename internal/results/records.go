package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// RecordsFormat names the layout of records.parquet, in its metadata under
// "xlrun.format".
const RecordsFormat = "xlrun.records/2"

const axisPrefix = "axis_"

// column is one flat column of records.parquet.
type column struct {
	name string
	typ  reflect.Type
	opts string // of the parquet tag
	get  func(*Record) parquet.Value
	set  func(*Record, parquet.Value) // numbers
	text func(*Record) *string        // texts
}

func (c column) kind() parquet.Kind {
	switch c.typ.Kind() {
	case reflect.Int32:
		return parquet.Int32
	case reflect.Int64:
		return parquet.Int64
	case reflect.Float64:
		return parquet.Double
	}
	return parquet.ByteArray
}

func text(name string, at func(*Record) *string) column {
	return column{
		name: name, typ: reflect.TypeFor[string](), opts: ",dict",
		get:  func(r *Record) parquet.Value { return textValue(*at(r)) },
		text: at,
	}
}

func integer32(name string, at func(*Record) *int32) column {
	return column{
		name: name, typ: reflect.TypeFor[int32](), opts: ",dict",
		get: func(r *Record) parquet.Value { return parquet.Int32Value(*at(r)) },
		set: func(r *Record, v parquet.Value) { *at(r) = v.Int32() },
	}
}

func integer64(name string, at func(*Record) *int64) column {
	return column{
		name: name, typ: reflect.TypeFor[int64](), opts: ",dict",
		get: func(r *Record) parquet.Value { return parquet.Int64Value(*at(r)) },
		set: func(r *Record, v parquet.Value) { *at(r) = v.Int64() },
	}
}

func number(name string, at func(*Record) *float64) column {
	return column{
		name: name, typ: reflect.TypeFor[float64](), opts: ",dict",
		get: func(r *Record) parquet.Value { return parquet.DoubleValue(*at(r)) },
		set: func(r *Record, v parquet.Value) { *at(r) = v.Double() },
	}
}

// textValue is the value of s, without a copy: the writer does not keep it.
func textValue(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// The columns in file order. Axes stand between before and after. All have
// dictionaries: records repeat themselves in every column.
var (
	before = []column{
		text("cell", func(r *Record) *string { return &r.Cell }),
		text("retrieval", func(r *Record) *string { return &r.Retrieval }),
		text("encoder", func(r *Record) *string { return &r.Encoder }),
		text("component", func(r *Record) *string { return &r.Component }),
		text("task", func(r *Record) *string { return &r.Task }),
		text("index", func(r *Record) *string { return &r.Index }),
	}
	after = []column{
		text("query_language", func(r *Record) *string { return &r.QueryLanguage }),
		text("corpus_language", func(r *Record) *string { return &r.CorpusLanguage }),
		integer32("pool_size", func(r *Record) *int32 { return &r.PoolSize }),
		integer64("pool_seed", func(r *Record) *int64 { return &r.PoolSeed }),
		text("query_id", func(r *Record) *string { return &r.QueryID }),
		text("measure", func(r *Record) *string { return &r.Measure }),
		number("value", func(r *Record) *float64 { return &r.Value }),
		integer32("rank", func(r *Record) *int32 { return &r.Rank }),
		text("lineage", func(r *Record) *string { return &r.Source }),
		text("training_set", func(r *Record) *string { return &r.TrainingSet }),
		text("training_languages", func(r *Record) *string { return &r.Subset }),
		integer32("diversity_richness", func(r *Record) *int32 { return &r.Richness }),
		number("diversity_hill1", func(r *Record) *float64 { return &r.Hill1 }),
		number("diversity_hill2", func(r *Record) *float64 { return &r.Hill2 }),
		integer32("pairs", func(r *Record) *int32 { return &r.Pairs }),
		integer64("examples", func(r *Record) *int64 { return &r.Examples }),
		text("pairing", func(r *Record) *string { return &r.Pairing }),
		integer64("params_total", func(r *Record) *int64 { return &r.ParamsTotal }),
		integer64("params_non_embedding", func(r *Record) *int64 { return &r.ParamsNonEmbed }),
		text("exposure", func(r *Record) *string { return &r.Exposure }),
	}
)

// columns lists the columns of records with the given axes. An axis that a
// cell does not depend on is null there.
func columns(axes []string) []column {
	out := slices.Clone(before)
	for _, a := range axes {
		out = append(out, column{
			name: axisPrefix + a, typ: reflect.TypeFor[string](), opts: ",optional,dict",
			get: func(r *Record) parquet.Value {
				if v, ok := r.Axes[a]; ok {
					return textValue(v).Level(0, 1, 0)
				}
				return parquet.Value{}
			},
		})
	}
	return append(out, after...)
}

func recordSchema(cols []column) (*parquet.Schema, error) {
	fields := make([]reflect.StructField, len(cols))
	seen := map[string]bool{}
	for i, c := range cols {
		if seen[c.name] || strings.ContainsAny(c.name, ",\"`\\") {
			return nil, fmt.Errorf("write records: bad or repeated column name %q", c.name)
		}
		seen[c.name] = true
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("F%d", i), Type: c.typ,
			Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s%s"`, c.name, c.opts)),
		}
	}
	row := reflect.New(reflect.StructOf(fields)).Interface()
	return parquet.NewSchema("record", parquet.SchemaOf(row)), nil
}

// groupRows bounds the records that a writer holds back, and a reader reads at
// once.
const groupRows = 1 << 17

// NewRecordWriter starts a file of records with one column per axis, in the
// given order. Rows are written in the order they come.
func NewRecordWriter(w io.Writer, axes []string) (*Writer[Record], error) {
	cols := columns(axes)
	schema, err := recordSchema(cols)
	if err != nil {
		return nil, err
	}
	opts := append(slices.Clone(writerOptions), schema, parquet.KeyValueMetadata("xlrun.format", RecordsFormat))
	pw := parquet.NewWriter(w, opts...)
	const batch = 512
	var (
		held int // rows in the open row group
		rows = make([]parquet.Row, 0, batch)
		free = make([]parquet.Row, 0, batch)
	)
	drain := func() error {
		_, err := pw.WriteRows(rows)
		if held += len(rows); err == nil && held >= groupRows {
			held = 0
			err = pw.Flush()
		}
		free = append(free, rows...)
		rows = rows[:0]
		return err
	}
	return &Writer[Record]{
		write: func(r Record) error {
			var row parquet.Row
			if n := len(free); n > 0 {
				row, free = free[n-1][:0], free[:n-1]
			}
			for i, c := range cols {
				v := c.get(&r)
				row = append(row, v.Level(0, v.DefinitionLevel(), i))
			}
			if rows = append(rows, row); len(rows) < batch {
				return nil
			}
			if err := drain(); err != nil {
				return fmt.Errorf("write records: %w", err)
			}
			return nil
		},
		close: func() error {
			if err := errors.Join(drain(), pw.Close()); err != nil {
				return fmt.Errorf("write records: %w", err)
			}
			return nil
		},
	}, nil
}

// EncodeRecords returns the file of records.
func EncodeRecords(records []Record, axes []string) ([]byte, error) {
	var out bytes.Buffer
	w, err := NewRecordWriter(&out, axes)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Records reads a file of records, a row group at a time. Records of one cell
// that stand together share Axes and Languages: do not change them.
func Records(path string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Record{}, fmt.Errorf("read records: %w", err))
			return
		}
		defer func() { _ = f.Close() }() // read only
		st, err := f.Stat()
		if err != nil {
			yield(Record{}, fmt.Errorf("read records: %w", err))
			return
		}
		file, err := openRecords(f, st.Size())
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, g := range file.RowGroups() {
			records, err := decodeGroup(file, g)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for i := range records {
				if !yield(records[i], nil) {
					return
				}
			}
		}
	}
}

// ReadRecords reads a whole file of records and the names of its axes, in
// order.
func ReadRecords(path string) (records []Record, axes []string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read records: %w", err)
	}
	return DecodeRecords(b)
}

// DecodeRecords is ReadRecords of the bytes of a file.
func DecodeRecords(b []byte) (records []Record, axes []string, err error) {
	file, err := openRecords(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	axes, records = axesOf(file), []Record{}
	for _, g := range file.RowGroups() {
		part, err := decodeGroup(file, g)
		if err != nil {
			return nil, nil, err
		}
		records = append(records, part...)
	}
	return records, axes, nil
}

func openRecords(r io.ReaderAt, size int64) (file *parquet.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("read records: damaged file: %v", p)
		}
	}()
	file, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	if f, ok := file.Lookup("xlrun.format"); ok && f != RecordsFormat {
		return nil, fmt.Errorf("read records: the file is in format %q, this xlrun reads %q", f, RecordsFormat)
	}
	return file, nil
}

// axesOf lists the axes of a file of records, in the order of their columns.
func axesOf(file *parquet.File) []string {
	var axes []string
	for _, path := range file.Schema().Columns() {
		if name, ok := strings.CutPrefix(path[0], axisPrefix); ok {
			axes = append(axes, name)
		}
	}
	return axes
}

// decodeGroup reads the records of one row group, column by column.
func decodeGroup(file *parquet.File, g parquet.RowGroup) (records []Record, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read records: damaged file: %v", p)
		}
		if err != nil {
			records = nil
		}
	}()
	records = make([]Record, g.NumRows())
	intern := interner{}
	for _, c := range slices.Concat(before, after) {
		var set func(row int, v parquet.Value)
		kind := parquet.ByteArray
		switch c.typ.Kind() {
		case reflect.String:
			set = func(row int, v parquet.Value) { *c.text(&records[row]) = intern.of(v.ByteArray()) }
		default:
			kind = c.kind()
			set = func(row int, v parquet.Value) { c.set(&records[row], v) }
		}
		if err := readColumn(file, g, c.name, kind, set); err != nil {
			return nil, err
		}
	}
	axes := axesOf(file)
	axisValues := make([][]string, len(axes))
	for k, name := range axes {
		vals := make([]string, len(records))
		err := readColumn(file, g, axisPrefix+name, parquet.ByteArray, func(row int, v parquet.Value) {
			if vals[row] = absent; !v.IsNull() {
				vals[row] = intern.of(v.ByteArray())
			}
		})
		if err != nil {
			return nil, err
		}
		axisValues[k] = vals
	}
	for i := range records {
		if i > 0 && sameAxes(axisValues, i-1, i) {
			records[i].Axes = records[i-1].Axes
			continue
		}
		m := make(map[string]string, len(axes))
		for k, name := range axes {
			if v := axisValues[k][i]; v != absent {
				m[name] = v
			}
		}
		records[i].Axes = m
	}
	for i := range records {
		switch r := &records[i]; {
		case i > 0 && r.Subset == records[i-1].Subset:
			r.Languages = records[i-1].Languages
		case r.Subset != "":
			r.Languages = strings.Fields(r.Subset)
		}
	}
	return records, nil
}

// absent stands for null among the values of an axis: no label can hold a NUL.
const absent = "\x00"

func sameAxes(values [][]string, i, j int) bool {
	return !slices.ContainsFunc(values, func(v []string) bool { return v[i] != v[j] })
}

// interner keeps one copy of each text: columns repeat few of them.
type interner map[string]string

func (in interner) of(b []byte) string {
	if s, ok := in[string(b)]; ok {
		return s
	}
	s := string(b)
	in[s] = s
	return s
}

// readColumn calls set with every value of a column of a row group and its row
// there. A column that is missing, of another kind or of the wrong length is
// an error.
func readColumn(file *parquet.File, g parquet.RowGroup, name string, kind parquet.Kind, set func(row int, v parquet.Value)) error {
	i := slices.IndexFunc(file.Schema().Columns(), func(path []string) bool { return path[0] == name })
	if i < 0 {
		return fmt.Errorf("read records: there is no column %q", name)
	}
	leaf, ok := file.Schema().Lookup(file.Schema().Columns()[i]...)
	if !ok || leaf.Node.Type().Kind() != kind {
		return fmt.Errorf("read records: column %q does not hold %v", name, kind)
	}
	row := -1
	buf := make([]parquet.Value, 1024)
	err := eachValue(g.ColumnChunks()[i].Pages(), buf, func(v parquet.Value) error {
		if v.RepetitionLevel() == 0 {
			row++
		}
		if int64(row) >= g.NumRows() {
			return errors.New("too many rows")
		}
		set(row, v)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read records: column %q: %w", name, err)
	}
	if int64(row+1) != g.NumRows() {
		return fmt.Errorf("read records: column %q has %d rows, want %d", name, row+1, g.NumRows())
	}
	return nil
}

func eachValue(pages parquet.Pages, buf []parquet.Value, f func(parquet.Value) error) error {
	defer func() { _ = pages.Close() }() // read only
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		vals := page.Values()
		for {
			n, err := vals.ReadValues(buf)
			for _, v := range buf[:n] {
				if err := f(v); err != nil {
					return err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		parquet.Release(page)
	}
}
