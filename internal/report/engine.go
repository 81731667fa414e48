package report

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

// The bundle of Vega and Vega-Lite is built by tools/bundle from pinned
// packages; chart.js is ours. Both stand in the page and run here.
var (
	//go:embed assets/vega.min.js
	vegaSource string
	//go:embed assets/vega.sha256
	vegaDigest string
	//go:embed assets/chart.js
	chartSource string
	//go:embed assets/licences.txt
	licences string
)

// BundleDigest names the charting bundle: figures drawn by another may differ.
func BundleDigest() string { return "sha256:" + strings.TrimSpace(vegaDigest) }

// programs are compiled once for all engines.
var programs = sync.OnceValues(func() ([]*goja.Program, error) {
	var all []*goja.Program
	for _, s := range [][2]string{{"vega.min.js", vegaSource}, {"chart.js", chartSource}} {
		p, err := goja.Compile(s[0], s[1], false)
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", s[0], err)
		}
		all = append(all, p)
	}
	return all, nil
})

// An engine draws charts. It is not safe for concurrent use.
type engine struct {
	vm  *goja.Runtime
	svg goja.Callable
}

// newEngine starts a JavaScript engine with the bundle. It has no clock, no
// network and no random numbers of its own.
func newEngine() (*engine, error) {
	all, err := programs()
	if err != nil {
		return nil, err
	}
	vm := goja.New()
	vm.SetRandSource(func() float64 { return 0.5 })
	if err := vm.Set("globalThis", vm.GlobalObject()); err != nil {
		return nil, err
	}
	if _, err := vm.RunString(`
		var structuredClone = (x) => JSON.parse(JSON.stringify(x));
		var setTimeout = (f) => { f(); return 0; }, clearTimeout = () => {};
		var setInterval = () => 0, clearInterval = () => {};
		var console = {log() {}, warn() {}, error() {}};`); err != nil {
		return nil, err
	}
	for _, p := range all {
		if _, err := vm.RunProgram(p); err != nil {
			return nil, fmt.Errorf("start the charts: %w", err)
		}
	}
	chart := vm.Get("XLChart").ToObject(vm)
	measure, ok := goja.AssertFunction(chart.Get("measure"))
	svg, ok2 := goja.AssertFunction(chart.Get("svg"))
	if !ok || !ok2 {
		return nil, errors.New("start the charts: chart.js defines no measure and svg")
	}
	if _, err := measure(goja.Undefined(), vm.ToValue(advances())); err != nil {
		return nil, fmt.Errorf("start the charts: %w", err)
	}
	return &engine{vm: vm, svg: svg}, nil
}

// draw renders a Vega-Lite specification to SVG at a width in pixels.
// Coordinates are rounded, so that equal specifications give equal bytes on
// every machine. A warning of the compiler is an error: our specifications
// are not written by users.
func (e *engine) draw(spec any, width int) (string, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	out := e.vm.NewObject()
	if err := out.Set("warnings", e.vm.NewArray()); err != nil {
		return "", err
	}
	if _, err := e.svg(goja.Undefined(), e.vm.ToValue(string(text)), e.vm.ToValue(width), out); err != nil {
		return "", err
	}
	if v := out.Get("error"); v != nil {
		return "", errors.New(v.String())
	}
	if n := out.Get("warnings").ToObject(e.vm); n.Get("length").ToInteger() > 0 {
		return "", fmt.Errorf("warning: %s", n.Get("0").String())
	}
	v := out.Get("svg")
	if v == nil {
		return "", errors.New("the chart was not drawn")
	}
	return roundNumbers(v.String()), nil
}
