package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/terminal"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/sdktest"
	"github.com/xlrun/xlrun/sdk/serve"
)

var pluginVerb = &verb{
	name: "plugin", args: "list | describe NAME | check NAME | serve NAME", short: "list, describe and check components",
	long: `list             lists the components at hand: the bundled ones or, with -source,
                 those of another plugin
describe NAME    prints the arguments of a component: type, default, effect, meaning
check NAME       asks a component what every one must be able to answer: the same
                 input twice, empty texts, any script, other batches, a cancelled
                 call; exits with 1 if something is wrong
serve NAME       serves a bundled plugin; xlrun starts itself so, people need not

-source names the executable or directory of a third-party plugin.`,
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		source := fs.String("source", "", "`path` of a third-party plugin")
		config := fs.String("config", "{}", "check: arguments of the component, as a `JSON` object")
		train := fs.String("train", "", "check: arguments of its train block, as a `JSON` object; checks training too")
		fs.BoolVar(&a.json, "json", false, "print JSON")
		return func(ctx context.Context, args []string) int {
			switch {
			case len(args) == 2 && args[0] == "check":
				return a.checkComponent(ctx, *source, args[1], *config, *train)
			case len(args) == 2 && args[0] == "serve":
				p, ok := bundledPlugin(args[1])
				if !ok {
					return a.usageError("plugin", "there is no bundled plugin %q", args[1])
				}
				serve.Plugin(p)
				return exitDone
			case len(args) == 1 && args[0] == "list":
				return a.listComponents(ctx, *source)
			case len(args) == 2 && args[0] == "describe":
				return a.describeComponent(ctx, *source, args[1])
			}
			return a.usageError("plugin", "xlrun plugin wants list, describe NAME, check NAME or serve NAME")
		}
	},
}

// declared is one component on offer.
type declared struct {
	Plugin  string `json:"plugin"`
	Version string `json:"version"`
	sdk.Info
}

func (a *app) declarations(ctx context.Context, source string) ([]declared, error) {
	var out []declared
	for _, p := range bundled {
		for _, c := range p.Components {
			out = append(out, declared{p.Name, p.Version, c.Info})
		}
	}
	if source == "" {
		return out, nil
	}
	host, err := externalHost(source)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	found, err := host.Components(ctx)
	if err != nil {
		return nil, err
	}
	out = nil
	for _, c := range found {
		out = append(out, declared{c.Plugin, c.Version, c.Info})
	}
	return out, nil
}

// externalHost is a host of one third-party plugin.
func externalHost(source string) (*pluginhost.Host, error) {
	abs, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(abs), filepath.Ext(abs))
	spec, err := externalSpec(workflow.Plugin{Name: name, Source: abs})
	if err != nil {
		return nil, err
	}
	return pluginhost.New(pluginhost.Config{Plugins: []pluginhost.Spec{spec}})
}

func (a *app) checkComponent(ctx context.Context, source, name, config, train string) int {
	all, err := a.declarations(ctx, source)
	if err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	i := slices.IndexFunc(all, func(d declared) bool { return d.Name == name })
	if i < 0 {
		a.ui.Error(fmt.Errorf("there is no component %q", name), "xlrun plugin list names those there are")
		return exitUsage
	}
	var host *pluginhost.Host
	if source != "" {
		host, err = externalHost(source)
	} else {
		var specs []pluginhost.Spec
		if specs, err = bundledSpecs(); err == nil {
			host, err = pluginhost.New(pluginhost.Config{Plugins: specs})
		}
	}
	if err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	defer host.Close()
	ref := pluginhost.Ref{Kind: all[i].Kind, Plugin: all[i].Plugin, Name: name, Config: []byte(config)}
	found := sdktest.Check(ctx, host, ref)
	if train != "" {
		found = append(found, sdktest.CheckTrain(ctx, host, ref, []byte(train))...)
	}
	return a.printFindings(found)
}

func (a *app) printFindings(found []sdktest.Finding) int {
	failed := 0
	for _, f := range found {
		if f.Failed() {
			failed++
		}
		if !a.json {
			_, _ = fmt.Fprintln(a.stdout, terminal.Clean(f.String()))
		}
	}
	if a.json {
		if code := a.printJSON(found); code != exitDone {
			return code
		}
	} else {
		_, _ = fmt.Fprintf(a.stdout, "%d checks, %d failed\n", len(found), failed)
	}
	if failed > 0 {
		return exitFailed
	}
	return exitDone
}

func (a *app) listComponents(ctx context.Context, source string) int {
	all, err := a.declarations(ctx, source)
	if err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	slices.SortStableFunc(all, func(x, y declared) int { return strings.Compare(string(x.Kind)+x.Name, string(y.Kind)+y.Name) })
	if a.json {
		return a.printJSON(all)
	}
	for _, d := range all {
		doc, _, _ := strings.Cut(d.Doc, "\n")
		_, _ = fmt.Fprintf(a.stdout, "%-8s %-12s r%d  %s\n", d.Kind, d.Name, d.Revision, doc)
	}
	return exitDone
}

func (a *app) describeComponent(ctx context.Context, source, name string) int {
	all, err := a.declarations(ctx, source)
	if err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
		if d.Name != name {
			continue
		}
		if a.json {
			return a.printJSON(d)
		}
		_, _ = fmt.Fprintf(a.stdout, "%s %q, plugin %s %s, revision %d, %s\n\n%s\n", d.Kind, d.Name, d.Plugin, d.Version, d.Revision, d.Determinism, d.Doc)
		if len(d.PairKinds) > 0 {
			_, _ = fmt.Fprintf(a.stdout, "\nKinds of pair: %s\n", strings.Join(d.PairKinds, ", "))
		}
		if d.Languages {
			_, _ = fmt.Fprintln(a.stdout, "\nIt is told the languages of queries and documents, and which are translations.")
		}
		a.printOptions("Arguments", d.Options)
		if d.Train != nil {
			a.printOptions("Arguments of its train block", d.Train)
		}
		return exitDone
	}
	a.ui.Error(fmt.Errorf("there is no component %q.%s", name, sdk.DidYouMean(name, names)))
	return exitUsage
}

func (a *app) printOptions(title string, opts []sdk.Option) {
	_, _ = fmt.Fprintf(a.stdout, "\n%s\n", title)
	if len(opts) == 0 {
		_, _ = fmt.Fprintln(a.stdout, "  none")
	}
	for _, o := range opts {
		facts := []string{string(o.Type)}
		switch {
		case o.Required:
			facts = append(facts, "required")
		case o.Default != nil:
			facts = append(facts, "default "+plainNumber(o.Default))
		}
		if len(o.Enum) > 0 {
			facts = append(facts, "one of "+strings.Join(o.Enum, ", "))
		}
		if o.Min != nil {
			facts = append(facts, "at least "+plainNumber(*o.Min))
		}
		if o.Max != nil {
			facts = append(facts, "at most "+plainNumber(*o.Max))
		}
		if o.Effect != sdk.EffectOutput {
			facts = append(facts, "effect "+string(o.Effect))
		}
		_, _ = fmt.Fprintf(a.stdout, "  %-14s %s\n                 %s\n", o.Name, strings.Join(facts, "; "), o.Doc)
	}
}

// plainNumber prints whole numbers in full, as they would be typed: 1000000,
// not 1e+06.
func plainNumber(v any) string {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
