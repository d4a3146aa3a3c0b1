//go:build !goexperiment.simd

package engine

// builtWithSIMD says that the Go backend uses the CPU's vector instructions.
const builtWithSIMD = false
