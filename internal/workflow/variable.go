package workflow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/xlrun/xlrun/sdk"
)

// Input is a value given to a variable from outside. Later inputs win.
type Input struct {
	Name string
	Raw  string // as typed
	From string // "-var", "XLRUN_VAR_data", or the name of a variable file
	Dir  string // what a relative path is relative to

	value *cty.Value // from a variable file
	rng   hcl.Range
}

// EnvPrefix starts the names of environment variables that set variables.
const EnvPrefix = "XLRUN_VAR_"

// EnvInputs returns the variables set in the environment: name=value pairs as
// os.Environ gives them.
func EnvInputs(environ []string, dir string) []Input {
	var out []Input
	for _, kv := range environ {
		name, value, ok := strings.Cut(kv, "=")
		if v, is := strings.CutPrefix(name, EnvPrefix); ok && is && v != "" {
			out = append(out, Input{Name: v, Raw: value, From: name, Dir: dir})
		}
	}
	slices.SortFunc(out, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// FlagInput parses name=value.
func FlagInput(s, dir string) (Input, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || !hclsyntax.ValidIdentifier(name) {
		return Input{}, fmt.Errorf("-var %q: want name=value", s)
	}
	return Input{Name: name, Raw: value, From: "-var", Dir: dir}, nil
}

// FileInputs reads a variable file: HCL, one name = value per line.
func FileInputs(path string) ([]Input, map[string]*hcl.File, hcl.Diagnostics) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Unreadable variable file", Detail: sentence(err)}}
	}
	f, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	files := map[string]*hcl.File{path: f}
	if diags.HasErrors() {
		return nil, files, diags
	}
	attrs, d := f.Body.JustAttributes()
	diags = append(diags, d...)
	dir := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	var out []Input
	for _, name := range keys(attrs) {
		v, d := attrs[name].Expr.Value(nil)
		diags = append(diags, d...)
		if !d.HasErrors() {
			out = append(out, Input{Name: name, From: path, Dir: dir, value: &v, rng: attrs[name].Range})
		}
	}
	return out, files, diags
}

type variable struct {
	name       string
	typ        cty.Type
	defaults   *typeexpr.Defaults
	path       bool
	required   bool
	def        cty.Value
	defRange   hcl.Range
	rng        hcl.Range
	validation []validation
}

type validation struct {
	condition hclsyntax.Expression
	message   hclsyntax.Expression
	rng       hcl.Range
}

func (w *Workflow) readVariable(blk *hclsyntax.Block) hcl.Diagnostics {
	diags := oneLabel(blk, "variable")
	if diags.HasErrors() {
		return diags
	}
	v := &variable{name: blk.Labels[0], typ: cty.DynamicPseudoType, required: true, rng: blk.DefRange()}
	if old, ok := w.variables[v.name]; ok {
		return hcl.Diagnostics{diag(v.rng, "Variable defined twice", "Variable %q is already defined at %s.", v.name, place(old.rng))}
	}
	w.variables[v.name] = v
	for _, name := range keys(blk.Body.Attributes) {
		attr := blk.Body.Attributes[name]
		switch name {
		case "type":
			if hcl.ExprAsKeyword(attr.Expr) == "path" {
				v.typ, v.path = cty.String, true
				continue
			}
			t, defaults, d := typeexpr.TypeConstraintWithDefaults(attr.Expr)
			diags = append(diags, d...)
			if !d.HasErrors() {
				v.typ, v.defaults = t, defaults
			}
		case "default":
			val, d := attr.Expr.Value(&hcl.EvalContext{Functions: w.funcs.all})
			diags = append(diags, d...)
			v.required, v.def, v.defRange = false, val, attr.Expr.Range()
			if d.HasErrors() {
				v.def = cty.NilVal
			}
		case "description":
			_, d := constString(attr)
			diags = append(diags, d...)
		default:
			diags = append(diags, unsupported(attr.NameRange, name, variableArgs))
		}
	}
	for _, b := range blk.Body.Blocks {
		if b.Type != "validation" {
			diags = append(diags, diag(b.DefRange(), "Unsupported block", "A variable may hold validation blocks, not %q.", b.Type))
			continue
		}
		val := validation{rng: b.DefRange()}
		for name, attr := range b.Body.Attributes {
			switch name {
			case "condition":
				val.condition = attr.Expr
			case "error_message":
				val.message = attr.Expr
			default:
				diags = append(diags, unsupported(attr.NameRange, name, []string{"condition", "error_message"}))
			}
		}
		if val.condition == nil || val.message == nil {
			diags = append(diags, diag(val.rng, "Incomplete validation", "A validation block needs condition and error_message."))
			continue
		}
		v.validation = append(v.validation, val)
	}
	return diags
}

func (w *Workflow) decideVariables(given []Input) hcl.Diagnostics {
	var diags hcl.Diagnostics
	last := map[string]Input{}
	for _, in := range given {
		if _, ok := w.variables[in.Name]; !ok {
			if strings.HasPrefix(in.From, EnvPrefix) {
				continue // the environment may serve several workflows
			}
			d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Unknown variable", Detail: fmt.Sprintf("%s sets %q, but the workflow has no such variable.%s", in.From, in.Name, sdk.DidYouMean(in.Name, keys(w.variables)))}
			if in.value != nil {
				d.Subject = &in.rng
			}
			diags = append(diags, d)
			continue
		}
		last[in.Name] = in
	}
	for _, name := range keys(w.variables) {
		v := w.variables[name]
		// A variable that cannot be decided still has a value of unknown type,
		// so that what uses it is checked as far as possible.
		w.inputs[name] = cty.DynamicVal
		in, ok := last[name]
		var val cty.Value
		dir, rng := w.Dir, v.defRange
		switch {
		case ok:
			dir = in.Dir
			var d hcl.Diagnostics
			val, rng, d = v.parse(in)
			diags = append(diags, d...)
			if d.HasErrors() {
				continue
			}
		case v.required:
			diags = append(diags, diag(v.rng, "Missing variable", "The variable %q has no default. Give it with -var %s=VALUE, in a file with -var-file, or as %s%s.", name, name, EnvPrefix, name))
			continue
		case v.def == cty.NilVal:
			continue
		default:
			val = v.def
		}
		if v.defaults != nil && !val.IsNull() {
			val = v.defaults.Apply(val)
		}
		if extra := unknownAttribute(val, v.typ); extra != "" {
			diags = append(diags, diag(rng, "Unknown attribute", "The variable %q has no attribute %q.%s", name, extra, sdk.DidYouMean(extra, keys(v.typ.AttributeTypes()))))
			continue
		}
		conv, err := convert.Convert(val, v.typ)
		if err != nil {
			diags = append(diags, diag(rng, "Wrong type", "The variable %q wants %s: %s.", name, v.typeName(), err))
			continue
		}
		if v.path && !conv.IsNull() {
			conv = cty.StringVal(absolute(conv.AsString(), dir))
		}
		w.inputs[name] = conv
		diags = append(diags, w.validate(v, conv)...)
	}
	return diags
}

// unknownAttribute returns an attribute of val that an object type does not
// have: converting would drop it without a word.
func unknownAttribute(val cty.Value, typ cty.Type) string {
	if val == cty.NilVal || val.IsNull() || !typ.IsObjectType() || !val.Type().IsObjectType() {
		return ""
	}
	for _, name := range keys(val.Type().AttributeTypes()) {
		if !typ.HasAttribute(name) {
			return name
		}
	}
	return ""
}

func (v *variable) typeName() string {
	if v.path {
		return "a path"
	}
	return v.typ.FriendlyName()
}

// parse turns what was typed into a value: as it stands for strings and paths,
// as an HCL expression for everything else.
func (v *variable) parse(in Input) (cty.Value, hcl.Range, hcl.Diagnostics) {
	if in.value != nil {
		return *in.value, in.rng, nil
	}
	at := hcl.Range{Filename: "<" + in.From + " " + in.Name + ">", Start: hcl.InitialPos, End: hcl.InitialPos}
	if v.typ == cty.String {
		return cty.StringVal(in.Raw), at, nil
	}
	expr, diags := hclsyntax.ParseExpression([]byte(in.Raw), at.Filename, hcl.InitialPos)
	if !diags.HasErrors() {
		if val, d := expr.Value(nil); !d.HasErrors() {
			return val, at, nil
		}
	}
	if v.typ == cty.DynamicPseudoType {
		return cty.StringVal(in.Raw), at, nil // a bare word, for a variable of any type
	}
	return cty.NilVal, at, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Wrong value", Detail: fmt.Sprintf("%s gives %q for the variable %q, which wants %s. Lists are written ["+`"a", "b"`+"], and quotes need care in the shell.", in.From, in.Raw, in.Name, v.typeName())}}
}

func (w *Workflow) validate(v *variable, val cty.Value) hcl.Diagnostics {
	var diags hcl.Diagnostics
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{v.name: val})}, Functions: w.funcs.all}
	for _, c := range v.validation {
		ok, d := c.condition.Value(ctx)
		msg, d2 := c.message.Value(ctx)
		diags = append(append(diags, d...), d2...)
		if d.HasErrors() || d2.HasErrors() {
			continue
		}
		if ok.IsNull() || !ok.IsKnown() || ok.Type() != cty.Bool || msg.IsNull() || msg.Type() != cty.String {
			diags = append(diags, diag(c.rng, "Invalid validation", "condition must be true or false, error_message a string."))
			continue
		}
		if !ok.True() {
			diags = append(diags, diag(c.condition.Range(), "Invalid value for variable", "%s: %s", v.name, msg.AsString()))
		}
	}
	return diags
}

func absolute(path, dir string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
