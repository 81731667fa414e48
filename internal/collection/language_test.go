package collection

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

func TestParseLanguage(t *testing.T) {
	l, err := ParseLanguage("srp_Cyrl")
	if err != nil || l.Base != "srp" || l.Script != "Cyrl" || l.Name != "Serbian" || l.Macro != "hbs" || l.Genus != "Slavic" {
		t.Errorf("got %+v, %v", l, err)
	}
	if l, err = ParseLanguage("bjn_Arab"); err != nil || l.Script != "Arab" {
		t.Errorf("got %+v, %v", l, err)
	}
	if l, err = ParseLanguage("eng"); err != nil || l.Script != "Latn" || l.Code != "eng" {
		t.Errorf("got %+v, %v", l, err)
	}
	for code, suggest := range map[string]string{
		"en": "eng", "zh": "zho", "ENG": "eng", "srp-Cyrl": "srp_Cyrl", "srp_cyrl": "srp_Cyrl", "de-DE": "deu",
		"german": "", "": "", "deu_": "deu", "xxx": "", "deutsch": "", "de\x00": "", "eng_Latn_US": "", "sw": "swa, swc or swh",
	} {
		_, err := ParseLanguage(code)
		var e *LanguageCodeError
		if !errors.As(err, &e) {
			t.Errorf("%q: got %v", code, err)
			continue
		}
		if suggest != "" && !strings.Contains(err.Error(), suggest) {
			t.Errorf("%q: %q does not suggest %s", code, err, suggest)
		}
	}
}

func TestSameLanguage(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"eng", "eng", true},
		{"eng", "deu", false},
		{"arb_Arab", "arb_Latn", true},
		{"zho_Hans", "zho_Hant", true},
		{"swa", "swh", true},
		{"ekk", "est", true},
		{"lav", "lvs", true},
		{"fas", "pes", true},
		{"msa", "zsm", true},
		{"nor", "nob", true},
		{"nob", "nno", false},
		{"msa", "ind", false},
		{"zho", "cmn", true},
		{"ara", "arb_Arab", true},
		{"hrv", "srp", false},
		{"fil", "tgl", true},
		{"eng_Latn", "eng", true},
		{"aka_Latn", "twi_Latn", true},
		{"?", "?", true},
		{"?", "eng", false},
	} {
		if SameLanguage(c.a, c.b) != c.want || SameLanguage(c.b, c.a) != c.want {
			t.Errorf("SameLanguage(%s, %s) is %v", c.a, c.b, !c.want)
		}
	}
}

func TestResolveLanguage(t *testing.T) {
	have := []string{"eng_Latn", "zho_Hans", "zho_Hant", "swh_Latn", "arb_Arab", "ary_Arab", "arb_Latn", "tur_Latn"}
	for code, want := range map[string]string{
		"eng_Latn": "eng_Latn", "eng": "eng_Latn",
		"zho": "!several scripts; did you mean zho_Hans or zho_Hant", "swa": "!swh_Latn", "cmn": "!zho_Hans or zho_Hant",
		"ara": "!arb_Arab, arb_Latn or ary_Arab", "tur_Arab": "!another script; did you mean tur_Latn", "deu": "!the data have no German", "en": "!eng",
	} {
		got, err := ResolveLanguage(code, have)
		if say, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), say) {
				t.Errorf("%s: got %q, %v", code, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v", code, got, err)
		}
	}
}

// TestTableAgreesWithCLDR compares the table with golang.org/x/text.
func TestTableAgreesWithCLDR(t *testing.T) {
	// Other names for the same languages, and codes that CLDR replaces.
	other := map[string]string{
		"ace": "Achinese", "ben": "Bangla", "crh": "Crimean Turkish", "div": "Divehi", "gug": "Guarani", "ilo": "Iloko",
		"kac": "Kachin", "kzj": "Central Dusun", "lez": "Lezghian", "lua": "Luba-Lulua", "nor": "Norwegian Bokmål",
		"nqo": "N’Ko", "nya": "Nyanja", "oss": "Ossetic", "pnb": "Lahnda", "sah": "Sakha", "tgl": "Filipino", "twi": "Akan", "tyv": "Tuvinian",
	}
	names := display.English.Languages()
	compared := 0
	for code, l := range table() {
		base, err := language.ParseBase(code)
		if err != nil {
			t.Errorf("%s (%s): %v", code, l.Name, err)
			continue
		}
		if _, err := language.ParseScript(l.Script); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		if l.Macro != "" && l.Macro != "ber" {
			if _, ok := table()[l.Macro]; !ok {
				t.Errorf("%s belongs to %s, which is not in the table", code, l.Macro)
			}
		}
		tag, err := language.Compose(base)
		if err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if name := names.Name(tag); name != "" && base.ISO3() == code {
			compared++
			if !strings.Contains(strings.ToLower(l.Name), strings.ToLower(strings.Fields(name)[len(strings.Fields(name))-1])) {
				if other[code] != name {
					t.Errorf("%s: %q here, %q in CLDR", code, l.Name, name)
				}
			}
		}
		if script, sure := tag.Script(); sure == language.Exact || sure == language.High {
			if s := script.String(); s != l.Script && (s != "Kore" || l.Script != "Hang") {
				t.Errorf("%s: script %s here, %s in CLDR", code, l.Script, s)
			}
		}
	}
	if compared < 150 {
		t.Errorf("compared %d names only", compared)
	}
	for short, long := range shortCodes() {
		base, err := language.ParseBase(short)
		if err != nil || base.ISO3() != long {
			if short != "sh" && short != "no" && short != "tw" && short != "tl" && short != "mo" {
				t.Errorf("%s is %s here, %s in x/text (%v)", short, long, base.ISO3(), err)
			}
		}
		if _, ok := table()[long]; !ok {
			t.Errorf("%s stands for %s, which is not in the table", short, long)
		}
	}
}

func TestTableCoversTheDataSets(t *testing.T) {
	dir := shared(t)
	sib, err := os.ReadDir(filepath.Join(dir, "data", "sib200"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range sib {
		if e.IsDir() {
			n++
			if _, err := ParseLanguage(e.Name()); err != nil {
				t.Error(err)
			}
		}
	}
	tatoeba, err := filepath.Glob(filepath.Join(dir, "data", "tatoeba", "tatoeba.*.eng"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tatoeba {
		code, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(f), "tatoeba."), "-")
		n++
		if _, err := ParseLanguage(code); err != nil {
			t.Error(err)
		}
	}
	if n != 139+76 {
		t.Errorf("%d languages, want 139 and 76", n)
	}
	webfaq := strings.Fields("ara aze bel ben bul cat ces dan deu ell eng est eus fas fin fra glg guj heb hin hrv hun hye ind isl ita jpn kan kat kaz kor lav lit mal mar mkd msa mya nep nld nor pol por ron rus sin slk slv spa sqi srp swa swe tam tel tgl tha tur ukr urd uzb vie zho afr amh bos cym epo gle gla lao ltz mlg mlt mon pan pus khm kir som tat tgk yid")
	slices.Sort(webfaq)
	for _, code := range webfaq {
		if _, err := ParseLanguage(code); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseLanguage(f *testing.F) {
	for _, seed := range []string{"eng", "srp_Cyrl", "en", "zh-Hant", "", "ENG_latn", "ş", "eng_Latn_x", "xx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		l, err := ParseLanguage(code)
		if (err == nil) != (l.Code == code && l.Base != "" && l.Name != "") {
			t.Errorf("%q: %+v, %v", code, l, err)
		}
		if err == nil && !SameLanguage(code, l.Base) {
			t.Errorf("%q is not the same as %s", code, l.Base)
		}
	})
}
