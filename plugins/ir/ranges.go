package ir

import (
	"math"
	"strings"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/ir"
)

var (
	inf       = math.Inf(1)
	share     = sdk.Range{Low: 0, High: 1}
	count     = sdk.Range{Low: 0, High: inf}
	unbounded = sdk.Range{Low: -inf, High: inf}
)

// Ranges says what the values of one query can be. Most measures are shares.
func (m *metric) Ranges() []sdk.Range {
	out := make([]sdk.Range, len(m.eval.Measures))
	for i, x := range m.eval.Measures {
		out[i] = rangeOf(x)
	}
	return out
}

func rangeOf(m ir.Measure) sdk.Range {
	// A gain below 0 can take a cumulated gain anywhere.
	losses := strings.Contains(m.String(), ":-") || strings.Contains(m.String(), "=-")
	switch m.Name() {
	case "NumQ":
		return sdk.Range{Low: 1, High: 1}
	case "NumRel", "NumRet", "num_nonrel_judged_ret", "ideal_dcg":
		return count
	case "dcg":
		if losses {
			return unbounded
		}
		return count
	case "nDCG", "G", "Rndcg":
		if losses {
			return unbounded
		}
	case "utility", "yaap":
		return unbounded
	}
	return share
}
