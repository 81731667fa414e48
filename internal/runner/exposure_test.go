package runner

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/collection"
	"github.com/xlrun/xlrun/internal/results"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

func TestExposure(t *testing.T) {
	trained := &study.Mixture{Pivot: "eng"}
	for _, c := range []struct {
		name, target string
		mix          *study.Mixture
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
		got := computedOrigin(&c.info, c.mix, &collection.Lineage{Languages: c.languages}).exposure(c.target)
		if got != c.want {
			t.Errorf("%s: want %s, got %s", c.name, c.want, got)
		}
	}
}

func TestExposureDeclared(t *testing.T) {
	list := func(l ...string) *[]string { return &l }
	one, two := int64(1000), int64(200)
	for _, c := range []struct {
		name     string
		declared *study.Declared
		want     string
	}{
		{"nothing is said", &study.Declared{}, results.ExposureUnknown},
		{"parameters alone say nothing", &study.Declared{Params: &one}, results.ExposureUnknown},
		{"training alone leaves pretraining open", &study.Declared{Training: list("deu", "eng")}, results.ExposureUnknown},
		{"pretraining alone leaves training open", &study.Declared{Pretraining: list("deu", "eng")}, results.ExposureUnknown},
		{"both", &study.Declared{Training: list("deu"), Pretraining: list()}, results.ExposureNone},
		{"trained on", &study.Declared{Training: list("isl")}, results.ExposureTuning},
		{"pretrained", &study.Declared{Pretraining: list("isl")}, results.ExposurePretraining},
	} {
		o := declaredOrigin(c.declared)
		if got := o.exposure("isl"); got != c.want || o.lin.Source != results.LineageDeclared {
			t.Errorf("%s: want %s, got %s (%s)", c.name, c.want, got, o.lin.Source)
		}
	}

	student := computedOrigin(&sdk.EncoderInfo{ParamsTotal: 50, ParamsNonEmbed: 5, PretrainingKnown: true}, &study.Mixture{Pivot: "eng", Pairing: "aligned"},
		&collection.Lineage{TrainingSet: "set", Languages: []string{"deu"}, Richness: 1, Hill1: 1, Hill2: 1})
	lexical := declaredOrigin(&study.Declared{Params: new(int64), ParamsNonEmbed: new(int64), Training: list(), Pretraining: list()})
	unknown := declaredOrigin(&study.Declared{Params: &one})
	other := declaredOrigin(&study.Declared{Params: &one, ParamsNonEmbed: &two, Training: list("isl", "deu"), Pretraining: list("isl")})
	for _, c := range []struct {
		name  string
		parts []*origin
		want  results.Lineage
		isl   string
	}{
		{"one was trained", []*origin{student, lexical}, results.Lineage{Source: "declared", TrainingSet: "set", Subset: "deu", Languages: []string{"deu"}, Richness: 1, Hill1: 1, Hill2: 1, Pairing: "aligned", ParamsTotal: 50, ParamsNonEmbed: 5}, results.ExposureNone},
		{"one is unknown", []*origin{student, unknown}, results.Lineage{Source: "declared", TrainingSet: "set", Subset: "deu", Languages: []string{"deu"}, Richness: 1, Hill1: 1, Hill2: 1, Pairing: "aligned", ParamsTotal: 1050}, results.ExposureUnknown},
		{"several were trained", []*origin{other, student}, results.Lineage{Source: "declared", TrainingSet: string(cas.Sum([]byte("\nset\n"))), Subset: "deu isl", Languages: []string{"deu", "isl"}, Richness: 2, ParamsTotal: 1050, ParamsNonEmbed: 205}, results.ExposureTuning},
		{"the same twice", []*origin{student, student}, results.Lineage{Source: "computed", TrainingSet: "set", Subset: "deu", Languages: []string{"deu"}, Richness: 1, Hill1: 1, Hill2: 1, Pairing: "aligned", ParamsTotal: 100, ParamsNonEmbed: 10}, results.ExposureNone},
	} {
		o := fusedOrigin(c.parts)
		if d := cmp.Diff(c.want, o.lin); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if got := o.exposure("isl"); got != c.isl {
			t.Errorf("%s: want exposure %s, got %s", c.name, c.isl, got)
		}
	}
}
