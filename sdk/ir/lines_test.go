package ir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadOddFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "x: the file holds no "},
		"only comments": {"# nothing\n", "x: the file holds no "},
		"a long line":   {"# first\n" + strings.Repeat("a", maxLine+1), "x:2: the line is longer than"},
		"many faults":   {strings.Repeat("x\n", maxFaults+7), "\nx: and 7 more"},
	} {
		_, errQ := ReadQrels(strings.NewReader(c.text), "x")
		_, errR := ReadRun(strings.NewReader(c.text), "x")
		for _, err := range []error{errQ, errR} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: want %q, got %v", name, c.want, err)
			}
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := ReadRun(iotest.ErrReader(broken), "x"); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "x:1: ") {
		t.Errorf("want the reader's error with its place, got %v", err)
	}
	if _, err := ReadQrels(iotest.ErrReader(broken), "x"); !errors.Is(err, broken) {
		t.Errorf("want the reader's error, got %v", err)
	}
}

// A query that is larger than a block grows it.
func TestBlocks(t *testing.T) {
	var b strings.Builder
	want := 0
	for q := range 20 {
		for d := range 1 + q*q*3 {
			fmt.Fprintf(&b, "q%d Q0 d%d 1 1 t\n", q, d)
			want++
		}
	}
	for _, size := range []int{1, 16, 100, 5000, 1 << 20} {
		br := newBlockReader(strings.NewReader("\ufeff"+b.String()), trecDialect, size)
		seen := map[string]bool{}
		lines := 0
		err := br.each(func(bl *lineBlock) error {
			if bl.base != int64(lines) {
				t.Errorf("size %d: the block begins after %d lines, got %d", size, lines, bl.base)
			}
			ids := map[string]bool{}
			for line := range bytes.Lines(bl.data) {
				lines++
				id, _, _ := strings.Cut(string(line), " ")
				ids[id] = true
			}
			for id := range ids {
				if seen[id] {
					t.Errorf("size %d: query %s is in two blocks", size, id)
				}
				seen[id] = true
			}
			return nil
		})
		if err != nil || lines != want || len(seen) != 20 {
			t.Errorf("size %d: want %d lines, got %d of %d queries, %v", size, want, lines, len(seen), err)
		}
	}
}

func TestLastQuery(t *testing.T) {
	for text, want := range map[string]int{
		"a Q0\n": 0, "a Q0\nb Q0\n": 5, "a 1\nb 1\nb 2\n": 4, "a 1\n# c\nb 1\n\n": 8, "b 1\n# c\nb 2\n": 0, "# c\n\n": 5, "ab 1\nac 1\nac 2\n": 5,
	} {
		if got := trecDialect.lastQuery([]byte(text)); got != want {
			t.Errorf("%q: want %d, got %d", text, want, got)
		}
	}
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestEndlessLine(t *testing.T) {
	src := Source{Name: "x.run", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("q Q0 d 1 1 t\n"), endless{})), nil
	}}
	_, err := (&Evaluator{Measures: streamMeasures(t)}).Stream(context.Background(), Qrels{"q": {"d": 1}}, src)
	if err == nil || !strings.HasPrefix(err.Error(), "x.run:2: the line is longer than") {
		t.Errorf("streamed: got %v", err)
	}
	if _, _, err = src.Run(); err == nil || !strings.HasPrefix(err.Error(), "x.run:2: the line is longer than") {
		t.Errorf("read: got %v", err)
	}
}
