package collection

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Language is a language code, read.
type Language struct {
	Code   string // as given: "srp_Cyrl"
	Base   string // ISO 639-3, or the ISO 639-2 code of a collection: "srp"
	Script string // ISO 15924, given or usual: "Cyrl"
	Name   string // "Serbian"
	Family string // "Indo-European"; "" where unknown or disputed
	Genus  string // "Slavic"
	Macro  string // the macrolanguage or collection it belongs to: "hbs"; ""
}

// LanguageCodeError says what is wrong with a language code.
type LanguageCodeError struct {
	Code    string
	Problem string
	Suggest []string // codes that may be meant
}

func (e *LanguageCodeError) Error() string {
	s := fmt.Sprintf("language %q: %s", e.Code, e.Problem)
	if len(e.Suggest) > 0 {
		s += "; did you mean " + orList(e.Suggest) + "?"
	}
	return s
}

func orList(x []string) string {
	if len(x) == 1 {
		return x[0]
	}
	return strings.Join(x[:len(x)-1], ", ") + " or " + x[len(x)-1]
}

var codeRE = regexp.MustCompile(`^([a-z]{2,3})(?:_([A-Z][a-z]{3}))?$`)

var table = sync.OnceValue(func() map[string]Language {
	out := map[string]Language{}
	for line := range strings.Lines(strings.TrimSpace(languageTable)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if len(f) != 6 {
			panic("collection: language table: " + line)
		}
		if _, twice := out[f[0]]; twice {
			panic("collection: language table lists twice: " + f[0])
		}
		out[f[0]] = Language{Code: f[0], Base: f[0], Name: f[1], Script: f[2], Family: f[3], Genus: f[4], Macro: f[5]}
	}
	return out
})

var shortCodes = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, entry := range strings.FieldsFunc(twoLetter, func(r rune) bool { return r == '|' || r == '\n' }) {
		short, long, _ := strings.Cut(entry, " ")
		out[short] = long
	}
	return out
})

// ParseLanguage reads a code: ISO 639-3, then an underscore and a script (ISO
// 15924) where it matters: "eng", "srp_Cyrl". Codes of two letters are
// refused, for they often name a macrolanguage, and unknown ones, for they are
// most often a slip. The error is a *LanguageCodeError.
func ParseLanguage(code string) (Language, error) {
	m := codeRE.FindStringSubmatch(code)
	if m == nil {
		e := &LanguageCodeError{Code: code, Problem: "want an ISO 639-3 code such as eng, or with a script such as srp_Cyrl"}
		fixed := fixForm(code)
		if fixed != code {
			if l, err := ParseLanguage(fixed); err == nil {
				e.Suggest = []string{l.Code}
			}
		}
		return Language{}, e
	}
	base, script := m[1], m[2]
	if len(base) == 2 {
		e := &LanguageCodeError{Code: code, Problem: "codes have three letters (ISO 639-3)"}
		if long, ok := shortCodes()[base]; ok {
			e.Suggest = append(e.Suggest, long+code[2:])
			for _, l := range members(long) {
				e.Suggest = append(e.Suggest, l+code[2:])
			}
			e.Suggest = e.Suggest[:min(5, len(e.Suggest))]
		}
		return Language{}, e
	}
	l, ok := table()[base]
	if !ok {
		return Language{}, &LanguageCodeError{Code: code, Problem: "unknown code", Suggest: nearCodes(base)}
	}
	l.Code = code
	if script != "" {
		l.Script = script
	}
	return l, nil
}

// fixForm turns the usual other spellings into ours: ENG, srp-Cyrl, srp_cyrl.
func fixForm(code string) string {
	base, script, found := strings.Cut(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(code)), "-", "_"), "_")
	if long, ok := shortCodes()[base]; ok {
		base = long
	}
	if !found || len(script) != 4 {
		return base
	}
	return base + "_" + strings.ToUpper(script[:1]) + script[1:]
}

// members lists the languages of a macrolanguage.
func members(macro string) []string {
	var out []string
	for code, l := range table() {
		if l.Macro == macro {
			out = append(out, code)
		}
	}
	slices.Sort(out)
	return out
}

// nearCodes lists known codes that differ in one letter, at most five. Nothing
// is suggested where that is too many to be of use.
func nearCodes(base string) []string {
	var out []string
	for code := range table() {
		same := 0
		for i := range 3 {
			if code[i] == base[i] {
				same++
			}
		}
		if same == 2 && code[0] == base[0] {
			out = append(out, code)
		}
	}
	if len(out) > 5 {
		return nil
	}
	slices.Sort(out)
	return out
}

// SameLanguage reports whether training on one code exposes a model to the
// other: equal in any script, or one the macrolanguage of the other (swa and
// swh, est and ekk, nor and nob; but not nob and nno). Indonesian counts as a
// language beside msa, which data sets use for Malay. Codes that cannot be read
// are the same when they are equal.
func SameLanguage(a, b string) bool {
	x, errX := ParseLanguage(a)
	y, errY := ParseLanguage(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return x.Base == y.Base || x.Macro == y.Base || y.Macro == x.Base
}

// ResolveLanguage finds the code that is meant among those that a collection
// has: the code itself; or, for a code without script, the only one with that
// base. Anything else is a *LanguageCodeError that names what comes near: the
// same language in another script, its macrolanguage or members.
func ResolveLanguage(code string, have []string) (string, error) {
	if slices.Contains(have, code) {
		return code, nil
	}
	l, err := ParseLanguage(code)
	if err != nil {
		return "", err
	}
	var same, related []string
	for _, h := range have {
		o, err := ParseLanguage(h)
		switch {
		case err != nil:
		case o.Base == l.Base:
			same = append(same, h)
		case SameLanguage(h, code):
			related = append(related, h)
		}
	}
	slices.Sort(same)
	slices.Sort(related)
	switch {
	case l.Code == l.Base && len(same) == 1:
		return same[0], nil
	case len(same) > 1:
		return "", &LanguageCodeError{Code: code, Problem: "ambiguous: the data have it in several scripts", Suggest: same}
	case len(same) == 1:
		return "", &LanguageCodeError{Code: code, Problem: "the data have it in another script", Suggest: same}
	case len(related) > 0:
		return "", &LanguageCodeError{Code: code, Problem: fmt.Sprintf("the data have no %s by that code", l.Name), Suggest: related}
	}
	return "", &LanguageCodeError{Code: code, Problem: fmt.Sprintf("the data have no %s", l.Name)}
}
