package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed peers/peer.py
var peerScript []byte

// A python is an interpreter and what is installed in it.
type python struct {
	path string

	Version        string    `json:"python"`
	Prefix         string    `json:"prefix,omitempty"` // tells interpreters apart; not reported, being a path of this machine
	NumPy          string    `json:"numpy,omitempty"`
	FAISS          string    `json:"faiss,omitempty"`
	FAISSOptions   string    `json:"faiss_options,omitempty"`
	USearch        string    `json:"usearch,omitempty"`
	USearchOptions string    `json:"usearch_options,omitempty"`
	BLAS           []blasLib `json:"blas,omitempty"`
}

// A blasLib is a BLAS library that a process has loaded.
type blasLib struct {
	Library string `json:"library"`
	Kind    string `json:"kind"`   // OpenBLAS, MKL, BLIS, ATLAS or reference
	Config  string `json:"config"` // what the library says of itself
	Core    string `json:"core"`   // the processor whose kernels it runs
	Owner   string `json:"owner"`  // faiss or numpy where the package brings its own
}

func (b blasLib) String() string {
	if version, ok := strings.CutPrefix(b.Config, "OpenBLAS "); ok {
		version, _, _ = strings.Cut(version, " ")
		return "OpenBLAS " + version
	}
	if b.Kind == "reference" {
		return "reference BLAS"
	}
	return b.Kind
}

// blasOf returns the BLAS that a package computes with: its own, or else the
// one of the system.
func (p python) blasOf(owner string) *blasLib {
	for _, o := range []string{owner, ""} {
		if i := slices.IndexFunc(p.BLAS, func(b blasLib) bool { return b.Owner == o }); i >= 0 {
			return &p.BLAS[i]
		}
	}
	return nil
}

func (p python) describe() string {
	s := "Python " + p.Version
	if p.NumPy == "" {
		return s + ": no numpy, so nothing to compare with"
	}
	s += ": numpy " + p.NumPy
	if b := p.blasOf("numpy"); b != nil {
		s += " on " + b.String()
	}
	if p.FAISS != "" {
		s += fmt.Sprintf("; FAISS %s (%s)", p.FAISS, p.FAISSOptions)
		if b := p.blasOf("faiss"); b != nil {
			s += " on " + b.String()
			if b.Core != "" {
				s += ", " + b.Core
			}
		}
	} else {
		s += "; no FAISS"
	}
	if p.USearch != "" {
		s += fmt.Sprintf("; usearch %s (%s)", p.USearch, p.USearchOptions)
	} else {
		s += "; no usearch"
	}
	return s
}

// findPythons asks the interpreters that were named, or else the one of the
// virtual environment that -install makes, the one that a shell would start and
// the one that Debian's packages belong to. Those without numpy are left out.
func (d *driver) findPythons(ctx context.Context, venv string) []python {
	paths := d.pythons
	if len(paths) == 0 {
		paths = []string{filepath.Join(venv, "bin", "python"), "python3", "/usr/bin/python3"}
	}
	var out []python
	seen := map[string]bool{}
	for _, path := range paths {
		full, err := exec.LookPath(path)
		if err != nil {
			if len(d.pythons) > 0 {
				d.progress("%s: %v", path, err)
			}
			continue
		}
		p, err := d.probe(ctx, full)
		if err != nil {
			d.progress("%s is left out: %v", path, err)
			continue
		}
		if p.NumPy == "" || seen[p.Prefix] {
			continue
		}
		seen[p.Prefix], p.Prefix = true, ""
		out = append(out, p)
		d.progress("found %s", p.describe())
	}
	return out
}

func (d *driver) probe(ctx context.Context, path string) (python, error) {
	p := python{path: path}
	err := d.ask(ctx, program{argv: []string{path, d.script}}, job{Method: "probe", Threads: 1}, 1, &p)
	return p, err
}

// installPeers makes a virtual environment and has pip install each peer that it
// can reach. A peer that cannot be had is said so, and is absent later.
func (d *driver) installPeers(ctx context.Context, venv string) error {
	d.progress("installing peers into %s", venv)
	if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		return fmt.Errorf("make a virtual environment (Debian: python3-venv): %w: %s", err, lastLine(string(out)))
	}
	for _, name := range []string{"numpy", "faiss-cpu", "usearch"} {
		pip := exec.CommandContext(ctx, filepath.Join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name)
		if out, err := pip.CombinedOutput(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.progress("%s could not be installed: %v: %s", name, err, lastLine(string(out)))
		}
	}
	return nil
}

// coreTypes are the kernels that OpenBLAS is made to use, beside those that it
// chooses itself: older releases do not know newer processors.
var coreTypes = []string{"", "Haswell", "Zen", "SkylakeX"}

// worth is how much faster a setting must be than the default: less is noise.
const worth = 0.98

// A tuning is what made a contender fastest on a part of the documents.
type tuning struct {
	tried    bool           // core types were tried
	core     string         // the OPENBLAS_CORETYPE
	settings map[string]int // of FAISS
}

func (t tuning) notes(blas *blasLib) []string {
	var out []string
	switch {
	case t.core != "":
		out = append(out, "OPENBLAS_CORETYPE="+t.core+" was fastest")
	case blas != nil && blas.Kind == "OpenBLAS" && t.tried:
		out = append(out, "no OPENBLAS_CORETYPE beat the one that OpenBLAS chose")
	}
	for _, name := range slices.Sorted(maps.Keys(t.settings)) {
		out = append(out, fmt.Sprintf("%s=%d was fastest", name, t.settings[name]))
	}
	return out
}

// tune tries the settings of a contender, once for each shape of search, and
// applies the best.
func (d *driver) tune(ctx context.Context, c *kase, x *contender) error {
	key := fmt.Sprint(x.program.argv, x.job.Method, c.plan.docs.Dim, c.plan.queries, c.plan.k)
	best, done := d.tuned[key]
	if !done {
		var err error
		if best, err = d.search(ctx, c, x); err != nil {
			return err
		}
		d.tuned[key] = best
		d.progress("%s: %s tuned: %q", c.Name, x.name, best.notes(nil))
	}
	x.program, x.job.Settings, x.tuning = x.program.with(best.core), best.settings, &best
	return nil
}

// search tries every core type, and with the best the settings of FAISS.
func (d *driver) search(ctx context.Context, c *kase, x *contender) (best tuning, err error) {
	j := x.job
	j.Reps = 3
	// Products of a tenth of a second, if there are as many documents; of one
	// query, more documents than a cache holds.
	j.DocRows = min(1<<18, max(1<<14, int(5e9/float64(c.plan.queries*c.plan.docs.Dim))))
	least := 0.0
	for _, core := range coreTypes {
		if c.plan.queries < blasQueries {
			break // a product of a matrix and a few vectors waits for the memory
		}
		if j.Method == "faiss" {
			j.Settings = map[string]int{"distance_compute_blas_threshold": 1} // it is BLAS that is tried
		}
		a, err := d.start(ctx, x.program.with(core), j, x.libraryThreads)
		switch {
		case ctx.Err() != nil:
			return best, ctx.Err()
		case err != nil && core != "":
			continue // the processor cannot run it
		case err != nil:
			return best, err
		case len(a.Wall) == 0 || len(a.CPU) == 0:
			return best, errors.New("the answer has no times")
		}
		s := slices.Min(a.Wall)
		if j.Threads == 1 {
			s = slices.Min(a.CPU) // the neighbours take no part in it
		}
		if core == "" || s < worth*least {
			best.tried, best.core, least = true, core, s
		}
	}
	if j.Method != "faiss" {
		return best, nil
	}
	j.Method, j.Settings, j.Worth = "faiss_tune", nil, worth
	a, err := d.start(ctx, x.program.with(best.core), j, x.libraryThreads)
	best.settings = a.Settings
	return best, err
}

// with returns the program with OpenBLAS told to use the kernels of a core.
func (p program) with(core string) program {
	if core != "" {
		p.env = append(slices.Clone(p.env), "OPENBLAS_CORETYPE="+core)
	}
	return p
}
