package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// origin is where the rankings of a cell come from: what its records say of
// it, and what is known of the languages it has seen.
type origin struct {
	lin results.Lineage

	tuned        []string // languages trained on, the pivot among them
	tunedKnown   bool
	pretrained   []string
	pretrainedOK bool // known: nobody need guess

	paramsKnown, nonEmbedKnown bool
	parts                      []*origin // of a fusion
}

// described reports whether all that the origin of a cell is read from is
// there. r.mu is held.
func (r *run) described(c *study.Cell) bool {
	for _, p := range c.Parts {
		if !r.described(p) {
			return false
		}
	}
	if c.Queries == nil {
		return true
	}
	q := r.node(c.Queries)
	return q != nil && q.rec != nil && q.rec.Meta.Encoder != nil
}

// origin says where a cell that is described comes from. r.mu is held.
func (r *run) origin(c *study.Cell) (*origin, error) {
	switch {
	case c.Parts != nil:
		var parts []*origin
		for _, p := range c.Parts {
			o, err := r.origin(p)
			if err != nil {
				return nil, err
			}
			parts = append(parts, o)
		}
		return fusedOrigin(parts), nil
	case c.Queries == nil:
		return declaredOrigin(c.Declared), nil
	}
	info := r.node(c.Queries).rec.Meta.Encoder
	if c.Mix == nil {
		return computedOrigin(info, nil, nil), nil
	}
	m, t := r.node(c.Mix), r.node(c.Train)
	if m == nil || m.rec == nil || m.rec.Meta.Lineage == nil || t == nil || t.rec == nil {
		return nil, fmt.Errorf("%s: the record of its training is gone", c.ID.Short())
	}
	o := computedOrigin(info, c.Mix.Mix, m.rec.Meta.Lineage)
	o.lin.Pairs = int32(m.rec.Meta.Pairs)
	o.lin.Examples = t.rec.Meta.Examples
	return o, nil
}

// computedOrigin is that of an encoder, trained on a mixture or not at all.
func computedOrigin(info *sdk.EncoderInfo, mix *study.Mixture, l *collection.Lineage) *origin {
	o := &origin{
		lin:        results.Lineage{Source: results.LineageComputed, ParamsTotal: info.ParamsTotal, ParamsNonEmbed: info.ParamsNonEmbed},
		tunedKnown: true, pretrained: info.Pretraining, pretrainedOK: info.PretrainingKnown,
		paramsKnown: info.ParamsTotal > 0, nonEmbedKnown: info.ParamsTotal > 0,
	}
	if mix == nil {
		return o
	}
	o.lin.TrainingSet = l.TrainingSet
	o.lin.Subset = strings.Join(l.Languages, " ")
	o.lin.Languages = l.Languages
	o.lin.Richness = int32(l.Richness)
	o.lin.Hill1, o.lin.Hill2 = l.Hill1, l.Hill2
	o.lin.Pairing = mix.Pairing
	o.tuned = append(slices.Clone(l.Languages), mix.Pivot)
	return o
}

// declaredOrigin takes over what an author says of a run. What is left out
// stays unknown.
func declaredOrigin(d *study.Declared) *origin {
	o := &origin{lin: results.Lineage{Source: results.LineageDeclared}}
	if d == nil {
		return o
	}
	if d.Params != nil {
		o.lin.ParamsTotal, o.paramsKnown = *d.Params, true
	}
	if d.ParamsNonEmbed != nil {
		o.lin.ParamsNonEmbed, o.nonEmbedKnown = *d.ParamsNonEmbed, true
	}
	if d.Training != nil {
		o.tuned, o.tunedKnown = *d.Training, true
		o.lin.Languages = *d.Training
		o.lin.Subset = strings.Join(*d.Training, " ")
		o.lin.Richness = int32(len(*d.Training))
	}
	if d.Pretraining != nil {
		o.pretrained, o.pretrainedOK = *d.Pretraining, true
	}
	return o
}

// fusedOrigin joins the origins of the parts of a fusion. Weights add up where
// all are known; languages are joined. A training that only one part has had,
// or that all share, is that of the fusion; of several different ones the
// effective numbers of languages are not known.
func fusedOrigin(parts []*origin) *origin {
	o := &origin{lin: results.Lineage{Source: results.LineageComputed}, tunedKnown: true, pretrainedOK: true, paramsKnown: true, nonEmbedKnown: true, parts: parts}
	var taught []*origin
	for _, p := range parts {
		if p.lin.Source == results.LineageDeclared {
			o.lin.Source = results.LineageDeclared
		}
		o.paramsKnown = o.paramsKnown && p.paramsKnown
		o.nonEmbedKnown = o.nonEmbedKnown && p.nonEmbedKnown
		o.lin.ParamsTotal += p.lin.ParamsTotal
		o.lin.ParamsNonEmbed += p.lin.ParamsNonEmbed
		if p.lin.TrainingSet != "" || p.lin.Subset != "" {
			taught = append(taught, p)
		}
	}
	if !o.paramsKnown {
		o.lin.ParamsTotal = 0
	}
	if !o.nonEmbedKnown {
		o.lin.ParamsNonEmbed = 0
	}
	if len(taught) == 0 {
		return o
	}
	one := taught[0].lin
	alike := !slices.ContainsFunc(taught, func(p *origin) bool {
		return p.lin.TrainingSet != one.TrainingSet || p.lin.Subset != one.Subset || p.lin.Examples != one.Examples
	})
	if alike {
		one.Source, one.ParamsTotal, one.ParamsNonEmbed = o.lin.Source, o.lin.ParamsTotal, o.lin.ParamsNonEmbed
		o.lin = one
		return o
	}
	var sets strings.Builder
	pairing := one.Pairing
	for _, p := range taught {
		sets.WriteString(p.lin.TrainingSet + "\n")
		o.lin.Languages = append(o.lin.Languages, p.lin.Languages...)
		o.lin.Pairs += p.lin.Pairs
		o.lin.Examples += p.lin.Examples
		if p.lin.Pairing != pairing {
			pairing = ""
		}
	}
	if strings.Trim(sets.String(), "\n") != "" {
		o.lin.TrainingSet = string(cas.Sum([]byte(sets.String())))
	}
	slices.Sort(o.lin.Languages)
	o.lin.Languages = slices.Compact(o.lin.Languages)
	o.lin.Subset = strings.Join(o.lin.Languages, " ")
	o.lin.Richness = int32(len(o.lin.Languages))
	o.lin.Pairing = pairing
	return o
}

// exposures lists the kinds of exposure from the least to the most.
var exposures = []string{results.ExposureNone, results.ExposureUnknown, results.ExposurePretraining, results.ExposureTuning}

// exposure says whether a language has been seen. The same language in another
// script, and a macrolanguage for its member, count. It is none only where
// both the languages of training and those of pretraining are known; of a
// fusion it is the worst of its parts'.
func (o *origin) exposure(language string) string {
	if o.parts != nil {
		worst := results.ExposureNone
		for _, p := range o.parts {
			if x := p.exposure(language); cmp.Compare(slices.Index(exposures, x), slices.Index(exposures, worst)) > 0 {
				worst = x
			}
		}
		return worst
	}
	same := func(l string) bool { return collection.SameLanguage(l, language) }
	switch {
	case slices.ContainsFunc(o.tuned, same):
		return results.ExposureTuning
	case slices.ContainsFunc(o.pretrained, same):
		return results.ExposurePretraining
	case !o.tunedKnown || !o.pretrainedOK:
		return results.ExposureUnknown
	}
	return results.ExposureNone
}
