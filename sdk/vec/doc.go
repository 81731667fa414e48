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
// all in float32, with one rounding per fused multiply-add; float16 and
// bfloat16 are made float32 first, which is exact, and integers are summed
// exactly. Results are the unique best k under (score descending, row
// ascending); a NaN never qualifies. So a merged search over shards equals the
// whole, and a kernel in assembly has the bits of the Go reference.
//
// An Index is searched. Scan makes one of documents where they lie, which may
// be a mapped .npy file larger than memory; Pack copies them into the order in
// which the kernels read, once, for many searches; TopK is both steps for two
// matrices of float32. A search takes the memory of its hits and of a block of
// documents for each thread, never of all scores.
//
// The products that trainers need (Dot, Axpy, MatMul and its relatives) keep a
// cheaper documented order; they are not the scoring contract.
//
// The package does no approximate search.
package vec
