package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/workflow"
)

// manifest is plugin.hcl in the directory of an installed plugin:
//
//	command = ["python3", "-m", "my_plugin"]
//	version = "0.3.1"
type manifest struct {
	Command []string          `hcl:"command"`
	Version string            `hcl:"version,optional"`
	Env     map[string]string `hcl:"env,optional"`
}

// externalSpec finds the program of a third-party plugin: an executable, or a
// directory with plugin.hcl. The digest of its files is part of the recipes of
// every step that it carries out.
func externalSpec(p workflow.Plugin) (pluginhost.Spec, error) {
	spec := pluginhost.Spec{Name: p.Name, Dev: true}
	if _, ok := bundledPlugin(p.Name); ok {
		return spec, fmt.Errorf("%q is the name of a bundled plugin: choose another", p.Name)
	}
	st, err := os.Stat(p.Source)
	if err != nil {
		return spec, fmt.Errorf("plugin %q: there is nothing at %s. Build or install it there first", p.Name, p.Source)
	}
	version := ""
	if st.IsDir() {
		var m manifest
		file := filepath.Join(p.Source, "plugin.hcl")
		f, diags := hclparse.NewParser().ParseHCLFile(file)
		if !diags.HasErrors() {
			diags = gohcl.DecodeBody(f.Body, nil, &m)
		}
		if diags.HasErrors() {
			return spec, fmt.Errorf("plugin %q: %w", p.Name, diags)
		}
		if len(m.Command) == 0 {
			return spec, fmt.Errorf("plugin %q: %s names no command", p.Name, file)
		}
		spec.Command, spec.Dir, spec.Env, version = slices.Clone(m.Command), p.Source, m.Env, m.Version
		if strings.HasPrefix(spec.Command[0], ".") {
			spec.Command[0] = filepath.Join(p.Source, spec.Command[0])
		}
		if spec.Tree, err = treeDigest(p.Source); err != nil {
			return spec, fmt.Errorf("plugin %q: %w", p.Name, err)
		}
	} else {
		if st.Mode()&0o111 == 0 {
			return spec, fmt.Errorf("plugin %q: %s is not executable. Make it so with chmod +x, or name a directory with plugin.hcl", p.Name, p.Source)
		}
		spec.Command = []string{p.Source}
		if spec.Tree, err = fileDigest(p.Source); err != nil {
			return spec, fmt.Errorf("plugin %q: %w", p.Name, err)
		}
	}
	if p.Version != "" && version != "" {
		if err := workflow.CheckVersion(p.Version, version); err != nil {
			return spec, fmt.Errorf("plugin %q has version %s, the workflow requires %s", p.Name, version, p.Version)
		}
	}
	return spec, nil
}

// treeDigest names the files of a directory by path and content. What Python
// and version control leave behind does not count.
func treeDigest(dir string) (cas.Digest, error) {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch d.Name() {
		case "__pycache__", ".git", ".venv":
			if d.IsDir() {
				return fs.SkipDir
			}
		}
		if !d.Type().IsRegular() {
			return nil
		}
		sum, err := fileDigest(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		lines = append(lines, string(sum)+"  "+filepath.ToSlash(rel)+"\n")
		return err
	})
	slices.Sort(lines)
	return cas.Sum([]byte(strings.Join(lines, ""))), err
}

func fileDigest(path string) (cas.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return cas.Digest(fmt.Sprintf("sha256:%x", h.Sum(nil))), nil
}
