package study

// Whether languages may be compared with one another: at pools of one size,
// that ask and offer the same in every language.

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/xlrun/xlrun/internal/collection"
)

// fingerprint stands for a set of texts that are the same in any language:
// those of the same translation groups have the same one. Texts without a group
// are told apart by their ids.
type fingerprint struct {
	texts   int
	groups  uint64 // the sum of the hashes of groups and ids
	unnamed int    // texts without a group
}

func (f *fingerprint) add(t *collection.TextKey) {
	h := fnv.New64a()
	if t.Group != "" {
		_, _ = fmt.Fprint(h, "group\x00", t.Group) // a hash never fails
	} else {
		_, _ = fmt.Fprint(h, "id\x00", t.ID)
		f.unnamed++
	}
	x := h.Sum64() // FNV mixes its last bytes little: sums of it would collide
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	f.groups += x
	f.texts++
}

// fingerprints returns those of the chosen rows, by language.
func fingerprints(texts []collection.TextKey, rows []int32) map[string]fingerprint {
	out := map[string]fingerprint{}
	for _, r := range rows {
		f := out[texts[r].Language]
		f.add(&texts[r])
		out[texts[r].Language] = f
	}
	return out
}

// parallel reports whether the targets of a retrieval or fuse are asked the
// same questions and offered the same passages, pool by pool, by their
// translation groups; otherwise it says what differs. Nothing differs where
// there is one target.
func (b *builder) parallel(name string) (ok bool, unlike string) {
	type target struct {
		language string
		pools    []*Step
	}
	var first *target
	var all []target
	for _, c := range b.plan.Cells {
		if c.Retrieval != name {
			continue
		}
		for _, lang := range collection.SplitLanguages(c.QueryLanguage) {
			t := target{language: lang}
			for _, r := range c.Runs {
				t.pools = append(t.pools, r.Pool)
			}
			if !slices.ContainsFunc(all, func(o target) bool { return o.language == lang && slices.Equal(o.pools, t.pools) }) {
				all = append(all, t)
			}
		}
	}
	for i := range all {
		t := &all[i]
		if first == nil {
			first = t
			continue
		}
		if t.language == first.language {
			continue // another task: pool sizes of an axis, say
		}
		// Tasks differ in more than the language; like is compared with like.
		like := slices.IndexFunc(all[:i], func(o target) bool { return o.language == first.language && b.sameTask(o.pools, t.pools) })
		if like < 0 {
			return false, fmt.Sprintf("%s and %s do not do the same task", first.language, t.language)
		}
		for k, pool := range all[like].pools {
			if s := b.unlike(pool, first.language, t.pools[k], t.language); s != "" {
				return false, s
			}
		}
	}
	return true, ""
}

// sameTask reports whether two lists of pools differ in languages only.
func (b *builder) sameTask(x, y []*Step) bool {
	return slices.EqualFunc(x, y, func(p, q *Step) bool {
		return p.Block == q.Block && p.Pool.Size == q.Pool.Size && p.Pool.Queries == q.Pool.Queries && p.Pool.Seed == q.Pool.Seed
	})
}

// unlike says what two pools have in different measure for two languages; ""
// where they are the same in both.
func (b *builder) unlike(p *Step, lang string, q *Step, other string) string {
	if p.Inputs[0].Step != q.Inputs[0].Step {
		return fmt.Sprintf("%s and %s come from different collections", lang, other)
	}
	x, y := b.choice(p), b.choice(q)
	if x == nil || y == nil || x.err != nil || y.err != nil {
		return fmt.Sprintf("%s and %s cannot be compared", lang, other)
	}
	ax, ay := x.asked[lang], y.asked[other]
	switch {
	case ax.unnamed+ay.unnamed > 0:
		return fmt.Sprintf("the queries of %s and %s are not marked as translations of one another", lang, other)
	case ax.texts != ay.texts:
		return fmt.Sprintf("%s is asked %d questions, %s %d", lang, ax.texts, other, ay.texts)
	case ax.groups != ay.groups:
		return fmt.Sprintf("%s and %s are asked different questions", lang, other)
	}
	if !slices.Equal(sorted(x.offered), sorted(y.offered)) {
		return fmt.Sprintf("%s and %s search different passages", lang, other)
	}
	return ""
}

func sorted(by map[string]fingerprint) []fingerprint {
	var out []fingerprint
	for _, f := range by {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b fingerprint) int {
		return cmp.Or(cmp.Compare(a.texts, b.texts), cmp.Compare(a.groups, b.groups), cmp.Compare(a.unnamed, b.unnamed))
	})
	return out
}

// equalPools warns where the languages of a task search different numbers of
// candidates: the fewer there are, the easier is the search.
func (b *builder) equalPools() {
	sizes := map[string]map[string][]int{} // task → query language → its pool sizes
	for _, c := range b.plan.Cells {
		if sizes[c.Task] == nil {
			sizes[c.Task] = map[string][]int{}
		}
		by := sizes[c.Task]
		for _, r := range c.Runs {
			if n := b.candidates(r.Pool); n > 0 && !slices.Contains(by[c.QueryLanguage], n) {
				by[c.QueryLanguage] = append(by[c.QueryLanguage], n)
			}
		}
	}
	for _, blk := range b.w.Blocks {
		if blk.Type != "task" {
			continue
		}
		var few, many string
		by := sizes[blk.Name]
		uneven := false
		var first []int
		for _, lang := range slices.Sorted(maps.Keys(by)) {
			slices.Sort(by[lang])
			if first == nil {
				first, few, many = by[lang], lang, lang
			}
			uneven = uneven || !slices.Equal(first, by[lang])
			if by[lang][0] < by[few][0] {
				few = lang
			}
			if slices.Max(by[lang]) > slices.Max(by[many]) {
				many = lang
			}
		}
		if uneven {
			least := by[few][0]
			b.add(warnAt(blk.Range, "Pools of different sizes", "Queries search from %d (%s) to %d candidates (%s). Among more candidates the right one is harder to find, so that scores do not compare across languages; contrasts within a language do. Set pool = { size = %d } or less, or follow the measure over pool sizes with a curve.", least, few, slices.Max(by[many]), many, least))
		}
	}
}
