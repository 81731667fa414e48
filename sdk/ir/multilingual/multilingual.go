// Package multilingual has measures of rankings over documents in several
// languages: whether languages are treated alike (PEER, AWRF), whether the
// translation in the query's language comes first (LPR, LangNDCG), whether
// translations lie together (MaxR, weak and strong alignment), whether
// translations of a query find the same (MRC); and the aggregates by which
// scores of several languages are told in one number.
//
// The one thing to know: a number that makes no sense is not given. Functions
// return a value and a reason; where the reason is not empty there is no value,
// and the value returned is 0. Reasons are short and the same for all queries
// with the same lack, so that they can be counted.
//
// The package neither sorts a ranking nor breaks ties: who calls it does. It
// reads no files; package plugins/fairness makes a metric of it.
package multilingual

import "cmp"

// Document is what the measures know of a document.
type Document struct {
	Language string
	Group    string // of translations of one another; "": none is known
}

// Query is a query with its judgments and its ranking.
type Query struct {
	ID         string
	Language   string
	Group      string              // of translations of one another
	Ranking    []string            // documents, best first, each once
	Qrels      map[string]int      // document to grade; relevant: above 0
	Documents  map[string]Document // every ranked and every judged document
	Candidates map[string]int      // how many documents of each language were searched; nil: not known
}

// The reasons why a measure has no value.
const (
	NoRelevant       = "no relevant document is judged"
	OneLanguage      = "the relevant documents are all in one language"
	NoneInQueryLang  = "no relevant document is in the language of the query"
	NoneInOtherLang  = "no relevant document is in another language than the query"
	NoQueryLanguage  = "the language of the query is not known"
	NoDocLanguage    = "the language of a document is not known"
	NothingRanked    = "nothing was retrieved"
	NoneRetrieved    = "no relevant document is among those looked at"
	OneCandidateLang = "the pool is in one language"
	UnknownPool      = "the languages of the pool are not known"
	PoolSizeUnknown  = "a relevant document was not retrieved, and the size of the pool is not known"
	PoolUnknown      = "the size of the pool is not known"
	AllRelevant      = "every document of the pool is relevant"
	NoWeight         = "no relevance level with a weight is judged"
	NoTranslation    = "the query has no translation in another language"
	TooFewDocuments  = "there are fewer than two documents to compare"

	TranslationUnranked = "nothing was retrieved for a translation of the query"
)

// relevant returns the relevant documents by their languages. The reason is
// there when a language is missing.
func (q *Query) relevant() (byLanguage map[string]int, total int, why string) {
	byLanguage = map[string]int{}
	for doc, grade := range q.Qrels {
		if grade <= 0 {
			continue
		}
		lang := q.Documents[doc].Language
		if lang == "" {
			why = NoDocLanguage
		}
		byLanguage[lang]++
		total++
	}
	if total == 0 {
		why = NoRelevant
	}
	return byLanguage, total, why
}

// parallel is relevant for measures that need relevant documents in the
// language of the query and in another one.
func (q *Query) parallel() (why string) {
	by, _, why := q.relevant()
	switch {
	case why != "":
	case q.Language == "":
		why = NoQueryLanguage
	case len(by) < 2:
		why = OneLanguage
	case by[q.Language] == 0:
		why = NoneInQueryLang
	}
	return why
}

// head returns the first k of a ranking; all of it where k is 0.
func (q *Query) head(k int) []string {
	if k > 0 && k < len(q.Ranking) {
		return q.Ranking[:k]
	}
	return q.Ranking
}

// sum adds xs in ascending order, so that it is the same whatever order they
// were made in.
func sum[K cmp.Ordered](xs map[K]float64, keys []K) float64 {
	var s float64
	for _, k := range keys {
		s += xs[k]
	}
	return s
}
