// Package conv computes two-dimensional convolutions and their gradients.
//
// A convolution is bilinear in input and kernel, and so are its two gradients:
//
//	y  = Forward(x, w)          from the input and the kernel
//	dx = InputGradient(dy, w)   from the output's adjoint and the kernel
//	dw = WeightGradient(x, dy)  from the input and the output's adjoint
//
// Together with the third tensor each of the three is the same trilinear form, so the gradients of
// any of them are the other two ([passes.go]), and all can be differentiated as often as one likes.
//
// Each of the three passes is lowered to graph operations by itself, by whichever lowering was
// measured to be the fastest for such a shape on such an engine: see lowering.go for what a lowering
// is, one file each for what there is (direct, pointwise, patches, phases, winograd, and native for the
// two kinds of kernels), and table.go for the choice. The command measure writes the table.
//
// Images are [batch, height, width, channels], kernels [height, width, channels in, channels out].
package conv
