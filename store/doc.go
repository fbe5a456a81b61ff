// Package store owns the database file and its write-ahead log: buckets, keys and encodings, transactions,
// and what is in memory so that hot paths need not read it.
//
// # Promises
//
//   - When a method that changes something returns nil, the change is on disk (synced). When it returns
//     an error, nothing of it is there, nor will be; unless the disk failed and the process then dies before
//     it has written anything else: such a change may be met again, whole.
//   - Nothing that was acknowledged depends on what a failed sync may have lost. The log writes it again; the
//     file, where its end is in doubt, is left alone until a restart (see [errDoubtful]).
//   - A method is one transaction unless its comment says otherwise. Concurrent ones share a commit: a
//     single goroutine drains the steps that wait into one transaction, and begins the next as soon as
//     the last has synced. A step that fails does so alone.
//   - Memory doesn't grow with the number of events, deliveries or audit records, nor does the time to
//     open the file.
//   - While the file can't take what is written (a full disk), what brings in something new fails at once
//     with [webhook.ErrFull]; outcomes of attempts, and whatever else there was before, are still taken up
//     to a bound.
//   - No method hands out memory of the file: what leaves a transaction is a copy.
//
// # The way of a write
//
// A commit is one record of the write-ahead log (package wal): the rows that it changes, in one sequential
// write and one sync. The same rows lie in memory over the file, in a layer that every read looks into
// first. After a second, or 1 MiB, the layer is frozen and a new one begun; a second goroutine moves the
// frozen one into the file in one transaction, sorted, and the log's other file is free again. What was
// written and removed in between never reaches the file: most deliveries' entries in the schedule. After a
// crash the log's records make up the first layer.
//
// Rows whose keys are hashes belong at random places of large buckets. In the file they are gathered first,
// in the order in which they came, and in memory too; a sweep through them takes neighbours to their places
// together (see gather.go). Those of messages, of which there are most, are buffered once more on their way
// (see buffer.go), so that a table of millions costs little more than an empty one.
//
//	          commit loop                                 flush loop
//	steps ──▶ transaction ──▶ log ──▶ active layer ─┬───▶ frozen layer ──▶ file (bbolt): gathered rows
//	              ▲                                 │          │             │
//	              └────────────── reads ────────────┴──────────┴─────────────┘
//
// # Layout
//
// Keys are big endian, so that their order is the order of time or of ids. "key" is the 12 bytes that an
// event's id and its deliveries' ids share (see [webhook.ID]).
//
//	bucket        key                                      value
//	meta          name                                     schema version, time of creation, state of the log, touchstone of the master keys
//	tenants       tenant(4)                                JSON
//	accounts      account(4)                               JSON
//	endpoints     endpoint(4)                              JSON
//	api_keys      api key(4)                               JSON
//	audit         id(16)                                   audit record
//	events        tenant(4) key(12)                        event record
//	deliveries    tenant(4) key(12) endpoint(4)            delivery record
//	trouble       tenant(4) key(12) endpoint(4)            empty: the delivery is retrying or a dead letter
//	schedule      endpoint(4) due(6) key(12)               conversation(8)
//	held          endpoint(4) conversation(8) key(12)      due(6) as in the schedule, or empty while parked
//	messages      hash of wamid(12), of number id(4)       message record
//	customers     account(4) hash of customer(8)           time of the last inbound message, ms(6)
//	templates     tenant(4) hash(12)                       JSON
//	seen          hash(16)                                 time, ms(6): what else must not count twice
//	idempotency   tenant(4) hash of key(12)                event id(16) fingerprint(16) time, ms(6)
//	stats         endpoint(4)                              running figures
//	purge         kind(1) id(4)                            tenant(4): deleted, its records not yet gone
//	activity      kind(1) id(4) resolution(1) begin(4)     counters of one span of time
//	console       "login"                                  JSON: hash of the password, sessions
//	certificates  authority, domain                        sealed: certificate and key, or the account's key
//	trail         id(16)                                   JSON: who did what to which thing
//	gathered      number(8)                                rows of messages, customers, seen and held on their way there
//	buffered      first byte of a message's key, number(4) rows of messages that were gathered, on their way there
//
// # A delivery on its way
//
// A delivery that has not ended is in one of three places. A fresh one stands in the schedule with due
// zero, behind all fresh ones before it. One that failed, or is replayed, stands there with the time of
// its next attempt, and if it belongs to a conversation also in held. One that must wait for another of
// its conversation is parked: in held only, so that the schedule never has to be searched past it. What
// is parked has an older one of its conversation in the schedule; when that ends, the first that is
// parked becomes due.
package store
