// Package stats holds the small statistics that the analysis stands on:
// t quantiles, least squares, the variance of effects measured on crossed
// samples of runs and languages, a two-way jackknife, and corrections for
// several tests.
//
// The one thing to know: a run is scored in every language, so runs and
// languages are crossed, and neither may be resampled alone.
//
// It is pure, sums in index order, and is the project's door to gonum.
package stats
