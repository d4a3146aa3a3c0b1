// Package native adds hand-written kernels to XLA on the CPU: the layers of
// package nn use them where the backend has them, and are several times faster
// with them.
//
//	if fast, err := native.Wrap(backend); err == nil { // an XLA CPU backend of GoMLX
//		backend = fast
//	}
//
// There are four kinds, all for float32: [Conv], the three products of a
// convolution; [Norm], batch normalisation with what follows it; [LSTM], the
// recurrent part of an LSTM layer; [Filter], KaFiStO's passes over the
// parameters. Their methods add calls to a graph and have no gradients: the
// layers of package nn give them theirs.
//
// The kernels are C and are called by the compiled program itself, on its own
// buffers and threads, through XLA's foreign function interface. Which vectors
// they use (AVX-512, AVX2 or portable ones) is chosen when the program runs.
// Results are the same from run to run on one machine with the same number of
// threads.
//
// They need cgo, Linux on x86-64 or arm64, and a PJRT plugin with that
// interface; AVX-512 and AVX2 need a program that was compiled by gcc. Without
// kernels everything works as before, only slower.
package native
