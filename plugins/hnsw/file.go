package hnsw

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/xlrun/xlrun/sdk/vec"
)

// graphFile is what Build writes: little-endian, one part after the other,
//
//	header     magic, version, and the numbers of struct header
//	kinds      a byte per row: the highest level of a node, or why it is none
//	copies     for each copy, in order of rows, the node that it repeats: uint32
//	aux        where the header says so, a float32 per row (see space)
//	counts     for each node, in order of rows, and each of its levels from 0 up,
//	           the length of its list: a byte
//	lists      the lists, in the same order: uint32 each
//	checksum   CRC-32C of everything before it: uint32
const graphFile = "graph.hnsw"

const (
	magic       = "XLHNSW\r\n" // a transfer as text changes it
	fileVersion = 1

	minM = 2
	maxM = 100 // 2m fits a byte
)

// header follows the magic.
type header struct {
	Version        uint32
	Similarity     uint32
	Rows, Dim      uint64
	M              uint32
	EfConstruction uint32
	Seed           int64
	Digest         [32]byte // SHA-256 of the documents' digest, where the host gave one
	Entry          int32
	HasAux         uint32
	Radius         float64
}

var (
	headerSize = len(magic) + binary.Size(header{})
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// digestOf is how a graph remembers the documents it was built over.
func digestOf(digest string) (d [32]byte) {
	if digest != "" {
		d = sha256.Sum256([]byte(digest))
	}
	return d
}

// write writes the graph. Equal graphs give equal bytes.
func (g *graph) write(w io.Writer) error {
	sum := crc32.New(castagnoli)
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	h := header{
		Version: fileVersion, Similarity: uint32(g.similarity), Rows: uint64(g.rows), Dim: uint64(g.dim),
		M: uint32(g.m), EfConstruction: uint32(g.efConstruction), Seed: g.seed,
		Digest: g.digest, Entry: g.entry, Radius: g.radius,
	}
	if g.aux != nil {
		h.HasAux = 1
	}
	b := append(make([]byte, 0, 1<<12), magic...)
	b, err := binary.Append(b, binary.LittleEndian, h)
	if err != nil {
		return err
	}
	// A bufio.Writer keeps its first error for Flush.
	put := func(v uint32) {
		b = binary.LittleEndian.AppendUint32(b[:0], v)
		_, _ = out.Write(b)
	}
	_, _ = out.Write(b)
	_, _ = out.Write(g.kind)
	for r, k := range g.kind {
		if k == kindCopy {
			put(uint32(g.copyOf[r]))
		}
	}
	for _, v := range g.aux {
		put(math.Float32bits(v))
	}
	g.lists(func(list []int32) { _ = out.WriteByte(byte(len(list))) })
	g.lists(func(list []int32) {
		for _, r := range list {
			put(uint32(r))
		}
	})
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

// lists calls f for the list of each node on each of its levels.
func (g *graph) lists(f func(list []int32)) {
	for r, k := range g.kind {
		if k > maxLevel {
			continue
		}
		for level := range int(k) + 1 {
			f(g.list(level, int32(r)))
		}
	}
}

func (g *graph) save(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(g.write(f), f.Close())
}

// load reads the graph of documents with the given shape.
func load(path string, rows, dim int) (*graph, error) {
	m, err := vec.MapFile(path)
	if err != nil {
		return nil, err
	}
	defer m.Close() //nolint:errcheck // read only
	b := m.Bytes()
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s: not the graph of an index: build it again", path)
	}
	if len(b) < headerSize+4 {
		return nil, fmt.Errorf("%s: truncated: build the index again", path)
	}
	if v := binary.LittleEndian.Uint32(b[len(magic):]); v != fileVersion {
		return nil, fmt.Errorf("%s: version %d of the format, want %d: build the index again", path, v, fileVersion)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("%s: truncated or damaged (the checksum differs): build the index again", path)
	}
	g, err := parse(body, rows, dim)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

var errDamaged = errors.New("damaged: build the index again")

// parse reads all but the checksum. Whatever it accepts can be walked.
func parse(b []byte, rows, dim int) (*graph, error) {
	var h header
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return nil, errDamaged
	}
	if _, err := binary.Decode(b[len(magic):], binary.LittleEndian, &h); err != nil {
		return nil, err
	}
	b = b[headerSize:]
	switch {
	case h.Rows != uint64(rows) || h.Dim != uint64(dim):
		return nil, fmt.Errorf("the index was built over %d×%d, the documents are %d×%d", h.Rows, h.Dim, rows, dim)
	case h.Version != fileVersion, h.Similarity > uint32(vec.L2), h.M < minM || h.M > maxM,
		h.EfConstruction < 1 || h.EfConstruction > math.MaxInt32, h.HasAux > 1,
		!(h.Radius >= 0 && h.Radius <= math.MaxFloat32):
		return nil, errDamaged
	}
	g := &graph{
		params: params{similarity: vec.Similarity(h.Similarity), m: int(h.M), efConstruction: int(h.EfConstruction), seed: h.Seed},
		rows:   rows, dim: dim, digest: h.Digest, entry: h.Entry, radius: h.Radius,
	}
	if rows > len(b) {
		return nil, errDamaged
	}
	g.kind, b = append([]uint8{}, b[:rows]...), b[rows:]
	copies, counts, nodes, top := 0, 0, 0, -1
	for _, k := range g.kind {
		switch {
		case k <= maxLevel:
			nodes++
			counts += int(k) + 1
			top = max(top, int(k))
		case k == kindCopy:
			copies++
		case k < kindCopy:
			return nil, errDamaged
		}
	}
	if g.entry < -1 || int(g.entry) >= rows || (g.entry < 0) != (nodes == 0) || nodes > 0 && int(g.kind[g.entry]) != top {
		return nil, errDamaged
	}
	if copies > 0 {
		if len(b) < 4*copies {
			return nil, errDamaged
		}
		g.copyOf = make([]int32, rows)
		for r, k := range g.kind {
			if k != kindCopy {
				continue
			}
			// The node comes first.
			f := binary.LittleEndian.Uint32(b)
			if uint64(f) >= uint64(r) || g.kind[f] > maxLevel {
				return nil, errDamaged
			}
			g.copyOf[r], b = int32(f), b[4:]
		}
	}
	if h.HasAux == 1 {
		if g.similarity == vec.InnerProduct || len(b) < 4*rows {
			return nil, errDamaged
		}
		g.aux = make([]float32, rows)
		for r := range g.aux {
			v := math.Float32frombits(binary.LittleEndian.Uint32(b[4*r:]))
			if !(v >= 0 && v <= 1<<101) { // see kindOf
				return nil, errDamaged
			}
			g.aux[r] = v
		}
		b = b[4*rows:]
	} else if g.similarity == vec.L2 {
		return nil, errDamaged
	}
	if len(b) < counts {
		return nil, errDamaged
	}
	lengths, b := b[:counts], b[counts:]
	g.allocate()
	for r, k := range g.kind {
		if k > maxLevel {
			continue
		}
		for level := range int(k) + 1 {
			room := g.room(level, int32(r))
			n := int(lengths[0])
			lengths = lengths[1:]
			if n > len(room) || 4*n > len(b) {
				return nil, errDamaged
			}
			for i := range n {
				to := binary.LittleEndian.Uint32(b[4*i:])
				if uint64(to) >= uint64(rows) || g.kind[to] > maxLevel || int(g.kind[to]) < level {
					return nil, errDamaged
				}
				room[i] = int32(to)
			}
			b = b[4*n:]
		}
	}
	if len(b) != 0 {
		return nil, errDamaged
	}
	return g, nil
}
