package study

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Snapshot is what a plan was made of, kept so that the next one can say what
// has changed. Steps are found by stage and label.
type Snapshot struct {
	Format string                     `json:"format"`
	Steps  map[string]json.RawMessage `json:"steps"` // "train student size=m" → the arguments of its recipe
}

const snapshotFormat = "xlrun.plan/1"

// Snapshot returns the snapshot of a plan. The steps that assemble results
// are left out: they change with every name.
func (p *Plan) Snapshot() Snapshot {
	s := Snapshot{Format: snapshotFormat, Steps: make(map[string]json.RawMessage, len(p.Steps))}
	for _, st := range p.Steps {
		if !st.Assembles() {
			s.Steps[string(st.Stage)+" "+st.Label] = st.ActionArgs
		}
	}
	return s
}

// ParseSnapshot reads a snapshot; one of another format is no snapshot.
func ParseSnapshot(b []byte) (*Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read the last plan: %w", err)
	}
	if s.Format != snapshotFormat {
		return nil, fmt.Errorf("the last plan has the format %q, want %q", s.Format, snapshotFormat)
	}
	return &s, nil
}

// Assembles reports whether a step puts results together rather than computing
// them: it holds names and words, and runs again when these change.
func (s *Step) Assembles() bool {
	return s.Stage == StageCollect || s.Stage == StageAnalyse || s.Stage == StageReport
}

// Change is one reason why steps have to run.
type Change struct {
	Text  string `json:"text"`  // "config.dim: 64, was 48"
	Block string `json:"block"` // encoder.student; "" for several
	Steps int    `json:"steps"` // that run for this reason itself
}

// Explain says why steps have to run, against the last plan: arguments that
// changed, new steps, and how many run only because their inputs do. Reasons
// come in plan order.
func Explain(old *Snapshot, toRun []*Step) []Change {
	var out []Change
	at := map[string]int{}
	add := func(text, block string) {
		key := block + "\x00" + text
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Change{Text: text, Block: block})
		}
		out[i].Steps++
	}
	inputs, lost := 0, 0
	runs := map[*Step]bool{}
	for _, s := range toRun {
		runs[s] = true
	}
	for _, s := range toRun {
		if s.Assembles() {
			continue
		}
		args, known := old.Steps[string(s.Stage)+" "+s.Label]
		switch {
		case !known:
			add("new", s.Block)
		case !bytes.Equal(args, s.ActionArgs):
			var x, y any
			if json.Unmarshal(args, &x) != nil || json.Unmarshal(s.ActionArgs, &y) != nil {
				add("changed", s.Block)
				continue
			}
			var lines []string
			Differences("", y, x, func(at string, now, was any) {
				if files := changedFiles(s, was); at == "sources" && len(files) > 0 {
					lines = append(lines, files...)
					return
				}
				lines = append(lines, fmt.Sprintf("%s: %s, was %s", at, short(now), short(was)))
			})
			add(strings.Join(lines, "; "), s.Block)
		case slices.ContainsFunc(s.Inputs, func(in Input) bool { return runs[in.Step] }):
			inputs++
		default:
			lost++
		}
	}
	if inputs > 0 {
		out = append(out, Change{Text: "because what they are made from runs again", Steps: inputs})
	}
	if lost > 0 {
		out = append(out, Change{Text: "never finished, or no longer in the store", Steps: lost})
	}
	return out
}

// changedFiles says which files of a step are not what they were; nil where
// there were other files.
func changedFiles(s *Step, was any) []string {
	old := map[string]any{}
	list, _ := was.([]any)
	for _, x := range list {
		m, _ := x.(map[string]any)
		if name, ok := m["name"].(string); ok {
			old[name] = m["digest"]
		}
	}
	var out []string
	for _, f := range s.Sources {
		switch digest, known := old[f.Name]; {
		case !known || f.Path == "":
			return nil
		case digest != string(f.Digest):
			out = append(out, "the content of "+f.Path+" has changed")
		}
	}
	if len(old) != len(s.Sources) {
		return nil
	}
	return out
}

// Differences calls f for each place where two JSON values differ, in order of
// their keys.
func Differences(at string, x, y any, f func(at string, x, y any)) {
	mx, ok1 := x.(map[string]any)
	my, ok2 := y.(map[string]any)
	if ok1 && ok2 {
		all := maps.Clone(mx)
		maps.Copy(all, my)
		for _, k := range slices.Sorted(maps.Keys(all)) {
			Differences(strings.TrimPrefix(at+"."+k, "."), mx[k], my[k], f)
		}
		return
	}
	bx, _ := json.Marshal(x)
	by, _ := json.Marshal(y)
	if !bytes.Equal(bx, by) {
		f(at, x, y)
	}
}

// short prints a JSON value for people, long ones by their size.
func short(v any) string {
	if v == nil {
		return "nothing"
	}
	if list, ok := v.([]any); ok && len(list) > 4 {
		return fmt.Sprintf("%d elements", len(list))
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if s := string(b); len(s) <= 60 {
		return s
	}
	return string(b[:57]) + "…"
}
