package analysis

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/stats"
	"github.com/xlrun/xlrun/sdk"
)

// ScoreTable compares models by scores that others have published: one number
// per model and subset. Subsets are the sample, and differences between models
// are taken within each.
type ScoreTable struct {
	Task    string   `json:"task"` // "" where tasks are the columns
	Split   string   `json:"split,omitempty"`
	Measure string   `json:"measure"`
	Columns []string `json:"columns"` // subsets that every model has
	// Others are subsets that some model lacks; they enter no mean.
	Others   []string     `json:"others"`
	Baseline string       `json:"baseline"`
	Chosen   string       `json:"chosen"` // ChosenBaseline or ChosenBest
	Models   []ScoreModel `json:"models"` // best first
	Notes    []Note       `json:"notes"`
}

// ScoreModel is one model of a table.
type ScoreModel struct {
	Name    string             `json:"name"`
	Mean    float64            `json:"mean"`           // over Columns
	Gain    *ScoreGain         `json:"gain,omitempty"` // over the baseline; nil for it, and with fewer than two columns
	Letters string             `json:"letters,omitempty"`
	Values  map[string]float64 `json:"values"` // by subset
}

// ScoreGain is a difference to the baseline over subsets.
type ScoreGain struct {
	Mean  float64 `json:"mean"`
	Low   Float   `json:"low"` // 95 %; null, with P of the sign-flip test, where all differences are equal
	High  Float   `json:"high"`
	T     Float   `json:"t"` // null where all differences are equal
	P     float64 `json:"p"`
	PHolm float64 `json:"p_holm_baseline"` // Holm, over the models compared with the baseline
	PPair Float   `json:"p_holm_pairs"`    // Holm, over all pairs of models, as the letters; null where there are none
	Wins  int     `json:"wins"`
	Ties  int     `json:"ties"`
	Loss  int     `json:"losses"`
}

// ScoreOptions choose what is compared.
type ScoreOptions struct {
	Measure  string   // "nDCG@10"; "" for that, or the main score of tasks without it
	Baseline string   // a model; "" for the best
	Tasks    []string // nil for all
}

// Measures of published scores.
const (
	defaultMeasure = "nDCG@10"
	mainScore      = "main_score"
)

// Codes of notes on scores.
const (
	NoteDatasetRevisions = "dataset revisions"
	NoteVersions         = "versions"
	NoteMissingSubsets   = "missing subsets"
	NotePools            = "pools"
	NoteRounded          = "rounded"
	NoteRange            = "range"
)

// CompareScores makes a table of each task and split; where every task has one
// subset, one table with tasks as columns.
func CompareScores(rows []results.Score, opt ScoreOptions) ([]ScoreTable, error) {
	rows = slices.Clone(rows)
	name := modelNames(rows)
	subsets := map[[2]string]map[string]bool{}
	var order [][2]string
	var tasks []string
	if err := knownTasks(rows, opt.Tasks); err != nil {
		return nil, err
	}
	for _, r := range rows {
		if opt.Tasks != nil && !slices.Contains(opt.Tasks, r.Task) {
			continue
		}
		k := [2]string{r.Task, r.Split}
		if subsets[k] == nil {
			subsets[k] = map[string]bool{}
			order = append(order, k)
		}
		subsets[k][r.Subset] = true
		if !slices.Contains(tasks, r.Task) {
			tasks = append(tasks, r.Task)
		}
	}
	if len(order) == 0 {
		return nil, errors.New("compare scores: there are none")
	}
	slices.SortFunc(order, func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
	single := len(tasks) > 1 && len(tasks) == len(order)
	for _, s := range subsets {
		single = single && len(s) == 1
	}
	if single {
		t, err := scoreTable(rows, opt, name, func(r results.Score) (string, bool) {
			return r.Task, opt.Tasks == nil || slices.Contains(opt.Tasks, r.Task)
		})
		if err != nil {
			return nil, err
		}
		return []ScoreTable{*t}, nil
	}
	var out []ScoreTable
	for _, k := range order {
		t, err := scoreTable(rows, opt, name, func(r results.Score) (string, bool) { return r.Subset, r.Task == k[0] && r.Split == k[1] })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k[0], err)
		}
		t.Task, t.Split = k[0], k[1]
		t.prependNotes(rows)
		out = append(out, *t)
	}
	return out, nil
}

// knownTasks is an error that names the task that no score is of.
func knownTasks(rows []results.Score, wanted []string) error {
	var known []string
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.Task] {
			seen[r.Task] = true
			known = append(known, r.Task)
		}
	}
	slices.Sort(known)
	for _, w := range wanted {
		if !seen[w] {
			return fmt.Errorf("there are no scores of task %q.%s There are scores of %s", w, sdk.DidYouMean(w, known), strings.Join(known, ", "))
		}
	}
	return nil
}

// ScoresFormat names the layout of [Scores].
const ScoresFormat = "xlrun.scores/1"

// Scores is what is written as JSON of tables of published scores.
type Scores struct {
	Format string       `json:"format"` // ScoresFormat
	Tables []ScoreTable `json:"tables"`
}

// modelNames names each model and revision: by the model alone where it has one
// revision.
func modelNames(rows []results.Score) func(results.Score) string {
	revisions := map[string]map[string]bool{}
	for _, r := range rows {
		if revisions[r.Model] == nil {
			revisions[r.Model] = map[string]bool{}
		}
		revisions[r.Model][r.Revision] = true
	}
	return func(r results.Score) string {
		if len(revisions[r.Model]) < 2 {
			return r.Model
		}
		rev := cmp.Or(r.Revision, "unknown")
		return r.Model + "@" + rev[:min(7, len(rev))]
	}
}

// scoreTable compares all models on the columns that a row belongs to.
func scoreTable(rows []results.Score, opt ScoreOptions, name func(results.Score) string, column func(results.Score) (string, bool)) (*ScoreTable, error) {
	has := func(measure string) bool {
		return slices.ContainsFunc(rows, func(r results.Score) bool { _, ok := column(r); return ok && r.Measure == measure })
	}
	t := &ScoreTable{Measure: opt.Measure, Columns: []string{}, Others: []string{}, Models: []ScoreModel{}, Notes: []Note{}}
	if t.Measure == "" {
		t.Measure = defaultMeasure
		if !has(defaultMeasure) {
			t.Measure = mainScore
		}
	}
	if !has(t.Measure) {
		var known []string
		for _, r := range rows {
			if _, ok := column(r); ok && !slices.Contains(known, r.Measure) {
				known = append(known, r.Measure)
			}
		}
		slices.Sort(known)
		return nil, fmt.Errorf("no score is by %s.%s There are scores by %s", t.Measure, sdk.DidYouMean(t.Measure, known), strings.Join(known, ", "))
	}
	add := func(code string, warning bool, format string, args ...any) {
		t.Notes = append(t.Notes, Note{Code: code, Warning: warning, Text: fmt.Sprintf(format, args...)})
	}
	at := map[string]int{}
	from := map[string]string{}
	var columns []string
	digits, outside := map[string]int32{}, 0
	var beyond []string // models with scores that are no shares
	for _, r := range rows {
		col, ok := column(r)
		if !ok || r.Measure != t.Measure {
			continue
		}
		i, ok := at[name(r)]
		if !ok {
			i = len(t.Models)
			at[name(r)] = i
			t.Models = append(t.Models, ScoreModel{Name: name(r), Values: map[string]float64{}})
		}
		if old, twice := t.Models[i].Values[col]; twice && old != r.Value {
			return nil, fmt.Errorf("%s has two values of %s for %s: %g in %s and %g in %s; import one of them", name(r), t.Measure, col, old, from[name(r)+col], r.Value, r.File)
		}
		t.Models[i].Values[col], from[name(r)+col] = r.Value, r.File
		if !slices.Contains(columns, col) {
			columns = append(columns, col)
		}
		digits[name(r)] = max(digits[name(r)], r.Digits)
		if r.Value < 0 || r.Value > 1 {
			outside++
			if n := name(r); !slices.Contains(beyond, n) {
				beyond = append(beyond, n)
			}
		}
	}
	var without []string
	for _, r := range rows {
		if _, ok := column(r); ok {
			if _, has := at[name(r)]; !has && !slices.Contains(without, name(r)) {
				without = append(without, name(r))
			}
		}
	}
	if slices.Sort(without); len(without) > 0 {
		add(NoteMissingSubsets, true, "No score by %s is known of %s.", t.Measure, list(without))
	}
	slices.Sort(columns)
	for _, c := range columns {
		var lack []string
		for _, m := range t.Models {
			if _, ok := m.Values[c]; !ok {
				lack = append(lack, m.Name)
			}
		}
		if len(lack) > 0 {
			t.Others = append(t.Others, c)
			continue
		}
		t.Columns = append(t.Columns, c)
	}
	if len(t.Others) > 0 {
		for _, m := range t.Models {
			var lack []string
			for _, c := range t.Others {
				if _, ok := m.Values[c]; !ok {
					lack = append(lack, c)
				}
			}
			if len(lack) > 0 {
				add(NoteMissingSubsets, true, "%s has no scores of %s; means are over the %d that every model has.", m.Name, list(lack), len(t.Columns))
			}
		}
	}
	if outside > 0 {
		slices.Sort(beyond)
		add(NoteRange, true, "%s below 0 or above 1, of %s: they are taken as they are. In percent they do not compare with others, and differences are not in points.", count(outside, "score"), list(beyond))
	}
	const fewDigits = 6 // MTEB rounds to five, MRR to six
	var rounded []string
	most := int32(0)
	for _, m := range t.Models {
		if n := digits[m.Name]; n > 0 && n <= fewDigits {
			rounded, most = append(rounded, m.Name), max(most, n)
		}
	}
	if slices.Sort(rounded); len(rounded) == len(t.Models) && most > 0 {
		add(NoteRounded, false, "All scores were rounded, to %d digits or fewer, before they were averaged here.", most)
	} else if len(rounded) > 0 {
		add(NoteRounded, false, "The scores of %s were rounded, to %d digits or fewer, before they were averaged here.", list(rounded), most)
	}
	if len(t.Columns) == 0 {
		add(NoteMissingSubsets, true, "No subset is common to all models, so nothing is averaged and nothing compared.")
		slices.SortFunc(t.Models, func(a, b ScoreModel) int { return strings.Compare(a.Name, b.Name) })
		return t, nil
	}
	return t, t.compare(opt, add)
}

// compare fills in means, gains and groups.
func (t *ScoreTable) compare(opt ScoreOptions, add func(code string, warning bool, format string, args ...any)) error {
	of := func(m ScoreModel) []float64 {
		v := make([]float64, len(t.Columns))
		for i, c := range t.Columns {
			v[i] = m.Values[c]
		}
		return v
	}
	minus := func(a, b ScoreModel) []float64 {
		x, y := of(a), of(b)
		for i := range x {
			x[i] -= y[i]
		}
		return x
	}
	for i := range t.Models {
		t.Models[i].Mean = stats.Mean(of(t.Models[i]))
	}
	slices.SortFunc(t.Models, func(a, b ScoreModel) int {
		return cmp.Or(cmp.Compare(b.Mean, a.Mean), strings.Compare(a.Name, b.Name))
	})
	base := 0
	t.Chosen = ChosenBest
	if opt.Baseline != "" {
		var names []string
		for _, m := range t.Models {
			names = append(names, m.Name)
		}
		if base = slices.Index(names, opt.Baseline); base < 0 {
			return fmt.Errorf("there is no model %q to compare with; there is %s.%s", opt.Baseline, list(names), sdk.DidYouMean(opt.Baseline, names))
		}
		t.Chosen = ChosenBaseline
	}
	t.Baseline = t.Models[base].Name
	if len(t.Columns) < 2 {
		add(NoteFewLanguages, true, "One subset says nothing of how differences vary: there is no interval.")
		return nil
	}
	var p []float64
	var gains []*ScoreGain
	var equal []string
	for i := range t.Models {
		if i == base {
			continue
		}
		x := testDifferences(minus(t.Models[i], t.Models[base]), 1-alpha, 0, flipSeed)
		g := &ScoreGain{Mean: x.Mean, Low: Float(x.Low), High: Float(x.High), T: Float(x.T), P: x.P, PPair: Float(math.NaN()), Wins: x.Wins, Ties: x.Ties, Loss: x.Losses}
		if math.IsNaN(x.Low) {
			equal = append(equal, t.Models[i].Name+" − "+t.Baseline)
		}
		t.Models[i].Gain = g
		p, gains = append(p, x.P), append(gains, g)
	}
	for i, padj := range stats.Holm(p) {
		gains[i].PHolm = padj
	}
	if len(equal) > 0 {
		add(NoteEqual, true, "Every subset differs by the same amount in %s: t and its interval are undefined there, and p is that of the sign-flip test.", list(equal))
	}
	if len(t.Columns) < minLanguages {
		add(NoteFewLanguages, true, "With fewer than %d subsets the intervals say little about others, and no groups are made.", minLanguages)
		return nil
	}
	n := len(t.Models)
	means := make([]float64, n)
	p = p[:0]
	for i, a := range t.Models {
		means[i] = a.Mean
		for _, b := range t.Models[i+1:] {
			p = append(p, testDifferences(minus(a, b), 1-alpha, 0, flipSeed).P)
		}
	}
	adjusted := stats.Holm(p)
	for i := range t.Models {
		if i != base {
			t.Models[i].Gain.PPair = Float(adjusted[pairAt(n, min(i, base), max(i, base))])
		}
	}
	sets := stats.Groups(means, func(i, j int) bool { return stats.Rejects(adjusted[pairAt(n, i, j)], alpha) })
	for i, letters := range stats.Letters(n, sets) {
		t.Models[i].Letters = letters
	}
	return nil
}

// prependNotes says what of the files makes scores incomparable.
func (t *ScoreTable) prependNotes(rows []results.Score) {
	var notes []Note
	add := func(code string, warning bool, format string, args ...any) {
		notes = append(notes, Note{Code: code, Warning: warning, Text: fmt.Sprintf(format, args...)})
	}
	type place struct{ subset, revision string }
	models := map[place][]string{}
	revisions := map[string][]string{} // of a subset
	var old, current, unknown []string
	for _, r := range rows {
		if r.Task != t.Task || r.Split != t.Split || r.Measure != t.Measure {
			continue
		}
		k := place{r.Subset, r.DatasetRevision}
		if models[k] == nil {
			revisions[r.Subset] = append(revisions[r.Subset], r.DatasetRevision)
		}
		if !slices.Contains(models[k], r.Model) {
			models[k] = append(models[k], r.Model)
		}
		at := &unknown
		switch before, known := beforeTies(r.Version); {
		case known && before:
			at = &old
		case known:
			at = &current
		}
		if !slices.Contains(*at, r.Model) {
			*at = append(*at, r.Model)
		}
	}
	mixed, first := 0, ""
	for _, c := range slices.Concat(t.Columns, t.Others) {
		rev := revisions[c]
		if len(rev) < 2 {
			continue
		}
		mixed++
		if first != "" {
			continue
		}
		slices.Sort(rev)
		var parts []string
		for _, r := range rev {
			parts = append(parts, fmt.Sprintf("%s (%s)", cmp.Or(r[:min(12, len(r))], "a revision not said"), list(models[place{c, r}])))
		}
		first = c + " of " + list(parts)
	}
	if mixed > 0 {
		add(NoteDatasetRevisions, true, "In %d of %s models were not measured on the same revision of the data, or do not say which (%s): they may not be comparable.", mixed, count(len(t.Columns)+len(t.Others), "subset"), first)
	}
	if strings.HasPrefix(t.Measure, "RR@") && len(current) > 0 && len(old)+len(unknown) > 0 {
		add(NoteVersions, true, "MTEB orders equal scores in another way from version %s on, which changes %s: %s were measured before it or do not say, %s with it.", tiesChanged, t.Measure, list(append(slices.Clone(old), unknown...)), list(current))
	}
	if len(t.Columns) > 1 {
		text := "The files do not say how many documents were searched, and a score falls with their number: compare models within a subset, not subsets with one another."
		if strings.HasPrefix(t.Task, "WebFAQ") {
			text = "The languages of WebFAQ have corpora of very different sizes, and a score falls with their number of documents: compare models within a language, not languages with one another."
		}
		add(NotePools, false, "%s", text)
	}
	t.Notes = append(notes, t.Notes...)
}

// tiesChanged is the first version of MTEB whose MRR orders equal scores by
// document (pull request 5136); 2.18.18 was the last to keep the order in which
// they came.
const tiesChanged = "2.18.19"

// beforeTies says whether a version of MTEB is older than that.
func beforeTies(version string) (before, known bool) {
	var v [3]int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); n < 3 {
		return false, false
	}
	return slices.Compare(v[:], []int{2, 18, 19}) < 0, true
}

// ScoreCollector folds records to the means of each system in each language, by
// every measure: what is published of a study.
type ScoreCollector struct {
	design    Design
	collector *Collector
	seen      map[[2]string]bool
	order     [][2]string // retrievals and measures
	outside   map[[2]string]bool
}

// NewScoreCollector returns a collector for records of a study with these axes.
func NewScoreCollector(axes []Axis) *ScoreCollector {
	c := &ScoreCollector{design: Design{Axes: axes}, seen: map[[2]string]bool{}, outside: map[[2]string]bool{}}
	c.collector = NewCollector(c.design)
	return c
}

// Add takes a record.
func (c *ScoreCollector) Add(r results.Record) {
	k := [2]string{r.Retrieval, r.Measure}
	if !c.seen[k] {
		c.seen[k] = true
		c.order = append(c.order, k)
		c.collector.wanted[k] = true
	}
	if r.Value < 0 || r.Value > 1 {
		c.outside[k] = true
		c.collector.wanted[k] = false
		return
	}
	c.collector.Add(r)
}

// Scores returns the means, in a fixed order, and what was left out because its
// values are no shares: counts, or measures that are not between 0 and 1. Task
// is the retrieval, Model the system with its draws averaged, Subset the
// language of the queries.
func (c *ScoreCollector) Scores() (out []results.Score, left []string, err error) {
	if c.collector.err != nil {
		return nil, nil, c.collector.err
	}
	slices.SortFunc(c.order, func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
	rank := c.collector.ranks()
	for _, k := range c.order {
		if c.outside[k] {
			left = append(left, k[1]+" of "+k[0])
			continue
		}
		g, err := c.collector.grid(Spec{Name: k[0], Retrieval: k[0], Measure: k[1]}, rank)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range g.systemsOf() {
			source := cmp.Or(s.runs[0].lin.Source, results.LineageComputed)
			for l, code := range g.langs {
				if m := s.byLang[l]; m.ok {
					out = append(out, results.Score{Model: s.name, Task: k[0], Split: "test", Subset: code, Languages: code, Measure: k[1], Value: m.mean, Lineage: source})
				}
			}
		}
	}
	return out, left, nil
}
