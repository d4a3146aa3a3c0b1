package filter

import "math"

// This file reads beside the paper and uses its letters (see the package
// documentation). Everything here is a pure function of numbers, except the
// two loops over a layer at the end.

// Covariance is the posterior covariance P of section 3.2, each entry a
// variance shared by all coordinates: [[sigma_x^2, sigma_c^2], [sigma_c^2,
// sigma_p^2]]. Vanilla Kalman uses the first entry alone.
type Covariance struct {
	Parameter float64 `json:"parameter"` // sigma_x^2
	Cross     float64 `json:"cross"`     // sigma_c^2
	Velocity  float64 `json:"velocity"`  // sigma_p^2
}

// predictVanilla is eq. 12: P <- P + Q.
func (P Covariance) predictVanilla(q float64) Covariance {
	return Covariance{Parameter: P.Parameter + q}
}

// predictDynamics is Table 1's P <- F P F' + Q with F of eq. 20:
// F = [[1, 1], [0, alpha]] and Q = diag(qx, qp).
func (P Covariance) predictDynamics(alpha, qx, qp float64) Covariance {
	sx, sc, sp := P.Parameter, P.Cross, P.Velocity
	return Covariance{
		Parameter: sx + 2*sc + sp + qx,
		Cross:     alpha * (sc + sp),
		Velocity:  alpha*alpha*sp + qp,
	}
}

// update is Table 1's P <- (I - K H) P with the approximations of eq. 22 and
// 26: P <- P - P diag(h, 0) P. With one layer and no velocities it is eq. 14.
func (P Covariance) update(h float64) Covariance {
	sx, sc, sp := P.Parameter, P.Cross, P.Velocity
	return Covariance{
		Parameter: sx - sx*sx*h,
		Cross:     sc - sx*sc*h,
		Velocity:  sp - sc*sc*h,
	}
}

// innovationCovariance is S of Table 1 for one layer: S = sx |g|^2 + R.
func innovationCovariance(sx, gradientNormSquared, R float64) float64 {
	return sx*gradientNormSquared + R
}

// gains returns the two factors of a layer's gradient in the update (eq. 13,
// and its counterpart for the velocities), excess being L - Lmin:
// x <- x - kx g and p <- p - kp g.
func (P Covariance) gains(excess, S float64) (kx, kp float64) {
	return P.Parameter * excess / S, P.Cross * excess / S
}

// movingAverage is the recursion of eq. 23 and 24: beta old + (1-beta) value.
func movingAverage(beta, old, value float64) float64 {
	return beta*old + (1-beta)*value
}

// dispersion is the new estimate of qx from d2 = |x - x_avg|^2 over all n
// parameters: eq. 25 in the paper variant, |x - x_avg|/n in the published one.
func dispersion(v Variant, d2 float64, n int) float64 {
	if v == Paper {
		return d2 / float64(n)
	}
	return math.Sqrt(d2) / float64(n)
}

// MeanAndMeanSquare returns what a Measurement needs of a minibatch: the mean
// of the per-example losses, L, and the mean of their squares, which drives R
// (eq. 23). It is not the square of the mean. Both are NaN for no losses.
func MeanAndMeanSquare(losses []float64) (mean, meanSquare float64) {
	for _, l := range losses {
		mean += l
		meanSquare += l * l
	}
	n := float64(len(losses))
	return mean / n, meanSquare / n
}

// move is eq. 17 and 18 for one layer: x <- x + p; p <- alpha p.
func move(x, p []float64, alpha float64) {
	for i := range x {
		x[i] += p[i]
		p[i] *= alpha
	}
}

// normSquared returns |v|^2.
func normSquared(v []float64) (s float64) {
	for _, e := range v {
		s += e * e
	}
	return s
}
