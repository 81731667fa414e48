package workflow

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/sdk"
)

// read goes through the bodies in the order in which names become known:
// variables, locals and axes by name, then axis values, then blocks by
// address, then everything that refers.
func (w *Workflow) read(bodies []*hclsyntax.Body, given []Input) hcl.Diagnostics {
	var diags hcl.Diagnostics
	byType := map[string][]*hclsyntax.Block{}
	var inOrder []*hclsyntax.Block
	for _, body := range bodies {
		for _, name := range keys(body.Attributes) {
			diags = append(diags, diag(body.Attributes[name].NameRange, "Unsupported argument", "An argument named %q is not expected outside a block. Constants go into locals { }.", name))
		}
		for _, b := range body.Blocks {
			switch {
			case slices.Contains(topLevel, b.Type):
				byType[b.Type] = append(byType[b.Type], b)
				inOrder = append(inOrder, b)
			case slices.Contains(reserved, b.Type):
				diags = append(diags, diag(b.DefRange(), "Reserved block", "Blocks of type %q are reserved for a later version of the language.", b.Type))
			default:
				diags = append(diags, diag(b.TypeRange, "Unsupported block type", "Blocks of type %q are not expected here.%s", b.Type, sdk.DidYouMean(b.Type, topLevel)))
			}
		}
	}

	diags = append(diags, w.readSettings(byType["xlrun"])...)
	diags = append(diags, w.readStudy(byType["study"])...)
	for _, b := range byType["variable"] {
		diags = append(diags, w.readVariable(b)...)
	}
	diags = append(diags, w.decideVariables(given)...)

	// Names of locals and axes first: they may refer to one another.
	localExprs := map[string]*hclsyntax.Attribute{}
	for _, b := range byType["locals"] {
		for _, l := range b.Labels {
			diags = append(diags, diag(b.DefRange(), "Unexpected label", "locals takes no label, got %q.", l))
		}
		for _, name := range keys(b.Body.Attributes) {
			attr := b.Body.Attributes[name]
			if old, ok := localExprs[name]; ok {
				diags = append(diags, diag(attr.NameRange, "Local defined twice", "local.%s is already defined at %s.", name, place(old.NameRange)))
				continue
			}
			localExprs[name] = attr
			w.locals[name] = &Arg{Name: name, Expr: attr.Expr, Range: attr.SrcRange, w: w}
		}
		for _, nested := range b.Body.Blocks {
			diags = append(diags, diag(nested.DefRange(), "Unsupported block", "locals holds name = value lines, no blocks."))
		}
	}
	for _, b := range byType["axis"] {
		diags = append(diags, w.declareAxis(b)...)
	}
	// Axis values depend on variables and on locals without axes; their
	// attributes must be known before locals that name them are checked.
	for _, name := range keys(w.locals) {
		l := w.locals[name]
		diags = append(diags, w.checkNames(l, l.Expr, nil)...)
	}
	diags = append(diags, w.resolveLocals()...)
	for _, b := range byType["axis"] {
		if len(b.Labels) == 1 {
			if x := w.axisByName[b.Labels[0]]; x != nil && x.Range == b.DefRange() {
				diags = append(diags, w.readAxis(x, b)...)
			}
		}
	}

	for _, b := range inOrder {
		if spec, ok := blockSpecs[b.Type]; ok {
			diags = append(diags, w.declareBlock(b, spec)...)
		}
	}
	var args []*Arg
	for _, b := range w.Blocks {
		spec := blockSpecs[b.Type]
		a, d := w.readBlock(b, spec)
		args, diags = append(args, a...), append(diags, d...)
	}
	w.inherit(args...)
	for _, b := range byType["analysis"] {
		diags = append(diags, w.readAnalysis(b)...)
	}
	for _, b := range byType["claim"] {
		diags = append(diags, w.readClaim(b)...)
	}
	if !diags.HasErrors() && !slices.ContainsFunc(w.Blocks, func(b *Block) bool { return b.Type == "retrieval" }) {
		diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Nothing to do", Detail: "The workflow has no retrieval block: nothing would be measured. See workflows/quickstart.hcl for a complete study."})
	}
	return diags
}

func (w *Workflow) readSettings(blocks []*hclsyntax.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for i, b := range blocks {
		if len(b.Labels) > 0 {
			diags = append(diags, diag(b.DefRange(), "Unexpected label", "xlrun takes no label, got %q.", b.Labels[0]))
		}
		if i > 0 {
			diags = append(diags, diag(b.DefRange(), "Second xlrun block", "One xlrun block is allowed; the first is at %s.", place(blocks[0].DefRange())))
		}
		for _, name := range keys(b.Body.Attributes) {
			attr := b.Body.Attributes[name]
			if name != "required_version" {
				diags = append(diags, unsupported(attr.NameRange, name, []string{"required_version"}))
				continue
			}
			s, d := constString(attr)
			diags = append(diags, d...)
			w.RequiredVersion = s
			if !d.HasErrors() {
				if err := CheckVersion(s, Version); err != nil {
					diags = append(diags, diag(attr.Expr.Range(), "Unsupported version", "%s.", err))
				}
			}
		}
		for _, p := range b.Body.Blocks {
			if p.Type != "plugin" {
				diags = append(diags, diag(p.DefRange(), "Unsupported block", "The xlrun block may hold plugin blocks, not %q.", p.Type))
				continue
			}
			diags = append(diags, w.readPlugin(p)...)
		}
	}
	return diags
}

func (w *Workflow) readPlugin(b *hclsyntax.Block) hcl.Diagnostics {
	diags := oneLabel(b, "plugin")
	if diags.HasErrors() {
		return diags
	}
	p := Plugin{Name: b.Labels[0], Range: b.DefRange()}
	for _, o := range w.Plugins {
		if o.Name == p.Name {
			return append(diags, diag(p.Range, "Plugin required twice", "Plugin %q is already required at %s.", p.Name, place(o.Range)))
		}
	}
	for _, name := range keys(b.Body.Attributes) {
		attr := b.Body.Attributes[name]
		s, d := constString(attr)
		diags = append(diags, d...)
		switch name {
		case "source":
			p.Source = absolute(s, w.Dir)
		case "version":
			p.Version = s
		default:
			diags = append(diags, unsupported(attr.NameRange, name, []string{"source", "version"}))
		}
	}
	if p.Source == "" && !diags.HasErrors() {
		diags = append(diags, diag(p.Range, "Missing required argument", `Plugin %q needs source: the path of its executable, or of a directory with plugin.hcl.`, p.Name))
	}
	w.Plugins = append(w.Plugins, p)
	return diags
}

func (w *Workflow) readStudy(blocks []*hclsyntax.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for i, b := range blocks {
		if len(b.Labels) > 0 {
			diags = append(diags, diag(b.DefRange(), "Unexpected label", "study takes no label, got %q.", b.Labels[0]))
		}
		if i > 0 {
			diags = append(diags, diag(b.DefRange(), "Second study block", "One study block is allowed; the first is at %s.", place(blocks[0].DefRange())))
		}
		for _, name := range keys(b.Body.Attributes) {
			attr := b.Body.Attributes[name]
			s, d := constString(attr)
			switch name {
			case "title":
				w.Title = s
			case "question":
				w.Question = s
			default:
				d = hcl.Diagnostics{unsupported(attr.NameRange, name, studyArgs)}
			}
			diags = append(diags, d...)
		}
		for _, n := range b.Body.Blocks {
			diags = append(diags, diag(n.DefRange(), "Unsupported block", "study holds title and question, no blocks."))
		}
	}
	if w.Title == "" {
		w.Title = w.Name
	}
	return diags
}

func (w *Workflow) declareAxis(b *hclsyntax.Block) hcl.Diagnostics {
	diags := oneLabel(b, "axis")
	if diags.HasErrors() {
		return diags
	}
	x := &Axis{Name: b.Labels[0], Role: RoleFactor, Index: len(w.Axes), Range: b.DefRange()}
	if old, ok := w.axisByName[x.Name]; ok {
		return hcl.Diagnostics{diag(x.Range, "Axis defined twice", "Axis %q is already defined at %s.", x.Name, place(old.Range))}
	}
	w.axisByName[x.Name] = x
	w.Axes = append(w.Axes, x)
	return nil
}

func (w *Workflow) readAxis(x *Axis, b *hclsyntax.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	var values *hclsyntax.Attribute
	for _, name := range keys(b.Body.Attributes) {
		attr := b.Body.Attributes[name]
		switch name {
		case "role":
			s, d := constString(attr)
			diags = append(diags, d...)
			if !d.HasErrors() && !slices.Contains(roles, s) {
				diags = append(diags, diag(attr.Expr.Range(), "Unknown role", "An axis plays one of the roles %s; got %q.%s", strings.Join(roles, ", "), s, sdk.DidYouMean(s, roles)))
				continue
			}
			x.Role = s
		case "values":
			values = attr
		default:
			diags = append(diags, unsupported(attr.NameRange, name, []string{"role", "values"}))
		}
	}
	named := 0
	for _, v := range b.Body.Blocks {
		if v.Type != "value" {
			diags = append(diags, diag(v.DefRange(), "Unsupported block", "An axis holds values = [...] or value \"name\" blocks, not %q.", v.Type))
			continue
		}
		named++
		diags = append(diags, w.readAxisValue(x, v)...)
	}
	switch {
	case values != nil && named > 0:
		diags = append(diags, diag(values.SrcRange, "Two kinds of values", "Axis %q has both values and value blocks: use one of them.", x.Name))
	case values == nil && named == 0:
		diags = append(diags, diag(x.Range, "Axis without values", "Axis %q needs values = [...] or value \"name\" blocks.", x.Name))
	case values != nil:
		diags = append(diags, w.readAxisList(x, values)...)
	}
	return diags
}

func (w *Workflow) readAxisValue(x *Axis, b *hclsyntax.Block) hcl.Diagnostics {
	diags := oneLabel(b, "value")
	if diags.HasErrors() {
		return diags
	}
	if strings.TrimSpace(b.Labels[0]) == "" {
		return hcl.Diagnostics{diag(b.DefRange(), "Empty axis value", "Axis %q has a value without a name.", x.Name)}
	}
	for _, v := range x.Values {
		if v.Label == b.Labels[0] {
			return hcl.Diagnostics{diag(b.DefRange(), "Axis value defined twice", "Axis %q already has a value %q.", x.Name, v.Label)}
		}
	}
	obj := map[string]cty.Value{}
	for _, name := range keys(b.Body.Attributes) {
		attr := b.Body.Attributes[name]
		v, d := w.constant(attr, "the values of an axis")
		diags = append(diags, d...)
		if v == cty.NilVal {
			v = cty.DynamicVal
		}
		obj[name] = v
	}
	for _, n := range b.Body.Blocks {
		diags = append(diags, diag(n.DefRange(), "Unsupported block", "An axis value holds name = value lines, no blocks."))
	}
	if len(x.Values) > 0 {
		first := x.Values[0].Value.Type()
		var lacks []string
		for _, name := range keys(first.AttributeTypes()) {
			if _, ok := obj[name]; !ok && name != "name" {
				lacks = append(lacks, name)
			}
		}
		for _, name := range keys(obj) {
			if first.HasAttribute(name) {
				continue
			}
			hint := sdk.DidYouMean(name, lacks)
			diags = append(diags, diag(b.Body.Attributes[name].NameRange, "Uneven axis values", "Value %q of axis %q has %q, which value %q lacks.%s", b.Labels[0], x.Name, name, x.Values[0].Label, hint))
			lacks = slices.DeleteFunc(lacks, func(l string) bool {
				meant := hint != "" && sdk.DidYouMean(name, []string{l}) == hint
				if meant {
					obj[l] = cty.DynamicVal // who refers to it has made no mistake
				}
				return meant
			})
		}
		for _, name := range lacks {
			diags = append(diags, diag(b.DefRange(), "Incomplete axis value", "Value %q of axis %q lacks %q, which value %q has.", b.Labels[0], x.Name, name, x.Values[0].Label))
			obj[name] = cty.DynamicVal
		}
	}
	if _, ok := obj["name"]; !ok {
		obj["name"] = cty.StringVal(b.Labels[0])
	}
	x.Values = append(x.Values, AxisValue{Label: b.Labels[0], Value: cty.ObjectVal(obj)})
	return diags
}

func (w *Workflow) readAxisList(x *Axis, attr *hclsyntax.Attribute) hcl.Diagnostics {
	v, diags := w.constant(attr, "the values of an axis")
	if v == cty.NilVal || diags.HasErrors() {
		return diags
	}
	rng := attr.Expr.Range()
	if v.IsNull() || !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
		return append(diags, diag(rng, "Wrong type", "values wants a list of numbers or strings, got %s.", describe(v)))
	}
	seen := map[string]bool{}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		label, err := Label(e)
		switch {
		case err != nil && !e.IsNull() && e.Type() == cty.Number:
			diags = append(diags, diag(rng, "Unusable number", "Axis %q: %s.", x.Name, err))
			continue
		case err == nil && strings.TrimSpace(label) == "":
			diags = append(diags, diag(rng, "Empty axis value", "Axis %q has an empty value: results could not name it.", x.Name))
			continue
		}
		if err != nil || e.IsNull() {
			diags = append(diags, diag(rng, "Wrong type", "values wants a list of numbers or strings; it holds %s. Named objects are written as value \"name\" blocks.", describe(e)))
			continue
		}
		if seen[label] {
			diags = append(diags, diag(rng, "Axis value repeated", "Axis %q has the value %s twice.", x.Name, label))
			continue
		}
		seen[label] = true
		x.Values = append(x.Values, AxisValue{Label: label, Value: e})
	}
	if len(x.Values) == 0 && !diags.HasErrors() {
		diags = append(diags, diag(rng, "Axis without values", "Axis %q has no values: nothing that depends on it would exist.", x.Name))
	}
	return diags
}

// constant evaluates an expression that may name variables and locals, no
// axes.
func (w *Workflow) constant(attr *hclsyntax.Attribute, what string) (cty.Value, hcl.Diagnostics) {
	a, diags := w.newArg(attr.Name, attr.Expr, attr.SrcRange)
	w.inherit(a)
	if len(a.Axes) > 0 {
		diags = append(diags, diag(attr.Expr.Range(), "Depends on an axis", "Here %s must be known once for the whole study; axis.%s differs from cell to cell.", what, w.Axes[a.Axes[0]].Name))
	}
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	v, d := a.Value(make(Point, len(w.Axes)))
	return v, append(diags, d...)
}

func (w *Workflow) declareBlock(b *hclsyntax.Block, spec blockSpec) hcl.Diagnostics {
	out := &Block{Type: b.Type, Body: b.Body, Range: b.DefRange(), Args: map[string]*Arg{}, Refs: map[string]*Ref{}}
	switch {
	case spec.formats != nil && len(b.Labels) == 2 && !slices.Contains(spec.formats, b.Labels[0]):
		return hcl.Diagnostics{diag(b.LabelRanges[0], "Unknown format", "%s knows the formats %s; got %q.%s", b.Type, strings.Join(spec.formats, ", "), b.Labels[0], sdk.DidYouMean(b.Labels[0], spec.formats))}
	case spec.twoLabels() && len(b.Labels) == 2:
		out.Component, out.Name = b.Labels[0], b.Labels[1]
	case !spec.twoLabels() && len(b.Labels) == 1:
		out.Name = b.Labels[0]
	case spec.formats != nil:
		return hcl.Diagnostics{diag(out.Range, "Wrong labels", `%s takes two labels: the format and your name for it, as in %s "%s" "mine".`, b.Type, b.Type, spec.formats[0])}
	case spec.component:
		return hcl.Diagnostics{diag(out.Range, "Wrong labels", `%s takes two labels: the component and your name for it, as in %s "%s" "mine".`, b.Type, b.Type, exampleComponent[b.Type])}
	default:
		return hcl.Diagnostics{diag(out.Range, "Wrong labels", `%s takes one label, your name for it, as in %s "main".`, b.Type, b.Type)}
	}
	if !hclsyntax.ValidIdentifier(out.Name) {
		return hcl.Diagnostics{diag(out.Range, "Invalid name", "%q cannot be referred to: use letters, digits, _ and -, starting with a letter.", out.Name)}
	}
	if old, ok := w.blocks[out.Address()]; ok {
		return hcl.Diagnostics{diag(out.Range, "Name used twice", "%s is already defined at %s.", out.Address(), place(old.Range))}
	}
	// The name is all that a record has of these.
	for _, like := range sameColumn[b.Type] {
		if old, ok := w.blocks[like+"."+out.Name]; ok {
			return hcl.Diagnostics{diag(out.Range, "Name used twice", "%s at %s has the same name: records could not tell them apart.", old.Address(), place(old.Range))}
		}
	}
	w.blocks[out.Address()] = out
	w.Blocks = append(w.Blocks, out)
	return nil
}

// sameColumn lists the types of block whose names stand in one column of the
// records.
var sameColumn = map[string][]string{
	"retrieval": {"fuse"}, "encoder": {"run", "fuse"}, "run": {"encoder", "fuse"}, "fuse": {"retrieval", "encoder", "run"},
}

var exampleComponent = map[string]string{"loader": "faq", "encoder": "subword", "index": "flat", "metric": "ir"}

func (w *Workflow) readBlock(b *Block, spec blockSpec) (args []*Arg, diags hcl.Diagnostics) {
	for _, name := range sortedByPlace(b.Body.Attributes) {
		attr := b.Body.Attributes[name]
		as, known := spec.args[name]
		switch {
		case name == "when" && b.Type != "train":
			a, d := w.newArg(name, attr.Expr, attr.SrcRange)
			diags = append(diags, d...)
			b.When, args = a, append(args, a)
		case known && as.ref != "":
			r, conds, d := w.newRef(name, as, attr.Expr, attr.SrcRange)
			diags = append(diags, d...)
			args = append(args, conds...)
			b.Refs[name] = r
		case known || spec.component || b.Type == "train":
			a, d := w.newArg(name, attr.Expr, attr.SrcRange)
			diags = append(diags, d...)
			b.Args[name], args = a, append(args, a)
		default:
			diags = append(diags, unsupported(attr.NameRange, name, append(keys(spec.args), "when")))
		}
	}
	if d := missingArgs(b.Title(), b.Range, b.Body, spec.args); d != nil {
		diags = append(diags, d)
	}
	if b.Type == "retrieval" {
		diags = append(diags, systems(b)...)
	}
	for _, n := range b.Body.Blocks {
		if b.Type != "encoder" || n.Type != "train" {
			detail := "Blocks of type %q are not expected here.%s"
			near := sdk.DidYouMean(n.Type, []string{"train"})
			if b.Type != "encoder" {
				near = ""
				if _, ok := spec.args[n.Type]; ok {
					near = fmt.Sprintf(" Did you mean to write %s = { … }?", n.Type)
				}
			}
			diags = append(diags, diag(n.TypeRange, "Unsupported block type", detail, n.Type, near))
			continue
		}
		if b.Train != nil {
			diags = append(diags, diag(n.DefRange(), "Second train block", "An encoder is trained once."))
			continue
		}
		if len(n.Labels) > 0 {
			diags = append(diags, diag(n.DefRange(), "Unexpected label", "train takes no label, got %q.", n.Labels[0]))
		}
		b.Train = &Block{Type: "train", Component: b.Component, Name: b.Name, Body: n.Body, Range: n.DefRange(), Args: map[string]*Arg{}, Refs: map[string]*Ref{}}
		a, d := w.readBlock(b.Train, trainSpec)
		args, diags = append(args, a...), append(diags, d...)
	}
	return args, diags
}

// systems checks that a retrieval says where its rankings come from: encoders
// with an index, runs that exist already, or both beside one another.
func systems(b *Block) hcl.Diagnostics {
	has := func(name string) bool { _, ok := b.Body.Attributes[name]; return ok }
	at := func(name string) hcl.Range { return b.Body.Attributes[name].NameRange }
	switch {
	case has("encoder") && !has("index"):
		return hcl.Diagnostics{diag(b.Range, "Missing required argument", `%s needs the argument "index": what searches the vectors of its encoder.`, b.Title())}
	case has("encoder"):
	case has("index") && has("run"):
		return hcl.Diagnostics{diag(at("index"), "Unused argument", `A run is a ranking already: nothing is searched. Leave "index" out, or add the encoder whose vectors it is to search.`)}
	case has("index"):
		return hcl.Diagnostics{diag(b.Range, "Missing required argument", `%s needs the argument "encoder": what makes the vectors that its index searches.`, b.Title())}
	case !has("run"):
		return hcl.Diagnostics{diag(b.Range, "Missing required arguments", `%s needs the arguments "encoder" and "index", or "run": a ranking that exists already.`, b.Title())}
	}
	if !has("encoder") && has("leakage") {
		return hcl.Diagnostics{diag(at("leakage"), "Unused argument", "What a run was trained on is not known here, so nothing can be checked for leakage.")}
	}
	return nil
}

func (w *Workflow) readAnalysis(b *hclsyntax.Block) hcl.Diagnostics {
	diags := oneLabel(b, "analysis")
	if diags.HasErrors() {
		return diags
	}
	out := &Analysis{Name: b.Labels[0], Range: b.DefRange(), Ranges: map[string]hcl.Range{}}
	for _, o := range w.Analyses {
		if o.Name == out.Name {
			return append(diags, diag(out.Range, "Name used twice", "analysis.%s is already defined at %s.", o.Name, place(o.Range)))
		}
	}
	w.Analyses = append(w.Analyses, out)
	for _, name := range keys(b.Body.Attributes) {
		attr := b.Body.Attributes[name]
		out.Ranges[name] = attr.Expr.Range()
		spec, known := analysisArgs[name]
		switch {
		case !known:
			diags = append(diags, unsupported(attr.NameRange, name, keys(analysisArgs)))
		case spec.ref != "":
			r, _, d := w.newRef(name, spec, attr.Expr, attr.SrcRange)
			diags = append(diags, d...)
			targets := r.AllTargets()
			switch {
			case len(targets) > 1:
				diags = append(diags, diag(attr.Expr.Range(), "One reference expected", "%q of an analysis takes one reference.", name))
			case len(targets) == 1 && name == "of":
				out.Of = targets[0]
			case len(targets) == 1:
				out.Baseline = targets[0]
			}
		default:
			v, d := w.constant(attr, "an analysis")
			diags = append(diags, d...)
			if v == cty.NilVal {
				continue
			}
			switch name {
			case "reference":
				out.Reference, d = languageCodes(v, attr.Expr.Range())
				diags = append(diags, d...)
				continue
			case "worst":
				f, err := Plain(v)
				n, ok := f.(float64)
				if err != nil || !ok || n < 1 || n != math.Trunc(n) || n > 1e6 {
					diags = append(diags, diag(attr.Expr.Range(), "Wrong number", "worst is how many of the worst-served languages are averaged: a whole number, 1 or more."))
					continue
				}
				out.Worst = int(n)
				continue
			}
			if v.IsNull() || v.Type() != cty.String {
				diags = append(diags, diag(attr.Expr.Range(), "Wrong type", `%q wants a string, as in "nDCG@10".`, name))
				continue
			}
			out.Measure = v.AsString()
		}
	}
	return append(diags, missing(b, analysisArgs)...)
}

// languageCodes reads one code or a list of them.
func languageCodes(v cty.Value, rng hcl.Range) ([]string, hcl.Diagnostics) {
	wrong := hcl.Diagnostics{diag(rng, "Wrong type", `reference is the code of a target language, such as "eng", or a list of these.`)}
	x, err := Plain(v)
	if err != nil {
		return nil, wrong
	}
	list, ok := x.([]any)
	if !ok {
		list = []any{x}
	}
	var out []string
	for _, e := range list {
		code, ok := e.(string)
		if !ok || code == "" {
			return nil, wrong
		}
		out = append(out, code)
	}
	if len(out) == 0 {
		return nil, wrong
	}
	return out, nil
}

func (w *Workflow) readClaim(b *hclsyntax.Block) hcl.Diagnostics {
	diags := oneLabel(b, "claim")
	if diags.HasErrors() {
		return diags
	}
	out := &Claim{Name: b.Labels[0], Range: b.DefRange()}
	for _, o := range w.Claims {
		if o.Name == out.Name {
			return append(diags, diag(out.Range, "Name used twice", "Claim %q is already defined at %s.", o.Name, place(o.Range)))
		}
	}
	w.Claims = append(w.Claims, out)
	for _, name := range keys(b.Body.Attributes) {
		attr := b.Body.Attributes[name]
		switch name {
		case "of":
			a, d := w.analysisRef(attr)
			if d != nil {
				diags = append(diags, d)
			}
			out.Of = a
		case "statement":
			s, d := constString(attr)
			diags = append(diags, d...)
			out.Statement = s
		case "margin":
			v, d := w.constant(attr, "a margin")
			diags = append(diags, d...)
			if v == cty.NilVal {
				continue
			}
			f, err := Plain(v)
			m, ok := f.(float64)
			if err != nil || !ok || m < 0 {
				diags = append(diags, diag(attr.Expr.Range(), "Wrong margin", "margin is the smallest effect that matters: a number, 0 or more, in the unit of the estimand."))
				continue
			}
			out.Margin = m
		case "holds":
			c, d := w.readComparison(attr.Expr)
			diags = append(diags, d...)
			out.Holds, out.HoldsRange = c, attr.Expr.Range()
		default:
			diags = append(diags, unsupported(attr.NameRange, name, keys(claimArgs)))
		}
	}
	return append(diags, missing(b, claimArgs)...)
}

func (w *Workflow) analysisRef(attr *hclsyntax.Attribute) (*Analysis, *hcl.Diagnostic) {
	rng := attr.Expr.Range()
	t, ok := attr.Expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || t.Traversal.RootName() != "analysis" || len(t.Traversal) != 2 {
		return nil, diag(rng, "Not a reference", `"of" wants a reference to an analysis, such as analysis.NAME.`)
	}
	name, _ := secondName(t.Traversal)
	var names []string
	for _, a := range w.Analyses {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return nil, diag(rng, "Unknown analysis", "There is no analysis named %q.%s", name, sdk.DidYouMean(name, names))
}

func missing(b *hclsyntax.Block, args map[string]argSpec) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if d := missingArgs(fmt.Sprintf("%s %q", b.Type, b.Labels[0]), b.DefRange(), b.Body, args); d != nil {
		diags = append(diags, d)
	}
	for _, n := range b.Body.Blocks {
		diags = append(diags, diag(n.DefRange(), "Unsupported block type", "Blocks of type %q are not expected here.", n.Type))
	}
	return diags
}

// missingArgs names all required arguments that a block lacks.
func missingArgs(title string, rng hcl.Range, body *hclsyntax.Body, args map[string]argSpec) *hcl.Diagnostic {
	var names []string
	for _, name := range keys(args) {
		if _, ok := body.Attributes[name]; !ok && args[name].required {
			names = append(names, strconv.Quote(name))
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return diag(rng, "Missing required argument", "%s needs the argument %s.", title, names[0])
	}
	return diag(rng, "Missing required arguments", "%s needs the arguments %s and %s.", title, strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

func oneLabel(b *hclsyntax.Block, what string) hcl.Diagnostics {
	if len(b.Labels) != 1 {
		return hcl.Diagnostics{diag(b.DefRange(), "Wrong labels", `%s takes one label, its name, as in %s "name".`, what, what)}
	}
	if !hclsyntax.ValidIdentifier(b.Labels[0]) && what != "value" {
		return hcl.Diagnostics{diag(b.LabelRanges[0], "Invalid name", "%q cannot be referred to: use letters, digits, _ and -, starting with a letter.", b.Labels[0])}
	}
	return nil
}

func unsupported(rng hcl.Range, name string, known []string) *hcl.Diagnostic {
	return diag(rng, "Unsupported argument", "An argument named %q is not expected here.%s", name, sdk.DidYouMean(name, known))
}

func constString(attr *hclsyntax.Attribute) (string, hcl.Diagnostics) {
	v, diags := attr.Expr.Value(nil)
	if diags.HasErrors() {
		return "", hcl.Diagnostics{diag(attr.Expr.Range(), "Not a plain string", "%q must be a plain string, without variables or functions.", attr.Name)}
	}
	if v.IsNull() || v.Type() != cty.String {
		return "", hcl.Diagnostics{diag(attr.Expr.Range(), "Wrong type", "%q wants a string, got %s.", attr.Name, describe(v))}
	}
	return v.AsString(), nil
}

func sortedByPlace(attrs hclsyntax.Attributes) []string {
	names := keys(attrs)
	slices.SortStableFunc(names, func(a, b string) int {
		return attrs[a].SrcRange.Start.Byte - attrs[b].SrcRange.Start.Byte
	})
	return names
}

func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// Version is the version of the language and the program.
const Version = "0.1.0"

var constraintRE = regexp.MustCompile(`^\s*(>=|<=|>|<|=|~>)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?\s*$`)

// CheckVersion reports whether version meets a constraint such as ">= 0.1" or
// ">= 0.1, < 2".
func CheckVersion(constraint, version string) error {
	have, _ := parseVersion(version)
	for _, part := range strings.Split(constraint, ",") {
		m := constraintRE.FindStringSubmatch(part)
		if m == nil {
			return fmt.Errorf("%q is not a version constraint: write one such as \">= 0.1\"", strings.TrimSpace(part))
		}
		want, n := parseVersion(strings.TrimLeft(strings.TrimSpace(part), "<>=~ "))
		c := slices.Compare(have[:], want[:])
		var ok bool
		switch m[1] {
		case ">=":
			ok = c >= 0
		case "<=":
			ok = c <= 0
		case ">":
			ok = c > 0
		case "<":
			ok = c < 0
		case "~>":
			ok = c >= 0 && slices.Equal(have[:max(1, n-1)], want[:max(1, n-1)])
		default:
			ok = slices.Equal(have[:n], want[:n])
		}
		if !ok {
			return fmt.Errorf("this workflow requires xlrun %s; this is xlrun %s", strings.TrimSpace(constraint), version)
		}
	}
	return nil
}

func parseVersion(s string) (v [3]int, n int) {
	for i, part := range strings.SplitN(s, ".", 3) {
		_, err := fmt.Sscanf(part, "%d", &v[i])
		if err != nil {
			return v, n
		}
		n++
	}
	return v, n
}
