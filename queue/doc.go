// Package queue decides when: which delivery is attempted next, how many at once, and when a failed one
// is tried again. It speaks neither HTTP nor the database's language; both are handed to it.
//
// # Promises
//
//   - A delivery leaves the schedule only when its attempt's outcome is on disk. A crash makes due again
//     what was in flight, and repeats nothing else.
//   - Deliveries of one conversation to one endpoint start in order: the next begins when the one before
//     has succeeded or become a dead letter. Conversations don't wait for each other, nor do endpoints.
//   - At most Concurrency attempts are under way, at most PerEndpoint of them for one endpoint. Where
//     several endpoints are busy, none takes more slots than are left free, so those that hang leave room
//     for the others; one that keeps failing has one slot, and all such together at most half of them.
//   - Memory holds a bounded window of each endpoint's schedule, whatever waits behind it on disk.
//   - It sleeps until the next delivery is due; nothing is polled.
//
// # How
//
// One goroutine, [Queue.Run], owns all state. Each endpoint has a lane: a window of deliveries that may
// start, and what is in flight. New deliveries come in through [Queue.Offer] right after their commit and
// go straight into the lane if nothing of it waits on disk; otherwise the lane is stale and reads its
// schedule when it has room. Lanes with something to start stand in a ring, and take turns.
package queue
