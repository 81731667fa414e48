package ir

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
