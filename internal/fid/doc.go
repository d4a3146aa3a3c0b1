// Package fid computes the Fréchet distance between two sets of feature vectors, each taken as a
// Gaussian with the set's mean and covariance. On the features of Inception-v3 (package inception) it
// is the Fréchet inception distance; on any others it must not be called so.
//
// Reference: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
// Equilibrium", 2017, equation 6; Dowson and Landau, "The Fréchet distance between multivariate normal
// distributions", 1982.
package fid
