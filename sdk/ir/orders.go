package ir

import (
	"fmt"
	"slices"
)

// Orders of blocks: ways to a mean over all of them that do not depend on the
// measure, and the chances that the closed forms in expected.go are made of.

// maxWork bounds the steps that one exact mean may take, and maxOrders the
// orders that may be tried one by one. Where it is only asked whether a value
// depends on the order, a fraction of either must do.
const (
	maxWork   = 50_000_000
	maxOrders = 50_000
	fraction  = 50
)

// expectation is the mean of a measure over the orders of a ranking.
type expectation = func(*view, *Measure) (float64, error)

// none returns the chance that the first t of n documents hold none of r, for
// t = 0 … n-r+1, by its factors.
func none(n, r, t int) float64 {
	x := 1.0
	for i := range t {
		x *= float64(n-r-i) / float64(n-i)
		if x <= 0 {
			return 0
		}
	}
	return x
}

// drawn follows how many of k marked documents are among the first t of n, in
// random order, for t = 0, 1, …: p[j] is the chance of j.
type drawn struct {
	n, k, t int
	p       []float64
}

func draw(n, k int) *drawn {
	d := &drawn{n: n, k: k, p: make([]float64, k+1)}
	d.p[0] = 1
	return d
}

// next draws another document.
func (d *drawn) next() {
	left := float64(d.n - d.t)
	for j := min(d.k, d.t+1); j >= 0; j-- {
		x := d.p[j] * max(0, left-float64(d.k-j)) / left
		if j > 0 {
			x += d.p[j-1] * float64(d.k-j+1) / left
		}
		d.p[j] = x
	}
	d.t++
}

// above sums f over the relevant documents that count in a segment: f is given
// how many of its marked documents are above a relevant one, and others are
// neither.
func (v *view) above(s *segment, relevant, marked int, f func(n int) float64) (float64, error) {
	if relevant == 0 {
		return 0, nil
	}
	if s.seen == s.size { // a relevant document is in any gap between marked ones equally often
		sum := 0.0
		for j := range marked + 1 {
			sum += f(j)
		}
		return float64(float64(relevant)*sum) / float64(marked+1), nil
	}
	if err := v.spend(int(s.seen), marked+1); err != nil {
		return 0, err
	}
	sum := 0.0
	d := draw(int(s.size)-1, marked)
	for t := range int(s.seen) {
		for j := range min(t, marked) + 1 {
			sum += float64(d.p[j] * f(j))
		}
		if t+1 < int(s.size) {
			d.next()
		}
	}
	return float64(float64(relevant)*sum) / float64(s.size), nil
}

// spend counts steps of an exact mean, whose number is the product of factors,
// and fails where they become too many.
func (v *view) spend(factors ...int) error {
	steps := 1.0 // a float cannot wrap
	for _, n := range factors {
		steps *= float64(n)
	}
	v.work += steps
	if v.work > float64(v.maxWork) {
		return errWork
	}
	return nil
}

var errWork = fmt.Errorf("the exact mean over the orders of equal scores takes more than %d steps", maxWork)

// expectCut is for measures of the set retrieved: only where the depth cuts a
// block does an order change them.
func expectCut(value func(*view, *Measure) float64) expectation {
	return func(v *view, m *Measure) (float64, error) {
		if !v.list(m).crossing() {
			return value(v, m), nil
		}
		return expectByOrders(value)(v, m)
	}
}

// expectCount is expectCut for measures that are linear where the depth cuts.
func expectCount(value func(*view, *Measure) float64) expectation {
	return func(v *view, m *Measure) (float64, error) {
		if !v.list(m).crossing() {
			return value(v, m), nil
		}
		return linear(value)(v, m)
	}
}

// expectFloored is exact where no order, or every order, is below the floor;
// least is the smallest value that any has.
func expectFloored(value func(*view, *Measure) float64, expect expectation, least func(*view, *Measure) float64) expectation {
	return func(v *view, m *Measure) (float64, error) {
		x, err := expect(v, m)
		if err != nil {
			return 0, err
		}
		if least(v, m) >= geometricFloor {
			return x, nil
		}
		if v.best(m, value) <= geometricFloor {
			return geometricFloor, nil
		}
		return expectByOrders(floored(value))(v, m)
	}
}

// best is the value with the relevant documents of every block first.
func (v *view) best(m *Measure, value func(*view, *Measure) float64) float64 {
	return v.with(m, value, func(_ int, grades []int32) {
		slices.SortStableFunc(grades, func(a, b int32) int {
			switch x, y := a >= m.rel, b >= m.rel; {
			case x == y:
				return 0
			case x:
				return -1
			}
			return 1
		})
	})
}

// with is the value after order has put the grades of each block into another
// order.
func (v *view) with(m *Measure, value func(*view, *Measure) float64, order func(block int, grades []int32)) float64 {
	l := v.list(m)
	other := &list{retrieved: l.retrieved}
	var grades []int32
	b := 0
	for _, s := range l.segments(nil) {
		if s.size == 1 {
			other.places = append(other.places, s.places[0])
			continue
		}
		grades = s.grades(grades)
		order(b, grades)
		b++
		for i, g := range grades[:s.seen] {
			if g != unjudged {
				other.places = append(other.places, place{rank: s.first + int32(i), grade: g})
			}
		}
	}
	w := viewPool.Get().(*view)
	defer viewPool.Put(w)
	w.q, w.l, w.v9, w.documents = v.q, other, v.v9, v.documents
	w.forget()
	plain := *m
	plain.flags &^= flagJudgedOnly // other is what is left of it already
	return value(w, &plain)
}

// grades returns one grade per position.
func (s *segment) grades(buf []int32) []int32 {
	buf = buf[:0]
	for _, p := range s.places {
		buf = append(buf, p.grade)
	}
	for len(buf) < int(s.size) {
		buf = append(buf, unjudged)
	}
	return buf
}

// linear is for measures to which every document contributes by its rank and
// grade alone. Turning a block through all its positions takes each document
// to each rank once, so that the mean over turns is the mean over orders, and
// blocks add up.
func linear(value func(*view, *Measure) float64) expectation {
	return func(v *view, m *Measure) (float64, error) {
		l := v.list(m)
		for _, b := range l.blocks {
			if err := v.spend(int(b.size), len(l.places)+int(b.size)); err != nil {
				return 0, err
			}
		}
		still := func(int, []int32) {}
		base := v.with(m, value, still)
		sum := base
		var turned []int32
		for i, b := range l.blocks {
			part := 0.0
			for turn := range int(b.size) {
				part += v.with(m, value, func(block int, grades []int32) {
					if block == i {
						turned = append(append(turned[:0], grades[turn:]...), grades[:turn]...)
						copy(grades, turned)
					}
				})
			}
			sum += part/float64(b.size) - base
		}
		return sum, nil
	}
}

// expectByOrders tries all orders that differ to measures: those of a block
// are the arrangements of its grades, equally likely.
func expectByOrders(value func(*view, *Measure) float64) expectation {
	return func(v *view, m *Measure) (float64, error) {
		l := v.list(m)
		orders := 1.0
		var blocks [][]int32
		for _, s := range l.segments(nil) {
			if s.size == 1 {
				continue
			}
			grades := s.grades(nil)
			slices.Sort(grades)
			blocks = append(blocks, grades)
			same := 0
			for i := range grades { // n!/Π (count of each)!
				if i > 0 && grades[i] == grades[i-1] {
					same++
				} else {
					same = 1
				}
				orders *= float64(i+1) / float64(same)
			}
			if orders > float64(v.maxOrders)+0.5 {
				return 0, fmt.Errorf("the exact mean over the orders of equal scores would take more than %d orders", v.maxOrders)
			}
		}
		sum, n := 0.0, 0
		for more := true; more; n++ {
			sum += v.with(m, value, func(b int, grades []int32) { copy(grades, blocks[b]) })
			more = false
			for _, grades := range blocks {
				if more = nextOrder(grades); more {
					break
				}
				slices.Sort(grades)
			}
		}
		return sum / float64(n), nil
	}
}

// nextOrder turns a into the arrangement after it, and reports whether there is
// one.
func nextOrder(a []int32) bool {
	i := len(a) - 2
	for i >= 0 && a[i] >= a[i+1] {
		i--
	}
	if i < 0 {
		return false
	}
	j := len(a) - 1
	for a[j] <= a[i] {
		j--
	}
	a[i], a[j] = a[j], a[i]
	slices.Reverse(a[i+1:])
	return true
}
