package fid

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// lostVariance is how much of the variance the factor of a covariance may leave out. Rounding leaves
// out some 1e-13; a matrix that is no covariance, far more.
const lostVariance = 1e-6

// Distance is the squared Fréchet distance between the Gaussians of a and b, which is what FID
// reports:
//
//	|mean a - mean b|^2 + tr(A) + tr(B) - 2 tr((A B)^(1/2))
//
// with the covariances A and B, in float64. It is never negative. Where the two are nearly equal,
// rounding leaves an error of some 1e-13 of tr(A) + tr(B).
//
// The covariances may be singular, as those of fewer samples than features are, and need no offset.
// With A = F'F and B = G'G, by Cholesky's factorisation with pivoting, the last trace is the sum of
// the singular values of F G'.
//
// It is an error if the two have different sizes or sources, hold NaN or infinities, or if a
// covariance is not positive semi-definite. Some thousand features take a processor many seconds:
// cancelling the context is an error that wraps the context's, at once, and what is computed then is
// thrown away.
func Distance(ctx context.Context, a, b *Statistics) (float64, error) {
	for _, s := range []*Statistics{a, b} {
		if err := s.check(); err != nil {
			return 0, fmt.Errorf("fid: cannot take the distance: %w", err)
		}
	}
	if len(a.Mean) != len(b.Mean) {
		return 0, fmt.Errorf("fid: cannot take the distance of %d features and %d: use the same network for both", len(a.Mean), len(b.Mean))
	}
	if a.Source != b.Source {
		return 0, fmt.Errorf("fid: cannot take the distance of features by %q and by %q: use the same network for both", a.Source, b.Source)
	}
	shift := 0.0
	for i, mean := range a.Mean {
		shift += (mean - b.Mean[i]) * (mean - b.Mean[i])
	}
	common, err := awaited(ctx, func() (float64, error) { return commonVariance(a.Covariance, b.Covariance) })
	if err != nil {
		return 0, fmt.Errorf("fid: cannot take the distance: %w", err)
	}
	distance := shift + mat.Trace(a.Covariance) + mat.Trace(b.Covariance) - 2*common
	if math.IsNaN(distance) || math.IsInf(distance, 0) {
		return 0, errors.New("fid: cannot take the distance: the features are too large for float64")
	}
	return max(0, distance), nil
}

// awaited computes a value, and does not wait for it when ctx is cancelled.
func awaited(ctx context.Context, compute func() (float64, error)) (value float64, err error) {
	done := make(chan struct{})
	var result float64
	var failed error
	go func() {
		defer close(done)
		result, failed = compute()
	}()
	select {
	case <-done:
		return result, failed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// commonVariance is tr((A B)^(1/2)).
func commonVariance(a, b *mat.SymDense) (float64, error) {
	f, err := factor(a)
	if err != nil {
		return 0, err
	}
	g, err := factor(b)
	if err != nil || f == nil || g == nil {
		return 0, err
	}
	var product mat.Dense
	product.Mul(f, g.T())
	var svd mat.SVD
	if !svd.Factorize(&product, mat.SVDNone) {
		return 0, errors.New("the singular values do not converge")
	}
	sum := 0.0
	for _, value := range svd.Values(nil) {
		sum += value
	}
	return sum, nil
}

// factor is F of F'F = s, [rank of s, features], nil for a matrix of zeros. It factorises the
// correlations, so that features of very different sizes are all known to the same digits.
func factor(s *mat.SymDense) (*mat.Dense, error) {
	n := s.SymmetricDim()
	deviation := make([]float64, n)
	for i := range deviation {
		deviation[i] = math.Sqrt(s.At(i, i))
	}
	correlation := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			if scale := deviation[i] * deviation[j]; scale > 0 {
				correlation.SetSym(i, j, s.At(i, j)/deviation[i]/deviation[j])
			} else if s.At(i, j) != 0 {
				return nil, errors.New("the covariance is not positive semi-definite")
			}
		}
	}
	var cholesky mat.PivotedCholesky
	cholesky.Factorize(correlation, -1)
	rank := cholesky.Rank()
	if rank == 0 {
		return nil, nil
	}
	upper, pivots := cholesky.RawU(), cholesky.ColumnPivots(nil)
	f := mat.NewDense(rank, n, nil)
	kept := 0.0
	for i := range rank {
		for j := i; j < n; j++ {
			value := upper.At(i, j)
			kept += value * value
			f.Set(i, pivots[j], value*deviation[pivots[j]])
		}
	}
	if all := mat.Trace(correlation); !(math.Abs(all-kept) <= lostVariance*all) {
		return nil, errors.New("the covariance is not positive semi-definite")
	}
	return f, nil
}
