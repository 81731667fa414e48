package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"sort"
	"strconv"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
)

// Plain turns a value into nil, bool, string, float64, []any or
// map[string]any. A number must be exact as a float64, and a whole number
// must not be beyond 2^53, so that every reader in every language sees the
// same one.
func Plain(v cty.Value) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	if !v.IsKnown() {
		return nil, fmt.Errorf("the value is not known")
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		return number(v.AsBigFloat())
	case t.IsListType() || t.IsTupleType() || t.IsSetType():
		out := []any{}
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			p, err := Plain(e)
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		return out, nil
	case t.IsMapType() || t.IsObjectType():
		out := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			p, err := Plain(e)
			if err != nil {
				return nil, err
			}
			out[k.AsString()] = p
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s is not a plain value", t.FriendlyName())
}

func number(b *big.Float) (float64, error) {
	f, acc := b.Float64()
	if math.IsInf(f, 0) {
		return 0, fmt.Errorf("the number %s is too large", b.Text('g', 10))
	}
	if b.IsInt() && (acc != big.Exact || math.Abs(f) > 1<<53) {
		return 0, fmt.Errorf("the whole number %s is beyond 2^53, so not every plugin could hold it exactly; write a smaller one, or a string where a text is wanted", b.Text('f', 0))
	}
	if f == 0 {
		f = 0 // −0 is 0
	}
	return f, nil
}

// Canonical returns JSON with sorted keys, no spaces, and numbers in the
// shortest form that reads back to the same float64.
func Canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	err := canonical(&b, v)
	return b.Bytes(), err
}

func canonical(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		return canonicalString(b, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%v is not a number that can be written", v)
		}
		if v == 0 {
			v = 0
		}
		if v == math.Trunc(v) && math.Abs(v) <= 1<<53 {
			b.WriteString(strconv.FormatInt(int64(v), 10))
			return nil
		}
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	case int:
		return canonical(b, float64(v))
	case int64:
		return canonical(b, float64(v))
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := canonical(b, e); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := canonicalString(b, k); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := canonical(b, v[k]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		// A struct of ours: through its JSON form.
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		var plain any
		if err := json.Unmarshal(raw, &plain); err != nil {
			return err
		}
		return canonical(b, plain)
	}
	return nil
}

func canonicalString(b *bytes.Buffer, s string) error {
	if plainASCII(s) {
		b.WriteByte('"')
		b.WriteString(s)
		b.WriteByte('"')
		return nil
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is not valid UTF-8", s)
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder ends with a line feed
	return nil
}

// plainASCII reports whether s stands in JSON as it is.
func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Label returns the text of a scalar as it stands in a column: a number in
// shortest form, a string as it is.
func Label(v cty.Value) (string, error) {
	p, err := Plain(v)
	if err != nil {
		return "", err
	}
	switch p := p.(type) {
	case string:
		return p, nil
	case bool, float64:
		b, err := Canonical(p)
		return string(b), err
	}
	return "", fmt.Errorf("want a number, a string or a bool")
}
