package kafisto

import (
	. "github.com/gomlx/gomlx/core/graph" //nolint:staticcheck // equations read better without the package's name
)

// This file reads beside the paper and uses its letters (package filter has
// the correspondence). Everything here builds Float64 nodes: scalars, or
// vectors with one element a layer where a parameter says "per layer".

// covariance is the posterior covariance P of section 3.2:
// [[sx, sc], [sc, sp]]. Vanilla Kalman uses sx alone; sc and sp are nil.
type covariance struct{ sx, sc, sp *Node }

// predictVanilla is eq. 12: P <- P + Q.
func (P covariance) predictVanilla(q *Node) covariance {
	return covariance{sx: Add(P.sx, q)}
}

// predictDynamics is Table 1's P <- F P F' + Q with F of eq. 20:
// F = [[1, 1], [0, alpha]] and Q = diag(qx, qp).
func (P covariance) predictDynamics(alpha float64, qx *Node, qp float64) covariance {
	return covariance{
		sx: Add(Add(Add(P.sx, MulScalar(P.sc, 2)), P.sp), qx),
		sc: MulScalar(Add(P.sc, P.sp), alpha),
		sp: AddScalar(MulScalar(P.sp, alpha*alpha), qp),
	}
}

// update is Table 1's P <- (I - K H) P with the approximations of eq. 22 and
// 26: P <- P - P diag(h, 0) P. With one layer and no velocities it is eq. 14.
func (P covariance) update(h *Node) covariance {
	next := covariance{sx: Sub(P.sx, Mul(Square(P.sx), h))}
	if P.sc != nil {
		next.sc = Sub(P.sc, Mul(Mul(P.sx, P.sc), h))
		next.sp = Sub(P.sp, Mul(Square(P.sc), h))
	}
	return next
}

// innovationCovariance is S of Table 1 per layer: S = sx |g|^2 + R.
func innovationCovariance(sx, gradientNormSquared, R *Node) *Node {
	return Add(Mul(sx, gradientNormSquared), R)
}

// decayedNormSquared is |g + w x|^2 per layer of |g|^2, g.x and |x|^2. Where g
// all but cancels w x, it is off by the rounding of |g|^2, which is nothing
// beside R: that is a loss squared.
func decayedNormSquared(gg, gx, xx, w *Node) *Node {
	return MaxScalar(Add(gg, Mul(w, Add(MulScalar(gx, 2), Mul(w, xx)))), 0)
}

// gains returns per layer the factors of the gradient in the update (eq. 13,
// and its counterpart for the velocities), excess being L - Lmin:
// x <- x - kx g and p <- p - kp g. kp is nil in Vanilla Kalman.
func (P covariance) gains(excess, S *Node) (kx, kp *Node) {
	innovations := Div(excess, S)
	if P.sc != nil {
		kp = Mul(P.sc, innovations)
	}
	return Mul(P.sx, innovations), kp
}

// movingAverage is the recursion of eq. 23 and 24: beta old + (1-beta) value.
// beta is a scalar of the dtype of the others.
func movingAverage(beta, old, value *Node) *Node {
	return Add(Mul(beta, old), Mul(OneMinus(beta), value))
}

// dispersion is the new estimate of qx from d2 = |x - x_avg|^2 over all n
// parameters: eq. 25 in the paper variant, |x - x_avg|/n in the published one.
func dispersion(v Variant, d2 *Node, n int) *Node {
	if v == Published {
		d2 = Sqrt(d2)
	}
	return DivScalar(d2, float64(n))
}
