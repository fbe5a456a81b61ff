// The benchmark harness, in a module of its own: the program doesn't depend on it.
module cubeconnect/bench

go 1.26.0

require (
	go.etcd.io/bbolt v1.5.0
	golang.org/x/sys v0.49.0
)
