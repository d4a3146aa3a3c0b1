//go:build !(cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)))

package engine

import "github.com/gomlx/compute"

// noXLA is why this program has no XLA; empty where it has.
const noXLA = "built without cgo, or for a platform without XLA"

// loadXLA opens a PJRT plugin by its path; nil where there is no XLA.
var loadXLA func(path string) (compute.Backend, error)

// defaultPlugins returns the plugins where go-xla looks by default.
func defaultPlugins() map[string]string { return nil }
