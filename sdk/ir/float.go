package ir

import (
	"bytes"
	"math"
	"strconv"
)

// pow10 holds the powers of ten that a 64-bit float holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseFloat reads a number as C's strtod, Go and Python alike read it: in
// decimal, infinite ("inf", "Infinity") or NaN, in any case, with a sign or
// without. It refuses what only some of them take, such as 1_000 and 0x1p3,
// with [strconv.ErrSyntax]. Values have the bits that strconv gives; without
// memory and faster for what score columns hold.
//
// A decimal of at most 19 digits whose value without the point is at most 2⁵³
// is a whole number that a float holds exactly; multiplied or divided by a
// power of ten up to 10²², which a float holds exactly too, it is rounded
// once and so correctly. After W. D. Clinger, "How to read floating point
// numbers accurately", PLDI 1990. Everything else is strconv's.
func parseFloat(b []byte) (float64, error) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	var mantissa uint64
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits, exp := i-start, 0
	if i < len(b) && b[i] == '.' {
		i++
		start = i
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		exp = start - i
		digits -= exp
	}
	if digits == 0 || digits > 19 || mantissa > 1<<53 {
		return parseAnyFloat(b)
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		sign := 1
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			if b[i] == '-' {
				sign = -1
			}
			i++
		}
		start, e := i, 0
		for i < len(b) && i < start+4 && b[i]-'0' <= 9 {
			e = e*10 + int(b[i]-'0')
			i++
		}
		if i == start {
			return parseAnyFloat(b)
		}
		exp += sign * e
	}
	if i != len(b) || exp < -22 || exp > 22 {
		return parseAnyFloat(b)
	}
	f := float64(mantissa)
	if exp < 0 {
		f /= pow10[-exp]
	} else {
		f *= pow10[exp]
	}
	if neg {
		f = math.Copysign(f, -1)
	}
	return f, nil
}

// parseAnyFloat is the slow part of parseFloat.
func parseAnyFloat(b []byte) (float64, error) {
	if bytes.ContainsAny(b, "_xX") {
		return 0, strconv.ErrSyntax
	}
	if len(b) == 4 && (b[0] == '-' || b[0] == '+') {
		if nan := b[1:]; bytes.EqualFold(nan, []byte("nan")) { // as C prints it, and Go does not take it
			b = nan
		}
	}
	return strconv.ParseFloat(string(b), 64)
}
