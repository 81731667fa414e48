package main

import (
	"context"
	_ "embed"
	"fmt"
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

// databaseBlocks are the numbers of documents in one of FAISS's products,
// beside its default.
var databaseBlocks = []int{0, 256, 4096}

// worth is how much faster a setting must be than the default: less is noise.
const worth = 0.98

// A tuning is what made a contender fastest on a small part of the documents.
type tuning struct {
	core  string
	block int
}

func (t tuning) notes(blas *blasLib) []string {
	core := "OPENBLAS_CORETYPE=" + t.core + " was fastest"
	if t.core == "" {
		core = "no OPENBLAS_CORETYPE was worth setting"
		if blas != nil && blas.Core != "" {
			core = fmt.Sprintf("OpenBLAS chose %s itself, which no OPENBLAS_CORETYPE beat", blas.Core)
		}
	}
	out := []string{core}
	if t.block != 0 {
		out = append(out, fmt.Sprintf("distance_compute_blas_database_bs=%d was fastest", t.block))
	}
	return out
}

// tune tries the settings of a contender's BLAS, once for each shape of product,
// and applies the best.
func (d *driver) tune(ctx context.Context, c *kase, x *contender) error {
	key := fmt.Sprint(x.program.argv, x.job.Method, c.plan.docs.Dim, c.plan.queries)
	best, done := d.tuned[key]
	if !done {
		try := func(t tuning) (float64, error) {
			p, j := x.program, x.job
			if t.core != "" {
				p.env = append(slices.Clone(p.env), "OPENBLAS_CORETYPE="+t.core)
			}
			j.DatabaseBS, j.Reps = t.block, 5
			// Some 10^10 operations: a tenth of a second.
			j.DocRows = max(1<<15, int(5e9/float64(c.plan.queries*c.plan.docs.Dim)))
			a, err := d.start(ctx, p, j, x.libraryThreads)
			if err != nil {
				return 0, err
			}
			return slices.Min(a.Wall), nil
		}
		least, err := try(best)
		if err != nil {
			return err
		}
		consider := func(t tuning) error {
			s, err := try(t)
			if err == nil && s < worth*least {
				best, least = t, s
			}
			return ctx.Err() // a setting that the processor cannot run is no choice, and no failure
		}
		for _, core := range coreTypes[1:] {
			if err := consider(tuning{core: core}); err != nil {
				return err
			}
		}
		if x.job.Method == "faiss" {
			for _, n := range databaseBlocks[1:] {
				if err := consider(tuning{core: best.core, block: n}); err != nil {
					return err
				}
			}
		}
		d.tuned[key] = best
		d.progress("%s: %s tuned: %+v", c.Name, x.name, best)
	}
	if best.core != "" {
		x.program.env = append(slices.Clone(x.program.env), "OPENBLAS_CORETYPE="+best.core)
	}
	x.job.DatabaseBS = best.block
	x.notes = append(x.notes, best.notes(x.blas)...)
	return nil
}
