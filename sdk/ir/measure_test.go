package ir

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseMeasure(t *testing.T) {
	for text, want := range map[string]string{
		"nDCG@10":              "nDCG@10",
		"nDCG":                 "nDCG",
		"RR":                   "RR",
		"RR(rel=1)@10":         "RR@10",
		"AP(rel=2)@100":        "AP(rel=2)@100",
		" AP ( rel = 2 ) @ 5 ": "AP(rel=2)@5",
		"R@100":                "R@100",
		"P(rel=3)@5":           "P(rel=3)@5",
		"Success@1":            "Success@1",
		"P()@5":                "P@5",
		"P(cutoff=7)":          "P@7",
		"P(cutoff=7)@5":        "P@5",

		"nDCG(dcg='exp-log2')@10":                "nDCG(dcg='exp-log2')@10",
		`nDCG(dcg="exp-log2", cutoff=20)`:        "nDCG(dcg='exp-log2')@20",
		"nDCG(dcg='log2')":                       "nDCG",
		"nDCG(gains={1: 2, 0: 1})":               "nDCG(gains={0:1,1:2})",
		"nDCG(gains={0:0,1:1})":                  "nDCG",
		"nDCG(gains={})":                         "nDCG",
		"nDCG(gains={2:4.5},judged_only=True)@5": "nDCG(gains={2:4.5},judged_only=True)@5",
		"AP(judged_only=True,rel=2)":             "AP(rel=2,judged_only=True)",
		"AP(judged_only=False)":                  "AP",
		"Rprec":                                  "Rprec",
		"Bpref(rel=2)":                           "Bpref(rel=2)",
		"infAP":                                  "infAP",
		"IPrec@0.1":                              "IPrec@0.1",
		"IPrec@1":                                "IPrec@1.0",
		"IPrec(rel=2, recall=0.4)@0.2":           "IPrec(rel=2)@0.2",
		"IPrec(recall=0)":                        "IPrec@0.0",
		"SetP(relative=True)":                    "SetP(relative=True)",
		"SetRelP":                                "SetP(relative=True)",
		"SetF(beta=2)":                           "SetF(beta=2.0)",
		"SetF(beta=1.)":                          "SetF",
		"SetAP":                                  "SetAP",
		"SetR(rel=2)":                            "SetR(rel=2)",
		"Judged@10":                              "Judged@10",
		"NumQ":                                   "NumQ",
		"NumRel(rel=2)":                          "NumRel(rel=2)",
		"NumRet":                                 "NumRet",
		"NumRet(rel=1)":                          "NumRet(rel=1)",
		"NumRelRet":                              "NumRet(rel=1)",
		"RBP":                                    "RBP",
		"RBP(p=0.8,rel=1)":                       "RBP(rel=1)",
		"RBP(rel=2,p=.95)@10":                    "RBP(p=0.95,rel=2)@10",
		"ERR@20":                                 "ERR@20",
		"Accuracy(rel=2)@5":                      "Accuracy(rel=2)@5",
		"Compat(p=0.9,normalize=False)":          "Compat(p=0.9,normalize=False)",
		"MAP@5":                                  "AP@5",
		"MRR@10":                                 "RR@10",
		"Recall@100":                             "R@100",
		"Precision@5":                            "P@5",

		"ndcg_cut_10":           "nDCG@10",
		"ndcg_cut.10":           "nDCG@10",
		"ndcg":                  "nDCG",
		"ndcg.1=3,2=9,4=4.5":    "nDCG(gains={1:3,2:9,4:4.5})",
		"map":                   "AP",
		"map(rel=2)":            "AP(rel=2)",
		"map_cut_100":           "AP@100",
		"recip_rank":            "RR",
		"iprec_at_recall_0.10":  "IPrec@0.1",
		"iprec_at_recall..10":   "IPrec@0.1",
		"set_F":                 "SetF",
		"set_F.2":               "SetF(beta=2.0)",
		"set_relative_P":        "SetP(relative=True)",
		"num_rel_ret":           "NumRet(rel=1)",
		"gm_map":                "gm_map",
		"gm_map(rel=2)":         "gm_map(rel=2)",
		"Rprec_mult.0.2":        "Rprec_mult_0.20",
		"relative_P_10(rel=2)":  "relative_P_10(rel=2)",
		"utility":               "utility",
		"utility.2,-1,0,0":      "utility_2,-1,0,0",
		"11pt_avg..25,.5,.75":   "11pt_avg_.25,.5,.75",
		"relstring.20":          "relstring_20",
		"rbp.p=0.95":            "rbp_p=0.95",
		"rbp_resid":             "rbp_resid",
		"G_1=3.5":               "G_1=3.5",
		"Rndcg.0=1":             "Rndcg_0=1",
		"unj.5":                 "unj_5",
		"num_nonrel_judged_ret": "num_nonrel_judged_ret",
		"runid":                 "runid",
	} {
		m, err := ParseMeasure(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if m.String() != want {
			t.Errorf("%q prints as %q, want %q", text, m, want)
		}
		if again, err := ParseMeasure(m.String()); err != nil || again != m {
			t.Errorf("%q: parsing what was printed gives %v, %v", text, again, err)
		}
	}

	m := MustMeasures("AP(rel=2)@100")[0]
	if m.Name() != "AP" || m.Rel() != 2 || m.Cutoff() != 100 || m.Doc() == "" {
		t.Errorf("parts of %v: name %q, rel %d, cutoff %d", m, m.Name(), m.Rel(), m.Cutoff())
	}
	for text, want := range map[string]string{
		"nDCG@10": "ndcg_cut_10", "AP(rel=2)@100": "map_cut_100", "RR": "recip_rank", "RR@10": "", "nDCG(dcg='exp-log2')": "",
		"IPrec@0.1": "iprec_at_recall_0.10", "NumRet(rel=2)": "num_rel_ret", "NumRet": "num_ret", "SetF(beta=2)": "set_F_2.0",
		"nDCG(gains={1:3,4:4.5})": "ndcg_1=3,4=4.5", "AP(judged_only=True)": "", "Judged@5": "", "P@7": "P_7",
	} {
		if got := MustMeasures(text)[0].TrecName(); got != want {
			t.Errorf("trec_eval's name of %s: want %q, got %q", text, want, got)
		}
	}
}

func TestParseMeasures(t *testing.T) {
	for text, want := range map[string]string{
		"nDCG@10":                         "nDCG@10",
		"ndcg_cut.5,10":                   "nDCG@5 nDCG@10",
		"map_cut_5,10":                    "AP@5 AP@10",
		"P":                               "P@5 P@10 P@15 P@20 P@30 P@100 P@200 P@500 P@1000",
		"success":                         "Success@1 Success@5 Success@10",
		"P(rel=2)@5  RR map":              "P(rel=2)@5 RR AP",
		" AP ( rel = 2 ) @ 5":             "AP(rel=2)@5",
		"nDCG(gains={1: 2, 2: 5}) @10 AP": "nDCG(gains={1:2,2:5})@10 AP",
		"P_5 P_10 P@5":                    "P@5 P@10",
		"set":                             "runid NumQ NumRet NumRel NumRet(rel=1) utility SetP SetP(relative=True) SetR SetAP SetF",
	} {
		ms, err := ParseMeasures(text)
		var got []string
		for _, m := range ms {
			got = append(got, m.String())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: want %s, got %v, %v", text, want, got, err)
		}
	}
	for text, want := range map[string]int{"official": 30, "all_trec": 100} {
		if ms, err := ParseMeasures(text); err != nil || len(ms) != want {
			t.Errorf("%s: want %d measures, got %d, %v", text, want, len(ms), err)
		}
	}
	_, err := ParseMeasures("RR nDGC@10")
	var e *MeasureError
	if !errors.As(err, &e) || e.Offset != 3 || e.Text != "RR nDGC@10" || e.Suggestion != "nDCG@10" {
		t.Errorf("got %+v", err)
	}
	ms, err := ParseMeasures("success P_10,5 map ndcg_cut Judged@3 iprec_at_recall runid")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(ms, CompareTrec)
	var got []string
	for _, m := range ms[:5] {
		got = append(got, m.String())
	}
	if s := strings.Join(got, " "); s != "runid AP IPrec@0.0 IPrec@0.1 IPrec@0.2" || ms[len(ms)-1].String() != "Judged@3" {
		t.Errorf("in trec_eval's order: %v", ms)
	}
}

func TestTrecFamily(t *testing.T) {
	for name, want := range map[string]string{
		"P": "P true", "P.5,10": "P false", "P_5": "P false", "Rprec": "Rprec true", "Rprec_mult_0.20": "Rprec_mult false", "ndcg_1=3,2=4.5": "ndcg false",
		"ndcg_cut_10": "ndcg_cut false", "set": " true", "set_P": "set_P true", "official": " true", "nDCG@10": " false", "AP": " false", "": " false",
	} {
		family, whole := TrecFamily(name)
		if got := fmt.Sprint(family, " ", whole); got != want {
			t.Errorf("%q: want %q, got %q", name, want, got)
		}
	}
	for _, m := range everyMeasure(t) {
		family, _ := TrecFamily(m.TrecName())
		if (family == "") != (m.TrecName() == "") || !strings.HasPrefix(m.TrecName(), family) {
			t.Errorf("%v: %q is of the family %q", m, m.TrecName(), family)
		}
	}
}

func TestSplitMeasures(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              {""},
		"map":                           {"map"},
		" AP(rel = 2) P @ 5  ndcg.1=2 ": {"AP(rel = 2)", "P @ 5", "ndcg.1=2"},
	} {
		if got := SplitMeasures(text); !slices.Equal(got, want) {
			t.Errorf("%q: want %q, got %q", text, want, got)
		}
	}
}

func TestParseMeasureErrors(t *testing.T) {
	for _, c := range []struct {
		text, reason, suggestion string
		offset                   int
	}{
		{"", "no name", "", 0},
		{"@10", "no name", "", 0},
		{"nDGC@10", `no measure "nDGC"`, "nDCG@10", 0},
		{" ndcg@10", `no measure "ndcg"`, "nDCG@10", 1},
		{"ndcg_at_10", "no measure", "nDCG@10", 0},
		{"mrr@10", "no measure", "RR@10", 0},
		{"Map(rel=2)@100", "no measure", "AP(rel=2)@100", 0},
		{"recall", "stands for 9 measures", "R@10", 0},
		{"P_5,10", "stands for 2 measures", "P@10", 0},
		{"hit_rate@5", "no measure", "Success@5", 0},
		{"Sucess@5", "no measure", "Success@5", 0},                                   //nolint:misspell // the mistake is what is tested
		{"XY@5", "the measures are nDCG, RR, AP, R@k, P@k, Success@k, Rprec", "", 0}, // near to nothing
		{"AR@5", "no measure", "", 0},                                                // as near to AP as to RR
		{"BLEU", "no measure", "", 0},
		{"gm_mpa", "no measure", "gm_map", 0},
		{"SDCG(max_rel=3)@10", "cwl_eval", "", 0},
		{"alpha_nDCG@10", "subtopic", "", 0},
		{"P", "needs a cutoff", "P@10", 0},
		{"R(rel=2)", "needs a cutoff", "R(rel=2)@10", 0},
		{"IPrec", "needs a level of recall", "IPrec@0.1", 0},
		{"Rprec@5", "takes no cutoff", "Rprec", 6},
		{"P@0", "cutoff", "", 2},
		{"P@-1", "cutoff", "", 2},
		{"P@", "cutoff", "", 2},
		{"P@010", "cutoff", "", 2},
		{"P@1.5", "cutoff", "", 2},
		{"P@9999999999999999999999", "cutoff", "", 2},
		{"P@5@6", "cutoff", "", 2},
		{"IPrec@1.5", "level of recall", "", 6},
		{"P(rel=0)@5", "rel must be", "", 6},
		{"P(rel=x)@5", "rel must be", "", 6},
		{"P(rel=1,rel=2)@5", "twice", "", 8},
		{"P(rell=2)@5", `no parameter "rell"; it has rel`, "", 2},
		{"P(rel)@5", "no value", "", 2},
		{"P(rel=2@5", `do not end in ")"`, "", 7},
		{"P(rel=2)x@5", "follows where the measure ends", "", 8},
		{"nDCG(rel=2)@5", "every positive grade is a gain", "", 5},
		{"nDCG(dcg=2)@5", "dcg must be", "", 9},
		{"nDCG(dcg=log2)@5", "quotation marks", "", 9},
		{"nDCG(dcg='log2)@5", "not closed", "", 9},
		{"nDCG(gains=3)", "gains must be written", "", 11},
		{"nDCG(gains={1:2,1:3})", "two gains", "", 16},
		{"nDCG(gains={-1:2})", "a whole number from 0", "", 12},
		{"nDCG(gains={1:x})", "must be a number", "", 14},
		{"nDCG(judged_only=true)", "must be True or False", "", 17},
		{"RBP(p=1)", "between 0 and 1", "", 6},
		{"RBP(p=nan)", "between 0 and 1", "", 6},
		{"NumQ(rel=2)", "all grades", "", 5},
		{"ndcg_cut.x", "are numbers", "", 9},
		{"ndcg_cut.10,-5", "whole number from 1", "", 12},
		{"map.5", "takes no parameters", "AP", 4},
		{"Rprec_mult.1e300", "numbers from 0 to 1000000000", "", 11},
		{"Rprec_mult.-1", "numbers from 0", "", 11},
		{"G.1=1e308", "from -1000000000 to 1000000000", "", 4},
		{"nDCG(gains={1:1,2:-2e9})", "from -1000000000 to 1000000000", "", 18},
		{"dcg.1=2e9", "from -1000000000 to 1000000000", "", 6},
		{"utility.1,1e308,1,0", "from -1000000000 to 1000000000", "", 10},
		{"SetF(beta=1e308)", "from 0 to 1000000000", "", 10},
		{"iprec_at_recall.1.5", "levels from 0 to 1", "", 16},
		{"11pt_avg.0.5,1e300", "levels from 0 to 1", "", 13},
		{"11pt_avg.-1", "levels from 0 to 1", "", 9},
		{"utility.1,2", "four numbers", "", 8},
		{"rbp.p=2", "between 0 and 1", "", 4},
		{"G.1=3,1=4", "two gains", "", 6},
		{"gm_map(rell=2)", "no parameter in brackets but rel", "", 6},
		{"unj_5(rel=2)", `no parameter "rel"`, "", 5},
	} {
		_, err := ParseMeasure(c.text)
		var e *MeasureError
		if !errors.As(err, &e) {
			t.Errorf("%q: want a *MeasureError, got %v", c.text, err)
			continue
		}
		if e.Text != c.text || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("%q: want the reason to hold %q, got %q", c.text, c.reason, e.Reason)
		}
		if e.Suggestion != c.suggestion {
			t.Errorf("%q: want suggestion %q, got %q", c.text, c.suggestion, e.Suggestion)
		}
		if e.Offset != c.offset {
			t.Errorf("%q: want offset %d, got %d", c.text, c.offset, e.Offset)
		}
	}
}

func TestMeasureText(t *testing.T) {
	var m Measure
	if _, err := m.MarshalText(); err == nil {
		t.Error("the zero measure marshals")
	}
	if err := m.UnmarshalText([]byte("RR(rel=2)@3")); err != nil {
		t.Fatal(err)
	}
	if b, err := m.MarshalText(); err != nil || string(b) != "RR(rel=2)@3" {
		t.Errorf("got %q, %v", b, err)
	}
}

// A parameter with more decimals than trec_eval prints is still another
// measure.
func TestManyDecimals(t *testing.T) {
	for text, want := range map[string]string{
		"Rprec_mult.0.2": "Rprec_mult_0.20", "Rprec_mult.0.125": "Rprec_mult_0.125", "Rprec_mult.1e-3": "Rprec_mult_0.001",
		"Rprec_mult.2": "Rprec_mult_2.00", "Rprec_mult.0.124": "Rprec_mult_0.124",
	} {
		m, err := ParseMeasure(text)
		if err != nil || m.String() != want {
			t.Errorf("%s: want %s, got %v, %v", text, want, m, err)
		}
		if again, err := ParseMeasure(want); err != nil || again != m {
			t.Errorf("%s reads as %v, %v", want, again, err)
		}
	}
}

func FuzzParseMeasure(f *testing.F) {
	for _, text := range []string{"Rprec_mult.0.125", "nDCG(dcg='exp-log2',gains={1:2000})", "utility.1,-1,0,0", "G.1=3,2=9", "IPrec@0.125"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		several, err := ParseMeasures(text)
		var e *MeasureError
		if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text)) {
			t.Errorf("%q: several: %v at %d", text, err, e.Offset)
		}
		for i, m := range several {
			if again, err := ParseMeasure(m.String()); err != nil || again != m {
				t.Errorf("%q: measure %d prints as %q, which reads as %v, %v", text, i, m, again, err)
			}
		}
		e = nil
		m, err := ParseMeasure(text)
		switch {
		case errors.As(err, &e):
			if e.Offset < 0 || e.Offset > len(text) {
				t.Errorf("%q: a mistake at byte %d", text, e.Offset)
			}
			if e.Suggestion != "" {
				if _, err := ParseMeasure(e.Suggestion); err != nil {
					t.Errorf("%q suggests %q, which is wrong itself: %v", text, e.Suggestion, err)
				}
			}
		case err != nil:
			t.Fatalf("%q: an error of another type: %v", text, err)
		default:
			if len(several) == 0 {
				t.Errorf("%q is a measure, and no measure among several", text)
			}
			if again, err := ParseMeasure(m.String()); err != nil || again != m {
				t.Errorf("%q prints as %q, which reads as %v, %v", text, m, again, err)
			}
			if name := m.TrecName(); name != "" && !strings.Contains(name, "_at_recall") && !strings.Contains(name, "_mult") { // two decimals
				if again, err := ParseMeasure(name); err != nil || again.TrecName() != name {
					t.Errorf("%q is %q in trec_eval, which reads as %v, %v", text, name, again, err)
				}
			}
		}
	})
}

func TestSense(t *testing.T) {
	for text, want := range map[string]Sense{
		"nDCG@10": MoreIsBetter, "num_rel_ret": MoreIsBetter, "NumRet(rel=1)": MoreIsBetter, "utility": MoreIsBetter, "Compat": MoreIsBetter,
		"unj.10": LessIsBetter, "rbp_resid": LessIsBetter, "num_nonrel_judged_ret": LessIsBetter,
		"NumRet": NoSense, "NumQ": NoSense, "NumRel": NoSense, "Judged@10": NoSense, "ideal_dcg": NoSense,
	} {
		if got := MustMeasures(text)[0].Sense(); got != want {
			t.Errorf("%s: want %v, got %v", text, want, got)
		}
	}
	if got := (Measure{}).Sense(); got != NoSense {
		t.Errorf("no measure: got %v", got)
	}
}

// What is listed can be asked for, and says what it is.
func TestFamilies(t *testing.T) {
	n := 0
	for name, doc := range Families() {
		ms, err := ParseMeasures(strings.NewReplacer("@k", "@7", "@recall", "@0.5").Replace(name))
		if err != nil || len(ms) == 0 || ms[0].Doc() != doc || doc == "" {
			t.Errorf("%s: %v, %q", name, err, doc)
		}
		n++
	}
	if n != len(families) {
		t.Errorf("%d of %d families", n, len(families))
	}
}
