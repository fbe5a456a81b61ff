// Package private says whether a file of secrets is for its owner alone.
package private

import "io/fs"

// Is reports whether nobody but its owner may read or write a file. Those that systemd hands over
// ($CREDENTIALS_DIRECTORY) belong to root and are opened to the service's user through an access list, which
// looks like a group that may read.
func Is(mode fs.FileMode, credential bool) bool {
	if credential {
		return mode.Perm()&0o007 == 0
	}
	return mode.Perm()&0o077 == 0
}
