// Package nn holds layers for GoMLX programs: convolution and its transpose, batch and instance
// normalisation, a linear layer, LSTM, the layers of a causal Transformer, word embeddings tied to
// the output, the cross entropy over a vocabulary, dropout, the rectifiers, pooling, resizing and
// the initialisers that go with them.
//
// They are made for training that is right and fast on every GoMLX backend. Each follows PyTorch's
// definition (padding, momentum, epsilon, starting values), so that published recipes carry over,
// and each is tested against plain loops and finite differences on the pure-Go backend and on XLA.
//
// How a convolution is computed, forward and for each of its gradients, is chosen by measured times
// for the backend and the shape. On an XLA CPU backend that package native has wrapped, float32
// convolutions, batch normalisations, LSTM layers and cross entropies run by its kernels; other
// number types and backends get the same results, up to rounding, from operations of the graph.
//
// Everything can be differentiated twice, for gradient penalties, but LSTM layers that run by the
// kernels, which refuse it.
//
// Images are [batch, height, width, channels], sequences [time, batch, features], words int32
// numbers. Like all of GoMLX's graph-building functions, the layers report wrong use by panicking
// with an error, which GoMLX's executors hand back as an ordinary error from their constructor or
// call.
package nn
