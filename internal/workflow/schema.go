package workflow

// argSpec says what a host block's argument is.
type argSpec struct {
	required bool
	ref      string // the block types that it refers to, "|" between; "" for a plain value
	list     bool   // a list of references is one value, not alternatives
	collect  bool   // sees every instance, inherits no axes
}

// blockSpec says what a kind of block may hold. Component blocks take any
// other argument too: the component's declaration decides.
type blockSpec struct {
	component bool     // two labels
	formats   []string // two labels, the first one of these
	args      map[string]argSpec
}

func (s blockSpec) twoLabels() bool { return s.component || s.formats != nil }

var blockSpecs = map[string]blockSpec{
	"loader":  {component: true},
	"encoder": {component: true},
	"index":   {component: true},
	"metric":  {component: true},
	"mixture": {args: map[string]argSpec{
		"from": {required: true, ref: "loader", list: true}, "languages": {required: true}, "pivot": {required: true},
		"pairs": {required: true}, "share": {}, "exponent": {}, "weights": {}, "pairing": {}, "kinds": {},
		"exclude": {ref: "loader", list: true, collect: true}, "seed": {required: true},
	}},
	"task": {args: map[string]argSpec{
		"data": {required: true, ref: "loader"}, "query_language": {required: true}, "corpus_language": {required: true}, "pool": {},
	}},
	"retrieval": {args: map[string]argSpec{
		"task": {required: true, ref: "task"}, "encoder": {ref: "encoder"}, "index": {ref: "index"}, "run": {ref: "run"},
		"metric": {required: true, ref: "metric"}, "depth": {}, "leakage": {}, "curve": {},
	}},
	"run": {formats: []string{"trec"}, args: map[string]argSpec{
		"path": {required: true}, "tag": {}, "params": {}, "params_non_embedding": {}, "training_languages": {}, "pretraining": {},
	}},
	"fuse": {args: map[string]argSpec{
		"of": {required: true, ref: "retrieval", list: true}, "metric": {required: true, ref: "metric"},
		"method": {}, "k": {}, "normalise": {}, "weights": {}, "depth": {},
	}},
}

var trainSpec = blockSpec{args: map[string]argSpec{"on": {required: true, ref: "mixture"}}}

var (
	analysisArgs = map[string]argSpec{"of": {required: true, ref: "retrieval|fuse", collect: true}, "measure": {required: true}, "baseline": {ref: "encoder|run", collect: true}, "reference": {}, "worst": {}}
	claimArgs    = map[string]argSpec{"of": {required: true}, "statement": {required: true}, "holds": {required: true}, "margin": {}}
	variableArgs = []string{"type", "default", "description"}
	studyArgs    = []string{"title", "question"}
	topLevel     = []string{"xlrun", "study", "variable", "locals", "axis", "loader", "mixture", "encoder", "task", "index", "metric", "run", "retrieval", "fuse", "analysis", "claim"}
	// reserved block types say when they are used too early.
	reserved = []string{"rerank", "executor", "report"}
	// referable lists the block types that references name.
	referable = []string{"loader", "mixture", "encoder", "task", "index", "metric", "run", "retrieval", "fuse", "analysis"}
)
