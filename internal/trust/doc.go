// Package trust tests what a run promises on the program itself: that it can be
// stopped, killed and gone on with, that it repeats, and what it does with damaged
// files and full disks. docs/reliability.md names every promise with its test.
//
// The tests run in a shortened form; KAFISTO_TRUST=full (`make trust`) is the whole.
package trust
