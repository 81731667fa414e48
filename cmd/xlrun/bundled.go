package main

import (
	"fmt"
	"os"

	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/plugins/bitext"
	"github.com/xlrun/xlrun/plugins/fairness"
	"github.com/xlrun/xlrun/plugins/faq"
	"github.com/xlrun/xlrun/plugins/flat"
	"github.com/xlrun/xlrun/plugins/hnsw"
	"github.com/xlrun/xlrun/plugins/ir"
	"github.com/xlrun/xlrun/plugins/precomputed"
	"github.com/xlrun/xlrun/plugins/sib"
	"github.com/xlrun/xlrun/plugins/subword"
	"github.com/xlrun/xlrun/plugins/trec"
	"github.com/xlrun/xlrun/sdk"
)

// bundled are the plugins that come with xlrun. They run in processes of their
// own, like anyone's: this binary started again as `xlrun plugin serve NAME`.
var bundled = []sdk.Plugin{
	{Name: "faq", Version: workflow.Version, Components: []sdk.Component{faq.Component}},
	{Name: "sib", Version: workflow.Version, Components: []sdk.Component{sib.Component}},
	{Name: "bitext", Version: workflow.Version, Components: []sdk.Component{bitext.Component}},
	{Name: "trec", Version: workflow.Version, Components: []sdk.Component{trec.Component}},
	{Name: "subword", Version: workflow.Version, Components: []sdk.Component{subword.Component}},
	{Name: "precomputed", Version: workflow.Version, Components: []sdk.Component{precomputed.Component}},
	{Name: "flat", Version: workflow.Version, Components: []sdk.Component{flat.Component}},
	{Name: "hnsw", Version: workflow.Version, Components: []sdk.Component{hnsw.Component}},
	{Name: "ir", Version: workflow.Version, Components: []sdk.Component{ir.Component}},
	{Name: "fairness", Version: workflow.Version, Components: []sdk.Component{fairness.Component}},
}

func bundledPlugin(name string) (sdk.Plugin, bool) {
	for _, p := range bundled {
		if p.Name == name {
			return p, true
		}
	}
	return sdk.Plugin{}, false
}

func bundledSpecs() ([]pluginhost.Spec, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find our own program, to start the bundled plugins: %w", err)
	}
	var specs []pluginhost.Spec
	for _, p := range bundled {
		specs = append(specs, pluginhost.Spec{Name: p.Name, Command: []string{exe, "plugin", "serve", p.Name}})
	}
	return specs, nil
}
