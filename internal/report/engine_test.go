package report

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestBundleIsTheOneThatWasBuilt(t *testing.T) {
	sum := sha256.Sum256([]byte(vegaSource))
	if got, want := "sha256:"+hex.EncodeToString(sum[:]), BundleDigest(); got != want {
		t.Errorf("vega.min.js has digest %s, vega.sha256 says %s: run tools/bundle", got, want)
	}
}
