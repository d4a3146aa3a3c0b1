// Package filter is the KaFiStO optimizer in plain Go: float64, standard
// library only, for anyone who has their own gradients.
//
// KaFiStO (Davtyan et al., "KaFiStO: A Kalman Filtering Framework for
// Stochastic Optimization"; published at AAAI 2022 as KOALA) treats the
// minibatch loss as a noisy measurement of a target loss and filters the
// parameters with an extended Kalman filter whose covariance is reduced to a
// few scalars. There is no learning rate to tune.
//
// One training step is: Predict, which moves the parameters to their
// predicted values; then the loss, the mean of the squared per-example losses
// and the gradients, all computed by the caller at these predicted
// parameters; then Update, which corrects them:
//
//	f, err := filter.New(filter.DefaultConfig(), weights, biases)
//	for range steps {
//		f.Predict()
//		m := measure(weights, biases) // loss and gradients of a minibatch
//		step, err := f.Update(m)
//	}
//
// The filter writes into the slices it was given: between Predict and Update
// they hold the prediction, after Update the posterior estimate. Evaluate a
// network only after Update. A Filter is not safe for concurrent use.
//
// # The paper's letters
//
// Public names are words; the file equations.go uses the paper's letters:
//
//	x      parameters                  P = [[sx, sc], [sc, sp]]  posterior covariance
//	p      velocities                  R      measurement-noise variance
//	alpha  velocity decay              Q = diag(qx, qp)  state-noise variance
//	L      minibatch loss              Lmin   target loss
//	g      gradient of L               S      innovation covariance
//	h      eq. 26's maximum            x_avg  moving average of x
//
// This package is deliberately independent of the GoMLX optimizer in the
// module's root, and is the twin that the other is tested against.
package filter
