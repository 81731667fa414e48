package sdk_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/sdk"
)

type options struct {
	Dim   int      `xl:"dim,default=64,min=1,max=100" doc:"d"`
	Mode  string   `xl:"mode,default=fast,enum=fast|slow" doc:"d"`
	Rate  float64  `xl:"rate,default=0.5" doc:"d"`
	Names []string `xl:"names,required" doc:"d"`
	Path  string   `xl:"path,path" doc:"d"`
	Jobs  int      `xl:"jobs,default=1,effect=performance" doc:"d"`
	Note  string   // no tag: not an option
}

// Validate refuses a combination that no single option can.
func (o *options) Validate() error {
	if o.Mode == "slow" && o.Dim > 50 {
		return sdk.At("Too slow", "slow is for 50 dimensions at most", "dim")
	}
	return nil
}

var seen options

var component = sdk.NewIndex(sdk.Info{Name: "toy", Revision: 1, Doc: "d"}, func(_ context.Context, o options) (sdk.Index, error) {
	seen = o
	return nil, nil
})

func TestOptionsFromTags(t *testing.T) {
	got := map[string]string{}
	for _, o := range component.Options {
		got[o.Name] = string(o.Type) + " " + string(o.Effect)
	}
	want := map[string]string{
		"dim": "int output", "mode": "string output", "rate": "float output", "names": "list(string) output", "path": "path source", "jobs": "int performance",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := (sdk.Plugin{Name: "p", Components: []sdk.Component{component}}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestDecodeFillsDefaults(t *testing.T) {
	if _, err := component.Open(t.Context(), []byte(`{"names": ["a", "b"], "dim": 3}`), nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(options{Dim: 3, Mode: "fast", Rate: 0.5, Names: []string{"a", "b"}, Jobs: 1}, seen); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDecodeReportsEveryMistake(t *testing.T) {
	_, err := component.Decode([]byte(`{"dim": 500, "mode": "fsat", "rate": "x", "nmaes": ["a"]}`))
	d, ok := sdk.AsDiagnostics(err)
	if !ok {
		t.Fatalf("want diagnostics, got %v", err)
	}
	text := d.Error()
	for _, want := range []string{"at most 100", `Did you mean "fast"?`, `"rate" wants float`, `"names" is required`, `Did you mean "names"?`} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in %q", want, text)
		}
	}
	if _, err := component.Decode([]byte(`{"names": ["a"], "mode": "slow", "dim": 60}`)); err == nil || !strings.Contains(err.Error(), "slow is for 50") {
		t.Errorf("got %v", err)
	}
}

func TestDeclarationsThatContradictThemselves(t *testing.T) {
	open := func(context.Context, struct {
		A int `xl:"a,default=5,max=3" doc:"d"`
	},
	) (sdk.Index, error) {
		return nil, nil
	}
	for name, p := range map[string]sdk.Plugin{
		"default out of bounds": {Components: []sdk.Component{sdk.NewIndex(sdk.Info{Name: "x", Revision: 1}, open)}},
		"no revision":           {Components: []sdk.Component{sdk.NewIndex(sdk.Info{Name: "x"}, func(context.Context, struct{}) (sdk.Index, error) { return nil, nil })}},
		"bad name":              {Components: []sdk.Component{sdk.NewIndex(sdk.Info{Name: "X y", Revision: 1}, func(context.Context, struct{}) (sdk.Index, error) { return nil, nil })}},
		"twice":                 {Components: []sdk.Component{component, component}},
		"not made":              {Components: []sdk.Component{{Info: sdk.Info{Name: "x", Revision: 1}}}},
	} {
		if err := p.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"bach_size", ` Did you mean "batch_size"?`}, {"BATCH_SIZE", ` Did you mean "batch_size"?`}, {"zzz", ""}, {"dmi", ` Did you mean "dim"?`},
	} {
		if got := sdk.DidYouMean(c.name, []string{"batch_size", "dim"}); got != c.want {
			t.Errorf("%s: want %q, got %q", c.name, c.want, got)
		}
	}
}

func TestNormalizeText(t *testing.T) {
	for in, want := range map[string]string{
		"  Where's  the Café?! ": "where s the café", "ＦＵＬＬ width": "full width", "straße": "strasse", "नमस्ते।": "नमस्ते", "...": "", "": "",
	} {
		if got := sdk.NormalizeText(in); got != want {
			t.Errorf("%q: want %q, got %q", in, want, got)
		}
	}
	if sdk.TextHash("Hello, world") != sdk.TextHash("hello world!") {
		t.Error("case and punctuation change the hash")
	}
	if sdk.TextHash("...") == sdk.TextHash("!!!") || sdk.TextHash("") != 0 || sdk.TextHash("...") == 0 {
		t.Error("texts of punctuation must differ, and the empty text is 0")
	}
}
