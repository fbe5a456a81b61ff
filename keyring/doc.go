// Package keyring owns the master keys: what seals secrets before they go to disk, and opens them again.
//
// # Promises
//
//   - A sealed value can be read, or changed unseen, only by who has the key: XChaCha20-Poly1305 with a
//     random nonce. It opens only under the name that it was sealed under, so that one which is moved to
//     another record is refused.
//   - A ring can have several keys. The newest seals, each opens what it has sealed.
//   - A file of keys always is whole: a new key is on disk before anything can be sealed with it, and no
//     moment of a crash leaves the file without a key that it had.
//   - No file is made in place of one that is missing unless that is asked for, none is overwritten, and
//     none is taken that others can read.
//   - A ring doesn't print, and no error shows a key.
package keyring
