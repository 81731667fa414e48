// Package vec is the scoring core: matrices of embeddings, their similarity
// and the exact best k.
//
// What matters is that the result is one set of bits. It does not depend on
// threads, blocks, shards or machine, because the order of every rounding is
// part of the contract:
//
//	score(q, d) = Σ over chunks of 128 dimensions, added in order to +0, of
//	              fma(q[127], d[127], … fma(q[1], d[1], fma(q[0], d[0], +0)))
//
// all in float32, with one rounding per fused multiply-add. Results are the
// unique best k under (score descending, row ascending); a NaN never
// qualifies. So a merged search over shards equals the whole, and a kernel in
// assembly may replace the pure Go one without a single bit changing.
//
// The products that trainers need (Dot, Axpy, MatMul and its relatives) keep a
// cheaper documented order; they are not the scoring contract.
//
// The package does no approximate search and keeps no index: TopK reads row-major
// matrices as they lie in a .npy file.
package vec
