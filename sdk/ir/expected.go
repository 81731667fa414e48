package ir

import "errors"

type expectation = func(*view, *Measure) (float64, error)

var errNoExact = errors.New("the mean over the orders of equal scores has no exact value here")

func noExact(*view, *Measure) (float64, error) { return 0, errNoExact }

func linear(func(*view, *Measure) float64) expectation         { return noExact }
func expectCut(func(*view, *Measure) float64) expectation      { return noExact }
func expectByOrders(func(*view, *Measure) float64) expectation { return noExact }
func expectFloored(expectation) expectation                    { return noExact }

var (
	expectNDCG         = noExact
	expectRR           = noExact
	expectAP           = noExact
	expectSuccess      = noExact
	expectBpref        = noExact
	expectInfAP        = noExact
	expectInterpolated = noExact
	expectERR          = noExact
	expectAccuracy     = noExact
	expectCompat       = noExact
	expectElevenPoint  = noExact
	expectBinG         = noExact
)

// squeeze gives j, which holds the judged documents of l, the blocks of l.
func (l *list) squeeze(*list) {}
