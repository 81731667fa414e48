package ir

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReadRun(t *testing.T) {
	got, err := ReadRun(strings.NewReader("\ufeff# a comment\r\n"+
		"q1 Q0 d1 1 2.5 sys more junk\r\n"+
		"\n \t\n"+
		"  # another, indented\n"+
		"q2\tQ0\td1\t1\t-1e-3\tsys\n"+
		"q1 Q0 #d2 7 2.5\u00a0x? 3"), "x.run")
	if err == nil {
		t.Errorf("a score with a trailing non-breaking space was taken: %v", got)
	}
	got, err = ReadRun(strings.NewReader("\ufeff# a comment\r\n"+
		"q1 Q0 d1 1 2.5 sys more junk\r\n"+
		"\n \t\n"+
		"  # another, indented\n"+
		"q2\tQ0\td1\t1\t-1e-3\tsys\n"+
		"q1 \v\fQ0 #d\u00a02 rank inf last"), "x.run")
	if err != nil {
		t.Fatal(err)
	}
	want := Run{Tag: "last", Rankings: map[QueryID]Ranking{
		"q1": {{Doc: "d1", Score: 2.5}, {Doc: "#d\u00a02", Score: math.Inf(1)}},
		"q2": {{Doc: "d1", Score: -0.001, Rank: 1}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Every mistake is found, located and said at once.
func TestReadRunFaults(t *testing.T) {
	_, err := ReadRun(strings.NewReader(`q1 Q0 d1 1 2 t
q1 Q0 d2 2 1
q1 Q0 d3 3 abc t
q2 Q0 d1 1 2 t
q1 Q0 d4 4 NaN t
q1 Q0 d1 5 1 t
q1 Q0 d5 6 1e999 t
q1 Q0 d6 7 1.5x t
q1 Q0 d1 8 0 t
alone
q1 Q0 d`+"\x00"+`7 9 1 t
q1 Q0 d12 12 1_000 t
q1 Q0 d13 13 0x1p3 t
q1 Q0 d14 14 -nan t
q1 Q0 d15 15 123456789012345678901_0 t
`), "bad.run")
	want := `bad.run:2: want 6 fields (query, iteration, document, rank, score, tag), got 5
bad.run:3: the score must be a number, got "abc"
bad.run:5: the score is NaN, which has no place in a ranking
bad.run:6: document "d1" occurs twice for query "q1", first on line 1
bad.run:7: the score "1e999" is beyond the range of a 64-bit float
bad.run:8: the score must be a number, got "1.5x"
bad.run:9: document "d1" occurs twice for query "q1", first on line 1
bad.run:10: want 6 fields (query, iteration, document, rank, score, tag), got 1
bad.run:11: the line holds a NUL byte; is this a text file?
bad.run:12: the score must be a number, got "1_000"
bad.run:13: the score must be a number, got "0x1p3"
bad.run:14: the score is NaN, which has no place in a ranking
bad.run:15: the score must be a number, got "123456789012345678901_0"`
	var e *ReadError
	if !errors.As(err, &e) {
		t.Fatalf("want a *ReadError, got %v", err)
	}
	if diff := cmp.Diff(want, e.Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// writable reports whether ids that were read can be written: all but a byte
// order mark at the beginning of a query id.
func writable[V any](m map[QueryID]V) bool {
	for id := range m {
		if strings.HasPrefix(string(id), "\ufeff") {
			return false
		}
	}
	return true
}

func FuzzReadRun(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := ReadRun(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		if len(run.Rankings) == 0 {
			t.Fatal("a run without queries and without an error")
		}
		if !writable(run.Rankings) {
			return
		}
		var b bytes.Buffer
		if err := WriteRun(&b, run, Trec10); err != nil {
			t.Fatal(err)
		}
		again, err := ReadRun(bytes.NewReader(b.Bytes()), "written")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range run.Rankings {
			r.Sort(Trec10)
		}
		if diff := cmp.Diff(run, again, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Hit{}, "Rank")); diff != "" {
			t.Errorf("read, written, read: (-want +got)\n%s", diff)
		}
	})
}
