// Package kafisto is the KaFiStO optimizer (Davtyan et al., "KaFiStO: A Kalman
// Filtering Framework for Stochastic Optimization"; published at AAAI 2022 as
// KOALA) for GoMLX: it treats the minibatch loss as a noisy measurement of a
// target loss and filters the parameters. There is no learning rate to tune.
//
// In a program that trains with GoMLX, three lines change:
//
//	opt := kafisto.New().MustDone()
//	trainer := train.NewTrainer(backend, store,
//		kafisto.Model(opt, modelFn),                            // predicts the parameters
//		kafisto.Loss(opt, kafisto.SparseCrossEntropyLogits),    // measures per-example losses
//		opt, nil, nil)
//
// A filter predicts before it measures: kafisto.Model moves the parameters to
// their predicted values before the model is evaluated in a training graph;
// evaluation graphs see the posterior parameters. The measurement noise R is
// estimated from per-example losses: kafisto.Loss takes a function that returns
// one loss an example (or a token), not their mean. Both take any optimizer, so
// that optimizers can be swapped by name: with one that is not KaFiStO they
// train as if they were not there.
//
// Hand-written training steps call Optimizer.Predict, Optimizer.Observe and
// Optimizer.UpdateGraph themselves, in this order.
//
// Package filter holds the same filter in plain Go, with the correspondence
// between the paper's letters and the words used here.
package kafisto
