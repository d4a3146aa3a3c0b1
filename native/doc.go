// Package native adds hand-written kernels to XLA on the CPU: the layers of
// package nn use them where the backend has them, and are several times faster
// with them.
//
//	backend, err := native.Wrap(backend) // an XLA CPU backend of GoMLX
//
// The kernels are C (AVX-512, AVX2 or portable vectors, chosen when the program
// runs) and are called by the compiled program itself, on its own buffers and
// threads, through XLA's foreign function interface. Results are the same from
// run to run on one machine.
//
// They need cgo, Linux on x86-64 or arm64, and a PJRT plugin with that
// interface. Without them everything works as before, only slower.
package native
