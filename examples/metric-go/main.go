// Command xl-own is a plugin of xlrun with a metric: which part of the first
// documents of a ranking is in the language of the query.
package main

import (
	"context"
	"fmt"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/serve"
)

type options struct {
	Cutoff int `xl:"cutoff,default=10,min=1" doc:"How many documents to look at."`
}

type metric struct{ options }

func (m metric) Measures() []string { return []string{fmt.Sprintf("Own@%d", m.Cutoff)} }

func (m metric) Ranges() []sdk.Range { return []sdk.Range{{Low: 0, High: 1}} }

func (m metric) Evaluate(_ context.Context, q sdk.JudgedQuery) (sdk.QueryValues, error) {
	v := sdk.QueryValues{Values: []float64{0}}
	for i, d := range q.Ranking { // best first
		if q.Qrels[d.ID] > 0 {
			v.Rank = i + 1
			break
		}
	}
	head := q.Ranking[:min(m.Cutoff, len(q.Ranking))]
	switch {
	case q.Language == "":
		v.Undefined = []string{"the language of the query is not known"}
	case len(q.Candidates) < 2:
		v.Undefined = []string{"the pool is in one language"}
	case len(head) == 0:
		v.Undefined = []string{"nothing was retrieved"}
	default:
		own := 0
		for _, d := range head {
			if q.Documents[d.ID].Language == q.Language {
				own++
			}
		}
		v.Values[0] = float64(own) / float64(len(head))
	}
	return v, nil
}

var component = sdk.NewMetric(sdk.Info{
	Name: "own", Revision: 1, Doc: "Which part of the first documents is in the query's language.",
	Languages: true, // Evaluate wants to know of languages
}, func(_ context.Context, o options) (sdk.Metric, error) { return metric{o}, nil })

func main() {
	serve.Plugin(sdk.Plugin{Name: "own", Version: "0.1.0", Components: []sdk.Component{component}})
}
