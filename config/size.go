package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as "4MiB", "512KiB", "1GiB" or a plain number.
type Size int64

const (
	kibibyte Size = 1 << 10
	mebibyte Size = 1 << 20
	gibibyte Size = 1 << 30
)

// ParseSize reads a size. Decimal units (MB) are refused: people mean different numbers by them.
func ParseSize(s string) (Size, error) {
	number, unit := s, Size(1)
	if rest, ok := strings.CutSuffix(s, "KiB"); ok {
		number, unit = rest, kibibyte
	} else if rest, ok := strings.CutSuffix(s, "MiB"); ok {
		number, unit = rest, mebibyte
	} else if rest, ok := strings.CutSuffix(s, "GiB"); ok {
		number, unit = rest, gibibyte
	}
	n, err := strconv.ParseUint(strings.TrimRight(number, " "), 10, 63)
	if err != nil || Size(n) > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size such as 512KiB, 4MiB or 1GiB", s)
	}
	return Size(n) * unit, nil
}

// Bytes returns the number of bytes.
func (s Size) Bytes() int64 { return int64(s) }

// String uses the largest unit that leaves a whole number.
func (s Size) String() string {
	switch {
	case s == 0:
		return "0"
	case s%gibibyte == 0:
		return strconv.FormatInt(int64(s/gibibyte), 10) + "GiB"
	case s%mebibyte == 0:
		return strconv.FormatInt(int64(s/mebibyte), 10) + "MiB"
	case s%kibibyte == 0:
		return strconv.FormatInt(int64(s/kibibyte), 10) + "KiB"
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText implements [encoding.TextMarshaler].
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSize(string(b))
	return err
}
