package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"
)

func TestPDFHoldsTheWordsOfTheFigure(t *testing.T) {
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("no pdftotext on this machine")
	}
	for _, c := range []struct {
		file  string
		words []string
	}{
		{"figures/fig-1.pdf", []string{"Doubling the", "encoder", "Points of nDCG@10 per doubling", "0.5"}},
		{"figures/fig-2.pdf", []string{"Trained on", "4 languages", "0.13 M", "nDCG@10, mean of 8 languages"}},
		{"figures/fig-5.pdf", []string{"Borsk", "Hesperian", "points"}},
	} {
		path := filepath.Join(t.TempDir(), "f.pdf")
		if err := os.WriteFile(path, renderedAs(t, "small")[c.file], 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, path, "-").Output()
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		text := strings.Join(strings.Fields(string(out)), " ")
		for _, w := range c.words {
			if !strings.Contains(text, w) {
				t.Errorf("%s does not hold %q: %s", c.file, w, text)
			}
		}
	}
}

// pdfContent draws one path at one point per pixel, uncompressed.
func pdfContent(t *testing.T, body string) (string, error) {
	t.Helper()
	fpdf.SetDefaultCompression(false)
	defer fpdf.SetDefaultCompression(true)
	b, err := pdf(`<svg width="100" height="100">`+body+`</svg>`, 100)
	_, content, _ := bytes.Cut(b, []byte("stream\n"))
	content, _, _ = bytes.Cut(content, []byte("endstream"))
	return string(content), err
}

// PDF counts from the lower left: y there is 100 − y here.
func TestPDFPaths(t *testing.T) {
	for _, c := range []struct {
		body string
		want []string
	}{
		{`<path fill="#ff0000" d="M10,20h30v40l-5,-5H0V1Z"/>`, []string{"1.000 0.000 0.000 rg", "10.00 80.00 m", "40.00 80.00 l", "40.00 40.00 l", "35.00 45.00 l", "0.00 45.00 l", "0.00 99.00 l", "h\nf"}},
		{`<g transform="translate(50,50)"><path fill="#000" d="M10,0A10,10,0,1,1,-10,0A10,10,0,1,1,10,0"/></g>`, // a circle, by way of its lowest point
			[]string{"60.00 50.00 m", "50.00000 40.00000 c", "40.00000 50.00000 c", "50.00000 60.00000 c", "60.00000 50.00000 c"}},
		{`<g transform="translate(10,10) rotate(90)"><line x2="30" stroke="#0000ff" stroke-width="2" stroke-dasharray="6,3"/></g>`, []string{"2.00 w", "[6.00 3.00] 0.00 d", "10.00 90.00 m", "10.00 60.00 l", "S"}},
		{`<path d="M0,0L1,1" fill="none"/><path display="none" d="M0,0L77,77" stroke="#000"/>`, nil},
	} {
		got, err := pdfContent(t, c.body)
		if err != nil {
			t.Fatal(err)
		}
		rest := got
		for _, w := range c.want {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Errorf("%s: want %q in what follows\n%s", c.body, w, got)
				break
			}
			rest = after
		}
		if c.want == nil && strings.Contains(got, " l\n") {
			t.Errorf("%s: draws %s", c.body, got)
		}
	}
}

func TestPDFRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, body := range []string{`<image href="x"/>`, `<path fill="#000" d="M0,0Q1,1,2,2"/>`, `<path fill="#000" d="M0,zero"/>`, `<g transform="skewX(3)"/>`} {
		if _, err := pdfContent(t, body); err == nil {
			t.Errorf("%s: want an error", body)
		}
	}
	for _, svg := range []string{"", "<html/>", `<svg width="0" height="5"></svg>`, "<svg width='5' height='5'><g>"} {
		if _, err := pdf(svg, 100); err == nil {
			t.Errorf("%q: want an error", svg)
		}
	}
}
