// Command xl-hash is a plugin of xlrun in thirty lines: an encoder that counts
// the words of a text in buckets chosen by a hash.
package main

import (
	"context"
	"hash/fnv"
	"math"
	"strings"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/serve"
)

type options struct {
	Dim int `xl:"dim,default=256,min=1,max=65536" doc:"Dimensions of a vector: how many buckets there are."`
}

type encoder struct{ options }

func (e encoder) Info() sdk.EncoderInfo {
	return sdk.EncoderInfo{Dim: e.Dim, UnitNorm: true, PretrainingKnown: true}
}

func (e encoder) Encode(_ context.Context, _ sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	out := &sdk.Embeddings{Dim: e.Dim, Data: make([]float32, len(texts)*e.Dim)}
	for i, t := range texts {
		row, sum := out.Data[i*e.Dim:(i+1)*e.Dim], float32(0)
		for _, word := range strings.Fields(strings.ToLower(t.Text)) {
			h := fnv.New32a()
			_, _ = h.Write([]byte(word))
			row[h.Sum32()%uint32(e.Dim)]++
		}
		for _, x := range row {
			sum += float32(x * x) // counts are whole numbers: no rounding here
		}
		for j := range row {
			if sum > 0 {
				row[j] /= float32(math.Sqrt(float64(sum)))
			}
		}
	}
	return out, nil
}

var component = sdk.NewEncoder(sdk.Info{Name: "hash", Revision: 1, Doc: "Counts words in hashed buckets."},
	func(_ context.Context, o options, _ *sdk.Model) (sdk.Encoder, error) { return encoder{o}, nil })

func main() {
	serve.Plugin(sdk.Plugin{Name: "hash", Version: "0.1.0", Components: []sdk.Component{component}})
}
