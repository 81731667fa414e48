package subword

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/xlrun/xlrun/sdk/vec"
)

// A learner holds the table and everything that one step needs. All sums have
// one order, whatever the number of threads: texts and rows are divided among
// threads, the terms of a sum never are.
type learner struct {
	table   vec.Matrix
	state   []float32 // of each row: Σ mean(g²), row-wise Adagrad
	threads int
	tau     float64

	y, dy vec.Matrix // 2b×dim: vectors of queries, then of targets; their gradients
	norm  []float64  // lengths before normalising
	sim   vec.Matrix // b×b: cosines, then the gradient by them
	e     []float64  // b×b: exp((cosine-1)/tau)
	rows  []float64  // b: sums of e over a row
	cols  []float64

	slot    []int32  // of each row of the table: its place in touched, or -1
	touched []uint32 // rows of the table that the batch uses, in order of first use
	start   []int32  // where the list of each touched row starts in users
	users   []uint32 // texts that use the row, in order, repeated as features are
}

func newLearner(table vec.Matrix, temperature float64, threads int) *learner {
	l := &learner{table: table, state: make([]float32, table.Rows), threads: threads, tau: temperature}
	l.slot = make([]int32, table.Rows)
	for i := range l.slot {
		l.slot[i] = -1
	}
	return l
}

// step learns from one batch and returns its mean loss. texts holds the rows of
// b queries, then of their b targets.
func (l *learner) step(texts [][]uint32, rate float64) (float64, error) {
	loss, err := l.gradient(texts)
	if err != nil {
		return 0, err
	}
	l.collect(texts)
	l.update(rate)
	return loss, nil
}

func resize(m *vec.Matrix, rows, dim int) {
	if cap(m.Data) < rows*dim {
		m.Data = make([]float32, rows*dim)
	}
	*m = vec.Matrix{Rows: rows, Dim: dim, Data: m.Data[:rows*dim]}
}

func resizeFloats(x *[]float64, n int) {
	if cap(*x) < n {
		*x = make([]float64, n)
	}
	*x = (*x)[:n]
}

// gradient computes the mean symmetric InfoNCE loss of a batch,
//
//	-1/2b Σᵢ log(eᵢᵢ/Σⱼeᵢⱼ) + log(eᵢᵢ/Σⱼeⱼᵢ),  eᵢⱼ = exp(cos(qᵢ,dⱼ)/τ),
//
// and leaves in dy its gradient by the sums of rows, before they are normalised
// (van den Oord et al. 2018, in both directions as CLIP has it).
func (l *learner) gradient(texts [][]uint32) (float64, error) {
	b, dim := len(texts)/2, l.table.Dim
	resize(&l.y, 2*b, dim)
	resize(&l.dy, 2*b, dim)
	resize(&l.sim, b, b)
	resizeFloats(&l.norm, 2*b)
	resizeFloats(&l.e, b*b)
	resizeFloats(&l.rows, b)
	resizeFloats(&l.cols, b)

	parallel(l.threads, 2*b, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			l.norm[i] = encodeRows(l.y.Row(i), l.table, texts[i])
		}
	})
	half := func(m vec.Matrix, i int) vec.Matrix {
		return vec.Matrix{Rows: b, Dim: dim, Data: m.Data[i*b*dim : (i+1)*b*dim]}
	}
	q, d := half(l.y, 0), half(l.y, 1)
	vec.MatMulT(l.sim, q, d, l.threads)

	// Cosines are at most 1, so subtracting 1 keeps exp in range without
	// looking for the largest; float64 holds exp(-2/τ) for every τ allowed.
	parallel(l.threads, b, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			var s float64
			e := l.e[i*b : (i+1)*b]
			for j, c := range l.sim.Row(i) {
				e[j] = exp((float64(c) - 1) / l.tau)
				s += e[j]
			}
			l.rows[i] = s
		}
	})
	parallel(l.threads, b, 64, func(lo, hi int) {
		sums := l.cols[lo:hi]
		clear(sums)
		for i := range b {
			for j, v := range l.e[i*b+lo : i*b+hi] {
				sums[j] += v
			}
		}
	})
	var loss float64
	for i := range b {
		e := l.e[i*b+i]
		loss -= log(e/l.rows[i]) + log(e/l.cols[i])
	}
	loss /= float64(2 * b)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("the loss is %v: the weights have overflowed; lower learning_rate or raise temperature", loss)
	}

	// sim becomes dLoss/dcos.
	scale := 1 / (float64(2*b) * l.tau)
	parallel(l.threads, b, 16, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			l.cols[j] = scale / l.cols[j]
		}
	})
	parallel(l.threads, b, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			r := scale / l.rows[i]
			g, e := l.sim.Row(i), l.e[i*b:(i+1)*b]
			for j, v := range e {
				w := float64(v * (r + l.cols[j]))
				if i == j {
					w -= 2 * scale
				}
				g[j] = float32(w)
			}
		}
	})
	vec.MatMul(half(l.dy, 0), l.sim, d, l.threads)
	vec.TMatMul(half(l.dy, 1), l.sim, q, l.threads)

	// Through y = x/|x|: dx = (dy - (y·dy)y)/|x|.
	parallel(l.threads, 2*b, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			y, g := l.y.Row(i), l.dy.Row(i)
			if l.norm[i] == 0 {
				clear(g)
				continue
			}
			vec.Axpy(-vec.Dot(y, g), y, g)
			inv := float32(1 / l.norm[i])
			for k := range g {
				g[k] *= inv
			}
		}
	})
	return loss, nil
}

// collect lists, for every row of the table that the batch touches, the texts
// that use it.
func (l *learner) collect(texts [][]uint32) {
	for _, r := range l.touched {
		l.slot[r] = -1
	}
	l.touched, l.start = l.touched[:0], l.start[:0]
	total := 0
	for _, t := range texts {
		total += len(t)
		for _, r := range t {
			s := l.slot[r]
			if s < 0 {
				s = int32(len(l.touched))
				l.slot[r] = s
				l.touched = append(l.touched, r)
				l.start = append(l.start, 0)
			}
			l.start[s]++
		}
	}
	sum := int32(0)
	for s, n := range l.start {
		l.start[s] = sum
		sum += n
	}
	l.start = append(l.start, sum)
	if cap(l.users) < total {
		l.users = make([]uint32, total, total+total/4)
	}
	l.users = l.users[:total]
	// Filling moves each start to the next; shifting afterwards restores it.
	for i, t := range texts {
		for _, r := range t {
			s := l.slot[r]
			l.users[l.start[s]] = uint32(i)
			l.start[s]++
		}
	}
	copy(l.start[1:], l.start[:len(l.start)-1])
	l.start[0] = 0
}

// rowGradient writes the gradient of touched row s to g.
func (l *learner) rowGradient(g []float32, s int) {
	clear(g)
	vec.SumRows(g, l.dy, l.users[l.start[s]:l.start[s+1]])
}

// update moves the touched rows: state += mean(g²), row -= rate·g/√state.
func (l *learner) update(rate float64) {
	dim := l.table.Dim
	// Rows are anywhere in the table; moving a few together waits for them at
	// the same time.
	const few = 32
	parallel(l.threads, len(l.touched), 256, func(lo, hi int) {
		g := vec.NewMatrix(few, dim)
		var steps [few]float32
		for ; lo < hi; lo += few {
			rows := l.touched[lo:min(lo+few, hi)]
			for i, r := range rows {
				g := g.Row(i)
				l.rowGradient(g, lo+i)
				l.state[r] += vec.Dot(g, g) / float32(dim)
				steps[i] = float32(-rate / (math.Sqrt(float64(l.state[r])) + 1e-10))
			}
			vec.AxpyRows(l.table, rows, steps[:len(rows)], g)
		}
	})
}

// parallel calls f on pieces of [0,n) of the given size, in any order.
func parallel(threads, n, piece int, f func(lo, hi int)) {
	threads = min(threads, (n+piece-1)/piece)
	if threads <= 1 {
		if n > 0 {
			f(0, n)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for {
				hi := int(next.Add(int64(piece)))
				if hi-piece >= n {
					return
				}
				f(hi-piece, min(hi, n))
			}
		})
	}
	wg.Wait()
}
