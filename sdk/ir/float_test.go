package ir

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// numeral is what C, Go and Python read as the same number. C alone does not
// know the underscores of the others, nor Python hexadecimals.
var numeral = regexp.MustCompile(`(?i)^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$|^[+-]?(inf|infinity|nan)$`)

func checkFloat(t *testing.T, s string) {
	t.Helper()
	want, errWant := strconv.ParseFloat(s, 64)
	switch {
	case !numeral.MatchString(s):
		want, errWant = 0, strconv.ErrSyntax
	case strings.EqualFold(s[1:], "nan"): // a sign, which Go does not take
		want, errWant = math.NaN(), nil
	}
	got, err := parseFloat([]byte(s))
	same := (err == nil) == (errWant == nil) && errors.Is(err, strconv.ErrRange) == errors.Is(errWant, strconv.ErrRange)
	if !same || !sameFloat(want, got) && !(math.IsNaN(want) && math.IsNaN(got)) {
		t.Errorf("%q: want %v, %v, got %v, %v", s, want, errWant, got, err)
	}
}

func TestParseFloat(t *testing.T) {
	check := func(s string) {
		t.Helper()
		checkFloat(t, s)
	}
	for _, s := range []string{
		"", "-", ".", "1", "-0", "+0.0", "1.", ".5", "-.5e1", "1e", "1e+", "1e5", "1E-5", "1e22", "1e23", "123456789012345678e-22",
		"9007199254740992", "9007199254740993", "9007199254740993e1", "0.1", "1e-400", "1e400", "1e99999999999", "0e99999", "NaN", "-nan", "+NAN", "inf", "-Infinity", "+INF", "infin", "nan(1)",
		"0x1p-2", "0x10", "0b1", "1_000", "1_0.5e1_0", "0x_1p0", "1e1_0", "123456789012345678901_0", "1p3", "１", "1,5", "1.2.3", "12a", "00000000000000000000001", "0.00000000000000000000001", "18446744073709551616", "1844674407370955162.0", "1e0001", "1e00000022", "\x00", "1\x00", "1e2 ",
	} {
		check(s)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200_000 {
		f := math.Float64frombits(rng.Uint64())
		for _, s := range []string{
			strconv.FormatFloat(f, 'g', -1, 64), strconv.FormatFloat(rng.NormFloat64()*20, 'f', rng.IntN(20), 64),
			strconv.FormatFloat(rng.ExpFloat64(), 'e', rng.IntN(20), 64), fmt.Sprintf("%d.%de%d", rng.IntN(1e9), rng.Uint32(), rng.IntN(60)-30),
		} {
			check(s)
		}
	}
}

func FuzzParseFloat(f *testing.F) {
	for _, s := range []string{"1.5", "-0", "9007199254740993", "1e22", "1e23", ".5", "0x1p3", "1_0", "12345678901234567890", "-nan", "+Infinity"} {
		f.Add(s)
	}
	f.Fuzz(checkFloat)
}
