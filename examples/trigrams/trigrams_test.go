package main

import (
	"math"
	"testing"

	"github.com/xlrun/xlrun/sdk"
)

func TestEncode(t *testing.T) {
	e := encoder{dim: 64}
	out, err := e.Encode(t.Context(), sdk.RoleQuery, []sdk.Text{{Text: "Good morning!"}, {Text: ""}, {Text: "good  MORNING"}})
	if err != nil {
		t.Fatal(err)
	}
	if out.Rows() != 3 {
		t.Fatalf("want 3 rows, got %d", out.Rows())
	}
	var length float64
	for k := range 64 {
		first, empty, same := out.Data[k], out.Data[64+k], out.Data[128+k]
		length += float64(first) * float64(first)
		if empty != 0 {
			t.Errorf("the empty text: want the zero vector, got %v in column %d", empty, k)
		}
		if first != same {
			t.Errorf("column %d: case and spacing make a difference: %v and %v", k, first, same)
		}
	}
	if math.Abs(length-1) > 1e-6 {
		t.Errorf("want length 1, got %v", math.Sqrt(length))
	}
}
