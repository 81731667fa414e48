package analysis

// Summary is everything that the analysis of a study says. The report and the
// terminal print it and compute nothing themselves; it is written as
// summary.json, with full precision and in a fixed order.
//
// No number in it is NaN or infinite: what could not be estimated has OK
// false and a reason.
type Summary struct {
	Format   string        `json:"format"` // "xlrun.summary/1"
	Title    string        `json:"title"`
	Question string        `json:"question,omitempty"`
	Axes     []Axis        `json:"axes"`
	Partial  *Partial      `json:"partial,omitempty"`
	Analyses []Analysis    `json:"analyses"`
	Claims   []ClaimResult `json:"claims"` // in the author's order
	Notes    []Note        `json:"notes"`  // about the study as a whole
}

// SummaryFormat names the layout of Summary.
const SummaryFormat = "xlrun.summary/1"

// Analysis is the outcome of one analysis block. Measures are in their own
// unit, 0 to 1; a point is 0.01.
type Analysis struct {
	Name      string `json:"name"`
	Block     string `json:"block,omitempty"`     // of the analysis, where Name says which condition too
	Condition string `json:"condition,omitempty"` // "index exact": one of several that the retrieval measures
	Retrieval string `json:"retrieval"`
	Measure   string `json:"measure"`
	Baseline  string `json:"baseline,omitempty"` // the encoder compared with

	Facts Facts `json:"facts"`

	// Answer holds the sentences that answer the question, in order. Text
	// between two ** is emphasised; Plain removes the marks.
	Answer []string `json:"answer"`

	// Effects are what one doubling of size, diversity and budget buys, in
	// this order, each with the others held. A factor that does not vary is
	// absent; one that varies but cannot be told apart has OK false.
	Effects []Effect `json:"effects"`

	// Difference is the effect of size minus that of diversity, in measure
	// units per doubling; nil unless both are estimated.
	Difference *Estimate `json:"difference,omitempty"`

	// Interaction is how much the effect of a doubling of diversity changes
	// with a doubling of the size, in log-odds; InteractionRaw the same on
	// the measure itself. Speak of it only where the signs agree.
	Interaction    *Estimate `json:"interaction,omitempty"`
	InteractionRaw *Estimate `json:"interaction_raw,omitempty"`

	// Exchange is how many times as many parameters a doubling of diversity
	// is worth; nil unless both slopes are estimated.
	Exchange *Exchange `json:"exchange,omitempty"`

	Gains     []Gain           `json:"gains"`     // trained, control, untrained, compared in pairs
	Encoders  []EncoderMean    `json:"encoders"`  // per encoder, in the order of the workflow
	Cells     []CellStat       `json:"cells"`     // per kind × size × diversity × budget
	Margins   []AxisStat       `json:"margins"`   // trained cells, per value of each axis
	Languages []LanguageResult `json:"languages"` // per target, best first
	Draws     []DrawPoint      `json:"draws"`     // per kind × size × diversity × budget × draw, the dots of plots
	Curves    []Curve          `json:"curves"`    // fitted lines with bands
	LeaveOut  []LeaveOut       `json:"leave_out"` // how the headline changes without one language or draw

	// Systems compares what was measured, one by one; nil where there is one
	// system. Across says how evenly each serves languages; nil with one
	// language.
	Systems *Systems         `json:"systems,omitempty"`
	Across  *LanguageSummary `json:"across_languages,omitempty"`

	// PoolCurves is the measure against the number of candidates; nil where the
	// retrieval asks for no curve.
	PoolCurves *PoolCurves `json:"pool_curves,omitempty"`

	Notes []Note `json:"notes"` // warnings and footnotes of this analysis
}

// Facts describe the grid that was measured, as read from the records.
type Facts struct {
	Runs      int `json:"runs"`      // distinct trained encoders, controls and untrained left out
	Languages int `json:"languages"` // targets
	Queries   int `json:"queries"`   // distinct queries over all targets
	Records   int `json:"records"`   // rows read for this measure

	Targets     []Target    `json:"targets"`     // in the order of the target axis
	Sizes       []SizeLevel `json:"sizes"`       // ascending
	Diversities []Level     `json:"diversities"` // ascending effective number
	Budgets     []Level     `json:"budgets"`     // ascending pairs
	Draws       []string    `json:"draws"`
	Averaged    []string    `json:"averaged,omitempty"` // what effects are averaged over: "side = mono, pivot"
	Strata      []string    `json:"strata"`             // trained encoders × factor values, where there are several

	Encoders []string `json:"encoders"`
	Trained  []string `json:"trained"`           // encoders whose cells enter the slopes
	Control  []string `json:"control,omitempty"` // encoders with cells trained on shuffled pairs
	Pools    []int    `json:"pools"`             // candidates per query, ascending
	Seeds    int      `json:"seeds"`             // pools per query, averaged first

	SizeConvention string `json:"size_convention"` // "non-embedding" or "total" parameters

	Unit         string `json:"unit"`          // of replication: "draw", "run", "checkpoint"
	UnitReason   string `json:"unit_reason"`   // one sentence: what in the lineage made it so
	SharedSizes  bool   `json:"shared_sizes"`  // training languages are the same at every size of a draw
	Nested       bool   `json:"nested"`        // training languages grow within a draw
	SharedDraws  bool   `json:"shared_draws"`  // all draws train on the same languages
	BudgetFixed  bool   `json:"budget_fixed"`  // one number of pairs in every trained cell
	Balanced     bool   `json:"balanced"`      // every cell has every draw and language
	ZeroShot     bool   `json:"zero_shot"`     // no target was seen in any training
	InferencePop bool   `json:"inference_pop"` // enough targets to speak of languages like them
}

// Target is one language searched in.
type Target struct {
	Code     string `json:"code"`
	Queries  int    `json:"queries"`
	Exposure string `json:"exposure"` // the worst over the trained cells, over all where systems are compared: results.Exposure*
}

// SizeLevel is one model size.
type SizeLevel struct {
	Label          string  `json:"label"`
	ParamsTotal    int64   `json:"params_total"`
	ParamsNonEmbed int64   `json:"params_non_embedding"`
	Params         int64   `json:"params"` // by the convention of the analysis
	Log2           float64 `json:"log2"`   // of Params
}

// Level is one value of diversity (effective number of training languages) or
// budget (pairs).
type Level struct {
	Label string  `json:"label"`
	Value float64 `json:"value"` // mean over the cells of this level
	Log2  float64 `json:"log2"`
	Count int     `json:"count,omitempty"` // diversity: number of training languages; budget: examples seen
}

// Estimate is a number with its uncertainty. Limits are t intervals.
type Estimate struct {
	OK     bool   `json:"ok"`               // there is an interval
	Reason string `json:"reason,omitempty"` // a Reason* code where not OK, or why the inference is narrower
	Unit   string `json:"unit"`             // "log-odds", "measure", "ratio"

	Value  float64 `json:"value"`
	SE     float64 `json:"se"`
	DF     float64 `json:"df"`
	Low    float64 `json:"low"` // 95 %
	High   float64 `json:"high"`
	Low80  float64 `json:"low80"`
	High80 float64 `json:"high80"`
	Low50  float64 `json:"low50"`
	High50 float64 `json:"high50"`
	P      float64 `json:"p"` // two-sided, against 0

	Method      string `json:"method"`      // "crossed", "jackknife", "these languages"
	Replication string `json:"replication"` // "draw", "run", "checkpoint"
	Inference   string `json:"inference"`   // "languages", "these languages"
	Units       int    `json:"units"`       // draws or runs
	Runs        int    `json:"runs"`        // distinct encoders that enter the fit
	Languages   int    `json:"languages"`

	// VarLanguage, VarUnit and VarRest are the variance of the estimate due to
	// languages alone, units alone, and what is specific to a unit in a
	// language. VarLanguage and VarUnit include VarRest.
	VarLanguage float64 `json:"var_language"`
	VarUnit     float64 `json:"var_unit"`
	VarRest     float64 `json:"var_rest"`
	// VarShared is due to queries that several languages ask, beside these.
	VarShared float64 `json:"var_shared"`

	// MDE is the smallest effect that 8 of 10 such studies would tell from zero
	// at 95 %.
	MDE float64 `json:"mde"`
}

// Effect is what one doubling of a factor does.
type Effect struct {
	Factor string   `json:"factor"` // "size", "diversity", "budget"
	Held   []string `json:"held"`   // factors held constant
	Slope  Estimate `json:"slope"`  // log-odds per doubling
	AME    Estimate `json:"ame"`    // measure units per doubling

	// ByBudget holds the effect within each budget, where there are several.
	ByBudget []BudgetEffect `json:"by_budget,omitempty"`
}

// BudgetEffect is an effect at one budget.
type BudgetEffect struct {
	Budget   string   `json:"budget"`
	Slope    Estimate `json:"slope"`
	AME      Estimate `json:"ame"`
	Sentence string   `json:"sentence,omitempty"` // says it; "" without an interval
}

// Exchange is a ratio of slopes as a number of times as many parameters, with
// Fieller's limits.
type Exchange struct {
	Bounded bool    `json:"bounded"`
	Times   float64 `json:"times"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Kinds of cells.
const (
	KindTrained   = "trained"
	KindControl   = "control"   // trained on shuffled pairs
	KindUntrained = "untrained" // any encoder without training here
	KindBaseline  = "baseline"  // a trained encoder that the analysis compares with
)

// Gain compares two kinds of cells, paired on everything they share.
type Gain struct {
	A      string   `json:"a"` // a Kind*, or an encoder
	B      string   `json:"b"`
	Budget string   `json:"budget,omitempty"` // label; "" where there is one
	Where  string   `json:"where,omitempty"`  // the part of the grid that is paired, where it is not all of it
	Pairs  int      `json:"pairs"`            // distinct encoders of A that have their like in B
	Gain   Estimate `json:"gain"`             // A − B, measure units
	MeanA  float64  `json:"mean_a"`
	MeanB  float64  `json:"mean_b"`

	Sentence string `json:"sentence,omitempty"` // says it; "" without an interval
}

// EncoderMean is the mean over all cells of an encoder.
type EncoderMean struct {
	Encoder string  `json:"encoder"`
	Kind    string  `json:"kind"`
	Runs    int     `json:"runs"`
	Mean    float64 `json:"mean"`
	Half    float64 `json:"half"` // 95 % half-width over draws, for these languages; 0 with one draw
}

// CellStat is the mean over draws and languages of one cell of the table. Its
// interval is over draws, for these languages: absolute scores of other
// languages are not comparable.
type CellStat struct {
	Kind      string  `json:"kind"`
	Encoder   string  `json:"encoder"`
	Stratum   string  `json:"stratum,omitempty"`
	Size      string  `json:"size,omitempty"`
	Diversity string  `json:"diversity,omitempty"`
	Budget    string  `json:"budget,omitempty"`
	Params    int64   `json:"params"`
	Hill1     float64 `json:"hill1"`
	Pairs     float64 `json:"pairs"`
	Draws     int     `json:"draws"`
	Mean      float64 `json:"mean"`
	Half      float64 `json:"half"` // 95 % half-width; 0 with one draw
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	// Gain is the mean over the same draws and languages of cell minus
	// baseline of the same shape; HasGain says that there is one.
	HasGain  bool    `json:"has_gain"`
	Gain     float64 `json:"gain"`
	GainHalf float64 `json:"gain_half"`
	// PerLanguage holds the mean of each target, in the order of Facts.Targets.
	PerLanguage     []float64 `json:"per_language"`
	PerLanguageGain []float64 `json:"per_language_gain,omitempty"`
	// PerLanguageGainHalf are 95 % half-widths over draws, 0 with one draw.
	PerLanguageGainHalf []float64 `json:"per_language_gain_half,omitempty"`
	PerLanguageHalf     []float64 `json:"per_language_half,omitempty"` // of the mean, over draws
}

// AxisStat is the mean over the trained cells of one value of an axis.
type AxisStat struct {
	Axis    string  `json:"axis"`
	Role    string  `json:"role"`
	Label   string  `json:"label"`
	Runs    int     `json:"runs"`
	Mean    float64 `json:"mean"`
	Half    float64 `json:"half"` // as in CellStat
	HasGain bool    `json:"has_gain"`
	Gain    float64 `json:"gain"` // over the baseline of the same shape
}

// LanguageResult is one target language.
type LanguageResult struct {
	Code     string  `json:"code"`
	Queries  int     `json:"queries"`
	Exposure string  `json:"exposure"`
	Mean     float64 `json:"mean"` // over the trained cells
	Half     float64 `json:"half"` // 95 % half-width over draws
	HasGain  bool    `json:"has_gain"`
	Baseline float64 `json:"baseline"`
	Gain     float64 `json:"gain"` // over the baseline of the same shape
	GainHalf float64 `json:"gain_half"`

	// Effects per doubling in this language, in the order of Analysis.Effects.
	Effects []LanguageEffect `json:"effects"`
}

// LanguageEffect is the effect of one doubling in one language. Shrunk is the
// effect drawn towards the mean of all languages as far as its own is noise.
type LanguageEffect struct {
	Factor      string  `json:"factor"`
	Slope       float64 `json:"slope"`
	SlopeLow    float64 `json:"slope_low"` // 95 %, over draws or runs
	SlopeHigh   float64 `json:"slope_high"`
	AME         float64 `json:"ame"`
	AMELow      float64 `json:"ame_low"`
	AMEHigh     float64 `json:"ame_high"`
	ShrunkSlope float64 `json:"shrunk_slope"`
	ShrunkAME   float64 `json:"shrunk_ame"`
}

// DrawPoint is one run: the mean over languages.
type DrawPoint struct {
	Kind        string    `json:"kind"`
	Encoder     string    `json:"encoder"`
	Stratum     string    `json:"stratum,omitempty"`
	Size        string    `json:"size,omitempty"`
	Diversity   string    `json:"diversity,omitempty"`
	Budget      string    `json:"budget,omitempty"`
	Draw        string    `json:"draw,omitempty"`
	Params      int64     `json:"params"`
	Hill1       float64   `json:"hill1"`
	Pairs       float64   `json:"pairs"`
	Cells       []string  `json:"cells"` // digests, in the order of Facts.Targets where one cell has one target
	Mean        float64   `json:"mean"`
	PerLanguage []float64 `json:"per_language"` // in the order of Facts.Targets
}

// Curve is a fitted line over size or diversity, at one value of the others.
type Curve struct {
	X         string       `json:"x"` // "size" or "diversity"
	Stratum   string       `json:"stratum,omitempty"`
	Size      string       `json:"size,omitempty"`
	Diversity string       `json:"diversity,omitempty"`
	Budget    string       `json:"budget,omitempty"`
	Language  string       `json:"language,omitempty"` // "" for the mean over languages
	Points    []CurvePoint `json:"points"`
}

// CurvePoint is one point of a curve. The band is 95 %, over draws or runs,
// for these languages.
type CurvePoint struct {
	X    float64 `json:"x"` // parameters, or effective number of languages
	Y    float64 `json:"y"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// LeaveOut is a headline effect without one language, draw or level.
type LeaveOut struct {
	Kind   string  `json:"kind"` // "language", "draw", "size", "diversity"
	Label  string  `json:"label"`
	Factor string  `json:"factor"` // of the effect
	AME    float64 `json:"ame"`    // without it
	Change float64 `json:"change"` // to the full estimate
}

// Verdicts.
const (
	Supported    = "supported"
	Refuted      = "refuted"
	Inconclusive = "inconclusive"
)

// Reasons for which a verdict is inconclusive whatever the numbers.
const (
	ReasonFewLanguages = "few languages"
	ReasonPartialGrid  = "partial grid"
	ReasonNotSeparable = "not separable"
	ReasonTooFewRuns   = "too few runs"
	ReasonUnbounded    = "unbounded"
	ReasonNoData       = "no data"
	ReasonFewQueries   = "few queries" // of a language with one query nothing says how it would be with others
	ReasonNoSpread     = "no spread"   // all values are equal: there are Value and P, of a sign-flip test, and no interval
	ReasonExpression   = "expression"  // the claim asks for something that this analysis has not
	ReasonSelection    = "selection"   // the claim names cells that are not there, or do not belong together
	ReasonAmbiguous    = "ambiguous"   // the claim would be about several conditions at once
)

// Cases of a verdict (which row of the rule applied).
const (
	CaseAbove      = "above"      // the whole interval is beyond the margin
	CaseOpposite   = "opposite"   // the whole interval is on the other side
	CaseBelow      = "below"      // a gain, but smaller than asked for
	CaseBounded    = "bounded"    // whatever the gain, smaller than asked for
	CaseClearGain  = "clear gain" // a gain, which may be smaller or larger
	CaseOpen       = "open"       // from a loss to a gain
	CaseAlike      = "alike"      // any difference is below the margin
	CaseMayDiffer  = "may differ"
	CaseDifferent  = "different"
	CaseNotEnough  = "reason" // forced: see Reason
	CaseNoDecision = "edge"   // none of the sentences above applies
)

// ClaimResult is a decided claim.
type ClaimResult struct {
	Name       string  `json:"name"`
	Analysis   string  `json:"analysis"`
	Statement  string  `json:"statement"`
	Expression string  `json:"expression"` // as in the workflow
	Op         string  `json:"op"`
	Against    float64 `json:"against"` // c: the constant compared with
	Margin     float64 `json:"margin"`

	Estimate Estimate `json:"estimate"` // of the left side (or left − right)

	// Level, Low and High are the interval after correction for several
	// claims; the verdict follows from it alone.
	Level float64 `json:"level"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	P     float64 `json:"p"` // against the boundary

	Family int `json:"family"` // claims that are corrected for, this one included

	// Found is the effect nearest to what was asked that 8 of 10 such studies
	// would support at this level; nil for claims of equality and where there
	// is no interval.
	Found *float64 `json:"found,omitempty"`

	PHolm float64 `json:"p_adj"` // Holm, over the claims of the study

	Verdict string `json:"verdict"`
	Case    string `json:"case"`
	Reason  string `json:"reason,omitempty"` // a Reason* code where it was forced

	Measured  string   `json:"measured"`  // "+2.6 points per doubling", ready to print
	Interval  string   `json:"interval"`  // "1.9 to 3.3", in the same unit
	Asked     string   `json:"asked"`     // "above 0.5 points"
	Sentences []string `json:"sentences"` // what follows, then what would settle it, then robustness

	Dots []float64 `json:"dots,omitempty"` // 20 quantiles of the estimate, for a dotplot; measure units or log-odds

	Robust       bool          `json:"robust"` // no other analysis gives another verdict
	Alternatives []Alternative `json:"alternatives,omitempty"`
}

// Alternative is the verdict of another reasonable analysis of the same claim.
type Alternative struct {
	Name    string  `json:"name"` // "without cat", "on the measure itself"
	Verdict string  `json:"verdict"`
	Value   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Note is a warning or a footnote.
type Note struct {
	Code    string   `json:"code"`
	Text    string   `json:"text"` // one sentence
	Warning bool     `json:"warning"`
	Affects []string `json:"affects,omitempty"` // claims whose verdict it touches
}
