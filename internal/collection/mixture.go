package collection

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/sdk"
)

// The ways in which languages share a budget.
const (
	ShareEven     = "even"
	ShareExponent = "exponent"
	ShareWeights  = "weights"
)

// The ways in which the sides of pairs are joined.
const (
	PairingAligned  = "aligned"
	PairingShuffled = "shuffled"
)

// MixParams says which training pairs to take.
type MixParams struct {
	Languages []string
	Pivot     string
	Pairs     int
	Share     string             // even, exponent, weights; "" is even
	Exponent  float64            // exponent: shares are proportional to available pairs to this power
	Weights   map[string]float64 // weights: one positive number per language
	Pairing   string             // aligned, shuffled; "" is aligned
	Kinds     []string           // of pair; empty: all
	Seed      string
}

// Selection is a mixture: which pairs, in which order.
type Selection struct {
	// Rows are indices into the keys, in training order. The i-th training
	// pair has its A side from Rows[i] and its B side from RowsB[i]; the two
	// are equal unless the pairing is shuffled.
	Rows, RowsB []int
	Lineage     Lineage
	Languages   []LanguageCount // sorted by code
	Excluded    int             // pairs left out because a test set has one of their sides
	Duplicates  int             // pairs left out because the same pair came before
	Empty       int             // pairs left out because a side has no text
	Refilled    int             // pairs taken beyond an equal share, because another language ran short

	Groups             int // translation groups on offer
	GroupMin, GroupMax int // how often the least and the most used group occurs
}

// LanguageCount says what a mixture found of one language, and took.
type LanguageCount struct {
	Language   string
	Available  int // after exclusion
	Taken      int
	Excluded   int
	Duplicates int
	Empty      int
}

// Lineage is what a trained encoder inherits from its mixture.
type Lineage struct {
	Languages []string  // that gave at least one pair, sorted
	Pairs     []int     // per language
	Shares    []float64 // per language; they add up to 1
	Richness  int       // number of languages
	Hill1     float64   // exp of the Shannon entropy of the shares
	Hill2     float64   // inverse Simpson index of the shares
	// TrainingSet is the SHA-256 digest of the set of training pairs as they
	// are trained on (kind, languages, text hashes), whatever their order.
	TrainingSet string
}

// LanguageError says that the collection has no pairs of a language.
type LanguageError struct {
	Language, Pivot string
	Kinds           []string
	Have            []string // languages that have pairs with the pivot
}

func (e *LanguageError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no pairs %s - %s", e.Language, e.Pivot)
	if len(e.Kinds) > 0 {
		fmt.Fprintf(&b, " of kind %s", strings.Join(e.Kinds, ", "))
	}
	switch n := len(e.Have); {
	case n == 0:
		fmt.Fprintf(&b, "; no language has pairs with %s", e.Pivot)
	case n <= 20:
		fmt.Fprintf(&b, "; there are pairs of %s", strings.Join(e.Have, ", "))
	default:
		fmt.Fprintf(&b, "; there are pairs of %d other languages", n)
	}
	return b.String()
}

// BudgetError says that a budget cannot be filled without repeating a pair.
type BudgetError struct {
	Pairs     int             // asked for
	Available int             // in all languages of the mixture
	Even      int             // the largest budget with equal shares
	Languages []LanguageCount // that have less than an equal share, shortest first
}

func (e *BudgetError) Error() string {
	var b strings.Builder
	if e.Available < e.Pairs {
		fmt.Fprintf(&b, "%d pairs cannot be had without repeating: the mixture's languages have %d (%d with equal shares)", e.Pairs, e.Available, e.Even)
	} else {
		fmt.Fprintf(&b, "%d pairs cannot be had from every language", e.Pairs)
	}
	for i, l := range e.Languages {
		if i == 5 {
			fmt.Fprintf(&b, ", and %d more", len(e.Languages)-i)
			break
		}
		sep := ", "
		if i == 0 {
			sep = "; short are "
		}
		fmt.Fprintf(&b, "%s%s with %d", sep, l.Language, l.Available)
		var why []string
		if l.Excluded > 0 {
			why = append(why, fmt.Sprintf("%d excluded", l.Excluded))
		}
		if l.Duplicates > 0 {
			why = append(why, fmt.Sprintf("%d duplicates", l.Duplicates))
		}
		if l.Empty > 0 {
			why = append(why, fmt.Sprintf("%d empty", l.Empty))
		}
		if why != nil {
			fmt.Fprintf(&b, " (%s)", strings.Join(why, ", "))
		}
	}
	return b.String()
}

// ShuffleError says that no shuffled pairing exists: one group has more than
// half of the pairs.
type ShuffleError struct{ Pairs, Largest int }

func (e *ShuffleError) Error() string {
	return fmt.Sprintf("%d pairs cannot be shuffled so that none keeps its partner: %d of them say the same thing; take more pairs or fewer languages", e.Pairs, e.Largest)
}

// Pairs are the training pairs of a collection, prepared for any number of
// mixtures. It is not changed after NewPairs and safe for concurrent use.
type Pairs struct {
	keys   []Key
	groups []groupKey
	langs  map[[2]string]*langPairs // by language and pivot
}

// langPairs are the pairs of one language with one pivot.
type langPairs struct {
	cells []cell
	left  []leftOut
}

// cell is what one language offers of one group.
type cell struct {
	group int
	rows  []int
}

type leftOut struct {
	row int
	why byte // 'e' empty, 'x' excluded, 'd' duplicate
}

// NewPairs prepares pairs. Excluded are the texts of test sets.
func NewPairs(keys []Key, excluded Hashes) *Pairs {
	s := &Pairs{keys: keys, langs: map[[2]string]*langPairs{}}
	type pairID struct {
		l    *langPairs
		kind string
		a, b uint64
	}
	type cellID struct {
		l     *langPairs
		group int
	}
	seen := make(map[pairID]struct{}, len(keys))
	groupAt := map[groupKey]int{}
	cellAt := make(map[cellID]int, len(keys))
	for row := range keys {
		k := &keys[row]
		l := s.langs[[2]string{k.LangA, k.LangB}]
		if l == nil {
			l = &langPairs{}
			s.langs[[2]string{k.LangA, k.LangB}] = l
		}
		if k.HashA == 0 || k.HashB == 0 {
			l.left = append(l.left, leftOut{row: row, why: 'e'})
			continue
		}
		if excluded.Has(k.HashA) || excluded.Has(k.HashB) {
			l.left = append(l.left, leftOut{row: row, why: 'x'})
			continue
		}
		id := pairID{l, k.Kind, k.HashA, k.HashB}
		if _, dup := seen[id]; dup {
			l.left = append(l.left, leftOut{row: row, why: 'd'})
			continue
		}
		seen[id] = struct{}{}
		gk := groupOf(k)
		g, ok := groupAt[gk]
		if !ok {
			g = len(s.groups)
			groupAt[gk] = g
			s.groups = append(s.groups, gk)
		}
		at, ok := cellAt[cellID{l, g}]
		if !ok {
			at = len(l.cells)
			cellAt[cellID{l, g}] = at
			l.cells = append(l.cells, cell{group: g})
		}
		l.cells[at].rows = append(l.cells[at].rows, row)
	}
	return s
}

// SelectMixture chooses the training pairs of one mixture; see Pairs.Select.
func SelectMixture(keys []Key, excluded Hashes, p MixParams) (*Selection, error) {
	return NewPairs(keys, excluded).Select(p)
}

// Select chooses the training pairs of one mixture.
//
// Candidates are the pairs with a language of the mixture on the A side, the
// pivot on the B side and an allowed kind. Left out, and counted: pairs with
// an empty side, pairs of which a side is excluded, and pairs that repeat
// one of the same language and kind. Of the rest it takes exactly p.Pairs:
//
//   - over languages as p.Share says. Even shares differ by at most one, the
//     odd pairs going to languages in seeded order; what a language cannot
//     give is given by the others, evenly, and counted as Refilled.
//   - over translation groups as evenly as these quotas and the candidates
//     allow: no other choice has a smaller sum of squared counts per group. A
//     pair without a group stands for the text of its pivot side.
//   - over kinds, within a language, as evenly as can be had after that.
//
// The result depends on the set of languages, not on their order, and on the
// seed. Errors: *LanguageError, *BudgetError, *ShuffleError, or a plain error
// for parameters that make no sense.
func (s *Pairs) Select(p MixParams) (*Selection, error) {
	langs, err := p.check()
	if err != nil {
		return nil, err
	}
	m, err := s.mixer(&p, langs)
	if err != nil {
		return nil, err
	}
	quotas, err := m.quotas()
	if err != nil {
		return nil, err
	}
	b := m.balance(quotas)
	sel := m.pick(b)
	if p.Pairing == PairingShuffled {
		if err := m.shuffle(sel); err != nil {
			return nil, err
		}
	} else {
		sel.RowsB = slices.Clone(sel.Rows)
	}
	m.describe(sel, b, quotas)
	return sel, nil
}

func (p *MixParams) check() ([]string, error) {
	langs := slices.Sorted(slices.Values(p.Languages))
	if len(langs) == 0 {
		return nil, fmt.Errorf("a mixture needs at least one language")
	}
	for i, l := range langs {
		if i > 0 && l == langs[i-1] {
			return nil, fmt.Errorf("language %s is listed twice", l)
		}
		if l == p.Pivot {
			return nil, fmt.Errorf("%s is the pivot and cannot be a training language too", l)
		}
	}
	if p.Pairs < len(langs) {
		return nil, fmt.Errorf("%d pairs are too few for %d languages: every language needs at least one", p.Pairs, len(langs))
	}
	switch p.Pairing {
	case "", PairingAligned, PairingShuffled:
	default:
		return nil, fmt.Errorf("unknown pairing %q: want aligned or shuffled", p.Pairing)
	}
	switch p.Share {
	case "", ShareEven:
	case ShareExponent:
		if math.IsNaN(p.Exponent) || math.IsInf(p.Exponent, 0) {
			return nil, fmt.Errorf("the exponent of the shares must be a number, got %v", p.Exponent)
		}
	case ShareWeights:
		for _, l := range langs {
			w, ok := p.Weights[l]
			if !ok {
				return nil, fmt.Errorf("no weight for language %s", l)
			}
			if !(w > 0) || math.IsInf(w, 0) {
				return nil, fmt.Errorf("the weight of language %s must be positive, got %v", l, w)
			}
		}
	default:
		return nil, fmt.Errorf("unknown share %q: want even, exponent or weights", p.Share)
	}
	return langs, nil
}

// mixer holds the candidates of one mixture, by language and group.
type mixer struct {
	p      *MixParams
	keys   []Key
	langs  []string // sorted
	counts []LanguageCount
	cells  [][]cell // per language; their groups count within this mixture
	groups []groupKey
}

type groupKey struct {
	name string
	hash uint64
}

func groupOf(k *Key) groupKey {
	if k.Group != "" {
		return groupKey{name: k.Group}
	}
	return groupKey{hash: k.HashB}
}

func (s *Pairs) mixer(p *MixParams, langs []string) (*mixer, error) {
	m := &mixer{p: p, keys: s.keys, langs: langs, counts: make([]LanguageCount, len(langs)), cells: make([][]cell, len(langs))}
	allowed := func(row int) bool {
		return len(p.Kinds) == 0 || slices.Contains(p.Kinds, s.keys[row].Kind)
	}
	local := make([]int, len(s.groups)) // 1 + group within this mixture
	for i, lang := range langs {
		c := &m.counts[i]
		c.Language = lang
		l := s.langs[[2]string{lang, p.Pivot}]
		if l == nil {
			return nil, s.missing(p, lang)
		}
		cells := make([]cell, 0, len(l.cells))
		take := func(group int, rows []int) {
			c.Available += len(rows)
			if local[group] == 0 {
				m.groups = append(m.groups, s.groups[group])
				local[group] = len(m.groups)
			}
			cells = append(cells, cell{group: local[group] - 1, rows: rows})
		}
		for _, x := range l.cells {
			rows := x.rows
			if len(p.Kinds) > 0 {
				rows = slices.DeleteFunc(slices.Clone(rows), func(r int) bool { return !allowed(r) })
			}
			if len(rows) > 0 {
				take(x.group, rows)
			}
		}
		for _, x := range l.left {
			if !allowed(x.row) {
				continue
			}
			switch x.why {
			case 'e':
				c.Empty++
			case 'x':
				c.Excluded++
			case 'd':
				c.Duplicates++
			}
		}
		m.cells[i] = cells
		if c.Available+c.Excluded+c.Duplicates+c.Empty == 0 {
			return nil, s.missing(p, lang)
		}
	}
	return m, nil
}

func (s *Pairs) missing(p *MixParams, lang string) error {
	e := &LanguageError{Language: lang, Pivot: p.Pivot, Kinds: p.Kinds}
	for id := range s.langs {
		if id[1] == p.Pivot && id[0] != lang {
			e.Have = append(e.Have, id[0])
		}
	}
	slices.Sort(e.Have)
	return e
}

func (m *mixer) order(parts ...string) uint64 { return order(m.p.Seed, parts...) }

// rowOrder is the place of a pair in the seeded order. It does not depend on
// the place of the pair in its collection.
func (m *mixer) rowOrder(purpose string, row int) uint64 {
	k := &m.keys[row]
	return m.order(purpose, k.Kind, k.LangA, hex64(k.HashA), hex64(k.HashB))
}

func hex64(x uint64) string {
	if x == 0 {
		return ""
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], x)
	return string(b[:])
}

// quotas returns how many pairs each language gives.
func (m *mixer) quotas() ([]int, error) {
	n := len(m.langs)
	total, least := 0, math.MaxInt
	for _, c := range m.counts {
		total += c.Available
		least = min(least, c.Available)
	}
	if total < m.p.Pairs || least == 0 {
		e := &BudgetError{Pairs: m.p.Pairs, Available: total, Even: least * n}
		for _, c := range m.counts {
			if c.Available < (m.p.Pairs+n-1)/n {
				e.Languages = append(e.Languages, c)
			}
		}
		slices.SortStableFunc(e.Languages, func(a, b LanguageCount) int { return cmp.Compare(a.Available, b.Available) })
		return nil, e
	}
	turn := make([]int, n) // languages in seeded order
	tie := make([]uint64, n)
	for i := range turn {
		turn[i] = i
		tie[i] = m.order("language", m.langs[i])
	}
	slices.SortFunc(turn, func(a, b int) int { return cmp.Or(cmp.Compare(tie[a], tie[b]), cmp.Compare(a, b)) })
	have := make([]int, n)
	for i, c := range m.counts {
		have[i] = c.Available
	}
	var q []int
	switch m.p.Share {
	case ShareExponent:
		w := make([]float64, n)
		for i, h := range have {
			w[i] = math.Pow(float64(h), m.p.Exponent)
		}
		q = weightedQuotas(m.p.Pairs, have, w, turn)
	case ShareWeights:
		w := make([]float64, n)
		for i, l := range m.langs {
			w[i] = m.p.Weights[l]
		}
		q = weightedQuotas(m.p.Pairs, have, w, turn)
	default:
		q = evenQuotas(m.p.Pairs, have, turn)
	}
	for i, x := range q {
		if x == 0 {
			return nil, fmt.Errorf("language %s would get none of the %d pairs; raise the budget, or leave the language out", m.langs[i], m.p.Pairs)
		}
	}
	return q, nil
}

// evenQuotas shares total evenly, up to what each has. total must not exceed
// the sum of have. turn is the order in which odd pairs are handed out.
func evenQuotas(total int, have, turn []int) []int {
	q := make([]int, len(have))
	byHave := slices.Clone(turn)
	slices.SortStableFunc(byHave, func(a, b int) int { return cmp.Compare(have[a], have[b]) })
	left := total
	open := map[int]bool{}
	for i := range have {
		open[i] = true
	}
	for _, l := range byHave { // the shortest first
		if have[l] > left/len(open) {
			break
		}
		q[l] = have[l]
		left -= have[l]
		delete(open, l)
		if len(open) == 0 {
			return q
		}
	}
	base, odd := left/len(open), left%len(open)
	for _, l := range turn {
		if !open[l] {
			continue
		}
		q[l] = base
		if odd > 0 {
			q[l]++
			odd--
		}
	}
	return q
}

// weightedQuotas shares total in proportion to w, up to what each has, by the
// method of largest remainders.
func weightedQuotas(total int, have []int, w []float64, turn []int) []int {
	q := make([]int, len(have))
	left := total
	open := slices.Clone(turn)
	for len(open) > 0 {
		sum := 0.0
		for _, l := range sortedInts(open) {
			sum += w[l]
		}
		var rest []int
		taken := 0
		for _, l := range open {
			if float64(left)*w[l]/sum > float64(have[l])+1e-9 {
				q[l] = have[l]
				taken += have[l]
			} else {
				rest = append(rest, l)
			}
		}
		if taken > 0 || len(rest) < len(open) {
			left -= taken
			open = rest
			continue
		}
		// Remainders are compared to a millionth, so that the last bit of a
		// power or a quotient never decides.
		part := map[int]int64{}
		given := 0
		for _, l := range open {
			x := float64(left) * w[l] / sum
			q[l] = min(have[l], int(math.Floor(x+1e-7)))
			given += q[l]
			part[l] = int64(math.Round((x - float64(q[l])) * 1e6))
		}
		slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(part[b], part[a]) })
		for given < left {
			for _, l := range open {
				if given < left && q[l] < have[l] {
					q[l]++
					given++
				}
			}
		}
		return q
	}
	return q
}

// pick turns how often each cell is used into rows in training order.
func (m *mixer) pick(b *balance) *Selection {
	sel := &Selection{Rows: make([]int, 0, m.p.Pairs)}
	kinds := map[string]int{} // over the whole mixture
	for l := range m.langs {
		here := map[string]int{} // in this language
		for _, e := range b.cellsOf(l) {
			rows := m.cells[l][e.cell].rows
			if b.used[e.edge] == 0 {
				continue
			}
			if len(rows) > 1 {
				rows = slices.Clone(rows)
				slices.SortFunc(rows, func(x, y int) int { return cmp.Compare(m.rowOrder("pick", x), m.rowOrder("pick", y)) })
			}
			for range b.used[e.edge] {
				best := 0
				for i := 1; i < len(rows); i++ {
					x, y := m.keys[rows[i]].Kind, m.keys[rows[best]].Kind
					if here[x] < here[y] || (here[x] == here[y] && kinds[x] < kinds[y]) {
						best = i
					}
				}
				kind := m.keys[rows[best]].Kind
				here[kind]++
				kinds[kind]++
				sel.Rows = append(sel.Rows, rows[best])
				if len(rows) > 1 {
					rows = slices.Delete(slices.Clone(rows), best, best+1)
				}
			}
		}
	}
	m.sort("train", sel.Rows)
	return sel
}

// sort puts rows into the seeded order of a purpose.
func (m *mixer) sort(purpose string, rows []int) {
	place := make(map[int]uint64, len(rows))
	for _, r := range rows {
		place[r] = m.rowOrder(purpose, r)
	}
	slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(place[a], place[b]) })
}

// shuffle fills RowsB with a permutation of Rows in which no pair keeps its
// group or its pivot text. It permutes within language and kind, so that each
// language keeps its pivot texts; where some language and kind have too few
// pairs for that, it permutes over the whole mixture.
func (m *mixer) shuffle(sel *Selection) error {
	blocks := map[[2]string][]int{}
	for i, r := range sel.Rows {
		k := &m.keys[r]
		id := [2]string{k.LangA, k.Kind}
		blocks[id] = append(blocks[id], i)
	}
	sel.RowsB = make([]int, len(sel.Rows))
	whole := false
	for _, places := range blocks {
		if !m.derange(sel, places) {
			whole = true
			break
		}
	}
	if !whole {
		return nil
	}
	all := make([]int, len(sel.Rows))
	for i := range all {
		all[i] = i
	}
	if m.derange(sel, all) {
		return nil
	}
	size := map[groupKey]int{}
	largest := 0
	for _, r := range sel.Rows {
		g := groupOf(&m.keys[r])
		size[g]++
		largest = max(largest, size[g])
	}
	return &ShuffleError{Pairs: len(sel.Rows), Largest: largest}
}

// derange permutes the B sides of some places. Starting from a seeded
// permutation, each pair that kept its group swaps with one for which that
// helps and does no harm; where no group has more than half of the pairs there
// is always one.
func (m *mixer) derange(sel *Selection, places []int) bool {
	n := len(places)
	rows := make([]int, n)
	for i, at := range places {
		rows[i] = sel.Rows[at]
	}
	m.sort("shuffle", rows)
	same := func(a, b int) bool {
		x, y := &m.keys[a], &m.keys[b]
		return groupOf(x) == groupOf(y) || x.HashB == y.HashB
	}
	for i, at := range places {
		a := sel.Rows[at]
		if !same(a, rows[i]) {
			continue
		}
		found := false
		for step := 1; step < n && !found; step++ {
			j := (i + step) % n
			if !same(a, rows[j]) && !same(sel.Rows[places[j]], rows[i]) {
				rows[i], rows[j] = rows[j], rows[i]
				found = true
			}
		}
		if !found {
			return false
		}
	}
	for i, at := range places {
		sel.RowsB[at] = rows[i]
	}
	return true
}

func (m *mixer) describe(sel *Selection, b *balance, quotas []int) {
	sel.Languages = m.counts
	fair := m.p.Pairs / len(m.langs)
	for i := range m.counts {
		c := &m.counts[i]
		c.Taken = quotas[i]
		sel.Excluded += c.Excluded
		sel.Duplicates += c.Duplicates
		sel.Empty += c.Empty
		if (m.p.Share == "" || m.p.Share == ShareEven) && quotas[i] < fair {
			sel.Refilled += fair - quotas[i]
		}
	}
	sel.Groups = len(m.groups)
	if len(b.load) > 0 {
		sel.GroupMin, sel.GroupMax = slices.Min(b.load), slices.Max(b.load)
	}
	pairs := make([]int, len(m.langs))
	copy(pairs, quotas)
	sel.Lineage = lineage(m.langs, pairs)
	sel.Lineage.TrainingSet = trainingSet(m.keys, sel)
}

// lineage describes shares. The Hill numbers are those of order 1 and 2 (Hill
// 1973).
func lineage(langs []string, pairs []int) Lineage {
	l := Lineage{Languages: slices.Clone(langs), Pairs: pairs, Richness: len(langs), Shares: make([]float64, len(langs))}
	total := 0
	for _, n := range pairs {
		total += n
	}
	entropy, simpson := 0.0, 0.0
	for i, n := range pairs {
		p := float64(n) / float64(total)
		l.Shares[i] = p
		entropy -= float64(p * math.Log(p))
		simpson += float64(p * p)
	}
	l.Hill1, l.Hill2 = math.Exp(entropy), 1/simpson
	return l
}

func trainingSet(keys []Key, sel *Selection) string {
	lines := make([]string, len(sel.Rows))
	for i, r := range sel.Rows {
		a, b := &keys[r], &keys[sel.RowsB[i]]
		lines[i] = fmt.Sprintf("%s\t%s\t%s\t%016x\t%016x\n", a.Kind, a.LangA, b.LangB, a.HashA, b.HashB)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		_, _ = h.Write([]byte(l)) // a hash never fails
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Pair joins the sides of the i-th training pair.
func (s *Selection) Pair(i int, at func(row int) sdk.Pair) sdk.Pair {
	a := at(s.Rows[i])
	if s.RowsB[i] != s.Rows[i] {
		a.B = at(s.RowsB[i]).B
	}
	return a
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func sortedInts(x []int) []int {
	y := slices.Clone(x)
	slices.Sort(y)
	return y
}
