package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// library is the functions that expressions may call. All are pure: no time,
// no environment, no randomness but what a seed decides.
type library struct {
	dir string
	all map[string]function.Function

	mu      sync.Mutex
	samples []sampleCall
}

// sampleCall is one evaluated call of sample(): n of len elements.
type sampleCall struct{ n, of int }

func newLibrary(dir string) *library {
	l := &library{dir: dir}
	l.all = map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "can": tryfunc.CanFunc, "ceil": stdlib.CeilFunc, "chunklist": stdlib.ChunklistFunc,
		"coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc, "csvdecode": stdlib.CSVDecodeFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc,
		"flatten": stdlib.FlattenFunc, "floor": stdlib.FloorFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc,
		"indent": stdlib.IndentFunc, "index": stdlib.IndexFunc, "int": stdlib.IntFunc, "join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc, "length": lengthFunc, "log": stdlib.LogFunc, "lookup": stdlib.LookupFunc,
		"lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc,
		"pow": stdlib.PowFunc, "range": stdlib.RangeFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "replace": stdlib.ReplaceFunc,
		"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "signum": stdlib.SignumFunc, "slice": stdlib.SliceFunc,
		"sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc,
		"trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc,
		"try": tryfunc.TryFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
		"tonumber": stdlib.MakeToFunc(cty.Number), "tobool": stdlib.MakeToFunc(cty.Bool),
		"sha256": stringFunc("The SHA-256 digest of a string, in hexadecimal.", func(s string) (string, error) {
			h := sha256.Sum256([]byte(s))
			return hex.EncodeToString(h[:]), nil
		}),
		"file":       stringFunc("The content of a UTF-8 text file inside the workflow's directory.", l.readFile),
		"lines":      l.linesFunc(),
		"filesha256": stringFunc("The SHA-256 digest of a file inside the workflow's directory, in hexadecimal.", l.fileDigest),
		"sample":     l.sampleFunc(),
		"shuffle":    shuffleFunc,
		"subtract":   subtractFunc,
		"basename":   stringFunc("The last element of a path.", func(s string) (string, error) { return filepath.Base(s), nil }),
		"dirname":    stringFunc("All but the last element of a path.", func(s string) (string, error) { return filepath.Dir(s), nil }),
		"sum":        sumFunc,
	}
	return l
}

// Functions lists the names of the functions that expressions may call.
func Functions() []string {
	var names []string
	for n := range newLibrary(".").all {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func stringFunc(doc string, f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: doc,
		Params:      []function.Parameter{{Name: "value", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

// inside resolves a path that must lie in the workflow's directory, also after
// symbolic links.
func (l *library) inside(path string) (string, error) {
	if filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is absolute: file functions read only what lies beside the workflow", path)
	}
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("%q leaves the workflow's directory: file functions read only what lies beside the workflow", path)
	}
	full := filepath.Join(l.dir, path)
	real, err := filepath.EvalSymlinks(full)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("there is no file %q beside the workflow", path)
		}
		return "", err
	}
	root, err := filepath.EvalSymlinks(l.dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%q is a link out of the workflow's directory", path)
	}
	return real, nil
}

func (l *library) readFile(path string) (string, error) {
	full, err := l.inside(path)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(full)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%q is not UTF-8 text", path)
	}
	return string(b), nil
}

func (l *library) fileDigest(path string) (string, error) {
	full, err := l.inside(path)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(full)
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

func (l *library) linesFunc() function.Function {
	return function.New(&function.Spec{
		Description: "The lines of a text file inside the workflow's directory; blank lines and what follows # left out.",
		Params:      []function.Parameter{{Name: "path", Type: cty.String}},
		Type:        function.StaticReturnType(cty.List(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := l.readFile(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			var out []cty.Value
			for line := range strings.Lines(s) {
				line, _, _ = strings.Cut(line, "#")
				if line = strings.TrimSpace(line); line != "" {
					out = append(out, cty.StringVal(line))
				}
			}
			if len(out) == 0 {
				return cty.ListValEmpty(cty.String), nil
			}
			return cty.ListVal(out), nil
		},
	})
}

var lengthFunc = function.New(&function.Spec{
	Description: "The number of elements of a collection, or of characters of a string.",
	Params:      []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true}},
	Type:        function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		switch {
		case v.IsNull():
			return cty.NilVal, function.NewArgErrorf(0, "null has no length")
		case v.Type() == cty.String:
			return stdlib.Strlen(v)
		case v.CanIterateElements():
			return cty.NumberIntVal(int64(v.LengthInt())), nil
		}
		return cty.NilVal, function.NewArgErrorf(0, "%s has no length", v.Type().FriendlyName())
	},
})

var sumFunc = function.New(&function.Spec{
	Description: "The sum of a list of numbers.",
	Params:      []function.Parameter{{Name: "list", Type: cty.List(cty.Number)}},
	Type:        function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		total := new(big.Float).SetPrec(512)
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			if v.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "the list holds null")
			}
			total.Add(total, v.AsBigFloat())
		}
		return cty.NumberVal(total), nil
	},
})

// subtractFunc keeps the order of its first list, which setsubtract does not.
var subtractFunc = function.New(&function.Spec{
	Description: "The elements of the first list that are in none of the others, in order.",
	Params:      []function.Parameter{{Name: "list", Type: cty.List(cty.String)}},
	VarParam:    &function.Parameter{Name: "without", Type: cty.List(cty.String)},
	Type:        function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		drop := map[string]bool{}
		for _, l := range args[1:] {
			for it := l.ElementIterator(); it.Next(); {
				if _, v := it.Element(); !v.IsNull() {
					drop[v.AsString()] = true
				}
			}
		}
		var out []cty.Value
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			if v.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "the list holds null")
			}
			if !drop[v.AsString()] {
				out = append(out, v)
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(cty.String), nil
		}
		return cty.ListVal(out), nil
	},
})

// sampleFunc draws without replacement: the n elements that come first in the
// order of sha256(seed, element). So the order of the list does not matter,
// and a sample of n is contained in one of n+1 with the same seed.
func (l *library) sampleFunc() function.Function {
	return function.New(&function.Spec{
		Description: "n elements of a list, decided by the seed alone: nested in n, indifferent to the list's order.",
		Params: []function.Parameter{
			{Name: "list", Type: cty.List(cty.String)}, {Name: "n", Type: cty.Number}, {Name: "seed", Type: cty.DynamicPseudoType},
		},
		Type: function.StaticReturnType(cty.List(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, acc := args[1].AsBigFloat().Int64()
			if acc != big.Exact || n < 0 {
				return cty.NilVal, function.NewArgErrorf(1, "n must be a whole number, 0 or more")
			}
			order, err := seededOrder(args[0], args[2], 2)
			if err != nil {
				return cty.NilVal, err
			}
			if int(n) > len(order) {
				return cty.NilVal, function.NewArgErrorf(1, "cannot draw %d of %d elements", n, len(order))
			}
			l.mu.Lock()
			l.samples = append(l.samples, sampleCall{int(n), len(order)})
			l.mu.Unlock()
			if n == 0 {
				return cty.ListValEmpty(cty.String), nil
			}
			return cty.ListVal(order[:n]), nil
		},
	})
}

// takeSamples returns and forgets the calls of sample() since the last time.
func (l *library) takeSamples() []sampleCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.samples
	l.samples = nil
	return s
}

var shuffleFunc = function.New(&function.Spec{
	Description: "The elements of a list in an order decided by the seed alone.",
	Params:      []function.Parameter{{Name: "list", Type: cty.List(cty.String)}, {Name: "seed", Type: cty.DynamicPseudoType}},
	Type:        function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		order, err := seededOrder(args[0], args[1], 1)
		if err != nil || len(order) == 0 {
			return cty.ListValEmpty(cty.String), err
		}
		return cty.ListVal(order), nil
	},
})

// seededOrder orders a list; seedArg is the index of the seed among the
// arguments, for messages.
func seededOrder(list, seed cty.Value, seedArg int) ([]cty.Value, error) {
	canon, err := SeedText(seed)
	if err != nil {
		return nil, function.NewArgError(seedArg, err)
	}
	type keyed struct {
		key [32]byte
		val cty.Value
	}
	seen := map[string]bool{}
	var ks []keyed
	for it := list.ElementIterator(); it.Next(); {
		_, v := it.Element()
		if v.IsNull() {
			return nil, function.NewArgErrorf(0, "the list holds null")
		}
		s := v.AsString()
		if seen[s] {
			return nil, function.NewArgErrorf(0, "the list holds %q twice: a draw without replacement needs distinct elements", s)
		}
		seen[s] = true
		// The unit separator keeps ("1", "2x") and ("12", "x") apart.
		ks = append(ks, keyed{sha256.Sum256([]byte(canon + "\x1f" + s)), v})
	}
	sort.Slice(ks, func(i, j int) bool { return string(ks[i].key[:]) < string(ks[j].key[:]) })
	out := make([]cty.Value, len(ks))
	for i, k := range ks {
		out[i] = k.val
	}
	return out, nil
}

// SeedText returns the canonical text of a seed: a number, a string, a bool or
// a list of these.
func SeedText(seed cty.Value) (string, error) {
	if !seed.IsWhollyKnown() || seed.IsNull() {
		return "", errors.New("the seed is null")
	}
	t := seed.Type()
	switch {
	case t.IsPrimitiveType():
	case t.IsTupleType() || t.IsListType():
		for it := seed.ElementIterator(); it.Next(); {
			if _, v := it.Element(); v.IsNull() || !v.Type().IsPrimitiveType() {
				return "", errors.New("a seed is a number, a string, or a list of these")
			}
		}
	default:
		return "", fmt.Errorf("a seed is a number, a string, or a list of these, not %s", t.FriendlyName())
	}
	p, err := Plain(seed)
	if err != nil {
		return "", err
	}
	b, err := Canonical(p)
	return string(b), err
}
