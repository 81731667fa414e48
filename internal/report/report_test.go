package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/dop251/goja"

	"github.com/xlrun/xlrun/internal/analysis"
)

var update = flag.Bool("update", false, "rewrite testdata, and fail")

// shared is one engine for most tests: starting one takes longer than a
// figure.
var shared = sync.OnceValues(newEngine)

// rendered holds what render made of the fixtures, once for all tests.
var rendered = map[string]func() (map[string][]byte, error){
	"small": sync.OnceValues(func() (map[string][]byte, error) { return render(fixture(small), shared) }),
	"large": sync.OnceValues(func() (map[string][]byte, error) { return render(fixture(large), shared) }),
}

func renderedAs(t *testing.T, name string) map[string][]byte {
	t.Helper()
	files, err := rendered[name]()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	want, err := os.ReadFile(path)
	if err == nil && bytes.Equal(want, got) {
		return
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("rewrote %s", path)
		return
	}
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	t.Errorf("%s differs at byte %d (%v): want %.80q, got %.80q; look at it and run with -update", path, at, err, want[min(at, len(want)):], got[min(at, len(got)):])
}

// The specification of every figure, on invented numbers.
func TestFigureSpecifications(t *testing.T) {
	for _, name := range []string{"small", "large"} {
		files := renderedAs(t, name)
		n := 0
		for file, b := range files {
			if !strings.HasSuffix(file, ".vl.json") {
				continue
			}
			n++
			if name == "small" || file == "figures/fig-1.vl.json" || file == "figures/fig-7.vl.json" {
				golden(t, name+"/"+filepath.Base(file), b)
			}
			if bytes.Contains(b, []byte("var(")) {
				t.Errorf("%s %s: a colour without a value, which other programs cannot read", name, file)
			}
		}
		if n != 7 {
			t.Errorf("%s: %d figures, want 7", name, n)
		}
	}
}

func TestFilesOfAReport(t *testing.T) {
	files := renderedAs(t, "small")
	for _, want := range []string{
		"report.html", "figures/fig-1.svg", "figures/fig-1.vl.json", "figures/fig-1.csv", "figures/fig-7.svg",
		"tables/languages.csv", "tables/languages.tex", "tables/axis-size.csv", "tables/axis-languages.tex", "tables/claims.csv", "tables/gains.csv", "tables/cells.csv", "tables/effects.csv",
	} {
		if len(files[want]) == 0 {
			t.Errorf("no %s", want)
		}
	}
	golden(t, "small/languages.csv", files["tables/languages.csv"])
	golden(t, "small/languages.tex", files["tables/languages.tex"])
	golden(t, "small/claims.csv", files["tables/claims.csv"])
	for name, b := range files {
		if strings.HasSuffix(name, ".svg") && (bytes.Contains(b, []byte("var(")) || !bytes.HasPrefix(b, []byte("<svg "))) {
			t.Errorf("%s does not stand alone", name)
		}
	}
}

// Two renderings, in other engines, give the same bytes.
func TestEqualBytes(t *testing.T) {
	again, err := Render(fixture(small))
	if err != nil {
		t.Fatal(err)
	}
	first := renderedAs(t, "small")
	if len(again) != len(first) {
		t.Errorf("%d files, then %d", len(first), len(again))
	}
	for file, b := range first {
		if !bytes.Equal(b, again[file]) {
			t.Errorf("%s differs from one rendering to the next", file)
		}
	}
}

func TestNoLongCoordinates(t *testing.T) {
	for file, b := range renderedAs(t, "large") {
		if strings.HasSuffix(file, ".svg") {
			if x := regexp.MustCompile(`\d\.\d{4,}|\de-\d`).Find(b); x != nil {
				t.Errorf("%s holds %q: more digits than all machines agree on", file, x)
			}
		}
	}
}

func TestRoundNumbers(t *testing.T) {
	for in, want := range map[string]string{
		`M1.23456,-0.00001L5,1e-7`: `M1.235,0L5,0`,
		`-0.50004 2.0000`:          `-0.5 2`,
		`0.1235`:                   `0.123`, // as float64 it lies below the middle
		`10.5h100.25`:              `10.5h100.25`,
		`1.5e-3`:                   `0.002`,
	} {
		if got := roundNumbers(in); got != want {
			t.Errorf("roundNumbers(%q) = %q, want %q", in, got, want)
		}
	}
}

// The policy names exactly the scripts of the page, and the page asks for
// nothing else.
func TestContentSecurityPolicy(t *testing.T) {
	page := string(renderedAs(t, "small")["report.html"])
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	if !strings.HasPrefix(policy[1], "default-src 'none'; script-src 'sha256-") || strings.Contains(policy[1], "unsafe-eval") {
		t.Errorf("policy %s", policy[1])
	}
	scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page, -1)
	if len(scripts) != 3 {
		t.Errorf("%d scripts, want 3", len(scripts))
	}
	for _, s := range scripts {
		if !strings.Contains(policy[1], scriptHash(s[1])) {
			t.Errorf("the policy does not allow the script that begins %.40q", s[1])
		}
	}
	outside := regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`).ReplaceAllString(page, "")
	outside = regexp.MustCompile(`(?s)<pre class="licences".*?</pre>`).ReplaceAllString(outside, "")
	outside = strings.ReplaceAll(outside, "http://www.w3.org/", "")
	if x := regexp.MustCompile(`(?i)(src|href|action|data|poster)\s*=\s*["']?(https?:)?//|url\(|@import|https?://`).FindString(outside); x != "" {
		t.Errorf("the page refers to something outside: %q", x)
	}
	if x := regexp.MustCompile(`(?i)\son[a-z]+\s*=|javascript:`).FindString(outside); x != "" {
		t.Errorf("an inline handler, which the policy forbids: %q", x)
	}
}

func TestScriptsEndWhereTheyShould(t *testing.T) {
	for _, s := range []string{vegaSource, chartSource, appSource} {
		for _, bad := range []string{"</script", "<!--", "<script"} {
			if strings.Contains(strings.ToLower(s), bad) {
				t.Errorf("a script of the page contains %q, which ends or hides it", bad)
			}
		}
	}
}

// hostile strings must not become markup, script, another direction of
// writing, or a command for a terminal or LaTeX.
func TestHostileText(t *testing.T) {
	const evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&\x1b[31m\u202eabc\u2066\x00${x}\\input{/etc/passwd}|%_#"
	in := fixture(small)
	in.Summary.Title, in.Summary.Question = evil, evil
	in.Study.Names["qaa"] = evil
	in.Study.Workflow = evil
	in.Study.Arguments = []string{"-var", evil}
	in.Study.Results = evil
	in.Study.Components[0].Name, in.Study.Components[0].Blocks = evil, []string{evil}
	in.Study.Data[0].Name, in.Study.Data[0].Licence = evil, evil
	in.Study.Mixtures[0].Name, in.Study.Leakage[0].Retrieval = evil, evil
	in.Study.Notes = []analysis.Note{{Code: evil, Text: evil, Warning: true, Affects: []string{"size_pays", evil}}}
	in.Study.Files = []Fact{{evil, evil}}
	a := &in.Summary.Analyses[0]
	a.Name, a.Measure, a.Retrieval = evil, evil, evil
	a.Answer = append(a.Answer, evil)
	a.Facts.Sizes[0].Label, a.Facts.Diversities[0].Label = evil, evil
	for i := range a.Cells {
		if a.Cells[i].Size == "xs" {
			a.Cells[i].Size = evil
		}
	}
	a.Margins[0].Axis, a.Margins[0].Label = evil, evil
	a.Facts.UnitReason = evil
	for i := range in.Summary.Claims {
		c := &in.Summary.Claims[i]
		c.Analysis = evil
		c.Name += evil
		c.Statement, c.Expression, c.Measured, c.Reason, c.Sentences = evil, evil, evil, evil, []string{evil}
		c.Alternatives[0].Name = evil
	}
	files, err := render(in, shared)
	if err != nil {
		t.Fatal(err)
	}
	page := string(files["report.html"])
	if n := strings.Count(page, "<script"); n != 8 {
		t.Errorf("%d script tags, want 8", n)
	}
	ours := strings.ReplaceAll(page, vegaSource, "")
	for _, bad := range []string{"<img", "\x1b", "\u202e", "\u2066", "\x00"} {
		if i := strings.Index(ours, bad); i >= 0 {
			t.Errorf("the page contains %q: %.90q", bad, ours[max(0, i-40):])
		}
	}
	for name, b := range files {
		if strings.HasSuffix(name, ".pdf") {
			continue // binary; its words come from the SVG
		}
		if name != "report.html" && bytes.ContainsAny(b, "\x1b\u202e\u2066") {
			t.Errorf("%s holds a control character", name)
		}
		if strings.HasSuffix(name, ".svg") && bytes.Contains(b, []byte("<img")) {
			t.Errorf("%s holds markup from outside", name)
		}
		if strings.HasSuffix(name, ".tex") && bytes.Contains(b, []byte(`\input`)) {
			t.Errorf("%s holds a command from outside", name)
		}
		if strings.ContainsAny(name, "<>|\\\"' ") || strings.Contains(name, "..") {
			t.Errorf("file name %q", name)
		}
	}
}

// numbers collects every number of a JSON value.
func numbers(v any, out *[]float64) {
	switch v := v.(type) {
	case float64:
		*out = append(*out, v)
	case string:
		for _, s := range regexp.MustCompile(`[−-]?\d[\d,]*(\.\d+)?`).FindAllString(v, -1) {
			if x, err := strconv.ParseFloat(strings.NewReplacer("−", "-", ",", "").Replace(s), 64); err == nil {
				*out = append(*out, x)
			}
		}
	case []any:
		*out = append(*out, float64(len(v))) // "8 languages" counts a list
		for _, x := range v {
			numbers(x, out)
		}
	case map[string]any:
		for _, x := range v {
			numbers(x, out)
		}
	}
}

// Every number that a reader sees is a number of the input: as it is, times
// 100 or as a limit beside a half-width, rounded to the digits shown.
func TestEveryNumberComesFromTheSummary(t *testing.T) {
	for _, name := range []string{"small", "large"} {
		in := fixture(map[string]shape{"small": small, "large": large}[name])
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		var known []float64
		numbers(v, &known)
		a := in.Summary.Analyses[0]
		for _, l := range a.Languages { // an interval is a mean with its half-width
			known = append(known, l.Gain-l.GainHalf, l.Gain+l.GainHalf)
		}
		for _, s := range a.Facts.Sizes { // parameters are shown in millions
			known = append(known, float64(s.Params)/1e6)
		}
		for _, c := range in.Summary.Claims {
			known = append(known, c.Against+c.Margin)
		}
		slices.Sort(known)

		page := string(renderedAs(t, name)["report.html"])
		page = page[strings.Index(page, "<body>"):]
		page = page[:strings.Index(page, `<script type="application/json"`)]
		for _, folded := range []string{`(?s)<svg.*?</svg>`, `(?s)<pre.*?</pre>`, `(?s)<dt>Charts</dt>.*?</dd>`, `(?s)<section id="method".*?</p>\n<p>Unit`, `<code.*?</code>`, `<sup>.*?</sup>`, `(?s)<li id="note.*?</li>`, `Figure \d+\.`, `in 8 of 10`, `nDCG@10`, `\b(50|80|95) %|50, 80 and`, `The first 250 of \d+ rows`, `1 of 20 equally|one of 20`} {
			page = regexp.MustCompile(folded).ReplaceAllString(page, " ")
		}
		page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
		page = strings.NewReplacer("&#43;", "+", "&#34;", `"`, "&amp;", "&", "[", " ", "]", " ", "±", " ").Replace(page)
		checked := 0
		for _, s := range regexp.MustCompile(`[+−]?\d[\d,]*(\.\d+)?`).FindAllString(page, -1) {
			plain := strings.Trim(strings.NewReplacer("−", "-", "+", "", ",", "").Replace(s), ",")
			x, err := strconv.ParseFloat(plain, 64)
			if err != nil {
				continue
			}
			digits := 0
			if _, after, ok := strings.Cut(plain, "."); ok {
				digits = len(after)
			}
			tolerance := 0.5000001 * math.Pow(10, -float64(digits))
			near := func(y float64) bool {
				i, _ := slices.BinarySearch(known, y-tolerance)
				return i < len(known) && known[i] <= y+tolerance
			}
			points := func(y float64) bool {
				i, _ := slices.BinarySearch(known, (y-tolerance)/100)
				return i < len(known) && known[i] <= (y+tolerance)/100
			}
			checked++
			if !near(x) && !points(x) {
				at := strings.Index(page, s)
				t.Errorf("%s: %s is no number of the input: …%s…", name, s, strings.Join(strings.Fields(page[max(0, at-60):min(len(page), at+30)]), " "))
			}
		}
		if checked < 300 {
			t.Errorf("%s: only %d numbers found: the test does not read the page", name, checked)
		}
	}
}

// A claim that rests on part of the encoders says which are left out.
func TestRestsOn(t *testing.T) {
	a := &analysis.Analysis{Name: "law", Facts: analysis.Facts{Runs: 72}}
	p := &page{analyses: map[string]*analysis.Analysis{"law": a}}
	claim := func(expression string, runs int) analysis.ClaimResult {
		return analysis.ClaimResult{Analysis: "law", Expression: expression, Estimate: analysis.Estimate{Runs: runs}}
	}
	diversity := `ame("diversity") > 0`
	for _, c := range []struct {
		claim    analysis.ClaimResult
		repeated bool
		want     string
	}{
		{claim(diversity, 72), true, "72 encoders"},
		{claim(diversity, 48), true, "48 encoders of 72 (where every draw has the same languages they are left out)"},
		{claim(diversity, 48), false, "48 encoders of 72 (the others do not tell this effect apart)"},
		{claim(`mean("student size=s") > 0`, 24), false, "24 encoders"},
	} {
		a.Notes = nil
		if c.repeated {
			a.Notes = []analysis.Note{{Code: analysis.NoteRepeated}}
		}
		if got := p.encodersOf(c.claim); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Words that promise more than an interval does.
func TestWordsOfTheReport(t *testing.T) {
	for _, s := range []string{pageSource, string(renderedAs(t, "large")["report.html"])} {
		s = regexp.MustCompile(`(?s)<script.*?</script>|<pre.*?</pre>`).ReplaceAllString(s, "")
		if x := regexp.MustCompile(`(?i)\bsignifican\w*|\btrend|failed to|\bproves?\b|p &lt;`).FindString(s); x != "" {
			t.Errorf("the report says %q", x)
		}
	}
}

// Text and lines stand out from what they lie on (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	for i, theme := range []string{"light", "dark"} {
		for _, ground := range []string{"--bg", "--card"} {
			for _, ink := range []string{"--fg", "--fg2", "--link", "--ok", "--no", "--un", "--c1", "--c2", "--c3", "--d1", "--d2", "--d3", "--d4", "--d5", "--d6"} {
				if c := contrast(palette[ink][i], palette[ground][i]); c < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", theme, ink, ground, c)
				}
			}
			if c := contrast(palette["--line"][i], palette[ground][i]); c < 3 {
				t.Errorf("%s: --line on %s has a contrast of %.2f, want 3", theme, ground, c)
			}
		}
		// Intervals cross the band of what is too small to matter.
		for _, ink := range []string{"--c1", "--c2", "--fg", "--line"} {
			want := 3.0
			if ink == "--line" {
				want = 2.0
			}
			if c := contrast(palette[ink][i], palette["--rope"][i]); c < want {
				t.Errorf("%s: %s on --rope has a contrast of %.2f, want %.1f", theme, ink, c, want)
			}
		}
	}
	for i := range 101 {
		fill := cividis(float64(i) / 100)
		if c := contrast(fill, inkOn(fill)); c < 4.5 {
			t.Errorf("text on %s (cividis %.2f) has a contrast of %.2f", fill, float64(i)/100, c)
		}
	}
	if c := contrast("#777777", "#ffffff"); math.Abs(c-4.48) > 0.01 { // as published
		t.Errorf("contrast of #777 on white is %.2f, want 4.48", c)
	}
}

func TestNumbersInWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(-0.04, 1), "0.0"},
		{number(-0.06, 1), "−0.1"},
		{signed(2.64, 1), "+2.6"},
		{signed(0, 1), "0.0"},
		{signed(-1, 1), "−1.0"},
		{params(131_072), "0.13 M"},
		{params(1_048_576), "1.0 M"},
		{params(16_777_216), "17 M"},
		{params(66_000), "66 k"},
		{params(999), "999"},
		{params(1_200_000_000), "1.2 B"},
		{params(9_960_000), "10 M"},
		{thousands(4479), "4,479"},
		{thousands(100), "100"},
		{thousands(1234567), "1,234,567"},
		{interval(est("measure", 0.026, 0.007, 8)), "1.9 to 3.3"},
		{interval(est("measure", 0.0261, 0.001, 8)), "2.51 to 2.71"},
		{interval(est("measure", 0.0075, 0.00734, 8)), "0.02 to 1.48"},
		{round3(2.9999999999999996).Shown() + " " + round3(1.77368).Text, "3 1.774"},
		{value(est("log-odds", -0.104, 0.3, 8)), "−0.1"},
		{words([]string{"a", "b", "c"}), "a, b and c"},
		{shell("a b'c"), `'a b'\''c'`},
		{shell("-var"), "-var"},
		{languageName("isl", nil), "Icelandic"},
		{languageName("qaa", nil), "qaa"},
		{languageName("cym", nil), "Welsh"},
		{languageName("tgl", nil), "Tagalog"},
		{languageName("nob", nil), "Norwegian Bokmål"},
		{languageName("srp_Cyrl", nil), "Serbian (Cyrillic)"},
		{languageName("arb", nil), "Arabic"},
		{languageName("not a code", nil), "not a code"},
		{clean("a\x1b[31m\u202eb\x00\tc"), "a[31m·b c"},
		{fileName("a/../b c"), "a----b-c"},
		{fmt.Sprint(digits(0.5), digits(2), digits(0.25)), "1 0 2"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// Nothing measured, one language, one of everything: the page says what it
// can and draws what there is.
func TestSparseSummaries(t *testing.T) {
	one := shape{budgets: 1, languages: 1, draws: 1, sizes: []int64{1000}, diversities: []int{1}}
	in := fixture(one)
	empty := Input{Summary: analysis.Summary{Title: "Empty"}}
	bare := Input{Summary: analysis.Summary{Analyses: []analysis.Analysis{{Name: "a", Measure: "RR@10"}}, Claims: []analysis.ClaimResult{{Name: "c", Verdict: analysis.Inconclusive, Case: analysis.CaseNotEnough, Reason: analysis.ReasonNoData}}}}
	for i := range in.Study.Leakage {
		in.Study.Leakage[i] = Leakage{Retrieval: "zero_shot", Mode: "error", Compared: 144}
	}
	partial := fixture(small)
	partial.Summary.Partial = &analysis.Partial{Done: 3, All: 600, Only: "size=xs"}
	two := fixture(small)
	second := two.Summary.Analyses[0]
	second.Name = "other"
	two.Summary.Analyses = append(two.Summary.Analyses, second)
	noBaseline := fixture(small)
	a := &noBaseline.Summary.Analyses[0]
	a.Gains, a.Effects, a.Difference, a.Curves = nil, nil, nil, nil
	for i := range a.Cells {
		a.Cells[i].HasGain, a.Cells[i].PerLanguageGain = false, nil
	}
	for i := range a.Languages {
		a.Languages[i].HasGain, a.Languages[i].Effects = false, nil
	}
	alike := fixture(small)
	alike.Summary.Analyses[0].Effects = slices.Clone(alike.Summary.Analyses[0].Effects)
	alike.Summary.Analyses[0].Effects[0].AME.VarShared = 1e-6
	diversityOnly := fixture(shape{budgets: 1, languages: 3, draws: 2, sizes: []int64{5000}, diversities: []int{1, 2, 9}})
	for name, c := range map[string]struct {
		in      Input
		figures int
		holds   string
	}{
		"one":            {in, 2, "In zero_shot, 144 pairs of a training set and a test set were compared as normalised text; one text in common"},
		"empty":          {empty, 0, "Empty"},
		"bare":           {bare, 0, "no data"},
		"alike":          {alike, 7, "Languages share queries, and intervals hold what these do to all of them at once."},
		"partial":        {partial, 7, "Only part of the grid was run:</b> 3 of 600 cells (-only size=xs)"},
		"two":            {two, 14, `id="table-other-languages"`},
		"no baseline":    {noBaseline, 4, "this study has no untrained encoder"},
		"diversity only": {diversityOnly, 5, "effective number of training languages"},
	} {
		files, err := render(c.in, shared)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		n := 0
		for file := range files {
			if strings.HasSuffix(file, ".svg") {
				n++
			}
		}
		if n != c.figures {
			t.Errorf("%s: %d figures, want %d", name, n, c.figures)
		}
		if !strings.Contains(string(files["report.html"]), c.holds) {
			t.Errorf("%s: the page does not say %q", name, c.holds)
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(string(files["report.html"]), -1) {
			if ids[m[1]] {
				t.Errorf("%s: two elements have the id %q", name, m[1])
			}
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(string(files["report.html"]), -1) {
			if !ids[m[1]] {
				t.Errorf("%s: a link to #%s, which is not there", name, m[1])
			}
		}
	}
}

func BenchmarkRender(b *testing.B) {
	in := fixture(small)
	for b.Loop() {
		if _, err := Render(in); err != nil {
			b.Fatal(err)
		}
	}
}

// A figure that cannot be drawn is left out with a note; the report and the
// other figures stay.
func TestOneFigureFails(t *testing.T) {
	in := fixture(small)
	e, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	breaks := func() (*engine, error) {
		n := 0
		return &engine{vm: e.vm, svg: func(this goja.Value, args ...goja.Value) (goja.Value, error) {
			if n++; n == 2 {
				return nil, errors.New("no canvas")
			}
			return e.svg(this, args...)
		}}, nil
	}
	files, err := render(in, breaks)
	if err != nil {
		t.Fatal(err)
	}
	page := string(files["report.html"])
	if !strings.Contains(page, "is left out, because it could not be drawn: no canvas") {
		t.Error("the page does not say that a figure is left out")
	}
	if files["figures/fig-6.svg"] == nil || files["figures/fig-7.svg"] != nil {
		t.Error("want six figures, numbered without a gap")
	}
	if !strings.Contains(page, "Figure 2. Accuracy against training languages.") {
		t.Error("the third figure does not take the place of the second")
	}
}

// Strata, equal values, cells without draws, nothing but zeros: every valid
// summary gives a report with all its figures.
func TestEveryFigureIsDrawn(t *testing.T) {
	for name, change := range map[string]func(*analysis.Analysis){
		"strata": func(a *analysis.Analysis) {
			a.Facts.Strata = []string{"exact", "ip"}
			for i := range a.Cells {
				a.Cells[i].Stratum = a.Facts.Strata[i%2]
			}
			a.Draws, a.Curves = nil, nil
		},
		"another stratum": func(a *analysis.Analysis) {
			a.Facts.Strata = []string{"none", "other"} // no cell is of the first
		},
		"flat": func(a *analysis.Analysis) {
			for i := range a.Cells {
				c := &a.Cells[i]
				c.Mean, c.Half, c.Low, c.High, c.Gain, c.GainHalf = 0.5, 0, 0.5, 0.5, 0, 0
				for l := range c.PerLanguage {
					c.PerLanguage[l] = 0.5
				}
				for l := range c.PerLanguageGain {
					c.PerLanguageGain[l] = 0
				}
				c.PerLanguageHalf, c.PerLanguageGainHalf = nil, nil
			}
			a.Draws, a.Curves = nil, nil
		},
		"zero": func(a *analysis.Analysis) {
			zero := func(e *analysis.Estimate) { *e = analysis.Estimate{OK: true, Unit: e.Unit} }
			for i := range a.Effects {
				zero(&a.Effects[i].AME)
			}
			for i := range a.Gains {
				zero(&a.Gains[i].Gain)
			}
			for i := range a.Languages {
				for j := range a.Languages[i].Effects {
					a.Languages[i].Effects[j] = analysis.LanguageEffect{Factor: a.Languages[i].Effects[j].Factor}
				}
			}
			a.Difference = nil
		},
		"no cells": func(a *analysis.Analysis) { a.Cells, a.Draws = nil, nil },
	} {
		in := fixture(small)
		change(&in.Summary.Analyses[0])
		files, err := render(in, shared)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		page := string(files["report.html"])
		if i := strings.Index(page, "could not be drawn"); i >= 0 {
			t.Errorf("%s: %s", name, page[max(0, i-120):min(len(page), i+150)])
		}
		if files["figures/fig-1.svg"] == nil {
			t.Errorf("%s: no figure", name)
		}
	}
}

// A name says the script only where the language alone would be two targets.
func TestNamesOfTargets(t *testing.T) {
	d := &drawing{a: &analysis.Analysis{}, study: &Study{Names: map[string]string{"qaa": "Arvelian"}}}
	for _, c := range []string{"cat_Latn", "uzn_Cyrl", "uzn_Latn", "tgl_Latn", "qaa", "zzz_Latn"} {
		d.a.Facts.Targets = append(d.a.Facts.Targets, analysis.Target{Code: c})
	}
	var got []string
	for _, t := range d.a.Facts.Targets {
		got = append(got, d.name(t.Code))
	}
	want := []string{"Catalan", languageName("uzn_Cyrl", nil), languageName("uzn_Latn", nil), "Tagalog", "Arvelian", languageName("zzz_Latn", nil)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// To look at a report of results that exist:
//
//	XLRUN_SUMMARY=…/summary.json XLRUN_REPORT=a/directory go test -run RenderASummary ./internal/report
func TestRenderASummary(t *testing.T) {
	path, dir := os.Getenv("XLRUN_SUMMARY"), os.Getenv("XLRUN_REPORT")
	if path == "" || dir == "" {
		t.Skip("XLRUN_SUMMARY and XLRUN_REPORT are not set")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var in Input
	if err := json.Unmarshal(b, &in.Summary); err != nil {
		t.Fatal(err)
	}
	files, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
