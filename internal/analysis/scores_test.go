package analysis

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/results"
)

// published gives the scores of five models on WebFAQ as rows.
func published(t *testing.T) (out []results.Score) {
	t.Helper()
	for _, row := range strings.Split(strings.TrimSpace(webFAQ), "\n") {
		var lang string
		v := make([]float64, 5)
		if _, err := fmt.Sscan(row, &lang, &v[0], &v[1], &v[2], &v[3], &v[4]); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"pt", "ft", "gte", "e5", "jina"} {
			out = append(out, results.Score{Model: name, Task: "WebFAQ", DatasetRevision: "r1", Version: "1.7.10", Split: "test", Subset: lang, Measure: "nDCG@10", Key: "ndcg_at_10", Value: v[i], Digits: 5, File: lang + name})
		}
	}
	return out
}

func noted(notes []Note, code string) string {
	for _, n := range notes {
		if n.Code == code {
			return n.Text
		}
	}
	return ""
}

// The differences that were computed by hand and in R, over twenty languages.
func TestCompareScores(t *testing.T) {
	tables, err := CompareScores(published(t), ScoreOptions{Baseline: "ft"})
	if err != nil || len(tables) != 1 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	x := tables[0]
	if x.Task != "WebFAQ" || len(x.Columns) != 20 || len(x.Others) != 0 || x.Chosen != ChosenBaseline {
		t.Fatalf("%+v", x)
	}
	by := map[string]ScoreModel{}
	for _, m := range x.Models {
		by[m.Name] = m
	}
	near64(t, "e5 − ft", by["e5"].Gain.Mean, .0217745, 1e-9)
	near64(t, "t", float64(by["e5"].Gain.T), 4.0373865, 1e-7)
	near64(t, "p", by["e5"].Gain.P, 7.0347762e-4, 1e-11)
	near64(t, "t of pt − ft", float64(by["pt"].Gain.T), -24.339924, 1e-6)
	if g := by["e5"].Gain; g.Wins != 15 || g.Loss != 5 || g.PHolm < g.P {
		t.Errorf("%+v", *g) // five languages in which e5 is not better: dan, fas, ind, swe and tur
	}
	if by["ft"].Gain != nil || x.Models[0].Name != "jina" || by["jina"].Letters != "a" {
		t.Errorf("%+v", x.Models)
	}
	if text := noted(x.Notes, NotePools); !strings.Contains(text, "corpora of very different sizes") {
		t.Errorf("notes %+v", x.Notes)
	}
	if noted(x.Notes, NoteRounded) == "" || noted(x.Notes, NoteDatasetRevisions) != "" || noted(x.Notes, NoteVersions) != "" {
		t.Errorf("notes %+v", x.Notes)
	}
}

// What makes published scores incomparable is said, and nothing is averaged
// over different subsets.
func TestCompareScoresWarns(t *testing.T) {
	rows := published(t)
	var fewer []results.Score
	for _, r := range rows {
		if r.Model == "gte" && r.Subset == "zho" {
			continue
		}
		fewer = append(fewer, r)
	}
	tables, err := CompareScores(fewer, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	x := tables[0]
	if len(x.Columns) != 19 || len(x.Others) != 1 || x.Others[0] != "zho" {
		t.Errorf("columns %v, others %v", x.Columns, x.Others)
	}
	if text := noted(x.Notes, NoteMissingSubsets); text != "gte has no scores of zho; means are over the 19 that every model has." {
		t.Error(text)
	}
	for _, m := range x.Models {
		sum := 0.0
		for _, c := range x.Columns {
			sum += m.Values[c]
		}
		near64(t, "mean of "+m.Name, m.Mean, sum/19, 1e-12)
	}
	change := func(f func(*results.Score)) []Note {
		t.Helper()
		out := append([]results.Score(nil), rows...)
		for i := range out {
			f(&out[i])
		}
		tables, err := CompareScores(out, ScoreOptions{Measure: out[0].Measure})
		if err != nil {
			t.Fatal(err)
		}
		return tables[0].Notes
	}
	if text := noted(change(func(r *results.Score) {
		if r.Model == "e5" && r.Subset == "deu" {
			r.DatasetRevision = "r2"
		}
	}), NoteDatasetRevisions); !strings.Contains(text, "In 1 of 20 subsets") || !strings.Contains(text, "deu of r1 (") || !strings.Contains(text, "r2 (e5)") {
		t.Error(text)
	}
	if text := noted(change(func(r *results.Score) {
		r.Measure = "RR@10"
		if r.Model == "e5" {
			r.Version = "2.18.19"
		}
	}), NoteVersions); !strings.Contains(text, "e5 with it") || !strings.Contains(text, "RR@10") {
		t.Error(text)
	}
	if noted(change(func(r *results.Score) { r.Measure, r.Version = "RR@10", "2.18.18" }), NoteVersions) != "" {
		t.Error("one version, and a warning that they differ")
	}
	if noted(change(func(r *results.Score) { r.Value *= 100 }), NoteRange) == "" {
		t.Error("per cent pass for shares")
	}
	if text := noted(change(func(r *results.Score) {
		if r.Model == "e5" {
			r.Measure = "RR@10"
		}
	}), NoteMissingSubsets); text != "No score by nDCG@10 is known of e5." {
		t.Error(text)
	}
	// Two values of one thing are a mistake, not a choice.
	if _, err := CompareScores(append(rows, func() results.Score { r := rows[0]; r.Value, r.File = .9, "again"; return r }()), ScoreOptions{}); err == nil || !strings.Contains(err.Error(), "again") {
		t.Error(err)
	}
	if _, err := CompareScores(rows, ScoreOptions{Baseline: "jinna"}); err == nil || !strings.Contains(err.Error(), `Did you mean "jina"?`) {
		t.Error(err)
	}
	if _, err := CompareScores(rows, ScoreOptions{Measure: "nDCG@100"}); err == nil || !strings.Contains(err.Error(), `Did you mean "nDCG@10"?`) {
		t.Error(err)
	}
}

// Tasks with one subset each stand beside one another.
func TestCompareScoresOfTasks(t *testing.T) {
	var rows []results.Score
	for i, task := range []string{"A", "B", "C", "D", "E"} {
		for j, m := range []string{"x", "y"} {
			rows = append(rows, results.Score{Model: m, Task: task, Split: "test", Subset: "default", Measure: "main_score", Value: .5 + .01*float64(i+1)*float64(j)})
		}
	}
	tables, err := CompareScores(rows, ScoreOptions{})
	if err != nil || len(tables) != 1 || len(tables[0].Columns) != 5 || tables[0].Measure != "main_score" || tables[0].Models[0].Name != "y" {
		t.Fatalf("%+v, %v", tables, err)
	}
	near64(t, "x − y", tables[0].Models[1].Gain.Mean, -.03, 1e-12)
	if tables, _ = CompareScores(rows[:2], ScoreOptions{}); tables[0].Models[1].Gain != nil || noted(tables[0].Notes, NoteFewLanguages) == "" {
		t.Error("one subset gives no interval")
	}
}

// What is exported are the means that the analysis has.
func TestScoreCollector(t *testing.T) {
	d, rs := existing(map[string]float64{"bm25": -.6, "dense": .3}, []string{"bm25", "dense"}, []string{"cat", "deu"}, 20)
	c := NewScoreCollector(d.Axes)
	for _, r := range rs {
		c.Add(r)
		r.Measure, r.Value = "NumRet", 100
		c.Add(r)
	}
	got, left, err := c.Scores()
	if err != nil || len(got) != 4 || len(left) != 1 || left[0] != "NumRet of existing" {
		t.Fatalf("%d scores, left %v, %v", len(got), left, err)
	}
	s := collect(t, d, rs).Analyses[0].Systems
	for _, r := range got {
		for _, l := range systemOf(t, s, r.Model).PerLanguage {
			if l.Code == r.Subset {
				near64(t, r.Model+" "+r.Subset, r.Value, l.Mean, 0)
			}
		}
	}
}
