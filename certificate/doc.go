// Package certificate owns what the public listener shows and asks for in a TLS handshake: its own
// certificate, from two files ([Files]), and Meta's client certificate ([Client]).
//
// # Promises
//
//   - A handshake never waits for another one, nor for the network.
//   - A certificate that works is only ever replaced by one that works. Files that are half written, or
//     don't fit together, change nothing.
package certificate
