package workflow_test

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/workflow"
)

var wantRE = regexp.MustCompile(`# want "([^"]*)"(?: "([^"]*)")?`)

// TestMistakes reads files that are wrong on purpose. A line that ends in
// `# want "Summary" "part of the detail"` must get that diagnostic, and no
// other line any.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal("no test files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := map[int][2]string{}
			for i, line := range strings.Split(string(src), "\n") {
				if m := wantRE.FindStringSubmatch(line); m != nil {
					want[i+1] = [2]string{m[1], m[2]}
				}
			}
			w, _, diags := workflow.Load(file, nil)
			if w != nil && !diags.HasErrors() {
				diags = append(diags, evaluateAll(w)...)
			}
			for _, d := range workflow.Tidy(diags) {
				line := 0
				if d.Subject != nil {
					line = d.Subject.Start.Line
				}
				exp, ok := want[line]
				switch {
				case !ok:
					t.Errorf("line %d: unexpected %q: %s", line, d.Summary, d.Detail)
				case d.Summary != exp[0]:
					t.Errorf("line %d: want %q, got %q: %s", line, exp[0], d.Summary, d.Detail)
				case !strings.Contains(d.Detail, exp[1]):
					t.Errorf("line %d: want a detail with %q, got %q", line, exp[1], d.Detail)
				}
				delete(want, line)
			}
			for line, exp := range want {
				t.Errorf("line %d: want %q, got nothing", line, exp[0])
			}
		})
	}
}

// evaluateAll evaluates every argument at the first value of every axis.
func evaluateAll(w *workflow.Workflow) hcl.Diagnostics {
	var diags hcl.Diagnostics
	p := make(workflow.Point, len(w.Axes))
	for _, b := range w.Blocks {
		for _, a := range b.Args {
			_, d := a.Value(p)
			diags = append(diags, d...)
		}
	}
	return diags
}

func load(t *testing.T, src string, given ...workflow.Input) (*workflow.Workflow, hcl.Diagnostics) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "study.hcl")
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	w, _, diags := workflow.Load(file, given)
	return w, workflow.Tidy(diags)
}

const tiny = `
variable "data" {
  type    = path
  default = "data"
}
variable "n" {
  type    = number
  default = 2
  validation {
    condition     = var.n > 0
    error_message = "n must be positive."
  }
}
loader "faq" "test" { path = var.data }
index "flat" "exact" {}
metric "ir" "q" {}
encoder "subword" "e" { dim = var.n }
task "t" {
  data            = loader.test
  query_language  = "cat"
  corpus_language = "eng"
}
retrieval "r" {
  task    = task.t
  encoder = encoder.e
  index   = index.exact
  metric  = metric.q
}
`

func argument(t *testing.T, w *workflow.Workflow, address, name string) any {
	t.Helper()
	v, diags := w.Block(address).Args[name].Value(make(workflow.Point, len(w.Axes)))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, err := workflow.Plain(v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVariables(t *testing.T) {
	flag := func(s string) workflow.Input {
		in, err := workflow.FlagInput(s, "/shell")
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	t.Run("default path is relative to the file", func(t *testing.T) {
		w, diags := load(t, tiny)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got, want := argument(t, w, "loader.test", "path"), filepath.Join(w.Dir, "data"); got != want {
			t.Errorf("want %v, got %v", want, got)
		}
	})
	t.Run("path from a flag is relative to the shell", func(t *testing.T) {
		w, diags := load(t, tiny, flag("data=x"))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := argument(t, w, "loader.test", "path"); got != "/shell/x" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("later wins over earlier, flags over the environment", func(t *testing.T) {
		in := append(workflow.EnvInputs([]string{"XLRUN_VAR_n=7", "XLRUN_VAR_other=1"}, "/shell"), flag("n=8"), flag("n=9"))
		w, diags := load(t, tiny, in...)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got := argument(t, w, "encoder.e", "dim"); got != 9.0 {
			t.Errorf("got %v", got)
		}
	})
	for name, c := range map[string]struct{ in, summary, detail string }{
		"validation":   {"n=-1", "Invalid value for variable", "n must be positive."},
		"wrong type":   {"n=[1]", "Wrong type", "wants number"},
		"not HCL":      {"n=a b", "Wrong value", `"a b"`},
		"unknown name": {"dta=x", "Unknown variable", `Did you mean "data"?`},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := load(t, tiny, flag(c.in))
			if len(diags) != 1 || diags[0].Summary != c.summary || !strings.Contains(diags[0].Detail, c.detail) {
				t.Errorf("want %q with %q, got %v", c.summary, c.detail, diags)
			}
		})
	}
}

func TestSampleIsNestedAndIgnoresOrder(t *testing.T) {
	src := `
locals {
  a = ["deu", "fra", "spa", "ita", "por", "rus"]
  b = reverse(local.a)
}
` + strings.Replace(tiny, `encoder "subword" "e" { dim = var.n }`, `
encoder "subword" "e" {
  two   = sample(local.a, 2, 5)
  four  = sample(local.a, 4, 5)
  same  = sample(local.b, 4, 5)
  other = sample(local.a, 4, [5, 1])
  again = sample(local.a, 4, 6)
}`, 1)
	w, diags := load(t, src)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	two, four := argument(t, w, "encoder.e", "two").([]any), argument(t, w, "encoder.e", "four").([]any)
	if d := cmp.Diff(four[:2], two); d != "" {
		t.Errorf("the sample of two is not the head of that of four:\n%s", d)
	}
	if d := cmp.Diff(four, argument(t, w, "encoder.e", "same")); d != "" {
		t.Errorf("the order of the list matters:\n%s", d)
	}
	// Written down once from the definition, sha256(seed, 0x1f, element):
	// a change of the order would change every published study.
	if d := cmp.Diff(goldenSample(5), four); d != "" {
		t.Errorf("the sample has changed:\n%s", d)
	}
	if cmp.Equal(four, argument(t, w, "encoder.e", "other")) && cmp.Equal(four, argument(t, w, "encoder.e", "again")) {
		t.Error("the seed does not matter")
	}
}

func TestFormatRefusesBrokenFiles(t *testing.T) {
	got, diags := workflow.Format([]byte("axis \"a\" {\nvalues=[1,2]\nrole    = \"draw\"\n}\n"), "a.hcl")
	if want := "axis \"a\" {\n  values = [1, 2]\n  role   = \"draw\"\n}\n"; diags.HasErrors() || string(got) != want {
		t.Errorf("want %q, got %q %v", want, got, diags)
	}
	if _, diags := workflow.Format([]byte("axis \"a\" {"), "a.hcl"); !diags.HasErrors() {
		t.Error("a broken file was formatted")
	}
}

func TestCheckVersion(t *testing.T) {
	for c, ok := range map[string]bool{">= 0.1": true, ">= 0.1, < 1": true, "~> 0.1.0": true, "0.1.0": true, "> 0.1.0": false, ">= 2": false, "~> 0.2": true, "nonsense": false} {
		version := "0.1.0"
		if c == "~> 0.2" {
			version = "0.3.1"
		}
		if err := workflow.CheckVersion(c, version); (err == nil) != ok {
			t.Errorf("%s with %q: got %v", version, c, err)
		}
	}
}

func TestCanonicalNumbers(t *testing.T) {
	got, err := workflow.Canonical(map[string]any{"b": 1e21, "a": 0.1, "c": math.Copysign(0, -1), "d": 3.0, "e": []any{"<ü>", true, nil}})
	if want := `{"a":0.1,"b":1e+21,"c":0,"d":3,"e":["<ü>",true,null]}`; err != nil || string(got) != want {
		t.Errorf("want %s, got %s %v", want, got, err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(tiny)
	f.Add(`axis "a" { values = [1] }`)
	f.Add(`claim "c" { holds = ame("size") > }`)
	f.Add("locals {\n a = local.b\n b = local.a\n}")
	f.Fuzz(func(t *testing.T, src string) {
		file := filepath.Join(t.TempDir(), "f.hcl")
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		w, _, diags := workflow.Load(file, nil)
		if w != nil && !diags.HasErrors() {
			_ = evaluateAll(w)
		}
	})
}
