package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/analysis"
)

// Input is what a report is made of.
type Input struct {
	Summary analysis.Summary
	Study   Study
}

// Study is what a report says besides the summary. Every field may be left
// empty: what is not known is not said. Nothing in it may depend on the time,
// the host or the directory, for equal inputs give equal bytes.
type Study struct {
	Workflow  string   // as one types it: "workflows/quickstart.hcl"
	Arguments []string // of the command besides the workflow: "-var", "data=…"
	Results   string   // digest of the records
	Cells     int      // retrievals

	// Conventions is a sentence on how measures were computed: "Equal scores are
	// ordered as by trec_eval 10."
	Conventions string

	// Names are English names of languages by code, where the author knows
	// better than Unicode's table.
	Names map[string]string

	Mixtures   []Mixture
	Leakage    []Leakage
	Components []Component
	Data       []Data
	Software   []Fact // what computed the results: versions, never hosts
	Files      []Fact // what lies beside the report: name, and what it holds
	Notes      []analysis.Note
}

// Mixture counts what one mixture block did, over all its instances.
type Mixture struct {
	Name     string
	Sets     int  // instances
	Pairs    int  // in each; 0 where they differ
	Counted  bool // whether the following are known
	Excluded int  // dropped, because a test set contains them
	Refilled int  // replaced
}

// Leakage is the outcome of the check that no test text was seen in training.
type Leakage struct {
	Retrieval string
	Mode      string // "error" or "warn"
	Compared  int    // pairs of a training set and a test set
	Checked   int    // test queries compared, over all those pairs; 0 where it was not counted
	Found     int
}

// Component is one component that took part.
type Component struct {
	Kind        string // "encoder"
	Name        string // "subword"
	Blocks      []string
	Version     string
	Revision    string
	Determinism string // "bitwise", "numeric", "stochastic"
}

// Data is one data set.
type Data struct {
	Name      string // of the block
	Component string
	Digest    string // of its sources
	Licence   string
	Languages int
	Queries   int
	Documents int
	Pairs     int
}

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// Revision counts the changes of what this package writes; together with the
// digest of the summary and BundleDigest it names a report.
const Revision = 8

// Widths of the drawings that stand in the page and on paper, in pixels: there
// twelve pixels come out as eight points.
const (
	wideDrawing   = 730
	narrowDrawing = 380
)

// Render writes the report: report.html, figures/fig-N.{svg,pdf,vl.json,csv} and
// tables/*.{csv,tex,md}, by name. The page needs none of the other files.
//
// Equal inputs give equal bytes. Drawing takes some tenths of a second per
// figure, so keep what comes back.
func Render(in Input) (map[string][]byte, error) { return render(in, newEngine) }

// render starts an engine when the first figure needs one.
func render(in Input, start func() (*engine, error)) (map[string][]byte, error) {
	out := map[string][]byte{}
	all := make([][]figure, len(in.Summary.Analyses))
	svgs := map[string]string{}
	type drawn struct {
		figure
		of int // the analysis
	}
	var figures []drawn // as the page has them
	for i := range in.Summary.Analyses {
		d := &drawing{a: &in.Summary.Analyses[i], claims: in.Summary.Claims, study: &in.Study}
		for _, f := range d.figures() {
			figures = append(figures, drawn{f, i})
		}
	}
	slices.SortStableFunc(figures, func(a, b drawn) int {
		x, y := placeOf(a.Kind), placeOf(b.Kind)
		return cmp.Or(cmp.Compare(x.section, y.section), cmp.Compare(a.of, b.of), cmp.Compare(x.at, y.at))
	})
	var e *engine
	n := 0
	for _, f := range figures {
		if e == nil {
			var err error
			if e, err = start(); err != nil {
				return nil, err
			}
		}
		f.N, f.ID = n+1, fmt.Sprintf("fig-%d", n+1)
		svg, files, err := f.draw(e)
		if err != nil {
			// The rest of a report is worth having without one figure.
			in.Study.Notes = append(slices.Clone(in.Study.Notes), analysis.Note{
				Code: "figure", Warning: true,
				Text: fmt.Sprintf("The figure %q of analysis %s is left out, because it could not be drawn: %v. Its numbers are in the tables.", strings.TrimSuffix(f.Title, "."), in.Summary.Analyses[f.of].Name, err),
			})
			continue
		}
		n++
		svgs[f.ID] = svg
		maps.Copy(out, files)
		all[f.of] = append(all[f.of], f.figure)
	}
	p := build(in, all)
	for _, t := range p.tables {
		out["tables/"+t.ID+".csv"] = t.Table.csv()
		out["tables/"+t.ID+".tex"] = t.Table.latex()
		out["tables/"+t.ID+".md"] = t.Table.markdown()
	}
	maps.Copy(out, p.papers)
	html, err := p.html(in, svgs)
	if err != nil {
		return nil, err
	}
	out["report.html"] = html
	return out, nil
}

// placeOf returns where page.tmpl has figures of a kind: in which section, and
// where among those of one analysis there.
func placeOf(kind string) (p struct{ section, at int }) {
	for i, kinds := range [][]string{{"systems", "effects"}, {"size", "diversity", "grid"}, {"panels", "forest"}, {"control"}, {"pools"}} {
		if at := slices.Index(kinds, kind); at >= 0 {
			p.section, p.at = i, at
		}
	}
	return p
}

// draw returns the drawing of a figure for the page and the files of its own.
func (f *figure) draw(e *engine) (svg string, files map[string][]byte, err error) {
	width, onPaper := narrowDrawing, narrowOnPaper
	if f.Wide {
		width, onPaper = wideDrawing, wideOnPaper
	}
	if svg, err = e.draw(f.Spec, width); err != nil {
		return "", nil, err
	}
	spec, err := json.MarshalIndent(f.Spec, "", " ")
	if err != nil {
		return "", nil, err
	}
	drawn := forPaper(svg)
	paper, err := pdf(drawn, onPaper)
	if err != nil {
		return "", nil, fmt.Errorf("write PDF: %w", err)
	}
	return svg, map[string][]byte{
		"figures/" + f.ID + ".pdf":     paper,
		"figures/" + f.ID + ".svg":     []byte(drawn + "\n"),
		"figures/" + f.ID + ".vl.json": append([]byte(forPaper(string(spec))), '\n'),
		"figures/" + f.ID + ".csv":     f.Rows.csv(),
	}, nil
}
