//go:build linux && amd64 && !race

package store_test

// usualCuts is how many cuts of the power there are in a usual run: make crash makes forty times as many.
const usualCuts = 120
