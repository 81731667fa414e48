// Command check looks over the sources of the minifaq set and writes its JSON
// Lines files.
//
//	go run ./examples/minifaq/check          says what is wrong
//	go run ./examples/minifaq/check -write   and writes the files when nothing is
//
// The checks are those that can be made without reading the language: form,
// script, duplicates, repeated phrasing, length, sentences left in English, and
// whether each sentence looks more like the rest of its own language than like
// the rest of any other.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", filepath.Join("examples", "minifaq"), "the directory of the set")
	write := flag.Bool("write", false, "write the .jsonl files")
	verbose := flag.Bool("v", false, "print what was measured")
	flag.Parse()
	if err := run(*dir, *write, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "minifaq: error:", err)
		os.Exit(1)
	}
}

func run(dir string, write, verbose bool) error {
	set, err := load(filepath.Join(dir, "src"))
	if err != nil {
		return err
	}
	report := check(set, set.languages...)
	if verbose {
		for _, l := range report.languages {
			fmt.Println(l)
		}
	}
	for _, p := range report.problems {
		fmt.Println(p)
	}
	if len(report.problems) > 0 {
		return fmt.Errorf("%d problems", len(report.problems))
	}
	if !write {
		return nil
	}
	for _, lang := range set.languages {
		b, err := set.jsonl(lang)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, lang+".jsonl"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
