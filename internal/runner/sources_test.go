package runner

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/study"
)

// What a loader gives of a file that is not the planned one is not kept: not
// where the file was replaced before, nor while it was read, nor for a moment
// only.
func TestSourcesThatChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.jsonl")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan := func() (*study.Plan, *study.Step) {
		write("planned")
		d, stamp, err := cas.SumFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p := existingPlan(writeRun(t, "r.trec", []string{"test3-isl Q0 test3-eng 1 2.5 x"}), study.Declared{}, 10)
		load := stepOf(t, p, study.StageLoad)
		load.Sources = []study.SourceDigest{{Name: "data.jsonl", Digest: d, Path: path, Stamp: stamp}}
		return p, load
	}
	for _, c := range []struct {
		name          string
		before, while func()
		want          string
	}{
		{"replaced before", func() { write("another") }, func() {}, "has changed since the plan was made; run again"},
		{"gone before", func() { _ = os.Remove(path) }, func() {}, "no such file"},
		{"replaced while it is read", func() {}, func() { write("another") }, "has changed since the plan was made; run again"},
		{"again and again", func() {}, func() { write("another"); write("planned") }, "written to again and again"},
		{"nothing", func() {}, func() {}, ""},
		{"touched before", func() { write("planned") }, func() {}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, load := plan()
			c.before()
			store := newStore(t)
			host := &fakeHost{before: func(_ context.Context, call, _ string) error {
				if call == "load" {
					c.while()
				}
				return nil
			}}
			out := mustRun(t, p, options(store, host, 1))
			if c.want == "" {
				if len(out.Failures) != 0 {
					t.Fatalf("got %+v", out.Failures)
				}
				return
			}
			if len(out.Failures) != 1 || out.Failures[0].Fault != "input" || !strings.Contains(out.Failures[0].Err.Error(), c.want) {
				t.Fatalf("want %q, got %+v", c.want, out.Failures)
			}
			if _, ok, err := store.Recipe(load.Recipe); ok || err != nil {
				t.Errorf("the step is in the store: %v, %v", ok, err)
			}
		})
	}
}
