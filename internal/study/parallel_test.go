package study_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/internal/workflow"
	"github.com/xlrun/xlrun/plugins/faq"
	"github.com/xlrun/xlrun/sdk"
)

// faqWorld is a world with the collection that the workflow names, changed.
type faqWorld struct {
	*world
	change func(*sdk.Inspection)
}

func (w *faqWorld) Inspect(ctx context.Context, _ study.Component, config []byte, _ cas.Digest) (*sdk.Inspection, error) {
	l, err := faq.Component.Open(ctx, config, nil)
	if err != nil {
		return nil, err
	}
	in, err := sdk.Inspect(ctx, l.(sdk.Loader))
	if err == nil && w.change != nil {
		w.change(in)
	}
	return in, err
}

// without drops the queries and documents that drop names.
func without(drop func(t sdk.InspectedText) bool) func(*sdk.Inspection) {
	return func(in *sdk.Inspection) {
		in.Queries = slices.DeleteFunc(in.Queries, drop)
		in.Documents = slices.DeleteFunc(in.Documents, drop)
	}
}

// TestParallel: languages may be compared where they are asked and offered the
// same.
func TestParallel(t *testing.T) {
	path, err := filepath.Abs("../../examples/minifaq")
	if err != nil {
		t.Fatal(err)
	}
	size := func(s string) []string { return append([]string{"../examples/minifaq", path}, "size    = 50", s) }
	whole := append(size(""), "queries = 50", "", "depth   = 50", "depth = 300")
	group := func(lang string, groups ...string) func(sdk.InspectedText) bool {
		return func(t sdk.InspectedText) bool { return t.Language == lang && slices.Contains(groups, t.Group) }
	}
	for name, c := range map[string]struct {
		change []string
		data   func(*sdk.Inspection)
		unlike string
		warned string
	}{
		"minifaq":          {size("size = 50"), nil, "", ""},
		"minifaq, whole":   {whole, nil, "", ""},
		"its own language": {append(whole, pivotCorpus, "corpus_language = axis.target"), nil, "", ""},
		"mixed":            {append(whole, pivotCorpus, "corpus_language = [axis.target, \"eng\"]"), nil, "", ""},
		"mixed, uneven":    {append(size("size = 51"), "queries = 50", "queries = 20", "depth   = 50", "depth = 60", pivotCorpus, "corpus_language = [axis.target, \"eng\"]"), nil, "", ""},
		"one target":       {append(whole, "values = local.low", `values = ["cat"]`), without(group("cat", "q101")), "", ""},
		"a question less":  {whole, without(group("isl", "q101", "q102")), "cat is asked 60 questions, isl 58", ""},
		"a passage less":   {append(whole, pivotCorpus, "corpus_language = axis.target"), func(in *sdk.Inspection) { in.Documents = slices.DeleteFunc(in.Documents, group("isl", "q101")) }, "cat is asked 60 questions, isl 59", "Queries search from 59 (isl) to 60 candidates (afr)."},
		"another distractor": {append(append(size("size = 50"), "queries = 50", "queries = 20"), pivotCorpus, "corpus_language = axis.target"), func(in *sdk.Inspection) {
			for i := range in.Documents {
				if d := &in.Documents[i]; d.Language == "isl" {
					d.Group = strings.Replace(d.Group, "q16", "other", 1)
				}
			}
		}, "cat and isl search different passages", ""},
		"other questions": {whole, func(in *sdk.Inspection) {
			without(group("isl", "q101"))(in)
			without(group("cat", "q102"))(in)
			without(group("mlt", "q102"))(in)
		}, "cat and isl are asked different questions", ""},
		"no groups": {whole, func(in *sdk.Inspection) {
			for i := range in.Queries {
				in.Queries[i].Group = ""
			}
			for i := range in.Documents {
				in.Documents[i].Group = ""
			}
			for _, q := range in.Queries {
				_, id, _ := strings.Cut(q.ID, "/")
				in.Judgments = append(in.Judgments, sdk.Qrel{Query: q.ID, Document: "eng/" + id + ".answer", Relevance: 1})
			}
			in.Qrels = len(in.Judgments)
		}, "the queries of cat and isl are not marked as translations of one another", ""},
		"more in one language": {append(whole, pivotCorpus, "corpus_language = axis.target"), func(in *sdk.Inspection) {
			in.Documents = append(in.Documents, sdk.InspectedText{ID: "mlt/extra", Language: "mlt", Origin: "minifaq", Hash: 7})
		}, "cat and mlt search different passages", "Queries search from 60 (afr) to 61 candidates (mlt). Among more candidates the right one is harder to find, so that scores do not compare across languages; contrasts within a language do. Set pool = { size = 60 } or less, or follow the measure over pool sizes with a curve."},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, diags := workflow.Load(variation(t, c.change...), nil)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			p, diags := study.New(t.Context(), w, &faqWorld{newWorld(), c.data}, study.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			a := p.Analyses[0]
			if a.Parallel != (c.unlike == "") || a.Unlike != c.unlike {
				t.Errorf("want %q, got %v, %q", c.unlike, a.Parallel, a.Unlike)
			}
			warned := ""
			for _, d := range p.Warnings {
				if d.Summary == "Pools of different sizes" {
					warned += d.Detail
				}
			}
			if (c.warned == "") != (warned == "") || !strings.HasPrefix(warned, c.warned) {
				t.Errorf("want the warning %q, got %q", c.warned, warned)
			}
		})
	}
}
