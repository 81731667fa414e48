package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/xlrun/xlrun/sdk/vec"
)

// A dataset is a matrix that can be made again from its description: rows of
// unit length, drawn from a seed, rounded once to the element.
type dataset struct {
	Shape   string // gaussian, clustered or duplicates
	Element vec.Element
	Rows    int
	Dim     int
	Seed    uint64
}

const (
	blockRows = 4096 // rows that are drawn from one seed, so that threads can share the work
	centres   = 200  // of the clustered set
	innerDim  = 24   // dimensions that its clusters really have
	noise     = 0.3  // in the others
	spread    = 0.6  // of a cluster
	twins     = 10   // every tenth row of the set with duplicates is one
)

func (d dataset) file() string {
	return fmt.Sprintf("%s-%s-%dx%d-%d.npy", d.Shape, d.Element, d.Rows, d.Dim, d.Seed)
}

// bytes is the size of the file, about.
func (d dataset) bytes() int64 {
	n := int64(d.Rows) * int64(d.Dim)
	switch d.Element {
	case vec.Float32:
		return 4 * n
	case vec.Float16, vec.BFloat16:
		return 2 * n
	case vec.Int8:
		return n
	}
	return n / 8
}

// store makes files of vectors, once each, or finds them made.
type store struct {
	dir string
}

// path returns the file of a dataset, which it makes if need be.
func (s *store) path(ctx context.Context, d dataset) (string, error) {
	file := filepath.Join(s.dir, d.file())
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if free, ok := freeDisk(s.dir); ok && free < d.bytes()+1<<30 {
		return "", fmt.Errorf("%w: %s takes %s, and %s has %s left: want 1 GB more than that", errNoRoom, d.file(), gb(d.bytes()), s.dir, gb(free))
	}
	tmp := file + ".part"
	if err := errors.Join(d.write(ctx, tmp), ctx.Err()); err != nil {
		return "", errors.Join(err, os.Remove(tmp))
	}
	return file, os.Rename(tmp, file)
}

var errNoRoom = errors.New("no room")

func gb(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }

// write draws the rows and writes them to path. The bytes depend on the
// description alone.
func (d dataset) write(ctx context.Context, path string) error {
	if d.Rows < 1 || d.Dim < 1 {
		return fmt.Errorf("%s: want at least one row and one dimension", d.file())
	}
	w, err := vec.CreateVectors(path, d.Element, d.Dim)
	if err != nil {
		return err
	}
	world := d.world()
	group := max(1, runtime.GOMAXPROCS(0))
	blocks := (d.Rows + blockRows - 1) / blockRows
	for b := 0; b < blocks && ctx.Err() == nil; b += group {
		drawn := make([]vec.Vectors, min(group, blocks-b))
		var g errgroup.Group
		for i := range drawn {
			g.Go(func() (err error) {
				drawn[i], err = d.block(world, b+i)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return errors.Join(err, w.Close())
		}
		for _, v := range drawn {
			if err := w.AppendVectors(v); err != nil {
				return errors.Join(err, w.Close())
			}
		}
	}
	return w.Close()
}

// world is what all rows of the clustered set share, also its queries:
// the centres, in their own dimensions, and the map into all dimensions.
type world struct {
	centre [centres][innerDim]float64
	into   []float64 // innerDim × Dim
}

func (d dataset) world() *world {
	if d.Shape != "clustered" {
		return nil
	}
	w := &world{into: make([]float64, innerDim*d.Dim)}
	rng := rand.New(rand.NewPCG(7, uint64(d.Dim)))
	for i := range w.centre {
		for j := range w.centre[i] {
			w.centre[i][j] = rng.NormFloat64()
		}
	}
	for i := range w.into {
		w.into[i] = rng.NormFloat64()
	}
	return w
}

// block draws rows b·blockRows and following.
func (d dataset) block(world *world, b int) (vec.Vectors, error) {
	rng := rand.New(rand.NewPCG(d.Seed, uint64(b)))
	m := vec.NewMatrix(min(blockRows, d.Rows-b*blockRows), d.Dim)
	if d.Element == vec.Bits && d.Shape == "gaussian" {
		// The signs of a Gaussian are fair coins.
		bits := make([]byte, m.Rows*d.Dim/8)
		for i := range bits {
			bits[i] = byte(rng.Uint32())
		}
		return vec.FromBits(m.Rows, d.Dim, bits)
	}
	var z [innerDim]float64
	x := make([]float64, d.Dim)
	for i := range m.Rows {
		row := m.Row(i)
		if d.Shape == "duplicates" && i%twins == twins-1 {
			copy(row, m.Row(rng.IntN(i)))
			continue
		}
		if world == nil {
			for j := range x {
				x[j] = rng.NormFloat64()
			}
		} else {
			c := &world.centre[rng.IntN(centres)]
			for j := range z {
				z[j] = c[j] + spread*rng.NormFloat64()
			}
			for j := range x {
				x[j] = noise * rng.NormFloat64()
			}
			for p, v := range z {
				for j, a := range world.into[p*d.Dim : (p+1)*d.Dim] {
					x[j] += float64(v * a)
				}
			}
		}
		var norm float64
		for _, v := range x {
			norm += float64(v * v)
		}
		norm = math.Sqrt(norm)
		for j, v := range x {
			row[j] = float32(v / norm)
		}
	}
	if d.Element == vec.Float32 {
		return m.Vectors(), nil
	}
	// Five standard deviations of a coordinate of a unit row fill the range.
	v, _, err := vec.Convert(m.Vectors(), d.Element, float32(127*math.Sqrt(float64(d.Dim))/5))
	return v, err
}
