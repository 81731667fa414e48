package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/sdk"
)

func usage(w io.Writer) {
	_, _ = fmt.Fprint(w, `Usage: xlrun [-chdir=DIR] [-no-color] COMMAND [options] [arguments]

xlrun runs scaling studies of cross-lingual retrieval from workflows written
in HCL, and reruns them to the same numbers.

Commands
`)
	for _, v := range verbs {
		if !v.quiet {
			_, _ = fmt.Fprintf(w, "  %-10s %s\n", v.name, v.short)
		}
	}
	_, _ = fmt.Fprint(w, `
Start with: xlrun run workflows/quickstart.hcl
Options of a command: xlrun COMMAND -help
`)
}

func help(w io.Writer, v *verb, fs *flag.FlagSet) {
	_, _ = fmt.Fprintf(w, "Usage: xlrun %s [options] %s\n\n%s\n\nOptions\n", v.name, v.args, strings.TrimSpace(v.long))
	fs.VisitAll(func(f *flag.Flag) {
		arg, text := flag.UnquoteUsage(f)
		head := "-" + f.Name
		if arg != "" {
			head += "=" + strings.ToUpper(arg)
		}
		def := ""
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			def = " (default " + f.DefValue + ")"
		}
		lines := folded(text+def, 80-25)
		_, _ = fmt.Fprintf(w, "  %-22s %s\n", head, lines[0])
		for _, line := range lines[1:] {
			_, _ = fmt.Fprintf(w, "%25s%s\n", "", line)
		}
	})
}

// folded breaks text between words into lines of so many characters.
func folded(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func near(name string) string {
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	return sdk.DidYouMean(name, names)
}

var versionVerb = &verb{
	name: "version", short: "print the version", long: "Prints the version of xlrun, of Go, and of the bundled components.",
	setup: func(a *app, fs *flag.FlagSet) func(context.Context, []string) int {
		fs.BoolVar(&a.json, "json", false, "print JSON")
		return func(context.Context, []string) int {
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = s.Value
					}
				}
			}
			if a.json {
				return a.printJSON(map[string]string{"version": workflow.Version, "revision": revision, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, _ = fmt.Fprintf(a.stdout, "xlrun %s", workflow.Version)
			if revision != "" {
				_, _ = fmt.Fprintf(a.stdout, " (%.12s)", revision)
			}
			_, _ = fmt.Fprintf(a.stdout, "\n%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
			for _, p := range bundled {
				for _, c := range p.Components {
					_, _ = fmt.Fprintf(a.stdout, "%s %q revision %d\n", c.Kind, c.Name, c.Revision)
				}
			}
			return exitDone
		}
	},
}
