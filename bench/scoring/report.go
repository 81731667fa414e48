package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/xlrun/xlrun/internal/simd"
)

// A report is all that one run of the program found out.
type report struct {
	Date     string        `json:"date"`
	Revision string        `json:"revision,omitempty"`
	Machine  machine       `json:"machine"`
	Rounds   int           `json:"rounds"`
	Scale    float64       `json:"scale"`
	Pinned   bool          `json:"pinned"`
	Load     [2]string     `json:"load_average"` // before and after
	Peers    []python      `json:"peers"`
	Gate     []hashResult  `json:"hashes,omitempty"`
	Cases    []*caseResult `json:"cases"`
}

type machine struct {
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Level      string `json:"level"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Kernel     string `json:"kernel,omitempty"`
	Go         string `json:"go"`
}

// A caseResult is one case: the rounds as they were, and what follows.
type caseResult struct {
	Name        string             `json:"name"`
	What        string             `json:"what"`
	Threads     int                `json:"threads"`
	Skipped     string             `json:"skipped,omitempty"`
	Rows        []row              `json:"contenders,omitempty"`
	Targets     []target           `json:"targets,omitempty"`
	Ceilings    ceilings           `json:"ceilings"` // medians
	Verdicts    map[string]verdict `json:"ids,omitempty"`
	HashDiffers []string           `json:"hash_differs,omitempty"`
	Failed      map[string]string  `json:"failed,omitempty"`
	Absent      []string           `json:"absent,omitempty"`
	Rounds      []roundResult      `json:"rounds,omitempty"`

	kase *kase
}

// A roundResult is what was measured in one round.
type roundResult struct {
	Ceilings      ceilings          `json:"ceilings"`
	CeilingsQuiet bool              `json:"ceilings_quiet"`
	Figures       map[string]figure `json:"figures"`
}

// An interval is a median with the least and the largest value.
type interval struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func rangeOf(x []float64) interval {
	if len(x) == 0 {
		return interval{}
	}
	return interval{median(x), slices.Min(x), slices.Max(x)}
}

// A row is one contender. Ratios are its time over ours, round by round.
type row struct {
	Name     string    `json:"name"`
	Family   string    `json:"family"`
	Wall     float64   `json:"wall"` // median seconds
	CPU      float64   `json:"cpu"`
	Build    float64   `json:"build"`
	Ratio    interval  `json:"ratio"`
	CPURatio interval  `json:"cpu_ratio"`
	Whole    interval  `json:"ratio_with_build"`
	Rate     float64   `json:"operations_per_second"` // two for each pair of dimensions
	Share    interval  `json:"share_of_ceiling"`
	Rounds   int       `json:"rounds"`   // whose ratios count
	Rejected int       `json:"rejected"` // processes that had to share their processors
	Busy     bool      `json:"busy"`     // no round was quiet, so all count
	Level    string    `json:"level,omitempty"`
	BLAS     *blasLib  `json:"blas,omitempty"`
	Notes    []string  `json:"notes,omitempty"`
	walls    []float64 // of the rounds that count
}

// A target is a want and what became of it.
type target struct {
	Of     string  `json:"of"`
	Want   string  `json:"want"`
	Value  float64 `json:"value"`
	Met    bool    `json:"met"`
	Short  float64 `json:"short,omitempty"`
	Busy   bool    `json:"busy,omitempty"`   // of rounds that were all disturbed
	Absent bool    `json:"absent,omitempty"` // nothing to compare with
}

func (r *caseResult) fail(x *contender, err error) {
	if r.Failed == nil {
		r.Failed = map[string]string{}
	}
	r.Failed[x.name] = err.Error()
}

// summarize computes rows and targets from the rounds.
func (r *caseResult) summarize() {
	c := r.kase
	var all, undisturbed []ceilings
	for _, round := range r.Rounds {
		all = append(all, round.Ceilings)
		if round.CeilingsQuiet {
			undisturbed = append(undisturbed, round.Ceilings)
		}
	}
	if len(undisturbed) > 0 {
		all = undisturbed
	}
	r.Ceilings = medians(all)
	for _, x := range c.contenders {
		if row, ok := r.row(&x); ok {
			r.Rows = append(r.Rows, row)
		}
	}
	for _, w := range c.plan.wants {
		if w.threads == 0 || w.threads == c.Threads {
			r.Targets = append(r.Targets, r.judge(w))
		}
	}
}

// row puts the rounds of one contender together. A round counts when both
// processes of the pair had their processors to themselves; if none had, all do.
func (r *caseResult) row(x *contender) (row, bool) {
	out := row{Name: x.name, Family: x.family, BLAS: x.blas, Notes: slices.Clone(x.notes)}
	if x.tuning != nil {
		out.Notes = append(out.Notes, x.tuning.notes(x.blas)...)
	}
	var pairs, quiet []int
	for n, round := range r.Rounds {
		f, ok := round.Figures[x.name]
		if !ok {
			continue
		}
		pairs = append(pairs, n)
		out.Rejected += f.Rejected
		if !f.Quiet {
			out.Rejected++
		}
		if f.Quiet && round.Figures[oursName].Quiet {
			quiet = append(quiet, n)
		}
		out.Level = f.Level
	}
	if len(pairs) == 0 {
		return out, false
	}
	if len(quiet) > 0 {
		pairs = quiet
	} else {
		out.Busy = true
	}
	var cpus, builds, ratios, cpuRatios, wholes, shares, disturbed []float64
	work := r.operations()
	for _, n := range pairs {
		f, ours := r.Rounds[n].Figures[x.name], r.Rounds[n].Figures[oursName]
		out.walls = append(out.walls, f.Wall)
		cpus = append(cpus, f.CPU)
		builds = append(builds, f.Build)
		ratios = append(ratios, f.Wall/ours.Wall)
		if ours.CPU > 0 {
			cpuRatios = append(cpuRatios, f.CPU/ours.CPU)
		}
		wholes = append(wholes, (f.Wall+f.Build)/(ours.Wall+ours.Build))
		if s := r.share(x, f, r.Rounds[n].Ceilings); s > 0 && r.Rounds[n].CeilingsQuiet {
			shares = append(shares, s)
		} else if s > 0 {
			disturbed = append(disturbed, s)
		}
	}
	if len(shares) == 0 {
		shares = disturbed
	}
	out.Rounds = len(pairs)
	out.Wall, out.CPU, out.Build = median(out.walls), median(cpus), median(builds)
	out.Ratio, out.CPURatio, out.Whole, out.Share = rangeOf(ratios), rangeOf(cpuRatios), rangeOf(wholes), rangeOf(shares)
	out.Rate = work / out.Wall
	return out, true
}

// operations counts a multiplication and an addition for each pair of
// dimensions.
func (r *caseResult) operations() float64 {
	p := r.kase.plan
	return 2 * float64(p.queries) * float64(p.docs.Rows) * float64(p.docs.Dim)
}

// share is how much of its ceiling a contender reached. One that uses fewer
// threads than the case is not held against the ceiling of all.
func (r *caseResult) share(x *contender, f figure, c ceilings) float64 {
	var s float64
	switch {
	case x.job.Threads != r.Threads:
		return 0
	case r.kase.plan.roof == "fma":
		s = r.operations() / f.Wall / c.fma()
	case r.kase.plan.roof == "read":
		s = float64(x.docs.bytes()) / f.Wall / c.Read4
	}
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return 0 // no ceiling was measured
	}
	return s
}

func (r *caseResult) judge(w want) target {
	t := target{Of: w.of, Want: w.String()}
	switch w.of {
	case "fma", "read":
		t.Of = map[string]string{"fma": "share of FMA peak", "read": "share of four-stream read bandwidth"}[w.of]
		if len(r.Rows) == 0 || r.Rows[0].Share.Median == 0 {
			t.Absent = true
			return t
		}
		t.Value, t.Busy = r.Rows[0].Share.Median, r.Rows[0].Busy
	default:
		row := r.fastest(w.of)
		if row == nil {
			t.Absent = true
			return t
		}
		t.Value, t.Busy = row.Ratio.Median, row.Busy
		if row.Name != w.of {
			t.Of = fmt.Sprintf("%s (%s)", w.of, row.Name)
		}
	}
	t.Met, t.Short = w.met(t.Value)
	if t.Met {
		t.Short = 0
	}
	return t
}

// fastest returns the row of a name, or the one of a family that is hardest to
// beat.
func (r *caseResult) fastest(of string) *row {
	if of == bestFAISS {
		of = "faiss"
	}
	var best *row
	for i := range r.Rows {
		x := &r.Rows[i]
		if x.Name != of && x.Family != of || x.Name == oursName {
			continue
		}
		if best == nil || x.Ratio.Median < best.Ratio.Median {
			best = x
		}
	}
	return best
}

func medians(all []ceilings) ceilings {
	var c ceilings
	for _, f := range []func(*ceilings) *float64{
		func(c *ceilings) *float64 { return &c.FMA256 },
		func(c *ceilings) *float64 { return &c.FMA512 },
		func(c *ceilings) *float64 { return &c.Read4 },
		func(c *ceilings) *float64 { return &c.Read1 },
		func(c *ceilings) *float64 { return &c.Small4 },
	} {
		var x []float64
		for i := range all {
			x = append(x, *f(&all[i]))
		}
		*f(&c) = median(x)
	}
	return c
}

func (d *driver) newReport(pythons []python) *report {
	r := &report{
		Date: time.Now().UTC().Format(time.RFC3339), Rounds: d.settings.rounds, Scale: d.scale, Pinned: d.pin(1) != nil, Peers: pythons,
		Machine: machine{
			CPU: cpuModel(), Processors: runtime.NumCPU(), Level: simd.Best.String(),
			OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(),
		},
	}
	r.Load[0] = loadAverage()
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		r.Machine.Kernel = strings.TrimSpace(string(b))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				r.Revision = s.Value + r.Revision
			case s.Key == "vcs.modified" && s.Value == "true":
				r.Revision += ", modified"
			}
		}
	}
	return r
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b))
	return strings.Join(f[:min(3, len(f))], " ")
}

func (r *report) head(w *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d processors, %s/%s, kernels up to %s, %s; %s; load average %s\n", m.CPU, m.Processors, m.OS, m.Arch, m.Level, m.Go, r.Date[:10], r.Load[0])
	for _, p := range r.Peers {
		fmt.Fprintln(w, p.describe())
	}
	if len(r.Peers) == 0 {
		fmt.Fprintln(w, "No Python with numpy was found: FAISS, numpy and usearch are absent.")
	}
	if !r.Pinned {
		fmt.Fprintln(w, "Processes are not pinned: taskset is absent or may not.")
	}
	if r.Scale != 1 {
		fmt.Fprintf(w, "Scale %v: the figures mean nothing.\n", r.Scale)
	}
	fmt.Fprintln(w)
}

func (r *report) gate(w *strings.Builder) {
	ways := 0
	var differs []string
	for _, g := range r.Gate {
		ways += g.Ways
		switch v := g.IDs; {
		case g.Failed != "":
			fmt.Fprintf(w, "FAILED: %s: %s.\n\n", g.Data, g.Failed)
		case v.Wrong > 0 || v.Queries == 0:
			fmt.Fprintf(w, "Ids are WRONG: %s, %d of %d lists: %s.\n\n", g.Data, v.Wrong, v.Queries, v.First)
		}
		for _, d := range g.Differs {
			differs = append(differs, g.Data+": "+d)
		}
	}
	if len(differs) == 0 {
		fmt.Fprintf(w, "Hashes: %d searches of %d sets (threads 1, 2, 4; whole and 7 shards; packed and mapped; kernels up to %s) gave one result for each set and similarity; the ids are right by a float64 reference unless said above.\n\n", ways, len(r.Gate), r.Machine.Level)
		return
	}
	fmt.Fprintf(w, "Hashes DIFFER in %d of %d searches:\n\n", len(differs), ways)
	for _, d := range differs {
		fmt.Fprintf(w, "- %s\n", d)
	}
	fmt.Fprintln(w)
}

// table prints a case as Markdown.
func (r *caseResult) table(w *strings.Builder) {
	fmt.Fprintf(w, "### %s: %s\n\n", r.Name, r.What)
	if r.Skipped != "" {
		fmt.Fprintf(w, "Skipped: %s.\n\n", r.Skipped)
		return
	}
	if why := r.Failed[oursName]; why != "" {
		fmt.Fprintf(w, "FAILED: %s.\n\n", why)
		return
	}
	rate, share := "Gop/s", "% of ceiling"
	unit := func(x row) float64 { return x.Rate / 1e9 }
	switch r.kase.plan.roof {
	case "fma":
		rate, share = "GFLOP/s", "% of FMA peak"
	case "read":
		rate, share = "GB/s", "% of read bandwidth"
		unit = func(x row) float64 {
			i := slices.IndexFunc(r.kase.contenders, func(c contender) bool { return c.name == x.Name })
			return float64(r.kase.contenders[i].docs.bytes()) / x.Wall / 1e9
		}
	}
	fmt.Fprintf(w, "| | seconds | time ÷ ours | range | CPU ÷ ours | with building ÷ ours | %s | %s | rounds | rejected | ids |\n", rate, share)
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for i, x := range r.Rows {
		ratio, rng, cpu, whole := "1", "", "", ""
		if i > 0 {
			ratio = fmt.Sprintf("%.2f", x.Ratio.Median)
			rng = fmt.Sprintf("%.2f–%.2f", x.Ratio.Min, x.Ratio.Max)
			cpu, whole = fmt.Sprintf("%.2f", x.CPURatio.Median), fmt.Sprintf("%.2f", x.Whole.Median)
		}
		name := x.Name
		if i == 0 {
			name += ", packed (" + x.Level + ")"
		}
		busy := ""
		if x.Busy {
			busy = " (all disturbed)"
		}
		part := ""
		if x.Share.Median > 0 {
			part = fmt.Sprintf("%.0f", 100*x.Share.Median)
			if i == 0 {
				part = fmt.Sprintf("%.1f (%.1f–%.1f)", 100*x.Share.Median, 100*x.Share.Min, 100*x.Share.Max)
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %.1f | %s | %d%s | %d | %s |\n",
			name, seconds(x.Wall), ratio, rng, cpu, whole, unit(x), part, x.Rounds, busy, x.Rejected, r.verdictOf(x.Name))
	}
	fmt.Fprintln(w)
	c := r.Ceilings
	fmt.Fprintf(w, "- Ceilings: FMA %s (8 lanes), %s (16 lanes); reading %s (four streams), %s (one), %s (four, small pages).\n",
		giga(c.FMA256, "GFLOP/s"), giga(c.FMA512, "GFLOP/s"), giga(c.Read4, "GB/s"), giga(c.Read1, "GB/s"), giga(c.Small4, "GB/s"))
	for _, t := range r.Targets {
		fmt.Fprintln(w, "- "+t.String())
	}
	for _, d := range r.HashDiffers {
		fmt.Fprintf(w, "- HASH DIFFERS: %s.\n", d)
	}
	for _, x := range r.Rows {
		if b := x.BLAS; b != nil {
			fmt.Fprintf(w, "- %s: %s, %s.\n", x.Name, b, orNone(b.Core, "kernels unknown"))
		}
		for _, n := range x.Notes {
			fmt.Fprintf(w, "- %s: %s.\n", x.Name, n)
		}
		if v := r.Verdicts[x.Name]; v.First != "" && !r.approximate(x.Name) {
			fmt.Fprintf(w, "- %s: %s.\n", x.Name, v.First)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Failed)) {
		fmt.Fprintf(w, "- Failed: %s: %s.\n", name, r.Failed[name])
	}
	for _, a := range r.Absent {
		fmt.Fprintf(w, "- Absent: %s.\n", a)
	}
	fmt.Fprintln(w)
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

func (t target) String() string {
	if t.Absent {
		return fmt.Sprintf("Target: %s %s: nothing to compare with.", t.Of, t.Want)
	}
	s := fmt.Sprintf("Target: %s %s: %.3f", t.Of, t.Want, t.Value)
	if !t.Met {
		s += fmt.Sprintf(", MISSED by %.3f", t.Short)
	}
	if t.Busy {
		s += " (all rounds disturbed)"
	}
	return s + "."
}

func seconds(s float64) string {
	if s < 0.1 {
		return fmt.Sprintf("%.4f", s)
	}
	return fmt.Sprintf("%.3f", s)
}

func giga(x float64, unit string) string {
	if x == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%.1f %s", x/1e9, unit)
}

func (r *caseResult) approximate(name string) bool {
	return slices.ContainsFunc(r.kase.contenders, func(c contender) bool { return c.name == name && c.approximate })
}

func (r *caseResult) verdictOf(name string) string {
	v, ok := r.Verdicts[name]
	switch {
	case !ok:
		return "none"
	case r.approximate(name):
		return fmt.Sprintf("recall %.3f", v.Recall)
	case v.Wrong > 0:
		return fmt.Sprintf("WRONG in %d of %d, recall %.3f", v.Wrong, v.Queries, v.Recall)
	}
	return fmt.Sprintf("%d right", v.Queries)
}

func (r *report) tail(w *strings.Builder) {
	missed, all := 0, 0
	for _, c := range r.Cases {
		for _, t := range c.Targets {
			all++
			if !t.Met {
				missed++
			}
		}
	}
	fmt.Fprintf(w, "%d of %d targets met. Load average at the end %s.\n", all-missed, all, r.Load[1])
}

// wrong tells whether a result of ours was wrong.
func (r *report) wrong() bool {
	for _, g := range r.Gate {
		if g.Failed == "" && g.wrong() {
			return true
		}
	}
	for _, c := range r.Cases {
		if len(c.HashDiffers) > 0 {
			return true
		}
		for _, x := range c.Rows {
			if x.Family == oursName && c.Verdicts[x.Name].Wrong > 0 {
				return true
			}
		}
	}
	return false
}

// failed tells whether something that was started failed.
func (r *report) failed() bool {
	return slices.ContainsFunc(r.Gate, func(g hashResult) bool { return g.Failed != "" }) ||
		slices.ContainsFunc(r.Cases, func(c *caseResult) bool { return len(c.Failed) > 0 })
}

func (r *report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return errors.Join(errors.New("encode the report"), err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
