// Package nn holds layers for GoMLX programs: convolution and its transpose, batch normalisation, a
// linear layer, the rectifier, pooling and the initialisers that go with them.
//
// They are made for training that is right and fast on every GoMLX backend. Each follows PyTorch's
// definition (padding, momentum, epsilon, starting values), so that published recipes carry over,
// and each has been checked against plain loops and finite differences on the pure-Go backend and
// on XLA.
//
// Images are [batch, height, width, channels]. Like all of GoMLX's graph-building functions, the
// layers report wrong use by panicking with an error, which GoMLX's executors hand back as an
// ordinary error from their constructor or call.
package nn
