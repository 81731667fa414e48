package ir

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// planted is a run with judgments, healthy but for the faults that are put in.
type planted struct {
	qrels, run []string // lines, without their ends
	tail       string   // after the last end of line of the run
	ties       Ties
}

func (p *planted) line(format string, args ...any) {
	p.run = append(p.run, fmt.Sprintf(format, args...))
}

// healthy has queries q0 … q39 with ten hits each, of which one is relevant.
func healthy() *planted {
	p := &planted{}
	for q := range 40 {
		p.qrels = append(p.qrels, fmt.Sprintf("q%d 0 d%d 1", q, q), fmt.Sprintf("q%d 0 n%d 0", q, q))
		p.query(q, 10)
	}
	return p
}

func (p *planted) query(q, depth int) {
	for i := range depth {
		p.line("q%d Q0 d%d %d %v tag", q, q+i, i+1, 100.5-float64(i))
	}
}

// replace changes line i of query q.
func (p *planted) replace(q, i int, line string) { p.run[10*q+i] = line }

// findings evaluates the files.
func (p *planted) findings(t *testing.T) (found []Finding, err error) {
	t.Helper()
	qrels, fromQrels, err := InspectQrels(strings.NewReader(strings.Join(p.qrels, "\n")), "x.qrels")
	if err != nil {
		return fromQrels, err
	}
	m, err := ParseMeasure("nDCG@10")
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&Evaluator{Measures: []Measure{m}, Ties: p.ties}).Stream(context.Background(), qrels, textSource(strings.Join(p.run, "\n")+"\n"+p.tail))
	if err != nil {
		bad, ok := err.(*ReadError) //nolint:errorlint // Stream returns it bare
		if !ok {
			return fromQrels, err
		}
		return append(fromQrels, bad.Findings...), err
	}
	return append(fromQrels, res.Findings...), nil
}

func names(list []Finding) []string {
	m := map[string]bool{}
	for _, f := range list {
		m[f.Kind] = true
	}
	return slices.Sorted(maps.Keys(m))
}

// TestHealthy guards the others: what is reported there was planted.
func TestHealthy(t *testing.T) {
	found, err := healthy().findings(t)
	if err != nil || len(found) > 0 {
		t.Errorf("want nothing, got %v, %v", found, err)
	}
}

// A run and its judgments with 28 kinds of faults yield 28 named findings, all of them
// together, each with its place.
func TestPlantedFaults(t *testing.T) {
	p := healthy()
	p.replace(0, 3, "q0 Q0 d3 4 97.5")                                     // 4
	p.replace(1, 3, "q1 Q0 d4 4 high tag")                                 // 14
	p.replace(2, 3, "q2 Q0 d5 4 nan tag")                                  // 24
	p.replace(3, 0, "q3 Q0 d3 1 inf tag")                                  // 31
	p.replace(4, 3, "q4 Q0 d4 4 97.5 tag")                                 // 44: d4 is also on line 41
	p.replace(5, 3, "q5 Q0 d8 4 1e999 tag")                                // 54
	p.replace(6, 3, "q6 Q0 d9 four 97.5 tag")                              // 64
	p.replace(7, 3, "q7 Q0 d10 3 97.5 tag")                                // 74: rank 3 is also on line 73
	p.replace(8, 9, "q8 Q0 d17 12 91.5 tag")                               // 81: ranks 10 and 11 are missing
	p.replace(9, 3, "q9 Q0 d12 4 99 tag")                                  // 94: more than on rank 3
	p.replace(10, 3, "q10 Q0 d13 4 97.5 other")                            // 104
	p.replace(11, 3, "q11 Q0 d\xff 4 97.5 tag")                            // 114
	p.replace(12, 3, "q12 Q0 d\x00 4 97.5 tag")                            // 124
	p.replace(13, 0, "q13 Q0 q13 1 100.5 tag")                             // 131
	p.replace(15, 3, "q15 Q0 "+strings.Repeat("d", maxLine)+" 4 97.5 tag") // 154
	for i := range 10 {
		p.replace(14, i, fmt.Sprintf("q14 Q0 d%d %d 1 tag", 14+i, i+1))                  // 141: constant
		p.replace(16, i, fmt.Sprintf("q16 Q0 d%d %d %v tag", 16+i, i+1, 0.5+float64(i))) // 161: ascending
		p.replace(17, i, fmt.Sprintf("q17 Q0 d%d %d %d tag", 17+i, i+1, max(0, 1-i)))    // 171: the labels
		p.replace(18, i, fmt.Sprintf("Q018 Q0 d%d %d %v tag", 18+i, i+1, 100-i))         // 181: similar, unjudged, missing
	}
	p.line("q0 Q0 d77 11 1 tag")             // 401: scattered
	p.line("q40 Q0 d40 1 1.5 tag")           // 402: two hits only
	p.qrels = append(p.qrels, "q40 0 d40 1", // 81
		"q40 0 d41 -1",  // 82: negative
		"q40 0 d41 -1",  // 83: judged twice
		"q41 0 d41 0",   // 84: without a relevant document, and missing
		"q40 0 d42 1.0", // 85: decimal
	)
	p.tail = "q40 Q0 d43 2 0" // 403: no end

	want := map[string]string{
		"few-fields": "x.run:4", "bad-score": "x.run:14", "nan-score": "x.run:24", "infinite-score": "x.run:31",
		"duplicate-document": "x.run:44", "score-range": "x.run:54", "bad-rank": "x.run:64", "duplicate-rank": "x.run:74",
		"missing-rank": "x.run:1" /* line 4 is no hit */, "rank-order": "x.run:94", "several-tags": "x.run:104", "invalid-utf8": "x.run:114",
		"nul-byte": "x.run:124", "identical-id": "x.run:131", "constant-scores": "x.run:141", "long-line": "x.run:154",
		"ascending-scores": "x.run:161", "label-as-score": "x.run:171", "similar-id": "x.run:181", "unjudged-query": "x.run:181",
		"missing-query": "x.run:0", "scattered-queries": "x.run:401", "uneven-depth": "x.run:402", "truncated-line": "x.run:403",
		"negative-grade": "x.qrels:82", "judged-twice": "x.qrels:83", "no-relevant": "x.qrels:84", "decimal-grade": "x.qrels:85",
	}
	found, err := p.findings(t)
	if err == nil {
		t.Error("want an error")
	}
	got := map[string]string{}
	for _, f := range found {
		if _, twice := got[f.Kind]; twice {
			t.Errorf("%s is reported twice", f.Kind)
		}
		got[f.Kind] = fmt.Sprintf("%s:%d", f.File, f.Line)
		t.Log(short(f.String()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Every kind is found, alone where it can be.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(p *planted)
		want  string
		first string // "file:line" or ""
		count int
	}{
		"empty":          {func(p *planted) { p.run = nil }, "empty-file", "x.run", 1},
		"empty qrels":    {func(p *planted) { p.qrels = nil }, "empty-file", "x.qrels", 1},
		"truncated tag":  {func(p *planted) { p.tail = "q39 Q0 d70 11 1 ta" }, "truncated-line", "x.run:401", 1},
		"truncated line": {func(p *planted) { p.tail = "q39 Q0 d70 11" }, "truncated-line", "x.run:401", 1},
		"two tags at the end": {func(p *planted) {
			p.replace(39, 9, "q39 Q0 d48 10 91.5 ta")
			p.tail = "q39 Q0 d70 11 1 ta"
		}, "several-tags", "x.run:400", 2},
		"a quarter of the hits": {func(p *planted) { p.run = p.run[:393] }, "", "", 0},
		"less than a quarter":   {func(p *planted) { p.run = p.run[:392] }, "uneven-depth", "x.run:391", 1},
		"too large a grade":     {func(p *planted) { p.qrels[1] = "q0 0 x 1000000001" }, "bad-grade", "x.qrels:2", 1},
		"own id further down":   {func(p *planted) { p.replace(13, 3, "q13 Q0 q13 4 97.5 tag") }, "", "", 0},
		"blank in an id":        {func(p *planted) { p.replace(2, 3, "q2 Q0 d 5 4 97.5 tag") }, "duplicate-rank several-tags text-after-tag", "x.run:25", 3},
		"after the tag": {func(p *planted) {
			p.replace(2, 3, "q2 Q0 d5 4 97.5 tag more")
			p.replace(2, 4, "q2 Q0 d6 5 96.5 tag\rq2 Q0 d7 6 95.5 tag")
			p.replace(2, 5, "q2 Q0 d7 6 95.5 tag \r")
		}, "text-after-tag", "x.run:24", 2},
		"200 tags": {func(p *planted) {
			for i := range 200 {
				p.replace(i/10, i%10, fmt.Sprintf("q%d Q0 d%d %d %v tag%d", i/10, i/10+i%10, i%10+1, 100-i%10, i))
			}
		}, "several-tags", "x.run:2", 399},
		"whole last line":    {func(p *planted) { p.tail = "q39 Q0 d70 11 1 tag" }, "", "", 0},
		"extra field":        {func(p *planted) { p.qrels[3] += " x" }, "extra-fields", "x.qrels:4", 1},
		"grade":              {func(p *planted) { p.qrels[1] = "q0 0 x yes" }, "bad-grade", "x.qrels:2", 1},
		"huge grade":         {func(p *planted) { p.qrels[1] = "q0 0 x 1e300" }, "bad-grade", "x.qrels:2", 1},
		"float grade":        {func(p *planted) { p.qrels[1] = "q0 0 x 1.5" }, "float-grade", "x.qrels:2", 1},
		"conflict":           {func(p *planted) { p.qrels[1] = "q0 0 d0 0" }, "conflicting-grades", "x.qrels:2", 1},
		"judged twice":       {func(p *planted) { p.qrels[1] = "q0 0 d0 1" }, "judged-twice", "x.qrels:2", 1},
		"no relevant":        {func(p *planted) { p.qrels[0] = "q0 0 d0 -1" }, "negative-grade no-relevant", "x.qrels:1", 2},
		"other query ids":    {func(p *planted) { p.rename("q", "topic-") }, "missing-query no-common-queries unjudged-query", "x.run:1", 81},
		"other document ids": {func(p *planted) { p.rename("Q0 d", "Q0 doc") }, "no-common-documents", "x.run:1", 40},
		"capital documents":  {func(p *planted) { p.rename("Q0 d", "Q0 D00") }, "no-common-documents similar-id", "x.run:1", 80},
		"constant":           {func(p *planted) { p.scores(func(int) float64 { return 1 }) }, "constant-scores", "x.run:1", 40},
		"distances":          {func(p *planted) { p.scores(func(i int) float64 { return float64(i) }) }, "ascending-scores", "x.run:1", 40},
		"labels":             {func(p *planted) { p.scores(func(i int) float64 { return float64(max(0, 1-i)) }) }, "label-as-score", "x.run:1", 40},
		"ranks from 0": {func(p *planted) {
			for i := range p.run {
				p.run[i] = fmt.Sprintf("q%d Q0 d%d %d %d tag", i/10, i/10+i%10, i%10, 10-i%10)
			}
		}, "", "", 0},
		"no ranks": {func(p *planted) {
			for i := range p.run {
				p.run[i] = fmt.Sprintf("q%d Q0 d%d 0 %d tag", i/10, i/10+i%10, 10-i%10)
			}
		}, "", "", 0},
		"only the gold": {func(p *planted) {
			p.run = nil
			for q := range 40 {
				p.line("q%d Q0 d%d 1 1 tag", q, q)
			}
		}, "label-as-score shallow-run", "x.run:1", 41},
		"shallow": {func(p *planted) {
			p.run = nil
			for q := range 40 {
				p.query(q, 9)
			}
		}, "shallow-run", "x.run", 1},
		"judgments as a run": {func(p *planted) { p.run = p.qrels }, "few-fields missing-query", "x.run:1", 120},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			c.spoil(p)
			found, _ := p.findings(t)
			if got := strings.Join(names(found), " "); got != c.want {
				t.Fatalf("want %q, got %q\n%v", c.want, got, found)
			}
			count, first := 0, ""
			for _, f := range found {
				count += f.Count
				if first == "" {
					first = strings.TrimSuffix(fmt.Sprintf("%s:%d", f.File, f.Line), ":0")
				}
			}
			if count != c.count || first != strings.TrimSuffix(c.first, ":0") {
				t.Errorf("want %d from %s, got %d from %s\n%v", c.count, c.first, count, first, found)
			}
		})
	}
}

// Findings say what is so in the tie mode in force.
func TestFindingsOfTieModes(t *testing.T) {
	constant := func(p *planted) { p.scores(func(int) float64 { return 1 }) }
	rising := func(p *planted) { p.scores(func(i int) float64 { return float64(i) }) }
	contrary := func(p *planted) { p.replace(9, 3, "q9 Q0 d12 4 99 tag") }
	for name, c := range map[string]struct {
		ties  Ties
		spoil func(p *planted)
		want  []string
	}{
		"constant":           {Trec10, constant, []string{`x.run:1: warning: all 10 scores of query "q0" are 1; document ids decide the order [constant-scores, 40 times]`}},
		"constant, trec9":    {Trec9, constant, []string{`x.run:1: warning: all 10 scores of query "q0" are 1; document ids decide the order [constant-scores, 40 times]`}},
		"constant, expected": {Expected, constant, []string{`x.run:1: warning: all 10 scores of query "q0" are 1; every order counts alike [constant-scores, 40 times]`}},
		"constant, rank":     {Rank, constant, nil},
		"rank order":         {Trec10, contrary, []string{`x.run:94: warning: query "q9" has document "d11" with score 98.5 on rank 3 and document "d12" with score 99 on rank 4; scores decide [rank-order]`}},
		"rank order, rank":   {Rank, contrary, []string{`x.run:94: warning: query "q9" has document "d11" with score 98.5 on rank 3 and document "d12" with score 99 on rank 4; ranks decide [rank-order]`}},
		"distances, rank":    {Rank, rising, []string{`x.run:2: warning: query "q0" has document "d0" with score 0 on rank 1 and document "d1" with score 1 on rank 2; ranks decide [rank-order, 360 times]`}},
		"own id first": {Rank, func(p *planted) { p.replace(13, 0, "q13 Q0 q13 1 3 tag") }, []string{
			`x.run:132: warning: query "q13" has document "q13" with score 3 on rank 1 and document "d14" with score 99.5 on rank 2; ranks decide [rank-order]`,
			`x.run:131: warning: query "q13" retrieves the document of its own id first [identical-id]`,
		}},
		"own id further down": {Rank, func(p *planted) { p.replace(13, 3, "q13 Q0 q13 4 200 tag") }, []string{
			`x.run:134: warning: query "q13" has document "d15" with score 98.5 on rank 3 and document "q13" with score 200 on rank 4; ranks decide [rank-order]`,
		}},
		"bad rank": {Rank, func(p *planted) {
			p.replace(6, 3, "q6 Q0 d9 four 97.5 tag")
			p.replace(7, 3, "q7 Q0 d10 -1 97.5 tag")
		}, []string{`x.run:64: error: the rank must be a whole number from 0 to 999999999, got "four"; the tie mode rank needs it [unusable-rank, 2 times]`}},
		"rank twice": {
			Rank, func(p *planted) { p.replace(7, 3, "q7 Q0 d10 3 97.5 tag") },
			[]string{`x.run:74: error: rank 3 occurs twice for query "q7"; the tie mode rank needs an order [unusable-rank]`},
		},
		"far rank twice": {Rank, func(p *planted) {
			p.replace(7, 8, "q7 Q0 d15 9999999 92.5 tag")
			p.replace(7, 9, "q7 Q0 d16 9999999 91.5 tag")
		}, []string{
			`x.run:80: error: rank 9999999 occurs twice for query "q7"; the tie mode rank needs an order [unusable-rank]`,
			`x.run:71: warning: query "q7" has 10 hits, but ranks up to 9999999; are lines missing? [missing-rank]`,
		}},
		"no ranks": {Rank, func(p *planted) {
			for i := range 10 {
				p.replace(3, i, fmt.Sprintf("q3 Q0 d%d 0 %d tag", 3+i, i))
				p.replace(5, i, fmt.Sprintf("q5 Q0 d%d 0 1 tag", 5+i))
			}
		}, []string{`x.run:31: warning: query "q3" has no ranks; the order of the file decides [no-ranks, 2 times]`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := healthy()
			p.ties = c.ties
			c.spoil(p)
			found, _ := p.findings(t)
			var got []string
			for _, f := range found {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func (p *planted) rename(from, to string) {
	for i := range p.run {
		p.run[i] = strings.Replace(p.run[i], from, to, 1)
	}
}

func (p *planted) scores(of func(i int) float64) {
	for i := range p.run {
		p.run[i] = fmt.Sprintf("q%d Q0 d%d %d %v tag", i/10, i/10+i%10, i%10+1, of(i%10))
	}
}

func TestCheckCorpus(t *testing.T) {
	qrels := Qrels{"q1": {"d1": 1, "d2": 0, "D3": 2}, "q2": {"d9": 1}}
	run := Run{Rankings: map[QueryID]Ranking{"q1": {{Doc: "d1", Score: 2}, {Doc: "x", Score: 1}}}}
	got := CheckCorpus(qrels, run, slices.Values([]DocID{"d1", "d03"}))
	want := []Finding{
		{Kind: "similar-id", Severity: Warning, Count: 1, Text: `document "D3" is not in the corpus, but "d03" is`},
		{Kind: "gold-missing", Severity: Warning, Count: 2, Text: `document "D3" is relevant to query "q1", but not in the corpus`},
		{Kind: "unknown-document", Severity: Warning, Count: 1, Text: `document "x" is retrieved for query "q1", but not in the corpus`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := CheckCorpus(qrels, run, slices.Values([]DocID{"d1", "D3", "d9", "x"})); got != nil {
		t.Errorf("want nothing, got %v", got)
	}
}

func TestCheckInMemory(t *testing.T) {
	if got := names(CheckQrels(Qrels{"a": {"d": -1}, "b": {"d": 1}})); strings.Join(got, " ") != "negative-grade no-relevant" {
		t.Errorf("got %v", got)
	}
	run := Run{Rankings: map[QueryID]Ranking{"a": {{Doc: "d", Score: 1}, {Doc: "d", Score: 1}}}}
	if got := names(CheckRankings(run)); strings.Join(got, " ") != "constant-scores duplicate-document" {
		t.Errorf("got %v", got)
	}
}

func TestPlainID(t *testing.T) {
	for _, same := range [][]string{{"Q01", "q1", " q001 ", "q\u00a01"}, {"0", "00"}, {"d-10-0", "D-010-00"}, {"Ä", "ä"}} {
		for _, id := range same[1:] {
			if plainID(id) != plainID(same[0]) {
				t.Errorf("%q and %q: %q and %q", same[0], id, plainID(same[0]), plainID(id))
			}
		}
	}
	for _, other := range [][2]string{{"q1", "q10"}, {"q1", "q2"}, {"0", ""}, {"a0", "a"}, {"q-1", "q1"}, {"\xff", "\xfe"}} {
		if plainID(other[0]) == plainID(other[1]) {
			t.Errorf("%q and %q are the same: %q", other[0], other[1], plainID(other[0]))
		}
	}
}

// Every kind of finding is documented, with its severity.
func TestFindingsDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "files.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		if row := fmt.Sprintf("| `%s` | %s | %s |", k.Name, k.Severity, k.Counts); !strings.Contains(string(b), row) {
			t.Errorf("files.md has no row %q", row)
		}
		if k.Name == "" || k.Doc == "" {
			t.Errorf("kind %q is not described", k.Name)
		}
	}
	if rows := strings.Count(string(b), " | error | ") + strings.Count(string(b), " | warning | "); rows != len(Kinds()) {
		t.Errorf("files.md has %d kinds, want %d", rows, len(Kinds()))
	}
}
