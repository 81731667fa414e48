// Package cas stores artifacts by the digest of their content.
//
// An artifact never changes: it is written to a temporary file, synced, and
// linked under its digest; the first writer wins and nobody takes a lock. A
// directory is a manifest (a sorted list of names and digests, itself a blob)
// plus the blobs of its files. Beside the blobs lie action records: what a
// step with given inputs has produced.
package cas

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest names content: "sha256:" and 64 hexadecimal digits.
type Digest string

// Sum returns the digest of b.
func Sum(b []byte) Digest {
	h := sha256.Sum256(b)
	return Digest("sha256:" + hex.EncodeToString(h[:]))
}

// ParseDigest checks that s is a digest.
func ParseDigest(s string) (Digest, error) {
	x, ok := strings.CutPrefix(s, "sha256:")
	if _, err := hex.DecodeString(x); !ok || err != nil || len(x) != 64 || x != strings.ToLower(x) {
		return "", fmt.Errorf("%q is not a digest: want sha256: and 64 lower-case hexadecimal digits", s)
	}
	return Digest(s), nil
}

// Hex returns the digits without "sha256:".
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// Short returns the first 12 digits, for people.
func (d Digest) Short() string { return d.Hex()[:min(12, len(d.Hex()))] }
