// Package egress makes one attempt: it signs an event, dials the endpoint through a guard, posts, and says
// what the answer means. It knows neither the schedule nor the store.
//
// It promises that
//   - an address outside the public internet is never connected to, whatever DNS says, unless the operator
//     allowed its network: [Client] asks the guard about the numeric address of every connection;
//   - redirects are not followed and no proxy from the environment is used, so that nobody but the
//     endpoint's own host gets to see a request;
//   - one deadline covers look-up, dial, TLS, headers and body, and a bounded part of an answer is read,
//     so that an endpoint can neither hold an attempt nor fill the memory;
//   - what a tenant learns of a failure is a [webhook.ErrorClass], never an address that was dialled.
package egress
