//go:build !purego

package simd

func (t *Tile) assembly(h *Hits) {
	var norms, qnorms *float32
	if t.Norms != nil {
		norms, qnorms = &t.Norms[0], &t.QueryNorms[0]
	}
	var ahead *float32
	lines := 0
	if len(t.Ahead) > 0 {
		chunks := t.Panels * ((t.Dims + chunkDims - 1) / chunkDims)
		if t.Width == 14 { // two panels at a time
			chunks = (chunks + 1) / 2
		}
		ahead, lines = &t.Ahead[0], (len(t.Ahead)/16+chunks-1)/chunks
	}
	if t.Width == 14 {
		tile14x32(&t.Queries[0], &t.Docs[0], t.Dims, t.Panels, t.Step, t.Row, norms, qnorms, &t.Floors[0], &h.list[0], h.stride, &h.counts[0], ahead, lines)
		return
	}
	tile6x16(&t.Queries[0], &t.Docs[0], t.Dims, t.Panels, t.Step, t.Row, norms, qnorms, &t.Floors[0], &h.list[0], h.stride, &h.counts[0], ahead, lines)
}

func (t *Tile) one(h *Hits, groups int) {
	var norms, qnorm *float32
	if t.Norms != nil {
		norms, qnorm = &t.Norms[0], &t.QueryNorms[0]
	}
	q, floor, list, count := &t.Queries[0], &t.Floors[0], &h.list[0], &h.counts[0]
	switch wide := level == AVX512; {
	case t.Halves == nil && wide:
		oneF32x16(q, &t.Docs[0], t.Dims, groups, t.Row, norms, qnorm, floor, list, h.stride, count)
	case t.BFloat && wide:
		oneBF16x16(q, &t.Halves[0], t.Dims, groups, t.Row, norms, qnorm, floor, list, h.stride, count)
	case wide:
		oneF16x16(q, &t.Halves[0], t.Dims, groups, t.Row, norms, qnorm, floor, list, h.stride, count)
	case t.Halves == nil:
		oneF32(q, &t.Docs[0], t.Dims, groups, t.Row, norms, qnorm, floor, list, h.stride, count)
	case t.BFloat:
		oneBF16(q, &t.Halves[0], t.Dims, groups, t.Row, norms, qnorm, floor, list, h.stride, count)
	default:
		oneF16(q, &t.Halves[0], t.Dims, groups, t.Row, norms, qnorm, floor, list, h.stride, count)
	}
}
