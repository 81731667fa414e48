package sdk

// Language is an ISO 639-3 code, followed by a script (ISO 15924) where it
// matters: "eng", "srp_Cyrl".
type Language = string

// Role says on which side of a search a text stands. Encoders that want
// prompts use it.
type Role string

// The roles of a text.
const (
	RoleQuery    Role = "query"
	RoleDocument Role = "document"
)

// Query is a text that asks. Group joins translations of one another: queries
// and documents of one group say the same thing or answer the same question.
type Query struct {
	ID       string
	Language Language
	Text     string
	Group    string
	Origin   string
}

// Document is a text that can be found.
type Document struct {
	ID       string
	Language Language
	Title    string
	Text     string
	Group    string
	Origin   string
}

// Qrel is one relevance judgment. It extends along translations: a query that
// is judged with a document is judged alike with every document of that
// document's group in another language.
type Qrel struct {
	Query     string
	Document  string
	Relevance int
}

// Pair is one training pair: two texts that belong together. Kind is one of
// the loader's PairKinds. Group joins pairs that are translations of one
// another.
type Pair struct {
	Kind   string
	Group  string
	Origin string
	A, B   Text // A: the query side. B: the document side.
}

// Text is a text with what an encoder may want to know of it.
type Text struct {
	ID       string
	Language Language
	Text     string
}

// Hit is one document in a ranking; Row counts the rows of the document matrix.
type Hit struct {
	Row   int32
	Score float32
}

// Embeddings are vectors, one per text, in the order of the texts: dense
// (Data, rows×Dim row-major), or sparse (Indptr, Indices, Values as in CSR;
// Dim is the width).
type Embeddings struct {
	Dim     int
	Data    []float32
	Indptr  []int64
	Indices []uint32
	Values  []float32
}

// Rows returns the number of vectors.
func (e *Embeddings) Rows() int {
	if e.Indptr != nil {
		return len(e.Indptr) - 1
	}
	if e.Dim == 0 {
		return 0
	}
	return len(e.Data) / e.Dim
}

// Sparse reports whether the vectors are sparse.
func (e *Embeddings) Sparse() bool { return e.Indptr != nil }

// EncoderInfo describes an open encoder.
type EncoderInfo struct {
	Dim            int
	Sparse         bool
	UnitNorm       bool  // every non-empty text has a vector of length one
	ParamsTotal    int64 // all weights
	ParamsNonEmbed int64 // weights outside the embedding table; 0 where there are none
	MaxTokens      int   // 0: unlimited

	// Pretraining lists the languages that the checkpoint saw before any
	// training of this study; PretrainingKnown is false where nobody can say.
	// An encoder that starts from random weights has none, known.
	Pretraining      []Language
	PretrainingKnown bool
}

// Model is a trained model: a directory that the encoder's Train wrote.
type Model struct {
	Dir    string // read only
	Digest string
}

// Matrix refers to vectors in a file that others read too.
type Matrix struct {
	Path   string // .npy, C order, little-endian float32
	Digest string
	Rows   int
	Dim    int
}
