//go:build linux && amd64 && race

package store_test

// usualCuts is fewer here: what the race detector looks for is in the load, of which there is as much.
const usualCuts = 36
