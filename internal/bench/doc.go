// Package bench measures how fast the program is: whole training steps, single
// convolutions, the optimizer alone, the data pipeline, compilation.
//
// It has two halves. Measure carries out one round of a Case in this process.
// Interleave lets contenders take turns, round by round, so that what else the
// machine does falls on all of them alike: a Program measures a case in a
// process of its own, whose peak memory the operating system then tells, and a
// Peer is any other program that prints its figures as a line of JSON.
//
// Every case opens its backend through package engine and builds its graphs
// from the packages that training uses, so that it gets faster when they do.
package bench
