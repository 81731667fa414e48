// Package report writes what a study found: one HTML page that answers first,
// its figures as SVG with their specifications and numbers, and its tables as
// CSV and LaTeX.
//
// The one thing to know: it computes no statistic. Every number in it stands
// in the summary; the report scales it to points, rounds it and places it.
//
// Each figure is one Vega-Lite specification. The page draws it live; the same
// bundle draws it here, without a browser, for those who read without
// scripts, on paper, or in another program. The page asks for nothing from a
// network, and its content security policy holds it to that.
package report
