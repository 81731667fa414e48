// Command _gen writes the assembly of package simd. Run it with go generate;
// it is a module of its own, so that avo is no dependency of users.
package main

import (
	"flag"
	"log"
	"maps"
	"slices"

	. "github.com/mmcloughlin/avo/build" //nolint:revive // avo's programs read so
)

// families are the files of kernels that can be written.
var families = map[string]func(){
	"ints":   ints,
	"linalg": linalg,
	"scores": scores,
}

func main() {
	log.SetFlags(0)
	name := flag.String("kernels", "", "the family of kernels to write")
	flag.Parse()
	family, ok := families[*name]
	if !ok {
		log.Fatalf("-kernels %q: want one of %q", *name, slices.Sorted(maps.Keys(families)))
	}
	ConstraintExpr("!purego")
	family()
	Generate()
}
