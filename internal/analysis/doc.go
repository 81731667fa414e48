// Package analysis turns the records of a study into its answer: estimates
// with intervals, tables, claims with verdicts, and the sentences that say
// them.
//
// The one thing to know: records are folded to one number per cell and target
// language (pool seeds first, then queries), and everything inferred from
// there counts draws (or runs, where these are independent) and languages as
// crossed samples. Which of the two is the unit of replication is read from
// the lineage of the records, never declared.
//
// Compare is for runs outside a study, where queries are the sample.
//
// It is pure: no files, no clock, no randomness but of a seed it is given.
// Equal records give equal bytes, in whatever order they come.
package analysis
