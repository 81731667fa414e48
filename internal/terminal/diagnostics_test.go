package terminal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/xlrun/xlrun/sdk"
)

const badWorkflow = `encoder "hf" "labse" {
  model     = "sentence-transformers/LaBSE"
	bach_size = 64
}

metric "ir" "quality" { measures = ["nDCG@10", "RR@10", "R@10", "R@100", "AP@10", "P@10", "Success@1", "nDGC@10", "Success@5"] }
`

// badDiagnostics parses a workflow and finds fault with it.
func badDiagnostics(t *testing.T) (map[string]*hcl.File, hcl.Diagnostics) {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(badWorkflow), "clir.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	body := f.Body.(*hclsyntax.Body)
	attr := body.Blocks[0].Body.Attributes["bach_size"]
	measure := body.Blocks[1].Body.Attributes["measures"].Expr.(*hclsyntax.TupleConsExpr).Exprs[7].Range()
	gone := hcl.Range{Filename: "other.hcl", Start: hcl.Pos{Line: 3, Column: 1}, End: hcl.Pos{Line: 3, Column: 1}}
	return map[string]*hcl.File{"clir.hcl": f}, hcl.Diagnostics{
		{Severity: hcl.DiagError, Summary: "Unsupported argument", Detail: `An argument named "bach_size" is not expected here. Did you mean "batch_size"?`, Subject: attr.SrcRange.Ptr()},
		{Severity: hcl.DiagError, Summary: "Unknown measure", Detail: "There is no measure \"nDGC@10\". Did you mean \"nDCG@10\"?\nThe same holds 3 more times here, with other values.", Subject: &measure},
		{Severity: hcl.DiagWarning, Summary: "Elsewhere", Detail: "A file that nobody has.", Subject: &gone},
		{Severity: hcl.DiagError, Summary: "No workflow", Detail: "open x.hcl: no such file or directory."},
	}
}

func TestDiagnosticsGolden(t *testing.T) {
	files, diags := badDiagnostics(t)
	for _, c := range captures {
		s := newScreen(c.width, c.height)
		u := testUI(s, c.tty, Options{}, c.env...)
		u.Diagnostics(files, diags)
		u.Error(fmt.Errorf("open the store: %w", errors.New("permission denied\n  | second line")), "give another directory with -store, or set XLRUN_STORE to one that can be written to.")
		golden(t, "errors_"+c.name+".txt", s.take())
	}
}

// TestLayout is the example in our notes on style.
func TestLayout(t *testing.T) {
	files, diags := badDiagnostics(t)
	s := newScreen(100, 24)
	testUI(s, false, Options{}, "LANG", utf8Locale).Diagnostics(files, diags[:1])
	want := `Error: Unsupported argument
  on clir.hcl line 3, in encoder "hf" "labse":
  3:   bach_size = 64
An argument named "bach_size" is not expected here. Did you mean "batch_size"?
`
	if d := cmp.Diff(want, s.take()); d != "" {
		// 80 columns hold all of it.
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDiagnosticsJSON(t *testing.T) {
	files, diags := badDiagnostics(t)
	out, people := newScreen(0, 0), newScreen(0, 0)
	u := newUI(out.stream(false), people.stream(false), Options{JSON: true, Env: env()})
	u.Diagnostics(files, diags)
	var doc struct {
		FormatVersion string `json:"format_version"`
		Valid         bool   `json:"valid"`
		Errors        int    `json:"error_count"`
		Warnings      int    `json:"warning_count"`
		Diagnostics   []struct {
			Severity, Summary, Detail, Block, Source string
			Range                                    *struct {
				File       string
				Start, End struct{ Line, Column, Byte int }
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.FormatVersion != "1.0" || doc.Valid || doc.Errors != 3 || doc.Warnings != 1 || len(doc.Diagnostics) != 4 {
		t.Errorf("got %+v", doc)
	}
	first := doc.Diagnostics[0]
	if first.Range == nil || first.Range.Start.Line != 3 || first.Range.Start.Column != 2 || first.Block != `encoder "hf" "labse"` || first.Source != "\tbach_size = 64" {
		t.Errorf("the first is %+v", first)
	}
	if doc.Diagnostics[3].Range != nil {
		t.Error("a range where there is none")
	}
	if !strings.HasPrefix(people.take(), "Error: Unsupported argument\n") {
		t.Error("people are told nothing")
	}

	// Without mistakes there is a document all the same.
	out.Reset()
	u.Diagnostics(files, nil)
	if got := out.take(); !strings.Contains(got, `"valid": true`) || !strings.Contains(got, `"diagnostics": []`) || people.Len() > 0 {
		t.Errorf("valid: %q", got)
	}
}

// TestErrorShowsDiagnostics hands Error what carries diagnostics inside.
func TestErrorShowsDiagnostics(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("read: %w", sdk.Diagnostics{{Summary: "Unknown option", Detail: "There is none."}}),
		fmt.Errorf("read: %w", hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unknown option", Detail: "There is none."}}),
	} {
		s := newScreen(80, 24)
		testUI(s, false, Options{}).Error(err)
		if got, want := s.take(), "Error: Unknown option\nThere is none.\n"; got != want {
			t.Errorf("%T: %q, want %q", err, got, want)
		}
	}
	s := newScreen(80, 24)
	testUI(s, false, Options{}).Error(nil)
	if s.Len() > 0 {
		t.Errorf("no error: %q", s.take())
	}
}
