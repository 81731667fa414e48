package main

import (
	"testing"

	"github.com/xlrun/xlrun/sdk/sdktest"
)

func TestHash(t *testing.T) { sdktest.Encoder(t, component, `{"dim": 64}`) }
