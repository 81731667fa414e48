package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	pivot = "eng"
	rows  = 160
	train = 100 // the first rows; the others are test
)

// scripts names the languages of the set and what they are written in.
var scripts = map[string]string{
	"afr": "Latin", "cat": "Latin", "cym": "Latin", "deu": "Latin", "eng": "Latin", "fra": "Latin", "ind": "Latin", "isl": "Latin",
	"ita": "Latin", "mlt": "Latin", "por": "Latin", "rus": "Cyrillic", "spa": "Latin", "tgl": "Latin", "tur": "Latin",
}

// faq is one question with its answer.
type faq struct{ id, split, topic, question, answer string }

type set struct {
	languages []string // sorted
	rows      map[string][]faq
}

// load reads the sources: eng.tsv with the columns id, split, topic, question,
// answer, and a file with id, question and answer for every other language.
func load(dir string) (*set, error) {
	s := &set{rows: map[string][]faq{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.tsv"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		lang := strings.TrimSuffix(filepath.Base(path), ".tsv")
		if scripts[lang] == "" {
			return nil, fmt.Errorf("%s: not a language of the set", path)
		}
		s.languages = append(s.languages, lang)
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		text, ended := strings.CutSuffix(string(b), "\n")
		if !ended {
			return nil, fmt.Errorf("%s: the last line has no end", path)
		}
		for i, line := range strings.Split(text, "\n") {
			f := strings.Split(line, "\t")
			want := 3
			if lang == pivot {
				want = 5
			}
			if len(f) != want {
				return nil, fmt.Errorf("%s:%d: want %d columns, got %d", path, i+1, want, len(f))
			}
			x := faq{id: f[0], question: f[want-2], answer: f[want-1]}
			if lang == pivot {
				x.split, x.topic = f[1], f[2]
			}
			s.rows[lang] = append(s.rows[lang], x)
		}
		if n := len(s.rows[lang]); n != rows {
			return nil, fmt.Errorf("%s: want %d rows, got %d", path, rows, n)
		}
	}
	if len(s.languages) != len(scripts) {
		return nil, fmt.Errorf("%s: want %d languages, got %d", dir, len(scripts), len(s.languages))
	}
	for _, lang := range s.languages {
		for i := range s.rows[lang] {
			x, e := &s.rows[lang][i], s.rows[pivot][i]
			if want := fmt.Sprintf("q%03d", i+1); x.id != want {
				return nil, fmt.Errorf("%s.tsv:%d: want the id %s, got %s", lang, i+1, want, x.id)
			}
			x.split, x.topic = e.split, e.topic
		}
	}
	return s, nil
}

// jsonl returns the file of a language in WebFAQ's schema, with the split and
// the translation group beside it.
func (s *set) jsonl(lang string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, x := range s.rows[lang] {
		err := enc.Encode(struct {
			ID       string `json:"id"`
			Origin   string `json:"origin"`
			URL      string `json:"url"`
			Question string `json:"question"`
			Answer   string `json:"answer"`
			Topic    string `json:"topic"`
			Split    string `json:"split"`
			Group    string `json:"group"`
		}{x.id, "minifaq", "", x.question, x.answer, x.topic, x.split, x.id})
		if err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
