package subword

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// checkpoints keeps the state of a training in its work directory, so that a
// killed training goes on where it was. When one is written depends on the
// clock; what the training computes does not.
type checkpoints struct {
	path     string // "" keeps nothing
	identity string // digest of the table before training, the options and the pairs
	interval time.Duration
	last     time.Time
}

const checkpointMagic = "xlrun subword checkpoint 1\n"

func newCheckpoints(dir, identity string, interval time.Duration) *checkpoints {
	c := &checkpoints{identity: identity, interval: interval, last: time.Now()}
	if dir != "" {
		c.path = filepath.Join(dir, "subword.checkpoint")
	}
	return c
}

// due reports whether it is time for the next one.
func (c *checkpoints) due() bool { return c.path != "" && time.Since(c.last) >= c.interval }

// store replaces the checkpoint, atomically.
func (c *checkpoints) store(p *progress, l *learner) error {
	if c.path == "" {
		return nil
	}
	head, err := json.Marshal(struct {
		Identity string    `json:"identity"`
		Progress *progress `json:"progress"`
	}{c.identity, p})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), "subword.*.tmp")
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	h := sha256.New()
	buf := bufio.NewWriterSize(f, 1<<18)
	w := io.MultiWriter(buf, h)
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(head)))
	for _, part := range [][]byte{[]byte(checkpointMagic), size[:], head} {
		if err == nil {
			_, err = w.Write(part)
		}
	}
	for _, x := range [][]float32{l.table.Data, l.state} {
		if err == nil {
			err = writeFloats(w, x)
		}
	}
	if err == nil {
		_, err = buf.Write(h.Sum(nil))
	}
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write checkpoint: %w", err)
	}
	c.last = time.Now()
	return nil
}

// load restores the loss curve, the table and the state of the optimiser, and
// returns the number of steps they have behind them; 0 leaves all as it was.
// A checkpoint of another training, or a broken one, is ignored.
func (c *checkpoints) load(p *progress, l *learner) (int, error) {
	if c.path == "" {
		return 0, nil
	}
	f, err := os.Open(c.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read checkpoint: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	h := sha256.New()
	r := io.TeeReader(bufio.NewReaderSize(f, 1<<18), h)
	head := make([]byte, len(checkpointMagic)+8)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(checkpointMagic)]) != checkpointMagic {
		return 0, nil
	}
	n := binary.LittleEndian.Uint64(head[len(checkpointMagic):])
	if n > 1<<20 {
		return 0, nil
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil
	}
	var in struct {
		Identity string   `json:"identity"`
		Progress progress `json:"progress"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Identity != c.identity {
		return 0, nil
	}
	table, state := make([]float32, len(l.table.Data)), make([]float32, len(l.state))
	for _, x := range [][]float32{table, state} {
		if err := readFloats(r, x); err != nil {
			return 0, nil
		}
	}
	want := h.Sum(nil)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want) {
		return 0, nil
	}
	copy(l.table.Data, table)
	copy(l.state, state)
	// The sampler replays the steps and counts them again.
	steps := in.Progress.Steps
	*p = in.Progress
	p.Steps, p.Seen = 0, 0
	return steps, nil
}

func readFloats(r io.Reader, x []float32) error {
	buf := make([]byte, 1<<16)
	for len(x) > 0 {
		n := min(len(x), len(buf)/4)
		if _, err := io.ReadFull(r, buf[:4*n]); err != nil {
			return err
		}
		for i := range n {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(buf[4*i:]))
		}
		x = x[n:]
	}
	return nil
}

// A fingerprint tells one training from another.
type fingerprint struct{ h hash.Hash }

func newFingerprint(parts ...any) (fingerprint, error) {
	f := fingerprint{sha256.New()}
	b, err := json.Marshal(parts)
	f.add(string(b))
	return f, err
}

// add takes strings so that no two lists of strings are alike.
func (f fingerprint) add(parts ...string) {
	var n [8]byte
	for _, s := range parts {
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		_, _ = f.h.Write(n[:])
		_, _ = io.WriteString(f.h, s)
	}
}

func (f fingerprint) String() string { return fmt.Sprintf("%x", f.h.Sum(nil)) }
