package results

// Score is one mean that somebody else has computed: one model on one subset of
// a task, by one measure. Nothing is known of single queries, and what the model
// was trained on is at best declared.
type Score struct {
	Model           string  `parquet:"model,dict"`
	Revision        string  `parquet:"model_revision,dict"` // empty where it is not known
	Task            string  `parquet:"task,dict"`
	DatasetRevision string  `parquet:"dataset_revision,dict"`
	Version         string  `parquet:"mteb_version,dict"`
	Split           string  `parquet:"split,dict"`
	Subset          string  `parquet:"subset,dict"`
	Languages       string  `parquet:"languages,dict"` // with spaces between
	Measure         string  `parquet:"measure,dict"`   // as in ir_measures; else as in the file
	Key             string  `parquet:"key,dict"`       // as in the file
	Value           float64 `parquet:"value"`
	Digits          int32   `parquet:"digits"` // after the point, in the file
	Lineage         string  `parquet:"lineage,dict"`
	File            string  `parquet:"file,dict"` // that it was read from
}

var scores = format[Score, Score]{name: "scores", row: same[Score], from: same[Score], size: func(s *Score) int { return 200 + len(s.File) }}

// EncodeScores returns the file of scores.
func EncodeScores(rows []Score) ([]byte, error) { return scores.bytes(rows) }
