// Package grid does a set of training runs in a results folder: each run lies
// under a name that its settings decide, whoever holds the lock of a run's
// folder does it, so that several processes can share the results folder, and
// what was stopped goes on where it was. What the runs are for is its callers'
// matter: the paper's experiments, or a search.
package grid
