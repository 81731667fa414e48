package ir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

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

// Metadata are kept, or it is said that they are not.
func TestMetadata(t *testing.T) {
	const line, block = "q Q0 d 1 1 t\n", "# ir_metadata.start\n# platform:\n#   name: x\n#\n# ir_metadata.end\n"
	const kept = "platform:\n  name: x\n\n"
	long := strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 3000)
	for name, c := range map[string]struct{ text, want, finding string }{
		"none":                 {line, "", ""},
		"before":               {"# other\n" + block + "\n# other\n" + line, kept, ""},
		"an end only":          {"# ir_metadata.end\n" + line, "", ""},
		"large":                {"# ir_metadata.start\n" + long + "# ir_metadata.end\n" + line, strings.ReplaceAll(long, "# ", ""), ""},
		"no end":               {"# ir_metadata.start\n# a: b\n" + line, "", "x:1: warning: ir_metadata begin here and are not kept, because they have no end (# ir_metadata.end) before the first line with content [lost-metadata]"},
		"an end too late":      {"# x\n# ir_metadata.start\n# a: b\n" + line + "# ir_metadata.end\n", "", "x:2: warning: ir_metadata begin here and are not kept, because they have no end (# ir_metadata.end) before the first line with content [lost-metadata]"},
		"behind":               {line + block, "", "x:2: warning: ir_metadata behind the first line with content are not kept; put them before it [lost-metadata]"},
		"twice":                {block + block + line, kept, "x:6: warning: ir_metadata begin a second time here and are not kept; put all in one block [lost-metadata]"},
		"two runs in one file": {block + line + block + "r Q0 d 1 1 t\n" + block, kept, "x:7: warning: ir_metadata behind the first line with content are not kept; put them before it [lost-metadata, 2 times]"},
	} {
		run, findings, err := InspectRun(strings.NewReader(c.text), "x")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if run.Metadata != c.want {
			t.Errorf("%s: want %d bytes, got %d: %q", name, len(c.want), len(run.Metadata), short(run.Metadata))
		}
		if got := strings.Trim(fmt.Sprint(findings), "[]"); got != strings.TrimSuffix(c.finding, "]") {
			t.Errorf("%s: want the finding %q, got %q", name, c.finding, got)
		}
		// Evaluating keeps none, and does not mind.
		res, err := (&Evaluator{Measures: MustMeasures("AP")}).Stream(t.Context(), Qrels{"q": {"d": 1}, "r": {"d": 1}}, Source{Name: "x", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.text)), nil }})
		if err != nil || slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Kind == "lost-metadata" }) {
			t.Errorf("%s: evaluated: %v, %v", name, res, err)
		}
	}
}

func TestReadQrels(t *testing.T) {
	got, err := ReadQrels(strings.NewReader("#c\n301 0 a 1\r\n 302\tQ0  a -1 \n\n301 0 #b 02"), "x.qrels")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Qrels{"301": {"a": 1, "#b": 2}, "302": {"a": -1}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Files of many blocks give the same judgments in any order of lines, and
// faults between blocks are found where they are.
func TestReadQrelsOfManyBlocks(t *testing.T) {
	const queries, docs = 1000, 60
	grouped, scattered := make([]string, 0, queries*docs), make([]string, queries*docs)
	want := Qrels{}
	for q := range queries {
		judged := Judgments{}
		for d := range docs {
			doc := fmt.Sprintf("document-%d", d)
			line := fmt.Sprintf("query-%d 0 %s %d\n", q, doc, (q+d)%3)
			judged[DocID(doc)] = (q + d) % 3
			grouped = append(grouped, line)
			scattered[d*queries+q] = line
		}
		want[QueryID(fmt.Sprintf("query-%d", q))] = judged
	}
	halves := slices.Concat(grouped[:30*docs+7], grouped[31*docs:], grouped[30*docs+7:31*docs])
	for name, lines := range map[string][]string{"grouped": grouped, "scattered": scattered, "one query in two places": halves} {
		text := strings.Join(lines, "")
		if len(text) < 4*qrelsBlock {
			t.Fatalf("%d bytes are not enough blocks", len(text))
		}
		got, findings, err := InspectQrels(strings.NewReader(text), "x")
		if err != nil || len(findings) > 0 {
			t.Fatalf("%s: %v %v", name, findings, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		_, _, err = InspectQrels(strings.NewReader(text+"query-0 0 document-1 2\nquery-0 0 x y\nquery-5 0 document-4 2\nquery-5 0 x 1.5\n"), "x")
		wantErr := `x:60001: document "document-1" is judged twice for query "query-0", as 1 and as 2
x:60002: the grade must be a whole number, got "y"
x:60003: document "document-4" is judged twice for query "query-5", as 0 and as 2
x:60004: the grade must be a whole number, got "1.5"`
		if err == nil || err.Error() != wantErr {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, wantErr)
		}
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

func TestReadQrelsFaults(t *testing.T) {
	_, err := ReadQrels(strings.NewReader(`q1 0 d1 1
q1 0 d2
q1 0 d3 1.5
q1 0 d1 2
q1 0 d4 1 more
q1 0 d5 yes
q2 0 d1 99999999999999999999
q2 0 d2 1_0
q2 0 d3 0x1p3
q2 0 d4 1e1
q2 0 d5 inf
q2 0 d6 nan
q2 0 d7 1.50e0
q2 0 d8 .
`), "bad.qrels")
	want := `bad.qrels:2: want 4 fields (query, iteration, document, grade), got 3
bad.qrels:3: the grade must be a whole number, got "1.5"
bad.qrels:4: document "d1" is judged twice for query "q1", as 1 and as 2
bad.qrels:5: want 4 fields (query, iteration, document, grade), got more
bad.qrels:6: the grade must be a whole number, got "yes"
bad.qrels:7: the grade must be a whole number, got "99999999999999999999"
bad.qrels:8: the grade must be a whole number, got "1_0"
bad.qrels:9: the grade must be a whole number, got "0x1p3"
bad.qrels:10: the grade must be a whole number, got "1e1"
bad.qrels:11: the grade must be a whole number, got "inf"
bad.qrels:12: the grade must be a whole number, got "nan"
bad.qrels:13: the grade must be a whole number, got "1.50e0"
bad.qrels:14: the grade must be a whole number, got "."`
	if err == nil {
		t.Fatal("want an error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

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

func TestWriteRun(t *testing.T) {
	run := Run{Tag: "sys", Rankings: map[QueryID]Ranking{
		"q2":  {{Doc: "a", Score: 1}, {Doc: "b", Score: 1}, {Doc: "c", Score: 3}},
		"q10": {{Doc: "x", Score: 0.1}, {Doc: "y", Score: math.Copysign(0, -1)}, {Doc: "z", Score: 1e-300}, {Doc: "w", Score: 0.1 + 1e-12}},
	}}
	var b bytes.Buffer
	if err := WriteRun(&b, run, Trec10); err != nil {
		t.Fatal(err)
	}
	want := `q10 Q0 w 1 0.100000000001 sys
q10 Q0 x 2 0.1 sys
q10 Q0 z 3 1e-300 sys
q10 Q0 y 4 0 sys
q2 Q0 c 1 3 sys
q2 Q0 b 2 1 sys
q2 Q0 a 3 1 sys
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	if err := WriteRun(&b, run, Trec9); err != nil || !strings.HasPrefix(b.String(), "q10 Q0 x 1 0.1 sys\nq10 Q0 w 2 ") {
		t.Errorf("32-bit ties: got %v\n%s", err, &b)
	}
	if run.Rankings["q2"][0].Doc != "a" {
		t.Error("WriteRun sorted the caller's ranking")
	}
	b.Reset()
	ranked := Run{Tag: "sys", Rankings: map[QueryID]Ranking{
		"q1":       {{Doc: "a", Score: 1, Rank: 7}, {Doc: "b", Score: 2, Rank: 9}, {Doc: "c", Score: 3, Rank: 2}},
		"no-ranks": {{Doc: "b", Score: 1}, {Doc: "a", Score: 2}},
	}}
	if err := WriteRun(&b, ranked, Rank); err != nil || b.String() != "no-ranks Q0 b 1 1 sys\nno-ranks Q0 a 2 2 sys\nq1 Q0 c 1 3 sys\nq1 Q0 a 2 1 sys\nq1 Q0 b 3 2 sys\n" {
		t.Errorf("by rank: got %v\n%s", err, &b)
	}
}

func TestWriteRefuses(t *testing.T) {
	one := func(q QueryID, d DocID, score float64, tag string) Run {
		return Run{Tag: tag, Rankings: map[QueryID]Ranking{q: {{Doc: d, Score: score}}}}
	}
	for name, run := range map[string]Run{
		"no tag":          one("q", "d", 1, ""),
		"space in tag":    one("q", "d", 1, "my system"),
		"no query id":     one("", "d", 1, "t"),
		"space in query":  one("q 1", "d", 1, "t"),
		"comment query":   one("#q", "d", 1, "t"),
		"marked query":    one("\ufeffq", "d", 1, "t"),
		"newline in id":   one("q", "d\n1", 1, "t"),
		"NUL in id":       one("q", "d\x00", 1, "t"),
		"no document id":  one("q", "", 1, "t"),
		"NaN":             one("q", "d", math.NaN(), "t"),
		"document twice":  {Tag: "t", Rankings: map[QueryID]Ranking{"q": {{Doc: "d", Score: 1}, {Doc: "d", Score: 2}}}},
		"vertical tab id": one("q", "a\vb", 1, "t"),
	} {
		if err := WriteRun(&bytes.Buffer{}, run, Trec10); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	for name, r := range map[string]Ranking{
		"one rank twice": {{Doc: "b", Score: 2, Rank: 1}, {Doc: "a", Score: 1, Rank: 3}, {Doc: "c", Score: 1, Rank: 1}},
		"two without":    {{Doc: "b", Score: 2}, {Doc: "a", Score: 1, Rank: 1}, {Doc: "c", Score: 1}},
	} {
		run := Run{Tag: "t", Rankings: map[QueryID]Ranking{"q": r}}
		if err := WriteRun(&bytes.Buffer{}, run, Rank); err == nil || !strings.Contains(err.Error(), `query "q": documents "b" and "c" both have the rank `) {
			t.Errorf("%s: got %v", name, err)
		}
		if err := WriteRun(&bytes.Buffer{}, run, Trec10); err != nil {
			t.Errorf("%s, by score: %v", name, err)
		}
		// Measures refuse the same.
		if _, err := (&Evaluator{Measures: MustMeasures("AP"), Ties: Rank}).Query(Judgments{"a": 1}, r); err == nil {
			t.Errorf("%s: measures take it", name)
		}
	}
	for _, q := range []Qrels{{"a b": {"d": 1}}, {"q": {"a b": 1}}, {"#q": {"d": 1}}} {
		if err := WriteQrels(&bytes.Buffer{}, q); err == nil {
			t.Errorf("%v: want an error", q)
		}
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

func FuzzReadQrels(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		qrels, err := ReadQrels(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		if len(qrels) == 0 {
			t.Fatal("qrels without queries and without an error")
		}
		if !writable(qrels) {
			return
		}
		var b bytes.Buffer
		if err := WriteQrels(&b, qrels); err != nil {
			t.Fatal(err)
		}
		again, err := ReadQrels(bytes.NewReader(b.Bytes()), "written")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(qrels, again); diff != "" {
			t.Errorf("read, written, read: (-want +got)\n%s", diff)
		}
	})
}
