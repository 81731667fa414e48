package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/xlrun/xlrun/sdk"
)

// Bounds of the checks, in the unit that each names.
const (
	minQuestion, maxQuestion = 10, 120 // characters; WebFAQ drops questions under 10
	minAnswer, maxAnswer     = 30, 200 // characters; WebFAQ drops answers under 30
	minRatio, maxRatio       = 0.45, 2 // of the length of the English question and answer together
	minScript                = 0.97    // share of letters in the expected script
	maxStart                 = 0.10    // share of texts that begin with the same two words
	maxPhrase                = 4       // texts with the same four words in a row
	maxAlike                 = 0.65    // of the words of two texts of a language, that both have
	maxEnglish               = 0.6     // share of words that also stand in the English row
	minLike                  = 0.95    // share of sentences that look like their own language
)

type result struct {
	languages []string // one line each: what was measured
	problems  []string
}

// check looks over some languages of a set.
func check(s *set, languages ...string) *result {
	r := &result{}
	model := newTrigrams(s)
	for _, lang := range languages {
		r.language(s, lang, model)
	}
	r.splits(s)
	return r
}

func (r *result) bad(lang, id, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s %s: %s", lang, id, fmt.Sprintf(format, args...)))
}

func (r *result) splits(s *set) {
	for i, x := range s.rows[pivot] {
		want := "test"
		if i < train {
			want = "train"
		}
		if x.split != want {
			r.bad(pivot, x.id, "want the split %s, got %s", want, x.split)
		}
		if x.topic == "" {
			r.bad(pivot, x.id, "no topic")
		}
	}
}

func (r *result) language(s *set, lang string, model *trigrams) {
	seen := map[string]string{}
	starts := map[string]int{}
	phrases := map[string][]string{}
	inScript, letters, chars, like, texts := 0, 0, 0, 0, 0
	var bags [][]string // the words of each text so far
	for i, x := range s.rows[lang] {
		e := s.rows[pivot][i]
		n := utf8.RuneCountInString(x.question)
		if n < minQuestion || n > maxQuestion {
			r.bad(lang, x.id, "the question has %d characters", n)
		}
		m := utf8.RuneCountInString(x.answer)
		if m < minAnswer || m > maxAnswer {
			r.bad(lang, x.id, "the answer has %d characters", m)
		}
		chars += n + m
		en := utf8.RuneCountInString(e.question + e.answer)
		if ratio := float64(n+m) / float64(en); ratio < minRatio || ratio > maxRatio {
			r.bad(lang, x.id, "%.2f times as long as in English", ratio)
		}
		if strings.HasSuffix(x.question, "?") != strings.HasSuffix(e.question, "?") {
			r.bad(lang, x.id, "the question ends otherwise than in English: %s", x.question)
		}
		if strings.Contains(x.answer, "?") {
			r.bad(lang, x.id, "the answer asks a question")
		}
		if !strings.ContainsAny(x.answer[len(x.answer)-1:], ".!") {
			r.bad(lang, x.id, "the answer does not end in a full stop")
		}
		for _, text := range []string{x.question, x.answer} {
			texts++
			r.form(lang, x.id, text)
			key := sdk.NormalizeText(text)
			if before, twice := seen[key]; twice {
				r.bad(lang, x.id, "the same text as in %s: %s", before, text)
			}
			seen[key] = x.id
			words := strings.Fields(key)
			if len(words) >= 2 {
				starts[words[0]+" "+words[1]]++
			}
			own := bag(words)
			for k, other := range bags {
				if a := alike(own, other); a > maxAlike {
					r.bad(lang, x.id, "%.0f %% of the words are those of %s: %s", 100*a, s.rows[lang][k/2].id, text)
				}
			}
			bags = append(bags, own)
			once := map[string]bool{}
			for j := 0; j+4 <= len(words); j++ {
				p := strings.Join(words[j:j+4], " ")
				if !once[p] {
					phrases[p] = append(phrases[p], x.id)
					once[p] = true
				}
			}
			for _, c := range text {
				if unicode.IsLetter(c) {
					letters++
					if unicode.Is(unicode.Scripts[scripts[lang]], c) {
						inScript++
					}
				}
			}
			if lang != pivot {
				if share := shared(words, strings.Fields(sdk.NormalizeText(e.question+" "+e.answer))); len(words) >= 4 && share > maxEnglish {
					r.bad(lang, x.id, "%.0f %% of its words stand in the English row: %s", 100*share, text)
				}
			}
			if model.guess(lang, text) == lang {
				like++
			}
		}
		if got := model.guess(lang, x.question+" "+x.answer); got != lang {
			r.bad(lang, x.id, "looks more like %s: %s %s", got, x.question, x.answer)
		}
	}
	if share := float64(inScript) / float64(letters); share < minScript {
		r.bad(lang, "all", "%.1f %% of the letters are %s", 100*share, scripts[lang])
	}
	common, most := "", 0
	for start, n := range starts {
		if n > most || n == most && start < common {
			common, most = start, n
		}
	}
	if float64(most) > maxStart*float64(texts) {
		r.bad(lang, "all", "%d of %d texts begin with %q", most, texts, common)
	}
	repeated := 0
	for p, ids := range phrases {
		if len(ids) > 2 {
			repeated++
		}
		if len(ids) > maxPhrase {
			r.bad(lang, "all", "%d texts have the words %q: %s", len(ids), p, strings.Join(ids, " "))
		}
	}
	if share := float64(like) / float64(texts); share < minLike {
		r.bad(lang, "all", "%.1f %% of the sentences look like their own language", 100*share)
	}
	r.languages = append(r.languages, fmt.Sprintf("%s: %.0f characters a row, %d texts begin with %q, %d phrases of four words in three or more texts, %.1f %% of the letters are %s, %.1f %% of the sentences look like the language",
		lang, float64(chars)/rows, most, common, repeated, 100*float64(inScript)/float64(letters), scripts[lang], 100*float64(like)/float64(texts)))
	slices.Sort(r.problems)
}

// form checks what holds for any text.
func (r *result) form(lang, id, text string) {
	switch {
	case !utf8.ValidString(text):
		r.bad(lang, id, "not UTF-8")
	case !norm.NFC.IsNormalString(text):
		r.bad(lang, id, "not in Unicode normal form C: %s", text)
	case text != strings.TrimSpace(text):
		r.bad(lang, id, "spaces around the text")
	case strings.Contains(text, "  "):
		r.bad(lang, id, "two spaces in a row: %s", text)
	}
	for _, c := range text {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == utf8.RuneError {
			r.bad(lang, id, "the character %U", c)
		}
	}
}

// shared returns the share of a that stands in b.
func shared(a, b []string) float64 {
	n := 0
	for _, w := range a {
		if slices.Contains(b, w) {
			n++
		}
	}
	return float64(n) / float64(max(1, len(a)))
}

// bag returns the distinct words of a text, sorted.
func bag(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}

// alike returns the words that two bags share as a part of the words of both
// (Jaccard).
func alike(a, b []string) float64 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	return float64(both) / float64(max(1, len(a)+len(b)-both))
}

// trigrams tells languages apart by the character trigrams of the set itself:
// naive Bayes with additive smoothing, the sentence in question left out.
type trigrams struct {
	languages []string
	count     map[string]map[string]float64
	total     map[string]float64
	kinds     float64
}

func grams(text string) []string {
	r := []rune(" " + sdk.NormalizeText(text) + " ")
	var out []string
	for i := 0; i+3 <= len(r); i++ {
		out = append(out, string(r[i:i+3]))
	}
	return out
}

func newTrigrams(s *set) *trigrams {
	t := &trigrams{languages: s.languages, count: map[string]map[string]float64{}, total: map[string]float64{}}
	all := map[string]bool{}
	for _, lang := range s.languages {
		t.count[lang] = map[string]float64{}
		for _, x := range s.rows[lang] {
			for _, text := range []string{x.question, x.answer} {
				for _, g := range grams(text) {
					t.count[lang][g]++
					t.total[lang]++
					all[g] = true
				}
			}
		}
	}
	t.kinds = float64(len(all))
	return t
}

func (t *trigrams) guess(own, text string) string {
	gs := grams(text)
	here := map[string]float64{}
	for _, g := range gs {
		here[g]++
	}
	const smooth = 0.1
	best, name := math.Inf(-1), ""
	for _, lang := range t.languages {
		sum := 0.0
		for _, g := range gs {
			n, total := t.count[lang][g], t.total[lang]
			if lang == own {
				n, total = n-here[g], total-float64(len(gs))
			}
			sum += math.Log((max(n, 0) + smooth) / (total + smooth*t.kinds))
		}
		if sum > best {
			best, name = sum, lang
		}
	}
	return name
}
