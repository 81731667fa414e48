package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/stats"
)

// Codes of notes.
const (
	NoteMissing      = "missing"
	NoteFixedDraws   = "fixed draws"
	NoteRepeated     = "repeated draws"
	NoteFewLanguages = "few languages"
	NoteFewDraws     = "few draws"
	NoteNoBaseline   = "no baseline"
	NoteNoControl    = "no control"
	NoteExposure     = "exposure"
	NoteAliased      = "aliased"
	NoteScale        = "scale"
	NoteSizes        = "size convention"
	NotePartial      = "partial grid"
	NoteShape        = "shape"
	NoteConditions   = "conditions"
	NoteMetrics      = "metrics"

	NoteUnpaired       = "unpaired queries"
	NotePartialSystems = "partial systems"
	NoteSkewed         = "skewed differences"
	NoteLevels         = "levels"
	NoteManySystems    = "many systems"
	NoteUnlike         = "unlike systems"
)

// bendP is how improbable a bend must be under a straight line before it is
// spoken of.
const bendP = 0.01

// notes lists what a reader should know about the numbers, each in a sentence.
func (g *grid) notes(a Analysis) []Note {
	out := []Note{}
	add := func(code string, warning bool, format string, args ...any) {
		out = append(out, Note{Code: code, Text: fmt.Sprintf(format, args...), Warning: warning})
	}
	f := a.Facts
	if p := g.design.Partial; p != nil {
		add(NotePartial, true, "%s", partialSentence(p))
	}
	if g.name != "" {
		add(NoteConditions, true, "Retrieval %s measures several conditions (%s); they are never averaged, and this is %s alone. A claim about one of them needs a retrieval and an analysis of its own.", a.Retrieval, conditionNames(g.among), g.name)
	}
	if c := g.clash; c != nil {
		add(NoteMetrics, true, "Both %s and %s give %s, with different values; those of %s are used. Give each a retrieval and an analysis of its own, or leave the measure out of one.", c.used, c.left, a.Measure, c.used)
	}
	g.systemNotes(a, add)
	if len(f.Targets) < minLanguages {
		add(NoteFewLanguages, true, "With fewer than %d target languages the intervals are about these %d only.", minLanguages, len(f.Targets))
	}
	if lonely := g.lonely(); len(lonely) > 0 {
		add(NoteFewQueries, true, "In %s there is one query only, so nothing says how it would be with others.", list(lonely))
	}
	if n := len(f.Draws); f.Unit == unitDraw && n < 3 {
		add(NoteFewDraws, true, "%s: too few to see how draws differ, so no claim is decided.", count(n, "draw"))
	}
	if missing, all := g.missing(); missing > 0 {
		are, how := "are", fmt.Sprintf("intervals come from leaving out one language and one %s at a time", f.Unit)
		if missing == 1 {
			are = "is"
		}
		if f.Unit == unitCheckpoint {
			how = "a comparison is about the languages that both sides have"
		}
		add(NoteMissing, true, "%s of %s %s missing; what is there is used, and %s.", thousands(missing), thousands(all)+" scores of a run in a language", are, how)
	}
	if g.lineage.fixed && len(f.Diversities) > 0 {
		add(NoteFixedDraws, true, "All draws train on the same languages: nothing here says how it would be with others.")
	}
	last := ""
	if n := len(f.Diversities); n > 0 {
		last = f.Diversities[n-1].Label
	}
	if n := len(g.lineage.single); n > 0 && !g.lineage.fixed {
		var at []string
		for i, l := range g.diversities {
			for k := range g.lineage.single {
				if k[0] == i && !slices.Contains(at, l.label) {
					at = append(at, l.label)
				}
			}
		}
		add(NoteRepeated, true, "At diversity %s every draw trains on the same languages, so nothing was repeated there; it is left out of the effect of diversity.", list(at))
	} else if n := g.lineage.repeated; n > 0 && !g.lineage.fixed {
		add(NoteRepeated, true, "At diversity %s, %d of %d draws train on the same languages as another draw, so they differ less than draws should.", last, n, len(f.Draws))
	}
	for _, e := range a.Effects {
		if e.AME.Reason == ReasonNotSeparable {
			add(NoteAliased, true, "%s", unknownEffect(e))
		}
	}
	var unknown, seen []string
	for _, t := range f.Targets {
		switch t.Exposure {
		case results.ExposureUnknown:
			unknown = append(unknown, t.Code)
		case results.ExposurePretraining, results.ExposureTuning:
			seen = append(seen, t.Code)
		}
	}
	if len(unknown) > 0 {
		add(NoteExposure, true, "What the encoders saw of %s is unknown; it counts as seen.", list(unknown))
	}
	if len(seen) > 0 {
		add(NoteExposure, true, "The encoders saw %s before: this is not strict zero-shot.", list(seen))
	}
	kinds := map[string]bool{}
	for _, r := range g.runs {
		kinds[r.kind] = true
	}
	if !kinds[KindUntrained] && !kinds[KindBaseline] && (a.Systems == nil || !a.Systems.Main) {
		add(NoteNoBaseline, true, "There is no untrained or lexical baseline, so gains over it are not known.")
	}
	if !kinds[KindControl] && f.Unit != unitCheckpoint {
		add(NoteNoControl, false, "No encoder was trained on shuffled pairs, so what the pairing alone gives is not known.")
	}
	if len(g.langs) >= minLanguages {
		s := g.sample(nil, nil, stats.EmpiricalLogit)
		for _, e := range a.Effects {
			if len(g.present(e.Factor)) < 3 || !e.Slope.OK {
				continue
			}
			b := s.estimate(s.bend(e.Factor, e.Held))
			if b.OK && b.Reason == "" && b.P < bendP {
				more := "less"
				if b.Value*e.Slope.Value > 0 {
					more = "more"
				}
				add(NoteShape, true, "Doubling %s does not do the same everywhere: it does %s the more there is already, and the effect given is the mean over this grid.", words[e.Factor].doubling, more)
			}
		}
	}
	if _, scale := interactionSentence(a.Interaction, a.InteractionRaw); scale {
		add(NoteScale, false, "Whether size and diversity help each other depends on the scale on which that is asked.")
	}
	if len(f.Sizes) > 1 && !g.nonEmbedding && slices.ContainsFunc(g.trained, func(r *run) bool { return r.lin.ParamsNonEmbed > 0 }) {
		add(NoteSizes, false, "Sizes are total parameters, because some encoders have none outside their embeddings.")
	}
	return out
}

// missing counts the scores that a full grid of the trained runs would have
// and that are not there: of a run in some language, or of a whole run.
func (g *grid) missing() (missing, all int) {
	draws := g.drawsOf(g.trained)
	cells := map[string]int{}
	for _, r := range g.trained {
		cells[cellKey(RoleSize, RoleDiversity, RoleBudget)(r)]++
		for _, sc := range r.scores {
			if sc == nil {
				missing++
			}
		}
	}
	all = len(cells) * len(draws) * len(g.langs)
	for _, n := range cells {
		if n < len(draws) {
			missing += (len(draws) - n) * len(g.langs)
		}
	}
	return missing, all
}

// systemNotes says what a reader should know about the comparison of systems.
func (g *grid) systemNotes(a Analysis, add func(code string, warning bool, format string, args ...any)) {
	s := a.Systems
	if s == nil {
		return
	}
	if len(s.Partial) > 0 {
		add(NotePartialSystems, true, "Not every system was measured in %s; means and differences over languages leave it out.", list(s.Partial))
	}
	if n := len(s.Systems); n > mostSystems {
		add(NoteManySystems, false, "The %d systems make %s pairs: sets that cannot be told apart are not looked for. An analysis of some of them would.", n, thousands(n*(n-1)/2))
	}
	if s.Main && len(a.Effects) > 0 {
		add(NoteUnlike, true, "No axis varies %s here: what a doubling does is read from systems that may differ in other things too.", list(factorsOf(a.Effects)))
	}
	left, tests, skewed, equal := 0, 0, 0, 0
	for _, x := range s.Systems {
		for _, l := range x.PerLanguage {
			if t := l.Test; t != nil {
				left += t.Left
				tests++
				if t.Skewed {
					skewed++
				}
				if math.IsNaN(float64(t.Low)) {
					equal++
				}
			}
		}
	}
	if left > 0 {
		add(NoteUnpaired, true, "In comparisons of systems, %s of one system on a query had no like in the other and were left out.", count(left, "value"))
	}
	if skewed > 0 {
		add(NoteSkewed, false, "In %d of %s within a language there are fewer than %d queries and their differences are skewed: those p values are rough.", skewed, count(tests, "comparison"), fewQueries)
	}
	if equal > 0 {
		add(NoteEqual, false, "In %d of %s within a language every query differs by the same amount: t and its interval are undefined there, and p is that of the sign-flip test.", equal, count(tests, "comparison"))
	}
	if x := a.Across; x != nil && !x.Comparable && len(g.analysis.Reference) > 0 {
		add(NoteLevels, true, "The gap to %s that the analysis asks for is not given. %s", list(g.analysis.Reference), x.Reason)
	}
}

// factorsOf names the factors of effects in words.
func factorsOf(effects []Effect) []string {
	var out []string
	for _, e := range effects {
		out = append(out, strings.ToLower(words[e.Factor].varies))
	}
	return out
}
