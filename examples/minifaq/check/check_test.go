package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const dir = ".."

func read(t *testing.T) *set {
	t.Helper()
	s, err := load(filepath.Join(dir, "src"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSetPasses(t *testing.T) {
	s := read(t)
	for _, p := range check(s, s.languages...).problems {
		t.Error(p)
	}
}

func TestFilesAreUpToDate(t *testing.T) {
	s := read(t)
	for _, lang := range s.languages {
		want, err := s.jsonl(lang)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, lang+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.jsonl is not what its source says; run go run ./examples/minifaq/check -write", lang)
		}
	}
}

// TestChecksCatch spoils the set in one place at a time.
func TestChecksCatch(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*set)
		want  string
	}{
		"left in English": {func(s *set) { s.rows["cym"][7].answer = s.rows["eng"][7].answer }, "cym q008: 100 % of its words stand in the English row"},
		"other language":  {func(s *set) { s.rows["cat"][9] = swap(s, "cat", "por", 9) }, "cat q010: looks more like por"},
		"other script":    {func(s *set) { s.rows["rus"] = s.rows["deu"] }, "rus all: 0.0 % of the letters are Cyrillic"},
		"duplicate":       {func(s *set) { s.rows["isl"][20].answer = s.rows["isl"][3].answer }, "isl q021: the same text as in q004"},
		"almost the same": {func(s *set) { s.rows["tgl"][20].question = "Ngayon " + s.rows["tgl"][3].question }, "tgl q021: 89 % of the words are those of q004"},
		"decomposed":      {func(s *set) { s.rows["fra"][0].answer = "Vous pouvez le garder quatre semaines et de\u0301cider." }, "fra q001: not in Unicode normal form C"},
		"spaces":          {func(s *set) { s.rows["tur"][0].question += " " }, "tur q001: spaces around the text"},
		"soft hyphen":     {func(s *set) { s.rows["deu"][0].answer = "Vier Wochen; die Aus\u00adleihfrist ist verlängerbar." }, "deu q001: the character U+00AD"},
		"short":           {func(s *set) { s.rows["ind"][4].answer = "Ya." }, "ind q005: the answer has 3 characters"},
		"template": {func(s *set) {
			for i := range 40 {
				s.rows["ita"][i].question = "Posso davvero " + s.rows["ita"][i].question
			}
		}, `ita all: 40 of 320 texts begin with "posso davvero"`},
		"split": {func(s *set) { s.rows["eng"][120].split = "train" }, "eng q121: want the split test"},
	} {
		s := read(t)
		c.spoil(s)
		if got := strings.Join(check(s, c.want[:3]).problems, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q is not among\n%s", name, c.want, got)
		}
	}
}

func swap(s *set, lang, from string, i int) faq {
	x := s.rows[lang][i]
	x.question, x.answer = s.rows[from][i].question, s.rows[from][i].answer
	return x
}
