package ir

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding stops an evaluation.
type Severity int

const (
	// Warning marks what may be meant and does not stop an evaluation.
	Warning Severity = iota + 1
	// Error marks what cannot be evaluated, or only to a wrong number.
	Error
)

func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("Severity(%d)", int(s))
}

// Finding is one kind of fault in a file, or between files, with the number of
// times it occurs. What is counted (lines, hits, queries, ids) depends on the
// kind; see [Kinds].
type Finding struct {
	Kind     string // the Name of one of [Kinds]
	Severity Severity
	Count    int
	File     string // "" where the data did not come from a file
	Line     int    // of the first, from 1; the row in a file without lines; 0 where no line is at fault
	Text     string // one sentence, with the first example
}

// String returns "file:line: severity: text [kind, count]".
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s [%s", f.Severity, f.Text, f.Kind)
	if f.Count > 1 {
		fmt.Fprintf(&b, ", %d times", f.Count)
	}
	return b.String() + "]"
}

// Kind describes one kind of finding. Names do not change their meaning, so
// that programs can go by them.
type Kind struct {
	Name     string
	Severity Severity
	Counts   string // what Count counts: lines, hits, queries…
	Doc      string // what it means, in a sentence
}

// Names of kinds that a caller may treat by itself, since it depends on what the
// caller asked for whether they tell anything. [Kinds] has all.
const (
	KindConstantScores    = "constant-scores"
	KindLabelAsScore      = "label-as-score"
	KindLostMetadata      = "lost-metadata"
	KindMissingQuery      = "missing-query"
	KindNoCommonDocuments = "no-common-documents"
	KindScatteredQueries  = "scattered-queries"
	KindShallowRun        = "shallow-run"
	KindSimilarID         = "similar-id"
	KindUnjudgedQuery     = "unjudged-query"
)

type kind int

const (
	kindEmptyFile kind = iota
	kindTruncatedStream
	kindTruncatedLine
	kindNUL
	kindLongLine
	kindFewFields
	kindExtraFields
	kindBadScore
	kindNaNScore
	kindScoreRange
	kindBadGrade
	kindFloatGrade
	kindDuplicateDocument
	kindConflictingGrades
	kindUnusableRank
	kindNoCommonQueries
	kindInvalidUTF8
	kindDecimalGrade
	kindNegativeGrade
	kindJudgedTwice
	kindNoRelevant
	kindInfiniteScore
	kindBadRank
	kindDuplicateRank
	kindMissingRank
	kindNoRanks
	kindRankOrder
	kindAscendingScores
	kindConstantScores
	kindLabelAsScore
	kindSeveralTags
	kindAfterTag
	kindLostMetadata
	kindScattered
	kindUnevenDepth
	kindShallowRun
	kindIdenticalID
	kindUnjudgedQuery
	kindMissingQuery
	kindSimilarID
	kindNoCommonDocuments
	kindGoldMissing
	kindUnknownDocument
	numKinds
)

// kinds lists all findings in the order in which they are reported.
var kinds = [numKinds]Kind{
	kindEmptyFile:         {"empty-file", Error, "files", "The file holds no judgment or no hit."},
	kindTruncatedStream:   {"truncated-stream", Error, "files", "A compressed file, or a JSON object, was cut off: it ends before its content does."},
	kindTruncatedLine:     {"truncated-line", Error, "lines", "The last line has no end and misses fields, or the end of its tag: writing was interrupted."},
	kindNUL:               {"nul-byte", Error, "lines", "A line holds a NUL byte: the file is binary, in UTF-16 or damaged."},
	kindLongLine:          {"long-line", Error, "lines", "A line is longer than 1 MiB."},
	kindFewFields:         {"few-fields", Error, "lines", "A line has fewer fields than its format asks for."},
	kindExtraFields:       {"extra-fields", Error, "lines", "A judgment has more than four fields."},
	kindBadScore:          {"bad-score", Error, "lines", "A score is not a number."},
	kindNaNScore:          {"nan-score", Error, "lines", "A score is NaN, which has no place in an order."},
	kindScoreRange:        {"score-range", Error, "lines", "A score is beyond the range of a 64-bit float."},
	kindBadGrade:          {"bad-grade", Error, "lines", "A grade is not a whole number, or beyond ±1,000,000,000."},
	kindFloatGrade:        {"float-grade", Error, "lines", "A grade has decimals; trec_eval would cut them off."},
	kindDuplicateDocument: {"duplicate-document", Error, "lines", "A document occurs twice in the ranking of a query."},
	kindConflictingGrades: {"conflicting-grades", Error, "lines", "A document is judged twice for a query, with different grades."},
	kindUnusableRank:      {"unusable-rank", Error, "lines", "The tie mode is rank, and a rank is no whole number of 0 or more, or occurs twice in its query."},
	kindNoCommonQueries:   {"no-common-queries", Error, "queries", "Judgments and run share no query id."},
	kindInvalidUTF8:       {"invalid-utf8", Warning, "lines", "A line is not UTF-8; ids are compared byte by byte."},
	kindDecimalGrade:      {"decimal-grade", Warning, "lines", "A grade is a whole number written with decimals (1.0)."},
	kindNegativeGrade:     {"negative-grade", Warning, "lines", "A grade is below 0: in the pool, but not judged. It counts as not relevant."},
	kindJudgedTwice:       {"judged-twice", Warning, "lines", "A document is judged twice for a query, with the same grade. It counts once; trec_eval stops."},
	kindNoRelevant:        {"no-relevant", Warning, "queries", "A query has judgments but no relevant document: most of its values are 0 whatever the run."},
	kindInfiniteScore:     {"infinite-score", Warning, "lines", "A score is infinite."},
	kindBadRank:           {"bad-rank", Warning, "lines", "The rank column does not hold a whole number of 0 or more."},
	kindDuplicateRank:     {"duplicate-rank", Warning, "hits", "A rank occurs twice in a query."},
	kindMissingRank:       {"missing-rank", Warning, "queries", "The ranks of a query leave numbers out: lines may be missing."},
	kindNoRanks:           {"no-ranks", Warning, "queries", "The tie mode is rank, and a query has none: the order of the file decides."},
	kindRankOrder:         {"rank-order", Warning, "hits", "The rank column contradicts the scores, which decide unless the tie mode is rank."},
	kindAscendingScores:   {"ascending-scores", Warning, "queries", "Scores grow along the ranking: are they distances?"},
	kindConstantScores:    {KindConstantScores, Warning, "queries", "All scores of a query are equal: the tie mode decides the order."},
	kindLabelAsScore:      {KindLabelAsScore, Warning, "queries", "The scores of a query are the grades of its documents: a leak, or judgments in the form of a run."},
	kindSeveralTags:       {"several-tags", Warning, "lines", "The tag changes within the file: several runs in one?"},
	kindAfterTag:          {"text-after-tag", Warning, "lines", "More follows the tag of a line and is ignored, as in trec_eval: an id holds a blank, perhaps."},
	kindLostMetadata:      {KindLostMetadata, Warning, "blocks", "A run's ir_metadata have no end, stand behind its first line or come twice: they are not kept."},
	kindScattered:         {KindScatteredQueries, Warning, "queries", "The lines of a query are not together. Values are right, but the file is read twice."},
	kindUnevenDepth:       {"uneven-depth", Warning, "queries", "A query has less than a quarter of the usual number of hits."},
	kindShallowRun:        {KindShallowRun, Warning, "measures", "No query has as many hits as a measure's cutoff asks for."},
	kindIdenticalID:       {"identical-id", Warning, "queries", "The best hit of a query is the document of its own id. BEIR drops such hits, trec_eval and MTEB keep them."},
	kindUnjudgedQuery:     {KindUnjudgedQuery, Warning, "queries", "A query of the run has no judgments; it is left out."},
	kindMissingQuery:      {KindMissingQuery, Warning, "queries", "A judged query is not in the run."},
	kindSimilarID:         {KindSimilarID, Warning, "ids", "An unknown id differs from a known one in case, white space or leading zeros only."},
	kindNoCommonDocuments: {KindNoCommonDocuments, Warning, "queries", "No retrieved document of any query is judged."},
	kindGoldMissing:       {"gold-missing", Warning, "documents", "A relevant document is not in the corpus, so nobody can retrieve it."},
	kindUnknownDocument:   {"unknown-document", Warning, "documents", "A retrieved document is not in the corpus."},
}

// Kinds returns all kinds of findings, in the order in which they are
// reported: errors first.
func Kinds() []Kind { return slices.Clone(kinds[:]) }

// maxFaults is as many as a person may want to read, and then some.
const maxFaults = 100

// Fault is one mistake in a file.
type Fault struct {
	Line int // from 1; 0 where the file as a whole is at fault
	Text string
}

// ReadError holds the mistakes in one file that stop it from being used, by
// line.
type ReadError struct {
	File   string
	Faults []Fault // the first maxFaults
	More   int     // how many there were beyond these
	// Findings are all that was found, warnings included, one per kind.
	Findings []Finding
}

func (e *ReadError) Error() string {
	var b strings.Builder
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
		b.WriteString(f.Text)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n%s: and %d more", e.File, e.More)
	}
	return b.String()
}

// findings collects what is found, per kind, in any order of lines.
type findings struct {
	kinds [numKinds]foundOfKind
}

// foundOfKind is what was found of one kind.
type foundOfKind struct {
	count  int
	line   int64   // of the first
	text   string  // of the first
	faults []Fault // of errors, the first maxFaults by line
}

// add counts one more of kind k at line, 0 for none. The text is made only
// where it may be shown.
func (f *findings) add(k kind, line int64, format string, args ...any) {
	e := &f.kinds[k]
	e.count++
	first := e.count == 1 || line < e.line
	fault := kinds[k].Severity == Error && len(e.faults) < 2*maxFaults
	if !first && !fault {
		return
	}
	text := fmt.Sprintf(format, args...)
	if first {
		e.line, e.text = line, text
	}
	if fault {
		e.faults = append(e.faults, Fault{Line: int(line), Text: text})
	}
}

// wants reports whether add would make a text: callers in hot loops ask first.
func (f *findings) wants(k kind, line int64) bool {
	e := &f.kinds[k]
	return e.count == 0 || line < e.line || kinds[k].Severity == Error && len(e.faults) < 2*maxFaults
}

// merge adds what g holds.
func (f *findings) merge(g *findings) {
	for k := range g.kinds {
		from, to := &g.kinds[k], &f.kinds[k]
		if from.count == 0 {
			continue
		}
		if to.count == 0 || from.line < to.line {
			to.line, to.text = from.line, from.text
		}
		to.count += from.count
		to.faults = append(to.faults, from.faults[:min(len(from.faults), 2*maxFaults-len(to.faults))]...)
	}
}

// stops reports whether an error was found.
func (f *findings) stops() bool {
	for k := range f.kinds {
		if f.kinds[k].count > 0 && kinds[k].Severity == Error {
			return true
		}
	}
	return false
}

// list returns what was found in file.
func (f *findings) list(file string) []Finding {
	var out []Finding
	for k := range f.kinds {
		e := &f.kinds[k]
		if e.count > 0 {
			out = append(out, Finding{
				Kind: kinds[k].Name, Severity: kinds[k].Severity, Count: e.count,
				File: file, Line: int(e.line), Text: e.text,
			})
		}
	}
	return out
}

// err returns a [*ReadError] where an error was found, else nil.
func (f *findings) err(file string) error {
	e := &ReadError{File: file}
	total := 0
	for k := range f.kinds {
		if kinds[k].Severity == Error {
			total += f.kinds[k].count
			e.Faults = append(e.Faults, f.kinds[k].faults...)
		}
	}
	if total == 0 {
		return nil
	}
	slices.SortStableFunc(e.Faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	e.Faults = e.Faults[:min(len(e.Faults), maxFaults)]
	e.More = total - len(e.Faults)
	e.Findings = f.list(file)
	return e
}
