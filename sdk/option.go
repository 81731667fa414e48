package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/near"
)

// Effect says how an option bears on the result.
type Effect string

// The effects of an option.
const (
	// EffectOutput options determine the result: they enter its digest.
	EffectOutput Effect = "output"
	// EffectPerformance options must not change the result: threads, device.
	EffectPerformance Effect = "performance"
	// EffectSource options are paths: what they point to enters the digest,
	// through Loader.Sources, never their spelling.
	EffectSource Effect = "source"
)

// Type is the type of an option.
type Type string

// The types of option. A path is a string that the host makes absolute.
const (
	String      Type = "string"
	Path        Type = "path"
	Int         Type = "int"
	Float       Type = "float"
	Bool        Type = "bool"
	ListString  Type = "list(string)"
	ListInt     Type = "list(int)"
	ListFloat   Type = "list(float)"
	MapString   Type = "map(string)"
	unsupported Type = ""
)

// Option declares one argument of a component. It is filled from a field of
// the options struct:
//
//	Buckets int `xl:"buckets,default=65536,min=1,max=1e9" doc:"Rows of the table."`
//
// The first part of the xl tag is the name; then come required, default=…,
// min=…, max=…, enum=a|b|c, pattern=…, effect=performance|source|output, and
// path for a string that names a file or directory (effect source).
type Option struct {
	Name     string
	Type     Type
	Doc      string
	Required bool
	Default  any // nil, string, int64, float64, bool, or a slice of these
	Min, Max *float64
	Enum     []string
	Pattern  string
	Effect   Effect
}

// Validator is implemented by an options struct (by pointer) whose fields
// constrain one another. Return a Diagnostics, or any error.
type Validator interface{ Validate() error }

// Diagnostic is a mistake in a study's arguments, found by a plugin. The host
// finds the line that Path points to.
type Diagnostic struct {
	Path    []any // attribute name, then list index (int) or map key (string)
	Summary string
	Detail  string
	Warning bool
}

// Diagnostics is an error made of located mistakes.
type Diagnostics []Diagnostic

func (d Diagnostics) Error() string {
	parts := make([]string, len(d))
	for i, x := range d {
		at := ""
		for _, p := range x.Path {
			at += fmt.Sprintf("%v ", p)
		}
		parts[i] = strings.TrimSpace(at + x.Summary + ": " + x.Detail)
	}
	return strings.Join(parts, "; ")
}

// At makes a Diagnostics with one entry.
func At(summary, detail string, path ...any) Diagnostics {
	return Diagnostics{{Path: path, Summary: summary, Detail: detail}}
}

func optionsOf[O any]() []Option {
	t := reflect.TypeFor[O]()
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("sdk: options must be a struct, got %s", t))
	}
	var out []Option
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("xl")
		if !ok {
			continue
		}
		o, err := parseTag(f.Type, tag)
		if err != nil {
			panic(fmt.Sprintf("sdk: field %s of %s: %v", f.Name, t, err))
		}
		o.Doc = f.Tag.Get("doc")
		out = append(out, o)
	}
	return out
}

func typeOf(t reflect.Type) Type {
	switch t.Kind() {
	case reflect.String:
		return String
	case reflect.Int, reflect.Int32, reflect.Int64:
		return Int
	case reflect.Float32, reflect.Float64:
		return Float
	case reflect.Bool:
		return Bool
	case reflect.Slice:
		switch typeOf(t.Elem()) {
		case String:
			return ListString
		case Int:
			return ListInt
		case Float:
			return ListFloat
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String {
			return MapString
		}
	}
	return unsupported
}

func parseTag(t reflect.Type, tag string) (Option, error) {
	parts := strings.Split(tag, ",")
	o := Option{Name: parts[0], Type: typeOf(t), Effect: EffectOutput}
	if o.Type == unsupported {
		return o, fmt.Errorf("type %s is not supported", t)
	}
	for _, p := range parts[1:] {
		key, val, _ := strings.Cut(p, "=")
		var err error
		switch key {
		case "required":
			o.Required = true
		case "path":
			o.Type, o.Effect = Path, EffectSource
		case "default":
			o.Default, err = parseDefault(o.Type, val)
		case "min":
			o.Min, err = parseBound(val)
		case "max":
			o.Max, err = parseBound(val)
		case "enum":
			o.Enum = strings.Split(val, "|")
		case "pattern":
			o.Pattern = val
		case "effect":
			o.Effect = Effect(val)
		default:
			err = fmt.Errorf("unknown tag part %q", p)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

func parseBound(s string) (*float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	return &f, err
}

func parseDefault(t Type, s string) (any, error) {
	switch t {
	case Int:
		return strconv.ParseInt(s, 10, 64)
	case Float:
		return strconv.ParseFloat(s, 64)
	case Bool:
		return strconv.ParseBool(s)
	case ListString:
		return strings.Split(s, "|"), nil
	case String, Path:
		return s, nil
	}
	return nil, fmt.Errorf("a default for %s is not supported", t)
}

func validateOptions(opts []Option) error {
	seen := map[string]bool{}
	for _, o := range opts {
		switch {
		case !nameRE.MatchString(o.Name):
			return fmt.Errorf("option name %q: want lower case letters, digits and underscores", o.Name)
		case seen[o.Name]:
			return fmt.Errorf("option %q is declared twice", o.Name)
		case o.Doc == "":
			return fmt.Errorf("option %q has no doc tag", o.Name)
		case o.Required && o.Default != nil:
			return fmt.Errorf("option %q is required and has a default", o.Name)
		case o.Effect != EffectOutput && o.Effect != EffectPerformance && o.Effect != EffectSource:
			return fmt.Errorf("option %q has the unknown effect %q", o.Name, o.Effect)
		}
		seen[o.Name] = true
		if o.Pattern != "" {
			if _, err := regexp.Compile(o.Pattern); err != nil {
				return fmt.Errorf("option %q: %w", o.Name, err)
			}
		}
		if o.Default != nil {
			if d := o.Check(o.Default); len(d) > 0 {
				return fmt.Errorf("default of option %q: %w", o.Name, d)
			}
		}
	}
	return nil
}

// Check reports in which way v, a decoded value, breaks the constraints of the
// option: bounds, allowed values, pattern. It does not check the type.
func (o Option) Check(v any) Diagnostics {
	var out Diagnostics
	bad := func(detail string, path ...any) {
		out = append(out, Diagnostic{Path: append([]any{o.Name}, path...), Summary: "Invalid value", Detail: detail})
	}
	var one func(v any, path ...any)
	one = func(v any, path ...any) {
		if f, ok := toFloat(v); ok {
			if o.Min != nil && f < *o.Min {
				bad(fmt.Sprintf("%q must be at least %s, got %s.", o.Name, plainNumber(*o.Min), plainNumber(f)), path...)
			}
			if o.Max != nil && f > *o.Max {
				bad(fmt.Sprintf("%q must be at most %s, got %s.", o.Name, plainNumber(*o.Max), plainNumber(f)), path...)
			}
			if (o.Type == Int || o.Type == ListInt) && f != math.Trunc(f) {
				bad(fmt.Sprintf("%q must be a whole number, got %v.", o.Name, f), path...)
			}
			return
		}
		switch v := v.(type) {
		case string:
			if len(o.Enum) > 0 && !contains(o.Enum, v) {
				bad(fmt.Sprintf("%q must be one of %s; got %q.%s", o.Name, quoted(o.Enum), v, DidYouMean(v, o.Enum)), path...)
			}
			if o.Pattern != "" {
				if ok, _ := regexp.MatchString(o.Pattern, v); !ok {
					bad(fmt.Sprintf("%q must match %s; got %q.", o.Name, o.Pattern, v), path...)
				}
			}
		case []any:
			for i, e := range v {
				one(e, i)
			}
		case []string:
			for i, e := range v {
				one(e, i)
			}
		}
	}
	one(v)
	return out
}

// plainNumber prints a number without an exponent where it is short enough.
func plainNumber(f float64) string {
	if math.Abs(f) < 1e15 && (f == 0 || math.Abs(f) >= 1e-4) {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func contains(xs []string, x string) bool {
	for _, y := range xs {
		if x == y {
			return true
		}
	}
	return false
}

func quoted(xs []string) string {
	qs := make([]string, len(xs))
	for i, x := range xs {
		qs[i] = strconv.Quote(x)
	}
	return strings.Join(qs, ", ")
}

// decodeOptions fills the tagged fields of the struct that dst points to from
// a JSON object, defaults first. All mistakes are reported at once.
func decodeOptions(config []byte, opts []Option, dst any) error {
	given := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(config)) > 0 {
		if err := json.Unmarshal(config, &given); err != nil {
			return fmt.Errorf("decode options: %w", err)
		}
	}
	var diags Diagnostics
	known := make([]string, len(opts))
	v := reflect.ValueOf(dst).Elem()
	for i, o := range opts {
		known[i] = o.Name
		raw, ok := given[o.Name]
		if !ok || string(raw) == "null" {
			if o.Required {
				diags = append(diags, Diagnostic{Summary: "Missing required argument", Detail: fmt.Sprintf("The argument %q is required.", o.Name)})
				continue
			}
			if o.Default == nil {
				continue
			}
			b, err := json.Marshal(o.Default)
			if err != nil {
				return err
			}
			raw = b
		} else {
			var plain any
			if err := json.Unmarshal(raw, &plain); err != nil {
				return err
			}
			if d := o.Check(plain); len(d) > 0 {
				diags = append(diags, d...)
				continue
			}
		}
		if err := json.Unmarshal(raw, fieldFor(v, o.Name).Addr().Interface()); err != nil {
			diags = append(diags, Diagnostic{Path: []any{o.Name}, Summary: "Wrong type", Detail: fmt.Sprintf("%q wants %s.", o.Name, o.Type)})
		}
	}
	for name := range given {
		if !contains(known, name) {
			diags = append(diags, Diagnostic{
				Path: []any{name}, Summary: "Unsupported argument",
				Detail: fmt.Sprintf("An argument named %q is not expected here.%s", name, DidYouMean(name, known)),
			})
		}
	}
	if len(diags) > 0 {
		return diags
	}
	return nil
}

func fieldFor(v reflect.Value, name string) reflect.Value {
	t := v.Type()
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("xl"), ",")
		if tag == name {
			return v.Field(i)
		}
	}
	panic("sdk: no field for option " + name)
}

// AsDiagnostics returns the diagnostics in err, if it has any.
func AsDiagnostics(err error) (Diagnostics, bool) {
	var d Diagnostics
	ok := errors.As(err, &d)
	return d, ok
}

// DidYouMean returns ` Did you mean "x"?` with the candidate nearest to name,
// or "" when none is near.
func DidYouMean(name string, candidates []string) string {
	best, dist := "", math.MaxInt
	for _, c := range candidates {
		if d := near.Distance(strings.ToLower(name), strings.ToLower(c)); d < dist {
			best, dist = c, d
		}
	}
	if dist > max(1, len(name)/3) || best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}
