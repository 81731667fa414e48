package ir

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteRun writes run as a TREC run file: queries in byte order, hits in the
// order of t with ranks from 1, scores in the shortest form that reads back as
// the same float, and the run's metadata in comments before. Equal runs give
// equal bytes. Ids and tag must not be empty or hold white space or NUL,
// rankings must pass [Ranking.Sorted].
func WriteRun(w io.Writer, run Run, t Ties) error {
	if err := checkField("tag", run.Tag); err != nil {
		return err
	}
	bw := bufio.NewWriter(w)
	if err := writeMetadata(bw, run.Metadata); err != nil {
		return err
	}
	var line []byte
	for _, id := range run.Queries() {
		if err := checkQueryID(id); err != nil {
			return err
		}
		sorted, err := run.Rankings[id].Sorted(t)
		if err != nil {
			return fmt.Errorf("query %q: %w", id, err)
		}
		for i, h := range sorted {
			if err := checkField("document id", string(h.Doc)); err != nil {
				return err
			}
			line = append(line[:0], id...)
			line = append(line, " Q0 "...)
			line = append(line, h.Doc...)
			line = append(line, ' ')
			line = strconv.AppendInt(line, int64(i)+1, 10)
			line = append(line, ' ')
			if h.Score == 0 {
				h.Score = 0 // −0 is 0
			}
			line = strconv.AppendFloat(line, h.Score, 'g', -1, 64)
			line = append(line, ' ')
			line = append(line, run.Tag...)
			line = append(line, '\n')
			if _, err := bw.Write(line); err != nil {
				return err
			}
		}
	}
	return bw.Flush()
}

// writeMetadata writes the comments that [Run.Metadata] is read from.
func writeMetadata(w *bufio.Writer, text string) error {
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines {
		if strings.ContainsAny(line, "\x00\r") || strings.TrimSpace(line) == metadataEnd {
			return fmt.Errorf("metadata: the line %q cannot be written as a comment", line)
		}
	}
	fmt.Fprintf(w, "# %s\n", metadataStart) //nolint:errcheck // Flush tells
	for _, line := range lines {
		if line == "" {
			fmt.Fprintln(w, "#") //nolint:errcheck // Flush tells
		} else {
			fmt.Fprintf(w, "# %s\n", line) //nolint:errcheck // Flush tells
		}
	}
	_, err := fmt.Fprintf(w, "# %s\n", metadataEnd)
	return err
}

// WriteQrels writes judgments as a TREC qrels file, queries and documents in
// byte order. Ids must not be empty or hold white space or NUL, judgments must
// pass [Judgments.Check].
func WriteQrels(w io.Writer, qrels Qrels) error {
	bw := bufio.NewWriter(w)
	for _, id := range qrels.Queries() {
		if err := checkQueryID(id); err != nil {
			return err
		}
		if err := qrels[id].Check(); err != nil {
			return fmt.Errorf("query %q: %w", id, err)
		}
		docs := make([]DocID, 0, len(qrels[id]))
		for d := range qrels[id] {
			docs = append(docs, d)
		}
		slices.Sort(docs)
		for _, d := range docs {
			if err := checkField("document id", string(d)); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(bw, "%s 0 %s %d\n", id, d, qrels[id][d]); err != nil {
				return err
			}
		}
	}
	return bw.Flush()
}

// checkQueryID refuses what would read back as a comment or lose a byte order
// mark, besides what checkField refuses.
func checkQueryID(id QueryID) error {
	if strings.HasPrefix(string(id), "#") || strings.HasPrefix(string(id), "\ufeff") {
		return fmt.Errorf("query id %q: a TREC file takes the beginning for a comment or a byte order mark", id)
	}
	return checkField("query id", string(id))
}

func checkField(what, s string) error {
	if s == "" {
		return fmt.Errorf("the %s is empty, which a TREC file cannot hold", what)
	}
	for i := range len(s) {
		if space(s[i]) || s[i] == 0 {
			return fmt.Errorf("%s %q: a TREC file cannot hold white space or NUL in a field", what, s)
		}
	}
	return nil
}
