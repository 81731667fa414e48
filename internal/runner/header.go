package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
)

// withHeader stores a run as others take it away: what it is stands before it,
// in comment lines of the ir_metadata format (https://www.ir-metadata.org,
// Breuer, Keller and Schaer, SIGIR 2022). The header is a gzip member of its
// own, so that the run itself, whose digest knows no names, stays as it is.
func (j *job) withHeader(c *study.Cell, k int, run output) (output, error) {
	head, err := results.Gzip([]byte(j.r.header(c, k)))
	if err != nil {
		return output{}, err
	}
	b, err := j.r.store.ReadFile(run.Digest)
	if err != nil {
		return output{}, err
	}
	return j.put(append(head, b...))
}

// header says in the sections of ir_metadata what is known of a run and holds
// for whoever makes it again: no time, no host, no path.
func (r *run) header(c *study.Cell, k int) string {
	x := c.Runs[k]
	y := &yaml{}
	y.line(0, "schema-version", 0.1)
	y.line(0, "tag", "xlrun-"+r.actionOf(x.Search))
	y.open(0, "research goal")
	y.line(1, "title", r.plan.Title)
	if r.plan.Question != "" {
		y.line(1, "description", r.plan.Question)
	}
	y.open(1, "evaluation")
	y.line(2, "reported measures", r.measuresOf(x.Measure))
	y.open(0, "implementation")
	y.open(1, "source")
	y.line(2, "lang", []string{"Go"})
	y.line(2, "repository", "https://github.com/xlrun/xlrun")
	y.open(0, "method")
	y.line(1, "automatic", true)
	if len(c.Axes) > 0 {
		y.line(1, "axes", c.Axes)
	}
	y.open(1, "retrieval")
	r.methods(y, c, k)
	y.open(0, "data")
	y.open(1, "test collection")
	y.line(2, "name", c.Task)
	pool := argsOf(x.Pool)["pool"]
	y.line(2, "pool", pool)
	var sources []any
	seen := map[string]bool{}
	for _, in := range x.Pool.Inputs {
		for _, s := range in.Step.Sources {
			if !seen[s.Name] {
				seen[s.Name] = true
				sources = append(sources, map[string]any{"name": s.Name, "digest": s.Digest})
			}
		}
	}
	y.line(2, "sources", sources)
	if trained := mixturesOf(c); trained != nil {
		y.line(1, "training data", trained)
	}
	return y.comment()
}

// methods lists what made a ranking, parts before what is made of them.
func (r *run) methods(y *yaml, c *study.Cell, k int) {
	search := c.Runs[k].Search
	item := func(name, method string) {
		y.item(2, "name", name)
		y.line(3, "method", method)
	}
	switch {
	case c.Parts != nil:
		var names []string
		for _, p := range c.Parts {
			r.methods(y, p, k)
			names = append(names, p.Encoder)
		}
		item(c.Encoder, "fuse "+search.Fuse.Method)
		y.line(3, "params", argsOf(search)["fuse"])
		y.line(3, "depth", search.Depth)
		y.line(3, "interpolates", names)
	case c.Queries == nil:
		item(c.Encoder, "run made elsewhere")
		tag := ""
		if c.Declared != nil {
			tag = c.Declared.Tag
		}
		if rec := r.record(search); tag == "" && rec != nil {
			tag = rec.Meta.Tag
		}
		y.line(3, "run tag", tag)
		y.line(3, "digest", search.Sources[0].Digest)
		y.line(3, "declared", c.Declared)
		y.line(3, "depth", search.Depth)
	default:
		r.component(y, item, c.Encoder, "encoder", c.Queries)
		if c.Train != nil {
			y.line(3, "train", argsOf(c.Train)["train"])
		}
		r.component(y, item, c.Index, "index", search)
		y.line(3, "depth", search.Depth)
		y.line(3, "searches", c.Encoder)
	}
}

func (r *run) component(y *yaml, item func(name, method string), name, kind string, s *study.Step) {
	method := kind
	if s.Component != nil {
		method = fmt.Sprintf("%s %s, revision %d", kind, s.Component.Name, s.Component.Revision)
	}
	item(name, method)
	args := argsOf(s)
	if params, ok := args["config"].(map[string]any); ok && len(params) > 0 {
		y.line(3, "params", params)
	}
	if sources, ok := args["sources"]; ok {
		y.line(3, "sources", sources)
	}
}

// argsOf returns what determines the result of a step: no path is in it.
func argsOf(s *study.Step) map[string]any {
	var m map[string]any
	if json.Unmarshal(s.ActionArgs, &m) != nil {
		return nil
	}
	return m
}

func mixturesOf(c *study.Cell) []any {
	var out []any
	for _, p := range c.Parts {
		out = append(out, mixturesOf(p)...)
	}
	if c.Mix != nil {
		out = append(out, map[string]any{"name": "mixture of training pairs", "mixture": argsOf(c.Mix)["mixture"]})
	}
	return out
}

// measuresOf lists the measures of a measure step, in their order.
func (r *run) measuresOf(s *study.Step) []string {
	rec := r.record(s)
	if rec == nil {
		return nil
	}
	rows, err := r.values(rec.Outputs[partValues])
	if err != nil {
		return nil
	}
	var out []string
	for _, row := range rows {
		if row.QueryID != rows[0].QueryID {
			break
		}
		out = append(out, row.Measure)
	}
	return out
}

// actionOf returns the short digest that the tag of a step's run has.
func (r *run) actionOf(s *study.Step) string {
	if rec := r.record(s); rec != nil {
		return rec.Action.Short()
	}
	return ""
}

// yaml writes the little YAML that a header needs. Values are JSON, which YAML
// contains.
type yaml struct{ b strings.Builder }

func (y *yaml) open(depth int, key string) {
	fmt.Fprintf(&y.b, "%s%s:\n", strings.Repeat("  ", depth), key)
}

func (y *yaml) line(depth int, key string, v any) {
	fmt.Fprintf(&y.b, "%s%s: %s\n", strings.Repeat("  ", depth), key, flow(v))
}

func (y *yaml) item(depth int, key string, v any) {
	fmt.Fprintf(&y.b, "%s- %s: %s\n", strings.Repeat("  ", depth), key, flow(v))
}

// flow writes a value on one line. Spaces follow colons and commas, without
// which some readers take a pair for one word.
func flow(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null"
	}
	var plain any
	d := json.NewDecoder(&b)
	d.UseNumber()
	if d.Decode(&plain) != nil {
		return "null"
	}
	return spaced(plain)
}

func spaced(v any) string {
	switch v := v.(type) {
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = spaced(e)
		}
		return "[" + strings.Join(list, ", ") + "]"
	case map[string]any:
		var list []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list = append(list, spaced(k)+": "+spaced(v[k]))
		}
		return "{" + strings.Join(list, ", ") + "}"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return "null"
	}
	return strings.TrimSpace(b.String())
}

// comment returns the header as comment lines of a TREC run.
func (y *yaml) comment() string {
	var b strings.Builder
	b.WriteString("# ir_metadata.start\n")
	for l := range strings.Lines(y.b.String()) {
		b.WriteString("# " + l)
	}
	b.WriteString("# ir_metadata.end\n")
	return b.String()
}
