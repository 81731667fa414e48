package terminal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/sdk"
)

// Diagnostics shows what is wrong with a workflow on stderr: each with its
// place, the source line and what to do. files holds the sources, by the names
// in the ranges. With JSON, stdout gets the same as one document; with Events,
// as one event each.
func (u *UI) Diagnostics(files map[string]*hcl.File, diags hcl.Diagnostics) {
	if len(diags) > 0 {
		u.write(&u.err, u.diagnostics(u.paint(&u.err), files, diags))
	}
	switch {
	case u.opts.Events:
		for _, d := range diags {
			u.events.send("diagnostic", jsonDiagnostic(files, d))
		}
	case u.opts.JSON:
		u.mu.Lock()
		defer u.mu.Unlock()
		_ = WriteDiagnosticsJSON(u.out.w, files, diags)
	}
}

func (u *UI) diagnostics(p painter, files map[string]*hcl.File, diags hcl.Diagnostics) string {
	var b strings.Builder
	for i, d := range diags {
		if i > 0 {
			b.WriteByte('\n')
		}
		u.diagnostic(&b, p, files, d)
	}
	return b.String()
}

func (u *UI) diagnostic(b *strings.Builder, p painter, files map[string]*hcl.File, d *hcl.Diagnostic) {
	word := p.in("Error:", red, bold)
	if d.Severity == hcl.DiagWarning {
		word = p.in("Warning:", yellow, bold)
	}
	b.WriteString(p.wrap(word+" "+p.in(u.show(d.Summary), bold), 0, 2) + "\n")
	if d.Subject != nil {
		where := fmt.Sprintf("on %s line %d", u.show(d.Subject.Filename), d.Subject.Start.Line)
		if block := blockAt(files[d.Subject.Filename], d.Subject); block != "" {
			where += ", in " + u.show(block)
		}
		b.WriteString(p.wrap(where+":", 2, 4) + "\n")
		if before, hit, after, ok := sourceLine(files[d.Subject.Filename], d.Subject); ok {
			number := fmt.Sprintf("  %d: ", d.Subject.Start.Line)
			b.WriteString(number + u.excerpt(p, before, hit, after, p.width-cells(number)) + "\n")
		}
	}
	for _, line := range strings.Split(strings.TrimRight(d.Detail, "\n"), "\n") {
		if strings.TrimSpace(line) != "" {
			b.WriteString(p.wrap(u.show(line), 0, 0) + "\n")
		}
	}
}

// excerpt shows a source line in at most n cells, what is meant always in it.
// Spaces stay as they are written: the line must be recognised.
func (u *UI) excerpt(p painter, before, hit, after string, n int) string {
	before, hit, after = u.shown(before), u.shown(hit), u.shown(after)
	if cells(before)+cells(hit)+cells(after) > n {
		room := max(n-cells(hit), 0)
		if cells(before) > room*2/3 && cells(before)+cells(hit) > n*2/3 {
			before = p.cutFront(before, max(0, room*2/3))
		}
		hit = p.cut(hit, n-cells(before))
		after = p.cut(after, n-cells(before)-cells(hit))
	}
	return strings.TrimRight(before+p.in(hit, under)+after, " ")
}

// shown is show for a piece of source.
func (u *UI) shown(s string) string { return u.show(strings.ReplaceAll(s, "\t", "  ")) }

// blockAt names the block that a range lies in: encoder "hf" "labse".
func blockAt(f *hcl.File, rng *hcl.Range) string {
	if f == nil {
		return ""
	}
	if nav, ok := f.Nav.(interface{ ContextString(offset int) string }); ok {
		return nav.ContextString(rng.Start.Byte)
	}
	return ""
}

// sourceLine returns the first line of a range: what is before, in and after
// the range.
func sourceLine(f *hcl.File, rng *hcl.Range) (before, hit, after string, ok bool) {
	if f == nil || rng.Start.Byte < 0 || rng.Start.Byte > len(f.Bytes) {
		return "", "", "", false
	}
	src := string(f.Bytes)
	start := rng.Start.Byte
	from := strings.LastIndexByte(src[:start], '\n') + 1
	to := len(src)
	if i := strings.IndexByte(src[start:], '\n'); i >= 0 {
		to = start + i
	}
	end := min(max(rng.End.Byte, start), to)
	return src[from:start], src[start:end], strings.TrimRight(src[end:to], "\r"), true
}

// Error says on stderr what went wrong, and what could help. Diagnostics in
// err are shown as such.
func (u *UI) Error(err error, hints ...string) {
	if err == nil {
		return
	}
	var hd hcl.Diagnostics
	if errors.As(err, &hd) {
		u.Diagnostics(nil, hd)
		u.hints(hints)
		return
	}
	if sd, ok := sdk.AsDiagnostics(err); ok {
		for _, d := range sd {
			sev := hcl.DiagError
			if d.Warning {
				sev = hcl.DiagWarning
			}
			hd = append(hd, &hcl.Diagnostic{Severity: sev, Summary: d.Summary, Detail: d.Detail})
		}
		u.Diagnostics(nil, hd)
		u.hints(hints)
		return
	}
	u.events.send("error", struct {
		Detail string   `json:"detail"`
		Hints  []string `json:"hints,omitempty"`
	}{err.Error(), hints})
	p := u.paint(&u.err)
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		if i == 0 {
			b.WriteString(p.wrap("xlrun: "+p.in("error:", red, bold)+" "+u.show(line), 0, 2) + "\n")
			continue
		}
		b.WriteString("  " + strings.TrimRight(u.shown(line), " ") + "\n")
	}
	u.write(&u.err, b.String())
	u.hints(hints)
}

func (u *UI) hints(hints []string) {
	p := u.paint(&u.err)
	for _, h := range hints {
		if h != "" {
			u.write(&u.err, p.wrap("xlrun: "+p.in("hint:", blue, bold)+" "+u.show(h), 0, 2)+"\n")
		}
	}
}

// diagnosticJSON is one diagnostic as a program reads it.
type diagnosticJSON struct {
	Severity string     `json:"severity"` // error, warning
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail,omitempty"`
	Range    *rangeJSON `json:"range,omitempty"`
	Block    string     `json:"block,omitempty"`  // encoder "hf" "labse"
	Source   string     `json:"source,omitempty"` // the first line of the range
}

type rangeJSON struct {
	File  string  `json:"file"`
	Start posJSON `json:"start"`
	End   posJSON `json:"end"`
}

type posJSON struct {
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // from 1, in characters
	Byte   int `json:"byte"`   // from 0
}

func jsonDiagnostic(files map[string]*hcl.File, d *hcl.Diagnostic) diagnosticJSON {
	out := diagnosticJSON{Severity: "error", Summary: d.Summary, Detail: d.Detail}
	if d.Severity == hcl.DiagWarning {
		out.Severity = "warning"
	}
	if r := d.Subject; r != nil {
		at := func(p hcl.Pos) posJSON { return posJSON{p.Line, p.Column, p.Byte} }
		out.Range = &rangeJSON{r.Filename, at(r.Start), at(r.End)}
		out.Block = blockAt(files[r.Filename], r)
		if before, hit, after, ok := sourceLine(files[r.Filename], r); ok {
			out.Source = before + hit + after
		}
	}
	return out
}

// WriteDiagnosticsJSON writes diagnostics as one document:
// {"format_version", "valid", "error_count", "warning_count", "diagnostics"}.
func WriteDiagnosticsJSON(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics) error {
	doc := struct {
		FormatVersion string           `json:"format_version"`
		Valid         bool             `json:"valid"`
		Errors        int              `json:"error_count"`
		Warnings      int              `json:"warning_count"`
		Diagnostics   []diagnosticJSON `json:"diagnostics"`
	}{FormatVersion: jsonFormat, Valid: !diags.HasErrors(), Diagnostics: []diagnosticJSON{}}
	for _, d := range diags {
		if d.Severity == hcl.DiagWarning {
			doc.Warnings++
		} else {
			doc.Errors++
		}
		doc.Diagnostics = append(doc.Diagnostics, jsonDiagnostic(files, d))
	}
	return writeJSON(w, doc)
}

// jsonFormat is the version of the documents that -json writes.
const jsonFormat = "1.0"

func writeJSON(w io.Writer, doc any) error {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = io.WriteString(w, harmless(b)+"\n")
	return err
}
