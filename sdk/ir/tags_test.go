package ir

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// Metadata are kept, or it is said that they are not.
func TestMetadata(t *testing.T) {
	const line, block = "q Q0 d 1 1 t\n", "# ir_metadata.start\n# platform:\n#   name: x\n#\n# ir_metadata.end\n"
	const kept = "platform:\n  name: x\n\n"
	long := strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 3000)
	for name, c := range map[string]struct{ text, want, finding string }{
		"none":                 {line, "", ""},
		"before":               {"# other\n" + block + "\n# other\n" + line, kept, ""},
		"an end only":          {"# ir_metadata.end\n" + line, "", ""},
		"large":                {"# ir_metadata.start\n" + long + "# ir_metadata.end\n" + line, strings.ReplaceAll(long, "# ", ""), ""},
		"no end":               {"# ir_metadata.start\n# a: b\n" + line, "", "x:1: warning: ir_metadata begin here and are not kept, because they have no end (# ir_metadata.end) before the first line with content [lost-metadata]"},
		"an end too late":      {"# x\n# ir_metadata.start\n# a: b\n" + line + "# ir_metadata.end\n", "", "x:2: warning: ir_metadata begin here and are not kept, because they have no end (# ir_metadata.end) before the first line with content [lost-metadata]"},
		"behind":               {line + block, "", "x:2: warning: ir_metadata behind the first line with content are not kept; put them before it [lost-metadata]"},
		"twice":                {block + block + line, kept, "x:6: warning: ir_metadata begin a second time here and are not kept; put all in one block [lost-metadata]"},
		"two runs in one file": {block + line + block + "r Q0 d 1 1 t\n" + block, kept, "x:7: warning: ir_metadata behind the first line with content are not kept; put them before it [lost-metadata, 2 times]"},
	} {
		run, findings, err := InspectRun(strings.NewReader(c.text), "x")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if run.Metadata != c.want {
			t.Errorf("%s: want %d bytes, got %d: %q", name, len(c.want), len(run.Metadata), short(run.Metadata))
		}
		if got := strings.Trim(fmt.Sprint(findings), "[]"); got != strings.TrimSuffix(c.finding, "]") {
			t.Errorf("%s: want the finding %q, got %q", name, c.finding, got)
		}
		// Evaluating keeps none, and does not mind.
		res, err := (&Evaluator{Measures: MustMeasures("AP")}).Stream(t.Context(), Qrels{"q": {"d": 1}, "r": {"d": 1}}, Source{Name: "x", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.text)), nil }})
		if err != nil || slices.ContainsFunc(res.Findings, func(f Finding) bool { return f.Kind == "lost-metadata" }) {
			t.Errorf("%s: evaluated: %v, %v", name, res, err)
		}
	}
}
