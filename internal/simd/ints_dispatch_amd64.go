//go:build !purego

package simd

func (t *IntTile) assembly(h *Hits) {
	kernel := dot6x16
	switch {
	case t.Width == maxWidth && t.Bits:
		kernel = agree14x32
	case t.Width == maxWidth:
		kernel = dot14x32
	case t.Width == 1 && t.Bits:
		kernel = agree1x64
	case t.Width == 1:
		kernel = dot1x64
	case t.Bits:
		kernel = agree6x16
	}
	var norms *int32
	if t.Norms != nil {
		norms = &t.Norms[0]
	}
	var scales, qscales *float32
	if t.Scales != nil {
		scales, qscales = &t.Scales[0], &t.QueryScales[0]
	}
	kernel(&t.Queries[0], &t.Docs[0], t.Lines, t.Panels, t.Step, t.Row, t.Shift, &t.Offsets[0], norms, scales, qscales, &t.Floors[0], &h.list[0], h.stride, &h.counts[0])
}
