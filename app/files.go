package app

import (
	"golang.org/x/sys/unix"

	"cubeconnect/ingress"
)

// connections returns how many connections the public listener can have: half of the files that this process
// may open, for the deliveries, the database and the other listeners need some too.
func connections() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return ingress.MaxConnections
	}
	return int(min(limit.Cur/2, ingress.MaxConnections))
}
