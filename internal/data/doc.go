// Package data reads image data sets and texts and serves them as batches.
//
// Formats have one file each: idx.go (Fashion-MNIST), cifar.go (CIFAR-10 and
// CIFAR-100 in the publisher's binary layout), npy.go and npz.go (NumPy arrays
// and archives of them), imagenet32.go (downsampled ImageNet), sample.go (the
// embedded Fashion-MNIST sample), textfile.go (words and lines), text.go (Penn
// Treebank, WikiText-2), shakespeare.go (the embedded text). registry.go knows the
// sets by name, fetch.go downloads them, extract.go, unzip.go and unpacking.go take
// them out of archives, loader.go and readahead.go make batches of images, windows.go
// of texts.
//
// Everything a training run draws at random here (the order of examples, crops,
// flips) is a pure function of (seed, epoch, example index), so a run that
// stops at any step continues exactly where it was by knowing the step alone.
//
// The package imports no machine-learning engine: a batch is plain slices.
package data
