package workflow_test

import (
	"crypto/sha256"
	"sort"
	"strconv"
)

// goldenSample orders six languages by sha256(seed, 0x1f, element) and takes
// four: the definition in the documentation, written a second time.
func goldenSample(seed int) []any {
	langs := []string{"deu", "fra", "spa", "ita", "por", "rus"}
	key := func(l string) string {
		h := sha256.Sum256([]byte(strconv.Itoa(seed) + "\x1f" + l))
		return string(h[:])
	}
	sort.Slice(langs, func(i, j int) bool { return key(langs[i]) < key(langs[j]) })
	var out []any
	for _, l := range langs[:4] {
		out = append(out, l)
	}
	return out
}
