// Command trigrams is the smallest useful plugin: an encoder that hashes the
// three-letter pieces of a text into a vector. It needs nothing but the SDK.
package main

import (
	"context"
	"hash/fnv"
	"math"

	"github.com/xlrun/xlrun/sdk"
	"github.com/xlrun/xlrun/sdk/serve"
)

type options struct {
	Dim int `xl:"dim,default=256,min=2,max=65536" doc:"Dimensions of a vector."`
}

type encoder struct{ dim int }

func (e encoder) Info() sdk.EncoderInfo {
	// Nothing is learned anywhere, so no language was seen.
	return sdk.EncoderInfo{Dim: e.dim, UnitNorm: true, PretrainingKnown: true}
}

func (e encoder) Encode(_ context.Context, _ sdk.Role, texts []sdk.Text) (*sdk.Embeddings, error) {
	out := &sdk.Embeddings{Dim: e.dim, Data: make([]float32, e.dim*len(texts))}
	for i, t := range texts {
		row := out.Data[i*e.dim : (i+1)*e.dim]
		runes := []rune(" " + sdk.NormalizeText(t.Text) + " ")
		var sum float64 // of squares; counts are small whole numbers, so it is exact
		for k := 0; k+3 <= len(runes); k++ {
			h := fnv.New64a()
			_, _ = h.Write([]byte(string(runes[k : k+3])))
			c := &row[h.Sum64()%uint64(e.dim)]
			sum += float64(2**c + 1)
			*c++
		}
		for k := range row {
			if sum > 0 {
				row[k] = float32(float64(row[k]) / math.Sqrt(sum))
			}
		}
	}
	return out, nil
}

func main() {
	serve.Plugin(sdk.Plugin{Name: "trigrams", Version: "0.1.0", Components: []sdk.Component{
		sdk.NewEncoder(sdk.Info{Name: "trigrams", Revision: 1, Doc: "Counts of hashed character trigrams."},
			func(_ context.Context, o options, _ *sdk.Model) (sdk.Encoder, error) { return encoder{o.Dim}, nil }),
	}})
}
