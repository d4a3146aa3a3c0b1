//go:build !cgo

// Package keepmemory does nothing in programs without cgo, which have no XLA, but for
// Release.
package keepmemory

func releaseHeap() {}
