package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/xlrun/xlrun/internal/workflow"
)

var fmtVerb = &verb{
	name: "fmt", args: "[FILE|DIR|-]…", short: "lay workflow files out in the canonical way",
	long: `Rewrites workflow files (all *.hcl of a directory; the current one if none is
given; - reads standard input and writes standard output) and prints the names
of those it changed. A file that does not parse is left as it is.`,
	setup: func(a *app, fl *flag.FlagSet) func(context.Context, []string) int {
		check := fl.Bool("check", false, "change nothing; exit with 3 if a file is not in canonical layout")
		return func(_ context.Context, args []string) int {
			if len(args) == 1 && args[0] == "-" {
				return a.formatStdin()
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			var files []string
			for _, arg := range args {
				found, err := hclFiles(arg)
				if err != nil {
					a.ui.Error(err)
					return exitUsage
				}
				files = append(files, found...)
			}
			slices.Sort(files)
			return a.format(slices.Compact(files), *check)
		}
	},
}

func hclFiles(arg string) ([]string, error) {
	st, err := os.Stat(arg)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{arg}, nil
	}
	var out []string
	entries, err := os.ReadDir(arg)
	for _, e := range entries {
		if e.Type()&fs.ModeType == 0 && filepath.Ext(e.Name()) == ".hcl" {
			out = append(out, filepath.Join(arg, e.Name()))
		}
	}
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("the directory %s holds no *.hcl file", arg)
	}
	return out, err
}

func (a *app) formatStdin() int {
	src, err := io.ReadAll(a.stdin)
	if err != nil {
		a.ui.Error(err)
		return exitFailed
	}
	out, diags := workflow.Format(src, "<stdin>")
	if diags.HasErrors() {
		a.ui.Diagnostics(map[string]*hcl.File{"<stdin>": {Bytes: src}}, diags)
		return exitUsage
	}
	if _, err := a.stdout.Write(out); err != nil {
		return exitFailed
	}
	return exitDone
}

func (a *app) format(files []string, check bool) int {
	code := exitDone
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			a.ui.Error(err)
			return exitUsage
		}
		out, diags := workflow.Format(src, file)
		if diags.HasErrors() {
			a.ui.Diagnostics(map[string]*hcl.File{file: {Bytes: src}}, diags)
			code = exitUsage
			continue
		}
		if bytes.Equal(src, out) {
			continue
		}
		if check {
			_, _ = fmt.Fprintln(a.stdout, file)
			if code == exitDone {
				code = exitDiffers
			}
			continue
		}
		if err := replaceFile(file, out); err != nil {
			a.ui.Error(fmt.Errorf("format %s: %w", file, err))
			return exitFailed
		}
		_, _ = fmt.Fprintln(a.stdout, file)
	}
	return code
}

// replaceFile writes beside the file first, so that a full disk loses nothing.
func replaceFile(path string, content []byte) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".fmt-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if _, err := tmp.Write(content); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Chmod(st.Mode().Perm()); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
