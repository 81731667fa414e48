package internal_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/workflow"
)

// documents returns the project's own Markdown files by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && file != ".." && (strings.ContainsAny(name[:1], "._") || name == "testdata" || name == "node_modules") {
			return fs.SkipDir
		}
		if path.Ext(name) != ".md" {
			return nil
		}
		b, err := os.ReadFile(file)
		out[filepath.ToSlash(file)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("found %d documents only", len(out))
	}
	return out
}

func document(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	linkRE    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingRE = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dashRE    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestDocLinks checks that every link to a file or a heading leads somewhere.
func TestDocLinks(t *testing.T) {
	docs := documents(t)
	for file, text := range docs {
		for _, m := range linkRE.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := file
			if target != "" {
				to = path.Join(path.Dir(file), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
				continue
			}
			if anchor == "" {
				continue
			}
			var anchors []string
			for _, h := range headingRE.FindAllStringSubmatch(docs[to], -1) {
				anchors = append(anchors, strings.ReplaceAll(dashRE.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			if !slices.Contains(anchors, anchor) {
				t.Errorf("%s links to %s, but the headings there are %q", file, m[1], anchors)
			}
		}
	}
}

// code returns the fenced blocks of a language.
func code(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestDocWorkflows checks that workflows in documents parse and stand as
// "xlrun fmt" lays them out.
func TestDocWorkflows(t *testing.T) {
	seen := 0
	for file, text := range documents(t) {
		for _, src := range code(text, "hcl") {
			seen++
			want, diags := workflow.Format([]byte(src), file)
			if diags.HasErrors() {
				t.Errorf("%s: %v\n%s", file, diags, src)
				continue
			}
			if d := cmp.Diff(string(want), src); d != "" {
				t.Errorf("%s: not in canonical layout (-want +got):\n%s", file, d)
			}
		}
	}
	if seen == 0 {
		t.Error("no workflow in any document")
	}
}

// TestDocFunctions compares the functions in the reference with the library.
func TestDocFunctions(t *testing.T) {
	_, section, ok := strings.Cut(document(t, "docs/reference/language.md"), "\n## Functions\n")
	if !ok {
		t.Fatal("docs/reference/language.md has no section Functions")
	}
	var got []string
	for _, row := range regexp.MustCompile(`(?m)^\| [a-z][^|]* \|(.*)\|$`).FindAllStringSubmatch(section, -1) {
		for _, m := range regexp.MustCompile("`([a-z0-9]+)[^`]*`").FindAllStringSubmatch(row[1], -1) {
			if m[1] != "" && !strings.HasPrefix(m[0], "`#") {
				got = append(got, m[1])
			}
		}
	}
	slices.Sort(got)
	if d := cmp.Diff(workflow.Functions(), got); d != "" {
		t.Errorf("functions (-library +reference):\n%s", d)
	}
}

// TestDocColumns compares the columns in the reference with a file of records.
func TestDocColumns(t *testing.T) {
	b, err := results.EncodeRecords([]results.Record{{Axes: map[string]string{"<name>": "x"}}}, []string{"size"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, field := range f.Root().Columns() {
		want = append(want, strings.Replace(field.Name(), "axis_size", "axis_<name>", 1))
	}
	text, _, _ := strings.Cut(document(t, "docs/reference/records.md"), "\n## The journal\n")
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(text, -1) {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			got = append(got, m[1])
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("columns (-file +reference):\n%s", d)
	}
}

// TestDocPlugin checks that the how-tos show the examples as they are.
func TestDocPlugin(t *testing.T) {
	for doc, example := range map[string]string{"encoder-plugin-go.md": "plugin-go", "metric-plugin-go.md": "metric-go"} {
		blocks := code(document(t, "docs/how-to/"+doc), "go")
		if len(blocks) == 0 {
			t.Errorf("%s: no program", doc)
			continue
		}
		if d := cmp.Diff(document(t, "examples/"+example+"/main.go"), blocks[0]); d != "" {
			t.Errorf("%s: program (-example +document):\n%s", doc, d)
		}
	}
}

var (
	flagRE   = regexp.MustCompile(`\.(?:Bool|Int|String|Func|Duration|Float64)(?:Var)?\((?:&[\w.]+, )?"([a-z-]+)"`)
	verbRE   = regexp.MustCompile(`(?m)name: +"([a-z]+)"`)
	optionRE = regexp.MustCompile(`(?:^| )--?([a-z][a-z-]*)`)
)

// TestDocCommands checks that commands in documents name verbs and options
// that exist.
func TestDocCommands(t *testing.T) {
	flags := map[string]bool{"chdir": true, "no-color": true, "help": true}
	verbs := map[string]bool{}
	files, err := filepath.Glob("../cmd/xlrun/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range flagRE.FindAllSubmatch(b, -1) {
			flags[string(m[1])] = true
		}
		for _, m := range verbRE.FindAllSubmatch(b, -1) {
			verbs[string(m[1])] = true
		}
	}
	check := func(file, command string) {
		command, _, _ = strings.Cut(command, "#")
		words := strings.Fields(optionRE.ReplaceAllString(command, ""))
		if len(words) > 0 && !verbs[words[0]] {
			t.Errorf("%s: there is no command %q in %q", file, words[0], command)
		}
		for _, m := range optionRE.FindAllStringSubmatch(command, -1) {
			if !flags[m[1]] {
				t.Errorf("%s: there is no option -%s in %q", file, m[1], command)
			}
		}
	}
	seen := 0
	for file, text := range documents(t) {
		for line := range strings.Lines(text) {
			var spans []string
			if strings.HasPrefix(line, "    ") {
				spans = []string{strings.TrimSpace(line)}
			} else {
				for i, part := range strings.Split(line, "`") {
					if i%2 == 1 {
						spans = append(spans, part)
					}
				}
			}
			for _, span := range spans {
				span = strings.Replace(span, "go run ./cmd/xlrun ", "xlrun ", 1)
				span = strings.Replace(span, "bin/xlrun ", "xlrun ", 1)
				if rest, ok := strings.CutPrefix(span, "xlrun "); ok && !strings.HasPrefix(rest, "[") && !strings.HasPrefix(rest, "COMMAND") {
					seen++
					check(file, rest)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("found %d commands only", seen)
	}
}

// TestDecisionsAreListed checks the table of contents of docs/adr.
func TestDecisionsAreListed(t *testing.T) {
	files, err := filepath.Glob("../docs/adr/[0-9]*.md")
	if err != nil {
		t.Fatal(err)
	}
	list := document(t, "docs/adr/README.md")
	for _, file := range files {
		if !strings.Contains(list, "("+filepath.Base(file)+")") {
			t.Errorf("docs/adr/README.md does not list %s", filepath.Base(file))
		}
	}
}
