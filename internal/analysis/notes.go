package analysis

import (
	"fmt"
	"slices"

	"github.com/xlrun/xlrun/internal/results"
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
)

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
	if len(f.Targets) < minLanguages {
		add(NoteFewLanguages, true, "With fewer than %d target languages the intervals are about these %d only.", minLanguages, len(f.Targets))
	}
	if n := len(f.Draws); f.Unit == unitDraw && n < 3 {
		add(NoteFewDraws, true, "%s: too few to see how draws differ, so no claim is decided.", count(n, "draw"))
	}
	if missing, all := g.missing(); missing > 0 {
		add(NoteMissing, true, "%s of %s are missing; what is there is used, and intervals come from leaving out one language and one %s at a time.", thousands(missing), count(all, "score of a run in a language"), f.Unit)
	}
	if g.lineage.fixed && len(f.Diversities) > 0 {
		add(NoteFixedDraws, true, "All draws train on the same languages: nothing here says how it would be with others.")
	}
	if n := g.lineage.repeated; n > 0 && !g.lineage.fixed {
		last := f.Diversities[len(f.Diversities)-1].Label
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
	if !kinds[KindUntrained] && !kinds[KindBaseline] {
		add(NoteNoBaseline, true, "There is no untrained or lexical baseline, so gains over it are not known.")
	}
	if !kinds[KindControl] && f.Unit != unitCheckpoint {
		add(NoteNoControl, false, "No encoder was trained on shuffled pairs, so what the pairing alone gives is not known.")
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
