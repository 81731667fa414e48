package study

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

// config is the arguments of a component at a point: everything that is sent
// to it, and the part that determines its result.
type config struct {
	full   map[string]any
	output map[string]any
	source bool // some argument names files
}

// decodeConfig evaluates the arguments that a component declares. An argument
// with its default value is not part of output, written or not: a component
// that learns a new argument keeps the digests of old studies, and one that
// changes a default must change its revision.
func decodeConfig(dir string, b *workflow.Block, opts []sdk.Option, p workflow.Point) (config, hcl.Diagnostics) {
	c := config{full: map[string]any{}, output: map[string]any{}}
	var diags hcl.Diagnostics
	for _, o := range opts {
		v, given, d := optionValue(dir, b, o, p)
		diags = append(diags, d...)
		if d.HasErrors() || v == nil {
			if o.Required && !given {
				diags = append(diags, errorAt(b.Range, "Missing required argument", "%s needs the argument %q: %s", b.Title(), o.Name, o.Doc))
			}
			continue
		}
		c.full[o.Name] = v
		switch o.Effect {
		case sdk.EffectOutput:
			if d := defaultValue(o); d == nil || !bytes.Equal(mustCanonical(v), mustCanonical(d)) {
				c.output[o.Name] = v
			}
		case sdk.EffectSource:
			c.source = true
		}
	}
	return c, diags
}

// checkArgs reports arguments that a component does not declare.
func checkArgs(b *workflow.Block, opts []sdk.Option) hcl.Diagnostics {
	var names []string
	for _, o := range opts {
		names = append(names, o.Name)
	}
	var diags hcl.Diagnostics
	for name := range b.Args {
		if !slices.Contains(names, name) {
			have := "It takes none"
			if len(names) > 0 {
				have = "It takes " + strings.Join(names, ", ")
			}
			diags = append(diags, errorAt(b.Body.Attributes[name].NameRange, "Unsupported argument", "An argument named %q is not expected here.%s %s.", name, sdk.DidYouMean(name, names), have))
		}
	}
	return diags
}

func optionValue(dir string, b *workflow.Block, o sdk.Option, p workflow.Point) (v any, given bool, diags hcl.Diagnostics) {
	a := b.Args[o.Name]
	if a == nil {
		return defaultValue(o), false, nil
	}
	val, diags := a.Value(p)
	if diags.HasErrors() || a.Failed(p) {
		return nil, true, diags
	}
	if !val.IsWhollyKnown() {
		return nil, true, diags // a variable that could not be decided; reported there
	}
	if val.IsNull() {
		return defaultValue(o), false, diags
	}
	plain, err := workflow.Plain(val)
	if err != nil {
		return nil, true, append(diags, errorAt(a.Expr.Range(), "Unusable number", "%q: %s.", o.Name, err))
	}
	if want := mismatch(o.Type, val); want != "" {
		return nil, true, append(diags, errorAt(a.Expr.Range(), "Wrong type", "%q wants %s, got %s.", o.Name, want, val.Type().FriendlyName()))
	}
	for _, d := range o.Check(plain) {
		diags = append(diags, b.Locate(d))
	}
	if o.Type == sdk.Path {
		s, _ := plain.(string)
		if s == "" {
			return nil, true, append(diags, errorAt(a.Expr.Range(), "Empty path", "%q is empty.", o.Name))
		}
		if !filepath.IsAbs(s) {
			s = filepath.Join(dir, s)
		}
		plain = filepath.Clean(s)
	}
	return plain, true, diags
}

func defaultValue(o sdk.Option) any {
	switch d := o.Default.(type) {
	case int64:
		return float64(d)
	case []string:
		out := make([]any, len(d))
		for i, s := range d {
			out[i] = s
		}
		return out
	}
	return o.Default
}

// mismatch says what type an option wants when val does not have it. Types do
// not convert into one another: "64" is not 64.
func mismatch(t sdk.Type, val cty.Value) string {
	ty := val.Type()
	list := func(elem cty.Type, what string) string {
		if !ty.IsListType() && !ty.IsTupleType() && !ty.IsSetType() {
			return what
		}
		for it := val.ElementIterator(); it.Next(); {
			if _, e := it.Element(); e.IsNull() || e.Type() != elem {
				return what
			}
		}
		return ""
	}
	is := func(want cty.Type, what string) string {
		if ty == want {
			return ""
		}
		return what
	}
	switch t {
	case sdk.String:
		return is(cty.String, "a string")
	case sdk.Path:
		return is(cty.String, "a path")
	case sdk.Int:
		return is(cty.Number, "a whole number")
	case sdk.Float:
		return is(cty.Number, "a number")
	case sdk.Bool:
		return is(cty.Bool, "true or false")
	case sdk.ListString:
		return list(cty.String, "a list of strings")
	case sdk.ListInt, sdk.ListFloat:
		return list(cty.Number, "a list of numbers")
	case sdk.MapString:
		if !ty.IsMapType() && !ty.IsObjectType() {
			return "a map of strings"
		}
		for it := val.ElementIterator(); it.Next(); {
			if _, e := it.Element(); e.IsNull() || e.Type() != cty.String {
				return "a map of strings"
			}
		}
		return ""
	}
	return fmt.Sprintf("a value of type %s, which this version does not know", t)
}

// hostArg reads one argument of a host block as a plain value.
type hostArgs struct {
	b     *workflow.Block
	p     workflow.Point
	diags hcl.Diagnostics
}

func (h *hostArgs) rng(name string) hcl.Range {
	if a := h.b.Args[name]; a != nil {
		return a.Expr.Range()
	}
	return h.b.Range
}

func (h *hostArgs) fail(name, summary, format string, args ...any) {
	h.diags = append(h.diags, errorAt(h.rng(name), summary, format, args...))
}

// value returns nil where the argument is absent or null, or where it could
// not be evaluated.
func (h *hostArgs) value(name string) cty.Value {
	a := h.b.Args[name]
	if a == nil {
		return cty.NilVal
	}
	v, d := a.Value(h.p)
	h.diags = append(h.diags, d...)
	if v == cty.NilVal || !v.IsWhollyKnown() || v.IsNull() {
		return cty.NilVal
	}
	return v
}

func (h *hostArgs) plain(name string) any {
	v := h.value(name)
	if v == cty.NilVal {
		return nil
	}
	p, err := workflow.Plain(v)
	if err != nil {
		h.fail(name, "Unusable value", "%q: %s.", name, err)
		return nil
	}
	return p
}

func (h *hostArgs) str(name, def string, enum ...string) string {
	p := h.plain(name)
	if p == nil {
		return def
	}
	s, ok := p.(string)
	if !ok {
		h.fail(name, "Wrong type", "%q wants a string.", name)
		return def
	}
	if len(enum) > 0 && !slices.Contains(enum, s) {
		h.fail(name, "Invalid value", "%q must be one of %s; got %q.%s", name, strings.Join(enum, ", "), s, sdk.DidYouMean(s, enum))
	}
	return s
}

// present refuses required arguments that are written but null or empty.
func (h *hostArgs) present(names ...string) {
	for _, name := range names {
		a := h.b.Args[name]
		if a == nil || a.Failed(h.p) {
			continue
		}
		v, d := a.Value(h.p)
		if d.HasErrors() || v == cty.NilVal || !v.IsWhollyKnown() {
			continue
		}
		switch {
		case v.IsNull():
			h.fail(name, "Missing required argument", "%q is null: null counts as left out, and it is required.", name)
		case v.Type() == cty.String && strings.TrimSpace(v.AsString()) == "":
			h.fail(name, "Empty argument", "%q is empty.", name)
		}
	}
}

// integer reads a whole number of at least least.
func (h *hostArgs) integer(name string, def, least int) int {
	p := h.plain(name)
	if p == nil {
		return def
	}
	n, ok := wholeNumber(p)
	if !ok || n < int64(least) {
		h.fail(name, "Invalid value", "%q wants a whole number, %d or more.", name, least)
		return def
	}
	return int(n)
}

func wholeNumber(p any) (int64, bool) {
	f, ok := p.(float64)
	return int64(f), ok && f == float64(int64(f))
}

func (h *hostArgs) strings(name string) []string {
	p := h.plain(name)
	if p == nil {
		return nil
	}
	list, ok := p.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, isString := e.(string)
		ok = ok && isString
		out = append(out, s)
	}
	if !ok {
		h.fail(name, "Wrong type", "%q wants a list of strings.", name)
		return nil
	}
	return out
}
