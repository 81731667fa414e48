package subword

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"github.com/xlrun/xlrun/sdk/vec"
)

// spec is what determines the table before training, and how texts are cut.
type spec struct {
	Buckets int
	Dim     int
	Seed    int64
	MinN    int
	MaxN    int
}

// initialTable returns the table before training. Weight (r, i) depends on the
// seed, r, i and the width alone: word i of a stream of row r is cut into four
// numbers of 16 bits, whose sum, centred and scaled, is close to normal (an
// Irwin-Hall distribution: bounded by 3.5 standard deviations, kurtosis 2.7)
// with mean 0 and variance 1/Dim. Sums of integers, one product and one
// rounding give the same bits everywhere, which logarithms and cosines do not.
func initialTable(s spec, threads int) vec.Matrix {
	m := vec.NewMatrix(s.Buckets, s.Dim)
	// Each part has the variance (2^32-1)/12.
	scale := math.Sqrt(3 / (float64(s.Dim) * (1<<32 - 1)))
	parallel(threads, s.Buckets, 1024, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			rng := newStream(s.Seed, purposeTable, uint64(r))
			row := m.Row(r)
			for i := range row {
				w := rng.next()
				sum := int64(w&0xffff) + int64(w>>16&0xffff) + int64(w>>32&0xffff) + int64(w>>48)
				row[i] = float32(float64(sum-2*0xffff) * scale)
			}
		}
	})
	return m
}

// encodeRows writes the vector of a text with the given rows to dst: their
// sum, in order, divided by its length in float64 and rounded once. It returns
// the length, 0 for a text without features, whose vector is zero.
func encodeRows(dst []float32, table vec.Matrix, rows []uint32) float64 {
	clear(dst)
	vec.SumRows(dst, table, rows)
	// Four sums, because one would wait for itself. Squares are exact.
	var s0, s1, s2, s3 float64
	x := dst
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += float64(a * a)
		s1 += float64(b * b)
		s2 += float64(c * c)
		s3 += float64(d * d)
		x = x[4:]
	}
	for _, v := range x {
		a := float64(v)
		s0 += float64(a * a)
	}
	norm := math.Sqrt((s0 + s1) + (s2 + s3))
	if norm == 0 {
		return 0
	}
	for i, v := range dst {
		dst[i] = float32(float64(v) / norm)
	}
	return norm
}

// Names of the files of a model.
const (
	weightsFile = "model.safetensors"
	specFile    = "xlrun_subword.json"
	tensorName  = "embedding.weight"
)

// card is the content of xlrun_subword.json.
type card struct {
	Format   string       `json:"format"` // "xlrun_subword"
	Version  int          `json:"version"`
	Features featureCard  `json:"features"`
	Buckets  int          `json:"buckets"`
	Dim      int          `json:"dim"`
	Seed     int64        `json:"seed"`
	Training trainingCard `json:"training"`
}

type featureCard struct {
	Hash string `json:"hash"`
	Word bool   `json:"word"`
	MinN int    `json:"min_n"`
	MaxN int    `json:"max_n"`
}

// trainingCard says what the model has seen.
type trainingCard struct {
	Pairs        int            `json:"pairs"`
	Languages    map[string]int `json:"languages"`      // pairs with a text in the language
	LanguagePair map[string]int `json:"language_pairs"` // "deu-eng": query side, document side
	EmptyTexts   int            `json:"empty_texts"`    // sides without a feature
	Examples     int            `json:"examples"`       // pairs seen, repetitions counted
	Steps        int            `json:"steps"`
	BatchSize    int            `json:"batch_size"` // after clamping
	Temperature  float64        `json:"temperature"`
	LearningRate float64        `json:"learning_rate"`
	Warmup       float64        `json:"warmup"`
	Loss         []lossPoint    `json:"loss"`
}

// lossPoint is the mean loss of the examples since the point before.
type lossPoint struct {
	Examples int     `json:"examples"`
	Loss     float64 `json:"loss"`
}

func (s spec) card() card {
	return card{
		Format: "xlrun_subword", Version: 1,
		Features: featureCard{Hash: hashName, Word: true, MinN: s.MinN, MaxN: s.MaxN},
		Buckets:  s.Buckets, Dim: s.Dim, Seed: s.Seed,
	}
}

// saveModel writes a model into dir.
func saveModel(dir string, c card, table vec.Matrix) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, specFile), append(b, '\n'), 0o644); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, weightsFile))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<18)
	err = writeSafetensors(w, table)
	if err == nil {
		err = w.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// loadModel opens the model in dir and checks that it is one of spec s.
func loadModel(dir string, s spec) (vec.Matrix, error) {
	b, err := os.ReadFile(filepath.Join(dir, specFile))
	if err != nil {
		return vec.Matrix{}, err
	}
	var c card
	if err := json.Unmarshal(b, &c); err != nil {
		return vec.Matrix{}, fmt.Errorf("%s: %w", specFile, err)
	}
	want := s.card()
	c.Training = trainingCard{}
	if c.Format != want.Format || c.Version != want.Version || c.Features != want.Features ||
		c.Buckets != want.Buckets || c.Dim != want.Dim || c.Seed != want.Seed {
		return vec.Matrix{}, fmt.Errorf("%s: the model was made with other options (%d×%d, n-grams %d to %d, seed %d, hash %s): train it again",
			specFile, c.Buckets, c.Dim, c.Features.MinN, c.Features.MaxN, c.Seed, c.Features.Hash)
	}
	// The mapping lasts as long as the process, as the encoder does.
	m, err := vec.MapFile(filepath.Join(dir, weightsFile))
	if err != nil {
		return vec.Matrix{}, err
	}
	table, err := parseSafetensors(m.Bytes())
	if err != nil {
		return vec.Matrix{}, fmt.Errorf("%s: %w", weightsFile, err)
	}
	if table.Rows != s.Buckets || table.Dim != s.Dim {
		return vec.Matrix{}, fmt.Errorf("%s: want a table of %d×%d, got %d×%d", weightsFile, s.Buckets, s.Dim, table.Rows, table.Dim)
	}
	return table, nil
}

// The safetensors format: the length of the header in 8 bytes, a JSON header,
// the values. We pad the header with blanks so that the values are 64-byte aligned.
type tensorInfo struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

const maxTensorHeader = 1 << 20

func writeSafetensors(w io.Writer, m vec.Matrix) error {
	size := int64(m.Rows) * int64(m.Dim) * 4
	head, err := json.Marshal(map[string]tensorInfo{
		tensorName: {DType: "F32", Shape: []int{m.Rows, m.Dim}, Offsets: [2]int64{0, size}},
	})
	if err != nil {
		return err
	}
	for (8+len(head))%64 != 0 {
		head = append(head, ' ')
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(head)))); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	return writeFloats(w, m.Data)
}

func writeFloats(w io.Writer, x []float32) error {
	buf := make([]byte, 0, 1<<16)
	for part := range slices.Chunk(x, cap(buf)/4) {
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// parseSafetensors reads the table from the bytes of a file, sharing its
// memory where the machine allows.
func parseSafetensors(b []byte) (vec.Matrix, error) {
	if len(b) < 8 {
		return vec.Matrix{}, errors.New("truncated: no safetensors header")
	}
	n := binary.LittleEndian.Uint64(b)
	if n > maxTensorHeader {
		return vec.Matrix{}, fmt.Errorf("not a safetensors file, or a header of more than %d bytes", maxTensorHeader)
	}
	if uint64(len(b)-8) < n {
		return vec.Matrix{}, errors.New("truncated in the safetensors header")
	}
	head, body := b[8:8+n], b[8+n:]
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(head, &raw); err != nil {
		return vec.Matrix{}, fmt.Errorf("safetensors header: %w", err)
	}
	entry, ok := raw[tensorName]
	if !ok {
		return vec.Matrix{}, fmt.Errorf("no tensor %q", tensorName)
	}
	var t tensorInfo
	if err := json.Unmarshal(entry, &t); err != nil {
		return vec.Matrix{}, fmt.Errorf("tensor %q: %w", tensorName, err)
	}
	if t.DType != "F32" || len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] < 1 {
		return vec.Matrix{}, fmt.Errorf("tensor %q: want a matrix of F32, got %s %v", tensorName, t.DType, t.Shape)
	}
	rows, dim := t.Shape[0], t.Shape[1]
	if rows > math.MaxInt/4/dim {
		return vec.Matrix{}, fmt.Errorf("tensor %q: %d×%d does not fit in memory", tensorName, rows, dim)
	}
	size := int64(rows) * int64(dim) * 4
	lo, hi := t.Offsets[0], t.Offsets[1]
	if lo < 0 || hi > int64(len(body)) || hi-lo != size {
		return vec.Matrix{}, fmt.Errorf("tensor %q: want %d bytes, got [%d,%d) of %d", tensorName, size, lo, hi, len(body))
	}
	body = body[lo:hi]
	m := vec.Matrix{Rows: rows, Dim: dim}
	one := uint16(1)
	if p := unsafe.Pointer(&body[0]); *(*byte)(unsafe.Pointer(&one)) == 1 && uintptr(p)%4 == 0 {
		m.Data = unsafe.Slice((*float32)(p), rows*dim)
		return m, nil
	}
	m.Data = make([]float32, rows*dim)
	for i := range m.Data {
		m.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
	}
	return m, nil
}
