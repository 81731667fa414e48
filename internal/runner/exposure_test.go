package runner

import (
	"testing"

	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

func TestExposure(t *testing.T) {
	trained := &study.Step{Mix: &study.Mixture{Pivot: "eng"}}
	for _, c := range []struct {
		name, target string
		mix          *study.Step
		languages    []string
		info         sdk.EncoderInfo
		want         string
	}{
		{"unseen", "isl", trained, []string{"deu"}, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureNone},
		{"trained on", "isl", trained, []string{"deu", "isl"}, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureTuning},
		{"another script", "srp_Latn", trained, []string{"srp_Cyrl"}, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureTuning},
		{"a member of what was trained on", "ekk", trained, []string{"est"}, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureTuning},
		{"a sister is not the same", "nno", trained, []string{"nob"}, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureNone},
		{"the pivot", "eng", trained, []string{"deu"}, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureTuning},
		{"pretrained", "swa", nil, nil, sdk.EncoderInfo{Pretraining: []string{"swh"}, PretrainingKnown: true}, results.ExposurePretraining},
		{"pretrained, and trained on", "isl", trained, []string{"isl"}, sdk.EncoderInfo{Pretraining: []string{"isl"}}, results.ExposureTuning},
		{"nobody knows", "isl", trained, []string{"deu"}, sdk.EncoderInfo{}, results.ExposureUnknown},
		{"untrained", "isl", nil, nil, sdk.EncoderInfo{PretrainingKnown: true}, results.ExposureNone},
	} {
		got := exposure(&study.Cell{QueryLanguage: c.target, Mix: c.mix}, &c.info, results.Lineage{Languages: c.languages})
		if got != c.want {
			t.Errorf("%s: want %s, got %s", c.name, c.want, got)
		}
	}
}
