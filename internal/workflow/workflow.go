// Package workflow reads a study written in HCL into a typed Workflow in which
// every value keeps its source range.
//
// The one thing to know: expressions are not evaluated when a file is read but
// once per combination of the axes that they depend on (Arg.Value), and
// references between blocks are not values at all: they are read from the
// syntax (Ref), so that the shape of the grid is known before anything is
// evaluated. Every mistake is an hcl.Diagnostic; reading goes on after one, so
// that all are shown at once.
//
// The package knows no component's arguments (package study checks those
// against the plugins' declarations) and reads nothing but the workflow and
// the files beside it that file() names.
package workflow

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Workflow is a study as its author wrote it.
type Workflow struct {
	Name string // of the file without .hcl, or of the directory
	Dir  string // absolute; paths in the files are relative to it

	RequiredVersion string
	Plugins         []Plugin
	Title, Question string

	Axes     []*Axis
	Blocks   []*Block // in file order
	Analyses []*Analysis
	Claims   []*Claim

	files      map[string]*hcl.File
	variables  map[string]*variable
	inputs     map[string]cty.Value // decided variables
	locals     map[string]*Arg
	axisByName map[string]*Axis
	blocks     map[string]*Block // by address
	funcs      *library
}

// Plugin is a third-party plugin that the workflow requires.
type Plugin struct {
	Name    string
	Source  string // absolute path of an executable or a plugin directory
	Version string
	Range   hcl.Range
}

// Axis is one dimension of the grid. Values are in the author's order.
type Axis struct {
	Name   string
	Role   string
	Values []AxisValue
	Index  int // among the workflow's axes
	Range  hcl.Range
}

// AxisValue is one value of an axis: a scalar, or a named object.
type AxisValue struct {
	Label string
	Value cty.Value
}

// The roles of an axis.
const (
	RoleSize      = "size"
	RoleDiversity = "diversity"
	RoleBudget    = "budget"
	RoleDraw      = "draw"
	RoleTarget    = "target"
	RoleFactor    = "factor"
)

var roles = []string{RoleSize, RoleDiversity, RoleBudget, RoleDraw, RoleTarget, RoleFactor}

// Block is a block that has instances: a loader, a mixture, an encoder, a
// task, an index, a metric, a run, a retrieval or a fuse.
type Block struct {
	Type      string
	Component string // label 1 of component blocks, and the format of a run; "" for mixture, task, retrieval, fuse
	Name      string
	Args      map[string]*Arg // plain arguments, `when` left out
	Refs      map[string]*Ref // reference-typed arguments
	Train     *Block          // the train block of an encoder; Type "train"
	When      *Arg
	Body      *hclsyntax.Body
	Range     hcl.Range // of the header
}

// Address returns "encoder.student".
func (b *Block) Address() string { return b.Type + "." + b.Name }

// Title returns what the author wrote as header: `encoder "subword" "student"`.
func (b *Block) Title() string {
	if b.Component != "" {
		return fmt.Sprintf("%s %q %q", b.Type, b.Component, b.Name)
	}
	return fmt.Sprintf("%s %q", b.Type, b.Name)
}

// Analysis is an analysis block.
type Analysis struct {
	Name      string
	Of        *Block // a retrieval or a fuse
	Measure   string
	Baseline  *Block   // an encoder or a run; nil
	Reference []string // codes of languages that gaps are measured to; nil
	Worst     int      // how many languages the worst are; 0: the default
	Ranges    map[string]hcl.Range
	Range     hcl.Range
}

// Claim is a claim block.
type Claim struct {
	Name       string
	Of         *Analysis
	Statement  string
	Holds      Comparison
	HoldsRange hcl.Range
	Margin     float64
	Range      hcl.Range
}

// Load reads a workflow file, or a directory of *.hcl files, and decides its
// variables. The diagnostics may be warnings only. files holds the sources
// that the diagnostics refer to, also when reading went wrong.
func Load(path string, given []Input) (w *Workflow, files map[string]*hcl.File, diags hcl.Diagnostics) {
	parser := hclparse.NewParser()
	paths, dir, name, err := sources(path)
	if err != nil {
		return nil, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "No workflow", Detail: err.Error()}}
	}
	if !usableName(name) {
		return nil, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unusable name", Detail: fmt.Sprintf("A workflow named %q would have its results where others lie. Rename %s.", name, path)}}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "No workflow", Detail: err.Error()}}
	}
	w = &Workflow{
		Name: name, Dir: abs,
		variables: map[string]*variable{}, inputs: map[string]cty.Value{}, locals: map[string]*Arg{},
		axisByName: map[string]*Axis{}, blocks: map[string]*Block{},
	}
	w.funcs = newLibrary(abs)
	var bodies []*hclsyntax.Body
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unreadable workflow file", Detail: err.Error() + "."})
			continue
		}
		if d := checkEncoding(p, src); d != nil {
			diags = append(diags, d)
			continue
		}
		f, d := parser.ParseHCL(src, p)
		diags = append(diags, d...)
		if f == nil {
			continue
		}
		if body, ok := f.Body.(*hclsyntax.Body); ok {
			bodies = append(bodies, body)
		}
	}
	w.files = parser.Files()
	if diags.HasErrors() {
		// A file that does not parse makes every reference into it look wrong.
		return w, w.files, diags
	}
	diags = append(diags, w.read(bodies, given)...)
	return w, w.files, diags
}

func sources(path string) (files []string, dir, name string, err error) {
	st, err := os.Stat(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, "", "", fmt.Errorf("there is no file or directory %q. Give the path of a workflow, such as workflows/quickstart.hcl", path)
		}
		return nil, "", "", err
	}
	if !st.IsDir() {
		if filepath.Ext(path) != ".hcl" {
			return nil, "", "", fmt.Errorf("%q does not end in .hcl: workflows are HCL files", path)
		}
		if strings.HasSuffix(path, ".lock.hcl") {
			return nil, "", "", fmt.Errorf("%q is a lock file, not a workflow", path)
		}
		return []string{path}, filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".hcl"), nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, "", "", err
	}
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".hcl" && !strings.HasSuffix(e.Name(), ".lock.hcl") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, "", "", fmt.Errorf("the directory %q holds no *.hcl file", path)
	}
	sort.Strings(files)
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", "", err
	}
	return files, path, filepath.Base(abs), nil
}

// usableName reports whether results can lie in a directory of that name,
// beside the store.
func usableName(name string) bool {
	return name != "" && name[0] != '.' && name != "store"
}

func sentence(err error) string { return strings.TrimSuffix(err.Error(), ".") + "." }

func checkEncoding(path string, src []byte) *hcl.Diagnostic {
	switch {
	case len(src) >= 2 && (src[0] == 0xff && src[1] == 0xfe || src[0] == 0xfe && src[1] == 0xff):
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Wrong encoding", Detail: fmt.Sprintf("%s is UTF-16. Save it as UTF-8.", path)}
	case len(src) == 0:
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Empty workflow", Detail: fmt.Sprintf("%s is empty.", path)}
	case bytes.IndexByte(src, 0) >= 0:
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Not a text file", Detail: fmt.Sprintf("%s holds NUL bytes: it is no text, or not in UTF-8.", path)}
	case !utf8.Valid(src):
		line := 1
		for len(src) > 0 {
			r, n := utf8.DecodeRune(src)
			if r == utf8.RuneError && n == 1 {
				break
			}
			if r == '\n' {
				line++
			}
			src = src[n:]
		}
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Wrong encoding", Detail: fmt.Sprintf("%s is not UTF-8: see line %d. Save it as UTF-8.", path, line)}
	case bytes.IndexByte(src, '\r') >= 0 && bytes.IndexByte(src, '\n') < 0:
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Wrong line ends", Detail: fmt.Sprintf("%s has lines that end in CR only. Save it with LF or CRLF.", path)}
	}
	return nil
}

// Block returns the block with an address such as "encoder.student".
func (w *Workflow) Block(address string) *Block { return w.blocks[address] }

// Axis returns an axis by name, or nil.
func (w *Workflow) Axis(name string) *Axis { return w.axisByName[name] }

// Inputs returns the variables as decided, as plain Go values, for the record.
func (w *Workflow) Inputs() map[string]any {
	out := map[string]any{}
	for name, v := range w.inputs {
		if g, err := Plain(v); err == nil {
			out[name] = g
		}
	}
	return out
}

// Required lists the variables that have no default, sorted.
func (w *Workflow) Required() []string {
	var out []string
	for _, name := range keys(w.variables) {
		if w.variables[name].required {
			out = append(out, name)
		}
	}
	return out
}

func diag(rng hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &rng}
}

// Find returns the index of the value with a label, or -1.
func (x *Axis) Find(label string) int {
	for i, v := range x.Values {
		if v.Label == label {
			return i
		}
	}
	return -1
}

// ConsoleFile is the file name in diagnostics of Evaluate.
const ConsoleFile = "<console>"

// Evaluate evaluates an expression at a point, as an argument would.
func (w *Workflow) Evaluate(src string, p Point) (cty.Value, hcl.Diagnostics) {
	expr, diags := hclsyntax.ParseExpression([]byte(src), ConsoleFile, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	a, diags := w.newArg("expression", expr, expr.Range())
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	w.inherit(a)
	return a.Value(p)
}
