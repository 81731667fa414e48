package sdktest

import (
	"encoding/json"

	"github.com/xlrun/xlrun/sdk"
)

// withOption returns config with one argument set.
func withOption(config []byte, name string, value any) []byte {
	m := map[string]any{}
	if len(config) > 0 {
		if json.Unmarshal(config, &m) != nil {
			return config
		}
	}
	m[name] = value
	b, err := json.Marshal(m)
	if err != nil {
		return config
	}
	return b
}

// others returns values for an option that differ from its default, within its
// constraints: a few for a number, all of an enumeration.
func others(o sdk.Option) []any {
	switch o.Type {
	case sdk.Bool:
		d, _ := o.Default.(bool)
		return []any{!d}
	case sdk.Int, sdk.Float:
		d := 1.0
		switch x := o.Default.(type) {
		case int64:
			d = float64(x)
		case float64:
			d = x
		}
		var out []any
		for _, v := range []float64{1, 2, 3, 7, d + 1} {
			if v != d && len(o.Check(v)) == 0 {
				out = append(out, v)
			}
		}
		return out
	case sdk.String:
		var out []any
		for _, v := range o.Enum {
			if v != o.Default {
				out = append(out, v)
			}
		}
		return out
	}
	return nil
}
