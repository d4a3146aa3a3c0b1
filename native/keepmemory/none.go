//go:build !cgo

// Package keepmemory does nothing in programs without cgo, which have no XLA.
package keepmemory
