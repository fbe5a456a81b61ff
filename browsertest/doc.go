// Package browsertest plays an administrator at a browser, in front of the program as it is built and of
// systems that check what it sends them. Nothing in between is replaced by something else.
package browsertest
