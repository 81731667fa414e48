package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary serve as xlrun, so that scripts run it as
// users do, and it starts itself again for its plugins.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"xlrun":        func() { os.Exit(xlrun(os.Args[1:])) },
		"samecurve":    func() { os.Exit(sameCurve(os.Args[1])) },
		"samemeasures": func() { os.Exit(sameMeasures(os.Args[1])) },
	})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("REPO", root)
			e.Setenv("NO_COLOR", "1")
			// Plugins' sockets need a short directory.
			e.Setenv("TMPDIR", os.TempDir())
			// Scripts that build a plugin use the caches of the go command.
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY"} {
				v, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return err
				}
				e.Setenv(name, strings.TrimSpace(string(v)))
			}
			return nil
		},
	})
}
