// Package internal_test holds the one test that is about the whole house.
package internal_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/xlrun/xlrun"

// layer gives every package its floor. A package imports from lower floors
// only; sideways lists the exceptions. ARCHITECTURE.md draws the same picture.
var layer = map[string]int{
	// Formats and the store: they know nothing of studies or plugins.
	"sdk/ir": 0, "internal/cas": 0, "internal/wire/pluginpb": 0, "internal/simd": 0, "internal/markup": 0, "internal/near": 0,
	// What a plugin sees, and pure arithmetic.
	"sdk": 1, "sdk/vec": 1, "sdk/ir/multilingual": 1, "sdk/ir/irfile": 1, "internal/stats": 1,
	// One boundary each: the file, the protocol, the process, the data.
	"internal/workflow": 2, "internal/wire": 2, "internal/pluginhost": 2,
	"internal/collection": 2, "sdk/serve": 2, "sdk/sdktest": 2,
	// The study itself.
	"internal/study": 3, "internal/results": 3, "internal/runner": 3,
	"internal/analysis": 3, "internal/mteb": 3,
	// What people look at.
	"internal/report": 4, "internal/terminal": 4, "cmd/xlrun": 4,
	// Programs that measure: nothing imports them.
	"bench/internal/ceiling": 0, "bench/scoring": 4, "bench/measures": 4,
}

// sideways lists the steps that stay on their floor, each with its reason.
var sideways = map[string]string{
	"sdk/ir -> internal/near":               "names of measures are misspelt like others",
	"sdk/serve -> internal/wire":            "both ends of the protocol share its conversions",
	"internal/pluginhost -> internal/wire":  "both ends of the protocol share its conversions",
	"sdk/sdktest -> internal/pluginhost":    "the suite drives a plugin as the host does",
	"sdk/sdktest -> internal/wire":          "the suite judges answers as the host does",
	"internal/runner -> internal/study":     "the runner carries out the plan",
	"internal/runner -> internal/results":   "the runner writes collections, rankings and records",
	"internal/analysis -> internal/results": "an analysis reads records",
	"cmd/xlrun -> internal/report":          "the command puts everything together",
	"cmd/xlrun -> internal/terminal":        "the command puts everything together",
}

// doors lists who may import a third-party library, by the import path's
// prefix. A library that is not here may be imported anywhere.
var doors = map[string][]string{
	"github.com/hashicorp/hcl":       {"internal/workflow", "internal/study", "internal/terminal", "cmd/xlrun"},
	"github.com/zclconf/go-cty":      {"internal/workflow", "internal/study", "internal/terminal", "cmd/xlrun"},
	"google.golang.org/grpc":         {"internal/wire", "internal/wire/pluginpb", "internal/pluginhost", "sdk/serve", "sdk/sdktest"},
	"github.com/hashicorp/go-plugin": {"internal/pluginhost", "sdk/serve", "sdk/sdktest"},
	"github.com/parquet-go":          {"internal/results", "sdk/ir/irfile"},
	"github.com/klauspost/compress":  {"sdk/ir/irfile"},
	"gonum.org/v1/gonum":             {"internal/stats", "plugins/...", "bench/..."},
	"github.com/dop251/goja":         {"internal/report"},
	"codeberg.org/go-pdf/fpdf":       {"internal/report"},
}

// TestLayers reads the sources itself rather than asking "go list", so that
// the test cache sees every file it depends on.
func TestLayers(t *testing.T) {
	for _, problem := range checkHouse(t, os.DirFS("..")) {
		t.Error(problem)
	}
	for pkg := range layer {
		if _, err := os.Stat(path.Join("..", pkg)); err != nil {
			t.Errorf("layer names %s, which is gone", pkg)
		}
	}
}

// TestLayersCatch gives the checker one forbidden import of each kind.
func TestLayersCatch(t *testing.T) {
	for _, c := range []struct {
		name, file, imports, want string
	}{
		{"downwards", "internal/report/a.go", module + "/internal/results", ""},
		{"upwards", "internal/stats/a.go", module + "/internal/report", "internal/stats (layer 1) imports internal/report (layer 4)"},
		{"sideways", "internal/results/a.go", module + "/internal/runner", "internal/results (layer 3) imports internal/runner (layer 3)"},
		{"sideways, listed", "internal/runner/a.go", module + "/internal/study", ""},
		{"behind a build tag", "internal/cas/a_windows.go", module + "/sdk", "internal/cas (layer 0) imports sdk (layer 1)"},
		{"no layer", "internal/util/a.go", "fmt", "internal/util has no layer"},
		{"layer of nobody", "internal/runner/a.go", module + "/internal/util", "internal/runner imports internal/util, which has no layer"},
		{"plugin, sdk", "plugins/flat/a.go", module + "/sdk/vec", ""},
		{"plugin, internal", "plugins/flat/a.go", module + "/internal/cas", "plugins/flat imports internal/cas: plugins and examples use the SDK only"},
		{"plugin, internal, in a test", "plugins/flat/a_test.go", module + "/internal/cas", "plugins/flat imports internal/cas: plugins and examples use the SDK only"},
		{"plugin, plugin", "plugins/flat/a.go", module + "/plugins/ir", "plugins/flat imports plugins/ir: plugins and examples use the SDK only"},
		{"example", "examples/hello/a.go", module + "/internal/wire", "examples/hello imports internal/wire: plugins and examples use the SDK only"},
		{"host, plugin", "internal/runner/a.go", module + "/plugins/ir", "internal/runner imports plugins/ir: only cmd/xlrun bundles plugins"},
		{"command, plugin", "cmd/xlrun/a.go", module + "/plugins/ir", ""},
		{"door", "internal/workflow/a.go", "github.com/hashicorp/hcl/v2/hclsyntax", ""},
		{"no door", "internal/report/a.go", "github.com/hashicorp/hcl/v2", "internal/report imports github.com/hashicorp/hcl/v2: its doors are internal/workflow, internal/study, internal/terminal, cmd/xlrun"},
		{"no door, gRPC", "sdk/a.go", "google.golang.org/grpc/codes", "sdk imports google.golang.org/grpc/codes: its doors are internal/wire, internal/wire/pluginpb, internal/pluginhost, sdk/serve, sdk/sdktest"},
		{"door of a family", "plugins/subword/a.go", "gonum.org/v1/gonum/stat", ""},
		{"a longer name is another library", "internal/cas/a.go", "github.com/hashicorp/hclx", ""},
		{"a test may look up", "internal/stats/a_test.go", module + "/internal/report", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := fmt.Sprintf("package p\n\nimport _ %q\n", c.imports)
			got := strings.Join(checkHouse(t, fstest.MapFS{c.file: {Data: []byte(source)}}), "\n")
			if got != c.want {
				t.Errorf("%s importing %s:\ngot  %q\nwant %q", c.file, c.imports, got, c.want)
			}
		})
	}
}

// checkHouse returns what is wrong with the imports of the Go files in house,
// sorted. Tests may import what they like, except in plugins and examples.
func checkHouse(t *testing.T, house fs.FS) []string {
	t.Helper()
	problems := map[string]bool{}
	err := fs.WalkDir(house, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if name != "." && strings.ContainsAny(name[:1], "._") || name == "testdata" || name == "node_modules" || file == "tools" {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		guest, test := isGuest(path.Dir(file)), strings.HasSuffix(file, "_test.go")
		if test && !guest {
			return nil
		}
		source, err := fs.ReadFile(house, file)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := path.Dir(file)
		if _, ok := layer[from]; !ok && !guest {
			problems[from+" has no layer"] = true
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			problem := checkDoor(from, imported)
			if to, ours := strings.CutPrefix(imported, module+"/"); ours {
				problem = checkImport(from, to)
			}
			if problem != "" {
				problems[problem] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(problems))
}

// isGuest tells whether a package could live in another repository.
func isGuest(pkg string) bool {
	return strings.HasPrefix(pkg, "plugins/") || strings.HasPrefix(pkg, "examples/")
}

func checkImport(from, to string) string {
	if isGuest(from) {
		if to == "sdk" || strings.HasPrefix(to, "sdk/") || strings.HasPrefix(to, from+"/") {
			return ""
		}
		return fmt.Sprintf("%s imports %s: plugins and examples use the SDK only", from, to)
	}
	if strings.HasPrefix(to, "plugins/") {
		if from == "cmd/xlrun" {
			return ""
		}
		return fmt.Sprintf("%s imports %s: only cmd/xlrun bundles plugins", from, to)
	}
	upper, known := layer[from]
	lower, ok := layer[to]
	switch {
	case !known: // already said
	case !ok:
		return fmt.Sprintf("%s imports %s, which has no layer", from, to)
	case lower >= upper && sideways[from+" -> "+to] == "":
		return fmt.Sprintf("%s (layer %d) imports %s (layer %d)", from, upper, to, lower)
	}
	return ""
}

func checkDoor(from, imported string) string {
	for library, packages := range doors {
		if imported != library && !strings.HasPrefix(imported, library+"/") {
			continue
		}
		if slices.ContainsFunc(packages, func(pkg string) bool {
			family, ok := strings.CutSuffix(pkg, "...")
			return pkg == from || ok && strings.HasPrefix(from, family)
		}) {
			return ""
		}
		return fmt.Sprintf("%s imports %s: its doors are %s", from, imported, strings.Join(packages, ", "))
	}
	return ""
}
