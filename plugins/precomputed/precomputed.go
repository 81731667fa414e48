// Package precomputed is the encoder "precomputed": vectors that were made
// elsewhere, looked up by the ids of the texts.
//
// It computes nothing and says nothing of what the vectors' maker has seen.
package precomputed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/vec"
)

// Component is the encoder "precomputed".
var Component = sdk.NewEncoder(sdk.Info{
	Name:     "precomputed",
	Revision: 1,
	Doc:      "Vectors from a .npy file (float32, float16 or bfloat16, one row per text), looked up by id.",
}, open)

type options struct {
	Vectors      string `xl:"vectors,required,path" doc:"The .npy file: a matrix with one row per text."`
	IDs          string `xl:"ids,required,path" doc:"The text file with the id of each row, one a line; of a line with tabs the first column counts."`
	QueryVectors string `xl:"query_vectors,path" doc:"Vectors for queries, where they differ from those of documents; then vectors is for documents."`
	QueryIDs     string `xl:"query_ids,path" doc:"The ids of query_vectors."`

	Params         int64 `xl:"params,min=0" doc:"Weights of the model that made the vectors, all of them; 0 when unknown."`
	ParamsNonEmbed int64 `xl:"params_non_embedding,min=0" doc:"Its weights outside the embedding table; 0 when unknown."`
}

// Validate asks for both files of the queries, or none.
func (o *options) Validate() error {
	switch {
	case o.QueryVectors != "" && o.QueryIDs == "":
		return sdk.At("Missing argument", `"query_vectors" needs "query_ids": the id of each of its rows.`, "query_vectors")
	case o.QueryVectors == "" && o.QueryIDs != "":
		return sdk.At("Missing argument", `"query_ids" needs "query_vectors": the vectors that it names.`, "query_ids")
	case o.ParamsNonEmbed > o.Params:
		return sdk.At("Contradicting arguments", fmt.Sprintf("A model of %d weights cannot have %d outside its embedding table.", o.Params, o.ParamsNonEmbed), "params_non_embedding")
	}
	return nil
}

type encoder struct {
	o         options
	documents *table
	queries   *table // documents where queries have no file of their own
}

var (
	_ sdk.Encoder = (*encoder)(nil)
	_ sdk.Sourcer = (*encoder)(nil)
)

func open(_ context.Context, o options, _ *sdk.Model) (sdk.Encoder, error) {
	d, err := load(o.Vectors, "vectors", o.IDs, "ids")
	if err != nil {
		return nil, err
	}
	e := &encoder{o: o, documents: d, queries: d}
	if o.QueryVectors == "" {
		return e, nil
	}
	if e.queries, err = load(o.QueryVectors, "query_vectors", o.QueryIDs, "query_ids"); err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	if q := e.queries.file.Dim; q != d.file.Dim {
		return nil, errors.Join(sdk.At("Different dimensions", fmt.Sprintf("Vectors of queries have %d columns, those of documents %d.", q, d.file.Dim), "query_vectors"), e.Close())
	}
	return e, nil
}

// Sources lists the files that the vectors come from.
func (e *encoder) Sources(context.Context) ([]sdk.Source, error) {
	out := []sdk.Source{{Name: "vectors", Path: e.o.Vectors}, {Name: "ids", Path: e.o.IDs}}
	if e.o.QueryVectors != "" {
		out = append(out, sdk.Source{Name: "query_vectors", Path: e.o.QueryVectors}, sdk.Source{Name: "query_ids", Path: e.o.QueryIDs})
	}
	return out, nil
}

// Info says what is known: the dimensions, and parameters where they were
// given.
func (e *encoder) Info() sdk.EncoderInfo {
	return sdk.EncoderInfo{Dim: e.documents.file.Dim, ParamsTotal: e.o.Params, ParamsNonEmbed: e.o.ParamsNonEmbed}
}

// Close releases the files.
func (e *encoder) Close() error {
	err := e.documents.file.Close()
	if e.queries != e.documents {
		err = errors.Join(err, e.queries.file.Close())
	}
	return err
}

// Encode looks texts up by their ids. A text that is empty gets the zero
// vector, whether or not there is one for its id.
func (e *encoder) Encode(ctx context.Context, role sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := e.table(role)
	dim := t.file.Dim
	out := &sdk.Embeddings{Dim: dim, Data: make([]float32, len(texts)*dim)}
	var missing []string
	for i, text := range texts {
		if text.Text == "" {
			continue
		}
		row, ok := t.rows[text.ID]
		if !ok {
			missing = append(missing, text.ID)
			continue
		}
		v := t.file.Row(row)
		for j, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return nil, fmt.Errorf("%s: column %d of row %d (id %q) is %v", t.vectors, j, row, text.ID, x)
			}
		}
		copy(out.Data[i*dim:], v)
	}
	if len(missing) > 0 {
		return nil, errors.New(t.lacks(role, missing, len(texts)))
	}
	return out, nil
}

// Lacking says at which argument what is wrong, where some of the texts with
// these ids have no vector. Encode says the same when it comes to them; whoever
// knows the ids earlier need not wait for it.
func (e *encoder) Lacking(role sdk.Role, ids []string) error {
	t := e.table(role)
	var missing []string
	for _, id := range ids {
		if _, ok := t.rows[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return sdk.At("Texts without vectors", t.lacks(role, missing, len(ids))+".", t.arg)
}

func (e *encoder) table(role sdk.Role) *table {
	if role == sdk.RoleQuery {
		return e.queries
	}
	return e.documents
}

func (t *table) lacks(role sdk.Role, missing []string, of int) string {
	return fmt.Sprintf("%d of %d texts (role %s) have no vector: their ids are not in %s, the first being %q; the first id there is %q", len(missing), of, role, t.ids, missing[0], t.first)
}

// table is a matrix whose rows have ids.
type table struct {
	vectors, ids string // paths
	arg          string // the argument that names ids
	file         *vec.File
	rows         map[string]int
	first        string // id, for messages
}

func load(vectors, vectorsArg, ids, idsArg string) (*table, error) {
	rows, err := readIDs(ids)
	if err != nil {
		return nil, sdk.At("Cannot read the ids", err.Error()+".", idsArg)
	}
	f, err := vec.OpenNPY(vectors)
	if err != nil {
		return nil, sdk.At("Cannot read the vectors", reason(err)+".", vectorsArg)
	}
	if f.Rows != len(rows) {
		return nil, errors.Join(sdk.At("Ids and vectors do not fit", fmt.Sprintf("%s has %d ids, %s has %d rows.", ids, len(rows), vectors, f.Rows), idsArg), f.Close())
	}
	if f.Dim == 0 {
		return nil, errors.Join(sdk.At("Cannot read the vectors", fmt.Sprintf("%s: its vectors have no columns.", vectors), vectorsArg), f.Close())
	}
	t := &table{vectors: vectors, ids: ids, arg: idsArg, file: f, rows: rows}
	for id, row := range rows {
		if row == 0 {
			t.first = id
		}
	}
	return t, nil
}

func readIDs(path string) (map[string]int, error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() { // opening a named pipe would wait for its writer
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.New(reason(err))
	}
	defer func() { _ = f.Close() }() // only read
	rows := map[string]int{}
	b := bufio.NewReader(f)
	for n := 0; ; n++ {
		line, err := b.ReadString('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
		if line == "" {
			if n == 0 {
				return nil, fmt.Errorf("%s: no ids in it", path)
			}
			return rows, nil
		}
		id, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if n == 0 {
			id = strings.TrimPrefix(id, "\ufeff")
		}
		before, twice := rows[id]
		switch {
		case id == "":
			return nil, fmt.Errorf("%s:%d: no id", path, n+1)
		case !utf8.ValidString(id):
			return nil, fmt.Errorf("%s:%d: not UTF-8", path, n+1)
		case twice:
			return nil, fmt.Errorf("%s:%d: id %q is also on line %d", path, n+1, id, before+1)
		}
		rows[id] = n
		if err == io.EOF {
			return rows, nil
		}
	}
}

// reason says what the system said, and about which path.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s: %v", filepath.Clean(p.Path), p.Err)
	}
	return err.Error()
}
