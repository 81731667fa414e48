package main

import (
	"testing"

	"github.com/xlrun/xlrun/sdk/sdktest"
)

func TestOwn(t *testing.T) { sdktest.Metric(t, component, `{"cutoff": 3}`) }
