package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/sdk/vec"
)

// A plan is a case before it meets a number of threads and the peers found.
type plan struct {
	name    string
	docs    dataset
	queries int
	k       int
	sim     vec.Similarity
	roof    string // the ceiling that bounds it: fma, read or none
	reps    int    // timed searches of a process
	threads bool   // measured with more than one thread, too
	extra   bool   // only when named
	scan    bool   // also searched where the file is mapped
	plain   bool   // compared with rows drawn alike, as float32
	gonum   bool
	peers   []string // methods of peer.py
	wants   []want
}

// A want is what we set out to reach. Ratios are the other's time over ours.
type want struct {
	of      string  // a contender's name or family; fma or read for a share of a ceiling
	atLeast float64 // or, if 0:
	atMost  float64
	threads int // 0: any number
}

func (w want) String() string {
	if w.atLeast > 0 {
		return fmt.Sprintf("≥ %.4g", w.atLeast)
	}
	return fmt.Sprintf("≤ %.4g", w.atMost)
}

// met tells whether a value reaches what was wanted, and by how much it misses.
func (w want) met(v float64) (ok bool, short float64) {
	if w.atLeast > 0 {
		return v >= w.atLeast, w.atLeast - v
	}
	return v <= w.atMost, v - w.atMost
}

func gaussian(e vec.Element, rows, dim int) dataset {
	return dataset{Shape: "gaussian", Element: e, Rows: rows, Dim: dim, Seed: 1}
}

// Names of contenders that wants refer to.
const (
	oursName   = "xlrun"
	scanName   = "xlrun, mapped file"
	singleName = "xlrun, 1 thread"
	plainName  = "xlrun, float32"
	bestFAISS  = "best FAISS"
	defaults   = "FAISS, default threads"
)

// plans is the table of cases. The slow peers are beside the point in all but
// one: k10 has them all.
func plans() []plan {
	wide := gaussian(vec.Float32, 100_000, 384)
	million := gaussian(vec.Float32, 1_000_000, 384)
	scanned := want{of: scanName, atMost: 1 / 0.92}
	scaled := want{of: singleName, atLeast: 1.9, threads: 2}
	as := func(d dataset, e vec.Element) dataset { d.Element = e; return d }
	shaped := func(d dataset, s string) dataset { d.Shape = s; return d }
	return []plan{
		{
			name: "k10", docs: wide, queries: 1000, k: 10, roof: "fma", reps: 3, threads: true, scan: true, gonum: true,
			peers: []string{"faiss", "sgemm", "numpy", "usearch"},
			wants: []want{{of: bestFAISS, atLeast: 1.15}, {of: "fma", atLeast: 0.92}, scanned, scaled},
		},
		{
			name: "k100", docs: wide, queries: 1000, k: 100, roof: "fma", reps: 3, threads: true, scan: true,
			peers: []string{"faiss"},
			wants: []want{{of: bestFAISS, atLeast: 1.25}, {of: "fma", atLeast: 0.89}, scanned, scaled},
		},
		{
			name: "k1000", docs: wide, queries: 1000, k: 1000, roof: "fma", reps: 3, threads: true, scan: true,
			peers: []string{"faiss"},
			wants: []want{{of: bestFAISS, atLeast: 1.55}, {of: "fma", atLeast: 0.80}, scanned, scaled},
		},
		{
			name: "d128", docs: gaussian(vec.Float32, 1_000_000, 128), queries: 100, k: 10, roof: "fma", reps: 3, threads: true,
			peers: []string{"faiss"},
			wants: []want{{of: bestFAISS, atLeast: 1.6}},
		},
		{
			name: "d1024", docs: gaussian(vec.Float32, 37_500, 1024), queries: 375, k: 10, roof: "fma", reps: 3, threads: true,
			peers: []string{"faiss"},
			wants: []want{{of: bestFAISS, atLeast: 1.10}},
		},
		{
			name: "one", docs: million, queries: 1, k: 10, roof: "read", reps: 9, threads: true, scan: true,
			peers: []string{"faiss", "sgemm", "numpy", "usearch"},
			wants: []want{{of: "read", atLeast: 0.95}},
		},
		{
			name: "one-f16", docs: as(million, vec.Float16), queries: 1, k: 10, roof: "read", reps: 9, plain: true,
			peers: []string{"faiss", "usearch"},
			wants: []want{{of: plainName, atLeast: 1.75}},
		},
		{
			name: "int8", docs: as(wide, vec.Int8), queries: 1000, k: 10, reps: 3, plain: true,
			peers: []string{"faiss", "usearch"},
			wants: []want{{of: plainName, atLeast: 1.5}},
		},
		{
			name: "bits", docs: gaussian(vec.Bits, 1_000_000, 768), queries: 100, k: 10, reps: 3,
			peers: []string{"faiss", "usearch"},
		},
		{
			name: "l2", docs: wide, queries: 1000, k: 10, sim: vec.L2, roof: "fma", reps: 3,
			peers: []string{"faiss"},
		},
		{
			name: "clustered", docs: shaped(wide, "clustered"), queries: 1000, k: 100, roof: "fma", reps: 3,
			peers: []string{"faiss"},
		},
		{
			name: "duplicates", docs: shaped(wide, "duplicates"), queries: 1000, k: 100, roof: "fma", reps: 3,
			peers: []string{"faiss"},
		},
		{
			name: "hnsw", docs: shaped(gaussian(vec.Float32, 100_000, 128), "clustered"), queries: 1000, k: 10, reps: 3, extra: true,
			peers: []string{"faiss", "faiss_hnsw"},
		},
	}
}

// A kase is a case: everything that its rounds start. The first contender is
// ours, which the others are compared with.
type kase struct {
	Name       string
	Threads    int
	plan       plan
	contenders []contender
	absent     []string // peers that are not here, with the reason
}

// A contender is one way of searching in one case.
type contender struct {
	name           string
	family         string // of alternatives; the fastest of a family speaks for it
	program        program
	job            job
	docs           dataset
	libraryThreads int
	busy           int     // processors that it can keep busy
	part           float64 // of the queries that it searches; its time is scaled
	rounds         int     // 0: all
	tune           bool    // it is tuned first
	tuning         *tuning // with this result
	approximate    bool
	noIDs          bool
	notes          []string
	blasOwner      string   // the package whose BLAS it computes with, if any
	blas           *blasLib // that a process of it had loaded
}

// blasQueries is the number of queries from which it matters which BLAS there
// is.
const blasQueries = 20

// sideRounds is how many rounds a slow peer takes part in.
const sideRounds = 3

// cases returns those that were asked for.
func (d *driver) cases(pythons []python) []kase {
	var out []kase
	for _, p := range plans() {
		p.docs.Rows = max(1, int(float64(p.docs.Rows)*d.scale))
		p.k = min(p.k, p.docs.Rows)
		for _, t := range d.threads {
			if t > 1 && !p.threads {
				continue
			}
			name := fmt.Sprintf("%s/t%d", p.name, t)
			if d.settings.cases == nil && p.extra || d.settings.cases != nil && !d.settings.cases.MatchString(name) {
				continue
			}
			c := kase{Name: name, Threads: t, plan: p}
			d.ours(&c)
			d.peersOf(&c, pythons)
			out = append(out, c)
		}
	}
	return out
}

func (d *driver) ours(c *kase) {
	p, t := c.plan, c.Threads
	own := contender{
		name: oursName, family: oursName, program: program{argv: []string{d.self, workerArg}}, docs: p.docs,
		libraryThreads: t, busy: t, part: 1,
		job: job{Method: "packed", Similarity: p.sim.String(), K: p.k, Threads: t, Reps: p.reps},
	}
	c.contenders = append(c.contenders, own)
	if p.scan {
		x := own
		x.name, x.job.Method = scanName, "scan"
		c.contenders = append(c.contenders, x)
	}
	if t > 1 {
		x := own
		x.name, x.job.Threads, x.libraryThreads, x.busy = singleName, 1, 1, 1
		c.contenders = append(c.contenders, x)
	}
	if p.plain {
		x := own
		x.name, x.docs.Element = plainName, vec.Float32
		c.contenders = append(c.contenders, x)
	}
	if p.gonum {
		x := own
		x.name, x.family, x.job.Method = "gonum Gemm + heap", "gonum", "gonum"
		x.busy, x.rounds = 1, sideRounds
		x.take(p, 0.1)
		c.contenders = append(c.contenders, x)
	}
}

// take lets a slow contender search a part of the queries only.
func (x *contender) take(p plan, part float64) {
	n := max(1, int(float64(p.queries)*part))
	if n >= p.queries {
		return
	}
	x.job.QueryRows, x.part = n, float64(n)/float64(p.queries)
	x.notes = append(x.notes, fmt.Sprintf("searched %d of %d queries; its time is scaled", n, p.queries))
}

// peersOf adds the contenders of every interpreter that has them.
func (d *driver) peersOf(c *kase, pythons []python) {
	p, t := c.plan, c.Threads
	for _, method := range p.peers {
		found := 0
		var later []contender
		for _, py := range pythons {
			x := contender{
				family: method, program: program{argv: []string{py.path, d.script}}, docs: p.docs,
				libraryThreads: 1, busy: t, part: 1,
				job: job{Method: method, Config: "split", Similarity: p.sim.String(), K: p.k, Threads: t, Reps: p.reps},
			}
			switch method {
			case "faiss":
				if py.FAISS == "" || !d.wanted("FAISS "+py.FAISS) {
					continue
				}
				if p.docs.Element == vec.Int8 && older(py.FAISS, 1, 9) {
					c.absent = append(c.absent, fmt.Sprintf("FAISS %s has no exact search of signed bytes", py.FAISS))
					continue
				}
				x.name = "FAISS " + py.FAISS
				if p.docs.Element == vec.Float32 {
					x.tune, x.blasOwner = true, "faiss"
				}
				if b := py.blasOf("faiss"); b != nil && b.Kind == "reference" && x.tune && p.queries >= blasQueries {
					x.family = "faiss without a fast BLAS"
					x.notes = append(x.notes, "it runs on the reference BLAS, so it is no fair peer: install OpenBLAS (Debian: libopenblas0)")
				}
				if p.docs.Element == vec.Int8 || p.docs.Element == vec.Float16 && p.queries > 1 {
					x.rounds = sideRounds
					x.take(p, 0.1)
				}
				if p.docs.Element == vec.Bits && strings.Contains(py.FAISSOptions, "GENERIC") {
					x.rounds = sideRounds
				}
				if t > 1 {
					y := x
					y.name += ", default threads"
					y.family = defaults
					y.job.Config, y.libraryThreads, y.busy, y.tune = "default", t, 1, false
					y.rounds = sideRounds
					y.notes = slices.Clone(x.notes)
					later = append(later, y)
				}
			case "faiss_hnsw":
				if py.FAISS == "" || !d.wanted("FAISS "+py.FAISS) {
					continue
				}
				for _, ef := range []int{32, 64, 128} {
					y := x
					y.name = fmt.Sprintf("FAISS %s HNSW M=16, ef=%d", py.FAISS, ef)
					y.approximate, y.job.EF, y.rounds = true, ef, sideRounds
					y.job.Index = d.script + "." + py.FAISS // beside the script, and removed with it
					c.add(y)
				}
				found++
				continue
			case "sgemm":
				if py.NumPy == "" || !d.wanted("sgemm") {
					continue
				}
				b := "unknown BLAS"
				if l := py.blasOf("numpy"); l != nil {
					b = l.String()
					if l.Kind == "reference" {
						x.notes = append(x.notes, "the reference BLAS is no fair peer")
					}
				}
				what := "sgemm alone"
				if p.queries == 1 {
					what = "sgemv alone"
				}
				x.name = fmt.Sprintf("%s, %s", what, b)
				x.noIDs, x.blasOwner, x.libraryThreads, x.busy, x.rounds = true, "numpy", t, 1, sideRounds
				x.tune = p.queries > 1
			case "numpy":
				if py.NumPy == "" || !d.wanted("numpy") || found > 0 {
					continue
				}
				x.name = fmt.Sprintf("numpy %s + argpartition", py.NumPy)
				x.blasOwner, x.libraryThreads, x.busy, x.rounds = "numpy", t, 1, sideRounds
			case "usearch":
				if py.USearch == "" || !d.wanted("usearch") || found > 0 {
					continue
				}
				x.name = "usearch " + py.USearch + ", exact"
				x.busy, x.rounds = 1, sideRounds
				x.take(p, 0.1)
			}
			found++
			c.add(x)
		}
		for _, x := range later {
			c.add(x)
		}
		if found == 0 {
			c.absent = append(c.absent, fmt.Sprintf("%s: not installed in any interpreter found, or not asked for", method))
		}
	}
}

// add appends a contender, unless another interpreter gave the same one.
func (c *kase) add(x contender) {
	if !slices.ContainsFunc(c.contenders, func(y contender) bool { return y.name == x.name }) {
		c.contenders = append(c.contenders, x)
	}
}

func (d *driver) wanted(name string) bool { return d.peers == nil || d.peers.MatchString(name) }

// older tells whether a version such as 1.7.3 is below major.minor. What it
// cannot read is not.
func older(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n < 2 {
		return false
	}
	return a < major || a == major && b < minor
}

func listCases(w *strings.Builder, cases []kase, pythons []python) {
	for _, c := range cases {
		fmt.Fprintf(w, "%-14s %s\n", c.Name, c.describe())
		for _, x := range c.contenders {
			fmt.Fprintf(w, "%-14s   %s\n", "", x.name)
		}
		for _, a := range c.absent {
			fmt.Fprintf(w, "%-14s   absent: %s\n", "", a)
		}
	}
	fmt.Fprintln(w)
	for _, p := range pythons {
		fmt.Fprintln(w, p.describe())
	}
	if len(pythons) == 0 {
		fmt.Fprintln(w, "no Python interpreter found")
	}
}

func (c *kase) describe() string {
	threads := "1 thread"
	if c.Threads > 1 {
		threads = fmt.Sprintf("%d threads", c.Threads)
	}
	what := c.plan.docs.Element.String()
	if c.plan.docs.Shape != "gaussian" {
		what += ", " + c.plan.docs.Shape
	}
	return fmt.Sprintf("Q=%d N=%d D=%d k=%d, %s, %s, %s", c.plan.queries, c.plan.docs.Rows, c.plan.docs.Dim, c.plan.k, what, c.plan.sim, threads)
}
