package certificate

import (
	"bytes"
	"encoding/pem"
	"errors"
)

// errCut says that a file is still being written, or was cut.
var errCut = errors.New("it ends in the middle of a certificate")

// blocks returns the parts of a PEM file.
func blocks(file []byte) (list []*pem.Block, err error) {
	for {
		var b *pem.Block
		if b, file = pem.Decode(file); b == nil {
			break
		}
		list = append(list, b)
	}
	if bytes.Contains(file, []byte("-----BEGIN")) {
		return nil, errCut
	}
	return list, nil
}
