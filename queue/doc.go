// Package queue decides when: which delivery is attempted next, how many at once, and when a failed one
// is tried again. It speaks neither HTTP nor the database's language; both are handed to it.
//
// # Promises
//
//   - A delivery leaves the schedule only when its attempt's outcome is on disk. A crash makes due again
//     what was in flight, and repeats nothing else.
//   - Deliveries of one conversation to one endpoint start in order: the next begins when the one before
//     has succeeded or become a dead letter. Conversations don't wait for each other, nor do endpoints.
//   - At most Concurrency attempts are under way, at most PerEndpoint of them for one endpoint.
//   - Memory holds a bounded window of each endpoint's schedule, whatever waits behind it on disk.
//   - It sleeps until the next delivery is due; nothing is polled.
//   - A clock that is set while it runs changes no wait, but that what is waiting when it is set ahead may be
//     tried early, once. After a restart with a clock that was set back nothing waits longer than the longest
//     wait of its schedule or Retry-After.
//
// # Fairness
//
// An endpoint that hangs holds a slot for the whole timeout. So slots go by proof: what an endpoint had under
// way when it last answered, if that was within two seconds.
//
//   - First come endpoints with proof that have nothing under way: any free slot will do.
//   - Then those that have less under way than they have proved, while a quarter of the slots is free.
//   - Attempts beyond proof are made on trust: the first of an endpoint while such attempts hold less than
//     half of the slots, further ones while they hold less than a quarter. A busy endpoint that answers
//     proves more with each answer, and soon has as many as it can use.
//   - Last come endpoints that have failed ten times in a row, out of the same half, or a sixteenth of the
//     slots if others have it. They get one request at a time, and a pause after each that grows to a second
//     (but to no more than a tenth of the longest wait of their schedule). One success ends that.
//
// So endpoints that hang, or answer slowly, hold little more than half of the slots however many they are,
// and the others don't notice. Only when endpoints that answered begin to hang, they hold what they had
// proved until their attempts time out. Over a restart it is kept which endpoints were failing.
//
// An endpoint that has only failed for DisableAfter is disabled, and so is one that answers 410. What is on
// its way to it then waits.
//
// # How
//
// One goroutine, [Queue.Run], owns all state. Each endpoint has a lane: a window of deliveries that may
// start, and what is in flight. New deliveries come in through [Queue.Offer] right after their commit and
// go straight into the lane if nothing of it waits on disk; otherwise the lane is stale and reads its
// schedule when it has room. Lanes with something to start stand in rings, one for each rank, and take
// turns.
package queue
