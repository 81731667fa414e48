package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

var kinds = map[sdk.Kind]pluginpb.Kind{
	sdk.KindLoader:  pluginpb.Kind_KIND_LOADER,
	sdk.KindEncoder: pluginpb.Kind_KIND_ENCODER,
	sdk.KindIndex:   pluginpb.Kind_KIND_INDEX,
	sdk.KindMetric:  pluginpb.Kind_KIND_METRIC,
}

var determinisms = map[sdk.Determinism]pluginpb.Determinism{
	sdk.Bitwise:    pluginpb.Determinism_DETERMINISM_BITWISE,
	sdk.Numeric:    pluginpb.Determinism_DETERMINISM_NUMERIC,
	sdk.Stochastic: pluginpb.Determinism_DETERMINISM_STOCHASTIC,
}

var effects = map[sdk.Effect]pluginpb.Effect{
	sdk.EffectOutput:      pluginpb.Effect_EFFECT_OUTPUT,
	sdk.EffectPerformance: pluginpb.Effect_EFFECT_PERFORMANCE,
	sdk.EffectSource:      pluginpb.Effect_EFFECT_SOURCE,
}

var types = []sdk.Type{sdk.String, sdk.Path, sdk.Int, sdk.Float, sdk.Bool, sdk.ListString, sdk.ListInt, sdk.ListFloat, sdk.MapString}

func back[K, V comparable](m map[K]V, v V) (K, bool) {
	for k, x := range m {
		if x == v {
			return k, true
		}
	}
	var zero K
	return zero, false
}

// ToKind converts a kind.
func ToKind(k sdk.Kind) pluginpb.Kind { return kinds[k] }

// Kind converts a kind; it is "" for one that this version does not know.
func Kind(k pluginpb.Kind) sdk.Kind {
	x, _ := back(kinds, k)
	return x
}

// ToRole converts a role.
func ToRole(r sdk.Role) pluginpb.Role {
	if r == sdk.RoleQuery {
		return pluginpb.Role_ROLE_QUERY
	}
	return pluginpb.Role_ROLE_DOCUMENT
}

// Role converts a role.
func Role(r pluginpb.Role) sdk.Role {
	if r == pluginpb.Role_ROLE_QUERY {
		return sdk.RoleQuery
	}
	return sdk.RoleDocument
}

// ToComponent converts a declaration.
func ToComponent(i sdk.Info) (*pluginpb.Component, error) {
	c := &pluginpb.Component{
		Kind: kinds[i.Kind], Name: i.Name, Revision: int64(i.Revision), Doc: i.Doc,
		Determinism: determinisms[i.Determinism], PairKinds: i.PairKinds, Trainable: i.Train != nil, Languages: i.Languages,
	}
	var err error
	if c.Options, err = toOptions(i.Options); err != nil {
		return nil, err
	}
	c.TrainOptions, err = toOptions(i.Train)
	return c, err
}

// Component converts a declaration and checks what the host relies on. Train
// is not nil where the component can be trained.
func Component(c *pluginpb.Component) (sdk.Info, error) {
	i := sdk.Info{Kind: Kind(c.GetKind()), Name: c.GetName(), Revision: int(c.GetRevision()), Doc: c.GetDoc(), PairKinds: c.GetPairKinds(), Languages: c.GetLanguages()}
	if i.Kind == "" {
		return i, fmt.Errorf("component %q has the unknown kind %d", i.Name, c.GetKind())
	}
	if i.Determinism, _ = back(determinisms, c.GetDeterminism()); i.Determinism == "" {
		if c.GetDeterminism() != pluginpb.Determinism_DETERMINISM_UNSPECIFIED {
			return i, fmt.Errorf("%s %q has the unknown determinism %d", i.Kind, i.Name, c.GetDeterminism())
		}
		i.Determinism = sdk.Bitwise
	}
	if i.Revision < 1 {
		return i, fmt.Errorf("%s %q: the revision must be 1 or more", i.Kind, i.Name)
	}
	var err error
	if i.Options, err = options(c.GetOptions()); err != nil {
		return i, fmt.Errorf("%s %q: %w", i.Kind, i.Name, err)
	}
	if c.GetTrainable() {
		if i.Train, err = options(c.GetTrainOptions()); err != nil {
			return i, fmt.Errorf("%s %q: train: %w", i.Kind, i.Name, err)
		}
	}
	return i, nil
}

func toOptions(os []sdk.Option) ([]*pluginpb.Option, error) {
	out := make([]*pluginpb.Option, len(os))
	for i, o := range os {
		p := &pluginpb.Option{
			Name: o.Name, Type: string(o.Type), Doc: o.Doc, Required: o.Required, Min: o.Min, Max: o.Max,
			EnumValues: o.Enum, Pattern: o.Pattern, Effect: effects[o.Effect],
		}
		if o.Default != nil {
			b, err := json.Marshal(o.Default)
			if err != nil {
				return nil, fmt.Errorf("default of option %q: %w", o.Name, err)
			}
			p.DefaultJson = b
		}
		out[i] = p
	}
	return out, nil
}

func options(ps []*pluginpb.Option) ([]sdk.Option, error) {
	out := make([]sdk.Option, len(ps))
	for i, p := range ps {
		o := sdk.Option{
			Name: p.GetName(), Type: sdk.Type(p.GetType()), Doc: p.GetDoc(), Required: p.GetRequired(), Min: p.Min, Max: p.Max,
			Enum: p.GetEnumValues(), Pattern: p.GetPattern(),
		}
		if !slices.Contains(types, o.Type) {
			return nil, fmt.Errorf("option %q has the unknown type %q", o.Name, o.Type)
		}
		if o.Effect, _ = back(effects, p.GetEffect()); o.Effect == "" {
			if p.GetEffect() != pluginpb.Effect_EFFECT_UNSPECIFIED {
				return nil, fmt.Errorf("option %q has the unknown effect %d", o.Name, p.GetEffect())
			}
			o.Effect = sdk.EffectOutput
		}
		if len(p.GetDefaultJson()) > 0 {
			var err error
			if o.Default, err = defaultOf(o.Type, p.GetDefaultJson()); err != nil {
				return nil, fmt.Errorf("default of option %q: %w", o.Name, err)
			}
		}
		out[i] = o
	}
	return out, nil
}

func defaultOf(t sdk.Type, b []byte) (any, error) {
	switch t {
	case sdk.Int:
		return decode[int64](b)
	case sdk.Float:
		return decode[float64](b)
	case sdk.Bool:
		return decode[bool](b)
	case sdk.ListString:
		return decode[[]string](b)
	case sdk.ListInt:
		return decode[[]int64](b)
	case sdk.ListFloat:
		return decode[[]float64](b)
	case sdk.MapString:
		return decode[map[string]string](b)
	}
	return decode[string](b)
}

func decode[T any](b []byte) (any, error) {
	var v T
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// ToDiagnostics converts diagnostics.
func ToDiagnostics(ds sdk.Diagnostics) []*pluginpb.Diagnostic {
	out := make([]*pluginpb.Diagnostic, len(ds))
	for i, d := range ds {
		p := &pluginpb.Diagnostic{Severity: pluginpb.Diagnostic_SEVERITY_ERROR, Summary: d.Summary, Detail: d.Detail}
		if d.Warning {
			p.Severity = pluginpb.Diagnostic_SEVERITY_WARNING
		}
		for _, step := range d.Path {
			s := &pluginpb.Diagnostic_Step{}
			switch step := step.(type) {
			case int:
				s.Step = &pluginpb.Diagnostic_Step_Index{Index: int64(step)}
			case string:
				s.Step = &pluginpb.Diagnostic_Step_Name{Name: step}
			default:
				s.Step = &pluginpb.Diagnostic_Step_Name{Name: fmt.Sprint(step)}
			}
			p.Path = append(p.Path, s)
		}
		out[i] = p
	}
	return out
}

// Diagnostics converts diagnostics.
func Diagnostics(ps []*pluginpb.Diagnostic) sdk.Diagnostics {
	var out sdk.Diagnostics
	for _, p := range ps {
		d := sdk.Diagnostic{Summary: p.GetSummary(), Detail: p.GetDetail(), Warning: p.GetSeverity() == pluginpb.Diagnostic_SEVERITY_WARNING}
		for _, s := range p.GetPath() {
			if n, ok := s.GetStep().(*pluginpb.Diagnostic_Step_Index); ok {
				d.Path = append(d.Path, int(n.Index))
			} else {
				d.Path = append(d.Path, s.GetName())
			}
		}
		out = append(out, d)
	}
	return out
}

// ToRanges converts what the values of measures can be.
func ToRanges(list []sdk.Range) []*pluginpb.Range {
	var out []*pluginpb.Range
	for _, r := range list {
		out = append(out, &pluginpb.Range{Low: r.Low, High: r.High})
	}
	return out
}

// Ranges converts what the values of measures can be.
func Ranges(list []*pluginpb.Range) []sdk.Range {
	var out []sdk.Range
	for _, r := range list {
		out = append(out, sdk.Range{Low: r.GetLow(), High: r.GetHigh()})
	}
	return out
}

// ToEncoderInfo converts an encoder's description.
func ToEncoderInfo(i sdk.EncoderInfo) *pluginpb.EncoderInfo {
	return &pluginpb.EncoderInfo{
		Dim: int64(i.Dim), Sparse: i.Sparse, UnitNorm: i.UnitNorm, ParamsTotal: i.ParamsTotal, ParamsNonEmbed: i.ParamsNonEmbed,
		MaxTokens: int64(i.MaxTokens), Pretraining: i.Pretraining, PretrainingKnown: i.PretrainingKnown,
	}
}

// EncoderInfo converts an encoder's description.
func EncoderInfo(p *pluginpb.EncoderInfo) sdk.EncoderInfo {
	return sdk.EncoderInfo{
		Dim: int(p.GetDim()), Sparse: p.GetSparse(), UnitNorm: p.GetUnitNorm(), ParamsTotal: p.GetParamsTotal(), ParamsNonEmbed: p.GetParamsNonEmbed(),
		MaxTokens: int(p.GetMaxTokens()), Pretraining: p.GetPretraining(), PretrainingKnown: p.GetPretrainingKnown(),
	}
}
