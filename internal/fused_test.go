package internal_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// unfused are packages whose numbers go to files that name equal bits on every
// machine. In the order of their imports.
var unfused = []string{"internal/stats", "sdk/ir/multilingual", "internal/analysis"}

// On some machines x*y + z may be one instruction that rounds once. float64(x*y)
// keeps it from that: every product of floats that is a term of a sum is
// written so. Factors that are powers of two are exact either way. A product
// that has a name of its own first (h := x*y; z + h) fuses too and is not seen
// here; GOARCH=arm64 go build -gcflags=-S shows it as FMADDD.
func TestProductsAreRounded(t *testing.T) {
	known := map[string]*types.Package{}
	for _, dir := range unfused {
		found, pkg := fusible(t, filepath.Join("..", filepath.FromSlash(dir)), known)
		known["github.com/xlrun/xlrun/"+dir] = pkg
		for _, f := range found {
			t.Error(f)
		}
	}
}

// The search finds what it is for, and nothing else.
func TestProductsAreRoundedFinds(t *testing.T) {
	found := fusibleIn(t, map[string]string{"a.go": `package a

func f(x, y, z float64, i, j int, s []float64) float64 {
	const c = 3.0
	z += x * y                   // want
	z -= (s[i] * y)              // want
	z = x*y*z - 1                // want
	z = z + x/y*c                // want
	z = float64(x*y) + float64(s[i*j+1]*z)
	z = 2*x + y*0.25 - x/y
	z += c * 5 * 7
	i += i*j + 1
	return g(x*y) + float64(i*j)
}

func g(x float64) float64 { return x }
`})
	var lines []string
	for _, f := range found {
		lines = append(lines, strings.Split(f, ":")[1])
	}
	if got := fmt.Sprint(lines); got != "[5 6 7 8]" {
		t.Errorf("lines %s", got)
	}
}

// fusible lists the products in the sources of a folder.
func fusible(t *testing.T, dir string, known map[string]*types.Package) ([]string, *types.Package) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return products(fset, files, known)
}

func fusibleIn(t *testing.T, sources map[string]string) []string {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for name, text := range sources {
		f, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	found, _ := products(fset, files, nil)
	return found
}

// importing serves math and what was looked at before. Of other packages nothing
// is known, nor of what comes from them.
type importing struct {
	source types.Importer
	known  map[string]*types.Package
}

func (i importing) Import(path string) (*types.Package, error) {
	switch {
	case i.known[path] != nil:
		return i.known[path], nil
	case path == "math":
		return i.source.Import(path)
	}
	return nil, fmt.Errorf("%s is not looked at", path)
}

func products(fset *token.FileSet, files []*ast.File, known map[string]*types.Package) ([]string, *types.Package) {
	info := types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: importing{importer.ForCompiler(fset, "source", nil), known}, Error: func(error) {}}
	pkg, _ := conf.Check("p", fset, files, &info) // what is unknown is no mistake
	var found []string
	term := func(e ast.Expr) {
		for {
			p, ok := e.(*ast.ParenExpr)
			if !ok {
				break
			}
			e = p.X
		}
		b, ok := e.(*ast.BinaryExpr)
		if !ok || b.Op != token.MUL || info.Types[e].Value != nil || !isFloat(info.Types[e].Type) || exact(info.Types[b.X]) || exact(info.Types[b.Y]) {
			return
		}
		at := fset.Position(b.Pos())
		found = append(found, fmt.Sprintf("%s:%d:%d: a product is a term of a sum: write float64(x*y)", at.Filename, at.Line, at.Column))
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if n.Op == token.ADD || n.Op == token.SUB {
					term(n.X)
					term(n.Y)
				}
			case *ast.AssignStmt:
				if n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN {
					term(n.Rhs[0])
				}
			}
			return true
		})
	}
	return found, pkg
}

// isFloat also holds for what may be one: types from packages that are not
// looked at.
func isFloat(t types.Type) bool {
	if t == nil {
		return true
	}
	b, ok := t.Underlying().(*types.Basic)
	return !ok || b.Kind() == types.Invalid || b.Info()&types.IsFloat != 0
}

// exact says whether a factor is a constant power of two.
func exact(x types.TypeAndValue) bool {
	if x.Value == nil {
		return false
	}
	v, _ := constant.Float64Val(constant.ToFloat(x.Value))
	m, _ := math.Frexp(math.Abs(v))
	return m == 0.5
}
