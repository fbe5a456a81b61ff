// Package ingress is the side that Meta sees: the handshake of the callback URL, the check of a
// webhook's signature, the translation of Meta's changes into this installation's events, and the
// answer that tells Meta whether to send again.
//
// It promises that nothing is read from a body whose signature doesn't fit, that 200 is answered only
// after the [Acceptor] has everything on disk, and that no content of a signed body leads to another
// answer: what can't be understood is kept and answered with 200, because Meta sends anything else
// again for days. It knows neither endpoints nor how things are stored.
package ingress
