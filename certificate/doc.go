// Package certificate owns what the public listener shows and asks for in a TLS handshake: its own
// certificate, from two files ([Files]) or from an ACME authority such as Let's Encrypt ([ACME]), and
// Meta's client certificate ([Client]).
//
// # Promises
//
//   - A handshake never waits for another one, nor for the network.
//   - Nothing that strangers do leads to an order at the authority. Orders follow from the configuration
//     and the time alone, and the pauses after refusals stay within what Let's Encrypt allows.
//   - A certificate that works is only ever replaced by one that works. Files that are half written, or
//     don't fit together, change nothing.
package certificate
