package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/xlrun/xlrun/internal/wire/pluginpb"
)

// Writer turns records into pieces of a content stream.
type Writer struct {
	send   func(data []byte) error
	buf    []byte
	digest hash.Hash
	count  uint64
	bytes  int64
}

// firstBuffer is room for the content of a small call.
const firstBuffer = 4 << 10

// NewWriter returns a Writer that hands full pieces to send, which may keep
// them.
func NewWriter(send func(data []byte) error) *Writer {
	return &Writer{send: send, digest: sha256.New()}
}

// Record adds one record. It counts as n: the vectors in it, or 1.
func (w *Writer) Record(m proto.Message, n int) error {
	size := proto.Size(m)
	if w.buf == nil {
		// Growing from nothing would copy most records several times.
		w.buf = make([]byte, 0, size+firstBuffer)
	}
	w.buf = protowire.AppendVarint(w.buf, uint64(size))
	var err error
	if w.buf, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(w.buf, m); err != nil {
		return err
	}
	w.count += uint64(n)
	return w.cut()
}

// Raw adds bytes that count as n.
func (w *Writer) Raw(b []byte, n int) error {
	w.buf = append(w.buf, b...)
	w.count += uint64(n)
	return w.cut()
}

func (w *Writer) cut() error {
	for len(w.buf) >= ChunkBytes {
		piece := w.buf[:ChunkBytes:ChunkBytes]
		rest := w.buf[ChunkBytes:]
		if len(rest) < ChunkBytes {
			rest = append(make([]byte, 0, ChunkBytes+ChunkBytes/4), rest...)
		}
		w.buf = rest
		if err := w.emit(piece); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) emit(piece []byte) error {
	w.digest.Write(piece)
	w.bytes += int64(len(piece))
	return w.send(piece)
}

// Flush sends what has gathered.
func (w *Writer) Flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	piece := w.buf
	w.buf = nil
	return w.emit(piece)
}

// Finish returns the last piece, which has not been sent, and the message that
// ends the stream.
func (w *Writer) Finish() ([]byte, *pluginpb.Done) {
	piece := w.buf
	w.buf = nil
	w.digest.Write(piece)
	w.bytes += int64(len(piece))
	return piece, &pluginpb.Done{Count: w.count, Sha256: w.digest.Sum(nil)}
}

// Bytes returns how many bytes of content have been sent.
func (w *Writer) Bytes() int64 { return w.bytes }

// Reader puts the pieces of a content stream together again.
type Reader struct {
	buf    []byte
	digest hash.Hash
	count  uint64
	bytes  int64
}

// NewReader returns an empty Reader.
func NewReader() *Reader { return &Reader{digest: sha256.New()} }

// Feed adds a piece, which the Reader keeps.
func (r *Reader) Feed(piece []byte) {
	if len(piece) == 0 {
		return
	}
	r.digest.Write(piece)
	r.bytes += int64(len(piece))
	if len(r.buf) == 0 {
		r.buf = piece
		return
	}
	r.buf = append(r.buf[:len(r.buf):cap(r.buf)], piece...)
}

// Next decodes the next record into m, or returns false if no whole record has
// come. The caller counts what it holds with Count.
func (r *Reader) Next(m proto.Message) (bool, error) {
	b, err := r.next()
	if b == nil || err != nil {
		return false, err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return false, fmt.Errorf("broken stream: %w", err)
	}
	return true, nil
}

// next takes out the bytes of the next record; nil if no whole one has come.
func (r *Reader) next() ([]byte, error) {
	size, n := protowire.ConsumeVarint(r.buf)
	if n < 0 {
		if len(r.buf) >= binary.MaxVarintLen64 {
			return nil, fmt.Errorf("broken stream: a record's length is not a varint")
		}
		return nil, nil
	}
	if size > MaxRecord {
		return nil, fmt.Errorf("broken stream: a record of %d bytes", size)
	}
	if uint64(len(r.buf)-n) < size {
		return nil, nil
	}
	end := n + int(size)
	b := r.buf[n:end:end]
	if r.buf = r.buf[end:]; len(r.buf) == 0 {
		r.buf = nil
	}
	return b, nil
}

// Take returns all bytes that have come, for streams without records.
func (r *Reader) Take() []byte {
	b := r.buf
	r.buf = nil
	return b
}

// Count says that n more have been read.
func (r *Reader) Count(n int) { r.count += uint64(n) }

// Bytes returns how many bytes of content have come.
func (r *Reader) Bytes() int64 { return r.bytes }

// Check compares what was read with what was sent.
func (r *Reader) Check(done *pluginpb.Done) error {
	switch {
	case len(r.buf) > 0:
		return fmt.Errorf("broken stream: %d bytes after the last record", len(r.buf))
	case done.GetCount() != r.count:
		return fmt.Errorf("short stream: want %d records, got %d", done.GetCount(), r.count)
	case !bytes.Equal(done.GetSha256(), r.digest.Sum(nil)):
		return fmt.Errorf("damaged stream: the content's digest is not the one sent")
	}
	return nil
}
